"""Weather taken apart: ten years of days, 100 trials, beside EMD-signal.

    python -m benchmarks.features

Everything runs in one process. What it would take for the temperature and the pressure
of 900 cells is scaled up from the series that were timed. The likeness is the smallest
correlation of one of the three fastest components with that of the library.
"""

import importlib.metadata
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.signal import lfilter

from benchmarks._harness import measure, report
from jaxload import series
from jaxload.series.decomposition.emd import Decomposition, decompose

__all__ = ["main"]

DAYS, SERIES, TRIALS, NOISE = 3650, 20, 100, 0.2

#: Series that the library is given, which takes longer.
FEW = 2

#: Series of a study of the size of mainland China.
STUDY = 1800


def weather() -> np.ndarray:
    """Normalised series with seasons, slow changes and days like those before."""
    rng = np.random.default_rng(1)
    time = np.datetime64("2011-01-01") + np.arange(DAYS).astype("m8[D]")
    seasons = series.seasonal_basis(time)[:, 2:] @ rng.normal(size=(4, SERIES))
    days = lfilter([1], [1, -0.75], rng.normal(size=(DAYS, SERIES)), axis=0)
    slow = np.cumsum(rng.normal(size=(DAYS, SERIES)), axis=0)
    values = 4 * seasons + days + 0.01 * slow
    return (values - values.mean(axis=0)) / values.std(axis=0)


def by_library(method: str) -> Callable[[np.ndarray], np.ndarray]:
    """EMD-signal with as many siftings, components, trials and as much noise."""
    from PyEMD import EEMD, EMD

    sifting = EMD()
    sifting.FIXE = 10
    most = Decomposition().components - 1

    def one(values: np.ndarray) -> np.ndarray:
        if method == "emd":
            return sifting.emd(values, max_imf=most)
        width = NOISE * values.std() / np.ptp(values)
        ensemble = EEMD(
            trials=TRIALS, noise_width=width, ext_EMD=sifting, parallel=False
        )
        ensemble.noise_seed(0)
        return ensemble.eemd(values, max_imf=most)

    # Fewer components than asked for are no matter: the fastest are compared.
    return lambda values: np.stack([one(v)[:3] for v in values.T]).transpose(2, 0, 1)


def row(what: str, count: int, call: Callable[[], np.ndarray]) -> tuple[dict, Any]:
    """Time of all and of one series, and of a study; and what came out."""
    kept = []
    times = measure(lambda: kept.append(call()), repeat=1)
    best = min(times["first_call_s"], times["median_s"])
    more = {"series": count, "s_per_series": best / count}
    return {"what": what} | times | more | {
        "h_for_1800": best / count * STUDY / 3600
    }, kept[-1]


def likeness(components: np.ndarray, want: np.ndarray) -> float:
    """Smallest correlation of one of the three fastest components."""
    pairs = [
        np.corrcoef(components[:, one, k], want[:, one, k])[0, 1]
        for one in range(want.shape[1])
        for k in range(3)
    ]
    return float(min(pairs))


def main() -> None:
    """Run the benchmark."""
    values, rows, by_method = weather(), [], {}
    for method, trials in (("emd", 2), ("eemd", TRIALS), ("meemd", TRIALS)):
        settings = Decomposition(method, trials=trials, noise=NOISE)
        call = lambda settings=settings: decompose(values, settings)
        one, by_method[method] = row(f"jaxload, {method}", SERIES, call)
        one["sum_error"] = float(abs(by_method[method].sum(axis=2) - values).max())
        rows.append(one)
    if importlib.util.find_spec("PyEMD"):
        version = importlib.metadata.version("EMD-signal")
        for method in ("emd", "eemd"):
            call = lambda method=method: by_library(method)(values[:, :FEW])
            one, want = row(f"EMD-signal {version}, {method}", FEW, call)
            one["likeness"] = likeness(by_method[method], want)
            ours = next(r for r in rows if r["what"] == f"jaxload, {method}")
            ours["times_faster"] = one["s_per_series"] / ours["s_per_series"]
            rows.append(one)
    report("features", rows)


if __name__ == "__main__":
    main()
