"""Values for the programs of the record of a GPU, made where they are used."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._launch_programs import SIZES, Program
from jaxload.inversion.problem import Problem

__all__ = ["call_of"]


def call_of(program: Program) -> tuple[Any, tuple[Any, ...]]:
    """Make a program and values for its arguments.

    Args:
      program: What is measured.

    Returns:
      The function, and its arguments: random, positive where they are no data, the same
      on every platform.
    """
    function, arguments = program.build()
    rng = np.random.default_rng(1)
    if not isinstance(arguments[0], Problem):
        return function, _filled(arguments, rng)
    problem, record, *rest = arguments
    values = 4 * (_filled(record, rng) - 2)
    gaps = jnp.asarray(np.isnan(SIZES[program.size].gaps()))
    values = jnp.where(gaps, jnp.nan, values)
    return function, (_consistent(problem, rng), values, *_filled(rest, rng))


def _filled(arguments: Any, rng: np.random.Generator) -> Any:
    return jax.tree.map(lambda leaf: _values(leaf, rng), arguments)


def _values(leaf: Any, rng: np.random.Generator) -> Any:
    if not isinstance(leaf, jax.ShapeDtypeStruct):
        return leaf
    if leaf.dtype == bool:
        return jnp.zeros(leaf.shape, bool)
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        return jnp.ones(leaf.shape, leaf.dtype)
    drawn = rng.uniform(1, 3, size=leaf.shape).astype(leaf.dtype)
    return jnp.asarray(drawn)


def _consistent(problem: Problem, rng: np.random.Generator) -> Problem:
    """A problem whose parts belong together, and whose prior is of unit variance."""
    design = -0.01 * (_filled(problem.design, rng) - 1)
    gram = jnp.matmul(design, design.T, precision="highest")
    free = problem.null_space, problem.null_space_response
    return Problem(design, design.T, (gram + gram.T) / 2, *_filled(free, rng))
