"""Room for results, looked for before they are computed."""

import logging
import pathlib
import shutil

from jaxload import config, sphere
from jaxload.pipeline.estimation.uncertainty import kind_by_size

__all__ = ["check_space", "size_in_words", "size_of_results"]

logger = logging.getLogger(__name__)

#: Bytes of a number in maps, and in coefficients.
SINGLE, DOUBLE = 4, 8

#: Share of their size that numbers have when they are compressed: of heights and water
#: little more than the exponent is no chance.
COMPRESSED = 0.85

#: Series of each station, beside its maps.
SERIES = 6


def size_of_results(
    study: config.Study, grid: sphere.Grid, epochs: int, rows: int
) -> float:
    """Estimate the size of the files of a result.

    Args:
      study: Its tables ``[output]`` and ``[inversion]`` say what is written.
      grid: The cells.
      epochs: Number of epochs.
      rows: Number of stations, and of virtual stations.

    Returns:
      Bytes.
    """
    cells, stored = len(grid.lon), study.output.store
    size = SERIES * SINGLE * COMPRESSED * epochs * rows
    if "twsa" in stored:
        daily = study.gnss.sigma == "daily"
        kind = kind_by_size(study, (epochs, rows, cells), daily)
        count = 2 if kind == "cells" else 1
        # What is not compressed has a value where there is no cell too.
        raster = len(grid.lat_axis) * len(grid.lon_axis)
        each = COMPRESSED * cells if study.output.compression else raster
        size += count * SINGLE * each * epochs
    if "coefficients" in stored:
        # The water itself is solved for where there are fewer cells.
        few = cells <= rows
        size += epochs * cells * SINGLE if few else DOUBLE * rows * (epochs + cells)
    return size


def check_space(
    study: config.Study,
    grid: sphere.Grid,
    sizes: tuple[int, int],
    folder: pathlib.Path,
) -> None:
    """Check that there is room for a result.

    Args:
      study: As for `size_of_results`.
      grid: Likewise.
      sizes: Number of epochs, and of rows.
      folder: Where results go.

    Raises:
      ValueError: If there is none; the message says how much they need and there is.
    """
    size, free = size_of_results(study, grid, *sizes), shutil.disk_usage(folder).free
    wanted, there = size_in_words(size), size_in_words(free)
    logger.info("results take about %s; %s are free", wanted, there)
    if size <= free:
        return
    maps = "twsa" in study.output.store
    less = ', or leave "twsa" out of output.store' if maps else ""
    raise ValueError(
        f"No space left in {folder} for the results: they take about {wanted}, "
        f"but {there} are free; make room, choose another folder{less}"
    )


def size_in_words(size: float) -> str:
    """Put a size in words.

    Args:
      size: Bytes.

    Returns:
      The size with a unit in which it is no long number, as "1.3 GiB".
    """
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
