"""Rows of the inversion: each is one component of one station."""

import dataclasses
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, earth
from jaxload.pipeline.inputs.observations import standard_errors
from jaxload.pipeline.prepare.horizontals import as_heights

__all__ = [
    "ComponentRows",
    "component_rows",
    "components_of",
    "frame_errors",
    "frame_patterns",
    "observed_rows",
    "values_of",
]

#: Size from which errors of the frame are estimated [mm].
START = 1.0


@dataclasses.dataclass(frozen=True, eq=False)
class ComponentRows:
    """Which component of which station each row is; heights of all stations first.

    Attributes:
      component: Names of the components, shape (row,).
      station: Index of the station, shape (row,).
      count: Number of stations.
      frame: Standard deviations of errors of the frame in the noise of the rows [mm].
    """

    component: NDArray[np.str_]
    station: NDArray[np.int64]
    count: int
    frame: earth.FrameErrors

    @property
    def names(self) -> tuple[str, ...]:
        """Components that there are rows of, in their order."""
        return tuple(map(str, dict.fromkeys(self.component)))


def component_rows(study: config.Study, gnss: xr.Dataset) -> ComponentRows:
    """List the rows of a network.

    Args:
      study: Its `gnss.components` are inverted.
      gnss: The stations; those without any value of a horizontal have no row of it.

    Returns:
      The `ComponentRows`.

    Raises:
      ValueError: If there is one station alone, which no other predicts.
    """
    count = gnss.sizes["station"]
    if count < 2:
        raise ValueError(
            "gnss.components with horizontals needs two stations, each of which is "
            'predicted from the other, but one is left; use gnss.components = ["up"]'
        )
    station = [np.arange(count)]
    for name in study.gnss.horizontals:
        seen = gnss[name].notnull().any("time").values
        station.append(np.flatnonzero(seen))
    names = ("up", *study.gnss.horizontals)
    component = np.repeat(names, list(map(len, station)))
    return ComponentRows(component, np.concatenate(station), count, frame_errors(study))


def observed_rows(
    study: config.Study, gnss: xr.Dataset, rows: ComponentRows
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Stack the observations of all components and their standard errors.

    Args:
      study: Its `gnss.sigma` says which standard errors.
      gnss: The stations.
      rows: From `component_rows`.

    Returns:
      Displacement [mm], shape (epoch, row), and its standard errors [mm], shape (row,)
      or (epoch, row).
    """
    values, sigma = [], []
    for name in rows.names:
        shown = gnss if name == "up" else as_heights(gnss, name)
        some = rows.station[rows.component == name]
        values.append(shown.up.values[:, some])
        sigma.append(standard_errors(study, shown)[..., some])
    return np.concatenate(values, axis=1), np.concatenate(sigma, axis=-1)


def frame_patterns(gnss: xr.Dataset, rows: ComponentRows) -> NDArray[np.float64] | None:
    """Compute the displacement of rows by errors of the reference frame.

    Args:
      gnss: Where the stations stand.
      rows: From `component_rows`, with the size of each.

    Returns:
      Displacement by a standard deviation of each parameter [mm], shape (row,
      parameter); None where there are none.
    """
    places: Any = gnss
    patterns = earth.frame_displacement(places, rows.frame, rows.names)
    return components_of(patterns, rows) if patterns.shape[1] else None


def frame_errors(study: config.Study) -> earth.FrameErrors:
    """Take the sizes of errors of the reference frame from a study.

    Args:
      study: Its table ``[inversion]`` has them; those to be estimated begin with 1 mm.
    """
    sizes = [getattr(study.inversion, name) for name in config.FRAME_SETTINGS]
    return earth.FrameErrors(*(START if isinstance(x, str) else x for x in sizes))


def _index_of(rows: ComponentRows) -> NDArray[np.int64]:
    """Rows among those of all stations and components."""
    order = {name: number for number, name in enumerate(rows.names)}
    block = np.array([order[str(name)] for name in rows.component], np.int64)
    return block * rows.count + rows.station


def components_of(values: Any, rows: ComponentRows) -> Any:
    """Take the rows that exist out of an array of all stations and components.

    Args:
      values: Shape (component * station, ...).
      rows: From `component_rows`.

    Returns:
      The same, of shape (row, ...).
    """
    return values[_index_of(rows)]


def values_of(
    values: Any, rows: ComponentRows, component: str
) -> NDArray[np.float32] | None:
    """Take what belongs to one component, station by station.

    Args:
      values: Rows last; None for none.
      rows: From `component_rows`.
      component: Which.

    Returns:
      The values, stations last, NaN where a station has no such row; None for none.
    """
    if values is None:
        return None
    some = np.flatnonzero(rows.component == component)
    chosen = np.asarray(values[..., some])
    result = np.full((*chosen.shape[:-1], rows.count), np.nan, np.float32)
    result[..., rows.station[some]] = chosen
    return result
