"""Study files: TOML tables to frozen dataclasses of plain values, and back."""

from jaxload.config.groundwater import Cleaning, Groundwater, Loads
from jaxload.config.inversion import Inversion
from jaxload.config.study import Study, read_study, to_toml
from jaxload.config.tables import Earth, Evaluation, Gnss, Region

__all__ = [
    "Cleaning",
    "Earth",
    "Evaluation",
    "Gnss",
    "Groundwater",
    "Inversion",
    "Loads",
    "Region",
    "Study",
    "read_study",
    "to_toml",
]
