"""A study file drafted from a folder of data, with reasons beside its settings."""

import dataclasses
import datetime
import functools
import json
import os
import pathlib
import tomllib
from collections.abc import Callable, Collection, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from jaxload import io, series, sphere
from jaxload.drafting.inventory import Inventory, find_data, without_warnings
from jaxload.io.gnss.formats import formats_of
from jaxload.io.gnss.source import peek_source

__all__ = ["Draft", "draft_study", "write_draft"]

Floats = NDArray[np.float64]
Outline = shapely.Polygon | shapely.MultiPolygon

#: Makes paths relative to the study.
Relative = Callable[[str | os.PathLike[str]], str]

#: Medians of heights [mm] and rates [mm/year] from which heights are raw.
LEVEL, RATE = 30.0, 1.0

#: Formats of heights that someone prepared for an inversion.
PREPARED = {"up", "netcdf"}

#: Sides of cells [degrees], the belt about the outline, and the most cells.
SPACINGS, BUFFER, MOST_CELLS = (0.1, 0.25, 0.5, 1.0, 2.0), 2.0, 12_000

#: Distance of neighbours [degrees] from which little is known between them.
FAR = 3.0

#: By how far an outline that is drawn about the stations is wider [degrees].
MARGIN = 0.5

#: Names of files that a message lists.
SHOWN = 5

#: Share of the stations that an outline holds, to be that of the region.
SHARE = 0.5

#: Settings of gridded loads and drivers, by what the grids hold.
IDLE = {
    "soil_water": "loads.soil: taken out of the heights, leaves groundwater",
    "pressure": "loads.atmosphere: taken out of the heights",
    "sea_level": "loads.ocean: taken out of the heights",
    "tws": "evaluation.land_model: compared with the result",
    "temperature": "weather.temperature: fills cells without a station, see [gapfill]",
    "precipitation": "weather.precipitation: the same",
}


@dataclasses.dataclass(frozen=True)
class Draft:
    """A study file that is not written yet.

    Attributes:
      text: Its content.
      outline: Outline that was drawn about the stations, to be written beside it; None
        where the data have one.
      notes: What the data hold, and what was decided by it.
    """

    text: str
    outline: Outline | None
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class _Heights:
    """Series as the study will read them."""

    pattern: str
    sites: str
    names: list[str]
    lon: Floats
    lat: Floats
    days: tuple[np.datetime64, np.datetime64]
    raw: str


def draft_study(
    folder: str | os.PathLike[str], out: str | os.PathLike[str] = "study.toml"
) -> Draft:
    """Draft a study of whatever a folder holds.

    Args:
      folder: Folder with series of stations, and perhaps an outline, a list of
        stations, steps and grids; those in it are looked into as well.
      out: Where the study will stand, to which its paths are relative.

    Returns:
      The `Draft`.

    Raises:
      FileNotFoundError: If there is no such folder.
      ValueError: If it holds no series that can be read.
    """
    holdings = find_data(folder)
    if not holdings.series:
        raise ValueError(_why_none(folder, holdings))
    base = pathlib.Path(out).resolve().parent
    with without_warnings():
        heights = _heights(holdings)
    path = _region(holdings, heights)
    drawn = None if path else _about(heights)
    outline = holdings.outlines[path] if path else drawn
    assert outline is not None
    cells = _spacing(heights, outline)
    relative = functools.partial(_relative, base)
    boundary = relative(path) if path else _outline_name(pathlib.Path(out))
    parts = [
        _head(folder, heights),
        _gnss(heights, relative),
        _region_text(boundary, cells, drawn is not None),
        _cleaning(holdings, heights, relative),
        _evaluation(holdings, relative),
        _unused(holdings, path, relative),
    ]
    notes = [
        f"{_counted(heights)} in {relative(heights.pattern)}",
        f"region: {boundary}" + (", drawn about the stations" if drawn else ""),
        heights.raw or "heights are anomalies already, and are not cleaned",
    ]
    near = _neighbour_distance(heights)
    if near > FAR:
        notes.append(
            f"stations are {near:.2g} degrees apart (median): between them heights say "
            "little of the water"
        )
    others = [relative(p) for p in holdings.series if p != heights.pattern]
    if others:
        notes.append(f"left out, as other formats or folders: {', '.join(others[:5])}")
    return Draft("\n".join(filter(None, parts)), drawn, tuple(notes))


def _why_none(folder: str | os.PathLike[str], holdings: Inventory) -> str:
    """Say what a folder without series holds, and what is looked for."""
    there = holdings.others
    named = f": {', '.join(there[:SHOWN])}" if there else ""
    more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
    return (
        f"{folder} holds no series of stations in a known format{named}{more}; it "
        "needs a file for each station, such as tenv3, pos, csv of PBO or UNAVCO, neu, "
        "or a table that gnss.columns describes (jaxload settings gnss.columns)"
    )


def write_draft(draft: Draft, out: str | os.PathLike[str]) -> pathlib.Path:
    """Write a draft, and the outline that belongs to it.

    Args:
      draft: From `draft_study`.
      out: The study file.

    Returns:
      The study file.

    Raises:
      ValueError: If a file is there already, or cannot be written.
    """
    path = pathlib.Path(out)
    outline = path.parent / _outline_name(path)
    for there in (path, *([outline] if draft.outline is not None else [])):
        if there.exists():
            raise ValueError(f"{there} exists already; name another file by --out")
    try:
        draft.text.encode()
        tomllib.loads(draft.text)
    except ValueError as error:
        # Names of files may hold what no text can.
        raise ValueError(
            f"names of files or folders cannot be written into a study ({error}); "
            "rename them, or copy the data to a folder of another name"
        ) from None
    io.prepare_folder(path.parent)
    if draft.outline is not None:
        geometry = shapely.geometry.mapping(draft.outline)
        io.write_text(outline, json.dumps(geometry))
    io.write_text(path, draft.text)
    return path


def _relative(base: pathlib.Path, name: str | os.PathLike[str]) -> str:
    """A path from the study; the whole path of what is not below its folder."""
    path = pathlib.Path(name).resolve()
    return str(path.relative_to(base) if path.is_relative_to(base) else path)


def _outline_name(path: pathlib.Path) -> str:
    return f"{path.stem}_region.geojson"


def _heights(holdings: Inventory) -> _Heights:
    """The largest group of series that can be read, with places of its stations."""
    reasons = []
    for pattern, files in holdings.series.items():
        sites = ["", *map(str, _with_names(holdings.lists, files))]
        for each in sites:
            try:
                gnss = io.read_gnss([str(f) for f in files], sites=each or None)
            except (ValueError, OSError) as error:
                reasons.append(str(error))
                continue
            days = gnss.time.values[[0, -1]].astype("M8[D]")
            names = [str(name) for name in gnss.station.values]
            place = (np.asarray(gnss.lon.values), np.asarray(gnss.lat.values))
            span = (days[0], days[1])
            raw = _rawness(files[0], gnss.up.values, gnss.time.values)
            return _Heights(pattern, each, names, *place, span, raw)
    raise ValueError(reasons[0])


def _with_names(
    lists: Sequence[pathlib.Path], files: Sequence[pathlib.Path]
) -> list[pathlib.Path]:
    """Lists of stations that name some of the files, the fullest first."""
    stems = {path.name[:4].upper() for path in files}
    counts = {}
    for path in lists:
        try:
            sites = io.read_sites(path)
        except (ValueError, OSError):
            continue
        count = sum(str(name)[:4].upper() in stems for name in sites)
        if count:
            counts[path] = count
    return sorted(counts, key=lambda path: -counts[path])


def _rawness(first: pathlib.Path, up: Floats, time: NDArray[np.datetime64]) -> str:
    """Why heights need cleaning; empty where they are anomalies already."""
    kinds = {known.name for known in formats_of(peek_source(first))}
    if not kinds & PREPARED:
        return (
            f"series of this format ({_in_words(kinds)}) are raw as a rule: trends, "
            "outliers and steps are removed"
        )
    middle = float(np.nanmedian(np.abs(np.nanmedian(up, axis=0))))
    rates = np.nan_to_num(series.linear_rates(up, time))
    rate = float(np.median(np.abs(rates)))
    if middle < LEVEL and rate < RATE:
        return ""
    return (
        f"heights are raw (median level {middle:,.0f} mm, rate {rate:.1f} mm/year): "
        "trends, outliers and steps are removed"
    )


def _in_words(kinds: Collection[str]) -> str:
    words = {"headed": "tables with named columns"}
    return ", ".join(words.get(kind, kind) for kind in sorted(kinds))


def _region(holdings: Inventory, heights: _Heights) -> pathlib.Path | None:
    """The smallest outline that holds half of the stations."""
    points = shapely.points(heights.lon, heights.lat)
    held = {
        path: outline
        for path, outline in holdings.outlines.items()
        if shapely.contains(outline, points).mean() >= SHARE
    }
    return min(held, key=lambda path: held[path].area) if held else None


def _about(heights: _Heights) -> Outline:
    """An outline about all stations."""
    points = shapely.MultiPoint(np.stack([heights.lon, heights.lat], axis=1))
    hull = points.convex_hull.buffer(MARGIN, quad_segs=4)
    drawn = shapely.set_precision(hull, 0.001)
    assert isinstance(drawn, shapely.Polygon)
    return drawn


def _spacing(heights: _Heights, outline: Outline) -> tuple[float, str]:
    """A third to half of the usual distance of neighbours, unless cells are many."""
    near = _neighbour_distance(heights)
    area = outline.buffer(BUFFER).area
    fitting = [s for s in SPACINGS if area / s**2 <= MOST_CELLS] or [SPACINGS[-1]]
    wanted = next((s for s in SPACINGS if s >= near / 3), SPACINGS[-1])
    spacing = next((s for s in fitting if s >= near / 3), fitting[-1])
    reason = f"degrees; stations are {near:.2g} apart (median)"
    if spacing > wanted:
        reason += f", and finer cells would be more than {MOST_CELLS:,}"
    return spacing, reason


def _neighbour_distance(heights: _Heights) -> float:
    """Median distance of a station from its nearest one [degrees]; 1 for a single."""
    lon, lat = heights.lon, heights.lat
    if len(lon) < 2:
        return 1.0
    arc = np.array(
        sphere.angular_distance(lon[:, None], lat[:, None], lon[None], lat[None])
    )
    np.fill_diagonal(arc, np.inf)
    return float(np.median(arc.min(axis=0)))


def _head(folder: str | os.PathLike[str], heights: _Heights) -> str:
    name = pathlib.Path(folder).resolve().name
    title = f"Water storage from {_counted(heights)}, {name}"
    return (
        f"# Drafted from {_quoted(str(folder))} on {datetime.date.today()}.\n"
        "# `jaxload settings` lists every setting with its meaning.\n"
        f"title = {_quoted(title)}\n"
    )


def _counted(heights: _Heights) -> str:
    count = len(heights.names)
    return f"{count} station{'s' if count > 1 else ''}"


def _gnss(heights: _Heights, relative: Relative) -> str:
    first, last = heights.days
    lines = [
        "[gnss]",
        f"files = {_quoted(relative(heights.pattern))}"
        f"  # {_counted(heights)}, {first} to {last}",
    ]
    if heights.sites:
        lines.append(f"sites = {_quoted(relative(heights.sites))}")
    lines.append('outside_grid = "drop"  # stations far from the region')
    return "\n".join(lines) + "\n"


def _region_text(boundary: str, cells: tuple[float, str], drawn: bool) -> str:
    remark = "  # drawn about the stations; put your own outline here" if drawn else ""
    return (
        f"[region]\nboundary = {_quoted(boundary)}{remark}\n"
        f"spacing = {cells[0]:g}  # {cells[1]}\n"
        f"buffer = {BUFFER:g}  # belt of cells about the outline, degrees\n"
    )


def _cleaning(holdings: Inventory, heights: _Heights, relative: Relative) -> str:
    if not heights.raw:
        return ""
    steps = relative(holdings.steps[0]) if holdings.steps else "detect"
    return (
        f"[cleaning]  # {heights.raw}\n"
        'trend = "remove"  # water then has no trend either\n'
        'outliers = "3-sigma"\n'
        f"steps = {_quoted(steps)}\n"
    )


def _evaluation(holdings: Inventory, relative: Relative) -> str:
    grace = holdings.grids.get("twsa", [])
    if not grace:
        return ""
    several = "".join(f"# also: {_quoted(relative(each))}\n" for each in grace[1:])
    return (
        f"[evaluation]\ngrace = {_quoted(relative(grace[0]))}  # compared with the "
        f"result\n{several}# grace_smoothing_km = 300  # if it was smoothed with such "
        "a Gaussian, as harmonics are\n"
    )


def _unused(
    holdings: Inventory, region: pathlib.Path | None, relative: Relative
) -> str:
    """Grids and outlines whose use the data do not settle, as comments."""
    lines = [
        f"#   {_quoted(relative(each))}: {IDLE[quantity]}"
        for quantity, paths in holdings.grids.items()
        if quantity in IDLE
        for each in paths
    ]
    lines += [
        f"#   {_quoted(relative(each))}: evaluation.regions, a list: water is averaged "
        "over its parts too"
        for each in holdings.outlines
        if each != region
    ]
    if not lines:
        return ""
    return "\n".join(["# Found, and not used so far:", *lines]) + "\n"


def _quoted(text: str) -> str:
    """Write a text as TOML does; its escapes are those of JSON."""
    plain = json.dumps(text.replace(os.sep, "/"), ensure_ascii=False)
    return plain.replace("\x7f", "\\u007f")
