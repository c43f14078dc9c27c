"""The data-space systems of every epoch, solved together.

An epoch observes the stations o and misses the rest. What every estimate needs is the
multiplier ``A_oo^-1 d_o`` of the observed block of ``A = G C G' + beta^2 Sigma``, and
what leave-one-out needs beside it is the diagonal of ``A_oo^-1``.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.linalg import cho_solve, solve_triangular

from jaxload.inversion.gaps import Block, Gaps

__all__ = ["Dual", "einsum", "epoch_dual", "shared_dual"]

# TF32 would cost half the digits of a float32 matrix product.
einsum = functools.partial(jnp.einsum, precision=jax.lax.Precision.HIGHEST)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Dual:
    """The solution of the data-space system; zero where a station is missing.

    Attributes:
      multiplier: ``A_oo^-1 d_o`` [1/mm in units of beta], shape (epoch, station).
      precision: Diagonal of ``A_oo^-1``, shape (epoch, station).
    """

    multiplier: Array
    precision: Array


def shared_dual(
    gram: Array, drift: Array, noise: Array, displacement: Array, gaps: Gaps
) -> Dual:
    """Solve every epoch from one inverse, where the noise is the same at all epochs.

    With P = A^-1 of the whole network and m the missing stations, the inverse of the
    observed block is ``P_oo - P_om P_mm^-1 P_mo``: an epoch costs a Cholesky factor of
    the size of its gap only. The elimination is done in two steps, first of what a
    group of epochs misses in common.

    Args:
      gram: Covariance of the predicted displacement, shape (station, station).
      drift: Displacement by unpenalised fields, shape (station, drift).
      noise: ``beta^2 sigma^2``, shape (station,).
      displacement: Observations, zero where missing, shape (epoch, station).
      gaps: What is missing, from `find_gaps`.

    Returns:
      The `Dual`; NaN at epochs whose system is not positive definite.

    Source:
      Block inversion by the Schur complement; Golub & Van Loan (2013), Matrix
      Computations, section 3.2.11.
    """
    whole = _inverse(gram + jnp.diag(noise))
    smallest = _rounding(whole, drift)
    whole = whole - _explained(whole, drift)
    epochs, stations = displacement.shape
    nothing = jnp.full((epochs, stations), jnp.nan, displacement.dtype)
    dual = Dual(nothing, nothing)
    for block in gaps.blocks:
        part = _solve_block(whole, displacement, block)
        dual = jax.tree.map(
            lambda all_epochs, some: all_epochs.at[block.epoch].set(some, mode="drop"),  # noqa: B023
            dual,
            part,
        )
    return dual if smallest is None else _determined(dual, smallest)


def epoch_dual(
    gram: Array, drift: Array, noise: Array, displacement: Array, seen: Array
) -> Dual:
    """Solve every epoch by its own Cholesky factor, for noise that varies in time.

    Args:
      gram: Covariance of the predicted displacement, shape (station, station).
      drift: Displacement by unpenalised fields, shape (station, drift).
      noise: ``beta^2 sigma^2``, shape (epoch, station).
      displacement: Observations, zero where missing, shape (epoch, station).
      seen: Whether there is an observation, shape (epoch, station).

    Returns:
      The `Dual`; NaN at epochs whose system is not positive definite.
    """

    def one(epoch: tuple[Array, Array, Array]) -> Dual:
        noise, displacement, seen = epoch
        both = seen[:, None] & seen[None, :]
        matrix = jnp.where(both, gram, 0) + jnp.diag(jnp.where(seen, noise, 1))
        inverse = jnp.where(both, _inverse(matrix), 0)
        smallest = _rounding(inverse, drift)
        inverse = inverse - _explained(inverse, jnp.where(seen[:, None], drift, 0))
        dual = Dual(einsum("st,t->s", inverse, displacement), jnp.diag(inverse))
        return dual if smallest is None else _determined(dual, smallest)

    return jax.lax.map(jax.checkpoint(one), (noise, displacement, seen))


def _inverse(matrix: Array) -> Array:
    """Inverse of a positive definite matrix, NaN if it is not."""
    eye = jnp.eye(len(matrix), dtype=matrix.dtype)
    inverse = cho_solve((jnp.linalg.cholesky(matrix), True), eye)
    return (inverse + inverse.T) / 2


def _rounding(inverse: Array, drift: Array) -> Array | None:
    """Below this a precision is zero but for rounding, shape (station,).

    Only a drift can use up an observation entirely; without one there is no bound.
    """
    if drift.shape[1] == 0:
        return None
    return 1e3 * jnp.finfo(inverse.dtype).eps * jnp.diag(inverse)


def _determined(dual: Dual, smallest: Array) -> Dual:
    smallest = jnp.broadcast_to(smallest, dual.precision.shape)
    gone = dual.precision < smallest
    return dataclasses.replace(dual, precision=jnp.where(gone, 0, dual.precision))


def _explained(inverse: Array, drift: Array) -> Array:
    """What drops out of `inverse` when the drift is estimated beside the load."""
    if drift.shape[1] == 0:
        return jnp.zeros((), inverse.dtype)[None, None]
    image = einsum("st,tk->sk", inverse, drift)
    normal = einsum("tk,tl->kl", drift, image)
    half = solve_triangular(jnp.linalg.cholesky(normal), image.T, lower=True)
    return einsum("ks,kt->st", half, half)


def _solve_block(whole: Array, displacement: Array, block: Block) -> Dual:
    """Solve the epochs of a block; shapes (group, member, station)."""

    def group(part: tuple[Array, Array, Array]) -> Dual:
        epoch, common, missing = part
        inverse = whole
        if common.shape[-1]:
            half = _half(whole, common)
            inverse = whole - einsum("ks,kt->st", half, half)
        data = displacement.at[epoch].get(mode="fill", fill_value=0)
        multiplier = einsum("es,st->et", data, inverse)
        precision = jnp.broadcast_to(jnp.diag(inverse)[None, :], multiplier.shape)
        if missing.shape[-1]:
            half, target = jax.vmap(_eliminate, (None, 0, 0))(
                inverse, multiplier, missing
            )
            multiplier = multiplier - einsum("eks,ek->es", half, target)
            precision = precision - einsum("eks,eks->es", half, half)
        return Dual(*_blank(multiplier, precision, common, missing))

    return jax.lax.map(
        jax.checkpoint(group), (block.epoch, block.common, block.missing)
    )


def _half(inverse: Array, missing: Array) -> Array:
    """``R`` of shape (missing, station) with ``R'R = P_:m P_mm^-1 P_m:``."""
    rows, factor = _factor(inverse, missing)
    return einsum("jk,ks->js", factor, rows)


def _eliminate(
    inverse: Array, multiplier: Array, missing: Array
) -> tuple[Array, Array]:
    """`_half`, and the multiplier at the missing stations in the same basis."""
    rows, factor = _factor(inverse, missing)
    at_missing = multiplier.at[missing].get(mode="fill", fill_value=0)
    return einsum("jk,ks->js", factor, rows), einsum("jk,k->j", factor, at_missing)


def _factor(inverse: Array, missing: Array) -> tuple[Array, Array]:
    """Rows of the inverse at `missing`, and the inverse Cholesky factor there."""
    rows = inverse.at[missing].get(mode="fill", fill_value=0)
    block = rows.at[:, missing].get(mode="fill", fill_value=0)
    padding = (missing == len(inverse)).astype(inverse.dtype)
    factor = jnp.linalg.cholesky(block + jnp.diag(padding))
    # Small triangles are inverted: a product with all stations then runs as a GEMM,
    # four times as fast on a CPU as the triangular solve.
    eye = jnp.eye(len(missing), dtype=inverse.dtype)
    return rows, solve_triangular(factor, eye, lower=True)


def _blank(
    multiplier: Array, precision: Array, common: Array, missing: Array
) -> tuple[Array, Array]:
    """Set the missing stations, which rounding leaves near zero, to zero."""
    member, stations = multiplier.shape
    everywhere = (
        jnp.ones((member, stations), bool).at[:, common].set(False, mode="drop")
    )
    seen = jax.vmap(lambda row, gone: row.at[gone].set(False, mode="drop"))(
        everywhere, missing
    )
    return jnp.where(seen, multiplier, 0), jnp.where(seen, precision, 0)
