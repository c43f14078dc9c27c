"""A whole study: read, invert, judge, write. The one room that knows all parts."""

from jaxload.pipeline.clock import Watch, ignore
from jaxload.pipeline.files import as_written
from jaxload.pipeline.libraries import check_libraries
from jaxload.pipeline.outputs import Result
from jaxload.pipeline.runs import run
from jaxload.pipeline.unfinished import is_unfinished
from jaxload.pipeline.unsolved import Unsolved

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
