"""A global field at many stations: time and error, beside NumPy in the same process.

With near cells as rectangles it takes more than ten times the floor. Their share of it
counts arithmetic at the rate of a matrix product; in fact a node on a boundary spends
its time in sines, an inverse hyperbolic sine and gathers of eight entries, for which
this machine has no vector instructions.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicSpline

from benchmarks._harness import measure, report
from benchmarks._rates import Rates, measure_rates
from benchmarks.design_matrix import numpy_loads, numpy_polynomials
from jaxload import earth
from jaxload.earth.loading.convolution import Convolution, convolve

__all__ = ["main"]

SPACING = 0.25
STATIONS = 300
EPOCHS = 12

#: NumPy does these stations and is counted for all of them.
NUMPY_STATIONS = 6

#: NumPy's tables: geometric nodes for every fourth degree of latitude's disc.
NUMPY_NODES, NUMPY_LAST, NUMPY_DISCS = 4_000, 20_000, 24

#: Operations per entry: place in the table by a square root, linear reading, ...
PLACE, READ = 14, 4

#: ... and direction, by horizontal component.
DIRECTION = 4

#: Near cells of a station as rectangles, and operations for each: 128 nodes on their
#: boundary, of which each takes seven sines or cosines and one look into a table.
NEAR, RECTANGLE = 350, 128 * 350


class Places(NamedTuple):
    """Where stations stand."""

    lon: np.ndarray
    lat: np.ndarray


class Case(NamedTuple):
    """A field and the stations it moves."""

    lat: np.ndarray
    lon: np.ndarray
    load: np.ndarray
    stations: Places


def make_case() -> Case:
    """Make seasonal waves with noise, on land as far as noise knows it."""
    rng = np.random.default_rng(1)
    lat = -90 + SPACING / 2 + SPACING * np.arange(round(180 / SPACING))
    lon = SPACING * np.arange(round(360 / SPACING))
    season = np.sin(2 * np.pi * np.arange(EPOCHS) / 12)[:, None, None]
    wave = np.cos(np.deg2rad(lat))[:, None] * np.sin(np.deg2rad(3 * lon))[None, :]
    load = 100 * season * wave + 30 * rng.normal(size=(EPOCHS, len(lat), len(lon)))
    # Where no cell is a sliver.
    places = rng.uniform(-180, 180, STATIONS), rng.uniform(-70, 70, STATIONS)
    return Case(lat, lon, load, Places(*places))


def numpy_convolve(love: earth.LoveNumbers, case: Case, stations: Places) -> np.ndarray:
    """Interpolate between tables of discs, station by station, (epoch, station)."""
    tables, area = numpy_tables(love)
    moved = []
    for lon, lat in zip(*stations):
        rise = np.sin(np.deg2rad(case.lat - lat) / 2) ** 2
        level = np.cos(np.deg2rad(case.lat)) * np.cos(np.deg2rad(lat))
        half = np.sin(np.deg2rad(case.lon - lon) / 2) ** 2
        square = rise[:, None] + level[:, None] * half[None, :]
        theta = np.rad2deg(2 * np.arcsin(np.sqrt(square)))
        wanted = np.interp(np.cos(np.deg2rad(case.lat)), area, np.arange(NUMPY_DISCS))
        first = np.minimum(wanted.astype(int), NUMPY_DISCS - 2)
        kernel = np.empty_like(theta)
        for row, (disc, share) in enumerate(zip(first, wanted - first)):
            below, above = tables[disc](theta[row]), tables[disc + 1](theta[row])
            kernel[row] = (1 - share) * below + share * above
        moved.append(np.einsum("jk,ejk->e", kernel, case.load, optimize=True))
    return np.stack(moved, axis=1)


def numpy_tables(love: earth.LoveNumbers) -> tuple[list, np.ndarray]:
    """Sum the series of some discs in NumPy at geometric nodes."""
    area = np.linspace(0.15, 1, NUMPY_DISCS)
    radius = np.rad2deg(np.sqrt(np.deg2rad(SPACING) ** 2 * area / np.pi))
    half = NUMPY_NODES // 2
    near = np.linspace(0, 3 * radius.max(), half, endpoint=False)
    far = np.geomspace(3 * radius.max(), 180, half)
    nodes = np.concatenate([near, far])
    response = np.asarray(earth.disc_kernel(love, 1.0).uplift)[: NUMPY_LAST + 1]
    weights = response[:, None] * numpy_loads(radius, NUMPY_LAST)
    values = numpy_polynomials(nodes, NUMPY_LAST).T @ weights
    return [CubicSpline(nodes, column) for column in values.T], area


def by_matrix(love: earth.LoveNumbers, case: Case, stations: Places, components):
    """Sum a design matrix of all cells, shape (epoch, component, station)."""
    lon, lat = np.meshgrid(case.lon, case.lat)
    half = np.deg2rad(SPACING) / 2
    area = 4 * half * np.sin(half) * np.cos(np.deg2rad(lat.ravel()))
    radius = np.rad2deg(2 * np.arcsin(np.sqrt(area / (4 * np.pi))))
    # Slivers at the poles, far from every station, as discs that are resolved.
    resolved = np.maximum(radius, 0.0144)
    share = (np.sin(np.deg2rad(radius) / 2) / np.sin(np.deg2rad(resolved) / 2)) ** 2
    kernel = earth.disc_kernel(love, resolved)
    cells = Places(lon.ravel(), lat.ravel())
    design = np.asarray(earth.design_matrix(kernel, stations, cells, components))
    moved = case.load.reshape(EPOCHS, -1) @ (design * share).T
    return moved.reshape(EPOCHS, len(components), -1)


def floor(case: Case, components: tuple[str, ...], cells: str, rates: Rates) -> float:
    """Return the least time to evaluate every pair once and to sum."""
    pairs = STATIONS * case.load[0].size
    sideways = len(components) - ("up" in components)
    read = READ * (("up" in components) + (sideways > 0))
    flop = pairs * (PLACE + read + DIRECTION * sideways)
    flop += STATIONS * NEAR * RECTANGLE * (cells == "rectangle")
    product = 2 * pairs * EPOCHS * len(components)
    return rates.seconds(product, flop, 2 * case.load.nbytes)


def one_row(love, case: Case, rates: Rates, components, cells: str) -> dict:
    """Time our own convolution and, of discs, tell its error."""
    axes, settings = (case.lat, case.lon), Convolution(cells=cells)
    load, some = (
        jnp.asarray(case.load),
        Places(*(x[:NUMPY_STATIONS] for x in case.stations)),
    )

    def ours():
        return convolve(love, load, axes, case.stations, components, settings)

    times, least, error = (
        measure(ours, repeat=2),
        floor(case, components, cells, rates),
        {},
    )
    if cells == "disc":
        exact = by_matrix(love, case, some, components)
        wrong = np.abs(np.asarray(ours())[..., :NUMPY_STATIONS] - exact).max(
            axis=(0, 2)
        )
        size = np.abs(exact).max(axis=(0, 2))
        error = {"error_relative": float((wrong / size).max())}
    return {
        "work": f"{' '.join(components)}, near cells as {cells}s",
        "by": "jaxload",
        **times,
        "floor_s": least,
        "ratio": times["median_s"] / least,
        **error,
    }


def numpy_row(love: earth.LoveNumbers, case: Case) -> dict:
    """Time NumPy at some stations, and tell its error."""
    some = Places(*(axis[:NUMPY_STATIONS] for axis in case.stations))
    times = measure(numpy_convolve, love, case, some, repeat=1)
    exact = by_matrix(love, case, some, ("up",))[:, 0]
    wrong = np.abs(numpy_convolve(love, case, some) - exact).max()
    return {
        "work": f"up, {NUMPY_STATIONS} stations, times {STATIONS // NUMPY_STATIONS}",
        "by": "NumPy",
        "median_s": times["median_s"] * STATIONS / NUMPY_STATIONS,
        "error_relative": float(wrong / np.abs(exact).max()),
    }


def main() -> None:
    """Time the convolution of a field of 0.25 degrees at 300 stations."""
    jax.config.update("jax_enable_x64", True)
    love, case, rates = (
        earth.load_love_numbers("prem", "CF"),
        make_case(),
        measure_rates(),
    )
    rows = [
        one_row(love, case, rates, components, cells)
        for components in (("up",), ("up", "north", "east"))
        for cells in ("disc", "rectangle")
    ]
    report("convolution", [*rows, numpy_row(love, case)])


if __name__ == "__main__":
    main()
