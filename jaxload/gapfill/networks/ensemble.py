"""One network for each station, all trained side by side, and run anywhere."""

import dataclasses
import functools
import operator
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import PartitionSpec
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes, on_host
from jaxload.gapfill.networks.lstm import NetworkSize, Weights, apply, initialise
from jaxload.gapfill.networks.windows import (
    TrainingWindows,
    hold_out_spans,
    make_training_windows,
    make_windows,
)
from jaxload.gapfill.scores import check_complete
from jaxload.gapfill.training.member_batches import losses
from jaxload.gapfill.training.optimise import (
    Curve,
    Objective,
    OptimiserSettings,
    train_members,
)
from jaxload.gapfill.training.sharding import (
    MOST_PROGRAMS,
    Devices,
    along,
    make_share,
)

__all__ = ["Ensemble", "Training", "predict", "train", "training_objectives"]

#: Epochs that a prediction keeps at a time.
SEGMENT = 64


#: A network that reads only weather learns what it can in a few hundred steps.
DESCENT = OptimiserSettings(steps=200, patience=5)


@dataclasses.dataclass(frozen=True)
class Training:
    """How to train an ensemble.

    Attributes:
      hidden: Units of each network.
      window: Epochs of the windows into which the record is cut, which are run side by
        side; None runs it whole.
      warm_up: Epochs that a window reads before those that its loss counts.
      held_out: Share of each member's observations that are left out of the training
        and validate it.
      weight_decay: Weight of the squared weights in the loss.
      segment: As in `lstm.apply`; None keeps all epochs for the derivatives.
      dtype: Precision, "float32" or "float64".
      seed: Of the first weights, and of what is held out.
      descent: Steps, learning rate and patience.
    """

    hidden: int = 32
    window: int | None = None
    warm_up: int = 60
    held_out: float = 0.2
    weight_decay: float = 1e-4
    segment: int | None = None
    dtype: str = "float32"
    seed: int = 0
    descent: OptimiserSettings = DESCENT

    def __post_init__(self) -> None:
        if self.hidden < 1 or self.warm_up < 0 or (self.window or 1) < 1:
            raise ValueError(
                f"hidden, window and warm_up are {self.hidden}, {self.window} and "
                f"{self.warm_up}, expected 1, 1 (or None) and 0 or more"
            )
        if not 0 < self.held_out <= 0.5:
            raise ValueError(
                f"held_out is {self.held_out:g}, expected a share above 0 and up to 0.5"
            )
        if not self.weight_decay >= 0:
            raise ValueError(
                f"weight_decay is {self.weight_decay:g}, expected zero or more"
            )
        if self.dtype not in ("float32", "float64"):
            raise ValueError(
                f"dtype is {self.dtype!r}, expected 'float32' or 'float64'"
            )


@dataclasses.dataclass(frozen=True, eq=False)
class Ensemble:
    """Trained networks, one a member.

    Attributes:
      weights: Of the networks, an axis of members first.
      mean: Of each member's target [unit of the target], shape (member,).
      scale: Its standard deviation, the unit of the network's output, shape (member,).
      step: After how many steps each was best, shape (member,).
      curve: Loss and error of what was held out, in variances of the target.
      stopped_at: Step at which training diverged, None where it did not; the weights
        are then the best before it.
    """

    weights: Weights
    mean: Array
    scale: Array
    step: NDArray[np.int64]
    curve: Curve
    stopped_at: int | None


def train(
    features: ArrayLike,
    target: ArrayLike,
    settings: Training | None = None,
    *,
    learning_rate_factor: ArrayLike = 1.0,
    names: Sequence[str] | None = None,
    devices: Devices | None = None,
    watch: Callable[[float], None] | None = None,
) -> Ensemble:
    """Train one network for each member, all in one program.

    The loss is the mean square error of the standardised target, gaps left out. The
    weights that predict each member's held-out epochs best, some weeks in a row, are
    kept. Members share nothing: one more changes none of the others, except for the end
    of the training.

    Args:
      features: Each member's own, shape (epoch, member, feature), of the order of one
        and without gaps.
      target: What is to be predicted, such as displacement [mm], shape (epoch, member);
        NaN if missing.
      settings: How to train.
      learning_rate_factor: Factor on the learning rate of each member, to sweep it: one
        station as several members, each at its own rate. Shape () or (member,).
      names: What errors call the members, such as "station LHAS"; None numbers them.
      devices: Among which members are shared out; None for all of `jax.devices()`,
        those of other processes too, which then all have to call this. A CPU
        is one device, unless JAX was set up before its first use, by
        `jax.config.update("jax_num_cpu_devices", 8)`, to make it more.
      watch: Called with the share of the steps that is done.

    Returns:
      The `Ensemble`.

    Raises:
      ValueError: If features have gaps or another length than the target, or if a
        member has too few values, or only equal ones.

    Example:
      >>> ensemble = train(features[:, control], displacement[:, control])
    """
    settings = Training() if settings is None else settings
    features, target = np.asarray(features), np.asarray(target)
    sizes = check_shapes(
        features=(features, "epoch member feature"), target=(target, "epoch member")
    )
    check_complete("features", features, "member")
    mean, scale = _moments(target, settings, names)
    key = jax.random.key(settings.seed)
    network = NetworkSize(sizes["feature"], settings.hidden)
    fitted = train_members(
        # Neither the seed nor how to descend changes the losses.
        *training_objectives(
            dataclasses.replace(settings, seed=0, descent=OptimiserSettings())
        ),
        _first_weights(network, sizes["member"], key, settings.dtype),
        _training_windows(features, (target - mean) / scale, settings),
        settings.descent,
        key=key,
        learning_rate_factor=learning_rate_factor,
        devices=jax.devices() if devices is None else devices,
        watch=watch,
    )
    kind = settings.dtype
    return Ensemble(
        weights=fitted.parameters,
        mean=jnp.asarray(mean, kind),
        scale=jnp.asarray(scale, kind),
        step=fitted.step,
        curve=fitted.curve,
        stopped_at=fitted.diverged_at,
    )


def predict(
    ensemble: Ensemble,
    features: ArrayLike,
    *,
    devices: Devices | None = None,
    watch: Callable[[float], None] | None = None,
) -> NDArray:
    """Predict the target of every member at every place.

    One member after the other, a few epochs at a time: beside the result, only the
    features need memory.

    Args:
      ensemble: From `train`.
      features: Of the places, shape (epoch, place, feature), made as those that the
        members were trained with.
      devices: Among which places are shared out, as in `train`.
      watch: Called with the share of the members that is done.

    Returns:
      Prediction [unit of the target], shape (epoch, member, place), in the precision of
      the ensemble.

    Raises:
      ValueError: If features have gaps, or are not those of the training.
    """
    features = np.asarray(features)
    first_layer = ensemble.weights.features[0]
    sizes = check_shapes(
        features=(features, "epoch place feature"), weights=(first_layer, "feature _")
    )
    check_complete("features", features, "place")
    share = make_share(sizes["place"], jax.devices() if devices is None else devices)
    inputs = share.out(jnp.asarray(features, first_layer.dtype), axis=1)
    alike = PartitionSpec()
    predict_one = share.over(_predict_member, (alike, alike, alike, along(1)), along(1))
    members = len(ensemble.mean)
    predictions = np.empty((sizes["epoch"], members, sizes["place"]), first_layer.dtype)
    each = (ensemble.weights, ensemble.mean, ensemble.scale)
    for member in range(members):
        one = jax.tree.map(operator.itemgetter(member), each)
        predicted = on_host(predict_one(*one, inputs))
        predictions[:, member] = predicted[:, : sizes["place"]]
        if watch is not None:
            watch((member + 1) / members)
    return predictions


def _predict_member(
    weights: Weights, mean: Array, scale: Array, inputs: Array
) -> Array:
    return mean + scale * apply(weights, inputs, segment=SEGMENT)[..., 0]


def _moments(
    target: NDArray, settings: Training, names: Sequence[str] | None
) -> tuple[NDArray, NDArray]:
    called = lambda number: names[number] if names else f"member {number}"
    seen = np.isfinite(target)
    least = 2 * _every(settings)
    count = seen.sum(axis=0)
    if count.min() < least:
        raise ValueError(
            f"{called(count.argmin())} has {count.min()} values, expected at least "
            f"{least} to train and judge by; leave it out"
        )
    mean = np.nanmean(np.where(seen, target, np.nan), axis=0)
    scale = np.nanstd(np.where(seen, target, np.nan), axis=0)
    if not scale.min() > 0:
        raise ValueError(
            f"{called(scale.argmin())} has only equal values, from which nothing can "
            "be learned; leave it out"
        )
    return mean, scale


def _first_weights(
    network: NetworkSize, members: int, key: Array, dtype: str
) -> Weights:
    # One after the other: the orthogonal weights come from a batched LAPACK routine.
    drawn = [
        initialise(network, jax.random.fold_in(key, member), dtype)
        for member in range(members)
    ]
    return jax.tree.map(lambda *each: jnp.stack(each), *drawn)


def _training_windows(
    features: NDArray, target: NDArray, settings: Training
) -> TrainingWindows:
    windows = make_windows(len(target), settings.window, settings.warm_up)
    out = hold_out_spans(np.isfinite(target), _every(settings), settings.seed)
    return make_training_windows(features, target, out, windows, settings.dtype)


def _every(settings: Training) -> int:
    """One in how many spans is held out."""
    return round(1 / settings.held_out)


@functools.lru_cache(maxsize=MOST_PROGRAMS)
def training_objectives(settings: Training) -> tuple[Objective, Objective]:
    """Make training and validation loss, the same functions for the same settings.

    Args:
      settings: How to train.

    Returns:
      Both, for `optimise.train_members`, with `TrainingWindows` as data.
    """
    return (
        functools.partial(_loss, settings=settings),
        functools.partial(_score, settings=settings),
    )


def _loss(
    weights: Weights, windows: TrainingWindows, _: Array, *, settings: Training
) -> Array:
    def one(weights: Weights, windows: TrainingWindows) -> Array:
        matrices = (weights.features, weights.recurrent, weights.readout)
        squares = sum(jnp.sum(matrix**2) for matrix in matrices)
        error = _error(weights, windows, windows.train_weight, settings)
        return error + settings.weight_decay * squares

    return losses(one, weights, windows)


def _score(
    weights: Weights, windows: TrainingWindows, _: Array, *, settings: Training
) -> Array:
    def one(weights: Weights, windows: TrainingWindows) -> Array:
        return _error(weights, windows, windows.validation_weight, settings)

    return losses(one, weights, windows)


def _error(
    weights: Weights, windows: TrainingWindows, counted: Array, settings: Training
) -> Array:
    """Weighted mean square error of one member."""
    predicted = apply(weights, windows.inputs, segment=settings.segment)[..., 0]
    return jnp.sum(counted * (predicted - windows.target) ** 2)
