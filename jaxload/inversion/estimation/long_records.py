"""Long records solved some epochs at a time.

One inverse of all rows serves every epoch, and epochs share nothing else: beside data
and results memory holds what belongs to a few blocks of epochs.
"""

import dataclasses
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import is_concrete
from jaxload._cores import available_cores
from jaxload._platform import aligned_empty, form_at
from jaxload.inversion.binding import REFINED, Observations
from jaxload.inversion.estimation.data_space import DataSpaceSolution, residual
from jaxload.inversion.estimation.eliminated_systems import (
    eliminated_parts,
    is_eliminated,
)
from jaxload.inversion.estimation.elimination_tree import SOLVED
from jaxload.inversion.estimation.factor import Factor, factor_of, factorise
from jaxload.inversion.estimation.least_squares import (
    coefficients_of,
    solve_representers,
)
from jaxload.inversion.estimation.method import planned
from jaxload.inversion.estimation.representers import (
    LazyProduct,
    RepresenterSolution,
    Term,
)
from jaxload.inversion.estimation.shared_inverse import (
    SharedInverse,
    make_shared_inverse,
)
from jaxload.inversion.missing.pattern import MissingPattern, PaddedBlocks
from jaxload.inversion.noise import Noise, noise_at, scaled_noise
from jaxload.inversion.problem import Problem
from jaxload.inversion.sharding import gather_epochs

__all__ = [
    "LONG",
    "SolvedPart",
    "goes_by_parts",
    "is_long",
    "residual_by_parts",
    "solve_record",
    "solved_parts",
]

#: Bytes of an array (epoch, row) from which a record is solved part by part, and of
#: such an array of a part.
LONG, PART = 2**25, 2**22

#: Inverse of all rows, log determinant and largest diagonal, as of a `SharedInverse`.
Inverted = tuple[Array, Array, Array]


@dataclasses.dataclass(frozen=True, eq=False)
class SolvedPart:
    """Some epochs of a record with the solution of their systems.

    Attributes:
      epochs: Their numbers, shape (epoch,); the number of all epochs where one fills
        up the part, which observes nothing.
      data: Their observations, without a pattern.
      solved: The solution of their systems.
    """

    epochs: NDArray[np.int64]
    data: Observations
    solved: DataSpaceSolution


def is_long(data: Observations) -> bool:
    """Whether a record is solved part by part: a long one in float64, on CPUs.

    Accelerators are quickest with many epochs at once.

    Args:
      data: From `bind`.
    """
    return (
        is_concrete(data.values)
        and data.pattern is not None
        and data.sharding is None
        and data.precision != REFINED
        and data.values.dtype == np.float64
        and data.values.nbytes >= LONG
        and form_at(data.values) == "cpu"
    )


def goes_by_parts(factor: Factor) -> bool:
    """Whether results of a factor are computed part by part.

    Args:
      factor: Of a long record, whose systems nobody has solved and kept.
    """
    return "solved" not in vars(factor) and factor.mean is None and is_long(factor.data)


def residual_by_parts(factor: Factor) -> Array:
    """Compute leave-one-out residuals, with no other array of the record.

    Args:
      factor: Of which `goes_by_parts` is true.

    Returns:
      Residual [mm], shape (epoch, row); NaN where nothing is observed or determined.
    """
    result = aligned_empty(factor.data.values.shape)
    for part in solved_parts(factor.problem, factor.data, factor.beta):
        real = part.epochs < len(result)
        result[part.epochs[real]] = np.asarray(_residual(part.solved))[real]
    return jnp.asarray(result)


def solved_parts(
    problem: Problem, data: Observations, beta: Array
) -> Iterator[SolvedPart]:
    """Solve the systems of a record part by part, in no order of time.

    Args:
      problem: Design matrix and prior.
      data: From `bind`, with a pattern of missing data; not traced.
      beta: Weight of the prior, scalar.

    Yields:
      Parts in which every epoch stands once.
    """
    assert data.pattern is not None
    values = np.asarray(data.values)
    if is_eliminated(data, problem, beta):
        row, longest = values.nbytes // len(values), SOLVED[0]
        size = max(PART // (row * longest), available_cores()) * longest
        for first, here, solved in eliminated_parts(problem, data, beta, size):
            epochs = np.minimum(np.arange(first, first + size), len(values))
            yield SolvedPart(epochs, here, solved)
        return
    rows = jnp.asarray(np.isfinite(values).any(axis=0))
    inverted = _inverted(problem, data.noise, beta, (rows, data.used))
    for blocks in data.pattern.blocks:
        for some in _divided(blocks, values.nbytes // len(values), len(values)):
            epochs = np.asarray(some.epoch, np.int64).reshape(-1)
            spare = epochs == len(values)
            index = np.where(spare, 0, epochs)
            part = values[index]
            part[spare] = np.nan
            here = dataclasses.replace(
                data,
                values=jnp.asarray(part),
                noise=noise_at(data.noise, index),
                pattern=None,
            )
            yield SolvedPart(epochs, here, _solved(problem, here, beta, inverted, some))


def _divided(blocks: PaddedBlocks, row: int, epochs: int) -> Iterator[PaddedBlocks]:
    """Some blocks at a time, always as many, filled up by blocks of no epoch."""
    count, member = blocks.epoch.shape
    most = max(PART // (member * row), 1)
    parts = -(-count // most)
    size = -(-count // parts)
    for first in range(0, count, size):
        number = np.arange(first, first + size)
        index = np.minimum(number, count - 1)
        some = jax.tree.map(lambda values, index=index: values[index], blocks)
        epoch = np.where(number[:, None] < count, some.epoch, epochs)
        yield dataclasses.replace(some, epoch=epoch.astype(np.int32))


@jax.jit
def _inverted(
    problem: Problem, noise: Noise, beta: Array, rows: tuple[Array, Array | None]
) -> Inverted:
    """Invert the matrix of all rows that are seen and used."""
    seen, used = rows[0][None], rows[1]
    seen = seen if used is None else seen & used
    scaled = scaled_noise(noise, beta, seen)
    made = make_shared_inverse(problem, scaled, seen, used, _pattern((), seen))
    return made.inverse, made.log_determinant, made.largest


@jax.jit
def _solved(
    problem: Problem,
    data: Observations,
    beta: Array,
    inverted: Inverted,
    blocks: PaddedBlocks,
) -> DataSpaceSolution:
    seen, used = data.seen, data.used
    used = jnp.ones(seen.shape[1], bool) if used is None else used
    noise = scaled_noise(data.noise, beta, seen)
    epoch = jnp.arange(seen.shape[0], dtype=jnp.int32).reshape(blocks.epoch.shape)
    here = dataclasses.replace(blocks, epoch=epoch)
    shared = SharedInverse(
        *inverted, problem, noise, seen, used, _pattern((here,), seen)
    )
    return shared.evaluate(data.values)


def _pattern(blocks: tuple[PaddedBlocks, ...], seen: Array) -> MissingPattern:
    """A pattern of blocks alone, of which nothing else is asked."""
    shape = (seen.shape[0], seen.shape[1])
    return MissingPattern((), (), blocks, np.int64(0), np.int32(0), shape)


def solve_record(
    problem: Problem,
    data: Observations,
    beta: ArrayLike,
    *,
    watch: Callable[[float], None] | None = None,
) -> tuple[RepresenterSolution, NDArray[np.floating]]:
    """Estimate the load of every epoch as coefficients, with leave-one-out residuals.

    Of a long record residuals are kept in float32, and the displacement is computed
    where it is used.

    Args:
      problem: As of `solve`.
      data: Likewise.
      beta: Likewise.
      watch: Called with the share of the epochs of a long record that is solved.

    Returns:
      As `solve_representers` and `leave_one_out_residual`.

    Raises:
      ValueError: As `solve`.

    Example:
      >>> solution, left_out = inversion.solve_record(problem, data, 0.02)
      >>> load = inversion.load_at(solution, slice(0, 31))
    """
    factor = factorise(problem, data, beta)
    method, _ = planned(problem, factor.data, None)
    if method == "shared" and is_long(factor.data):
        return _solve_long(factor, watch or (lambda _: None))
    solution = solve_representers(problem, data, beta)
    return solution, gather_epochs(_residual(factor_of(solution).solved), data)


_residual = jax.jit(residual)


def _solve_long(
    factor: Factor, watch: Callable[[float], None]
) -> tuple[RepresenterSolution, NDArray[np.floating]]:
    problem, data, beta = factor.problem, factor.data, factor.beta
    epochs, rows = data.values.shape
    free = problem.null_space_response.shape[1]
    coefficients, amounts = np.empty((epochs, rows)), np.empty((epochs, free))
    left_out = np.empty((epochs, rows), np.float32)
    ok, common, done = np.empty(epochs, bool), np.empty(epochs), 0
    for part in solved_parts(problem, data, beta):
        real = part.epochs < epochs
        solved = part.solved.multiplier, jnp.ones(len(real), bool)
        of_part, of_free, rest = coefficients_of(problem, part.data, beta, solved)
        results = of_part, of_free, *rest[1:], _residual(part.solved)
        arrays = coefficients, amounts, ok, common, left_out
        for array, result in zip(arrays, results):
            array[part.epochs[real]] = np.asarray(result)[real]
        done += int(real.sum())
        watch(done / epochs)
    for array in (coefficients, amounts, common):
        array[~ok] = np.nan
    terms, factors = [Term(coefficients, problem.cross)], [(coefficients, problem.gram)]
    if free:
        terms.append(Term(amounts, problem.null_space))
        factors.append((amounts, problem.null_space_response))
    fitted = LazyProduct([(left, np.asarray(right)) for left, right in factors])
    return RepresenterSolution(tuple(terms), fitted, ok, common, factor), left_out
