"""Water from heights: of stations alone, or of stations and filled cells together."""

import dataclasses
import functools
import logging
import math

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config
from jaxload.pipeline.chunks import means_over
from jaxload.pipeline.estimation.hyperparameters import Choice, choose
from jaxload.pipeline.estimation.problem import Model, make_model, of_stations
from jaxload.pipeline.estimation.solution import Estimate, estimate
from jaxload.pipeline.estimation.uncertainty import Errors, standard_deviations
from jaxload.pipeline.estimation.unsolved import warn_unsolved
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.inputs.virtual_stations import is_virtual
from jaxload.pipeline.progress import Clock
from jaxload.pipeline.training_record import TrainingRecord

__all__ = [
    "InversionResult",
    "StationsOnly",
    "invert",
    "invert_stations",
    "observed",
]

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class InversionResult:
    """Water, and how it was found.

    Attributes:
      found: The estimate, for all rows.
      choice: The weight of the prior and why.
      errors: How well water is known.
      stations_only: Means over the regions by stations alone [mm], shape (epoch,
        region); None where nothing was filled.
      learned: What was trained through the inversion, if anything was.
    """

    found: Estimate
    choice: Choice
    errors: Errors
    stations_only: NDArray[np.float64] | None = None
    learned: TrainingRecord | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class StationsOnly:
    """The inversion of stations alone, the baseline.

    Attributes:
      model: With its noise settled.
      choice: The weight of the prior and why.
      regions: Means of water over the regions [mm], shape (epoch, region).
    """

    model: Model
    choice: Choice
    regions: NDArray[np.float64]


def invert(
    study: config.Study, rows: xr.Dataset, area: StudyArea, clock: Clock
) -> InversionResult:
    """Invert heights, and with filled cells those of the stations alone beside them.

    Args:
      study: Says how.
      rows: Heights of stations without their loads, perhaps with filled cells.
      area: Where water is sought.
      clock: Told of the stages.

    Returns:
      The `InversionResult`.

    Raises:
      ValueError: As the stages do; `Unsolved` if no epoch could be solved.
    """
    filled = is_virtual(rows)
    with clock.stage("design"):
        model = make_model(study, rows, area.grid)
    stations_only = None
    if filled.any():
        gnss = rows.isel(station=np.flatnonzero(~filled))
        alone = invert_stations(
            study, of_stations(model, len(gnss.station)), gnss, area, clock
        )
        stations_only = alone.regions
        study, model = _with_noise_of(study, model, alone)
    with clock.stage("beta"):
        report_progress = functools.partial(clock.watch, "beta")
        model, choice = choose(study, model, rows, report_progress)
    with clock.stage("solve"):
        found = estimate(study, model, rows.time.values, choice.beta)
        warn_unsolved(rows.time.values, found.solution.ok)
    with clock.stage("errors"):
        report_progress = functools.partial(clock.watch, "errors")
        given = ((found, choice.beta), area.basins.weights, report_progress)
        errors = standard_deviations(study, model, *given)
    return InversionResult(found, choice, errors, stations_only)


def invert_stations(
    study: config.Study, model: Model, gnss: xr.Dataset, area: StudyArea, clock: Clock
) -> StationsOnly:
    """Invert the heights of stations as if nothing were filled.

    Args:
      study: Says how.
      model: Of the stations alone.
      gnss: The stations.
      area: Where water is sought.
      clock: Told of the stage.

    Returns:
      The `StationsOnly`; its water is kept as means over the regions only.

    Raises:
      ValueError: As `choose`; `Unsolved` if no epoch could be solved.
    """
    with clock.stage("stations_only"):
        report_progress = functools.partial(clock.watch, "stations_only")
        model, choice = choose(study, model, gnss, report_progress)
        found = estimate(study, model, gnss.time.values, choice.beta)
        warn_unsolved(gnss.time.values, found.solution.ok, "from stations alone")
        means = means_over(area.basins.weights, found.solution.load)
        return StationsOnly(model, choice, means)


def _with_noise_of(
    study: config.Study, model: Model, alone: StationsOnly
) -> tuple[config.Study, Model]:
    """Filled cells know nothing of the common mode: stations tell it."""
    if study.inversion.common_mode_mm != "estimate":
        return study, model
    common = float(np.asarray(alone.model.noise.common))
    settings = dataclasses.replace(study.inversion, common_mode_mm=math.sqrt(common))
    noise = dataclasses.replace(model.noise, common=common)
    study = dataclasses.replace(study, inversion=settings)
    return study, dataclasses.replace(model, noise=noise)


def observed(found: Estimate, count: int) -> Estimate:
    """Leave out the rows behind the stations.

    Args:
      found: Of all rows.
      count: Number of stations.

    Returns:
      The estimate as if only stations had been rows.
    """
    first = lambda values: None if values is None else np.asarray(values)[..., :count]
    noise = dataclasses.replace(
        found.noise, sigma=first(found.noise.sigma), common_rows=None
    )
    fitted = first(found.solution.fitted)
    solution = dataclasses.replace(found.solution, fitted=fitted)
    return Estimate(solution, noise, first(found.left_out), first(found.weights))
