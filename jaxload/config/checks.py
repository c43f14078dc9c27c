"""What settings are held against, and what is said where they fail."""

import datetime
import difflib
import math

__all__ = [
    "check_at_least",
    "check_choice",
    "check_day",
    "check_given",
    "check_zero_or_more",
]


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


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Check that a word is one of those that are understood.

    Args:
      name: What the setting is called.
      value: Its value.
      choices: What it can be.

    Raises:
      ValueError: If it is something else.
    """
    if value not in choices:
        near = difflib.get_close_matches(str(value), choices, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"{name} is {value!r}, expected {' or '.join(choices)}{hint}")


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
    """Check a number whose zero says that a thing is not wanted.

    Args:
      name: What the setting is called.
      value: Its value.
      meaning: What the number is, and what zero stands for.

    Raises:
      ValueError: If it is negative or not finite.
    """
    if not 0 <= value < math.inf:
        raise ValueError(f"{name} is {value:g}, expected {meaning}")
