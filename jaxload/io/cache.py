"""Arrays kept on disk by name, so that what was computed once is not again."""

import dataclasses
import functools
import hashlib
import logging
import os
import pathlib
import re
import tokenize

import numpy as np
from numpy.typing import NDArray

from jaxload.io.files.writing import replacing

__all__ = ["ArrayCache"]

logger = logging.getLogger(__name__)

#: What the library raises on damaged files; their first line is text of Python.
BROKEN = (OSError, EOFError, ValueError, TypeError, SyntaxError, tokenize.TokenError)
#: A line that says that there are more numbers than fit.
BROKEN += (MemoryError, OverflowError)

NAME = re.compile(r"[0-9A-Za-z_-]{1,200}")


@dataclasses.dataclass(frozen=True)
class ArrayCache:
    """A folder of arrays.

    The name of an array should say all that it was computed from, as a hash does: what
    is there is taken as it is. A file has its name only once it is whole, so several
    processes may share a folder and may be stopped at any time.

    Attributes:
      folder: Where the files are; made when the first is written. It may be deleted
        at any time, and so may any file in it.

    Example:
      >>> cache = io.ArrayCache("out/cache")
      >>> parts = series.decompose(temperature, cache=cache)
    """

    folder: str | os.PathLike[str]

    def get(self, key: str) -> NDArray | None:
        """Read an array.

        Args:
          key: Its name.

        Returns:
          The array; None if there is none of this name, or the file is damaged.

        Raises:
          ValueError: If the name has other than letters, digits, - and _.
        """
        path = self._path(key)
        try:
            with path.open("rb") as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
                # Beside damage this finds files of a version that did not sign them.
                return array if file.read() == _digest(array) else None
        except BROKEN:
            # Absent, cut short, or no file of ours: the caller computes it again.
            return None

    def put(self, key: str, array: NDArray) -> None:
        """Keep an array, in place of one of the same name.

        A folder that cannot be written to is warned of once, and nothing is kept: what
        was computed is not lost by it.

        Args:
          key: Its name.
          array: Numbers of any shape.

        Raises:
          ValueError: If the name has other than letters, digits, - and _, or the array
            holds other than numbers.
        """
        path, array = self._path(key), np.asarray(array)
        if array.dtype.hasobject:
            raise ValueError(f"array {key!r} holds objects, expected numbers")
        try:
            with replacing(path) as temporary:
                path.parent.mkdir(parents=True, exist_ok=True)
                with temporary.open("wb") as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)
                    # Readers of the format stop before it.
                    file.write(_digest(array))
        except ValueError as error:
            reason = str(error).rpartition("(")[2].rstrip(")")
            _warn_once(str(self.folder), reason)

    def _path(self, key: str) -> pathlib.Path:
        if not NAME.fullmatch(key):
            raise ValueError(
                f"{key!r} names no array, expected letters, digits, - and _ only"
            )
        return pathlib.Path(self.folder) / f"{key}.npy"


def _digest(array: NDArray) -> bytes:
    """Of all that an array is: a bit that flipped on the disk is no number."""
    about = f"{array.dtype.str}{array.shape}".encode()
    return hashlib.sha256(about + array.tobytes()).digest()


@functools.cache
def _warn_once(folder: str, reason: str) -> None:
    logger.warning(
        "the cache %s cannot be written to (%s); what it was to hold is computed anew "
        "the next time",
        folder,
        reason,
    )
