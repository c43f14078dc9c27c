"""By how much a record's data reduce the variance of functionals, block after block."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

from jaxload._platform import map_parts
from jaxload.inversion.estimation.data_space import Contract
from jaxload.inversion.linalg.saddle_point import take
from jaxload.inversion.linalg.spd import einsum, inverse
from jaxload.inversion.missing.pattern import PaddedBlocks

__all__ = ["Reduction", "block_reduction", "block_size"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Reduction:
    """By how much data reduce a prior variance, with what eliminating rows needs.

    With h the covariance of a functional of the load with the rows and the amounts of
    the free fields, data of inverse Q take ``h' Q h`` from its variance: generalised
    least squares, the variance of the drift added.

    Attributes:
      inverse: Saddle inverse Q, shape (row + null, row + null).
      image: ``Q h``, shape (row + null, functional).
      reduction: ``h' Q h`` as the contraction has it, shape (functional,) or
        (functional, functional).
      single: Whether what is done for each epoch is done in float32.
    """

    inverse: Array
    image: Array
    reduction: Array
    single: bool = dataclasses.field(default=False, metadata={"static": True})


def block_reduction(
    start: Reduction, block: PaddedBlocks, used: Array, contract: Contract
) -> Array:
    """By how much the data of each epoch of a block reduce a prior variance.

    The rows that the block misses throughout are eliminated once, from the inverse Q
    and from ``Y = Q h``; an epoch then pays for the r rows m that it misses beside
    them, ``Y_m' Q_mm^-1 Y_m``, which costs r^2 for a functional, where its own inverse
    would cost the square of all rows.

    Args:
      start: From `SharedInverse.start`.
      block: Without its leading axis.
      used: Rows that count, shape (row,).
      contract: `diagonal` for variances, `outer` for covariances.

    Returns:
      Shape (epoch of block, functional) or (epoch of block, functional, functional).
    """
    # Behind the last row stand the free fields: padding has to go further out.
    counts = jnp.append(used, False)
    common, missing = (
        jnp.where(counts[index], index, len(start.inverse))
        for index in (block.common, block.missing)
    )
    if common.shape[-1]:
        start = _eliminated(start, common, contract)
    if not missing.shape[-1]:
        return jnp.broadcast_to(start.reduction, (len(missing), *start.reduction.shape))

    # The small inverses together, the long rows one epoch after the other.
    inverted = jax.vmap(lambda index: _gap_inverse(start.inverse, index))(missing)
    image = start.image
    if start.single:
        image, inverted = image.astype(jnp.float32), inverted.astype(jnp.float32)

    def one(gap: tuple[Array, Array]) -> Array:
        index, inverted = gap
        at_missing = take(image, index)
        weighted = einsum("jk,kf->jf", inverted, at_missing)
        taken = contract(weighted, at_missing)
        return start.reduction - taken.astype(start.reduction.dtype)

    size = 3 * missing.shape[-1] * image.shape[1] * image.dtype.itemsize
    return map_parts(one, (missing, inverted), size)


def block_size(start: Reduction, block: PaddedBlocks) -> int:
    """Compute the temporary memory of `block_reduction` where epochs go together.

    Args:
      start: From `SharedInverse.start`.
      block: With or without its leading axis.

    Returns:
      Size of a block [bytes], roughly.
    """
    epochs, missing = block.missing.shape[-2:]
    functionals = start.image.shape[1]
    of_epochs = epochs * (2 * missing * functionals + start.reduction.size)
    of_block = 3 * (start.image.size + start.inverse.size)
    return (of_epochs + of_block) * start.image.dtype.itemsize


def _eliminated(start: Reduction, missing: Array, contract: Contract) -> Reduction:
    near, at_missing = take(start.inverse, missing), take(start.image, missing)
    inverted = _gap_inverse(start.inverse, missing)
    weighted = einsum("jk,kf->jf", inverted, at_missing)
    return Reduction(
        start.inverse - einsum("jr,js->rs", near, einsum("jk,ks->js", inverted, near)),
        start.image - einsum("jr,jf->rf", near, weighted),
        start.reduction - contract(weighted, at_missing),
        start.single,
    )


def _gap_inverse(whole: Array, missing: Array) -> Array:
    """``Q_mm^-1``, one on the diagonal where the index is padding."""
    padding = (missing == len(whole)).astype(whole.dtype)
    block = whole.at[missing[:, None], missing[None, :]].get(mode="fill", fill_value=0)
    return inverse(block + jnp.diag(padding))
