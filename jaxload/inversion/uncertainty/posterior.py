"""How well the load is known: standard deviations and covariances.

All are those of the Gaussian posterior of ``x ~ N(m, C / beta^2)`` and
``d ~ N(G x, R)``, where free fields have unlimited prior variance: how far the estimate
is from the truth if prior, beta and noise are what they were said to be. They depend on
where there are data, not on what the data say.

How they fail, by how many intervals of 68% and 95% of basin means held the truth on a
network of 40 stations with gaps (`benchmarks.posterior`): 68 and 95% where the prior is
true; 76 and 98% with beta half the true one; 49 and 80% with twice; 44 and 75% with
sigma half the true one; 60 and 90% where slopes are penalised and curvature should be.
With beta by leave-one-out and water that is no draw from any such prior, but a season
and weather, 48 and 80%, since the common mode of the network was left out of the noise,
and 68 and 95% with it in: put into R what the stations share.
"""

import dataclasses
import functools
import itertools
import logging
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import PartitionSpec
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes, is_concrete, on_host
from jaxload._platform import accelerator_memory, form_at
from jaxload.inversion.binding import REFINED, Observations, select_epochs
from jaxload.inversion.estimation.data_space import diagonal, outer
from jaxload.inversion.estimation.eliminated_systems import is_eliminated
from jaxload.inversion.estimation.elimination_tree import VARIANCE
from jaxload.inversion.estimation.factor import (
    Factor,
    prior_reduction,
)
from jaxload.inversion.estimation.least_squares import load_of
from jaxload.inversion.estimation.shared_inverse import make_shared_inverse
from jaxload.inversion.estimation.variance_reduction import Reduction, block_reduction
from jaxload.inversion.linalg.saddle_point import determined
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.missing.pattern import (
    MissingPattern,
    PaddedBlocks,
    blocks_in_time,
    stacked_blocks,
)
from jaxload.inversion.noise import is_steady, scaled_noise
from jaxload.inversion.problem import Problem, Solution
from jaxload.inversion.sharding import (
    EpochSharding,
    by_shards,
    gather_epochs,
    on_every_device,
    record_epochs,
    without_shards,
)
from jaxload.inversion.uncertainty.eliminated_variance import eliminated_sd
from jaxload.inversion.uncertainty.functionals import Functionals, factor_for
from jaxload.inversion.uncertainty.stochastic_diagonal import (
    Probing,
    affordable,
    budget_at,
    probed_reduction,
)

__all__ = [
    "Spread",
    "over_epochs",
    "posterior_covariance",
    "posterior_mean",
    "posterior_sd",
    "stream_sd",
]

logger = logging.getLogger(__name__)

#: Epochs at a time on a CPU, and arrays of the size of the result that are held at a
#: time on an accelerator, which takes as many as fit.
MEMBER, HELD = 32, 8

#: Blocks of epochs whose standard deviations in float32 are held against float64, until
#: one is good enough.
TRIALS = 5

#: Largest error of a standard deviation in float32, relative to the largest.
TOLERANCE = 1e-6


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Spread:
    """Posterior standard deviations, and how well they themselves are known.

    Attributes:
      sd: Standard deviation [mm], shape (epoch, functional); NaN where the data leave
        the free fields of the prior undetermined.
      relative_error: Standard error of `sd` relative to it, shape (epoch, functional);
        where exact, one zero of shape (1, 1).
      exact: Whether `sd` is exact but for rounding, or an estimate by probing.
    """

    sd: Array
    relative_error: Array
    exact: bool = dataclasses.field(metadata={"static": True})


def posterior_sd(
    solution: Factor | Solution,
    functionals: Functionals,
    *,
    probing: Probing | None = None,
) -> Spread:
    """Compute the standard deviation of functionals of the load at every epoch.

    Exact wherever the noise is the same at all epochs: one inverse then serves the
    record and an epoch costs ``2 r^2`` operations a functional, with r the rows it
    misses beyond its neighbours. Noise that varies in time asks for an inverse of each
    epoch and ``2 row^2`` operations a functional; where that exceeds the budget of
    `probing`, the difference of the variance from that under the mean noise is
    estimated by random probes, without bias, and the result says so.

    Differentiable in all that is not on the host; exact under `jit`. Of the
    observations, only which are missing counts.

    Args:
      solution: From `solve` or `factorise`.
      functionals: From `averages`, `some_cells` or `every_cell`.
      probing: When and how to probe.

    Returns:
      The `Spread`. An epoch without data has the prior's standard deviation.

    Raises:
      ValueError: If a solution holds no factor, or shapes disagree.

    Example:
      >>> basins = inversion.averages(problem, prior, weights)
      >>> sd = inversion.posterior_sd(water, basins).sd

    Source:
      Tarantola (2005), Inverse Problem Theory, ch. 3, doi:10.1137/1.9780898717921;
      with free fields: Cressie (1993), Statistics for Spatial Data, section 3.4,
      doi:10.1002/9781119115151.
    """
    factor = factor_for(solution, functionals)
    problem, data, beta = factor.problem, factor.data, factor.beta
    probing = Probing() if probing is None else probing
    shared = data.pattern is not None and is_steady(data.noise)
    if is_eliminated(data, problem, beta, functionals):
        sd = next(eliminated_sd(factor, functionals, len(data.values)))
        return _exact(sd)
    if (
        shared
        or not is_concrete(data.values)
        or affordable(record_epochs(data), functionals, budget_at(probing, data.values))
    ):
        reduction = prior_reduction(problem, data, beta, functionals.fields, diagonal)
        return _spread(problem, data, beta, functionals, (reduction, None))
    parts = probed_reduction(problem, data, beta, functionals, probing)
    return _spread(problem, data, beta, functionals, parts)


def posterior_mean(solution: Factor | Solution, functionals: Functionals) -> Array:
    """Estimate functionals of the load without the load itself.

    Args:
      solution: From `solve` or `factorise`, without a prior mean.
      functionals: From `averages`, `some_cells` or `every_cell`.

    Returns:
      The estimates [mm], shape (epoch, functional), as those of the load from `solve`;
      NaN where the epoch could not be solved.

    Raises:
      ValueError: If a solution holds no factor, shapes disagree, or there is a prior
        mean, of which functionals know nothing.

    Example:
      >>> basins = inversion.averages(problem, prior, weights)
      >>> factor = inversion.factorise(problem, data, 0.02)
      >>> means = inversion.posterior_mean(factor, basins)
    """
    factor = factor_for(solution, functionals)
    if factor.mean is not None:
        raise ValueError(
            "the factor has a prior mean, which functionals do not know; estimate what "
            "the data say beside it, from observations less the mean's displacement"
        )
    rows = functionals.cross, functionals.null_space_amounts
    problem = dataclasses.replace(factor.problem, cross=rows[0], null_space=rows[1])
    multiplier = factor.solved.multiplier
    solved = multiplier, jnp.ones(len(multiplier), bool)
    return load_of(problem, factor.data, factor.beta, solved).load


def posterior_covariance(
    solution: Factor | Solution, functionals: Functionals
) -> Array:
    """Compute the covariance between functionals of the load at every epoch, exact.

    Args:
      solution: From `solve` or `factorise`.
      functionals: From `averages` or `some_cells`.

    Returns:
      Covariance [mm2], shape (epoch, functional, functional); NaN where the data leave
      the free fields undetermined.

    Raises:
      ValueError: As `posterior_sd`, and if `functionals` come from `every_cell`.
    """
    if functionals.covariance is None:
        raise ValueError(
            "functionals hold no covariance between each other; make them with "
            "averages or some_cells instead of every_cell"
        )
    factor = factor_for(solution, functionals)
    problem, data, beta = factor.problem, factor.data, factor.beta
    reduction = prior_reduction(problem, data, beta, functionals.fields, outer)
    known = _known(problem, data)[:, None, None]
    left = (functionals.covariance[None] - reduction) / beta**2
    return jnp.where(known, (left + jnp.swapaxes(left, 1, 2)) / 2, jnp.nan)


def stream_sd(
    solution: Factor | Solution,
    functionals: Functionals,
    *,
    member: int | None = None,
    probing: Probing | None = None,
) -> Iterator[tuple[slice, Spread]]:
    """Compute `posterior_sd` a few epochs at a time, where memory holds no more.

    Args:
      solution: From `solve` or `factorise`.
      functionals: From `averages`, `some_cells` or `every_cell`.
      member: Epochs that come at a time, positive; 32 if not given, and as many as fit
        in memory where the data lie on an accelerator.
      probing: As in `posterior_sd`; its budget is that of the whole record.

    Yields:
      Consecutive epochs as a slice, and their `Spread`.

    Raises:
      ValueError: As `posterior_sd`, at the first step.

    Example:
      >>> for epochs, part in inversion.stream_sd(water, functionals):
      ...     variable[epochs] = np.asarray(part.sd)
    """
    factor = factor_for(solution, functionals)
    problem, data, beta = factor.problem, factor.data, factor.beta
    if data.sharding is not None:
        yield from _stream_shards(factor, functionals, member, probing)
        return
    whole = member is None and form_at(data.values) == "accelerator"
    if member is None:
        member = _fitting(functionals) if whole else MEMBER
    single = data.precision == REFINED
    if (whole and not single) or not is_steady(data.noise):
        yield from _stream_spans(factor, functionals, member, probing)
        return
    if not single and is_eliminated(data, problem, beta, functionals):
        yield from _stream_eliminated(factor, functionals, member)
        return
    missing = ~np.isfinite(np.asarray(data.values))
    start, used = _start(problem, data, beta, functionals)
    blocks, starts = blocks_in_time(missing, member), itertools.repeat(start)
    if single:
        blocks = list(blocks)
        starts = _single_or_not(start, used, functionals, blocks)
    for (epochs, block), here in zip(blocks, starts):
        reduction = _block(here, block, used)[: epochs.stop - epochs.start]
        here = dataclasses.replace(
            data, values=data.values[epochs], pattern=None, fits=None
        )
        yield epochs, _spread(problem, here, beta, functionals, (reduction, None))


def _stream_eliminated(
    factor: Factor, functionals: Functionals, member: int
) -> Iterator[tuple[slice, Spread]]:
    if member < 1:
        raise ValueError(f"member is {member}, expected a positive number")
    first, count = 0, len(factor.data.values)
    left = np.empty((0, len(functionals.variance)))
    # Spans share work, whatever comes at a time.
    for sd in eliminated_sd(factor, functionals, VARIANCE[0]):
        left = np.concatenate([left, sd]) if len(left) else sd
        while len(left) >= member or (len(left) and first + len(left) == count):
            part, left = left[:member], left[member:]
            yield slice(first, first + len(part)), _exact(part)
            first += len(part)


def _exact(sd: NDArray[np.floating]) -> Spread:
    return Spread(jnp.asarray(sd), jnp.zeros((1, 1), sd.dtype), exact=True)


def _single_or_not(
    start: Reduction,
    used: Array,
    functionals: Functionals,
    blocks: list[tuple[slice, PaddedBlocks]],
) -> list[Reduction]:
    """Take float32 for blocks that miss no more than one for which it is enough."""
    most = [int((block.missing < len(used)).sum(axis=-1).max()) for _, block in blocks]
    low, order = dataclasses.replace(start, single=True), np.argsort(most)[::-1]
    for number in order[:: max(len(order) // TRIALS, 1)]:
        error = _error_of_single(start, used, functionals, blocks[number][1])
        if error <= TOLERANCE:
            exact = sum(each > most[number] for each in most)
            if exact:
                logger.warning(_ADVICE, exact, len(most), most[number])
            return [low if each <= most[number] else start for each in most]
    logger.warning(_ADVICE, len(most), len(most), 0)
    return [start] * len(most)


_ADVICE = (
    "float32 does not give standard deviations to 1e-6; those of %d of %d blocks of "
    "epochs, which miss more than %d rows beside their neighbours, are computed in "
    "float64"
)


def _error_of_single(
    start: Reduction, used: Array, functionals: Functionals, block: PaddedBlocks
) -> float:
    """Largest error of standard deviations in float32, relative to the largest."""
    low, variance = dataclasses.replace(start, single=True), functionals.variance
    rounded, wanted = (
        np.sqrt(np.maximum(np.asarray(variance) - np.asarray(each), 0))
        for each in (_block(low, block, used), _block(start, block, used))
    )
    largest = np.nanmax(wanted, initial=np.finfo(wanted.dtype).tiny)
    return float(np.nanmax(np.abs(rounded - wanted), initial=0) / largest)


def _fitting(functionals: Functionals) -> int:
    """Epochs whose standard deviations fit into an accelerator's memory."""
    variance = functionals.variance
    return max(accelerator_memory() // (HELD * variance.nbytes), MEMBER)


def _stream_spans(
    factor: Factor, functionals: Functionals, member: int, probing: Probing | None
) -> Iterator[tuple[slice, Spread]]:
    probing = Probing() if probing is None else probing
    data, count = factor.data, record_epochs(factor.data)
    if not is_steady(data.noise):
        data = dataclasses.replace(data, pattern=None)
    member = min(member, count)
    if member < count:
        # Brought together once, rather than for every span.
        data = without_shards(data)
    budget = budget_at(probing, data.values) * member / count
    some = dataclasses.replace(probing, budget=budget)
    for first in range(0, count, member):
        epochs = slice(first, min(first + member, count))
        here = select_epochs(data, epochs) if member < count else data
        part = dataclasses.replace(factor, data=here, mean=None)
        spread = posterior_sd(part, functionals, probing=some)
        yield epochs, gather_epochs(spread, here) if here.sharding else spread


def _stream_shards(
    factor: Factor,
    functionals: Functionals,
    member: int | None,
    probing: Probing | None,
) -> Iterator[tuple[slice, Spread]]:
    """In the order of time, on each device some of the epochs that come next."""
    data, sharding = factor.data, factor.data.sharding
    assert sharding is not None
    devices = sharding.mesh.size
    whole = member is None and form_at(data.values) == "accelerator"
    if member is None:
        member = _fitting(functionals) if whole else MEMBER
    if whole or not is_steady(data.noise):
        yield from _stream_spans(factor, functionals, member * devices, probing)
        return
    problem, beta, local = factor.problem, factor.beta, without_shards(data)
    missing = ~np.isfinite(np.asarray(local.values))
    start = _start(problem, local, beta, functionals)
    everywhere = on_every_device(start, sharding)
    blocks = blocks_in_time(missing, member)
    while some := list(itertools.islice(blocks, devices)):
        stacked = stacked_blocks([block for _, block in some], devices, len(missing.T))
        parts = on_host(_sharded_blocks(everywhere, stacked, sharding))
        for (epochs, _), part in zip(some, parts):
            reduction = jnp.asarray(part[: epochs.stop - epochs.start])
            here = dataclasses.replace(
                local, values=local.values[epochs], pattern=None, fits=None
            )
            yield epochs, _spread(problem, here, beta, functionals, (reduction, None))


@functools.partial(jax.jit, static_argnames="sharding")
def _sharded_blocks(
    start: tuple[Reduction, Array], blocks: PaddedBlocks, sharding: EpochSharding
) -> Array:
    def of_device(start: tuple[Reduction, Array], blocks: PaddedBlocks) -> Array:
        block = jax.tree.map(lambda index: index[0], blocks)
        return block_reduction(start[0], block, start[1], diagonal)[None]

    along, whole = sharding.along, PartitionSpec()
    return jax.shard_map(
        of_device,
        mesh=sharding.mesh,
        in_specs=(whole, along),
        out_specs=along,
        check_vma=False,
    )(start, blocks)


def over_epochs(spread: Spread, weights: ArrayLike) -> Spread:
    """Standard deviation of sums over epochs: differences of two, means of many.

    With no temporal prior the epochs of the posterior are independent, and their
    variances add: to the difference of two days belongs the root of the sum of squares.
    Not for: noise or water that the prior has wrong in the same way for long, as
    flicker noise or a seasonal cycle larger than beta allows; their errors last, cancel
    in a difference of neighbouring days, and do not shrink in a monthly mean.

    Args:
      spread: From `posterior_sd`.
      weights: Weight of each epoch [-], shape (sum, epoch): 1 and -1 for a difference,
        1 / n for a mean of n.

    Returns:
      The `Spread` of the sums, shape (sum, functional).

    Raises:
      ValueError: If shapes disagree.
    """
    weights = jnp.asarray(weights, spread.sd.dtype)
    check_shapes(sd=(spread.sd, "epoch functional"), weights=(weights, "sum epoch"))
    # What is not asked for may be NaN.
    variance = jnp.where((weights != 0).any(axis=0)[:, None], spread.sd**2, 0)
    total = einsum("se,ef->sf", weights**2, variance)
    # Probes are shared between epochs: their errors add, they do not average.
    error = einsum("se,ef->sf", weights**2, variance * spread.relative_error)
    return Spread(jnp.sqrt(total), error / jnp.where(total > 0, total, 1), spread.exact)


def _known(problem: Problem, data: Observations) -> Array:
    response = problem.null_space_response
    known = by_shards(
        lambda data, _, response: determined(response, data.seen), data, alike=response
    )
    return known if data.fits is None else known & data.fits


@jax.jit
def _start(
    problem: Problem, data: Observations, beta: Array, functionals: Functionals
) -> tuple[Reduction, Array]:
    noise = scaled_noise(data.noise, beta, data.seen)
    # Blocks come one by one: no pattern is needed.
    epochs, rows = data.values.shape
    empty = MissingPattern((), (), (), np.int64(0), np.int32(0), (epochs, rows))
    shared = make_shared_inverse(problem, noise, data.seen, data.used, empty)
    return shared.start(functionals.fields, diagonal), shared.used


@jax.jit
def _block(start: Reduction, block: PaddedBlocks, used: Array) -> Array:
    return block_reduction(start, block, used, diagonal)


@jax.jit
def _spread(
    problem: Problem,
    data: Observations,
    beta: Array,
    functionals: Functionals,
    parts: tuple[Array, Array | None],
) -> Spread:
    reduction, error = parts
    left = jnp.maximum(functionals.variance[None, :] - reduction, 0)
    known = _known(problem, data)[:, None] & jnp.isfinite(left)
    # Where the variance is zero its root has no derivative.
    positive = known & (left > 0)
    root = jnp.where(positive, jnp.sqrt(jnp.where(positive, left, 1)), 0) / beta
    sd = jnp.where(known, root, jnp.nan)
    if error is None:
        return Spread(sd, jnp.zeros((1, 1), sd.dtype), exact=True)
    return Spread(sd, error / jnp.where(positive, 2 * left, jnp.inf), exact=False)
