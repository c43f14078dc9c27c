"""Grids on other cells, and at places."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from jaxload.io.grids.axes import step_of
from jaxload.io.listing import some_of

__all__ = ["on_one_turn", "regrid", "sample_grid", "square_cells"]

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class _Between:
    """Where places lie along an axis.

    Attributes:
      before: Index of the entry before each, shape (station,).
      after: Index of the entry after it, shape (station,).
      part: Weight of the latter [-], shape (station,).
      inside: Whether the place is on a cell at all, shape (station,).
    """

    before: NDArray[np.intp]
    after: NDArray[np.intp]
    part: Floats
    inside: NDArray[np.bool_]


def regrid(
    dataset: xr.Dataset, lon: ArrayLike, lat: ArrayLike, least: float = 0.5
) -> xr.Dataset:
    """Average grids over other cells, so that water is neither made nor lost.

    A new cell takes of every old one as much as they share in area. Onto finer cells
    that repeats the old value, as suits a mascon.

    Args:
      dataset: Fields along lat and lon, as the readers return them.
      lon: New centres [degrees], equally spaced, ascending, shape (lon,).
      lat: New centres [degrees], equally spaced, ascending, shape (lat,).
      least: Share of a new cell that must have data; one with less is NaN.

    Returns:
      The fields on the new cells. Errors (``_sigma``) are averaged as variances, as if
      neighbours were wholly correlated.

    Raises:
      ValueError: If the new grid lies outside the old.
    """
    new_lon, new_lat = (np.asarray(axis, np.float64) for axis in (lon, lat))
    dataset = on_one_turn(dataset)
    rows = _shares(np.sin(_edges(dataset["lat"].values, 90.0)), _sines(new_lat))
    columns = _wrapped_shares(_edges(dataset["lon"].values), _edges(new_lon))
    if not rows.any() or not columns.any():
        raise ValueError(
            f"the new cells, lon {_span(new_lon)} and lat {_span(new_lat)}, have none "
            f"in common with the old, lon {_span(dataset['lon'].values)} and lat "
            f"{_span(dataset['lat'].values)}"
        )
    matrices = (
        xr.DataArray(rows, dims=("_lat", "lat")),
        xr.DataArray(columns, dims=("_lon", "lon")),
    )
    new = {}
    for name, array in dataset.data_vars.items():
        if not {"lat", "lon"} <= set(array.dims):
            new[name] = array
            continue
        power = 2 if str(name).endswith("_sigma") else 1
        mean = _averaged(array**power, matrices, least) ** (1 / power)
        mean = mean.rename(_lat="lat", _lon="lon").transpose(*array.dims)
        new[name] = mean.astype(array.dtype).assign_attrs(array.attrs)
    axes = {
        "lat": ("lat", new_lat, dataset["lat"].attrs),
        "lon": ("lon", new_lon, dataset["lon"].attrs),
    }
    return xr.Dataset(new, attrs=dataset.attrs).assign_coords(axes)


def square_cells(dataset: xr.Dataset) -> xr.Dataset:
    """Bring grids to cells of one spacing, on one turn of longitude.

    A crop across 180 degrees, whose meridians lie at both ends of the axis, becomes one
    without a hole, from 170 to 190 say. Cells whose sides in lon and lat differ are
    averaged, by area, onto square ones of the shorter side.

    Args:
      dataset: Fields along lat and lon, as the readers return them.

    Returns:
      The fields on such cells; as they were if they are.
    """
    dataset = on_one_turn(dataset)
    lon, lat = dataset["lon"].values, dataset["lat"].values
    sides = [step_of(axis) for axis in (lon, lat) if len(axis) > 1]
    if len(sides) < 2 or abs(sides[0] - sides[1]) <= 1e-3 * min(sides):
        return dataset
    side = min(sides)
    halves = [old / 2 for old in sides]
    east = _centres(lon[0] - halves[0], lon[-1] + halves[0], side)
    south, north = max(lat[0] - halves[1], -90.0), min(lat[-1] + halves[1], 90.0)
    return regrid(dataset, east, _centres(south, north, side))


def on_one_turn(dataset: xr.Dataset) -> xr.Dataset:
    """Join the two parts that a crop across 180 degrees falls into.

    Args:
      dataset: Fields along lat and lon, as the readers return them.

    Returns:
      The fields on ascending meridians without a hole, from 170 to 190 say; as they
      were if they have none, or are of the whole globe.
    """
    lon = dataset["lon"].values
    if len(lon) < 2:
        return dataset
    gaps = np.diff(lon)
    first, around = int(gaps.argmax()) + 1, lon[0] + 360 - lon[-1]
    if gaps.max() <= 1.5 * step_of(lon) or around > 1.5 * step_of(lon):
        return dataset
    turned = np.concatenate([lon[first:], lon[:first] + 360])
    return dataset.roll(lon=-first).assign_coords(lon=turned)


def _centres(begin: float, end: float, side: float) -> Floats:
    begin, end = float(begin), float(end)
    count = max(1, round((end - begin) / side))
    return begin + side * (np.arange(count, dtype=np.float64) + 0.5)


def sample_grid(
    dataset: xr.Dataset,
    lon: ArrayLike | xr.DataArray,
    lat: ArrayLike | xr.DataArray,
    how: str = "bilinear",
    outside: str = "error",
    names: Sequence[str] | None = None,
) -> xr.Dataset:
    """Read grids off at places.

    Of the four centres around a place those without data, as at a coast, are left out
    and the others weigh more; a place with none of them is NaN, and so is every entry
    in which the ones around it are all missing.

    Args:
      dataset: Fields along lat and lon, as the readers return them.
      lon: Longitude of the places [degrees], any turn, shape (station,).
      lat: Latitude of the places [degrees], shape (station,).
      how: "bilinear", or "nearest" for the cell that a place stands in.
      outside: What becomes of places on no cell: "error" names them, "nan" leaves
        them without data.
      names: What the places are called; what `lon` calls them, or their numbers, if
        not given.

    Returns:
      The fields along station in the place of lat and lon.

    Raises:
      ValueError: If a place is outside, or an argument is none of the choices.

    Example:
      >>> at = io.sample_grid(soil, gnss.lon, gnss.lat)
    """
    if how not in ("bilinear", "nearest") or outside not in ("error", "nan"):
        raise ValueError(
            f"how is {how!r} and outside {outside!r}, expected bilinear or nearest, "
            "and error or nan"
        )
    labels = _labels(lon, names)
    east, north = (np.atleast_1d(np.asarray(x, np.float64)) for x in (lon, lat))
    if east.shape != north.shape or len(labels) != len(east):
        raise ValueError(
            f"there are {len(east)} lon, {len(north)} lat and {len(labels)} names, "
            "expected one of each for every place"
        )
    along_lon = _between(dataset["lon"].values, east, 360.0)
    along_lat = _between(dataset["lat"].values, north)
    inside = along_lon.inside & along_lat.inside
    if outside == "error" and not inside.all():
        raise ValueError(_outside(dataset, labels, (east, north), inside))
    corners = _corners(along_lon, along_lat, how)
    sampled = {
        name: _sampled(array, corners, inside)
        if {"lat", "lon"} <= set(array.dims)
        else array
        for name, array in dataset.data_vars.items()
    }
    places = {"station": labels, "lon": ("station", east), "lat": ("station", north)}
    return xr.Dataset(sampled, attrs=dataset.attrs).assign_coords(places)


def _edges(centres: Floats, limit: float = np.inf) -> Floats:
    """Edges of cells that touch each other [rad], shape (cell + 1,)."""
    half = step_of(centres) / 2
    inner = (centres[1:] + centres[:-1]) / 2
    edges = np.concatenate([[centres[0] - half], inner, [centres[-1] + half]])
    edges = np.clip(edges, -limit, limit)
    return np.deg2rad(edges)


def _sines(lat: Floats) -> Floats:
    return np.sin(_edges(lat, 90.0))


def _shares(old: Floats, new: Floats) -> Floats:
    """Length that new and old intervals share, shape (new, old)."""
    high = np.minimum(new[1:, None], old[None, 1:])
    low = np.maximum(new[:-1, None], old[None, :-1])
    share = np.maximum(high - low, 0.0)
    return share / (new[1:] - new[:-1])[:, None]


def _wrapped_shares(old: Floats, new: Floats) -> Floats:
    turns = (-2 * np.pi, 0.0, 2 * np.pi)
    return sum((_shares(old + turn, new) for turn in turns), start=np.zeros(()))


def _averaged(
    array: xr.DataArray, matrices: tuple[xr.DataArray, xr.DataArray], least: float
) -> xr.DataArray:
    rows, columns = matrices
    seen = array.notnull().astype(np.float64)
    total = xr.dot(xr.dot(array.fillna(0), columns, dim="lon"), rows, dim="lat")
    share = xr.dot(xr.dot(seen, columns, dim="lon"), rows, dim="lat")
    # A cell half known is known, whatever rounding makes of the half.
    return total / share.where((share >= least * (1 - 1e-6)) & (share > 0))


def _labels(lon: ArrayLike | xr.DataArray, names: Sequence[str] | None) -> list[str]:
    if names is not None:
        return list(map(str, names))
    if isinstance(lon, xr.DataArray) and "station" in lon.coords:
        return list(map(str, np.atleast_1d(lon["station"].values)))
    return [str(i) for i in range(np.atleast_1d(np.asarray(lon)).size)]


def _between(axis: Floats, places: Floats, period: float = 0.0) -> _Between:
    """Find between which entries of an axis places lie, across its ends too."""
    half = step_of(axis) / 2
    index = np.arange(len(axis))
    if period:
        axis, index = np.append(axis, axis[0] + period), np.append(index, 0)
        places = axis[0] + (places - axis[0]) % period
    elif len(axis) == 1:
        axis, index = np.repeat(axis, 2), np.repeat(index, 2)
    after = np.clip(np.searchsorted(axis, places), 1, len(axis) - 1)
    before = after - 1
    gap = axis[after] - axis[before]
    part = np.clip((places - axis[before]) / np.where(gap > 0, gap, 1.0), 0.0, 1.0)
    # Cells beside a hole end there, and nothing is interpolated across it.
    hole = gap > 3 * half
    part = np.where(hole, np.round(part), part)
    enclosed = (places >= axis[before]) & (places <= axis[after]) & ~hole
    reach = np.minimum(np.abs(places - axis[before]), np.abs(places - axis[after]))
    inside = enclosed | (reach <= half * (1 + 1e-6))
    return _Between(index[before], index[after], part, inside)


def _corners(
    along_lon: _Between, along_lat: _Between, how: str
) -> list[tuple[NDArray[np.intp], NDArray[np.intp], Floats]]:
    """Row, column and weight of the cells that count, each of shape (station,)."""
    east, north = along_lon.part, along_lat.part
    if how == "nearest":
        east, north = np.round(east), np.round(north)
    return [
        (row, column, along * across)
        for row, along in ((along_lat.before, 1 - north), (along_lat.after, north))
        for column, across in ((along_lon.before, 1 - east), (along_lon.after, east))
    ]


def _sampled(
    array: xr.DataArray,
    corners: list[tuple[NDArray[np.intp], NDArray[np.intp], Floats]],
    inside: NDArray[np.bool_],
) -> xr.DataArray:
    total, share = None, None
    for rows, columns, weight in corners:
        picked = array.isel(
            lat=xr.DataArray(rows, dims="station"),
            lon=xr.DataArray(columns, dims="station"),
        ).drop_vars(("lat", "lon"), errors="ignore")
        weights = xr.DataArray(weight.astype(array.dtype), dims="station")
        seen = picked.notnull() * weights
        part = picked.fillna(0) * seen
        total = part if total is None else total + part
        share = seen if share is None else share + seen
    assert total is not None
    assert share is not None
    known = (share > 0) & xr.DataArray(inside, dims="station")
    dims = [d for d in array.dims if d not in ("lat", "lon")]
    sampled = (total / share.where(known)).transpose(*dims, "station")
    return sampled.assign_attrs(array.attrs)


def _outside(
    dataset: xr.Dataset,
    labels: Sequence[str],
    places: tuple[Floats, Floats],
    inside: NDArray[np.bool_],
) -> str:
    which = np.flatnonzero(~inside)
    named = [
        f"{labels[i]} ({places[0][i]:g}, {places[1][i]:g})" for i in which.tolist()
    ]
    return (
        f"{len(which)} of {len(inside)} stations are outside the grid of "
        f"{dataset.attrs.get('source', 'the dataset')}, whose centres span lon "
        f"{_span(dataset['lon'].values)} and lat {_span(dataset['lat'].values)}: "
        f'{some_of(named, 5)}; read a larger part, or set outside="nan"'
    )


def _span(axis: Floats) -> str:
    return f"{axis.min():g} to {axis.max():g}" if axis.size else "nothing"
