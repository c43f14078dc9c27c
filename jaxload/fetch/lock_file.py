"""The lock file of a folder: which files were fetched from where, with checksums."""

import dataclasses
import datetime
import hashlib
import json
import os
import pathlib

from jaxload import io

__all__ = ["LOCK_FILE", "Locked", "locked_file", "read_lock", "verify", "write_lock"]

#: Its name, in the folder of the data.
LOCK_FILE = "fetch.lock.json"

#: What it is called in the file itself, and its format.
KIND, VERSION = "files fetched by jaxload", 1

#: Bytes that are read at a time.
BLOCK = 1 << 20


@dataclasses.dataclass(frozen=True)
class Locked:
    """What is known of a fetched file.

    Attributes:
      url: Where it came from.
      sha256: Its checksum.
      size: Its size [bytes].
      date: Day on which it was fetched, ISO.
    """

    url: str
    sha256: str
    size: int
    date: str


def locked_file(path: pathlib.Path, url: str) -> Locked:
    """Describe a file as it is on the disk.

    Args:
      path: The file.
      url: Where it came from.

    Returns:
      Its description, with today's date.
    """
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return Locked(url, checksum(path), path.stat().st_size, today)


def checksum(path: pathlib.Path) -> str:
    """Compute the SHA-256 of a file.

    Args:
      path: The file.

    Returns:
      The checksum, hexadecimal.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def read_lock(folder: pathlib.Path) -> dict[str, Locked]:
    """Read the lock file of a folder.

    Args:
      folder: Of the data.

    Returns:
      Its files by name; none where there is no lock file.

    Raises:
      ValueError: If it is no lock file.
    """
    path = folder / LOCK_FILE
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["about"] != KIND or content["version"] != VERSION:
            raise ValueError(content["version"])
        files = {name: Locked(**entry) for name, entry in content["files"].items()}
        for name in files:
            _check_inside(name)
    except (ValueError, LookupError, TypeError, AttributeError):
        raise ValueError(
            f"{path} is no lock file of jaxload fetch; move it, or restore it"
        ) from None
    return files


def _check_inside(name: str) -> None:
    """Refuse names that lead out of the folder."""
    path = pathlib.PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name:
        raise ValueError(name)


def write_lock(folder: pathlib.Path, files: dict[str, Locked]) -> None:
    """Write the lock file of a folder.

    Args:
      folder: Of the data.
      files: By name.

    Raises:
      ValueError: If it cannot be written.
    """
    entries = {name: dataclasses.asdict(files[name]) for name in sorted(files)}
    content = {"about": KIND, "version": VERSION, "files": entries}
    io.write_text(folder / LOCK_FILE, json.dumps(content, indent=1) + "\n")


def verify(folder: str | os.PathLike[str]) -> list[str]:
    """Compare the files of a folder with its lock file, without any network.

    Args:
      folder: Of the data.

    Returns:
      What was verified, as one line.

    Raises:
      FileNotFoundError: If there is no lock file.
      ValueError: If files are missing or differ; the message names some.
    """
    folder = pathlib.Path(folder)
    if not (folder / LOCK_FILE).exists():
        raise FileNotFoundError(
            f"{folder / LOCK_FILE} is missing: jaxload fetch writes it beside what it "
            "fetches; check the folder"
        )
    files = read_lock(folder)
    wrong = [
        f"{name} {'differs' if (folder / name).is_file() else 'is missing'}"
        for name, entry in files.items()
        if not is_same(folder / name, entry)
    ]
    if wrong:
        shown = ", ".join(wrong[:5]) + (" ..." if len(wrong) > 5 else "")
        raise ValueError(
            f"{len(wrong)} of {len(files)} files are not those of "
            f"{folder / LOCK_FILE}: {shown}; fetch them again"
        )
    total = sum(entry.size for entry in files.values())
    return [
        f"all {len(files)} files ({total / 1e6:.1f} MB) are those of "
        f"{folder / LOCK_FILE}"
    ]


def is_same(path: pathlib.Path, entry: Locked) -> bool:
    """Check a file against its entry of a lock file.

    Args:
      path: The file.
      entry: Of the lock file.

    Returns:
      Whether it is there, with the same content.
    """
    return (
        path.is_file()
        and path.stat().st_size == entry.size
        and checksum(path) == entry.sha256
    )
