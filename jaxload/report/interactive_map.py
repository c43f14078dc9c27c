"""Layers of the map of a report: water by epoch, its errors, seasons, scores."""

import importlib.util
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray

from jaxload.report.opened_result import OpenedResult
from jaxload.report.packed_arrays import BYTES_A_NUMBER, pack_numbers, thinning_step

__all__ = ["MAP_MEGABYTES", "map_content"]

#: Room for maps in a page.
MAP_MEGABYTES = 4.8

#: Layers at most; a result with more keeps the first of each file.
MOST_LAYERS = 80

#: Variables that are no layers.
NO_LAYERS = ("cell_mask", "crs", "solved", "cell_is_estimated", "cell_estimate")

#: File of the water of the study, whose layers get so many times the room of others.
WATER, MORE_ROOM = "twsa", 3

#: Share of the room that layers without time leave to those with time.
LEAST_ROOM = 0.25

#: What `cell_mask` is in the region.
IN_REGION = 2

#: Share of the values that lie within the ends of a colour scale.
WITHIN = (0.02, 0.98)

#: Scores by parts of their names, and the ends of their colours: 1 is perfect, and
#: efficiencies below -1 are as bad as -1.
SCORES = {"pcc": (-1.0, 1.0), "nse": (-1.0, 1.0), "r2": (0.0, 1.0)}

#: Days in a year, after which a phase is what it was.
YEAR = 365.25

#: Layers of lines, and the scale of Natural Earth that they are of.
LINES, SCALE = ("coast", "borders", "provinces", "lakes"), "50m"

#: Room around the cells [degrees].
ROOM = 0.5


def map_content(result: OpenedResult) -> dict[str, Any] | None:
    """Collect what the map of a page shows.

    Args:
      result: From `open_result`.

    Returns:
      The grid, cells, dates, layers and lines as plain values; None where the result
      has no maps.
    """
    grid = _grid(result)
    if grid is None:
        return None
    lon, lat, shown = grid["lon"], grid["lat"], grid["shown"]
    row, column = np.nonzero(shown)
    step = _steps(result, grid)
    axes: dict[str, list[str]] = {}
    layers = [
        layer
        for name, dataset in result.datasets()
        for layer in _layers(name, dataset, grid, step, axes)
    ]
    return {
        "lon": [round(float(x), 6) for x in lon],
        "lat": [round(float(x), 6) for x in lat],
        "row": row.tolist(),
        "column": column.tolist(),
        "axes": axes,
        "steps": step,
        "layers": layers[:MOST_LAYERS],
        "lines": _lines(lon, lat),
        "outlines": _outlines(result, float(lon.mean())),
    }


def _grid(result: OpenedResult) -> dict[str, NDArray[Any]] | None:
    """Axes of the maps and the cells that are shown: those of the region."""
    for name, dataset in result.datasets():
        if name == "twsa" and {"lon", "lat"} <= set(dataset.dims):
            lon, lat = dataset["lon"].values, dataset["lat"].values
            shown = np.ones((len(lat), len(lon)), bool)
            if "cell_mask" in dataset:
                mask = dataset["cell_mask"].transpose("lat", "lon").values
                shown = mask == IN_REGION if (mask == IN_REGION).any() else mask > 0
            return {"lon": lon, "lat": lat, "shown": shown}
    return None


def _on_grid(dataset: xr.Dataset, grid: dict[str, NDArray[Any]]) -> bool:
    return all(
        x in dataset.coords and np.array_equal(dataset[x].values, grid[x])
        for x in ("lon", "lat")
    )


def _fields(dataset: xr.Dataset) -> Iterator[tuple[str, xr.DataArray]]:
    for name, field in dataset.data_vars.items():
        kind = {"lat", "lon"} <= set(field.dims) and field.dtype.kind == "f"
        if kind and name not in NO_LAYERS and not str(name).endswith("_bnds"):
            yield str(name), field


def _time_of(field: xr.DataArray) -> str | None:
    """The dimension of a field along which time goes on."""
    dates = (d for d in field.dims if d in field.coords)
    return next((str(d) for d in dates if field[d].dtype.kind == "M"), None)


def _steps(result: OpenedResult, grid: dict[str, NDArray[Any]]) -> dict[str, int]:
    """Which epochs of each axis of time are kept, so that all layers find room."""
    cells, still = int(grid["shown"].sum()), 0
    sizes: list[tuple[str, int, int, float]] = []
    for name, dataset in result.datasets():
        if not _on_grid(dataset, grid):
            continue
        weight = MORE_ROOM if name == WATER else 1
        for _, field in _fields(dataset):
            along = _time_of(field)
            if along is None:
                still += field.size // grid["shown"].size
                continue
            count = field.size // field.sizes[along] // grid["shown"].size
            sizes.append((f"{name} {along}", field.sizes[along], count, weight))
    taken = still * cells * BYTES_A_NUMBER / 1e6
    room = max(MAP_MEGABYTES - taken, LEAST_ROOM * MAP_MEGABYTES)
    # Whoever needs less than its share leaves the rest to the others.
    shares: dict[str, float] = {}
    by_need = sorted(sizes, key=lambda one: one[1] / one[3])
    parts = sum(count * weight for *_, count, weight in sizes)
    for axis, epochs, count, weight in by_need:
        share = room * weight / max(1, parts)
        need = epochs * cells * BYTES_A_NUMBER / 1e6
        shares[axis] = min(share, shares.get(axis, share))
        room -= count * min(share, need)
        parts -= count * weight
    return {
        axis: thinning_step(epochs, cells, shares[axis]) for axis, epochs, *_ in sizes
    }


def _layers(
    file: str,
    dataset: xr.Dataset,
    grid: dict[str, NDArray[Any]],
    steps: dict[str, int],
    axes: dict[str, list[str]],
) -> Iterator[dict[str, Any]]:
    if not _on_grid(dataset, grid):
        return
    for name, whole in _fields(dataset):
        along = _time_of(whole)
        axis = None if along is None else f"{file} {along}"
        field = whole
        if along is not None and axis is not None:
            # Whole chunks are read faster than every so many epochs.
            kept = slice(None, None, steps[axis])
            field = whole.load().isel({along: kept})
            axes[axis] = [str(day)[:10] for day in field[along].values]
        for part, words in _parts(field, along):
            order = [along] if along else []
            values = part.transpose(*order, "lat", "lon").values[..., grid["shown"]]
            if np.isfinite(values).any():
                yield _layer((file, name, words), whole.attrs, values, axis)


def _parts(
    field: xr.DataArray, along: str | None
) -> Iterator[tuple[xr.DataArray, list[str]]]:
    """A field for each of what stands along its other dimensions, and its name."""
    others = [d for d in field.dims if d not in ("lat", "lon", along)]
    for place in itertools.product(*(range(field.sizes[d]) for d in others)):
        words = [
            str(field[d].values[i]) if d in field.coords else str(i)
            for d, i in zip(others, place)
        ]
        yield field.isel(dict(zip(others, place))), words


def _layer(
    names: tuple[str, str, list[str]],
    attributes: dict[str, Any],
    values: NDArray[Any],
    axis: str | None,
) -> dict[str, Any]:
    file, name, words = names
    title = str(attributes.get("long_name", name.replace("_", " ")))
    low, high = (float(x) for x in np.nanquantile(values, WITHIN))
    kind = "sequential"
    score = next((ends for key, ends in SCORES.items() if key in name.split("_")), None)
    if score is not None:
        kind = "score" if score[0] < 0 else "sequential"
        low, high = score
    elif "phase" in name and not name.endswith("_sd"):
        kind, low, high = "cyclic", 0.0, YEAR / (2 if "semiannual" in name else 1)
    elif low < 0 < high:
        kind, high = "diverging", max(-low, high)
        low = -high
    units = str(attributes.get("units", ""))
    return {
        "file": file,
        "name": name,
        "title": ", ".join([title, *words]),
        "units": "" if units == "1" else units,
        "kind": kind,
        "range": [low, high if high > low else low + 1],
        "axis": axis,
        **pack_numbers(values),
    }


def _lines(lon: NDArray[Any], lat: NDArray[Any]) -> dict[str, list[float | None]]:
    """Coasts and borders, where the package that draws has them; each ends in None."""
    lines: dict[str, list[float | None]] = {"lon": [], "lat": []}
    if importlib.util.find_spec("matplotlib") is None:
        return lines
    from jaxload.plot.natural_earth import lines_within

    box = (
        float(lon.min()) - ROOM,
        float(lon.max()) + ROOM,
        float(lat.min()) - ROOM,
        float(lat.max()) + ROOM,
    )
    for layer in LINES:
        for line in lines_within(layer, SCALE, box):
            for key, numbers in zip(("lon", "lat"), line.T):
                lines[key] += [*(round(float(x), 2) for x in numbers), None]
    return lines


def _outlines(result: OpenedResult, middle: float) -> dict[str, list[float | None]]:
    """Outlines of regions on the turn of the map; each ring ends in None."""
    lines: dict[str, list[float | None]] = {"lon": [], "lat": []}
    for name, dataset in result.datasets():
        if name != "regions" or "region_outline" not in dataset:
            continue
        shapes = shapely.from_wkt(
            dataset["region_outline"].values.astype(str), "ignore"
        )
        for ring in shapely.get_parts(shapely.boundary(shapes)):
            corners = shapely.get_coordinates(ring)
            corners[:, 0] += 360 * np.rint((middle - corners[:, 0].mean()) / 360)
            for key, numbers in zip(("lon", "lat"), corners.T):
                lines[key] += [*(round(float(x), 3) for x in numbers), None]
    return lines
