"""The page of a result: its parts and data, and that it needs no network."""

import base64
import html.parser
import json
import re

import numpy as np
import pytest
import xarray as xr

from jaxload import cli, description, io, report
from jaxload.pipeline.report.figures import FIGURES
from jaxload.pipeline.report.file_labels import labelled_for_file
from jaxload.report import (
    figures,
    interactive_map,
    interactive_series,
    main_numbers,
    page,
    tables,
)
from jaxload.report.headings import heading_of
from jaxload.report.opened_result import OpenedResult, open_result
from jaxload.report.packed_arrays import pack_numbers, thinning_step, unpack_numbers

pytest.importorskip("netCDF4")
pytest.importorskip("plotly")
pytest.importorskip("jinja2")

DAYS = np.arange("2018-01-01", "2018-05-01", dtype="M8[D]").astype("M8[ns]")
LON, LAT = 10 + 0.5 * np.arange(5), 45 + 0.5 * np.arange(4)
EVIL = "<script>alert(1)</script>"
SETTINGS = f'title = "{EVIL}"\n[gnss]\nfiles = "heights/*.tenv3"\n'
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)
SCORE = {"pcc": 0.9, "r2": 0.81, "nse": None, "rmse_mm": 20.5, "months": 24}
SUMMARY = {
    "title": EVIL,
    "beta": 0.02,
    "criterion": [{"beta": 0.01, "value": 2.0}, {"beta": 0.02, "value": 1.5}],
    "criterion_name": "leave-one-out rms",
    "leave_one_out_rms_mm": 1.5,
    "signal_rms_mm": 3.0,
    "misfit_rms_mm": 1.2,
    "common_mode_mm": 0.0,
    "stations": 3,
    "cells": 16,
    "epochs": len(DAYS),
    "first_day": "2018-01-01",
    "last_day": "2018-04-30",
    "epochs_not_solved": 0,
    "device": "cpu",
    "versions": {"jaxload": "0.2.0", "jax": "0.10"},
    "evaluation": {"</td>a": SCORE, "b": SCORE},
    "products": {"grace": {"smoothing_km": 300.0, "all": {"a": SCORE, "b": SCORE}}},
    "errors": {"kind": "cells", "method": "exact", "region_sd_mm": {"a": 4.0}},
    "seconds": {"total": 3.0},
    "peak_memory_gib": 1.0,
    "warnings": [f"a doubt {EVIL}"],
    "files": ["twsa.nc", "stations.nc", "regions.nc", "annual_amplitude.png", "a.svg"],
}


def write_result(folder):
    """Maps, stations and regions as a run writes them, with texts that are tags."""
    rng, mm = np.random.default_rng(0), {"units": "mm"}
    shape = (len(DAYS), len(LAT), len(LON))
    water = rng.normal(0, 100, shape)
    water[7, 1, 2] = np.nan
    mask = np.full(shape[1:], 2, np.int8)
    mask[:, 0] = 1
    amplitude = np.abs(water[0])
    maps = xr.Dataset(
        {
            "twsa": (("time", "lat", "lon"), water.astype("f4"), mm),
            "twsa_sd": (("time", "lat", "lon"), np.abs(water / 9).astype("f4"), mm),
            "annual_amplitude": (("lat", "lon"), amplitude.astype("f4"), mm),
            "cell_mask": (("lat", "lon"), mask),
        },
        {"time": DAYS, "lat": LAT, "lon": LON},
    )
    up = rng.normal(0, 3, (len(DAYS), 3))
    up[:5, 1] = np.nan
    stations = xr.Dataset(
        {
            "up": (("time", "station"), up.astype("f4"), mm),
            "up_sigma": (("time", "station"), np.full(up.shape, 0.5, "f4"), mm),
            "predicted": (("time", "station"), (up / 2).astype("f4"), mm),
            "leave_one_out_residual": (("time", "station"), (up / 3).astype("f4"), mm),
            "candidate_lon": ("candidate", np.array([10.6, 11.1, 11.6, 12.0], "f4")),
            "candidate_lat": ("candidate", np.array([45.3, 45.9, 46.1, 46.0], "f4")),
            "suspect": ("candidate", np.array([0, 1, 0, 1], np.int8)),
            "status": ("candidate", ["used", "suspect", "used", "dropped"]),
            "reason": ("candidate", ["", "rate & season", "", "scatter"]),
        },
        {
            "time": DAYS,
            "station": [EVIL, "BBBB", "=CMD()"],
            "candidate": [EVIL, "BBBB", "=CMD()", "GONE"],
            "lon": ("station", [10.6, 11.1, 11.6]),
            "lat": ("station", [45.3, 45.9, 46.1]),
            "height": ("station", [100.0, 200.0, 300.0]),
        },
    )
    month = np.array(["2018-01-16", "2018-02-15"], "M8[ns]")
    square = "POLYGON ((10 45, 12 45, 12 46, 10 46, 10 45))"
    regions = xr.Dataset(
        {
            "region_outline": ("region", [square, square.replace("45", "44")]),
            "region_area": ("region", [2e6, 5e5], {"units": "km2"}),
            "twsa": (("time", "region"), (9 * up[:, :2]).astype("f4"), mm),
            "twsa_sd": (("time", "region"), np.full((len(DAYS), 2), 4, "f4"), mm),
            "twsa_grace": (
                ("month", "region"),
                np.ones((2, 2), "f4"),
                mm | {"long_name": "GRACE by R & D"},
            ),
        },
        {"time": DAYS, "region": [EVIL, "b"], "month": month},
    )
    about = {"title": "small", "settings": SETTINGS, "source": "jaxload 0.2.0"}
    parts = {"twsa": maps, "stations": stations, "regions": regions}
    for name, part in parts.items():
        io.write_dataset(labelled_for_file(part, about), folder / f"{name}.nc")
    (folder / "summary.json").write_text(json.dumps(SUMMARY))
    (folder / "annual_amplitude.png").write_bytes(PIXEL)
    (folder / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("result")
    write_result(folder)
    return folder


@pytest.fixture(scope="module")
def text(folder):
    return report.write_report(folder).read_text(encoding="utf-8")


def opened(folder, summary):
    """A result by its summary, without words and citations."""
    return OpenedResult(folder, summary, [], "", "")


class Parsed(html.parser.HTMLParser):
    """Elements with their attributes and texts, and which ones were left open."""

    VOID = ("meta", "link", "input", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.wrong = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes), []))
        if tag not in self.VOID:
            self.open.append(self.elements[-1])

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.wrong.append(tag)
        else:
            self.open.pop()

    def handle_data(self, data):
        if self.open:
            self.open[-1][2].append(data)

    def all(self, tag, **wanted):
        return [
            (attributes, "".join(texts))
            for name, attributes, texts in self.elements
            if name == tag and wanted.items() <= attributes.items()
        ]


@pytest.fixture(scope="module")
def parsed(text):
    return Parsed(text)


@pytest.fixture(scope="module")
def data(parsed):
    return json.loads(parsed.all("script", id="report-data")[0][1])


def test_every_element_is_closed_and_every_name_is_used_once(parsed):
    assert not parsed.wrong
    assert not parsed.open
    names = [a["id"] for _, a, _ in parsed.elements if "id" in a]
    assert len(names) == len(set(names))


def test_the_page_asks_no_network_for_anything(parsed):
    loaded = [
        attributes[key]
        for tag, attributes, _ in parsed.elements
        for key in ("src", "href", "action", "data", "poster", "srcset")
        if key in attributes and tag != "a"
    ]
    assert loaded
    assert all(source.startswith("data:") for source in loaded)
    links = [a["href"] for a, _ in parsed.all("a")]
    assert all(link.startswith("#") for link in links)
    (policy,) = (a["content"] for a, _ in parsed.all("meta") if "http-equiv" in a)
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    styles = "".join(text for _, text in parsed.all("style"))
    assert "url(" not in styles
    assert "@import" not in styles


def test_links_lead_to_parts_of_the_page(parsed):
    names = {a["id"] for _, a, _ in parsed.elements if "id" in a}
    assert {a["href"][1:] for a, _ in parsed.all("a")} <= names
    described = {a["for"] for a, _ in parsed.all("label") if "for" in a}
    assert described <= names


def test_texts_of_a_study_are_texts_and_not_tags(text, parsed):
    assert EVIL not in text
    assert len(parsed.all("script")) == 3
    assert parsed.all("h1")[0][1] == EVIL
    assert parsed.all("p", **{"class": "warning"})[-1][1] == f"a doubt {EVIL}"
    options = [text.strip() for _, text in parsed.all("option")]
    assert options.count(EVIL) == 2
    assert "</td>a" in [text for _, text in parsed.all("td")]


def test_warnings_come_first(text):
    order = [text.index(f'id="{part}-part"') for part in ("warnings", "numbers", "map")]
    assert order == sorted(order)


def test_maps_in_the_page_are_those_of_the_file(data, folder):
    content = data["map"]
    with io.read_dataset(folder / "twsa.nc") as water:
        shown = water["cell_mask"].values == 2
        assert [content["row"], content["column"]] == [
            x.tolist() for x in np.nonzero(shown)
        ]
        names = [layer["name"] for layer in content["layers"]]
        assert names == ["twsa", "twsa_sd", "annual_amplitude"]
        for layer in content["layers"]:
            expected = water[layer["name"]].values[..., shown]
            held = unpack_numbers(layer, expected.shape)
            np.testing.assert_allclose(
                held, expected, rtol=0, atol=layer["step"] / 2 * 1.001
            )
    assert content["axes"]["twsa time"] == [str(day)[:10] for day in DAYS]
    # Two rings of five vertices, each closed and ended.
    outlines = content["outlines"]
    assert outlines["lon"] == [10.0, 12.0, 12.0, 10.0, 10.0, None] * 2
    assert outlines["lat"][6:] == [44.0, 44.0, 46.0, 46.0, 44.0, None]
    assert content["layers"][0]["kind"] == "diverging"
    assert content["layers"][1]["kind"] == "sequential"
    assert content["layers"][0]["units"] == "mm"


def test_series_of_stations_and_regions_are_those_of_the_files(data, folder):
    content = data["stations"]
    with io.read_dataset(folder / "stations.nc") as stations:
        for key, name in (("observed", "up"), ("left_out", "leave_one_out_residual")):
            packed, expected = content["series"][key], stations[name].values
            np.testing.assert_allclose(
                unpack_numbers(packed, expected.shape),
                expected,
                atol=packed["step"],
                rtol=0,
            )
    assert content["names"] == [EVIL, "BBBB", "=CMD()", "GONE"]
    assert content["notes"] == ["", "suspect: rate & season", "", "dropped: scatter"]
    assert content["suspect"] == [False, True, False, True]
    regions = data["regions"]
    assert regions["areas"] == [2e6, 5e5]
    assert [one["name"] for one in regions["series"]] == ["twsa", "twsa_grace"]
    with io.read_dataset(folder / "regions.nc") as dataset:
        first, expected = regions["series"][0], dataset["twsa"].values
        assert "sd" in first
        np.testing.assert_allclose(
            unpack_numbers(first, expected.shape), expected, atol=first["step"], rtol=0
        )


def test_a_page_with_little_room_has_some_epochs_and_says_which(folder, monkeypatch):
    monkeypatch.setattr(interactive_map, "MAP_MEGABYTES", 0.005)
    monkeypatch.setattr(interactive_series, "STATION_MEGABYTES", 0.001)
    monkeypatch.setattr(figures, "FIGURE_MEGABYTES", 0.0)
    text = report.write_report(folder, folder / "little.html").read_text("utf-8")
    parsed = Parsed(text)
    data = json.loads(parsed.all("script", id="report-data")[0][1])
    step = data["map"]["steps"]["twsa time"]
    assert step > 1
    assert data["map"]["axes"]["twsa time"] == [str(day)[:10] for day in DAYS[::step]]
    with io.read_dataset(folder / "twsa.nc") as water:
        expected = water["twsa"].values[::step][:, water["cell_mask"].values == 2]
    layer = data["map"]["layers"][0]
    np.testing.assert_allclose(
        unpack_numbers(layer, expected.shape), expected, rtol=0, atol=layer["step"]
    )
    note = parsed.all("p", id="thinning")[0][1]
    assert f"Maps of twsa: one in {step} epochs." in note
    assert f"Series of stations: one in {data['stations']['step']} epochs." in note
    assert "annual_amplitude.png" in note
    assert not parsed.all("img")


def test_figures_are_inside_the_page_with_words_for_them(parsed):
    images = [a for a, _ in parsed.all("img")]
    assert len(images) == 2
    assert all(len(image["alt"]) > 10 for image in images)
    by_type = {image["src"].partition(";")[0]: image["src"] for image in images}
    assert set(by_type) == {"data:image/png", "data:image/svg+xml"}
    content = by_type["data:image/png"].partition(",")[2]
    assert base64.b64decode(content) == PIXEL


def test_tables_hold_the_scores_of_every_level(folder):
    made = {table.name: table for table in tables.report_tables(open_result(folder))}
    assert made["evaluation"].columns == ("region", *SCORE)
    assert made["evaluation"].rows[1] == ("b", *SCORE.values())
    assert made["products"].columns == ("product", "period", "region", *SCORE)
    assert made["products"].rows[0] == ("grace", "all", "a", *SCORE.values())
    assert made["products_1"].rows == (("grace", 300.0),)
    assert made["criterion"].rows == ((0.01, 2.0), (0.02, 1.5))
    run = {name: (value, meaning) for name, value, meaning in made["run"].rows}
    assert run["leave one out RMS [mm]"] == (
        1.5,
        "Error of heights predicted from the other stations.",
    )
    stations = made["stations"]
    line = dict(zip(stations.columns, stations.rows[1]))
    assert line["station"] == "BBBB"
    assert line["epochs"] == len(DAYS) - 5
    assert line["reason"] == "rate & season"
    with io.read_dataset(folder / "stations.nc") as dataset:
        scatter = float(np.nanstd(dataset["up"].values[:, 1].astype(float)))
    assert line["scatter [mm]"] == pytest.approx(scatter, abs=1e-3)


def test_leave_one_out_rms_counts_a_constant_error(folder, tmp_path):
    copy = tmp_path / "stations.nc"
    with io.read_dataset(folder / "stations.nc") as dataset:
        moved = dataset.load()
    moved["leave_one_out_residual"] = moved.leave_one_out_residual + 5
    io.write_dataset(moved, copy)
    summary = SUMMARY | {"files": ["stations.nc"]}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    made = {t.name: t for t in tables.report_tables(open_result(tmp_path))}["stations"]
    found = [row[made.columns.index("leave-one-out rms [mm]")] for row in made.rows]
    residual = moved.leave_one_out_residual.values
    expected = np.sqrt(np.nanmean(residual**2, axis=0))
    assert (expected > 4.5).all()
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_names_of_digits_stay_names_and_what_is_missing_is_empty(folder, tmp_path):
    table = "# comment\nname,sd,order\n0583,1.5,1\n1E05,,2\n,nan,\n"
    (tmp_path / "network.csv").write_text(table)
    (tmp_path / "stations.nc").write_bytes((folder / "stations.nc").read_bytes())
    summary = SUMMARY | {"files": ["stations.nc", "network.csv"]}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    result = open_result(tmp_path)
    made = {t.name: t for t in tables.report_tables(result)}["network"]
    assert made.columns == ("name", "sd", "order")
    assert made.rows == (("0583", 1.5, 1.0), ("1E05", None, 2.0), ("", None, None))


def test_phases_of_half_a_year_repeat_after_half_a_year():
    names = ("annual_phase", "semiannual_phase", "annual_phase_sd")
    layers = [
        interactive_map._layer(("seasons", name, []), {}, np.arange(3.0), None)
        for name in names
    ]
    kinds = [(layer["kind"], layer["range"][1]) for layer in layers]
    assert kinds[:2] == [("cyclic", 365.25), ("cyclic", 182.625)]
    assert kinds[2][0] == "sequential"


def test_colours_of_scores_do_not_depend_on_a_bad_cell():
    bad = np.array([0.9, 0.95, -80.0])
    layers = {
        name: interactive_map._layer(("products", name, []), {}, bad, None)
        for name in ("cell_pcc", "cell_nse", "cell_pcc_deseasonalised", "cell_rmse")
    }
    ends = {name: (layer["kind"], layer["range"]) for name, layer in layers.items()}
    for name in ("cell_pcc", "cell_nse", "cell_pcc_deseasonalised"):
        assert ends[name] == ("score", [-1.0, 1.0])
    assert ends["cell_rmse"][1][0] < -50


def test_water_has_more_room_than_other_maps(folder, tmp_path, monkeypatch):
    (tmp_path / "twsa.nc").write_bytes((folder / "twsa.nc").read_bytes())
    with io.read_dataset(folder / "twsa.nc") as dataset:
        other = dataset[["twsa"]].load().rename(twsa="cell_water")
    other["cell_estimate"] = other["cell_water"]
    io.write_dataset(other, tmp_path / "bridged.nc")
    summary = SUMMARY | {"files": ["twsa.nc", "bridged.nc"]}
    # 120 epochs of 16 cells take 5 kB; water has two layers.
    monkeypatch.setattr(interactive_map, "MAP_MEGABYTES", 0.007)
    content = interactive_map.map_content(opened(tmp_path, summary))
    assert content["steps"] == {"twsa time": 2, "bridged time": 6}
    names = [layer["name"] for layer in content["layers"]]
    assert names == ["twsa", "twsa_sd", "annual_amplitude", "cell_water"]
    held = sum(len(layer["data"]) for layer in content["layers"])
    assert 0.005e6 < held < 0.0075e6


def test_figures_are_compressed_until_all_find_room(folder, tmp_path, monkeypatch):
    image = pytest.importorskip("PIL.Image")
    noise = np.random.default_rng(0).normal(128, 40, (300, 1600, 3)).astype(np.uint8)
    for name in ("twsa_maps", "grace"):
        image.fromarray(noise).save(tmp_path / f"{name}.png")
    (tmp_path / "a.svg").write_bytes((folder / "a.svg").read_bytes())
    names = ["a.svg", "grace.png", "twsa_maps.png"]
    summary = SUMMARY | {"files": names}
    one = (tmp_path / "grace.png").stat().st_size
    monkeypatch.setattr(figures, "FIGURE_MEGABYTES", 1.6 * one * 4 / 3 / 1e6)
    made = figures.embedded_figures(opened(tmp_path, summary))
    assert [figure.name for figure in made] == ["twsa_maps.png", "grace.png", "a.svg"]
    kinds = [figure.source.partition(";")[0] for figure in made]
    assert sorted(kinds) == ["data:image/png", "data:image/svg+xml", "data:image/webp"]
    assert [figure.title for figure in made] == ["TWSA maps", "GRACE", "A"]
    assert [figure.large for figure in made] == [True, True, False]
    assert made[0].section == "Maps of water"
    total = sum(len(figure.source) for figure in made) / 1e6
    assert total < figures.FIGURE_MEGABYTES + 0.001


def test_every_caption_has_a_section():
    placed = [name for names in figures.SECTIONS.values() for name in names]
    assert len(placed) == len(set(placed))
    assert set(figures.CAPTIONS) <= set(placed)


def test_headings_have_units_and_names_of_users_stay():
    texts = ["rmse_mm", "wrms_reduction_percent", "pcc", "Province 1", "0583"]
    expected = ["RMSE [mm]", "wrms reduction [%]", "PCC", "Province 1", "0583"]
    assert [heading_of(text) for text in texts] == expected


def test_numbers_of_articles_stand_beside_ours(tmp_path):
    filling = {
        "method": "mllim",
        "largest_pcc": 0.9,
        "article": {"largest_pcc": 0.79},
        "stations": {},
    }
    gain = {
        "mean_change_percent": {"pcc": 3.0, "r2": None},
        "article_change_percent": {"pcc": 8.85, "r2": 7.99},
    }
    values = {"max": 200.0, "min": -100.0, "sd": 60.0}
    summary = SUMMARY | {
        "files": ["a.svg"],
        "filling": filling,
        "gain_over_stations_only": gain,
        "station_statistics": {"A": values, "B": values | {"max": 300.0}},
        "lag_months": {"A": {"before": 0.5, "after": 0.7, "months": 2}},
    }
    made = {t.name: t for t in tables.report_tables(opened(tmp_path, summary))}
    ours = made["published_filling"]
    assert "doi:10.3390/rs13173358" in ours.meaning
    assert [row[1:] for row in ours.rows] == [(0.9, 0.79), (3.0, 8.85), (None, 7.99)]
    largest = made["published_groundwater"].rows[0]
    assert largest == ("GWSA: largest, mm", 200.0, 250.0, 300.0, 177.70, 269.98)


def test_an_index_of_drought_has_a_column_for_each_region(tmp_path):
    index = {
        "North": {"2018-01": {"dsi": -2.5, "class": "extreme"}},
        "South": {
            "2018-02": {"dsi": 0.5, "class": "none"},
            "2018-01": {"dsi": None, "class": "none"},
        },
    }
    summary = SUMMARY | {"files": ["a.svg"], "dsi": index}
    made = {t.name: t for t in tables.report_tables(opened(tmp_path, summary))}["dsi"]
    assert made.columns == ("month", "North", "South")
    assert made.rows == (("2018-01", -2.5, None), ("2018-02", None, 0.5))
    lines = {line.name: line for line in main_numbers.headlines(summary)}
    assert lines["Driest month, North"].value == "index -2.5"


def test_water_is_smoothed_as_a_product_before_its_score_is_a_main_number():
    smooth = SCORE | {"pcc": 0.95}
    products = {"grace": {"smoothing_km": 300.0, "all": {"a": smooth}}}
    lines = main_numbers.headlines(SUMMARY | {"products": products})
    line = next(line for line in lines if line.name == "a, against GRACE")
    assert line.value == "correlation 0.95"
    assert "smoothed over 300 km" in line.meaning
    products["grace"]["smoothing_km"] = 0.0
    lines = main_numbers.headlines(SUMMARY | {"products": products})
    line = next(line for line in lines if line.name == "b, against GRACE")
    assert line.value == "correlation 0.90"


def test_info_has_scores_of_water_that_was_smoothed_alike(tmp_path):
    smooth = SCORE | {"pcc": 0.95, "nse": 0.8}
    products = {"grace": {"smoothing_km": 300.0, "all": {"a": smooth}}}
    summary = SUMMARY | {"products": products, "files": ["a.svg"]}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    lines = description.describe(tmp_path)
    assert "b: correlation 0.90, NSE undefined, RMSE 20.50 mm over 24 months" in lines
    assert (
        "a, smoothed over 300 km as grace is: correlation 0.95, NSE 0.80, "
        "RMSE 20.50 mm over 24 months"
    ) in lines


def test_long_tables_say_how_much_is_left_out(folder, monkeypatch):
    monkeypatch.setattr(tables, "MOST_ROWS", 1)
    made = {table.name: table for table in tables.report_tables(open_result(folder))}
    assert (len(made["stations"].rows), made["stations"].left_out) == (1, 2)


def test_settings_data_versions_and_citations_are_in_the_page(parsed):
    assert parsed.all("pre", id="settings")[0][1] == SETTINGS
    assert "heights/*.tenv3" in [text for _, text in parsed.all("dd")]
    assert "@article{farrell1972" in parsed.all("pre", id="citations")[0][1]
    assert "0.2.0" in [text for _, text in parsed.all("dd")]


def test_data_are_files_and_not_settings_of_the_same_name():
    study = '[region]\nboundary = "a.txt"\n[inversion]\nboundary = "zero"\n'
    assert page._sources(study) == [("region.boundary", "a.txt")]


def test_a_misfit_is_called_smaller_only_where_it_is():
    for misfit, words in ((1.2, "smaller than"), (1.7, "noise that stations share")):
        summary = SUMMARY | {"misfit_rms_mm": misfit, "noise": {}}
        lines = {line.name: line for line in main_numbers.headlines(summary)}
        assert words in lines["Misfit"].meaning


def test_standard_errors_are_no_series_of_water(folder):
    with io.read_dataset(folder / "regions.nc") as dataset:
        regions = dataset.load().rename(twsa_grace="twsa_rest_sd")
    content = interactive_series._regions(regions)
    assert [one["name"] for one in content["series"]] == ["twsa"]


def test_controls_have_labels(parsed):
    labelled = {a["for"] for a, _ in parsed.all("label") if "for" in a}
    for tag in ("select", "input"):
        for attributes, _ in parsed.all(tag):
            assert {attributes["id"]} & labelled
    buttons = parsed.all("button")
    assert all(text.strip() or a.get("aria-label") for a, text in buttons)


def test_packed_numbers_are_kept_to_half_a_step(rng):
    values = rng.normal(0, 400, (7, 11))
    values[2, 3] = np.nan
    packed = pack_numbers(values)
    again = unpack_numbers(packed, values.shape)
    assert np.nanmax(np.abs(again - values)) <= packed["step"] / 2 * (1 + 1e-9)
    assert np.array_equal(np.isnan(again), np.isnan(values))
    assert packed["step"] <= 5 * np.nanmax(np.abs(values)) / 32767
    assert f"{packed['step']:.0e}"[0] in "125"
    assert pack_numbers(np.full(3, np.nan))["step"] == 1.0


def test_thinning_keeps_what_fits():
    assert thinning_step(100, 10, 1.0) == 1
    # 1000 epochs of 1000 numbers take 2.67 MB; a third of them fit into 1 MB.
    assert thinning_step(1000, 1000, 1.0) == 3
    assert thinning_step(10, 10**9, 1.0) == 10


def test_missing_libraries_are_named(folder, monkeypatch):
    def refuse(names, extra, form):
        raise ValueError(f"{form} needs {names}, {extra}")

    monkeypatch.setattr(page, "require", refuse)
    with pytest.raises(ValueError, match=r"jaxload report needs .*plotly"):
        report.write_report(folder)


def test_the_command_writes_the_page_and_says_where(folder, tmp_path, capsys):
    out = tmp_path / "there" / "page.html"
    assert cli.main(["report", str(folder), "--out", str(out)]) == 0
    assert out.is_file()
    assert re.search(r"page\.html is written \(\d+\.\d MB\)", capsys.readouterr().out)


def test_a_folder_without_a_result_is_refused_in_one_sentence(tmp_path, capsys):
    for place in (tmp_path, tmp_path / "nowhere"):
        assert cli.main(["report", str(place)]) == 2
        error = capsys.readouterr().err
        assert "Traceback" not in error
        assert str(place) in error.replace("\n", "")


def test_a_result_of_stations_only_has_a_page_too(folder, tmp_path):
    for name in ("stations.nc", "summary.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    summary = SUMMARY | {"files": ["stations.nc"]}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    parsed = Parsed(report.write_report(tmp_path).read_text("utf-8"))
    assert not parsed.all("select", id="layer")
    assert parsed.all("select", id="station")
    assert not parsed.wrong


def test_a_table_with_more_columns_than_rows_is_turned_on_its_side(folder, tmp_path):
    for name in ("stations.nc", "summary.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    wide = {"true": {f"S{i}": i for i in range(40)}, "estimated": {"S3": 2.5}}
    summary = SUMMARY | {"files": ["stations.nc"], "truth": wide}
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    made = {t.name: t for t in tables.report_tables(open_result(tmp_path))}
    assert made["truth"].columns == ("name", "true", "estimated")
    assert made["truth"].rows[3] == ("S3", 3, 2.5)
    assert made["truth"].rows[4] == ("S4", 4, None)


def test_every_figure_of_a_run_has_a_caption():
    known = tuple(figures.CAPTIONS)
    assert [name for name in FIGURES if not name.startswith(known)] == []


def luminance(colour):
    """Relative luminance of #rrggbb, as WCAG 2.2 defines it."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_texts_and_lines_stand_out_from_the_ground_in_light_and_in_dark():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    style = (page.TEMPLATE / "page.css").read_text("utf-8")
    program = (page.TEMPLATE / "page.js").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    schemes = [dict(re.findall(r"--([\w-]+): (#\w{6})", block)) for block in blocks]
    assert len(schemes) == 3
    assert schemes[2] == schemes[0]
    for scheme, name in zip(schemes, ("light", "dark")):
        for ink in ("ink", "quiet", "link"):
            for ground in ("ground", "panel"):
                assert contrast(scheme[ink], scheme[ground]) >= 4.5
        assert contrast(scheme["warning-ink"], scheme["warning"]) >= 4.5
        for line in ("edge", "coast", "outline"):
            assert contrast(scheme[line], scheme["ground"]) >= 3
        (series,) = re.findall(rf"{name}: \[(.*?)\]", program, re.DOTALL)
        colours = re.findall(r"#\w{6}", series)
        assert len(set(colours)) == 7
        for colour in colours:
            assert contrast(colour, scheme["ground"]) >= 3


def test_motion_is_reduced_where_a_reader_wants_it():
    style = (page.TEMPLATE / "page.css").read_text("utf-8")
    assert re.search(
        r"prefers-reduced-motion: reduce\) \{\s+html \{ scroll-behavior: auto", style
    )
