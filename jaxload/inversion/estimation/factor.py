"""The factor of an inversion: one factorisation for all that is derived from it."""

import dataclasses
import functools
import logging

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import is_concrete
from jaxload.inversion.binding import (
    REFINED,
    Observations,
    PriorMean,
    bind,
    prior_mean,
    select_epochs,
)
from jaxload.inversion.estimation.data_space import (
    Contract,
    DataSpaceInverse,
    DataSpaceSolution,
)
from jaxload.inversion.estimation.eliminated_systems import (
    Eliminations,
    eliminate_gaps,
    eliminated_solution,
    is_eliminated,
)
from jaxload.inversion.estimation.epoch_inverse import EpochInverse
from jaxload.inversion.estimation.representers import RepresenterSolution
from jaxload.inversion.estimation.shared_inverse import (
    SharedInverse,
    make_shared_inverse,
)
from jaxload.inversion.estimation.single_precision import (
    corrected,
    lowered,
)
from jaxload.inversion.noise import is_steady, scaled_noise
from jaxload.inversion.problem import Problem, Solution
from jaxload.inversion.sharding import (
    by_shards,
    gather_epochs,
    place_epochs,
    require_one_device,
)

__all__ = [
    "Factor",
    "data_space_inverse",
    "epoch_inverse",
    "evaluate",
    "evaluate_lowered",
    "factor_at",
    "factor_of",
    "factorise",
    "prior_reduction",
]

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class Factor:
    """The data-space systems of a record at one weight of the prior.

    Nothing is computed before a question is asked, and each thing once: criteria,
    predictions and errors that are asked of one factor share it. Sums and residuals of
    long records, whose solution is not kept already, are computed part by part anew.

    Attributes:
      problem: Design matrix and prior.
      data: Observations about the prior mean.
      beta: Weight of the prior, scalar.
      mean: The prior mean; None for zero.
    """

    problem: Problem
    data: Observations
    beta: Array
    mean: PriorMean | None = None

    @functools.cached_property
    def solved(self) -> DataSpaceSolution:
        """The solution of the systems; NaN where the mean is not finite."""
        solved = _solution(self.problem, self.data, self.beta)
        known = None if self.mean is None else self.mean.known
        if known is None:
            return solved
        multiplier = jnp.where(known[:, None], solved.multiplier, jnp.nan)
        log_determinant = jnp.where(known, solved.log_determinant, jnp.nan)
        return dataclasses.replace(
            solved, multiplier=multiplier, log_determinant=log_determinant
        )

    @functools.cached_property
    def eliminations(self) -> Eliminations:
        """The gaps of the record eliminated, where `is_eliminated` is true of it."""
        return eliminate_gaps(self.problem, self.data, self.beta)

    def with_solution(self, solved: DataSpaceSolution) -> "Factor":
        """Keep a solution that is known already.

        Args:
          solved: As `solved` gives it.

        Returns:
          The factor, which does not solve its systems again.
        """
        factor = dataclasses.replace(self)
        vars(factor)["solved"] = solved
        return factor


def factorise(
    problem: Problem,
    data: Observations,
    beta: ArrayLike,
    *,
    mean: ArrayLike | None = None,
) -> Factor:
    """Bind a problem, observations and a weight, for criteria and errors.

    `solve` gives such a factor with the load; here the load is left out.

    Args:
      problem: Design matrix and prior, from `smooth_problem`.
      data: From `observations`.
      beta: Weight of the prior [1/mm per unit of L], scalar, positive.
      mean: Prior mean of the load [mm], shape (epoch, cell); zero if not given.

    Returns:
      The `Factor`.

    Raises:
      ValueError: If shapes disagree, beta is not positive or the mean not finite.

    Example:
      >>> factor = inversion.factorise(problem, data, 0.02)
      >>> inversion.leave_one_out(factor), inversion.log_evidence(factor)
    """
    data, beta = bind(problem, data, beta)
    prior = prior_mean(problem, data, mean)
    if prior is not None:
        data = dataclasses.replace(data, values=data.values - prior.fitted)
    return Factor(problem, data, beta, prior)


def factor_of(solution: Factor | Solution | RepresenterSolution) -> Factor:
    """The factor of a solution, or a factor itself.

    Args:
      solution: A factor, or a solution that holds one.

    Returns:
      The factor.

    Raises:
      ValueError: If the solution holds none.
    """
    factor = solution if isinstance(solution, Factor) else solution.factor
    if isinstance(factor, Factor):
        return factor
    raise ValueError(
        f"a {type(solution).__name__} without a factor answers no questions: it came "
        "out of jit, of components or of a temporal prior; ask "
        "inversion.factorise(problem, data, beta) instead"
    )


def factor_at(factor: Factor, epochs: NDArray[np.int64]) -> Factor:
    """Take some epochs of a factor.

    Args:
      factor: Not traced.
      epochs: Their numbers, shape (epoch,).

    Returns:
      The `Factor`.
    """
    mean = factor.mean
    data = select_epochs(factor.data, epochs)
    if mean is not None and (sharding := data.sharding) is not None:
        place = lambda values: place_epochs(values[epochs], sharding, 0)
        mean = jax.tree.map(place, gather_epochs(mean, factor.data))
    elif mean is not None:
        mean = jax.tree.map(lambda values: values[epochs], mean)
    return dataclasses.replace(factor, data=data, mean=mean)


def _solution(problem: Problem, data: Observations, beta: Array) -> DataSpaceSolution:
    """Solve in the precision of the data; in float64 where float32 is not enough."""
    if data.precision != REFINED or not is_concrete(data.values):
        return _exact_solution(problem, data, beta)
    solved, settled = _corrected(problem, data, beta)
    far = ~np.asarray(settled)
    if not far.any():
        return solved
    exact = _exact_solution(problem, data, beta)
    lost = far & np.isfinite(np.asarray(exact.log_determinant))
    if not lost.any():
        return solved
    logger.warning(
        "float32 does not solve %d of %d epochs at beta %.3g, whose systems are too "
        "ill-conditioned for it; the record is solved in float64",
        lost.sum(),
        len(far),
        beta,
    )
    return exact


def _exact_solution(
    problem: Problem, data: Observations, beta: Array
) -> DataSpaceSolution:
    if is_eliminated(data, problem, beta):
        return eliminated_solution(problem, data, beta)
    return evaluate(problem, data, beta)


@jax.jit
def _corrected(
    problem: Problem, data: Observations, beta: Array
) -> tuple[DataSpaceSolution, Array]:
    return corrected(_shared(problem, data, beta), data.values)


@jax.jit
def evaluate_lowered(
    problem: Problem, data: Observations, beta: Array
) -> DataSpaceSolution:
    """Solve the data-space systems in float32, without a correction.

    Args:
      problem: Design matrix and prior.
      data: From `bind`, with a pattern of missing data.
      beta: Weight of the prior, scalar.

    Returns:
      The `DataSpaceSolution`, in the type of the data.
    """
    return lowered(_shared(problem, data, beta), data.values)


def _shared(problem: Problem, data: Observations, beta: Array) -> SharedInverse:
    if data.pattern is None:
        raise ValueError("float32 can only be refined with the pattern of missing data")
    noise = scaled_noise(data.noise, beta, data.seen)
    return make_shared_inverse(problem, noise, data.seen, data.used, data.pattern)


@jax.jit
def evaluate(problem: Problem, data: Observations, beta: Array) -> DataSpaceSolution:
    """Solve the data-space systems for the observations.

    Args:
      problem: Design matrix and prior.
      data: From `bind`.
      beta: Weight of the prior, scalar.

    Returns:
      The `DataSpaceSolution`; NaN where a system is not positive definite, or the
      pattern of missing data does not fit.
    """
    return by_shards(_evaluated, data, alike=(problem, beta))


def _evaluated(
    data: Observations, _: tuple, alike: tuple[Problem, Array]
) -> DataSpaceSolution:
    problem, beta = alike
    solved = data_space_inverse(problem, data, beta).evaluate(data.values)
    if data.fits is None:
        return solved
    multiplier = jnp.where(data.fits[:, None], solved.multiplier, jnp.nan)
    diagonal = jnp.where(data.fits[:, None], solved.inverse_diagonal, jnp.nan)
    log_determinant = jnp.where(data.fits, solved.log_determinant, jnp.nan)
    return DataSpaceSolution(multiplier, diagonal, log_determinant)


@functools.partial(jax.jit, static_argnames="contract")
def prior_reduction(
    problem: Problem, data: Observations, beta: Array, fields: Array, contract: Contract
) -> Array:
    """By how much the data reduce the prior variance of functionals, exactly.

    Args:
      problem: Design matrix and prior.
      data: From `bind`.
      beta: Weight of the prior, scalar.
      fields: Covariance with the rows and amounts of the free fields, shape
        (row + null, functional).
      contract: `diagonal` for variances, `outer` for covariances.

    Returns:
      Shape (epoch, functional) or (epoch, functional, functional).
    """

    def reduction(
        data: Observations, _: tuple, alike: tuple[Problem, Array, Array]
    ) -> Array:
        problem, beta, fields = alike
        inverse = data_space_inverse(problem, data, beta, steady=True)
        return inverse.reduction(fields, contract)

    return by_shards(reduction, data, alike=(problem, beta, fields))


def data_space_inverse(
    problem: Problem, data: Observations, beta: Array, *, steady: bool = False
) -> DataSpaceInverse:
    """Choose how to invert the systems: one inverse for all epochs where that is exact.

    Args:
      problem: Design matrix and prior.
      data: From `bind`.
      beta: Weight of the prior, scalar.
      steady: Whether blocks of the inverse are asked for, which a common offset whose
        variance changes in time makes each epoch's own.

    Returns:
      A `SharedInverse` or an `EpochInverse`.
    """
    require_one_device(data)
    if data.pattern is None or (steady and not is_steady(data.noise)):
        return epoch_inverse(problem, data, beta)
    seen = data.seen
    noise = scaled_noise(data.noise, beta, seen)
    return make_shared_inverse(problem, noise, seen, data.used, data.pattern)


def epoch_inverse(problem: Problem, data: Observations, beta: Array) -> EpochInverse:
    """Invert the system of each epoch by itself.

    Args:
      problem: Design matrix and prior.
      data: From `bind`.
      beta: Weight of the prior, scalar.

    Returns:
      The `EpochInverse`.
    """
    require_one_device(data)
    seen = data.seen
    return EpochInverse(problem, scaled_noise(data.noise, beta, seen), seen)
