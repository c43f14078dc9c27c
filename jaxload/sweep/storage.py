"""Where the trials of a sweep are recorded, and what all shares of it evaluated."""

import contextlib
import dataclasses
import json
import pathlib
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxload import config, io
from jaxload.sweep.draws import as_text, make_sampler, quiet_optuna, require_optuna
from jaxload.sweep.presence import count_workers

if TYPE_CHECKING:
    import optuna

__all__ = [
    "MAXIMISED",
    "Evaluated",
    "counts",
    "evaluated_trials",
    "open_study",
    "settings_of",
    "state_of",
    "states_of",
    "stored_trials",
    "take_turn",
]

#: Criteria that are best where they are largest.
MAXIMISED = ("evidence",)

#: Seconds between attempts to take a turn.
PAUSE = 0.05

#: Names of trials' attributes, and of those of Optuna's study.
SETTINGS, WORKER, ERROR = "settings", "worker", "error"
BETA, SECONDS, PLANNED, DIGEST = "beta", "seconds", "planned", "digest"


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


@contextlib.contextmanager
def take_turn(folder: pathlib.Path) -> Iterator[None]:
    """Wait until no other worker of a folder has its turn, and take it.

    Args:
      folder: Of the results.

    Raises:
      ValueError: If the folder cannot be written to.
    """
    place = io.prepare_folder(folder / "workers" / ".turn")
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(io.locked_folder(place))
                break
            except io.FolderInUseError:
                time.sleep(PAUSE)
        yield


def open_study(
    sweep: config.Sweep, folder: pathlib.Path, part: tuple[int, int]
) -> "optuna.Study":
    """Open the storage of a sweep's trials, or begin one.

    Args:
      sweep: The sweep.
      folder: Of the results.
      part: Number of this share, from 1, and of all shares.

    Returns:
      Optuna's study.

    Raises:
      ValueError: If Optuna is missing, or the storage cannot be used or holds another
        sweep.
    """
    optuna = require_optuna()
    name = "trials" if part == (1, 1) else f"trials-{part[0]}-of-{part[1]}"
    goals = ["maximize" if each in MAXIMISED else "minimize" for each in sweep.criteria]
    with _explained(sweep, folder):
        for path in folder.glob("trials*.journal"):
            for other in _studies(_journal(path)):
                _check_digest(other, sweep, folder)
        storage = sweep.storage or _journal(folder / f"{name}.journal")
        study = optuna.create_study(
            storage=storage,
            directions=goals,
            study_name=_name(sweep, name),
            load_if_exists=True,
        )
        if DIGEST not in study.user_attrs:
            study.set_user_attr(DIGEST, sweep.digest)
        study.sampler = make_sampler(sweep, count_workers(study))
    return study


def stored_trials(sweep: config.Sweep, folder: pathlib.Path) -> tuple[list, int]:
    """Read what all shares of a sweep have evaluated.

    Args:
      sweep: The sweep.
      folder: Of the results.

    Returns:
      The `Evaluated`, each setting once, in the order of the shares and of their
      trials, numbered from 0; and how many trials workers are evaluating or are to.

    Raises:
      ValueError: If the storage cannot be used.
    """
    several: list[Evaluated] = []
    left = 0
    with _explained(sweep, folder):
        storages = [sweep.storage] if sweep.storage else []
        storages = storages or map(_journal, sorted(folder.glob("trials*.journal")))
        for study in (each for storage in storages for each in _studies(storage)):
            if study.user_attrs.get(DIGEST) == sweep.digest:
                several += evaluated_trials(study)
                left += len(study.get_trials(False, states_of("RUNNING", "WAITING")))
    once: dict[str, Evaluated] = {}
    for each in several:
        text = as_text(each.settings)
        if text not in once or once[text].values is None:
            once[text] = each
    numbered = enumerate(once.values())
    return [dataclasses.replace(each, number=number) for number, each in numbered], left


def evaluated_trials(study: "optuna.Study") -> list[Evaluated]:
    """List what a study of Optuna evaluated, each setting once.

    Args:
      study: Of Optuna.

    Returns:
      In the order of the trials.
    """
    latest: dict[str, Evaluated] = {}
    for trial in filter(counts, study.get_trials(deepcopy=False)):
        text, attributes = settings_of(trial), trial.user_attrs
        complete = trial.state == state_of("COMPLETE")
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


def counts(trial: "optuna.trial.FrozenTrial") -> bool:
    """Check whether a trial has a result: criteria, or why there are none.

    Args:
      trial: Of Optuna; those that were begun and given back have none.
    """
    complete = trial.state == state_of("COMPLETE")
    failed = trial.state == state_of("FAIL") and ERROR in trial.user_attrs
    return bool(settings_of(trial)) and (complete or failed)


def settings_of(trial: Any) -> str:
    """Read the settings of a trial, as text of JSON.

    Args:
      trial: Of Optuna.

    Returns:
      The text; empty where there is none.
    """
    return trial.user_attrs.get(SETTINGS, "")


def state_of(name: str) -> Any:
    """Look up a state of trials.

    Args:
      name: As Optuna names it.
    """
    from optuna.trial import TrialState

    return TrialState[name]


def states_of(*names: str) -> tuple[Any, ...]:
    """Look up several states of trials.

    Args:
      *names: As Optuna names them.
    """
    return tuple(map(state_of, names))


def _studies(storage: Any) -> Iterator["optuna.Study"]:
    """The studies of sweeps in a storage."""
    optuna = require_optuna()
    for name in optuna.get_all_study_names(storage):
        if name.startswith("jaxload "):
            yield optuna.load_study(study_name=name, storage=storage)


def _name(sweep: config.Sweep, name: str) -> str:
    """A database may hold many sweeps, a folder one."""
    return f"jaxload {name} {sweep.digest}" if sweep.storage else f"jaxload {name}"


def _check_digest(
    study: "optuna.Study", sweep: config.Sweep, folder: pathlib.Path
) -> None:
    if study.user_attrs.get(DIGEST, sweep.digest) != sweep.digest:
        raise ValueError(
            f"{folder} holds a sweep of another study, or of other settings; choose "
            "another folder for the results"
        )


@contextlib.contextmanager
def _explained(sweep: config.Sweep, folder: pathlib.Path) -> Iterator[None]:
    """Errors of a storage in one sentence that names it."""
    optuna = require_optuna()
    import sqlalchemy.exc

    failures = (
        *(ImportError, OSError, KeyError, optuna.exceptions.OptunaError),
        sqlalchemy.exc.SQLAlchemyError,
    )
    try:
        yield
    except failures as error:
        where = sweep.storage or folder
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"the storage {where} cannot be used ({reason})") from None


def _journal(path: pathlib.Path) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    with quiet_optuna():
        return JournalStorage(JournalFileBackend(str(path)))
