"""A prior with a correlation length, differentiable in it."""

from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from jax.typing import ArrayLike

from jaxload._check import check_shapes, is_concrete
from jaxload.inversion.prior.roughness import make_roughness
from jaxload.inversion.prior.smoothness import Prior, prior_problem, scaled_prior
from jaxload.inversion.problem import Problem

__all__ = ["matern_prior", "matern_problem"]

#: The range over 1/decay of a Matern field of smoothness 1; Lindgren et al. (2011),
#: section 2.1. There the correlation has fallen to 0.14.
RANGE = np.sqrt(8.0)

#: Exchange across the rim, in units of the decay. Along a straight rim it keeps the
#: variance within 7% of that far inside: minimax of the half-plane's closed form.
#: Without exchange the variance would double there, with zero outside vanish.
EXCHANGE = 0.62


def matern_prior(
    terms: Sequence[sp.spmatrix | sp.sparray],
    length: ArrayLike,
    scale: ArrayLike | None = None,
) -> Prior:
    """Fields of unit variance whose correlation falls with distance, times a scale.

    The correlation at distance r is ``q K_1(q)`` with ``q = sqrt(8) r / length`` and
    the modified Bessel function K_1: the Matern covariance of smoothness 1, which is
    that of ``(k^2 - Laplacian) x = white noise`` in two dimensions. With the scale in
    mm, beta is 1. Differentiable in the length and the scale.

    Not for: lengths below about six cells. The grid adds 3% to the variance at a length
    of 12 cells, and more as its inverse square; corners and stairs of the rim change it
    by up to some 20%. ``scale=prior_variance(prior) ** -0.5`` makes it one everywhere.

    Args:
      terms: `jaxload.sphere.diffusion_terms` of the grid, or three such matrices for
        other cells.
      length: Distance at which the correlation has fallen to 0.14 [km], scalar,
        positive; may be traced.
      scale: Standard deviation of the load [mm], shape (cell,) or scalar; may be
        traced. One if not given.

    Returns:
      The `Prior`.

    Raises:
      ValueError: If the length or the scale is not positive, or shapes disagree.

    Example:
      >>> prior = matern_prior(sphere.diffusion_terms(grid), length=300.0, scale=50.0)
      >>> solution = solve(prior_problem(design, prior), data, beta=1.0)

    Source:
      Lindgren, Rue & Lindstrom (2011), doi:10.1111/j.1467-9868.2011.00777.x; exchange
      across the rim: Roininen, Huttunen & Lasanen (2014), doi:10.3934/ipi.2014.8.561.
    """
    matrices = [sp.csc_array(term) for term in terms]
    if len(matrices) != 3:
        raise ValueError(
            f"terms holds {len(matrices)} matrices, expected 3: root of the area, "
            "rim, flux; take sphere.diffusion_terms(grid)"
        )
    names = ("area", "rim", "flux")
    check_shapes(**{n: (m, "cell cell") for n, m in zip(names, matrices)})  # pyright: ignore[reportArgumentType]
    null = np.zeros((len(matrices[0].diagonal()), 0))
    return scaled_prior(make_roughness(matrices, _coefficients(length), null), scale)


def _coefficients(length: ArrayLike) -> ArrayLike:
    """Weights of the terms that give unit variance, shape (term,)."""
    if np.ndim(length):
        raise ValueError(f"length has shape {np.shape(length)}, expected a scalar")
    if not is_concrete(length):
        return _weights(jnp.asarray(length), jnp.stack)
    length = float(np.asarray(length))
    if not (np.isfinite(length) and length > 0):
        raise ValueError(
            f"length is {length:g}, expected a positive number of km; for cells that "
            "know nothing of each other take the identity as operator"
        )
    return _weights(np.float64(length), np.stack)


def _weights(length: Any, stack: Callable) -> ArrayLike:
    decay = RANGE / length
    # The equation with a unit right-hand side has variance 1 / (4 pi decay^2).
    return stack([decay, EXCHANGE + 0 * decay, 1 / decay]) / float(np.sqrt(4 * np.pi))


def matern_problem(
    design: ArrayLike,
    terms: Sequence[sp.spmatrix | sp.sparray],
    length: ArrayLike,
    scale: ArrayLike | None = None,
) -> Problem:
    """Prepare the inverse problem under a Matern prior, for any length and scale.

    The short way for ``prior_problem(design, matern_prior(terms, length, scale))``.
    Differentiable in `design`, `length` and `scale`, so that all of them can be fitted
    by their gradient; an evaluation factorises a sparse matrix on the host.

    Args:
      design: Displacement per unit load G [mm/mm], shape (station, cell).
      terms: As in `matern_prior`.
      length: As in `matern_prior` [km].
      scale: As in `matern_prior` [mm].

    Returns:
      The `Problem`.

    Raises:
      ValueError: As `matern_prior`, and if design and terms have different cells.
    """
    return prior_problem(design, matern_prior(terms, length, scale))
