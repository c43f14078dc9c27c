"""Errors of means of a series, with correlation in time, and series drawn with them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["mean_covariance", "normal_draws"]

Floats = NDArray[np.float64]

#: Negative eigenvalues of a covariance that are rounding, relative to the largest.
ROUNDING = 1e-8


def mean_covariance(
    sd: ArrayLike, weights: ArrayLike, days: ArrayLike, memory_days: float = 0.0
) -> Floats:
    """Propagate errors of epochs to means over them, with their covariance.

    The errors of two epochs are correlated by ``exp(-|t - s| / memory_days)``, or not
    at all. The sums over pairs of epochs are those of a Markov chain, so that the cost
    grows with the number of epochs and not with its square.

    Args:
      sd: Standard error of each epoch, shape (epoch,); not finite where there is none,
        which counts for nothing.
      weights: Weight of each epoch in each mean [-], shape (mean, epoch).
      days: Time of each epoch, ascending [days], shape (epoch,).
      memory_days: Time after which the correlation is 1/e [days]; 0 for independent
        epochs.

    Returns:
      Covariance of the means [unit of sd, squared], shape (mean, mean).

    Raises:
      ValueError: If shapes disagree, days do not ascend or the memory is negative.

    Example:
      >>> weights = np.kron(np.eye(2), np.full(30, 1 / 30))
      >>> sd, days = np.full(60, 5.0), np.arange(60.0)
      >>> covariance = evaluate.mean_covariance(sd, weights, days, memory_days=20)
    """
    sd, days = np.asarray(sd, np.float64), np.asarray(days, np.float64)
    weights = np.asarray(weights, np.float64)
    if weights.ndim != 2 or not sd.shape == days.shape == weights.shape[1:]:
        raise ValueError(
            f"weights have shape {weights.shape}, but sd {sd.shape} and days "
            f"{days.shape}; epochs are the last axis of all three"
        )
    if not 0 <= memory_days < np.inf:
        raise ValueError(
            f"memory_days is {memory_days:g}, expected days, or 0 for none"
        )
    if (np.diff(days) <= 0).any():
        raise ValueError("days do not ascend; sort the epochs by time")
    scaled = (weights * np.where(np.isfinite(sd), sd, 0.0)).T
    if memory_days == 0 or len(days) < 2:
        return scaled.T @ scaled
    after = scaled.T @ _earlier(scaled, np.exp(-np.diff(days) / memory_days))
    return scaled.T @ scaled + after + after.T


def _earlier(values: Floats, decay: Floats) -> Floats:
    """Sums over earlier epochs, each by its correlation, shape of the values."""
    total = np.zeros_like(values)
    for epoch in range(1, len(values)):
        total[epoch] = decay[epoch - 1] * (total[epoch - 1] + values[epoch - 1])
    return total


def normal_draws(
    mean: ArrayLike, covariance: ArrayLike, count: int, seed: int = 0
) -> Floats:
    """Draw series from a normal distribution.

    Args:
      mean: The series, shape (epoch,); NaN if missing.
      covariance: That of its errors, shape (epoch, epoch), or their standard errors if
        they are independent, shape (epoch,).
      count: Number of draws, positive.
      seed: From which they come; the same one gives the same draws.

    Returns:
      The draws, shape (epoch, count); NaN where the mean or its error is not finite.

    Raises:
      ValueError: If shapes disagree, or the covariance is not positive.
    """
    mean, covariance = (np.asarray(x, np.float64) for x in (mean, covariance))
    if covariance.shape not in (mean.shape, 2 * mean.shape) or mean.ndim != 1:
        raise ValueError(
            f"covariance has shape {covariance.shape}, but mean {mean.shape}; expected "
            "a row and a column, or a standard error, for each epoch"
        )
    if count < 1:
        raise ValueError(f"count is {count}, expected one draw or more")
    white = np.random.default_rng(seed).standard_normal((len(mean), count))
    draws = np.full(white.shape, np.nan)
    if covariance.ndim == 1:
        known = np.isfinite(mean) & np.isfinite(covariance)
        draws[known] = mean[known, None] + covariance[known, None] * white[known]
        return draws
    known = np.isfinite(mean) & np.isfinite(np.diag(covariance))
    root = _square_root(covariance[np.ix_(known, known)])
    draws[known] = mean[known, None] + root @ white[known]
    return draws


def _square_root(covariance: Floats) -> Floats:
    values, vectors = np.linalg.eigh(covariance)
    largest = values.max(initial=0.0)
    if values.min(initial=0.0) < -ROUNDING * largest:
        raise ValueError(
            "covariance is not positive: its eigenvalues reach from "
            f"{values.min():.3g} to {largest:.3g}"
        )
    return vectors * np.sqrt(np.maximum(values, 0.0))
