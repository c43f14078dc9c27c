"""The one argument checker. It runs while tracing and costs nothing at run time."""

import logging
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.experimental import multihost_utils

__all__ = [
    "check_shapes",
    "is_concrete",
    "on_host",
    "require_float64",
    "whole_array",
]

#: Size of an array in chunks [bytes] from which on memory may not hold all of it.
LARGE = 2**30

logger = logging.getLogger(__name__)


def check_shapes(**arrays: tuple[Any, str]) -> dict[str, int]:
    """Check that axes of one name have one size, and return the sizes.

    Args:
      **arrays: ``name=(array, "axis axis ...")`` for every array.

    Returns:
      The size of each named axis.

    Raises:
      ValueError: If an array has the wrong rank, or two disagree on an axis.
    """
    sizes: dict[str, int] = {}
    owner: dict[str, str] = {}
    for name, (array, spec) in arrays.items():
        axes = spec.split()
        if array.ndim != len(axes):
            raise ValueError(f"{name} has shape {array.shape}, expected ({spec})")
        for axis, size in zip(axes, array.shape):
            if sizes.setdefault(axis, size) != size:
                raise ValueError(
                    f"{name} has {size} along {axis!r}, but {owner[axis]} has "
                    f"{sizes[axis]}; is {name} transposed?"
                )
            owner.setdefault(axis, name)
    return sizes


def require_float64(what: str) -> None:
    """Check that JAX computes in double precision.

    Args:
      what: What is about to be computed, as the subject of the message.

    Raises:
      ValueError: If `jax_enable_x64` is off.
    """
    if not jax.config.read("jax_enable_x64"):
        raise ValueError(
            f"{what} need float64; call jax.config.update('jax_enable_x64', True) "
            "before the first JAX computation"
        )


def whole_array(name: str, values: Any) -> jax.Array:
    """Take an array as a whole, with a warning if it lies in many chunks of a file.

    Args:
      name: What it is, for the warning.
      values: Any array, also one of dask.

    Returns:
      All of it.
    """
    size = getattr(values, "nbytes", 0)
    if getattr(values, "chunks", None) and size > LARGE:
        logger.warning(
            "%s is in chunks, whose %.1f GiB are computed and held at once; take some "
            "epochs at a time, as values.isel(time=slice(0, 100)), or name the files "
            "in [loads] of a study, which reads them so",
            name,
            size / 2**30,
        )
    return jnp.asarray(values)


def is_concrete(array: Any) -> bool:
    """Whether the values of an array can be looked at, as they cannot under `jit`.

    Args:
      array: Any array.
    """
    return not isinstance(array, Tracer)


def on_host(array: Any) -> np.ndarray:
    """Copy an array to the host, from the devices of every process that hold it.

    Where other processes hold parts of it, all of them have to call this together.

    Args:
      array: Any array that is not traced.

    Returns:
      All of it.
    """
    if isinstance(array, jax.Array) and not (
        array.is_fully_addressable or array.is_fully_replicated
    ):
        return np.asarray(multihost_utils.process_allgather(array, tiled=True))
    return np.asarray(array)
