"""What a step at any epoch would gain, for all epochs at once."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from jaxload._platform import on_platform
from jaxload.series.batches import by_station
from jaxload.series.fitting.block_filter import (
    BLOCK,
    Epochs,
    Filtered,
    States,
    Whitened,
    divide,
    filter_block,
    make_blocks,
)
from jaxload.series.fitting.coloured_noise import (
    MEMORIES,
    NoiseAmplitudes,
    flicker_variance,
)

__all__ = ["Shocks", "level_shocks"]

#: Stations that are filtered side by side.
BATCH = 128

#: Prior variances of offset, rate and season, and of a step that is known [in white
#: noise]: so large that they say nothing, and small enough for the digits of float64.
OFFSET, RATE, SEASON, STEP = 1e6, 1e6, 1e5, 1e6


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Shocks:
    """Steps that could begin at each epoch, beside all those that are known.

    Attributes:
      size: Generalised least-squares estimate [unit of the series], shape (epoch,
        station).
      score: Square of the size over its standard error [-], same shape: chi-squared
        with one degree of freedom where there is no step.
    """

    size: Array
    score: Array


@functools.partial(jax.jit, static_argnames="periods")
def level_shocks(
    values: Array,
    years: Array,
    weight: Array,
    noise: NoiseAmplitudes,
    known: Array,
    periods: tuple[float, ...],
) -> Shocks:
    """Size and score of a step at each epoch, by one pass forward and one back.

    Offset, rate and seasons are states of a Kalman filter that begin with a large
    variance; steps that are known add one to the offset. The backward pass of the
    smoother holds the score of a shock to the offset at every epoch, which is that of a
    regression with this step as one more term.

    Args:
      values: Series less anything near their mean, shape (epoch, station); finite.
      years: Time [years], shape (epoch,).
      weight: ``1 / sigma**2``, zero if missing, shape (epoch, station).
      noise: White and flicker, of each station.
      known: True where a step is known to begin, shape (epoch, station).
      periods: Of the seasons [years].

    Returns:
      The `Shocks`; those of a known step are beside the other ones.

    Source:
      de Jong & Penzer (1998), Diagnosing shocks in time series, Journal of the American
      Statistical Association 93, 796-806.
    """
    one = functools.partial(_one, years=years, periods=periods)
    series = (values.T, weight.T, noise, known.T)
    states = 2 + 2 * len(periods) + len(MEMORIES)
    each = values.dtype.itemsize * (6.0 * BLOCK**2 + 6.0 * len(years) * states)
    shocks = by_station(one, *series, most=BATCH, each=each)
    return Shocks(shocks.size.T, shocks.score.T)


def _one(
    values: Array,
    weight: Array,
    noise: NoiseAmplitudes,
    known: Array,
    *,
    years: Array,
    periods: tuple[float, ...],
) -> Shocks:
    scale = noise.white * jnp.sqrt(jnp.median(_variance(weight)))
    rows = {
        "value": values / scale,
        "error": noise.white**2 * _variance(weight) / scale**2,
        "seen": weight > 0,
        "known": known,
        "design": _design(years, periods),
        "years": years,
    }
    steady = jnp.full(len(MEMORIES), flicker_variance(), values.dtype)
    steady = steady * (noise.flicker / scale) ** 2
    score, information = on_platform(
        rows,
        steady,
        cpu=functools.partial(_epoch_by_epoch, seasons=len(periods)),
        accelerator=functools.partial(_block_by_block, seasons=len(periods)),
    )
    # What is known of a step has gone into the variance; take that out again.
    prior = jnp.where(known, STEP, 0)
    share = 1 / (1 - jnp.minimum(prior * information, 1 - 1e-12))
    score, information = score * share, information * share
    information = jnp.maximum(information, jnp.finfo(values.dtype).tiny)
    return Shocks(scale * score / information, score**2 / information)


def _variance(weight: Array) -> Array:
    """Variance of each epoch, that of a typical one where it is missing."""
    seen = weight > 0
    variance = jnp.where(seen, 1 / jnp.where(seen, weight, 1), 0)
    typical = variance.sum() / jnp.maximum(seen.sum(), 1).astype(weight.dtype)
    typical = jnp.where(seen.any(), typical, 1)
    return jnp.where(seen, variance, typical)


def _design(years: Array, periods: tuple[float, ...]) -> Array:
    """What each state adds to a value, shape (epoch, state); the offset first."""
    middle = (years[0] + years[-1]) / 2
    columns = [jnp.ones_like(years), years - middle]
    for period in periods:
        turns = 2 * np.pi * (years - 2000) / period
        columns += [jnp.cos(turns), jnp.sin(turns)]
    fixed = jnp.stack(columns, axis=1)
    flicker = jnp.ones((len(years), len(MEMORIES)), years.dtype)
    return jnp.concatenate([fixed, flicker], axis=1)


def _keep(passed: Array, states: int) -> Array:
    """What is left of each state after some time, shape (state,)."""
    memories = jnp.asarray(MEMORIES, passed.dtype)
    fixed = jnp.ones(states - len(MEMORIES), passed.dtype)
    return jnp.concatenate([fixed, jnp.exp(-passed / memories)])


def _prior(seasons: int, dtype: jnp.dtype) -> Array:
    """Variance of offset, rate and seasons before the record, shape (state,)."""
    return jnp.asarray([OFFSET, RATE] + [SEASON] * 2 * seasons, dtype)


def _epoch_by_epoch(rows: dict, steady: Array, *, seasons: int) -> tuple[Array, Array]:
    """Score of a shock to the offset and its variance, at each epoch."""
    rows = rows | {"passed": jnp.diff(rows["years"], prepend=rows["years"][:1])}
    return _backward(rows, _forward(rows, steady, seasons))


def _forward(rows: dict, steady: Array, seasons: int) -> dict:
    """Innovations, their variance and the gains, in units of the white noise."""
    prior = _prior(seasons, steady.dtype)
    start = jnp.concatenate([prior, steady])
    steady = jnp.concatenate([jnp.zeros_like(prior), steady])

    def step(state: tuple, now: dict) -> tuple:
        mean, spread = state
        keep = _keep(now["passed"], len(start))
        mean, spread = mean * keep, spread * keep[:, None] * keep[None, :]
        drift = (1 - keep**2) * steady
        drift = drift.at[0].set(jnp.where(now["known"], STEP, 0))
        spread = spread + jnp.diag(drift)
        design = now["design"]
        gain = spread @ design
        total = jnp.where(now["seen"], design @ gain + now["error"], 1)
        gain = jnp.where(now["seen"], gain / total, 0)
        innovation = jnp.where(now["seen"], now["value"] - design @ mean, 0)
        mean = mean + gain * innovation
        spread = spread - gain[:, None] * gain[None, :] * total
        inverse = jnp.where(now["seen"], 1 / total, 0)
        kept = {"innovation": innovation * inverse, "inverse": inverse, "gain": gain}
        return (mean, spread), kept

    state = jnp.zeros_like(start), jnp.diag(start)
    return jax.lax.scan(step, state, rows)[1]


def _backward(rows: dict, kept: dict) -> tuple[Array, Array]:
    """Score of a shock to the offset and its variance, at each epoch."""
    states = rows["design"].shape[1]

    def step(state: tuple, now: dict) -> tuple:
        score, information = state
        design, gain = now["design"], now["gain"]
        pull = information @ gain
        square = gain @ pull + now["inverse"]
        information = information - design[:, None] * pull[None, :]
        information = information - pull[:, None] * design[None, :]
        information = information + square * design[:, None] * design[None, :]
        score = score + design * (now["innovation"] - gain @ score)
        result = score[0], information[0, 0]
        keep = _keep(now["passed"], states)
        information = information * keep[:, None] * keep[None, :]
        return (score * keep, information), result

    none = jnp.zeros(states, kept["gain"].dtype)
    state = none, jnp.zeros((states, states), none.dtype)
    return jax.lax.scan(step, state, rows | kept, reverse=True)[1]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _BlockScores:
    """What a block says of a shock at each of its epochs and of its first states.

    Attributes:
      score: Of a shock, by the block alone, shape (epoch,).
      information: Its variance, likewise.
      left: What the estimate lacks of a shock at the next block, shape (state, epoch).
      score_of_states: Of the states at the first epoch, shape (state,).
      information_of_states: Its covariance, shape (state, state).
      passed: What is left of an error of these states, shape (state, state).
    """

    score: Array
    information: Array
    left: Array
    score_of_states: Array
    information_of_states: Array
    passed: Array


def _block_by_block(rows: dict, steady: Array, *, seasons: int) -> tuple[Array, Array]:
    """As `_epoch_by_epoch`, with the epochs of a block at once."""
    dtype = steady.dtype
    prior = _prior(seasons, dtype)
    rates = np.concatenate([np.zeros(len(prior)), 1 / MEMORIES])
    states = States(jnp.asarray(rates, dtype), steady[0], 0)
    blocks = make_blocks(
        rows["value"][:, None],
        rows["error"],
        rows["seen"],
        rows["design"],
        rows["years"],
        STEP * jnp.cumsum(rows["known"]).astype(dtype),
    )

    def forward(predicted: Filtered, block: Epochs) -> tuple[Filtered, _BlockScores]:
        predicted, whitened = filter_block(states, predicted, block)
        return predicted, _block_scores(whitened, block.seen)

    start = jnp.diag(jnp.concatenate([prior, steady]))
    none = Filtered(jnp.zeros((len(rates), 1), dtype), start)
    scores = jax.lax.scan(forward, none, blocks)[1]
    nothing = jnp.zeros(len(rates), dtype), jnp.zeros((len(rates),) * 2, dtype)
    score, information = jax.lax.scan(_back, nothing, scores, reverse=True)[1]
    count = len(rows["years"])
    return score.reshape(-1)[:count], information.reshape(-1)[:count]


def _block_scores(whitened: Whitened, seen: Array) -> _BlockScores:
    count = len(seen)
    # A shock is in all that follows it.
    shocks = jnp.tril(jnp.ones((count, count), whitened.root.dtype))
    shocks = jnp.where(seen[:, None], shocks, 0)
    both = divide(whitened.root, jnp.concatenate([shocks, whitened.response], axis=1))
    shocks, response = jnp.split(both, [count], axis=1)
    innovation, ahead = whitened.innovations[:, 0], whitened.ahead
    offset = (jnp.arange(ahead.shape[1]) == 0).astype(ahead.dtype)
    return _BlockScores(
        score=_product(shocks.T, innovation),
        information=jnp.sum(shocks**2, axis=0),
        left=offset[:, None] - _product(ahead.T, shocks),
        score_of_states=_product(response.T, innovation),
        information_of_states=_product(response.T, response),
        passed=jnp.diag(whitened.end) - _product(ahead.T, response),
    )


def _back(later: tuple[Array, Array], block: _BlockScores) -> tuple:
    """Join what a block and all that follow it say."""
    score, information = later
    left = block.left
    of_shocks = block.score + _product(left.T, score)
    known = block.information + jnp.sum(left * _product(information, left), axis=0)
    passed = block.passed
    score = block.score_of_states + _product(passed.T, score)
    information = block.information_of_states + _product(
        passed.T, _product(information, passed)
    )
    return (score, information), (of_shocks, known)


def _product(one: Array, other: Array) -> Array:
    return jnp.matmul(one, other, precision=jax.lax.Precision.HIGHEST)
