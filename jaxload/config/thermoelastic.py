"""The table of a study file for ground that expands with temperature."""

import dataclasses
import math
from typing import Literal

from jaxload.config.checks import REQUIRED, check_choices, check_zero_or_more
from jaxload.config.named_files import TABLE_ENDINGS, NamedFiles, wrong_kind
from jaxload.config.sources import GridSource

__all__ = ["Thermoelastic", "thermoelastic_table"]

#: Settings that mean nothing for tables, and those that mean nothing for grids.
OF_GRIDS = ("variable", "time_units", "stamp", "span", "fill", "duplicates")
OF_TABLES = ("time", "time_format")


@dataclasses.dataclass(frozen=True)
class Thermoelastic(NamedFiles):
    """Expansion of ground and monuments with temperature, estimated with the water.

    Each station rises by an amplitude of its own times the temperature of its place
    about the mean over its heights; what of a season belongs to it and not to water is
    decided by these priors. Bedrock under an annual wave of temperature rises by some
    0.04 mm/K, 46 days late (half-space of granite: Dong et al., 2002,
    doi:10.1029/2001JB000573), concrete by 0.01 mm/K a metre, at once; together they
    move stations by up to a few millimetres (Yan et al., 2009,
    doi:10.1029/2009GL038152).

    Attributes:
      files: Temperature: a netCDF grid, a pattern, or a list of these; or tables of
        monthly means (csv, txt, tsv or dat) with a column for each station.
      variable: Name of the variable in grids; recognised if empty.
      units: Units of the values, such as "degC", for files that do not state them or
        state wrong ones; tables without are taken for any scale of kelvins, and are
        converted from others, such as "degF".
      time_units: Units of time of grids; those of the files if empty.
      stamp: Position of the times of grids in the spans over which entries are means:
        "start", "middle", "end", or "instant"; "auto" or empty for what the files show.
      span: Span over which an entry of a grid is a mean; empty for what the files show.
      fill: Number that marks missing data of grids though the files do not declare it.
      duplicates: What to do about several entries of one time in grids: "error",
        "first", "last" (in the order of the files) or "mean".
      time: Column of the dates of a table; recognised if empty.
      time_format: Format of these dates, as of `gnss.time_format`; recognised if empty.
      sd_mm_per_kelvin: Prior standard deviation of a station's amplitude [mm/K]; 0
        holds `mean_mm_per_kelvin`.
      mean_mm_per_kelvin: Prior mean of the amplitudes of all stations [mm/K].
      lag_days: By how many days stations follow temperature: 0 for monuments, 46 for
        bedrock under an annual wave.
    """

    files: str | tuple[str, ...] = dataclasses.field(default="", metadata=REQUIRED)
    variable: str = ""
    units: str = ""
    time_units: str = ""
    stamp: Literal["", "auto", "start", "middle", "end", "instant"] = ""
    span: str = ""
    fill: float | None = None
    duplicates: Literal["error", "first", "last", "mean"] = "error"
    time: str = ""
    time_format: str = ""
    sd_mm_per_kelvin: float = 0.1
    mean_mm_per_kelvin: float = 0.0
    lag_days: float = 0.0

    def __post_init__(self) -> None:
        if not self.paths:
            raise ValueError("files is missing; name the files of temperature")
        check_choices(self)
        _ = self.grid  # checks what all grids have
        mixed = any(path.lower().endswith(TABLE_ENDINGS) for path in self.paths)
        if mixed and not self.is_table:
            raise ValueError(
                f"files are grids and tables of stations ({self}); give one kind"
            )
        defaults = {f.name: f.default for f in dataclasses.fields(self)}
        for name in OF_GRIDS if self.is_table else OF_TABLES:
            if getattr(self, name) != defaults[name]:
                raise ValueError(wrong_kind(name, self.is_table, "station"))
        meaning = "a standard deviation in mm/K, or 0 to hold the mean"
        check_zero_or_more("sd_mm_per_kelvin", self.sd_mm_per_kelvin, meaning)
        for name in ("mean_mm_per_kelvin", "lag_days"):
            if not math.isfinite(getattr(self, name)):
                raise ValueError(f"{name} is not finite, expected a number")
        if not abs(self.mean_mm_per_kelvin) < 10 or not self.sd_mm_per_kelvin < 10:
            raise ValueError(
                f"mean_mm_per_kelvin is {self.mean_mm_per_kelvin:g}, sd_mm_per_kelvin "
                f"{self.sd_mm_per_kelvin:g}, but ground moves by less than 1 mm/K; "
                "check the units"
            )
        if not 0 <= self.lag_days <= 366:
            raise ValueError(
                f"lag_days is {self.lag_days:g}, expected days from 0 to 366"
            )

    @property
    def grid(self) -> GridSource:
        """The files as those of any grid."""
        names = (f.name for f in dataclasses.fields(GridSource))
        return GridSource(**{name: getattr(self, name) for name in names})


def thermoelastic_table(value: str | Thermoelastic) -> Thermoelastic | None:
    """Complete the setting to a table.

    Args:
      value: As the study has it.

    Returns:
      The table; None where nothing is named.
    """
    if isinstance(value, Thermoelastic):
        return value
    return Thermoelastic(value) if value else None
