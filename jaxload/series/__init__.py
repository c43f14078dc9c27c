"""Time series of any origin; knows no physics."""

from jaxload.series.common_modes import common_mode, stacked_mode
from jaxload.series.components import (
    Components,
    Expectation,
    principal_components,
    reconstructed,
)
from jaxload.series.means import period_mean
from jaxload.series.trajectory import annual_amplitude, seasonal_basis

__all__ = [
    "Components",
    "Expectation",
    "annual_amplitude",
    "common_mode",
    "period_mean",
    "principal_components",
    "reconstructed",
    "seasonal_basis",
    "stacked_mode",
]
