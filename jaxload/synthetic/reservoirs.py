"""Water that weather leaves in snow, soil and ground, and water apart from it."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from jaxload import sphere
from jaxload.synthetic.networks import elevation
from jaxload.synthetic.smooth import slow, smooth_noise, years_of
from jaxload.synthetic.weather import FREEZING, PlaceWeather, mean_rain

__all__ = ["Ground", "Reservoirs", "draw_ground", "fill_reservoirs", "unexplained"]

Floats = NDArray[np.float64]

#: Shortest and longest time in which soil and rivers run off [days].
RECESSION = (30.0, 150.0)

#: Share of what runs off that reaches the groundwater [-], and time in which that runs
#: off in turn [days].
RECHARGE, GROUNDWATER_RECESSION = 0.25, 220.0

#: Evaporation from wet ground [mm/day/K], and soil water at which half of it is left
#: [mm].
EVAPORATION, HALF_DRY = 0.11, 160.0

#: Share of the rain that does not evaporate, by which reservoirs begin [-].
REMAINS = 0.6

#: Snow that melts [mm/day/K].
DEGREE_DAY = 3.0

#: Where groundwater or ice has a trend: lon and lat of the middle, width [degrees], and
#: trend [mm/yr]. Real ones are in these places, of such signs.
TRENDS = (
    (115.5, 37.6, 2.8, -15.0),
    (89.0, 34.0, 5.0, 5.0),
    (84.5, 43.2, 3.2, -6.0),
    (94.5, 30.0, 2.5, -8.0),
    (127.0, 46.5, 3.5, 6.0),
    (114.0, 28.5, 3.8, 6.0),
    (107.5, 24.3, 2.6, 5.0),
    (101.5, 25.5, 2.2, -5.0),
)

#: Droughts: number of patterns, their length of correlation [km], their time stretched
#: beyond a year by, and the standard deviation of their sum where it is wet [mm].
DROUGHTS, DROUGHT_LENGTH, STRETCH, DROUGHT = 8, 260.0, 2, 22.0


@dataclasses.dataclass(frozen=True, eq=False)
class Ground:
    """What weather falls on.

    Attributes:
      recession: Time in which soil and rivers run off to 1 / e [days], shape (place,).
      land: Share of land [-], shape (place,).
    """

    recession: Floats
    land: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class Reservoirs:
    """Water in store.

    Attributes:
      soil: In snow, soil and rivers [mm], shape (epoch, place).
      groundwater: Beneath [mm], shape (epoch, place).
    """

    soil: Floats
    groundwater: Floats


def draw_ground(places: sphere.Grid, land: Floats, rng: Generator) -> Ground:
    """Draw how long water stays where.

    Args:
      places: A whole raster.
      land: Share of land [-], shape (place,).
      rng: From which it is drawn.

    Returns:
      The ground; water stays longer where it is high.
    """
    least, most = RECESSION
    rough = _pattern(places, 350.0, rng)
    high = np.clip(elevation(places.lon, places.lat) / 4000, 0, 1)
    recession = np.exp(np.log(52.0) + 0.3 * rough + 0.95 * high)
    return Ground(np.clip(recession, least, most), land)


def fill_reservoirs(weather: PlaceWeather, ground: Ground, before: int) -> Reservoirs:
    """Let precipitation fill the ground and run off.

    Precipitation below freezing is snow, which melts by degree-days. Soil and rivers
    are a linear reservoir, S' = P + melt - ET - S / k, whose evapotranspiration goes
    with temperature and with how wet the soil is; a part of what leaves it fills the
    groundwater, a slower one.

    Args:
      weather: Of every day, some before the record among them.
      ground: What it falls on.
      before: Days in which the reservoirs come to their balance.

    Returns:
      Water after each day of the record.
    """
    days, places = weather.temperature.shape
    soil = np.empty((days - before, places))
    groundwater = np.empty_like(soil)
    # Near the balance of the mean day: the groundwater would be long in coming to it.
    run_off = REMAINS * weather.precipitation.mean(axis=0)
    below = RECHARGE * GROUNDWATER_RECESSION * run_off
    state = np.stack([np.zeros(places), ground.recession * run_off, below])
    for day in range(days):
        state = _next_day(
            state, weather.temperature[day], weather.precipitation[day], ground
        )
        if day >= before:
            soil[day - before] = state[0] + state[1]
            groundwater[day - before] = state[2]
    return Reservoirs(soil * ground.land, groundwater * ground.land)


def _next_day(
    state: Floats, temperature: Floats, precipitation: Floats, ground: Ground
) -> Floats:
    """Snow, soil water and groundwater a day later, shape (3, place)."""
    snow, soil, below = state
    warmth = np.maximum(temperature - FREEZING, 0)
    falling = np.where(warmth > 0, 0, precipitation)
    melt = np.minimum(snow, DEGREE_DAY * warmth)
    lost = EVAPORATION * warmth * soil / (soil + HALF_DRY)
    run_off = soil / ground.recession
    soil = soil + (precipitation - falling) + melt - np.minimum(lost, soil) - run_off
    below = below + RECHARGE * run_off - below / GROUNDWATER_RECESSION
    return np.stack([snow + falling - melt, np.maximum(soil, 0), below])


def unexplained(
    places: sphere.Grid,
    time: NDArray[np.datetime64],
    ground: Ground,
    streams: Mapping[str, Generator],
) -> Floats:
    """Draw groundwater that no weather explains: trends, and droughts of years.

    Args:
      places: A whole raster.
      time: Days, shape (epoch,).
      ground: Where there is land.
      streams: From which droughts are drawn: "droughts".

    Returns:
      Groundwater [mm], shape (epoch, place).
    """
    years = years_of(time) - years_of(time)[0]
    rate = np.zeros(places.lon.shape)
    for lon, lat, width, trend in TRENDS:
        away = ((places.lon - lon) / width) ** 2 + ((places.lat - lat) / width) ** 2
        rate += trend * np.exp(-away)
    wetness = np.sqrt(np.minimum(mean_rain(places.lon, places.lat) / 3, 1))
    rng = streams["droughts"]
    patterns = [_pattern(places, DROUGHT_LENGTH, rng) for _ in range(DROUGHTS)]
    series = np.stack([_years(len(time), rng) for _ in patterns], axis=1)
    drought = series @ np.stack(patterns) * (DROUGHT / np.sqrt(DROUGHTS))
    return (years[:, None] * rate + drought * wetness) * ground.land


def _years(days: int, rng: Generator) -> Floats:
    """A series of unit variance that changes over years, shape (epoch,)."""
    short = slow(days // STRETCH + 2, rng)
    return np.interp(np.arange(days) / STRETCH, np.arange(len(short)), short)


def _pattern(places: sphere.Grid, length: float, rng: Generator) -> Floats:
    """A smooth field of unit variance, shape (place,)."""
    shape = (len(places.lat_axis), len(places.lon_axis))
    middle = float(places.lat_axis.mean())
    return smooth_noise(shape, places.spacing, middle, length, rng).ravel()
