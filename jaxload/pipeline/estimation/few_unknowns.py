"""Loads of few unknowns: Slepian functions of the study area, or one per basin.

A load of Slepian functions moves stations by the Love numbers of its degrees, also the
part that leaks out of the cells; its maps are smoothed afterwards. Patches lie on the
cells, whose Green's functions move the stations.
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion, sphere
from jaxload.constants import EARTH_RADIUS
from jaxload.earth.loading.forward import harmonic_displacement
from jaxload.pipeline.inputs.earth import study_love_numbers
from jaxload.pipeline.inputs.observations import Outline
from jaxload.pipeline.inputs.outlines import read_outlines
from jaxload.sphere.harmonics.coefficients import Harmonics
from jaxload.sphere.harmonics.gaussian import smooth
from jaxload.sphere.harmonics.scattered import synthesise_at
from jaxload.sphere.harmonics.slepian import (
    SlepianFunctions,
    cell_nodes,
    slepian_functions,
)

__all__ = [
    "basin_patches",
    "check_enough_stations",
    "describe_unknowns",
    "few_unknowns_prior",
    "has_few_unknowns",
    "slepian_design",
    "smoothed_fields",
    "study_functions",
]

#: Share of all cells' area that has to lie in no basin to be a patch of its own, and by
#: which share of the smaller one two basins may overlap, as coarse outlines do.
REST, OVERLAP = 1e-6, 0.01

#: What the patch of cells outside all basins is called.
ELSEWHERE = "elsewhere"


@dataclasses.dataclass(frozen=True, eq=False)
class _Patches:
    """Share of each cell in each patch [-], shape (cell, patch), and the names."""

    names: tuple[str, ...]
    share: NDArray[np.float64]


def has_few_unknowns(study: config.Study) -> bool:
    """Whether a load is a combination of few fields instead of any on the cells.

    Args:
      study: Its `inversion.unknowns` says so.
    """
    return study.inversion.unknowns in ("slepian", "patches")


def slepian_design(
    study: config.Study, gnss: xr.Dataset, grid: sphere.Grid
) -> jax.Array:
    """Compute how loads of Slepian functions move stations.

    Args:
      study: The study.
      gnss: The stations.
      grid: The cells.

    Returns:
      Displacement per load on each cell [mm/mm], shape (station, cell): exact for
      combinations of the functions, and of no meaning for other loads.

    Raises:
      ValueError: If functions cannot be made, or cells do not tell them apart.
    """
    basis = study_functions(study, grid)
    love = study_love_numbers(study)
    moved = harmonic_displacement(basis.harmonics, gnss, love)[:, 0]  # pyright: ignore[reportArgumentType]
    fields = smoothed_fields(study, grid)
    return jnp.asarray(np.linalg.lstsq(fields.T, np.asarray(moved), rcond=None)[0].T)


def few_unknowns_prior(study: config.Study, grid: sphere.Grid) -> inversion.Prior:
    """Make the prior of the coefficients of few fields.

    Args:
      study: Its `inversion.unknowns` and `inversion.prior` say which.
      grid: The cells.

    Returns:
      The prior. With "identity" the unsmoothed load of Slepian functions has a standard
      deviation of 1/beta on the mean over the cells, and that of a patch 1/beta.

    Raises:
      ValueError: If functions cannot be made, cells do not tell them apart, or basins
        overlap.
    """
    free = study.inversion.prior == "none"
    if study.inversion.unknowns == "patches":
        share = basin_patches(read_outlines(study), grid).share
        return inversion.field_prior(share, free=free)
    basis = study_functions(study, grid)
    area = grid.cell_area.sum() / (4 * np.pi * EARTH_RADIUS**2)
    size = np.sqrt(area / basis.concentration.sum())
    return inversion.field_prior(size * smoothed_fields(study, grid), free=free)


def study_functions(study: config.Study, grid: sphere.Grid) -> SlepianFunctions:
    """Find the Slepian functions of a study: those of all its cells.

    Args:
      study: Its table ``[inversion]`` has the degree and the least concentration.
      grid: The cells, with their belt.

    Returns:
      The functions.

    Raises:
      ValueError: If none is concentrated enough, or they are more than the cells.
    """
    settings = study.inversion
    try:
        basis = _functions(
            grid, settings.slepian_degree, settings.slepian_least_concentration
        )
    except ValueError as error:
        raise ValueError(
            f'inversion.unknowns "slepian": {error} (inversion.slepian_degree, '
            "region.buffer or inversion.slepian_least_concentration)"
        ) from None
    count = len(basis.concentration)
    if count > len(grid.lon):
        raise ValueError(
            f'inversion.unknowns "slepian" makes {count} functions, more than there '
            f"are cells, {len(grid.lon)}; take a smaller region.spacing or a lower "
            "inversion.slepian_degree"
        )
    return basis


# A study needs them for its prior, its response and its summary.
@functools.lru_cache(maxsize=2)
def _functions(grid: sphere.Grid, degree: int, least: float) -> SlepianFunctions:
    return slepian_functions(cell_nodes(grid, degree), degree, least)


def smoothed_fields(study: config.Study, grid: sphere.Grid) -> NDArray[np.float64]:
    """Compute Slepian functions, smoothed, at the centres of the cells.

    Args:
      study: Its table ``[inversion]`` has the radius of smoothing.
      grid: The cells.

    Returns:
      Water per coefficient, shape (cell, function).
    """
    radius = 1e3 * study.inversion.slepian_smoothing_km
    return _at_centres(study_functions(study, grid), grid, radius)


# The prior and the response need them.
@functools.lru_cache(maxsize=2)
def _at_centres(
    basis: SlepianFunctions, grid: sphere.Grid, radius: float
) -> NDArray[np.float64]:
    functions: Harmonics = basis.harmonics
    if radius:
        functions = smooth(functions, radius, EARTH_RADIUS)
    return np.asarray(synthesise_at(functions, lat=grid.lat, lon=grid.lon)).T


def basin_patches(outlines: dict[str, Outline], grid: sphere.Grid) -> _Patches:
    """Divide the cells into basins, and what lies outside of all of them.

    Args:
      outlines: From `read_outlines`; without regions for evaluation the study region
        is the one basin.
      grid: The cells.

    Returns:
      The patches; a cell that outlines cut through belongs to several in part.

    Raises:
      ValueError: If basins overlap.
    """
    names = list(outlines)[1:] or list(outlines)
    basins = sphere.basin_weights(grid, {name: outlines[name] for name in names})
    area = sphere.basin_areas({name: outlines[name] for name in names}) * 1e6
    inside = basins.weights * (area * basins.covered)[:, None]
    _check_overlap(names, inside / grid.cell_area, grid.cell_area)
    share = (inside / grid.cell_area).T
    rest = np.clip(1 - share.sum(axis=1), 0, 1)
    if rest @ grid.cell_area > REST * grid.cell_area.sum():
        share = np.column_stack([share, rest])
        names = [*names, ELSEWHERE]
    return _Patches(tuple(names), share)


def _check_overlap(
    names: list[str], share: NDArray[np.float64], area: NDArray[np.float64]
) -> None:
    size = share @ area
    excess = np.clip(share[:, None] + share[None] - 1, 0, None) @ area
    np.fill_diagonal(excess, 0)
    worst = excess / np.minimum(size[:, None], size[None])
    first, second = np.unravel_index(worst.argmax(), worst.shape)
    if worst[first, second] > OVERLAP:
        raise ValueError(
            f'inversion.unknowns "patches" needs basins apart from each other, but '
            f"{names[first]} and {names[second]} of evaluation.regions share "
            f"{excess[first, second] / 1e6:,.0f} km2; leave one of them out"
        )


def check_enough_stations(
    study: config.Study, prior: inversion.Prior, stations: int
) -> None:
    """Check that stations are as many as unknowns without a prior.

    Args:
      study: The study.
      prior: From `few_unknowns_prior`.
      stations: Number of stations.

    Raises:
      ValueError: If they are fewer.
    """
    count = np.shape(prior.null_space)[1]
    if study.inversion.prior == "none" and stations < count:
        raise ValueError(
            f'inversion.prior "none" leaves {count} unknowns to {stations} stations; '
            'use inversion.prior = "identity"'
            + (
                ", a lower inversion.slepian_degree or a higher "
                "inversion.slepian_least_concentration"
                if study.inversion.unknowns == "slepian"
                else " or fewer regions"
            )
        )


def describe_unknowns(study: config.Study, grid: sphere.Grid) -> dict[str, Any]:
    """Describe few unknowns in plain numbers.

    Args:
      study: The study.
      grid: The cells.

    Returns:
      Their kind and number, with the concentrations of Slepian functions or the names
      of patches; empty where every cell is an unknown.
    """
    kind, prior = study.inversion.unknowns, study.inversion.prior
    if kind == "patches":
        names = basin_patches(read_outlines(study), grid).names
        return {"kind": kind, "prior": prior, "count": len(names), "names": names}
    if kind != "slepian":
        return {}
    basis = study_functions(study, grid)
    return {
        "kind": kind,
        "prior": prior,
        "count": len(basis.concentration),
        "shannon_number": basis.shannon_number,
        "degree": study.inversion.slepian_degree,
        "concentration": [float(share) for share in basis.concentration],
    }
