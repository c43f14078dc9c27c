"""The record of a study, laid out over the devices of all its processes."""

import jax
import numpy as np
from jax.sharding import Mesh
from jax.typing import ArrayLike

from jaxload import inversion
from jaxload._exchange import first_devices

__all__ = ["bind_record", "record_mesh"]


def record_mesh() -> Mesh | None:
    """Make the mesh over which epochs are laid out.

    Returns:
      All accelerators of all processes; where there are only CPUs one device for each
      process, whose cores work on it together. None for one device.
    """
    devices = jax.devices()
    if devices[0].platform == "cpu":
        devices = first_devices()
    return Mesh(np.asarray(devices), ("epoch",)) if len(devices) > 1 else None


def bind_record(
    values: ArrayLike, noise: inversion.Noise, precision: str = "float64"
) -> inversion.Observations:
    """Bind the heights of a study to their noise, some epochs on each device.

    Args:
      values: Observed uplift [mm], shape (epoch, station); NaN if missing.
      noise: Their noise.
      precision: As of `inversion.observations`.

    Returns:
      The observations.

    Raises:
      ValueError: If there are fewer epochs than devices, or several devices for
        another precision than float64.
    """
    data = inversion.observations(values, noise, precision=precision)
    mesh = record_mesh()
    if mesh is None:
        return data
    if precision != "float64":
        raise ValueError(
            f'inversion.precision "{precision}" is computed on one device, but this '
            f"run divides the record among {mesh.size}; leave inversion.precision out, "
            "or run with one process and device"
        )
    epochs = len(data.values)
    if epochs < mesh.size:
        raise ValueError(
            f"the record has {epochs} epochs, fewer than the {mesh.size} devices among "
            "which this run divides them; run it with fewer processes or devices"
        )
    return inversion.shard_epochs(data, mesh)
