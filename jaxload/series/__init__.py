"""Time series of any origin, without physics."""

from jaxload.series.batches import stations_over
from jaxload.series.cleaning.filters import hampel, moving_average, running_median
from jaxload.series.cleaning.outliers import (
    Cleaned,
    OutlierBounds,
    Rejection,
    beyond_bounds,
    outlier_bounds,
    reject_outliers,
)
from jaxload.series.cleaning.quality import Family, Quality, Suspicion, assess, suspects
from jaxload.series.cleaning.steps import Detection, Steps, find_steps
from jaxload.series.decomposition.common_modes import common_mode, stacked_mode
from jaxload.series.decomposition.emd import Decomposition, decompose
from jaxload.series.decomposition.fourier import Reconstruction, reconstruct
from jaxload.series.decomposition.ordinal_patterns import permutation_entropy
from jaxload.series.decomposition.pca import (
    Components,
    Expectation,
    principal_components,
    reconstructed,
)
from jaxload.series.fitting.coloured_noise import NoiseAmplitudes
from jaxload.series.fitting.noise_likelihood import estimate_noise
from jaxload.series.fitting.relaxation import relaxation_times
from jaxload.series.fitting.seasonal_fit import SeasonalFit, fit_seasons
from jaxload.series.fitting.seasons import (
    annual_amplitude,
    decimal_years,
    linear_rates,
    seasonal_basis,
)
from jaxload.series.fitting.short_records import (
    Removal,
    Shrinkage,
    detrended,
    remove_terms,
    shrinkage,
)
from jaxload.series.fitting.trajectory import (
    Events,
    Terms,
    Trajectory,
    evaluate_trajectory,
    events,
    fit_trajectory,
)
from jaxload.series.means import (
    PeriodMeans,
    monthly_means,
    months_of,
    period_mean,
    period_means,
    weekly_means,
    weeks_of,
)
from jaxload.series.spans import (
    are_finer,
    between_spans,
    known_times,
    overlap_days,
    span_means,
    span_middles,
)

__all__ = [
    "Cleaned",
    "Components",
    "Decomposition",
    "Detection",
    "Events",
    "Expectation",
    "Family",
    "NoiseAmplitudes",
    "OutlierBounds",
    "PeriodMeans",
    "Quality",
    "Reconstruction",
    "Rejection",
    "Removal",
    "SeasonalFit",
    "Shrinkage",
    "Steps",
    "Suspicion",
    "Terms",
    "Trajectory",
    "annual_amplitude",
    "are_finer",
    "assess",
    "between_spans",
    "beyond_bounds",
    "common_mode",
    "decimal_years",
    "decompose",
    "detrended",
    "estimate_noise",
    "evaluate_trajectory",
    "events",
    "find_steps",
    "fit_seasons",
    "fit_trajectory",
    "hampel",
    "known_times",
    "linear_rates",
    "monthly_means",
    "months_of",
    "moving_average",
    "outlier_bounds",
    "overlap_days",
    "period_mean",
    "period_means",
    "permutation_entropy",
    "principal_components",
    "reconstruct",
    "reconstructed",
    "reject_outliers",
    "relaxation_times",
    "remove_terms",
    "running_median",
    "seasonal_basis",
    "shrinkage",
    "span_means",
    "span_middles",
    "stacked_mode",
    "stations_over",
    "suspects",
    "weekly_means",
    "weeks_of",
]
