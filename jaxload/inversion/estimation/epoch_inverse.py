"""An inverse of each epoch's own, for noise that varies in time or unknown patterns."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.inversion.estimation.data_space import (
    Contract,
    DataSpaceSolution,
    LeftOut,
    left_out_residual,
    without_rounding,
)
from jaxload.inversion.linalg.saddle_point import (
    determined,
    observed_saddle_inverse,
)
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.noise import Noise, map_epochs, noise_covariance
from jaxload.inversion.problem import Problem

__all__ = ["EpochInverse"]

#: Matrices of the size of an epoch's own that are held at a time.
MATRICES = 6


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class EpochInverse:
    """The systems of all epochs, each inverted when it is needed.

    Attributes:
      problem: Design matrix and prior.
      noise: Of covariance ``beta^2 R``.
      seen: Where there are observations, shape (epoch, row).
    """

    problem: Problem
    noise: Noise
    seen: Array

    def evaluate(self, values: Array) -> DataSpaceSolution:
        """Solve for the observations, with diagonals and determinants.

        Args:
          values: Observations, shape (epoch, row).

        Returns:
          The `DataSpaceSolution`; NaN at epochs whose system is not positive definite.
        """

        def one(
            noise: Noise, epoch: tuple[Array, Array]
        ) -> tuple[DataSpaceSolution, Array]:
            seen, values = epoch
            inverted, whole, log_determinant = self._inverses(noise, seen)
            rows = whole[: len(seen), : len(seen)]
            multiplier = einsum("st,t->s", rows, jnp.where(seen, values, 0))
            solved = DataSpaceSolution(multiplier, jnp.diag(rows), log_determinant)
            return solved, jnp.diag(inverted)

        solved, largest = map_epochs(one, self.noise, (self.seen, values), self._each)
        null_space_size = self.problem.null_space_response.shape[1]
        if not null_space_size:
            return solved
        return without_rounding(
            solved, largest, self.seen.sum(axis=1) - null_space_size
        )

    def solve(self, right: Array) -> Array:
        """Solve for several right sides at once.

        Args:
          right: Zero where nothing was seen, shape (side, epoch, row).

        Returns:
          The solutions, shape (side, epoch, row).
        """

        def one(noise: Noise, epoch: tuple[Array, Array]) -> Array:
            seen, right = epoch
            whole = self._inverses(noise, seen)[1]
            return einsum("st,kt->ks", whole[: len(seen), : len(seen)], right)

        right = jnp.swapaxes(right, 0, 1)
        solved = map_epochs(one, self.noise, (self.seen, right), self._each)
        return jnp.swapaxes(solved, 0, 1)

    def left_out(self, multiplier: Array, groups: LeftOut) -> Array:
        """Residuals of rows predicted from those outside their group.

        Args:
          multiplier: Of `evaluate`, shape (epoch, row).
          groups: What is left out together.

        Returns:
          Residual [mm], shape (epoch, row); NaN where nothing is seen or determined.
        """

        def one(noise: Noise, epoch: tuple[Array, Array]) -> Array:
            seen, multiplier = epoch
            whole = self._inverses(noise, seen)[1][: len(seen), : len(seen)]
            null_space_response = self.problem.null_space_response
            return left_out_residual(
                whole, null_space_response, seen, multiplier[None], groups
            )[0]

        return map_epochs(one, self.noise, (self.seen, multiplier), self._each)

    def reduction(self, fields: Array, contract: Contract) -> Array:
        """By how much the data reduce the prior variance of functionals.

        Args:
          fields: Covariance h with the rows and amounts of the free fields, shape
            (row + null, functional).
          contract: `diagonal` for variances, `outer` for covariances.

        Returns:
          Shape (epoch, functional) or (epoch, functional, functional).
        """

        def one(whole: Array, _: Array) -> Array:
            return contract(einsum("rs,sf->rf", whole, fields), fields)

        return self.each(one, 3 * fields.size)

    def each(self, function: Callable[[Array, Array], Any], more: float = 0) -> Any:
        """Do something with the saddle inverse of every epoch.

        Args:
          function: Of the inverse, shape (row + null, row + null), zero where a row
            is missing, and of ``beta^2 R``, shape (row, row).
          more: Numbers that it holds beside matrices of that size, roughly.

        Returns:
          Its results, epoch first; NaN where the rows leave the free fields
          undetermined.
        """

        def one(noise: Noise, epoch: tuple[Array, Array]) -> Any:
            seen, known = epoch
            result = function(self._inverses(noise, seen)[1], noise_covariance(noise))
            return jnp.where(known, result, jnp.nan)

        known = determined(self.problem.null_space_response, self.seen)
        return map_epochs(one, self.noise, (self.seen, known), self._each + more)

    @property
    def _each(self) -> int:
        """Numbers that an epoch holds: the matrix, its factor, both inverses."""
        size = self.seen.shape[1] + self.problem.null_space_response.shape[1]
        return MATRICES * size**2

    def _inverses(self, noise: Noise, seen: Array) -> tuple[Array, Array, Array]:
        """``A_oo^-1``, the saddle inverse, and their log determinant, of one epoch."""
        matrix = self.problem.gram + noise_covariance(noise)
        return observed_saddle_inverse(matrix, self.problem.null_space_response, seen)
