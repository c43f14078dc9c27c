"""Stages timed, and their progress reported."""

import contextlib
import dataclasses
import time
from collections.abc import Iterator
from typing import Protocol

__all__ = ["Clock", "Watch", "ignore"]


class Watch(Protocol):
    """Called with the name of a stage and the share of it that is done, 0 to 1."""

    def __call__(self, stage: str, share: float, /) -> None:
        """Take note of progress."""
        ...


def ignore(stage: str, share: float) -> None:
    """Watch nothing.

    Args:
      stage: Unused.
      share: Unused.
    """
    del stage, share


@dataclasses.dataclass
class Clock:
    """Seconds of each stage, and the callback for progress.

    Attributes:
      watch: Called with the progress.
      seconds: By stage.
    """

    watch: Watch
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; what it takes in several parts is added up.

        Args:
          name: Its name.
        """
        self.watch(name, 0.0)
        start = time.perf_counter()
        yield
        self.add(name, time.perf_counter() - start)
        self.watch(name, 1.0)

    def add(self, name: str, seconds: float) -> None:
        """Add to the time of a stage.

        Args:
          name: Its name.
          seconds: By how much.
        """
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds
