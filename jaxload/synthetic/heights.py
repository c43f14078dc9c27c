"""How water, air and sea move places, and what receivers make of it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import sparse

from jaxload import earth, sphere
from jaxload.constants import SEAWATER_DENSITY, STANDARD_GRAVITY, WATER_DENSITY
from jaxload.synthetic.gaps import running
from jaxload.synthetic.noise import (
    COMMON_MEMORY,
    HeightNoise,
    height_noise,
    remembered,
)
from jaxload.synthetic.smooth import years_of

__all__ = [
    "Events",
    "Heights",
    "Loads",
    "Quality",
    "Surface",
    "displace",
    "draw_events",
    "measure",
    "sea_level",
    "shares",
]

Floats = NDArray[np.float64]

#: Annual amplitude of the level of the seas beside China [mm], the day on which it is
#: highest, and standard deviation and memory [days] of the rest.
SEA_SEASON, SEA_HIGHEST, SEA_REST, SEA_MEMORY = 30.0, 250.0, 16.0, 20.0

#: Cells of the raster are squares up to this distance, discs beyond, which makes two
#: parts in ten thousand [degrees].
REACH = 4.0

#: Time over which the ground takes up the warmth of the air [days], and annual
#: amplitudes of the height by which it expands [mm].
WARMING, EXPANSION = 30.0, (0.5, 1.5)

#: Size of steps and of gross errors in height [mm].
STEP, GROSS = (6.0, 15.0), (18.0, 45.0)


@dataclasses.dataclass(frozen=True, eq=False)
class Surface:
    """What lies on the ground and presses.

    Attributes:
      time: Days, shape (epoch,).
      places: The raster of the weather.
      cells: Cells of water.
      storage: Water at places [mm], shape (epoch, place).
      to_cells: Water at cells is ``storage @ to_cells``, shape (place, cell).
      pressure: Anomaly of surface pressure [Pa], shape (epoch, place).
      land: Share of land [-], shape (place,).
      sea_level: Anomaly of the level of the sea [mm], shape (epoch,).
    """

    time: NDArray[np.datetime64]
    places: sphere.Grid
    cells: sphere.Grid
    storage: Floats
    to_cells: sparse.csr_array
    pressure: Floats
    land: Floats
    sea_level: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class Loads:
    """True displacement in one direction.

    Attributes:
      loading: By water [mm], shape (epoch, place).
      ntal: By air, non-tidal atmospheric loading [mm], likewise.
      ntol: By the sea, non-tidal ocean loading [mm], likewise.
    """

    loading: Floats
    ntal: Floats
    ntol: Floats

    @property
    def total(self) -> Floats:
        """The sum [mm], shape (epoch, place)."""
        return self.loading + self.ntal + self.ntol

    def at(self, which: slice) -> "Loads":
        """Those of some of the places.

        Args:
          which: Along the axis of places.
        """
        return Loads(self.loading[:, which], self.ntal[:, which], self.ntol[:, which])


class Quality(NamedTuple):
    """How well receivers measure height.

    Attributes:
      noise: Standard deviations of the noise.
      thermal: Expansion, as a share of what it is as a rule [-].
      missing: Share of days lost to failures, late beginnings apart.
      outliers: Share of days with a gross error.
      steps: Share of stations with a step.
    """

    noise: HeightNoise
    thermal: float
    missing: float
    outliers: float
    steps: float


@dataclasses.dataclass(frozen=True, eq=False)
class Events:
    """What happens to receivers, and so to all directions at once.

    Attributes:
      running: False while a receiver is not there or out of order, (epoch, station).
      step_station: Index of the stations that step, shape (step,).
      step_epoch: Index of the first day after each step, shape (step,).
    """

    running: NDArray[np.bool_]
    step_station: NDArray[np.int64]
    step_epoch: NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class Heights:
    """Displacement in one direction as measured, and what is in it beside the loads.

    Attributes:
      displacement: Measured [mm], shape (epoch, station); NaN if missing.
      sigma: Formal standard error [mm], likewise.
      thermal: Expansion of the ground [mm], shape (epoch, station).
      common: What all stations have in common [mm], shape (epoch,).
      step_station: Index of the stations that step, shape (step,).
      step_day: First day after each step, shape (step,).
      step_size: By how much [mm], shape (step,).
    """

    displacement: Floats
    sigma: Floats
    thermal: Floats
    common: Floats
    step_station: NDArray[np.int64]
    step_day: NDArray[np.datetime64]
    step_size: Floats


def shares(grid: sphere.Grid, lon: Floats, lat: Floats) -> sparse.csr_array:
    """Interpolate linearly between the centres of a raster.

    Args:
      grid: A whole raster.
      lon: Longitude of points within it [degrees], shape (point,).
      lat: Latitude [degrees], shape (point,).

    Returns:
      Shares by which ``values @ shares`` is at the points what `values` are on the
      raster, shape (place, point).
    """
    columns = len(grid.lon_axis)
    west, east = _neighbours(grid.lon_axis, lon, grid.spacing)
    south, north = _neighbours(grid.lat_axis, lat, grid.spacing)
    corners = [
        (row * columns + column, weight * share)
        for row, weight in (south, north)
        for column, share in (west, east)
    ]
    place, share = (np.concatenate(part) for part in zip(*corners, strict=True))
    point = np.tile(np.arange(len(lon)), 4)
    return sparse.csr_array((share, (place, point)), (len(grid.lon), len(lon)))


def _neighbours(
    axis: Floats, at: Floats, spacing: float
) -> tuple[tuple[NDArray, Floats], tuple[NDArray, Floats]]:
    step = (at - axis[0]) / spacing
    below = np.clip(np.floor(step).astype(int), 0, len(axis) - 2)
    part = np.clip(step - below, 0, 1)
    return (below, 1 - part), (below + 1, part)


def sea_level(time: NDArray[np.datetime64], rng: Generator) -> Floats:
    """Draw the level of the seas beside the region.

    Args:
      time: Days, shape (epoch,).
      rng: From which it is drawn.

    Returns:
      Anomaly of sea level [mm], shape (epoch,).
    """
    season = np.cos(2 * np.pi * (years_of(time) - SEA_HIGHEST / 365.25))
    before = round(5 * SEA_MEMORY)
    rest = remembered(rng.normal(size=before + len(time)), SEA_MEMORY)[before:]
    rest *= np.sqrt(1 - np.exp(-2 / SEA_MEMORY))
    level = SEA_SEASON * season + SEA_REST * rest
    return level - level.mean()


def displace(
    surface: Surface, points: earth.Places, components: Sequence[str] = ("up",)
) -> dict[str, Loads]:
    """Displace points by what lies on the ground.

    Water acts by discs as large as its cells, as in a study; air and sea by the squares
    of the raster. Air loads land; the sea gives way under it.

    Args:
      surface: What lies on the ground.
      points: Where it moves.
      components: Which of "up", "north" and "east".

    Returns:
      True displacement by component, shape (epoch, point) each.
    """
    love = earth.load_love_numbers("prem", frame="CF")
    discs = earth.disc_kernel(love, radius=surface.cells.cell_radius)
    by_cells = earth.design_matrix(discs, points, surface.cells, components)
    coarse = earth.disc_kernel(love, radius=surface.places.cell_radius)
    near = earth.rectangle_kernel(love, reach=REACH)
    by_places = earth.design_matrix(coarse, points, surface.places, components, near)
    matrices = [
        np.asarray(design).reshape(len(components), -1, design.shape[1])
        for design in (by_cells, by_places)
    ]
    return {
        component: _loads(surface, of_cells, of_places)
        for component, of_cells, of_places in zip(components, *matrices, strict=True)
    }


def _loads(surface: Surface, of_cells: Floats, of_places: Floats) -> Loads:
    """Displacement by matrices of shape (point, cell) and (point, place)."""
    air = of_places * (surface.land / STANDARD_GRAVITY)
    sea = of_places @ (1 - surface.land) * (SEAWATER_DENSITY / WATER_DENSITY)
    return Loads(
        loading=surface.storage @ (surface.to_cells @ of_cells.T),
        ntal=surface.pressure @ air.T,
        ntol=surface.sea_level[:, None] * sea[None, :],
    )


def draw_events(
    shape: tuple[int, int], quality: Quality, streams: Mapping[str, Generator]
) -> Events:
    """Draw what happens to receivers.

    Args:
      shape: Days and stations.
      quality: How often.
      streams: From which it is drawn: "gaps" and "steps".

    Returns:
      The events.
    """
    days, stations = shape
    rng = streams["steps"]
    many = round(quality.steps * stations)
    station = np.flatnonzero(rng.permutation(stations) < many)
    when = rng.integers(days // 5, 4 * days // 5, size=many)
    return Events(running(shape, quality.missing, streams["gaps"]), station, when)


def measure(
    loads: Loads,
    temperature: Floats,
    time: NDArray[np.datetime64],
    quality: Quality,
    events: Events,
    streams: Mapping[str, Generator],
) -> Heights:
    """Measure displacement with everything that is wrong with such measurements.

    Args:
      loads: True displacement.
      temperature: At the stations [K], shape (epoch, station).
      time: Days, shape (epoch,).
      quality: How well.
      events: What happens to the receivers.
      streams: From which what is random is drawn: "thermal", "common", "noise",
        "sizes" of steps and "outliers".

    Returns:
      The heights.
    """
    shape, step = temperature.shape, events.step_station
    thermal = quality.thermal * _expansion(temperature, streams["thermal"])
    common = quality.noise.common * _common_mode(shape[0], streams["common"])
    own = dataclasses.replace(quality.noise, common=0.0)
    noise, formal = height_noise(shape, own, streams["noise"])
    size = _either_sign(STEP, len(step), streams["sizes"])
    moved = loads.total + thermal + common[:, None] + noise
    moved[:, step] += size * (np.arange(shape[0])[:, None] >= events.step_epoch)
    moved += _gross_errors(shape, quality.outliers, streams["outliers"])
    return Heights(
        displacement=np.where(events.running, moved, np.nan),
        sigma=np.where(events.running, formal, np.nan),
        thermal=thermal,
        common=common,
        step_station=step,
        step_day=time[events.step_epoch],
        step_size=size,
    )


def _expansion(temperature: Floats, rng: Generator) -> Floats:
    """Expansion that follows the warmth of the last weeks, shape (epoch, station)."""
    change = temperature - temperature.mean(axis=0)
    warmth = remembered(change, WARMING) * (1 - np.exp(-1 / WARMING))
    warmth -= warmth.mean(axis=0)
    # A season of amplitude a has a standard deviation of a / sqrt(2).
    scale = rng.uniform(*EXPANSION, size=warmth.shape[1]) / np.sqrt(2)
    return warmth * (scale / np.maximum(warmth.std(axis=0), 1e-9))


def _common_mode(days: int, rng: Generator) -> Floats:
    """Of unit variance, each day with a share of the day before, shape (epoch,)."""
    memory = -1 / np.log(COMMON_MEMORY)
    return remembered(rng.normal(size=days), memory) * np.sqrt(1 - COMMON_MEMORY**2)


def _gross_errors(shape: tuple[int, int], share: float, rng: Generator) -> Floats:
    wrong = rng.uniform(size=shape) < share
    error = np.zeros(shape)
    error[wrong] = _either_sign(GROSS, int(wrong.sum()), rng)
    return error


def _either_sign(limits: tuple[float, float], count: int, rng: Generator) -> Floats:
    return rng.choice([-1.0, 1.0], count) * rng.uniform(*limits, count)
