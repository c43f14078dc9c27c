"""Observations of the water by satellites and a land-surface model."""

import dataclasses

import numpy as np
import scipy.ndimage
from numpy.random import Generator
from numpy.typing import NDArray

from jaxload import sphere
from jaxload._calendar import DAY, month_bounds
from jaxload.constants import DEGREE
from jaxload.synthetic.noise import remembered
from jaxload.synthetic.smooth import KM_PER_DEGREE, smooth_noise

__all__ = ["Gravity", "land_surface_model", "measure_gravity", "month_means"]

Floats = NDArray[np.float64]

#: Radius at which the smoothing of gravity has fallen to a half [km].
SMOOTHING = 300.0

#: First and last month of the gap between the missions, and single months without a
#: solution: those of GRACE and GRACE Follow-On.
GAP = ("2017-07", "2018-05")
LOST = (
    *("2011-01", "2011-06", "2012-05", "2012-10", "2013-03", "2013-08", "2013-09"),
    *("2014-02", "2014-07", "2014-12", "2015-06", "2015-10", "2015-11", "2016-04"),
    *("2016-09", "2016-10", "2017-02", "2018-08", "2018-09"),
)

#: Standard deviation of the errors of one centre [mm], and their length of correlation
#: [km].
ERROR, ERROR_LENGTH = 9.0, 250.0

#: Errors of the model: by how much its water is too large or small [-], its length of
#: correlation [km]; standard deviation [mm] and memory [days] of what it adds.
FACTOR, FACTOR_LENGTH, ADDED, ADDED_MEMORY = 0.125, 400.0, 9.0, 40.0

#: Patterns of what the model adds.
PATTERNS = 24


@dataclasses.dataclass(frozen=True, eq=False)
class Gravity:
    """Water as of satellites.

    Attributes:
      month: Months with a solution, shape (month,).
      centres: Storage anomaly [mm] by the name of the centre that solved for it, shape
        (month, place) each.
    """

    month: NDArray[np.datetime64]
    centres: dict[str, Floats]


def month_means(
    values: Floats, time: NDArray[np.datetime64]
) -> tuple[NDArray[np.datetime64], Floats]:
    """Average days over whole months.

    Args:
      values: Of days without a gap, shape (epoch, ...).
      time: The days, shape (epoch,).

    Returns:
      The months, shape (month,), and their means, shape (month, ...).
    """
    month, first = np.unique(time.astype("M8[M]"), return_index=True)
    days = np.diff([*first, len(time)])
    begun, over = month_bounds(month)
    whole = (begun >= time[0]) & (over <= time[-1] + DAY)
    sums = np.add.reduceat(values, first, axis=0)
    scale = days.reshape(-1, *[1] * (values.ndim - 1))
    return month[whole], (sums / scale)[whole]


def measure_gravity(
    water: Floats,
    time: NDArray[np.datetime64],
    places: sphere.Grid,
    streams: dict[str, Generator],
) -> Gravity:
    """Smooth water as satellites see it, month by month.

    Args:
      water: True storage [mm], shape (epoch, place).
      time: Days, shape (epoch,).
      places: A whole raster.
      streams: From which errors are drawn, by the name of the centre.

    Returns:
      Anomalies about the mean of the months that there are.
    """
    month, means = month_means(water, time)
    lost = (month >= np.datetime64(GAP[0])) & (month <= np.datetime64(GAP[1]))
    seen = ~(lost | np.isin(month, np.array(LOST, "M8[M]")))
    smooth = _smoothed(means[seen], places)
    smooth -= smooth.mean(axis=0) if len(smooth) else 0.0
    centres = {
        name: smooth + ERROR * _noise(len(smooth), places, rng)
        for name, rng in streams.items()
    }
    return Gravity(month[seen], centres)


def _smoothed(fields: Floats, places: sphere.Grid) -> Floats:
    """By a Gaussian that falls to a half at a radius."""
    shape = (-1, len(places.lat_axis), len(places.lon_axis))
    north = SMOOTHING / np.sqrt(2 * np.log(2)) / KM_PER_DEGREE / places.spacing
    east = north / np.cos(places.lat_axis * DEGREE)
    rows = fields.reshape(shape).copy()
    for row, width in enumerate(east):
        rows[:, row] = scipy.ndimage.gaussian_filter1d(
            rows[:, row], width, axis=1, mode="nearest"
        )
    rows = scipy.ndimage.gaussian_filter1d(rows, north, axis=1, mode="nearest")
    return rows.reshape(fields.shape)


def _noise(count: int, places: sphere.Grid, rng: Generator) -> Floats:
    """Smooth fields of unit variance, each its own, shape (count, place)."""
    fields = [_pattern(places, ERROR_LENGTH, rng) for _ in range(count)]
    return np.stack(fields) if fields else np.zeros((0, len(places.lon)))


def _pattern(places: sphere.Grid, length: float, rng: Generator) -> Floats:
    shape = (len(places.lat_axis), len(places.lon_axis))
    middle = float(places.lat_axis.mean())
    return smooth_noise(shape, places.spacing, middle, length, rng).ravel()


def land_surface_model(
    soil: Floats, places: sphere.Grid, land: Floats, rng: Generator
) -> Floats:
    """Model soil water and snow, without groundwater and with errors.

    Args:
      soil: True anomaly of soil water and snow [mm], shape (epoch, place).
      places: A whole raster.
      land: Share of land [-], shape (place,).
      rng: From which errors are drawn.

    Returns:
      The model's storage anomaly [mm], shape (epoch, place); NaN at sea.
    """
    factor = 1 + FACTOR * _pattern(places, FACTOR_LENGTH, rng)
    series = remembered(rng.normal(size=(len(soil), PATTERNS)), ADDED_MEMORY)
    series *= np.sqrt(1 - np.exp(-2 / ADDED_MEMORY))
    patterns = [_pattern(places, ERROR_LENGTH, rng) for _ in range(PATTERNS)]
    added = series @ np.stack(patterns) * (ADDED / np.sqrt(PATTERNS))
    model = soil * factor + added * land
    model -= model.mean(axis=0)
    return np.where(land >= 0.5, model, np.nan)
