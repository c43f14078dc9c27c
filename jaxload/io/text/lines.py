"""Lines of text files, packed or not and in any encoding, and which hold data."""

import pathlib
import re
from collections.abc import Iterator, Sequence

from jaxload.io.files.foreign import what_it_is
from jaxload.io.files.packed import read_content
from jaxload.io.files.paths import nearest, only_one

__all__ = ["COMMENT", "data_lines", "read_lines", "read_start"]

#: What begins a line that holds no data.
COMMENT = ("#", "%")

#: Letters that ASCII has not.
_FOREIGN = re.compile(rb"[\x80-\xff]+")

#: How much of a file is looked at to know what it is [bytes].
START = 1 << 16


def read_lines(path: pathlib.Path) -> list[str]:
    """Read a text file, packed or not, as lines.

    Text that is neither UTF-8 nor UTF-16 is taken for that of Windows, Chinese where
    its letters come in pairs of bytes, or else western. Bytes that have no meaning
    there become U+FFFD, so that a binary file fails later as "not a number" with the
    line.

    Args:
      path: The file.

    Returns:
      Its lines without line ends.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it cannot be read, is damaged or too large, is packed in a way
        that is not known, or is a web page saved under its name.
    """
    return _lines(path, _content(path))


def read_start(path: pathlib.Path) -> tuple[list[str], bool]:
    """Read the first lines of a text file, packed or not.

    Args:
      path: The file.

    Returns:
      The lines of its first 64 KiB, without the last if it is cut, and whether these
      are all.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: As of `read_lines`.
    """
    content = _content(path, START + 1)
    lines = _lines(path, content[:START])
    whole = len(content) <= START
    return (lines if whole or len(lines) < 2 else lines[:-1]), whole


def _content(path: pathlib.Path, size: int | None = None) -> bytes:
    try:
        return read_content(only_one(path), size)
    except FileNotFoundError as error:
        hint = "" if ";" in str(error).removeprefix(str(path)) else nearest(path)
        raise FileNotFoundError(f"{error}{hint}") from None


def _lines(path: pathlib.Path, content: bytes) -> list[str]:
    what = what_it_is(content[:START])
    if what:
        raise ValueError(f"{path} line 1 is that of {what}")
    # PowerShell writes UTF-16 when output is redirected.
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    encoding = "utf-16" if wide else "utf-8-sig"
    try:
        return content.decode(encoding).splitlines()
    except UnicodeDecodeError as error:
        # A letter may be cut where only the beginning was read.
        if not wide and error.start < len(content) - 3:
            encoding = _encoding_of_windows(content)
    return content.decode(encoding, errors="replace").splitlines()


def _encoding_of_windows(content: bytes) -> str:
    """That of Chinese, whose letters have two bytes, or that of western letters."""
    runs = _FOREIGN.findall(content[:START])
    pairs = sum(len(run) % 2 == 0 for run in runs)
    return "gb18030" if 2 * pairs > len(runs) else "cp1252"


def data_lines(lines: Sequence[str], skip: int = 0) -> Iterator[tuple[int, str]]:
    """Number the lines of the file, from 1, and keep those that hold data.

    Args:
      lines: The lines of the file.
      skip: Number of lines before the table.

    Yields:
      Pairs of line number and line, neither blank nor comment. Blanks at its ends are
      kept: where tabs part the columns, they are columns without a word.
    """
    for number, line in enumerate(lines[skip:], start=skip + 1):
        stripped = line.lstrip()
        if stripped and stripped[0] not in COMMENT:
            yield number, line
