"""Displacement at stations by known loads: atmosphere, ocean, water, old ice."""

import dataclasses
import os
import pathlib
import re
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.dates import checked_days, days_of_dates, days_of_texts, days_of_years
from jaxload.io.formats_described import read_columns
from jaxload.io.formats_netcdf import read_netcdf
from jaxload.io.gnss_search import find_files
from jaxload.io.packed import plain_name
from jaxload.io.reading import UNITS, Columns, Reading, check_units
from jaxload.io.schema import label_dataset
from jaxload.io.source import Source, open_source
from jaxload.io.station_series import COMPONENTS, Series
from jaxload.io.table import Table, number_column, split_table, text_column
from jaxload.io.text import data_lines

__all__ = ["read_loading"]

PathLike = str | os.PathLike[str]

#: What columns are called, in lower case.
NAMES = {
    "up": ("up", "u", "v", "vertical", "radial", "r", "height", "new_v", "new_u", "dz"),
    "north": ("north", "n", "ns", "new_n"),
    "east": ("east", "e", "ew", "new_e"),
    "time": ("date", "time", "timestamp", "day", "epoch"),
}

#: Columns of files without a header: those of .ntal and .ntol, and of .gia.
BARE = {4: ("time", "north", "east", "up"), 2: ("time", "up")}


def read_loading(
    paths: PathLike | Sequence[PathLike],
    units: str | None = None,
    columns: Columns | None = None,
) -> xr.Dataset:
    """Read the displacement that a known load causes at stations.

    One file is of one station, which its name begins with, or which follows the name
    of the product (``NTAL21.P571.txt``); netCDF has all. Read as such: csv and tables
    of blanks with a header (of ESMGFZ, in metres), lines of ``yyyymmdd north east up``
    (.ntal, .ntol, in millimetres) and ``yyyymmdd up`` (.gia), lines of ``year north
    east up`` (QOCA and its like), netCDF as of `write_gnss`; `Columns` describes any
    other. Several values a day are averaged. Files may be packed.

    Args:
      paths: A pattern such as ``"*.ntal"``, a file, or several.
      units: "mm", "cm" or "m". Files that state theirs, as netCDF does, need none; of
        others they are never guessed.
      columns: Where a table has what, if neither its header nor its width tells.

    Returns:
      ``up`` [mm], and ``east`` and ``north`` where there are, of dimensions (time,
      station); NaN where a file has no day. ``time`` holds the days of any file.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If a file does not parse (the message names its line), leaves its
        units open, or is a second one of a station.

    Example:
      >>> ntal = io.read_loading("stations/NTAL21.*.txt", units="m")

    Source:
      Dill and Dobslaw (2013), Numerical simulations of global-scale high-resolution
      hydrological crustal deformations, J. Geophys. Res. 118,
      doi:10.1002/jgrb.50353.
    """
    if units is not None:
        check_units(units, "units")
    series: dict[str, Series] = {}
    for path in find_files(paths):
        for one in _read(path, units, columns):
            if series.setdefault(one.station, one) is not one:
                raise ValueError(f"{path} is a second file of station {one.station}")
    return _assemble(list(series.values()))


def _read(
    path: pathlib.Path, units: str | None, columns: Columns | None
) -> list[Series]:
    source = open_source(path)
    if source.netcdf:
        found = read_netcdf(source, Reading(units=units))
    elif columns is not None:
        found = read_columns(source, columns)
    else:
        found = [_read_table(source, units)]
    named = [
        dataclasses.replace(one, station=_station(path)) if not source.netcdf else one
        for one in found
    ]
    return [_daily(one) for one in (found if _many(columns) else named)]


def _many(columns: Columns | None) -> bool:
    return columns is not None and columns.station is not None


def _station(path: pathlib.Path) -> str:
    """The station after the name of a product (NTAL21.P571.txt), or before the dot."""
    parts = plain_name(path).split(".")
    product = re.fullmatch(r"[A-Za-z]{3,}\d{0,4}", parts[0]) and len(parts) > 2
    return (parts[1] if product else parts[0]).upper()


def _read_table(source: Source, units: str | None) -> Series:
    table, place, skip = _layout(source)
    factor = check_units(_units(source, skip, units), str(source.path))
    values = {
        name: factor * number_column(table, place[name], name)
        for name in COMPONENTS
        if name in place
    }
    return Series("", _days(table, place["time"]), values, {})


def _layout(source: Source) -> tuple[Table, dict[str, int], int]:
    """The table, where it has what, and the number of lines before it."""
    number, first = next(data_lines(source.lines), (0, ""))
    delimiter = "," if "," in first else None
    if not any(char.isalpha() for char in first.partition(" ")[0].replace("T", "")):
        return _bare(source, delimiter)
    place = _named(first.split(delimiter))
    if not {"time", "up"} <= set(place):
        raise ValueError(
            f"{source.path} line {number} names no day or no vertical component; "
            "describe the file by columns"
        )
    width = len(first.split(delimiter))
    layout = ", as in the header"
    table = split_table(source.path, source.lines, (width,), layout, number, delimiter)
    return table, place, number


def _named(header: Sequence[str]) -> dict[str, int]:
    words = [re.sub(r"[\[(].*", "", word).strip().lower() for word in header]
    return {
        name: words.index(word)
        for name, known in NAMES.items()
        for word in known
        if word in words
    }


def _bare(source: Source, delimiter: str | None) -> tuple[Table, dict[str, int], int]:
    first = next((line for _, line in data_lines(source.lines)), "")
    width = len(first.split(delimiter))
    if width not in BARE:
        raise ValueError(
            f"{source.path} has {width} columns and no header, expected 4: day north "
            "east up, or 2: day up; describe other files by columns"
        )
    layout = f": {' '.join(BARE[width])}"
    table = split_table(source.path, source.lines, (width,), layout, 0, delimiter)
    return table, {name: i for i, name in enumerate(BARE[width])}, 0


def _units(source: Source, skip: int, units: str | None) -> str:
    """Units that the lines before the data state, or the user."""
    head = [line for line in source.lines[:60] if line.lstrip().startswith(("#", "%"))]
    head += source.lines[:skip]
    found = set(
        re.findall(r"(?:[\[(]|units?\s*[:=]\s*)(mm|cm|m)\b", " ".join(head), flags=re.I)
    )
    stated = {unit.lower() for unit in found}
    factor = check_units(units, "units") if units else None
    other = factor is not None and any(UNITS[x] != factor for x in stated)
    if len(stated) > 1 or other:
        raise ValueError(
            f"{source.path} states {' and '.join(sorted(stated))} as its units"
            + (f", but {units} are asked for" if units else "; give units")
        )
    if not stated and units is None:
        raise ValueError(
            f"{source.path} does not state its units; give units, which are m in files "
            "of ESMGFZ and mm in most .ntal, .ntol and .gia"
        )
    return units or stated.pop()


def _days(table: Table, index: int) -> NDArray[np.datetime64]:
    text = text_column(table, index)
    if re.fullmatch(r"\d{8}", text[0]):
        number = number_column(table, index, "day")
        day, shown = days_of_dates(number), number.tolist()
    elif re.fullmatch(r"\d{4}\.\d+", text[0]):
        number = number_column(table, index, "year")
        day, shown = days_of_years(number), number.tolist()
    else:
        day, shown = days_of_texts(text, "%Y-%m-%d"), text
    return checked_days(table.path, table.numbers, shown, day)


def _daily(series: Series) -> Series:
    """Average what falls on one day; missing values count for nothing."""
    day, row = np.unique(series.day, return_inverse=True)
    means = {}
    for name, values in series.displacement.items():
        seen = np.isfinite(values)
        count = np.bincount(row[seen], minlength=len(day))
        total = np.bincount(row[seen], values[seen], minlength=len(day))
        means[name] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return dataclasses.replace(series, day=day, displacement=means, sigma={})


def _assemble(series: Sequence[Series]) -> xr.Dataset:
    day = np.unique(np.concatenate([one.day for one in series]))
    names = [n for n in COMPONENTS if any(n in one.displacement for one in series)]
    fields = {name: np.full((len(day), len(series)), np.nan) for name in names}
    for column, one in enumerate(series):
        row = np.searchsorted(day, one.day)
        for name, values in one.displacement.items():
            fields[name][row, column] = values
    dims = ("time", "station")
    coords = {
        "time": day.astype("datetime64[ns]"),
        "station": np.array([one.station for one in series]),
    }
    return label_dataset(
        xr.Dataset({name: (dims, values) for name, values in fields.items()}, coords)
    )
