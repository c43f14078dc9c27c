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

__all__ = [
    "DROUGHT_CLASSES",
    "DROUGHT_LIMITS",
    "Climatology",
    "DroughtEvent",
    "Lag",
    "TaylorStatistics",
    "best_lag",
    "bias",
    "climatology",
    "detrend",
    "drought_class",
    "drought_events",
    "drought_severity",
    "lag_correlations",
    "nse",
    "pcc",
    "r2",
    "rmse",
    "taylor_statistics",
    "wrms",
    "wrms_reduction",
]
