"""Labelled maps and series at places, over basins, and by their seasons."""

from jaxload.labelled.places import (
    basin_means,
    cell_sides,
    in_region,
    nearest_cells,
    water_name,
)
from jaxload.labelled.seasons import seasonal_fits

__all__ = [
    "basin_means",
    "cell_sides",
    "in_region",
    "nearest_cells",
    "seasonal_fits",
    "water_name",
]
