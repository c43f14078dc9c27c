"""Weight of the prior and unknown parameters of the noise, chosen from the data."""

import dataclasses
import functools
import logging
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion
from jaxload.inversion.noise import noise_at
from jaxload.pipeline.estimation.component_layout import ComponentRows
from jaxload.pipeline.estimation.noise_model import (
    has_unknown_noise,
    with_shared_noise,
    with_station_weights,
)
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.estimation.record_shards import bind_record
from jaxload.pipeline.estimation.solution import patterns_and_mean
from jaxload.pipeline.inputs.observations import station_distances

__all__ = ["Choice", "Criterion", "choose", "named_criterion"]

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Criterion:
    """Criterion for the weight of the prior.

    Attributes:
      function: As `inversion.scan` takes it.
      name: In messages and results.
      unit: Of its value.
    """

    function: Callable[..., Any]
    name: str
    unit: str


#: Epochs by which beta is chosen where stations are left out with all components, each
#: of which needs a part of the inverse of its epoch.
EPOCHS = 500

#: By the name in a study file; "leave-group-out" needs its groups first.
CRITERIA = {
    "leave-one-out": Criterion(inversion.leave_one_out, "leave-one-out rms", "mm"),
    "leave-group-out": Criterion(
        inversion.leave_group_out, "leave-group-out rms", "mm"
    ),
    "gcv": Criterion(inversion.gcv, "generalised cross-validation", "1"),
    "l-curve": Criterion(inversion.l_curve, "norm of the misfit", "1"),
    "abic": Criterion(inversion.abic, "ABIC", "1"),
}


@dataclasses.dataclass(frozen=True)
class Choice:
    """The chosen weight of the prior, and the criterion.

    Attributes:
      beta: The weight.
      name: Of the criterion.
      unit: Of its values.
      tried: Each weight that was tried, with its value; for an L-curve with the norm of
        the solution too. Empty where the weight was trained.
    """

    beta: float
    name: str
    unit: str
    tried: list[dict[str, float]]


def choose(
    study: config.Study,
    model: Model,
    gnss: xr.Dataset,
    watch: Callable[[float], None],
) -> tuple[Model, Choice]:
    """Choose beta, and before it the common mode and the weights of stations.

    Stations are weighted by their residuals with the beta of equal weights.

    Args:
      study: Its table ``[inversion]`` has the settings.
      model: Problem, heights and noise.
      gnss: Positions of the stations.
      watch: Called with the share that is done.

    Returns:
      The model with its noise settled, and the choice.

    Raises:
      ValueError: If the criterion is not a number, or has no corner.
    """
    criterion = named_criterion(study, gnss, model.rows)
    _warn_of_frame(study, model)
    if has_unknown_noise(study):
        model = with_shared_noise(study, model, gnss.time.values)
    if study.inversion.station_weights:
        first = _scan(study, model, criterion, lambda share: watch(share / 2))
        model = with_station_weights(model, first.beta)
        return model, _scan(
            study, model, criterion, lambda share: watch((1 + share) / 2)
        )
    return model, _scan(study, model, criterion, watch)


def _warn_of_frame(study: config.Study, model: Model) -> None:
    """Warn where errors of the frame predict what water of the whole network does."""
    settings = study.inversion
    unaware = settings.criterion != "abic" and isinstance(settings.beta, str)
    if model.rows is not None and model.noise.patterns is not None and unaware:
        logger.warning(
            'beta is chosen by inversion.criterion "%s", for which errors of the frame '
            "predict as well as water does what moves the whole network, so that water "
            'may become too smooth and its errors too small; use "abic"',
            settings.criterion,
        )


def named_criterion(
    study: config.Study, gnss: xr.Dataset, rows: ComponentRows | None = None
) -> Criterion:
    """Make the criterion that a study names.

    With horizontals a station is left out with all of its components, and residuals
    are divided by the standard errors of their components.

    Args:
      study: Its `inversion.criterion` is the name.
      gnss: Positions of the stations, of which groups are made.
      rows: Which component of which station each row is; None for heights alone.

    Returns:
      The criterion.

    Raises:
      ValueError: If all stations would be in one group.
    """
    criterion = CRITERIA[study.inversion.criterion]
    singly = criterion.function is inversion.leave_one_out
    if singly and rows is not None:
        return _of_rows(criterion, rows.station)
    if criterion.function is not inversion.leave_group_out:
        return criterion
    distance = station_distances(gnss)
    groups = inversion.distance_blocks(distance, study.inversion.block_km)
    logger.info("%d groups of %d stations", groups.max() + 1, len(groups))
    if groups.max() == 0:
        raise ValueError(
            f"all {len(groups)} stations lie within inversion.block_km, "
            f"{study.inversion.block_km:g}, so that none is left to predict the "
            "others; make it smaller"
        )
    if rows is not None:
        return _of_rows(criterion, groups[rows.station])
    function = functools.partial(criterion.function, groups=groups)
    return dataclasses.replace(criterion, function=function)


def _of_rows(criterion: Criterion, groups: NDArray[np.int64]) -> Criterion:
    """Leave rows out together, in units of their standard errors."""
    function = functools.partial(
        inversion.leave_group_out, groups=groups, by_sigma=True
    )
    return Criterion(function, f"{criterion.name} by sigma", "1")


def _scan(
    study: config.Study,
    model: Model,
    criterion: Criterion,
    watch: Callable[[float], None],
) -> Choice:
    """Evaluate the criterion at each weight and choose the best."""
    settings, betas = study.inversion, _betas(study)
    tried: list[dict[str, float]] = []

    def report_progress(beta: float, value: Any) -> None:
        tried.append({"beta": beta, **_plain(value)})
        logger.info(
            "beta %.4g: %s %.6g %s",
            beta,
            criterion.name,
            tried[-1]["value"],
            criterion.unit,
        )
        watch(len(tried) / len(betas))

    parts = model.parts
    # With components, their patterns and the mean take the place of the epochs.
    values = model.up if parts is None else patterns_and_mean(parts)
    bind = bind_record if parts is None else inversion.observations
    noise = model.noise
    if model.rows is not None and isinstance(criterion.function, functools.partial):
        every = math.ceil(len(values) / EPOCHS)
        values, noise = values[::every], noise_at(noise, slice(None, None, every))
    data = bind(values, noise, precision=settings.precision)
    values = inversion.scan(
        model.problem,
        data,
        betas,
        criterion=criterion.function,
        watch=report_progress,
    )
    beta = settings.beta if not isinstance(settings.beta, str) else _best(betas, values)
    return Choice(beta, criterion.name, criterion.unit, tried)


def _betas(study: config.Study) -> NDArray[np.float64]:
    settings = study.inversion
    if settings.prior == "none":
        return np.ones(1)  # it has no effect
    if not isinstance(settings.beta, str):
        return np.array([settings.beta])
    return np.geomspace(settings.beta_min, settings.beta_max, settings.beta_count)


def _plain(value: Any) -> dict[str, float]:
    if isinstance(value, inversion.LCurve):
        return {"value": float(value.misfit), "norm": float(value.norm)}
    return {"value": value}


def _best(betas: NDArray[np.float64], values: Any) -> float:
    if isinstance(values, inversion.LCurve):
        norms = (np.asarray(values.misfit), np.asarray(values.norm))
        return inversion.l_curve_corner(betas, *norms)
    return inversion.best(betas, values)
