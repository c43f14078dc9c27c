"""Terrestrial water storage from GNSS displacement, in JAX.

The sub-packages are the namespaces to use: `earth`, `sphere`, `series`, `io`,
`inversion`, `evaluate`, `gapfill`, `synthetic`, `config`, `plot`, `pipeline`, `sweep`,
`labelled`, `drafting`, `export`, `comparison`, `fetch`, `description`, `report`.
Each is imported when it is first used: ``import jaxload; jaxload.inversion.solve``.
Nothing is computed at import and JAX is not configured, but for the threads that XLA
makes on a CPU (`_thread_pool`); `README.md` beside this file draws the tree.
"""

import importlib
import types

from jaxload._thread_pool import provide_threads

#: Sub-packages by name.
PACKAGES = (
    "comparison",
    "config",
    "demo",
    "description",
    "drafting",
    "earth",
    "evaluate",
    "export",
    "fetch",
    "gapfill",
    "inversion",
    "io",
    "labelled",
    "pipeline",
    "plot",
    "report",
    "series",
    "sphere",
    "studies",
    "sweep",
    "synthetic",
)

__all__ = ["PACKAGES", "__version__"]

__version__ = "0.2.0"

provide_threads()


def __getattr__(name: str) -> types.ModuleType:
    if name in PACKAGES:
        return importlib.import_module(f"jaxload.{name}")
    raise AttributeError(f"module 'jaxload' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *PACKAGES})
