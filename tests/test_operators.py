"""The finite volumes of diffusion on a grid."""

import numpy as np
import pytest
import scipy.special
import shapely

from jaxload.constants import DEGREE
from jaxload.sphere import laplacian, raster_grid, regional_grid
from jaxload.sphere.operators import diffusion_terms

RADIUS = 6371.0


@pytest.fixture
def ring():
    return regional_grid(shapely.box(0, 40, 8, 50) - shapely.box(3, 44, 5, 46), 0.5)


def test_the_root_of_the_area_is_that_of_each_cell(ring):
    area, _, _ = diffusion_terms(ring)
    np.testing.assert_allclose(area.diagonal() ** 2, ring.cell_area / 1e6, rtol=1e-12)


def test_nothing_is_lost_inside_and_fluxes_are_mutual(ring):
    area, _, flux = diffusion_terms(ring)
    between = flux.toarray() * area.diagonal()[:, None]
    np.testing.assert_allclose(between, between.T, rtol=0, atol=1e-14)
    np.testing.assert_allclose(between.sum(axis=0), 0, atol=1e-13)


def test_the_rim_is_as_long_as_the_outline_and_its_hole(ring):
    area, rim, _ = diffusion_terms(ring)
    length = (rim.diagonal() * area.diagonal()).sum()
    half, axes = ring.spacing / 2, (ring.lon_axis, ring.lat_axis)
    west, east, south, north = (
        axis[end] + (half if end else -half) for axis in axes for end in (0, -1)
    )
    parallel = lambda lat, degrees: np.cos(lat * DEGREE) * degrees * DEGREE * RADIUS
    want = 2 * (north - south) * DEGREE * RADIUS
    want += parallel(south, east - west) + parallel(north, east - west)
    inside = (ring.lon > 2) & (ring.lon < 6) & (ring.lat > 43) & (ring.lat < 47)
    missing = 81 - inside[(ring.lon >= 2) & (ring.lon <= 6)].sum()
    assert missing > 0
    columns = np.setdiff1d(ring.lon_axis, ring.lon[np.isclose(ring.lat, 45)])
    rows = np.setdiff1d(ring.lat_axis, ring.lat[np.isclose(ring.lon, 4)])
    wide, high = (len(cells) * ring.spacing for cells in (columns, rows))
    want += 2 * high * DEGREE * RADIUS
    want += parallel(rows.min() - half, wide) + parallel(rows.max() + half, wide)
    assert length == pytest.approx(want, rel=1e-12)


def test_flux_over_area_is_the_laplacian_on_the_sphere():
    grid = regional_grid(shapely.box(0, 20, 60, 70), 0.5)
    area, rim, flux = diffusion_terms(grid)
    lon, lat = grid.lon * DEGREE, grid.lat * DEGREE
    values = scipy.special.sph_harm_y(3, 2, np.pi / 2 - lat, lon).real
    got = (flux @ values) / area.diagonal() * RADIUS**2
    inner = rim.diagonal() == 0
    np.testing.assert_allclose(got[inner], 12 * values[inner], atol=2e-3)


def test_at_the_equator_the_flux_is_the_free_laplacian_over_the_step():
    grid = raster_grid(np.arange(0, 3, 0.25), np.arange(-0.25, 0.5, 0.25))
    step = 0.25 * DEGREE * RADIUS
    flux = diffusion_terms(grid)[2].toarray()
    want = laplacian(grid, boundary="free").toarray() / step
    np.testing.assert_allclose(flux, want, rtol=0, atol=1e-4 / step)
