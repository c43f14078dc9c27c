"""Train networks side by side until held-out data are predicted no better.

Members of an ensemble differ in their first weights and in the data that they hold out.
They share one program and nothing else: each has steps, scores and a best step by
itself.
"""

import dataclasses
import functools
import logging
from collections.abc import Callable
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import PartitionSpec
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import on_host
from jaxload._exchange import from_first
from jaxload.gapfill.training.sharding import (
    MOST_PROGRAMS,
    Devices,
    Share,
    along,
    make_share,
)

__all__ = [
    "Checkpoints",
    "Curve",
    "Fitted",
    "OptimiserSettings",
    "TrainingProgress",
    "train_members",
]

logger = logging.getLogger(__name__)

#: From parameters, data and a random key to a number for each member.
Objective = Callable[[Any, Any, Array], Array]

#: The same to several such numbers by name, which are recorded and decide nothing.
Records = Callable[[Any, Any, Array], dict[str, Array]]


@dataclasses.dataclass(frozen=True)
class OptimiserSettings:
    """How to train.

    Attributes:
      steps: Most steps.
      learning_rate: Of Adam.
      weight_decay: What Adam takes off a parameter at every step, apart from the loss,
        as a multiple of itself and the learning rate (AdamW).
      every: Steps between two evaluations of the held-out data; fewer before the last.
      patience: Evaluations without a gain, of any member, after which training ends.
      largest_gradient: Norm to which a member's longer gradient is clipped.
    """

    steps: int = 400
    learning_rate: float = 0.01
    weight_decay: float = 0.0
    every: int = 10
    patience: int = 8
    largest_gradient: float = 1.0

    def __post_init__(self) -> None:
        for name in ("steps", "every", "patience"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
        for name in ("learning_rate", "largest_gradient"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(
                    f"{name} is {getattr(self, name):g}, expected a positive number"
                )
        if not 0 <= self.weight_decay < np.inf:
            raise ValueError(
                f"weight_decay is {self.weight_decay:g}, expected zero or a positive "
                "number"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """Learning curve of a training.

    Attributes:
      step: Number of steps at each evaluation, from 0, shape (evaluation,).
      loss: Training loss at the step before each evaluation, shape (evaluation,
        member); NaN at the first.
      held_out: Validation loss, shape (evaluation, member).
      others: Other scores by name, likewise.
    """

    step: NDArray[np.int64]
    loss: NDArray[np.float64]
    held_out: NDArray[np.float64]
    others: dict[str, NDArray[np.float64]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, eq=False)
class Fitted:
    """Trained members.

    Attributes:
      parameters: Those with the best score of each member, an axis of members first.
      step: After how many steps each was best, shape (member,).
      curve: Learning curve.
      diverged_at: The step at which it ceased to be finite, None where it did not.
    """

    parameters: Any
    step: NDArray[np.int64]
    curve: Curve
    diverged_at: int | None


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingProgress:
    """State of a training when held-out data were last evaluated.

    Attributes:
      step: Number of steps.
      loss: Training loss at the step before, shape (member,).
      held_out: Validation loss, shape (member,).
      parameters: Those of this step, an axis of members first.
    """

    step: int
    loss: NDArray[np.float64]
    held_out: NDArray[np.float64]
    parameters: Any


class Checkpoints(Protocol):
    """Store of the states of a training."""

    def restore(self, state: Any) -> Any:
        """Give back the newest state of this shape, or the given one."""
        ...

    def save(self, step: int, state: Any) -> None:
        """Keep a state."""
        ...


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class _State:
    """All that the next step depends on."""

    step: Array
    parameters: Any
    moments: Any
    best: Any
    score: Array
    best_step: Array
    loss: Array
    held_out: Array
    others: dict[str, Array]
    broken: Array


def _cut() -> _State:
    """How a state is cut where members are shared out."""
    cut: dict[str, Any] = dict.fromkeys(
        (field.name for field in dataclasses.fields(_State)), along()
    )
    cut |= {"step": PartitionSpec(), "loss": along(1)}
    cut |= {"held_out": along(1), "others": along(1)}
    return _State(**cut)


def train_members(
    loss: Objective,
    score: Objective,
    start: Any,
    data: Any,
    settings: OptimiserSettings,
    *,
    key: Array,
    records: Records | None = None,
    learning_rate_factor: ArrayLike = 1.0,
    decaying: Any = True,
    checkpoints: Checkpoints | None = None,
    devices: Devices = (),
    data_cut: Any = None,
    watch: Callable[[float], None] | None = None,
    on_step: Callable[[TrainingProgress], None] | None = None,
) -> Fitted:
    """Minimise a loss by Adam, and keep the parameters that score best.

    The same key gives the same result, to the last bit, whether it ran in one go or was
    taken up again from a checkpoint, on one kind of machine.

    Args:
      loss: Training loss, shape (member,), from parameters, data and a key that is new
        at every step.
      score: Validation loss, smaller is better, likewise; its key is always the same.
      start: First parameters, a pytree with an axis of members first.
      data: A pytree of arrays, handed to both.
      settings: How to train.
      key: Of `jax.random.key`.
      records: Further scores, recorded at every evaluation.
      learning_rate_factor: Factor on the learning rate of each member, to sweep it: the
        same first parameters at several rates, side by side. Shape () or (member,).
      decaying: Which parameters the weight decay is for: booleans in a pytree that
        begins as `start` does.
      checkpoints: Where to keep the state at every evaluation, to go on from there.
      devices: Among which members are shared out, if there are several; a key is then
        the same for all members. Where they are of several processes, all of these call
        this with the same, and only the first restores and keeps states.
      data_cut: Which of the data are cut along which axis where members are shared out,
        a pytree of `PartitionSpec` that begins as the data do; all along their first
        axis, that of members, if not given.
      watch: Called with the share of the steps that is done.
      on_step: Called at every evaluation, by every process.

    Returns:
      The `Fitted`. A member whose loss or score ceases to be finite ends the training;
      a warning says at which step.

    Raises:
      ValueError: If what is held out of a member has no finite score before the first
        step: nothing could ever score better.

    Source:
      Loshchilov and Hutter (2019): decoupled weight decay regularization, ICLR.
    """
    share = make_share(len(jax.tree.leaves(start)[0]), devices)
    data_cut = along() if data_cut is None else data_cut
    start, data = share.out(start), share.spread(data, data_cut)
    alike = PartitionSpec()
    first = share.over(score, (along(), data_cut, alike), along())(start, data, key)
    _check_first(first)
    others = {}
    if records is not None:
        others = share.over(records, (along(), data_cut, alike), along())(
            start, data, key
        )
    rates = settings.learning_rate * jnp.asarray(learning_rate_factor, first.dtype)
    rates = share.out(jnp.broadcast_to(rates, (share.parts,)))
    cut = _cut()
    optimiser = _adam(settings, decaying)
    leaves, structure = jax.tree.flatten(decaying)
    # One program serves every learning rate.
    alike_but_for_rates = dataclasses.replace(settings, learning_rate=1.0)
    advance = share.over(
        _advancing(
            (loss, score, records), alike_but_for_rates, (tuple(leaves), structure)
        ),
        (cut, data_cut, alike, along()),
        cut,
    )
    state = _begin(start, (first, others), optimiser, settings)
    state = share.spread(_restored(state, checkpoints, share, cut), cut)
    diverged = None
    while not _is_done(state, settings):
        following = advance(state, data, key, rates)
        broken = on_host(following.broken)
        if broken.any():
            diverged = int(broken[broken > 0].min())
            break
        state = following
        if checkpoints is not None or share.spans_processes:
            kept = share.whole(state, cut)
            if checkpoints is not None:
                checkpoints.save(int(state.step), kept)
        if watch is not None:
            watch(int(state.step) / settings.steps)
        if on_step is not None:
            on_step(_progress(state, settings, share))
    fitted = _fitted(state, settings, diverged, share)
    if diverged is not None:
        _warn_of_divergence(diverged, fitted.step)
    return fitted


def _restored(
    state: _State, checkpoints: Checkpoints | None, share: Share, cut: _State
) -> _State:
    """The newest state that was kept, on however many devices; else the given one."""
    state = share.whole(state, cut)
    if checkpoints is not None:
        state = checkpoints.restore(state)
    if share.spans_processes:
        # Others may not see the folder of the first.
        state = from_first(state)
    return state


def _check_first(scores: Array) -> None:
    whole = on_host(scores)
    bad = np.flatnonzero(~np.isfinite(whole))
    if len(bad):
        raise ValueError(
            f"member {bad[0]} cannot be trained: before the first step what it holds "
            f"out scores {float(whole[bad[0]])}, expected a finite number; are its "
            "features, data and first parameters finite, and is anything held out?"
        )


def _begin(
    start: Any,
    scores: tuple[Array, dict[str, Array]],
    optimiser: Any,
    settings: OptimiserSettings,
) -> _State:
    first, others = scores
    members = first.shape[0]
    looks = 1 + _looks(settings.steps, settings)
    empty = jnp.full((looks, members), jnp.nan, first.dtype)
    nothing = jnp.zeros(members, jnp.int32)
    return _State(
        step=jnp.zeros((), jnp.int32),
        parameters=start,
        moments=jax.vmap(optimiser.init)(start),
        best=start,
        score=first,
        best_step=nothing,
        loss=empty,
        held_out=empty.at[0].set(first),
        others={k: empty.astype(v.dtype).at[0].set(v) for k, v in others.items()},
        broken=nothing,
    )


def _looks(step: Any, settings: OptimiserSettings) -> Any:
    """Evaluations after the first until a step, the last of which may come early."""
    return -(-step // settings.every)


def _adam(settings: OptimiserSettings, decaying: Any) -> Any:
    # Slow to import, and of use only here.
    import optax

    decay = settings.weight_decay
    return optax.adamw(1.0, weight_decay=decay, mask=decaying)


@functools.lru_cache(maxsize=MOST_PROGRAMS)
def _advancing(
    objectives: tuple[Objective, Objective, Records | None],
    settings: OptimiserSettings,
    decaying: tuple[tuple, Any],
) -> Callable[[_State, Any, Array, Array], _State]:
    """A function that goes on to the next evaluation, the same for the same training.

    Which parameters decay is known by their leaves and their structure; the learning
    rate of each member is an argument. What is asked for twice has been traced and
    compiled.
    """
    loss, score, records = objectives
    leaves, structure = decaying
    optimiser = _adam(settings, jax.tree.unflatten(structure, leaves))

    def total(parameters: Any, data: Any, key: Array) -> tuple[Array, Array]:
        losses = loss(parameters, data, key)
        return jnp.sum(losses), losses

    gradient = jax.grad(total, has_aux=True)
    shorten = functools.partial(_shortened, most=settings.largest_gradient)

    def advance(state: _State, data: Any, key: Array, rates: Array) -> _State:
        def step(number: Array, now: tuple) -> tuple:
            parameters, moments, _, broken = now
            step_key = jax.random.fold_in(key, number)
            slope, losses = gradient(parameters, data, step_key)
            slope = jax.vmap(shorten)(slope)
            # The optimiser mixes counts and floats, which a caller may have forbidden.
            with jax.numpy_dtype_promotion("standard"):
                update = jax.vmap(optimiser.update)
                change, moments = update(slope, moments, parameters)
            # Adam and decay alike are proportional to the learning rate.
            parameters = jax.tree.map(
                lambda old, by: old + by * _along(rates, by).astype(by.dtype),
                parameters,
                change,
            )
            return parameters, moments, losses, _first(broken, losses, number + 1)

        last = jnp.minimum(state.step + settings.every, settings.steps)
        nothing = jnp.zeros_like(state.score)
        now = (state.parameters, state.moments, nothing, state.broken)
        now = jax.lax.fori_loop(state.step, last, step, now)
        parameters, moments, losses, broken = now
        scores = score(parameters, data, key)
        others = {} if records is None else records(parameters, data, key)
        better, look = scores < state.score, _looks(last, settings)
        return _State(
            step=last,
            parameters=parameters,
            moments=moments,
            best=jax.tree.map(
                functools.partial(_chosen, better), parameters, state.best
            ),
            score=jnp.where(better, scores, state.score),
            best_step=jnp.where(better, last, state.best_step),
            loss=state.loss.at[look].set(losses),
            held_out=state.held_out.at[look].set(scores),
            others={k: state.others[k].at[look].set(v) for k, v in others.items()},
            broken=_first(broken, scores, last),
        )

    return advance


def _first(broken: Array, values: Array, step: Array) -> Array:
    """The step at which each value first was not finite, 0 as long as it is."""
    bad = (broken == 0) & ~jnp.isfinite(values)
    return jnp.where(bad, step, broken)


def _shortened(slope: Any, most: float) -> Any:
    """A gradient of no more than a norm; its leaves may differ in precision."""
    squares = [jnp.sum(x.astype(jnp.float32) ** 2) for x in jax.tree.leaves(slope)]
    norm = jnp.sqrt(jnp.sum(jnp.stack(squares)))
    factor = most / jnp.maximum(norm, most)
    return jax.tree.map(lambda x: x * factor.astype(x.dtype), slope)


def _along(members: Array, values: Array) -> Array:
    """A number of each member, beside values whose first axis they are."""
    return members.reshape(-1, *[1] * (values.ndim - 1))


def _chosen(better: Array, new: Array, old: Array) -> Array:
    return jnp.where(_along(better, new), new, old)


def _is_done(state: _State, settings: OptimiserSettings) -> bool:
    waited = int(state.step) - int(on_host(state.best_step).max())
    out_of_patience = waited >= settings.patience * settings.every
    return int(state.step) >= settings.steps or out_of_patience


def _warn_of_divergence(step: int, best_step: NDArray[np.int64]) -> None:
    logger.warning(
        "training diverged at step %d; the best parameters before it, of step %s, are "
        "kept: take a smaller learning rate",
        step,
        ", ".join(map(str, best_step)),
    )


def _progress(
    state: _State, settings: OptimiserSettings, share: Share
) -> TrainingProgress:
    step = int(state.step)
    look = _looks(step, settings)
    seen = lambda values: on_host(values).astype(np.float64)[look, : share.parts]
    return TrainingProgress(
        step, seen(state.loss), seen(state.held_out), share.back(state.parameters)
    )


def _fitted(
    state: _State, settings: OptimiserSettings, diverged: int | None, share: Share
) -> Fitted:
    looks = 1 + _looks(int(state.step), settings)
    seen = lambda values: on_host(values).astype(np.float64)[:looks, : share.parts]
    curve = Curve(
        step=np.minimum(np.arange(looks) * settings.every, int(state.step)),
        loss=seen(state.loss),
        held_out=seen(state.held_out),
        others={name: seen(values) for name, values in state.others.items()},
    )
    step = on_host(state.best_step)[: share.parts]
    return Fitted(share.back(state.best), step, curve, diverged)
