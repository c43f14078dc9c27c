"""Dense layers that the models share."""

import dataclasses

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["Dense", "dense", "zero_dense"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Dense:
    """An affine map of the last axis.

    Attributes:
      kernel: Shape (input, output).
      bias: Shape (output,).
    """

    kernel: Array
    bias: Array

    def __call__(self, values: Array) -> Array:
        """Map values, shape (..., input) to (..., output)."""
        product = jnp.matmul(values.astype(self.kernel.dtype), self.kernel)
        return product + jnp.expand_dims(self.bias, tuple(range(product.ndim - 1)))


def dense(key: Array, inputs: int, outputs: int) -> Dense:
    """Draw an affine map that keeps the variance of its input.

    Args:
      key: Of `jax.random.key`.
      inputs: Size of the last axis before.
      outputs: Size of the last axis after.

    Returns:
      The map, in single precision.
    """
    kernel = jax.random.normal(key, (inputs, outputs), jnp.float32)
    return Dense(kernel * jnp.float32(inputs**-0.5), jnp.zeros(outputs, jnp.float32))


def zero_dense(inputs: int, outputs: int) -> Dense:
    """Make an affine map to zero, which training moves away from it.

    Args:
      inputs: Size of the last axis before.
      outputs: Size of the last axis after.
    """
    return Dense(
        jnp.zeros((inputs, outputs), jnp.float32), jnp.zeros(outputs, jnp.float32)
    )
