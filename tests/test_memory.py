"""What is held once, and what goes back to the system."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from jaxload import inversion, io
from jaxload._memory import return_freed_memory
from jaxload._platform import aligned_empty
from jaxload.io.files import hdf5


def test_jax_takes_an_aligned_array_without_a_copy(rng):
    values = aligned_empty((30, 7))
    values[:] = rng.normal(size=values.shape)
    with jax.enable_x64(True):
        data = inversion.observations(values, np.ones(7))
        assert data.values.unsafe_buffer_pointer() == values.ctypes.data
    np.testing.assert_array_equal(data.values, values)


GROWN = """
import resource
import sys
import numpy as np
from jaxload._memory import return_freed_memory

def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20

if sys.argv[1] == "yes":
    assert return_freed_memory()
# A large array that goes moves the library's limit up to its size.
np.ones(30 * 2**17)
before = held()
# What is behind a freed array keeps it from the system.
pairs = [(np.ones(20 * 2**17), np.ones(2000)) for _ in range(6)]
kept = [small for _, small in pairs]
del pairs
sys.stdout.write(str(held() - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs the C library of Linux")
def test_freed_arrays_go_back_to_the_system():
    environment = {k: v for k, v in os.environ.items() if "MALLOC" not in k}
    left = {
        word: float(
            subprocess.run(
                [sys.executable, "-c", GROWN, word],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for word in ("yes", "no")
    }
    assert left["yes"] < 10, left
    # Else the test would say nothing.
    assert left["no"] > 60, left


def test_a_user_who_sets_the_memory_of_the_process_is_left_alone(monkeypatch):
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "1048576")
    assert not return_freed_memory()


def test_a_table_across_two_windows_of_a_file_is_looked_at(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "WINDOW", 64)
    head = hdf5.FILE + bytes(60 - len(hdf5.FILE))
    size = np.array([64, 0], "<u8").tobytes()
    whole = head + hdf5.COLLECTION + size[:8] + bytes(8) + np.uint64(48).tobytes()
    whole += bytes(64)
    path = tmp_path / "sample.nc"
    path.write_bytes(whole)
    hdf5.check_heaps(path)
    # Its free space would end behind the collection.
    damaged = whole.replace(np.uint64(48).tobytes(), np.uint64(56).tobytes())
    (tmp_path / "damaged.nc").write_bytes(damaged)
    with pytest.raises(ValueError, match="table of texts"):
        hdf5.check_heaps(tmp_path / "damaged.nc")


WRITTEN = """
import sys
import numpy as np
import xarray as xr
from jaxload import io

def highest():
    with open("/proc/self/status") as file:
        return [int(x.split()[1]) / 1024 for x in file if x.startswith("VmHWM")][0]

values = np.random.default_rng(0).normal(size=(3000, 400)).astype(np.float32)
dataset = xr.Dataset({f"x{n}": (("time", "station"), values) for n in range(8)})
io.write_dataset(dataset.isel(time=slice(9)), sys.argv[1])
before = highest()
io.write_dataset(dataset, sys.argv[1])
sys.stdout.write(str(highest() - before))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the highest size")
def test_a_file_of_many_series_is_written_without_holding_them_again(tmp_path):
    pytest.importorskip("netCDF4")
    done = subprocess.run(
        [sys.executable, "-c", WRITTEN, str(tmp_path / "sample.nc")],
        capture_output=True,
        text=True,
        check=True,
    )
    # Eight variables of 4.6 MiB, all of which the library would hold.
    assert float(done.stdout) < 20
    with io.read_dataset(tmp_path / "sample.nc") as dataset:
        assert dataset.x7.shape == (3000, 400)
