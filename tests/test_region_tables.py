"""Tables of regions: months by their dates, columns by name, units as stated."""

import numpy as np
import pytest

from jaxload import io


def table(tmp_path, text, **options):
    path = tmp_path / "water.csv"
    path.write_text(text)
    return io.read_region_table(path, **options)


@pytest.mark.parametrize(
    "text",
    [
        "date,NORTH,SOUTH\n2010-01-15,1,4\n2010-02-15,2,\n2010-04-15,3,6\n",
        ",NORTH,SOUTH\n2010-01-31,1,4\n2010-02-28,2,NA\n2010-04-30,3,6\n",
        "Year;Month;NORTH;SOUTH\n2010;1;1;4\n2010;2;2;nan\n2010;4;3;6\n",
        "NORTH\tSOUTH\tDate\n2\t\t2010-02\n1\t4\t2010-01\n3\t6\t2010-04\n",
        "date,basin,NORTH,SOUTH\n2010-01,A,1,4\n2010-02,A,2,NaN\n2010-04,A,3,6\n",
    ],
)
def test_a_value_belongs_to_the_month_of_its_date(text, tmp_path):
    water = table(tmp_path, text)
    assert water.columns == ("NORTH", "SOUTH")
    months = np.array(["2010-01", "2010-02", "2010-04"], "M8[M]")
    np.testing.assert_array_equal(water.month, months)
    np.testing.assert_array_equal(water.values, [[1, 4], [2, np.nan], [3, 6]])


def test_dates_of_two_meanings_are_read_as_the_study_says(tmp_path):
    text = "date,NORTH\n4/1/2002,1\n5/1/2002,2\n"
    with pytest.raises(ValueError, match=r"line 2: '4/1/2002' .* by time_format"):
        table(tmp_path, text)
    water = table(tmp_path, text, time_format="%m/%d/%Y")
    assert water.month[1] == np.datetime64("2002-05")
    one = table(tmp_path, "date,NORTH\n4/30/2002,1\n5/31/2002,2\n")
    assert one.month[1] == np.datetime64("2002-05")


def test_what_is_no_table_of_months_is_refused(tmp_path):
    with pytest.raises(ValueError, match="several rows of 2010-01; give one value"):
        table(tmp_path, "date,NORTH\n2010-01-01,1\n2010-01-02,2\n")
    with pytest.raises(ValueError, match="no column of dates; it has 'NORTH, SOUTH'"):
        table(tmp_path, "NORTH,SOUTH\n1,2\n")
    with pytest.raises(ValueError, match="no column 'when'"):
        table(tmp_path, "date,NORTH\n2010-01-01,1\n", time="when")
    with pytest.raises(ValueError, match=r"line 2.*one"):
        table(tmp_path, "date,NORTH\n2010-01-01,one1\n2010-02-01,2\n")
    with pytest.raises(ValueError, match="holds no data"):
        table(tmp_path, "date,NORTH\n")


@pytest.mark.parametrize(
    ("units", "flux", "factor", "is_volume", "per_day"),
    [
        ("mm/month", True, 1, False, 0),
        ("mm month-1", True, 1, False, 0),
        ("cm/month", True, 10, False, 0),
        ("kg m-2 d-1", True, 1, False, 1),
        ("mm/day", True, 1, False, 1),
        ("m per year", True, 1000, False, 365.2425),
        ("km3/month", True, 1, True, 0),
        ("1e6 m3/day", True, 1e-3, True, 1),
        ("mm", False, 1, False, 0),
        ("km3", False, 1, True, 0),
        ("kg m-2", False, 1, False, 0),
    ],
)
def test_units_of_water_are_depths_or_volumes(units, flux, factor, is_volume, per_day):
    known = io.water_units(units, flux, "P.csv")
    assert known.factor == pytest.approx(factor)
    assert known.is_volume == is_volume
    assert known.per_day == per_day


@pytest.mark.parametrize(
    ("units", "flux", "message"),
    [
        ("", True, 'P.csv states no units; state them by units, as "mm/month"'),
        ("mm", True, "does not say in which time the water passes"),
        ("K/day", True, "is no flux of water"),
        ("mm/day", False, "is no storage of water"),
        ("", False, 'state them by units, as "mm" or "km3"'),
    ],
)
def test_units_that_do_not_say_enough_are_asked_for(units, flux, message):
    with pytest.raises(ValueError, match=message):
        io.water_units(units, flux, "P.csv")
