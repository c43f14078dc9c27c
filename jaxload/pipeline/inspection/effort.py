"""Time and memory that a study will take, roughly."""

import dataclasses

from jaxload import config

__all__ = ["Effort", "estimate_effort"]

#: Processor seconds of a run, fitted to what runs took on two cores (the western United
#: States, and the runs in benchmarks/results/large_*.json): whatever its size; an epoch
#: and station, as files are read and screened; a station and cell of the design matrix;
#: an epoch and pair of stations, in solutions, criteria and errors; an epoch, station
#: and cell of the maps; an epoch and cell, as they are written.
FIXED, SERIES, DESIGN, PAIRS, MAPS, WRITTEN = 12.0, 6e-6, 3e-7, 6e-9, 2.7e-10, 1.1e-7

#: The same with noise of a network, in addition: whatever the size, and an epoch and
#: pair of stations.
NETWORK, SPECTRA = 40.0, 4e-8

#: Bytes in memory: whatever the size, arrays of epochs by stations, and of stations by
#: cells, fitted to the same runs.
PROGRAM, RECORDS, MATRICES = 0.6 * 2**30, 6 * 8, 3 * 8


@dataclasses.dataclass(frozen=True)
class Effort:
    """What a run takes.

    Attributes:
      seconds: Of processors, without loads, training and drought.
      memory: Bytes at most.
    """

    seconds: float
    memory: float


def estimate_effort(
    study: config.Study, sizes: tuple[int, int, int], network: bool
) -> Effort:
    """Estimate what a run takes on CPUs.

    Args:
      study: Its `output.store` says whether maps are computed.
      sizes: Numbers of epochs, stations and cells.
      network: Whether noise of a network is estimated.

    Returns:
      The `Effort`, within a factor of two or three.
    """
    epochs, stations, cells = sizes
    pairs = epochs * stations**2
    seconds = FIXED + SERIES * epochs * stations + DESIGN * stations * cells
    seconds += PAIRS * pairs
    if network:
        seconds += NETWORK + SPECTRA * pairs
    if "twsa" in study.output.store:
        seconds += MAPS * epochs * stations * cells + WRITTEN * epochs * cells
    memory = PROGRAM + RECORDS * epochs * stations + MATRICES * stations * cells
    return Effort(seconds, memory)
