"""What a sweep found: one table, the Pareto set, figures and the best study."""

import csv
import dataclasses
import importlib.util
import io as text_io
import json
import logging
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io
from jaxload.sweep.draws import require_optuna
from jaxload.sweep.storage import MAXIMISED, Evaluated, stored_trials

__all__ = [
    "SweepResult",
    "as_dataset",
    "best_study",
    "describe_sweep",
    "importance",
    "not_beaten",
    "read_results",
    "write_results",
]

logger = logging.getLogger(__name__)

#: Names of criteria and their units.
UNITS = {
    "leave-one-out": "mm",
    "held-out": "mm",
    "grace": "mm",
    "evidence": "1",
    "gcv": "1",
}

#: Settings from which the importance of each is estimated.
FEWEST = 8


@dataclasses.dataclass(frozen=True, eq=False)
class SweepResult:
    """Settings and their criteria.

    Attributes:
      sweep: The sweep.
      evaluated: Evaluated settings, and those that could not be evaluated.
      left: Number of settings that workers are evaluating, or are to evaluate.
    """

    sweep: config.Sweep
    evaluated: list[Evaluated]
    left: int = 0

    @property
    def complete(self) -> list[Evaluated]:
        """Those with criteria."""
        return [each for each in self.evaluated if each.values is not None]

    @property
    def losses(self) -> NDArray[np.float64]:
        """Criteria of `complete`, smaller is better, shape (setting, criterion)."""
        signs = [-1.0 if name in MAXIMISED else 1.0 for name in self.sweep.criteria]
        rows = [each.values for each in self.complete]
        return np.array(rows, float).reshape(len(rows), len(signs)) * signs

    @property
    def best(self) -> Evaluated:
        """The setting that is best by the first criterion."""
        return self.ranked()[0]

    def ranked(self, criterion: int = 0) -> list[Evaluated]:
        """Order what has criteria, best first.

        Args:
          criterion: Number of the criterion that counts.
        """
        order = np.argsort(self.losses[:, criterion], kind="stable")
        return [self.complete[number] for number in order]

    @property
    def pareto(self) -> NDArray[np.bool_]:
        """Which of `complete` no other beats by all criteria, shape (setting,)."""
        return not_beaten(self.losses)


def not_beaten(losses: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Find what nothing else beats by one loss without being worse by another.

    Args:
      losses: Smaller is better, shape (setting, criterion).

    Returns:
      Boolean, shape (setting,).
    """
    beaten = [
        ((losses <= row).all(axis=1) & (losses < row).any(axis=1)).any()
        for row in losses
    ]
    return ~np.array(beaten, bool)


def read_results(sweep: config.Sweep, folder: pathlib.Path) -> SweepResult:
    """Read what workers have evaluated so far.

    Args:
      sweep: The sweep.
      folder: Of the results.

    Returns:
      The `SweepResult`.
    """
    return SweepResult(sweep, *stored_trials(sweep, folder))


def write_results(sweep: config.Sweep, folder: pathlib.Path) -> SweepResult:
    """Write table, best study and figures of what was evaluated so far.

    Args:
      sweep: The sweep.
      folder: Where they go.

    Returns:
      What was evaluated.

    Raises:
      ValueError: If nothing could be evaluated, or a file not be written.
    """
    result = read_results(sweep, folder)
    io.write_text(folder / "trials.csv", _as_csv(result))
    if not result.complete and not result.left:
        first = next((each.error for each in result.evaluated), "there is none")
        raise ValueError(
            f"none of {len(result.evaluated)} settings could be evaluated: {first}"
        )
    if not result.complete:
        # Those that other workers evaluate come first.
        io.write_json(_summary(result, []), folder / config.SWEEP_SUMMARY)
        return result
    io.write_dataset(as_dataset(result), folder / "trials.nc")
    names = {"best.toml": result.best}
    for number, name in enumerate(sweep.criteria[1:], 1):
        names[f"best_{name}.toml"] = result.ranked(number)[0]
    for name, setting in names.items():
        io.write_text(folder / name, best_study(sweep, setting))
    shares = [importance(result, number) for number in range(len(sweep.criteria))]
    io.write_json(_summary(result, shares), folder / config.SWEEP_SUMMARY)
    _draw(result, shares, folder)
    return result


def describe_sweep(folder: str | os.PathLike[str]) -> list[str]:
    """Describe the results of a sweep in words.

    Args:
      folder: Where `run_sweep` wrote.

    Returns:
      Lines of text.

    Raises:
      FileNotFoundError: If there is no result.
      ValueError: If a file is broken.
    """
    folder = pathlib.Path(folder)
    summary = io.read_json(folder / config.SWEEP_SUMMARY)
    done, wrong = summary["evaluated"], summary["not_evaluated"]
    left = summary["left"]
    lines = [f"{done} of {done + wrong + left} settings were evaluated"]
    if wrong:
        lines[0] += f", {wrong} could not be (trials.csv says why)"
    if left:
        lines[0] += f", {left} are with other workers"
    for name, best in summary["best"].items():
        unit = "" if UNITS[name] == "1" else f" {UNITS[name]}"
        settings = ", ".join(
            f"{k} = {_as_text(v)}" for k, v in best["settings"].items()
        )
        lines.append(f"best by {name} ({best['value']:.6g}{unit}): {settings}")
    shares = next(iter(summary["importance"].values()), {})
    if shares:
        listed = ", ".join(f"{key} {100 * share:.0f}%" for key, share in shares.items())
        lines.append(f"of its variance over the settings: {listed}")
    if summary["best"]:
        lines.append(f"jaxload run {folder / 'best.toml'} --out OUT runs the best")
    return lines


def best_study(sweep: config.Sweep, setting: Evaluated) -> str:
    """Write a study with the settings that were found, ready to run.

    Args:
      sweep: The sweep.
      setting: One of its settings.

    Returns:
      The text of the study file. Its relative paths are those of the sweep's study.
    """
    study = sweep.study_with(setting.settings)
    if np.isfinite(setting.beta) and study.gapfill is None:
        settled = dataclasses.replace(study.inversion, beta=float(setting.beta))
        study = dataclasses.replace(study, inversion=settled)
    folder = pathlib.Path(study.folder).resolve()
    values = zip(sweep.criteria, setting.values or ())
    criteria = ", ".join(f"{name} {value:.6g}" for name, value in values)
    return (
        f"# Setting {setting.number} of a sweep over {len(sweep.settings)} keys: "
        f"{criteria}.\n# jaxload run THIS --out OUT\n"
        f"folder = {json.dumps(str(folder), ensure_ascii=False)}\n"
        + config.to_toml(study)
    )


def as_dataset(result: SweepResult) -> xr.Dataset:
    """Label settings and criteria.

    Args:
      result: What was evaluated.

    Returns:
      A dataset of dimension (setting,): each key by its name with dots as underscores,
      each criterion, `beta`, `seconds`, `pareto` and `error`.
    """
    rows, names = result.evaluated, result.sweep.criteria
    pareto = dict(zip((each.number for each in result.complete), result.pareto))
    columns: dict[str, Any] = {}
    for key in result.sweep.settings:
        values = [each.settings[key] for each in rows]
        plain = all(type(value) in (int, float, bool) for value in values)
        column = np.array(values if plain else list(map(_as_text, values)))
        columns[key.replace(".", "_")] = "setting", column, {"setting_name": key}
    for number, name in enumerate(names):
        values = [np.nan if e.values is None else e.values[number] for e in rows]
        best = "largest" if name in MAXIMISED else "smallest"
        labels = {"units": UNITS[name], "long_name": f"{name}, best where {best}"}
        columns[name.replace("-", "_")] = "setting", np.array(values), labels
    columns["beta"] = "setting", np.array([e.beta for e in rows]), {"units": "1/mm"}
    columns["seconds"] = (
        "setting",
        np.array([e.seconds for e in rows]),
        {"units": "s"},
    )
    flags = np.array([pareto.get(e.number, False) for e in rows], np.int8)
    meaning = {"long_name": "1 where no other setting is better by all criteria"}
    columns["pareto"] = "setting", flags, meaning
    columns["error"] = "setting", np.array([e.error for e in rows], object), {}
    numbers = np.array([each.number for each in rows])
    return xr.Dataset(columns, coords={"setting": numbers})


def _as_csv(result: SweepResult) -> str:
    buffer = text_io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    keys, criteria = list(result.sweep.settings), result.sweep.criteria
    last = "beta", "seconds", "pareto", "error"
    writer.writerow(["setting", *keys, *criteria, *last])
    pareto = dict(zip((each.number for each in result.complete), result.pareto))
    for each in result.evaluated:
        values = each.values or [""] * len(criteria)
        chosen = [_as_text(each.settings[key]) for key in keys]
        rest = each.beta, each.seconds, int(pareto.get(each.number, False)), each.error
        writer.writerow([each.number, *chosen, *values, *rest])
    return buffer.getvalue()


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _summary(result: SweepResult, shares: list[dict[str, float]]) -> dict[str, Any]:
    criteria = result.sweep.criteria
    numbers = range(len(criteria)) if result.complete else ()
    best = [result.ranked(number)[0] for number in numbers]
    return {
        "settings": result.sweep.count,
        "evaluated": len(result.complete),
        "not_evaluated": len(result.evaluated) - len(result.complete),
        "left": result.left,
        "best": {
            name: {
                "setting": each.number,
                "value": (each.values or ())[number],
                "settings": each.settings,
                "beta": each.beta,
            }
            for number, (name, each) in enumerate(zip(criteria, best))
        },
        "importance": dict(zip(criteria, shares)),
    }


def importance(result: SweepResult, criterion: int) -> dict[str, float]:
    """Estimate the share of each key in the variance of a criterion.

    Args:
      result: What was evaluated.
      criterion: Number of the criterion.

    Returns:
      Shares by key, the largest first, together one; empty where there are too few
      settings or scikit-learn is missing.

    Source:
      Hutter, Hoos & Leyton-Brown (2014), An efficient approach for assessing
      hyperparameter importance (fANOVA), by Optuna.
    """
    varied = _varied(result)
    few = len(result.complete) < FEWEST or not varied
    if few or importlib.util.find_spec("sklearn") is None:
        return {}
    optuna = require_optuna()
    space = {key: _distribution(values) for key, values in varied.items()}
    study = optuna.create_study()
    losses = result.losses[:, criterion]
    if not np.ptp(losses) > 0:
        return {}
    for row, loss in enumerate(losses):
        parameters = {key: values[row] for key, values in varied.items()}
        study.add_trial(
            optuna.create_trial(params=parameters, distributions=space, value=loss)
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in shares.items()}


def _varied(result: SweepResult) -> dict[str, list[Any]]:
    """Values of the keys that differ, numbers as numbers and all else as text."""
    columns = {}
    for key in result.sweep.settings:
        values = [each.settings[key] for each in result.complete]
        numbers = all(type(value) in (int, float) for value in values)
        column = (
            [float(v) for v in values] if numbers else [_as_text(v) for v in values]
        )
        if len(set(column)) > 1:
            columns[key] = column
    return columns


def _distribution(values: Sequence[Any]) -> Any:
    from optuna import distributions

    if isinstance(values[0], str):
        return distributions.CategoricalDistribution(sorted(set(values)))
    low, high = min(values), max(values)
    return distributions.FloatDistribution(low, high, log=low > 0 and high > 20 * low)


def _draw(
    result: SweepResult, shares: list[dict[str, float]], folder: pathlib.Path
) -> None:
    """Draw criteria over keys, all settings side by side, and what matters."""
    if importlib.util.find_spec("matplotlib") is None:
        logger.warning("no figures were drawn; install jaxload[plot]")
        return
    from jaxload import plot

    varied = _varied(result)
    if not varied:
        return
    names, units = result.sweep.criteria, UNITS
    labels = [f"{n} [{units[n]}]" if units[n] != "1" else n for n in names]
    values = np.array([each.values for each in result.complete], float)
    largest = [name in MAXIMISED for name in names]
    for number, label in enumerate(labels):
        of_key = shares[number]
        keys = sorted(varied, key=lambda key: of_key.get(key, 0.0), reverse=True)[:2]
        # Words make lines; numbers, and more of them, an axis.
        fine = lambda key: (isinstance(varied[key][0], str), -len(set(varied[key])))
        axes = {key: varied[key] for key in sorted(keys, key=fine)}
        figure = plot.criterion_over_keys(
            axes, values[:, number], label, largest[number]
        )
        io.write_figure(figure, folder / f"criterion_{names[number]}.png")
    columns = varied | dict(zip(labels, values.T))
    figure = plot.parallel_coordinates(columns, values[:, 0], labels[0], largest[0])
    io.write_figure(figure, folder / "parallel_coordinates.png")
    if all(shares):
        io.write_figure(
            plot.importances(dict(zip(labels, shares))), folder / "importance.png"
        )
    if len(names) > 1:
        first = not_beaten(result.losses[:, :2])
        figure = plot.pareto_front(values[:, :2], labels[:2], first)
        io.write_figure(figure, folder / "pareto.png")
