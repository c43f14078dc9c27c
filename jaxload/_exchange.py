"""Numbers that the processes of a run exchange, however many devices each has.

Nodes may differ in cores and cards. Here each process takes part by its first device
alone, and what is exchanged are bytes, which no setting of precision rounds.
"""

import functools
import io
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

__all__ = [
    "first_devices",
    "from_first",
    "gather_arrays",
    "gather_bytes",
    "wait_for_all",
]

AXIS = "process"

#: Bytes are exchanged in multiples of this, as every length is compiled for itself.
UNIT = 2**16


def first_devices(devices: Any = None) -> list[Any]:
    """Choose one device of every process.

    Args:
      devices: Those to choose among; all if not given.

    Returns:
      The first one of each process, in the order of the processes.
    """
    devices = jax.devices() if devices is None else devices
    first = {device.process_index: device for device in reversed(devices)}
    return [first[process] for process in sorted(first)]


def from_first(tree: Any) -> Any:
    """Take arrays from the first process.

    Args:
      tree: A pytree of arrays, of the same shapes and types in every process.

    Returns:
      NumPy arrays with the values of the first process; called by all together.
    """
    if jax.process_count() == 1:
        return jax.tree.map(np.asarray, tree)

    def taken(values: Any) -> NDArray[Any]:
        array = np.ascontiguousarray(values)
        local = array.reshape(-1).view(np.uint8)
        first = jax.process_index() == 0
        whole = _reduced(local if first else np.zeros_like(local), True)
        return whole.view(array.dtype).reshape(np.shape(values))

    return jax.tree.map(taken, tree)


def gather_bytes(content: bytes) -> list[bytes]:
    """Collect what every process has.

    Args:
      content: Of this process; of any length.

    Returns:
      That of each, in the order of the processes; called by all together.
    """
    if jax.process_count() == 1:
        return [content]
    size = np.array([len(content)], np.int64).view(np.uint8)
    sizes = _reduced(size, False).reshape(-1).view(np.int64)
    local = np.zeros(_rounded_up(int(sizes.max())), np.uint8)
    local[: len(content)] = np.frombuffer(content, np.uint8)
    rows = _reduced(local, False)
    return [row[:count].tobytes() for row, count in zip(rows, sizes)]


def gather_arrays(arrays: Sequence[NDArray[Any]]) -> list[list[NDArray[Any]]]:
    """Collect the arrays that every process has.

    Args:
      arrays: Of this process; of any number, shapes and types but objects.

    Returns:
      Those of each, in the order of the processes; called by all together.
    """
    if jax.process_count() == 1:
        return [list(arrays)]
    content = io.BytesIO()
    for array in arrays:
        np.lib.format.write_array(content, np.asarray(array), allow_pickle=False)
    return [_unpacked(each) for each in gather_bytes(content.getvalue())]


def _unpacked(content: bytes) -> list[NDArray[Any]]:
    stream, arrays = io.BytesIO(content), []
    while stream.tell() < len(content):
        arrays.append(np.lib.format.read_array(stream, allow_pickle=False))
    return arrays


def _rounded_up(size: int) -> int:
    """A length out of few: a power of two, or a multiple of an eighth of one."""
    step = max(UNIT, 2 ** max(size - 1, 1).bit_length() // 8)
    return -(-max(size, 1) // step) * step


def wait_for_all() -> None:
    """Wait until all processes come here; at once where there is one."""
    gather_bytes(b"")


def _reduced(local: NDArray[np.uint8], summed: bool) -> NDArray[np.uint8]:
    """Bytes of all processes, shape (process, byte), or their sums."""
    mesh = Mesh(np.asarray(first_devices()), (AXIS,))
    whole = jax.make_array_from_callback(
        (mesh.size, *local.shape),
        NamedSharding(mesh, PartitionSpec(AXIS)),
        lambda _: local[None],
    )
    return np.asarray(_everywhere(mesh, summed)(whole).addressable_data(0))


@functools.lru_cache(maxsize=2)
def _everywhere(mesh: Mesh, summed: bool) -> Any:
    def on_all(rows: jax.Array) -> jax.Array:
        return rows.sum(axis=0, dtype=jnp.uint8) if summed else rows

    return jax.jit(on_all, out_shardings=NamedSharding(mesh, PartitionSpec()))
