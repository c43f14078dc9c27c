"""Variables of the weather read at places: from grids, or tables by basin."""

import dataclasses

import numpy as np
import shapely
from numpy.typing import NDArray

from jaxload import config, io
from jaxload._calendar import DAY, month_bounds
from jaxload.io.files.paths import expand
from jaxload.io.grids.products import find_conversion
from jaxload.io.schema import VARIABLES
from jaxload.pipeline.inputs.gridded import LARGE_FILES, read_grid_source
from jaxload.pipeline.inputs.observations import Outline
from jaxload.pipeline.inputs.outlines import read_basins
from jaxload.pipeline.inputs.region_series import named_columns
from jaxload.pipeline.inputs.weather_places import (
    WeatherPlaces,
    named_places,
    nearest_known,
)
from jaxload.pipeline.messages import listed

__all__ = ["AtPlaces", "ReadingSpan", "read_at_places"]

Floats = NDArray[np.float64]

#: By how much grids are read beyond the outer places [degrees].
MARGIN = 3.0

#: Field that is 1 on every cell.
CELL = "is_cell"


@dataclasses.dataclass(frozen=True)
class ReadingSpan:
    """Time of which data are wanted.

    Attributes:
      start: First day.
      stop: First day after it.
    """

    start: np.datetime64
    stop: np.datetime64


@dataclasses.dataclass(frozen=True, eq=False)
class AtPlaces:
    """A variable at places, in the steps of its files.

    Attributes:
      values: In canonical units, shape (time, place); NaN if missing.
      bounds: What each is a mean of, shape (time, 2).
      units: Its units.
      how: How places got their values: "bilinear", "cell" or "basin".
      outside: Places that lie outside and take the nearest, shape (place,).
    """

    values: Floats
    bounds: NDArray[np.datetime64]
    units: str
    how: str
    outside: NDArray[np.bool_]


def read_at_places(
    study: config.Study, name: str, places: WeatherPlaces, span: ReadingSpan
) -> AtPlaces:
    """Read a variable of the weather at places.

    Args:
      study: Its table ``[weather]`` names the files.
      name: The variable.
      places: Where.
      span: When.

    Returns:
      The variable `AtPlaces`.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If it cannot be read, or does not cover a place.
    """
    assert study.weather is not None
    variable = study.weather.variables[name]
    if variable.is_table:
        values = _from_table(study, name, places)
    else:
        values = _from_grid(study, name, places, span)
    middle = values.bounds[:, 0] + (values.bounds[:, 1] - values.bounds[:, 0]) / 2
    kept = (middle >= span.start) & (middle < span.stop)
    if not kept.any():
        raise ValueError(
            f"has no data from {span.start} to {span.stop}; get data of the time of "
            "the heights"
        )
    values = dataclasses.replace(
        values, values=values.values[kept], bounds=values.bounds[kept]
    )
    if not values.outside.any():
        return values
    if variable.outside != "nearest" or values.outside.all():
        raise ValueError(
            f"does not cover {named_places(places, values.outside)}; get data of a "
            "larger area, or take the nearest place that has data by outside = "
            '"nearest"'
        )
    chosen = nearest_known(places, ~values.outside)
    return dataclasses.replace(values, values=values.values[:, chosen])


def _from_grid(
    study: config.Study, name: str, places: WeatherPlaces, span: ReadingSpan
) -> AtPlaces:
    assert study.weather is not None
    variable = study.weather.variables[name]
    settings = io.GridSettings(
        box=_box(places),
        start=str(span.start),
        stop=str(span.stop),
        largest=LARGE_FILES,
    )
    quantities = study.weather.quantity(name)
    grid = read_grid_source(study, "", variable.grid, quantities, settings)
    field = str(grid.attrs["quantity"])
    how = "nearest" if variable.interpolation == "cell" else "bilinear"
    # Places outside are those without any cell, with data or without.
    cells = np.ones((grid.sizes["lat"], grid.sizes["lon"]))
    grid = grid.assign({CELL: (("lat", "lon"), cells)})
    at = io.sample_grid(grid, places.lon, places.lat, how, "nan", places.name)
    stated = grid[field].attrs.get("source_units", "")
    return AtPlaces(
        io.loaded_values(at[field], slice(None)).astype(np.float64),
        grid.time_bnds.values,
        VARIABLES[field].units or variable.units or str(stated),
        variable.interpolation,
        ~np.isfinite(at[CELL].values),
    )


def _box(places: WeatherPlaces) -> tuple[float, float, float, float]:
    south, north = places.lat.min() - MARGIN, places.lat.max() + MARGIN
    return (
        float(places.lon.min() - MARGIN),
        float(max(south, -90.0)),
        float(places.lon.max() + MARGIN),
        float(min(north, 90.0)),
    )


def _from_table(study: config.Study, name: str, places: WeatherPlaces) -> AtPlaces:
    """Values of the basin in which a place lies; each belongs to its month."""
    assert study.weather is not None
    variable = study.weather.variables[name]
    basins = read_basins(study, variable.basins, variable.name_property)
    month, values = _monthly(study, variable, list(basins))
    bounds = np.stack(month_bounds(month), axis=1).astype("M8[ns]")
    quantity = study.weather.quantity(name)[0]
    units = VARIABLES[quantity].units
    if units:
        how = find_conversion(quantity, variable.units, "the table")
        values = how.factor * values + how.offset
        if how.per:
            values /= ((bounds[:, 1] - bounds[:, 0]) / DAY)[:, None]
    column = _basin_of(places, basins)
    values = np.where(column >= 0, values[:, np.maximum(column, 0)], np.nan)
    return AtPlaces(values, bounds, units or variable.units, "basin", column < 0)


def _monthly(
    study: config.Study, variable: config.WeatherVariable, basins: list[str]
) -> tuple[NDArray[np.datetime64], Floats]:
    """Months, and the values of all basins in the units of the tables."""
    tables = [
        io.read_region_table(path, variable.time, variable.time_format, repeated=True)
        for name in variable.paths
        for path in expand(study.path(name))
    ]
    month = np.unique(np.concatenate([table.month for table in tables]))
    values = np.full((len(month), len(basins)), np.nan)
    entries: dict[str, list[tuple[NDArray[np.integer], Floats]]] = {}
    for table in tables:
        rows = np.searchsorted(month, table.month)
        for basin, column in _columns(table, variable, basins).items():
            new = table.values[:, table.columns.index(column)]
            known = np.isfinite(new) & (new != variable.fill)
            entries.setdefault(basin, []).append((rows[known], new[known]))
    for basin, parts in entries.items():
        rows, several = (np.concatenate(each) for each in zip(*parts))
        place, counts = np.unique(rows, return_counts=True)
        if variable.duplicates == "error" and (counts > 1).any():
            twice = month[place[counts > 1][0]]
            raise ValueError(
                f"the tables have for {basin} several values of {twice}; leave out a "
                'file, or state which to take by duplicates = "first", "last" or "mean"'
            )
        values[place, basins.index(basin)] = _one_of_each(
            rows, several, variable.duplicates
        )
    return month, values


def _one_of_each(rows: NDArray[np.integer], values: Floats, rule: str) -> Floats:
    """One value of each row that there is, in the order of the rows."""
    _, first, place = np.unique(rows, return_index=True, return_inverse=True)
    if rule == "mean":
        return np.bincount(place, values) / np.bincount(place)
    if rule == "last":
        _, from_end = np.unique(rows[::-1], return_index=True)
        return values[len(rows) - 1 - from_end]
    return values[first]


def _columns(
    table: io.RegionTable, variable: config.WeatherVariable, basins: list[str]
) -> dict[str, str]:
    for basin, column in variable.column_names.items():
        if basin not in basins or column not in table.columns:
            what, there = ("column", table.columns)
            if basin not in basins:
                what, column, there = "basin", basin, tuple(basins)
            raise ValueError(
                f"columns names {column!r}, but there is no such {what}; there are "
                f"{listed(there)}"
            )
    kind = "basin", 'columns = ["BASIN: COLUMN"]'
    return named_columns(table, variable.column_names, basins, kind)


def _basin_of(places: WeatherPlaces, basins: dict[str, Outline]) -> NDArray[np.integer]:
    """The basin of each place, the smallest if several; -1 if none."""
    column = np.full(len(places.lon), -1)
    shapes = list(basins.values())
    for number in sorted(range(len(shapes)), key=lambda i: -shapes[i].area):
        for turn in (-360.0, 0.0, 360.0):
            inside = shapely.intersects_xy(
                shapes[number], places.lon + turn, places.lat
            )
            column[inside] = number
    return column
