"""Where a region lies on the circle of longitudes changes nothing but longitudes."""

import itertools

import numpy as np
import pytest
import shapely

from jaxload import sphere
from jaxload._longitude import common_turn
from jaxload.earth import design_matrix, disc_kernel, load_love_numbers
from jaxload.sphere.belt import is_near
from jaxload.sphere.operators import (
    diffusion_terms,
    first_differences,
    laplacian,
)


def moved(region, degrees):
    return shapely.transform(region, lambda x: x + np.array([degrees, 0.0]))


def places_of(grid, shift=0.0):
    """Cells as whole numbers of steps, on one turn."""
    east = np.rint(((grid.lon - shift) % 360) / grid.spacing * 1e6).astype(int)
    return set(zip((east % int(360e6 / grid.spacing)).tolist(), grid.lat.tolist()))


def boxes(rng, count):
    for _ in range(count):
        west, south = rng.integers(-180, 180), rng.integers(-80, 70)
        yield shapely.box(
            west, south, west + rng.integers(1, 6), south + rng.integers(1, 6)
        )


@pytest.mark.parametrize("offset", [0.0, 0.5])
def test_a_box_has_the_same_cells_on_every_turn_and_after_whole_steps(rng, offset):
    for number, box in enumerate(boxes(rng, 100)):
        spacing, buffer = (0.5, 0.25, 0.1)[number % 3], float(rng.integers(0, 3))
        spacing = max(spacing, 0.1 * (1 + buffer))
        cells = sphere.regional_grid(box, spacing, buffer, offset)
        shifts = (360, -360, spacing * rng.integers(1, 900))
        for shift in shifts:
            other = sphere.regional_grid(moved(box, shift), spacing, buffer, offset)
            assert places_of(other, shift) == places_of(cells), (box, spacing, shift)
            if shift % 360 == 0:
                np.testing.assert_allclose(other.lon, cells.lon + shift, atol=1e-9)
                np.testing.assert_array_equal(other.row, cells.row)


def test_cells_exactly_at_the_rim_of_a_belt_belong(rng):
    for box in boxes(rng, 60):
        grid = sphere.regional_grid(box, 0.25, 2.0)
        west, south, east, north = box.bounds
        for rim in (south - 2, north + 2):
            row = np.sort(grid.lon[grid.lat == rim])
            # Due north and due south the distance is that of the latitudes.
            np.testing.assert_array_equal(row, np.arange(west, east + 0.1, 0.25))


def test_the_box_at_237_to_241_is_the_box_at_minus_123_to_minus_119():
    here, there = (
        sphere.regional_grid(shapely.box(west, 36, west + 4, 40), 0.25, 2.0)
        for west in (-123, 237)
    )
    np.testing.assert_array_equal(here.lon + 360, there.lon)
    np.testing.assert_array_equal(here.lat, there.lat)


def test_cells_of_a_spacing_that_does_not_divide_the_circle_are_the_same_too():
    box = shapely.box(10, 40, 17, 44)
    here = sphere.regional_grid(box, 0.7, 1.4)
    there = sphere.regional_grid(moved(box, 360), 0.7, 1.4)
    np.testing.assert_allclose(there.lon, here.lon + 360, rtol=0, atol=1e-9)
    around = sphere.regional_grid(shapely.box(-180, 50, 180, 60), 0.55)
    assert len(around.lon_axis) * 0.55 <= 360


def test_centres_on_a_side_of_the_outline_belong_however_they_are_rounded():
    for step in range(0, 3600, 37):
        west = step / 10
        box = shapely.box(west, 10.1, west + 0.3, 10.3)
        assert len(sphere.regional_grid(box, 0.1).lon) == 4 * 3, west


def test_the_distance_to_an_outline_is_exact_between_its_vertices(rng):
    line = shapely.Polygon([(0, 60), (9, 71), (17, 58.5)])
    lon, lat = rng.uniform(-8, 26, 60), rng.uniform(54, 76, 60)
    corners = np.array(line.exterior.coords)
    share = np.linspace(0, 1, 40_001)[:, None]
    least = np.full(60, np.inf)
    for start, end in itertools.pairwise(corners):
        east, north = np.deg2rad(start + share * (end - start)).T
        vertex = np.stack(
            [np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)]
        )
        a, b = np.deg2rad(lon), np.deg2rad(lat)
        point = np.stack([np.cos(b) * np.cos(a), np.cos(b) * np.sin(a), np.sin(b)], 1)
        arc = np.rad2deg(np.arccos(np.clip(point @ vertex, -1, 1)))
        least = np.minimum(least, arc.min(axis=1))
    for one in range(60):
        here = (lon[one : one + 1], lat[one : one + 1])
        assert is_near(line, *here, least[one] + 1e-5, 0.5).all()
        assert not is_near(line, *here, least[one] - 1e-5, 0.5).any()


def test_intervals_come_together_across_the_date_line_and_greenwich():
    assert common_turn([177, -180], [180, -178]).tolist() == [0, 360]
    assert common_turn([-180, 177], [-178, 180]).tolist() == [360, 0]
    assert common_turn([0, 350], [5, 360]).tolist() == [0, -360]
    assert common_turn([237, -123], [241, -119]).tolist() == [-360, 0]
    # As narrow as can be, around the Earth, or on different sides of it.
    for west, east in (
        ([170], [190]),
        ([10, 20], [15, 30]),
        ([-180, 0], [0, 180]),
        ([-127, 150], [-60, 160]),
    ):
        assert not common_turn(west, east).any()


def test_the_parts_of_fiji_make_one_grid():
    split = shapely.MultiPolygon(
        [shapely.box(176, -20, 180, -15), shapely.box(-180, -20, -178, -15)]
    )
    whole = shapely.box(176, -20, 182, -15)
    one, other = (sphere.regional_grid(r, 0.5, 1.0) for r in (split, whole))
    np.testing.assert_array_equal(one.lon, other.lon)
    np.testing.assert_array_equal(one.lat, other.lat)
    np.testing.assert_array_equal(np.diff(one.lon_axis), 0.5)


def dense_laplacian(grid, metric, boundary):
    """Every pair of cells asked whether they share a side, however far apart."""
    east = (grid.lon[:, None] - grid.lon[None] + 180) % 360 - 180
    north = grid.lat[None] - grid.lat[:, None]
    beside = (np.abs(np.abs(east) - grid.spacing) < 1e-6) & (np.abs(north) < 1e-6)
    above = (np.abs(east) < 1e-6) & (np.abs(np.abs(north) - grid.spacing) < 1e-6)
    weight = (beside | above).astype(float)
    missing = 4.0 - weight.sum(axis=1)
    if metric == "sphere":
        cosine = np.cos(np.deg2rad(grid.lat))
        side = np.cos(np.deg2rad((grid.lat[:, None] + grid.lat[None]) / 2))
        weight = beside / cosine[:, None] ** 2 + above * side / cosine[:, None]
        half = np.deg2rad(grid.spacing / 2)
        rim = (np.cos(np.deg2rad(grid.lat) + s * half) / cosine for s in (-1, 1))
        missing = 2 / cosine**2 + sum(rim) - weight.sum(axis=1)
    total = weight.sum(axis=1) + (missing if boundary == "zero" else 0)
    return np.diag(total) - weight


#: A region across the date line, as its files may have it, and one around the pole.
ACROSS = shapely.Polygon([(172, -21), (188.2, -19), (186, -12), (179, -14), (171, -11)])
CAP = shapely.box(-180, 60, 180, 85) - shapely.box(-170, 65, 100, 72)


@pytest.mark.parametrize("metric", ["grid", "sphere"])
@pytest.mark.parametrize("boundary", ["zero", "free"])
@pytest.mark.parametrize("region", [ACROSS, CAP], ids=["across", "cap"])
def test_cells_on_both_sides_of_the_date_line_are_neighbours(region, metric, boundary):
    grid = sphere.regional_grid(region, 1.0 if region is ACROSS else 5.0, offset=0.5)
    expected = dense_laplacian(grid, metric, boundary)
    found = laplacian(grid, metric, boundary).toarray()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    difference = first_differences(grid)
    free = (difference.T @ difference).toarray()
    np.testing.assert_array_equal(free, laplacian(grid, boundary="free").toarray())


def test_only_a_grid_around_the_earth_is_periodic():
    cap = sphere.regional_grid(CAP, 5.0, offset=0.5)
    assert cap.periodic
    assert not sphere.regional_grid(ACROSS, 1.0).periodic
    twice = sphere.raster_grid(np.arange(0, 361, 5.0), np.arange(0, 20, 5.0))
    assert not twice.periodic
    # Nothing of its rim lies on the date line.
    _, rim, _ = diffusion_terms(cap)
    lowest = rim.diagonal()[cap.row == 0]
    assert lowest[0] == lowest[-1] == lowest[-2]


@pytest.mark.parametrize("boundary", ["zero", "free", "edge"])
def test_where_a_global_raster_begins_changes_no_neighbour(boundary):
    lat = np.arange(60, 85, 5.0)
    here = sphere.raster_grid(np.arange(-180, 180, 5.0), lat)
    there = sphere.raster_grid(np.arange(20, 380, 5.0), lat)
    order = sphere.cell_at(there, here.lon, here.lat)
    assert (np.sort(order) == np.arange(len(here.lon))).all()
    one = laplacian(here, boundary=boundary).toarray()
    other = laplacian(there, boundary=boundary).toarray()
    np.testing.assert_array_equal(one, other[np.ix_(order, order)])


def test_the_edge_of_a_block_across_the_seam_is_that_of_the_block():
    full = sphere.raster_grid(np.arange(-180, 180, 10.0), np.arange(0, 60, 10.0))
    block = (np.abs(full.lon) > 130) & (full.lat > 5)
    keep = np.flatnonzero(block)
    seam = sphere.Grid(
        lon=full.lon[keep],
        lat=full.lat[keep],
        row=full.row[keep],
        column=full.column[keep],
        spacing=full.spacing,
        lon_axis=full.lon_axis,
        lat_axis=full.lat_axis,
    )
    plain = sphere.raster_grid(np.arange(140, 230, 10.0), np.arange(10, 60, 10.0))
    order = sphere.cell_at(seam, plain.lon, plain.lat)
    assert (order >= 0).all()
    assert len(order) == len(seam.lon)
    one = laplacian(plain, boundary="edge").toarray()
    other = laplacian(seam, boundary="edge").toarray()[np.ix_(order, order)]
    np.testing.assert_array_equal(np.diag(one), np.diag(other))
    # Of cells that are equally near, as on the edge, numbers decide.
    inner = np.diag(one) == 4
    np.testing.assert_array_equal(one[inner], other[inner])


def test_a_region_across_180_has_the_results_of_one_60_degrees_west_of_it(rng):
    here, there = (
        sphere.regional_grid(moved(ACROSS, shift), 0.5, 1.0) for shift in (-60, 0)
    )
    split = shapely.MultiPolygon(
        [
            ACROSS & shapely.box(0, -90, 180, 90),
            moved(ACROSS & shapely.box(180, -90, 360, 90), -360),
        ]
    )
    seam = sphere.regional_grid(split, 0.5, 1.0)
    np.testing.assert_allclose(here.lon_axis + 60, there.lon_axis, atol=1e-9)
    np.testing.assert_array_equal(seam.lon_axis, there.lon_axis)
    for grid in (there, seam):
        np.testing.assert_array_equal(grid.row, here.row)
        np.testing.assert_array_equal(grid.column, here.column)
        for boundary in ("zero", "free", "edge"):
            one, other = (
                laplacian(g, boundary=boundary).toarray() for g in (here, grid)
            )
            np.testing.assert_array_equal(one, other)
    values = rng.normal(size=len(here.lon))
    np.testing.assert_array_equal(
        sphere.to_raster(here, values), sphere.to_raster(seam, values)
    )
    basin = shapely.box(175, -19, 184.3, -13)
    west = sphere.basin_weights(here, {"b": moved(basin, -60)})
    for turn in (-720, -360, 0, 360):
        weights = sphere.basin_weights(seam, {"b": moved(basin, turn)})
        np.testing.assert_allclose(weights.weights, west.weights, atol=1e-12)
        np.testing.assert_allclose(weights.covered, west.covered, atol=1e-9)
    lon, lat = rng.uniform(168, 192, 200), rng.uniform(-23, -9, 200)
    for turn in (0, -360):
        np.testing.assert_array_equal(
            sphere.cell_at(seam, lon + turn, lat), sphere.cell_at(here, lon - 60, lat)
        )


class Stations:
    def __init__(self, lon, lat):
        self.lon, self.lat = lon, lat


def test_stations_feel_water_across_180_as_they_do_elsewhere(rng):
    love = load_love_numbers("prem", max_degree=200)
    lon, lat = rng.uniform(174, 186, 6), rng.uniform(-18, -13, 6)
    here = sphere.regional_grid(moved(ACROSS, -60), 2.0)
    seam = sphere.regional_grid(ACROSS, 2.0)
    kernel = disc_kernel(love, radius=seam.cell_radius)
    expected = design_matrix(kernel, Stations(lon - 60, lat), here)
    for turn in (0, -360):
        found = design_matrix(kernel, Stations(lon + turn, lat), seam)
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
