"""How much of the water of each cell data determine, and over which distance."""

import logging
from typing import Any

import numpy as np
import xarray as xr

from jaxload import config, inversion, sphere
from jaxload.constants import EARTH_RADIUS
from jaxload.inversion.noise import noise_at
from jaxload.pipeline.estimation.problem import Model

__all__ = ["resolution_of_cells", "warn_of_no_resolution"]

logger = logging.getLogger(__name__)

#: What a study calls it in `output.store`.
STORED = "resolution"


def resolution_of_cells(
    study: config.Study,
    model: Model,
    settled: tuple[inversion.Noise, float],
    grid: sphere.Grid,
) -> xr.Dataset | None:
    """Compute the resolution of all cells at one epoch with a usual number of heights.

    Args:
      study: Its `output.store` names "resolution" if it is wanted.
      model: Problem, prior and heights.
      settled: Noise of the observations and weight of the prior.
      grid: The cells.

    Returns:
      ``resolution`` [-], the diagonal of the resolution matrix, and
      ``resolution_radius`` [km], dimensions (lat, lon), at the epoch that the attribute
      ``epoch`` counts from 0: the one whose number of observed rows is the median. None
      where it is not wanted, or epochs do not stand alone.

    Source:
      Backus & Gilbert (1968), doi:10.1111/j.1365-246X.1968.tb00216.x.
    """
    if STORED not in study.output.store:
        return None
    if model.parts is not None or study.inversion.correlation_time_days:
        warn_of_no_resolution(study)
        return None
    count = np.isfinite(model.up).sum(axis=1)
    epoch = int(np.argsort(count, kind="stable")[len(count) // 2])
    some = np.array([epoch])
    noise, beta = settled
    data = inversion.observations(model.up[some], noise_at(noise, some))
    factor = inversion.factorise(model.problem, data, beta)
    cells = inversion.every_cell(model.problem, model.prior)
    position = np.asarray(sphere.unit_vectors(grid.lon, grid.lat)) * EARTH_RADIUS / 1e3
    kernels = inversion.resolution_map(factor, cells, position)
    meanings: dict[str, tuple[Any, str, str]] = {
        "resolution": (kernels.centre_weight, "1", "weight of a cell in its own water"),
        "resolution_radius": (
            kernels.radius,
            "km",
            "radius of the disc over which water of a cell is averaged",
        ),
    }
    variables: dict[str, Any] = {
        name: (
            ("lat", "lon"),
            sphere.to_raster(grid, np.asarray(values)[0]),
            {"units": units, "long_name": meaning},
        )
        for name, (values, units, meaning) in meanings.items()
    }
    coords = {"lat": grid.lat_axis, "lon": grid.lon_axis}
    about = {"epoch": epoch, "observed_rows": int(count[epoch])}
    return xr.Dataset(variables, coords, about)


def warn_of_no_resolution(study: config.Study) -> None:
    """Warn that a study stores a resolution that its inversion does not have.

    Args:
      study: The study.
    """
    if STORED in study.output.store:
        logger.warning(
            'output.store names "resolution", which is left out: it is computed where '
            "epochs are inverted one by one, with independent noise and without a "
            'network that is trained jointly; set inversion.noise = "independent"'
        )
