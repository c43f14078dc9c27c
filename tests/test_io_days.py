"""Every row of a series falls on its own day, or one sentence says why it does not."""

import numpy as np
import pytest

from jaxload import io
from jaxload.io.text.decimal_years import YEAR_FORMATS, days_of_decimals

DAY = np.arange("1999-01-01", "2025-01-01", dtype="M8[D]")


def parts(day):
    year = day.astype("M8[Y]")
    length = (year + np.timedelta64(1, "Y")).astype("M8[D]") - year.astype("M8[D]")
    number = (day - year.astype("M8[D]")).astype(float)
    return 1970.0 + year.astype(int), number, length.astype(float)


def julian(day, hour=0.0):
    return 2000 + ((day - np.datetime64("2000-01-01")).astype(float) + hour) / 365.25


def cut(values, places):
    return np.floor(values * 10.0**places) / 10.0**places


@pytest.mark.parametrize("places", [3, 4, 5, 8])
@pytest.mark.parametrize("rounding", [np.round, cut])
def test_decimal_years_of_the_usual_conventions_are_recognised(places, rounding):
    year, number, length = parts(DAY)
    for decimal in (
        year + number / length,
        year + (number + 0.5) / length,
        julian(DAY),
    ):
        np.testing.assert_array_equal(days_of_decimals(rounding(decimal, places)), DAY)


@pytest.mark.parametrize("name", YEAR_FORMATS[3:-1])
def test_years_of_a_fixed_length_are_asked_back_about_and_read_as_stated(name):
    first, _, length = name.partition("/")
    begin = {"doy": 1.0, "(doy-0.5)": 0.5, "(doy-1)": 0.0}[first]
    day = DAY[:-1]  # Of 31 December alone nothing shows whether it is 1 January.
    year, number, _ = parts(day)
    decimal = year + (number + begin) / float(length)
    for places in (4, 6):
        rounded = np.round(decimal, places)
        with pytest.raises(ValueError, match="not of the calendar; they may be") as hit:
            days_of_decimals(rounded)
        assert f'"{name}"' in str(hit.value)
        np.testing.assert_array_equal(days_of_decimals(rounded, name), day)


def test_noons_of_years_of_365_days_and_a_quarter_may_be_of_two_days():
    decimal = np.round(julian(DAY, 0.5), 6)
    with pytest.raises(ValueError, match=r"12 hours past .*julian_year_midnight"):
        days_of_decimals(decimal)
    np.testing.assert_array_equal(
        days_of_decimals(decimal, "julian_year_midnight"), DAY
    )
    np.testing.assert_array_equal(days_of_decimals(decimal, "julian_year"), DAY + 1)


def test_a_few_rows_with_hours_of_their_own_stay_on_their_days():
    year, number, length = parts(DAY)
    hour = np.where(np.arange(len(DAY)) % 9 == 0, 0.8, 0.5)
    np.testing.assert_array_equal(
        days_of_decimals(year + (number + hour) / length), DAY
    )


@pytest.fixture
def write(tmp_path):
    (tmp_path / "sites.txt").write_text("ABCD 10.0 50.0 100.0\n")

    def write(content, name="abcd.txt"):
        (tmp_path / name).write_text(content)
        return tmp_path / name

    return write


def seen(gnss):
    """The days with a height, and the heights."""
    up = gnss.up[:, 0].dropna("time")
    return up.time.values.astype("M8[D]").astype(str).tolist(), up.values.tolist()


def test_a_neu_file_of_365_days_and_a_quarter_is_read_by_noons_of_2000(write):
    day = np.arange("2010-01-01", "2014-01-01", dtype="M8[D]")
    rows = [f"{y:.4f} 0.001 0 0.002 .001 .001 .003\n" for y in julian(day)]
    gnss = io.read_gnss(write("# offset 2011.4 7\n" + "".join(rows), "abcd.neu"))
    np.testing.assert_array_equal(gnss.time.values.astype("M8[D]"), day)


def test_a_study_may_say_of_which_kind_decimal_years_are(write):
    day = np.arange("2011-12-20", "2012-03-01", dtype="M8[D]")
    year, number, _ = parts(day)
    decimal = year + (number + 1) / 365.25
    path = write("".join(f"{y:.5f} 1 2 3 1 1 3 ABCD\n" for y in decimal))
    with pytest.raises(ValueError, match=r'"doy/365\.25" or .*: set time_format'):
        io.read_gnss(path)
    gnss = io.read_gnss(path, reading=io.Reading(time_format="doy/365.25"))
    np.testing.assert_array_equal(gnss.time.values.astype("M8[D]"), day)


DESCRIBED = "# unit: mm\n# column_names: {}\n# index_cols: {}\n# index_formats: {}\n"


@pytest.mark.parametrize(
    ("names", "index", "formats", "row"),
    [
        ("year doy", "year doy", "%Y %j", "2012 {doy}"),
        ("year doy", "year doy", "%Y %j", "2012 {doy}.500000"),
        ("doy year", "year doy", "%Y %j", "{doy} 2012"),
        ("year month day", "year month day", "%Y %m %d", "2012 {month} {day}"),
        ("ymd hms", "ymd hms", "%Y%m%d %H%M%S", "2012{month:02d}{day:02d} 120000"),
        ("hms date", "hms date", "%H:%M:%S %d.%m.%Y", "12:00:00 {day}.{month}.2012"),
        ("date", "date", "%Y-%m-%d", "2012-{month:02d}-{day:02d}"),
    ],
)
def test_time_in_several_columns_gives_every_row_its_day(
    write, names, index, formats, row
):
    days = np.arange("2012-02-27", "2012-03-02", dtype="M8[D]")
    lines = [
        row.format(doy=58 + i, month=t.month, day=t.day) + f" {i}.5 2\n"
        for i, t in enumerate(days.tolist())
    ]
    head = DESCRIBED.format(f"{names} up up_sigma", index, formats)
    gnss = io.read_gnss(write(head + "".join(lines), "abcd.dat"))
    assert seen(gnss) == (days.astype(str).tolist(), [0.5, 1.5, 2.5, 3.5])


def test_hourly_rows_are_averaged_only_where_that_is_stated(write):
    rows = [
        f"2012-03-0{d}T{h:02d}:00:00,{h + 100 * d},2\n"
        for d in (1, 2)
        for h in range(24)
    ]
    path = write("time,up (mm),sigma (mm)\n" + "".join(rows), "abcd.csv")
    with pytest.raises(ValueError, match='about 24 rows a day; set same_day = "mean"'):
        io.read_gnss(path)
    gnss = io.read_gnss(path, reading=io.Reading(same_day="mean"))
    assert seen(gnss) == (["2012-03-01", "2012-03-02"], [111.5, 211.5])
    np.testing.assert_array_equal(gnss.up_sigma[:, 0], [2, 2])


def test_weekly_rows_keep_their_days(write):
    gnss = io.read_gnss(write("20120101 1 2\n20120108 2 2\n20120115 3 2\n", "abcd.up"))
    assert seen(gnss) == (["2012-01-01", "2012-01-08", "2012-01-15"], [1, 2, 3])


@pytest.mark.parametrize(
    ("rows", "days"),
    [
        (["13/02/2012", "01/03/2012"], ["2012-02-13", "2012-03-01"]),
        (["02/13/2012", "03/01/2012"], ["2012-02-13", "2012-03-01"]),
        (["2012:044:43200", "2012:061:43200"], ["2012-02-13", "2012-03-01"]),
        (["55970.5", "55987.5"], ["2012-02-13", "2012-03-01"]),
        (["2455971.0", "2455988.0"], ["2012-02-13", "2012-03-01"]),
        (["1329134400", "1330603200"], ["2012-02-13", "2012-03-01"]),
        (["12FEB13", "12MAR01"], ["2012-02-13", "2012-03-01"]),
        (["2012-2-13 12:00", "2012-3-1 12:00"], ["2012-02-13", "2012-03-01"]),
    ],
)
def test_a_way_of_writing_days_is_recognised_by_its_words(write, rows, days):
    content = "time,up,err\n" + "".join(f"{day},1.0,2.0\n" for day in rows)
    gnss = io.read_gnss(write(content, "abcd.csv"), reading=io.Reading(units="mm"))
    assert seen(gnss) == (days, [1, 1])


def test_a_day_that_may_be_a_month_is_asked_back_about(write):
    path = write("time,up,err\n01/02/2012,1,2\n02/02/2012,1,2\n", "abcd.csv")
    with pytest.raises(ValueError, match="line 2: '01/02/2012' is not a day in a way"):
        io.read_gnss(path, reading=io.Reading(units="mm"))
    reading = io.Reading(units="mm", time_format="%d/%m/%Y")
    assert seen(io.read_gnss(path, reading=reading))[0] == ["2012-02-01", "2012-02-02"]


def test_decimal_years_that_are_not_as_stated_are_refused():
    year, number, length = parts(DAY)
    with pytest.raises(ValueError, match=r'not of time_format "doy/365\.25"'):
        days_of_decimals(year + (number + 0.5) / length, "doy/365.25")


def daily(first, count):
    days = np.datetime64(first) + np.arange(count)
    return "".join(f"{str(d).replace('-', '')} 1 2\n" for d in days)


def test_one_row_of_another_century_does_not_stretch_the_axis(write, caplog):
    content = daily("2012-01-01", 90) + "20990101 5 2\n19800106 5 2\n"
    gnss = io.read_gnss(write(content, "abcd.up"))
    assert gnss.sizes["time"] == 90
    assert "left out 2 rows of 1 stations (ABCD) dated 1980-01-06, 2099" in caplog.text
    assert "from 2012-01-01 to 2012-03-30" in caplog.text
    path = write(content, "abcd.up")
    within = io.read_gnss(path, start="2012-01-01", end="2099-12-31")
    assert str(within.time.values[-1])[:10] == "2099-01-01"


def test_a_campaign_years_before_a_long_record_is_kept_if_it_is_no_slip(write, caplog):
    content = daily("2000-01-01", 30) + daily("2012-01-01", 90)
    gnss = io.read_gnss(write(content, "abcd.up"))
    assert str(gnss.time.values[0])[:10] == "2000-01-01"
    assert "far from" not in caplog.text
