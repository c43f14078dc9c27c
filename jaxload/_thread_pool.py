"""Threads of XLA on a CPU: more than there are calls that wait for each other.

Factorisations, triangular systems and Fourier transforms of many matrices run on a
thread of a pool, hand parts of the work to the same pool, and wait for them. Where all
threads wait so, none is left for the parts, and the program stands still for ever. XLA
makes as many threads as there are cores: on two cores two calls side by side suffice.
"""

import os

__all__ = ["THREADS", "provide_threads"]

#: Threads of the pool, as many as XLA has programs under way at once. Those that
#: have nothing to do take no time.
THREADS = 32

#: Read by XLA when JAX is first used.
VARIABLE = "PJRT_NPROC"


def provide_threads() -> None:
    """Let XLA make more threads than cores, unless the environment sets how many."""
    if _usable_cores() < THREADS:
        os.environ.setdefault(VARIABLE, str(THREADS))


def _usable_cores() -> int:
    """Cores that this process may use, after which XLA makes its threads.

    A job on a cluster may use few of the many cores of its computer.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
