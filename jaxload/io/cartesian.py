"""Geocentric positions to displacement in the local north, east and up."""

import re

import numpy as np
from numpy.typing import NDArray

from jaxload.io.dates import checked_days, days_of_texts
from jaxload.io.reading import Reading
from jaxload.io.sites import Site
from jaxload.io.source import Source
from jaxload.io.station_series import Series
from jaxload.io.table import Table, number_column, split_table, text_column

__all__ = ["geodetic", "is_xyz", "local_series", "read_xyz"]

#: WGS 84: equatorial radius [m] and squared eccentricity (NIMA TR8350.2, 2000).
RADIUS = 6378137.0
ECCENTRICITY = 6.69437999014e-3

#: Distances from the geocentre at which stations can stand [m].
NEAREST, FARTHEST = 6.3e6, 6.5e6

_CARTESIAN = ("x", "y", "z", "x sigma", "y sigma", "z sigma")
_CORRELATION = ("xy", "xz", "yz")


def is_xyz(source: Source) -> bool:
    """Whether lines are ``name yyyy-mm-ddThh:mm:ss x y z``, sigmas, correlations."""
    return bool(source.rows) and all(
        len(row) == 11 and re.match(r"\d{4}-\d\d-\d\dT", row[1]) for row in source.rows
    )


def read_xyz(source: Source, reading: Reading) -> list[Series]:
    """Read SOPAC's raw geocentric positions in metres, relative to their mean."""
    del reading  # The format fixes its units.
    table = split_table(
        source.path, source.lines, (11,), ": name time x y z, sigmas, correlations"
    )
    names = {name.upper() for name in text_column(table, 0)}
    if len(names) > 1:
        raise ValueError(
            f"{source.path} holds {len(names)} stations; give each a file of its own"
        )
    text = text_column(table, 1)
    day = checked_days(
        source.path, table.numbers, text, days_of_texts(text, "%Y-%m-%d")
    )
    return [local_series(table, names.pop(), day, 2)]


def local_series(
    table: Table, station: str, day: NDArray[np.datetime64], first: int
) -> Series:
    """Turn columns of geocentric positions into a series.

    Standard errors come from the whole covariance, with its correlations.

    Args:
      table: Rows with x, y, z [m], their standard errors and the correlations xy, xz
        and yz in nine neighbouring columns.
      station: Name of the station.
      day: Days, shape (row,).
      first: Position of x.

    Returns:
      Displacement relative to the mean position.

    Raises:
      ValueError: If a position is not on the surface of the Earth.
    """
    names = (*_CARTESIAN, *_CORRELATION)
    columns = [number_column(table, first + i, n) for i, n in enumerate(names)]
    position, sigma, correlation = (
        np.stack(columns[i : i + 3], axis=1) for i in (0, 3, 6)
    )
    _check_distance(table, position)
    mean = np.nanmean(position, axis=0)
    site = geodetic(mean)
    axes = _local_axes(site)
    local = 1000.0 * (position - mean) @ axes.T
    error = 1000.0 * _local_sigma(sigma, correlation, axes)
    order = ("north", "east", "up")
    return Series(
        station,
        day,
        {name: local[:, i] for i, name in enumerate(order)},
        {name: error[:, i] for i, name in enumerate(order)},
        site,
        "mean over the file",
    )


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


def _local_axes(site: Site) -> NDArray[np.float64]:
    """Unit vectors to the north, east and up as rows."""
    lon, lat = np.radians([site.lon, site.lat])
    return np.array(
        [
            [-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)],
            [-np.sin(lon), np.cos(lon), 0.0],
            [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)],
        ]
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


def geodetic(position: NDArray[np.float64]) -> Site:
    """Find where on the ellipsoid WGS 84 a geocentric position is.

    Args:
      position: x, y, z [m].

    Returns:
      Longitude, latitude and height; exact to a micrometre near the surface.

    Source:
      Bowring (1976), Transformation from spatial to geographical coordinates, Survey
      Review 23 (181), 323-327, doi:10.1179/sre.1976.23.181.323.
    """
    x, y, z = position
    axis = np.hypot(x, y)
    polar = np.sqrt(1 - ECCENTRICITY)
    # Bowring's auxiliary angle, improved once.
    angle = np.arctan2(z, polar * axis)
    for _ in range(2):
        above = z + ECCENTRICITY / polar * RADIUS * np.sin(angle) ** 3
        beside = axis - ECCENTRICITY * RADIUS * np.cos(angle) ** 3
        angle = np.arctan2(polar * above, beside)
    lat = np.arctan2(np.sin(angle), polar * np.cos(angle))
    normal = RADIUS / np.sqrt(1 - ECCENTRICITY * np.sin(lat) ** 2)
    height = axis * np.cos(lat) + z * np.sin(lat) - RADIUS**2 / normal
    return Site(
        float(np.degrees(np.arctan2(y, x))), float(np.degrees(lat)), float(height)
    )
