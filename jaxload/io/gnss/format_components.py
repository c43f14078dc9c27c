"""Series of one component a file, named in the name of the file or its suffix."""

import re

import numpy as np
from numpy.typing import NDArray

from jaxload.io.gnss.headers import (
    header_site,
    header_station,
    header_units,
    stated_scale,
)
from jaxload.io.gnss.options import Reading, check_units
from jaxload.io.gnss.source import Source, component_in_name, plain_suffix, station_name
from jaxload.io.gnss.station_series import ONE_COMPONENT, Series
from jaxload.io.text.table import Table, split_table, value_column
from jaxload.io.text.time_columns import time_days, time_format_of

__all__ = [
    "is_component",
    "is_est_noise",
    "is_mom",
    "read_component",
    "read_est_noise",
    "read_mom",
]


def is_mom(source: Source) -> bool:
    """Whether it is of Hector: ``# sampling period``, then a day and a value."""
    return any("sampling period" in line for line in source.lines[:5]) or (
        plain_suffix(source.path) == ".mom"
    )


def read_mom(source: Source, reading: Reading) -> list[Series]:
    """Read a .mom file of Hector: a modified Julian date and a value, without errors.

    A third column is a fitted model. The name ends in 0, 1 or 2 for east, north and up
    (``P123_2.mom``), or in the component. Usually in millimetres.
    """
    layout = ": MJD and observation, perhaps with a model"
    table = split_table(source.path, source.lines, (2, 3), layout)
    days = time_days(table, (0,), "mjd")
    scale = stated_scale(source, reading, "mm")
    return [_series(source, table, days, scale, sigma=None)]


def is_est_noise(source: Source) -> bool:
    """Whether lines are ``year day value sigma``, the day perhaps with decimals."""
    return bool(source.rows) and all(
        len(row) == 4
        and re.fullmatch(r"(19|20)\d\d\.?0*", row[0])
        and re.fullmatch(r"\d{1,3}(\.\d*)?", row[1])
        and 1 <= float(row[1]) < 367
        for row in source.rows
    )


def read_est_noise(source: Source, reading: Reading) -> list[Series]:
    """Read one of three files of a station: year, day of the year, value and error.

    So the program est_noise of the USGS has them; day 1 is 1 January. The suffix is the
    component (.e, .n, .u). Usually in millimetres.
    """
    layout = ": year, day of the year, value, sigma"
    table = split_table(source.path, source.lines, (4,), layout)
    days = time_days(table, (0, 1), "%Y %j")
    scale = stated_scale(source, reading, "mm")
    return [_series(source, table, days, scale, sigma=3, value=2)]


def is_component(source: Source) -> bool:
    """Whether the name holds a component, and lines are a time, a value, an error."""
    # What is called .up, and dates with three columns, have a format of their own.
    if not source.rows or not component_in_name(source.path):
        return False
    dated = all(len(row) == 3 and re.fullmatch(r"\d{8}", row[0]) for row in source.rows)
    return (
        not dated
        and plain_suffix(source.path) != ".up"
        and all(len(row) in (2, 3) and time_format_of([row[0]]) for row in source.rows)
    )


def read_component(source: Source, reading: Reading) -> list[Series]:
    """Read lines of a time, a value and perhaps its error, of stated units.

    Raises:
      ValueError: If nothing states the units, or the name no component.
    """
    layout = ": time, value and perhaps its sigma"
    # As many on every line as on the first.
    width = 2 if source.rows and len(source.rows[0]) == 2 else 3
    table = split_table(source.path, source.lines, (width,), layout)
    days = time_days(table, (0,), "", reading.time_format)
    units = header_units(source.lines[:20]) or reading.units
    if units is None:
        raise ValueError(
            f"{source.path} does not state its units; say them by units, as "
            'units = "mm"'
        )
    sigma = 2 if len(table.rows[0]) == 3 else None
    scale = check_units(units, f"units of {source.path}")
    return [_series(source, table, days, scale, sigma)]


def _series(
    source: Source,
    table: Table,
    day: NDArray[np.datetime64],
    scale: float,
    sigma: int | None,
    value: int = 1,
) -> Series:
    component = component_in_name(source.path)
    if not component:
        raise ValueError(
            f"{source.path} holds one component, but neither its suffix nor the end of "
            "its name says which; describe it by columns, as columns = { time = 0, "
            f"up = {value} }}"
        )
    errors = {}
    if sigma is not None:
        errors[component] = scale * value_column(table, sigma, "sigma")
    return Series(
        header_station(source) or station_name(source.path),
        day,
        {component: scale * value_column(table, value, component)},
        errors,
        header_site(source),
        part=ONE_COMPONENT,
    )
