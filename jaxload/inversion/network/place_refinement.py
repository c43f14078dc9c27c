"""New stations moved to better places, by the gradient of what they gain."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray
from scipy.optimize import minimize

from jaxload._check import check_shapes
from jaxload.inversion.network.average_day import MonitoringNetwork, region_weights
from jaxload.inversion.network.candidate_places import (
    candidates,
    covariance_with,
)
from jaxload.inversion.prior.smoothness import prior_covariance

__all__ = ["RefinedPlaces", "refine_places"]

Floats = NDArray[np.float64]
#: Design matrix of stations at longitudes and latitudes.
Response = Callable[[ArrayLike, ArrayLike], Array]

#: Steps of the search, at most.
STEPS = 100


@dataclasses.dataclass(frozen=True, eq=False)
class RefinedPlaces:
    """Places after they were moved.

    Attributes:
      lon: Longitude [degrees], shape (station,).
      lat: Latitude [degrees], shape (station,).
      variance: Posterior variance of the regions with all of them [mm2], shape
        (region,).
      start: The same at the places where they began [mm2], shape (region,).
    """

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    variance: NDArray[np.float64]
    start: NDArray[np.float64]


def refine_places(
    network: MonitoringNetwork,
    response: Response,
    places: tuple[ArrayLike, ArrayLike],
    sigma: ArrayLike,
    *,
    reach: float,
    weights: ArrayLike | None = None,
) -> RefinedPlaces:
    """Move new stations together to where they lower variances most.

    Minimised is the weighted mean of the regions' posterior variances, by the gradient
    in all longitudes and latitudes at once (L-BFGS-B), within a box about each start.
    The minimum is a local one: start where `design_network` ends.

    Args:
      network: From `monitoring_network`.
      response: Design matrix of stations at longitudes and latitudes [degrees], each
        of shape (station,), differentiable, each row by its station's place only, as
        of `jaxload.earth.uplift_at`.
      places: Longitude and latitude to begin at [degrees], each of shape (station,).
      sigma: Standard error of an average day [mm], scalar or shape (station,).
      reach: How far each may move in longitude and in latitude [degrees], positive.
      weights: Weight of each region's variance [-], shape (region,); all the same if
        not given.

    Returns:
      The `RefinedPlaces`, never worse than the start.

    Raises:
      ValueError: If shapes disagree, the reach is not positive, or the noise of the
        network is correlated between rows.

    Example:
      >>> response = earth.uplift_at(kernel, grid)
      >>> moved = inversion.refine_places(
      ...     network, response, (lon, lat), 4.0, reach=0.1
      ... )
    """
    lon, lat = (np.atleast_1d(np.asarray(x, float)) for x in places)
    check_shapes(lon=(lon, "station"), lat=(lat, "station"))
    if not 0 < reach < 90:
        raise ValueError(f"reach is {reach:g}, expected degrees above 0")
    share = jnp.asarray(region_weights(weights, len(network.covariance)))
    start = np.concatenate([lon, lat])
    value_at = lambda at: _value_and_slope(network, response, at, sigma, share)
    first = value_at(start)[0]
    scaled = lambda at: tuple(x / first for x in value_at(at))
    ended = minimize(
        scaled,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=_limits(lon, lat, reach),
        options={"maxiter": STEPS, "ftol": 1e-10, "gtol": 1e-9},
    )
    best = ended.x if ended.fun < 1 else start
    before, after = (_variance(network, response, at, sigma) for at in (start, best))
    return RefinedPlaces(*np.split(best, 2), variance=after, start=before)


def _limits(lon: Floats, lat: Floats, reach: float) -> Floats:
    """Least and largest longitudes, then latitudes, shape (2 * station, 2)."""
    low = np.concatenate([lon - reach, np.maximum(lat - reach, -90)])
    high = np.concatenate([lon + reach, np.minimum(lat + reach, 90)])
    return np.stack([low, high], axis=1)


def _variance(
    network: MonitoringNetwork, response: Response, at: Floats, sigma: ArrayLike
) -> Floats:
    stations = candidates(response(*np.split(at, 2)), sigma)
    return np.diag(np.asarray(covariance_with(network, stations)))


def _value_and_slope(
    network: MonitoringNetwork,
    response: Response,
    at: Floats,
    sigma: ArrayLike,
    share: Array,
) -> tuple[float, Floats]:
    """The weighted variance and its slope along longitudes and latitudes.

    Solutions with the prior are taken outside the program that is differentiated: the
    prior is symmetric, so that the slope goes back through it as values go forward.
    A station's entries depend on its place only: two directions serve for all.
    """
    places = jnp.split(jnp.asarray(at), 2)
    one, zero = jnp.ones_like(places[0]), jnp.zeros_like(places[0])
    design, by_lon = jax.jvp(response, places, [one, zero])
    by_lat = jax.jvp(response, places, [zero, one])[1]
    stations = candidates(design, sigma)
    image = prior_covariance(network.prior, stations.design.T)

    def value_of(design: Array, image: Array) -> Array:
        here = dataclasses.replace(stations, design=design)
        return jnp.diag(covariance_with(network, here, image)) @ share

    value, slopes = jax.value_and_grad(value_of, argnums=(0, 1))(design, image)
    along = slopes[0] + prior_covariance(network.prior, slopes[1]).T
    slope = [np.sum(along * each, axis=1) for each in (by_lon, by_lat)]
    return float(value), np.concatenate(slope)
