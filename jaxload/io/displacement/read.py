"""Displacement at stations by known loads: atmosphere, ocean, water, old ice."""

import dataclasses
import pathlib
from collections.abc import Collection, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.displacement.layouts import LoadingColumns, described_layout, layout_of
from jaxload.io.displacement.names import stations_of
from jaxload.io.files.paths import PathLike
from jaxload.io.fillers import without_fillers
from jaxload.io.gnss.format_described import read_columns
from jaxload.io.gnss.format_netcdf import read_netcdf
from jaxload.io.gnss.options import Columns, Reading, check_time_format, check_units
from jaxload.io.gnss.search import find_files
from jaxload.io.gnss.source import Source, open_source
from jaxload.io.gnss.station_series import SERIES_COMPONENTS, Series
from jaxload.io.schema import label_dataset
from jaxload.io.text.dates import checked_days
from jaxload.io.text.day_formats import (
    days_as_written,
    days_of_fields,
    parse_decimal_years,
)
from jaxload.io.text.table import Table, number_column, split_table, text_column
from jaxload.io.text.time_columns import time_days, year_days

__all__ = ["read_loading"]

#: Columns of numbers of which days are made.
FIELDS = ("mjd", "decimal_year", "year", "month", "day", "doy")

#: Rows by which the convention of decimal years is known.
DAILY_ROWS = 10


def read_loading(
    paths: PathLike | Sequence[PathLike],
    units: str | None = None,
    columns: Columns | str | None = None,
    stations: Collection[str] = (),
    time_format: str = "",
) -> xr.Dataset:
    """Read the displacement that a known load causes at stations.

    One file is of one station, which a column of it names, or its own name, before or
    after that of the product (``NTAL21.P571.txt``, ``BJFS.hydl.txt``); netCDF has all.
    Read as such: csv and tables of blanks with a header (of ESMGFZ, in metres, the day
    in one column or in several), predictions of the Nevada Geodetic Laboratory, air
    pressure loading of Onsala, lines of ``day north east up`` (.ntal, .ntol, in
    millimetres, QOCA and its like) and ``day up`` (.gia), netCDF as of `write_gnss`.
    Several values a day are averaged, parts of a record joined. Numbers that stand for
    missing values without being declared are left out with a warning. Files may be
    packed.

    Args:
      paths: A pattern such as ``"*.ntal"``, a file, or several.
      units: "mm", "cm", "m" or any other of length. Files that state theirs, as netCDF
        does, need none; of others they are never guessed.
      columns: What a table has where, if neither its header nor its width tells: a word
        for each column, as ``"year doy - up"``, of up, north, east, station, date, mjd,
        decimal_year, year, month, day and doy, or ``-``; or `Columns`.
      stations: Names of stations that there are, by which those of files are known.
      time_format: How tables write time in one column, as of `Columns.time_format`;
        empty to recognise it. Daily decimal years are held against every convention.

    Returns:
      ``up`` [mm], and ``east`` and ``north`` where there are, of dimensions (time,
      station); NaN where a file has no day. ``time`` holds the days of any file.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If a file does not parse (the message names its line), leaves its
        units open, or has days of a station that another has too.

    Example:
      >>> ntal = io.read_loading("stations/NTAL21.*.txt", units="m")

    Source:
      Dill and Dobslaw (2013), Numerical simulations of global-scale high-resolution
      hydrological crustal deformations, J. Geophys. Res. 118,
      doi:10.1002/jgrb.50353.
    """
    if units is not None:
        check_units(units, "units")
    check_time_format(time_format, "time_format")
    files = find_files(paths)
    series: dict[str, Series] = {}
    for path, name in zip(files, stations_of(files, stations)):
        for one in _read(path, name, units, time_format, columns):
            known = series.get(one.station)
            series[one.station] = _joined(known, one, path) if known else one
    return _assemble(list(series.values()))


def _read(
    path: pathlib.Path,
    name: str,
    units: str | None,
    time_format: str,
    columns: Columns | str | None,
) -> list[Series]:
    source = open_source(path)
    if source.netcdf:
        series = read_netcdf(source, Reading(units=units))
        return [_daily(_measured(one, path)) for one in series]
    if isinstance(columns, Columns):
        series = [_measured(one, path) for one in read_columns(source, columns)]
        if columns.station is None:
            series = [dataclasses.replace(one, station=name) for one in series]
        return [_daily(one) for one in series]
    layout = described_layout(source, columns) if columns else layout_of(source)
    return [
        _daily(one) for one in _read_table(source, layout, name, units, time_format)
    ]


def _measured(series: Series, path: pathlib.Path) -> Series:
    """Leave out what stands for missing values."""
    values = {
        name: without_fillers(x, f"{path}, {name} of {series.station} [mm]")
        for name, x in series.displacement.items()
    }
    return dataclasses.replace(series, displacement=values)


def _joined(known: Series, more: Series, path: pathlib.Path) -> Series:
    """Two parts of one record, which must not overlap."""
    if np.isin(more.day, known.day).any() or set(known.displacement) != set(
        more.displacement
    ):
        raise ValueError(
            f"{path} is a second file of station {known.station}; give each load a "
            "pattern of its own"
        )
    day = np.concatenate([known.day, more.day])
    order = np.argsort(day)
    values = {
        name: np.concatenate([x, more.displacement[name]])[order]
        for name, x in known.displacement.items()
    }
    return dataclasses.replace(known, day=day[order], displacement=values)


def _read_table(
    source: Source,
    layout: LoadingColumns,
    name: str,
    units: str | None,
    time_format: str,
) -> list[Series]:
    shown = " ".join("time" if role == "date" else role for role in layout.roles)
    table = split_table(
        source.path,
        layout.lines,
        (len(layout.roles),),
        f": {shown}",
        delimiter=layout.delimiter,
    )
    place = {role: i for i, role in enumerate(layout.roles) if role != "-"}
    factor = check_units(_units(source, layout.units, units), str(source.path))
    day = _days(table, place, time_format)
    values = {
        key: number_column(table, place[key], key)
        for key in SERIES_COMPONENTS
        if key in place
    }
    # In the units of the file, fillers are the numbers that they are.
    clean = {
        key: factor * without_fillers(x, f"{source.path}, {key}")
        for key, x in values.items()
    }
    if "station" not in place:
        return [Series(name, day, clean, {})]
    return _by_station(table, place["station"], day, clean)


def _by_station(
    table: Table,
    place: int,
    day: NDArray[np.datetime64],
    values: dict[str, NDArray[np.float64]],
) -> list[Series]:
    words = [word.strip('"').upper() for word in text_column(table, place)]
    names, of = np.unique(words, return_inverse=True)
    return [
        Series(
            str(name), day[of == i], {key: x[of == i] for key, x in values.items()}, {}
        )
        for i, name in enumerate(names)
    ]


def _units(source: Source, stated: str, wanted: str | None) -> str:
    """Units that the file states, or the user."""
    if stated and wanted:
        factors = [check_units(x, "units") for x in (stated, wanted)]
        if factors[0] != factors[1]:
            raise ValueError(
                f"{source.path} states {stated} as its units, but {wanted} are asked "
                "for"
            )
    if not stated and wanted is None:
        raise ValueError(
            f"{source.path} does not state its units; give units (in a study: "
            "loads.displacement_units), which are m in files of ESMGFZ and mm in most "
            ".ntal, .ntol and .gia"
        )
    return wanted or stated


def _days(
    table: Table, place: dict[str, int], time_format: str
) -> NDArray[np.datetime64]:
    column = place.get("date", place.get("decimal_year"))
    if column is not None and time_format:
        return time_days(table, (column,), time_format)
    if column is not None and _has_daily_years(table, column):
        return year_days(table, column)
    if "date" in place:
        shown = text_column(table, place["date"])
        day = days_as_written(table.path, table.numbers, shown)
    else:
        fields = {
            name: number_column(table, place[name], name)
            for name in FIELDS
            if name in place
        }
        day = days_of_fields(fields)
        shown = [" ".join(f"{x:.10g}" for x in row) for row in zip(*fields.values())]
    return checked_days(table.path, table.numbers, shown, day)


def _has_daily_years(table: Table, column: int) -> bool:
    """Whether a column holds decimal years a day apart, of whichever convention."""
    year = parse_decimal_years(text_column(table, column))
    if year is None or len(year) < DAILY_ROWS:
        return False
    step = 365.25 * float(np.median(np.diff(np.unique(year)), axis=0))
    return 0.7 < step < 1.5


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
    names = [
        n for n in SERIES_COMPONENTS if any(n in one.displacement for one in series)
    ]
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
