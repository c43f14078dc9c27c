"""Trend and seasons of many series, with standard errors."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxload.series.fitting.seasons import DAYS_PER_YEAR, decimal_years, seasonal_basis

__all__ = ["SeasonalFit", "fit_seasons"]

Floats = NDArray[np.float64]

#: Years from which a trend and a season are told apart.
SHORTEST = 1.5

#: Least eigenvalue of the normal matrix beside its largest, for terms to be determined.
DETERMINED = 1e-9


@dataclasses.dataclass(frozen=True, eq=False)
class SeasonalFit:
    """Trend and seasons of series, each of shape (column,); NaN if not determined.

    Attributes:
      mean: Value in the middle of the record, without seasons [as the series].
      trend: Rate [series a year].
      annual_amplitude: Amplitude of the annual term [as the series].
      annual_phase: When it is largest [days after the first of January].
      semiannual_amplitude: Amplitude of the semi-annual term [as the series].
      semiannual_phase: When it is first largest [days after the first of January].
      mean_sd: Standard error of `mean`.
      trend_sd: That of `trend`.
      annual_amplitude_sd: That of `annual_amplitude`.
      annual_phase_sd: That of `annual_phase`.
      semiannual_amplitude_sd: That of `semiannual_amplitude`.
      semiannual_phase_sd: That of `semiannual_phase`.
    """

    mean: Floats
    trend: Floats
    annual_amplitude: Floats
    annual_phase: Floats
    semiannual_amplitude: Floats
    semiannual_phase: Floats
    mean_sd: Floats
    trend_sd: Floats
    annual_amplitude_sd: Floats
    annual_phase_sd: Floats
    semiannual_amplitude_sd: Floats
    semiannual_phase_sd: Floats


def fit_seasons(values: ArrayLike, time: NDArray[np.datetime64]) -> SeasonalFit:
    """Fit offset, trend, annual and semi-annual terms to series with gaps.

    Standard errors are those of least squares by the residuals and their memory: the
    variance of the terms is multiplied by ``1 + 2 sum(rho_k)``, the sum of the
    autocorrelation of the residuals up to its first value that is not positive.

    Not for: errors that last longer than the record, or that all epochs share; no
    residual shows them.

    Args:
      values: Series, shape (epoch, column); NaN if missing.
      time: Epochs, ascending, shape (epoch,).

    Returns:
      The `SeasonalFit`; all is NaN for less than a year and a half.

    Raises:
      ValueError: If shapes disagree.

    Source:
      Bayley and Hammersley (1946), The "effective" number of independent observations
      in an autocorrelated time series, doi:10.2307/2983560; cut as by Geyer (1992),
      Practical Markov chain Monte Carlo, doi:10.1214/ss/1177011137.
    """
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or values.shape[:1] != np.shape(time):
        raise ValueError(
            f"values have shape {values.shape} and time {np.shape(time)}, expected "
            "(epoch, column) and (epoch,); is values transposed?"
        )
    basis, known = seasonal_basis(time), np.isfinite(values)
    filled = np.where(known, values, 0.0)
    inverse = _inverse_normal(basis, known, decimal_years(time))
    terms = np.einsum("cij,cj->ci", inverse, (basis.T @ filled).T)
    left = np.where(known, filled - basis @ np.nan_to_num(terms).T, 0.0)
    freedom = known.sum(axis=0) - basis.shape[1]
    variance = (left**2).sum(axis=0) / np.where(freedom > 0, freedom, np.nan)
    variance = variance * _memory(left, known, time)
    covariance = inverse * variance[:, None, None]
    annual = _wave(terms[:, 2:4], covariance[:, 2:4, 2:4], DAYS_PER_YEAR)
    twice = _wave(terms[:, 4:6], covariance[:, 4:6, 4:6], DAYS_PER_YEAR / 2)
    sd = np.sqrt(covariance[:, [0, 1], [0, 1]])
    return SeasonalFit(
        *(terms[:, 0], terms[:, 1], *annual[:2], *twice[:2]),
        *(sd[:, 0], sd[:, 1], *annual[2:], *twice[2:]),
    )


def _inverse_normal(basis: Floats, known: NDArray[np.bool_], years: Floats) -> Floats:
    """Inverse normal matrices of columns, shape (column, 6, 6); NaN if singular."""
    terms = basis.shape[1]
    square = (basis[:, :, None] * basis[:, None, :]).reshape(len(basis), -1)
    patterns, which = np.unique(known, axis=1, return_inverse=True)
    normal = (square.T @ patterns).T.reshape(-1, terms, terms)
    eigenvalues = np.linalg.eigvalsh(normal)
    good = eigenvalues[:, 0] > DETERMINED * np.maximum(eigenvalues[:, -1], 1e-300)
    for number, pattern in enumerate(patterns.T):
        seen = years[pattern]
        good[number] &= len(seen) > terms and np.ptp(seen) > SHORTEST * 0.99
    inverse = np.full(normal.shape, np.nan)
    inverse[good] = np.linalg.inv(normal[good])
    return inverse[which.reshape(-1)]


def _memory(
    left: Floats, known: NDArray[np.bool_], time: NDArray[np.datetime64]
) -> Floats:
    """Factor of the variance by the memory of residuals, shape (column,)."""
    if len(left) < 2:
        return np.ones(left.shape[1])
    steps = np.diff(time).astype("m8[s]").astype(np.float64)
    place = np.concatenate([[0], np.cumsum(np.rint(steps / np.median(steps)))])
    place = place.astype(np.int64)
    size = 2 * (place[-1] + 1)
    lags = np.arange(size // 2)

    def products(part: Floats) -> Floats:
        line = np.zeros((size, part.shape[1]))
        line[place] = part
        power = np.abs(np.fft.rfft(line, axis=0)) ** 2
        return np.fft.irfft(power, size, axis=0)[lags]

    pairs = np.rint(products(known.astype(np.float64)))
    covariance = products(left) / np.where(pairs > 0, pairs, np.nan)
    first = np.where(covariance[0] > 0, covariance[0], np.nan)
    rho = np.nan_to_num(covariance / first)
    positive = np.cumprod(rho > 0, axis=0)
    return np.maximum(2 * (rho * positive).sum(axis=0) - 1, 1.0)


def _wave(
    terms: Floats, covariance: Floats, period: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Amplitude and phase [days] of cosine and sine terms, and standard errors."""
    cosine, sine = terms.T
    size = np.hypot(cosine, sine)
    safe = np.where(size > 0, size, np.nan)
    along = np.stack([cosine, sine], axis=1) / safe[:, None]
    across = np.stack([-sine, cosine], axis=1) / safe[:, None] ** 2
    turn = period / (2 * np.pi)
    sd = [
        np.sqrt(np.maximum(np.einsum("ci,cij,cj->c", x, covariance, x), 0))
        for x in (along, across)
    ]
    phase = np.arctan2(sine, cosine) * turn % period
    return size, phase, sd[0], np.minimum(sd[1] * turn, period / 2)
