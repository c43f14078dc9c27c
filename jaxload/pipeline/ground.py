"""Where water is sought, and what it will be held against there."""

import dataclasses

import xarray as xr

from jaxload import config, io, sphere
from jaxload.pipeline.inputs import Outline, read_comparisons, read_outlines
from jaxload.pipeline.regions import reference_means

__all__ = ["Ground", "read_ground"]


@dataclasses.dataclass(frozen=True, eq=False)
class Ground:
    """Cells, regions, and other water there.

    Attributes:
      region: Outline of the study region.
      outlines: All regions by name, the study region first.
      grid: The cells.
      basins: The regions on them.
      references: From `reference_means`.
    """

    region: Outline
    outlines: dict[str, Outline]
    grid: sphere.Grid
    basins: sphere.BasinWeights
    references: dict[str, xr.Dataset]


def read_ground(study: config.Study) -> Ground:
    """Read outlines and references: what cannot be compared is found early.

    Args:
      study: Names them.

    Returns:
      The `Ground`.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If a file cannot be used, or a reference does not reach a region.
    """
    region = io.read_region(study.path(study.region.boundary))
    outlines = read_outlines(study, region)
    products = read_comparisons(study, region)
    settings = study.region
    grid = sphere.regional_grid(
        region, settings.spacing, settings.buffer, settings.offset
    )
    basins = sphere.basin_weights(grid, outlines)
    references = reference_means(study, outlines, grid, products)
    return Ground(region, outlines, grid, basins, references)
