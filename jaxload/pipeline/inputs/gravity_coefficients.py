"""Stokes coefficients of gravimetry, filtered, as water and its covariance."""

import contextlib
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, earth, io, sphere
from jaxload.constants import EARTH_RADIUS
from jaxload.pipeline.inputs.earth import study_love_numbers
from jaxload.pipeline.messages import error_context
from jaxload.sphere.harmonics.coefficients import Harmonics, scale_degrees

__all__ = ["Coefficients", "read_coefficients"]

Floats = NDArray[np.float64]

#: GM [m3/s2] and radius [m] of coefficients that do not state them.
GM, RADIUS = 3.986004415e14, 6378136.3

#: Side of the cells on which water is summed up [degrees].
SPACING = 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class Coefficients:
    """Filtered harmonics of water, and of its standard errors.

    Attributes:
      water: Anomalies [mm], shape (time, degree, order).
      sigma: Root mean square of the standard errors over time [mm], shape (degree,
        order); None where the file has none.
      content: The file, which has the times.
    """

    water: Harmonics
    sigma: Harmonics | None
    content: xr.Dataset

    def product(self, grid: sphere.Grid) -> xr.Dataset:
        """Sum up water on and about the cells of a study.

        Args:
          grid: The cells.

        Returns:
          `twsa` [mm] along time, lat and lon, as a gridded product has it.
        """
        lat = np.arange(np.floor(grid.lat.min()) + 0.5, np.ceil(grid.lat.max()))
        lon = np.arange(np.floor(grid.lon.min()) + 0.5, np.ceil(grid.lon.max()))
        field = np.asarray(earth.synthesise(self.water, lat, lon))
        coords = {"time": self.content.time, "lat": lat, "lon": lon}
        product = xr.Dataset({"twsa": (("time", "lat", "lon"), field)}, coords)
        if "time_bnds" in self.content:
            product["time_bnds"] = self.content.time_bnds
        return product.assign_attrs(quantity="twsa")

    def covariance(self, places: Floats, shares: sp.csr_array) -> Floats:
        """Covariance of means over places by the errors of the coefficients.

        Args:
          places: Longitude and latitude [degrees], shape (place, 2).
          shares: Of places in the means, shape (mean, place).

        Returns:
          Shape (mean, mean) [mm2].
        """
        assert self.sigma is not None
        weights = jnp.asarray(shares.toarray())
        lon, lat = places.T

        def means(unit: Harmonics) -> jax.Array:
            scaled = jax.tree.map(lambda one, error: one * error, unit, self.sigma)
            return weights @ earth.synthesise_at(scaled, lat=lat, lon=lon)

        slopes = jax.tree.leaves(jax.jacrev(means)(self.sigma))
        flat = np.concatenate([np.asarray(x).reshape(len(x), -1) for x in slopes], 1)
        return flat @ flat.T


def read_coefficients(study: config.Study, settings: config.Gravimetry) -> Coefficients:
    """Read Stokes coefficients, filter them and turn them into water.

    Args:
      study: Its Earth has the Love numbers, whose frame is that of degree 1.
      settings: Names the file and the filter.

    Returns:
      The `Coefficients`.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it cannot be read, has no times, or ends before `max_degree`.
    """
    files = str(settings.files)
    with error_context(f"inversion.grace {files}"):
        path = study.path(files)
        with contextlib.closing(io.read_dataset(path)) as opened:
            stated = dict(opened.attrs)
        units = stated.get("gm", GM), stated.get("radius", RADIUS)
        content = io.read_stokes(path, "", *map(float, units))
        if "time" not in content.dims:
            raise ValueError("the coefficients have no times; give those of months")
        last = content.sizes["degree"] - 1
        if settings.max_degree > last:
            raise ValueError(
                f"the coefficients end at degree {last}, before max_degree, "
                f"{settings.max_degree}; make it smaller"
            )
        love = study_love_numbers(study)
        filtered = lambda names: _water(content, names, love, settings)
        water = filtered(("cosine", "sine"))
        water = jax.tree.map(lambda x: x - jnp.mean(x, 0, keepdims=True), water)
        if "cosine_sigma" not in content:
            return Coefficients(water, None, content)
        errors = filtered(("cosine_sigma", "sine_sigma"))
        if "time" in content["cosine_sigma"].dims:
            errors = jax.tree.map(lambda x: jnp.sqrt(jnp.mean(x**2, axis=0)), errors)
        return Coefficients(water, errors, content)


def _water(
    content: xr.Dataset,
    names: tuple[str, str],
    love: earth.LoveNumbers,
    settings: config.Gravimetry,
) -> Harmonics:
    count = settings.max_degree + 1 if settings.max_degree else content.sizes["degree"]
    cosine, sine = (
        jnp.asarray(content[name].values[..., :count, :count]) for name in names
    )
    stokes = earth.Stokes(
        Harmonics(cosine, sine), content.attrs["gm"], content.attrs["radius"]
    )
    water = earth.water_from_stokes(stokes, love)
    if settings.smoothing_km:
        water = earth.smooth(water, 1e3 * settings.smoothing_km, EARTH_RADIUS)
    kept = (np.arange(count) >= settings.min_degree).astype(float)
    return scale_degrees(water, jnp.asarray(kept))
