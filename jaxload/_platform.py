"""Work laid out for the platform that a program is compiled for.

A CPU is fastest with what fits its cache, one part after the other. An accelerator
starts every step anew, so that it wants few steps, as large as its memory allows. Which
form is taken follows from the platform that a program is compiled for: beside an
accelerator both are traced, and `jax.lax.platform_dependent` keeps one. Where a process
has CPUs only theirs is traced alone; `form` asks for the other.
"""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.extend import backend
from numpy.typing import NDArray

__all__ = [
    "accelerator_memory",
    "aligned_empty",
    "by_chunks",
    "chunk_size",
    "current_form",
    "form",
    "form_at",
    "holds",
    "map_batches",
    "map_parts",
    "on_platform",
]

#: Memory that a program may take on an accelerator beside arguments and results
#: [bytes], and as a share of what the smallest one has.
TEMPORARY, TEMPORARY_SHARE = 40 * 2**30, 0.3

#: Share of that memory for the parts of a chunk, of which a program may hold several.
CHUNK_SHARE = 1 / 8


#: Bytes of whose multiple the address is of an array that a CPU takes without a copy.
ALIGNMENT = 64

CPU, ACCELERATOR = "cpu", "accelerator"

#: The form that is traced; None where the platform decides. JAX keeps apart what it
#: traced and compiled for each value: a function that both forms call has both.
_FORM = jax.make_user_context(None)


def aligned_empty(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Make an array that JAX takes on a CPU without a copy.

    Args:
      shape: Of the array, whose values are any; nobody may write to it any more when
        JAX has it.

    Returns:
      The array, of float64.
    """
    size = 8 * math.prod(shape)
    memory = np.empty(size + ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    return memory[start : start + size].view(np.float64).reshape(shape)


def on_platform(*operands: Any, cpu: Callable, accelerator: Callable) -> Any:
    """Apply a function that has one form for CPUs and another for accelerators.

    Args:
      *operands: Pytrees of arrays, what either is called with.
      cpu: The form for CPUs.
      accelerator: The form for all else, of the same results.

    Returns:
      What the form returns that suits the platform compiled for. All that is called
      inside of a form takes the same.
    """
    chosen = current_form()
    if chosen is not None:
        return {CPU: cpu, ACCELERATOR: accelerator}[chosen](*operands)
    return jax.lax.platform_dependent(
        *operands,
        cpu=lambda *operands: _traced(CPU, cpu, operands),
        default=lambda *operands: _traced(ACCELERATOR, accelerator, operands),
    )


def current_form() -> str | None:
    """The form that is traced, "cpu" or "accelerator"; None for both."""
    chosen = _FORM.value
    return CPU if chosen is None and _has_cpus_only() else chosen


def form_at(values: Any = None) -> str:
    """The form of programs that take an array where it lies, "cpu" or "accelerator".

    Args:
      values: Where they lie on no device, as those of NumPy and traced ones, or are
        None, the form is that of the default device.
    """
    if chosen := current_form():
        return chosen
    lies = isinstance(values, Array) and not isinstance(values, Tracer)
    devices = values.devices() if lies else jax.devices()[:1]
    platforms = {device.platform for device in devices}
    return CPU if platforms == {CPU} else ACCELERATOR


@contextlib.contextmanager
def form(name: str) -> Iterator[None]:
    """Trace one form, whatever the platform: to compare them, or to compile elsewhere.

    Args:
      name: "cpu" or "accelerator".

    Raises:
      ValueError: If there is no such form.
    """
    if name not in (CPU, ACCELERATOR):
        raise ValueError(f"form is {name!r}, expected {CPU!r} or {ACCELERATOR!r}")
    with _FORM(name):
        yield


def _has_cpus_only() -> bool:
    return jax.default_backend() == CPU and set(backend.backends()) <= {CPU}


def _traced(name: str, function: Callable, operands: tuple[Any, ...]) -> Any:
    with _FORM(name):
        return function(*operands)


@functools.cache
def accelerator_memory() -> int:
    """Compute the temporary memory of a program on an accelerator.

    Returns:
      Size [bytes]: a share of the memory of the smallest accelerator of the process; 40
      GiB where the process has none, whose programs are compiled for another machine.
    """
    stats = [
        device.memory_stats()
        for device in jax.local_devices()
        if device.platform != "cpu"
    ]
    limits = [one["bytes_limit"] for one in stats if one and "bytes_limit" in one]
    return min([TEMPORARY, *(int(TEMPORARY_SHARE * limit) for limit in limits)])


def chunk_size(each: float) -> int:
    """Compute how many parts an accelerator takes at a time.

    Args:
      each: Temporary memory of one part [bytes], roughly.

    Returns:
      Their number, 1 or more.
    """
    return max(int(CHUNK_SHARE * accelerator_memory() // max(each, 1)), 1)


def holds(size: float) -> bool:
    """Whether an accelerator takes a part of a program at once.

    Args:
      size: Temporary memory of the part [bytes], roughly.
    """
    return size <= CHUNK_SHARE * accelerator_memory()


def map_parts(
    function: Callable, parts: Any, each: float, *, remake: bool = True
) -> Any:
    """Apply a function to parts, one by one on a CPU, many at once on an accelerator.

    What it makes on its way is made again in the reverse pass, not kept.

    Args:
      function: Of one part.
      parts: A pytree of arrays, part first.
      each: Temporary memory of one part [bytes], roughly.
      remake: False where the function itself, one by one, keeps little.

    Returns:
      The results, part first.
    """
    one = jax.checkpoint(function) if remake else function
    return on_platform(
        parts,
        cpu=lambda parts: jax.lax.map(one, parts),
        accelerator=lambda parts: by_chunks(jax.vmap(function), parts, each),
    )


def map_batches(function: Callable, batches: Any, each: float) -> Any:
    """Apply a function to batches of parts, on an accelerator to larger ones.

    Args:
      function: Of one batch of any size, part first, that treats every part alike.
      batches: A pytree of arrays, of shape (batch, part, ...): the batches for a CPU.
      each: Temporary memory of one part [bytes], roughly.

    Returns:
      The results, of shape (batch, part, ...).
    """
    shape = jax.tree.leaves(batches)[0].shape[:2]
    flat = lambda values: jnp.reshape(values, (math.prod(shape), *values.shape[2:]))
    split = lambda values: jnp.reshape(values, (*shape, *values.shape[1:]))

    def whole(batches: Any) -> Any:
        return jax.tree.map(
            split, by_chunks(function, jax.tree.map(flat, batches), each)
        )

    return on_platform(
        batches,
        cpu=lambda batches: jax.lax.map(jax.checkpoint(function), batches),
        accelerator=whole,
    )


def by_chunks(function: Callable, parts: Any, each: float) -> Any:
    """Apply a function of many parts to chunks of equal size that fit in memory.

    What it makes on its way is made again in the reverse pass, not kept.

    Args:
      function: Of any number of parts, part first.
      parts: A pytree of arrays, part first.
      each: Temporary memory of one part [bytes], roughly.

    Returns:
      The results, part first.
    """
    function = jax.checkpoint(function)
    count = len(jax.tree.leaves(parts)[0])
    most = chunk_size(each)
    if count <= most:
        return function(parts)
    chunks = -(-count // most)
    size = -(-count // chunks)
    # The last part fills up the last chunk.
    index = jnp.minimum(jnp.arange(chunks * size), count - 1).reshape(chunks, size)
    results = jax.lax.map(
        lambda index: function(
            jax.tree.map(lambda values: _rows(values, index), parts)
        ),
        index,
    )
    joined = lambda values: values.reshape(-1, *values.shape[2:])[:count]
    return jax.tree.map(joined, results)


def _rows(values: Array, index: Array) -> Array:
    return jnp.asarray(values)[index]
