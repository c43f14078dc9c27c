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
        ("where,day\nA,2010-01-01\n", "has no column station; it has where, day"),
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


SOLUTIONS = """%=SNX 2.02 IGN 17:029:00000 IGN 94:001:00000 17:029:00000 P 00000 1 X
+SITE/ID
 ABCD  A 40129M003 P Some place             236 30 45.1  48 23 23.2    31.7
-SITE/ID
+SOLUTION/DISCONTINUITY
*CODE PT SOLN T _DATA START_ __DATA END__ M
 ABCD  A    1 P 00:000:00000 03:160:00000 P - antenna change
 ABCD  A    2 P 03:160:00000 03:268:71406 P - EQ M8.3 - Hokkaido, Japan region
 ABCD  A    3 P 03:268:71406 97:252:00000 P - unknown
 ABCD  A    4 P 97:252:00000 00:000:00000 P -
 ABCD  A    1 P 00:000:00000 03:268:71406 V - EQ M8.3 - Hokkaido, Japan region
 ABCD  A    2 P 03:268:71406 00:000:00000 V -
-SOLUTION/DISCONTINUITY
"""


def events(path):
    table = io.read_offsets(path)
    names = ("station", "kind", "component", "relaxation", "note")
    days = table.day.values.astype("M8[D]").astype(str)
    return [
        (day, *row)
        for day, *row in zip(days, *(table[n].values.tolist() for n in names))
    ]


def test_solutions_of_sinex_end_in_steps_and_bends(tmp_path):
    (tmp_path / "soln.snx").write_text(SOLUTIONS)
    found = {
        (day, kind, note) for day, _, kind, _, _, note in events(tmp_path / "soln.snx")
    }
    quake = "EQ M8.3 - Hokkaido, Japan region"
    assert found == {
        ("1997-09-09", "offset", "unknown"),
        ("2003-06-09", "equipment", "antenna change"),
        ("2003-09-25", "earthquake", quake),
        ("2003-09-25", "rate", quake),
    }
    assert days(io.read_offsets(tmp_path / "soln.snx"), "abcd00jpn")[-1] == "2003-09-25"


def test_comments_of_hector_are_steps_of_the_station_of_the_file(tmp_path):
    path = tmp_path / "ABCD_2.mom"
    path.write_text(
        "# sampling period 1.0\n# offset 50284.0\n# log 50334.5 30.0\n"
        "# exp 50334.5 300\n50084.0 1.234\n50085.0 2.234\n"
    )
    assert [event[:3] for event in events(path)] == [
        ("1996-07-20", "ABCD", "offset"),
        ("1996-09-08", "ABCD", "logarithmic"),
        ("1996-09-08", "ABCD", "exponential"),
    ]
    assert [event[4] for event in events(path)][1:] == [30, 300]


def test_renamed_stations_of_globk_step_and_those_left_out_do_not(tmp_path, caplog):
    path = tmp_path / "all.eq"
    path.write_text(
        "* A comment\n# eq_log JP 30 60\n  eq_def WC 31.1 103.3 800 20 2008 5 12 6 28\n"
        "  rename ABCD_GPS ABCD_2PS 2004 12 26 0 58\n"
        "  rename EFGH_GPS EFGH_2PS h0510 2010 2 27 6 34 ! antenna 2011 1 1\n"
        "  rename ABCD_GPS ABCD_XCL 2000  8  2 0 0  2000  8  2 24 0\n"
        "  rename ABCD_APS ABCD_GPS\n  break IJKL_GPS 2012 5 6 0 0\n"
    )
    assert [event[:3] for event in events(path)] == [
        ("2004-12-26", "ABCD", "offset"),
        ("2010-02-27", "EFGH", "offset"),
        ("2012-05-06", "IJKL", "offset"),
    ]
    assert "has 1 earthquakes by their place" in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        "station,time,type\nABCD,2016.098361,earthquake\n",
        "\ufeffStation;Day;Kind\nABCD;2016-02-06;EQ\n",
        "Site\tDate\tEvent\tComp\nabcd\t2016/2/6\tcoseismic\tall\n",
        "name,MJD,kind\nABCD,57424,earthquake\n",
        "station,day,kind\nABCD,20160206,earthquake\n",
        "station,day,kind\nABCD,2016-02-06T05:31:00,earthquake\n",
        'station,note,day,kind\nABCD,"x, y",2016-02-06,earthquake\n',
        "ABCD 2016-02-06 earthquake\n",
    ],
)
def test_a_table_of_events_is_read_in_the_words_that_people_use(tmp_path, content):
    (tmp_path / "x.csv").write_text(content, encoding="utf-8")
    ((day, station, kind, component, _, _),) = events(tmp_path / "x.csv")
    assert (day, station, kind, component) == (
        "2016-02-06",
        "ABCD",
        "earthquake",
        "all",
    )


def test_an_instrument_is_equipment_and_a_vertical_step_is_up(tmp_path):
    (tmp_path / "x.csv").write_text(
        "station,day,kind,component\nA,2016-02-06,instrument,U\nA,2017-01-01,step,\n"
    )
    assert [event[2:4] for event in events(tmp_path / "x.csv")] == [
        ("equipment", "up"),
        ("offset", "all"),
    ]


def test_several_files_may_be_named_by_a_pattern(tmp_path):
    (tmp_path / "aaaa_break.neu").write_text("2012.5 9999.9 0 0\n")
    (tmp_path / "bbbb_break.neu").write_text("2013.5 9999.9 0 0\n")
    table = io.read_offsets(tmp_path / "*_break.neu")
    assert table.station.values.tolist() == ["AAAA", "BBBB"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("station,day\nA,28/02/2015\n", "line 2: '28/02/2015' may be of two days; wri"),
        ("station,day\n,2015-02-28\n", "line 2 names no station"),
        ("station,day\n", "holds no data below its header"),
        ("A 2015-02-30\n", "line 1: '2015-02-30' is not a day"),
        ("  eq_def WC 31.1 103.3 800 20 2008 5 12 6 28\n", "1 earthquakes by their pl"),
        ("  rename A_GPS A_2PS 2004 13 26 0 58\n", "line 1: '2004-13-26' is not a day"),
        ("  break A_GPS soon\n", "line 1 is 'break A_GPS soon', expected break, names"),
        (
            SOLUTIONS.replace("03:160:", "03:466:"),
            "line 7: '03:466:00000' is not a",
        ),
        (SOLUTIONS.replace("00000 P - ant", "00000 X - ant"), "line 7 is 'ABCD"),
        ("# offset 5\n1 2\n", "line 1: 5 is not a day"),
        ("# offset soon\n1 2\n", "line 1: modified Julian date is 'soon', expected"),
        ("+SOLUTION/DISCONTINUITY\n-SOLUTION/DISCONTINUITY\n", "holds no offsets"),
    ],
)
def test_another_broken_file_of_offsets_is_refused(tmp_path, content, message):
    (tmp_path / "x").write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        io.read_offsets(tmp_path / "x")
    assert "\n" not in str(caught.value)


def test_offsets_as_people_have_them_are_read(cases):
    folder = cases / "gnss" / "16_offset_files"
    table = io.read_offsets(folder / "soln.snx")
    assert days(table, "0194")[:2] == ["2003-06-09", "2003-09-25"]
    assert days(table, "ZWEN")[-1] == "2004-09-22"
    assert len(days(io.read_offsets(folder / "hector.mom"), "HECTOR")) == 4
    assert len(io.read_offsets(folder / "ngl_steps.txt").event) == 7
    taiwan = io.read_offsets(folder / "taiwan_events.csv")
    assert taiwan.sizes["event"] == 149
    # The earthquakes of Meinong and Chishang.
    assert {"2016-02-06", "2022-09-18"} <= set(days(taiwan, "AKND"))
    assert days(io.read_offsets(folder / "excel_bom.csv"), "P403") == ["2014-02-28"]
    for name in ("eq_rename.eq", "offsets_day_time.csv", "ngl_steps_noid.txt"):
        with pytest.raises(ValueError, match=r"earthquakes by|two days|FEB29"):
            io.read_offsets(folder / name)


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
