"""Zarr groups in folders: read, checked, known as ours, with errors in one sentence."""

import contextlib
import importlib.util
import json
import logging
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import xarray as xr

from jaxload.io.files.netcdf import BROKEN

__all__ = [
    "WRITTEN",
    "attributes_of",
    "check_pieces",
    "is_zarr",
    "open_zarr",
    "reading_zarr",
    "require_zarr",
    "settle_folder",
]

logger = logging.getLogger(__name__)

#: Attribute of a group that grows: how many epochs its first array of maps has.
WRITTEN = "epochs_written"

#: The file in which a group describes itself.
ABOUT = "zarr.json"


def require_zarr() -> None:
    """Check that Zarr can be written and read.

    Raises:
      ValueError: If the library is not installed.
    """
    if importlib.util.find_spec("zarr") is None:
        raise ValueError("Zarr needs its library; install jaxload[zarr]")


def is_zarr(path: pathlib.Path) -> bool:
    """Whether a path is that of a Zarr group, by its suffix.

    Args:
      path: Any.
    """
    return path.suffix == ".zarr"


@contextlib.contextmanager
def reading_zarr(path: pathlib.Path) -> Iterator[None]:
    """Raise one sentence for a group that is broken, wherever that turns out.

    Args:
      path: Its folder.

    Yields:
      Nothing.

    Raises:
      ValueError: In place of what the library raises.
    """
    try:
        yield
    except BROKEN as error:
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise ValueError(
            f"{path} cannot be read as Zarr ({reason}); is it complete?"
        ) from None


def open_zarr(path: pathlib.Path) -> xr.Dataset:
    """Open a group; values are read when they are needed.

    Args:
      path: Its folder.

    Returns:
      The dataset. One that is still being written is warned of.

    Raises:
      ValueError: If the library is not installed, or the group is broken.
    """
    require_zarr()
    with reading_zarr(path):
        dataset = xr.open_dataset(
            path,
            engine="zarr",
            chunks=None,
            decode_coords="all",
            backend_kwargs={"consolidated": False},
        )
    if WRITTEN in dataset.attrs:
        logger.warning(
            "%s is still being written: %d of %d epochs are there",
            path,
            dataset.attrs[WRITTEN],
            dataset.sizes.get("time", 0),
        )
    return dataset


def check_pieces(path: pathlib.Path) -> None:
    """Check that a group was written to its end, and that no piece of it is lost.

    Args:
      path: Its folder.

    Raises:
      ValueError: If it was not, or one is.
    """
    require_zarr()
    import zarr  # pyright: ignore[reportMissingImports]

    with reading_zarr(path):
        group = zarr.open_group(str(path), mode="r")
        if WRITTEN in group.attrs:
            raise ValueError("it was not written to its end")
        for name, array in group.arrays():
            lost = array.nchunks - array.nchunks_initialized
            if lost and array.ndim:
                raise ValueError(f"{lost} of {array.nchunks} pieces of {name} are lost")


def attributes_of(path: pathlib.Path) -> dict[str, Any]:
    """Read the attributes of a group, without the library.

    Args:
      path: Its folder.

    Returns:
      The attributes.

    Raises:
      OSError: If there is none.
      ValueError: If it is not described by JSON.
      LookupError: If the description has no attributes.
    """
    text = (path / ABOUT).read_text(encoding="utf-8")
    return json.loads(text)["attributes"]


def settle_folder(path: pathlib.Path) -> None:
    """Wait until all files of a folder are on the disk.

    Args:
      path: The folder.

    Raises:
      OSError: If the system refuses.
    """
    for file in path.rglob("*"):
        if file.is_file():
            number = os.open(file, os.O_RDONLY)
            try:
                os.fsync(number)
            finally:
                os.close(number)
