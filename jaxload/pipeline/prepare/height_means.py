"""Weekly and monthly means of heights."""

import numpy as np
import xarray as xr

from jaxload import io, series

__all__ = ["average_heights"]

DIMS = ("time", "station")


def average_heights(mean: str, gnss: xr.Dataset) -> xr.Dataset:
    """Average heights; other components and their errors go.

    Args:
      mean: "weekly" or "monthly".
      gnss: Daily heights.

    Returns:
      Means, with ``time_bnds``, and what has no time.
    """
    averages, spans = {
        "weekly": (series.weekly_means, series.weeks_of),
        "monthly": (series.monthly_means, series.months_of),
    }[mean]
    time = gnss.time.values
    means = averages(gnss.up.values, time, sigma=gnss.up_sigma.values)
    values = {"up": means.values, "up_sigma": means.sigma}
    bounds = np.stack(spans(time), axis=1).astype("M8[ns]")
    names = ("station", "lon", "lat", "height")
    coords = {name: gnss[name] for name in names if name in gnss.coords}
    lasting = {n: x for n, x in gnss.data_vars.items() if "time" not in x.dims}
    averaged = xr.Dataset(
        {name: (DIMS, np.asarray(array)) for name, array in values.items()} | lasting,
        {**coords, "time": means.time.astype("M8[ns]")},
        gnss.attrs,
    )
    return io.label_dataset(averaged).assign(time_bnds=(("time", "bnds"), bounds))
