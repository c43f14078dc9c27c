"""What gridded files hold, without reading their values."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from jaxload.io.files.paths import PathLike
from jaxload.io.grids.open import GridSettings, open_grid
from jaxload.io.grids.product_choice import choose_product
from jaxload.io.grids.products import find_conversion
from jaxload.io.grids.read import gridded_names, named_grid_files, stated_units

__all__ = ["GridHeader", "read_grid_header"]

Names = str | Sequence[str] | None


@dataclasses.dataclass(frozen=True)
class GridHeader:
    """What gridded files hold.

    Attributes:
      quantity: The quantity, as of `read_grid`.
      variables: What the first file calls it, or its parts.
      first: First day.
      last: Last day.
      entries: Number of entries in time, of all files.
      box: Outermost centres of cells: west, south, east and north [degrees].
      spacing: Median steps of longitude and latitude [degrees].
    """

    quantity: str
    variables: tuple[str, ...]
    first: np.datetime64
    last: np.datetime64
    entries: int
    box: tuple[float, float, float, float]
    spacing: tuple[float, float]


def read_grid_header(
    path: PathLike | Sequence[PathLike],
    quantity: Names = None,
    variable: Names = None,
    units: str | None = None,
    settings: GridSettings | None = None,
) -> GridHeader:
    """Describe a gridded product without reading its values.

    Args:
      path: As of `read_grid`.
      quantity: Likewise.
      variable: Likewise.
      units: Likewise.
      settings: Likewise.

    Returns:
      The `GridHeader`.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If a file is no netCDF, has no time, latitude and longitude, does not
        hold the quantity or does not say its units.
    """
    settings = GridSettings() if settings is None else settings
    files = named_grid_files(path)
    headers = [_header(file, quantity, variable, units, settings) for file in files]
    with_entries = [header for header in headers if header.entries] or headers[:1]
    return dataclasses.replace(
        headers[0],
        first=min(header.first for header in with_entries),
        last=max(header.last for header in with_entries),
        entries=sum(header.entries for header in headers),
    )


def _header(
    path: pathlib.Path,
    quantity: Names,
    variable: Names,
    units: str | None,
    settings: GridSettings,
) -> GridHeader:
    with open_grid(path, settings) as content:
        product = choose_product(gridded_names(content), quantity, variable, str(path))
        for part in product.parts:
            stated = stated_units(content[part.source]) if units is None else units
            where = f"{path}: {part.source}"
            find_conversion(product.quantity, stated, where, part.depth)
        time = content.time.values.astype("M8[D]")
        lon, lat = (np.asarray(content[axis].values, float) for axis in ("lon", "lat"))
    nothing = np.datetime64("NaT", "D")
    return GridHeader(
        product.quantity,
        tuple(part.source for part in product.parts),
        time.min() if len(time) else nothing,
        time.max() if len(time) else nothing,
        len(time),
        (float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())),
        (_step(lon), _step(lat)),
    )


def _step(axis: np.ndarray) -> float:
    return float(np.median(np.abs(np.diff(axis)))) if len(axis) > 1 else 0.0
