import pathlib

import jax
import numpy as np
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

SHARED = pathlib.Path(__file__).parents[2] / "shared"


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
