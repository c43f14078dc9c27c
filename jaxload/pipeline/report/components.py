"""Horizontal displacement of stations, and errors of the frame, as labelled data."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import earth, inversion
from jaxload.pipeline.estimation.component_layout import ComponentRows, values_of
from jaxload.pipeline.estimation.solution import Estimate
from jaxload.pipeline.report.summary import root_mean_square_of

__all__ = ["describe_components", "with_horizontals"]

DIMS = ("time", "station")

#: Epochs whose parameters are estimated at a time.
TOGETHER = 256


def with_horizontals(
    stations: xr.Dataset, gnss: xr.Dataset, estimate: Estimate, rows: ComponentRows
) -> xr.Dataset:
    """Add observed and predicted horizontals to the heights of stations.

    Args:
      stations: From `station_results`.
      gnss: The observations.
      estimate: Of the water, of all rows.
      rows: Which component of which station each row is.

    Returns:
      The dataset, with ``north``, ``predicted_north``, ``leave_one_out_residual_north``
      and so on [mm], ``residual_<component>`` less water, frame and common mode, and
      ``frame`` (time, frame_parameter) [mm] where errors of the frame were estimated.
    """
    fitted = np.asarray(estimate.solution.fitted)
    observed = np.full(fitted.shape, np.nan)
    for name in rows.names:
        some = rows.component == name
        observed[:, some] = gnss[name].values[:, rows.station[some]]
    shared, amounts = _shared_errors(estimate.noise, observed - fitted)
    residual = observed - fitted - shared
    sigma = np.broadcast_to(np.asarray(estimate.noise.sigma), fitted.shape)
    sigma = np.where(np.isfinite(observed), sigma, np.nan)
    labelled: dict[str, tuple[Any, str]] = {}
    for name in rows.names:
        of_name = {
            f"predicted_{name}": (fitted, f"{name} displacement by the water"),
            f"leave_one_out_residual_{name}": (
                estimate.left_out,
                f"observed {name} minus predicted from the other stations",
            ),
            f"{name}_sigma_effective": (
                sigma,
                "standard error that weighted the observation",
            ),
            f"residual_{name}": (
                residual,
                f"observed {name} less water, frame and common mode",
            ),
        }
        kept = of_name if name != "up" else {"residual_up": of_name["residual_up"]}
        labelled |= {
            key: (values_of(values, rows, name), meaning)
            for key, (values, meaning) in kept.items()
        }
    horizontals = [name for name in rows.names if name != "up"]
    also = [name for part in horizontals for name in (part, f"{part}_sigma")]
    stations = stations.assign({name: gnss[name] for name in also}).assign(
        {
            key: (DIMS, values, {"units": "mm", "long_name": meaning})
            for key, (values, meaning) in labelled.items()
            if values is not None
        }
    )
    return stations if amounts is None else stations.assign(_frame(rows, amounts))


def _frame(rows: ComponentRows, amounts: NDArray[np.float64]) -> dict[str, Any]:
    """Parameters of the frame [mm], those without any variance left out."""
    sizes = np.repeat(rows.frame, [3, 3, 1])
    names = np.array(earth.FRAME_PARAMETERS)[sizes > 0]
    amounts = amounts * sizes[sizes > 0]
    labels = {
        "units": "mm",
        "long_name": "estimated errors of the reference frame",
        "comment": "shifts along axes, turns about them at the surface, scale",
    }
    values = (("time", "frame_parameter"), amounts.astype(np.float32), labels)
    return {"frame_parameter": ("frame_parameter", names), "frame": values}


def _shared_errors(
    noise: inversion.Noise, left: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Errors of rows by the frame and the common mode, and amounts of patterns.

    The posterior mean given the water: amounts have unit variance beforehand, and rows
    their sigma.
    """
    columns = _columns(noise, left.shape[1])
    sigma = np.broadcast_to(np.asarray(noise.sigma), left.shape)
    amounts = np.zeros((len(left), columns.shape[1]))
    for first in range(0, len(left), TOGETHER):
        epochs = slice(first, first + TOGETHER)
        weight = np.where(np.isfinite(left[epochs]), sigma[epochs] ** -2.0, 0.0)
        normal = np.einsum("er,rp,rq->epq", weight, columns, columns, optimize=True)
        right = (weight * np.nan_to_num(left[epochs])) @ columns
        normal += np.eye(columns.shape[1])
        amounts[epochs] = np.linalg.solve(normal, right[..., None])[..., 0]
    count = 0 if noise.patterns is None else noise.patterns.shape[1]
    return amounts @ columns.T, amounts[:, :count] if count else None


def _columns(noise: inversion.Noise, rows: int) -> NDArray[np.float64]:
    """Displacement of rows by each shared error of unit variance, (row, error)."""
    columns = [np.zeros((rows, 0))]
    if noise.patterns is not None:
        columns.append(np.asarray(noise.patterns))
    if noise.common is not None:
        moved = np.ones(rows) if noise.common_rows is None else noise.common_rows
        offset = np.sqrt(float(np.asarray(noise.common))) * np.asarray(moved, float)
        columns.append(offset[:, None])
    return np.concatenate(columns, axis=1)


def describe_components(stations: xr.Dataset, rows: ComponentRows) -> dict[str, Any]:
    """Summarise each component in plain numbers.

    Args:
      stations: From `with_horizontals`.
      rows: Which component of which station each row is.

    Returns:
      ``components``, with stations, median sigma and rms of signal, misfit and
      leave-one-out residual of each [mm]; ``misfit_rms_mm`` of heights, which the frame
      moves too; ``frame_rms_mm`` of each parameter of the frame, and ``frame_sd_mm``,
      its standard deviations in the noise.
    """
    described: dict[str, Any] = {}
    for name in rows.names:
        suffix = "" if name == "up" else f"_{name}"
        left_out = stations[f"leave_one_out_residual{suffix}"].values
        described[name] = {
            "stations": int((rows.component == name).sum()),
            "sigma_mm": float(np.nanmedian(stations[f"{name}_sigma_effective"])),
            "signal_rms_mm": root_mean_square_of([stations[name].values]),
            "misfit_rms_mm": root_mean_square_of([stations[f"residual_{name}"].values]),
            "leave_one_out_rms_mm": root_mean_square_of([left_out]),
        }
    summary: dict[str, Any] = {
        "components": described,
        "misfit_rms_mm": described["up"]["misfit_rms_mm"],
    }
    if "frame" in stations:
        rms = np.sqrt(np.nanmean(stations.frame.values.astype(np.float64) ** 2, axis=0))
        names = map(str, stations.frame_parameter.values)
        summary["frame_rms_mm"] = dict(zip(names, rms.tolist()))
        summary["frame_sd_mm"] = {k: float(x) for k, x in rows.frame._asdict().items()}
    return summary
