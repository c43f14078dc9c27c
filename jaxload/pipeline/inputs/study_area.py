"""The study area: region, cells and the references in it."""

import dataclasses
from collections.abc import Mapping

import xarray as xr

from jaxload import config, sphere
from jaxload.io.files.paths import expand
from jaxload.pipeline.inputs.coverage import warn_of_coverage
from jaxload.pipeline.inputs.observations import Outline, read_comparisons
from jaxload.pipeline.inputs.outlines import read_outlines
from jaxload.pipeline.messages import error_context, listed

__all__ = ["StudyArea", "read_study_area"]


@dataclasses.dataclass(frozen=True, eq=False)
class StudyArea:
    """Cells, regions and reference products.

    Attributes:
      region: Outline of the study region.
      outlines: All regions by name, the study region first.
      grid: The cells.
      basins: The regions on them.
      products: Reference products as they were read, until they are averaged.
      references: From `reference_means`, once it is.
    """

    region: Outline
    outlines: dict[str, Outline]
    grid: sphere.Grid
    basins: sphere.BasinWeights
    products: dict[str, xr.Dataset]
    references: dict[str, xr.Dataset]


def read_study_area(study: config.Study) -> StudyArea:
    """Read the outlines and references of a study, and lay out its cells.

    Args:
      study: Names them.

    Returns:
      The `StudyArea`.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If a file cannot be used.
    """
    outlines = read_outlines(study)
    _check_drawn(study, outlines)
    region = next(iter(outlines.values()))
    products = read_comparisons(study, region)
    settings = study.region
    grid = sphere.regional_grid(
        region, settings.spacing, settings.buffer, settings.offset
    )
    basins = sphere.basin_weights(grid, outlines)
    warn_of_coverage("the grid", basins.names, basins.covered)
    return StudyArea(region, outlines, grid, basins, products, {})


def _check_drawn(study: config.Study, outlines: Mapping[str, Outline]) -> None:
    """Refuse what figures cannot show before anything is computed."""
    unknown = [name for name in study.figures.regions if name not in outlines]
    if unknown:
        raise ValueError(
            f"figures.regions names {listed(unknown)}, no region of the study "
            f"({listed(list(outlines))}); name some of these"
        )
    if study.figures.topography:
        with error_context("figures.topography"):
            expand(study.path(study.figures.topography))
