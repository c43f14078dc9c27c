"""Files of series read again: only those that changed, and of these what is new."""

import contextlib
import dataclasses
import hashlib
import logging
import os
import pathlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from jaxload.io.files.digests import content_digest
from jaxload.io.files.paths import PathLike
from jaxload.io.gnss.files import group_problems, read_files
from jaxload.io.gnss.network import Files, search_series
from jaxload.io.gnss.options import Reading
from jaxload.io.gnss.places import find_list, place_stations
from jaxload.io.gnss.site_lists import SiteList
from jaxload.io.gnss.station_series import Series

__all__ = [
    "FileMark",
    "LaterSeries",
    "containers_of_series",
    "mark_file",
    "read_later",
]

log = logging.getLogger(__name__)

#: Bytes of the beginning of a file that has grown, which hold its header, and of what
#: it had before at its end, by which what is new is brought to the same zero.
HEAD, OVERLAP = 1 << 13, 1 << 11

#: What says in a series that its values are as its file has them.
AS_IN_FILE = "as in the file"

#: How packed files begin, and netCDF.
PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7z", b"PK", b"\x1f\x9d", b"CDF", b"\x89HDF")


@dataclasses.dataclass(frozen=True)
class FileMark:
    """What a file was.

    Attributes:
      size: Bytes.
      digest: That of the content, as of `content_digest`.
    """

    size: int
    digest: str


@dataclasses.dataclass(frozen=True, eq=False)
class LaterSeries:
    """One station, of files that changed.

    Attributes:
      station: Name.
      lon: Longitude [degrees].
      lat: Latitude [degrees].
      day: Days, ascending, shape (epoch,).
      up: Vertical displacement [mm], shape (epoch,); NaN if missing.
      up_sigma: Its standard error [mm], shape (epoch,).
      floats: Whether its zero may differ from one reading to the next, as of formats
        that are read relative to their mean.
      whole: Whether it has all days of its files, and not only those since the end.
      new_file: Whether a file of it was not there before.
    """

    station: str
    lon: float
    lat: float
    day: NDArray[np.datetime64]
    up: NDArray[np.float64]
    up_sigma: NDArray[np.float64]
    floats: bool
    whole: bool
    new_file: bool


def mark_file(path: pathlib.Path) -> FileMark | None:
    """Compute what a file is.

    Args:
      path: The file, or a file in an archive, which counts as a whole.

    Returns:
      Its `FileMark`; None if it is not there.
    """
    path = _container(path)
    if not path.is_file():
        return None
    return FileMark(path.stat().st_size, content_digest(path))


def containers_of_series(
    paths: Files | Sequence[Files], reading: Reading | None = None
) -> list[pathlib.Path]:
    """Find the files on the disk that series are read from.

    Args:
      paths: As of `read_gnss`.
      reading: Likewise.

    Returns:
      The files, each once; of an archive the whole.

    Raises:
      FileNotFoundError: If there is no such file.
    """
    files, _ = search_series(paths, Reading() if reading is None else reading)
    return list({_plain(path): path for path in map(_container, files)}.values())


def _container(path: pathlib.Path) -> pathlib.Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _plain(path: pathlib.Path) -> pathlib.Path:
    """The one name of a file, in whichever way its path is written."""
    # By its text, as names in states are: links are not followed.
    return pathlib.Path(os.path.normpath(path.absolute()))


def read_later(
    paths: Files | Sequence[Files],
    before: Mapping[pathlib.Path, FileMark],
    *,
    now: Mapping[pathlib.Path, FileMark] | None = None,
    sites: PathLike | None = None,
    reading: Reading | None = None,
) -> tuple[list[LaterSeries], list[pathlib.Path]]:
    """Read the files of a network that are new or changed.

    Of a file of text that has only grown, its beginning and what was added are read.

    Args:
      paths: As of `read_gnss`.
      before: What the files were when they were last read; of archives the whole.
      now: What they are, as far as it is known; others are read for it, each once.
      sites: As of `read_gnss`.
      reading: Likewise.

    Returns:
      The stations of the changed files, in their order, and files that are gone.

    Raises:
      FileNotFoundError: If there is no file at all.
      ValueError: As `read_gnss`.
    """
    reading = Reading() if reading is None else reading
    files, _ = search_series(paths, reading)
    known = find_list(list(files), sites, reading)
    changed, gone = _changed_files(list(files), before, now or {})
    grown = {
        path: mark.size
        for path, mark in changed.items()
        if mark and _has_grown(path, mark)
    }
    new = {path for path, mark in changed.items() if mark is None}
    later: list[LaterSeries] = []
    series, failed = _read_excerpts({path: files[path] for path in grown}, grown)
    later += _placed(series, known, reading, (False, False))
    for group in (new, set(changed) - new):
        chosen = {p: files[p] for p in files if p in group and p not in grown}
        chosen |= {p: files[p] for p in failed if p in group}
        series, problems = read_files(chosen, reading)
        for line in group_problems(problems):
            log.warning("left out: %s", line)
        later += _placed(series, known, reading, (True, group is new))
    return later, gone


def _changed_files(
    files: Sequence[pathlib.Path],
    before: Mapping[pathlib.Path, FileMark],
    now: Mapping[pathlib.Path, FileMark],
) -> tuple[dict[pathlib.Path, FileMark | None], list[pathlib.Path]]:
    """What each changed file was, None for new ones; and which are gone."""
    holders = {path: _container(path) for path in files}
    names = {holder: _plain(holder) for holder in holders.values()}
    there = {name: holder for holder, name in names.items()}
    known = {_plain(path): mark for path, mark in now.items()}
    marks = {name: known.get(name) or mark_file(there[name]) for name in there}
    old = {_plain(path): mark for path, mark in before.items()}
    different = {name for name, mark in marks.items() if mark != old.get(name)}
    held = {path: names[holder] for path, holder in holders.items()}
    changed = {path: old.get(name) for path, name in held.items() if name in different}
    return changed, [path for path in before if _plain(path) not in there]


def _has_grown(path: pathlib.Path, mark: FileMark) -> bool:
    """Whether a file of text is what it was, with more at its end."""
    if not path.is_file() or path.stat().st_size <= mark.size:
        return False
    with path.open("rb") as file:
        start = file.read(mark.size)
    plain = not start.startswith(PACKED) and b"\0" not in start
    return plain and hashlib.sha256(start).hexdigest() == mark.digest


def _read_excerpts(
    files: Mapping[pathlib.Path, Reading], sizes: Mapping[pathlib.Path, int]
) -> tuple[list[Series], list[pathlib.Path]]:
    """Series of the beginnings and ends of files, and those that cannot be read so."""
    if not files:
        return [], []
    with _excerpts(sizes) as excerpts:
        chosen = {excerpts[path]: reading for path, reading in files.items()}
        series, problems = read_files(chosen, None)
    bad = {name for name, _ in problems}
    failed = [path for path in files if str(excerpts[path]) in bad]
    return series, failed


@contextlib.contextmanager
def _excerpts(
    sizes: Mapping[pathlib.Path, int],
) -> Iterator[dict[pathlib.Path, pathlib.Path]]:
    """Files of the same names in folders of their own, each an excerpt of another."""
    with tempfile.TemporaryDirectory() as folder:
        made = {}
        for number, (path, size) in enumerate(sizes.items()):
            place = pathlib.Path(folder, str(number))
            place.mkdir()
            made[path] = place / path.name
            made[path].write_bytes(_excerpt(path, size))
        yield made


def _excerpt(path: pathlib.Path, size: int) -> bytes:
    """Whole lines of the beginning of a file, and of what follows some bytes."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        head = head[: head.rfind(b"\n") + 1]
        start = max(size - OVERLAP, 0)
        if start <= len(head):
            return head + file.read() if file.seek(len(head), os.SEEK_SET) else b""
        file.seek(start)
        file.readline()
        return head + file.read()


def _placed(
    series: Sequence[Series],
    known: SiteList | None,
    reading: Reading,
    about: tuple[bool, bool],
) -> list[LaterSeries]:
    placed, problems = place_stations(series, known, reading.strict)
    for line in group_problems(problems):
        log.warning("left out: %s", line)
    return [
        LaterSeries(
            one.station,
            one.site.lon,
            one.site.lat,
            one.day.astype("M8[D]"),
            one.displacement["up"],
            one.sigma["up"],
            one.reference != AS_IN_FILE,
            *about,
        )
        for one in placed
        if one.site is not None
    ]
