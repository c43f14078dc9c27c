"""Runs that are killed: nothing half-written, nothing lost.

    python tests/faults.py --kills 50

A run is killed (`kill -9`) at random moments and at named stages, again and again, and
each time taken up with `--resume`. After every kill each file under a final name must
be whole; whatever a run ends with must be what an uninterrupted run ends with, bit for
bit. What was done is kept in a folder, and a run of this program goes on where it
stopped.
"""

import argparse
import contextlib
import dataclasses
import functools
import json
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import image

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [
    path for path in (str(ROOT), str(ROOT / "tests")) if path not in sys.path
]

#: Longest that a run may take [s].
PATIENCE = 300

#: What differs from run to run: costs, and when and where it was.
COSTS = ("seconds", "peak_memory_gib")
OCCASION = ("frozen_on", "folder", "run.log")

#: Runs for each that is to be killed, of which some end before.
TRIALS = 10

#: Stages at which runs are killed beside random moments, as that is where files take
#: their names, and the longest pause after the stage has begun [s].
LATE = {"writing_results": 0.2, "placing_results": 0.003, "figures": 3.0}

#: Kinds of runs that are killed.
KINDS = ("demo", "joint")


def prepare(kind: str, folder: pathlib.Path) -> None:
    """Write what runs of a kind read, once."""
    if kind != "joint" or (folder / "study.toml").exists():
        return
    import jax
    import test_pipeline_filling as filling

    from jaxload import config

    folder.mkdir(parents=True, exist_ok=True)
    with jax.enable_x64(True):
        filling.write_data(folder, filling.weather_memory())
    study = filling.changed(
        filling.small(folder, "joint-load"), gnss={"end": "2018-03-31"}
    )
    (folder / "study.toml").write_text(config.to_toml(study))


def child(kind: str, data: str, out: str, *more: str) -> int:
    """One run in a process of its own, which names its stages as it goes."""
    from jaxload import cli, demo, synthetic

    small = synthetic.TwinSettings(
        stations=12, days=60, radius=2.0, belt=1.0, spacing=0.5
    )
    demo.SYSTEMS["traditional"] = functools.partial(demo.run_twin, settings=small)
    # A run whose stages are not named is never killed.
    assert hasattr(cli, "progress_on")
    cli.progress_on = _named_stages
    words = {
        "demo": ["demo", "--out", out],
        "joint": ["run", f"{data}/study.toml", "--out", out],
    }
    return cli.main([*words[kind], *more])


@contextlib.contextmanager
def _named_stages(_: object) -> Iterator[Any]:
    def watch(stage: str, share: float) -> None:
        sys.stderr.write(f"stage {stage} {share:.3f}\n")
        sys.stderr.flush()

    yield watch


@dataclasses.dataclass
class Run:
    """A run under way.

    Attributes:
      process: The process.
      began: When it named its first stage, 0 before.
      lines: What it wrote to stderr.
    """

    process: subprocess.Popen
    began: float = 0.0
    lines: list[str] = dataclasses.field(default_factory=list)

    def follow(self) -> None:
        """Read what it writes, to the end."""
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self.began = self.began or time.monotonic()
                self.lines.append(line.rstrip())


def start(kind: str, data: pathlib.Path, out: pathlib.Path, *more: str) -> Run:
    """Start a run."""
    words = [sys.executable, __file__, "--child", kind, str(data), str(out), *more]
    run = Run(
        subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
    )
    threading.Thread(target=run.follow, daemon=True).start()
    return run


def finish(run: Run) -> float:
    """Wait for the good end of a run; seconds from its first stage."""
    code = run.process.wait(PATIENCE)
    seconds = time.monotonic() - run.began
    said = [line for line in run.lines if not line.startswith("stage ")]
    assert code == 0, f"exit code {code}: {' '.join(said)[-600:]}"
    assert not any("Traceback" in line for line in said), "\n".join(said)
    return seconds


def kill(run: Run, moment: float | str, pause: float) -> bool:
    """Kill a run, unless it ends before.

    Args:
      run: The run.
      moment: Seconds after its first stage, or the name of a stage.
      pause: Seconds after the name of the stage.

    Returns:
      Whether it was killed.
    """
    deadline = time.monotonic() + PATIENCE
    while run.process.poll() is None and time.monotonic() < deadline:
        now = time.monotonic()
        if isinstance(moment, str):
            if any(line.startswith(f"stage {moment} ") for line in list(run.lines)):
                time.sleep(pause)
                break
        elif run.began and now - run.began >= moment:
            break
        time.sleep(0.002)
    if run.process.poll() is not None:
        return False
    run.process.send_signal(signal.SIGKILL)
    run.process.wait()
    return True


def broken_files(folder: pathlib.Path) -> list[str]:
    """Files below a folder that are under a final name and not whole."""
    found = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        # Checkpoints are looked into by the run that takes them up.
        if not path.is_file() or any(part.startswith(".") for part in inside):
            continue
        if "checkpoints" in inside and path.name != "model.json":
            continue
        try:
            _read_whole(path)
        except Exception as error:
            found.append(f"{path}: {type(error).__name__}: {error}")
    return found


def _read_whole(path: pathlib.Path) -> None:
    if path.suffix == ".nc":
        xr.load_dataset(path)
    elif path.suffix in (".json", ".geojson"):
        json.loads(path.read_text())
    elif path.suffix == ".png":
        image.imread(path)
    elif path.suffix == ".toml":
        tomllib.loads(path.read_text())
    elif path.suffix == ".npy":
        np.load(path)
    else:
        assert path.read_text().endswith("\n"), "it ends within a line"


def different(one: pathlib.Path, other: pathlib.Path) -> list[str]:
    """What is not the same in two finished results: numbers, pictures, names."""
    names = [
        sorted(p.name for p in x.iterdir() if p.is_file() and p.name not in OCCASION)
        for x in (one, other)
    ]
    found = [] if names[0] == names[1] else [f"files {names[0]} and {names[1]}"]
    for name in sorted(set(names[0]) & set(names[1])):
        pair = one / name, other / name
        if name.endswith(".nc"):
            found += _different_datasets(name, *map(xr.load_dataset, pair))
        elif name in ("summary.json", "state.json"):
            found += _different_json(name, *(json.loads(p.read_text()) for p in pair))
        elif pair[0].read_bytes() != pair[1].read_bytes():
            found.append(name)
    return found


def _different_datasets(name: str, one: xr.Dataset, other: xr.Dataset) -> list[str]:
    if set(one.variables) != set(other.variables):
        return [f"{name}: {sorted(one.variables)} and {sorted(other.variables)}"]
    return [
        f"{name}: {variable}"
        for variable, array in one.variables.items()
        if array.dims != other[variable].dims
        or array.dtype != other[variable].dtype
        or np.asarray(array.values).tobytes() != other[variable].values.tobytes()
        if array.dtype.kind != "O"
        or not np.array_equal(array.values, other[variable].values)
    ]


def _different_json(file: str, one: dict, other: dict) -> list[str]:
    return [
        f"{file}: {name}"
        for name in dict.fromkeys([*one, *other])
        if name not in COSTS + OCCASION and one.get(name) != other.get(name)
    ]


@dataclasses.dataclass
class Chain:
    """Runs of one kind, killed and taken up one after the other.

    Attributes:
      kind: One of `KINDS`.
      folder: Where all of it is.
      dice: Draws the moments.
      seconds: How long an uninterrupted run takes after its first stage.
    """

    kind: str
    folder: pathlib.Path
    dice: random.Random
    seconds: float = 0.0

    @property
    def data(self) -> pathlib.Path:
        """What runs read."""
        return self.folder / "data"

    @property
    def whole(self) -> pathlib.Path:
        """Results of the run that nobody interrupts."""
        return self.folder / "whole"

    @property
    def out(self) -> pathlib.Path:
        """Results of the runs that are killed."""
        return self.folder / "out"

    def begin(self) -> None:
        """Run once without an interruption."""
        prepare(self.kind, self.data)
        for path in (self.whole, self.out):
            shutil.rmtree(path, ignore_errors=True)
        self.seconds = finish(start(self.kind, self.data, self.whole))

    def moment(self) -> tuple[float | str, float]:
        """When the next run is killed, and the pause before."""
        if self.dice.random() < 0.4:
            stage = self.dice.choice(list(LATE))
            return stage, self.dice.uniform(0, LATE[stage])
        return self.dice.uniform(0, 1.02 * self.seconds), 0.0

    def step(self) -> dict[str, Any]:
        """Start or take up a run, and kill it."""
        moment, pause = self.moment()
        more = ["--resume"] if self.out.exists() else []
        run = start(self.kind, self.data, self.out, *more)
        killed = kill(run, moment, pause)
        entry = {"kind": self.kind, "moment": moment, "killed": killed}
        entry["stage"] = _last_stage(run)
        entry["broken"] = broken_files(self.out) if self.out.exists() else []
        if not killed:
            entry |= self.judge(run)
        return entry

    def end(self) -> dict[str, Any]:
        """Take up the last run and let it end."""
        run = start(self.kind, self.data, self.out, "--resume")
        run.process.wait(PATIENCE)
        return {"kind": self.kind, "killed": False, "broken": []} | self.judge(run)

    def judge(self, run: Run) -> dict[str, Any]:
        """Hold what a run ended with against the uninterrupted one, and begin anew."""
        try:
            finish(run)
            found = different(self.whole, self.out) + broken_files(self.out)
            found += [str(p) for p in self.out.rglob(".*") if p.exists()]
        except AssertionError as error:
            found = [str(error)]
        kept = self.folder / f"bad_{time.time():.0f}"
        if found:
            self.out.rename(kept)
        shutil.rmtree(self.out, ignore_errors=True)
        return {"different": found}


def _last_stage(run: Run) -> str:
    stages = [line for line in run.lines if line.startswith("stage ")]
    return stages[-1].removeprefix("stage ") if stages else "start"


def kill_runs(
    kind: str, kills: int, folder: pathlib.Path, seed: int = 0
) -> list[dict[str, Any]]:
    """Kill runs of a kind, going on where an earlier call stopped.

    Args:
      kind: One of `KINDS`.
      kills: How many.
      folder: Where progress and results are.
      seed: Of the moments.

    Returns:
      What came of each run.

    Raises:
      RuntimeError: If runs end time and again before they are killed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"kills_{seed}.jsonl"
    lines = log.read_text().splitlines() if log.is_file() else []
    entries = [json.loads(line) for line in lines]
    done = sum(entry["killed"] for entry in entries)
    if done >= kills:
        return entries
    chain = Chain(kind, folder, random.Random(f"{seed} {len(entries)}"))
    chain.begin()
    with log.open("a") as file:
        while done < kills or chain.out.exists():
            if len(entries) > TRIALS * kills:
                raise RuntimeError(f"{len(entries)} runs were started, {done} killed")
            entry = chain.step() if done < kills else chain.end()
            done += entry["killed"]
            entries.append(entry)
            file.write(json.dumps(entry) + "\n")
            file.flush()
    return entries


def faults_of(entries: Sequence[dict[str, Any]]) -> list[str]:
    """All that is wrong, in words."""
    return [
        f"{entry['kind']}, killed at {entry.get('stage', '-')}: {what}"
        for entry in entries
        for what in (*entry["broken"], *entry.get("different", ()))
    ]


def report(kind: str, entries: Sequence[dict[str, Any]]) -> int:
    """Print kills, where they came, and faults; the number of the latter."""
    killed = [entry for entry in entries if entry["killed"]]
    ended = [entry for entry in entries if "different" in entry]
    stages: dict[str, int] = {}
    for entry in killed:
        name = entry["stage"].split()[0]
        stages[name] = stages.get(name, 0) + 1
    found = faults_of(entries)
    where = ", ".join(f"{name} {count}" for name, count in stages.items())
    print(
        f"{kind:6} {len(killed):4} kills ({where}), {len(ended)} runs taken up to "
        f"their end, {len(found)} faults"
    )
    for what in found:
        print(f"    {what}")
    return len(found)


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        return child(*sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="of each kind of run")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder", type=pathlib.Path, default=pathlib.Path("out/faults")
    )
    options = parser.parse_args()
    found = 0
    for kind in KINDS:
        entries = kill_runs(kind, options.kills, options.folder / kind, options.seed)
        found += report(kind, entries)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
