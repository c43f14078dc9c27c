"""Outlines of a study: files, and features of them by name."""

import pathlib
import re

from jaxload import config, io
from jaxload.io.files.packed import is_archive, members
from jaxload.pipeline.inputs.observations import Outline
from jaxload.pipeline.messages import error_context

__all__ = ["read_basins", "read_outlines"]


def read_outlines(study: config.Study) -> dict[str, Outline]:
    """Read the study region and those listed for evaluation.

    Args:
      study: Names the files, and features of them behind a colon, in `region.boundary`
        and `evaluation.regions`.

    Returns:
      Outlines by name, the study region first. It is called as its features, or as the
      file where all of it is taken; of the others, each feature is a region.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If a name is not in its file, or stands for two regions.
    """
    crs = study.region.crs or None
    path, names = _file_and_names(study, study.region.boundary)
    with error_context("region.boundary"):
        outlines = _study_region(study, path, names or None)
    key = study.evaluation.name_property or None
    for entry in study.evaluation.regions:
        path, names = _file_and_names(study, entry)
        with error_context("evaluation.regions"):
            for name, outline in io.read_regions(path, key, names or None, crs).items():
                _add(outlines, name, outline, path)
    return outlines


def read_basins(
    study: config.Study, entry: str, name_property: str = ""
) -> dict[str, Outline]:
    """Read outlines that a setting names as `evaluation.regions` does.

    Args:
      study: Its `folder` is that of relative paths.
      entry: A file, and names of some of its features behind a colon.
      name_property: Property that has the names; recognised if empty.

    Returns:
      Outlines by name.

    Raises:
      FileNotFoundError: If the file is missing.
      ValueError: If a name is not in it.
    """
    path, names = _file_and_names(study, entry)
    return dict(
        io.read_regions(
            path, name_property or None, names or None, study.region.crs or None
        )
    )


def _study_region(
    study: config.Study, path: pathlib.Path, names: str | None
) -> dict[str, Outline]:
    key, crs = study.region.name_property or None, study.region.crs or None
    if names is None:
        return {path.stem: io.read_region(path, None, key, crs)}
    regions = io.read_regions(path, key, names, crs)
    if len(regions) > 1:
        return {", ".join(regions): io.read_region(path, names, key, crs)}
    return dict(regions)


def _file_and_names(study: config.Study, entry: str) -> tuple[pathlib.Path, str]:
    """A file and the names behind it, whatever colons either has in it.

    The longest part before a colon that is there is the file.
    """
    colons = [place.start() for place in re.finditer(":", entry)]
    for end in (len(entry), *reversed(colons)):
        path = study.path(entry[:end].strip())
        if entry[:end].strip() and _is_there(path):
            return path, entry[end + 1 :].strip(" \t:")
    # None is: the file is named up to the first colon that is not that of a drive.
    drive = 2 if re.match(r"\s*[A-Za-z]:[\\/]", entry) else 0
    name, _, names = entry[drive:].partition(":")
    return study.path((entry[:drive] + name).strip()), names.strip()


def _is_there(path: pathlib.Path) -> bool:
    """Whether there is such a file, in an archive perhaps."""
    try:
        whole = path.expanduser()
        archive = next((one for one in whole.parents if one.is_file()), None)
        return whole.exists() or bool(
            archive and is_archive(archive) and whole in members(archive)
        )
    except (OSError, ValueError, RuntimeError):
        return False


def _add(
    outlines: dict[str, Outline], name: str, outline: Outline, path: pathlib.Path
) -> None:
    if outlines.setdefault(name, outline) != outline:
        raise ValueError(
            f"{path} is a second region called {name}; rename it, or leave it out"
        )
