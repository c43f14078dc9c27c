"""Folders of results opened for export, and where exports go."""

import contextlib
import importlib.util
import os
import pathlib
import shutil
from collections.abc import Iterable, Iterator

import xarray as xr

from jaxload import io
from jaxload.io.files.writing import reason_of, replacing

__all__ = ["find_parts", "new_folder", "open_part", "require", "targets", "writing"]

#: Parts of a result by the names under which they are exported.
PARTS = {
    "maps": ("twsa.nc", "twsa.zarr"),
    "stations": ("stations.nc",),
    "regions": ("regions.nc",),
    "groundwater": ("groundwater.nc",),
    "drought": ("drought.nc",),
    "water_balance": ("water_balance.nc",),
    "virtual_stations": ("virtual_stations.nc",),
    "network": ("network.nc",),
    "learning": ("learning.nc",),
    "coefficients": ("coefficients.nc",),
}


def find_parts(folder: str | os.PathLike[str]) -> dict[str, pathlib.Path]:
    """Find the parts of a result.

    Args:
      folder: Where a run wrote.

    Returns:
      Files by the names of their parts, such as "maps" and "stations".

    Raises:
      FileNotFoundError: If there is no such folder.
      ValueError: If it holds no result.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; check the path")
    parts = {
        part: folder / name
        for part, names in PARTS.items()
        for name in reversed(names)
        if (folder / name).exists() and io.is_result(folder / name)
    }
    if not parts:
        raise ValueError(
            f"{folder} holds no results of jaxload, such as stations.nc; name the "
            "folder that --out of jaxload run named"
        )
    return parts


@contextlib.contextmanager
def open_part(parts: dict[str, pathlib.Path], part: str) -> Iterator[xr.Dataset]:
    """Open a part of a result.

    Args:
      parts: From `find_parts`.
      part: Its name.

    Yields:
      The dataset, read when it is needed.

    Raises:
      ValueError: If the result has no such part, or its file is broken.
    """
    if part not in parts:
        there = ", ".join(parts)
        if part not in PARTS:
            raise ValueError(f"{part!r} is no part of a result; there are {there}")
        raise ValueError(f"the result has no {PARTS[part][0]}; it has {there}")
    with io.read_dataset(parts[part]) as dataset:
        yield dataset


def require(modules: Iterable[str], extra: str, form: str) -> None:
    """Check that libraries are installed before work is spent.

    Args:
      modules: Their names.
      extra: The extra of jaxload that has them.
      form: What they are for.

    Raises:
      ValueError: If one is missing.
    """
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(
            f"{form} needs {', '.join(missing)}; install it by "
            f"pip install 'jaxload[{extra}]'"
        )


def new_folder(out: str | os.PathLike[str]) -> pathlib.Path:
    """Make the folder of an export.

    Args:
      out: Where.

    Returns:
      The folder.

    Raises:
      ValueError: If it cannot be made.
    """
    return io.prepare_folder(out)


def targets(
    folder: pathlib.Path, names: Iterable[str], overwrite: bool
) -> list[pathlib.Path]:
    """Check where files go before anything is computed.

    Args:
      folder: Where.
      names: Of the files.
      overwrite: Whether those that are there may be replaced.

    Returns:
      Their paths.

    Raises:
      ValueError: If one is there and may not be replaced.
    """
    paths = [folder / name for name in names]
    there = [path for path in paths if path.exists()]
    if there and not overwrite:
        raise ValueError(
            f"{there[0]} is there already; name another folder by --out, or replace it "
            "by --overwrite"
        )
    return paths


@contextlib.contextmanager
def writing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Write a file or a folder so that its name never stands for a part of it.

    Args:
      path: Its name; a Zarr group's ends with ``.zarr``.

    Yields:
      A temporary name to write to, with the same suffix.

    Raises:
      ValueError: If it cannot be written.
    """
    if path.suffix != ".zarr":
        with replacing(path, durable=True) as temporary:
            yield temporary
        return
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.part.zarr")
    try:
        yield temporary
        if path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({reason_of(error)})") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
