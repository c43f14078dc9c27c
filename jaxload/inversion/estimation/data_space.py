"""The data-space systems of every epoch, solved together.

An epoch observes the rows o and misses the rest. What every estimate needs is the
multiplier ``A_oo^-1 d_o`` of the observed block of ``A = G C G' + beta^2 R``; what
leave-one-out needs beside it is the diagonal of ``A_oo^-1``, and what the likelihood
needs is ``log det A_oo``. All three come from one elimination.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.inversion.linalg.spd import einsum, inverse_and_log_determinant
from jaxload.inversion.missing.patterns import Gaps, Rest
from jaxload.inversion.noise import (
    Noise,
    common_rows,
    noise_covariance,
    over_epochs,
)

__all__ = [
    "Dual",
    "epoch_dual",
    "epoch_inverse",
    "epoch_solve",
    "shared_dual",
    "shared_solve",
]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Dual:
    """The solution of the data-space system; zero where a row is missing.

    Where the prior leaves fields free, D their displacement, ``A_oo^-1`` stands for
    what is left of it when they are estimated beside, and ``log det A_oo`` for
    ``log det A_oo + log det (D_o' A_oo^-1 D_o)``: the limits as the prior variance of
    those fields grows, but for a constant in the determinant.

    Attributes:
      multiplier: ``A_oo^-1 d_o`` [1/mm in units of beta], shape (epoch, row).
      precision: Diagonal of ``A_oo^-1``, shape (epoch, row).
      log_determinant: ``log det A_oo``, shape (epoch,).
    """

    multiplier: Array
    precision: Array
    log_determinant: Array


def shared_dual(
    gram: Array, drift: Array, noise: Noise, displacement: Array, gaps: Gaps
) -> Dual:
    """Solve every epoch from one inverse, where sigma is the same at all epochs.

    With P = A^-1 of all rows and m the missing ones, the inverse of the observed block
    is ``P_oo - P_om P_mm^-1 P_mo`` and its determinant that of A times that of
    ``P_mm``: an epoch costs an inverse of the size of its gap only. The elimination is
    done in two steps, first of what a group of epochs misses in common. A common offset
    whose variance changes in time is added at the end, by its rank of one.

    Args:
      gram: Covariance of the predicted displacement, shape (row, row).
      drift: Displacement by unpenalised fields, shape (row, drift).
      noise: Of covariance ``beta^2 R``, sigma of shape (row,).
      displacement: Observations, NaN where missing, shape (epoch, row).
      gaps: What is missing, from `find_gaps`.

    Returns:
      The `Dual`; NaN at epochs whose system is not positive definite.

    Source:
      Block inversion by the Schur complement; Golub & Van Loan (2013), Matrix
      Computations, section 3.2.11.
    """
    seen = jnp.isfinite(displacement)
    data = jnp.where(seen, displacement, 0)
    if noise.common is None or noise.common.ndim == 0:
        matrix = gram + noise_covariance(noise)
        return _shared(matrix, drift, data, seen, gaps)
    matrix = gram + noise_covariance(dataclasses.replace(noise, common=None))
    offset = jnp.where(seen, common_rows(noise)[None, :], 0)
    # The offset's rows are a second right side; all else is done once.
    both = jax.vmap(
        lambda right: _shared(matrix, drift, right, seen, gaps),
        out_axes=Dual(0, None, None),  # pyright: ignore[reportArgumentType]
    )(jnp.stack([data, offset]))
    return _with_offset(both, offset, noise.common)


def shared_solve(
    gram: Array, noise: Noise, seen: Array, right: Array, gaps: Gaps
) -> Array:
    """Solve every epoch for several right sides at once, as `shared_dual` does.

    Where the right sides have a lower precision than the matrices, only what is done
    for each epoch is done in theirs: the errors of an inverse made by halves grow with
    the condition number, so that a large matrix may have none in float32.

    Args:
      gram: Covariance of the predicted displacement, shape (row, row).
      noise: Of covariance ``beta^2 R``, sigma of shape (row,).
      seen: Where there are observations, shape (epoch, row).
      right: Right sides, zero where nothing was seen, shape (side, epoch, row).
      gaps: What is missing, from `find_gaps`.

    Returns:
      The solutions, shape (side, epoch, row).
    """
    empty = jnp.zeros((len(gram), 0), gram.dtype)

    def solved(noise: Noise, right: Array) -> Array:
        matrix = gram + noise_covariance(noise)
        one = lambda side: _shared(matrix, empty, side, seen, gaps).multiplier
        return jax.vmap(one)(right)

    if noise.common is None or noise.common.ndim == 0:
        return solved(noise, right)
    offset = jnp.where(seen, common_rows(noise)[None, :], 0).astype(right.dtype)
    both = jnp.concatenate([right, offset[None]])
    found = solved(dataclasses.replace(noise, common=None), both)
    found, image = found[:-1], found[-1]
    variance = noise.common.astype(right.dtype)
    share = variance / (1 + variance * jnp.sum(offset * image, axis=1))
    amount = share[None, :] * jnp.sum(offset[None] * found, axis=2)
    return found - amount[:, :, None] * image[None]


def _shared(matrix: Array, drift: Array, data: Array, seen: Array, gaps: Gaps) -> Dual:
    whole, log_determinant = inverse_and_log_determinant(matrix)
    smallest = _rounding(whole, drift)
    explained, log_drift = _explained(whole, drift)
    start = _Start(whole - explained, log_determinant + log_drift)
    left, dual = _eliminate_common(start, data, gaps)
    for rest in gaps.rests:
        dual = _eliminate_rest(left, dual, rest)
    # Rounding leaves the missing rows near zero.
    dual = Dual(
        jnp.where(seen, dual.multiplier, 0),
        jnp.where(seen, dual.precision, 0),
        dual.log_determinant,
    )
    return dual if smallest is None else _determined(dual, smallest)


def _with_offset(both: Dual, offset: Array, variance: Array) -> Dual:
    """Add a variance of the offset, from what it and the data give without it.

    Sherman-Morrison: ``(A + v c c')^-1 = P - P c c' P v / (1 + v c' P c)``.
    """
    multiplier, image = both.multiplier
    growth = 1 + variance * jnp.sum(offset * image, axis=1)
    share = variance / growth
    amount = share * jnp.sum(offset * multiplier, axis=1)
    return Dual(
        multiplier - amount[:, None] * image,
        both.precision - share[:, None] * image**2,
        both.log_determinant + jnp.log(growth),
    )


def epoch_dual(gram: Array, drift: Array, noise: Noise, displacement: Array) -> Dual:
    """Solve every epoch by its own inverse, for noise that varies in time.

    Args:
      gram: Covariance of the predicted displacement, shape (row, row).
      drift: Displacement by unpenalised fields, shape (row, drift).
      noise: Of covariance ``beta^2 R``.
      displacement: Observations, NaN where missing, shape (epoch, row).

    Returns:
      The `Dual`; NaN at epochs whose system is not positive definite.
    """

    def one(noise: Noise, displacement: Array) -> Dual:
        seen = jnp.isfinite(displacement)
        inverted, log_determinant = epoch_inverse(gram, noise, seen)
        smallest = _rounding(inverted, drift)
        known = jnp.where(seen[:, None], drift, 0)
        explained, log_drift = _explained(inverted, known)
        inverted = inverted - explained
        multiplier = einsum("st,t->s", inverted, jnp.where(seen, displacement, 0))
        dual = Dual(multiplier, jnp.diag(inverted), log_determinant + log_drift)
        return dual if smallest is None else _determined(dual, smallest)

    return over_epochs(one, noise, displacement)


def epoch_solve(gram: Array, noise: Noise, seen: Array, right: Array) -> Array:
    """Solve every epoch for several right sides at once, as `epoch_dual` does.

    Args:
      gram: Covariance of the predicted displacement, shape (row, row).
      noise: Of covariance ``beta^2 R``.
      seen: Where there are observations, shape (epoch, row).
      right: Right sides, zero where nothing was seen, shape (side, epoch, row).

    Returns:
      The solutions, shape (side, epoch, row).
    """

    def one(noise: Noise, epoch: tuple[Array, Array]) -> Array:
        seen, right = epoch
        return einsum("st,kt->ks", epoch_inverse(gram, noise, seen)[0], right)

    found = over_epochs(one, noise, (seen, jnp.swapaxes(right, 0, 1)))
    return jnp.swapaxes(found, 0, 1)


def epoch_inverse(gram: Array, noise: Noise, seen: Array) -> tuple[Array, Array]:
    """``A_oo^-1`` with zeros around it, and ``log det A_oo``, of one epoch.

    Args:
      gram: Covariance of the predicted displacement, shape (row, row).
      noise: Of covariance ``beta^2 R``, of this epoch.
      seen: Where there are observations, shape (row,).
    """
    both = seen[:, None] & seen[None, :]
    alone = jnp.diag(jnp.where(seen, 0, 1).astype(gram.dtype))
    matrix = jnp.where(both, gram + noise_covariance(noise), alone)
    inverted, log_determinant = inverse_and_log_determinant(matrix)
    return jnp.where(both, inverted, 0), log_determinant


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _Start:
    """The inverse of all rows, and the logarithm of the determinant it belongs to."""

    inverse: Array
    log_determinant: Array


def _rounding(inverted: Array, drift: Array) -> Array | None:
    """Below this a precision is zero but for rounding, shape (row,).

    Only a drift can use up an observation entirely; without one there is no bound.
    """
    if drift.shape[1] == 0:
        return None
    return 1e3 * jnp.finfo(inverted.dtype).eps * jnp.diag(inverted)


def _determined(dual: Dual, smallest: Array) -> Dual:
    smallest = jnp.broadcast_to(smallest, dual.precision.shape)
    gone = dual.precision < smallest
    return dataclasses.replace(dual, precision=jnp.where(gone, 0, dual.precision))


def _explained(inverted: Array, drift: Array) -> tuple[Array, Array]:
    """What drops out of the inverse when the drift is estimated beside the load.

    And the logarithm of the determinant of the drift's normal matrix.
    """
    if drift.shape[1] == 0:
        return jnp.zeros((1, 1), inverted.dtype), jnp.zeros((), inverted.dtype)
    image = einsum("st,tk->sk", inverted, drift)
    normal = einsum("tk,tl->kl", drift, image)
    amounts, log_determinant = inverse_and_log_determinant(normal)
    return einsum("sk,kl,tl->st", image, amounts, image), log_determinant


def _eliminate_common(start: _Start, data: Array, gaps: Gaps) -> tuple[Array, Dual]:
    """Inverses left for each group, (group, row, row), and the dual by them."""

    def eliminate(part: tuple[Array, Array]) -> tuple[Array, Dual]:
        epoch, common = part
        left, log_determinant = start.inverse, start.log_determinant
        if common.shape[-1]:
            rows = left.at[common].get(mode="fill", fill_value=0)
            weighted, log_gap = _weighted(rows, common)
            left = left - einsum("ks,kt->st", rows, weighted)
            log_determinant = log_determinant + log_gap
        left, log_determinant = (
            each.astype(data.dtype) for each in (left, log_determinant)
        )
        some = data.at[epoch].get(mode="fill", fill_value=0)
        multiplier = einsum("es,st->et", some, left)
        diagonal = jnp.broadcast_to(jnp.diag(left)[None, :], multiplier.shape)
        each = jnp.broadcast_to(log_determinant, multiplier.shape[:1])
        return left, Dual(multiplier, diagonal, each)

    nothing = jnp.zeros(gaps.shape, data.dtype)
    lefts, dual = [], Dual(nothing, nothing, nothing[:, 0])
    for groups in gaps.groups:
        left, part = jax.lax.map(
            jax.checkpoint(eliminate), (groups.epoch, groups.common)
        )
        lefts.append(left)
        dual = _updated(dual, jnp.asarray(groups.epoch), part)
    return jnp.concatenate(lefts), dual


def _eliminate_rest(left: Array, dual: Dual, rest: Rest) -> Dual:
    """Eliminate what single epochs miss beyond their group."""

    def eliminate(part: tuple[Array, Array, Array]) -> Dual:
        epoch, group, missing = part
        rows = left.at[group[:, None], missing].get(mode="fill", fill_value=0)
        weighted, log_gap = jax.vmap(_weighted)(rows, missing)
        before = jax.tree.map(
            lambda values: values.at[epoch].get(mode="fill", fill_value=0), dual
        )
        at_missing = jax.vmap(_at)(before.multiplier, missing)
        return Dual(
            before.multiplier - einsum("eks,ek->es", weighted, at_missing),
            before.precision - jnp.sum(rows * weighted, axis=1),
            before.log_determinant + log_gap,
        )

    parts = (rest.epoch, rest.group, rest.missing)
    part = jax.lax.map(jax.checkpoint(eliminate), parts)
    return _updated(dual, jnp.asarray(rest.epoch), part)


def _updated(dual: Dual, epoch: Array, part: Dual) -> Dual:
    return jax.tree.map(
        lambda all_epochs, some: all_epochs.at[epoch].set(some, mode="drop"), dual, part
    )


def _at(values: Array, index: Array) -> Array:
    """Values along the last axis, zero where the index is padding."""
    return values.at[..., index].get(mode="fill", fill_value=0)


def _weighted(rows: Array, missing: Array) -> tuple[Array, Array]:
    """``P_mm^-1 P_m:`` from the rows ``P_m:``, shape (missing, row); log det P_mm."""
    padding = (missing == rows.shape[-1]).astype(rows.dtype)
    block = _at(rows, missing) + jnp.diag(padding)
    inverted, log_determinant = inverse_and_log_determinant(block)
    return einsum("jk,ks->js", inverted, rows), log_determinant
