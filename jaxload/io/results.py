"""Results as CF netCDF and JSON, never half-written under their final name."""

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr

from jaxload.io.text import write_text

__all__ = ["prepare_folder", "read_dataset", "read_json", "write_dataset", "write_json"]

PathLike = str | os.PathLike[str]


def prepare_folder(folder: PathLike) -> pathlib.Path:
    """Make a folder for results and see that it can be written to.

    Args:
      folder: Its path; made with its parents if absent.

    Returns:
      The path.

    Raises:
      ValueError: If it cannot be made or written to.
    """
    folder = pathlib.Path(folder)
    probe = folder / f".probe.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(
            f"the output folder {folder} cannot be written to ({reason}); choose "
            "another"
        ) from None
    return folder


def write_dataset(dataset: xr.Dataset, path: PathLike) -> None:
    """Write a dataset as compressed netCDF.

    Args:
      dataset: Floats become float32.
      path: The file; an old one is replaced when the new one is whole.

    Raises:
      ValueError: If the netCDF library is not installed or the file cannot be written.
    """
    dataset = _convention(dataset)
    packing = {"zlib": True, "complevel": 1, "shuffle": True}
    encoding: dict[str, dict[str, Any]] = {}
    for name, array in dataset.data_vars.items():
        if array.dtype.kind == "f":
            encoding[str(name)] = {**packing, "dtype": "float32", "_FillValue": np.nan}
        elif array.ndim:
            encoding[str(name)] = dict(packing)
    for name in dataset.coords:
        encoding[str(name)] = {"_FillValue": None}
    with _replacing(pathlib.Path(path)) as temporary:
        dataset.to_netcdf(temporary, engine="netcdf4", encoding=encoding)


def _convention(dataset: xr.Dataset) -> xr.Dataset:
    """The same values, with what the CF convention asks of every file."""
    dataset = dataset.copy()
    dataset.attrs.setdefault("Conventions", "CF-1.11")
    for coordinate in dataset.coords.values():
        if coordinate.dtype.kind == "M":
            coordinate.attrs.setdefault("standard_name", "time")
    return dataset


@contextlib.contextmanager
def _replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A temporary name that takes the final one's place when all went well."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    except (ImportError, ModuleNotFoundError):
        raise ValueError(
            f"{path} needs the netCDF library; install jaxload[netcdf]"
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"{path} cannot be written ({reason})") from None
    finally:
        # It is gone if all went well; if not, its own error is the one to tell.
        with contextlib.suppress(OSError):
            temporary.unlink()


def read_dataset(path: PathLike) -> xr.Dataset:
    """Open a result, lazily.

    Args:
      path: A netCDF file.

    Returns:
      The dataset.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it is not netCDF, or only a part of one.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; check the path")
    try:
        return xr.open_dataset(path)
    except (OSError, ValueError, RuntimeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise ValueError(
            f"{path} cannot be read as netCDF ({reason}); is it complete, and is "
            "jaxload[netcdf] installed?"
        ) from None


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
