"""Gaps of a record eliminated from long spans of time down to epochs, on a CPU.

Products of matrices that fit a core's cache, each as large as its gaps ask for. The
spans are those of `divide_record`, each with the rows that are left of the one around
it.
"""

import concurrent.futures
import dataclasses
import threading
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from jaxload._cores import available_cores
from jaxload.inversion.missing.gap_spans import GapGroup, GapSpan

__all__ = [
    "SOLVED",
    "VARIANCE",
    "Elimination",
    "Systems",
    "eliminate",
    "solve_systems",
    "variance_increase",
    "weighted_information",
]

#: Epochs of spans, of their parts, and of groups of epochs: for variances of many
#: functionals and for solutions, of which an epoch costs less than what calls it.
VARIANCE, SOLVED = (256, 32, 4), (256, 32, 8)

#: Functionals that are taken together: their rows stay in a core's cache.
FUNCTIONALS = 1024

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclasses.dataclass(frozen=True, eq=False)
class Elimination:
    """The elimination of what a span misses beyond the span around it.

    With Q the inverse that is left there, m the rows that are eliminated and k those
    that parts of the span miss, ``Q_mm = L L'``.

    Attributes:
      span: The span.
      whiten: ``L^-1``, NaN where ``Q_mm`` is not positive definite, shape (missing,
        missing).
      spread: ``Q_km L'^-1``, shape (kept, missing).
      wide: ``L^-1`` of every epoch of a group, its columns those of the kept rows,
        shape (observation, kept); None without a group.
      failed: Epochs of the group whose own ``Q_mm`` is not positive definite.
      parts: Of the span.
    """

    span: GapSpan
    whiten: Floats
    spread: Floats
    wide: Floats | None
    failed: Rows
    parts: "tuple[Elimination, ...]"


@dataclasses.dataclass(frozen=True, eq=False)
class Systems:
    """Data-space systems of a record, solved.

    Attributes:
      multiplier: ``A_oo^-1 d_o``, zero but for rounding where a row is missing, shape
        (epoch, row).
      inverse_diagonal: Diagonal of ``A_oo^-1``, likewise.
      log_determinant: ``log det A_oo``, shape (epoch,).
    """

    multiplier: Floats
    inverse_diagonal: Floats
    log_determinant: Floats


def eliminate(span: GapSpan, inverse: Floats) -> Elimination:
    """Factorise what a span and its parts eliminate.

    Args:
      span: Of `divide_record`.
      inverse: What is left of the saddle inverse at the rows of the span around it,
        shape (row, row).

    Returns:
      The `Elimination`, for `variance_increase`.
    """
    gone, kept = span.gone, span.kept
    left = inverse.take(kept, axis=0)
    side, left = left.take(gone, axis=1), left.take(kept, axis=1)
    whiten = _whitening(inverse.take(gone, axis=0).take(gone, axis=1))
    spread = side @ whiten.T
    if len(gone):
        left -= spread @ spread.T
    wide, failed = None, np.zeros(0, np.intp)
    if span.group is not None:
        wide, _, failed = _group_whitening(span.group, left)
    parts = tuple(eliminate(part, left) for part in span.parts)
    return Elimination(span, whiten, spread, wide, failed, parts)


def variance_increase(
    steps: Sequence[Elimination], image: Floats, epochs: slice
) -> Floats:
    """Compute by how much missing rows raise the posterior variance of functionals.

    With Y their image and Q the inverse, ``Y_m' Q_mm^-1 Y_m`` for the rows m that an
    epoch misses.

    Args:
      steps: Of consecutive spans, from `eliminate`.
      image: ``Q h``, h the covariance of functionals with the rows and amounts of the
        free fields, shape (row + null, functional).
      epochs: Those of the spans.

    Returns:
      Variance [1], shape (epoch, functional); NaN where it is not defined.
    """
    functionals = image.shape[1]
    result = np.empty((epochs.stop - epochs.start, functionals))

    def apply(start: int) -> None:
        columns = slice(start, start + FUNCTIONALS)
        here = np.ascontiguousarray(image[:, columns])
        none = np.zeros(here.shape[1])
        for step in steps:
            _apply(step, here, none, result[:, columns], epochs.start)

    _in_threads(apply, range(0, functionals, FUNCTIONALS))
    return result


def _in_threads(function: Callable[[int], None], parts: Sequence[int]) -> None:
    """Apply a function to parts; threads of BLAS besides would wait for others."""
    with (
        threadpool_limits(1, "blas"),
        concurrent.futures.ThreadPoolExecutor(available_cores()) as pool,
    ):
        list(pool.map(function, parts))


def _whitening(matrix: Floats) -> Floats:
    """``L^-1`` of matrices ``L L'``, NaN where one is not positive definite."""
    if matrix.shape[-1] <= 1:
        return 1 / np.sqrt(np.where(matrix > 0, matrix, np.nan))
    try:
        return np.asarray(np.linalg.inv(np.linalg.cholesky(matrix)), np.float64)
    except np.linalg.LinAlgError:
        if matrix.ndim == 2:
            return np.full(matrix.shape, np.nan)
        return np.stack([_whitening(each) for each in matrix])


def _group_whitening(group: GapGroup, left: Floats) -> tuple[Floats, Floats, Rows]:
    """``L^-1`` of each epoch of a group.

    In the columns of its rows, shape (observation, row), by itself, shape (epoch, slot,
    slot), and the epochs that have none.
    """
    size = len(left)
    # The last row and column are those of the padding.
    whole = np.zeros((size + 1, size + 1))
    whole[:size, :size] = left
    blocks = whole[group.padded[:, :, None], group.padded[:, None, :]]
    blocks[group.padding] = 1
    whiten, failed = _whitening(blocks), np.zeros(0, np.intp)
    if not np.isfinite(whiten.sum()):
        failed = np.flatnonzero(~np.isfinite(whiten).all(axis=(1, 2)))
        whiten[failed] = np.eye(whiten.shape[1])
    wide = np.zeros((len(group.epoch), size + 1))
    wide[group.number[:, None], group.columns] = whiten[group.epoch, group.slot]
    return wide[:, :size], whiten, failed


def _of_epochs(group: GapGroup) -> Floats:
    """A matrix that adds up what belongs to the observations of each epoch."""
    sums = np.zeros((len(group.padded), len(group.number)))
    sums[group.epoch, group.number] = 1
    return sums


def _apply(
    step: Elimination, image: Floats, taken: Floats, result: Floats, first: int
) -> None:
    """Add what a span and its parts take from the image of functionals."""
    span = step.span
    if len(span.gone):
        white = step.whiten @ image.take(span.gone, axis=0)
        taken = taken + np.einsum("kf,kf->f", white, white)
        image = image.take(span.kept, axis=0)
        if len(span.kept):
            image -= step.spread @ white
    elif len(span.kept) < len(image):
        image = image.take(span.kept, axis=0)
    here = slice(span.epochs.start - first, span.epochs.stop - first)
    if span.group is not None:
        assert step.wide is not None
        white = step.wide @ image
        np.multiply(white, white, out=white)
        result[here] = _of_epochs(span.group) @ white
        result[here] += taken
        result[here][step.failed] = np.nan
    elif not step.parts:
        result[here] = taken
    for part in step.parts:
        _apply(part, image, taken, result, first)


def solve_systems(
    spans: Sequence[GapSpan], inverse: Floats, log_determinant: float, values: Floats
) -> Systems:
    """Solve the systems of all epochs for the observations.

    Args:
      spans: From `divide_record`.
      inverse: Rows of the saddle inverse of all rows, shape (row, row).
      log_determinant: That belongs to it.
      values: Observations, zero where there is none that counts, shape (epoch, row).

    Returns:
      The `Systems`; NaN where one is not positive definite.

    Source:
      Block inversion by the Schur complement; Golub & Van Loan (2013), Matrix
      Computations, section 3.2.11.
    """
    solved = Systems(
        np.empty(values.shape), np.empty(values.shape), np.empty(len(values))
    )
    every = np.arange(len(inverse))
    start = _State(every, inverse, np.diagonal(inverse), log_determinant)

    def solve(number: int) -> None:
        epochs = spans[number].epochs
        np.matmul(values[epochs], inverse, out=solved.multiplier[epochs])
        _solve(spans[number], start, solved)

    _in_threads(solve, range(len(spans)))
    return solved


@dataclasses.dataclass(frozen=True, eq=False)
class _State:
    """What is left of the inverse where parts of a span go on.

    Attributes:
      active: Numbers of the rows that some of its epochs miss, shape (active,).
      rows: Those rows of the inverse, shape (active, row).
      diagonal: Of the inverse, shape (row,).
      log_determinant: Of the systems so far.
    """

    active: Rows
    rows: Floats
    diagonal: Floats
    log_determinant: float


def _solve(span: GapSpan, state: _State, solved: Systems) -> None:
    """Eliminate what a span misses, and then what its parts miss, in place."""
    state = _without(state, span, solved.multiplier[span.epochs])
    if span.group is not None:
        _solve_group(span.group, state, span.epochs, solved)
    elif not span.parts:
        solved.inverse_diagonal[span.epochs] = state.diagonal
        solved.log_determinant[span.epochs] = state.log_determinant
    for part in span.parts:
        _solve(part, state, solved)


def _without(state: _State, span: GapSpan, multiplier: Floats) -> _State:
    """The state without what a span misses, which also leaves the multipliers."""
    active, left = state.active[span.kept], state.rows.take(span.kept, axis=0)
    if not len(span.gone):
        return _State(active, left, state.diagonal, state.log_determinant)
    number, rows = state.active[span.gone], state.rows.take(span.gone, axis=0)
    whiten = _whitening(rows.take(number, axis=1))
    white = whiten @ rows
    multiplier -= (multiplier.take(number, axis=1) @ whiten.T) @ white
    if len(span.kept):
        left -= (left.take(number, axis=1) @ whiten.T) @ white
    return _State(
        active,
        left,
        state.diagonal - np.einsum("kr,kr->r", white, white),
        state.log_determinant - 2 * float(np.log(np.diagonal(whiten)).sum()),
    )


def _solve_group(
    group: GapGroup, state: _State, epochs: slice, solved: Systems
) -> None:
    """Eliminate what each epoch of a group misses, all by one product."""
    left = state.rows.take(state.active, axis=1)
    wide, whiten, failed = _group_whitening(group, left)
    white, multiplier = wide @ state.rows, solved.multiplier[epochs]
    at_active = multiplier.take(state.active, axis=1).take(group.epoch, axis=0)
    sums = _of_epochs(group)
    multiplier -= (sums * np.einsum("ma,ma->m", wide, at_active)) @ white
    diagonal = solved.inverse_diagonal[epochs]
    np.matmul(sums, np.multiply(white, white, out=white), out=diagonal)
    np.subtract(state.diagonal, diagonal, out=diagonal)
    pivots = np.log(whiten[:, *group.pivot]).sum(axis=1)
    solved.log_determinant[epochs] = state.log_determinant - 2 * pivots
    for values in (multiplier, diagonal, solved.log_determinant[epochs]):
        values[failed] = np.nan


def weighted_information(
    spans: Sequence[GapSpan], inverse: Floats, weights: Floats
) -> Floats:
    """Sum ``diag(f) A_oo^-1 diag(f)`` over the epochs of a record.

    Args:
      spans: Consecutive spans of all epochs, from `divide_record`.
      inverse: ``A^-1`` of all rows, shape (row, row).
      weights: f, zero where a row is missing, shape (epoch, row).

    Returns:
      The sum, shape (row, row); NaN where a system is not positive definite.
    """
    every, lock = np.arange(len(inverse)), threading.Lock()
    total = (weights.T @ weights) * inverse

    def take(number: int) -> None:
        taken = np.zeros_like(inverse)
        _take(spans[number], (every, inverse), weights, taken)
        with lock:
            np.subtract(total, taken, out=total)

    _in_threads(take, range(len(spans)))
    return total


def _take(
    span: GapSpan, left: tuple[Rows, Floats], weights: Floats, taken: Floats
) -> None:
    """Add what the gaps of a span and its parts take from the weighted sum."""
    active, rows = left
    here, number = weights[span.epochs], active[span.gone]
    active, kept = active[span.kept], rows.take(span.kept, axis=0)
    if len(span.gone):
        gone = rows.take(span.gone, axis=0)
        whiten = _whitening(gone.take(number, axis=1))
        white = whiten @ gone
        taken += (here.T @ here) * (white.T @ white)
        kept -= (kept.take(number, axis=1) @ whiten.T) @ white
    if span.group is not None:
        wide, _, failed = _group_whitening(span.group, kept.take(active, axis=1))
        each = here.take(span.group.epoch, axis=0) * (wide @ kept)
        taken += each.T @ each
        if len(failed):
            taken[:] = np.nan
    for part in span.parts:
        _take(part, (active, kept), weights, taken)
