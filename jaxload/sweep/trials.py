"""Settings of a sweep as trials of Optuna, which any number of workers share."""

import contextlib
import dataclasses
import datetime
import itertools
import json
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxload import config
from jaxload.sweep.draws import (
    as_text,
    distributions_of,
    draw_settings,
    require_optuna,
    settings_from,
)
from jaxload.sweep.presence import is_running
from jaxload.sweep.storage import (
    BETA,
    ERROR,
    PLANNED,
    SECONDS,
    SETTINGS,
    WORKER,
    Evaluated,
    counts,
    evaluated_trials,
    open_study,
    settings_of,
    state_of,
    states_of,
    take_turn,
)

if TYPE_CHECKING:
    import optuna

__all__ = ["Claim", "Trials", "open_trials"]

#: Settings that a worker takes at a time, where they have much in common.
MOST_AT_A_TIME = 64

#: Seconds after which a trial of a shared storage is taken for lost that has no worker.
UNSIGNED = 60.0


@dataclasses.dataclass(frozen=True, eq=False)
class Claim:
    """A setting that this worker evaluates.

    Attributes:
      trial: Of Optuna.
      settings: Values by the names of settings.
    """

    trial: "optuna.Trial"
    settings: dict[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Trials:
    """The trials of a sweep, for one worker.

    Attributes:
      sweep: The sweep.
      study: Of Optuna.
      folder: Of the results; workers that share it take turns.
      worker: Name of this worker.
    """

    sweep: config.Sweep
    study: "optuna.Study"
    folder: pathlib.Path
    worker: str

    def plan(self, part: tuple[int, int] = (1, 1)) -> None:
        """Record all settings of a sweep that knows them beforehand, once.

        Args:
          part: Number of this share, from 1, and of all shares.
        """
        if not self.sweep.listed:
            return
        number, count = part
        with take_turn(self.folder):
            if self.study.user_attrs.get(PLANNED) == self.sweep.count:
                return
            there = set(map(settings_of, self.study.get_trials(deepcopy=False)))
            mine = itertools.islice(draw_settings(self.sweep), number - 1, None, count)
            for text in map(as_text, mine):
                if text not in there:
                    self._enqueue(text)
            self.study.set_user_attr(PLANNED, self.sweep.count)

    def claim(self, alike: Callable[[Mapping[str, Any]], Any]) -> list[Claim]:
        """Take settings that no worker has taken.

        Args:
          alike: From settings to what those have in common that are best evaluated
            together.

        Returns:
          Settings that are alike; none where nothing is left.
        """
        with take_turn(self.folder):
            if not self.sweep.listed:
                return self._draw()
            while True:
                waiting = self.study.get_trials(False, states_of("WAITING"))
                several = (alike(json.loads(settings_of(trial))) for trial in waiting)
                claims = self._take(_count_alike(several))
                if claims or not waiting:
                    return claims

    def tell(
        self, claim: Claim, values: Mapping[str, float], beta: float, seconds: float
    ) -> None:
        """Record the criteria of a setting.

        Args:
          claim: The setting.
          values: By the names of the criteria.
          beta: Weight of the prior.
          seconds: That the evaluation took.
        """
        wanted = [float(values[name]) for name in self.sweep.criteria]
        if not np.isfinite(wanted).all():
            self.refuse(claim, "a criterion is not a number")
            return
        self._finish(claim.trial, {BETA: beta, SECONDS: seconds}, values=wanted)

    def refuse(self, claim: Claim, reason: str) -> None:
        """Record that a setting cannot be evaluated.

        Args:
          claim: The setting.
          reason: Why.
        """
        self._finish(claim.trial, {ERROR: reason}, state=state_of("FAIL"))

    def give_back(self, claims: Sequence[Claim]) -> None:
        """Leave settings to other workers.

        Args:
          claims: Settings that this worker took and did not evaluate.
        """
        for claim in claims:
            self._release(claim.trial.number, as_text(claim.settings))

    def restore(self, failed: bool = False) -> int:
        """Let settings be taken again whose worker ended without a result.

        For the start of a worker, before it leaves signs of life.

        Args:
          failed: Whether this holds for listed settings that could not be evaluated
            too.

        Returns:
          Their number.
        """
        with take_turn(self.folder):
            trials = self.study.get_trials(deepcopy=False)
            running = [each for each in trials if each.state == state_of("RUNNING")]
            lost = [each for each in running if self._is_lost(each)]
            for trial in lost:
                self._release(trial.number, settings_of(trial))
            if not (failed and self.sweep.listed):
                return len(lost)
            done = {settings_of(t) for t in trials if t.state != state_of("FAIL")}
            wrong = {settings_of(t) for t in trials if ERROR in t.user_attrs} - done
            for text in wrong:
                self._enqueue(text)
            return len(lost) + len(wrong)

    def evaluated(self) -> list[Evaluated]:
        """List what was evaluated, and what could not be, once each.

        Returns:
          In the order of the trials.
        """
        return evaluated_trials(self.study)

    def _draw(self) -> list[Claim]:
        """One more setting, from a sampler that knows the criteria of others."""
        known = {as_text(each.settings): each for each in self.evaluated()}
        while self._count() < self.sweep.trials:
            trial = self.study.ask(distributions_of(self.sweep))
            settings = settings_from(trial.params, self.sweep)
            trial.set_user_attr(WORKER, self.worker)
            trial.set_user_attr(SETTINGS, as_text(settings))
            same = known.get(as_text(settings))
            if same is None:
                return [Claim(trial, settings)]
            if same.values is None:
                self.refuse(Claim(trial, settings), same.error)
            else:
                about = {BETA: same.beta, SECONDS: 0.0}
                self._finish(trial, about, values=list(same.values))
        return []

    def _count(self) -> int:
        """Trials with a result or on their way to one."""
        trials = self.study.get_trials(deepcopy=False)
        return sum(counts(t) or t.state == state_of("RUNNING") for t in trials)

    def _take(self, count: int) -> list[Claim]:
        """The next settings that wait, those left out that somebody else has."""
        states = states_of("RUNNING", "COMPLETE")
        taken = {settings_of(t) for t in self.study.get_trials(False, states)}
        claims = []
        for _ in range(count):
            trial = self.study.ask()
            text = trial.user_attrs.get(SETTINGS, "")
            if not text or text in taken:
                # Workers of other folders with the same storage take no turns.
                self._release(trial.number, "")
                continue
            trial.set_user_attr(WORKER, self.worker)
            taken.add(text)
            claims.append(Claim(trial, json.loads(text)))
        return claims

    def _finish(
        self, trial: "optuna.Trial", about: Mapping[str, Any], **result: Any
    ) -> None:
        """Record a result, unless the trial was taken for lost meanwhile."""
        optuna = require_optuna()
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            for name, value in about.items():
                trial.set_user_attr(name, value)
            self.study.tell(trial, skip_if_finished=True, **result)

    def _release(self, number: int, settings: str) -> None:
        """End a trial without a result; its settings wait for another."""
        if settings and self.sweep.listed:
            self._enqueue(settings)
        self.study.tell(number, state=state_of("FAIL"), skip_if_finished=True)

    def _enqueue(self, settings: str) -> None:
        self.study.enqueue_trial({}, user_attrs={SETTINGS: settings})

    def _is_lost(self, trial: "optuna.trial.FrozenTrial") -> bool:
        """Whether the worker of a trial has ended."""
        worker = trial.user_attrs.get(WORKER)
        if worker is not None:
            return not is_running(self.study, worker)
        if not self.sweep.storage:
            # Workers of this folder take turns, and it is ours.
            return True
        start = trial.datetime_start or datetime.datetime.now()
        return (datetime.datetime.now() - start).total_seconds() > UNSIGNED


def _count_alike(several: Iterator[Any]) -> int:
    """How many of the first are like the very first, of those taken at a time."""
    groups = itertools.groupby(itertools.islice(several, MOST_AT_A_TIME))
    return next((len(list(same)) for _, same in groups), 0)


def open_trials(
    sweep: config.Sweep,
    folder: pathlib.Path,
    worker: str,
    part: tuple[int, int] = (1, 1),
) -> Trials:
    """Open the trials of a sweep, or begin them.

    Args:
      sweep: The sweep.
      folder: Of the results.
      worker: Name of this worker.
      part: Number of this share, from 1, and of all shares.

    Returns:
      The trials.

    Raises:
      ValueError: As `open_study`.
    """
    with take_turn(folder):
        return Trials(sweep, open_study(sweep, folder, part), folder, worker)
