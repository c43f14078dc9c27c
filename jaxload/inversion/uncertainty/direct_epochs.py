"""Few epochs solved one after the other by LAPACK, without a program to compile.

Tracing a program takes seconds, and a day of a network takes milliseconds.
"""

import dataclasses

import jax
import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from jaxload.inversion.estimation.representers import RepresenterSolution, Term
from jaxload.inversion.noise import Noise
from jaxload.inversion.problem import Problem
from jaxload.inversion.uncertainty.functionals import Functionals

__all__ = ["DirectEpochs", "is_direct", "solve_directly"]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class DirectEpochs:
    """Epochs that were solved.

    Attributes:
      solution: The load as coefficients.
      left_out: Observations minus their prediction by the others [mm], shape (epoch,
        row); NaN where nothing is observed.
      sd: Standard deviations of each set of functionals [mm], shape (epoch,
        functional).
    """

    solution: RepresenterSolution
    left_out: Floats
    sd: tuple[Floats, ...]


def is_direct(problem: Problem, noise: Noise) -> bool:
    """Whether epochs can be solved so: no free fields, no errors that rows share.

    Args:
      problem: Design matrix and prior.
      noise: Of the observations.
    """
    plain = noise.correlation is None and noise.common_rows is None
    free = problem.null_space.shape[1] > 0 or noise.patterns is not None
    return plain and not free and jax.default_backend() == "cpu"


def solve_directly(
    problem: Problem,
    values: Floats,
    noise: Noise,
    beta: float,
    functionals: tuple[Functionals, ...] = (),
) -> DirectEpochs:
    """Solve epochs one after the other, in float64.

    Args:
      problem: Design matrix and prior, without free fields.
      values: Observations [mm], shape (epoch, row); NaN if missing.
      noise: Of which `is_direct` is true.
      beta: Weight of the prior.
      functionals: Of which standard deviations are computed.

    Returns:
      The `DirectEpochs`, as of `solve_record` and `posterior_sd`.
    """
    gram = np.asarray(problem.gram, np.float64)
    sigma = np.broadcast_to(np.asarray(noise.sigma, np.float64), values.shape)
    common = beta**2 * np.broadcast_to(np.asarray(noise.common, float), len(values))
    coefficients, left_out = np.zeros(values.shape), np.full(values.shape, np.nan)
    ok, seen = np.ones(len(values), bool), np.isfinite(values)
    steady = np.ndim(noise.sigma) == 1 and np.ndim(noise.common) == 0
    targets = [_Target(x) for x in functionals]
    every, base = np.flatnonzero(seen.any(axis=0)), None
    for epoch in np.flatnonzero(seen.any(axis=1)):
        rows, noisy = np.flatnonzero(seen[epoch]), (beta * sigma[epoch], common[epoch])
        try:
            if steady and base is None:
                base = every, _inverse(gram, *noisy, every)
            inverse = _inverse(gram, *noisy, rows)
        except scipy.linalg.LinAlgError:
            ok[epoch] = False
            continue
        solved = inverse @ values[epoch, rows]
        coefficients[epoch, rows] = solved
        left_out[epoch, rows] = solved / np.diag(inverse)
        for target in targets:
            target.add(int(epoch), (rows, inverse), base)
    coefficients[~ok] = np.nan
    solution = RepresenterSolution(
        (Term(coefficients, problem.cross),),
        coefficients @ gram,
        ok,
        common * coefficients.sum(axis=1),
    )
    sd = tuple(target.sd(len(values)) / beta for target in targets)
    return DirectEpochs(solution, left_out, sd)


#: Rows, and the inverse of the matrix of these.
Inverted = tuple[NDArray[np.intp], Floats]


def _inverse(gram: Floats, sigma: Floats, common: float, rows: NDArray) -> Floats:
    system = gram[np.ix_(rows, rows)] + common
    system[np.diag_indices_from(system)] += sigma[rows] ** 2
    factor = scipy.linalg.cho_factor(system, lower=True)
    return scipy.linalg.cho_solve(factor, np.eye(len(rows)))


class _Target:
    """Variances of functionals, epoch after epoch."""

    def __init__(self, functionals: Functionals) -> None:
        self.cross = np.asarray(functionals.cross, np.float64)
        self.prior = np.asarray(functionals.variance, np.float64)
        self.variances: dict[int, Floats] = {}
        self.carried: Floats | None = None
        self.least = self.prior

    def add(self, epoch: int, here: Inverted, base: Inverted | None) -> None:
        """Add an epoch, by the inverse of all rows where its noise is that of all."""
        if base is None:
            cross = self.cross[:, here[0]]
            removed = np.einsum("fr,fr->f", cross @ here[1], cross)
            self.variances[epoch] = self.prior - removed
            return
        if self.carried is None:
            cross = self.cross[:, base[0]]
            self.carried = cross @ base[1]
            self.least = self.prior - np.einsum("fr,fr->f", self.carried, cross)
        absent = np.flatnonzero(~np.isin(base[0], here[0]))
        if not len(absent):
            self.variances[epoch] = self.least
            return
        # Rows that are missing take back what they removed beside the others.
        factor = np.linalg.cholesky(base[1][np.ix_(absent, absent)])
        half = scipy.linalg.solve_triangular(
            factor, self.carried[:, absent].T, lower=True
        )
        self.variances[epoch] = self.least + np.einsum("rf,rf->f", half, half)

    def sd(self, count: int) -> Floats:
        """Standard deviations up to 1 / beta; of the prior where nothing was seen."""
        rows = [self.variances.get(epoch, self.prior) for epoch in range(count)]
        return np.sqrt(np.maximum(rows, 0))
