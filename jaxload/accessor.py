"""The accessor ``jaxload`` of xarray's datasets, registered when this is imported.

import jaxload.accessor
dataset.jaxload.basin_mean({"mine": polygon})
"""

import os
from collections.abc import Mapping

import xarray as xr
from numpy.typing import ArrayLike
from shapely import MultiPolygon, Polygon

from jaxload import labelled

__all__ = ["WaterAccessor"]


@xr.register_dataset_accessor("jaxload")
class WaterAccessor:
    """Places, basins and seasons of results, as ``dataset.jaxload``."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    def at(self, lon: ArrayLike, lat: ArrayLike) -> xr.Dataset:
        """Select the cells in which places lie.

        Args:
          lon: Longitude [degrees], a number or shape (place,).
          lat: Latitude [degrees], likewise.

        Returns:
          The dataset at these cells.

        Raises:
          ValueError: If a place lies outside the maps.
        """
        return labelled.nearest_cells(self._dataset, lon, lat)

    def basin_mean(
        self,
        polygons: Mapping[str, Polygon | MultiPolygon]
        | Polygon
        | MultiPolygon
        | str
        | os.PathLike[str],
        name: str = "",
        belt: bool = False,
    ) -> xr.Dataset:
        """Average maps over basins, by the exact area of each cell in each.

        Args:
          polygons: Outlines [degrees] by name, one outline, or a file of outlines.
          name: Of the variable; water by default.
          belt: Whether cells of the belt around the region, in which water is no
            result, are averaged as well.

        Returns:
          As `labelled.basin_means`. Errors of cells are not independent, and maps do
          not hold how they go together: there is a largest standard error, no other.

        Raises:
          ValueError: If a region does not touch the maps, or no cell of it has a value.
        """
        return labelled.basin_means(self._dataset, polygons, name, belt)

    def annual(self, name: str = "") -> xr.Dataset:
        """Fit trend, annual and semi-annual terms to every series.

        Args:
          name: Of the variable; water by default, heights where there is none.

        Returns:
          As `labelled.seasonal_fits`: ``trend``, ``annual_amplitude``,
          ``annual_phase`` and so on, each with its standard error ``_sd``.

        Raises:
          ValueError: If there is no such variable, or it has no time.
        """
        if not name:
            heights = "up" in self._dataset
            name = "up" if heights else labelled.water_name(self._dataset)
        if name not in self._dataset:
            raise ValueError(
                f"the dataset has no {name}; it has "
                f"{', '.join(map(str, self._dataset.data_vars))}"
            )
        return labelled.seasonal_fits(self._dataset[name])
