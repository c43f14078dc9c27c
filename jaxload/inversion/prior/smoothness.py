"""Priors of the load: roughness, scale, free fields."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes, is_concrete
from jaxload.inversion.linalg.selected_inverse import inverse_diagonal
from jaxload.inversion.linalg.sparse_cholesky import factorised
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.prior.normal_solver import pinned_normal
from jaxload.inversion.prior.roughness import (
    Roughness,
    apply_transposed,
    assembled,
    free_roughness,
    make_roughness,
    solve_normal,
)
from jaxload.inversion.problem import Problem, normal_matrix

__all__ = [
    "Prior",
    "field_prior",
    "prior_covariance",
    "prior_problem",
    "prior_samples",
    "prior_variance",
    "scaled_prior",
    "smooth_prior",
    "smooth_problem",
]

#: Least singular value of fields relative to the largest, below which they depend on
#: each other.
DEPENDENT = 1e-10


@dataclasses.dataclass(frozen=True, eq=False)
class Prior:
    """The load is ``x = S y + free fields``, with ``|L y|^2`` small.

    Its covariance up to 1/beta^2 is ``C = S (L'L)^-1 S``; where L leaves fields free,
    C is that of the part of x without them. Lives on the host: make it outside `jit`,
    unless only its scale or coefficients are traced.

    Where the load is a combination of a few fields it has no L, and C is ``F F'``.

    Attributes:
      roughness: The operator L and how to invert it; None where there are `fields`.
      null_space: Orthonormal basis of S times the fields with ``L y = 0``, shape (cell,
        null); null is 0 where there are none.
      scale: Diagonal of S [mm or -], shape (cell,); None where it is one.
      fields: The fields F of which the load is a combination, shape (cell, field); None
        for any load.
    """

    roughness: Roughness | None
    null_space: ArrayLike
    scale: ArrayLike | None
    fields: ArrayLike | None = None


def smooth_prior(
    operator: sp.spmatrix | sp.sparray,
    null_space: ArrayLike | None = None,
    scale: ArrayLike | None = None,
) -> Prior:
    """The prior under which ``|L (x / scale)|^2`` is small.

    An operator that leaves some fields y unpenalised, as a Laplacian with a free
    boundary leaves a constant, has no inverse ``(L'L)^-1``: those fields, times the
    scale, are then estimated beside the load, exactly, as a drift is in kriging.

    Args:
      operator: Roughness L, sparse, shape (row, cell): a Laplacian, first
        differences, the identity for ridge regression.
      null_space: Fields with ``L y = 0``, shape (cell, null); found if not given.
      scale: Expected amplitude of each cell, positive, shape (cell,); may be traced.
        One if not given.

    Returns:
      The `Prior`.

    Raises:
      ValueError: If shapes disagree, L is singular beyond the free fields, or the
        scale is not positive.
    """
    operator = sp.csc_array(operator)
    if null_space is None:
        return scaled_prior(free_roughness(operator), scale)
    fields = np.asarray(null_space, float)
    check_shapes(operator=(operator, "row cell"), null_space=(fields, "cell null"))
    return scaled_prior(make_roughness((operator,), np.ones(1), fields), scale)


def field_prior(fields: ArrayLike, *, free: bool = False) -> Prior:
    """Make the prior of a load that is a combination of a few fields.

    Args:
      fields: Load per unit of each coefficient, shape (cell, field).
      free: Whether nothing is believed of the coefficients, as in ordinary least
        squares, where beta has no effect; otherwise each is expected to be about
        1/beta, independent of the others.

    Returns:
      The `Prior`.

    Raises:
      ValueError: If a field is not finite, or cells do not tell free fields apart.

    Example:
      >>> fields = np.linspace(0.0, 1.0, 25)[:, None] ** np.arange(2)
      >>> water = solve(prior_problem(design, field_prior(fields)), data, beta=0.01)
    """
    fields = np.asarray(fields, float)
    check_shapes(fields=(fields, "cell field"))
    if not np.isfinite(fields).all():
        raise ValueError("fields hold values that are not finite, expected numbers")
    if not free:
        return Prior(None, np.zeros((len(fields), 0)), None, fields)
    cells, count = fields.shape
    spread = np.linalg.svd(fields, compute_uv=False) if count <= cells else np.zeros(1)
    if spread[-1] <= DEPENDENT * spread[0]:
        raise ValueError(
            f"{cells} cells do not tell {count} fields apart; take finer cells or "
            "fewer fields"
        )
    return Prior(None, np.linalg.qr(fields)[0], None, np.zeros((cells, 0)))


def scaled_prior(roughness: Roughness, scale: ArrayLike | None = None) -> Prior:
    """The prior of a prepared operator and a map of amplitudes.

    Args:
      roughness: The operator.
      scale: Expected amplitude, positive, shape (cell,) or scalar; may be traced.

    Returns:
      The `Prior`.

    Raises:
      ValueError: If the scale has another shape or is not positive.
    """
    fields = roughness.null
    if scale is None:
        basis = np.linalg.qr(fields)[0] if fields.shape[1] else fields
        return Prior(roughness, basis, None)
    if np.ndim(scale):
        check_shapes(null_space=(fields, "cell null"), scale=(scale, "cell"))
    if is_concrete(scale):
        scale = np.broadcast_to(_checked_scale(np.asarray(scale)), len(fields))
    else:
        scale = jnp.broadcast_to(scale, len(fields))
    return Prior(roughness, _scaled_basis(fields, scale), scale)


def _scaled_basis(fields: np.ndarray, scale: ArrayLike) -> ArrayLike:
    if not fields.shape[1]:
        return fields
    if is_concrete(scale):
        return np.linalg.qr(np.asarray(scale)[:, None] * fields)[0]
    scale = jnp.asarray(scale)
    return jnp.linalg.qr(scale[:, None] * jnp.asarray(fields, scale.dtype))[0]


def _checked_scale(scale: np.ndarray) -> np.ndarray:
    bad = ~(np.isfinite(scale) & (scale > 0))
    if bad.any():
        cells = np.flatnonzero(bad)
        place = f" at cell {cells[0]} ({len(cells)} in all)" if scale.ndim else ""
        value = np.atleast_1d(scale)[cells[0]]
        raise ValueError(
            f"scale is {value:g}{place}, expected positive amplitudes; fill it with a "
            "small one where little water is expected"
        )
    return scale


def prior_problem(design: ArrayLike, prior: Prior) -> Problem:
    """Prepare the inverse problem for `solve`.

    What is kept of the prior is ``C G'`` and ``G C G'``, and ``L'L`` where cells are
    fewer than rows. Differentiable in `design` and in what is traced of the prior.

    Args:
      design: Displacement per unit load G [mm/mm], shape (station, cell).
      prior: What is believed of the load.

    Returns:
      The `Problem`.

    Raises:
      ValueError: If design and prior have different cells.
    """
    design = jnp.asarray(design)
    null_space = jnp.asarray(prior.null_space, design.dtype)
    check_shapes(prior=(null_space, "cell null"), design=(design, "station cell"))
    level = einsum("sc,ck->sk", design, null_space)
    # The free fields are estimated apart: the covariance need not contain them.
    rough = design
    if null_space.shape[1]:
        rough = design - einsum("sk,ck->sc", level, null_space)
    cross = prior_covariance(prior, rough.T)
    gram = einsum("sc,ct->st", rough, cross)
    gram = (gram + gram.T) / 2
    return Problem(design, cross, gram, null_space, level, _normal(design, prior))


def _normal(design: Array, prior: Prior) -> Array | None:
    """``S^-1 L'L S^-1`` where normal equations are smaller, and L is known."""
    rows, cells = design.shape
    roughness = prior.roughness
    if cells >= rows or roughness is None or not is_concrete(roughness.coefficients):
        return None
    normal = normal_matrix(assembled(roughness), design)
    if prior.scale is None:
        return normal
    scale = jnp.asarray(prior.scale, design.dtype)
    return normal / (scale[:, None] * scale[None, :])


def smooth_problem(
    design: ArrayLike,
    operator: sp.spmatrix | sp.sparray,
    null_space: ArrayLike | None = None,
) -> Problem:
    """Prepare ``min |(G x - d) / sigma|^2 + beta^2 |L x|^2`` for `solve`.

    The short way for ``prior_problem(design, smooth_prior(operator, free))``.
    Differentiable in `design`.

    Args:
      design: Displacement per unit load G [mm/mm], shape (station, cell).
      operator: Roughness L, sparse, shape (row, cell), as for `smooth_prior`.
      null_space: Fields with ``L x = 0``, shape (cell, null); found if not given.

    Returns:
      The `Problem`.

    Raises:
      ValueError: If shapes disagree, or L is singular beyond the free fields.
    """
    design, operator = jnp.asarray(design), sp.csc_array(operator)
    check_shapes(design=(design, "station cell"), operator=(operator, "row cell"))
    return prior_problem(design, smooth_prior(operator, null_space))


def prior_covariance(prior: Prior, fields: Array) -> Array:
    """Multiply by the covariance C of the load, without its free fields.

    Args:
      prior: The prior.
      fields: Shape (cell, column).

    Returns:
      ``C fields``, shape (cell, column).

    Raises:
      ValueError: If the fields have other cells.
    """
    fields = jnp.asarray(fields)
    null_space = jnp.asarray(prior.null_space, fields.dtype)
    check_shapes(prior=(null_space, "cell null"), fields=(fields, "cell column"))
    return _without(null_space, _spread(prior, _without(null_space, fields)))


def _spread(prior: Prior, fields: Array) -> Array:
    """``S (L'L)^- S fields``, which is C but for free fields on either side."""
    if prior.roughness is None:
        basis = jnp.asarray(prior.fields, fields.dtype)
        return einsum("cf,fn->cn", basis, einsum("cf,cn->fn", basis, fields))
    if prior.scale is None:
        return solve_normal(prior.roughness, fields)
    scale = jnp.asarray(prior.scale, fields.dtype)[:, None]
    return scale * solve_normal(prior.roughness, scale * fields)


def _without(null_space: Array, fields: Array) -> Array:
    if not null_space.shape[1]:
        return fields
    return fields - einsum(
        "ck,kn->cn", null_space, einsum("ck,cn->kn", null_space, fields)
    )


def prior_variance(prior: Prior) -> Array:
    """The variance of the load of each cell, exact: the diagonal of C.

    Args:
      prior: The prior; the coefficients of its operator must be known, its scale may
        be traced.

    Returns:
      Variance up to 1/beta^2, without the free fields, shape (cell,).

    Raises:
      ValueError: If the coefficients are traced, or L is singular beyond the free
        fields.
    """
    roughness = prior.roughness
    if roughness is None:
        null_space = jnp.asarray(prior.null_space)
        return jnp.sum(_without(null_space, jnp.asarray(prior.fields)) ** 2, axis=1)
    if not is_concrete(roughness.coefficients):
        raise ValueError(
            "prior_variance needs the numbers of the prior; call it outside jit and "
            "grad, or take prior_samples"
        )
    normal = pinned_normal(assembled(roughness), roughness.null)
    try:
        variance = jnp.asarray(inverse_diagonal(factorised(normal)))
    except np.linalg.LinAlgError:
        raise ValueError(
            "the matrix of the prior is not positive definite, so the load has no "
            "variance; are all its free fields held?"
        ) from None
    if prior.scale is not None:
        variance = variance * jnp.asarray(prior.scale, variance.dtype) ** 2
    null_space = jnp.asarray(prior.null_space, variance.dtype)
    if not null_space.shape[1]:
        return variance
    image = _spread(prior, null_space)
    middle = einsum("ck,cl->kl", null_space, image)
    return variance + jnp.sum(
        null_space * (einsum("cl,lk->ck", null_space, middle) - 2 * image), 1
    )


def prior_samples(prior: Prior, key: Array, count: int) -> Array:
    """Draw loads from the prior, free fields left out: they have no finite variance.

    Differentiable in what is traced of the prior.

    Args:
      prior: The prior.
      key: A `jax.random.key`.
      count: Number of draws.

    Returns:
      Loads with covariance C, which is the prior's at beta = 1, shape (count, cell).
    """
    roughness = prior.roughness
    if roughness is None:
        basis = jnp.asarray(prior.fields)
        amounts = jax.random.normal(key, (basis.shape[1], count))
        fields = einsum("cf,fn->cn", basis, amounts)
        return _without(jnp.asarray(prior.null_space), fields).T
    white = jax.random.normal(key, (roughness.shape[0], count))
    fields = solve_normal(roughness, apply_transposed(roughness, white))
    if prior.scale is not None:
        fields = fields * jnp.asarray(prior.scale, fields.dtype)[:, None]
    return _without(jnp.asarray(prior.null_space, fields.dtype), fields).T
