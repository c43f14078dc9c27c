"""Words of a line: split at a delimiter, read as numbers, quoted in messages."""

import csv
import re
from collections.abc import Sequence

import numpy as np

__all__ = [
    "begins_with_number",
    "find_mark",
    "has_decimal_comma",
    "is_missing",
    "is_number",
    "parse_number",
    "shorten",
    "split_quoted",
    "split_row",
    "width_error",
    "with_exponents",
]

#: What parts columns beside blanks, in the order in which it is looked for.
MARKS = (";", "\t", ",")

#: What stands for a missing number, in lower case.
MISSING = {"", "nan", "na", "n/a", "null", "none", "-", "--"}

#: Longest word between quotation marks [characters]: an outline may be one.
LONGEST = 1 << 28

_QUOTED = re.compile(r'"[^"]*"|\S+')
_COMMA = re.compile(r"[-+]?\d+,\d+")
_FORTRAN = re.compile(r"(\d\.?)[dD]([+-]?\d)")


def find_mark(line: str, marks: Sequence[str] = MARKS) -> str | None:
    """Find what parts the columns of a line.

    Args:
      line: The line.
      marks: What may, in the order in which it is looked for.

    Returns:
      The first of them between two words; None for blanks.
    """
    inside = line.strip()
    return next((mark for mark in marks if mark in inside), None)


def split_row(line: str, mark: str | None) -> list[str]:
    """Split a line into its columns, of which quotation marks hold some together.

    Args:
      line: The line.
      mark: What parts them; blanks if None.

    Returns:
      The words, without quotation marks and blanks around them.
    """
    if '"' not in line:
        return [word.strip() for word in line.split(mark)]
    if mark is None:
        return [word.strip('"').strip() for word in _QUOTED.findall(line)]
    return [word.strip() for word in split_quoted([line], mark)[0]]


def split_quoted(lines: Sequence[str], mark: str) -> list[list[str]]:
    """Split rows at a mark, where quotation marks may hold several lines together.

    Args:
      lines: The lines.
      mark: What parts the columns.

    Returns:
      The words of each row, however long they are.
    """
    if len(mark) > 1:
        return [[word.strip().strip('"') for word in x.split(mark)] for x in lines]
    longest = csv.field_size_limit(LONGEST)
    try:
        return list(csv.reader(lines, delimiter=mark, skipinitialspace=mark != " "))
    finally:
        csv.field_size_limit(longest)


def is_number(word: str) -> bool:
    """Whether a word is a number, finite or not.

    Args:
      word: The word.
    """
    try:
        float(word)
    except ValueError:
        return False
    return True


def begins_with_number(line: str) -> bool:
    """Whether the first word of a line is a number.

    Args:
      line: The line.
    """
    words = line.split(maxsplit=1)
    return bool(words) and is_number(words[0])


def is_missing(word: str) -> bool:
    """Whether a word stands for a missing number; asterisks are Fortran's.

    Args:
      word: The word, without blanks around it.
    """
    return word.lower() in MISSING or not word.strip("*")


def has_decimal_comma(words: Sequence[str]) -> bool:
    """Whether any of some words is a number with a decimal comma.

    Args:
      words: The words.
    """
    return any(_COMMA.fullmatch(word.strip()) for word in words)


def with_exponents(text: str) -> str:
    """Write exponents of Fortran, as -0.99D+00, with E.

    Args:
      text: A number, or a line of numbers.
    """
    return _FORTRAN.sub(r"\1E\2", text)


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
        comma = _COMMA.fullmatch(token)
        hint = " with a decimal point in place of the comma" if comma else ""
        raise ValueError(
            f"{where}: {name} is {shorten(token)}, expected a number{hint}"
        )
    return value


def shorten(token: str) -> str:
    """Quote a token for a message, cut where it would fill the screen.

    Args:
      token: The text.
    """
    return repr(token if len(token) <= 40 else token[:40] + "...")


def width_error(where: str, width: int, expected: object) -> ValueError:
    """Make the error of a line that has another number of columns than it must have.

    Args:
      where: File and line.
      width: Number of columns that it has.
      expected: Numbers of columns that it may have, and what those are.

    Returns:
      The error, to be raised.
    """
    plural = "s" * (width != 1)
    return ValueError(f"{where} has {width} column{plural}, expected {expected}")
