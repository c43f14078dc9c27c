"""Steps of series found by their likelihood under white and flicker noise."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import require_float64
from jaxload.series.cleaning.filters import running_median
from jaxload.series.fitting.coloured_noise import GAUSSIAN, NoiseAmplitudes, block_noise
from jaxload.series.fitting.step_scan import level_shocks
from jaxload.series.fitting.trajectory import (
    Terms,
    evaluate_trajectory,
    events,
    fit_trajectory,
    prepared,
)

__all__ = ["Detection", "Steps", "find_steps"]


@dataclasses.dataclass(frozen=True)
class Detection:
    """Settings: what a step is.

    Attributes:
      threshold: Least size of a step, in standard errors under the noise of its
        station; noise alone passes for a step by chance above about 4.
      least: Observations that a station has at least before, between and after steps.
      periods: Of the seasons that are fitted beside the steps [years].
      window: Epochs of the running median, odd, from which outliers are told.
      outlier: Distance from it beyond which an observation is left aside, in standard
        deviations.
      most: Rounds of search after which to stop.
    """

    threshold: float = 5.0
    least: int = 10
    periods: tuple[float, ...] = (1.0, 0.5)
    window: int = 15
    outlier: float = 5.0
    most: int = 20

    def __post_init__(self) -> None:
        if not (self.threshold > 0 and self.outlier > 0 and self.least >= 1):
            raise ValueError(
                f"threshold is {self.threshold:g}, outlier {self.outlier:g} and least "
                f"{self.least}, expected positive numbers"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class Steps:
    """Steps of all stations, by time, filled up with NaN to one number.

    Attributes:
      years: First epoch after each step [years], shape (station, step); fit for the
        `steps` of `events`.
      epoch: Its index, same shape; -1 where there is no step.
      size: Size [unit of the series], same shape.
      sigma: Standard error under the noise, same shape.
      noise: White and flicker noise of each station.
    """

    years: NDArray[np.float64]
    epoch: NDArray[np.int64]
    size: NDArray[np.float64]
    sigma: NDArray[np.float64]
    noise: NoiseAmplitudes

    @property
    def count(self) -> NDArray[np.int64]:
        """Number of steps, shape (station,)."""
        return (self.epoch >= 0).sum(axis=1)


def find_steps(
    values: ArrayLike,
    years: ArrayLike,
    *,
    sigma: ArrayLike | None = None,
    settings: Detection | None = None,
) -> Steps:
    """Find steps beside trend and seasons, under white and flicker noise.

    The likelihood ratio of a step at every epoch follows from one pass of a Kalman
    smoother. The best between any two steps is added where it is large enough, steps
    are moved to where they are likeliest, and those that the others have made
    superfluous go, until none comes or goes.

    Not for: slow transients, which become stairs; fit those as relaxation.

    Args:
      values: Series, shape (epoch, station); NaN if missing.
      years: Time [years], ascending, shape (epoch,).
      sigma: Standard error of the values, same shape or (station,).
      settings: What a step is.

    Returns:
      The `Steps`. It cannot be compiled: how many there are depends on the data.

    Raises:
      ValueError: If shapes disagree or JAX computes in single precision.

    Example:
      >>> steps = series.find_steps(up, years, sigma=sigma)
      >>> known = series.events(up.shape[1], steps=steps.years)
      >>> fit = series.fit_trajectory(up, years, sigma=sigma, events=known)
    """
    require_float64("steps")
    settings = Detection() if settings is None else settings
    data, years, weight, _ = prepared(values, years, sigma, None)
    data, weight, noise = _without_outliers(data, years, weight, settings)
    record = _Record(data, years, weight, noise, np.asarray(weight) > 0, settings)
    known = _search(record)
    shocks = _shocks(record, known, np.arange(known.shape[1]))
    return _listed(*shocks, known, np.asarray(years), noise)


@dataclasses.dataclass(frozen=True, eq=False)
class _Record:
    """Series of all stations as they are searched."""

    values: Array
    years: Array
    weight: Array
    noise: NoiseAmplitudes
    seen: NDArray[np.bool_]
    settings: Detection


def _shocks(
    record: _Record, known: NDArray, stations: NDArray
) -> tuple[NDArray, NDArray]:
    """Sizes and scores of steps of some stations."""
    # Every number of stations is compiled anew, so let there be few numbers.
    width = min(2 ** int(np.ceil(np.log2(max(len(stations), 32)))), known.shape[1])
    rows = np.resize(stations, width)
    noise = jax.tree.map(lambda x: x[rows], record.noise)
    shocks = level_shocks(
        record.values[:, rows],
        record.years,
        record.weight[:, rows],
        noise,
        jnp.asarray(known[:, rows]),
        record.settings.periods,
    )
    size, score = (
        np.asarray(x)[:, : len(stations)] for x in (shocks.size, shocks.score)
    )
    return size, score


def _search(record: _Record) -> NDArray[np.bool_]:
    """True where a step begins, shape (epoch, station)."""
    stations = np.arange(record.seen.shape[1])
    known = _settled(record, np.zeros(record.seen.shape, bool), stations)
    several = np.flatnonzero(known.sum(axis=0) > 1)
    moved = known
    for half in range(2):
        moved = _moved(record, moved, several, half)
    changed = np.flatnonzero((moved != known).any(axis=0))
    return _settled(record, moved, changed)


def _settled(record: _Record, known: NDArray, active: NDArray) -> NDArray[np.bool_]:
    """Add steps and drop them, until none comes or goes."""
    known = known.copy()
    for _ in range(record.settings.most):
        if not len(active):
            break
        _, score = _shocks(record, known, active)
        old, seen = known[:, active], record.seen[:, active]
        new = _without_weakest(score, old, record.settings)
        kept = (new == old).all(axis=0)
        new |= _best(score, old, seen, record.settings) & kept
        known[:, active] = new
        active = active[(new != old).any(axis=0)]
    return known


def _best(
    score: NDArray, known: NDArray, seen: NDArray, settings: Detection
) -> NDArray[np.bool_]:
    """The best step between any two known ones, where it is large enough."""
    best = np.zeros(known.shape, bool)
    large = (score > settings.threshold**2) & seen
    for station in np.flatnonzero(large.any(axis=0)):
        days = np.flatnonzero(seen[:, station])
        cuts = np.flatnonzero(known[days, station])
        for part in np.split(days, cuts):
            inner = part[settings.least : len(part) - settings.least + 1]
            if len(inner):
                top = inner[np.argmax(score[inner, station])]
                best[top, station] = large[top, station]
    return best


def _without_weakest(
    score: NDArray, known: NDArray, settings: Detection
) -> NDArray[np.bool_]:
    """Known steps less the weakest of each station, if it is too weak."""
    score = np.where(known, score, np.inf)
    weakest = score.argmin(axis=0)
    drop = score.min(axis=0) < settings.threshold**2
    left = known.copy()
    left[weakest[drop], drop] = False
    return left


def _moved(
    record: _Record, known: NDArray, stations: NDArray, half: int
) -> NDArray[np.bool_]:
    """Every other step at its likeliest place between its neighbours."""
    if not len(stations):
        return known
    order = np.cumsum(known, axis=0)
    loose = known & (order % 2 == half)
    held = known & ~loose
    _, score = _shocks(record, held, stations)
    free = dataclasses.replace(record.settings, threshold=1e-3)
    best = _best(score, held[:, stations], record.seen[:, stations], free)
    moved = known.copy()
    for column, station in enumerate(stations):
        new = _nearest(loose[:, station], held[:, station], best[:, column])
        moved[:, station] = held[:, station] | new
    return moved


def _nearest(loose: NDArray, held: NDArray, best: NDArray) -> NDArray[np.bool_]:
    """The best of each part between held steps that has a loose one."""
    part = np.cumsum(held)
    moved = best & np.isin(part, part[loose])
    # Where no place is left between the neighbours a step stays where it is.
    return moved | (loose & ~np.isin(part, part[moved]))


def _without_outliers(
    data: Array, years: Array, weight: Array, settings: Detection
) -> tuple[Array, Array, NoiseAmplitudes]:
    """Series less a trajectory without their outliers, and what their noise is."""
    terms = Terms(degree=1, periods=settings.periods)
    values = jnp.where(weight > 0, data, jnp.nan)
    fit = fit_trajectory(values, years, terms=terms, events=events(data.shape[1]))
    left = values - evaluate_trajectory(fit, years)
    away = jnp.abs(left - running_median(left, settings.window))
    scatter = GAUSSIAN * jnp.nanmedian(away, axis=0)
    far = away > settings.outlier * scatter[None, :]
    weight = jnp.where(far, 0, weight)
    left = jnp.where(weight > 0, left, 0)
    return left, weight, jax.jit(block_noise)(left, years, weight)


def _listed(
    sizes: NDArray,
    scores: NDArray,
    known: NDArray,
    years: NDArray,
    noise: NoiseAmplitudes,
) -> Steps:
    most = int(known.sum(axis=0).max(initial=0))
    epoch = np.full((known.shape[1], most), -1)
    for station, column in enumerate(known.T):
        here = np.flatnonzero(column)
        epoch[station, : len(here)] = here
    none = epoch < 0
    station = np.arange(len(epoch))[:, None]
    size = np.where(none, np.nan, sizes[epoch, station])
    score = np.where(none, np.nan, scores[epoch, station])
    when = np.where(none, np.nan, years[epoch])
    return Steps(when, epoch, size, np.abs(size) / np.sqrt(score), noise)
