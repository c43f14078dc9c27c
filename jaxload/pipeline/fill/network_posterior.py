"""Inversion about a trained prior mean, under noise that stations share.

Errors of a trained prior mean last and are shared: what a network does not know of the
water of a basin is wrong there for months. Spectra of the heights about the mean, at
stations that were held out, contain these errors: as load whose density grows with the
period, and as maps of trend and seasons.
"""

import dataclasses
import logging
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion
from jaxload.pipeline.estimation.hyperparameters import Choice
from jaxload.pipeline.estimation.network_noise import (
    NetworkModel,
    estimate_network,
    network_model,
    of_other_heights,
)
from jaxload.pipeline.estimation.network_uncertainty import (
    network_errors,
    with_growth,
)
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.estimation.solution import Estimate
from jaxload.pipeline.estimation.spectra_in_words import describe_spectra
from jaxload.pipeline.estimation.uncertainty import Errors, uncertainty_kind
from jaxload.pipeline.estimation.unsolved import warn_unsolved
from jaxload.pipeline.fill.ensemble_posterior import (
    PriorMeanEnsemble,
    add_member_variance,
)
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.progress import Clock

__all__ = [
    "MeanInversion",
    "held_out_residuals",
    "invert_about_mean",
    "unseen_left_out",
]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

#: Share of the stations that members hold out at least for errors to be believed.
ENOUGH = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class MeanInversion:
    """Inversion about a prior mean.

    Attributes:
      estimate: With the prior mean.
      choice: Of the weight of the prior.
      errors: With those between members.
      summary: The spectra, in plain numbers.
    """

    estimate: Estimate
    choice: Choice
    errors: Errors
    summary: dict[str, Any]


def held_out_residuals(
    up: Floats, prior_mean: PriorMeanEnsemble, held_out: NDArray[np.bool_]
) -> Floats:
    """Subtract from heights the prior means of members that held a station out.

    Args:
      up: Heights [mm], shape (epoch, station).
      prior_mean: Of the members.
      held_out: Which stations each member held out, shape (member, station).

    Returns:
      Residuals [mm], shape (epoch, station), about the mean of these members; of all
      members at stations that none held out.
    """
    held_out = held_out | ~held_out.any(axis=0)
    total = np.zeros_like(up)
    for residual, rows in zip(prior_mean.residuals(up), held_out, strict=True):
        total[:, rows] += residual[:, rows]
    return total / held_out.sum(axis=0)


def unseen_left_out(
    left_out: NDArray[np.floating] | None,
    up: Floats,
    prior_mean: PriorMeanEnsemble,
    residuals: Floats,
) -> NDArray[np.floating] | None:
    """Predict stations that are left out by members that have not seen them either.

    Args:
      left_out: Observation minus prediction from the other stations, about the mean of
        all members [mm], shape (epoch, station); None where there is none.
      up: Heights [mm], shape (epoch, station).
      prior_mean: Of the members.
      residuals: From `held_out_residuals`.

    Returns:
      The same about the mean of the members that held a station out, of all members
      where none did.
    """
    if left_out is None:
        return None
    seen = up - prior_mean.members.mean(axis=0) @ prior_mean.moved.T
    return left_out + residuals - seen


def invert_about_mean(
    study: config.Study,
    model: Model,
    gnss: xr.Dataset,
    area: StudyArea,
    prior_mean: PriorMeanEnsemble,
    held_out: NDArray[np.bool_],
    of_heights: NetworkModel | None,
    clock: Clock,
) -> MeanInversion:
    """Invert heights about a trained prior mean, under noise that stations share.

    Args:
      study: Its table ``[inversion]`` has the settings.
      model: Problem and heights.
      gnss: Times and places of the stations.
      area: The study area.
      prior_mean: Of the members of an ensemble.
      held_out: Which stations each member held out, shape (member, station).
      of_heights: Noise and functions of time by the heights without a prior mean, as
        whose seasons systematic errors reach what was learned; None where nothing was.
      clock: Times the stages.

    Returns:
      The `MeanInversion`.

    Raises:
      UnsuitableRecord: If the record is too short or has too few stations.
    """
    mean = prior_mean.members.mean(axis=0)
    moved = mean @ prior_mean.moved.T
    rest = dataclasses.replace(model, up=model.up - moved)
    with clock.stage("spectra_of_noise") as watch:
        number = _count_held_out(held_out)
        residuals = held_out_residuals(model.up, prior_mean, held_out)
        network, choice = network_model(
            study, rest, gnss, held_out=residuals, watch=watch
        )
        if of_heights is not None:
            network = dataclasses.replace(network, of_heights=of_heights.maps)
    with clock.stage("inversion") as watch:
        estimated, residual = estimate_network(rest, network, watch)
        warn_unsolved(gnss.time.values, estimated.solution.ok)
    with clock.stage("standard_errors_of_regions"):
        errors = Errors("none")
        if uncertainty_kind(study, rest) != "none":
            weights = area.basins.weights
            network = with_growth(rest, network, weights)
            errors = network_errors(study, rest, network, weights)
            if errors.regions is not None and len(prior_mean.members) > 1:
                each = [
                    _solution(model, network, up)
                    for up in prior_mean.residuals(model.up)
                ]
                errors = add_member_variance(errors, prior_mean, each, weights)
    solution = estimated.solution
    solution = dataclasses.replace(
        solution,
        fitted=np.asarray(solution.fitted) + moved,
        terms=(*solution.terms, inversion.Term(mean, prior_mean.to_cells)),
    )
    left_out = unseen_left_out(estimated.left_out, model.up, prior_mean, residuals)
    estimated = dataclasses.replace(estimated, solution=solution, left_out=left_out)
    noise = describe_spectra(network) | {"relative_residual": residual}
    noise["stations_held_out"] = number
    return MeanInversion(estimated, choice, errors, {"noise": noise})


def _count_held_out(held_out: NDArray[np.bool_]) -> int:
    """Number of stations that a member held out; warns where these are few."""
    number, count = int(held_out.any(axis=0).sum()), held_out.shape[1]
    if number < ENOUGH * count:
        logger.warning(
            "errors of the trained prior mean are estimated where members held a "
            "station out, which is %d of %d stations; at the others the network has "
            "seen the heights, so that errors look smaller than they are: more "
            "gapfill.members or a larger gapfill.validation_fraction hold out more",
            number,
            count,
        )
    return number


def _solution(
    model: Model, network: NetworkModel, up: Floats
) -> inversion.RepresenterSolution:
    """Water beside the prior mean of one member."""
    model = dataclasses.replace(model, up=up)
    return estimate_network(model, of_other_heights(network, up))[0].solution
