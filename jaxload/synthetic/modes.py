"""Fields of mass that are sums of patterns times series, on the globe and in a box.

A field of which every pattern is known needs no grid of days: its displacement is that
of its patterns, each computed once, however long the record.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import scipy.interpolate
import scipy.ndimage
from numpy.random import Generator
from numpy.typing import NDArray

from jaxload import earth
from jaxload.synthetic.smooth import draw_waves, smooth_noise, sphere_noise

__all__ = [
    "Modes",
    "Patterns",
    "Rasters",
    "add_modes",
    "at_places",
    "block_means",
    "every",
    "join",
    "local",
    "make_rasters",
    "random",
    "uplifts",
    "weighted",
]

Floats = NDArray[np.float64]

#: Spacing of the raster of the globe [degrees].
GLOBE_SPACING = 1.0

#: Spacing on which patterns of the box are drawn, so that a world is the same on finer
#: cells [degrees].
DRAWN_SPACING = 0.25


@dataclasses.dataclass(frozen=True, eq=False)
class Rasters:
    """Where fields are known: coarsely on the globe, finely in a box.

    Attributes:
      globe_lat: Rows of the globe [degrees], from south, shape (lat,).
      globe_lon: Columns of the globe [degrees], from -180, shape (lon,).
      box_lat: Rows of the box [degrees]; its edges are edges of cells of the globe.
      box_lon: Columns of the box [degrees].
    """

    globe_lat: Floats
    globe_lon: Floats
    box_lat: Floats
    box_lon: Floats

    @property
    def block(self) -> int:
        """Cells of the box per side of a cell of the globe."""
        return round(GLOBE_SPACING / (self.box_lat[1] - self.box_lat[0]))

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the globe that the box covers."""
        half = GLOBE_SPACING / 2
        row, column = (
            round(fine[0] - fine[0] % GLOBE_SPACING + half - coarse[0])
            for fine, coarse in (
                (self.box_lat, self.globe_lat),
                (self.box_lon, self.globe_lon),
            )
        )
        rows, columns = len(self.box_lat), len(self.box_lon)
        return (
            slice(row, row + rows // self.block),
            slice(column, column + columns // self.block),
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Patterns:
    """Patterns of a field.

    Attributes:
      globe: On the globe, shape (mode, lat, lon).
      box: In the box, shape (mode, lat, lon).
    """

    globe: Floats
    box: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class Modes:
    """A field: patterns in the unit of the field, times series without one.

    Attributes:
      series: Shape (epoch, mode).
      patterns: As many.
    """

    series: Floats
    patterns: Patterns


def make_rasters(box: tuple[float, float, float, float], spacing: float) -> Rasters:
    """Lay out the globe and a box.

    Args:
      box: West, south, east and north [whole degrees].
      spacing: Side of a cell in the box [degrees], an integer part of one degree.

    Returns:
      The rasters.
    """
    west, south, east, north = box

    def centres(low: float, high: float, step: float) -> Floats:
        count = round((high - low) / step)
        return low + step * (np.arange(count, dtype=np.float64) + 0.5)

    return Rasters(
        centres(-90, 90, GLOBE_SPACING),
        centres(-180, 180, GLOBE_SPACING),
        centres(south, north, spacing),
        centres(west, east, spacing),
    )


def every(rasters: Rasters, function: Callable[[Floats, Floats], Floats]) -> Patterns:
    """Evaluate a function of lat and lon as one pattern.

    Args:
      rasters: Where.
      function: Of latitude and longitude [degrees] that are broadcast.
    """
    return Patterns(
        function(rasters.globe_lat[:, None], rasters.globe_lon[None, :])[None],
        function(rasters.box_lat[:, None], rasters.box_lon[None, :])[None],
    )


def random(
    rasters: Rasters, degrees: tuple[float, float], count: int, rng: Generator
) -> Patterns:
    """Draw smooth patterns of unit variance.

    Args:
      rasters: Where.
      degrees: Smallest and largest degree of what they are made of.
      count: How many.
      rng: From which they are drawn.
    """
    drawn = []
    for _ in range(count):
        waves = draw_waves(degrees, rng)
        drawn.append(every(rasters, lambda *at, waves=waves: sphere_noise(at, waves)))
    return join(drawn)


def local(rasters: Rasters, length: float, count: int, rng: Generator) -> Patterns:
    """Draw patterns of the box, of unit variance and nothing at its edges.

    Args:
      rasters: Where.
      length: Length of correlation [km].
      count: How many.
      rng: From which they are drawn.
    """
    axes = (rasters.box_lat, rasters.box_lon)
    spacing, middle = float(axes[0][1] - axes[0][0]), float(axes[0].mean())
    rows, columns = (round(len(axis) * spacing / DRAWN_SPACING) for axis in axes)
    # Where the centres are among those of the drawn cells.
    places = [(np.arange(len(axis)) + 0.5) * spacing / DRAWN_SPACING for axis in axes]
    at = np.meshgrid(*(place - 0.5 for place in places), indexing="ij")
    drawn = []
    for _ in range(count):
        noise = smooth_noise((rows, columns), DRAWN_SPACING, middle, length, rng)
        drawn.append(scipy.ndimage.map_coordinates(noise, at, mode="nearest"))
    globe = np.zeros((count, len(rasters.globe_lat), len(rasters.globe_lon)))
    return Patterns(globe, np.stack(drawn) * _fade(rasters))


def join(parts: Sequence[Patterns]) -> Patterns:
    """Put patterns one after the other.

    Args:
      parts: Some.
    """
    return Patterns(
        np.concatenate([part.globe for part in parts]),
        np.concatenate([part.box for part in parts]),
    )


def weighted(patterns: Patterns, weight: Patterns | float) -> Patterns:
    """Multiply patterns.

    Args:
      patterns: Some.
      weight: One number, one pattern, or as many.
    """
    if isinstance(weight, Patterns):
        return Patterns(patterns.globe * weight.globe, patterns.box * weight.box)
    return Patterns(patterns.globe * weight, patterns.box * weight)


def add_modes(rasters: Rasters, parts: Sequence[Modes]) -> Modes:
    """Add up fields.

    Args:
      rasters: Where they are; a cell of the globe in the box becomes the mean of what
        the box has there.
      parts: The fields.
    """
    series = np.concatenate([part.series for part in parts], axis=1)
    patterns = join([part.patterns for part in parts])
    rows, columns = rasters.window
    patterns.globe[:, rows, columns] = block_means(patterns.box, rasters.block)
    return Modes(series, patterns)


def block_means(fields: Floats, block: int) -> Floats:
    """Average fields over square blocks of cells.

    Args:
      fields: Shape (..., lat, lon), both multiples of `block`.
      block: Cells per side.
    """
    *lead, rows, columns = fields.shape
    shape = (*lead, rows // block, block, columns // block, block)
    return fields.reshape(shape).mean(axis=(-3, -1))


def at_places(modes: Modes, rasters: Rasters, lon: Floats, lat: Floats) -> Floats:
    """Read a field off at places in the box.

    Args:
      modes: The field.
      rasters: Where it is known.
      lon: Longitude of the places [degrees], shape (place,).
      lat: Latitude of the places [degrees], shape (place,).

    Returns:
      Values in the unit of the field, shape (epoch, place).
    """
    axes = (rasters.box_lat, rasters.box_lon)
    fields = np.moveaxis(modes.patterns.box, 0, -1)
    values = scipy.interpolate.interpn(axes, fields, np.stack([lat, lon], axis=-1))
    return modes.series @ values.T


def uplifts(
    loads: Mapping[str, Modes], rasters: Rasters, stations: earth.Places
) -> dict[str, Floats]:
    """Move stations by fields of water.

    Every cell acts by Green's functions, those of the box with its resolution: no
    harmonics are involved that could end.

    Args:
      loads: The water [mm], by the name of the load.
      rasters: Where it is known.
      stations: Where the ground moves.

    Returns:
      Uplift [mm] by each load, shape (epoch, station).
    """
    love = earth.load_love_numbers("prem", frame="CF")
    # All patterns in one sweep: the kernels are the same.
    patterns = join([load.patterns for load in loads.values()])
    rows, columns = rasters.window
    patterns.globe[:, rows, columns] = 0
    axes = (rasters.globe_lat, rasters.globe_lon)
    far = earth.convolve(love, patterns.globe, axes, stations)
    axes = (rasters.box_lat, rasters.box_lon)
    near = earth.convolve(love, patterns.box, axes, stations)
    moved = np.asarray(far)[:, 0] + np.asarray(near)[:, 0]
    ends = np.cumsum([load.series.shape[1] for load in loads.values()])
    parts = np.split(moved, ends[:-1])
    return {
        name: load.series @ part
        for (name, load), part in zip(loads.items(), parts, strict=True)
    }


def _fade(rasters: Rasters) -> Floats:
    """From one in the middle of the box to nothing at its edges."""
    sides = [
        np.clip(4 * np.minimum(part, 1 - part), 0, 1)
        for part in (
            (np.arange(len(axis)) + 0.5) / len(axis)
            for axis in (rasters.box_lat, rasters.box_lon)
        )
    ]
    rows, columns = ((1 - np.cos(np.pi * side)) / 2 for side in sides)
    return rows[:, None] * columns[None, :]
