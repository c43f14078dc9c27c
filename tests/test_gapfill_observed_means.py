"""Networks trained by heights and by means over periods, against densities in full."""

import dataclasses
import types
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.sparse as sp
import shapely
import xarray as xr
from scipy.stats import multivariate_normal

from jaxload import config, inversion, sphere
from jaxload.gapfill.joint import joint_losses, joint_model, schedule
from jaxload.gapfill.joint.mean_rows import make_mean_rows
from jaxload.gapfill.joint.virtual_rows import (
    condition_on_virtual_rows,
    fill_with_network,
)
from jaxload.gapfill.networks import lstm
from jaxload.pipeline.fill import observed_means, training
from jaxload.pipeline.inputs.gravity_means import ObservedPeriods

EPOCHS, STATIONS, FILLED, PLACES, CELLS = 9, 5, 2, 4, 6
CHAIN = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
PRIOR = inversion.smooth_prior(CHAIN)
BETA, FACTOR, COMMON = 0.4, 1.3, 0.7
HELD = np.array([[0, 1, 0, 0, 1], [1, 0, 0, 0, 0]], bool)
PERIOD = np.repeat([0, 1, 2], 3)
DRIFT = 1e2


def observed(rng):
    """Two means in three periods, one of them missing once."""
    values = rng.normal(size=(3, 2))
    values[1, 0] = np.nan
    return inversion.ObservedMeans(
        design=rng.uniform(size=(2, CELLS)),
        values=values,
        covariance=np.array([[0.5, 0.1], [0.1, 0.7]]),
        period=PERIOD,
        years=np.array([0.04, 0.12, 0.21]),
        drift=np.ones((3, 1)),
    )


def training_data(rng, filled):
    rows = STATIONS + filled
    up = rng.normal(size=(EPOCHS, rows))
    up[:, :STATIONS][rng.uniform(size=(EPOCHS, STATIONS)) < 0.2] = np.nan
    held = np.pad(HELD, ((0, 0), (0, filled)))
    line = np.arange(float(STATIONS))
    distance = jnp.asarray(abs(line[:, None] - line))
    to_cells = None if filled else rng.uniform(size=(CELLS, PLACES))
    places = rows if filled else PLACES
    design = rng.normal(size=(rows, CELLS))
    return joint_model.make_training_data(
        inversion.prior_problem(design, PRIOR),
        up,
        rng.uniform(0.5, 1, rows),
        rng.normal(size=(EPOCHS, places, 3)),
        joint_model.Folds(jnp.asarray(held), distance, jnp.asarray(1.0), 1),
        moved=None if filled else design @ to_cells,
        means=make_mean_rows(observed(rng), PRIOR, to_cells),
    )


def parameters(outputs):
    keys = jax.random.split(jax.random.key(3), 2)
    numbers = joint_model.InitialHyperparameters(BETA, FACTOR, COMMON)
    first = joint_model.initial_parameters(
        lstm.NetworkSize(3, 4, outputs), numbers, keys
    )
    shape = first.network.readout.shape
    readout = jax.random.normal(jax.random.key(4), shape).astype(jnp.float32) / 50
    network = dataclasses.replace(first.network, readout=readout)
    return dataclasses.replace(first, network=network)


def member(tree, number):
    return jax.tree.map(lambda values: values[number], tree)


def log_density(data, load, up, sigma, rows):
    """Of rows and means together, one Gaussian vector, about a load of cells."""
    means, count = data.means.observed, len(sigma)
    station = np.arange(count) < STATIONS
    noise = np.diag((np.where(station, FACTOR, 1) * sigma) ** 2)
    noise += COMMON**2 * np.outer(station, station)
    design = np.asarray(data.problem.design)
    heights = np.kron(np.eye(EPOCHS), design)
    average = np.kron((PERIOD[None] == np.arange(3)[:, None]) / 3.0, means.design)
    operator = np.concatenate([heights, average])
    smooth = np.linalg.inv((CHAIN.T @ CHAIN).toarray()) / BETA**2
    whole = operator @ np.kron(np.eye(EPOCHS), smooth) @ operator.T
    errors = np.asarray(means.covariance)
    drift = DRIFT**2 * np.diag(errors).mean() * np.kron(np.ones((3, 3)), np.eye(2))
    of_means = np.kron(np.eye(3), errors) + drift
    whole += scipy.linalg.block_diag(np.kron(np.eye(EPOCHS), noise), of_means)
    values = np.append(np.asarray(up).reshape(-1), np.asarray(means.values).reshape(-1))
    rest = values - operator @ np.asarray(load).reshape(-1)
    wanted = np.append(np.tile(rows, EPOCHS), np.ones(6, bool))
    seen = np.isfinite(values) & wanted
    return multivariate_normal(cov=whole[np.ix_(seen, seen)]).logpdf(rest[seen])


def test_the_loss_of_water_is_the_joint_likelihood_of_heights_and_means(rng):
    data = training_data(rng, 0)
    assert data.means is not None
    loss, score = joint_losses.joint_load_losses(likelihood_weight=0.0)
    weights, key = parameters(1), jax.random.key(0)
    losses, scores = (np.asarray(f(weights, data, key)) for f in (loss, score))
    to_cells = np.linalg.lstsq(
        np.concatenate([data.problem.design, data.means.observed.design]),
        np.concatenate([data.moved, data.means.of_places]),
    )[0]
    for number, held in enumerate(HELD):
        load = joint_model.predict_load(member(weights, number), data.features)
        load = np.asarray(load) @ to_cells.T
        up, sigma = np.asarray(data.displacement), np.asarray(data.sigma)
        own, whole = (
            log_density(data, load, up, sigma, rows)
            for rows in (~held, np.ones(STATIONS, bool))
        )
        seen = np.isfinite(up)
        count = seen[:, ~held].sum() + 5
        np.testing.assert_allclose(losses[number], -own / count, rtol=1e-6)
        expected = (own - whole) / seen[:, held].sum()
        np.testing.assert_allclose(scores[number], expected, rtol=1e-5)


def test_means_are_conditioned_on_virtual_stations(rng):
    """Density of heights and means given the virtual rows, as a difference."""
    data, weights = training_data(rng, FILLED), parameters(2)
    one = member(weights, 0)
    filled = fill_with_network(one, data)[0]
    rest = condition_on_virtual_rows(filled, one.inversion)
    nothing = np.zeros(STATIONS, bool)
    found = joint_model.masked_log_evidence(rest, one.inversion, jnp.asarray(nothing))
    up, sigma = np.asarray(filled.displacement), np.asarray(filled.sigma)
    zero = np.zeros((EPOCHS, CELLS))
    both = log_density(data, zero, up, sigma, np.ones(len(sigma), bool))
    virtual = dataclasses.replace(filled, means=None)
    alone = joint_model.masked_log_evidence(
        virtual_pattern(virtual), one.inversion, jnp.arange(len(sigma)) < STATIONS
    )
    np.testing.assert_allclose(found, both - float(alone), rtol=1e-6)


def virtual_pattern(data):
    pattern = inversion.find_pattern(np.asarray(data.displacement))
    return dataclasses.replace(data, pattern=pattern)


@pytest.mark.parametrize("filled", [0, FILLED])
def test_the_loss_with_means_has_the_derivatives_of_differences(filled, rng):
    data, weights = training_data(rng, filled), parameters(2 if filled else 1)
    make = (
        joint_losses.joint_displacement_losses
        if filled
        else joint_losses.joint_load_losses
    )
    loss, key = make()[0], jax.random.key(0)

    @jax.jit
    def along(step):
        """A direction in the readout and in every hyperparameter."""
        readout = weights.network.readout
        shifted = readout.astype(jnp.float64) * (1 + step)
        network = dataclasses.replace(
            weights.network, readout=shifted.astype(readout.dtype)
        )
        inverted = jax.tree.map(lambda x: x + step, weights.inversion)
        moved = joint_model.Parameters(network, inverted)
        return jnp.sum(loss(moved, data, key))

    step = 1e-2
    difference = (
        8 * (along(step) - along(-step)) - (along(2 * step) - along(-2 * step))
    ) / (12 * step)
    np.testing.assert_allclose(jax.grad(along)(0.0), difference, rtol=1e-3)


def test_before_the_inversion_a_network_follows_means_as_it_follows_stations(rng):
    data, weights = training_data(rng, 0), parameters(1)
    assert data.means is not None
    loss, score = joint_losses.pretraining_load_losses()
    key = jax.random.key(0)
    without = dataclasses.replace(data, means=None)
    with_means, alone = (np.asarray(loss(weights, d, key)) for d in (data, without))
    np.testing.assert_allclose(score(weights, data, key), score(weights, without, key))
    for number, held in enumerate(HELD):
        load = np.asarray(
            joint_model.predict_load(member(weights, number), data.features)
        )
        months = load.reshape(3, 3, PLACES).mean(axis=1) @ data.means.of_places.T
        left = np.asarray(data.means.observed.values - months)
        left = left - np.nanmean(left, axis=0)
        errors = np.diag(data.means.observed.covariance)
        variance = np.maximum(np.nanmean(left**2, axis=0), errors)
        density = (left**2 / variance + np.log(2 * np.pi * variance)) / 2
        seen = np.isfinite(np.asarray(data.displacement))[:, ~held].sum()
        expected = (seen * alone[number] + np.nansum(density)) / (seen + 5)
        np.testing.assert_allclose(with_means[number], expected, rtol=1e-5)


def test_too_many_means_are_refused(rng):
    many = observed(rng)
    wide = dataclasses.replace(
        many,
        design=np.ones((700, CELLS)),
        values=np.zeros((3, 700)),
        covariance=np.eye(700),
    )
    with pytest.raises(
        ValueError, match=r"700 means in 3 periods .* larger footprints"
    ):
        make_mean_rows(wide, PRIOR)


def test_a_reading_of_a_well_counts_in_one_period(monkeypatch):
    day = lambda *days: np.array([f"2020-{one}" for one in days], "M8[ns]")
    wells = xr.Dataset(
        {"gwsa": (("time", "well"), [[10.0], [30.0], [50.0]])},
        {
            "time": day("01-05", "01-15", "02-15"),
            "well": ["a"],
            "lon": ("well", [100.5]),
            "lat": ("well", [30.5]),
        },
    )
    # A month of gravimetry of eleven days, and calendar months behind it.
    spans = [day("01-10", "01-21"), day("01-01", "02-01"), day("02-01", "03-01")]
    periods = ObservedPeriods(
        np.arange(3), np.stack(spans), np.zeros(3), np.ones(3, bool)
    )
    monkeypatch.setattr(observed_means, "read_wells_of", lambda *_: wells)
    study = types.SimpleNamespace(gapfill=types.SimpleNamespace(wells_sigma=1.0))
    grid = sphere.regional_grid(shapely.box(100, 30, 102, 32), 1.0, 0.5)
    given: Any = (study, xr.Dataset(), grid, periods)
    means = observed_means._of_wells(*given)
    np.testing.assert_allclose(means.values[:, 0], [0, -20, 20])


def test_checkpoints_tell_how_gravimetry_was_weighed(tmp_path, monkeypatch, rng):
    class Stopped(Exception):
        pass

    def stop(*_, checkpoints, **__):
        raise Stopped(checkpoints("alone").model)

    def model(files="a.nc", **settings):
        grace = config.Gravimetry(files, **settings)
        study = config.Study(
            gnss=config.Gnss(files="x"),
            region=config.Region(boundary="x"),
            inversion=config.Inversion(grace=grace),
            weather=config.Weather(temperature="t.nc"),
            gapfill=config.Gapfill(method="joint-load"),
        )
        initial = joint_model.InitialHyperparameters(1.0, 1.0, 1.0)
        given = (study, data, initial, jax.random.split(jax.random.key(0), 2))
        with pytest.raises(Stopped) as stopped:
            training.train_study_members(*given, tmp_path, print)
        return str(stopped.value)

    data = training_data(rng, 0)
    monkeypatch.setattr(schedule, "train_ensemble", stop)
    assert model() == model("moved.nc")
    different = {"persistence": "none"}, {"sigma_mm": 20.0}, {"trend": True}
    assert len({model(), *(model(**one) for one in different)}) == 4
