"""How every benchmark measures and reports: time, error, device, versions."""

import dataclasses
import functools
import hashlib
import importlib.metadata
import itertools
import json
import os
import pathlib
import platform
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from jaxload import config
from jaxload._cores import available_cores

__all__ = [
    "RESULTS",
    "environment",
    "hash_of_settings",
    "largest_error",
    "measure",
    "measure_and_watch",
    "report",
    "resident_memory",
    "show",
]

RESULTS = pathlib.Path(__file__).parent / "results"

GIB = 2**30


def measure(function: Callable, *args: Any, repeat: int = 3, **settings: Any) -> dict:
    """Time `function(*args, **settings)`: the first call apart, then the median.

    Args:
      function: What is timed; its result is waited for.
      *args: Passed on.
      repeat: Number of calls after the first, which includes compilation.
      **settings: Passed on.

    Returns:
      `first_call_s`, `median_s` and `times_s`, all in seconds.
    """
    call = functools.partial(function, *args, **settings)
    return _times(_timed(call)[0], call, repeat)


def measure_and_watch(
    function: Callable[[], Any], repeat: int = 3
) -> tuple[dict[str, Any], Any]:
    """Time a function as `measure` does, and watch the memory of its first call.

    Args:
      function: What is called; its result is waited for.
      repeat: Number of calls after the first, which includes compilation.

    Returns:
      What `measure` and `resident_memory` say, and the result of the first call.
    """
    memory, (first, result) = resident_memory(lambda: _timed(function))
    return _times(first, function, repeat) | memory, result


def _timed(call: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = jax.block_until_ready(call())
    return time.perf_counter() - start, result


def _times(first: float, call: Callable[[], Any], repeat: int) -> dict[str, Any]:
    times = [_timed(call)[0] for _ in range(repeat)]
    return {
        "first_call_s": first,
        "median_s": statistics.median(times),
        "times_s": times,
    }


def resident_memory(function: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    """Watch the memory of the process while a function is called.

    Args:
      function: What is called; its result is waited for.

    Returns:
      `peak_gib`, the largest resident memory of the process during the call, and
      `more_gib`, what that is above the one before it, where Linux says so; beside an
      accelerator `device_gib`, the largest there since the start. And the result.
    """
    status = pathlib.Path("/proc/self/status")
    memory = {}
    if status.exists():
        # Sets the largest memory to what is resident now.
        pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = _peak_gib(status)
    result = jax.block_until_ready(function())
    memory["peak_gib"] = _peak_gib(status)
    if status.exists():
        memory["more_gib"] = memory["peak_gib"] - before
    device = jax.devices()[0].memory_stats()
    if device:
        memory["device_gib"] = device["peak_bytes_in_use"] / GIB
    return memory, result


def _peak_gib(status: pathlib.Path) -> float:
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 2**20


def largest_error(got: Any, want: Any) -> float:
    """Return the largest difference relative to the largest value, NaN left out."""
    want = np.asarray(want)
    return float(np.nanmax(abs(np.asarray(got) - want)) / np.nanmax(abs(want)))


def environment() -> dict[str, Any]:
    """Say on what the numbers were taken."""
    device = jax.devices()[0]
    packages = ("jax", "jaxlib", "numpy", "scipy")
    return {
        "device": device.device_kind,
        "platform": device.platform,
        "machine": platform.machine(),
        "cores": available_cores(),
        "load_average": os.getloadavg()[1],
        "float64": bool(jax.config.read("jax_enable_x64")),
        "versions": {p: importlib.metadata.version(p) for p in packages}
        | {"python": platform.python_version()},
        "peak_memory_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def report(name: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as a table and store them with the environment as JSON.

    Args:
      name: Name of the benchmark; the file is `benchmarks/results/<name>.json`, or
        `<name>-<platform>.json` where the default device is not a CPU.
      rows: One dictionary per line of the table.
    """
    about = environment()
    platform_name = about["platform"]
    suffix = "" if platform_name == "cpu" else f"-{platform_name}"
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}{suffix}.json"
    path.write_text(json.dumps({"environment": about, "rows": rows}, indent=1) + "\n")
    show(f"{name} on {about['device']}", rows)


def show(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as a table, or as one for each run of rows with the same `part`.

    Args:
      title: What stands above it.
      rows: One dictionary per line of the table.
    """
    # A bare machine may not have it.
    from rich.console import Console

    for part, some in itertools.groupby(rows, key=lambda row: row.get("part")):
        Console(width=160).print(_table(part or title, list(some)))


def _table(title: str, rows: Sequence[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table(title=title)
    columns = dict.fromkeys(key for row in rows for key in row)
    columns = [column for column in columns if column not in ("times_s", "part")]
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(_show(row.get(column)) for column in columns))
    return table


def _show(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def hash_of_settings(study: config.Study, *more: Any) -> str:
    """Make a hash of the settings of a study, wherever its folder is.

    Those that have their default do not count, so that new ones change nothing.

    Args:
      study: The study.
      *more: What counts beside it, plain values.

    Returns:
      Sixteen hexadecimal digits.
    """
    text = repr((_changed(dataclasses.replace(study, folder=".")), *more))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _changed(value: Any) -> Any:
    """Leave out of tables, and of tables in them, what has its default."""
    if dataclasses.is_dataclass(value):
        return {
            field.name: _changed(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if getattr(value, field.name) != _default(field)
        }
    if isinstance(value, tuple | list):
        return [_changed(one) for one in value]
    if isinstance(value, dict):
        return {key: _changed(one) for key, one in sorted(value.items())}
    return value


def _default(field: dataclasses.Field) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
