"""Errors that name the setting they come from, and names that messages list."""

import contextlib
from collections.abc import Iterator, Sequence

__all__ = ["SHOWN", "listed", "naming"]

#: Names that a message lists.
SHOWN = 5


def listed(names: Sequence[str]) -> str:
    """List some names, with a sign that there are more.

    Args:
      names: All of them.

    Returns:
      The first ones, with commas between them.
    """
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")


@contextlib.contextmanager
def naming(source: str) -> Iterator[None]:
    """Add to errors the part of the study that cannot be used.

    Args:
      source: What the study calls it, and its file.

    Raises:
      ValueError: That of what is done within, its source before it.
    """
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
