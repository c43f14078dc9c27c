"""The stages of a study, one after the other."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
import xarray as xr

from jaxload import config, series
from jaxload._memory import free_cycles
from jaxload.pipeline.chunks import means_over
from jaxload.pipeline.comparisons import with_precipitation, with_products
from jaxload.pipeline.estimation.inversion import (
    InversionResult,
    invert,
    restrict_to_stations,
)
from jaxload.pipeline.estimation.thermoelastic import season_correlation
from jaxload.pipeline.estimation.uncertainty import Errors
from jaxload.pipeline.evaluate.baseline import (
    gain_over_stations_only,
    with_stations_only,
)
from jaxload.pipeline.evaluate.drought import (
    compute_drought,
    drought_of_record,
    read_climatology,
    warn_of_independent_days,
)
from jaxload.pipeline.evaluate.drought_maps import MonthlyVariance, map_drought
from jaxload.pipeline.evaluate.groundwater import (
    PlaceSeries,
    References,
    compare,
    read_references,
)
from jaxload.pipeline.evaluate.monthly_water import monthly_storage
from jaxload.pipeline.evaluate.products import read_products
from jaxload.pipeline.evaluate.references import with_references
from jaxload.pipeline.evaluate.regions import region_means, score_regions
from jaxload.pipeline.evaluate.water_balance import (
    areas_on_grid,
    compute_water_balance,
    read_water_balance,
)
from jaxload.pipeline.expected_stages import is_compared
from jaxload.pipeline.fill.drivers import warn_of_idle_decomposition
from jaxload.pipeline.fill.joint import invert_jointly
from jaxload.pipeline.fill.kept_features import with_left_out
from jaxload.pipeline.fill.station_models import Filled, fill
from jaxload.pipeline.frozen.freezing import freeze
from jaxload.pipeline.frozen.hindrances import drop_readings, keep_readings
from jaxload.pipeline.inputs.coverage import describe_coverage
from jaxload.pipeline.inputs.local_earth import describe_local_earths
from jaxload.pipeline.inputs.observations import read_observations, select_inside
from jaxload.pipeline.inputs.study_area import StudyArea, read_study_area
from jaxload.pipeline.inputs.virtual_stations import (
    append_virtual_stations,
    cells_without_station,
    is_virtual,
    without_virtual_stations,
)
from jaxload.pipeline.prepare import cleaning, loads
from jaxload.pipeline.prepare.heights import (
    check_heights,
    ready_heights,
    settle_heights,
)
from jaxload.pipeline.prepare.horizontals import (
    check_horizontals,
    clean_horizontals,
    ready_horizontals,
)
from jaxload.pipeline.prepare.screening import Screened, screen, select_stations
from jaxload.pipeline.prepared_study import Prepared
from jaxload.pipeline.progress import Clock
from jaxload.pipeline.report.components import (
    describe_components,
    with_horizontals,
)
from jaxload.pipeline.report.datasets import (
    Result,
    as_groundwater,
    coefficient_results,
    filled_results,
    station_results,
    water_results,
    with_errors,
    with_rows_used,
)
from jaxload.pipeline.report.figures import rings
from jaxload.pipeline.report.maps import Taker, WaterMaps
from jaxload.pipeline.report.network_tables import (
    describe_network,
    network_results,
)
from jaxload.pipeline.report.plausibility import Extremes
from jaxload.pipeline.report.summary import describe_errors, summarise
from jaxload.pipeline.report.thermoelastic import describe_expansion, with_expansion
from jaxload.pipeline.results.files import as_single
from jaxload.pipeline.results.space import check_space
from jaxload.pipeline.results.storage import store_maps
from jaxload.pipeline.training_record import curve_dataset

__all__ = ["compute", "invert_prepared", "prepare"]

#: Share of the evaluation after which water is labelled and scored.
OF_RESULT = 0.6


def compute(study: config.Study, folder: pathlib.Path | None, clock: Clock) -> Result:
    """Compute water storage from the files of a study.

    Args:
      study: The study.
      folder: For the results, trainings and components of the weather; None keeps none.
      clock: Times the stages.

    Returns:
      The `Result`.

    Raises:
      FileNotFoundError: If a file of the study is missing.
      ValueError: If an input cannot be used, or no epoch be solved.
    """
    # Nothing else holds what was prepared, so that it goes where it is not needed.
    return invert_prepared(study, prepare(study, folder, clock), folder, clock)


def prepare(study: config.Study, folder: pathlib.Path | None, clock: Clock) -> Prepared:
    """Read, screen and clean heights, fill cells and remove loads.

    Args:
      study: The study; its table ``[inversion]`` plays no part.
      folder: As for `compute`.
      clock: Times the stages.

    Returns:
      What is to be inverted, and what it will be compared with.

    Raises:
      FileNotFoundError: If a file of the study is missing.
      ValueError: If an input cannot be used.
    """
    with clock.stage("reading") as watch:
        area = read_study_area(study)
        gnss = read_observations(study, lambda done, total: watch(done / total))
        readings = keep_readings(study, gnss, folder)
        gnss = select_inside(select_stations(study, gnss), area.grid, study)
        gravity = area.products.get("grace")
        referenced = with_references(study, area)
        products = read_products(study, area, gnss.time.values)
        area = referenced
        gnss, of_heights = ready_heights(study, gnss)
        gnss, of_horizontals = ready_horizontals(study, gnss)
    screened, happened = _screened(study, gnss, area, gravity, clock)
    gnss, summary = _cleaned(study, screened.gnss, happened, clock)
    summary["screening"] = screened.summary
    with clock.stage("checks_of_heights"):
        summary["heights"] = of_heights | check_heights(study, gnss)
        if study.gnss.horizontals:
            rates = check_horizontals(study, gnss)
            summary["horizontals"] = of_horizontals | {"rate_mm_per_year": rates}
        if study.earth.local:
            summary["local_earth_stations"] = describe_local_earths(study, gnss)
        warn_of_idle_decomposition(study)
    rows, filled = _filled(study, gnss, area, folder, clock)
    rows, of_loads = _without_loads(study, rows, clock)
    summary |= of_loads
    rows = settle_heights(study, rows)
    gnss = without_virtual_stations(rows)
    comparisons, climatology, balance = References(), None, {}
    if is_compared(study):
        with clock.stage("reading_references"):
            comparisons = read_references(study, gnss, area.outlines)
            climatology = read_climatology(study, area, gnss.time.values)
            balance = read_water_balance(study, area, gnss.time.values)
    others = (comparisons, climatology, balance)
    return Prepared(
        area, rows, gnss, filled, *others, screened.table, summary, products, readings
    )


def invert_prepared(
    study: config.Study,
    prepared: Prepared,
    folder: pathlib.Path | None,
    clock: Clock,
) -> Result:
    """Estimate water from prepared heights, and evaluate it.

    Args:
      study: The study; of those that differ in ``[inversion]`` only, `prepared` may
        be of any.
      prepared: From `prepare`.
      folder: As for `compute`.
      clock: Times the stages.

    Returns:
      The `Result`.

    Raises:
      ValueError: If no epoch can be solved, or there is no room for the results.
    """
    gnss, rows, area = prepared.gnss, prepared.rows, prepared.area
    if folder is not None:
        sizes = rows.sizes["time"], rows.sizes["station"]
        check_space(study, area.grid, sizes, folder)
    if study.gapfill is not None and study.gapfill.joint:
        inverted = invert_jointly(study, gnss, area, folder, clock)
    else:
        inverted = invert(study, rows, area, clock)
    with clock.stage("evaluation") as watch:
        free_cycles(rows.up.nbytes)
        result = _result(study, rows, gnss, area, inverted, prepared.filled)
        watch(OF_RESULT)
        result.summary.update(prepared.summary)
        stations = as_single(result.stations.merge(prepared.screening))
        result = dataclasses.replace(result, stations=stations)
        if inverted.settled is None and folder is not None:
            drop_readings(folder)
        elif prepared.readings is not None:
            about = prepared.screening, inverted, result.regions, prepared.readings
            result = dataclasses.replace(result, state=freeze(study, gnss, *about))
        if inverted.network is not None:
            network = network_results(study, inverted.network, gnss)
            result.summary["network"] = describe_network(network)
            result = dataclasses.replace(result, network=network)
    with clock.stage("seasons_and_products") as watch:
        others = prepared.products
        result = with_products(study, result, area, inverted, others, watch)
        result = with_precipitation(study, result, prepared.comparisons.rain)
    variance = None
    if study.drought is not None:
        drought = drought_of_record(study.drought, gnss.time.values)
        study = dataclasses.replace(study, drought=drought)
        warn_of_independent_days(drought, inverted.errors)
    if study.drought is not None and study.drought.cell_scales:
        memory = _error_memory(study, inverted.errors)
        solved = np.asarray(inverted.estimate.solution.ok)
        variance = MonthlyVariance(gnss.time.values, memory, solved)
        errors = variance.noted(inverted.errors)
        inverted = dataclasses.replace(inverted, errors=errors)
    beside = None
    if study.groundwater is not None:
        sampled = PlaceSeries(gnss, prepared.comparisons.wells)
        beside = prepared.comparisons, sampled, gnss
    # Heights are held by the stations of the result now, in half the memory.
    prepared = dataclasses.replace(prepared, rows=xr.Dataset(), gnss=xr.Dataset())
    del rows, gnss
    free_cycles(stations.up.nbytes)
    takers = () if beside is None else (beside[1],)
    result = _with_maps(study, result, area, inverted, (folder, takers, clock))
    if study.drought is not None or study.water_balance is not None:
        with clock.stage("drought"):
            result = _with_droughts(study, result, prepared)
            if variance is not None:
                result = _with_drought_maps(study, result, area, inverted, variance)
    if beside is not None:
        with clock.stage("comparison_of_groundwater"):
            result = _as_groundwater(study, result, *beside)
    if "regions" not in study.output.store:
        result = dataclasses.replace(result, regions=xr.Dataset())
    return result


def _screened(
    study: config.Study,
    gnss: xr.Dataset,
    area: StudyArea,
    gravity: xr.Dataset | None,
    clock: Clock,
) -> tuple[Screened, series.Events]:
    """Screen for stations that follow elastic loading; with their steps."""
    with clock.stage("screening") as watch:
        happened = cleaning.find_events(study, gnss)
        screened = screen(study, gnss, area.grid, gravity, happened, watch)
        left = np.isin(gnss.station.values, screened.gnss.station.values)
        return screened, jax.tree.map(lambda values: values[left], happened)


def _cleaned(
    study: config.Study, gnss: xr.Dataset, happened: series.Events, clock: Clock
) -> tuple[xr.Dataset, dict[str, Any]]:
    """Clean the heights, and summarise the cleaning."""
    if not cleaning.needs_cleaning(study):
        return gnss, {}
    with clock.stage("cleaning") as watch:
        cleaned = cleaning.clean(study, gnss, watch, happened)
        summary = cleaning.cleaning_summary(cleaned)
        cleaned, of_horizontals = clean_horizontals(study, gnss, cleaned)
        return cleaned, {"cleaning": summary | of_horizontals}


def _filled(
    study: config.Study,
    gnss: xr.Dataset,
    area: StudyArea,
    folder: pathlib.Path | None,
    clock: Clock,
) -> tuple[xr.Dataset, Filled | None]:
    """Append virtual stations to the stations, before loads are removed.

    Gap filling predicts anomalies, so that heights are centred first.
    """
    if study.gapfill is None:
        return gnss, None
    gnss = gnss.assign(up=(gnss.up - gnss.up.mean("time")).assign_attrs(gnss.up.attrs))
    if study.gapfill.joint:
        return gnss, None
    with clock.stage("gap_filling") as watch:
        cells = cells_without_station(study, area.region, gnss)
        filled = fill(study, gnss, cells, folder, watch)
        return append_virtual_stations(gnss, filled.rows), filled


def _without_loads(
    study: config.Study, rows: xr.Dataset, clock: Clock
) -> tuple[xr.Dataset, dict[str, Any]]:
    """Remove known loads from heights, with the scores of the loads at stations."""
    if not loads.needs_loads(study):
        return rows, {}
    with clock.stage("known_loads") as watch:
        moved = loads.loads_at_stations(study, rows, watch)
        rows = loads.remove_loads(study, rows, moved)
        stations = without_virtual_stations(rows)
        return rows, dict(loads.load_scores(stations))


def _result(
    study: config.Study,
    rows: xr.Dataset,
    gnss: xr.Dataset,
    area: StudyArea,
    inverted: InversionResult,
    filled: Filled | None,
) -> Result:
    """Label the estimate, evaluate it and summarise it."""
    choice = inverted.choice
    estimate = restrict_to_stations(inverted.estimate, gnss.sizes["station"])
    time, daily = gnss.time.values, means_over(area.basins.weights, estimate.solution)
    regions = region_means(area.basins, daily, time, area.references, area.outlines)
    if inverted.stations_only is not None:
        baseline = inverted.stations_only
        regions = with_stations_only(regions, baseline, area.references)
    regions.attrs["title"] = study.title
    stations = station_results(gnss, estimate)
    if inverted.rows is not None:
        stations = with_horizontals(stations, gnss, inverted.estimate, inverted.rows)
    if inverted.expansion is not None:
        stations = with_expansion(stations, inverted.expansion)
    water = water_results(study, area, gnss.time, estimate.solution, choice.beta)
    regions = with_errors(regions, inverted.errors, area.references)
    if inverted.contributions is not None:
        regions = regions.assign(inverted.contributions.data_vars)
    summary = summarise(stations, water, choice, estimate)
    summary |= inverted.summary
    if inverted.expansion is not None:
        alike = season_correlation(inverted.expansion, estimate)
        described = describe_expansion(inverted.expansion, alike)
        summary["thermoelastic"] = described
    if inverted.rows is not None:
        summary |= describe_components(stations, inverted.rows)
    summary["coverage_fraction"] = describe_coverage(regions)
    summary["evaluation"] = score_regions(study, regions)
    if "land_model" in area.references:
        scores = score_regions(study, regions, "land_model")
        summary["evaluation_land_model"] = scores
    parts = water, stations, regions, rings(area.region), summary
    result = Result(*parts, resolution=inverted.resolution)
    return _with_filling(study, result, rows, filled, inverted)


def _with_filling(
    study: config.Study,
    result: Result,
    rows: xr.Dataset,
    filled: Filled | None,
    inverted: InversionResult,
) -> Result:
    """Add virtual stations, the training and the gain over stations only."""
    if study.gapfill is None:
        return result
    cells, curve, summary = None, None, result.summary
    left_out, kept = None, {}
    learned = inverted.learned
    if filled is not None:
        summary["filling"] = filled.summary
        left_out = filled.left_out
        kept = {"features": filled.features, "weather": filled.weather}
        cells = rows.isel(station=np.flatnonzero(is_virtual(rows)))
        if filled.curve is not None and filled.best is not None:
            curve = curve_dataset(filled.curve, filled.best)
    if learned is not None:
        summary["learning"] = learned.summary
        curve, cells = learned.curves, learned.rows
        left_out = learned.left_out
        kept = {"features": learned.features, "weather": learned.weather}
        if learned.filling:
            summary["filling"] = learned.filling
    used = (
        rows
        if cells is None or filled is not None
        else append_virtual_stations(rows, cells)
    )
    water = with_rows_used(result.water, used)
    gain = gain_over_stations_only(study, result.regions)
    summary["gain_over_stations_only"] = gain
    virtual = None if cells is None else filled_results(study, cells)
    scores = summary.get("filling", {}).get("stations", {})
    stations = with_left_out(result.stations, left_out, scores, learned is None)
    result = dataclasses.replace(result, stations=stations, **kept)
    return dataclasses.replace(
        result, water=water, virtual_stations=virtual, learning=curve
    )


def _with_maps(
    study: config.Study,
    result: Result,
    area: StudyArea,
    inverted: InversionResult,
    destination: tuple[pathlib.Path | None, Sequence[Taker], Clock],
) -> Result:
    """Compute maps, look at them and store them; with what is known of them then."""
    folder, takers, clock = destination
    solution = inverted.estimate.solution
    quantity = "twsa" if study.groundwater is None else "gwsa"
    maps = WaterMaps(quantity, area.grid, solution, inverted.errors)
    extremes = Extremes()
    stored = store_maps(study, result.water, maps, (extremes, *takers), folder, clock)
    regions = result.regions
    if "twsa_sd" in regions:
        regions.twsa_sd.attrs["method"] = stored.errors.method
    result.summary["errors"] = describe_errors(stored.errors, regions)
    result.summary["plausibility"] = extremes.check(result.water)
    coefficients = None
    if "coefficients" in study.output.store:
        coefficients = coefficient_results(study, area, result.water.time, solution)
    return dataclasses.replace(
        result, water=stored.water, coefficients=coefficients, maps=stored.file
    )


def _error_memory(study: config.Study, errors: Errors) -> float:
    """Time after which the correlation of errors of cells is 1/e [days]."""
    if errors.means is None:
        return 0.0 if study.drought is None else study.drought.error_memory_days
    # That of the mean over regions.
    low = errors.means.correlation.mean(axis=1) < np.exp(-1)
    return float(errors.means.lag_days[np.argmax(low) if low.any() else -1])


def _with_droughts(study: config.Study, result: Result, prepared: Prepared) -> Result:
    """Judge how dry it was, and hold storage change against fluxes."""
    memory = 0.0 if study.drought is None else study.drought.error_memory_days
    storage = monthly_storage(result.regions, memory)
    about = {k: result.water.attrs[k] for k in ("title", "source", "settings")}
    on_grid, added = areas_on_grid(prepared.area), {}
    if study.drought is not None:
        dry, scores = compute_drought(study, storage, prepared.climatology, on_grid)
        result.summary.update(scores)
        added["drought"] = dry.assign_attrs(about)
    if study.water_balance is not None:
        parts, scores = compute_water_balance(storage, prepared.balance, on_grid)
        result.summary.update(scores)
        added["water_balance"] = parts.assign_attrs(about)
    return dataclasses.replace(result, **added)


def _with_drought_maps(
    study: config.Study,
    result: Result,
    area: StudyArea,
    inverted: InversionResult,
    variance: MonthlyVariance,
) -> Result:
    assert study.drought is not None
    assert result.drought is not None
    solution, time = inverted.estimate.solution, result.regions.time.values
    maps = map_drought(study.drought, solution, area.grid, time, variance)
    merged = result.drought.merge(maps, combine_attrs="override")
    return dataclasses.replace(result, drought=merged)


def _as_groundwater(
    study: config.Study,
    result: Result,
    others: References,
    sampled: PlaceSeries,
    gnss: xr.Dataset,
) -> Result:
    beside, scores = compare(study, others, sampled, result.regions, gnss)
    result.summary.update(scores)
    regions = as_groundwater(result.regions)
    return dataclasses.replace(result, regions=regions, groundwater=beside)
