"""Gridded files as a study names them: a text, or a table of what they do not state."""

import dataclasses
import math
from typing import Literal

from jaxload.config.checks import REQUIRED, check_choices, check_files
from jaxload.config.named_files import NamedFiles

__all__ = [
    "GridSource",
    "Grids",
    "grid_names",
    "grid_source",
    "grid_sources",
    "with_hours",
    "with_older",
]


@dataclasses.dataclass(frozen=True)
class GridSource(NamedFiles):
    """Gridded files of one quantity, with what they do not state themselves.

    Wherever a study names a grid, it may give the files alone, as ``"soil.nc"``, or a
    table: ``{ files = "soil.nc", variable = "mrso", units = "kg m-2" }``.

    Attributes:
      files: A netCDF file, a pattern, or a list of these, joined in time.
      variable: Name of the variable in the files, or a list of variables to add up;
        recognised if empty.
      units: Units of the values, for files that do not state them or state wrong ones;
        those of the files if empty.
      time_units: Units of time, such as "days since 2002-01-01"; those of the files if
        empty.
      stamp: Position of the times in the spans over which entries are averaged:
        "start", "middle", "end", or "instant" for values at the very times; "auto" or
        empty for what the files and their times show.
      span: Span over which an entry is averaged, or over which an amount of
        precipitation accumulated: "day", "week", "month" or "year" of the calendar, or
        a length such as "3 hours"; empty for what the files and their times show.
      fill: Number that marks missing data though the files do not declare it.
      duplicates: What to do about several entries of one time: "error", "first", "last"
        (in the order of the files) or "mean".
    """

    files: str | tuple[str, ...] = dataclasses.field(default="", metadata=REQUIRED)
    variable: str | tuple[str, ...] = ""
    units: str = ""
    time_units: str = ""
    stamp: Literal["", "auto", "start", "middle", "end", "instant"] = ""
    span: str = ""
    fill: float | None = None
    duplicates: Literal["error", "first", "last", "mean"] = "error"

    def __post_init__(self) -> None:
        check_files(self.files)
        if self.fill is not None and not math.isfinite(self.fill):
            raise ValueError(
                f"fill is {self.fill:g}, expected a finite number; what is not finite "
                "stands for no data anyway"
            )
        check_choices(self)


#: Grids of one quantity, or of several centres.
Grids = str | GridSource | tuple[str | GridSource, ...]


def grid_source(value: str | GridSource) -> GridSource:
    """Complete the name of a grid to a table.

    Args:
      value: As the study has it.

    Returns:
      The same as a table.
    """
    return value if isinstance(value, GridSource) else GridSource(value)


def grid_sources(value: Grids) -> tuple[GridSource, ...]:
    """Complete the names of one or more grids to tables.

    Args:
      value: As the study has it.

    Returns:
      A table for each of them.
    """
    several = value if isinstance(value, tuple) else (value,)
    return tuple(map(grid_source, several))


def grid_names(value: Grids) -> str:
    """List the files of one or more grids, for messages.

    Args:
      value: As the study has it.

    Returns:
      The files and patterns, with commas between them.
    """
    return ", ".join(map(str, grid_sources(value)))


def with_older(
    source: GridSource, where: str, name: str, older: tuple[str, str]
) -> GridSource:
    """Enter a setting that stands beside the grid.

    Args:
      source: The grid.
      where: The setting that names it.
      name: The field of its table that means the same.
      older: The setting beside it, and its value; empty for none.

    Returns:
      The grid with that field.

    Raises:
      ValueError: If the table has that field too.
    """
    key, value = older
    if not value:
        return source
    if getattr(source, name):
        raise ValueError(
            f"{key} and {name} in the table {where} say the same thing twice; leave "
            "one of them out"
        )
    return dataclasses.replace(source, **{name: value})


def with_hours(source: GridSource, where: str, hours: float) -> GridSource:
    """Enter in how many hours an amount gathered.

    Args:
      source: The grid.
      where: The setting that names it; that of the hours is called after it.
      hours: How many; 0 for what the files say.

    Returns:
      The grid with that span.

    Raises:
      ValueError: If the table has a span too.
    """
    span = f"{hours:.12g} hours" if hours else ""
    return with_older(source, where, "span", (f"{where}_hours", span))
