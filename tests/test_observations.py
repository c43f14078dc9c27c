"""Real stations from their files to their seasons."""

import numpy as np
import pytest

from jaxload import io, series

SITES = "KMIN 102.80 25.03\nKUNM 102.80 25.03\nLUZH 105.41 28.87\nYNSM 100.75 22.74\n"
FILES = ("kmin.neu", "kunm.neu", "luzh.neu", "YNSM.dat")


@pytest.fixture(scope="module")
def southwest(data, tmp_path_factory):
    sites = tmp_path_factory.mktemp("sites") / "sites.txt"
    sites.write_text(SITES)
    folder = data / "gnss_formats" / "southwest_china"
    return io.read_gnss([folder / name for name in FILES], sites=sites)


def test_stations_of_southwest_china_are_lowest_after_the_monsoon(southwest):
    up, sigma = southwest.up.values, southwest.up_sigma.values
    years = series.decimal_years(southwest.time.values)
    cleaned = series.reject_outliers(up, years, sigma=sigma)
    fitted = series.fit_trajectory(cleaned.values, years, sigma=sigma)
    amplitude, highest = (np.asarray(x) for x in fitted.season())
    lowest = (highest + 0.5) % 1
    for name, size, when in zip(southwest.station.values, amplitude, lowest):
        print(f"{name}: annual amplitude {size:.2f} mm, lowest at {when:.2f} of a year")
    assert ((amplitude > 3) & (amplitude < 14)).all()
    # The monsoon rains from June to September; water stands highest at its end.
    assert ((lowest > 0.55) & (lowest < 0.95)).all()
    assert (np.asarray(cleaned.count) < 0.03 * np.isfinite(up).sum(axis=0)).all()
