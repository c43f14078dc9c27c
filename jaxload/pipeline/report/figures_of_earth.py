"""Figures of a study's Earth: its response to water, and the ground of stations."""

import logging
from typing import TYPE_CHECKING

import jax
import numpy as np
import xarray as xr

from jaxload import config, earth, io, sphere
from jaxload.constants import EARTH_RADIUS
from jaxload.pipeline.inputs.earth import study_love_numbers
from jaxload.pipeline.report.datasets import Result
from jaxload.pipeline.report.figures_of_water import Makers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["earth_figures", "kernel_values"]

logger = logging.getLogger(__name__)

#: What a static field is called that is the height of the ground.
TOPOGRAPHY = ("elevation", "topography", "orography", "height", "dem")

#: First distance from the middle of a cell over its radius [-], and last [degrees].
NEAREST, FARTHEST, DISTANCES = 0.1, 30.0, 81


def earth_figures(study: config.Study, result: Result) -> Makers:
    """Name the figures of the Earth, whose response comes from a table.

    Computing Love numbers of other models would take longer than all figures.

    Args:
      study: The study.
      result: Its result.

    Returns:
      What makes each figure.
    """
    makers: Makers = {"station_map": lambda: _station_map(study, result)}
    if study.earth.love or study.earth.model == "prem":
        makers["kernel"] = lambda: _kernel(study)
    return makers


def _station_map(study: config.Study, result: Result) -> "Figure":
    from jaxload import plot

    stations, beside = result.stations, result.groundwater
    places = {"GNSS stations": (stations.lon.values, stations.lat.values)}
    if beside is not None and "well_lon" in beside.coords:
        places["wells"] = beside.well_lon.values, beside.well_lat.values
    names = list(map(str, stations.station.values))
    return plot.station_map(places, result.outline, names, _topography(study))


def _topography(study: config.Study) -> xr.DataArray | None:
    """Height of the ground; None where a study does not name it."""
    name, variable = study.figures.topography, ""
    fields = {} if study.weather is None else study.weather.static_fields
    for key, field in fields.items():
        if not name and key.lower() in TOPOGRAPHY:
            name, variable = field.files, field.variable
    if not name:
        return None
    try:
        return io.read_map(study.path(name), variable)
    except (ValueError, OSError) as error:
        logger.warning("the map of stations has no relief: %s", error)
        return None


def kernel_values(
    study: config.Study,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Compute the displacement by one metre of water on a cell.

    Args:
      study: Its Earth, and its spacing: the disc has the area of a cell at the equator.

    Returns:
      Distance from the middle of the disc [km], shape (distance,), and displacement
      [mm], upward and away from the load, shape (distance,) each; and upward by the
      discs of `figures.disc_radii_km`.
    """
    spacing = np.radians(study.region.spacing)
    cell = float(np.degrees(np.arccos(1 - spacing * np.sin(spacing / 2) / np.pi)))
    radii = [1e3 * radius for radius in study.figures.disc_radii_km]
    discs = [float(sphere.arc_from_length(radius)) for radius in radii]
    theta = np.geomspace(NEAREST * min([cell, *discs]), FARTHEST, DISTANCES)
    with jax.enable_x64(True):
        love = study_love_numbers(study)
        kernel, *others = (
            earth.disc_kernel(love, radius, study.earth.max_degree)
            for radius in (cell, *discs)
        )
        angles = jax.numpy.asarray(theta)
        up, *of_discs = (
            1e3 * np.asarray(earth.disc_uplift(x, angles))[:, 0]
            for x in (kernel, *others)
        )
        away = 1e3 * np.asarray(earth.disc_tangential(kernel, angles))[:, 0]
    distance = np.radians(theta) * EARTH_RADIUS / 1e3
    responses = {"up": up, "horizontal, away from the load": away}
    for radius, values in zip(study.figures.disc_radii_km, of_discs):
        responses[f"up, disc of {radius:g} km radius"] = values
    return distance, responses


def _kernel(study: config.Study) -> "Figure":
    from jaxload import plot

    load = f"1 m of water on a cell of {study.region.spacing:g}°"
    if study.figures.disc_radii_km:
        load += " and on discs"
    return plot.kernel_curve(*kernel_values(study), load)
