"""Figures of a result."""

import importlib.util
import logging
import pathlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from jaxload import io
from jaxload.pipeline.outputs import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["draw", "rings"]

logger = logging.getLogger(__name__)


def rings(region: Polygon | MultiPolygon) -> list[NDArray[np.float64]]:
    """Take the rings of an outline, to draw them.

    Args:
      region: The outline.

    Returns:
      Vertices of each ring, holes included, shape (vertex, 2).
    """
    parts: list[Polygon] = list(getattr(region, "geoms", [region]))
    closed = [ring for part in parts for ring in (part.exterior, *part.interiors)]
    return [np.asarray(ring.coords)[:, :2] for ring in closed]


def draw(result: Result, folder: pathlib.Path) -> None:
    """Draw the figures of a result, if Matplotlib is there.

    Args:
      result: What was found.
      folder: Where the pictures go.
    """
    outline = result.outline
    if importlib.util.find_spec("matplotlib") is None:
        logger.warning("no figures were drawn; install jaxload[plot]")
        return
    from jaxload import plot

    name, sd = result.quantity, f"{result.quantity}_sd"
    what = "groundwater storage" if name == "gwsa" else "water storage"
    figures = {
        "annual_amplitude": plot.map_of(
            result.water.annual_amplitude,
            f"annual amplitude of {what}",
            outline,
            result.stations,
        ),
        "regions": plot.region_series(
            result.regions[name],
            result.regions.get("reference"),
            result.summary["evaluation"],
            result.regions.get(sd),
        ),
        "station_fit": plot.station_fit(result.stations, outline),
        "beta": _beta_figure(result),
    }
    if sd in result.water:
        figures["standard_error"] = plot.map_of(
            result.water[sd].median("time", keep_attrs=True),
            f"standard error of {what}, median of all epochs",
            outline,
            result.stations,
        )
    for name, figure in figures.items():
        io.write_figure(figure, folder / f"{name}.png")


def _beta_figure(result: Result) -> "Figure":
    from jaxload import plot

    summary = result.summary
    rows, best = summary["criterion"], summary["beta"]
    betas, values = ([row[key] for row in rows] for key in ("beta", "value"))
    if "norm" in rows[0]:
        norms = [row["norm"] for row in rows]
        return plot.l_curve(betas, values, norms, best)
    unit = summary["criterion_unit"]
    name = summary["criterion_name"] + (f" [{unit}]" if unit != "1" else "")
    return plot.beta_curve(betas, values, best, name)
