"""Every way to water where no receiver stands, as changes of one study.

What runs is the package: a method is `gapfill.toml` with other settings, carried out by
`pipeline`. Three are no study: the land-surface model by itself, maps of the seasons
as prior mean, and stations with rows of GRACE; they call functions of the package.
"""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jax import Array
from numpy.typing import NDArray

from benchmarks._gapfill_case import Case, Estimate, run_study
from jaxload import inversion, series
from jaxload.inversion import Noise
from jaxload.inversion.uncertainty.functionals import Functionals
from jaxload.pipeline.estimation.problem import Model, make_model
from jaxload.pipeline.fill.observed_means import read_study_means
from jaxload.pipeline.inputs.weather import WeatherPlaces, read_weather

__all__ = ["METHODS", "Method"]

Changes = dict[str, Any]

#: The weight of the prior in the articles.
PUBLISHED = 0.01

#: Stations alone, or filled cells, by the weight with the largest evidence.
TUNED: Changes = {
    "inversion.beta": "choose",
    "inversion.criterion": "abic",
    "inversion.common_mode_mm": "estimate",
}

#: Drivers of the articles, and with rain.
DRY: Changes = {
    "weather.temperature": "temperature.nc",
    "weather.pressure": "pressure.nc",
}
WET: Changes = DRY | {"weather.precipitation": "precipitation.nc"}
LAND: Changes = WET | {"weather.land_model": "storage.nc"}

#: Means of GRACE over the basins as further rows.
GRACE: Changes = {"gapfill.grace": ["grace_csr.nc", "grace_jpl.nc"]}

CELL_LOADS: Changes = {
    "gapfill.virtual_station_loads": [
        "loads/cells/NTAL.*.txt",
        "loads/cells/NTOL.*.txt",
    ]
}

#: MEEMD of the weekly weather, with fewer copies than the article's hundred, and few
#: stations of the southwest follow the weather as closely as 0.5.
DWLIM: Changes = {
    "gapfill.method": "dwlim",
    "gapfill.control_correlation": 0.3,
    "gapfill.steps": 160,
    "features.method": "meemd",
    "features.components": 10,
    "features.ensemble_size": 20,
}
DISTANCE: Changes = {
    "gapfill.method": "virtual-stations",
    "gapfill.model": "inverse-distance",
}
MLLIM: Changes = {"gapfill.method": "mllim", "gapfill.trees": 50}

#: One model for all places, of which four are trained, that predicts water or uplift.
TRAINED: Changes = {
    "gapfill.hidden": 16,
    "gapfill.steps": 160,
    "gapfill.joint_steps": 100,
    "gapfill.members": 4,
    "gapfill.neighbourhood_km": 111.0,
}
WATER: Changes = TRAINED | {"gapfill.method": "joint-load"}

#: How heights are inverted about what was trained: under noise that stations share,
#: which does not go with rows of GRACE, or under that of independent epochs.
SHARED: Changes = {"inversion.noise": "network", "inversion.beta": "choose"}
INDEPENDENT = "independent epochs"
UPLIFT: Changes = TRAINED | {"gapfill.method": "joint-displacement"}

#: Water trained through the loading operator alone, or by the evidence after that.
OPERATOR: Changes = WATER | {"gapfill.joint_steps": 0}
EVIDENCE: Changes = WATER | {"gapfill.network_likelihood_weight": 0.0}
BALANCE: Changes = WATER | {"gapfill.model": "water-balance"}
CORRECTED: Changes = WATER | {"gapfill.model": "water-balance+lstm"}
CONVOLUTION: Changes = WATER | {"gapfill.model": "convolution"}
LAND_MEAN: Changes = OPERATOR | {"gapfill.model": "land-surface"}
TWO_STAGES: Changes = UPLIFT | {"gapfill.joint_steps": 0}

#: What is read where no study is run: a land-surface model; means that train networks.
LAND_ALONE: Changes = {"weather.land_model": "storage.nc"}
GRACE_MEANS: Changes = WET | WATER | GRACE


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to water.

    Attributes:
      changes: Of the study of a case, by names of settings.
      estimate: From the case to the estimate, where no study does it; the study of
        `changes` is then what it reads.
    """

    changes: Changes
    estimate: Callable[[Case], Estimate] | None = None

    def __call__(self, case: Case) -> Estimate:
        """Estimate the water of a case."""
        if self.estimate is not None:
            return self.estimate(case)
        return run_study(case, self.changes)


def land_model(case: Case) -> Estimate:
    """Take the land-surface model for the truth."""
    prepared = case.stations_only
    grid = prepared.area.grid
    names = [f"cell {number}" for number in range(len(grid.lon))]
    places = WeatherPlaces(names, grid.lon, grid.lat, nearest=True)
    study = case.study(LAND_ALONE)
    return Estimate(read_weather(study, places, prepared.gnss).variables["land_model"])


def with_grace_means(case: Case) -> Estimate:
    """Invert stations, tuned, with the means of GRACE that train networks."""
    prepared, model = case.stations_only, _stations(case)
    study = case.study(GRACE_MEANS)
    means = read_study_means(study, prepared.gnss, prepared.area)
    assert means is not None
    assert means.gravity is not None
    noise, beta = _tuned(model)
    data = inversion.observations(model.up, noise)
    by_heights = inversion.solve_representers(model.problem, data, beta)
    factor = by_heights.factor
    compared = inversion.innovations(by_heights, model.prior, means.gravity)
    joined = inversion.assimilate(compared, inversion.PeriodModel())
    spreads = []
    for target, weights in zip(_targets(case, model), _weights(case), strict=True):
        variance = np.square(inversion.posterior_sd(factor, target).sd)
        for epochs, less in inversion.assimilated_reduction(joined, target, weights):
            variance[epochs] -= less
        spreads.append(np.sqrt(np.maximum(variance, 0)))
    return Estimate(np.asarray(joined.solution.load, np.float64), *spreads)


def seasonal(case: Case) -> Estimate:
    """Solve for smooth annual and semi-annual maps as prior mean with the rest."""
    model, time = _stations(case), case.stations_only.gnss.time.values
    functions = jnp.asarray(series.seasonal_basis(time)[:, 2:])
    noise, beta = _tuned(model)

    def minus(logs: Array, problem: inversion.Problem, up: Array) -> Array:
        with_common = dataclasses.replace(noise, common=jnp.exp(logs[2]))
        data = inversion.observations(up, with_common)
        weights = jnp.exp(logs[0]), jnp.exp(logs[1])
        regression = inversion.time_function_mean(problem, data, weights, functions)
        return -regression.log_evidence

    slope = jax.jit(jax.value_and_grad(minus))
    arguments = (model.problem, jnp.asarray(model.up))
    both = lambda x: tuple(np.asarray(v, float) for v in slope(x, *arguments))
    start = np.log([beta, PUBLISHED, float(noise.common)])
    best = scipy.optimize.minimize(both, start, jac=True, method="L-BFGS-B")
    beta, amplitude, common = np.exp(best.x)
    data = inversion.observations(model.up, dataclasses.replace(noise, common=common))
    weights = beta, amplitude
    fit = inversion.time_function_mean(model.problem, data, weights, functions)
    mean = functions @ fit.maps
    load = inversion.solve(model.problem, data, beta, mean=mean).load
    about = (model.problem, data, weights, functions)
    variances = [
        inversion.time_function_variance(*about, functionals=target)
        for target in _targets(case, model)
    ]
    return Estimate(np.asarray(load), *map(np.sqrt, variances))


def _stations(case: Case) -> Model:
    """The inverse problem of the stations alone, with a common mode."""
    prepared = case.stations_only
    gnss = prepared.gnss
    anomaly = gnss.assign(up=gnss.up - gnss.up.mean("time"))
    model = make_model(case.study({}), anomaly, prepared.area.grid)
    noise = Noise(jnp.asarray(model.noise.sigma), common=1.0)
    return dataclasses.replace(model, noise=noise)


def _tuned(model: Model) -> tuple[Noise, float]:
    """Noise and beta of the largest evidence."""
    start = {"beta": 0.02, "noise_factor": 1.0, "common": 1.0}
    scaled = inversion.scaled_model(model.problem, model.noise)
    tuned = inversion.tune(scaled, start, model.up).estimate
    sigma = model.noise.sigma * tuned["noise_factor"]
    noise = dataclasses.replace(model.noise, sigma=sigma, common=tuned["common"])
    return noise, tuned["beta"]


def _weights(case: Case) -> Iterator[NDArray[np.float64]]:
    """Weights of cells in what `_targets` yields."""
    yield np.eye(case.basins.shape[1])[case.sampled]
    yield case.basins


def _targets(case: Case, model: Model) -> Iterator[Functionals]:
    yield inversion.some_cells(model.problem, model.prior, case.sampled)
    yield inversion.averages(model.problem, model.prior, case.basins)


METHODS: dict[str, Method] = {
    "traditional, beta 0.01": Method({"inversion.beta": PUBLISHED}),
    "traditional, tuned": Method(TUNED),
    "traditional, network noise": Method(
        {"inversion.noise": "network", "inversion.beta": "choose"}
    ),
    "traditional, tuned, GRACE": Method(GRACE_MEANS, with_grace_means),
    "inverse distance": Method(DRY | DISTANCE | CELL_LOADS | TUNED),
    "seasonal prior mean": Method({}, seasonal),
    "MLLIM": Method(DRY | MLLIM | CELL_LOADS | {"inversion.beta": PUBLISHED}),
    "MLLIM, tuned": Method(DRY | MLLIM | CELL_LOADS | TUNED),
    "DWLIM": Method(DRY | DWLIM | CELL_LOADS | {"inversion.beta": PUBLISHED}),
    "DWLIM, tuned": Method(DRY | DWLIM | CELL_LOADS | TUNED),
    "land model alone": Method(LAND_ALONE, land_model),
    "land model as prior mean": Method(LAND | LAND_MEAN | SHARED),
    f"land model as prior mean, {INDEPENDENT}": Method(LAND | LAND_MEAN),
    "two stages, without rain": Method(DRY | TWO_STAGES | SHARED),
    "two stages": Method(WET | TWO_STAGES | SHARED),
    f"two stages, {INDEPENDENT}": Method(WET | TWO_STAGES),
    "joint, displacement": Method(WET | UPLIFT | SHARED),
    f"joint, displacement, {INDEPENDENT}": Method(WET | UPLIFT),
    "joint, water, without rain": Method(DRY | WATER | SHARED),
    "joint, water": Method(WET | WATER | SHARED),
    f"joint, water, {INDEPENDENT}": Method(WET | WATER),
    "joint, water, operator alone": Method(WET | OPERATOR | SHARED),
    f"joint, water, operator alone, {INDEPENDENT}": Method(WET | OPERATOR),
    "joint, water, evidence alone": Method(WET | EVIDENCE | SHARED),
    "water balance": Method(WET | BALANCE | SHARED),
    f"water balance, {INDEPENDENT}": Method(WET | BALANCE),
    "water balance + lstm": Method(WET | CORRECTED | SHARED),
    "convolution": Method(WET | CONVOLUTION | SHARED),
}

#: The same with rows of GRACE, epochs independent.
WITH_GRACE = {
    "land model as prior mean": LAND | LAND_MEAN,
    "joint, water": WET | WATER,
    "joint, water, operator alone": WET | OPERATOR,
    "joint, water, evidence alone": WET | EVIDENCE,
    "water balance": WET | BALANCE,
    "water balance + lstm": WET | CORRECTED,
    "convolution": WET | CONVOLUTION,
}
METHODS |= {
    f"{name}, GRACE": Method(changes | GRACE) for name, changes in WITH_GRACE.items()
}
