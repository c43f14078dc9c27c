"""What a checker of the CF conventions says against files, in a process of its own."""

import importlib.util
import json
import subprocess
import sys

import pytest

needs_checker = pytest.mark.skipif(
    importlib.util.find_spec("compliance_checker") is None,
    reason="compliance-checker is not installed",
)

#: The names of stations and regions are texts, which no axis of numbers is.
KNOWN = "check_coordinate_variables_strict_monotonicity"

#: Recommended, but epochs are appended along the first dimension.
ORDER = "dimensions are not in the recommended order"

CHECK = """
import json, os, sys
from compliance_checker.runner import CheckSuite, ComplianceChecker
CheckSuite.load_all_available_checkers()
found = {}
for number, path in enumerate(sys.argv[2:]):
    out = f"{sys.argv[1]}.{number}"
    ComplianceChecker.run_checker(
        path, ["cf:1.11"], 0, "strict", output_filename=out, output_format="json"
    )
    with open(out) as file:
        report = json.load(file)["cf:1.11"]
    levels = ("high_priorities", "medium_priorities", "low_priorities")
    texts = [m for level in levels for part in report[level] for m in part["msgs"]]
    found[path] = texts
with open(sys.argv[1], "w") as file:
    json.dump(found, file)
"""


def complaints_of(files, place):
    """Complaints by the name of a file, without those that are known.

    The checker changes what warnings do, so that it has a process of its own.
    """
    names = sorted(map(str, files))
    assert names
    words = [sys.executable, "-c", CHECK, str(place / "found.json"), *names]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found = json.loads((place / "found.json").read_text())
    assert list(found) == names
    said = [line for line in done.stderr.splitlines() if line.startswith("cf:1.11.")]
    assert all(KNOWN in line for line in said)
    complaints = {
        name: [text for text in texts if ORDER not in text]
        for name, texts in found.items()
    }
    return {name: texts for name, texts in complaints.items() if texts}
