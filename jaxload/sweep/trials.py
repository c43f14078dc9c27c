"""Settings of a sweep as trials of Optuna, which any number of workers share."""

import contextlib
import dataclasses
import datetime
import itertools
import json
import pathlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxload import config, io
from jaxload.sweep.draws import (
    as_text,
    distributions_of,
    draw_settings,
    make_sampler,
    quiet_optuna,
    require_optuna,
    settings_from,
)

if TYPE_CHECKING:
    import optuna

__all__ = [
    "Claim",
    "Evaluated",
    "Trials",
    "open_trials",
    "stored_trials",
]

#: Criteria that are best where they are largest.
MAXIMISED = ("evidence",)

#: Settings that a worker takes at a time, where they have much in common.
MOST_AT_A_TIME = 64

#: Seconds after which a trial of a shared storage is taken for lost that has no worker.
UNSIGNED = 60.0

#: Seconds between attempts to take a turn.
PAUSE = 0.05

#: Names of trials' attributes, and of those of Optuna's study.
SETTINGS, WORKER, ERROR = "settings", "worker", "error"
BETA, SECONDS, PLANNED, DIGEST = "beta", "seconds", "planned", "digest"


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
class Evaluated:
    """A setting and what became of it.

    Attributes:
      number: Of the trial.
      settings: Values by the names of settings.
      values: Criteria in the order of the sweep; None where it could not be evaluated.
      error: Why not.
      beta: Weight of the prior, chosen or given.
      seconds: That the evaluation took.
    """

    number: int
    settings: dict[str, Any]
    values: tuple[float, ...] | None
    error: str
    beta: float
    seconds: float


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
        with self._turn():
            if self.study.user_attrs.get(PLANNED):
                return
            there = set(map(_settings_of, self.study.get_trials(deepcopy=False)))
            mine = itertools.islice(draw_settings(self.sweep), number - 1, None, count)
            for text in map(as_text, mine):
                if text not in there:
                    self._enqueue(text)
            self.study.set_user_attr(PLANNED, True)

    def claim(self, alike: Callable[[Mapping[str, Any]], Any]) -> list[Claim]:
        """Take settings that no worker has taken.

        Args:
          alike: From settings to what those have in common that are best evaluated
            together.

        Returns:
          Settings that are alike; none where nothing is left.
        """
        with self._turn():
            if not self.sweep.listed:
                return self._drawn()
            waiting = self.study.get_trials(deepcopy=False, states=_states("WAITING"))
            several = (alike(json.loads(_settings_of(trial))) for trial in waiting)
            first = next(several, None)
            same = itertools.takewhile(lambda each: each == first, several)
            count = len(waiting) and 1 + len(
                list(itertools.islice(same, MOST_AT_A_TIME - 1))
            )
            claims = (self._taken() for _ in range(count))
            return [claim for claim in claims if claim is not None]

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
        claim.trial.set_user_attr(BETA, beta)
        claim.trial.set_user_attr(SECONDS, seconds)
        self.study.tell(claim.trial, wanted, skip_if_finished=True)

    def refuse(self, claim: Claim, reason: str) -> None:
        """Record that a setting cannot be evaluated.

        Args:
          claim: The setting.
          reason: Why.
        """
        claim.trial.set_user_attr(ERROR, reason)
        self.study.tell(claim.trial, state=_state("FAIL"), skip_if_finished=True)

    def give_back(self, claims: Sequence[Claim]) -> None:
        """Leave settings to other workers.

        Args:
          claims: Settings that this worker took and did not evaluate.
        """
        for claim in claims:
            self._release(claim.trial.number, as_text(claim.settings))

    def restore(self, failed: bool = False) -> int:
        """Let settings be taken again whose worker ended without a result.

        For the start of a worker: what has its name is of one that ended.

        Args:
          failed: Whether this holds for settings that could not be evaluated too.

        Returns:
          Their number.
        """
        with self._turn():
            trials = self.study.get_trials(deepcopy=False)
            known: dict[str | None, bool] = {}
            lost = 0
            for trial in trials:
                if trial.state == _state("RUNNING") and self._is_lost(trial, known):
                    self._release(trial.number, _settings_of(trial))
                    lost += 1
            if not (failed and self.sweep.listed):
                return lost
            done = {_settings_of(t) for t in trials if t.state != _state("FAIL")}
            wrong = {_settings_of(t) for t in trials if ERROR in t.user_attrs} - done
            for text in wrong:
                self._enqueue(text)
            return lost + len(wrong)

    def evaluated(self) -> list[Evaluated]:
        """List what was evaluated, and what could not be, once each.

        Returns:
          In the order of the trials.
        """
        return _evaluated_of(self.study)

    def in_progress(self) -> int:
        """Number of settings that workers are evaluating, or are to evaluate."""
        states = _states("RUNNING", "WAITING")
        return len(self.study.get_trials(deepcopy=False, states=states))

    def _drawn(self) -> list[Claim]:
        """One more setting, from a sampler that knows the criteria of others."""
        if len(self.evaluated()) + self.in_progress() >= self.sweep.trials:
            return []
        trial = self.study.ask(distributions_of(self.sweep))
        settings = settings_from(trial.params, self.sweep)
        trial.set_user_attr(WORKER, self.worker)
        trial.set_user_attr(SETTINGS, as_text(settings))
        return [Claim(trial, settings)]

    def _taken(self) -> Claim | None:
        trial = self.study.ask()
        if SETTINGS not in trial.user_attrs:
            # A worker of another folder with the same storage was faster.
            self._release(trial.number, "")
            return None
        trial.set_user_attr(WORKER, self.worker)
        return Claim(trial, json.loads(trial.user_attrs[SETTINGS]))

    def _release(self, number: int, settings: str) -> None:
        """End a trial without a result; its settings wait for another."""
        self.study.tell(number, state=_state("FAIL"), skip_if_finished=True)
        if settings and self.sweep.listed:
            self._enqueue(settings)

    def _enqueue(self, settings: str) -> None:
        self.study.enqueue_trial({}, user_attrs={SETTINGS: settings})

    def _is_lost(
        self, trial: "optuna.trial.FrozenTrial", known: dict[str | None, bool]
    ) -> bool:
        """Whether the worker of a trial has ended."""
        worker = trial.user_attrs.get(WORKER)
        if worker is None and not self.sweep.storage:
            # Workers of this folder take turns, and it is ours.
            return True
        if worker is None:
            start = trial.datetime_start or datetime.datetime.now()
            age = datetime.datetime.now() - start
            return age.total_seconds() > UNSIGNED
        if worker not in known:
            known[worker] = worker == self.worker or not self._is_held(worker)
        return known[worker]

    def _is_held(self, worker: str) -> bool:
        place = self.folder / "workers" / worker
        if not place.is_dir():
            return False
        try:
            with io.locked_folder(place):
                return False
        except ValueError:
            return True

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """Workers of one folder take settings one after the other."""
        place = io.prepare_folder(self.folder / "workers" / ".turn")
        with contextlib.ExitStack() as stack:
            while True:
                try:
                    stack.enter_context(io.locked_folder(place))
                    break
                except ValueError:
                    time.sleep(PAUSE)
            yield


def open_trials(
    sweep: config.Sweep,
    folder: pathlib.Path,
    worker: str,
    part: tuple[int, int] = (1, 1),
) -> Trials:
    """Open the storage of a sweep's trials, or begin one.

    Args:
      sweep: The sweep.
      folder: Of the results.
      worker: Name of this worker.
      part: Number of this share, from 1, and of all shares.

    Returns:
      The trials.

    Raises:
      ValueError: If Optuna is missing, or the storage cannot be used or holds another
        sweep.
    """
    optuna = require_optuna()
    name = "trials" if part == (1, 1) else f"trials-{part[0]}-of-{part[1]}"
    storage = sweep.storage or _journal(folder / f"{name}.journal")
    others = len(list((folder / "workers").glob("[!.]*")))
    directions = [
        "maximize" if each in MAXIMISED else "minimize" for each in sweep.criteria
    ]
    try:
        study = optuna.create_study(
            storage=storage,
            sampler=make_sampler(sweep, others),
            directions=directions,
            study_name=f"jaxload {name}",
            load_if_exists=True,
        )
    except (ImportError, *_storage_errors()) as error:
        where = sweep.storage or folder
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"the storage {where} cannot be used ({reason})") from None
    digest = study.user_attrs.get(DIGEST)
    if digest is None:
        study.set_user_attr(DIGEST, sweep.digest)
    elif digest != sweep.digest:
        raise ValueError(
            f"{sweep.storage or folder} holds a sweep of another study, or of other "
            "settings; choose another folder for the results, or another storage"
        )
    return Trials(sweep, study, folder, worker)


def stored_trials(sweep: config.Sweep, folder: pathlib.Path) -> list[Evaluated]:
    """Read what all shares of a sweep have evaluated.

    Args:
      sweep: The sweep.
      folder: Of the results.

    Returns:
      In the order of the shares and of their trials.
    """
    optuna = require_optuna()
    names = [path.stem for path in sorted(folder.glob("trials*.journal"))]
    several: list[Evaluated] = []
    for name in names or ["trials"]:
        storage = sweep.storage or _journal(folder / f"{name}.journal")
        study = optuna.load_study(study_name=f"jaxload {name}", storage=storage)
        several += _evaluated_of(study)
    once = {as_text(each.settings): each for each in several}
    numbered = enumerate(once.values())
    return [dataclasses.replace(each, number=number) for number, each in numbered]


def _evaluated_of(study: "optuna.Study") -> list[Evaluated]:
    """List what a study of Optuna evaluated, each setting once.

    Args:
      study: Of Optuna.

    Returns:
      In the order of the trials.
    """
    latest: dict[str, Evaluated] = {}
    for trial in study.get_trials(deepcopy=False):
        text, attributes = _settings_of(trial), trial.user_attrs
        complete = trial.state == _state("COMPLETE")
        if not text or not (complete or ERROR in attributes):
            continue
        if text in latest and latest[text].values is not None:
            continue
        latest[text] = Evaluated(
            trial.number,
            json.loads(text),
            tuple(trial.values) if complete else None,
            "" if complete else attributes[ERROR],
            attributes.get(BETA, np.nan),
            attributes.get(SECONDS, np.nan),
        )
    return list(latest.values())


def _journal(path: pathlib.Path) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    with quiet_optuna():
        return JournalStorage(JournalFileBackend(str(path)))


def _storage_errors() -> tuple[type[Exception], ...]:
    import optuna
    import sqlalchemy.exc

    return (
        sqlalchemy.exc.SQLAlchemyError,
        optuna.exceptions.StorageInternalError,
        OSError,
        ValueError,
    )


def _settings_of(trial: Any) -> str:
    return trial.user_attrs.get(SETTINGS, "")


def _state(name: str) -> Any:
    from optuna.trial import TrialState

    return TrialState[name]


def _states(*names: str) -> tuple[Any, ...]:
    return tuple(map(_state, names))
