"""The western US study by stage: seconds of the processor and of the clock.

    python -m benchmarks.western_study --data ../shared/data --tree . --tree ../older

Runs the whole command in a process of its own, in each tree in turn, several times:
only a comparison within one sitting holds on a machine that others use. The first turn
of each tree is not counted, in which programs are compiled that later turns find in the
user's cache folder; releases before that folder compile at every turn. Trees of earlier
releases are git worktrees, and run with the interpreter that runs this.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

__all__ = ["main", "run_study"]

#: What each process runs, with the words of the command line; the last line is JSON.
#: Nothing but the reporting of progress is replaced, which every release has.
PROGRAM = """
import time
START = time.perf_counter(), time.process_time()
import contextlib, json, resource, sys
from jaxload import cli
import jaxload.pipeline
stages, began = {}, {}

def since(start):
    return [time.perf_counter() - start[0], time.process_time() - start[1]]

def watch(stage, share):
    if share == 0.0:
        began.setdefault(stage, (time.perf_counter(), time.process_time()))
    elif share == 1.0 and stage in began:
        spent = since(began.pop(stage))
        stages[stage] = [a + b for a, b in zip(stages.get(stage, (0.0, 0.0)), spent)]

@contextlib.contextmanager
def progress(console):
    stages["start"] = since(START)
    yield watch

cli._progress = progress
code = cli.main(sys.argv[1:])
stages["total"] = since(START)
# With the start of the interpreter.
usage = resource.getrusage(resource.RUSAGE_SELF)
stages["total"][1] = usage.ru_utime + usage.ru_stime
peak = usage.ru_maxrss / 2**20
print()
print(json.dumps({"code": code, "stages": stages, "peak_gib": peak}))
"""


def main() -> None:
    """Run the study in every tree in turn, and show the seconds of its stages."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", required=True, help="folder of the observations")
    parser.add_argument("--tree", action="append", required=True, help="a checkout")
    parser.add_argument("--study", help="a study file in place of western_us.toml")
    parser.add_argument("--repeat", type=int, default=3, help="turns that count")
    parser.add_argument(
        "--before", type=int, default=1, help="turns before those that do not"
    )
    parser.add_argument("--out", help="where results stay, in a folder for each tree")
    options = parser.parse_args()
    runs: dict[str, list[dict]] = {tree: [] for tree in options.tree}
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.out or temporary
        for turn in range(options.before + options.repeat):
            for number, tree in enumerate(options.tree):
                place = pathlib.Path(folder) / str(number)
                result = run_study(pathlib.Path(tree), place, options)
                runs[tree] += [result] if turn >= options.before else []
                total = result["stages"]["total"]
                print(f"turn {turn} {tree}: {total[1]:.1f} CPU s", file=sys.stderr)
    for line in table(runs):
        print(line)


def run_study(
    tree: pathlib.Path, place: pathlib.Path, options: argparse.Namespace
) -> dict:
    """Run the study once in one tree.

    Args:
      tree: The checkout.
      place: Folder for results.
      options: Data and study.

    Returns:
      Seconds of the clock and of the processor by stage, and the peak memory [GiB].
    """
    place.mkdir(parents=True, exist_ok=True)
    study = pathlib.Path(options.study or study_file(tree)).resolve()
    environment = os.environ | {"PYTHONPATH": str(tree.resolve())}
    data = str(pathlib.Path(options.data).resolve())
    words = ["run", str(study), "--data", data, "--out", str(place / "out")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env=environment,
        cwd=tree,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def study_file(tree: pathlib.Path) -> pathlib.Path:
    """Find the western study of a tree of any release."""
    places = ("jaxload/studies", "notebooks/studies")
    files = [tree / place / "western_us.toml" for place in places]
    return next(file for file in files if file.exists())


def table(runs: dict[str, list[dict]]) -> list[str]:
    """Medians by stage as a table of Markdown: CPU seconds, and wall seconds."""
    stages = dict.fromkeys(
        stage for turns in runs.values() for turn in turns for stage in turn["stages"]
    )
    stages = [*(stage for stage in stages if stage != "total"), "total"]
    lines = [
        "| stage | " + " | ".join(f"{tree} CPU s (wall s)" for tree in runs) + " |"
    ]
    lines.append("|---" * (1 + len(runs)) + "|")
    for stage in stages:
        cells = [cell(turns, stage) for turns in runs.values()]
        lines.append(f"| {stage} | " + " | ".join(cells) + " |")
    peaks = [
        f"{statistics.median(turn['peak_gib'] for turn in turns):.2f}"
        for turns in runs.values()
    ]
    lines.append("| peak memory [GiB] | " + " | ".join(peaks) + " |")
    return lines


def cell(turns: list[dict], stage: str) -> str:
    """Medians of one stage, empty where a tree does not have it."""
    seconds = [turn["stages"][stage] for turn in turns if stage in turn["stages"]]
    if not seconds:
        return ""
    wall, cpu = (statistics.median(values) for values in zip(*seconds, strict=True))
    return f"{cpu:.2f} ({wall:.2f})"


if __name__ == "__main__":
    main()
