"""A log file beside the results of a run: stages and warnings, each on one line."""

import contextlib
import dataclasses
import datetime
import logging
import pathlib
import re
from collections.abc import Callable, Iterator

__all__ = ["RUN_LOG", "kept_log"]

#: The file, in the folder of results.
RUN_LOG = "run.log"

#: How logs begin.
FIRST = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  jaxload ")

#: Letters of a line that are kept: a line is written whole or not at all.
LONGEST = 2000


@dataclasses.dataclass(frozen=True)
class _Notes:
    """Lines for a log file."""

    path: pathlib.Path

    def write(self, line: str) -> None:
        """Append a line with the time; where the disk is full the run matters more."""
        now = datetime.datetime.now().isoformat(" ", "seconds")
        text = " ".join(line.split())[:LONGEST]
        with (
            contextlib.suppress(OSError),
            self.path.open("a", encoding="utf-8", errors="backslashreplace") as file,
        ):
            file.write(f"{now}  {text}\n")


class _Warnings(logging.Handler):
    """Notes each warning of the package once."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self.note, self.written = note, set()

    def emit(self, record: logging.LogRecord) -> None:
        """Note a warning.

        Args:
          record: What was logged.
        """
        message = record.getMessage()
        if message not in self.written:
            self.written.add(message)
            self.note(f"warning: {message}")


@contextlib.contextmanager
def kept_log(
    folder: pathlib.Path, first: str, append: bool
) -> Iterator[Callable[[str], None]]:
    """Keep a log in a folder of results while the body runs.

    Its last line has how the body ended. A log that cannot be written stops nothing.

    Args:
      folder: Of the results.
      first: What runs, after the name of the package.
      append: Whether lines of an earlier run stay.

    Yields:
      What is called with a line.
    """
    note = _Notes(folder / RUN_LOG).write
    if not append:
        _remove_earlier(folder / RUN_LOG)
    package, handler = logging.getLogger("jaxload"), _Warnings(note)
    package.addHandler(handler)
    note(f"jaxload {first}")
    try:
        yield note
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt)
        reason = "" if stopped else f": {error or type(error).__name__}"
        note(f"{'interrupted' if stopped else 'stopped'}{reason}")
        raise
    else:
        note("finished")
    finally:
        package.removeHandler(handler)


def _remove_earlier(path: pathlib.Path) -> None:
    """Remove the log of an earlier run, and nothing that others wrote."""
    with contextlib.suppress(OSError):
        with path.open(encoding="utf-8", errors="replace") as file:
            ours = FIRST.match(file.readline(LONGEST))
        if ours:
            path.unlink()
