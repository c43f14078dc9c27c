"""Files of results with later epochs, written beside those that they will replace."""

import dataclasses
import pathlib
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion, io, sphere
from jaxload.io.appending import EpochChange, change_epochs
from jaxload.pipeline.frozen.kept_state import STATE_ARRAYS
from jaxload.pipeline.report.datasets import station_results
from jaxload.pipeline.report.file_labels import bounds_of_epochs
from jaxload.pipeline.report.summary import root_mean_square_of
from jaxload.pipeline.results.files import MAPS, as_single
from jaxload.pipeline.results.pending import copy_to_pending
from jaxload.pipeline.update.later_epochs import LaterEpochs
from jaxload.pipeline.update.later_heights import LaterHeights
from jaxload.pipeline.update.later_seasons import (
    amplitude_of_maps,
    amplitude_of_sums,
)
from jaxload.pipeline.update.later_water import LaterWater

__all__ = [
    "change_coefficients",
    "change_maps",
    "change_state",
    "change_stations",
    "describe_stations",
    "map_file_of",
]


def map_file_of(folder: pathlib.Path) -> str:
    """Find the file of the maps.

    Args:
      folder: Of the results.

    Returns:
      Its name.

    Raises:
      FileNotFoundError: If there is none.
    """
    for name in MAPS:
        if (folder / name).exists():
            return name
    raise FileNotFoundError(f"{folder} has no {' or '.join(MAPS)}; run the study again")


def change_maps(
    folder: pathlib.Path,
    study: config.Study,
    grid: sphere.Grid,
    epochs: LaterEpochs,
    later: tuple[LaterWater, dict[str, NDArray[Any]]],
) -> str:
    """Set and append maps of water.

    Args:
      folder: Of the results.
      study: Its settings are kept as attributes.
      grid: The cells.
      epochs: Which epochs change.
      later: Their water, and sums over all epochs for the annual amplitude; empty where
        this is computed from the maps.

    Returns:
      The name of the file.

    Raises:
      ValueError: If it cannot be written.
    """
    name, (water, sums) = map_file_of(folder), later
    solution = water.estimate.solution
    values: dict[str, NDArray[Any]] = {"solved": np.asarray(solution.ok, np.int8)}
    if "twsa" in study.output.store:
        load = np.asarray(inversion.load_at(solution, slice(None)), np.float32)
        values["twsa"] = sphere.to_raster(grid, load)
        if water.cell_sd is not None:
            values["twsa_sd"] = sphere.to_raster(grid, water.cell_sd)
    path = copy_to_pending(folder, name)
    attributes = {"settings": config.to_toml(study)}
    change = _change_of(epochs, values)
    change_epochs(path, dataclasses.replace(change, attributes=attributes))
    with io.read_dataset(path) as maps:
        seasonal = "annual_amplitude" in maps
    if seasonal:
        size = (
            amplitude_of_sums(sums, solution) if sums else amplitude_of_maps(path, grid)
        )
        raster = {"annual_amplitude": sphere.to_raster(grid, size.astype("f4"))}
        none = np.empty(0, np.intp)
        change_epochs(path, EpochChange("time", epochs.time, none, {}, raster))
    return name


def change_stations(
    folder: pathlib.Path, epochs: LaterEpochs, water: LaterWater, heights: xr.Dataset
) -> str:
    """Set and append observed and predicted heights of the stations.

    Args:
      folder: Of the results.
      epochs: Which epochs change.
      water: Their water.
      heights: Their heights.

    Returns:
      The name of the file.

    Raises:
      ValueError: If it cannot be written.
    """
    name = "stations.nc"
    changed = as_single(station_results(heights, water.estimate))
    path = copy_to_pending(folder, name)
    with io.read_dataset(path) as stations:
        names = [
            str(x) for x, array in stations.data_vars.items() if "time" in array.dims
        ]
    values = {x: changed[x].values for x in names if x in changed}
    change_epochs(path, _change_of(epochs, values))
    return name


def change_coefficients(
    folder: pathlib.Path, epochs: LaterEpochs, water: LaterWater
) -> list[str]:
    """Set and append coefficients of water, if the study stores them.

    Args:
      folder: Of the results.
      epochs: Which epochs change.
      water: Their water.

    Returns:
      The name of the file, if there is one.

    Raises:
      ValueError: If it cannot be written.
    """
    name = "coefficients.nc"
    if not (folder / name).exists():
        return []
    terms = water.estimate.solution.terms
    with io.read_dataset(folder / name) as before:
        factored = "coefficient" in before
    if factored:
        parts = [np.asarray(term.coefficients) for term in terms]
        values = {"coefficient": np.concatenate(parts, axis=1)}
    else:
        load = inversion.load_at(water.estimate.solution, slice(None))
        values = {"water": np.asarray(load, np.float32)}
    path = copy_to_pending(folder, name)
    change_epochs(path, _change_of(epochs, values))
    return [name]


def _change_of(epochs: LaterEpochs, values: dict[str, NDArray[Any]]) -> EpochChange:
    """A change of values by time, with the intervals of all epochs."""
    bounds = bounds_of_epochs(epochs.time)
    days = f"{len(epochs.places)} epochs set or added"
    changed = epochs.time, epochs.places, values
    return EpochChange("time", *changed, bounds=bounds, event=days)


def describe_stations(path: pathlib.Path) -> dict[str, Any]:
    """Summarise the heights of stations and what is left of them.

    Args:
      path: The file, with later epochs.

    Returns:
      Entries of the summary.
    """
    with io.read_dataset(path) as stations:
        time = stations.time.values
        up, predicted = stations.up.values, stations.predicted.values
        left = ()
        if "leave_one_out_residual" in stations:
            left = (stations.leave_one_out_residual.values,)
        common = 0.0
        if "common_mode" in stations:
            common = stations.common_mode.values[:, None]
    return {
        "leave_one_out_rms_mm": root_mean_square_of(left),
        "signal_rms_mm": root_mean_square_of([up]),
        "misfit_rms_mm": root_mean_square_of([up - predicted - common]),
        "epochs": len(time),
        "first_day": str(time[0])[:10],
        "last_day": str(time[-1])[:10],
    }


def change_state(
    folder: pathlib.Path,
    later: LaterHeights,
    epochs: LaterEpochs,
    water: LaterWater,
    whole: dict[str, NDArray[Any]],
) -> str:
    """Set and append heights as they were read, and means over regions.

    Args:
      folder: Of the results.
      later: The heights.
      epochs: Which epochs change.
      water: Water of the epochs that change.
      whole: Sums over epochs.

    Returns:
      The name of the file.

    Raises:
      ValueError: If it cannot be written.
    """
    path = copy_to_pending(folder, STATE_ARRAYS)
    read = {"up_read": later.up, "up_sigma_read": later.up_sigma}
    days = {name: values[later.entered] for name, values in read.items()}
    change_epochs(path, EpochChange("day", later.day, later.entered, days, whole))
    means: dict[str, NDArray[Any]] = {"region_twsa": water.regions}
    if water.region_sd is not None:
        means["region_twsa_sd"] = water.region_sd
    if water.rest_sd is not None:
        means["region_rest_sd"] = water.rest_sd
    with io.read_dataset(path) as state:
        spectral = "coefficient" in state
    if spectral:
        term = water.estimate.solution.terms[0]
        means["coefficient"] = np.asarray(term.coefficients)
    change_epochs(path, EpochChange("epoch", epochs.time, epochs.places, means))
    return STATE_ARRAYS
