"""Results of a study in formats of other programs."""

import os
import pathlib
from collections.abc import Sequence

from jaxload.export.features import export_geojson, export_geoparquet
from jaxload.export.geotiff import export_geotiff
from jaxload.export.opened import find_parts, new_folder
from jaxload.export.options import ExportOptions
from jaxload.export.tables import export_csv
from jaxload.export.zarr_folders import export_zarr
from jaxload.pipeline.progress import Watch, ignore

__all__ = ["WRITERS", "export_results"]

#: What writes each format.
WRITERS = {
    "geotiff": export_geotiff,
    "zarr": export_zarr,
    "csv": export_csv,
    "geojson": export_geojson,
    "geoparquet": export_geoparquet,
}


def export_results(
    folder: str | os.PathLike[str],
    form: str,
    out: str | os.PathLike[str] | None = None,
    what: Sequence[str] = (),
    options: ExportOptions | None = None,
    watch: Watch = ignore,
) -> list[pathlib.Path]:
    """Write results of a study in another format.

    Args:
      folder: Where a run wrote.
      form: "geotiff", "zarr", "csv", "geojson" or "geoparquet".
      out: Where files go; the folder ``export`` in that of the results by default.
      what: What is exported: variables of maps as GeoTIFF; "maps", "stations",
        "regions" and so on as Zarr and csv; "stations" and "cells" as features. What
        each format is for by default.
      options: Bands or months, the belt, replacing.
      watch: Called with the name of what is written and the share that is done.

    Returns:
      The files, or folders, that were written.

    Raises:
      FileNotFoundError: If there is no such folder.
      ValueError: If it holds no result, a library is missing, what is asked for is not
        there, an option does not go with the format, or a file cannot be written or is
        there already.
    """
    if form not in WRITERS:
        raise ValueError(f"{form!r} is no format; there are {', '.join(WRITERS)}")
    options = options or ExportOptions()
    if options.by == "month" and form != "geotiff":
        raise ValueError(
            f"{form} has no means of months of maps, only geotiff has; leave out --by "
            "month"
        )
    if options.belt and form == "zarr":
        raise ValueError(
            "zarr holds all cells, those of the belt too, whatever is asked for; leave "
            "out --belt"
        )
    parts = find_parts(folder)
    place = new_folder(pathlib.Path(folder, "export") if out is None else out)
    return WRITERS[form](parts, place, tuple(what), options, watch)
