"""Cores are those of the allocation, not of the machine."""

import os
import subprocess
import sys

import pytest

from jaxload import _cores
from jaxload._cores import available_cores


@pytest.fixture(autouse=True)
def free(monkeypatch, tmp_path):
    """A process that may use eight cores, without a batch system or a container."""
    monkeypatch.setattr(_cores, "_bound", lambda: 8)
    monkeypatch.setattr(_cores, "QUOTA", tmp_path / "cpu.max")
    for name in _cores.ALLOCATIONS:
        monkeypatch.delenv(name, raising=False)


def test_without_limits_all_cores_are_used():
    assert available_cores() == 8


@pytest.mark.parametrize("name", _cores.ALLOCATIONS)
def test_the_allocation_of_a_batch_system_counts(name, monkeypatch):
    monkeypatch.setenv(name, "3")
    assert available_cores() == 3
    # A whole node was allocated, of which the process is bound to a part.
    monkeypatch.setenv(name, "64")
    assert available_cores() == 8
    for text in ("", "4(x2)", "0", "many"):
        monkeypatch.setenv(name, text)
        assert available_cores() == 8


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("10000 100000\n", 1),
        ("odd", 8),
        ("1 0", 8),
    ],
)
def test_the_share_of_a_container_counts(text, cores):
    _cores.QUOTA.write_text(text)
    assert available_cores() == cores


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores are not bound")
def test_a_bound_process_has_the_cores_it_is_bound_to():
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from jaxload._cores import available_cores; print(available_cores())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "1\n"
