"""Loads of a monsoon climate: air, soil, snow, sea and groundwater.

Sizes and dates are those of western Yunnan, or near them: the monsoon rains in July,
soil is wettest in September, groundwater highest in November, the air lightest in June.
"""

import dataclasses

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from jaxload.constants import DEGREE, SEAWATER_DENSITY, STANDARD_GRAVITY, WATER_DENSITY
from jaxload.synthetic.coasts import land_share
from jaxload.synthetic.modes import (
    Modes,
    Patterns,
    Rasters,
    add_modes,
    every,
    join,
    local,
    random,
    weighted,
)
from jaxload.synthetic.noise import remembered
from jaxload.synthetic.smooth import slow, years_of

__all__ = ["Climate", "Scene", "climate", "land_of", "loads_of"]

Floats = NDArray[np.float64]

#: Day of the year on which each has its largest value.
RAIN, SOIL, GROUNDWATER, AIR, SEA, SNOW = 201.0, 255.0, 318.0, 354.0, 161.0, 35.0

#: Days in which rain runs from the soil, and groundwater to the rivers.
SOIL_MEMORY, GROUNDWATER_MEMORY = 30.0, 90.0

#: Days before the record in which weather comes to its balance.
BEFORE = 500

#: Weather of the region: patterns, and their length of correlation [km].
WEATHER, WEATHER_LENGTH = 24, 120.0


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """Where and when fields are drawn, and from what.

    Attributes:
      rasters: Where.
      time: Days, shape (epoch,).
      rng: From which.
    """

    rasters: Rasters
    time: NDArray[np.datetime64]
    rng: Generator

    def season(self, day: float, harmonic: int = 1) -> tuple[Floats, Floats]:
        """Cosine and sine of a season that peaks on a day, shape (epoch,)."""
        turn = 2 * np.pi * harmonic * (years_of(self.time) - day / 365.25)
        return np.cos(turn), np.sin(turn)

    def weather(self, count: int, time_scale: float) -> Floats:
        """Series of unit variance that forget in some days, shape (epoch, mode)."""
        noise = self.rng.normal(size=(BEFORE + len(self.time), count))
        series = remembered(noise, time_scale)[BEFORE:]
        return series * np.sqrt(1 - np.exp(-2 / time_scale))


@dataclasses.dataclass(frozen=True, eq=False)
class Climate:
    """Fields of a climate.

    Attributes:
      pressure: Anomaly of surface pressure [Pa].
      soil: Anomaly of soil water [mm]; on land, of which the coast is not yet cut.
      snow: Snow [mm]; likewise.
      sea_level: Anomaly of sea level [mm]; at sea, likewise.
      groundwater: Anomaly of groundwater storage [mm].
      rain: Precipitation [mm/day], anomalies included; negative where those outdo it.
    """

    pressure: Modes
    soil: Modes
    snow: Modes
    sea_level: Modes
    groundwater: Modes
    rain: Modes


def climate(scene: Scene, seasonal: float) -> Climate:
    """Draw the fields.

    Args:
      scene: Where, when, and from what.
      seasonal: Mean annual amplitude of groundwater [mm].

    Returns:
      The fields.
    """
    soil, groundwater, rain = _water(scene, seasonal)
    return Climate(
        _pressure(scene), soil, _snow(scene), _sea_level(scene), groundwater, rain
    )


def land_of(rasters: Rasters) -> Patterns:
    """Share of land, as a pattern.

    Args:
      rasters: Where.
    """
    globe = land_share(rasters.globe_lat, rasters.globe_lon)
    box = land_share(rasters.box_lat, rasters.box_lon)
    return Patterns(globe[None], box[None])


def loads_of(fields: Climate, rasters: Rasters) -> dict[str, Modes]:
    """Turn fields into what presses on the ground.

    Air loads land by its weight, and the sea floor by the mean over all seas, as the
    sea gives way under it.

    Args:
      fields: The fields.
      rasters: Where they are known.

    Returns:
      Water [mm] by the names "atmosphere", "soil_water", "ocean" and "groundwater";
      soil water includes snow.
    """
    land = land_of(rasters)
    sea = Patterns(1 - land.globe, 1 - land.box)
    soil = [
        Modes(modes.series, weighted(modes.patterns, land))
        for modes in (fields.soil, fields.snow)
    ]
    height = weighted(fields.sea_level.patterns, SEAWATER_DENSITY / WATER_DENSITY)
    ocean = Modes(fields.sea_level.series, weighted(height, sea))
    return {
        "atmosphere": _inverted_barometer(fields.pressure, rasters, land),
        "soil_water": add_modes(rasters, soil),
        "ocean": add_modes(rasters, [ocean]),
        "groundwater": fields.groundwater,
    }


def _inverted_barometer(air: Modes, rasters: Rasters, land: Patterns) -> Modes:
    water = weighted(air.patterns, 1 / STANDARD_GRAVITY)
    weight = (1 - land.globe[0]) * np.cos(rasters.globe_lat * DEGREE)[:, None]
    mean = (water.globe * weight).sum(axis=(1, 2), keepdims=True) / weight.sum()
    on_land = weighted(water, land)
    load = Patterns(
        on_land.globe + mean * (1 - land.globe), on_land.box + mean * (1 - land.box)
    )
    return add_modes(rasters, [Modes(air.series, load)])


def _bump(
    rasters: Rasters, centre: tuple[float, float], width: tuple[float, float]
) -> Patterns:
    """A Gaussian hill of height one; centre and width in lon and lat [degrees]."""

    def hill(lat: Floats, lon: Floats) -> Floats:
        east = (lon - centre[0] + 180) % 360 - 180
        return np.exp(-((east / width[0]) ** 2) - ((lat - centre[1]) / width[1]) ** 2)

    return every(rasters, hill)


def _sum(*patterns: Patterns) -> Patterns:
    return Patterns(
        np.sum([p.globe for p in patterns], axis=0),
        np.sum([p.box for p in patterns], axis=0),
    )


def _seasonal(
    scene: Scene, day: float, size: Patterns, lag: Patterns | None = None
) -> Modes:
    """A season of given amplitude that comes some days later from place to place."""
    cosine, sine = scene.season(day)
    if lag is None:
        return Modes(cosine[:, None], size)
    angle = weighted(lag, 2 * np.pi / 365.25)
    late = Patterns(np.cos(angle.globe), np.cos(angle.box))
    later = Patterns(np.sin(angle.globe), np.sin(angle.box))
    parts = [weighted(size, late), weighted(size, later)]
    return Modes(np.stack([cosine, sine], axis=1), join(parts))


def _pressure(scene: Scene) -> Modes:
    rasters, rng = scene.rasters, scene.rng
    # The winter high of Asia; elsewhere seasons of no particular place.
    high = weighted(_bump(rasters, (103.0, 40.0), (45.0, 24.0)), 335.0)
    other = weighted(random(rasters, (1, 8), 1, rng), 40.0)
    days = weighted(random(rasters, (2, 20), 16, rng), 95.0 / 4)
    fine = weighted(local(rasters, 90.0, 8, rng), 45.0 / np.sqrt(8))
    return add_modes(
        rasters,
        [
            _seasonal(scene, AIR, high),
            _seasonal(scene, AIR, other),
            Modes(scene.weather(16, 4.0), days),
            Modes(scene.weather(8, 3.0), fine),
        ],
    )


def _water(scene: Scene, seasonal: float) -> tuple[Modes, Modes, Modes]:
    """Soil water, groundwater and rain, which feeds both."""
    rasters, rng = scene.rasters, scene.rng
    fallen = rng.normal(size=(BEFORE + len(scene.time), WEATHER))
    patterns = local(rasters, WEATHER_LENGTH, WEATHER, rng)
    patterns = weighted(patterns, 1 / np.sqrt(WEATHER))
    wet = remembered(fallen, SOIL_MEMORY)
    # What leaves the soil reaches the groundwater.
    deep = remembered(wet / SOIL_MEMORY, GROUNDWATER_MEMORY)
    rain, wet, deep = (x[BEFORE:] for x in (fallen, wet, deep))
    daily = 4.0
    soil = _soil(scene, Modes(daily * wet, patterns))
    groundwater = _groundwater(scene, seasonal, Modes(daily * deep, patterns))
    return soil, groundwater, _rain(scene, Modes(daily * rain, patterns))


def _soil(scene: Scene, weather: Modes) -> Modes:
    rasters, rng = scene.rasters, scene.rng
    monsoon = weighted(_bump(rasters, (98.0, 23.0), (26.0, 11.0)), 97.0)
    rough = weighted(local(rasters, 100.0, 1, rng), 12.0)
    wide = weighted(random(rasters, (3, 20), 1, rng), 8.0)
    lag = weighted(random(rasters, (2, 12), 1, rng), 6.0)
    drift = weighted(random(rasters, (3, 20), 8, rng), 15.0 / np.sqrt(8))
    return add_modes(
        rasters,
        [
            _seasonal(scene, SOIL, _sum(monsoon, rough), lag),
            _seasonal(scene, SOIL - 90, wide),
            Modes(scene.weather(8, 45.0), drift),
            weather,
        ],
    )


def _groundwater(scene: Scene, seasonal: float, weather: Modes) -> Modes:
    rasters, rng = scene.rasters, scene.rng
    rough = _centred(local(rasters, 110.0, 1, rng))
    fade = _fading(rasters)
    size = Patterns(np.zeros_like(rough.globe), seasonal * np.exp(0.25 * rough.box))
    lag = weighted(local(rasters, 200.0, 1, rng), 10.0)
    slowly = weighted(local(rasters, 180.0, 3, rng), 18.0 / np.sqrt(3))
    years = np.stack([slow(len(scene.time), rng) for _ in range(3)], axis=1)
    season = _seasonal(scene, GROUNDWATER, size, lag)
    parts = [season, Modes(years, slowly), weather]
    cosine, _ = scene.season(SOIL, 2)
    parts.append(Modes(cosine[:, None], weighted(size, 0.15)))
    faded = [Modes(part.series, weighted(part.patterns, fade)) for part in parts]
    return add_modes(rasters, faded)


def _centred(patterns: Patterns) -> Patterns:
    """Without their mean over the middle of the box, so that sizes stay as asked."""
    rows, columns = (slice(n // 3, n - n // 3) for n in patterns.box.shape[1:])
    mean = patterns.box[:, rows, columns].mean(axis=(1, 2), keepdims=True)
    return Patterns(patterns.globe, patterns.box - mean)


def _fading(rasters: Rasters) -> Patterns:
    """One over the region, nothing at the edge of the box, half way between them."""
    middle = rasters.box_lon.mean(), rasters.box_lat.mean()
    half = (np.ptp(rasters.box_lat) + rasters.box_lat[1] - rasters.box_lat[0]) / 2

    def fade(lat: Floats, lon: Floats) -> Floats:
        east = (lon - middle[0]) * np.cos(middle[1] * DEGREE)
        outside = np.hypot(east, lat - middle[1]) / half
        part = np.clip((1 - outside) / 0.6, 0, 1)
        return (1 - np.cos(np.pi * part)) / 2

    return every(rasters, fade)


def _rain(scene: Scene, weather: Modes) -> Modes:
    rasters = scene.rasters
    mean = every(rasters, lambda lat, lon: 3.2 + 0 * lat * lon)
    cosine, _ = scene.season(RAIN)
    steady = np.ones_like(cosine)
    constant = Modes(steady[:, None], mean)
    season = Modes(cosine[:, None], weighted(mean, 0.9))
    return add_modes(rasters, [constant, season, weather])


def _snow(scene: Scene) -> Modes:
    """Of the north, and of the mountains in the north-west of the box."""
    rasters = scene.rasters
    cosine, _ = scene.season(SNOW)
    winter = np.clip(cosine + 0.3, 0, None)
    north = every(rasters, lambda lat, lon: 45 / (1 + np.exp((50 - lat) / 4)) + 0 * lon)
    mountains = weighted(_bump(rasters, (96.5, 31.0), (3.0, 2.0)), 25.0)
    return add_modes(rasters, [Modes(winter[:, None], _sum(north, mountains))])


def _sea_level(scene: Scene) -> Modes:
    rasters, rng = scene.rasters, scene.rng
    bay = _bump(rasters, (90.0, 14.0), (16.0, 12.0))
    china = _bump(rasters, (114.0, 14.0), (12.0, 12.0))
    size = _sum(weighted(bay, 58.0), weighted(china, 50.0))
    drift = weighted(random(rasters, (1.0, 20.0), 10, rng), 16.0 / np.sqrt(10))
    return add_modes(
        rasters,
        [_seasonal(scene, SEA, size), Modes(scene.weather(10, 30.0), drift)],
    )
