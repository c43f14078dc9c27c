"""Wells: water tables to groundwater storage."""

import dataclasses
import os
import pathlib
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.dates import days_of_texts
from jaxload.io.reading import check_units
from jaxload.io.sites import check_site
from jaxload.io.table import (
    Table,
    number_column,
    split_table,
    text_column,
    value_column,
)
from jaxload.io.text import data_lines, read_lines, shorten

__all__ = ["WellColumns", "read_wells"]

PathLike = str | os.PathLike[str]

#: Signs that turn a rise of the number into a rise of the water table.
SIGNS = {"level": 1.0, "depth": -1.0}

_NO_DAY = np.datetime64("NaT", "D")


@dataclasses.dataclass(frozen=True)
class WellColumns:
    """What the columns of a csv of wells are called.

    Attributes:
      well: Name or number of the well.
      time: The day.
      value: Depth or level; by default the column called "depth" or "level".
      quantity: "depth" below the ground or "level" above anything; by default what
        the column is called.
      specific_yield: Specific yield of each well, if there is such a column.
      lon: Longitude [degrees], likewise.
      lat: Latitude [degrees], likewise.
      time_format: As of `datetime.datetime.strptime`.
      units: Units of the value: "mm", "cm" or "m".
      delimiter: What parts the columns.
    """

    well: str = "well"
    time: str = "date"
    value: str = ""
    quantity: str = ""
    specific_yield: str = "specific_yield"
    lon: str = "lon"
    lat: str = "lat"
    time_format: str = "%Y-%m-%d"
    units: str = "m"
    delimiter: str = ","

    def __post_init__(self) -> None:
        check_units(self.units, "WellColumns.units")
        if self.quantity not in ("", *SIGNS):
            raise ValueError(
                f"WellColumns.quantity is {self.quantity!r}, expected one of "
                f"{', '.join(SIGNS)}"
            )


#: Columns as they are called by default.
USUAL = WellColumns()


def read_wells(
    path: PathLike, specific_yield: float = 0.05, columns: WellColumns = USUAL
) -> xr.Dataset:
    """Read water tables of wells as anomalies of groundwater storage.

    Storage is specific yield times the height of the water table, less the mean of
    the well over its own record. Not for confined aquifers, whose storativity is
    smaller by orders of magnitude: give it in place of the specific yield.

    Args:
      path: A csv with a header and one line per well and day.
      specific_yield: That of wells for which the file has none.
      columns: What its columns are called.

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
    table, place = _split(pathlib.Path(path), columns)
    value, sign = _value(table, place, columns)
    factor = 1e-3 * check_units(columns.units, "units") * sign
    day = _days(table, place, columns)
    names, well = np.unique(
        text_column(table, place[columns.well]), return_inverse=True
    )
    days, row = np.unique(day, return_inverse=True)
    level = _matrix(factor * value, row, well, (len(days), len(names)))
    return _dataset(
        level, days, names, _per_well(table, place, columns, well, specific_yield)
    )


def _split(path: pathlib.Path, columns: WellColumns) -> tuple[Table, dict[str, int]]:
    lines = read_lines(path)
    number, first = next(data_lines(lines), (0, ""))
    header = [word.strip().strip('"') for word in first.split(columns.delimiter)]
    absent = [name for name in (columns.well, columns.time) if name not in header]
    if absent:
        raise ValueError(
            f"{path} has no column {', '.join(absent)}; it has "
            f"{shorten(', '.join(header))}; say what they are called by columns"
        )
    width, layout = len(header), ", as in the header"
    table = split_table(path, lines, (width,), layout, number, columns.delimiter)
    return table, {name: header.index(name) for name in header}


def _value(
    table: Table, place: dict[str, int], columns: WellColumns
) -> tuple[NDArray[np.float64], float]:
    """The column of values, and the sign that makes them levels."""
    known = [columns.value] if columns.value else list(SIGNS)
    names = [name for name in known if name in place]
    if len(names) != 1:
        raise ValueError(
            f"{table.path} has {len(names)} of the columns {', '.join(known)}, "
            "expected one; say which holds the water table by columns"
        )
    quantity = columns.quantity or names[0]
    if quantity not in SIGNS:
        raise ValueError(
            f"{table.path} does not say whether {names[0]!r} is a depth or a level; "
            "give quantity in columns"
        )
    return value_column(table, place[names[0]], names[0]), SIGNS[quantity]


def _days(
    table: Table, place: dict[str, int], columns: WellColumns
) -> NDArray[np.datetime64]:
    text = text_column(table, place[columns.time])
    # Wells are older than satellites: any date will do.
    day = days_of_texts(text, columns.time_format)
    if np.isnat(day).any():
        row = int(np.argmax(np.isnat(day)))
        raise ValueError(
            f"{table.path} line {table.numbers[row]}: {shorten(text[row])} is no date "
            f"as {columns.time_format}"
        )
    return day


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
    table: Table,
    place: dict[str, int],
    columns: WellColumns,
    well: NDArray[np.intp],
    specific_yield: float,
) -> dict[str, NDArray[np.float64]]:
    """What the file says of each well once; its lines must agree."""
    found = {}
    for name in ("specific_yield", "lon", "lat"):
        column = getattr(columns, name)
        if column in place:
            values = number_column(table, place[column], column)
            found[name] = _constant(table, column, values, well)
    given = found.get("specific_yield", np.full(well.max() + 1, np.nan))
    found["specific_yield"] = np.where(np.isnan(given), specific_yield, given)
    _check(table, found)
    return found


def _constant(
    table: Table, name: str, values: NDArray[np.float64], well: NDArray[np.intp]
) -> NDArray[np.float64]:
    result = np.full(well.max() + 1, np.nan)
    seen = np.isfinite(values)
    result[well[seen]] = values[seen]
    differs = seen & (values != result[well])
    if differs.any():
        raise ValueError(
            f"{table.path} line {table.numbers[int(np.argmax(differs))]}: {name} is "
            "another than on later lines of the same well"
        )
    return result


def _check(table: Table, found: dict[str, Any]) -> None:
    share = found["specific_yield"]
    bad = share[~((share > 0) & (share <= 1))]
    if len(bad):
        raise ValueError(
            f"{table.path} has a specific yield of {bad[0]:g}, expected above 0 to 1"
        )
    if "lon" in found and "lat" in found:
        for lon, lat in zip(found["lon"], found["lat"]):
            check_site(float(lon), float(lat), np.nan, str(table.path))


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
