"""Stations on soft ground by a table: left out, or weighed down."""

import logging

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io
from jaxload.pipeline.messages import error_context, listed

__all__ = ["act_on_soft_ground", "soft_ground_flags"]

logger = logging.getLogger(__name__)


def soft_ground_flags(study: config.Study, gnss: xr.Dataset) -> NDArray[np.bool_]:
    """Read which stations stand on soft ground.

    Args:
      study: Its table ``[screening]`` names the table and its column.
      gnss: The stations.

    Returns:
      Whether each does, shape (station,); stations that the table leaves out do not.

    Raises:
      FileNotFoundError: If there is no such table.
      ValueError: If it cannot be read, or has none of the stations.
    """
    names = [str(name).upper() for name in gnss.station.values]
    settings = study.screening
    if not settings.soft_ground:
        return np.zeros(len(names), bool)
    path = study.path(settings.soft_ground)
    with error_context("screening.soft_ground"):
        flags = io.read_station_flags(path, settings.soft_ground_column)
    if not set(names) & set(flags):
        raise ValueError(
            f"screening.soft_ground {settings.soft_ground} has none of the "
            f"{len(names)} stations, but {listed(list(flags)) or 'no line'}; are the "
            "names those of the heights?"
        )
    return np.array([flags.get(name, False) for name in names])


def act_on_soft_ground(
    study: config.Study, gnss: xr.Dataset, soft: NDArray[np.bool_]
) -> xr.Dataset:
    """Leave stations on soft ground out, or raise their standard errors.

    Args:
      study: Its table ``[screening]`` says which.
      gnss: The stations.
      soft: Whether each stands on soft ground, shape (station,).

    Returns:
      The stations that are left.

    Raises:
      ValueError: If none is.
    """
    if not soft.any():
        return gnss
    settings = study.screening
    names = listed([str(name) for name in gnss.station.values[soft]])
    if settings.soft_ground_action == "drop":
        if soft.all():
            raise ValueError(
                'screening.soft_ground_action is "drop", but all stations are on soft '
                'ground; use "downweight"'
            )
        logger.info("%d stations on soft ground are left out: %s", soft.sum(), names)
        return gnss.isel(station=np.flatnonzero(~soft))
    factor = np.where(soft, settings.soft_ground_factor, 1.0)
    logger.info("%d stations on soft ground are weighed down: %s", soft.sum(), names)
    raised = {
        name: gnss[name].copy(data=gnss[name].values * factor)
        for name in ("up_sigma", "north_sigma", "east_sigma")
        if name in gnss
    }
    return gnss.assign(raised)
