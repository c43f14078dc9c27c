"""How far from the ends of a record its estimates are those amid it.

The mean over a region is taken as a signal that is observed with noise: that of the
spectrum with which all stations together leave the error that they leave.
"""

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from jaxload.inversion.spectral.error_spectra import ErrorSpectrum, mean_variance

__all__ = ["error_growth", "fixed_lag", "lead_in"]

Floats = NDArray[np.float64]

#: Epochs of the record whose ends are looked at, and by how much variances are taken
#: apart at least, relative to the larger.
LONGEST, APART = 800, 1e-9

#: By how much later epochs lower a standard error behind the lag: less than 1%, as the
#: growth may be too small by a tenth of itself and more; and how much of it earlier
#: ones still change behind the lead-in.
LAG_LOSS, LEAD_CHANGE = 0.006, 0.03


def error_growth(prior: ErrorSpectrum, error: ErrorSpectrum) -> Floats:
    """Compute by how much standard errors grow towards the ends of a record.

    With the spectra s of the load and e of its error amid a long record, all stations
    together are as one that observes it with noise of the spectrum 1/(1/e - 1/s). Its
    record with ends is small and solved as it is, with all covariances.

    Not for: networks whose stations come and go near the end; spectra that differ so
    much in shape among stations that another mean of them is best near the end.

    Args:
      prior: Spectrum of functionals of the load, from `prior_spectrum`.
      error: That of their errors, from `error_spectrum`.

    Returns:
      Standard error of an epoch relative to one amid the record, at 0, 1, ... epochs
      from its end, to the middle, shape (epoch, functional); 1 or more.

    Source:
      Fixed-lag smoothing: Anderson & Moore (1979), Optimal Filtering, section 7.3; the
      conditional variance as Rasmussen & Williams (2006), eq. 2.24.
    """
    epochs = min(LONGEST, error.bands.samples)
    of_load, of_error = np.asarray(prior.density), np.asarray(error.density)
    of_error = np.clip(of_error, APART * of_load, (1 - APART) * of_load)
    noise = ErrorSpectrum(1 / (1 / of_error - 1 / of_load), error.bands)  # pyright: ignore[reportArgumentType]
    lags = list(range(epochs))
    signals, noises = (mean_variance(x, 1, lags).T for x in (prior, noise))
    growth = [_growth(one, other) for one, other in zip(signals, noises)]
    return np.stack(growth, axis=1)


def _growth(signal: Floats, noise: Floats) -> Floats:
    """Standard errors from the end to the middle, by the covariances of all epochs."""
    load = scipy.linalg.toeplitz(signal)
    factor = scipy.linalg.cho_factor(load + scipy.linalg.toeplitz(noise))
    known = np.einsum("ij,ij->j", load, scipy.linalg.cho_solve(factor, load))
    half = (len(signal) + 1) // 2
    variance = (signal[0] - known)[:half]
    return np.sqrt(np.maximum(variance / variance[-1], 1))


def fixed_lag(growth: Floats) -> int:
    """Find behind how many epochs later ones lower standard errors by less than 1%.

    Args:
      growth: From `error_growth`.

    Returns:
      The lag: epochs that many before the last one, and more, are as amid the record;
      half the record where there are none.
    """
    return _after(growth > 1 + LAG_LOSS)


def lead_in(growth: Floats) -> int:
    """Find after how many epochs earlier ones change estimates by 3% of their error.

    What is not used changes an estimate by the root of what it adds to the variance.

    Args:
      growth: From `error_growth`.

    Returns:
      Epochs; half the record where it is longer.
    """
    return _after(growth**2 - 1 > LEAD_CHANGE**2)


def _after(far: NDArray[np.bool_]) -> int:
    """The epoch behind the last that is so."""
    return int(np.flatnonzero(far.any(axis=1)).max(initial=-1)) + 1
