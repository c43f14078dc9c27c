"""What a folder of data holds: series, lists of stations, outlines, steps, grids."""

import collections
import contextlib
import dataclasses
import logging
import os
import pathlib
import re
from collections.abc import Iterable, Iterator

from shapely import MultiPolygon, Polygon

from jaxload import io
from jaxload.io.files.packed import plain_name
from jaxload.io.gnss.search import search_files

__all__ = ["Inventory", "find_data", "without_warnings"]

Outline = Polygon | MultiPolygon

#: Folders are looked into this deep, and so many files are looked at.
DEPTH, MOST = 4, 50_000

#: Endings of outlines, and of text that may be one if its name says so.
OUTLINES = (".geojson", ".json", ".shp", ".gpkg", ".kml", ".wkt", ".gmt", ".bln")
OUTLINE_NAME = re.compile(r"region|bound|outline|border|basin|area|shape", re.I)
TEXT = (".txt", ".dat", ".xy")

#: Names of files of steps, and endings of grids.
STEPS_NAME = re.compile(r"step|offset|break|discont|soln", re.I)
GRIDS = (".nc", ".nc4", ".h5", ".hdf5")

#: Bytes of text beyond which it is no list of stations.
LARGEST_LIST = 5_000_000


@dataclasses.dataclass(frozen=True)
class Inventory:
    """What a folder holds.

    Attributes:
      series: Files of series: a pattern for each folder and ending, the largest first,
        with the files.
      lists: Text that may be a list of stations.
      outlines: By file.
      steps: Files of steps.
      grids: Patterns of gridded files by quantity.
      others: Names of all other files.
    """

    series: dict[str, list[pathlib.Path]]
    lists: list[pathlib.Path]
    outlines: dict[pathlib.Path, Outline]
    steps: list[pathlib.Path]
    grids: dict[str, list[str]]
    others: list[str]


def find_data(folder: str | os.PathLike[str]) -> Inventory:
    """Find what a folder holds.

    Args:
      folder: The folder; those in it are looked into as well.

    Returns:
      The `Inventory`.

    Raises:
      FileNotFoundError: If there is no such folder.
      ValueError: If it is no folder, or holds very many files.
    """
    top = pathlib.Path(folder)
    if not top.exists():
        raise FileNotFoundError(f"{folder} does not exist")
    if not top.is_dir():
        raise ValueError(f"{folder} is a file, expected the folder that holds the data")
    files = list(_files_below(top))
    with without_warnings():
        outlines = dict(_outlines(files))
        steps = [path for path in files if _holds_steps(path)]
        taken = {*outlines, *steps}
        grids, gridded = _grids([path for path in files if path not in taken])
        taken |= gridded
        series = _series(top, taken)
        taken |= {path for group in series.values() for path in group}
    lists = [
        path
        for path in files
        if path not in taken
        and path.suffix.lower() not in (*GRIDS, *OUTLINES)
        and path.stat().st_size < LARGEST_LIST
    ]
    others = [path.name for path in files if path not in taken]
    return Inventory(series, lists, outlines, steps, grids, others)


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """Hold back warnings while files are tried that may be anything.

    Yields:
      Nothing.
    """
    package = logging.getLogger("jaxload")
    level = package.level
    package.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        package.setLevel(level)


def _files_below(top: pathlib.Path) -> Iterator[pathlib.Path]:
    count = 0
    for place, folders, names in os.walk(top):
        deep = len(pathlib.Path(place).relative_to(top).parts)
        folders[:] = [f for f in sorted(folders) if not f.startswith(".")]
        if deep >= DEPTH:
            folders.clear()
        for name in sorted(names):
            if name.startswith("."):
                continue
            path = pathlib.Path(place, name)
            # Links may lead nowhere, and pipes and devices are no files.
            if not path.is_file():
                continue
            count += 1
            if count > MOST:
                raise ValueError(
                    f"{top} holds more than {MOST:,} files; name the folder of the "
                    "series by --from"
                )
            yield path


def _outlines(files: Iterable[pathlib.Path]) -> Iterator[tuple[pathlib.Path, Outline]]:
    for path in files:
        ending = path.suffix.lower()
        named = ending in TEXT and OUTLINE_NAME.search(path.stem)
        if ending not in OUTLINES and not named:
            continue
        try:
            yield path, io.read_region(path)
        except (ValueError, OSError):
            continue


def _holds_steps(path: pathlib.Path) -> bool:
    if not STEPS_NAME.search(path.stem) or path.suffix.lower() in (*GRIDS, *OUTLINES):
        return False
    try:
        return io.read_offsets(path).sizes["event"] > 0
    except (ValueError, OSError, KeyError):
        return False


def _series(
    top: pathlib.Path, taken: set[pathlib.Path]
) -> dict[str, list[pathlib.Path]]:
    """Files of series by pattern, those of the largest group first."""
    groups: dict[str, list[pathlib.Path]] = collections.defaultdict(list)
    folders = {path.parent for path in _files_below(top)}
    for folder in sorted(folders):
        try:
            paths, _ = search_files(folder)
        except (ValueError, OSError):
            continue
        for path in paths:
            if path not in taken and path.parent == folder:
                ending = pathlib.PurePath(plain_name(path)).suffix
                packed = path.name.removeprefix(plain_name(path)) if ending else ""
                groups[str(folder / f"*{ending}{packed}")].append(path)
    return dict(sorted(groups.items(), key=lambda item: -len(item[1])))


def _grids(
    files: list[pathlib.Path],
) -> tuple[dict[str, list[str]], set[pathlib.Path]]:
    """Patterns of gridded files by quantity; of names alike the first is opened."""
    groups: dict[str, list[pathlib.Path]] = collections.defaultdict(list)
    for path in files:
        if path.suffix.lower() in GRIDS:
            alike = re.sub(r"\d+", "*", path.name)
            groups[str(path.parent / alike)].append(path)
    quantities: dict[str, list[str]] = collections.defaultdict(list)
    gridded: set[pathlib.Path] = set()
    for pattern, members in groups.items():
        try:
            header = io.read_grid_header(members[0])
        except (ValueError, OSError):
            continue
        several = pattern if len(members) > 1 else str(members[0])
        quantities[header.quantity].append(several)
        gridded.update(members)
    return dict(quantities), gridded
