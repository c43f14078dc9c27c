"""Results as Zarr, some epochs at a time."""

import pathlib
import warnings

import xarray as xr

from jaxload.export.maps import map_blocks
from jaxload.export.opened import open_part, require, targets, writing
from jaxload.export.options import ExportOptions
from jaxload.io.records import writing_record
from jaxload.pipeline.progress import Watch

__all__ = ["export_zarr"]

DIMS = ("time", "lat", "lon")


def export_zarr(
    parts: dict[str, pathlib.Path],
    out: pathlib.Path,
    what: tuple[str, ...],
    options: ExportOptions,
    watch: Watch,
) -> list[pathlib.Path]:
    """Write parts of a result as Zarr groups, with all cells and attributes.

    Args:
      parts: From `find_parts`.
      out: Where they go.
      what: Parts; all by default.
      options: Whether groups that are there are replaced.
      watch: Called with the progress.

    Returns:
      The groups.

    Raises:
      ValueError: If zarr is missing, there is no such part, or a group cannot be
        written or is there already.
    """
    require(["zarr"], "zarr", "Zarr")
    chosen = what or tuple(parts)
    for part in chosen:
        with open_part(parts, part):
            pass
    stems = {part: parts[part].stem for part in chosen}
    paths = targets(out, [f"{x}.zarr" for x in stems.values()], options.overwrite)
    for part, path in zip(chosen, paths):
        with open_part(parts, part) as dataset, writing(path) as temporary:
            _write(dataset, temporary, lambda share, path=path: watch(path.name, share))
    return paths


def _write(dataset: xr.Dataset, path: pathlib.Path, watch) -> None:
    maps = [str(n) for n, x in dataset.data_vars.items() if x.dims == DIMS]
    if not maps:
        _write_whole(dataset, path)
        watch(1.0)
        return
    rest = dataset.drop_vars(maps).load()
    labels = {name: dict(dataset[name].attrs) for name in maps}
    with writing_record(rest, path, labels) as writer:
        for number, name in enumerate(maps):
            for epochs, values in map_blocks(dataset[name]):
                writer.write(name, epochs, values)
                share = epochs.stop / max(dataset.sizes["time"], 1)
                watch((number + share) / len(maps))


def _write_whole(dataset: xr.Dataset, path: pathlib.Path) -> None:
    dataset = dataset.load()
    for array in dataset.variables.values():
        # How netCDF packs is nothing to Zarr.
        kept = ("units", "calendar", "dtype", "bounds", "grid_mapping", "coordinates")
        of_time = array.dtype.kind == "M"
        array.encoding = {
            k: x
            for k, x in array.encoding.items()
            if k in kept and (of_time or k not in ("units", "calendar", "dtype"))
        }
    with warnings.catch_warnings():
        # The format has no final word on text yet; xarray reads what it wrote.
        warnings.filterwarnings("ignore", category=UserWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        dataset.to_zarr(path, mode="w", zarr_format=3, consolidated=False)
