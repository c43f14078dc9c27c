"""Imports point downward, and every public name says what it is."""

import ast
import importlib
import inspect
import pathlib
import pkgutil

import pytest

import jaxload

ROOT = pathlib.Path(jaxload.__file__).parent
LAYERS = [
    {"constants", "_calendar", "_check"},
    {"sphere", "series", "inversion", "evaluate", "io", "config", "shard"},
    {"earth", "plot"},
    {"gapfill", "synthetic"},
    {"pipeline"},
    {"sweep", "report", "demo"},
    {"cli"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
SEES_LABELS = {"io", "plot", "report", "pipeline", "demo"}
SOURCES = sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py")
MODULES = sorted(m.name for m in pkgutil.walk_packages(jaxload.__path__, "jaxload."))


def package_of(path):
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} uses a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def imported_packages(path):
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "jaxload" and len(parts) > 1 and parts[1] != "__version__":
            yield parts[1]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_downward(path):
    here = package_of(path)
    for there in set(imported_packages(path)) - {here}:
        assert RANK[there] < RANK[here], f"{here} (layer {RANK[here]}) imports {there}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_the_labelled_rooms_import_xarray(path):
    if package_of(path) not in SEES_LABELS:
        assert not any(name.split(".")[0] == "xarray" for name in imports(path))


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_fits_in_a_head(path):
    assert len(path.read_text().splitlines()) <= 500


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_is_pickled_evaluated_or_private_to_jax(path):
    for name in imports(path):
        assert not name.startswith(("pickle", "jax._src", "cloudpickle")), name
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"eval", "exec", "print"}, path.name


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_documented(name):
    module = importlib.import_module(name)
    for public in module.__all__:
        assert inspect.getdoc(getattr(module, public)) or public.isupper(), (
            f"{name}.{public} has no docstring"
        )


def test_the_tree_in_the_readme_is_the_tree_on_disk():
    tree = (ROOT / "README.md").read_text()
    for path in SOURCES:
        assert path.name in tree, f"jaxload/README.md does not name {path.name}"
