"""Noise of any spectrum: transforms, spectra, separation, and its errors."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.fft
from numpy.typing import NDArray

from jaxload._platform import form
from jaxload.inversion.linalg.pcg import ConjugateGradient
from jaxload.inversion.spectral import whittle
from jaxload.inversion.spectral.error_spectra import (
    epoch_variance,
    error_spectrum,
    function_errors,
    mean_variance,
)
from jaxload.inversion.spectral.noise_draws import draw_shared_noise
from jaxload.inversion.spectral.spectra import (
    NetworkCovariance,
    NetworkSpectra,
    band_means,
    cosine_bands,
    network_covariance,
    spectral_densities,
)
from jaxload.inversion.spectral.systematic_errors import systematic_variance
from jaxload.inversion.spectral.time_functions import (
    fit_stations,
    map_functions,
    map_known_functions,
)
from jaxload.inversion.spectral.transform import cosine_sum, cosines, smooth_length
from jaxload.inversion.spectral.whittle import complete_rows, fit_spectra
from jaxload.inversion.spectral.wiener import separate_record
from jaxload.inversion.uncertainty.functionals import Functionals

SPECTRA = NetworkSpectra(
    load=2.0,
    slope=1.5,
    white=1.0,
    flicker=0.1,
    random_walk=0.0,
    common_white=0.5,
    common_flicker=0.2,
    regional_white=0.3,
    regional_flicker=0.1,
    length=400.0,
    memory=10.0,
    reference=20.0,
)

EXACT = ConjugateGradient(1e-13, 500)


@dataclasses.dataclass(frozen=True)
class World:
    """A small network: places, covariances, and two functionals of the load."""

    network: NetworkCovariance
    gram: NDArray[np.float64]
    sigma: NDArray[np.float64]
    distance: NDArray[np.float64]
    functionals: Functionals


def small_world(rows: int = 5, cells: int = 9, seed: int = 1) -> World:
    rng = np.random.default_rng(seed)
    design, root = rng.normal(size=(rows, cells)), rng.normal(size=(cells, cells))
    prior = root @ root.T / cells
    place = rng.uniform(0, 900, (rows, 2))
    distance = np.hypot(*(place[:, None] - place[None]).T)
    sigma, gram = rng.uniform(1, 3, rows), design @ prior @ design.T
    weights = rng.uniform(0, 1, (2, cells))
    functionals = Functionals(
        jnp.asarray(weights @ prior @ design.T),
        jnp.zeros((2, 0)),
        jnp.asarray(np.einsum("mc,cd,md->m", weights, prior, weights)),
        None,
    )
    network = network_covariance(gram, sigma, distance)
    return World(network, gram, sigma, distance, functionals)


def dense_covariances(world: World, epochs: int) -> tuple[NDArray, NDArray, NDArray]:
    """Covariance of all and of the load in time and space, densities of the load."""
    bands = cosine_bands(epochs)
    density = band_means(SPECTRA, bands)
    band = np.repeat(np.arange(len(bands.sizes)), bands.sizes)
    wave = scipy.fft.dct(np.eye(epochs), axis=0, norm="ortho")
    regional = np.exp(-world.distance / SPECTRA.length)
    rows = len(world.sigma)
    whole, load = np.zeros((2, epochs * rows, epochs * rows))
    for k in range(epochs):
        at = lambda values, k=k: float(values[band[k]])
        space = (
            at(density.load) * world.gram
            + at(density.station) * np.diag(world.sigma**2)
            + at(density.common)
            + at(density.regional) * regional
        )
        whole += np.kron(np.outer(wave[k], wave[k]), space)
        load += np.kron(np.outer(wave[k], wave[k]), at(density.load) * np.eye(rows))
    return whole, load, np.asarray(density.load)[band]


@pytest.mark.parametrize("count", [1, 2, 7, 33, 100])
def test_cosine_transforms_are_those_of_scipy(count: int) -> None:
    values = np.random.default_rng(count).normal(size=(count, 3))
    there = cosines(jnp.asarray(values))
    expected = scipy.fft.dct(values, axis=0, norm="ortho")
    np.testing.assert_allclose(there, expected, atol=1e-13)
    np.testing.assert_allclose(cosine_sum(there), values, atol=1e-13)


def test_records_are_lengthened_a_little_to_a_fast_length() -> None:
    assert smooth_length(300) == 300
    assert smooth_length(6209) == 6272


def test_a_record_with_gaps_is_separated_as_by_the_dense_covariance() -> None:
    epochs, world = 40, small_world()
    rng = np.random.default_rng(2)
    values = 3 * rng.normal(size=(epochs, 5))
    values[rng.random(values.shape) < 0.2] = np.nan
    values[7], values[:15, 2] = np.nan, np.nan
    record = separate_record(world.network, values, SPECTRA, EXACT)
    whole, load, _ = dense_covariances(world, epochs)
    seen = np.isfinite(values).ravel()
    multiplier = np.zeros(values.size)
    multiplier[seen] = np.linalg.solve(whole[np.ix_(seen, seen)], values.ravel()[seen])
    expected = (load @ multiplier).reshape(values.shape)
    np.testing.assert_allclose(record.coefficients, expected, atol=1e-11)
    np.testing.assert_allclose(record.displacement, expected @ world.gram, atol=1e-10)


def test_coarse_beginnings_do_not_change_the_solution() -> None:
    epochs, world = 512, small_world()
    rng = np.random.default_rng(3)
    values = rng.normal(size=(epochs, 5)).cumsum(axis=0)
    values[100:300, 1], values[:, 4] = np.nan, np.nan
    shares: list[float] = []
    fine = separate_record(world.network, values, SPECTRA, EXACT, watch=shares.append)
    assert shares == sorted(shares)
    assert 0.8 < shares[-1] < 1
    short = dataclasses.replace(EXACT, tolerance=1e-7)
    rough = separate_record(world.network, values, SPECTRA, short)
    assert float(fine.residual) < 1e-12
    difference = np.abs(fine.displacement - rough.displacement).max()
    assert 0 < difference < 1e-4 * np.abs(fine.displacement).max()


def test_both_forms_complete_a_record_alike() -> None:
    world, rng = small_world(), np.random.default_rng(8)
    values = rng.normal(size=(2100, 5)) * 3
    values[rng.random(values.shape) < 0.2] = np.nan
    values[300:900, 1] = np.nan
    records = []
    for name in ("cpu", "accelerator"):
        with form(name):
            settings = ConjugateGradient(1e-11, 500)
            records.append(separate_record(world.network, values, SPECTRA, settings))
    for part in ("coefficients", "displacement", "common", "left_out"):
        first, second = (getattr(record, part) for record in records)
        np.testing.assert_allclose(first, second, rtol=0, atol=1e-8)


def test_residuals_left_out_are_those_without_the_station() -> None:
    epochs, world = 24, small_world()
    values = 3 * np.random.default_rng(4).normal(size=(epochs, 5))
    record = separate_record(world.network, values, SPECTRA, EXACT)
    whole, _, _ = dense_covariances(world, epochs)
    for row in range(5):
        out = np.zeros((epochs, 5), bool)
        out[:, row] = True
        out = out.ravel()
        known = np.linalg.solve(whole[np.ix_(~out, ~out)], values.ravel()[~out])
        expected = values.ravel()[out] - whole[np.ix_(out, ~out)] @ known
        np.testing.assert_allclose(record.left_out[:, row], expected, atol=1e-10)


def test_errors_of_a_complete_record_are_those_of_the_dense_posterior() -> None:
    epochs, world = 30, small_world()
    functionals = world.functionals
    spectrum = error_spectrum(world.network, SPECTRA, functionals, np.ones(5), epochs)
    whole, _, density = dense_covariances(world, epochs)
    wave = scipy.fft.dct(np.eye(epochs), axis=0, norm="ortho")
    in_time = np.einsum("kt,k,ku->tu", wave, density, wave)
    for number in range(2):
        side = np.kron(in_time, np.asarray(functionals.cross)[number][None, :])
        known = np.einsum("ti,ij,tj->t", side, np.linalg.inv(whole), side)
        prior = np.diag(in_time) * float(functionals.variance[number])
        expected = np.mean(prior - known)
        assert mean_variance(spectrum, 1)[0, number] == pytest.approx(expected)


def test_errors_at_an_epoch_by_one_product_are_those_of_means_over_one() -> None:
    world, share = small_world(), np.array([1, 0.6, 1, 0, 0.3])
    parts = world.network, SPECTRA, world.functionals, share, 90
    expected = mean_variance(error_spectrum(*parts), 1)[0]
    np.testing.assert_allclose(epoch_variance(*parts), expected, rtol=1e-12)


def test_means_over_months_have_the_errors_of_dense_means() -> None:
    epochs, length, world = 400, 10, small_world(3)
    functionals = world.functionals
    spectrum = error_spectrum(world.network, SPECTRA, functionals, np.ones(3), epochs)
    whole, _, density = dense_covariances(world, epochs)
    wave = scipy.fft.dct(np.eye(epochs), axis=0, norm="ortho")
    in_time = np.einsum("kt,k,ku->tu", wave, density, wave)
    side = np.kron(in_time, np.asarray(functionals.cross)[0][None, :])
    error = (
        in_time * float(functionals.variance[0]) - side @ np.linalg.inv(whole) @ side.T
    )
    spans = np.array([np.arange(epochs) - start for start in range(epochs - 29)])
    first = ((spans >= 0) & (spans < length)) / length
    later = ((spans >= 20) & (spans < 20 + length)) / length
    variance = np.mean(np.einsum("si,ij,sj->s", first, error, first))
    together = np.mean(np.einsum("si,ij,sj->s", first, error, later))
    # Apart from the ends, cosines are as good as waves that travel.
    stated = mean_variance(spectrum, length, (0, 20))[:, 0]
    assert stated[0] == pytest.approx(variance, rel=0.05)
    assert stated[1] == pytest.approx(together, abs=0.05 * stated[0])


def test_a_row_that_observes_half_of_the_time_helps_less() -> None:
    world = small_world()
    variance = []
    for share in (np.ones(5), np.array([1, 1, 0.5, 1, 1]), np.array([1, 1, 0, 1, 1])):
        spectrum = error_spectrum(world.network, SPECTRA, world.functionals, share, 200)
        variance.append(mean_variance(spectrum, 1)[0])
    assert (np.diff(variance, axis=0) > 0).all()


def simulated(world: World, epochs: int, seed: int) -> NDArray[np.float64]:
    """A record drawn from the spectra themselves."""
    rng, rows = np.random.default_rng(seed), len(world.sigma)
    period = 2 * epochs / np.maximum(np.arange(epochs), 1)
    density = spectral_densities(SPECTRA, period)
    regional = np.exp(-world.distance / SPECTRA.length)
    amplitude = np.zeros((epochs, rows))
    for part, space in (
        (density.load, world.gram),
        (density.station, np.diag(world.sigma**2)),
        (density.common, np.ones((rows, rows))),
        (density.regional, regional),
    ):
        root = np.linalg.cholesky(space + 1e-9 * np.eye(rows))
        draw = rng.normal(size=(epochs, rows)) @ root.T
        amplitude += np.sqrt(np.asarray(part))[:, None] * draw
    return np.array(cosine_sum(jnp.asarray(amplitude)))


def test_spectra_are_recovered_from_a_record_drawn_from_them() -> None:
    world = small_world(12, 15)
    values = simulated(world, 1600, 5)
    values[np.random.default_rng(6).random(values.shape) < 0.03] = np.nan
    shares: list[float] = []
    fit = fit_spectra(
        world.network, values, memory=10.0, reference=20.0, slope=1.5,
        watch=shares.append,
    )  # fmt: skip
    # Each step of the search is nearer to its end.
    assert len(shares) > 5
    assert shares == sorted(shares)
    assert 0 <= shares[0] < 0.2
    assert shares[len(shares) // 2] > 0.1
    assert 0.5 < shares[-1] <= 1
    assert (fit.converged, fit.windows, fit.rows) == (True, 3, 12)
    # Of 12 stations, stations' own noise is known best, what all share worst.
    for period, tolerance in ((3.0, 0.1), (30.0, 0.15)):
        truth, found = (
            float(spectral_densities(s, period).station) for s in (SPECTRA, fit.spectra)
        )
        assert found == pytest.approx(truth, rel=tolerance)
    both = [
        spectral_densities(s, np.array([3.0, 30.0, 200.0]))
        for s in (SPECTRA, fit.spectra)
    ]
    shared = [np.asarray(d.common + d.regional) for d in both]
    np.testing.assert_allclose(shared[1][:2], shared[0][:2], rtol=0.35)
    np.testing.assert_allclose(both[1].load[2], both[0].load[2], rtol=0.35)


def test_the_slope_of_the_misfit_is_that_of_differences() -> None:
    world = small_world(9)
    values = simulated(world, 700, 4)
    cross = whittle._cross_spectra(values / np.asarray(world.network.sigma))
    start, _ = whittle._start(world.network, cross)
    misfit = functools.partial(whittle._misfit, world.network, cross, (60.0, 365.0))
    slope = misfit(start)[1]
    for number, step in enumerate(1e-5 * np.eye(len(start))):
        change = (misfit(start + step)[0] - misfit(start - step)[0]) / 2e-5
        assert slope[number] == pytest.approx(float(change), rel=1e-6, abs=1e-9)


def test_separated_load_misses_the_truth_by_what_its_errors_say() -> None:
    """Records drawn from the spectra, a network of which one station starts late."""
    world, epochs = small_world(6), 256
    share = np.ones(6)
    share[5] = 0.5
    truth_error = []
    rng, rows = np.random.default_rng(7), 6
    period = 2 * epochs / np.maximum(np.arange(epochs), 1)
    density = spectral_densities(SPECTRA, period)
    whole = jnp.asarray(world.gram)
    root = np.linalg.cholesky(np.asarray(whole) + 1e-10 * np.eye(rows))
    for seed in range(12):
        load = rng.normal(size=(epochs, rows)) @ root.T
        load = cosine_sum(jnp.sqrt(density.load)[:, None] * load)
        noise = simulated_noise(world, epochs, seed)
        values = np.array(load) + noise
        values[::2, 5] = np.nan
        record = separate_record(world.network, values, SPECTRA, EXACT)
        truth_error.append(np.asarray(record.displacement - load))
    cross = jnp.asarray(world.gram)
    functionals = Functionals(cross, jnp.zeros((6, 0)), jnp.diag(cross), None)
    spectrum = error_spectrum(world.network, SPECTRA, functionals, share, epochs)
    stated = np.sqrt(mean_variance(spectrum, 1)[0])
    ratio = np.sqrt(np.mean(np.square(truth_error), axis=(0, 1))) / stated
    assert abs(ratio - 1).max() < 0.15


def simulated_noise(world: World, epochs: int, seed: int) -> NDArray[np.float64]:
    quiet = dataclasses.replace(world, gram=np.zeros_like(world.gram))
    return simulated(quiet, epochs, 100 + seed)


def seasonal_record(
    world: World,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Functions of time, and displacement by maps of them with white noise."""
    rng = np.random.default_rng(8)
    time = np.linspace(0, 6 * np.pi, 300)
    functions = np.stack([np.ones(300), np.cos(time), np.sin(time)], axis=1)
    root = np.linalg.cholesky(world.gram + 1e-9 * np.eye(6))
    values = functions @ (rng.normal(size=(3, 6)) @ root.T * 3)
    values += rng.normal(size=values.shape)
    return functions, values


def test_maps_of_functions_are_those_of_dense_kriging() -> None:
    world = small_world(6)
    functions, values = seasonal_record(world)
    values[:290, 3] = np.nan
    fits = fit_stations(values, functions)
    maps = map_functions(world.network, fits, np.ones((3, 6)), ((0,), (1, 2)))
    sigma = world.sigma
    for k in range(3):
        noise = np.diag((float(maps.local[k]) + fits.variance[k]) * sigma**2)
        load = float(maps.load[k])
        multiplier = np.linalg.solve(load * world.gram + noise, fits.coefficients[k])
        np.testing.assert_allclose(maps.coefficients[k], load * multiplier, rtol=1e-6)
        others = np.delete(np.arange(6), 2)
        known = np.linalg.solve(
            (load * world.gram + noise)[np.ix_(others, others)],
            fits.coefficients[k][others],
        )
        expected = load * world.gram[2, others] @ known
        assert float(maps.left_out[k, 2]) == pytest.approx(expected, rel=1e-6)
    errors = function_errors(world.network, maps, world.functionals)
    assert (errors > 0).all()
    assert (errors < np.outer(maps.load, world.functionals.variance)).all()


@pytest.mark.parametrize("length", [150.0, np.inf])
def test_shared_seasons_reach_water_as_the_maps_take_them(length: float) -> None:
    world = small_world(6)
    functions, values = seasonal_record(world)
    density, sd = np.ones((3, 6)), np.array([0.0, 0.7, 0.7])
    fits = fit_stations(values, functions)
    maps = map_functions(world.network, fits, density, ((0,), (1, 2)))
    # What a season of 1 mm at one station changes, station by station.
    gain = np.zeros((3, 2, 6))
    for row in range(6):
        more = np.array(fits.coefficients)
        more[:, row] += 1.0
        moved = dataclasses.replace(fits, coefficients=more)
        other = map_known_functions(world.network, moved, density, maps)
        change = np.asarray(other.coefficients - maps.coefficients)
        gain[:, :, row] = change @ np.asarray(world.functionals.cross).T
    correlation = np.exp(-world.distance / length)
    expected = np.einsum("fmr,rs,fms->fm", gain, correlation, gain) * sd[:, None] ** 2
    found = systematic_variance(world.network, maps, world.functionals, sd, length)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-12)


def test_shared_noise_that_is_drawn_has_its_spectra() -> None:
    world, steps = small_world(4), 64
    without = jnp.where(jnp.arange(4) == 3, 0.0, world.network.common)
    network = dataclasses.replace(world.network, common=without)
    keys = jax.random.split(jax.random.key(1), 1500)
    drawn = np.array([draw_shared_noise(network, SPECTRA, steps, key) for key in keys])
    assert drawn.shape == (1500, steps, 4)
    assert (drawn[:, :, 3] == 0).all()
    density = spectral_densities(SPECTRA, 2 * steps / np.maximum(np.arange(steps), 1))
    regional = np.exp(-world.distance[:3, :3] / SPECTRA.length)
    expected = (
        float(jnp.mean(density.common)) + float(jnp.mean(density.regional)) * regional
    )
    found = np.einsum("dtr,dts->rs", drawn, drawn)[:3, :3] / (1500 * steps)
    np.testing.assert_allclose(found, expected, rtol=0.05)
    # Its amplitude grows with the period up to its memory.
    amplitude = np.array([cosines(jnp.asarray(one)) for one in drawn[:300]])
    power = np.mean(np.square(amplitude[:, :, 0]), axis=0)
    whole = np.asarray(density.common + density.regional)
    ratio = [np.mean((power / whole)[part]) for part in (slice(1, 8), slice(30, 64))]
    np.testing.assert_allclose(ratio, 1, atol=0.1)


def test_a_station_with_too_few_days_has_no_say_in_the_seasons() -> None:
    world = small_world(6)
    time = np.linspace(0, 6 * np.pi, 300)
    functions = np.stack([np.ones(300), np.cos(time), np.sin(time)], axis=1)
    rng = np.random.default_rng(9)
    values = functions @ rng.normal(size=(3, 6)) + 0.1 * rng.normal(size=(300, 6))
    with_two = values.copy()
    with_two[:, 4] = np.nan
    with_two[:2, 4] = 1e4
    without = values.copy()
    without[:, 4] = np.nan
    maps = [
        map_functions(
            world.network, fit_stations(v, functions), np.ones((3, 6)), ((0, 1, 2),)
        )
        for v in (with_two, without)
    ]
    np.testing.assert_allclose(
        maps[0].displacement, maps[1].displacement, rtol=1e-6, atol=1e-9
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"white": 0.0}, "white is 0, expected a positive number"),
        ({"flicker": -1.0}, "flicker is -1, expected zero or more"),
        ({"length": np.nan}, "length is nan, expected a positive number"),
    ],
)
def test_spectra_that_cannot_be_are_refused(change: dict, text: str) -> None:
    world = small_world()
    spectra = dataclasses.replace(SPECTRA, **change)
    with pytest.raises(ValueError, match=text):
        separate_record(world.network, np.zeros((4, 5)), spectra)


def test_windows_in_which_few_stations_observed_are_left_out() -> None:
    values = np.random.default_rng(5).normal(size=(1500, 40))
    values[:500, 10:] = np.nan
    assert complete_rows(values) == 40
    world = small_world(40)
    fit = fit_spectra(world.network, values, memory=60.0, reference=365.0)
    assert (fit.windows, fit.rows) == (2, 40)
    values[:, 7:] = np.nan
    assert complete_rows(values) == 0


def test_spectra_need_a_long_record_of_several_stations() -> None:
    world = small_world(12)
    fit = lambda values: fit_spectra(world.network, values, memory=5.0, reference=9.0)
    with pytest.raises(ValueError, match="the record has 100 epochs"):
        fit(np.zeros((100, 12)))
    values = np.random.default_rng(10).normal(size=(400, 12))
    values[::2, 3:] = np.nan
    with pytest.raises(ValueError, match="no 8 stations observed more than 90%"):
        fit(values)
    with pytest.raises(ValueError, match="sigma is not positive at every row"):
        network_covariance(world.gram, 0 * world.sigma, world.distance)


def test_white_and_flicker_noise_grow_with_the_period_as_stated() -> None:
    spectra = dataclasses.replace(SPECTRA, random_walk=0.001)
    density = spectral_densities(spectra, np.array([2.0, 10.0, 40.0]))
    as_list = lambda values: np.asarray(values).tolist()
    assert as_list(density.station) == pytest.approx([1.204, 2.1, 6.6])
    # Shared noise grows no further than its memory, the load goes on.
    assert as_list(density.common) == pytest.approx([0.9, 2.5, 2.5])
    assert as_list(density.load) == pytest.approx(
        [2 * 0.1**1.5, 2 * 0.5**1.5, 2 * 2**1.5]
    )
