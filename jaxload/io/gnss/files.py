"""Many files of GNSS series, read side by side, the bad ones named."""

import concurrent.futures
import dataclasses
import multiprocessing
import pathlib
import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from jaxload.io.gnss.divided_reading import read_by_processes
from jaxload.io.gnss.formats import choose_reader
from jaxload.io.gnss.options import Reading
from jaxload.io.gnss.source import open_source, peek_source
from jaxload.io.gnss.station_series import Series, join_parts, tidy

__all__ = ["FileProblem", "group_problems", "read_files"]

#: A file, and the sentence that says what is wrong with it.
FileProblem = tuple[str, str]
Watch = Callable[[int, int], None]

#: Medians of standard errors [mm] beyond which the units are wrong.
SMALLEST_SIGMA, LARGEST_SIGMA = 0.05, 1000.0

#: Files that a process reads before it answers.
CHUNK = 8

#: Names that a message lists.
SHOWN = 3


def read_files(
    files: Mapping[pathlib.Path, Reading],
    reading: Reading | None = None,
    watch: Watch | None = None,
) -> tuple[list[Series], list[FileProblem]]:
    """Read files, several at once where wanted.

    Args:
      files: The files, and how each is read.
      reading: By how many processes they are read, of this run or of its own.
      watch: Called with the number of files read and that of all after each.

    Returns:
      The series of all stations in the order of the files, and those left out, each
      with what is wrong.

    Raises:
      ValueError: If a file does not parse and its reading is strict.
    """
    series: dict[str, Series] = {}
    problems: list[FileProblem] = []
    results = _results(files, Reading() if reading is None else reading)
    for done, (path, result) in enumerate(zip(files, results), 1):
        problem = result if isinstance(result, str) else _add(series, result, path)
        if problem and files[path].strict:
            raise ValueError(problem)
        problems += [(str(path), problem)] if problem else []
        if watch is not None:
            watch(done, len(files))
    return list(series.values()), problems


def _add(
    series: dict[str, Series], read_series: list[Series], path: pathlib.Path
) -> str:
    for one in read_series:
        try:
            known = series.get(one.station)
            series[one.station] = join_parts(known, one, path) if known else one
        except ValueError as error:
            return str(error)
    return ""


def _results(
    files: Mapping[pathlib.Path, Reading], reading: Reading
) -> Iterator[list[Series] | str]:
    """What each file holds, or the sentence that says what is wrong with it."""
    if reading.divided:
        each = lambda path: _attempt(files[path], path)
        yield from read_by_processes(each, list(files))
        return
    workers = min(reading.workers, len(files) // CHUNK)
    if workers <= 1:
        yield from map(_attempt, files.values(), files)
        return
    # A fork would copy the threads of JAX in whatever state they are.
    context = multiprocessing.get_context("spawn")
    pool = concurrent.futures.ProcessPoolExecutor(workers, context, _leave_interrupts)
    try:
        yield from pool.map(_attempt, files.values(), files, chunksize=CHUNK)
    finally:
        # Also when the caller is interrupted: then only chunks under way are awaited.
        pool.shutdown(cancel_futures=True)


def _leave_interrupts() -> None:
    """Let Ctrl-C end the parent, which ends its workers without their tracebacks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _attempt(reading: Reading, path: pathlib.Path) -> list[Series] | str:
    try:
        return _read(reading, path)
    except (ValueError, FileNotFoundError) as error:
        return str(error)


def _read(reading: Reading, path: pathlib.Path) -> list[Series]:
    start = peek_source(path)
    read = choose_reader(start, reading)
    series = read(start if start.whole else open_source(path), reading)
    complete = [_with_sigma(one, reading, path) for one in series]
    if not complete:
        raise ValueError(f"{path} holds no station")
    for one in complete:
        _check_units(one, reading, path)
    return [tidy(one, path, reading.same_day) for one in complete]


def _with_sigma(series: Series, reading: Reading, path: pathlib.Path) -> Series:
    without = [name for name in series.displacement if name not in series.sigma]
    if not without:
        return series
    if reading.sigma is None:
        raise ValueError(
            f"{path} has no standard errors of {', '.join(without)}; say what they are "
            "by missing_sigma [mm] of the study, or sigma of io.Reading"
        )
    size = len(series.day)
    added = {name: np.full(size, reading.sigma) for name in without}
    return dataclasses.replace(series, sigma=series.sigma | added)


def _check_units(series: Series, reading: Reading, path: pathlib.Path) -> None:
    """Stop where metres are taken for millimetres, or the other way round."""
    for sigma in series.sigma.values():
        positive = sigma[sigma > 0]
        usual = float(np.median(positive)) if len(positive) else 1.0
        if SMALLEST_SIGMA <= usual <= LARGEST_SIGMA or reading.units is not None:
            continue
        other = "m" if usual < SMALLEST_SIGMA else "mm"
        raise ValueError(
            f"{path} would have standard errors of {usual:.3g} mm; is it in metres or "
            f'millimetres? say so by units, perhaps "{other}"'
        )


def group_problems(problems: Sequence[FileProblem]) -> list[str]:
    """Group the files that have the same problem.

    Args:
      problems: Files, each with what is wrong.

    Returns:
      The first sentence of each kind, with how many more files it is true of.
    """
    kinds: dict[str, list[FileProblem]] = {}
    for name, sentence in problems:
        # What differs from file to file: its name, numbers and what is quoted.
        kind = re.sub(r"'[^']*'|[0-9.]+", "", sentence.replace(name, ""))
        kinds.setdefault(kind, []).append((name, sentence))
    return [_said_once(alike) for alike in kinds.values()]


def _said_once(alike: Sequence[FileProblem]) -> str:
    names = [pathlib.PurePath(name).name for name, _ in alike[1:]]
    if not names:
        return alike[0][1]
    more = ", ..." if len(names) > SHOWN else ""
    listed = f"{', '.join(names[:SHOWN])}{more}"
    plural = "s" * (len(names) != 1)
    return f"{alike[0][1]} (and {len(names)} more file{plural} likewise: {listed})"
