"""Criteria of settings, computed together where settings differ in little."""

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from jaxload import config, inversion
from jaxload.inversion.hyperparameters.beta_scan import Criterion
from jaxload.inversion.hyperparameters.criteria import root_mean_square
from jaxload.inversion.uncertainty.posterior import posterior_mean
from jaxload.pipeline.chunks import means_over
from jaxload.pipeline.estimation.hyperparameters import choose, named_criterion
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.estimation.solution import estimate
from jaxload.pipeline.evaluate.regions import reference_month_means, score_series
from jaxload.pipeline.prepared_study import Prepared
from jaxload.pipeline.stages import invert_prepared
from jaxload.sweep.shared import Shared

__all__ = ["Outcome", "evaluate_alike", "group_of"]

#: Criteria that are known of every way to invert; of the linear ones, all are.
OF_ANY = ("leave-one-out", "grace")

#: Criteria of a study whose empty cells are filled.
OF_FILLED = ("leave-one-out", "held-out", "grace")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Criteria of a setting.

    Attributes:
      values: By the names of the criteria.
      beta: Weight of the prior, chosen or given.
      seconds: That this setting took beyond what it shares.
    """

    values: dict[str, float]
    beta: float
    seconds: float


#: Called with the number of a study and its outcome, as soon as it is known.
Report = Callable[[int, Outcome], None]


def group_of(study: config.Study) -> str:
    """Group settings that are evaluated together: those that differ in beta only.

    Args:
      study: With the settings.

    Returns:
      Text that is the same for these.
    """
    settings = study.inversion
    if _needs_own_run(study) or isinstance(settings.beta, str):
        return f"{study.folder}\n{config.to_toml(study)}"
    alike = dataclasses.replace(settings, beta=1.0)
    return f"{study.folder}\n" + config.to_toml(
        dataclasses.replace(study, inversion=alike)
    )


def evaluate_alike(
    studies: Sequence[config.Study],
    criteria: Sequence[str],
    shared: Shared,
    report: Report,
) -> None:
    """Compute the criteria of studies of one group.

    Args:
      studies: Of one `group_of`.
      criteria: Names of the criteria.
      shared: What they have in common with others.
      report: Called with each outcome.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If an input cannot be used, a setting not be evaluated, or a criterion
        is not known of it.
    """
    with jax.enable_x64(True):
        study = studies[0]
        _check_criteria(study, criteria)
        prepared = shared.prepared(study)
        if "grace" in criteria and "grace" not in prepared.area.references:
            raise ValueError(
                'criteria holds "grace", but the study names no evaluation.grace; name '
                "it, or leave the criterion out"
            )
        if study.gapfill is not None or _is_whole(study):
            for number, each in enumerate(studies):
                report(number, _whole_run(each, prepared, criteria, shared))
        elif _needs_own_run(study):
            for number, each in enumerate(studies):
                report(number, _own_estimate(each, prepared, criteria, shared))
        else:
            _scan(studies, prepared, criteria, shared, report)


def _needs_own_run(study: config.Study) -> bool:
    """Whether the estimate is no linear function of heights with one noise for all."""
    settings = study.inversion
    return (
        study.gapfill is not None
        or _is_whole(study)
        or settings.robust != "none"
        or settings.correlation_time_days > 0
        or settings.unknowns == "components"
        or settings.station_weights
    )


def _is_whole(study: config.Study) -> bool:
    """Whether a criterion is known only of a run as a whole."""
    settings = study.inversion
    whole = config.allows_network_noise(study) or settings.grace
    return bool(whole or settings.thermoelastic)


def _check_criteria(study: config.Study, criteria: Sequence[str]) -> None:
    known, what = None, ""
    if study.gapfill is not None:
        known, what = OF_FILLED, f'gapfill.method "{study.gapfill.method}"'
    elif _is_whole(study):
        known = OF_ANY
        what = "noise of a network, inversion.grace and inversion.thermoelastic"
    elif _needs_own_run(study) and not study.inversion.station_weights:
        known, what = OF_ANY, "robust losses, correlation in time and components"
    for name in criteria:
        if known is not None and name not in known:
            listed = " or ".join(f'"{each}"' for each in known)
            raise ValueError(
                f'criterion "{name}" is not known with {what}; take {listed}'
            )


def _scan(
    studies: Sequence[config.Study],
    prepared: Prepared,
    criteria: Sequence[str],
    shared: Shared,
    report: Report,
) -> None:
    """All weights of one prior and noise in one scan."""
    study = studies[0]
    model = shared.model(study, prepared)
    betas: list[float] = [
        each.inversion.beta
        for each in studies
        if not isinstance(each.inversion.beta, str)
    ]
    if not betas:
        betas = [_chosen(study, model, prepared)[1]]
    order, times = np.argsort(betas), [time.perf_counter()]

    def note(beta: float, values: tuple[float, ...]) -> None:
        number = int(order[len(times) - 1])
        times.append(time.perf_counter())
        outcome = Outcome(dict(zip(criteria, values)), beta, times[-1] - times[-2])
        report(number, outcome)

    inversion.scan(
        model.problem,
        inversion.observations(model.up, model.noise),
        [betas[number] for number in order],
        criterion=_functions(study, model, prepared, criteria),
        watch=note,
    )


def _chosen(
    study: config.Study, model: Model, prepared: Prepared
) -> tuple[Model, float]:
    known: dict[str, Any] = {"common_mode_mm": 0.0}
    if study.gnss.horizontals:
        known |= dict.fromkeys(config.FRAME_SETTINGS, 0.0)
    settled = dataclasses.replace(study.inversion, **known)
    settled = dataclasses.replace(study, inversion=settled)
    model, choice = choose(settled, model, prepared.gnss, lambda _: None)
    return model, choice.beta


def _functions(
    study: config.Study, model: Model, prepared: Prepared, criteria: Sequence[str]
) -> tuple[Criterion, ...]:
    """The criteria as functions of a factor."""
    functions: dict[str, Criterion] = {
        "leave-one-out": _leave_one_out(study, model, prepared),
        "evidence": inversion.log_evidence,
        "gcv": inversion.gcv,
    }
    if "held-out" in criteria:
        settings = dataclasses.replace(study.inversion, criterion="leave-group-out")
        groups = dataclasses.replace(study, inversion=settings)
        held_out = named_criterion(groups, prepared.gnss, model.rows)
        functions["held-out"] = _of_heights(held_out.function, model)
    if "grace" in criteria:
        weights = prepared.area.basins.weights
        regions = inversion.averages(model.problem, model.prior, weights)
        functions["grace"] = lambda factor: _misfit_to_grace(
            study, prepared, np.asarray(posterior_mean(factor, regions))
        )
    return tuple(functions[name] for name in criteria)


def _leave_one_out(study: config.Study, model: Model, prepared: Prepared) -> Criterion:
    settings = dataclasses.replace(study.inversion, criterion="leave-one-out")
    study = dataclasses.replace(study, inversion=settings)
    return _of_heights(
        named_criterion(study, prepared.gnss, model.rows).function, model
    )


def _of_heights(criterion: Criterion, model: Model) -> Criterion:
    """The rms of heights alone [mm], which settings of any components have."""
    if model.rows is None or not isinstance(criterion, functools.partial):
        return criterion
    groups, heights = criterion.keywords["groups"], model.rows.component == "up"

    def rms(factor: inversion.Factor) -> Any:
        residual = inversion.leave_group_out_residual(factor, groups)
        return root_mean_square(residual[:, heights])

    return rms


def _misfit_to_grace(
    study: config.Study, prepared: Prepared, means: np.ndarray
) -> float:
    """Rms difference between monthly means over the regions and GRACE [mm]."""
    reference = prepared.area.references["grace"]
    ours = reference_month_means(means, prepared.gnss.time.values, reference)
    pair = ours, reference.water.values
    months, names = reference.month.values, reference.region.values
    scores = score_series(study, pair, months, names)
    return _rms_over_regions(scores)


def _rms_over_regions(scores: dict[str, dict[str, Any]]) -> float:
    rms = [score["rmse_mm"] for score in scores.values() if score["months"] > 1]
    return float(np.sqrt(np.mean(np.square(rms)))) if rms else np.nan


def _own_estimate(
    study: config.Study, prepared: Prepared, criteria: Sequence[str], shared: Shared
) -> Outcome:
    """A setting whose estimate has weights or correlations of its own."""
    model = shared.model(study, prepared)
    start, time_of = time.perf_counter(), prepared.gnss.time.values
    model, beta = _chosen(study, model, prepared)
    if study.inversion.station_weights and not _is_robust(study):
        data = inversion.observations(model.up, model.noise)
        factor = inversion.factorise(model.problem, data, beta)
        functions = _functions(study, model, prepared, criteria)
        values = [float(function(factor)) for function in functions]
        outcome = dict(zip(criteria, values))
        return Outcome(outcome, beta, time.perf_counter() - start)
    estimated, values = estimate(study, model, time_of, beta), {}
    if "leave-one-out" in criteria:
        if estimated.left_out is None:
            raise ValueError(
                'criterion "leave-one-out" is not known with correlation in time or '
                'components; take "grace"'
            )
        values["leave-one-out"] = _rms(estimated.left_out)
    if "grace" in criteria:
        means = means_over(prepared.area.basins.weights, estimated.solution)
        values["grace"] = _misfit_to_grace(study, prepared, means)
    return Outcome(values, beta, time.perf_counter() - start)


def _is_robust(study: config.Study) -> bool:
    settings = study.inversion
    return settings.robust != "none" or settings.correlation_time_days > 0


def _whole_run(
    study: config.Study, prepared: Prepared, criteria: Sequence[str], shared: Shared
) -> Outcome:
    """A study whose empty cells are filled, inverted without standard errors."""
    start = time.perf_counter()
    settings = dataclasses.replace(study.inversion, errors="none")
    no_maps = config.Output(store=("regions",))
    quick = dataclasses.replace(study, inversion=settings, output=no_maps)
    prepared = dataclasses.replace(prepared, products={})
    result = invert_prepared(quick, prepared, None, shared.clock)
    summary, values = result.summary, {}
    values["leave-one-out"] = summary["leave_one_out_rms_mm"]
    if "held-out" in criteria:
        if "filling" not in summary:
            raise ValueError(
                'criterion "held-out" needs stations that were predicted, but '
                f'gapfill.method "{study.gapfill.method}" predicts none; take '  # pyright: ignore[reportOptionalMemberAccess]
                '"leave-one-out" or "grace"'
            )
        stations = summary["filling"]["stations"].values()
        values["held-out"] = _rms([each["rmse_mm"] for each in stations])
    if "grace" in criteria:
        values["grace"] = _rms_over_regions(summary["evaluation"])
    values = {name: float(values[name]) for name in criteria}
    return Outcome(values, summary["beta"], time.perf_counter() - start)


def _rms(values: Any) -> float:
    return float(np.sqrt(np.nanmean(np.square(np.asarray(values, float)))))
