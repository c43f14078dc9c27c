"""Water by heights and by other products in time and period."""

import itertools
import logging
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import evaluate, series
from jaxload.pipeline.evaluate.product_scores import AlikeProducts
from jaxload.pipeline.evaluate.products import BY_HEIGHTS

__all__ = ["compare_wavelets"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.floating]

#: Longest gap that does not matter, and fewest months that are transformed.
SHORT_GAP, SHORTEST = 2, 48

#: Units and meaning of what is computed.
MEANINGS = {
    "cross_power": ("1", "cross-wavelet power of the standardised series"),
    "phase": ("radian", "phase, positive where water by heights leads"),
    "coherence": ("1", "squared wavelet coherence"),
}

#: Labels of the periods of waves.
OF_PERIODS = {"units": "1", "long_name": "period in months"}


def compare_wavelets(
    alike: AlikeProducts, months: NDArray[np.datetime64]
) -> xr.Dataset | None:
    """Transform water by heights and every other product together.

    Missing months are interpolated; those of gaps of more than two months, and what
    they affect, lie outside the cone of influence, as do the ends.

    Args:
      alike: The products.
      months: First instant of each month and first after it, shape (month, 2).

    Returns:
      ``cross_power``, ``phase`` and ``coherence`` (other, region, wave_period, month),
      NaN before the first and after the last month that both have;
      ``cross_power_limit`` (other, region, wave_period) and ``coherence_limit``
      (wave_period), which unrelated series of red noise exceed in 5% of cases; and
      ``cone_of_influence`` (other, region, month), the longest period that neither ends
      nor gaps affect. None where no pair has four years.
    """
    time = series.span_middles(months)
    others = [name for name in alike.products if name != BY_HEIGHTS]
    names = list(alike.area.outlines)
    if not others or len(time) < SHORTEST:
        return _warn_of_none()
    scales = evaluate.wavelet_scales(len(time))
    size = len(others), len(names), len(scales.period), len(time)
    values = {name: np.full(size, np.nan, np.float32) for name in MEANINGS}
    limit = np.full(size[:3], np.nan)
    cone = np.full((*size[:2], size[3]), np.nan)
    memory: list[tuple[float, float]] = []
    for row, other in enumerate(others):
        pair = [
            np.asarray(x.regions, np.float64) for x in alike.pair(BY_HEIGHTS, other)
        ]
        for column in range(len(names)):
            series_of_both = [x[:, column] for x in pair]
            part, known, bare = _ready(*series_of_both)
            if len(known) < SHORTEST or min(x.std() for x in bare) == 0:
                continue
            both = evaluate.cross_wavelet(*bare)
            count = len(both.scales.period)
            place = (row, column, slice(count), part)
            values["cross_power"][place] = both.power
            values["phase"][place] = both.phase
            values["coherence"][place] = both.coherence
            limit[row, column, :count] = both.power_limit
            cone[row, column, part] = evaluate.cone_of_influence(known)
            first, second = (evaluate.first_autocorrelation(x) for x in bare)
            memory.append((first, second))
    if not memory:
        return _warn_of_none()
    first, second = np.median(memory, axis=0).tolist()
    coherent = evaluate.coherence_limit((first, second), len(time))
    return _labelled(values, (limit, coherent, cone), months).assign_coords(
        other=others,
        region=names,
        wave_period=("wave_period", scales.period, OF_PERIODS),
    )


def _warn_of_none() -> None:
    logger.warning(
        "evaluation.wavelets is set, but no product has four years in common with "
        "water by heights; there are no wavelets"
    )


def _labelled(
    values: dict[str, Floats], limits: tuple[Floats, Floats, Floats], months: NDArray
) -> xr.Dataset:
    dims = ("other", "region", "wave_period", "month")
    variables: dict[str, Any] = {
        name: (dims, x, {"units": MEANINGS[name][0], "long_name": MEANINGS[name][1]})
        for name, x in values.items()
    }
    power, coherent, cone = limits
    meaning = "which unrelated series of red noise exceed in 5% of cases"
    labels = {"units": "1", "long_name": f"cross-wavelet power {meaning}"}
    variables["cross_power_limit"] = dims[:3], power, labels
    labels = {
        "units": "1",
        "long_name": f"squared coherence {meaning}",
        "comment": "by 300 pairs of series with the median memory of all",
    }
    variables["coherence_limit"] = ("wave_period",), coherent, labels
    meaning = "longest period in months that neither ends nor gaps affect"
    labels = {"units": "1", "long_name": meaning}
    variables["cone_of_influence"] = ("other", "region", "month"), cone, labels
    comment = (
        "Morlet wavelet of frequency 6 (Torrence and Compo 1998; Grinsted et al. 2004) "
        "of monthly means less a linear trend, gaps interpolated"
    )
    bounds = ("month", "bnds"), months
    coords = {"month": series.span_middles(months), "month_bnds": bounds}
    return xr.Dataset(variables, coords, attrs={"comment": comment})


def _ready(
    first: Floats, second: Floats
) -> tuple[slice, NDArray[np.bool_], list[Floats]]:
    """The months of both, those not in a long gap, and both without gap or trend."""
    common = np.isfinite(first) & np.isfinite(second)
    there = np.flatnonzero(common)
    if len(there) < SHORTEST:
        return slice(0), common[:0], []
    part = slice(int(there[0]), int(there[-1]) + 1)
    every = np.arange(len(common))
    bare = [
        _without_trend(np.interp(every, there, x[there])[part]) for x in (first, second)
    ]
    known = np.ones(len(common), bool)
    for before, after in itertools.pairwise(there):
        if after - before > SHORT_GAP + 1:
            known[before + 1 : after] = False
    return part, known[part], bare


def _without_trend(values: Floats) -> Floats:
    steps = np.arange(len(values)) - (len(values) - 1) / 2
    anomaly = values - values.mean()
    return anomaly - steps * (steps @ anomaly) / (steps @ steps)
