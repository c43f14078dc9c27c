"""All of a report as one HTML file that needs no network."""

import json
import os
import pathlib
import tomllib
from typing import Any

from jaxload.export.opened import require
from jaxload.io.files.writing import write_text
from jaxload.pipeline.progress import Watch
from jaxload.report.figures import EmbeddedFigure, embedded_figures
from jaxload.report.headings import heading_of
from jaxload.report.interactive_map import map_content
from jaxload.report.interactive_series import region_content, station_content
from jaxload.report.main_numbers import headlines
from jaxload.report.opened_result import OpenedResult, open_result
from jaxload.report.tables import report_tables

__all__ = ["write_report"]

#: The page without what it is filled with.
TEMPLATE = pathlib.Path(__file__).with_name("template")

#: Digits of numbers in tables.
DIGITS = 4

#: Settings that name data.
NAMING_FILES = (
    *("files", "boundary", "sites", "steps", "grace", "regions", "land_model"),
    *("precipitation", "wells", "atmosphere", "soil", "ocean", "displacement"),
)

#: Settings of such names that name no data.
NAMING_NONE = ("inversion.boundary",)

#: Name of the page in the folder of the result.
NAME = "report.html"


def write_report(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    watch: Watch | None = None,
) -> pathlib.Path:
    """Write a result as one HTML page that opens in any browser, without a network.

    Args:
      folder: Where `pipeline.run` wrote.
      out: The page; ``report.html`` in the folder by default. An old one is replaced.
      watch: Called with what is done and the share of it.

    Returns:
      The page.

    Raises:
      FileNotFoundError: If there is no result.
      ValueError: If a library is missing, a file is broken, or the page cannot be
        written.
    """
    require(("jinja2", "plotly"), "report", "jaxload report")
    watch = watch or _watch_nothing
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; check the path")
    path = folder / NAME if out is None else pathlib.Path(out)
    watch("reading", 0.0)
    result = open_result(folder)
    watch("maps and series", 0.2)
    data = {
        "map": map_content(result),
        "stations": station_content(result),
        "regions": region_content(result),
    }
    watch("tables and figures", 0.7)
    text = _render(result, data)
    watch("writing", 0.9)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)
    watch("writing", 1.0)
    return path


def _watch_nothing(stage: str, share: float) -> None:
    del stage, share


def _render(result: OpenedResult, data: dict[str, Any]) -> str:
    import jinja2
    import markupsafe
    from plotly.offline import get_plotlyjs

    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FileSystemLoader(TEMPLATE),
    )
    environment.filters["cell"] = _cell
    environment.filters["heading"] = heading_of
    # Nothing that a study names comes into these.
    trusted = {
        "style": (TEMPLATE / "page.css").read_text(encoding="utf-8"),
        "program": (TEMPLATE / "page.js").read_text(encoding="utf-8"),
        "plotly": get_plotlyjs().replace("</script", r"<\/script"),
        "data": _script_json(data),
    }
    summary = result.summary
    figures = embedded_figures(result)
    return environment.get_template("page.html").render(
        title=str(summary.get("title") or "Result without a title"),
        folder=result.folder.resolve().name,
        versions={"jaxload": ""} | dict(summary.get("versions", {})),
        device=summary.get("device", ""),
        origin=summary.get("origin", ""),
        epochs=summary.get("epochs", 0),
        warnings=[str(message) for message in summary.get("warnings", ())],
        unsolved=summary.get("epochs_not_solved", 0),
        headlines=headlines(summary),
        words=result.words,
        sources=_sources(result.settings),
        settings=result.settings,
        citations=result.citations,
        tables=report_tables(result),
        figures=_by_section(figures),
        without_room=[figure.name for figure in figures if not figure.source],
        thinning=_thinning(data),
        has_map=data["map"] is not None and bool(data["map"]["layers"]),
        has_stations=data["stations"] is not None,
        has_outlines=bool(((data["map"] or {}).get("outlines") or {}).get("lon")),
        has_areas=bool((data["regions"] or {}).get("areas")),
        has_regions=data["regions"] is not None and bool(data["regions"]["series"]),
        layers=_layer_groups(data["map"]),
        stations=(data["stations"] or {}).get("names", []),
        regions=(data["regions"] or {}).get("names", []),
        **{key: markupsafe.Markup(text) for key, text in trusted.items()},
    )


def _by_section(figures: list[EmbeddedFigure]) -> list[tuple[str, list[Any]]]:
    """Figures that found room, by the heading under which they stand."""
    sections: dict[str, list[EmbeddedFigure]] = {}
    for figure in figures:
        if figure.source:
            sections.setdefault(figure.section, []).append(figure)
    return list(sections.items())


def _script_json(data: Any) -> str:
    """JSON that can stand inside a script element, whatever its texts hold."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _cell(value: Any) -> str:
    """A cell of a table as text."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.{DIGITS}g}" if abs(value) < 1e4 else f"{value:.0f}"
    return str(value)


def _sources(settings: str) -> list[tuple[str, str]]:
    """Settings that name data, with the data."""
    try:
        study = tomllib.loads(settings)
    except tomllib.TOMLDecodeError:
        return []
    return _named_files(study, "")


def _named_files(table: dict[str, Any], before: str) -> list[tuple[str, str]]:
    """Files that a study names, by the settings that name them."""
    lines = []
    for key, value in table.items():
        name = f"{before}{key}"
        if isinstance(value, dict):
            lines += _named_files(value, f"{name}.")
        elif key in NAMING_FILES and name not in NAMING_NONE and value:
            texts = value if isinstance(value, list) else [value]
            lines.append((name, ", ".join(map(str, texts))))
    return lines


def _thinning(data: dict[str, Any]) -> list[str]:
    """Sentences about epochs that the page leaves out."""
    lines = []
    for axis, step in ((data["map"] or {}).get("steps") or {}).items():
        if step > 1:
            lines.append(f"Maps of {axis.split()[0]}: one in {step} epochs.")
    if (data["stations"] or {}).get("step", 1) > 1:
        lines.append(f"Series of stations: one in {data['stations']['step']} epochs.")
    for axis, step in ((data["regions"] or {}).get("steps") or {}).items():
        if step > 1:
            lines.append(f"Series of regions by {axis}: one in {step} epochs.")
    return lines


def _layer_groups(content: dict[str, Any] | None) -> list[tuple[str, list[Any]]]:
    """Layers by the file that they come from, each with its number."""
    groups: dict[str, list[Any]] = {}
    for number, layer in enumerate((content or {}).get("layers", [])):
        groups.setdefault(layer["file"], []).append((number, layer["title"]))
    return list(groups.items())
