"""The water balance of a region: fluxes beside storage change, and its components."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "centred_flux",
    "remaining_storage",
    "storage_change",
    "storage_change_sd",
]

Floats = NDArray[np.float64]


def storage_change(storage: ArrayLike) -> Floats:
    """Compute centred differences of monthly storage.

    Args:
      storage: Means of consecutive months [mm], shape (month, ...); NaN if missing.

    Returns:
      ``(S[m + 1] - S[m - 1]) / 2`` [mm in a month], same shape; NaN in the first and
      the last month, and beside a missing one.
    """
    storage = np.asarray(storage, np.float64)
    change = np.full(storage.shape, np.nan)
    change[1:-1] = (storage[2:] - storage[:-2]) / 2
    return change


def storage_change_sd(covariance: ArrayLike) -> Floats:
    """Compute the standard error of centred differences.

    Args:
      covariance: That of the errors of monthly storage [mm2], shape (month, month), or
        their standard errors [mm] if they are independent, shape (month,).

    Returns:
      Standard errors [mm in a month], shape (month,); NaN in the first and last month.

    Raises:
      ValueError: If the covariance is not square.
    """
    covariance = np.asarray(covariance, np.float64)
    if covariance.ndim == 1:
        variance, shared = covariance**2, np.zeros(max(len(covariance) - 2, 0))
    elif covariance.ndim == 2 and covariance.shape[0] == covariance.shape[1]:
        variance, shared = np.diag(covariance), np.diag(covariance, 2)
    else:
        raise ValueError(
            f"covariance has shape {covariance.shape}, expected a row and a column for "
            "each month"
        )
    sd = np.full(len(variance), np.nan)
    square = (variance[2:] + variance[:-2] - 2 * shared) / 4
    sd[1:-1] = np.sqrt(np.maximum(square, 0.0))
    return sd


def centred_flux(flux: ArrayLike) -> Floats:
    """Average fluxes as centred differences of monthly means of storage do.

    For fluxes that are constant within each month, half the difference of the means of
    the month after and the month before is exactly a quarter, a half and a quarter of
    the amounts of the three months.

    Args:
      flux: Amounts of consecutive months [mm], shape (month, ...); NaN if missing.

    Returns:
      The averages [mm in a month], same shape; NaN in the first and the last month,
      and beside a missing one.

    Source:
      Landerer, Dickey & Guentner (2010), doi:10.1029/2010JD014584, for fluxes averaged
      as storage changes are.
    """
    flux = np.asarray(flux, np.float64)
    smooth = np.full(flux.shape, np.nan)
    smooth[1:-1] = (flux[:-2] + 2 * flux[1:-1] + flux[2:]) / 4
    return smooth


def remaining_storage(
    total: tuple[ArrayLike, ArrayLike],
    components: tuple[tuple[ArrayLike, ArrayLike], ...],
) -> tuple[Floats, Floats]:
    """Take components out of total storage, with the errors of all of them.

    All are anomalies about their means over the months that all of them have.

    Args:
      total: Total storage and its standard error [mm], shape (month,) each.
      components: The same of each component, whose errors are independent.

    Returns:
      What is left [mm], about its own mean, and its standard error [mm]; NaN where one
      of them is missing.
    """
    values = np.stack(
        [np.asarray(part[0], np.float64) for part in (total, *components)]
    )
    errors = np.stack(
        [np.asarray(part[1], np.float64) for part in (total, *components)]
    )
    left = values[0] - values[1:].sum(axis=0)
    known = np.isfinite(left)
    if known.any():
        left = left - left[known].mean()
    sd = np.sqrt((errors**2).sum(axis=0))
    return left, np.where(known, sd, np.nan)
