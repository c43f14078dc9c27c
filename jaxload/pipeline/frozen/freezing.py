"""Parameters of a study frozen, when its water was estimated."""

import datetime
import pathlib
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import jaxload
from jaxload import config, inversion, series
from jaxload.pipeline.estimation.inversion import InversionResult
from jaxload.pipeline.frozen.frozen_network import (
    NETWORK,
    frozen_arrays,
    frozen_values,
)
from jaxload.pipeline.frozen.kept_state import STATE_VERSION, KeptState
from jaxload.pipeline.inputs.files_of_series import series_sizes
from jaxload.pipeline.prepare.frozen_cleaning import PREFIX_OF_KEPT

__all__ = ["annual_sums", "freeze", "season_basis"]

Floats = NDArray[np.float64]

#: Day about which rates of the annual amplitude are counted, whatever the record.
BEGIN = np.array("2000-01-01", "M8[D]")


def freeze(
    study: config.Study,
    gnss: xr.Dataset,
    screening: xr.Dataset,
    inverted: InversionResult,
    regions: xr.Dataset,
    readings: pathlib.Path,
) -> KeptState:
    """Collect what later days are estimated by.

    Args:
      study: The study.
      gnss: Heights as they were inverted, with the parameters of their cleaning.
      screening: What screening says of each station.
      inverted: Result of the inversion.
      regions: Its means over regions, not yet rounded.
      readings: File with the heights as they were read.

    Returns:
      The `KeptState`.
    """
    noise = inverted.settled
    assert noise is not None
    rows = list(map(str, gnss.station.values))
    parameters = {
        str(name): values.rename({"station": "row"} if "station" in values.dims else {})
        for name, values in gnss.data_vars.items()
        if str(name).startswith(PREFIX_OF_KEPT)
    }
    solution, network = inverted.estimate.solution, inverted.spectral
    arrays = xr.Dataset(
        {name: (x.dims, x.values) for name, x in parameters.items()}
        | _noise_of_rows(study, gnss, noise)
        | _region_means(regions)
        | _places(gnss)
        | {"screening_factor": ("row", _screening_factor(study, screening, rows))}
        | _seasons(gnss.time.values, solution)
        | (
            {}
            if network is None
            else frozen_arrays(network, solution, inverted.errors.means)
        ),
        coords={"row": rows, "epoch": gnss.time.values},
    )
    about = _about(study, inverted, noise) | {"series": series_sizes(study)}
    if network is not None:
        about[NETWORK] = frozen_values(network, gnss.time.values)
    return KeptState(arrays, about, readings)


def _noise_of_rows(
    study: config.Study, gnss: xr.Dataset, noise: inversion.Noise
) -> dict[str, Any]:
    """Standard errors of rows, or by what factor those of each day are multiplied."""
    sigma = np.asarray(noise.sigma, np.float64)
    if study.gnss.sigma == "station":
        return {"sigma": ("row", sigma, {"units": "mm"})}
    ratio = sigma / gnss.up_sigma.where(gnss.up.notnull()).fillna(1.0).values
    return {"sigma_factor": ("row", np.nanmedian(ratio, axis=0))}


def _region_means(regions: xr.Dataset) -> dict[str, Any]:
    names = [name for name in ("twsa", "twsa_sd") if name in regions]
    return {
        f"region_{name}": (("epoch", "region"), regions[name].values.astype(float))
        for name in names
    }


def _places(gnss: xr.Dataset) -> dict[str, Any]:
    return {
        f"row_{name}": ("row", np.asarray(gnss[name].values, float))
        for name in ("lon", "lat")
    }


def _screening_factor(
    study: config.Study, screening: xr.Dataset, rows: list[str]
) -> Floats:
    """By what the standard errors of suspects and on soft ground were multiplied."""
    settings, names = study.screening, list(map(str, screening.candidate.values))
    total = np.ones(len(rows))
    raised = {"suspect": (settings.action, settings.factor)}
    if "soft_ground" in screening:
        raised["soft_ground"] = (
            settings.soft_ground_action,
            settings.soft_ground_factor,
        )
    for flag, (action, factor) in raised.items():
        if action == "downweight":
            flagged = dict(zip(names, screening[flag].values.astype(bool)))
            total *= np.array([factor if flagged.get(row) else 1.0 for row in rows])
    return total


def _seasons(
    time: NDArray[np.datetime64], solution: inversion.RepresenterSolution
) -> dict[str, Any]:
    normal, sums = annual_sums(time, solution)
    named = {
        f"season_sums_{number}": (("season", f"field_{number}"), values)
        for number, values in enumerate(sums)
    }
    return {"season_normal": (("season", "season_too"), normal), **named}


def annual_sums(
    time: NDArray[np.datetime64], solution: inversion.RepresenterSolution
) -> tuple[Floats, list[Floats]]:
    """Sum over epochs what the annual amplitude of water is computed from.

    Args:
      time: Epochs, shape (epoch,).
      solution: The water.

    Returns:
      Products of the terms of a season, shape (6, 6), and of these with the
      coefficients of each part of the water, each of shape (6, field).
    """
    parts = [np.asarray(term.coefficients) for term in solution.terms]
    known = np.all([np.isfinite(part).all(axis=1) for part in parts], axis=0)
    basis = season_basis(time) * known[:, None]
    sums = [basis.T @ np.where(known[:, None], part, 0) for part in parts]
    return basis.T @ basis, sums


def season_basis(time: NDArray[np.datetime64]) -> Floats:
    """Offset, rate, annual and semi-annual terms, the rate about a fixed day.

    Args:
      time: Epochs, shape (epoch,).

    Returns:
      As `series.seasonal_basis`, shape (epoch, 6).
    """
    basis = series.seasonal_basis(time)
    basis[:, 1] = series.decimal_years(time) - series.decimal_years(BEGIN)
    return basis


def _about(
    study: config.Study, inverted: InversionResult, noise: inversion.Noise
) -> dict[str, Any]:
    choice, errors = inverted.choice, inverted.errors
    return {
        "state_version": STATE_VERSION,
        "versions": {"jaxload": jaxload.__version__},
        "folder": str(pathlib.Path(study.folder).absolute()),
        "frozen_on": datetime.datetime.now().isoformat(" ", "seconds"),
        "beta": float(choice.beta),
        "common_variance_mm2": float(np.asarray(noise.common)),
        "errors": errors.kind,
    }
