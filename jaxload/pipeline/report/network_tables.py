"""The design of a network as a dataset, a table and plain numbers."""

import csv
import io as text_io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import jaxload
from jaxload import config
from jaxload.pipeline.estimation.network_plan import PlannedNetwork

__all__ = ["EXACT", "TABLE", "describe_network", "network_results", "network_table_of"]

#: Variables of whose differences it matters.
EXACT = (
    *("weight", "sd", "sd_with", "sd_planned", "sd_without", "sd_removed"),
    *("gain", "loss"),
)

#: The table, beside the other results.
TABLE = "network.csv"

MM = {"units": "mm"}
PERCENT = {"units": "percent"}
DEGREES = {"units": "degrees"}

#: Columns of the table before those of the regions.
COLUMNS = (
    "kind",
    "order",
    "name",
    "lon",
    "lat",
    "sigma_mm",
    "observed_share",
    "cost",
    "change_percent",
)


def network_results(
    study: config.Study, planned: PlannedNetwork, gnss: xr.Dataset
) -> xr.Dataset:
    """Label new stations, what they gain, and what existing ones are worth.

    Args:
      study: Its settings are kept as attributes.
      planned: From `plan_network`.
      gnss: The existing stations.

    Returns:
      A dataset with standard errors of regional means [mm]: ``sd`` (region) now,
      ``sd_with`` (candidate, region) with one candidate more, ``sd_planned`` (chosen,
      region) after each chosen station, ``sd_without`` (station, region) without one
      station, ``sd_removed`` (removed, region) after each of those that matter least.
    """
    places, sd = planned.places, np.sqrt(planned.variance[0])
    coords = {
        "region": list(planned.regions),
        "candidate": places.name,
        "station": gnss.station.values.astype(str),
        "chosen": np.arange(1, len(planned.chosen) + 1),
        "removed": np.arange(1, len(planned.removed) + 1),
    }
    with_one = np.sqrt(np.maximum(planned.variance[0] - planned.gains, 0))
    without = np.sqrt(planned.variance[0] + planned.losses)
    by_region = lambda axis: (axis, "region")
    variables = {
        "weight": ("region", planned.weights, {"long_name": "weight of the variance"}),
        "sd": ("region", sd, MM | {"long_name": "standard error of a daily mean"}),
        "sd_with": (
            by_region("candidate"),
            with_one,
            MM | {"long_name": "with a station at the candidate"},
        ),
        "gain": ("candidate", _percent(planned, planned.gains), PERCENT | GAIN),
        "order": ("candidate", _order(planned.chosen, len(places.name)), ORDER),
        "candidate_lon": ("candidate", places.lon, DEGREES),
        "candidate_lat": ("candidate", places.lat, DEGREES),
        "candidate_sigma": ("candidate", places.sigma, MM),
        "candidate_cost": ("candidate", places.cost, {"units": "1"}),
        "chosen_name": ("chosen", places.name[planned.chosen]),
        "chosen_lon": ("chosen", planned.place[:, 0], DEGREES),
        "chosen_lat": ("chosen", planned.place[:, 1], DEGREES),
        "sd_planned": (
            by_region("chosen"),
            np.sqrt(planned.variance[1:]),
            MM | {"long_name": "with chosen stations up to each"},
        ),
        "sd_without": (
            by_region("station"),
            without,
            MM | {"long_name": "without the station"},
        ),
        "loss": ("station", _percent(planned, planned.losses), PERCENT | LOSS),
        "removal": ("station", _order(planned.removed, len(gnss.station)), REMOVAL),
        "station_lon": ("station", gnss.lon.values, DEGREES),
        "station_lat": ("station", gnss.lat.values, DEGREES),
        "observed_share": ("station", planned.share, SHARE),
        "removed_name": ("removed", gnss.station.values.astype(str)[planned.removed]),
        "sd_removed": (
            by_region("removed"),
            np.sqrt(planned.removed_variance[1:]),
            MM | {"long_name": "without removed stations up to each"},
        ),
    }
    attributes = {
        "title": f"{study.title}: design of the network",
        "source": f"jaxload {jaxload.__version__}",
        "settings": config.to_toml(study),
        "since": str(planned.since)[:10],
        "comment": "an existing station that observes a share p of the days since then "
        "counts with its variance divided by p",
    }
    return xr.Dataset(variables, coords=coords, attrs=attributes)


GAIN = {"long_name": "fall of the weighted mean of variances by the candidate"}
LOSS = {"long_name": "growth of the weighted mean of variances without the station"}
ORDER = {"long_name": "order in which the candidate was chosen, 0 if it was not"}
REMOVAL = {"long_name": "order of the stations that matter least, 0 for the others"}
SHARE = {"units": "1", "long_name": "share of the days that the station observes"}


def _percent(planned: PlannedNetwork, change: NDArray) -> NDArray[np.float64]:
    """Change of the weighted mean of variances in percent of it."""
    return 100 * (change @ planned.weights) / (planned.variance[0] @ planned.weights)


def _order(index: NDArray[np.int64], count: int) -> NDArray[np.int32]:
    order = np.zeros(count, np.int32)
    order[index] = np.arange(1, len(index) + 1)
    return order


def describe_network(network: xr.Dataset) -> dict[str, Any]:
    """Summarise the design of a network in plain numbers.

    Args:
      network: From `network_results`.

    Returns:
      Standard errors by region now and with the chosen stations, these and the
      stations that matter least in their order, and how many candidates there were.
    """
    names = list(map(str, network.region.values))
    by_region = lambda values: dict(zip(names, map(float, values)))
    last = network.sd_planned.isel(chosen=-1).values
    removed = network.sizes["removed"]
    ended = network.sd_removed.isel(removed=-1).values if removed else network.sd
    chosen = zip(*(network[f"chosen_{key}"].values for key in ("name", "lon", "lat")))
    return {
        "candidates": network.sizes["candidate"],
        "since": network.attrs["since"],
        "region_sd_mm": by_region(network.sd.values),
        "chosen": [
            {"name": str(name), "lon": float(lon), "lat": float(lat)}
            for name, lon, lat in chosen
        ],
        "region_sd_with_chosen_mm": by_region(last),
        "least": list(map(str, network.removed_name.values)),
        "region_sd_without_least_mm": by_region(ended),
    }


def network_table_of(datasets: Mapping[str, xr.Dataset]) -> dict[str, str]:
    """Write the design of a network as a table of text.

    Args:
      datasets: Those of a result by the names of their files.

    Returns:
      The table by its name, with commas between columns; nothing where a study has no
      such design. Its rows are, by ``kind``: "now", the standard errors of the regions;
      "chosen" and "removed", those after each such station; "candidate" and "station",
      those with or without it alone, largest gain and smallest loss first.
    """
    network = datasets.get("network.nc")
    if network is None:
        return {}
    text = text_io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    regions = [f"sd_mm {name}" for name in map(str, network.region.values)]
    table.writerow([*COLUMNS, *regions])
    table.writerows(_rows(network))
    return {TABLE: text.getvalue()}


def _rows(network: xr.Dataset) -> Iterator[list[str]]:
    yield _row({"kind": "now"}, network.sd.values)
    weigh = lambda values: (values**2) @ network.weight.values
    change = lambda values: 100 * (weigh(values) / weigh(network.sd.values) - 1)
    stations = {
        "name": network.station.values,
        "lon": network.station_lon.values,
        "lat": network.station_lat.values,
        "observed_share": network.observed_share.values,
    }
    removal = network.removal.values
    for kind, size in (("chosen", "chosen"), ("removed", "removed")):
        sd = network["sd_planned" if kind == "chosen" else "sd_removed"].values
        if kind == "chosen":
            parts = {k: network[f"chosen_{k}"].values for k in ("name", "lon", "lat")}
        else:
            sequence = np.argsort(np.where(removal, removal, len(removal) + 1))
            parts = {k: v[sequence] for k, v in stations.items()}
        parts |= {"order": network[size].values, "change_percent": change(sd)}
        yield from _table(kind, parts, sd, np.arange(network.sizes[size]))
    candidates = {
        "order": _blank_zero(network.order.values),
        "name": network.candidate.values,
        "lon": network.candidate_lon.values,
        "lat": network.candidate_lat.values,
        "sigma_mm": network.candidate_sigma.values,
        "cost": network.candidate_cost.values,
        "change_percent": -network.gain.values,
    }
    best_first = np.argsort(-network.gain.values, kind="stable")
    yield from _table("candidate", candidates, network.sd_with.values, best_first)
    loss = network.loss.values
    stations |= {"order": _blank_zero(removal), "change_percent": loss}
    least_first = np.argsort(loss, kind="stable")
    yield from _table("station", stations, network.sd_without.values, least_first)


def _table(
    kind: str, columns: dict[str, NDArray], sd: NDArray, rows: NDArray
) -> Iterator[list[str]]:
    for row in rows:
        parts = {name: values[row] for name, values in columns.items()}
        yield _row({"kind": kind} | parts, sd[row])


def _blank_zero(order: NDArray) -> NDArray[np.str_]:
    return np.where(order > 0, order.astype(str), "")


def _row(parts: dict[str, Any], sd: NDArray) -> list[str]:
    return [_text(parts.get(name, "")) for name in COLUMNS] + list(map(_text, sd))


def _text(value: Any) -> str:
    return f"{value:.7g}" if isinstance(value, float | np.floating) else str(value)
