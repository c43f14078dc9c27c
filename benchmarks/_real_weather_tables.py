"""Cells of the benchmark of real weather, and its tables."""

import dataclasses
import json
import pathlib
from collections.abc import Iterator
from typing import Any

from benchmarks._harness import RESULTS
from benchmarks._real_weather_halves import halves_table
from jaxload import io

__all__ = ["DRAWS", "PATH", "RUNS", "SEASONAL", "Cell", "stored", "write_tables"]

PATH = RESULTS / "real_weather.json"
README = pathlib.Path(__file__).parent / "README.md"
BEGIN, END = "<!-- tables of real weather -->", "<!-- end of real weather -->"

#: Draws of neighbourhoods; 0 is none.
DRAWS = (1, 2, 3, 4)

#: Solved by the benchmark, as no study has it: maps of the seasons as prior mean.
SEASONAL = "seasonal prior mean"

#: Methods with names of their drivers, those of the targets first.
RUNS: tuple[tuple[str, str], ...] = (
    ("stations alone, tuned", ""),
    ("stations alone, beta 0.01", ""),
    ("stations alone, tuned, common mode", ""),
    ("water, operator alone", "T, p, rain"),
    ("joint water", "T, p, rain"),
    ("water, operator alone, network noise", "T, p, rain"),
    ("joint water, network noise", "T, p, rain"),
    ("two stages", "T, p, rain"),
    ("two stages, network noise", "T, p, rain"),
    ("stations alone, network noise", ""),
    (SEASONAL, ""),
    ("MLLIM", "T, p"),
    ("DWLIM", "T, p"),
    ("water balance", "T, rain"),
    ("joint water", "T, p"),
    ("two stages", "T, p"),
    ("joint water", "rain"),
    ("two stages", "rain"),
    ("MLLIM", "T, p, rain"),
    ("DWLIM", "T, p, rain"),
    ("MLLIM", "rain"),
    ("DWLIM", "rain"),
    ("water, operator alone", "T, p"),
    ("water, operator alone", "rain"),
)

#: Regions that are held against GRACE, by how the tables call them.
REGIONS = {
    "region_buffered": "buffered region",
    "region": "region",
    "Lower Basin": "lower Colorado",
    "Upper Basin": "upper Colorado",
    "COLUMBIA RIVER": "Columbia",
    "SACRAMENTO RIVER": "Sacramento",
}

#: Basins of the fluxes.
PLACES = REGIONS | {
    "SAN JOAQUIN RIVER": "San Joaquin",
    "COLORADO RIVER (PACIFIC": "Colorado",
}

#: What the tables compare with what.
BASE, JOINT = ("stations alone, tuned", ""), ("joint water", "T, p, rain")
#: By how much r without seasons may be lower.
TOLERATED = 0.03


@dataclasses.dataclass(frozen=True)
class Cell:
    """One run of a method.

    Attributes:
      method: Its name.
      drivers: Name of its set of drivers; empty for none.
      draw: Number of the neighbourhoods that are held out; 0 for none.
    """

    method: str
    drivers: str
    draw: int

    @property
    def key(self) -> str:
        """Its name in the file of results."""
        return f"{self.method} | {self.drivers} | {self.draw}"


def stored() -> dict[str, Any]:
    """Read what was found so far."""
    return json.loads(PATH.read_text()) if PATH.exists() else {"cells": {}}


def write_tables() -> None:
    """Put the tables into the page on benchmarks."""
    before, after = README.read_text().split(BEGIN)
    rest = after.split(END)[1]
    content = stored()
    head, rows = halves_table(content.get("halves", {}), REGIONS)
    halves = _table(HALVES_TITLE, head, [_row(row) for row in rows])
    tables = "\n\n".join(x for x in (_tables(content["cells"]), halves) if x)
    io.write_text(README, f"{before}{BEGIN}\n\n{tables}\n\n{END}{rest}")


def _tables(cells: dict[str, Any]) -> str:
    parts = [
        _held_out_table(cells),
        _grace_table(cells, "rmse_mm", "RMSE against GRACE [mm], without trends", 1),
        _grace_table(cells, "r", "r with GRACE, without trends", 2),
        _grace_table(
            cells, "deseasonalised_r", "r with GRACE, without trends and seasons", 2
        ),
        _grace_table(
            cells, "amplitude_ratio", "Annual amplitude over that of GRACE", 2
        ),
        _check_table(cells, "fluxes", "P - ET - R and storage change", FLUXES),
        _check_table(cells, "snow", "Snow pillows and water of their mountains", SNOW),
        _refusals(cells),
        _targets(cells),
    ]
    return "\n\n".join(part for part in parts if part)


HALVES_TITLE = (
    "Means over regions by two halves of the stations: rms of their difference, as it "
    "is and as standard errors state it [mm]"
)

#: Columns of checks: labels, and the scores that they show.
FLUXES = {"r": "r", "r without seasons": "deseasonalised_r"}
SNOW = {"r": "r", "mm per mm": "water_per_snow"}


def _rows(cells: dict[str, Any], draw: int) -> Iterator[tuple[str, str, Any]]:
    for method, drivers in RUNS:
        scores = cells.get(Cell(method, drivers, draw).key)
        if scores is not None and "refused" not in scores:
            yield method, drivers, scores


def _held_out_table(cells: dict[str, Any]) -> str:
    lines = []
    for method, drivers in RUNS:
        each = [cells.get(Cell(method, drivers, draw).key, {}) for draw in DRAWS]
        values = [one.get("held_out_rms_mm") for one in each]
        if any(value is not None for value in values):
            shown = ["" if v is None else f"{v:.3f}" for v in values]
            lines.append(_row([method, drivers, *shown]))
    head = ["method", "drivers", *(f"draw {draw}" for draw in DRAWS)]
    return _table("Heights of held-out neighbourhoods: RMS error [mm]", head, lines)


def _grace_table(cells: dict[str, Any], score: str, title: str, digits: int) -> str:
    lines = []
    for method, drivers, scores in _rows(cells, 0):
        values = [scores["grace"][name][score] for name in REGIONS]
        lines.append(_row([method, drivers, *(f"{v:.{digits}f}" for v in values)]))
    return _table(title, ["method", "drivers", *REGIONS.values()], lines)


def _check_table(
    cells: dict[str, Any], check: str, title: str, columns: dict[str, str]
) -> str:
    lines, places = [], []
    for method, drivers, scores in _rows(cells, 0):
        places = list(scores[check])
        values = [
            f"{scores[check][place][score]:.2f}"
            for place in places
            for score in columns.values()
        ]
        lines.append(_row([method, drivers, *values]))
    named = [PLACES.get(place, place) for place in places]
    head = [f"{place}: {label}" for place in named for label in columns]
    return _table(title, ["method", "drivers", *head], lines)


def _refusals(cells: dict[str, Any]) -> str:
    """Which runs have no scores, and why."""
    lines = [
        f"* {key}: {scores['refused']}"
        for key, scores in cells.items()
        if "refused" in scores
    ]
    return "\n".join(["Failed, and to be run again:", "", *lines]) if lines else ""


def _targets(cells: dict[str, Any]) -> str:
    """How often the joint form beats tuned stations alone."""
    pairs = [
        [cells.get(Cell(*run, draw).key, {}) for run in (JOINT, BASE)]
        for draw in (0, *DRAWS)
    ]
    errors = [
        [one["held_out_rms_mm"] for one in pair]
        for pair in pairs[1:]
        if all("held_out_rms_mm" in one for one in pair)
    ]
    lines = []
    if errors:
        wins = sum(ours < theirs for ours, theirs in errors)
        lines.append(f"* held-out neighbourhoods: better in {wins} of {len(errors)}")
    if all("grace" in one for one in pairs[0]):
        joint, base = ([one["grace"][name] for name in REGIONS] for one in pairs[0])
        each = list(zip(joint, base, strict=True))
        wins = sum(x["rmse_mm"] < y["rmse_mm"] for x, y in each)
        change = [x["deseasonalised_r"] - y["deseasonalised_r"] for x, y in each]
        worse = sum(x < -TOLERATED for x in change)
        lines += [
            f"* RMSE against GRACE: better in {wins} of {len(each)} regions",
            f"* r without seasons: lower by more than {TOLERATED} in {worse} of "
            f"{len(each)} regions, {min(change):+.2f} at the lowest",
        ]
    if not lines:
        return ""
    names = " with ".join(JOINT), BASE[0]
    return "\n".join([f"{names[0]}, beside {names[1]}:", "", *lines])


def _table(title: str, head: list[str], lines: list[str]) -> str:
    if not lines:
        return ""
    return "\n".join([f"{title}:", "", _row(head), _row(["---"] * len(head)), *lines])


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
