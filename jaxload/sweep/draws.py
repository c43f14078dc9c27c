"""Values of settings as a sweep combines them, or as Optuna's samplers draw them."""

import contextlib
import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from jaxload import config

__all__ = [
    "as_text",
    "distributions_of",
    "draw_settings",
    "make_sampler",
    "quiet_optuna",
    "require_optuna",
    "settings_from",
]


def require_optuna() -> Any:
    """Import Optuna, which only sweeps need.

    Returns:
      The module, its messages off.

    Raises:
      ValueError: If it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise ValueError("sweeps need Optuna; install jaxload[sweep]") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def draw_settings(sweep: config.Sweep) -> Iterator[dict[str, Any]]:
    """List the settings of a sweep that are known beforehand, one by one.

    Args:
      sweep: Its method is not "tpe" or "nsga2".

    Yields:
      Values by name.
    """
    if sweep.method in ("grid", "list"):
        yield from sweep.combinations()
        return
    optuna, space = require_optuna(), distributions_of(sweep)
    with quiet_optuna():
        samplers = optuna.samplers
        sampler = (
            samplers.RandomSampler(seed=sweep.seed)
            if sweep.method == "random"
            else samplers.QMCSampler(seed=sweep.seed, scramble=True)
        )
        study = optuna.create_study(sampler=sampler)
        drawn = []
        for _ in range(sweep.trials):
            trial = study.ask(space)
            drawn.append(settings_from(trial.params, sweep))
            study.tell(trial, 0.0)
    unique = {as_text(each): each for each in drawn}
    before = lambda each: {
        k: v for k, v in each.items() if not k.startswith("inversion.")
    }
    yield from sorted(unique.values(), key=lambda each: as_text(before(each)))


def make_sampler(sweep: config.Sweep, others: int) -> Any:
    """Make a sampler whose numbers differ from those of other workers.

    Args:
      sweep: The sweep.
      others: Number of workers that were started before.

    Returns:
      A sampler of Optuna.
    """
    optuna = require_optuna()
    seed = np.random.SeedSequence([sweep.seed, others]).generate_state(1)[0]
    with quiet_optuna():
        if sweep.method == "nsga2":
            return optuna.samplers.NSGAIISampler(seed=int(seed))
        return optuna.samplers.TPESampler(seed=int(seed), constant_liar=True)


def distributions_of(sweep: config.Sweep) -> dict[str, Any]:
    """Make Optuna's distributions of the settings of a sweep.

    Args:
      sweep: The sweep.

    Returns:
      By the names of settings; values that are listed are text of JSON.
    """
    from optuna import distributions

    space: dict[str, Any] = {}
    for name, values in sweep.settings.items():
        if isinstance(values, config.Interval) and values.whole:
            low, high = int(values.low), int(values.high)
            log = values.scale == "log"
            space[name] = distributions.IntDistribution(low, high, log=log)
        elif isinstance(values, config.Interval):
            space[name] = distributions.FloatDistribution(
                values.low, values.high, log=values.scale == "log"
            )
        else:
            space[name] = distributions.CategoricalDistribution(
                [json.dumps(value, default=str) for value in values]
            )
    return space


def settings_from(parameters: Mapping[str, Any], sweep: config.Sweep) -> dict[str, Any]:
    """Convert parameters of Optuna to settings.

    Args:
      parameters: Drawn from `distributions_of`.
      sweep: The sweep.

    Returns:
      Values by the names of settings.
    """
    return {
        name: parameters[name]
        if isinstance(values, config.Interval)
        else json.loads(parameters[name])
        for name, values in sweep.settings.items()
    }


def as_text(settings: Mapping[str, Any]) -> str:
    """Write settings as text that is the same for the same settings.

    Args:
      settings: Values by name.

    Returns:
      JSON.
    """
    return json.dumps(settings, sort_keys=True, default=str)


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Ignore that parts of Optuna on which sweeps rely are experimental."""
    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        yield
