"""The convolution is the design matrix times the field, which is never made."""

import dataclasses
import subprocess
import sys
import textwrap
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxload._platform import form
from jaxload.earth.kernels.disc import disc_kernel
from jaxload.earth.kernels.table import interpolate_smooth, interpolate_table
from jaxload.earth.loading.convolution import Convolution, convolve
from jaxload.earth.loading.design import design_matrix
from jaxload.earth.love.from_model import LoveNumbers
from jaxload.sphere.geometry import cell_area, disc_radius

ALL = ("up", "north", "east")


class Places(NamedTuple):
    lon: np.ndarray
    lat: np.ndarray


def love_numbers(last):
    n = np.arange(last + 1.0)
    h, l, k = -6.2 + 5.3 / (1 + n / 40), 1.9 / (5 + n), -2.6 / (5 + n)
    leaves = map(jnp.asarray, (h, l, k, 6_371_000.0, 9.82))
    return LoveNumbers(*leaves, frame="CE", source="test")


def globe(step):
    lat = -90 + step / 2 + step * np.arange(round(180 / step))
    return lat, step * np.arange(round(360 / step))


def scattered(rng, count):
    lat = np.rad2deg(np.arcsin(rng.uniform(-0.99, 0.99, count)))
    return Places(rng.uniform(-180, 180, count), lat)


def by_matrix(love, load, axes, stations, components=ALL):
    """Every cell a disc of a design matrix, shape (epoch, component, station)."""
    lat, lon = axes
    half = abs(lat[1] - lat[0]) / 2
    edges = np.clip(lat - half, -90, 90), np.clip(lat + half, -90, 90)
    radius = np.asarray(disc_radius(cell_area(*edges, abs(lon[1] - lon[0]))))
    kernel = disc_kernel(love, np.repeat(radius, len(lon)))
    cells = Places(*(axis.ravel() for axis in np.meshgrid(lon, lat)))
    design = design_matrix(kernel, stations, cells, components)
    moved = load.reshape(len(load), -1) @ np.asarray(design).T
    return moved.reshape(len(load), len(components), -1)


def largest(error, truth):
    """Largest error per component, over the largest displacement of that component."""
    return (np.abs(error).max(axis=(0, 2)) / np.abs(truth).max(axis=(0, 2))).max()


#: Near cells as the design matrix has them.
DISCS = Convolution(cells="disc")

#: The ringing of far cells, which the matrix has and the convolution has not.
RINGING = 1e-5


@pytest.mark.slow
def test_a_field_on_the_globe_is_its_design_matrix_times_the_field(rng):
    love, axes, stations = love_numbers(9000), globe(5.0), scattered(rng, 9)
    load = rng.normal(size=(2, 36, 72))
    found = convolve(love, load, axes, stations, ALL, DISCS)
    expected = by_matrix(love, load, axes, stations)
    assert found.shape == (2, 3, 9)
    assert largest(found - expected, expected) < RINGING
    turned = convolve(love, load, axes, stations, ["east", "up"], DISCS)
    np.testing.assert_allclose(
        turned, found[:, np.array([2, 0])], rtol=1e-9, atol=1e-15
    )


@pytest.mark.slow
def test_without_the_ringing_of_far_cells_it_is_so_to_a_millionth(rng, monkeypatch):
    love, axes, stations = love_numbers(9000), globe(5.0), scattered(rng, 9)
    load = rng.normal(size=(2, 36, 72))
    near = 2 * np.sin(np.deg2rad(16 * 2.8) / 2)

    def read(table, chord, disc):
        pairs = zip(
            interpolate_table(table, chord, disc),
            interpolate_smooth(table, chord, disc),
        )
        return [jnp.where(chord < near, total, smooth) for total, smooth in pairs]

    found = convolve(love, load, axes, stations, ALL, DISCS)
    monkeypatch.setattr("jaxload.earth.loading.design.interpolate_table", read)
    jax.clear_caches()
    expected = by_matrix(love, load, axes, stations)
    jax.clear_caches()
    assert largest(found - expected, expected) < 1e-6


@pytest.mark.slow
def test_a_region_may_lie_across_the_dateline_its_axes_in_any_direction(rng):
    love, stations = (
        love_numbers(9000),
        Places(np.array([-179.0, 150]), np.array([7, 60.0])),
    )
    lat, lon = np.linspace(20, -10, 13), np.linspace(170, 205, 15)
    load = rng.normal(size=(1, 13, 15))
    found = convolve(love, load, (lat, lon), stations, ALL, DISCS)
    expected = by_matrix(love, load, (lat, lon), stations)
    assert largest(found - expected, expected) < RINGING
    turned = convolve(love, load[:, ::-1], (lat[::-1], lon - 360), stations, ALL, DISCS)
    np.testing.assert_allclose(turned, found, rtol=1e-9, atol=1e-15)


@pytest.mark.slow
def test_rows_on_the_poles_end_there(rng):
    love, stations = (
        love_numbers(9000),
        Places(np.array([3.0, 3]), np.array([86.0, 90])),
    )
    lat, lon = np.linspace(90, -90, 31), 6.0 * np.arange(60)
    load = 1 + rng.normal(size=(1, 31, 60))
    found = convolve(love, load, (lat, lon), stations, ALL, DISCS)
    expected = by_matrix(love, load, (lat, lon), stations)
    assert largest(found - expected, expected) < RINGING


@pytest.mark.slow
@pytest.mark.parametrize(
    "cells", ["disc", pytest.param("rectangle", marks=pytest.mark.thorough)]
)
def test_an_accelerator_convolves_as_a_cpu_does(rng, cells):
    love, axes, stations = love_numbers(1000), globe(10.0), scattered(rng, 7)
    load, settings = jnp.asarray(rng.normal(size=(2, 18, 36))), Convolution(cells=cells)
    moved = lambda load: convolve(love, load, axes, stations, ALL, settings)
    run = lambda: (moved(load), jax.grad(lambda load: jnp.sum(moved(load) ** 2))(load))
    want = run()
    with form("accelerator"):
        got = run()
    for one, other in zip(got, want):
        scale = float(abs(other).max())
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11 * scale)


@pytest.mark.slow
def test_stations_are_served_in_blocks(rng, monkeypatch):
    love, axes, stations = love_numbers(4000), globe(10.0), scattered(rng, 7)
    load = rng.normal(size=(2, 18, 36))
    whole = convolve(love, load, axes, stations)
    monkeypatch.setattr("jaxload.earth.loading.convolution.PAIRS", 3 * 36)
    jax.clear_caches()
    np.testing.assert_allclose(
        convolve(love, load, axes, stations), whole, rtol=1e-12, atol=1e-18
    )


@pytest.mark.slow
def test_water_spread_evenly_over_the_globe_moves_nothing_sideways(rng):
    love, axes, stations = love_numbers(9000), globe(2.0), scattered(rng, 12)
    settings = Convolution(cells="rectangle")
    moved = convolve(love, np.ones((1, 90, 180)), axes, stations, ALL, settings)
    up, north, east = np.asarray(moved)[0]
    # Degree 0 is all there is. A single cell moves a station by 6e-3 or so.
    only = 4 * np.pi * 6.6743e-11 * 1000 * 6_371_000 / 9.82 * float(love.h[0])
    np.testing.assert_allclose(up, only, rtol=2e-4)
    assert max(np.abs(north).max(), np.abs(east).max()) < 2e-4 * abs(only)


@pytest.mark.slow
@pytest.mark.thorough
def test_the_convolution_is_linear_in_load_and_love_numbers_both_ways(rng):
    love, axes, stations = love_numbers(1000), globe(15.0), scattered(rng, 3)
    few = Convolution(cells="disc", near=4.0)

    def moved(load, h, l):
        changed = dataclasses.replace(love, h=h, l=l)
        return convolve(changed, load, axes, stations, ("up", "east"), few)

    load = jnp.asarray(rng.normal(size=(2, 12, 24)))
    arguments = (load, love.h, love.l)
    np.testing.assert_allclose(
        jax.jit(moved)(*arguments), moved(*arguments), rtol=1e-9, atol=1e-15
    )
    check_grads(jax.jit(moved), arguments, order=1, modes=("fwd", "rev"), eps=1e-2)


@pytest.mark.slow
def test_single_precision_fields_are_summed_in_double(rng):
    love, axes, stations = love_numbers(4000), globe(10.0), scattered(rng, 4)
    load = rng.normal(size=(1, 18, 36)).astype(np.float32)
    found = convolve(love, load, axes, stations)
    assert found.dtype == np.float64
    expected = convolve(love, load.astype(np.float64), axes, stations)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


LAT, LON = globe(30.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"load": np.full((1, 6, 12), np.nan)},
            "load holds 72 NaN, the first at epoch 0",
        ),
        ({"load": np.zeros((1, 12, 6))}, "lat has 6 along 'lat', but load has 12"),
        ({"lat": np.array([-75, -45, -15, 16, 45, 75.0])}, "lat goes from -15 to 16"),
        ({"lat": np.array([-75, np.nan, -15, 15, 45, 75.0])}, "expected equal steps"),
        ({"lat": 30.0 * np.arange(6)}, "lat runs from 0 to 150"),
        ({"lon": np.linspace(0, 360, 12)}, "lon runs from 0 to 360"),
        ({"lon": np.zeros(12)}, "expected equal steps"),
        ({"stations": Places(np.array([np.inf]), np.zeros(1))}, "stations has lon inf"),
        ({"components": "up"}, "components is the string 'up'"),
        ({"settings": Convolution(max_degree=30)}, "does not resolve cells as large"),
    ],
)
def test_bad_input_is_one_sentence(changes, message):
    given = {
        "load": np.zeros((1, 6, 12)),
        "lat": LAT,
        "lon": LON,
        "stations": Places(np.zeros(1), np.zeros(1)),
        "components": ("up",),
        "settings": None,
    } | changes
    axes = given.pop("lat"), given.pop("lon")
    with pytest.raises(ValueError, match=message):
        convolve(love_numbers(200), axes=axes, **given)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"near": 1.0}, "near is 1.0"), ({"cells": "square"}, "cells is 'square'")],
)
def test_settings_that_cannot_be_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        Convolution(**settings)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_design_matrix():
    # Its design matrix would take 1.2 GB.
    script = """
        import resource
        import jax, numpy as np
        jax.config.update("jax_enable_x64", True)
        from tests.test_convolution import convolve, globe, love_numbers, scattered
        rng = np.random.default_rng(1)
        axes, love = globe(1.0), love_numbers(2000)
        few, many = scattered(rng, 3), scattered(rng, 2400)
        load = np.ones((1, 180, 360))
        jax.block_until_ready(convolve(love, load, axes, few))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        jax.block_until_ready(convolve(love, load, axes, many))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    assert int(done.stdout) * 1024 < 0.4e9
