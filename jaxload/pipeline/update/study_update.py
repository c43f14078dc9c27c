"""New, late and reprocessed days added to a finished study by its frozen parameters."""

import dataclasses
import datetime
import hashlib
import logging
import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

import jaxload
from jaxload import config, io
from jaxload.pipeline.doubts import collected_warnings, first_messages
from jaxload.pipeline.estimation.problem import (
    DesignAndPrior,
    make_prior,
    make_problem,
    station_design,
)
from jaxload.pipeline.estimation.unsolved import runs_of_days
from jaxload.pipeline.evaluate.products import MonthlyProduct, read_products
from jaxload.pipeline.evaluate.references import with_references
from jaxload.pipeline.expected_stages import stages_of_update
from jaxload.pipeline.frozen.frozen_network import NETWORK, regional_errors
from jaxload.pipeline.frozen.kept_state import ABOUT_STATE
from jaxload.pipeline.inputs.study_area import StudyArea, read_study_area
from jaxload.pipeline.messages import listed
from jaxload.pipeline.progress import Clock, Watch, ignore
from jaxload.pipeline.report.datasets import about_of_study
from jaxload.pipeline.report.file_labels import labelled_for_file
from jaxload.pipeline.report.water_tables import tables_of
from jaxload.pipeline.results.pending import (
    begin_pending,
    drop_pending,
    finish_pending,
    pending_folder,
    seal_pending,
)
from jaxload.pipeline.run_log import kept_log
from jaxload.pipeline.update.files_left import describe_earlier, draw_again
from jaxload.pipeline.update.later_epochs import (
    LaterEpochs,
    find_changed_epochs,
    memory_of,
)
from jaxload.pipeline.update.later_files import (
    change_coefficients,
    change_maps,
    change_state,
    change_stations,
    describe_stations,
    map_file_of,
)
from jaxload.pipeline.update.later_heights import (
    LaterHeights,
    latency_of,
    read_later_heights,
)
from jaxload.pipeline.update.later_products import product_results
from jaxload.pipeline.update.later_regions import (
    RegionRecord,
    extended_record,
    region_results,
    water_tables_of,
)
from jaxload.pipeline.update.later_seasons import later_sums
from jaxload.pipeline.update.later_water import (
    LaterWater,
    estimate_later,
    some_water,
)
from jaxload.pipeline.update.network_window import earlier_water, estimate_window
from jaxload.pipeline.update.opened_study import OpenedStudy, open_finished

__all__ = ["StudyUpdate", "update_study"]

#: Folder in that of the results in which the design matrix is kept.
DESIGNS = ".design"

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class StudyUpdate:
    """What an update changed.

    Attributes:
      about: Plain values, as `summary.json` has them under ``update``; empty where
        nothing was new.
      water: Water of the epochs that were computed, not rounded; None where none was.
      places: Numbers of these epochs.
      time: All epochs of the results.
    """

    about: dict[str, Any]
    water: LaterWater | None
    places: NDArray[np.intp]
    time: NDArray[np.datetime64]


def update_study(
    folder: str | os.PathLike[str],
    data: str | None = None,
    end: str | None = None,
    figures: bool = False,
    watch: Watch | None = None,
) -> StudyUpdate:
    """Add new, late and reprocessed days to a finished study.

    Beta, standard errors, weights of stations, trajectories and stations left out are
    those of the run. Only epochs that change are inverted.

    Args:
      folder: Where `run` wrote.
      data: Folder of the data; that of the run by default.
      end: Last day wanted of this update, as 2024-01-31; that of the study by default.
      figures: Whether figures are drawn anew.
      watch: Called with the progress.

    Returns:
      The `StudyUpdate`.

    Raises:
      FileNotFoundError: If there is no result, no state, or a file is gone.
      ValueError: If the state is of another study or version, an input cannot be used,
        or the folder is in use or cannot be written to.
    """
    folder, clock = pathlib.Path(folder), Clock(watch or ignore)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder; check the path")
    clock.expect(stages_of_update(figures))
    with collected_warnings() as warnings, io.locked_folder(folder):
        finish_pending(folder)
        with kept_log(folder, f"{jaxload.__version__} updates", True) as clock.note:
            with clock.stage("checksums_of_inputs"):
                opened = open_finished(folder, data, end)
            with jax.enable_x64(True):
                update = _update(opened, figures, clock, warnings)
    return update


def _update(
    opened: OpenedStudy, figures: bool, clock: Clock, warnings: list[str]
) -> StudyUpdate:
    study, state = opened.study, opened.arrays
    with clock.stage("reading"):
        wanted = opened.until_wanted
        later = read_later_heights(wanted, state, opened.marks, opened.marks_now)
        memory = memory_of(study, opened.about)
        epochs = find_changed_epochs(study, state, later, memory)
    _warn_of_doubts(opened, later)
    nothing = np.empty(0, np.intp)
    if not len(epochs.places) and not opened.changed:
        if figures:
            draw_again(opened, read_study_area(study), clock)
        return StudyUpdate({}, None, nothing, state.epoch.values)
    with clock.stage("design_matrix"):
        area = read_study_area(study)
        others = read_products(study, area, epochs.time)
        area = with_references(study, area)
    water = None
    begin_pending(opened.folder)
    try:
        made, summary = [], {}
        if len(epochs.places):
            water, made = _with_water(opened, area, later, epochs, clock)
        with clock.stage("evaluation"):
            more, summary = _with_regions(opened, area, epochs, water)
        with clock.stage("seasons_and_products") as watch:
            names, scores = _with_products(opened, area, others, made, watch)
        about = _about_update(opened, area, later, epochs, water)
        made, summary = [*made, *more, *names], summary | scores
        about |= describe_earlier(opened, made, figures)
        with clock.stage("writing_results"):
            _seal(opened, made, summary, (about, clock, warnings))
    except BaseException:
        drop_pending(opened.folder)
        raise
    # What is sealed is completed by whoever comes next, if this is killed.
    finish_pending(opened.folder)
    if figures:
        draw_again(opened, area, clock)
    return StudyUpdate(about, water, epochs.places, epochs.time)


def _warn_of_doubts(opened: OpenedStudy, later: LaterHeights) -> None:
    if opened.doubts:
        logger.warning(
            "%s has changed since the run; stations, steps and trends are those of the "
            "run until the study is run again",
            listed(opened.doubts),
        )
    if later.new_stations:
        logger.warning(
            "%d new stations (%s) are left out, as their weights are not known; run "
            "the study again to use them",
            len(later.new_stations),
            listed(later.new_stations),
        )


def _with_water(
    opened: OpenedStudy,
    area: StudyArea,
    later: LaterHeights,
    epochs: LaterEpochs,
    clock: Clock,
) -> tuple[LaterWater, list[str]]:
    """Water of the epochs that change, and the files that hold it."""
    study, folder = opened.study, opened.folder
    with clock.stage("design_matrix"):
        problem = _problem(opened, area)
    with clock.stage("inversion"):
        water, old = _estimated(opened, area, epochs, problem)
    with clock.stage("writing_results"):
        heights = epochs.heights.isel(time=np.flatnonzero(epochs.replaced))
        sums = {}
        if not study.inversion.correlation_time_days:
            sums = later_sums(opened.arrays, epochs, water.estimate.solution, old)
        made = [
            change_maps(folder, study, area.grid, epochs, (water, sums)),
            change_stations(folder, epochs, water, heights),
            *change_coefficients(folder, epochs, water),
            change_state(folder, later, epochs, water, sums),
        ]
    return water, made


def _problem(opened: OpenedStudy, area: StudyArea) -> DesignAndPrior:
    places = xr.Dataset(
        coords={
            "station": opened.arrays.row.values.astype(str),
            "lon": ("station", opened.arrays.row_lon.values),
            "lat": ("station", opened.arrays.row_lat.values),
        }
    )
    design = _kept_design(opened, area, places)
    return make_problem(design, make_prior(opened.study, area.grid))


def _kept_design(opened: OpenedStudy, area: StudyArea, places: xr.Dataset) -> jax.Array:
    """The design matrix, kept in the folder by what it is computed from."""
    study, grid = opened.study, area.grid
    cache = io.ArrayCache(opened.folder / DESIGNS)
    lasting = dataclasses.replace(study, gnss=dataclasses.replace(study.gnss, end=""))
    inputs = {k: v for k, v in opened.origin.files.items() if k not in opened.sizes}
    names = places.station.values.tolist()
    about = config.to_toml(lasting), sorted(inputs.items()), names
    whole = hashlib.sha256(repr((about, opened.about["versions"])).encode())
    for values in (places.lon, places.lat, grid.lon, grid.lat):
        whole.update(np.asarray(values, np.float64).tobytes())
    key = f"design-{whole.hexdigest()[:32]}"
    design = cache.get(key)
    if design is None:
        design = np.asarray(station_design(study, places, grid))
        cache.put(key, design)
    return jnp.asarray(design)


def _estimated(
    opened: OpenedStudy, area: StudyArea, epochs: LaterEpochs, problem: DesignAndPrior
) -> tuple[LaterWater, tuple[NDArray[np.datetime64], Any] | None]:
    """Water of the epochs that change, and of those of them that are replaced."""
    frozen, weights = (opened.arrays, opened.about), area.basins.weights
    if NETWORK in opened.about:
        water = estimate_window(opened.study, frozen, epochs, problem, weights)
        return water, earlier_water(opened.arrays, epochs, problem)
    estimate = lambda heights: estimate_later(
        opened.study, frozen, heights, problem, weights
    )
    if opened.study.inversion.correlation_time_days:
        return some_water(
            estimate(epochs.heights), np.flatnonzero(epochs.replaced)
        ), None
    old = np.flatnonzero(epochs.window < opened.arrays.sizes["epoch"])
    count = len(epochs.window)
    if not len(old):
        return estimate(epochs.heights), None
    before = epochs.before.isel(time=old)
    both = estimate(xr.concat([epochs.heights, before], "time"))
    replaced = some_water(both, np.arange(count, count + len(old)))
    times = epochs.time[epochs.window[old]]
    return some_water(both, np.arange(count)), (times, replaced.estimate.solution)


def _with_regions(
    opened: OpenedStudy,
    area: StudyArea,
    epochs: LaterEpochs,
    water: LaterWater | None,
) -> tuple[list[str], dict[str, Any]]:
    """Means over regions and what follows from them, written; and the summary."""
    study, folder = opened.study, opened.folder
    if "regions" not in study.output.store:
        return [], {}
    record = _record(opened, epochs, water)
    before = io.read_dataset(folder / "regions.nc", load=True)
    before.close()
    regions, summary = region_results(study, area, record, before)
    tables, scores = water_tables_of(study, area, regions)
    datasets = {"regions.nc": regions} | tables
    made = _written(datasets, study, pending_folder(folder))
    return made, summary | scores


def _with_products(
    opened: OpenedStudy,
    area: StudyArea,
    others: Mapping[str, MonthlyProduct],
    made: list[str],
    watch: Callable[[float], None],
) -> tuple[list[str], dict[str, Any]]:
    """Seasons of all months, and comparisons with other products, written."""
    study, folder = opened.study, opened.folder
    if "twsa" not in study.output.store:
        return [], {}
    place = pending_folder(folder)
    whole = lambda name: (place if name in made else folder) / name
    files = whole(map_file_of(folder)), whole("stations.nc")
    datasets, summary = product_results(study, area, others, files, watch)
    return _written(datasets, study, place), summary


def _written(
    datasets: Mapping[str, xr.Dataset], study: config.Study, place: pathlib.Path
) -> list[str]:
    """Write datasets and the tables of them, with the names of their files."""
    about = about_of_study(study)
    for name, dataset in datasets.items():
        io.write_dataset(labelled_for_file(dataset, about), place / name)
    texts = tables_of(datasets)
    for name, text in texts.items():
        io.write_text(place / name, text)
    return [*datasets, *texts]


def _record(
    opened: OpenedStudy, epochs: LaterEpochs, water: LaterWater | None
) -> RegionRecord:
    state, count = opened.arrays, len(epochs.time)
    names = ("region_twsa", "region_twsa_sd", "region_rest_sd")
    parts = dict.fromkeys(names)
    if water is not None:
        new = water.regions, water.region_sd, water.rest_sd
        parts = dict(zip(names, new))
    whole = {
        name: state[name].values
        if part is None
        else extended_record(state[name].values, count, epochs.places, part)
        for name, part in parts.items()
        if name in state
    }
    errors = None
    if "region_rest_sd" in whole:
        frozen = state, opened.about
        errors = regional_errors(frozen, epochs.time, whole["region_rest_sd"])
    return RegionRecord(
        epochs.time,
        whole["region_twsa"],
        whole.get("region_twsa_sd"),
        epochs.provisional,
        errors,
    )


def _about_update(
    opened: OpenedStudy,
    area: StudyArea,
    later: LaterHeights,
    epochs: LaterEpochs,
    water: LaterWater | None,
) -> dict[str, Any]:
    """What an update changed, in plain values."""
    days = np.datetime_as_string(epochs.time, "D")
    known = opened.arrays.sizes["epoch"]
    new = epochs.places[epochs.places >= known]
    old = epochs.places < known
    changes = {}
    if water is not None and old.any():
        before = opened.arrays.region_twsa.values[epochs.places[old]]
        size = np.abs(water.regions[old] - before)
        largest = np.nanmax(np.nan_to_num(size), axis=1, initial=0.0)
        named = days[epochs.places[old]].tolist()
        changes = dict(zip(named, np.round(largest, 6).tolist()))
    return {
        "on": datetime.datetime.now().isoformat(" ", "seconds"),
        "frozen_on": opened.about["frozen_on"],
        "new_epochs": _span(days[new]),
        "changed_mm": changes,
        "provisional": _span(days[epochs.provisional]),
        "provisional_mm": _still_to_change(opened, area, epochs, water),
        "latency": latency_of(later, opened.arrays),
        "new_stations": list(later.new_stations),
        "zeros_mm": later.zeros,
        "references": opened.changed,
    }


def _still_to_change(
    opened: OpenedStudy, area: StudyArea, epochs: LaterEpochs, water: LaterWater | None
) -> dict[str, float]:
    """By how much days to come will change the last means over regions [mm rms]."""
    if water is None or water.rest_sd is None:
        return {}
    growth = opened.arrays.growth_regions.values[0]
    reaches_end = epochs.places[-1] == len(epochs.time) - 1
    last = water.rest_sd if reaches_end else opened.arrays.region_rest_sd.values
    size = last[-1] * np.sqrt(1 - growth**-2.0)
    known = zip(map(str, area.basins.names), np.round(size, 3).tolist())
    return {name: value for name, value in known if np.isfinite(value)}


def _span(days: NDArray[np.str_]) -> list[str]:
    """The first and the last of some days, and how many they are."""
    return [str(days[0]), str(days[-1]), str(len(days))] if len(days) else []


def _seal(
    opened: OpenedStudy,
    made: list[str],
    summary: dict[str, Any],
    costs: tuple[dict[str, Any], Clock, list[str]],
) -> None:
    """Declare the files whole, with the state and the summary that belong to them."""
    about, clock, warnings = costs
    folder, before = opened.folder, opened.summary
    place = pending_folder(folder)
    summary = before | summary
    if "errors" in before and "region_sd_mm" in summary:
        medians = {"region_sd_mm": summary.pop("region_sd_mm")}
        summary["errors"] = before["errors"] | medians
    if "stations.nc" in made:
        summary |= describe_stations(place / "stations.nc")
        with io.read_dataset(place / map_file_of(folder)) as water:
            solved = water.solved.values
            summary["unsolved"] = runs_of_days(water.time.values, solved)
        summary["epochs_not_solved"] = int((solved == 0).sum())
    state = opened.about | {
        "study": opened.origin.study,
        "inputs": opened.origin.files,
        "series": opened.sizes,
        "folder": str(pathlib.Path(opened.study.folder).absolute()),
    }
    io.write_json(state, place / ABOUT_STATE)
    files = list(dict.fromkeys([*before["files"], *made, ABOUT_STATE]))
    messages = list(dict.fromkeys([*before.get("warnings", ()), *warnings]))
    about["seconds"] = dict(clock.seconds)
    summary |= {
        "origin": opened.origin.digest,
        "files": files,
        "warnings": first_messages(messages),
        "update": about,
    }
    seal_pending(folder, [*made, ABOUT_STATE], summary)
