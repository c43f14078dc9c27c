"""Regularised least squares for many epochs, independent of the Earth."""

from jaxload.inversion.assimilation.mean_evidence import (
    BoundMeans,
    bind_means,
    means_log_evidence,
)
from jaxload.inversion.assimilation.mean_innovations import Innovations, innovations
from jaxload.inversion.assimilation.period_evidence import (
    TunedPeriods,
    period_log_evidence,
    tune_periods,
)
from jaxload.inversion.assimilation.period_means import ObservedMeans, PeriodModel
from jaxload.inversion.assimilation.reduction import assimilated_reduction
from jaxload.inversion.assimilation.update import Assimilation, assimilate
from jaxload.inversion.binding import Observations, observations
from jaxload.inversion.estimation.conditioning import given_last_rows
from jaxload.inversion.estimation.factor import Factor, factorise
from jaxload.inversion.estimation.least_squares import solve, solve_representers
from jaxload.inversion.estimation.long_records import solve_record
from jaxload.inversion.estimation.representers import (
    RepresenterSolution,
    Term,
    load_at,
)
from jaxload.inversion.estimation.robust import (
    Huber,
    StudentT,
    reweight,
    station_weights,
    weights_from_residuals,
)
from jaxload.inversion.hyperparameters.beta_scan import best, scan, select
from jaxload.inversion.hyperparameters.criteria import (
    LCurve,
    gcv,
    l_curve,
    l_curve_corner,
    leave_one_out,
    leave_one_out_residual,
)
from jaxload.inversion.hyperparameters.empirical_bayes import Tuned, scaled_model, tune
from jaxload.inversion.hyperparameters.evidence import (
    VarianceComponents,
    abic,
    epoch_log_evidence,
    log_evidence,
    variance_components,
)
from jaxload.inversion.hyperparameters.group_cross_validation import (
    distance_blocks,
    leave_group_out,
    leave_group_out_residual,
)
from jaxload.inversion.linalg.iterative_refinement import Refinement
from jaxload.inversion.linalg.pcg import ConjugateGradient
from jaxload.inversion.missing.pattern import MissingPattern, find_pattern
from jaxload.inversion.network.average_day import (
    MonitoringNetwork,
    RemovalOrder,
    monitoring_network,
    removal_order,
    station_losses,
)
from jaxload.inversion.network.candidate_places import (
    Candidates,
    candidate_gains,
    candidates,
    covariance_with,
)
from jaxload.inversion.network.network_search import NetworkDesign, design_network
from jaxload.inversion.network.place_refinement import RefinedPlaces, refine_places
from jaxload.inversion.noise import Noise, covariance_noise, exponential_correlation
from jaxload.inversion.principal_components import (
    leave_one_out_by_components,
    solve_by_components,
)
from jaxload.inversion.prior.matern import matern_prior, matern_problem
from jaxload.inversion.prior.roughness import null_space_of
from jaxload.inversion.prior.smoothness import (
    Prior,
    field_prior,
    prior_covariance,
    prior_problem,
    prior_samples,
    prior_variance,
    scaled_prior,
    smooth_prior,
    smooth_problem,
)
from jaxload.inversion.problem import Problem, Solution, with_normal_matrix
from jaxload.inversion.sharding import (
    EpochSharding,
    gather_epochs,
    gather_noise,
    shard_epochs,
)
from jaxload.inversion.stacking import Rows, split_rows, stack_rows
from jaxload.inversion.station_regression import (
    AmplitudePrior,
    StationAmplitudes,
    amplitude_variance,
    station_amplitudes,
)
from jaxload.inversion.temporal.evidence import temporal_log_evidence
from jaxload.inversion.temporal.markov import TemporalPrior, autoregression, random_walk
from jaxload.inversion.temporal.smoothing import (
    hold_out,
    solve_in_time,
    temporal_residual,
)
from jaxload.inversion.time_regression import (
    TimeMean,
    time_function_mean,
    time_function_variance,
)
from jaxload.inversion.uncertainty.functionals import (
    Functionals,
    averages,
    every_cell,
    some_cells,
)
from jaxload.inversion.uncertainty.posterior import (
    Spread,
    posterior_covariance,
    posterior_mean,
    posterior_sd,
    stream_sd,
)
from jaxload.inversion.uncertainty.recovery_tests import (
    Recovery,
    checkerboard,
    recover,
    spikes,
)
from jaxload.inversion.uncertainty.resolution import (
    Resolution,
    averaging_kernels,
    degrees_of_freedom,
    leverage,
    observation_weights,
    point_spread,
    resolution_map,
)
from jaxload.inversion.uncertainty.sampling import Sampling, posterior_samples
from jaxload.inversion.uncertainty.stochastic_diagonal import Probing

__all__ = [
    "AmplitudePrior",
    "Assimilation",
    "BoundMeans",
    "Candidates",
    "ConjugateGradient",
    "EpochSharding",
    "Factor",
    "Functionals",
    "Huber",
    "Innovations",
    "LCurve",
    "MissingPattern",
    "MonitoringNetwork",
    "NetworkDesign",
    "Noise",
    "Observations",
    "ObservedMeans",
    "PeriodModel",
    "Prior",
    "Probing",
    "Problem",
    "Recovery",
    "RefinedPlaces",
    "Refinement",
    "RemovalOrder",
    "RepresenterSolution",
    "Resolution",
    "Rows",
    "Sampling",
    "Solution",
    "Spread",
    "StationAmplitudes",
    "StudentT",
    "TemporalPrior",
    "Term",
    "TimeMean",
    "Tuned",
    "TunedPeriods",
    "VarianceComponents",
    "abic",
    "amplitude_variance",
    "assimilate",
    "assimilated_reduction",
    "autoregression",
    "averages",
    "averaging_kernels",
    "best",
    "bind_means",
    "candidate_gains",
    "candidates",
    "checkerboard",
    "covariance_noise",
    "covariance_with",
    "degrees_of_freedom",
    "design_network",
    "distance_blocks",
    "epoch_log_evidence",
    "every_cell",
    "exponential_correlation",
    "factorise",
    "field_prior",
    "find_pattern",
    "gather_epochs",
    "gather_noise",
    "gcv",
    "given_last_rows",
    "hold_out",
    "innovations",
    "l_curve",
    "l_curve_corner",
    "leave_group_out",
    "leave_group_out_residual",
    "leave_one_out",
    "leave_one_out_by_components",
    "leave_one_out_residual",
    "leverage",
    "load_at",
    "log_evidence",
    "matern_prior",
    "matern_problem",
    "means_log_evidence",
    "monitoring_network",
    "null_space_of",
    "observation_weights",
    "observations",
    "period_log_evidence",
    "point_spread",
    "posterior_covariance",
    "posterior_mean",
    "posterior_samples",
    "posterior_sd",
    "prior_covariance",
    "prior_problem",
    "prior_samples",
    "prior_variance",
    "random_walk",
    "recover",
    "refine_places",
    "removal_order",
    "resolution_map",
    "reweight",
    "scaled_model",
    "scaled_prior",
    "scan",
    "select",
    "shard_epochs",
    "smooth_prior",
    "smooth_problem",
    "solve",
    "solve_by_components",
    "solve_in_time",
    "solve_record",
    "solve_representers",
    "some_cells",
    "spikes",
    "split_rows",
    "stack_rows",
    "station_amplitudes",
    "station_losses",
    "station_weights",
    "stream_sd",
    "temporal_log_evidence",
    "temporal_residual",
    "time_function_mean",
    "time_function_variance",
    "tune",
    "tune_periods",
    "variance_components",
    "weights_from_residuals",
    "with_normal_matrix",
]
