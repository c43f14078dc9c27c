"""Imports point downward, and every public name says what it is."""

import ast
import functools
import importlib
import inspect
import pathlib
import pkgutil
import re
import types

import jaxload

ROOT = pathlib.Path(jaxload.__file__).parent
LAYERS = [
    {
        *("constants", "_calendar", "_check", "_compile_cache", "_cores"),
        "_console",
        *("_longitude", "_platform", "_exchange", "_launch", "_memory"),
        "_help_texts",
    },
    {"sphere", "series", "inversion", "evaluate", "io", "config", "_processes"}
    | {"_result_commands", "_study_commands", "_fetch_commands"},
    {"drafting", "earth", "plot", "studies", "labelled", "fetch"},
    {"gapfill", "synthetic", "accessor"},
    {"pipeline"},
    {"description", "demo", "sweep", "export", "comparison"},
    {"report"},
    {"cli"},
    {"__main__"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
SEES_LABELS = {"io", "plot", "report", "pipeline", "demo", "sweep"} | {
    *("labelled", "accessor", "export", "comparison")
}
SOURCES = sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py")
MODULES = sorted(m.name for m in pkgutil.walk_packages(jaxload.__path__, "jaxload."))


@functools.cache
def parsed(path):
    return ast.parse(path.read_text())


def name(path):
    return str(path.relative_to(ROOT))


def package_of(path):
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imports(path):
    for node in ast.walk(parsed(path)):
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


def test_imports_point_downward():
    wrong = [
        f"{name(path)} imports {there}"
        for path in SOURCES
        for there in set(imported_packages(path)) - {package_of(path)}
        if RANK[there] >= RANK[package_of(path)]
    ]
    assert not wrong


def test_only_the_labelled_rooms_import_xarray():
    wrong = [
        name(path)
        for path in SOURCES
        if package_of(path) not in SEES_LABELS
        and any(module.split(".")[0] == "xarray" for module in imports(path))
    ]
    assert not wrong


def test_a_module_fits_in_a_head():
    long = [name(p) for p in SOURCES if len(p.read_text().splitlines()) > 500]
    assert not long


def test_nothing_is_pickled_evaluated_or_private_to_jax():
    secret = ("pickle", "jax._src", "cloudpickle")
    wrong = [
        f"{name(path)} imports {module}"
        for path in SOURCES
        for module in imports(path)
        if module.startswith(secret)
    ]
    calls = (
        (path, node.func.id)
        for path in SOURCES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    )
    wrong += [
        f"{name(p)} calls {f}" for p, f in calls if f in {"eval", "exec", "print"}
    ]
    assert not wrong


def test_public_names_are_documented():
    modules = [importlib.import_module(module) for module in MODULES]
    bare = [
        f"{module.__name__}.{public}"
        for module in modules
        for public in module.__all__
        if not inspect.getdoc(getattr(module, public)) and not public.isupper()
    ]
    assert not bare


def test_no_room_imports_one_that_imports_it():
    """Rooms are modules and folders that lie beside each other in one package."""
    for package in sorted(p.parent for p in ROOT.rglob("__init__.py")):
        uses = {}
        for path in package.rglob("*.py"):
            room = path.relative_to(package).with_suffix("").parts[0]
            # Commands of a package stand above it.
            if room != "__init__" and path.name != "__main__.py":
                uses.setdefault(room, set()).update(
                    set(rooms_used(path, package)) - {room}
                )
        assert not circle(uses), f"{name(package)}: {circle(uses)} import each other"


def rooms_used(path, package):
    inside = ".".join(("jaxload", *package.relative_to(ROOT).parts)) + "."
    for module in imports(path):
        if module.startswith(inside):
            yield module.removeprefix(inside).split(".")[0]


def circle(uses):
    """Rooms that are left when those are taken away that use none of the others."""
    left = dict(uses)
    while free := [room for room in left if not left[room] & left.keys()]:
        for room in free:
            del left[room]
    return sorted(left)


def test_the_tree_in_the_readme_is_the_tree_on_disk():
    drawn, folders = [], []
    for line in (
        (ROOT / "README.md").read_text().split("    jaxload/\n")[1].splitlines()
    ):
        if line.strip():
            depth = (len(line) - len(line.lstrip()) - 6) // 2
            folders[depth:] = [line.split()[0]]
            drawn.append("".join(folders))
    files = [path for path in drawn if path.endswith(".py")]
    assert sorted(files) == sorted({*map(name, SOURCES), "__init__.py"})
    assert len(files) == len(set(files))


def test_no_module_is_named_as_what_it_exports():
    modules = [importlib.import_module(module) for module in MODULES]
    same = [m.__name__ for m in modules if m.__name__.split(".")[-1] in m.__all__]
    assert not same


#: Public names that mean two things: pairs of modules, to be renamed. Takes no new one.
TWO_MEANINGS = {
    "VARIABLES": ("config.renamed", "io.schema"),
    # The same product at full precision, made where it is needed.
    "einsum": ("gapfill.networks.lstm_gates", "inversion.linalg.spd"),
}
#: One thing that is done to two kinds of data: the name is to be the same.
ONE_MEANING = {
    # Means over periods: of labelled grids, and of arrays.
    "period_means": ("io.grids.periods", "series.means"),
    # What a trained filler predicts: networks, and forests.
    "predict": ("gapfill.networks.ensemble", "gapfill.published.mllim"),
    "train": ("gapfill.networks.ensemble", "gapfill.stations.fitting"),
    # A figure is called after what it shows.
    "l_curve": ("inversion.hyperparameters.criteria", "plot.curves"),
}


def test_a_public_name_means_one_thing():
    homes = {}
    # Commands all have a `main`.
    libraries = [name for name in MODULES if not name.endswith("__main__")]
    for module in map(importlib.import_module, libraries):
        for public in module.__all__:
            things = homes.setdefault(public, {})
            things.setdefault(meaning(getattr(module, public)), []).append(module)
    # Packages export what their modules do: the longest name is where a thing is made.
    found = {
        public: tuple(
            sorted(
                max((m.__name__ for m in modules), key=len).removeprefix("jaxload.")
                for modules in things.values()
            )
        )
        for public, things in homes.items()
        if len(things) > 1
    }
    assert found == TWO_MEANINGS | ONE_MEANING


def meaning(thing):
    """Equal for one object, and for equal unions of types."""
    return thing if isinstance(thing, types.UnionType) else id(thing)


#: Verbs that say nothing of what is computed.
OF_SPEECH = re.compile(
    r"\b(tells?|told|telling|says?|said|saying|surprise[sd]?|hears?|heard|silent|"
    r"silence|asks?|asked|answer\w*|believes?|believed|speaks?|spoken|lessons?|"
    r"foretells?|foretold|listens?|knows|knew|sees)\b",
    re.IGNORECASE,
)


def test_first_lines_speak_of_the_field_and_not_of_speech():
    wrong = set()
    for module in map(importlib.import_module, MODULES):
        things = [getattr(module, public) for public in module.__all__]
        for thing in [module, *things]:
            documented = inspect.ismodule(thing) or callable(thing)
            first = (inspect.getdoc(thing) or "").split("\n")[0] if documented else ""
            home = getattr(thing, "__module__", None) or module.__name__
            if OF_SPEECH.search(first):
                wrong.add(f"{home}: {first}")
    assert not wrong


def test_functions_of_the_inversion_take_four_arguments_by_position():
    inversion = importlib.import_module("jaxload.inversion")
    many = {}
    for public in inversion.__all__:
        thing = getattr(inversion, public)
        if inspect.isfunction(thing):
            parameters = inspect.signature(thing).parameters.values()
            count = sum(one.kind is not one.KEYWORD_ONLY for one in parameters)
            if count > 4:
                many[public] = count
    assert not many


#: Words that say nothing of what a thing is.
RIDDLES = {
    *("alone", "asked", "believed", "foretold", "found", "given", "heard", "lesson"),
    *("lessons", "naming", "own", "said", "silent", "surprise", "surprised", "told"),
}
#: Where hyperparameters were called so.
NUMBERS = ("benchmarks", "gapfill", "inversion", "pipeline")


def names_in(path):
    """Names of parameters, variables, functions and classes, each with its line."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.lineno, node.name


def test_names_say_what_a_thing_is():
    root = ROOT.parent
    paths = [*SOURCES, *sorted((root / "benchmarks").glob("*.py"))]
    wrong = []
    for path in paths:
        rooms = path.relative_to(root).parts
        banned = RIDDLES | ({"numbers"} if set(NUMBERS) & {*rooms[:2]} else set())
        wrong += [
            f"{'/'.join(rooms)}:{line} {word}"
            for line, word in names_in(path)
            if word.strip("_") in banned
        ]
    assert not wrong
