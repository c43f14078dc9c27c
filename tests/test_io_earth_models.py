import numpy as np
import pytest

from jaxload import earth
from jaxload.io.earth_models import read_earth_profile, read_love_numbers


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "model.txt"
        path.write_text(content)
        return path

    return write


def test_a_model_with_extra_columns_is_read_in_si_units(reference):
    path = reference / "earth_model_PREM_no_ocean.txt"
    radius, vp, vs, density = read_earth_profile(path)
    assert radius[0] == 6_371_000.0
    assert radius[-1] == 0.0
    assert (vp[0], vs[0], density[0]) == pytest.approx((6189.04, 3414.64, 2283.40))
    assert len(radius) == 199


def test_a_model_read_from_a_file_has_the_mass_of_the_earth(reference):
    profile = read_earth_profile(reference / "earth_model_PREM_no_ocean.txt")
    model = earth.earth_model(*profile, name="mine")
    mass = earth.enclosed_mass(model, model.radius[-1])
    assert float(mass) == pytest.approx(5.9732e24, rel=3e-5)


def test_comments_and_blank_lines_are_left_out(file):
    radius, _, _, density = read_earth_profile(
        file("# r vp vs rho\n\n0 9 4 10\n1 9 4 9")
    )
    np.testing.assert_array_equal(radius, [0, 1000])
    np.testing.assert_array_equal(density, [10_000, 9000])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no data"),
        ("6371 6 3.5\n0 9 4\n", "line 1 has 3 columns, expected"),
        ("6371 6 3.5 3\n0 9 4\n", "line 2 has 3 columns, expected"),
        ("6371 6 solid 3\n0 9 4 10\n", "line 1: vs is 'solid', expected a number"),
        (
            "6371000 6000 3500 3000\n0 9000 4000 10000\n",
            "r reaches 6.371e.06, expected km",
        ),
        ("6371 6000 3500 3000\n0 9000 4000 10000\n", "vp reaches 9000, expected km/s"),
    ],
)
def test_a_file_that_is_no_earth_model_says_why(file, content, message):
    with pytest.raises(ValueError, match=message):
        read_earth_profile(file(content))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt does not exist"):
        read_earth_profile(tmp_path / "nowhere.txt")


@pytest.mark.parametrize(
    ("name", "rows", "second"),
    [
        (
            "love_numbers_PREM_wang2012_1_5000.txt",
            5000,
            (2, -0.99079949, 0.023286695, -0.30516104),
        ),
        (
            "love_numbers_REF6371_0_40000.txt",
            40_001,
            (2, -0.9945870427, 0.02411249876, -0.3057703326),
        ),
        (
            "loaddef_lln_PREM_all_0_10000.csv",
            10_001,
            (2, -0.9946951791, 0.0466594349, -0.6135687294),
        ),
    ],
)
def test_published_love_numbers_are_read(reference, name, rows, second):
    columns = read_love_numbers(reference / name)
    assert all(column.shape == (rows,) for column in columns)
    at = int(np.flatnonzero(columns[0] == 2)[0])
    assert tuple(column[at] for column in columns) == second


def test_fortran_exponents_commas_and_headers_are_read(file):
    content = (
        "Love numbers\nn h l k\n# CE\n1,-0.29D+00,1.1d-1,0\n\n2, -1.D0, .02, -.3D0\n"
    )
    columns = read_love_numbers(file(content))
    expected = [[1, 2], [-0.29, -1], [0.11, 0.02], [0, -0.3]]
    np.testing.assert_array_equal(columns, expected)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no data"),
        ("n h l k\n", "line 1 has|line 1: n is|holds no data"),
        ("1 -0.3 0.1\n", "line 1 has 3 columns, expected"),
        ("1 -0.3 0.1 0\n2 -1.0 0.02\n", "line 2 has 3 columns, expected"),
        ("1 -0.3 0.1 0\n2 -1.0 soft -0.3\n", "line 2: l is 'soft', expected a number"),
    ],
)
def test_a_file_that_holds_no_love_numbers_says_why(file, content, message):
    with pytest.raises(ValueError, match=message):
        read_love_numbers(file(content))
