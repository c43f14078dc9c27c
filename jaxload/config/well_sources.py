"""Tables of wells as a study names them."""

import dataclasses
from typing import Literal

from jaxload.config.checks import REQUIRED, check_choices, check_files
from jaxload.config.named_files import NamedFiles

__all__ = ["WellSource", "well_source"]


@dataclasses.dataclass(frozen=True)
class WellSource(NamedFiles):
    """Tables of wells, with what they do not state themselves.

    A study may give the files alone, as ``"wells.csv"``, or a table: ``{ files =
    "wells.csv", value = "stage", quantity = "level", units = "feet" }``.

    Attributes:
      files: A file, a pattern, or a list of these.
      sites: File with the coordinates of the wells, written as a list of stations, for
        tables that do not hold them.
      well: Column of well names or numbers; recognised if empty.
      time: Column of the day; recognised if empty.
      value: Column of the water table; recognised if empty.
      quantity: Meaning of `value`: "depth" below the ground, or "level" above a datum;
        recognised if empty.
      specific_yield: Column of the specific yield [-]; recognised if empty and there is
        one.
      lon: Column of the longitude [degrees]; recognised if empty.
      lat: Column of the latitude [degrees]; recognised if empty.
      time_format: Format of days: a pattern such as "%d/%m/%Y", or a name such as
        "decimal_year", "mjd" and others of `gnss.time_format`; empty for any format
        that has one meaning.
      units: Units of the water table: "m", "feet" or any other unit of length; empty
        for those that the file states, or else metres.
      delimiter: Character between columns; recognised if empty.
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
        check_files(self.files)
        check_choices(self)


def well_source(value: str | WellSource) -> WellSource:
    """Complete the name of a table of wells to a table of settings.

    Args:
      value: As the study has it.

    Returns:
      The same as a table.
    """
    return value if isinstance(value, WellSource) else WellSource(value)
