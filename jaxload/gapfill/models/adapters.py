"""Modules of Flax and Equinox, and functions of parameters, as models.

Layers run as at inference: what a module holds beside its weights, such as the state of
a random generator, stays as it was made.
"""

import dataclasses
import difflib
import inspect
import sys
from collections.abc import Callable, Hashable, Mapping
from typing import Any, cast

import jax
import jax.numpy as jnp
from jax import Array

from jaxload.gapfill.models.protocol import (
    Architecture,
    Drivers,
    ModelSizes,
    first_line,
)
from jaxload.gapfill.models.recurrent import Recurrent

__all__ = ["AdaptedModel", "AdaptedNetwork", "as_architecture"]

#: Arguments that a model may take beside its settings.
PASSED = ("inputs", "outputs", "rngs", "key")

#: Epochs of the record with which a Linen module draws its weights, at least.
EXAMPLE_EPOCHS = 8


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class AdaptedNetwork:
    """The weights of any module, and how it is run.

    Attributes:
      weights: Any pytree of floats.
      run: From weights, features and drivers to the output.
    """

    weights: Any
    run: Callable[[Any, Array, Drivers], Array] = dataclasses.field(
        metadata={"static": True}
    )

    def __call__(
        self, features: Array, *, drivers: Drivers, segment: int | None
    ) -> Array:
        """Predict all places at all epochs; see `Predictor`."""
        del segment
        output = self.run(self.weights, features, drivers)
        shape = getattr(output, "shape", None)
        # A model of one output may leave its axis out.
        return output[..., None] if shape == features.shape[:2] else output


@dataclasses.dataclass(frozen=True)
class AdaptedModel:
    """A class of modules, a module, or a function that makes parameters.

    Attributes:
      name: For messages.
      model: The class, module or function.
      settings: Its further arguments, by name.
      kind: Of module.
    """

    name: str
    model: Any
    settings: tuple[tuple[str, Any], ...]
    kind: str

    def build(self, sizes: ModelSizes, key: Array) -> AdaptedNetwork:
        """Draw the first weights; see `Architecture`."""
        try:
            return AdaptedNetwork(*BUILDERS[self.kind](self, sizes, key))
        except Exception as error:
            kind = "" if type(error) is ValueError else f"{type(error).__name__}: "
            raise ValueError(
                f"the model {self.name} cannot be made: {kind}{first_line(error)}"
            ) from error

    def made(self, sizes: ModelSizes, **keys: Any) -> Any:
        """Call the class or function with its settings and what else it takes.

        Args:
          sizes: Of features and outputs.
          **keys: Sources of random numbers.
        """
        takes = _parameters(self.model)
        here = {"inputs": sizes.features, "outputs": sizes.outputs, **keys}
        passed = {name: value for name, value in here.items() if name in takes}
        return self.model(**passed | dict(self.settings))


def as_architecture(
    model: Any, settings: Mapping[str, Any] | None = None, *, name: str = ""
) -> Architecture:
    """Make an architecture of any kind of model.

    Args:
      model: An `Architecture`; a class of Flax NNX, Linen or Equinox modules, or a
        Linen module; a function ``make(key, inputs, outputs, **settings)`` that returns
        parameters and a function of parameters and features; or a whole number, the
        hidden units of a long short-term memory.
      settings: Further arguments of a class or function. Those called ``inputs``, the
        number of features, ``outputs``, ``rngs`` (Flax NNX) and ``key`` are passed
        where it takes them.
      name: For messages; that of the model if empty.

    Returns:
      The architecture. What the model is called with has shape (epoch, place, feature),
      what it returns (epoch, place, output), or (epoch, place) where there is one
      output; it takes the weather in its units as ``drivers`` if it has such an
      argument.

    Raises:
      ValueError: If it is nothing of this, or does not take one of the settings.

    Example:
      >>> def linear(key, inputs, outputs):
      ...     del key
      ...     predict = lambda weights, features: features @ weights
      ...     return jnp.zeros((inputs, outputs), jnp.float32), predict
      >>> architecture = as_architecture(linear)
    """
    settings = dict(settings or {})
    name = name or str(getattr(model, "__qualname__", type(model).__name__))
    if type(model) is int:
        return Recurrent(model)
    if not isinstance(model, type) and (
        hasattr(model, "build") or hasattr(model, "fit")
    ):
        return cast(Architecture, model)
    kind = _kind(model)
    if kind is None:
        raise ValueError(
            f"the model {name} is a {type(model).__name__}, expected a class of Flax "
            "or Equinox modules, or a function that returns parameters and a function "
            "of parameters and features"
        )
    if kind == "architecture":
        _check_settings(name, model, settings, ())
        try:
            return model(**settings)
        except (ValueError, TypeError) as error:
            raise ValueError(f"the model {name}: {first_line(error)}") from None
    _check_settings(name, model, settings, PASSED)
    return AdaptedModel(name, model, tuple(settings.items()), kind)


def _kind(model: Any) -> str | None:
    """Which of the builders makes a model, None for none."""
    # Slow to import, and of use only where something is trained.
    from flax import linen, nnx

    if isinstance(model, linen.Module):
        return "linen module"
    if isinstance(model, type):
        if issubclass(model, nnx.Module):
            return "nnx"
        if issubclass(model, linen.Module):
            return "linen"
        if hasattr(model, "build") or hasattr(model, "fit"):
            return "architecture"
        # Whoever has such a class has imported the package.
        equinox = sys.modules.get("equinox")
        return "equinox" if equinox and issubclass(model, equinox.Module) else None
    return "function" if inspect.isroutine(model) else None


def _parameters(model: Any) -> Mapping[str, inspect.Parameter]:
    """Parameters of a function, a bound method or a class, by name."""
    if not isinstance(model, type):
        return inspect.signature(model).parameters
    # Of a class whose metaclass takes anything, what it is made with.
    _, *takes = inspect.signature(model.__init__).parameters.items()
    return dict(takes)


def _check_settings(
    name: str, model: Any, settings: dict[str, Any], passed: tuple[str, ...]
) -> None:
    """Refuse settings that a class or function does not take."""
    takes = _parameters(model) if callable(model) and not _is_instance(model) else {}
    if any(p.kind is p.VAR_KEYWORD for p in takes.values()):
        return
    known = [one for one in takes if one not in (*passed, "parent", "name")]
    for setting in settings:
        if setting not in known:
            near = difflib.get_close_matches(setting, known, n=1)
            hint = f"did you mean {near[0]}?" if near else _known(known)
            raise ValueError(f"the model {name} has no setting {setting}; {hint}")
    missing = [one for one in known if _is_needed(takes[one]) and one not in settings]
    if missing:
        raise ValueError(
            f"the model {name} needs {' and '.join(missing)} among its settings"
        )


def _is_needed(parameter: inspect.Parameter) -> bool:
    is_one = parameter.kind is not parameter.VAR_POSITIONAL
    return is_one and parameter.default is parameter.empty


def _known(names: list[str]) -> str:
    return f"known are {', '.join(names)}" if names else "it takes none"


def _is_instance(model: Any) -> bool:
    return not isinstance(model, type) and not inspect.isroutine(model)


@dataclasses.dataclass(frozen=True, eq=False)
class _Fixed:
    """What is no weight; one object is equal to itself only."""

    value: Any


def _call(module: Callable[..., Any], features: Array, drivers: Drivers) -> Array:
    """Call a module, with the weather in its units where it takes that."""
    if "drivers" in _parameters(module):
        return module(features, drivers=drivers)
    return module(features)


def _of_nnx(model: AdaptedModel, sizes: ModelSizes, key: Array) -> tuple[Any, Hashable]:
    from flax import nnx

    def parts(key: Array) -> tuple[Any, Any, Any]:
        module = model.made(sizes, rngs=nnx.Rngs(key))
        module.eval()
        graph, weights, rest = nnx.split(module, nnx.Param, ...)
        return graph, weights, rest

    with jax.ensure_compile_time_eval():
        fixed = _Fixed(parts(jax.random.key(0))[2])
    graph, weights, _ = parts(key)

    def run(weights: Any, features: Array, drivers: Drivers) -> Array:
        return _call(nnx.merge(graph, weights, fixed.value), features, drivers)

    return weights, run


def _of_linen(
    model: AdaptedModel, sizes: ModelSizes, key: Array
) -> tuple[Any, Hashable]:
    module = model.made(sizes) if model.kind == "linen" else model.model
    return _of_linen_module(module, sizes, key)


def _of_linen_module(
    module: Any, sizes: ModelSizes, key: Array
) -> tuple[Any, Hashable]:
    epochs = max(sizes.epochs_per_year, EXAMPLE_EPOCHS)
    features = jnp.zeros((epochs, 1, sizes.features), jnp.float32)
    drivers = {name: jnp.ones((epochs, 1), jnp.float32) for name in sizes.drivers}
    takes = "drivers" in _parameters(module.__call__)
    more = {"drivers": drivers} if takes else {}
    drawn = dict(module.init(key, features, **more))
    weights = drawn.pop("params", {})
    with jax.ensure_compile_time_eval():
        rest = dict(module.init(jax.random.key(0), features, **more)) if drawn else {}
    fixed = _Fixed({name: rest[name] for name in drawn})

    def run(weights: Any, features: Array, drivers: Drivers) -> Array:
        more = {"drivers": drivers} if takes else {}
        return module.apply({"params": weights, **fixed.value}, features, **more)

    return weights, run


def _of_equinox(
    model: AdaptedModel, sizes: ModelSizes, key: Array
) -> tuple[Any, Hashable]:
    equinox = sys.modules["equinox"]
    module = equinox.nn.inference_mode(model.made(sizes, key=key))
    weights, rest = equinox.partition(module, equinox.is_inexact_array)
    fixed = _Fixed(rest)

    def run(weights: Any, features: Array, drivers: Drivers) -> Array:
        return _call(equinox.combine(weights, fixed.value), features, drivers)

    return weights, run


def _of_function(
    model: AdaptedModel, sizes: ModelSizes, key: Array
) -> tuple[Any, Hashable]:
    both = model.made(sizes, key=key)
    if not (isinstance(both, tuple) and len(both) == 2 and callable(both[1])):
        raise ValueError(
            f"it returns a {type(both).__name__}, expected parameters and a function "
            "of parameters and features"
        )
    weights, predict = both

    def run(weights: Any, features: Array, drivers: Drivers) -> Array:
        if "drivers" in _parameters(predict):
            return predict(weights, features, drivers=drivers)
        return predict(weights, features)

    return weights, run


#: How weights are drawn and run, by kind of model.
BUILDERS: dict[str, Callable[..., tuple[Any, Any]]] = {
    "nnx": _of_nnx,
    "linen": _of_linen,
    "linen module": _of_linen,
    "equinox": _of_equinox,
    "function": _of_function,
}
