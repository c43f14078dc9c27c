import gc
import os
import pathlib

import jax
import numpy as np
import pytest

from jaxload._platform import form

#: Off in ``make test32`` only, which runs the one file about single precision.
DOUBLE = os.environ.get("JAX_ENABLE_X64", "1").lower() not in ("0", "false")
collect_ignore = ["test_single_precision.py"] if DOUBLE else []

# Files of one content have one date, whenever they are written.
os.environ.setdefault("SOURCE_DATE_EPOCH", "1700000000")

jax.config.update("jax_enable_x64", DOUBLE)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")
# Among which networks are shared out.
jax.config.update("jax_num_cpu_devices", int(os.environ.get("SHARDS", "2")))

#: Every compiled program takes some of the maps of memory that Linux lets a process
#: have (65,530 as a rule), and a compiler without any crashes.
MAPS, MOST_MAPS = pathlib.Path("/proc/self/maps"), 25_000

SHARED = pathlib.Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="module", autouse=True)
def few_compiled_programs():
    yield
    if MAPS.is_file() and len(MAPS.read_bytes().splitlines()) > MOST_MAPS:
        jax.clear_caches()
        gc.collect()


@pytest.fixture(params=["cpu", "accelerator"])
def both_forms(request):
    """One form of all programs after the other."""
    with form(request.param):
        yield


@pytest.fixture
def rng():
    return np.random.default_rng(20250101)


@pytest.fixture(scope="session")
def reference():
    """The folder of numbers computed by independent programs."""
    folder = SHARED / "reference"
    if not folder.is_dir():
        pytest.skip("the reference numbers (../shared/reference) are not here")
    return folder


@pytest.fixture(scope="session")
def data():
    """The folder of real observations."""
    folder = SHARED / "data"
    if not folder.is_dir():
        pytest.skip("the real observations (../shared/data) are not here")
    return folder


@pytest.fixture(scope="session")
def cases():
    """The folder of small inputs as people have them."""
    folder = SHARED / "cases"
    if not folder.is_dir():
        pytest.skip("the inputs as people have them (../shared/cases) are not here")
    return folder
