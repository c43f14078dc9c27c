"""Gridded files of the groundwater world, as the centres that distribute such would."""

import dataclasses

import numpy as np
import scipy.ndimage
import xarray as xr
from numpy.random import Generator
from numpy.typing import NDArray

from jaxload import synthetic
from jaxload._calendar import DAY, month_bounds
from jaxload.demo.files.common import gridded, northern_first, rounded

__all__ = [
    "CoarseCells",
    "box_cells",
    "globe_cells",
    "gravity_field",
    "land_field",
    "pressure_field",
    "rain_field",
    "sea_level_field",
    "soil_field",
    "true_field",
]

Floats = NDArray[np.float64]
World = synthetic.GroundwaterWorld

#: Sides of the cells of files [degrees].
GLOBAL, REGIONAL, GRAVITY, RAIN = 2.0, 0.25, 1.0, 0.5

#: Water of a column of soil in layers of 10, 30, 60 and 100 cm: share of what changes
#: that each holds [-], and how much there is on average [mm].
LAYERS = {
    "SoilMoi0_10cm_inst": (0.15, 45.0),
    "SoilMoi10_40cm_inst": (0.3, 120.0),
    "SoilMoi40_100cm_inst": (0.35, 220.0),
    "SoilMoi100_200cm_inst": (0.2, 320.0),
}

#: Water on leaves [mm]: too little to load anything, but files have it.
CANOPY = 0.2

#: Last digits of files, binary fractions that compress well [Pa], [mm], [m].
PASCAL, MILLIMETRE, METRE = 1.0, 1 / 32, 1 / 4096

#: Pressure at sea level [Pa], and height in which it falls to 1 / e [m].
SEA_LEVEL_PRESSURE, SCALE_HEIGHT = 101_325.0, 8400.0

#: Share of a cell from which it is sea; half and half is land.
SEA = 0.51

#: Radius at which GRACE's smoothing has fallen to a half [km].
SMOOTHING = 300.0
KM_PER_DEGREE = 111.2

#: Months by which groundwater shows later in the gravity field than in the ground, and
#: what that field holds beside water [mm].
GRAVITY_LAG, GRAVITY_NOISE = 2, 20.0


@dataclasses.dataclass(frozen=True, eq=False)
class CoarseCells:
    """Cells of a file, each made of whole cells of a raster of the world.

    Attributes:
      name: Which patterns to take, "globe" or "box".
      block: Cells of the raster per side.
      lat: Latitude of the centres [degrees], ascending, shape (lat,).
      lon: Longitude of the centres [degrees], ascending, shape (lon,).
    """

    name: str
    block: int
    lat: Floats
    lon: Floats

    def means(self, patterns: synthetic.Patterns) -> Floats:
        """Averages over the cells, shape (mode, lat, lon)."""
        return synthetic.block_means(getattr(patterns, self.name), self.block)


def globe_cells(world: World, spacing: float = GLOBAL) -> CoarseCells:
    """Cells on the whole globe.

    Args:
      world: The world.
      spacing: Side of a cell [degrees].
    """
    return _cells("globe", (world.rasters.globe_lat, world.rasters.globe_lon), spacing)


def box_cells(world: World, spacing: float = REGIONAL) -> CoarseCells:
    """Cells around the region.

    Args:
      world: The world.
      spacing: Side of a cell [degrees].
    """
    return _cells("box", (world.rasters.box_lat, world.rasters.box_lon), spacing)


def pressure_field(world: World, cells: CoarseCells) -> xr.Dataset:
    """Weekly surface pressure in the layout of ERA5.

    Args:
      world: The world.
      cells: Of the file.
    """
    field = _weekly(world.fields.pressure, cells) + _mean_pressure(cells)
    data = _dataset(cells, world, {"sp": (rounded(field, PASCAL), "Pa")})
    return northern_first(data)


def soil_field(world: World, cells: CoarseCells) -> xr.Dataset:
    """Weekly water in soil, snow and canopy in the layout of GLDAS.

    Args:
      world: The world.
      cells: Of the file.
    """
    land = synthetic.land_of(world.rasters)
    soil = _weekly(world.fields.soil, cells, land)
    snow = _weekly(world.fields.snow, cells, land)
    fields = {
        f"{name}": (rounded(mean + share * soil, MILLIMETRE), "kg m-2")
        for name, (share, mean) in LAYERS.items()
    }
    fields["SWE_inst"] = (rounded(snow, MILLIMETRE), "kg m-2")
    fields["CanopInt_inst"] = (np.where(np.isnan(soil), np.nan, CANOPY), "kg m-2")
    return _dataset(cells, world, fields)


def sea_level_field(world: World, cells: CoarseCells) -> xr.Dataset:
    """Weekly sea-level anomaly in the layout of CMEMS.

    Args:
      world: The world.
      cells: Of the file.
    """
    land = synthetic.land_of(world.rasters)
    sea = synthetic.Patterns(1 - land.globe, 1 - land.box)
    field = rounded(_weekly(world.fields.sea_level, cells, sea, SEA) / 1000, METRE)
    data = _dataset(cells, world, {"sla": (field, "m")})
    return data.rename(lat="latitude", lon="longitude")


def land_field(world: World, cells: CoarseCells) -> xr.Dataset:
    """Shares of land in the layout of ERA5.

    Args:
      world: The world.
      cells: Of the file.
    """
    share = cells.means(synthetic.land_of(world.rasters))[0]
    axes = {"latitude": cells.lat, "longitude": cells.lon}
    attrs = {"units": "1", "long_name": "land-sea mask"}
    return xr.Dataset({"lsm": (tuple(axes), share, attrs)}, axes)


def gravity_field(world: World, start: str, rng: Generator) -> xr.Dataset:
    """Monthly water storage around the region in the layout of GRACE mascons.

    It is soil water, snow and groundwater, smoothed as satellites see it. Groundwater
    comes two months late, as in the article, which leaves the cause open; here the
    delay is written into the file, so that a search for it has something to find.

    Args:
      world: The world.
      start: First month.
      rng: From which errors are drawn.
    """
    cells = globe_cells(world, GRAVITY)
    rows, columns = world.rasters.window
    month = _whole_months(world)
    first = max(int(np.searchsorted(month, np.datetime64(start, "M"))), GRAVITY_LAG)
    land = synthetic.land_of(world.rasters)
    total = np.zeros((len(month) - first, len(cells.lat), len(cells.lon)))
    for modes, lag in (
        (world.fields.soil, 0),
        (world.fields.snow, 0),
        (world.fields.groundwater, GRAVITY_LAG),
    ):
        series = _monthly(world, modes.series)[first - lag : len(month) - lag]
        patterns = _as_gravity(modes.patterns.globe * land.globe)
        total += np.einsum("em,mjk->ejk", series, patterns)
    error = _as_gravity(rng.normal(size=total.shape))
    total += GRAVITY_NOISE * error / error.std()
    part = CoarseCells("globe", 1, cells.lat[rows], cells.lon[columns])
    middle = _middles(month[first:])
    water = (total - total.mean(axis=0))[:, rows, columns] / 10
    return _dataset(part, middle, {"lwe_thickness": (water, "cm")})


def rain_field(world: World) -> xr.Dataset:
    """Monthly precipitation around the region.

    Args:
      world: The world.
    """
    cells, month = box_cells(world, RAIN), _whole_months(world)
    first, after = month_bounds(month)
    days = after - first
    modes = world.fields.rain
    daily = np.einsum(
        "em,mjk->ejk", _monthly(world, modes.series), cells.means(modes.patterns)
    )
    sums = np.maximum(daily, 0) * days.astype(float)[:, None, None]
    return _dataset(cells, _middles(month), {"precip": (sums, "mm/month")})


def true_field(world: World) -> xr.Dataset:
    """Weekly groundwater storage anomaly around the region.

    Args:
      world: The world.
    """
    cells = box_cells(world)
    water = _weekly(world.fields.groundwater, cells)
    return _dataset(cells, world, {"gwsa": (water - water.mean(axis=0), "mm")})


def _cells(name: str, axes: tuple[Floats, Floats], spacing: float) -> CoarseCells:
    block = round(spacing / (axes[0][1] - axes[0][0]))
    lat, lon = (axis.reshape(-1, block).mean(axis=1) for axis in axes)
    return CoarseCells(name, block, lat, lon)


def _weekly(
    modes: synthetic.Modes,
    cells: CoarseCells,
    kept: synthetic.Patterns | None = None,
    least: float = 0.5,
) -> Floats:
    """Means over weeks and cells; over the part that is kept, NaN where that is small.

    Shape (week, lat, lon).
    """
    series, patterns = synthetic.week_means(modes.series), modes.patterns
    if kept is None:
        return np.einsum("em,mjk->ejk", series, cells.means(patterns))
    share = cells.means(kept)
    total = cells.means(synthetic.weighted(patterns, kept))
    # A cell of a model is land or it is not.
    mean = np.where(share >= least, total / np.where(share > 0, share, 1), np.nan)
    return np.einsum("em,mjk->ejk", series, mean)


def _whole_months(world: World) -> NDArray[np.datetime64]:
    days = world.time
    month = np.unique(days.astype("M8[M]"))
    first, after = month_bounds(month)
    return month[(first >= days[0]) & (after <= days[-1] + DAY)]


def _middles(month: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    return np.array([f"{one}-16" for one in month], dtype="M8[D]")


def _monthly(world: World, series: Floats) -> Floats:
    """Means over whole months, shape (month, ...)."""
    of_day = world.time.astype("M8[M]")
    return np.stack(
        [series[of_day == month].mean(axis=0) for month in _whole_months(world)]
    )


def _as_gravity(fields: Floats) -> Floats:
    """Smooth by a Gaussian that falls to a half at a radius; for middle latitudes."""
    width = SMOOTHING / np.sqrt(2 * np.log(2)) / KM_PER_DEGREE / GRAVITY
    # About the region a degree of longitude is this much shorter.
    east = width / np.cos(np.radians(25.0))
    rows = scipy.ndimage.gaussian_filter1d(fields, width, axis=1, mode="nearest")
    return scipy.ndimage.gaussian_filter1d(rows, east, axis=2, mode="wrap")


def _mean_pressure(cells: CoarseCells) -> Floats:
    """Lower over high ground; what is constant does not load, but readers check it."""
    lat, lon = cells.lat[:, None], cells.lon[None, :]
    plateau = 4600 * np.exp(-(((lon - 88) / 14) ** 4) - ((lat - 33.5) / 6) ** 4)
    hills = 1900 * np.exp(-(((lon - 101) / 6) ** 2) - ((lat - 26) / 4) ** 2)
    height = np.maximum(plateau, hills)
    return SEA_LEVEL_PRESSURE * np.exp(-height / SCALE_HEIGHT)


def _dataset(
    cells: CoarseCells,
    when: World | NDArray[np.datetime64],
    fields: dict[str, tuple[Floats, str]],
) -> xr.Dataset:
    """Fields on the cells; weeks are dated on their Wednesday."""
    time = when if isinstance(when, np.ndarray) else when.time[3::7]
    return gridded((cells.lat, cells.lon), time, fields)
