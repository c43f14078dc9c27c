"""A result as the files of a folder, and back."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import io
from jaxload.config import renamed
from jaxload.pipeline.report.datasets import Result
from jaxload.pipeline.report.figures import FIGURES

__all__ = [
    "DATASETS",
    "SUMMARY",
    "as_written",
    "check_folder",
    "datasets_of",
    "read_result",
    "remove_older",
]

#: Parts of a `Result` by the name of their file.
DATASETS = {
    "twsa.nc": "water",
    "stations.nc": "stations",
    "regions.nc": "regions",
    "groundwater.nc": "groundwater",
    "virtual_stations.nc": "virtual_stations",
    "learning.nc": "learning",
}

#: Written last: where it is, the other files are complete.
SUMMARY = "summary.json"

#: Every name under which something may be written, or was by earlier releases.
NAMES = (*DATASETS, *renamed.FILES, *(f"{name}.png" for name in FIGURES), SUMMARY)


def datasets_of(result: Result) -> dict[str, xr.Dataset]:
    """Take a result apart into what its files hold.

    Args:
      result: The result.

    Returns:
      The datasets that there are, by the names of their files.
    """
    parts = {name: getattr(result, part) for name, part in DATASETS.items()}
    return {name: part for name, part in parts.items() if part is not None}


def as_written(result: Result) -> Result:
    """Round a result as its files do, to draw or to judge what they hold.

    Args:
      result: As it was computed.

    Returns:
      The result with numbers in float32.
    """
    parts = {name: _single(part) for name, part in datasets_of(result).items()}
    changed = {DATASETS[name]: part for name, part in parts.items()}
    return dataclasses.replace(result, **changed)


def _single(dataset: xr.Dataset) -> xr.Dataset:
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
    parts = {part: None for part in DATASETS.values()}
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
    there = [folder / name for name in NAMES if (folder / name).exists()]
    for path in there:
        if path.is_dir():
            raise ValueError(
                f"{path} is a folder, where a result is to be written; move it, or "
                "choose another folder for the results"
            )
    if any(io.is_result(folder / name) for name in (SUMMARY, "twsa.nc")):
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
            (folder / name).unlink(missing_ok=True)
