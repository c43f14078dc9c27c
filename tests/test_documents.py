"""Every block of a document runs, is read, is parsed or is there."""

import importlib
import pathlib
import re
import shlex

import example_objects as small
import jax
import numpy as np
import pytest
import shapely
import test_io_fuzz as text
import test_io_harmonics as gravity
import xarray as xr

import jaxload
from jaxload import cli, config, earth, gapfill, inversion, io
from jaxload.pipeline.report.figures import FIGURES, FIGURES_OF_REGIONS
from jaxload.pipeline.report.water_tables import WATER_TABLES
from jaxload.pipeline.results.files import DATASETS

ROOT = pathlib.Path(__file__).parents[1]
FOLDERS = (
    *(".", "docs", "docs/users", "docs/how_to"),
    *("jaxload", "notebooks", "benchmarks"),
)
DOCUMENTS = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.md"))
#: What a study needs that a block about something else leaves out.
REST = {
    "gnss": '[gnss]\nfiles = "gnss/*.up"\n',
    "region": '[region]\nboundary = "region.txt"\n',
}


def blocks(path, language):
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.M | re.S)


def documents_with(language):
    return [p for p in DOCUMENTS if blocks(p, language)]


def name(path):
    return str(path.relative_to(ROOT))


def sites():
    return zip((f"S{i}" for i in range(small.STATIONS)), *small.stations())


def prepare_readme():
    """A network and an outline as the demo writes them."""
    days = [str(day)[:10].replace("-", "") for day in small.DAYS]
    pathlib.Path("gnss").mkdir()
    for (name, _, _), up in zip(sites(), small.heights().T):
        rows = [f"{d} {x:.3f} 2.0\n" for d, x in zip(days, up) if np.isfinite(x)]
        pathlib.Path(f"gnss/{name}.up").write_text("".join(rows))
    places = [f"{name} {lon} {lat} 10\n" for name, lon, lat in sites()]
    pathlib.Path("gnss/sites.txt").write_text("".join(places))
    outline = shapely.to_geojson(shapely.box(0.5, 0.5, 1, 1))
    pathlib.Path("region.geojson").write_text(outline)
    return {}


def prepare_raw_heights():
    """Two years of five receivers in the format of PBO, one with a step."""
    *head, row = text.GNSS["pos"].splitlines()
    up = small.noise(730, small.STATIONS)
    up[400:, 1] += 30
    pathlib.Path("gnss").mkdir()
    for (name, lon, lat), heights in zip(sites(), up.T):
        lines = [line.replace("ABCD", f"{name}AA") for line in head]
        for day, height in zip(np.datetime64("2010-01-01") + np.arange(730), heights):
            words = row.split()
            words[0] = str(day).replace("-", "")
            words[2] = f"{(day - np.datetime64('1858-11-17')).astype(int)}.5"
            words[12:14], words[17] = (str(lat), str(lon)), f"{height / 1000:.5f}"
            lines.append(" ".join(words))
        pathlib.Path(f"gnss/{name}.pos").write_text("\n".join(lines) + "\n")
    return {}


def prepare_inversion():
    problem = small.problem()
    return {
        "jax": jax,
        "inversion": inversion,
        "grid": small.grid(),
        "design": small.design(),
        "sigma": np.ones(small.STATIONS),
        "up": small.heights(),
        "days": small.DAYS,
        "beta": 0.02,
        "betas": [0.01, 0.1],
        "expected": 50.0,
        "model": np.zeros((small.EPOCHS, problem.design.shape[1])),
        "weights": np.full((1, problem.design.shape[1]), 1 / problem.design.shape[1]),
    }


def prepare_network():
    """The small network, and places for new stations."""
    return prepare_inversion() | {
        "earth": earth,
        "problem": small.problem(),
        "prior": small.prior(),
        "data": small.data(),
        "kernel": small.disc_kernel(),
        "lon": 0.2 + 0.25 * np.arange(6),
        "lat": 1.8 - 0.3 * np.arange(6),
    }


def prepare_sweeps():
    """A study of the network that the demo writes, and two settings of it."""
    prepare_readme()
    study = '[region]\nboundary = "region.geojson"\nbuffer = 2.0\n'
    study += "[earth]\nmax_degree = 3000\n"
    gnss = '[gnss]\nfiles = "gnss/*.up"\nsites = "gnss/sites.txt"\n'
    pathlib.Path("study.toml").write_text(gnss + study)
    values = "[settings]\ninversion.beta = [0.02, 0.1]\n"
    pathlib.Path("sweep.toml").write_text('study = "study.toml"\n' + values)
    return {}


def prepare_loading():
    pathlib.Path("gsm").mkdir()
    month = gravity.level2("20020401.0000", "20020501.0000")
    pathlib.Path("gsm/GSM-2_1").write_text(month)
    pathlib.Path("TN-13.txt").write_text(gravity.TN13)
    pathlib.Path("TN-14.txt").write_text(gravity.TN14)
    fine = earth.from_water(
        small.noise(2, 20, 20), 0.05 + np.arange(20) / 10, 0.05 + np.arange(20) / 10
    )
    shape = (small.LAT.size, small.LON.size)
    return {
        "earth": earth,
        "io": io,
        "pathlib": pathlib,
        "love": earth.load_love_numbers(),
        "gnss": small.stations(),
        "lat": small.LAT,
        "lon": small.LON,
        "pressure": 1e5 + 100 * small.noise(2, *shape),
        "ocean": small.noise(*shape) > 0,
        "layers": small.noise(2, 3, *shape),
        "fine_soil": fine,
    }


def prepare_study_files():
    """Coefficients of a result with 20 cells."""
    pathlib.Path("out").mkdir()
    stored = {
        "coefficient": (("time", "field"), small.noise(small.EPOCHS, 3)),
        "response": (("field", "cell"), small.noise(3, 20)),
    }
    io.write_dataset(xr.Dataset(stored), "out/coefficients.nc")
    return {"jaxload": jaxload, "xarray": xr}


def prepare_drought():
    """Four years of days, and their months."""
    days = np.arange(0.0, 1460.0)
    of_month = np.minimum(days // 30.4, 47).astype(int)
    shares = (of_month == np.arange(48)[:, None]).astype(float)
    return {
        "sd": np.full(len(days), 4.0),
        "days": days,
        "shares": shares / shares.sum(axis=1, keepdims=True),
        "storage": small.noise(48, 1)[:, 0],
        "month": np.arange(48) % 12 + 1,
    }


def prepare_filling():
    """Weather at the cells of the small network, and a short training by itself."""
    data = small.training_data()
    season = np.sin(np.arange(30) / 9)[:, None, None] * np.ones((1, small.CELLS, 2))
    stations = data.displacement.shape[1]
    place = lambda first, count: np.linspace(first, first + 3, count)
    return {
        "lon": place(100.0, stations),
        "lat": place(30.0, stations),
        "names": tuple(map(str, range(stations))),
        "temperature": small.noise(30, stations),
        "features_of_stations": small.noise(30, stations, 2),
        "cell_lon": place(100.5, small.CELLS),
        "cell_lat": place(30.5, small.CELLS),
        "features_of_cells": season,
        "problem": data.problem,
        "up": data.displacement,
        "sigma": data.sigma,
        "features": season,
        "folds": data.folds,
        "moved": data.moved,
        "initial": gapfill.InitialHyperparameters(1.0, 1.0, 0.5),
        "keys": jax.random.split(jax.random.key(0), 2),
    }


def prepare_results():
    """Maps of two winter months, as a run writes them."""
    pathlib.Path("out").mkdir()
    days = np.arange("2020-01-15", "2020-03-15", dtype="M8[D]").astype("M8[ns]")
    axes = {
        "time": days,
        "lat": 45.5 + 0.5 * np.arange(4),
        "lon": 10 + np.arange(5) / 2,
    }
    shape = tuple(map(len, axes.values()))
    water = {
        "twsa": (tuple(axes), small.noise(*shape), {"units": "mm"}),
        "cell_mask": (("lat", "lon"), np.full(shape[1:], 2, np.int8)),
    }
    io.write_dataset(xr.Dataset(water, axes), "out/twsa.nc")
    return {}


def prepare_methods():
    return prepare_inversion() | {"gnss": small.stations()}


def prepare_how_to():
    return prepare_inversion() | {"problem": small.problem(), "data": small.data()}


PREPARED = {
    "README.md": prepare_readme,
    "docs/articles.md": dict,
    "docs/drought.md": prepare_drought,
    "docs/filling.md": prepare_filling,
    "docs/how_to/criterion.md": prepare_how_to,
    "docs/how_to/format.md": dict,
    "docs/how_to/model.md": dict,
    "docs/how_to/prior.md": prepare_how_to,
    "docs/how_to/read_results.md": prepare_results,
    "docs/inversion.md": prepare_inversion,
    "docs/loading.md": prepare_loading,
    "docs/method.md": prepare_how_to,
    "docs/network.md": prepare_network,
    "docs/raw_heights.md": prepare_raw_heights,
    "docs/results.md": prepare_results,
    "docs/study_files.md": prepare_study_files,
    "docs/sweeps.md": prepare_sweeps,
    "docs/users/methods.md": prepare_methods,
}
#: What their programs arrive at.
RESULTS = {
    "README.md": ("twsa", "slope"),
    "docs/articles.md": ("uplift",),
    "docs/drought.md": ("probability", "change_sd"),
    "docs/filling.md": ("prior_mean", "scores"),
    "docs/how_to/criterion.md": ("values", "beta", "both"),
    "docs/how_to/format.md": ("up",),
    "docs/how_to/model.md": ("output", "slope"),
    "docs/how_to/prior.md": ("water", "water_known"),
    "docs/how_to/read_results.md": ("monthly", "cell"),
    "docs/inversion.md": ("water", "sd", "draws", "load"),
    "docs/loading.md": ("up", "moved", "maps"),
    "docs/method.md": ("by_library", "sd", "evidence"),
    "docs/network.md": ("gains", "losses", "least"),
    "docs/raw_heights.md": ("seasonal",),
    "docs/results.md": ("one_day", "series"),
    "docs/study_files.md": ("water",),
    "docs/sweeps.md": ("best",),
    "docs/users/methods.md": ("slope", "by_beta", "load"),
}


#: Links to other sites, and to pages that are made of docstrings.
MADE = ("http", "reference/", "../reference/")

THOROUGH = (pytest.mark.slow, pytest.mark.thorough)


def test_every_document_with_programs_has_its_data():
    assert [name(path) for path in documents_with("python")] == sorted(PREPARED)


@pytest.mark.parametrize(
    "document",
    [
        # A network is trained through the inversion.
        pytest.param(one, marks=THOROUGH) if one == "docs/filling.md" else one
        for one in PREPARED
    ],
)
def test_programs_of_a_document_run_one_after_the_other(
    document, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    names = PREPARED[document]()
    for block in blocks(ROOT / document, "python"):
        exec(compile(block, document, "exec"), names)
    for result in RESULTS[document]:
        values = jax.tree.leaves(names[result])
        assert values, result
        assert all(np.isfinite(np.asarray(x)).mean() > 0.5 for x in values), result


@pytest.mark.parametrize("document", [name(path) for path in documents_with("toml")])
def test_settings_of_a_document_are_read(document, tmp_path):
    for block in blocks(ROOT / document, "toml"):
        rest = [text for table, text in REST.items() if f"[{table}]" not in block]
        if block.startswith("study ="):
            (tmp_path / "study.toml").write_text("".join(REST.values()))
            (tmp_path / "sweep.toml").write_text(block)
            assert config.read_sweep(tmp_path / "sweep.toml").count == 200
            continue
        (tmp_path / "study.toml").write_text(block + "".join(rest))
        assert config.read_study(tmp_path / "study.toml").gnss.files


def commands(path):
    for line in re.findall(r"^ {4}(jaxload .*)", path.read_text(), re.M):
        yield re.sub(r"[][]", "", line.split("#")[0])


def test_commands_of_documents_are_understood():
    lines = [line for path in DOCUMENTS for line in commands(path)]
    assert len(lines) > 5
    for line in lines:
        assert callable(cli._parser().parse_args(shlex.split(line)[1:]).command), line


def test_targets_of_documents_are_made():
    targets = re.findall(r"^([a-z0-9]+):", (ROOT / "Makefile").read_text(), re.M)
    mentioned = {
        target
        for path in DOCUMENTS
        for target in re.findall(
            r"(?:^ {4}|`)make ([a-z0-9-]+)", path.read_text(), re.M
        )
    }
    assert mentioned
    assert mentioned <= set(targets)


def test_what_documents_link_to_is_there():
    missing = [
        f"{name(path)}: {link}"
        for path in DOCUMENTS
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text())
        if not link.startswith(MADE) and not (path.parent / link).exists()
    ]
    assert not missing


def test_files_that_documents_name_are_there():
    named = re.compile(r"`((?:docs|notebooks|benchmarks|tests|jaxload)/[\w/.-]+)`")
    missing = [
        f"{name(path)}: {file}"
        for path in DOCUMENTS
        if path.name != "CHANGELOG.md"
        for file in named.findall(path.read_text())
        if not (ROOT / file).exists()
    ]
    assert not missing


#: How many figures and tables each article has, in the order of the page on them.
OF_ARTICLES = ((11, 0), (11, 2), (12, 8))


def articles():
    """Rows of the tables of articles, one list an article."""
    page = (ROOT / "docs/articles.md").read_text()
    for part in page.split("\n## ")[1:4]:
        yield [
            [cell.strip() for cell in row.split("|")[1:-1]]
            for row in re.findall(r"^\| (?:Table )?\d.*", part, re.M)
        ]


def test_every_figure_and_table_of_the_articles_has_a_row():
    for rows, (figures, tables) in zip(articles(), OF_ARTICLES, strict=True):
        of_table = {cells[0] for cells in rows if cells[0].startswith("Table")}
        numbers = {
            int(re.match(r"\d+", cells[0])[0])
            for cells in rows
            if cells[0] not in of_table
        }
        assert numbers == set(range(1, figures + 1))
        assert of_table == {f"Table {i}" for i in range(1, tables + 1)}
        # None is missing that concerns this library.
        assert all(cells[3].startswith(("made", "not ours")) for cells in rows)


def test_what_draws_figures_of_the_articles_is_there():
    figures = {f"{figure}.png" for figure in FIGURES}
    known = figures | set(DATASETS) | set(WATER_TABLES) | {"summary.json"}
    for rows in articles():
        for number, _, place, state in rows:
            for name in re.findall(r"`([\w.]+\.(?:png|nc|json|csv))`", place):
                assert name in known, number
            for package, function in re.findall(r"`(\w+)\.(\w+)`", place):
                if f"{package}.{function}" in known or package == "evaluation":
                    continue
                module = importlib.import_module(f"jaxload.{package}")
                assert function in module.__all__, number
            for start in re.findall(r"`(\w+_)<region>\.png`", place):
                assert start in FIGURES_OF_REGIONS, number
            drawn = bool(re.search(r"\.png|summary\.json|\.csv", place))
            assert drawn or state.startswith("not ours"), number


def test_pages_of_the_site_are_those_of_its_menu():
    menu = re.findall(r": ([\w/]+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    pages = [p.relative_to(ROOT / "docs").as_posix() for p in DOCUMENTS if site(p)]
    assert sorted([*menu, "how_to/index.md"]) == sorted(pages)


def site(path):
    return path.is_relative_to(ROOT / "docs")
