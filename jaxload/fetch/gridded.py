"""Water of GLDAS and weather of ERA5."""

import calendar
import datetime

from jaxload.fetch.clients import search_earthdata
from jaxload.fetch.periods import parse_days, parse_search_days
from jaxload.fetch.remote_files import RemoteFile
from jaxload.fetch.stations import SearchBox

__all__ = ["ERA5_VARIABLES", "era5_files", "gldas_files"]

#: GLDAS-2.2: daily, a quarter of a degree, total water storage with GRACE assimilated.
GLDAS = ("GLDAS_CLSM025_DA1_D", "2.2")

#: First days of both, as their centres state them.
GLDAS_BEGINS, ERA5_BEGINS = "2003-02-01", "1940-01-01"

#: Dataset of the Climate Data Store with daily statistics of ERA5, and names of its
#: variables with the statistic of each.
ERA5 = "derived-era5-single-levels-daily-statistics"
ERA5_VARIABLES = {
    "pressure": ("surface_pressure", "daily_mean"),
    "temperature": ("2m_temperature", "daily_mean"),
    "precipitation": ("total_precipitation", "daily_sum"),
}


def gldas_files(days: tuple[str, str]) -> list[RemoteFile]:
    """Name daily files of GLDAS-2.2 on the globe.

    Args:
      days: First and last day, ISO.

    Returns:
      Files in "gldas".

    Raises:
      ValueError: If days are missing, none, in the wrong order or before the data, the
        client is missing or nothing is there.
      OSError: If the search fails.
    """
    if not all(days):
        raise ValueError("files of GLDAS need --start and --end, as 2015-01-31")
    days = parse_search_days(days, GLDAS_BEGINS, "files of GLDAS-2.2")
    return search_earthdata(*GLDAS, days, "gldas")


def era5_files(
    variable: str, box: SearchBox | None, days: tuple[str, str]
) -> list[RemoteFile]:
    """Name requests for ERA5, one for each month.

    Args:
      variable: One of `ERA5_VARIABLES`.
      box: West, south, east and north [degrees]; None for the globe, which loads by
        pressure need.
      days: First and last day, ISO.

    Returns:
      Files in "era5".

    Raises:
      ValueError: If the variable or the days are none, or the days are in the wrong
        order or outside of the data.
    """
    if variable not in ERA5_VARIABLES:
        expected = ", ".join(ERA5_VARIABLES)
        raise ValueError(f"variable is {variable!r}, expected one of {expected}")
    first, last = parse_days(days, ERA5_BEGINS, "data of ERA5")
    name, statistic = ERA5_VARIABLES[variable]
    files, day = [], first
    while day <= last:
        count = calendar.monthrange(day.year, day.month)[1]
        end = min(last, day.replace(day=count))
        request = {
            "product_type": "reanalysis",
            "variable": [name],
            "year": f"{day.year}",
            "month": [f"{day.month:02d}"],
            "day": [f"{one:02d}" for one in range(day.day, end.day + 1)],
            "daily_statistic": statistic,
            "time_zone": "utc+00:00",
            "frequency": "1_hourly",
        }
        if box is not None:
            west, south, east, north = box
            request["area"] = [north, west, south, east]
        path = f"era5/{variable}_{day:%Y_%m}.nc"
        files.append(RemoteFile(ERA5, path, client="cds", request=request))
        day = end + datetime.timedelta(1)
    return files
