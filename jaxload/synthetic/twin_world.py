"""A twin world: water that is known, and what a GNSS network would see of it."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import scipy.signal
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

from jaxload import earth, sphere
from jaxload.synthetic.noise import HeightNoise, height_noise
from jaxload.synthetic.outages import running
from jaxload.synthetic.outlines import lobed_outline
from jaxload.synthetic.smooth import slow, smooth_noise, years_of

__all__ = ["Twin", "TwinSettings", "twin"]


@dataclasses.dataclass(frozen=True)
class TwinSettings:
    """What kind of world; lengths of correlation are standard deviations of a Gaussian.

    Attributes:
      seed: From which everything random is drawn.
      stations: Size of the network.
      start: First day, ISO.
      days: Number of days.
      centre: Middle of the region, lon and lat [degrees].
      radius: Its mean radius [degrees of arc].
      spacing: Side of a cell of the true water [degrees]; finer than, or staggered
        against, the grid of the inversion, so that the twin does not flatter it.
      belt: Width of the belt of water around the region [degrees of arc].
      seasonal: Mean annual amplitude of water [mm].
      interannual: Standard deviation of slow water [mm].
      weather: Standard deviation of fast water [mm].
      white: Median standard deviation of white noise in height [mm].
      flicker: Standard deviation of flicker noise in height [mm].
      common: Standard deviation of the common-mode noise of the network [mm].
      missing: Share of days lost to failures, network build-up apart.
      horizontal: Median standard deviation of white noise in north and east [mm]; 0
        measures heights alone. Flicker noise is in the ratio of the white.
      frame: Standard deviation of shifts of the reference frame along each axis, and
        likewise of its turns at the surface and of its scale, at each epoch [mm].
    """

    seed: int = 1
    stations: int = 60
    start: str = "2015-01-01"
    days: int = 1096
    centre: tuple[float, float] = (102.0, 27.0)
    radius: float = 5.0
    spacing: float = 0.25
    belt: float = 3.0
    seasonal: float = 90.0
    interannual: float = 35.0
    weather: float = 25.0
    white: float = 2.2
    flicker: float = 1.0
    common: float = 0.7
    missing: float = 0.1
    horizontal: float = 0.0
    frame: float = 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Twin:
    """A world and what was measured in it.

    Attributes:
      region: Outline of the region [degrees].
      grid: Cells of the true water, over the region and its belt.
      time: Days, shape (epoch,).
      water: True equivalent water height [mm], shape (epoch, cell).
      station: Names, shape (station,).
      lon: Longitude of the stations [degrees], shape (station,).
      lat: Latitude of the stations [degrees], shape (station,).
      loading: True uplift by the water [mm], shape (epoch, station).
      displacement: Measured uplift [mm], shape (epoch, station); NaN if missing.
      sigma: Formal standard error [mm], shape (epoch, station); NaN if missing.
      horizontals: Measured displacement and its formal standard error [mm] by
        component, likewise; empty where heights alone are measured.
    """

    region: shapely.Polygon
    grid: sphere.Grid
    time: NDArray[np.datetime64]
    water: NDArray[np.float64]
    station: NDArray[np.str_]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    loading: NDArray[np.float64]
    displacement: NDArray[np.float64]
    sigma: NDArray[np.float64]
    horizontals: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]


def twin(settings: TwinSettings | None = None) -> Twin:
    """Make a world from a seed.

    Water is the sum of an annual cycle whose size and phase vary in space, slow
    interannual modes, and fast water with a memory of weeks. The heights of a network
    clustered in one half of the region hold the load of that water, by discs on PREM,
    white noise that differs from station to station, flicker noise and a common mode;
    receivers start late and fail in runs. Where they measure horizontals too, these
    hold the load, noise of their own, and errors of the frame.

    Args:
      settings: What kind of world.

    Returns:
      The `Twin`; the same settings give the same one.

    Raises:
      ValueError: If the settings make no region or no station.
    """
    settings = TwinSettings() if settings is None else settings
    if settings.stations < 2 or settings.days < 2:
        raise ValueError(
            f"a twin of {settings.stations} stations and {settings.days} days is too "
            "small; take two or more of each"
        )
    rng = np.random.default_rng(settings.seed)
    region = lobed_outline(settings.centre, settings.radius, rng)
    grid = sphere.regional_grid(region, settings.spacing, settings.belt, offset=0.5)
    first = np.datetime64(settings.start, "D")
    time = first + np.arange(settings.days).astype("m8[D]")
    water = _water(settings, grid, time, rng)
    lon, lat = _stations(settings, region, rng)
    love = earth.load_love_numbers("prem", frame="CF")
    kernel = earth.disc_kernel(love, radius=grid.cell_radius)
    places = _Places(lon, lat)
    design = np.asarray(earth.design_matrix(kernel, places, grid))
    loading = water @ design.T
    shape = (settings.days, settings.stations)
    levels = HeightNoise(settings.white, settings.flicker, settings.common)
    noise, formal = height_noise(shape, levels, rng)
    seen = running(shape, settings.missing, rng)
    horizontals = {}
    if settings.horizontal:
        moved = _moved_sideways(settings, kernel, places, grid)
        frame = _frame_errors(settings, places, rng)
        noise = noise + frame["up"]
        for name, design in moved.items():
            values = water @ design.T + frame[name]
            share = settings.horizontal / settings.white
            levels = HeightNoise(settings.horizontal, share * settings.flicker, 0.0)
            errors, formal_error = height_noise(shape, levels, rng)
            horizontals[name] = (
                np.where(seen, values + errors, np.nan),
                np.where(seen, formal_error, np.nan),
            )
    return Twin(
        region=region,
        grid=grid,
        time=time,
        water=water,
        station=np.array([f"T{number:03d}" for number in range(settings.stations)]),
        lon=lon,
        lat=lat,
        loading=loading,
        displacement=np.where(seen, loading + noise, np.nan),
        sigma=np.where(seen, formal, np.nan),
        horizontals=horizontals,
    )


def _moved_sideways(
    settings: TwinSettings,
    kernel: earth.DiscKernel,
    places: "_Places",
    grid: sphere.Grid,
) -> dict[str, NDArray[np.float64]]:
    """Design matrices of north and east, each of shape (station, cell)."""
    names = ("north", "east")
    design = np.asarray(earth.design_matrix(kernel, places, grid, names))
    return dict(zip(names, design.reshape(2, settings.stations, -1)))


def _frame_errors(
    settings: TwinSettings, places: "_Places", rng: Generator
) -> dict[str, NDArray[np.float64]]:
    """Displacement by a frame that moves at random [mm], each (epoch, station)."""
    errors = earth.FrameErrors(*3 * (settings.frame,))
    patterns = earth.frame_displacement(places, errors)
    amounts = rng.normal(size=(settings.days, patterns.shape[1]))
    moved = (amounts @ patterns.T).reshape(settings.days, 3, settings.stations)
    return {name: moved[:, row] for row, name in enumerate(("up", "north", "east"))}


@dataclasses.dataclass(frozen=True)
class _Places:
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]


def _water(
    settings: TwinSettings,
    grid: sphere.Grid,
    time: NDArray[np.datetime64],
    rng: Generator,
) -> NDArray[np.float64]:
    years = years_of(time)
    size = settings.seasonal * np.exp(0.4 * _cells(grid, 250, rng) - 0.08)
    phase = 2 * np.pi * (0.68 + 0.06 * _cells(grid, 400, rng))
    turns = 2 * np.pi * years[:, None]
    water = size * np.cos(turns - phase) + 0.2 * size * np.cos(2 * (turns - phase))
    modes = 4
    for _ in range(modes):
        pattern = settings.interannual / np.sqrt(modes) * _cells(grid, 200, rng)
        water += slow(len(time), rng)[:, None] * pattern
    return water + settings.weather * _weather(grid, len(time), 100, 20, rng)


def _cells(grid: sphere.Grid, length: float, rng: Generator) -> NDArray[np.float64]:
    """Smooth noise of unit variance with a correlation length in km, shape (cell,)."""
    shape = (len(grid.lat_axis), len(grid.lon_axis))
    noise = smooth_noise(shape, grid.spacing, float(grid.lat.mean()), length, rng)
    return noise[grid.row, grid.column]


def _weather(
    grid: sphere.Grid, days: int, length: float, memory: float, rng: Generator
) -> NDArray[np.float64]:
    """Water that comes in days and goes in weeks, unit variance, (epoch, cell)."""
    keep = np.exp(-1 / memory)
    noise = np.empty((days, len(grid.lon)))
    for day in range(days):
        noise[day] = _cells(grid, length, rng)
    noise[1:] *= np.sqrt(1 - keep**2)
    return np.asarray(scipy.signal.lfilter([1.0], [1.0, -keep], noise, axis=0))


def _stations(
    settings: TwinSettings, region: shapely.Polygon, rng: Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two thirds of the network in clusters in the west, the rest anywhere."""
    west, south, east, north = region.bounds
    middle = (west + east) / 2
    centres = rng.uniform((west, south), (middle, north), size=(6, 2))
    chosen: list[NDArray[np.float64]] = []
    while len(chosen) < settings.stations:
        point = rng.uniform((west, south), (east, north))
        if len(chosen) < 2 * settings.stations // 3:
            point = rng.normal(centres[rng.integers(len(centres))], 0.8)
        if shapely.contains_xy(region, *point):
            chosen.append(point)
    lon, lat = np.round(np.array(chosen), 4).T
    return lon, lat
