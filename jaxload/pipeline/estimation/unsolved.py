"""Epochs whose water could not be estimated, named."""

import logging

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Unsolved", "runs_of_days", "warn_unsolved"]

logger = logging.getLogger(__name__)

#: Runs of epochs that a warning names.
NAMED = 5


class Unsolved(ValueError):
    """No epoch at all could be solved."""


def warn_unsolved(time: NDArray[np.datetime64], ok: ArrayLike, what: str = "") -> None:
    """Warn of epochs that could not be solved.

    Args:
      time: Epochs, shape (epoch,).
      ok: Whether each was solved, shape (epoch,).
      what: From what, where a study solves more than once, for the messages.

    Raises:
      Unsolved: If none was.
    """
    solved = np.asarray(ok, bool)
    if solved.all():
        return
    how = f" {what}" if what else ""
    if not solved.any():
        raise Unsolved(
            f"none of {len(solved)} epochs could be solved{how}, so that there is "
            "nothing to write; check the heights and standard errors of the stations, "
            "and inversion.beta"
        )
    days = runs_of_days(time, solved)
    named = ", ".join(days[:NAMED]) + (", ..." if len(days) > NAMED else "")
    count = int((~solved).sum())
    logger.warning(
        "%d of %d epochs could not be solved%s: %s", count, len(solved), how, named
    )


def runs_of_days(time: NDArray[np.datetime64], ok: ArrayLike) -> list[str]:
    """Name epochs that could not be solved, those in a row together.

    Args:
      time: Epochs, shape (epoch,).
      ok: Whether each was solved, shape (epoch,).

    Returns:
      Days, such as "2019-11-03" or "2019-11-03 to 2019-11-08", in order.
    """
    bad = np.flatnonzero(~np.asarray(ok, bool))
    runs = np.split(bad, np.flatnonzero(np.diff(bad) > 1) + 1) if len(bad) else []
    days = np.datetime_as_string(time, "D")
    return [
        str(days[run[0]]) if len(run) == 1 else f"{days[run[0]]} to {days[run[-1]]}"
        for run in runs
    ]
