"""Means of water over periods, as of gravimetry or wells, among the training data."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from jax import Array
from numpy.typing import NDArray

from jaxload.inversion import (
    BoundMeans,
    ObservedMeans,
    PeriodModel,
    bind_means,
)
from jaxload.inversion.assimilation.mean_evidence import period_averages
from jaxload.inversion.prior.smoothness import Prior

__all__ = [
    "MOST_MEANS",
    "MeanRows",
    "less_predicted",
    "make_mean_rows",
    "means_less_load",
    "station_like_residuals",
]

#: Observed means whose covariance is inverted as one matrix at every step.
MOST_MEANS = 2000

#: Days that are independent of each other, and means with the errors that they state.
INDEPENDENT = PeriodModel()


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class MeanRows:
    """Observed means of water over periods, and how a network predicts them.

    Attributes:
      observed: The means, less those of the prior mean where it is subtracted.
      of_places: Mean by a unit of load at a place [mm/mm], shape (mean, place); of no
        place in the form of displacement.
      model: How load and noise persist beside the prior mean, and how good means are.
    """

    observed: BoundMeans
    of_places: Array
    model: PeriodModel = dataclasses.field(
        default=INDEPENDENT, metadata={"static": True}
    )


def make_mean_rows(
    means: ObservedMeans,
    prior: Prior,
    to_cells: NDArray[np.float64] | sp.csr_array | None = None,
    model: PeriodModel = INDEPENDENT,
) -> MeanRows:
    """Lay observed means out as training data.

    Args:
      means: The observations.
      prior: The prior of the inversion.
      to_cells: Interpolation from places of the network to cells, shape (cell, place);
        None where the network predicts displacement.
      model: How load and noise persist.

    Returns:
      The `MeanRows`.

    Raises:
      ValueError: If there are too many means for one matrix, or none at any epoch.
    """
    bound = bind_means(means, prior)
    periods, count = bound.values.shape
    if periods * count > MOST_MEANS:
        raise ValueError(
            f"{count} means in {periods} periods are more than {MOST_MEANS}, by which "
            "a network can be trained; take larger footprints or regions, or fewer "
            "wells"
        )
    of_places = np.zeros((len(means.design), 0))
    if to_cells is not None:
        of_places = np.asarray((to_cells.T @ means.design.T).T)
    return MeanRows(bound, jnp.asarray(of_places), model)


def means_less_load(rows: MeanRows, load: Array) -> MeanRows:
    """Subtract the means of a load that a network predicts.

    Args:
      rows: The observed means.
      load: At the places of the network [mm], shape (epoch, place).

    Returns:
      The `MeanRows` of what is left.
    """
    predicted = jnp.einsum("ep,mp->em", load, rows.of_places)
    return less_predicted(rows, predicted)


def less_predicted(rows: MeanRows, predicted: Array) -> MeanRows:
    """Subtract means that are predicted at every epoch.

    Args:
      rows: The observed means.
      predicted: Mean of the load at every epoch [mm], shape (epoch, mean).

    Returns:
      The `MeanRows` of what is left.
    """
    observed = rows.observed
    left = observed.values - period_averages(observed, predicted)
    return dataclasses.replace(
        rows, observed=dataclasses.replace(observed, values=left)
    )


def station_like_residuals(rows: MeanRows) -> tuple[Array, Array]:
    """Residuals of means without drifts, and their standard errors, as of stations.

    Args:
      rows: Less what a network predicts.

    Returns:
      Residuals [mm], shape (period, mean), NaN where nothing is observed; and standard
      errors [mm], shape (mean,).
    """
    observed = rows.observed
    fit = functools.partial(_without_drift, observed.drift)
    sigma = rows.model.error_factor * jnp.sqrt(jnp.diagonal(observed.covariance))
    return jax.vmap(fit, in_axes=1, out_axes=1)(observed.values), sigma


def _without_drift(drift: Array, values: Array) -> Array:
    seen = jnp.isfinite(values)
    terms = jnp.where(seen[:, None], drift, 0)
    normal = terms.T @ terms
    # A mean with fewer months than functions keeps what these cannot determine.
    ridge = 1e-9 * (1 + jnp.trace(normal)) * jnp.eye(len(normal), dtype=normal.dtype)
    amounts = jnp.linalg.solve(normal + ridge, terms.T @ jnp.where(seen, values, 0))
    return values - drift @ amounts
