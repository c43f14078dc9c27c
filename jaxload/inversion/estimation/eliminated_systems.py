"""Data-space systems of a whole record on a CPU, where nothing is traced."""

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from jaxload._check import is_concrete
from jaxload._platform import form_at
from jaxload.inversion.binding import Observations
from jaxload.inversion.estimation.data_space import (
    DataSpaceSolution,
    without_rounding,
)
from jaxload.inversion.estimation.elimination_tree import (
    SOLVED,
    VARIANCE,
    Elimination,
    eliminate,
    solve_systems,
    weighted_information,
)
from jaxload.inversion.estimation.shared_inverse import make_shared_inverse
from jaxload.inversion.linalg.saddle_point import determined
from jaxload.inversion.missing.gap_spans import GapSpan, divide_record, groups_of
from jaxload.inversion.missing.pattern import MissingPattern
from jaxload.inversion.noise import is_steady, scaled_noise
from jaxload.inversion.problem import Problem

__all__ = [
    "Eliminations",
    "eliminate_gaps",
    "eliminated_information",
    "eliminated_parts",
    "eliminated_solution",
    "is_eliminated",
]

#: Bytes of eliminations that are kept for further questions, and of records that are
#: too long for it.
KEPT, LONG = 2**28, 2**25

#: Attributes of a `SharedInverse`: inverse, log determinant, largest and used.
Inverted = tuple[Array, Array, Array, Array]


def is_eliminated(data: Observations, *others: Any) -> bool:
    """Whether NumPy eliminates the gaps of a record: on one CPU, nothing traced.

    Args:
      data: From `bind`.
      *others: What else could be traced, pytrees of arrays.

    Returns:
      Whether it does. Its noise has to be the same at all epochs.
    """
    if data.pattern is None or data.sharding is not None or not is_steady(data.noise):
        return False
    concrete = all(map(is_concrete, jax.tree.leaves((data, others))))
    return concrete and form_at(data.values) == "cpu"


def eliminated_solution(
    problem: Problem, data: Observations, beta: Array
) -> DataSpaceSolution:
    """Solve the data-space systems for the observations, as `evaluate` does.

    Args:
      problem: Design matrix and prior.
      data: From `bind`, of which `is_eliminated` is true.
      beta: Weight of the prior, scalar.

    Returns:
      The `DataSpaceSolution`.
    """
    bare = _without_pattern(data)
    inverted = _inverse_of_all(problem, bare, beta)
    missing = _missing(problem, bare, inverted)
    spans = _spans(np.packbits(missing, axis=1).tobytes(), missing.shape)
    return _solved(problem, bare, inverted, spans)


def eliminated_parts(
    problem: Problem, data: Observations, beta: Array, size: int
) -> Iterator[tuple[int, Observations, DataSpaceSolution]]:
    """Solve the data-space systems as `eliminated_solution`, some epochs at a time.

    Args:
      problem: Design matrix and prior.
      data: From `bind`, of which `is_eliminated` is true.
      beta: Weight of the prior, scalar.
      size: Epochs of a part, whole spans of `SOLVED`.

    Yields:
      Number of the first epoch; observations of as many, those beyond the last epoch
      without a value; and the `DataSpaceSolution`.
    """
    bare, values = _without_pattern(data), np.asarray(data.values)
    inverted = _inverse_of_all(problem, bare, beta)
    for first in range(0, len(values), size):
        part = np.full((size, values.shape[1]), np.nan, values.dtype)
        some = values[first : first + size]
        part[: len(some)] = some
        here = dataclasses.replace(bare, values=jnp.asarray(part))
        spans = divide_record(_missing(problem, here, inverted), SOLVED)
        yield first, here, _solved(problem, here, inverted, spans)


def eliminated_information(
    problem: Problem, data: Observations, beta: Array, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sum ``diag(f) A_oo^-1 diag(f)`` over the epochs, without free fields.

    Args:
      problem: Design matrix and prior.
      data: From `bind`, of which `is_eliminated` is true.
      beta: Weight of the prior, scalar.
      weights: f, zero where there are no data, shape (epoch, row).

    Returns:
      The sum, shape (row, row).
    """
    bare = _without_pattern(data)
    inverted = _inverse_of_all(problem, bare, beta)
    missing = _missing(problem, bare, inverted)
    spans = _spans(np.packbits(missing, axis=1).tobytes(), missing.shape)
    whole = np.asarray(inverted[0], np.float64)
    return weighted_information(spans, whole, np.asarray(weights, np.float64))


def _missing(
    problem: Problem, data: Observations, inverted: Inverted
) -> NDArray[np.bool_]:
    """What is to be eliminated; where free fields explain all, nothing is solved."""
    used = np.asarray(inverted[3])
    seen = np.isfinite(np.asarray(data.values)) & used
    free = problem.null_space_response.shape[1]
    return ~seen & used & (seen.sum(axis=1) > free)[:, None]


def _solved(
    problem: Problem,
    data: Observations,
    inverted: Inverted,
    spans: Sequence[GapSpan],
) -> DataSpaceSolution:
    whole, log_determinant, largest, used = inverted
    values, rows = np.asarray(data.values), len(problem.null_space_response)
    solved = solve_systems(
        spans,
        np.asarray(whole, np.float64)[:rows, :rows],
        float(log_determinant),
        np.where(np.isfinite(values) & np.asarray(used), values, 0),
    )
    parts = solved.multiplier, solved.inverse_diagonal, solved.log_determinant
    whole = DataSpaceSolution(*map(jnp.asarray, parts))
    return _without_gaps(whole, data, largest, problem.null_space_response)


@dataclasses.dataclass(frozen=True, eq=False)
class Eliminations:
    """The gaps of a record, eliminated from the inverse of all rows.

    Attributes:
      inverse: Saddle inverse of all rows, shape (row + null, row + null).
      known: Epochs that determine the free fields, shape (epoch,).
      missing: What the others miss of the rows that count, shape (epoch, row).
      steps: Kept if they are small enough.
    """

    inverse: Array
    known: NDArray[np.bool_]
    missing: NDArray[np.bool_]
    steps: list[Elimination] | None

    def of(self, epochs: slice) -> Iterator[Elimination]:
        """Eliminate the gaps of some epochs.

        Args:
          epochs: From the start of a span on.

        Yields:
          Their steps.
        """
        if self.steps is not None:
            yield from (
                step
                for step in self.steps
                if epochs.start <= step.span.epochs.start < epochs.stop
            )
            return
        inverse = np.asarray(self.inverse, np.float64)
        for span in divide_record(self.missing[epochs], VARIANCE):
            step = eliminate(span, inverse)
            yield _later(step, epochs.start)


def _later(step: Elimination, first: int) -> Elimination:
    span = step.span
    epochs = slice(span.epochs.start + first, span.epochs.stop + first)
    return dataclasses.replace(
        step,
        span=dataclasses.replace(span, epochs=epochs),
        parts=tuple(_later(part, first) for part in step.parts),
    )


def eliminate_gaps(problem: Problem, data: Observations, beta: Array) -> Eliminations:
    """Eliminate the gaps of a record, for variances.

    Args:
      problem: Design matrix and prior.
      data: From `bind`, of which `is_eliminated` is true.
      beta: Weight of the prior, scalar.

    Returns:
      The `Eliminations`.
    """
    bare = _without_pattern(data)
    inverse, _, _, used = _inverse_of_all(problem, bare, beta)
    known = np.asarray(_determined(problem.null_space_response, bare))
    seen = np.isfinite(np.asarray(data.values))
    missing = ~seen & np.asarray(used) & known[:, None]
    steps = None
    if data.values.nbytes < LONG:
        spans = divide_record(missing, VARIANCE)
        groups = (each for span in spans for each in groups_of(span))
        size = sum(8 * rows * len(group.number) for rows, group in groups)
        if size <= KEPT:
            whole = np.asarray(inverse, np.float64)
            steps = [eliminate(span, whole) for span in spans]
    return Eliminations(inverse, known, missing, steps)


def _without_pattern(data: Observations) -> Observations:
    """Leave out where data are missing, on which compiled programs would depend."""
    return dataclasses.replace(data, pattern=None, fits=None)


@functools.lru_cache(maxsize=1)
def _spans(packed: bytes, shape: tuple[int, int]) -> tuple[GapSpan, ...]:
    """Spans of a record, which all weights of a scan share."""
    bits = np.frombuffer(packed, np.uint8).reshape(shape[0], -1)
    missing = np.unpackbits(bits, axis=1, count=shape[1]).astype(bool)
    return divide_record(missing, SOLVED)


_determined = jax.jit(lambda response, data: determined(response, data.seen))


@jax.jit
def _inverse_of_all(problem: Problem, data: Observations, beta: Array) -> Inverted:
    """Invert the matrix of all rows that count."""
    noise = scaled_noise(data.noise, beta, data.seen)
    shape = len(data.values), len(problem.gram)
    empty = MissingPattern((), (), (), np.int64(0), np.int32(0), shape)
    shared = make_shared_inverse(problem, noise, data.seen, data.used, empty)
    return shared.inverse, shared.log_determinant, shared.largest, shared.used


@jax.jit
def _without_gaps(
    solved: DataSpaceSolution, data: Observations, largest: Array, response: Array
) -> DataSpaceSolution:
    """Set to zero what is missing, or used up by free fields, in the type of data."""
    seen = data.seen
    solved = jax.tree.map(lambda values: values.astype(data.values.dtype), solved)
    solved = dataclasses.replace(
        solved,
        multiplier=jnp.where(seen, solved.multiplier, 0),
        inverse_diagonal=jnp.where(seen, solved.inverse_diagonal, 0),
    )
    if not response.shape[1]:
        return solved
    return without_rounding(solved, largest, seen.sum(axis=1) - response.shape[1])
