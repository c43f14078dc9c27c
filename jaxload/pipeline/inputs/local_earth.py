"""Which stations stand on ground of their own, and its load Love numbers."""

import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, earth, io
from jaxload.pipeline.inputs.earth import PUBLISHED, model_of
from jaxload.pipeline.messages import error_context, listed

__all__ = ["describe_local_earths", "local_love_numbers", "which_local_earth"]

logger = logging.getLogger(__name__)

#: Of a place on the Earth of the study.
NONE = -1


def which_local_earth(study: config.Study, places: Any) -> NDArray[np.int64]:
    """Find which of the local Earths each place stands on.

    Args:
      study: Lists them in `earth.local`.
      places: Stations, or anything with `lon` and `lat`, which belongs by region only.

    Returns:
      Position in the list, shape (place,); -1 for the Earth of the study.

    Raises:
      FileNotFoundError: If an outline is missing.
      ValueError: If it cannot be read, or a place belongs to two of them.
    """
    lon, lat = (np.asarray(axis, float) for axis in (places.lon, places.lat))
    names = np.asarray(getattr(places, "station", np.full(len(lon), "")), str)
    names = np.char.upper(names)
    which = np.full(len(lon), NONE)
    for number, local in enumerate(study.earth.local):
        on = np.isin(names, _upper(local.stations))
        if local.region:
            with error_context(f"earth.local[{number}].region"):
                outline = io.read_region(study.path(local.region))
            for turn in (-360.0, 0.0, 360.0):
                on |= shapely.intersects_xy(outline, lon + turn, lat)
        twice = on & (which != NONE)
        if twice.any():
            place = int(np.flatnonzero(twice)[0])
            raise ValueError(
                f"{names[place] or f'{lon[place]:g} E, {lat[place]:g} N'} belongs to "
                f"earth.local[{which[place]}] and earth.local[{number}]; leave it to "
                "one of them"
            )
        which[on] = number
    return which


def _upper(names: Iterable[str]) -> list[str]:
    return [name.strip().upper() for name in names]


def local_love_numbers(
    study: config.Study, local: config.LocalEarth
) -> earth.LoveNumbers:
    """Compute the load Love numbers of the study's Earth with local layers on top.

    Args:
      study: Names a model of the Earth.
      local: The layers.

    Returns:
      The Love numbers, to the last degree of the study.

    Raises:
      FileNotFoundError: If the file of the model is missing.
      ValueError: If it is no Earth.
    """
    settings = study.earth
    if settings.model == "prem":
        model = earth.prem()
    elif settings.model in PUBLISHED:
        model = PUBLISHED[settings.model]()
    else:
        model = model_of(study)
    km = lambda values: 1e3 * np.asarray(values)
    soft = earth.with_top_layers(
        model,
        km(local.thickness_km),
        km(local.vp_km_s),
        km(local.vs_km_s),
        np.asarray(local.density_kg_m3),
    )
    return earth.love_numbers(soft, settings.max_degree, settings.frame)


def describe_local_earths(study: config.Study, gnss: xr.Dataset) -> list[int]:
    """Count the stations on each local Earth, and warn of names that are no stations.

    Args:
      study: Lists the local Earths.
      gnss: The stations.

    Returns:
      Number of stations on each.

    Raises:
      FileNotFoundError: If an outline is missing.
      ValueError: As `which_local_earth`.
    """
    there = set(_upper(map(str, gnss.station.values)))
    for number, local in enumerate(study.earth.local):
        unknown = [name for name in _upper(local.stations) if name not in there]
        if unknown:
            logger.warning(
                "earth.local[%d] names %s, which are no stations of this study",
                number,
                listed(unknown),
            )
    which = which_local_earth(study, gnss)
    return [int(np.sum(which == n)) for n in range(len(study.earth.local))]
