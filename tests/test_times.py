"""Gridded products of every span, beside heights of every span."""

import itertools

import numpy as np
import pytest
import xarray as xr

from jaxload import io
from jaxload.pipeline import loads
from jaxload.pipeline.in_time import epoch_spans

pytest.importorskip("netCDF4")

HOUR, DAY = np.timedelta64(1, "h"), np.timedelta64(1, "D")
SUNDAY, AFTER = np.datetime64("2009-12-27", "ns"), np.datetime64("2013-01-06", "ns")
PRODUCTS = ("6-hourly", "daily", "weekly", "monthly")
HEIGHTS = ("daily", "weekly", "monthly")

#: Cycles [1/day] and amplitudes of what is observed.
CYCLES = {1 / 365.2425: 10.0, 2 / 365.2425: 2.0}


def spans(kind, first=SUNDAY, last=AFTER):
    """Begin and end of all spans of a kind, shape (span, 2)."""
    if kind == "monthly":
        month = np.arange(first.astype("M8[M]"), last.astype("M8[M]") + 1)
        return np.stack([month, month + 1], axis=1).astype("M8[ns]")
    step = {"6-hourly": 6 * HOUR, "daily": DAY, "weekly": 7 * DAY}[kind]
    begin = np.arange(first, last, step)
    return np.stack([begin, begin + step], axis=1)


def true_means(bounds):
    """Means of the signal over spans, from its integral."""
    start, stop = ((x - SUNDAY) / DAY for x in bounds.T)
    total = np.zeros(len(start))
    for cycle, amplitude in CYCLES.items():
        turn = 2 * np.pi * cycle
        total += amplitude * (np.sin(turn * stop) - np.sin(turn * start)) / turn
    return total / (stop - start)


def stamps(bounds, stamp, dated):
    """Times at the begin, middle or end of spans; or dates of their last days."""
    begin, end = bounds.T
    if stamp == "start":
        return begin
    if stamp == "middle":
        return begin + (end - begin) // 2
    if not dated:
        return end
    last = end - DAY
    return np.where(end - begin > DAY, last, end - 3 * HOUR)


def write(path, time, values, bounds=None, **attrs):
    """A file of temperature, the same in every cell."""
    numbers = (time - SUNDAY) / HOUR
    units = {"units": "hours since 2009-12-27 00:00:00"}
    field = np.broadcast_to(280 + values[:, None, None], (len(time), 2, 3))
    coords = {
        "time": ("time", numbers, dict(units)),
        "lat": [0.5, 1.5],
        "lon": [100.5, 101.5, 102.5],
    }
    labels = {"units": "K", **attrs}
    content = xr.Dataset({"t2m": (("time", "lat", "lon"), field, labels)}, coords)
    if bounds is not None:
        content["time_bnds"] = (("time", "nv"), (bounds - SUNDAY) / HOUR)
        content["time"].attrs["bounds"] = "time_bnds"
    content.to_netcdf(path)
    return path


def heights(kind):
    """Epochs of heights within the three years."""
    first, last = np.datetime64("2010-01-03", "ns"), np.datetime64("2012-12-30", "ns")
    bounds = spans(kind, first, last)
    gnss = xr.Dataset(coords={"time": bounds[:, 0]})
    if kind == "daily":
        return gnss
    inside = bounds[(bounds[:, 0] >= first) & (bounds[:, 1] <= last)]
    dated = {"weekly": 3 * DAY, "monthly": 14 * DAY}[kind]
    gnss = xr.Dataset(coords={"time": inside[:, 0] + dated})
    return gnss.assign(time_bnds=(("time", "bnds"), inside))


def brought(path, kind, **settings):
    """The product at the epochs of heights, and how it should be there."""
    grid = io.read_grid(path, "temperature", settings=io.GridSettings(**settings))
    values = grid.temperature[:, :1, 0].values.astype(float) - 280
    gnss = heights(kind)
    given = (values, grid.time.values, gnss, "the load", grid.time_bnds.values)
    return loads.at_epochs(*given)[:, 0], true_means(epoch_spans(gnss))


def annual_share(left, time):
    """Annual amplitude of what is left, as a share of the signal's."""
    turn = 2 * np.pi * (time - SUNDAY) / DAY / 365.2425
    design = np.stack([np.ones(len(turn)), np.cos(turn), np.sin(turn)], axis=1)
    return np.hypot(*np.linalg.lstsq(design, left, rcond=None)[0][1:]) / 10.0


SAID = [
    (stamp, said)
    for stamp, said in itertools.product(
        ("start", "middle", "end"), ("bounds", "asked", "guessed")
    )
]


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize(("stamp", "said"), SAID)
def test_a_product_means_its_spans_wherever_they_are_stamped(
    tmp_path, product, stamp, said
):
    bounds = spans(product)
    time = stamps(bounds, stamp, dated=said == "guessed")
    stated = bounds if said == "bounds" else None
    path = write(tmp_path / "x.nc", time, true_means(bounds), stated)
    asked = {"stamp": stamp} if said == "asked" else {}
    for kind in HEIGHTS:
        found, expected = brought(path, kind, **asked)
        assert np.isfinite(found).all()
        left = found - expected
        # Six hours without bounds are instants, as far as anyone can tell.
        hours = product == "6-hourly" and said == "guessed"
        exact = PRODUCTS.index(product) <= PRODUCTS.index(kind) and not hours
        whole = product != "weekly" or kind != "monthly"
        assert abs(left).max() < (1e-5 if exact and whole else 0.15)
        assert annual_share(left, heights(kind).time.values) < 0.002
