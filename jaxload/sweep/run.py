"""A sweep: its settings evaluated by any number of workers, and what comes out."""

import collections
import contextlib
import dataclasses
import logging
import os
import pathlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jaxload import config, io
from jaxload.config.sweep import MOST_SETTINGS
from jaxload.pipeline.progress import Clock, Watch, ignore
from jaxload.sweep.draws import require_optuna
from jaxload.sweep.evaluation import Outcome, evaluate_alike, group_of
from jaxload.sweep.presence import is_running, signing
from jaxload.sweep.results import SweepResult, write_results
from jaxload.sweep.shared import Shared
from jaxload.sweep.storage import take_turn
from jaxload.sweep.trials import Claim, Trials, open_trials

__all__ = [
    "check_size",
    "gpu_settings",
    "more_workers",
    "run_sweep",
]

logger = logging.getLogger(__name__)

#: Seconds that a setting is assumed to take before any has been evaluated.
ASSUMED = 1.0

#: Groups of settings that fail for one reason, before any succeeds, after which a
#: worker stops.
HOPELESS = 10

#: What makes a setting fail, rather than the worker.
FAILURES = (ValueError, OSError, MemoryError, RuntimeError)

#: By which JAX takes a share of a GPU's memory, and its usual share.
FRACTION, USUAL_FRACTION = "XLA_PYTHON_CLIENT_MEM_FRACTION", 0.75

#: Where a worker that another one started writes its messages.
LOG = "messages.txt"

#: Names of workers, which are folders too.
NAME = re.compile(r"\w[\w.-]{0,79}")


def run_sweep(
    sweep: config.Sweep,
    out: str | os.PathLike[str],
    *,
    watch: Watch = ignore,
    worker: str = "",
    part: tuple[int, int] = (1, 1),
    resume: bool = False,
) -> SweepResult:
    """Evaluate the settings of a sweep that no worker has taken.

    Any number of workers with the same folder or storage, on any machines, share the
    settings. A worker that ends early loses no more than what it was computing:
    settings it had taken are taken by the next worker that starts.

    Args:
      sweep: From `config.read_sweep`.
      out: Folder for ``trials.csv``, ``trials.nc``, ``best.toml``, figures and the
        journal of trials.
      watch: Called with the progress.
      worker: Name of this worker; host and process if empty.
      part: Number of a fixed share of the settings, from 1, and of all shares; all
        settings by default.
      resume: Whether to evaluate settings again that could not be evaluated.

    Returns:
      What all workers have evaluated so far.

    Raises:
      FileNotFoundError: If a file of the study is missing.
      ValueError: If Optuna is not installed, the storage is that of another sweep, a
        worker of the same name runs, or no setting could be evaluated.
    """
    worker = worker or f"{socket.gethostname()}-{os.getpid()}"
    if not NAME.fullmatch(worker):
        raise ValueError(
            f"the worker's name {worker!r} is no name for a folder; take letters, "
            "digits, dots and dashes"
        )
    if part != (1, 1) and not sweep.listed:
        raise ValueError(
            f'method "{sweep.method}" learns from all settings and has no shares; '
            "leave --part out and start the same command as often as there are workers"
        )
    require_optuna()
    folder = io.prepare_folder(out)
    place = io.prepare_folder(folder / "workers" / worker)
    with _named(place, worker):
        trials = open_trials(sweep, folder, worker, part)
        if is_running(trials.study, worker):
            raise ValueError(
                f"a worker named {worker} runs already; name this one otherwise by "
                "--worker"
            )
        restored = trials.restore(failed=resume)
        if restored:
            logger.warning("%d settings are evaluated that were begun before", restored)
        with signing(trials.study, worker):
            trials.plan(part)
            _evaluate_all(trials, watch)
    with take_turn(folder):
        return write_results(sweep, folder)


def check_size(sweep: config.Sweep, sure: bool) -> None:
    """Refuse sweeps of so many settings that they are likely a mistake.

    Args:
      sweep: The sweep.
      sure: Whether the user wants them all.

    Raises:
      ValueError: If there are more than ten thousand; the message says how long they
        would take.
    """
    if sure or sweep.count <= MOST_SETTINGS:
        return
    days = sweep.count * ASSUMED / 86_400
    length = f"{days:.1f} days" if days < 730 else f"{days / 365.25:,.0f} years"
    raise ValueError(
        f"the sweep has {sweep.count:,} settings, which at one second each take "
        f'{length}; take fewer values or method = "random", or say --yes'
    )


@contextlib.contextmanager
def _named(place: pathlib.Path, worker: str) -> Iterator[None]:
    """Hold the name of a worker, which tells others that it lives."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(io.locked_folder(place))
        except ValueError as error:
            raise ValueError(
                f"a worker named {worker} runs already ({error}); name this one "
                "otherwise by --worker"
            ) from None
        yield


def _evaluate_all(trials: Trials, watch: Watch) -> None:
    """Take settings and evaluate them until none is left."""
    work = _Work(trials, Shared(Clock(watch)), watch, len(trials.evaluated()))
    while claims := trials.claim(work.group_of):
        work.evaluate(claims)


@dataclasses.dataclass(eq=False)
class _Work:
    """What a worker does, and how far it is."""

    trials: Trials
    shared: Shared
    watch: Watch
    finished: int
    refused: collections.Counter[str] = dataclasses.field(
        default_factory=collections.Counter
    )
    succeeded: int = 0

    def group_of(self, settings: Mapping[str, Any]) -> str:
        """What settings that are evaluated together have in common."""
        try:
            return group_of(self.trials.sweep.study_with(settings))
        except ValueError:
            return repr(settings)

    def evaluate(self, claims: list[Claim]) -> None:
        """Evaluate settings of one group; what is not reached is left to others."""
        waiting = dict(enumerate(claims))
        reasons: set[str] = set()
        try:
            studies = self._studies(waiting, reasons)
            if studies:
                self._evaluate(studies, waiting)
        except FAILURES as error:
            reasons.add(_in_words(error))
            for claim in waiting.values():
                self._refuse(claim, _in_words(error))
        except BaseException:
            self.trials.give_back(list(waiting.values()))
            raise
        self.refused.update(reasons)
        self._check_refusals()

    def _evaluate(
        self, studies: dict[int, config.Study], waiting: dict[int, Claim]
    ) -> None:
        numbers = list(studies)

        def report(place: int, outcome: Outcome) -> None:
            claim = waiting.pop(numbers[place])
            self.trials.tell(claim, outcome.values, outcome.beta, outcome.seconds)
            self.succeeded += 1
            self._show()

        criteria = self.trials.sweep.criteria
        evaluate_alike(list(studies.values()), criteria, self.shared, report)

    def _studies(
        self, waiting: dict[int, Claim], reasons: set[str]
    ) -> dict[int, config.Study]:
        """The study with each setting; settings that it does not allow are refused."""
        studies = {}
        for number, claim in list(waiting.items()):
            try:
                studies[number] = self.trials.sweep.study_with(claim.settings)
            except ValueError as error:
                reasons.add(str(error))
                self._refuse(waiting.pop(number), str(error))
        return studies

    def _refuse(self, claim: Claim, reason: str) -> None:
        self.trials.refuse(claim, reason)
        logger.warning("a setting was left out: %s", reason)
        self._show()

    def _check_refusals(self) -> None:
        """Stop where it is not the settings that are wrong."""
        reason, times = (self.refused.most_common(1) or [("", 0)])[0]
        if not self.succeeded and times >= HOPELESS:
            raise ValueError(
                f"settings of {times} kinds, and none could be evaluated: {reason}"
            )

    def _show(self) -> None:
        self.finished += 1
        self.watch("sweep", min(self.finished / self.trials.sweep.count, 1.0))


def _in_words(error: Exception) -> str:
    sentence = " ".join(str(error).split())
    plain = isinstance(error, ValueError | OSError) and sentence
    return sentence if plain else f"{type(error).__name__}: {sentence[:300]}"


@contextlib.contextmanager
def more_workers(
    command: Sequence[str], out: str | os.PathLike[str], count: int
) -> Iterator[None]:
    """Run further workers of this machine, and share cores and GPUs with them.

    For before JAX is used: which GPU this process may use is set here too. The others
    are waited for; they end with this process where it ends early.

    Args:
      command: Words after ``python -m jaxload``, without a worker's name.
      out: Folder of the results.
      count: Number of workers, this process among them.

    Raises:
      ValueError: If the folder cannot be written to.
    """
    if count == 1:
        yield
        return
    cores, processes = _cores(), []
    try:
        for number in range(1, count):
            # A process begins on the cores of the one that starts it.
            _use_cores(cores[number % max(len(cores), 1) :: count])
            processes.append(_start_worker(command, out, number, count))
        _use_cores(cores[::count])
        os.environ.update(gpu_settings(0, count))
        yield
        for process in processes:
            if process.wait():
                logger.warning(
                    "a worker ended with exit code %d; its settings are evaluated here",
                    process.returncode,
                )
    finally:
        for process in processes:
            if process.poll() is None:
                process.terminate()
        for process in processes:
            process.wait()
        _use_cores(cores)


def _start_worker(
    command: Sequence[str], out: str | os.PathLike[str], number: int, count: int
) -> subprocess.Popen:
    name = f"{socket.gethostname()}-{os.getpid()}-{number}"
    place = io.prepare_folder(pathlib.Path(out) / "workers" / name)
    words = [sys.executable, "-m", "jaxload", *command, "--worker", name]
    its_own = {**os.environ, **gpu_settings(number, count)}
    with (place / LOG).open("wb") as log:
        return subprocess.Popen(words, stderr=log, stdout=log, env=its_own)


def gpu_settings(number: int, count: int) -> dict[str, str]:
    """Choose the GPU of a worker, and its share of the memory.

    Args:
      number: Of the worker, from 0.
      count: Number of workers.

    Returns:
      Variables of its environment; none where there is no GPU.
    """
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    there = pathlib.Path("/dev").glob("nvidia[0-9]*")
    present = [path.name.removeprefix("nvidia") for path in sorted(there)]
    gpus = (
        present if named is None else [one for one in named.split(",") if one.strip()]
    )
    if not gpus:
        return {}
    settings = {"CUDA_VISIBLE_DEVICES": gpus[number % len(gpus)]}
    together = -(-count // len(gpus))
    if together > 1 and FRACTION not in os.environ:
        settings[FRACTION] = f"{USUAL_FRACTION / together:.3f}"
    return settings


def _cores() -> list[int]:
    """The cores of this process, where the system says so."""
    there = hasattr(os, "sched_getaffinity")
    return sorted(os.sched_getaffinity(0)) if there else []


def _use_cores(cores: Sequence[int]) -> None:
    if cores:
        os.sched_setaffinity(0, cores)
