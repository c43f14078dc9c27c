"""Heights and satellite gravimetry in one estimate."""

import dataclasses
import functools
import logging
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion, sphere
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.estimation.solution import Estimate
from jaxload.pipeline.estimation.uncertainty import CellErrors, Errors
from jaxload.pipeline.inputs.gravity_means import GravityMeans, read_gravity_means

__all__ = [
    "WithGravimetry",
    "gravity_for",
    "reduced_errors",
    "reduction_by_epoch",
    "tune_gravimetry",
    "with_gravimetry",
]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

#: Innovations whose covariance is inverted as one matrix.
MOST = 12_000


@dataclasses.dataclass(frozen=True, eq=False)
class WithGravimetry:
    """An estimate from heights and gravimetry.

    Attributes:
      estimate: Of all epochs.
      errors: Its standard errors.
      contributions: Of both kinds of data to means over regions, (region,).
      summary: Plain numbers.
    """

    estimate: Estimate
    errors: Errors
    contributions: xr.Dataset
    summary: dict[str, Any]


def gravity_for(
    study: config.Study, gnss: xr.Dataset, grid: sphere.Grid
) -> GravityMeans | None:
    """Read the gravimetry of a study, before the long computations.

    Args:
      study: Its `inversion.grace` names it.
      gnss: The heights.
      grid: The cells.

    Returns:
      The `GravityMeans`; None where none is named.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it cannot be used.
    """
    gravity = read_gravity_means(study, gnss, grid)
    if gravity is None:
        return None
    if jax.process_count() > 1:
        raise ValueError(
            "inversion.grace is computed by one process; run without --processes, or "
            "leave inversion.grace out"
        )
    months, count = len(gravity.means.years), len(gravity.lon)
    if months * count > MOST:
        raise ValueError(
            f"inversion.grace makes {count} footprints in {months} months, more than "
            f"{MOST} means that are inverted together; widen "
            "inversion.grace.footprint_deg"
        )
    return gravity


def with_gravimetry(
    study: config.Study,
    model: Model,
    gravity: GravityMeans,
    estimated: tuple[Estimate, Errors],
    regions: tuple[tuple[str, ...], Floats],
) -> WithGravimetry:
    """Bring gravimetry into an estimate from heights.

    Args:
      study: Its `inversion.grace` has the settings.
      model: Problem and heights.
      gravity: From `gravity_for`.
      estimated: The estimate from heights, with its factor, and its standard errors.
      regions: Names, and weights of cells, shape (region, cell).

    Returns:
      The `WithGravimetry`.
    """
    estimate, errors = estimated
    settings = config.gravimetry_table(study.inversion.grace)
    assert settings is not None
    by_heights = dataclasses.replace(estimate.solution, factor=_local(model, estimate))
    compared = inversion.innovations(by_heights, model.prior, gravity.means)
    tuned = tune_gravimetry(settings, compared)
    joint = inversion.assimilate(compared, tuned.model)
    names, weights = regions
    target = inversion.averages(model.problem, model.prior, weights)
    reduction = reduction_by_epoch(joint, target, weights)
    contributions = _contributions(joint, target, reduction, names)
    summary = _summary(gravity, joint, tuned) | {
        "region_share_of_heights": dict(
            zip(names, contributions.share_of_heights.values.tolist())
        ),
        "region_share_of_grace": dict(
            zip(names, contributions.share_of_grace.values.tolist())
        ),
    }
    solution = dataclasses.replace(joint.solution, factor=estimate.solution.factor)
    return WithGravimetry(
        dataclasses.replace(estimate, solution=solution),
        reduced_errors(model, errors, joint, reduction),
        contributions,
        summary,
    )


def _local(model: Model, estimate: Estimate) -> inversion.Factor:
    """The factor on one device."""
    factor = estimate.solution.factor
    if factor.data.sharding is None:
        return factor
    data = inversion.observations(model.up, estimate.noise)
    return inversion.factorise(model.problem, data, factor.beta)


def tune_gravimetry(
    settings: config.Gravimetry, compared: inversion.Innovations
) -> inversion.TunedPeriods:
    """Estimate how load and noise persist, and how good gravimetry is.

    Args:
      settings: What is estimated, and what the study states.
      compared: Gravimetry less what heights make of it.

    Returns:
      The `TunedPeriods`; a search that ran to a bound is warned of.
    """
    tuned = inversion.tune_periods(
        compared,
        persistent=settings.persistence == "estimate",
        start=_start(settings),
        fixed_error=not isinstance(settings.sigma_mm, str),
    )
    _warn_of_bounds(tuned)
    return tuned


def _start(settings: config.Gravimetry) -> inversion.PeriodModel:
    beyond = 0.0 if settings.beyond == "none" else 30.0
    if settings.persistence == "none":
        return inversion.PeriodModel(beyond=beyond)
    return inversion.PeriodModel(0.3, 0.3, 0.5, 0.1, 1.0, beyond, 1.0, 1.0)


def _warn_of_bounds(tuned: inversion.TunedPeriods) -> None:
    if not tuned.converged:
        logger.warning(
            "the weight of gravimetry could not be estimated to its last digit"
        )
    # A share that vanishes is an estimate as good as any.
    ends = [e for e in tuned.at_bounds if e.startswith(("error_factor", "decay"))]
    if any(end.startswith("error_factor") for end in ends):
        factor = tuned.model.error_factor
        logger.warning(
            "the standard error of gravimetry ran to %.3g times its initial size, a "
            "bound of the search: heights and product hardly agree, or one of them "
            "hardly counts; give inversion.grace.sigma_mm",
            factor,
        )


def reduction_by_epoch(
    joint: inversion.Assimilation, target: inversion.Functionals, weights: Floats
) -> Floats:
    """Compute by how much observed means reduce the variances of regions.

    Args:
      joint: Heights and means.
      target: The regions.
      weights: Of cells in them, shape (region, cell).

    Returns:
      The reduction [mm2], shape (epoch, region).
    """
    result = np.zeros((len(joint.solution.ok), len(weights)))
    for epochs, part in inversion.assimilated_reduction(joint, target, weights):
        result[epochs] = part
    return result


def _contributions(
    joint: inversion.Assimilation,
    target: inversion.Functionals,
    reduction: Floats,
    names: tuple[str, ...],
) -> xr.Dataset:
    """By which shares of the prior's variance each kind of data reduces it."""
    prior = np.asarray(target.variance) / joint.innovations.beta**2
    factor = joint.innovations.solution.factor
    spread = np.asarray(inversion.posterior_sd(factor, target).sd)
    ok = np.asarray(joint.solution.ok)
    common = _common_variance(joint, target)
    by_heights = np.median(1 - (spread**2 + common)[ok] / prior, axis=0)
    by_grace = np.median((reduction + common)[ok] / prior, axis=0)
    meaning = "by which share of its prior variance {} reduce a day's mean, median"
    labels = lambda what: {"units": "1", "long_name": meaning.format(what)}
    return xr.Dataset(
        {
            "share_of_heights": ("region", by_heights, labels("heights")),
            "share_of_grace": ("region", by_grace, labels("months of gravimetry")),
        },
        coords={"region": list(names)},
    )


def _common_variance(
    joint: inversion.Assimilation, target: inversion.Functionals
) -> Floats:
    """Variance of means from heights by what all stations share, (epoch, region)."""
    model, factor = joint.model, joint.innovations.solution.factor
    seen = np.isfinite(np.asarray(factor.data.values))
    alike = dataclasses.replace(
        factor.data, values=jax.numpy.where(seen, 1.0, jax.numpy.nan)
    )
    unit = inversion.factorise(factor.problem, alike, factor.beta)
    shifts = np.asarray(inversion.posterior_mean(unit, target))
    return (model.common**2 + model.common_seasonal**2) * shifts**2


def reduced_errors(
    model: Model, errors: Errors, joint: inversion.Assimilation, reduction: Floats
) -> Errors:
    """Take off standard errors what observed means take from their variance.

    Args:
      model: Problem and heights.
      errors: By heights alone.
      joint: Heights and means.
      reduction: From `reduction_by_epoch`.

    Returns:
      The errors.
    """
    regions = errors.regions
    if regions is not None:
        regions = np.sqrt(np.maximum(regions**2 - reduction, 0))
    cells = errors.cells
    if cells is not None:
        cells = functools.partial(_cells, model, cells, joint)
    return dataclasses.replace(errors, regions=regions, cells=cells)


def _cells(model: Model, before: Any, joint: inversion.Assimilation) -> Iterator:
    target = inversion.every_cell(model.problem, model.prior)
    parts = inversion.assimilated_reduction(joint, target, by_period=True)
    taken = {int(e): part for epochs, part in parts for e in epochs}
    for some in before():
        epochs = range(some.epochs.start, some.epochs.start + len(some.sd))
        less = np.stack([taken[epoch] for epoch in epochs])
        sd = np.sqrt(np.maximum(some.sd.astype(float) ** 2 - less, 0))
        yield CellErrors(some.epochs, sd.astype(np.float32), some.relative_error)


def _summary(
    gravity: GravityMeans, joint: inversion.Assimilation, tuned: inversion.TunedPeriods
) -> dict[str, Any]:
    means, model = gravity.means, joint.model
    sigma = model.error_factor * float(np.sqrt(np.diag(means.covariance).mean()))
    return {
        "footprints": len(gravity.lon),
        "months": len(joint.innovations.used),
        "sigma_mm": sigma,
        "seasonal_share": model.seasonal,
        "slow_share": model.slow,
        "decay_years": model.decay_years,
        "noise_share": model.noise,
        "beyond_mm": model.beyond,
        "common_mm": model.common,
        "common_seasonal_mm": model.common_seasonal,
        "log_evidence": tuned.log_evidence,
        "at_bounds": list(tuned.at_bounds),
        "left_out": _left_out_scores(gravity, joint),
    }


def _left_out_scores(
    gravity: GravityMeans, joint: inversion.Assimilation
) -> dict[str, Any]:
    """How well months that were left out are predicted [mm]."""
    left = np.asarray(np.isfinite(gravity.left_out).all(axis=1))
    compared = joint.innovations
    count = len(gravity.means.years)
    solved = np.bincount(gravity.means.period, compared.weights, count) > 0
    predicted_months = np.flatnonzero(np.logical_and(left, solved))
    if not len(predicted_months):
        return {}
    observed = np.where(left[:, None], gravity.left_out, gravity.means.values)
    signal = _rms(observed[predicted_months])
    scores = {"months": len(predicted_months), "signal_rms_mm": signal}
    for name, predicted in (
        ("heights", compared.estimated),
        ("joint", joint.predicted),
    ):
        missed = observed - predicted
        drift = np.linalg.lstsq(
            gravity.means.drift[compared.used], missed[compared.used], rcond=None
        )[0]
        scores[f"{name}_rms_mm"] = _rms(
            (missed - gravity.means.drift @ drift)[predicted_months]
        )
    return scores


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))
