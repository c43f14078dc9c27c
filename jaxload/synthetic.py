"""A twin world: water that is known, and what a GNSS network would see of it."""

import dataclasses

import numpy as np
import scipy.ndimage
import scipy.signal
import shapely
from numpy.random import Generator
from numpy.typing import NDArray

from jaxload import earth, sphere
from jaxload.constants import DEGREE

__all__ = ["Twin", "TwinSettings", "twin"]

DAYS_PER_YEAR = 365.2425
KM_PER_DEGREE = 111.2


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


def twin(settings: TwinSettings | None = None) -> Twin:
    """Make a world from a seed.

    Water is the sum of an annual cycle whose size and phase vary in space, slow
    interannual modes, and fast water with a memory of weeks. The heights of a network
    clustered in one half of the region hold the load of that water, by discs on PREM,
    white noise that differs from station to station, flicker noise and a common mode;
    receivers start late and fail in runs.

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
    region = _outline(settings, rng)
    grid = sphere.regional_grid(region, settings.spacing, settings.belt, offset=0.5)
    first = np.datetime64(settings.start, "D")
    time = first + np.arange(settings.days)
    water = _water(settings, grid, time, rng)
    lon, lat = _stations(settings, region, rng)
    love = earth.load_love_numbers("prem", frame="CF")
    kernel = earth.disc_kernel(love, radius=grid.cell_radius)
    places = _Places(lon, lat)
    design = np.asarray(earth.design_matrix(kernel, places, grid))
    loading = water @ design.T
    noise, formal = _noise(settings, rng)
    seen = _seen(settings, rng)
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
    )


@dataclasses.dataclass(frozen=True)
class _Places:
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]


def _outline(settings: TwinSettings, rng: Generator) -> shapely.Polygon:
    """A lobed outline, as basins have."""
    angle = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    lobes = sum(
        rng.normal(0, 0.12 / order) * np.cos(order * angle + rng.uniform(0, 2 * np.pi))
        for order in range(2, 6)
    )
    radius = settings.radius * (1 + lobes)
    lat = settings.centre[1] + radius * np.sin(angle)
    lon = settings.centre[0] + radius * np.cos(angle) / np.cos(lat * DEGREE)
    return shapely.Polygon(np.stack([lon, lat], axis=1))


def _water(
    settings: TwinSettings,
    grid: sphere.Grid,
    time: NDArray[np.datetime64],
    rng: Generator,
) -> NDArray[np.float64]:
    years = (
        (time - np.datetime64("2000-01-01")) / np.timedelta64(1, "D") / DAYS_PER_YEAR
    )
    size = settings.seasonal * np.exp(0.4 * _field(grid, 250, rng) - 0.08)
    phase = 2 * np.pi * (0.68 + 0.06 * _field(grid, 400, rng))
    turns = 2 * np.pi * years[:, None]
    water = size * np.cos(turns - phase) + 0.2 * size * np.cos(2 * (turns - phase))
    modes = 4
    for _ in range(modes):
        pattern = settings.interannual / np.sqrt(modes) * _field(grid, 200, rng)
        water += _slow(len(time), rng)[:, None] * pattern
    return water + settings.weather * _weather(grid, len(time), 100, 20, rng)


def _field(grid: sphere.Grid, length: float, rng: Generator) -> NDArray[np.float64]:
    """Smooth noise of unit variance with a correlation length in km, shape (cell,)."""
    shape = (len(grid.lat_axis), len(grid.lon_axis))
    return _smooth(rng.normal(size=shape), grid, length)[grid.row, grid.column]


def _smooth(
    noise: NDArray[np.float64], grid: sphere.Grid, length: float
) -> NDArray[np.float64]:
    """Filter the last two axes and restore unit variance."""
    north = length / KM_PER_DEGREE / grid.spacing
    east = north / np.cos(grid.lat.mean() * DEGREE)
    widths = (0,) * (noise.ndim - 2) + (north, east)
    # A Gaussian of width s keeps 1 / (2 sqrt(pi) s) of the variance, per axis.
    gain = np.sqrt(4 * np.pi * north * east)
    return gain * scipy.ndimage.gaussian_filter(noise, widths, mode="wrap")


def _slow(days: int, rng: Generator) -> NDArray[np.float64]:
    """A series of unit variance that changes over a year or so."""
    margin = 1000
    noise = rng.normal(size=days + 2 * margin)
    slow = scipy.ndimage.gaussian_filter1d(noise, 180)[margin : margin + days]
    return slow * np.sqrt(2 * np.sqrt(np.pi) * 180)


def _weather(
    grid: sphere.Grid, days: int, length: float, memory: float, rng: Generator
) -> NDArray[np.float64]:
    """Water that comes in days and goes in weeks, unit variance, (epoch, cell)."""
    keep = np.exp(-1 / memory)
    shape = (days, len(grid.lat_axis), len(grid.lon_axis))
    noise = np.empty((days, len(grid.lon)))
    for day in range(days):
        sheet = _smooth(rng.normal(size=shape[1:]), grid, length)
        noise[day] = sheet[grid.row, grid.column]
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


def _noise(
    settings: TwinSettings, rng: Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Noise of the heights and the formal error that comes with it [mm]."""
    shape = (settings.days, settings.stations)
    white = settings.white * rng.lognormal(0, 0.2, size=settings.stations)
    formal = white * rng.lognormal(0, 0.08, size=shape)
    noise = formal * rng.normal(size=shape)
    noise += settings.flicker * _flicker(shape, rng)
    common = scipy.signal.lfilter([1.0], [1.0, -0.8], rng.normal(size=settings.days))
    noise += settings.common * np.sqrt(1 - 0.8**2) * np.asarray(common)[:, None]
    return noise, formal


def _flicker(shape: tuple[int, int], rng: Generator) -> NDArray[np.float64]:
    """Noise whose power falls as 1 / frequency, unit variance, (epoch, station)."""
    frequency = np.fft.rfftfreq(shape[0])
    frequency[0] = np.inf
    spectrum = np.fft.rfft(rng.normal(size=shape), axis=0) / np.sqrt(frequency)[:, None]
    noise = np.fft.irfft(spectrum, n=shape[0], axis=0)
    return noise / noise.std(axis=0)


def _seen(settings: TwinSettings, rng: Generator) -> NDArray[np.bool_]:
    """False before a receiver is built and while it is out of order."""
    days, stations = settings.days, settings.stations
    late = rng.permutation(stations) < stations // 5
    first = np.where(late, rng.integers(0, max(days // 2, 1), size=stations), 0)
    seen = np.arange(days)[:, None] >= first[None, :]
    mean_outage = 8.0
    for station in range(stations):
        lost = rng.poisson(settings.missing * days / mean_outage)
        for start in rng.integers(0, days, size=lost):
            seen[start : start + 1 + int(rng.exponential(mean_outage)), station] = False
    return seen
