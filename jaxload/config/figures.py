"""The table of a study file for its figures."""

import dataclasses
from typing import Literal

import numpy as np

from jaxload.config.checks import check_choices

__all__ = ["Figures"]

#: Radii of discs whose displacement can be drawn [km].
LEAST_RADIUS, LARGEST_RADIUS = 1.0, 2000.0


@dataclasses.dataclass(frozen=True)
class Figures:
    """Table ``[figures]``: what figures of the results look like.

    Attributes:
      format: Format of the files: "png", or "pdf" or "svg" for lines and letters that
        can be scaled; cells of maps are pixels in all of them.
      dates: Dates such as "2017-02-15", of which maps are drawn as twsa_dates, or
        gwsa_dates of groundwater; those of the nearest epochs.
      belt: Whether maps show the belt around the region too, in which water is
        estimated so that it does not spoil the region, and is no result.
      regions: Names of regions that figures of regions show; all if empty, and of
        scatter plots the first six.
      stations: Names of stations of which series are drawn: heights with loads, with
        weather and beside gravimetry; some that are spread if empty. Their weather is
        in weather.nc.
      filled_cells: Cells without a station of which series are drawn, by their names in
        virtual_stations.nc, such as "G012", or longitude and latitude, such as "101.5
        24.5", of which the nearest is taken. If empty, the three with the smallest, the
        median and the largest standard error.
      topography: Height of the ground as netCDF, shaded under the map of stations; if
        empty, the field of ``[weather.static]`` that is called elevation, topography,
        orography, height or dem, where there is one.
      disc_radii_km: Radii of discs of water [km] whose displacement the figure kernel
        shows beside that of a cell.
    """

    format: Literal["png", "pdf", "svg"] = "png"
    dates: tuple[str, ...] = ()
    belt: bool = False
    regions: tuple[str, ...] = ()
    stations: tuple[str, ...] = ()
    filled_cells: tuple[str, ...] = ()
    topography: str = ""
    disc_radii_km: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_choices(self, "figures")
        for date in self.dates:
            try:
                np.datetime64(date, "D")
            except ValueError:
                raise ValueError(
                    f'figures.dates has "{date}", which is no date; write dates as '
                    '"2017-02-15"'
                ) from None
        for name in ("regions", "stations", "filled_cells"):
            names = getattr(self, name)
            if len(set(names)) < len(names):
                raise ValueError(f"figures.{name} has a name twice; write each once")
        for radius in self.disc_radii_km:
            if not LEAST_RADIUS <= radius <= LARGEST_RADIUS:
                raise ValueError(
                    f"figures.disc_radii_km has {radius:g}, expected radii of "
                    f"{LEAST_RADIUS:g} to {LARGEST_RADIUS:g} km"
                )
