"""Summary of results in plain numbers."""

import importlib.metadata
import math
import platform
from collections.abc import Iterable, Iterator
from typing import Any

import jax
import numpy as np
import xarray as xr
from numpy.typing import NDArray

import jaxload
from jaxload.pipeline.chunks import blocks
from jaxload.pipeline.estimation.hyperparameters import Choice
from jaxload.pipeline.estimation.solution import Estimate
from jaxload.pipeline.estimation.uncertainty import Errors
from jaxload.pipeline.estimation.unsolved import runs_of_days

__all__ = [
    "describe_errors",
    "root_mean_square_of",
    "summarise",
]


def summarise(
    stations: xr.Dataset, water: xr.Dataset, choice: Choice, estimate: Estimate
) -> dict[str, Any]:
    """Summarise results and data in plain numbers.

    Args:
      stations: From `station_results`.
      water: From `water_results`.
      choice: The weight of the prior, and the criterion.
      estimate: Of the water.

    Returns:
      Entries of `summary.json`, except for times and scores.
    """
    up, predicted = stations.up.values, stations.predicted.values
    common = np.asarray(estimate.solution.common)[:, None]
    misfit = (up[n] - predicted[n] - common[n] for n in blocks(len(up)))
    left_out = () if estimate.left_out is None else _parts(estimate.left_out)
    return {
        "title": water.attrs["title"],
        "beta": water.attrs["beta"],
        "criterion": choice.tried,
        "criterion_name": choice.name,
        "criterion_unit": choice.unit,
        "leave_one_out_rms_mm": root_mean_square_of(left_out),
        "signal_rms_mm": root_mean_square_of(_parts(up)),
        "misfit_rms_mm": root_mean_square_of(misfit),
        "common_mode_mm": _common_mode(estimate),
        "stations": stations.sizes["station"],
        "cells": int((water.cell_mask.values > 0).sum()),
        "epochs": stations.sizes["time"],
        "first_day": str(stations.time.values[0])[:10],
        "last_day": str(stations.time.values[-1])[:10],
        "epochs_not_solved": int((water.solved.values == 0).sum()),
        "unsolved": runs_of_days(water.time.values, water.solved.values),
        "files_left_out": stations.attrs.get("files_left_out", ""),
        "device": jax.devices()[0].device_kind,
        "versions": _versions(),
    }


def _common_mode(estimate: Estimate) -> float:
    """Its standard deviation [mm]; zero where the noise has none."""
    common = estimate.noise.common
    return 0.0 if common is None else float(np.sqrt(common))


def root_mean_square_of(parts: Iterable[NDArray[np.floating]]) -> float:
    """Compute the rms of values that come part by part.

    Args:
      parts: Of any shape; NaN is left out.

    Returns:
      The rms; NaN if there is no value.
    """
    total, count = 0.0, 0
    for part in parts:
        known = ~np.isnan(part)
        total += float(np.square(np.where(known, part, 0), dtype=np.float64).sum())
        count += int(known.sum())
    return math.sqrt(total / count) if count else math.nan


def _parts(values: NDArray[np.floating]) -> Iterator[NDArray[np.floating]]:
    return (values[epochs] for epochs in blocks(len(values)))


def _versions() -> dict[str, str]:
    packages = ("jax", "jaxlib", "numpy", "scipy", "xarray")
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {
        "jaxload": jaxload.__version__,
        "python": platform.python_version(),
        **versions,
    }


def describe_errors(errors: Errors, regions: xr.Dataset) -> dict[str, Any]:
    """Summarise the standard errors of water.

    Args:
      errors: The standard errors.
      regions: From `with_errors`.

    Returns:
      Kind and method of the errors; medians over the epochs by region.
    """
    if errors.regions is None:
        return {"kind": errors.kind}
    median = np.nanmedian(np.where(np.isnan(errors.regions), np.inf, errors.regions), 0)
    names = map(str, regions.region.values)
    by_region = dict(zip(names, median.tolist()))
    return {"kind": errors.kind, "method": errors.method, "region_sd_mm": by_region}
