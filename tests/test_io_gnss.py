import datetime
import logging

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from jaxload import io
from jaxload.io.files.writing import write_text
from jaxload.io.text.table import number_matrix, number_table

GOOD = (
    "20060101    0.950   2.700\n20060102    1.679   2.890\n20060104   -3.839   2.730\n"
)
HEADER = (
    "site YYMMMDD yyyy.yyyy __MJD week d reflon _e0(m) __east(m) ____n0(m) _north(m) "
    "u0(m) ____up(m) _ant(m) sig_e(m) sig_n(m) sig_u(m) __corr_en __corr_eu __corr_nu "
    "_latitude(deg) _longitude(deg) __height(m)\n"
)


def tenv3_line(mjd, whole=3624, up=0.7, sigma=0.004, lon=-268.9):
    return (
        f"LHAS 95MAY19 1995.3785 {mjd} 801 5 91.1 385 0.888603 3282129 0.602585 "
        f"{whole} {up} 0.0 0.002 0.001 {sigma} 0 0 0 29.657 {lon} 3624.7\n"
    )


@pytest.fixture
def station(tmp_path):
    """Write one `.up` file of a station that stands at 10 E, 50 N."""
    (tmp_path / "sites.txt").write_text("ABCD 10.0 50.0 100.0\n")

    def write(content, name="abcd.up"):
        mode = "write_bytes" if isinstance(content, bytes) else "write_text"
        getattr(tmp_path / name, mode)(content)
        return tmp_path

    return write


def test_an_up_file_becomes_a_dataset_with_every_day(station):
    gnss = io.read_gnss(station(GOOD))
    io.check_dataset(gnss, io.GNSS)
    np.testing.assert_array_equal(gnss.up[:, 0], [0.95, 1.679, np.nan, -3.839])
    np.testing.assert_array_equal(gnss.up_sigma[:, 0], [2.7, 2.89, np.nan, 2.73])
    assert gnss.time.dtype == "datetime64[ns]"
    assert str(gnss.time.values[2])[:10] == "2006-01-03"
    assert gnss.station.values.tolist() == ["ABCD"]
    assert (gnss.lon.item(), gnss.lat.item(), gnss.height.item()) == (10, 50, 100)
    assert gnss.up.attrs["units"] == "mm"


@pytest.mark.slow
def test_the_western_us_is_read_whole(data):
    folder = data / "western_us"
    gnss = io.read_gnss(folder / "gnss", sites=folder / "sites.txt")
    assert dict(gnss.sizes) == {"time": 6209, "station": 332}
    assert np.isnan(gnss.up).mean() == pytest.approx(0.14, abs=0.005)
    assert np.nanmedian(gnss.up_sigma) == pytest.approx(2.65)
    # One station against NumPy's own reader.
    table = np.loadtxt(folder / "gnss" / "p023.up")
    one = gnss.sel(station="P023").dropna("time")
    np.testing.assert_array_equal(one.up, table[:, 1])
    np.testing.assert_array_equal(one.up_sigma, table[:, 2])
    date = np.char.replace(np.datetime_as_string(one.time, unit="D"), "-", "")
    np.testing.assert_array_equal(date.astype(float), table[:, 0])


def test_a_period_is_cut_out_with_both_ends(station):
    folder = station(GOOD)
    gnss = io.read_gnss(folder, start="2006-01-02", end=datetime.date(2006, 1, 4))
    assert gnss.up[:, 0].values.tolist()[::2] == [1.679, -3.839]
    only = io.read_gnss(folder, end=np.datetime64("2006-01-03"))
    assert only.sizes["time"] == 2


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"start": "2030-01-01"}, "no epoch lies between 2030-01-01 and the end"),
        ({"end": "2000-01-01"}, "run from 2006-01-01 to 2006-01-04"),
        ({"start": "January"}, "start is 'January', expected a day such as"),
        ({"end": 2006}, "end is 2006, expected a day"),
    ],
)
def test_a_period_without_data_is_refused(station, wanted, message):
    with pytest.raises(ValueError, match=message):
        io.read_gnss(station(GOOD), **wanted)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"abcd\.up holds no data; expected lines of 3: yyyymmdd up sigma"),
        ("\n# nothing\n\n", "holds no data"),
        (GOOD + "20060105 abc 2.7\n", r"line 4: up is 'abc', expected a number"),
        ("# x\n\n" + GOOD + "20060105 1 2,7\n", r"line 6: sigma is '2,7'"),
        (GOOD + "20060105 1.0\n", "line 4 has 2 columns, expected 3"),
        (GOOD + "20060105\n", "line 4 has 1 column, expected 3"),
        (GOOD + "20060105 1.0 2.0 3.0\n", "line 4 has 4 columns, expected 3"),
        ("20060105 1.0\n", "line 1 has 2 columns"),
        (GOOD + "20060231 1.0 2.0\n", "line 4: 20060231 is not a day"),
        (GOOD + "\n20061301 1.0 2.0\n", "line 5: 20061301 is not a day"),
        (GOOD + "2006.5 1.0 2.0\n", "line 4: 2006.5 is not a day"),
        (GOOD + "nan 1.0 2.0\n", "line 4: nan is not a day"),
        (GOOD + "19060101 1.0 2.0\n", "line 4: 19060101 is not a day between 1980"),
        (GOOD + "20060105 inf 2.0\n", "line 4: up is 'inf', expected a number"),
        (GOOD + "20060105 1_0 2.0\n", "line 4: up is '1_0', expected a number"),
        (GOOD + "20060105 " + "x" * 90 + " 2.0\n", r"up is 'x{40}\.\.\.'"),
        ("20060101 1.0 0.0\n20060102 nan 1.0\n", "no day with a value and a positive"),
        (b"\x00\xff\xfe\x80 1 2\n", "line 1: yyyymmdd is"),
    ],
)
def test_a_broken_up_file_is_refused_with_its_line(station, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        io.read_gnss(station(content))
    assert "\n" not in str(caught.value)


def test_days_are_sorted_and_a_double_day_is_refused_until_a_rule_is_stated(
    station, caplog
):
    content = "20060103 3 1\n20060101 1 1\n20060103 4 7\n20060102 2 1\n"
    folder = station(content)
    with pytest.raises(ValueError, match=r"differ for 1 days \(2006-01-03\); set same"):
        io.read_gnss(folder)
    rules = {"first": (3, 1), "last": (4, 7), "mean": (3.5, 5)}
    for rule, (up, sigma) in rules.items():
        gnss = io.read_gnss(folder, reading=io.Reading(same_day=rule))
        assert gnss.up[:, 0].values.tolist() == [1, 2, up]
        assert gnss.up_sigma[:, 0].values.tolist() == [1, 1, sigma]
        assert "abcd.up has 1 rows of days that it has already" in caplog.text


def test_rows_that_repeat_a_day_word_for_word_are_one(station, caplog):
    gnss = io.read_gnss(station("20060103 3 1\n20060103 3 1\n20060103 nan 2\n"))
    assert gnss.up[:, 0].values.tolist() == [3]
    assert "abcd.up has 1 rows of days that it has already; they agree" in caplog.text


def test_a_value_without_a_positive_sigma_is_missing(station, caplog):
    content = GOOD + "20060105 5 0\n20060106 6 -1\n20060107 7 nan\n20060108 8 1\n"
    gnss = io.read_gnss(station(content))
    assert np.isnan(gnss.up[4:7, 0]).all()
    assert np.isnan(gnss.up_sigma[4:7, 0]).all()
    assert gnss.up[7, 0] == 8
    assert "has 3 values without a positive standard error" in caplog.text


def test_metres_in_a_file_of_millimetres_are_refused_until_stated(station):
    folder = station("20060101 -0.000986 0.00374\n20060102 0.001 0.00308\n")
    with pytest.raises(ValueError, match=r"is it in metres .* perhaps \"m\""):
        io.read_gnss(folder)
    gnss = io.read_gnss(folder, reading=io.Reading(units="m"))
    np.testing.assert_allclose(gnss.up[:, 0], [-0.986, 1.0])
    np.testing.assert_allclose(gnss.up_sigma[:, 0], [3.74, 3.08])


def test_a_pristine_file_is_read_without_a_word(station, caplog):
    with caplog.at_level(logging.DEBUG, "jaxload"):
        io.read_gnss(station(GOOD))
    assert not caplog.text


def test_comments_and_windows_line_ends_do_not_matter(station):
    plain = io.read_gnss(station(GOOD))
    odd = "\ufeff% made by hand\r\n" + GOOD.replace("\n", "  \r\n\r\n")
    assert io.read_gnss(station(odd)).equals(plain)


def test_a_station_without_coordinates_is_named(station):
    folder = station(GOOD, "wxyz.up")
    with pytest.raises(ValueError, match="station WXYZ has no coordinates"):
        io.read_gnss(folder)


def test_without_a_sites_file_the_message_says_what_is_missing(station):
    folder = station(GOOD)
    (folder / "sites.txt").unlink()
    with pytest.raises(ValueError, match="ABCD has no coordinates; give it a line"):
        io.read_gnss(folder)


def test_a_bad_file_does_not_stop_the_others_unless_asked(station, caplog):
    station(GOOD)
    folder = station("20060101 up 2\n", "wxyz.up")
    with pytest.raises(ValueError, match=r"wxyz\.up line 1"):
        io.read_gnss(folder, reading=io.Reading(strict=True))
    gnss = io.read_gnss(folder)
    assert gnss.station.values.tolist() == ["ABCD"]
    assert "wxyz.up line 1: up is 'up'" in gnss.attrs["files_left_out"]
    assert caplog.text.count("left out: ") == 1


def test_when_every_file_is_bad_that_is_an_error(station):
    with pytest.raises(ValueError, match=r"none of 1 files could be read: .*line 1"):
        io.read_gnss(station("x y z\n"))


def test_files_are_found_by_folder_pattern_name_and_list(station):
    station(GOOD)
    (station("no series\n", "notes.md") / "sites.txt").write_text(
        "ABCD 1 2\nWXYZ 3 4\n"
    )
    folder = station(GOOD, "wxyz.up")
    both = io.read_gnss(folder)
    assert both.station.values.tolist() == ["ABCD", "WXYZ"]
    assert io.read_gnss(f"{folder}/*.up").identical(both)
    assert io.read_gnss([folder / "abcd.up", folder / "wxyz.up"]).identical(both)
    assert io.read_gnss([folder / "abcd.up", folder]).identical(both)
    assert io.read_gnss(folder / "wxyz.up").station.values.tolist() == ["WXYZ"]


def test_absent_and_unknown_files_are_refused(station):
    folder = station("some words\n", "abcd.odd")
    with pytest.raises(FileNotFoundError, match="nothing is called"):
        io.read_gnss(folder / "*.up")
    with pytest.raises(FileNotFoundError, match="holds no file of a known format"):
        io.read_gnss(folder)
    with pytest.raises(ValueError, match="of no known format; these are up"):
        io.read_gnss(folder / "abcd.odd")
    with pytest.raises(ValueError, match="no files were given"):
        io.read_gnss([])
    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt does not exist"):
        io.read_gnss(folder / "abcd.odd", sites=folder / "nowhere.txt")


def test_two_files_of_one_station_are_refused(station):
    station(GOOD)
    (station(GOOD) / "b").mkdir()
    folder = station(GOOD, "b/abcd.up")
    both = [folder, folder / "b" / "abcd.up"]
    with pytest.raises(ValueError, match="is a second file of station ABCD"):
        io.read_gnss(both, reading=io.Reading(strict=True))
    gnss = io.read_gnss(both)
    assert gnss.station.values.tolist() == ["ABCD"]
    assert "is a second file of station ABCD" in gnss.attrs["files_left_out"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no stations"),
        ("ABCD 10\n", "line 1 has 2 columns, expected NAME lon lat"),
        ("ABCD ten 50\n", "line 1: lon is 'ten', expected a number"),
        ("# x\nABCD 50 -110\n", "line 2: lat is -110, .* swapped"),
        ("ABCD 400 50\n", "line 1: lon is 400, expected -360 to 360"),
        ("ABCD nan 50\n", "line 1: lon is nan"),
        ("ABCD 1 2\nabcd 1 3\n", "line 2: ABCD stands elsewhere on an earlier line"),
    ],
)
def test_a_broken_sites_file_is_refused_with_its_line(station, content, message):
    folder = station(GOOD)
    (folder / "sites.txt").write_text(content)
    with pytest.raises(ValueError, match=message):
        io.read_gnss(folder)


def test_longitudes_become_minus_180_to_180(tmp_path):
    (tmp_path / "s").write_text("A 268.5 1\nB -268.896 1\nC 180 1\nD -180 1\nE -1e-3 1")
    lon = [site.lon for site in io.read_sites(tmp_path / "s").values()]
    np.testing.assert_allclose(lon, [-91.5, 91.104, 180, -180, -1e-3], rtol=1e-12)


def test_a_tenv3_file_carries_all_three_components_and_its_place(data):
    folder = data / "gnss_formats" / "NGL.tenv3"
    gnss = io.read_gnss(folder)
    assert gnss.station.values.tolist() == ["LHAS"]
    assert gnss.lon.item() == pytest.approx(91.104, abs=1e-3)
    assert gnss.lat.item() == pytest.approx(29.657, abs=1e-3)
    assert gnss.height.item() == pytest.approx(3624.7, abs=0.1)
    assert gnss.attrs["displacement_reference"] == "mean over the file"
    rows = [line.split() for line in (folder / "LHAS.tenv3").read_text().splitlines()]
    for name, column in (("east", 8), ("north", 10), ("up", 12)):
        expected = 1e3 * np.array([float(row[column]) for row in rows[1:]])
        seen = gnss[name].dropna("time")
        np.testing.assert_allclose(
            seen[:, 0], expected - expected.mean(), rtol=0, atol=1e-9
        )
    assert str(gnss.time.values[0])[:10] == "1995-05-19"  # MJD 49856, 95MAY19
    assert gnss.up_sigma[0, 0].item() == pytest.approx(8.643)


def test_the_whole_metres_of_a_tenv3_file_count(tmp_path):
    lines = tenv3_line(49856, 3624, 0.7) + tenv3_line(49857, 3625, -0.3)
    (tmp_path / "a.tenv3").write_text(HEADER + lines + tenv3_line(49858, 3625, -0.2))
    up = io.read_gnss(tmp_path).up[:, 0]
    np.testing.assert_allclose(up - up[0], [0, 0, 100], rtol=0, atol=1e-9)


def test_a_missing_first_height_does_not_spoil_the_others(tmp_path):
    lines = tenv3_line(49856, whole="nan") + tenv3_line(49857, up=0.7)
    (tmp_path / "a.tenv3").write_text(HEADER + lines + tenv3_line(49858, up=0.9))
    up = io.read_gnss(tmp_path).up[:, 0]
    np.testing.assert_allclose(up, [np.nan, -100, 100], rtol=0, atol=1e-9)


def test_a_saturated_tenv3_sigma_is_missing(tmp_path):
    lines = tenv3_line(49856) + tenv3_line(49857, sigma=9.99999)
    (tmp_path / "a.tenv3").write_text(HEADER + lines + tenv3_line(49858))
    gnss = io.read_gnss(tmp_path)
    assert np.isnan(gnss.up[1, 0])
    assert np.isfinite(gnss.east[1, 0])


def test_an_old_tenv3_file_takes_its_place_from_the_sites_file(tmp_path):
    old = [" ".join(s.split()[:20]) + "\n" for s in (HEADER, tenv3_line(49856))]
    (tmp_path / "a.tenv3").write_text("".join(old))
    with pytest.raises(ValueError, match="LHAS has no coordinates"):
        io.read_gnss(tmp_path)
    (tmp_path / "places").write_text("lhas 91.1 29.6\n")
    gnss = io.read_gnss(tmp_path, sites=tmp_path / "places")
    assert gnss.lon.item() == 91.1
    assert np.isnan(gnss.height.item())


def test_the_sites_file_outranks_the_place_in_a_tenv3_file(tmp_path):
    (tmp_path / "LHAS.tenv3").write_text(HEADER + tenv3_line(49856))
    (tmp_path / "sites.txt").write_text("LHAS 91.2 29.6\n")
    assert io.read_gnss(tmp_path).lon.item() == 91.2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no column MJD, .* begins with a line of column names"),
        (HEADER, "holds no data; expected lines of 23, as in the header"),
        (tenv3_line(49856).replace("95MAY19", "x"), "has no column MJD, e0"),
        (HEADER.replace("sig_u(m)", "x"), r"has no column sig_u\(m\)"),
        (HEADER + tenv3_line("x"), "line 2: MJD is 'x', expected a number"),
        (
            HEADER + tenv3_line(49856).rsplit(" ", 1)[0] + "\n",
            "line 2 has 22 columns, expected 23",
        ),
        (HEADER + tenv3_line("4 9856"), "line 2 has 24 columns, expected 23"),
        (HEADER + "\n" + tenv3_line(1), "line 3: 1 is not a day between"),
        (HEADER + tenv3_line("nan"), "line 2: nan is not a day between"),
        (HEADER + tenv3_line(49856.5), "line 2: 49856.5 is not a day between"),
        (HEADER + tenv3_line(49856, lon=999), "lon is 999"),
    ],
)
def test_a_broken_tenv3_file_is_refused(tmp_path, content, message):
    (tmp_path / "LHAS.tenv3").write_text(content)
    with pytest.raises(ValueError, match=message):
        io.read_gnss(tmp_path)


def test_up_and_tenv3_make_one_network(station):
    station(GOOD)
    folder = station(HEADER + tenv3_line(53736), "LHAS.tenv3")
    gnss = io.read_gnss(folder)
    assert gnss.station.values.tolist() == ["LHAS", "ABCD"]
    assert np.isnan(gnss.east.sel(station="ABCD")).all()
    assert gnss.attrs["displacement_reference"] == "as in the file, mean over the file"


def test_what_is_written_is_read_back(tmp_path, rng):
    gnss = network(rng)
    io.write_up(gnss, tmp_path / "new")
    back = io.read_gnss(tmp_path / "new")
    for name in ("up", "up_sigma"):
        np.testing.assert_allclose(back[name], gnss[name], rtol=0, atol=5.1e-4)
    for name in ("lon", "lat", "height"):
        np.testing.assert_allclose(back[name], gnss[name], rtol=0, atol=1e-4)
    assert (back.time == gnss.time).all()
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["a1.up", "b2.up", "c3.up", "sites.txt"]


def network(rng, names=("A1", "B2", "C3")):
    import xarray as xr

    shape = (40, len(names))
    up = rng.normal(scale=5, size=shape)
    up[3:9, 1] = np.nan
    dims = ("time", "station")
    sigma = np.where(np.isnan(up), np.nan, rng.uniform(1, 4, shape))
    coords = {
        "time": np.arange("2010-01-01", "2010-02-10", dtype="M8[D]").astype("M8[ns]"),
        "station": list(names),
        "lon": ("station", rng.uniform(-180, 180, len(names))),
        "lat": ("station", rng.uniform(-80, 80, len(names))),
        "height": ("station", [np.nan, 1.0, 2.0]),
    }
    return io.label_dataset(
        xr.Dataset({"up": (dims, up), "up_sigma": (dims, sigma)}, coords)
    )


@pytest.mark.parametrize("name", ["../EVIL", "", "A B", "a/b", ".."])
def test_a_station_that_cannot_name_a_file_is_refused(tmp_path, rng, name):
    with pytest.raises(ValueError, match="cannot name a file"):
        io.write_up(network(rng, (name, "B2", "C3")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_station_without_data_is_not_written(tmp_path, rng):
    gnss = network(rng)
    gnss["up"][:, 2] = np.nan
    with pytest.raises(ValueError, match="station C3 has no data to write"):
        io.write_up(gnss, tmp_path)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path, rng):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot be made"):
        io.write_up(network(rng), tmp_path / "file" / "below")
    with pytest.raises(ValueError, match="cannot be made"):
        io.write_up(network(rng), tmp_path / "file")


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(ValueError, match="cannot be written"):
        write_text(tmp_path / "taken", "new")
    (tmp_path / "old").write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "old", "half \ud800")
    assert (tmp_path / "old").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "taken"]


def attempt(action):
    """What came out, or else the sentence that came instead."""
    try:
        return action(), ""
    except ValueError as error:
        return None, str(error)


LINES = st.lists(
    st.sampled_from(
        (
            f"{GOOD}\n# x\nx\n20060101 nan 1\n20060109 1e3 .5\n1 2 3\n20060101 1\n"
            "nan nan nan\n20060105 1 1 1\n20060107 -0 inf"
        ).splitlines()
    ),
    max_size=6,
).map("\n".join)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=60), LINES.map(str.encode)))
def test_any_bytes_give_a_network_or_one_sentence(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp() / "fuzz-up"
    folder.mkdir(exist_ok=True)
    (folder / "abcd.up").write_bytes(content)
    (folder / "sites.txt").write_text("ABCD 1 2")
    gnss, message = attempt(lambda: io.read_gnss(folder))
    assert "\n" not in message
    assert message or np.isfinite(gnss.up).any()


@settings(max_examples=300, deadline=None)
@given(LINES)
def test_the_fast_parser_agrees_with_the_slow_one(content):
    # A comment sends the whole table to the slow parser.
    columns, lines = {"a": 0, "b": 1, "c": 2}, content.splitlines()
    table_of = lambda text: number_table("x", text, 3, ": a b c")
    fast, slow = (
        attempt(lambda t=text: number_matrix(table_of(t), columns).tolist())
        for text in (lines, ["# slowly", *lines])
    )
    assert str(fast[0]) == str(slow[0])
    assert fast[1].split()[-5:] == slow[1].split()[-5:]


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.binary(max_size=60), LINES.map(str.encode)))
def test_any_bytes_below_a_tenv3_header_give_a_network_or_one_sentence(
    tmp_path_factory, content
):
    folder = tmp_path_factory.getbasetemp() / "fuzz-tenv3"
    folder.mkdir(exist_ok=True)
    good = tenv3_line(49856).encode()
    (folder / "a.tenv3").write_bytes(HEADER.encode() + good + content)
    gnss, message = attempt(lambda: io.read_gnss(folder))
    assert "\n" not in message
    assert message or np.isfinite(gnss.up).any()
