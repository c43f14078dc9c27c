"""Inversion of heights: of stations alone, or with virtual stations."""

import dataclasses
import functools
import logging
import math
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion
from jaxload._memory import free_cycles
from jaxload.pipeline.chunks import means_over
from jaxload.pipeline.estimation.cell_resolution import (
    resolution_of_cells,
    warn_of_no_resolution,
)
from jaxload.pipeline.estimation.component_layout import ComponentRows
from jaxload.pipeline.estimation.few_unknowns import describe_unknowns
from jaxload.pipeline.estimation.gravity_update import gravity_for, with_gravimetry
from jaxload.pipeline.estimation.hyperparameters import Choice, choose
from jaxload.pipeline.estimation.network_noise import (
    NetworkModel,
    UnsuitableRecord,
    estimate_network,
    network_model,
)
from jaxload.pipeline.estimation.network_plan import PlannedNetwork, plan_network
from jaxload.pipeline.estimation.network_uncertainty import (
    network_errors,
    with_growth,
)
from jaxload.pipeline.estimation.problem import Model, make_model, of_stations
from jaxload.pipeline.estimation.solution import Estimate, estimate
from jaxload.pipeline.estimation.spectra_in_words import describe_spectra
from jaxload.pipeline.estimation.thermoelastic import (
    Expansion,
    choose_with_expansion,
    warn_of_expansion,
    with_amplitude_errors,
)
from jaxload.pipeline.estimation.uncertainty import Errors, standard_deviations
from jaxload.pipeline.estimation.unsolved import warn_unsolved
from jaxload.pipeline.estimation.work_shares import OF_GROWTH
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.inputs.virtual_stations import is_virtual
from jaxload.pipeline.monthly_cells import monthly_fields
from jaxload.pipeline.prepare.temperature import StationTemperature, read_temperature
from jaxload.pipeline.progress import Clock, part_of
from jaxload.pipeline.training_record import TrainingRecord

__all__ = [
    "InversionResult",
    "StationsOnly",
    "invert",
    "invert_stations",
    "restrict_to_stations",
    "without_factor",
]

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class InversionResult:
    """Result of an inversion.

    Attributes:
      estimate: The estimate, for all rows.
      choice: The weight of the prior, and the criterion.
      errors: Standard errors of water.
      stations_only: Means over the regions by stations alone [mm], shape (epoch,
        region); None without gap filling.
      contributions: Of heights and gravimetry, or of a trained prior mean, to means
        over the regions; None without either.
      summary: Plain numbers about gravimetry, spectra of noise or few unknowns; empty
        without.
      stations_only_cells: The same as monthly means of cells [mm], shape (month, cell).
      learned: Record of the training through the inversion, if there was one.
      network: New stations and what existing ones are worth; None where a study does
        not set it.
      rows: Which component of which station each row is; None for heights alone.
      settled: Noise before a robust loss, with its common mode and the weights of
        stations; None where it is not that of heights alone.
      spectral: Network whose noise has a memory; None where epochs are independent.
      expansion: Of stations with temperature; None where a study has no such term.
      resolution: From `resolution_of_cells`.
    """

    estimate: Estimate
    choice: Choice
    errors: Errors
    stations_only: NDArray[np.float64] | None = None
    learned: TrainingRecord | None = None
    stations_only_cells: NDArray[np.float32] | None = None
    network: PlannedNetwork | None = None
    contributions: xr.Dataset | None = None
    rows: ComponentRows | None = None
    summary: dict[str, Any] = dataclasses.field(default_factory=dict)
    settled: inversion.Noise | None = None
    spectral: NetworkModel | None = None
    expansion: Expansion | None = None
    resolution: xr.Dataset | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class StationsOnly:
    """The inversion of stations alone, the baseline.

    Attributes:
      model: With its noise settled, epochs independent.
      choice: The weight of the prior, and the criterion, for such epochs.
      regions: Means of water over the regions [mm], shape (epoch, region); under noise
        that stations share where this is inverted under it.
      cells: The same water as monthly means of cells [mm], shape (month, cell).
      network: Noise that stations share; None where epochs are independent.
    """

    model: Model
    choice: Choice
    regions: NDArray[np.float64]
    cells: NDArray[np.float32]
    network: NetworkModel | None = None


def invert(
    study: config.Study, rows: xr.Dataset, area: StudyArea, clock: Clock
) -> InversionResult:
    """Invert heights; with virtual stations, also those of the stations alone.

    Args:
      study: Its table ``[inversion]`` has the settings.
      rows: Heights of stations without their loads, perhaps with virtual stations.
      area: The study area.
      clock: Times the stages.

    Returns:
      The `InversionResult`.

    Raises:
      ValueError: As the stages do; `Unsolved` if no epoch could be solved.
    """
    filled = is_virtual(rows)
    with clock.stage("design_matrix"):
        gravity = gravity_for(study, rows, area.grid)
        temperature = read_temperature(study, rows)
        model = make_model(study, rows, area.grid)
        _check_expansion(model, temperature)
    stations_only, of_cells, expansion = None, None, None
    if config.allows_network_noise(study):
        try:
            heights = rows, temperature
            return _with_network_noise(study, model, heights, area, clock)
        except UnsuitableRecord as error:
            if study.inversion.noise == "network":
                raise
            logger.info("errors are taken as independent: %s", error)
    if filled.any():
        gnss = rows.isel(station=np.flatnonzero(~filled))
        baseline = invert_stations(
            study, of_stations(model, len(gnss.station)), gnss, area, clock
        )
        stations_only, of_cells = baseline.regions, baseline.cells
        study, model = _with_noise_of(study, model, baseline)
    with clock.stage("choice_of_beta"):
        report_progress = functools.partial(clock.watch, "choice_of_beta")
        if temperature is None:
            model, choice = choose(study, model, rows, report_progress)
        else:
            model, choice, expansion = choose_with_expansion(
                study, model, rows, temperature, report_progress
            )
        free_cycles(rows.up.nbytes)
    with clock.stage("inversion") as watch:
        estimated = estimate(study, model, rows.time.values, choice.beta, watch)
        warn_unsolved(rows.time.values, estimated.solution.ok)
        free_cycles(rows.up.nbytes)
    with clock.stage("standard_errors_of_regions"):
        weights = area.basins.weights
        errors = standard_deviations(study, model, estimated, choice.beta, weights)
        if expansion is not None:
            warn_of_expansion(expansion, estimated)
            errors = with_amplitude_errors(
                errors, model, expansion, choice.beta, weights
            )
        settled = estimated.noise, choice.beta
        resolution = resolution_of_cells(study, model, settled, area.grid)
    planned = None
    if study.network is not None:
        with clock.stage("network_design"):
            planned = plan_network(study, model, settled, rows, area)
    summary = _describe_setting(study, area)
    result = InversionResult(
        without_factor(estimated),
        choice,
        errors,
        stations_only,
        stations_only_cells=of_cells,
        network=planned,
        rows=model.rows,
        summary=summary,
        settled=model.noise,
        expansion=expansion,
        resolution=resolution,
    )
    if gravity is None:
        return result
    with clock.stage("satellite_gravimetry"):
        regions = area.basins.names, weights
        both = with_gravimetry(study, model, gravity, (estimated, errors), regions)
    return dataclasses.replace(
        result,
        estimate=without_factor(both.estimate),
        errors=both.errors,
        contributions=both.contributions,
        summary=summary | {"gravimetry": both.summary},
    )


def _describe_setting(study: config.Study, area: StudyArea) -> dict[str, Any]:
    """Describe few unknowns in plain numbers."""
    unknowns = describe_unknowns(study, area.grid)
    return {"unknowns": unknowns} if unknowns else {}


def _check_expansion(model: Model, temperature: StationTemperature | None) -> None:
    """Refuse free fields beside amplitudes of stations, before anything is solved."""
    if temperature is not None and model.problem.null_space_response.shape[1]:
        raise ValueError(
            "inversion.thermoelastic needs a prior without free fields; use "
            'inversion.boundary "zero", or another inversion.prior'
        )


def _with_network_noise(
    study: config.Study,
    model: Model,
    heights: tuple[xr.Dataset, StationTemperature | None],
    area: StudyArea,
    clock: Clock,
) -> InversionResult:
    """Invert heights under noise that stations share and that has a memory."""
    rows, temperature = heights
    warn_of_no_resolution(study)
    with clock.stage("spectra_of_noise") as watch:
        network, choice = network_model(study, model, rows, temperature, watch=watch)
    with clock.stage("inversion") as watch:
        estimated, residual = estimate_network(model, network, watch)
        warn_unsolved(rows.time.values, estimated.solution.ok)
    with clock.stage("standard_errors_of_regions") as watch:
        weights = area.basins.weights
        network = with_growth(model, network, weights)
        watch(OF_GROWTH)
        rest = part_of(watch, OF_GROWTH, 1)
        errors = network_errors(study, model, network, weights, rest)
        if network.expansion is not None:
            warn_of_expansion(network.expansion, estimated)
    noise = describe_spectra(network) | {"relative_residual": residual}
    described = {"noise": noise} | _describe_setting(study, area)
    return InversionResult(
        estimated,
        choice,
        errors,
        summary=described,
        settled=model.noise,
        spectral=network,
        expansion=network.expansion,
    )


def invert_stations(
    study: config.Study, model: Model, gnss: xr.Dataset, area: StudyArea, clock: Clock
) -> StationsOnly:
    """Invert the heights of stations without gap filling.

    Args:
      study: Its table ``[inversion]`` has the settings.
      model: Of the stations alone.
      gnss: The stations.
      area: The study area.
      clock: Times the stage.

    Returns:
      The `StationsOnly`; its water is kept as means over the regions, and over months.

    Raises:
      ValueError: As `choose`; `Unsolved` if no epoch could be solved.
    """
    with clock.stage("inversion_of_stations_only"):
        report_progress = functools.partial(clock.watch, "inversion_of_stations_only")
        model, choice = choose(study, model, gnss, report_progress)
        network = _network_noise(study, model, gnss)
        if network is None:
            estimated = estimate(study, model, gnss.time.values, choice.beta)
        else:
            estimated, _ = estimate_network(model, network)
        warn_unsolved(gnss.time.values, estimated.solution.ok, "from stations alone")
        means = means_over(area.basins.weights, estimated.solution)
        cells = monthly_fields(estimated.solution, gnss.time.values)
        return StationsOnly(model, choice, means, cells, network)


def _network_noise(
    study: config.Study, model: Model, gnss: xr.Dataset
) -> NetworkModel | None:
    """Noise that stations share, as with gap filling, where the heights allow it."""
    if not config.allows_network_noise(study):
        return None
    try:
        return network_model(study, model, gnss)[0]
    except UnsuitableRecord:
        if study.inversion.noise == "network":
            raise
        return None


def _with_noise_of(
    study: config.Study, model: Model, baseline: StationsOnly
) -> tuple[config.Study, Model]:
    """Take the common mode from the stations: virtual stations have none."""
    if study.inversion.common_mode_mm != "estimate":
        return study, model
    common = float(np.asarray(baseline.model.noise.common))
    settings = dataclasses.replace(study.inversion, common_mode_mm=math.sqrt(common))
    noise = dataclasses.replace(model.noise, common=common)
    study = dataclasses.replace(study, inversion=settings)
    return study, dataclasses.replace(model, noise=noise)


def without_factor(estimated: Estimate) -> Estimate:
    """Let go of what criteria and standard errors share, several times the data.

    Args:
      estimated: Of which no more of them are computed.

    Returns:
      The estimate, without the factor.
    """
    solution = dataclasses.replace(estimated.solution, factor=None)
    return dataclasses.replace(estimated, solution=solution)


def restrict_to_stations(estimated: Estimate, count: int) -> Estimate:
    """Restrict an estimate to the rows of the stations.

    Args:
      estimated: Of all rows.
      count: Number of stations.

    Returns:
      The estimate as if only stations had been rows.
    """

    def first(values: Any) -> Any:
        if values is None or values.shape[-1] == count:
            return values
        return np.asarray(values)[..., :count]

    noise = dataclasses.replace(
        estimated.noise, sigma=first(estimated.noise.sigma), common_rows=None
    )
    fitted = first(estimated.solution.fitted)
    solution = dataclasses.replace(estimated.solution, fitted=fitted)
    return Estimate(
        solution, noise, first(estimated.left_out), first(estimated.weights)
    )
