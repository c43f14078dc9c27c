"""Days far from all others of a network, which are slips of the pen."""

import dataclasses
import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.gnss.station_series import Series

__all__ = ["without_far_days"]

log = logging.getLogger(__name__)

#: Days without a row of any station after which others are far.
FAR = np.timedelta64(5 * 365, "D")

#: Share of all rows that far days may have at most.
FEW = 0.05

#: Names that a warning lists.
SHOWN = 3


def without_far_days(
    series: Sequence[Series],
    start: np.datetime64 | None = None,
    end: np.datetime64 | None = None,
) -> list[Series]:
    """Leave out the few days that lie far from all others, with a warning.

    One row dated 2099 would make the daily axis of the whole network endless. Days
    are kept that a user asks for by the first or the last day.

    Args:
      series: The stations, in order.
      start: First day wanted, if one is stated.
      end: Last day wanted, if one is stated.

    Returns:
      The stations that have a day left.
    """
    if not series:
        return []
    days, count = np.unique(np.concatenate([x.day for x in series]), return_counts=True)
    cuts = np.flatnonzero(np.diff(days) > FAR) + 1
    groups, counts = np.split(days, cuts), np.split(count, cuts)
    rows = [int(one.sum()) for one in counts]
    largest = int(np.argmax(rows))
    far = [
        group
        for number, group in enumerate(groups)
        if rows[number] <= FEW * sum(rows)
        and not (number < largest and start is not None and group[0] >= start)
        and not (number > largest and end is not None and group[-1] <= end)
    ]
    if not far:
        return list(series)
    return _without(series, np.concatenate(far), groups[largest])


def _without(
    series: Sequence[Series],
    far: NDArray[np.datetime64],
    near: NDArray[np.datetime64],
) -> list[Series]:
    kept = [(one, ~np.isin(one.day, far)) for one in series]
    hit = [one.station for one, inside in kept if not inside.all()]
    log.warning(
        "left out %d rows of %d stations (%s%s) dated %s%s, far from all others, which "
        "run from %s to %s; if they are right, name the days wanted by start and end",
        sum(int((~inside).sum()) for _, inside in kept),
        len(hit),
        ", ".join(hit[:SHOWN]),
        ", ..." * (len(hit) > SHOWN),
        ", ".join(map(str, far[:SHOWN])),
        ", ..." * (len(far) > SHOWN),
        near[0],
        near[-1],
    )
    return [_rows(one, inside) for one, inside in kept if inside.any()]


def _rows(series: Series, inside: NDArray[np.bool_]) -> Series:
    if inside.all():
        return series
    return dataclasses.replace(
        series,
        day=series.day[inside],
        displacement={k: v[inside] for k, v in series.displacement.items()},
        sigma={k: v[inside] for k, v in series.sigma.items()},
    )
