"""What kind of world of weather and water."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from jaxload._calendar import days_from
from jaxload.synthetic.networks import REGIONS
from jaxload.synthetic.noise import HeightNoise

__all__ = ["WeatherSettings"]

#: By which forests and networks miss heights as much as in the articles.
NOISE = {
    "southwest_china": HeightNoise(white=2.0, flicker=1.2, common=0.9),
    "mainland_china": HeightNoise(white=3.4, flicker=2.6, common=1.4),
}


@dataclasses.dataclass(frozen=True)
class WeatherSettings:
    """What kind of world.

    Attributes:
      region: "southwest_china" (57 stations) or "mainland_china" (263).
      seed: From which everything random is drawn; regions and networks are not.
      start: First day, ISO.
      stop: Last day.
      weather_link: Correlation of the weather that drives the water with the weather
        that is known [-]: 1 as a rule; with 0 the water has the seasons of its climate,
        but nothing to do with the weather beyond them.
      spacing: Side of a cell of water [degrees].
      buffer: Width of the belt of water around the region [degrees of arc].
      white: Median standard deviation of white noise in height [mm]; None for what the
        region's network has.
      flicker: Standard deviation of flicker noise in height [mm], likewise.
      common: Standard deviation of the common mode of the network [mm], likewise.
      thermal: Thermal expansion as a share of what it is as a rule, which is 0.5 to 1.5
        mm of annual amplitude [-].
      missing: Share of days lost to failures, late beginnings apart.
      outliers: Share of days with a gross error.
      steps: Share of stations with a step on a known day.
      horizontals: Whether receivers measure north and east as well.
      truth: "inverted" for water on the cells that are inverted, moved by the Earth and
        driven by the weather that a study takes; "independent" for the truth of
        `independent_truth`, which none of them makes.
    """

    region: str = "southwest_china"
    seed: int = 1
    start: str = "2011-01-01"
    stop: str = "2020-12-31"
    weather_link: float = 1.0
    spacing: float = 0.25
    buffer: float = 2.0
    white: float | None = None
    flicker: float | None = None
    common: float | None = None
    thermal: float = 1.0
    missing: float = 0.08
    outliers: float = 0.01
    steps: float = 0.15
    horizontals: bool = False
    truth: str = "inverted"

    def __post_init__(self) -> None:
        if self.region not in REGIONS:
            raise ValueError(f"region is {self.region!r}, expected one of {REGIONS}")
        if self.truth not in ("inverted", "independent"):
            raise ValueError(
                f"truth is {self.truth!r}, expected inverted or independent"
            )
        if self.truth == "independent" and self.horizontals:
            raise ValueError(
                'truth "independent" has heights alone; leave horizontals out'
            )
        for name in ("weather_link", "missing", "outliers", "steps"):
            self._check(name, 1.0)
        for name in ("white", "flicker", "common", "thermal"):
            if getattr(self, name) is not None:
                self._check(name, 1000.0)
        if len(self.time) < 60:
            raise ValueError(
                f"{self.start} to {self.stop} is {len(self.time)} days, too short for "
                "a world; take 60 or more"
            )

    def _check(self, name: str, most: float) -> None:
        value = getattr(self, name)
        if not 0 <= value <= most:
            raise ValueError(f"{name} is {value}, expected 0 to {most:g}")

    @property
    def noise(self) -> HeightNoise:
        """Noise of height."""
        levels = {name: getattr(self, name) for name in ("white", "flicker", "common")}
        chosen = {name: level for name, level in levels.items() if level is not None}
        return dataclasses.replace(NOISE[self.region], **chosen)

    @property
    def time(self) -> NDArray[np.datetime64]:
        """Days of the record, shape (epoch,)."""
        first, last = (np.datetime64(x, "D") for x in (self.start, self.stop))
        return days_from(first, last)
