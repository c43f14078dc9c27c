"""Results as long tables of text, some rows at a time."""

import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from jaxload import labelled
from jaxload.export.opened import open_part, targets, writing
from jaxload.export.options import ExportOptions
from jaxload.pipeline.progress import Watch

__all__ = ["export_csv"]

#: What is exported if nothing is named.
DEFAULT = ("regions", "stations")

#: Rows that are made at a time.
ROWS = 1 << 18

#: Coordinates that stand beside the names of places.
PLACES = ("lon", "lat", "height")


def export_csv(
    parts: dict[str, pathlib.Path],
    out: pathlib.Path,
    what: tuple[str, ...],
    options: ExportOptions,
    watch: Watch,
) -> list[pathlib.Path]:
    """Write parts of a result as csv, a row for each time and place.

    Variables with the same dimensions share a table: ``regions.csv`` has those by epoch
    and region, ``regions_month.csv`` those by month and region. Numbers have the fewest
    digits that their precision needs.

    Args:
      parts: From `find_parts`.
      out: Where tables go.
      what: Parts; regions and stations by default.
      options: Whether cells of the belt are in the table of maps, and whether tables
        that are there are replaced.
      watch: Called with the progress.

    Returns:
      The tables.

    Raises:
      ValueError: If there is no such part, the belt is asked for and no table has
        cells, or a table cannot be written or is there.
    """
    chosen = what or tuple(part for part in DEFAULT if part in parts)
    plans, maps = [], False
    for part in chosen:
        with open_part(parts, part) as dataset:
            tables = _tables(dataset, parts[part].stem)
            plans += [(part, file, names) for file, names in tables.items()]
            maps = maps or any(_is_map(dataset[names[0]]) for names in tables.values())
    if not plans:
        raise ValueError("the result has neither regions nor stations; name others")
    if options.belt and not maps:
        raise ValueError(
            f"no table of {' and '.join(chosen)} has cells, of which --belt is about; "
            "add --what maps, or leave out --belt"
        )
    paths = targets(out, [file for _, file, _ in plans], options.overwrite)
    for (part, file, names), path in zip(plans, paths):
        with open_part(parts, part) as dataset:
            progress = lambda share, file=file: watch(file, share)
            _write(dataset, names, path, options.belt, progress)
    return paths


def _is_map(array: xr.DataArray) -> bool:
    return array.dims[-2:] == ("lat", "lon")


def _tables(dataset: xr.Dataset, stem: str) -> dict[str, list[str]]:
    """Variables by the table in which they are."""
    by_dims: dict[tuple, list[str]] = {}
    for name, array in dataset.data_vars.items():
        if array.dims:
            by_dims.setdefault(tuple(map(str, array.dims)), []).append(str(name))
    tables: dict[str, list[str]] = {}
    for dims, names in by_dims.items():
        first, taken = dims[0], f"{stem}.csv" in tables
        plain = first == "time" and not taken and len(dims) > 1
        file = f"{stem}.csv" if plain else f"{stem}_{'_'.join(dims)}.csv"
        if not plain and dims[1:] in (("region",), ("station",)) and first != "time":
            file = f"{stem}_{first}.csv"
        if file in tables:
            file = f"{stem}_{'_'.join(dims)}.csv"
        if file in tables:
            file = f"{stem}_{first}_only.csv"
        tables[file] = names
    return tables


def _write(
    dataset: xr.Dataset, names: list[str], path: pathlib.Path, belt: bool, watch
) -> None:
    how = {"index": False, "lineterminator": "\n"}
    with (
        writing(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        header = True
        for share, frame in _frames(dataset, names, belt):
            frame.to_csv(file, header=header, **how)
            header = False
            watch(share)


def _frames(
    dataset: xr.Dataset, names: list[str], belt: bool
) -> Iterator[tuple[float, pd.DataFrame]]:
    """Rows of some entries of the first dimension at a time."""
    dims = [str(dim) for dim in dataset[names[0]].dims]
    part = dataset[names]
    places = [n for n in PLACES if n in part.coords and n not in dims]
    beside = [n for n in part.coords if n not in (*dims, *places)]
    part = part.drop_vars(beside).reset_coords(places)
    of_maps = _is_map(dataset[names[0]])
    inside = labelled.in_region(dataset, belt) if of_maps else None
    count, others = part.sizes[dims[0]], [part.sizes[dim] for dim in dims[1:]]
    together = max(1, ROWS // max(int(np.prod(others)), 1))
    if of_maps and len(dims) == 2:
        together = count
    for first in range(0, count, together):
        some = part.isel({dims[0]: slice(first, first + together)}).load()
        if inside is not None:
            some = some.where(xr.DataArray(inside, dims=("lat", "lon")))
        frame: Any = some.to_dataframe(dim_order=dims).reset_index()
        frame = frame[[*dims, *places, *names]]
        if of_maps:
            frame = frame[frame[names].notna().any(axis=1)]
        yield min(first + together, count) / max(count, 1), _with_dates(frame)


def _with_dates(frame: Any) -> pd.DataFrame:
    """Times as text: days where they are whole days."""
    for name in frame.select_dtypes("datetime").columns:
        times = frame[name].to_numpy()
        whole = (times == times.astype("M8[D]"))[~np.isnat(times)].all()
        text = np.datetime_as_string(times, "D" if whole else "s")
        frame[name] = np.where(np.isnat(times), "", text)
    return frame
