"""Figures that compare products show the scores, spreads and waves they are of."""

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("matplotlib")

from matplotlib.quiver import Quiver

from jaxload import plot

PRODUCTS, REGIONS = ["gnss", "grace", "CSR"], ["Po", "Rhône"]
DIMS = ("period", "product", "other", "region")


@pytest.fixture
def products(rng):
    shape = 3, 3, 3, 2
    values = {
        "pcc": rng.uniform(0.3, 1, shape),
        "nse": rng.uniform(-1, 1, shape),
        "rmse": rng.uniform(10, 60, shape),
        "standard_deviation": rng.uniform(40, 80, shape),
    }
    values["pcc"][2] = np.nan
    coords = {"period": ["all", "GRACE", "gap"], "region": REGIONS}
    coords |= {"product": PRODUCTS, "other": PRODUCTS}
    return xr.Dataset({name: (DIMS, x) for name, x in values.items()}, coords)


def panels(figure):
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def test_tables_have_the_scores_of_every_region_and_period(products):
    figure = plot.score_tables(products)
    axes = panels(figure)
    # No pair has a month in the third period.
    titles = [x.get_title() for x in axes]
    assert titles[:2] == ["(a) PCC, all", "(b) PCC, GRACE"]
    assert titles[4:] == ["(e) RMSE, all", "(f) RMSE, GRACE"]
    shown = axes[3].images[0].get_array()
    expected = products.nse.sel(product="gnss", period="GRACE", other=["grace", "CSR"])
    np.testing.assert_array_equal(shown, expected.values.T)
    written = [text.get_text() for text in axes[3].texts]
    assert written == [f"{x:.2f}" for x in expected.values.T.ravel()]
    assert [x.get_text() for x in axes[0].get_yticklabels()] == REGIONS
    assert [x.get_text() for x in axes[4].get_xticklabels()] == ["GRACE", "CSR"]
    bars = [x for x in figure.axes if x.get_label() == "<colorbar>"]
    assert [bar.get_ylabel() for bar in bars] == ["PCC", "NSE", "RMSE [mm]"]
    # Efficiencies below zero lie beyond their scale.
    assert axes[2].images[0].norm.vmin == 0


def test_a_taylor_diagram_obeys_the_law_of_cosines(rng):
    """The distance to the reference is the centred difference: Taylor (2001), eq. 7."""
    ours, theirs = rng.normal(size=(2, 500))
    theirs += ours
    sd = ours.std(), theirs.std()
    pcc = np.corrcoef(ours, theirs)[0, 1]
    both = np.array([[1, pcc], [pcc, 1]])[None, :, :, None]
    spread = np.array([[sd[0], sd[0]], [sd[1], sd[1]]])[None, :, :, None]
    names = ["gnss", "grace"]
    coords = {"period": ["all"], "product": names, "other": names, "region": ["Po"]}
    variables = {"pcc": (DIMS, both), "standard_deviation": (DIMS, spread)}
    figure = plot.taylor_diagram(xr.Dataset(variables, coords))
    (axes,) = figure.axes
    (dot,) = (x for x in axes.get_lines() if x.get_label() == "GRACE")
    (angle,), (radius,) = dot.get_data()
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    centred = (theirs - theirs.mean()) - (ours - ours.mean())
    assert np.hypot(x - 1, y) == pytest.approx(centred.std() / sd[0], rel=1e-9)
    assert axes.get_title() == "Po"
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["GRACE", "GNSS"]
    assert axes.get_xlabel() == "standard deviation over that of GNSS"


def test_a_reference_that_does_not_vary_has_no_spread_beside_it(products):
    products.pcc[:] = np.nan
    products.standard_deviation[:, 0] = 0
    (axes, *_) = plot.taylor_diagram(products).axes
    assert np.isfinite(axes.get_ylim()).all()


def test_negative_correlations_have_a_half_circle(products):
    turned = products.assign(pcc=-products.pcc)
    figure = plot.taylor_diagram(turned)
    assert {axes.get_thetamax() for axes in figure.axes} == {180}
    assert {axes.get_thetamax() for axes in plot.taylor_diagram(products).axes} == {90}


@pytest.fixture
def wavelets():
    month = np.datetime64("2003-01", "M") + np.arange(60)
    period = 2.0 ** np.linspace(1, 5, 25)
    dims = ("other", "region", "wave_period", "month")
    wave = np.exp(-((np.log2(period / 12) / 0.3) ** 2))
    plane = np.broadcast_to(wave[:, None], (1, 1, 25, 60)).copy()
    cone = 1.4 * np.minimum(np.arange(60), np.arange(60)[::-1])
    return xr.Dataset(
        {
            "cross_power": (dims, 10 * plane + 1e-6),
            "phase": (dims, np.full_like(plane, np.pi / 2)),
            "coherence": (dims, 0.98 * plane),
            "cross_power_limit": (dims[:3], np.full((1, 1, 25), 2.0)),
            "coherence_limit": ("wave_period", np.full(25, 0.7)),
            "cone_of_influence": (("other", "region", "month"), cone[None, None]),
        },
        {
            "month": month.astype("M8[ns]"),
            "wave_period": period,
            "other": ["grace"],
            "region": ["Po"],
        },
    )


def test_waves_are_shown_where_they_are(wavelets):
    figure = plot.wavelet_panels(wavelets, "Po")
    left, right = panels(figure)
    assert left.get_title() == "(a) GNSS and GRACE, Po"
    assert left.get_ylabel() == "period [months]"
    # Twelve months have a tick of their own, and long periods lie below.
    assert "12" in [text.get_text() for text in left.get_yticklabels()]
    bottom, top = left.get_ylim()
    assert bottom > top
    power = left.collections[0].get_array().reshape(25, 60)
    expected = np.log2(wavelets.cross_power.values[0, 0])
    np.testing.assert_allclose(power, expected)
    (arrows,) = (x for x in right.collections if isinstance(x, Quiver))
    # A quarter of a period ahead is upward.
    np.testing.assert_allclose(arrows.U, 0, atol=1e-12)
    np.testing.assert_allclose(arrows.V, 1)
    near = wavelets.wave_period.values[wavelets.coherence.values[0, 0, :, 0] > 0.7]
    assert near.min() <= arrows.Y.min() <= arrows.Y.max() <= near.max()
    bars = [x.get_ylabel() for x in figure.axes if x.get_label() == "<colorbar>"]
    assert bars == ["cross-wavelet power, log2 [-]", "squared coherence [-]"]


def test_a_region_without_waves_is_refused(wavelets):
    nothing = wavelets.assign(cross_power=wavelets.cross_power * np.nan)
    with pytest.raises(ValueError, match="no product has wavelets over Po"):
        plot.wavelet_panels(nothing, "Po")


def test_rain_hangs_from_above_in_its_region(rng):
    time = np.arange("2015-01-01", "2016-01-01", dtype="M8[D]").astype("M8[ns]")
    month = np.arange("2015-01", "2016-01", dtype="M8[M]").astype("M8[ns]")
    water = xr.DataArray(
        rng.normal(size=(365, 2)), {"time": time, "region": REGIONS}, ("time", "region")
    )
    rain = xr.DataArray(
        rng.uniform(0, 90, (12, 1)),
        {"month": month, "region": ["Po"]},
        ("month", "region"),
    )
    figure = plot.region_series(water, None, {}, rain=rain)
    assert len(figure.axes) == 3
    beside = figure.axes[2]
    heights = [bar.get_height() for bar in beside.patches]
    np.testing.assert_allclose(heights, rain.values[:, 0])
    bottom, top = beside.get_ylim()
    assert (bottom, top) == (pytest.approx(3 * rain.values.max()), 0)
    assert beside.get_ylabel() == "rain [mm]"
    (legend,) = figure.legends
    assert "precipitation of the month" in [x.get_text() for x in legend.get_texts()]


def test_components_have_their_shares_of_the_variance():
    time = np.arange("2015-01-01", "2016-01-01", dtype="M8[D]").astype("M8[ns]")
    phase = 2 * np.pi * np.arange(365) / 365
    values = np.stack([3 * np.sin(4 * phase), np.sin(9 * phase)])
    coords = {"component": ["IMF 1", "IMF 2"], "time": time}
    parts = xr.DataArray(values, coords, ("component", "time"), attrs={"units": "mm"})
    series = {"temperature": parts, "pressure": parts.isel(component=[1])}
    figure = plot.component_series(series, "cell 12")
    shown = [axes for axes in figure.axes if axes.get_visible()]
    titles = [axes.get_title(loc="left") for axes in shown]
    assert titles == [
        "(a) temperature, IMF 1, 90% of the variance",
        "(b) pressure, IMF 2, 100% of the variance",
        "(c) temperature, IMF 2, 10% of the variance",
    ]
    np.testing.assert_array_equal(shown[2].get_lines()[0].get_ydata(), values[1])
    assert shown[0].get_ylabel() == "mm"
    assert figure.get_suptitle() == "cell 12"


def test_a_kernel_is_drawn_with_its_share_of_the_largest():
    distance = np.array([1.0, 10.0, 100.0])
    responses = {"up": [-2.0, -1.0, -0.5], "horizontal": [0.5, 0.2, 0.1]}
    figure = plot.kernel_curve(distance, responses, "a disc of water of 1 m")
    left, right = figure.axes
    up, horizontal, _ = left.get_lines()
    np.testing.assert_array_equal(up.get_xydata(), np.c_[distance, responses["up"]])
    np.testing.assert_array_equal(right.get_lines()[0].get_ydata(), [1, 0.5, 0.25])
    assert horizontal.get_label() == "horizontal"
    assert left.get_title() == "(a) displacement by a disc of water of 1 m"
    assert (left.get_xlabel(), left.get_ylabel()) == (
        "distance [km]",
        "displacement [mm]",
    )


def test_resolution_and_spread_have_a_scale_each():
    coords = {"lat": [44.0, 45.0], "lon": [9.0, 10.0, 11.0]}
    share = xr.DataArray(np.linspace(0, 1, 6).reshape(2, 3), coords, ("lat", "lon"))
    figure = plot.resolution_maps(share, 400 * (1 - share))
    bars = [x for x in figure.axes if x.get_label() == "<colorbar>"]
    labels = [" ".join(bar.get_ylabel().split()) for bar in bars]
    assert labels == ["share by the data [-]", "distance [km]"]
    titles = [axes.get_title() for axes in panels(figure)]
    assert titles == ["(a) resolution", "(b) radius of resolution"]


def test_months_that_were_estimated_have_an_interval(rng):
    month = np.arange("2015-01", "2016-01", dtype="M8[M]").astype("M8[ns]")
    water = rng.normal(size=(12, 1))
    made = np.zeros((12, 1), np.int8)
    made[4:6] = 1
    dims = ("month", "region")
    bridged = xr.Dataset(
        {
            "water": (dims, water),
            "water_sd": (dims, np.where(made, 10.0, np.nan)),
            "is_estimated": (dims, made),
        },
        {"month": month, "region": ["Po"]},
        {"product": "grace"},
    )
    (axes,) = plot.bridged_series(bridged).axes
    assert axes.get_title(loc="left") == "Po, 2 months estimated"
    (bars,) = axes.containers
    np.testing.assert_array_equal(bars.lines[0].get_ydata(), water[4:6, 0])
    ends = [np.ptp(segment[:, 1]) for segment in bars.lines[2][0].get_segments()]
    np.testing.assert_allclose(ends, 39.2)
    (seen,) = (x for x in axes.get_lines() if x.get_label() == "GRACE")
    np.testing.assert_array_equal(np.isnan(seen.get_ydata()), made[:, 0] == 1)


@pytest.mark.parametrize("count", [8, 9])
def test_many_regions_stand_in_two_columns(rng, count):
    time = np.arange("2015-01-01", "2015-03-01", dtype="M8[D]").astype("M8[ns]")
    names = [f"basin {n}" for n in range(count)]
    values = rng.normal(size=(len(time), count))
    coords = {"time": time, "region": names}
    water = xr.DataArray(values, coords, ("time", "region"))
    figure = plot.region_series(water, None, {})
    shown = [axes for axes in figure.axes if axes.get_visible()]
    titles = [axes.get_title(loc="left").split(") ")[1] for axes in shown]
    assert titles == names
    assert len({axes.get_position().x0 for axes in shown}) == (1 if count < 9 else 2)
