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
from jaxload.inversion.gaps import Gaps, Rest

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
    observed block is ``P_oo - P_om P_mm^-1 P_mo``: an epoch costs an inverse of the
    size of its gap only. The elimination is done in two steps, first of what a group of
    epochs misses in common.

    Args:
      gram: Covariance of the predicted displacement, shape (station, station).
      drift: Displacement by unpenalised fields, shape (station, drift).
      noise: ``beta^2 sigma^2``, shape (station,).
      displacement: Observations, NaN where missing, shape (epoch, station).
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
    seen = jnp.isfinite(displacement)
    data = jnp.where(seen, displacement, 0)
    left, dual = _eliminate_common(whole, data, gaps)
    for rest in gaps.rests:
        dual = _eliminate_rest(left, dual, rest)
    # Rounding leaves the missing stations near zero.
    dual = jax.tree.map(lambda values: jnp.where(seen, values, 0), dual)
    return dual if smallest is None else _determined(dual, smallest)


def epoch_dual(gram: Array, drift: Array, noise: Array, displacement: Array) -> Dual:
    """Solve every epoch by its own inverse, for noise that varies in time.

    Args:
      gram: Covariance of the predicted displacement, shape (station, station).
      drift: Displacement by unpenalised fields, shape (station, drift).
      noise: ``beta^2 sigma^2``, shape (epoch, station).
      displacement: Observations, NaN where missing, shape (epoch, station).

    Returns:
      The `Dual`; NaN at epochs whose system is not positive definite.
    """

    def one(epoch: tuple[Array, Array]) -> Dual:
        noise, displacement = epoch
        seen = jnp.isfinite(displacement)
        data = jnp.where(seen, displacement, 0)
        both = seen[:, None] & seen[None, :]
        matrix = jnp.where(both, gram, 0) + jnp.diag(jnp.where(seen, noise, 1))
        inverted = jnp.where(both, inverse(matrix), 0)
        smallest = _rounding(inverted, drift)
        inverted = inverted - _explained(inverted, jnp.where(seen[:, None], drift, 0))
        dual = Dual(einsum("st,t->s", inverted, data), jnp.diag(inverted))
        return dual if smallest is None else _determined(dual, smallest)

    return jax.lax.map(jax.checkpoint(one), (noise, displacement))


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


def _eliminate_common(whole: Array, data: Array, gaps: Gaps) -> tuple[Array, Dual]:
    """Inverses left for each group, (group, station, station), and the dual by them."""

    def eliminate(part: tuple[Array, Array]) -> tuple[Array, Dual]:
        epoch, common = part
        left = whole
        if common.shape[-1]:
            rows = whole.at[common].get(mode="fill", fill_value=0)
            left = whole - einsum("ks,kt->st", rows, _weighted(rows, common))
        some = data.at[epoch].get(mode="fill", fill_value=0)
        multiplier = einsum("es,st->et", some, left)
        diagonal = jnp.broadcast_to(jnp.diag(left)[None, :], multiplier.shape)
        return left, Dual(multiplier, diagonal)

    nothing = jnp.zeros_like(data)
    lefts, dual = [], Dual(nothing, nothing)
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
        weighted = jax.vmap(_weighted)(rows, missing)
        before = jax.tree.map(
            lambda values: values.at[epoch].get(mode="fill", fill_value=0), dual
        )
        at_missing = jax.vmap(_at)(before.multiplier, missing)
        return Dual(
            before.multiplier - einsum("eks,ek->es", weighted, at_missing),
            before.precision - jnp.sum(rows * weighted, axis=1),
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


def _weighted(rows: Array, missing: Array) -> Array:
    """``P_mm^-1 P_m:`` from the rows ``P_m:``, shape (missing, station)."""
    padding = (missing == rows.shape[-1]).astype(rows.dtype)
    block = _at(rows, missing) + jnp.diag(padding)
    return einsum("jk,ks->js", inverse(block), rows)
