"""Messages and progress on the console."""

import contextlib
import datetime
import logging
import math
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

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


class _TimeLeft(ProgressColumn):
    """Time until a stage ends, if it goes on as it did so far on the whole."""

    def render(self, task: Task) -> Text:
        """Write the time left of a stage that has begun to move.

        Args:
          task: The stage.

        Returns:
          The time; empty where nothing is known of it.
        """
        share, elapsed = task.completed, task.elapsed
        if task.finished or not share or elapsed is None:
            return Text("")
        seconds = round(elapsed * (1 - share) / share)
        return Text(f"{datetime.timedelta(seconds=seconds)} left", style="cyan")


class _Share(ProgressColumn):
    """Percent of a stage that is done; empty until it has begun to move."""

    def render(self, task: Task) -> Text:
        """Write the share.

        Args:
          task: The stage.

        Returns:
          The share in percent.
        """
        return Text(f"{task.completed:4.0%}" if task.completed else "")


class _StageLines:
    """A line for each stage, with its number among all that are expected."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.expected = progress, []
        self.lines: dict[str, TaskID] = {}

    def plan(self, stages: Sequence[str]) -> None:
        """Number the stages.

        Args:
          stages: All of them, in order.
        """
        self.expected = list(dict.fromkeys(stages))
        for stage, line in self.lines.items():
            self.progress.update(line, description=self._described(stage))

    def __call__(self, stage: str, share: float) -> None:
        """Show how far a stage is.

        Args:
          stage: Its name.
          share: What is done of it, 0 to 1; what is no number changes nothing.
        """
        if stage not in self.lines:
            words = self._described(stage)
            self.lines[stage] = self.progress.add_task(words, total=1.0)
        if math.isfinite(share):
            within = min(max(share, 0.0), 1.0)
            self.progress.update(self.lines[stage], completed=within)

    def _described(self, stage: str) -> str:
        words = stage.replace("_", " ")
        if stage not in self.expected:
            return words
        number, count = self.expected.index(stage) + 1, len(self.expected)
        return f"{number:{len(str(count))}} of {count}  {words}"


@contextlib.contextmanager
def progress_on(console: Console) -> Iterator[Callable[[str, float], None]]:
    """Draw a line for each stage; none where nobody watches, as in a log file.

    A line has the number of the stage where stages are planned, what is done of it in
    percent, the time that it took and, where that is known, the time left.

    Args:
      console: The console.

    Yields:
      What is called with the name of a stage and the share that is done; its `plan`
      takes the names of all stages.
    """
    columns = (
        SpinnerColumn(finished_text="✓" if console.encoding == "utf-8" else " "),
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=24),
        _Share(),
        TimeElapsedColumn(),
        _TimeLeft(),
    )
    with Progress(
        *columns, console=console, disable=not console.is_terminal
    ) as progress:
        yield _StageLines(progress)
