"""Tables of drought, water balance and scores of products as text."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from jaxload import evaluate

__all__ = ["WATER_TABLES", "tables_of"]

#: Millimetres on a square kilometre, in cubic kilometres.
VOLUME = 1e-6

#: Decimals of millimetres, of cubic kilometres, and of what has no unit.
MM, KM3, PLAIN = 2, 4, 3


def tables_of(datasets: Mapping[str, xr.Dataset]) -> dict[str, str]:
    """Write the tables of a result.

    Args:
      datasets: Those of a result by the names of their files.

    Returns:
      Tables with commas between columns, by the names of their files.
    """
    return {
        name: make(datasets[source])
        for name, (source, make) in WATER_TABLES.items()
        if source in datasets
    }


def _number(value: float, decimals: int) -> str:
    """A number, or nothing for one that is missing."""
    return f"{value:.{decimals}f}" if np.isfinite(value) else ""


def _text(rows: Iterable[Mapping[str, Any]]) -> str:
    rows = list(rows)
    buffer = io.StringIO()
    names = list(rows[0]) if rows else []
    writer = csv.DictWriter(buffer, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def _months(dataset: xr.Dataset) -> Iterable[tuple[dict[str, Any], dict[str, int]]]:
    """First columns of each line, and its place in the dataset."""
    stamps = dataset.month.values.astype("M8[M]").astype(int)
    for region, name in enumerate(dataset.region.values):
        for month, stamp in enumerate(stamps.tolist()):
            first = {
                "region": name,
                "year": 1970 + stamp // 12,
                "month": 1 + stamp % 12,
            }
            yield first, {"month": month, "region": region}


def _monthly_table(drought: xr.Dataset) -> str:
    """Water of regions by month, with anomaly, percentile, indices and classes."""
    values = {str(name): x.values for name, x in drought.data_vars.items()}
    area = values["area"]
    rows = []
    for first, place in _months(drought):
        at = (place["month"], place["region"])
        km3 = area[place["region"]] * VOLUME
        water, sd = values["water"][at], values["water_sd"][at]
        row = first | {
            "water_mm": _number(water, MM),
            "water_sd_mm": _number(sd, MM),
            "water_km3": _number(water * km3, KM3),
            "water_sd_km3": _number(sd * km3, KM3),
            "anomaly_mm": _number(values["anomaly"][at], MM),
            "percentile": _number(values["percentile"][at], 1),
        }
        for number, index in enumerate(drought["index"].values):
            label = str(index).replace(" ", "_")
            index_at = values["drought_index"][(number, *at)]
            shares = values["probability"][(number, slice(None), *at)]
            row |= _classified(label, index_at, shares)
        rows.append(row)
    return _text(rows)


def _classified(label: str, index: float, shares: np.ndarray) -> dict[str, str]:
    """An index, its class, the probability of that, and of any drought."""
    kind = int(evaluate.drought_class(index)) - 1
    named = evaluate.DROUGHT_CLASSES[kind] if kind >= 0 else ""
    return {
        f"index_{label}": _number(index, PLAIN),
        f"class_{label}": named,
        f"class_probability_{label}": _number(shares[kind] if named else np.nan, PLAIN),
        f"drought_probability_{label}": _number(1 - shares[0], PLAIN),
    }


def _event_rows(drought: xr.Dataset) -> str:
    """Droughts of every region and index."""
    names = [str(name) for name in drought.data_vars if str(name).startswith("event_")]
    columns = {name.removeprefix("event_"): drought[name].values for name in names}
    rows = []
    for event in range(drought.sizes.get("event", 0)):
        cells = {name: values[event] for name, values in columns.items()}
        rows.append(
            {k: _number(x, PLAIN) if _is_real(x) else x for k, x in cells.items()}
        )
    return _text(rows) if rows else "region,index,start,end\n"


def _is_real(value: Any) -> bool:
    return isinstance(value, float | np.floating)


def _balance_table(balance: xr.Dataset) -> str:
    """Fluxes, storage change and parts of storage of regions by month."""
    names = [str(name) for name, x in balance.data_vars.items() if x.ndim == 2]
    values = {name: balance[name].values for name in names}
    rows = []
    for first, place in _months(balance):
        at = (place["month"], place["region"])
        cells = {f"{name}_mm": _number(values[name][at], MM) for name in names}
        rows.append(first | cells)
    return _text(rows)


#: Columns of scores, the variables that hold them, and their decimals.
OF_PAIRS = {
    "pcc": ("pcc", PLAIN),
    "nse": ("nse", PLAIN),
    "rmse_mm": ("rmse", MM),
    "pcc_deseasonalised": ("pcc_deseasonalised", PLAIN),
    "standard_deviation_mm": ("standard_deviation", MM),
    "centred_rmse_mm": ("centred_rmse", MM),
}


def _scores_table(products: xr.Dataset) -> str:
    """Scores of every pair of products that have a month in common."""
    dims = ("period", "region", "product", "other")
    values = {
        column: (products[name].transpose(*dims).values, decimals)
        for column, (name, decimals) in OF_PAIRS.items()
    }
    months = products.month_count.transpose(*dims).values
    radius = products.smoothing_radius.values
    rows = []
    for place in np.argwhere(months > 0).tolist():
        at = tuple(place)
        if at[2] == at[3]:
            continue
        names = {name: products[name].values[i] for name, i in zip(dims, at)}
        about = {"smoothing_km": f"{radius[at[2:]]:g}", "months": f"{months[at]:.0f}"}
        scores = {k: _number(x[at], decimals) for k, (x, decimals) in values.items()}
        rows.append(names | about | scores)
    return _text(rows) if rows else "period,region,product,other\n"


#: By its name, the file that holds what a table is made of, and what makes it.
WATER_TABLES: dict[str, tuple[str, Callable[[xr.Dataset], str]]] = {
    "drought.csv": ("drought.nc", _event_rows),
    "product_scores.csv": ("products.nc", _scores_table),
    "regions_monthly.csv": ("drought.nc", _monthly_table),
    "water_balance.csv": ("water_balance.nc", _balance_table),
}
