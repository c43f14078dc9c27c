"""Models of water from features, each against the same written out in NumPy."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxload.gapfill.models import (
    convolution,
    corrected,
    land_surface,
    perceptron,
    recurrent,
    water_stores,
)
from jaxload.gapfill.models.place_parameters import Bounded, draw_place_parameters
from jaxload.gapfill.models.protocol import ModelSizes
from jaxload.gapfill.networks import lstm

EPOCHS, PLACES, FEATURES = 70, 3, 4
SIZES = ModelSizes(FEATURES, 1, ("days", "land_model", "precipitation", "temperature"))
KEY = jax.random.key(5)


def run(network, features, drivers=None, segment=None):
    return network(features, drivers=drivers or {}, segment=segment)


@pytest.fixture
def features(rng):
    return jnp.asarray(rng.normal(size=(EPOCHS, PLACES, FEATURES)), jnp.float32)


@pytest.fixture
def drivers(rng):
    return make_drivers(rng)


def make_drivers(rng, epochs=EPOCHS, days=7.0):
    """Weeks of rain, of frost in the middle of the record, and of a land model."""
    season = 12 * np.cos(2 * np.pi * days * np.arange(epochs) / 365)[:, None]
    shape = (epochs, PLACES)
    return {
        "precipitation": jnp.asarray(rng.gamma(0.5, 4.0, shape)),
        "temperature": jnp.asarray(280 + season + rng.normal(size=shape)),
        "land_model": jnp.asarray(rng.normal(size=shape).cumsum(axis=0)),
        "days": jnp.full((epochs, 1), days),
    }


def loud(network, rng):
    """Weights that are nowhere zero."""
    draw = lambda x: jnp.asarray(0.4 * rng.normal(size=x.shape), x.dtype)
    return jax.tree.map(draw, network)


def plain(layer, values):
    return values @ np.asarray(layer.kernel) + np.asarray(layer.bias)


def activation(x):
    """GELU in its usual approximation by a tangent."""
    return x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


@pytest.mark.parametrize(
    "model",
    [
        recurrent.Recurrent(4),
        convolution.TemporalConvolution(4, 2, 3),
        perceptron.Perceptron(4),
    ],
)
@pytest.mark.parametrize("outputs", [1, 2])
def test_networks_begin_with_zero_for_all_places_and_epochs(features, model, outputs):
    network = model.build(ModelSizes(FEATURES, outputs), KEY)
    output = run(network, features)
    assert output.shape == (EPOCHS, PLACES, outputs)
    assert not np.asarray(output).any()
    # And differ in what they begin with.
    other = model.build(ModelSizes(FEATURES, outputs), jax.random.key(6))
    same = [
        np.array_equal(*pair) for pair in zip(*map(jax.tree.leaves, (network, other)))
    ]
    assert not all(same)


def test_the_long_short_term_memory_is_that_of_before():
    network = recurrent.Recurrent(5).build(ModelSizes(FEATURES, 2), KEY)
    before = lstm.initialise(lstm.NetworkSize(FEATURES, 5, 2), KEY)
    before = dataclasses.replace(before, readout=jnp.zeros_like(before.readout))
    jax.tree.map(np.testing.assert_array_equal, network, before)


def test_a_convolution_depends_on_the_past_as_far_as_it_reaches_only(rng):
    network = loud(convolution.TemporalConvolution(5, 3, 3).build(SIZES, KEY), rng)
    epoch, reach = 40, 3**3
    output = lambda inputs: jnp.sum(run(network, inputs)[epoch, 1])
    # Where a unit is off nothing depends on it: several records.
    records = rng.normal(size=(20, EPOCHS, PLACES, FEATURES)).astype(np.float32)
    slope = np.asarray(jax.vmap(jax.grad(output))(jnp.asarray(records)))
    depends = abs(slope).max(axis=(0, 3)) > 0
    expected = np.zeros((EPOCHS, PLACES), bool)
    expected[epoch - reach + 1 : epoch + 1, 1] = True
    np.testing.assert_array_equal(depends, expected)


@pytest.mark.parametrize("segment", [None, 10])
def test_a_convolution_is_the_sum_over_delays(rng, features, segment):
    kernel = 2
    network = loud(convolution.TemporalConvolution(5, kernel, 3).build(SIZES, KEY), rng)
    values = plain(network.first, np.asarray(features, np.float64))
    for number, level in enumerate(network.levels):
        weights = np.asarray(level.kernel).reshape(kernel, 5, 5)
        total = np.zeros_like(values) + np.asarray(level.bias)
        for tap in range(kernel):
            for epoch in range(EPOCHS):
                earlier = epoch - (kernel - 1 - tap) * kernel**number
                if earlier >= 0:
                    total[epoch] += values[earlier] @ weights[tap]
        values = values + np.maximum(total, 0)
    expected = plain(network.readout, values)
    got = run(network, features, segment=segment)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def test_a_convolution_takes_as_many_products_for_any_number_of_epochs():
    network = convolution.TemporalConvolution(4, 2, 3).build(SIZES, KEY)

    def products(epochs):
        inputs = jnp.zeros((epochs, PLACES, FEATURES), jnp.float32)
        made = str(jax.make_jaxpr(lambda x: run(network, x))(inputs))
        assert "scan" not in made
        assert "while" not in made
        return made.count("dot_general")

    # The first layer, three levels and the readout.
    assert products(30) == products(300) == 5


def test_a_perceptron_has_no_memory_and_is_its_layers(rng, features):
    network = loud(perceptron.Perceptron(5, 2).build(SIZES, KEY), rng)
    got = run(network, features)
    order = rng.permutation(EPOCHS)
    again = run(network, features[order])
    np.testing.assert_allclose(again, got[order], rtol=1e-5, atol=1e-6)
    values = np.asarray(features, np.float64)
    for layer in network.layers:
        values = activation(plain(layer, values))
    expected = plain(network.readout, values)
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-5)


def typical(rng):
    """Parameters of places that differ, about the typical ones."""
    return {
        name: np.clip(
            bounded.typical * rng.uniform(0.9, 1.1, PLACES)
            if bounded.is_ratio
            else bounded.typical + 0.2 * (bounded.high - bounded.typical),
            bounded.low,
            bounded.high,
        )
        + np.zeros(PLACES)
        for name, bounded in water_stores.PARAMETERS.items()
    }


def typical_everywhere():
    bounds = water_stores.PARAMETERS.items()
    return {name: jnp.full(PLACES, bounded.typical) for name, bounded in bounds}


def balance_of_one_place(
    p, precipitation, temperature, demand, days, begin, *, measured
):
    """The same balance, of one place, epoch by epoch."""
    snow, soil, ground = begin
    rows = []
    for rain, warmth, wish, length in zip(precipitation, temperature, demand, days):
        rain, wish = rain * length, wish * length
        above = warmth - p["snow_temperature"]
        fallen = rain / (1 + np.exp(2 * above))
        snow += fallen
        melt = min(snow, p["degree_day_factor"] * max(above, 0) * length)
        snow -= melt
        water = rain - fallen + melt
        wet = min(max(soil / p["soil_capacity"], 1e-6), 1)
        passed = water * wet ** p["passage_exponent"]
        soil += water - passed
        if soil > p["soil_capacity"]:
            passed += soil - p["soil_capacity"]
            soil = p["soil_capacity"]
        dried = 1 if measured else min(soil / (0.5 * p["soil_capacity"]), 1)
        evaporated = min(soil, wish * dried)
        soil -= evaporated
        quick = p["quick_share"] * passed
        ground += passed - quick
        drained = ground * (1 - np.exp(-length / p["drainage_days"]))
        ground -= drained
        fluxes = (rain, evaporated, quick + drained, passed - quick)
        rows.append((*fluxes, snow, soil, ground))
    return np.array(rows)


@pytest.mark.parametrize(
    "measured", [False, True], ids=["from temperature", "measured"]
)
@pytest.mark.parametrize("spin_up", [0, 52])
def test_a_water_balance_is_that_of_numpy(rng, drivers, measured, spin_up):
    p = typical(rng)
    if measured:
        drivers["evapotranspiration"] = jnp.asarray(rng.gamma(2, 1, (EPOCHS, PLACES)))
    got = water_stores.water_fluxes(
        {name: jnp.asarray(value) for name, value in p.items()}, drivers, spin_up
    )
    rain, warmth = (np.asarray(drivers[n]) for n in ("precipitation", "temperature"))
    demand = 0.12 * np.maximum(warmth - 268.15, 0)
    if measured:
        demand = np.asarray(drivers["evapotranspiration"])
    demand = demand * p["evapotranspiration_factor"]
    days = np.asarray(drivers["days"])[:, 0]
    for place in range(PLACES):
        one = {name: value[place] for name, value in p.items()}
        inputs = (rain[:, place], warmth[:, place], demand[:, place], days)
        begin = (0.0, 0.5 * one["soil_capacity"], 0.0)
        if spin_up:
            year = tuple(x[:spin_up] for x in inputs)
            for _ in range(2):
                before = (*begin[:2], 0.0)
                rows = balance_of_one_place(one, *year, before, measured=measured)
                snow, soil, again = rows[-1, 4:]
                begin = (snow, soil, 0.0)
            # As after many years, the last of which all have the soil of the second.
            ground = 0.0
            for _ in range(400):
                kept = np.exp(-days[:spin_up].sum() / one["drainage_days"])
                ground = ground * kept + again
            begin = (snow, soil, ground)
        want = balance_of_one_place(one, *inputs, begin, measured=measured)
        stores = dataclasses.astuple(got.stores)
        found = (got.precipitation, got.evapotranspiration, got.runoff, got.recharge)
        found = np.stack([x[:, place] for x in (*found, *stores)], axis=1)
        np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-9)


def test_given_evapotranspiration_is_limited_by_soil_water_alone(drivers):
    p = typical_everywhere()
    drivers["evapotranspiration"] = jnp.full((EPOCHS, PLACES), 3.0)
    fluxes = water_stores.water_fluxes(p, drivers)
    taken, left = (
        np.asarray(x) for x in (fluxes.evapotranspiration, fluxes.stores.soil)
    )
    wish = 3.0 * np.broadcast_to(np.asarray(drivers["days"]), taken.shape)
    assert (left < 0.4 * 250.0).any()
    np.testing.assert_allclose(taken[left > 1e-9], wish[left > 1e-9], rtol=1e-12)
    assert (taken <= wish).all()


@pytest.mark.parametrize("measured", [False, True])
def test_all_water_is_accounted_for_at_every_place_and_epoch(rng, drivers, measured):
    if measured:
        drivers["evapotranspiration"] = jnp.asarray(rng.gamma(2, 1, (EPOCHS, PLACES)))
    p = {name: jnp.asarray(value) for name, value in typical(rng).items()}
    # Soils that overflow, and others that dry out.
    p["soil_capacity"] = jnp.asarray([30.0, 200.0, 1500.0])
    fluxes = water_stores.water_fluxes(p, drivers, 52)
    change = np.diff(np.asarray(fluxes.stores.total), axis=0)
    net = fluxes.precipitation - fluxes.evapotranspiration - fluxes.runoff
    np.testing.assert_allclose(change, np.asarray(net)[1:], atol=1e-10)
    for flux in jax.tree.leaves(fluxes):
        assert np.asarray(flux).min() >= 0
    assert np.asarray(fluxes.stores.soil).max() <= 1500
    assert np.asarray(fluxes.stores.snow).max() > 10
    assert np.asarray(fluxes.stores.snow).min() < 1e-9


def test_a_long_record_keeps_its_water_in_single_precision(rng):
    days = make_drivers(rng, 3000, 1.0)
    p = typical_everywhere()
    exact = water_stores.water_fluxes(p, days, 365).stores.total
    short = lambda tree: {n: x.astype(jnp.float32) for n, x in tree.items()}
    single = water_stores.water_fluxes(short(p), short(days), 365).stores.total
    assert single.dtype == jnp.float32
    np.testing.assert_allclose(single, exact, atol=0.05)


def test_a_water_balance_begins_where_it_would_be_after_many_years(rng):
    """Of one year of weather over and over, the first is as all others."""
    year = make_drivers(rng, 52)
    repeated = {name: jnp.tile(x, (6, 1)) for name, x in year.items()}
    p = typical_everywhere()
    total = np.asarray(water_stores.water_fluxes(p, repeated, 52).stores.total)
    cold = np.asarray(water_stores.water_fluxes(p, repeated).stores.total)
    drift = lambda values: abs(values[:52] - values[-52:]).max()
    assert drift(total) < 0.02
    assert drift(cold) > 10


def test_derivatives_of_a_water_balance_are_finite_where_soil_is_dry(drivers):
    p = typical_everywhere()
    dry = drivers | {"precipitation": jnp.zeros((EPOCHS, PLACES))}
    dry["evapotranspiration"] = jnp.full((EPOCHS, PLACES), 50.0)

    def total(p):
        return jnp.sum(water_stores.water_fluxes(p, dry, 10).stores.total)

    for slope in jax.tree.leaves(jax.grad(total)(p)):
        assert np.isfinite(np.asarray(slope)).all()


def test_parameters_begin_typical_and_stay_between_their_bounds(rng, features):
    bounds = water_stores.PARAMETERS
    places = draw_place_parameters(bounds, FEATURES, KEY, 6, 1.0)
    for name, value in places.values(features).items():
        np.testing.assert_allclose(value, bounds[name].typical, rtol=1e-5)
    far = jax.tree.map(lambda x: 50 * x, loud(places, rng))
    for name, value in far.values(features).items():
        assert np.asarray(value).min() >= bounds[name].low * (1 - 1e-5)
        assert np.asarray(value).max() <= bounds[name].high * (1 + 1e-5)


def test_the_prior_of_parameters_is_normal_about_typical_ones(rng, features):
    places = draw_place_parameters(water_stores.PARAMETERS, FEATURES, KEY, 6, 0.7)
    some, others = loud(places, rng), loud(places, rng)

    def expected(network):
        still = np.asarray(features, np.float64).mean(axis=0)
        position = plain(network.readout, np.tanh(plain(network.first, still)))
        return scipy.stats.norm.logpdf(position, scale=0.7).sum()

    got = some.log_prior(features) - others.log_prior(features)
    np.testing.assert_allclose(got, expected(some) - expected(others), rtol=1e-4)
    assert float(places.log_prior(features)) == 0


@pytest.mark.parametrize("is_ratio", [True, False])
def test_a_bounded_parameter_is_at_its_bounds_at_infinity(is_ratio):
    bounded = Bounded(2.0, 1.0, 8.0, is_ratio)
    got = [float(bounded.value(jnp.asarray(x))) for x in (-40.0, 0.0, 40.0)]
    np.testing.assert_allclose(got, [1, 2, 8], rtol=1e-9)
    shares = bounded.share(jnp.asarray([1.0, 8.0]))
    np.testing.assert_allclose(shares, [0, 1], atol=1e-12)


def test_parameters_at_their_bounds_are_counted(features):
    places = draw_place_parameters(water_stores.PARAMETERS, FEATURES, KEY, 6, 1.0)
    names = list(water_stores.PARAMETERS)
    far = places.readout.bias.at[names.index("soil_capacity")].set(-30)
    readout = dataclasses.replace(places.readout, bias=far)
    summary = dataclasses.replace(places, readout=readout).describe(features)
    assert summary["soil_capacity"]["share_at_bounds"] == 1
    assert summary["soil_capacity"]["median"] == pytest.approx(30, rel=1e-3)
    assert summary["drainage_days"]["share_at_bounds"] == 0
    assert summary["drainage_days"]["median"] == pytest.approx(90, rel=1e-3)


def test_water_of_a_balance_is_its_anomaly_in_units_of_the_load(features, drivers):
    network = water_stores.WaterStores().build(SIZES, KEY)
    got = np.asarray(run(network, features, drivers))[..., 0]
    total = np.asarray(network.fluxes(features, drivers).stores.total)
    # Of an epoch is the mean of its begin and its end.
    middle = (total[1:] + total[:-1]) / 2
    offset = 100 * got[1:] - middle
    np.testing.assert_allclose(
        offset, offset[:1] + np.zeros((EPOCHS - 1, 1)), atol=1e-3
    )
    np.testing.assert_allclose(got.mean(axis=0), 0, atol=1e-6)
    assert got.std() > 0.1


@pytest.mark.parametrize("lag", [-3.0, -1.6, 0.0, 0.4, 2.25, 200.0])
def test_a_lag_is_linear_between_epochs(rng, lag):
    series = rng.normal(size=(EPOCHS, PLACES))
    lags = lag + np.array([0.0, 0.5, 1.0])
    got = land_surface.delayed(jnp.asarray(series), jnp.asarray(lags))
    number = np.arange(EPOCHS)
    want = [np.interp(number - n, number, x) for n, x in zip(lags, series.T)]
    np.testing.assert_allclose(got, np.stack(want, axis=1), atol=1e-12)


def test_scale_and_lag_of_a_land_surface_model_are_those_that_fit(features):
    """Descent on squares finds what the water was made with, at all places."""
    time = 7.0 * np.arange(EPOCHS)[:, None]
    model = lambda delay: 50 * np.sin(2 * np.pi * (time - delay) / 365)
    drivers = {
        "land_model": jnp.asarray(model(0.0) + np.zeros(PLACES)),
        "days": jnp.full((EPOCHS, 1), 7.0),
    }
    water = 1.6 * (model(30.0) - model(0.0).mean())
    network = land_surface.LandSurface(hidden=3).build(SIZES, KEY)
    features = jnp.zeros_like(features)

    def loss(network):
        rest = 100 * run(network, features, drivers)[10:-10, :, 0]
        return jnp.mean((rest - jnp.asarray(water)[10:-10]) ** 2)

    step = jax.jit(jax.grad(loss))
    for _ in range(400):
        slope = step(network)
        network = jax.tree.map(lambda x, by: x - jnp.float32(3e-4) * by, network, slope)
    found = network.describe(features, drivers)
    assert found["scale"]["median"] == pytest.approx(1.6, abs=0.03)
    assert found["lag_days"]["median"] == pytest.approx(30, abs=1.0)


def test_a_corrected_model_begins_as_its_skeleton(rng, features, drivers):
    model = corrected.Corrected(
        water_stores.WaterStores(), convolution.TemporalConvolution(4, 2, 2)
    )
    network = model.build(SIZES, KEY)
    skeleton = run(network.skeleton, features, drivers)
    np.testing.assert_array_equal(run(network, features, drivers), skeleton)
    assert network.describe(features, drivers).keys() == water_stores.PARAMETERS.keys()
    # What it reads beside the features is the skeleton.
    changed = dataclasses.replace(network, correction=loud(network.correction, rng))
    both = jnp.concatenate([features, skeleton.astype(jnp.float32)], axis=-1)
    added = run(changed.correction, both)
    got = run(changed, features, drivers)
    want = np.asarray(skeleton) + np.asarray(added)
    np.testing.assert_allclose(got, want, rtol=1e-6)
    assert abs(np.asarray(added)).max() > 0.01


@pytest.mark.parametrize("missing", ["precipitation", "temperature", "land_model"])
def test_models_of_physics_name_the_weather_that_they_lack(missing):
    rest = tuple(name for name in SIZES.drivers if name != missing)
    sizes = dataclasses.replace(SIZES, drivers=rest)
    of_land = missing == "land_model"
    model = land_surface.LandSurface() if of_land else water_stores.WaterStores()
    with pytest.raises(ValueError, match=rf"needs {missing} in \[weather\], which has"):
        model.build(sizes, KEY)
    with pytest.raises(ValueError, match="predicts water, not displacement"):
        model.build(dataclasses.replace(SIZES, outputs=2), KEY)


@pytest.mark.parametrize(
    "made",
    [
        lambda: convolution.TemporalConvolution(kernel=1),
        lambda: convolution.TemporalConvolution(levels=0),
        lambda: perceptron.Perceptron(0),
        lambda: water_stores.WaterStores(prior_sd=0),
        lambda: land_surface.LandSurface(hidden=0),
    ],
)
def test_sizes_that_make_no_model_are_refused(made):
    with pytest.raises(ValueError, match="expected"):
        made()
