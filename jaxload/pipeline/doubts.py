"""Warnings of a run, kept for its summary."""

import contextlib
import logging
from collections.abc import Iterator

__all__ = ["collected_warnings", "first_messages"]

#: Warnings that a summary lists; of more it gives the number.
MOST = 200


class _Collector(logging.Handler):
    """Keep each message once, in the order of first occurrence."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message.

        Args:
          record: What was logged.
        """
        message = " ".join(record.getMessage().split())
        if message not in self.messages:
            self.messages.append(message)


@contextlib.contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Collect the warnings of the package while the body runs.

    Yields:
      The messages, each once, on one line; the list grows as they are logged.
    """
    package, collector = logging.getLogger("jaxload"), _Collector()
    package.addHandler(collector)
    try:
        yield collector.messages
    finally:
        package.removeHandler(collector)


def first_messages(messages: list[str]) -> list[str]:
    """Take as many messages as a summary can hold.

    Args:
      messages: All of them.

    Returns:
      The first, and the number of the others where there are too many.
    """
    more = len(messages) - MOST
    return messages if more <= 0 else [*messages[:MOST], f"and {more} more warnings"]
