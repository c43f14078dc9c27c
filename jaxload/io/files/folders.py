"""Folders of results: made, held by one process at a time, tidied."""

import contextlib
import datetime
import errno
import json
import logging
import os
import pathlib
import shutil
import socket
from collections.abc import Iterator

from jaxload.io.files.paths import PathLike
from jaxload.io.files.writing import is_left_over, reason_of

try:
    import fcntl
except ImportError:  # Where there is none, as on Windows, nothing is locked.
    fcntl = None

__all__ = [
    "LOCK",
    "FolderInUseError",
    "locked_folder",
    "prepare_folder",
    "remove_left_overs",
]

logger = logging.getLogger(__name__)

#: The file whose lock says that a process works in the folder.
LOCK = ".jaxload.lock"

#: What file systems answer that know no locks.
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


class FolderInUseError(ValueError):
    """Another process, or this one, works in a folder."""


def prepare_folder(folder: PathLike) -> pathlib.Path:
    """Make a folder for results and see that it can be written to.

    Args:
      folder: Its path; made with its parents if absent.

    Returns:
      The path.

    Raises:
      ValueError: If it cannot be made or written to.
    """
    folder = pathlib.Path(folder)
    probe = folder / f".probe.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _unusable(folder, reason_of(error)) from None
    except ValueError as error:
        # A path with a NUL in it.
        raise _unusable(folder, str(error)) from None
    return folder


def _unusable(folder: pathlib.Path, reason: str) -> ValueError:
    return ValueError(
        f"the output folder {folder} cannot be written to ({reason}); choose another"
    )


@contextlib.contextmanager
def locked_folder(folder: PathLike) -> Iterator[None]:
    """Lock a folder against other processes that lock it too.

    The system releases the lock when the process ends, however it ends.

    Args:
      folder: A folder that is there.

    Raises:
      FolderInUseError: A `ValueError`, if another process, or this one, holds it.
      ValueError: If it cannot be written to.
    """
    path = pathlib.Path(folder) / LOCK
    file = None if fcntl is None else _locked(path)
    if file is None:
        yield
        return
    try:
        yield
    finally:
        # First the name, then the lock: whoever comes next makes a file of their own.
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(file)


def _locked(path: pathlib.Path) -> int | None:
    """A locked file of this name; None where the file system knows no locks."""
    assert fcntl is not None
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise _unusable(path.parent, reason_of(error)) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_named(file, path):
                _sign(file)
                return file
        except OSError as error:
            os.close(file)
            if error.errno in NO_LOCKS:
                logger.warning(
                    "the file system of %s knows no locks; run nothing else in it",
                    path.parent,
                )
                return None
            raise _occupied(path) from None
        # The one who held it removed it meanwhile.
        os.close(file)


def _is_named(file: int, path: pathlib.Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _sign(file: int) -> None:
    """Say who holds the lock; where the disk is full, nobody is named."""
    now = datetime.datetime.now().isoformat(" ", "seconds")
    about = {"process": os.getpid(), "host": socket.gethostname(), "since": now}
    with contextlib.suppress(OSError):
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(about).encode(), 0)


def _occupied(path: pathlib.Path) -> FolderInUseError:
    who = "another process"
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        about = json.loads(path.read_text(encoding="utf-8"))
        who = f"process {about['process']} on {about['host']} since {about['since']}"
    return FolderInUseError(
        f"the folder {path.parent} is in use by {who}; wait until it has ended, or "
        "choose another folder"
    )


def remove_left_overs(folder: PathLike) -> None:
    """Remove what processes that were killed left unfinished.

    Not for: folders in which another process may be writing.

    Args:
      folder: The folder, without what is below it; it need not be there.
    """
    try:
        paths = list(pathlib.Path(folder).iterdir())
    except OSError:
        return
    for path in paths:
        if is_left_over(path.name) or ".orbax-checkpoint-tmp" in path.name:
            _remove(path)


def _remove(path: pathlib.Path) -> None:
    """Remove a file or a folder; one that the system keeps stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError):
        path.unlink()
