"""Terms of trajectories that short records do not determine, shrunk."""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import is_concrete
from jaxload.series.batches import by_station
from jaxload.series.fitting.coloured_noise import GAUSSIAN
from jaxload.series.fitting.regression import products, regress
from jaxload.series.fitting.trajectory import (
    BATCH,
    TERM_KINDS,
    Events,
    Terms,
    Trajectory,
    evaluate_trajectory,
    fit_memory,
    fit_trajectory,
    prepared,
    term_kinds,
    trajectory_basis,
)

#: From arrays with a first axis of some stations to those of all of a network.
Gather = Callable[[Mapping[str, Any]], Mapping[str, Any]]

__all__ = ["GROWTH", "Removal", "Shrinkage", "detrended", "remove_terms", "shrinkage"]

#: Time over which the noise of GNSS remembers itself [years]: the values of so long a
#: time say as much as one without a memory.
MEMORY = 30 / 365.2425

#: Largest variance of what is taken out, in that of one value. Offset and rate of
#: thirty months have it, which is the 2.5 years of Blewitt & Lavallee (2002),
#: doi:10.1029/2001JB000570, within which seasons pass for rates.
LIMIT = 1 / 15

#: Sizes of rates [mm/yr] and seasons [mm] that are expected at least, and where fewer
#: than `ENOUGH` stations determine theirs.
LEAST, USUAL, ENOUGH = 3.0, 5.0, 5

#: Times `MEMORY` in a year, before which a season passes for a rate of any size.
YEAR = 12

#: Times that noise and sizes are estimated anew.
ROUNDS = 6

#: By how much the root mean square of a short record may grow at most.
GROWTH = 1.05


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Shrinkage:
    """How far each term of each station is held toward zero.

    Attributes:
      precision: Information that is added to each term, in that of one observation
        [per square of the term's unit], shape (station, term); infinite for terms that
        are left out.
      determined: Whether the record determines what is to be taken out, so that nothing
        is added, shape (station,); true for stations without data.
      months: Number of times `MEMORY` in which there is a value, shape (station,).
    """

    precision: Array
    determined: Array
    months: Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Removal:
    """Series without some terms of their trajectory.

    Attributes:
      values: Series, shape (epoch, station); NaN if missing.
      fit: The trajectory, of which the terms were taken.
      shrinkage: How far it was held.
    """

    values: Array
    fit: Trajectory
    shrinkage: Shrinkage


def remove_terms(
    values: ArrayLike,
    years: ArrayLike,
    kinds: tuple[str, ...],
    *,
    sigma: ArrayLike | None = None,
    terms: Terms | None = None,
    events: Events | None = None,
    gather: Gather | None = None,
) -> Removal:
    """Fit trajectories and take some of their terms out of the series.

    Where a record determines them, they are those of `fit_trajectory`. Elsewhere, as in
    the first years of a station, rate and seasons are held by their `shrinkage` and
    every day counts alike: what is not determined stays in the series, and the root
    mean square of no such series grows by more than `GROWTH`.

    Args:
      values: Series [mm], shape (epoch, station); NaN if missing.
      years: Time [years], ascending, shape (epoch,).
      kinds: Which of `TERM_KINDS` go.
      sigma: Standard error of the values, same shape or (station,).
      terms: Trend and seasons.
      events: Steps and relaxations.
      gather: From arrays with a first axis of these stations to those of the whole
        network, if these are a part of it: all say together how large terms are.

    Returns:
      The `Removal`.

    Raises:
      ValueError: If shapes disagree, or one of `kinds` is not known.

    Example:
      >>> left = series.remove_terms(up, years, ("offset", "trend"), sigma=sigma).values
    """
    terms = Terms() if terms is None else terms
    fit = fit_trajectory(values, years, sigma=sigma, terms=terms, events=events)
    usable = _usable(values, sigma)
    known = fit.events
    held = shrinkage(usable, years, kinds, terms=terms, events=known, gather=gather)
    fit = _joined(fit, held, usable, years)
    left = jnp.asarray(values) - evaluate_trajectory(fit, years, kinds)
    return Removal(left, fit, held)


def detrended(fit: Trajectory, values: ArrayLike, years: ArrayLike) -> Array:
    """Take out offset, trend, steps and relaxation, and keep the seasons.

    Stations whose record does not determine these are fitted anew as `remove_terms`
    does.

    Args:
      fit: From `fit_trajectory` of these series.
      values: Series [mm], shape (epoch, station); NaN if missing.
      years: Time [years], shape (epoch,).

    Returns:
      Series without them, same shape.
    """
    kinds = tuple(kind for kind in TERM_KINDS if kind != "seasons")
    held = shrinkage(values, years, kinds, terms=fit.terms, events=fit.events)
    fit = _joined(fit, held, jnp.asarray(values), jnp.asarray(years))
    return jnp.asarray(values) - evaluate_trajectory(fit, years, kinds)


def _usable(values: ArrayLike, sigma: ArrayLike | None) -> Array:
    """Values without those that have no standard error."""
    data = jnp.asarray(values)
    if sigma is None:
        return data
    error = jnp.asarray(sigma, data.dtype)
    error = jnp.broadcast_to(error[None] if error.ndim == 1 else error, data.shape)
    return jnp.where(jnp.isfinite(error) & (error > 0), data, jnp.nan)


def _joined(
    fit: Trajectory, held: Shrinkage, values: Array, years: ArrayLike
) -> Trajectory:
    """A fit in which stations that do not determine theirs have their shrunk one."""
    rows = np.arange(values.shape[1])
    if is_concrete(held.determined):
        rows = np.flatnonzero(~np.asarray(held.determined))
    if not len(rows):
        return fit
    shrunk = fit_trajectory(
        values[:, rows],
        years,
        terms=fit.terms,
        events=jax.tree.map(lambda x: x[rows], fit.events),
        precision=held.precision[rows],
    )
    good = held.determined[rows]

    def join(plain: Array, other: Array) -> Array:
        chosen = good.reshape(-1, *(1,) * (plain.ndim - 1))
        return plain.at[rows].set(jnp.where(chosen, plain[rows], other))

    return dataclasses.replace(
        fit,
        estimates=join(fit.estimates.T, shrunk.estimates.T).T,
        covariance=join(fit.covariance, shrunk.covariance),
        scatter=join(fit.scatter, shrunk.scatter),
        freedom=join(fit.freedom, shrunk.freedom),
    )


def shrinkage(
    values: ArrayLike,
    years: ArrayLike,
    kinds: tuple[str, ...],
    *,
    terms: Terms | None = None,
    events: Events | None = None,
    gather: Gather | None = None,
) -> Shrinkage:
    """Find which records do not determine terms, and how far these are to be held.

    A record determines what is taken out of it if that has at most `LIMIT` of the
    variance of a value, as the seasons that stay leave it. Elsewhere rate and seasons
    are expected to be about zero, as large as those of the stations that determine
    theirs, or as their own where a year and more says that they are larger.

    Args:
      values: Series [mm], shape (epoch, station); NaN if missing.
      years: Time [years], ascending, shape (epoch,).
      kinds: Which of `TERM_KINDS` are to be taken out.
      terms: Trend and seasons.
      events: Steps and relaxations.
      gather: Where the stations are a part of a network, as for `remove_terms`.

    Returns:
      The `Shrinkage`.

    Raises:
      ValueError: If shapes disagree, or one of `kinds` is not known.

    Source:
      Efron & Morris (1973), Stein's estimation rule and its competitors - an empirical
      Bayes approach, doi:10.1080/01621459.1973.10481350.
    """
    unknown = set(kinds) - set(TERM_KINDS)
    if unknown:
        raise ValueError(
            f"{sorted(unknown)} are no kinds of terms; take of {TERM_KINDS}"
        )
    data, years, weight, known = prepared(values, years, None, events)
    terms = Terms() if terms is None else terms
    ordered = tuple(kind for kind in TERM_KINDS if kind in kinds)
    estimates, determined, months = _first_estimates(
        terms, ordered, data, years, weight, known
    )
    number = 1 + terms.degree + 2 * len(terms.periods)
    everyone: Mapping[str, Any] = {
        "estimates": estimates[:, :number],
        "counts": determined & (months > 0),
    }
    if gather is not None:
        everyone = gather(everyone)
    precision = _precisions(
        terms, ordered, (data, years, weight, known), months, everyone
    )
    precision = jnp.where(determined[:, None], 0, precision)
    return Shrinkage(precision, determined, months)


@functools.partial(jax.jit, static_argnames=("terms", "kinds"))
def _first_estimates(
    terms: Terms,
    kinds: tuple[str, ...],
    values: Array,
    years: Array,
    weight: Array,
    known: Events,
) -> tuple[Array, Array, Array]:
    """Estimates of each station, whether it determines them, and times with a value."""
    middle = (years[0] + years[-1]) / 2
    blocks = jnp.floor((years - years[0]) / MEMORY)
    # Numbers of the times in which there is an epoch, without those in which is none.
    block = jnp.cumsum(jnp.diff(blocks, prepend=blocks[:1]) > 0)
    one = functools.partial(_one, terms, kinds, (years, middle, block))
    series = (values.T, weight.T, known)
    each = fit_memory(terms, values, known)
    estimates, variance, months = by_station(one, *series, most=BATCH, each=each)
    return estimates, (variance <= LIMIT * months) | (months == 0), months


@functools.partial(jax.jit, static_argnames=("terms", "kinds"))
def _precisions(
    terms: Terms,
    kinds: tuple[str, ...],
    series: tuple[Array, Array, Array, Events],
    months: Array,
    everyone: Mapping[str, Array],
) -> Array:
    """Precision to which each term is held that is not determined."""
    values, years, weight, known = series
    middle = (years[0] + years[-1]) / 2
    sizes = _sizes(terms, everyone["estimates"], everyone["counts"])
    hold = functools.partial(_held, terms, kinds, sizes, (years, middle))
    each = fit_memory(terms, values, known)
    return by_station(hold, values.T, weight.T, known, months, most=BATCH, each=each)


def _one(
    terms: Terms,
    kinds: tuple[str, ...],
    clock: tuple[Array, Array, Array],
    values: Array,
    weight: Array,
    known: Events,
) -> tuple[Array, Array, Array]:
    """Estimates, variance of what goes in that of a value, and times with a value."""
    years, middle, block = clock
    seen = weight > 0
    basis = trajectory_basis(terms, years, middle, known)
    square = products(basis, _centred(values, seen), seen.astype(values.dtype))
    regression = regress(square, seen.sum())
    months = jnp.zeros_like(years).at[block].max(seen.astype(values.dtype)).sum()
    names = np.array(term_kinds(terms, known))
    goes = np.isin(names, ("offset", *kinds))
    both = goes[:, None] & goes[None, :]
    # As many as go where these and what stays do not depend on each other.
    spread = jnp.where(both, regression.covariance * square[:-1, :-1], 0).sum()
    used = jnp.isfinite(regression.estimates)
    excess = spread - (goes & used).sum().astype(values.dtype)
    lines = int(np.isin(names, [k for k in ("offset", "trend") if k in kinds]).sum())
    return regression.estimates, lines + jnp.maximum(excess, 0), months


def _centred(values: Array, seen: Array) -> Array:
    count = jnp.maximum(seen.sum(), 1).astype(values.dtype)
    return jnp.where(seen, values - jnp.where(seen, values, 0).sum() / count, 0)


def _sizes(terms: Terms, estimates: Array, good: Array) -> Array:
    """Expected size of each term of trend and seasons, zero for others."""
    number = 1 + terms.degree + 2 * len(terms.periods)
    size = jnp.abs(jnp.where(good[:, None], estimates[:, :number], jnp.nan))
    middle = GAUSSIAN * jnp.nanmedian(size, axis=0)
    enough = jnp.isfinite(size).sum(axis=0) >= ENOUGH
    sizes = jnp.where(enough, jnp.maximum(middle, LEAST), USUAL)
    return _paired(terms, sizes)


def _paired(terms: Terms, sizes: Array) -> Array:
    """Cosine and sine of a season get the size of the larger; the offset has none."""
    first = 1 + terms.degree
    pairs = sizes[first : first + 2 * len(terms.periods)].reshape(-1, 2)
    pairs = jnp.repeat(pairs.max(axis=1), 2)
    return jnp.concatenate([jnp.full_like(sizes[:1], jnp.inf), sizes[1:first], pairs])


def _held(
    terms: Terms,
    kinds: tuple[str, ...],
    sizes: Array,
    clock: tuple[Array, Array],
    values: Array,
    weight: Array,
    known: Events,
    months: Array,
) -> Array:
    """Precision of each term of a station, shape (term,)."""
    seen = weight > 0
    values = _centred(values, seen)
    basis = trajectory_basis(terms, *clock, known)
    square = products(basis, values, seen.astype(values.dtype))
    count = seen.sum().astype(values.dtype)
    plain = regress(square, seen.sum())
    few = plain.freedom < 4 * len(basis[0])
    noise = jnp.where(
        few,
        square[-1, -1] / jnp.maximum(count - 1, 1),
        plain.squares / jnp.where(few, 1, plain.freedom),
    )
    rest = jnp.full(len(basis[0]) - len(sizes), jnp.inf, values.dtype)

    def again(_: int, state: tuple[Array, Array]) -> tuple[Array, Array]:
        noise, size = state
        precision = _precision(noise, size, count, months, rest)
        estimates, left = _ridge(square, precision)
        estimated = _paired(terms, jnp.abs(estimates[: len(sizes)]))
        estimated = jnp.where(months < YEAR, sizes, jnp.maximum(sizes, estimated))
        # What few values leave of a fit to them says nothing of their noise.
        return jnp.where(few, noise, left / jnp.maximum(count - 1, 1)), estimated

    noise, size = jax.lax.fori_loop(0, ROUNDS, again, (noise, sizes))
    precision = _precision(noise, size, count, months, rest)
    grown = _grows(terms, kinds, (basis, values, seen), (square, precision, known))
    names = np.array(term_kinds(terms, known))
    stays = np.isin(names, ("trend", "seasons")) & ~np.isin(names, kinds)
    return jnp.where(grown & stays, jnp.inf, precision)


def _precision(
    noise: Array, size: Array, count: Array, months: Array, rest: Array
) -> Array:
    """Noise with a memory over the square of the size that is expected."""
    worth = noise * count / jnp.maximum(months, 1)
    return worth / jnp.concatenate([size, rest]) ** 2


def _ridge(square: Array, precision: Array) -> tuple[Array, Array]:
    """Estimates, zero where nothing determines them, and squares that are left."""
    size = len(precision)
    added = jnp.zeros_like(square).at[:size, :size].set(jnp.diag(precision))
    estimates = regress(square + added, jnp.array(0)).estimates
    estimates = jnp.where(jnp.isfinite(estimates), estimates, 0)
    tail = jnp.concatenate([estimates, -jnp.ones_like(estimates[:1])])
    left = jnp.einsum("k,kl,l", tail, square, tail, precision=jax.lax.Precision.HIGHEST)
    return estimates, jnp.maximum(left, 0)


def _grows(
    terms: Terms,
    kinds: tuple[str, ...],
    series: tuple[Array, Array, Array],
    fitted: tuple[Array, Array, Events],
) -> Array:
    """Whether a series would be larger without the terms than about its mean."""
    basis, values, seen = series
    square, precision, known = fitted
    goes = np.isin(np.array(term_kinds(terms, known)), kinds)
    estimates = jnp.where(goes, _ridge(square, precision)[0], 0)
    left = values - jnp.matmul(basis, estimates, precision=jax.lax.Precision.HIGHEST)
    left = jnp.where(seen, left, 0)
    left = left if "offset" in kinds else _centred(left, seen)
    return jnp.sum(left**2) > GROWTH**2 * jnp.sum(values**2)
