"""Damaged netCDF and other binary files: every reader answers or says one sentence.

    python tests/damaged.py --inputs 20000

Libraries in C may crash or hang on such files, so that they are read in a process of
its own: whatever ends it is a finding of the input that it was at. A result must be
that of the whole file. Bits that no checksum guards (numbers that are stored
plainly, letters of an attribute) can change unseen; such results are counted apart, and
must be possible all the same.
"""

import argparse
import collections
import dataclasses
import faulthandler
import json
import logging
import pathlib
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import fuzz
import jax
import numpy as np
import xarray as xr

from jaxload import description, io
from jaxload.config import sources
from jaxload.gapfill.training.checkpoints import DiskCheckpoints
from jaxload.pipeline.inputs import prior_amplitude

#: Memory that a reader of a small file may take [bytes of address space], and seconds
#: after which it hangs.
ROOM, PATIENCE = 24 << 30, 20

#: What may come of an input.
ANSWERS = ("refused", "same", "warned", "unseen")

DAYS = np.arange("2010-01-01", "2010-01-31", dtype="M8[D]").astype("M8[ns]")
MONTHS = np.arange("2010-01", "2011-01", dtype="M8[M]").astype("M8[ns]")
GRID = ("time", "lat", "lon")


@dataclasses.dataclass(frozen=True)
class Sample:
    """A good file, and who reads it.

    Attributes:
      write: Writes it.
      read: Reads it, to arrays by name.
      name: What it is called.
    """

    write: Callable[[pathlib.Path], object]
    read: Callable[[pathlib.Path], Any]
    name: str = "sample.nc"


def _axes(time, step=2.0):
    lat, lon = np.arange(20.0, 32.0, step), np.arange(95.0, 109.0, step)
    return {"time": time, "lat": lat, "lon": lon}


def _field(time, scale, offset=0.0):
    axes = _axes(time)
    dice = np.random.default_rng(5)
    shape = tuple(len(axis) for axis in axes.values())
    return (GRID, scale * dice.normal(size=shape) + offset)


def _saved(how: dict[str, Any] | None = None, names=("lwe_thickness",), units="cm"):
    """Writes water of some months."""

    def write(path):
        values = {
            name: (*_field(MONTHS, 5.0, 50.0), {"units": units}) for name in names
        }
        xr.Dataset(values, _axes(MONTHS)).to_netcdf(path, **(how or {}))

    return write


def _write_bounded(path):
    data = xr.Dataset(
        {"lwe_thickness": (*_field(MONTHS, 5.0), {"units": "cm"})}, _axes(MONTHS)
    )
    after = (MONTHS.astype("M8[M]") + 1).astype("M8[ns]")
    data["time_bounds"] = (("time", "two"), np.stack([MONTHS, after], 1))
    data.time.attrs["bounds"] = "time_bounds"
    encoding = {"lwe_thickness": {"zlib": True, "shuffle": True}}
    encoding["time"] = {"units": "days since 2002-01-01"}
    data.to_netcdf(path, encoding=encoding)


def _write_packed(path):
    """As ERA5: 16 bits, northern rows first, an unlimited time."""
    data = xr.Dataset({"sp": (*_field(DAYS, 900.0, 90_000.0), {"units": "Pa"})})
    data = data.assign_coords(_axes(DAYS)).sortby("lat", ascending=False)
    data = data.rename(lat="latitude", lon="longitude", time="valid_time")
    packing = {"dtype": "int16", "scale_factor": 0.2, "add_offset": 90_000.0}
    packing |= {"_FillValue": -32767, "zlib": True}
    data.to_netcdf(path, encoding={"sp": packing}, unlimited_dims=["valid_time"])


def _write_group(path):
    """As IMERG: in a group, longitude before latitude."""
    data = xr.Dataset({"precipitation": (*_field(DAYS, 0.1, 2.0), {"units": "mm/day"})})
    data = data.assign_coords(_axes(DAYS)).transpose("time", "lon", "lat")
    data.to_netcdf(path, group="Grid")


def _write_mascons(path):
    """As GSFC: boxes, days and water in groups."""
    lat, lon = (
        x.ravel() for x in np.meshgrid(np.arange(20.5, 24), np.arange(95.5, 99))
    )
    first = np.arange(100.0, 400.0, 30.0)
    water = np.random.default_rng(8).normal(size=(len(lat), len(first)))
    spans = {f"{axis}_span": ("box", np.ones(len(lat))) for axis in ("lat", "lon")}
    boxes = {"lat_center": ("box", lat), "lon_center": ("box", lon), **spans}
    days = {"first": first, "middle": first + 15, "last": first + 29}
    days = {f"ref_days_{name}": ("time", values) for name, values in days.items()}
    groups = {
        "mascon": boxes,
        "time": days,
        "solution": {"cmwe": (("box", "t"), water)},
    }
    for name, held in groups.items():
        mode = "a" if path.exists() else "w"
        xr.Dataset(held).to_netcdf(path, mode, group=name)


def _write_land(path):
    land = io.read_land()
    coarse = land.coarsen(lat=16, lon=16).mean().land
    packing = {"land": {"zlib": True, "dtype": "float32"}}
    coarse.to_dataset(name="land").to_netcdf(path, encoding=packing)


def _write_stokes(path):
    dice = np.random.default_rng(2)
    dims = ("time", "degree", "order")
    lower = np.tril(np.ones((6, 6)))
    coefficients = {
        name: (dims, 1e-9 * lower * dice.normal(size=(2, 6, 6)))
        for name in ("cosine", "sine")
    }
    field = xr.Dataset(
        coefficients,
        {"time": np.array(["2010-04-16", "2010-05-16"], "M8[ns]")},
        {"gm": 3.986004415e14, "radius": 6378136.3},
    )
    io.write_stokes(field, path)


def _write_gnss(path):
    dice = np.random.default_rng(3)
    dims = ("time", "station")
    values = {
        "up": (dims, dice.normal(size=(len(DAYS), 3))),
        "up_sigma": (dims, np.full((len(DAYS), 3), 2.0)),
    }
    coords = {
        "time": DAYS,
        "station": ["AAAA", "BBBB", "CCCC"],
        "lon": ("station", [100.0, 101.0, 102.0]),
        "lat": ("station", [25.0, 26.0, 27.0]),
        "height": ("station", [0.0, 10.0, 20.0]),
    }
    io.write_gnss(io.label_dataset(xr.Dataset(values, coords)), path)


def _write_result(path):
    data = xr.Dataset({"twsa": _field(MONTHS, 50.0)}, _axes(MONTHS))
    io.write_dataset(data, path)


def _describe(path):
    """As `jaxload info` reads it."""
    import test_filling_summary

    summary = {**test_filling_summary.SUMMARY, "files": [path.name]}
    io.write_json(summary, path.with_name("summary.json"))
    return {"lines": np.array(description.describe(path.parent))}


def _load(path):
    with io.read_dataset(path, load=True) as dataset:
        return dataset


def _read_amplitude(path):
    source = sources.grid_source(path.name)
    values, lat, lon = prior_amplitude._read(path, source, 100.0)
    return {"values": values, "lat": lat, "lon": lon}


def _write_cache(path):
    values = np.random.default_rng(1).normal(size=(4, 5))
    io.ArrayCache(path.parent).put("sample", values)


def _read_cache(path):
    found = io.ArrayCache(path.parent).get("sample")
    if found is None:
        raise ValueError(f"{path} is computed again")
    return {"array": found}


STATE = {"a": np.arange(40.0), "b": np.ones((3, 2), np.float32)}


def _write_checkpoint(path):
    DiskCheckpoints(path, "model").save(5, STATE)


def _read_checkpoint(path):
    return DiskCheckpoints(path, "model").restore(STATE)


def _grid(quantity=None, variable=None):
    return lambda path: io.read_grid(path, quantity, variable)


#: Every reader of binary files. Another reader is another line.
SAMPLES: dict[str, Sample] = {
    "water": Sample(_write_bounded, _grid()),
    "water, plain": Sample(_saved(), _grid("twsa")),
    "water, netCDF-3": Sample(_saved({"format": "NETCDF3_CLASSIC"}), _grid()),
    "water, 64 bits": Sample(_saved({"format": "NETCDF3_64BIT"}), _grid()),
    "water, classic": Sample(_saved({"format": "NETCDF4_CLASSIC"}), _grid()),
    "soil": Sample(
        _saved(names=("SoilMoi0_10cm_inst", "SoilMoi10_40cm_inst"), units="kg m-2"),
        _grid(None, ("SoilMoi0_10cm_inst", "SoilMoi10_40cm_inst")),
    ),
    "pressure": Sample(_write_packed, _grid("pressure")),
    "rain": Sample(_write_group, _grid("precipitation")),
    "mascons": Sample(_write_mascons, _grid("twsa")),
    "land": Sample(_write_land, io.read_land),
    "stokes": Sample(_write_stokes, io.read_stokes),
    "series": Sample(_write_gnss, io.read_gnss),
    "result": Sample(_write_result, _load),
    "result, described": Sample(_write_result, _describe),
    "amplitude": Sample(_write_result, _read_amplitude),
    "cache": Sample(_write_cache, _read_cache, "sample.npy"),
    "checkpoint": Sample(_write_checkpoint, _read_checkpoint, "kept"),
}


def arrays(result: Any) -> dict[str, np.ndarray]:
    """What a reader returned, as plain arrays."""
    if isinstance(result, xr.Dataset):
        result = result.variables
    return {str(name): np.asarray(values) for name, values in result.items()}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    """Whether two results hold the same."""
    return one.keys() == other.keys() and all(
        a.shape == other[name].shape
        and (a.dtype == other[name].dtype or a.dtype.kind in "US")
        and (a == other[name]).all() | np.array_equal(*_comparable(a, other[name]))
        for name, a in one.items()
    )


def _comparable(*pair: np.ndarray) -> list[bytes]:
    return [values.tobytes() for values in pair]


def damaged(content: bytes, dice: random.Random) -> tuple[str, bytes]:
    """A kind of damage, and what it makes of a file."""
    kind = dice.choice(("cut", "bit", "bit", "bit", "zeros", "bytes", "longer", "hole"))
    place = dice.randrange(len(content))
    length = dice.choice((4, 64, 512, 4096))
    if kind == "cut":
        return kind, content[:place]
    if kind == "bit":
        flipped = content[place] ^ (1 << dice.randrange(8))
        return kind, content[:place] + bytes([flipped]) + content[place + 1 :]
    if kind == "zeros":
        return kind, content[:place] + bytes(len(content) - place)
    if kind == "hole":
        there = content[place : place + length]
        return kind, content[:place] + bytes(len(there)) + content[place + length :]
    if kind == "bytes":
        there = dice.randbytes(len(content[place : place + 8]))
        return kind, content[:place] + there + content[place + 8 :]
    return kind, content[:place] + dice.randbytes(length) + content[place:]


def target_of(path: pathlib.Path, dice: random.Random) -> pathlib.Path:
    """The file that is damaged: this one, or one of those in a folder."""
    if path.is_file():
        return path
    files = sorted(x for x in path.rglob("*") if x.is_file() and x.stat().st_size)
    return dice.choice(files)


def try_inputs(name: str, numbers: range, seed: int, progress: pathlib.Path) -> None:
    """Read damaged files, in the process that may crash of it."""
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    logging.getLogger("jaxload").handlers = [doubts := _Doubts(logging.WARNING)]
    logging.getLogger("jaxload").propagate = False
    warnings.simplefilter("error")
    sample = SAMPLES[name]
    with tempfile.TemporaryDirectory() as folder, progress.open("a") as log:
        good = pathlib.Path(folder, "good", sample.name)
        good.parent.mkdir()
        sample.write(good)
        whole = arrays(sample.read(good))
        usual = doubts.count
        for number in numbers:
            log.write(json.dumps([number]) + "\n")
            log.flush()
            place = pathlib.Path(folder, "bad")
            shutil.copytree(good.parent, place)
            faulthandler.dump_traceback_later(PATIENCE, exit=True)
            doubts.count = 0
            kind, answer = _try_one(
                sample, place / sample.name, whole, f"{seed} {name} {number}"
            )
            if answer == "unseen" and doubts.count > usual:
                answer = "warned"
            faulthandler.cancel_dump_traceback_later()
            shutil.rmtree(place)
            log.write(json.dumps([number, kind, answer]) + "\n")
            log.flush()


class _Doubts(logging.Handler):
    """Counts warnings."""

    count = 0

    def emit(self, _: logging.LogRecord) -> None:
        """Count one."""
        self.count += 1


def _try_one(sample, path, whole, seed) -> tuple[str, str]:
    """The kind of damage and "same", "refused", "unseen" or what is wrong."""
    dice = random.Random(seed)
    target = target_of(path, dice)
    kind, content = damaged(target.read_bytes(), dice)
    target.write_bytes(content)
    found, refused = [], []

    def read(p):
        try:
            found.append(sample.read(p))
        except (ValueError, OSError) as error:
            refused.append(str(error))
            raise

    reader = fuzz.Reader(read, ("",))
    what = fuzz.judge(reader, path)
    if what:
        return kind, what
    if refused:
        names = path.name in refused[0] or path.parent.name in refused[0]
        return kind, "refused" if names else f"names no file: {refused[0]}"
    try:
        return kind, "same" if same(arrays(found[0]), whole) else "unseen"
    except Exception as error:
        return kind, f"a result that cannot be read: {type(error).__name__}: {error}"


@dataclasses.dataclass
class Count:
    """What came of the inputs of one sample.

    Attributes:
      answers: How many were refused, unseen, or the same.
      findings: What no reader may do, by input.
    """

    answers: collections.Counter = dataclasses.field(
        default_factory=collections.Counter
    )
    findings: dict[int, str] = dataclasses.field(default_factory=dict)


def run(name: str, inputs: int, seed: int, folder: pathlib.Path) -> Count:
    """Read damaged files in processes that may crash, until all are done.

    Args:
      name: Of a sample.
      inputs: How many.
      seed: Of all inputs.
      folder: Where progress is kept, from which a later call goes on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{name.replace(' ', '_')}_{seed}.jsonl"
    while (first := _next(log)) < inputs:
        words = ["--child", name, str(first), str(inputs), str(seed), str(log)]
        done = subprocess.run(
            [sys.executable, __file__, *words],
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            _blame(log, done)
    return _counted(log)


def _entries(log: pathlib.Path) -> list[list]:
    lines = log.read_text().splitlines() if log.is_file() else []
    return [json.loads(line) for line in lines]


def _next(log: pathlib.Path) -> int:
    return 1 + max((entry[0] for entry in _entries(log)), default=-1)


def _blame(log: pathlib.Path, done: subprocess.CompletedProcess) -> None:
    """The input at which a process ended is one that it did not stand."""
    entries = _entries(log)
    if not entries or len(entries[-1]) > 1:
        raise RuntimeError(done.stderr[-2000:])
    said = " | ".join(done.stderr.splitlines()[:6])[:400]
    with log.open("a") as file:
        what = f"the process ended with {done.returncode}: {said}"
        file.write(json.dumps([entries[-1][0], "?", what]) + "\n")


def _counted(log: pathlib.Path) -> Count:
    count = Count()
    for number, kind, answer in (e for e in _entries(log) if len(e) == 3):
        good = answer in ANSWERS
        count.answers[(kind, answer if good else "finding")] += 1
        if not good:
            count.findings[number] = f"{kind}: {answer}"
    return count


def show(name: str, count: Count) -> int:
    """Print what came of a sample; the number of findings."""
    total = sum(count.answers.values())
    each = {
        answer: sum(n for (_, a), n in count.answers.items() if a == answer)
        for answer in ANSWERS
    }
    kinds = {kind: n for (kind, a), n in count.answers.items() if a == "unseen"}
    of = f" ({', '.join(f'{k} {n}' for k, n in sorted(kinds.items()))})" * bool(kinds)
    print(
        f"{name:18} {total:6} inputs {each['refused']:6} refused {each['same']:6} the "
        f"same {each['warned']:5} warned of {each['unseen']:5} unseen{of} "
        f"{len(count.findings):4} findings",
        flush=True,
    )
    shown = {}
    for number, what in count.findings.items():
        shown.setdefault(what[:60], (number, what))
    for number, what in shown.values():
        print(f"    input {number}: {what}")
    return len(count.findings)


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        jax.config.update("jax_enable_x64", True)
        name, first, stop, seed, log = sys.argv[2:]
        numbers = range(int(first), int(stop))
        try_inputs(name, numbers, int(seed), pathlib.Path(log))
        return 0
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="a sample")
    parser.add_argument(
        "--folder", type=pathlib.Path, default=pathlib.Path("out/damaged")
    )
    options = parser.parse_args()
    names = [options.only] if options.only else list(SAMPLES)
    inputs = -(-options.inputs // len(names))
    found = 0
    for name in names:
        few = min(inputs, 150) if name == "checkpoint" else inputs
        found += show(name, run(name, few, options.seed, options.folder))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
