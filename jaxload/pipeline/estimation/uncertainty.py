"""Standard errors of the water of cells and of means over regions."""

import collections
import dataclasses
import functools
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from jaxload import config, inversion
from jaxload._platform import form_at
from jaxload.pipeline.estimation.error_correlation import MeanErrors
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.estimation.record_shards import bind_record
from jaxload.pipeline.estimation.solution import Estimate

__all__ = [
    "CellErrors",
    "Errors",
    "kind_by_size",
    "standard_deviations",
    "uncertainty_kind",
]

#: Epochs times cells times stations up to which standard errors of cells take no more
#: than a minute, if sigma is the same at all epochs, by form: on two cores, and on an
#: accelerator, which does 500 times as many operations in that time; programs of a run
#: take the default device.
LARGE = {"cpu": 3e10, "accelerator": 1.5e13}

ADVICE = (
    "posterior standard deviation, honest if prior, beta and noise are right: what all "
    "stations of an epoch share has to be in the noise (inversion.noise)"
)


@dataclasses.dataclass(frozen=True, eq=False)
class CellErrors:
    """Standard errors of cells of some epochs.

    Attributes:
      epochs: Which.
      sd: Standard errors [mm], shape (epoch, cell).
      relative_error: By how much probes may miss them [-]; None if they are exact.
    """

    epochs: slice
    sd: NDArray[np.float32]
    relative_error: float | None


@dataclasses.dataclass(frozen=True, eq=False)
class Errors:
    """Standard errors, as far as a study sets them.

    Attributes:
      kind: "cells", "regions" or "none".
      regions: Of the mean over each region [mm], shape (epoch, region), or None.
      cells: Computes those of cells, epochs after epochs; None if they are not sought.
      relative_errors: By how much probes may miss what was computed so far [-]; empty
        if it is exact.
      means: How those of regions go together in time; None where each epoch's are its
        own.
      lasting: What of those of regions is one error at all epochs, so that means over
        time do not lower it as they do those of single epochs; empty for nothing.
    """

    kind: str
    regions: NDArray[np.float64] | None = None
    cells: Callable[[], Iterator[CellErrors]] | None = None
    relative_errors: tuple[float, ...] = ()
    means: MeanErrors | None = None
    lasting: str = ""

    @property
    def method(self) -> str:
        """How well they are known: "exact", or by how much probes may miss."""
        if self.kind == "none":
            return ""
        if self.means is not None:
            return "of spectra, with the stations of each year"
        if not self.relative_errors:
            return "exact"
        error = np.mean(self.relative_errors)
        return f"by random probes, each known to {100 * error:.2g}%"

    @property
    def labels(self) -> dict[str, str]:
        """Attributes of the variables."""
        return {"units": "mm", "method": self.method, "comment": ADVICE}


def standard_deviations(
    study: config.Study,
    model: Model,
    estimate: Estimate,
    beta: float,
    weights: NDArray[np.float64],
) -> Errors:
    """Compute the standard errors that a study sets; those of cells on demand.

    Args:
      study: Its `inversion.errors` says which.
      model: Problem and heights.
      estimate: The estimate, with the noise of the standard errors.
      beta: Weight of the prior.
      weights: Weight of each cell in the regions, shape (region, cell).

    Returns:
      The errors.
    """
    kind = uncertainty_kind(study, model)
    if kind == "none":
        return Errors(kind)
    regions = inversion.averages(model.problem, model.prior, weights)
    factor = _factor(model, estimate, beta)
    spread = inversion.posterior_sd(factor, regions)
    spread = inversion.gather_epochs(spread, factor.data)
    means, ok = np.array(spread.sd), np.asarray(estimate.solution.ok)
    means[~ok] = np.nan
    cells = None
    if kind == "cells":
        factors = [factor]
        if factor.data.sharding is not None:
            # Maps that cannot be written are computed again, by one process alone.
            local = inversion.observations(model.up, estimate.noise)
            factors = [inversion.factorise(model.problem, local, beta), factor]
        cells = functools.partial(_cells, model, factors, ok)
    probed = _relative_error(spread)
    return Errors(kind, means, cells, () if probed is None else (probed,))


def _cells(
    model: Model, factors: list[inversion.Factor], ok: NDArray[np.bool]
) -> Iterator[CellErrors]:
    """Standard errors of cells by the last factor, which serves but once."""
    factor = factors.pop() if len(factors) > 1 else factors[0]
    target = inversion.every_cell(model.problem, model.prior)
    parts = inversion.stream_sd(factor, target)
    try:
        for epochs, part in parts:
            sd = np.array(part.sd, np.float32)
            sd[~ok[epochs]] = np.nan
            yield CellErrors(epochs, sd, _relative_error(part))
    finally:
        if factor.data.sharding is not None:
            # The other processes take part to the end, whoever stops here.
            collections.deque(parts, maxlen=0)


def _relative_error(spread: inversion.Spread) -> float | None:
    return None if spread.exact else float(np.nanmean(spread.relative_error))


def _factor(model: Model, estimate: Estimate, beta: float) -> inversion.Factor:
    """Factor of the estimate; a new one where noise or beta were calibrated."""
    factor = estimate.solution.factor
    if (
        factor is not None
        and factor.data.noise is estimate.noise
        and factor.beta == beta
    ):
        return factor
    data = bind_record(model.up, estimate.noise)
    return inversion.factorise(model.problem, data, beta)


def uncertainty_kind(study: config.Study, model: Model) -> str:
    """Find which standard errors a study sets.

    Args:
      study: The study.
      model: Problem and heights, whose size decides where `inversion.errors` is "auto".

    Returns:
      "cells", "regions" or "none".
    """
    rows, cells = model.problem.design.shape
    daily = np.ndim(model.noise.sigma) > 1
    return kind_by_size(study, (len(model.up), rows, cells), daily)


def kind_by_size(study: config.Study, shape: tuple[int, int, int], daily: bool) -> str:
    """Find which standard errors a study sets for a problem of some size.

    Args:
      study: The study.
      shape: Number of epochs, rows and cells.
      daily: Whether sigma differs from epoch to epoch.

    Returns:
      "cells", "regions" or "none".
    """
    settings = study.inversion
    if settings.errors != "auto":
        return settings.errors
    if settings.correlation_time_days or settings.unknowns == "components":
        return "none"
    # Those of cells are maps, which are written with those of water or not at all.
    if "twsa" not in study.output.store:
        return "regions"
    epochs, rows, cells = shape
    work = float(epochs) * rows * cells
    # An epoch with a different sigma costs more by the number of stations.
    if daily or settings.robust != "none":
        work *= rows / 16
    return "cells" if work <= LARGE[form_at()] else "regions"
