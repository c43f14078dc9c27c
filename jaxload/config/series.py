"""Files of series as a study names them, with what they do not state themselves."""

import dataclasses
import math
from typing import Literal

from jaxload.config.checks import REQUIRED, check_choices

__all__ = [
    "SeriesColumns",
    "SeriesFiles",
    "SeriesSource",
    "series_sources",
]

#: A column: a name of the header, or a position from 0; none if it is empty.
Column = str | int

#: What can become of several rows of one day.
SameDay = Literal["error", "first", "last", "mean"]


@dataclasses.dataclass(frozen=True)
class SeriesColumns:
    """Where a table of series has what: names of its header, or positions from 0.

    Attributes:
      up: Vertical displacement, or height.
      time: The day; a list where it takes several columns, as ``["year", "doy"]``.
      time_format: A pattern for `time`, as ``"%d.%m.%Y"`` or ``"%Y %j"``, or a name as
        of `Gnss.time_format`; empty to recognise it.
      up_sigma: Standard error of `up`; `Gnss.missing_sigma` if there is none.
      north: Northward displacement, if there is any.
      north_sigma: Its standard error.
      east: Eastward displacement, if there is any.
      east_sigma: Its standard error.
      station: Names of stations, where a table holds several.
      lon: Longitude of the station [degrees], if it is there.
      lat: Its latitude [degrees].
      units: Of displacements and standard errors; `Gnss.units` if empty.
      delimiter: What parts the columns, as ";" or " "; empty to recognise it.
      decimal: The decimal sign, "." or ",".
      skip: Number of lines before the header or the table.
      footer: Number of lines after the table.
    """

    up: Column = dataclasses.field(default="", metadata=REQUIRED)
    time: Column | tuple[Column, ...] = 0
    time_format: str = ""
    up_sigma: Column = ""
    north: Column = ""
    north_sigma: Column = ""
    east: Column = ""
    east_sigma: Column = ""
    station: Column = ""
    lon: Column = ""
    lat: Column = ""
    units: str = ""
    delimiter: str = ""
    decimal: Literal[".", ","] = "."
    skip: int = 0
    footer: int = 0

    def __post_init__(self) -> None:
        if self.up == "":
            raise ValueError("up is missing; say which column is vertical")
        check_choices(self)
        if self.skip < 0 or self.footer < 0:
            raise ValueError(
                f"skip is {self.skip} and footer {self.footer}, "
                "expected numbers of lines"
            )


@dataclasses.dataclass(frozen=True)
class SeriesSource:
    """Files of series of one kind, with what they do not state themselves.

    In a list, as ``files = ["a/*.pos", { files = "b/*.csv", units = "mm" }]``, or as
    tables ``[[gnss.files]]``. What is empty is as of `Gnss`. A file that several
    entries name is read as the last of them says.

    Attributes:
      files: A folder, a pattern or a file, or a list of these.
      format: As `Gnss.format`.
      units: As `Gnss.units`.
      missing_sigma: As `Gnss.missing_sigma` [mm].
      time_format: As `Gnss.time_format`.
      same_day: As `Gnss.same_day`.
      columns: As `Gnss.columns`.
    """

    files: str | tuple[str, ...] = dataclasses.field(default="", metadata=REQUIRED)
    format: str = ""
    units: str = ""
    missing_sigma: float = 0.0
    time_format: str = ""
    same_day: Literal["", SameDay] = ""
    columns: SeriesColumns | None = None

    def __post_init__(self) -> None:
        if not self.files or not all(self.paths):
            raise ValueError("files is missing; name a folder, a pattern or a list")
        check_choices(self)
        if self.format and self.columns:
            raise ValueError(
                f'format is "{self.format}", but columns describe another; leave one '
                "of them out"
            )
        if not 0 <= self.missing_sigma < math.inf:
            raise ValueError(
                f"missing_sigma is {self.missing_sigma:g}, expected millimetres, or 0 "
                "where every file holds standard errors"
            )

    @property
    def paths(self) -> tuple[str, ...]:
        """Each folder, pattern or file."""
        return (self.files,) if isinstance(self.files, str) else self.files


#: Files of series: a folder, a pattern or a file, a table, or a list of either.
SeriesFiles = str | SeriesSource | tuple[str | SeriesSource, ...]


def series_sources(files: SeriesFiles, usual: SeriesSource) -> tuple[SeriesSource, ...]:
    """Complete the entries of files of series by what is usual.

    Args:
      files: As the study has them.
      usual: What counts where an entry says nothing; its own files do not matter.

    Returns:
      A table for each entry, in their order.

    Raises:
      ValueError: If an entry contradicts itself then.
    """
    several = files if isinstance(files, tuple) else (files,)
    sources = tuple(_completed(entry, usual) for entry in several)
    for one in sources:
        if one.columns and not (one.columns.units or one.units):
            raise ValueError(
                f"columns of {', '.join(one.paths)} have no units; say them by units, "
                'as units = "mm"'
            )
    return sources


def _completed(entry: str | SeriesSource, usual: SeriesSource) -> SeriesSource:
    if isinstance(entry, str):
        return dataclasses.replace(usual, files=entry)
    kind = ("format", "columns")
    names = [field.name for field in dataclasses.fields(entry)]
    added = {
        name: getattr(usual, name)
        for name in names
        if not getattr(entry, name)
        and not (name in kind and any(getattr(entry, one) for one in kind))
    }
    return dataclasses.replace(entry, **added)
