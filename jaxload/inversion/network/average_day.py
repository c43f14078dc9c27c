"""A network of stations on an average day, and what each station is worth."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes, is_concrete
from jaxload.inversion.binding import Observations
from jaxload.inversion.estimation.factor import Factor, factor_of
from jaxload.inversion.linalg.saddle_point import determined, observed_saddle_inverse
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.noise import Noise, noise_covariance
from jaxload.inversion.prior.smoothness import Prior, prior_covariance
from jaxload.inversion.problem import Problem, Solution
from jaxload.inversion.sharding import without_shards

__all__ = [
    "MonitoringNetwork",
    "RemovalOrder",
    "monitoring_network",
    "region_weights",
    "removal_order",
    "station_losses",
]

#: Share of a row's variance that nothing else determines, below which it is rounding.
ROUNDING = 1e-12


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class MonitoringNetwork:
    """The stations of an average day and how well they determine regions.

    An average day has of every station the information that it brings per day: a
    station of standard error sigma that observes a share p of the days counts with
    ``sigma^2 / p``, one that observes none does not count.

    Attributes:
      problem: Design matrix and prior.
      noise: Of an average day; sigma of shape (row,), one where nothing is observed.
      excess: Variance that days without data add to that of a row's noise [mm2], shape
        (row,).
      observed: Which rows have data at all, shape (row,).
      beta: Weight of the prior, scalar.
      image: Prior covariance of the load of cells and the regions' means, up to
        1/beta^2, shape (cell, region).
      fields: Prior covariance of rows and means, up to 1/beta^2, and amounts of the
        free fields in the means, shape (row + null, region).
      inverse: Inverse of the data-space system with the free fields, shape
        (row + null, row + null).
      covariance: Posterior covariance of the regions' means [mm2], shape (region,
        region).
      prior: The prior by itself.
    """

    problem: Problem
    noise: Noise
    excess: Array
    observed: Array
    beta: Array
    image: Array
    fields: Array
    inverse: Array
    covariance: Array
    prior: Prior = dataclasses.field(metadata={"static": True})

    @property
    def variance(self) -> Array:
        """Posterior variance of the regions' means [mm2], shape (region,)."""
        return jnp.diag(self.covariance)


def monitoring_network(
    solution: Factor | Solution, prior: Prior, weights: ArrayLike
) -> MonitoringNetwork:
    """Reduce a record to the network of its average day, for the design of networks.

    Days without data are averaged as information, which is linear in them: the
    variances are a lower bound on the mean of those of single days, and equal to them
    where every station observes every day.

    Args:
      solution: From `solve` or `factorise`, of the epochs that are to be averaged.
      prior: The prior that its problem was made with.
      weights: Weight of each cell in the mean over each region [-], shape (region,
        cell).

    Returns:
      The `MonitoringNetwork`.

    Raises:
      ValueError: If shapes disagree, a weight is not finite, or the stations leave the
        free fields of the prior undetermined.

    Example:
      >>> network = inversion.monitoring_network(water, prior, basins.weights)
      >>> sd = network.variance**0.5
    """
    factor = factor_of(solution)
    problem, beta = factor.problem, factor.beta
    weights = jnp.asarray(weights, problem.design.dtype)
    check_shapes(
        design=(problem.design, "row cell"),
        weights=(weights, "region cell"),
        prior=(jnp.asarray(prior.null_space), "cell null"),
    )
    if is_concrete(weights) and not np.isfinite(np.asarray(weights)).all():
        raise ValueError(
            "weights hold numbers that are not finite; give cells that do not count a "
            "weight of zero"
        )
    noise, excess, observed = _average_day(without_shards(factor.data))
    _check_determined(problem, observed)
    image = prior_covariance(prior, weights.T)
    fields = _fields_of(problem, weights)
    matrix = problem.gram + beta**2 * (noise_covariance(noise) + jnp.diag(excess))
    response = problem.null_space_response
    inverse = observed_saddle_inverse(matrix, response, observed)[1]
    before = einsum("gc,cf->gf", weights, image)
    left = (before - einsum("rf,rs,sg->fg", fields, inverse, fields)) / beta**2
    covariance = (left + left.T) / 2
    return MonitoringNetwork(
        problem,
        noise,
        excess,
        observed,
        beta,
        image,
        fields,
        inverse,
        covariance,
        prior,
    )


def _fields_of(problem: Problem, weights: Array) -> Array:
    rows = einsum("fc,cr->rf", weights, problem.cross)
    amounts = einsum("fc,ck->kf", weights, problem.null_space)
    return jnp.concatenate([rows, amounts])


def _average_day(data: Observations) -> tuple[Noise, Array, Array]:
    """Noise of an average day, what missing days add to it, and who observes."""
    noise, seen = data.noise, data.seen
    share = jnp.mean(seen.astype(data.values.dtype), axis=0)
    observed = share > 0
    sigma = jnp.broadcast_to(noise.sigma, seen.shape)
    inverse_square = jnp.where(seen, 1 / jnp.where(seen, sigma, 1) ** 2, 0)
    information = jnp.mean(inverse_square, axis=0)
    variance = jnp.where(observed, 1 / jnp.where(observed, information, 1), 1)
    of_a_day = jnp.where(observed, variance * share, 1)
    common = None if noise.common is None else jnp.mean(jnp.asarray(noise.common))
    noise = dataclasses.replace(noise, sigma=jnp.sqrt(of_a_day), common=common)
    return noise, jnp.where(observed, variance - of_a_day, 0), observed


def _check_determined(problem: Problem, observed: Array) -> None:
    known = determined(problem.null_space_response, observed[None])
    if is_concrete(known) and not bool(known.all()):
        raise ValueError(
            f"{int(observed.sum())} stations with data leave fields that the prior "
            "does not penalise undetermined, so that regions have no standard "
            "deviation; take more stations, or a prior without free fields"
        )


def region_weights(weights: ArrayLike | None, regions: int) -> NDArray[np.float64]:
    """Check how regions weigh against each other.

    Args:
      weights: Weight of each region's variance [-], not negative, shape (region,); all
        the same if not given.
      regions: How many there are.

    Returns:
      Weights that add up to 1.

    Raises:
      ValueError: If there are more or fewer, one is negative or not finite, or all are
        zero.
    """
    values = np.ones(regions) if weights is None else np.asarray(weights, float)
    if values.shape != (regions,):
        raise ValueError(
            f"weights have shape {values.shape}, but there are {regions} regions; give "
            "one weight for each"
        )
    if not (np.isfinite(values).all() and (values >= 0).all() and values.any()):
        raise ValueError(
            f"weights of regions are {', '.join(f'{x:g}' for x in values)}, expected "
            "numbers that are not negative, one of them positive"
        )
    return values / values.sum()


def station_losses(network: MonitoringNetwork) -> Array:
    """Compute by how much variances grow where one station is left out, exact.

    Args:
      network: From `monitoring_network`.

    Returns:
      Growth of the posterior variance of each region without each row [mm2], shape
      (row, region); zero for rows without data, infinite where only that row
      determines a free field of the prior.

    Example:
      >>> losses = inversion.station_losses(network)
      >>> least = losses.sum(axis=1).argsort()[:5]

    Source:
      Deletion from an inverse: Golub & Van Loan (2013), Matrix Computations, section
      2.1.4.
    """
    rows = len(network.observed)
    image = einsum("rs,sf->rf", network.inverse, network.fields)[:rows]
    pivot = jnp.diag(network.inverse)[:rows]
    scale = jnp.diag(network.problem.gram) + network.beta**2 * network.noise.sigma**2
    sole = network.observed & (pivot * scale < ROUNDING)
    kept = network.observed & ~sole
    loss = image**2 / jnp.where(kept, pivot, 1)[:, None] / network.beta**2
    return jnp.where(sole[:, None], jnp.inf, jnp.where(kept[:, None], loss, 0))


@dataclasses.dataclass(frozen=True, eq=False)
class RemovalOrder:
    """Stations that matter least, each after those before it have gone.

    Attributes:
      rows: In the order in which they are left out, shape (removed,).
      variance: Posterior variance of the regions [mm2] with all stations and after
        each removal, shape (removed + 1, region).
    """

    rows: NDArray[np.int64]
    variance: NDArray[np.float64]


def removal_order(
    network: MonitoringNetwork, count: int, *, weights: ArrayLike | None = None
) -> RemovalOrder:
    """Leave out stations one after the other, each time that which matters least.

    Two neighbours that replace each other matter little as long as both are there;
    here the second counts as the only one once the first has gone.

    Args:
      network: From `monitoring_network`.
      count: How many are left out, at least 1 and fewer than have data.
      weights: Weight of each region's variance [-], shape (region,); all the same if
        not given.

    Returns:
      The `RemovalOrder`.

    Raises:
      ValueError: If there are not so many stations, or weights are none.
    """
    share = region_weights(weights, len(network.covariance))
    observed = np.array(network.observed)
    most = max(int(observed.sum()) - 1, 0)
    if not 1 <= count <= most:
        raise ValueError(
            f"count is {count}, expected from 1 to {most}: {most + 1} stations have "
            "data and one has to stay"
        )
    rows, variance = [], [np.asarray(network.variance)]
    for _ in range(count):
        loss = np.asarray(station_losses(network))
        score = np.where(observed, loss @ share, np.inf)
        row = int(np.argmin(score))
        if not np.isfinite(score[row]):
            raise ValueError(
                f"only {len(rows)} stations can be left out before the others leave "
                "fields undetermined that the prior does not penalise; take a "
                "smaller count"
            )
        observed[row] = False
        network = _without_row(network, row)
        rows.append(row)
        variance.append(np.asarray(network.variance))
    return RemovalOrder(np.array(rows), np.stack(variance))


def _without_row(network: MonitoringNetwork, row: int) -> MonitoringNetwork:
    """The network that is left, by a change of rank one."""
    column = network.inverse[:, row]
    image = einsum("r,rf->f", column, network.fields)
    inverse = network.inverse - column[:, None] * column[None, :] / column[row]
    grown = image[:, None] * image[None, :] / column[row] / network.beta**2
    return dataclasses.replace(
        network,
        observed=network.observed.at[row].set(False),
        inverse=inverse.at[row].set(0).at[:, row].set(0),
        covariance=network.covariance + grown,
    )
