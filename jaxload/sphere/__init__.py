"""Geometry of the sphere: distances, grids, basins."""

from jaxload.sphere.basins import BasinWeights, area_mean, basin_areas, basin_weights
from jaxload.sphere.geometry import (
    angular_distance,
    arc_from_length,
    azimuth,
    cell_area,
    disc_radius,
    inverse_distance_weights,
    unit_vectors,
)
from jaxload.sphere.grid import (
    Grid,
    cell_at,
    nearest_cell,
    raster_grid,
    regional_grid,
    to_raster,
)
from jaxload.sphere.interpolation import linear_weights
from jaxload.sphere.operators import (
    diffusion_terms,
    first_differences,
    identity,
    laplacian,
)

__all__ = [
    "BasinWeights",
    "Grid",
    "angular_distance",
    "arc_from_length",
    "area_mean",
    "azimuth",
    "basin_areas",
    "basin_weights",
    "cell_area",
    "cell_at",
    "diffusion_terms",
    "disc_radius",
    "first_differences",
    "identity",
    "inverse_distance_weights",
    "laplacian",
    "linear_weights",
    "nearest_cell",
    "raster_grid",
    "regional_grid",
    "to_raster",
    "unit_vectors",
]
