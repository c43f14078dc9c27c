"""The Earth of a study, from a model or a table of its own."""

import logging

import numpy as np
import pytest

from jaxload import config, earth
from jaxload.earth.interior.structure import material_at
from jaxload.pipeline.inputs.earth import model_of, study_love_numbers

TABLE = "n h l k\n1 -0.29 0.11 0\n2 -0.99 0.023 -0.305\n3 -1.05 0.07 -0.196\n"

# Few rows make a coarse Earth: its mass is right, and so is its moment of inertia.
ROWS = """0 6.0 3.4 2.72
24 6.8 3.9 2.92
24 8.1 4.5 3.37
670 10.0 5.5 3.95
670 10.8 6.0 4.38
2891 13.7 7.25 5.57
outer-core
2891 8.06 0 9.90
5150 10.36 0 12.17
inner-core
5150 11.03 3.50 12.76
6371 11.26 3.67 13.09
"""


@pytest.fixture
def study(tmp_path):
    def make(content="", **settings):
        if content:
            (tmp_path / "mine").write_text(content)
        return config.Study(
            gnss=config.Gnss(files="x"),
            region=config.Region(boundary="y"),
            earth=config.Earth(**{"max_degree": 100, **settings}),
            folder=str(tmp_path),
        )

    return make


def sampled(model, depth=False):
    """A model as rows of radius or depth [m], velocities [m/s] and density [kg/m3]."""
    bounds, t = np.asarray(model.radius), np.linspace(0, 1, 12)
    radius = bounds[:-1, None] + np.diff(bounds)[:, None] * t[None]
    rows = (model.density, model.bulk_modulus, model.shear_modulus)
    polynomial = np.polynomial.polynomial.polyval
    density, bulk, shear = (polynomial(t, np.asarray(x).T).ravel() for x in rows)
    speeds = np.sqrt((bulk + 4 / 3 * shear) / density), np.sqrt(shear / density)
    place = (bounds[-1] - radius if depth else radius).ravel()
    table = np.stack([place, *speeds, density], axis=1)
    return "\n".join(" ".join(f"{x:.4f}" for x in row) for row in table) + "\n"


def test_a_model_by_depth_in_a_study_is_the_earth_it_was_written_from(study):
    original = earth.iasp91()
    model = model_of(study(sampled(original, depth=True), model="mine"))
    radius = np.array([1e6, 3e6, 4e6, 6e6, 6.34e6, 6.37e6])
    for found, expected in zip(
        material_at(model, radius), material_at(original, radius)
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_water_on_top_is_refused_or_becomes_what_the_study_says(study):
    text = sampled(earth.prem(ocean=True))
    with pytest.raises(
        ValueError, match=r'3 km of water on top.* earth.ocean = "crust"'
    ):
        model_of(study(text, model="mine"))
    assert model_of(study(text, model="mine", ocean="water")).ocean > 0
    dry = model_of(study(text, model="mine", ocean="crust"))
    assert dry.ocean == 0
    density, bulk, shear = material_at(dry, np.array([6.3675e6, 6.3695e6]))
    for of_crust in (density, bulk, shear):
        assert of_crust[0] == pytest.approx(float(of_crust[1]))


def test_a_coarse_model_answers_a_load_as_the_earth_does(study, caplog):
    with caplog.at_level(logging.WARNING):
        love = study_love_numbers(study(ROWS, model="mine", frame="CE"))
    published = earth.load_love_numbers("prem", "CE", 100)
    for name in ("h", "k"):
        np.testing.assert_allclose(
            getattr(love, name)[2:10], getattr(published, name)[2:10], rtol=0.05
        )
    assert "mine has a mass of" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("2.72", "-2.72"), "is not the Earth"),
        (("4.38", "8.38"), r"earth\.model: .*mine is not the Earth: with column 4"),
        (("13.7 7.25", "7.7 7.25"), "has 0 columns that may be vp"),
        (("2891 8.06 0", "2891 8.06 0.1"), "vs falls to 0 within a layer"),
        (("outer-core", "3000 1 2"), "line 7 has 3 columns, expected 4"),
    ],
)
def test_what_is_no_earth_is_refused_in_one_sentence(study, change, message):
    with pytest.raises(ValueError, match=message) as caught:
        model_of(study(ROWS.replace(*change), model="mine"))
    assert str(caught.value).startswith("earth.model")
    assert "\n" not in str(caught.value)


def test_a_body_of_another_size_is_no_earth_of_a_study(study):
    moon = "# r vp vs rho\n0 7.6 4.3 3.4\n1737 7.6 4.3 3.3\n"
    with pytest.raises(ValueError, match=r"mine has a mass of 7\.\d+e\+22 kg, but the"):
        model_of(study(moon, model="mine"))


def test_a_table_of_love_numbers_stands_in_place_of_a_model(study):
    reference = earth.load_love_numbers("prem", "CM", 120)
    degree = np.arange(121)
    lines = zip(
        degree, *(np.asarray(x) for x in (reference.h, reference.k, reference.l))
    )
    text = "l h k l\n" + "".join(
        " ".join(f"{x:.10e}" for x in row) + "\n" for row in lines
    )
    love = study_love_numbers(
        study(text.replace("l h", "n h", 1), love="mine", frame="CF")
    )
    expected = earth.load_love_numbers("prem", "CF", 100)
    for name in ("h", "l", "k"):
        np.testing.assert_allclose(
            getattr(love, name), getattr(expected, name), rtol=1e-6, atol=1e-9
        )
    assert love.frame == "CF"


def test_a_table_that_ends_early_says_which_degree_to_set(study):
    with pytest.raises(
        ValueError, match=r"earth.love mine ends at degree 3, but earth\.max"
    ):
        study_love_numbers(study(TABLE, love="mine"))


def test_a_table_and_a_model_are_not_both_taken(study):
    with pytest.raises(ValueError, match=r"earth\.love t stands in place of a model"):
        study(love="t", model="ak135")
