"""By which weights each epoch's data estimate functionals of its load."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from jaxload.inversion.estimation.factor import Factor
from jaxload.inversion.linalg.saddle_point import observed_saddle_inverse
from jaxload.inversion.noise import (
    Noise,
    common_rows,
    is_steady,
    is_uncorrelated,
    noise_at,
    noise_covariance,
    scaled_noise,
)

__all__ = ["EpochSystems", "epoch_systems"]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class EpochSystems:
    """The data-space systems of a record on the host, one epoch after the other.

    Attributes:
      gram: ``G C G'``, shape (row, row).
      response: Displacement by free fields, shape (row, null).
      noise: Of covariance ``beta^2 R``.
      seen: Where there are observations, shape (epoch, row).
      inverse: Saddle inverse of all rows that are ever seen, shape (row + null,
        row + null), for noise that is the same at all epochs; else None.
      steady: ``beta^2 R`` then, shape (row, row); else None.
      sigma: Standard errors of `noise` on the host.
      common: Variance of its common offset; None where there is none.
      moved: One at the rows that this moves, shape (row,).
    """

    gram: Floats
    response: Floats
    noise: Noise
    seen: NDArray[np.bool]
    inverse: Floats | None
    steady: Floats | None
    sigma: Floats
    common: Floats | None
    moved: Floats

    def image(self, right: Floats) -> Floats | None:
        """Multiply the inverse of all rows by columns, for `solve`.

        Args:
          right: Shape (row + null, column).

        Returns:
          The products, of the same shape; None where epochs share no inverse.
        """
        return None if self.inverse is None else self.inverse @ right

    def solve(self, epoch: int, right: Floats, image: Floats | None = None) -> Floats:
        """Multiply the saddle inverse of an epoch by columns.

        Args:
          epoch: Its number.
          right: Shape (row + null, column).
          image: From `image`, where several epochs have the same columns.

        Returns:
          Shape (row + null, column), zero at rows that are missing.
        """
        seen = self.seen[epoch]
        if self.inverse is None:
            return self._solved(epoch, right)
        missing = np.flatnonzero(~seen & (self.inverse.diagonal()[: len(seen)] != 0))
        known = np.append(seen, np.ones(self.response.shape[1], bool))
        image = self.inverse @ right if image is None else image
        if len(missing):
            block = self.inverse[np.ix_(missing, missing)]
            weights = np.linalg.solve(block, image[missing])
            image = image - self.inverse[:, missing] @ weights
        return np.where(known[:, None], image, 0.0)

    def noise_times(self, epoch: int, columns: Floats) -> Floats:
        """Multiply the covariance of the noise of an epoch, times ``beta^2``.

        Args:
          epoch: Its number.
          columns: Shape (row, column).

        Returns:
          The products, shape (row, column).
        """
        if not is_uncorrelated(self.noise):
            return self.noise_of(epoch) @ columns
        sigma = self.sigma if self.sigma.ndim == 1 else self.sigma[epoch]
        product = sigma[:, None] ** 2 * columns
        if self.common is None:
            return product
        variance = self.common if self.common.ndim == 0 else self.common[epoch]
        moved = self.moved[:, None]
        return product + variance * moved * (moved * columns).sum(axis=0)

    def _solved(self, epoch: int, right: Floats) -> Floats:
        index = np.flatnonzero(self.seen[epoch])
        count, null = len(self.gram), self.response.shape[1]
        whole = np.zeros((len(index) + null, len(index) + null))
        rows = slice(len(index))
        covariance = self.gram + self.noise_of(epoch)
        whole[rows, rows] = covariance[np.ix_(index, index)]
        whole[rows, len(index) :] = self.response[index]
        whole[len(index) :, rows] = self.response[index].T
        place = np.append(index, np.arange(count, count + null))
        result = np.zeros(right.shape)
        if len(place):
            result[place] = scipy.linalg.solve(whole, right[place], assume_a="sym")
        return result

    def noise_of(self, epoch: int) -> Floats:
        """Covariance of the noise of an epoch, shape (row, row), times ``beta^2``."""
        if self.steady is not None:
            return self.steady
        return np.asarray(noise_covariance(noise_at(self.noise, jnp.asarray(epoch))))


def epoch_systems(factor: Factor) -> EpochSystems:
    """Lay out the systems of a record for the host.

    Args:
      factor: Of the record, on one device.

    Returns:
      The `EpochSystems`.
    """
    problem, data = factor.problem, factor.data
    noise = scaled_noise(data.noise, factor.beta, data.seen)
    inverse = steady = None
    if is_steady(noise):
        steady = noise_covariance(noise)
        inverse = observed_saddle_inverse(
            problem.gram + steady, problem.null_space_response, data.seen.any(axis=0)
        )[1]
    host = lambda values: None if values is None else np.asarray(values, np.float64)
    return EpochSystems(
        gram=np.asarray(problem.gram, np.float64),
        response=np.asarray(problem.null_space_response, np.float64),
        noise=noise,
        seen=np.asarray(data.seen),
        inverse=host(inverse),
        steady=host(steady),
        sigma=np.asarray(noise.sigma, np.float64),
        common=host(noise.common),
        moved=np.asarray(common_rows(noise), np.float64),
    )
