"""First the network by itself, then through the inversion.

From the first step on, the inversion would make much of what a network of random
weights leaves, and follow it: most of what there is to be learned is one pattern for
the whole region, which the evidence gives little weight as long as it may be an offset
that receivers share. A network learns it soon from heights alone.
"""

import dataclasses
from collections.abc import Callable
from typing import Literal

import jax
from jax import Array

from jaxload.gapfill import joint
from jaxload.gapfill.lstm import Network
from jaxload.gapfill.training import Checkpoints, Descent, Fitted, descend

__all__ = ["Curriculum", "Learned", "learn"]

#: What a network tells of.
Form = Literal["water", "displacement"]

#: What each form begins with, and what it goes on with.
ALONE = {
    "water": joint.water_alone_objectives,
    "displacement": joint.two_stage_objectives,
}
JOINTLY = {
    "water": joint.water_objectives,
    "displacement": joint.displacement_objectives,
}

#: How much stiffer than it is best without a network a prior about what a network
#: expects begins: it would explain itself what the network is to learn.
STIFFER = {"water": 4.0, "displacement": 1.0}

#: Numbers of the inversion are no weights, and stay where they are put.
DECAYING = joint.Parameters(network=True, inversion=False)  # pyright: ignore[reportArgumentType]


#: Long enough at every size that was tried; what is held out ends it.
BY_ITSELF = Descent(steps=160, learning_rate=0.01, weight_decay=1.0, patience=4)
FROM_THERE = Descent(steps=100, learning_rate=0.003, weight_decay=1.0, patience=4)


@dataclasses.dataclass(frozen=True)
class Curriculum:
    """How long and how fast.

    Attributes:
      alone: The network by itself.
      jointly: Through the inversion; None for two stages, the one after the other.
    """

    alone: Descent = BY_ITSELF
    jointly: Descent | None = FROM_THERE


STANDARD = Curriculum()


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
    lesson: joint.Lesson,
    network: Network,
    numbers: tuple[float, float, float],
    keys: Array,
    *,
    curriculum: Curriculum = STANDARD,
    segment: int | None = None,
    checkpoints: Callable[[str], Checkpoints] | None = None,
    watch: Callable[[float], None] = lambda _: None,
) -> Learned:
    """Train an ensemble.

    Args:
      form: What the network tells of.
      lesson: What there is to learn from.
      network: Its size.
      numbers: Beta, noise factor and common standard deviation [mm] that are best
        without a network.
      keys: Of `jax.random.split`, one for each member, shape (member,).
      curriculum: How long and how fast.
      segment: As in `lstm.apply`.
      checkpoints: From "alone" and "jointly" to where each is kept.
      watch: Told of the share of the steps that is done.

    Returns:
      The `Learned`.
    """
    beta, factor, common = numbers
    begin = (STIFFER[form] * beta, factor, common)
    start = joint.first_parameters(network, begin, keys)
    total = curriculum.alone.steps + getattr(curriculum.jointly, "steps", 0)

    def part(name: str, settings: Descent, begin: joint.Parameters) -> Fitted:
        first = 0 if name == "alone" else curriculum.alone.steps
        return descend(
            *(ALONE if name == "alone" else JOINTLY)[form](segment),
            begin,
            lesson,
            settings,
            key=jax.random.fold_in(keys[0], first),
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
