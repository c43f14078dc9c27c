"""Worlds whose truth is known, simulated, written, studied and held against it."""

from jaxload.demo.groundwater_files import write_world
from jaxload.demo.storage import Scores, run

__all__ = ["Scores", "run", "write_world"]
