"""Losses of many members with their derivatives, a few members at a time.

A network of some dozen units is read from memory at every epoch. Few of them stay in
the cache of a processor, dozens do not; an accelerator would rather have all at once.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax import Array

from jaxload._platform import on_platform

__all__ = ["losses"]

#: Members side by side on a CPU.
GROUP = 5


def losses(loss: Callable[[Any, Any], Array], parameters: Any, data: Any) -> Array:
    """The loss of each member.

    Where derivatives are taken, those of one group are finished before the next begins,
    so that memory is that of a group.

    Not for: derivatives by the data, or second ones.

    Args:
      loss: Of one member, a number, from its parameters and its data.
      parameters: A pytree of arrays with an axis of members first.
      data: Likewise.

    Returns:
      Losses, shape (member,).
    """
    members = len(jax.tree.leaves(parameters)[0])

    def each(function: Callable, parameters: Any) -> Any:
        by = lambda size: (
            lambda both: jax.lax.map(lambda one: function(*one), both, batch_size=size)
        )
        groups, whole = by(min(GROUP, members)), by(members)
        return on_platform((parameters, data), cpu=groups, accelerator=whole)

    @jax.custom_vjp
    def run(parameters: Any) -> Array:
        return each(loss, parameters)

    def forward(parameters: Any) -> tuple[Array, Any]:
        return each(jax.value_and_grad(loss), parameters)

    def backward(slopes: Any, cotangent: Array) -> tuple[Any]:
        scaled = lambda x: x * cotangent.reshape(-1, *[1] * (x.ndim - 1))
        return (jax.tree.map(scaled, slopes),)

    run.defvjp(forward, backward)
    return run(parameters)
