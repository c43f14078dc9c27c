"""Checks of settings, and the messages of those that fail."""

import datetime
import difflib
import functools
import math
import typing
from typing import Any

__all__ = [
    "REQUIRED",
    "check_at_least",
    "check_choices",
    "check_day",
    "check_files",
    "check_given",
    "check_zero_or_more",
    "file_names",
    "unknown_word",
]

#: Marks settings that a study has to have, where it has their table.
REQUIRED = {"required": True}


def check_at_least(name: str, value: int, least: int) -> None:
    """Check a number of things.

    Args:
      name: What the setting is called.
      value: Its value.
      least: The smallest that makes sense.

    Raises:
      ValueError: If it is smaller.
    """
    if value < least:
        raise ValueError(f"{name} is {value}, expected {least} or more")


def check_given(name: str, value: object) -> None:
    """Check that a file is named.

    Args:
      name: What the setting is called.
      value: Its value.

    Raises:
      ValueError: If it is empty.
    """
    if not value:
        raise ValueError(f"{name} is missing; say which file")


def file_names(files: str | tuple[str, ...]) -> tuple[str, ...]:
    """List the files of a table: one name or pattern, or several.

    Args:
      files: As the study has them.
    """
    return (files,) if isinstance(files, str) else files


def check_files(files: str | tuple[str, ...], kind: str = "file") -> None:
    """Check that a table inside others names its files.

    Args:
      files: As the study has them.
      kind: What it may name beside patterns and lists.

    Raises:
      ValueError: If none is named, or one of several is empty.
    """
    if not files or not all(file_names(files)):
        raise ValueError(f"files is missing; name a {kind}, a pattern or a list")


def check_choices(settings: Any, table: str = "") -> None:
    """Check every setting of a table that can be one of several words.

    Args:
      settings: The table; its types name the words, as ``Literal["a", "b"]``.
      table: What the study calls it; empty for tables inside others.

    Raises:
      ValueError: If a setting is something else.
    """
    for name, words in _choices(type(settings)).items():
        value = getattr(settings, name)
        for each in value if isinstance(value, tuple) else (value,):
            if isinstance(each, str) and each not in words:
                where = f"{table}.{name}" if table else name
                raise ValueError(unknown_word(where, each, words))


@functools.cache
def _choices(kind: type) -> dict[str, tuple[str, ...]]:
    """The settings of a table that can be one of several words, and which."""
    by_setting = {k: _words(hint) for k, hint in typing.get_type_hints(kind).items()}
    return {name: words for name, words in by_setting.items() if words}


def _words(hint: Any) -> tuple[str, ...]:
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    return tuple(word for part in typing.get_args(hint) for word in _words(part))


def unknown_word(where: str, value: object, words: tuple[str, ...]) -> str:
    """List the words that a setting can be.

    Args:
      where: What the setting is called.
      value: Its value.
      words: What it can be.

    Returns:
      A sentence.
    """
    near = difflib.get_close_matches(str(value), words, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{where} is {value!r}, expected {' or '.join(filter(None, words))}{hint}"


def check_day(name: str, value: str) -> None:
    """Check that a day is one, or not given.

    Args:
      name: What the setting is called.
      value: Its value.

    Raises:
      ValueError: If it is no day.
    """
    try:
        if value:
            datetime.date.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{name} is {value!r}, expected yyyy-mm-dd") from None


def check_zero_or_more(name: str, value: float, meaning: str) -> None:
    """Check a number whose zero stands for a thing that is not wanted.

    Args:
      name: What the setting is called.
      value: Its value.
      meaning: What the number is, and what zero stands for.

    Raises:
      ValueError: If it is negative or not finite.
    """
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} is {value:g}, expected {meaning}")
