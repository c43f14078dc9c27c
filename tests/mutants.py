"""Change the package in one place after the other, and see whether a test falls.

    python tests/mutants.py --count 60 --log /var/tmp/mutants.json

A mutant is one changed sign, comparison, constant, operator, bound of a slice or axis
of a module of the science, in a copy of the package that stands before it on the path.
The quick test files that name most of what the module exports run until the first
failure. What survives is listed with both texts: either nobody would notice, or a test
is missing. The same seed gives the same mutants; a log that is there is continued.
"""

import argparse
import ast
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

ROOT = pathlib.Path(__file__).parents[1]
PACKAGES = ("inversion", "earth", "series", "sphere", "evaluate", "gapfill")
#: Longest that the tests of one mutant may take [s].
LONGEST = 180

#: Files that run otherwise, or are no tests of numbers.
APART = ("test_architecture", "test_gpu", "test_single_precision")

SWAPS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


def changes(tree: ast.AST) -> Iterator[tuple[ast.AST, str, Any]]:
    """Nodes of a module's functions, an attribute of each, and another value for it."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for statement in function.body:
                if not isinstance(getattr(statement, "value", None), ast.Constant):
                    for node in ast.walk(statement):
                        yield from changes_of(node)


def changes_of(node: ast.AST) -> Iterator[tuple[ast.AST, str, Any]]:
    if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS:
        yield node, "op", SWAPS[type(node.op)]()
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        yield node, "ops", [SWAPS[type(node.ops[0])](), *node.ops[1:]]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node, "op", ast.UAdd()
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield node, "value", node.value + 1
    elif isinstance(node, ast.Slice) and node.lower is not None:
        yield node, "lower", None
    elif isinstance(node, ast.Slice) and node.upper is not None:
        yield node, "upper", None
    elif (
        isinstance(node, ast.keyword)
        and node.arg == "axis"
        and isinstance(node.value, ast.Constant)
        and node.value.value in (0, 1)
    ):
        yield node.value, "value", 1 - node.value.value


def mutants(seed: int) -> Iterator[tuple[pathlib.Path, int]]:
    """Modules and the numbers of their changes, every module as likely as its size."""
    every = [
        (path, number)
        for package in PACKAGES
        for path in sorted((ROOT / "jaxload" / package).rglob("*.py"))
        for number, _ in enumerate(changes(ast.parse(path.read_text())))
    ]
    random.Random(seed).shuffle(every)
    yield from every


def mutate(source: str, number: int) -> tuple[str, int, str, str]:
    """The changed module, and of its changed line the number and both texts."""
    tree = ast.parse(source)
    node, name, value = list(changes(tree))[number]
    before = ast.unparse(tree).splitlines()
    setattr(node, name, value)
    after = ast.unparse(tree)
    pairs = zip(before, after.splitlines())
    old, new = next(((a, b) for a, b in pairs if a != b), ("", ""))
    return after, getattr(node, "lineno", 0), old.strip(), new.strip()


def tests_of(path: pathlib.Path) -> list[str]:
    """Quick test files that import a room or what its package exports of it."""
    dotted = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    package = dotted.split(".")[1]
    public = re.findall(r"^def ([a-z]\w*)|^class ([A-Z]\w*)", path.read_text(), re.M)
    words = "|".join(name for pair in public for name in pair if name)
    used = re.compile(rf"\b({words})\b") if words else re.compile(r"$^")
    found, of_package = {}, {}
    for test in sorted((ROOT / "tests").glob("test_*.py")):
        if test.stem in APART:
            continue
        text = test.read_text()
        near = dotted in text or re.search(rf"\b{package}\b", text)
        if near and (hits := len(used.findall(text)) + 9 * text.count(dotted)):
            found[str(test.relative_to(ROOT))] = hits
        if hits := len(re.findall(rf"\b{package}\.\w", text)):
            of_package[str(test.relative_to(ROOT))] = hits
    # Of a module whose names no test uses, files that use its package.
    found = found or of_package
    # What speaks of the room most is the likeliest to fall.
    return sorted(found, key=lambda name: -found[name])[:6]


def run(path: pathlib.Path, number: int, folder: pathlib.Path) -> dict[str, Any]:
    # What is copied may be edited meanwhile; all that is run is of one moment.
    copy = folder / path.relative_to(ROOT)
    kept = copy.read_text()
    changed, line, old, new = mutate(kept, number)
    copy.write_text(changed)
    tests, started = tests_of(path), time.monotonic()
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider"]
    command += ["-m", "not slow and not gpu", "--rootdir", str(folder), *tests]
    try:
        code = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=LONGEST, check=False
        ).returncode
        fate = {0: "survived", 1: "killed", 2: "killed"}.get(code, f"pytest {code}")
    except subprocess.TimeoutExpired:
        fate = "timeout"
    finally:
        copy.write_text(kept)
    seconds = round(time.monotonic() - started)
    where = f"{path.relative_to(ROOT)}:{line}"
    found = {"where": where, "old": old, "new": new, "fate": fate}
    return found | {"seconds": seconds, "tests": tests}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=pathlib.Path, default=ROOT / "mutants.json")
    options = parser.parse_args()
    log = json.loads(options.log.read_text()) if options.log.is_file() else {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for part in ("jaxload", "tests", "benchmarks", "docs"):
            shutil.copytree(ROOT / part, folder / part)
        for part in ("pyproject.toml", "README.md", "Makefile"):
            shutil.copy(ROOT / part, folder / part)
        for path, number in list(mutants(options.seed))[: options.count]:
            key = f"{options.seed} {path.relative_to(ROOT)} {number}"
            if key not in log:
                log[key] = run(path, number, folder)
                options.log.write_text(json.dumps(log, indent=1))
                print(f"{log[key]['fate']:9} {log[key]['where']}", flush=True)
    fates = [one["fate"] for one in log.values()]
    print({fate: fates.count(fate) for fate in sorted(set(fates))})
    for one in log.values():
        if one["fate"] != "killed":
            print(f"{one['where']} {one['fate']}\n  - {one['old']}\n  + {one['new']}")


if __name__ == "__main__":
    main()
