"""Worlds whose truth is known, and what is measured in them."""

from jaxload.synthetic.groundwater import (
    GroundwaterSettings,
    GroundwaterWorld,
    Wells,
    groundwater_world,
    week_means,
)
from jaxload.synthetic.loads import Climate, land_of, loads_of
from jaxload.synthetic.modes import Modes, Patterns, Rasters, block_means, weighted
from jaxload.synthetic.storage import Twin, TwinSettings, twin

__all__ = [
    "Climate",
    "GroundwaterSettings",
    "GroundwaterWorld",
    "Modes",
    "Patterns",
    "Rasters",
    "Twin",
    "TwinSettings",
    "Wells",
    "block_means",
    "groundwater_world",
    "land_of",
    "loads_of",
    "twin",
    "week_means",
    "weighted",
]
