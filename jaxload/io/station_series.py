"""One station's series as its file has it, put in order and joined to others."""

import dataclasses
import logging
import pathlib

import numpy as np
from numpy.typing import NDArray

from jaxload.io.sites import Site

__all__ = ["COMPONENTS", "Series", "join_parts", "tidy"]

log = logging.getLogger(__name__)

COMPONENTS = ("up", "east", "north")


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
      part: Name of the format if a file holds one component of several.
    """

    station: str
    day: NDArray[np.datetime64]
    displacement: dict[str, NDArray[np.float64]]
    sigma: dict[str, NDArray[np.float64]]
    site: Site | None = None
    reference: str = "as in the file"
    part: str = ""


def tidy(series: Series, path: pathlib.Path) -> Series:
    """Put a series in order: days ascending and once each, no value without sigma.

    Of a day that is there twice the last line is kept. A value whose standard error
    is not positive is missing. Both are logged with the file's name. Days on which
    everything is missing are dropped.

    Args:
      series: As its file has it.
      path: The file, for the log.

    Returns:
      The series in order.

    Raises:
      ValueError: If no day is left.
    """
    # Reversed and stable, so that the first of each day is the last in the file.
    day, kept = np.unique(series.day[::-1], return_index=True)
    kept = len(series.day) - 1 - kept
    if len(day) < len(series.day):
        log.warning(
            "%s has %d lines for days it has already; the last of each is kept",
            path,
            len(series.day) - len(day),
        )
    pairs = {
        name: _with_sigma(path, values[kept], series.sigma[name][kept])
        for name, values in series.displacement.items()
    }
    seen = np.any([np.isfinite(pair[0]) for pair in pairs.values()], axis=0)
    if not seen.any():
        raise ValueError(
            f"{path} has no day with a value and a positive standard error"
        )
    displacement = {name: pair[0][seen] for name, pair in pairs.items()}
    sigma = {name: pair[1][seen] for name, pair in pairs.items()}
    return dataclasses.replace(
        series, day=day[seen], displacement=displacement, sigma=sigma
    )


def _with_sigma(
    path: pathlib.Path, values: NDArray[np.float64], sigma: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
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


def join_parts(first: Series, second: Series, path: pathlib.Path) -> Series:
    """Join two components of one station that stand in files of their own.

    Args:
      first: One, in order.
      second: The other, in order.
      path: The second file, for the message.

    Returns:
      Both, on the days of either.

    Raises:
      ValueError: If they are not parts of one, or are the same component.
    """
    same = set(first.displacement) & set(second.displacement)
    if not first.part or first.part != second.part or same:
        raise ValueError(f"{path} is a second file of station {second.station}")
    day = np.union1d(first.day, second.day)
    parts = [(first, np.searchsorted(day, first.day))]
    parts.append((second, np.searchsorted(day, second.day)))
    joined: dict[str, dict[str, NDArray[np.float64]]] = {
        "displacement": {},
        "sigma": {},
    }
    for kind, columns in joined.items():
        for part, row in parts:
            for name, values in getattr(part, kind).items():
                columns[name] = np.full(len(day), np.nan)
                columns[name][row] = values
    return dataclasses.replace(first, day=day, **joined)
