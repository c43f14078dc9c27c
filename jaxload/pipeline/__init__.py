"""A whole study: read, invert, judge, write. The one room that knows all parts."""

from jaxload.pipeline.outputs import Result
from jaxload.pipeline.stages import Watch, ignore, run

__all__ = ["Result", "Watch", "ignore", "run"]
