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
