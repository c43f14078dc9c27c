"""The table of a study file for what is written of the results."""

import dataclasses
from typing import Literal

from jaxload.config.checks import check_choices

__all__ = ["Output"]

Stored = Literal["twsa", "regions", "coefficients", "features", "resolution"]


@dataclasses.dataclass(frozen=True)
class Output:
    """Table ``[output]``: which results are written, and in which format.

    Attributes:
      format: Format of the maps: "netcdf" for the file twsa.nc, or "zarr" for the
        folder twsa.zarr, which can be read while it grows and is compressed in several
        threads. All other results are netCDF.
      store: Results that are written: "twsa" for maps of water of all epochs, with
        their standard errors where they are computed; "regions" for means over regions;
        "coefficients" for the coefficients of each epoch and the fields that they
        belong to, whose sum of products is the water of every cell [mm], in the file
        coefficients.nc, or that water itself where it was solved for cell by cell;
        "features" for the weather of stations and filled cells and the features made of
        it, such as components, in the file features.nc, four bytes for each of them by
        epoch and place; "resolution" for how much of each cell the heights of an epoch
        with a usual number of them determine, and over which distance, in the file
        resolution.nc, where epochs are inverted one by one: two operations for each
        station and pair of cells.
        Maps without epochs, stations and scores are always written.
      compression: Whether maps are compressed; without it they are written several
        times faster and take about twice the space.
    """

    format: Literal["netcdf", "zarr"] = "netcdf"
    store: tuple[Stored, ...] = ("twsa", "regions")
    compression: bool = True

    def __post_init__(self) -> None:
        check_choices(self, "output")
        if not self.store:
            raise ValueError(
                'output.store is empty; name one or more of "twsa", "regions", '
                '"coefficients", "features" and "resolution"'
            )
        if len(set(self.store)) < len(self.store):
            raise ValueError("output.store names a result twice; name each once")
