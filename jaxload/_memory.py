"""Memory of the process that goes back to the system as soon as it is freed."""

import contextlib
import ctypes
import gc
import os
import sys

__all__ = ["free_cycles", "return_freed_memory"]

#: Bytes from which an array has pages of its own, and what the library calls it.
OWN_PAGES, M_MMAP_THRESHOLD = 1 << 21, -3

#: Bytes of arrays from which it is worth a moment to free them at once.
LARGE = 1 << 25

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
    if not sys.platform.startswith("linux") or VARIABLE in os.environ:
        return False
    with contextlib.suppress(OSError, AttributeError):
        return ctypes.CDLL("libc.so.6").mallopt(M_MMAP_THRESHOLD, OWN_PAGES) == 1
    return False


def free_cycles(size: int) -> None:
    """Free what only refers to itself, of which large arrays may be part.

    Python looks for it now and then, which may be when much more has come.

    Args:
      size: Of arrays that are no longer needed [bytes]; nothing is done for small ones.
    """
    if size >= LARGE:
        gc.collect()
