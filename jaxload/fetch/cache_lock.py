"""A file of the cache, held by one process at a time."""

import contextlib
import errno
import logging
import os
import pathlib
from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # Where there is none, as on Windows, nothing is locked.
    fcntl = None

__all__ = ["held_in_cache"]

logger = logging.getLogger(__name__)

#: What file systems answer that know no locks.
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


@contextlib.contextmanager
def held_in_cache(kept: pathlib.Path) -> Iterator[None]:
    """Hold a file of the cache; wait until whoever holds it has let it go.

    The system releases the lock when the process ends, however it ends.

    Args:
      kept: The file, which need not be there; its folder is.
    """
    path = kept.with_name(f".{kept.name}.lock")
    lock = None if fcntl is None else _locked(path, kept)
    if lock is None:
        yield
        return
    try:
        yield
    finally:
        # First the name, then the lock: whoever comes next makes a file of their own.
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(lock)


def _locked(path: pathlib.Path, kept: pathlib.Path) -> int | None:
    """A locked file of this name; None where the file system knows no locks."""
    assert fcntl is not None
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _wait_for(lock, kept)
            if _is_named(lock, path):
                return lock
        except OSError as error:
            os.close(lock)
            if error.errno not in NO_LOCKS:
                raise
            logger.warning(
                "the file system of %s knows no locks; fetch with one process at a "
                "time there",
                path.parent,
            )
            return None
        except BaseException:
            os.close(lock)
            raise
        # The one who held it removed it meanwhile.
        os.close(lock)


def _wait_for(lock: int, kept: pathlib.Path) -> None:
    assert fcntl is not None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        logger.warning(
            "another process downloads %s to the cache %s; waiting for it",
            kept.name.partition("-")[2] or kept.name,
            kept.parent,
        )
        fcntl.flock(lock, fcntl.LOCK_EX)


def _is_named(lock: int, path: pathlib.Path) -> bool:
    try:
        return os.path.samestat(os.fstat(lock), path.stat())
    except FileNotFoundError:
        return False
