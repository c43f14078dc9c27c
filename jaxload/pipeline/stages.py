"""The stages of a study, one after the other."""

import contextlib
import dataclasses
import functools
import logging
import pathlib
import time
from collections.abc import Iterator
from typing import Any, Protocol

import jax
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io, sphere
from jaxload.pipeline import cleaning, loads
from jaxload.pipeline.choose import choose
from jaxload.pipeline.errors import standard_deviations
from jaxload.pipeline.estimate import estimate
from jaxload.pipeline.figures import draw, rings
from jaxload.pipeline.groundwater import References, compare, read_references
from jaxload.pipeline.inputs import (
    keep_inside,
    read_observations,
    read_outlines,
    read_reference,
)
from jaxload.pipeline.model import make_model
from jaxload.pipeline.outputs import (
    Result,
    as_groundwater,
    station_results,
    water_results,
    with_errors,
)
from jaxload.pipeline.regions import reference_means, region_means, score_regions
from jaxload.pipeline.summary import describe_errors, peak_memory, summarise

__all__ = ["Watch", "ignore", "run"]

logger = logging.getLogger(__name__)


class Watch(Protocol):
    """Called with the name of a stage and the share of it that is done, 0 to 1."""

    def __call__(self, stage: str, share: float, /) -> None:
        """Hear of progress."""
        ...


def ignore(stage: str, share: float) -> None:
    """Watch nothing.

    Args:
      stage: Unused.
      share: Unused.
    """
    del stage, share


@dataclasses.dataclass
class Clock:
    """Seconds of each stage, and whom to tell."""

    watch: Watch
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.watch(name, 0.0)
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start
        self.watch(name, 1.0)


def run(
    study: config.Study,
    out: str | pathlib.Path | None = None,
    watch: Watch | None = None,
) -> Result:
    """Run a study from its files to water storage.

    Everything is computed in float64, whatever JAX is set to outside.

    Args:
      study: What to do, from `config.read_study`.
      out: Folder for `twsa.nc`, `stations.nc`, `regions.nc`, `groundwater.nc` where
        groundwater is sought, `summary.json` and figures; nothing is written if not
        given.
      watch: Told of the progress.

    Returns:
      The `Result`.

    Raises:
      FileNotFoundError: If a file of the study is missing.
      ValueError: If an input cannot be used; the message says which and why.
    """
    clock = Clock(watch or ignore)
    folder = None
    if out is not None:
        io.require_netcdf()
        folder = io.prepare_folder(out)
    with jax.enable_x64(True):
        result = _compute(study, clock)
    if folder is not None:
        with clock.stage("write"):
            # The summary comes last and says that the folder is complete.
            (folder / "summary.json").unlink(missing_ok=True)
            for name, dataset in _files(result).items():
                io.write_dataset(dataset, folder / name)
        with clock.stage("figures"):
            draw(result, folder)
    seconds = clock.seconds | {"total": sum(clock.seconds.values())}
    result.summary.update(seconds=seconds, peak_memory_gib=peak_memory())
    if folder is not None:
        io.write_json(result.summary, folder / "summary.json")
    return result


def _files(result: Result) -> dict[str, xr.Dataset]:
    files = {
        "twsa.nc": result.water,
        "stations.nc": result.stations,
        "regions.nc": result.regions,
    }
    if result.groundwater is not None:
        files["groundwater.nc"] = result.groundwater
    return files


def _compute(study: config.Study, clock: Clock) -> Result:
    with clock.stage("read"):
        region = io.read_region(study.path(study.region.boundary))
        outlines, product = read_outlines(study, region), read_reference(study)
        settings = study.region
        grid = sphere.regional_grid(
            region, settings.spacing, settings.buffer, settings.offset
        )
        hear = lambda done, total: clock.watch("read", done / total)
        gnss = keep_inside(read_observations(study, hear), grid, study)
        # What cannot be compared is found before hours are spent, not after.
        basins, reference = sphere.basin_weights(grid, outlines), None
        if product is not None:
            reference = reference_means(study, outlines, grid, product)
    gnss, found_loads = _prepared(study, gnss, clock)
    others = References()
    if study.groundwater is not None:
        with clock.stage("compare"):
            others = read_references(study, gnss, outlines)
    with clock.stage("design"):
        model = make_model(study, gnss, grid)
    with clock.stage("beta"):
        hear = functools.partial(clock.watch, "beta")
        model, choice = choose(study, model, gnss, hear)
    with clock.stage("solve"):
        found = estimate(study, model, gnss.time.values, choice.beta)
        _name_unsolved(gnss, np.asarray(found.solution.ok))
    with clock.stage("errors"):
        hear = functools.partial(clock.watch, "errors")
        estimated = (found, choice.beta)
        errors = standard_deviations(study, model, estimated, basins.weights, hear)
    with clock.stage("evaluate"):
        load = found.solution.load
        regions = region_means(basins, load, gnss.time.values, reference)
        regions.attrs["title"] = study.title
        stations = station_results(gnss, found)
        water = water_results(study, grid, region, gnss, found.solution, choice.beta)
        water, regions = with_errors(water, regions, grid, errors)
        summary = summarise(stations, water, choice, found)
        summary["errors"] = describe_errors(errors, regions)
        summary["evaluation"] = score_regions(study, regions)
        summary |= found_loads
    outline, beside = rings(region), None
    if study.groundwater is not None:
        with clock.stage("groundwater"):
            beside, scores = compare(study, others, water, regions, gnss)
            summary |= scores
            water, regions = as_groundwater(water), as_groundwater(regions)
    return Result(water, stations, regions, outline, summary, beside)


def _prepared(
    study: config.Study, gnss: xr.Dataset, clock: Clock
) -> tuple[xr.Dataset, dict[str, Any]]:
    """Heights as they are to be inverted, and what was found on the way."""
    summary: dict[str, Any] = {}
    if cleaning.is_asked(study):
        with clock.stage("clean"):
            hear = functools.partial(clock.watch, "clean")
            gnss = cleaning.clean(study, gnss, hear)
            summary["cleaning"] = cleaning.describe(gnss)
    if loads.is_asked(study):
        with clock.stage("loads"):
            hear = functools.partial(clock.watch, "loads")
            moved = loads.station_loads(study, gnss, hear)
            gnss = loads.remove_loads(study, gnss, moved)
            summary |= loads.load_scores(gnss)
    return gnss, summary


def _name_unsolved(gnss: xr.Dataset, ok: NDArray[np.bool_]) -> None:
    if ok.all():
        return
    days = np.datetime_as_string(gnss.time.values[~ok], "D")
    named = ", ".join(days[:5]) + (" ..." if len(days) > 5 else "")
    logger.warning("%d epochs could not be solved: %s", len(days), named)
