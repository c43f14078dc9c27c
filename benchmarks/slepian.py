"""Water of basins by cells and by Slepian functions, and why they differ.

    python -m benchmarks.slepian STUDY --data FOLDER

The heights of a study are inverted by cells under its prior, and by Slepian functions
of its cells: by least squares, and under a prior of their coefficients. Between the
series of a basin by cells and by smoothed functions lie linear steps, each of which is
taken alone: water of cells restricted to the functions (their band, and leakage),
functions fitted without a prior, and smoothing. Each series is compared with that of
cells and, where a study has one, with its reference.
"""

import argparse
import dataclasses
import json
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from benchmarks import _harness
from jaxload import config, inversion
from jaxload.constants import EARTH_RADIUS
from jaxload.inversion.estimation.representers import functionals_of
from jaxload.pipeline.estimation.few_unknowns import (
    describe_unknowns,
    smoothed_fields,
)
from jaxload.pipeline.estimation.hyperparameters import choose
from jaxload.pipeline.estimation.problem import make_model
from jaxload.pipeline.estimation.solution import estimate
from jaxload.pipeline.evaluate.regions import region_means, score_regions
from jaxload.pipeline.prepared_study import Prepared
from jaxload.pipeline.progress import Clock, ignore
from jaxload.pipeline.stages import prepare

Floats = NDArray[np.float64]

#: Settings of each inversion, beside those of the study.
SLEPIAN = {"inversion.unknowns": "slepian", "inversion.beta": "choose"}
RAW = SLEPIAN | {"inversion.slepian_smoothing_km": 0.0}
WAYS = {
    "cells": {},
    "slepian": RAW | {"inversion.prior": "none"},
    "slepian under a prior": RAW | {"inversion.prior": "identity"},
}


def inverted(study: config.Study, prepared: Prepared) -> tuple[Any, dict[str, float]]:
    """Estimate water, and how well left-out stations are predicted."""
    rows, grid = prepared.rows, prepared.area.grid
    model, choice = choose(study, make_model(study, rows, grid), rows, lambda _: None)
    water = estimate(study, model, rows.time.values, choice.beta)
    assert water.left_out is not None
    regions = inversion.averages(
        model.problem, model.prior, prepared.area.basins.weights
    )
    factor = water.solution.factor
    spread = np.asarray(inversion.posterior_sd(factor, regions).sd)
    plain = {
        "beta": float(choice.beta),
        "leave_one_out_mm": float(np.sqrt(np.nanmean(np.square(water.left_out)))),
        "median_sd_mm": np.nanmedian(spread, axis=0).tolist(),
    }
    return water.solution, plain


def restricted(study: config.Study, prepared: Prepared, smoothing: float) -> Floats:
    """Weights of cells in basins, of their water within the kept functions alone.

    Water of cells, none elsewhere, is projected on each function over the sphere.
    """
    grid = prepared.area.grid
    raw = smoothed_fields(with_smoothing(study, 0.0), grid)
    fields = smoothed_fields(with_smoothing(study, smoothing), grid)
    share = grid.cell_area / (4 * np.pi * EARTH_RADIUS**2)
    return (prepared.area.basins.weights @ fields) @ (raw * share[:, None]).T


def smoothing_of(study: config.Study, prepared: Prepared, smoothing: float) -> Floats:
    """Weights in basins of smoothed functions, as weights of unsmoothed ones."""
    grid = prepared.area.grid
    raw = smoothed_fields(with_smoothing(study, 0.0), grid)
    fields = smoothed_fields(with_smoothing(study, smoothing), grid)
    return prepared.area.basins.weights @ fields @ np.linalg.pinv(raw)


def with_smoothing(study: config.Study, radius: float) -> config.Study:
    """Change the radius of smoothing of a study [km]."""
    changes = {"slepian_smoothing_km": radius}
    return replaced(study, {f"inversion.{name}": x for name, x in changes.items()})


def replaced(study: config.Study, changes: dict[str, Any]) -> config.Study:
    """Change settings of ``[inversion]`` in a study."""
    settings = {name.removeprefix("inversion."): x for name, x in changes.items()}
    return dataclasses.replace(
        study, inversion=dataclasses.replace(study.inversion, **settings)
    )


def time_terms(days: NDArray[np.datetime64]) -> Floats:
    """Offset, trend [per year], annual and semi-annual terms, shape (epoch, term)."""
    year = (days - days[0]) / np.timedelta64(1, "D") / 365.25
    turns = [2 * np.pi * n * year for n in (1, 2)]
    waves = [f(turn) for turn in turns for f in (np.cos, np.sin)]
    return np.stack([np.ones_like(year), year, *waves], axis=1)


def compared(series: Floats, other: Floats, terms: Floats) -> dict[str, float]:
    """By how much one series of a basin differs from another."""
    known = np.isfinite(series) & np.isfinite(other)
    fits = [np.linalg.lstsq(terms[known], x[known])[0] for x in (series, other)]
    size = [np.hypot(*fit[2:4]) for fit in fits]
    return {
        "correlation": float(np.corrcoef(series[known], other[known])[0, 1]),
        "annual_amplitude_mm": float(size[0]),
        "annual_ratio": float(size[0] / size[1]),
        "trend_mm_per_year": float(fits[0][1]),
        "trend_difference_mm_per_year": float(fits[0][1] - fits[1][1]),
        "rms_difference_mm": float(np.std(series[known] - other[known])),
        "day_to_day_mm": float(np.nanstd(np.diff(series))),
    }


def main() -> None:
    """Invert in each way, and compare the basins."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n")[0])
    parser.add_argument("study")
    parser.add_argument("--data", default=None)
    arguments = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    study = config.read_study(arguments.study, arguments.data)
    prepared = prepare(study, None, Clock(ignore))
    area, time = prepared.area, prepared.rows.time.values
    weights, radius = area.basins.weights, study.inversion.slepian_smoothing_km
    series, facts = {}, {}
    for name, changes in WAYS.items():
        changed = replaced(study, changes)
        solution, facts[name] = inverted(changed, prepared)
        facts[name]["unknowns"] = describe_unknowns(changed, area.grid)
        series[name] = functionals_of(solution, weights)
        if name == "cells":
            functions = replaced(study, WAYS["slepian"])
            for step, smoothing in (("restricted", 0.0), ("and smoothed", radius)):
                part = restricted(functions, prepared, smoothing)
                series[f"cells, {step}"] = functionals_of(solution, part)
        else:
            smooth = smoothing_of(changed, prepared, radius)
            series[f"{name}, smoothed"] = functionals_of(solution, smooth)
        print(name, facts[name]["beta"], facts[name]["leave_one_out_mm"], flush=True)
    terms, table = time_terms(time), {}
    for name, values in series.items():
        scores = score_regions(
            study, region_means(area.basins, values, time, area.references)
        )
        for number, basin in enumerate(area.basins.names):
            row: dict[str, Any] = {
                **compared(values[:, number], series["cells"][:, number], terms)
            }
            row["reference"] = scores.get(basin, {})
            table.setdefault(str(basin), {})[name] = row
            print(
                f"{basin:18.18s} {name:32s} r {row['correlation']:.3f}  annual "
                f"{row['annual_amplitude_mm']:6.1f} mm, ratio "
                f"{row['annual_ratio']:.2f}  trend {row['trend_mm_per_year']:6.2f} "
                f"({row['trend_difference_mm_per_year']:+.2f}) mm/yr  rms "
                f"{row['rms_difference_mm']:6.1f} mm  day to day "
                f"{row['day_to_day_mm']:5.1f}  {row['reference']}",
                flush=True,
            )
    results = {"environment": _harness.environment(), "ways": facts, "basins": table}
    (_harness.RESULTS / "slepian.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
