"""Known series of stations, such as temperature, whose amplitudes the data choose.

A station moves with a series of its own beside the load: ``d_t = G x_t + diag(f_t) a +
n_t`` with amplitudes ``a ~ N(m, diag(s^2))`` that no other station shares. Amplitudes
and load are estimated together, exactly: given the amplitudes every epoch is a problem
of its own, and what all epochs say of them adds up to a system of one unknown a row.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes
from jaxload.inversion.binding import Observations
from jaxload.inversion.estimation.eliminated_systems import (
    eliminated_information,
    is_eliminated,
)
from jaxload.inversion.estimation.factor import Factor, factorise
from jaxload.inversion.linalg.saddle_point import observed_inverse
from jaxload.inversion.noise import each_epoch, noise_covariance, scaled_noise
from jaxload.inversion.problem import Problem
from jaxload.inversion.sharding import require_one_device
from jaxload.inversion.uncertainty.functionals import Functionals

__all__ = [
    "AmplitudePrior",
    "StationAmplitudes",
    "amplitude_variance",
    "posterior_amplitudes",
    "station_amplitudes",
]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class AmplitudePrior:
    """Prior of the amplitudes of all rows.

    Attributes:
      sd: Standard deviation [mm per unit of the series], scalar; 0 holds the mean.
      mean: The same of every row [mm per unit of the series], scalar.
    """

    sd: float
    mean: float = 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class StationAmplitudes:
    """Amplitudes of known series of stations, and how well the data know them.

    Attributes:
      amplitude: Posterior mean [mm per unit of the series], shape (row,).
      covariance: Of its error, shape (row, row).
      evidence_gain: By how much the term raises the log evidence of the data over that
        with the prior mean held, scalar.
    """

    amplitude: Floats
    covariance: Floats
    evidence_gain: float

    @property
    def sd(self) -> Floats:
        """Posterior standard deviation [mm per unit of the series], shape (row,)."""
        return np.sqrt(np.diagonal(self.covariance))


def posterior_amplitudes(
    weighted_data: ArrayLike, information: ArrayLike, prior: AmplitudePrior
) -> StationAmplitudes:
    """Compute amplitudes from their prior and the information in the data.

    Args:
      weighted_data: ``sum_t f V^-1 d``, d the data about the prior mean of the
        amplitudes, shape (row,).
      information: ``sum_t diag(f) V^-1 diag(f)``, shape (row, row).
      prior: Of the amplitudes.

    Returns:
      The `StationAmplitudes`.
    """
    right, sd = np.asarray(weighted_data, np.float64), prior.sd
    information = np.asarray(information, np.float64)
    # Times the prior's deviations, so that one of 0 is no division by it.
    system = np.eye(len(right)) + sd**2 * (information + information.T) / 2
    covariance = sd**2 * np.linalg.inv(system)
    covariance = (covariance + covariance.T) / 2
    change = covariance @ right
    gain = (right @ change - np.linalg.slogdet(system)[1]) / 2
    return StationAmplitudes(prior.mean + change, covariance, float(gain))


def station_amplitudes(
    problem: Problem,
    data: Observations,
    beta: ArrayLike,
    series: ArrayLike,
    *,
    prior: AmplitudePrior,
    known: tuple[ArrayLike, ArrayLike] | None = None,
) -> StationAmplitudes:
    """Estimate the amplitudes of known series beside the load.

    ``solve`` of the data without ``series * amplitude`` then gives the load of the
    joint estimate, gaps and all.

    Not for: priors that leave fields free; series that recur as the load does, such as
    seasons, which epochs that are independent beforehand leave to the series.

    Args:
      problem: Design matrix and prior.
      data: From `observations`.
      beta: Weight of the prior, scalar.
      series: Of each row, finite where there are data, shape (epoch, row).
      prior: Of the amplitudes.
      known: What is known of the amplitudes besides, as the arguments of
        `posterior_amplitudes`: weighted data, shape (row,), and information, shape
        (row, row).

    Returns:
      The `StationAmplitudes`.

    Raises:
      ValueError: As `factorise`, if a series is not finite where there are data, or if
        the prior leaves fields free.

    Example:
      >>> warmth = temperature - temperature.mean(axis=0)
      >>> prior = inversion.AmplitudePrior(sd=0.1)
      >>> term = inversion.station_amplitudes(
      ...     problem, data, 0.02, warmth, prior=prior
      ... )
      >>> rest = displacement - warmth * term.amplitude

    Source:
      Explicit basis functions with a Gaussian prior: Rasmussen & Williams (2006),
      Gaussian Processes for Machine Learning, section 2.7.
    """
    factor, moves = _bound(problem, data, beta, series)
    about = factor.data.values - moves * prior.mean
    factor = dataclasses.replace(
        factor, data=dataclasses.replace(factor.data, values=about)
    )
    data, weight = factor.data, factor.beta**2
    multiplier = factor.solved.multiplier
    right = weight * jnp.sum(jnp.where(data.seen, moves * multiplier, 0), axis=0)
    if is_eliminated(data, problem, factor.beta):
        total = eliminated_information(problem, data, factor.beta, np.asarray(moves))
        information = float(weight) * total
    else:
        information = weight * _information(problem, data, factor.beta, moves)
    if known is not None:
        right, information = right + known[0], information + known[1]
    return posterior_amplitudes(right, information, prior)


def _bound(
    problem: Problem, data: Observations, beta: ArrayLike, series: ArrayLike
) -> tuple[Factor, Array]:
    """The factor of the data, and the series, zero where there are none."""
    factor = factorise(problem, data, beta)
    require_one_device(data)
    if problem.null_space_response.shape[1]:
        raise ValueError(
            "the prior leaves fields free, beside which amplitudes of stations are not "
            "estimated; use the boundary 'zero', or a ridge"
        )
    series = jnp.asarray(series, factor.data.values.dtype)
    check_shapes(data=(factor.data.values, "epoch row"), series=(series, "epoch row"))
    seen = factor.data.seen
    lost = int(np.sum(np.asarray(seen & ~jnp.isfinite(series))))
    if lost:
        raise ValueError(
            f"series is not finite at {lost} of {int(seen.sum())} observations; leave "
            "these out, or complete it"
        )
    return factor, jnp.where(seen, series, 0)


@jax.jit
def _information(
    problem: Problem, data: Observations, beta: Array, series: Array
) -> Array:
    """``sum_t diag(f) A_oo^-1 diag(f)``, an inverse each epoch, shape (row, row)."""
    seen = data.seen
    noise = scaled_noise(data.noise, beta, seen)

    def add(total: Array, epoch: tuple) -> tuple[Array, None]:
        (sigma, common), seen, series = epoch
        here = dataclasses.replace(noise, sigma=sigma, common=common)
        inverse, _ = observed_inverse(problem.gram + noise_covariance(here), seen)
        return total + series[:, None] * inverse * series[None, :], None

    epochs = (each_epoch(noise, len(seen)), seen, series)
    return jax.lax.scan(add, jnp.zeros_like(problem.gram), epochs)[0]


def amplitude_variance(
    problem: Problem,
    data: Observations,
    beta: ArrayLike,
    series: ArrayLike,
    *,
    covariance: ArrayLike,
    functionals: Functionals,
) -> Floats:
    """Compute by how much unknown amplitudes raise the variance of functionals.

    Args:
      problem: As for `station_amplitudes`.
      data: Likewise; only which are missing counts, and their noise.
      beta: Likewise.
      series: Likewise.
      covariance: Of the amplitudes, shape (row, row).
      functionals: Few, from `averages` or `some_cells`.

    Returns:
      What adds to `posterior_sd` squared [mm2], shape (epoch, functional).

    Raises:
      ValueError: As `station_amplitudes`.
    """
    factor, known = _bound(problem, data, beta, series)
    covariance, added = np.asarray(covariance, np.float64), []
    for cross in functionals.cross:
        side = jnp.where(factor.data.seen, cross[None, :], jnp.nan)
        of_side = dataclasses.replace(factor.data, values=side)
        share = Factor(problem, of_side, factor.beta).solved.multiplier
        # By how much the functional follows each amplitude.
        pull = np.asarray(jnp.where(factor.data.seen, share * known, 0), np.float64)
        added.append(np.einsum("er,er->e", pull @ covariance, pull))
    return np.stack(added, axis=1)
