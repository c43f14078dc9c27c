"""Stages timed and counted, and their progress reported."""

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from jaxload._memory import peak_memory

__all__ = [
    "Clock",
    "PlanWatch",
    "Watch",
    "ignore",
    "ignore_line",
    "ignore_share",
    "part_of",
]


class Watch(Protocol):
    """Called with the name of a stage and the share of it that is done, 0 to 1."""

    def __call__(self, stage: str, share: float, /) -> None:
        """Take note of progress."""
        ...


@runtime_checkable
class PlanWatch(Protocol):
    """A `Watch` that shows which of how many stages is under way."""

    def plan(self, stages: Sequence[str], /) -> None:
        """Take note of all stages in their order, which may change."""
        ...


def ignore(stage: str, share: float) -> None:
    """Watch nothing.

    Args:
      stage: Unused.
      share: Unused.
    """
    del stage, share


def ignore_share(share: float) -> None:
    """Watch no share of a stage.

    Args:
      share: Unused.
    """
    del share


def part_of(
    watch: Callable[[float], None], first: float, last: float
) -> Callable[[float], None]:
    """Report the progress of a part of a stage as progress of the stage.

    Args:
      watch: Called with the share of the stage that is done.
      first: Share that is done before the part.
      last: Share that is done after it.

    Returns:
      What is called with the share of the part that is done.
    """
    return lambda share: watch(first + (last - first) * share)


def ignore_line(line: str) -> None:
    """Keep no log.

    Args:
      line: Unused.
    """
    del line


@dataclasses.dataclass
class Clock:
    """Seconds of each stage, and the callback for progress.

    Attributes:
      watch: Called with the progress.
      seconds: By stage.
      note: Called with lines for the log as each stage begins and ends.
      stages: Those that were and those that are expected, in their order.
      begun: How many of them have begun.
      planned: Whether it is known which stages are expected.
    """

    watch: Watch
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    note: Callable[[str], None] = ignore_line
    stages: list[str] = dataclasses.field(default_factory=list)
    begun: int = 0
    planned: bool = False

    def expect(self, stages: Sequence[str]) -> None:
        """Count on stages after those that have begun, in place of others.

        Args:
          stages: Their names in order.
        """
        self.stages[self.begun :], self.planned = stages, True
        self._show_plan()

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        """Time a stage; what it takes in several parts is added up.

        Args:
          name: Its name, with _ for spaces.

        Yields:
          What is called with the share that is done.
        """
        self._begin(name)
        number, start = self.begun, time.perf_counter()
        # A run that is killed writes no more: its last line is what it was at.
        self._note(number, name, "begins")
        self.watch(name, 0.0)
        try:
            yield functools.partial(self.watch, name)
        except BaseException:
            self._note(number, name, _ended(start, "left after "))
            raise
        self.add(name, time.perf_counter() - start)
        self.watch(name, 1.0)
        self._note(number, name, _ended(start))

    def add(self, name: str, seconds: float) -> None:
        """Add to the time of a stage.

        Args:
          name: Its name.
          seconds: By how much.
        """
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def _note(self, number: int, name: str, what: str) -> None:
        words = name.replace("_", " ")
        self.note(f"stage {number} of {len(self.stages)}: {words}, {what}")

    def _begin(self, name: str) -> None:
        """Go on to a stage: those before it are left out, or it was not expected."""
        later = self.stages[self.begun :]
        if name in later:
            del self.stages[self.begun : self.begun + later.index(name)]
        else:
            self.stages.insert(self.begun, name)
        self.begun += 1
        if later[:1] != [name]:
            self._show_plan()

    def _show_plan(self) -> None:
        if self.planned and isinstance(self.watch, PlanWatch):
            self.watch.plan(tuple(self.stages))


def _ended(start: float, after: str = "") -> str:
    """Put in words how long a stage took, and how much memory was used so far."""
    seconds = time.perf_counter() - start
    return f"{after}{seconds:.1f} s, peak memory {peak_memory():.2f} GiB"
