"""Sweeps over the settings of a study, by any number of workers."""

from jaxload.sweep.combination import combine, member_weights
from jaxload.sweep.results import SweepResult, describe_sweep, read_results
from jaxload.sweep.run import check_size, joined_workers, run_sweep, start_workers

__all__ = [
    "SweepResult",
    "check_size",
    "combine",
    "describe_sweep",
    "joined_workers",
    "member_weights",
    "read_results",
    "run_sweep",
    "start_workers",
]
