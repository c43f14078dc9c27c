import pathlib
import time

import numpy as np
import pytest

from jaxload.io.text.day_formats import days_as_written, days_of_fields


def read(*texts):
    days = days_as_written(pathlib.Path("f.txt"), range(7, 7 + len(texts)), texts)
    return days.astype(str).tolist()


@pytest.mark.parametrize(
    "text",
    [
        *("2010-01-31", "2010/1/31", "2010.01.31", "20100131", "2010jan31:06"),
        *("10JAN31", "31-Jan-2010", "31 January 2010", "2010-031", "2010031"),
        *("2010.0833", "55227", "55227.75", "2010-01-31 08:00:00", '"2010-01-31"'),
        *("2010-01-31T23:59:59.5Z", "2010.01.31-18:00:00", "2010/1/31 11:30 PM"),
        "2010\u5e741\u670831\u65e5",
    ],
)
def test_a_day_is_known_however_it_is_written(text):
    assert read(text) == ["2010-01-31"]


def test_a_month_alone_is_its_middle():
    assert read("1974-05-16", "1974-07") == ["1974-05-16", "1974-07-15"]


def test_numbers_are_decimal_years_or_julian_dates_by_all_of_them():
    assert read("2010.0014", "2011.0014", "2012.5") == [
        *("2010-01-01", "2011-01-01", "2012-07-02")
    ]
    assert read("51544.0", "55197.125") == ["2000-01-01", "2010-01-01"]


@pytest.mark.parametrize(
    "text",
    [
        # One day here and another there.
        *("01/02/2010", "1.2.2010", "01-02-2010"),
        # No such day, no day at all, a year alone.
        *("2010-02-30", "20100230", "31-Feb-2010", "2010-13", "2010-366", "2010"),
        *("", "nan", "inf", "x", "1e5", "2010-01-31 noon", "\u0662\u0660\u0661\u0660"),
    ],
)
def test_what_is_no_day_or_one_of_two_is_refused_with_its_line(text):
    with pytest.raises(ValueError, match=r"f\.txt line 8: .* is not a day that is"):
        read("2010-01-31", text)


def test_days_are_made_of_several_columns():
    numbers = lambda *values: np.array(values, dtype=float)
    day = days_of_fields({"year": numbers(2010, 2012), "doy": numbers(31.0, 366.75)})
    assert day.astype(str).tolist() == ["2010-01-31", "2012-12-31"]
    fields = dict(
        zip(("year", "month", "day"), (numbers(2010), numbers(1), numbers(31)))
    )
    assert days_of_fields(fields).astype(str).tolist() == ["2010-01-31"]
    assert np.isnat(days_of_fields({**fields, "day": numbers(32)})).all()


@pytest.mark.parametrize(
    "write",
    [
        "{0.year}-{0.month:02d}-{0.day:02d}".format,
        "{0:%Y-%j}".format,
        "{0:%d-%b-%Y}".format,
        "{0:%y%b%d}".format,
    ],
)
def test_every_day_of_two_decades_is_read_in_a_moment(write):
    days = np.arange("1999-01-01", "2019-01-01", dtype="M8[D]")
    texts = [write(day) for day in days.tolist()]
    before = time.process_time()
    read = days_as_written(pathlib.Path("f.txt"), range(len(texts)), texts)
    # One at a time by NumPy, they took a second.
    assert time.process_time() - before < 0.5
    np.testing.assert_array_equal(read, days)


@pytest.mark.parametrize("text", ["2010-366", "2010-000", "0999-01-01", "2011-02-29"])
def test_a_day_that_is_none_is_not_moved_to_one(text):
    with pytest.raises(ValueError, match=r"f\.txt line 7"):
        read(text)
