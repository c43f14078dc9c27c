"""Epochs of a record distributed over devices, of one process or of many.

Without a temporal prior epochs share the problem and nothing else. Every device holds
some of them and solves them with a program of its own; sums over the record are the
only numbers that devices exchange.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from numpy.typing import NDArray

from jaxload._check import is_concrete, on_host
from jaxload.inversion.missing.pattern import find_pattern
from jaxload.inversion.missing.shard_patterns import find_shard_patterns
from jaxload.inversion.noise import Noise

__all__ = [
    "EpochSharding",
    "by_shards",
    "gather_epochs",
    "gather_noise",
    "on_every_device",
    "place_epochs",
    "record_epochs",
    "require_one_device",
    "reshard",
    "shard_epochs",
    "without_shards",
]

#: `Observations`, which are defined on top of this.
Data = TypeVar("Data", bound=Any)


@dataclasses.dataclass(frozen=True)
class EpochSharding:
    """How epochs are laid out over devices: as many on each, the last ones filled up.

    Attributes:
      mesh: The devices; epochs are cut along all of its axes.
      epochs: Number of epochs of the record, without those that fill up.
    """

    mesh: Mesh
    epochs: int

    @property
    def along(self) -> PartitionSpec:
        """How arrays are cut that have epochs first."""
        return PartitionSpec(self.mesh.axis_names)

    @property
    def local(self) -> int:
        """Epochs of a device."""
        return -(-self.epochs // self.mesh.size)

    @property
    def padded(self) -> int:
        """Epochs of all devices, with those that fill up."""
        return self.local * self.mesh.size

    @property
    def counts(self) -> NDArray[np.int64]:
        """Epochs of the record on each device, shape (device,)."""
        first = np.arange(self.mesh.size) * self.local
        return np.clip(self.epochs - first, 0, self.local)


def shard_epochs(data: Data, mesh: Mesh) -> Data:
    """Lay observations out over the devices of a mesh, some epochs on each.

    What is asked of them afterwards (`solve`, criteria and their derivatives, standard
    deviations) runs on every device for its own epochs, and gives the same. Results
    with an axis of epochs stay where they were computed; epochs that fill up the last
    devices miss all data and stand at the end: `gather_epochs` leaves them out.

    Over several processes (`jax.distributed`) each calls this with the same
    observations and a mesh of all devices, and asks the same questions in the same
    order.

    Not for: what couples epochs, as a temporal prior does, and questions that are not
    named here; these ask for the observations as they were.

    Args:
      data: From `observations`; not traced.
      mesh: Devices, of one or more axes, such as
        ``jax.sharding.Mesh(jax.devices(), ("epoch",))``.

    Returns:
      The observations, each device with the missing data of its epochs.

    Raises:
      ValueError: If there are fewer epochs than devices, or the data are traced.

    Example:
      >>> mesh = jax.sharding.Mesh(jax.devices(), ("epoch",))
      >>> data = inversion.shard_epochs(inversion.observations(up, sigma), mesh)
      >>> water = inversion.solve(problem, data, beta=0.02)
      >>> load = inversion.gather_epochs(water.load, data)
    """
    if not is_concrete(data.values):
        raise ValueError(
            "shard_epochs needs the values of the observations; call it outside jit "
            "and pass its result as an argument"
        )
    data = without_shards(data)
    epochs = len(data.values)
    if epochs < mesh.size:
        raise ValueError(
            f"the record has {epochs} epochs, fewer than the {mesh.size} devices of "
            f"the mesh; take a mesh of {epochs} devices or fewer"
        )
    # Of automatic axes, whatever the kind of those given.
    mesh = Mesh(mesh.devices, mesh.axis_names)
    return reshard(data, EpochSharding(mesh, epochs))


def require_one_device(data: Any) -> None:
    """Check that observations are not laid out over devices.

    Args:
      data: From `observations`.

    Raises:
      ValueError: If they are.
    """
    if data.sharding is not None:
        raise ValueError(
            "this is not computed from observations that are laid out over devices; "
            "give them as they were before shard_epochs"
        )


def gather_epochs(values: Any, data: Any) -> Any:
    """Collect results with an axis of epochs on the host, of every process.

    Args:
      values: An array, or a pytree of arrays, of shape (epoch, ...).
      data: The observations that they were computed from.

    Returns:
      NumPy arrays in its place, without the epochs that fill up devices.
    """
    count = record_epochs(data)
    return jax.tree.map(lambda each: on_host(each)[:count], values)


def gather_noise(data: Any) -> Noise:
    """Collect the noise of observations on one device, of every process.

    Args:
      data: From `observations`; not traced.

    Returns:
      The noise of the epochs of the record; the same if they are not sharded.
    """
    noise = data.noise
    if data.sharding is None:
        return noise
    gather = lambda values: jnp.asarray(gather_epochs(values, data))
    if noise.sigma.ndim == 2:
        noise = dataclasses.replace(noise, sigma=gather(noise.sigma))
    if _varies(noise.common):
        noise = dataclasses.replace(noise, common=gather(noise.common))
    return noise


def record_epochs(data: Any) -> int:
    """Number of epochs of a record, without those that fill up devices.

    Args:
      data: From `observations`.
    """
    return len(data.values) if data.sharding is None else data.sharding.epochs


def reshard(data: Data, sharding: EpochSharding) -> Data:
    """Lay observations out as a sharding has it.

    Args:
      data: On one device.
      sharding: Of as many epochs.

    Returns:
      The observations.
    """
    place = lambda values, fill: place_epochs(values, sharding, fill)
    noise, pattern = data.noise, data.pattern
    if noise.sigma.ndim == 2:
        noise = dataclasses.replace(noise, sigma=place(noise.sigma, 1))
    if _varies(noise.common):
        noise = dataclasses.replace(noise, common=place(noise.common, 0))
    if pattern is not None:
        missing = ~np.isfinite(_filled(on_host(data.values), sharding, np.nan))
        shape = (sharding.mesh.size, sharding.local, missing.shape[1])
        pattern = find_shard_patterns(missing.reshape(shape), sharding.counts)
    values = place(data.values, jnp.nan)
    return dataclasses.replace(
        data, values=values, noise=noise, pattern=pattern, sharding=sharding
    )


def without_shards(data: Data) -> Data:
    """Collect observations on the host, as they were before `shard_epochs`.

    Args:
      data: Not traced.

    Returns:
      The observations; the same if they are not sharded.
    """
    if data.sharding is None:
        return data
    noise, pattern = gather_noise(data), data.pattern
    values = jnp.asarray(gather_epochs(data.values, data))
    pattern = None if pattern is None else find_pattern(values)
    return dataclasses.replace(
        data, values=values, noise=noise, pattern=pattern, sharding=None
    )


def place_epochs(values: Array, sharding: EpochSharding, fill: float) -> Array:
    """Lay an array with an axis of epochs out over devices.

    Args:
      values: Of the epochs of the record, shape (epoch, ...); or padded already.
      sharding: How.
      fill: Value of the epochs that fill up.

    Returns:
      The array, shape (padded epoch, ...).
    """
    where = NamedSharding(sharding.mesh, sharding.along)
    if not is_concrete(values):
        spare = [(0, sharding.padded - len(values))] + [(0, 0)] * (values.ndim - 1)
        values = jnp.pad(values, spare, constant_values=fill)
        return jax.lax.with_sharding_constraint(values, where)
    if (
        isinstance(values, jax.Array)
        and len(values) == sharding.padded
        and values.sharding.is_equivalent_to(where, values.ndim)
    ):
        return values
    whole = _filled(on_host(values), sharding, fill)
    return jax.make_array_from_callback(whole.shape, where, lambda index: whole[index])


def on_every_device(tree: Any, sharding: EpochSharding) -> Any:
    """Copy arrays to every device.

    Args:
      tree: A pytree of arrays that every process has.
      sharding: Whose devices.

    Returns:
      The pytree, its arrays whole on each device; traced ones as they are.
    """
    where = NamedSharding(sharding.mesh, PartitionSpec())

    def copy(values: Any) -> Any:
        if not is_concrete(values):
            return values
        if isinstance(values, jax.Array) and values.sharding.is_equivalent_to(
            where, values.ndim
        ):
            return values
        whole = on_host(values)
        return jax.make_array_from_callback(
            whole.shape, where, lambda index: whole[index]
        )

    return jax.tree.map(copy, tree)


def by_shards(
    function: Callable[..., Any], data: Any, per_epoch: Any = (), alike: Any = ()
) -> Any:
    """Apply a function of observations, on every device to its own epochs.

    Args:
      function: Of observations, `per_epoch` and `alike`, to arrays with epochs first.
      data: From `observations`, sharded or not.
      per_epoch: A pytree of arrays with epochs first.
      alike: A pytree of arrays that all epochs share.

    Returns:
      What the function returns, of all epochs.
    """
    sharding = data.sharding
    if sharding is None:
        return function(data, per_epoch, alike)
    along = sharding.along
    return jax.shard_map(
        lambda data, per_epoch, alike: function(_local_data(data), per_epoch, alike),
        mesh=sharding.mesh,
        in_specs=(_specs(data), along, PartitionSpec()),
        out_specs=along,
        # Scans begin with zeros that every device has alike.
        check_vma=False,
    )(data, per_epoch, alike)


def _specs(data: Any) -> Any:
    """How the arrays of observations are cut."""
    along, whole = data.sharding.along, PartitionSpec()
    noise = Noise(
        sigma=along if data.noise.sigma.ndim == 2 else whole,  # pyright: ignore[reportArgumentType]
        correlation=whole,  # pyright: ignore[reportArgumentType]
        common=along if _varies(data.noise.common) else whole,
        common_rows=whole,  # pyright: ignore[reportArgumentType]
        patterns=whole,  # pyright: ignore[reportArgumentType]
    )
    return dataclasses.replace(
        data, values=along, noise=noise, pattern=along, used=whole, fits=along
    )


def _varies(common: Any) -> bool:
    """Whether each epoch has a variance of its own of the common offset."""
    return common is not None and jnp.ndim(common) == 1


def _local_data(data: Any) -> Any:
    """The observations of one device, inside of `jax.shard_map`."""
    pattern = data.pattern
    if pattern is not None:
        pattern = jax.tree.map(lambda index: index[0], pattern)
    return dataclasses.replace(data, pattern=pattern, sharding=None)


def _filled(values: NDArray[Any], sharding: EpochSharding, fill: float) -> NDArray[Any]:
    spare = [(0, sharding.padded - len(values))] + [(0, 0)] * (values.ndim - 1)
    return np.pad(values, spare, constant_values=fill)
