"""Results in formats of other programs: GeoTIFF, Zarr, csv, GeoJSON, GeoParquet."""

from jaxload.export.options import ExportOptions
from jaxload.export.results import WRITERS, export_results

__all__ = ["WRITERS", "ExportOptions", "export_results"]
