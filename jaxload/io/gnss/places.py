"""Where the stations of a network stand: by their own files, or by a list."""

import dataclasses
import os
import pathlib
from collections.abc import Sequence

import numpy as np

from jaxload.io.files.packed import members
from jaxload.io.files.paths import PathLike
from jaxload.io.gnss.files import FileProblem
from jaxload.io.gnss.options import Reading
from jaxload.io.gnss.site_checks import check_neighbours, check_own_places, find_sites
from jaxload.io.gnss.site_lists import SiteList, load_sites
from jaxload.io.gnss.sites import Site
from jaxload.io.gnss.station_series import Series

__all__ = ["SITES_NAME", "find_list", "place_stations"]

#: The list that `write_up` leaves beside the series, and `read_gnss` finds there.
SITES_NAME = "sites.txt"

#: Names that a message lists.
SHOWN = 5


def find_list(
    files: Sequence[pathlib.Path], sites: PathLike | None, reading: Reading
) -> SiteList | None:
    """Read the list of stations that is named, or those beside their files.

    Args:
      files: The files of series.
      sites: The list; None for ``sites.txt`` in the folders of the files.
      reading: Says in `sites_order` and `sites_columns` how it is laid out.

    Returns:
      The list; None if there is none.

    Raises:
      FileNotFoundError: If what is named is not there.
      ValueError: If it cannot be read.
    """
    layout = (reading.sites_order, reading.sites_columns)
    if sites is not None:
        return load_sites(sites, *layout)
    lists = [load_sites(beside, *layout) for beside in _beside(files)]
    if not lists:
        return None
    together: dict[str, Site] = {}
    for one in reversed(lists):
        together |= one.sites
    return SiteList(lists[0].path, together, all(one.certain for one in lists))


def _beside(files: Sequence[pathlib.Path]) -> list[pathlib.Path]:
    """The sites files in the folders of files, in those above archives, and above all.

    Where files are of several folders, theirs may be in the one that holds these.
    """
    folders = [
        up for parent in {file.parent: 0 for file in files} for up in _up(parent)
    ]
    if len(set(folders)) > 1:
        whole = [folder.resolve() for folder in folders]
        folders.append(pathlib.Path(os.path.commonpath(whole)))
    places = dict.fromkeys(folder / SITES_NAME for folder in folders)
    return [
        place
        for place in places
        if place.is_file()
        or (place.parent.is_file() and place in members(place.parent))
    ]


def _up(folder: pathlib.Path) -> list[pathlib.Path]:
    """A folder; within an archive, all from it up to that which holds the archive."""
    if folder.is_dir():
        return [folder]
    return [folder, *_up(folder.parent)]


def place_stations(
    series: Sequence[Series], known: SiteList | None, strict: bool
) -> tuple[list[Series], list[FileProblem]]:
    """Put stations where they stand, as a list has it, or else their own file.

    Args:
      series: The stations.
      known: The list.
      strict: Whether one without a place or without heights stops everything.

    Returns:
      Stations with both, and what is wrong with the others.

    Raises:
      ValueError: If the list contradicts their own files, or as `strict` says.
    """
    listed: dict[str, Site] = {}
    if known is not None:
        check_own_places(series, known)
        listed = find_sites(known.sites, [one.station for one in series])
    placed = {one.station: listed.get(one.station, one.site) for one in series}
    if known is not None:
        there = {name: site for name, site in placed.items() if site is not None}
        check_neighbours(there, list(listed), known)
    problems = _problems(series, placed)
    if problems and strict:
        raise ValueError("; ".join(problems))
    kept = [
        dataclasses.replace(one, site=placed[one.station])
        for one in series
        if _has_up(one) and placed[one.station] is not None
    ]
    return kept, [("", problem) for problem in problems]


def _problems(series: Sequence[Series], placed: dict[str, Site | None]) -> list[str]:
    flat = [one.station for one in series if not _has_up(one)]
    homeless = [name for name, site in placed.items() if site is None]
    problems = []
    if flat:
        problems.append(
            f"station {_listed(flat)} has no vertical component; is a "
            "file of it absent?"
        )
    if homeless:
        problems.append(
            f"station {_listed(homeless)} has no coordinates; give it a line "
            "'NAME lon lat' in the sites file"
        )
    return problems


def _has_up(series: Series) -> bool:
    return bool(np.isfinite(series.displacement.get("up", np.nan)).any())


def _listed(names: Sequence[str]) -> str:
    """Some names, and how many more there are."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" (and {more} more)" if more > 0 else "")
