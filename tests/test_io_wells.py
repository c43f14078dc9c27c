import numpy as np
import pytest

from jaxload import io

CSV = (
    "well,date,depth,specific_yield,lon,lat\nA,2018-01-01,10.0,,100,25\n"
    "A,2018-01-08,9.0,,100,25\nB,2018-01-08,3.0,0.2,101,26\nB,2018-01-15,5.0,0.2,101,26\n"
)


@pytest.fixture
def write(tmp_path):
    def write(content):
        (tmp_path / "wells.csv").write_text(content)
        return tmp_path / "wells.csv"

    return write


def test_water_that_stands_higher_is_more_storage(write):
    wells = io.read_wells(write(CSV))
    assert wells.well.values.tolist() == ["A", "B"]
    assert wells.specific_yield.values.tolist() == [0.05, 0.2]
    expected = [[-25, np.nan], [25, 200], [np.nan, -200]]
    np.testing.assert_allclose(wells.gwsa, expected)
    np.testing.assert_allclose(wells.level[1], [0.5, 1.0])
    assert wells.gwsa.attrs["units"] == "mm"
    assert (wells.lon[1], wells.lat[1]) == (101, 26)
    level = io.read_wells(write(CSV.replace("depth", "level")))
    np.testing.assert_allclose(level.gwsa, -wells.gwsa)


def test_the_specific_yield_of_the_others_can_be_given(write):
    wells = io.read_wells(write(CSV), specific_yield=0.1)
    np.testing.assert_allclose(wells.gwsa[1], [50, 200])


def test_columns_units_and_dates_can_be_described(write):
    path = write("id;day;head\n7;01/02/2018;120\n7;01/02/2018;140\n7;02/02/2018;90\n")
    columns = io.WellColumns(
        well="id",
        time="day",
        value="head",
        quantity="level",
        time_format="%d/%m/%Y",
        units="cm",
        delimiter=";",
    )
    wells = io.read_wells(path, columns=columns)
    # Two readings of one day count as their mean.
    np.testing.assert_allclose(wells.gwsa[:, 0], [10, -10])


@pytest.mark.parametrize(
    ("name", "first", "later"),
    [
        ("decimal_year", "1975.0014", "2018.5000"),
        ("mjd", "42413.5", "58301.0"),
        ("yyyymmdd", "19750101", "20180702"),
        ("%d.%m.%Y", "01.01.1975", "02.07.2018"),
    ],
)
def test_days_of_wells_are_written_as_those_of_heights(write, name, first, later):
    # Wells are older than satellites.
    path = write(f"well,date,depth\nA,{first},3\nA,{later},4\n")
    wells = io.read_wells(path, columns=io.WellColumns(time_format=name))
    days = wells.time.values.astype("M8[D]").astype(str).tolist()
    assert days == ["1975-01-01", "2018-07-02"]
    with pytest.raises(ValueError, match=r"line 2.*next week"):
        io.read_wells(
            write("well,date,depth\nA,next week,3\n"),
            columns=io.WellColumns(time_format=name),
        )
    with pytest.raises(ValueError, match="time_format is 'year', expected a pattern"):
        io.WellColumns(time_format="year")


LEVELS = "A,2018-01-01,{a}\nA,2018-01-08,{b}\nB,2018-01-08,3\n"


def table(header="well,date,depth (m)", a="10.0", b="9.0", sign=","):
    return (header + "\n" + LEVELS.format(a=a, b=b)).replace(",", sign)


RDB = (
    "# U.S. Geological Survey\n# lev_va  level value in feet below land surface\n#\n"
    "agency_cd\tsite_no\tlev_dt\tlev_tm\tlev_va\tsl_lev_va\n5s\t15s\t10d\t4s\t12s\t12s\n"
    "USGS\tA\t2018-01-01\t\t32.8084\t\nUSGS\tA\t2018-01-08\t12:00\t29.5276\t\n"
    "USGS\tB\t2018-01\t\t3\t\n"
)
DAILY = (
    "#    151210_72019_00001   Depth to water level, feet below land surface\n"
    "agency_cd\tsite_no\tdatetime\t15_72019_00001\t15_72019_00001_cd\t15_72019_00003\n"
    "5s\t15s\t20d\t14n\t10s\t14n\nUSGS\tA\t2018-01-01\t99\tA\t32.8084\n"
    "USGS\tA\t2018-01-08\t99\tA\t29.5276\n"
)
KINDS = {
    "capitals": table("Well,Date,Depth (m)"),
    "quotes around a comma": table().replace("A,2", '"A, No. 5",2'),
    "semicolons and decimal commas": table(a="10.0", b="9.0", sign=";").replace(
        ".", ","
    ),
    "tabs": table(sign="\t"),
    "feet in the header": table("well,date,Depth to water (ft)", "32.8084", "29.5276"),
    "feet in the name": table("well_id,datetime,dtw_ft", "32.8084", "29.5276"),
    "centimetres": table("site,day,depth [cm]", "1000", "900"),
    "levels": table("well,date,head_m", "-10", "-9"),
    "slashes": table().replace("2018-01-0", "2018/1/"),
    "time of the day": table().replace("2018-01-01", "2018-01-01 08:00:00"),
    "decimal years": table()
    .replace("2018-01-01", "2018.001")
    .replace("2018-01-08", "2018.0205"),
    "row names of R": '"","well","date","depth (m)"\n'
    + "".join(f'"{i}",{line}\n' for i, line in enumerate(table().splitlines()[1:])),
    "rows longer than the header, as R writes them": "well,date,depth_m\n"
    + "".join(f"{i},{line}\n" for i, line in enumerate(table().splitlines()[1:])),
    "RDB of the USGS": RDB,
    "daily RDB of the USGS": DAILY,
    "Chinese": table("\u7f16\u53f7,\u65e5\u671f,\u57cb\u6df1(m)"),
    "Chinese metres": table("\u4e95\u53f7,\u65f6\u95f4,\u57cb\u6df1\uff08\u7c73\uff09"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_tables_of_wells_are_read_as_people_have_them(tmp_path, caplog, kind, encoding):
    path = tmp_path / "wells.csv"
    path.write_bytes(KINDS[kind].encode(encoding))
    wells = io.read_wells(path)
    first = wells.isel(well=0).dropna("time")
    assert str(wells.well.values[0])[0] == "A"
    days = first.time.values.astype("M8[D]").astype(str).tolist()
    assert days == ["2018-01-01", "2018-01-08"]
    np.testing.assert_allclose(first.level, [-0.5, 0.5], atol=2e-5)
    assert not caplog.records


def test_metres_are_assumed_with_a_warning_where_a_table_does_not_say(write, caplog):
    with caplog.at_level("WARNING"):
        wells = io.read_wells(write(table("well,date,depth")))
    np.testing.assert_allclose(wells.level[:, 0], [-0.5, 0.5])
    assert "does not state the units of 'depth'; metres are assumed" in caplog.text
    feet = io.read_wells(
        write(table("well,date,depth")), columns=io.WellColumns(units="feet")
    )
    np.testing.assert_allclose(feet.level[:, 0], [-0.1524, 0.1524])


@pytest.mark.parametrize("filler", ["-999", "-999.99", "32766", "-9999", "1e20", ""])
def test_numbers_that_stand_for_missing_levels_are_left_out(write, caplog, filler):
    text = table() + f"A,2018-01-15,{filler}\nA,2018-01-22,9.5\nB,2018-01-15,{filler}\n"
    with caplog.at_level("WARNING"):
        wells = io.read_wells(write(text))
    np.testing.assert_allclose(wells.level[:, 0], [-0.5, 0.5, np.nan, 0])
    named = f"{float(filler):.10g} stands 2 times" in caplog.text if filler else True
    assert named


def test_a_filler_is_known_beside_wells_of_any_height(write):
    text = "well,date,level (m)\n"
    for name, height in (("A", 2400.0), ("B", 3.0)):
        for day, level in enumerate((height, height + 1, -999.0), start=1):
            text += f"{name},2018-01-{day:02d},{level}\n"
    wells = io.read_wells(write(text))
    np.testing.assert_allclose(wells.level, [[-0.5, -0.5], [0.5, 0.5], [np.nan] * 2])


def test_longitudes_beyond_the_date_line_are_brought_back(write):
    wells = io.read_wells(write(CSV.replace(",100,", ",238.5,")))
    assert wells.lon.values.tolist() == [-121.5, 101.0]


def test_several_files_are_one_network(tmp_path):
    head, *rows = CSV.splitlines()
    for name in ("A", "B"):
        mine = [row for row in rows if row.startswith(name)]
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *mine]) + "\n")
    both = io.read_wells([tmp_path / "A.csv", tmp_path / "B.csv"])
    assert both.well.values.tolist() == ["A", "B"]
    assert both.specific_yield.values.tolist() == [0.05, 0.2]
    expected = [[-25, np.nan], [25, 200], [np.nan, -200]]
    np.testing.assert_allclose(both.gwsa, expected)


def test_wells_as_people_have_them_are_read_or_refused_in_one_sentence(cases):
    folder = cases / "grids" / "19_wells"
    assert len(list(folder.iterdir())) > 10
    for path in folder.iterdir():
        if path.name == "both.csv":
            with pytest.raises(ValueError, match=r"has 2 of the columns .* in a study"):
                io.read_wells(path)
            continue
        wells = io.read_wells(path)
        assert float(abs(wells.level).max()) < 0.2, path.name
    nwis = io.read_wells(folder / "nwis.rdb")
    np.testing.assert_allclose(
        nwis.level[:, 0], 0.3048 * (4.763333 - np.array([4.87, 4.61, 4.81])), atol=1e-5
    )
    for name in ("sentinel.csv", "sentinel2.csv"):
        assert np.isnan(io.read_wells(folder / name).level.values[1]).all()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no column well, date; it has ''"),
        (CSV.replace("depth", "metres"), "has 0 of the columns level, depth, expected"),
        (
            CSV.replace("A,2018-01-08", "A,2018-13-08"),
            "line 3: '2018-13-08' is no date",
        ),
        (CSV.replace("9.0", "x"), "line 3: depth is 'x', expected a number"),
        (CSV.replace("3.0,0.2", "3.0,0.3"), "line 4: specific_yield is another than"),
        (CSV.replace("0.2", "20"), "a specific yield of 20, expected above 0 to 1"),
        (CSV.replace("101,26", "26,101"), "lat is 101, .* swapped"),
        (CSV.replace("2018-01-08", "01/08/2018"), "is no date that has one meaning"),
        (CSV.replace("depth", "level,depth").replace("A,", "A,1,"), "has 2 of the"),
        (CSV + "B,2018-01-15\n", "line 6 has 2 columns, expected 6"),
        ("well,date,depth\n", "holds no data"),
    ],
)
def test_a_broken_file_of_wells_is_refused(write, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        io.read_wells(write(content))
    assert "\n" not in str(caught.value)


def test_impossible_settings_of_wells_are_refused(write):
    with pytest.raises(ValueError, match="specific_yield is 5, expected above 0 to 1"):
        io.read_wells(write(CSV), specific_yield=5)
    with pytest.raises(ValueError, match="quantity is 'height', expected one of"):
        io.WellColumns(quantity="height")
    with pytest.raises(ValueError, match="units is 'kg', expected a length as mm, cm"):
        io.WellColumns(units="kg")
    columns = io.WellColumns(value="depth", quantity="")
    assert io.read_wells(write(CSV), columns=columns).sizes["well"] == 2
    columns = io.WellColumns(value="lon")
    with pytest.raises(ValueError, match="whether 'lon' is a depth or a level"):
        io.read_wells(write(CSV), columns=columns)
