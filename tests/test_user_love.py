import jax
import numpy as np
import pytest

from jaxload.earth.love.from_model import in_frame
from jaxload.earth.love.from_table import (
    is_times_degree,
    love_numbers_from_table,
    table_frame,
)
from jaxload.io.earth.love_tables import read_love_numbers

TABLE = ([1, 2, 3], [-0.29, -1.0, -1.05], [0.11, 0.02, 0.07], [0.0, -0.31, -0.2])


def made(columns=TABLE, frame="CE", radius=6.371e6, gravity=9.82, **more):
    return love_numbers_from_table(columns, frame, radius, gravity, **more)


def table(**changes):
    """Return TABLE with entries replaced, as ``column=(row, value)``."""
    columns = {n: np.array(c, float) for n, c in zip(("n", "h", "l", "k"), TABLE)}
    for name, (row, value) in changes.items():
        columns[name][row] = value
    return list(columns.values())


def test_a_table_becomes_love_numbers_from_degree_zero():
    love = made(source="mine")
    np.testing.assert_allclose(love.h, [0, -0.29, -1.0, -1.05], rtol=1e-15)
    np.testing.assert_allclose(love.l, [0, 0.11, 0.02, 0.07], rtol=1e-15)
    assert (love.frame, love.source) == ("CE", "mine")
    assert float(in_frame(love, "CM").h[1]) == pytest.approx(-1.29)


def test_rows_may_come_in_any_order():
    shuffled = [np.array(column)[[2, 0, 1]] for column in TABLE]
    jax.tree.map(np.testing.assert_array_equal, made(shuffled), made())


def test_columns_times_the_degree_are_divided_by_it():
    degree, h, l, k = (np.array(column) for column in TABLE)
    times = made((degree, h, degree * l, degree * k), times_degree=True)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, 1e-14), times, made())


def test_a_complete_table_is_kept_as_it_is(reference):
    columns = read_love_numbers(reference / "love_numbers_REF6371_0_40000.txt")
    love = made(columns, "CM")
    for found, given in zip((love.h, love.l, love.k), columns[1:]):
        np.testing.assert_allclose(found, given, rtol=1e-15, atol=0)


def test_degrees_that_are_left_out_are_interpolated(reference):
    columns = read_love_numbers(reference / "loaddef_lln_PREM_all_0_10000.csv")
    printed = [*range(11), 12, 15, 20, 30, 40, 50, 70, 100, 150, 200, 300, 500, 700]
    printed += [1000, 1500, 2000, 3000, 5000, 7000, 10_000]
    sparse = made([c[printed] for c in columns], times_degree=True)
    whole = made(columns, times_degree=True)
    for name, tolerance in (("h", 5e-4), ("l", 2e-3), ("k", 1e-3)):
        found, exact = (np.asarray(getattr(x, name)) for x in (sparse, whole))
        np.testing.assert_allclose(found[2:], exact[2:], rtol=tolerance)
        np.testing.assert_allclose(found[printed], exact[printed], rtol=1e-14)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ([c[1:] for c in TABLE], "degree 1 is not in the table; give it"),
        ([[0, 1, 3], *TABLE[1:]], "degree 2 is not in the table; give it"),
        (table(n=(2, 2)), "degree 2 is in the table twice"),
        (table(n=(2, 2.5)), "degree 2.5 is in the table, expected whole numbers"),
        (table(n=(0, -1)), "degree -1 is in the table, expected whole numbers"),
        (table(l=(1, np.nan)), "l is nan in row 1; give a number"),
        (table(k=(0, -1.0)), "k of degree 1 is -1, but 0 in the frame 'CE'"),
        (TABLE[:3], "expected degree, h, l and k of one length"),
        ([TABLE[0][:2], *TABLE[1:]], "expected degree, h, l and k of one length"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(columns, message):
    with pytest.raises(ValueError, match=message) as error:
        made(columns)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ("CM", "k of degree 1 is 0, but -1 in the frame 'CM'"),
        ("CF", r"h \+ 2 l of degree 1 is -0.07, but 0 in the frame 'CF'"),
        ("cm", "frame is 'cm', expected one of 'CE', 'CM', 'CF'"),
    ],
)
def test_a_frame_that_is_not_the_tables_is_refused(frame, message):
    with pytest.raises(ValueError, match=message):
        made(frame=frame)


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_an_earth_without_size_or_gravity_is_refused(wrong):
    with pytest.raises(ValueError, match=f"radius is {wrong}, expected a positive"):
        made(radius=wrong)
    with pytest.raises(ValueError, match=f"gravity is {wrong}, expected a positive"):
        made(gravity=wrong)


def test_single_precision_is_refused():
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(ValueError, match="Love numbers need float64"):
            made()
    finally:
        jax.config.update("jax_enable_x64", True)


@pytest.mark.parametrize(
    ("first", "frame"),
    [
        ((-0.29, 0.11, 0.0), "CE"),
        ((-1.29, -0.89, -1.0), "CM"),
        ((-0.26, 0.13, 0.02), "CF"),
    ],
)
def test_degree_one_says_in_which_frame_a_table_is(first, frame):
    columns = table(h=(0, first[0]), l=(0, first[1]), k=(0, first[2]))
    assert table_frame(columns) == frame


def test_a_table_in_no_frame_is_refused():
    with pytest.raises(
        ValueError, match=r"degree 1 is h = -0.29.* in none of the frames"
    ):
        table_frame(table(k=(0, -0.5)))


def test_columns_times_the_degree_are_not_taken_for_plain_ones():
    degree, h, l, k = (np.array(column) for column in TABLE)
    times = (degree, h, degree * l, degree * k)
    assert (is_times_degree(times), is_times_degree(TABLE)) == (True, False)
    with pytest.raises(ValueError, match=r"-0.62, which is n k' .* times_degree=True"):
        made(times)
    with pytest.raises(ValueError, match=r"-0.31, which is k' .* times_degree=False"):
        made(TABLE, times_degree=True)
