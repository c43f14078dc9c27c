"""Wells: water tables to groundwater storage."""

import logging
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.files.paths import PathLike
from jaxload.io.fillers import without_fillers
from jaxload.io.gnss.options import check_units
from jaxload.io.gnss.search import find_files
from jaxload.io.gnss.sites import check_site
from jaxload.io.text.dates import days_of_years
from jaxload.io.text.day_formats import written_days
from jaxload.io.text.table import Table, number_column, text_column, with_points
from jaxload.io.text.time_columns import days_in_format
from jaxload.io.text.words import shorten
from jaxload.io.wells.columns import SIGNS, WellColumns, WellTable, read_well_table

__all__ = ["WellColumns", "read_wells"]

logger = logging.getLogger(__name__)

#: What is known of a well once.
OF_WELLS = ("specific_yield", "lon", "lat")

#: Columns as they are called as a rule.
USUAL = WellColumns()


_HOW = (
    "that has one meaning, as 2010-01-31; say how days are written, in a study as "
    'wells = { files = "...", time_format = "%d/%m/%Y" }'
)


class Readings(NamedTuple):
    """Water tables, one a row.

    Attributes:
      well: Name of the well, shape (row,).
      day: The day, shape (row,).
      level: Height of the water table above anything [m], shape (row,).
      of_wells: ``specific_yield``, ``lon`` and ``lat`` as far as there are, shape
        (row,).
    """

    well: NDArray[np.str_]
    day: NDArray[np.datetime64]
    level: NDArray[np.float64]
    of_wells: dict[str, NDArray[np.float64]]


def read_wells(
    paths: PathLike | Sequence[PathLike],
    specific_yield: float = 0.05,
    columns: WellColumns = USUAL,
) -> xr.Dataset:
    """Read water tables of wells as anomalies of groundwater storage.

    Storage is specific yield times the height of the water table, less the mean of
    the well over its own record. Not for confined aquifers, whose storativity is
    smaller by orders of magnitude: give it in place of the specific yield.

    Read are tables with a header and one line per well and day: csv of any delimiter,
    in UTF-8 or the encoding of China, and RDB of the USGS, whose feet are known.
    Numbers that stand for missing values without being declared are left out with a
    warning.

    Args:
      paths: A file, a pattern, or several.
      specific_yield: That of wells for which the file has none.
      columns: What its columns are called, where their names do not say it.

    Returns:
      ``gwsa``, groundwater storage anomaly [mm of water], and ``level``, height of the
      water table above its mean [m], of dimensions (time, well); ``specific_yield`` by
      well, and ``lon`` and ``lat`` where the file has them. ``time`` holds the days of
      any well.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it does not parse (the message names its line), or does not say
        whether it holds depths or levels.

    Example:
      >>> wells = io.read_wells("wells.csv", specific_yield=0.08)

    Source:
      Healy and Cook (2002), Using groundwater levels to estimate recharge,
      Hydrogeology Journal 10, 91-109, doi:10.1007/s10040-001-0178-0.
    """
    if not 0 < specific_yield <= 1:
        raise ValueError(f"specific_yield is {specific_yield!r}, expected above 0 to 1")
    files = _files(paths)
    parts = [_readings(path, columns) for path in files]
    names, well = np.unique(
        np.concatenate([part.well for part in parts]), return_inverse=True
    )
    day = np.concatenate([part.day for part in parts])
    level = np.concatenate([part.level for part in parts])
    days, row = np.unique(day, return_inverse=True)
    matrix = _matrix(level, row, well, (len(days), len(names)))
    where = ", ".join(map(str, files))
    return _dataset(matrix, days, names, _per_well(where, parts, well, specific_yield))


def _files(paths: PathLike | Sequence[PathLike]) -> list[pathlib.Path]:
    if isinstance(paths, str | os.PathLike) and pathlib.Path(paths).is_file():
        return [pathlib.Path(paths)]
    return find_files(paths)


def _readings(path: pathlib.Path, columns: WellColumns) -> Readings:
    well_table = read_well_table(path, columns)
    table = well_table.table
    well = np.array(text_column(table, well_table.place["well"]))
    units = columns.units or well_table.units
    if not units:
        logger.warning(
            "%s does not state the units of %r; metres are assumed",
            path,
            _value(well_table),
        )
    factor = 1e-3 * check_units(units or "m", f"{path}, {_value(well_table)}")
    raw = number_column(
        _pointed(well_table), well_table.place["value"], _value(well_table)
    )
    values = without_fillers(raw, f"{path}, {_value(well_table)}", well)
    of_wells = {
        name: _constant(well_table, name, well)
        for name in OF_WELLS
        if name in well_table.place
    }
    level = SIGNS[well_table.quantity] * factor * values
    return Readings(well, _days(well_table, columns.time_format), level, of_wells)


def _value(well_table: WellTable) -> str:
    return well_table.names["value"]


def _pointed(well_table: WellTable) -> Table:
    """The table with decimal points."""
    if well_table.decimal == ".":
        return well_table.table
    return with_points(well_table.table)


def _days(well_table: WellTable, time_format: str) -> NDArray[np.datetime64]:
    table, place = _pointed(well_table), well_table.place["time"]
    text = text_column(table, place)
    # Wells are older than satellites: any date will do.
    if time_format == "decimal_year":
        day = days_of_years(number_column(table, place, "decimal year"))
    elif time_format:
        day, _ = days_in_format(table, [place], time_format)
    else:
        day = written_days(text)
    if np.isnat(day).any():
        row = int(np.argmax(np.isnat(day)))
        how = f"as {time_format}" if time_format else _HOW
        raise ValueError(
            f"{table.path} line {table.numbers[row]}: {shorten(text[row])} is no date "
            f"{how}"
        )
    return day


def _constant(
    well_table: WellTable, name: str, well: NDArray[np.str_]
) -> NDArray[np.float64]:
    """A column of what a well has once; its lines must agree."""
    table, column = well_table.table, well_table.names[name]
    values = number_column(_pointed(well_table), well_table.place[name], column)
    _, of = np.unique(well, return_inverse=True)
    last = np.full(of.max() + 1, np.nan)
    seen = np.isfinite(values)
    last[of[seen]] = values[seen]
    differs = seen & (values != last[of])
    if differs.any():
        raise ValueError(
            f"{table.path} line {table.numbers[int(np.argmax(differs))]}: {column} is "
            "another than on later lines of the same well"
        )
    return values


def _matrix(
    values: NDArray[np.float64],
    row: NDArray[np.intp],
    column: NDArray[np.intp],
    shape: tuple[int, int],
) -> NDArray[np.float64]:
    """Means of what falls on one day and well, less the mean of the well."""
    seen = np.isfinite(values)
    count, total = np.zeros(shape), np.zeros(shape)
    np.add.at(count, (row[seen], column[seen]), 1.0)
    np.add.at(total, (row[seen], column[seen]), values[seen])
    there = count > 0
    mean = total / np.maximum(count, 1)
    average = mean.sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    return np.where(there, mean - average, np.nan)


def _per_well(
    where: str,
    parts: Sequence[Readings],
    well: NDArray[np.intp],
    specific_yield: float,
) -> dict[str, NDArray[np.float64]]:
    """What files say of each well once."""
    of_wells = {}
    for name in OF_WELLS:
        if any(name in part.of_wells for part in parts):
            nothing = [np.full(len(part.well), np.nan) for part in parts]
            rows = np.concatenate(
                [p.of_wells.get(name, empty) for p, empty in zip(parts, nothing)]
            )
            of_wells[name] = np.full(well.max() + 1, np.nan)
            of_wells[name][well[np.isfinite(rows)]] = rows[np.isfinite(rows)]
    in_files = of_wells.get("specific_yield", np.full(well.max() + 1, np.nan))
    of_wells["specific_yield"] = np.where(np.isnan(in_files), specific_yield, in_files)
    _check_yield(where, of_wells["specific_yield"])
    if "lon" in of_wells and "lat" in of_wells:
        sites = [
            check_site(float(lon), float(lat), np.nan, where)
            for lon, lat in zip(of_wells["lon"], of_wells["lat"])
        ]
        of_wells["lon"] = np.array([site.lon for site in sites])
    return of_wells


def _check_yield(where: str, share: NDArray[np.float64]) -> None:
    bad = share[~((share > 0) & (share <= 1))]
    if len(bad):
        raise ValueError(
            f"{where} has a specific yield of {bad[0]:g}, expected above 0 to 1"
        )


def _dataset(
    level: NDArray[np.float64],
    days: NDArray[np.datetime64],
    names: NDArray[np.str_],
    per_well: dict[str, NDArray[np.float64]],
) -> xr.Dataset:
    dims = ("time", "well")
    coords = {"time": days.astype("datetime64[ns]"), "well": names}
    coords |= {name: ("well", values) for name, values in per_well.items()}
    dataset = xr.Dataset({"level": (dims, level)}, coords)
    dataset["gwsa"] = 1000.0 * dataset["level"] * dataset["specific_yield"]
    dataset["gwsa"].attrs = {
        "units": "mm",
        "long_name": "groundwater storage anomaly as equivalent water height",
    }
    dataset["level"].attrs = {"units": "m", "long_name": "water table above its mean"}
    return dataset
