"""Results that were computed and are not yet under their names.

They are first written whole beside the others, or where the system puts temporary
files if there is no room for them, and only then take their names. Whatever stops a
run after that, they can be taken up.
"""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import shutil
import stat
import tempfile
import tomllib
from typing import Any

import numpy as np

from jaxload import io
from jaxload.config.renamed import is_of_earlier_release
from jaxload.io.records import NotWritten
from jaxload.pipeline.frozen.kept_state import write_state
from jaxload.pipeline.report.datasets import Result
from jaxload.pipeline.report.file_labels import about_of, labelled_for_file
from jaxload.pipeline.report.network_tables import network_table_of
from jaxload.pipeline.report.water_tables import tables_of
from jaxload.pipeline.results.files import (
    DATASETS,
    DOUBLE,
    content_of,
    copy_result,
    datasets_of,
    move_result,
)
from jaxload.pipeline.results.provenance import Origin, changes

__all__ = [
    "Unfinished",
    "begin",
    "clear",
    "clear_incomplete",
    "find",
    "is_unfinished",
    "keep",
    "move",
    "places",
]

#: Where unfinished results lie, and the file there that says that they are whole.
FOLDER, ABOUT = ".unfinished", "about.json"


@dataclasses.dataclass(frozen=True)
class Unfinished:
    """A result that waits to be written under its names.

    Attributes:
      place: Folder in which it lies.
      origin: What it was made of.
      files: Its files, with what their content is.
      outline: Rings of the study region.
      summary: Its plain numbers.
    """

    place: pathlib.Path
    origin: Origin
    files: dict[str, str]
    outline: list[Any]
    summary: dict[str, Any]


def places(folder: pathlib.Path) -> list[pathlib.Path]:
    """List where unfinished results may lie.

    Args:
      folder: Where results go in the end.

    Returns:
      A folder in it, and one where the system has room for temporary files.
    """
    return [folder / FOLDER, _spare(folder)]


def begin(place: pathlib.Path) -> pathlib.Path:
    """Make a folder for an unfinished result, in place of an older one.

    Args:
      place: One of `places`.

    Returns:
      The folder.

    Raises:
      NotWritten: A `ValueError`, if it cannot be made.
    """
    _remove(place)
    try:
        place.mkdir(mode=0o700)
    except OSError as error:
        raise NotWritten(f"{place} cannot be written ({error.strerror})") from None
    return place


def keep(result: Result, origin: Origin, folder: pathlib.Path) -> Unfinished:
    """Write a result where it can be taken up, behind the maps that lie there already.

    Args:
      result: What was computed.
      origin: What it was made of.
      folder: Where results go in the end.

    Returns:
      The `Unfinished`, in the folder.

    Raises:
      ValueError: If there is no room in the folder; the message says where the result
        is instead.
    """
    place, spare = places(folder)
    failed = "" if result.maps is None else result.maps.refused
    if not failed:
        try:
            return _keep(result, origin, place)
        except ValueError as error:
            failed = str(error)
    try:
        place = _keep(result, origin, spare).place
    except (ValueError, OSError) as error:
        clear(folder)
        raise ValueError(f"the results are lost: {failed}, and {error}") from None
    raise ValueError(
        f"{failed}; the results are kept in {place}: make room and run the same again "
        "with --resume, which writes them"
    )


def _keep(result: Result, origin: Origin, place: pathlib.Path) -> Unfinished:
    there = result.maps.path if result.maps is not None else None
    if there is None or there.parent != place:
        begin(place)
    try:
        files, datasets = {}, datasets_of(result)
        for name, dataset in datasets.items():
            if DATASETS[name] != "water" or there is None:
                double = [x for x in DOUBLE.get(name, ()) if x in dataset]
                wide = {"double": double} if double else {}
                labelled = labelled_for_file(dataset, about_of(result.water))
                io.write_dataset(labelled, place / name, **wide)
            elif there.parent != place:
                copy_result(there, place / name)
            files[name] = content_of(place / name)
        tables = tables_of(datasets) | network_table_of(datasets)
        for name, text in tables.items():
            io.write_text(place / name, text)
            files[name] = content_of(place / name)
        if result.state is not None:
            made = write_state(result.state, origin.study, origin.files, place)
            files |= {name: content_of(place / name) for name in made}
        about = {
            "study": origin.study,
            "inputs": origin.files,
            "files": files,
            "outline": [ring.tolist() for ring in result.outline],
            "summary": result.summary,
        }
        io.write_json(about, place / ABOUT)
    except OSError as error:
        _remove_unless(place, there)
        raise ValueError(f"{place} cannot be written ({error.strerror})") from None
    except ValueError:
        _remove_unless(place, there)
        raise
    except BaseException:
        _remove(place)
        raise
    if there is not None and there.parent != place:
        _remove(there.parent)
    return _read(place)


def _remove_unless(place: pathlib.Path, maps: pathlib.Path | None) -> None:
    """Remove a folder, but not the only maps that there are."""
    if maps is None or maps.parent != place:
        _remove(place)


def _spare(folder: pathlib.Path) -> pathlib.Path:
    """Where results go for which their own folder has no room."""
    name = hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()[:16]
    user = os.getuid() if hasattr(os, "getuid") else 0
    return pathlib.Path(tempfile.gettempdir(), f"jaxload-{user}-{name}")


def find(folder: pathlib.Path, origin: Origin) -> Unfinished | None:
    """Look for an unfinished result.

    Args:
      folder: Where results go.
      origin: What it must have been made of.

    Returns:
      The `Unfinished`, None if there is none.

    Raises:
      ValueError: If there is one, but of another study or other inputs, or damaged.
    """
    for place in places(folder):
        if not (place / ABOUT).is_file() or not _is_own(place):
            continue
        unfinished = _read(place)
        if is_of_earlier_release(tomllib.loads(unfinished.origin.study)):
            raise ValueError(
                f"the results in {place} cannot be taken up, since an earlier release "
                "of jaxload computed them; run without --resume to compute them anew"
            )
        changed = changes(unfinished.origin, origin)
        if changed:
            raise ValueError(
                f"the results in {place} cannot be taken up, since what they were "
                f"computed from has changed ({', '.join(changed)}); run without "
                "--resume to compute them anew"
            )
        for name, content in unfinished.files.items():
            _check(unfinished, folder, name, content)
        return unfinished
    return None


def _is_own(place: pathlib.Path) -> bool:
    """Whether nobody else can have put it there."""
    about = place.lstat()
    user = os.getuid() if hasattr(os, "getuid") else about.st_uid
    return stat.S_ISDIR(about.st_mode) and about.st_uid == user


def _read(place: pathlib.Path) -> Unfinished:
    about = io.read_json(place / ABOUT)
    try:
        origin = Origin(about["study"], about["inputs"])
        outline = [np.array(ring) for ring in about["outline"]]
        return Unfinished(place, origin, about["files"], outline, about["summary"])
    except (LookupError, TypeError):
        raise ValueError(
            f"{place / ABOUT} describes no results; remove {place} and run again"
        ) from None


def _check(
    unfinished: Unfinished, folder: pathlib.Path, name: str, content: str
) -> None:
    """A file that was moved already is in the folder."""
    for path in (unfinished.place / name, folder / name):
        if path.exists() and content_of(path) == content:
            return
    raise ValueError(
        f"{unfinished.place / name} is missing or damaged; run without --resume to "
        "compute it anew"
    )


def move(unfinished: Unfinished, folder: pathlib.Path) -> None:
    """Give files the names under which they are looked for.

    Args:
      unfinished: The result.
      folder: Where results go.

    Raises:
      ValueError: If the folder cannot be written to.
    """
    for name in unfinished.files:
        source, target = unfinished.place / name, folder / name
        if source.exists():
            move_result(source, target)


def is_unfinished(folder: pathlib.Path) -> bool:
    """Check whether a result waits to be written.

    Args:
      folder: Where results go.

    Returns:
      Whether there is one, of whatever study.
    """
    return any((place / ABOUT).is_file() and _is_own(place) for place in places(folder))


def clear(folder: pathlib.Path) -> None:
    """Remove what is no longer needed when a result has its names.

    Args:
      folder: Where results go.
    """
    for place in places(folder):
        _remove(place)


def clear_incomplete(folder: pathlib.Path) -> None:
    """Remove what a run began and did not end, but no result that can be taken up.

    Args:
      folder: Where results go.
    """
    for place in places(folder):
        if not (place / ABOUT).exists():
            _remove(place)


def _remove(place: pathlib.Path) -> None:
    # First of all the file that says that the others are whole.
    with contextlib.suppress(OSError):
        (place / ABOUT).unlink()
    shutil.rmtree(place, ignore_errors=True)
