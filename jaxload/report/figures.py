"""Figures of a result inside its page, with captions and alternative texts."""

import base64
import dataclasses
import importlib.util
import io
import pathlib
import re
import struct

from jaxload.report.opened_result import OpenedResult

__all__ = ["FIGURE_MEGABYTES", "EmbeddedFigure", "embedded_figures"]

#: Room for figures in a page.
FIGURE_MEGABYTES = 2.9

#: Bytes that base64 makes of three.
GROWTH = 4 / 3

#: Media types by suffix.
MEDIA = {".svg": "image/svg+xml", ".png": "image/png"}

#: What figures show, by the beginning of their names; the longest one counts.
CAPTIONS = {
    "annual_amplitude": "Map of the annual amplitude of water storage.",
    "availability": "Which stations have heights in which month.",
    "beta": "The criterion against the weight of the prior; the choice is marked.",
    "bridged": "Months between missions estimated from heights, with their errors.",
    "coherence": "Wavelet coherence of water by heights with other products.",
    "components": "Leading components of the record: maps and series.",
    "drought": "Drought severity index of regions by month.",
    "drought_map": "Maps of the drought index.",
    "drought_probability": "Probability of drought by month.",
    "filled_cells": "Cells without a station that were filled.",
    "filled_series": "Uplift of some filled cells, as predicted and without loads.",
    "filling_leave_one_out": "Maps of the filler's scores at stations unknown to it.",
    "filling_mean": "Mean over stations of heights and of the filler's prediction.",
    "filling_taylor": "Taylor diagram of the filler at stations unknown to it.",
    "grace": "Groundwater against GRACE less soil and snow water.",
    "grace_amplitude": "Annual amplitude at stations by heights and by GRACE.",
    "gwsa": "Maps of groundwater storage anomaly.",
    "kernel": "Uplift by a load against the distance from it.",
    "learning": "Scores during training.",
    "leave_one_out": "Maps of scores at stations that were left out.",
    "load_amplitudes": "Annual amplitudes of displacement by known loads.",
    "loads": "Displacement of stations by known loads.",
    "loads_mean": "Mean over stations of heights before and after loads are removed.",
    "network": "Where new stations gain most.",
    "precipitation_seasons": "Maps of precipitation by season.",
    "products": "Monthly water of regions by all products.",
    "regions": "Water storage of regions, with error bands, beside other products.",
    "resolution": "How much of each cell heights determine, and over which distance.",
    "scatter": "Monthly water by heights against each product, by period.",
    "scores": "Scores of water by heights against each product, by period.",
    "screening": "Which stations do not move as elastic ground.",
    "seasons": "Amplitude and phase of the seasons.",
    "seasons_semiannual": "Semi-annual amplitude and phase of all products.",
    "standard_error": "Map of the standard error of water storage.",
    "station_fit": "Observed and predicted heights of stations.",
    "station_map": "Where stations and wells are.",
    "station_mean": "Mean over stations of observed and predicted heights.",
    "station_weather": "Heights of some stations above the weather there.",
    "taylor": "Taylor diagram: standard deviation, correlation and centred error.",
    "trends": "Maps of linear trends of all products.",
    "twin": "True and estimated annual amplitude in the simulated world.",
    "twsa": "Maps of terrestrial water storage anomaly.",
    "water_balance": "Change of storage against fluxes.",
    "wavelet": "Cross-wavelet power of water by heights and other products.",
    "weather_components": "Components of the weather that the filler learns from.",
    "wells": "Water by heights against water tables of wells.",
    "yearly_range": "Range of heights within each year.",
}

#: Heading of figures that no other has.
OTHERS = "Prior, Earth and other figures"

#: Headings of figures, and beginnings of the names of those below.
SECTIONS = {
    "Maps of water": (
        *("annual_amplitude", "twsa", "gwsa", "seasons", "standard_error", "twin"),
        *("trends", "seasons_semiannual", "precipitation_seasons", "resolution"),
    ),
    "Regions, and water beside other products": (
        *("regions", "products", "scatter", "scores", "taylor", "wavelet"),
        *("coherence", "bridged", "water_balance"),
    ),
    "Groundwater and drought": (
        *("grace", "grace_amplitude", "wells", "drought", "drought_probability"),
        "drought_map",
    ),
    "Stations": (
        *("station_map", "availability", "station_fit", "leave_one_out"),
        *("station_mean", "yearly_range", "screening", "station_weather", "network"),
        *("loads", "loads_mean", "load_amplitudes"),
    ),
    "Filling of cells without a station": (
        *("filled_cells", "filled_series", "filling_leave_one_out", "filling_taylor"),
        *("filling_mean", "components", "weather_components", "learning"),
    ),
    OTHERS: ("beta", "kernel"),
}

#: Width from which a figure has many panels [pixels].
WIDE_PIXELS = 1500

#: Quality and scale of pictures that are compressed to find room, in this order.
COMPRESSION = ((82, 1.0), (70, 0.75), (60, 0.5))

#: What is written in capitals in titles.
ABBREVIATIONS = ("twsa", "gwsa", "grace")


@dataclasses.dataclass(frozen=True)
class EmbeddedFigure:
    """A figure of a result.

    Attributes:
      name: Of its file.
      title: What it is called.
      caption: What it shows.
      section: Under which heading it stands, of `SECTIONS`.
      source: Its content as a data URI; empty where it found no room.
      pixels: Width and height; None where its format has none.
    """

    name: str
    title: str
    caption: str
    section: str
    source: str
    pixels: tuple[int, int] | None

    @property
    def large(self) -> bool:
        """Whether it has many panels, and needs the width of the page."""
        return self.pixels is not None and self.pixels[0] >= WIDE_PIXELS


def embedded_figures(result: OpenedResult) -> list[EmbeddedFigure]:
    """Read the figures of a result, as many as find room.

    Args:
      result: From `open_result`.

    Returns:
      The figures in the order of `SECTIONS`, those without room with an empty source.
    """
    paths = result.figures()
    contents = _contents(paths, FIGURE_MEGABYTES * 1e6 / GROWTH)
    figures = [_figure(path, *content) for path, content in zip(paths, contents)]
    order = list(SECTIONS)
    return sorted(figures, key=lambda figure: order.index(figure.section))


def _contents(paths: list[pathlib.Path], room: float) -> list[tuple[bytes, str]]:
    """Bytes and media type of each figure; no bytes where it finds no room."""
    contents = [(path.read_bytes(), MEDIA[path.suffix]) for path in paths]
    sizes = [len(content) for content, _ in contents]
    # The largest first, and smaller and smaller, as long as all do not fit.
    for quality, scale in COMPRESSION:
        for number in sorted(range(len(sizes)), key=lambda n: -sizes[n]):
            if sum(sizes) <= room:
                break
            original = paths[number].read_bytes(), MEDIA[paths[number].suffix]
            smaller = _compressed(*original, quality, scale)
            if len(smaller[0]) < sizes[number]:
                contents[number], sizes[number] = smaller, len(smaller[0])
    kept = []
    for content, media in contents:
        fits = len(content) <= room
        room -= len(content) if fits else 0
        kept.append((content if fits else b"", media))
    return kept


def _compressed(
    content: bytes, media: str, quality: int, scale: float
) -> tuple[bytes, str]:
    """The same picture in fewer bytes, where Pillow is installed."""
    if media != MEDIA[".png"] or importlib.util.find_spec("PIL") is None:
        return content, media
    from PIL import Image

    smaller = io.BytesIO()
    with Image.open(io.BytesIO(content)) as picture:
        colours = picture.convert("RGB")
        if scale < 1:
            size = [max(1, round(scale * side)) for side in colours.size]
            colours = colours.resize((size[0], size[1]))
        colours.save(smaller, "WEBP", quality=quality, method=2)
    return smaller.getvalue(), "image/webp"


def _figure(path: pathlib.Path, content: bytes, media: str) -> EmbeddedFigure:
    title = path.stem.replace("_", " ")
    known = [name for name in CAPTIONS if path.stem.startswith(name)]
    name = max(known, key=len) if known else ""
    section = next((s for s, names in SECTIONS.items() if name in names), OTHERS)
    caption = CAPTIONS.get(name, f"Figure {title}.")
    for lower in ABBREVIATIONS:
        title = re.sub(rf"\b{lower}\b", lower.upper(), title)
    source = f"data:{media};base64,{base64.b64encode(content).decode()}"
    return EmbeddedFigure(
        path.name,
        title[:1].upper() + title[1:],
        caption,
        section,
        source if content else "",
        _pixels(path),
    )


def _pixels(path: pathlib.Path) -> tuple[int, int] | None:
    """Width and height of a PNG."""
    with path.open("rb") as file:
        head = file.read(24)
    if len(head) < 24 or path.suffix != ".png":
        return None
    width, height = struct.unpack(">II", head[16:])
    return width, height
