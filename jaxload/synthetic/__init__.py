"""Worlds whose truth is known, and what is measured in them."""

from jaxload.synthetic.loads import Climate, land_of, loads_of
from jaxload.synthetic.modes import Modes, Patterns, Rasters, block_means, weighted
from jaxload.synthetic.networks import Network
from jaxload.synthetic.satellites import month_means
from jaxload.synthetic.twin_world import Twin, TwinSettings, twin
from jaxload.synthetic.weather_settings import WeatherSettings
from jaxload.synthetic.world_with_groundwater import (
    GroundwaterSettings,
    GroundwaterWorld,
    Wells,
    groundwater_world,
    week_means,
)
from jaxload.synthetic.world_with_weather import WeatherWorld, weather_world

__all__ = [
    "Climate",
    "GroundwaterSettings",
    "GroundwaterWorld",
    "Modes",
    "Network",
    "Patterns",
    "Rasters",
    "Twin",
    "TwinSettings",
    "WeatherSettings",
    "WeatherWorld",
    "Wells",
    "block_means",
    "groundwater_world",
    "land_of",
    "loads_of",
    "month_means",
    "twin",
    "weather_world",
    "week_means",
    "weighted",
]
