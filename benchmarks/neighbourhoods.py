"""Does a network help where weather is unknown? Neighbourhoods left out, real heights.

Monthly heights of the western United States. Stations are divided into neighbourhoods;
each is foretold, in its turn, by an inversion that knows nothing of it nor of any
station within one degree of it: by the traditional inversion tuned by the evidence,
with and without an offset that receivers share, and by one about what a network
expects, trained through it. The network reads what exists
everywhere: time of the year, position, and what its neighbours do, as the principal
components of the stations that are not left out (the files tell no heights above the
sea). Needs the observations beside the checkout.
"""

import argparse
import dataclasses
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from benchmarks._harness import report, show
from benchmarks._networks import DATA, observations
from jaxload import earth, inversion, series, sphere
from jaxload.gapfill import joined_features, place_features
from jaxload.gapfill.joint import joint_model, schedule
from jaxload.gapfill.training import spatial_folds as near
from jaxload.inversion import Noise, Problem
from jaxload.pipeline.estimation.noise_model import without_seasons

__all__ = ["main"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

#: A neighbourhood reaches so far [degrees]; the network's raster is as wide.
RADIUS, RASTER = 1.0, 1.0

FOLDS, MEMBERS, SHARE, HIDDEN, COMPONENTS = 4, 3, 0.2, 16, 3


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """Stations and cells.

    Attributes:
      lon: Of the stations [degrees], shape (station,).
      lat: Likewise.
      time: First days of the months, shape (epoch,).
      up: Monthly heights as anomalies [mm], shape (epoch, station).
      sigma: Their standard error [mm], shape (station,).
      design: Displacement by unit water, shape (station, cell).
      grid: The cells.
      distance: Between stations [degrees], shape (station, station).
    """

    lon: Floats
    lat: Floats
    time: NDArray[np.datetime64]
    up: Floats
    sigma: Floats
    design: Floats
    grid: sphere.Grid
    distance: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class _Nodes:
    """Where the network runs."""

    lon: Floats
    lat: Floats


def main() -> None:
    """Foretell every neighbourhood, and report by how much each way misses."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, default=FOLDS, help="only so many")
    options = parser.parse_args()
    if not DATA.is_dir():
        raise SystemExit(f"{DATA} is not there: the observations are needed")
    with jax.enable_x64(True):
        report("neighbourhoods", _rows(_network(), options.folds))


def _rows(network: Network, folds: int) -> list[dict[str, Any]]:
    scored_stations, around = near.neighbourhoods(network.distance, RADIUS, FOLDS)
    rows, missed = [], {name: [] for name in WAYS}
    for number in range(folds):
        for name, method in WAYS.items():
            start = time.perf_counter()
            predicted, hyperparameters = method(network, around[number])
            rest = (network.up - predicted)[:, scored_stations[number]]
            missed[name].append(rest[np.isfinite(rest)])
            row = {
                "neighbourhood": number + 1,
                "stations": int(scored_stations[number].sum()),
                "method": name,
                "rms_mm": _rms(rest),
                "rms_of_heights_mm": _rms(network.up[:, scored_stations[number]]),
                **hyperparameters,
                "seconds": time.perf_counter() - start,
            }
            # Each takes minutes: told at once.
            show(f"neighbourhood {number + 1}", [row])
            rows.append(row)
    for name, parts in missed.items():
        every = _rms(np.concatenate(parts))
        rows.append({"neighbourhood": "all", "method": name, "rms_mm": every})
    return rows


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.nanmean(values**2)))


def _network() -> Network:
    daily, sigma, gnss, grid = observations()
    monthly = series.monthly_means(daily, gnss.time.values, sigma=sigma)
    up = np.asarray(monthly.values)
    enough = np.isfinite(up).sum(axis=0) >= len(up) / 3
    lon, lat = gnss.lon.values[enough], gnss.lat.values[enough]
    love = earth.load_love_numbers("prem", frame="CF")
    kernel = earth.disc_kernel(love, radius=grid.cell_radius)
    design = earth.design_matrix(kernel, gnss.isel(station=enough), grid)
    arc = sphere.angular_distance(lon[:, None], lat[:, None], lon[None], lat[None])
    error = np.sqrt(np.nanmean(np.asarray(monthly.sigma)[:, enough] ** 2, axis=0))
    return Network(
        lon,
        lat,
        monthly.time,
        up[:, enough] - np.nanmean(up[:, enough], axis=0),
        error,
        np.asarray(design),
        grid,
        np.asarray(arc),
    )


def _traditional(network: Network, out: Mask) -> tuple[Floats, dict[str, float]]:
    noise, beta = _tuned(network, ~out, network.up)
    predicted = _predicted(network, noise, beta, out)
    return predicted, {"beta": beta, "common_mode_mm": float(noise.common) ** 0.5}


def _without_offset(network: Network, out: Mask) -> tuple[Floats, dict[str, float]]:
    """An offset that receivers share counts as water then, and is predicted."""
    noise, beta = _tuned(network, ~out, network.up, offset=False)
    return _predicted(network, noise, beta, out), {"beta": beta, "common_mode_mm": 0.0}


def _jointly(network: Network, out: Mask) -> tuple[Floats, dict[str, float]]:
    """What a network expects of the water, corrected by the inversion."""
    known = np.flatnonzero(~out)
    raster, to_cells = _raster(network.grid)
    features = _features(network, out, raster)
    moved = network.design @ to_cells.T
    problem = _problem(network, known)
    distance = jnp.asarray(network.distance[np.ix_(known, known)])
    centres = near.centres_for_fraction(distance, RADIUS, SHARE)
    keys = jax.random.split(jax.random.key(1), MEMBERS)
    draw = lambda key: near.sample_neighbourhoods(distance, RADIUS, centres, key)
    folds = joint_model.Folds(
        jax.vmap(draw)(keys), distance, jnp.asarray(RADIUS), centres
    )
    training_data = joint_model.make_training_data(
        problem,
        network.up[:, known],
        network.sigma[known],
        features,
        folds,
        moved=moved[known],
    )
    fast = np.full(network.up.shape, np.nan)
    fast[:, known] = without_seasons(network.up[:, known], network.time)
    noise, beta = _tuned(network, ~out, fast)
    factor = float(jnp.mean(noise.sigma / network.sigma))
    learned = schedule.train_ensemble(
        "water",
        training_data,
        HIDDEN,
        joint_model.InitialHyperparameters(beta, factor, float(noise.common) ** 0.5),
        keys,
    ).last
    predict = jax.jit(jax.vmap(joint_model.predict_load, in_axes=(0, None)))
    expected = np.asarray(predict(learned.parameters, training_data.features)).mean(
        axis=0
    )
    hyperparameters = jax.tree.map(jnp.mean, learned.parameters.inversion)
    beta, common = (
        float(jnp.exp(hyperparameters.log_beta)),
        float(jnp.exp(hyperparameters.log_common_mode_sd)),
    )
    sigma = jnp.asarray(
        network.sigma * float(jnp.exp(hyperparameters.log_noise_factor))
    )
    noise = Noise(sigma, common=common**2)
    predicted = _predicted(network, noise, beta, out, expected @ to_cells)
    return predicted, {"beta": beta, "common_mode_mm": common}


def _raster(grid: sphere.Grid) -> tuple[_Nodes, Floats]:
    """Nodes between which all cells lie, and the interpolation to these."""
    across, along = (
        np.arange(np.floor(x.min() / RASTER), np.ceil(x.max() / RASTER) + 1) * RASTER
        for x in (grid.lon, grid.lat)
    )
    weights = sphere.linear_weights(across, along, grid.lon, grid.lat)
    used = np.flatnonzero(np.diff(weights.tocsc().indptr))
    lon, lat = (x.ravel() for x in np.meshgrid(across, along))
    return _Nodes(lon[used], lat[used]), weights[:, used].toarray().T


def _features(network: Network, out: Mask, nodes: _Nodes) -> NDArray[np.float32]:
    up = np.where(out, np.nan, network.up)[:, ~out]
    parts = series.principal_components(up, COMPONENTS)
    amplitudes = np.asarray(parts.amplitudes)
    changing = (amplitudes / amplitudes.std(axis=0))[:, None, :]
    still = place_features(nodes.lon, nodes.lat)
    return joined_features([changing], still, network.time)


def _problem(network: Network, rows: NDArray[np.int64]) -> Problem:
    design = jnp.asarray(network.design[rows])
    return inversion.smooth_problem(design, network.grid.laplacian)


def _tuned(
    network: Network, known: Mask, up: Floats, offset: bool = True
) -> tuple[Noise, float]:
    """Noise and beta of the largest evidence of some stations."""
    rows = np.flatnonzero(known)
    model = inversion.scaled_model(_problem(network, rows), network.sigma[rows])
    start = {"beta": 0.02, "noise_factor": 1.0}
    if offset:
        start["common"] = 1.0
    tuned = inversion.tune(model, start, up[:, rows]).estimate
    sigma = jnp.asarray(network.sigma * tuned["noise_factor"])
    return Noise(sigma, common=tuned.get("common", 0.0)), tuned["beta"]


def _predicted(
    network: Network, noise: Noise, beta: float, out: Mask, mean: Floats | None = None
) -> Floats:
    """Heights of all stations by an inversion without some, offset and all [mm]."""
    problem = _problem(network, np.arange(len(network.lon)))
    up = np.where(out, np.nan, network.up)
    solution = inversion.solve(
        problem, inversion.observations(up, noise), beta, mean=mean
    )
    return np.asarray(solution.fitted) + np.asarray(solution.common)[:, None]


WAYS = {
    "traditional, no offset": _without_offset,
    "traditional, tuned": _traditional,
    "joint": _jointly,
}

if __name__ == "__main__":
    main()
