"""Study files: TOML tables to frozen dataclasses of plain values, and back."""

from jaxload.config.changes import parse_change
from jaxload.config.compared_products import (
    Period,
    ReferenceProduct,
    parse_periods,
)
from jaxload.config.drought import Drought
from jaxload.config.figures import Figures
from jaxload.config.gap_filling import Gapfill
from jaxload.config.groundwater import Cleaning, Groundwater, Loads
from jaxload.config.inversion import FRAME_SETTINGS, Inversion
from jaxload.config.local_earth import LocalEarth
from jaxload.config.named_by_study import study_files
from jaxload.config.network import NetworkPlan
from jaxload.config.output import Output
from jaxload.config.reference import Setting, settings
from jaxload.config.satellite import Gravimetry, gravimetry_table
from jaxload.config.schema import json_schema
from jaxload.config.screening import Screening
from jaxload.config.series import SeriesColumns, SeriesSource
from jaxload.config.sources import (
    Grids,
    GridSource,
    grid_names,
    grid_source,
    grid_sources,
)
from jaxload.config.station_loads import StationLoad, station_load
from jaxload.config.study import (
    Study,
    allows_network_noise,
    parse_study,
    read_study,
    to_toml,
)
from jaxload.config.sweep import SWEEP_SUMMARY, Interval, Sweep, read_sweep
from jaxload.config.tables import Earth, Evaluation, Gnss, Region
from jaxload.config.thermoelastic import Thermoelastic, thermoelastic_table
from jaxload.config.values import plain_settings
from jaxload.config.water_balance import (
    FLUXES,
    STORAGE_PARTS,
    RegionSource,
    WaterBalance,
    region_sources,
)
from jaxload.config.weather import WEATHER_QUANTITIES, Features, Weather
from jaxload.config.weather_sources import (
    StaticField,
    WeatherVariable,
    static_field,
    weather_variable,
)
from jaxload.config.well_sources import WellSource, well_source

__all__ = [
    "FLUXES",
    "FRAME_SETTINGS",
    "STORAGE_PARTS",
    "SWEEP_SUMMARY",
    "WEATHER_QUANTITIES",
    "Cleaning",
    "Drought",
    "Earth",
    "Evaluation",
    "Features",
    "Figures",
    "Gapfill",
    "Gnss",
    "Gravimetry",
    "GridSource",
    "Grids",
    "Groundwater",
    "Interval",
    "Inversion",
    "Loads",
    "LocalEarth",
    "NetworkPlan",
    "Output",
    "Period",
    "ReferenceProduct",
    "Region",
    "RegionSource",
    "Screening",
    "SeriesColumns",
    "SeriesSource",
    "Setting",
    "StaticField",
    "StationLoad",
    "Study",
    "Sweep",
    "Thermoelastic",
    "WaterBalance",
    "Weather",
    "WeatherVariable",
    "WellSource",
    "allows_network_noise",
    "gravimetry_table",
    "grid_names",
    "grid_source",
    "grid_sources",
    "json_schema",
    "parse_change",
    "parse_periods",
    "parse_study",
    "plain_settings",
    "read_study",
    "read_sweep",
    "region_sources",
    "settings",
    "static_field",
    "station_load",
    "study_files",
    "thermoelastic_table",
    "to_toml",
    "weather_variable",
    "well_source",
]
