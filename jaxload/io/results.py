"""Results as CF netCDF and JSON, never half-written under their final name."""

import contextlib
import importlib.util
import json
import pathlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from jaxload.io.conventions import MAKER, bounds_names, with_convention
from jaxload.io.files.netcdf import reading_netcdf, save_netcdf
from jaxload.io.files.paths import PathLike
from jaxload.io.files.writing import replacing, write_text
from jaxload.io.files.zarr_folders import (
    attributes_of,
    check_pieces,
    is_zarr,
    open_zarr,
    reading_zarr,
)

__all__ = [
    "check_whole",
    "encodings",
    "is_result",
    "map_chunks",
    "read_dataset",
    "read_json",
    "require_netcdf",
    "unlimited_of",
    "write_dataset",
    "write_figure",
    "write_json",
]

#: Epochs that are read at a time to see that they can be.
BLOCK = 256

#: Values that are unpacked to read one map of a result.
VALUES_OF_A_READ = 1 << 20

#: Dimensions along which epochs can be appended to a file.
GROWING = ("time", "day", "epoch")

#: Values of a piece of a series of stations, which grows by whole pieces.
VALUES_OF_A_PIECE = 1 << 17

#: By format, who made a figure; without the time, so that equal ones are equal files.
MAKER_OF_FIGURE = {
    "png": {"Software": MAKER},
    "pdf": {"Creator": MAKER, "CreationDate": None},
    "svg": {"Creator": MAKER, "Date": None},
}

#: Bytes of a picture within which it says who made it.
PREAMBLE = 1 << 12


def require_netcdf() -> None:
    """Check that netCDF files can be written, before work is spent on what goes in.

    Raises:
      ValueError: If the library is not installed.
    """
    if importlib.util.find_spec("netCDF4") is None:
        raise ValueError("results need the netCDF library; install jaxload[netcdf]")


def write_dataset(
    dataset: xr.Dataset, path: PathLike, double: Sequence[str] = ()
) -> None:
    """Write a dataset as compressed netCDF.

    Args:
      dataset: Floats become float32.
      path: The file; an old one is replaced when the new one is whole.
      double: Variables that become float64 instead.

    Raises:
      ValueError: If the netCDF library is not installed or the file cannot be written.
    """
    require_netcdf()
    dataset = with_convention(dataset)
    encoding = encodings(dataset)
    for name in double:
        encoding[name]["dtype"] = "float64"
    save_netcdf(dataset, pathlib.Path(path), encoding, True, unlimited_of(dataset))


def encodings(dataset: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Choose how the variables of a dataset are packed in netCDF.

    Args:
      dataset: Floats become float32.

    Returns:
      The encoding of each variable, as xarray takes it.
    """
    packing = {"zlib": True, "complevel": 1, "shuffle": True}
    encoding: dict[str, dict[str, Any]] = {}
    limits = bounds_names(dataset)
    for name, array in dataset.data_vars.items():
        if name in limits:
            encoding[str(name)] = _exact(array)
        elif array.dtype.kind == "f":
            encoding[str(name)] = {**packing, "dtype": "float32", "_FillValue": np.nan}
            if array.ndim == 3 and array.size > VALUES_OF_A_READ:
                encoding[str(name)]["chunksizes"] = map_chunks(array.shape)
            elif array.ndim == 2 and array.dims[0] in GROWING:
                encoding[str(name)]["chunksizes"] = _rows(array.shape)
        elif array.ndim:
            encoding[str(name)] = dict(packing)
    return encoding | {str(name): _exact(x) for name, x in dataset.coords.items()}


def _exact(array: xr.DataArray) -> dict[str, Any]:
    """The encoding of an axis or its limits, which are neither packed nor missing."""
    encoding: dict[str, Any] = {"_FillValue": None}
    if array.ndim and array.dtype.kind in "iufM":
        # What is not compressed has no other checksum.
        encoding["fletcher32"] = True
    if array.ndim == 2 and array.dims[0] in GROWING:
        encoding["chunksizes"] = _rows(array.shape)
    stated = ("units", "calendar", "dtype") if array.dtype.kind == "M" else ()
    return encoding | {k: array.encoding[k] for k in stated if k in array.encoding}


def _rows(shape: tuple[int, ...]) -> tuple[int, int]:
    """Pieces of a table that grows by rows."""
    rows = max(1, VALUES_OF_A_PIECE // max(shape[1], 1))
    return min(rows, max(shape[0], 1)), max(shape[1], 1)


def unlimited_of(dataset: xr.Dataset) -> list[str]:
    """List the dimensions along which epochs can be appended to a file.

    Args:
      dataset: What the file holds.
    """
    return [name for name in GROWING if dataset.sizes.get(name)]


def map_chunks(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Cut maps of many epochs into pieces, so that one map is read in a moment.

    What is read of one epoch is `VALUES_OF_A_READ` at most, and a quarter of these for
    the series of a cell. The library's own choice has a third of all epochs in a piece.

    Args:
      shape: Of the maps, (epoch, lat, lon).

    Returns:
      Epochs, rows and columns of a piece.
    """
    epochs, rows, columns = shape
    together = min(epochs, max(1, VALUES_OF_A_READ // (rows * columns)))
    return together, -(-rows // 2), -(-columns // 2)


def write_figure(figure: Any, path: PathLike) -> None:
    """Write a figure.

    Args:
      figure: A Matplotlib figure.
      path: The file, its suffix naming the format; an old one is replaced when the new
        one is whole.

    Raises:
      ValueError: If the file cannot be written.
    """
    path = pathlib.Path(path)
    with replacing(path, durable=True) as temporary:
        form = path.suffix[1:]
        with warnings.catch_warnings(), _drawn_alike():
            # Whoever draws says once which letters no font has, not at every one.
            warnings.filterwarnings("ignore", "Glyph .* missing from")
            about = MAKER_OF_FIGURE.get(form)
            figure.savefig(temporary, dpi=150, format=form, metadata=about)


def _drawn_alike() -> contextlib.AbstractContextManager:
    """Equal figures as equal files; text of a pdf that other programs can edit."""
    import matplotlib

    settings: Any = {"svg.hashsalt": "jaxload", "pdf.fonttype": 42}
    return matplotlib.rc_context(settings)


def read_dataset(path: PathLike, load: bool = False) -> xr.Dataset:
    """Open a result.

    Args:
      path: A netCDF file, or the folder of a Zarr group.
      load: Whether to read all of it at once; by default it is read when it is needed,
        and damage to its values shows only then.

    Returns:
      The dataset.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it is not netCDF, or only a part of one.
    """
    path = pathlib.Path(path)
    if is_zarr(path) and path.is_dir():
        dataset = open_zarr(path)
        with reading_zarr(path):
            return dataset.load() if load else dataset
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; check the path")
    with reading_netcdf(path):
        with warnings.catch_warnings():
            # Others may name limits of cells that they do not hold.
            warnings.filterwarnings("ignore", "Variable.s. referenced in")
            dataset = xr.open_dataset(path, decode_coords="all")
        return dataset.load() if load else dataset


def check_whole(path: PathLike) -> None:
    """Read all of a result once, a part at a time, so that damage shows.

    Args:
      path: A netCDF file, or the folder of a Zarr group.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it cannot be read to its end, or places or times of its axes come
        twice.
    """
    path = pathlib.Path(path)
    if is_zarr(path):
        check_pieces(path)
    reading = reading_zarr if is_zarr(path) else reading_netcdf
    with read_dataset(path) as dataset, reading(path):
        for name, axis in dataset.indexes.items():
            if not axis.is_unique:
                raise ValueError(f"{name} comes more than once")
        for array in dataset.variables.values():
            for first in range(0, array.shape[0] if array.ndim else 1, BLOCK):
                np.asarray(array[first : first + BLOCK] if array.ndim else array)


def write_json(content: Mapping[str, Any], path: PathLike) -> None:
    """Write plain values as JSON; numbers that are not finite become null.

    Args:
      content: Strings, numbers, lists and mappings.
      path: The file; an old one is replaced.

    Raises:
      ValueError: If the file cannot be written.
    """
    text = json.dumps(_plain(content), indent=1, allow_nan=False)
    write_text(pathlib.Path(path), text + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def read_json(path: PathLike) -> dict[str, Any]:
    """Read what `write_json` wrote.

    Args:
      path: The file.

    Returns:
      The content.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it is not JSON.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; check the path")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error})") from None


def is_result(path: PathLike) -> bool:
    """Check whether a file was written here.

    Args:
      path: A netCDF file, a picture, JSON, or the folder of a Zarr group.

    Returns:
      Whether it says of itself that it is one of ours.
    """
    path = pathlib.Path(path)
    try:
        if path.suffix == ".json":
            return "jaxload" in read_json(path)["versions"]
        if is_zarr(path):
            return str(attributes_of(path)["source"]).startswith("jaxload")
        if path.suffix == ".nc":
            with read_dataset(path) as dataset:
                return str(dataset.attrs.get("source")).startswith("jaxload")
        with path.open("rb") as file:
            if b"jaxload " in file.read(PREAMBLE):
                return True
            # PDF has it at its end.
            file.seek(max(path.stat().st_size - PREAMBLE, 0))
            return path.suffix == ".pdf" and b"jaxload " in file.read()
    except (OSError, ValueError, LookupError, TypeError):
        return False
