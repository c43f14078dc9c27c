"""The published systems, each demonstrated on a world of its own."""

import functools

from jaxload.demo.filling import run_filling
from jaxload.demo.groundwater import run_groundwater
from jaxload.demo.storage import run_twin

__all__ = ["SYSTEMS"]

#: Functions of the folder of results, by what they demonstrate.
SYSTEMS = {
    "traditional": run_twin,
    "groundwater": run_groundwater,
    "mllim": functools.partial(run_filling, "mllim"),
    "dwlim": functools.partial(run_filling, "dwlim"),
    "joint": functools.partial(run_filling, "joint"),
}
