"""Stokes coefficients from the text files of ICGEM: months, static, and in time."""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from jaxload.io.files.paths import PathLike
from jaxload.io.gravity.field_months import month_span
from jaxload.io.gravity.stokes_records import (
    Record,
    StokesRecords,
    fill_degrees,
    find_line,
    join_months,
    record_of,
    record_time,
    split_columns,
    stokes_dataset,
    text_files,
    whole_number,
)
from jaxload.io.text.lines import read_lines
from jaxload.io.text.words import parse_number, shorten, with_exponents

__all__ = ["read_icgem"]

#: Columns of errors by what the header says of them.
ERRORS = {"no": 0, "calibrated": 2, "formal": 2, "calibrated_and_formal": 4}

#: Terms that vary in time.
VARYING = ("gfct", "trnd", "acos", "asin")

#: Days of a year in which rates and periods are.
YEAR = 365.25


class Term(NamedTuple):
    """A term of one degree and order that holds for some time.

    Attributes:
      kind: One of `VARYING`.
      record: Its coefficients.
      start: From when on [days since 1970].
      stop: Until when.
      period: Of a wave [years].
    """

    kind: str
    record: Record
    start: float = -np.inf
    stop: float = np.inf
    period: float = np.inf


def read_icgem(
    paths: PathLike | Sequence[PathLike], time: ArrayLike | None = None
) -> xr.Dataset:
    """Read gravity fields in the format of ICGEM, .gfc.

    The month of a monthly field is that of its header, else of its name or that of the
    file, such as ``2010-04`` or ``2002095-2002120``.

    Args:
      paths: The file; or those of several months, in any order.
      time: When a field that varies in time is wanted (gfct, trnd, acos, asin), shape
        (time,).

    Returns:
      ``cosine``, ``sine`` and, if there, their ``_sigma`` [1]: of a static field of
      shape (degree, order), of months and of fields in time (time, degree, order), the
      former with ``time_bnds``; the attributes ``gm`` and ``radius``.

    Raises:
      FileNotFoundError: If it is not there.
      ValueError: If it is empty, cut short, of another format or normalisation, varies
        in time and none is asked for, or is one of several without a month.

    Example:
      >>> static = io.read_icgem("GGM05C.gfc")
      >>> months = io.read_icgem(sorted(pathlib.Path("itsg").glob("*.gfc")))

    Source:
      Barthelmes & Foerste (2011), The ICGEM-format, GFZ Potsdam; format 2.0 as of
      Foerste & Barthelmes (2023), there.
    """
    files = text_files(paths, "read_icgem")
    if time is not None:
        return _in_time(files, np.atleast_1d(np.asarray(time, "M8[ns]")))
    models = [_read(path) for path in files]
    if len(models) == 1 and not models[0].bounds:
        return stokes_dataset(models[0].values, models[0], ("degree", "order"))
    for path, model in zip(files, models):
        if not model.bounds:
            raise ValueError(
                f"{path} does not say of which month it is, in its header or its name; "
                "read it by itself, or call it after its month, as field_2010-04.gfc"
            )
    return join_months(files, models)


def _in_time(files: Sequence[pathlib.Path], time: NDArray) -> xr.Dataset:
    """A field that varies, at some times."""
    if len(files) > 1:
        raise ValueError(
            f"time is asked of {len(files)} files, expected one field that varies in "
            "time; read months without it"
        )
    lines, head, end = _open(files[0])
    records, terms = _records(files[0], lines, head, end)
    days = time.astype("M8[s]").astype(np.float64) / 86400
    values = []
    for stamp, day in zip(time, days):
        now = records + _at(files[0], terms, float(day), stamp)
        values.append(_filled(files[0], head, now))
    model = _model(files[0], head, values[0])
    dims = ("time", "degree", "order")
    return stokes_dataset(np.stack(values, axis=1), model, dims).assign_coords(
        time=time
    )


def _read(path: pathlib.Path) -> StokesRecords:
    lines, head, end = _open(path)
    records, terms = _records(path, lines, head, end)
    if terms:
        raise ValueError(
            f"{path} line {terms[0].record.line} is a {terms[0].kind} term, which "
            "varies in time; say when by time, or take a static field"
        )
    model = _model(path, head, _filled(path, head, records))
    return model._replace(bounds=month_span(path, lines[:end], model.title))


def _open(path: pathlib.Path) -> tuple[list[str], dict[str, list[str]], int]:
    """Lines, words of the header by the first, and the number of lines of both."""
    lines = read_lines(path)
    end = find_line(path, lines, "end_of_head", "the header of an ICGEM file")
    head = {line.split()[0]: line.split()[1:] for line in lines[:end] if line.strip()}
    norm = head.get("norm", ["fully_normalized"])
    if norm[:1] != ["fully_normalized"]:
        raise ValueError(f"{path} is {shorten(' '.join(norm))}, not fully_normalized")
    return lines, head, end


def _model(
    path: pathlib.Path, head: dict[str, list[str]], values: NDArray[np.float64]
) -> StokesRecords:
    gm, radius = (
        _from_head(path, head, key) for key in ("earth_gravity_constant", "radius")
    )
    title = " ".join(head.get("modelname", [path.stem]))
    return StokesRecords(values, gm, radius, (), title)


def _filled(
    path: pathlib.Path, head: dict[str, list[str]], records: Sequence[Record]
) -> NDArray[np.float64]:
    last = whole_number(path, "degree", _from_head(path, head, "max_degree"))
    return fill_degrees(path, records, last, last)


def _from_head(path: pathlib.Path, head: dict[str, list[str]], key: str) -> float:
    if not head.get(key):
        raise ValueError(f"{path} does not say {key} in its header, as ICGEM files do")
    return parse_number(with_exponents(head[key][0]), key, str(path))


def _records(
    path: pathlib.Path, lines: Sequence[str], head: dict[str, list[str]], end: int
) -> tuple[list[Record], list[Term]]:
    """Coefficients that stay, and terms that vary."""
    errors = ERRORS.get(" ".join(head.get("errors", ["formal"])[:1]), 2)
    records, terms = [], []
    for number, line in enumerate(lines[end + 1 :], start=end + 2):
        fields, where = split_columns(line), f"{path} line {number}"
        if not fields:
            continue
        if fields[0] in VARYING and len(fields) >= 5:
            terms.append(_term(where, number, fields, errors))
        elif fields[0] in ("dot", *VARYING):
            raise ValueError(
                f"{where} is a {fields[0]} term, which varies in time without saying "
                "since when; take a static field"
            )
        elif fields[0] != "gfc" or len(fields) < 5:
            raise ValueError(
                f"{where} is {shorten(line)}, expected gfc degree order cosine sine; "
                "is the file complete?"
            )
        else:
            records.append(record_of(where, number, fields[1:7]))
    return records, terms


def _term(where: str, number: int, fields: Sequence[str], errors: int) -> Term:
    """A term with what stands behind its errors: times, and the period of a wave."""
    kind, behind = fields[0], list(fields[5 + errors :])
    record = record_of(where, number, fields[1:5])
    period = np.inf
    if kind in ("acos", "asin"):
        if not behind:
            raise ValueError(f"{where} is a wave without its period; get it again")
        period = parse_number(with_exponents(behind.pop()), "period", where)
        if not period > 0:
            raise ValueError(f"{where} has a period of {period:g} years, expected more")
    limits = [_day(token, where) for token in behind[:2]]
    return Term(kind, record, *limits, period=period)


def _day(token: str, where: str) -> float:
    return float(record_time(token, where).astype("M8[s]").astype(np.float64)) / 86400


def _at(
    path: pathlib.Path, terms: Sequence[Term], day: float, stamp: np.datetime64
) -> list[Record]:
    """Terms summed at one day, one record for each degree and order."""
    sums: dict[tuple[int, int], tuple[int, NDArray[np.float64]]] = {}
    since: dict[tuple[int, int], float] = {}
    # In the first format only gfct says since when; in the second it stands in all.
    for term in terms:
        key = (term.record.degree, term.record.order)
        if term.kind == "gfct" and term.start <= day < term.stop:
            since[key] = term.start
            sums[key] = (term.record.line, np.array(term.record.values[:2]))
    wanted = {(term.record.degree, term.record.order): term for term in terms}
    for key, term in wanted.items():
        if key not in sums or not np.isfinite(since[key]):
            raise ValueError(
                f"{path} says nothing of degree {key[0]}, order {key[1]} on "
                f"{np.datetime_as_string(stamp, 'D')}, after line {term.record.line}; "
                "ask for a time within those of its terms"
            )
    for term in terms:
        key = (term.record.degree, term.record.order)
        bounded = np.isfinite(term.start)
        if term.kind == "gfct" or (bounded and not term.start <= day < term.stop):
            continue
        years = (day - (term.start if bounded else since[key])) / YEAR
        sums[key] = (sums[key][0], sums[key][1] + _factor(term, years) * _pair(term))
    return [
        Record(line, *key, tuple(map(float, pair)))
        for key, (line, pair) in sums.items()
    ]


def _pair(term: Term) -> NDArray[np.float64]:
    return np.array(term.record.values[:2])


def _factor(term: Term, years: float) -> float:
    """What the coefficients of a term are multiplied by after some years."""
    if term.kind == "trnd":
        return years
    phase = 2 * np.pi * years / term.period
    return float(np.cos(phase) if term.kind == "acos" else np.sin(phase))
