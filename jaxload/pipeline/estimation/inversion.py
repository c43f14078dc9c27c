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
from jaxload.pipeline.estimation.unsolved import name_unsolved
from jaxload.pipeline.inputs.study_area import Ground
from jaxload.pipeline.inputs.virtual_stations import filled_rows
from jaxload.pipeline.progress import Clock
from jaxload.pipeline.training_record import Learned

__all__ = [
    "Alone",
    "Inverted",
    "by_stations",
    "invert",
    "observed",
]

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class Inverted:
    """Water, and how it was found.

    Attributes:
      found: The estimate, for all rows.
      choice: The weight of the prior and why.
      errors: How well water is known.
      traditional: Means over the regions by stations alone [mm], shape (epoch, region);
        None where nothing was filled.
      learned: What was trained through the inversion, if anything was.
    """

    found: Estimate
    choice: Choice
    errors: Errors
    traditional: NDArray[np.float64] | None = None
    learned: Learned | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Alone:
    """What stations say by themselves.

    Attributes:
      model: With its noise settled.
      choice: The weight of the prior and why.
      regions: Means of water over the regions [mm], shape (epoch, region).
    """

    model: Model
    choice: Choice
    regions: NDArray[np.float64]


def invert(
    study: config.Study, rows: xr.Dataset, ground: Ground, clock: Clock
) -> Inverted:
    """Invert heights, and with filled cells those of the stations alone beside them.

    Args:
      study: Says how.
      rows: Heights of stations without their loads, perhaps with filled cells.
      ground: Where water is sought.
      clock: Told of the stages.

    Returns:
      The `Inverted`.

    Raises:
      ValueError: As the stages do; `Unsolved` if no epoch could be solved.
    """
    filled = filled_rows(rows)
    with clock.stage("design"):
        model = make_model(study, rows, ground.grid)
    traditional = None
    if filled.any():
        gnss = rows.isel(station=np.flatnonzero(~filled))
        alone = by_stations(
            study, of_stations(model, len(gnss.station)), gnss, ground, clock
        )
        traditional = alone.regions
        study, model = _with_noise_of(study, model, alone)
    with clock.stage("beta"):
        hear = functools.partial(clock.watch, "beta")
        model, choice = choose(study, model, rows, hear)
    with clock.stage("solve"):
        found = estimate(study, model, rows.time.values, choice.beta)
        name_unsolved(rows.time.values, found.solution.ok)
    with clock.stage("errors"):
        hear = functools.partial(clock.watch, "errors")
        given = ((found, choice.beta), ground.basins.weights, hear)
        errors = standard_deviations(study, model, *given)
    return Inverted(found, choice, errors, traditional)


def by_stations(
    study: config.Study, model: Model, gnss: xr.Dataset, ground: Ground, clock: Clock
) -> Alone:
    """Invert the heights of stations as if nothing were filled.

    Args:
      study: Says how.
      model: Of the stations alone.
      gnss: The stations.
      ground: Where water is sought.
      clock: Told of the stage.

    Returns:
      The `Alone`; its water is kept as means over the regions only.

    Raises:
      ValueError: As `choose`; `Unsolved` if no epoch could be solved.
    """
    with clock.stage("traditional"):
        hear = functools.partial(clock.watch, "traditional")
        model, choice = choose(study, model, gnss, hear)
        found = estimate(study, model, gnss.time.values, choice.beta)
        name_unsolved(gnss.time.values, found.solution.ok, "from stations alone")
        means = means_over(ground.basins.weights, found.solution.load)
        return Alone(model, choice, means)


def _with_noise_of(
    study: config.Study, model: Model, alone: Alone
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
