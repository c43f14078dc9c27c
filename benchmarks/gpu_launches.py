"""Kernels that each program would launch on an NVIDIA H200, counted without one.

    make launches                                        all programs
    .venv/bin/python -m benchmarks.gpu_launches NAME     those whose names hold NAME

A program of millions of tiny kernels is slow on a GPU whatever its operations are: at
some 4 microseconds each, launches are a lower bound on its time. XLA's CUDA plugin
compiles for a description of the device; its wheels lie in .cuda (`make .cuda/ready`)
or the folder that the variable JAXLOAD_CUDA names. Rows are stored in
`results/gpu_launches.json`, a program's old row replaced.
"""

import json
import math
import pathlib
import subprocess
import sys
from typing import Any

import jax
from rich.console import Console

from benchmarks._h200 import Compiled, cuda_environment, cuda_folder, for_h200
from benchmarks._harness import RESULTS, environment, show
from benchmarks._launch_programs import PROGRAMS, Program

__all__ = ["MOST_TEMP_GIB", "counted", "main", "row_of", "stored_rows"]

STORED = RESULTS / "gpu_launches.json"

#: Memory that a program may take beside arguments and results [GiB].
MOST_TEMP_GIB = 40

#: Time of one launch [s].
LAUNCH = 4e-6

#: Peak rates of an H200 [1/s]: products by type, and operations on vectors.
PRODUCTS = {"float64": 67e12, "float32": 67e12}
VECTORS = {"float64": 34e12, "float32": 67e12}


def row_of(program: Program, compiled: Compiled) -> dict[str, Any]:
    """A line of the table.

    Args:
      program: What was compiled.
      compiled: What is known of it.

    Returns:
      The line. `floor_ms` is the least time of its operations at the device's peak
      rates, `launch_ms` that of its launches.
    """
    launches = compiled.launches
    unknown = sum(not loop.known for loop in launches.loops)
    return {
        "what": program.name,
        "size": program.size,
        "launches": launches.total,
        "budget": program.budget,
        "launch_ms": 1e3 * LAUNCH * launches.total,
        "gflop": sum(compiled.flops.values()) / 1e9,
        "floor_ms": 1e3 * _floor(compiled),
        "temp_gib": compiled.temp_gib,
        "result_gib": compiled.result_gib,
        "library_calls": sum(launches.calls.values()),
        "loops_unknown": unknown,
        "compile_s": compiled.compile_s,
    }


def _floor(compiled: Compiled) -> float:
    total = 0.0
    for key, count in compiled.flops.items():
        kind, dtype = key.split()
        rates = PRODUCTS if kind == "dot" else VECTORS
        total += count / rates.get(dtype, math.inf)
    return total


def counted(name: str, folder: pathlib.Path) -> dict[str, Any]:
    """Compile a program in a process of its own and describe it.

    Args:
      name: Of `PROGRAMS`.
      folder: Of the wheels.

    Returns:
      A line of the table.

    Raises:
      RuntimeError: If it could not be compiled.
    """
    command = [sys.executable, "-m", "benchmarks.gpu_launches", "--one", name]
    done = subprocess.run(
        command,
        env=cuda_environment(folder),
        cwd=pathlib.Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{name} was not compiled: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _one(name: str) -> None:
    jax.config.update("jax_enable_x64", True)
    program = PROGRAMS[name]
    function, args = program.build()
    compiled = for_h200(function, *args, trips=program.trips)
    row = row_of(program, compiled)
    sys.stdout.write(json.dumps(row) + "\n")
    for loop in compiled.launches.loops[:8]:
        sys.stderr.write(f"{loop.turns} x {loop.launches}: {loop.source[-120:]}\n")


def stored_rows() -> list[dict[str, Any]]:
    """The rows that are stored, in the order of the programs."""
    rows = json.loads(STORED.read_text())["rows"] if STORED.exists() else []
    order = {key: place for place, key in enumerate(PROGRAMS)}
    known = [row for row in rows if _key(row) in order]
    return sorted(known, key=lambda row: order[_key(row)])


def _key(row: dict[str, Any]) -> str:
    return f"{row['what']}, {row['size']}"


def _store(row: dict[str, Any]) -> None:
    rows = [other for other in stored_rows() if _key(other) != _key(row)] + [row]
    versions = environment()["versions"]
    about = {"device": "NVIDIA H200, described", "versions": versions}
    text = json.dumps({"environment": about, "rows": rows}, indent=1)
    STORED.write_text(text + "\n")


def main() -> None:
    """Count the launches of all programs, or of those that are named."""
    if sys.argv[1:2] == ["--one"]:
        _one(sys.argv[2])
        return
    folder = cuda_folder()
    if folder is None:
        raise SystemExit("XLA's CUDA plugin is not here; run make launches")
    wanted = sys.argv[1:]
    for name in PROGRAMS:
        if not wanted or any(part in name for part in wanted):
            _store(counted(name, folder))
    show("Launches on an H200", stored_rows())
    over = [_key(row) for row in stored_rows() if row["launches"] > row["budget"]]
    Console(width=160).print(f"over budget: {'; '.join(over) or 'none'}")


if __name__ == "__main__":
    main()
