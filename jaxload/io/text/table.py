"""Tables of words and numbers, each row with the number of its line."""

import dataclasses
import logging
import pathlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.fillers import IMPOSSIBLE, without_fillers
from jaxload.io.text.lines import data_lines
from jaxload.io.text.words import is_missing, parse_number, width_error

__all__ = [
    "Table",
    "number_column",
    "number_matrix",
    "number_table",
    "split_table",
    "table_of_rows",
    "text_column",
    "value_column",
    "with_points",
]

logger = logging.getLogger(__name__)

#: Numbers from each of these up to the next power of ten stand for a missing value.
FILLERS = (9999.0, 99999.0, 999999.0)


@dataclasses.dataclass(frozen=True)
class Table:
    """The rows of a file.

    Attributes:
      path: The file.
      numbers: Number of the line of each row, from 1.
      rows: The words of each row; none if all are numbers.
      matrix: Those numbers, shape (row, column); None if there are words.
    """

    path: pathlib.Path
    numbers: list[int]
    rows: list[list[str]]
    matrix: NDArray[np.float64] | None = None


def number_table(
    path: pathlib.Path, lines: Sequence[str], width: int, layout: str, skip: int = 0
) -> Table:
    """Read lines of numbers parted by blanks, fast where nothing is amiss.

    Args:
      path: The file, for messages.
      lines: Its lines.
      width: Number of numbers in each.
      layout: What those are, for messages.
      skip: Number of lines before the table.

    Returns:
      The table.

    Raises:
      ValueError: If it is empty, or a line has another number of words.
    """
    body = lines[skip:] if skip else lines
    try:
        # Of nothing but blanks NumPy would complain by a warning.
        full = any(line.strip() for line in body)
        matrix = np.loadtxt(body, comments=None, ndmin=2) if full else None
    except ValueError:
        matrix = None
    if matrix is None or matrix.shape[1] != width or np.isinf(matrix).any():
        return split_table(path, lines, (width,), layout, skip)
    numbers = list(range(skip + 1, len(lines) + 1))
    if len(matrix) < len(body):
        numbers = [number for number in numbers if lines[number - 1].strip()]
    return Table(path, numbers, [], matrix)


def split_table(
    path: pathlib.Path,
    lines: Sequence[str],
    widths: tuple[int, ...],
    layout: str,
    skip: int = 0,
    delimiter: str | None = None,
) -> Table:
    """Split the lines that hold data into words.

    Args:
      path: The file, for messages.
      lines: Its lines.
      widths: Numbers of words that a line may have.
      layout: What those are, for messages.
      skip: Number of lines before the table.
      delimiter: What parts the words; blanks if None.

    Returns:
      The table.

    Raises:
      ValueError: If it is empty, or a line has another number of words.
    """
    fast = _pristine(lines[skip:], widths, delimiter)
    if fast:
        return Table(path, list(range(skip + 1, len(lines) + 1)), fast)
    rows = [(number, line.split(delimiter)) for number, line in data_lines(lines, skip)]
    return table_of_rows(path, rows, widths, layout)


def _pristine(
    lines: Sequence[str], widths: tuple[int, ...], delimiter: str | None
) -> list[list[str]]:
    """The words of every line if all hold data, as most files have it; else none."""
    if "" in lines:
        return []
    rows = [line.split(delimiter) for line in lines]
    if not {len(row) for row in rows} <= set(widths):
        return []
    # An empty word is in every text: what begins with one is left to the other way.
    return [] if any(row[0].lstrip()[:1] in "#%" for row in rows) else rows


def table_of_rows(
    path: pathlib.Path,
    rows: Sequence[tuple[int, list[str]]],
    widths: tuple[int, ...],
    layout: str,
) -> Table:
    """Make a table of rows, each of which must have as many words as it may have.

    Args:
      path: The file, for messages.
      rows: Number of the line and words of each.
      widths: Numbers of words that a line may have.
      layout: What those are, for messages.

    Returns:
      The table.

    Raises:
      ValueError: If it is empty, or a line has another number of words.
    """
    expected = f"{' or '.join(map(str, widths))}{layout}"
    for number, row in rows:
        if len(row) not in widths:
            raise width_error(f"{path} line {number}", len(row), expected)
    if not rows:
        raise ValueError(f"{path} holds no data; expected lines of {expected}")
    return Table(path, [number for number, _ in rows], [row for _, row in rows])


def number_column(table: Table, index: int, name: str) -> NDArray[np.float64]:
    """Parse a column of numbers.

    Args:
      table: The table.
      index: Position of the column, from 0.
      name: What it is, for messages.

    Returns:
      The numbers, shape (row,); NaN where one is missing.

    Raises:
      ValueError: If a word is no number. The message names its line.
    """
    if table.matrix is not None:
        return table.matrix[:, index]
    words = [row[index] for row in table.rows]
    try:
        values = np.array(list(map(float, words)))
        if np.isfinite(values).all() and "_" not in "".join(words):
            return values
    except ValueError:
        pass
    return np.array([_parse(table, row, word, name) for row, word in enumerate(words)])


def _parse(table: Table, row: int, word: str, name: str) -> float:
    word = word.strip()
    if is_missing(word):
        return np.nan
    return parse_number(word, name, f"{table.path} line {table.numbers[row]}")


def number_matrix(table: Table, columns: dict[str, int]) -> NDArray[np.float64]:
    """Parse columns of numbers of which none may be absent but as ``nan``.

    Args:
      table: The table.
      columns: Position of each column, from 0, by what it is.

    Returns:
      The numbers, shape (row, column) in the order of `columns`.

    Raises:
      ValueError: If a word is no number. The message names its line.
    """
    if table.matrix is not None:
        return table.matrix[:, list(columns.values())]
    rows = []
    for number, row in zip(table.numbers, table.rows):
        where = f"{table.path} line {number}"
        rows.append([parse_number(row[i], k, where) for k, i in columns.items()])
    return np.array(rows)


def value_column(table: Table, index: int, name: str) -> NDArray[np.float64]:
    """Parse a column of observations, of which fillers are missing, with a warning.

    These are 9999.0 to 9999.999 and their like, and what `find_fillers` finds.

    Args:
      table: The table.
      index: Position of the column, from 0.
      name: What it is, for messages.

    Returns:
      The numbers, shape (row,); NaN where one is missing.

    Raises:
      ValueError: If a word is no number. The message names its line.
    """
    values = _without_nines(number_column(table, index, name), f"{table.path}, {name}")
    return without_fillers(values, f"{table.path}, {name}")


def _without_nines(values: NDArray[np.float64], source: str) -> NDArray[np.float64]:
    """Values without 9999.0 to 9999.999 and their like, if no others come near them."""
    size = np.abs(values)
    nines = np.any([(size >= one) & (size < one + 1) for one in FILLERS], axis=0)
    others = size[~nines & (size < IMPOSSIBLE)]
    if not nines.any() or (others.size and others.max() > FILLERS[0] / 2):
        return values
    logger.warning(
        "%s: %.10g stands in %d of %d rows for a missing value, which the file does "
        "not declare; it is left out",
        source,
        values[nines][0],
        nines.sum(),
        len(values),
    )
    return np.where(nines, np.nan, values)


def text_column(table: Table, index: int) -> list[str]:
    """Take a column of words.

    Args:
      table: The table.
      index: Position of the column, from 0.
    """
    return [row[index].strip() for row in table.rows]


def with_points(table: Table) -> Table:
    """Write the numbers of a table with points in place of commas.

    Args:
      table: A table of words.
    """
    rows = [[word.replace(",", ".") for word in row] for row in table.rows]
    return Table(table.path, table.numbers, rows)
