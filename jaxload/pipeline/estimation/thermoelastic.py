"""Expansion of stations with temperature, estimated beside the water."""

import dataclasses
import logging
from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion, series
from jaxload.inversion.spectral.spectra import (
    NetworkCovariance,
    NetworkSpectra,
    network_covariance,
)
from jaxload.inversion.spectral.station_series import (
    NetworkSeries,
    amplitude_errors,
    network_amplitudes,
    season_information,
)
from jaxload.inversion.spectral.time_functions import (
    FunctionMaps,
    StationFits,
    fit_stations,
    map_functions,
    map_known_functions,
)
from jaxload.pipeline.estimation.hyperparameters import Choice, choose
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.estimation.solution import Estimate
from jaxload.pipeline.estimation.uncertainty import Errors
from jaxload.pipeline.prepare.temperature import StationTemperature

__all__ = [
    "FUNCTION_GROUPS",
    "Expansion",
    "PartedHeights",
    "choose_with_expansion",
    "expand_network",
    "network_amplitude_errors",
    "part_heights",
    "prior_of",
    "season_correlation",
    "warn_of_expansion",
    "with_amplitude_errors",
]

logger = logging.getLogger(__name__)

#: Offset, trend, and the four terms of the seasons.
FUNCTION_GROUPS = ((0,), (1,), (2, 3, 4, 5))

#: Share of the prior's standard deviation above which amplitudes are not determined,
#: and correlation of expansion and water from which the prior alone parts them.
UNKNOWN, ALIKE = 0.9, 0.9

#: What of standard errors is one error at all epochs.
LASTING = "amplitudes of thermal expansion, whose errors are the same at all epochs"


@dataclasses.dataclass(frozen=True, eq=False)
class Expansion:
    """Expansion of stations with temperature.

    Attributes:
      temperature: Of the stations.
      amplitudes: By which they follow it [mm/K].
    """

    temperature: StationTemperature
    amplitudes: inversion.StationAmplitudes

    @property
    def uplift(self) -> NDArray[np.float64]:
        """Uplift by it [mm], shape (epoch, station)."""
        return self.temperature.values * self.amplitudes.amplitude

    @property
    def beyond_prior(self) -> NDArray[np.float64]:
        """Uplift by what amplitudes differ from their prior mean [mm], likewise."""
        mean = prior_of(self.temperature).mean
        return self.temperature.values * (self.amplitudes.amplitude - mean)


def prior_of(temperature: StationTemperature) -> inversion.AmplitudePrior:
    """Take the prior of the amplitudes from the settings.

    Args:
      temperature: With them.

    Returns:
      The prior [mm/K].
    """
    settings = temperature.settings
    return inversion.AmplitudePrior(
        settings.sd_mm_per_kelvin, settings.mean_mm_per_kelvin
    )


def choose_with_expansion(
    study: config.Study,
    model: Model,
    gnss: xr.Dataset,
    temperature: StationTemperature,
    watch: Callable[[float], None],
) -> tuple[Model, Choice, Expansion]:
    """Choose the weight of the prior, and estimate amplitudes beside the load.

    Water follows seasons, which epochs that are independent beforehand do not know:
    offset, trend and seasons of stations are therefore taken apart, and say of the
    amplitudes what maps with the shape of the load and each station's own part leave.
    Criteria take amplitudes as known: those of the weight that is chosen by heights
    with expansion; the weight is then chosen once more, and amplitudes with it.

    Args:
      study: Its table ``[inversion]`` has the settings.
      model: Of the heights as they are.
      gnss: Positions of the stations.
      temperature: Of the stations.
      watch: Called with the share that is done.

    Returns:
      The model with the noise settled and expansion taken from the heights, the choice,
      and the expansion.

    Raises:
      ValueError: As `choose`.
    """
    heights = model.up
    settled, choice = choose(study, model, gnss, lambda share: watch(share / 2))
    expansion = _estimated(settled, heights, gnss, choice.beta, temperature)
    model = dataclasses.replace(model, up=heights - expansion.uplift)
    settled, choice = choose(study, model, gnss, lambda share: watch((1 + share) / 2))
    expansion = _estimated(settled, heights, gnss, choice.beta, temperature)
    settled = dataclasses.replace(settled, up=heights - expansion.uplift)
    return settled, choice, expansion


def _estimated(
    model: Model,
    heights: NDArray[np.float64],
    gnss: xr.Dataset,
    beta: float,
    temperature: StationTemperature,
) -> Expansion:
    """Amplitudes by what seasons of stations say, and the rest of the heights."""
    prior = prior_of(temperature)
    functions = series.seasonal_basis(gnss.time.values)
    parts = part_heights(heights, temperature, functions)
    sigma = np.asarray(model.noise.sigma)
    sigma = sigma if sigma.ndim == 1 else np.nanmedian(sigma, axis=0)
    gram, nowhere = model.problem.gram, np.zeros((len(sigma), len(sigma)))
    network = network_covariance(gram / beta**2, sigma, nowhere)
    density = 1 + np.diag(network.gram)
    if model.noise.common is not None:
        density = density + np.asarray(model.noise.common) / sigma**2
    of_rows = np.broadcast_to(density, parts.fits.coefficients.shape)
    maps = map_functions(
        network, parts.fits, of_rows, FUNCTION_GROUPS, parts.apart(sigma)
    )
    known = season_information(network, maps, parts.fits, parts.warmth.coefficients)
    data = inversion.observations(parts.fits.residual, model.noise)
    about_zero = dataclasses.replace(prior, mean=0.0)
    rest = parts.warmth.residual
    amplitudes = inversion.station_amplitudes(
        model.problem, data, beta, rest, prior=about_zero, known=known
    )
    amplitude = amplitudes.amplitude + prior.mean
    return Expansion(temperature, dataclasses.replace(amplitudes, amplitude=amplitude))


@dataclasses.dataclass(frozen=True, eq=False)
class PartedHeights:
    """Offset, trend and seasons of stations, and what they leave.

    Attributes:
      fits: Of heights less the prior mean of expansion.
      warmth: Of temperature at the epochs of the heights.
      prior: Of the amplitudes.
    """

    fits: StationFits
    warmth: StationFits
    prior: inversion.AmplitudePrior

    def apart(self, sigma: NDArray[np.float64]) -> NDArray[np.float64]:
        """Prior variance of expansion in the functions, in units of sigma squared.

        Args:
          sigma: Shape (row,).

        Returns:
          Shape (function, row).
        """
        return (self.prior.sd * self.warmth.coefficients / sigma) ** 2

    def without(self, amplitude: NDArray[np.float64]) -> StationFits:
        """Fits of heights less expansion.

        Args:
          amplitude: Of it [mm/K], shape (row,).

        Returns:
          The fits.
        """
        change = amplitude - self.prior.mean
        return StationFits(
            self.fits.coefficients - change * self.warmth.coefficients,
            self.fits.variance,
            self.fits.residual - change * self.warmth.residual,
        )


def part_heights(
    heights: NDArray[np.float64],
    temperature: StationTemperature,
    functions: NDArray[np.float64],
) -> PartedHeights:
    """Part heights and temperature into functions of time and the rest.

    Args:
      heights: With expansion [mm], shape (epoch, station); NaN if missing.
      temperature: Of the stations.
      functions: Offset, trend and seasons, shape (epoch, function).

    Returns:
      The `PartedHeights`.
    """
    prior, warmth = prior_of(temperature), temperature.values
    return PartedHeights(
        fit_stations(heights - prior.mean * warmth, functions),
        fit_stations(np.where(np.isfinite(heights), warmth, np.nan), functions),
        prior,
    )


#: Functions of time, densities by which their fits are uncertain, and the position of
#: each epoch at equal steps.
FittedHeights = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]


def expand_network(
    network: NetworkCovariance,
    spectra: NetworkSpectra,
    up: NDArray[np.float64],
    of_heights: FittedHeights,
    temperature: StationTemperature,
) -> tuple[FunctionMaps, Expansion, NetworkSeries]:
    """Estimate amplitudes of expansion under noise of a network.

    Args:
      network: From `network_covariance`.
      spectra: Of load and noise.
      up: Heights with expansion [mm], shape (epoch, station); NaN if missing.
      of_heights: How they are parted.
      temperature: Of the stations.

    Returns:
      Maps of the functions of time without expansion, the expansion, and the
      temperature, parted as the heights.
    """
    functions, of_rows, position = of_heights
    parts = part_heights(up, temperature, functions)
    shape = position[-1] + 1, up.shape[1]
    rest, left = np.zeros(shape), np.full(shape, np.nan)
    of_warmth = parts.warmth.coefficients
    # Where there is no temperature there are no heights, and nothing is learned.
    beyond = temperature.values - functions @ of_warmth
    rest[position] = np.where(temperature.known, beyond, 0.0)
    left[position] = parts.fits.residual
    share = np.isfinite(up).sum(axis=0) / len(rest)
    warmth = NetworkSeries(of_warmth, rest, share)
    apart = parts.apart(np.asarray(network.sigma))
    maps = map_functions(network, parts.fits, of_rows, FUNCTION_GROUPS, apart)
    heights = maps, parts.fits, left
    amplitudes = network_amplitudes(network, spectra, heights, warmth, parts.prior)
    fits = parts.without(amplitudes.amplitude)
    maps = map_known_functions(network, fits, of_rows, maps)
    return maps, Expansion(temperature, amplitudes), warmth


def network_amplitude_errors(
    parts: tuple[NetworkCovariance, NetworkSpectra, FunctionMaps, NetworkSeries | None],
    expansion: Expansion | None,
    functionals: inversion.Functionals,
) -> tuple[NDArray[np.float64] | float, NDArray[np.float64] | float]:
    """Compute what unknown amplitudes add to errors under noise of a network.

    Args:
      parts: Covariances, spectra, maps, and temperature as of `expand_network`.
      expansion: With the covariance of its amplitudes; None without expansion.
      functionals: Of the load.

    Returns:
      As of `amplitude_errors`; zeros without expansion.
    """
    network, spectra, maps, warmth = parts
    if expansion is None or warmth is None:
        return 0.0, 0.0
    series = warmth, expansion.amplitudes.covariance
    return amplitude_errors(network, spectra, maps, series, functionals)


def with_amplitude_errors(
    errors: Errors,
    model: Model,
    expansion: Expansion,
    beta: float,
    weights: NDArray[np.float64],
) -> Errors:
    """Add what unknown amplitudes bring into standard errors of regions.

    Args:
      errors: With the amplitudes known.
      model: Problem, heights and noise.
      expansion: With the covariance of the amplitudes.
      beta: Weight of the prior.
      weights: Weight of each cell in the regions, shape (region, cell).

    Returns:
      The errors, with a part that lasts; those of cells are as they were.
    """
    if errors.regions is None:
        return errors
    regions = inversion.averages(model.problem, model.prior, weights)
    added = inversion.amplitude_variance(
        model.problem,
        inversion.observations(model.up, model.noise),
        beta,
        expansion.temperature.values,
        covariance=expansion.amplitudes.covariance,
        functionals=regions,
    )
    if errors.kind == "cells":
        logger.warning(
            "standard errors of cells leave out those of thermal expansion; in the "
            "means over regions these make errors %.2f times as large",
            float(np.sqrt(np.nanmean(1 + added / errors.regions**2))),
        )
    return dataclasses.replace(
        errors, regions=np.sqrt(errors.regions**2 + added), lasting=LASTING
    )


def warn_of_expansion(expansion: Expansion, estimate: Estimate) -> None:
    """Warn where the data do not determine expansion beside water.

    Args:
      expansion: The expansion.
      estimate: Of the water.
    """
    prior = prior_of(expansion.temperature)
    spread = float(np.median(expansion.amplitudes.sd))
    if prior.sd > 0 and spread > UNKNOWN * prior.sd:
        logger.warning(
            "heights hardly determine thermal expansion: its amplitudes have standard "
            "errors of %.3g mm/K at the median station, their prior %.3g, so that the "
            "prior alone parts it from water",
            spread,
            prior.sd,
        )
    water = np.asarray(estimate.solution.fitted)
    seen = np.isfinite(water) & np.isfinite(expansion.uplift)
    ours, theirs = (
        _rms(np.where(seen, values, 0)) for values in (expansion.uplift, water)
    )
    alike = season_correlation(expansion, estimate)
    if ours > theirs:
        logger.warning(
            "thermal expansion moves stations by %.2f mm rms, water by %.2f: what is "
            "taken for expansion may be water; use a smaller "
            "inversion.thermoelastic.sd_mm_per_kelvin",
            ours,
            theirs,
        )
    if abs(alike) > ALIKE:
        logger.warning(
            "temperature goes with uplift by water (correlation %.2f at the median "
            "station): the prior of thermal expansion and the different shapes in "
            "space alone part them",
            alike,
        )


def season_correlation(expansion: Expansion, estimate: Estimate) -> float:
    """Correlate temperature with uplift by water.

    Args:
      expansion: Has the temperature.
      estimate: Of the water.

    Returns:
      Correlation at the median station [-].
    """
    water = np.asarray(estimate.solution.fitted)
    solved = np.isfinite(water).all(axis=1)
    pairs = zip(expansion.temperature.values[solved].T, water[solved].T)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(np.nanmedian([np.corrcoef(*pair)[0, 1] for pair in pairs]))


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(values**2)))
