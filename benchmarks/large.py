"""Records of any length, end to end from files: time by stage, peak memory, one map.

    python -m benchmarks.large
    python -m benchmarks.large --stations 800 --cells 10222 --epochs 1000 9000
    python -m benchmarks.large --stations 3000 --cells 60000 --epochs 7305 --format zarr

Writes heights of a simulated network as a file, and runs `jaxload run` on it in a
process of its own, for each number of epochs; with ``--runs 2`` a second time, when it
finds its programs compiled. Kept after each in benchmarks/results/large.json for the
usual sizes, and under a name with the sizes for others.
"""

import argparse
import json
import math
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from benchmarks._harness import report
from jaxload import config, io

#: Stations, cells and epochs that take a minute on two cores.
SIZES = (60, 1500, (400, 2400))

#: Side of a cell [degrees], and first day.
SPACING, START = 0.25, "2000-01-01"

#: Share of the time that a receiver is off, and days that it stays so on average.
GAPS, OUTAGE = 0.11, 40

#: Southern and western edge of the region [degrees].
CORNER = (20.0, 90.0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study of each size, and report."""
    options = parsed(arguments)
    sizes = (options.stations, options.cells, tuple(options.epochs))
    words = "" if sizes == SIZES else "_{}x{}x{}".format(*sizes[:2], sizes[2][-1])
    of_format = "" if options.format == "netcdf" else f"_{options.format}"
    rows = []
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        for epochs in options.epochs:
            folder = pathlib.Path(name) / str(epochs)
            write_inputs(folder, (options.stations, options.cells, epochs), options)
            rows.append([measured(folder) for _ in range(options.runs)][-1])
            report(f"large{words}{of_format}", rows)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    stations, cells, epochs = SIZES
    parser.add_argument("--stations", type=int, default=stations)
    parser.add_argument("--cells", type=int, default=cells)
    parser.add_argument("--epochs", type=int, nargs="+", default=list(epochs))
    parser.add_argument("--format", default="netcdf", choices=["netcdf", "zarr"])
    parser.add_argument("--errors", default="regions")
    parser.add_argument("--store", nargs="+", default=["twsa", "regions"])
    parser.add_argument("--runs", type=int, default=1, help="of which the last counts")
    parser.add_argument("--folder", help="where files go; that of temporary ones")
    return parser.parse_args(arguments)


def write_inputs(
    folder: pathlib.Path, sizes: tuple[int, int, int], options: argparse.Namespace
) -> None:
    """Write heights, an outline and the study.

    Args:
      folder: Where to; made.
      sizes: Number of stations, of cells (about) and of epochs.
      options: Errors, format and results of the study.
    """
    folder.mkdir(parents=True)
    stations, cells, epochs = sizes
    south, west = CORNER
    side = SPACING * math.sqrt(cells)
    north, east = south + side, west + side
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    np.savetxt(folder / "region.txt", ring, fmt="%.6f")
    rng = np.random.default_rng(1)
    edge = SPACING
    place = rng.uniform(
        [west + edge, south + edge], [east - edge, north - edge], (stations, 2)
    )
    dims = ("time", "station")
    coords = {
        "time": np.arange(START, epochs, dtype="M8[D]").astype("M8[ns]"),
        "station": [f"S{number:04d}" for number in range(stations)],
        "lon": ("station", place[:, 0]),
        "lat": ("station", place[:, 1]),
        "height": ("station", np.zeros(stations)),
    }
    sigma = np.broadcast_to(rng.uniform(3, 6, stations), (epochs, stations))
    values = {"up": (dims, heights(place, epochs, rng)), "up_sigma": (dims, sigma)}
    io.write_gnss(io.label_dataset(xr.Dataset(values, coords)), folder / "gnss.nc")
    study = config.Study(
        gnss=config.Gnss(files="gnss.nc"),
        region=config.Region(boundary="region.txt", spacing=SPACING, buffer=0.0),
        inversion=config.Inversion(beta=0.02, errors=options.errors),
        screening=config.Screening(action="none"),
        output=config.Output(format=options.format, store=tuple(options.store)),
    )
    (folder / "study.toml").write_text(config.to_toml(study))


def heights(place: np.ndarray, epochs: int, rng: np.random.Generator) -> np.ndarray:
    """Simulate uplift by water of a season and of weather, with gaps.

    Args:
      place: Longitude and latitude [degrees], shape (station, 2).
      epochs: Number of days.
      rng: Random numbers.

    Returns:
      Uplift [mm], shape (epoch, station).
    """
    turns = 2 * np.pi * np.arange(epochs) / 365.25
    factors = np.stack([np.cos(turns), np.sin(turns), *weather(epochs, rng)])
    middles = place.mean(axis=0) + rng.normal(size=(len(factors), 2)) * 3
    apart = np.linalg.norm(place[:, None] - middles, axis=-1)
    up = 4 * factors.T @ np.exp(-((apart / 8) ** 2)).T
    up += rng.normal(size=up.shape) * 4
    up[outages(up.shape, rng)] = np.nan
    return up


def outages(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Draw when receivers are off: a share of the time, for weeks on end.

    Args:
      shape: Number of epochs and of stations.
      rng: Random numbers.

    Returns:
      True where one is off, shape (epoch, station).
    """
    ends, begins = 1 / OUTAGE, GAPS / (1 - GAPS) / OUTAGE
    off = np.empty(shape, bool)
    state = rng.uniform(size=shape[1]) < GAPS
    for epoch in range(shape[0]):
        drawn = rng.uniform(size=shape[1])
        state = np.where(state, drawn >= ends, drawn < begins)
        off[epoch] = state
    return off


def weather(epochs: int, rng: np.random.Generator, count: int = 6) -> np.ndarray:
    """Series that forget within a month, of unit variance, shape (series, epoch)."""
    kept, drawn = math.exp(-1 / 30), rng.normal(size=(epochs, count))
    series = np.empty_like(drawn)
    state = drawn[0]
    for epoch, new in enumerate(drawn):
        state = kept * state + math.sqrt(1 - kept**2) * new
        series[epoch] = state
    return series.T


def measured(folder: pathlib.Path) -> dict[str, Any]:
    """Run a study in a process of its own.

    Args:
      folder: From `write_inputs`.

    Returns:
      Sizes, peak memory [GiB], seconds in all, by stage and of processors, and what it
      takes to read a map.
    """
    before = processor_time()
    out = folder / "out"
    command = [sys.executable, "-m", "jaxload.cli", "run", str(folder / "study.toml")]
    root = str(pathlib.Path(__file__).parents[1])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    environment = os.environ | {"PYTHONPATH": paths}
    done = subprocess.run(
        [*command, "--out", str(out)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    summary = json.loads((out / "summary.json").read_text())
    row = {name: summary[name] for name in ("stations", "cells", "epochs")}
    row["peak_memory_gib"] = summary["peak_memory_gib"]
    seconds = summary["seconds"]
    row |= {f"{name}_s": value for name, value in seconds.items() if value >= 0.005}
    row["processors_s"] = processor_time() - before
    maps = next((out / n for n in summary["files"] if n.startswith("twsa.")), None)
    if maps is not None:
        row |= time_of_a_map(maps) | {"maps_mib": size_of(maps) / 2**20}
    return row


def processor_time() -> float:
    """Time of all processors in processes that have ended [s]."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def time_of_a_map(path: pathlib.Path) -> dict[str, float]:
    """Median time to read the map of one day [ms], of 15 days; that of processors.

    The latter is what it takes where nobody else uses the machine.
    """
    with io.read_dataset(path) as record:
        if "twsa" not in record:
            return {}
        record.twsa[0].load()
        times, busy = [], []
        for day in np.linspace(0, record.sizes["time"] - 1, 15).astype(int):
            start, worked = time.perf_counter(), time.process_time()
            record.twsa[int(day)].load()
            times.append(1e3 * (time.perf_counter() - start))
            busy.append(1e3 * (time.process_time() - worked))
    return {
        "map_ms": statistics.median(times),
        "map_processors_ms": statistics.median(busy),
    }


def size_of(path: pathlib.Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


if __name__ == "__main__":
    main()
