"""Sweep files: a study, and the settings of it that are varied."""

import dataclasses
import difflib
import hashlib
import itertools
import json
import math
import os
import pathlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np

from jaxload.config.checks import REQUIRED, check_at_least, check_choices, check_given
from jaxload.config.reference import settings as all_settings, settings_of_tables
from jaxload.config.renamed import current_settings
from jaxload.config.study import Study, read_study, to_toml
from jaxload.config.values import build_table, read_toml

__all__ = ["SWEEP_SUMMARY", "Interval", "Sweep", "read_sweep"]

#: Name of the file by which a folder is known to hold the results of a sweep.
SWEEP_SUMMARY = "sweep.json"

#: By what settings can be judged.
Criterion = Literal["leave-one-out", "evidence", "gcv", "held-out", "grace"]

#: Settings that a sweep computes without being asked twice.
MOST_SETTINGS = 10_000

#: Methods whose settings follow from the criteria of others.
LEARNING = ("tpe", "nsga2")

#: Values that an interval may be divided into.
MOST_VALUES = 1_000_000


@dataclasses.dataclass(frozen=True)
class Interval:
    """An interval of numbers, as ``{ low = 0.001, high = 1.0, count = 25 }``.

    Attributes:
      low: Smallest value.
      high: Largest value.
      count: Number of values that a grid or a list takes, ends included.
      scale: "linear" or "log" spacing.
    """

    low: int | float
    high: int | float
    count: int = 5
    scale: Literal["linear", "log"] = "linear"

    def __post_init__(self) -> None:
        check_choices(self)
        if not 2 <= self.count <= MOST_VALUES:
            raise ValueError(
                f"count is {self.count}, expected 2 to {MOST_VALUES:,}; draw values at "
                'random, by method = "random", where they are to be many'
            )
        if not -math.inf < self.low < self.high < math.inf:
            raise ValueError(
                f"low is {self.low:g} and high {self.high:g}, expected finite numbers, "
                "the smaller one first"
            )
        if self.scale == "log" and self.low <= 0:
            raise ValueError(
                f'low is {self.low:g}, but scale = "log" needs positive numbers'
            )

    @property
    def whole(self) -> bool:
        """Whether it is one of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def values(self) -> tuple[float, ...]:
        """The values that a grid or a list takes, ascending."""
        space = np.geomspace if self.scale == "log" else np.linspace
        values = space(self.low, self.high, self.count)
        if self.whole:
            return tuple(dict.fromkeys(round(value) for value in values))
        # The ends as they were written, not as rounding has them.
        inner = [float(f"{value:.12g}") for value in values[1:-1]]
        return (float(self.low), *inner, float(self.high))


@dataclasses.dataclass(frozen=True)
class Plan:
    """The sweep file itself, but for the values of settings.

    Attributes:
      study: The study file, relative to the sweep file's folder.
      method: "grid" evaluates every combination of the values; "list" the first values
        of all settings together, then the second, and so on; "random" and "qmc" draw
        them at random or evenly (Sobol); "tpe" and "nsga2" draw near the best so far,
        the latter for several criteria at once.
      trials: Number of settings that "random", "qmc", "tpe" and "nsga2" draw.
      seed: Of what is random.
      criteria: By what settings are judged: rms of "leave-one-out" residuals [mm],
        log "evidence", "gcv", rms of "held-out" neighbourhoods of stations [mm], rms
        difference to "grace" [mm]. Of several, the first chooses the best settings.
      storage: Optuna storage that several workers share, such as a database's address;
        a journal in the folder of the results if empty.
      members: Number of the best settings that ``--combine`` joins; 0 for all.
    """

    study: str = dataclasses.field(default="", metadata=REQUIRED)
    method: Literal["grid", "list", "random", "qmc", "tpe", "nsga2"] = "grid"
    trials: int = 100
    seed: int = 0
    criteria: tuple[Criterion, ...] = ("leave-one-out",)
    storage: str = ""
    members: int = 0

    def __post_init__(self) -> None:
        check_given("study", self.study)
        check_choices(self)
        check_at_least("trials", self.trials, 1)
        check_at_least("seed", self.seed, 0)
        check_at_least("members", self.members, 0)
        if not self.criteria or len(set(self.criteria)) < len(self.criteria):
            raise ValueError("criteria has to name one criterion or more, each once")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep(Plan):
    """A sweep over settings of a study.

    Attributes:
      settings: Lists of values, or an `Interval`, by the names of settings.
      data: Folder of the study's relative paths; the study's own if empty.
      folder: Folder of the sweep file, to which `study` is relative; not in the file.
    """

    settings: Mapping[str, tuple[Any, ...] | Interval]
    data: str = ""
    folder: str = "."

    @property
    def listed(self) -> bool:
        """Whether all settings are known before the first is evaluated."""
        return self.method not in LEARNING

    @property
    def values(self) -> dict[str, tuple[Any, ...]]:
        """The values of each setting that a grid or a list takes."""
        each = self.settings.items()
        return {k: v.values if isinstance(v, Interval) else v for k, v in each}

    @property
    def count(self) -> int:
        """Number of settings that are evaluated."""
        if self.method == "grid":
            return math.prod(map(len, self.values.values()))
        if self.method == "list":
            return max(map(len, self.values.values()))
        return self.trials

    def combinations(self) -> Iterator[dict[str, Any]]:
        """Go through the settings of a grid or a list.

        Yields:
          Values by name; those of ``[inversion]`` vary fastest, since what comes before
          the inversion is then computed once for many, and beta fastest of all.
        """
        values = self.values
        if self.method == "list":
            count = self.count
            columns = {k: v if len(v) > 1 else v * count for k, v in values.items()}
            yield from (dict(zip(columns, row)) for row in zip(*columns.values()))
            return
        late = lambda name: (name.startswith("inversion."), name == "inversion.beta")
        names = sorted(values, key=late)
        for row in itertools.product(*(values[name] for name in names)):
            chosen = dict(zip(names, row))
            yield {name: chosen[name] for name in values}

    def study_with(self, changes: Mapping[str, Any]) -> Study:
        """Read the study with settings changed.

        Args:
          changes: Values by the names of settings.

        Raises:
          FileNotFoundError: If the study is missing.
          ValueError: If the study does not allow them.
        """
        path = pathlib.Path(self.folder) / pathlib.Path(self.study).expanduser()
        study = read_study(path, self.data or None, changes=changes)
        if study.inversion.noise != "auto":
            return study
        # Criteria compare settings of one kind of noise.
        settings = dataclasses.replace(study.inversion, noise="independent")
        return dataclasses.replace(study, inversion=settings)

    @property
    def digest(self) -> str:
        """What tells this sweep from others: its settings and those of its study."""
        study = to_toml(self.study_with({}))
        # More trials, other members and another storage make no other sweep.
        same = {"folder": "", "data": "", "trials": 1, "members": 0, "storage": ""}
        plan = dataclasses.asdict(dataclasses.replace(self, **same))  # pyright: ignore[reportArgumentType]
        text = json.dumps([study, plan], sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_sweep(path: str | os.PathLike[str], data: str | None = None) -> Sweep:
    """Read a sweep file.

    Args:
      path: A TOML file with the settings of `Sweep`; values stand in its table
        ``[settings]`` by the names that they have in a study file.
      data: Folder of the study's relative paths; the study's own if not given.

    Returns:
      The sweep. Its study has been read once, with the first values.

    Raises:
      FileNotFoundError: If the file or the study is missing.
      ValueError: If it cannot be used; the message says where and why.
    """
    path = pathlib.Path(path)
    content = read_toml(path, "sweep")
    try:
        values = content.pop("settings", {})
        if not isinstance(values, dict) or not values:
            raise ValueError(
                "the table [settings] is missing; name in it what is varied, such as "
                "inversion.beta = [0.01, 0.02, 0.05]"
            )
        plan = build_table(Plan, content)
        kinds = {setting.name: setting.kind for setting in all_settings()}
        values = dict(_flat(values))
        if not kinds.keys() >= values.keys():
            # Tables by names of a user's own are those of the study.
            file = path.parent / pathlib.Path(plan.study).expanduser()
            study = current_settings(read_toml(file, "study"), str(file))
            kinds |= {each.name: each.kind for each in settings_of_tables(study)}
        _check_names(values, list(kinds))
        values = {k: _values(k, v, kinds[k], plan) for k, v in values.items()}
        _check_method(plan, values)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    parts = {f.name: getattr(plan, f.name) for f in dataclasses.fields(plan)}
    sweep = Sweep(**parts, settings=values, data=data or "", folder=str(path.parent))
    sweep.study_with({name: each[0] for name, each in sweep.values.items()})
    return sweep


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The settings of nested tables by their whole names."""
    for name, value in table.items():
        if isinstance(value, dict) and "low" not in value and "high" not in value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _values(name: str, value: Any, kind: str, plan: Plan) -> tuple[Any, ...] | Interval:
    if isinstance(value, dict):
        try:
            return build_table(Interval, _as_numbers(value, kind))
        except ValueError as error:
            raise ValueError(f"settings.{name}: {error}") from None
    values = tuple(value) if isinstance(value, list) else (value,)
    if not values:
        raise ValueError(
            f"settings.{name} is an empty list; give the values to be tried"
        )
    texts = [json.dumps(_alike(each), sort_keys=True, default=str) for each in values]
    if plan.method != "list" and len(set(texts)) < len(texts):
        raise ValueError(f"settings.{name} has a value twice; leave one out")
    return values


def _alike(value: Any) -> Any:
    """Numbers as settings take them: 1 and 1.0 are one value."""
    return float(value) if type(value) is int else value


def _as_numbers(value: dict[str, Any], kind: str) -> dict[str, Any]:
    """Ends of an interval in the type of its setting."""
    if re.search(r"(?<!whole )number", kind):
        ends = {k: value[k] for k in ("low", "high") if type(value.get(k)) is int}
        return value | {name: float(end) for name, end in ends.items()}
    if "whole number" not in kind:
        raise ValueError("it takes no numbers; list its values")
    for name in ("low", "high"):
        if isinstance(value.get(name), float):
            raise ValueError(f"{name} is {value[name]:g}, but it takes whole numbers")
    return value


def _check_names(values: Mapping[str, Any], known: list[str]) -> None:
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"settings.{name} is no setting of a study{hint}")


def _check_method(plan: Plan, values: Mapping[str, Any]) -> None:
    if plan.method == "list":
        each = {k: len(getattr(v, "values", v)) for k, v in values.items()}
        lengths = {count for count in each.values() if count > 1}
        if len(lengths) > 1:
            listed = ", ".join(f"{count} of {name}" for name, count in each.items())
            raise ValueError(
                f'method "list" takes the values of all settings side by side, but '
                f"there are {listed}; give as many of each"
            )
    if plan.method == "nsga2" and len(plan.criteria) < 2:
        raise ValueError(
            'method "nsga2" is for several criteria, and one is named; use "tpe", or '
            "name more"
        )
