"""Time series of any origin; knows no physics."""

from jaxload.series.components import (
    Components,
    Expectation,
    components,
    reconstructed,
)
from jaxload.series.means import period_mean
from jaxload.series.trajectory import annual_amplitude, seasonal_basis

__all__ = [
    "Components",
    "Expectation",
    "annual_amplitude",
    "components",
    "period_mean",
    "reconstructed",
    "seasonal_basis",
]
