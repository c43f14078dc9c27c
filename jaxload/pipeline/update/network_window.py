"""Water of later days by the frozen spectra of a network, from a window of the record.

The window begins so long before the epochs that change that what was earlier changes
them by a few percent of their standard errors, and ends with the record.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion
from jaxload.inversion.estimation.representers import Term
from jaxload.inversion.spectral.transform import smooth_length
from jaxload.pipeline.chunks import means_over
from jaxload.pipeline.estimation.epoch_steps import positions_at_steps
from jaxload.pipeline.estimation.network_noise import (
    NetworkModel,
    estimate_network,
)
from jaxload.pipeline.estimation.network_uncertainty import network_errors
from jaxload.pipeline.estimation.problem import DesignAndPrior, Model
from jaxload.pipeline.frozen.frozen_network import (
    NETWORK,
    functions_at,
    network_of_state,
)
from jaxload.pipeline.update.later_epochs import SPARE, LaterEpochs
from jaxload.pipeline.update.later_water import LaterWater, some_water

__all__ = ["earlier_water", "estimate_window"]

Floats = NDArray[np.float64]

#: By how many steps sizes of windows differ, but for short ones, which are as they are,
#: and how many steps of what is spared before a window are cut at most.
STEP, SHORT, MOST_CUT = 64, 256, 128

#: What epochs of a network are estimated by: arrays and plain values of the state.
Frozen = tuple[xr.Dataset, Mapping[str, Any]]


def estimate_window(
    study: config.Study,
    frozen: Frozen,
    epochs: LaterEpochs,
    problem: DesignAndPrior,
    weights: Floats,
) -> LaterWater:
    """Estimate the water of the epochs that change by frozen spectra.

    A window that is the whole record gives what a run with these spectra gives.

    Args:
      study: The study.
      frozen: Arrays and plain values of the state.
      epochs: The window.
      problem: Design matrix and prior.
      weights: Weight of each cell in the regions, shape (region, cell).

    Returns:
      The `LaterWater` of these epochs.
    """
    network, first = _window(frozen, epochs, problem)
    heights = epochs.heights.isel(time=slice(first, None))
    replaced = np.flatnonzero(epochs.replaced[first:])
    model = Model(
        *problem,
        heights.up.values,
        inversion.Noise(frozen[0].sigma.values, None, 0.0),  # pyright: ignore[reportArgumentType]
    )
    estimated, _ = estimate_network(model, network)
    means = means_over(weights, estimated.solution)
    every = some_water(LaterWater(estimated, means, None, None), replaced)
    return _with_errors(study, frozen, (model, network), (every, replaced), weights)


def _window(
    frozen: Frozen, epochs: LaterEpochs, problem: DesignAndPrior
) -> tuple[NetworkModel, int]:
    """The network at the epochs of the window, and the first of them that is used."""
    network, values = network_of_state(frozen, problem), frozen[1][NETWORK]
    every = positions_at_steps(epochs.time, network.days)
    position, steps = every[epochs.window], int(every[-1]) + 1
    spare = min(MOST_CUT, int(SPARE / network.days))
    size, start = _size(position, steps, spare)
    first = int(np.searchsorted(position, start))
    position, window = position[first:], epochs.window[first:]
    functions = functions_at(values, epochs.time[window])
    rest = np.full((size, network.rest.shape[1]), np.nan)
    apart = functions @ np.asarray(network.maps.smoothed)
    rest[position - start] = epochs.heights.up.values[first:] - apart
    behind = steps - 1 - int(position[-1])
    return dataclasses.replace(
        network,
        functions=functions,
        position=position - start,
        rest=rest,
        before=start,
        behind=behind,
    ), first


def _size(position: NDArray[np.int64], steps: int, spare: int) -> tuple[int, int]:
    """Steps of a window, and the number of the first of them in the record.

    Behind the last epoch there are as many steps without heights as in the whole
    record, whose length is that of fast transforms. A window whose length is not is cut
    by the spare steps at most, or begins with steps without heights, which may lie
    before the record.
    """
    first, last = int(position[0]), int(position[-1])
    if first == 0:
        return last + 1, 0
    empty = smooth_length(steps) - steps if last == steps - 1 else 0
    size = last + 1 - first + empty
    # Programs are compiled for a few sizes only.
    cut = size - size % STEP if size > SHORT else size
    while smooth_length(cut) != cut:
        cut -= STEP
    if size - cut > spare:
        cut = smooth_length(-(-size // STEP) * STEP)
    return cut, last + 1 + empty - cut


def _with_errors(
    study: config.Study,
    frozen: Frozen,
    of_window: tuple[Model, NetworkModel],
    of_epochs: tuple[LaterWater, NDArray[np.intp]],
    weights: Floats,
) -> LaterWater:
    """Water with the standard errors of its epochs."""
    (model, network), (water, replaced) = of_window, of_epochs
    settings = dataclasses.replace(study.inversion, errors=frozen[1]["errors"])
    study = dataclasses.replace(study, inversion=settings)
    errors = network_errors(study, model, network, weights)
    if errors.regions is None or errors.means is None:
        return water
    cell_sd = None
    if errors.cells is not None:
        cell_sd = np.concatenate([part.sd for part in errors.cells()])[replaced]
    return dataclasses.replace(
        water,
        region_sd=errors.regions[replaced],
        cell_sd=cell_sd,
        rest_sd=errors.means.rest_sd[replaced],
    )


def earlier_water(
    state: xr.Dataset, epochs: LaterEpochs, problem: DesignAndPrior
) -> tuple[NDArray[np.datetime64], inversion.RepresenterSolution] | None:
    """Take the water that is replaced from the state.

    Args:
      state: Arrays of the state.
      epochs: Which epochs change.
      problem: Design matrix and prior.

    Returns:
      Epochs and their water; None where all are new.
    """
    old = epochs.places[epochs.places < state.sizes["epoch"]]
    if not len(old):
        return None
    coefficients = state.coefficient.values[old]
    unused = np.isfinite(coefficients).all(axis=1), np.zeros(len(old))
    term = Term(coefficients, problem[0].cross)
    fitted = np.zeros((len(old), 1))
    return epochs.time[old], inversion.RepresenterSolution((term,), fitted, *unused)
