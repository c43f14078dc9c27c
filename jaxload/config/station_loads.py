"""Displacement at stations that others computed, as a study names it."""

import dataclasses
import pathlib
import re

from jaxload.config.checks import REQUIRED, check_files
from jaxload.config.named_files import NamedFiles

__all__ = ["StationLoad", "station_load"]

#: How names of files end that are of any load.
ENDINGS = {"txt", "csv", "nc", "dat", "neu", "enu", "tsv"}
PACKED = {"gz", "bz2", "xz", "zip", "z"}


@dataclasses.dataclass(frozen=True)
class StationLoad(NamedFiles):
    """Files of one load at stations, with what they do not state themselves.

    Wherever a study names such files, it may give them alone, as ``"loading/*.ntal"``
    or ``"soil: loading/*.hydl"``, or as a table: ``{ files = "loading/*.txt", name =
    "soil", units = "mm", columns = "year doy up" }``.

    Attributes:
      files: A file, a pattern, or a list of these.
      name: Name of the load in the results; empty for the name that follows from the
        names of the files.
      units: Units of displacement: "mm", "cm", "m" or any other unit of length; empty
        for what the files state, or else `loads.displacement_units`.
      columns: One word for each column of the files: up, north, east, station, date,
        mjd, decimal_year, year, month, day, doy, or - for a column that is ignored;
        empty for what the files state.
      time_format: Format of times in one column, as in `gnss.time_format`; recognised
        if empty.
    """

    files: str | tuple[str, ...] = dataclasses.field(default="", metadata=REQUIRED)
    name: str = ""
    units: str = ""
    columns: str = ""
    time_format: str = ""

    def __post_init__(self) -> None:
        check_files(self.files)


def station_load(value: str | StationLoad) -> StationLoad:
    """Complete the name of a load at stations to a table with a name.

    Args:
      value: As the study has it.

    Returns:
      The same as a table, its name in lower case.
    """
    if isinstance(value, StationLoad):
        name = value.name or _of_file(value.paths[0])
        return dataclasses.replace(value, name=name.lower())
    # A letter before a colon is a drive.
    named = re.fullmatch(r"\s*([A-Za-z]\w+)\s*:\s*(.+)", value)
    if named:
        return StationLoad(named[2], named[1].lower())
    return StationLoad(value, _of_file(value))


def _of_file(path: str) -> str:
    """The load that the name of files is of: its ending, or its first word."""
    words = pathlib.PurePath(path.replace("\\", "/")).name.lower().split(".")
    while len(words) > 1 and words[-1] in PACKED:
        words = words[:-1]
    ending = words[-1] if len(words) > 1 else "txt"
    if ending not in ENDINGS:
        return ending
    others = [word for part in words[:-1] or words for word in re.split(r"\W", part)]
    return next((word for word in others if word), "stations")
