"""Digests of the content of files, large ones by parts of it."""

import hashlib
import pathlib

__all__ = ["content_digest"]

#: Of larger files [bytes] parts are read, and the time of their last change counts too.
LARGE = 1 << 28
PARTS, PART = 64, 1 << 16


def content_digest(path: pathlib.Path) -> str:
    """Compute the digest of the content of a file.

    Args:
      path: The file.

    Returns:
      Its SHA-256; of a file of more than 256 MiB that of its size, the time of its
      last change and parts all over it.

    Raises:
      OSError: If it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= LARGE:
            return hashlib.file_digest(file, "sha256").hexdigest()
        digest = hashlib.sha256(f"{size} {path.stat().st_mtime_ns}".encode())
        for number in range(PARTS):
            file.seek(number * (size - PART) // (PARTS - 1))
            digest.update(file.read(PART))
        return digest.hexdigest()
