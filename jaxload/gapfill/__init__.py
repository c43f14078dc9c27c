"""Displacement and water where no receiver stands."""

from jaxload.gapfill.features import (
    calendar_features,
    joined_features,
    normalised,
    place_features,
    weather_features,
)

__all__ = [
    "calendar_features",
    "joined_features",
    "normalised",
    "place_features",
    "weather_features",
]
