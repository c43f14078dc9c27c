"""Empirical mode decomposition: series as components from fast to slow."""

import concurrent.futures
import dataclasses
import functools
import hashlib
import json
import math
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxload._check import check_shapes
from jaxload.series.decomposition.ordinal_patterns import permutation_entropy
from jaxload.series.decomposition.sifting import fastest, rounding, sifted

__all__ = ["Cache", "Decomposition", "decompose"]

Floats = NDArray[np.float64]

METHODS = ("emd", "eemd", "meemd")

#: Part of every name in a cache; to be changed with the numbers that come out.
VERSION = 1

#: Series that are sifted side by side: as many as the processor keeps close by.
SIDE_BY_SIDE = 10

#: Neighbouring values whose order tells noise from oscillations, as in Zheng et al.
ORDER = 6

#: Series that a process takes at once where each is only a moment's work.
CHUNK = 32


@dataclasses.dataclass(frozen=True)
class Decomposition:
    """How series are taken apart.

    Attributes:
      method: "emd" sifts the series itself. "eemd" takes the mean over copies with
        noise added to them, which keeps one time scale to one component. "meemd" takes
        only the noisy components out that way and sifts what remains.
      components: How many, the rest included.
      trials: Copies with noise, an even number: each noise also with its sign changed.
      noise: Standard deviation of the noise relative to that of the series.
      threshold: Permutation entropy from which "meemd" takes a component for noise.
      siftings: How often the mean of the envelopes is taken out of each component.
      seed: Of the noise, which is the same for all series of one length.
    """

    method: str = "meemd"
    components: int = 10
    trials: int = 100
    noise: float = 0.2
    threshold: float = 0.6
    siftings: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(
                f"method is {self.method!r}, expected one of {', '.join(METHODS)}"
            )
        for name, least in (("components", 2), ("siftings", 1), ("seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(
                    f"{name} is {getattr(self, name)}, expected {least} or more"
                )
        if self.trials < 2 or self.trials % 2:
            raise ValueError(
                f"trials is {self.trials}, expected an even number, since each noise "
                "is added and subtracted"
            )
        for name in ("noise", "threshold"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(
                    f"{name} is {getattr(self, name):g}, expected a positive number"
                )


class Cache(Protocol):
    """Anything that keeps arrays by name, such as `io.ArrayCache`."""

    def get(self, key: str, /) -> NDArray | None:
        """The array of this name, or None."""
        ...

    def put(self, key: str, array: NDArray, /) -> None:
        """Keep an array under this name."""
        ...


def decompose(
    values: ArrayLike,
    settings: Decomposition | None = None,
    *,
    workers: int = 1,
    cache: Cache | None = None,
    watch: Callable[[int, int], None] | None = None,
) -> Floats:
    """Take series apart into components from fast to slow.

    A component is what remains of the series, or of what the faster ones left of it,
    when the mean of its upper and lower envelope has been taken out `siftings` times;
    a fixed number makes components of different series and trials comparable.

    * "emd": the components of the series itself. The last is the rest.
    * "eemd": their means over copies of the series with white noise added. For each
      noise there is a copy with the opposite one, so that the noise cancels.
    * "meemd": the first component is what is noise in the series: of the components of
      "eemd" the fastest ones, up to the first whose permutation entropy is at most
      `threshold` (zero if that is the very first). The others are the components of
      the series without it, by "emd". Articles that use this method for GNSS leave it
      undefined; this follows Zheng et al. with the noise kept.

    In each the components add up to the series to rounding errors. A series with fewer
    oscillations than there are components has zeros before the last, the rest.

    Not for: series with gaps, steps or outliers, which spread over all components. Nor
    for forecasts: what a component is at an epoch depends on later epochs too.

    Args:
      values: Complete series at equal intervals, shape (epoch, series).
      settings: The method and its numbers; None for the default ones.
      workers: Processes that share the series. With more than one a script must keep
        its own work under ``if __name__ == "__main__"``.
      cache: Where the components of each series are kept, by what it is made of; what
        is there is not computed again.
      watch: Called with the number of series that are done and of all.

    Returns:
      Components in the unit of the series, shape (epoch, series, component).

    Raises:
      ValueError: If a series has a NaN, or there are fewer than six epochs.

    Example:
      >>> settings = series.Decomposition("meemd", trials=20)
      >>> parts = series.decompose(temperature, settings, workers=2)

    Source:
      Huang et al. (1998), doi:10.1098/rspa.1998.0193; Wu and Huang (2009), eemd,
      doi:10.1142/S1793536909000047, and (2010), the fixed number of siftings,
      doi:10.1142/S1793536910000604; Yeh, Shieh and Huang (2010), opposite noises,
      doi:10.1142/S1793536910000422; Zheng, Cheng and Yang (2013), Modified EEMD
      algorithm and its applications, Journal of Vibration and Shock 32(21), 21-26, and
      (2014), doi:10.1016/j.sigpro.2013.09.013, meemd.
    """
    values = np.asarray(values, np.float64)
    settings = settings or Decomposition()
    _check(values, workers)
    components = np.empty((*values.shape, settings.components))
    keys = ["" if cache is None else _key(one, settings) for one in values.T]
    missing = [
        i for i, key in enumerate(keys) if not _recall(components[:, i], cache, key)
    ]
    total = len(keys)
    if watch is not None and len(missing) < total:
        watch(total - len(missing), total)
    parts = _computed([values[:, index] for index in missing], settings, workers)
    for number, (index, part) in enumerate(zip(missing, parts), 1):
        components[:, index] = part
        if cache is not None:
            cache.put(keys[index], part)
        if watch is not None:
            watch(total - len(missing) + number, total)
    return components


def _recall(place: Floats, cache: Cache | None, key: str) -> bool:
    """Whether a cache has the components of a series; then they are put in place."""
    kept = None if cache is None else cache.get(key)
    if kept is None or kept.shape != place.shape:
        return False
    place[:] = kept
    return True


def _check(values: Floats, workers: int) -> None:
    check_shapes(values=(values, "epoch series"))
    if workers < 1:
        raise ValueError(f"workers is {workers}, expected 1 or more")
    if len(values) < ORDER:
        raise ValueError(
            f"values has {len(values)} epochs, expected {ORDER} or more; is it "
            "transposed?"
        )
    bad = np.flatnonzero(~np.isfinite(values).all(axis=0))
    if len(bad):
        count = np.count_nonzero(~np.isfinite(values[:, bad[0]]))
        raise ValueError(
            f"series {bad[0]} of values has {count} missing or infinite of "
            f"{len(values)} epochs ({len(bad)} such series in all); fill its gaps, by "
            "interpolation for instance, or leave it out"
        )


def _key(values: Floats, settings: Decomposition) -> str:
    """Name of what comes of a series, by all that it comes from."""
    about = [VERSION, values.dtype.str, values.shape, dataclasses.asdict(settings)]
    text = json.dumps(about, sort_keys=True)
    return hashlib.sha256(text.encode() + b"\n" + values.tobytes()).hexdigest()


def _computed(
    all_values: Sequence[Floats], settings: Decomposition, workers: int
) -> Iterator[Floats]:
    """Components of one series after the other, each of shape (epoch, component)."""
    one = functools.partial(_decomposed, settings=settings)
    workers = min(workers, len(all_values))
    if workers <= 1:
        yield from map(one, all_values)
        return
    chunk = CHUNK if settings.method == "emd" else 1
    # A fork would copy the threads of JAX in whatever state they are.
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(workers, context, _leave_interrupts)
    try:
        yield from pool.map(one, all_values, chunksize=chunk)
    finally:
        # Also when the caller is interrupted: then only what is under way is awaited.
        pool.shutdown(cancel_futures=True)


def _leave_interrupts() -> None:
    """Let Ctrl-C end the parent, which ends its workers without their tracebacks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _decomposed(values: Floats, settings: Decomposition) -> Floats:
    """Components of one series, shape (epoch, component)."""
    ways = {"emd": _emd, "eemd": _eemd, "meemd": _meemd}
    return np.ascontiguousarray(ways[settings.method](values, settings).T)


def _emd(values: Floats, settings: Decomposition) -> Floats:
    return sifted(values[None], settings.components, settings.siftings)[:, 0]


def _eemd(values: Floats, settings: Decomposition) -> Floats:
    total = np.zeros((settings.components, len(values)))
    for copies in _noisy(values, settings):
        parts = sifted(copies, settings.components, settings.siftings)
        total += parts.sum(axis=1)
    return total / settings.trials


def _meemd(values: Floats, settings: Decomposition) -> Floats:
    noise = _noise_of(values, settings)
    others = sifted((values - noise)[None], settings.components - 1, settings.siftings)
    return np.concatenate([noise[None], others[:, 0]])


def _noise_of(values: Floats, settings: Decomposition) -> Floats:
    """What "meemd" takes for noise, shape (epoch,)."""
    noise = np.zeros_like(values)
    rests = [(copies, rounding(copies)) for copies in _noisy(values, settings)]
    for _ in range(settings.components - 1):
        mean = np.zeros_like(values)
        for rest, faint in rests:
            one = fastest(rest, settings.siftings, faint)
            rest -= one
            mean += one.sum(axis=0) / settings.trials
        if permutation_entropy(mean[:, None], ORDER)[0] <= settings.threshold:
            break
        noise += mean
    return noise


def _noisy(values: Floats, settings: Decomposition) -> Iterator[Floats]:
    """Copies of a series with noises and their opposites, some at a time."""
    rng = np.random.default_rng(settings.seed)
    size = settings.noise * values.std()
    left = settings.trials // 2
    while left > 0:
        pairs = min(left, SIDE_BY_SIDE // 2)
        noise = size * rng.standard_normal((pairs, len(values)))
        yield np.concatenate([values + noise, values - noise])
        left -= pairs
