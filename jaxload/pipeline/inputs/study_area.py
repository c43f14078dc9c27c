"""The study area: region, cells and the references in it."""

import dataclasses

import xarray as xr

from jaxload import config, sphere
from jaxload.pipeline.inputs.coverage import warn_of_coverage
from jaxload.pipeline.inputs.observations import Outline, read_comparisons
from jaxload.pipeline.inputs.outlines import read_outlines

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
    region = next(iter(outlines.values()))
    products = read_comparisons(study, region)
    settings = study.region
    grid = sphere.regional_grid(
        region, settings.spacing, settings.buffer, settings.offset
    )
    basins = sphere.basin_weights(grid, outlines)
    warn_of_coverage("the grid", basins.names, basins.covered)
    return StudyArea(region, outlines, grid, basins, products, {})
