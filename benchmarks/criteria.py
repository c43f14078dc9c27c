"""Criteria for the weight of the prior at western-US size, beside NumPy and SciPy.

    python -m benchmarks.criteria

Each criterion over all epochs, gaps and all, at one weight; leave-one-out at 50 weights
where there are no gaps; the gradient of the log evidence; and the tuning of three
hyperparameters. NumPy does some epochs and its time is scaled to all of them.
"""

import dataclasses
import functools
import resource
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg

from benchmarks._harness import measure, report
from benchmarks._networks import BETA, observations
from jaxload import earth, inversion, sphere
from jaxload.inversion.hyperparameters.beta_scan import scan
from jaxload.inversion.hyperparameters.criteria import (
    gcv,
    leave_one_out,
    leave_one_out_residual,
)
from jaxload.inversion.hyperparameters.empirical_bayes import scaled_model, tune
from jaxload.inversion.hyperparameters.evidence import (
    epoch_log_evidence,
    log_evidence,
    variance_components,
)
from jaxload.inversion.hyperparameters.group_cross_validation import (
    distance_blocks,
    leave_group_out_residual,
)
from jaxload.inversion.noise import Noise

__all__ = ["main"]

#: Epochs that NumPy does.
SOME = 200

#: Weights tried in a record without gaps, and with.
MANY, FEW = np.geomspace(1e-3, 1, 50), np.geomspace(5e-3, 5e-2, 4)

BLOCK_KM = 100.0
KM_PER_DEGREE = 111.2


def numpy_epoch(
    matrix: np.ndarray, row: np.ndarray, variance: np.ndarray, blocks: np.ndarray
) -> dict[str, Any]:
    """Every criterion of one epoch: take out missing rows, factorise, invert."""
    seen = np.flatnonzero(np.isfinite(row))
    factor = scipy.linalg.cho_factor(matrix[np.ix_(seen, seen)], lower=True)
    inverse = scipy.linalg.cho_solve(factor, np.eye(len(seen)))
    dual = inverse @ row[seen]
    grouped = np.full(len(row), np.nan)
    for block in np.unique(blocks[seen]):
        here = np.flatnonzero(blocks[seen] == block)
        grouped[seen[here]] = np.linalg.solve(inverse[np.ix_(here, here)], dual[here])
    single = np.full(len(row), np.nan)
    single[seen] = dual / np.diag(inverse)
    log_determinant = 2 * np.log(np.diag(factor[0])).sum()
    scaled = log_determinant - len(seen) * np.log(BETA**2)
    quadratic = BETA**2 * (row[seen] @ dual)
    return {
        "left_out": single,
        "grouped": grouped,
        "misfit": np.sum(variance[seen] * dual**2) * BETA**2,
        "trace": np.sum(variance[seen] * np.diag(inverse)),
        "count": len(seen),
        "evidence": -(len(seen) * np.log(2 * np.pi) + scaled + quadratic) / 2,
    }


def numpy_way(
    gram: np.ndarray, rows: np.ndarray, sigma: np.ndarray, blocks: np.ndarray
) -> tuple[dict[str, np.ndarray], float]:
    """Every criterion of every epoch, and the time of an epoch."""
    variance = (BETA * sigma) ** 2
    start = time.perf_counter()
    by_epoch = [
        numpy_epoch(gram + np.diag(variance), row, variance, blocks) for row in rows
    ]
    spent = (time.perf_counter() - start) / len(rows)
    return {
        key: np.array([each[key] for each in by_epoch]) for key in by_epoch[0]
    }, spent


def numpy_sweep(
    gram: np.ndarray, rows: np.ndarray, sigma: np.ndarray
) -> tuple[np.ndarray, float]:
    """Leave-one-out of a record without gaps: an inverse for each weight."""
    start = time.perf_counter()
    values = []
    for beta in MANY:
        inverse = np.linalg.inv(gram + np.diag((beta * sigma) ** 2))
        values.append(np.sqrt(np.mean((rows @ inverse / np.diag(inverse)) ** 2)))
    return np.array(values), time.perf_counter() - start


def distances(places: Any) -> np.ndarray:
    """Between stations [km]."""
    lon, lat = np.asarray(places.lon), np.asarray(places.lat)
    degrees = sphere.angular_distance(lon[:, None], lat[:, None], lon, lat)
    return KM_PER_DEGREE * np.asarray(degrees)


def main() -> None:
    """Run the benchmark."""
    jax.config.update("jax_enable_x64", True)
    displacement, daily, places, grid = observations()
    sigma = np.nanmedian(daily, axis=0)
    love = earth.load_love_numbers("prem", frame="CF")
    kernel = earth.disc_kernel(love, radius=grid.cell_radius)
    design = earth.design_matrix(kernel, places, grid)
    problem = inversion.smooth_problem(design, grid.laplacian)
    rows = _at_one_beta(problem, displacement, sigma, distances(places))
    rows += _sweeps(problem, displacement, sigma)
    rows += _by_gradient(problem, displacement, sigma)
    report("criteria", rows)


def _at_one_beta(
    problem: inversion.Problem,
    displacement: np.ndarray,
    sigma: np.ndarray,
    distance: np.ndarray,
) -> list[dict[str, Any]]:
    blocks = distance_blocks(distance, BLOCK_KM)
    some = np.linspace(0, len(displacement) - 1, SOME).astype(int)
    want, each = numpy_way(np.asarray(problem.gram), displacement[some], sigma, blocks)
    data = inversion.observations(displacement, sigma)
    few = inversion.observations(displacement[some], sigma)
    score = want["count"].sum() * want["misfit"].sum() / want["trace"].sum() ** 2
    grouped = lambda factor: leave_group_out_residual(factor, blocks)
    cases: dict[str, tuple[Callable, Any]] = {
        "leave-one-out": (leave_one_out_residual, want["left_out"]),
        "GCV": (gcv, score),
        "log evidence": (epoch_log_evidence, want["evidence"]),
        f"leave-group-out, {blocks.max() + 1} blocks": (grouped, want["grouped"]),
    }
    lines = []
    for name, (question, expected) in cases.items():
        ask = functools.partial(_with_factor, question, problem)
        spent = measure(ask, data, repeat=5)
        numpy_s = each * len(displacement)
        lines.append(
            {
                "what": f"{name}, one beta, gaps",
                **spent,
                "numpy_s": numpy_s,
                "ratio": numpy_s / spent["median_s"],
                "largest_error": _error(ask(few), expected),
            }
        )
    return lines


def _with_factor(
    question: Callable[..., Any],
    problem: inversion.Problem,
    data: inversion.Observations,
) -> Any:
    return question(inversion.factorise(problem, data, BETA))


def _sweeps(
    problem: inversion.Problem, displacement: np.ndarray, sigma: np.ndarray
) -> list[dict[str, Any]]:
    """Many weights: without gaps by one decomposition, with gaps one by one."""
    data = inversion.observations(displacement, sigma)
    gapped = measure(scan, problem, data, FEW)
    left_out = lambda data, beta: leave_one_out(
        inversion.factorise(problem, data, beta)
    )
    each = [left_out(data, beta) for beta in FEW]
    got = scan(problem, data, FEW)
    whole = np.where(np.isfinite(displacement), displacement, 0)
    without = inversion.observations(whole, sigma)
    one = measure(left_out, without, BETA, repeat=9)
    many = measure(scan, problem, without, MANY, repeat=9)
    want, numpy_s = numpy_sweep(np.asarray(problem.gram), whole, sigma)
    error = _error(scan(problem, without, MANY), want)
    per_value = gapped["median_s"] / len(FEW)
    return [
        {
            "what": f"leave-one-out at {len(FEW)} betas, gaps",
            **gapped,
            "s_per_value": per_value,
            "largest_error": _error(got, np.array(each)),
        },
        {"what": "leave-one-out at one beta, no gaps", **one},
        {
            "what": f"leave-one-out at {len(MANY)} betas, no gaps",
            **many,
            "numpy_s": numpy_s,
            "ratio": numpy_s / many["median_s"],
            "times_one_beta": min(many["times_s"]) / min(one["times_s"]),
            "largest_error": error,
        },
    ]


def _by_gradient(
    problem: inversion.Problem, displacement: np.ndarray, sigma: np.ndarray
) -> list[dict[str, Any]]:
    record = inversion.observations(displacement, sigma)

    @jax.jit
    def evidence(logs: jax.Array, record: inversion.Observations) -> jax.Array:
        beta, common = jnp.exp(logs)
        noise = Noise(jnp.asarray(sigma), None, common)
        data = dataclasses.replace(record, noise=noise)
        return log_evidence(inversion.factorise(problem, data, beta))

    slope = jax.jit(jax.grad(evidence))
    at = jnp.log(jnp.array([BETA, 1.0]))
    value = measure(evidence, at, record)
    before = _peak_gib()
    gradient = measure(slope, at, record)
    step = jnp.array([1e-4, 0.0])
    ends = [evidence(at + sign * step, record) for sign in (1, -1)]
    difference = (ends[0] - ends[1]) / 2e-4
    error = _error(slope(at, record)[0], np.asarray(difference))
    return [
        {"what": "log evidence, two hyperparameters", **value},
        {
            "what": "its gradient",
            **gradient,
            "times_value": gradient["median_s"] / value["median_s"],
            "more_gib": _peak_gib() - before,
            "largest_error": error,
        },
        _tuned(problem, displacement, sigma),
        _components(problem, displacement, sigma),
    ]


def _tuned(
    problem: inversion.Problem, displacement: np.ndarray, sigma: np.ndarray
) -> dict[str, Any]:
    start = time.perf_counter()
    begin = {"beta": 0.02, "noise_factor": 1.0, "common": 1.0}
    tuned = tune(scaled_model(problem, sigma), begin, displacement, every=10)
    estimates = ", ".join(
        f"{name} {value:.3g}" for name, value in tuned.estimate.items()
    )
    return {
        "what": f"tuned on every 10th epoch: {estimates}, {tuned.iterations} steps",
        "first_call_s": time.perf_counter() - start,
    }


def _components(
    problem: inversion.Problem, displacement: np.ndarray, sigma: np.ndarray
) -> dict[str, Any]:
    start = time.perf_counter()
    data = inversion.observations(displacement, sigma)
    components = variance_components(problem, data, beta=0.1)
    estimates = f"beta {components.beta:.3g}, sigma times {components.factor[0]:.3g}"
    return {
        "what": f"variance components: {estimates}, {components.iterations} steps",
        "first_call_s": time.perf_counter() - start,
    }


def _peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _error(got: Any, want: np.ndarray) -> float:
    """Largest difference relative to the largest value."""
    return float(np.nanmax(abs(np.asarray(got) - want)) / np.nanmax(abs(want)))


if __name__ == "__main__":
    main()
