"""Who fills places without a receiver best: every method, worlds of two regions.

Weekly heights of twin worlds, whose truth is known. Scores are those of the load:
over cells of the region farther than 1 degree from any station, over all cells of it,
and of means over six parts of it; and the error of heights at stations that are held
out with all their neighbours, and by which no training is ended either.
`python -m benchmarks.gapfill` goes on where it stopped.
"""

import argparse
import fcntl
import json
import pathlib
import time
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from benchmarks._gapfill_case import Case, Estimate, make_case
from benchmarks._gapfill_methods import METHODS
from benchmarks._harness import RESULTS, environment
from jaxload import evaluate, io, synthetic

__all__ = ["main"]

Floats = NDArray[np.float64]

#: Worlds: southwest China for ten years, mainland China for four on cells twice as
#: wide, the southwest with water that the weather says nothing of, and both with a
#: truth that is not made of what inverts it.
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
    "southwest China, independent truth": {
        "region": "southwest_china",
        "truth": "independent",
    },
    "mainland China, independent truth": {
        "region": "mainland_china",
        "start": "2015-01-01",
        "stop": "2018-12-31",
        "spacing": 0.5,
        "truth": "independent",
    },
}

#: Where only some methods are of interest.
ONLY = {
    "mainland China": tuple(
        name for name in METHODS if name != "joint, water, evidence alone"
    ),
    "southwest China, weather link cut": (
        "traditional, tuned",
        "seasonal prior mean",
        "joint, water",
    ),
}

SEEDS = (1, 2, 3, 4, 5)

#: Columns of the printed table.
SHOWN = {
    "held out [mm]": "held_out_rms_mm",
    "far: PCC": "far_pcc",
    "NSE": "far_nse",
    "RMSE [mm]": "far_rmse_mm",
    "in 68%": "far_within_68",
    "95%": "far_within_95",
    "all: PCC": "all_pcc",
    "NSE ": "all_nse",
    "RMSE": "all_rmse_mm",
    "basins: PCC": "basin_pcc",
    " NSE": "basin_nse",
    " RMSE": "basin_rmse_mm",
    "in 68% ": "basin_within_68",
    "95% ": "basin_within_95",
}

#: Who ought to beat whom, and in which score.
DUEL = "far_nse"
PLAIN = "traditional, tuned"
DUELS = {
    "joint, water": ("two stages", "DWLIM", "seasonal prior mean", PLAIN),
    "joint, displacement": ("two stages", "DWLIM", "seasonal prior mean", PLAIN),
    "two stages": ("seasonal prior mean", PLAIN),
    "DWLIM": (PLAIN,),
    "seasonal prior mean": (PLAIN,),
}

#: What the articles say of their gains, and in which scores ours are told.
BASE = "traditional, beta 0.01"
PUBLISHED_GAINS = {
    "DWLIM": "PCC +67%, NSE +128%, RMSE -23%",
    "MLLIM": "PCC +8.9%, R2 +8.0%",
}
GAINED = {"PCC": "all_pcc", "R2": "all_r2", "NSE": "all_nse", "RMSE": "all_rmse_mm"}

#: What was found, and where its tables stand.
PATH = RESULTS / "gapfill.json"
README = pathlib.Path(__file__).parent / "README.md"
BEGIN, END = "<!-- tables of gapfill -->", "<!-- end of tables -->"

#: Half the width of intervals of 68% and 95% [standard deviations].
WIDTHS = {"68": 1.0, "95": 1.96}


def main() -> None:
    """Run what is still missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", choices=WORLDS, help="only this one")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="only so many")
    parser.add_argument("--tables", action="store_true", help="of what was found")
    options = parser.parse_args()
    with jax.enable_x64(True):
        for world in [options.world] if options.world else WORLDS:
            for seed in SEEDS[: options.seeds]:
                if not options.tables:
                    _run(world, seed)
    _write_tables()


def _stored() -> dict[str, Any]:
    return json.loads(PATH.read_text()) if PATH.exists() else {"worlds": {}}


def _run(world: str, seed: int) -> None:
    known = _stored()["worlds"].get(world, {}).get(str(seed), {})
    missing = [name for name in ONLY.get(world, METHODS) if name not in known]
    if not missing:
        return
    # Programs compiled for one world's gaps fill the memory maps of the process.
    jax.clear_caches()
    case = make_case(synthetic.WeatherSettings(seed=seed, **WORLDS[world]))
    for name in missing:
        start = time.perf_counter()
        scores = _score(case, METHODS[name](case))
        scores["seconds"] = time.perf_counter() - start
        _keep(world, seed, name, scores)


def _keep(world: str, seed: int, name: str, scores: dict[str, float]) -> None:
    """Add scores to what was found, perhaps meanwhile, by runs of other worlds."""
    with PATH.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stored = _stored() | {"benchmark": "gapfill", **environment()}
        of_world = stored["worlds"].setdefault(world, {})
        of_world.setdefault(str(seed), {})[name] = scores
        io.write_json(stored, PATH)


def _score(case: Case, estimate: Estimate) -> dict[str, float]:
    load, truth, far = estimate.load, case.truth, case.far
    scores = _agreement("far", load[:, far], truth[:, far])
    scores |= _agreement("all", load, truth)
    basins = case.means(load), case.means(truth)
    scores |= _agreement("basin", *basins)
    sampled = np.searchsorted(case.inside, case.sampled)
    pairs = {
        "basin": (*basins, estimate.basin_sd),
        "far": (load[:, sampled], truth[:, sampled], estimate.far_sd),
    }
    for name, (ours, true, sd) in pairs.items():
        for level, width in WIDTHS.items():
            scores[f"{name}_within_{level}"] = float(
                np.mean(abs(ours - true) < width * sd)
            )
    seen = np.isfinite(estimate.predicted) & np.isfinite(case.up)[:, None]
    missed = (estimate.predicted - case.up[:, None])[seen]
    scores["held_out_rms_mm"] = float(np.sqrt(np.mean(missed**2)))
    return scores


def _agreement(name: str, ours: Floats, true: Floats) -> dict[str, float]:
    """PCC, R2 and NSE over all cells and epochs together, and RMSE."""
    flat = ours.ravel(), (true - true.mean(axis=0)).ravel()
    return {
        f"{name}_pcc": float(evaluate.pcc(*flat)),
        f"{name}_r2": float(evaluate.r2(*flat)),
        f"{name}_nse": float(evaluate.nse(*flat)),
        f"{name}_rmse_mm": float(evaluate.rmse(*flat)),
    }


def _tables() -> str:
    """Mean and spread over seeds of every world, as Markdown."""
    parts, worlds = [], _stored()["worlds"]
    for world in WORLDS:
        scores = worlds.get(world)
        if not scores:
            continue
        lines = [f"### {world}", ""]
        lines += _row(["method", "seeds", *SHOWN]), _row(["---"] * (len(SHOWN) + 2))
        for name in METHODS:
            some = [one[name] for one in scores.values() if name in one]
            if some:
                cells = [_spread([one[key] for one in some]) for key in SHOWN.values()]
                lines.append(_row([name, str(len(some)), *cells]))
        parts.append("\n".join(lines))
        parts += [_gains(list(scores.values())), _duels(list(scores.values()))]
    return "\n\n".join(part for part in parts if part)


def _gains(scores: list[dict[str, Any]]) -> str:
    """What the published systems gain over the traditional one, as theirs is told."""
    lines = []
    for name, theirs in PUBLISHED_GAINS.items():
        both = [s for s in scores if {name, BASE} <= set(s)]
        if not both:
            continue
        gains = [_gain(label, key, both, name) for label, key in GAINED.items()]
        lines.append(f"* {name}: {', '.join(gains)}; its article: {theirs}")
    if not lines:
        return ""
    return "\n".join([f"Over all cells, against {BASE}:", "", *lines])


def _gain(label: str, key: str, both: list[dict[str, Any]], name: str) -> str:
    before, after = (np.mean([s[who][key] for s in both]) for who in (BASE, name))
    # A share of what is negative means nothing.
    share = f" ({100 * (after / before - 1):+.0f}%)" if before > 0 else ""
    return f"{label} {before:.3g} to {after:.3g}{share}"


def _duels(scores: list[dict[str, Any]]) -> str:
    """In how many seeds one beats another, in NSE of far cells."""
    lines = []
    for one, others in DUELS.items():
        cells = [one]
        for other in others:
            pairs = [
                (s[one][DUEL], s[other][DUEL]) for s in scores if {one, other} <= set(s)
            ]
            wins = sum(ours > theirs for ours, theirs in pairs)
            cells.append(f"{other}: {wins} of {len(pairs)}" if pairs else "")
        if any(cells[1:]):
            lines.append(f"* {cells[0]} beats " + ", ".join(filter(None, cells[1:])))
    return "\n".join(["In NSE of far cells, in so many seeds:", "", *lines])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _spread(values: list[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.2f}"
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}"


def _write_tables() -> None:
    """Put the tables into the page on benchmarks."""
    before, after = README.read_text().split(BEGIN)
    rest = after.split(END)[1]
    io.write_text(README, f"{before}{BEGIN}\n\n{_tables()}\n\n{END}{rest}")


if __name__ == "__main__":
    main()
