"""Share of sea, which gives way under the air as an inverted barometer."""

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io
from jaxload.pipeline.messages import error_context

__all__ = ["sea_share", "study_land"]

Floats = NDArray[np.float64]


def study_land(study: config.Study) -> xr.Dataset:
    """Read where land is: the mask of a study, or that of the package.

    Args:
      study: May name one in `loads.land_mask`.

    Returns:
      ``land``, as of `io.read_land`.

    Raises:
      FileNotFoundError: If the mask is missing.
      ValueError: If it cannot be read, or is none of the globe.
    """
    if not study.loads.land_mask:
        return io.read_land()
    source = config.grid_source(study.loads.land_mask)
    with error_context(f"loads.land_mask {source}"):
        return io.read_land(study.path(source.paths[0]), source.variable or None)


def sea_share(land: xr.Dataset, grid: xr.Dataset) -> Floats:
    """Find how much of each cell of a grid is sea.

    Args:
      land: As of `study_land`.
      grid: Has the cells.

    Returns:
      Share of each cell that is sea [-], shape (lat, lon).
    """
    sea = (1.0 - land["land"]).to_dataset(name="sea")
    share = io.regrid(sea, grid.lon, grid.lat, least=0.0)["sea"]
    return np.clip(np.nan_to_num(share.values), 0.0, 1.0)
