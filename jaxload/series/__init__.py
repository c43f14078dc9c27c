"""Time series of any origin; knows no physics."""

from jaxload.series.means import period_mean
from jaxload.series.trajectory import annual_amplitude, seasonal_basis

__all__ = ["annual_amplitude", "period_mean", "seasonal_basis"]
