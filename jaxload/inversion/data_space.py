"""The data-space systems of every epoch, solved together.

An epoch observes the stations o and misses the rest. What every estimate needs is the
multiplier ``A_oo^-1 d_o`` of the observed block of ``A = G C G' + beta^2 Sigma``, and
what leave-one-out needs beside it is the diagonal of ``A_oo^-1``.
"""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.inversion.definite import einsum, inverse
from jaxload.inversion.gaps import Block, Gaps

__all__ = ["Dual", "epoch_dual", "shared_dual"]


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
    whole = inverse(gram + jnp.diag(noise))
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
        inverted = jnp.where(both, inverse(matrix), 0)
        smallest = _rounding(inverted, drift)
        inverted = inverted - _explained(inverted, jnp.where(seen[:, None], drift, 0))
        dual = Dual(einsum("st,t->s", inverted, displacement), jnp.diag(inverted))
        return dual if smallest is None else _determined(dual, smallest)

    return jax.lax.map(jax.checkpoint(one), (noise, displacement, seen))


def _rounding(inverted: Array, drift: Array) -> Array | None:
    """Below this a precision is zero but for rounding, shape (station,).

    Only a drift can use up an observation entirely; without one there is no bound.
    """
    if drift.shape[1] == 0:
        return None
    return 1e3 * jnp.finfo(inverted.dtype).eps * jnp.diag(inverted)


def _determined(dual: Dual, smallest: Array) -> Dual:
    smallest = jnp.broadcast_to(smallest, dual.precision.shape)
    gone = dual.precision < smallest
    return dataclasses.replace(dual, precision=jnp.where(gone, 0, dual.precision))


def _explained(inverted: Array, drift: Array) -> Array:
    """What drops out of the inverse when the drift is estimated beside the load."""
    if drift.shape[1] == 0:
        return jnp.zeros((1, 1), inverted.dtype)
    image = einsum("st,tk->sk", inverted, drift)
    normal = einsum("tk,tl->kl", drift, image)
    return einsum("sk,kl,tl->st", image, inverse(normal), image)


def _solve_block(whole: Array, displacement: Array, block: Block) -> Dual:
    """Solve the epochs of a block; shapes (group, member, station)."""

    def group(part: tuple[Array, Array, Array]) -> Dual:
        epoch, common, missing = part
        left = whole
        if common.shape[-1]:
            rows, weighted = _eliminated(whole, common)
            left = whole - einsum("ks,kt->st", rows, weighted)
        data = displacement.at[epoch].get(mode="fill", fill_value=0)
        multiplier = einsum("es,st->et", data, left)
        precision = jnp.broadcast_to(jnp.diag(left)[None, :], multiplier.shape)
        if missing.shape[-1]:
            rows, weighted = jax.vmap(_eliminated, (None, 0))(left, missing)
            at_missing = jax.vmap(_at)(multiplier, missing)
            multiplier = multiplier - einsum("eks,ek->es", weighted, at_missing)
            precision = precision - einsum("eks,eks->es", rows, weighted)
        return Dual(*_blank(multiplier, precision, common, missing))

    parts = (block.epoch, block.common, block.missing)
    return jax.lax.map(jax.checkpoint(group), parts)


def _at(values: Array, index: Array) -> Array:
    """Values along the last axis, zero where the index is padding."""
    return values.at[..., index].get(mode="fill", fill_value=0)


def _eliminated(inverted: Array, missing: Array) -> tuple[Array, Array]:
    """``P_m:`` and ``P_mm^-1 P_m:``, each of shape (missing, station)."""
    rows = inverted.at[missing].get(mode="fill", fill_value=0)
    padding = (missing == len(inverted)).astype(inverted.dtype)
    block = _at(rows, missing) + jnp.diag(padding)
    return rows, einsum("jk,ks->js", inverse(block), rows)


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
