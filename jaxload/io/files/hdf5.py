"""Structures of HDF5 that no checksum guards, looked at before its library is."""

import functools
import os
import pathlib
from collections.abc import Iterator
from typing import BinaryIO

__all__ = ["check_heaps"]

#: How a file begins, and how a collection of the global heap does, in version 1.
FILE, COLLECTION = b"\x89HDF\r\n\x1a\n", b"GCOL\x01\0\0\0"

#: Bytes that collections are looked for in: they come with the first variables.
REACH = 1 << 28

#: Bytes that are looked at together.
WINDOW = 1 << 20

#: Bytes of the headers of a collection and of an object in it, and to what multiple of
#: bytes an object is filled up.
HEAD, OBJECT, STEP = 16, 16, 8


def check_heaps(path: pathlib.Path) -> None:
    """Find collections of the global heap whose objects do not follow each other.

    The library follows their sizes, and never ends where one is zero or beyond all
    numbers.

    Args:
      path: A file, of HDF5 or not.

    Raises:
      ValueError: If there is one.

    Source:
      HDF5 File Format Specification 3.0, section III.E.
    """
    about = path.stat()
    if about.st_size > len(FILE) and not _sound(
        os.fspath(path), about.st_size, about.st_mtime_ns
    ):
        raise ValueError("its table of texts and references is damaged")


@functools.lru_cache(maxsize=1024)
def _sound(path: str, size: int, changed: int) -> bool:
    """Whether all collections are whole; asked once for each state of a file."""
    del changed
    reach = min(size, REACH)
    with pathlib.Path(path).open("rb") as file:
        if file.read(len(FILE)) != FILE:
            return True
        return all(_follows(file, start, reach) for start in _starts(file, reach))


def _starts(file: BinaryIO, reach: int) -> Iterator[int]:
    """Where collections begin, looked for in one window after the other."""
    for first in range(0, reach, WINDOW):
        file.seek(first)
        # As much more as holds what begins at its end.
        window = file.read(min(WINDOW + len(COLLECTION) - 1, reach - first))
        place = window.find(COLLECTION)
        while place >= 0:
            yield first + place
            place = window.find(COLLECTION, place + len(COLLECTION))


def _follows(file: BinaryIO, start: int, reach: int) -> bool:
    """Whether the objects of a collection fill it one after the other."""
    place, end = start + HEAD, start + _head(file, start)[1]
    if place > end:
        return False
    # A collection beyond what is looked at is followed as far as that goes.
    while place + OBJECT <= min(end, reach):
        number, size = _head(file, place)
        if number:
            size = OBJECT + size + -size % STEP
        # Number zero is what is free, with its header.
        if size < OBJECT or place + size > end:
            return False
        place += size
    return True


def _head(file: BinaryIO, place: int) -> tuple[int, int]:
    """Number and size that stand at the begin of a collection, or of an object."""
    file.seek(place)
    head = file.read(OBJECT)
    return int.from_bytes(head[:2], "little"), int.from_bytes(head[8:], "little")
