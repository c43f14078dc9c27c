"""Time series of any origin; knows no physics."""

from jaxload.series.components import (
    Components,
    Expectation,
    common_mode,
    components,
    reconstructed,
    stacked_mode,
)
from jaxload.series.means import period_mean
from jaxload.series.trajectory import annual_amplitude, seasonal_basis

__all__ = [
    "Components",
    "Expectation",
    "annual_amplitude",
    "common_mode",
    "components",
    "period_mean",
    "reconstructed",
    "seasonal_basis",
    "stacked_mode",
]
