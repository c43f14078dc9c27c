"""One training step of 75 networks on ten years of days, side by side and in loops.

    python -m benchmarks.lstm

A step is forward, backward and Adam's update, in float32, of 75 networks with 20 inputs
and 32 hidden units, each with its own weights and its own 3,650 days. The references
go from one network to the next: a plain scan over flax's own cell, and one of the same
code, both with JAX's own derivative; the same code with that of `recur`; and PyTorch in
a process of its own where it is installed. As an ensemble is trained, each core of a
CPU has networks of its own. Beside the time on the clock stands that of the processors:
it counts where the machine is shared.
"""

import concurrent.futures
import importlib.util
import multiprocessing
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from benchmarks._harness import largest_error, measure, measure_and_watch, report
from jaxload._cores import available_cores
from jaxload.gapfill.networks.ensemble import Ensemble, predict
from jaxload.gapfill.networks.lstm import NetworkSize, Weights, apply, initialise
from jaxload.gapfill.networks.lstm_scan import recur_by_autodiff
from jaxload.gapfill.training.member_batches import losses
from jaxload.gapfill.training.optimise import Curve
from jaxload.gapfill.training.sharding import along, make_share

__all__ = ["main"]

MEMBERS, EPOCHS, PLACES = 75, 3650, 100
WINDOWS, WARM_UP = (730, 365), 60
NETWORK = NetworkSize(features=20, hidden=32)
RATE = 0.01

Run = Callable[[Weights, jax.Array], jax.Array]


def training_state(windows: int, epochs: int) -> tuple[Any, ...]:
    """Weights, moments, inputs and targets, each with an axis of members first."""
    keys = jax.random.split(jax.random.key(0), MEMBERS)
    each = [initialise(NETWORK, key) for key in keys]
    weights = jax.tree.map(lambda *some: jnp.stack(some), *each)
    moments = jax.vmap(optax.adam(RATE).init)(weights)
    return weights, moments, *map(jnp.asarray, records(windows, epochs))


def records(windows: int, epochs: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, and targets that remember them."""
    rng = np.random.default_rng(0)
    shape = (MEMBERS, epochs, windows, NETWORK.features)
    inputs = rng.normal(size=shape).astype(np.float32)
    return inputs, np.cumsum(inputs[..., 0], axis=1) / np.float32(np.sqrt(epochs))


def loss_of(run: Run) -> Callable[[Weights, tuple], jax.Array]:
    """The loss of one network."""

    def loss(weights: Weights, record: tuple) -> jax.Array:
        inputs, target = record
        return jnp.mean((run(weights, inputs)[..., 0] - target) ** 2)

    return loss


def updated(slope: Any, weights: Any, moments: Any) -> tuple:
    """New weights and moments, and the gradient."""
    change, moments = optax.adam(RATE).update(slope, moments)
    return optax.apply_updates(weights, change), moments, slope


def stepping(run: Run) -> Callable:
    """A step of one network."""

    def step(weights: Weights, moments: Any, *record: jax.Array) -> tuple:
        slope = jax.grad(loss_of(run))(weights, record)
        return updated(slope, weights, moments)

    return step


def grouped(weights: Weights, moments: Any, *record: jax.Array) -> tuple:
    """A step of all networks, a few of them at a time."""
    total = lambda weights: losses(loss_of(apply), weights, record).sum()
    return jax.vmap(updated)(jax.grad(total)(weights), weights, moments)


def as_trained(state: tuple) -> Callable[[], tuple]:
    """A step of all networks as an ensemble takes it, shared out among devices."""
    share = make_share(MEMBERS, jax.local_devices())
    shared = share.out(state)
    step = share.over(grouped, tuple(along() for _ in shared), along())
    return lambda: step(*shared)


def by_flax(weights: Weights, inputs: jax.Array) -> jax.Array:
    """The same network as a plain scan over flax's own cell."""
    cell: Any = nnx.OptimizedLSTMCell(
        NETWORK.features, NETWORK.hidden, rngs=nnx.Rngs(0), param_dtype=jnp.float32
    )
    cell.dense_i.kernel[...] = weights.features
    cell.dense_h.kernel[...] = weights.recurrent
    cell.dense_h.bias[...] = weights.bias
    empty = jnp.zeros((inputs.shape[1], NETWORK.hidden), inputs.dtype)
    hidden = jax.lax.scan(cell, (empty, empty), inputs)[1]
    return read_out(weights, hidden)


def read_out(weights: Weights, hidden: jax.Array) -> jax.Array:
    """Output of a network."""
    return jnp.einsum("tph,ho->tpo", hidden, weights.readout) + weights.offset


def plainly(weights: Weights, inputs: jax.Array) -> jax.Array:
    """The same code as a plain scan, whose derivative is left to JAX."""
    kernel = jnp.concatenate([weights.features, weights.recurrent])
    empty = jnp.zeros((inputs.shape[1], NETWORK.hidden), inputs.dtype)
    hidden = recur_by_autodiff(inputs, kernel, weights.bias, (empty, empty))[1]
    return read_out(weights, hidden)


def apart(state: tuple) -> list[tuple]:
    """Weights, moments and data of each network."""
    take = lambda member: jax.tree.map(lambda x: x[member], state)
    return [take(member) for member in range(MEMBERS)]


def looped(run: Run, state: tuple) -> Callable[[], tuple]:
    """A step of all networks, one after the other."""
    step = jax.jit(stepping(run))
    each = apart(state)

    def loop() -> tuple:
        results = [step(*of_member) for of_member in each]
        return jax.tree.map(lambda *some: jnp.stack(some), *results)

    return loop


def in_double(state: tuple) -> Weights:
    """The gradient of all networks, in double precision."""
    with jax.enable_x64(True):
        slope = jax.jit(jax.grad(loss_of(plainly)))
        each = []
        for weights, _, *record in apart(state):
            each.append(slope(*jax.tree.map(doubled, (weights, tuple(record)))))
        return jax.tree.map(lambda *some: np.stack(some), *each)


def doubled(values: jax.Array) -> jax.Array:
    """In double precision, where JAX has it."""
    return jnp.asarray(np.asarray(values), jnp.float64)


def by_torch(inputs: np.ndarray, target: np.ndarray) -> Callable[[], None]:
    """A step of all networks in PyTorch, one after the other."""
    from torch import from_numpy, nn, optim  # pyright: ignore[reportMissingImports]

    record = list(zip(from_numpy(inputs), from_numpy(target)))
    lstm = [nn.LSTM(NETWORK.features, NETWORK.hidden) for _ in record]
    linear = [nn.Linear(NETWORK.hidden, 1) for _ in record]
    both = [[*x.parameters(), *y.parameters()] for x, y in zip(lstm, linear)]
    optimisers = [optim.Adam(each, RATE) for each in both]

    def step() -> None:
        for member, (inputs, want) in enumerate(record):
            optimisers[member].zero_grad()
            predicted = linear[member](lstm[member](inputs)[0])[..., 0]
            ((predicted - want) ** 2).mean().backward()
            optimisers[member].step()

    return step


def timed_torch() -> dict[str, Any]:
    """Time PyTorch where nothing else runs."""
    import torch  # pyright: ignore[reportMissingImports]

    # Networks this small are slower with two, and far slower on a shared machine.
    torch.set_num_threads(1)
    step = by_torch(*records(1, EPOCHS))
    return measure(step, repeat=5) | busy(step, 5)


def busy(step: Callable[[], Any], repeat: int) -> dict[str, float]:
    """The least time of the processors."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        jax.block_until_ready(step())
        times.append(time.process_time() - start)
    return {"least_processor_s": min(times)}


def steps() -> list[dict[str, Any]]:
    """A row for each way to take a step."""
    whole = training_state(1, EPOCHS)
    once = jax.jit(jax.vmap(stepping(apply)))
    few = jax.jit(grouped)
    ways = {
        "one after the other, flax's own cell": looped(by_flax, whole),
        "one after the other, plain scan": looped(plainly, whole),
        "one after the other": looped(apply, whole),
        "all at once": lambda: once(*whole),
        "a few at a time": lambda: few(*whole),
        "as trained": as_trained(whole),
    }
    wanted, rows = in_double(whole), []
    for what, step in ways.items():
        result, row = stepped(what, step)
        slopes = jax.tree.map(lambda x: np.asarray(x)[:MEMBERS], result[2])
        pairs = zip(jax.tree.leaves(slopes), jax.tree.leaves(wanted))
        rows.append(
            row | {"gradient_error": max(largest_error(*pair) for pair in pairs)}
        )
    for days in WINDOWS:
        windows = training_state(-(-EPOCHS // days), days + WARM_UP)
        what = f"as trained, windows of {days} + {WARM_UP}"
        rows.append(stepped(what, as_trained(windows))[1])
    return rows


def stepped(what: str, step: Callable[[], tuple]) -> tuple[tuple, dict[str, Any]]:
    """What a step gives, and its row."""
    row, result = measure_and_watch(step, 7)
    return result, {"what": what} | row | busy(step, 7)


def torch_row() -> dict[str, Any]:
    """PyTorch on the CPU, if it is here."""
    if importlib.util.find_spec("torch") is None:
        return {"what": "PyTorch is not installed"}
    # Its threads and ours would wait for each other in one process.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        times = pool.submit(timed_torch).result()
    return {"what": "PyTorch on the CPU, one after the other"} | times


def compared() -> list[dict[str, Any]]:
    """Every way beside the plain loop and beside PyTorch."""
    rows = [*steps(), torch_row()]
    part = f"one step of {MEMBERS} networks, {EPOCHS} days"
    flax, plain, torch = (rows[n].get("median_s") for n in (0, 1, -1))
    for row in (row for row in rows if "median_s" in row):
        row["faster_than_flax"] = flax / row["median_s"]
        row["faster_than_plain"] = plain / row["median_s"]
        if torch:
            row["faster_than_torch"] = torch / row["median_s"]
    return [{"part": part} | row for row in rows]


def predictions() -> dict[str, Any]:
    """All networks at many places."""
    weights = training_state(1, 2)[0]
    one = jnp.ones(MEMBERS, jnp.float32)
    nothing = np.zeros(0)
    curve = Curve(nothing.astype(int), nothing, nothing)
    ensemble = Ensemble(weights, one, one, nothing.astype(int), curve, None)
    features = np.random.default_rng(1).normal(size=(EPOCHS, PLACES, NETWORK.features))
    row, _ = measure_and_watch(lambda: predict(ensemble, features), repeat=1)
    part = "prediction"
    what = f"{MEMBERS} networks at {PLACES} places, {EPOCHS} days"
    return {"part": part, "what": what} | row


def main() -> None:
    """Run the benchmark."""
    jax.config.update("jax_num_cpu_devices", available_cores())
    report("lstm", [*compared(), predictions()])


if __name__ == "__main__":
    main()
