"""Places where new stations could stand, as a study names them."""

import dataclasses
import logging

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import KDTree

from jaxload import config, io, sphere
from jaxload.constants import EARTH_RADIUS
from jaxload.pipeline.inputs.land_sea import study_land
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.messages import error_context, listed

__all__ = ["NewPlaces", "read_new_places"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

#: Distance below which two receivers stand at one place [km].
SAME_PLACE = 1.0

#: Cells that can be candidates.
GRIDS = ("region", "cells")

#: Share of land below which a place is at sea.
LEAST_LAND = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class NewPlaces:
    """Places where stations could stand.

    Attributes:
      name: What each is called, shape (place,).
      lon: Longitude [degrees], shape (place,).
      lat: Latitude [degrees], shape (place,).
      sigma: Standard error of a daily height [mm], shape (place,); NaN where none is
        stated.
      cost: Of a station there, shape (place,).
      spacing: Distance between neighbours of a grid, or side of a cell [degrees].
    """

    name: NDArray[np.str_]
    lon: Floats
    lat: Floats
    sigma: Floats
    cost: Floats
    spacing: float


def read_new_places(
    study: config.Study, plan: config.NetworkPlan, area: StudyArea, gnss: xr.Dataset
) -> NewPlaces:
    """Lay out or read the candidates of a study.

    Args:
      study: The study.
      plan: Its table ``[network]``.
      area: The study area.
      gnss: The existing stations.

    Returns:
      The places: on land, unless the study keeps those at sea.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If a file cannot be read, a place lies outside the cells, or none is
        left.
    """
    if plan.candidates in GRIDS:
        inside = shapely.intersects_xy(area.region, area.grid.lon, area.grid.lat)
        some = inside if plan.candidates == "region" else np.ones(len(inside), bool)
        places = _of_grid(area.grid, some)
    elif isinstance(plan.candidates, str):
        places = _of_list(study, plan.candidates, area)
        _warn_of_neighbours(places, gnss)
    else:
        with error_context("network.candidates"):
            grid = sphere.regional_grid(area.region, plan.candidates)
        cells = sphere.cell_at(area.grid, grid.lon, grid.lat) >= 0
        places = _of_grid(grid, cells)
    return places if plan.at_sea == "keep" else _on_land(study, plan, places)


def _of_grid(grid: sphere.Grid, some: NDArray[np.bool_]) -> NewPlaces:
    lon, lat = grid.lon[some], grid.lat[some]
    names = [_place_name(*place) for place in zip(lon, lat)]
    unknown, unit = np.full(len(lon), np.nan), np.ones(len(lon))
    return NewPlaces(np.array(names, str), lon, lat, unknown, unit, grid.spacing)


def _place_name(lon: float, lat: float) -> str:
    lon = (lon + 180) % 360 - 180
    return f"{abs(lat):.6g}{'N' if lat >= 0 else 'S'} {abs(lon):.6g}" + (
        "E" if lon >= 0 else "W"
    )


def _of_list(study: config.Study, file: str, area: StudyArea) -> NewPlaces:
    with error_context(f"network.candidates {file}"):
        read = io.read_candidates(study.path(file), study.gnss.sites_order)
    names = np.array(list(read.sites), str)
    lon, lat = (
        np.array([getattr(site, axis) for site in read.sites.values()], float)
        for axis in ("lon", "lat")
    )
    sigma = np.array([read.sigma.get(name, np.nan) for name in names])
    cost = np.array([read.cost.get(name, 1.0) for name in names])
    places = NewPlaces(names, lon, lat, sigma, cost, area.grid.spacing)
    inside = sphere.cell_at(area.grid, lon, lat) >= 0
    if inside.all():
        return places
    outside = listed(list(names[~inside]))
    if study.gnss.outside_grid == "error" or not inside.any():
        raise ValueError(
            f"network.candidates {file}: {(~inside).sum()} of {len(inside)} places "
            f"({outside}) are outside all cells; widen region.buffer, take them out of "
            'the list, or set gnss.outside_grid = "drop"'
        )
    logger.warning(
        "left out %d candidates outside all cells: %s", (~inside).sum(), outside
    )
    return _some(places, inside)


def _warn_of_neighbours(places: NewPlaces, gnss: xr.Dataset) -> None:
    """Warn of candidates where a station stands already."""
    there, here = (
        np.asarray(sphere.unit_vectors(x.lon, x.lat)) for x in (gnss, places)
    )
    chord, nearest = map(np.asarray, KDTree(there).query(here))
    close = chord * EARTH_RADIUS / 1e3 < SAME_PLACE
    if close.any():
        pairs = [
            f"{name} at {gnss.station.values[row]}"
            for name, row in zip(places.name[close], nearest[close])
        ]
        logger.warning(
            "%d candidates stand within %g km of a station: %s; each counts as a "
            "second receiver there",
            close.sum(),
            SAME_PLACE,
            listed(pairs),
        )


def _on_land(
    study: config.Study, plan: config.NetworkPlan, places: NewPlaces
) -> NewPlaces:
    land = study_land(study)["land"]
    west = float(land.lon[0] - (land.lon[1] - land.lon[0]) / 2)
    at = {"lon": (places.lon - west) % 360 + west, "lat": places.lat}
    points = {axis: xr.DataArray(x, dims="place") for axis, x in at.items()}
    share = land.sel(points, method="nearest")
    dry = np.asarray(share) >= LEAST_LAND
    if dry.all():
        return places
    wet = listed(list(places.name[~dry]))
    if not dry.any():
        raise ValueError(
            f"all {len(dry)} candidates of [network] are at sea ({wet}); set "
            'network.at_sea = "keep" if they are not'
        )
    # Of cells some are at sea wherever there is a coast; a list names places.
    is_grid = plan.candidates in GRIDS or not isinstance(plan.candidates, str)
    logger.log(
        logging.INFO if is_grid else logging.WARNING,
        'left out %d of %d candidates at sea: %s; network.at_sea = "keep" keeps them',
        (~dry).sum(),
        len(dry),
        wet,
    )
    return _some(places, dry)


def _some(places: NewPlaces, some: NDArray[np.bool_]) -> NewPlaces:
    arrays = {
        name: getattr(places, name)[some]
        for name in ("name", "lon", "lat", "sigma", "cost")
    }
    return dataclasses.replace(places, **arrays)
