import numpy as np
import pytest

from jaxload import earth
from jaxload.earth.interior.structure import material_at
from jaxload.io.earth.love_tables import read_love_numbers
from jaxload.io.earth.profiles import read_earth_profile


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
        ("6371 6 solid 3\n0 9 4 10\n", "line 1: column 3 is 'solid', expected a"),
        ("0 9 4 10\nwhat? 6 4 3\n6371 6 4 3\n", "line 2 is 'what[?] 6 4 3', expected"),
        ("0 9 4 13\n2891 8 3 11\n", "no column that runs from 0 to about 6371 km"),
        ("0 6 3 3\n6371 6 3 3\n", "column 4 as density its mass is 3.25e.24 kg"),
        ("# depth vp vs rho\n0 6 3 3\n660 9 5 4\n", "depths from 0 to 660 km"),
        ("# r vp vs rho\n0 9 4 nan\n1 9 4 9", "line 2 lacks a radius, velocity or"),
    ],
)
def test_a_file_that_is_no_earth_model_says_why(file, content, message):
    with pytest.raises(ValueError, match=message):
        read_earth_profile(file(content))


@pytest.fixture
def prem_rows():
    """PREM as radius [km], vp, vs [km/s] and rho [g/cm3], from the surface down."""
    model = earth.prem()
    bounds = np.asarray(model.radius)
    inner = np.linspace(bounds[:-1], bounds[1:], 8)
    # Both sides of a boundary are a row.
    radius = inner.T.ravel()
    shifted = np.clip(radius, bounds[:-1].repeat(8) + 1, bounds[1:].repeat(8) - 1)
    density, bulk, shear = (np.asarray(x) for x in material_at(model, shifted))
    speeds = np.sqrt((bulk + 4 / 3 * shear) / density), np.sqrt(shear / density)
    return np.stack([radius, *speeds, density], axis=1)[::-1] / 1e3


def written(rows, delimiter=" "):
    return "\n".join(delimiter.join(f"{x:.6f}" for x in row) for row in rows) + "\n"


def check_prem(profile, rows):
    order = slice(None, None, 1 if profile.radius[0] > 1 else -1)
    for found, expected in zip(profile, rows.T):
        np.testing.assert_allclose(found[order], 1e3 * expected, rtol=2e-6, atol=0.1)


def with_quality(rows):
    """Rows with shear and bulk quality, as large as densities in SI units."""
    fluid = rows[:, 2] == 0
    quality = np.stack([np.full(len(rows), 57822.0), np.where(fluid, 0, 312.0)], axis=1)
    return np.concatenate([rows, quality], axis=1)


LAYOUTS = {
    "radius": lambda rows: written(rows),
    "upward": lambda rows: written(rows[::-1]),
    "with quality factors": lambda rows: written(with_quality(rows)),
    "in SI units": lambda rows: written(rows * 1e3),
    "density in kg/m3 alone": lambda rows: written(rows * [1, 1, 1, 1e3]),
    "density first": lambda rows: written(rows[:, [0, 3, 1, 2]]),
    "csv of depth": lambda rows: written(depth(rows), ","),
    "semicolons and decimal commas": lambda rows: written(depth(rows), ";").replace(
        ".", ","
    ),
    "titles of tvel": lambda rows: "prem - P\nprem - S\n" + written(depth(rows)),
    "names of nd": lambda rows: named(depth(with_quality(rows))),
    "radius and depth": lambda rows: written(
        np.concatenate([rows[:, :1], depth(rows)[:, [0, 3, 1, 2]]], axis=1)
    ),
    "AxiSEM": lambda rows: (
        "# a comment\nANELASTIC F\nUNITS m\nCOLUMNS radius rho vpv vsv\n"
        + written(1e3 * rows[:, [0, 3, 1, 2]])
    ),
    "MINEOS": lambda rows: (
        f"prem\n  1 1.00000 1\n  {len(rows)} 33 66\n" + written(1e3 * mineos(rows))
    ),
    "polarisations": lambda rows: written(rows[:, [0, 3, 1, 1, 2, 2]]),
    "header": lambda rows: (
        "Depth (km), S [km/s], Density [g/cm3], P [km/s]\n"
        + written(depth(rows)[:, [0, 2, 3, 1]], ",")
    ),
}


def mineos(rows):
    """Rows of radius, density, vpv, vsv, two quality factors, vph, vsh and eta."""
    eta = np.full((len(rows), 1), 1e-3)
    columns = with_quality(rows)[:, [0, 3, 1, 2, 4, 5, 1, 2]]
    return np.concatenate([columns, eta], axis=1)[::-1]


def depth(rows):
    return np.concatenate([rows[:1, :1] - rows[:, :1], rows[:, 1:]], axis=1)


def named(rows):
    lines = written(rows).splitlines()
    crust = int(np.flatnonzero(np.diff(rows[:, 0]) == 0)[1]) + 1
    core = int(np.flatnonzero(rows[:, 2] == 0)[0])
    parts = lines[:crust], lines[crust:core], lines[core:]
    return "\n".join([*parts[0], "mantle", *parts[1], "outer-core", *parts[2], ""])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_model_is_the_same_in_every_layout(file, prem_rows, layout):
    check_prem(read_earth_profile(file(LAYOUTS[layout](prem_rows))), prem_rows)


def test_two_polarisations_become_the_isotropic_mean(file, prem_rows):
    rows = prem_rows[:, [0, 3, 1, 1, 2, 2]] * [1, 1, 1.01, 1.02, 0.99, 1.02]
    header = "r rho vpv vph vsv vsh\n"
    for text in (written(rows), header + written(rows)):
        profile = read_earth_profile(file(text))
        vp = np.sqrt((1.01**2 + 4 * 1.02**2) / 5) * 1e3 * prem_rows[:, 1]
        vs = np.sqrt((2 * 0.99**2 + 1.02**2) / 3) * 1e3 * prem_rows[:, 2]
        np.testing.assert_allclose(profile.vp, vp, rtol=1e-5)
        np.testing.assert_allclose(profile.vs, vs, rtol=1e-5)


@pytest.mark.parametrize("header", ["", "# r vp vs rho\n"])
def test_an_earth_of_twice_the_mass_is_refused(file, prem_rows, header):
    heavy = written(prem_rows * [1, 1, 1, 2])
    with pytest.raises(ValueError, match=r"mass (is|of) 1\.19\d?e\+25 kg"):
        read_earth_profile(file(header + heavy))


def test_depths_that_a_header_calls_radii_are_refused(file, prem_rows):
    text = "radius vp vs rho\n" + written(depth(prem_rows))
    with pytest.raises(ValueError, match=r"mass of 1\.2\d*e\+25 kg .* its header"):
        read_earth_profile(file(text))


def test_a_row_that_lost_a_column_is_no_header(file, prem_rows):
    text = "prem - P\nprem - S\n" + written(depth(prem_rows)).partition(" ")[2]
    with pytest.raises(ValueError, match="line 3 has 3 columns, expected 4"):
        read_earth_profile(file(text))


MODELS = "1066a.nd ak135.tvel ak135f_no_mud.nd axisem.bm herrin.nd iasp91.nd jb.nd"
MODELS += " iasp91.tvel loaddef_PREM.txt prem.nd prem_nowords.nd pwdk.nd sp6.nd"
MODELS += " PREM_1s.csv PREM_1s_blank.txt r_rho_vp_vs.txt"


@pytest.mark.parametrize("name", MODELS.split())
def test_models_as_people_have_them_are_the_earth(cases, name):
    profile = read_earth_profile(cases / "grids" / "16_earth_models" / name)
    model = earth.earth_model(*profile)
    assert float(earth.enclosed_mass(model, 6.371e6)) == pytest.approx(
        5.97e24, rel=0.01
    )
    assert float(earth.gravity(model, 6.371e6)) == pytest.approx(9.82, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS.split())
def test_models_as_people_have_them_answer_a_load_as_the_earth_does(cases, name):
    profile = read_earth_profile(cases / "grids" / "16_earth_models" / name)
    love = earth.love_numbers(earth.earth_model(*profile), 2, "CE")
    assert float(love.h[2]) == pytest.approx(-1.0, abs=0.03)
    assert float(love.k[2]) == pytest.approx(-0.305, abs=0.02)


def test_a_homogeneous_earth_is_refused_by_its_mass(cases):
    folder = cases / "grids" / "16_earth_models"
    with pytest.raises(ValueError, match=r"its mass is 3\.25e\+24 kg"):
        read_earth_profile(folder / "loaddef_Homogeneous_Vp05.92_Vs03.42_Rho03.00.txt")


def test_prem_of_a_file_has_published_love_numbers(cases, reference):
    """Those of another program, to what its period of 12 hours makes of them."""
    folder = cases / "grids" / "16_earth_models"
    published = read_love_numbers(reference / "love_numbers_PREM_wang2012_1_5000.txt")
    model = earth.earth_model(*read_earth_profile(folder / "PREM_1s.csv"))
    love = earth.love_numbers(model, 40, "CE")
    for found, expected in zip((love.h, love.l, love.k), published[1:]):
        np.testing.assert_allclose(found[2:41], expected[1:40], rtol=7e-3)


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


LOVE = {
    "l": ("  l  h  k  l\n*****\n", "0132"),
    "degree": ("# degree h k l\n#\n", "0132"),
    "primes": ("n, k'(n), h'(n), l'(n)\n", "0312"),
    "usual": ("", "0123"),
    "no header": ("", "0132"),
    "n l beside l": ("n h nl nk l k\n", "012323"),
    "degree last": ("h l k n\n", "1230"),
}


@pytest.mark.parametrize("kind", LOVE)
def test_columns_of_love_numbers_are_known_by_what_they_are(file, kind):
    rows = [[1, -0.29, 0.11, 0.0], [2, -0.99, 0.023, -0.305], [3, -1.05, 0.07, -0.196]]
    head, order = LOVE[kind]
    body = [[row[int(i)] for i in order] for row in rows]
    if kind == "n l beside l":
        body = [[*row[:2], 9.0, 9.0, *row[4:]] for row in body]
    text = head + "".join(" ".join(map(str, row)) + "\n" for row in body)
    np.testing.assert_array_equal(read_love_numbers(file(text)), np.array(rows).T)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        # Body tides: the ground rises where it is attracted.
        ("2 0.61 0.085 0.30\n3 0.29 0.015 0.09\n", "0.61 0.085 0.3' at degree 2"),
        ("n h l k\n2 -0.99 -0.305 0.023\n", "-0.99 -0.305 0.023' at degree 2"),
        ("0.5 -1 0.02 -0.3\n", "has 0.5 where a table of Love numbers has a degree"),
    ],
)
def test_numbers_that_are_no_load_love_numbers_are_refused(file, content, message):
    with pytest.raises(ValueError, match=message):
        read_love_numbers(file(content))


def test_tables_as_people_have_them_are_read_by_their_headers(cases):
    folder = cases / "grids" / "15_love_tables"
    for name, last in (("Load_Love2_CE.dat", 1024), ("love_numbers", 696)):
        degree, h, l, k = read_love_numbers(folder / name)
        assert degree[-1] == last
        assert float(h[2]) == pytest.approx(-0.99, abs=0.01)
        assert float(l[2]) == pytest.approx(0.0236, abs=5e-4)
        assert float(k[2]) == pytest.approx(-0.304, abs=2e-3)


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
