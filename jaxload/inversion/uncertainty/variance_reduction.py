"""How much of a prior variance the data take away, epoch by epoch.

With P_o the inverse of an epoch's data-space matrix and h the covariance of a
functional of the load with all rows, the data take ``h' P_o h`` from its variance.
Where the prior leaves fields F free, whose displacement is D, the inverse of the saddle
matrix ``[[A, D], [D', 0]]`` takes the place of ``A^-1`` and the functional's amount of
F is appended to h: that is generalised least squares, the variance of the drift added.
Missing rows are eliminated from either inverse alike.
"""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.inversion.linalg.spd import einsum, inverse
from jaxload.inversion.missing.blocks import Blocks, Kind

__all__ = [
    "Start",
    "block_reduction",
    "diagonal",
    "outer",
    "record_reduction",
    "start",
]

#: Joins rows, shape (row, functional), with weighted ones: `diagonal` or `outer`.
Contract = Callable[[Array, Array], Array]


def diagonal(weighted: Array, rows: Array) -> Array:
    """``diag(X' Y)`` for two matrices of shape (row, functional).

    Args:
      weighted: Y.
      rows: X.

    Returns:
      Shape (functional,).
    """
    return jnp.sum(weighted * rows, axis=0)


def outer(weighted: Array, rows: Array) -> Array:
    """``X' Y`` for two matrices of shape (row, functional).

    Args:
      weighted: Y.
      rows: X.

    Returns:
      Shape (functional, functional).
    """
    return einsum("kf,kg->fg", rows, weighted)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Start:
    """What every block of epochs starts from: as if no row were missing.

    Attributes:
      inverse: Saddle inverse Q of all rows, shape (row + drift, row + drift).
      image: ``Q h``, shape (row + drift, functional).
      taken: ``h' Q h`` as the contraction has it, shape (functional,) or (functional,
        functional).
    """

    inverse: Array
    image: Array
    taken: Array


def start(whole: Array, fields: Array, contract: Contract) -> Start:
    """Prepare what all blocks share.

    Args:
      whole: Saddle inverse Q of all rows, shape (row + drift, row + drift).
      fields: h, shape (row + drift, functional).
      contract: `diagonal` for variances, `outer` for covariances.

    Returns:
      The `Start`.
    """
    image = einsum("rs,sf->rf", whole, fields)
    return Start(whole, image, contract(image, fields))


def block_reduction(shared: Start, block: Kind, rows: int, contract: Contract) -> Array:
    """What the data take at each epoch of a block.

    The rows that the block misses throughout are eliminated once, from the inverse Q
    and from ``Y = Q h``; an epoch then pays for the r rows m that it misses beside
    them, ``Y_m' Q_mm^-1 Y_m``, which costs r^2 for a functional, where its own inverse
    would cost the square of all rows.

    Args:
      shared: From `start`.
      block: A `Kind` without its leading axis.
      rows: Number of rows, which is also the index of padding.
      contract: As in `start`.

    Returns:
      Shape (member, functional) or (member, functional, functional).
    """
    # Behind the last row stand the free fields: padding has to go further out.
    size = len(shared.inverse)
    common, missing = (
        jnp.where(index == rows, size, index) for index in (block.common, block.missing)
    )
    if common.shape[-1]:
        shared = _without(shared, common, contract)
    if not missing.shape[-1]:
        return jnp.broadcast_to(shared.taken, (len(missing), *shared.taken.shape))

    # The small inverses together, the long rows one epoch after the other.
    inverted = jax.vmap(lambda index: _gap_inverse(shared.inverse, index))(missing)

    def one(gap: tuple[Array, Array]) -> Array:
        index, inverted = gap
        at_missing = _take(shared.image, index)
        weighted = einsum("jk,kf->jf", inverted, at_missing)
        return shared.taken - contract(weighted, at_missing)

    return jax.lax.map(one, (missing, inverted))


def record_reduction(shared: Start, blocks: Blocks, contract: Contract) -> Array:
    """What the data take at every epoch, from one inverse of all rows.

    Args:
      shared: From `start`.
      blocks: What is missing.
      contract: As in `start`.

    Returns:
      Shape (epoch, functional) or (epoch, functional, functional).
    """
    epochs, rows = blocks.shape
    result = jnp.zeros((epochs, *shared.taken.shape), shared.taken.dtype)
    for kind in blocks.kinds:
        step = lambda block: block_reduction(shared, block, rows, contract)
        taken = jax.lax.map(jax.checkpoint(step), kind)
        result = result.at[kind.epoch].set(taken, mode="drop")
    return result


def _without(shared: Start, missing: Array, contract: Contract) -> Start:
    """Eliminate rows from the inverse, its products and what they take."""
    near, at_missing = _take(shared.inverse, missing), _take(shared.image, missing)
    inverted = _gap_inverse(shared.inverse, missing)
    weighted = einsum("jk,kf->jf", inverted, at_missing)
    return Start(
        shared.inverse - einsum("jr,js->rs", near, einsum("jk,ks->js", inverted, near)),
        shared.image - einsum("jr,jf->rf", near, weighted),
        shared.taken - contract(weighted, at_missing),
    )


def _take(matrix: Array, index: Array) -> Array:
    """Rows of a matrix, zero where the index is padding."""
    return matrix.at[index].get(mode="fill", fill_value=0)


def _gap_inverse(whole: Array, missing: Array) -> Array:
    """``Q_mm^-1``, one on the diagonal where the index is padding."""
    padding = (missing == len(whole)).astype(whole.dtype)
    block = whole.at[missing[:, None], missing[None, :]].get(mode="fill", fill_value=0)
    return inverse(block + jnp.diag(padding))
