"""Real heights and real, coarse weather: who fills the western United States best?

    python -m benchmarks.real_weather --data FOLDER

Monthly heights of 332 stations, 2006 to 2022. Each method is the study of
`real_weather.toml` with other settings, which the package runs: once with all stations,
held against GRACE, precipitation less evapotranspiration and runoff, and
snow pillows; four times without neighbourhoods of stations, whose heights it predicts.
Nothing is chosen by GRACE, fluxes or snow. A run goes on where the last one stopped.
"""

import argparse
import dataclasses
import fcntl
import functools
import logging
import pathlib
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
import xarray as xr
from jax import Array
from numpy.typing import NDArray

from benchmarks._harness import environment, hash_of_settings
from benchmarks._real_weather_halves import HALVES, compare_halves, part_stations
from benchmarks._real_weather_scores import Judges, make_judges, score_water
from benchmarks._real_weather_tables import (
    DRAWS,
    PATH,
    RUNS,
    SEASONAL,
    Cell,
    stored,
    write_tables,
)
from jaxload import config, inversion, io, series
from jaxload.gapfill.training.spatial_folds import (
    centres_for_fraction,
    sample_neighbourhoods,
)
from jaxload.inversion import Noise
from jaxload.pipeline.estimation.problem import Model, make_model, station_design
from jaxload.pipeline.inputs.observations import station_distances
from jaxload.pipeline.prepared_study import Prepared
from jaxload.pipeline.progress import Clock, ignore
from jaxload.pipeline.stages import invert_prepared
from jaxload.sweep.shared import Shared

__all__ = ["cells_to_run", "main", "settings_of"]

Floats = NDArray[np.float64]
Changes = dict[str, Any]

STUDY = pathlib.Path(__file__).with_name("real_weather.toml")

#: Share of the stations that a draw holds out, and radius of its neighbourhoods.
SHARE, RADIUS_KM = 0.2, 150.0

#: The weight of the prior in the articles.
PUBLISHED = 0.01

#: By neighbourhoods left out; the likelihood chooses the smallest beta that is tried.
TUNED: Changes = {"inversion.criterion": "leave-group-out"}
COMMON: Changes = {"inversion.common_mode_mm": "estimate"}

_WEATHER = "met/westus_weather"
TEMPERATURE: Changes = {"weather.temperature": f"{_WEATHER}/temperature.nc"}
PRESSURE: Changes = {
    "weather.pressure.files": f"{_WEATHER}/pressure.nc",
    "weather.pressure.missing": "climatology",
}
RAIN: Changes = {
    "weather.precipitation.files": f"{_WEATHER}/precipitation.nc",
    "weather.precipitation.interpolation": "cell",
    "weather.precipitation.transformation": ["log1p", "normalise"],
    "weather.precipitation.antecedent_days": [90, 365],
    "weather.precipitation.missing": "climatology",
}
#: Sets of drivers by their names.
DRIVERS: dict[str, Changes] = {
    "": {},
    "T, p": TEMPERATURE | PRESSURE,
    "T, p, rain": TEMPERATURE | PRESSURE | RAIN,
    "rain": RAIN,
    "T, rain": TEMPERATURE | RAIN,
}

TRAINED: Changes = {
    "gapfill.hidden": 16,
    "gapfill.steps": 80,
    "gapfill.joint_steps": 20,
    "gapfill.members": 2,
    "gapfill.seed": 1,
    "gapfill.neighbourhood_km": RADIUS_KM,
    # Of the stations alone beside it, which are not looked at here.
    "inversion.beta": PUBLISHED,
}
WATER: Changes = TRAINED | {"gapfill.method": "joint-load"}
NETWORK: Changes = {"inversion.noise": "network", "inversion.beta": "choose"}
UPLIFT: Changes = TRAINED | {"gapfill.method": "joint-displacement"}
MLLIM: Changes = {"gapfill.method": "mllim", "gapfill.trees": 50}
DWLIM: Changes = {
    "gapfill.method": "dwlim",
    "gapfill.control_correlation": 0.3,
    "gapfill.steps": 160,
}
#: Components of temperature and pressure, with fewer copies than the article's hundred.
MEEMD: Changes = {
    "features.method": "meemd",
    "features.components": 6,
    "features.ensemble_size": 20,
}

#: Methods as changes of the study, by their names.
METHODS: dict[str, Changes] = {
    "stations alone, beta 0.01": {"inversion.beta": PUBLISHED},
    "stations alone, tuned": TUNED,
    "stations alone, tuned, common mode": TUNED | COMMON,
    "stations alone, network noise": {"inversion.noise": "network"},
    SEASONAL: {},
    "joint water": WATER,
    "water, operator alone": WATER | {"gapfill.joint_steps": 0},
    "water, operator alone, network noise": WATER
    | NETWORK
    | {"gapfill.joint_steps": 0},
    "joint water, network noise": WATER | NETWORK,
    "two stages": UPLIFT | {"gapfill.joint_steps": 0},
    "two stages, network noise": UPLIFT | NETWORK | {"gapfill.joint_steps": 0},
    "water balance": WATER | {"gapfill.model": "water-balance"},
    "MLLIM": MLLIM | {"inversion.beta": PUBLISHED},
    "DWLIM": DWLIM | MEEMD | {"inversion.beta": PUBLISHED},
}


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """Heights, and what is held out and compared.

    Attributes:
      data: Folder of the observations.
      shared: What studies have in common.
      prepared: The heights of all stations.
      design: Uplift by unit water, shape (station, cell).
      judges: What water is compared with.
    """

    data: pathlib.Path
    shared: Shared
    prepared: Prepared
    design: Floats
    judges: Judges

    def study(self, changes: Changes) -> config.Study:
        """Make the study of a method."""
        return config.read_study(STUDY, str(self.data), changes=changes)

    def held_out(self, draw: int) -> NDArray[np.bool_]:
        """Tell which stations a draw holds out, shape (station,)."""
        distance = station_distances(self.prepared.gnss)
        if not draw:
            return np.zeros(len(distance), bool)
        centres = centres_for_fraction(distance, RADIUS_KM, SHARE)
        key = jax.random.key(100 + draw)
        return np.asarray(sample_neighbourhoods(distance, RADIUS_KM, centres, key))


@dataclasses.dataclass(frozen=True, eq=False)
class Estimate:
    """Water by a method.

    Attributes:
      load: Of all cells [mm], shape (epoch, cell).
      common: What all receivers share [mm], shape (epoch,).
      about: What the training says of itself.
    """

    load: Floats
    common: Floats
    about: dict[str, Any] = dataclasses.field(default_factory=dict)


def main() -> None:
    """Run what is still missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="../shared/data", help="folder of the data")
    parser.add_argument("--method", choices=METHODS, help="only this one")
    parser.add_argument("--drivers", choices=DRIVERS, help="only these")
    parser.add_argument("--draw", type=int, help="only this; 0 for all stations")
    parser.add_argument("--halves", action="store_true", help="of stations, compared")
    parser.add_argument("--tables", action="store_true", help="of what was found")
    options = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    if not options.tables:
        with jax.enable_x64(True):
            (_run_halves if options.halves else _run)(options)
    write_tables()


def cells_to_run(results: dict[str, Any], options: argparse.Namespace) -> list[Cell]:
    """List the cells that are wanted and not there.

    Args:
      results: Content of the file of results.
      options: With `method`, `drivers` and `draw`; None for all.

    Returns:
      The cells, most important first, all stations before draws.
    """
    wanted = options.method, options.drivers, options.draw
    every = [Cell(*run, 0) for run in RUNS]
    every += [Cell(*run, draw) for run in RUNS for draw in DRAWS]
    return [
        cell
        for cell in every
        if not _is_done(cell, results.get(cell.key, {}))
        and all(
            w is None or w == x
            for w, x in zip(wanted, dataclasses.astuple(cell), strict=True)
        )
    ]


def _is_done(cell: Cell, scores: dict[str, Any]) -> bool:
    """Whether a stored cell has scores, and of the settings as they are now."""
    return "refused" not in scores and scores.get("settings") == settings_of(cell)


def settings_of(cell: Cell) -> str:
    """Make a hash of the settings of a cell.

    Args:
      cell: The cell.
    """
    return hash_of_settings(config.read_study(STUDY, changes=_changes(cell)))


def _run(options: argparse.Namespace) -> None:
    left = cells_to_run(stored()["cells"], options)
    if not left:
        return
    case, spent = _make_case(pathlib.Path(options.data)), 0.0
    begin = time.perf_counter()
    for number, cell in enumerate(left, 1):
        # Programs compiled for the gaps of a draw fill the memory maps of a process.
        jax.clear_caches()
        start = time.process_time()
        scores = _scored(case, cell)
        scores["processor_s"] = time.process_time() - start
        spent += scores["processor_s"]
        _keep(cell, scores)
        wall = time.perf_counter() - begin
        ahead = wall / number * (len(left) - number) / 60
        print(
            f"{number}/{len(left)} {cell.key}: {scores['processor_s']:.0f} s of the "
            f"processor; {spent:.0f} s in all, about {ahead:.0f} minutes left",
            flush=True,
        )


def _run_halves(options: argparse.Namespace) -> None:
    """Compare halves of the stations by methods where that is not done yet."""
    known = stored().get("halves", {})
    keys = {f"{method} | {drivers}": (method, drivers) for method, drivers in HALVES}
    left = {key: run for key, run in keys.items() if key not in known}
    if not left:
        return
    case = _make_case(pathlib.Path(options.data))
    first = part_stations(case.prepared.gnss.sizes["station"])
    for key, run in left.items():
        # What both halves share cancels in their difference.
        changes = _changes(Cell(*run, 0)) | {
            "inversion.errors": "regions",
            "inversion.systematic_season_mm": 0.0,
            "inversion.systematic_rate_mm_per_year": 0.0,
        }
        study = case.study(changes)

        def invert(left_out: NDArray[np.bool_], study: config.Study) -> xr.Dataset:
            jax.clear_caches()
            prepared = _masked(case.prepared, left_out)
            return invert_prepared(study, prepared, None, case.shared.clock).regions

        scores = compare_halves(functools.partial(invert, study=study), first)
        _update(lambda x, k=key, s=scores: x.setdefault("halves", {}).update({k: s}))
        print(f"halves by {key}", flush=True)


def _make_case(data: pathlib.Path) -> Case:
    if not data.is_dir():
        raise SystemExit(f"{data} is not there: the observations are needed")
    study = config.read_study(STUDY, str(data))
    shared = Shared(Clock(ignore))
    prepared = _centred(shared.prepared(study))
    grid = prepared.area.grid
    design = np.asarray(station_design(study, prepared.gnss, grid))
    return Case(data, shared, prepared, design, make_judges(prepared, data))


def _centred(prepared: Prepared) -> Prepared:
    """Heights as anomalies, as gap filling takes them."""
    gnss = prepared.gnss
    up = (gnss.up - gnss.up.mean("time")).assign_attrs(gnss.up.attrs)
    return dataclasses.replace(
        prepared, gnss=gnss.assign(up=up), rows=gnss.assign(up=up)
    )


def _scored(case: Case, cell: Cell) -> dict[str, Any]:
    """Scores of a cell, or why there are none."""
    held = case.held_out(cell.draw)
    try:
        estimate = _estimate(case, cell, held)
    except (ValueError, OSError) as error:
        return {"refused": str(error), "settings": settings_of(cell)}
    scores: dict[str, Any] = estimate.about | {"settings": settings_of(cell)}
    if cell.draw:
        return scores | _prediction(case, estimate, held)
    return scores | score_water(estimate.load, case.judges)


def _changes(cell: Cell) -> Changes:
    """Settings of a cell beside those of the study."""
    changes = METHODS[cell.method] | DRIVERS[cell.drivers]
    if cell.drivers == "rain":
        # There is nothing to decompose.
        changes = {k: v for k, v in changes.items() if not k.startswith("features.")}
    return changes


def _estimate(case: Case, cell: Cell, held: NDArray[np.bool_]) -> Estimate:
    changes = _changes(cell)
    if cell.method == SEASONAL:
        return _seasonal(case, _masked(case.prepared, held))
    if changes.get("gapfill.method") in ("mllim", "dwlim"):
        # Filled from the stations that are there, before the inversion.
        names = case.prepared.gnss.station.values[held].tolist()
        study = case.study(changes | {"gnss.exclude": names})
        prepared = case.shared.prepared(study)
    else:
        study = case.study(changes)
        prepared = _masked(case.prepared, held)
    result = invert_prepared(study, prepared, None, case.shared.clock)
    grid = prepared.area.grid
    load = result.water.twsa.values[:, grid.row, grid.column].astype(np.float64)
    common = result.stations.get("common_mode", xr.DataArray(np.zeros(len(load))))
    return Estimate(load, np.nan_to_num(common.values), _about(result.summary))


def _about(summary: dict[str, Any]) -> dict[str, Any]:
    learned = summary.get("learning", {})
    names = ("best_step_pretraining", "best_step", "trained", "estimated")
    return {"beta": summary.get("beta")} | {
        k: learned[k] for k in names if k in learned
    }


def _masked(prepared: Prepared, held: NDArray[np.bool_]) -> Prepared:
    """Heights without those of some stations."""
    up = prepared.gnss.up.where(xr.DataArray(~held, dims="station"))
    gnss = prepared.gnss.assign(up=up.assign_attrs(prepared.gnss.up.attrs))
    return dataclasses.replace(prepared, gnss=gnss, rows=gnss)


def _prediction(
    case: Case, estimate: Estimate, held: NDArray[np.bool_]
) -> dict[str, Any]:
    """Heights of held-out stations, each about its own mean."""
    predicted = estimate.load @ case.design[held].T + estimate.common[:, None]
    up = case.prepared.gnss.up.values[:, held]
    predicted = np.where(np.isfinite(up), predicted, np.nan)
    missed = up - predicted
    missed = missed - np.nanmean(missed, axis=0)
    by_station = np.sqrt(np.nanmean(missed**2, axis=0))
    return {
        "stations": int(held.sum()),
        "held_out_rms_mm": float(np.sqrt(np.nanmean(missed**2))),
        "held_out_median_rms_mm": float(np.median(by_station)),
        "heights_rms_mm": float(np.sqrt(np.nanmean(up**2))),
    }


def _seasonal(case: Case, prepared: Prepared) -> Estimate:
    """Solve for smooth annual and semi-annual maps as prior mean with the rest."""
    gnss = prepared.gnss
    model = make_model(case.study({}), gnss, prepared.area.grid)
    noise, beta = _tuned(model)
    functions = jnp.asarray(series.seasonal_basis(gnss.time.values)[:, 2:])

    def minus(logs: Array, problem: inversion.Problem, up: Array) -> Array:
        with_common = dataclasses.replace(noise, common=jnp.exp(logs[2]))
        data = inversion.observations(up, with_common)
        weights = jnp.exp(logs[0]), jnp.exp(logs[1])
        fit = inversion.time_function_mean(problem, data, weights, functions)
        return -fit.log_evidence

    slope = jax.jit(jax.value_and_grad(minus))
    about = (model.problem, jnp.asarray(model.up))
    both = lambda x: tuple(np.asarray(v, float) for v in slope(x, *about))
    start = np.log([beta, PUBLISHED, float(noise.common)])
    settings = {"maxiter": 12}
    best = scipy.optimize.minimize(
        both, start, jac=True, method="L-BFGS-B", options=settings
    )
    beta, amplitude, common = np.exp(best.x)
    noise = dataclasses.replace(noise, common=common)
    data = inversion.observations(model.up, noise)
    fit = inversion.time_function_mean(
        model.problem, data, (beta, amplitude), functions
    )
    solution = inversion.solve(model.problem, data, beta, mean=functions @ fit.maps)
    hyperparameters = {"beta": float(beta), "amplitude": float(amplitude)}
    load, common = np.asarray(solution.load), np.asarray(solution.common)
    return Estimate(load, common, hyperparameters)


def _tuned(model: Model) -> tuple[Noise, float]:
    """Noise and beta of the largest evidence."""
    start = {"beta": 0.02, "noise_factor": 1.0, "common": 1.0}
    scaled = inversion.scaled_model(model.problem, Noise(model.noise.sigma, common=1.0))
    tuned = inversion.tune(scaled, start, model.up).estimate
    sigma = jnp.asarray(model.noise.sigma) * tuned["noise_factor"]
    return Noise(sigma, common=tuned["common"]), tuned["beta"]


def _keep(cell: Cell, scores: dict[str, Any]) -> None:
    """Add scores to what was found, perhaps meanwhile, by other runs."""
    _update(lambda content: content["cells"].update({cell.key: scores}))


def _update(change: Callable[[dict[str, Any]], None]) -> None:
    with PATH.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        content = stored() | {"benchmark": "real_weather", **environment()}
        change(content)
        io.write_json(content, PATH)


if __name__ == "__main__":
    main()
