"""Cleaning a western-US sized network: 300 stations and 6,000 days with steps and gaps.

    python -m benchmarks.series

Every part of the cleaning is timed; the steps that are found are held against those
that were put in, under white and flicker noise as of a vertical series; trajectories,
against least squares of NumPy, one station after the other.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._harness import measure, report
from jaxload import series

__all__ = ["main"]

EPOCHS, STATIONS = 6000, 300


def flicker(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Noise of unit standard deviation whose power falls as 1 / frequency."""
    frequency = np.fft.rfftfreq(shape[0])
    frequency[0] = np.inf
    spectrum = np.fft.rfft(rng.normal(size=shape), axis=0)
    noise = np.fft.irfft(spectrum / np.sqrt(frequency)[:, None], n=shape[0], axis=0)
    return noise / noise.std(axis=0)


def network(seed: int, size: float) -> tuple[Any, ...]:
    """Days, heights, sigma and the steps (station, epoch, size in noise sigmas)."""
    rng = np.random.default_rng(seed)
    time = np.datetime64("2006-01-01") + np.arange(EPOCHS).astype("m8[D]")
    years = series.decimal_years(time)
    white = 2.2 * rng.lognormal(0, 0.2, size=STATIONS)
    sigma = white * rng.lognormal(0, 0.08, size=(EPOCHS, STATIONS))
    noise = sigma * rng.normal(size=sigma.shape) + size * flicker(sigma.shape, rng)
    peak = rng.random(STATIONS)
    up = rng.uniform(1, 6, STATIONS) * np.cos(2 * np.pi * (years[:, None] - peak))
    up += noise + rng.normal(0, 2, STATIONS) * (years - years[0])[:, None]
    scatter = noise.std(axis=0)
    steps = []
    for station in range(STATIONS):
        for epoch in rng.integers(60, EPOCHS - 60, size=rng.poisson(1.6)):
            sigmas = rng.uniform(1, 8)
            up[epoch:, station] += rng.choice([-1, 1]) * sigmas * scatter[station]
            steps.append((station, epoch, sigmas))
        for start in rng.integers(0, EPOCHS, size=75):
            up[start : start + 1 + int(rng.exponential(8)), station] = np.nan
    up[rng.random(up.shape) < 0.003] += 25
    return time, years, up, sigma, steps


def found_of(up: np.ndarray, detected: series.Steps, truth: list) -> dict[str, float]:
    """Shares of the steps that were found within five observed days, by size."""
    hits, used = [], set()
    for station, epoch, _ in truth:
        near = []
        for other in detected.epoch[station][detected.epoch[station] >= 0]:
            low, high = sorted((int(epoch), int(other)))
            near.append((np.isfinite(up[low:high, station]).sum(), int(other)))
        hits.append(bool(near) and min(near)[0] <= 5)
        if hits[-1]:
            used.add((station, min(near)[1]))
    size, hit = np.array([step[2] for step in truth]), np.array(hits)
    decades = up.size / 3652.425
    return {
        "found_above_3_sigma": float(hit[size > 3].mean()),
        "found_2_to_3_sigma": float(hit[(size > 2) & (size <= 3)].mean()),
        "found_1_to_2_sigma": float(hit[size <= 2].mean()),
        "false_per_10_station_years": (int(detected.count.sum()) - len(used)) / decades,
    }


def detection(flicker_size: float) -> dict[str, Any]:
    """One row: steps in noise with this standard deviation of flicker [mm]."""
    _, years, up, sigma, truth = network(1, flicker_size)
    kept = []

    def run() -> np.ndarray:
        kept.append(series.find_steps(up, years, sigma=sigma))
        return kept[-1].size

    row = measure(run, repeat=1)
    what = f"find_steps, flicker of {flicker_size:g} mm"
    return {"what": what} | row | found_of(up, kept[-1], truth)


def parts() -> list[dict[str, Any]]:
    """One row for each other part of the cleaning."""
    time, years, up, sigma, _ = network(1, 1.0)
    median = series.Rejection(window=31)
    noise = series.NoiseAmplitudes(
        *(jnp.full(STATIONS, size) for size in (1.0, 3.0, 0.0))
    )
    calls = {
        "fit_trajectory": lambda: series.fit_trajectory(up, years, sigma=sigma),
        "fit_trajectory, flicker": lambda: series.fit_trajectory(
            up, years, sigma=sigma, noise=noise
        ),
        "estimate_noise": lambda: series.estimate_noise(up, years, sigma=sigma),
        "reject_outliers": lambda: series.reject_outliers(up, years, sigma=sigma),
        "reject_outliers, median": lambda: series.reject_outliers(
            up, years, sigma=sigma, settings=median
        ),
        "reconstruct": lambda: series.reconstruct(up, count=8),
        "weekly_means": lambda: series.weekly_means(up, time, sigma=sigma).values,
        "assess": lambda: series.assess(up, years, sigma=sigma),
    }
    rows = [{"what": name} | measure(call, repeat=3) for name, call in calls.items()]
    by_loop = measure(one_by_one, time, up, sigma)
    fit = series.fit_trajectory(up, years, sigma=sigma)
    fitted = np.asarray(series.evaluate_trajectory(fit, years))
    missed = float(abs(fitted - one_by_one(time, up, sigma)).max())
    faster = by_loop["median_s"] / rows[0]["median_s"]
    rows[0] |= {"times_faster": faster, "largest_difference_mm": missed}
    return [*rows, {"what": "NumPy, station after station"} | by_loop]


def one_by_one(time: np.ndarray, up: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Trend and seasons of every station, by a loop."""
    basis, fitted = series.seasonal_basis(time), np.empty_like(up)
    for station, (heights, error) in enumerate(zip(up.T, sigma.T)):
        seen = np.isfinite(heights)
        weighted = basis[seen] / error[seen, None]
        target = heights[seen] / error[seen]
        fitted[:, station] = basis @ np.linalg.lstsq(weighted, target)[0]
    return fitted


def main() -> None:
    """Run the benchmark."""
    jax.config.update("jax_enable_x64", True)
    rows = [detection(size) for size in (1.0, 2.0)]
    report("series", rows + parts())


if __name__ == "__main__":
    main()
