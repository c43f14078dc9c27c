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

from jaxload import config, inversion
from jaxload.gapfill.joint import joint_model, schedule
from jaxload.gapfill.joint.mean_rows import MeanRows
from jaxload.gapfill.models.named import code_of
from jaxload.gapfill.training import optimise, spatial_folds
from jaxload.gapfill.training.checkpoints import DiskCheckpoints, fingerprint
from jaxload.inversion.spectral.noise_draws import draw_shared_noise
from jaxload.pipeline.estimation.network_noise import NetworkModel
from jaxload.pipeline.estimation.noise_model import without_seasons
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.fill.study_model import model_parameters, study_architecture
from jaxload.pipeline.inputs.observations import station_distances
from jaxload.pipeline.training_record import curve_dataset

__all__ = [
    "TUNING_EPOCHS",
    "JointTraining",
    "as_summary",
    "draw_perturbation",
    "initial_hyperparameters",
    "make_folds",
    "member_variance",
    "train_study_members",
]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

#: Keys of the summary for the hyperparameters of the inversion.
NAMES = ("beta", "noise_factor", "common_mode_mm")

#: Epochs from which the initial hyperparameters are estimated; more help little.
TUNING_EPOCHS = 250

#: How the weight of the prior was chosen: by the gradient of the network; from
#: neighbourhoods held out; or before a network that is inverted afterwards.
TRAINED = "trained with the network"
HELD_OUT = "largest likelihood of neighbourhoods held out"
BEFORE = "largest evidence without a network"

#: Memory that a record of hidden states may take before parts of it are computed a
#: second time [bytes].
MAX_STATE_BYTES = 2**30

#: Arrays of the size of the hidden state that a step of a network keeps.
ARRAYS_PER_STEP = 6


@dataclasses.dataclass(frozen=True, eq=False)
class JointTraining:
    """Trained members, and the hyperparameters of the inversion.

    Attributes:
      fitted: Members trained through the inversion.
      hyperparameters: Geometric means over the members.
      curves: Learning curves, those of pre-training included.
      summary: Content of ``learning`` in `summary.json`.
      criterion: What beta, noise factor and common mode were chosen by.
    """

    fitted: optimise.Fitted
    hyperparameters: joint_model.Hyperparameters
    curves: xr.Dataset
    summary: dict[str, Any]
    criterion: str = TRAINED


def initial_hyperparameters(
    model: Model, time: NDArray[np.datetime64]
) -> joint_model.InitialHyperparameters:
    """Estimate the initial hyperparameters: the best ones without a network.

    They maximise the evidence of heights without linear trends and seasons. The network
    learns these soon; an inversion that has to explain them takes the season of the
    whole region for a common mode, which leaves the network nothing to learn.

    Args:
      model: Of the stations alone.
      time: Epochs, shape (epoch,).

    Returns:
      The `InitialHyperparameters`.
    """
    start = {"beta": 0.02, "noise_factor": 1.0, "common": 1.0}
    noise = dataclasses.replace(model.noise, common=1.0)
    scaled = inversion.scaled_model(model.problem, noise)
    every = math.ceil(len(model.up) / TUNING_EPOCHS)
    fast = without_seasons(model.up, time)
    tuned = inversion.tune(scaled, start, fast, every=every).estimate
    logger.info("training begins with %s", tuned)
    return joint_model.InitialHyperparameters(
        tuned["beta"], tuned["noise_factor"], math.sqrt(tuned["common"])
    )


def draw_perturbation(
    study: config.Study, network: NetworkModel | None
) -> Floats | None:
    """Draw what is added to the heights that each member learns from.

    The weather of a network also predicts some of the noise that stations share, which
    no station that is held out can tell: it has the same. Members that learn from
    heights with other such noise differ by it.

    Args:
      study: Its `gapfill.perturbed_heights` says whether anything is.
      network: Spectra of noise that stations share; None where there are none.

    Returns:
      Noise of the variance that is in the heights [mm], shape (member, epoch,
      station), less its mean over the members; None where nothing is added.

    Source:
      Houtekamer and Derome (1995), perturbed observations of an ensemble,
      doi:10.1175/1520-0493(1995)123<2181:MFEP>2.0.CO;2.
    """
    filling = study.gapfill
    assert filling is not None
    if network is None or not filling.perturbed_heights or filling.members < 2:
        return None
    # Apart from the keys of the members themselves.
    key = jax.random.fold_in(jax.random.key(filling.seed), filling.members)
    drawn = [
        draw_shared_noise(network.network, network.spectra, network.steps, one)
        for one in jax.random.split(key, filling.members)
    ]
    added = np.stack(drawn)[:, network.position]
    return added - added.mean(axis=0)


def make_folds(
    study: config.Study, gnss: xr.Dataset, rows: int
) -> tuple[joint_model.Folds, jax.Array]:
    """Draw the stations that each member holds out.

    Args:
      study: Its table ``[gapfill]`` sets the fraction and the radius of neighbourhoods.
      gnss: The stations.
      rows: Number of all rows, stations first.

    Returns:
      The folds, and a random key for each member.

    Raises:
      ValueError: If one neighbourhood holds more than half of the stations.
    """
    filling = study.gapfill
    assert filling is not None
    distance = jnp.asarray(station_distances(gnss))
    radius = filling.neighbourhood_km
    try:
        centres = spatial_folds.centres_for_fraction(
            distance, radius, filling.validation_fraction
        )
    except ValueError as error:
        raise ValueError(f"gapfill.neighbourhood_km: {error}") from None
    keys = jax.random.split(jax.random.key(filling.seed), filling.members)
    held_out = np.zeros((filling.members, rows), bool)
    for member, key in enumerate(keys):
        drawn = spatial_folds.sample_neighbourhoods(distance, radius, centres, key)
        held_out[member, : len(distance)] = drawn
    near = jnp.asarray(radius, distance.dtype)
    return joint_model.Folds(
        jnp.asarray(held_out), distance, near, max(1, centres // 2)
    ), keys


def train_study_members(
    study: config.Study,
    training_data: joint_model.TrainingData,
    initial: joint_model.InitialHyperparameters,
    keys: jax.Array,
    folder: pathlib.Path | None,
    watch: Callable[[float], None],
    *,
    weigh_means: Callable[[joint_model.Parameters], MeanRows] | None = None,
) -> JointTraining:
    """Train the members of a study.

    Args:
      study: Its table ``[gapfill]`` has the settings.
      training_data: Observations and features.
      initial: From `initial_hyperparameters`.
      keys: One for each member, from `make_folds`.
      folder: Where the results go, and the checkpoints unless the study names another
        folder; None keeps none.
      watch: Called with the share of the steps that is done.
      weigh_means: As in `schedule.train_ensemble`.

    Returns:
      The `JointTraining`.

    Raises:
      ValueError: If another training was kept where this one was to be, or the model
        cannot be made or run.
    """
    settings = study.gapfill
    assert settings is not None
    form = "water" if settings.method == "joint-load" else "displacement"
    training_schedule = schedule.make_schedule(
        settings.steps,
        settings.joint_steps or None,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        likelihood_weight=settings.network_likelihood_weight,
        kept_apart=settings.hyperparameters == "held-out",
    )
    kept = study.path(settings.checkpoints) if settings.checkpoints else None
    kept = kept or (folder and folder / "checkpoints")
    # Of several processes the first keeps and restores for all.
    kept = None if jax.process_index() else kept
    architecture = study_architecture(study)
    about = [form, settings.seed, training_schedule, initial, *_gravimetry(study)]
    # The last digits of spectra depend on how sums were shared out among threads.
    alike = dataclasses.replace(training_data, perturbation=None)
    if training_data.perturbation is not None:
        about.append(("perturbed heights", study.inversion.noise_memory_days))
    code = code_of(architecture).hex()
    model = (
        ""
        if kept is None
        else fingerprint(alike, architecture, code, *map(repr, about))
    )
    trained = schedule.train_ensemble(
        form,
        training_data,
        architecture,
        initial,
        keys,
        training_schedule=training_schedule,
        segment=_segment(training_data, settings),
        checkpoints=kept and (lambda part: DiskCheckpoints(kept / part, model)),
        watch=watch,
        weigh_means=weigh_means,
    )
    fitted, mean_of = trained.last, functools.partial(jnp.mean, axis=0)
    mean = jax.tree.map(mean_of, fitted.parameters.inversion)
    first = trained.pretraining
    curves = curve_dataset(first.curve, first.step, "pretraining")
    curves = curves.merge(curve_dataset(fitted.curve, fitted.step))
    summary = _describe(settings, trained, mean, initial)
    members = joint_model.unstack_members(fitted.parameters)
    parameters = model_parameters(settings.model, members, training_data)
    if parameters:
        summary["model_parameters"] = parameters
    return JointTraining(fitted, mean, curves, summary, _criterion(settings))


def as_summary(hyperparameters: joint_model.Hyperparameters) -> dict[str, float]:
    """Name the hyperparameters of the inversion as the summary does.

    Args:
      hyperparameters: Each of shape ().

    Returns:
      ``beta``, ``noise_factor`` and ``common_mode_mm``.
    """
    logarithms = dataclasses.astuple(hyperparameters)
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
    size = 4 * ARRAYS_PER_STEP * filling.hidden * filling.members * epochs * places
    return None if size <= MAX_STATE_BYTES else math.ceil(math.sqrt(epochs))


def _gravimetry(study: config.Study) -> list[tuple[str, Any]]:
    """How `inversion.grace` is weighed; its data are among those of the training."""
    table = config.gravimetry_table(study.inversion.grace)
    if table is None:
        return []
    return [pair for pair in dataclasses.asdict(table).items() if pair[0] != "files"]


def _criterion(settings: config.Gapfill) -> str:
    two_stages = not settings.joint_steps
    if settings.method == "joint-displacement":
        return BEFORE if two_stages else TRAINED
    apart = two_stages or settings.hyperparameters == "held-out"
    return HELD_OUT if apart else TRAINED


def _describe(
    settings: config.Gapfill,
    trained: schedule.TrainedEnsemble,
    mean: joint_model.Hyperparameters,
    initial: joint_model.InitialHyperparameters,
) -> dict[str, Any]:
    pretraining, fitted = trained.pretraining, trained.last
    best = np.nanmin(fitted.curve.held_out, axis=0)
    chosen = "estimated" if _criterion(settings) == HELD_OUT else "trained"
    return {
        "method": settings.method,
        "model": settings.model,
        "members": settings.members,
        "best_step": fitted.step.tolist(),
        "steps": int(fitted.curve.step[-1]),
        "diverged_at": fitted.diverged_at,
        "kept_start": (np.flatnonzero(fitted.step == 0) + 1).tolist(),
        "best_step_pretraining": pretraining.step.tolist(),
        "steps_pretraining": int(pretraining.curve.step[-1]),
        "diverged_at_pretraining": pretraining.diverged_at,
        "kept_start_pretraining": (np.flatnonzero(pretraining.step == 0) + 1).tolist(),
        "score_initial": fitted.curve.held_out[0].tolist(),
        "score_best": best.tolist(),
        "initial": dict(zip(NAMES, dataclasses.astuple(initial))),
        chosen: as_summary(mean),
    }
