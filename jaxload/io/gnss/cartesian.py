"""Geocentric and geodetic positions to displacement in the local north, east and up."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.gnss.frames import geodetic, local_axes, metres_per_degree
from jaxload.io.gnss.sites import check_site
from jaxload.io.gnss.station_series import Series
from jaxload.io.text.table import Table, number_column
from jaxload.io.text.words import is_number

__all__ = [
    "CORRELATIONS",
    "FARTHEST",
    "NEAREST",
    "column_mean",
    "geodetic_series",
    "is_geocentric",
    "local_series",
    "position_series",
]

#: Distances from the geocentre at which stations can stand [m].
NEAREST, FARTHEST = 6.3e6, 6.5e6

_CARTESIAN = ("x", "y", "z", "x sigma", "y sigma", "z sigma")
CORRELATIONS = ("xy", "xz", "yz")
_ORDER = ("north", "east", "up")


def local_series(
    table: Table,
    station: str,
    day: NDArray[np.datetime64],
    first: int,
    correlations: tuple[str, str, str] = CORRELATIONS,
) -> Series:
    """Turn columns of geocentric positions into a series.

    Standard errors come from the whole covariance, with its correlations.

    Args:
      table: Rows with x, y, z [m], their standard errors and their correlations in nine
        neighbouring columns.
      station: Name of the station.
      day: Days, shape (row,).
      first: Position of x.
      correlations: In which order the correlations come.

    Returns:
      Displacement relative to the mean position.

    Raises:
      ValueError: If a position is not on the surface of the Earth.
    """
    names = (*_CARTESIAN, *correlations)
    columns = [number_column(table, first + i, n) for i, n in enumerate(names)]
    columns[6:] = [columns[6 + correlations.index(name)] for name in CORRELATIONS]
    position, sigma, correlation = (
        np.stack(columns[i : i + 3], axis=1) for i in (0, 3, 6)
    )
    return position_series(table, station, day, position, sigma, correlation)


def position_series(
    table: Table,
    station: str,
    day: NDArray[np.datetime64],
    position: NDArray[np.float64],
    sigma: NDArray[np.float64] | None = None,
    correlation: NDArray[np.float64] | None = None,
) -> Series:
    """Turn geocentric positions into a series.

    Args:
      table: The table that they are from, for messages.
      station: Name of the station.
      day: Days, shape (row,).
      position: x, y and z [m], shape (row, 3).
      sigma: Their standard errors [m], shape (row, 3), if there are any.
      correlation: Correlations of these in the order of `CORRELATIONS`, shape (row, 3);
        none if it is None.

    Returns:
      Displacement relative to the mean position.

    Raises:
      ValueError: If a position is not on the surface of the Earth.
    """
    _check_distance(table, position)
    mean = np.array(
        [column_mean(table, position[:, i], name) for i, name in enumerate("xyz")]
    )
    site = geodetic(mean)
    axes = local_axes(site)
    local = 1000.0 * (position - mean) @ axes.T
    errors = {}
    if sigma is not None:
        related = np.zeros_like(sigma) if correlation is None else correlation
        error = 1000.0 * _local_sigma(sigma, related, axes)
        errors = {name: error[:, i] for i, name in enumerate(_ORDER)}
    return Series(
        station,
        day,
        {name: local[:, i] for i, name in enumerate(_ORDER)},
        errors,
        site,
        "mean over the file",
        zero=dict(zip("xyz", mean.tolist())),
    )


def is_geocentric(words: Sequence[str]) -> bool:
    """Whether words are x, y and z of a place on the Earth [m].

    Args:
      words: Of a line.
    """
    if len(words) != 3 or not all(map(is_number, words)):
        return False
    return NEAREST < math.hypot(*map(float, words)) < FARTHEST


def column_mean(table: Table, values: NDArray[np.float64], name: str) -> float:
    """Average a column of positions.

    Args:
      table: The table that it is from, for the message.
      values: The column, shape (row,); NaN where missing.
      name: What it is, for the message.

    Raises:
      ValueError: If all are missing.
    """
    seen = values[np.isfinite(values)]
    if not len(seen):
        raise ValueError(f"{table.path} has no number in its column of {name}")
    return float(seen.mean())


def geodetic_series(
    table: Table,
    station: str,
    day: NDArray[np.datetime64],
    position: dict[str, NDArray[np.float64]],
) -> Series:
    """Turn latitudes, longitudes and heights into a series.

    Args:
      table: The table that they are from, for messages.
      station: Name of the station.
      day: Days, shape (row,).
      position: "lat" and "lon" [degrees] and "up" [m], and what there is of
        "lat_sigma", "lon_sigma" and "up_sigma", each of shape (row,).

    Returns:
      Displacement relative to the mean of each component, and standard errors.

    Raises:
      ValueError: If a position is not on the Earth.
    """
    mean = {
        name: column_mean(table, position[name], name) for name in ("lon", "lat", "up")
    }
    site = check_site(
        mean["lon"], mean["lat"], mean["up"], f"{table.path} line {table.numbers[0]}"
    )
    scale = metres_per_degree(site)
    names = {"north": "lat", "east": "lon", "up": "up"}
    moved = {
        one: 1000.0 * scale[one] * (position[name] - mean[name])
        for one, name in names.items()
    }
    sigma = {
        one: 1000.0 * scale[one] * position[f"{name}_sigma"]
        for one, name in names.items()
        if f"{name}_sigma" in position
    }
    zero = {one: scale[one] * mean[name] for one, name in names.items()}
    return Series(station, day, moved, sigma, site, "mean over the file", zero=zero)


def _check_distance(table: Table, position: NDArray[np.float64]) -> None:
    with np.errstate(over="ignore"):
        distance = np.linalg.norm(position, axis=1)
    bad = (distance < NEAREST) | (distance > FARTHEST)
    if bad.any() or not np.isfinite(distance).any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"{table.path} line {table.numbers[row]}: x, y and z are "
            f"{distance[row]:.6g} m from the geocentre, expected metres on the Earth"
        )


def _local_sigma(
    sigma: NDArray[np.float64],
    correlation: NDArray[np.float64],
    axes: NDArray[np.float64],
) -> NDArray[np.float64]:
    xy, xz, yz = np.clip(correlation, -1, 1).T
    one = np.ones_like(xy)
    rows = [[one, xy, xz], [xy, one, yz], [xz, yz, one]]
    matrix = np.stack([np.stack(row, axis=1) for row in rows], axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        covariance = matrix * sigma[:, :, None] * sigma[:, None, :]
        variance = np.einsum("ci,eij,cj->ec", axes, covariance, axes)
        return np.sqrt(np.where(variance > 0, variance, np.nan))
