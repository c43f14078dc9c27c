"""Judging water storage against other observations of it."""

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
    "TaylorStatistics",
    "bias",
    "detrend",
    "nse",
    "pcc",
    "r2",
    "rmse",
    "taylor_statistics",
    "wrms",
    "wrms_reduction",
]
