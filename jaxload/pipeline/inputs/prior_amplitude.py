"""Map of the expected amplitude of water, interpolated to the cells."""

import pathlib

import numpy as np
import scipy.interpolate
import scipy.ndimage
from numpy.typing import NDArray

from jaxload import config, io, sphere

__all__ = ["relative_amplitude"]


def relative_amplitude(
    study: config.Study, grid: sphere.Grid
) -> NDArray[np.float64] | None:
    """Interpolate the map of a study to its cells.

    Bilinear between the values of the map; where it has none, as at sea, the nearest.

    Args:
      study: Names the map in `inversion.amplitude`.
      grid: The cells.

    Returns:
      Amplitude of each cell with a root mean square of one, shape (cell,); None where
      no map is named.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it holds no map, does not reach all cells, or says that somewhere
        there is no water at all.
    """
    if not study.inversion.amplitude:
        return None
    source = config.grid_source(study.inversion.amplitude)
    path = study.path(source.paths[0])
    middle = (grid.lon_axis[0] + grid.lon_axis[-1]) / 2
    values, lat, lon = _read(path, source, middle)
    _check_reach(path, (lat, lon), grid)
    known = _filled(values)
    place = (np.clip(grid.lat, lat[0], lat[-1]), np.clip(grid.lon, lon[0], lon[-1]))
    amplitude = scipy.interpolate.interpn((lat, lon), known, place)
    if not (amplitude > 0).all():
        raise ValueError(
            f"{path} has an amplitude of {amplitude.min():g} in the region, expected "
            "positive ones; fill it with a small one where little water is expected"
        )
    return amplitude / np.sqrt(np.mean(amplitude**2))


def _read(
    path: pathlib.Path, source: config.GridSource, middle: float
) -> tuple[NDArray, NDArray, NDArray]:
    """Values, lat and lon, ascending, with lon on the turn about the middle."""
    field = io.read_map(path, str(source.variable), source.fill)
    lon = (field.lon.values - middle + 180) % 360 - 180 + middle
    field = field.assign_coords(lon=lon).sortby("lon")
    if min(field.shape) < 2 or not np.isfinite(field.values).any():
        raise ValueError(
            f"{path}: {field.name} has {field.shape[0]} latitudes and {field.shape[1]} "
            "longitudes, expected two or more of each and a value somewhere"
        )
    return field.values.astype(np.float64), field.lat.values, field.lon.values


def _check_reach(
    path: pathlib.Path, axes: tuple[NDArray, NDArray], grid: sphere.Grid
) -> None:
    """A cell may lie as far outside the outer centres as the map's own edge."""
    outside = np.zeros(len(grid.lon), bool)
    for axis, place in zip(axes, (grid.lat, grid.lon)):
        half = np.diff(axis).max() / 2
        outside |= (place < axis[0] - half) | (place > axis[-1] + half)
    if outside.any():
        lat, lon = axes
        raise ValueError(
            f"{path} does not cover {outside.sum()} of {len(outside)} cells: it spans "
            f"{lon[0]:g} to {lon[-1]:g} in lon and {lat[0]:g} to {lat[-1]:g} in lat; "
            "take a larger map or a smaller region"
        )


def _filled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nearest value where there is none."""
    missing = ~np.isfinite(values)
    nearest = scipy.ndimage.distance_transform_edt(
        missing, return_distances=False, return_indices=True
    )
    return values[tuple(np.asarray(nearest))]
