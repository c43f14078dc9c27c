"""Figures of a study, from datasets as `pipeline` makes them."""

from jaxload.plot.curves import beta_curve, l_curve, learning_curves
from jaxload.plot.drought import (
    drought_probability,
    storage_parts,
    water_balance_series,
)
from jaxload.plot.fonts import use_fonts_with_letters
from jaxload.plot.maps import (
    dated_maps,
    field_maps,
    map_of,
    month_maps,
    season_maps,
    twin_maps,
)
from jaxload.plot.network import network_plan
from jaxload.plot.series import comparison, drought_index, region_series
from jaxload.plot.station_records import (
    availability,
    left_out_maps,
    left_out_scores,
    mean_over_stations,
    yearly_range,
)
from jaxload.plot.stations import screening, station_fit, station_loads
from jaxload.plot.sweeps import (
    criterion_over_keys,
    importances,
    parallel_coordinates,
    pareto_front,
)

__all__ = [
    "availability",
    "beta_curve",
    "comparison",
    "criterion_over_keys",
    "dated_maps",
    "drought_index",
    "drought_probability",
    "field_maps",
    "importances",
    "l_curve",
    "learning_curves",
    "left_out_maps",
    "left_out_scores",
    "map_of",
    "mean_over_stations",
    "month_maps",
    "network_plan",
    "parallel_coordinates",
    "pareto_front",
    "region_series",
    "screening",
    "season_maps",
    "station_fit",
    "station_loads",
    "storage_parts",
    "twin_maps",
    "use_fonts_with_letters",
    "water_balance_series",
    "yearly_range",
]
