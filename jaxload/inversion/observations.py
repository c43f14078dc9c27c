"""What every function that takes observations asks of its arguments."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes, is_concrete
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.missing.patterns import Gaps, find_gaps
from jaxload.inversion.noise import Noise, as_noise, check_noise, is_shared
from jaxload.inversion.problem import Problem, Solution

__all__ = [
    "PriorMean",
    "about_mean",
    "check_finite",
    "check_gaps",
    "checked_arguments",
    "known_gaps",
    "prior_mean",
]


def checked_arguments(
    problem: Problem,
    displacement: ArrayLike,
    sigma: ArrayLike | Noise,
    beta: ArrayLike,
) -> tuple[Array, Noise, Array]:
    """Bring observations, noise and beta to the dtype of a problem, and check them.

    Args:
      problem: Design matrix and prior.
      displacement: Observations [mm], shape (epoch, row); NaN if missing.
      sigma: Standard error [mm], shape (row,) or (epoch, row), or a `Noise`.
      beta: Weight of the prior, scalar.

    Returns:
      The displacement, the noise and beta as arrays.

    Raises:
      ValueError: If shapes disagree or an axis is empty, or, where values can be seen,
        sigma or beta are not positive or the noise is not a covariance.
    """
    dtype = problem.design.dtype
    displacement, beta = jnp.asarray(displacement, dtype), jnp.asarray(beta, dtype)
    noise = as_noise(sigma, dtype)
    check_shapes(
        design=(problem.design, "row cell"),
        cross=(problem.cross, "cell row"),
        gram=(problem.gram, "row row"),
        displacement=(displacement, "epoch row"),
        beta=(beta, ""),
    )
    if not (displacement.size and problem.design.size):
        raise ValueError(
            f"displacement has shape {displacement.shape} and design "
            f"{problem.design.shape}, expected at least one epoch, row and cell; has a "
            "selection left nothing?"
        )
    check_noise(noise, displacement)
    _check_positive("beta", beta, "it weighs the prior against the data")
    if is_concrete(displacement):
        seen = np.isfinite(np.asarray(displacement))
        seen = seen.any(axis=0) if is_shared(noise) else seen
        _check_positive(
            "sigma", noise.sigma, "mask the observation with NaN instead", seen
        )
    return displacement, noise, beta


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PriorMean:
    """A prior mean of the load and its displacement.

    Attributes:
      load: The mean m [mm], zero at epochs where it is not finite, shape (epoch, cell).
      fitted: Its displacement ``G m`` [mm], shape (epoch, row).
      known: Where all of it is finite, shape (epoch,). What is not finite is no
        missing datum: results of those epochs are NaN.
    """

    load: Array
    fitted: Array
    known: Array


def prior_mean(
    problem: Problem, displacement: Array, mean: ArrayLike | None
) -> PriorMean | None:
    """Bring a prior mean to the dtype of a problem, and check it.

    Args:
      problem: Design matrix and prior.
      displacement: Observations, shape (epoch, row).
      mean: Prior mean m of the load [mm], shape (epoch, cell), or None.

    Returns:
      The `PriorMean`, or None without one.

    Raises:
      ValueError: If shapes disagree or, where values can be seen, one is not finite.
    """
    if mean is None:
        return None
    mean = jnp.asarray(mean, problem.design.dtype)
    check_shapes(
        displacement=(displacement, "epoch row"),
        mean=(mean, "epoch cell"),
        design=(problem.design, "row cell"),
    )
    check_finite("mean", mean, "a prior mean is needed in every cell at every epoch")
    known = jnp.isfinite(mean).all(axis=1)
    load = jnp.where(known[:, None], mean, 0)
    return PriorMean(load, einsum("ec,rc->er", load, problem.design), known)


def about_mean(solution: Solution, prior: PriorMean) -> Solution:
    """Add a prior mean to the solution of what it leaves.

    Args:
      solution: Of observations less the displacement of the mean.
      prior: The mean.

    Returns:
      The `Solution` about it; not `ok` and NaN where the mean is not finite.
    """
    ok = solution.ok & prior.known
    return dataclasses.replace(
        solution,
        load=jnp.where(ok[:, None], prior.load + solution.load, jnp.nan),
        fitted=jnp.where(ok[:, None], prior.fitted + solution.fitted, jnp.nan),
        common=jnp.where(ok, solution.common, jnp.nan),
        ok=ok,
    )


def check_finite(name: str, values: Array, advice: str) -> None:
    """Check that values, where they can be seen, are finite.

    Args:
      name: What they are called.
      values: Any.
      advice: Why they have to be, or what to do.

    Raises:
      ValueError: If one is not; the message says which, and how many there are.
    """
    if not is_concrete(values) or bool(jnp.isfinite(values).all()):
        return
    bad = np.argwhere(~np.isfinite(np.asarray(values)))
    first = tuple(map(int, bad[0]))
    raise ValueError(
        f"{name} is {float(values[first]):g} at index {first}, one of {len(bad)} of "
        f"{values.size} values that are not finite; {advice}"
    )


def _check_positive(
    name: str, value: Array, advice: str, where: NDArray | np.bool | None = None
) -> None:
    if not is_concrete(value):
        return
    bad = ~(np.isfinite(value) & (np.asarray(value) > 0))
    bad = bad if where is None else bad & where
    if bad.any():
        place = (
            ""
            if value.ndim == 0
            else f" at index {tuple(map(int, np.argwhere(bad)[0]))}"
        )
        given = float(np.asarray(value)[bad].ravel()[0])
        raise ValueError(
            f"{name} is {given:g}{place}, expected a positive number; {advice}"
        )


def known_gaps(displacement: Array, noise: Noise, gaps: Gaps | None) -> Gaps | None:
    """The gaps, where the shared inverse applies and they can be known.

    Args:
      displacement: Observations, shape (epoch, row).
      noise: From `as_noise`.
      gaps: As the user gave them.

    Returns:
      The layout; None where sigma varies in time or nothing can be seen under `jit`.

    Raises:
      ValueError: If the gaps are those of another record.
    """
    if not is_shared(noise):
        return None
    if gaps is None and is_concrete(displacement):
        return find_gaps(displacement)
    if gaps is not None:
        check_gaps(displacement, gaps)
    return gaps


def check_gaps(displacement: Array, gaps: Gaps) -> None:
    """Check that gaps were found in this record.

    Args:
      displacement: Observations, shape (epoch, row).
      gaps: From `find_gaps`.

    Raises:
      ValueError: If they were not.
    """
    same = gaps.shape == displacement.shape
    if same and is_concrete(displacement) and is_concrete(gaps.missing):
        missing = displacement.size - np.isfinite(np.asarray(displacement)).sum()
        same = missing == gaps.missing
    if not same:
        raise ValueError(
            f"gaps were found in another record, of shape {gaps.shape}, than "
            f"displacement, of shape {displacement.shape}; call find_gaps again"
        )
