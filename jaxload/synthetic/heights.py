"""Displacement as receivers measure it."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from jaxload.synthetic.noise import (
    COMMON_MEMORY,
    HeightNoise,
    height_noise,
    remembered,
)
from jaxload.synthetic.outages import running
from jaxload.synthetic.surface import TrueDisplacement

__all__ = ["Heights", "ReceiverEvents", "ReceiverQuality", "draw_events", "measure"]

Floats = NDArray[np.float64]

#: Time over which the ground takes up the warmth of the air [days], and annual
#: amplitudes of the height by which it expands [mm].
WARMING, EXPANSION = 30.0, (0.5, 1.5)

#: Size of steps and of gross errors in height [mm].
STEP, GROSS = (6.0, 15.0), (18.0, 45.0)


class ReceiverQuality(NamedTuple):
    """How well receivers measure height.

    Attributes:
      noise: Standard deviations of the noise.
      thermal: Expansion, as a share of what it is as a rule [-].
      missing: Share of days lost to failures, late beginnings apart.
      outliers: Share of days with a gross error.
      steps: Share of stations with a step.
    """

    noise: HeightNoise
    thermal: float
    missing: float
    outliers: float
    steps: float


@dataclasses.dataclass(frozen=True, eq=False)
class ReceiverEvents:
    """What happens to receivers, and so to all directions at once.

    Attributes:
      running: False while a receiver is not there or out of order, (epoch, station).
      step_station: Index of the stations that step, shape (step,).
      step_epoch: Index of the first day after each step, shape (step,).
    """

    running: NDArray[np.bool_]
    step_station: NDArray[np.int64]
    step_epoch: NDArray[np.int64]


@dataclasses.dataclass(frozen=True, eq=False)
class Heights:
    """Displacement in one direction as measured, and what is in it beside the loads.

    Attributes:
      displacement: Measured [mm], shape (epoch, station); NaN if missing.
      sigma: Formal standard error [mm], likewise.
      thermal: Expansion of the ground [mm], shape (epoch, station).
      common: What all stations have in common [mm], shape (epoch,).
      step_station: Index of the stations that step, shape (step,).
      step_day: First day after each step, shape (step,).
      step_size: By how much [mm], shape (step,).
    """

    displacement: Floats
    sigma: Floats
    thermal: Floats
    common: Floats
    step_station: NDArray[np.int64]
    step_day: NDArray[np.datetime64]
    step_size: Floats


def draw_events(
    shape: tuple[int, int], quality: ReceiverQuality, streams: Mapping[str, Generator]
) -> ReceiverEvents:
    """Draw what happens to receivers.

    Args:
      shape: Days and stations.
      quality: How often.
      streams: From which it is drawn: "gaps" and "steps".

    Returns:
      The events.
    """
    days, stations = shape
    rng = streams["steps"]
    many = round(quality.steps * stations)
    station = np.flatnonzero(rng.permutation(stations) < many)
    when = rng.integers(days // 5, 4 * days // 5, size=many)
    return ReceiverEvents(
        running(shape, quality.missing, streams["gaps"]), station, when
    )


def measure(
    loads: TrueDisplacement,
    temperature: Floats,
    time: NDArray[np.datetime64],
    quality: ReceiverQuality,
    events: ReceiverEvents,
    streams: Mapping[str, Generator],
) -> Heights:
    """Measure displacement with everything that is wrong with such measurements.

    Args:
      loads: True displacement.
      temperature: At the stations [K], shape (epoch, station).
      time: Days, shape (epoch,).
      quality: How well.
      events: What happens to the receivers.
      streams: From which what is random is drawn: "thermal", "common", "noise",
        "sizes" of steps and "outliers".

    Returns:
      The heights.
    """
    shape, step = temperature.shape, events.step_station
    thermal = quality.thermal * _expansion(temperature, streams["thermal"])
    common = quality.noise.common * _common_mode(shape[0], streams["common"])
    independent = dataclasses.replace(quality.noise, common=0.0)
    noise, formal = height_noise(shape, independent, streams["noise"])
    size = _either_sign(STEP, len(step), streams["sizes"])
    moved = loads.total + thermal + common[:, None] + noise
    moved[:, step] += size * (np.arange(shape[0])[:, None] >= events.step_epoch)
    moved += _gross_errors(shape, quality.outliers, streams["outliers"])
    return Heights(
        displacement=np.where(events.running, moved, np.nan),
        sigma=np.where(events.running, formal, np.nan),
        thermal=thermal,
        common=common,
        step_station=step,
        step_day=time[events.step_epoch],
        step_size=size,
    )


def _expansion(temperature: Floats, rng: Generator) -> Floats:
    """Expansion that follows the warmth of the last weeks, shape (epoch, station)."""
    change = temperature - temperature.mean(axis=0)
    warmth = remembered(change, WARMING) * (1 - np.exp(-1 / WARMING))
    warmth -= warmth.mean(axis=0)
    # A season of amplitude a has a standard deviation of a / sqrt(2).
    scale = rng.uniform(*EXPANSION, size=warmth.shape[1]) / np.sqrt(2)
    return warmth * (scale / np.maximum(warmth.std(axis=0), 1e-9))


def _common_mode(days: int, rng: Generator) -> Floats:
    """Of unit variance, each day with a share of the day before, shape (epoch,)."""
    memory = -1 / np.log(COMMON_MEMORY)
    return remembered(rng.normal(size=days), memory) * np.sqrt(1 - COMMON_MEMORY**2)


def _gross_errors(shape: tuple[int, int], share: float, rng: Generator) -> Floats:
    wrong = rng.uniform(size=shape) < share
    error = np.zeros(shape)
    error[wrong] = _either_sign(GROSS, int(wrong.sum()), rng)
    return error


def _either_sign(limits: tuple[float, float], count: int, rng: Generator) -> Floats:
    return rng.choice([-1.0, 1.0], count) * rng.uniform(*limits, count)
