"""Tables of monthly water with a column for each region."""

import dataclasses
import pathlib
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.text.day_formats import days_as_written, written_days
from jaxload.io.text.lines import data_lines, read_lines
from jaxload.io.text.table import Table, table_of_rows, text_column, value_column
from jaxload.io.text.time_columns import time_days
from jaxload.io.text.words import find_mark, shorten, split_row
from jaxload.io.units import known_conversion

__all__ = ["RegionTable", "WaterUnits", "read_region_table", "water_units"]

Months = NDArray[np.datetime64]

#: Names of columns of dates, in lower case; a column without a name is one too.
DATES = ("", "date", "time", "month", "day", "datetime", "yyyymm", "unnamed: 0")

#: What units of a flux are amounts of.
_SPANS = re.compile(
    r"\s*(/|per|\b)\s*(?P<span>mon(th)?s?|d(ay)?s?|yr|years?|a)\s*(-1|\^-1|\*\*-1)?\s*$",
    re.IGNORECASE,
)

#: Mean days of a year.
YEAR = 365.2425


@dataclasses.dataclass(frozen=True, eq=False)
class RegionTable:
    """Monthly values by column.

    Attributes:
      month: Calendar months, ascending, shape (month,); those of several rows, where
        they may be there, in the order of the rows.
      values: Values in the units of the file, shape (month, column); NaN if missing.
      columns: Names of the columns.
    """

    month: Months
    values: NDArray[np.float64]
    columns: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class WaterUnits:
    """Units of water.

    Attributes:
      factor: Millimetres, or cubic kilometres, per unit.
      is_volume: Whether it is cubic kilometres.
      per_day: Days that an amount gathers in [days]; 0 for the month itself, and of
        storage.
    """

    factor: float
    is_volume: bool
    per_day: float = 0.0


def water_units(units: str, flux: bool, where: str) -> WaterUnits:
    """Find what units of monthly water mean.

    Args:
      units: As a file or a user writes them.
      flux: Whether amounts in a time are meant, not storage.
      where: Whose units they are, for the message.

    Returns:
      The `WaterUnits`.

    Raises:
      ValueError: If there are none, or they do not say what is needed.
    """
    usual = '"mm/month", "mm/day" or "km3/month"' if flux else '"mm" or "km3"'
    if not units.strip():
        raise ValueError(f"{where} states no units; state them by units, as {usual}")
    span = _SPANS.search(units) if flux else None
    amount = units[: span.start()] if span else units
    if flux and span is None:
        raise ValueError(
            f"{where} is in {units!r}, which does not say in which time the water "
            f"passes; state units as {usual}"
        )
    for target, is_volume in (("mm", False), ("kg m-2", False), ("km3", True)):
        factors = known_conversion(amount, target)
        if factors is not None:
            return WaterUnits(factors[0], is_volume, _days(span))
    raise ValueError(
        f"{where} is in {units!r}, which is no {'flux' if flux else 'storage'} of "
        f"water; state units as {usual}"
    )


def _days(span: re.Match | None) -> float:
    first = span["span"][0].lower() if span else "m"
    return {"m": 0.0, "d": 1.0}.get(first, YEAR)


def read_region_table(
    path: pathlib.Path,
    time: str = "",
    time_format: str = "",
    *,
    repeated: bool = False,
) -> RegionTable:
    """Read a table of monthly values: csv of any delimiter with a header.

    Args:
      path: The file.
      time: Column of the dates; recognised if empty, as are columns of year and month.
        A value belongs to the calendar month of its date.
      time_format: Format of the dates, as of `gnss.time_format` in a study.
      repeated: Whether a month may have several rows.

    Returns:
      The table; columns that hold words are left out.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it does not parse, or a month is there twice and may not be.
    """
    numbered = list(data_lines(read_lines(path)))
    mark = find_mark(numbered[0][1], ("\t", ",", ";", "|")) if numbered else None
    split = [(number, split_row(line, mark)) for number, line in numbered]
    (_, header), *rows = split or [(0, [])]
    if rows and len(rows[0][1]) == len(header) + 1:
        header = ["", *header]
    table = table_of_rows(path, rows, (len(header),), ", as in the header")
    places = _time_places(path, header, time)
    days = _days_of_rows(table, places, time_format)
    columns = {
        name: index
        for index, name in enumerate(header)
        if index not in places and name and not _holds_words(table, index)
    }
    values = [value_column(table, i, name) for name, i in columns.items()]
    matrix = np.reshape(values, (len(columns), len(table.rows))).T
    month = days.astype("M8[M]")
    order = np.argsort(month, kind="stable")
    month = month[order]
    twice = month[1:][month[1:] == month[:-1]]
    if len(twice) and not repeated:
        raise ValueError(
            f"{path} has several rows of {twice[0]}; give one value for each month"
        )
    return RegionTable(month, matrix[order], tuple(columns))


def _time_places(path: pathlib.Path, header: Sequence[str], time: str) -> list[int]:
    """Positions of the columns of time."""
    plain = [name.strip().lower() for name in header]
    if time:
        if time not in header:
            raise ValueError(
                f"{path} has no column {time!r}; it has {shorten(', '.join(header))}"
            )
        return [header.index(time)]
    if "year" in plain and "month" in plain:
        return [plain.index("year"), plain.index("month")]
    places = [index for index, name in enumerate(plain) if name in DATES]
    if not places:
        raise ValueError(
            f"{path} has no column of dates; it has {shorten(', '.join(header))}; name "
            "one by time"
        )
    return places[:1]


def _days_of_rows(table: Table, places: list[int], time_format: str) -> Months:
    if len(places) == 2:
        texts = zip(*(text_column(table, place) for place in places))
        words = [f"{year}-{month.zfill(2)}" for year, month in texts]
        return days_as_written(table.path, table.numbers, words)
    days = written_days(text_column(table, places[0]))
    if time_format or np.isnat(days).any():
        # Of 4/30/2002 and its like every row counts to know what is the month.
        return time_days(table, places, time_format)
    return days


def _holds_words(table: Table, index: int) -> bool:
    """Whether a column holds names or remarks: no word of it begins a number."""
    words = [word for word in text_column(table, index) if word]
    return bool(words) and not any(
        re.match(r"[-+.]?\d|nan|na$", w, re.I) for w in words
    )
