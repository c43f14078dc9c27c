"""Epochs that later heights change, prepared by the parameters of the whole record."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, series
from jaxload.pipeline.estimation.epoch_steps import MONTH_DAYS
from jaxload.pipeline.frozen.frozen_network import NETWORK
from jaxload.pipeline.prepare.cleaning import needs_cleaning
from jaxload.pipeline.prepare.frozen_cleaning import clean_by_parameters
from jaxload.pipeline.prepare.height_means import average_heights
from jaxload.pipeline.prepare.heights import ready_by_parameters
from jaxload.pipeline.update.later_heights import LaterHeights, row_columns

__all__ = ["LAG", "LaterEpochs", "Memory", "find_changed_epochs", "memory_of"]

Times = NDArray[np.datetime64]

#: What the heights of an epoch are means over.
SPANS = {"weekly": series.weeks_of, "monthly": series.months_of}


@dataclasses.dataclass(frozen=True)
class Memory:
    """How far days change the water of others.

    Attributes:
      lag: Days before and after a day whose water it changes.
      lead: Days before and after these that are needed to estimate them.
      whole: Whether all days in between are needed, as spectra do.
    """

    lag: int = 0
    lead: int = 0
    whole: bool = False


@dataclasses.dataclass(frozen=True, eq=False)
class LaterEpochs:
    """Epochs of the results, and heights of those that change.

    Attributes:
      time: All epochs afterwards, shape (epoch,).
      window: Numbers of those that are inverted, ascending, shape (inverted,).
      replaced: Which of these take the place of others, or are new, shape (inverted,);
        the rest only carries the memory of the load.
      heights: Heights of the epochs that are inverted, (time, station).
      before: Heights of the same epochs in the results, NaN at new epochs.
      provisional: Numbers of epochs that are means over days still to come.
    """

    time: Times
    window: NDArray[np.intp]
    replaced: NDArray[np.bool_]
    heights: xr.Dataset
    before: xr.Dataset
    provisional: NDArray[np.intp]

    @property
    def places(self) -> NDArray[np.intp]:
        """Numbers of the epochs that change."""
        return self.window[self.replaced]


def find_changed_epochs(
    study: config.Study, state: xr.Dataset, later: LaterHeights, memory: Memory
) -> LaterEpochs:
    """Prepare the heights of the epochs that change.

    Args:
      study: The study.
      state: Arrays of the state.
      later: The heights as they are read now.
      memory: How far they change the water of other days.

    Returns:
      The `LaterEpochs`.

    Raises:
      ValueError: If an epoch before the first of the results would change.
    """
    days = _days_to_prepare(study, state, later, memory)
    record = later.up, later.up_sigma
    heights = _prepared(study, state, later.day[days], [x[days] for x in record])
    old = [np.full(x.shape, np.nan) for x in record]
    for array, name in zip(old, ("up_read", "up_sigma_read")):
        array[: state.sizes["day"]] = state[name].values
    before = _prepared(study, state, later.day[days], [x[days] for x in old])
    return _selected(study, state, later, (heights, before), memory)


def _days_to_prepare(
    study: config.Study, state: xr.Dataset, later: LaterHeights, memory: Memory
) -> NDArray[np.intp]:
    """Days that differ or follow the results, filled up to whole means."""
    last = state.epoch.values[-1].astype("M8[D]")
    wanted = np.flatnonzero(later.day > last)
    days = np.union1d(later.changed, wanted).astype(np.intp)
    average = study.cleaning.average
    lag = memory.lag + memory.lead
    if not len(days) or (average == "none" and not lag):
        return days
    start, stop = later.day[days[0]] - lag, later.day[days[-1]] + lag + 1
    if average != "none":
        ends = np.clip([start, stop - 1], later.day[0], later.day[-1])
        starts, stops = SPANS[average](np.array(ends))
        start, stop = starts[0], stops[-1]
    return np.flatnonzero((later.day >= start) & (later.day < stop))


def _prepared(
    study: config.Study,
    state: xr.Dataset,
    day: Times,
    read: list[NDArray[np.float64]],
) -> xr.Dataset:
    """Heights of the rows of the inversion, made ready as the run did."""
    columns = row_columns(state)
    up, sigma = (values[:, columns] for values in read)
    coords = {
        "time": day.astype("M8[ns]"),
        "station": state.row.values.astype(str),
        "lon": ("station", state.row_lon.values),
        "lat": ("station", state.row_lat.values),
    }
    dims, mm = ("time", "station"), {"units": "mm"}
    variables = {"up": (dims, up, mm), "up_sigma": (dims, sigma, mm)}
    gnss = xr.Dataset(variables, coords)
    gnss = ready_by_parameters(study, gnss, state)
    factor = state.screening_factor.values
    gnss = gnss.assign(up_sigma=(dims, gnss.up_sigma.values * factor, mm))
    if not len(day):
        return gnss
    if needs_cleaning(study):
        gnss = clean_by_parameters(study, gnss, state)
    if study.cleaning.average != "none":
        gnss = average_heights(study.cleaning.average, gnss)
    return gnss


def _selected(
    study: config.Study,
    state: xr.Dataset,
    later: LaterHeights,
    both: tuple[xr.Dataset, xr.Dataset],
    memory: Memory,
) -> LaterEpochs:
    """The epochs whose heights differ, and new ones up to the last with heights."""
    heights, before = both
    known, time = state.epoch.values, heights.time.values
    seen = heights.up.notnull().any("station").values
    late = (time > known[-1]) & (time <= time[seen].max(initial=known[-1]))
    weighs = ("up", "up_sigma") if study.gnss.sigma == "daily" else ("up",)
    differs = np.zeros(len(time), bool)
    for name in weighs:
        one, two = heights[name].values, before[name].values
        same = (one == two) | (np.isnan(one) & np.isnan(two))
        # What is weighed no more weighs nothing.
        same |= np.isnan(heights.up.values) & np.isnan(before.up.values)
        differs |= ~same.all(axis=1)
    early = time[differs & (time < known[0])]
    if len(early):
        raise ValueError(
            f"heights of {str(early[0])[:10]} have changed, before the results begin "
            f"on {str(known[0])[:10]}; run the study again"
        )
    every = np.concatenate([known, time[late]])
    replaced = _near(time, late | (differs & (time <= known[-1])), memory.lag)
    replaced &= (time >= known[0]) & (time <= every[-1])
    window = _near(time, replaced, memory.lead)
    if memory.whole and window.any():
        first, last = np.flatnonzero(window)[[0, -1]]
        window[first : last + 1] = True
    window &= (time >= known[0]) & (time <= every[-1])
    rows = np.flatnonzero(window)
    return LaterEpochs(
        every,
        np.searchsorted(every, time[rows]),
        replaced[rows],
        heights.isel(time=rows),
        before.isel(time=rows),
        _provisional(study, every, later, memory),
    )


def _near(time: Times, chosen: NDArray[np.bool_], lag: int) -> NDArray[np.bool_]:
    """Which epochs are at most some days from one that is chosen."""
    if not lag or not chosen.any():
        return chosen
    clock = time.astype("M8[s]").astype(np.int64)
    after = np.searchsorted(clock[chosen], clock).clip(max=chosen.sum() - 1)
    before = (after - 1).clip(min=0)
    gaps = [np.abs(clock[chosen][side] - clock) for side in (before, after)]
    return np.minimum(*gaps) <= lag * 86400


def _provisional(
    study: config.Study, time: Times, later: LaterHeights, memory: Memory
) -> NDArray[np.intp]:
    """Epochs whose value depends on days that are still to come."""
    average = study.cleaning.average
    last = later.day[np.isfinite(later.up).any(axis=1)][-1]
    # Without a memory none is later than the last.
    changing = time > time[-1] - np.timedelta64(memory.lag, "D")
    if average != "none":
        start, stop = (x[0] for x in SPANS[average](np.array([last])))
        changing |= (time >= start.astype("M8[ns]")) & (stop > last + 1)
    return np.flatnonzero(changing)


#: Correlation times of the load after which what is not yet known changes the
#: standard error of an epoch by less than 1%: the correlation is exp(-2.5) there, and
#: the variance that even perfect knowledge of the load would take away exp(-5) of it on
#: each side.
LAG = 2.5


#: Days more before a window of a network than its spectra say. Real heights have slower
#: and larger changes than the spectra, which short windows do not tell from noise.
SPARE = 913

#: Days of the longest months of the calendar.
LONGEST_MONTH = 31


def memory_of(study: config.Study, about: Mapping[str, Any]) -> Memory:
    """Compute how far days change the water of others.

    Args:
      study: Its `inversion.correlation_time_days` is the memory of the load.
      about: Plain values of the state, with the lag of a network.

    Returns:
      The memory; none where epochs are independent.
    """
    if NETWORK in about:
        network = about[NETWORK]
        steps = int(network["lag"]), int(network["lead"])
        lag, lead = (_days_of(x, float(network["days"])) for x in steps)
        return Memory(lag, lead + SPARE, whole=True)
    lag = int(np.ceil(LAG * study.inversion.correlation_time_days))
    return Memory(lag, lag)


def _days_of(steps: int, days: float) -> int:
    """Days that hold a number of steps; of months of the calendar the longest."""
    return int(np.ceil(steps * (LONGEST_MONTH if days == MONTH_DAYS else days)))
