"""A twin world as the gap fillers meet it: weekly, cleaned, its truth kept apart."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import shapely
from jax import Array
from numpy.typing import NDArray
from scipy import sparse

from jaxload import earth, inversion, series, sphere, synthetic
from jaxload.gapfill.training import spatial_folds

__all__ = ["Case", "Estimate", "make_case"]

Floats = NDArray[np.float64]

#: A cell is far if no station stands within this [degrees]; a neighbourhood reaches as
#: far; and so many are held out, in turn.
FAR, MEMBERS, SHARE = 1.0, 4, 0.2

#: Parts into which a region is divided for means, and far cells whose sd is computed.
BASINS, SAMPLED = 6, 150

NORMAL = {"68": 1.0, "95": 1.96}


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """What fillers may know, and what they are scored by.

    Attributes:
      world: The world.
      time: Days of the weeks, shape (epoch,).
      raw: Weekly heights [mm], shape (epoch, station), NaN if missing.
      up: The same without air and sea.
      corrections: What those do to the empty cells [mm], shape (epoch, empty).
      sigma: Standard error [mm], shape (station,).
      temperature: At the places of the weather, weekly, shape (epoch, place).
      pressure: Likewise.
      design: Of stations, then empty cells, shape (row, cell).
      distance: Between stations [degrees], shape (station, station).
      held: Who is held out in turn, boolean, shape (member, station).
      scored: Of those, by whom methods are scored; a training may watch the others.
      truth: True water on the cells of the region [mm], shape (epoch, inside).
      inside: Which cells lie in the region.
      far: Which of those are far from all stations.
      basins: Weights of cells in the means, shape (basin, cell).
      sampled: Some far cells.
      seed: That of the world.
      cache: What methods share, such as what was tuned; filled by them.
    """

    world: synthetic.WeatherWorld
    time: NDArray[np.datetime64]
    raw: Floats
    up: Floats
    corrections: Floats
    sigma: Floats
    temperature: Floats
    pressure: Floats
    design: Floats
    distance: Floats
    held: Array
    scored: Array
    truth: Floats
    inside: NDArray[np.int64]
    far: NDArray[np.bool_]
    basins: Floats
    sampled: NDArray[np.int64]
    seed: int
    cache: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def stations(self) -> int:
        """Number of stations."""
        return self.up.shape[1]

    @functools.cached_property
    def empty(self) -> synthetic.Network:
        """The cells of 1 degree without a station."""
        centres, chosen = self.world.centres, self.world.empty
        return synthetic.Network(
            *(getattr(centres, f.name)[chosen] for f in dataclasses.fields(centres))
        )

    @functools.cached_property
    def places(self) -> NDArray[np.int64]:
        """Places of the weather that matter to a cell."""
        return np.flatnonzero(np.diff(sparse.csr_array(self.world.to_cells).indptr))

    @functools.cached_property
    def to_cells(self) -> Floats:
        """Linear interpolation from `places` to cells, shape (place, cell)."""
        places, cells = self.world.places, self.world.cells
        weights = sphere.linear_weights(
            places.lon_axis, places.lat_axis, cells.lon, cells.lat
        )
        return weights[:, self.places].toarray().T

    @functools.cached_property
    def traditional(self) -> inversion.Problem:
        """The inverse problem of the stations alone."""
        return self.problem(self.stations)

    @functools.cached_property
    def filled(self) -> inversion.Problem:
        """And that with a row for every empty cell."""
        return self.problem(len(self.design))

    def problem(self, rows: int) -> inversion.Problem:
        """The inverse problem of the first rows."""
        laplacian = self.world.cells.laplacian
        return inversion.smooth_problem(jnp.asarray(self.design[:rows]), laplacian)

    def means(self, values: Floats) -> Floats:
        """Means over the basins of what is given on the cells inside."""
        return values @ self.basins[:, self.inside].T


@dataclasses.dataclass(frozen=True, eq=False)
class Estimate:
    """What a method says.

    Attributes:
      load: On the cells of the region [mm], shape (epoch, inside).
      basin_sd: Standard error of the means [mm], shape (epoch, basin).
      far_sd: Of the sampled cells, shape (epoch, sampled).
      predicted: Displacement of what is scored [mm], shape (epoch, member, station).
    """

    load: Floats
    basin_sd: Floats
    far_sd: Floats
    predicted: Floats


def make_case(settings: synthetic.WeatherSettings) -> Case:
    """Simulate a world, clean what was measured, and average over weeks."""
    world = synthetic.weather_world(settings)
    cleaned = _clean(world)
    weekly = lambda x: np.asarray(_weekly(world, x).values)
    heights = _weekly(world, cleaned, world.sigma)
    raw, error = np.asarray(heights.values), np.asarray(heights.sigma)
    loads, centre_loads = world.modelled_loads["up"], world.modelled_centre_loads
    known = weekly(loads.ntal + loads.ntol)
    corrections = weekly((centre_loads.ntal + centre_loads.ntol)[:, world.empty])
    anomaly = lambda x: x - np.nanmean(x, axis=0)
    cells = world.cells
    inside = np.flatnonzero(shapely.contains_xy(world.region, cells.lon, cells.lat))
    lon, lat = world.stations.lon, world.stations.lat
    between = lambda x, y: np.asarray(
        sphere.angular_distance(x[:, None], y[:, None], lon[None], lat[None])
    )
    distance = between(lon, lat)
    far = between(cells.lon[inside], cells.lat[inside]).min(axis=1) > FAR
    storage = weekly(world.storage)
    rng = np.random.default_rng(settings.seed)
    count = min(SAMPLED, int(far.sum()))
    held, scored = _held(distance, settings.seed)
    return Case(
        world=world,
        time=heights.time,
        raw=anomaly(raw),
        up=anomaly(raw - known),
        corrections=anomaly(corrections),
        sigma=np.sqrt(np.nanmean(error**2, axis=0)),
        temperature=weekly(world.weather.temperature),
        pressure=weekly(world.weather.pressure),
        design=_design(world),
        distance=distance,
        held=held,
        scored=scored,
        truth=anomaly(storage @ world.to_cells[:, inside]),
        inside=inside,
        far=far,
        basins=_basins(world, inside),
        sampled=np.sort(rng.permutation(inside[far])[:count]),
        seed=settings.seed,
    )


def _clean(world: synthetic.WeatherWorld) -> Floats:
    heights = world.heights["up"]
    years = series.decimal_years(world.time)
    days = [
        series.decimal_years(heights.step_day[heights.step_station == station])
        for station in range(len(world.stations.lon))
    ]
    width = max(map(len, days))
    steps = np.array(
        [np.pad(d, (0, width - len(d)), constant_values=np.nan) for d in days]
    )
    events = series.events(len(days), steps=steps)
    about = {"sigma": heights.sigma, "events": events}
    values = series.reject_outliers(heights.displacement, years, **about).values
    fit = series.fit_trajectory(values, years, **about)
    return np.asarray(values - series.evaluate_trajectory(fit, years, ("steps",)))


def _weekly(
    world: synthetic.WeatherWorld, values: Floats, sigma: Floats | None = None
) -> series.PeriodMeans:
    """Means over the whole weeks of the record."""
    start, stop = series.weeks_of(world.time)
    whole = (start >= world.time[0]) & (stop <= world.time[-1] + 1)
    days = (world.time >= start[whole][0]) & (world.time < stop[whole][-1])
    sigma = None if sigma is None else sigma[days]
    return series.weekly_means(values[days], world.time[days], sigma=sigma)


def _design(world: synthetic.WeatherWorld) -> Floats:
    cells, stations, centres = world.cells, world.stations, world.centres
    rows = synthetic.Network(
        *(
            np.concatenate(
                [getattr(stations, f.name), getattr(centres, f.name)[world.empty]]
            )
            for f in dataclasses.fields(stations)
        )
    )
    love = earth.load_love_numbers("prem", frame="CF")
    kernel = earth.disc_kernel(love, radius=cells.cell_radius)
    return np.asarray(earth.design_matrix(kernel, rows, cells))


def _held(distance: Floats, seed: int) -> tuple[Array, Array]:
    """Who is held out, and who of them is scored: half of the neighbourhoods."""
    centres = spatial_folds.centres_for_fraction(distance, FAR, SHARE)
    keys = jax.random.split(jax.random.key(seed), (2, MEMBERS))

    def drawn(keys: Array, centres: int) -> Array:
        draw = lambda key: spatial_folds.sample_neighbourhoods(
            distance, FAR, centres, key
        )
        return jax.vmap(draw)(keys)

    watched, scored = drawn(keys[0], centres // 2), drawn(keys[1], -(-centres // 2))
    return watched | scored, scored & ~watched


def _basins(world: synthetic.WeatherWorld, inside: NDArray[np.int64]) -> Floats:
    """Parts of the region around centres far from each other."""
    cells = world.cells
    lon, lat = cells.lon[inside], cells.lat[inside]
    to = lambda k: np.asarray(sphere.angular_distance(lon[k], lat[k], lon, lat))
    chosen = [int(np.argmin(lon))]
    while len(chosen) < BASINS:
        chosen.append(int(np.min([to(k) for k in chosen], axis=0).argmax()))
    owner = np.argmin([to(k) for k in chosen], axis=0)
    weights = np.zeros((BASINS, len(cells.lon)))
    weights[owner, inside] = cells.cell_area[inside]
    return weights / weights.sum(axis=1, keepdims=True)
