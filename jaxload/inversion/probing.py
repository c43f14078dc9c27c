"""Variances by random probes, where an exact one is too dear."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.inversion.blocks import Blocks
from jaxload.inversion.conditional import diagonal, masked_inverse, saddle_inverse
from jaxload.inversion.definite import einsum, inverse
from jaxload.inversion.noise import Noise, noise_covariance, scaled_noise
from jaxload.inversion.taken import each_epoch, fields, taken_by_data
from jaxload.inversion.target import Target

__all__ = ["Probing", "affordable", "mean_noise", "probed_taken"]


@dataclasses.dataclass(frozen=True)
class Probing:
    """When to probe and how.

    Attributes:
      budget: Floating-point operations up to which a variance is computed exactly:
        infinite for never probing, 0 for always where noise varies in time. Two cores
        do some 4e10 a second.
      count: Probes, two or more; the error falls with its square root.
      seed: From which they are drawn.
    """

    budget: float = 2e13
    count: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        if self.count < 2:
            raise ValueError(
                f"count is {self.count}, expected 2 probes or more, which it takes to "
                "know their error"
            )
        if not self.budget >= 0:
            raise ValueError(
                f"budget is {self.budget:g}, expected a number of operations, zero or "
                "more"
            )


def affordable(shape: tuple[int, ...], target: Target, probing: Probing) -> bool:
    """Whether an inverse of each epoch and its products stay within the budget.

    Args:
      shape: Epochs and rows.
      target: The functionals.
      probing: With the budget.
    """
    epochs, rows = shape
    functionals = len(target.variance)
    return epochs * (2.0 * rows**2 * functionals + 4.0 * rows**3) <= probing.budget


def mean_noise(noise: Noise, seen: Array) -> Noise:
    """Noise that does not vary in time, with the mean variances of one that does.

    Args:
      noise: Any.
      seen: Where there are observations, shape (epoch, row).

    Returns:
      The `Noise`, sigma of shape (row,).
    """
    sigma, common = each_epoch(noise, seen)
    count = jnp.maximum(seen.sum(axis=0), 1).astype(sigma.dtype)
    square = jnp.where(seen, sigma, 0) ** 2
    return dataclasses.replace(
        noise,
        sigma=jnp.sqrt(square.sum(axis=0) / count),
        common=None if common is None else common.mean(),
    )


def probed_taken(
    target: Target,
    seen: Array,
    noise: Noise,
    beta: Array,
    blocks: Blocks,
    probing: Probing,
) -> tuple[Array, Array]:
    """What the data take from the variances at every epoch, estimated.

    Under the mean noise it is known exactly, gaps and all; what probes estimate is the
    change that an epoch's own noise makes to it. With h the covariance of a functional
    with the rows, Delta the change of the inverse and any B,
    ``h' Delta h = E[(h' B z) (h' Delta B^-T z)]`` for z of independent signs, so that
    the first factor serves all epochs and an epoch pays ``2 row`` operations for a
    functional and probe.

    Args:
      target: The functionals.
      seen: Where there are observations, shape (epoch, row).
      noise: Their noise, not scaled by beta.
      beta: Weight of the prior, scalar.
      blocks: The gaps.
      probing: Number of probes and their seed.

    Returns:
      The estimate, without bias, and its standard error, both of shape (epoch,
      functional).

    Source:
      Bekas, Kokiopoulou & Saad (2007), An estimator for the diagonal of a matrix,
      doi:10.1016/j.apnum.2007.01.003.
    """
    middle = mean_noise(noise, seen)
    known = taken_by_data(target, seen, middle, beta, blocks, diagonal)
    shape = (fields(target).shape[0], probing.count)
    sign = jax.random.rademacher(jax.random.key(probing.seed), shape, known.dtype)
    change, error = _change(target, seen, (noise, middle), beta, sign)
    return known + change, error


@jax.jit
def _change(
    target: Target, seen: Array, noises: tuple[Noise, Noise], beta: Array, sign: Array
) -> tuple[Array, Array]:
    """Mean over the probes of what an epoch's own noise changes, and its error."""
    noise, middle = (scaled_noise(each, beta, seen) for each in noises)
    problem, covariance = target.problem, fields(target)
    steady = problem.gram + noise_covariance(middle)
    left, right = _probes(steady, problem.drift, sign)
    shared = einsum("rk,rf->kf", left, covariance)
    count = sign.shape[1]

    def one(epoch: tuple[Array, Array | None, Array]) -> tuple[Array, Array]:
        sigma, common, seen = epoch
        here = dataclasses.replace(noise, sigma=sigma, common=common)
        matrix = problem.gram + noise_covariance(here)
        own = masked_inverse(matrix, problem.drift, seen)
        change = own - masked_inverse(steady, problem.drift, seen)
        image = einsum("rs,sk->kr", change, right)
        product = shared * einsum("kr,rf->kf", image, covariance)
        return product.mean(axis=0), product.std(axis=0, ddof=1) / count**0.5

    return jax.lax.map(one, (*each_epoch(noise, seen), seen))


def _probes(matrix: Array, drift: Array, sign: Array) -> tuple[Array, Array]:
    """``B z`` and ``B^-T z`` with B the root of the steady inverse.

    Each of shape (row + drift, probe). Whitened so, no row or field of the network
    stands out, and the error is about that of the change, not of the whole.
    """
    rows = len(matrix)
    factor = jnp.linalg.cholesky(matrix)
    left = jax.scipy.linalg.solve_triangular(factor, sign[:rows], lower=True, trans=1)
    right = einsum("rs,sk->rk", factor, sign[:rows])
    if not drift.shape[1]:
        return left, right
    amounts = saddle_inverse(inverse(matrix), drift)[rows:, rows:]
    size = jnp.sqrt(jnp.abs(jnp.diag(amounts)))[:, None]
    left = jnp.concatenate([left, size * sign[rows:]])
    return left, jnp.concatenate([right, sign[rows:] / size])
