"""Events of stations from the files of analysis programs: SINEX, Hector, GLOBK."""

import logging
import pathlib
import re
from collections.abc import Iterable, Sequence

import numpy as np

from jaxload.io.events.offset_events import Event, kind_of_note
from jaxload.io.gnss.source import station_name
from jaxload.io.text.dates import (
    checked_days,
    days_of_mjd,
    days_of_ordinals,
    days_of_parts,
)
from jaxload.io.text.words import parse_number, shorten

__all__ = [
    "is_globk",
    "is_hector",
    "is_sinex",
    "read_globk",
    "read_hector",
    "read_sinex",
]

log = logging.getLogger(__name__)

BLOCK = "SOLUTION/DISCONTINUITY"

#: Two digits of a year up to this belong to the 21st century in SINEX.
PIVOT = 50

_EPOCH = re.compile(r"(\d\d):(\d{3}):(\d{5})")
_HECTOR = re.compile(r"#\s{0,9}(offset|log|exp)\s{1,9}(\S{1,40})(.{0,200})")
_DECAYS = {"log": "logarithmic", "exp": "exponential"}

#: What lines of GLOBK's earthquake files begin with.
_COMMANDS = ("rename", "break", "eq_def", "eq_rename", "eq_prename", "eq_log", "eq_exp")


def is_sinex(lines: Sequence[str]) -> bool:
    """Whether a file has the block SOLUTION/DISCONTINUITY.

    Args:
      lines: Its lines.
    """
    return any(line.startswith(f"+{BLOCK}") for line in lines)


def read_sinex(path: pathlib.Path, lines: Sequence[str]) -> Iterable[Event]:
    """Read the ends of solutions: ``ABCD A 1 P 00:000:00000 03:160:00000 P - why``.

    A solution for the position (P) ends in a step, one for the velocity (V) in a
    change of rate. An end of zeros is open.

    Args:
      path: The file.
      lines: Its lines.

    Returns:
      The events.

    Raises:
      ValueError: If a line does not parse.

    Source:
      IERS (2006), SINEX format, version 2.02; discontinuities as in the files of the
      ITRF, Altamimi et al. (2016), doi:10.1002/2016JB013098.
    """
    inside = False
    for number, line in enumerate(lines, 1):
        if line[:1] in ("+", "-"):
            inside = line.startswith(f"+{BLOCK}")
        elif inside and line.strip() and not line.startswith("*"):
            yield from _solution(path, number, line)


def _solution(path: pathlib.Path, number: int, line: str) -> Iterable[Event]:
    words = line.split(maxsplit=7)
    end = _EPOCH.fullmatch(words[5]) if len(words) > 6 else None
    if end is None or words[6] not in ("P", "V"):
        raise ValueError(
            f"{path} line {number} is {shorten(line.strip())}, expected code, point, "
            "solution, technique, begin and end as yy:ddd:sssss, and P or V"
        )
    if int(end[2]) == 0:
        return
    short = int(end[1])
    year = np.array([short + (2000.0 if short <= PIVOT else 1900.0)])
    day = days_of_ordinals(year, np.array([float(end[2])]))
    checked_days(path, [number], [words[5]], day)
    note = words[7].lstrip("- ").strip() if len(words) > 7 else ""
    kind = "rate" if words[6] == "V" else kind_of_note(note)
    yield Event(words[0].upper(), day[0], kind, note=note)


def is_hector(lines: Sequence[str]) -> bool:
    """Whether comments name offsets by their modified Julian date.

    Args:
      lines: The lines of the file.
    """
    return any(_HECTOR.match(line) for line in lines)


def read_hector(path: pathlib.Path, lines: Sequence[str]) -> Iterable[Event]:
    """Read ``# offset MJD``, and ``# log MJD days`` and ``# exp MJD days``.

    The name of the file is that of the station.

    Args:
      path: The file.
      lines: Its lines.

    Returns:
      The events.

    Raises:
      ValueError: If a line does not parse.

    Source:
      Bos, Fernandes, Williams and Bastos (2013), Fast error analysis of continuous
      GNSS observations with missing data, J. Geod. 87, doi:10.1007/s00190-012-0605-0.
    """
    station = station_name(path)
    for number, line in enumerate(lines, 1):
        match = _HECTOR.match(line)
        if match is None:
            continue
        where = f"{path} line {number}"
        date = parse_number(match[2], "modified Julian date", where)
        day = days_of_mjd(np.array([date]))
        checked_days(path, [number], [date], day)
        rest = match[3].split()
        if match[1] == "offset":
            yield Event(station, day[0], note=" ".join(rest))
            continue
        time = parse_number(rest[0], "relaxation time", where) if rest else np.nan
        yield Event(station, day[0], _DECAYS[match[1]], relaxation=time)


def is_globk(lines: Sequence[str]) -> bool:
    """Whether lines begin with a command of GLOBK's earthquake files.

    Args:
      lines: The lines of the file.
    """
    return any(_command(line) for line in lines)


def _command(line: str) -> str:
    # A command stands behind a blank; a line that begins with a letter is a comment.
    word = line[:20].split()[:1] if line[:1] in (" ", "\t") else []
    return word[0].lower() if word and word[0].lower() in _COMMANDS else ""


def read_globk(path: pathlib.Path, lines: Sequence[str]) -> Iterable[Event]:
    """Read ``rename OLD NEW y m d h m`` and ``break NAME y m d h m``.

    Renamed to ``_XPS`` or ``_XCL``, data are left out; that is no event. Earthquakes
    by their place (eq_def) are counted in a warning, since stations are not known
    here.

    Args:
      path: The file.
      lines: Its lines.

    Returns:
      The events.

    Raises:
      ValueError: If a line does not parse, or none is an event of a station.

    Source:
      Herring, King, Floyd and McClusky (2018), GLOBK reference manual, release 10.7.
    """
    events, quakes = [], 0
    for number, line in enumerate(lines, 1):
        command = _command(line)
        quakes += command == "eq_def"
        if command in ("rename", "break"):
            events += _renamed(path, number, line, command)
    if not events:
        raise ValueError(
            f"{path} holds {quakes} earthquakes by their place and no step of a "
            "station; list the steps of stations as csv with columns station and day"
        )
    if quakes:
        log.warning(
            "%s has %d earthquakes by their place, of which no steps are made; list "
            "them by station",
            path,
            quakes,
        )
    return events


def _renamed(
    path: pathlib.Path, number: int, line: str, command: str
) -> Iterable[Event]:
    words = re.split(r"[!#]", line)[0].split()
    new = words[2].upper() if command == "rename" and len(words) > 2 else ""
    if new.partition("_")[2][:2] in ("XP", "XC"):
        return []
    date = _first_date(words[2:])
    if not date:
        if command == "rename" and not any(re.fullmatch(r"\d{4}", w) for w in words):
            return []  # It has another name at all times.
        raise ValueError(
            f"{path} line {number} is {shorten(line.strip())}, expected {command}, "
            "names, and year month day hour minute"
        )
    shown = "-".join(date)
    day = days_of_parts(*(np.array([float(word)]) for word in date))
    checked_days(path, [number], [shown], day)
    note = f"renamed {new}" if new else ""
    return [Event(words[1].upper()[:4], day[0], note=note)]


def _first_date(words: Sequence[str]) -> list[str]:
    """Year, month and day, where they begin the first five numbers."""
    for place, word in enumerate(words):
        date = words[place : place + 5]
        numbers = all(re.fullmatch(r"\d{1,2}", w) for w in date[1:3])
        if re.fullmatch(r"\d{4}", word) and len(date) > 2 and numbers:
            return list(date[:3])
    return []
