import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxload.constants import GRAVITATIONAL_CONSTANT as G
from jaxload.earth.interior.model import homogeneous
from jaxload.earth.interior.reference_models import prem
from jaxload.earth.interior.response import load_response
from jaxload.earth.interior.structure import gravity
from jaxload.earth.love.from_model import (
    FRAMES,
    LoveNumbers,
    asymptotes,
    in_frame,
    load_love_numbers,
    love_numbers,
)
from jaxload.earth.love.tables import (
    LOVE_TABLES,
    QUANTUM,
    LoveTable,
    read_love_table,
    write_table,
)


@pytest.fixture(scope="module")
def table():
    return load_love_numbers("prem", frame="CE")


def stacked(love):
    degree = np.arange(len(love.h))
    return np.stack([love.h, degree * np.asarray(love.l), degree * np.asarray(love.k)])


def test_a_sample_of_the_bundled_table_is_remade(table):
    sample = np.array([0, 1, 2, 3, 17, 100, 999, 5000, 12_345, 28_030, 40_000])
    h, l, k = (np.asarray(x) for x in load_response(prem(), sample))
    remade = np.stack([h, sample * l, sample * k])
    np.testing.assert_allclose(stacked(table)[:, sample], remade, rtol=0, atol=1e-9)
    assert len(table.h) == 40_001


def test_the_bundled_table_is_of_the_earth_it_names(table):
    model = prem()
    assert float(table.radius) == model.radius[-1]
    assert float(table.gravity) == pytest.approx(
        float(gravity(model, model.radius[-1])), rel=1e-12
    )


@pytest.mark.parametrize(
    ("column", "number", "tolerance"), [(1, 0, 5e-4), (2, 1, 2.5e-3), (3, 2, 1e-3)]
)
def test_the_bundled_table_agrees_with_a_published_one(
    reference, table, column, number, tolerance
):
    theirs = np.loadtxt(reference / "love_numbers_PREM_wang2012_1_5000.txt", skiprows=1)
    ours = (table.h, table.l, table.k)[number]
    np.testing.assert_allclose(ours[2:5001], theirs[1:, column], rtol=tolerance)
    # Degree 1 is in the CE frame in both.
    assert float(ours[1]) == pytest.approx(theirs[0, column], rel=1e-3)


def test_the_bundled_table_is_smooth_in_the_degree(table):
    # A digit lost in storage would stand out of the second differences.
    second = np.abs(np.diff(stacked(table)[:, 100:], n=2))
    np.testing.assert_array_less(second[:, 10_000:], 2e-9)


def test_a_table_survives_storage(tmp_path, monkeypatch, rng):
    h, l, k = rng.standard_normal((3, 500))
    l[0] = k[0] = 0
    path = tmp_path / "some.npz"
    write_table(path, LoveTable(h, l, k, 6.4e6, 9.8))
    monkeypatch.setitem(LOVE_TABLES, "some", path)
    back = read_love_table("some")
    for found, given in ((back.h, h), (back.l, l), (back.k, k)):
        np.testing.assert_allclose(found, given, rtol=0, atol=0.51 * QUANTUM)
    assert (back.radius, back.gravity) == (6.4e6, 9.8)


def test_computed_and_bundled_love_numbers_are_the_same_thing():
    computed = love_numbers(prem(), 30, frame="CM")
    bundled = load_love_numbers("prem", frame="CM", max_degree=30)
    np.testing.assert_allclose(stacked(computed), stacked(bundled), rtol=0, atol=1e-10)
    assert computed.frame == bundled.frame == "CM"
    assert "PREM" in computed.source
    assert "prem" in bundled.source


def test_frames_differ_in_degree_one_alone(table):
    others = np.arange(len(table.h)) != 1
    for frame in FRAMES:
        moved = in_frame(table, frame)
        np.testing.assert_array_equal(
            stacked(moved)[:, others], stacked(table)[:, others]
        )
        assert moved.frame == frame


def test_each_frame_is_fixed_where_its_name_says():
    ce, cm, cf = (load_love_numbers("prem", frame, max_degree=2) for frame in FRAMES)
    assert ce.k[1] == 0  # The solid Earth's own potential has no degree 1.
    assert cm.k[1] == -1  # Nor has that of the Earth with its load.
    assert float(cf.h[1] + 2 * cf.l[1]) == pytest.approx(0, abs=1e-15)  # No mean shift.


def test_degree_one_moves_by_one_number_in_h_l_and_k():
    ce, cm, cf = (load_love_numbers("prem", frame, max_degree=2) for frame in FRAMES)
    for other in (cm, cf):
        shifts = [getattr(ce, x)[1] - getattr(other, x)[1] for x in "hlk"]
        np.testing.assert_allclose(shifts, shifts[2], rtol=0, atol=1e-15)


@pytest.mark.parametrize("here", FRAMES)
@pytest.mark.parametrize("there", FRAMES)
def test_there_and_back_again(here, there):
    love = load_love_numbers("prem", here, max_degree=3)
    back = in_frame(in_frame(love, there), here)
    np.testing.assert_allclose(stacked(back), stacked(love), rtol=0, atol=1e-15)


def test_degree_one_of_the_gutenberg_bullen_earth_matches_blewitt():
    # Blewitt (2003), table 1: h, l and k of degree 1 in CE, CM and CF.
    printed = {"CE": (-0.290, 0.113, 0), "CM": (-1.290, -0.887, -1)}
    printed["CF"] = (-0.269, 0.134, 0.021)
    columns = (jnp.array([0.0, x]) for x in printed["CE"])
    love = LoveNumbers(*columns, jnp.array(6371e3), jnp.array(9.8), "CE")
    for frame, numbers in printed.items():
        moved = in_frame(love, frame)
        found = [moved.h[1], moved.l[1], moved.k[1]]
        np.testing.assert_allclose(found, numbers, rtol=0, atol=6e-4)


def test_high_degrees_approach_the_closed_form(table):
    limit = asymptotes(prem())
    terms = np.stack([limit.h, limit.l, limit.k])
    degree = np.array([10_000, 20_000, 40_000])
    error = stacked(table)[:, degree] - terms[:, :1] - terms[:, 1:] / degree
    assert np.abs(error[:, 0]).max() < 1e-6
    # What is left is of the next order: a quarter at twice the degree.
    np.testing.assert_allclose(error[:, :-1] / error[:, 1:], 4, rtol=0.01)


@pytest.mark.slow
def test_the_closed_form_holds_for_any_material():
    for material in ((5514.0, 3.5e11, 1.5e11), (900.0, 9e9, 4e9), (3e3, 2e10, 8e10)):
        model = homogeneous(*material)
        n = np.array([20_000, 40_000])
        h, l, k = (np.asarray(x) for x in load_response(model, n))
        limit = asymptotes(model)
        for found, terms in ((h, limit.h), (n * l, limit.l), (n * k, limit.k)):
            terms = np.asarray(terms)
            error = found - terms[0] - terms[1] / n
            first = np.abs(terms[1]) / n
            assert np.all(np.abs(error) < 5e-3 * first + 1e-9)


def test_the_closed_form_is_that_of_loaddef(reference):
    # Its header holds h, n l and n k at infinity and the next coefficient of each.
    header = (reference / "loaddef_lln_PREM_all_0_10000.csv").read_text().split("\n")[1]
    theirs = [
        float(header.split(f"{name}=")[1].split()[0].rstrip(";"))
        for x in ("h", "nl", "nk")
        for name in (f"{x}_inf", f"{x}_inf_p")
    ]
    model = prem()
    # Moduli that much larger undo the difference of the constants of gravitation.
    ratio = G / 6.672e-11
    same = dataclasses.replace(
        model,
        bulk_modulus=model.bulk_modulus * ratio,
        shear_modulus=model.shear_modulus * ratio,
    )
    limit = asymptotes(same)
    ours = np.stack([limit.h, limit.l, limit.k]).ravel()
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_love_numbers_pass_through_jit_with_their_frame():
    love = load_love_numbers("prem", "CF", max_degree=5)
    moved = jax.jit(lambda x: in_frame(x, "CM"))(love)
    assert (love.frame, moved.frame) == ("CF", "CM")
    assert moved.k[1] == -1


@pytest.mark.parametrize(
    "make", [load_love_numbers, lambda f: love_numbers(prem(), 3, f)]
)
def test_an_unknown_frame_names_the_known_ones(make):
    with pytest.raises(ValueError, match=r"frame is 'cf', expected one of 'CE', 'CM'"):
        make(frame="cf") if make is load_love_numbers else make("cf")


def test_an_unknown_table_names_the_known_ones():
    with pytest.raises(ValueError, match="no table 'ak135'; there is prem"):
        load_love_numbers("ak135")


def test_a_degree_beyond_the_table_is_refused():
    with pytest.raises(
        ValueError, match="max_degree is 50000, but table 'prem' ends at 40000"
    ):
        load_love_numbers("prem", max_degree=50_000)


@pytest.mark.parametrize("last", [0, -3])
def test_love_numbers_without_degree_one_are_refused(last):
    with pytest.raises(ValueError, match=f"max_degree is {last}, expected at least 1"):
        love_numbers(prem(), last)
    with pytest.raises(ValueError, match=f"max_degree is {last}, expected at least 1"):
        load_love_numbers("prem", max_degree=last)


def test_single_precision_is_refused():
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(ValueError, match="Love numbers need float64"):
            load_love_numbers()
    finally:
        jax.config.update("jax_enable_x64", True)
