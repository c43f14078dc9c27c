"""Networks that the inversion is timed on: what was observed, where, and when."""

import dataclasses
import pathlib
from typing import Any

import numpy as np
import shapely
from scipy import sparse

from jaxload import earth, io, sphere

__all__ = [
    "BETA",
    "Network",
    "Places",
    "invented",
    "national",
    "observations",
    "western",
]

DATA = pathlib.Path(__file__).parents[2] / "shared" / "data" / "western_us"
BETA = 0.0178


@dataclasses.dataclass(frozen=True)
class Places:
    """Where stations stand [degrees], shape (station,)."""

    lon: np.ndarray
    lat: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """An inverse problem as plain arrays.

    Attributes:
      name: Of the network.
      design: Displacement by unit water, shape (row, cell).
      operator: Roughness of the water, sparse, shape (cell, cell).
      displacement: Observations [mm], NaN where missing, shape (epoch, row).
      sigma: Standard errors [mm], shape (row,).
    """

    name: str
    design: np.ndarray
    operator: sparse.csr_array
    displacement: np.ndarray
    sigma: np.ndarray


def observations() -> tuple[np.ndarray, np.ndarray, Any, sphere.Grid]:
    """Displacement, its sigma per station and day, the stations and the grid.

    The observations of the western US beside the checkout are used where they are, else
    noise with gaps that persist as real ones do; the time does not depend on values.
    """
    if DATA.is_dir():
        gnss = io.read_gnss(DATA / "gnss" / "*.up", sites=DATA / "sites.txt")
        region = io.read_region(DATA / "boundaries" / "region_buffered.txt")
        return (
            gnss.up.values,
            gnss.up_sigma.values,
            gnss,
            sphere.regional_grid(region, 0.25),
        )
    rng = np.random.default_rng(1)
    grid = sphere.regional_grid(shapely.box(-122, 33, -103, 50), 0.25)
    stations, epochs = 332, 6209
    places = Places(rng.uniform(-121, -104, stations), rng.uniform(34, 49, stations))
    values = with_gaps(4 * rng.normal(size=(epochs, stations)), stations, 60, rng)
    sigma = 2.65 * rng.lognormal(sigma=0.1, size=values.shape)
    return values, np.where(np.isnan(values), np.nan, sigma), places, grid


def with_gaps(
    values: np.ndarray, stations: int, often: int, rng: np.random.Generator
) -> np.ndarray:
    """Silence each of the first stations `often` times, for 15 days in the mean."""
    for station in range(stations):
        for start in rng.integers(0, len(values), size=often):
            values[start : start + 1 + int(rng.exponential(15)), station] = np.nan
    return values


def western() -> Network:
    """The western US with its real gaps."""
    displacement, daily, places, grid = observations()
    sigma = np.nanmedian(daily, axis=0)
    return _network("western US", places, grid, displacement, sigma)


def national() -> Network:
    """A country: 263 stations that begin late and fail, and 900 simulated rows."""
    rng = np.random.default_rng(2)
    rows, gappy, epochs = 1163, 263, 3653
    grid = sphere.regional_grid(shapely.box(80, 22, 120, 48.5), 0.25)
    places = Places(rng.uniform(81, 119, rows), rng.uniform(23, 47, rows))
    values = with_gaps(4 * rng.normal(size=(epochs, rows)), gappy, 35, rng)
    for row in range(gappy):
        values[: int(rng.exponential(150)), row] = np.nan
    sigma = np.where(np.arange(rows) < gappy, 2.65, 4.0)
    return _network("national", places, grid, values, sigma)


def invented(rows: int, cells: tuple[int, int], epochs: int) -> Network:
    """A network of any size on a raster, each station silent a twelfth of the time."""
    rng = np.random.default_rng(3)
    lon, lat = 100 + 0.25 * np.arange(cells[0]), 30 + 0.25 * np.arange(cells[1])
    places = Places(
        rng.uniform(lon[0], lon[-1], rows), rng.uniform(lat[0], lat[-1], rows)
    )
    values = 4 * rng.normal(size=(epochs, rows))
    values = with_gaps(values, rows, -(-epochs // 190), rng)
    grid = sphere.raster_grid(lon, lat)
    return _network("invented", places, grid, values, np.full(rows, 2.65))


def _network(
    name: str,
    places: Any,
    grid: sphere.Grid,
    displacement: np.ndarray,
    sigma: np.ndarray,
) -> Network:
    love = earth.load_love_numbers("prem", frame="CF")
    kernel = earth.disc_kernel(love, radius=grid.cell_radius)
    design = np.asarray(earth.design_matrix(kernel, places, grid))
    return Network(name, design, grid.laplacian, displacement, sigma)
