"""Choose the weight of the prior from the data themselves."""

import dataclasses
import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._platform import by_chunks, form_at
from jaxload.inversion.binding import REFINED, Observations, PriorMean
from jaxload.inversion.estimation.factor import (
    Factor,
    evaluate_lowered,
    factor_at,
    factorise,
)
from jaxload.inversion.hyperparameters.criteria import (
    LCurve,
    gcv,
    gcv_of,
    l_curve,
    l_curve_corner,
    l_curve_of,
    leave_one_out,
    leave_one_out_of,
)
from jaxload.inversion.hyperparameters.eigen_sweep import (
    recurring_patterns,
    spectrum,
    swept,
)
from jaxload.inversion.hyperparameters.evidence import (
    abic,
    abic_of,
    log_evidence,
    log_evidence_of,
)
from jaxload.inversion.hyperparameters.sufficient_statistics import (
    Sums,
    record_sums,
)
from jaxload.inversion.noise import is_steady
from jaxload.inversion.problem import Problem
from jaxload.inversion.sharding import gather_epochs

__all__ = ["best", "scan", "select"]

logger = logging.getLogger(__name__)

#: Arrays of the size of the record that a weight takes on an accelerator.
HELD = 8

Criterion = Callable[..., Any]

#: Largest error of a criterion in float32, relative to it.
TOLERANCE = 1e-6

#: How each criterion follows from sums over the record.
FORMULAS: dict[Criterion, Callable[[Sums, Any], Any]] = {
    leave_one_out: leave_one_out_of,
    gcv: gcv_of,
    l_curve: l_curve_of,
    log_evidence: log_evidence_of,
    abic: abic_of,
}


def scan(
    problem: Problem,
    data: Observations,
    betas: Sequence[float] | np.ndarray,
    *,
    criterion: Criterion | tuple[Criterion, ...] = leave_one_out,
    mean: ArrayLike | None = None,
    watch: Callable[[float, Any], None] | None = None,
) -> Any:
    """Evaluate a criterion, or several, at several weights of the prior.

    Epochs that observe the same rows, all of a record without gaps among them, are
    taken together: one decomposition serves every weight (`spectrum`). The others are
    solved anew for each. Either way is exact.

    Args:
      problem: Design matrix and prior.
      data: From `observations`.
      betas: Weights to try, positive and ascending, shape (beta,).
      criterion: Called with a `Factor`, like `leave_one_out`. Of the criteria of this
        package those without settings of their own are computed as said above, any
        other function is called once for each weight. Several, as a tuple, share one
        solution for each weight.
      mean: Prior mean of the load [mm], shape (epoch, cell); zero if not given.
      watch: Called with each weight and its value, to show progress.

    Returns:
      The criterion, shape (beta,); for `l_curve` an `LCurve` of such arrays. A tuple of
      these for several.

    Raises:
      ValueError: As `solve`, if `betas` are not as said, or if no epoch has two
        observations.
    """
    betas = _checked_betas(betas)
    factor = factorise(problem, data, betas[0], mean=mean)
    _check_pairs(gather_epochs(factor.data.values, factor.data))
    several = isinstance(criterion, tuple)
    criteria = criterion if isinstance(criterion, tuple) else (criterion,)
    evaluate = _evaluator(factor, betas, criteria)
    values = []
    for number, beta in enumerate(betas.tolist()):
        each = jax.tree.map(float, evaluate(number, beta))
        value = each if several else each[0]
        if watch is not None:
            watch(beta, value)
        values.append(value)
    return jax.tree.map(lambda *each: np.array(each), *values)


def _evaluator(
    factor: Factor, betas: np.ndarray, criteria: tuple[Criterion, ...]
) -> Callable[[int, float], tuple[Any, ...]]:
    """The criteria at the weight of a number, by the cheapest of the exact ways."""
    if not set(criteria) <= set(FORMULAS):

        def ask(_: int, beta: float) -> tuple[Any, ...]:
            here = _at_beta(factor, beta)
            return tuple(criterion(here) for criterion in criteria)

        return ask
    formulas, dtype = [FORMULAS[each] for each in criteria], factor.beta.dtype
    fixed, rest = _swept_part(factor, betas)
    if rest is None:
        sums, at = _added(fixed), jnp.asarray(betas, dtype)
        values = tuple(formula(sums, at) for formula in formulas)
        values = jax.tree.map(np.asarray, values)
        return lambda number, _: _at(values, number)

    redundancy, at = gcv in criteria, jnp.asarray(betas, dtype)
    if rest.data.precision == REFINED:
        return _in_single(rest, (fixed, at), formulas, redundancy)
    if rest.data.sharding is not None or form_at(rest.data.values) == "cpu":
        # One after the other: progress is seen, and the cache serves each.
        of_rest = lambda number: record_sums(
            _at_beta(rest, float(betas[number])), redundancy=redundancy
        )
    else:
        every = _sums_at_all(rest.problem, rest.data, rest.mean, at, redundancy)
        every = jax.tree.map(np.asarray, every)
        of_rest = lambda number: _at(every, number)

    def evaluate(number: int, _: float) -> tuple[Any, ...]:
        sums = [*(_at(sums, number) for sums in fixed), of_rest(number)]
        return tuple(formula(_added(sums), at[number]) for formula in formulas)

    return evaluate


def _in_single(
    rest: Factor,
    others: tuple[list[Sums], Array],
    formulas: list[Callable[[Sums, Any], Any]],
    redundancy: bool,
) -> Callable[[int, float], tuple[Any, ...]]:
    """Criteria with epochs in float32, if that is enough at the smallest weight."""
    fixed, betas = others
    exact = dataclasses.replace(rest.data, precision="float64")

    def evaluate(number: int, _: float, low: bool) -> tuple[Any, ...]:
        here = dataclasses.replace(rest, beta=betas[number], data=exact)
        if low:
            parts = (here.problem, here.data, here.beta)
            here = here.with_solution(evaluate_lowered(*parts))
        sums = [_at(sums, number) for sums in fixed]
        sums.append(record_sums(here, redundancy=redundancy))
        return tuple(formula(_added(sums), here.beta) for formula in formulas)

    low = _is_enough(*(evaluate(0, 0.0, low) for low in (True, False)))
    return functools.partial(evaluate, low=low)


def _is_enough(low: tuple[Any, ...], high: tuple[Any, ...]) -> bool:
    """Whether float32 gives the criteria at the smallest weight, where it is worst."""
    pairs = zip(jax.tree.leaves(low), jax.tree.leaves(high))
    error = max(abs(float(a) / float(b) - 1) for a, b in pairs)
    if error <= TOLERANCE:
        return True
    logger.warning(
        "float32 gives a criterion %.2g beside that of float64, relative to it; all "
        "weights are evaluated in float64",
        error,
    )
    return False


@functools.partial(jax.jit, static_argnames="redundancy")
def _sums_at_all(
    problem: Problem,
    data: Observations,
    mean: PriorMean | None,
    betas: Array,
    redundancy: bool,
) -> Sums:
    """The sums of a record at many weights, as many side by side as fit."""

    def one(beta: Array) -> Sums:
        return record_sums(Factor(problem, data, beta, mean), redundancy=redundancy)

    epochs, rows = data.values.shape
    size = betas.dtype.itemsize * (HELD * epochs * rows + 2 * rows**2)
    return by_chunks(jax.vmap(one), betas, size)


def _at_beta(factor: Factor, beta: float) -> Factor:
    beta_there = jnp.asarray(beta, factor.beta.dtype)
    return Factor(factor.problem, factor.data, beta_there, factor.mean)


def _at(values: Any, number: int) -> Any:
    return jax.tree.map(lambda each: each[number], values)


def _added(parts: list[Sums]) -> Sums:
    return jax.tree.map(lambda *each: sum(each), *parts)


def _swept_part(factor: Factor, betas: np.ndarray) -> tuple[list[Sums], Factor | None]:
    """The sums of recurring patterns at all weights, and what is left of the record."""
    data, dtype = factor.data, factor.beta.dtype
    if not is_steady(data.noise) or data.used is not None:
        return [], factor
    recurring = recurring_patterns(gather_epochs(data.values, data))
    if not len(recurring.count):
        return [], factor
    sums = [
        swept(spectrum(factor.problem, data.noise, *pattern), jnp.asarray(betas, dtype))
        for pattern in zip(recurring.seen, recurring.scatter, recurring.count)
    ]
    some = len(recurring.others) > 0
    rest = factor_at(factor, recurring.others) if some else None
    return jax.tree.map(np.asarray, sums), rest


def _checked_betas(betas: Sequence[float] | np.ndarray) -> np.ndarray:
    betas = np.asarray(betas, float)
    if betas.ndim != 1 or not len(betas):
        raise ValueError(
            f"betas has shape {betas.shape}, expected one or more numbers in a row; "
            "try numpy.geomspace(1e-3, 1, 25)"
        )
    bad = betas[~(np.isfinite(betas) & (betas > 0))]
    if len(bad):
        raise ValueError(
            f"betas holds {bad[0]:g}, expected positive numbers; space them equally in "
            "the logarithm"
        )
    if not (np.diff(betas) > 0).all():
        raise ValueError("betas are not ascending, or repeat; sort them first")
    return betas


def _check_pairs(values: np.ndarray) -> None:
    most = np.isfinite(values).sum(axis=1).max(initial=0)
    if most < 2:
        raise ValueError(
            f"no epoch has more than {most} observations, and two are needed to tell "
            "signal from noise; are values transposed or masked?"
        )


def select(
    problem: Problem,
    data: Observations,
    *,
    criterion: Criterion = leave_one_out,
    betas: Sequence[float] | np.ndarray | None = None,
    mean: ArrayLike | None = None,
) -> float:
    """Choose the weight of the prior for which a criterion is smallest.

    Args:
      problem: Design matrix and prior.
      data: From `observations`.
      criterion: Called with a `Factor`, like `leave_one_out`.
      betas: Weights to try; 25 from 1e-4 to 1, equally spaced in the logarithm, if not
        given.
      mean: Prior mean of the load [mm], shape (epoch, cell); zero if not given.

    Returns:
      The best of `betas`; a warning is logged where it is the first or the last. For
      `l_curve` the corner, which may lie between two.

    Raises:
      ValueError: As `scan`, if the criterion is nowhere a number, or is one that is
        best where it is largest.
    """
    if criterion is log_evidence:
        raise ValueError("log_evidence is best where it is largest; select by abic")
    betas = np.geomspace(1e-4, 1, 25) if betas is None else np.asarray(betas, float)
    values = scan(problem, data, betas, criterion=criterion, mean=mean)
    if isinstance(values, LCurve):
        return l_curve_corner(betas, values.misfit, values.norm)
    return best(betas, values)


def best(betas: np.ndarray, values: np.ndarray) -> float:
    """Find the weight whose criterion is smallest.

    Args:
      betas: Weights, shape (beta,).
      values: Criterion of each, shape (beta,); NaN where it failed.

    Returns:
      The best weight. A warning is logged where it is the first or the last.

    Raises:
      ValueError: If shapes disagree, or no value is a number.
    """
    betas, values = np.asarray(betas), np.asarray(values)
    if betas.shape != values.shape:
        raise ValueError(
            f"betas has shape {betas.shape} but values {values.shape}; pass the values "
            "that scan found for these betas"
        )
    if not np.isfinite(values).any():
        raise ValueError(
            f"the criterion is not a number for any of the {len(betas)} betas tried; "
            "has every epoch at least two stations?"
        )
    index = int(np.argmin(np.where(np.isfinite(values), values, np.inf)))
    if len(betas) > 1 and index in (0, len(betas) - 1):
        logger.warning(
            "the best beta, %g, is at the end of the range tried; widen it",
            betas[index],
        )
    return float(betas[index])
