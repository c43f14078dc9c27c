"""Memory of the process: its peak, and how it goes back to the system when freed."""

import contextlib
import ctypes
import gc
import os
import sys

__all__ = ["free_cycles", "peak_memory", "return_freed_memory"]

#: Bytes from which an array has pages of its own, and what the library calls it.
OWN_PAGES, M_MMAP_THRESHOLD = 1 << 21, -3

#: Bytes of arrays from which it is worth a moment to free them at once.
LARGE = 1 << 23

#: Where a user sets the same.
VARIABLE = "MALLOC_MMAP_THRESHOLD_"


def return_freed_memory() -> bool:
    """Give large arrays pages of their own, which the system has back when they go.

    The C library of Linux keeps what is freed of up to 32 MiB, between what is in use,
    so that a long run holds much more than it needs. For a process as a whole: call it
    where the process begins.

    Returns:
      Whether it was done: not by other libraries, or where the user chose.
    """
    library = _library()
    if library is None or VARIABLE in os.environ:
        return False
    return library.mallopt(M_MMAP_THRESHOLD, OWN_PAGES) == 1


def free_cycles(size: int) -> None:
    """Free what only refers to itself, of which large arrays may be part.

    Python looks for it now and then, which may be when much more has come; and the C
    library keeps what is freed of small arrays.

    Args:
      size: Of arrays that are no longer needed [bytes]; nothing is done for small ones.
    """
    if size < LARGE:
        return
    gc.collect()
    library = _library()
    if library is not None:
        library.malloc_trim(0)


def peak_memory() -> float:
    """Largest resident size of this process so far [GiB]."""
    # Windows has no such module, and commands that compute nothing work without.
    import resource

    unit = 2**30 if sys.platform == "darwin" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _library() -> ctypes.CDLL | None:
    """The C library of GNU, where it is that of the process."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):
            library = ctypes.CDLL("libc.so.6")
            return library if library.malloc_trim and library.mallopt else None
    return None
