"""How far from the end of a record of a network its estimates are those amid it."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxload.inversion.linalg.pcg import ConjugateGradient
from jaxload.inversion.spectral.error_spectra import (
    ErrorSpectrum,
    error_spectrum,
    mean_variance,
    prior_spectrum,
)
from jaxload.inversion.spectral.record_ends import error_growth, fixed_lag, lead_in
from jaxload.inversion.spectral.spectra import (
    NetworkSpectra,
    band_means,
    cosine_bands,
    network_covariance,
)
from jaxload.inversion.spectral.transform import smooth_length
from jaxload.inversion.spectral.wiener import separate_record
from jaxload.inversion.uncertainty.functionals import Functionals

#: A load of slow changes under noise much as that of real networks; periods in epochs.
SPECTRA = NetworkSpectra(
    load=60.0, slope=2.0, white=0.7, flicker=0.02, random_walk=0.0,
    common_white=0.2, common_flicker=0.02, regional_white=0.3, regional_flicker=0.1,
    length=800.0, memory=20.0, reference=60.0,
)  # fmt: skip
EPOCHS, SIGMA = 160, 2.0


@pytest.fixture(scope="module")
def network():
    """Six stations over thirty cells, and the means over all and over a third."""
    cell, station = np.linspace(0, 1000, 30), np.linspace(50, 950, 6)
    prior = np.exp(-np.abs(cell[:, None] - cell) / 300)
    design = np.exp(-(((station[:, None] - cell) / 150) ** 2)) / 5
    weights = np.stack([np.ones(30), cell > 666]) / np.array([[30], [10]])
    gram, cross = design @ prior @ design.T, weights @ prior @ design.T
    variance = np.diag(weights @ prior @ weights.T)
    distance = np.abs(station[:, None] - station)
    covariance = network_covariance(gram, np.full(6, SIGMA), distance)
    functionals = Functionals(
        *map(jnp.asarray, (cross, np.zeros((2, 0)), variance)), None
    )
    return covariance, functionals


def autocovariances(epochs=EPOCHS):
    """Of load, stations' noise, common and regional modes, shape (part, lag)."""
    bands = cosine_bands(epochs)
    density = band_means(SPECTRA, bands)
    parts = density.load, density.station, density.common, density.regional
    columns = jnp.stack([jnp.broadcast_to(x, parts[1].shape) for x in parts], axis=1)
    return mean_variance(ErrorSpectrum(columns, bands), 1, range(epochs)).T


def dense_parts(network, epochs=EPOCHS):
    """Covariances of all stations and epochs, and of the means with them."""
    covariance, functionals = network
    lag = np.abs(np.subtract.outer(np.arange(epochs), np.arange(epochs)))
    load, station, common, regional = (c[lag] for c in autocovariances())
    unit = SIGMA**2
    near = np.exp(-np.asarray(covariance.distance) / SPECTRA.length)
    data = (
        np.kron(load, unit * np.asarray(covariance.gram))
        + np.kron(station, unit * np.eye(6))
        + np.kron(common, np.ones((6, 6)))
        + np.kron(regional, near)
    )
    cross = np.asarray(functionals.cross)
    of_means = [np.kron(load, cross[region][None]) for region in range(2)]
    return data, of_means, load[0, 0] * np.asarray(functionals.variance)


def dense_variance(parts, until=EPOCHS):
    """Of the means at all epochs, by the data before one, shape (region, epoch)."""
    data, of_means, prior = parts
    count = 6 * until
    inverse = np.linalg.inv(data[:count, :count])
    known = [
        np.einsum("ij,jk,ik->i", c[:, :count], inverse, c[:, :count]) for c in of_means
    ]
    return prior[:, None] - np.array(known)


@pytest.fixture(scope="module")
def growth(network):
    covariance, functionals = network
    share = np.ones(6)
    error = error_spectrum(covariance, SPECTRA, functionals, share, EPOCHS)
    return error_growth(prior_spectrum(SPECTRA, functionals, EPOCHS), error)


def test_errors_grow_towards_the_end_as_by_all_covariances(network, growth):
    variance = dense_variance(dense_parts(network))
    expected = np.sqrt(variance / variance[:, EPOCHS // 2 :][:, :1])[:, ::-1].T
    assert growth[0].min() > 1.03
    np.testing.assert_allclose(growth[:60], expected[:60], atol=0.015)


def test_behind_the_lag_later_epochs_lower_errors_by_less_than_one_percent(
    network, growth
):
    lag, parts, epoch = fixed_lag(growth), dense_parts(network), EPOCHS // 2
    everything = dense_variance(parts)[:, epoch]
    at_lag = dense_variance(parts, until=epoch + lag + 1)[:, epoch]
    at_once = dense_variance(parts, until=epoch + 1)[:, epoch]
    assert 3 < lag < EPOCHS // 4
    assert (np.sqrt(at_lag / everything) < 1.01).all()
    assert np.sqrt(at_once / everything).max() > 1.03
    assert lead_in(growth) > lag


def test_a_record_that_is_short_has_a_lag_of_half_of_it_at_most(network):
    covariance, functionals = network
    error = error_spectrum(covariance, SPECTRA, functionals, np.ones(6), 12)
    growth = error_growth(prior_spectrum(SPECTRA, functionals, 12), error)
    assert len(growth) == 6
    assert fixed_lag(growth) <= 6


def test_the_mean_of_a_window_has_its_variance_in_the_record(network):
    del network
    bands = cosine_bands(32)
    density = band_means(SPECTRA, bands, record=EPOCHS)
    alone = band_means(SPECTRA, bands)
    frequencies = np.arange(EPOCHS)
    period = 2 * EPOCHS / np.maximum(frequencies, 1)
    # Drawn from the record: cosines of any phase, averaged over the window.
    phase = np.exp(1j * np.pi * np.outer(frequencies, np.arange(32)) / EPOCHS)
    share = np.abs(phase.mean(axis=1)) ** 2 * 32 / EPOCHS
    load = SPECTRA.load * (period / SPECTRA.reference) ** 2
    assert float(density.load[0]) == pytest.approx(share @ load, rel=1e-10)
    assert float(density.load[0]) > 2 * float(alone.load[0])
    np.testing.assert_array_equal(density.load[1:], alone.load[1:])
    whole = band_means(SPECTRA, cosine_bands(EPOCHS), record=EPOCHS)
    np.testing.assert_array_equal(
        whole.load, band_means(SPECTRA, cosine_bands(EPOCHS)).load
    )


def test_a_window_long_enough_gives_the_end_of_the_record(network, growth):
    covariance, functionals = network
    rng, exact = np.random.default_rng(5), ConjugateGradient(1e-9, 500)
    epochs, lag = 640, fixed_lag(growth)
    values = np.cumsum(rng.normal(size=(epochs, 1)), axis=0) / 5
    values = values + SIGMA * rng.normal(size=(epochs, 6))
    values[rng.random(values.shape) < 0.1] = np.nan
    cross = np.asarray(functionals.cross).T
    whole = separate_record(covariance, values, SPECTRA, exact)
    sd = np.sqrt(dense_variance(dense_parts(network))[:, EPOCHS // 2])
    size = smooth_length(lag + 4 * lead_in(growth))
    part = separate_record(covariance, values[-size:], SPECTRA, exact, record=epochs)
    one, other = (np.asarray(x.coefficients)[-lag:] @ cross for x in (whole, part))
    assert size < epochs / 2
    assert np.abs((one - other) / sd).max() < 0.05
