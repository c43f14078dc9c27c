"""Observations of many epochs, checked, cast and laid out once."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike, DTypeLike
from numpy.typing import NDArray

from jaxload._check import check_shapes, is_concrete, on_host
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.missing.pattern import (
    MissingPattern,
    check_pattern,
    find_pattern,
    missing_rows,
)
from jaxload.inversion.noise import (
    Noise,
    as_noise,
    check_noise,
    is_shared,
    noise_at,
)
from jaxload.inversion.problem import Problem, Solution
from jaxload.inversion.sharding import (
    EpochSharding,
    by_shards,
    place_epochs,
    record_epochs,
    reshard,
    without_shards,
)

__all__ = [
    "REFINED",
    "Observations",
    "PriorMean",
    "about_mean",
    "bind",
    "check_finite",
    "check_positive",
    "observations",
    "prior_mean",
    "select_epochs",
]

#: How records may be computed: as they are, or their epochs in float32.
PRECISIONS = ("float64", REFINED := "float32-refined")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Observations:
    """Observations of many epochs, from `observations`.

    Attributes:
      values: Displacement [mm], shape (epoch, row); NaN if missing.
      noise: Covariance of what they hold beside the load's displacement.
      pattern: Where they are missing; None where sigma varies in time, or where it is
        not known under `jit`: each epoch is then solved with an inverse of its own.
      used: Rows that count, boolean, shape (row,); None for all. May be traced: it
        masks rows without a new pattern.
      fits: Whether an epoch misses the rows that `pattern` has, boolean, shape
        (epoch,), where that can only be seen under `jit`; else None.
      sharding: How epochs are laid out over devices, from `shard_epochs`; None where
        one device has them all. The arrays of `pattern` then have an axis of devices
        first.
      precision: As of `observations`.
    """

    values: Array
    noise: Noise
    pattern: MissingPattern | None = None
    used: Array | None = None
    fits: Array | None = None
    sharding: EpochSharding | None = dataclasses.field(
        default=None, metadata={"static": True}
    )
    precision: str = dataclasses.field(default="float64", metadata={"static": True})

    @property
    def seen(self) -> Array:
        """Where there are observations that count, shape (epoch, row)."""
        seen = jnp.isfinite(self.values)
        return seen if self.used is None else seen & self.used[None, :]

    @property
    def counted(self) -> Array:
        """The values that count [mm], NaN elsewhere, shape (epoch, row)."""
        return jnp.where(self.seen, self.values, jnp.nan)


def observations(
    values: ArrayLike,
    sigma: ArrayLike | Noise,
    *,
    common_mode: float | None = None,
    pattern: MissingPattern | None = None,
    share_inverse: bool = True,
    precision: str = "float64",
) -> Observations:
    """Bind observations to their noise; check and lay them out once for all questions.

    Args:
      values: Observed displacement [mm], shape (epoch, row); NaN if missing.
      sigma: Standard error [mm], positive, shape (row,) or (epoch, row), or a `Noise`.
      common_mode: Standard deviation of an offset that all rows of an epoch share [mm],
        where `sigma` is no `Noise`; none if not given.
      pattern: `find_pattern(values)`, needed under `jit` for one inverse that serves
        all epochs; found here otherwise.
      share_inverse: False solves each epoch with an inverse of its own. Shapes do then
        not depend on which data are missing, so that random minibatches are not
        compiled anew at every step.
      precision: "float64" computes in the type of the problem. "float32-refined"
        computes in float32 what is done for each epoch, for accelerators with slow
        float64: multipliers are corrected by residuals in float64, criteria and
        streamed standard deviations compared with float64 where rounding is worst, and
        what is not within 1e-6 is computed in float64 with a warning. Needs a sigma
        that is constant in time; programs under `jit`, and what is asked beside these
        of a solution, stay in the type of the problem.

    Returns:
      The `Observations`, in the floating-point type of `values`.

    Raises:
      ValueError: If shapes disagree or an axis is empty, or, where values can be seen,
        a sigma of an observation is not positive, the noise is no covariance, or the
        pattern is that of another record; if the precision is unknown or float32
        cannot be refined.

    Example:
      >>> data = inversion.observations(up, sigma)
      >>> water = inversion.solve(problem, data, beta=0.02)
      >>> rms = inversion.leave_one_out(water)
    """
    values = _floating(values)
    noise = _noise(sigma, common_mode, values.dtype)
    check_shapes(values=(values, "epoch row"))
    if not values.size:
        raise ValueError(
            f"values has shape {values.shape}, expected at least one epoch and row; "
            "has a selection left nothing?"
        )
    check_noise(noise, values)
    if is_concrete(values):
        seen = np.isfinite(on_host(values))
        seen = seen.any(axis=0) if is_shared(noise) else seen
        advice = "mask the observation with NaN instead"
        check_positive("sigma", noise.sigma, advice, seen)
    if pattern is not None:
        check_pattern(values, pattern)
    if not (is_shared(noise) and share_inverse):
        pattern = None
    elif pattern is None and is_concrete(values):
        pattern = find_pattern(values)
    _check_precision(precision, noise, share_inverse)
    return Observations(values, noise, pattern, precision=precision)


def _check_precision(precision: str, noise: Noise, share_inverse: bool) -> None:
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}, expected one of {PRECISIONS}")
    if precision == REFINED and not (is_shared(noise) and share_inverse):
        raise ValueError(
            f"precision {REFINED!r} needs one inverse for all epochs: take a sigma of "
            "shape (row,) and share_inverse=True, or precision 'float64'"
        )


def _floating(values: ArrayLike) -> Array:
    dtype = jnp.result_type(values)
    if not jnp.issubdtype(dtype, jnp.floating):
        dtype = jnp.result_type(float)
    return jnp.asarray(values, dtype)


def _noise(
    sigma: ArrayLike | Noise, common_mode: float | None, dtype: DTypeLike
) -> Noise:
    if common_mode is None:
        return as_noise(sigma, jnp.dtype(dtype))
    if isinstance(sigma, Noise):
        raise ValueError(
            "common_mode is given beside a Noise, which has one of its own; set its "
            "attribute common"
        )
    return as_noise(Noise(jnp.asarray(sigma), common=common_mode**2), jnp.dtype(dtype))


def select_epochs(
    data: Observations, epochs: NDArray[np.int64] | slice
) -> Observations:
    """Take some epochs.

    Args:
      data: Not traced.
      epochs: Which, as an index.

    Returns:
      Their `Observations`.
    """
    sharding, data = data.sharding, without_shards(data)
    values = data.values[epochs]
    pattern = None if data.pattern is None else find_pattern(values)
    noise = noise_at(data.noise, epochs)
    data = dataclasses.replace(data, values=values, noise=noise, pattern=pattern)
    if sharding is None:
        return data
    return reshard(data, EpochSharding(sharding.mesh, len(values)))


def bind(
    problem: Problem, data: Observations, beta: ArrayLike
) -> tuple[Observations, Array]:
    """Check observations and a weight against a problem, and bring them to its dtype.

    Args:
      problem: Design matrix and prior.
      data: From `observations`.
      beta: Weight of the prior, scalar.

    Returns:
      The observations and beta.

    Raises:
      ValueError: If `data` are not from `observations`, shapes disagree or beta is not
        positive.
    """
    if not isinstance(data, Observations):
        raise ValueError(
            f"data is a {type(data).__name__}, expected Observations; bind values to "
            "their errors first, as data = inversion.observations(up, sigma)"
        )
    dtype = problem.design.dtype
    beta = jnp.asarray(beta, dtype)
    check_shapes(
        design=(problem.design, "row cell"),
        cross=(problem.cross, "cell row"),
        gram=(problem.gram, "row row"),
        data=(data.values, "epoch row"),
        beta=(beta, ""),
    )
    if not problem.design.size:
        raise ValueError(
            f"design has shape {problem.design.shape}, expected at least one row and "
            "cell; has a selection left nothing?"
        )
    check_positive("beta", beta, "it weighs the prior against the data")
    if data.precision == REFINED and data.sharding is not None:
        raise ValueError(
            f"precision {REFINED!r} is computed on one device, but epochs are laid out "
            "over several; take precision 'float64'"
        )
    if data.values.dtype != dtype:
        values = data.values.astype(dtype)
        data = dataclasses.replace(
            data, values=values, noise=as_noise(data.noise, dtype)
        )
    if data.pattern is not None and not is_concrete(data.values):
        # Epochs that miss other rows than the pattern has are NaN rather than wrong.
        data = dataclasses.replace(data, fits=_fits(data))
    return data, beta


def _fits(data: Observations) -> Array:
    """Whether each epoch misses the rows of the pattern, under `jit`."""

    def of_epochs(data: Observations, padding: Array, _: tuple) -> Array:
        missing = ~jnp.isfinite(data.values)
        assert data.pattern is not None
        return padding | (missing_rows(data.pattern) == missing).all(axis=1)

    padding = jnp.arange(len(data.values)) >= record_epochs(data)
    return by_shards(of_epochs, data, padding)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class PriorMean:
    """A prior mean of the load and its displacement.

    Attributes:
      load: The mean m [mm], zero at epochs where it is not finite, shape (epoch, cell).
      fitted: Its displacement ``G m`` [mm], shape (epoch, row).
      known: Where all of it is finite, shape (epoch,). What is not finite is no
        missing datum: results of those epochs are NaN.
    """

    load: Array
    fitted: Array
    known: Array


def prior_mean(
    problem: Problem, data: Observations, mean: ArrayLike | None
) -> PriorMean | None:
    """Bring a prior mean to the dtype of a problem, and check it.

    Args:
      problem: Design matrix and prior.
      data: From `observations`.
      mean: Prior mean m of the load [mm], shape (epoch, cell), or None.

    Returns:
      The `PriorMean`, or None without one.

    Raises:
      ValueError: If shapes disagree or, where values can be seen, one is not finite.
    """
    if mean is None:
        return None
    mean = jnp.asarray(mean, problem.design.dtype)
    if data.sharding is not None and len(mean) == data.sharding.epochs:
        mean = place_epochs(mean, data.sharding, 0)
    check_shapes(
        data=(data.values, "epoch row"),
        mean=(mean, "epoch cell"),
        design=(problem.design, "row cell"),
    )
    check_finite("mean", mean, "a prior mean is needed in every cell at every epoch")
    known = jnp.isfinite(mean).all(axis=1)
    load = jnp.where(known[:, None], mean, 0)
    return PriorMean(load, einsum("ec,rc->er", load, problem.design), known)


def about_mean(solution: Solution, prior: PriorMean) -> Solution:
    """Add a prior mean to the solution of what it leaves.

    Args:
      solution: Of observations less the displacement of the mean.
      prior: The mean.

    Returns:
      The `Solution` about it; not `ok` and NaN where the mean is not finite.
    """
    ok = solution.ok & prior.known
    return dataclasses.replace(
        solution,
        load=jnp.where(ok[:, None], prior.load + solution.load, jnp.nan),
        fitted=jnp.where(ok[:, None], prior.fitted + solution.fitted, jnp.nan),
        common=jnp.where(ok, solution.common, jnp.nan),
        ok=ok,
    )


def check_finite(name: str, values: Array, advice: str) -> None:
    """Check that values, where they can be seen, are finite.

    Args:
      name: What they are called.
      values: Any.
      advice: Why they have to be, or what to do.

    Raises:
      ValueError: If one is not; the message says which, and how many there are.
    """
    if not is_concrete(values) or bool(jnp.isfinite(values).all()):
        return
    whole = on_host(values)
    bad = np.argwhere(~np.isfinite(whole))
    first = tuple(map(int, bad[0]))
    raise ValueError(
        f"{name} is {float(whole[first]):g} at index {first}, one of {len(bad)} of "
        f"{values.size} values that are not finite; {advice}"
    )


def check_positive(
    name: str, value: Array, advice: str, where: NDArray | np.bool | None = None
) -> None:
    """Check that values, where they can be seen, are finite and positive.

    Args:
      name: What they are called.
      value: Any.
      advice: Why they have to be, or what to do.
      where: Which count; all if not given.

    Raises:
      ValueError: If one is not; the message says which.
    """
    if not is_concrete(value):
        return
    whole = on_host(value)
    bad = ~(np.isfinite(whole) & (whole > 0))
    bad = bad if where is None else bad & where
    if not bad.any():
        return
    place = f" at index {tuple(map(int, np.argwhere(bad)[0]))}" * (whole.ndim > 0)
    first = float(whole[bad].ravel()[0])
    raise ValueError(
        f"{name} is {first:g}{place}, expected a positive number; {advice}"
    )
