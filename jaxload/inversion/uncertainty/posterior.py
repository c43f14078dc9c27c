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
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes, is_concrete
from jaxload.inversion.linalg.saddle_point import determined
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.missing.blocks import Blocks, Kind, blocks_in_time, find_blocks
from jaxload.inversion.noise import Noise
from jaxload.inversion.observations import checked_arguments
from jaxload.inversion.uncertainty.epoch_variance import (
    layout,
    noise_at,
    one_inverse,
    reduction_by_data,
    shared_start,
)
from jaxload.inversion.uncertainty.functionals import Target
from jaxload.inversion.uncertainty.stochastic_diagonal import (
    Probing,
    affordable,
    probed_taken,
)
from jaxload.inversion.uncertainty.variance_reduction import (
    Start,
    block_reduction,
    diagonal,
    outer,
)

__all__ = [
    "Spread",
    "over_epochs",
    "posterior_covariance",
    "posterior_sd",
    "stream_sd",
]


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
    target: Target,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
    *,
    blocks: Blocks | None = None,
    probing: Probing | None = None,
) -> Spread:
    """Standard deviation of functionals of the load at every epoch.

    Exact wherever the noise is the same at all epochs: one inverse then serves the
    record and an epoch costs ``2 r^2`` operations a functional, with r the rows it
    misses beyond its neighbours. Noise that varies in time asks for an inverse of each
    epoch and ``2 row^2`` operations a functional; where that exceeds the budget of
    `probing`, the difference of the variance from that under the mean noise is
    estimated by random probes, without bias, and the result says so.

    Differentiable in all that is not on the host; exact under `jit`.

    Args:
      target: The functionals, from `averages`, `some_cells` or `every_cell`.
      displacement: Observed uplift [mm], shape (epoch, row); only which are NaN counts.
      sigma: As in `solve`.
      beta: Weight of the prior, scalar, positive.
      blocks: `find_blocks(displacement)`; needed under `jit` for the faster way, found
        here otherwise.
      probing: When and how to probe.

    Returns:
      The `Spread`. An epoch without data has the prior's standard deviation.

    Raises:
      ValueError: As `solve`, and if `blocks` are of another record.

    Source:
      Tarantola (2005), Inverse Problem Theory, ch. 3, doi:10.1137/1.9780898717921;
      with free fields: Cressie (1993), Statistics for Spatial Data, section 3.4,
      doi:10.1002/9781119115151.
    """
    displacement, noise, beta = checked_arguments(
        target.problem, displacement, sigma, beta
    )
    blocks = layout(displacement, noise, blocks)
    probing = Probing() if probing is None else probing
    seen = jnp.isfinite(displacement)
    traced = not is_concrete(displacement)
    if blocks is not None or traced or affordable(seen.shape, target, probing):
        taken = reduction_by_data(target, seen, noise, beta, blocks, diagonal)
        return _spread(target, seen, beta, taken, None)
    gaps = find_blocks(displacement)
    taken, error = probed_taken(target, seen, noise, beta, gaps, probing)
    return _spread(target, seen, beta, taken, error)


def posterior_covariance(
    target: Target,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
    *,
    blocks: Blocks | None = None,
) -> Array:
    """Covariance between functionals of the load at every epoch, exact.

    Args:
      target: The functionals, from `averages` or `some_cells`.
      displacement: Observed uplift [mm], shape (epoch, row); only which are NaN counts.
      sigma: As in `solve`.
      beta: Weight of the prior, scalar, positive.
      blocks: As in `posterior_sd`.

    Returns:
      Covariance [mm2], shape (epoch, functional, functional); NaN where the data leave
      the free fields undetermined.

    Raises:
      ValueError: As `posterior_sd`, and if `target` comes from `every_cell`.
    """
    if target.covariance is None:
        raise ValueError(
            "target holds no covariance between its functionals; make it with averages "
            "or some_cells instead of every_cell"
        )
    displacement, noise, beta = checked_arguments(
        target.problem, displacement, sigma, beta
    )
    blocks = layout(displacement, noise, blocks)
    seen = jnp.isfinite(displacement)
    taken = reduction_by_data(target, seen, noise, beta, blocks, outer)
    known = determined(target.problem.drift, seen)[:, None, None]
    left = (target.covariance[None] - taken) / beta**2
    return jnp.where(known, (left + jnp.swapaxes(left, 1, 2)) / 2, jnp.nan)


def stream_sd(
    target: Target,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
    *,
    member: int = 32,
    probing: Probing | None = None,
) -> Iterator[tuple[slice, Spread]]:
    """`posterior_sd` a few epochs at a time, for records that memory cannot hold.

    Args:
      target: The functionals.
      displacement: Observed uplift [mm], shape (epoch, row); only which are NaN counts.
      sigma: As in `solve`.
      beta: Weight of the prior, scalar, positive.
      member: Epochs that come at a time, positive.
      probing: As in `posterior_sd`; its budget is that of the whole record.

    Yields:
      Consecutive epochs as a slice, and their `Spread`.

    Raises:
      ValueError: As `posterior_sd`, at the first step.

    Example:
      >>> for epochs, part in stream_sd(target, displacement, sigma, beta):
      ...     variable[epochs] = np.asarray(part.sd)
    """
    displacement, noise, beta = checked_arguments(
        target.problem, displacement, sigma, beta
    )
    seen = jnp.isfinite(displacement)
    if not one_inverse(noise):
        yield from _stream_each(target, displacement, noise, beta, member, probing)
        return
    blocks = find_blocks(displacement, member=member)
    shared = shared_start(target, seen, noise, beta, diagonal)
    for epochs, block in blocks_in_time(blocks):
        taken = _block(shared, block, blocks.shape[1])[: epochs.stop - epochs.start]
        yield epochs, _spread(target, seen[epochs], beta, taken, None)


def _stream_each(
    target: Target,
    displacement: Array,
    noise: Noise,
    beta: Array,
    member: int,
    probing: Probing | None,
) -> Iterator[tuple[slice, Spread]]:
    probing = Probing() if probing is None else probing
    count = len(displacement)
    some = dataclasses.replace(probing, budget=probing.budget * member / count)
    for first in range(0, count, member):
        epochs = slice(first, min(first + member, count))
        here = noise_at(noise, epochs)
        yield (
            epochs,
            posterior_sd(target, displacement[epochs], here, beta, probing=some),
        )


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


@functools.partial(jax.jit, static_argnames="rows")
def _block(shared: Start, block: Kind, rows: int) -> Array:
    return block_reduction(shared, block, rows, diagonal)


@jax.jit
def _spread(
    target: Target, seen: Array, beta: Array, taken: Array, error: Array | None
) -> Spread:
    left = jnp.maximum(target.variance[None, :] - taken, 0)
    known = determined(target.problem.drift, seen)[:, None] & jnp.isfinite(left)
    # Where the variance is zero its root has no derivative.
    positive = known & (left > 0)
    root = jnp.where(positive, jnp.sqrt(jnp.where(positive, left, 1)), 0) / beta
    sd = jnp.where(known, root, jnp.nan)
    if error is None:
        return Spread(sd, jnp.zeros((1, 1), sd.dtype), exact=True)
    return Spread(sd, error / jnp.where(positive, 2 * left, jnp.inf), exact=False)
