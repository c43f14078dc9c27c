"""Properties of files that they do not hold themselves, as settings."""

import dataclasses
import os
from collections.abc import Sequence

from jaxload.io.text.decimal_years import YEAR_FORMATS
from jaxload.io.units import known_conversion

__all__ = [
    "DAY_FORMATS",
    "UNITS",
    "Columns",
    "GnssFiles",
    "Reading",
    "check_time_format",
    "check_units",
]

#: Millimetres in one of each unit that lengths are given in as a rule.
UNITS = {"mm": 1.0, "cm": 10.0, "m": 1000.0}

#: Ways to write days that are no pattern of `datetime.datetime.strptime`.
DAY_FORMATS = ("mjd", "jd", "yyyymmdd", "unix", "j2000", "yyMMMdd", "iso", "yyyy:doy")

#: These and the conventions of decimal years.
TIMES = (*YEAR_FORMATS, *DAY_FORMATS)

#: What can become of several rows of one day.
SAME_DAY = ("error", "first", "last", "mean")

Column = str | int


@dataclasses.dataclass(frozen=True)
class Columns:
    """Where a table has what; a column is a name of its header, or a position from 0.

    Attributes:
      up: Vertical displacement, or height.
      units: Units of displacements and standard errors: "mm", "cm", "m" or any
        other of length.
      time: The day; of several columns, each has a part of `time_format`.
      time_format: A pattern as ``"%d.%m.%Y"`` or, of two columns, ``"%Y %j"``; or
        "decimal_year" (of the calendar), "julian_year" and "julian_year_midnight"
        (365.25 days each since noon or the beginning of 1 January 2000), "doy/365" or
        another kind of `jaxload.io.text.decimal_years.YEAR_FORMATS`, "mjd", "jd",
        "yyyymmdd", "iso" (2010-01-31), "yyMMMdd" (95MAY19), "yyyy:doy", "unix" or
        "j2000" (seconds since 1970, and since noon of 1 January 2000). Empty to
        recognise it.
      up_sigma: Its standard error.
      north: Northward displacement.
      north_sigma: Its standard error.
      east: Eastward displacement.
      east_sigma: Its standard error.
      station: Names of stations, if a table holds several.
      lon: Longitude of the station [degrees].
      lat: Latitude of the station [degrees].
      delimiter: What parts the columns; blanks if None; recognised if empty.
      decimal: The decimal sign, "." or ",".
      skip: Number of lines before the header or the table.
      footer: Number of lines after the table.
    """

    up: Column
    units: str
    time: Column | tuple[Column, ...] = 0
    time_format: str = ""
    up_sigma: Column | None = None
    north: Column | None = None
    north_sigma: Column | None = None
    east: Column | None = None
    east_sigma: Column | None = None
    station: Column | None = None
    lon: Column | None = None
    lat: Column | None = None
    delimiter: str | None = ","
    decimal: str = "."
    skip: int = 0
    footer: int = 0

    def __post_init__(self) -> None:
        check_units(self.units, "columns.units")
        check_time_format(self.time_format, "columns.time_format")
        if self.decimal not in (".", ",") or self.decimal == self.delimiter:
            raise ValueError(
                f"columns.decimal is {self.decimal!r}, expected '.' or ',' and not the "
                "delimiter"
            )
        if self.skip < 0 or self.footer < 0:
            raise ValueError(
                f"columns.skip is {self.skip} and footer {self.footer}, expected "
                "numbers of lines"
            )


@dataclasses.dataclass(frozen=True)
class Reading:
    """How files of GNSS series are read.

    Attributes:
      format: Name of the format, as "pos"; `Columns` describes any other table; by
        default the content of each file tells.
      units: Units of files whose format leaves them open, "mm", "cm", "m" or any
        other of length; by default those that the format usually has.
      sigma: Standard error [mm] of files that have none.
      time_format: How files write time whose content leaves it open, as of
        `Columns.time_format`; it matters for decimal years of another kind than usual.
      same_day: What becomes of several rows of one day: "error", "first", "last" (in
        the order of the file), or "mean", whose standard error is the root mean square
        of theirs, as errors within a day go together. Rows that agree are one.
      sites_order: "lon lat" or "lat lon", for lists of stations that do not name their
        columns; by default what their values show, or else longitudes first.
      sites_columns: What the columns of a list of stations are, as of `read_sites`.
      strict: Whether a bad file stops everything. If not, it is left out, logged, and
        named in the attribute ``files_left_out``.
      workers: Processes that read at once. More than one pays from some hundred files
        on; a script that asks for it must do its work below
        ``if __name__ == "__main__":``.
      divided: Whether processes that `jax.distributed` has joined, all of which ask for
        the same series, read a part of the files each and exchange what these hold.
    """

    format: str | Columns | None = None
    units: str | None = None
    sigma: float | None = None
    time_format: str = ""
    same_day: str = "error"
    strict: bool = False
    workers: int = 1
    divided: bool = False
    sites_order: str = ""
    sites_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.units is not None:
            check_units(self.units, "units")
        if self.sigma is not None and not 0 < self.sigma < float("inf"):
            raise ValueError(
                f"sigma is {self.sigma!r}, expected a positive number [mm]"
            )
        check_time_format(self.time_format, "time_format")
        if self.same_day not in SAME_DAY:
            raise ValueError(
                f"same_day is {self.same_day!r}, expected one of {', '.join(SAME_DAY)}"
            )
        if self.workers < 1:
            raise ValueError(f"workers is {self.workers}, expected 1 or more")


def check_time_format(
    time_format: str, what: str, names: Sequence[str] = TIMES
) -> None:
    """Check that a way of writing time is one.

    Args:
      time_format: The pattern or name; empty if it is to be recognised.
      what: Whose it is, for the message.
      names: Those that are known.

    Raises:
      ValueError: If it is unknown.
    """
    if time_format and "%" not in time_format and time_format not in names:
        raise ValueError(
            f"{what} is {time_format!r}, expected a pattern with % or one of "
            f"{', '.join(names)}"
        )


def check_units(units: str, what: str) -> float:
    """Find how many millimetres a unit of length has.

    Args:
      units: The unit.
      what: Whose it is, for the message.

    Returns:
      Millimetres in one of it.

    Raises:
      ValueError: If it is unknown, or none of length.
    """
    if units in UNITS:
        return UNITS[units]
    factors = known_conversion(str(units), "mm")
    if factors is None:
        raise ValueError(f"{what} is {units!r}, expected a length as mm, cm, m or feet")
    return factors[0]


@dataclasses.dataclass(frozen=True)
class GnssFiles:
    """Files of series of one kind, beside others.

    Attributes:
      files: A folder, a pattern or a file, or several.
      reading: How they are read.
    """

    files: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
    reading: Reading
