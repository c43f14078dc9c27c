"""A finished study opened to be updated, or refused."""

import dataclasses
import os
import pathlib
from typing import Any

import xarray as xr

from jaxload import config, io
from jaxload.io.gnss.later_readings import FileMark
from jaxload.pipeline.frozen.hindrances import NETWORK_NOISE, hindrance_of
from jaxload.pipeline.frozen.kept_state import (
    ABOUT_STATE,
    STATE_ARRAYS,
    STATE_VERSION,
)
from jaxload.pipeline.inputs.files_of_series import series_sizes
from jaxload.pipeline.messages import listed
from jaxload.pipeline.results.files import MAPS, SUMMARY
from jaxload.pipeline.results.provenance import Origin, named_files, origin_of

__all__ = ["OpenedStudy", "open_finished"]


@dataclasses.dataclass(frozen=True, eq=False)
class OpenedStudy:
    """A finished study.

    Attributes:
      folder: Where its results are.
      study: The study, with the folder of its data, and its last day as it is wanted.
      arrays: Arrays of its state.
      about: Plain values of its state.
      summary: Plain numbers of its results.
      marks: What each file of series was.
      sizes: Bytes that each has now, by its name among the inputs.
      origin: What the study and its inputs are now.
      changed: Inputs of the evaluation that have changed.
      doubts: Inputs that have changed and play no part until the study is run again.
    """

    folder: pathlib.Path
    study: config.Study
    arrays: xr.Dataset
    about: dict[str, Any]
    summary: dict[str, Any]
    marks: dict[pathlib.Path, FileMark]
    sizes: dict[str, int]
    origin: Origin
    changed: list[str]
    doubts: list[str]


def open_finished(
    folder: pathlib.Path, data: str | None = None, end: str | None = None
) -> OpenedStudy:
    """Open a finished study, and check that it can go on.

    Args:
      folder: Where its results are.
      data: Folder of its data; that of the run by default.
      end: Last day that is wanted; that of the study by default.

    Returns:
      The `OpenedStudy`.

    Raises:
      FileNotFoundError: If there is no result, or no state.
      ValueError: If the state is of another version or study, or an input has changed
        by which its parameters were determined.
    """
    summary, about = _read_values(folder)
    place = data or str(about["folder"])
    if not pathlib.Path(place).is_dir():
        raise FileNotFoundError(
            f"{place}, the folder of the study's data, is not there; say where they "
            "are by --data"
        )
    study = config.parse_study(str(about["study"]), place)
    arrays = io.read_dataset(folder / STATE_ARRAYS, load=True)
    arrays.close()
    later = end is not None and end != study.gnss.end
    if end is not None and later:
        study = _until(study, end, arrays)
    origin = origin_of(study)
    # Files that are as they were may have days that were not wanted before.
    digests = {} if later else about["inputs"]
    marks = {
        pathlib.Path(place, name): FileMark(int(size), digests.get(name, ""))
        for name, size in about["series"].items()
    }
    sizes = series_sizes(study)
    inputs = _changed_inputs(study, about, origin, set(sizes))
    values = about, summary, marks, sizes, origin
    return OpenedStudy(folder, study, arrays, *values, *inputs)


def _until(study: config.Study, end: str, arrays: xr.Dataset) -> config.Study:
    """The study with a later last day."""
    last = str(arrays.epoch.values[-1])[:10]
    study = dataclasses.replace(study, gnss=dataclasses.replace(study.gnss, end=end))
    if end < last:
        raise ValueError(
            f"--end is {end}, but the results go on until {last}; an update takes no "
            "days away"
        )
    return study


def _read_values(folder: pathlib.Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Plain values of the results and of their state, which belong together."""
    if not (folder / SUMMARY).is_file():
        raise FileNotFoundError(
            f"{folder} holds no finished study; jaxload run computes one"
        )
    summary = io.read_json(folder / SUMMARY)
    for name in (ABOUT_STATE, STATE_ARRAYS):
        if not (folder / name).is_file():
            raise FileNotFoundError(_why_stateless(folder, name, summary))
    about = io.read_json(folder / ABOUT_STATE)
    version = about.get("state_version")
    if version != STATE_VERSION:
        raise ValueError(
            f"{folder / ABOUT_STATE} is of version {version}, but this release goes on "
            f"from version {STATE_VERSION}; run the study again"
        )
    try:
        origin = Origin(about["study"], about["inputs"])
        same = origin.digest == summary.get("origin")
        _ = about["series"], about["folder"], about["beta"]
    except (LookupError, TypeError, AttributeError):
        raise ValueError(
            f"{folder / ABOUT_STATE} is damaged; run the study again"
        ) from None
    if not same:
        raise ValueError(
            f"{folder / ABOUT_STATE} is not the state of the results beside it, but of "
            "another study or other inputs; run the study again"
        )
    return summary, about


def _why_stateless(folder: pathlib.Path, name: str, summary: dict[str, Any]) -> str:
    """Say that there is no state, and what the study has that stands against one."""
    settings = ""
    for maps in MAPS:
        if (folder / maps).exists():
            with io.read_dataset(folder / maps) as water:
                settings = str(water.attrs.get("settings", ""))
    reason = "it was computed by an earlier release of jaxload, or the file was removed"
    try:
        hindrance = hindrance_of(config.parse_study(settings, "."))
    except ValueError:
        hindrance = ""
    if "noise" in summary:
        hindrance = NETWORK_NOISE
    if hindrance:
        return (
            f"{folder} cannot be updated: the study has {hindrance}; run it again with "
            "the new days"
        )
    return f"{folder} has no {name} to go on from: {reason}; run the study again"


def _changed_inputs(
    study: config.Study, about: dict[str, Any], now: Origin, there: set[str]
) -> tuple[list[str], list[str]]:
    """Inputs of the evaluation that changed, and those that no longer play a part.

    Raises:
      ValueError: If another input has changed.
    """
    before, files = about["inputs"], now.files
    series = {*about["series"], *there}
    different = [
        name
        for name in dict.fromkeys([*before, *files])
        if before.get(name) != files.get(name) and name not in series
    ]
    settings = dataclasses.replace(study.evaluation, grace="", land_model="")
    bare = dataclasses.replace(
        study, evaluation=settings, drought=None, water_balance=None
    )
    kept = set(named_files(bare))
    needed = {*before, *kept} - (set(files) - kept)
    lasting = _lasting_names(study, now)
    fixed = [name for name in different if name in needed and name not in lasting]
    if fixed:
        raise ValueError(
            f"{listed(fixed)} has changed or is gone since the run, by which the "
            "parameters of the study were determined; run it again"
        )
    doubts = [name for name in different if name in lasting]
    return [name for name in different if name not in lasting], doubts


def _lasting_names(study: config.Study, now: Origin) -> set[str]:
    """Files that may change, as stations and steps are those of the run."""
    elsewhere = dataclasses.replace(
        study, gnss=dataclasses.replace(study.gnss, files="-")
    )
    beside = set(now.files) - set(named_files(elsewhere))
    named = (study.gnss.sites, study.cleaning.steps)
    lists = {os.path.relpath(study.path(n), study.folder) for n in named if n}
    return beside | lists
