"""A whole study: computed, kept, written, drawn; taken up where it stopped."""

import contextlib
import dataclasses
import functools
import gc
import json
import logging
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

import jaxload
from jaxload import config, io
from jaxload._exchange import wait_for_all
from jaxload._memory import free_cycles, peak_memory
from jaxload.pipeline.doubts import collected_warnings, first_messages
from jaxload.pipeline.expected_stages import stages_of_study, stages_of_writing
from jaxload.pipeline.frozen.hindrances import drop_readings
from jaxload.pipeline.inputs.libraries import check_libraries
from jaxload.pipeline.progress import Clock, Watch, ignore
from jaxload.pipeline.report.datasets import MapFile, Result
from jaxload.pipeline.report.figures import draw, is_figure, rings
from jaxload.pipeline.results import unfinished
from jaxload.pipeline.results.files import (
    SUMMARY,
    as_written,
    check_folder,
    read_result,
    remove_older,
)
from jaxload.pipeline.results.pending import drop_pending, finish_pending
from jaxload.pipeline.results.provenance import Origin, origin_of
from jaxload.pipeline.results.unfinished import Unfinished
from jaxload.pipeline.run_log import kept_log
from jaxload.pipeline.stages import compute
from jaxload.pipeline.team import agree_to_compute

__all__ = ["run"]

#: Entry of a summary with the table of figures by which these were drawn.
FIGURES_SET = "figures"

logger = logging.getLogger(__name__)

#: Folders for trainings and components of the weather, below the results.
KEPT = ("features", "checkpoints/alone", "checkpoints/jointly")


def run(
    study: config.Study,
    out: str | pathlib.Path | None = None,
    watch: Watch | None = None,
    resume: bool = False,
) -> Result:
    """Run a study from its files to water storage.

    Everything is computed in float64, whatever JAX is set to outside.

    Args:
      study: What to do, from `config.read_study`.
      out: Folder for `twsa.nc`, `stations.nc`, `regions.nc`, `groundwater.nc` where
        groundwater is sought, `virtual_stations.nc` where cells were filled,
        `learning.nc` where networks were trained, `summary.json`, `run.log` and
        figures; nothing is written, and no training kept, if not given. One process at
        a time works in it; of several that were joined by `jax.distributed` and all
        call this, only the first.
      watch: Called with the progress.
      resume: Whether to take up the results of an earlier run with the same study and
        inputs: results that it computed and could not write are written, complete
        results are read, and missing ones are computed. Figures are drawn anew where
        only ``[figures]`` has changed.

    Returns:
      The `Result`; one that was taken up is read from its files when it is needed, and
      holds them open until it is closed.

    Raises:
      FileNotFoundError: If a file of the study is missing.
      ValueError: If an input cannot be used, the folder is in use or cannot be written
        to, or the earlier run had other inputs; the message says which and why.
      Unsolved: A `ValueError`, if no epoch could be solved.
    """
    clock = Clock(watch or ignore)
    with collected_warnings() as warnings:
        if out is None:
            clock.expect(stages_of_study(study))
            with jax.enable_x64(True):
                result = compute(study, None, clock)
            result.summary.update(_costs(clock, warnings))
            return result
        check_libraries(study)
        clock.expect(["checksums_of_inputs", *_stages(study)])
        if jax.process_index():
            return _take_part(study, pathlib.Path(out), clock)
        folder = io.prepare_folder(out)
        with io.locked_folder(folder), _logged(study, folder, resume, clock):
            for name in ("", *KEPT):
                io.remove_left_overs(folder / name)
            if resume:
                finish_pending(folder)
            drop_pending(folder)
            with clock.stage("checksums_of_inputs"):
                origin = origin_of(study)
            work = _take_up if resume else _compute
            result = work(study, folder, origin, clock, warnings)
            wait_for_all()
            return result


def _stages(study: config.Study) -> list[str]:
    return [*stages_of_study(study), "writing_results", *stages_of_writing()]


@contextlib.contextmanager
def _logged(
    study: config.Study, folder: pathlib.Path, resume: bool, clock: Clock
) -> Iterator[None]:
    """Keep a log of the stages and warnings of a run, with its costs at the end."""
    what = "goes on with" if resume else "runs"
    title = f"{jaxload.__version__} {what} {study.title or 'a study'}"
    with kept_log(folder, title, resume) as clock.note:
        yield
        total = sum(clock.seconds.values())
        clock.note(f"{total:.1f} s in all, peak memory {peak_memory():.2f} GiB")


def _take_part(study: config.Study, folder: pathlib.Path, clock: Clock) -> Result:
    """Compute with the first process, which alone reads and writes results."""
    if agree_to_compute():
        with jax.enable_x64(True):
            result = compute(study, None, clock)
        wait_for_all()
        return result
    wait_for_all()
    summary = io.read_json(folder / SUMMARY)
    outline = rings(io.read_region(study.path(study.region.boundary)))
    return read_result(folder, summary["files"], outline, summary)


def _compute(
    study: config.Study,
    folder: pathlib.Path,
    origin: Origin,
    clock: Clock,
    warnings: list[str],
) -> Result:
    """Compute everything anew, except for trainings that were kept."""
    check_folder(folder)
    if unfinished.is_unfinished(folder):
        logger.warning(
            "%s holds results that were computed and not written; --resume would "
            "write them, this run replaces them",
            folder,
        )
    agree_to_compute(True)
    try:
        with jax.enable_x64(True):
            result = compute(study, folder, clock)
        result.summary.update(origin=origin.digest, **_costs(clock, warnings))
        with clock.stage("writing_results"):
            free_cycles(result.stations.up.nbytes)
            kept = unfinished.keep(result, origin, folder)
    except BaseException:
        # Maps that nothing else of the result is beside.
        unfinished.clear_incomplete(folder)
        drop_readings(folder)
        raise
    added, result = _finish(study, kept, folder, clock, warnings, result)
    result.summary.update(added)
    return result


def _take_up(
    study: config.Study,
    folder: pathlib.Path,
    origin: Origin,
    clock: Clock,
    warnings: list[str],
) -> Result:
    """Write or read results that an earlier run left; compute them where none are."""
    kept = unfinished.find(folder, origin)
    if kept is not None:
        clock.expect(stages_of_writing())
        check_folder(folder)
        agree_to_compute(False)
        added, result = _finish(study, kept, folder, clock, warnings)
        return dataclasses.replace(result, summary=kept.summary | added)
    summary = _complete(folder, origin)
    if summary is None:
        return _compute(study, folder, origin, clock, warnings)
    agree_to_compute(False)
    # What an earlier result of these files left open is closed now, and not by Python
    # amid another call of their library, which that does not survive.
    gc.collect()
    outline = rings(io.read_region(study.path(study.region.boundary)))
    if summary.get(FIGURES_SET) != _figures_set(study):
        summary = _draw_anew(study, folder, outline, summary, clock)
    return read_result(folder, summary["files"], outline, summary)


def _draw_anew(
    study: config.Study,
    folder: pathlib.Path,
    outline: list[NDArray[np.float64]],
    summary: dict[str, Any],
    clock: Clock,
) -> dict[str, Any]:
    """Draw the figures of complete results as the study sets them now."""
    clock.expect(["figures"])
    before = [name for name in summary["files"] if is_figure(name)]
    with (
        clock.stage("figures"),
        contextlib.closing(
            read_result(folder, summary["files"], outline, summary)
        ) as result,
    ):
        watch = functools.partial(clock.watch, "figures")
        drawn = draw(result, folder, study.figures, watch, study)
    others = [name for name in summary["files"] if name not in before]
    summary = summary | {"files": [*others, *drawn], FIGURES_SET: _figures_set(study)}
    io.write_json(summary, folder / SUMMARY)
    for name in set(before) - set(drawn):
        (folder / name).unlink(missing_ok=True)
    return summary


def _figures_set(study: config.Study) -> dict[str, Any]:
    """The table of figures, as a summary holds it."""
    return json.loads(json.dumps(dataclasses.asdict(study.figures)))


def _complete(folder: pathlib.Path, origin: Origin) -> dict[str, Any] | None:
    """The summary of results that need nothing more; None where some are missing."""
    if not (folder / SUMMARY).exists():
        return None
    check_folder(folder)
    summary = io.read_json(folder / SUMMARY)
    if summary.get("origin") != origin.digest:
        raise ValueError(
            f"{folder} holds results of another study, or of inputs that have changed "
            "since, or of another release of jaxload; run without --resume to replace "
            "them, or choose another folder"
        )
    files = [folder / name for name in summary["files"]]
    if not all(file.exists() for file in files):
        return None
    for file in files:
        if file.suffix in (".nc", ".zarr"):
            _check_whole(file)
    return summary


def _check_whole(file: pathlib.Path) -> None:
    try:
        io.check_whole(file)
    except ValueError as error:
        raise ValueError(
            f"{error}; run without --resume to compute the results anew"
        ) from None


def _finish(
    study: config.Study,
    kept: Unfinished,
    folder: pathlib.Path,
    clock: Clock,
    warnings: list[str],
    result: Result | None = None,
) -> tuple[dict[str, Any], Result]:
    """Name the files, draw figures, write the summary; with its new entries.

    Maps are read from their file, as the whole result is if none was computed.
    """
    with _name_kept_results(kept.place):
        # Where it is, the folder is complete.
        (folder / SUMMARY).unlink(missing_ok=True)
        with clock.stage("placing_results"):
            unfinished.move(kept, folder)
            remove_older(folder, kept.files)
        with clock.stage("figures"):
            if result is None:
                result = read_result(folder, kept.files, kept.outline, kept.summary)
            elif result.maps is not None:
                result.water.close()
                maps = MapFile(folder / result.maps.path.name)
                water = io.read_dataset(maps.path)
                result = dataclasses.replace(result, water=water, maps=maps)
            # Missing numbers are None, as they are where results are taken up.
            drawn = dataclasses.replace(as_written(result), summary=kept.summary)
            report_progress = functools.partial(clock.watch, "figures")
            figures = draw(drawn, folder, study.figures, report_progress, study)
        added = {
            "files": [*kept.files, *figures],
            FIGURES_SET: _figures_set(study),
            **_costs(clock, warnings, kept.summary),
        }
        io.write_json(kept.summary | added, folder / SUMMARY)
    unfinished.clear(folder)
    return added, result


@contextlib.contextmanager
def _name_kept_results(place: pathlib.Path) -> Iterator[None]:
    """Add to errors the folder of results that cannot be written."""
    try:
        yield
    except (ValueError, OSError) as error:
        raise ValueError(
            f"{error}; the results are kept in {place}: mend it and run the same again "
            "with --resume, which writes them"
        ) from None


def _costs(
    clock: Clock, warnings: list[str], earlier: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Seconds, memory and warnings, with those of the run that is taken up."""
    earlier = earlier or {}
    seconds = earlier.get("seconds", {}) | clock.seconds
    seconds.pop("total", None)
    memory = max(peak_memory(), earlier.get("peak_memory_gib", 0.0))
    messages = dict.fromkeys([*earlier.get("warnings", ()), *warnings])
    return {
        "seconds": seconds | {"total": sum(seconds.values())},
        "peak_memory_gib": memory,
        "warnings": first_messages(list(messages)),
    }
