"""Other water averaged over the regions of a study."""

import dataclasses

from jaxload import config
from jaxload.pipeline.evaluate.regions import reference_means
from jaxload.pipeline.inputs.coverage import warn_of_coverage
from jaxload.pipeline.inputs.study_area import StudyArea

__all__ = ["with_references"]


def with_references(study: config.Study, area: StudyArea) -> StudyArea:
    """Average other water over the regions: what cannot be compared is found early.

    Args:
      study: Names the files, for messages.
      area: From `read_study_area`.

    Returns:
      The same with its references; the products are let go.

    Raises:
      ValueError: If a reference does not reach a region.
    """
    given = (area.outlines, area.grid, area.products)
    references = reference_means(study, *given)
    for name, given in references.items():
        file = config.grid_names(getattr(study.evaluation, name))
        what = f"evaluation.{name} {file}"
        warn_of_coverage(what, area.outlines, given.covered.values)
    return dataclasses.replace(area, products={}, references=references)
