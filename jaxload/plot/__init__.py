"""Figures of a study, from datasets as `pipeline` makes them."""

from jaxload.plot.curves import (
    beta_curve,
    kernel_curve,
    l_curve,
    learning_curves,
)
from jaxload.plot.drought import (
    drought_probability,
    storage_parts,
    water_balance_series,
)
from jaxload.plot.filled_records import filled_series, station_weather
from jaxload.plot.fonts import use_fonts_with_letters
from jaxload.plot.maps import (
    dated_maps,
    field_maps,
    map_of,
    month_maps,
    resolution_maps,
    season_maps,
    twin_maps,
)
from jaxload.plot.network import network_plan
from jaxload.plot.place_map import station_map
from jaxload.plot.product_pairs import product_scatter, product_series
from jaxload.plot.product_scores import bridged_series, product_title, score_tables
from jaxload.plot.series import (
    comparison,
    component_series,
    drought_index,
    region_series,
)
from jaxload.plot.station_records import (
    availability,
    filled_cells,
    left_out_maps,
    left_out_scores,
    load_amplitudes,
    mean_over_stations,
    station_score_maps,
    yearly_range,
)
from jaxload.plot.stations import mean_loads, screening, station_fit, station_loads
from jaxload.plot.sweeps import (
    criterion_over_keys,
    importances,
    parallel_coordinates,
    pareto_front,
)
from jaxload.plot.taylor import station_taylor, taylor_diagram
from jaxload.plot.wavelets import wavelet_panels

__all__ = [
    "availability",
    "beta_curve",
    "bridged_series",
    "comparison",
    "component_series",
    "criterion_over_keys",
    "dated_maps",
    "drought_index",
    "drought_probability",
    "field_maps",
    "filled_cells",
    "filled_series",
    "importances",
    "kernel_curve",
    "l_curve",
    "learning_curves",
    "left_out_maps",
    "left_out_scores",
    "load_amplitudes",
    "map_of",
    "mean_loads",
    "mean_over_stations",
    "month_maps",
    "network_plan",
    "parallel_coordinates",
    "pareto_front",
    "product_scatter",
    "product_series",
    "product_title",
    "region_series",
    "resolution_maps",
    "score_tables",
    "screening",
    "season_maps",
    "station_fit",
    "station_loads",
    "station_map",
    "station_score_maps",
    "station_taylor",
    "station_weather",
    "storage_parts",
    "taylor_diagram",
    "twin_maps",
    "use_fonts_with_letters",
    "water_balance_series",
    "wavelet_panels",
    "yearly_range",
]
