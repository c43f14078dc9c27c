"""Notebooks run from their first cell to their last, and hold what they show."""

import base64

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")

import notebooks  # noqa: E402

NAMES = sorted(path.stem for path in notebooks.FOLDER.glob("*.ipynb"))
#: Notebooks of real observations.
NEEDS_DATA = {"01_western_us", "02_loads", "04_real_weather", "05_real_errors"}
#: Largest sum of a notebook's figures [bytes].
LARGEST = 150_000

#: Those that every change is tested with; the others take minutes.
BRIEF = {"01_western_us"}


def outputs(notebook):
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [output for cell in code for output in cell.outputs]


def figures(notebook):
    data = (output.get("data", {}).get("image/png") for output in outputs(notebook))
    return [base64.b64decode(one) for one in data if one]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_kept_as_it_ran(name):
    notebook = nbformat.read(notebooks.FOLDER / f"{name}.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    counts = [cell.execution_count for cell in code]
    assert counts == list(range(1, len(code) + 1))
    assert not [one for one in outputs(notebook) if one.output_type == "error"]
    shown = figures(notebook)
    assert len(shown) > 1
    assert sum(map(len, shown)) < LARGEST
    assert not [one for one in outputs(notebook) if one.get("name") == "stderr"]


@pytest.mark.parametrize("name", sorted(NEEDS_DATA))
def test_a_notebook_of_real_observations_says_first_which_it_needs(name):
    notebook = nbformat.read(notebooks.FOLDER / f"{name}.ipynb", as_version=4)
    assert "JAXLOAD_DATA" in notebook.cells[0].source
    assert "western_us/gnss/*.up" in notebook.cells[0].source


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        name if name in BRIEF else pytest.param(name, marks=pytest.mark.thorough)
        for name in NAMES
    ],
)
def test_a_notebook_runs(name, request, monkeypatch):
    if name in NEEDS_DATA:
        monkeypatch.setenv("JAXLOAD_DATA", str(request.getfixturevalue("data")))
    path = notebooks.FOLDER / f"{name}.ipynb"
    kept = nbformat.read(path, as_version=4)
    assert len(figures(notebooks.execute(path))) == len(figures(kept))
