"""Standard errors of water that is inverted under noise that stations share."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator

import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxload import config, inversion
from jaxload._platform import form_at
from jaxload.inversion.spectral.error_spectra import (
    epoch_variance,
    error_spectrum,
    function_errors,
    mean_variance,
    prior_spectrum,
)
from jaxload.inversion.spectral.record_ends import error_growth
from jaxload.inversion.spectral.spectra import BANDS
from jaxload.inversion.spectral.systematic_errors import systematic_variance
from jaxload.inversion.uncertainty.functionals import Functionals
from jaxload.pipeline.estimation.error_correlation import MeanErrors
from jaxload.pipeline.estimation.network_noise import YEAR, EndGrowth, NetworkModel
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.estimation.thermoelastic import network_amplitude_errors
from jaxload.pipeline.estimation.uncertainty import CellErrors, Errors
from jaxload.pipeline.progress import ignore_share

__all__ = ["network_errors", "with_growth"]

#: Operations of standard errors of cells that take a minute at most.
LARGE = {"cpu": 1e12, "accelerator": 5e14}

#: Cells by whose mean the growth of their errors is judged.
SAMPLE = 64

#: Distance at which the correlation of systematic seasons has fallen to 1/e.
SYSTEMATIC_LENGTH_KM = 1000.0


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
    of_functions = of_functions + added + _systematic(study, network, regions)
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
        cells = functools.partial(_cells, study, model, network, spans)
    return Errors(kind, np.sqrt(variance), cells, means=errors)


def _systematic(
    study: config.Study, network: NetworkModel, functionals: Functionals
) -> NDArray[np.float64]:
    """Variance by trend and seasons that stations share, shape (function, functional).

    A prior mean that was learned from heights has learned these, whatever it leaves.
    """
    settings = study.inversion
    # Cosine and sine have half of the mean square of an amplitude each.
    annual = settings.systematic_season_mm / np.sqrt(2)
    rate, semiannual = settings.systematic_rate_mm_per_year, annual / 2
    sd = np.array([0.0, rate, annual, annual, semiannual, semiannual])
    maps = network.maps if network.of_heights is None else network.of_heights
    length = SYSTEMATIC_LENGTH_KM
    return systematic_variance(network.network, maps, functionals, sd, length)


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
    study: config.Study, model: Model, network: NetworkModel, spans: list[Span]
) -> Iterator[CellErrors]:
    """Standard errors of cells, some epochs after the other."""
    cells = inversion.every_cell(model.problem, model.prior)
    of_functions = function_errors(network.network, network.maps, cells)
    parts = network.network, network.spectra, network.maps, network.warmth
    added, of_amplitudes = network_amplitude_errors(parts, network.expansion, cells)
    of_functions = of_functions + added + _systematic(study, network, cells)
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
