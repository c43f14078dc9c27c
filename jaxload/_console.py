"""Messages and progress on the console."""

import contextlib
import logging
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

__all__ = ["messages_on", "progress_on"]


class _Lines(logging.Handler):
    """Writes each message on one line, however long, and the same one only once."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console, self.written = console, set()

    def emit(self, record: logging.LogRecord) -> None:
        """Write a message.

        Args:
          record: What was logged.
        """
        line = " ".join(f"{record.levelname}: {record.getMessage()}".split())
        if line not in self.written:
            self.written.add(line)
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def messages_on(console: Console, verbose: bool) -> Iterator[None]:
    """Write on a console what the package logs.

    Handlers that libraries give the root would write it twice.

    Args:
      console: The console.
      verbose: Whether more than warnings is written.
    """
    package = logging.getLogger("jaxload")
    before = package.handlers, package.level, package.propagate
    package.handlers = [_Lines(console)]
    package.setLevel(logging.INFO if verbose else logging.WARNING)
    package.propagate = False
    try:
        yield
    finally:
        package.handlers, package.level, package.propagate = before


@contextlib.contextmanager
def progress_on(console: Console) -> Iterator[Callable[[str, float], None]]:
    """Draw a line for each stage; none where nobody watches, as in a log file.

    Args:
      console: The console.

    Yields:
      What is called with the name of a stage and the share that is done.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<10}"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, disable=not console.is_terminal
    ) as progress:
        stages: dict[str, TaskID] = {}

        def watch(stage: str, share: float) -> None:
            if stage not in stages:
                stages[stage] = progress.add_task(stage, total=1.0)
            progress.update(stages[stage], completed=share)

        yield watch
