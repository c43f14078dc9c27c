"""Load and noise separated at every frequency, gaps and all.

The record is completed: where nothing was observed stands what the rest of it predicts.
That is one linear system over stations and epochs, solved by conjugate gradients whose
products are cosine transforms in time and products with one matrix a band. Its slow
modes, in long gaps, are found beforehand from means over longer and longer spans.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.inversion.linalg.pcg import ConjugateGradient
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.spectral.completion import (
    BandFilters,
    CompletedRecord,
    StationTerm,
    band_filters,
    complete_record,
    station_term,
)
from jaxload.inversion.spectral.spectra import (
    Bands,
    Densities,
    NetworkCovariance,
    NetworkSpectra,
    check_spectra,
    cosine_bands,
)
from jaxload.inversion.spectral.transform import (
    by_bands,
    cosine_sum,
    cosines,
    smooth_length,
)

__all__ = ["SeparatedRecord", "completed_record", "separate_record"]

#: Operations of an inverse by the cube of its rows, and iterations that are usual.
INVERSE, ITERATIONS = 4, 20

#: Epochs in a sample of the records that the solution begins with, coarsest first, and
#: samples that such a record has at least.
SPANS, LEAST = (64, 16, 4), 32


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class SeparatedRecord:
    """Load and noise of a network's record, separated.

    Attributes:
      coefficients: Of the representers ``C G'``, whose sum is the load, shape (epoch,
        row).
      displacement: By the load [mm], shape (epoch, row).
      common: Estimate of the common mode [mm], shape (epoch,).
      left_out: Observation minus its prediction from all other stations, by spectra
        alone [mm], shape (epoch, row); of a record with gaps an approximation, in which
        a station's gaps are filled by itself too.
      residual: Residual of the system relative to its right side, scalar.
      bands: The frequencies taken as one.
      densities: Of each band.
      inverses: Of the covariance of each band in units of sigma, shape (band, row,
        row).
    """

    coefficients: Array
    displacement: Array
    common: Array
    left_out: Array
    residual: Array
    bands: Bands = dataclasses.field(metadata={"static": True})
    densities: Densities
    inverses: Array


def separate_record(
    network: NetworkCovariance,
    values: ArrayLike,
    spectra: NetworkSpectra,
    settings: ConjugateGradient | None = None,
    record: int | None = None,
    watch: Callable[[float], None] | None = None,
) -> SeparatedRecord:
    """Estimate the load of a network's record under noise of any spectrum.

    The covariance is that of `spectra`, averaged within narrow bands of the cosines of
    the record; given it, load and residuals are exact but for the tolerance.

    Not for: standard errors that differ from epoch to epoch.

    Args:
      network: From `network_covariance`.
      values: Displacement at equal steps of time [mm], shape (epoch, row); NaN if
        missing, also where a whole epoch is.
      spectra: From `fit_spectra`, or given.
      settings: How long to iterate; to 3e-4 by default, 60 times at most.
      record: Epochs of the record of which `values` are a window; None where they are
        all of it. A window of a record begins with what was there before.
      watch: Called with the share that is done, from the coarsest sample of the record
        to the record itself.

    Returns:
      The `SeparatedRecord`.

    Raises:
      ValueError: If shapes disagree, or an amplitude cannot be.

    Source:
      Wiener filter with missing data as the conditional mean given what was observed:
      Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, eq. 2.23,
      in the coordinates of the discrete cosine transform; coarse to fine as in nested
      iteration, Briggs et al. (2000), A Multigrid Tutorial, chapter 3.
    """
    completed, filters, _ = completed_record(
        network, values, spectra, settings, record=record, watch=watch
    )
    epochs, seen = np.shape(values)[0], jnp.isfinite(jnp.asarray(values))
    bands = filters.bands
    densities, inverses = filters.densities, filters.inverses
    parts = _parts(network, completed.values, densities, inverses, bands)
    coefficients, displacement, common, left_out = (x[:epochs] for x in parts)
    return SeparatedRecord(
        coefficients,
        displacement,
        common,
        jnp.where(seen, left_out, jnp.nan),
        completed.residual,
        bands,
        densities,
        inverses,
    )


def completed_record(
    network: NetworkCovariance,
    values: ArrayLike,
    spectra: NetworkSpectra,
    settings: ConjugateGradient | None = None,
    series: tuple[ArrayLike, ArrayLike] | None = None,
    record: int | None = None,
    watch: Callable[[float], None] | None = None,
) -> tuple[CompletedRecord, BandFilters, StationTerm | None]:
    """Complete a network's record, lengthened to a size of fast transforms.

    Args:
      network: From `network_covariance`.
      values: As of `separate_record`.
      spectra: Likewise.
      settings: Likewise.
      series: Known series of the rows with amplitudes about zero that are unknown
        [mm], shape (epoch, row), and the precision of these, shape (row, row).
      record: As of `separate_record`.
      watch: Likewise.

    Returns:
      The record, filters of its bands, and the series as a part of the covariance.

    Raises:
      ValueError: As `separate_record`.
    """
    values = jnp.asarray(values, network.gram.dtype)
    check_shapes(values=(values, "epoch row"), sigma=(network.sigma, "row"))
    check_spectra(spectra)
    settings = settings or ConjugateGradient(3e-4, 60)
    longer = smooth_length(len(values)) - len(values)
    values = jnp.pad(values, ((0, longer), (0, 0)), constant_values=jnp.nan)
    seen = jnp.isfinite(values)
    data = jnp.where(seen, values, 0) / network.sigma[None, :]
    weight = seen.astype(data.dtype)
    start = jnp.zeros_like(data[:1])
    spans = [s for s in SPANS if len(values) >= s * LEAST]
    grids = [cosine_bands(-(-len(values) // span), span) for span in spans]
    shares = _shares([*grids, cosine_bands(len(values))], data.shape[1])
    for span, bands, done in zip(spans, grids, shares):
        means, share = _means(data, weight, span)
        rough = means, share, _stretched(start, bands.samples)
        filters = band_filters(network, spectra, bands, record)
        start = complete_record(rough, filters, settings).predicted
        if watch is not None:
            # Programs may run on while Python goes on.
            start = jax.block_until_ready(start)
            watch(done)
    filters = band_filters(network, spectra, cosine_bands(len(values)), record)
    term = None
    if series is not None:
        known, precision = jnp.asarray(series[0], data.dtype), series[1]
        known = jnp.pad(known, ((0, longer), (0, 0))) / network.sigma[None, :]
        term = station_term(known, precision, filters)
    fine = data, weight, _stretched(start, len(values))
    completed = complete_record(fine, filters, settings, term)
    if watch is not None:
        completed = jax.block_until_ready(completed)
        watch(shares[-1])
    return completed, filters, term


def _shares(grids: Sequence[Bands], rows: int) -> list[float]:
    """Share of the work that is done after each sample of a record, by operations.

    A band has an inverse of all rows, and an iteration a product with it for each
    sample; what follows at the end is like two iterations.
    """
    work = [
        INVERSE * len(bands.sizes) * rows + ITERATIONS * bands.samples
        for bands in grids
    ]
    total = sum(work) + 2 * grids[-1].samples
    return (np.cumsum(work) / total).tolist()


def _means(data: Array, weight: Array, span: int) -> tuple[Array, Array]:
    """Means over spans of epochs, and the share of them that was observed."""
    if span == 1:
        return data, weight
    short = -len(data) % span
    cut = lambda x: jnp.pad(x, ((0, short), (0, 0))).reshape(-1, span, x.shape[1])
    count = cut(weight).sum(axis=1)
    total = cut(data * weight).sum(axis=1)
    return jnp.where(count > 0, total / jnp.maximum(count, 1), 0), count / span


def _stretched(values: Array, samples: int) -> Array:
    """Linear interpolation to more samples over the same time."""
    if len(values) == 1:
        return jnp.broadcast_to(values, (samples, values.shape[1]))
    where = (np.arange(samples) + 0.5) * len(values) / samples - 0.5
    where = np.clip(where, 0, len(values) - 1)
    left = np.minimum(where.astype(int), len(values) - 2)
    share = jnp.asarray(where - left, values.dtype)[:, None]
    return (1 - share) * values[left] + share * values[left + 1]


@functools.partial(jax.jit, static_argnames="bands")
def _parts(
    network: NetworkCovariance,
    complete: Array,
    densities: Densities,
    inverses: Array,
    bands: Bands,
) -> tuple[Array, Array, Array, Array]:
    """Coefficients of the load, its displacement, common mode, residuals left out."""
    band = np.repeat(np.arange(len(bands.sizes)), bands.sizes)
    multiplier = by_bands(cosines(complete), inverses, bands)
    coefficients = cosine_sum(multiplier * densities.load[band][:, None])
    # In units of sigma, as gram is.
    displacement = (
        einsum("er,rs->es", coefficients, network.gram) * network.sigma[None, :]
    )
    common = einsum("fr,r->f", multiplier, network.common) * densities.common[band]
    diagonal = jnp.diagonal(inverses, axis1=1, axis2=2)
    left_out = cosine_sum(multiplier / diagonal[band]) * network.sigma[None, :]
    common = cosine_sum(common[:, None])[:, 0]
    return coefficients / network.sigma[None, :], displacement, common, left_out
