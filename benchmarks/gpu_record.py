"""What one accelerator makes of every path, in parts of less than nine minutes.

    python3 -m benchmarks.gpu_record PART --out FOLDER [--before FOLDER] [--small]

PART is one of rates, parity, criteria, sweep, daily, temporal, earth, series, networks
and run; `all` goes through them, each in a process of its own. A line is written to
FOLDER/gpu_PART.json as soon as it is measured, and what stands there, or in the folder
of `--before`, is not measured again: a part that was cut goes on where it stopped, but
for the line at which it was cut. `rates` comes first: shares are of the ceilings that
it measures, or of those of an H200. Nothing but jaxload and what it needs is imported,
nothing is downloaded, and a machine without an accelerator measures itself.
"""

import argparse
import functools
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._gpu_values import call_of
from benchmarks._h200 import counted_flops
from benchmarks._harness import environment, largest_error
from benchmarks._hlo_launches import count_launches
from benchmarks._launch_programs import Program, paths
from benchmarks.gpu_launches import PRODUCTS, VECTORS

__all__ = ["PARTS", "Record", "main"]

GIB = 2**30

#: Time of a part [s]: what a machine grants a command, less its start.
BUDGET = 520.0

#: Lines begin only where so much time is left [s].
LEAST = 20.0

#: Turns of the loop whose time says what a launch costs.
TURNS = 10_000

PARTS = (
    *("rates", "parity", "criteria", "sweep", "daily", "temporal"),
    *("earth", "series", "networks", "run"),
)

Line = dict[str, Any]


class Record:
    """The lines of a part, written as soon as they are measured."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.small, self.part = options.small, options.part
        self.path = pathlib.Path(options.out) / f"gpu_{options.part}.json"
        self.folders = [self.path.parent, *map(pathlib.Path, options.before)]
        self.end = time.monotonic() + options.budget
        self.lines = self._before()
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def left(self) -> float:
        """Time that is left [s]."""
        return self.end - time.monotonic()

    def add(self, what: str, measure: Callable[[], Line]) -> None:
        """Measure a line, unless it stands there or no time is left.

        Args:
          what: Its name, by which it is known.
          measure: Returns what is measured; what it raises is written down.
        """
        if any(line["what"] == what for line in self.lines):
            return
        if self.left() < LEAST:
            return
        # What stands there if the machine ends the process.
        self.lines.append({"what": what, "cut": True})
        self.write()
        try:
            line = measure()
        except Exception as error:
            line = {"failed": f"{type(error).__name__}: {str(error)[:500]}"}
        self.lines[-1] = {"what": what} | line
        self.write()
        sys.stdout.write(json.dumps(self.lines[-1]) + "\n")
        sys.stdout.flush()

    def write(self) -> None:
        """Write all lines, with the machine that they are of."""
        whole = {"part": self.part, "environment": environment(), "rows": self.lines}
        spare = self.path.with_suffix(".new")
        spare.write_text(json.dumps(whole, indent=1, default=str) + "\n")
        spare.replace(self.path)

    def ceilings(self) -> dict[str, float]:
        """Operations in a second by kind and type, as measured or of an H200."""
        nominal = {f"dot {dtype}": rate for dtype, rate in PRODUCTS.items()}
        nominal |= {f"elementwise {dtype}": rate for dtype, rate in VECTORS.items()}
        for line in self._stored("rates"):
            if line.get("kind") and line.get("per_s"):
                nominal[line["kind"]] = line["per_s"]
        return nominal

    def _before(self) -> list[Line]:
        return self._stored(self.part)

    def _stored(self, part: str) -> list[Line]:
        stored: dict[str, Line] = {}
        for folder in self.folders:
            path = folder / f"gpu_{part}.json"
            if path.is_file():
                for line in json.loads(path.read_text())["rows"]:
                    stored.setdefault(line["what"], line)
        return list(stored.values())


def timed(call: Callable[[], Any], left: float, repeat: int = 5) -> Line:
    """Time a function: the first call, and the median of those that time allows.

    Args:
      call: Its result is waited for.
      left: Time that is left [s].
      repeat: Calls after the first, at most.

    Returns:
      `first_s`, `median_s` and `times_s`, and `device_gib`, the largest memory of the
      device since the process began, where it says so.
    """
    times = []
    for number in range(1 + repeat):
        start = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - start)
        if number and (number + 2) * times[-1] > left / 2:
            break
    first, *rest = times
    stats = jax.devices()[0].memory_stats() or {}
    memory = {"device_gib": stats["peak_bytes_in_use"] / GIB} if stats else {}
    return {
        "first_s": first,
        "median_s": statistics.median(rest),
        "times_s": rest,
    } | memory


def compiled(function: Callable, *arguments: Any) -> tuple[Callable, Line]:
    """Compile a function and count what it launches and computes.

    Args:
      function: What is compiled.
      *arguments: Its arguments.

    Returns:
      The compiled function, and its `compile_s`, `launches`, `temp_gib` and `flops`.
    """
    start = time.perf_counter()
    traced = jax.jit(function).trace(*arguments)
    program = traced.lower().compile()
    took = time.perf_counter() - start
    memory = program.memory_analysis()
    line = {
        "compile_s": took,
        "launches": count_launches(program.as_text() or "").total,
        "temp_gib": memory.temp_size_in_bytes / GIB if memory else None,
        "flops": dict(counted_flops(traced.jaxpr)),
    }
    return program, line


def path_line(program: Program, record: Record) -> Line:
    """Measure one path.

    Args:
      program: The path.
      record: Says how much time is left, and what the ceilings are.

    Returns:
      The line: times, launches, memory, and the share of the measured ceilings that
      the operations reach.
    """
    function, arguments = call_of(program)
    call, line = compiled(function, *arguments)
    line |= timed(functools.partial(call, *arguments), record.left())
    ceilings = record.ceilings()
    floor = sum(
        count / ceilings.get(kind, np.inf) for kind, count in line["flops"].items()
    )
    line["share_of_ceiling"] = floor / line["median_s"]
    line["us_per_launch"] = 1e6 * line["median_s"] / max(line["launches"], 1)
    return line


def measure_rates(record: Record) -> None:
    """Products, operations on vectors, copies, launches and transfers."""
    size = 512 if record.small else 8192
    rng = np.random.default_rng(0)
    for dtype in ("float64", "float32"):
        root = jnp.asarray(rng.normal(size=(size, size)).astype(dtype))
        product = lambda a: jnp.matmul(a, a, precision="highest")
        kind = f"dot {dtype}"
        record.add(
            f"product of {size}, {dtype}",
            functools.partial(_rate, product, root, 2 * size**3, kind, record),
        )
        wide = jnp.asarray(
            rng.uniform(size=2**16 if record.small else 2**26).astype(dtype)
        )
        record.add(
            f"64 operations on each of {wide.size}, {dtype}",
            functools.partial(
                _rate, _many, wide, 64 * wide.size, f"elementwise {dtype}", record
            ),
        )
    long = jnp.zeros(2**20 if record.small else 2**28, jnp.float32)
    record.add(
        "copy on the device [byte]",
        functools.partial(
            _rate, lambda x: x + 1, long, 2 * long.nbytes, "copy", record
        ),
    )
    turn = lambda _, x: jnp.roll(x, 1) * 1.0001
    loop = lambda x: jax.lax.fori_loop(0, TURNS, turn, x)
    record.add("a launch in a loop", functools.partial(_launch, loop, record))
    few = jnp.zeros(64)
    once = jax.jit(lambda x: x + 1)
    record.add(
        "100 empty dispatches",
        lambda: timed(lambda: [once(few) for _ in range(100)], record.left()),
    )
    host = rng.normal(size=2**16 if record.small else 2**26)
    record.add(
        f"{host.nbytes} bytes to the device",
        lambda: timed(lambda: jax.device_put(host), record.left()),
    )


def _many(values: Any) -> Any:
    for _ in range(32):
        values = values * 0.999 + 0.1
    return values


def _rate(function, values, count, kind, record) -> Line:
    call, line = compiled(function, values)
    line |= timed(lambda: call(values), record.left())
    return line | {"kind": kind, "per_s": count / line["median_s"]}


def _launch(loop: Callable, record: Record) -> Line:
    values = jnp.zeros(64)
    call, line = compiled(loop, values)
    line |= timed(lambda: call(values), record.left())
    return line | {"us": 1e6 * line["median_s"] / line["launches"]}


def measure_parity(record: Record) -> None:
    """The smallest size of every path, beside a CPU in a process of its own."""
    programs = [one for several in paths(True).values() for one in several]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.gpu_record", "reference"]
        environment = os.environ | {"JAX_PLATFORMS": "cpu"}
        beside = subprocess.Popen([*command, "--out", folder], env=environment)
        for number, program in enumerate(programs):
            path = pathlib.Path(folder) / f"{number}.npz"
            compare = functools.partial(_parity, program, path, beside, record)
            record.add(f"parity of {program.key}", compare)
        beside.terminate()
        beside.wait()


def _parity(
    program: Program, path: pathlib.Path, beside: subprocess.Popen, record: Record
) -> Line:
    function, arguments = call_of(program)
    results = jax.tree.leaves(jax.jit(function)(*arguments))
    while not path.exists() and beside.poll() is None and record.left() > 1:
        time.sleep(0.1)
    if not path.exists():
        return {"failed": "the CPU was not as far", "cut": True}
    worst, alike = 0.0, True
    with np.load(path) as want:
        for number, leaf in enumerate(results):
            ours, theirs = np.asarray(leaf), want[str(number)]
            alike &= bool((np.isnan(ours) == np.isnan(theirs)).all())
            if np.nanmax(abs(theirs), initial=0) > 0:
                worst = max(worst, largest_error(ours, theirs))
    return {"largest_error": worst, "missing_alike": alike}


def write_reference(folder: pathlib.Path) -> None:
    """What the CPU makes of the smallest size of every path, a file each.

    Args:
      folder: Of the files, which are named by their number.
    """
    programs = [one for several in paths(True).values() for one in several]
    for number, program in enumerate(programs):
        function, arguments = call_of(program)
        leaves = jax.tree.leaves(jax.jit(function)(*arguments))
        results = {str(n): np.asarray(leaf) for n, leaf in enumerate(leaves)}
        # Whole as soon as it has its name.
        spare = folder / "spare.npz"
        np.savez(spare, allow_pickle=False, **results)
        spare.replace(folder / f"{number}.npz")


def measure_run(record: Record) -> None:
    """A demo from files to files, without compiled programs and with them."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cold", "warm"):
            record.add(f"demo, {name}", functools.partial(_run, folder, name, record))


def _run(folder: str, name: str, record: Record) -> Line:
    command = [sys.executable, "-m", "jaxload.cli", "demo"]
    start = time.perf_counter()
    done = subprocess.run(
        [*command, "--out", str(pathlib.Path(folder) / name)],
        env=os.environ | {"JAX_COMPILATION_CACHE_DIR": f"{folder}/programs"},
        timeout=max(record.left() - 5, 1),
        capture_output=True,
        text=True,
        check=False,
    )
    line = {"wall_s": time.perf_counter() - start, "status": done.returncode}
    if done.returncode:
        return line | {"failed": done.stderr[-500:]}
    summaries = sorted((pathlib.Path(folder) / name).rglob("summary.json"))
    seconds = [json.loads(path.read_text()).get("seconds") for path in summaries]
    return line | {"seconds": seconds}


def measure_paths(record: Record) -> None:
    """Every path of a part."""
    for program in paths(record.small)[record.part]:
        record.add(program.key, functools.partial(path_line, program, record))
        jax.clear_caches()


def _measure(options: argparse.Namespace) -> None:
    record = Record(options)
    # A compilation cannot be interrupted: what is written stays, and the part goes on
    # at another time.
    stop = threading.Timer(options.budget, os._exit, args=(3,))
    stop.daemon = True
    stop.start()
    special = {"rates": measure_rates, "parity": measure_parity, "run": measure_run}
    special.get(options.part, measure_paths)(record)
    record.write()
    stop.cancel()


def main(arguments: list[str] | None = None) -> None:
    """Measure a part, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=[*PARTS, "all", "reference"])
    parser.add_argument("--out", default="record", help="folder of the record")
    parser.add_argument("--before", nargs="*", default=[], help="folders of older ones")
    parser.add_argument("--budget", type=float, default=BUDGET, help="of a part [s]")
    parser.add_argument("--small", action="store_true", help="tiny sizes, for a test")
    options = parser.parse_args(arguments)
    with jax.enable_x64(True):
        if options.part == "reference":
            write_reference(pathlib.Path(options.out))
        elif options.part != "all":
            _measure(options)
    if options.part == "all":
        for part in PARTS:
            here = sys.argv[1:] if arguments is None else arguments
            rest = [part if word == "all" else word for word in here]
            subprocess.run(
                [sys.executable, "-m", "benchmarks.gpu_record", *rest], check=False
            )


if __name__ == "__main__":
    main()
