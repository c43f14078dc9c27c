"""A differentiable water balance of snow, soil and groundwater.

Precipitation falls as snow below a temperature, snow melts by degree days, what the
soil does not hold back runs off or recharges groundwater, which drains as a linear
store. At every place and epoch the change of all stores is precipitation less
evapotranspiration less runoff.

Source:
  Structure: Bergstroem (1992), the HBV model, SMHI Reports Hydrology 4; Seibert and
  Vis (2012), doi:10.5194/hess-16-3315-2012. Potential evapotranspiration from
  temperature: Oudin et al. (2005), doi:10.1016/j.jhydrol.2004.08.026, here with the
  mean radiation in its factor. Parameters from a network, trained through the model:
  Feng et al. (2022), doi:10.1029/2022WR032404.
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

__all__ = ["Fluxes", "Stores", "WaterStores", "WaterStoresNetwork", "water_fluxes"]

#: Parameters of a place.
PARAMETERS = {
    # Temperature below which it snows, and above which snow melts [K].
    "snow_temperature": Bounded(273.15, 269.15, 277.15, is_ratio=False),
    # Melt in a day for each degree above it [mm/K].
    "degree_day_factor": Bounded(3.0, 0.5, 12.0),
    # Water that the soil holds at most [mm].
    "soil_capacity": Bounded(250.0, 30.0, 1500.0),
    # Power of soil wetness that is the share of water that passes through the soil [-].
    "passage_exponent": Bounded(2.0, 1.0, 6.0),
    # Factor on evapotranspiration [-].
    "evapotranspiration_factor": Bounded(1.0, 0.3, 3.0),
    # Share of the water that passed which runs off at once [-].
    "quick_share": Bounded(0.3, 0.02, 0.95, is_ratio=False),
    # Time in which groundwater drains to 1/e [days].
    "drainage_days": Bounded(90.0, 5.0, 1500.0),
}

#: Potential evapotranspiration in a day for each degree above `COLD` [mm/K].
POTENTIAL = 0.12

#: Temperature at which nothing evaporates [K].
COLD = 268.15

#: Wetness of the soil below which evapotranspiration is less than potential [-]; that
#: of a variable of the weather is no potential one, and taken as it is.
STRESSED = 0.5

#: Least wetness of which a power is taken, whose derivative would be infinite at zero.
DRY = 1e-6

#: Variables that are needed.
REQUIRED = ("precipitation", "temperature", "days")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Stores:
    """Water in each store [mm].

    Attributes:
      snow: On the ground.
      soil: In the soil.
      groundwater: Below it.
    """

    snow: Array
    soil: Array
    groundwater: Array

    @property
    def total(self) -> Array:
        """All water [mm]."""
        return self.snow + self.soil + self.groundwater


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Fluxes:
    """Water that entered or left in an epoch, and the stores after it [mm].

    Attributes:
      precipitation: Rain and snow.
      evapotranspiration: From the soil.
      runoff: At once, and from groundwater.
      recharge: To groundwater.
      stores: At the end of the epoch.
    """

    precipitation: Array
    evapotranspiration: Array
    runoff: Array
    recharge: Array
    stores: Stores


def water_fluxes(
    parameters: dict[str, Array], drivers: Drivers, spin_up: int = 0
) -> Fluxes:
    """Run the water balance of all places.

    Args:
      parameters: Of each place, by the names of `PARAMETERS`, shape (place,) each.
      drivers: "precipitation" [mm/day], "temperature" [K], "days" [days] and perhaps
        "evapotranspiration" [mm/day], which with its factor is then taken from the soil
        as far as it has it; what follows from temperature is potential, and less where
        the soil is dry.
      spin_up: Number of first epochs, a whole number of years, that are run twice
        before; groundwater then begins as after many such years. 0 begins with empty
        stores and half of the soil's capacity.

    Returns:
      The fluxes, shape (epoch, place) each.
    """
    shape = drivers["precipitation"].shape
    of_places = jnp.zeros(shape[1:], drivers["precipitation"].dtype)
    begin = Stores(of_places, STRESSED * parameters["soil_capacity"], of_places)
    days = jnp.broadcast_to(drivers["days"], shape)
    precipitation = drivers["precipitation"] * days
    demand = _demand(parameters, drivers) * days
    inputs = (precipitation, drivers["temperature"], demand, days)
    potential = "evapotranspiration" not in drivers

    def run(stores: Stores, inputs: tuple[Array, ...]) -> Fluxes:
        step = lambda stores, now: _step(parameters, stores, now, potential)
        return jax.lax.scan(step, stores, inputs)[1]

    if spin_up:
        first = tuple(x[:spin_up] for x in inputs)
        last = lambda stores: jax.tree.map(lambda x: x[-1], run(stores, first).stores)
        once = dataclasses.replace(last(begin), groundwater=of_places)
        twice = last(once)
        # Of the linear store the years before are a geometric series.
        years = jnp.sum(days[:spin_up], axis=0) / parameters["drainage_days"]
        groundwater = twice.groundwater / -jnp.expm1(-years)
        begin = dataclasses.replace(twice, groundwater=groundwater)
    return run(begin, inputs)


def _demand(parameters: dict[str, Array], drivers: Drivers) -> Array:
    """Evapotranspiration that the soil is to give in a day [mm], (epoch, place)."""
    factor = parameters["evapotranspiration_factor"][None, :]
    if "evapotranspiration" in drivers:
        return factor * jnp.maximum(drivers["evapotranspiration"], 0)
    return factor * POTENTIAL * jnp.maximum(drivers["temperature"] - COLD, 0)


def _step(
    parameters: dict[str, Array],
    stores: Stores,
    inputs: tuple[Array, ...],
    potential: bool,
) -> tuple[Stores, Fluxes]:
    """One epoch: all water that leaves one store enters another, or is a flux."""
    precipitation, temperature, demand, days = inputs
    above = temperature - parameters["snow_temperature"]
    # Over an epoch some precipitation near the threshold falls as snow, some as rain.
    snowfall = precipitation * jax.nn.sigmoid(-2 * above)
    snow = stores.snow + snowfall
    thaw = parameters["degree_day_factor"] * jnp.maximum(above, 0) * days
    melt = jnp.minimum(snow, thaw)
    water = precipitation - snowfall + melt

    capacity = parameters["soil_capacity"]
    wetness = jnp.clip(stores.soil / capacity, DRY, 1)
    passed = water * wetness ** parameters["passage_exponent"]
    soil = stores.soil + water - passed
    excess = jnp.maximum(soil - capacity, 0)
    soil, passed = soil - excess, passed + excess
    if potential:  # what was observed or modelled has felt the drought already
        demand = demand * jnp.minimum(soil / (STRESSED * capacity), 1)
    evaporated = jnp.minimum(soil, demand)

    quick = parameters["quick_share"] * passed
    groundwater = stores.groundwater + passed - quick
    drained = groundwater * -jnp.expm1(-days / parameters["drainage_days"])
    after = Stores(snow - melt, soil - evaporated, groundwater - drained)
    fluxes = (precipitation, evaporated, quick + drained, passed - quick)
    return after, Fluxes(*fluxes, after)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class WaterStoresNetwork(NetworkOfPlaces):
    """A water balance with the network of its parameters.

    Attributes:
      places: Parameters of each place.
      spin_up: As in `water_fluxes`.
    """

    places: PlaceParameters
    spin_up: int = dataclasses.field(metadata={"static": True})

    def __call__(
        self, features: Array, *, drivers: Drivers, segment: int | None
    ) -> Array:
        """Predict all places at all epochs; see `Predictor`."""
        del segment
        fluxes = self.fluxes(features, drivers)
        change = fluxes.precipitation - fluxes.evapotranspiration - fluxes.runoff
        # Heights are means over epochs, stores those at their ends.
        middle = fluxes.stores.total - change / 2
        # The mean matters to nobody, and takes digits in single precision.
        anomaly = middle - jnp.mean(middle, axis=0, keepdims=True)
        return anomaly[..., None] / LOAD_SCALE_MM

    def fluxes(self, features: Array, drivers: Drivers) -> Fluxes:
        """Run the water balance.

        Args:
          features: Shape (epoch, place, feature).
          drivers: As in `water_fluxes`.

        Returns:
          The fluxes, shape (epoch, place) each.
        """
        values = self.places.values(features)
        kind = drivers["precipitation"].dtype
        values = {name: value.astype(kind) for name, value in values.items()}
        return water_fluxes(values, drivers, min(self.spin_up, len(features)))


@dataclasses.dataclass(frozen=True)
class WaterStores:
    """Water balance of snow, soil and groundwater that begins with typical parameters.

    Attributes:
      hidden: Units of the network of parameters.
      prior_sd: Standard deviation of parameters of a place about typical ones, where
        about 5 is the way to a bound; small values keep them typical.
    """

    hidden: int = 8
    prior_sd: float = 1.0

    def __post_init__(self) -> None:
        check_place_settings(self.hidden, self.prior_sd)

    def build(self, sizes: ModelSizes, key: Array) -> WaterStoresNetwork:
        """Draw the first weights; see `Architecture`."""
        check_drivers("a water balance", sizes, REQUIRED)
        places = draw_place_parameters(
            PARAMETERS, sizes.features, key, self.hidden, self.prior_sd
        )
        return WaterStoresNetwork(places, sizes.epochs_per_year)


def check_drivers(what: str, sizes: ModelSizes, names: tuple[str, ...]) -> None:
    """Check that the variables that drive a model of the load are there.

    Args:
      what: The model, as the subject of the message.
      sizes: With the variables.
      names: Of those needed.

    Raises:
      ValueError: If one is missing, or if something else than the load is to be
        predicted.
    """
    if sizes.outputs != 1:
        raise ValueError(
            f"{what} predicts water, not displacement and its standard deviation; use "
            'gapfill.method = "joint-load"'
        )
    missing = [name for name in names if name not in sizes.drivers]
    if missing:
        here = ", ".join(sizes.drivers) or "none"
        raise ValueError(
            f"{what} needs {' and '.join(missing)} in [weather], which has {here}; "
            "name the files there"
        )
