"""Messages: the setting that an error comes from, and lists of names."""

import contextlib
from collections.abc import Iterator, Sequence

__all__ = ["SHOWN", "error_context", "listed"]

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
def error_context(source: str) -> Iterator[None]:
    """Add to errors the part of the study that cannot be used.

    Args:
      source: The setting of the study, and its file.

    Raises:
      ValueError: That of the body, with the source before it.
    """
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
