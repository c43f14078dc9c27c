"""Noise with a memory, and the steps that are found in it."""

import jax
import numpy as np
import pytest
import scipy.linalg

from jaxload import series, synthetic
from jaxload._platform import form
from jaxload.series.fitting import coloured_noise
from jaxload.series.fitting.step_scan import level_shocks

PERIODS = (1.0, 0.5)


def flicker(shape, rng):
    """Noise of unit standard deviation whose power falls as 1 / frequency."""
    frequency = np.fft.rfftfreq(shape[0])
    frequency[0] = np.inf
    spectrum = np.fft.rfft(rng.normal(size=shape), axis=0)
    noise = np.fft.irfft(spectrum / np.sqrt(frequency)[:, None], n=shape[0], axis=0)
    return noise / noise.std(axis=0)


def fractional(epochs, amplitude):
    """Covariance of daily flicker noise made of its fractional differences."""
    ratio = (np.arange(1, epochs) - 0.5) / np.arange(1, epochs)
    root = np.tril(scipy.linalg.toeplitz(np.cumprod(np.append(1.0, ratio))))
    return amplitude**2 * 365.2425**-0.5 * root @ root.T


def basis_of(years):
    turns = 2 * np.pi * years
    seasons = [f(n * turns) for n in (1, 2) for f in (np.cos, np.sin)]
    return np.stack([years**0, years - 2010.5, *seasons], axis=1)


@pytest.fixture
def uneven(rng):
    """A year and a half with gaps, a step, and errors that change."""
    years = 2010 + np.arange(550) / 365.2425
    sigma = rng.uniform(1, 2, size=(550, 1))
    values = sigma * rng.normal(size=(550, 1)) + 5 * (years > 2010.7)[:, None]
    values[rng.random(550) < 0.2] = np.nan
    values[300:340] = np.nan
    return values, years, sigma


def dense(values, sigma, covariance, basis):
    """Generalised least squares with the whole covariance: terms and errors."""
    seen = np.isfinite(values[:, 0])
    whole = covariance + np.diag(sigma[:, 0] ** 2)
    weight = np.linalg.inv(whole[np.ix_(seen, seen)])
    normal = basis[seen].T @ weight @ basis[seen]
    right = basis[seen].T @ weight @ values[seen, 0]
    return np.linalg.solve(normal, right), np.sqrt(np.diag(np.linalg.inv(normal)))


def noise_of(white, flicker, walk):
    return series.NoiseAmplitudes(
        *(np.array([size]) for size in (white, flicker, walk))
    )


def sum_of_memories(years, amplitude):
    lag = abs(years[:, None] - years[None, :])
    memories = coloured_noise.MEMORIES
    total = np.exp(-lag[..., None] / memories).sum(axis=-1)
    return amplitude**2 * coloured_noise.flicker_variance() * total


@pytest.mark.usefixtures("both_forms")
def test_a_trajectory_in_noise_with_a_memory_is_that_of_its_whole_covariance(uneven):
    values, years, sigma = uneven
    walk = 9 * np.minimum(years[:, None], years[None, :]) - 9 * years[0]
    covariance = sum_of_memories(years, 7.0) + walk
    want, error = dense(values, sigma, covariance, basis_of(years))
    noise = noise_of(1.0, 7.0, 3.0)
    fit = series.fit_trajectory(values, years, sigma=sigma, noise=noise)
    np.testing.assert_allclose(fit.estimates[1:, 0], want[1:], rtol=1e-7)
    np.testing.assert_allclose(fit.sigma[1:, 0], error[1:], rtol=1e-7)


def test_flicker_noise_is_that_of_fractional_differences(uneven):
    values, years, sigma = uneven
    _, want = dense(values, sigma, fractional(550, 8.0), basis_of(years))
    noise = noise_of(1.0, 8.0, 0.0)
    fit = series.fit_trajectory(values, years, sigma=sigma, noise=noise)
    # These begin on the first day and those long ago, which slow terms feel.
    np.testing.assert_allclose(fit.sigma[1, 0], want[1], rtol=0.1)
    np.testing.assert_allclose(fit.sigma[2:, 0], want[2:], rtol=0.02)


@pytest.mark.slow
def test_the_noise_is_found_by_its_likelihood(rng):
    epochs, stations = 900, 8
    years = 2010 + np.arange(epochs) / 365.2425
    sigma = rng.uniform(0.8, 1.2, size=(epochs, stations))
    root = np.linalg.cholesky(fractional(epochs, 6.0) + 1e-9 * np.eye(epochs))
    values = root @ rng.normal(size=(epochs, stations))
    values += 2 * sigma * rng.normal(size=values.shape)
    values[rng.random(values.shape) < 0.2] = np.nan
    found = series.estimate_noise(values, years, sigma=sigma)
    np.testing.assert_allclose(np.median(found.white), 2, rtol=0.05)
    np.testing.assert_allclose(np.median(found.flicker), 6, rtol=0.25)
    fit = series.fit_trajectory(values, years, sigma=sigma, noise=found)
    np.testing.assert_allclose(fit.scatter, 1, rtol=0.02)
    # The rates that were put in are zero.
    assert np.std(fit.rate) < 2 * np.median(fit.rate_sigma)
    plain = series.fit_trajectory(values, years, sigma=sigma)
    assert np.median(fit.rate_sigma / plain.rate_sigma) > 4


@pytest.mark.usefixtures("both_forms")
def test_the_score_of_every_step_is_that_of_a_regression_with_it(uneven):
    values, years, sigma = uneven
    covariance = sum_of_memories(years, 7.0)
    seen = np.isfinite(values)
    given = (np.nan_to_num(values), years, np.where(seen, sigma**-2, 0))
    noise = noise_of(1.0, 7.0, 0.0)
    known = np.zeros(values.shape, bool)
    first = level_shocks(*given, noise, known, PERIODS)
    both = known | np.isin(np.arange(550), [120, 256])[:, None]
    beside = level_shocks(*given, noise, both, PERIODS)
    step = lambda epoch: (np.arange(550) >= epoch).astype(float)[:, None]
    for epoch in (30, 200, 257, 400):
        one = np.concatenate([basis_of(years), step(epoch)], axis=1)
        size, error = (x[-1] for x in dense(values, sigma, covariance, one))
        got = first.size[epoch, 0], first.score[epoch, 0]
        np.testing.assert_allclose(got, (size, (size / error) ** 2), rtol=1e-3)
    two = np.concatenate([basis_of(years), step(120), step(256)], axis=1)
    sizes, errors = dense(values, sigma, covariance, two)
    scores = (sizes / errors)[-2:] ** 2
    np.testing.assert_allclose(beside.size[[120, 256], 0], sizes[-2:], rtol=1e-3)
    np.testing.assert_allclose(beside.score[[120, 256], 0], scores, rtol=1e-3)


@pytest.mark.parametrize("walk", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_noise_is_as_likely_by_blocks_as_by_epochs(uneven, walk):
    values, years, sigma = uneven
    # One station is seen by half, and one not at all.
    values = np.concatenate([values, values, values * np.nan], axis=1)
    values[:270, 1] = np.nan
    sigma = np.broadcast_to(sigma, values.shape)
    run = lambda: series.estimate_noise(values, years, sigma=sigma, walk=walk)
    want = run()
    with form("accelerator"):
        got = run()
    assert np.isnan(want.white).tolist() == [False, False, True]
    for name in ("white", "flicker", "walk"):
        one, other = getattr(got, name), getattr(want, name)
        np.testing.assert_allclose(one, other, rtol=1e-9)


def simulated(rng, epochs=1500, stations=32):
    """Heights as of a twin world, with a step or so in each."""
    years = 2010 + np.arange(epochs) / 365.2425
    white = 2.2 * rng.lognormal(0, 0.2, size=stations)
    sigma = white * rng.lognormal(0, 0.08, size=(epochs, stations))
    noise = sigma * rng.normal(size=sigma.shape) + flicker(sigma.shape, rng)
    season = rng.uniform(1, 6, size=stations) * np.cos(
        2 * np.pi * (years[:, None] - rng.random(stations))
    )
    values = noise + season + rng.normal(0, 2, size=stations) * (years[:, None] - 2010)
    steps = []
    for station in range(stations):
        for epoch in rng.integers(60, epochs - 60, size=rng.poisson(0.8)):
            size = rng.choice([-1, 1]) * rng.uniform(3, 8)
            values[epoch:, station] += size * noise[:, station].std()
            steps.append((station, epoch))
        for start in rng.integers(0, epochs, size=15):
            values[start : start + 1 + int(rng.exponential(8)), station] = np.nan
    values[rng.random(values.shape) < 0.003] += 25
    return values, years, sigma, steps


@pytest.mark.slow
def test_steps_above_three_sigmas_are_found_and_few_others(rng):
    values, years, sigma, truth = simulated(rng)
    found = series.find_steps(values, years, sigma=sigma)
    matched = set()
    for station, epoch in truth:
        for other in found.epoch[station][found.epoch[station] >= 0]:
            low, high = sorted((epoch, int(other)))
            if np.isfinite(values[low:high, station]).sum() <= 3:
                matched.add((station, epoch))
    assert len(matched) >= 0.8 * len(truth)
    station_years = values.shape[1] * (years[-1] - years[0])
    assert found.count.sum() - len(matched) <= station_years / 10
    known = series.events(values.shape[1], steps=found.years)
    fit = series.fit_trajectory(values, years, sigma=sigma, events=known)
    assert np.nanmedian(abs(fit.step_sizes - found.size)) < 1


def test_series_without_steps_or_data_have_none(rng):
    values, years, sigma, _ = simulated(rng)
    values = sigma * rng.normal(size=values.shape)
    values[:, 1] = np.nan
    values[5:, 2] = np.nan
    found = series.find_steps(values, years, sigma=sigma)
    assert found.epoch.shape == (32, 0)
    assert found.count.tolist() == [0] * 32


def test_a_strong_step_stays_and_no_step_is_too_weak(rng):
    """Stairs up a ramp weaken those that came before them."""
    values, years, sigma, _ = simulated(rng)
    values = sigma * rng.normal(size=values.shape)
    strong, ramp = 700, np.clip(np.arange(1500) - 600, 0, 300)
    values[strong:, 0] += 15 * sigma[:, 0].mean()
    values[:, 1:4] += 0.1 * ramp[:, None] * np.array([1.0, 0.5, 0.25])
    found = series.find_steps(values, years, sigma=sigma)
    assert found.count[0] == 1
    assert abs(found.epoch[0, 0] - strong) <= 2
    assert found.size[0, 0] == pytest.approx(15 * sigma[:, 0].mean(), rel=0.05)
    assert found.count[1] > 1
    score = (found.size / found.sigma)[found.epoch >= 0] ** 2
    assert score.min() >= series.Detection().threshold ** 2


def test_steps_need_double_precision(uneven):
    values, years, _ = uneven
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(ValueError, match="float64"):
            series.find_steps(values, years)
    finally:
        jax.config.update("jax_enable_x64", True)
    with pytest.raises(ValueError, match="positive"):
        series.Detection(threshold=0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_steps_are_found_beside_water_gaps_and_noise(seed):
    """In the twin world, up to two steps a station of 3 to 8 sigmas each."""
    settings = synthetic.TwinSettings(seed=seed, stations=60, days=1826)
    world, rng = synthetic.twin(settings), np.random.default_rng(seed)
    up, years = world.displacement.copy(), series.decimal_years(world.time)
    truth = []
    for station, noise in enumerate(np.nanmedian(world.sigma, axis=0)):
        for _ in range(rng.integers(0, 3)):
            epoch = int(rng.integers(120, len(years) - 120))
            up[epoch:, station] += rng.choice([-1, 1]) * rng.uniform(3, 8) * noise
            truth.append((station, epoch))
    found = series.find_steps(up, years, sigma=world.sigma)
    places = np.argwhere(found.epoch >= 0)
    got = {(station, found.epoch[station, k]) for station, k in places.tolist()}
    right = set()
    for station, epoch in truth:
        near = [g for g in got - right if g[0] == station and abs(g[1] - epoch) <= 15]
        right |= set(near[:1])
    station_years = np.isfinite(up).sum() / 365.25
    assert len(right) >= 0.8 * len(truth)
    assert 10 * (len(got) - len(right)) / station_years <= 1


@pytest.mark.parametrize("size", [3, 30])
def test_flicker_noise_differs_between_means_as_its_covariance_says(size):
    interval = 1 / 365.25
    days = np.arange(2 * size) * interval
    elapsed = abs(days[:, None] - days[None, :])
    covariance = coloured_noise.flicker_variance() * np.sum(
        [np.exp(-elapsed / memory) for memory in coloured_noise.MEMORIES], axis=0
    )
    mean = np.repeat([1.0, -1.0], size) / size
    got = coloured_noise._flicker_difference(np.asarray(interval), size)
    np.testing.assert_allclose(got, mean @ covariance @ mean, rtol=1e-12)
