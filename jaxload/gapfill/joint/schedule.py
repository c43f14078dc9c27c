"""Schedule of training: pre-training of the network alone, then joint training.

Without pre-training, the inversion fits the residual of a network with random weights.
Most of what is to be learned is one pattern for the whole region, to which the evidence
gives little weight as long as it may be a common mode of the stations. The network
learns it within few steps from the heights alone.
"""

import dataclasses
import functools
import logging
import math
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload.gapfill.joint import joint_losses, joint_model
from jaxload.gapfill.joint.calibration import calibrate
from jaxload.gapfill.joint.mean_rows import MeanRows
from jaxload.gapfill.joint.member_shares import shared_out
from jaxload.gapfill.models.adapters import as_architecture
from jaxload.gapfill.models.protocol import ModelSizes, check_network
from jaxload.gapfill.training.optimise import (
    Checkpoints,
    Fitted,
    Objective,
    OptimiserSettings,
    TrainingProgress,
    train_members,
)
from jaxload.gapfill.training.sharding import one_device_each

__all__ = [
    "TrainedEnsemble",
    "TrainingSchedule",
    "make_schedule",
    "model_sizes",
    "train_ensemble",
]

logger = logging.getLogger(__name__)

#: What a network predicts.
Form = Literal["water", "displacement"]

#: Losses of pre-training, for each form.
PRETRAINING_LOSSES = {
    "water": joint_losses.pretraining_load_losses,
    "displacement": joint_losses.network_only_losses,
}

#: What is recorded of each beside its validation loss.
RECORDS = {"water": joint_losses.load_records, "displacement": None}

#: Factor on the initial beta, relative to the best one without a network: under a
#: weaker prior the inversion alone would explain what the network is to learn.
INITIAL_BETA_FACTOR = {"water": 4.0, "displacement": 1.0}

#: Outputs: the load; displacement and its standard deviation.
OUTPUTS = {"water": 1, "displacement": 2}

#: What the parts of a training are called.
PART_NAMES = {"alone": "pre-training", "jointly": "joint training"}

#: Length of a year, with the last day of a leap year and half an epoch to spare [days].
YEAR_DAYS = 367.0

#: Hyperparameters of the inversion are excluded from weight decay.
DECAYING = joint_model.Parameters(network=True, inversion=False)  # pyright: ignore[reportArgumentType]

#: Evaluations without a gain of any member after which a part stops early.
PATIENCE = 4

#: Epochs from which hyperparameters are estimated apart from the network.
ESTIMATED_EPOCHS = 250

#: Learning rate of joint training relative to that of pre-training.
JOINT_RATE_FACTOR = 0.3


@dataclasses.dataclass(frozen=True)
class TrainingSchedule:
    """Steps and learning rates of a training.

    Attributes:
      pretraining: Pre-training of the network alone.
      joint: Joint training; None for two stages, inversion after network. On the load
        the hyperparameters of the inversion are then estimated from neighbourhoods that
        are held out.
      likelihood_weight: Weight of the network's own likelihood in joint training; 0 for
        none.
      kept_apart: Whether joint training on the load leaves the hyperparameters of the
        inversion as they are estimated before it, from neighbourhoods that are held
        out; if not, its gradient learns them. In the form of displacement it always
        does: the loss is about neighbourhoods that are held out.
    """

    pretraining: OptimiserSettings
    joint: OptimiserSettings | None
    likelihood_weight: float = 1.0
    kept_apart: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.likelihood_weight < math.inf:
            raise ValueError(
                f"likelihood_weight is {self.likelihood_weight:g}, expected zero or a "
                "positive number"
            )


def make_schedule(
    steps: int = 160,
    joint_steps: int | None = 100,
    *,
    learning_rate: float = 0.01,
    weight_decay: float = 1.0,
    likelihood_weight: float = 1.0,
    kept_apart: bool = False,
) -> TrainingSchedule:
    """Make a schedule; early stopping may end either part before its last step.

    Args:
      steps: Most steps of pre-training; the default sufficed at every size tried.
      joint_steps: Most steps of joint training; None for two stages.
      learning_rate: Of pre-training; joint training uses `JOINT_RATE_FACTOR` of it.
      weight_decay: As in `OptimiserSettings`.
      likelihood_weight: As in `TrainingSchedule`.
      kept_apart: Likewise.

    Returns:
      The `TrainingSchedule`.
    """
    pretraining = OptimiserSettings(
        steps, learning_rate, weight_decay, patience=PATIENCE
    )
    if joint_steps is None:
        return TrainingSchedule(pretraining, None, likelihood_weight, kept_apart)
    rate = JOINT_RATE_FACTOR * learning_rate
    joint = dataclasses.replace(pretraining, steps=joint_steps, learning_rate=rate)
    return TrainingSchedule(pretraining, joint, likelihood_weight, kept_apart)


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedEnsemble:
    """A trained ensemble.

    Attributes:
      pretraining: After pre-training.
      joint: After joint training, which begins there; None for two stages.
    """

    pretraining: Fitted
    joint: Fitted | None

    @property
    def last(self) -> Fitted:
        """The final state."""
        return self.pretraining if self.joint is None else self.joint


def train_ensemble(
    form: Form,
    training_data: joint_model.TrainingData,
    model: Any,
    initial: joint_model.InitialHyperparameters,
    keys: Array,
    *,
    training_schedule: TrainingSchedule | None = None,
    learning_rate_factor: ArrayLike = 1.0,
    segment: int | None = None,
    checkpoints: Callable[[str], Checkpoints] | None = None,
    watch: Callable[[float], None] = lambda _: None,
    on_step: Callable[[str, TrainingProgress], None] | None = None,
    weigh_means: Callable[[joint_model.Parameters], MeanRows] | None = None,
) -> TrainedEnsemble:
    """Train an ensemble.

    Args:
      form: What the network predicts.
      training_data: From `make_training_data`.
      model: What predicts: anything that `as_architecture` takes, such as a class of
        modules of Flax, or the number of hidden units of a long short-term memory.
      initial: Hyperparameters of the inversion that are best without a network.
      keys: Of `jax.random.split`, one for each member, shape (member,).
      training_schedule: Steps and learning rates; None takes that of `make_schedule`.
      learning_rate_factor: Factor on the learning rate of each member, to sweep it with
        the seeds, all in one program. Shape () or (member,).
      segment: As in `Predictor`.
      checkpoints: From "alone" and "jointly" to where each is kept.
      watch: Called with the share of the steps that is done.
      on_step: Called at every evaluation with "alone" or "jointly" and the
        `TrainingProgress`, such as to write it to a log.
      weigh_means: From the parameters after pre-training to the observed means as joint
        training takes them; those of the data if not given.

    Returns:
      The `TrainedEnsemble`.

    Raises:
      ValueError: If the model cannot be made or run, or its output has another shape
        than it should.
    """
    training_schedule = (
        make_schedule() if training_schedule is None else training_schedule
    )
    architecture, sizes = as_architecture(model), model_sizes(form, training_data)
    stiffer = dataclasses.replace(
        initial, beta=INITIAL_BETA_FACTOR[form] * initial.beta
    )
    draw = functools.partial(architecture.build, sizes)
    start = joint_model.initial_parameters(draw, stiffer, keys)
    check_network(
        getattr(architecture, "name", type(architecture).__name__),
        joint_model.unstack_members(start)[0].network,
        training_data.features,
        training_data.drivers,
        OUTPUTS[form],
    )
    whole, devices, cut = training_data, one_device_each(), None
    if devices:
        training_data, cut = shared_out(training_data)
    total = training_schedule.pretraining.steps + getattr(
        training_schedule.joint, "steps", 0
    )

    def part(
        name: str, settings: OptimiserSettings, begin: joint_model.Parameters
    ) -> Fitted:
        if name == "alone":
            first, pair = 0, PRETRAINING_LOSSES[form](segment)
        else:
            first, pair = (
                training_schedule.pretraining.steps,
                _joint_losses(form, segment, training_schedule),
            )
        fitted = train_members(
            *pair,
            begin,
            training_data,
            settings,
            key=jax.random.fold_in(keys[0], first),
            records=RECORDS[form] and RECORDS[form](segment),
            learning_rate_factor=learning_rate_factor,
            decaying=DECAYING,
            checkpoints=checkpoints and checkpoints(name),
            devices=devices,
            data_cut=cut,
            watch=lambda share: watch((first + share * settings.steps) / total),
            on_step=on_step and functools.partial(on_step, name),
        )
        _warn_of_no_gain(name, fitted)
        return fitted

    pretraining = part("alone", training_schedule.pretraining, start)
    two_stages = training_schedule.joint is None
    if two_stages and form == "displacement":
        return TrainedEnsemble(pretraining, None)
    # Restart the hyperparameters: those of pre-training describe a larger residual.
    network_only = dataclasses.replace(
        pretraining.parameters, inversion=start.inversion
    )
    # Pre-training on the load has none of them in its loss.
    if form == "water" and (training_schedule.kept_apart or two_stages):
        network_only = _estimated_apart(whole, network_only)
    if training_schedule.joint is None:
        inverted = dataclasses.replace(pretraining, parameters=network_only)
        return TrainedEnsemble(inverted, None)
    if weigh_means is not None:
        means = weigh_means(network_only)
        training_data = dataclasses.replace(training_data, means=means)
    return TrainedEnsemble(
        pretraining, part("jointly", training_schedule.joint, network_only)
    )


def _joint_losses(
    form: Form, segment: int | None, training_schedule: TrainingSchedule
) -> tuple[Objective, Objective]:
    weight = training_schedule.likelihood_weight
    if form == "displacement":
        return joint_losses.joint_displacement_losses(segment, weight)
    apart = training_schedule.kept_apart
    return joint_losses.joint_load_losses(segment, weight, apart)


def _estimated_apart(
    training_data: joint_model.TrainingData, parameters: joint_model.Parameters
) -> joint_model.Parameters:
    """Parameters with the hyperparameters by which held-out neighbourhoods err."""
    every = math.ceil(len(training_data.displacement) / ESTIMATED_EPOCHS)
    estimated = calibrate(training_data, parameters, every=every)
    logger.info(
        "neighbourhoods held out give beta %.3g, noise factor %.3g, common mode "
        "%.3g mm",
        *np.exp([float(x) for x in dataclasses.astuple(estimated)]),
    )
    spread = lambda value, like: jnp.broadcast_to(value.astype(like.dtype), like.shape)
    inverted = jax.tree.map(spread, estimated, parameters.inversion)
    return dataclasses.replace(parameters, inversion=inverted)


def model_sizes(form: Form, training_data: joint_model.TrainingData) -> ModelSizes:
    """Collect what an architecture has to know of training data.

    Args:
      form: What the network predicts.
      training_data: With features and drivers.

    Returns:
      The `ModelSizes`.
    """
    drivers, per_year = training_data.drivers, 0
    if "days" in drivers:
        ends = np.cumsum(np.asarray(drivers["days"])[:, 0])
        # At least one epoch, and no more than there are.
        per_year = int(np.clip(np.sum(ends <= YEAR_DAYS), 1, len(ends)))
    features = training_data.features.shape[2]
    return ModelSizes(features, OUTPUTS[form], tuple(sorted(drivers)), per_year)


def _warn_of_no_gain(name: str, fitted: Fitted) -> None:
    """Warn of members that predict held-out stations best before their first step."""
    kept = np.flatnonzero(fitted.step == 0) + 1
    if len(kept):
        logger.warning(
            "%s predicts the stations held out by %d of %d members (%s) no better than "
            "its start, whose weights are kept; try a smaller gapfill.learning_rate "
            "or another gapfill.model",
            PART_NAMES[name],
            len(kept),
            len(fitted.step),
            ", ".join(map(str, kept)),
        )
