"""Judging water storage against other observations of it."""

from jaxload.evaluate.drought import (
    DROUGHT_CLASSES,
    DROUGHT_LIMITS,
    Climatology,
    DroughtEvent,
    climatology,
    drought_class,
    drought_events,
    drought_severity,
)
from jaxload.evaluate.drought_probability import (
    EventUncertainty,
    class_frequencies,
    class_probabilities,
    event_uncertainty,
    limiting_severity,
)
from jaxload.evaluate.lags import Lag, best_lag, lag_correlations
from jaxload.evaluate.metrics import (
    TaylorStatistics,
    bias,
    detrend,
    nse,
    pcc,
    r2,
    rmse,
    taylor_statistics,
    wrms,
    wrms_reduction,
)
from jaxload.evaluate.monthly_errors import mean_covariance, normal_draws
from jaxload.evaluate.storage_index import (
    LONGEST_SCALE,
    MonthlyRecord,
    limiting_storage,
    plotting_position,
    standardised_index,
    trailing_mean,
)
from jaxload.evaluate.water_balance import (
    centred_flux,
    remaining_storage,
    storage_change,
    storage_change_sd,
)

__all__ = [
    "DROUGHT_CLASSES",
    "DROUGHT_LIMITS",
    "LONGEST_SCALE",
    "Climatology",
    "DroughtEvent",
    "EventUncertainty",
    "Lag",
    "MonthlyRecord",
    "TaylorStatistics",
    "best_lag",
    "bias",
    "centred_flux",
    "class_frequencies",
    "class_probabilities",
    "climatology",
    "detrend",
    "drought_class",
    "drought_events",
    "drought_severity",
    "event_uncertainty",
    "lag_correlations",
    "limiting_severity",
    "limiting_storage",
    "mean_covariance",
    "normal_draws",
    "nse",
    "pcc",
    "plotting_position",
    "r2",
    "remaining_storage",
    "rmse",
    "standardised_index",
    "storage_change",
    "storage_change_sd",
    "taylor_statistics",
    "trailing_mean",
    "wrms",
    "wrms_reduction",
]
