"""Some of many names, for messages."""

from collections.abc import Sequence

__all__ = ["some_of"]


def some_of(names: Sequence[str], most: int) -> str:
    """List some names, and how many more there are.

    Args:
      names: The names.
      most: How many are listed.

    Example:
      >>> some_of(["ABCD", "EFGH", "IJKL"], 2)
      'ABCD, EFGH and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
