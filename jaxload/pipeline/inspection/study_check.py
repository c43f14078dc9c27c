"""A study looked through before it is run."""

import dataclasses
import functools
import logging
import pathlib
import shutil
from collections.abc import Callable
from typing import TypeVar

import jax
import numpy as np
import xarray as xr

from jaxload import config
from jaxload.io.files.paths import expand
from jaxload.pipeline.doubts import collected_warnings
from jaxload.pipeline.estimation.network_noise import MANY, YEAR
from jaxload.pipeline.inputs.earth import study_love_numbers
from jaxload.pipeline.inputs.libraries import check_libraries
from jaxload.pipeline.inputs.observations import read_observations, select_inside
from jaxload.pipeline.inputs.study_area import StudyArea, read_study_area
from jaxload.pipeline.inspection.effort import estimate_effort
from jaxload.pipeline.inspection.gridded_inputs import (
    describe_input,
    find_gridded_inputs,
)
from jaxload.pipeline.messages import listed
from jaxload.pipeline.prepare import cleaning
from jaxload.pipeline.prepare.heights import check_heights, ready_heights
from jaxload.pipeline.prepare.horizontals import check_horizontals, ready_horizontals
from jaxload.pipeline.prepare.screening import select_stations
from jaxload.pipeline.progress import Clock, Watch, ignore
from jaxload.pipeline.results.space import size_in_words, size_of_results

__all__ = ["StudyCheck", "check_study"]

T = TypeVar("T")

logger = logging.getLogger(__name__)

#: Days that a mean spans.
AVERAGES = {"weekly": 7.0, "monthly": YEAR / 12}


@dataclasses.dataclass
class StudyCheck:
    """What is known of a study before it is run.

    Attributes:
      lines: Lines on what it reads and computes.
      warnings: What is doubtful.
      problems: Why it cannot be run; empty if nothing stands against it.
    """

    lines: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)


def check_study(study: config.Study, watch: Watch | None = None) -> StudyCheck:
    """Look through a study without computing: files, stations, cells, time and memory.

    Heights, outlines and what water is compared with are read; of other grids the
    headers; all other files have to be there. All problems are listed, not only the
    first. Screening, cleaning and loads are not computed, so that a run may still
    refuse what these bring to light.

    Args:
      study: The study.
      watch: Called with the progress.

    Returns:
      The `StudyCheck`.
    """
    checked, clock = StudyCheck(), Clock(watch or ignore)
    clock.expect(["reading", "checks_of_heights"])
    with collected_warnings() as warnings, jax.enable_x64(True):
        _attempt(checked, lambda: check_libraries(study))
        with clock.stage("reading"):
            area = _attempt(checked, lambda: read_study_area(study))
            report_progress = lambda done, total: clock.watch("reading", done / total)
            gnss = _attempt(checked, lambda: read_observations(study, report_progress))
        with clock.stage("checks_of_heights"):
            gnss = _check_stations(study, gnss, area, checked)
            _attempt(checked, lambda: study_love_numbers(study))
            _check_grids(study, gnss, checked)
            _check_others(study, checked)
    if area is not None and gnss is not None:
        _describe(study, gnss, area, checked)
    checked.warnings += [text for text in warnings if text not in checked.warnings]
    checked.problems = list(dict.fromkeys(checked.problems))
    return checked


def _attempt(checked: StudyCheck, read: Callable[[], T]) -> T | None:
    """What a function returns; None where it fails, which is a problem."""
    try:
        return read()
    except (ValueError, OSError) as error:
        checked.problems.append(" ".join(str(error).split()))
        return None


def _check_stations(
    study: config.Study,
    gnss: xr.Dataset | None,
    area: StudyArea | None,
    checked: StudyCheck,
) -> xr.Dataset | None:
    """Stations as a run would begin with them; None where it would not."""
    if gnss is None:
        return None
    every = gnss

    def begin() -> xr.Dataset:
        chosen = select_stations(study, every)
        if area is not None:
            chosen = select_inside(chosen, area.grid, study)
        chosen, _ = ready_heights(study, chosen)
        chosen, _ = ready_horizontals(study, chosen)
        return chosen

    ready = _attempt(checked, begin)
    if ready is not None and not cleaning.needs_cleaning(study):
        _attempt(checked, lambda: check_heights(study, ready))
        _attempt(checked, lambda: check_horizontals(study, ready))
    return ready


def _check_grids(
    study: config.Study, gnss: xr.Dataset | None, checked: StudyCheck
) -> None:
    days = () if gnss is None else tuple(gnss.time.values[[0, -1]].astype("M8[D]"))
    for files in find_gridded_inputs(study):
        describe = functools.partial(describe_input, study, files, days)
        described = _attempt(checked, describe)
        if described is not None:
            checked.lines.append(described[0])
            if described[1]:
                logger.warning("%s", described[1])


def _check_others(study: config.Study, checked: StudyCheck) -> None:
    """Files of all settings, which have to be there."""
    for setting, name in config.study_files(study):
        try:
            expand(study.path(name))
        except (ValueError, OSError) as error:
            # What was read above is missed already.
            if not any(name in problem for problem in checked.problems):
                sentence = f"{setting} {name}: {' '.join(str(error).split())}"
                checked.problems.append(sentence)


def _describe(
    study: config.Study, gnss: xr.Dataset, area: StudyArea, checked: StudyCheck
) -> None:
    """Lines on sizes, noise, time, memory and disk."""
    days = gnss.time.values[[0, -1]].astype("M8[D]")
    epochs = gnss.sizes["time"]
    mean = AVERAGES.get(study.cleaning.average, 0.0)
    if mean:
        epochs = min(epochs, int((days[1] - days[0]).astype(int) / mean) + 1)
    sizes = epochs, gnss.sizes["station"], len(area.grid.lon)
    missing = float(gnss.up.isnull().mean())
    network = _network_noise(study, gnss)
    effort = estimate_effort(study, sizes, network)
    disk = size_of_results(study, area.grid, sizes[0], sizes[1])
    free = shutil.disk_usage(pathlib.Path.cwd()).free
    beside = [name for name in ("loads", "gapfill") if _is_set(study, name)]
    beyond = f", without {' and '.join(f'[{x}]' for x in beside)}" if beside else ""
    checked.lines[:0] = [
        f"{sizes[1]} stations, {gnss.sizes['time']:,} epochs from {days[0]} to "
        f"{days[1]}, {missing:.0%} of the heights missing"
        + (f"; about {epochs:,} {study.cleaning.average} means" if mean else ""),
        f"{sizes[2]:,} cells of {study.region.spacing:g} degrees; regions: "
        f"{listed(list(area.outlines))}",
        "noise: that of a network, if its record allows it"
        if network
        else "noise: independent from epoch to epoch",
        *(
            f"evaluation: {name}, {_span(product)}"
            for name, product in area.products.items()
        ),
    ]
    checked.lines.append(
        f"a run takes about {_time(effort.seconds)} of processor time{beyond} (within "
        f"a factor of three), {size_in_words(effort.memory)} of memory and "
        f"{size_in_words(disk)} of disk, where {size_in_words(free)} are free"
    )


def _network_noise(study: config.Study, gnss: xr.Dataset) -> bool:
    """Whether noise of a network is looked for."""
    years = (gnss.time.values[-1] - gnss.time.values[0]) / np.timedelta64(1, "D") / YEAR
    stated = study.inversion.noise == "network"
    many = gnss.sizes["station"] >= MANY and years >= 2
    return config.allows_network_noise(study) and (stated or many)


def _is_set(study: config.Study, name: str) -> bool:
    if name == "loads":
        return bool(study.loads.grids or study.loads.displacement)
    return getattr(study, name) is not None


def _span(product: xr.Dataset) -> str:
    time = product.time.values.astype("M8[D]")
    return f"{time[0]} to {time[-1]}, {len(time)} entries"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{round(seconds, -1):.0f} seconds"
    if seconds < 5400:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
