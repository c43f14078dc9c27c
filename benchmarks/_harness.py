"""How every benchmark measures and reports: time, error, device, versions."""

import importlib.metadata
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
from rich.console import Console
from rich.table import Table

__all__ = ["RESULTS", "environment", "measure", "report"]

RESULTS = pathlib.Path(__file__).parent / "results"


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

    def once() -> float:
        start = time.perf_counter()
        jax.block_until_ready(function(*args, **settings))
        return time.perf_counter() - start

    first = once()
    times = [once() for _ in range(repeat)]
    return {
        "first_call_s": first,
        "median_s": statistics.median(times),
        "times_s": times,
    }


def environment() -> dict[str, Any]:
    """Say on what the numbers were taken."""
    device = jax.devices()[0]
    packages = ("jax", "jaxlib", "numpy", "scipy")
    return {
        "device": device.device_kind,
        "platform": device.platform,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
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
    table = Table(title=f"{name} on {about['device']}")
    columns = list(dict.fromkeys(key for row in rows for key in row))
    columns = [c for c in columns if c != "times_s"]
    for column in columns:
        table.add_column(column)
    for row in rows:
        table.add_row(*(_show(row.get(column)) for column in columns))
    Console(width=160).print(table)


def _show(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
