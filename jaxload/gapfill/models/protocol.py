"""What a model of water or displacement has to offer, and how it is run.

An *architecture* draws the first weights of a model. The *network* that it makes is a
pytree of these weights that can be called with features; what else it has to know is
static. Losses, folds, schedules, checkpoints and calibration use nothing else of it.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

__all__ = [
    "LOAD_SCALE_MM",
    "UPLIFT_SCALE_MM",
    "Architecture",
    "Drivers",
    "ModelSizes",
    "Predictor",
    "check_network",
    "checked_drivers",
    "describe_parameters",
    "log_prior",
    "run_network",
]

#: Load and displacement that an output of one stands for [mm].
LOAD_SCALE_MM, UPLIFT_SCALE_MM = 100.0, 5.0

#: Weather in its units by the name of the variable, each of shape (epoch, place); and
#: "days", the length of each epoch [days], of shape (epoch, 1).
Drivers = Mapping[str, Array]


@dataclasses.dataclass(frozen=True)
class ModelSizes:
    """What an architecture has to know of the data.

    Attributes:
      features: Number of features at every epoch and place.
      outputs: Numbers to be predicted: 1 for the load; 2 for displacement and the
        logarithm of its standard deviation.
      drivers: Names of the variables that are there in their units.
      epochs_per_year: Number of epochs in the first year, 0 where it is not known.
    """

    features: int
    outputs: int = 1
    drivers: tuple[str, ...] = ()
    epochs_per_year: int = 0


class Predictor(Protocol):
    """A model with its weights: a pytree of arrays of floats that can be called.

    It may have two methods more. ``log_prior(features, drivers)`` is the log density of
    its parameters before any height is seen, which the training loss adds.
    ``describe(features, drivers)`` summarises its parameters for `summary.json`.
    """

    def __call__(
        self, features: Array, *, drivers: Drivers, segment: int | None
    ) -> Array:
        """Predict places at all epochs, each from what is known of it alone.

        Args:
          features: Shape (epoch, place, feature). Training may leave places out that
            are compared with nothing.
          drivers: Weather in its units.
          segment: Epochs that may be kept for derivatives at a time, None for all.

        Returns:
          Output, shape (epoch, place, output), in units of `LOAD_SCALE_MM` or
          `UPLIFT_SCALE_MM`.
        """
        ...


class Architecture(Protocol):
    """A model without weights; equal ones make equal networks from equal keys."""

    def build(self, sizes: ModelSizes, key: Array) -> Predictor:
        """Draw the first weights of a network.

        Args:
          sizes: Of features and outputs.
          key: Of `jax.random.key`; may be traced.

        Returns:
          The network.

        Raises:
          ValueError: If the model cannot be made for these sizes.
        """
        ...


def run_network(
    network: Any,
    features: Array,
    drivers: Drivers | None = None,
    segment: int | None = None,
) -> Array:
    """Run a network over all places and epochs.

    Args:
      network: Any `Predictor`.
      features: Shape (epoch, place, feature).
      drivers: Weather in its units; None for none.
      segment: As in `Predictor`.

    Returns:
      Output [-], shape (epoch, place, output).
    """
    return network(features, drivers=drivers or {}, segment=segment)


def log_prior(network: Any, features: Array, drivers: Drivers) -> Array | None:
    """Compute the log density of the parameters of a network before training.

    Args:
      network: Any `Predictor`.
      features: Shape (epoch, place, feature).
      drivers: Weather in its units.

    Returns:
      The log density but for a constant, (); None where the network has none.
    """
    density = getattr(network, "log_prior", None)
    return None if density is None else density(features, drivers)


def describe_parameters(
    network: Any, features: Array, drivers: Drivers
) -> dict[str, Any]:
    """Summarise the parameters of a network in physical units.

    Args:
      network: Any `Predictor`, of one member.
      features: Shape (epoch, place, feature).
      drivers: Weather in its units.

    Returns:
      Numbers by name; nothing for networks that have no such summary.
    """
    describe = getattr(network, "describe", None)
    return {} if describe is None else describe(features, drivers)


def checked_drivers(
    drivers: Mapping[str, ArrayLike], epochs: int, places: int
) -> dict[str, Array]:
    """Check weather in its units and bring it to single precision.

    Args:
      drivers: By the name of the variable.
      epochs: Number of epochs.
      places: Number of places.

    Returns:
      The same as arrays of JAX.

    Raises:
      ValueError: If one has another shape or is not finite somewhere.
    """
    checked = {}
    for name, values in drivers.items():
        values = np.asarray(values)
        if values.shape not in ((epochs, places), (epochs, 1)):
            raise ValueError(
                f"the driver {name} has shape {values.shape}, expected "
                f"{(epochs, places)}, or {(epochs, 1)} where all places share it"
            )
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            raise ValueError(
                f"the driver {name} is not finite at epoch {bad[0][0]} of place "
                f"{bad[0][1]}; fill its gaps, or leave it out"
            )
        checked[name] = jnp.asarray(values, jnp.float32)
    return checked


def check_network(
    name: str, network: Any, features: Array, drivers: Drivers, outputs: int
) -> None:
    """Check weights and the shape of the output of a network, without computing it.

    Args:
      name: Of the model, for the message.
      network: Any `Predictor`, of one member.
      features: Shape (epoch, place, feature).
      drivers: Weather in its units.
      outputs: How many are expected.

    Raises:
      ValueError: If a weight is no float or not finite, or the network cannot be run,
        or its output has another shape or type than it should.
    """
    for path, values in jax.tree_util.tree_leaves_with_path(network):
        where = f"the model {name}: its weights {jax.tree_util.keystr(path)}"
        if not jnp.issubdtype(values.dtype, jnp.floating):
            raise ValueError(f"{where} are {values.dtype}, expected floats")
        if not np.isfinite(np.asarray(values)).all():
            raise ValueError(
                f"{where} are not all finite before the first step; look at how they "
                "are drawn"
            )
    run = lambda x, drivers: network(x, drivers=drivers, segment=None)
    output = traced(f"the model {name} cannot be run", run, features, dict(drivers))
    expected = (*features.shape[:2], outputs)
    shape = getattr(output, "shape", None)
    if shape != expected:
        raise ValueError(
            f"the model {name} returns {_shape_of(output)} for features of shape "
            f"{features.shape}, expected {expected}: epochs, places and {outputs} "
            f"output{'s' * (outputs > 1)}"
        )
    if not jnp.issubdtype(output.dtype, jnp.floating):
        raise ValueError(f"the model {name} returns {output.dtype}, expected floats")


def traced(problem: str, function: Any, *arguments: Any) -> Any:
    """Find the shapes that a function returns.

    Args:
      problem: Begins the message where the function fails.
      function: Written by anybody.
      *arguments: Of the function.

    Returns:
      Shapes and types in place of arrays.

    Raises:
      ValueError: If the function raises anything, in one sentence.
    """
    try:
        return jax.eval_shape(function, *arguments)
    except ValueError as error:
        raise ValueError(f"{problem}: {first_line(error)}") from error
    except Exception as error:
        kind = type(error).__name__
        raise ValueError(f"{problem}: {kind}: {first_line(error)}") from error


def first_line(error: BaseException) -> str:
    """Shorten the text of an exception to its first line.

    Args:
      error: The exception.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _shape_of(output: Any) -> str:
    shape = getattr(output, "shape", None)
    return f"a {type(output).__name__}" if shape is None else f"shape {shape}"
