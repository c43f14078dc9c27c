"""Water of a land-surface model, scaled and delayed at each place, as the prior mean.

Source:
  Scaling and lag of land-surface models against geodetic water storage are the usual
  comparison: Scanlon et al. (2018), doi:10.1073/pnas.1704665115.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.gapfill.models.place_parameters import (
    Bounded,
    NetworkOfPlaces,
    PlaceParameters,
    check_place_settings,
    draw_place_parameters,
)
from jaxload.gapfill.models.protocol import LOAD_SCALE_MM, Drivers, ModelSizes
from jaxload.gapfill.models.water_stores import check_drivers

__all__ = ["LandSurface", "LandSurfaceNetwork", "delayed"]

#: Parameters of a place.
PARAMETERS = {
    # Factor on the anomaly of the land-surface model [-].
    "scale": Bounded(1.0, 0.1, 5.0),
    # By how much water is later than that of the land-surface model [days].
    "lag_days": Bounded(0.0, -90.0, 90.0, is_ratio=False),
}


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LandSurfaceNetwork(NetworkOfPlaces):
    """Scale and lag of a land-surface model, with the network of these.

    Attributes:
      places: Parameters of each place.
      variable: Name of its water among the drivers.
    """

    places: PlaceParameters
    variable: str = dataclasses.field(metadata={"static": True})

    def __call__(
        self, features: Array, *, drivers: Drivers, segment: int | None
    ) -> Array:
        """Predict all places at all epochs; see `Predictor`."""
        del segment
        water, values = drivers[self.variable], self.places.values(features)
        scale, lag = (values[n].astype(water.dtype) for n in ("scale", "lag_days"))
        anomaly = water - jnp.mean(water, axis=0, keepdims=True)
        step = jnp.mean(drivers["days"])
        later = delayed(anomaly, lag / step.astype(water.dtype))
        return (scale[None, :] * later)[..., None] / LOAD_SCALE_MM


@dataclasses.dataclass(frozen=True)
class LandSurface:
    """Land-surface model that begins as it is, without scale and lag.

    Attributes:
      variable: Name of its water [mm] in ``[weather]``.
      hidden: Units of the network of scale and lag.
      prior_sd: Standard deviation of these about 1 and 0, where about 5 is the way to a
        bound.
    """

    variable: str = "land_model"
    hidden: int = 8
    prior_sd: float = 1.0

    def __post_init__(self) -> None:
        check_place_settings(self.hidden, self.prior_sd)

    def build(self, sizes: ModelSizes, key: Array) -> LandSurfaceNetwork:
        """Draw the first weights; see `Architecture`."""
        check_drivers("a land-surface model", sizes, (self.variable, "days"))
        places = draw_place_parameters(
            PARAMETERS, sizes.features, key, self.hidden, self.prior_sd
        )
        return LandSurfaceNetwork(places, self.variable)


def delayed(series: Array, lag: Array) -> Array:
    """Delay series by any number of epochs, linear between epochs.

    Args:
      series: Shape (epoch, place).
      lag: Of each place [epochs], negative where it is to come sooner, shape (place,).

    Returns:
      The delayed series, shape (epoch, place); beyond the record its ends last.
    """
    epochs = len(series)
    number = jnp.arange(epochs, dtype=lag.dtype)
    position = jnp.clip(number[:, None] - lag[None, :], 0, epochs - 1)
    before = jnp.clip(jnp.floor(position), 0, max(epochs - 2, 0)).astype(jnp.int32)
    share = position - before.astype(lag.dtype)
    take = lambda number: jnp.take_along_axis(series, number, axis=0)
    after = jnp.minimum(before + 1, epochs - 1)
    return (1 - share) * take(before) + share * take(after)
