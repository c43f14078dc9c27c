"""Check of heights: centred where set, refused if absolute, warned of if doubtful."""

import logging
from typing import Any

import numpy as np
import xarray as xr
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from jaxload import config, series, sphere
from jaxload._calendar import DAY
from jaxload._platform import aligned_empty
from jaxload.constants import DEGREE, EARTH_RADIUS
from jaxload.pipeline.inputs.observations import standard_errors
from jaxload.pipeline.messages import listed

__all__ = [
    "check_heights",
    "ready_by_parameters",
    "ready_component",
    "ready_heights",
    "settle_heights",
]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

#: Standard deviation of a Gaussian over its median absolute deviation.
GAUSSIAN = 1.4826

#: Medians of heights [mm] that no water explains: of a station, and of half of all.
STATION_OFFSET, NETWORK_OFFSET = 1000.0, 100.0

#: Medians that are doubtful: at least so many mm, and scatters of the network.
DOUBTFUL_OFFSET, SCATTERS_OF_OFFSET = 50.0, 5.0

#: Scatter of a network [mm] beyond which heights hold more than water.
LARGEST_SCATTER = 100.0

#: Single days that are doubtful: so many mm from those around them, and scatters.
SPIKE, SCATTERS_OF_SPIKE = 100.0, 10.0

#: Jumps that are doubtful: so many mm, and scatters of the station.
JUMP, SCATTERS_OF_JUMP = 30.0, 8.0

#: Values whose median counts as one, of daily heights and of rarer ones, and how many
#: of those stand on each side of a jump.
BLOCK, FEW, BLOCKS = 10, 3, 3

#: Interval from which heights are rare.
FEW_DAYS = np.timedelta64(5, "D")

#: Years from which slope and seasons of a station are taken out before.
SLOPES = 1.5

#: Share of a jump that lies between two medians next to it.
SHARP = 0.7

#: How many times the day-to-day scatter of the others a station may have.
FAMILY = 6.0

#: Stations whose scatters make a family.
ENOUGH = 5

#: Distance [m] within which two stations stand at one place.
ONE_PLACE = 200.0

#: What to do with heights about another zero.
MEND = 'gnss.reference = "mean" takes the mean out of each, cleaning.trend = "remove" '
MEND += "the trend too"


def ready_heights(
    study: config.Study, gnss: xr.Dataset
) -> tuple[xr.Dataset, dict[str, Any]]:
    """Leave out days of large sigma and empty stations; refer heights to their means.

    Stations without a day go; so do days whose standard error is more than
    `gnss.largest_sigma` times the median of their station, where that median weighs all
    days. With `gnss.reference` "mean" each station's mean is taken out.

    Args:
      study: Its table ``[gnss]`` has the settings.
      gnss: Heights, layout `io.GNSS`.

    Returns:
      The heights, and ``stations_without_days`` and ``days_of_large_sigma`` by station.

    Raises:
      ValueError: If no station has a day.
    """
    gnss, empty = _with_days(gnss)
    gnss, large = ready_component(study, gnss)
    return gnss, {"stations_without_days": empty, "days_of_large_sigma": large}


def ready_component(
    study: config.Study, gnss: xr.Dataset, component: str = "up"
) -> tuple[xr.Dataset, dict[str, int]]:
    """Leave out days of large sigma; refer to means where a study sets that.

    Args:
      study: Its table ``[gnss]`` has the settings.
      gnss: One component, under the names of heights.
      component: Which, for messages.

    Returns:
      The component, and counts of ``days_of_large_sigma`` by station.
    """
    if component == "up" and study.gnss.largest_sigma:
        usual = gnss.up_sigma.where(gnss.up.notnull()).median("time")
        gnss = gnss.assign(kept_sigma_median=usual)
    gnss, large = _without_large_sigma(study, gnss, component)
    if study.gnss.reference == "mean":
        mean = gnss.up.mean("time")
        gnss = gnss.assign(up=(gnss.up - mean).assign_attrs(gnss.up.attrs))
        if component == "up":
            gnss = gnss.assign(kept_reference=mean)
    return gnss, large


def _with_days(gnss: xr.Dataset) -> tuple[xr.Dataset, list[str]]:
    seen = gnss.up.notnull().any("time").values
    empty = list(map(str, gnss.station.values[~seen]))
    if not seen.any():
        raise ValueError(
            f"none of {len(seen)} stations has a height between gnss.start and "
            "gnss.end; take another period"
        )
    if empty:
        logger.warning(
            "left out %d of %d stations without a day in the period: %s",
            len(empty),
            len(seen),
            listed(empty),
        )
    return gnss.isel(station=np.flatnonzero(seen)) if empty else gnss, empty


def _without_large_sigma(
    study: config.Study, gnss: xr.Dataset, component: str
) -> tuple[xr.Dataset, dict[str, int]]:
    """Heights without days that the median of their station would weigh as others."""
    limit = study.gnss.largest_sigma
    if not limit or study.gnss.sigma == "daily":
        return gnss, {}
    sigma = gnss.up_sigma.where(gnss.up.notnull())
    ratio = sigma / sigma.median("time")
    large = (ratio > limit).values
    if not large.any():
        return gnss, {}
    epoch, station = np.unravel_index(np.nanargmax(ratio.values), large.shape)
    counts = dict(zip(map(str, gnss.station.values), large.sum(axis=0).tolist()))
    counts = {name: count for name, count in counts.items() if count}
    logger.warning(
        "left out %d days%s of %d stations (%s) whose standard error is more than "
        "gnss.largest_sigma = %g times the station's median; %s has %.4g mm on %s, "
        "%.0f times",
        large.sum(),
        "" if component == "up" else f" of {component}",
        len(counts),
        listed(list(counts)),
        limit,
        gnss.station.values[station],
        sigma.values[epoch, station],
        _day(gnss, epoch),
        ratio.values[epoch, station],
    )
    return gnss.assign(up=gnss.up.where(~large)), counts


def ready_by_parameters(
    study: config.Study, gnss: xr.Dataset, parameters: xr.Dataset
) -> xr.Dataset:
    """Leave out days of large sigma and refer heights as in a whole record.

    Args:
      study: Its table ``[gnss]`` has the settings.
      gnss: Heights of some days, layout `io.GNSS`.
      parameters: Variables of the heights of the whole record, from `ready_heights`.

    Returns:
      The heights.
    """
    up, limit = gnss.up.values, study.gnss.largest_sigma
    if limit and study.gnss.sigma != "daily":
        usual = parameters["kept_sigma_median"].values
        up = np.where(gnss.up_sigma.values > limit * usual, np.nan, up)
    if study.gnss.reference == "mean":
        up = up - parameters["kept_reference"].values
    return gnss.assign(up=(gnss.up.dims, up, gnss.up.attrs))


def settle_heights(study: config.Study, gnss: xr.Dataset) -> xr.Dataset:
    """Lay heights out so that they are held once, and their errors in little memory.

    JAX takes heights without a copy, to which nobody may write any more. Where the
    medians of stations weight the observations, these are kept, and daily errors in
    the float32 of the files that they are written to.

    Args:
      study: Its settings `gnss.sigma` and `gapfill` say what weights the observations.
      gnss: Heights, layout `io.GNSS`.

    Returns:
      The same heights; with `weight_sigma` (station) where daily errors are rounded.
    """
    aligned = aligned_empty(gnss.up.shape)
    aligned[:] = gnss.up.values
    gnss = gnss.assign(up=gnss.up.copy(data=aligned))
    if study.gnss.sigma == "daily" or study.gapfill is not None:
        return gnss
    weights = ("station", standard_errors(study, gnss))
    single = gnss.up_sigma.copy(data=gnss.up_sigma.values.astype(np.float32))
    return gnss.assign(weight_sigma=weights, up_sigma=single)


def check_heights(study: config.Study, gnss: xr.Dataset) -> dict[str, Any]:
    """Refuse heights that are no anomalies, and warn of those that are doubtful.

    Args:
      study: Its tables ``[cleaning]`` and ``[gapfill]`` may remove offsets anyway.
      gnss: Heights that will be inverted, cleaned where a study sets it.

    Returns:
      ``offsets_mm``, ``single_days``, ``jumps`` and ``scatter_ratio`` of stations that
      are doubtful, ``other_zeros_mm`` of pairs at one place, and ``scatter_mm`` of the
      network.

    Raises:
      ValueError: If heights are absolute, or about zeros of their own.
    """
    up = gnss.up.values
    middle = np.nanmedian(up, axis=0)
    scatter = float(np.median(GAUSSIAN * np.nanmedian(np.abs(up - middle), axis=0)))
    centred = study.cleaning.trend == "remove" or study.gapfill is not None
    doubts: dict[str, Any] = {"scatter_mm": scatter}
    doubts["offsets_mm"] = {} if centred else _offsets(gnss, middle, scatter)
    doubts["other_zeros_mm"] = {} if centred else _other_zeros(gnss, scatter)
    if scatter > LARGEST_SCATTER:
        logger.warning(
            "heights scatter by %.0f mm (median of stations), and water moves the "
            "ground by tens of mm: are there trends and steps, which cleaning.trend "
            "and cleaning.steps take out, or other units (gnss.units)?",
            scatter,
        )
    doubts["scatter_ratio"] = _out_of_family(gnss)
    return doubts | _doubtful_days(gnss)


def _offsets(gnss: xr.Dataset, middle: Floats, scatter: float) -> dict[str, float]:
    """Stations whose heights are about another zero than that of an anomaly."""
    size, names = np.abs(middle), list(map(str, gnss.station.values))
    order = np.argsort(-size)
    sizes = [f"{names[n]} {_length(float(middle[n]))}" for n in order]
    if size.max() > STATION_OFFSET:
        count = int((size > STATION_OFFSET).sum())
        raise ValueError(
            f"the heights of {count} of {len(names)} stations are no anomalies but "
            f"absolute, or in other units (medians: {listed(sizes[:count])}); {MEND}, "
            "gnss.units says what units they are in"
        )
    if np.median(size) > NETWORK_OFFSET:
        raise ValueError(
            f"the heights of {len(names)} stations are no anomalies: half of them have "
            f"a median beyond {np.median(size):.0f} mm ({listed(sizes)}), which would "
            f"be metres of water; {MEND}"
        )
    doubtful = size > max(DOUBTFUL_OFFSET, SCATTERS_OF_OFFSET * scatter)
    if doubtful.any():
        logger.warning(
            "the heights of %d of %d stations stand far from zero, all others about it "
            "(medians: %s), which becomes water that is not there; %s",
            doubtful.sum(),
            len(names),
            listed(sizes[: doubtful.sum()]),
            MEND,
        )
    return {names[n]: float(middle[n]) for n in np.flatnonzero(doubtful)}


def _length(millimetres: float) -> str:
    if abs(millimetres) >= 10_000:
        return f"{millimetres / 1000:.1f} m"
    return f"{millimetres:.1f} mm"


def _other_zeros(gnss: xr.Dataset, scatter: float) -> dict[str, float]:
    """Pairs of files of one place whose heights differ by a constant."""
    lon, lat = gnss.lon.values, gnss.lat.values
    names, up, gaps = gnss.station.values, gnss.up.values, {}
    for first, second in _pairs(lon, lat):
        one, two = up[:, first], up[:, second]
        both = np.isfinite(one) & np.isfinite(two)
        if both.sum() >= BLOCK:
            gap = float(np.median(one[both] - two[both]))
        else:
            gap = float(np.nanmedian(one) - np.nanmedian(two))
        if abs(gap) > max(BLOCK, SCATTERS_OF_OFFSET * scatter / np.sqrt(BLOCK)):
            gaps[f"{names[first]}, {names[second]}"] = gap
    for pair, gap in gaps.items():
        logger.warning(
            "%s stand at one place, but their heights differ by %.1f mm: are they two "
            "files of one station with zeros of their own? %s",
            pair.replace(", ", " and "),
            gap,
            MEND,
        )
    return gaps


def _pairs(lon: Floats, lat: Floats) -> list[tuple[int, int]]:
    """Stations that stand at one place."""
    reach = ONE_PLACE / EARTH_RADIUS
    order, pairs = np.argsort(lat), []
    for rank, one in enumerate(order):
        for two in order[rank + 1 :]:
            if (lat[two] - lat[one]) * DEGREE > reach:
                break
            arc = sphere.angular_distance(lon[one], lat[one], lon[two], lat[two])
            if float(arc) * DEGREE <= reach:
                pairs.append((int(one), int(two)))
    return pairs


def _out_of_family(gnss: xr.Dataset) -> dict[str, float]:
    """Stations that scatter from day to day as if they were in other units."""
    up, names = gnss.up.values, list(map(str, gnss.station.values))
    noise = np.array([_daily_scatter(column) for column in up.T])
    known = np.isfinite(noise) & (noise > 0)
    if known.sum() < ENOUGH:
        return {}
    ratio = noise / np.median(noise[known])
    odd = known & ((ratio > FAMILY) | (ratio < 1 / FAMILY))
    ratios = {names[n]: float(ratio[n]) for n in np.flatnonzero(odd)}
    if ratios:
        shown = [f"{name} {ratio:.3g} times" for name, ratio in ratios.items()]
        logger.warning(
            "%d of %d stations scatter from one value to the next unlike the others "
            "(%s their median of %.2g mm): are their files in other units? "
            "gnss.units holds for all files alike; leave those of other units out by "
            "gnss.exclude, or read them as a study of their own",
            len(ratios),
            len(names),
            listed(shown),
            float(np.median(noise[known])),
        )
    return ratios


def _daily_scatter(values: Floats) -> float:
    steps = np.abs(np.diff(values[np.isfinite(values)]))
    return float(GAUSSIAN * np.median(steps) / np.sqrt(2)) if len(steps) else np.nan


def _doubtful_days(gnss: xr.Dataset) -> dict[str, dict[str, dict[str, Any]]]:
    """Single days far from those around them, and days from which heights differ."""
    spikes, jumps = {}, {}
    step = np.median(np.diff(gnss.time.values)) if gnss.sizes["time"] > 1 else DAY
    block = BLOCK if step < FEW_DAYS else FEW
    basis = series.seasonal_basis(gnss.time.values)
    for station, values in zip(map(str, gnss.station.values), gnss.up.values.T):
        days = np.flatnonzero(np.isfinite(values))
        if len(days) < 4 * block:
            continue
        here = values[days]
        if basis[days[-1], 1] - basis[days[0], 1] > SLOPES:
            # Slopes and seasons go on while a receiver stands still.
            terms = basis[days]
            # Years count from the middle: normal equations of six terms lose nothing.
            here = here - terms @ np.linalg.lstsq(terms.T @ terms, terms.T @ here)[0]
        spike, jump = _spike_and_jump(here, block)
        for days_by_station, largest in ((spikes, spike), (jumps, jump)):
            if largest is not None:
                day = _day(gnss, days[largest[0]])
                days_by_station[station] = {"day": day, "size_mm": largest[1]}
    _warn_of_days(
        spikes,
        "have a day far from those around it",
        "cleaning.outliers takes such days out",
    )
    _warn_of_days(
        jumps,
        "jump and stay there",
        'cleaning.steps = "detect" or a file of offsets takes steps out',
    )
    return {"single_days": spikes, "jumps": jumps}


def _spike_and_jump(
    values: Floats, block: int
) -> tuple[tuple[int, float] | None, tuple[int, float] | None]:
    """The largest of each [mm] and where, if it is doubtful."""
    count = len(values) // block
    level = np.median(values[: count * block].reshape(count, block), axis=1)
    part = np.minimum(np.arange(len(values)) // block, count - 1)
    beside = [np.clip(part + n, 0, count - 1) for n in (-1, 0, 1)]
    away = values - np.stack([level[n] for n in beside])
    scatter = GAUSSIAN * float(np.median(np.abs(away[1])))
    # A day after a jump is near the days that follow it.
    nearest = np.take_along_axis(away, np.abs(away).argmin(axis=0)[None], axis=0)[0]
    worst = int(np.argmax(np.abs(nearest)))
    spike = worst, float(nearest[worst])
    if abs(spike[1]) <= max(SPIKE, SCATTERS_OF_SPIKE * scatter):
        spike = None
    jump = _jump(level, max(JUMP, SCATTERS_OF_JUMP * scatter))
    return spike, jump and (jump[0] * block, jump[1])


def _jump(level: Floats, least: float) -> tuple[int, float] | None:
    """The largest difference between the levels before and after a place, if sharp."""
    side = min(BLOCKS, len(level) // 2)
    middle = np.median(sliding_window_view(level, side), axis=1)
    steps = middle[side:] - middle[:-side]
    worst = int(np.argmax(np.abs(steps)))
    place, size = worst + side, float(steps[worst])
    # What takes longer than a block or two is a slope.
    near = level[max(place - 2, 0) : place + 3]
    sharp = np.abs(near[2:] - near[:-2]).max(initial=0)
    if abs(size) <= least or sharp < SHARP * abs(size):
        return None
    return place, size


def _warn_of_days(days: dict[str, dict[str, Any]], how: str, mend: str) -> None:
    if not days:
        return
    order = sorted(days, key=lambda name: -abs(days[name]["size_mm"]))
    shown = [
        f"{name} by {_length(days[name]['size_mm'])} on {days[name]['day']}"
        for name in order
    ]
    logger.warning(
        "the heights of %d stations %s (%s); %s", len(days), how, listed(shown), mend
    )


def _day(gnss: xr.Dataset, epoch: int | np.intp) -> str:
    return str(gnss.time.values[epoch])[:10]
