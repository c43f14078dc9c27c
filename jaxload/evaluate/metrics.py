"""How well one series agrees with another; NaN is missing."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

__all__ = [
    "LEAST_VALUES",
    "TaylorStatistics",
    "bias",
    "detrend",
    "nse",
    "pcc",
    "r2",
    "rmse",
    "taylor_statistics",
    "wrms",
    "wrms_reduction",
]

Axis = int | tuple[int, ...]

#: Fewer common values than this measure nothing: two points always correlate.
LEAST_VALUES = 3


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TaylorStatistics:
    """One point of a Taylor diagram.

    They obey ``centred_rmse^2 = std^2 + reference_std^2 - 2 std reference_std pcc``.

    Attributes:
      std: Standard deviation of the estimate [unit of the data].
      reference_std: Standard deviation of the reference [unit of the data].
      pcc: Their correlation [-].
      centred_rmse: Rms difference after both means are removed [unit of the data].
    """

    std: Array
    reference_std: Array
    pcc: Array
    centred_rmse: Array


def _common(estimate: ArrayLike, reference: ArrayLike) -> tuple[Array, Array, Array]:
    """Both with zeros where either is missing, and where neither is."""
    estimate, reference = jnp.asarray(estimate), jnp.asarray(reference)
    if estimate.shape != reference.shape:
        raise ValueError(
            f"estimate has shape {estimate.shape}, but reference {reference.shape}; "
            "select what they have in common first"
        )
    with jax.numpy_dtype_promotion("standard"):
        dtype = jnp.promote_types(estimate.dtype, reference.dtype)
    estimate, reference = estimate.astype(dtype), reference.astype(dtype)
    seen = jnp.isfinite(estimate) & jnp.isfinite(reference)
    return _fill(estimate, seen), _fill(reference, seen), seen


def _fill(values: Array, seen: Array) -> Array:
    return jnp.where(seen, values, jnp.zeros_like(values))


def _mean(values: Array, seen: Array, axis: Axis) -> Array:
    """Mean over what is seen, axes kept; NaN for fewer than `LEAST_VALUES`."""
    count = seen.sum(axis=axis, keepdims=True)
    mean = _fill(values, seen).sum(axis=axis, keepdims=True) / jnp.maximum(
        count, 1
    ).astype(values.dtype)
    return jnp.where(count >= LEAST_VALUES, mean, jnp.full_like(mean, jnp.nan))


def _anomaly(values: Array, seen: Array, axis: Axis) -> Array:
    return values - jnp.broadcast_to(_mean(values, seen, axis), values.shape)


def bias(estimate: ArrayLike, reference: ArrayLike, axis: Axis = -1) -> Array:
    """Mean of estimate minus reference.

    Args:
      estimate: What is judged, any shape; NaN if missing.
      reference: What it is judged by, same shape.
      axis: Along which to judge.

    Returns:
      The bias [unit of the data]; NaN for fewer than 3 common values.

    Raises:
      ValueError: If the shapes differ.
    """
    estimate, reference, seen = _common(estimate, reference)
    return _mean(estimate - reference, seen, axis).squeeze(axis)


def rmse(estimate: ArrayLike, reference: ArrayLike, axis: Axis = -1) -> Array:
    """Root mean square difference.

    Args:
      estimate: What is judged, any shape; NaN if missing.
      reference: What it is judged by, same shape.
      axis: Along which to judge.

    Returns:
      The rms difference [unit of the data]; NaN for fewer than 3 common values.

    Raises:
      ValueError: If the shapes differ.
    """
    estimate, reference, seen = _common(estimate, reference)
    return jnp.sqrt(_mean((estimate - reference) ** 2, seen, axis)).squeeze(axis)


def nse(estimate: ArrayLike, reference: ArrayLike, axis: Axis = -1) -> Array:
    """Nash-Sutcliffe efficiency: 1 is perfect, 0 no better than the reference's mean.

    The same number as the coefficient of determination of scikit-learn's ``r2_score``.

    Args:
      estimate: What is judged, any shape; NaN if missing.
      reference: What it is judged by, same shape.
      axis: Along which to judge.

    Returns:
      The efficiency [-]; NaN for fewer than 3 common values, or a constant reference.

    Raises:
      ValueError: If the shapes differ.

    Source:
      Nash & Sutcliffe (1970), eq. 3, doi:10.1016/0022-1694(70)90255-6.
    """
    estimate, reference, seen = _common(estimate, reference)
    error = _mean((estimate - reference) ** 2, seen, axis)
    variance = _mean(_anomaly(reference, seen, axis) ** 2, seen, axis)
    return (1 - _ratio(error, variance)).squeeze(axis)


def pcc(estimate: ArrayLike, reference: ArrayLike, axis: Axis = -1) -> Array:
    """Pearson's correlation coefficient.

    Args:
      estimate: What is judged, any shape; NaN if missing.
      reference: What it is judged by, same shape.
      axis: Along which to judge.

    Returns:
      The correlation [-]; NaN for fewer than 3 common values, or a constant series.

    Raises:
      ValueError: If the shapes differ.
    """
    return taylor_statistics(estimate, reference, axis).pcc


def r2(estimate: ArrayLike, reference: ArrayLike, axis: Axis = -1) -> Array:
    """Share of variance that a straight line explains: the correlation squared.

    Not for: judging size or offset, to which it is blind; `nse` sees both.

    Args:
      estimate: What is judged, any shape; NaN if missing.
      reference: What it is judged by, same shape.
      axis: Along which to judge.

    Returns:
      The share [-]; NaN for fewer than 3 common values, or a constant series.

    Raises:
      ValueError: If the shapes differ.
    """
    return pcc(estimate, reference, axis) ** 2


def taylor_statistics(
    estimate: ArrayLike, reference: ArrayLike, axis: Axis = -1
) -> TaylorStatistics:
    """Standard deviations, correlation and centred difference for a Taylor diagram.

    Deviations are divided by the number of values, not by one less.

    Args:
      estimate: What is judged, any shape; NaN if missing.
      reference: What it is judged by, same shape.
      axis: Along which to judge.

    Returns:
      The `TaylorStatistics`; NaN for fewer than 3 common values.

    Raises:
      ValueError: If the shapes differ.

    Source:
      Taylor (2001), eqs. 1-4, doi:10.1029/2000JD900719.
    """
    estimate, reference, seen = _common(estimate, reference)
    first, second = (_anomaly(x, seen, axis) for x in (estimate, reference))
    moments = (first**2, second**2, first * second, (first - second) ** 2)
    variance, other, covariance, difference = (
        _mean(moment, seen, axis).squeeze(axis) for moment in moments
    )
    std, reference_std = jnp.sqrt(variance), jnp.sqrt(other)
    correlation = _ratio(covariance, std * reference_std)
    return TaylorStatistics(std, reference_std, correlation, jnp.sqrt(difference))


def _ratio(numerator: Array, denominator: Array) -> Array:
    """A quotient that is NaN, not infinite, where nothing varies."""
    some = denominator > 0
    safe = jnp.where(some, denominator, jnp.ones_like(denominator))
    return jnp.where(some, numerator / safe, jnp.full_like(safe, jnp.nan))


def wrms(values: ArrayLike, sigma: ArrayLike, axis: Axis = -1) -> Array:
    """Weighted rms about the weighted mean, with weights 1 / sigma^2.

    Args:
      values: Values, any shape; NaN if missing.
      sigma: Their standard error, same shape and unit, positive.
      axis: Along which to measure.

    Returns:
      The scatter [unit of the data]; NaN for fewer than 3 values.

    Raises:
      ValueError: If the shapes differ.
    """
    values, sigma, seen = _common(values, sigma)
    precision = 1 / jnp.where(seen, sigma, jnp.ones_like(sigma)) ** 2
    weight = _fill(precision, seen)
    total = _mean(weight, seen, axis)
    mean = _mean(weight * values, seen, axis) / total
    deviation = values - jnp.broadcast_to(mean, values.shape)
    return jnp.sqrt(_mean(weight * deviation**2, seen, axis) / total).squeeze(axis)


def wrms_reduction(
    observed: ArrayLike, corrected: ArrayLike, sigma: ArrayLike, axis: Axis = -1
) -> Array:
    """Share of the scatter that a correction removes; negative where it adds some.

    Args:
      observed: Displacement before [mm], any shape; NaN if missing.
      corrected: The same after the correction [mm].
      sigma: Standard error of `observed` [mm].
      axis: Along which to measure.

    Returns:
      1 - wrms(corrected) / wrms(observed) [-], over the days that both have; NaN for
      fewer than 3 of them.

    Raises:
      ValueError: If the shapes differ.

    Source:
      van Dam et al. (2007), doi:10.1029/2006JB004335.
    """
    observed, corrected, seen = _common(observed, corrected)
    gap = jnp.asarray(jnp.nan, dtype=observed.dtype)
    before, after = (
        wrms(jnp.where(seen, x, gap), sigma, axis) for x in (observed, corrected)
    )
    return 1 - _ratio(after, before)


def detrend(values: ArrayLike, time: ArrayLike, axis: int = -1) -> Array:
    """Take out the straight line that fits best.

    Args:
      values: Values, any shape; NaN if missing.
      time: Time of each value along `axis`, in any unit, shape (epoch,).
      axis: The axis of time.

    Returns:
      Values minus offset and trend, same shape, NaN where missing; all NaN where
      fewer than 3 are left.

    Raises:
      ValueError: If `time` has another length than `values` along `axis`.
    """
    values, time = jnp.asarray(values), jnp.asarray(time)
    if time.shape != values.shape[axis : axis + 1 or None]:
        raise ValueError(
            f"time has shape {time.shape}, but values {values.shape} along axis {axis}"
        )
    moved = jnp.moveaxis(values, axis, -1)
    seen = jnp.isfinite(moved)
    anomaly = _anomaly(moved, seen, -1)
    clock = _anomaly(jnp.broadcast_to(time, moved.shape), seen, -1)
    slope = _ratio(_mean(anomaly * clock, seen, -1), _mean(clock**2, seen, -1))
    left = anomaly - jnp.broadcast_to(slope, moved.shape) * clock
    left = jnp.where(seen, left, jnp.full_like(left, jnp.nan))
    return jnp.moveaxis(left, -1, axis)
