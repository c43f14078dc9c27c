"""Tables of numbers in text files: parsed fast, diagnosed line by line if broken."""

import itertools
import pathlib
import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.files.foreign import what_it_is
from jaxload.io.files.packed import read_content
from jaxload.io.files.paths import nearest, only_one

__all__ = [
    "data_lines",
    "line_number",
    "parse_number",
    "parse_numbers",
    "read_lines",
    "read_start",
    "shorten",
]

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


def parse_numbers(
    path: pathlib.Path,
    lines: Sequence[str],
    columns: dict[str, int],
    width: int,
    skip: int = 0,
) -> NDArray[np.float64]:
    """Parse whitespace-separated columns of numbers.

    Lines that are blank or begin with ``#`` or ``%`` are left out. ``nan`` is a number
    (a missing one), ``inf`` is not.

    Args:
      path: The file, for the messages.
      lines: Its lines.
      columns: Position, from 0, of each column that is wanted, by name.
      width: Number of columns that every line must have.
      skip: Number of lines before the table.

    Returns:
      The numbers, shape (row, column) in the order of `columns`.

    Raises:
      ValueError: If the table is empty, a line has another number of columns, or a
        wanted entry is no number. The message names the file and the line.
    """
    table = _parse_fast(lines, list(columns.values()), width, skip)
    if table is None:
        table = _parse_slowly(path, lines, columns, width, skip)
    if not len(table):
        raise ValueError(
            f"{path} holds no data; expected lines of {_listed(columns, width)}"
        )
    return table


def _parse_fast(
    lines: Sequence[str], columns: list[int], width: int, skip: int
) -> NDArray[np.float64] | None:
    """The table if it is pristine, else None: then the slow parser is the judge."""
    everything = columns == list(range(width))
    rows = [line for line in lines[skip:] if line.strip()]
    if not rows:
        return None
    try:
        table = np.loadtxt(
            rows, comments=None, ndmin=2, usecols=None if everything else columns
        )
    except ValueError:
        return None
    if table.shape[1] != len(columns) or np.isinf(table).any():
        return None
    # A subset of columns parses even where a line is cut short or runs on.
    whole = everything or all(len(row.split()) == width for row in rows)
    return table if whole else None


def _parse_slowly(
    path: pathlib.Path,
    lines: Sequence[str],
    columns: dict[str, int],
    width: int,
    skip: int,
) -> NDArray[np.float64]:
    rows = []
    for number, line in data_lines(lines, skip):
        fields = line.split()
        if len(fields) != width:
            raise ValueError(
                f"{path} line {number} has {len(fields)} "
                f"column{'s' * (len(fields) != 1)}, expected {_listed(columns, width)}"
            )
        where = f"{path} line {number}"
        rows.append([parse_number(fields[i], k, where) for k, i in columns.items()])
    return np.array(rows, dtype=np.float64).reshape(-1, len(columns))


def _listed(columns: dict[str, int], width: int) -> str:
    if len(columns) == width:
        return f"{width}: {' '.join(columns)}"
    return f"{width}, as in the header"


def parse_number(token: str, name: str, where: str) -> float:
    """Parse one number: a float or ``nan``, but neither ``inf`` nor ``1_000``.

    Args:
      token: The text.
      name: What the number is, for the message.
      where: File and line, for the message.

    Returns:
      The number.

    Raises:
      ValueError: If it is none.
    """
    try:
        value = float(token)
    except ValueError:
        value = np.inf
    if np.isinf(value) or "_" in token:
        comma = re.fullmatch(r"[-+]?\d+,\d+", token)
        hint = " with a decimal point in place of the comma" if comma else ""
        raise ValueError(
            f"{where}: {name} is {shorten(token)}, expected a number{hint}"
        )
    return value


def shorten(token: str) -> str:
    """Quote a token for a message, cut where it would fill the screen."""
    return repr(token if len(token) <= 40 else token[:40] + "...")


def data_lines(lines: Sequence[str], skip: int = 0) -> Iterator[tuple[int, str]]:
    """Number the lines of the file, from 1, and keep those that hold data.

    Args:
      lines: The lines of the file.
      skip: Number of lines before the table.

    Yields:
      Pairs of line number and line, neither blank nor comment.
    """
    for number, line in enumerate(lines[skip:], start=skip + 1):
        stripped = line.strip()
        if stripped and stripped[0] not in COMMENT:
            yield number, stripped


def line_number(lines: Sequence[str], row: int, skip: int = 0) -> int:
    """Find the line of the file, from 1, on which a row of the table stands.

    Args:
      lines: The lines of the file.
      row: Index of the row in what `parse_numbers` returned.
      skip: As given to `parse_numbers`.

    Returns:
      The line number.
    """
    return next(itertools.islice(data_lines(lines, skip), row, None))[0]
