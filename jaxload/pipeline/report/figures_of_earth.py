"""The response of a study's Earth to a cell of water, against distance."""

from typing import TYPE_CHECKING

import jax
import numpy as np

from jaxload import config, earth
from jaxload.constants import EARTH_RADIUS
from jaxload.pipeline.inputs.earth import study_love_numbers
from jaxload.pipeline.report.figures_of_water import Makers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["earth_figures", "kernel_values"]

#: First distance from the middle of a cell over its radius [-], and last [degrees].
NEAREST, FARTHEST, DISTANCES = 0.1, 30.0, 81


def earth_figures(study: config.Study) -> Makers:
    """Name the figures of the Earth, where its Love numbers are in a table.

    Computing those of other models would take longer than all figures.

    Args:
      study: The study.

    Returns:
      What makes each figure.
    """
    if not study.earth.love and study.earth.model != "prem":
        return {}
    return {"kernel": lambda: _kernel(study)}


def kernel_values(
    study: config.Study,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Compute the displacement by one metre of water on a cell.

    Args:
      study: Its Earth, and its spacing: the disc has the area of a cell at the equator.

    Returns:
      Distance from the middle of the disc [km], shape (distance,), and displacement
      [mm], upward and away from the load, shape (distance,) each.
    """
    spacing = np.radians(study.region.spacing)
    radius = float(np.degrees(np.arccos(1 - spacing * np.sin(spacing / 2) / np.pi)))
    theta = np.geomspace(NEAREST * radius, FARTHEST, DISTANCES)
    with jax.enable_x64(True):
        love = study_love_numbers(study)
        kernel = earth.disc_kernel(love, radius, study.earth.max_degree)
        angles = jax.numpy.asarray(theta)
        up = 1e3 * np.asarray(earth.disc_uplift(kernel, angles))[:, 0]
        away = 1e3 * np.asarray(earth.disc_tangential(kernel, angles))[:, 0]
    distance = np.radians(theta) * EARTH_RADIUS / 1e3
    return distance, {"up": up, "horizontal, away from the load": away}


def _kernel(study: config.Study) -> "Figure":
    from jaxload import plot

    load = f"1 m of water on a cell of {study.region.spacing:g} degrees"
    return plot.kernel_curve(*kernel_values(study), load)
