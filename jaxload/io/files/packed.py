"""Files as they are or packed, by gzip, bzip2, xz, compress or zip: one way to read."""

import bz2
import contextlib
import gzip
import io
import lzma
import pathlib
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from jaxload.io.files import lzw

__all__ = ["ENDINGS", "is_archive", "members", "plain_name", "read_content"]

#: What names of packed files end in.
ENDINGS = (".gz", ".bz2", ".xz", ".zip", ".z")

#: What packed files begin with, and how they are called.
KINDS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz"} | {
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
    lzw.MAGIC: "compress",
}

#: What is packed in other ways.
FOREIGN = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
}

#: No text is this large [bytes]; what is, would fill the memory.
LARGEST = 1 << 29

#: By how much text can shrink, and a size to which anything may grow [bytes].
SHRINKAGE, SMALL = 400, 1 << 24

#: How much is read in one go [bytes].
PIECE = 1 << 20

#: Layers of packing around one text, as a gzipped file in an archive has two.
LAYERS = 3

#: What the modules of Python raise on damaged files.
_DAMAGED = (OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, struct.error)
_DAMAGED += (NotImplementedError, RuntimeError, LookupError, UnicodeError)


def plain_name(path: pathlib.Path) -> str:
    """The name of a file without the ending that packing added.

    Args:
      path: The file, perhaps one within an archive.
    """
    return path.stem if path.suffix.lower() in ENDINGS and path.stem else path.name


def is_archive(path: pathlib.Path) -> bool:
    """Whether a file is a zip archive of files, and not a spreadsheet.

    Args:
      path: The file.
    """
    try:
        with path.open("rb") as file:
            zipped = KINDS.get(file.read(4)) == "zip"
        return zipped and not _office(_names(path))
    except (*_DAMAGED, ValueError):
        return False


def members(path: pathlib.Path) -> list[pathlib.Path]:
    """List the files of a zip archive, as paths below it.

    Hidden ones, and those that macOS adds, are left out.

    Args:
      path: The archive, as of `is_archive`.
    """
    return [path / name for name in _names(path)]


def _names(path: pathlib.Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return _files(archive)


def _files(archive: zipfile.ZipFile) -> list[str]:
    hidden = (".", "__MACOSX")
    return [
        info.filename
        for info in archive.infolist()
        if not info.is_dir()
        and not any(part.startswith(hidden) for part in info.filename.split("/"))
    ]


def _office(names: list[str]) -> str:
    """What a zip archive is that an office program has written; "" if none has."""
    if any(name.startswith("xl/") for name in names):
        return "an Excel workbook; save it as csv"
    if "[Content_Types].xml" in names or "mimetype" in names:
        return "a document of an office program; save it as text"
    return ""


def read_content(path: pathlib.Path, size: int | None = None) -> bytes:
    """Read a file, unpacked if it is packed.

    Args:
      path: The file; one within a zip archive is ``archive.zip/name``.
      size: How much of its begin is enough [bytes]; all of it if None.

    Returns:
      Its content.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it cannot be read, is damaged or too large, or holds several.
    """
    file, member = _locate(path)
    try:
        length = file.stat().st_size
        with file.open("rb") as stream:
            return _bounded(path, member, stream, length, size)
    except FileNotFoundError as error:
        # That of an archive has no number, and says what it holds.
        missing = f"{path} does not exist" if error.errno else str(error)
        raise FileNotFoundError(missing) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"{path} cannot be read ({reason})") from None


def _locate(path: pathlib.Path) -> tuple[pathlib.Path, str]:
    """The file that holds a path, and the path's name within it."""
    if not path.exists():
        for parent in path.parents:
            if parent.is_file():
                return parent, path.relative_to(parent).as_posix()
    return path, ""


def _bounded(
    path: pathlib.Path, member: str, stream: Any, length: int, size: int | None
) -> bytes:
    packed = bool(_kind(path, stream))
    limit = min(LARGEST, max(SMALL, SHRINKAGE * length)) if packed else LARGEST
    fits = packed or length <= limit or size is not None
    amount = limit + 1 if size is None else size
    content = _content(path, member, stream, amount) if fits else b""
    if len(content) > limit or not fits:
        verb = "unpacks to" if packed else "holds"
        raise ValueError(f"{path} {verb} more than {limit >> 20} MiB; split it")
    if content[257:262] == b"ustar":
        raise ValueError(f"{path} is a tar archive; unpack it")
    return content


def _content(
    path: pathlib.Path, member: str, stream: Any, amount: int, layers: int = LAYERS
) -> bytes:
    """Up to so many bytes of a stream, one layer of packing after the other gone."""
    kind = _kind(path, stream)
    if member and kind != "zip":
        raise FileNotFoundError(f"{path} does not exist")
    if not kind or not layers:
        return _pieces(stream, amount)
    with _whole(path, kind), _unpacking(path, member, stream, amount) as inner:
        return _content(path, "", inner, amount, layers - 1)


def _pieces(stream: Any, amount: int) -> bytes:
    """Up to so many bytes; memory is taken as they come, not for all beforehand."""
    pieces: list[bytes] = []
    while amount > 0 and (piece := stream.read(min(amount, PIECE))):
        pieces.append(piece)
        amount -= len(piece)
    return b"".join(pieces)


def _kind(path: pathlib.Path, stream: Any) -> str:
    """How a stream is packed; "" if it is not."""
    head = stream.peek(8)[:8]
    for magic, name in FOREIGN.items():
        if head.startswith(magic):
            raise ValueError(f"{path} is packed by {name}; unpack it")
    return next((kind for magic, kind in KINDS.items() if head.startswith(magic)), "")


@contextlib.contextmanager
def _whole(path: pathlib.Path, kind: str) -> Iterator[None]:
    """Say in one sentence that a packed file is damaged or ends early."""
    try:
        yield
    except FileNotFoundError:
        raise
    except EOFError:
        raise ValueError(
            f"{path} is a {kind} file cut short; fetch or copy it again"
        ) from None
    except _DAMAGED:
        raise ValueError(
            f"{path} is a damaged {kind} file; fetch or copy it again"
        ) from None


def _unpacking(path: pathlib.Path, member: str, stream: Any, amount: int) -> Any:
    kind = _kind(path, stream)
    if kind == "zip":
        return _member(path, member, stream)
    if kind == "compress":
        try:
            return io.BufferedReader(io.BytesIO(lzw.unpack(stream.read(), amount)))
        except ValueError as error:
            raise OSError(str(error)) from None
    if kind == "gzip":
        return gzip.GzipFile("", "rb", fileobj=stream)
    return bz2.BZ2File(stream) if kind == "bzip2" else lzma.LZMAFile(stream)


def _member(path: pathlib.Path, member: str, stream: Any) -> Any:
    """A file of a zip archive: the one that is named, or the only one."""
    archive = zipfile.ZipFile(stream)
    names = _files(archive)
    if _office(names):
        raise ValueError(f"{path} is {_office(names)}")
    if not member and len(names) != 1:
        raise ValueError(
            f"{path} is an archive of {len(names)} files; name one of them, as "
            f"{path.name}/{names[0] if names else '...'}"
        )
    name = member or names[0]
    if name not in names:
        raise FileNotFoundError(
            f"{path} does not exist; the archive holds {', '.join(names[:5])}"
        )
    if archive.getinfo(name).flag_bits & 1:
        raise ValueError(f"{path} is locked by a password; unpack it")
    return archive.open(name)
