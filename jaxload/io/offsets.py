"""Steps in station series: when receivers were changed and the ground broke."""

import dataclasses
import json
import os
import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.dates import (
    FIRST_DAY,
    LAST_DAY,
    checked_days,
    days_of_texts,
    days_of_years,
)
from jaxload.io.source import station_name
from jaxload.io.table import number_column, split_table, text_column
from jaxload.io.text import data_lines, read_lines, shorten

__all__ = ["COMPONENTS", "KINDS", "offset_days", "read_offsets"]

PathLike = str | os.PathLike[str]

#: What can happen to a series at a day.
KINDS = ("offset", "equipment", "earthquake", "rate", "exponential", "logarithmic")
COMPONENTS = ("all", "up", "north", "east")

#: The third and fourth number of a line of break.neu.
_BREAKS = {
    (0, 0): "equipment",
    (0, 1): "earthquake",
    (1, 0): "rate",
    (2, 0): "exponential",
    (2, 1): "logarithmic",
}
_DECAYS = ("exponential", "logarithmic")

#: What NGL writes for the cause of a step.
_STEPS = {"1": "equipment", "2": "earthquake"}

#: What TSAnalyzer writes.
_WORDS = {"offset": "offset", "logdecay": "logarithmic", "expdecay": "exponential"}


@dataclasses.dataclass(frozen=True)
class _Event:
    station: str
    day: np.datetime64
    kind: str = "offset"
    component: str = "all"
    relaxation: float = np.nan
    note: str = ""


def read_offsets(paths: PathLike | Sequence[PathLike]) -> xr.Dataset:
    """Read when series are known to step, bend or relax.

    The content of a file tells its format: steps.txt of the Nevada Geodetic
    Laboratory; ``*_break.neu``, lines of ``year end type subtype`` whose file names
    the station; JSON of TSAnalyzer; csv with a header that names ``station`` and
    ``day`` (2010-01-31), perhaps ``kind``, ``component``, ``relaxation`` [days] and
    ``note``. Files may be packed.

    Args:
      paths: A file or several.

    Returns:
      A table along ``event``, sorted and each event once: ``station``, ``day``,
      ``kind`` (one of `KINDS`), ``component`` (one of `COMPONENTS`), ``relaxation``
      time [days] of post-seismic terms (NaN otherwise, or where the file leaves its
      units open), ``note``.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If one does not parse; the message names its line.

    Example:
      >>> table = io.read_offsets(["steps.txt", "ANAT.pos_break.neu"])
      >>> days = io.offset_days(table, "ANAT", "up")

    Source:
      steps.txt: Blewitt, Hammond and Kreemer (2018), Eos 99, doi:10.1029/2018EO104623.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    events = {event: None for path in given for event in _read(pathlib.Path(path))}
    if not events:
        raise ValueError("no file of offsets was given; pass one or several names")
    return _dataset(sorted(events, key=lambda e: (e.station, e.day, e.component)))


def offset_days(
    table: xr.Dataset,
    station: str,
    component: str = "up",
    kinds: Sequence[str] = ("offset", "equipment", "earthquake"),
) -> NDArray[np.datetime64]:
    """Find the days on which a component of a station steps.

    Args:
      table: What `read_offsets` returned.
      station: Name of the station.
      component: "up", "north" or "east"; what concerns all components is included.
      kinds: Which of `KINDS` count.

    Returns:
      The days, ascending and each once.

    Raises:
      ValueError: If a component or a kind is unknown.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if component not in COMPONENTS or unknown:
        raise ValueError(
            f"component is {component!r} and kinds are {list(kinds)}, expected one of "
            f"{', '.join(COMPONENTS)} and some of {', '.join(KINDS)}"
        )
    wanted = (table["station"].values == station.upper()) & np.isin(
        table["kind"].values, list(kinds)
    )
    wanted &= np.isin(table["component"].values, ["all", component])
    return np.unique(table["day"].values[wanted].astype("datetime64[D]"))


def _dataset(events: Sequence[_Event]) -> xr.Dataset:
    names = ("station", "kind", "component", "note")
    columns = {
        name: ("event", np.array([getattr(event, name) for event in events]))
        for name in names
    }
    day = np.array([event.day for event in events], dtype="datetime64[D]")
    relaxation = np.array([event.relaxation for event in events])
    table = xr.Dataset(columns)
    table["day"] = ("event", day.astype("datetime64[ns]"))
    table["relaxation"] = ("event", relaxation, {"long_name": "relaxation time [d]"})
    return table


def _read(path: pathlib.Path) -> list[_Event]:
    lines = read_lines(path)
    first = next((line for _, line in data_lines(lines)), "")
    if first.startswith("{"):
        return list(_json_events(path, "\n".join(lines)))
    if "," in first:
        return list(_csv_events(path, lines))
    words = first.split()
    if len(words) == 4 and re.fullmatch(r"\d{4}(\.\d*)?", words[0]):
        return list(_break_events(path, lines))
    if len(words) >= 3 and re.fullmatch(r"\d\d[A-Z]{3}\d\d", words[1]):
        return list(_step_events(path, lines))
    raise ValueError(
        f"{path} holds no offsets; expected steps.txt, break.neu, TSAnalyzer's JSON or "
        "csv with columns station and day"
    )


def _step_events(path: pathlib.Path, lines: Sequence[str]) -> Iterable[_Event]:
    for number, line in data_lines(lines):
        words = line.split(maxsplit=3)
        if len(words) < 3 or words[2] not in _STEPS:
            raise ValueError(
                f"{path} line {number} is {shorten(line)}, expected NAME yyMMMdd 1 or "
                "2 and what happened"
            )
        day = days_of_texts(words[1:2], "yyMMMdd")
        checked_days(path, [number], words[1:2], day)
        note = " ".join(words[3].split()) if len(words) > 3 else ""
        yield _Event(words[0].upper(), day[0], _STEPS[words[2]], note=note)


def _break_events(path: pathlib.Path, lines: Sequence[str]) -> Iterable[_Event]:
    table = split_table(path, lines, (4,), ": year, end or relaxation, type, subtype")
    year, end, kind, subtype = (
        number_column(table, i, name)
        for i, name in enumerate(("year", "end or relaxation", "type", "subtype"))
    )
    day = checked_days(path, table.numbers, year.tolist(), days_of_years(year))
    for row, number in enumerate(table.numbers):
        name = _BREAKS.get((kind[row], subtype[row]))
        if name is None:
            raise ValueError(
                f"{path} line {number} is of type {kind[row]:g} {subtype[row]:g}, "
                "expected 0 0, 0 1, 1 0, 2 0 or 2 1"
            )
        relaxation = float(end[row]) if name in _DECAYS else np.nan
        yield _Event(station_name(path), day[row], name, relaxation=relaxation)


def _json_events(path: pathlib.Path, text: str) -> Iterable[_Event]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path} is not JSON ({reason})") from None
    for station, entries in content.items():
        if not isinstance(entries, list):
            raise ValueError(f"{path}: {station} has no list of events")
        for entry in entries:
            yield _json_event(path, station, entry)


def _json_event(path: pathlib.Path, station: str, entry: Any) -> _Event:
    found = re.fullmatch(r"(\d{8}) (north|east|up) (\w+)( tau \S+)?", str(entry))
    day = days_of_texts([found[1]], "%Y%m%d")[0] if found else np.datetime64("NaT", "D")
    if not found or found[3] not in _WORDS or not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(
            f"{path}: {station} has {shorten(str(entry))}, expected as '20031222 up "
            f"offset', of {', '.join(_WORDS)}"
        )
    note = (found[4] or "").strip()
    return _Event(station.upper(), day, _WORDS[found[3]], found[2], note=note)


def _csv_events(path: pathlib.Path, lines: Sequence[str]) -> Iterable[_Event]:
    skip, first = next(data_lines(lines))
    header = [word.strip().lower() for word in first.split(",")]
    absent = [name for name in ("station", "day") if name not in header]
    if absent:
        raise ValueError(
            f"{path} has no column {', '.join(absent)}; it has {', '.join(header)}"
        )
    place = {name: header.index(name) for name in header}
    table = split_table(path, lines, (len(header),), ", as in the header", skip, ",")
    text = text_column(table, place["day"])
    day = checked_days(path, table.numbers, text, days_of_texts(text, "%Y-%m-%d"))
    kind = _choices(table, place, "kind", KINDS)
    component = _choices(table, place, "component", COMPONENTS)
    relaxation = (
        number_column(table, place["relaxation"], "relaxation").tolist()
        if "relaxation" in place
        else [np.nan] * len(text)
    )
    note = text_column(table, place["note"]) if "note" in place else [""] * len(text)
    station = text_column(table, place["station"])
    for row in zip(station, day, kind, component, relaxation, note):
        yield _Event(row[0].upper(), *row[1:])


def _choices(
    table: Any, place: dict[str, int], name: str, known: tuple[str, ...]
) -> list[str]:
    """A column of words of which some are allowed; the first is meant by none."""
    if name not in place:
        return [known[0]] * len(table.rows)
    words = [word.lower() or known[0] for word in text_column(table, place[name])]
    for number, word in zip(table.numbers, words):
        if word not in known:
            raise ValueError(
                f"{table.path} line {number}: {name} is {shorten(word)}, expected one "
                f"of {', '.join(known)}"
            )
    return words
