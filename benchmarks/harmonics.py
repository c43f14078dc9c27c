"""Time and error of spherical harmonics, beside NumPy and pyshtools in one process.

The floor of a transform is the arithmetic that it cannot do without, at rates measured
here: three operations per Legendre function in the recurrence, two per function, epoch
and wave in the products, and the FFT.

Why a step may take more than ten times that: XLA runs the recurrence on one core, as a
loop of 16 steps whose every turn reads and writes its state in cache, where the floor
takes registers and all cores; and products with 16 degrees at a time reach a quarter of
the rate of large ones. Larger tiles were slower: they leave the cache. With many epochs
of low degree (60 x 240) the field itself is the work: 54 MB go through the FFT and four
changes of layout. NumPy's recurrence slows down where functions underflow.
"""

import importlib.util
import math
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._harness import measure, report
from jaxload import earth
from jaxload.sphere.harmonics.quadrature import latitude_rows

#: Degree and number of epochs.
CASES = ((60, 240), (180, 1), (180, 50), (360, 1), (720, 1))

PLACES = 330


def grid(last: int) -> tuple[np.ndarray, np.ndarray]:
    """The coarsest equally spaced grid, poles included, that resolves a degree."""
    rows, columns = 2 * last + 1, 2 * last + 2
    return np.linspace(90, -90, rows), np.arange(columns) * 360 / columns


def coefficients(last: int, epochs: int) -> earth.Harmonics:
    rng = np.random.default_rng(1)
    falling = 1 / (1 + np.arange(last + 1.0))[:, None]
    both = np.tril(rng.normal(size=(2, epochs, last + 1, last + 1)) * falling)
    both[1, ..., 0] = 0
    return earth.Harmonics(*jnp.asarray(both))


def numpy_functions(last: int, lat: np.ndarray, order: int) -> np.ndarray:
    """P_nm of one order by the plain recurrence, shape (degree from order, lat)."""
    t, u = np.sin(np.deg2rad(lat)), np.cos(np.deg2rad(lat))
    m = order
    ratios = [
        math.sqrt((2 * k + 1) / (2 * k) * (2 if k == 1 else 1)) for k in range(1, m + 1)
    ]
    table = np.zeros((last + 2 - m, len(lat)))
    table[0] = math.prod(ratios) * u**m
    for n in range(m + 1, last + 1):
        a = math.sqrt((2 * n - 1) * (2 * n + 1) / ((n - m) * (n + m)))
        table[n - m] = a * t * table[n - m - 1]
        if n > m + 1:
            top = (2 * n + 1) * (n + m - 1) * (n - m - 1)
            b = math.sqrt(top / ((n - m) * (n + m) * (2 * n - 3)))
            table[n - m] -= b * table[n - m - 2]
    return table[: last + 1 - m]


def numpy_synthesis(cosine: np.ndarray, sine: np.ndarray, lat, lon) -> np.ndarray:
    """Order by order, then an FFT, shape (epoch, lat, lon)."""
    epochs, last = len(cosine), cosine.shape[-1] - 1
    spectrum = np.zeros((epochs, len(lat), len(lon) // 2 + 1), complex)
    for m in range(last + 1):
        table = numpy_functions(last, lat, m)
        wave = (cosine[:, m:, m] - 1j * sine[:, m:, m]) @ table
        spectrum[:, :, m] = wave * (1 if m == 0 else 0.5) * len(lon)
    return np.fft.irfft(spectrum, len(lon), axis=-1)


def numpy_analysis(field: np.ndarray, weights: np.ndarray, lat, last: int):
    """The cosine coefficients, shape (epoch, degree, order)."""
    spectrum = np.fft.rfft(field, axis=-1) / field.shape[-1]
    cosine = np.zeros((len(field), last + 1, last + 1))
    for m in range(last + 1):
        table = numpy_functions(last, lat, m)
        cosine[:, m:, m] = (spectrum[:, :, m].real * weights / 2) @ table.T
    return cosine


def rates() -> dict[str, float]:
    """Operations a second of this machine: large products, loops in cache, FFTs."""
    rng = np.random.default_rng(2)
    square, line = jnp.asarray(rng.normal(size=(1500, 1500))), jnp.ones(20_000)
    waves = jnp.asarray(rng.normal(size=(800, 1440)))
    turns = 10_000
    loop = lambda x: jax.lax.fori_loop(0, turns, lambda _, y: 0.999 * y + x, x)
    fft_work = 2.5 * waves.size * math.log2(waves.shape[1])
    return {
        "product": 2 * 1500**3 / best(jax.jit(jnp.matmul), square, square),
        "loop": 2 * turns * line.size / best(jax.jit(loop), line),
        "fft": fft_work / best(jax.jit(jnp.fft.rfft), waves),
    }


def best(function: Callable, *args: jax.Array) -> float:
    return min(measure(function, *args, repeat=5)["times_s"])


def floor(last: int, epochs: int, rate: dict[str, float]) -> float:
    """Seconds for the arithmetic alone; rows that mirror each other count once."""
    functions = (last + 1) * (last + 2) / 2 * (last + 1)
    columns = 2 * last + 2
    fft = 2.5 * epochs * (2 * last + 1) * columns * math.log2(columns)
    work = {"loop": 3 * functions, "product": 4 * epochs * functions, "fft": fft}
    return sum(work[kind] / rate[kind] for kind in work)


def floor_at(last: int, epochs: int, rate: dict[str, float]) -> float:
    functions = (last + 1) * (last + 2) / 2 * PLACES
    return 5 * functions / rate["loop"] + 4 * epochs * functions / rate["product"]


def row(work: str, by: str, times: dict, error: float | None, least: float) -> dict:
    ratio = times["median_s"] / least
    return {
        "work": work,
        "by": by,
        **times,
        "error": error,
        "floor_s": least,
        "ratio_to_floor": ratio,
    }


def transforms(last: int, epochs: int, rate: dict[str, float]) -> list[dict]:
    harmonics, (lat, lon) = coefficients(last, epochs), grid(last)
    least = floor(last, epochs, rate)
    there_times = measure(earth.synthesise, harmonics, lat, lon)
    field = earth.synthesise(harmonics, lat, lon)
    back_times = measure(earth.analyse, field, lat, lon, last)
    analysed = earth.analyse(field, lat, lon, last)
    start = time.perf_counter()
    cosine, sine = np.asarray(harmonics.cosine), np.asarray(harmonics.sine)
    plain = numpy_synthesis(cosine, sine, lat, lon)
    plain_times = once(start)
    there = f"synthesis, degree {last}, {epochs} epochs"
    back = f"analysis, degree {last}, {epochs} epochs"
    error = worst(field, plain)
    start = time.perf_counter()
    weights = latitude_rows(lat).weights
    plain_back = numpy_analysis(plain, weights, lat, last)
    plain_back_times = once(start)
    rows = [
        row(there, "jaxload", there_times, error, least),
        row(there, "NumPy", plain_times, None, least),
        row(back, "jaxload", back_times, worst(analysed.cosine, cosine), least),
        row(back, "NumPy", plain_back_times, worst(plain_back, cosine), least),
    ]
    return rows + (by_pyshtools(harmonics, last, least) if epochs == 1 else [])


def worst(one: Any, other: Any) -> float:
    return float(np.abs(np.asarray(one) - np.asarray(other)).max())


def once(start: float) -> dict:
    return {"median_s": time.perf_counter() - start}


def by_pyshtools(harmonics: earth.Harmonics, last: int, least: float) -> list[dict]:
    """On its own grid of the same degree, which has two rows more."""
    if importlib.util.find_spec("pyshtools") is None:
        return []
    import pyshtools

    both = np.stack([np.asarray(x)[0] for x in (harmonics.cosine, harmonics.sine)])
    theirs: Any = pyshtools.SHCoeffs.from_array(both)
    made = theirs.expand(grid="DH", extend=False)
    ours = earth.synthesise(harmonics, made.lats(), made.lons())[0]
    error = float(np.abs(np.asarray(ours) - made.data).max())
    there = f"synthesis, degree {last}, 1 epochs"
    back = f"analysis, degree {last}, 1 epochs"
    expand = lambda: theirs.expand(grid="DH", extend=False).data
    return [
        row(there, "pyshtools", measure(expand), error, least),
        row(back, "pyshtools", measure(lambda: made.expand().coeffs), None, least),
    ]


def places(last: int, epochs: int, rate: dict[str, float]) -> list[dict]:
    rng, harmonics = np.random.default_rng(3), coefficients(last, epochs)
    lon, lat = rng.uniform(-180, 180, PLACES), rng.uniform(-90, 90, PLACES)
    sums = measure(earth.synthesise_at, harmonics, lat=lat, lon=lon)
    slopes = measure(earth.gradient_at, harmonics, lat=lat, lon=lon)
    at = np.asarray(earth.synthesise_at(harmonics, lat=lat[:3], lon=lon[:3]))
    grid_too = np.asarray(earth.synthesise(harmonics, lat[:3], lon[:3]))
    error = worst(at, np.diagonal(grid_too, axis1=-2, axis2=-1))
    work = f"{PLACES} places, degree {last}, {epochs} epochs"
    least = floor_at(last, epochs, rate)
    return [
        row(work, "sum", sums, error, least),
        row(work, "gradient", slopes, None, least),
    ]


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    rate = rates()
    rows = [{"work": f"rate: {k}", "operations_per_s": v} for k, v in rate.items()]
    for last, epochs in CASES:
        rows += transforms(last, epochs, rate)
    for last, epochs in ((60, 240), (720, 1)):
        rows += places(last, epochs, rate)
    report("harmonics", rows)


if __name__ == "__main__":
    main()
