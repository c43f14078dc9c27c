import numpy as np
import pytest

from jaxload import io

STEPS = (
    "ABCD  07JAN01  1  Antenna_Code_Changed\n"
    "WXYZ  10NOV12  2  400.0  120.3  6.1  us2010abcd\n"
    "abcd  05JUL04  1  Receiver_Type_Changed\n"
)
BREAKS = (
    "2011.37808219178 9999.99999999999 0 0\n2011.37808219178 9999.99999999999 0 1\n"
    "2012.5 9999.99999999999 1 0\n2014.50808219178 60 2 0\n2020.24590163934 90 2 1\n"
)


def days(table, *arguments, **options):
    return io.offset_days(table, *arguments, **options).astype(str).tolist()


def test_steps_are_read_and_sorted(tmp_path):
    (tmp_path / "steps.txt").write_text(STEPS)
    table = io.read_offsets(tmp_path / "steps.txt")
    assert table.station.values.tolist() == ["ABCD", "ABCD", "WXYZ"]
    assert table.kind.values.tolist() == ["equipment", "equipment", "earthquake"]
    assert table.note.values[2] == "400.0 120.3 6.1 us2010abcd"
    assert days(table, "abcd") == ["2005-07-04", "2007-01-01"]
    assert days(table, "WXYZ", kinds=("equipment",)) == []


def test_break_files_tell_steps_from_bends_and_decays(tmp_path):
    path = tmp_path / "ANAT.pos_break.neu"
    path.write_text(BREAKS)
    table = io.read_offsets(path)
    kinds = ["equipment", "earthquake", "rate", "exponential", "logarithmic"]
    assert table.kind.values.tolist() == kinds
    assert set(table.station.values) == {"ANAT"}
    np.testing.assert_array_equal(table.relaxation, [np.nan] * 3 + [60, 90])
    assert days(table, "ANAT") == ["2011-05-19"]
    assert days(table, "ANAT", kinds=("logarithmic",)) == ["2020-03-31"]


def test_a_table_of_components_and_several_files_are_one(tmp_path):
    (tmp_path / "a.csv").write_text(
        "Station, Day, Component, Kind, Relaxation\nabcd,2010-01-31,up,offset,\n"
        "abcd,2010-02-28,north,,\nabcd,2011-02-28,,logarithmic,30\n"
    )
    (tmp_path / "steps.txt").write_text(STEPS)
    one = [tmp_path / "a.csv", tmp_path / "steps.txt", tmp_path / "steps.txt"]
    table = io.read_offsets(one)
    assert table.sizes["event"] == 6
    assert days(table, "ABCD") == ["2005-07-04", "2007-01-01", "2010-01-31"]
    assert days(table, "ABCD", "north")[-1] == "2010-02-28"
    with pytest.raises(ValueError, match="component is 'vertical'"):
        io.offset_days(table, "ABCD", "vertical")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no offsets; expected steps"),
        ("ABCD 07JAN01 3 x\n", "line 1 is 'ABCD 07JAN01 3 x', expected NAME yyMMMdd"),
        ("ABCD 07JAN32 1 x\n", "line 1: '07JAN32' is not a day"),
        (BREAKS + "2012.5 9999.9 3 0\n", "line 6 is of type 3 0, expected 0 0"),
        (BREAKS + "2012.5 9999.9 0\n", "line 6 has 3 columns, expected 4: year"),
        ("{]", "is not JSON"),
        ("{" + '"a":[' * 9 + "{" * 100000, "is not JSON"),
        ('{"A": 3}', "A has no list of events"),
        ('{"A": ["20031322 up offset"]}', "A has '20031322 up offset', expected"),
        ('{"A": ["20031222 up jump"]}', "expected as '20031222 up offset', of"),
        ("site,day\nA,2010-01-01\n", "has no column station; it has site, day"),
        ("station,day\nA,2010-01-32\n", "line 2: '2010-01-32' is not a day"),
        ("station,day,kind\nA,2010-01-31,x\n", "line 2: kind is 'x', expected one of"),
    ],
)
def test_a_broken_file_of_offsets_is_refused(tmp_path, content, message):
    (tmp_path / "x").write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        io.read_offsets(tmp_path / "x")
    assert "\n" not in str(caught.value)


def test_absent_files_of_offsets_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        io.read_offsets(tmp_path / "x")
    with pytest.raises(ValueError, match="no file of offsets was given"):
        io.read_offsets([])


def test_real_offsets_are_read(data):
    table = io.read_offsets(
        [
            data / "loading" / "stations" / "ANAT.pos_break.neu",
            data / "gnss_formats" / "offsets.json",
        ]
    )
    assert days(table, "ANAT") == [
        "2010-02-09",
        "2011-05-19",
        "2014-07-05",
        "2020-03-31",
    ]
    assert len(days(table, "CHUM")) == 16
    assert days(table, "CAND") == ["2003-12-22"]
    assert days(table, "CAND", kinds=("logarithmic",)) == ["2004-09-29"]


def test_the_offsets_of_a_real_station_are_where_its_series_steps(data):
    folder = data / "loading" / "stations"
    breaks = io.read_offsets(folder / "ANAT.pos_break.neu")
    step = io.offset_days(breaks, "ANAT")[1]
    table = np.loadtxt(folder / "ANAT.pos")
    text = table[:, 0].astype(int).astype(str)
    date = np.array([f"{t[:4]}-{t[4:6]}-{t[6:]}" for t in text], "M8[D]")
    day = np.timedelta64(1, "D")
    near = [abs(date - step - shift * day) < 8 * day for shift in (-9, 9)]
    before, after = (np.median(table[one, 3]) for one in near)
    assert after - before < -35
