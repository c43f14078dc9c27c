"""Maps of water stored as they are computed: in files, or in memory."""

import dataclasses
import errno
import os
import pathlib
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io
from jaxload.io.files.writing import reason_of
from jaxload.io.records import NotWritten, RecordWriter, writing_record
from jaxload.pipeline.estimation.uncertainty import Errors
from jaxload.pipeline.progress import Clock
from jaxload.pipeline.report.datasets import MapFile
from jaxload.pipeline.report.file_labels import labelled_for_file
from jaxload.pipeline.report.maps import (
    Taker,
    WaterMaps,
    compute_error_maps,
    compute_maps,
    labels_of,
    shape_of,
)
from jaxload.pipeline.results import unfinished
from jaxload.pipeline.results.space import size_in_words

__all__ = ["StoredMaps", "map_file_name", "store_maps"]

#: Bytes of maps in memory beyond which they lie in a temporary file.
IN_MEMORY = 1 << 31


@dataclasses.dataclass(frozen=True, eq=False)
class StoredMaps:
    """Water whose maps were stored.

    Attributes:
      water: With its maps if these are stored; read from the file when needed.
      errors: The standard errors, with what is known of them afterwards.
      file: The file; None where there is none.
    """

    water: xr.Dataset
    errors: Errors
    file: MapFile | None


def map_file_name(study: config.Study) -> str:
    """Name the file of the maps.

    Args:
      study: Its table ``[output]`` says in which format.

    Returns:
      "twsa.nc" or "twsa.zarr".
    """
    zarr = study.output.format == "zarr" and "twsa" in study.output.store
    return "twsa.zarr" if zarr else "twsa.nc"


def store_maps(
    study: config.Study,
    water: xr.Dataset,
    maps: WaterMaps,
    takers: Sequence[Taker],
    folder: pathlib.Path | None,
    clock: Clock,
) -> StoredMaps:
    """Compute maps of water and its standard errors, and store them block by block.

    Args:
      study: Its table ``[output]`` says whether and how.
      water: From `water_results`, complete but for the maps.
      maps: The maps.
      takers: What looks at the maps of water.
      folder: Where results go; None keeps them in memory. Of several processes only
        the first stores anything.
      clock: Times the stages.

    Returns:
      The `StoredMaps`.

    Raises:
      ValueError: If there is room for them nowhere.
    """
    if "twsa" not in study.output.store:
        with clock.stage("maps_of_water"):
            watch = lambda share: clock.watch("maps_of_water", share)
            compute_maps(maps, water, None, takers, watch)
        return StoredMaps(water, maps.errors, None)
    if jax.process_index():
        # The first process writes; the others compute their part of the errors.
        errors = _compute(water, maps, _Nowhere(), takers, clock)
        return StoredMaps(water, errors, None)
    if folder is None:
        memory = _Memory(maps)
        errors = _compute(water, maps, memory, takers, clock)
        memory.describe(f"{maps.quantity}_sd", {"method": errors.method})
        return StoredMaps(water.assign(memory.variables()), errors, None)
    return _in_files(study, water, maps, takers, folder, clock)


def _compute(
    water: xr.Dataset,
    maps: WaterMaps,
    writer: RecordWriter,
    takers: Sequence[Taker],
    clock: Clock,
) -> Errors:
    with clock.stage("maps_of_water"):
        watch = lambda share: clock.watch("maps_of_water", share)
        compute_maps(maps, water, writer, takers, watch)
    if maps.errors.cells is None:
        return maps.errors
    with clock.stage("standard_errors_of_cells"):
        watch = lambda share: clock.watch("standard_errors_of_cells", share)
        return compute_error_maps(maps, writer, watch)


def _in_files(
    study: config.Study,
    water: xr.Dataset,
    maps: WaterMaps,
    takers: Sequence[Taker],
    folder: pathlib.Path,
    clock: Clock,
) -> StoredMaps:
    """Where results go, or where there is room for temporary files."""
    refused = ""
    for place in unfinished.places(folder):
        try:
            path = unfinished.begin(place) / map_file_name(study)
            errors = _written(study, water, maps, path, takers, clock)
        except NotWritten as error:
            unfinished.clear_incomplete(folder)
            if refused:
                raise ValueError(
                    f"the results are lost: {refused}, and {error}"
                ) from None
            refused = str(error)
            continue
        except BaseException:
            unfinished.clear_incomplete(folder)
            raise
        return StoredMaps(io.read_dataset(path), errors, MapFile(path, refused))
    raise ValueError(f"the results are lost: {refused}")


def _written(
    study: config.Study,
    water: xr.Dataset,
    maps: WaterMaps,
    path: pathlib.Path,
    takers: Sequence[Taker],
    clock: Clock,
) -> Errors:
    labels, compressed = labels_of(maps), study.output.compression
    water = labelled_for_file(water, {})
    with writing_record(water, path, labels, compressed) as writer:
        errors = _compute(water, maps, writer, takers, clock)
        computed = time.perf_counter()
    clock.add("writing_results", time.perf_counter() - computed)
    return errors


def _reserve(file: int, size: int) -> None:
    """Take the room of a file now: a map of memory that finds none ends the process."""
    if not hasattr(os, "posix_fallocate"):
        return
    try:
        os.posix_fallocate(file, 0, size)
    except OSError as error:
        # Not every file system can.
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
            raise


class _Nowhere:
    """Maps that another process writes."""

    def write(self, name: str, epochs: slice, values: NDArray[np.float32]) -> None:
        del name, epochs, values

    def describe(self, name: str, attributes: Mapping[str, Any]) -> None:
        del name, attributes


class _Memory:
    """Maps in memory, or in a file without a name where they are large."""

    def __init__(self, maps: WaterMaps) -> None:
        self.labels, self.shape = labels_of(maps), shape_of(maps)
        size = len(self.labels) * int(np.prod(self.shape)) * 4
        make = self._on_disk if size > IN_MEMORY else self._plain
        self.arrays: dict[str, NDArray[np.float32]] = {n: make() for n in self.labels}

    def _plain(self) -> NDArray[np.float32]:
        return np.empty(self.shape, np.float32)

    def _on_disk(self) -> NDArray[np.float32]:
        size = int(np.prod(self.shape)) * 4
        try:
            with tempfile.TemporaryFile() as file:
                _reserve(file.fileno(), size)
                return np.memmap(file, np.float32, "w+", shape=self.shape)
        except OSError as error:
            raise ValueError(
                f"there is no room for maps of {size_in_words(size)} where the system "
                f"puts temporary files ({reason_of(error)}); make room there, run "
                'with a folder for results, or leave "twsa" out of output.store'
            ) from None

    def write(self, name: str, epochs: slice, values: NDArray[np.float32]) -> None:
        self.arrays[name][epochs] = values

    def describe(self, name: str, attributes: Mapping[str, Any]) -> None:
        if name in self.labels:
            self.labels[name] |= attributes

    def variables(self) -> dict[str, Any]:
        dims = ("time", "lat", "lon")
        return {n: (dims, x, self.labels[n]) for n, x in self.arrays.items()}
