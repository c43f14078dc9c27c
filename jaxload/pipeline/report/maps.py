"""Maps of water and of its standard errors, computed some epochs at a time."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import inversion, io, sphere
from jaxload.io.records import RecordWriter, block_length
from jaxload.pipeline.chunks import blocks, regrouped
from jaxload.pipeline.estimation.uncertainty import CellErrors, Errors
from jaxload.pipeline.report.datasets import as_groundwater
from jaxload.pipeline.report.file_labels import labelled_for_file

__all__ = [
    "Taker",
    "WaterMaps",
    "compute_error_maps",
    "compute_maps",
    "labels_of",
    "shape_of",
]

#: Long name of the standard errors.
OF_ERRORS = "standard error of water storage anomaly"


class Taker(Protocol):
    """What looks at maps as they are computed."""

    def take(self, epochs: slice, maps: xr.DataArray) -> None:
        """Look at maps of some epochs, dimensions (time, lat, lon)."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class WaterMaps:
    """Maps that are to be computed.

    Attributes:
      quantity: What water is called: "twsa", or "gwsa" of groundwater.
      grid: The cells.
      solution: The water as coefficients.
      errors: Its standard errors.
    """

    quantity: str
    grid: sphere.Grid
    solution: inversion.RepresenterSolution
    errors: Errors


def shape_of(maps: WaterMaps) -> tuple[int, int, int]:
    """Describe the size of the maps.

    Args:
      maps: The maps.

    Returns:
      Number of epochs, rows and columns.
    """
    grid = maps.grid
    return len(maps.solution.ok), len(grid.lat_axis), len(grid.lon_axis)


def labels_of(maps: WaterMaps) -> dict[str, dict[str, Any]]:
    """Label the variables of maps.

    Args:
      maps: The maps.

    Returns:
      Attributes of ``twsa``, or ``gwsa``, and of its standard errors if there are any.
    """
    dims, nothing = ("time", "lat", "lon"), np.zeros((1, 1, 1))
    labelled = io.label_dataset(xr.Dataset({"twsa": (dims, nothing)}))
    if maps.errors.cells is not None:
        labels = {**maps.errors.labels, "long_name": OF_ERRORS}
        labelled["twsa_sd"] = (dims, nothing, labels)
    if maps.quantity == "gwsa":
        labelled = as_groundwater(labelled)
    labelled = labelled_for_file(labelled, {})
    return {str(name): dict(x.attrs) for name, x in labelled.data_vars.items()}


def compute_maps(
    maps: WaterMaps,
    axes: xr.Dataset,
    writer: RecordWriter | None,
    takers: Sequence[Taker],
    watch: Callable[[float], None],
) -> None:
    """Compute maps of water, some epochs at a time.

    Args:
      maps: The maps.
      axes: With their time, lat and lon.
      writer: What writes them; None for nothing.
      takers: What looks at them.
      watch: Called with the share that is done.
    """
    shape = shape_of(maps)
    for epochs in blocks(shape[0], block_length(shape)):
        load = inversion.load_at(maps.solution, epochs).astype(np.float32)
        raster = sphere.to_raster(maps.grid, load)
        coords = {"time": axes.time[epochs], "lat": axes.lat, "lon": axes.lon}
        labelled = xr.DataArray(raster, coords, ("time", "lat", "lon"))
        for taker in takers:
            taker.take(epochs, labelled)
        if writer is not None:
            writer.write(maps.quantity, epochs, raster)
        watch(epochs.stop / shape[0])


def compute_error_maps(
    maps: WaterMaps, writer: RecordWriter, watch: Callable[[float], None]
) -> Errors:
    """Compute maps of standard errors, some epochs at a time.

    Args:
      maps: With standard errors of cells.
      writer: What writes them.
      watch: Called with the share that is done.

    Returns:
      The errors, with what is known of them afterwards.
    """
    assert maps.errors.cells is not None
    probed: list[float] = []
    shape, name = shape_of(maps), f"{maps.quantity}_sd"
    parts = _noted(maps.errors.cells(), probed)
    for epochs, sd in regrouped(parts, block_length(shape)):
        writer.write(name, epochs, sphere.to_raster(maps.grid, sd))
        watch(epochs.stop / shape[0])
    known = (*maps.errors.relative_errors, *probed)
    errors = dataclasses.replace(maps.errors, relative_errors=known)
    writer.describe(name, {"method": errors.method})
    return errors


def _noted(
    parts: Iterator[CellErrors], probed: list[float]
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Epochs and standard errors; by how much probes may miss them goes to a list."""
    for part in parts:
        if part.relative_error is not None:
            probed.append(part.relative_error)
        yield part.epochs, part.sd
