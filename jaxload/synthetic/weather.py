"""Daily weather of a monsoon climate: temperature, surface pressure and rain.

Weather is a climate, known, plus noise, drawn. The noise of rain is in part that of
temperature and pressure: who knows these knows something of the water.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import scipy.special
from numpy.random import Generator
from numpy.typing import NDArray

from jaxload import sphere
from jaxload.constants import DEGREE
from jaxload.synthetic.networks import elevation
from jaxload.synthetic.noise import remembered
from jaxload.synthetic.smooth import DAYS_PER_YEAR, KM_PER_DEGREE, years_of

__all__ = [
    "FREEZING",
    "PlaceWeather",
    "WeatherNoise",
    "correlated",
    "draw_weather_noise",
    "mean_rain",
    "mixed",
    "weather_of",
]

Floats = NDArray[np.float64]

#: Water freezes below this [K].
FREEZING = 273.15

#: Days of the year on which it is warmest, and on which it rains most.
WARMEST, WETTEST = 202.0, 203.0

#: Days by which pressure is highest sooner on a plateau than on plains, and from which
#: height on [m]: air there stays warm into autumn, and much of it lies above. In Yunnan
#: it is highest in November.
SOONER, PLATEAU = 70.0, 2000.0

#: Fall of temperature with height [K/m], and height in which pressure falls to 1 / e
#: [m].
LAPSE, SCALE_HEIGHT = 0.0045, 8400.0

#: Pressure at sea level [Pa].
SEA_LEVEL_PRESSURE = 101_325.0

#: Of what passes in days, of rain alone, and of what stays for months: distance in
#: which correlation falls to 1 / e [km], and time [days].
PASSING, SHOWERS, STAYING = (800.0, 5.0), (300.0, 1.0), (1200.0, 60.0)

#: Correlation of passing pressure with passing temperature [-].
WARM_IS_LIGHT = -0.55

#: Share of the noise of rain that passing pressure has in it, and what stays [-].
RAIN_OF_PRESSURE, RAIN_OF_STAYING = 0.40, 0.20

#: What a wet spell that stays does to temperature [K] and to pressure [Pa].
STAYING_COOLS, STAYING_LIGHTENS = -0.8, -110.0

#: How sharply the rain has its season: exponent of a von Mises curve [-].
SEASON = 1.35

#: Amounts of rain are exponential ones raised to this power: many small, few large.
AMOUNT = 1.05


@dataclasses.dataclass(frozen=True, eq=False)
class PlaceWeather:
    """Weather at places.

    Attributes:
      temperature: Of the air [K], shape (epoch, place).
      pressure: At the ground [Pa], shape (epoch, place).
      precipitation: Rain and snow [mm/day], shape (epoch, place).
    """

    temperature: Floats
    pressure: Floats
    precipitation: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class WeatherNoise:
    """What makes one year's weather differ from another's; all of unit variance.

    Attributes:
      warmth: Of temperature, passing in days, shape (epoch, place).
      weight: Of pressure, likewise; correlated with warmth.
      showers: Of rain alone, shape (epoch, place).
      staying: Of all three, staying for months; positive is wet, shape (epoch, place).
    """

    warmth: Floats
    weight: Floats
    showers: Floats
    staying: Floats


def draw_weather_noise(
    places: sphere.Grid, days: int, streams: Mapping[str, Generator]
) -> WeatherNoise:
    """Draw the noise of weather.

    Args:
      places: A whole raster.
      days: How many.
      streams: From which it is drawn: "warmth", "weight", "showers" and "staying".

    Returns:
      The noise.
    """
    warmth = correlated(places, days, *PASSING, streams["warmth"])
    weight = correlated(places, days, *PASSING, streams["weight"])
    weight *= np.sqrt(1 - WARM_IS_LIGHT**2)
    weight += WARM_IS_LIGHT * warmth
    return WeatherNoise(
        warmth,
        weight,
        correlated(places, days, *SHOWERS, streams["showers"]),
        correlated(places, days, *STAYING, streams["staying"]),
    )


def mixed(one: WeatherNoise, other: WeatherNoise, share: float) -> WeatherNoise:
    """Mix noise so that its variance stays.

    Args:
      one: Some.
      other: Some that is independent of it.
      share: Correlation of the mixture with the first [-].

    Returns:
      The mixture.
    """
    rest = np.sqrt(1 - share**2)
    names = [field.name for field in dataclasses.fields(WeatherNoise)]
    return WeatherNoise(
        *(share * getattr(one, name) + rest * getattr(other, name) for name in names)
    )


def correlated(
    places: sphere.Grid, days: int, length: float, time_scale: float, rng: Generator
) -> Floats:
    """Draw a field that is correlated in space and in time.

    Args:
      places: A whole raster.
      days: How many; the first few time scales are still short of variance.
      length: Distance in which the correlation falls to 1 / e [km].
      time_scale: Time in which the correlation falls to 1 / e [days].
      rng: From which it is drawn.

    Returns:
      The field, of unit variance, shape (epoch, place).
    """
    # Noise smoothed by a Gaussian of width s is correlated as exp(-(d / 2 s)^2).
    width = length / 2 / KM_PER_DEGREE
    middle = np.cos(places.lat_axis.mean() * DEGREE)
    rows = _smoothing(places.lat_axis, width)
    columns = _smoothing(places.lon_axis, width / middle)
    noise = rng.normal(size=(days, rows.shape[1], columns.shape[1]))
    noise = remembered(noise, time_scale) * np.sqrt(1 - np.exp(-2 / time_scale))
    return (rows @ noise @ columns.T).reshape(days, -1)


def _smoothing(axis: Floats, width: float) -> Floats:
    """From noise on nodes to a smooth field of the same variance, (axis, node)."""
    nodes = np.arange(axis[0] - 3 * width, axis[-1] + 4 * width, width)
    weight = np.exp(-(((axis[:, None] - nodes[None, :]) / width) ** 2) / 2)
    return weight / np.linalg.norm(weight, axis=1, keepdims=True)


def weather_of(
    noise: WeatherNoise, places: sphere.Grid, time: NDArray[np.datetime64]
) -> PlaceWeather:
    """Turn noise into weather.

    Args:
      noise: Of every day.
      places: Where.
      time: Days, shape (epoch,).

    Returns:
      The weather.
    """
    height = elevation(places.lon, places.lat)
    return PlaceWeather(
        _temperature(noise, places, time, height),
        _pressure(noise, places, time, height),
        _precipitation(noise, places, time),
    )


def mean_rain(lon: Floats, lat: Floats) -> Floats:
    """Rain of the mean day.

    Much in the south-east and where the monsoon meets the mountains of Yunnan, next to
    none in the north-west.

    Args:
      lon: Longitude [degrees].
      lat: Latitude [degrees], same shape.

    Returns:
      Rain [mm/day], same shape.
    """
    inland = (lat - 22) / 16 + (113 - lon) / 22
    mountains = ((lon - 98.0) / 5.0) ** 2 + ((lat - 25.0) / 4.5) ** 2
    plains = 4.0 / (1 + np.exp(2.4 * (inland - 0.75)))
    return 0.25 + plains + 3.0 * np.exp(-mountains)


def _season(time: NDArray[np.datetime64], day: float | Floats) -> Floats:
    """A cosine that is one on a day of the year, shape (epoch, 1 or place)."""
    years = years_of(time)[:, None] - np.atleast_1d(day)[None, :] / DAYS_PER_YEAR
    return np.cos(2 * np.pi * years)


def _temperature(
    noise: WeatherNoise,
    places: sphere.Grid,
    time: NDArray[np.datetime64],
    height: Floats,
) -> Floats:
    north = places.lat - 20
    level = 298.0 - 0.85 * north - LAPSE * height
    annual = 5.0 + 0.52 * north
    passing = 3.0 + 2.0 * np.clip(north / 30, 0, 1)
    change = annual * _season(time, WARMEST) + passing * noise.warmth
    return level + change + STAYING_COOLS * noise.staying


def _pressure(
    noise: WeatherNoise,
    places: sphere.Grid,
    time: NDArray[np.datetime64],
    height: Floats,
) -> Floats:
    level = SEA_LEVEL_PRESSURE * np.exp(-height / SCALE_HEIGHT)
    # The winter high weighs most on the plains of the north and the east.
    east, north = (places.lon - 114) / 21, (places.lat - 39.5) / 13
    annual = 180 + 900 * np.exp(-(east**2) - north**2)
    passing = 220 + 240 * np.clip((places.lat - 20) / 25, 0, 1)
    lowest = WARMEST - SOONER * np.clip(height / PLATEAU, 0, 1)
    change = -annual * _season(time, lowest) + passing * noise.weight
    return level + change + STAYING_LIGHTENS * noise.staying


def _precipitation(
    noise: WeatherNoise, places: sphere.Grid, time: NDArray[np.datetime64]
) -> Floats:
    season = np.exp(SEASON * _season(time, WETTEST)) / scipy.special.i0(SEASON)
    expected = mean_rain(places.lon, places.lat) * season
    wet = 0.06 + 0.86 * expected / (expected + 2.4)
    independent = np.sqrt(1 - RAIN_OF_PRESSURE**2 - RAIN_OF_STAYING**2)
    drive = independent * noise.showers - RAIN_OF_PRESSURE * noise.weight
    drive += RAIN_OF_STAYING * noise.staying
    # It rains on the wettest part of days; among these, amounts have one distribution.
    excess = np.log(wet) - scipy.special.log_ndtr(-drive)
    amount = np.maximum(excess, 0) ** AMOUNT / scipy.special.gamma(1 + AMOUNT)
    return amount * (expected / wet)
