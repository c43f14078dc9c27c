"""Tables of a study file for weather and the features made of it.

They serve what fills places without a receiver; see `Gapfill`.
"""

import dataclasses
import difflib
import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from jaxload.config.checks import check_at_least, check_choices, check_zero_or_more
from jaxload.config.named_files import wrong_kind
from jaxload.config.sources import GridSource, with_hours, with_older
from jaxload.config.weather_sources import (
    StaticField,
    WeatherVariable,
    static_field,
    weather_variable,
)

__all__ = ["WEATHER_QUANTITIES", "Features", "Weather", "with_named_variables"]

#: Variables that have a setting, and what they are in files: of several the first one.
WEATHER_QUANTITIES: dict[str, tuple[str, ...]] = {
    "temperature": ("temperature",),
    "pressure": ("pressure",),
    "precipitation": ("precipitation",),
    "snow": ("snow_water",),
    "soil_moisture": ("soil_moisture",),
    "evapotranspiration": ("evapotranspiration",),
    "land_model": ("tws", "soil_water", "twsa"),
}

#: How alike a name must be to that of a setting to be taken for a slip of it.
ALIKE = 0.9

#: Names of variables with words or numbers added, which are no slips of them.
EXTENDED = re.compile(rf"(\w+_)?({'|'.join(WEATHER_QUANTITIES)})(\d+|_\w+)?")

#: A variable of a setting: its file, or a table.
Source = str | WeatherVariable


@dataclasses.dataclass(frozen=True)
class Weather:
    """Table ``[weather]``: what drives water, at the stations and in the region.

    Any number of variables, none of them compulsory: those below, and others by names
    of your own, each as ``[weather.NAME]`` with ``files = "..."``. Each is a netCDF
    file, a pattern of several, or a table as `WeatherVariable`, of any step in time. A
    variable that is coarser than the heights is brought to their epochs so that its
    means stay.

    Attributes:
      temperature: Air temperature at the surface, such as that of GLDAS-2.2; empty for
        none.
      pressure: Air pressure at the surface, such as that of ERA5; empty for none.
      precipitation: Precipitation; empty for none.
      snow: Water in snow; empty for none.
      soil_moisture: Water in the soil; empty for none.
      evapotranspiration: Evapotranspiration, positive upward; empty for none.
      land_model: Terrestrial water storage of a land-surface model, or its soil water;
        empty for none.
      other: Further variables by names of your own, each a table ``[weather.NAME]``.
      static: Fields that do not change in time, such as elevation, land cover or a
        climatology, by names of your own: a file, or a table ``[weather.static.NAME]``.
        The joint methods read them.
      precipitation_hours: Hours over which an amount of precipitation accumulated, for
        files that do not state it: 1 for hourly ERA5. 0 for rates, and for files with
        time bounds. The same as ``span`` in a table.
      temperature_variable: Name of the variable in the files of `temperature`, where it
        is not recognised; the same as ``variable`` in a table.
      pressure_variable: Name of the variable in the files of `pressure`, likewise.
      precipitation_variable: Name of the variable in the files of `precipitation`,
        likewise.
    """

    temperature: Source = ""
    pressure: Source = ""
    precipitation: Source = ""
    snow: Source = ""
    soil_moisture: Source = ""
    evapotranspiration: Source = ""
    land_model: Source = ""
    other: dict[str, WeatherVariable] = dataclasses.field(
        default_factory=dict, metadata={"flat": True}
    )
    static: dict[str, str | StaticField] = dataclasses.field(default_factory=dict)
    precipitation_hours: float = 0.0
    temperature_variable: str = ""
    pressure_variable: str = ""
    precipitation_variable: str = ""

    def __post_init__(self) -> None:
        check_zero_or_more(
            "weather.precipitation_hours",
            self.precipitation_hours,
            "the hours in which an amount gathered, or 0 for files that say so",
        )
        _check_names(self)
        variables = self.variables  # refuses what is stated twice
        if not variables and not self.static:
            raise ValueError(
                "weather is empty; name a variable, such as precipitation or "
                "temperature, and its files"
            )
        for name, variable in variables.items():
            if variable.quantity and name in WEATHER_QUANTITIES:
                raise ValueError(
                    f"weather.{name}.quantity is for variables of other names; leave "
                    "it out"
                )
            if variable.quantity not in ("", *WEATHER_QUANTITIES):
                raise ValueError(_no_quantity(name, variable.quantity))

    @property
    def variables(self) -> dict[str, WeatherVariable]:
        """Each variable that there is, in their order, with what older keys state."""
        known = {
            name: self._variable(name)
            for name in WEATHER_QUANTITIES
            if getattr(self, name)
        }
        return known | self.other

    @property
    def sources(self) -> dict[str, GridSource]:
        """The files of each variable, as those of any grid."""
        return {name: variable.grid for name, variable in self.variables.items()}

    @property
    def static_fields(self) -> dict[str, StaticField]:
        """Each field that does not change in time."""
        return {name: static_field(field) for name, field in self.static.items()}

    def quantity(self, name: str) -> tuple[str, ...]:
        """What a variable is in its files.

        Args:
          name: The variable.

        Returns:
          Quantities as of `io.read_grid`, of which the first that is there counts.
        """
        known = self.variables[name].quantity or name
        return WEATHER_QUANTITIES.get(known, ("variable",))

    def _variable(self, name: str) -> WeatherVariable:
        key = f"weather.{name}"
        source = weather_variable(getattr(self, name))
        older = getattr(self, f"{name}_variable", "")
        hours = self.precipitation_hours if name == "precipitation" else 0.0
        for setting, value in ((f"{key}_variable", older), (f"{key}_hours", hours)):
            if source.is_table and value:
                raise ValueError(wrong_kind(setting, True))
        grid = with_older(source.grid, key, "variable", (f"{key}_variable", older))
        grid = with_hours(grid, key, hours)
        return dataclasses.replace(source, variable=grid.variable, span=grid.span)


def _check_names(weather: Weather) -> None:
    """Refuse names that stand for two things, or are slips."""
    settings = [f.name for f in dataclasses.fields(weather)]
    for name in weather.other:
        if EXTENDED.fullmatch(name):
            continue
        near = difflib.get_close_matches(name, settings, n=1, cutoff=ALIKE)
        if near:
            raise ValueError(
                f"weather.{name} is not a known setting; did you mean {near[0]}?"
            )
    for name in weather.static:
        if name in weather.variables:
            raise ValueError(
                f"weather.{name} and weather.static.{name} have one name; rename one"
            )


def _no_quantity(name: str, value: str) -> str:
    near = difflib.get_close_matches(value, WEATHER_QUANTITIES, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    known = " or ".join(WEATHER_QUANTITIES)
    return (
        f"weather.{name}.quantity is {value!r}, expected {known}, or nothing for any "
        f"other variable{hint}"
    )


def with_named_variables(content: Mapping[str, Any]) -> dict[str, Any]:
    """Move weather variables of a study's own names to where its dataclass has them.

    Args:
      content: Tables and settings as a file has them.

    Returns:
      The same, with tables ``[weather.NAME]`` of unknown names in ``weather.other``;
      a name without a table stays, as a slip.
    """
    weather = content.get("weather")
    if not isinstance(weather, Mapping):
        return dict(content)
    settings = {f.name for f in dataclasses.fields(Weather)}
    by_name = {k: v for k, v in weather.items() if k not in settings and _is_table(v)}
    if not by_name:
        return dict(content)
    rest = {key: value for key, value in weather.items() if key not in by_name}
    other = rest.get("other", {})
    return {**content, "weather": rest | {"other": by_name | other}}


def _is_table(value: object) -> bool:
    return isinstance(value, Mapping)


@dataclasses.dataclass(frozen=True)
class Features:
    """Table ``[features]``: decomposition of temperature and pressure into predictors.

    Attributes:
      method: "none" takes the normalised series as they are; "emd", "eemd" and "meemd"
        decompose them into oscillations by empirical mode decomposition, its ensemble
        form, and its ensemble form with a test of permutation entropy. Other variables
        are decomposed where their transformation ends with "decompose".
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
