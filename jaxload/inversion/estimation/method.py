"""Choose how to solve, from what is given."""

import numpy as np
from jax import Array

from jaxload._check import is_concrete
from jaxload.inversion.estimation.cost_model import (
    Method,
    ProblemSize,
    fastest_method,
    named_method,
)
from jaxload.inversion.linalg.iterative_refinement import Refinement
from jaxload.inversion.missing.patterns import Gaps
from jaxload.inversion.noise import Noise, is_shared
from jaxload.inversion.observations import check_gaps, known_gaps
from jaxload.inversion.problem import Problem

__all__ = ["planned"]


def planned(
    problem: Problem,
    displacement: Array,
    noise: Noise,
    gaps: Gaps | None,
    method: Method | None,
) -> tuple[Method, Gaps | None]:
    """The method, and the layout of gaps where it uses one.

    Args:
      problem: Design matrix and prior.
      displacement: Observations, shape (epoch, row).
      noise: From `as_noise`.
      gaps: As the user gave them.
      method: As the user named it; None for the cheapest.

    Returns:
      A method with its settings, and the gaps or None.

    Raises:
      ValueError: If the method does not exist or cannot be used here.
    """
    method = None if method is None else named_method(method)
    if gaps is not None and is_shared(noise):
        check_gaps(displacement, gaps)
    known = is_shared(noise) and (gaps is not None or is_concrete(displacement))
    if method is None:
        method = fastest_method(_shape(problem, displacement, noise, gaps, known))
    if method == "shared" and not known:
        raise ValueError(_unshared(noise))
    if method == "primal" and problem.normal is None:
        raise ValueError(
            "method 'primal' needs L'L in the problem; make it by with_normal_matrix"
        )
    if method == "shared" or isinstance(method, Refinement):
        return method, known_gaps(displacement, noise, gaps)
    return method, None


def _unshared(noise: Noise) -> str:
    if not is_shared(noise):
        return (
            f"sigma has shape {noise.sigma.shape}, but method 'shared' needs one that "
            "is the same at all epochs; take another method"
        )
    return (
        "method 'shared' needs the gaps under jit; call find_gaps outside and pass its "
        "result as gaps="
    )


def _shape(
    problem: Problem, displacement: Array, noise: Noise, gaps: Gaps | None, known: bool
) -> ProblemSize:
    epochs, rows = displacement.shape
    missing = 0.0
    if known and gaps is not None and is_concrete(gaps.missing):
        missing = float(gaps.missing) / max(epochs, 1)
    elif known and is_concrete(displacement):
        missing = float(np.isnan(np.asarray(displacement)).sum()) / max(epochs, 1)
    return ProblemSize(
        epochs=epochs,
        rows=rows,
        cells=problem.design.shape[1],
        drift=problem.drift.shape[1],
        missing=missing,
        shared=known,
        normal=problem.normal is not None,
        correlated=noise.correlation is not None,
    )
