"""Records of maps, written block by block.

A record is a dataset with variables of (time, lat, lon) that memory may not hold. Its
other variables are written first, then blocks of epochs, each compressed by a thread
while the next is computed.
"""

import collections
import concurrent.futures
import contextlib
import pathlib
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload._cores import available_cores
from jaxload.io.conventions import bounds_names, grid_mapping_of, with_convention
from jaxload.io.files.netcdf import small_caches
from jaxload.io.files.writing import reason_of, replacing, why_full
from jaxload.io.files.zarr_folders import (
    WRITTEN,
    is_zarr,
    require_zarr,
    settle_folder,
)
from jaxload.io.results import encodings, map_chunks, require_netcdf

__all__ = ["NotWritten", "RecordWriter", "block_length", "writing_record"]

Maps = NDArray[np.float32]

#: Epochs that are computed and written at a time, but for what whole pieces need.
EPOCHS = 256

#: Blocks that wait for the thread that writes.
WAITING = 2

#: Dimensions of the maps.
DIMS = ("time", "lat", "lon")


class RecordWriter(Protocol):
    """What takes blocks of maps; from `writing_record`."""

    def write(self, name: str, epochs: slice, values: Maps) -> None:
        """Take a block, to be written behind those before it."""
        ...

    def describe(self, name: str, attributes: Mapping[str, Any]) -> None:
        """Set attributes of a variable, or of the whole record for an empty name."""
        ...


def block_length(shape: tuple[int, int, int]) -> int:
    """Compute how many epochs a block should have.

    Args:
      shape: Of the record, (epoch, lat, lon).

    Returns:
      A number of epochs, of whole pieces of the file.
    """
    together = map_chunks(shape)[0]
    return min(max(together, EPOCHS // together * together), max(shape[0], 1))


@contextlib.contextmanager
def writing_record(
    dataset: xr.Dataset,
    path: pathlib.Path,
    names: Mapping[str, Mapping[str, Any]],
    compressed: bool = True,
) -> Iterator[RecordWriter]:
    """Write a record of maps block by block.

    Args:
      dataset: Its other variables, and the coordinates time, lat and lon.
      path: A netCDF file, which has its name only when the body has ended; or a folder
        whose name ends with ``.zarr``, which can be read while it grows.
      names: Attributes of each variable of maps, in the order of its blocks.
      compressed: Whether maps are compressed.

    Yields:
      The `RecordWriter`.

    Raises:
      NotWritten: A `ValueError`, if the library is not installed, or the record cannot
        be written. Other errors of the body stay what they are.
    """
    write = _writing_zarr if is_zarr(path) else _writing_netcdf
    of_body: list[Exception] = []
    try:
        datum = grid_mapping_of(dataset, DIMS)
        labels = {name: {**labels, **datum} for name, labels in names.items()}
        with write(with_convention(dataset), path, labels, compressed) as writer:
            noting = _Noting(writer)
            try:
                yield noting
            except Exception as error:
                if error is not noting.error:
                    of_body.append(error)
                raise
    except (ValueError, OSError) as error:
        if not of_body:
            raise NotWritten(str(error)) from None
    if of_body:
        raise of_body[0]


class NotWritten(ValueError):
    """A record, or its folder, that cannot be written."""


class _Noting:
    """A writer that notes its errors, to tell them from those of what it writes."""

    def __init__(self, writer: RecordWriter) -> None:
        self.writer = writer
        self.error: Exception | None = None

    def write(self, name: str, epochs: slice, values: Maps) -> None:
        with self._noted():
            self.writer.write(name, epochs, values)

    def describe(self, name: str, attributes: Mapping[str, Any]) -> None:
        with self._noted():
            self.writer.describe(name, attributes)

    @contextlib.contextmanager
    def _noted(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.error = error
            raise


class _Queue:
    """Calls made one after the other by one thread, of which few may wait."""

    def __init__(self) -> None:
        self.thread = concurrent.futures.ThreadPoolExecutor(1)
        self.waiting: collections.deque[concurrent.futures.Future] = collections.deque()

    def put(self, call: Callable[..., None], *values: Any) -> None:
        while len(self.waiting) >= WAITING:
            self.waiting.popleft().result()
        self.waiting.append(self.thread.submit(call, *values))

    def finish(self) -> None:
        while self.waiting:
            self.waiting.popleft().result()

    def end(self) -> None:
        self.thread.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _queue() -> Iterator[_Queue]:
    queue = _Queue()
    try:
        yield queue
        queue.finish()
    finally:
        queue.end()


def _shape(dataset: xr.Dataset) -> tuple[int, int, int]:
    epochs, rows, columns = (dataset.sizes[name] for name in DIMS)
    return epochs, rows, columns


class _Netcdf:
    """Blocks for the variables of an open netCDF file."""

    def __init__(self, file: Any, queue: _Queue) -> None:
        self.file, self.queue = file, queue

    def write(self, name: str, epochs: slice, values: Maps) -> None:
        self.queue.put(self._write, name, epochs, values)

    def _write(self, name: str, epochs: slice, values: Maps) -> None:
        self.file[name][epochs] = values

    def describe(self, name: str, attributes: Mapping[str, Any]) -> None:
        self.queue.finish()
        (self.file[name] if name else self.file).setncatts(dict(attributes))


@contextlib.contextmanager
def _writing_netcdf(
    dataset: xr.Dataset,
    path: pathlib.Path,
    names: Mapping[str, Mapping[str, Any]],
    compressed: bool,
) -> Iterator[RecordWriter]:
    require_netcdf()
    import netCDF4

    packing: dict[str, Any] = {"chunksizes": map_chunks(_shape(dataset))}
    if compressed:
        packing |= {"compression": "zlib", "complevel": 1, "shuffle": True}

    def make(file: Any, name: str) -> None:
        fill = np.float32(np.nan)
        variable = file.createVariable(name, "f4", DIMS, fill_value=fill, **packing)
        variable.setncatts(dict(names[name]))

    first, *others = names
    with replacing(path, durable=True) as temporary, small_caches():
        try:
            with netCDF4.Dataset(temporary, "w") as file:
                # Epochs can be appended.
                for name in DIMS:
                    size = None if name == "time" else dataset.sizes[name]
                    file.createDimension(name, size)
                make(file, first)
                # The dimension is as long as what was written along it.
                file[first][dataset.sizes["time"] - 1] = np.float32(np.nan)
            encoding = encodings(dataset)
            dataset.to_netcdf(
                temporary,
                "a",
                engine="netcdf4",
                encoding=encoding,
                unlimited_dims=["time"],
            )
            with netCDF4.Dataset(temporary, "a") as file, _queue() as queue:
                for name in others:
                    make(file, name)
                file.set_auto_maskandscale(False)
                yield _Netcdf(file, queue)
        except (RuntimeError, OSError) as error:
            raise _refusal(error, path, temporary) from None


def _refusal(error: Exception, path: pathlib.Path, probed: pathlib.Path) -> Exception:
    """What stopped a library that only says that there was an error."""
    reason = why_full(probed)
    if reason is not None:
        return reason
    if isinstance(error, OSError):
        return error
    return ValueError(f"{path} cannot be written ({error})")


class _Zarr:
    """Blocks for the arrays of an open Zarr group."""

    def __init__(self, group: Any, queue: _Queue, counted: str) -> None:
        # Later arrays begin at the first epoch again.
        self.counted = counted
        self.group, self.queue = group, queue

    def write(self, name: str, epochs: slice, values: Maps) -> None:
        self.queue.put(self._write, name, epochs, values)

    def _write(self, name: str, epochs: slice, values: Maps) -> None:
        self.group[name][epochs] = values
        if name == self.counted:
            self.group.attrs[WRITTEN] = int(epochs.stop)

    def describe(self, name: str, attributes: Mapping[str, Any]) -> None:
        self.queue.finish()
        (self.group[name] if name else self.group).attrs.update(dict(attributes))


@contextlib.contextmanager
def _writing_zarr(
    dataset: xr.Dataset,
    path: pathlib.Path,
    names: Mapping[str, Mapping[str, Any]],
    compressed: bool,
) -> Iterator[RecordWriter]:
    require_zarr()
    import zarr  # pyright: ignore[reportMissingImports]
    from zarr.codecs import (  # pyright: ignore[reportMissingImports]
        BloscCodec,
        Crc32cCodec,
    )

    shape = _shape(dataset)
    packing: list[Any] = [Crc32cCodec()]
    if compressed:
        packing.insert(0, BloscCodec(cname="zstd", clevel=1, shuffle="shuffle"))
    threads = {"threading.max_workers": available_cores()}
    try:
        shutil.rmtree(path, ignore_errors=True)
        with zarr.config.set(threads), _queue() as queue:
            _save_zarr(dataset.assign_attrs({WRITTEN: 0}), path)
            group = zarr.open_group(str(path), mode="r+")
            for name, attributes in names.items():
                group.create_array(
                    name,
                    shape=shape,
                    chunks=map_chunks(shape),
                    dtype="float32",
                    compressors=packing,
                    fill_value=np.nan,
                    dimension_names=DIMS,
                    attributes=dict(attributes),
                    # A piece that is lost is otherwise one without water.
                    config={"write_empty_chunks": True},
                )
            yield _Zarr(group, queue, next(iter(names)))
            queue.finish()
            del group.attrs[WRITTEN]
        settle_folder(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({reason_of(error)})") from None


def _save_zarr(dataset: xr.Dataset, path: pathlib.Path) -> None:
    """Write all but maps; floats become float32, as in netCDF."""
    limits = bounds_names(dataset)
    wide = [
        name
        for name, x in dataset.data_vars.items()
        if x.dtype == np.float64 and name not in limits
    ]
    dataset = dataset.assign({name: dataset[name].astype("f4") for name in wide})
    with warnings.catch_warnings():
        # The format has no final word on text yet; xarray reads what it wrote.
        warnings.filterwarnings("ignore", category=UserWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        dataset.to_zarr(path, mode="w", zarr_format=3, consolidated=False)
