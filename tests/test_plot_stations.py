"""Figures of the records of stations show when they observe and how well they fit."""

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("matplotlib")

from jaxload import plot

TIME = np.arange("2015-01-01", "2017-01-01", dtype="M8[D]").astype("M8[ns]")
RING = np.array([[9.0, 44.0], [13.0, 44.0], [13.0, 47.0], [9.0, 44.0]])


@pytest.fixture
def stations(rng):
    up = rng.normal(size=(len(TIME), 3))
    up[:100, 0] = np.nan
    dims = ("time", "station")
    return xr.Dataset(
        {"up": (dims, up), "leave_one_out_residual": (dims, 0.5 * up)},
        coords={
            "time": TIME,
            "station": list("ABC"),
            "lon": ("station", [10.0, 11.0, 12.0]),
            "lat": ("station", [45.0, 46.0, 45.5]),
        },
    )


def test_availability_puts_the_first_stations_on_top(stations):
    figure = plot.availability(stations)
    above, below, scale = figure.axes
    names = [text.get_text() for text in above.get_yticklabels()]
    assert names == ["B", "C", "A"]
    share = above.collections[0].get_array().reshape(3, -1)
    np.testing.assert_array_equal(share[:2], 100)
    assert share[2, 0] == 0
    assert share[2, -1] == 100
    seen = 100 * (1 - 100 / (3 * len(TIME)))
    title = above.get_title(loc="left")
    assert title == f"(a) 3 stations, {seen:.0f}% of their epochs observed"
    (line,) = below.get_lines()
    np.testing.assert_array_equal(line.get_ydata()[[0, 99, 100]], [2, 2, 3])
    assert scale.get_ylabel().split() == ["epochs", "observed", "[%]"]


def test_scores_of_left_out_stations_are_those_of_numpy(stations, rng):
    noise = rng.normal(size=stations.up.shape)
    left = stations.leave_one_out_residual + noise
    pcc, rmse = plot.left_out_scores(stations.assign(leave_one_out_residual=left))
    for n in range(3):
        one = stations.up.values[100:, n]
        other = one - left.values[100:, n]
        if n:
            one, other = (
                stations.up.values[:, n],
                (stations.up - left).values[:, n],
            )
        assert pcc[n] == pytest.approx(np.corrcoef(one, other)[0, 1], rel=1e-9)
        assert rmse[n] == pytest.approx(np.sqrt(np.mean((one - other) ** 2)), rel=1e-9)


def test_a_station_without_heights_has_no_score(stations):
    empty = stations.assign(up=stations.up.where(stations.station != "B"))
    pcc, rmse = plot.left_out_scores(empty)
    np.testing.assert_array_equal(np.isnan(pcc), [False, True, False])
    np.testing.assert_array_equal(np.isnan(rmse), [False, True, False])
    plot.left_out_maps(empty, [RING])


def test_maps_of_left_out_stations_have_shares_that_add_to_all(stations):
    figure = plot.left_out_maps(stations, [RING])
    axes = [x for x in figure.axes if x.get_label() != "<colorbar>"]
    assert axes[0].get_title() == "(a) correlation, median 1.00"
    assert axes[1].get_title().startswith("(b) root mean square error, median 0.")
    for bars in axes[2:]:
        assert sum(bar.get_height() for bar in bars.patches) == pytest.approx(100)
        assert bars.get_ylabel() == "stations [%]"
    # Half of the heights is left: all correlations are one, in the last class.
    assert axes[2].patches[-1].get_height() == 100


def test_the_mean_over_stations_is_of_epochs_with_both(stations):
    simulated = (stations.up * 0.9).where(stations.station != "C")
    figure = plot.mean_over_stations(stations.up, simulated, "by the network")
    above, below = figure.axes
    lines = {line.get_label(): line.get_ydata() for line in above.get_lines()}
    expected = np.nanmean(stations.up.values[:, :2], axis=1)
    np.testing.assert_allclose(lines["observed"], expected)
    np.testing.assert_allclose(lines["by the network"], 0.9 * expected)
    assert "mean uplift of 2 stations, r = 1.00" in above.get_title(loc="left")
    np.testing.assert_allclose(below.get_lines()[0].get_ydata(), 0.1 * expected)


def test_the_range_of_a_year_is_of_its_largest_and_smallest_height(stations):
    up = stations.up.where(
        (stations.time.dt.year > 2015) | (stations.station != "A"), np.nan
    )
    figure = plot.yearly_range(up, [RING])
    first, second = (x for x in figure.axes if x.get_label() != "<colorbar>")
    assert first.get_title() == "(a) 2015"
    dots = lambda axes: next(
        x.get_array() for x in axes.collections if x.get_array() is not None
    )
    values = stations.up.values
    of_2015 = np.ptp(values[:365, 1:], axis=0)
    np.testing.assert_allclose(dots(first), of_2015)
    np.testing.assert_allclose(dots(second), np.ptp(values[365:], axis=0))


def coloured(axes):
    return next(x for x in axes.collections if x.get_array() is not None)


def test_each_load_has_a_scale_and_a_mean(stations):
    air = xr.DataArray(
        [3.0, 4.0, 5.0],
        {"lon": stations.lon, "lat": stations.lat},
        ("station",),
    )
    figure = plot.load_amplitudes({"air": air, "ocean": air / 100}, [RING])
    maps = [x for x in figure.axes if x.get_label() != "<colorbar>"]
    titles = [axes.get_title() for axes in maps]
    assert titles == ["(a) air, mean 4.00 mm", "(b) ocean, mean 0.04 mm"]
    np.testing.assert_array_equal(coloured(maps[1]).get_array(), air / 100)
    first, last = coloured(maps[1]).get_clim()
    assert 0.03 <= first < last <= 0.05
    scale = next(x for x in figure.axes if x.get_label() == "<colorbar>")
    assert scale.get_ylabel().split() == ["annual", "amplitude", "[mm]"]


def test_filled_cells_and_stations_are_counted():
    rows = xr.Dataset(
        {
            "row_lon": ("row", [10.0, 11.0, 12.0, 12.5]),
            "row_lat": ("row", [45.0, 45.5, 46.0, 46.5]),
            "is_virtual": ("row", np.array([0, 1, 1, 1], np.int8)),
        }
    )
    (axes,) = plot.filled_cells(rows, [RING]).axes
    legend = [text.get_text() for text in axes.get_legend().get_texts()]
    assert legend == ["3 cells without a station, filled", "1 stations"]
    cells, dots = axes.get_lines()[-2:]
    assert (len(cells.get_xdata()), len(dots.get_xdata())) == (3, 1)
