"""How many cores this process may use."""

import math
import os
import pathlib

__all__ = ["available_cores"]

#: What batch systems say of the cores of a task.
ALLOCATIONS = ("SLURM_CPUS_PER_TASK", "PBS_NCPUS", "LSB_DJOB_NUMPROC", "NSLOTS")

#: Share of the time of cores that a container may use: "max 100000" or "150000 100000".
QUOTA = pathlib.Path("/sys/fs/cgroup/cpu.max")


def available_cores() -> int:
    """Count the cores that this process may use.

    On a shared node they are fewer than the machine has: those to which the process is
    bound, that a batch system has allocated to the task, or whose time the container
    may use; the smallest of these.

    Returns:
      The number, at least 1.
    """
    return max(1, min(_bound(), *_allocated(), _quota()))


def _bound() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _allocated() -> list[int]:
    texts = [os.environ.get(name, "") for name in ALLOCATIONS]
    return [int(text) for text in texts if text.isdecimal() and int(text)] or [_bound()]


def _quota() -> int:
    try:
        time, period = QUOTA.read_text().split()
        return math.ceil(int(time) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return _bound()
