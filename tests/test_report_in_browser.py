"""The page of a result in a browser: no errors, no requests, and series as in files."""

import importlib.util
import re
import time

import browser
import numpy as np
import pytest
from test_report import DAYS, EVIL, LAT, LON, write_result

from jaxload import io, report

pytest.importorskip("netCDF4")
pytest.importorskip("plotly")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser.program() is None, reason="there is no Chromium here"),
    pytest.mark.skipif(
        importlib.util.find_spec("websocket") is None,
        reason="websocket-client is not installed",
    ),
]

#: A date of a trace as the page draws it, and its values.
TRACES = (
    "document.getElementById('series').data.map(t => ({x: t.x, y: t.y, m: t.meta}))"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    write_result(folder)
    report.write_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(place):
    with browser.browsing(place) as page:
        page.open(place / "report.html")
        yield page


def on_screen(page, lon, lat):
    """Where a place of the map lies in the window."""
    page.evaluate(
        "document.getElementById('map').scrollIntoView({behavior: 'instant'})"
    )
    return page.evaluate(
        "(() => { const map = document.getElementById('map');"
        "const box = map.getBoundingClientRect(), full = map._fullLayout;"
        f"return [box.left + full.xaxis._offset + full.xaxis.l2p({lon}),"
        f"box.top + full.yaxis._offset + full.yaxis.l2p({lat})]; }})()"
    )


def values(numbers):
    return np.array([np.nan if one is None else one for one in numbers], float)


def raster(page):
    rows = page.evaluate("document.getElementById('map').data[0].z")
    return np.array([values(row) for row in rows])


def water(place, name="twsa"):
    with io.read_dataset(place / "twsa.nc") as maps:
        return maps[name].where(maps["cell_mask"] == 2).values


def test_it_loads_without_errors_and_requests(page):
    assert page.errors == []
    foreign = [url for url in page.requests if not url.startswith(("file:", "data:"))]
    assert foreign == []
    assert page.evaluate("document.querySelector('h1').textContent") == EVIL
    assert page.evaluate("document.title").startswith(EVIL)


def test_the_keyboard_moves_the_slider_and_the_slider_the_map(page, place):
    expected = water(place)
    page.evaluate("document.getElementById('epoch').focus()")
    np.testing.assert_allclose(raster(page), expected[-1], atol=0.02)
    page.press("ArrowLeft", 37)
    page.wait_for("document.getElementById('epoch').value === '118'")
    np.testing.assert_allclose(raster(page), expected[118], atol=0.02)
    date = page.evaluate("document.getElementById('date').textContent")
    assert date == str(DAYS[118])[:10]
    page.press("Home", 36)
    page.wait_for("document.getElementById('epoch').value === '0'")
    np.testing.assert_allclose(raster(page), expected[0], atol=0.02)


def test_layers_are_those_of_the_file_and_keep_the_date(page, place):
    choose = (
        "(() => {{ const one = document.getElementById('layer'); one.value = {};"
        "one.dispatchEvent(new Event('change')); }})()"
    )
    page.evaluate("document.getElementById('before').click()")
    page.evaluate(choose.format(2))
    amplitude = water(place, "annual_amplitude")
    np.testing.assert_allclose(raster(page), amplitude, atol=0.02)
    assert page.evaluate("document.getElementById('time-controls').hidden")
    page.evaluate(choose.format(1))
    epoch = int(page.evaluate("document.getElementById('epoch').value"))
    errors = water(place, "twsa_sd")
    np.testing.assert_allclose(raster(page), errors[epoch], atol=0.02)
    page.evaluate(choose.format(0))
    assert not page.evaluate("document.getElementById('time-controls').hidden")
    assert page.errors == []


def test_a_click_draws_the_series_of_that_cell_with_its_errors(page, place):
    page.click(*on_screen(page, LON[3], LAT[2]))
    page.wait_for(
        "document.querySelector('#series .gtitle')?.textContent.includes('Cell')"
    )
    band, middle = page.evaluate(TRACES)
    expected, sd = water(place)[:, 2, 3], water(place, "twsa_sd")[:, 2, 3]
    np.testing.assert_allclose(values(middle["y"]), expected, atol=0.02)
    np.testing.assert_allclose(
        values(band["m"]["lower"]), expected - 1.96 * sd, atol=0.03
    )
    np.testing.assert_allclose(
        values(band["m"]["upper"]), expected + 1.96 * sd, atol=0.03
    )
    assert middle["x"] == [str(day)[:10] for day in DAYS]


def test_the_form_does_what_the_click_does(page, place):
    page.evaluate(
        "document.getElementById('lon').value = 11.02;"
        "document.getElementById('lat').value = 45.6;"
        "document.getElementById('place').requestSubmit()"
    )
    series = page.evaluate(TRACES)[-1]
    np.testing.assert_allclose(values(series["y"]), water(place)[:, 1, 2], atol=0.02)
    assert series["y"][7] is None
    # The band has a ring before the gap and one after it.
    band = page.evaluate(TRACES)[0]
    assert [i for i, one in enumerate(band["y"]) if one is None] == [
        14,
        14 + 2 * 112 + 1,
    ]
    assert band["y"][:7] == band["m"]["lower"][:7]
    assert band["y"][7:14] == band["m"]["upper"][6::-1]
    status = page.evaluate("document.getElementById('status').textContent")
    assert status.startswith("Cell at 11 E, 45.5 N")


def test_a_click_on_a_station_draws_observed_and_predicted_uplift(page, place):
    page.click(*on_screen(page, 10.6, 45.3))
    page.wait_for(
        "document.querySelector('#series .gtitle')?.textContent.includes('Station')"
    )
    band, observed, predicted, others = page.evaluate(TRACES)
    with io.read_dataset(place / "stations.nc") as stations:
        up, by_water = stations["up"].values, stations["predicted"].values
        residual = stations["leave_one_out_residual"].values
    np.testing.assert_allclose(values(observed["y"]), up[:, 0], atol=1e-3)
    np.testing.assert_allclose(values(band["m"]["lower"]), up[:, 0] - 0.98, atol=2e-3)
    np.testing.assert_allclose(values(predicted["y"]), by_water[:, 0], atol=1e-3)
    left_out = (up - residual)[:, 0]
    np.testing.assert_allclose(values(others["y"]), left_out, atol=2e-3)
    # Its name is a tag, and stays a text.
    title = page.evaluate("document.querySelector('#series .gtitle').textContent")
    assert EVIL in title
    assert page.evaluate("document.querySelectorAll('#series script').length") == 0


def test_screen_readers_find_the_controls(page):
    page.call("Accessibility.enable")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    found = {
        (node["role"]["value"], node.get("name", {}).get("value")) for node in nodes
    }
    wanted = {
        ("slider", "Date of the map"),
        *(("combobox", name) for name in ("Layer", "Station", "Region")),
        *(("button", name) for name in ("Date before", "Date after", "Play")),
        ("checkbox", "Stations"),
        ("heading", "Map"),
    }
    assert wanted <= found
    values_of_sliders = [
        node["properties"] for node in nodes if node["role"]["value"] == "slider"
    ]
    assert any(
        one["name"] == "valuetext" or "2018" in str(one) for one in values_of_sliders[0]
    )
    page.call("Accessibility.disable")


def test_a_heading_sorts_its_table_and_a_button_downloads_it(page, place):
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(place))
    page.evaluate(
        "document.querySelectorAll('details').forEach(d => { d.open = true; });"
        "document.querySelectorAll('#table-stations th button')[3].click()"
    )
    heights = (
        "[...document.querySelectorAll('#table-stations tbody tr')]"
        ".map(row => row.cells[3].textContent)"
    )
    assert page.evaluate(heights) == ["100", "200", "300"]
    page.evaluate("document.querySelectorAll('#table-stations th button')[3].click()")
    assert page.evaluate(heights) == ["300", "200", "100"]
    page.evaluate("document.querySelector('[data-table=table-stations]').click()")
    path, end = place / "stations.csv", time.monotonic() + 30
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.05)
        page.evaluate("1")
    rows = path.read_text().splitlines()
    assert rows[0].startswith("station,lon,lat,height")
    # A spreadsheet would take this name for a formula.
    assert rows[1].startswith("'=CMD(),11.6,46.1,300")
    assert rows[3].startswith(f"{EVIL},10.6,45.3,100")


def test_no_button_sends_a_chart_anywhere(page):
    buttons = page.evaluate(
        "[...document.querySelectorAll('.modebar-btn')].map(b => b.dataset.title)"
    )
    assert "Zoom in" in buttons
    assert not [
        title for title in buttons if re.search("cloud|studio|link", title, re.I)
    ]


def test_series_of_a_region_are_downloaded_in_the_unit_that_is_chosen(page, place):
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(place))
    change = (
        "(() => {{ const one = document.getElementById('{}'); one.value = '{}';"
        "one.dispatchEvent(new Event('change')); }})()"
    )
    page.evaluate(change.format("region", 1))
    page.evaluate(change.format("region-units", "km3"))
    page.evaluate("document.getElementById('region-csv').click()")
    path, end = place / "region_b.csv", time.monotonic() + 30
    while not path.exists() and time.monotonic() < end:
        time.sleep(0.05)
        page.evaluate("1")
    rows = [line.split(",") for line in path.read_text().splitlines()]
    assert rows[0][2:] == ["value [km3]", "lower 95% [km3]", "upper 95% [km3]"]
    with io.read_dataset(place / "regions.nc") as regions:
        water = regions["twsa"].values[10, 1]
    # The area is half a million square kilometres; 95% are 1.96 times 4 mm.
    assert rows[11][1] == str(DAYS[10])[:10]
    expected = [0.5 * water, 0.5 * (water - 7.84), 0.5 * (water + 7.84)]
    np.testing.assert_allclose([float(x) for x in rows[11][2:]], expected, atol=0.01)
    page.evaluate(change.format("region-units", "mm"))


def test_names_are_no_tags_in_what_is_downloaded(page, place):
    page.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(place))
    page.evaluate(
        "document.getElementById('region').value = '0';"
        "document.getElementById('region').dispatchEvent(new Event('change'));"
        "document.getElementById('region-csv').click()"
    )
    end = time.monotonic() + 30
    while not (paths := list(place.glob("region_*alert*.csv"))):
        assert time.monotonic() < end
        time.sleep(0.05)
        page.evaluate("1")
    text = paths[0].read_text()
    assert "&amp;" not in text
    assert "R & D" in text


def test_outlines_of_regions_lie_on_the_map(page):
    trace = page.evaluate(
        "document.getElementById('map').data.find(t => t.name === 'outlines').x"
    )
    assert trace[:6] == [10, 12, 12, 10, 10, None]


@pytest.mark.parametrize("width", [400, 1400])
def test_nothing_is_wider_than_the_window(page, width):
    page.resize(width, 900)
    page.wait_for(f"innerWidth === {width}")
    page.wait_for("document.documentElement.scrollWidth <= innerWidth")
    size = "document.getElementById('map').getBoundingClientRect().width"
    assert page.evaluate(size) <= width
    assert page.errors == []
