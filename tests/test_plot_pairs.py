"""Series and scatter plots of products show what their scores are of."""

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("matplotlib")

from jaxload import plot

PRODUCTS, REGIONS = ["gnss", "grace"], ["Po", "Rhône"]
MONTH = (np.datetime64("2015-01", "M") + np.arange(24)).astype("M8[ns]")


@pytest.fixture
def products(rng):
    """Two years; the second is a period too, in which a region has nothing."""
    ours, theirs = rng.normal(size=(2, 24, 2))
    theirs = 2 * theirs + ours
    theirs[12:, 1] = np.nan
    inside = np.stack([np.ones(24), np.arange(24) >= 12]).astype(np.int8)
    pcc = np.full((2, 2, 2, 2), np.nan)
    for period, months in enumerate(inside.astype(bool)):
        for region in range(2):
            both = months & np.isfinite(theirs[:, region])
            if both.any():
                pair = ours[both, region], theirs[both, region]
                pcc[period, 0, 1, region] = np.corrcoef(*pair)[0, 1]
    dims = ("month", "other", "region")
    return xr.Dataset(
        {
            "compared_gnss": (dims, np.stack([ours, ours], axis=1)),
            "compared_other": (dims, np.stack([ours, theirs], axis=1)),
            "in_period": (("period", "month"), inside),
            "pcc": (("period", "product", "other", "region"), pcc),
            "water": (("month", "product", "region"), np.stack([ours, theirs], axis=1)),
        },
        {
            "month": MONTH,
            "product": PRODUCTS,
            "other": PRODUCTS,
            "region": REGIONS,
            "period": ["all", "gap"],
        },
    )


def test_a_scatter_plot_has_the_points_and_the_line_of_its_score(products):
    figure = plot.product_scatter(products, REGIONS)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["(a) GRACE, all", "(b) GRACE, gap"]
    second = figure.axes[1]
    dots, line, _ = second.get_lines()
    theirs, ours = dots.get_data()
    expected = products.compared_gnss.sel(other="grace", region="Po")[12:]
    np.testing.assert_array_equal(ours, expected)
    # The line is that of least squares.
    slope, offset = np.polyfit(theirs, ours, 1)
    x, y = line.get_data()
    np.testing.assert_allclose(y, offset + slope * x, rtol=1e-9)
    r = products.pcc.sel(
        product="gnss", other="grace", period="gap", region="Po"
    ).item()
    # The other region has no month of this period.
    (text,) = second.texts
    assert text.get_text() == f"r = {r:.2f}, slope {slope:.2f}"
    assert len(figure.axes[0].texts) == 2
    (legend,) = figure.legends
    assert [x.get_text() for x in legend.get_texts()] == REGIONS
    assert second.get_xlabel() == "GRACE [mm]"


def test_products_of_one_period_are_beside_each_other(products):
    whole = products.isel(period=[0])
    again = whole.isel(other=[1]).assign_coords(other=["land_model"])
    both = xr.concat([whole, again], "other", data_vars="minimal")
    panels = plot.product_scatter(both, REGIONS).axes
    assert [axes.get_subplotspec().rowspan.start for axes in panels] == [0, 0]
    assert [axes.get_title() for axes in panels] == [
        "(a) GRACE",
        "(b) land-surface model",
    ]


def test_a_scatter_plot_without_a_score_is_refused(products):
    with pytest.raises(ValueError, match="no product has a score over Po"):
        plot.product_scatter(products.assign(pcc=products.pcc * np.nan), ["Po"])


def test_series_of_products_have_one_mean_where_all_are_known(products):
    figure = plot.product_series(products.water, REGIONS)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["(a) Po", "(b) Rhône"]
    for axes, last in zip(figure.axes, (24, 12)):
        for line in axes.get_lines()[:2]:
            assert np.mean(line.get_ydata()[:last]) == pytest.approx(0, abs=1e-12)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["GNSS", "GRACE"]


def test_semiannual_maxima_fall_in_two_months_of_a_year():
    coords = {"lat": [44.0, 45.0], "lon": [9.0, 10.0, 11.0]}
    day = np.array([[10.0, 100.0, 192.6], [0.0, 182.0, 365.0]])
    dims = ("lat", "lon")
    fields = xr.Dataset(
        {
            "semiannual_amplitude": (dims, np.ones((2, 3)), {"units": "mm"}),
            "semiannual_phase": (dims, day),
        },
        coords,
    )
    figure = plot.season_maps({"GNSS": fields}, wave="semiannual")
    bars = [x for x in figure.axes if x.get_label() == "<colorbar>"]
    labels = [" ".join(bar.get_ylabel().split()) for bar in bars]
    assert labels == ["semi-annual amplitude [mm]", "month of the semi-annual maximum"]
    ticks = [text.get_text() for text in bars[1].get_yticklabels()]
    assert ticks[:2] == ["Jan, Jul", "Feb, Aug"]
    assert len(ticks) == 6
    mesh = [x for x in figure.axes[1].collections if x.get_array() is not None][-1]
    shown = np.ravel(mesh.get_array())
    # Half a year later it is the same maximum.
    assert shown[2] == pytest.approx(shown[0], abs=0.05)
    assert shown.max() <= 365.2425 / 2
