"""Means and seasons against plain NumPy."""

import numpy as np
import pytest

from jaxload import series

TIME = np.arange("2010-01-15", "2013-06-03", dtype="datetime64[D]")


def test_monthly_means_are_the_means_of_the_months(rng):
    values = rng.normal(size=(len(TIME), 2))
    values[40:80, 0] = np.nan
    months = np.arange("2009-12", "2013-08", dtype="datetime64[M]")
    got = series.period_mean(
        values, TIME, months.astype("M8[D]"), (months + 1).astype("M8[D]"), least=10
    )
    for month, mean in zip(months, got):
        inside = values[TIME.astype("datetime64[M]") == month]
        for column in range(2):
            seen = inside[:, column][np.isfinite(inside[:, column])]
            want = seen.mean() if len(seen) >= 10 else np.nan
            np.testing.assert_allclose(mean[column], want, rtol=1e-12)


def test_unsorted_time_is_refused():
    with pytest.raises(ValueError, match="ascend"):
        series.period_mean(np.zeros((3, 1)), TIME[[1, 0, 2]], TIME[:1], TIME[1:2])


def test_the_annual_amplitude_is_found_beside_trend_and_noise_free_terms():
    years = (TIME - TIME[0]) / np.timedelta64(1, "D") / 365.2425
    values = 3 + 5 * years + 7 * np.cos(2 * np.pi * years + 1)
    values += 2 * np.sin(4 * np.pi * years)
    columns = np.stack([values, 2 * values], axis=1)
    columns[10:90] = np.nan
    np.testing.assert_allclose(series.annual_amplitude(columns, TIME), [7, 14])
