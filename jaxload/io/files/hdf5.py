"""Structures of HDF5 that no checksum guards, looked at before its library is."""

import functools
import mmap
import os
import pathlib

__all__ = ["check_heaps"]

#: How a file begins, and how a collection of the global heap does, in version 1.
FILE, COLLECTION = b"\x89HDF\r\n\x1a\n", b"GCOL\x01\0\0\0"

#: Bytes that collections are looked for in: they come with the first variables.
REACH = 1 << 28

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
    with (
        pathlib.Path(path).open("rb") as file,
        mmap.mmap(file.fileno(), min(size, REACH), access=mmap.ACCESS_READ) as content,
    ):
        if content[: len(FILE)] != FILE:
            return True
        place = content.find(COLLECTION)
        while place >= 0:
            if not _follows(content, place):
                return False
            place = content.find(COLLECTION, place + HEAD)
    return True


def _follows(content: mmap.mmap, start: int) -> bool:
    """Whether the objects of a collection fill it one after the other."""
    place, end = start + HEAD, start + _number(content, start + HEAD - 8)
    if place > end:
        return False
    # A collection beyond what is looked at is followed as far as that goes.
    while place + OBJECT <= min(end, len(content)):
        size = _number(content, place + OBJECT - 8)
        if int.from_bytes(content[place : place + 2], "little"):
            size = OBJECT + size + -size % STEP
        # Number zero is what is free, with its header.
        if size < OBJECT or place + size > end:
            return False
        place += size
    return True


def _number(content: mmap.mmap, place: int) -> int:
    return int.from_bytes(content[place : place + 8], "little")
