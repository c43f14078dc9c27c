"""Amplitudes of known series under spectra of a network, against one dense Gaussian."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from test_spectral import EXACT, SPECTRA, dense_covariances, small_world

from jaxload._platform import form
from jaxload.inversion.spectral.station_series import NetworkSeries, network_amplitudes
from jaxload.inversion.station_regression import AmplitudePrior

EPOCHS, ROWS = 40, 5
PRIOR = AmplitudePrior(sd=0.6, mean=0.2)


@pytest.fixture
def world():
    return small_world()


@pytest.fixture(params=["complete", "gappy"])
def rest(request, rng):
    values = 3 * rng.normal(size=(EPOCHS, ROWS))
    if request.param == "gappy":
        values[rng.random(values.shape) < 0.2] = np.nan
        values[7], values[:15, 2] = np.nan, np.nan
    return values


@pytest.fixture
def seasons(rng) -> tuple[Any, Any]:
    """Inverse covariances of two functions of time, and fits to the heights."""
    roots = rng.normal(size=(2, ROWS, ROWS))
    inverses = np.einsum("kij,klj->kil", roots, roots) / ROWS
    maps = SimpleNamespace(inverses=inverses)
    return maps, SimpleNamespace(coefficients=2 * rng.normal(size=(2, ROWS)))


def found_amplitudes(world, rest, seasons, series, prior=PRIOR):
    heights = *seasons, rest
    return network_amplitudes(world.network, SPECTRA, heights, series, prior, EXACT)


@pytest.fixture
def series(rng, rest):
    share = np.isfinite(rest).mean(axis=0)
    values = rng.normal(size=(EPOCHS, ROWS)) + np.sin(np.arange(EPOCHS) / 5)[:, None]
    return NetworkSeries(rng.normal(size=(2, ROWS)), values, share)


def dense_posterior(world, rest, seasons, series):
    """Mean and covariance of amplitudes by the covariance of all data."""
    seen = np.isfinite(rest).ravel()
    whole, _, _ = dense_covariances(world, EPOCHS)
    moves = np.concatenate([np.diag(row) for row in series.rest])[seen]
    weighed = np.linalg.solve(whole[np.ix_(seen, seen)], moves)
    precision = np.eye(ROWS) / PRIOR.sd**2 + moves.T @ weighed
    right = weighed.T @ rest.ravel()[seen]
    maps, fits = seasons
    for known, inverse, data in zip(
        series.coefficients, maps.inverses, fits.coefficients
    ):
        of_sigma = np.diag(known / world.sigma)
        precision += of_sigma @ inverse @ of_sigma
        right += of_sigma @ inverse @ (data / world.sigma)
    covariance = np.linalg.inv(precision)
    return PRIOR.mean + covariance @ right, covariance


@pytest.mark.parametrize("name", ["cpu", "accelerator"])
def test_amplitudes_are_those_of_one_gaussian(world, rest, seasons, series, name):
    with form(name):
        found = found_amplitudes(world, rest, seasons, series)
    mean, covariance = dense_posterior(world, rest, seasons, series)
    np.testing.assert_allclose(found.amplitude, mean, rtol=0, atol=1e-9)
    if np.isfinite(rest).all():
        np.testing.assert_allclose(found.covariance, covariance, rtol=0, atol=1e-10)
    else:
        # There a row counts as one with more noise.
        size = found.sd / np.sqrt(np.diag(covariance))
        np.testing.assert_allclose(size, 1, atol=0.25)


def test_a_prior_without_spread_holds_its_mean(world, rest, seasons, series):
    held = AmplitudePrior(sd=0.0, mean=0.2)
    found = found_amplitudes(world, rest, seasons, series, held)
    np.testing.assert_array_equal(found.amplitude, 0.2)
    np.testing.assert_array_equal(found.sd, 0)
