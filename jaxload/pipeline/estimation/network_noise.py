"""Inversion under noise that stations share and that has a memory."""

import dataclasses
import functools
import itertools
import logging
from collections.abc import Callable, Iterator

import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion, series
from jaxload._platform import form_at
from jaxload.inversion.spectral.error_spectra import (
    epoch_variance,
    error_spectrum,
    function_errors,
    mean_variance,
    prior_spectrum,
)
from jaxload.inversion.spectral.record_ends import error_growth, fixed_lag, lead_in
from jaxload.inversion.spectral.spectra import (
    BANDS,
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
from jaxload.pipeline.estimation.error_correlation import MeanErrors
from jaxload.pipeline.estimation.hyperparameters import Choice
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.estimation.solution import Estimate
from jaxload.pipeline.estimation.thermoelastic import (
    FUNCTION_GROUPS,
    Expansion,
    expand_network,
    network_amplitude_errors,
)
from jaxload.pipeline.estimation.uncertainty import CellErrors, Errors
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
    "network_errors",
    "network_model",
    "of_other_heights",
    "with_growth",
]

logger = logging.getLogger(__name__)

#: Days of the year, and of a span in which the network counts as one.
YEAR = 365.25

#: Operations of standard errors of cells that take a minute at most.
LARGE = {"cpu": 1e12, "accelerator": 5e14}

#: Epochs of a record at least, and of its shortest period.
LEAST_STEPS, SHORTEST_PERIOD = 128, 2.0

#: Stations from which noise of a network is estimated without being asked for.
MANY = 20

#: Cells by whose mean the growth of their errors is judged.
SAMPLE = 64

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


def with_growth(
    model: Model, network: NetworkModel, weights: NDArray[np.float64]
) -> NetworkModel:
    """Compute by how much standard errors grow towards the ends of the record.

    Args:
      model: Problem and prior.
      network: From `network_model`.
      weights: Weight of each cell in the regions, shape (region, cell).

    Returns:
      The model with it, by the stations of the last year.
    """
    count = weights.shape[1]
    sample = np.linspace(0, count - 1, min(SAMPLE, count)).round().astype(int)
    single = np.zeros((len(sample), count))
    single[np.arange(len(sample)), sample] = 1
    functionals = inversion.averages(
        model.problem, model.prior, np.concatenate([weights, single])
    )
    _, share = _spans(network)[-1]
    parts = (
        prior_spectrum(network.spectra, functionals, network.steps),
        error_spectrum(
            network.network, network.spectra, functionals, share, network.steps
        ),
    )
    regions = len(weights)
    together = [
        dataclasses.replace(
            part,
            density=jnp.column_stack(
                [part.density[:, :regions], jnp.mean(part.density[:, regions:], axis=1)]
            ),
        )
        for part in parts
    ]
    growth = error_growth(*together)
    ends = EndGrowth(growth[:, :regions], growth[:, regions])
    return dataclasses.replace(network, growth=ends)


def network_errors(
    study: config.Study,
    model: Model,
    network: NetworkModel,
    weights: NDArray[np.float64],
    watch: Callable[[float], None] = ignore_share,
) -> Errors:
    """Compute standard errors of regions, and those of cells on demand.

    Args:
      study: Its `inversion.errors` says which.
      model: Problem and prior.
      network: From `network_model`, with the growth of errors towards the ends.
      weights: Weight of each cell in the regions, shape (region, cell).
      watch: Called with the share of the years that is done.

    Returns:
      The errors, of the network as it was in each year.
    """
    kind = _kind(study, model, network)
    if kind == "none":
        return Errors(kind)
    regions = inversion.averages(model.problem, model.prior, weights)
    spans = _spans(network)
    spectrum = functools.partial(error_spectrum, network.network, network.spectra)
    of_spans, of_days = [], []
    for number, (_, share) in enumerate(spans, 1):
        of_spans.append(spectrum(regions, share, network.steps))
        of_days.append(mean_variance(of_spans[-1], 1)[0])
        watch(number / (len(spans) + 1))
    # A sum of cosines with all lags of the record is a correlation; cut, it is none.
    # A window has that of its record, which is known.
    steps = np.arange(2 if network.is_window else network.steps)
    over_years = dataclasses.replace(
        of_spans[0], density=sum(s.density for s in of_spans) / len(of_spans)
    )
    of_lags = mean_variance(over_years, 1, steps.tolist())
    of_functions = function_errors(network.network, network.maps, regions)
    parts = network.network, network.spectra, network.maps, network.warmth
    added, of_amplitudes = network_amplitude_errors(parts, network.expansion, regions)
    of_functions = of_functions + added
    which = _span_of(network, spans)
    rest = np.stack(of_days)[which]
    if network.growth is not None:
        rest *= _at_ends(network, network.growth.regions) ** 2
    rest += of_amplitudes
    rest[~np.isfinite(model.up).any(axis=1)] = np.nan
    variance = rest + network.functions**2 @ of_functions
    errors = MeanErrors(
        lag_days=np.asarray(steps * network.days, np.float64),
        correlation=of_lags / of_lags[0],
        rest_sd=np.sqrt(rest),
        functions=network.functions,
        function_variance=of_functions,
    )
    cells = None
    if kind == "cells":
        cells = functools.partial(_cells, model, network, spans)
    return Errors(kind, np.sqrt(variance), cells, means=errors)


def _at_ends(network: NetworkModel, growth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Growth of errors at each epoch."""
    return growth[np.minimum(network.from_end, len(growth) - 1)]


def _kind(study: config.Study, model: Model, network: NetworkModel) -> str:
    kind = study.inversion.errors
    if kind != "auto":
        return kind
    if "twsa" not in study.output.store:
        return "regions"
    rows, cells = model.problem.design.shape
    work = 2.0 * len(_spans(network)) * rows**2 * (BANDS * rows + cells)
    return "cells" if work <= LARGE[form_at()] else "regions"


Span = tuple[slice, NDArray[np.float64]]


def _spans(network: NetworkModel) -> list[Span]:
    """Steps of about a year each, and in which share of them each station observed."""
    steps = int(network.position[-1]) + 1
    count = max(round(steps * network.days / YEAR), 1)
    edges = np.linspace(0, steps, count + 1).round().astype(int)
    parts = [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]
    return [(part, np.isfinite(network.rest[part]).mean(axis=0)) for part in parts]


def _span_of(network: NetworkModel, spans: list[Span]) -> NDArray[np.int64]:
    starts = [part.start for part, _ in spans]
    return np.searchsorted(starts, network.position, side="right") - 1


def _cells(
    model: Model, network: NetworkModel, spans: list[Span]
) -> Iterator[CellErrors]:
    """Standard errors of cells, some epochs after the other."""
    cells = inversion.every_cell(model.problem, model.prior)
    of_functions = function_errors(network.network, network.maps, cells)
    parts = network.network, network.spectra, network.maps, network.warmth
    added, of_amplitudes = network_amplitude_errors(parts, network.expansion, cells)
    of_functions = of_functions + added
    seen = np.asarray(np.isfinite(model.up).any(axis=1))
    which, growth = _span_of(network, spans), np.ones(len(network.position))
    if network.growth is not None:
        growth = _at_ends(network, network.growth.cells)
    variance_of = functools.partial(epoch_variance, network.network, network.spectra)
    for number, (_, share) in enumerate(spans):
        epochs = np.flatnonzero(which == number)
        if not len(epochs):
            continue
        rest = np.asarray(variance_of(cells, share, network.steps))
        part = slice(int(epochs[0]), int(epochs[-1]) + 1)
        variance = network.functions[part] ** 2 @ of_functions
        variance += growth[part, None] ** 2 * rest
        variance += of_amplitudes
        sd = np.sqrt(variance).astype(np.float32)
        sd[~seen[part]] = np.nan
        yield CellErrors(part, sd, None)
