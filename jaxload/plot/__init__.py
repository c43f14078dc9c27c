"""Figures of a study, from datasets as `pipeline` makes them."""

from jaxload.plot.curves import beta_curve, l_curve, learning_curves
from jaxload.plot.drought import (
    drought_probability,
    storage_parts,
    water_balance_series,
)
from jaxload.plot.fonts import use_fonts_with_letters
from jaxload.plot.maps import map_of, twin_maps, weekly_maps
from jaxload.plot.network import network_plan
from jaxload.plot.series import comparison, drought_index, region_series
from jaxload.plot.stations import screening, station_fit, station_loads
from jaxload.plot.sweeps import (
    criterion_over_keys,
    importances,
    parallel_coordinates,
    pareto_front,
)

__all__ = [
    "beta_curve",
    "comparison",
    "criterion_over_keys",
    "drought_index",
    "drought_probability",
    "importances",
    "l_curve",
    "learning_curves",
    "map_of",
    "network_plan",
    "parallel_coordinates",
    "pareto_front",
    "region_series",
    "screening",
    "station_fit",
    "station_loads",
    "storage_parts",
    "twin_maps",
    "use_fonts_with_letters",
    "water_balance_series",
    "weekly_maps",
]
