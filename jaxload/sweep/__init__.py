"""Sweeps over the settings of a study, by any number of workers."""

from jaxload.sweep.combination import combine, member_weights
from jaxload.sweep.results import SweepResult, describe_sweep, read_results
from jaxload.sweep.run import check_size, more_workers, run_sweep

__all__ = [
    "SweepResult",
    "check_size",
    "combine",
    "describe_sweep",
    "member_weights",
    "more_workers",
    "read_results",
    "run_sweep",
]
