"""Files of weather, and what is made of their values."""

import dataclasses
import math
from typing import Literal

from jaxload.config.checks import (
    REQUIRED,
    check_at_least,
    check_choices,
    check_day,
    check_files,
    unknown_word,
)
from jaxload.config.named_files import (
    NamedFiles,
    check_pairs,
    split_pairs,
    wrong_kind,
)
from jaxload.config.sources import GridSource

__all__ = [
    "StaticField",
    "WeatherVariable",
    "static_field",
    "weather_variable",
]

#: Steps from values to features; the last two make several of one.
STEPS = ("log1p", "anomaly", "normalise", "decompose", "principal-components")
#: Steps that make several features of one series, and thus are the last ones.
SEVERAL = ("decompose", "principal-components")

#: Settings that mean nothing for tables, and those that mean nothing for grids.
OF_GRIDS = ("variable", "time_units", "stamp", "span", "interpolation")
OF_TABLES = ("name_property", "columns", "time", "time_format")


@dataclasses.dataclass(frozen=True)
class WeatherVariable(NamedFiles):
    """A variable of the weather: files, what they do not state, and its features.

    A grid, or a table of monthly values with a column for each basin (csv, txt, tsv or
    dat), whose values go to the places in the basin. What says where the data of a grid
    are has no meaning for a table, nor that of a table for a grid, and is refused.

    Attributes:
      files: A netCDF file, a table, a pattern, or a list of these.
      variable: Name of the variable in the files, or a list of variables to add up;
        recognised if empty.
      units: Units of the values, for files that do not state them, such as tables, or
        state wrong ones; those of the file if empty.
      time_units: Units of time, such as "days since 2002-01-01"; those of the files if
        empty.
      stamp: Position of the times in the spans over which entries are averaged, as of
        a grid.
      span: Span over which an entry is averaged, or over which an amount accumulated,
        as of a grid.
      fill: Number that marks missing data though the files do not declare it.
      duplicates: What to do about several entries of one time, as of a grid; in tables,
        of one month and basin.
      quantity: For variables of your own names, the setting whose quantity it is, such
        as "precipitation"; empty for any other, whose units stay those of the file.
      transformation: Steps from values to features, one or a list: "log1p" takes the
        logarithm of 1 and the value, "anomaly" subtracts mean and seasons of each
        place, "normalise" gives each place zero mean and unit standard deviation;
        "decompose" takes the components of ``[features]``, "principal-components"
        those that all places share. Empty for "normalise", and "decompose" for
        temperature and pressure if ``features.method`` is one. Without "normalise"
        places keep their mean and spread, and one factor scales all of them.
      antecedent_days: Numbers of days; sums (of other than rates, means) over that many
        days before the end of an epoch are further features.
      components: Number of principal components.
      start: First day whose data count; that of the files if empty.
      end: Last day whose data count; that of the files if empty.
      missing: What epochs of the heights without data have: "error" stops,
        "climatology" takes mean and seasons of the other epochs and adds a feature that
        is 1 where there are data.
      interpolation: "bilinear" between the centres of a grid, or "cell" for the value
        of the cell in which a place lies.
      outside: What places outside the grid or all basins have: "error" stops,
        "nearest" takes the nearest place that has data.
      basins: Outlines of the basins of a table, and names of some of them behind a
        colon, as in `evaluation.regions`.
      name_property: Property of the outlines that has the names of basins; recognised
        if empty.
      columns: Columns of basins, each as ``"BASIN: COLUMN"``; those of the same names
        if empty.
      time: Column of the dates of a table; recognised if empty.
      time_format: Format of these dates, as of `gnss.time_format`; empty for any format
        that has one meaning.
    """

    files: str | tuple[str, ...] = dataclasses.field(default="", metadata=REQUIRED)
    variable: str | tuple[str, ...] = ""
    units: str = ""
    time_units: str = ""
    stamp: Literal["", "auto", "start", "middle", "end", "instant"] = ""
    span: str = ""
    fill: float | None = None
    duplicates: Literal["error", "first", "last", "mean"] = "error"
    quantity: str = ""
    transformation: str | tuple[str, ...] = ()
    antecedent_days: int | tuple[int, ...] = ()
    components: int = 3
    start: str = ""
    end: str = ""
    missing: Literal["error", "climatology"] = "error"
    interpolation: Literal["bilinear", "cell"] = "bilinear"
    outside: Literal["error", "nearest"] = "error"
    basins: str = ""
    name_property: str = ""
    columns: tuple[str, ...] = ()
    time: str = ""
    time_format: str = ""

    def __post_init__(self) -> None:
        _ = self.grid  # checks what all grids have
        check_choices(self)
        _check_steps(self.steps)
        for days in self.days:
            check_at_least("antecedent_days", days, 1)
        check_at_least("components", self.components, 1)
        check_day("start", self.start)
        check_day("end", self.end)
        if self.start and self.end and self.start > self.end:
            raise ValueError(f"start {self.start} is after end {self.end}; swap them")
        if self.is_table != bool(self.basins):
            raise ValueError(
                "basins is missing, the file with the outlines of the columns of the "
                "table; name it"
                if self.is_table
                else "basins is for tables by basin, and the files are grids; leave it "
                "out"
            )
        _check_kind(self)
        check_pairs("columns", self.columns, "basin")

    @property
    def steps(self) -> tuple[str, ...]:
        """Steps from values to features."""
        one = isinstance(self.transformation, str)
        steps = (self.transformation,) if one else self.transformation
        return tuple(step for step in steps if step)  # pyright: ignore[reportReturnType]

    @property
    def days(self) -> tuple[int, ...]:
        """Lengths of antecedent sums [days]."""
        days = self.antecedent_days
        return (days,) if isinstance(days, int) else days

    @property
    def column_names(self) -> dict[str, str]:
        """The columns of basins, as far as they are stated."""
        return split_pairs(self.columns)

    @property
    def grid(self) -> GridSource:
        """The files as those of any grid."""
        names = (f.name for f in dataclasses.fields(GridSource))
        return GridSource(**{name: getattr(self, name) for name in names})


def _check_kind(variable: WeatherVariable) -> None:
    """Refuse settings that mean nothing for the kind of the files."""
    defaults = {f.name: f.default for f in dataclasses.fields(variable)}
    names = OF_GRIDS if variable.is_table else OF_TABLES
    for name in names:
        if getattr(variable, name) != defaults[name]:
            raise ValueError(wrong_kind(name, variable.is_table))


def _check_steps(steps: tuple[str, ...]) -> None:
    for step in steps:
        if step not in STEPS:
            raise ValueError(unknown_word("transformation", step, STEPS))
        if step in SEVERAL and step != steps[-1]:
            raise ValueError(
                f'transformation has "{step}" before "{steps[-1]}", but it makes '
                "several features of one; put it last"
            )
        if steps.count(step) > 1:
            raise ValueError(f'transformation has "{step}" twice; leave one out')
    if steps == ("decompose",):
        raise ValueError(
            'transformation "decompose" is of normalised series; use ["normalise", '
            '"decompose"]'
        )


@dataclasses.dataclass(frozen=True)
class StaticField:
    """A field that does not change in time.

    Attributes:
      files: A netCDF file.
      variable: Name of the variable in it; the only one on lat and lon if empty.
      units: Units of the values, for the record of what was read; those of the file if
        empty.
      fill: Number that marks missing data though the file does not declare it.
      statistic: What is taken of a file with several times: "mean" or "sd".
      transformation: "log1p" takes the logarithm of 1 and the value, "categories" makes
        a feature of each value that there is, as of land cover; empty for the values.
      interpolation: "bilinear" between the centres of the grid, or "cell" for the value
        of the cell in which a place lies, as categories always are.
      missing: What places without a value have: "error" stops, "nearest" takes the
        nearest place that has one.
    """

    files: str = dataclasses.field(default="", metadata=REQUIRED)
    variable: str = ""
    units: str = ""
    fill: float | None = None
    statistic: Literal["mean", "sd"] = "mean"
    transformation: Literal["", "log1p", "categories"] = ""
    interpolation: Literal["bilinear", "cell"] = "bilinear"
    missing: Literal["error", "nearest"] = "error"

    def __post_init__(self) -> None:
        check_files(self.files)
        if self.fill is not None and not math.isfinite(self.fill):
            raise ValueError(f"fill is {self.fill:g}, expected a finite number")
        check_choices(self)

    def __str__(self) -> str:
        return self.files


def weather_variable(value: str | GridSource | WeatherVariable) -> WeatherVariable:
    """Complete the name of a file to a table.

    Args:
      value: As the study has it.

    Returns:
      The same as a table.
    """
    if isinstance(value, WeatherVariable):
        return value
    if isinstance(value, GridSource):
        names = (f.name for f in dataclasses.fields(GridSource))
        return WeatherVariable(**{name: getattr(value, name) for name in names})
    return WeatherVariable(value)


def static_field(value: str | StaticField) -> StaticField:
    """Complete the name of a file of a static field to a table.

    Args:
      value: As the study has it.

    Returns:
      The same as a table.
    """
    return value if isinstance(value, StaticField) else StaticField(value)
