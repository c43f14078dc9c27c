"""Drought: how dry a month is for its time of the year, and for how long."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

__all__ = [
    "DROUGHT_CLASSES",
    "DROUGHT_LIMITS",
    "Climatology",
    "DroughtEvent",
    "climatology",
    "drought_class",
    "drought_events",
    "drought_severity",
]

#: Names of the classes, from 1 on; 0 stands for months without an index.
DROUGHT_CLASSES = ("none", "mild", "moderate", "severe", "extreme")

#: The largest index of each class of drought, from "mild" on.
DROUGHT_LIMITS = (-0.8, -1.3, -1.6, -2.0)

MONTHS = 12

#: Years below which a calendar month has no spread.
LEAST_YEARS = 2


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Climatology:
    """What calendar months are like.

    Attributes:
      mean: Mean of each [unit of the data], shape (12, ...), January first.
      sd: Standard deviation from year to year, likewise, divided by the number of
        years; NaN for fewer than 2.
      years: Number of years with data, likewise.
    """

    mean: Array
    sd: Array
    years: Array


@dataclasses.dataclass(frozen=True)
class DroughtEvent:
    """Months of drought without a break.

    Attributes:
      start: Index of its first month.
      stop: Index of the month after its last.
      peak: Index of its driest month.
      severity: Sum of the index over it [-], negative.
      least: Index of drought in its driest month [-].
      kind: Name of the class of that.
    """

    start: int
    stop: int
    peak: int
    severity: float
    least: float
    kind: str

    @property
    def months(self) -> int:
        """How long it lasts."""
        return self.stop - self.start


def climatology(values: ArrayLike, month: ArrayLike) -> Climatology:
    """Find mean and spread of every calendar month.

    Args:
      values: Monthly values, shape (epoch, ...); NaN if missing.
      month: Calendar month of each, 1 to 12, shape (epoch,).

    Returns:
      The `Climatology`.

    Raises:
      ValueError: If months are not 1 to 12, or as many as the values.
    """
    values, is_month = jnp.asarray(values), _is_month(values, month)
    seen = jnp.isfinite(values)
    filled = jnp.where(seen, values, jnp.zeros_like(values))
    chosen = jnp.asarray(is_month, values.dtype)
    total = jnp.tensordot(chosen, filled, axes=1)
    years = jnp.tensordot(chosen, seen.astype(values.dtype), axes=1)
    mean = _nan_below(total / jnp.maximum(years, 1), years, 1)
    # Differences, not squares less a square: water of a metre varies by millimetres.
    anomaly = filled - _of_epochs(mean, month)
    anomaly = jnp.where(seen, anomaly, jnp.zeros_like(anomaly))
    square = jnp.tensordot(chosen, anomaly**2, axes=1) / jnp.maximum(years, 1)
    return Climatology(mean, _nan_below(jnp.sqrt(square), years, LEAST_YEARS), years)


def drought_severity(
    values: ArrayLike, month: ArrayLike, normal: Climatology | None = None
) -> Array:
    """Drought severity index: the anomaly for the time of the year, in deviations.

    Over n years that are their own climatology its size is at most sqrt(n - 1): three
    years know a moderate drought at the most, and tell rather which of them was the
    driest. A climatology of a longer record, of a model or of gravity, judges better.

    Args:
      values: Monthly storage, shape (epoch, ...); NaN if missing.
      month: Calendar month of each, 1 to 12, shape (epoch,).
      normal: The climatology; that of `values` themselves if not given.

    Returns:
      The index [-], same shape, negative where it is drier than usual; NaN where a
      value is missing, or a month has fewer than 2 years or never changes.

    Raises:
      ValueError: If months are not 1 to 12, or as many as the values.

    Example:
      >>> index = drought_severity(storage, month)
      >>> kind = drought_class(index)

    Source:
      Zhao, Velicogna & Kimball (2017), doi:10.1175/JHM-D-16-0182.1.
    """
    values = jnp.asarray(values)
    normal = climatology(values, month) if normal is None else normal
    sd = _of_epochs(normal.sd, month)
    some = sd > 0
    anomaly = values - _of_epochs(normal.mean, month)
    index = anomaly / jnp.where(some, sd, jnp.ones_like(sd))
    return jnp.where(some, index, jnp.full_like(index, jnp.nan))


def drought_class(index: ArrayLike) -> Array:
    """Classify drought severity.

    Published ranges end at -1.29 and begin again at -1.30; here each reaches to where
    the next begins, so that -1.295 is mild. What is no drought, be it wet, is of class
    1.

    Args:
      index: From `drought_severity`, any shape.

    Returns:
      Number of the class, 1 for the first of `DROUGHT_CLASSES` to 5 for the last, and 0
      where there is no index; integers, same shape.

    Source:
      Zhao, Velicogna & Kimball (2017), table 2, doi:10.1175/JHM-D-16-0182.1, for the
      limits.
    """
    index = jnp.asarray(index)
    kind = 1 + sum((index <= limit).astype(int) for limit in DROUGHT_LIMITS)
    return jnp.where(jnp.isnan(index), jnp.zeros_like(kind), kind)


def drought_events(
    index: ArrayLike, limit: float = DROUGHT_LIMITS[0], least_months: int = 1
) -> list[DroughtEvent]:
    """Find months of drought without a break.

    Args:
      index: From `drought_severity`, shape (epoch,); a month without ends a drought.
      limit: The largest index that is a drought.
      least_months: What is shorter is left out.

    Returns:
      The droughts, in order.

    Raises:
      ValueError: If the index is no single series, or the limit not negative.
    """
    values = np.asarray(index, np.float64)
    if values.ndim != 1:
        raise ValueError(
            f"index has shape {values.shape}, expected one series; take one column "
            "at a time"
        )
    if not limit < 0:
        raise ValueError(f"limit is {limit:g}, expected a negative index")
    # NaN is no drought.
    dry = np.concatenate([[False], values <= limit, [False]])
    turns = np.flatnonzero(np.diff(dry.astype(int)))
    spans = zip(turns[::2].tolist(), turns[1::2].tolist())
    return [_event(values, *span) for span in spans if np.diff(span)[0] >= least_months]


def _event(values: NDArray[np.float64], start: int, stop: int) -> DroughtEvent:
    inside = values[start:stop]
    least = float(inside.min())
    return DroughtEvent(
        start,
        stop,
        start + int(inside.argmin()),
        float(inside.sum()),
        least,
        DROUGHT_CLASSES[sum(least <= limit for limit in DROUGHT_LIMITS)],
    )


def _is_month(values: ArrayLike, month: ArrayLike) -> NDArray[np.bool_]:
    """Which epochs each calendar month has, shape (12, epoch)."""
    months, shape = np.asarray(month), jnp.shape(values)
    if not shape or months.shape != shape[:1]:
        raise ValueError(
            f"month has shape {months.shape}, but values {shape}, expected one month "
            "for each of the first axis"
        )
    is_month = months == np.arange(1, MONTHS + 1)[:, None]
    if not is_month.any(axis=0).all():
        bad = months[~is_month.any(axis=0)][0]
        raise ValueError(f"month holds {bad}, expected calendar months, 1 to 12")
    return is_month


def _of_epochs(table: Array, month: ArrayLike) -> Array:
    """Rows of a table of calendar months, by epoch."""
    return table[np.asarray(month) - 1]


def _nan_below(values: Array, count: Array, least: int) -> Array:
    return jnp.where(count >= least, values, jnp.full_like(values, jnp.nan))
