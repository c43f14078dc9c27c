"""Who fills places without a receiver best: every method, worlds whose truth is known.

Water of these worlds is not made of what inverts it, see `synthetic.independent_truth`.
Each method is a study that the package carries out, from files of weekly heights to
water and its standard errors. A cell of the table, a method in a world of a seed, is
stored as soon as it is known; `python -m benchmarks.gapfill` goes on where it stopped.
"""

import argparse
import fcntl
import json
import logging
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from benchmarks._gapfill_case import STUDY, Case, make_case, score
from benchmarks._gapfill_methods import METHODS
from benchmarks._harness import RESULTS, environment, hash_of_settings
from jaxload import config, io, synthetic

__all__ = ["main"]

logger = logging.getLogger(__name__)

#: Worlds: southwest China for ten years, mainland China for four on cells twice as
#: wide, and the southwest with water that the weather says nothing of beyond seasons.
WORLDS: dict[str, dict[str, Any]] = {
    "southwest China": {"region": "southwest_china"},
    "mainland China": {
        "region": "mainland_china",
        "start": "2015-01-01",
        "stop": "2018-12-31",
        "spacing": 0.5,
    },
    "southwest China, weather link cut": {
        "region": "southwest_china",
        "weather_link": 0.0,
    },
}

SEEDS = (1, 2, 3, 4, 5)

#: Columns of the printed table: a score, and its decimals.
SHOWN = {
    "far: NSE": ("far_nse", 3),
    "deseasonalised": ("far_deseasonalised_nse", 3),
    "RMSE [mm]": ("far_rmse_mm", 1),
    "trend error [mm/yr]": ("far_trend_error_mm_per_year", 1),
    "in 68%": ("far_within_68", 2),
    "95%": ("far_within_95", 2),
    "all: NSE": ("all_nse", 3),
    "basins: NSE": ("basin_nse", 3),
    "deseasonalised ": ("basin_deseasonalised_nse", 3),
    "in 68% ": ("basin_within_68", 2),
    "95% ": ("basin_within_95", 2),
    "training [CPU min]": ("training_cpu_minutes", 1),
}

#: Targets: by how much the first is to beat others in NSE of far cells.
DUELS: tuple[tuple[str, float, tuple[str, ...]], ...] = (
    ("joint, water", 0.02, ("two stages",)),
    ("joint, water, independent epochs", 0.02, ("two stages, independent epochs",)),
    *(
        (name, 0.0, ("MLLIM", "DWLIM", "seasonal prior mean", "traditional, tuned"))
        for name in ("joint, water", "two stages")
    ),
    ("joint, water, GRACE", 0.0, ("traditional, tuned, GRACE",)),
)

#: Targets: shares of true values that intervals of networks are to hold.
HELD = {"68": (0.60, 0.76), "95": (0.91, 0.98)}

#: What was computed, and where its tables stand.
PATH = RESULTS / "gapfill_honest.json"
README = pathlib.Path(__file__).parent / "README.md"
BEGIN, END = "<!-- tables of gapfill -->", "<!-- end of tables -->"

#: In place of tables without a cell.
NOTHING = "No cell has been run at full size yet."

#: Files of worlds, which are simulated anew where they are missing.
FOLDER = pathlib.Path(__file__).parent.parent / "build" / "gapfill"

#: Processor minutes that a cell is taken for before one of its method is known.
ASSUMED_MINUTES = 2.0


def main() -> None:
    """Run what is still missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", choices=WORLDS, help="only this one")
    parser.add_argument("--seed", type=int, choices=SEEDS, help="only this one")
    parser.add_argument("--method", choices=METHODS, action="append", help="only these")
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER)
    parser.add_argument("--tables", action="store_true", help="of what was computed")
    options = parser.parse_args()
    worlds = [options.world] if options.world else list(WORLDS)
    seeds = [options.seed] if options.seed else SEEDS
    todo = [
        (world, seed, missing)
        for seed in seeds
        for world in worlds
        if (missing := _missing(world, seed, options.method or list(METHODS)))
    ]
    if not options.tables:
        with jax.enable_x64(True):
            for number, (world, seed, methods) in enumerate(todo):
                later = [name for _, _, names in todo[number + 1 :] for name in names]
                _run(world, seed, methods, later, options.folder)
    _write_tables()


def _stored() -> dict[str, Any]:
    return json.loads(PATH.read_text()) if PATH.exists() else {"worlds": {}}


def _missing(world: str, seed: int, methods: Sequence[str]) -> list[str]:
    known = _stored()["worlds"].get(world, {}).get(str(seed), {})
    return [name for name in methods if not _is_done(world, name, known.get(name, {}))]


def _is_done(world: str, name: str, scores: Mapping[str, Any]) -> bool:
    """Whether a stored cell has scores, and of the settings as they are now."""
    return "failed" not in scores and scores.get("settings") == _settings(world, name)


def _settings(world: str, name: str) -> str:
    """A hash of the settings of a method and of a world."""
    study = config.read_study(STUDY, changes=METHODS[name].changes)
    return hash_of_settings(study, WORLDS[world])


def _run(
    world: str,
    seed: int,
    methods: Sequence[str],
    later: Sequence[str],
    folder: pathlib.Path,
) -> None:
    """Run methods in one world, and store each as soon as it is known."""
    # Programs compiled for one world's gaps fill the memory maps of the process.
    jax.clear_caches()
    settings = synthetic.WeatherSettings(
        seed=seed, truth="independent", **WORLDS[world]
    )
    place = folder / f"{settings.region}-{seed}-{settings.weather_link:g}"
    case = make_case(settings, place)
    for number, name in enumerate(methods):
        left = _minutes_left([*methods[number:], *later])
        print(
            f"{world}, seed {seed}: {name} (about {left:.0f} CPU min left)", flush=True
        )
        _keep(world, seed, name, _scored(case, name))


def _scored(case: Case, name: str) -> dict[str, float]:
    """Scores of a method, and what it cost; for one that fails, why."""
    case.times.seconds.clear()
    case.times.stage = ""  # one that failed is over
    start, wall = time.process_time(), time.perf_counter()
    try:
        scores = score(case, METHODS[name](case))
    except (ValueError, OSError, FloatingPointError) as error:
        logger.warning("%s: %s", name, error)
        return {"failed": str(error)}  # pyright: ignore[reportReturnType]
    return scores | {
        "training_cpu_minutes": case.times.training / 60,
        "cpu_minutes": (time.process_time() - start) / 60,
        "minutes": (time.perf_counter() - wall) / 60,
    }


def _minutes_left(names: Sequence[str]) -> float:
    """Processor minutes that methods took where they were run already, added up."""
    took: dict[str, list[float]] = {}
    for seeds in _stored()["worlds"].values():
        for by_seed in seeds.values():
            for name, scores in by_seed.items():
                took.setdefault(name, []).append(scores.get("cpu_minutes", 0.0))
    typical = np.mean([x for each in took.values() for x in each] or [ASSUMED_MINUTES])
    return float(sum(np.mean(took.get(name, [typical])) for name in names))


def _keep(world: str, seed: int, name: str, scores: Mapping[str, float]) -> None:
    """Add scores to what is stored, perhaps meanwhile, by runs of other worlds."""
    with PATH.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stored = _stored() | {"benchmark": "gapfill", **environment()}
        of_world = stored["worlds"].setdefault(world, {})
        kept = {**scores, "settings": _settings(world, name)}
        of_world.setdefault(str(seed), {})[name] = kept
        io.write_json(stored, PATH)


def _tables() -> str:
    """Mean and spread over seeds of every world, as Markdown."""
    parts, worlds = [], _current(_stored()["worlds"])
    for world in WORLDS:
        by_seed = list(worlds.get(world, {}).values())
        if not by_seed:
            continue
        lines = [f"### {world}", ""]
        lines += _row(["method", "seeds", *SHOWN]), _row(["---"] * (len(SHOWN) + 2))
        for name in METHODS:
            some = [one[name] for one in by_seed if name in one]
            some = [scores for scores in some if "failed" not in scores]
            if some:
                cells = [_spread(some, *shown) for shown in SHOWN.values()]
                lines.append(_row([name, str(len(some)), *cells]))
        parts += ["\n".join(lines), _failures(worlds[world]), _targets(by_seed)]
    return "\n\n".join(part for part in parts if part) or NOTHING


def _current(worlds: Mapping[str, Any]) -> dict[str, Any]:
    """Cells of the settings as they are now, and those that failed."""
    known = {(w, name): _settings(w, name) for w in worlds for name in METHODS}
    return {
        world: {
            seed: {
                name: scores
                for name, scores in by_name.items()
                if scores.get("settings") == known.get((world, name))
            }
            for seed, by_name in by_seed.items()
        }
        for world, by_seed in worlds.items()
        if world in WORLDS
    }


def _failures(by_seed: Mapping[str, Mapping[str, Any]]) -> str:
    """Which cells have no scores, and why."""
    lines = [
        f"* {name}, seed {seed}: {scores['failed']}"
        for seed, by_name in by_seed.items()
        for name, scores in by_name.items()
        if "failed" in scores
    ]
    return "\n".join(["Failed, and to be run again:", "", *lines]) if lines else ""


def _targets(by_seed: Sequence[Mapping[str, Any]]) -> str:
    """In how many seeds each target is met."""
    lines = ["Targets, in so many seeds:", ""]
    for one, margin, others in DUELS:
        for other in others:
            pairs = [
                seed[one]["far_nse"] - seed[other]["far_nse"]
                for seed in by_seed
                if "far_nse" in seed.get(one, {}) and "far_nse" in seed.get(other, {})
            ]
            if pairs:
                wins = sum(gain >= margin for gain in pairs)
                by = f" by {margin:g}" if margin else ""
                lines.append(
                    f"* {one} beats {other}{by} in far NSE: {wins} of {len(pairs)} "
                    f"(mean gain {np.mean(pairs):+.3f})"
                )
    for name in ("two stages", "joint, displacement", "joint, water"):
        for level, (least, most) in HELD.items():
            for part in ("far", "basin"):
                key = f"{part}_within_{level}"
                shares = [
                    seed[name][key] for seed in by_seed if key in seed.get(name, {})
                ]
                if shares:
                    inside = sum(least <= share <= most for share in shares)
                    lines.append(
                        f"* {name}: {level}% intervals of {part} hold {least:.0%} to "
                        f"{most:.0%}: {inside} of {len(shares)}"
                    )
    return "\n".join(lines) if len(lines) > 2 else ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _spread(some: Sequence[Mapping[str, float]], key: str, digits: int) -> str:
    values = [scores[key] for scores in some if key in scores]
    if not values:
        return ""
    mean = f"{np.mean(values):.{digits}f}"
    if len(values) < 2:
        return mean
    return f"{mean} ± {np.std(values, ddof=1):.{digits}f}"


def _write_tables() -> None:
    """Put the tables into the page on benchmarks."""
    before, after = README.read_text().split(BEGIN)
    rest = after.split(END)[1]
    io.write_text(README, f"{before}{BEGIN}\n\n{_tables()}\n\n{END}{rest}")


if __name__ == "__main__":
    main()
