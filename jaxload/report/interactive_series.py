"""Series of stations and regions, as the page of a report draws them."""

from typing import Any

import numpy as np
import xarray as xr

from jaxload.report.opened_result import OpenedResult
from jaxload.report.packed_arrays import pack_numbers, thinning_step

__all__ = ["region_content", "station_content"]

#: Room for series of stations, and of regions, in a page.
STATION_MEGABYTES, REGION_MEGABYTES = 2.0, 0.6

#: Series of a station: by which name a page finds them, and their variables, of which
#: the first that is there is taken.
SERIES = {
    "observed": ("up",),
    "sigma": ("up_sigma_effective", "up_sigma"),
    "predicted": ("predicted",),
    "left_out": ("leave_one_out_residual",),
    "filler": ("filler_prediction",),
}

#: Series of a region that are drawn at once; others wait in the legend.
FIRST = ("twsa", "gwsa", "twsa_grace", "tws_land_model", "twsa_prior_mean")


def station_content(result: OpenedResult) -> dict[str, Any] | None:
    """Collect stations, what is held against them, and their series.

    Args:
      result: From `open_result`.

    Returns:
      Places, flags, dates and series as plain values; None without stations.
    """
    for name, dataset in result.datasets():
        if name == "stations" and "station" in dataset.coords:
            return _stations(dataset)
    return None


def _stations(dataset: xr.Dataset) -> dict[str, Any]:
    names = [str(name) for name in dataset["station"].values]
    places = {name: i for i, name in enumerate(names)}
    content: dict[str, Any] = {
        "names": names,
        "lon": [round(float(x), 5) for x in dataset["lon"].values],
        "lat": [round(float(x), 5) for x in dataset["lat"].values],
        "notes": [""] * len(names),
        "suspect": [False] * len(names),
        "count": len(names),
        "dates": [],
        "step": 1,
        "series": {},
    }
    if "candidate" in dataset.coords:
        _add_candidates(dataset, content, places)
    variables = {
        key: next(
            n
            for n in choice
            if n in dataset and set(dataset[n].dims) == {"time", "station"}
        )
        for key, choice in SERIES.items()
        if any(
            n in dataset and set(dataset[n].dims) == {"time", "station"} for n in choice
        )
    }
    if not variables:
        return content
    numbers = len(variables) * len(names)
    step = thinning_step(dataset.sizes["time"], numbers, STATION_MEGABYTES)
    content["step"] = step
    content["dates"] = [str(day)[:10] for day in dataset["time"].values[::step]]
    for key, variable in variables.items():
        values = dataset[variable].transpose("time", "station").values[::step]
        content["series"][key] = pack_numbers(values)
    if "filler" in variables:
        about = str(dataset[variables["filler"]].attrs.get("comment", ""))
        content["filler_comment"] = about
    return content


def _add_candidates(
    dataset: xr.Dataset, content: dict[str, Any], places: dict[str, int]
) -> None:
    """What screening holds against stations; those that it left out come last."""
    columns = (
        dataset["candidate"].values,
        *(_column(dataset, name) for name in ("status", "reason", "suspect")),
        *(_column(dataset, f"candidate_{x}") for x in ("lon", "lat")),
    )
    for candidate, status, reason, suspect, lon, lat in zip(*columns):
        words = [str(x) for x in (status, reason) if x not in (None, "", "used")]
        note, number = ": ".join(words), places.get(str(candidate))
        if number is not None:
            content["notes"][number] = note
            content["suspect"][number] = bool(suspect)
        elif lon is not None and np.isfinite([lon, lat]).all():
            content["names"].append(str(candidate))
            content["lon"].append(round(float(lon), 5))
            content["lat"].append(round(float(lat), 5))
            content["notes"].append(note or "left out")
            content["suspect"].append(bool(suspect))


def _column(dataset: xr.Dataset, name: str) -> Any:
    if name in dataset:
        return dataset[name].values
    return [None] * dataset.sizes["candidate"]


def region_content(result: OpenedResult) -> dict[str, Any] | None:
    """Collect series of regions, with standard errors where there are any.

    Args:
      result: From `open_result`.

    Returns:
      Names of the regions, dates and series as plain values; None without regions.
    """
    for name, dataset in result.datasets():
        if name == "regions" and "region" in dataset.coords:
            return _regions(dataset)
    return None


def _regions(dataset: xr.Dataset) -> dict[str, Any]:
    names = [str(name) for name in dataset["region"].values]
    series = {
        str(name): str(values.dims[0])
        for name, values in dataset.data_vars.items()
        if len(values.dims) == 2
        and values.dims[1] == "region"
        and values.attrs.get("units") == "mm"
        and dataset[values.dims[0]].dtype.kind == "M"
    }
    share = REGION_MEGABYTES / max(1, len(series))
    axes, steps, drawn = {}, {}, []
    for along in dict.fromkeys(series.values()):
        steps[along] = thinning_step(dataset.sizes[along], len(names), share)
        kept = dataset[along].values[:: steps[along]]
        axes[along] = [str(day)[:10] for day in kept]
    for name, along in series.items():
        if name.endswith("_sd"):
            continue
        one = {
            "name": name,
            "title": _title(name, dataset[name]),
            "axis": along,
            "first": name in FIRST,
            **pack_numbers(dataset[name].values[:: steps[along]]),
        }
        if f"{name}_sd" in series:
            one["sd"] = pack_numbers(dataset[f"{name}_sd"].values[:: steps[along]])
        drawn.append(one)
    return {
        "names": names,
        "areas": _areas(dataset),
        "axes": axes,
        "steps": steps,
        "series": drawn,
    }


def _areas(dataset: xr.Dataset) -> list[float | None] | None:
    """Areas over which means were taken [km2], where the result has them."""
    if "region_area" not in dataset or dataset["region_area"].dims != ("region",):
        return None
    return [
        round(float(x), 3) if np.isfinite(x) else None
        for x in dataset["region_area"].values
    ]


def _title(name: str, values: xr.DataArray) -> str:
    title = str(values.attrs.get("long_name", name.replace("_", " ")))
    title = title.removeprefix("regional mean of ")
    if "_monthly" in name:
        months = "months of " + name.partition("_monthly_")[2].replace("_", " ")
        return f"{title}, {months if '_monthly_' in name else 'monthly'}"
    return title
