"""Harmonics: closed forms, identities, and the same numbers as pyshtools."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from jax.test_util import check_grads

from jaxload.constants import DEGREE
from jaxload.sphere.harmonics.coefficients import Harmonics, from_tiles, to_tiles
from jaxload.sphere.harmonics.legendre_functions import MAX_DEGREE, associated_legendre
from jaxload.sphere.harmonics.quadrature import latitude_rows, longitude_start
from jaxload.sphere.harmonics.scattered import gradient_at, synthesise_at
from jaxload.sphere.harmonics.transform import analyse, synthesise


def random_harmonics(rng, last, lead=()):
    """Smooth enough that a field stays of order one."""
    shape = (2, *lead, last + 1, last + 1)
    falling = 1 / (1 + np.arange(last + 1.0))[:, None]
    cosine, sine = np.tril(rng.normal(size=shape) * falling)
    sine[..., 0] = 0
    return Harmonics(cosine, sine)


def one_harmonic(last, degree, order, sine=False):
    both = np.zeros((2, last + 1, last + 1))
    both[int(sine), degree, order] = 1
    return Harmonics(*both)


def assert_same(one, other, atol):
    np.testing.assert_allclose(one.cosine, other.cosine, rtol=0, atol=atol)
    np.testing.assert_allclose(one.sine, other.sine, rtol=0, atol=atol)


def middles(count):
    return (np.arange(count) + 0.5) * 180 / count - 90


def gaussian_lat(count):
    return np.degrees(np.arcsin(scipy.special.roots_legendre(count)[0]))


def around(count, start=0.0):
    return start + np.arange(count) * 360 / count


#: Latitudes of grids that resolve degree 20, by kind. Grids of one size share what is
#: compiled.
ROWS = {
    "middles": middles(41),
    "both poles": np.linspace(90, -90, 41),
    "north pole": 90 - np.arange(42) * 180 / 42,
    "south pole": -90 + np.arange(42) * 180 / 42,
    "Gaussian": gaussian_lat(41),
    "southward middles": middles(41)[::-1],
}

# Legendre functions


def test_functions_are_those_of_scipy_without_the_phase():
    lat, last = np.array([-75.0, 0.0, 33.0, 89.0]), 12
    ours = np.asarray(associated_legendre(lat, last))
    for n in range(last + 1):
        for m in range(n + 1):
            raw = scipy.special.lpmv(m, n, np.sin(lat * DEGREE)) * (-1) ** m
            ratio = scipy.special.gammaln([n - m + 1, n + m + 1])
            norm = np.sqrt((2 - (m == 0)) * (2 * n + 1) * np.exp(ratio[0] - ratio[1]))
            np.testing.assert_allclose(ours[n, m], norm * raw, rtol=1e-11, atol=1e-12)


def test_functions_above_the_diagonal_are_zero():
    values = associated_legendre([10.0, 90.0], 9)
    assert not np.triu(np.moveaxis(values, -1, 0), 1).any()


@pytest.mark.parametrize("last", [60, 720, pytest.param(2000, marks=pytest.mark.slow)])
def test_squares_add_up_to_the_number_of_harmonics_at_every_latitude(last):
    """The addition theorem at angle 0: sum over m of P_nm^2 is 2n + 1."""
    lat = np.array([-90.0, -89.999, -60.0, 0.0, 5.0, 45.0, 89.9])
    total = (np.asarray(associated_legendre(lat, last)) ** 2).sum(axis=1)
    expected = np.broadcast_to(2 * np.arange(last + 1)[:, None] + 1, total.shape)
    # At a pole the recurrence loses n^2 roundings.
    np.testing.assert_allclose(total, expected, rtol=2e-10)


def test_the_last_degree_allowed_is_finite_at_the_poles():
    cosine = np.zeros((MAX_DEGREE + 1, MAX_DEGREE + 1))
    cosine[MAX_DEGREE] = 1
    at = synthesise_at(Harmonics(cosine, cosine), lat=[90.0, -89.9999], lon=[0.0, 0.0])
    np.testing.assert_allclose(at[0], np.sqrt(2 * MAX_DEGREE + 1), rtol=2e-10)
    assert np.isfinite(at).all()


@pytest.mark.slow
def test_functions_of_high_degree_are_those_of_pyshtools():
    shtools = pytest.importorskip("pyshtools")
    last, lat = 2000, 31.7
    ours = np.asarray(associated_legendre([lat], last))[..., 0]
    packed = shtools.legendre.PlmBar(last, np.sin(lat * DEGREE))
    np.testing.assert_allclose(ours[np.tril_indices(last + 1)], packed, atol=1e-10)


# Coefficients


@pytest.mark.slow
@pytest.mark.parametrize("last", [0, 1, 15, 16, 31, 40])
def test_tiles_hold_every_coefficient_once(rng, last):
    coefficients = rng.normal(size=(2, 3, last + 1, last + 1))
    tiles = to_tiles(coefficients)
    np.testing.assert_array_equal(from_tiles(tiles, last), np.tril(coefficients))
    assert np.count_nonzero(tiles) == np.count_nonzero(np.tril(coefficients))


def test_nothing_above_the_diagonal_is_looked_at(rng):
    coefficients = random_harmonics(rng, 20)
    full = np.triu(rng.normal(size=(2, 21, 21)), 1)
    spoilt = Harmonics(coefficients.cosine + full[0], coefficients.sine + full[1])
    lat, lon = ROWS["middles"], around(42)
    np.testing.assert_array_equal(
        synthesise(spoilt, lat, lon), synthesise(coefficients, lat, lon)
    )


# Closed forms and identities


@pytest.mark.parametrize(
    ("degree", "order", "sine", "form"),
    [
        (0, 0, False, lambda lat, lon: 1 + 0 * lat * lon),
        (1, 0, False, lambda lat, lon: np.sqrt(3) * np.sin(lat) + 0 * lon),
        (1, 1, False, lambda lat, lon: np.sqrt(3) * np.cos(lat) * np.cos(lon)),
        (1, 1, True, lambda lat, lon: np.sqrt(3) * np.cos(lat) * np.sin(lon)),
        (
            2,
            1,
            True,
            lambda lat, lon: np.sqrt(15) * np.sin(lat) * np.cos(lat) * np.sin(lon),
        ),
        (
            3,
            3,
            False,
            lambda lat, lon: np.sqrt(35 / 8) * np.cos(lat) ** 3 * np.cos(3 * lon),
        ),
    ],
)
def test_one_harmonic_is_what_the_textbook_says(degree, order, sine, form):
    lat, lon = np.linspace(-90, 90, 7), np.array([-170.0, 10.0, 95.0])
    field = synthesise(one_harmonic(4, degree, order, sine), lat, lon)
    expected = form(lat[:, None] * DEGREE, lon[None, :] * DEGREE)
    np.testing.assert_allclose(field, expected, atol=1e-14)


@pytest.mark.parametrize("kind", ROWS)
def test_analysis_gives_back_what_was_synthesised(rng, kind):
    coefficients = random_harmonics(rng, 20, lead=(2, 3))
    for start in (-180.0, 0.0, 0.5, 37.123):
        lat, lon = ROWS[kind], around(42, start)
        found = analyse(synthesise(coefficients, lat, lon), lat, lon, 20)
        assert_same(found, coefficients, atol=1e-13)


@pytest.mark.slow
def test_analysis_gives_back_degree_720(rng):
    coefficients = random_harmonics(rng, 720)
    lat, lon = gaussian_lat(721), around(1442, -180)
    found = analyse(synthesise(coefficients, lat, lon), lat, lon, 720)
    assert_same(found, coefficients, atol=1e-10)


def test_the_mean_square_of_a_field_is_the_sum_of_squares(rng):
    """Parseval."""
    coefficients = random_harmonics(rng, 20)
    lat, lon = ROWS["Gaussian"], around(42)
    field, rows = np.asarray(synthesise(coefficients, lat, lon)), latitude_rows(lat)
    mean = (rows.weights / 2) @ (field**2).mean(axis=1)
    total = (coefficients.cosine**2).sum() + (coefficients.sine**2).sum()
    np.testing.assert_allclose(mean, total, rtol=1e-13)


def test_harmonics_of_one_degree_add_up_to_a_legendre_polynomial(rng):
    """The addition theorem, with an angle between."""
    (lon, other_lon), (lat, other_lat) = rng.uniform(-90, 90, (2, 2))
    degree = 33
    values = {}
    for name, where in (("one", (lon, lat)), ("other", (other_lon, other_lat))):
        table = np.asarray(associated_legendre([where[1]], degree))[degree, :, 0]
        angle = np.arange(degree + 1) * where[0] * DEGREE
        values[name] = np.concatenate([table * np.cos(angle), table * np.sin(angle)])
    cosine = np.sin(lat * DEGREE) * np.sin(other_lat * DEGREE) + np.cos(
        lat * DEGREE
    ) * np.cos(other_lat * DEGREE) * np.cos((lon - other_lon) * DEGREE)
    expected = (2 * degree + 1) * scipy.special.eval_legendre(degree, cosine)
    np.testing.assert_allclose(values["one"] @ values["other"], expected, atol=1e-11)


def test_a_turn_about_the_axis_mixes_cosine_and_sine_of_one_order(rng):
    coefficients, turn = random_harmonics(rng, 20), 23.4
    angle = np.arange(21)[None, :] * turn * DEGREE
    turned = Harmonics(
        coefficients.cosine * np.cos(angle) + coefficients.sine * np.sin(angle),
        coefficients.sine * np.cos(angle) - coefficients.cosine * np.sin(angle),
    )
    lat = ROWS["middles"]
    np.testing.assert_allclose(
        synthesise(turned, lat, around(42)),
        synthesise(coefficients, lat, around(42, turn)),
        atol=1e-13,
    )


# One way is another


@pytest.mark.parametrize("count", [39, 40, 42])
def test_columns_around_the_earth_are_summed_as_any_others(rng, count):
    """By FFT, or by a product where an FFT would have too few columns."""
    coefficients, lat = random_harmonics(rng, 20), ROWS["middles"]
    whole = np.asarray(synthesise(coefficients, lat, around(count, -13.0)))
    part = np.asarray(synthesise(coefficients, lat, around(count, -13.0)[:7]))
    np.testing.assert_allclose(whole[..., :7], part, atol=1e-13)


def test_rows_may_lie_anywhere_in_any_direction(rng):
    coefficients, lon = random_harmonics(rng, 20), around(42)
    lat = np.array([10.0, -10.0, 83.2, 0.0, -33.3, 90.0])
    field = np.asarray(synthesise(coefficients, lat, lon))
    for row, one in zip(field, lat):
        alone = np.asarray(synthesise_at(coefficients, lat=np.full(42, one), lon=lon))
        np.testing.assert_allclose(row, alone, atol=1e-14)


def test_many_epochs_are_each_as_if_alone(rng):
    coefficients, lat, lon = (
        random_harmonics(rng, 20, lead=(6,)),
        ROWS["Gaussian"],
        around(42),
    )
    together = np.asarray(synthesise(coefficients, lat, lon))
    found = analyse(together, lat, lon, 20)
    for epoch in range(6):
        alone = jax.tree.map(lambda x, e=epoch: x[e], coefficients)
        field = synthesise(alone, lat, lon)
        np.testing.assert_allclose(together[epoch], field, atol=1e-14)
        single = analyse(field, lat, lon, 20)
        np.testing.assert_allclose(found.cosine[epoch], single.cosine, atol=1e-14)


def test_the_sum_at_places_is_the_sum_on_a_grid(rng):
    coefficients = random_harmonics(rng, 40, lead=(2,))
    lat, lon = np.array([-90.0, -20.0, 0.0, 47.1, 90.0]), np.array([3.0, 190.0])
    grid = np.asarray(synthesise(coefficients, lat, lon))
    place_lat, place_lon = np.repeat(lat, 2), np.tile(lon, 5)
    at = synthesise_at(coefficients, lat=place_lat, lon=place_lon)
    np.testing.assert_allclose(at, grid.reshape(2, 10), atol=1e-13)


def test_places_beyond_one_part_are_summed_as_well(rng):
    coefficients = random_harmonics(rng, 5)
    lon, lat = rng.uniform(-180, 180, 1100), rng.uniform(-90, 90, 1100)
    at = np.asarray(synthesise_at(coefficients, lat=lat, lon=lon))
    few = np.asarray(synthesise_at(coefficients, lat=lat[-3:], lon=lon[-3:]))
    assert at.shape == (1100,)
    np.testing.assert_allclose(at[-3:], few, atol=1e-14)


def test_the_gradient_is_the_derivative_of_the_sum(rng):
    coefficients = random_harmonics(rng, 30, lead=(2,))
    lon, lat = rng.uniform(-180, 180, 8), rng.uniform(-80, 80, 8)
    at = lambda lon, lat: synthesise_at(coefficients, lat=lat, lon=lon)
    east, north = gradient_at(coefficients, lat=lat, lon=lon)
    step = 1e-4
    by_lon = (at(lon + step, lat) - at(lon - step, lat)) / (2 * step * DEGREE)
    by_lat = (at(lon, lat + step) - at(lon, lat - step)) / (2 * step * DEGREE)
    per_east = np.asarray(by_lon) / np.cos(lat * DEGREE)
    np.testing.assert_allclose(east, per_east, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(north, by_lat, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("lat", [90.0, -90.0, 89.9999999])
def test_the_gradient_at_a_pole_is_that_of_a_plane(lat):
    """x + 2 y + 3 z has the gradient (1, 2) there, turned by the longitude."""
    cosine, sine = np.zeros((2, 12, 12))
    cosine[1, 1], sine[1, 1], cosine[1, 0] = np.array([1, 2, 3]) / np.sqrt(3)
    lon = np.array([0.0, 30.0, -100.0])
    east, north = gradient_at(Harmonics(cosine, sine), lat=np.full(3, lat), lon=lon)
    angle = lon * DEGREE
    # North is toward the pole: along -x at longitude 0 in the north, +x in the south.
    outward = np.cos(angle) + 2 * np.sin(angle)
    np.testing.assert_allclose(north, -np.sign(lat) * outward, atol=1e-7)
    np.testing.assert_allclose(east, 2 * np.cos(angle) - np.sin(angle), atol=1e-14)


def test_all_of_it_can_be_jitted_and_mapped(rng):
    coefficients, lat, lon = (
        random_harmonics(rng, 6, lead=(2,)),
        middles(13),
        around(14),
    )
    both = lambda h: analyse(synthesise(h, lat, lon), lat, lon, 6)
    assert_same(jax.jit(jax.vmap(both))(coefficients), coefficients, atol=1e-14)


def everything(harmonics):
    """All that can be differentiated in one program, to compile it once."""
    grid = synthesise(harmonics, middles(9), around(10))
    places = [1.0, 2.0], [3.0, 90.0]
    return (
        synthesise_at(harmonics, lat=places[1], lon=places[0]),
        gradient_at(harmonics, lat=places[1], lon=places[0]),
        analyse(grid**2, middles(9), around(10), 4),
    )


@pytest.mark.slow
def test_gradients_are_those_of_finite_differences(rng):
    harmonics = Harmonics(*jnp.asarray(rng.normal(size=(2, 5, 5))))
    check_grads(jax.jit(everything), (harmonics,), order=1)


@pytest.mark.slow
def test_the_gradient_of_a_sum_of_squares_is_twice_parseval(rng):
    """Reverse mode through a transform of many tiles."""
    coefficients = jax.tree.map(jnp.asarray, random_harmonics(rng, 70))
    lat, lon = gaussian_lat(71), around(142)
    weights = jnp.asarray(latitude_rows(lat).weights)[:, None] / 2 / 142
    energy = lambda h: (weights * synthesise(h, lat, lon) ** 2).sum()
    slope = jax.grad(energy)(coefficients)
    assert_same(slope, jax.tree.map(lambda x: 2 * x, coefficients), atol=1e-12)


# pyshtools


@pytest.mark.parametrize(
    ("grid", "last"),
    [("DH", 61), pytest.param("DH2", 90, marks=pytest.mark.slow), ("GLQ", 180)],
)
def test_grids_are_those_of_pyshtools(rng, grid, last):
    shtools = pytest.importorskip("pyshtools")
    coefficients = random_harmonics(rng, last)
    theirs = shtools.SHCoeffs.from_array(
        np.stack([coefficients.cosine, coefficients.sine])
    ).expand(grid=grid, extend=False)
    lat, lon = theirs.lats(), theirs.lons()
    np.testing.assert_allclose(
        synthesise(coefficients, lat, lon), theirs.data, rtol=0, atol=1e-10
    )
    found = analyse(theirs.data, lat, lon, last)
    expanded = theirs.expand(lmax_calc=last).coeffs
    assert_same(found, Harmonics(*expanded), atol=1e-10)


def test_places_are_those_of_pyshtools(rng):
    shtools = pytest.importorskip("pyshtools")
    coefficients = random_harmonics(rng, 180)
    lon, lat = rng.uniform(-180, 180, 30), rng.uniform(-80, 80, 30)
    expansion = shtools.SHCoeffs.from_array(
        np.stack([coefficients.cosine, coefficients.sine])
    )
    theirs = expansion.expand(lat=lat, lon=lon)
    np.testing.assert_allclose(
        synthesise_at(coefficients, lat=lat, lon=lon), theirs, atol=1e-10
    )


def test_gradients_are_those_of_pyshtools(rng):
    shtools = pytest.importorskip("pyshtools")
    coefficients = random_harmonics(rng, 60)
    expansion = shtools.SHCoeffs.from_array(
        np.stack([coefficients.cosine, coefficients.sine])
    )
    theirs = expansion.gradient(grid="DH", extend=False, radius=1.0)
    lat, lon = theirs.theta.lats()[1:], theirs.theta.lons()
    chosen = rng.integers(0, (len(lat), len(lon)), (40, 2)).T
    east, north = gradient_at(coefficients, lat=lat[chosen[0]], lon=lon[chosen[1]])
    # Theta grows southward.
    row, column = chosen[0] + 1, chosen[1]
    np.testing.assert_allclose(north, -theirs.theta.data[row, column], atol=1e-10)
    np.testing.assert_allclose(east, theirs.phi.data[row, column], atol=1e-10)


# Grids and what is wrong with them


@pytest.mark.parametrize("count", [2, 3, 8, 9])
@pytest.mark.parametrize("kind", ["middles", "poles", "one pole", "Gaussian"])
def test_rows_integrate_polynomials_exactly(count, kind):
    if kind == "one pole" and count % 2:
        count += 1
    lat = {
        "middles": middles(count),
        "poles": np.linspace(-90, 90, count),
        "one pole": 90 - np.arange(count) * 180 / count,
        "Gaussian": gaussian_lat(count),
    }[kind]
    rows = latitude_rows(lat)
    np.testing.assert_allclose(rows.lat, lat, atol=1e-12)
    powers = np.arange(2 * rows.max_degree + 1)
    integral = rows.weights @ np.sin(lat * DEGREE)[:, None] ** powers
    np.testing.assert_allclose(
        integral, np.where(powers % 2, 0, 2 / (powers + 1)), atol=1e-14
    )


def test_rows_that_a_file_has_rounded_are_put_back():
    exact = gaussian_lat(80)
    rows = latitude_rows(np.round(exact, 3))
    np.testing.assert_allclose(rows.lat, exact, atol=1e-12)


def field_on(lat, lon):
    return np.ones((len(lat), len(lon)))


@pytest.mark.parametrize(
    ("lat", "what"),
    [
        (np.linspace(-80, 80, 41), "equally spaced but do not cover the globe"),
        (np.sort(90 * np.sin(np.linspace(-1.5, 1.5, 41))), "uneven"),
        (np.full(41, 100.0), "within 90 degrees"),
        ([0.0], "two or more"),
    ],
)
def test_rows_of_no_such_grid_are_refused(lat, what):
    lon = around(42)
    with pytest.raises(ValueError, match=what):
        analyse(field_on(lat, lon), lat, lon, 5)


@pytest.mark.parametrize(
    ("lon", "what"),
    [
        (np.linspace(0, 360, 43), "leave the last column out"),
        (around(42)[::-1], "sort or interpolate"),
        (around(42)[:-1], "sort or interpolate"),
        (np.append(around(42)[:-1], np.nan), "not finite"),
    ],
)
def test_columns_not_around_the_earth_are_refused(lon, what):
    lat = middles(41)
    with pytest.raises(ValueError, match=what):
        analyse(field_on(lat, lon), lat, lon, 5)


def test_columns_may_jump_by_a_whole_turn():
    lon = around(42, 0.5)
    assert longitude_start(np.where(lon > 180, lon - 360, lon)) == 0.5
    assert longitude_start(lon - 180.5) == -180


@pytest.mark.parametrize(
    ("rows", "columns", "reach"), [(41, 60, 20), (60, 41, 20), (42, 42, 20)]
)
def test_a_degree_that_a_grid_does_not_resolve_is_refused(rows, columns, reach):
    lat, lon = middles(rows), around(columns)
    analyse(field_on(lat, lon), lat, lon, reach)
    with pytest.raises(ValueError, match=f"resolve degree {reach} at most"):
        analyse(field_on(lat, lon), lat, lon, reach + 1)


def test_gaps_in_a_field_are_refused():
    lat, lon = middles(41), around(42)
    field = field_on(lat, lon)
    field[3, 4:6] = np.nan
    with pytest.raises(ValueError, match="2 of 1722 values that are NaN"):
        analyse(field, lat, lon, 5)


def test_a_field_that_is_transposed_is_refused():
    lat, lon = middles(41), around(42)
    with pytest.raises(ValueError, match="is it transposed"):
        analyse(field_on(lon, lat), lat, lon, 5)


@pytest.mark.parametrize(
    ("shapes", "what"),
    [
        (((5, 5), (4, 4)), "expected the same"),
        (((5, 4), (5, 4)), "as many orders as degrees"),
        (((5,), (5,)), "expected the same"),
    ],
)
def test_coefficients_of_other_shapes_are_refused(shapes, what):
    harmonics = Harmonics(*(np.zeros(shape) for shape in shapes))
    with pytest.raises(ValueError, match=what):
        synthesise(harmonics, [0.0], [0.0])


def test_places_that_are_none_are_refused(rng):
    coefficients = random_harmonics(rng, 3)
    with pytest.raises(ValueError, match=r"place 1 has lon 3 and lat 120.*swapped"):
        synthesise_at(coefficients, lat=[2.0, 120.0], lon=[1.0, 3.0])
    with pytest.raises(ValueError, match="one of each per place"):
        gradient_at(coefficients, lat=[2.0], lon=[1.0, 3.0])
    with pytest.raises(ValueError, match="are lat and lon swapped"):
        synthesise(coefficients, [100.0], [2.0])


def test_degrees_out_of_reach_are_refused():
    with pytest.raises(ValueError, match=f"expected 0 to {MAX_DEGREE}"):
        associated_legendre([0.0], MAX_DEGREE + 1)


def test_single_precision_is_refused(rng):
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(ValueError, match="need float64"):
            synthesise(random_harmonics(rng, 3), [0.0], [0.0])
    finally:
        jax.config.update("jax_enable_x64", True)


def test_grids_and_places_take_latitude_before_longitude_and_places_by_name(rng):
    coefficients = random_harmonics(rng, 3)
    for function in (synthesise, synthesise_at, gradient_at):
        names = list(inspect.signature(function).parameters)
        assert names == ["harmonics", "lat", "lon"]
    # A call of the order that there was once would else give numbers of elsewhere.
    for function in (synthesise_at, gradient_at):
        with pytest.raises(TypeError, match="positional"):
            function(coefficients, [10.0], [50.0])
