"""Series of weather as features: steps from values to numbers of order one."""

import logging
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxload._calendar import DAY
from jaxload._check import check_shapes
from jaxload.gapfill.features import CONSTANT
from jaxload.series.fitting.seasons import seasonal_basis

__all__ = [
    "leading_components",
    "mean_year",
    "scaled_over_places",
    "transformed_driver",
]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

#: Days that have to be known for mean and seasons: a year less half a month.
YEAR = 350

#: Values below zero that rounding leaves of an amount, beside the largest.
ROUNDING = 1e-6


def mean_year(values: ArrayLike, time: NDArray[np.datetime64]) -> Floats:
    """Fit mean, annual and semi-annual terms to each series.

    Args:
      values: Series, shape (epoch, place); NaN if missing.
      time: Epochs, shape (epoch,).

    Returns:
      The fit at all epochs, shape (epoch, place).

    Raises:
      ValueError: If a series has no values over most of a year.
    """
    values = np.asarray(values, np.float64)
    check_shapes(values=(values, "epoch place"), time=(time, "epoch"))
    basis = np.delete(seasonal_basis(time), 1, axis=1)
    seen, fit = np.isfinite(values), np.empty(values.shape)
    for pattern in np.unique(seen, axis=1).T:
        columns = (seen == pattern[:, None]).all(axis=0)
        known = time[pattern]
        days = float((known.max() - known.min()) / DAY) if len(known) else 0.0
        if days < YEAR or pattern.sum() < 2 * basis.shape[1]:
            raise ValueError(
                f"{columns.sum()} of {len(columns)} places have {pattern.sum()} epochs "
                f"within {days:.0f} days, too little for a mean and seasons; get a "
                "record of a year or more"
            )
        terms = np.linalg.lstsq(basis[pattern], values[np.ix_(pattern, columns)])[0]
        fit[:, columns] = basis @ terms
    return fit


def transformed_driver(
    name: str,
    values: ArrayLike,
    time: NDArray[np.datetime64],
    steps: Sequence[str],
) -> Floats:
    """Apply steps to the series of a variable.

    * "log1p": logarithm of one and the value, for amounts.
    * "anomaly": less mean, annual and semi-annual terms of each place.
    * "normalise": zero mean and unit standard deviation at each place; zero where the
      series is constant, as that of snow in the tropics.

    Args:
      name: What the variable is called, for messages.
      values: Complete series, shape (epoch, place).
      time: Epochs, shape (epoch,).
      steps: The steps, in their order.

    Returns:
      The series after all steps, shape (epoch, place).

    Raises:
      ValueError: If a step is unknown, a logarithm is of negative values, or the series
        is constant at all places.

    Example:
      >>> scaled = transformed_driver("temperature", temperature, time, ["normalise"])
    """
    values = np.asarray(values, np.float64)
    check_shapes(values=(values, "epoch place"), time=(time, "epoch"))
    apply: Mapping[str, Callable[[str, Floats], Floats]] = {
        "log1p": _logarithm,
        "anomaly": lambda _, series: series - mean_year(series, time),
        "normalise": _normalised_or_zero,
    }
    for step in steps:
        if step not in apply:
            raise ValueError(f"{step!r} is no step, expected {' or '.join(apply)}")
        values = apply[step](name, values)
    return values


def _logarithm(name: str, values: Floats) -> Floats:
    least = values.min()
    if least < -ROUNDING * max(values.max(), 1.0):
        raise ValueError(
            f'{name} has values down to {least:g}, but "log1p" is for amounts, which '
            'are not negative; leave "log1p" out'
        )
    return np.log1p(np.maximum(values, 0.0))


def _normalised_or_zero(name: str, values: Floats) -> Floats:
    mean, sd = values.mean(axis=0), values.std(axis=0)
    still = sd <= CONSTANT * abs(values).max(axis=0)
    if still.all():
        raise ValueError(
            f"{name} is constant at all {len(still)} places, so that nothing can be "
            "learned from it; leave it out, or check its variable and time"
        )
    if still.any():
        logger.warning(
            "%s is constant at %d of %d places, first at place %d; its feature is zero "
            "there",
            name,
            int(still.sum()),
            len(still),
            int(still.argmax()),
        )
    return np.where(still, 0.0, (values - mean) / np.where(still, 1.0, sd))


def scaled_over_places(name: str, values: Floats) -> Floats:
    """Scale all places alike, so that their differences in mean and spread stay.

    Args:
      name: What the variable is called, for messages.
      values: Complete series, shape (epoch, place).

    Returns:
      Series of zero mean and unit standard deviation over places and epochs together.

    Raises:
      ValueError: If all values are the same.
    """
    sd = values.std()
    if sd <= CONSTANT * abs(values).max():
        raise ValueError(
            f"{name} is {values.flat[0]:g} at all places and epochs, so that nothing "
            "can be learned from it; leave it out, or check its variable and time"
        )
    return (values - values.mean()) / sd


def leading_components(name: str, values: Floats, count: int) -> Floats:
    """Find the time series that all places share most of.

    Args:
      name: What the variable is called, for messages.
      values: Complete series, shape (epoch, place).
      count: How many.

    Returns:
      Amplitudes of the leading principal components, uncorrelated, of zero mean and
      unit standard deviation, the place with the largest pattern positive, shape
      (epoch, count).

    Raises:
      ValueError: If the series have fewer.
    """
    centred = values - values.mean(axis=0)
    left, strength, right = np.linalg.svd(centred, full_matrices=False)
    there = int((strength > CONSTANT * abs(values).max() * len(values)).sum())
    if count > there:
        raise ValueError(
            f"{name} has {there} principal components at {values.shape[1]} places, "
            f"but {count} were asked for; lower components"
        )
    patterns = right[:count]
    largest = np.abs(patterns).argmax(axis=1)
    sign = np.sign(patterns[np.arange(count), largest])
    return left[:, :count] * sign * np.sqrt(len(values))
