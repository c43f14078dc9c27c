"""Inversion under noise that stations share and that has a memory."""

import dataclasses
import logging
from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion, series
from jaxload.inversion.spectral.record_ends import fixed_lag, lead_in
from jaxload.inversion.spectral.spectra import (
    NetworkCovariance,
    NetworkSpectra,
    network_covariance,
    spectral_densities,
)
from jaxload.inversion.spectral.station_series import NetworkSeries
from jaxload.inversion.spectral.time_functions import (
    FunctionMaps,
    fit_stations,
    map_functions,
    map_known_functions,
    map_other_heights,
)
from jaxload.inversion.spectral.whittle import (
    UnsuitableRecord,
    complete_rows,
    fit_spectra,
)
from jaxload.inversion.spectral.wiener import SeparatedRecord, separate_record
from jaxload.pipeline.estimation.epoch_steps import equal_steps
from jaxload.pipeline.estimation.hyperparameters import Choice
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.estimation.solution import Estimate
from jaxload.pipeline.estimation.thermoelastic import (
    FUNCTION_GROUPS,
    Expansion,
    expand_network,
)
from jaxload.pipeline.estimation.work_shares import share_of_spectra
from jaxload.pipeline.inputs.observations import station_distances
from jaxload.pipeline.inputs.virtual_stations import is_virtual
from jaxload.pipeline.prepare.temperature import StationTemperature
from jaxload.pipeline.progress import ignore_share, part_of

__all__ = [
    "EndGrowth",
    "NetworkModel",
    "UnsuitableRecord",
    "estimate_network",
    "network_model",
    "of_other_heights",
]

logger = logging.getLogger(__name__)

#: Days of the year, and of a span in which the network counts as one.
YEAR = 365.25

#: Epochs of a record at least, and of its shortest period.
LEAST_STEPS, SHORTEST_PERIOD = 128, 2.0

#: Stations from which noise of a network is estimated without being asked for.
MANY = 20

#: Relative residual from which the separation is poor.
POOR = 1e-2


@dataclasses.dataclass(frozen=True, eq=False)
class EndGrowth:
    """By how much standard errors grow towards the ends of a record.

    Attributes:
      regions: Standard error of means over regions at 0, 1, ... epochs from an end,
        relative to that amid the record, without functions of time [-], shape (epoch,
        region).
      cells: The same of cells, all together [-], shape (epoch,).
    """

    regions: NDArray[np.float64]
    cells: NDArray[np.float64]

    @property
    def lag(self) -> int:
        """Epochs behind which later ones lower errors of regions by less than 1%."""
        return fixed_lag(self.regions)

    @property
    def lead(self) -> int:
        """Epochs after which earlier ones change estimates by 3% of their error."""
        return max(lead_in(self.regions), lead_in(self.cells[:, None]))


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkModel:
    """Spectra of a network, and its functions of time.

    Attributes:
      network: Covariances in space.
      spectra: In units of epochs.
      functions: Offset, trend and seasons, shape (epoch, function).
      maps: Of them.
      position: Of each epoch at equal steps of time, shape (epoch,).
      rest: Heights without the functions, at equal steps of time [mm], shape (step,
        station); NaN if missing.
      days: In a step.
      steps: Of the record whose spectra these are.
      before: Steps of the record before `rest`, where this is a window.
      behind: Steps of the record behind the last of `position`, likewise.
      growth: Of errors towards the ends of the record; None where it is not known.
      of_heights: Maps of the functions of the heights, where `maps` is of what a prior
        mean leaves of them; None where `maps` is of the heights.
      expansion: Of the stations with temperature, which `rest` is without; None where a
        study has no such term.
      warmth: The temperature, parted as the heights are; None likewise.
    """

    network: NetworkCovariance
    spectra: NetworkSpectra
    functions: NDArray[np.float64]
    maps: FunctionMaps
    position: NDArray[np.int64]
    rest: NDArray[np.float64]
    days: float
    steps: int
    before: int = 0
    behind: int = 0
    growth: EndGrowth | None = None
    of_heights: FunctionMaps | None = None
    expansion: Expansion | None = None
    warmth: NetworkSeries | None = None

    @property
    def is_window(self) -> bool:
        """Whether `rest` is shorter than the record of which it is a part."""
        return len(self.rest) < self.record_steps

    @property
    def record_steps(self) -> int:
        """Steps of the record, with those that were added since its spectra."""
        return self.before + int(self.position[-1]) + 1 + self.behind

    @property
    def from_end(self) -> NDArray[np.int64]:
        """Steps from each epoch to the nearer end of the record, shape (epoch,)."""
        first = self.before + self.position
        return np.minimum(first, self.behind + self.position[-1] - self.position)


def network_model(
    study: config.Study,
    model: Model,
    gnss: xr.Dataset,
    temperature: StationTemperature | None = None,
    *,
    held_out: NDArray[np.float64] | None = None,
    watch: Callable[[float], None] = ignore_share,
) -> tuple[NetworkModel, Choice]:
    """Estimate the spectra of load and noise, and the seasons of all stations.

    Args:
      study: Its `inversion.noise_memory_days` is the memory of shared noise.
      model: Problem and heights; of its noise sigma counts.
      gnss: Times and places of the stations.
      temperature: Of the stations, by which they expand; None without.
      held_out: Heights about a prior mean that was learned without each station's own
        [mm], shape (epoch, row): from them the spectra and the variances of trend and
        seasons are estimated. None where those of `model` serve.
      watch: Called with the share that is done.

    Returns:
      The model of the network; as the weight of the prior, one over the standard
      deviation of an epoch's load in units of the prior.

    Raises:
      UnsuitableRecord: If the record is too short, its epochs are not at equal steps,
        or too few stations observe it.
    """
    if model.problem.null_space_response.shape[1]:
        raise UnsuitableRecord(
            'inversion.noise "network" needs a prior without free fields; use '
            'inversion.boundary "zero", or another inversion.prior'
        )
    position, days = equal_steps(gnss.time.values)
    if position[-1] < LEAST_STEPS or position[-1] * days < 2 * YEAR - 1:
        raise UnsuitableRecord(
            f"the record has {position[-1] + 1} epochs of {days:.3g} days; noise of a "
            f"network needs {LEAST_STEPS} epochs and two years to be known; use "
            'inversion.noise = "independent", or a longer record'
        )
    sigma, problem = np.asarray(model.noise.sigma), model.problem
    rows = ~is_virtual(gnss)
    network = network_covariance(problem.gram, sigma, station_distances(gnss), rows)
    functions = series.seasonal_basis(gnss.time.values)
    sample = model.up if held_out is None else held_out
    fits = fit_stations(sample, functions)
    rest = np.full((position[-1] + 1, len(sigma)), np.nan)
    rest[position] = fits.residual
    if study.inversion.noise == "auto" and complete_rows(rest) < MANY:
        raise UnsuitableRecord(f"fewer than {MANY} stations observe nearly always")
    # What is shorter than the shortest period of a record is white.
    memory = max(study.inversion.noise_memory_days / days, SHORTEST_PERIOD)
    share = share_of_spectra(len(sigma))
    of_spectra, of_maps = part_of(watch, 0, share), part_of(watch, share, 1)
    fit = fit_spectra(
        network, rest, memory=memory, reference=YEAR / days, watch=of_spectra
    )
    if not fit.converged:
        logger.warning("the spectra of noise could not be estimated to the last digit")
    period = np.array([len(rest) * 2] * 2 + [YEAR / days] * 2 + [YEAR / days / 2] * 2)
    density = spectral_densities(fit.spectra, period)
    gram, shared = np.diag(network.gram), np.asarray(network.common) ** 2
    of_rows = np.outer(density.load, gram) + np.asarray(density.station)[:, None]
    of_rows = of_rows + np.outer(density.common + density.regional, shared)
    up, expansion, warmth = model.up, None, None
    if temperature is None:
        maps = map_functions(network, fits, of_rows, FUNCTION_GROUPS, watch=of_maps)
        if held_out is not None:
            fits = fit_stations(up, functions)
            maps = map_known_functions(network, fits, of_rows, maps)
    else:
        of_heights = functions, of_rows, position
        parts = expand_network(network, fit.spectra, up, of_heights, temperature)
        maps, expansion, warmth = parts
        up = up - expansion.uplift
    of_station = np.asarray(maps.smoothed)
    rest[position] = np.where(np.isfinite(up), up - functions @ of_station, np.nan)
    steps = len(rest)
    of_rest = functions, maps, position, rest, days, steps
    whole = NetworkModel(
        network, fit.spectra, *of_rest, expansion=expansion, warmth=warmth
    )
    return whole, Choice(_beta(fit.spectra, len(rest)), "spectra", "mm", [])


def of_other_heights(network: NetworkModel, up: NDArray[np.float64]) -> NetworkModel:
    """Put other heights under the spectra and variances of a network.

    Args:
      network: From `network_model`, without stations that expand with temperature.
      up: Heights [mm], missing where those of the network are, shape (epoch, station).

    Returns:
      The model of these heights.
    """
    fits = fit_stations(up, network.functions)
    maps = map_other_heights(network.network, fits, network.maps)
    rest = np.full_like(network.rest, np.nan)
    rest[network.position] = up - network.functions @ np.asarray(maps.smoothed)
    return dataclasses.replace(network, maps=maps, rest=rest)


def _beta(spectra: NetworkSpectra, steps: int) -> float:
    """One over the standard deviation of the load of an epoch, times the root of C."""
    period = 2 * steps / np.arange(1, steps)
    return float(1 / np.sqrt(np.mean(spectral_densities(spectra, period).load)))


def estimate_network(
    model: Model,
    network: NetworkModel,
    watch: Callable[[float], None] | None = None,
) -> tuple[Estimate, float]:
    """Estimate the load of every epoch under the spectra of a network.

    Args:
      model: Problem and heights.
      network: From `network_model`.
      watch: Called with the share that is done.

    Returns:
      The estimate, and the residual of its system relative to the right side.
    """
    steps = network.record_steps if network.is_window else None
    record = separate_record(
        network.network, network.rest, network.spectra, record=steps, watch=watch
    )
    at, functions, maps = network.position, network.functions, network.maps
    coefficients = np.array(record.coefficients)[at]
    coefficients += functions @ np.asarray(maps.coefficients)
    fitted = np.asarray(record.displacement)[at]
    fitted = fitted + functions @ np.asarray(maps.displacement)
    # By how much a station's own functions differ from those of the others.
    apart = functions @ np.asarray(maps.smoothed - maps.left_out)
    left_out = np.asarray(record.left_out)[at] + apart
    if network.expansion is not None:
        # Without its heights a station's amplitude is the prior's.
        left_out = left_out + network.expansion.beyond_prior
    ok = np.asarray(np.isfinite(model.up).any(axis=1))
    coefficients[~ok] = np.nan
    if record.residual > POOR:
        logger.warning(
            "load and noise are separated to a relative residual of %.2g only; long "
            "gaps make the estimate uncertain there",
            float(record.residual),
        )
    term = inversion.Term(coefficients, model.problem.cross)
    common = np.asarray(record.common)[at]
    solution = inversion.RepresenterSolution((term,), fitted, ok, common)
    return Estimate(solution, _typical_noise(model, record), left_out), float(
        record.residual
    )


def _typical_noise(model: Model, record: SeparatedRecord) -> inversion.Noise:
    """Variances of an epoch, all frequencies together."""
    size = record.bands.sizes / record.bands.samples
    share = lambda density: float(np.sum(size * np.asarray(density)))
    sigma = np.asarray(model.noise.sigma) * np.sqrt(share(record.densities.station))
    common = share(record.densities.common) + share(record.densities.regional)
    return inversion.Noise(sigma, None, common)  # pyright: ignore[reportArgumentType]
