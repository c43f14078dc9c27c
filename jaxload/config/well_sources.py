"""Tables of wells as a study names them."""

import dataclasses
from typing import Literal

from jaxload.config.checks import REQUIRED, check_choices

__all__ = ["WellSource", "well_source"]


@dataclasses.dataclass(frozen=True)
class WellSource:
    """Tables of wells, with what they do not state themselves.

    A study may give the files alone, as ``"wells.csv"``, or a table: ``{ files =
    "wells.csv", value = "stage", quantity = "level", units = "feet" }``.

    Attributes:
      files: A file, a pattern, or a list of either.
      sites: Where wells stand, as a list of stations has it, for tables that do not
        say it.
      well: Column of names or numbers of wells; empty to recognise it, as are all that
        follow.
      time: Column of the day.
      value: Column of the water table.
      quantity: What that is: "depth" below the ground or "level" above anything.
      specific_yield: Column of the specific yield, if there is one.
      lon: Column of the longitude.
      lat: Column of the latitude.
      time_format: How days are written: a pattern, as "%d/%m/%Y", or a name, as
        "decimal_year" or "mjd" and others of `Gnss.time_format`; empty for any way that
        has one meaning.
      units: Of the water table: "m", "feet" or any other of length; empty for those
        that the file states, or metres.
      delimiter: What parts the columns; empty to recognise it.
    """

    files: str | tuple[str, ...] = dataclasses.field(default="", metadata=REQUIRED)
    sites: str = ""
    well: str = ""
    time: str = ""
    value: str = ""
    quantity: Literal["", "depth", "level"] = ""
    specific_yield: str = ""
    lon: str = ""
    lat: str = ""
    time_format: str = ""
    units: str = ""
    delimiter: str = ""

    def __post_init__(self) -> None:
        if not self.files or not all(self.paths):
            raise ValueError("files is missing; name a file, a pattern or a list")
        check_choices(self)

    def __str__(self) -> str:
        return ", ".join(self.paths)

    @property
    def paths(self) -> tuple[str, ...]:
        """Each file or pattern."""
        return (self.files,) if isinstance(self.files, str) else self.files


def well_source(value: str | WellSource) -> WellSource:
    """Complete the name of a table of wells to a table of settings.

    Args:
      value: As the study has it.

    Returns:
      The same as a table.
    """
    return value if isinstance(value, WellSource) else WellSource(value)
