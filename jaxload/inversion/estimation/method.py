"""Choose how to solve, from what is given."""

import numpy as np

from jaxload._check import is_concrete, on_host
from jaxload._platform import form_at
from jaxload.inversion.binding import REFINED, Observations
from jaxload.inversion.estimation.cost_model import (
    Method,
    ProblemSize,
    fastest_method,
    named_method,
)
from jaxload.inversion.linalg.iterative_refinement import Refinement
from jaxload.inversion.noise import is_shared
from jaxload.inversion.problem import Problem

__all__ = ["planned"]


def planned(
    problem: Problem, data: Observations, method: Method | None
) -> tuple[Method, bool]:
    """Choose the method, and whether it uses one inverse for all epochs.

    Args:
      problem: Design matrix and prior.
      data: From `bind`.
      method: As the user named it; None for the cheapest.

    Returns:
      A method with its settings, and whether it uses the pattern of missing data.

    Raises:
      ValueError: If the method does not exist or cannot be used here.
    """
    known = data.pattern is not None
    if method is None and data.precision == REFINED:
        method = "shared"
    if method is None:
        method = fastest_method(_size(problem, data), form_at(data.values))
    method = named_method(method)
    if method == "shared" and not known:
        raise ValueError(_unshared(data))
    if method == "primal" and problem.normal is None:
        raise ValueError(
            "method 'primal' needs L'L in the problem; make it by with_normal_matrix"
        )
    return method, known and (method == "shared" or isinstance(method, Refinement))


def _unshared(data: Observations) -> str:
    if not is_shared(data.noise):
        return (
            f"sigma has shape {data.noise.sigma.shape}, but method 'shared' needs one "
            "that is the same at all epochs; take another method"
        )
    return (
        "method 'shared' needs the pattern of missing data, which is unknown under "
        "jit and was not asked for with share_inverse=False; call find_pattern "
        "outside and pass its result to observations as pattern="
    )


def _size(problem: Problem, data: Observations) -> ProblemSize:
    epochs, rows = data.values.shape
    missing = 0.0
    if data.pattern is not None:
        if is_concrete(data.pattern.missing):
            missing = float(np.sum(data.pattern.missing)) / max(epochs, 1)
        elif is_concrete(data.values):
            missing = float(np.isnan(on_host(data.values)).sum()) / max(epochs, 1)
    return ProblemSize(
        epochs=epochs,
        rows=rows,
        cells=problem.design.shape[1],
        null_space_size=problem.null_space_response.shape[1],
        missing=missing,
        shared=data.pattern is not None,
        normal=problem.normal is not None,
        correlated=data.noise.correlation is not None,
    )
