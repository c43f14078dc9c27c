"""Ground of their own beneath stations, against closed forms and differences."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import shapely
import xarray as xr

from jaxload import config, earth, inversion, sphere
from jaxload.constants import EARTH_RADIUS, WATER_DENSITY
from jaxload.pipeline.inputs.local_earth import (
    describe_local_earths,
    local_love_numbers,
    which_local_earth,
)
from jaxload.pipeline.inputs.observations import make_design

STATIONS = 6
SOFT = {
    "thickness_km": (2.0,),
    "vp_km_s": (2.2,),
    "vs_km_s": (0.9,),
    "density_kg_m3": (2100.0,),
}


def test_layers_like_those_of_the_earth_change_nothing():
    """The crust of PREM without ocean: moduli of 2600 kg/m3, density 2283.40."""
    speed = np.sqrt(2600 / 2283.40)
    same = earth.with_top_layers(
        earth.prem(), [5e3, 7e3], [5800 * speed] * 2, [3200 * speed] * 2, [2283.40] * 2
    )
    got, want = (earth.love_numbers(m, 100) for m in (same, earth.prem()))
    for name in "hlk":
        values, wanted = (np.asarray(getattr(x, name)) for x in (got, want))
        np.testing.assert_allclose(values, wanted, rtol=1e-6, atol=1e-9)
    assert len(same.radius) == len(earth.prem().radius) + 2


def test_loads_much_wider_than_soft_ground_press_it_together():
    """By their weight, thickness and the difference of the P-wave compliance."""
    thickness, vp, vs, density = 2e3, 2200.0, 900.0, 2100.0
    model = earth.prem()
    soft = earth.with_top_layers(model, thickness, vp, vs, density)
    degree = 60
    love = [earth.love_numbers(m, degree) for m in (soft, model)]
    gravity = float(love[1].gravity)
    compliance = 1 / (density * vp**2) - 1 / (2600 * 5800.0**2)
    pressed = WATER_DENSITY * gravity * thickness * compliance
    mean = 3 * gravity / (4 * np.pi * 6.6743e-11 * EARTH_RADIUS)
    unit = 3 * WATER_DENSITY / (mean * (2 * degree + 1))
    change = unit * float(love[0].h[degree] - love[1].h[degree])
    assert -change == pytest.approx(pressed, rel=0.05)


def test_loads_much_narrower_than_soft_ground_see_a_half_space_of_it():
    soft = earth.with_top_layers(earth.prem(), [30e3], [3000.0], [1200.0], [2300.0])
    high = 2500
    h = earth.load_response(soft, np.array([high]))[0]
    limit = earth.asymptotes(soft)
    want = limit.h[0] + limit.h[1] / high
    assert float(h[0]) == pytest.approx(float(want), rel=2e-3)


REFUSED_LAYERS = {
    "of two lengths": (([1e3, 1e3], [2e3], [1e3], [2e3]), "expected one thickness"),
    "of no thickness": (([0.0], [2e3], [1e3], [2e3]), "not positive"),
    "that are no solid": (([1e3], [1e3], [1e3], [2e3]), "no such solid"),
    "down to the core": (([3e6], [2e3], [1e3], [2e3]), "below the solid outer part"),
}


@pytest.mark.parametrize("case", REFUSED_LAYERS)
def test_layers_that_are_no_ground_are_refused(case):
    layers, message = REFUSED_LAYERS[case]
    with pytest.raises(ValueError, match=message):
        earth.with_top_layers(earth.prem(), *layers)


def test_an_earth_with_an_ocean_takes_no_layers():
    with pytest.raises(ValueError, match="has an ocean on top"):
        earth.with_top_layers(earth.prem(ocean=True), [1e3], [2e3], [1e3], [2e3])


class Places:
    lon = np.random.default_rng(0).uniform(0, 12, 8)
    lat = np.random.default_rng(1).uniform(40, 48, 8)


@pytest.mark.slow
def test_the_evidence_has_a_gradient_by_the_layers_of_the_ground():
    soft = earth.with_top_layers(earth.prem(), [20e3], [3000.0], [1200.0], [2300.0])
    grid = sphere.regional_grid(shapely.box(0, 40, 12, 48), 3.0)
    up = 5 * np.random.default_rng(0).normal(size=(6, 8))
    data = inversion.observations(up, np.ones(8))

    def evidence(log_shear):
        factors = jnp.ones(len(soft.radius) - 1).at[-1].set(jnp.exp(log_shear))
        model = earth.scale_layers(soft, shear_modulus=factors)
        kernel = earth.disc_kernel(earth.love_numbers(model, 60), radius=1.5)
        design = earth.design_matrix(kernel, Places, grid)
        problem = inversion.smooth_problem(design, grid.laplacian)
        return inversion.log_evidence(inversion.factorise(problem, data, 0.02))

    slope, step = jax.grad(evidence)(0.1), 1e-4
    difference = (evidence(0.1 + step) - evidence(0.1 - step)) / (2 * step)
    assert abs(slope) > 1
    assert float(slope) == pytest.approx(float(difference), rel=1e-6)


def study_with(folder=".", *local, **settings):
    return config.Study(
        gnss=config.Gnss(files="x"),
        region=config.Region(boundary="x"),
        earth=config.Earth(max_degree=200, local=local, **settings),
        folder=str(folder),
    )


@pytest.fixture(scope="module")
def gnss():
    coords = {
        "station": [f"S{n}" for n in range(STATIONS)],
        "lon": ("station", np.array([1.0, 2.0, 3.0, 9.0, 10.0, 11.0])),
        "lat": ("station", np.array([41.0, 44.0, 47.0, 41.0, 44.0, 47.0])),
    }
    return xr.Dataset(coords=coords)


@pytest.fixture(scope="module")
def grid():
    return sphere.regional_grid(shapely.box(0, 40, 12, 48), 1.0)


def test_only_rows_of_stations_on_local_ground_are_those_of_it(tmp_path, gnss, grid):
    (tmp_path / "valley.wkt").write_text(shapely.to_wkt(shapely.box(8, 40, 12, 45)))
    named = config.LocalEarth(**SOFT, stations=("S1",))
    other = dataclasses.replace(
        named, thickness_km=(5.0,), stations=(), region="valley.wkt"
    )
    study = study_with(tmp_path, named, other)
    np.testing.assert_array_equal(which_local_earth(study, gnss), [-1, 0, -1, 1, 1, -1])
    assert describe_local_earths(study, gnss) == [1, 2]
    design = np.asarray(make_design(study, gnss, grid, ("up", "east")))
    rock = np.asarray(make_design(study_with(), gnss, grid, ("up", "east")))
    assert design.shape == (2 * STATIONS, len(grid.lon))
    for local, stations in ((named, [1]), (other, [3, 4])):
        love = local_love_numbers(study, local)
        kernel = earth.disc_kernel(love, radius=grid.cell_radius)
        want = earth.design_matrix(
            kernel, gnss.isel(station=stations), grid, ("up", "east")
        )
        rows = [*stations, *(STATIONS + n for n in stations)]
        np.testing.assert_allclose(design[rows], want, rtol=1e-9)
        near = np.abs(rock[stations]).argmax(axis=1)
        assert (design[stations, near] < 1.05 * rock[stations, near]).all()
    rows = [0, 2, 5, 6, 8, 11]
    np.testing.assert_array_equal(design[rows], rock[rows])


def test_a_station_has_one_ground(gnss):
    local = config.LocalEarth(**SOFT, stations=("S1", "S2"))
    with pytest.raises(ValueError, match=r"S1 belongs to earth.local\[0\] and earth.l"):
        which_local_earth(study_with(".", local, local), gnss)


def test_names_that_are_no_stations_are_warned_of(gnss, caplog):
    local = config.LocalEarth(**SOFT, stations=("S1", "P9"))
    assert describe_local_earths(study_with(".", local), gnss) == [1]
    assert "earth.local[0] names P9, which are no stations" in caplog.text


TEXT = """
[gnss]
files = "x"
[region]
boundary = "y"
[[earth.local]]
thickness_km = [0.5, 2.0]
vp_km_s = [1.8, 2.2]
vs_km_s = [0.6, 0.9]
density_kg_m3 = [1900, 2100]
stations = ["P1"]
"""

REFUSED = {
    "a layer without a velocity": (("[1.8, 2.2]", "[1.8]"), "vp_km_s 1, .* per layer"),
    "no layer": (("[0.5, 2.0]", "[]"), "thickness_km 0"),
    "a thickness of nothing": (("[0.5, 2.0]", "[0.5, 0.0]"), "is 0, expected positive"),
    "a velocity in m/s": (("[1.8, 2.2]", "[1800, 2200]"), "check the units"),
    "a density in g/cm3": (("[1900, 2100]", "[1.9, 2.1]"), "check the units"),
    "a thickness in m": (("[0.5, 2.0]", "[500, 2000]"), "is it in metres"),
    "velocities swapped": (("[0.6, 0.9]", "[2.6, 2.9]"), "are they swapped"),
    "nobody": (('stations = ["P1"]', ""), "name stations, or a region"),
    "a table of Love numbers": (
        ("[[earth.local]]", '[earth]\nlove = "t"\n[[earth.local]]'),
        "earth.love is t; leave one",
    ),
    "Slepian functions": (
        ("[[earth", '[inversion]\nunknowns = "slepian"\nprior = "none"\n[[earth'),
        "cannot be combined with earth.local",
    ),
    "stations that move": (
        ("[[earth", "[network]\nrefine = true\n[[earth"),
        "leave network.refine out",
    ),
}


def test_layers_of_a_study_file_are_read_and_written(tmp_path):
    (tmp_path / "a.toml").write_text(TEXT)
    study = config.read_study(tmp_path / "a.toml")
    assert study.earth.local[0].thickness_km == (0.5, 2.0)
    (tmp_path / "b.toml").write_text(config.to_toml(study))
    assert config.read_study(tmp_path / "b.toml").earth == study.earth


@pytest.mark.parametrize("case", REFUSED)
def test_local_ground_that_is_none_is_refused(tmp_path, case):
    (old, new), message = REFUSED[case]
    assert old in TEXT
    (tmp_path / "a.toml").write_text(TEXT.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        config.read_study(tmp_path / "a.toml")
