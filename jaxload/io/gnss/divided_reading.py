"""Files of series read by the processes of a run, each a part of them."""

import contextlib
import dataclasses
import json
import logging
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from jaxload._exchange import gather_arrays
from jaxload.io.gnss.sites import Site
from jaxload.io.gnss.station_series import Series

__all__ = ["read_by_processes"]

#: Files that a process reads before all exchange what they have, which bounds memory.
ROUND = 32

#: What a file holds, or the sentence that says what is wrong with it.
Content = list[Series] | str

#: A level of `logging`, and a message.
Message = tuple[int, str]

PACKAGE = "jaxload"

log = logging.getLogger(__name__)


def read_by_processes(
    read: Callable[[pathlib.Path], Content], paths: Sequence[pathlib.Path]
) -> Iterator[Content]:
    """Read files, each by one of the processes, all of which call this.

    What a file is warned of is logged by every process, in the order of the files.

    Args:
      read: Reads one file.
      paths: The files, the same in every process.

    Yields:
      What each file holds, in their order, in every process.
    """
    count, index = jax.process_count(), jax.process_index()
    if count == 1:
        yield from map(read, paths)
        return
    for first in range(0, len(paths), count * ROUND):
        part = paths[first : first + count * ROUND]
        outcomes = [_read_quietly(read, path) for path in part[index::count]]
        gathered = [_decoded(arrays) for arrays in gather_arrays(_encoded(outcomes))]
        for number in range(len(part)):
            content, messages = gathered[number % count][number // count]
            for level, message in messages:
                log.log(level, "%s", message)
            yield content


def _read_quietly(
    read: Callable[[pathlib.Path], Content], path: pathlib.Path
) -> tuple[Content, list[Message]]:
    """What a file holds, and what would have been logged of it."""
    with _kept_messages() as messages:
        return read(path), messages


class _Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.messages: list[Message] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append((record.levelno, record.getMessage()))


@contextlib.contextmanager
def _kept_messages() -> Iterator[list[Message]]:
    package, keeper = logging.getLogger(PACKAGE), _Keeper()
    before = package.handlers, package.propagate
    package.handlers, package.propagate = [keeper], False
    try:
        yield keeper.messages
    finally:
        package.handlers, package.propagate = before


def _encoded(outcomes: Sequence[tuple[Content, list[Message]]]) -> list[NDArray[Any]]:
    """Text that describes all, as bytes, and the arrays of all series in order."""
    arrays: list[NDArray[Any]] = []
    files = []
    for content, messages in outcomes:
        series = [] if isinstance(content, str) else content
        for one in series:
            arrays += [one.day, *one.displacement.values(), *one.sigma.values()]
        files.append(
            {
                "problem": content if isinstance(content, str) else None,
                "series": [_described(one) for one in series],
                "messages": messages,
            }
        )
    text = np.frombuffer(json.dumps(files).encode(), np.uint8)
    return [text, *arrays]


def _described(series: Series) -> dict[str, Any]:
    """All of a series but its arrays."""
    site = series.site
    return {
        "station": series.station,
        "displacement": list(series.displacement),
        "sigma": list(series.sigma),
        "site": None if site is None else dataclasses.astuple(site),
        "reference": series.reference,
        "part": series.part,
        "zero": series.zero,
        "name": series.name,
    }


def _decoded(arrays: list[NDArray[Any]]) -> list[tuple[Content, list[Message]]]:
    rest = iter(arrays)
    outcomes: list[tuple[Content, list[Message]]] = []
    for file in json.loads(next(rest).tobytes()):
        series = [_with_arrays(one, rest) for one in file["series"]]
        content = series if file["problem"] is None else file["problem"]
        outcomes.append((content, [tuple(each) for each in file["messages"]]))
    return outcomes


def _with_arrays(described: dict[str, Any], arrays: Iterator[NDArray[Any]]) -> Series:
    site, day = described["site"], next(arrays)
    columns = {
        kind: {name: next(arrays) for name in described[kind]}
        for kind in ("displacement", "sigma")
    }
    place = None if site is None else Site(*site)
    fields: dict[str, Any] = described | columns | {"site": place, "day": day}
    return Series(**fields)
