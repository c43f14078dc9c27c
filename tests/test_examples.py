"""Every example in a docstring runs, and gives what it says."""

import ast
import doctest
import functools
import importlib
import inspect
import pathlib
import pkgutil

import example_objects
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import shapely
import xarray as xr

import jaxload
from jaxload import constants

#: Examples of a whole world or a whole training.
SLOW = {
    "demo.files.china.write_weather_world",
    "demo.worlds.simulate",
    "earth.interior.partials.sensitivity",
    "earth.love.from_model.love_numbers",
    "gapfill.joint.calibration.calibrate",
    "gapfill.networks.ensemble.train",
    "gapfill.published.dwlim.control_stations",
    "series.decomposition.emd.decompose",
    "synthetic.world_with_groundwater.groundwater_world",
    "synthetic.world_with_weather.weather_world",
}
LIBRARIES = {
    **{name: getattr(jaxload, name) for name in jaxload.PACKAGES},
    "constants": constants,
    "functools": functools,
    "jax": jax,
    "jnp": jnp,
    "np": np,
    "pathlib": pathlib,
    "shapely": shapely,
    "xr": xr,
}
MODULES = [
    importlib.import_module(module.name)
    for module in pkgutil.walk_packages(jaxload.__path__, "jaxload.")
    if not module.name.endswith("__main__")
]


def examples():
    """Name and text of each docstring's examples."""
    read = doctest.DocTestParser().get_examples
    return {
        f"{module.__name__.removeprefix('jaxload.')}.{name}": found
        for module in MODULES
        for name, thing in vars(module).items()
        if getattr(thing, "__module__", None) == module.__name__
        and (found := read(inspect.getdoc(thing) or ""))
    }


EXAMPLES = examples()


def public_names(name):
    """What who imports a package has: its own names, then those of its rooms."""
    package = name.split(".")[0]
    rooms = [m for m in MODULES if f"{m.__name__}.".startswith(f"jaxload.{package}.")]
    # The nearest first.
    own = lambda module: f"jaxload.{name}.".startswith(f"{module.__name__}.")
    rooms.sort(key=lambda module: -len(module.__name__) if own(module) else 0)
    names = {}
    for module in [*rooms, *rooms[:1]]:
        for public in module.__all__:
            names.setdefault(public, getattr(module, public))
    return names


def namespace(name, wanted):
    """What an example finds when it begins."""
    rooms = ["", *(name.rsplit(".", i)[0] for i in range(name.count("."), 0, -1))]
    made = {}
    for room in rooms:
        made |= example_objects.OBJECTS.get(room, {})
    prepared = {one: make for one, make in made.items() if one in wanted}
    known = LIBRARIES | public_names(name)
    return known | {one: make() for one, make in prepared.items()}


def names_used(name):
    trees = [ast.parse(example.source) for example in EXAMPLES[name]]
    return {n.id for t in trees for n in ast.walk(t) if isinstance(n, ast.Name)}


def write_files(files):
    for name, content in files.items():
        pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
        if callable(content):
            content(name)
        else:
            pathlib.Path(name).write_text(content)


class Checker(doctest.OutputChecker):
    """Where an example shows no answer, any will do."""

    def check_output(self, want, got, optionflags):
        return not want or super().check_output(want, got, optionflags)


def run(name):
    files = example_objects.FILES.get(name, {})
    if any(map(callable, files.values())):
        pytest.importorskip("netCDF4")
    write_files(files)
    names = namespace(name, names_used(name))
    test = doctest.DocTest(EXAMPLES[name], names, name, None, None, None)
    failed = []
    runner = doctest.DocTestRunner(Checker(), optionflags=doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=failed.append)
    assert not failed, "".join(failed)
    assert runner.tries == len(EXAMPLES[name])


@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - SLOW))
def test_an_example_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(name)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("name", sorted(SLOW))
def test_an_example_of_a_whole_world_or_training_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run(name)


def calls(tree, names):
    """Functions that are called, with the names of their arguments."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            text = ast.unparse(node.func)
            if text.split(".")[0] in names and text.replace(".", "").isidentifier():
                yield (
                    functools.reduce(
                        getattr, text.split(".")[1:], names[text.split(".")[0]]
                    ),
                    node,
                )


def test_slow_examples_call_what_there_is_with_arguments_that_it_takes():
    for name in sorted(SLOW):
        names = LIBRARIES | public_names(name)
        for example in EXAMPLES[name]:
            for function, node in calls(ast.parse(example.source), names):
                keywords = {one.arg: None for one in node.keywords}
                inspect.signature(function).bind(*node.args, **keywords)
