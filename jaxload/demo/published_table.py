"""What an article found in western Yunnan, beside what is found in its twin."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

__all__ = ["ROWS", "PublishedRow", "published_rows", "table_lines"]


@dataclasses.dataclass(frozen=True)
class PublishedRow:
    """One line of the table.

    Attributes:
      label: What it is.
      key: Where the numbers of all stations, wells or areas are in a summary, and
        where in each of them.
      least: The smallest that the article reports.
      most: The largest.
      digits: Behind the point.
    """

    label: str
    key: tuple[str, str]
    least: float
    most: float
    digits: int = 2


def _loads(
    name: str, label: str, correlation: tuple[float, float], fall: tuple[float, float]
) -> tuple[PublishedRow, PublishedRow]:
    keys = ("load_correlation", name), ("wrms_reduction_percent", name)
    return (
        PublishedRow(f"{label}: correlation", keys[0], *correlation),
        PublishedRow(f"{label}: WRMS falls by %", keys[1], *fall, digits=1),
    )


#: Remote Sensing 14 (2022), 4032, doi:10.3390/rs14164032: tables 4, 5, 7, 8.
ROWS: tuple[PublishedRow, ...] = (
    *_loads("atmosphere", "atmosphere", (0.50, 0.66), (7.46, 12.80)),
    *_loads("soil", "soil water", (0.64, 0.81), (20.50, 34.80)),
    *_loads("ocean", "ocean", (-0.66, -0.52), (-6.39, -3.24)),
    *_loads("total", "all loads", (0.81, 0.89), (33.84, 43.93)),
    PublishedRow("GWSA: largest, mm", ("station_statistics", "max"), 177.70, 269.98, 0),
    PublishedRow(
        "GWSA: smallest, mm", ("station_statistics", "min"), -254.34, -106.43, 0
    ),
    PublishedRow("GWSA: SD, mm", ("station_statistics", "sd"), 55.87, 110.39, 0),
    PublishedRow("GRACE: correlation", ("lag_months", "before"), 0.11, 0.66),
    PublishedRow("GRACE: the same, shifted", ("lag_months", "after"), 0.65, 0.85),
    PublishedRow("GRACE: shift, months", ("lag_months", "months"), 2, 2, 0),
    PublishedRow("wells: correlation", ("wells", "correlation"), 0.62, 0.82),
)


def table_lines(summary: Mapping[str, Any]) -> list[str]:
    """Lay out a summary beside the article.

    Args:
      summary: Of a study with groundwater.

    Returns:
      Lines: least, median and largest of all stations, and what the article has for
      the 12 or 15 that it lists.
    """
    head = f"{'':28}{'here: least, median, largest':>30}{'article':>18}"
    return [head, *(_line(row, ours) for row, ours in published_rows(summary))]


def published_rows(
    summary: Mapping[str, Any],
) -> list[tuple[PublishedRow, tuple[float, float, float] | None]]:
    """Find what a summary has of the table of the article.

    Args:
      summary: Of a study with groundwater.

    Returns:
      Rows, each with the least, the median and the largest here; None where there is
      no number.
    """
    return [(row, _spread(row, summary)) for row in ROWS if row.key[0] in summary]


def _spread(
    row: PublishedRow, summary: Mapping[str, Any]
) -> tuple[float, float, float] | None:
    name, part = row.key
    values = [entry.get(part) for entry in summary[name].values()]
    known = np.array([value for value in values if value is not None], float)
    known = known[np.isfinite(known)]
    if not len(known):
        return None
    return float(known.min()), float(np.median(known)), float(known.max())


def _line(row: PublishedRow, ours: tuple[float, float, float] | None) -> str:
    if ours is None:
        return f"{row.label:28}{'nothing':>30}"
    theirs = _joined((row.least, row.most), row.digits, " to ")
    return f"{row.label:28}{_joined(ours, row.digits, '   '):>30}{theirs:>18}"


def _joined(values: Iterable[float], digits: int, between: str) -> str:
    return between.join(f"{value:.{digits}f}" for value in values)
