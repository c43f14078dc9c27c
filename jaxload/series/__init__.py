"""Time series of any origin; knows no physics."""

from jaxload.series.common_modes import common_mode, stacked_mode
from jaxload.series.components import (
    Components,
    Expectation,
    principal_components,
    reconstructed,
)
from jaxload.series.filters import hampel, moving_average, running_median
from jaxload.series.means import (
    PeriodMeans,
    monthly_means,
    months_of,
    period_mean,
    period_means,
    weekly_means,
    weeks_of,
)
from jaxload.series.noise import Noise
from jaxload.series.outliers import Cleaned, Rejection, reject_outliers
from jaxload.series.spectral import Reconstruction, reconstruct
from jaxload.series.trajectory import (
    Events,
    Terms,
    Trajectory,
    annual_amplitude,
    decimal_years,
    detrended,
    evaluate_trajectory,
    events,
    fit_trajectory,
    relaxation_times,
    seasonal_basis,
)

__all__ = [
    "Cleaned",
    "Components",
    "Events",
    "Expectation",
    "Noise",
    "PeriodMeans",
    "Reconstruction",
    "Rejection",
    "Terms",
    "Trajectory",
    "annual_amplitude",
    "common_mode",
    "decimal_years",
    "detrended",
    "evaluate_trajectory",
    "events",
    "fit_trajectory",
    "hampel",
    "monthly_means",
    "months_of",
    "moving_average",
    "period_mean",
    "period_means",
    "principal_components",
    "reconstruct",
    "reconstructed",
    "reject_outliers",
    "relaxation_times",
    "running_median",
    "seasonal_basis",
    "stacked_mode",
    "weekly_means",
    "weeks_of",
]
