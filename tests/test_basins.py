import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import shapely
from jax.test_util import check_grads

from jaxload.constants import DEGREE, EARTH_RADIUS
from jaxload.sphere.basins import area_mean, basin_weights
from jaxload.sphere.grid import raster_grid, regional_grid

GRID = raster_grid(np.arange(0.5, 8), np.arange(40.5, 46))


def solid_angle(west, south, east, north):
    height = np.sin(north * DEGREE) - np.sin(south * DEGREE)
    return (east - west) * DEGREE * height


def test_a_box_is_shared_out_in_closed_form():
    west, south, east, north = 1.3, 41.25, 4.85, 44.5
    weights = basin_weights(GRID, {"box": shapely.box(west, south, east, north)})
    expected = [
        solid_angle(
            max(west, x - 0.5),
            max(south, y - 0.5),
            min(east, x + 0.5),
            min(north, y + 0.5),
        )
        if abs(x - (west + east) / 2) < (east - west + 1) / 2
        and abs(y - (south + north) / 2) < (north - south + 1) / 2
        else 0
        for x, y in zip(GRID.lon, GRID.lat)
    ]
    total = solid_angle(west, south, east, north)
    np.testing.assert_allclose(
        weights.weights[0], np.array(expected) / total, atol=1e-12
    )
    np.testing.assert_allclose(weights.covered, 1, rtol=1e-12)


def test_a_triangle_and_its_complement_make_the_box():
    box = shapely.box(1, 41, 7, 45)
    triangle = shapely.Polygon([(1, 41), (7, 41.3), (2.5, 45)])
    both = basin_weights(GRID, {"in": triangle, "out": box - triangle, "box": box})
    inside, outside, whole = both.weights
    share = inside @ GRID.lat, outside @ GRID.lat, whole @ GRID.lat
    part = (share[2] - share[1]) / (share[0] - share[1])
    np.testing.assert_allclose(part * inside + (1 - part) * outside, whole, atol=1e-12)
    # Monte Carlo on the sphere.
    rng = np.random.default_rng(1)
    lon = rng.uniform(1, 7, 400_000)
    lat = (
        np.arcsin(rng.uniform(*np.sin(np.array([41, 45]) * DEGREE), len(lon))) / DEGREE
    )
    assert part == pytest.approx(
        shapely.contains_xy(triangle, lon, lat).mean(), abs=3e-3
    )


def test_a_hole_has_no_weight():
    ring = shapely.box(1, 41, 7, 45) - shapely.box(3, 42, 5, 44)
    weight = basin_weights(GRID, {"ring": ring}).weights[0]
    hole = (np.abs(GRID.lon - 4) < 1) & (np.abs(GRID.lat - 43) < 1)
    assert hole.sum() == 4
    np.testing.assert_array_equal(weight[hole], 0)
    assert weight.sum() == pytest.approx(1)


def test_what_the_grid_does_not_cover_is_told():
    weights = basin_weights(GRID, {"half": shapely.box(6, 42, 10, 43)})
    np.testing.assert_allclose(weights.covered, 0.5, rtol=1e-9)
    assert weights.weights.sum() == pytest.approx(1)
    assert weights.names == ("half",)


def test_the_turn_of_longitude_does_not_matter():
    here = basin_weights(GRID, {"b": shapely.box(1.2, 41, 3, 42)})
    for turn in (-360, 360):
        there = basin_weights(GRID, {"b": shapely.box(1.2 + turn, 41, 3 + turn, 42)})
        np.testing.assert_allclose(there.weights, here.weights, atol=1e-12)
    fiji = regional_grid(shapely.box(176, -20, 184, -15), spacing=0.5)
    split = shapely.MultiPolygon(
        [shapely.box(178, -19, 180, -16), shapely.box(-180, -19, -178, -16)]
    )
    weights = basin_weights(fiji, {"Fiji": split})
    np.testing.assert_allclose(weights.covered, 1, rtol=1e-9)
    assert weights.weights[0] @ fiji.lon == pytest.approx(180)


def test_a_basin_off_the_grid_is_named():
    regions = {"near": shapely.box(1, 41, 2, 42), "FAR RIVER": shapely.box(1, 1, 2, 2)}
    with pytest.raises(
        ValueError, match="basin FAR RIVER does not touch the grid, which"
    ):
        basin_weights(GRID, regions)
    with pytest.raises(ValueError, match="regions are empty"):
        basin_weights(GRID, {})


def test_the_mean_of_a_constant_is_the_constant(rng):
    weights = basin_weights(GRID, {"b": shapely.box(1.2, 41, 5, 44.1)}).weights
    np.testing.assert_allclose(area_mean(weights, jnp.full(len(GRID.lon), 7.0)), [7.0])
    values = rng.normal(size=(2, 3, len(GRID.lon)))
    expected = np.average(values, axis=-1, weights=weights[0])
    np.testing.assert_allclose(area_mean(weights, values)[..., 0], expected, rtol=1e-12)


def test_missing_cells_are_left_out(rng):
    weights = basin_weights(
        GRID, {"a": shapely.box(0, 40, 4, 44), "b": shapely.box(4, 40, 8, 44)}
    ).weights
    values = rng.normal(size=(3, len(GRID.lon)))
    values[1, ::2] = np.nan
    values[2, GRID.lon < 4] = np.nan
    mean = area_mean(weights, values)
    left = weights[:, 1::2]
    np.testing.assert_allclose(
        mean[1], left @ values[1, 1::2] / left.sum(axis=1), rtol=1e-12
    )
    assert np.isnan(mean[2]).tolist() == [True, False]
    np.testing.assert_allclose(mean[2, 1], mean[2, 1])


def test_the_mean_keeps_float32_and_can_be_jitted(rng):
    weights = basin_weights(GRID, {"b": shapely.box(1, 41, 5, 44)}).weights
    values = rng.normal(size=(4, len(GRID.lon)))
    single = jax.jit(area_mean)(weights, values.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, area_mean(weights, values), atol=1e-6)
    with pytest.raises(ValueError, match="cells are the last axis of both"):
        area_mean(weights, values.T)


def test_the_mean_can_be_differentiated_past_gaps(rng):
    weights = basin_weights(GRID, {"b": shapely.box(1, 41, 5, 44)}).weights
    values = jnp.asarray(rng.normal(size=len(GRID.lon)))
    gap = jnp.arange(len(GRID.lon)) % 5 == 0

    def mean(x):
        return area_mean(weights, jnp.where(gap, jnp.nan, x))

    check_grads(mean, (values,), order=1, modes=("rev",))
    assert np.isfinite(jax.grad(lambda x: mean(x)[0])(values)).all()
    # A basin without a value is NaN and must not spoil the gradient of others.
    both = basin_weights(
        GRID, {"full": shapely.box(4, 41, 8, 44), "empty": shapely.box(0, 41, 4, 44)}
    ).weights

    def full(x):
        return area_mean(both, jnp.where(GRID.lon < 4, jnp.nan, x))[0]

    assert np.isfinite(jax.grad(full)(values)).all()
    np.testing.assert_allclose(jax.grad(full)(values), both[0], atol=1e-14)


def test_real_basins_have_the_areas_of_their_file(data):
    path = data / "boundaries" / "grdc405_selected_basins.geojson"
    features = json.loads(path.read_text())["features"]
    grid = regional_grid(shapely.box(-127, 32, -105, 54), spacing=0.25)
    basins = {one["properties"]["NAME"]: one["geometry"] for one in features}
    names = ("COLUMBIA RIVER", "KLAMATH RIVER", "SAN JOAQUIN RIVER")
    regions = {name: shapely.geometry.shape(basins[name]) for name in names}
    weights = basin_weights(grid, regions)
    np.testing.assert_allclose(weights.covered, 1, rtol=1e-9)
    for region, row in zip(regions.values(), weights.weights):
        # A cell inside the basin has all of its area in it, so the largest weight
        # per area is one over the basin's area.
        area = 1 / (row / grid.cell_area).max()
        # Green's theorem on the sphere.
        lon, lat = np.array(region.exterior.segmentize(0.01).coords).T * DEGREE
        height = (np.sin(lat[1:]) + np.sin(lat[:-1])) / 2
        expected = EARTH_RADIUS**2 * abs(np.sum(np.diff(lon) * height))
        assert area == pytest.approx(expected, rel=1e-6)
    stated = next(one for one in features if one["properties"]["NAME"] == names[0])
    columbia = 1e-6 / (weights.weights[0] / grid.cell_area).max()
    assert columbia == pytest.approx(stated["properties"]["RASTAREA"], rel=0.01)
