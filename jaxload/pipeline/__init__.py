"""A whole study: read, invert, evaluate, write. The one room that uses all others."""

from jaxload.pipeline.estimation.unsolved import Unsolved
from jaxload.pipeline.inputs.libraries import check_libraries
from jaxload.pipeline.progress import Watch, ignore
from jaxload.pipeline.report.datasets import Result
from jaxload.pipeline.results.files import as_written
from jaxload.pipeline.results.unfinished import is_unfinished
from jaxload.pipeline.runs import run

__all__ = [
    "Result",
    "Unsolved",
    "Watch",
    "as_written",
    "check_libraries",
    "ignore",
    "is_unfinished",
    "run",
]
