"""Whether a process is one of several that divide a piece of work."""

import argparse
import os
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Launch", "add_options", "find_launch"]

#: Numbers of processes by what launchers set for the tasks of one step.
LAUNCHERS = ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")

#: The same settings in the environment, as `jax.distributed` names them.
PROCESSES, PROCESS, COORDINATOR = (
    "JAX_NUM_PROCESSES",
    "JAX_PROCESS_ID",
    "JAX_COORDINATOR_ADDRESS",
)


class Launch(NamedTuple):
    """How processes find each other.

    Attributes:
      processes: Their number; None where a launcher knows it.
      process: Which of them this is, from 0; likewise.
      coordinator: Host and port at which the first one waits, "host:port"; likewise.
    """

    processes: int | None = None
    process: int | None = None
    coordinator: str | None = None


def add_options(command: argparse.ArgumentParser) -> None:
    """Add options for one of several processes that divide the work of a command.

    Args:
      command: The command.
    """
    command.add_argument(
        "--processes",
        metavar="N",
        help="number of processes that divide the work, each started with the same "
        "settings but for its number; under srun and mpirun not needed, and auto asks "
        "any other launcher",
    )
    command.add_argument(
        "--process", type=int, metavar="I", help="number of this process, from 0"
    )
    command.add_argument(
        "--coordinator",
        metavar="HOST:PORT",
        help="where process 0 waits for the others, as node1:1234",
    )


def find_launch(
    processes: str | None,
    process: int | None,
    coordinator: str | None,
    environment: Mapping[str, str] = os.environ,
) -> Launch | None:
    """Find out whether this process is one of several, from settings or a launcher.

    Args:
      processes: Number of processes, "auto" to ask the launcher, or None.
      process: Which of them this is, from 0, or None.
      coordinator: "host:port" of the first, or None.
      environment: Variables that launchers set.

    Returns:
      The `Launch`; None for a process alone.

    Raises:
      ValueError: If one setting is missing beside another, or is out of range.
    """
    processes = processes or environment.get(PROCESSES)
    coordinator = coordinator or environment.get(COORDINATOR)
    if process is None and environment.get(PROCESS, "").isdecimal():
        process = int(environment[PROCESS])
    if processes == "auto":
        return Launch()
    if processes is None and process is None and coordinator is None:
        counts = [environment.get(name, "") for name in LAUNCHERS]
        several = any(text.isdecimal() and int(text) > 1 for text in counts)
        return Launch() if several else None
    if processes is None or process is None or coordinator is None:
        raise ValueError(
            "--processes, --process and --coordinator belong together: the number of "
            "processes, which of them this is, from 0, and host:port of the first"
        )
    return _checked(processes, process, coordinator)


def _checked(processes: str, process: int, coordinator: str) -> Launch | None:
    if not processes.isdecimal() or int(processes) < 1:
        raise ValueError(
            f"--processes is {processes!r}, expected a number from 1 on, or auto"
        )
    if not 0 <= process < int(processes):
        raise ValueError(
            f"--process is {process}, expected a number from 0 to {int(processes) - 1}"
        )
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ValueError(
            f"--coordinator is {coordinator!r}, expected host:port, such as "
            "localhost:12321"
        )
    if int(processes) == 1:
        return None
    return Launch(int(processes), process, coordinator)
