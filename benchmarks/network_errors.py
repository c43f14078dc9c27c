"""Whether errors of regional means hold on real heights: halves of a network.

    python -m benchmarks.network_errors STUDY --data FOLDER

Stations are parted in two halves, and water is estimated by each under
``inversion.noise = "network"``. By how much the two estimates of a region differ is
stated by the spectra, noise that all stations share included, and seen in the record:
for days, and for means over thirty days. So is by how much an estimate changes from day
to day and month to month. Nothing of that needs to know the truth.
"""

import argparse
import json
import pathlib
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from benchmarks import _harness
from jaxload import config, inversion
from jaxload.inversion.spectral.spectra import (
    NetworkCovariance,
    NetworkSpectra,
    cosine_bands,
)
from jaxload.inversion.spectral.transform import smooth_length
from jaxload.inversion.spectral.wiener import separate_record
from jaxload.pipeline.estimation.network_noise import NetworkModel, network_model
from jaxload.pipeline.estimation.problem import make_model
from jaxload.pipeline.progress import Clock, ignore
from jaxload.pipeline.stages import prepare

#: Days in a mean.
MONTH = 30

#: One of two estimates.
HALF = "estimate of a half"


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
) -> dict[str, NDArray[np.float64]]:
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


def observed(series: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """The same standard deviations of a record, shape (epoch, region)."""
    count = len(series) // MONTH
    months = series[: count * MONTH].reshape(count, MONTH, -1).mean(axis=1)
    return {
        "day": series.std(axis=0),
        "month": months.std(axis=0),
        "day to day": np.diff(series, axis=0).std(axis=0),
        "month to month": np.diff(months, axis=0).std(axis=0),
    }


def main() -> None:
    """Estimate from halves, and compare what is stated with what is seen."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("study")
    parser.add_argument("--data", default=None)
    parser.add_argument("--seeds", type=int, default=1)
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    changes = {"inversion.noise": "network", "inversion.beta": "choose"}
    study = config.read_study(arguments.study, arguments.data, changes=changes)
    prepared = prepare(study, None, Clock(ignore))
    area = prepared.area
    model = make_model(study, prepared.rows, area.grid)
    network, _ = network_model(study, model, prepared.rows)
    regions = inversion.averages(model.problem, model.prior, area.basins.weights)
    cross = np.asarray(regions.cross)
    seen = np.isfinite(network.rest)
    share = np.maximum(seen.mean(axis=0), 0.02)
    table: dict[str, Any] = {str(n): {} for n in area.basins.names}
    ratios: dict[str, list[NDArray[np.float64]]] = {}
    for seed in range(arguments.seeds):
        order = np.random.default_rng(seed).permutation(len(share))
        halves = [np.sort(order[0::2]), np.sort(order[1::2])]
        estimates, weights, densities = [], [], []
        bands = cosine_bands(smooth_length(len(network.rest)))
        for rows in halves:
            part = of_rows(network.network, rows)
            record = separate_record(part, network.rest[:, rows], network.spectra)
            densities = [
                jax.tree.map(lambda x, i=i: float(x[i]), record.densities)
                for i in range(len(record.bands.sizes))
            ]
            estimates.append(np.asarray(record.coefficients) @ cross[:, rows].T)
            weights.append(
                gains(network.network, network.spectra, cross, rows, share, densities)
            )
        kinds = {
            "difference of halves": (
                estimates[0] - estimates[1],
                weights[0] - weights[1],
            ),
            HALF: (estimates[0], weights[0]),
        }
        for kind, (series, weight) in kinds.items():
            there = stated(network, weight, share, densities, bands)
            here = observed(series)
            for name in there:
                # The level of an estimate has no scatter: offsets were taken out.
                if kind == HALF and " " not in name:
                    continue
                ratios.setdefault(f"{kind}, {name}", []).append(
                    np.stack([there[name], here[name]])
                )
    for kind, pairs in ratios.items():
        mean = np.sqrt(np.mean(np.square(pairs), axis=0))
        for number, region in enumerate(table):
            table[region][kind] = {
                "stated_mm": float(mean[0, number]),
                "observed_mm": float(mean[1, number]),
            }
    for region, kinds in table.items():
        for kind, pair in kinds.items():
            ratio = pair["stated_mm"] / pair["observed_mm"]
            print(
                f"{region:20.20s} {kind:40s} stated {pair['stated_mm']:6.2f} "
                f"observed {pair['observed_mm']:6.2f} mm  ratio {ratio:.2f}",
                flush=True,
            )
    folder = pathlib.Path(_harness.__file__).parent / "results"
    (folder / "network_errors.json").write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
