"""A sweep over settings beside one run of its study, in the same process.

By itself 100 settings (25 betas, 4 common modes) of the simulated world of the demo;
with a sweep file those of any study. The run stores no maps; it goes first, and what it
compiles serves the sweep.
"""

import argparse
import dataclasses
import pathlib
import tempfile
import time
from collections.abc import Callable
from typing import Any

import jax

from benchmarks._harness import report
from jaxload import config, demo, pipeline, sweep

__all__ = ["main"]

SETTINGS = """study = "data/study.toml"
[settings]
inversion.beta = { low = 0.001, high = 1.0, count = 25, scale = "log" }
inversion.common_mode_mm = [0.0, 0.5, 1.0, 2.0]
"""


def main() -> None:
    """Time a run and a sweep, and store the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "sweep", nargs="?", help="a sweep file; the demo's if not given"
    )
    parser.add_argument("--data", help="folder of the study's files")
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        path = options.sweep or _write_demo(place)
        plan = config.read_sweep(path, options.data)
        rows = [_one_run(plan), _whole_sweep(plan, place / "sweep")]
    rows[1]["times_one_run"] = rows[1]["processor_s"] / rows[0]["processor_s"]
    report("sweep" if options.sweep is None else "sweep-of-a-study", rows)


def _write_demo(folder: pathlib.Path) -> pathlib.Path:
    demo.SYSTEMS["traditional"](folder)
    path = folder / "sweep.toml"
    path.write_text(SETTINGS)
    return path


def _one_run(plan: config.Sweep) -> dict[str, Any]:
    study = plan.study_with({})
    inversion = dataclasses.replace(study.inversion, errors="none")
    no_maps = config.Output(store=("regions",))
    study = dataclasses.replace(study, inversion=inversion, output=no_maps)
    return {"what": "one run"} | _timed(lambda: pipeline.run(study).close())


def _whole_sweep(plan: config.Sweep, folder: pathlib.Path) -> dict[str, Any]:
    times = _timed(lambda: sweep.run_sweep(plan, folder))
    return {"what": f"{plan.count} settings"} | times


def _timed(function: Callable[[], Any]) -> dict[str, float]:
    wall, processor = time.perf_counter(), time.process_time()
    function()
    return {
        "wall_s": time.perf_counter() - wall,
        "processor_s": time.process_time() - processor,
    }


if __name__ == "__main__":
    main()
