import numpy as np
import pytest
import scipy.linalg
import scipy.sparse.csgraph
import scipy.special
import shapely

from jaxload.constants import DEGREE, EARTH_RADIUS
from jaxload.sphere import geometry
from jaxload.sphere.grid import (
    cell_at,
    nearest_cell,
    raster_grid,
    regional_grid,
    to_raster,
)
from jaxload.sphere.operators import first_differences, identity, laplacian

RING = shapely.box(0, 0, 8, 6) - shapely.box(3, 2, 5, 4)
METRICS = ("grid", "sphere")


def haversine(lon1, lat1, lon2, lat2):
    """Angular distance [degrees], the long way."""
    lon1, lat1, lon2, lat2 = (np.asarray(x) * DEGREE for x in (lon1, lat1, lon2, lat2))
    a = np.sin((lat2 - lat1) / 2) ** 2
    a = a + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    return 2 * np.arcsin(np.sqrt(a)) / DEGREE


def inner(grid):
    """Cells with all four neighbours, found by asking each for them."""
    places = set(zip(grid.row.tolist(), grid.column.tolist()))
    return np.array(
        [
            {(r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)} <= places
            for r, c in zip(grid.row, grid.column)
        ]
    )


@pytest.fixture
def ring():
    """A block with a hole."""
    return regional_grid(RING, spacing=0.5, offset=0.5)


def test_the_western_us_has_6811_cells_of_a_quarter_degree(data):
    outline = np.loadtxt(data / "western_us" / "boundaries" / "region_buffered.txt")
    grid = regional_grid(shapely.Polygon(outline), spacing=0.25)
    assert len(grid.lon) == 6811
    # Winding numbers, by the angle that the outline turns about each centre.
    spot = slice(None, None, 97)
    line = shapely.segmentize(shapely.Polygon(outline), 0.05).exterior
    vertex = np.array(line.coords)
    dx = vertex[:, 0] - grid.lon[spot, None]
    dy = vertex[:, 1] - grid.lat[spot, None]
    turn = np.diff(np.unwrap(np.arctan2(dy, dx))).sum(axis=1)
    np.testing.assert_allclose(np.abs(turn), 2 * np.pi, rtol=1e-9)


def test_centres_are_multiples_of_the_spacing_or_edges_are():
    box = shapely.box(10, 40, 12, 41)
    centred = regional_grid(box, spacing=0.5)
    assert centred.lon_axis.tolist() == [10, 10.5, 11, 11.5, 12]
    assert centred.lat_axis.tolist() == [40, 40.5, 41]
    edged = regional_grid(box, spacing=0.5, offset=0.5)
    assert edged.lon_axis.tolist() == [10.25, 10.75, 11.25, 11.75]
    assert edged.lat_axis.tolist() == [40.25, 40.75]
    assert len(edged.lon) == 8


def test_cells_run_eastward_and_rows_northward(ring):
    order = np.lexsort([ring.lon, ring.lat])
    np.testing.assert_array_equal(order, np.arange(len(ring.lon)))
    np.testing.assert_array_equal(ring.lon_axis[ring.column], ring.lon)
    np.testing.assert_array_equal(ring.lat_axis[ring.row], ring.lat)


def test_cells_tile_the_region_but_for_its_hole(ring):
    assert len(ring.lon) == 4 * (8 * 6 - 2 * 2)

    def area(west, south, east, north):
        height = np.sin(north * DEGREE) - np.sin(south * DEGREE)
        return EARTH_RADIUS**2 * (east - west) * DEGREE * height

    expected = area(0, 0, 8, 6) - area(3, 2, 5, 4)
    assert ring.cell_area.sum() == pytest.approx(expected, rel=1e-13)


def test_the_disc_of_a_cell_is_as_large_as_the_cell(ring):
    cap = 2 * np.pi * EARTH_RADIUS**2 * (1 - np.cos(ring.cell_radius * DEGREE))
    np.testing.assert_allclose(cap, ring.cell_area, rtol=1e-10)
    assert len(np.unique(ring.cell_radius)) == len(ring.lat_axis)


@pytest.mark.parametrize(
    ("region", "buffer"),
    [
        (shapely.box(10, 40, 14, 43), 1.3),
        (shapely.Polygon([(-120, 60), (-100, 78), (-95, 58), (-110, 65)]), 2.0),
        (shapely.box(170, -30, 190, -20), 1.5),
        (shapely.box(-30, 83, 20, 86), 3.0),
        (RING, 0.6),
    ],
)
def test_the_belt_holds_exactly_the_cells_near_the_outline(region, buffer):
    grid = regional_grid(region, spacing=0.5, buffer=buffer)
    lon = np.arange(-180, 360, 0.5)
    lon = lon[np.abs(lon - np.mean(region.bounds[::2])) <= 180]
    lon, lat = np.meshgrid(lon, np.arange(-89.5, 90, 0.5))
    wanted = shapely.intersects_xy(region, lon, lat)
    near = (lat > region.bounds[1] - 4) & (lat < region.bounds[3] + 4) & ~wanted
    outline = shapely.get_coordinates(region.boundary.segmentize(0.05))
    distance = np.full(lon.shape, np.inf)
    for part in np.array_split(outline, 40):
        new = haversine(lon[near, None], lat[near, None], *part.T)
        distance[near] = np.minimum(distance[near], new.min(axis=1))
    # What lies on the rim to within the outline's sampling may go either way.
    clear = np.abs(distance - buffer) > 1e-3
    wanted |= distance <= buffer
    mine = set(zip(grid.lon.tolist(), grid.lat.tolist()))
    here = [place in mine for place in zip(lon.ravel().tolist(), lat.ravel().tolist())]
    here = np.reshape(here, lon.shape)
    assert (here == wanted)[clear].all()
    assert here.sum() == len(grid.lon)


def test_areas_and_radii_are_those_of_the_jax_functions(ring):
    south, north = ring.lat - ring.spacing / 2, ring.lat + ring.spacing / 2
    area = geometry.cell_area(south, north, ring.spacing)
    np.testing.assert_allclose(ring.cell_area, area, rtol=1e-13)
    np.testing.assert_allclose(ring.cell_radius, geometry.disc_radius(area), rtol=1e-13)


def test_a_belt_over_the_pole_goes_round_once():
    grid = regional_grid(shapely.box(0, 85, 20, 88), spacing=1.0, buffer=6.0)
    top = grid.lon[grid.lat == 89]
    assert len(top) == 360
    assert np.ptp(top) == 359
    assert grid.lat.max() == 89


def test_a_grid_around_the_world_has_no_meridian_twice():
    grid = regional_grid(shapely.box(-180, -90, 180, 90), spacing=10.0)
    assert len(grid.lon_axis) == 36
    assert np.abs(grid.lat_axis).max() == 80
    half = regional_grid(shapely.box(-180, -90, 180, 90), spacing=10.0, offset=0.5)
    assert half.cell_area.sum() == pytest.approx(4 * np.pi * EARTH_RADIUS**2, rel=1e-13)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"region": "west"}, "region is a str, expected a Polygon or MultiPolygon"),
        ({"region": shapely.Polygon()}, "that is not empty"),
        ({"region": shapely.Point(0, 0)}, "region is a Point"),
        ({"region": shapely.box(30, -130, 50, -100)}, "are lon and lat swapped"),
        ({"spacing": 0.0}, "spacing is 0.0, expected above 0"),
        ({"spacing": float("nan")}, "spacing is nan"),
        ({"spacing": 1e-6}, "makes a raster of .* is it in degrees"),
        ({"buffer": -1.0}, "buffer is -1.0, expected 0 to 90 degrees"),
        ({"offset": 1.0}, "offset is 1.0, expected 0 to 1 cells"),
        ({"region": shapely.box(0.1, 0.1, 0.2, 0.2)}, "no cell centre falls in"),
    ],
)
def test_a_wrong_argument_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        regional_grid(**({"region": RING} | arguments))


def test_a_raster_is_a_grid_in_its_own_order():
    lon, lat = np.float32([-125.5, -124.5, -123.5]), np.float32([30.5, 31.5])
    grid = raster_grid(lon, lat)
    assert grid.spacing == 1
    np.testing.assert_array_equal(grid.lon.reshape(2, 3), [lon, lon])
    np.testing.assert_array_equal(grid.lat.reshape(2, 3).T, [lat, lat, lat])
    with pytest.raises(ValueError, match="the axes step by 1 to 2 degrees"):
        raster_grid([0, 1, 2], [0, 2, 4])
    for bad in ([2, 1, 0], [[0, 1]], [0, 0, 0]):
        with pytest.raises(ValueError, match="must be 1-D, ascending"):
            raster_grid(bad, bad)


def test_values_are_laid_out_where_their_cells_are(ring, rng):
    values = rng.normal(size=(5, len(ring.lon))).astype(np.float32)
    raster = to_raster(ring, values)
    assert raster.shape == (5, 12, 16)
    assert raster.dtype == np.float32
    assert np.isnan(raster[:, 4:8, 6:10]).all()
    assert np.isnan(raster).sum() == 5 * 16
    for cell in (0, 77, len(ring.lon) - 1):
        row, column = np.argwhere(
            (ring.lat_axis[:, None] == ring.lat[cell])
            & (ring.lon_axis[None, :] == ring.lon[cell])
        )[0]
        np.testing.assert_array_equal(raster[:, row, column], values[:, cell])
    assert to_raster(ring, np.arange(len(ring.lon))).dtype == np.float64
    with pytest.raises(ValueError, match="expected 176 cells last"):
        to_raster(ring, values.T)


def test_a_point_is_in_the_cell_whose_sides_enclose_it(rng):
    grid = regional_grid(shapely.box(170, -5, 190, 5), spacing=0.5, offset=0.5)
    lon, lat = rng.uniform(165, 195, 400), rng.uniform(-8, 8, 400)
    dx = np.abs(lon[:, None] - grid.lon) < 0.25
    dy = np.abs(lat[:, None] - grid.lat) < 0.25
    within = dx & dy
    expected = np.where(within.any(axis=1), within.argmax(axis=1), -1)
    assert (expected == -1).any()
    assert (expected >= 0).any()
    np.testing.assert_array_equal(cell_at(grid, lon, lat), expected)
    # Another turn of the same longitude.
    np.testing.assert_array_equal(cell_at(grid, lon - 360, lat), expected)


def test_a_point_in_the_hole_is_in_no_cell(ring):
    assert cell_at(ring, [4.0, 1.1, 9.0, -0.1], [3.0, 1.1, 3.0, 3.0]).tolist() == [
        -1,
        34,
        -1,
        -1,
    ]


def test_the_nearest_cell_is_the_nearest_along_great_circles(ring, rng):
    lon, lat = rng.uniform(-20, 30, 50), rng.uniform(-30, 40, 50)
    distance = haversine(lon[:, None], lat[:, None], ring.lon, ring.lat)
    cell, nearest = nearest_cell(ring, lon + 360, lat)
    np.testing.assert_allclose(nearest, distance.min(axis=1), rtol=1e-10)
    np.testing.assert_array_equal(cell, distance.argmin(axis=1))


def test_on_a_rectangle_the_laplacian_has_the_eigenvalues_of_the_textbook():
    grid = raster_grid(np.arange(7), np.arange(5))

    def modes(n, shift):
        k = np.arange(1, n + 1)
        return 4 * np.sin(np.pi * (k - shift) / (2 * (n + 1 - shift))) ** 2

    for boundary, shift in (("zero", 0), ("free", 1)):
        expected = np.add.outer(modes(7, shift), modes(5, shift)).ravel()
        found = np.linalg.eigvalsh(laplacian(grid, boundary=boundary).toarray())
        np.testing.assert_allclose(found, np.sort(expected), rtol=0, atol=1e-13)


@pytest.mark.parametrize("boundary", ["zero", "free", "edge"])
def test_the_curvature_of_a_paraboloid_is_exact_away_from_the_rim(ring, boundary):
    x, y = ring.column, ring.row
    values = 3.0 * x**2 - 1.0 * y**2 + x * y - 7 * x + 2
    curvature = laplacian(ring, boundary=boundary) @ values
    np.testing.assert_allclose(curvature[inner(ring)], -2 * (3 - 1), rtol=1e-10)


def test_with_zero_outside_the_laplacian_is_symmetric_and_invertible(ring):
    dense = laplacian(ring).toarray()
    np.testing.assert_array_equal(dense, dense.T)
    assert np.linalg.eigvalsh(dense)[0] > 0.01
    np.testing.assert_array_equal(np.diag(dense), 4)
    assert (dense.sum(axis=1)[inner(ring)] == 0).all()
    assert (dense.sum(axis=1)[~inner(ring)] > 0).all()
    np.testing.assert_array_equal(ring.laplacian.toarray(), dense)


@pytest.mark.parametrize("metric", METRICS)
def test_with_a_free_rim_only_constants_of_each_part_are_flat(metric):
    two = shapely.MultiPolygon([shapely.box(0, 40, 4, 43), shapely.box(6, 50, 9, 52)])
    grid = regional_grid(two, spacing=0.5, offset=0.5)
    operator = laplacian(grid, metric, "free")
    parts, label = scipy.sparse.csgraph.connected_components(operator)
    assert parts == 2
    null = scipy.linalg.null_space(operator.toarray(), rcond=1e-12)
    assert null.shape[1] == parts
    constants = label[:, None] == np.arange(2)
    assert np.linalg.matrix_rank(np.hstack([null, constants]), tol=1e-8) == parts


def test_the_free_laplacian_is_the_square_of_the_differences(ring):
    difference = first_differences(ring)
    square = (difference.T @ difference).toarray()
    np.testing.assert_array_equal(square, laplacian(ring, boundary="free").toarray())


def test_differences_of_a_plane_are_its_slopes(ring):
    slopes = first_differences(ring) @ (3.0 * ring.column - 2.0 * ring.row)
    east = (slopes == 3).sum()
    assert set(slopes.tolist()) == {3.0, -2.0}
    assert (slopes[:east] == 3).all()
    # 12 rows of 15 eastward edges less 4 rows of 5 at the hole.
    assert east == 12 * 15 - 4 * 5


def test_the_identity_returns_each_value(ring, rng):
    values = rng.normal(size=len(ring.lon))
    np.testing.assert_array_equal(identity(ring) @ values, values)


@pytest.mark.parametrize(("n", "m"), [(1, 0), (2, 1), (3, 2), (4, 4)])
def test_on_the_sphere_harmonics_are_eigenfunctions(n, m):
    worst = []
    for spacing in (1.0, 0.5):
        grid = regional_grid(shapely.box(0, 20, 60, 70), spacing=spacing)
        lon, lat = grid.lon * DEGREE, grid.lat * DEGREE
        values = scipy.special.sph_harm_y(n, m, np.pi / 2 - lat, lon).real
        found = laplacian(grid, "sphere") @ values / (spacing * DEGREE) ** 2
        error = np.abs(found - n * (n + 1) * values)[inner(grid)]
        worst.append(error.max())
    assert worst[1] < 2e-3
    # Second order: half the spacing, a quarter of the error.
    assert worst[1] < worst[0] / 3.8


@pytest.mark.parametrize("boundary", ["zero", "free"])
def test_on_the_sphere_the_area_weighted_laplacian_is_symmetric(boundary):
    grid = regional_grid(shapely.box(0, 40, 8, 60) - shapely.box(3, 44, 5, 46), 0.5)
    operator = laplacian(grid, "sphere", boundary)
    weighted = (operator * grid.cell_area[:, None]).toarray() / grid.cell_area.max()
    np.testing.assert_allclose(weighted, weighted.T, rtol=0, atol=1e-14)


def test_at_the_equator_both_metrics_agree():
    grid = regional_grid(shapely.box(0, -0.5, 3, 0.5), spacing=0.25)
    equator = grid.lat == 0
    flat, round_ = (laplacian(grid, metric).toarray()[equator] for metric in METRICS)
    np.testing.assert_allclose(round_, flat, rtol=0, atol=1e-5)


def test_the_edge_stencil_is_that_of_gnss2tws():
    # An L of 5 x 4 cells less a 2 x 2 corner, numbered
    #   13 14 15
    #   10 11 12
    #    5  6  7  8  9
    #    0  1  2  3  4
    corner = shapely.box(2.5, 1.5, 4.5, 3.5)
    grid = regional_grid(shapely.box(0, 0, 4, 3) - corner, spacing=1.0)
    rows = laplacian(grid, boundary="edge").toarray()
    edge = {0, 1, 2, 3, 4, 5, 8, 9, 10, 12, 13, 14, 15}

    def row(cell):
        return {i: v for i, v in enumerate(rows[cell]) if v}

    assert row(6) == {6: 4, 1: -1, 5: -1, 7: -1, 11: -1}
    assert row(11) == {11: 4, 6: -1, 10: -1, 12: -1, 14: -1}
    # The inside of the corner is first or last of nothing, so it counts as inner.
    assert row(7) == {7: 4, 2: -1, 6: -1, 8: -1, 12: -1}
    assert row(0) == {0: 2, 1: -1, 5: -1}
    assert row(4) == {4: 2, 3: -1, 9: -1}
    assert row(3) == {3: 2, 2: -1, 4: -1}
    assert row(8) == {8: 2, 3: -1, 9: -1}
    # Cells 8 and 14 are equally far; the southern one has the lower number.
    assert row(12) == {12: 2, 8: -1, 15: -1}
    assert {cell for cell in range(16) if rows[cell, cell] == 2} == edge
    np.testing.assert_array_equal(rows.sum(axis=1), 0)


def test_beside_a_notch_an_inner_cell_takes_its_four_nearest():
    # A block whose one inner hole has cells of the same rows and columns around it.
    hole = shapely.box(2.5, 2.5, 3.5, 3.5)
    grid = regional_grid(shapely.box(0, 0, 6, 6) - hole, spacing=1.0)
    rows = laplacian(grid, boundary="edge").toarray()
    west = cell_at(grid, 2, 3)
    distance = (grid.lon - 2) ** 2 + (grid.lat - 3) ** 2
    expected = np.argsort(distance, kind="stable")[1:5]
    assert set(np.flatnonzero(rows[west] == -1)) == set(expected)
    # South-west of the cell, for want of a neighbour in the east.
    assert cell_at(grid, 1, 2) in expected


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"metric": "plane"}, "metric is 'plane', expected one of"),
        ({"boundary": "open"}, "boundary is 'open', expected one of"),
        ({"metric": "sphere", "boundary": "edge"}, "is defined in grid steps"),
    ],
)
def test_an_unknown_operator_is_refused(ring, choice, message):
    with pytest.raises(ValueError, match=message):
        laplacian(ring, **choice)


def test_the_edge_stencil_needs_some_cells():
    with pytest.raises(ValueError, match="needs 3 cells on the edge and 5 in all"):
        laplacian(raster_grid([0, 1], [0, 1]), boundary="edge")


def test_the_edge_stencil_is_that_of_a_plain_transcription(rng):
    # Random scraps of a raster have every kind of notch, hole and lone cell.
    scraps = [
        shapely.box(x - 0.4, y - 0.4, x + 0.4, y + 0.4)
        for x, y in np.argwhere(rng.random((14, 11)) < 0.7)
    ]
    grid = regional_grid(shapely.union_all(scraps), spacing=1.0)
    place = np.stack([grid.lon, grid.lat], axis=1)
    edge = set()
    for axis in (0, 1):
        for line in np.unique(place[:, axis]):
            cells = np.flatnonzero(place[:, axis] == line)
            along = place[cells, 1 - axis]
            edge |= {cells[along.argmin()], cells[along.argmax()]}
    edge = np.array(sorted(edge))
    expected = np.zeros((len(place), len(place)))
    for cell in range(len(place)):
        pool, count = (edge, 2) if cell in edge else (np.arange(len(place)), 4)
        distance = ((place[pool] - place[cell]) ** 2).sum(axis=1)
        expected[cell, pool[np.argsort(distance, kind="stable")[1 : count + 1]]] = -1
        expected[cell, cell] = count
    found = laplacian(grid, boundary="edge").toarray()
    np.testing.assert_array_equal(found, expected)
