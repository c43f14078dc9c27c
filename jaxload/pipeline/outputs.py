"""Results as labelled datasets, plain numbers and figures."""

import dataclasses
import importlib.metadata
import importlib.util
import logging
import pathlib
import platform
import resource
import sys
from typing import Any

import jax
import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

import jaxload
from jaxload import config, inversion, io, series, sphere

__all__ = [
    "Result",
    "draw",
    "peak_memory",
    "rings",
    "station_results",
    "summarise",
    "water_results",
]

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What a study found.

    Attributes:
      water: `twsa` [mm] with dimensions (time, lat, lon), and masks.
      stations: Observed, predicted and leave-one-out values [mm], (time, station).
      regions: Daily means over regions [mm], and the reference where given.
      outline: Rings of the study region [degrees], each of shape (vertex, 2).
      summary: Plain numbers: what `summary.json` holds.
    """

    water: xr.Dataset
    stations: xr.Dataset
    regions: xr.Dataset
    outline: list[NDArray[np.float64]]
    summary: dict[str, Any]


def station_results(
    gnss: xr.Dataset,
    sigma: NDArray,
    solution: inversion.Solution,
    left_out: jax.Array,
) -> xr.Dataset:
    """Lay observed and predicted heights side by side.

    Args:
      gnss: The observations.
      sigma: Errors that weighted them [mm], shape (station,) or (epoch, station).
      solution: What was found.
      left_out: Leave-one-out residuals [mm], shape (epoch, station).

    Returns:
      A dataset of dimensions (time, station).
    """
    dims = ("time", "station")
    seen = np.isfinite(gnss.up.values)
    used = np.where(seen, np.broadcast_to(sigma, seen.shape), np.nan)
    values = {
        "predicted": (np.asarray(solution.fitted), "uplift by the estimated water"),
        "leave_one_out_residual": (
            np.asarray(left_out),
            "observed minus predicted from the other stations",
        ),
        "sigma_used": (used, "standard error that weighted the observation"),
    }
    stations = gnss[["up", "up_sigma"]]
    for name, (array, meaning) in values.items():
        labels = {"units": "mm", "long_name": meaning}
        stations[name] = (dims, array.astype(np.float32), labels)
    return stations


def water_results(
    study: config.Study,
    grid: sphere.Grid,
    region: Polygon | MultiPolygon,
    gnss: xr.Dataset,
    solution: inversion.Solution,
    beta: float,
) -> xr.Dataset:
    """Lay water out on its raster.

    Args:
      study: Its settings are kept as attributes.
      grid: The cells.
      region: Tells region from belt in `cell_mask`.
      gnss: Has the epochs as `time`.
      solution: What was found.
      beta: Weight of the prior.

    Returns:
      A dataset with `twsa` (time, lat, lon) [mm], by the CF conventions.
    """
    load = np.asarray(solution.load, np.float32)
    amplitude = np.asarray(series.annual_amplitude(solution.load, gnss.time.values))
    mask = np.where(shapely.intersects_xy(region, grid.lon, grid.lat), 2, 1)
    flags = {
        "long_name": "where water was estimated",
        "flag_values": np.array([0, 1, 2], np.int8),
        "flag_meanings": "outside belt region",
    }
    cells = np.nan_to_num(sphere.to_raster(grid, mask)).astype(np.int8)
    water = xr.Dataset(
        {
            "twsa": (("time", "lat", "lon"), sphere.to_raster(grid, load)),
            "annual_amplitude": (
                ("lat", "lon"),
                sphere.to_raster(grid, amplitude),
                {"units": "mm", "long_name": "annual amplitude of water storage"},
            ),
            "cell_mask": (("lat", "lon"), cells, flags),
            "ok": (
                "time",
                np.asarray(solution.ok).astype(np.int8),
                {"long_name": "1 where the epoch was solved"},
            ),
        },
        coords={"time": gnss.time, "lat": grid.lat_axis, "lon": grid.lon_axis},
        attrs={
            "Conventions": "CF-1.11",
            "title": study.title,
            "source": f"jaxload {jaxload.__version__}",
            "beta": beta,
            "settings": config.to_toml(study),
        },
    )
    return io.label_dataset(water)


def summarise(
    stations: xr.Dataset, water: xr.Dataset, criterion: list[dict[str, float]]
) -> dict[str, Any]:
    """Say in plain numbers what was found and on what.

    Args:
      stations: From `station_results`.
      water: From `water_results`.
      criterion: Each weight that was tried, with its value.

    Returns:
      What `summary.json` holds, but for times and scores.
    """
    misfit = stations.up.values - stations.predicted.values
    return {
        "title": water.attrs["title"],
        "beta": water.attrs["beta"],
        "criterion": criterion,
        "leave_one_out_rms_mm": _rms(stations.leave_one_out_residual.values),
        "signal_rms_mm": _rms(stations.up.values),
        "misfit_rms_mm": _rms(misfit),
        "stations": stations.sizes["station"],
        "cells": int((water.cell_mask.values > 0).sum()),
        "epochs": stations.sizes["time"],
        "first_day": str(stations.time.values[0])[:10],
        "last_day": str(stations.time.values[-1])[:10],
        "epochs_not_solved": int((water.ok.values == 0).sum()),
        "device": jax.devices()[0].device_kind,
        "versions": _versions(),
    }


def _rms(values: NDArray) -> float:
    return float(np.sqrt(np.nanmean(np.square(values, dtype=np.float64))))


def peak_memory() -> float:
    """Largest resident size of this process so far [GiB]."""
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _versions() -> dict[str, str]:
    packages = ("jax", "jaxlib", "numpy", "scipy", "xarray")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {
        "jaxload": jaxload.__version__,
        "python": platform.python_version(),
        **found,
    }


def rings(region: Polygon | MultiPolygon) -> list[NDArray[np.float64]]:
    """Take the rings of an outline, to draw them.

    Args:
      region: The outline.

    Returns:
      Vertices of each ring, holes included, shape (vertex, 2).
    """
    parts: list[Polygon] = list(getattr(region, "geoms", [region]))
    closed = [ring for part in parts for ring in (part.exterior, *part.interiors)]
    return [np.asarray(ring.coords)[:, :2] for ring in closed]


def draw(result: Result, folder: pathlib.Path) -> None:
    """Draw the figures of a result, if Matplotlib is there.

    Args:
      result: What was found.
      folder: Where the pictures go.
    """
    outline = result.outline
    if importlib.util.find_spec("matplotlib") is None:
        logger.warning("no figures were drawn; install jaxload[plot]")
        return
    from jaxload import plot

    curve = result.summary["criterion"]
    reference = result.regions.get("reference")
    figures = {
        "annual_amplitude": plot.map_of(
            result.water.annual_amplitude,
            "annual amplitude of water storage",
            outline,
            result.stations,
        ),
        "regions": plot.region_series(
            result.regions.twsa, reference, result.summary["evaluation"]
        ),
        "station_fit": plot.station_fit(result.stations, outline),
        "beta": plot.beta_curve(
            [row["beta"] for row in curve],
            [row["value"] for row in curve],
            result.summary["beta"],
            "leave-one-out rms [mm]",
        ),
    }
    for name, figure in figures.items():
        io.write_figure(figure, folder / f"{name}.png")
