"""Displacement and water where no receiver stands."""

from jaxload.gapfill.features import calendar_features, normalised, weather_features

__all__ = ["calendar_features", "normalised", "weather_features"]
