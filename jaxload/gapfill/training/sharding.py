"""Members or places distributed over devices that never wait for each other.

A program that trains networks side by side has no more than one core of a CPU at work
for most of the time, however many there are; and one GPU of several.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

__all__ = ["MOST_PROGRAMS", "Devices", "Share", "along", "make_share"]

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

    def out(self, tree: Any, axis: int = 0) -> Any:
        """Distribute arrays over the devices.

        Args:
          tree: A pytree of arrays with the parts along an axis.
          axis: Which.

        Returns:
          The arrays on their devices, the last part repeated where devices would have
          fewer than others.
        """
        if self.mesh is None:
            return tree
        sharding = NamedSharding(self.mesh, along(axis))
        each = np.arange(self.parts)
        each = np.pad(each, (0, -self.parts % self.mesh.size), mode="edge")
        fill = lambda x: jnp.take(jnp.asarray(x), each, axis=axis)
        return jax.device_put(jax.tree.map(fill, tree), sharding)

    def settle(self, tree: Any, cut: Any) -> Any:
        """Place whole arrays on the devices as `over` expects them.

        Args:
          tree: A pytree of arrays with as many parts as `out` makes.
          cut: How they are cut, as for `over`.

        Returns:
          The arrays on their devices.
        """
        if self.mesh is None:
            return tree
        place = functools.partial(NamedSharding, self.mesh)
        return jax.device_put(tree, jax.tree.map(place, cut))

    def back(self, tree: Any) -> Any:
        """Gather arrays from the devices.

        Args:
          tree: A pytree of arrays with the parts along their first axis.

        Returns:
          The arrays on the default device, without what was repeated.
        """
        if self.mesh is None:
            return tree
        return jax.tree.map(lambda x: jnp.asarray(np.asarray(x)[: self.parts]), tree)

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


def make_share(parts: int, devices: Devices) -> Share:
    """Share out parts, as evenly as can be, among as few devices as that takes.

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
    return Share(parts, Mesh(np.asarray(devices[:used]), (AXIS,)))
