"""Files of an update that wait to take the place of others, all or none of them."""

import pathlib
import shutil
from collections.abc import Iterable, Mapping
from typing import Any

from jaxload import io
from jaxload.pipeline.results.files import SUMMARY, copy_result, move_result

__all__ = [
    "begin_pending",
    "copy_to_pending",
    "drop_pending",
    "finish_pending",
    "is_pending",
    "pending_folder",
    "seal_pending",
]

#: Where they lie, and the file there that says that they are whole.
PENDING, SEAL = ".update", "about.json"


def begin_pending(folder: pathlib.Path) -> pathlib.Path:
    """Make a folder for the files of an update.

    Args:
      folder: Of the results.

    Returns:
      The folder, which is empty.

    Raises:
      ValueError: If it cannot be made.
    """
    drop_pending(folder)
    return io.prepare_folder(folder / PENDING)


def pending_folder(folder: pathlib.Path) -> pathlib.Path:
    """Where the files of an update lie.

    Args:
      folder: Of the results.
    """
    return folder / PENDING


def copy_to_pending(folder: pathlib.Path, name: str) -> pathlib.Path:
    """Copy a result, to be changed where nobody reads it.

    Args:
      folder: Of the results.
      name: Of the file, or of a folder of files.

    Returns:
      The copy.

    Raises:
      ValueError: If it cannot be written.
    """
    target = folder / PENDING / name
    copy_result(folder / name, target)
    return target


def seal_pending(
    folder: pathlib.Path, names: Iterable[str], summary: Mapping[str, Any]
) -> None:
    """Declare that the files of an update are whole.

    Args:
      folder: Of the results.
      names: Of the files.
      summary: What `summary.json` will hold.

    Raises:
      ValueError: If it cannot be written.
    """
    about = {"files": list(names), "summary": dict(summary)}
    io.write_json(about, folder / PENDING / SEAL)


def is_pending(folder: pathlib.Path) -> bool:
    """Check whether whole files of an update wait to take their places.

    Args:
      folder: Of the results.
    """
    return (folder / PENDING / SEAL).is_file()


def finish_pending(folder: pathlib.Path) -> bool:
    """Let the files of an update take their places, if they are whole.

    Args:
      folder: Of the results.

    Returns:
      Whether they did; files that are not whole are removed.

    Raises:
      ValueError: If the folder cannot be written to.
    """
    place = folder / PENDING
    if not is_pending(folder):
        drop_pending(folder)
        return False
    about = io.read_json(place / SEAL)
    # Where it is, the other files belong together.
    (folder / SUMMARY).unlink(missing_ok=True)
    for name in about["files"]:
        if (place / name).exists():
            move_result(place / name, folder / name)
    io.write_json(about["summary"], folder / SUMMARY)
    drop_pending(folder)
    return True


def drop_pending(folder: pathlib.Path) -> None:
    """Remove files of an update.

    Args:
      folder: Of the results.
    """
    place = folder / PENDING
    # First of all what says that the others are whole.
    (place / SEAL).unlink(missing_ok=True)
    shutil.rmtree(place, ignore_errors=True)
