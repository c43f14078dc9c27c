"""Whatever a file holds, a reader answers with a dataset or with one sentence."""

import itertools
import time

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings, strategies as st

from jaxload import io
from jaxload.io.gnss.formats import FORMATS

GNSS = {
    "up": "20100101 1 4\n20100102 2 4\n",
    "tenv3": "site YYMMMDD yyyy.yyyy __MJD week d reflon _e0(m) __east(m) ____n0(m) "
    "_north(m) u0(m) ____up(m) _ant(m) sig_e(m) sig_n(m) sig_u(m) __corr_en __corr_eu "
    "__corr_nu\nABCD 95MAY19 1995.3785 49856 801 5 91.1 385 0.8 3282129 0.6 3624 0.7 0 "
    ".002 .001 .004 0 0 0\n",
    "tenv": "ABCD 08MAR27 2008.2355 54552 1472 4 0 0 0 0.0 .001 .001 .005 0 0 0\n",
    "unr": "Date,east,north,vertical,e_std,n_std,v_std\n2006-01-01,1,2,3,1,1,3\n",
    "pos": "PBO Station Position Time Series\n4-character ID: ABCD\nNEU Reference "
    "position : 50 10 100\n*YYYYMMDD HHMMSS\n 20080327 120000 54552.5 1 2 3 .1 .1 .1 0 "
    "0 0 50.0 10.0 100.0 -.2 -.1 .001 .001 .001 .003 0 0 0 final\n",
    "neu": "#NEU Reference position : 50 10 100\n2000.0041 2000 2 .04 -.07 -.003 .002 "
    ".003 .009\n2000.0068 2000 3 .04 -.07 -.003 .002 .003 .009\n",
    "enu": "2000.0041 .04 -.07 -.003 .002 .003 .009\n",
    "dat": "2010.00137 0 1 2 1.57 1.59 7.97 ABCD\n",
    "described": "# unit: mm\n# column_names: ymd up up_sigma\n# columns_index: 0 1 2\n"
    "20100701 1.0 2.0\n",
    "series": "1995.37 -1.2 -.4 -.01 .002 .002 .008 0 0 0 -145838400.00 1995 5 19 13 "
    "20 0\n",
    "lat_lon_rad": "2001.3005 .19 .07 ABCD RAD 01APR20\n",
    "mb": " run\nABCD_GPS to U Solution  1 +   247.571 m\n \n 1999.59863 .008 .004\n",
    "org": "pbo. ABCD_GPS ABCD 20100101 120000 55197.5 4045456.4 713323.1 4862789.0 "
    ".1 .1 .1 0 0 0\n",
    "xyz": "abcd 2010-01-01T12:00:00 4045456.4 713323.1 4862789.0 .1 .1 .1 0 0 0\n",
    "scec": "Station abcd, 50.0, 10.0, 100.0\n2001-04-21, 1, 2, 3, 52020.0\n",
    "headed": "4-character ID, ABCD\nlongitude, 10 E\nlatitude, 50 N\nDate, "
    "North (mm), East (mm), Up (mm), N sigma (mm), E sigma (mm), U sigma (mm)\n"
    "2010-01-01,1,2,3,1,1,3\n2010-01-02,1,2,4,1,1,3\n",
    "llh": "ABCD 03APR01 2003.2471 50.0 10.0 44.2 .00000002 .00000002 .002 0\n",
    "txyz2": "ABCD 03APR01 2003.2471 4045456.4 713323.1 4862789.0 .1 .1 .1 0 0 0 0\n",
    "igs_xyz": "ABCD A 2001-01-01 51910.5 4045456.4 713323.1 4862789.0 .1 .1 .1 0 0 "
    "0\n",
    "tms": "%=TMS 1.00 A 25:067:0 A 02:1:0 22:3:0 P ABCD\n+TIMESERIES/COLUMNS\n 1 "
    "YYYY-MM-DD\n 2 UP m\n 3 SIG_U m\n-TIMESERIES/COLUMNS\n+TIMESERIES/DATA\n "
    "2002-01-01 -.0675 .0104\n-TIMESERIES/DATA\n",
    "stcd": "+FILE/REFERENCE\n-FILE/REFERENCE\n+SITE/ID\n ABCD A 1 D A 10 0 0.0 50 0 "
    "0.0 65.8\n-SITE/ID\n 58408.5 1 2 3 1 1 1 1 2 3 1 1 3\n",
    "f5": "+SITE/INF\n ID ABCD\n-SITE/INF\n+DATA\n 2020 01 01 12:00:00 4045456.4 "
    "713323.1 4862789.0 50.0 10.0 105.0\n-DATA\n",
    "spotgins": "# SPOTGINS v2\n# STATION : ABCD\n 51910.5 1 2 3 .001 .001 .003 "
    "20010101120000 2001.0013699 G 20240101 GINS\n",
    "rneu": "20050101 2005.0014 1.23 -2.34 3.45 0.00 0.90 0.80 3.10 f\n",
    "mom": "# sampling period 1.0\n# offset 50284.0\n50084.0 1.234\n50085.0 2.234\n",
    "est_noise": "2000 1.00 55.6 3.4\n2000 2.00 52.6 3.8\n",
    "component": "2010-07-01 0.00 1\n2010-07-02 5.27 1\n",
    "netcdf": "CDF\x01rest",
}
OUTLINES = {
    "rings": "0 0\n4 0\n4 4\n0 4\n>\n1 1\n2 1\n2 2\n",
    "labels": '> -L"Upper Basin"\n0 0\n4 0\n4 4\n> -LLower\n9 0\n10 0\n10 1\n',
    "counts": "4,1\n0,0\n4,0\n4,4\n0,0\n4,0\n1,1\n2,1\n2,2\n1,1\n",
    "a table": 'name,lat,lon\n"A, b",0,170\n"A, b",0,-170\n"A, b",9,-170\n',
    "numbers": "1 0 50\n2 4 50\n3 4 54\n",
    "wkt": "POLYGON ((0 0, 4 0, 4 4, 0 0), (1 1, 2 1, 2 2, 1 1))\n",
    "wkt in a table": 'WKT,name\n"SRID=4326;POLYGON ((0 0, 4 0, 4 4, 0 0))",A\n',
    "geojson": '{"type": "FeatureCollection", "features": [{"type": "Feature", '
    '"properties": {"NAME": "A"}, "geometry": {"type": "Polygon", "coordinates": '
    "[[[0, 80], [120, 80], [-120, 80], [0, 80]]]}}]}",
    "kml": '<kml xmlns="http://www.opengis.net/kml/2.2"><Placemark><name>A</name>'
    "<Polygon><outerBoundaryIs><LinearRing><coordinates>0,0 4,0 4,4 0,0</coordinates>"
    "</LinearRing></outerBoundaryIs></Polygon></Placemark></kml>",
    "gmt": "# @VGMT1.0 @GPOLYGON\n# @NNAME\n# @Tstring\n# FEATURE_DATA\n>\n# @DA\n"
    "# @P\n0 0\n4 0\n4 4\n0 0\n",
    "esri": '{"geometryType": "esriGeometryPolygon", "features": [{"attributes": '
    '{"NAME": "A"}, "geometry": {"rings": [[[0, 0], [4, 4], [4, 0], [0, 0]]]}}]}',
}
EARTH = (
    "0 6.0 3.4 2.72\n24 6.8 3.9 2.92\n24 8.1 4.5 3.37\nmantle\n670 10 5.5 3.95\n"
    "670 10.8 6 4.38\n2891 13.7 7.25 5.57\nouter-core\n2891 8.06 0 9.9\n"
    "5150 10.36 0 12.17\ninner-core\n5150 11.03 3.5 12.76\n6371 11.26 3.67 13.09\n"
)
GRCOF2 = "".join(
    f"GRCOF2 {n} {m} 1e-6 -1e-6 1e-12 1e-12 20180601.0000 20180701.0000 yynn\n"
    for n, m in ((2, 0), (2, 1), (2, 2))
)
GFC_HEAD = (
    "modelname x_2010-04\nearth_gravity_constant 3.986004415e14\nradius 6378136.3\n"
    "max_degree 2\nerrors formal\nnorm fully_normalized\nend_of_head\n"
)
GFC = "gfc 2 1 1e-10 2e-9 1e-12 1e-12\ngfc 2 2 2e-6 -1e-6 1e-12 1e-12\n"
GFCT = (
    "gfct 2 0 -4e-4 0 1e-12 0 20000101.0000 20200101.0000\n"
    "trnd 2 0 1e-11 0 1e-12 0 20000101.0000 20200101.0000\n"
    "acos 2 0 1e-10 0 1e-12 0 20000101.0000 20200101.0000 1.0\n"
)


def tabled(read):
    """A reader of columns, whose answer is a dataset."""
    return lambda path: xr.Dataset(
        {f"c{i}": ("row", x) for i, x in enumerate(read(path))}
    )


OTHERS = {
    "steps": (io.read_offsets, "ABCD 07JAN01 1 x\nABCD 07JAN02 2 400 1.0 6.1 us\n"),
    "breaks": (io.read_offsets, "2011.37 9999.9 0 0\n2012.4 60 2 1\n"),
    "json": (io.read_offsets, '{"ABCD": ["20031222 up offset"]}'),
    "table": (io.read_offsets, "station,day,kind,relaxation\nA,2010-01-01,rate,3\n"),
    "loading": (
        lambda path: io.read_loading(path, units="mm"),
        "vertical,north,east,Date\n1,2,3,2006-01-01\n",
    ),
    "ntal": (lambda path: io.read_loading(path, units="mm"), "20060101 1 2 3\n"),
    "wells": (
        io.read_wells,
        "well,date,depth,specific_yield,lon,lat\nA,2018-01-01,1,.1,1,2\n",
    ),
    "nevada": (
        io.read_loading,
        "ABCD 38.6 -121.1 NTAL ESMGFZ_CM\nABCD 10JAN01 2010.0014 .0001 .0002 .0003\n",
    ),
    "onsala": (io.read_loading, "#1   2010jan01:00   -.00226   .00126   .00075\n"),
    "esmgfz": (
        io.read_loading,
        "# YYYY MM DD HH  R [m]  NS [m]  EW [m]\n2010 01 01 00 1e-4 1e-4 2e-4\n",
    ),
    "described loading": (
        lambda path: io.read_loading(path, "mm", "- year doy up"),
        "x 2010 1 .3\ny 2010 2 .4\n",
    ),
    "rdb": (
        io.read_wells,
        "# lev_va level value in feet\nagency_cd\tsite_no\tlev_dt\tlev_va\n"
        "5s\t15s\t10d\t12s\nUSGS\tA\t1974-05-16\t4.87\nUSGS\tA\t1974-07\t-999\nUSGS\tA\t1975-01-01\t5\n",
    ),
    "quoted wells": (
        io.read_wells,
        '"Well";"Date";"Depth (m)"\n"A; 5";2010/1/5;12,3\n"A; 5";2010/2/5;12,4\n',
    ),
    "earth model": (tabled(io.read_earth_profile), EARTH),
    "named earth model": (
        tabled(io.read_earth_profile),
        "# depth vp vs rho\n" + EARTH,
    ),
    "love numbers": (
        tabled(io.read_love_numbers),
        "l h k l\n1 -.29 0 .11\n2 -0.99D+00 -.31 .02\n3,-1.05,-.19,.07\n",
    ),
    "level 2": (
        io.read_level2,
        "FIRST x\nCMMNT y\nEARTH 0.3986004415E+15 0.6378136300E+07\n"
        "SHM 2 2 1.00 fully normalized inclusive permanent tide\n" + GRCOF2,
    ),
    "icgem": (io.read_icgem, GFC_HEAD + "gfc 2 0 -4e-4 0 1e-12 0\n" + GFC),
    "icgem in time": (
        lambda path: io.read_icgem(path, time="2010-05-01"),
        GFC_HEAD + GFCT + GFC,
    ),
    "note 7": (
        io.read_tn07,
        "55835.0 2011.7474  -0.4841695729627E-03 -1.0065  0.3620\n"
        "55851.0 2011.7912  -0.4841695729627E-03 -1.0065  0.3620 * (See Note 1)\n",
    ),
    "c20": (
        io.read_tn07,
        " 2001.0411 -4.84169E-04 0.3361 0.5179 0.9903 20010101.0000 20010201.0000\n",
    ),
    "degree 1": (
        io.read_tn13,
        "200208    1    0-0.144E-09 0.0E+00 0.36E-10 0.36E-10 20020801.0000 "
        "20020901.0000\n200208    1    1-0.107E-09 0.1E-10 0.36E-10 0.36E-10 "
        "20020801.0000 20020901.0000\n",
    ),
    "sites": (
        lambda path: xr.Dataset(attrs=dict.fromkeys(io.read_sites(path), "")),
        "ABCD 10 50 100\n",
    ),
}
#: Pieces that break things when they stand in the place of others.
PIECES = [
    b"",
    b" ",
    b"\n",
    b"\r",
    b",",
    b"nan",
    b"inf",
    b"-1",
    b"0",
    b"1e999",
    b"9999.9999",
    b"99999999999999999999",
    b"\x00",
    b"\xff\xfe",
    b"\x1f\x8b",
    b"*****",
    b"#",
    b'"',
    b"\xe2\x80\xa8",
    b"2000.5",
    b"20100230",
    "٣".encode(),
]


def mutated(content):
    """Bytes of a good file with a few of them replaced by pieces."""
    size = len(content)
    place = st.tuples(st.integers(0, size), st.integers(0, 12), st.sampled_from(PIECES))

    def apply(changes):
        result = content
        for start, length, piece in changes:
            result = result[:start] + piece + result[start + length :]
        return result

    return st.lists(place, min_size=1, max_size=4).map(apply)


def answer(read, path):
    """A dataset, or the one sentence that came in its place."""
    try:
        result = read(path)
    except (ValueError, FileNotFoundError) as error:
        message = str(error)
        assert message
        assert "\n" not in message
        return message
    assert isinstance(result, xr.Dataset)
    return result


#: Formats whose component is at the end of the name of the file.
NAMED = ("mom", "est_noise", "component")


def read_as(name):
    units = "mm" if name == "component" else None
    reading = io.Reading(format=name, sigma=2.0, units=units)
    return lambda path: io.read_gnss(path, sites=path.parent / "s", reading=reading)


def file_of(name):
    """The name of a file of a format."""
    return "abcd_u.txt" if name in NAMED else "abcd.txt"


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "s").write_text("ABCD 10 50\n")
    return folder


def test_every_format_has_a_sample_that_reads(places):
    assert {known.name for known in FORMATS} == set(GNSS)
    for name, content in GNSS.items():
        path = places / file_of(name)
        path.write_text(content)
        result = answer(read_as(name), path)
        assert isinstance(result, xr.Dataset) == (name != "netcdf"), (name, result)
    for name, (read, content) in OTHERS.items():
        (places / "abcd.txt").write_text(content)
        assert isinstance(answer(read, places / "abcd.txt"), xr.Dataset), name


@pytest.mark.parametrize("name", sorted(set(GNSS) - {"netcdf"}))
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_damage_to_a_series_gives_a_network_or_one_sentence(places, name, data):
    good = GNSS[name].encode()
    content = data.draw(mutated(good) | mutated(good * 3) | st.binary(max_size=40))
    path = places / file_of(name)
    path.write_bytes(content)
    for format_ in (name, None):
        result = answer(read_as(format_), path)
        if isinstance(result, xr.Dataset):
            io.check_dataset(result, io.GNSS)
            assert np.isfinite(result.up).any()
            assert not (result.up_sigma <= 0).any()


@pytest.mark.parametrize("name", sorted(OTHERS))
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_damage_to_another_text_gives_a_table_or_one_sentence(places, name, data):
    read, good = OTHERS[name]
    content = mutated(good.encode()) | mutated(good.encode() * 2)
    path = places / "abcd.txt"
    path.write_bytes(data.draw(content | st.binary(max_size=40)))
    answer(read, path)


def check_outlines(regions):
    for region in regions.values() if isinstance(regions, dict) else [regions]:
        assert region.is_valid
        assert region.area > 0
        west, south, east, north = region.bounds
        assert east - west <= 360 + 1e-6
        assert -90 - 1e-6 <= south < north <= 90 + 1e-6


@pytest.mark.parametrize("name", sorted(OUTLINES))
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_damage_to_an_outline_gives_polygons_or_one_sentence(places, name, data):
    good = OUTLINES[name].encode()
    path = places / "abcd.txt"
    path.write_bytes(data.draw(st.just(good) | mutated(good) | mutated(good * 2)))
    for read in (io.read_region, io.read_regions, lambda p: io.read_region(p, "A")):
        try:
            regions, message = read(path), ""
        except ValueError as error:
            regions, message = {}, str(error)
        check_outlines(regions)
        assert "\n" not in message
        assert (
            not message or path.read_bytes() != good or "holds no region 'A'" in message
        )


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_damage_to_a_described_table_gives_a_network_or_one_sentence(places, data):
    good = b"Tag;N;U;s\n01.02.2010;ABCD;1,5;2\n02.02.2010;ABCD;1,5;2\n"
    columns = io.Columns(
        up="U",
        units="mm",
        time="Tag",
        time_format="%d.%m.%Y",
        up_sigma="s",
        station="N",
        delimiter=";",
        decimal=",",
    )
    path = places / "abcd.txt"
    path.write_bytes(data.draw(mutated(good)))
    answer(read_as(columns), path)


@pytest.mark.parametrize("name", sorted(set(GNSS) - {"netcdf"}))
def test_no_file_takes_more_than_a_second_a_megabyte(places, name):
    # The last line is broken, so that every line before it is looked at.
    *head, last = GNSS[name].splitlines(keepends=True)
    path = places / file_of(name)
    for rest in (last, "\n"):
        content = "".join(head) + last + rest * (200_000 // len(rest))
        path.write_text(content + "broken\n")
        times = []
        for _ in range(4):
            start = time.process_time()
            answer(read_as(name), path)
            times.append(time.process_time() - start)
        assert min(times) < 0.2, (name, rest)


@pytest.mark.parametrize("name", sorted(set(GNSS) - {"netcdf"}))
def test_no_word_of_a_line_makes_it_slow(places, name):
    lines = GNSS[name].splitlines()
    path = places / file_of(name)
    for number, line in enumerate(lines[:12]):
        words = line.split()[:6]
        for place, run in itertools.product(range(len(words)), ("1", "a", "1 ")):
            long = [*words[:place], words[place] + run * 20_000, *words[place + 1 :]]
            changed = [*lines[:number], " ".join(long), *lines[number + 1 :]]
            path.write_text("\n".join(changed) + "\n")
            start = time.process_time()
            answer(read_as(name), path)
            assert time.process_time() - start < 1, (name, number, place, run)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_any_damage_to_harmonics_in_netcdf_gives_a_field_or_one_sentence(places, data):
    dims = ("time", "degree", "order")
    field = xr.Dataset(
        {name: (dims, np.full((1, 3, 3), 1e-9)) for name in ("cosine", "sine")},
        {"time": np.array(["2010-04-16"], "M8[ns]")},
        {"gm": 3.986004415e14, "radius": 6378136.3},
    )
    whole = places / "whole.nc"
    if not whole.is_file():
        io.write_stokes(field, whole)
    content = whole.read_bytes()
    cut = st.integers(0, len(content)).map(lambda size: content[:size])
    path = places / "harmonics.nc"
    path.write_bytes(data.draw(cut | st.binary(max_size=40)))
    answer(io.read_stokes, path)
