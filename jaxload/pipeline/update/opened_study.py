"""A finished study opened to be updated, or refused."""

import dataclasses
import datetime
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from jaxload import config, io
from jaxload.io.gnss.later_readings import FileMark
from jaxload.pipeline.frozen.hindrances import hindrance_of
from jaxload.pipeline.frozen.kept_state import (
    ABOUT_STATE,
    READABLE_STATES,
    STATE_ARRAYS,
    STATE_VERSION,
)
from jaxload.pipeline.inputs.files_of_series import series_sizes
from jaxload.pipeline.messages import listed
from jaxload.pipeline.results.files import MAPS, SUMMARY
from jaxload.pipeline.results.provenance import Origin, named_files, origin_of
from jaxload.pipeline.update.later_heights import row_columns

__all__ = ["OpenedStudy", "open_finished"]


@dataclasses.dataclass(frozen=True, eq=False)
class OpenedStudy:
    """A finished study.

    Attributes:
      folder: Where its results are.
      study: The study, with the folder of its data.
      end: Last day that is wanted now; empty for all.
      arrays: Arrays of its state.
      about: Plain values of its state.
      summary: Plain numbers of its results.
      marks: What each file of series was.
      marks_now: What each is.
      sizes: Bytes that each has now, by its name among the inputs.
      origin: What the study and its inputs are now. Files of series are not among
        them where the last day wanted is not that of the study: they may hold days
        that the results do not have.
      changed: Inputs of the evaluation that have changed.
      doubts: Inputs that have changed and play no part until the study is run again.
    """

    folder: pathlib.Path
    study: config.Study
    end: str
    arrays: xr.Dataset
    about: dict[str, Any]
    summary: dict[str, Any]
    marks: dict[pathlib.Path, FileMark]
    marks_now: dict[pathlib.Path, FileMark]
    sizes: dict[str, int]
    origin: Origin
    changed: list[str]
    doubts: list[str]

    @property
    def until_wanted(self) -> config.Study:
        """The study until the last day that is wanted now."""
        return _until(self.study, self.end)


def open_finished(
    folder: pathlib.Path, data: str | None = None, end: str | None = None
) -> OpenedStudy:
    """Open a finished study, and check that it can go on.

    Args:
      folder: Where its results are.
      data: Folder of its data; that of the run by default.
      end: Last day that is wanted now; that of the study by default.

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
    end = _last_wanted(study, end, arrays)
    origin, sizes = origin_of(study), series_sizes(study)
    about = _with_names_of_now(about, study, {*origin.files, *sizes})
    inputs = _changed_inputs(study, about, origin, set(sizes))
    known = {name: size for name, size in sizes.items() if name in origin.files}
    now = _marks(study, known, origin.files)
    # Files that are as they were may have days that were not wanted before.
    usual = _iso_day(study.gnss.end)
    beyond = bool(usual) and (not end or end > usual)
    marks = _marks(study, about["series"], {} if beyond else about["inputs"])
    if end != usual:
        files = {k: v for k, v in origin.files.items() if k not in sizes}
        origin = dataclasses.replace(origin, files=files)
    values = about, summary, marks, now, sizes, origin
    return OpenedStudy(folder, study, end, arrays, *values, *inputs)


def _last_wanted(study: config.Study, end: str | None, arrays: xr.Dataset) -> str:
    """The last day that an update is to go to, empty for all."""
    seen = np.isfinite(arrays.up_read.values[:, row_columns(arrays)]).any(axis=1)
    last = str(arrays.day.values[seen][-1])[:10]
    if end is None:
        # An update before this one may have gone beyond the study's own end.
        return max(_iso_day(study.gnss.end), last) if study.gnss.end else ""
    end = _iso_day(_until(study, end).gnss.end)
    if end and end < last:
        raise ValueError(
            f"--end is {end}, but the results go on until {last}; an update takes no "
            "days away"
        )
    return end


def _iso_day(day: str) -> str:
    """A day as yyyy-mm-dd, which sorts; empty for none."""
    return datetime.date.fromisoformat(day).isoformat() if day else ""


def _until(study: config.Study, end: str) -> config.Study:
    """The study with another last day."""
    return dataclasses.replace(study, gnss=dataclasses.replace(study.gnss, end=end))


def _marks(
    study: config.Study, sizes: Mapping[str, int], digests: Mapping[str, str]
) -> dict[pathlib.Path, FileMark]:
    """What files are, by their paths."""
    return {
        pathlib.Path(study.folder, name): FileMark(int(size), digests.get(name, ""))
        for name, size in sizes.items()
    }


def _with_names_of_now(
    about: dict[str, Any], study: config.Study, there: set[str]
) -> dict[str, Any]:
    """The state, its inputs named from the folder in which the data are now.

    What a study names by an absolute path stays where it is when the folder moves.
    """

    def named(name: str) -> str:
        path = pathlib.Path(about["folder"], name)
        stays = os.path.relpath(path, study.folder)
        return stays if name not in there and stays in there else name

    parts = ("inputs", "series")
    return about | {
        part: {named(name): value for name, value in about[part].items()}
        for part in parts
    }


def _read_values(folder: pathlib.Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Plain values of the results and of their state, which belong together."""
    if not (folder / SUMMARY).is_file():
        raise FileNotFoundError(
            f"{folder} holds no finished study; jaxload run computes one"
        )
    summary = io.read_json(folder / SUMMARY)
    for name in (ABOUT_STATE, STATE_ARRAYS):
        if not (folder / name).is_file():
            raise FileNotFoundError(_why_stateless(folder, name))
    about = io.read_json(folder / ABOUT_STATE)
    version = about.get("state_version")
    if version not in READABLE_STATES:
        raise ValueError(
            f"{folder / ABOUT_STATE} is of version {version}, but this release goes on "
            f"from version {STATE_VERSION}; run the study again"
        )
    try:
        origin = Origin(about["study"], about["inputs"])
        same = origin.digest == summary.get("origin")
        _ = about["series"], about["folder"], about["beta"]
    except (LookupError, TypeError, AttributeError, ValueError):
        raise ValueError(
            f"{folder / ABOUT_STATE} is damaged; run the study again"
        ) from None
    if not same:
        raise ValueError(
            f"{folder / ABOUT_STATE} is not the state of the results beside it, but of "
            "another study or other inputs; run the study again"
        )
    return summary, about


def _why_stateless(folder: pathlib.Path, name: str) -> str:
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
    settings = dataclasses.replace(
        study.evaluation,
        grace="",
        land_model="",
        products={},
        bridge="",
        precipitation="",
    )
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
