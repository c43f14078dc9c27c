"""Years as numbers, and the seasons of series."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._calendar import DAY
from jaxload._check import check_shapes

__all__ = ["annual_amplitude", "decimal_years", "linear_rates", "seasonal_basis"]

#: Days in a mean Gregorian year.
DAYS_PER_YEAR = 365.2425


def decimal_years(time: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Mean Gregorian years, 2000 on the first of January of that year.

    Args:
      time: Epochs, any shape.

    Returns:
      Years, same shape; they are within a day of those of the calendar.
    """
    days = (np.asarray(time) - np.datetime64("2000-01-01")) / DAY
    return 2000 + days / DAYS_PER_YEAR


def seasonal_basis(time: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Offset, rate, annual and semi-annual terms as columns.

    Args:
      time: Epochs, shape (epoch,).

    Returns:
      Columns 1, years from the middle, cos and sin of one and two turns a year counted
      from the first of January 2000, shape (epoch, 6).
    """
    years = decimal_years(time) - 2000
    turns = 2 * np.pi * years
    middle = years.mean() if len(years) else 0.0
    seasons = [f(n * turns) for n in (1, 2) for f in (np.cos, np.sin)]
    return np.stack([np.ones_like(years), years - middle, *seasons], axis=1)


def linear_rates(
    values: NDArray[np.floating], time: NDArray[np.datetime64]
) -> NDArray[np.float64]:
    """Rates of the straight lines through series with gaps.

    Not for: short records with a season, which a slope passes for.

    Args:
      values: Series, shape (epoch, column); NaN if missing.
      time: Epochs, shape (epoch,).

    Returns:
      Rates in the units of `values` per year, shape (column,); NaN of columns with
      fewer than two values.
    """
    seen = np.isfinite(values)
    years = np.where(seen, decimal_years(time)[:, None], 0.0)
    middle = years.sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    lever = np.where(seen, years - middle, 0.0)
    square = (lever**2).sum(axis=0)
    products = (lever * np.where(seen, values, 0.0)).sum(axis=0)
    return np.where(square > 0, products / np.where(square > 0, square, 1.0), np.nan)


def annual_amplitude(values: ArrayLike, time: NDArray[np.datetime64]) -> Array:
    """Amplitude of the annual term beside offset, rate and semi-annual term.

    Not for: less than a year and a half, in which a slope passes for a season.

    Args:
      values: Series, shape (epoch, column); epochs with a NaN are left out whole.
      time: Epochs, shape (epoch,).

    Returns:
      Amplitude in the units of `values`, shape (column,).

    Raises:
      ValueError: If shapes disagree.
    """
    values = jnp.asarray(values)
    check_shapes(values=(values, "epoch column"), time=(time, "epoch"))
    return _annual_amplitude(values, jnp.asarray(seasonal_basis(time), values.dtype))


@jax.jit
def _annual_amplitude(values: Array, basis: Array) -> Array:
    whole = jnp.isfinite(values).all(axis=1, keepdims=True)
    basis = jnp.where(whole, basis, 0)
    terms = jnp.linalg.pinv(basis) @ jnp.where(whole, values, 0)
    return jnp.hypot(terms[2], terms[3])
