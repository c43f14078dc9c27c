"""Standard errors of the water of cells and of means over regions."""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from jaxload import config, inversion
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.estimation.solution import Estimate

__all__ = ["Errors", "standard_deviations", "uncertainty_kind"]

#: Epochs times cells times stations up to which standard errors of cells take no more
#: than a minute on two cores, if sigma is the same at all epochs.
LARGE = 3e10

ADVICE = (
    "posterior standard deviation, honest if prior, beta and noise are right: what all "
    "stations of an epoch share has to be in the noise (inversion.common_mode_mm)"
)


@dataclasses.dataclass(frozen=True, eq=False)
class Errors:
    """Standard errors, as far as a study sets them.

    Attributes:
      kind: "cells", "regions" or "none".
      method: How well they are known: "exact", or by how much probes may miss.
      regions: Of the mean over each region [mm], shape (epoch, region), or None.
      cells: Of each cell [mm], shape (epoch, cell), or None.
    """

    kind: str
    method: str = ""
    regions: NDArray[np.float64] | None = None
    cells: NDArray[np.float32] | None = None

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
    watch: Callable[[float], None],
) -> Errors:
    """Compute the standard errors that a study sets.

    Args:
      study: Its `inversion.errors` says which.
      model: Problem and heights.
      estimate: The estimate, with the noise of the standard errors.
      beta: Weight of the prior.
      weights: Weight of each cell in the regions, shape (region, cell).
      watch: Called with the share that is done.

    Returns:
      The errors.
    """
    kind = uncertainty_kind(study, model)
    if kind == "none":
        return Errors(kind)
    regions = inversion.averages(model.problem, model.prior, weights)
    factor = _factor(model, estimate, beta)
    spread = inversion.posterior_sd(factor, regions)
    parts, means = [spread], np.array(spread.sd)
    ok = np.asarray(estimate.solution.ok)
    means[~ok] = np.nan
    cells = None
    if kind == "cells":
        target = inversion.every_cell(model.problem, model.prior)
        cells = np.empty((len(model.up), len(target.variance)), np.float32)
        for epochs, part in inversion.stream_sd(factor, target):
            cells[epochs] = part.sd
            parts.append(part)
            watch(epochs.stop / len(cells))
        cells[~ok] = np.nan
    return Errors(kind, _method(parts), means, cells)


def _factor(model: Model, estimate: Estimate, beta: float) -> inversion.Factor:
    """Factor of the estimate; a new one where noise or beta were calibrated."""
    factor = estimate.solution.factor
    if (
        factor is not None
        and factor.data.noise is estimate.noise
        and factor.beta == beta
    ):
        return factor
    data = inversion.observations(model.up, estimate.noise)
    return inversion.factorise(model.problem, data, beta)


def uncertainty_kind(study: config.Study, model: Model) -> str:
    """Find which standard errors a study sets.

    Args:
      study: The study.
      model: Problem and heights, whose size decides where `inversion.errors` is "auto".

    Returns:
      "cells", "regions" or "none".
    """
    settings = study.inversion
    if settings.errors != "auto":
        return settings.errors
    if settings.correlation_time_days or settings.unknowns == "components":
        return "none"
    stations, cells = model.problem.design.shape
    work = float(len(model.up)) * stations * cells
    # An epoch with a different sigma costs more by the number of stations.
    if np.ndim(model.noise.sigma) > 1 or settings.robust != "none":
        work *= stations / 16
    return "cells" if work <= LARGE else "regions"


def _method(parts: list[inversion.Spread]) -> str:
    probed = [np.asarray(part.relative_error) for part in parts if not part.exact]
    if not probed:
        return "exact"
    error = np.mean([np.nanmean(part) for part in probed])
    return f"by random probes, each known to {100 * error:.2g}%"
