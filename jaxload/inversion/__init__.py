"""Regularised least squares for many epochs; knows nothing of the Earth."""

from jaxload.inversion.beta import (
    best,
    leave_one_out,
    leave_one_out_residual,
    scan,
    select,
)
from jaxload.inversion.data_space import Dual
from jaxload.inversion.gaps import Gaps, find_gaps
from jaxload.inversion.least_squares import Problem, Solution, dual, solve
from jaxload.inversion.prior import smooth_problem, unpenalised_fields

__all__ = [
    "Dual",
    "Gaps",
    "Problem",
    "Solution",
    "best",
    "dual",
    "find_gaps",
    "leave_one_out",
    "leave_one_out_residual",
    "scan",
    "select",
    "smooth_problem",
    "solve",
    "unpenalised_fields",
]
