"""Schedule of training: pre-training of the network alone, then joint training.

Without pre-training, the inversion fits the residual of a network with random weights.
Most of what is to be learned is one pattern for the whole region, to which the evidence
gives little weight as long as it may be a common mode of the stations. The network
learns it within few steps from the heights alone.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

import jax
from jax import Array
from jax.typing import ArrayLike

from jaxload.gapfill.joint import joint_losses, joint_model
from jaxload.gapfill.networks.lstm import NetworkSize
from jaxload.gapfill.training.optimise import (
    Checkpoints,
    Fitted,
    OptimiserSettings,
    train_members,
)

__all__ = ["TrainedEnsemble", "TrainingSchedule", "make_schedule", "train_ensemble"]

#: What a network predicts.
Form = Literal["water", "displacement"]

#: Losses of pre-training and of joint training, for each form.
ALONE = {
    "water": joint_losses.pretraining_load_losses,
    "displacement": joint_losses.network_only_losses,
}
JOINTLY = {
    "water": joint_losses.joint_load_losses,
    "displacement": joint_losses.joint_displacement_losses,
}

#: Factor on the initial beta, relative to the best one without a network: a weaker
#: prior would explain itself what the network is to learn.
INITIAL_BETA_FACTOR = {"water": 4.0, "displacement": 1.0}

#: Outputs: the load; displacement and its standard deviation.
OUTPUTS = {"water": 1, "displacement": 2}

#: Hyperparameters of the inversion are excluded from weight decay.
DECAYING = joint_model.Parameters(network=True, inversion=False)  # pyright: ignore[reportArgumentType]

#: Evaluations without a gain of any member after which a part stops early.
PATIENCE = 4

#: Learning rate of joint training relative to that of pre-training.
JOINT_RATE_FACTOR = 0.3


@dataclasses.dataclass(frozen=True)
class TrainingSchedule:
    """Steps and learning rates of a training.

    Attributes:
      alone: Pre-training of the network alone.
      jointly: Joint training; None for two stages, inversion after network.
      own: Weight of the network's own likelihood in joint training; 0 for none.
    """

    alone: OptimiserSettings
    jointly: OptimiserSettings | None
    own: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.own < math.inf:
            raise ValueError(f"own is {self.own:g}, expected zero or a positive number")


def make_schedule(
    steps: int = 160,
    joint_steps: int | None = 100,
    *,
    learning_rate: float = 0.01,
    weight_decay: float = 1.0,
    own: float = 1.0,
) -> TrainingSchedule:
    """Make a schedule; early stopping may end either part before its last step.

    Args:
      steps: Most steps of pre-training; the default sufficed at every size tried.
      joint_steps: Most steps of joint training; None for two stages.
      learning_rate: Of pre-training; joint training uses `JOINT_RATE_FACTOR` of it.
      weight_decay: As in `OptimiserSettings`.
      own: As in `TrainingSchedule`.

    Returns:
      The `TrainingSchedule`.
    """
    alone = OptimiserSettings(steps, learning_rate, weight_decay, patience=PATIENCE)
    if joint_steps is None:
        return TrainingSchedule(alone, None, own)
    rate = JOINT_RATE_FACTOR * learning_rate
    jointly = dataclasses.replace(alone, steps=joint_steps, learning_rate=rate)
    return TrainingSchedule(alone, jointly, own)


@dataclasses.dataclass(frozen=True, eq=False)
class TrainedEnsemble:
    """A trained ensemble.

    Attributes:
      alone: After pre-training.
      jointly: After joint training, which begins there; None for two stages.
    """

    alone: Fitted
    jointly: Fitted | None

    @property
    def last(self) -> Fitted:
        """The final state."""
        return self.alone if self.jointly is None else self.jointly


def train_ensemble(
    form: Form,
    training_data: joint_model.TrainingData,
    hidden: int,
    numbers: tuple[float, float, float],
    keys: Array,
    *,
    training_schedule: TrainingSchedule | None = None,
    learning_rate_factor: ArrayLike = 1.0,
    segment: int | None = None,
    checkpoints: Callable[[str], Checkpoints] | None = None,
    watch: Callable[[float], None] = lambda _: None,
) -> TrainedEnsemble:
    """Train an ensemble.

    Args:
      form: What the network predicts.
      training_data: From `make_training_data`.
      hidden: Units of the network.
      numbers: Beta, noise factor and common standard deviation [mm] that are best
        without a network.
      keys: Of `jax.random.split`, one for each member, shape (member,).
      training_schedule: Steps and learning rates; None takes that of `make_schedule`.
      learning_rate_factor: Factor on the learning rate of each member, to sweep it with
        the seeds, all in one program. Shape () or (member,).
      segment: As in `lstm.apply`.
      checkpoints: From "alone" and "jointly" to where each is kept.
      watch: Called with the share of the steps that is done.

    Returns:
      The `TrainedEnsemble`.
    """
    training_schedule = (
        make_schedule() if training_schedule is None else training_schedule
    )
    network = NetworkSize(training_data.features.shape[2], hidden, OUTPUTS[form])
    beta, factor, common = numbers
    begin = (INITIAL_BETA_FACTOR[form] * beta, factor, common)
    start = joint_model.initial_parameters(network, begin, keys)
    total = training_schedule.alone.steps + getattr(
        training_schedule.jointly, "steps", 0
    )

    def part(
        name: str, settings: OptimiserSettings, begin: joint_model.Parameters
    ) -> Fitted:
        if name == "alone":
            first, pair = 0, ALONE[form](segment)
        else:
            first, pair = (
                training_schedule.alone.steps,
                JOINTLY[form](segment, training_schedule.own),
            )
        return train_members(
            *pair,
            begin,
            training_data,
            settings,
            key=jax.random.fold_in(keys[0], first),
            learning_rate_factor=learning_rate_factor,
            decaying=DECAYING,
            checkpoints=checkpoints and checkpoints(name),
            watch=lambda share: watch((first + share * settings.steps) / total),
        )

    alone = part("alone", training_schedule.alone, start)
    if training_schedule.jointly is None:
        return TrainedEnsemble(alone, None)
    # Restart the hyperparameters: those of pre-training describe a larger residual.
    network_only = dataclasses.replace(alone.parameters, inversion=start.inversion)
    return TrainedEnsemble(
        alone, part("jointly", training_schedule.jointly, network_only)
    )
