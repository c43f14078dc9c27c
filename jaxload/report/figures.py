"""Figures of a result inside its page, with captions and alternative texts."""

import base64
import dataclasses
import pathlib

from jaxload.report.opened_result import OpenedResult

__all__ = ["FIGURE_MEGABYTES", "EmbeddedFigure", "embedded_figures"]

#: Room for figures in a page.
FIGURE_MEGABYTES = 4.5

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
    "grace": "Groundwater against GRACE less soil and snow water.",
    "gwsa": "Maps of groundwater storage anomaly.",
    "kernel": "Uplift by a load against the distance from it.",
    "learning": "Scores during training.",
    "leave_one_out": "Maps of scores at stations that were left out.",
    "load_amplitudes": "Annual amplitudes of displacement by known loads.",
    "loads": "Displacement of stations by known loads.",
    "network": "Where new stations gain most.",
    "regions": "Water storage of regions, with error bands, beside other products.",
    "scores": "Scores of water by heights against each product, by period.",
    "screening": "Which stations do not move as elastic ground.",
    "seasons": "Amplitude and phase of the seasons.",
    "standard_error": "Map of the standard error of water storage.",
    "station_fit": "Observed and predicted heights of stations.",
    "station_mean": "Mean over stations of observed and predicted heights.",
    "taylor": "Taylor diagram: standard deviation, correlation and centred error.",
    "twin": "True and estimated annual amplitude in the simulated world.",
    "twsa": "Maps of terrestrial water storage anomaly.",
    "water_balance": "Change of storage against fluxes.",
    "wavelet": "Cross-wavelet power of water by heights and other products.",
    "wells": "Water by heights against water tables of wells.",
    "yearly_range": "Range of heights within each year.",
}


@dataclasses.dataclass(frozen=True)
class EmbeddedFigure:
    """A figure of a result.

    Attributes:
      name: Of its file.
      title: What it is called.
      caption: What it shows.
      source: Its content as a data URI; empty where it found no room.
    """

    name: str
    title: str
    caption: str
    source: str


def embedded_figures(result: OpenedResult) -> list[EmbeddedFigure]:
    """Read the figures of a result, as many as find room.

    Args:
      result: From `open_result`.

    Returns:
      The figures, those without room with an empty source.
    """
    figures, room = [], FIGURE_MEGABYTES * 1e6
    for path in result.figures():
        size = GROWTH * path.stat().st_size
        fits = size <= room
        room -= size if fits else 0
        figures.append(_figure(path, fits))
    return figures


def _figure(path: pathlib.Path, fits: bool) -> EmbeddedFigure:
    title = path.stem.replace("_", " ")
    known = [name for name in CAPTIONS if path.stem.startswith(name)]
    caption = CAPTIONS[max(known, key=len)] if known else f"Figure {title}."
    source = ""
    if fits:
        content = base64.b64encode(path.read_bytes()).decode()
        source = f"data:{MEDIA[path.suffix]};base64,{content}"
    return EmbeddedFigure(path.name, title.capitalize(), caption, source)
