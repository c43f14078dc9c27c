"""Commands about finished results: report, export, compare, cite."""

import argparse
from collections.abc import Callable
from typing import Any

import jaxload
from jaxload._help_texts import described

__all__ = ["add_result_commands"]

#: Formats of `export.WRITERS`, and what they hold.
FORMATS = {
    "geotiff": "maps, a band an epoch or a file a month",
    "zarr": "any part, with all attributes",
    "csv": "long tables of regions and stations, and of maps if asked for",
    "geojson": "stations and cells with trend, seasons and standard errors",
    "geoparquet": "the same for geopandas and databases",
}

Watch = Callable[[str, float], None]


def add_result_commands(
    commands: Any, common: argparse.ArgumentParser, command: Callable[..., None]
) -> None:
    """Add commands about finished results to a command line.

    Args:
      commands: What `add_subparsers` returned.
      common: Options of every command.
      command: Runs ``lines(options, watch)`` of the options, and writes what it
        returns.
    """
    of_export = described(
        "write results in formats of other programs",
        "export results --to geotiff --by month",
        "export results --to csv --what regions,stations --out tables",
        "export results --to geojson --what cells",
    )
    export = commands.add_parser("export", parents=[common], **of_export)
    export.add_argument("folder", metavar="DIR", help="where results are")
    held = "; ".join(f"{name}: {text}" for name, text in FORMATS.items())
    export.add_argument(
        "--to", required=True, choices=tuple(FORMATS), help=f"format; {held}"
    )
    export.add_argument(
        "--what",
        action="append",
        default=[],
        metavar="NAME",
        help="what is exported: variables of the maps, such as twsa, as GeoTIFF; "
        "parts, such as maps, regions, stations, as Zarr and csv; stations or cells as "
        "features; may be given again, or with commas",
    )
    export.add_argument(
        "--out", metavar="DIR", help="where files go; DIR/export by default"
    )
    export.add_argument(
        "--by",
        choices=("epoch", "month"),
        default="epoch",
        help="of GeoTIFF: a band for each epoch in one file (the default), or a file "
        "with the mean of each month",
    )
    export.add_argument(
        "--belt",
        action="store_true",
        help="export cells of the belt around the region too, in which water is no "
        "result",
    )
    export.add_argument(
        "--overwrite", action="store_true", help="replace files that are there already"
    )
    export.set_defaults(command=command, lines=_export)
    of_report = described(
        "write one HTML page of a result: numbers, maps to click, tables, figures",
        "report results",
    )
    report = commands.add_parser("report", parents=[common], **of_report)
    report.add_argument("folder", metavar="DIR", help="where results are")
    report.add_argument(
        "--out", metavar="FILE", help="the page; DIR/report.html by default"
    )
    report.set_defaults(command=command, lines=_report)
    of_compare = described(
        "set two results beside each other", "compare results results_spring"
    )
    compare = commands.add_parser("compare", parents=[common], **of_compare)
    compare.add_argument("folder", metavar="A", help="where the results of one are")
    compare.add_argument("other", metavar="B", help="where those of the other are")
    compare.set_defaults(command=command, lines=_compare)
    of_cite = described("print what to cite, as BibTeX", "cite results > jaxload.bib")
    cite = commands.add_parser("cite", parents=[common], **of_cite)
    cite.add_argument(
        "folder",
        metavar="DIR",
        nargs="?",
        help="where results are, to cite what their study rests on",
    )
    cite.set_defaults(command=command, lines=_cite)


def _report(options: argparse.Namespace, watch: Watch) -> list[str]:
    path = jaxload.report.write_report(options.folder, options.out, watch)
    size = path.stat().st_size / 1e6
    return [f"{path} is written ({size:.1f} MB); open it in a browser"]


def _compare(options: argparse.Namespace, watch: Watch) -> list[str]:
    return jaxload.comparison.compare_results(options.folder, options.other, watch)


def _cite(options: argparse.Namespace, watch: Watch) -> list[str]:
    del watch
    return jaxload.comparison.bibtex(options.folder)


def _export(options: argparse.Namespace, watch: Watch) -> list[str]:
    names = [
        name
        for words in options.what
        for name in map(str.strip, words.split(","))
        if name
    ]
    settings = jaxload.export.ExportOptions(options.by, options.belt, options.overwrite)
    paths = jaxload.export.export_results(
        options.folder, options.to, options.out, names, settings, watch
    )
    shown = [f"{path} is written" for path in paths[:10]]
    more = len(paths) - len(shown)
    return [*shown, f"and {more} more files"] if more > 0 else shown
