"""Displacement by fields of mass: harmonics, convolution, and the two joined."""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from jaxload import io
from jaxload.constants import GRAVITATIONAL_CONSTANT, WATER_DENSITY
from jaxload.earth.grace.destriping import destripe
from jaxload.earth.grace.low_degrees import stokes_of
from jaxload.earth.grace.stokes import water_from_stokes
from jaxload.earth.loading.convolution import Convolution
from jaxload.earth.loading.forward import (
    Harmonic,
    displacement,
    harmonic_displacement,
    remove_restore,
)
from jaxload.earth.loading.mass_field import from_water, masked
from jaxload.earth.love.from_model import load_love_numbers
from jaxload.sphere.harmonics.coefficients import Harmonics
from jaxload.sphere.harmonics.gaussian import smooth
from jaxload.sphere.harmonics.transform import synthesise


class Places(NamedTuple):
    lon: np.ndarray
    lat: np.ndarray


def globe(spacing):
    """Centres of the cells of a globe, lat and lon."""
    half = spacing / 2
    return np.arange(-90 + half, 90, spacing), np.arange(-180 + half, 180, spacing)


@pytest.fixture(scope="module")
def love():
    return load_love_numbers("prem", "CF")


@pytest.fixture
def stations(rng):
    return Places(rng.uniform(-180, 180, 9), rng.uniform(-80, 80, 9))


def water_scale(love):
    return (
        4 * np.pi * GRAVITATIONAL_CONSTANT * WATER_DENSITY * love.radius / love.gravity
    )


@pytest.mark.slow
def test_a_uniform_layer_moves_the_ground_by_its_own_love_number(love, stations):
    field = from_water(np.full((1, *map(len, globe(6.0))), 3.0), *globe(6.0))
    up = displacement(field, stations, love)[:, 0]
    np.testing.assert_allclose(up, 3 * water_scale(love) * love.h[0], rtol=1e-11)


@pytest.mark.slow
def test_a_zonal_harmonic_moves_the_ground_in_closed_form(love, stations):
    lat, lon = globe(6.0)
    # Of degree 2: (3 sin^2(lat) - 1) / 2, whose slope northward is 3 sin cos.
    height = np.broadcast_to(
        (3 * np.sin(np.deg2rad(lat)) ** 2 - 1) / 2, (len(lon), len(lat))
    ).T
    moved = displacement(
        from_water(height[None], lat, lon),
        stations,
        love,
        None,
        ("east", "north", "up"),
    )
    phi, scale = np.deg2rad(stations.lat), water_scale(love) / 5
    up = scale * love.h[2] * (3 * np.sin(phi) ** 2 - 1) / 2
    north = scale * love.l[2] * 3 * np.sin(phi) * np.cos(phi)
    np.testing.assert_allclose(moved[0, 2], up, rtol=1e-11)
    np.testing.assert_allclose(moved[0, 1], north, rtol=1e-10, atol=1e-15)
    np.testing.assert_allclose(moved[0, 0], 0, atol=1e-15)


@pytest.mark.slow
def test_harmonics_and_green_functions_agree_on_a_smooth_field(love, rng, stations):
    last, (lat, lon) = 6, globe(2.0)
    load = Harmonics(
        *(jnp.asarray(rng.normal(size=(2, last + 1, last + 1))) for _ in range(2))
    )
    field = from_water(synthesise(load, lat, lon), lat, lon)
    components = ("up", "north", "east")
    by_waves = displacement(field, stations, love, Harmonic(last), components)
    by_cells = displacement(field, stations, love, Convolution(), components)
    # Cells of 2 degrees blur degree 6 by a few parts in a thousand.
    size = np.abs(by_waves).max(axis=(0, 2), keepdims=True)
    assert np.abs((by_cells - by_waves) / size).max() < 1e-2
    np.testing.assert_allclose(
        by_waves, harmonic_displacement(load, stations, love, components), rtol=1e-9
    )


class World(NamedTuple):
    """A field known on fine cells, as a coarse global and a fine regional product."""

    fine: object
    coarse: object
    region: object
    stations: Places


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(7)
    (lat, lon), last = globe(0.5), 20
    waves = [rng.normal(size=(2, last + 1, last + 1)) * 15 for _ in range(2)]
    fine = np.array(synthesise(Harmonics(*map(jnp.asarray, waves)), lat, lon))
    # Valleys and lakes, on top of the long waves, all over a continent and no further.
    for _ in range(300):
        middle, size = rng.uniform((-40, 20), (0, 60)), rng.uniform(0.6, 2.0)
        east = (lon - middle[0]) * np.cos(np.deg2rad(middle[1]))
        square = east[None, :] ** 2 + (lat - middle[1])[:, None] ** 2
        swing = rng.normal(0, 150, (2, 1, 1))
        fine += swing * np.exp(-square / (2 * size**2))
    cells = fine.reshape(2, 90, 4, 180, 4)
    weight = np.cos(np.deg2rad(lat)).reshape(1, 90, 4, 1, 1)
    coarse = (cells * weight).sum(axis=(2, 4)) / (4 * weight.sum(axis=(2, 4)))
    north, east = (lat > 26) & (lat < 54), (lon > -34) & (lon < -6)
    stations = Places(rng.uniform(-28, -12, 25), rng.uniform(33, 47, 25))
    return World(
        from_water(fine, lat, lon),
        from_water(coarse, *globe(2.0)),
        from_water(fine[:, north][:, :, east], lat[north], lon[east]),
        stations,
    )


def worst(estimate, truth):
    """Rms error over the rms of the truth, the worst of the components."""
    error = np.sqrt(np.mean((estimate - truth) ** 2, axis=(0, 2)))
    return float((error / np.sqrt(np.mean(truth**2, axis=(0, 2)))).max())


@pytest.mark.slow
def test_remove_and_restore_is_right_to_a_percent_and_neither_part_alone_is(world):
    components = ("up", "north", "east")
    by_cells = (None, Convolution(), components)
    truth = np.asarray(displacement(world.fine, world.stations, *by_cells))
    joined = remove_restore(
        world.coarse, world.region, world.stations, components=components
    )
    waves = displacement(world.coarse, world.stations, components=components)
    region = displacement(world.region, world.stations, *by_cells)
    assert worst(joined, truth) < 0.01
    assert worst(waves, truth) > 5 * worst(joined, truth)
    assert worst(region, truth) > 5 * worst(joined, truth)


@pytest.mark.slow
def test_where_the_region_is_not_known_the_globe_stands(world):
    nothing = np.full(world.region.load.shape, np.nan)
    unknown = from_water(nothing, world.region.lat, world.region.lon)
    np.testing.assert_allclose(
        remove_restore(world.coarse, unknown, world.stations),
        displacement(world.coarse, world.stations),
        rtol=1e-12,
    )


@pytest.mark.slow
def test_land_and_sea_apart_add_up(world, rng):
    land = rng.uniform(0, 1, (90, 180))
    parts = [masked(world.coarse, share) for share in (land, 1 - land)]
    both = [displacement(part, world.stations) for part in parts]
    whole = displacement(world.coarse, world.stations)
    np.testing.assert_allclose(sum(both), whole, rtol=1e-9, atol=1e-9)


def test_epochs_must_be_the_same(world):
    later = from_water(world.region.load[:1], world.region.lat, world.region.lon)
    with pytest.raises(ValueError, match="interpolate one of them in time"):
        remove_restore(world.coarse, later, world.stations)


def test_love_numbers_that_end_too_early_are_refused(world):
    short = load_love_numbers("prem", "CF", 30)
    with pytest.raises(ValueError, match="end at degree 30"):
        displacement(world.coarse, world.stations, short)


def test_a_field_with_uneven_rows_is_refused(world):
    lat = world.coarse.lat.copy()
    lat[40] += 0.3
    with pytest.raises(ValueError, match="lat"):
        displacement(
            from_water(world.coarse.load, lat, world.coarse.lon),
            Places(*np.zeros((2, 1))),
        )


@pytest.mark.slow
@pytest.mark.thorough
def test_displacement_differentiates_in_the_field(love, rng, stations):
    lat, lon = globe(15.0)

    @jax.jit
    def moved(height):
        field = from_water(height, lat, lon)
        return displacement(field, stations, love, None, ("up", "east"))

    height = jnp.asarray(rng.normal(size=(1, len(lat), len(lon))))
    check_grads(moved, (height,), order=1, rtol=1e-6)


def means_over(bounds, days, values, share):
    """Means over spans of time in which enough days hold a number."""
    inside = (days >= bounds[:, :1]) & (days < bounds[:, 1:])
    seen = np.isfinite(values)
    count = inside.astype(float) @ seen
    total = inside.astype(float) @ np.where(seen, values, 0)
    span = (bounds[:, 1:] - bounds[:, :1]) / np.timedelta64(1, "D")
    return np.where(count >= share * span, total / np.maximum(count, 1), np.nan)


def detrended(time, values):
    return values - np.polyval(np.polyfit(time, values, 1), time)


def test_atmospheric_loading_agrees_with_that_of_the_esmgfz(data, love):
    """Of P571, from monthly Stokes coefficients of the atmosphere."""
    path = data / "loading" / "aod1b_rl06_jpl_gaa_gab_monthly_stokes_lmax60.nc"
    air = io.read_stokes(path, "gaa_", gm=3.986004415e14, radius=6378136.3)
    water = water_from_stokes(stokes_of(air), love)
    station = Places(np.array([-118.7667]), np.array([36.2314]))
    ours = np.asarray(harmonic_displacement(water, station, love))[:, 0, 0]
    table = np.genfromtxt(
        data / "loading" / "stations" / "NTAL21.P571.txt",
        delimiter=",", names=True, dtype=None, encoding="ascii",
    )  # fmt: skip
    days = table["Date"].astype("datetime64[ns]")
    theirs = means_over(
        air.time_bnds.values, days, 1e3 * table["vertical"][:, None], share=1
    )[:, 0]
    both = np.isfinite(theirs)
    assert both.sum() >= 35
    assert np.corrcoef(ours[both], theirs[both])[0, 1] > 0.99
    assert abs(ours[both].std() / theirs[both].std() - 1) < 0.05


@pytest.mark.slow
def test_the_mass_that_grace_sees_moves_gnss_stations(data, love):
    """Of the western United States; months of which four days in five were observed."""
    path = data / "grace" / "jpl_rl06_gsm_stokes_anomaly_lmax60.nc"
    grace = io.read_stokes(path, gm=3.986004415e14)
    stokes = stokes_of(grace)
    clean = dataclasses.replace(stokes, harmonics=destripe(stokes.harmonics))
    water = smooth(water_from_stokes(clean, love), 200e3, clean.radius)
    west = data / "western_us"
    gnss = io.read_gnss(str(west / "gnss" / "*.up"), sites=str(west / "sites.txt"))
    seen = means_over(grace.time_bnds.values, gnss.time.values, gnss.up.values, 0.8)
    expected = np.asarray(harmonic_displacement(water, gnss, love))[:, 0]
    time = grace.time.values.astype("datetime64[D]").astype(float)
    scores = []
    for station in range(seen.shape[1]):
        both = np.isfinite(seen[:, station])
        pair = (detrended(time[both], x[both, station]) for x in (seen, expected))
        scores.append(np.corrcoef(*pair)[0, 1])
    assert len(scores) == 332
    assert np.median(scores) > 0.74
