"""Figures of fillers, weather and loads show what stations and cells have."""

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("matplotlib")

from jaxload import plot

TIME = np.arange("2015-01-01", "2015-03-01", dtype="M8[D]").astype("M8[ns]")


def test_a_filled_cell_is_drawn_with_its_interval(rng):
    up, dims = rng.normal(size=(len(TIME), 2)), ("time", "cell")
    cells = xr.Dataset(
        {
            "displacement": (dims, up),
            "predicted": (dims, up + 1),
            "sigma": (dims, np.full_like(up, 2.0)),
        },
        {"time": TIME, "cell": ["G001", "G002"]},
    )
    figure = plot.filled_series(cells, ["one", "other"])
    axes = figure.axes[1]
    assert axes.get_title(loc="left") == "(b) other"
    predicted, inverted = axes.get_lines()[:2]
    np.testing.assert_array_equal(predicted.get_ydata(), up[:, 1] + 1)
    np.testing.assert_array_equal(inverted.get_ydata(), up[:, 1])
    edges = axes.collections[0].get_paths()[0].vertices[:, 1]
    assert edges.max() == pytest.approx(up[:, 1].max() + 3.92)
    # Without loads both are the same, and one line is drawn.
    (line, _) = (
        plot.filled_series(cells.drop_vars("predicted"), ["a", "b"]).axes[0].get_lines()
    )
    assert line.get_label() == "predicted from weather"


def test_stations_stand_above_their_weather(rng):
    up = rng.normal(size=(len(TIME), 2))
    up[3] = np.nan
    stations = xr.Dataset(
        {"up": (("time", "station"), up)}, {"time": TIME, "station": ["A", "B"]}
    )
    labels = {"units": "K"}
    series = {"temperature": (("time", "place"), 280 - up[:, 1:], labels)}
    weather = xr.Dataset(series, {"time": TIME, "place": ["B"]})
    above, below = plot.station_weather(stations, weather).axes
    np.testing.assert_array_equal(above.get_lines()[0].get_ydata(), up[:, 1])
    assert above.get_title(loc="left") == "(a) B, heights"
    assert below.get_title(loc="left") == "(b) B, temperature, r = -1.00"
    assert below.get_ylabel() == "temperature [K]"


def test_a_perfect_prediction_of_a_station_lies_at_the_star():
    figure = plot.station_taylor([1.0, 0.5, np.nan], [3.0, 2.0, 1.0], [3.0, 4.0, 1.0])
    (axes,) = figure.axes
    dots = next(x for x in axes.get_lines() if "predicted" in str(x.get_label()))
    np.testing.assert_allclose(dots.get_xdata(), [0.0, np.pi / 3])
    np.testing.assert_allclose(dots.get_ydata(), [1.0, 0.5])
    assert dots.get_label() == "2 stations, predicted"
    assert axes.get_title() == "stations predicted from others, median r = 0.75"


def test_heights_without_loads_have_the_mean_that_is_left(rng):
    dims, shape = ("time", "station"), (len(TIME), 3)
    load, water = rng.normal(size=(2, *shape))
    heights = water + load
    heights[5, 1] = np.nan
    stations = xr.Dataset(
        {
            "up_cleaned": (dims, heights),
            "load_air": (dims, load),
            "load_total": (dims, load),
        },
        {"time": TIME, "station": list("ABC")},
    )
    above, below = plot.mean_loads(stations).axes
    seen = np.where(np.isfinite(heights), water, np.nan)
    left = np.nanmean(seen, axis=1)
    shown = above.get_lines()[1]
    assert shown.get_label() == "heights without the loads"
    np.testing.assert_allclose(shown.get_ydata(), left - left.mean(), atol=1e-12)
    assert below.get_lines()[0].get_label() == "air"
    assert f"{left.std():.1f} mm after" in above.get_title(loc="left")


def test_a_map_of_stations_has_wells_names_and_relief():
    places = {"GNSS stations": ([10.0, 11.0], [45.0, 46.0]), "wells": ([10.5], [45.5])}
    axis = np.linspace(8.0, 13.0, 11)
    ground = xr.DataArray(
        np.add.outer(axis, 2 * axis),
        {"lat": axis + 36, "lon": axis},
        ("lat", "lon"),
        attrs={"units": "m"},
    )
    figure = plot.station_map(places, (), ["ABCD", "EFGH"], ground)
    axes = figure.axes[0]
    (legend,) = [x for x in axes.get_children() if type(x).__name__ == "Legend"]
    texts = [x.get_text() for x in legend.get_texts()]
    assert texts == ["GNSS stations (2)", "wells (1)"]
    assert [x.get_text() for x in axes.texts] == ["ABCD", "EFGH"]
    bars = [x for x in figure.axes if x.get_label() == "<colorbar>"]
    assert " ".join(bars[0].get_ylabel().split()) == "height of the ground [m]"
    plain = plot.station_map(places)
    assert not [x for x in plain.axes if x.get_label() == "<colorbar>"]


@pytest.mark.parametrize("count", [6, 7])
def test_droughts_of_many_regions_stand_in_two_columns(rng, count):
    month = (np.datetime64("2015-01", "M") + np.arange(12)).astype("M8[ns]")
    names = [f"basin {n}" for n in range(count)]
    coords = {"month": month, "region": names, "index": ["dsi"]}
    index = xr.DataArray(
        rng.normal(size=(1, 12, count)), coords, ("index", "month", "region")
    )
    classes = ["none", "mild", "severe"]
    share = np.full((1, 3, 12, count), 1 / 3)
    dims = ("index", "class", "month", "region")
    chance = xr.DataArray(share, coords | {"class": classes}, dims)
    figure = plot.drought_probability(index, chance, (-0.5, -1.0))
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert len(shown) == 2 * count
    assert len({x.get_position().x0 for x in shown}) == (1 if count < 7 else 2)
    titles = {x.get_title(loc="left").split(") ")[-1] for x in shown} - {""}
    assert titles == {f"{name}, severity index" for name in names}


def test_droughts_point_downward(rng):
    month = (np.datetime64("2015-01", "M") + np.arange(12)).astype("M8[ns]")
    coords = {"month": month, "region": ["north", "south"]}
    index = xr.DataArray(rng.normal(size=(12, 2)), coords, ("month", "region"))
    for axes in plot.drought_index(index, (-0.5, -0.8, -1.3)).axes:
        bottom, top = axes.get_ylim()
        assert bottom == -top < index.min()
        assert len(axes.patches) == 12
