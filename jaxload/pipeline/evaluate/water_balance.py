"""The water balance of regions: fluxes beside storage change, and parts of storage."""

import logging
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, evaluate, sphere
from jaxload.pipeline.evaluate.monthly_water import MonthlyStorage, months_of_record
from jaxload.pipeline.inputs.coverage import inside_grid
from jaxload.pipeline.inputs.region_series import (
    MonthlyRegions,
    RegionSeries,
    read_region_series,
)
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.messages import listed

__all__ = ["areas_on_grid", "compute_water_balance", "read_water_balance"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]


def areas_on_grid(area: StudyArea) -> Floats:
    """Compute the areas of the parts of regions that lie on the cells.

    Args:
      area: The regions.

    Returns:
      Areas [km2], shape (region,).
    """
    return sphere.basin_areas(area.outlines) * area.basins.covered


def read_water_balance(
    study: config.Study, area: StudyArea, time: NDArray[np.datetime64]
) -> dict[str, RegionSeries]:
    """Read fluxes and parts of storage of a study.

    Args:
      study: Its table ``[water_balance]`` names them.
      area: The regions.
      time: Epochs of the heights.

    Returns:
      All that are named, by name.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If one cannot be used; the message names its setting.
    """
    settings = study.water_balance
    if settings is None:
        return {}
    outlines = inside_grid(area.outlines, area.grid)
    places = MonthlyRegions(outlines, areas_on_grid(area), months_of_record(time))
    series = {
        name: read_region_series(study, f"water_balance.{name}", sources, places)
        for name, sources in (settings.fluxes | settings.components).items()
    }
    without = [
        name for name, one in series.items() if len(one.values) < 2 and not one.stated
    ]
    if without:
        logger.warning(
            "water_balance.%s has no error and one product only, so that nothing of "
            "it is in the errors of the balance; state error or relative_error",
            ", ".join(without),
        )
    return series


def compute_water_balance(
    storage: MonthlyStorage, parts: Mapping[str, RegionSeries], area_km2: Floats
) -> tuple[xr.Dataset, dict[str, Any]]:
    """Compare fluxes with storage change, and take parts out of storage.

    Args:
      storage: Monthly water.
      parts: From `read_water_balance`.
      area_km2: Area of each region on the grid [km2].

    Returns:
      The dataset of water_balance.nc; and for the summary how well the balance of each
      region closes, and how much groundwater varies.
    """
    fluxes = {name: x for name, x in parts.items() if name in config.FLUXES}
    components = {name: x for name, x in parts.items() if name in config.STORAGE_PARTS}
    variables: dict[str, tuple[Floats, Floats, str]] = {
        "water": (storage.mean, storage.sd, "monthly mean of water storage"),
    }
    scores: dict[str, Any] = {name: {} for name in storage.regions}
    if fluxes:
        variables |= _balance(storage, fluxes)
        _add_closure(scores, storage, variables)
    if components:
        variables |= _components(storage, components)
        _add_groundwater(scores, storage, variables)
    _warn_of_absent(storage, variables)
    dataset = _dataset(storage, variables, area_km2)
    return dataset, {"water_balance": {k: v for k, v in scores.items() if v}}


def _balance(
    storage: MonthlyStorage, fluxes: Mapping[str, RegionSeries]
) -> dict[str, tuple[Floats, Floats, str]]:
    """Fluxes averaged as centred differences are, their sum, and what is left."""
    variables, net, variance = {}, 0.0, 0.0
    for name, flux in fluxes.items():
        by_product = np.stack([evaluate.centred_flux(x) for x in flux.values])
        stated = np.stack([evaluate.centred_flux(x) for x in flux.sd_of(flux.values)])
        value, sd = _mean_of_products(by_product, stated)
        net = net + config.FLUXES[name] * value
        variance = variance + sd**2
        variables[name] = (value, sd, f"{name}, over three months as the change")
    change = evaluate.storage_change(storage.mean)
    change_sd = _change_sd(storage)
    names = " less ".join(fluxes)
    left_sd = np.sqrt(variance + change_sd**2)
    return variables | {
        "net_flux": (np.asarray(net), np.sqrt(variance), names),
        "storage_change": (change, change_sd, "half of the month after less before"),
        "imbalance": (net - change, left_sd, "net flux less storage change"),
    }


def _change_sd(storage: MonthlyStorage) -> Floats:
    if storage.covariance is None:
        return np.full(storage.mean.shape, np.nan)
    sd = [evaluate.storage_change_sd(x) for x in storage.covariance]
    return np.stack(sd, axis=-1)


def _mean_of_products(values: Floats, stated: Floats) -> tuple[Floats, Floats]:
    """Mean of products, and their scatter beside the errors that are stated."""
    mean = values.mean(axis=0)
    spread = values.std(axis=0, ddof=1) if len(values) > 1 else np.zeros_like(mean)
    # Errors of products are not taken to average out: all use the same gauges.
    return mean, np.hypot(spread, np.where(np.isnan(mean), np.nan, stated.mean(axis=0)))


def _components(
    storage: MonthlyStorage, components: Mapping[str, RegionSeries]
) -> dict[str, tuple[Floats, Floats, str]]:
    """Anomalies of parts over the months that all have, and what is left of water."""
    shape = storage.mean.shape
    values = {name: np.full(shape, np.nan) for name in (*components, "groundwater")}
    errors = {name: np.full(shape, np.nan) for name in values}
    for column, _ in enumerate(storage.regions):
        ours, ours_sd = storage.mean[:, column], storage.sd[:, column]
        present = {k: x for k, x in components.items() if _has(x, column)}
        absent = [f"water_balance.{k}" for k in components if k not in present]
        if absent and present:
            logger.warning(
                "%s has no value for %s, whose groundwater holds that water too",
                listed(absent),
                storage.regions[column],
            )
        known = np.isfinite(ours)
        for part in present.values():
            known &= np.isfinite(part.values[:, :, column]).all(axis=0)
        if not known.any() or not present:
            continue
        taken = []
        for name, part in present.items():
            value, sd = _anomaly(part, column, known)
            values[name][:, column], errors[name][:, column] = value, sd
            taken.append((value, sd))
        left, sd = evaluate.remaining_storage((ours, ours_sd), tuple(taken))
        values["groundwater"][:, column], errors["groundwater"][:, column] = left, sd
    left = "groundwater, as what is left of water storage"
    names = {**{name: f"water in {name}" for name in components}, "groundwater": left}
    return {name: (values[name], errors[name], names[name]) for name in values}


def _has(series: RegionSeries, column: int) -> bool:
    return bool(np.isfinite(series.values[:, :, column]).any())


def _anomaly(
    part: RegionSeries, column: int, known: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Mean of products about their means over some months, and its error."""
    absolute = part.values[:, :, column]
    anomaly = absolute - absolute[:, known].mean(axis=1, keepdims=True)
    return _mean_of_products(anomaly, part.sd_of(anomaly))


def _add_closure(
    scores: dict[str, Any],
    storage: MonthlyStorage,
    variables: Mapping[str, tuple[Floats, Floats, str]],
) -> None:
    net, change = variables["net_flux"][0], variables["storage_change"][0]
    left, sd, _ = variables["imbalance"]
    for column, name in enumerate(storage.regions):
        known = np.isfinite(left[:, column])
        if not known.any():
            continue
        pair = net[known, column], change[known, column]
        standardised = left[known, column] / sd[known, column]
        scores[name] = {
            "months": int(known.sum()),
            "correlation": float(evaluate.pcc(*pair)),
            "rms_imbalance_mm": float(evaluate.rmse(*pair)),
            "mean_imbalance_mm": float(left[known, column].mean()),
            "rms_standardised": float(np.sqrt(np.mean(standardised**2))),
        }


def _add_groundwater(
    scores: dict[str, Any],
    storage: MonthlyStorage,
    variables: Mapping[str, tuple[Floats, Floats, str]],
) -> None:
    value, sd, _ = variables["groundwater"]
    for column, name in enumerate(storage.regions):
        known = np.isfinite(value[:, column])
        if known.any():
            median = float(np.median(sd[known, column]))
            scores[name] |= {
                "groundwater_months": int(known.sum()),
                "groundwater_sd_mm": float(value[known, column].std()),
                "groundwater_error_mm": median if math.isfinite(median) else None,
            }


def _warn_of_absent(
    storage: MonthlyStorage, variables: Mapping[str, tuple[Floats, Floats, str]]
) -> None:
    for name in ("imbalance", "groundwater"):
        if name in variables:
            missing = np.asarray(~np.isfinite(variables[name][0]).any(axis=0))
            if missing.any():
                names = [x for x, one in zip(storage.regions, missing) if one]
                logger.warning(
                    "%s of %d regions has no value, for want of data: %s",
                    name,
                    len(names),
                    listed(names),
                )


def _dataset(
    storage: MonthlyStorage,
    variables: Mapping[str, tuple[Floats, Floats, str]],
    area: Floats,
) -> xr.Dataset:
    content: dict[str, Any] = {}
    for name, (value, sd, meaning) in variables.items():
        labels = {"units": "mm", "long_name": meaning}
        content[name] = (("month", "region"), value, labels)
        labels = {"units": "mm", "long_name": f"standard error of {name}"}
        content[f"{name}_sd"] = (("month", "region"), sd, labels)
    content["area"] = (
        "region",
        area,
        {"units": "km2", "long_name": "area on the grid"},
    )
    coords = {"month": storage.months.stamp, "region": list(storage.regions)}
    return xr.Dataset(content, coords)
