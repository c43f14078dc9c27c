"""Files to labelled arrays and back; the only place where units are converted."""

from jaxload.io.gnss import read_gnss, write_up
from jaxload.io.grids import read_grid
from jaxload.io.regions import read_region, read_regions
from jaxload.io.schema import GNSS, WATER, check_dataset, label_dataset
from jaxload.io.sites import read_sites

__all__ = [
    "GNSS",
    "WATER",
    "check_dataset",
    "label_dataset",
    "read_gnss",
    "read_grid",
    "read_region",
    "read_regions",
    "read_sites",
    "write_up",
]
