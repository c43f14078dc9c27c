"""Worlds whose truth is known, simulated, written, studied and held against it."""

from jaxload.demo.files.china import write_weather_world
from jaxload.demo.files.groundwater import write_world
from jaxload.demo.filling import compare_cells, filling_study, run_filling
from jaxload.demo.groundwater import groundwater_study, run_groundwater
from jaxload.demo.storage import Scores, run_twin
from jaxload.demo.systems import SYSTEMS
from jaxload.demo.worlds import WORLDS, simulate

__all__ = [
    "SYSTEMS",
    "WORLDS",
    "Scores",
    "compare_cells",
    "filling_study",
    "groundwater_study",
    "run_filling",
    "run_groundwater",
    "run_twin",
    "simulate",
    "write_weather_world",
    "write_world",
]
