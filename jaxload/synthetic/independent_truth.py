"""A truth that is not made of what inverts it.

An estimate that is scored on the cells, the Earth and the weather by which its truth
was made scores too well. Here each differs as it does in nature:

* Water lies on cells three times finer than those that are inverted, each with a factor
  of its own and in sharp-edged patches: within an inverted cell it is not uniform.
* It moves stations on ak135, relative to the centre of the solid Earth (CE); inversions
  take PREM and the centre of figure (CF).
* Water beyond the belt, on all other land, moves them too.
* Weather is known with errors as large as products differ by; so are the displacements
  by air and sea that are taken out.
* The land-surface model is another one, with one reservoir and no snow, driven by the
  weather that is known.

Satellites see the smooth part of the water, whose means over a few hundred kilometres
are those of the rough.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import sparse

from jaxload import earth, sphere
from jaxload.constants import SEAWATER_DENSITY, STANDARD_GRAVITY, WATER_DENSITY
from jaxload.synthetic.coasts import land_share
from jaxload.synthetic.noise import remembered
from jaxload.synthetic.smooth import slow, smooth_noise, years_of
from jaxload.synthetic.surface import REACH, Surface, TrueDisplacement
from jaxload.synthetic.weather import FREEZING, PlaceWeather

__all__ = [
    "FarWater",
    "FineWater",
    "displace_independently",
    "draw_far_field",
    "one_reservoir_model",
    "rough_water",
    "third_cells",
    "uncertain_sea_level",
    "uncertain_weather",
]

Floats = NDArray[np.float64]

#: Fine cells along each side of an inverted one; standard deviation of the factor of
#: each fine cell, and of sharp-edged patches [-], and the size of these [km].
REFINEMENT, ROUGH, PATCHES, PATCH_LENGTH = 3, 0.35, 0.3, 60.0

#: Least factor of a fine cell [-].
LEAST = 0.05

#: The Earth that moves stations: to which degree, and relative to what.
MAX_DEGREE, FRAME = 20_000, "CE"

#: Side of the cells of the far field [degrees], annual amplitude of its water [mm], day
#: on which there is most of it in the north; number of slow patterns, their length of
#: correlation [km], and standard deviation of their sum [mm].
FAR_SPACING, FAR_SEASON, FAR_HIGHEST = 2.0, 70.0, 250.0
FAR_PATTERNS, FAR_LENGTH, FAR_SLOW = 8, 1500.0, 30.0

#: Errors of known rain: of its mean and its months, as a share [-], and memory [days].
RAIN_MEAN, RAIN_MONTHS, RAIN_MEMORY = 0.15, 0.2, 30.0

#: Errors of known temperature [K] and pressure [Pa]: lasting, and from day to day with
#: a memory [days].
WARMTH, WEIGHT = (0.8, 0.7, 4.0), (0.0, 60.0, 2.0)

#: Length of correlation of all of these [km], number of patterns, and error of the
#: known level of the sea [mm].
ERROR_LENGTH, ERROR_PATTERNS, SEA_ERROR = 400.0, 12, 8.0

#: The other land-surface model: time in which its water runs off [days], evaporation
#: [mm/day/K], and water at which half of that is left [mm].
MODEL_RECESSION, MODEL_EVAPORATION, MODEL_HALF_DRY = 75.0, 0.14, 110.0


@dataclasses.dataclass(frozen=True, eq=False)
class FineWater:
    """Water on cells finer than those that are inverted.

    Attributes:
      cells: The fine cells, which fill the inverted ones.
      to_fine: Water at fine cells is ``storage @ to_fine``, shape (place, fine cell).
      to_cells: Its means over inverted cells likewise, shape (place, cell).
    """

    cells: sphere.Grid
    to_fine: sparse.csr_array
    to_cells: sparse.csr_array


@dataclasses.dataclass(frozen=True, eq=False)
class FarWater:
    """Water on land beyond the belt, as patterns times series.

    Attributes:
      cells: Its cells, a raster of the globe.
      patterns: Water [mm], shape (pattern, cell); zero at sea and where the inverted
        cells are.
      series: Shape (epoch, pattern) [-].
    """

    cells: sphere.Grid
    patterns: Floats
    series: Floats


def third_cells(cells: sphere.Grid) -> sphere.Grid:
    """Divide every cell into cells of a third of its side.

    Args:
      cells: The cells.

    Returns:
      The fine cells, which cover the same ground.
    """
    part = (np.arange(REFINEMENT) - (REFINEMENT - 1) / 2) * cells.spacing / REFINEMENT
    fine = np.arange(REFINEMENT)
    row, column = (
        np.broadcast_to(x, (len(cells.lon), REFINEMENT, REFINEMENT)).ravel()
        for x in (
            REFINEMENT * cells.row[:, None, None] + fine[None, :, None],
            REFINEMENT * cells.column[:, None, None] + fine[None, None, :],
        )
    )
    order = np.lexsort([column, row])
    lon, lat = ((x[:, None] + part).ravel() for x in (cells.lon_axis, cells.lat_axis))
    row, column = row[order], column[order]
    spacing = cells.spacing / REFINEMENT
    return sphere.Grid(lon[column], lat[row], row, column, spacing, lon, lat)


def rough_water(
    cells: sphere.Grid, even: sparse.csr_array, rng: Generator
) -> FineWater:
    """Draw by how much more or less water each fine cell has than is even.

    Args:
      cells: Inverted cells.
      even: Smooth water of fine cells is ``storage @ even``, shape (place, fine cell).
      rng: From which it is drawn.

    Returns:
      The `FineWater`.
    """
    fine = third_cells(cells)
    of_each = rng.normal(size=len(fine.lon))
    shape = (len(fine.lat_axis), len(fine.lon_axis))
    middle = float(fine.lat_axis.mean())
    patches = np.sign(smooth_noise(shape, fine.spacing, middle, PATCH_LENGTH, rng))
    factor = 1 + ROUGH * of_each + PATCHES * patches[fine.row, fine.column]
    to_fine = sparse.csr_array(even * np.maximum(factor, LEAST)[None, :])
    return FineWater(fine, to_fine, to_fine @ _means(cells, fine))


def _means(cells: sphere.Grid, fine: sphere.Grid) -> sparse.csr_array:
    """Means over inverted cells by area, shape (fine cell, cell)."""
    number = np.full((len(cells.lat_axis), len(cells.lon_axis)), -1)
    number[cells.row, cells.column] = np.arange(len(cells.lon))
    cell = number[fine.row // REFINEMENT, fine.column // REFINEMENT]
    area = fine.cell_area
    share = area / np.bincount(cell, area)[cell]
    return sparse.csr_array(
        (share, (np.arange(len(cell)), cell)), shape=(len(cell), len(cells.lon))
    )


def draw_far_field(
    cells: sphere.Grid, time: NDArray[np.datetime64], rng: Generator
) -> FarWater:
    """Draw water on all land but that of the inverted cells.

    Args:
      cells: Inverted cells.
      time: Days, shape (epoch,).
      rng: From which it is drawn.

    Returns:
      The `FarWater`: a season that is highest in late summer of either half of the
      Earth, and patterns that change over years.
    """
    step = FAR_SPACING
    lon, lat = (
        np.arange(-180 + step / 2, 180, step),
        np.arange(-90 + step / 2, 90, step),
    )
    globe = sphere.raster_grid(lon, lat)
    land = land_share(lat, lon).ravel()
    east, north = (cells.lon + 180) % 360 // step, (cells.lat + 90) // step
    land[(north * len(lon) + east).astype(int)] = 0.0
    draw = lambda: smooth_noise(
        (len(lat), len(lon)), step, 0.0, FAR_LENGTH, rng
    ).ravel()
    season = FAR_SEASON * np.clip(1 + 0.5 * draw(), 0.2, 2.0)
    north_or_south = np.where(globe.lat > 0, 1.0, -1.0)
    patterns = [season * north_or_south]
    patterns += [FAR_SLOW / np.sqrt(FAR_PATTERNS) * draw() for _ in range(FAR_PATTERNS)]
    turn = 2 * np.pi * (years_of(time) - FAR_HIGHEST / 365.25)
    series = [np.cos(turn)] + [slow(len(time), rng) for _ in range(FAR_PATTERNS)]
    series = np.stack(series, axis=1)
    return FarWater(globe, np.stack(patterns) * land, series - series.mean(axis=0))


def displace_independently(
    surface: Surface, fine: FineWater, far: FarWater, points: earth.Places
) -> TrueDisplacement:
    """Lift points by fine water, the far field, air and sea on ak135.

    Args:
      surface: What lies on the ground; its cells are not used.
      fine: Water of the region and its belt.
      far: Water beyond.
      points: Where the ground moves.

    Returns:
      True uplift, shape (epoch, point).
    """
    love = earth.love_numbers(earth.ak135(), MAX_DEGREE, FRAME)
    near = earth.rectangle_kernel(love, reach=REACH)
    discs = lambda cells: earth.disc_kernel(love, radius=cells.cell_radius)
    places = surface.places
    of_fine, of_far = (
        np.asarray(earth.design_matrix(discs(grid), points, grid))
        for grid in (fine.cells, far.cells)
    )
    of_places = np.asarray(
        earth.design_matrix(discs(places), points, places, ("up",), near)
    )
    air = of_places * (surface.land / STANDARD_GRAVITY)
    sea = of_places @ (1 - surface.land) * (SEAWATER_DENSITY / WATER_DENSITY)
    water = surface.storage @ (fine.to_fine @ of_fine.T)
    return TrueDisplacement(
        loading=water + far.series @ (far.patterns @ of_far.T),
        ntal=surface.pressure @ air.T,
        ntol=surface.sea_level[:, None] * sea[None, :],
    )


def uncertain_weather(
    weather: PlaceWeather, places: sphere.Grid, streams: Mapping[str, Generator]
) -> PlaceWeather:
    """Add the errors with which weather is known.

    Args:
      weather: The true one.
      places: A whole raster.
      streams: From which errors are drawn: "rain error", "warmth error" and "weight
        error".

    Returns:
      The weather that is known.
    """
    days = len(weather.temperature)
    rng = streams["rain error"]
    mean = RAIN_MEAN * _pattern(places, rng)
    months = RAIN_MONTHS * _changing(days, places, RAIN_MEMORY, rng)
    rain = weather.precipitation * np.exp(mean[None, :] + months)
    warmth = _lasting_and_changing(days, places, WARMTH, streams["warmth error"])
    weight = _lasting_and_changing(days, places, WEIGHT, streams["weight error"])
    return dataclasses.replace(
        weather,
        temperature=weather.temperature + warmth,
        pressure=weather.pressure + weight,
        precipitation=rain,
    )


def _lasting_and_changing(
    days: int, places: sphere.Grid, sizes: tuple[float, float, float], rng: Generator
) -> Floats:
    lasting, changing, memory = sizes
    still = lasting * _pattern(places, rng)
    return still[None, :] + changing * _changing(days, places, memory, rng)


def _changing(days: int, places: sphere.Grid, memory: float, rng: Generator) -> Floats:
    """Errors of unit variance with a memory, shape (epoch, place)."""
    series = remembered(rng.normal(size=(days, ERROR_PATTERNS)), memory)
    series *= np.sqrt(1 - np.exp(-2 / memory))
    patterns = np.stack([_pattern(places, rng) for _ in range(ERROR_PATTERNS)])
    return series @ patterns / np.sqrt(ERROR_PATTERNS)


def _pattern(places: sphere.Grid, rng: Generator) -> Floats:
    shape = (len(places.lat_axis), len(places.lon_axis))
    middle = float(places.lat_axis.mean())
    return smooth_noise(shape, places.spacing, middle, ERROR_LENGTH, rng).ravel()


def uncertain_sea_level(level: Floats, rng: Generator) -> Floats:
    """Add the error with which the level of the sea is known.

    Args:
      level: The true one [mm], shape (epoch,).
      rng: From which the error is drawn.

    Returns:
      The level that is known [mm], shape (epoch,).
    """
    error = remembered(rng.normal(size=len(level)), RAIN_MEMORY)
    return level + SEA_ERROR * np.sqrt(1 - np.exp(-2 / RAIN_MEMORY)) * error


def one_reservoir_model(weather: PlaceWeather, land: Floats, before: int) -> Floats:
    """Model water in the ground by one reservoir without snow.

    Args:
      weather: That is known, of every day, some before the record among them.
      land: Share of land [-], shape (place,).
      before: Days in which the reservoir comes to its balance.

    Returns:
      Storage anomaly [mm], shape (epoch, place); NaN at sea.
    """
    rain, warmth = weather.precipitation, np.maximum(weather.temperature - FREEZING, 0)
    state = MODEL_RECESSION * 0.5 * rain.mean(axis=0)
    water = np.empty((len(rain) - before, rain.shape[1]))
    for day in range(len(rain)):
        lost = MODEL_EVAPORATION * warmth[day] * state / (state + MODEL_HALF_DRY)
        run_off = state / MODEL_RECESSION
        state = np.maximum(state + rain[day] - lost - run_off, 0.0)
        if day >= before:
            water[day - before] = state
    return np.where(land >= 0.5, water - water.mean(axis=0), np.nan)
