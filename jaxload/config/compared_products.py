"""Other water storage that results are compared with, and periods of comparison."""

import dataclasses
import datetime
import re
from typing import Literal

from jaxload.config.checks import (
    REQUIRED,
    check_choices,
    check_files,
    check_zero_or_more,
)
from jaxload.config.named_files import NamedFiles, check_pairs, wrong_kind
from jaxload.config.sources import GridSource
from jaxload.config.water_balance import OF_TABLES, RegionSource

__all__ = [
    "OWN_PRODUCTS",
    "Period",
    "ReferenceProduct",
    "parse_periods",
    "reference_product",
]

#: Names of water that studies compute, or that have settings of their own.
OWN_PRODUCTS = ("gnss", "gnss_stations_only", "grace", "land_model")

#: Settings that mean nothing for tables by region.
OF_GRIDS = ("variable", "stamp", "span", "fill")

#: First and last day of a period, each a day, a month or a year.
SPAN = re.compile(r"\s*(\d{4}(?:-\d\d){0,2})\s*\.\.\s*(\d{4}(?:-\d\d){0,2})\s*")


@dataclasses.dataclass(frozen=True)
class ReferenceProduct(NamedFiles):
    """Monthly water storage that a study is compared with, beside `evaluation.grace`.

    Attributes:
      files: Grids as netCDF, or a pattern of them, or tables (csv, txt, tsv or dat)
        with a column for each region.
      kind: What it is: "gravimetry" or "land_model". Errors of products of one kind are
        alike, so that triple collocation takes one product of each.
      smoothing_km: Radius of the Gaussian that the product was smoothed with, where the
        bell has fallen to one half [km]; 0 for mascons and land-surface models. What is
        compared with it is smoothed alike.
      variable: Name of the variable of a grid, or a list of variables to add up;
        recognised if empty.
      units: Units of the values; those of the file if empty. Required for tables.
      stamp: Position of the times of a grid in their spans, as in `loads.atmosphere`.
      span: Span that entries of a grid are means over, as in `loads.atmosphere`.
      fill: Number that marks missing data of a grid though its files do not declare it.
      regions: Columns of regions of the study in a table, each as ``"REGION: COLUMN"``;
        those of the same names if empty.
      time: Column of the dates of a table; recognised if empty.
      time_format: Format of these dates, as of `gnss.time_format`; empty for any format
        that has one meaning.
    """

    files: str | tuple[str, ...] = dataclasses.field(default="", metadata=REQUIRED)
    kind: Literal["gravimetry", "land_model"] = "gravimetry"
    smoothing_km: float = 0.0
    variable: str | tuple[str, ...] = ""
    units: str = ""
    stamp: Literal["", "auto", "start", "middle", "end", "instant"] = ""
    span: str = ""
    fill: float | None = None
    regions: tuple[str, ...] = ()
    time: str = ""
    time_format: str = ""

    def __post_init__(self) -> None:
        check_files(self.files)
        check_choices(self)
        meaning = "a radius in km, or 0 for what is not smoothed"
        check_zero_or_more("smoothing_km", self.smoothing_km, meaning)
        check_pairs("regions", self.regions, "region")
        for name in OF_GRIDS if self.is_table else OF_TABLES:
            if getattr(self, name) not in ("", (), None):
                raise ValueError(wrong_kind(name, self.is_table, "region"))

    @property
    def grid(self) -> GridSource:
        """The files as grids."""
        return GridSource(
            files=self.files,
            variable=self.variable,
            units=self.units,
            stamp=self.stamp,
            span=self.span,
            fill=self.fill,
        )

    @property
    def table(self) -> RegionSource:
        """The files as tables by region."""
        return RegionSource(
            files=self.files,
            units=self.units,
            regions=self.regions,
            time=self.time,
            time_format=self.time_format,
        )


def reference_product(value: str | ReferenceProduct) -> ReferenceProduct:
    """Complete the name of a product to a table.

    Args:
      value: As the study has it.

    Returns:
      The same as a table.
    """
    return value if isinstance(value, ReferenceProduct) else ReferenceProduct(value)


@dataclasses.dataclass(frozen=True)
class Period:
    """A period over which results are compared.

    Attributes:
      name: Its name.
      first: First day.
      last: Last day, which is included.
    """

    name: str
    first: datetime.date
    last: datetime.date


def parse_periods(entries: tuple[str, ...]) -> tuple[Period, ...]:
    """Read the periods of a study.

    Args:
      entries: Each as ``"NAME: start..end"``; start and end are days, months or years,
        and the whole of the last counts.

    Returns:
      The periods.

    Raises:
      ValueError: If one is none, or two have one name.
    """
    periods = tuple(map(_period, entries))
    names = [period.name for period in periods]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"evaluation.periods has {name} twice; rename one")
    return periods


def _period(entry: str) -> Period:
    name, _, span = entry.rpartition(": ")
    match = SPAN.fullmatch(span)
    try:
        if not name.strip() or match is None:
            raise ValueError
        first, last = _first_day(match[1]), _last_day(match[2])
    except ValueError:
        raise ValueError(
            f"evaluation.periods has {entry!r}, expected a name and a span, such as "
            '"GRACE: 2002-04..2017-06"'
        ) from None
    if name.strip() == "all":
        raise ValueError(
            'evaluation.periods has "all", which is the name of the whole record; '
            "rename it"
        )
    if last < first:
        raise ValueError(
            f"evaluation.periods has {entry!r}, which ends before it began"
        )
    return Period(name.strip(), first, last)


def _first_day(text: str) -> datetime.date:
    return datetime.date.fromisoformat(text + "-01" * (2 - text.count("-")))


def _last_day(text: str) -> datetime.date:
    day = _first_day(text)
    if text.count("-") == 2:
        return day
    months = 1 if text.count("-") == 1 else 12 - day.month + 1
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return datetime.date(year, month + 1, 1) - datetime.timedelta(days=1)
