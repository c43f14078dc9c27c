"""One station's series as its file has it, put in order and joined to others."""

import dataclasses
import logging
import pathlib

import numpy as np
from numpy.typing import NDArray

from jaxload.io.gnss.frames import local_axes
from jaxload.io.gnss.sites import Site
from jaxload.io.text.table import Table, text_column

__all__ = [
    "ONE_COMPONENT",
    "SERIES_COMPONENTS",
    "Series",
    "join_parts",
    "only_station",
    "tidy",
]

log = logging.getLogger(__name__)

SERIES_COMPONENTS = ("up", "east", "north")

#: What files of one component each are joined by, as of `Series.part`.
ONE_COMPONENT = "one component"

#: Values and their standard errors, each of shape (epoch,).
Pair = tuple[NDArray[np.float64], NDArray[np.float64]]

#: Distance between files of one station beyond which they are of two [mm].
FARTHEST = 1e5

#: Days on either side that a step is judged by.
BESIDE = 30

#: What becomes of several rows of one day, in words.
KEPT = {
    "first": "the first of each day is kept",
    "last": "the last of each day is kept",
    "mean": "the mean of each day is taken",
}


@dataclasses.dataclass(frozen=True)
class Series:
    """The time series of one station, as its file has it.

    Attributes:
      station: Name of the station, upper case.
      day: Days, shape (epoch,); in any order, perhaps twice, until `tidy`.
      displacement: Displacement [mm] by component ("up", and perhaps "east" and
        "north"), each of shape (epoch,); NaN if missing.
      sigma: Its standard error [mm], likewise; empty if the file has none.
      site: Where the station stands; None if the file does not say.
      reference: What the displacement is relative to.
      part: Name of the format if a file holds one component of several, or some of the
        days.
      zero: What the displacement of a component is relative to [m], by component, or
        the geocentric position by "x", "y" and "z"; empty if the file does not say.
        Files of one station that say are brought to one zero.
      name: What the file calls the station, where that is longer than `station`.
    """

    station: str
    day: NDArray[np.datetime64]
    displacement: dict[str, NDArray[np.float64]]
    sigma: dict[str, NDArray[np.float64]]
    site: Site | None = None
    reference: str = "as in the file"
    part: str = ""
    zero: dict[str, float] = dataclasses.field(default_factory=dict)
    name: str = ""


def only_station(table: Table, place: int) -> str:
    """Find the station that every row of a table names.

    Args:
      table: The table.
      place: Position of the column of names, from 0.

    Returns:
      Its name, upper case.

    Raises:
      ValueError: If there are several.
    """
    names = {name.upper() for name in text_column(table, place)}
    if len(names) > 1:
        listed = ", ".join(sorted(names)[:3])[:60]
        raise ValueError(
            f"{table.path} holds {len(names)} stations ({listed}); give each a file of "
            "its own"
        )
    return names.pop()


def tidy(series: Series, path: pathlib.Path, same_day: str = "error") -> Series:
    """Put a series in order: days ascending and once each, no value without sigma.

    A value whose standard error is not positive is missing, which is logged with the
    file's name. Days on which everything is missing are dropped.

    Args:
      series: As its file has it.
      path: The file, for messages.
      same_day: What becomes of several rows of one day, as of `Reading.same_day`.

    Returns:
      The series in order.

    Raises:
      ValueError: If no day is left, or a day has several rows that differ.
    """
    pairs = {
        name: _with_sigma(path, values, series.sigma[name])
        for name, values in series.displacement.items()
    }
    seen = np.any([np.isfinite(pair[0]) for pair in pairs.values()], axis=0)
    if not seen.any():
        raise ValueError(
            f"{path} has no day with a value and a positive standard error"
        )
    pairs = {name: (pair[0][seen], pair[1][seen]) for name, pair in pairs.items()}
    day, pairs = _one_a_day(series.day[seen], pairs, path, same_day)
    return dataclasses.replace(
        series,
        day=day,
        displacement={name: pair[0] for name, pair in pairs.items()},
        sigma={name: pair[1] for name, pair in pairs.items()},
    )


def _with_sigma(
    path: pathlib.Path, values: NDArray[np.float64], sigma: NDArray[np.float64]
) -> Pair:
    usable = sigma > 0
    dropped = int((~usable & np.isfinite(values)).sum())
    if dropped:
        log.warning(
            "%s has %d values without a positive standard error; they are missing",
            path,
            dropped,
        )
    usable &= np.isfinite(values)
    return np.where(usable, values, np.nan), np.where(usable, sigma, np.nan)


def _one_a_day(
    days: NDArray[np.datetime64],
    pairs: dict[str, Pair],
    path: pathlib.Path,
    same_day: str,
) -> tuple[NDArray[np.datetime64], dict[str, Pair]]:
    """Days ascending, and the values of each component and their errors on them."""
    day, first, count = np.unique(days, return_index=True, return_counts=True)
    if len(day) == len(days):
        return day, {k: (v[first], s[first]) for k, (v, s) in pairs.items()}
    order = np.argsort(days, kind="stable")
    start = np.concatenate([[0], np.cumsum(count)[:-1]])
    ordered = {k: (v[order], s[order]) for k, (v, s) in pairs.items()}
    apart = _differing(ordered, start, count)
    more = len(days) - len(day)
    if apart.any() and same_day == "error":
        raise ValueError(_of_one_day(path, day, count, apart))
    log.warning(
        "%s has %d rows of days that it has already; %s",
        path,
        more,
        KEPT[same_day] if apart.any() else "they agree",
    )
    rule = same_day if apart.any() else "first"
    return day, {k: _reduced(*pair, start, count, rule) for k, pair in ordered.items()}


def _differing(
    pairs: dict[str, Pair], start: NDArray[np.intp], count: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Days whose rows do not agree, shape (day,)."""
    first = np.repeat(start, count)
    differs = np.zeros(len(first), dtype=bool)
    for pair in pairs.values():
        for values in pair:
            both_missing = np.isnan(values) & np.isnan(values[first])
            differs |= (values != values[first]) & ~both_missing
    return np.logical_or.reduceat(differs, start)


def _of_one_day(
    path: pathlib.Path,
    day: NDArray[np.datetime64],
    count: NDArray[np.intp],
    apart: NDArray[np.bool_],
) -> str:
    """Say which days have several rows, and what can be done."""
    rows = int(np.median(count))
    if rows > 1:
        what = f"has about {rows} rows a day"
    else:
        number = int(apart.sum())
        shown = ", ".join(map(str, day[apart][:3])) + " ..." * (number > 3)
        what = f"has several rows that differ for {number} days ({shown})"
    return (
        f'{path} {what}; set same_day = "mean" for daily means, or "first" or "last"; '
        "if the days are not what the file means, set time_format, or describe its "
        "columns, of which one may be the station"
    )


def _reduced(
    values: NDArray[np.float64],
    sigma: NDArray[np.float64],
    start: NDArray[np.intp],
    count: NDArray[np.intp],
    rule: str,
) -> Pair:
    """One value a day, and its standard error."""
    if rule == "first":
        return values[start], sigma[start]
    if rule == "last":
        end = start + count - 1
        return values[end], sigma[end]
    seen = np.isfinite(values)
    number = np.add.reduceat(seen.astype(np.float64), start)
    number = np.where(number > 0, number, np.nan)
    total = np.add.reduceat(np.where(seen, values, 0.0), start)
    square = np.add.reduceat(np.where(seen, sigma, 0.0) ** 2, start)
    return total / number, np.sqrt(square / number)


def join_parts(first: Series, second: Series, path: pathlib.Path) -> Series:
    """Join two files of one station: of two components, or of different days.

    Args:
      first: One, in order.
      second: The other, in order.
      path: The second file, for the message.

    Returns:
      Both, on the days of either.

    Raises:
      ValueError: If they are not parts of one, or have a component on the same days.
    """
    same = set(first.displacement) & set(second.displacement)
    parts = first.part and first.part == second.part
    if not parts or any(_overlap(first, second, name) for name in same):
        raise ValueError(f"{path} is a second file of station {second.station}")
    if same:
        second = _to_zero(first, second, path)
        _say_renamed(first, second)
    day = np.union1d(first.day, second.day)
    rows = [np.searchsorted(day, one.day) for one in (first, second)]
    joined: dict[str, dict[str, NDArray[np.float64]]] = {"displacement": {}}
    joined["sigma"] = {}
    for kind, columns in joined.items():
        for part, row in zip((first, second), rows):
            for name, values in getattr(part, kind).items():
                column = columns.setdefault(name, np.full(len(day), np.nan))
                # A missing value of one file hides none of the other.
                seen = np.isfinite(values)
                column[row[seen]] = values[seen]
    return dataclasses.replace(first, day=day, zero=second.zero | first.zero, **joined)


def _overlap(first: Series, second: Series, name: str) -> bool:
    days, others = (_seen(one, name)[0] for one in (first, second))
    return len(np.intersect1d(days, others)) > 0


def _to_zero(first: Series, second: Series, path: pathlib.Path) -> Series:
    """Bring the displacement of a file to the zero of an earlier one."""
    shift = _between(first, second)
    same = set(first.displacement) & set(second.displacement)
    if not same <= set(shift):
        raise ValueError(f"{path} is a second file of station {second.station}")
    if max(abs(shift[name]) for name in same) > FARTHEST:
        raise ValueError(
            f"{path} stands {max(abs(shift[n]) for n in same) / 1000:.0f} m from the "
            f"other files of station {second.station}; keep one of them"
        )
    moved = {
        name: values + shift.get(name, 0.0)
        for name, values in second.displacement.items()
    }
    return dataclasses.replace(second, displacement=moved)


def _between(first: Series, second: Series) -> dict[str, float]:
    """From the zero of one series to that of another [mm], by component."""
    both = set(first.zero) & set(second.zero)
    step = {name: 1000.0 * (second.zero[name] - first.zero[name]) for name in both}
    if first.site is None or "x" not in step:
        return step
    local = local_axes(first.site) @ np.array([step[name] for name in "xyz"])
    return dict(zip(("north", "east", "up"), local.tolist())) | step


def _say_renamed(first: Series, second: Series) -> None:
    """Warn that two names are taken for one station, and of the step between them."""
    both = (first, second)
    if first.name == second.name or any("up" not in one.displacement for one in both):
        return
    pieces = [(one.name, *_seen(one, "up")) for one in both]
    (early, until, before), (late, since, after) = sorted(
        pieces, key=lambda piece: piece[1][0]
    )
    log.warning(
        "%s is joined of %s (until %s) and %s (from %s), as a station is renamed after "
        "a change of equipment; up is %.1f mm higher after it: if that is a step, put "
        "its day into the file of cleaning.steps",
        first.station,
        early,
        until[-1],
        late,
        since[0],
        float(np.median(after[:BESIDE]) - np.median(before[-BESIDE:])),
    )


def _seen(
    series: Series, name: str
) -> tuple[NDArray[np.datetime64], NDArray[np.float64]]:
    """Days on which a component was observed, and its values."""
    values = series.displacement[name]
    seen = np.isfinite(values)
    return series.day[seen], values[seen]
