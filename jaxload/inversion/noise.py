"""What observations miss the truth by: covariances that epochs share or not."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes, is_concrete
from jaxload._platform import map_parts
from jaxload.inversion.linalg.spd import einsum

__all__ = [
    "Noise",
    "as_noise",
    "check_noise",
    "common_estimate",
    "common_rows",
    "covariance_noise",
    "each_epoch",
    "exponential_correlation",
    "is_shared",
    "is_steady",
    "is_uncorrelated",
    "map_epochs",
    "noise_at",
    "noise_covariance",
    "noise_times",
    "pattern_noise",
    "scaled_noise",
    "shares_noise",
]

#: Relative size below which two entries of a covariance are the same number.
ROUNDING = 1e-6


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Noise:
    """Covariance of what an observation holds beside the load's displacement.

    ``R = diag(sigma) K diag(sigma) + tau^2 c c' + P P'``, with K the correlation, c one
    at the rows that a common offset moves, zero at the others, and P the patterns of
    errors that rows share, such as those of a reference frame.

    Attributes:
      sigma: Standard error of a row [mm], shape (row,) or (epoch, row).
      correlation: K, between rows [-], shape (row, row); None for the identity.
      common: Variance tau^2 of an offset that all rows of an epoch share [mm2], shape
        () or (epoch,).
      common_rows: Which rows share it, boolean, shape (row,); None for all.
      patterns: P, displacement of the rows by one standard deviation of each shared
        error [mm], shape (row, pattern); None for none. Each epoch has amounts of its
        own, independent of each other.
    """

    sigma: Array
    correlation: Array | None = None
    common: Any = 0.0
    common_rows: Array | None = None
    patterns: Array | None = None


def exponential_correlation(
    distance: ArrayLike, length: ArrayLike, share: ArrayLike = 1.0
) -> Array:
    """Correlation that falls off exponentially with distance, for `Noise`.

    Args:
      distance: Between rows, in any unit, shape (row, row).
      length: At which correlation has fallen to 1/e, in the same unit, scalar.
      share: Share of the variance that is correlated, 0 to 1, scalar; the rest is each
        row's own. Below 1, two receivers at one place still differ.

    Returns:
      The correlation [-], shape (row, row).

    Raises:
      ValueError: If `distance` is not square, or a number is out of range.

    Source:
      Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, eq. 4.18.
    """
    distance = jnp.asarray(distance)
    check_shapes(distance=(distance, "row row"))
    length, share = (jnp.asarray(x, distance.dtype) for x in (length, share))
    if is_concrete(length) and not length > 0:
        raise ValueError(f"length is {float(length):g}, expected a positive distance")
    if is_concrete(share) and not 0 <= share <= 1:
        raise ValueError(f"share is {float(share):g}, expected a number from 0 to 1")
    same = jnp.eye(len(distance), dtype=distance.dtype)
    return share * jnp.exp(-distance / length) + (1 - share) * same


def covariance_noise(covariance: ArrayLike) -> Noise:
    """The `Noise` of a covariance matrix.

    Args:
      covariance: Covariance of the rows [mm2], shape (row, row).

    Returns:
      Its standard errors and correlation.

    Raises:
      ValueError: If it is not square, not symmetric or not positive definite.
    """
    covariance = jnp.asarray(covariance)
    check_shapes(covariance=(covariance, "row row"))
    variance = jnp.diag(covariance)
    if is_concrete(covariance):
        _check_symmetric("covariance", np.asarray(covariance))
        if not (np.asarray(variance) > 0).all():
            raise ValueError(
                "the diagonal of covariance has variances that are not positive; leave "
                "such rows out"
            )
    sigma = jnp.sqrt(variance)
    correlation = covariance / (sigma[:, None] * sigma[None, :])
    if is_concrete(covariance):
        _check_correlation(np.asarray(correlation), "covariance")
    return Noise(sigma, correlation)


def as_noise(sigma: ArrayLike | Noise, dtype: jnp.dtype) -> Noise:
    """Bring what a user calls sigma into one form.

    Args:
      sigma: Standard errors or a `Noise`.
      dtype: Of the arrays that come back.

    Returns:
      A `Noise` of arrays; a common offset known to have no variance is None.
    """
    if not isinstance(sigma, Noise):
        return Noise(jnp.asarray(sigma, dtype), common=None)
    to = lambda values: None if values is None else jnp.asarray(values, dtype)
    common, moved = to(sigma.common), to(sigma.common_rows)
    if common is None or (is_concrete(common) and not np.asarray(common).any()):
        common = moved = None
    return Noise(
        jnp.asarray(sigma.sigma, dtype),
        to(sigma.correlation),
        common,
        moved,
        to(sigma.patterns),
    )


def check_noise(noise: Noise, values: Array) -> None:
    """Check the shapes of a noise model and what can be seen of its values.

    Args:
      noise: From `as_noise`.
      values: Observations, shape (epoch, row).

    Raises:
      ValueError: If shapes disagree, the correlation is not one, or the variance of the
        common offset is negative.
    """
    if noise.sigma.ndim not in (1, 2):
        raise ValueError(
            f"sigma has shape {noise.sigma.shape}, expected (row) or (epoch row); give "
            "a standard error for each row"
        )
    named = {"values": (values, "epoch row")}
    named["sigma"] = (noise.sigma, "row" if noise.sigma.ndim == 1 else "epoch row")
    if noise.correlation is not None:
        named["correlation"] = (noise.correlation, "row row")
    if noise.common is not None:
        named["common"] = (noise.common, "epoch" if noise.common.ndim else "")
    if noise.common_rows is not None:
        named["common_rows"] = (noise.common_rows, "row")
    if noise.patterns is not None:
        named["patterns"] = (noise.patterns, "row pattern")
    check_shapes(**named)
    known = noise.patterns is not None and is_concrete(noise.patterns)
    if known and not np.isfinite(np.asarray(noise.patterns)).all():
        raise ValueError(
            "patterns hold numbers that are not finite; give rows that an error "
            "does not move a zero"
        )
    if noise.correlation is not None and is_concrete(noise.correlation):
        _check_correlation(np.asarray(noise.correlation))
    if noise.common is not None and is_concrete(noise.common):
        common = np.atleast_1d(np.asarray(noise.common))
        bad = ~(np.isfinite(common) & (common >= 0))
        if bad.any():
            raise ValueError(
                f"common is {common[bad][0]:g}, expected finite variances that are not "
                "negative; for no offset give 0"
            )


def _check_symmetric(name: str, matrix: np.ndarray) -> None:
    different = ~(abs(matrix - matrix.T) <= ROUNDING * abs(matrix).max())
    if different.any():
        row, column = map(int, np.argwhere(different)[0])
        raise ValueError(
            f"{name} is not symmetric: {matrix[row, column]:g} at {(row, column)} but "
            f"{matrix[column, row]:g} at {(column, row)}; take the mean of it and its "
            "transpose if that is rounding"
        )


def _check_correlation(correlation: np.ndarray, name: str = "correlation") -> None:
    _check_symmetric(name, correlation)
    if not (abs(np.diag(correlation) - 1) <= ROUNDING).all():
        raise ValueError(
            "the diagonal of correlation is not one; use covariance_noise for a "
            "covariance"
        )
    try:
        np.linalg.cholesky(correlation)
    except np.linalg.LinAlgError:
        raise ValueError(
            f"{name} is not positive definite; for rows at one place give each "
            "some noise of its own, as share= below 1 in exponential_correlation does"
        ) from None


def is_shared(noise: Noise) -> bool:
    """Whether the standard errors are the same at all epochs.

    Args:
      noise: From `as_noise`.
    """
    return noise.sigma.ndim == 1


def is_steady(noise: Noise) -> bool:
    """Whether the covariance is the same at all epochs.

    Args:
      noise: From `as_noise`.
    """
    return is_shared(noise) and (noise.common is None or jnp.ndim(noise.common) == 0)


def is_uncorrelated(noise: Noise) -> bool:
    """Whether rows share nothing but a common offset.

    Args:
      noise: From `as_noise`.
    """
    return noise.correlation is None and noise.patterns is None


def shares_noise(noise: Noise) -> bool:
    """Whether rows share any noise: by correlation, an offset or patterns.

    Args:
      noise: From `as_noise`.
    """
    return not is_uncorrelated(noise) or noise.common is not None


def noise_at(noise: Noise, epochs: slice | Array | NDArray[np.int64]) -> Noise:
    """Take the noise of some epochs.

    Args:
      noise: From `as_noise`.
      epochs: Which, as an index.

    Returns:
      The `Noise`, with what has an axis of epochs taken at those.
    """
    sigma, common = noise.sigma, noise.common
    if sigma.ndim == 2:
        sigma = sigma[epochs]
    if common is not None and jnp.ndim(common) == 1:
        common = common[epochs]
    return dataclasses.replace(noise, sigma=sigma, common=common)


def scaled_noise(noise: Noise, beta: Array, seen: Array) -> Noise:
    """The noise of covariance ``beta^2 R``, and one where nothing was seen.

    Args:
      noise: From `as_noise`.
      beta: Weight of the prior, scalar.
      seen: Where there are observations, shape (epoch, row).

    Returns:
      The `Noise`, of the same shapes.
    """
    known = seen.any(axis=0) if is_shared(noise) else seen
    # What is unknown may be NaN, which would spread to the derivative in beta.
    sigma = jnp.where(known, beta * jnp.where(known, noise.sigma, 1), 1)
    common = None if noise.common is None else beta**2 * noise.common
    patterns = None if noise.patterns is None else beta * noise.patterns
    return dataclasses.replace(noise, sigma=sigma, common=common, patterns=patterns)


def noise_covariance(noise: Noise) -> Array:
    """The covariance of one epoch's rows.

    Args:
      noise: With sigma of shape (row,) and a scalar or no common variance.

    Returns:
      The covariance, shape (row, row).
    """
    sigma = noise.sigma
    if noise.correlation is None:
        independent = jnp.diag(sigma**2)
    else:
        independent = sigma[:, None] * noise.correlation * sigma[None, :]
    if noise.patterns is not None:
        independent += einsum("rp,sp->rs", noise.patterns, noise.patterns)
    if noise.common is None:
        return independent
    rows = common_rows(noise)
    return independent + noise.common * rows[:, None] * rows[None, :]


def noise_times(noise: Noise, values: Array) -> Array:
    """The covariance of every epoch times its values.

    Args:
      noise: Any, from `as_noise`.
      values: Shape (epoch, row).

    Returns:
      The products, shape (epoch, row).
    """
    sigma = jnp.broadcast_to(noise.sigma, values.shape)
    independent = sigma * values
    if noise.correlation is not None:
        independent = einsum("er,rs->es", independent, noise.correlation)
    independent = sigma * independent
    if noise.patterns is not None:
        independent += pattern_noise(noise.patterns, values)
    if noise.common is None:
        return independent
    return (
        independent
        + common_estimate(noise, values)[:, None] * common_rows(noise)[None, :]
    )


def pattern_noise(patterns: Array, multiplier: Array) -> Array:
    """The errors of every epoch by patterns that rows share, ``P P' alpha``.

    Args:
      patterns: P of a `Noise`, shape (row, pattern).
      multiplier: Shape (epoch, row).

    Returns:
      The errors [mm], shape (epoch, row).
    """
    amounts = einsum("er,rp->ep", multiplier, patterns)
    return einsum("ep,rp->er", amounts, patterns)


def common_estimate(noise: Noise, multiplier: Array) -> Array:
    """The common offset of every epoch, ``tau^2 c' alpha``.

    Args:
      noise: Any, from `as_noise`; scaled by beta if `multiplier` is of that system.
      multiplier: ``A_oo^-1 d_o``, shape (epoch, row).

    Returns:
      The offset [mm], shape (epoch,); zero where the noise has none.
    """
    if noise.common is None:
        return jnp.zeros(len(multiplier), multiplier.dtype)
    return noise.common * einsum("er,r->e", multiplier, common_rows(noise))


def common_rows(noise: Noise) -> Array:
    """One at the rows that a common offset moves, zero elsewhere, shape (row,)."""
    if noise.common_rows is None:
        return jnp.ones(noise.sigma.shape[-1:], noise.sigma.dtype)
    return noise.common_rows


def map_epochs(
    one: Callable[[Noise, Any], Any], noise: Noise, rest: Any, each: float
) -> Any:
    """Call a function for every epoch, each with the noise of its own.

    One after the other on a CPU, many at once on an accelerator. What it makes on its
    way is made again in the reverse pass, not kept.

    Args:
      one: Called with a `Noise` of shape (row,) and an epoch of `rest`.
      noise: Any, from `as_noise`.
      rest: A pytree of arrays, epoch first.
      each: Numbers that `one` holds at a time, roughly.

    Returns:
      What `one` returned, epoch first.
    """
    epochs = len(jax.tree.leaves(rest)[0])

    def with_noise(epoch: tuple[tuple[Array, Array | None], Any]) -> Any:
        (sigma, common), rest = epoch
        return one(dataclasses.replace(noise, sigma=sigma, common=common), rest)

    size = each * noise.sigma.dtype.itemsize
    return map_parts(with_noise, (each_epoch(noise, epochs), rest), size)


def each_epoch(noise: Noise, epochs: int) -> tuple[Array, Array | None]:
    """What may differ between epochs, with an axis of epochs.

    Args:
      noise: Any, from `as_noise`.
      epochs: Their number.

    Returns:
      Sigma, shape (epoch, row), and the variance of the common offset, shape (epoch,),
      or None.
    """
    sigma = jnp.broadcast_to(noise.sigma, (epochs, noise.sigma.shape[-1]))
    common = noise.common
    return sigma, None if common is None else jnp.broadcast_to(common, (epochs,))
