"""How errors of regional means go together in time, and those of means over epochs."""

import dataclasses
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload._calendar import DAY

__all__ = [
    "LASTING_ERRORS",
    "MeanErrors",
    "covariance_of_means",
    "error_model",
    "independent_means",
    "read_error_model",
    "sd_of_means",
]

#: Attribute of standard errors that says what of them is one error at all epochs.
LASTING_ERRORS = "lasting_errors"

#: Functions of time in the order of `series.seasonal_basis`.
FUNCTIONS = (
    "offset",
    "trend",
    "annual cosine",
    "annual sine",
    "semi-annual cosine",
    "semi-annual sine",
)


@dataclasses.dataclass(frozen=True, eq=False)
class MeanErrors:
    """How errors of regional means go together in time.

    Attributes:
      lag_days: Lags of the correlation [days], shape (lag,); beyond the last it is 0.
      correlation: Of the errors of two epochs, without functions of time [-], shape
        (lag, region).
      rest_sd: Standard error of each epoch, without functions of time [mm], shape
        (epoch, region).
      functions: Functions of time with errors that go on, shape (epoch, function).
      function_variance: Variance of their amplitudes [mm2], shape (function, region).
    """

    lag_days: NDArray[np.float64]
    correlation: NDArray[np.float64]
    rest_sd: NDArray[np.float64]
    functions: NDArray[np.float64]
    function_variance: NDArray[np.float64]


def covariance_of_means(
    errors: MeanErrors, time: NDArray[np.datetime64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute the covariance of errors of means over epochs.

    Args:
      errors: How errors go together in time; epochs without one are left out.
      time: Epochs at equal steps, some of which may be missing, shape (epoch,).
      shares: Of each epoch in each mean, shape (mean, epoch).

    Returns:
      Covariance [mm2], shape (region, mean, mean); zero for a mean of no epochs.
    """
    days = (time - time[0]) / DAY
    lags, regions = errors.lag_days, errors.rest_sd.shape[1]
    step = lags[1] if len(lags) > 1 else max(np.diff(days).min(initial=1.0), 1e-9)
    position = np.round(days / step).astype(np.int64)
    size = 2 * max(position[-1] + 1, len(lags))
    covariance = np.zeros((regions, len(shares), len(shares)))
    for region in range(regions):
        sd = errors.rest_sd[:, region]
        known = np.where(np.isfinite(sd), shares, 0.0)
        total = known.sum(axis=1, keepdims=True)
        known = known / np.where(total > 0, total, 1)
        kernel = np.zeros(size)
        kernel[: len(lags)] = errors.correlation[:, region]
        kernel[size - len(lags) + 1 :] = errors.correlation[:0:-1, region]
        weight = np.zeros((len(shares), size))
        weight[:, position] = known * np.nan_to_num(sd)
        spectrum = np.fft.rfft(weight) * np.fft.rfft(kernel).real
        covariance[region] = np.fft.irfft(spectrum, size) @ weight.T
        of_functions = known @ errors.functions
        variance = errors.function_variance[:, region]
        covariance[region] += (of_functions * variance) @ of_functions.T
    return covariance


def sd_of_means(
    errors: MeanErrors, time: NDArray[np.datetime64], shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute standard errors of means over epochs.

    Args:
      errors: As of `covariance_of_means`.
      time: Likewise.
      shares: Likewise.

    Returns:
      Standard errors [mm], shape (mean, region); zero for a mean of no epochs.
    """
    if len(errors.lag_days) > 1 or errors.functions.shape[1]:
        covariance = covariance_of_means(errors, time, shares)
        return np.sqrt(np.diagonal(covariance, axis1=1, axis2=2).T)
    known = np.isfinite(errors.rest_sd)
    variance = np.where(known, errors.rest_sd, 0) ** 2 * errors.correlation[0]
    total = shares @ known
    return np.sqrt(shares**2 @ variance) / np.where(total > 0, total, 1)


def independent_means(sd: NDArray[np.float64]) -> MeanErrors:
    """State that errors of different epochs have nothing to do with each other.

    Args:
      sd: Standard errors of regional means [mm], shape (epoch, region).

    Returns:
      The `MeanErrors`.
    """
    none = np.zeros((len(sd), 0))
    one = np.ones((1, sd.shape[1]))
    return MeanErrors(np.zeros(1), one, sd, none, np.zeros((0, sd.shape[1])))


def error_model(means: MeanErrors) -> dict[str, Any]:
    """Label how errors of regional means go together in time.

    Args:
      means: The same.

    Returns:
      `twsa_error_correlation` (lag, region), `twsa_rest_sd` (time, region) and
      `twsa_function_sd` (function, region), with the values of the functions of time,
      `error_function` (time, function), and their names.
    """
    meaning = "correlation of errors beside those of offset, trend and seasons"
    of_lag = {"units": "1", "long_name": meaning, "lag_step_days": means.lag_days[1]}
    rest = {"units": "mm", "long_name": "standard error beside them"}
    of_functions = {"units": "mm", "long_name": "standard error of their amplitudes"}
    values = {
        "units": "1",
        "long_name": "offset, trend and seasons",
        "comment": "the trend in years; its standard error is in mm a year",
    }
    sd = np.sqrt(means.function_variance)
    names = {"function": ("function", list(FUNCTIONS[: len(sd)]))}
    return names | {
        "twsa_error_correlation": (("lag", "region"), means.correlation, of_lag),
        "twsa_rest_sd": (("time", "region"), means.rest_sd, rest),
        "twsa_function_sd": (("function", "region"), sd, of_functions),
        "error_function": (("time", "function"), means.functions, values),
    }


def read_error_model(regions: xr.Dataset) -> MeanErrors | None:
    """Take the errors of `error_model` from a dataset.

    Args:
      regions: From `with_errors`.

    Returns:
      How errors of regional means go together in time; None where it does not say.
    """
    if "twsa_error_correlation" not in regions:
        return None
    correlation = regions.twsa_error_correlation
    step = float(correlation.attrs["lag_step_days"])
    lags = step * np.arange(len(correlation), dtype=np.float64)
    return MeanErrors(
        lags,
        correlation.values,
        regions.twsa_rest_sd.values,
        regions.error_function.values,
        regions.twsa_function_sd.values**2,
    )
