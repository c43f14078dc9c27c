"""Temperature of stations, read from grids and tables."""

import numpy as np
import pytest
import xarray as xr

from jaxload import config
from jaxload.pipeline.prepare.temperature import read_temperature

pytest.importorskip("netCDF4")

MONTHS = np.arange("2014-12", "2016-02", dtype="M8[M]")
DAYS = np.arange("2015-01-01", "2016-01-01", dtype="M8[D]")
NAMES = ("AAAA", "BBBB")


@pytest.fixture
def gnss():
    """Heights of a year, of the second station from July."""
    up = np.zeros((len(DAYS), 2))
    up[:181, 1] = np.nan
    coords = {
        "time": DAYS.astype("M8[ns]"),
        "station": list(NAMES),
        "lon": ("station", [10.0, 11.0]),
        "lat": ("station", [45.0, 46.0]),
    }
    return xr.Dataset({"up": (("time", "station"), up)}, coords)


@pytest.fixture
def monthly(rng):
    """Means of months [degC], shape (month, station)."""
    season = -10 * np.cos(2 * np.pi * (np.arange(len(MONTHS)) + 11) / 12)
    return 12 + season[:, None] + rng.normal(size=(len(MONTHS), 1)) * [1, 1]


def write_table(path, values, names=NAMES):
    lines = [",".join(["date", *names])]
    rows = (",".join("" if np.isnan(x) else f"{x:.9f}" for x in row) for row in values)
    lines += [f"{month}-15,{row}" for month, row in zip(MONTHS, rows)]
    path.write_text("\n".join(lines))


def temperature_of(folder, name, gnss, **settings):
    study = config.Study(
        gnss=config.Gnss(files="*.up"),
        region=config.Region(boundary="region.txt", spacing=1.0),
        inversion=config.Inversion(
            thermoelastic=config.Thermoelastic(name, **settings)
        ),
        folder=str(folder),
    )
    found = read_temperature(study, gnss)
    assert found is not None
    return found


def test_a_table_gives_what_a_grid_of_its_months_gives(gnss, monthly, tmp_path):
    write_table(tmp_path / "t.csv", monthly)
    lat, lon = np.arange(40.0, 52.0), np.arange(5.0, 17.0)
    values = np.broadcast_to(monthly[:, :1, None], (len(MONTHS), len(lat), len(lon)))
    grid = xr.Dataset(
        {"tas": (("time", "lat", "lon"), values, {"units": "degC"})},
        {"time": MONTHS.astype("M8[ns]"), "lat": lat, "lon": lon},
    )
    grid.to_netcdf(tmp_path / "t.nc")
    table = temperature_of(tmp_path, "t.csv", gnss)
    of_grid = temperature_of(tmp_path, "t.nc", gnss, stamp="start", span="month")
    np.testing.assert_allclose(table.values, of_grid.values, atol=1e-5)
    seen = gnss.up.notnull().values
    mean = np.mean(table.values, axis=0, where=seen)
    np.testing.assert_allclose(mean, 0, atol=1e-12)


def test_tables_are_converted_from_the_units_that_are_stated(gnss, monthly, tmp_path):
    write_table(tmp_path / "c.csv", monthly)
    write_table(tmp_path / "f.csv", 32 + 1.8 * monthly)
    expected = temperature_of(tmp_path, "c.csv", gnss)
    found = temperature_of(tmp_path, "f.csv", gnss, units="degF")
    np.testing.assert_allclose(found.values, expected.values, atol=1e-7)
    assert expected.values.std() > 5


def test_columns_are_named_as_stations_in_any_case(gnss, monthly, tmp_path):
    write_table(tmp_path / "one.csv", monthly * [1, 2])
    write_table(tmp_path / "two.csv", monthly * [1, 2], ("aaaa", " Bbbb "))
    one, two = (temperature_of(tmp_path, x, gnss) for x in ("one.csv", "two.csv"))
    np.testing.assert_array_equal(one.values, two.values)
    twice = np.column_stack([monthly, monthly[:, 0]])
    write_table(tmp_path / "three.csv", twice, ("aaaa", "BBBB", "Aaaa"))
    with pytest.raises(ValueError, match=r"several columns of AAAA .aaaa, Aaaa."):
        temperature_of(tmp_path, "three.csv", gnss)


def test_stations_follow_temperature_by_the_days_of_the_lag(gnss, tmp_path):
    days = np.arange("2014-11-01", "2016-03-01", dtype="M8[D]")
    lat, lon = np.arange(40.0, 52.0), np.arange(5.0, 17.0)
    hot = np.where(days == np.datetime64("2015-08-01"), 30.0, 0.0)
    values = np.broadcast_to(hot[:, None, None], (len(days), len(lat), len(lon)))
    grid = xr.Dataset(
        {"tas": (("time", "lat", "lon"), values, {"units": "degC"})},
        {"time": days.astype("M8[ns]"), "lat": lat, "lon": lon},
    )
    grid.to_netcdf(tmp_path / "t.nc")
    given = {"stamp": "start", "span": "day"}
    found = temperature_of(tmp_path, "t.nc", gnss, lag_days=10.0, **given)
    hottest = DAYS[np.argmax(found.values, axis=0)]
    assert (hottest == np.datetime64("2015-08-11")).all()


def test_temperature_may_begin_with_the_heights_of_a_station(gnss, monthly, tmp_path):
    late = monthly.copy()
    late[np.datetime64("2015-06") > MONTHS, 1] = np.nan
    write_table(tmp_path / "late.csv", late)
    write_table(tmp_path / "whole.csv", monthly)
    found, whole = (
        temperature_of(tmp_path, x, gnss) for x in ("late.csv", "whole.csv")
    )
    np.testing.assert_allclose(found.values[:, 0], whole.values[:, 0])
    # The curve through the months ends with them.
    middle = np.datetime64("2015-10-01") < DAYS
    change = found.values[middle, 1] - whole.values[middle, 1]
    np.testing.assert_allclose(change, change.mean(), atol=0.3)
    assert (found.values[~found.known] == 0).all()
    assert not found.known[:140, 1].any()
    assert found.known[:, 0].all()


def test_stations_whose_heights_lack_temperature_are_named(gnss, monthly, tmp_path):
    monthly[np.datetime64("2015-09") > MONTHS, 1] = np.nan
    write_table(tmp_path / "t.csv", monthly)
    with pytest.raises(
        ValueError, match=r"at \d+ of 365 epochs .*1 of 2 stations .BBBB"
    ):
        temperature_of(tmp_path, "t.csv", gnss)
