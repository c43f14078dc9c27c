"""A whole study: read, invert, judge, write. The one room that knows all parts."""

from jaxload.pipeline.clock import Watch, ignore
from jaxload.pipeline.outputs import Result
from jaxload.pipeline.stages import run

__all__ = ["Result", "Watch", "ignore", "run"]
