"""Figures are whole files, or no files; what they show is what they were given."""

import pathlib

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("matplotlib")

from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from jaxload import io, plot
from jaxload.plot import base_map, fonts
from jaxload.plot.curves import FEW

RING = np.array([[9.0, 44.0], [13.0, 44.0], [13.0, 47.0], [9.0, 44.0]])
TIME = np.arange("2015-01-01", "2015-07-01", dtype="M8[D]").astype("M8[ns]")
MONTH = np.array(["2015-01-16", "2015-02-15", "2015-05-16"], "M8[ns]")


@pytest.fixture
def plain(monkeypatch):
    """Maps in longitude and latitude, as without cartopy."""
    monkeypatch.setattr(base_map, "_projection", lambda _: None)


def coloured(axes):
    """Cells or dots of a map."""
    return next(x for x in axes.collections if x.get_array() is not None)


@pytest.fixture
def field(rng):
    values = rng.normal(size=(4, 5))
    values[0, 0] = np.nan
    coords = {"lat": np.arange(44.0, 48), "lon": np.arange(9.0, 14)}
    return xr.DataArray(values, coords, ("lat", "lon"), attrs={"units": "mm"})


@pytest.fixture
def stations(rng):
    up = rng.normal(size=(len(TIME), 3))
    residual = 0.5 * up
    up[3, 1] = residual[3, 1] = np.nan
    dims = ("time", "station")
    return xr.Dataset(
        {"up": (dims, up), "leave_one_out_residual": (dims, residual)},
        coords={
            "time": TIME,
            "station": list("ABC"),
            "lon": ("station", [10.0, 11.0, 12.0]),
            "lat": ("station", [45.0, 46.0, 45.5]),
        },
    )


@pytest.fixture
def regions(rng):
    names = ["Po", "Rhône"]
    daily = xr.DataArray(
        rng.normal(size=(len(TIME), 2)),
        {"time": TIME, "region": names},
        ("time", "region"),
    )
    monthly = xr.DataArray(
        rng.normal(size=(len(MONTH), 2)),
        {"month": MONTH, "region": names},
        ("month", "region"),
        attrs={"long_name": "GRACE"},
    )
    return daily, monthly


def is_whole_png(path):
    content = path.read_bytes()
    return content.startswith(b"\x89PNG\r\n\x1a\n") and content.endswith(
        b"\x00\x00\x00\x00IEND\xaeB`\x82"
    )


def panels(figure):
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


SCORES = {"Po": {"pcc": 0.87, "months": 3}, "Rhône": {"pcc": None, "months": 0}}
DRAWN = (
    "map",
    "bare map",
    "regions",
    "one region alone",
    "regions with a band",
    "stations",
    "stations without residuals",
    "beta",
    "L-curve",
    "one beta",
    "twin",
)


def seen_too(stations):
    predicted = 0.2 * stations.up
    return stations.assign(predicted=predicted).drop_vars("leave_one_out_residual")


@pytest.fixture
def drawings(field, stations, regions):
    daily = regions[0]
    figures = (
        plot.map_of(field, "a map", [RING], stations),
        plot.map_of(field, "a map"),
        plot.region_series(*regions, SCORES),
        plot.region_series(daily[:, :1], None, {}),
        plot.region_series(*regions, SCORES, abs(daily)),
        plot.station_fit(stations, [RING]),
        plot.station_fit(seen_too(stations), [RING]),
        plot.beta_curve([1e-3, 1e-2, 1], [3, 2, 4], 1e-2, "rms"),
        plot.l_curve([1e-3, 1e-2, 1], [2, 3, 9], [9, 3, 2], 1e-2),
        plot.beta_curve([1e-2], [2], 1e-2, "rms"),
        plot.twin_maps(field, field[1:], stations, [RING]),
    )
    return dict(zip(DRAWN, figures))


@pytest.mark.parametrize("kind", DRAWN)
def test_every_figure_becomes_a_whole_picture(drawings, tmp_path, kind):
    io.write_figure(drawings[kind], tmp_path / "x.png")
    assert is_whole_png(tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 5_000
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]
    for axes in panels(drawings[kind]):
        assert axes.get_title() or axes.get_title(loc="left") or axes.get_xlabel()


@pytest.mark.usefixtures("plain")
def test_a_map_shows_the_field_where_it_is(field, stations):
    figure = plot.map_of(field.transpose("lon", "lat"), "a map", [RING], stations)
    (mesh,) = (c for c in figure.axes[0].collections if isinstance(c, QuadMesh))
    shown = np.ma.filled(mesh.get_array().astype(float), np.nan).reshape(field.shape)
    np.testing.assert_array_equal(shown, field.values)
    ring, dots = figure.axes[0].get_lines()
    np.testing.assert_array_equal(ring.get_xydata(), RING)
    np.testing.assert_array_equal(dots.get_xdata(), stations.lon)
    assert figure.axes[1].get_ylabel() == "mm"
    west, east = figure.axes[0].get_xlim()
    assert west < 9
    assert east > 13


@pytest.mark.parametrize(
    ("limits", "arrows"),
    [
        ((-2.0, 2.0), "neither"),
        ((-0.5, 2.0), "min"),
        ((-2.0, 0.5), "max"),
        ((-0.5, 0.5), "both"),
    ],
)
def test_a_colour_bar_has_arrows_where_values_go_beyond_it(field, limits, arrows):
    values = xr.full_like(field, np.nan)
    values[0, 0], values[1, 1] = -1.0, 1.0
    figure = plot.map_of(values, "a map", limits=limits)
    assert coloured(figure.axes[0]).colorbar.extend == arrows


def test_a_scale_that_leaves_the_largest_values_out_has_an_arrow(field, stations):
    field = field.copy(data=np.arange(field.size, dtype=float).reshape(field.shape))
    figures = (
        plot.map_of(field, "a map"),
        plot.twin_maps(field, 0 * field, stations, [RING]),
        plot.twin_maps(field, field + 1000, stations, [RING]),
        plot.station_fit(stations, [RING]),
    )
    drawn = [coloured(figure.axes[0]).colorbar.extend for figure in figures]
    assert drawn == ["both", "max", "max", "neither"]


@pytest.mark.parametrize("sides", [(60.0, 5.0), (30.0, 30.0), (4.0, 40.0)])
def test_a_map_fills_its_figure_whatever_its_shape(sides):
    lon, lat = (np.linspace(0, side, 9) - side / 2 for side in sides)
    field = xr.DataArray(np.eye(9), {"lat": lat, "lon": lon}, ("lat", "lon"))
    figure = plot.map_of(field, "a map")
    figure.draw_without_rendering()
    shown, whole = panels(figure)[0].get_window_extent(), figure.bbox
    inches = np.array([whole.width - shown.width, whole.height - shown.height])
    inches /= figure.dpi
    width, height = figure.get_size_inches()
    assert (inches > 0.3).all()
    # Titles need five inches, and three are the least height.
    assert inches[0] < 2.2 or width == 5
    assert inches[1] < 1.5 or height == 3
    assert max(width, height) < 10


def test_gaps_between_months_break_the_line(regions):
    figure = plot.region_series(*regions, SCORES)
    first, second = figure.axes
    (reference,) = (x for x in first.get_lines() if x.get_label() == "GRACE")
    shown = np.asarray(reference.get_ydata())
    np.testing.assert_array_equal(np.isnan(shown), [False, False, True, False])
    np.testing.assert_array_equal(shown[[0, 1, 3]], regions[1].values[:, 0])
    assert first.get_title(loc="left") == "(a) Po   r = 0.87, 3 months"
    assert second.get_title(loc="left") == "(b) Rhône"
    (above,) = figure.legends
    legend = [text.get_text() for text in above.get_texts()]
    assert legend[-1] == "GRACE"
    assert "GNSS" in legend[0]


@pytest.mark.parametrize("trend", ["without linear trends", "with linear trends"])
def test_a_correlation_says_whether_trends_are_in_it(regions, trend):
    daily, monthly = regions
    figure = plot.region_series(daily, monthly.assign_attrs(scores=trend), SCORES)
    assert (
        figure.axes[0].get_title(loc="left") == f"(a) Po   r = 0.87 {trend}, 3 months"
    )


def test_the_legend_shows_the_faint_line_of_days(regions):
    daily = regions[0]
    days = np.datetime64("2010-01-01", "ns") + np.arange(len(daily)) * np.timedelta64(
        1, "D"
    )
    figure = plot.region_series(daily.assign_coords(time=days), None, {})
    (faint,) = (x for x in figure.axes[0].get_lines() if x.get_label() == "GNSS, daily")
    shown = figure.legends[0].get_lines()[0]
    assert faint.get_alpha() < 0.5 <= shown.get_alpha()
    assert shown.get_linewidth() >= 1


@pytest.mark.parametrize("names", [[], ["B"]])
def test_the_map_of_screened_stations_counts_them(stations, names):
    coords = {"candidate": stations.station.values}
    screened = xr.Dataset(
        {
            "suspect": ("candidate", stations.station.isin(names).values),
            "rate_z": ("candidate", [0.5, -7.0, 1.0], {"limit": 5.0}),
            "candidate_lon": ("candidate", stations.lon.values),
            "candidate_lat": ("candidate", stations.lat.values),
        },
        coords,
    )
    figure = plot.screening(screened, [RING])
    place, scores = figure.axes
    legend = [text.get_text() for text in place.get_legend().get_texts()]
    suspects = [f"{len(names)} suspect"]
    assert legend == [f"{3 - len(names)} like their neighbours", *suspects]
    assert [text.get_text() for text in place.texts] == names
    assert scores.get_xlabel() == "distance from the neighbours over its limit [-]"


@pytest.mark.parametrize("with_band", [False, True])
def test_no_legend_lies_on_what_is_drawn(regions, with_band):
    sd = abs(regions[0]) if with_band else None
    figure = plot.region_series(*regions, SCORES, sd)
    figure.draw_without_rendering()
    (above,) = figure.legends
    assert all(axes.get_legend() is None for axes in figure.axes)
    bottom = above.get_window_extent().y0
    assert all(axes.get_window_extent().y1 < bottom for axes in figure.axes)


@pytest.mark.usefixtures("plain")
def test_the_station_map_shows_the_variance_that_is_explained(stations):
    figure = plot.station_fit(stations, [RING])
    dots = coloured(figure.axes[0])
    # Half of the height is left: three quarters of the variance are explained.
    np.testing.assert_allclose(dots.get_array(), 75.0, rtol=1e-12)
    np.testing.assert_array_equal(dots.get_offsets()[:, 0], stations.lon)


def test_without_residuals_the_map_says_that_the_station_was_seen(stations):
    figure = plot.station_fit(seen_too(stations), [RING])
    dots = coloured(figure.axes[0])
    np.testing.assert_allclose(dots.get_array(), 36.0, rtol=1e-12)
    assert "station included" in figure.axes[0].get_title()


def test_the_band_of_a_region_holds_95_percent(regions):
    daily = regions[0]
    figure = plot.region_series(daily, None, {}, xr.full_like(daily, 10.0))
    (band,) = figure.axes[0].collections
    edge = band.get_paths()[0].vertices[:, 1]
    values = daily.values[:, 0]
    np.testing.assert_allclose(edge.max(), values.max() + 19.6, rtol=1e-12)
    np.testing.assert_allclose(edge.min(), values.min() - 19.6, rtol=1e-12)


def test_the_corner_lies_on_the_l_curve():
    figure = plot.l_curve([1e-3, 1e-2, 1], [2, 3, 9], [9, 3, 2], 1e-2)
    curve, corner = figure.axes[0].get_lines()
    np.testing.assert_array_equal(curve.get_xydata(), [[2, 9], [3, 3], [9, 2]])
    np.testing.assert_allclose(corner.get_xydata(), [[3, 3]])
    assert "beta = 0.01" in corner.get_label()


def test_the_curve_marks_the_beta_that_was_taken():
    figure = plot.beta_curve([1e-3, 1e-2, 1], [3, 2, 4], 1e-2, "rms [mm]")
    axes = figure.axes[0]
    curve, mark = axes.get_lines()
    np.testing.assert_array_equal(curve.get_xydata(), [[1e-3, 3], [1e-2, 2], [1, 4]])
    assert mark.get_xdata()[0] == 1e-2
    assert axes.get_xscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("beta", "rms [mm]")


def test_the_twin_maps_share_one_colour_scale(field, stations):
    figure = plot.twin_maps(field, 2 * field, stations, [RING])
    left, right = (coloured(axes).get_clim() for axes in panels(figure)[:2])
    assert left == right == (0.0, float(np.nanpercentile(field, 99)))


@pytest.mark.parametrize(
    ("error", "raised", "message"),
    [
        (OSError(28, "Disk full"), ValueError, r"\.png cannot be written \(Disk full"),
        (KeyboardInterrupt(), KeyboardInterrupt, "^$"),
        (ValueError("bad"), ValueError, "^bad$"),
    ],
    ids=["full disk", "interrupted", "bad figure"],
)
def test_a_failure_midway_keeps_the_old_picture(
    tmp_path, monkeypatch, error, raised, message
):
    figure = plot.beta_curve([1e-2, 1], [2, 3], 1e-2, "rms")
    io.write_figure(figure, tmp_path / "x.png")
    before = (tmp_path / "x.png").read_bytes()

    def fail(_, path, **__):
        pathlib.Path(path).write_bytes(b"half")
        raise error

    monkeypatch.setattr(Figure, "savefig", fail)
    for name in ("x.png", "y.png"):
        with pytest.raises(raised, match=message):
            io.write_figure(figure, tmp_path / name)
    assert (tmp_path / "x.png").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_the_suffix_names_the_format(tmp_path):
    io.write_figure(plot.beta_curve([1e-2, 1], [2, 3], 1e-2, "rms"), tmp_path / "x.pdf")
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")


def test_loads_and_heights_of_each_station_are_drawn(stations, tmp_path):
    seen = stations.assign(
        up_cleaned=stations.up, load_air=stations.up / 2, load_total=stations.up / 2
    )
    figure = plot.station_loads(seen, ["A", "C"])
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["(a) A", "(b) C"]
    lines = {line.get_label(): line for line in figure.axes[1].lines}
    np.testing.assert_allclose(lines["air"].get_ydata(), stations.up[:, 2] / 2)
    assert "total" not in lines
    io.write_figure(figure, tmp_path / "x.png")


def test_maps_of_a_record_share_one_scale_about_zero(field):
    record = xr.concat([field, 2 * field, 3 * field], "time")
    record = record.assign_coords(time=TIME[:3])
    figure = plot.dated_maps(record, [RING], count=3)
    meshes = [c for axes in figure.axes for c in axes.collections]
    limits = {mesh.get_clim() for mesh in meshes if isinstance(mesh, QuadMesh)}
    assert len([m for m in meshes if isinstance(m, QuadMesh)]) >= 3
    low, high = limits.pop()
    assert low == -high


def test_maps_of_a_record_are_of_epochs_that_were_solved(field, tmp_path):
    """All that are spread over the record have no values; the figure needs some."""
    record = xr.concat([np.nan * field, field, np.nan * field], "time")
    record = record.assign_coords(time=TIME[:3])
    figure = plot.dated_maps(record, [RING], None, np.array([1]))
    meshes = [c for axes in figure.axes for c in axes.collections]
    limits = [mesh.get_clim() for mesh in meshes if isinstance(mesh, QuadMesh)]
    top = np.nanpercentile(np.abs(field), 99)
    assert limits[0] == (pytest.approx(-top), pytest.approx(top))
    assert figure.axes[0].get_title() == str(TIME[1])[:10]
    io.write_figure(figure, tmp_path / "x.png")


def test_every_month_has_a_bar_that_can_be_seen(regions):
    monthly = regions[1]
    figure = plot.drought_index(monthly, (-0.8, -1.3))
    bars = figure.axes[0].patches
    heights = [bar.get_height() for bar in bars]
    np.testing.assert_allclose(heights, monthly[:, 0])
    # In days, the unit of an axis of dates.
    assert all(bar.get_width() == pytest.approx(25) for bar in bars)


def test_what_follows_is_moved_to_fit(regions):
    ours, theirs = regions[0][:10], regions[0][5:15].assign_attrs(long_name="other")
    figure = plot.comparison(ours, theirs, {"Po": "r"}, {"Po": 2})
    lines = {line.get_label(): line for line in figure.axes[0].lines}
    moved = lines["other, moved to fit"].get_ydata()
    np.testing.assert_allclose(moved[:8], theirs[2:, 0])
    assert np.isnan(moved[8:]).all()


@pytest.mark.parametrize("parts", [("",), ("_pretraining", "")])
@pytest.mark.parametrize("members", [2, 9])
def test_members_are_marked_where_they_were_best(rng, parts, members):
    curves = {}
    for part in parts:
        for name in ("loss", "validation_loss"):
            dims = (f"step{part}", "member")
            values = rng.normal(size=(4, members))
            curves[name + part] = (dims, values, {"long_name": name})
        curves[f"best_step{part}"] = ("member", np.full(members, 20))
    steps = {f"step{part}": np.arange(0, 40, 10) for part in parts}
    figure = plot.learning_curves(xr.Dataset(curves, coords=steps))
    assert len(figure.axes) == 2 * len(parts)
    lines, held_out = figure.axes[-1].lines, curves["validation_loss"][1]
    *_, last = (line for line in lines if line.get_marker() == "o")
    assert last.get_xdata() == [20]
    assert last.get_ydata() == [held_out[2, -1]]
    medians = [line for line in lines if line.get_label().startswith("median of 9")]
    assert len(medians) == (members > FEW)
    for line in medians:
        np.testing.assert_allclose(line.get_ydata(), np.median(held_out, axis=1))


def test_twin_maps_say_what_they_are_maps_of(field, stations):
    scatter = field.assign_attrs(long_name="standard deviation in time")
    figure = plot.twin_maps(scatter, field, stations, [RING])
    titles = [axes.get_title() for axes in panels(figure)]
    assert titles[:2] == [
        "(a) standard deviation in time, truth",
        "(b) standard deviation in time, estimate",
    ]


def test_letters_of_other_scripts_are_named_or_found_in_another_font(
    monkeypatch, tmp_path
):
    figure = Figure()
    usual = figure.text(0, 0, "Rhein 3 \u00e4")
    river = figure.text(0, 0, "\u957f\u6c5f")
    monkeypatch.setattr(fonts, "_family_with", lambda _: None)
    assert plot.use_fonts_with_letters(figure) == "\u6c5f\u957f"
    io.write_figure(figure, tmp_path / "boxes.png")  # without a warning
    monkeypatch.setattr(fonts, "_family_with", lambda letters: "A Font" * bool(letters))
    assert plot.use_fonts_with_letters(figure) == ""
    assert river.get_fontfamily() == ["sans-serif", "A Font"]
    assert usual.get_fontfamily() == ["sans-serif"]


def test_a_family_is_one_whose_font_has_the_letters():
    fonts._family_with.cache_clear()
    name = fonts._family_with("A\u03b2")
    path = fonts.font_manager.findfont(name)
    font = fonts.font_manager.get_font(path)
    assert all(font.get_char_index(ord(letter)) for letter in "A\u03b2")
    assert fonts._family_with("\U0010ffff") is None


@pytest.mark.parametrize(("settings", "drawn_as_pixels"), [(200, False), (3000, True)])
def test_lines_of_many_settings_are_one_drawing(rng, settings, drawn_as_pixels):
    columns = {"inversion.beta": rng.random(settings), "error": rng.random(settings)}
    values = columns["error"]
    figure = plot.parallel_coordinates(columns, values, "error [mm]", largest=False)
    axes = figure.axes[0]
    [lines] = axes.collections
    assert len(lines.get_segments()) == settings
    assert lines.get_rasterized() is drawn_as_pixels
    # The best is drawn last, and once more on top.
    np.testing.assert_allclose(
        lines.get_segments()[-1][:, 1], axes.lines[0].get_ydata()
    )
    assert axes.lines[0].get_ydata()[1] == 0
    assert axes.get_xlim()[0] <= 0
    assert axes.get_xlim()[1] >= 1
