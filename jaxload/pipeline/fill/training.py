"""Networks trained through the inversion of a study."""

import dataclasses
import functools
import logging
import math
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion, sphere
from jaxload.constants import DEGREE, EARTH_RADIUS
from jaxload.gapfill.joint import joint_model, schedule
from jaxload.gapfill.training import optimise, spatial_folds
from jaxload.gapfill.training.checkpoints import DiskCheckpoints, fingerprint
from jaxload.pipeline.estimation.noise_model import without_seasons
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.training_record import curve_dataset

__all__ = [
    "TUNING_EPOCHS",
    "JointTraining",
    "as_summary",
    "initial_hyperparameters",
    "make_folds",
    "member_variance",
    "train_study_members",
]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

#: What the summary calls the numbers of the inversion.
NAMES = ("beta", "noise_factor", "common_mode_mm")

#: Epochs from which training begins its search; more say it no better.
TUNING_EPOCHS = 250

#: Memory that a record of hidden states may take before parts of it are computed a
#: second time [bytes].
LARGE = 2**30

#: Arrays of the size of the hidden state that a step of a network keeps.
KEPT = 6


@dataclasses.dataclass(frozen=True, eq=False)
class JointTraining:
    """Trained members, and the hyperparameters of the inversion.

    Attributes:
      fitted: Through the inversion.
      numbers: Geometric means over the members.
      curves: What became of the training, the part before included.
      summary: Plain numbers: what `summary.json` holds under ``learning``.
    """

    fitted: optimise.Fitted
    numbers: joint_model.Hyperparameters
    curves: xr.Dataset
    summary: dict[str, Any]


def initial_hyperparameters(
    model: Model, time: NDArray[np.datetime64]
) -> tuple[float, float, float]:
    """Find what training begins with: the inversion without a network at its best.

    Best for heights without lines and seasons: these the network learns soon, and an
    inversion which has to explain them calls the season of the whole region a common
    mode, which leaves the network nothing to learn.

    Args:
      model: Of the stations alone.
      time: Epochs, shape (epoch,).

    Returns:
      Beta, factor on the standard errors, and standard deviation of the common mode
      [mm], by the evidence.
    """
    start = {"beta": 0.02, "noise_factor": 1.0, "common": 1.0}
    noise = dataclasses.replace(model.noise, common=1.0)
    scaled = inversion.scaled_model(model.problem, noise)
    every = math.ceil(len(model.up) / TUNING_EPOCHS)
    fast = without_seasons(model.up, time)
    found = inversion.tune(scaled, start, fast, every=every).estimate
    logger.info("training begins with %s", found)
    return found["beta"], found["noise_factor"], math.sqrt(found["common"])


def make_folds(
    study: config.Study, gnss: xr.Dataset, rows: int
) -> tuple[joint_model.Folds, jax.Array]:
    """Draw whom each member holds out.

    Args:
      study: Says how many, and who counts as a neighbour.
      gnss: The stations.
      rows: Number of all rows, stations first.

    Returns:
      The folds, and a random key for each member.

    Raises:
      ValueError: If one neighbourhood holds more than half of the stations.
    """
    filling = study.gapfill
    assert filling is not None
    lon, lat = jnp.asarray(gnss.lon.values), jnp.asarray(gnss.lat.values)
    arc = sphere.angular_distance(lon[:, None], lat[:, None], lon[None], lat[None])
    distance = arc * (DEGREE * EARTH_RADIUS / 1e3)
    radius = filling.neighbourhood_km
    try:
        centres = spatial_folds.centres_for_fraction(
            distance, radius, filling.validation_fraction
        )
    except ValueError as error:
        raise ValueError(f"gapfill.neighbourhood_km: {error}") from None
    keys = jax.random.split(jax.random.key(filling.seed), filling.members)
    held = np.zeros((filling.members, rows), bool)
    for member, key in enumerate(keys):
        drawn = spatial_folds.sample_neighbourhoods(distance, radius, centres, key)
        held[member, : len(lon)] = drawn
    near = jnp.asarray(radius, distance.dtype)
    return joint_model.Folds(
        jnp.asarray(held), distance, near, max(1, centres // 2)
    ), keys


def train_study_members(
    study: config.Study,
    training_data: joint_model.TrainingData,
    given: tuple[tuple[float, float, float], jax.Array],
    folder: pathlib.Path | None,
    watch: Callable[[float], None],
) -> JointTraining:
    """Train the members of a study.

    Args:
      study: Says how in its table ``[gapfill]``.
      training_data: What there is to learn from.
      given: From `initial_hyperparameters`, and keys, from `make_folds`.
      folder: Where the results go, and the training is kept as a rule; None keeps none.
      watch: Told of the share of the steps that is done.

    Returns:
      The `JointTraining`.

    Raises:
      ValueError: If another training was kept where this one was to be.
    """
    filling, (numbers, keys) = study.gapfill, given
    assert filling is not None
    form = "water" if filling.method == "joint-load" else "displacement"
    lessons = schedule.make_schedule(
        filling.steps,
        filling.joint_steps,
        learning_rate=filling.learning_rate,
        weight_decay=filling.weight_decay,
        own=filling.network_likelihood_weight,
    )
    kept = study.path(filling.checkpoints) if filling.checkpoints else None
    kept = kept or (folder and folder / "checkpoints")
    about = map(repr, (form, filling.seed, lessons, filling.hidden, numbers))
    model = "" if kept is None else fingerprint(training_data, *about)
    learned = schedule.train_ensemble(
        form,
        training_data,
        filling.hidden,
        numbers,
        keys,
        training_schedule=lessons,
        segment=_segment(training_data, filling),
        checkpoints=kept and (lambda part: DiskCheckpoints(kept / part, model)),
        watch=watch,
    )
    fitted, mean_of = learned.last, functools.partial(jnp.mean, axis=0)
    mean = jax.tree.map(mean_of, fitted.parameters.inversion)
    before = curve_dataset(learned.alone.curve, learned.alone.step, "pretraining")
    curves = before.merge(curve_dataset(fitted.curve, fitted.step))
    return JointTraining(
        fitted, mean, curves, _describe(filling, learned, mean, numbers)
    )


def as_summary(numbers: joint_model.Hyperparameters) -> dict[str, float]:
    """Name the numbers of the inversion as the summary does.

    Args:
      numbers: Each of shape ().

    Returns:
      ``beta``, ``noise_factor`` and ``common_mode_mm``.
    """
    logarithms = (
        numbers.log_beta,
        numbers.log_noise_factor,
        numbers.log_common_mode_sd,
    )
    return dict(zip(NAMES, (float(jnp.exp(value)) for value in logarithms)))


def member_variance(values: Floats) -> Floats:
    """Variance of one member about the mean of all.

    Args:
      values: Shape (member, ...).

    Returns:
      The variance, shape (...); zero where there is only one member.
    """
    if len(values) < 2:
        return np.zeros(values.shape[1:])
    return values.var(axis=0, ddof=1)


def _segment(
    training_data: joint_model.TrainingData, filling: config.Gapfill
) -> int | None:
    """Epochs that are kept at a time where all would need too much memory."""
    epochs, places, _ = training_data.features.shape
    size = 4 * KEPT * filling.hidden * filling.members * epochs * places
    return None if size <= LARGE else math.ceil(math.sqrt(epochs))


def _describe(
    filling: config.Gapfill,
    learned: schedule.TrainedEnsemble,
    mean: joint_model.Hyperparameters,
    numbers: tuple[float, float, float],
) -> dict[str, Any]:
    alone, fitted = learned.alone, learned.last
    best = np.nanmin(fitted.curve.held_out, axis=0)
    return {
        "method": filling.method,
        "members": filling.members,
        "best_step": fitted.step.tolist(),
        "steps": int(fitted.curve.step[-1]),
        "diverged_at": fitted.diverged_at,
        "best_step_pretraining": alone.step.tolist(),
        "steps_pretraining": int(alone.curve.step[-1]),
        "diverged_at_pretraining": alone.diverged_at,
        "score_initial": fitted.curve.held_out[0].tolist(),
        "score_best": best.tolist(),
        "initial": dict(zip(NAMES, numbers)),
        "trained": as_summary(mean),
    }
