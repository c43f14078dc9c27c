"""What a study is to be cited with, as BibTeX."""

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jaxload
from jaxload import config
from jaxload.comparison.settings_of_result import settings_text

__all__ = ["bibtex"]

Settings = Mapping[str, Any]


def _always(study: Settings) -> bool:
    del study
    return True


#: Entries by their keys: kind, fields, and whether a study uses them.
WORKS: dict[str, tuple[str, dict[str, str], Callable[[Settings], bool]]] = {
    "farrell1972": (
        "article",
        {
            "author": "Farrell, W. E.",
            "title": "Deformation of the {Earth} by surface loads",
            "journal": "Reviews of Geophysics",
            "volume": "10",
            "number": "3",
            "pages": "761--797",
            "year": "1972",
            "doi": "10.1029/RG010i003p00761",
        },
        _always,
    ),
    "argus2014": (
        "article",
        {
            "author": "Argus, Donald F. and Fu, Yuning and Landerer, Felix W.",
            "title": "Seasonal variation in total water storage in {California} "
            "inferred from {GPS} observations of vertical land motion",
            "journal": "Geophysical Research Letters",
            "volume": "41",
            "number": "6",
            "pages": "1971--1980",
            "year": "2014",
            "doi": "10.1002/2014GL059570",
        },
        _always,
    ),
    "dziewonski1981": (
        "article",
        {
            "author": "Dziewonski, Adam M. and Anderson, Don L.",
            "title": "Preliminary reference {Earth} model",
            "journal": "Physics of the Earth and Planetary Interiors",
            "volume": "25",
            "number": "4",
            "pages": "297--356",
            "year": "1981",
            "doi": "10.1016/0031-9201(81)90046-7",
        },
        lambda study: _earth(study) == "prem",
    ),
    "kennett1991": (
        "article",
        {
            "author": "Kennett, B. L. N. and Engdahl, E. R.",
            "title": "Traveltimes for global earthquake location and phase "
            "identification",
            "journal": "Geophysical Journal International",
            "volume": "105",
            "number": "2",
            "pages": "429--465",
            "year": "1991",
            "doi": "10.1111/j.1365-246X.1991.tb06724.x",
        },
        lambda study: _earth(study) == "iasp91",
    ),
    "kennett1995": (
        "article",
        {
            "author": "Kennett, B. L. N. and Engdahl, E. R. and Buland, R.",
            "title": "Constraints on seismic velocities in the {Earth} from "
            "traveltimes",
            "journal": "Geophysical Journal International",
            "volume": "122",
            "number": "1",
            "pages": "108--124",
            "year": "1995",
            "doi": "10.1111/j.1365-246X.1995.tb03540.x",
        },
        lambda study: _earth(study) == "ak135",
    ),
    "torrence1998": (
        "article",
        {
            "author": "Torrence, Christopher and Compo, Gilbert P.",
            "title": "A practical guide to wavelet analysis",
            "journal": "Bulletin of the American Meteorological Society",
            "volume": "79",
            "number": "1",
            "pages": "61--78",
            "year": "1998",
            "doi": "10.1175/1520-0477(1998)079<0061:APGTWA>2.0.CO;2",
        },
        lambda study: bool(study.get("evaluation", {}).get("wavelets")),
    ),
    "grinsted2004": (
        "article",
        {
            "author": "Grinsted, A. and Moore, J. C. and Jevrejeva, S.",
            "title": "Application of the cross wavelet transform and wavelet coherence "
            "to geophysical time series",
            "journal": "Nonlinear Processes in Geophysics",
            "volume": "11",
            "number": "5/6",
            "pages": "561--566",
            "year": "2004",
            "doi": "10.5194/npg-11-561-2004",
        },
        lambda study: bool(study.get("evaluation", {}).get("wavelets")),
    ),
    "blewitt2003": (
        "article",
        {
            "author": "Blewitt, Geoffrey",
            "title": "Self-consistency in reference frames, geocenter definition, and "
            "surface loading of the solid {Earth}",
            "journal": "Journal of Geophysical Research: Solid Earth",
            "volume": "108",
            "number": "B2",
            "year": "2003",
            "doi": "10.1029/2002JB002082",
        },
        _always,
    ),
    "simons2006": (
        "article",
        {
            "author": "Simons, Frederik J. and Dahlen, F. A. and Wieczorek, Mark A.",
            "title": "Spatiospectral concentration on a sphere",
            "journal": "SIAM Review",
            "volume": "48",
            "number": "3",
            "pages": "504--536",
            "year": "2006",
            "doi": "10.1137/S0036144504445765",
        },
        lambda study: study.get("inversion", {}).get("unknowns") == "slepian",
    ),
}


def bibtex(folder: str | os.PathLike[str] | None = None) -> list[str]:
    """List what a study is to be cited with.

    Args:
      folder: Of a result; None for any study with the default Earth.

    Returns:
      Lines of BibTeX: jaxload, and the works that the study's settings rest on. Data
      are cited as their centres ask; comments name the files of the study by the
      settings that name them.

    Raises:
      FileNotFoundError: If there is no result.
    """
    text = "" if folder is None else _settings(pathlib.Path(folder))
    study = config.plain_settings(text)
    program = {
        "author": "{The jaxload developers}",
        "title": "jaxload: terrestrial water storage from {GNSS} displacement, "
        "in {JAX}",
        "version": jaxload.__version__,
        "note": "computer program",
    }
    lines = _entry("jaxload", "software", program)
    for key, (kind, fields, used) in WORKS.items():
        if used(study):
            lines += ["", *_entry(key, kind, fields)]
    if text:
        lines += ["", *_data(text)]
    return lines


def _entry(key: str, kind: str, fields: Mapping[str, str]) -> list[str]:
    inside = [f"  {name} = {{{text}}}," for name, text in fields.items()]
    return [f"@{kind}{{{key},", *inside, "}"]


def _settings(folder: pathlib.Path) -> str:
    text = settings_text(folder)
    if text:
        return text
    raise FileNotFoundError(
        f"{folder} has no twsa.nc or stations.nc that holds the settings of its study; "
        "name the folder that --out of jaxload run named"
    )


def _earth(study: Settings) -> str:
    """Name of the Earth model; that of the default for none, nothing for a table."""
    if study.get("earth", {}).get("love"):
        return ""
    return str(study.get("earth", {}).get("model", "prem")).lower()


def _data(text: str) -> list[str]:
    """Comments that name the data, which BibTeX passes over."""
    try:
        files = config.study_files(config.parse_study(text, ""))
    except ValueError as error:
        return [_comment(f"the files of the study are not listed: {error}")]
    named: dict[str, list[str]] = {}
    for setting, file in files:
        named.setdefault(setting, []).append(file)
    return [
        _comment(f"{setting}: {', '.join(held)}; cite the data as their centre asks")
        for setting, held in named.items()
    ]


def _comment(text: str) -> str:
    """One line that BibTeX passes over, whatever characters names have."""
    return "% " + " ".join(text.split())
