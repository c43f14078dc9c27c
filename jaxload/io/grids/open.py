"""Gridded netCDF files opened with canonical axes, cut before anything is read."""

import contextlib
import dataclasses
import importlib.util
import logging
import os
import pathlib
from collections.abc import Hashable, Iterator, Mapping, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.files.netcdf import reading_netcdf, with_numbers
from jaxload.io.files.paths import nearest
from jaxload.io.grids.axes import canonical_axes, cut_box, merge_versions
from jaxload.io.grids.mascon_lists import GROUPS, read_mascons
from jaxload.io.grids.spans import STAMPS, file_spans, parse_span
from jaxload.io.grids.times import decode_times, time_bounds

__all__ = ["GridSettings", "has_dask", "open_content", "open_grid", "read_static"]

logger = logging.getLogger(__name__)

_DUPLICATES = ("error", "first", "last", "mean")

#: Size of the entries of a field in chunks that are read at a time [bytes].
PIECE = 64 * 2**20


@dataclasses.dataclass(frozen=True)
class GridSettings:
    """How gridded files are read.

    Attributes:
      box: West, south, east, north [degrees]: only the cells inside are read.
      start: First date that is wanted, such as "2018-01-01", and with it all that
        means a time after it; all if empty.
      stop: Date before which reading ends; all if empty.
      time_units: Units of time, for files that do not say, or not the truth.
      stamp: Where times stand in the spans that entries are means of, for files without
        bounds of time, or with wrong ones: "start", "middle", "end", "instant" for
        values at the very times, "auto" for what the file and its times say.
      span: What entries are means of, likewise: "day", "week" (GPS week), "month" or
        "year" of the calendar, a length as "3 hours", a number of hours or a timedelta;
        "auto" for what the file and its times say. It is also what an amount of
        precipitation was gathered in: one hour for hourly ERA5, one day for its monthly
        means.
      fill: A number that stands for no data though the file does not say so.
      duplicates: What becomes of entries of one time: "error", "first", "last" (in
        the order of the files) or "mean".
      gain: Whether to multiply by the file's ``scale_factor`` of each cell, or a file
        that holds it; cells without one keep their value.
      land: Whether to keep land alone by the file's ``land_mask``, or a file with one.
      chunks: Sizes of pieces by axis, such as ``{"time": 24}``, to compute on data
        larger than memory with dask (``jaxload[lazy]``); the file then stays open.
        Without it what is wanted of one file at a time is read into memory.
      largest: Size of files [bytes] from which on they are read in chunks of some
        entries, as if `chunks` were given; where dask is not installed there is a
        warning. Fields that are no larger in memory are there in the end.
    """

    box: tuple[float, float, float, float] | None = None
    start: str = ""
    stop: str = ""
    time_units: str = ""
    stamp: str = "auto"
    span: str | float | np.timedelta64 | None = "auto"
    fill: float | None = None
    duplicates: str = "error"
    gain: bool | str | os.PathLike[str] = False
    land: bool | str | os.PathLike[str] = False
    chunks: Mapping[str, int] | None = None
    largest: int | None = None

    def __post_init__(self) -> None:
        if self.duplicates not in _DUPLICATES:
            raise ValueError(
                f"duplicates is {self.duplicates!r}, expected one of "
                f"{', '.join(_DUPLICATES)}"
            )
        if self.stamp not in STAMPS:
            raise ValueError(
                f"stamp is {self.stamp!r}, expected one of {', '.join(STAMPS)}"
            )
        parse_span(self.span)
        if self.box is not None and (
            len(self.box) != 4 or not -90 <= self.box[1] <= self.box[3] <= 90
        ):
            raise ValueError(
                f"box is {self.box}, expected west, south, east, north in degrees"
            )
        if self.chunks is not None and not has_dask():
            raise ValueError(
                "chunks needs dask, which is not installed; install jaxload[lazy], or "
                "cut what is read by box, start and stop"
            )


def has_dask() -> bool:
    """Whether arrays larger than memory can be computed with."""
    return importlib.util.find_spec("dask") is not None


@contextlib.contextmanager
def open_grid(path: pathlib.Path, settings: GridSettings) -> Iterator[xr.Dataset]:
    """Open a file with canonical axes, its times decoded and its cells cut.

    Args:
      path: The file.
      settings: What to keep of it.

    Yields:
      Its content, of which nothing but the axes is in memory yet, with ``time_bnds``
      as of `file_spans`.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it is no netCDF, or has no time, latitude and longitude.
    """
    content = open_content(path, settings.box)
    try:
        content = content if settings.chunks is None else _in_pieces(content)
        content = canonical_axes(content, str(path))
        content = _dated(content, settings.time_units or None, str(path))
        content = file_spans(content, settings.stamp, parse_span(settings.span))
        content = _cut(content, settings, str(path))
        if settings.chunks:
            axes = [axis for axis in settings.chunks if axis in content.dims]
            content = content.chunk({axis: settings.chunks[axis] for axis in axes})
        yield content
    finally:
        if settings.chunks is None:
            content.close()


def read_static(
    path: pathlib.Path, names: Sequence[str], content: xr.Dataset | None = None
) -> xr.DataArray:
    """Read a field without time, such as a mask.

    Args:
      path: The file that holds it.
      names: What it may be called, in lower case.
      content: The file, if it is open already.

    Returns:
      The field along lat and lon.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it does not hold the field.
    """
    if content is None:
        with contextlib.closing(open_content(path)) as opened:
            content = canonical_axes(opened, str(path), ("lat", "lon"))
            return read_static(path, names, content)
    held = {str(name).lower(): name for name in content.data_vars}
    present = next((held[name] for name in names if name in held), None)
    if present is None:
        raise ValueError(
            f"{path} holds {', '.join(map(str, held.values()))}, but no "
            f"{' or '.join(names)}; name the file that does"
        )
    field = content[present]
    if "time" in field.dims:
        field = field.isel(time=0, drop=True)
    with reading_netcdf(path):
        merged = merge_versions(field, f"{path}: {present}")
        field = merged.transpose("lat", "lon").load()
    return with_numbers(field, f"{path}: {present}")


def open_content(path: pathlib.Path, box: Sequence[float] | None = None) -> xr.Dataset:
    """Open a file, its times not decoded, and whatever its axes are.

    Args:
      path: The file.
      box: The cells that are wanted, where those of a list are laid on a grid.

    Returns:
      Its content, not read yet.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it is no netCDF, or holds groups without a grid.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist{nearest(path)}")
    with reading_netcdf(path):
        content = xr.open_dataset(path, decode_times=False)
        if content.variables or importlib.util.find_spec("netCDF4") is None:
            return content
        content.close()
    if _groups(path) >= GROUPS:
        return read_mascons(path, box)
    with reading_netcdf(path):
        # NASA's precipitation (IMERG) keeps its grids in a group of that name.
        return xr.open_dataset(path, decode_times=False, group="Grid")


def _in_pieces(content: xr.Dataset) -> xr.Dataset:
    """Fields in chunks of some entries along their first axis, that of time."""
    sizes: dict[Hashable, int] = {}
    for array in content.data_vars.values():
        if array.ndim > 2 and len(array):
            axis = array.dims[0]
            count = max(1, PIECE * len(array) // max(array.nbytes, 1))
            sizes[axis] = min(count, sizes.get(axis, count))
    return content.chunk(sizes)


def _groups(path: pathlib.Path) -> set[str]:
    """Groups of a file, some of which hold grids that are known."""
    import netCDF4  # it is there: only it opens groups

    with reading_netcdf(path), netCDF4.Dataset(path) as file:
        groups = set(file.groups)
    if "Grid" not in groups and not groups >= GROUPS:
        raise ValueError(
            f"{path} holds {', '.join(sorted(groups)) or 'nothing'} as groups, and no "
            "grid outside them; copy the one that is wanted to a file of its own"
        )
    return groups


def _dated(content: xr.Dataset, units: str | None, where: str) -> xr.Dataset:
    time = content["time"]
    # CSR writes Units for units.
    stated = {str(key).lower(): value for key, value in time.attrs.items()}
    bounds = time_bounds(content, units, where)
    dates = decode_times(
        time.values, units or stated.get("units"), stated.get("calendar"), where
    )
    if (np.diff(dates) < np.timedelta64(0)).any():
        logger.warning(
            "%s has times that are not in order, such as %s after %s; they are put in "
            "order, but is the file undamaged?",
            where,
            *_disordered(dates),
        )
    content = content.drop_vars("time_bnds", errors="ignore").assign_coords(time=dates)
    if bounds is None:
        return content
    near = np.timedelta64(31, "D")  # some stamp the begin of a month, some its end
    if not ((bounds[:, 0] - near <= dates) & (dates <= bounds[:, 1] + near)).all():
        return content
    return content.assign(time_bnds=(("time", "bnds"), bounds))


def _disordered(dates: NDArray[np.datetime64]) -> tuple[str, str]:
    """The first time that comes after a later one, and that one."""
    place = int(np.argmax(np.diff(dates) < np.timedelta64(0)))
    before, after = np.datetime_as_string(dates[place : place + 2], "D")
    return str(after), str(before)


def _cut(content: xr.Dataset, settings: GridSettings, where: str) -> xr.Dataset:
    """Entries whose spans reach into what is wanted; stamps, of spans not known yet."""
    time = content["time"].values
    bounds = content["time_bnds"].values if "time_bnds" in content else None
    begin, end = (time, time) if bounds is None else bounds.T
    kept = np.full(len(time), True)
    if settings.start:
        start = np.datetime64(settings.start, "ns")
        kept &= (end > start) | ((begin == end) & (begin == start))
    if settings.stop:
        kept &= begin < np.datetime64(settings.stop, "ns")
    content = content.isel(time=np.flatnonzero(kept)) if not kept.all() else content
    return content if settings.box is None else cut_box(content, settings.box, where)
