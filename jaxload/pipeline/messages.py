"""Errors that name the setting of the study they come from."""

import contextlib
from collections.abc import Iterator

__all__ = ["naming"]


@contextlib.contextmanager
def naming(source: str) -> Iterator[None]:
    """Say which part of a study it is that cannot be used.

    Args:
      source: What the study calls it, and its file.

    Raises:
      ValueError: That of what is done within, its source before it.
    """
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
