"""Monthly means of water over regions, with the covariance of their errors."""

import dataclasses
import logging

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import evaluate, io, series
from jaxload._calendar import DAY
from jaxload.pipeline.estimation.error_correlation import (
    LASTING_ERRORS,
    covariance_of_means,
    read_error_model,
)
from jaxload.pipeline.evaluate.regions import over_months
from jaxload.pipeline.inputs.time_spans import spans_of
from jaxload.pipeline.messages import listed

__all__ = [
    "MonthlyStorage",
    "monthly_storage",
    "months_of_record",
]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class MonthlyStorage:
    """Monthly water of regions.

    Attributes:
      months: The calendar months of the record, without a gap.
      regions: Names.
      mean: Means [mm], shape (month, region); NaN of months with fewer than ten days.
      covariance: Of their errors [mm2], shape (region, month, month); None where there
        are no standard errors.
    """

    months: io.Periods
    regions: tuple[str, ...]
    mean: Floats
    covariance: Floats | None

    @property
    def calendar(self) -> NDArray[np.integer]:
        """Calendar months, 1 to 12, shape (month,)."""
        return self.months.start.astype("M8[M]").astype(int) % 12 + 1

    @property
    def sd(self) -> Floats:
        """Standard errors [mm], shape (month, region); NaN where there are none."""
        if self.covariance is None:
            return np.full(self.mean.shape, np.nan)
        variance = np.diagonal(self.covariance, axis1=1, axis2=2).T
        return np.where(np.isfinite(self.mean), np.sqrt(variance), np.nan)


def months_of_record(time: NDArray[np.datetime64]) -> io.Periods:
    """List the calendar months of a record.

    Args:
      time: Epochs, ascending, shape (epoch,).

    Returns:
      All months from the first to the last.
    """
    first, last = np.datetime_as_string(time[[0, -1]], "M")
    return io.month_periods(str(first), str(last))


def monthly_storage(regions: xr.Dataset, memory_days: float = 0.0) -> MonthlyStorage:
    """Average water of regions over months, and propagate its errors.

    Args:
      regions: With `twsa` (time, region) [mm], and `twsa_sd` where there are standard
        errors; those with the attribute `LASTING_ERRORS` give none of months.
      memory_days: Time after which the correlation of the errors of epochs is 1/e
        [days]; 0 for independent epochs. Where `regions` has the correlation of errors,
        `twsa_error_correlation` (lag, region), that takes its place.

    Returns:
      The `MonthlyStorage`.
    """
    time, values = regions.time.values, regions.twsa.values.astype(np.float64)
    months, spans = months_of_record(time), spans_of(time)
    bounds = np.stack([months.start, months.stop], axis=1)
    mean = over_months(values, spans, bounds)
    covariance = None
    if "twsa_sd" in regions and LASTING_ERRORS not in regions.twsa_sd.attrs:
        common = series.overlap_days(spans, bounds).toarray()
        days = (series.span_middles(spans) - months.start[0]) / DAY
        sd = regions.twsa_sd.values.astype(np.float64)
        errors = read_error_model(regions)
        if errors is not None:
            covariance = covariance_of_means(errors, time, common)
        else:
            covariance = np.stack(
                [
                    evaluate.mean_covariance(x, _shares(common, y), days, memory_days)
                    for x, y in zip(sd.T, values.T)
                ]
            )
    storage = MonthlyStorage(
        months, tuple(map(str, regions.region.values)), mean, covariance
    )
    _warn_of_gaps(storage)
    return storage


def _shares(common: Floats, values: Floats) -> Floats:
    """Share of each epoch in the mean of each month, shape (month, epoch)."""
    days = common * np.isfinite(values)
    total = days.sum(axis=1, keepdims=True)
    return days / np.where(total > 0, total, 1.0)


def _warn_of_gaps(storage: MonthlyStorage) -> None:
    missing = np.asarray(np.isnan(storage.mean).all(axis=1))
    if missing.any():
        names = np.datetime_as_string(storage.months.start[missing], "M").tolist()
        logger.warning(
            "%d of %d months have fewer than ten days with water and no monthly value, "
            "nor has any mean over several months that needs them: %s",
            missing.sum(),
            len(missing),
            listed(names),
        )
