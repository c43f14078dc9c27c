"""Western Yunnan: groundwater beneath other loads, observed by GNSS stations."""

import dataclasses

import numpy as np
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

from jaxload._calendar import days_from
from jaxload.constants import DEGREE
from jaxload.synthetic.loads import Climate, Scene, climate, loads_of
from jaxload.synthetic.modes import (
    Modes,
    Rasters,
    at_places,
    make_rasters,
    uplifts,
)
from jaxload.synthetic.noise import HeightNoise, height_noise, remembered
from jaxload.synthetic.outages import running
from jaxload.synthetic.outlines import lobed_outline

__all__ = [
    "GroundwaterSettings",
    "GroundwaterWorld",
    "Wells",
    "groundwater_world",
    "week_means",
]

Floats = NDArray[np.float64]

#: West, south, east and north of what is known finely [degrees].
BOX = (92.0, 18.0, 107.0, 33.0)

#: Stations stand no closer than this [degrees].
APART = 0.22


@dataclasses.dataclass(frozen=True)
class GroundwaterSettings:
    """What kind of world.

    Attributes:
      seed: From which everything random is drawn; of the first dozen, the default
        makes the world that is most like what was published of the real one.
      stations: Size of the network.
      wells: Number of wells.
      start: First day of the heights, ISO.
      stop: Last day of them.
      centre: Middle of the region, lon and lat [degrees].
      radius: Its mean radius [degrees of arc].
      spacing: Side of a cell of what is known finely [degrees], a part of 0.25.
      seasonal: Mean annual amplitude of groundwater [mm].
      white: Median standard deviation of white noise in height [mm].
      flicker: Standard deviation of flicker noise in height [mm].
      common: Standard deviation of the common mode of the network [mm].
      missing: Share of days lost to failures, late beginnings apart.
      outliers: Share of days with a gross error.
      stepping: Share of stations with a step on a known day.
      specific_yield: Specific yield about which that of each well scatters [-].
    """

    seed: int = 4
    stations: int = 66
    wells: int = 15
    start: str = "2018-01-01"
    stop: str = "2020-12-31"
    centre: tuple[float, float] = (99.5, 25.5)
    radius: float = 2.25
    spacing: float = 0.125
    seasonal: float = 140.0
    white: float = 3.2
    flicker: float = 1.2
    common: float = 0.8
    missing: float = 0.08
    outliers: float = 0.01
    stepping: float = 0.12
    specific_yield: float = 0.05


@dataclasses.dataclass(frozen=True, eq=False)
class Wells:
    """Wells and the depth of the water in them.

    Attributes:
      name: Names, shape (well,).
      lon: Longitude [degrees], shape (well,).
      lat: Latitude [degrees], shape (well,).
      depth: Depth to water [m], shape (epoch, well); NaN if missing.
    """

    name: NDArray[np.str_]
    lon: Floats
    lat: Floats
    depth: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class GroundwaterWorld:
    """A world and what was measured in it.

    Days are those of whole weeks, from a Sunday to a Saturday.

    Attributes:
      region: Outline of the region [degrees].
      rasters: Where fields are known.
      time: Days, shape (epoch,).
      fields: Pressure, soil, snow, sea level, groundwater and rain.
      station: Names, shape (station,).
      lon: Longitude of the stations [degrees], shape (station,).
      lat: Latitude of the stations [degrees], shape (station,).
      loading: True uplift [mm] by "atmosphere", "soil_water", "ocean" and
        "groundwater", each of shape (epoch, station).
      rate: Uplift that is no load's [mm/yr], shape (station,).
      step_station: Index of the stations that step, shape (step,).
      step_day: First day after each step, shape (step,).
      displacement: Measured uplift [mm], shape (epoch, station); NaN if missing.
      sigma: Formal standard error [mm], likewise.
      gwsa: True groundwater storage anomaly at the stations [mm], (epoch, station).
      wells: What wells show.
    """

    region: shapely.Polygon
    rasters: Rasters
    time: NDArray[np.datetime64]
    fields: Climate
    station: NDArray[np.str_]
    lon: Floats
    lat: Floats
    loading: dict[str, Floats]
    rate: Floats
    step_station: NDArray[np.int64]
    step_day: NDArray[np.datetime64]
    displacement: Floats
    sigma: Floats
    gwsa: Floats
    wells: Wells


def groundwater_world(
    settings: GroundwaterSettings | None = None,
) -> GroundwaterWorld:
    """Make a world from a seed.

    Air, soil, snow and sea load the whole globe, in smooth patterns; in a box about the
    region all have finer ones beside, and there is groundwater, which fades to nothing
    beyond the region. Rain wets the soil, and what leaves the soil feeds the
    groundwater. Heights are the sum of what every cell of every load does, by Green's
    functions on PREM, with rates, steps, gross errors, white and flicker noise and a
    common mode; receivers start late and fail in runs.

    Args:
      settings: What kind of world.

    Returns:
      The `GroundwaterWorld`; the same settings give the same one.

    Raises:
      ValueError: If the settings make no network or no record, or float64 is off.

    Example:
      >>> world = groundwater_world(GroundwaterSettings(seed=7))
    """
    settings = GroundwaterSettings() if settings is None else settings
    time = _whole_weeks(settings)
    _check(settings, len(time))
    # A stream for each, so that more stations stand in the same climate.
    outline, weather, sites, noise, holes = np.random.default_rng(settings.seed).spawn(
        5
    )
    rasters = make_rasters(BOX, settings.spacing)
    region = lobed_outline(settings.centre, settings.radius, outline)
    fields = climate(Scene(rasters, time, weather), settings.seasonal)
    lon, lat = _scattered(region, settings.stations, APART, sites)
    places = _Places(lon, lat)
    loading = uplifts(loads_of(fields, rasters), rasters, places)
    network = _Network(time, sum(loading.values(), start=np.zeros(())))
    heights = _measured(settings, network, noise)
    return GroundwaterWorld(
        region=region,
        rasters=rasters,
        time=time,
        fields=fields,
        station=_names("W", settings.stations),
        lon=lon,
        lat=lat,
        loading=loading,
        **heights,
        gwsa=at_places(fields.groundwater, rasters, lon, lat),
        wells=_wells(settings, region, rasters, time, fields.groundwater, holes),
    )


def week_means(values: Floats) -> Floats:
    """Average days over their weeks.

    Args:
      values: Of days of whole weeks, shape (epoch, ...); NaN if missing.

    Returns:
      Means, shape (week, ...); NaN for weeks with a day missing.
    """
    return values.reshape(-1, 7, *values.shape[1:]).mean(axis=1)


@dataclasses.dataclass(frozen=True)
class _Places:
    lon: Floats
    lat: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class _Network:
    time: NDArray[np.datetime64]
    loading: Floats


def _check(settings: GroundwaterSettings, days: int) -> None:
    if settings.stations < 2 or settings.wells < 1 or days < 60:
        raise ValueError(
            f"a world of {settings.stations} stations, {settings.wells} wells and "
            f"{days} days is too small; take 2, 1 and 60 or more"
        )
    parts = 0.25 / settings.spacing
    if not settings.spacing > 0 or abs(parts - round(parts)) > 1e-9:
        raise ValueError(
            f"spacing is {settings.spacing:g}, expected 0.25 degrees or a whole part "
            "of it"
        )


def _whole_weeks(settings: GroundwaterSettings) -> NDArray[np.datetime64]:
    """From the Sunday before the first day to the Saturday after the last."""
    first, last = (np.datetime64(x, "D") for x in (settings.start, settings.stop))
    # 1970-01-01 was a Thursday, the Sunday after it day 3.
    first -= np.timedelta64((first.astype(int) - 3) % 7, "D")
    last += np.timedelta64((2 - last.astype(int)) % 7, "D")
    return days_from(first, last)


def _names(letter: str, count: int) -> NDArray[np.str_]:
    return np.array([f"{letter}{number + 1:03d}" for number in range(count)])


def _scattered(
    region: shapely.Polygon, count: int, apart: float, rng: Generator
) -> tuple[Floats, Floats]:
    """Places in a region that are not too close to each other."""
    west, south, east, north = region.bounds
    chosen = np.empty((0, 2))
    while len(chosen) < count:
        point = rng.uniform((west, south), (east, north))
        step = (chosen - point) * (np.cos(point[1] * DEGREE), 1)
        if shapely.contains_xy(region, *point) and (np.hypot(*step.T) > apart).all():
            chosen = np.vstack([chosen, point])
        # Where there is no room left they come closer.
        apart *= 0.9999
    lon, lat = np.round(chosen, 4).T
    return lon, lat


def _measured(
    settings: GroundwaterSettings, network: _Network, rng: Generator
) -> dict[str, NDArray]:
    time, shape = network.time, network.loading.shape
    levels = HeightNoise(settings.white, settings.flicker, settings.common)
    noise, formal = height_noise(shape, levels, rng)
    rate = rng.normal(0, 1.5, size=shape[1])
    years = (time - time[0]).astype(float) / 365.25
    station = np.flatnonzero(rng.permutation(shape[1]) < settings.stepping * shape[1])
    when = rng.integers(len(time) // 5, 4 * len(time) // 5, size=len(station))
    size = rng.choice([-1, 1], len(station)) * rng.uniform(6, 15, len(station))
    moved = network.loading + rate * years[:, None] + noise
    moved[:, station] += size * (np.arange(len(time))[:, None] >= when)
    gross = rng.uniform(size=shape) < settings.outliers
    moved += gross * rng.choice([-1, 1], shape) * rng.uniform(18, 45, shape)
    seen = running(shape, settings.missing, rng)
    within = (time >= np.datetime64(settings.start)) & (
        time <= np.datetime64(settings.stop)
    )
    seen &= within[:, None]
    return {
        "rate": rate,
        "step_station": station,
        "step_day": time[when],
        "displacement": np.where(seen, moved, np.nan),
        "sigma": np.where(seen, formal, np.nan),
    }


def _wells(
    settings: GroundwaterSettings,
    region: shapely.Polygon,
    rasters: Rasters,
    time: NDArray[np.datetime64],
    groundwater: Modes,
    rng: Generator,
) -> Wells:
    """Water tables: groundwater of the place, that of the well alone, and errors."""
    count = settings.wells
    lon, lat = _scattered(region, count, APART, rng)
    storage = at_places(groundwater, rasters, lon, lat)
    # A well stands in one aquifer; the cell around it holds many.
    well_only = remembered(rng.normal(size=storage.shape), 40.0)
    well_only *= 0.85 * storage.std(axis=0) / well_only.std(axis=0)
    share = settings.specific_yield * rng.lognormal(0, 0.2, count)
    depth = rng.uniform(6, 25, count) - (storage + well_only) / (1000 * share)
    depth += rng.normal(0, 0.02, size=depth.shape)
    # As those of the article, from one autumn to another.
    begun = time >= np.datetime64("2018-09-26")
    within = begun & (time <= np.datetime64("2020-11-25"))
    seen = within[:, None] & (rng.uniform(size=depth.shape) > 0.02)
    return Wells(_names("SITE", count), lon, lat, np.where(seen, depth, np.nan))
