"""Datasets labelled for files: intervals of means, cell methods, settings."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload._calendar import month_bounds
from jaxload.pipeline.inputs.time_spans import spans_of

__all__ = ["about_of", "bounds_of_epochs", "labelled_for_file", "method_of"]

#: Attributes that say what a file was made of.
ABOUT = ("Conventions", "title", "institution", "source", "settings")

#: Names of time, and what its entries are.
EPOCHS, MONTHS = ("time",), ("month", "land_model_month")

#: Beginnings of names of means over time, and whether they are means over areas too.
MEANS = {
    "twsa": True,
    "gwsa": True,
    "tws_": True,
    "grace": True,
    "water": True,
    "anomaly": True,
    "up": False,
    "north": False,
    "east": False,
    "predicted": False,
    "leave_one_out_residual": False,
    "filler_prediction": False,
    "residual_": False,
    "load_": False,
    "displacement": False,
    "common_mode": False,
    "frame": False,
}

#: Ends of the names of standard errors.
ERRORS = ("_sd", "_sigma")

#: Parts of names that are neither values nor means of them.
OTHERS = ("sd", "sigma", "correlation", "coverage", "weight", "spread")


def about_of(dataset: xr.Dataset) -> dict[str, Any]:
    """Select the attributes that describe a study.

    Args:
      dataset: A result.

    Returns:
      Its title, institution, source and settings, as far as it has them.
    """
    return {name: dataset.attrs[name] for name in ABOUT if name in dataset.attrs}


def labelled_for_file(dataset: xr.Dataset, about: Mapping[str, Any]) -> xr.Dataset:
    """Add intervals of means, cell methods and settings to a dataset.

    Args:
      dataset: A result, or a part of one.
      about: Attributes that it has if it does not state them itself.

    Returns:
      The dataset with ``time_bnds``, ``month_bnds`` and so on, dimensions (name, bnds).
    """
    dataset = dataset.assign_attrs(dict(about) | dataset.attrs)
    for name in dataset.data_vars:
        errors = [f"{name}{end}" for end in ERRORS if f"{name}{end}" in dataset]
        if errors:
            labels = {"ancillary_variables": " ".join(errors)}
            dataset[name] = dataset[name].assign_attrs(labels)
    for name in (*EPOCHS, *MONTHS):
        dated = name in dataset.indexes and dataset[name].dtype.kind == "M"
        if dated and dataset.sizes[name] and f"{name}_bnds" not in dataset.variables:
            bounds = bounds_of_epochs if name in EPOCHS else _calendar_months
            limits = (name, "bnds"), bounds(dataset[name].values)
            dataset = dataset.assign_coords({f"{name}_bnds": limits})
    return dataset.assign(
        {
            name: values.assign_attrs({"cell_methods": method, **values.attrs})
            for name, values in dataset.data_vars.items()
            if (method := method_of(str(name), values.dims))
        }
    )


def bounds_of_epochs(time: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Find the intervals of epochs by their dates: days, GPS weeks or months.

    Args:
      time: The dates, ascending, shape (epoch,).

    Returns:
      First instant of each and first after it, shape (epoch, 2).
    """
    return spans_of(time).astype("M8[ns]")


def method_of(name: str, dims: tuple[Any, ...]) -> str:
    """State how values stand for intervals and areas, as CF does.

    Args:
      name: Of a variable.
      dims: Its dimensions.

    Returns:
      Its ``cell_methods``; empty for what is no mean.
    """
    dim = next((x for x in (*EPOCHS, *MONTHS) if x in dims), "")
    if not dim or set(name.split("_")) & set(OTHERS):
        return ""
    start = next((x for x in MEANS if name.startswith(x)), "")
    if not start:
        return ""
    over_area = MEANS[start] and not {"station", "well"} & set(dims)
    return f"{dim}: mean area: mean" if over_area else f"{dim}: mean"


def _calendar_months(time: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    return np.stack(month_bounds(time), axis=1).astype("M8[ns]")
