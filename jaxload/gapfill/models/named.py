"""Models by the names that a study has for them."""

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import pathlib
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

from jaxload.config.model_choice import MODELS, is_outside, model_parts
from jaxload.gapfill.models.adapters import as_architecture
from jaxload.gapfill.models.convolution import TemporalConvolution
from jaxload.gapfill.models.corrected import Corrected
from jaxload.gapfill.models.land_surface import LandSurface
from jaxload.gapfill.models.perceptron import Perceptron
from jaxload.gapfill.models.protocol import Architecture, first_line
from jaxload.gapfill.models.recurrent import Recurrent
from jaxload.gapfill.models.water_stores import WaterStores

__all__ = ["code_of", "named_architecture"]

#: Classes of the models that come with jaxload.
CLASSES = dict(
    zip(MODELS, (Recurrent, TemporalConvolution, Perceptron, WaterStores, LandSurface))
)


def named_architecture(
    name: str,
    settings: Mapping[str, Any] | None = None,
    *,
    trust: bool = False,
    path: Callable[[str], pathlib.Path] = pathlib.Path,
) -> Architecture:
    """Make the architecture of a name.

    Args:
      name: One of `config.MODELS`; code as "my_package.models:WaterNet" or
        "models.py:WaterNet"; or a skeleton and what corrects it, joined by "+".
      settings: Of the model; of a sum, a table for each of its parts.
      trust: Whether code outside jaxload may be imported, and so run.
      path: Where a file lies.

    Returns:
      The architecture.

    Raises:
      ValueError: If code is not trusted or not there, or has no such setting.

    Example:
      >>> architecture = named_architecture("convolution", {"channels": 8})
    """
    settings, parts = dict(settings or {}), model_parts(name)
    if len(parts) == 1:
        return _one(name, settings, trust, path)
    for key, table in settings.items():
        if key not in parts or not isinstance(table, Mapping):
            tables = [f"[gapfill.model_settings.{_quoted(part)}]" for part in parts]
            raise ValueError(
                f"the model {name} has two parts; put settings into tables "
                f"{' and '.join(tables)}, not {key}"
            )
    made = [_one(part, settings.get(part, {}), trust, path) for part in parts]
    return Corrected(*made)


def _quoted(part: str) -> str:
    return part if part.replace("-", "").isidentifier() else f'"{part}"'


def _one(
    name: str,
    settings: Mapping[str, Any],
    trust: bool,
    path: Callable[[str], pathlib.Path],
) -> Architecture:
    if name in CLASSES:
        return as_architecture(CLASSES[name], settings, name=name)
    if is_outside(name) and not trust:
        raise ValueError(
            f"the model {name} is code that would be run; look at it, and set "
            "gapfill.trust = true if you trust it"
        )
    return as_architecture(_imported(name, path), settings, name=name)


def _imported(name: str, path: Callable[[str], pathlib.Path]) -> Any:
    where, _, what = name.rpartition(":")
    try:
        if where.endswith(".py"):
            module = _module_of_file(path(where))
        else:
            module = importlib.import_module(where)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"the model {name}: there is no module {error.name}; install its package, "
            "or name a file as models.py:WaterNet"
        ) from None
    except FileNotFoundError as error:
        raise ValueError(f"the model {name}: {error}") from None
    except (Exception, SystemExit) as error:
        raise ValueError(
            f"the model {name}: importing {where} fails with {type(error).__name__}: "
            f"{first_line(error)}"
        ) from error
    if not hasattr(module, what):
        public = [one for one in vars(module) if not one.startswith("_")]
        near = difflib.get_close_matches(what, public, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"the model {name}: {where} has no {what}{hint}")
    return getattr(module, what)


def _module_of_file(path: pathlib.Path) -> types.ModuleType:
    """Import a file, once as long as it stays as it is."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; check gapfill.model")
    content = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    name = f"{path.stem}_{content}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look for the module of their class.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def code_of(architecture: Any) -> bytes:
    """Read the files of code that a model is written in, for its fingerprint.

    Args:
      architecture: From `named_architecture`.

    Returns:
      Their content; nothing for models of jaxload.
    """
    if isinstance(architecture, Corrected):
        return code_of(architecture.skeleton) + code_of(architecture.correction)
    thing = getattr(architecture, "model", architecture)
    if not (inspect.isroutine(thing) or isinstance(thing, type)):
        thing = type(thing)
    if thing.__module__.split(".")[0] == "jaxload":
        return b""
    try:
        return pathlib.Path(inspect.getfile(thing)).read_bytes()
    except (TypeError, OSError):
        return b""
