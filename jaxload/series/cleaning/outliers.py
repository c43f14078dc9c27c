"""Outliers of series: what stands far from a trajectory or from a running median."""

import dataclasses
import functools
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from jaxload.series.cleaning.filters import running_median
from jaxload.series.fitting.trajectory import (
    Events,
    Terms,
    Trajectory,
    evaluate_trajectory,
    fit_trajectory,
    prepared,
)

__all__ = [
    "Cleaned",
    "OutlierBounds",
    "Rejection",
    "beyond_bounds",
    "outlier_bounds",
    "reject_outliers",
]


@dataclasses.dataclass(frozen=True)
class Rejection:
    """Settings: what an outlier is.

    Attributes:
      rule: ``"sigma"`` measures distance in root mean squares of the residuals that are
        kept, ``"iqr"`` from their median in interquartile ranges.
      limit: Largest distance.
      window: Epochs of the running median that residuals are about, odd; a trajectory
        is fitted instead if not given.
      terms: Of that trajectory.
      most: Iterations after which to stop.
    """

    rule: Literal["sigma", "iqr"] = "sigma"
    limit: float = 3.0
    window: int | None = None
    terms: Terms = dataclasses.field(default_factory=Terms)
    most: int = 20

    def __post_init__(self) -> None:
        if self.rule not in ("sigma", "iqr"):
            raise ValueError(f"rule is {self.rule!r}, expected 'sigma' or 'iqr'")
        if not (self.limit > 0 and self.most >= 1):
            raise ValueError(
                f"limit is {self.limit:g} and most {self.most}, expected a positive "
                "number and 1 or more iterations"
            )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Cleaned:
    """Series without their outliers.

    Attributes:
      values: Series, shape (epoch, station); NaN if missing or rejected.
      rejected: True where an observation went, same shape.
      count: Number of observations that went, shape (station,).
      iterations: Number of iterations until nothing changed, scalar.
    """

    values: Array
    rejected: Array
    count: Array
    iterations: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class OutlierBounds:
    """Bounds beyond which a value of a series is an outlier, at any time.

    Attributes:
      fit: Trajectory of the values that are kept.
      middle: Middle of the residuals, in standard errors, shape (station,).
      limit: Largest distance from it, in standard errors, shape (station,).
    """

    fit: Trajectory
    middle: Array
    limit: Array


def outlier_bounds(
    kept: ArrayLike,
    years: ArrayLike,
    *,
    sigma: ArrayLike | None = None,
    events: Events | None = None,
    settings: Rejection | None = None,
) -> OutlierBounds:
    """Compute the bounds of outliers from series that have none.

    Args:
      kept: From `reject_outliers`, shape (epoch, station); NaN if missing.
      years: Time [years], ascending, shape (epoch,).
      sigma: As of `reject_outliers`.
      events: Likewise.
      settings: Likewise, without a running median.

    Returns:
      The `OutlierBounds`, by which `beyond_bounds` rejects what `reject_outliers` did.

    Raises:
      ValueError: If shapes disagree, or outliers are those of a running median.
    """
    settings = Rejection() if settings is None else settings
    if settings.window is not None:
        raise ValueError(
            "outliers about a running median have no bounds at other times; leave "
            "window out"
        )
    data, years, weight, happened = prepared(kept, years, sigma, events)
    data = jnp.where(weight > 0, data, jnp.nan)
    root = jnp.sqrt(weight)
    known = 1 / jnp.where(weight > 0, root, jnp.nan)
    fit = fit_trajectory(
        data, years, sigma=known, terms=settings.terms, events=happened
    )
    left = (data - evaluate_trajectory(fit, years)) * root
    return OutlierBounds(fit, *_bounds(left, settings, _rounding(data * root)))


def beyond_bounds(
    values: ArrayLike,
    years: ArrayLike,
    bounds: OutlierBounds,
    *,
    sigma: ArrayLike | None = None,
) -> Array:
    """Find the values of series that lie beyond bounds.

    Args:
      values: Series, shape (epoch, station); NaN if missing.
      years: Time [years], shape (epoch,), of the record or after it.
      bounds: From `outlier_bounds`.
      sigma: Standard error of the values, same shape or (station,).

    Returns:
      True where a value is an outlier, shape (epoch, station).

    Raises:
      ValueError: If shapes disagree.
    """
    data, years, weight, _ = prepared(values, years, sigma, bounds.fit.events)
    left = (data - evaluate_trajectory(bounds.fit, years)) * jnp.sqrt(weight)
    far = jnp.abs(left - bounds.middle[None, :]) > bounds.limit[None, :]
    return far & (weight > 0)


def reject_outliers(
    values: ArrayLike,
    years: ArrayLike,
    *,
    sigma: ArrayLike | None = None,
    events: Events | None = None,
    settings: Rejection | None = None,
) -> Cleaned:
    """Reject observations that stand far from the rest, until no more do.

    What is kept gives the model and the scatter, these say what is rejected, and so on.
    An observation that was rejected beside a worse one can come back.

    Not for: series with steps that are not among `events`; use a running median there.

    Args:
      values: Series, shape (epoch, station); NaN if missing.
      years: Time [years], ascending, shape (epoch,).
      sigma: Standard error of the values, same shape or (station,), by which residuals
        are divided; a value without a positive one is missing.
      events: Steps and relaxations of the trajectory.
      settings: What an outlier is.

    Returns:
      The `Cleaned` series.

    Raises:
      ValueError: If shapes disagree or settings have no meaning.

    Example:
      >>> cleaned = series.reject_outliers(up, years, sigma=sigma)

    Source:
      Interquartile ranges: Nikolaidis (2002), Observation of geodetic and seismic
      deformation with the Global Positioning System, PhD thesis, UC San Diego.
    """
    settings = Rejection() if settings is None else settings
    data, years, weight, happened = prepared(values, years, sigma, events)
    data = jnp.where(weight > 0, data, jnp.nan)
    return _reject(data, years, weight, happened, settings)


@functools.partial(jax.jit, static_argnames="settings")
def _reject(
    values: Array, years: Array, weight: Array, happened: Events, settings: Rejection
) -> Cleaned:
    root = jnp.sqrt(weight)
    away = _about_median(values, settings) * root

    def once(state: tuple) -> tuple:
        old, _, number = state
        kept = jnp.where(old, jnp.nan, values)
        left = away
        if settings.window is None:
            sigma = 1 / jnp.where(weight > 0, root, jnp.nan)
            fit = fit_trajectory(
                kept, years, sigma=sigma, terms=settings.terms, events=happened
            )
            left = (values - evaluate_trajectory(fit, years)) * root
        new = _far(left, old, settings, _rounding(values * root))
        return new, (new != old).any(), number + 1

    def again(state: tuple) -> Array:
        return state[1] & (state[2] < settings.most)

    none = jnp.zeros(values.shape, bool)
    state = none, jnp.array(True), jnp.array(0)
    rejected, _, number = jax.lax.while_loop(again, once, state)
    kept = jnp.where(rejected, jnp.nan, values)
    return Cleaned(kept, rejected, rejected.sum(axis=0), number)


def _about_median(values: Array, settings: Rejection) -> Array:
    if settings.window is None:
        return values
    return values - running_median(values, settings.window)


def _rounding(values: Array) -> Array:
    """What rounding leaves of series that fit exactly, shape (station,)."""
    largest = jnp.max(jnp.where(jnp.isfinite(values), jnp.abs(values), 0), axis=0)
    return 1e3 * jnp.finfo(values.dtype).eps * largest


def _far(left: Array, old: Array, settings: Rejection, rounding: Array) -> Array:
    """True where residuals are far from those that were kept."""
    middle, limit = _bounds(jnp.where(old, jnp.nan, left), settings, rounding)
    return jnp.abs(left - middle[None, :]) > limit[None, :]


def _bounds(kept: Array, settings: Rejection, rounding: Array) -> tuple[Array, Array]:
    """Middle of residuals, and the largest distance from it, each (station,)."""
    seen = jnp.isfinite(kept)
    count = seen.sum(axis=0)
    if settings.rule == "iqr":
        lower, middle, upper = _quartiles(kept)
        scale = upper - lower
    else:
        mean = jnp.where(seen, kept**2, 0).sum(axis=0)
        scale = jnp.sqrt(mean / jnp.maximum(count, 1).astype(kept.dtype))
        middle = jnp.zeros_like(scale)
    # As few as these would be fitted exactly, and nothing would be an outlier.
    few = 3 if settings.window else 3 + settings.terms.degree
    few += 0 if settings.window else 2 * len(settings.terms.periods)
    return middle, jnp.where(count > few, settings.limit * scale + rounding, jnp.inf)


def _quartiles(values: Array) -> tuple[Array, Array, Array]:
    """Quartiles and median of each column, gaps left out, each (station,)."""
    ordered = jnp.sort(values.T, axis=1)
    last = jnp.maximum(jnp.isfinite(values).sum(axis=0) - 1, 0)

    def at(quarters: int) -> Array:
        lower = (last * quarters) // 4
        part = ((last * quarters) % 4).astype(values.dtype) / 4
        take = lambda index: jnp.take_along_axis(ordered, index[:, None], axis=1)[:, 0]
        below, above = take(lower), take(jnp.minimum(lower + 1, last))
        return below + part * (above - below)

    return at(1), at(2), at(3)
