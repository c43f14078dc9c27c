"""Regional means of the reference products."""

import dataclasses

from jaxload import config
from jaxload.pipeline.evaluate.regions import REFERENCE_VARIABLES, reference_means
from jaxload.pipeline.inputs.coverage import warn_of_coverage
from jaxload.pipeline.inputs.study_area import StudyArea

__all__ = ["with_references"]


def with_references(study: config.Study, area: StudyArea) -> StudyArea:
    """Average reference products over the regions, before the long computations.

    Args:
      study: Has the names of the files, for messages.
      area: From `read_study_area`.

    Returns:
      The same with its references, and without the products.

    Raises:
      ValueError: If a reference does not reach a region.
    """
    products = {k: x for k, x in area.products.items() if k in REFERENCE_VARIABLES}
    references = reference_means(study, area.outlines, area.grid, products)
    for name, means in references.items():
        file = config.grid_names(getattr(study.evaluation, name))
        what = f"evaluation.{name} {file}"
        warn_of_coverage(what, area.outlines, means.covered.values)
    return dataclasses.replace(area, products={}, references=references)
