"""A result as the files of a folder, and back."""

import dataclasses
import hashlib
import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import io
from jaxload.config import renamed
from jaxload.io.files.writing import reason_of, replacing
from jaxload.io.files.zarr_folders import is_zarr, settle_folder
from jaxload.pipeline.frozen.kept_state import ABOUT_STATE, STATE_ARRAYS
from jaxload.pipeline.report.datasets import Result
from jaxload.pipeline.report.figures import (
    FIGURE_FORMATS,
    FIGURES,
    FIGURES_OF_REGIONS,
)
from jaxload.pipeline.report.network_tables import EXACT, TABLE
from jaxload.pipeline.report.water_tables import WATER_TABLES

__all__ = [
    "DATASETS",
    "DOUBLE",
    "SUMMARY",
    "as_single",
    "as_written",
    "check_folder",
    "content_of",
    "copy_result",
    "datasets_of",
    "move_result",
    "read_result",
    "remove_older",
]

#: Parts of a `Result` by the name of their file.
DATASETS = {
    "twsa.nc": "water",
    "twsa.zarr": "water",
    "stations.nc": "stations",
    "regions.nc": "regions",
    "groundwater.nc": "groundwater",
    "drought.nc": "drought",
    "water_balance.nc": "water_balance",
    "virtual_stations.nc": "virtual_stations",
    "learning.nc": "learning",
    "coefficients.nc": "coefficients",
    "network.nc": "network",
    "seasons.nc": "seasons",
    "products.nc": "products",
    "wavelets.nc": "wavelets",
    "bridged.nc": "bridged",
    "features.nc": "features",
    "weather.nc": "weather",
    "precipitation.nc": "precipitation",
    "resolution.nc": "resolution",
}

#: Variables that are written in float64, by the name of their file: sums of many
#: products, whose terms are larger than they are, and what differs by little.
DOUBLE = {
    "coefficients.nc": ("coefficient", "response"),
    "network.nc": EXACT,
}

#: Files that may hold the maps.
MAPS = ("twsa.nc", "twsa.zarr")

#: Written last: where it is, the other files are complete.
SUMMARY = "summary.json"

#: Every name under which something may be written, or was by earlier releases.
NAMES = (
    *(*DATASETS, *WATER_TABLES, *renamed.FILES, TABLE, STATE_ARRAYS, ABOUT_STATE),
    *(f"{name}.{form}" for name in FIGURES for form in FIGURE_FORMATS),
    SUMMARY,
)


def datasets_of(result: Result) -> dict[str, xr.Dataset]:
    """Take a result apart into what its files hold.

    Args:
      result: The result.

    Returns:
      The datasets that there are, by the names of their files.
    """
    parts = {name: getattr(result, part) for name, part in DATASETS.items()}
    maps = "twsa.nc" if result.maps is None else result.maps.path.name
    return {
        name: part
        for name, part in parts.items()
        if part is not None
        and (DATASETS[name] != "water" or name == maps)
        and (DATASETS[name] != "regions" or part.sizes)
    }


def as_written(result: Result) -> Result:
    """Round a result as its files do, to draw or to judge what they hold.

    Args:
      result: As it was computed.

    Returns:
      The result with numbers in float32.
    """
    parts = {
        name: as_single(part)
        for name, part in datasets_of(result).items()
        if name not in DOUBLE
    }
    changed = {DATASETS[name]: part for name, part in parts.items()}
    return dataclasses.replace(result, **changed)


def as_single(dataset: xr.Dataset) -> xr.Dataset:
    """Round a dataset as its file does.

    Args:
      dataset: Any.

    Returns:
      The dataset with variables in float32 that were in float64.
    """
    wide = {
        name: values.astype(np.float32)
        for name, values in dataset.data_vars.items()
        if values.dtype == np.float64
    }
    return dataset.assign(wide)


def read_result(
    folder: pathlib.Path,
    names: Mapping[str, Any],
    outline: list[NDArray[np.float64]],
    summary: dict[str, Any],
) -> Result:
    """Read a result from its files.

    Args:
      folder: Where they are.
      names: Which of them belong to it.
      outline: Rings of the study region, which no file holds.
      summary: Its plain numbers.

    Returns:
      The result, read from the files when it is needed.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If a file is broken.
    """
    parts: dict[str, xr.Dataset | None] = {part: None for part in DATASETS.values()}
    parts["regions"] = xr.Dataset()
    parts |= {
        part: io.read_dataset(folder / name)
        for name, part in DATASETS.items()
        if name in names
    }
    return Result(outline=outline, summary=summary, **parts)  # pyright: ignore[reportArgumentType]


def check_folder(folder: pathlib.Path) -> None:
    """Look for files of others under the names of results.

    Args:
      folder: Where results are to go.

    Raises:
      ValueError: If there is one, or a folder of such a name.
    """
    names = *NAMES, *_figures_of_regions(folder)
    there = [folder / name for name in names if (folder / name).exists()]
    for path in there:
        if path.is_dir() and not (is_zarr(path) and io.is_result(path)):
            raise ValueError(
                f"{path} is a folder, where a result is to be written; move it, or "
                "choose another folder for the results"
            )
    if any(io.is_result(folder / name) for name in (SUMMARY, *MAPS)):
        return
    for path in there:
        if not io.is_result(path):
            raise ValueError(
                f"{path} is there already and is no result of jaxload; move it, or "
                "choose another folder for the results"
            )


def remove_older(folder: pathlib.Path, names: Mapping[str, Any]) -> None:
    """Remove what an older result has and a new one does not.

    Args:
      folder: Where results go.
      names: Files of the new one, figures apart.
    """
    for name in NAMES:
        if name not in names:
            _remove(folder / name)
    for name in _figures_of_regions(folder):
        if io.is_result(folder / name):
            _remove(folder / name)


def _figures_of_regions(folder: pathlib.Path) -> list[str]:
    """Files that are called as figures of regions."""
    return [
        path.name
        for start in FIGURES_OF_REGIONS
        for form in FIGURE_FORMATS
        for path in sorted(folder.glob(f"{start}*.{form}"))
    ]


def _remove(path: pathlib.Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def content_of(path: pathlib.Path) -> str:
    """Compute a digest of what a result holds.

    Args:
      path: A file, or a folder of files.

    Returns:
      The digest; that of a folder counts the names in it.

    Raises:
      OSError: If it cannot be read.
    """
    if not path.is_dir():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    total = hashlib.sha256()
    for inner in sorted(path.rglob("*")):
        if inner.is_file():
            name = os.fsencode(inner.relative_to(path))
            total.update(name + b"\0" + content_of(inner).encode())
    return total.hexdigest()


def copy_result(source: pathlib.Path, target: pathlib.Path) -> None:
    """Copy a result so that its name never stands for a part of it.

    Args:
      source: A file, or a folder.
      target: The name of the copy; an older result of this name is replaced.

    Raises:
      ValueError: If it cannot be written.
    """
    if not source.is_dir():
        with replacing(target, durable=True) as temporary:
            shutil.copyfile(source, temporary)
        return
    unnamed = target.with_name(f".{target.name}.{os.getpid()}.0.part")
    try:
        shutil.rmtree(unnamed, ignore_errors=True)
        shutil.copytree(source, unnamed)
        settle_folder(unnamed)
        _remove(target)
        unnamed.replace(target)
    except (OSError, shutil.Error) as error:
        shutil.rmtree(unnamed, ignore_errors=True)
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise ValueError(f"{target} cannot be written ({reason})") from None


def move_result(source: pathlib.Path, target: pathlib.Path) -> None:
    """Give a result another name.

    Args:
      source: A file, or a folder.
      target: The name; an older result of this name is replaced.

    Raises:
      ValueError: If it cannot be written.
    """
    try:
        if source.is_dir():
            _remove(target)
        source.replace(target)
    except OSError:
        # It lies on another disk.
        copy_result(source, target)
