"""GRACE by several centres: their mean, with their spread as its error."""

import logging
from collections.abc import Sequence

import numpy as np
import xarray as xr

from jaxload.io.grids.periods import align_times
from jaxload.io.grids.resample import regrid
from jaxload.io.grids.times import mid_times
from jaxload.io.schema import label_dataset

__all__ = ["STORAGES", "mean_of_centres", "remove_baseline", "storage_anomaly"]

logger = logging.getLogger(__name__)

#: What centres of gravity call total water storage; an anomaly by either name.
STORAGES = ("twsa", "tws")


def mean_of_centres(
    datasets: Sequence[xr.Dataset],
    baseline: tuple[str, str] | None = ("2004-01-01", "2010-01-01"),
    tolerance: float = 10.0,
) -> xr.Dataset:
    """Average the water of several centres.

    Months that not all have are left out, and never interpolated. Centres on other
    cells are brought to those of the first, by area.

    Args:
      datasets: Total water storage, called ``twsa`` or ``tws``, the one on the cells
        wanted first.
      baseline: Begin and end of the years whose mean is taken from each, so that they
        mean the same by an anomaly; None to leave them as they are.
      tolerance: How far the middles of a month may lie apart [days].

    Returns:
      ``twsa`` [mm], the mean, and ``twsa_sigma`` [mm], the standard deviation of one
      centre about it (divisor n - 1), at the times of the first.

    Raises:
      ValueError: If there are not two or more, they have no month in common, one has
        no data in the baseline, or holds something else than water storage.

    Example:
      >>> grace = io.mean_of_centres([io.read_grid(jpl), io.read_grid(csr)])
    """
    if len(datasets) < 2:
        raise ValueError(
            f"there is {len(datasets)} dataset, expected two or more to average"
        )
    first = datasets[0]
    lon, lat = first["lon"].values, first["lat"].values
    centres = [_on_cells(storage_anomaly(one), lon, lat) for one in datasets]
    if baseline is not None:
        centres = [remove_baseline(centre, *baseline) for centre in centres]
    centres = _common_months(centres, tolerance)
    stack = xr.concat([centre["twsa"] for centre in centres], "centre", join="override")
    mean = stack.mean("centre", skipna=False)
    sigma = stack.std("centre", ddof=1, skipna=False)
    result = xr.Dataset({"twsa": mean, "twsa_sigma": sigma})
    if "time_bnds" in centres[0]:
        result["time_bnds"] = centres[0]["time_bnds"]
    names = [str(dataset.attrs.get("source", "?")) for dataset in datasets]
    result.attrs = {"quantity": "twsa", "source": f"mean of {', '.join(names)}"}
    return label_dataset(result.transpose("time", "lat", "lon", ...))


def storage_anomaly(dataset: xr.Dataset) -> xr.Dataset:
    """Call total water storage of gravity what it is: an anomaly.

    Args:
      dataset: With ``twsa``, or with ``tws`` as others call it.

    Returns:
      The same with ``twsa``. Storage that is nowhere negative is no anomaly yet: its
      mean over time is taken out, cell by cell, with a warning.

    Raises:
      ValueError: If it holds neither.
    """
    name = next((name for name in STORAGES if name in dataset), None)
    source = dataset.attrs.get("source", "the dataset")
    if name is None:
        held = dataset.attrs.get("quantity") or ", ".join(map(str, dataset.data_vars))
        raise ValueError(f"{source} holds {held}, expected total water storage")
    if name == "twsa":
        return dataset
    names = {"tws": "twsa", "tws_sigma": "twsa_sigma"}
    names = {old: new for old, new in names.items() if old in dataset}
    dataset = dataset.rename(names).assign_attrs(quantity="twsa")
    water = dataset["twsa"]
    if float(water.min()) >= 0:
        logger.warning(
            "%s: %s is nowhere negative, so it is no anomaly; its mean over time is "
            "taken out",
            source,
            name,
        )
        anomaly = water - water.mean("time")
        dataset = dataset.assign(twsa=anomaly.assign_attrs(water.attrs))
    for field in names.values():
        dataset[field].attrs.pop("units", None)
    return label_dataset(dataset)


def remove_baseline(dataset: xr.Dataset, start: str, stop: str) -> xr.Dataset:
    """Make anomalies from the mean of some years, cell by cell.

    Args:
      dataset: Fields along time.
      start: The first date.
      stop: The date after the last.

    Returns:
      The same less its mean; errors are left as they are.

    Raises:
      ValueError: If nothing lies in between.
    """
    time = mid_times(dataset)
    begin, end = (np.datetime64(text, "ns") for text in (start, stop))
    inside = (time >= begin) & (time < end)
    if not inside.any():
        raise ValueError(
            f"{dataset.attrs.get('source', 'the dataset')} has nothing from {start} to "
            f"{stop}, it spans {time.min().astype('M8[D]')} to "
            f"{time.max().astype('M8[D]')}; choose another baseline"
        )
    changed = {}
    for name, array in dataset.data_vars.items():
        fixed = str(name).endswith("_sigma") or name == "time_bnds"
        if not fixed and "time" in array.dims:
            rest = array - array.isel(time=np.flatnonzero(inside)).mean("time")
            changed[name] = rest.assign_attrs(array.attrs)
    return dataset.assign(changed)


def _on_cells(dataset: xr.Dataset, lon: np.ndarray, lat: np.ndarray) -> xr.Dataset:
    same = all(
        len(old) == len(new) and np.allclose(old, new, rtol=0, atol=1e-4)
        for old, new in ((dataset["lon"].values, lon), (dataset["lat"].values, lat))
    )
    if same:
        return dataset.assign_coords(lon=lon, lat=lat)
    return regrid(dataset, lon, lat)


def _common_months(centres: list[xr.Dataset], tolerance: float) -> list[xr.Dataset]:
    # Twice, so that the last one's gaps reach the first ones too.
    first = centres[0]
    for other in centres[1:]:
        first, _ = align_times(first, other, tolerance)
    return [
        first if index == 0 else align_times(first, other, tolerance)[1]
        for index, other in enumerate(centres)
    ]
