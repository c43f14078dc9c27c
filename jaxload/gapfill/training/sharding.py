"""Members or places distributed over devices that never wait for each other.

A program that trains networks side by side has no more than one core of a CPU at work
for most of the time, however many there are; and one GPU of several. Devices may be
those of several processes, which then all do this together.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxload._check import on_host
from jaxload._exchange import first_devices

__all__ = [
    "MOST_PROGRAMS",
    "Devices",
    "Share",
    "along",
    "make_share",
    "one_device_each",
]

#: Some of `jax.devices()`.
Devices = Sequence[Any]

AXIS = "share"

#: Trainings whose compiled programs a process keeps.
MOST_PROGRAMS = 16


def along(axis: int = 0) -> PartitionSpec:
    """How arrays are cut whose parts are shared out along an axis."""
    return PartitionSpec(*[None] * axis, AXIS)


@dataclasses.dataclass(frozen=True)
class Share:
    """Distribution of members or places over devices.

    Attributes:
      parts: Number of members or places.
      mesh: Devices among which they are shared out, None where one has all.
    """

    parts: int
    mesh: Mesh | None

    @property
    def spans_processes(self) -> bool:
        """Whether devices of several processes have parts."""
        mesh = self.mesh
        return mesh is not None and mesh.is_multi_process

    def out(self, tree: Any, axis: int = 0) -> Any:
        """Distribute arrays over the devices.

        Args:
          tree: A pytree of arrays with the parts along an axis.
          axis: Which.

        Returns:
          The arrays on their devices, the last part repeated where devices would have
          fewer than others.
        """
        return self.spread(tree, along(axis))

    def spread(self, tree: Any, cut: Any) -> Any:
        """Distribute arrays over the devices, each as it is cut.

        Args:
          tree: A pytree of arrays, the same in every process.
          cut: How they are cut, as for `over`.

        Returns:
          The arrays on their devices, parts repeated as in `out`.
        """
        if self.mesh is None:
            return tree
        return _map_cut(self._placed, cut, tree)

    def whole(self, tree: Any, cut: Any) -> Any:
        """Gather arrays on the host, of every process.

        Args:
          tree: A pytree of arrays, from `spread`.
          cut: How they are cut.

        Returns:
          The arrays without what was repeated.
        """
        if self.mesh is None:
            return tree
        return _map_cut(
            lambda values, axis: self._first(on_host(values), axis), cut, tree
        )

    def back(self, tree: Any) -> Any:
        """Gather arrays from the devices.

        Args:
          tree: A pytree of arrays with the parts along their first axis.

        Returns:
          The arrays on the default device, without what was repeated.
        """
        if self.mesh is None:
            return tree
        return jax.tree.map(jnp.asarray, self.whole(tree, along()))

    def _first(self, values: Any, axis: int | None) -> Any:
        return values if axis is None else values.take(np.arange(self.parts), axis)

    def _placed(self, values: Any, axis: int | None) -> Any:
        assert self.mesh is not None
        values = self._first(on_host(values), axis)
        if axis is not None:
            spare = [(0, 0)] * values.ndim
            spare[axis] = (0, -self.parts % self.mesh.size)
            values = np.pad(values, spare, mode="edge")
        cut = PartitionSpec() if axis is None else along(axis)
        where = NamedSharding(self.mesh, cut)
        return jax.make_array_from_callback(
            values.shape, where, lambda index: values[index]
        )

    @functools.lru_cache(maxsize=MOST_PROGRAMS)  # noqa: B019 - a handful of devices.
    def over(
        self, function: Callable[..., Any], in_specs: Any, out_specs: Any
    ) -> Callable[..., Any]:
        """Make a function run on every device, each with its parts.

        Args:
          function: From arrays of some parts to arrays of the same parts.
          in_specs: How its arguments are cut, `along` an axis or not at all, a tuple of
            pytrees that begin as they do.
          out_specs: Likewise of what it returns.

        Returns:
          The function, compiled when it is first called; the same for the same
          arguments.
        """
        if self.mesh is None:
            return jax.jit(function)
        # Scans begin with zeros that every device has alike.
        spread = functools.partial(jax.shard_map, mesh=self.mesh, check_vma=False)
        return jax.jit(spread(function, in_specs=in_specs, out_specs=out_specs))


def _map_cut(function: Callable[[Any, int | None], Any], cut: Any, tree: Any) -> Any:
    """Apply a function to arrays and to the axis along which each is cut."""

    def of_part(spec: PartitionSpec, part: Any) -> Any:
        axis = spec.index(AXIS) if AXIS in spec else None
        return jax.tree.map(lambda values: function(values, axis), part)

    return jax.tree.map(of_part, cut, tree)


def one_device_each() -> Devices:
    """Choose one device of every process, where there are several processes.

    Returns:
      The devices; none where there is one process.
    """
    return () if jax.process_count() == 1 else first_devices()


def make_share(parts: int, devices: Devices) -> Share:
    """Share out parts, as evenly as can be, among as few devices as that takes.

    Of several processes each takes part, as all have to call what runs on the devices.

    Args:
      parts: Number of members or places.
      devices: Those that may be used.

    Returns:
      The `Share`.
    """
    most = -(-parts // max(len(devices), 1))
    used = -(-parts // max(most, 1))
    if used < 2:
        return Share(parts, None)
    chosen = _in_turn(devices)[: max(used, len(first_devices(devices)))]
    return Share(parts, Mesh(np.asarray(chosen), (AXIS,)))


def _in_turn(devices: Devices) -> list[Any]:
    """One device of every process, then the second of every process, and so on."""
    counts: dict[int, int] = {}
    turns = []
    for device in devices:
        turn = counts.get(device.process_index, 0)
        counts[device.process_index] = turn + 1
        turns.append((turn, device.process_index))
    order = sorted(range(len(devices)), key=turns.__getitem__)
    return [devices[n] for n in order]
