"""Slepian functions against closed forms, and an inversion with them as unknowns."""

import numpy as np
import pytest
import shapely

from jaxload import sphere
from jaxload.constants import DEGREE
from jaxload.sphere.harmonics.coefficients import Harmonics
from jaxload.sphere.harmonics.scattered import synthesise_at
from jaxload.sphere.harmonics.slepian import (
    RegionNodes,
    cell_nodes,
    slepian_functions,
)

#: Of a polar cap.
DEGREE_OF_CAP, CAP = 18, 40.0


def cap_nodes():
    """Nodes that integrate harmonics of twice the degree over a polar cap exactly."""
    edge = np.cos(CAP * DEGREE)
    node, weight = np.polynomial.legendre.leggauss(2 * DEGREE_OF_CAP)
    sine, weight = (1 + edge) / 2 + (1 - edge) / 2 * node, (1 - edge) / 2 * weight
    count = 4 * DEGREE_OF_CAP + 2
    lon, lat = np.meshgrid(np.arange(count) * 360 / count, np.arcsin(sine) / DEGREE)
    area = np.repeat(weight[:, None], count, axis=1) * 2 * np.pi / count
    return RegionNodes(lon.ravel(), lat.ravel(), area.ravel())


def tridiagonal_concentrations():
    """Those of a polar cap by the tridiagonal matrix that commutes with its kernel.

    Its vectors are those of the kernel, whose quotients are integrals of polynomials.
    """
    last, edge = DEGREE_OF_CAP, np.cos(CAP * DEGREE)
    node, weight = np.polynomial.legendre.leggauss(2 * last)
    sine, weight = (1 + edge) / 2 + (1 - edge) / 2 * node, (1 - edge) / 2 * weight
    shares = []
    for order in range(last + 1):
        n = np.arange(order, last + 1.0)
        diagonal = -n * (n + 1) * edge
        beside = n[:-1] * (n[:-1] + 2) - last * (last + 2)
        beside = beside * np.sqrt(
            ((n[:-1] + 1) ** 2 - order**2) / ((2 * n[:-1] + 1) * (2 * n[:-1] + 3))
        )
        matrix = np.diag(diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
        vectors = np.linalg.eigh(matrix)[1]
        field = vectors.T @ legendre(order, last, sine)
        share = (field**2 * weight).sum(axis=1) / 2
        shares += [share] * (1 if order == 0 else 2)
    return np.sort(np.concatenate(shares))[::-1]


def legendre(order, last, sine):
    """Functions of one order whose mean square over sin(lat) is 1, (degree, node)."""
    rows = [np.ones_like(sine)]
    for m in range(1, order + 1):
        rows[0] = rows[0] * np.sqrt((2 * m + 1) / (2 * m) * (1 - sine**2))
    for n in range(order + 1, last + 1):
        a = np.sqrt((4 * n**2 - 1) / (n**2 - order**2))
        value = a * sine * rows[-1]
        if n > order + 1:
            b = ((n - 1) ** 2 - order**2) / (4 * (n - 1) ** 2 - 1)
            value = value - a * np.sqrt(b) * rows[-2]
        rows.append(value)
    return np.array(rows)


def test_concentrations_in_a_polar_cap_are_those_of_the_commuting_matrix():
    want = tridiagonal_concentrations()
    basis = slepian_functions(cap_nodes(), DEGREE_OF_CAP, 1e-3)
    count = len(basis.concentration)
    assert count == np.sum(want >= 1e-3) > 40
    np.testing.assert_allclose(basis.concentration, want[:count], atol=1e-10)
    share = (1 - np.cos(CAP * DEGREE)) / 2
    assert basis.shannon_number == pytest.approx((DEGREE_OF_CAP + 1) ** 2 * share)
    assert want.sum() == pytest.approx(basis.shannon_number)


def flat(harmonics: Harmonics):
    return np.concatenate(
        [np.asarray(x).reshape(len(x), -1) for x in (harmonics.cosine, harmonics.sine)],
        axis=1,
    )


def test_functions_of_cells_are_orthonormal_on_the_sphere_and_in_the_region():
    region = shapely.box(-120, 32, -104, 48).difference(shapely.box(-114, 40, -110, 43))
    grid = sphere.regional_grid(region, 0.5, 1.0)
    basis = slepian_functions(cell_nodes(grid, 50), 50, 0.1)
    vectors = flat(basis.harmonics)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(vectors)), atol=1e-10)
    # In the region by the cells of a grid four times as fine, each at its middle.
    fine = 0.125
    offsets = (np.arange(4) - 1.5) * fine
    lon = (grid.lon[:, None, None] + offsets[None, :, None] + 0 * offsets).ravel()
    lat = (
        grid.lat[:, None, None] + offsets[None, None, :] + 0 * offsets[:, None]
    ).ravel()
    area = np.cos(lat * DEGREE) * (fine * DEGREE) ** 2 / (4 * np.pi)
    field = np.asarray(synthesise_at(basis.harmonics, lat=lat, lon=lon))
    inside = np.einsum("kp,lp,p->kl", field, field, area)
    np.testing.assert_allclose(inside, np.diag(basis.concentration), atol=2e-3)
    share = grid.cell_area.sum() / (4 * np.pi * 6371e3**2)
    assert basis.shannon_number == pytest.approx(51**2 * share, rel=1e-3)


def test_concentrations_of_all_functions_sum_to_the_shannon_number():
    grid = sphere.regional_grid(shapely.box(0, -30, 50, 20), 2.0)
    basis = slepian_functions(cell_nodes(grid, 9), 9, 1e-9)
    assert basis.concentration.sum() == pytest.approx(basis.shannon_number, rel=1e-7)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(ValueError, match="expected a share between 0 and 1"):
        slepian_functions(cap_nodes(), DEGREE_OF_CAP, share)


def test_a_region_too_small_for_its_degree_is_refused():
    grid = sphere.regional_grid(shapely.box(0, 0, 1, 1), 0.5)
    with pytest.raises(ValueError, match=r"the best has .*; take a higher degree"):
        slepian_functions(cell_nodes(grid, 10), 10, 0.5)
