"""Whether errors of regional means hold on real heights: halves of a network.

    python -m benchmarks.network_errors STUDY --data FOLDER [--noise independent]

Stations are parted at random in two halves, and water is estimated by each. By how much
the two estimates of a region differ is stated by the noise model and observed in the
record: for days, and for means over thirty days. Nothing of that needs to know the
truth. What both halves share, as a common mode, cancels in their difference.

With noise "network" the spectra state it, and by how much the estimate of one half
changes from day to day and month to month. With "independent" the prior and sigma of
the stations do, for days that have nothing to do with each other, at the beta that the
study chooses. Offset, trend and seasons of each station are left out of both.
"""

import argparse
import functools
import json
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from benchmarks import _harness
from jaxload import config, inversion, series
from jaxload.inversion.spectral.spectra import (
    NetworkCovariance,
    NetworkSpectra,
    cosine_bands,
)
from jaxload.inversion.spectral.time_functions import fit_stations
from jaxload.inversion.spectral.transform import smooth_length
from jaxload.inversion.spectral.wiener import separate_record
from jaxload.pipeline.estimation.hyperparameters import choose
from jaxload.pipeline.estimation.network_noise import NetworkModel, network_model
from jaxload.pipeline.estimation.problem import Model, make_model
from jaxload.pipeline.progress import Clock, ignore
from jaxload.pipeline.stages import prepare

#: Days in a mean.
MONTH = 30

#: What is stated and observed.
DIFFERENCE, HALF = "difference of halves", "estimate of a half"

#: By region: a standard deviation [mm] of each kind.
Scatter = dict[str, NDArray[np.float64]]


def of_rows(network: NetworkCovariance, rows: NDArray[np.int64]) -> NetworkCovariance:
    """Restrict a network to some of its rows."""
    pairs = np.ix_(rows, rows)
    return NetworkCovariance(
        network.sigma[rows],
        network.gram[pairs],
        network.common[rows],
        network.distance[pairs],
    )


def gains(
    network: NetworkCovariance,
    spectra: NetworkSpectra,
    cross: NDArray[np.float64],
    rows: NDArray[np.int64],
    share: NDArray[np.float64],
    densities: list[Any],
) -> NDArray[np.float64]:
    """Weights of all rows in regions at each frequency, shape (band, region, row)."""
    part, weights = of_rows(network, rows), []
    for density in densities:
        matrix = np.asarray(part.matrix(spectra, density))
        matrix = matrix + np.diag((1 / share[rows] - 1) * spectra.white)
        whole = np.zeros(cross.shape)
        side = density.load * cross[:, rows] / np.asarray(part.sigma)
        whole[:, rows] = np.linalg.solve(matrix, side.T).T
        weights.append(whole)
    return np.array(weights)


def stated(
    model: NetworkModel,
    weights: NDArray[np.float64],
    share: NDArray[np.float64],
    densities: list[Any],
    bands: Any,
) -> Scatter:
    """Standard deviations of sums of all rows with weights, by region."""
    power = []
    for weight, density in zip(weights, densities):
        matrix = np.asarray(model.network.matrix(model.spectra, density))
        matrix = matrix + np.diag((1 / share - 1) * model.spectra.white)
        power.append(np.einsum("mr,rs,ms->m", weight, matrix, weight))
    samples = bands.samples
    frequency = np.arange(samples) / (2 * samples)
    angle = np.pi * np.maximum(frequency, 1e-12)
    month = (np.sin(MONTH * angle) / (MONTH * np.sin(angle))) ** 2
    filters = {
        "day": np.ones(samples),
        "month": month,
        "day to day": 4 * np.sin(angle) ** 2,
        "month to month": month * 4 * np.sin(MONTH * angle) ** 2,
    }
    starts = np.array(bands.edges[:-1])
    return {
        name: np.sqrt(np.add.reduceat(f, starts) @ np.array(power) / samples)
        for name, f in filters.items()
    }


def observed(means: NDArray[np.float64]) -> Scatter:
    """The same standard deviations of a record, shape (epoch, region)."""
    count = len(means) // MONTH
    months = means[: count * MONTH].reshape(count, MONTH, -1).mean(axis=1)
    return {
        "day": means.std(axis=0),
        "month": months.std(axis=0),
        "day to day": np.diff(means, axis=0).std(axis=0),
        "month to month": np.diff(months, axis=0).std(axis=0),
    }


def network_scatter(
    model: NetworkModel,
    cross: NDArray[np.float64],
    halves: list[NDArray[np.int64]],
) -> dict[str, tuple[Scatter, Scatter]]:
    """What spectra of a network state, and what is observed."""
    seen = np.isfinite(model.rest)
    share = np.maximum(seen.mean(axis=0), 0.02)
    bands = cosine_bands(smooth_length(len(model.rest)))
    estimates, weights, densities = [], [], []
    for rows in halves:
        part = of_rows(model.network, rows)
        record = separate_record(part, model.rest[:, rows], model.spectra)
        densities = [
            jax.tree.map(lambda x, i=i: float(x[i]), record.densities)
            for i in range(len(record.bands.sizes))
        ]
        estimates.append(np.asarray(record.coefficients) @ cross[:, rows].T)
        weights.append(
            gains(model.network, model.spectra, cross, rows, share, densities)
        )
    there = [
        stated(model, weight, share, densities, bands)
        for weight in (weights[0] - weights[1], weights[0])
    ]
    here = [observed(estimates[0] - estimates[1]), observed(estimates[0])]
    return dict(zip((DIFFERENCE, HALF), zip(there, here)))


def independent_scatter(
    gram: NDArray[np.float64],
    sigma: NDArray[np.float64],
    cross: NDArray[np.float64],
    rest: NDArray[np.float64],
    halves: list[NDArray[np.int64]],
) -> dict[str, tuple[Scatter, Scatter]]:
    """What prior and sigma state for independent days, and what is observed.

    `gram` and `cross` are prior covariances [mm2]: of the uplift of stations, and of
    the means of regions with it. Days without data are left out. What a prior without
    memory states for the change of one estimate from day to day means nothing.
    """
    covariance = gram + np.diag(sigma**2)
    difference = np.full((len(rest), len(cross)), np.nan)
    variance = np.full((len(rest), len(cross)), np.nan)
    for day, heights in enumerate(rest):
        weight = np.zeros(cross.shape)
        for sign, half in zip((1, -1), halves):
            rows = half[np.isfinite(heights[half])]
            solved = np.linalg.solve(covariance[np.ix_(rows, rows)], cross[:, rows].T)
            weight[:, rows] = sign * solved.T
        difference[day] = weight @ np.nan_to_num(heights)
        variance[day] = np.sum(weight @ covariance * weight, axis=1)
    ok = np.isfinite(rest).any(axis=1)
    there = _of_independent_days(variance[ok].mean(axis=0))
    return {DIFFERENCE: (there, observed(difference[ok]))}


def _of_independent_days(variance: NDArray[np.float64]) -> Scatter:
    return {
        "day": np.sqrt(variance),
        "month": np.sqrt(variance / MONTH),
        "day to day": np.sqrt(2 * variance),
        "month to month": np.sqrt(2 * variance / MONTH),
    }


def scatter_by_halves(
    study: config.Study, model: Model, rows: Any, weights: NDArray[np.float64]
) -> Callable[[list[NDArray[np.int64]]], dict[str, tuple[Scatter, Scatter]]]:
    """A function of two halves of the stations, for the noise of a study."""
    regions = inversion.averages(model.problem, model.prior, weights)
    cross, gram = np.asarray(regions.cross), np.asarray(model.problem.gram)
    if study.inversion.noise == "network":
        network, _ = network_model(study, model, rows)
        return functools.partial(network_scatter, network, cross)
    model, choice = choose(study, model, rows, lambda _: None)
    rest = fit_stations(model.up, series.seasonal_basis(rows.time.values)).residual
    factor, sigma = choice.beta**-2, np.asarray(model.noise.sigma)
    parts = factor * gram, sigma, factor * cross, rest
    return functools.partial(independent_scatter, *parts)


def _table(
    pairs: dict[str, list[NDArray[np.float64]]], names: list[str]
) -> dict[str, Any]:
    table: dict[str, Any] = {name: {} for name in names}
    for kind, of_seeds in pairs.items():
        mean = np.sqrt(np.mean(np.square(of_seeds), axis=0))
        for number, region in enumerate(names):
            there, here = map(float, mean[:, number])
            table[region][kind] = {"stated_mm": there, "observed_mm": here}
            print(
                f"{region:20.20s} {kind:40s} stated {there:6.2f} "
                f"observed {here:6.2f} mm  ratio {there / here:.2f}",
                flush=True,
            )
    return table


def main() -> None:
    """Estimate from halves, and compare what is stated with what is observed."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("study")
    parser.add_argument("--data", default=None)
    parser.add_argument("--noise", choices=("network", "independent"))
    parser.add_argument("--seeds", type=int, default=4)
    parser.set_defaults(noise="network")
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    changes = {"inversion.noise": arguments.noise, "inversion.beta": "choose"}
    study = config.read_study(arguments.study, arguments.data, changes=changes)
    prepared = prepare(study, None, Clock(ignore))
    area = prepared.area
    model = make_model(study, prepared.rows, area.grid)
    scatter = scatter_by_halves(study, model, prepared.rows, area.basins.weights)
    pairs: dict[str, list[NDArray[np.float64]]] = {}
    for seed in range(arguments.seeds):
        order = np.random.default_rng(seed).permutation(model.up.shape[1])
        halves = [np.sort(order[0::2]), np.sort(order[1::2])]
        for kind, (there, here) in scatter(halves).items():
            for name in there:
                # The level of an estimate has no scatter: offsets were taken out.
                if kind == HALF and " " not in name:
                    continue
                pairs.setdefault(f"{kind}, {name}", []).append(
                    np.stack([there[name], here[name]])
                )
    table = _table(pairs, [str(name) for name in area.basins.names])
    folder = pathlib.Path(_harness.__file__).parent / "results"
    ending = "" if arguments.noise == "network" else "_independent"
    text = json.dumps(table, indent=1) + "\n"
    (folder / f"network_errors{ending}.json").write_text(text)


if __name__ == "__main__":
    main()
