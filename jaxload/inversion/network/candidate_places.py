"""What observations at candidate places have in common with regions and stations."""

import dataclasses
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes, is_concrete
from jaxload.inversion.binding import check_finite, check_positive
from jaxload.inversion.linalg.spd import einsum, inverse
from jaxload.inversion.network.average_day import MonitoringNetwork
from jaxload.inversion.noise import common_rows
from jaxload.inversion.prior.smoothness import prior_covariance

__all__ = [
    "CandidateCovariance",
    "Candidates",
    "candidate_covariance",
    "candidate_gains",
    "candidates",
    "covariance_with",
    "covariances_between",
]

#: Candidates of which the prior covariance with all cells is held at a time.
TOGETHER = 1024


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Candidates:
    """Places where a station could stand, from `candidates`.

    Attributes:
      design: Displacement per unit load [mm/mm], shape (candidate, cell).
      sigma: Standard error of an average day [mm], shape (candidate,).
      common: One where the common offset of the network's noise moves a candidate,
        zero elsewhere, shape (candidate,).
      correlation: Of the noise of candidates with that of the network's rows and,
        behind these, with each other [-], shape (candidate, row + candidate); None for
        none.
    """

    design: Array
    sigma: Array
    common: Array
    correlation: Array | None = None


def candidates(
    design: ArrayLike,
    sigma: ArrayLike,
    *,
    common: ArrayLike | None = None,
    correlation: ArrayLike | None = None,
) -> Candidates:
    """Describe places where a station could stand.

    Args:
      design: Displacement of each by unit load of each cell [mm/mm], shape (candidate,
        cell).
      sigma: Standard error of a day [mm], positive, scalar or shape (candidate,); of a
        station that would observe a share p of the days, divided by the root of p.
      common: Whether the common offset of the network's noise moves them, shape
        (candidate,); all if not given.
      correlation: Correlation of their noise with that of the network's rows and with
        each other [-], shape (candidate, row + candidate); none if not given.

    Returns:
      The `Candidates`.

    Raises:
      ValueError: If shapes disagree, there is no candidate, the design is not finite
        or a standard error not positive.

    Example:
      >>> places = inversion.candidates(new_design, sigma=4.0)
    """
    design = jnp.asarray(design)
    check_shapes(design=(design, "candidate cell"))
    if not design.size:
        raise ValueError(
            f"design has shape {design.shape}, expected at least one candidate and "
            "cell; has a selection left nothing?"
        )
    count, dtype = len(design), design.dtype
    sigma = jnp.broadcast_to(jnp.asarray(sigma, dtype), count)
    moved = jnp.ones(count, dtype) if common is None else jnp.asarray(common, dtype)
    check_shapes(design=(design, "candidate cell"), common=(moved, "candidate"))
    check_finite("design", design, "every cell moves every place by some amount")
    check_positive("sigma", sigma, "a candidate needs a standard error")
    if correlation is not None:
        correlation = jnp.asarray(correlation, dtype)
        check_shapes(
            design=(design, "candidate cell"),
            correlation=(correlation, "candidate other"),
        )
    return Candidates(design, sigma, moved, correlation)


@dataclasses.dataclass(frozen=True, eq=False)
class CandidateCovariance:
    """Covariances of the observations that candidates would make, given the network.

    Attributes:
      regions: With the regions' means [mm2], shape (region, candidate).
      variance: Of each observation, noise and all [mm2], shape (candidate,).
      fields: Prior covariance with the rows and amounts of the free fields, up to
        1/beta^2, shape (row + null, candidate).
    """

    regions: Array
    variance: Array
    fields: Array


def candidate_covariance(
    network: MonitoringNetwork, places: Candidates
) -> CandidateCovariance:
    """Compute covariances of the observations of candidates, given the network's.

    Args:
      network: From `monitoring_network`.
      places: From `candidates`.

    Returns:
      The `CandidateCovariance`.

    Raises:
      ValueError: If shapes disagree, or the network's noise is correlated and that of
        the candidates is not described.
    """
    _check(network, places)
    parts = []
    for some in _slices(places.design):
        here = _some(network, places, some)
        image = prior_covariance(network.prior, here.design.T)
        parts.append(_covariance(_without_prior(network), here, image))
    regions, variance, fields = (jnp.concatenate(x, axis=-1) for x in zip(*parts))
    return CandidateCovariance(regions, variance, fields)


def candidate_gains(network: MonitoringNetwork, places: Candidates) -> Array:
    """Compute by how much a station at each candidate place lowers variances, exact.

    A station more is a change of rank one in data space: the variance of a mean falls
    by the square of its covariance with the new observation over the variance of that.
    Differentiable in the design of the candidates, and through it in their places; a
    traced design needs JAX in float64 globally.

    Args:
      network: From `monitoring_network`.
      places: From `candidates`.

    Returns:
      Fall of the posterior variance of each region by each candidate alone [mm2],
      shape (candidate, region).

    Raises:
      ValueError: As `candidate_covariance`.

    Example:
      >>> gains = inversion.candidate_gains(network, inversion.candidates(design, 4.0))
      >>> best = gains[:, 0].argmax()

    Source:
      Tarantola (2005), Inverse Problem Theory, ch. 3, doi:10.1137/1.9780898717921.
    """
    together = candidate_covariance(network, places)
    return (together.regions**2 / together.variance[None, :]).T


def covariance_with(
    network: MonitoringNetwork, places: Candidates, image: Array | None = None
) -> Array:
    """Compute the posterior covariance of regions with all candidates added.

    Differentiable as `candidate_gains`.

    Args:
      network: From `monitoring_network`.
      places: From `candidates`, a few.
      image: Their prior covariance with the load of cells up to 1/beta^2, shape (cell,
        candidate), if it is known.

    Returns:
      Covariance of the regions' means [mm2], shape (region, region).

    Raises:
      ValueError: As `candidate_covariance`.
    """
    _check(network, places)
    if image is None:
        image = prior_covariance(network.prior, places.design.T)
    return _covariance_with(_without_prior(network), places, image)


def covariances_between(
    network: MonitoringNetwork,
    places: Candidates,
    known: CandidateCovariance,
    index: NDArray[np.int64],
) -> Array:
    """Compute covariances of some candidates' observations with all candidates'.

    Args:
      network: From `monitoring_network`.
      places: All candidates.
      known: Theirs, from `candidate_covariance`.
      index: Which, shape (some,).

    Returns:
      Covariance given the network's observations, noise and all [mm2], shape (some,
      candidate).
    """
    image = prior_covariance(network.prior, places.design[index].T)
    return _between(_without_prior(network), places, known.fields, index, image)


def _check(network: MonitoringNetwork, places: Candidates) -> None:
    check_shapes(
        design=(network.problem.design, "row cell"),
        candidates=(places.design, "candidate cell"),
    )
    if network.noise.patterns is not None:
        raise ValueError(
            "the noise of the network has patterns that its rows share, but how they "
            "move candidates is not known; leave Noise.patterns out"
        )
    if places.correlation is not None:
        count = len(network.observed) + len(places.design)
        if places.correlation.shape[1] != count:
            raise ValueError(
                f"correlation has {places.correlation.shape[1]} columns, expected "
                f"{count}: the network's rows and, behind them, the candidates"
            )
    elif network.noise.correlation is not None:
        raise ValueError(
            "the noise of the network is correlated between rows, but candidates have "
            "no correlation with them; give it as correlation= of candidates"
        )


def _without_prior(network: MonitoringNetwork) -> MonitoringNetwork:
    """The arrays of a network, as programs take them: priors live on the host."""
    return dataclasses.replace(network, prior=None)  # pyright: ignore[reportArgumentType]


def _slices(design: Array) -> Iterator[NDArray[np.int64]]:
    whole = np.arange(len(design))
    parts = -(-len(design) // TOGETHER) if is_concrete(design) else 1
    yield from np.array_split(whole, parts)


def _some(
    network: MonitoringNetwork, places: Candidates, some: NDArray[np.int64]
) -> Candidates:
    """Some candidates, with their correlation with the rows."""
    if len(some) == len(places.design):
        some = slice(None)  # pyright: ignore[reportAssignmentType]
    rows = len(network.observed)
    correlation = places.correlation
    return Candidates(
        places.design[some],
        places.sigma[some],
        places.common[some],
        None if correlation is None else correlation[some, :rows],
    )


def _with_rows(network: MonitoringNetwork, places: Candidates) -> Array:
    """``[G C g' + beta^2 R; F' g]`` of candidates g, shape (row + null, candidate)."""
    problem, noise = network.problem, network.noise
    rows = einsum("kc,cr->rk", places.design, problem.cross)
    shared = jnp.zeros_like(rows)
    if noise.common is not None:
        shared += noise.common * common_rows(noise)[:, None] * places.common[None, :]
    if places.correlation is not None:
        near = places.correlation[:, : len(rows)].T
        shared += noise.sigma[:, None] * near * places.sigma[None, :]
    amounts = einsum("kc,cn->nk", places.design, problem.null_space)
    return jnp.concatenate([rows + network.beta**2 * shared, amounts])


def _common_variance(network: MonitoringNetwork) -> Array | float:
    return 0.0 if network.noise.common is None else network.noise.common


def _regions(network: MonitoringNetwork, places: Candidates, fields: Array) -> Array:
    """Covariance with the regions times beta^2, shape (region, candidate)."""
    linked = einsum("rf,rs,sk->fk", network.fields, network.inverse, fields)
    return einsum("kc,cf->fk", places.design, network.image) - linked


@jax.jit
def _covariance(
    network: MonitoringNetwork, places: Candidates, image: Array
) -> tuple[Array, Array, Array]:
    fields, square = _with_rows(network, places), network.beta**2
    regions = _regions(network, places, fields) / square
    before = einsum("kc,ck->k", places.design, image)
    weighted = einsum("rs,sk->rk", network.inverse, fields)
    left = (before - jnp.sum(fields * weighted, axis=0)) / square
    noise = places.sigma**2 + _common_variance(network) * places.common**2
    return regions, left + noise, fields


@jax.jit
def _covariance_with(
    network: MonitoringNetwork, places: Candidates, image: Array
) -> Array:
    fields, square = _with_rows(network, places), network.beta**2
    regions = _regions(network, places, fields) / square
    index = jnp.arange(len(places.sigma))
    between = _between_all(network, places, fields, index, image)
    joint = inverse((between + between.T) / 2)
    covariance = network.covariance - einsum("fk,kl,gl->fg", regions, joint, regions)
    return (covariance + covariance.T) / 2


def _between_all(
    network: MonitoringNetwork,
    places: Candidates,
    fields: Array,
    index: Array,
    image: Array,
) -> Array:
    before = einsum("ci,kc->ik", image, places.design)
    weighted = einsum("rs,si->ri", network.inverse, fields[:, index])
    left = (before - einsum("ri,rk->ik", weighted, fields)) / network.beta**2
    moved, sigma = places.common, places.sigma
    noise = _common_variance(network) * moved[index][:, None] * moved[None, :]
    same = index[:, None] == jnp.arange(len(sigma))[None, :]
    near = same.astype(sigma.dtype)
    if places.correlation is not None:
        rows = len(network.observed)
        near = jnp.where(same, 1, places.correlation[index, rows:])
    return left + noise + sigma[index][:, None] * near * sigma[None, :]


_between = jax.jit(_between_all)
