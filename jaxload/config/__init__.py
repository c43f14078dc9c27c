"""Study files: TOML tables to frozen dataclasses of plain values, and back."""

from jaxload.config.filler import Filler
from jaxload.config.groundwater import Cleaning, Groundwater, Loads
from jaxload.config.inversion import Inversion
from jaxload.config.study import Study, read_study, to_toml
from jaxload.config.tables import Earth, Evaluation, Gnss, Region
from jaxload.config.weather import Features, Weather

__all__ = [
    "Cleaning",
    "Earth",
    "Evaluation",
    "Features",
    "Filler",
    "Gnss",
    "Groundwater",
    "Inversion",
    "Loads",
    "Region",
    "Study",
    "Weather",
    "read_study",
    "to_toml",
]
