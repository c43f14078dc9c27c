"""Land and sea: shares of cells, from the bundled mask or a user's."""

import logging
import pathlib
from collections.abc import Sequence

import numpy as np
import xarray as xr

from jaxload._longitude import spans_globe
from jaxload.io.grids.hints import setting
from jaxload.io.grids.open import read_static
from jaxload.io.grids.resample import regrid
from jaxload.io.masks import land_cells
from jaxload.io.units import known_conversion

__all__ = ["LAND_NAMES", "read_land"]

#: What files call masks and shares of land.
LAND_NAMES = (
    "land_mask",
    "lsm",
    "landmask",
    "land_sea_mask",
    "sftlf",
    "frland",
    "landfrac",
    "land_fraction",
    "lo_val",
    "land",
)

logger = logging.getLogger(__name__)

#: Correlation with the bundled mask below which another is doubtful, and below which it
#: is one of the sea.
ALIKE, CONTRARY = 0.5, -0.2


def read_land(
    path: pathlib.Path | None = None, variable: str | Sequence[str] | None = None
) -> xr.Dataset:
    """Read where land is on the globe.

    Args:
      path: A netCDF file with a mask or with shares of land; the mask that this
        package carries, of a quarter of a degree, if not given.
      variable: What the file calls it.

    Returns:
      ``land``: share of each cell that is land [-], along lat and lon. Ice sheets,
      lakes and enclosed seas are land to the mask of the package, ice shelves are sea.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it holds no mask, does not hold the globe, or is one at sea.
    """
    lat, lon, cells = land_cells()
    built_in = xr.DataArray(cells.astype(np.float64), {"lat": lat, "lon": lon})
    if path is None:
        return built_in.to_dataset(name="land")
    names = [variable] if isinstance(variable, str) else variable
    names = [name.lower() for name in names] if names else LAND_NAMES
    share = _share(read_static(path, names), path)
    _check_globe(share, path)
    _check_alike(share, built_in, path)
    return share.to_dataset(name="land")


def _share(field: xr.DataArray, path: pathlib.Path) -> xr.DataArray:
    factor = known_conversion(str(field.attrs.get("units", "1")).strip() or "1", "1")
    share = field.astype(np.float64) * (factor[0] if factor else 1.0)
    share = share.fillna(0.0).reset_coords(drop=True)
    if float(share.max()) > 1 + 1e-6 and float(share.max()) <= 100:
        share = share / 100  # in percent, said or not
    low, high = float(share.min()), float(share.max())
    if not -1e-6 <= low < high <= 1 + 1e-6:
        raise ValueError(
            f"{path}: {field.name} runs from {low:g} to {high:g}, expected shares of "
            "land from 0 to 1; name another by " + setting("variable", "lsm")
        )
    return share.clip(0.0, 1.0)


def _check_globe(share: xr.DataArray, path: pathlib.Path) -> None:
    lon, lat = share["lon"].values, share["lat"].values
    if not spans_globe(lon, lat):
        raise ValueError(
            f"{path} spans {lon[0]:g} to {lon[-1]:g} in lon and {lat[0]:g} to "
            f"{lat[-1]:g} in lat, expected a mask of the globe"
        )


def _check_alike(
    share: xr.DataArray, built_in: xr.DataArray, path: pathlib.Path
) -> None:
    """Find masks that are one at sea, and those that are upside down or shifted."""
    axes = share["lon"].values, share["lat"].values
    other = regrid(built_in.to_dataset(name="land"), *axes, least=0.0)["land"].values
    alike = np.corrcoef(share.values.ravel(), np.nan_to_num(other).ravel())[0, 1]
    if alike < CONTRARY:
        raise ValueError(
            f"{path}: {share.name} correlates with where land is at {alike:.2f}, "
            "expected a mask that is 1 on land and 0 at sea"
        )
    if alike < ALIKE:
        logger.warning(
            "%s: %s correlates with where land is on this Earth at %.2f only",
            path,
            share.name,
            alike,
        )
