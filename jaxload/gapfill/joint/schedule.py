"""First the network by itself, then through the inversion.

From the first step on, the inversion would make much of what a network of random
weights leaves, and follow it: most of what there is to be learned is one pattern for
the whole region, which the evidence gives little weight as long as it may be an offset
that receivers share. A network learns it soon from heights alone.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

import jax
from jax import Array
from jax.typing import ArrayLike

from jaxload.gapfill.joint import joint_losses, joint_model
from jaxload.gapfill.networks.lstm import Network
from jaxload.gapfill.training.optimise import Checkpoints, Descent, Fitted, descend

__all__ = ["Curriculum", "Learned", "learn", "make_curriculum"]

#: What a network tells of.
Form = Literal["water", "displacement"]

#: What each form begins with, and what it goes on with.
ALONE = {
    "water": joint_losses.water_alone_objectives,
    "displacement": joint_losses.two_stage_objectives,
}
JOINTLY = {
    "water": joint_losses.water_objectives,
    "displacement": joint_losses.displacement_objectives,
}

#: How much stiffer than it is best without a network a prior about what a network
#: expects begins: it would explain itself what the network is to learn.
STIFFER = {"water": 4.0, "displacement": 1.0}

#: A load; a displacement and how sure it is.
OUTPUTS = {"water": 1, "displacement": 2}

#: Numbers of the inversion are no weights, and stay where they are put.
DECAYING = joint_model.Parameters(network=True, inversion=False)  # pyright: ignore[reportArgumentType]

#: Looks at what is held out without a gain, of any member, after which a part ends.
PATIENCE = 4

#: How fast it goes on through the inversion, where it has learned most by itself.
SLOWER = 0.3


@dataclasses.dataclass(frozen=True)
class Curriculum:
    """How long and how fast.

    Attributes:
      alone: The network by itself.
      jointly: Through the inversion; None for two stages, the one after the other.
      own: Weight that the network by itself keeps meanwhile; 0 for none.
    """

    alone: Descent
    jointly: Descent | None
    own: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.own < math.inf:
            raise ValueError(f"own is {self.own:g}, expected zero or a positive number")


def make_curriculum(
    steps: int = 160,
    joint_steps: int | None = 100,
    *,
    learning_rate: float = 0.01,
    weight_decay: float = 1.0,
    own: float = 1.0,
) -> Curriculum:
    """Lay out a training; what is held out may end either part before its last step.

    Args:
      steps: Most steps of the network by itself; as is, long enough at every size that
        was tried.
      joint_steps: Most steps through the inversion; None for two stages.
      learning_rate: Of the former; the latter are slower.
      weight_decay: As in `Descent`.
      own: As in `Curriculum`.

    Returns:
      The `Curriculum`.
    """
    alone = Descent(steps, learning_rate, weight_decay, patience=PATIENCE)
    if joint_steps is None:
        return Curriculum(alone, None, own)
    rate = SLOWER * learning_rate
    jointly = dataclasses.replace(alone, steps=joint_steps, learning_rate=rate)
    return Curriculum(alone, jointly, own)


@dataclasses.dataclass(frozen=True, eq=False)
class Learned:
    """What a network became.

    Attributes:
      alone: By itself.
      jointly: Through the inversion, from there; None for two stages.
    """

    alone: Fitted
    jointly: Fitted | None

    @property
    def last(self) -> Fitted:
        """What is to be used."""
        return self.alone if self.jointly is None else self.jointly


def learn(
    form: Form,
    lesson: joint_model.Lesson,
    hidden: int,
    numbers: tuple[float, float, float],
    keys: Array,
    *,
    curriculum: Curriculum | None = None,
    pace: ArrayLike = 1.0,
    segment: int | None = None,
    checkpoints: Callable[[str], Checkpoints] | None = None,
    watch: Callable[[float], None] = lambda _: None,
) -> Learned:
    """Train an ensemble.

    Args:
      form: What the network tells of.
      lesson: What there is to learn from.
      hidden: Units of the network.
      numbers: Beta, noise factor and common standard deviation [mm] that are best
        without a network.
      keys: Of `jax.random.split`, one for each member, shape (member,).
      curriculum: How long and how fast; None takes that of `make_curriculum`.
      pace: Factor on the learning rate of each member, to sweep it with the seeds, all
        in one program. Shape () or (member,).
      segment: As in `lstm.apply`.
      checkpoints: From "alone" and "jointly" to where each is kept.
      watch: Told of the share of the steps that is done.

    Returns:
      The `Learned`.
    """
    curriculum = make_curriculum() if curriculum is None else curriculum
    network = Network(lesson.features.shape[2], hidden, OUTPUTS[form])
    beta, factor, common = numbers
    begin = (STIFFER[form] * beta, factor, common)
    start = joint_model.first_parameters(network, begin, keys)
    total = curriculum.alone.steps + getattr(curriculum.jointly, "steps", 0)

    def part(name: str, settings: Descent, begin: joint_model.Parameters) -> Fitted:
        if name == "alone":
            first, pair = 0, ALONE[form](segment)
        else:
            first, pair = curriculum.alone.steps, JOINTLY[form](segment, curriculum.own)
        return descend(
            *pair,
            begin,
            lesson,
            settings,
            key=jax.random.fold_in(keys[0], first),
            pace=pace,
            decaying=DECAYING,
            checkpoints=checkpoints and checkpoints(name),
            watch=lambda share: watch((first + share * settings.steps) / total),
        )

    alone = part("alone", curriculum.alone, start)
    if curriculum.jointly is None:
        return Learned(alone, None)
    # What the network leaves of the heights grew smaller; the inversion's numbers are
    # those of what it corrects, not of what was missed before there was one.
    network_only = dataclasses.replace(alone.parameters, inversion=start.inversion)
    return Learned(alone, part("jointly", curriculum.jointly, network_only))
