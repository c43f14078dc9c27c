"""Regularised least squares for many epochs; knows nothing of the Earth."""

from jaxload.inversion.beta import (
    best,
    leave_one_out,
    leave_one_out_residual,
    scan,
    select,
)
from jaxload.inversion.by_components import (
    leave_one_out_by_components,
    solve_by_components,
)
from jaxload.inversion.conjugate_gradient import ConjugateGradient
from jaxload.inversion.criteria import LCurve, gcv, l_curve, l_curve_corner
from jaxload.inversion.data_space import Dual
from jaxload.inversion.evidence import (
    VarianceComponents,
    abic,
    log_evidence,
    variance_components,
)
from jaxload.inversion.gaps import Gaps, find_gaps
from jaxload.inversion.known_rows import given_last_rows
from jaxload.inversion.least_squares import dual, solve
from jaxload.inversion.left_out import (
    distance_blocks,
    leave_group_out,
    leave_group_out_residual,
)
from jaxload.inversion.matern import matern_prior, matern_problem
from jaxload.inversion.memory import Memory, autoregression, random_walk
from jaxload.inversion.noise import Noise, covariance_noise, exponential_correlation
from jaxload.inversion.posterior import (
    Spread,
    posterior_covariance,
    posterior_sd,
    stream_sd,
)
from jaxload.inversion.prior import (
    Prior,
    prior_covariance,
    prior_problem,
    prior_samples,
    prior_variance,
    scaled_prior,
    smooth_prior,
    smooth_problem,
)
from jaxload.inversion.probing import Probing
from jaxload.inversion.problem import Problem, Solution, with_normal_matrix
from jaxload.inversion.recovery import Recovery, checkerboard, recover, spikes
from jaxload.inversion.refinement import Refinement
from jaxload.inversion.resolution import (
    Resolution,
    averaging_kernels,
    degrees_of_freedom,
    point_spread,
    resolution_map,
)
from jaxload.inversion.robust import (
    Huber,
    StudentT,
    reweight,
    station_weights,
    weights_from_residuals,
)
from jaxload.inversion.roughness import unpenalised_fields
from jaxload.inversion.rows import Rows, split_rows, stack_rows
from jaxload.inversion.sampling import Sampling, posterior_samples
from jaxload.inversion.target import averages, every_cell, some_cells
from jaxload.inversion.temporal import hold_out, solve_in_time, temporal_residual
from jaxload.inversion.temporal_evidence import temporal_log_evidence
from jaxload.inversion.time_functions import (
    TimeMean,
    time_function_mean,
    time_function_variance,
)
from jaxload.inversion.tuning import Tuned, scaled_model, tune

__all__ = [
    "ConjugateGradient",
    "Dual",
    "Gaps",
    "Huber",
    "LCurve",
    "Memory",
    "Noise",
    "Prior",
    "Probing",
    "Problem",
    "Recovery",
    "Refinement",
    "Resolution",
    "Rows",
    "Sampling",
    "Solution",
    "Spread",
    "StudentT",
    "TimeMean",
    "Tuned",
    "VarianceComponents",
    "abic",
    "autoregression",
    "averages",
    "averaging_kernels",
    "best",
    "checkerboard",
    "covariance_noise",
    "degrees_of_freedom",
    "distance_blocks",
    "dual",
    "every_cell",
    "exponential_correlation",
    "find_gaps",
    "gcv",
    "given_last_rows",
    "hold_out",
    "l_curve",
    "l_curve_corner",
    "leave_group_out",
    "leave_group_out_residual",
    "leave_one_out",
    "leave_one_out_by_components",
    "leave_one_out_residual",
    "log_evidence",
    "matern_prior",
    "matern_problem",
    "point_spread",
    "posterior_covariance",
    "posterior_samples",
    "posterior_sd",
    "prior_covariance",
    "prior_problem",
    "prior_samples",
    "prior_variance",
    "random_walk",
    "recover",
    "resolution_map",
    "reweight",
    "scaled_model",
    "scaled_prior",
    "scan",
    "select",
    "smooth_prior",
    "smooth_problem",
    "solve",
    "solve_by_components",
    "solve_in_time",
    "some_cells",
    "spikes",
    "split_rows",
    "stack_rows",
    "station_weights",
    "stream_sd",
    "temporal_log_evidence",
    "temporal_residual",
    "time_function_mean",
    "time_function_variance",
    "tune",
    "unpenalised_fields",
    "variance_components",
    "weights_from_residuals",
    "with_normal_matrix",
]
