"""Stokes coefficients as lines of text, and what becomes of them."""

import pathlib
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.files.paths import PathLike, path_list
from jaxload.io.schema import label_dataset
from jaxload.io.text.words import parse_number, shorten, with_exponents

__all__ = [
    "Record",
    "StokesRecords",
    "fill_degrees",
    "find_line",
    "join_months",
    "middle",
    "record_of",
    "record_time",
    "split_columns",
    "stokes_dataset",
    "text_files",
    "whole_number",
    "with_degrees",
]

#: The largest degree that is one.
_LARGEST = 10_000


class StokesRecords(NamedTuple):
    """What one text file holds.

    Attributes:
      values: Cosine, sine and their errors, shape (4, degree, order).
      gm: GM [m3/s2].
      radius: Reference radius [m].
      bounds: Begin and end; empty for a field that does not change.
      title: What the file calls itself.
    """

    values: NDArray[np.float64]
    gm: float
    radius: float
    bounds: tuple[np.datetime64, ...]
    title: str


def record_time(token: str, where: str) -> np.datetime64:
    """Parse a date as GRCOF2 writes it, yyyymmdd.hhmm.

    Args:
      token: The text.
      where: File and line, for the message.

    Returns:
      The time, to the minute in nanoseconds.

    Raises:
      ValueError: If it is no date.
    """
    day, _, clock = token.partition(".")
    clock = clock.ljust(4, "0")
    try:
        if len(day) != 8 or not (day + clock).isdigit():
            raise ValueError
        date = np.datetime64(f"{day[:4]}-{day[4:6]}-{day[6:]}", "ns")
    except ValueError:
        raise ValueError(
            f"{where}: time is {shorten(token)}, expected yyyymmdd.hhmm"
        ) from None
    minutes = 60 * int(clock[:2]) + int(clock[2:4])
    return date + np.timedelta64(minutes, "m")


def middle(bounds: NDArray) -> NDArray:
    """The middle of spans of time.

    Args:
      bounds: Begin and end, shape (time, 2).
    """
    return bounds[:, 0] + (bounds[:, 1] - bounds[:, 0]) // 2


class Record(NamedTuple):
    """One line: degree, order, and cosine, sine and their errors."""

    line: int
    degree: int
    order: int
    values: tuple[float, ...]


def whole_number(path: pathlib.Path, name: str, value: float) -> int:
    """Check a degree or order that a header promises.

    Args:
      path: The file, for the message.
      name: Which of them.
      value: The number.

    Returns:
      The same as a whole number.

    Raises:
      ValueError: If it can be none.
    """
    if not (0 <= value <= _LARGEST and value == int(value)):
        raise ValueError(
            f"{path} says its last {name} is {value:g}, expected a whole number up to "
            f"{_LARGEST}"
        )
    return int(value)


def split_columns(line: str) -> list[str]:
    """Split a line of fixed columns, which minus signs may join.

    Args:
      line: The line, as ``1    0-0.144E-09 0.000E+00``.

    Returns:
      Its words.
    """
    return re.sub(r"(?<=\d)-(?=\.?\d)", " -", line).split()


def record_of(where: str, number: int, fields: Sequence[str]) -> Record:
    """Read degree, order and what follows as numbers.

    Args:
      where: File and line, for messages.
      number: The line.
      fields: Its words from the degree on.

    Returns:
      The record.

    Raises:
      ValueError: If a word is no number.
    """
    if not (fields[0].isdigit() and fields[1].isdigit()):
        raise ValueError(
            f"{where}: degree and order are {shorten(' '.join(fields[:2]))}, expected "
            "two whole numbers"
        )
    names = ("cosine", "sine", "error of cosine", "error of sine")
    values = tuple(
        parse_number(with_exponents(token), name, where)
        for name, token in zip(names, fields[2:])
    )
    return Record(number, int(fields[0]), int(fields[1]), values)


def fill_degrees(
    path: pathlib.Path, records: Sequence[Record], last: int, most: int
) -> NDArray[np.float64]:
    """Order records by degree and order, every one of which must be from degree 2.

    Args:
      path: The file, for messages.
      records: The coefficients.
      last: The last degree that the header promises.
      most: The last order.

    Returns:
      Cosine, sine and their errors, shape (4, degree, order).

    Raises:
      ValueError: If one is missing, or beyond the last degree.
    """
    highest = max((record.degree for record in records), default=0)
    if highest < last and last > 1:
        # Found before memory is taken for degrees that no line has.
        _refuse(path, records, last, f"those to degree {highest}", (highest + 1, 0))
    values = np.zeros((4, last + 1, last + 1))
    held = np.zeros((last + 1, last + 1), bool)
    for record in records:
        if not record.order <= record.degree <= last:
            raise ValueError(
                f"{path} line {record.line} has degree {record.degree} and order "
                f"{record.order}, but the header says degree {last} is the last"
            )
        values[: len(record.values), record.degree, record.order] = record.values
        held[record.degree, record.order] = True
    wanted = np.tril(np.ones_like(held))
    # Degree 0 and 1 may be left out: GRACE does not see them.
    wanted[:2], wanted[:, most + 1 :] = False, False
    missing = np.argwhere(wanted & ~held)
    if not records or len(missing):
        first = missing[0] if len(missing) else (0, 0)
        _refuse(path, records, last, f"all but {len(missing)} of them", first)
    return values


def _refuse(
    path: pathlib.Path,
    records: Sequence[Record],
    last: int,
    held: str,
    first: Sequence[int],
) -> None:
    if not records:
        held, first = "nothing", (2, 0)
    raise ValueError(
        f"{path} promises coefficients to degree {last} and holds {held}, the "
        f"first missing at degree {first[0]}, order {first[1]}, after line "
        f"{records[-1].line if records else 'of its header'}; get it again"
    )


def find_line(path: pathlib.Path, lines: Sequence[str], mark: str, what: str) -> int:
    """Find the line with which a header ends.

    Args:
      path: The file, for the message.
      lines: Its lines.
      mark: How that line begins.
      what: What ends with it, for the message.

    Returns:
      Its index.

    Raises:
      ValueError: If there is none.
    """
    for number, line in enumerate(lines):
        if line.strip().startswith(mark):
            return number
    seen = shorten(lines[0].strip()) if lines else "nothing at all"
    raise ValueError(
        f"{path} begins with {seen} and has no line {mark!r}, with which {what} ends; "
        "is it another format, or cut short?"
    )


def text_files(paths: PathLike | Sequence[PathLike], reader: str) -> list[pathlib.Path]:
    """List the files of a gravity field or of several months.

    Args:
      paths: The file, or those of several months.
      reader: Who reads them, for the message.

    Raises:
      ValueError: If there are none.
    """
    files = [pathlib.Path(path) for path in path_list(paths)]
    if not files:
        raise ValueError(f"{reader} got no files; check the pattern that found them")
    return files


def join_months(
    files: Sequence[pathlib.Path], models: Sequence[StokesRecords]
) -> xr.Dataset:
    """Join monthly fields in the order of time.

    Args:
      files: The files, for messages.
      models: What they hold.

    Returns:
      The coefficients, of shape (time, degree, order), with ``time_bnds``.

    Raises:
      ValueError: If they differ in degree, GM or radius, or two are of one time.
    """
    _check_alike(files, models)
    months = sorted(models, key=lambda model: model.bounds)
    values = np.stack([month.values for month in months], axis=1)
    dataset = stokes_dataset(values, months[0], ("time", "degree", "order"))
    return _with_time(dataset, np.array([month.bounds for month in months]))


def _check_alike(
    files: Sequence[pathlib.Path], models: Sequence[StokesRecords]
) -> None:
    """Check that files can stand in one series."""
    first = models[0]
    for path, model in zip(files, models):
        same = (model.gm, model.radius) == (first.gm, first.radius)
        if not same or model.values.shape != first.values.shape:
            raise ValueError(
                f"{path} has degree {model.values.shape[1] - 1}, GM {model.gm} and "
                f"radius {model.radius}, but {files[0]} has degree "
                f"{first.values.shape[1] - 1}, {first.gm} and {first.radius}; read "
                "them apart"
            )
    begins = [model.bounds for model in models]
    if len(set(begins)) < len(begins):
        twice = next(p for p, b in zip(files, begins) if begins.count(b) > 1)
        raise ValueError(f"{twice} and another file are of the same time; keep one")


def stokes_dataset(
    values: NDArray[np.float64], model: StokesRecords, dims: tuple[str, ...]
) -> xr.Dataset:
    """Label coefficients.

    Args:
      values: Cosine, sine and their errors, shape (4, ...).
      model: Says GM, radius and title.
      dims: Names of the other axes.
    """
    names = ("cosine", "sine", "cosine_sigma", "sine_sigma")
    kept = names if values[2:].any() else names[:2]
    dataset = xr.Dataset({name: (dims, x) for name, x in zip(kept, values)})
    attrs = {"gm": model.gm, "radius": model.radius, "source": model.title}
    return label_dataset(with_degrees(dataset).assign_attrs(attrs))


def _with_time(dataset: xr.Dataset, bounds: NDArray) -> xr.Dataset:
    """Add times, the middles of spans, and the spans."""
    dataset = dataset.assign_coords(time=middle(bounds))
    dataset["time"].attrs["bounds"] = "time_bnds"
    return dataset.assign(time_bnds=(("time", "bnds"), bounds))


def with_degrees(dataset: xr.Dataset) -> xr.Dataset:
    """Number degrees and orders from 0.

    Args:
      dataset: With dimensions degree and order.
    """
    counts = {name: np.arange(dataset.sizes[name]) for name in ("degree", "order")}
    return dataset.assign_coords(counts)
