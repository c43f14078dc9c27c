"""The study that a result is of, as its files hold it."""

import pathlib

from jaxload import io

__all__ = ["settings_text"]

#: Files that hold the study, in the order in which they are looked for.
HOLDERS = ("twsa.nc", "twsa.zarr", "stations.nc")


def settings_text(folder: pathlib.Path) -> str:
    """Read the study of a result.

    Args:
      folder: Of the result.

    Returns:
      The study as TOML; empty where no file holds it.
    """
    for name in HOLDERS:
        if (folder / name).exists():
            with io.read_dataset(folder / name) as dataset:
                if "settings" in dataset.attrs:
                    return str(dataset.attrs["settings"])
    return ""
