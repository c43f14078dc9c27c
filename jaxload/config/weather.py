"""Tables of a study file for weather and the features made of it.

They serve what fills places without a receiver; see `Gapfill`.
"""

import dataclasses
import math
from typing import Literal

from jaxload.config.checks import (
    REQUIRED,
    check_at_least,
    check_choices,
    check_given,
    check_zero_or_more,
)
from jaxload.config.sources import GridSource, grid_source, with_hours, with_older

__all__ = ["Features", "Weather"]


@dataclasses.dataclass(frozen=True)
class Weather:
    """Table ``[weather]``: gridded weather that covers the stations and the region.

    Files are netCDF, patterns of several, or tables as `GridSource`, hourly or daily.
    Each has to last as long as the heights.

    Attributes:
      temperature: Grid of the air temperature at the surface, such as that of
        GLDAS-2.2.
      pressure: Grid of the air pressure at the surface, such as that of ERA5.
      precipitation: Grid of precipitation, a further predictor of the joint methods;
        empty for none.
      precipitation_hours: Hours over which an amount of precipitation accumulated, for
        files that do not state it: 1 for hourly ERA5. 0 for rates, and for files with
        time bounds. The same as ``span`` in a table.
      temperature_variable: Name of the variable in the files of `temperature`, where it
        is not recognised; the same as ``variable`` in a table.
      pressure_variable: Name of the variable in the files of `pressure`, likewise.
      precipitation_variable: Name of the variable in the files of `precipitation`,
        likewise.
    """

    temperature: str | GridSource = dataclasses.field(default="", metadata=REQUIRED)
    pressure: str | GridSource = dataclasses.field(default="", metadata=REQUIRED)
    precipitation: str | GridSource = ""
    precipitation_hours: float = 0.0
    temperature_variable: str = ""
    pressure_variable: str = ""
    precipitation_variable: str = ""

    def __post_init__(self) -> None:
        check_given("weather.temperature", self.temperature)
        check_given("weather.pressure", self.pressure)
        check_zero_or_more(
            "weather.precipitation_hours",
            self.precipitation_hours,
            "the hours in which an amount gathered, or 0 for files that say so",
        )
        _ = self.sources  # refuses what is stated twice

    @property
    def sources(self) -> dict[str, GridSource]:
        """The grid of each quantity that there is, with what older keys say of it."""
        names = ("temperature", "pressure", "precipitation")
        return {name: self._source(name) for name in names if getattr(self, name)}

    def _source(self, name: str) -> GridSource:
        key = f"weather.{name}"
        source = grid_source(getattr(self, name))
        variable = getattr(self, f"{name}_variable")
        source = with_older(source, key, "variable", (f"{key}_variable", variable))
        if name != "precipitation":
            return source
        return with_hours(source, key, self.precipitation_hours)


@dataclasses.dataclass(frozen=True)
class Features:
    """Table ``[features]``: decomposition of temperature and pressure into predictors.

    Attributes:
      method: "none" takes the normalised series as they are; "emd", "eemd" and "meemd"
        decompose them into oscillations by empirical mode decomposition, its ensemble
        form, and its ensemble form with a test of permutation entropy.
      components: Number of components of each series, the residual included.
      ensemble_size: Number of copies with added noise that "eemd" and "meemd" average
        over; an even number.
      noise_ratio: Standard deviation of that noise relative to that of the series.
      seed: Seed of that noise.
      cache: Folder in which components are kept, so that a second run does not
        decompose again; the folder ``features`` in the results if empty.
      workers: Number of processes that share the work.
    """

    method: Literal["none", "emd", "eemd", "meemd"] = "none"
    components: int = 10
    ensemble_size: int = 100
    noise_ratio: float = 0.2
    seed: int = 0
    cache: str = ""
    workers: int = 1

    def __post_init__(self) -> None:
        check_choices(self, "features")
        for name, least in (("components", 2), ("ensemble_size", 2), ("seed", 0)):
            check_at_least(f"features.{name}", getattr(self, name), least)
        check_at_least("features.workers", self.workers, 1)
        if self.ensemble_size % 2:
            raise ValueError(
                f"features.ensemble_size is {self.ensemble_size}, expected an even "
                "number, since each noise is added and subtracted"
            )
        if not 0 < self.noise_ratio < math.inf:
            raise ValueError(
                f"features.noise_ratio is {self.noise_ratio:g}, expected a positive "
                "number"
            )
