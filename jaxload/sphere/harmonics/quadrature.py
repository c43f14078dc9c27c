"""Latitudes of global grids and the weights that integrate over them exactly."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import roots_legendre

from jaxload.constants import DEGREE

__all__ = ["GridRows", "latitude_rows", "longitude_start"]

#: How far a row may lie from where it belongs, as a fraction of the distance of rows:
#: files round their axes.
TOLERANCE = 1e-3


@dataclasses.dataclass(frozen=True)
class GridRows:
    """The rows of a global grid.

    Attributes:
      lat: Where they are, without the rounding of a file [degrees], shape (lat,).
      weights: Share of each in an integral over the sine of latitude [-], shape
        (lat,); their sum is 2.
      max_degree: Up to which degree an analysis is exact.
    """

    lat: NDArray[np.float64]
    weights: NDArray[np.float64]
    max_degree: int


def latitude_rows(lat: ArrayLike) -> GridRows:
    """Recognise the rows of a global grid and find their weights.

    Equally spaced rows may hold both poles, one pole, or none (middles of cells); else
    they must be Gaussian. They may run from north to south or back.

    Args:
      lat: Latitudes [degrees], shape (lat,).

    Returns:
      The rows. With L of them, equally spaced ones are exact to degree (L - 1) / 2
      rounded down, to L / 2 - 1 where there is one pole, Gaussian ones to L - 1.

    Raises:
      ValueError: If they are no such rows.

    Source:
      Both poles, or none: Clenshaw-Curtis and Fejer's first rule; Waldvogel (2006),
      doi:10.1007/s10543-006-0045-4. One pole: Driscoll & Healy (1994),
      doi:10.1006/aama.1994.1008.
    """
    values = np.asarray(lat, np.float64)
    if values.ndim != 1 or len(values) < 2 or not (np.abs(values) <= 90.001).all():
        raise ValueError(
            f"lat has shape {values.shape} and is not two or more latitudes within 90 "
            "degrees, as the rows of a global grid are"
        )
    southward = values if values[0] > values[-1] else values[::-1]
    rows = next((rows for rows in _candidates(southward) if rows is not None), None)
    if rows is None:
        raise ValueError(_complaint(values))
    if values[0] > values[-1]:
        return rows
    return GridRows(rows.lat[::-1], rows.weights[::-1], rows.max_degree)


def _candidates(southward: NDArray[np.float64]):
    """What the rows might be, None where they are not."""
    count = len(southward)
    yield _matching(southward, (np.arange(count) + 0.5) * 180 / count, _fejer)
    yield _matching(southward, np.linspace(0, 180, count), _clenshaw_curtis)
    if count % 2 == 0:
        from_pole = np.arange(count) * 180 / count
        yield _matching(southward, from_pole, _driscoll_healy)
        yield _matching(southward, 180 - from_pole[::-1], _driscoll_healy)
    nodes, weights = roots_legendre(count)
    colatitude = np.arccos(nodes)[::-1] / DEGREE
    yield _matching(southward, colatitude, lambda _: (weights[::-1], count - 1))


def _matching(southward, colatitude, rule) -> GridRows | None:
    """Rows at these colatitudes by this rule, if that is where they are."""
    lat = 90 - colatitude
    allowed = TOLERANCE * 180 / len(lat)
    if not (np.abs(southward - lat) <= allowed).all():
        return None
    weights, max_degree = rule(colatitude * DEGREE)
    return GridRows(lat, weights, max_degree)


def _fejer(theta: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    count = len(theta)
    k = np.arange(1, (count - 1) // 2 + 1)
    waves = np.cos(2 * np.outer(theta, k)) @ (1 / (4.0 * k**2 - 1))
    return 2 / count * (1 - 2 * waves), (count - 1) // 2


def _clenshaw_curtis(theta: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    last = len(theta) - 1
    k = np.arange(1, last // 2 + 1)
    share = np.where(2 * k == last, 1.0, 2.0) / (4.0 * k**2 - 1)
    weights = 2 / last * (1 - np.cos(2 * np.outer(theta, k)) @ share)
    weights[[0, -1]] /= 2
    return weights, last // 2


def _driscoll_healy(theta: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    count = len(theta)
    k = 2 * np.arange(count // 2) + 1
    waves = np.sin(np.outer(theta, k)) @ (1 / k)
    return 4 / count * np.sin(theta) * waves, count // 2 - 1


def _complaint(lat: NDArray[np.float64]) -> str:
    steps = np.diff(lat)
    even = np.abs(steps - steps.mean()).max() <= TOLERANCE * np.abs(steps.mean())
    what = "equally spaced but do not cover the globe" if even else "uneven"
    return (
        f"lat has {len(lat)} rows from {lat[0]:g} to {lat[-1]:g} degrees that are "
        f"{what}; analysis needs rows from pole to pole, equally spaced or Gaussian: "
        "interpolate to such a grid"
    )


def longitude_start(lon: ArrayLike) -> float:
    """Check that longitudes go around the Earth in equal steps eastward.

    Args:
      lon: Longitudes [degrees], shape (lon,); they may jump by 360.

    Returns:
      The first of them [degrees].

    Raises:
      ValueError: If they do not.
    """
    lon = np.asarray(lon, np.float64)
    count = lon.size
    if lon.ndim != 1 or count == 0 or not np.isfinite(lon).all():
        raise ValueError(f"lon has shape {lon.shape} or is not finite: give one axis")
    steps = np.diff(lon, append=lon[0] + 360) % 360
    if count > 1 and min(steps[-1], 360 - steps[-1]) < 1e-6:
        raise ValueError(
            f"lon ends at {lon[-1]:g} on the meridian where it began, {lon[0]:g}; "
            "leave the last column out"
        )
    if count > 1 and np.abs(steps - 360 / count).max() > 2 * TOLERANCE * 360 / count:
        raise ValueError(
            f"lon has {count} columns from {lon[0]:g} to {lon[-1]:g} degrees that are "
            f"not {360 / count:g} apart eastward; analysis needs equal steps around "
            "the globe: sort or interpolate"
        )
    return float(lon[0])
