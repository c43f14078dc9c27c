"""Water of some epochs by frozen parameters, with its standard errors."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion
from jaxload.inversion.temporal.smoothing import solve_in_time_representers
from jaxload.inversion.uncertainty.direct_epochs import is_direct, solve_directly
from jaxload.pipeline.chunks import means_over
from jaxload.pipeline.estimation.problem import DesignAndPrior, Model
from jaxload.pipeline.estimation.solution import (
    LOSSES,
    Estimate,
    estimate_robustly,
)
from jaxload.pipeline.estimation.uncertainty import standard_deviations

__all__ = ["LaterWater", "estimate_later", "some_water"]

Floats = NDArray[np.float64]

#: Epochs up to which each is solved by an inverse of its own, and their least number:
#: programs are compiled for a few numbers of epochs only.
FEW, LEAST = 256, 8


@dataclasses.dataclass(frozen=True, eq=False)
class LaterWater:
    """Water of some epochs.

    Attributes:
      estimate: The estimate, with its noise.
      regions: Means over regions [mm], shape (epoch, region).
      region_sd: Their standard errors [mm], same shape; None where there are none.
      cell_sd: Standard errors of cells [mm], shape (epoch, cell); likewise.
      rest_sd: Those of regions without functions of time [mm], shape (epoch, region);
        None where epochs are independent.
    """

    estimate: Estimate
    regions: Floats
    region_sd: Floats | None
    cell_sd: NDArray[np.float32] | None
    rest_sd: Floats | None = None


def estimate_later(
    study: config.Study,
    frozen: tuple[xr.Dataset, Mapping[str, Any]],
    heights: xr.Dataset,
    problem: DesignAndPrior,
    weights: Floats,
) -> LaterWater:
    """Estimate the water of some epochs by frozen parameters.

    Args:
      study: The study.
      frozen: Arrays and plain values of the state.
      heights: Heights of the epochs, as they are inverted.
      problem: Design matrix and prior.
      weights: Weight of each cell in the regions, shape (region, cell).

    Returns:
      The `LaterWater`.
    """
    settings = dataclasses.replace(study.inversion, errors=frozen[1]["errors"])
    study = dataclasses.replace(study, inversion=settings)
    plain = settings.robust == "none" and not settings.correlation_time_days
    count, few = heights.sizes["time"], heights.sizes["time"] <= FEW
    model = _model(study, frozen, heights, problem, count)
    if plain and few and is_direct(model.problem, model.noise):
        return _directly(study, model, float(frozen[1]["beta"]), weights)
    model = _model(study, frozen, heights, problem, _padded_size(count))
    beta = float(frozen[1]["beta"])
    time = heights.time.values
    if settings.correlation_time_days:
        estimated = _in_time(study, model, time, beta)
    else:
        estimated = _independent(study, model, beta)
    errors = standard_deviations(study, model, estimated, beta, weights)
    cell_sd = None
    if errors.cells is not None:
        cell_sd = np.concatenate([part.sd for part in errors.cells()])[:count]
    sd = None if errors.regions is None else errors.regions[:count]
    estimated = _some_epochs(estimated, np.arange(count))
    means = means_over(weights, estimated.solution)
    return LaterWater(estimated, means, sd, cell_sd)


def _directly(
    study: config.Study, model: Model, beta: float, weights: Floats
) -> LaterWater:
    """Epochs that are few and independent, one after the other."""
    kind, problem = study.inversion.errors, model.problem
    targets = []
    if kind != "none":
        targets.append(inversion.averages(problem, model.prior, weights))
    if kind == "cells":
        targets.append(inversion.every_cell(problem, model.prior))
    solved = solve_directly(problem, model.up, model.noise, beta, tuple(targets))
    for sd in solved.sd:
        sd[~np.asarray(solved.solution.ok)] = np.nan
    means = means_over(weights, solved.solution)
    estimated = Estimate(solved.solution, model.noise, solved.left_out)
    regions = solved.sd[0] if targets else None
    cells = solved.sd[1].astype(np.float32) if kind == "cells" else None
    return LaterWater(estimated, means, regions, cells)


def some_water(water: LaterWater, places: NDArray[np.intp]) -> LaterWater:
    """Take some epochs.

    Args:
      water: Water of more epochs.
      places: Numbers of those wanted.

    Returns:
      The water of these.
    """
    part = lambda values: None if values is None else values[places]
    return LaterWater(
        _some_epochs(water.estimate, places),
        water.regions[places],
        part(water.region_sd),
        part(water.cell_sd),
        part(water.rest_sd),
    )


def _padded_size(count: int) -> int:
    """The next power of two, which is the size of several numbers of epochs."""
    return max(LEAST, 1 << (count - 1).bit_length())


def _model(
    study: config.Study,
    frozen: tuple[xr.Dataset, Mapping[str, Any]],
    heights: xr.Dataset,
    problem: DesignAndPrior,
    size: int,
) -> Model:
    arrays, about = frozen
    spare = size - heights.sizes["time"]
    up = np.pad(heights.up.values, ((0, spare), (0, 0)), constant_values=np.nan)
    if study.gnss.sigma == "station":
        sigma = arrays.sigma.values
    else:
        daily = heights.up_sigma.where(heights.up.notnull()).fillna(1.0).values
        daily = np.pad(daily, ((0, spare), (0, 0)), constant_values=1.0)
        sigma = daily * arrays.sigma_factor.values
    noise = inversion.Noise(sigma, None, float(about["common_variance_mm2"]))  # pyright: ignore[reportArgumentType]
    return Model(*problem, up, noise)


def _independent(study: config.Study, model: Model, beta: float) -> Estimate:
    settings = study.inversion
    share = len(model.up) > FEW or settings.precision != "float64"
    data = inversion.observations(
        model.up, model.noise, share_inverse=share, precision=settings.precision
    )
    if settings.robust != "none":
        return estimate_robustly(model, data, beta, LOSSES[settings.robust])
    solution, left_out = inversion.solve_record(model.problem, data, beta)
    return Estimate(solution, model.noise, left_out)


def _in_time(
    study: config.Study, model: Model, time: NDArray[np.datetime64], beta: float
) -> Estimate:
    """Epochs together, those that fill up after the others and without heights."""
    step = np.timedelta64(1, "D")
    spare = len(model.up) - len(time)
    after = time[-1] + step * np.arange(1, spare + 1)
    memory = inversion.autoregression(
        np.concatenate([time, after]), study.inversion.correlation_time_days
    )
    data = inversion.observations(model.up, model.noise, share_inverse=False)
    solution = solve_in_time_representers(model.problem, data, beta, memory)
    return Estimate(solution, model.noise)


def _some_epochs(estimated: Estimate, places: NDArray[np.intp]) -> Estimate:
    """The estimate of some epochs, without its factor."""
    solution = estimated.solution
    terms = tuple(
        dataclasses.replace(term, coefficients=np.asarray(term.coefficients)[places])
        for term in solution.terms
    )
    solution = inversion.RepresenterSolution(
        terms,
        np.asarray(solution.fitted)[places],
        np.asarray(solution.ok)[places],
        np.asarray(solution.common)[places],
    )
    sigma = np.asarray(estimated.noise.sigma)
    if sigma.ndim > 1:
        sigma = sigma[places]
    noise = dataclasses.replace(estimated.noise, sigma=sigma)  # pyright: ignore[reportArgumentType]
    of = lambda values: None if values is None else np.asarray(values)[places]
    return Estimate(solution, noise, of(estimated.left_out), of(estimated.weights))
