"""Steps in station series: when receivers were changed and the ground broke."""

import json
import pathlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.events.catalogues import (
    is_globk,
    is_hector,
    is_sinex,
    read_globk,
    read_hector,
    read_sinex,
)
from jaxload.io.events.offset_events import EVENT_COMPONENTS, EVENT_KINDS, Event
from jaxload.io.events.tables import read_event_table, read_rows
from jaxload.io.files.paths import PathLike, at_home, expand, is_pattern, path_list
from jaxload.io.gnss.sites import short_name
from jaxload.io.gnss.source import station_name
from jaxload.io.text.dates import (
    FIRST_DAY,
    LAST_DAY,
    checked_days,
    days_of_texts,
    days_of_years,
)
from jaxload.io.text.lines import data_lines, read_lines
from jaxload.io.text.table import number_column, split_table
from jaxload.io.text.words import find_mark, shorten

__all__ = ["EVENT_COMPONENTS", "EVENT_KINDS", "is_of", "offset_days", "read_offsets"]

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


def read_offsets(paths: PathLike | Sequence[PathLike]) -> xr.Dataset:
    """Read when series are known to step, bend or relax.

    The content of a file tells its format: steps.txt of the Nevada Geodetic
    Laboratory; ``*_break.neu``, lines of ``year end type subtype`` whose file names
    the station; JSON of TSAnalyzer; csv, of commas or semicolons, with a header that
    names ``station`` and ``day`` (2010-01-31, 2010.0822, 20100131), perhaps ``kind``,
    ``component``, ``relaxation`` [days] and ``note``, or other words for these; lines
    of ``NAME 2010-01-31``; the discontinuities of SINEX; comments ``# offset MJD`` of
    Hector, whose file names the station; ``rename`` and ``break`` of GLOBK. Files may
    be packed.

    Args:
      paths: A file or a pattern, or several.

    Returns:
      A table along ``event``, sorted and each event once: ``station``, ``day``,
      ``kind`` (one of `EVENT_KINDS`), ``component`` (one of `EVENT_COMPONENTS`),
      ``relaxation`` time [days] of post-seismic terms (NaN otherwise, or where the file
      leaves its units open), ``note``.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If one does not parse; the message names its line.

    Example:
      >>> table = io.read_offsets(["steps.txt", "ANAT.pos_break.neu"])
      >>> days = io.offset_days(table, "ANAT", "up")

    Source:
      steps.txt: Blewitt, Hammond and Kreemer (2018), Eos 99, doi:10.1029/2018EO104623.
    """
    files = [
        file
        for path in path_list(paths)
        for file in (expand(path) if is_pattern(path) else [at_home(path)])
    ]
    events = {event: None for file in files for event in _read(file)}
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
      kinds: Which of `EVENT_KINDS` count.

    Returns:
      The days, ascending and each once.

    Raises:
      ValueError: If a component or a kind is unknown.
    """
    unknown = [kind for kind in kinds if kind not in EVENT_KINDS]
    if component not in EVENT_COMPONENTS or unknown:
        raise ValueError(
            f"component is {component!r} and kinds are {list(kinds)}, expected one of "
            f"{', '.join(EVENT_COMPONENTS)} and some of {', '.join(EVENT_KINDS)}"
        )
    wanted = is_of(table, station) & np.isin(table["kind"].values, list(kinds))
    wanted &= np.isin(table["component"].values, ["all", component])
    return np.unique(table["day"].values[wanted].astype("datetime64[D]"))


def is_of(table: xr.Dataset, station: str) -> NDArray[np.bool_]:
    """Find which events are of a station, under any way to write its name.

    Args:
      table: What `read_offsets` returned.
      station: Name of the station.

    Returns:
      Whether each is, shape (event,).
    """
    names = table["station"].values
    same = names == station.upper()
    if same.any():
        return same
    short = short_name(station)
    alike = np.strings.find(names, short) >= 0
    alike[alike] = [short_name(str(name)) == short for name in names[alike]]
    return alike


def _dataset(events: Sequence[Event]) -> xr.Dataset:
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


def _read(path: pathlib.Path) -> list[Event]:
    lines = read_lines(path)
    for is_one, read in (
        (is_sinex, read_sinex),
        (is_hector, read_hector),
        (is_globk, read_globk),
    ):
        if is_one(lines):
            return _some(path, list(read(path, lines)))
    first = next((line.strip() for _, line in data_lines(lines)), "")
    if first.startswith("{"):
        return list(_json_events(path, "\n".join(lines)))
    mark = find_mark(first)
    if mark:
        return list(read_event_table(path, lines, mark))
    words = first.split(maxsplit=4)
    if len(words) == 4 and re.fullmatch(r"\d{4}(\.\d*)?", words[0]):
        return list(_break_events(path, lines))
    if len(words) >= 3 and re.fullmatch(r"\d\d[A-Z]{3}\d\d", words[1]):
        return list(_step_events(path, lines))
    if len(words) >= 2 and re.fullmatch(r"\d{4}-\d\d-\d\d.{0,20}", words[1]):
        return list(read_rows(path, lines))
    return _some(path, [])


def _some(path: pathlib.Path, events: list[Event]) -> list[Event]:
    if not events:
        raise ValueError(
            f"{path} holds no offsets; expected steps.txt, break.neu, TSAnalyzer's "
            "JSON, discontinuities of SINEX, '# offset' of Hector, or csv with columns "
            "station and day"
        )
    return events


def _step_events(path: pathlib.Path, lines: Sequence[str]) -> Iterable[Event]:
    for number, line in data_lines(lines):
        words = line.split(maxsplit=3)
        if len(words) < 3 or words[2] not in _STEPS:
            raise ValueError(
                f"{path} line {number} is {shorten(line.strip())}, expected NAME "
                "yyMMMdd 1 or 2 and what happened"
            )
        day = days_of_texts(words[1:2], "yyMMMdd")
        checked_days(path, [number], words[1:2], day)
        note = " ".join(words[3].split()) if len(words) > 3 else ""
        yield Event(words[0].upper(), day[0], _STEPS[words[2]], note=note)


def _break_events(path: pathlib.Path, lines: Sequence[str]) -> Iterable[Event]:
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
        yield Event(station_name(path), day[row], name, relaxation=relaxation)


def _json_events(path: pathlib.Path, text: str) -> Iterable[Event]:
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


def _json_event(path: pathlib.Path, station: str, entry: Any) -> Event:
    match = re.fullmatch(r"(\d{8}) (north|east|up) (\w+)( tau \S+)?", str(entry))
    day = days_of_texts([match[1]], "%Y%m%d")[0] if match else np.datetime64("NaT", "D")
    if not match or match[3] not in _WORDS or not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(
            f"{path}: {station} has {shorten(str(entry))}, expected as '20031222 up "
            f"offset', of {', '.join(_WORDS)}"
        )
    note = (match[4] or "").strip()
    return Event(station.upper(), day, _WORDS[match[3]], match[2], note=note)
