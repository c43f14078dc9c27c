"""How much of the load an epoch keeps from the one before: Markov chains in time."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._calendar import DAY
from jaxload._check import check_shapes, is_concrete
from jaxload._platform import on_platform

__all__ = [
    "Smoother",
    "TemporalPrior",
    "autoregression",
    "check_temporal_prior",
    "random_walk",
    "smooth_chain",
    "smoother",
    "time_covariance",
]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TemporalPrior:
    """A chain ``x_i = keep_i x_(i-1) + sqrt(fresh_i) white_i``, the same in every cell.

    Attributes:
      keep: Share kept of the epoch before [-], shape (epoch,); zero at the first.
      fresh: Variance of what is new, in units of the prior's, shape (epoch,).
    """

    keep: Array
    fresh: Array


def autoregression(times: ArrayLike, time_scale: ArrayLike) -> TemporalPrior:
    """A load whose correlation falls as ``exp(-lag / time_scale)``, variance constant.

    With a time scale far below the sampling, epochs know nothing of each other.
    Differentiable in `time_scale`.

    Args:
      times: Epochs, ascending, evenly spaced or not, in days or as dates, shape
        (epoch,).
      time_scale: Lag at which the correlation is 1/e [days], scalar, positive.

    Returns:
      The `TemporalPrior`.

    Raises:
      ValueError: If the times do not ascend or the time scale is not positive.

    Source:
      Brockwell & Davis (2016), Introduction to Time Series and Forecasting, ch. 2; on
      uneven times the process of Ornstein and Uhlenbeck.
    """
    step = _steps(times)
    time_scale = _positive("time_scale", time_scale)
    keep = jnp.exp(-jnp.asarray(step, time_scale.dtype) / time_scale)
    fresh = -jnp.expm1(-2 * jnp.asarray(step, time_scale.dtype) / time_scale)
    return TemporalPrior(
        jnp.concatenate([jnp.zeros_like(keep[:1]), keep]),
        jnp.concatenate([jnp.ones_like(keep[:1]), fresh]),
    )


def random_walk(times: ArrayLike, rate: ArrayLike) -> TemporalPrior:
    """A load that starts with the prior's variance and then wanders off.

    Differentiable in `rate`.

    Args:
      times: Epochs, ascending, in days or as dates, shape (epoch,).
      rate: Growth of the variance, in units of the prior's [1/day], scalar, positive.

    Returns:
      The `TemporalPrior`.

    Raises:
      ValueError: If the times do not ascend or the rate is not positive.
    """
    step, rate = _steps(times), _positive("rate", rate)
    fresh = rate * jnp.asarray(step, rate.dtype)
    keep = jnp.ones_like(fresh)
    return TemporalPrior(
        jnp.concatenate([jnp.zeros_like(keep[:1]), keep]),
        jnp.concatenate([jnp.ones_like(keep[:1]), fresh]),
    )


def check_temporal_prior(temporal_prior: TemporalPrior, displacement: Array) -> None:
    """Check that a chain has the epochs of a record.

    Args:
      temporal_prior: The chain.
      displacement: Observations, shape (epoch, row).

    Raises:
      ValueError: If it has not.
    """
    check_shapes(
        displacement=(displacement, "epoch row"),
        keep=(temporal_prior.keep, "epoch"),
        fresh=(temporal_prior.fresh, "epoch"),
    )


def _steps(times: ArrayLike) -> np.ndarray:
    if not is_concrete(times):
        raise ValueError("times are traced; close over them, they are known beforehand")
    times = np.asarray(times)
    if times.ndim != 1 or not len(times):
        raise ValueError(f"times has shape {times.shape}, expected (epoch,)")
    dates = np.issubdtype(times.dtype, np.datetime64)
    step = np.diff(times) / DAY if dates else np.diff(times.astype(np.float64))
    bad = np.flatnonzero(~(step > 0))
    if len(bad):
        raise ValueError(
            f"times[{bad[0] + 1}] is {times[bad[0] + 1]}, not after {times[bad[0]]} "
            "before it; sort the epochs and drop doubles"
        )
    return step


def _positive(name: str, value: ArrayLike) -> Array:
    value = jnp.asarray(value, jnp.result_type(float, value))
    if value.ndim:
        raise ValueError(f"{name} has shape {value.shape}, expected a scalar")
    if is_concrete(value) and not (jnp.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {float(value):g}, expected a positive number")
    return value


def time_covariance(temporal_prior: TemporalPrior, values: Array) -> Array:
    """Multiply by the covariance T of the epochs.

    Args:
      temporal_prior: The chain.
      values: Shape (epoch, row).

    Returns:
      ``T values``, same shape.
    """
    keep = temporal_prior.keep[:, None]
    after = jnp.concatenate([keep[1:], jnp.zeros_like(keep[:1])])
    gathered = _recur(after, values, reverse=True)
    return _recur(keep, temporal_prior.fresh[:, None] * gathered)


def _recur(keep: Array, values: Array, reverse: bool = False) -> Array:
    """``f_i = keep_i f_(i-1) + values_i`` down the first axis, or up it."""
    keep = jnp.broadcast_to(keep, values.shape)
    # On a CPU a loop moves the least memory; an accelerator waits for every step of it.
    run = lambda form: lambda keep, values: form(keep, values, reverse)
    return on_platform(
        keep, values, cpu=run(_one_by_one), accelerator=run(_by_doubling)
    )


def _one_by_one(keep: Array, values: Array, reverse: bool) -> Array:
    def step(state: Array, now: tuple[Array, Array]) -> tuple[Array, Array]:
        state = now[0] * state + now[1]
        return state, state

    start = jnp.zeros_like(values[0])
    return jax.lax.scan(step, start, (keep, values), reverse=reverse)[1]


def _by_doubling(keep: Array, values: Array, reverse: bool) -> Array:
    """In as many steps as the epochs can be halved, for accelerators."""
    join = lambda a, b: (a[0] * b[0], b[0] * a[1] + b[1])
    return jax.lax.associative_scan(join, (keep, values), reverse=reverse)[1]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Smoother:
    """The gains of a fixed-interval smoother of several series, unit noise each.

    Attributes:
      decay: What the filter keeps of its estimate before, shape (epoch, series).
      gain: What it takes from the data, shape (epoch, series).
      back: What the smoother takes from its estimate after, shape (epoch, series).
      keep: The chain's `TemporalPrior.keep` of the epoch after, shape (epoch, 1).
      log_determinant: Logarithm of the determinant of the data's covariance, scalar.
    """

    decay: Array
    gain: Array
    back: Array
    keep: Array
    log_determinant: Array


def smoother(temporal_prior: TemporalPrior, variance: Array) -> Smoother:
    """Prepare to smooth series that are the chain times an amplitude, plus noise.

    Args:
      temporal_prior: The chain.
      variance: Square of the amplitude over the noise's, shape (series,).

    Returns:
      The `Smoother`.

    Source:
      Kalman (1960), doi:10.1115/1.3662552; Rauch, Tung & Striebel (1965),
      doi:10.2514/3.3166.
    """

    def step(kept: Array, now: TemporalPrior) -> tuple[Array, Array]:
        expected = now.keep**2 * kept + now.fresh * variance
        return expected / (expected + 1), expected

    expected = jax.lax.scan(step, jnp.zeros_like(variance), temporal_prior)[1]
    gain = expected / (expected + 1)
    keep = temporal_prior.keep[:, None]
    after = jnp.concatenate([keep[1:], jnp.zeros_like(keep[:1])])
    later = jnp.concatenate([expected[1:], jnp.ones_like(expected[:1])])
    back = jnp.where(later > 0, gain * after / jnp.where(later > 0, later, 1), 0)
    return Smoother((1 - gain) * keep, gain, back, after, jnp.sum(jnp.log1p(expected)))


def smooth_chain(prepared: Smoother, values: Array) -> Array:
    """Apply ``V T (V T + 1)^-1`` to each series, with V its variance.

    Args:
      prepared: From `smoother`.
      values: Shape (epoch, series).

    Returns:
      The expected signal given the values, same shape.
    """
    filtered = _recur(prepared.decay, prepared.gain * values)
    rest = (1 - prepared.back * prepared.keep) * filtered
    return _recur(prepared.back, rest, reverse=True)
