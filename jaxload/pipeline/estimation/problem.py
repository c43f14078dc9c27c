"""Problem of the inversion: design matrix, prior, heights and their noise."""

import dataclasses
import logging

import jax
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion, sphere
from jaxload.constants import DEGREE, EARTH_RADIUS
from jaxload.pipeline.estimation.component_layout import (
    ComponentRows,
    component_rows,
    components_of,
    frame_patterns,
    observed_rows,
)
from jaxload.pipeline.estimation.few_unknowns import (
    check_enough_stations,
    few_unknowns_prior,
    has_few_unknowns,
    slepian_design,
)
from jaxload.pipeline.inputs.observations import make_design, standard_errors
from jaxload.pipeline.inputs.prior_amplitude import relative_amplitude
from jaxload.pipeline.inputs.virtual_stations import is_virtual
from jaxload.series.decomposition.pca import Components, principal_components
from jaxload.sphere.operators import diffusion_terms

__all__ = [
    "DesignAndPrior",
    "Model",
    "make_model",
    "make_prior",
    "make_problem",
    "of_stations",
    "station_design",
]

logger = logging.getLogger(__name__)

#: What the observations of a study are inverted with.
DesignAndPrior = tuple[inversion.Problem, inversion.Prior]

#: Cells in a correlation length below which the grid shows.
CELLS_IN_A_LENGTH = 6


@dataclasses.dataclass(frozen=True, eq=False)
class Model:
    """The observations of a study, their noise and the prior of the load.

    Attributes:
      problem: Design matrix and prior.
      prior: The prior by itself.
      up: Observed uplift, and behind it horizontal displacement where a study inverts
        that [mm], shape (epoch, row); NaN if missing.
      noise: Of the observations.
      parts: Principal components of `up`, if these are to be inverted.
      rows: Which component of which station each row is; None for heights alone.
    """

    problem: inversion.Problem
    prior: inversion.Prior
    up: NDArray[np.float64]
    noise: inversion.Noise
    parts: Components | None = None
    rows: ComponentRows | None = None


def make_model(
    study: config.Study,
    gnss: xr.Dataset,
    grid: sphere.Grid,
    design_and_prior: DesignAndPrior | None = None,
) -> Model:
    """Prepare the inversion: Earth, kernel, design matrix, prior, noise.

    A common mode that is still to be estimated is left out, and errors of the frame
    begin with 1 mm. Virtual stations have no common mode.

    Args:
      study: The study.
      gnss: The stations, perhaps with virtual stations.
      grid: The cells.
      design_and_prior: From `make_problem` of `station_design`, where it is known.

    Returns:
      The model.

    Raises:
      ValueError: If a map does not fit the grid, or there are fewer stations than
        components or unknowns.
    """
    common = study.inversion.common_mode_mm
    variance = 0.0 if isinstance(common, str) else common**2
    problem, prior = design_and_prior or make_problem(
        station_design(study, gnss, grid), make_prior(study, grid)
    )
    if study.gnss.horizontals:
        rows = component_rows(study, gnss)
        values, sigma = observed_rows(study, gnss, rows)
        noise = inversion.Noise(
            sigma,  # pyright: ignore[reportArgumentType]
            None,
            variance,
            rows.component == "up",  # pyright: ignore[reportArgumentType]
            frame_patterns(gnss, rows),  # pyright: ignore[reportArgumentType]
        )
        return Model(problem, prior, values, noise, rows=rows)
    up, sigma = gnss.up.values, standard_errors(study, gnss)
    filled = is_virtual(gnss)
    moved = ~filled if filled.any() else None
    noise = inversion.Noise(sigma, None, variance, moved)  # pyright: ignore[reportArgumentType]
    if has_few_unknowns(study):
        check_enough_stations(study, prior, up.shape[1])
    return Model(problem, prior, up, noise, _components(study, up, sigma))


def station_design(
    study: config.Study, gnss: xr.Dataset, grid: sphere.Grid
) -> jax.Array:
    """Compute the design matrix of the observations of a study.

    Args:
      study: The study.
      gnss: The stations, perhaps with virtual stations.
      grid: The cells.

    Returns:
      The design matrix [mm/mm], shape (row, cell).

    Raises:
      ValueError: As `slepian_design`.
    """
    if study.inversion.unknowns == "slepian":
        return slepian_design(study, gnss, grid)
    if not study.gnss.horizontals:
        return make_design(study, gnss, grid)
    rows = component_rows(study, gnss)
    return components_of(make_design(study, gnss, grid, rows.names), rows)


def make_problem(design: jax.Array, prior: inversion.Prior) -> DesignAndPrior:
    """Join a design matrix and a prior.

    Args:
      design: From `station_design`.
      prior: From `make_prior`.

    Returns:
      Both, with ``C G'`` computed.
    """
    return jax.block_until_ready(inversion.prior_problem(design, prior)), prior


def of_stations(model: Model, count: int) -> Model:
    """Restrict a model to the rows of the stations.

    Args:
      model: Of stations, and of virtual stations behind them.
      count: Number of stations.

    Returns:
      The model of the stations alone.
    """
    whole, sigma = model.problem, np.asarray(model.noise.sigma)
    problem = dataclasses.replace(
        whole,
        design=whole.design[:count],
        cross=whole.cross[:, :count],
        gram=whole.gram[:count, :count],
        null_space_response=whole.null_space_response[:count],
    )
    noise = dataclasses.replace(
        model.noise,
        sigma=sigma[..., :count],  # pyright: ignore[reportArgumentType]
        common_rows=None,
    )
    return dataclasses.replace(
        model, problem=problem, up=model.up[:, :count], noise=noise
    )


def make_prior(study: config.Study, grid: sphere.Grid) -> inversion.Prior:
    """Make the prior of the water.

    Args:
      study: The study.
      grid: The cells.

    Returns:
      The prior.

    Raises:
      ValueError: If the map of amplitudes does not fit the grid, or few unknowns cannot
        be made.
    """
    if has_few_unknowns(study):
        return few_unknowns_prior(study, grid)
    settings, scale = study.inversion, relative_amplitude(study, grid)
    if settings.prior == "matern":
        length = settings.correlation_length_km
        _warn_of_coarse_cells(length, grid)
        terms = diffusion_terms(grid)
        return inversion.matern_prior(terms, length, scale)
    if settings.prior == "identity":
        operator = sphere.identity(grid)
    elif settings.prior == "first-differences":
        operator = sphere.first_differences(grid)
    else:
        operator = sphere.laplacian(grid, settings.metric, settings.boundary)
    return inversion.smooth_prior(operator, scale=scale)


def _warn_of_coarse_cells(length: float, grid: sphere.Grid) -> None:
    side = grid.spacing * DEGREE * EARTH_RADIUS / 1e3
    if length < CELLS_IN_A_LENGTH * side:
        logger.warning(
            "a correlation length of %g km is %.1f cells of %.0f km; below %d the "
            "prior's variance is that of the grid: take smaller cells",
            length,
            length / side,
            side,
            CELLS_IN_A_LENGTH,
        )


def _components(study: config.Study, up: NDArray, sigma: NDArray) -> Components | None:
    settings = study.inversion
    if settings.unknowns != "components":
        return None
    if settings.components > min(up.shape):
        raise ValueError(
            f"inversion.components is {settings.components}, but there are "
            f"{up.shape[1]} stations and {up.shape[0]} epochs; take fewer"
        )
    parts = principal_components(up, settings.components, weights=1 / sigma**2)
    if not parts.converged:
        logger.warning(
            "the principal components still changed after %d iterations",
            int(parts.iterations),
        )
    return parts
