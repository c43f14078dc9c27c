"""Tables of numbers in text files: parsed fast, diagnosed line by line if broken."""

import contextlib
import gzip
import io
import itertools
import os
import pathlib
import re
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "data_lines",
    "line_number",
    "parse_number",
    "parse_numbers",
    "read_bytes",
    "read_lines",
    "replacing",
    "shorten",
    "write_text",
]

COMMENT = ("#", "%")


#: What a file begins with that holds no text.
GZIP = b"\x1f\x8b"
FOREIGN = {
    b"\x1f\x9d": "compressed by compress (.Z); unpack it with uncompress",
    b"PK\x03\x04": "a zip archive or a spreadsheet; unpack it or save it as text",
    b"BZh": "compressed by bzip2; unpack it",
    b"\xfd7zXZ": "compressed by xz; unpack it",
}

#: No station file is this large unpacked [bytes]; what is, would fill the memory.
LARGEST = 1 << 29


def read_lines(path: pathlib.Path) -> list[str]:
    """Read a text file, gzipped or not, as lines.

    Bytes that are no UTF-8 become U+FFFD, so that a binary file fails later as
    "not a number" with the line, and a stray accent in a comment does not fail at all.

    Args:
      path: The file.

    Returns:
      Its lines without line ends.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it cannot be read, is cut short, or is packed in another way.
    """
    content = read_bytes(path)
    # PowerShell writes UTF-16 when output is redirected.
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    text = content.decode("utf-16" if wide else "utf-8-sig", errors="replace")
    return text.splitlines()


def read_bytes(path: pathlib.Path) -> bytes:
    """Read a file, unpacked if it is gzipped.

    Args:
      path: The file.

    Returns:
      Its content.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it cannot be read, is cut short, or is packed in another way.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} does not exist; check the path") from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"{path} cannot be read ({reason})") from None
    for magic, what in FOREIGN.items():
        if content.startswith(magic):
            raise ValueError(f"{path} is {what}")
    return _unpacked(path, content) if content.startswith(GZIP) else content


def _unpacked(path: pathlib.Path, content: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            text = stream.read(LARGEST + 1)
    except EOFError:
        raise ValueError(
            f"{path} is a gzip file cut short; fetch or copy it again"
        ) from None
    except (OSError, zlib.error):
        raise ValueError(
            f"{path} is a damaged gzip file; fetch or copy it again"
        ) from None
    if len(text) > LARGEST:
        raise ValueError(f"{path} unpacks to more than {LARGEST >> 20} MiB; split it")
    return text


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


def write_text(path: pathlib.Path, text: str) -> None:
    """Write a text file so that its name never stands for half of it.

    Args:
      path: The file; an old one is replaced.
      text: The content.

    Raises:
      ValueError: If the folder cannot be written to.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def replacing(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Write a file so that its name never stands for half of it.

    Args:
      path: The file; an old one is replaced when the body ends without an error.

    Yields:
      The temporary name to write to.

    Raises:
      ValueError: If it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"{path} cannot be written ({reason})") from None
    finally:
        # It is gone if all went well; if not, its own error is the one to tell.
        with contextlib.suppress(OSError):
            temporary.unlink()
