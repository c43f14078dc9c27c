"""A whole study: read, invert, evaluate, write. The one room that uses all others."""

from jaxload.pipeline.estimation.unsolved import Unsolved
from jaxload.pipeline.inputs.libraries import check_libraries
from jaxload.pipeline.inspection.study_check import StudyCheck, check_study
from jaxload.pipeline.progress import Watch, ignore
from jaxload.pipeline.report.datasets import Result
from jaxload.pipeline.results.files import as_written
from jaxload.pipeline.results.unfinished import is_unfinished
from jaxload.pipeline.runs import run
from jaxload.pipeline.update.study_update import StudyUpdate, update_study

__all__ = [
    "Result",
    "StudyCheck",
    "StudyUpdate",
    "Unsolved",
    "Watch",
    "as_written",
    "check_libraries",
    "check_study",
    "ignore",
    "is_unfinished",
    "run",
    "update_study",
]
