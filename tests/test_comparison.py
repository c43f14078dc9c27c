"""Two results beside each other, and what results are cited with."""

import re

import numpy as np
import pytest
import xarray as xr

from jaxload import cli, comparison, io
from jaxload.pipeline.progress import ignore

pytest.importorskip("netCDF4")

DAYS = np.arange("2020-01-01", "2020-02-10", dtype="M8[D]").astype("M8[ns]")
SETTINGS = 'title = "small"\n[earth]\nmodel = "{}"\n[inversion]\nbeta = {}\n'


def write(folder, beta, model="prem", shift=0.0, first=0, nse=0.5):
    """A result of few cells, whose water is that of all others and a shift."""
    folder.mkdir()
    shape, mm = (len(DAYS), 3, 4), {"units": "mm"}
    water = np.random.default_rng(0).normal(size=shape) + shift
    mask = np.full(shape[1:], 2, np.int8)
    mask[0] = 1
    # Nobody compares the belt.
    water[:, 0] += 1000 * shift
    axes = {"time": DAYS, "lat": 45 + 0.25 * np.arange(3), "lon": 10.0 + np.arange(4)}
    maps = {
        "twsa": (tuple(axes), water.astype("f4"), mm),
        "cell_mask": (("lat", "lon"), mask),
    }
    about = {"settings": SETTINGS.format(model, beta)}
    epochs = slice(first, None)
    maps = xr.Dataset(maps, axes, about).isel(time=epochs)
    io.write_dataset(maps, folder / "twsa.nc")
    means = {"twsa": (("time", "region"), water[:, 1, :1].astype("f4"), mm)}
    regions = xr.Dataset(means, {"time": DAYS, "region": ["mine"]}, about)
    io.write_dataset(regions.isel(time=epochs), folder / "regions.nc")
    scores = {"mine": {"pcc": 0.9, "nse": nse, "rmse_mm": 3.0, "months": 2}}
    summary = {"beta": beta, "epochs": 40 - first, "evaluation": scores}
    summary["errors"] = {"kind": "regions", "region_sd_mm": {"mine": 10 * beta}}
    if nse is not None:
        alike = {"mine": {"pcc": 0.95, "nse": 0.8, "rmse_mm": 2.0, "months": 2}}
        summary["products"] = {
            "grace": {"smoothing_km": 300.0, "all": alike},
            "mascons": {"smoothing_km": 0.0, "all": scores},
        }
    io.write_json(summary, folder / "summary.json")
    return folder


def compared(one, other):
    return comparison.compare_results(one, other, ignore)


@pytest.fixture
def lines(tmp_path):
    one = write(tmp_path / "a", 0.1)
    other = write(tmp_path / "b", 0.2, shift=2.0, first=10, nse=None)
    return compared(one, other)


def test_settings_that_differ_stand_beside_each_other(lines):
    words = [line.split() for line in lines]
    assert ["inversion.beta", "0.1", "0.2"] in words
    assert not any("earth.model" in line for line in words)


def test_scores_stand_beside_each_other_and_missing_ones_are_marked(lines):
    words = [line.split() for line in lines]
    assert ["mine,", "nse", "with", "GRACE", "0.5", "-"] in words
    assert ["epochs", "40", "30"] in words


def test_scores_of_water_that_was_smoothed_alike_and_errors_are_compared(lines):
    texts = [" ".join(line.split()) for line in lines]
    assert "mine, nse with grace, smoothed over 300 km as it is 0.8 -" in texts
    assert not any("mascons" in text for text in texts)
    assert "mine, standard error of an epoch [mm] 1 2" in texts


def test_maps_differ_by_what_was_added_where_both_are_results(lines):
    line = next(line for line in lines if line.startswith("maps:"))
    assert "rms of the difference 2 mm" in line
    assert "(30 epochs and 8 cells of the region in common)" in line


def test_regional_series_are_compared_over_common_epochs(lines):
    line = next(line for line in lines if line.startswith("region mine"))
    assert "r = 1.0000, rms of the difference 2 mm" in line
    assert "mean difference B - A 2 mm (30 epochs)" in line


def test_a_result_equals_itself(tmp_path):
    one = write(tmp_path / "a", 0.1)
    lines = compared(one, one)
    assert "settings are the same" in lines
    assert any("rms of the difference 0 mm" in line for line in lines)


def test_water_storage_is_not_compared_with_groundwater(tmp_path):
    one, other = write(tmp_path / "a", 0.1), write(tmp_path / "b", 0.1)
    for name in ("twsa.nc", "regions.nc"):
        held = io.read_dataset(other / name, load=True)
        io.write_dataset(held.rename(twsa="gwsa"), other / name)
    lines = compared(one, other)
    for what in ("maps", "regions"):
        assert (
            f"{what}: A has twsa and B gwsa, which are not the same quantity" in lines
        )


def test_a_folder_without_results_is_refused(tmp_path, capsys):
    one = write(tmp_path / "a", 0.1)
    assert cli.main(["compare", str(one), str(tmp_path)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "has no summary.json" in said
    assert cli.main(["cite", str(tmp_path)]) == 2


def test_a_study_cites_its_own_earth(tmp_path, capsys):
    assert cli.main(["cite", str(write(tmp_path / "a", 0.1, "ak135"))]) == 0
    said = capsys.readouterr().out
    keys = re.findall(r"^@\w+\{(\w+),$", said, re.M)
    assert {"jaxload", "farrell1972", "kennett1995"} <= set(keys)
    assert not {"dziewonski1981", "simons2006"} & set(keys)
    # Braces of BibTeX close.
    assert said.count("{") == said.count("}")


def test_every_file_of_a_study_is_in_a_comment_of_one_line(tmp_path):
    text = """
    [gnss]
    files = "heights/*.csv"
    [region]
    boundary = "outline.txt"
    [evaluation]
    grace = "csr\\nof us.nc"
    [loads]
    atmosphere = "pressure.nc"
    [drought]
    climatology = "long.nc"
    """
    folder = write(tmp_path / "a", 0.1)
    held = io.read_dataset(folder / "twsa.nc", load=True)
    io.write_dataset(held.assign_attrs(settings=text), folder / "twsa.nc")
    lines = comparison.bibtex(folder)
    comments = [line for line in lines if line.startswith("%")]
    assert not any("\n" in line for line in lines)
    for words in (
        "% gnss.files: heights/*.csv;",
        "% evaluation.grace: csr of us.nc;",
        "% loads.atmosphere: pressure.nc;",
        "% drought.climatology: long.nc;",
    ):
        assert any(line.startswith(words) for line in comments), (words, comments)


def test_citing_needs_no_result():
    assert any("dziewonski1981" in line for line in comparison.bibtex())
