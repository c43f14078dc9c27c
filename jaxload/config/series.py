"""Files of series as a study names them, with what they do not state themselves."""

import dataclasses
import math
from typing import Literal

from jaxload.config.checks import REQUIRED, check_choices, check_files, file_names

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
    """Columns of a table of series: names in its header, or positions from 0.

    Attributes:
      up: Column of the vertical displacement or height.
      time: Column of the day; a list where several columns hold it, as
        ``["year", "doy"]``.
      time_format: Pattern for `time`, such as ``"%d.%m.%Y"`` or ``"%Y %j"``, or a name
        as in `gnss.time_format`; recognised if empty.
      up_sigma: Column of the standard error of `up`; without it `gnss.missing_sigma`
        holds.
      north: Column of the northward displacement; empty for none.
      north_sigma: Column of its standard error; empty for none.
      east: Column of the eastward displacement; empty for none.
      east_sigma: Column of its standard error; empty for none.
      station: Column of station names, in tables of several stations.
      lon: Column of the station's longitude [degrees]; empty for none.
      lat: Column of the station's latitude [degrees]; empty for none.
      units: Units of displacements and standard errors; those of `gnss.units` if empty.
      delimiter: Character between columns, such as ";" or " "; recognised if empty.
      decimal: Decimal sign, "." or ",".
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
    tables ``[[gnss.files]]``. A setting that is empty has the value of the same setting
    in ``[gnss]``. A file that several entries name is read as the last of them says.

    Attributes:
      files: A folder, a pattern or a file, or a list of these.
      format: Name of the format of these files; that of `gnss.format` if empty.
      units: Units of these files; those of `gnss.units` if empty.
      missing_sigma: Standard error where these files have none [mm]; that of
        `gnss.missing_sigma` if 0.
      time_format: Format of their times; that of `gnss.time_format` if empty.
      same_day: Rule for different rows of one day; that of `gnss.same_day` if empty.
      columns: Columns of these files; those of `gnss.columns` by default.
    """

    files: str | tuple[str, ...] = dataclasses.field(default="", metadata=REQUIRED)
    format: str = ""
    units: str = ""
    missing_sigma: float = 0.0
    time_format: str = ""
    same_day: Literal["", SameDay] = ""
    columns: SeriesColumns | None = None

    def __post_init__(self) -> None:
        check_files(self.files, "folder")
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
        return file_names(self.files)


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
