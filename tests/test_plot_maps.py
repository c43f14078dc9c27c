"""Maps show fields where they are, with coasts, whether cartopy is installed or not."""

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("matplotlib")

from matplotlib.collections import LineCollection, QuadMesh

from jaxload import plot
from jaxload.plot import base_map, natural_earth

RING = np.array([[9.0, 44.0], [13.0, 44.0], [13.0, 47.0], [9.0, 44.0]])
LON, LAT = np.arange(9.0, 14.0), np.arange(44.0, 48.0)


@pytest.fixture(params=["cartopy", "plain"])
def projection(request, monkeypatch):
    """Whether maps are projected."""
    if request.param == "plain":
        monkeypatch.setattr(base_map, "_projection", lambda _: None)
    else:
        pytest.importorskip("cartopy")
    return request.param


@pytest.fixture
def field(rng):
    coords = {"lat": LAT, "lon": LON}
    labels = {"units": "mm", "long_name": "water"}
    return xr.DataArray(rng.normal(size=(4, 5)), coords, ("lat", "lon"), attrs=labels)


@pytest.fixture
def record(rng):
    time = np.arange("2015-01", "2017-01", dtype="M8[M]").astype("M8[ns]")
    values = rng.normal(size=(len(time), 4, 5))
    coords = {"time": time, "lat": LAT, "lon": LON}
    labels = {"units": "mm", "long_name": "water storage anomaly"}
    return xr.DataArray(values, coords, ("time", "lat", "lon"), attrs=labels)


def cells(axes):
    (mesh,) = (x for x in axes.collections if isinstance(x, QuadMesh))
    return mesh


def maps(figure):
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def scales(figure):
    return [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]


def shown(axes):
    return np.ma.filled(cells(axes).get_array().astype(float), np.nan).ravel()


def test_cells_lie_at_their_places(field, projection):
    figure = plot.map_of(field, "a map", [RING])
    (axes,) = maps(figure)
    np.testing.assert_array_equal(shown(axes), field.values.ravel())
    corners = np.meshgrid(np.arange(8.5, 14.0), np.arange(43.5, 48.0))
    x, y = base_map.positions(axes, *corners)
    np.testing.assert_allclose(cells(axes).get_coordinates(), np.stack([x, y], axis=-1))
    (west, east), (south, north) = axes.get_xlim(), axes.get_ylim()
    assert west < x.min() < x.max() < east
    assert south < y.min() < y.max() < north
    if projection == "plain":
        np.testing.assert_array_equal([x, y], corners)
        return
    # Lambert (1772), by Snyder (1987), doi:10.3133/pp1395, eqs 24-2 to 24-4, on a
    # sphere: the ellipsoid moves no place of this map by a hundredth.
    lon, lat = (np.radians(corners[n]) for n in (0, 1))
    box = base_map.box_around(*[(lon, lat) for lon, lat in [(corners[0], corners[1])]])
    middle = np.radians([(box[0] + box[1]) / 2, (box[2] + box[3]) / 2])
    cosine = np.sin(middle[1]) * np.sin(lat) + np.cos(middle[1]) * np.cos(lat) * np.cos(
        lon - middle[0]
    )
    expected = 6371e3 * np.sqrt(2 / (1 + cosine)) * np.cos(lat)
    np.testing.assert_allclose(x, expected * np.sin(lon - middle[0]), rtol=0.01)


def test_cells_of_one_area_look_equally_large_in_an_equal_area_map():
    pytest.importorskip("cartopy")
    lat = np.array([20.5, 40.5, 60.5])
    lon = np.array([10.0, 11.0, 12.0])
    values = xr.DataArray(np.ones((3, 3)), {"lat": lat, "lon": lon}, ("lat", "lon"))
    figure, (axes,) = base_map.map_panels((0.0, 30.0, 10.0, 70.0))
    base_map.draw_cells(axes, values, "viridis", (0, 1))
    x, y = base_map.positions(axes, [[10, 11], [10, 11]], [[20, 20], [21, 21]])
    far, away = base_map.positions(axes, [[10, 11], [10, 11]], [[60, 60], [61, 61]])
    ratio = area(far, away) / area(x, y)
    sines = np.sin(np.radians([20.0, 21.0, 60.0, 61.0]))
    assert ratio == pytest.approx(np.diff(sines)[2] / np.diff(sines)[0], rel=0.02)
    assert len(maps(figure)) == 1


def area(x, y):
    order = [(0, 0), (0, 1), (1, 1), (1, 0)]
    x, y = (np.array([values[one] for one in order]) for values in (x, y))
    return 0.5 * abs(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))


@pytest.mark.usefixtures("projection")
def test_a_map_over_the_date_line_is_one_piece(rng):
    lon = np.arange(175.0, 186.0)
    values = rng.normal(size=(3, len(lon)))
    coords = {"lat": [-18.0, -17.0, -16.0], "lon": lon}
    fiji = xr.DataArray(values, coords, ("lat", "lon"))
    stations = xr.Dataset({"lon": ("station", [-179.0, 178.0]), "lat": -17.0})
    stations["lat"] = ("station", [-17.0, -17.0])
    figure = plot.map_of(fiji, "Fiji", (), stations)
    (axes,) = maps(figure)
    dots = next(line for line in axes.get_lines() if line.get_label() == "stations")
    west, east = axes.get_xlim()
    for x in dots.get_xdata():
        assert west < x < east
    first, second = dots.get_xdata()
    assert first > second
    assert drawn_lines(axes, "coast")
    widths = np.ptp(cells(axes).get_coordinates()[..., 0])
    assert widths < east - west


def drawn_lines(axes, layer):
    (lines,) = (
        x
        for x in axes.collections
        if isinstance(x, LineCollection) and x.get_label() == f"_{layer}"
    )
    return lines.get_segments()


@pytest.mark.usefixtures("projection")
def test_the_whole_globe_fits_in_a_map(rng):
    coords = {"lat": np.arange(-80.0, 81, 20), "lon": np.arange(-170.0, 171, 20)}
    values = rng.normal(size=(9, 18))
    figure = plot.map_of(xr.DataArray(values, coords, ("lat", "lon")), "globe")
    figure.draw_without_rendering()
    (axes,) = maps(figure)
    np.testing.assert_array_equal(shown(axes), values.ravel())
    whole = cells(axes).get_coordinates()
    assert np.isfinite(whole).all()
    # No cell goes around the back of the map.
    assert np.diff(whole[..., 0], axis=1).min() > 0


@pytest.mark.usefixtures("projection")
def test_every_map_has_coasts_borders_and_rivers(field):
    figure = plot.map_of(field, "northern Italy")
    (axes,) = maps(figure)
    for layer in ("coast", "borders", "rivers", "lakes"):
        assert drawn_lines(axes, layer), layer


def test_the_lines_are_small_and_of_known_places():
    assert natural_earth.LINES.stat().st_size < 500_000
    near = lambda layer, lon, lat: [
        line
        for line in natural_earth.lines_within(
            layer, "50m", (lon - 0.3, lon + 0.3, lat - 0.3, lat + 0.3)
        )
        if np.hypot(*(line - [lon, lat]).T).min() < 0.15
    ]
    # Gibraltar, the Rhine at Basel, the four corners of Utah and its neighbours.
    assert near("coast", -5.35, 36.13)
    assert near("rivers", 7.6, 47.6)
    assert near("provinces", -109.05, 37.0)
    assert near("borders", 7.6, 47.6)
    assert not near("coast", 7.6, 47.6)


def test_lines_are_cut_to_their_box_on_its_turn():
    box = (235.0, 250.0, 30.0, 50.0)
    for line in natural_earth.lines_within("coast", "50m", box):
        assert len(line) > 1
        inside = (line >= [235, 30]) & (line <= [250, 50])
        # The ends may lie one vertex outside.
        assert inside[1:-1].all()
    same = natural_earth.lines_within("coast", "50m", (-125.0, -110.0, 30.0, 50.0))
    assert len(same) > 3


def test_lines_come_back_as_they_were_packed(tmp_path, monkeypatch):
    lines = [np.array([[-180.0, 89.5], [179.99, -89.5]]), np.array([[1.25, 2], [3, 4]])]
    natural_earth.pack_lines(tmp_path / "lines.npz", {"coast_50m": lines})
    monkeypatch.setattr(natural_earth, "LINES", tmp_path / "lines.npz")
    read = natural_earth.base_lines.__wrapped__
    vertices, number = read("coast", "50m")
    np.testing.assert_allclose(vertices, np.concatenate(lines), atol=1e-9)
    np.testing.assert_array_equal(number, [0, 0, 1, 1])
    assert not len(read("rivers", "110m")[0])


def test_months_are_means_over_their_years(record):
    figure = plot.month_maps(record, [RING])
    panels = maps(figure)
    assert panels[0].get_title() == "(a) Jan (2 epochs)"
    assert panels[11].get_title() == "(l) Dec (2 epochs)"
    mean = (record.values[2] + record.values[14]) / 2
    np.testing.assert_allclose(shown(panels[2]), mean.ravel())
    limits = {cells(axes).get_clim() for axes in panels}
    ((low, high),) = limits
    assert low == -high
    (scale,) = scales(figure)
    label = scale.get_ylabel().replace("\n", " ")
    assert label == "mean water storage anomaly [mm]"


def test_maps_are_of_the_epochs_nearest_to_the_dates(record):
    figure = plot.dated_maps(record, (), ["2015-03-10", "2016-11-28"])
    panels = maps(figure)
    titles = [axes.get_title() for axes in panels]
    assert titles == ["(a) 2015-03-01", "(b) 2016-12-01"]
    np.testing.assert_array_equal(shown(panels[1]), record.values[23].ravel())


def test_seasons_of_products_have_one_scale_each_for_amplitude_and_phase(field):
    ours = xr.Dataset({"annual_amplitude": abs(field), "annual_phase": field * 0 + 400})
    theirs = ours.assign(annual_amplitude=3 * abs(field))
    figure = plot.season_maps({"GNSS": ours, "GRACE": theirs}, [RING])
    above, below = maps(figure)[:2], maps(figure)[2:]
    titles = [axes.get_title() for axes in (*above, *below)]
    assert titles == [
        "(a) GNSS, amplitude",
        "(b) GRACE, amplitude",
        "(c) GNSS, phase",
        "(d) GRACE, phase",
    ]
    assert cells(above[0]).get_clim() == cells(above[1]).get_clim()
    np.testing.assert_array_equal(shown(above[1]), 3 * abs(field.values).ravel())
    # A day of the next year is one of this.
    np.testing.assert_allclose(shown(below[0]), 400 - 365.2425)
    months = [text.get_text() for text in scales(figure)[1].get_yticklabels()]
    assert months[:3] == ["Jan", "Mar", "May"]


def test_a_long_label_is_broken_beside_its_scale(record):
    long = record.assign_attrs(long_name=" ".join(["terrestrial water storage"] * 4))
    figure = plot.dated_maps(long, (), count=2)
    figure.draw_without_rendering()
    (scale,) = scales(figure)
    extent = scale.yaxis.label.get_window_extent()
    assert 0 <= extent.y0 < extent.y1 <= figure.bbox.height


def test_a_field_without_values_still_makes_a_map(field):
    (axes,) = maps(plot.map_of(field * np.nan, "nothing"))
    assert np.isnan(shown(axes)).all()
