"""Trend, seasons, steps and relaxation of series, fitted to all stations at once."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes, is_concrete
from jaxload.series.batches import by_station
from jaxload.series.fitting.coloured_noise import (
    NoiseAmplitudes,
    whitened_memory,
    whitened_products,
)
from jaxload.series.fitting.regression import products, regress

__all__ = [
    "TERM_KINDS",
    "Events",
    "Terms",
    "Trajectory",
    "evaluate_trajectory",
    "events",
    "fit_memory",
    "fit_trajectory",
    "term_kinds",
    "trajectory_basis",
]

#: What the terms of a trajectory can be, in their order.
TERM_KINDS = ("offset", "trend", "seasons", "steps", "exponential", "logarithmic")

#: Stations that are fitted side by side; more would not be faster, but need memory.
BATCH = 32


@dataclasses.dataclass(frozen=True)
class Terms:
    """Settings: which terms every station has beside its `Events`.

    Attributes:
      degree: Of the polynomial; 1 is offset and rate.
      periods: Of the seasons [years], each a cosine and a sine.
    """

    degree: int = 1
    periods: tuple[float, ...] = (1.0, 0.5)

    def __post_init__(self) -> None:
        if self.degree < 0 or not all(period > 0 for period in self.periods):
            raise ValueError(
                f"degree is {self.degree} and periods are {self.periods}, expected 0 "
                "or more and positive numbers of years"
            )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Events:
    """What happened to stations, filled up with NaN to one number for all of them.

    Attributes:
      steps: Times from which a series stands higher or lower [years], shape (station,
        step).
      exponential: Beginning and relaxation time [years] of terms
        ``1 - exp(-(t - begin) / tau)``, shape (station, event, 2).
      logarithmic: The same of terms ``log(1 + (t - begin) / tau)``.
    """

    steps: Array
    exponential: Array
    logarithmic: Array


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=("estimates", "covariance", "scatter", "freedom", "events", "middle"),
    meta_fields=("terms",),
)
@dataclasses.dataclass(frozen=True)
class Trajectory:
    """A trajectory fitted to each station.

    Attributes:
      estimates: Terms in the order of `names` [unit of the series, for the rate per
        year], shape (term, station); NaN for those that the data do not determine.
      covariance: Of the terms, shape (station, term, term); zero where undetermined.
      scatter: Root of the weighted mean square of what is left, relative to the noise
        that was assumed [unit of the series if none was], shape (station,).
      freedom: Observations less terms, shape (station,).
      events: Steps and relaxation that were fitted.
      middle: Time at which offset and rate are given [years], scalar.
      terms: The other terms.
    """

    estimates: Array
    covariance: Array
    scatter: Array
    freedom: Array
    events: Events
    middle: Array
    terms: Terms

    @property
    def kinds(self) -> tuple[str, ...]:
        """One of `TERM_KINDS` for each term."""
        return term_kinds(self.terms, self.events)

    @property
    def names(self) -> tuple[str, ...]:
        """What each term is, in words."""
        powers = range(2, self.terms.degree + 1)
        names = ["offset", "rate"][: self.terms.degree + 1]
        names += [f"power {power}" for power in powers]
        for period in self.terms.periods:
            names += [f"cos {period:g} yr", f"sin {period:g} yr"]
        for kind in TERM_KINDS[3:]:
            number = getattr(self.events, kind).shape[1]
            names += [f"{kind} {n + 1}" for n in range(number)]
        return tuple(names)

    @property
    def sigma(self) -> Array:
        """Standard errors of `estimates`, same shape; NaN where undetermined."""
        variance = jnp.diagonal(self.covariance, axis1=1, axis2=2).T
        return jnp.sqrt(jnp.where(jnp.isfinite(self.estimates), variance, jnp.nan))

    @property
    def rate(self) -> Array:
        """Rate [unit of the series per year], shape (station,)."""
        return self.estimates[self.names.index("rate")]

    @property
    def rate_sigma(self) -> Array:
        """Standard error of `rate`, shape (station,)."""
        return self.sigma[self.names.index("rate")]

    @property
    def step_sizes(self) -> Array:
        """Sizes of the steps, shape (station, step)."""
        return self.estimates[np.array(self.kinds) == "steps"].T

    def season(self, period: float = 1.0) -> tuple[Array, Array]:
        """Amplitude and time of year of the maximum of a season.

        Args:
          period: One of those fitted [years].

        Returns:
          Amplitude [unit of the series] and the time of its maximum after the first of
          January [years, 0 to `period`], each of shape (station,).
        """
        first = self.names.index(f"cos {period:g} yr")
        cosine, sine = self.estimates[first], self.estimates[first + 1]
        turn = jnp.arctan2(sine, cosine) / (2 * np.pi)
        return jnp.hypot(cosine, sine), period * (turn % 1)


def events(
    stations: int,
    *,
    steps: ArrayLike | None = None,
    exponential: ArrayLike | None = None,
    logarithmic: ArrayLike | None = None,
) -> Events:
    """Steps and relaxations, given for all stations alike or for each of them.

    Args:
      stations: Number of stations.
      steps: Times [years], shape (step,) or (station, step); NaN is none.
      exponential: Beginning and relaxation time [years], shape (event, 2) or (station,
        event, 2); NaN is none.
      logarithmic: The same.

    Returns:
      The `Events`.

    Raises:
      ValueError: If a shape is none of these.

    Example:
      >>> series.events(300, steps=[2010.26], logarithmic=[[2010.26, 0.1]])
    """
    return Events(
        _for_each(stations, steps, (), "steps"),
        _for_each(stations, exponential, (2,), "exponential"),
        _for_each(stations, logarithmic, (2,), "logarithmic"),
    )


def _for_each(
    stations: int, events: ArrayLike | None, tail: tuple[int, ...], name: str
) -> Array:
    events = jnp.zeros((0, *tail)) if events is None else jnp.asarray(events, float)
    if events.ndim == 1 + len(tail):
        events = jnp.broadcast_to(events[None], (stations, *events.shape))
    if events.shape != (stations, events.shape[1], *tail):
        form = ", ".join(["event", *map(str, tail)])
        raise ValueError(
            f"{name} has shape {events.shape}, expected ({form}) or (station, {form}) "
            f"for {stations} stations"
        )
    return events


def fit_trajectory(
    values: ArrayLike,
    years: ArrayLike,
    *,
    sigma: ArrayLike | None = None,
    terms: Terms | None = None,
    events: Events | None = None,
    noise: NoiseAmplitudes | None = None,
    precision: ArrayLike | None = None,
) -> Trajectory:
    """Fit trend, seasons, steps and relaxation to each station.

    Weighted least squares; with `noise`, generalised ones under its covariance. Without
    it, errors are scaled by the scatter of what is left, as if that had no memory.

    Not for: errors of rates without `noise`, which are several times too small, since
    the noise of GNSS has a memory; nor for what is taken out of records shorter than
    some years, which `remove_terms` does.

    Args:
      values: Series, shape (epoch, station); NaN if missing.
      years: Time [years], ascending, shape (epoch,), such as from `decimal_years`.
      sigma: Standard error of the values, same shape or (station,); weights are equal
        if not given. A value without a positive one is missing.
      terms: Trend and seasons.
      events: Steps and relaxations; none if not given.
      noise: What the noise is, such as from `estimate_noise`.
      precision: How far terms are held toward zero, in observations of mean weight,
        shape (station, term), such as from `shrinkage`; infinite leaves a term out. It
        cannot be given with `noise`.

    Returns:
      The `Trajectory`. A term that nothing determines, such as a step outside the data
      of a station, is NaN and the others are as without it.

    Raises:
      ValueError: If shapes disagree, or both `noise` and `precision` are given.

    Example:
      >>> fit = series.fit_trajectory(up, years, sigma=sigma)
      >>> left = up - series.evaluate_trajectory(fit, years)

    Source:
      Bevis & Brown (2014), doi:10.1007/s00190-013-0685-5.
    """
    values, years, weight, happened = prepared(values, years, sigma, events)
    terms = Terms() if terms is None else terms
    if precision is not None:
        precision = _checked_precision(precision, values, terms, happened, noise)
    return _fit(terms, values, years, weight, happened, (noise, precision))


def _checked_precision(
    precision: ArrayLike,
    values: Array,
    terms: Terms,
    happened: Events,
    noise: NoiseAmplitudes | None,
) -> Array:
    if noise is not None:
        raise ValueError("noise and precision are both given; leave one of them out")
    precision = jnp.asarray(precision, values.dtype)
    shape = (values.shape[1], len(term_kinds(terms, happened)))
    if precision.shape != shape:
        raise ValueError(
            f"precision has shape {precision.shape}, expected (station, term) {shape}"
        )
    return precision


def prepared(
    values: ArrayLike,
    years: ArrayLike,
    sigma: ArrayLike | None,
    happened: Events | None,
) -> tuple[Array, Array, Array, Events]:
    """Values with zeros for gaps, years, weights and events, all checked.

    Args:
      values: Series, shape (epoch, station); NaN if missing.
      years: Time [years], shape (epoch,).
      sigma: Standard error, same shape or (station,), or None.
      happened: Steps and relaxations, or None.

    Raises:
      ValueError: If shapes disagree or time does not ascend.
    """
    values = jnp.asarray(values)
    if not jnp.issubdtype(values.dtype, jnp.floating):
        values = values.astype(float)
    years = jnp.asarray(years, values.dtype)
    check_shapes(values=(values, "epoch station"), years=(years, "epoch"))
    if is_concrete(years) and not (np.diff(np.asarray(years)) > 0).all():
        raise ValueError("years do not ascend; sort the series first")
    known = events(values.shape[1]) if happened is None else happened
    known = jax.tree.map(lambda x: jnp.asarray(x, values.dtype), known)
    check_shapes(values=(values, "epoch station"), steps=(known.steps, "station step"))
    seen = jnp.isfinite(values)
    weight = jnp.ones_like(values)
    if sigma is not None:
        sigma = jnp.asarray(sigma, values.dtype)
        sigma = jnp.broadcast_to(
            sigma[None] if sigma.ndim == 1 else sigma, values.shape
        )
        seen &= jnp.isfinite(sigma) & (sigma > 0)
        weight = 1 / jnp.where(seen, sigma, 1) ** 2
    return jnp.where(seen, values, 0), years, jnp.where(seen, weight, 0), known


@functools.partial(jax.jit, static_argnames="terms")
def _fit(
    terms: Terms,
    values: Array,
    years: Array,
    weight: Array,
    happened: Events,
    known: tuple[NoiseAmplitudes | None, Array | None],
) -> Trajectory:
    middle = (years[0] + years[-1]) / 2
    one = functools.partial(_fit_one, terms, years, middle)
    series = (values.T, weight.T, happened, known)
    each = fit_memory(terms, values, happened)
    fits, scatter = by_station(one, *series, most=BATCH, each=each)
    return Trajectory(
        estimates=fits.estimates.T,
        covariance=fits.covariance,
        scatter=scatter,
        freedom=fits.freedom,
        events=happened,
        middle=middle,
        terms=terms,
    )


def _fit_one(
    terms: Terms,
    years: Array,
    middle: Array,
    values: Array,
    weight: Array,
    happened: Events,
    known: tuple[NoiseAmplitudes | None, Array | None],
) -> tuple:
    noise, precision = known
    seen = weight > 0
    count = seen.sum()
    basis = trajectory_basis(terms, years, middle, happened)
    # Heights above the ellipsoid would cost float32 its digits.
    level = jnp.sum(weight * values) / jnp.where(count > 0, weight.sum(), 1)
    values = jnp.where(seen, values - level, 0)
    if precision is not None:
        square, count = _held_products(basis, values, weight, precision)
    elif noise is None:
        square = products(basis, values, weight)
    else:
        square = whitened_products(basis, values, weight, years, noise)[0]
    regression = regress(square, count)
    left = regression.squares / jnp.where(
        regression.freedom > 0, regression.freedom, jnp.nan
    )
    estimates = regression.estimates.at[0].add(level)
    covariance = regression.covariance * (left if noise is None else 1)
    regression = dataclasses.replace(
        regression, estimates=estimates, covariance=covariance
    )
    return regression, jnp.sqrt(left)


def fit_memory(terms: Terms, values: Array, happened: Events) -> float:
    """Temporary memory of the fit of one station on an accelerator.

    Args:
      terms: Trend and seasons.
      values: Shape (epoch, station).
      happened: Steps and relaxations.

    Returns:
      Memory [bytes], roughly.
    """
    count = len(term_kinds(terms, happened))
    return whitened_memory(len(values), count, values.dtype.itemsize)


def _held_products(
    basis: Array, values: Array, weight: Array, precision: Array
) -> tuple[Array, Array]:
    """Products to which each term that is held adds an observation of zero."""
    seen = weight > 0
    mean = weight.sum() / jnp.maximum(seen.sum(), 1).astype(weight.dtype)
    stays = jnp.isfinite(precision)
    square = products(jnp.where(stays[None, :], basis, 0), values, weight)
    held = jnp.where(stays, precision, 0) * mean
    # A station without data is not determined by what its terms are held to.
    held = jnp.where(seen.any(), held, 0)
    diagonal = jnp.concatenate([held, jnp.zeros_like(held[:1])])
    return square + jnp.diag(diagonal), seen.sum() + (held > 0).sum()


def trajectory_basis(
    terms: Terms, years: Array, middle: Array, happened: Events
) -> Array:
    """Terms of one station as columns.

    Args:
      terms: Trend and seasons.
      years: Time [years], shape (epoch,).
      middle: Time at which offset and rate are given [years], scalar.
      happened: Steps and relaxations, without the axis of stations.

    Returns:
      Shape (epoch, term).
    """
    clock = years - middle
    columns = [clock**power for power in range(terms.degree + 1)]
    for period in terms.periods:
        turns = 2 * np.pi * (years - 2000) / period
        columns += [jnp.cos(turns), jnp.sin(turns)]
    fixed = jnp.stack(columns, axis=1)
    steps = (years[:, None] >= happened.steps[None, :]).astype(years.dtype)
    grown = -jnp.expm1(-_elapsed(years, happened.exponential))
    slowing = jnp.log1p(_elapsed(years, happened.logarithmic))
    return jnp.concatenate([fixed, steps, grown, slowing], axis=1)


def _elapsed(years: Array, relaxation: Array) -> Array:
    """Relaxation times since the beginning, zero before, shape (epoch, event)."""
    begin, scale = relaxation[None, :, 0], relaxation[None, :, 1]
    since = years[:, None] - begin
    return jnp.where(since > 0, since / scale, 0)


def term_kinds(terms: Terms, happened: Events) -> tuple[str, ...]:
    """One of `TERM_KINDS` for each term.

    Args:
      terms: Trend and seasons.
      happened: Steps and relaxations, with or without the axis of stations.
    """
    kinds = ["offset"] + ["trend"] * terms.degree + ["seasons"] * 2 * len(terms.periods)
    for kind, tail in zip(TERM_KINDS[3:], (0, 1, 1)):
        array = getattr(happened, kind)
        kinds += [kind] * array.shape[array.ndim - 1 - tail]
    return tuple(kinds)


def evaluate_trajectory(
    fit: Trajectory, years: ArrayLike, kinds: tuple[str, ...] = TERM_KINDS
) -> Array:
    """Evaluate some or all terms; undetermined ones are zero.

    Args:
      fit: From `fit_trajectory`.
      years: Any times [years], shape (epoch,).
      kinds: Which of `TERM_KINDS`.

    Returns:
      Sum of the terms in the unit of the series, shape (epoch, station); NaN for
      stations without data.

    Raises:
      ValueError: If one of `kinds` is not known.
    """
    unknown = set(kinds) - set(TERM_KINDS)
    if unknown:
        raise ValueError(
            f"{sorted(unknown)} are no kinds of terms; take of {TERM_KINDS}"
        )
    return _evaluate(fit, jnp.asarray(years, fit.estimates.dtype), tuple(kinds))


@functools.partial(jax.jit, static_argnames="kinds")
def _evaluate(fit: Trajectory, years: Array, kinds: tuple[str, ...]) -> Array:
    chosen = np.isin(fit.kinds, kinds)

    def one(estimates: Array, happened: Events) -> Array:
        basis = trajectory_basis(fit.terms, years, fit.middle, happened)
        used = jnp.where(chosen & jnp.isfinite(estimates), estimates, 0)
        total = jnp.matmul(basis, used, precision=jax.lax.Precision.HIGHEST)
        return jnp.where(jnp.isfinite(estimates[0]), total, jnp.nan)

    each = 4.0 * fit.estimates.nbytes / len(fit.freedom) * len(years)
    return by_station(one, fit.estimates.T, fit.events, most=BATCH, each=each).T
