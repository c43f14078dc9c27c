"""Threads of XLA on a CPU."""

import os
import subprocess
import sys

import pytest

import jaxload
from jaxload import _thread_pool

#: Six factorisations of many matrices side by side, a hundred times.
PROGRAM = """
import jaxload
import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)
keys = jax.random.split(jax.random.key(0), 6)
square = lambda x: x @ x.swapaxes(-1, -2) + 57 * jnp.eye(57)
matrices = [square(jax.random.normal(key, (64, 57, 57))) for key in keys]

@jax.jit
def solve(matrices):
    total = 0.0
    for matrix in matrices:
        factor = jnp.linalg.cholesky(matrix)
        total += jax.scipy.linalg.solve_triangular(factor, matrix, lower=True).sum()
    return total

for _ in range(100):
    solve(matrices).block_until_ready()
print("done")
"""


@pytest.mark.slow
def test_factorisations_side_by_side_do_not_wait_for_each_other_for_ever():
    environment = {k: v for k, v in os.environ.items() if k != _thread_pool.VARIABLE}
    environment |= {"OPENBLAS_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=240
    )
    assert done.stdout == "done\n"


def may_use(monkeypatch, cores, of=2):
    """Let the process use some of the cores of a computer."""
    usable = lambda _: set(range(cores))
    monkeypatch.setattr(os, "sched_getaffinity", usable, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: of)


def test_threads_that_the_environment_sets_stay(monkeypatch):
    assert jaxload.__version__
    may_use(monkeypatch, 2)
    monkeypatch.delenv(_thread_pool.VARIABLE, raising=False)
    _thread_pool.provide_threads()
    assert os.environ[_thread_pool.VARIABLE] == str(_thread_pool.THREADS)
    monkeypatch.setenv(_thread_pool.VARIABLE, "3")
    _thread_pool.provide_threads()
    assert os.environ[_thread_pool.VARIABLE] == "3"


def test_many_cores_have_threads_enough(monkeypatch):
    may_use(monkeypatch, 2 * _thread_pool.THREADS)
    monkeypatch.delenv(_thread_pool.VARIABLE, raising=False)
    _thread_pool.provide_threads()
    assert _thread_pool.VARIABLE not in os.environ


def test_a_job_on_few_cores_of_many_has_threads_enough(monkeypatch):
    may_use(monkeypatch, 2, of=2 * _thread_pool.THREADS)
    monkeypatch.delenv(_thread_pool.VARIABLE, raising=False)
    _thread_pool.provide_threads()
    assert os.environ[_thread_pool.VARIABLE] == str(_thread_pool.THREADS)
