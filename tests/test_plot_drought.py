"""Figures of drought and water balance show the numbers of their datasets."""

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("matplotlib")

from jaxload import io, plot

MONTHS = np.arange("2015-01", "2018-01", dtype="M8[M]").astype("M8[ns]")
CLASSES = ("none", "mild", "moderate", "severe", "extreme")
REGIONS = ["Po", "Adige"]


@pytest.fixture
def dry(rng):
    share = rng.dirichlet(np.ones(5), (2, len(MONTHS), 2)).transpose(0, 3, 1, 2)
    coords = {
        "index": ["1 month", "12 months"],
        "class": list(CLASSES),
        "month": MONTHS,
        "region": REGIONS,
    }
    of_month = ("index", "month", "region")
    index = rng.normal(size=(2, len(MONTHS), 2))
    index[1, :11] = np.nan
    share[1, :, :11] = np.nan
    return xr.Dataset(
        {
            "drought_index": (of_month, index),
            "probability": (("index", "class", "month", "region"), share),
        },
        coords,
    )


@pytest.fixture
def balance(rng):
    names = ("net_flux", "storage_change", "water", "snow", "soil", "groundwater")
    labels = {"units": "mm", "long_name": "rain less runoff"}
    content = {}
    for name in names:
        values = rng.normal(size=(len(MONTHS), 2))
        values[:, 1] = np.nan
        content[name] = (("month", "region"), values, labels)
        content[f"{name}_sd"] = (("month", "region"), np.full(values.shape, 0.5))
    return xr.Dataset(content, {"month": MONTHS, "region": REGIONS})


def test_classes_are_stacked_to_the_probability_of_any_drought(dry, tmp_path):
    figure = plot.drought_probability(dry.drought_index, dry.probability, (-0.8, -1.3))
    # Two rows of panels for each region, a column for each index.
    assert len(figure.axes) == 2 * len(REGIONS) * 2
    below = figure.axes[2]
    paths = [band.get_paths()[0].vertices for band in below.collections]
    assert len(paths) == 4
    any_drought = 1 - dry.probability.values[0, 0, :, 0]
    assert paths[-1][:, 1].max() == pytest.approx(any_drought.max())
    assert [band.get_label() for band in below.collections] == list(CLASSES[:0:-1])
    line = figure.axes[0].lines[0].get_ydata()
    np.testing.assert_allclose(line, dry.drought_index.values[0, :, 0])
    io.write_figure(figure, tmp_path / "x.png")


def test_fluxes_are_drawn_of_regions_that_have_them(balance, tmp_path):
    scores = {"Po": {"correlation": 0.5, "rms_imbalance_mm": 31.0}}
    figure = plot.water_balance_series(balance, scores)
    assert len(figure.axes) == 1
    title = figure.axes[0].get_title(loc="left")
    assert title == "Po   r = 0.50, rms of difference 31 mm"
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    np.testing.assert_allclose(lines["rain less runoff"], balance.net_flux[:, 0])
    storage = lines["storage change by GNSS"]
    np.testing.assert_allclose(storage, balance.storage_change[:, 0])
    io.write_figure(figure, tmp_path / "x.png")


def test_parts_of_storage_stand_above_what_is_left(balance, tmp_path):
    figure = plot.storage_parts(balance)
    above, below = figure.axes
    labels = [line.get_label() for line in above.lines]
    assert labels[:3] == ["water storage by GNSS", "snow", "soil"]
    assert "groundwater" in below.get_title(loc="left")
    np.testing.assert_allclose(below.lines[0].get_ydata(), balance.groundwater[:, 0])
    band = below.collections[0].get_paths()[0].vertices[:, 1]
    top = balance.groundwater.values[:, 0].max() + 1.96 * 0.5
    assert band.max() == pytest.approx(top)
    io.write_figure(figure, tmp_path / "x.png")
