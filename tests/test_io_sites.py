"""Lists of stations in every layout, and latitudes taken for longitudes."""

import pathlib

import numpy as np
import pytest

from jaxload import io
from jaxload.io.gnss.cartesian import geodetic
from jaxload.io.gnss.site_checks import find_sites
from jaxload.io.gnss.sites import Site, distance_km

BARC, CODR = (11.0, 43.6), (12.98, 45.96)


@pytest.fixture
def listed(tmp_path):
    """Where a list of stations puts them: name to lon, lat, height."""

    def read(content, name="list.txt", **options):
        (tmp_path / name).write_text(content, encoding="utf-8")
        sites = io.read_sites(tmp_path / name, **options)
        return {k: (s.lon, s.lat, s.height) for k, s in sites.items()}

    return read


def geocentric(lon, lat, height):
    """x, y, z on WGS 84, the other way round than `geodetic`."""
    lon, lat = np.radians([lon, lat])
    flat = 1 / 298.257223563
    square = flat * (2 - flat)
    normal = 6378137 / np.sqrt(1 - square * np.sin(lat) ** 2)
    level = (normal + height) * np.cos(lat)
    axis = (normal * (1 - square) + height) * np.sin(lat)
    return level * np.cos(lon), level * np.sin(lon), axis


@pytest.mark.parametrize(
    "content",
    [
        "name lon lat\nBARC 11.0 43.6\nCODR 12.98 45.96\n",
        "name,lat,lon\nBARC,43.6,11.0\nCODR,45.96,12.98\n",
        "\ufeffStation;Latitude;Longitude\nBARC;43,6;11,0\nCODR;45,96;12,98\n",
        "Lon\tLat\tSite name\n11\t43.6\tBarc\n12.98\t45.96\tcodr\n",
        "# NAME lat lon [height]\nBARC 43.6 11.0\nCODR 45.96 12.98\n",
        "#  LATITUDE(DEG) LONGITUDE(DEG) HIGHT(M)   ID       NAME\n"
        " 43.6 11.0 10.0 BARC barcis\n45.96 12.98 20.0 CODR codroipo\n",
        "Sta Lat(deg) Long(deg) Dtbeg NumSol OrigName\n"
        "BARC 43.6 11.0 2008-03-27 3190\nCODR 45.96 12.98 2009-06-11 5567 ALV0\n",
        "Station Name  Latitude (deg)  Longitude (deg)\nBARC 43.6 11.0\n"
        "CODR 45.96 12.98\n",
        '"site","_longitude(deg)","_latitude(deg)"\n"BARC","11","43.6"\n'
        '"CODR","12.98","45.96"\n',
        "站名 经度 纬度\nBARC 11 43.6\nCODR 12.98 45.96\n",
        "% stations of a network\nBARC 11 43.6 x\n\nCODR 12.98 45.96 y\n",
        "11 43.6 BARC\n12.98 45.96 CODR\n",
        "BARC,11,43.6\nCODR,12.98,45.96\n",
    ],
)
def test_columns_of_a_list_are_known_by_their_names(listed, content):
    sites = listed(content)
    assert {name: place[:2] for name, place in sites.items()} == {
        "BARC": BARC,
        "CODR": CODR,
    }


def test_a_comment_that_speaks_of_coordinates_names_no_columns(listed):
    content = "# station list: lat lon swapped in 2019\nBARC 11 43.6 80\n"
    assert listed(content)["BARC"] == (11, 43.6, 80)
    assert listed("# the name, lon and lat\nBARC 11 43.6 80\n")["BARC"][:2] == BARC


def test_an_identifier_names_a_station_before_its_name(listed):
    rows = "0841 NISHI 139.07 34.95\n0842 OKABE 138.25 34.95\n"
    assert list(listed("id name lon lat\n" + rows)) == ["0841", "0842"]
    assert list(listed("id station lon lat\n" + rows)) == ["NISHI", "OKABE"]


def test_a_name_of_several_words_at_the_end_of_a_line_is_one(listed):
    assert list(listed("lon lat name\n11 43.6 Monte Bello\n")) == ["MONTE BELLO"]
    assert list(listed('name,lon,lat\n"Bello, Monte",11,43.6\n')) == ["BELLO, MONTE"]


@pytest.mark.parametrize("name", ["BARC 12345M001", "BARC"])
def test_a_list_of_bernese_is_read(listed, name):
    x, y, z = geocentric(*BARC, 212.5)
    content = (
        "20216 Week solution                                 23-OCT-18 07:05\n"
        + "-" * 80
        + "\nLOCAL GEODETIC DATUM: IGS14             EPOCH: 2018-10-03 12:00:00\n\n"
        "NUM  STATION NAME           X (M)          Y (M)          Z (M)     FLAG\n\n"
        f"  1  {name:16s} {x:14.5f} {y:14.5f} {z:14.5f}    A      G E\n"
        f"  2  CODR                   0.00000        0.00000        0.00000\n"
    )
    ((station, place),) = listed(content, "w.CRD").items()
    assert station == "BARC"
    np.testing.assert_allclose(place, (*BARC, 212.5), rtol=0, atol=1e-4)


def test_lines_of_geocentric_positions_are_read(listed):
    x, y, z = geocentric(*BARC, 212.5)
    for content in (
        f" BARC {x} {y} {z}\n",
        f" BARC {x} {y} {z} -0.01 0.02 0.01 2010.0\n",
        f"name,x(m),y(m),z(m)\nBARC,{x},{y},{z}\n",
    ):
        place = listed(content)["BARC"]
        np.testing.assert_allclose(place, (*BARC, 212.5), rtol=0, atol=1e-4)


def test_the_sites_of_sinex_are_read(listed):
    content = (
        "%=SNX 2.02 IGN 17:029:00000\n+SITE/ID\n"
        "*CODE PT __DOMES__ T _STATION DESCRIPTION__ _LONGITUDE_ _LATITUDE__ HEIGHT_\n"
        " ALBH  A 40129M003 P Victoria, Canada       236 30 45.1  48 23 23.2    31.7\n"
        " SYDN  A 50124M003 P Sydney 2               151  9  1.8 -33 46 51.2    85.6\n"
        "-SITE/ID\n+SOLUTION/ESTIMATE\n 1 STAX ALBH\n-SOLUTION/ESTIMATE\n"
    )
    sites = listed(content, "x.snx")
    assert list(sites) == ["ALBH", "SYDN"]
    np.testing.assert_allclose(sites["ALBH"], (-123.48747, 48.38978, 31.7), atol=1e-4)
    np.testing.assert_allclose(sites["SYDN"], (151.15050, -33.78089, 85.6), atol=1e-4)


FAR_EAST = "A 35.1 139.2 9\nB -12.4 -229.1 9\nC 44.9 8.6 9\n"


def test_longitudes_beyond_90_degrees_tell_their_column_with_a_warning(listed, caplog):
    sites = listed(FAR_EAST)
    assert [round(place[0], 6) for place in sites.values()] == [139.2, 130.9, 8.6]
    assert "has latitudes before longitudes, as 139.2 on line 1 shows" in caplog.text
    caplog.clear()
    assert listed("A 139.2 35.1\nC 8.6 44.9\n")["C"][:2] == (8.6, 44.9)
    assert not caplog.text


def test_one_line_in_another_order_is_an_error_and_not_the_rule(listed):
    others = "".join(f"S{i} {10 + i} {40 + i}\n" for i in range(5))
    with pytest.raises(
        ValueError, match=r"line 6: lat is -110.*sites_order = \"lat lon\""
    ):
        listed(others + "X 40 -110\n")
    with pytest.raises(ValueError, match=r"line 2: lat is 139"):
        listed("A 139.2 35.1\nB 35.1 139.2\nC 35.1 139.2\n")


def test_the_order_may_be_set_where_values_cannot_tell(listed, caplog):
    rows = "BARC 43.6 11.0\nCODR 45.96 12.98\n"
    assert listed(rows)["BARC"][:2] == (43.6, 11.0)
    assert listed(rows, order="lat lon")["BARC"][:2] == BARC
    assert listed(rows, columns=("station", "lat", "lon"))["BARC"][:2] == BARC
    assert not caplog.text
    assert listed(rows, "llh_mine.out")["BARC"][:2] == BARC
    assert "latitudes before longitudes, as its name says" in caplog.text
    assert listed(rows, "llh_mine.out", order="lon lat")["BARC"][:2] == (43.6, 11.0)


def test_columns_may_be_described(listed):
    columns = ("-", "lat", "lon", "station", "height")
    rows = "1 43.6 11.0 BARC 200 9 9\n"
    assert listed(rows, columns=columns) == {"BARC": (*BARC, 200)}
    header = "Nr Breite Laenge Punkt Hoehe\n"
    assert listed(header + rows, columns=columns) == {"BARC": (*BARC, 200)}


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("A 1 2\n", {"order": "lat, lon"}, "order of a list of stations is 'lat, lon'"),
        ("A 1 2\n", {"columns": ("lon", "lat")}, "expected station with lon and lat"),
        (
            "name lat lon\nA 1 2\n",
            {"order": "lon lat"},
            'names lat first, but "lon lat" is asked for',
        ),
        (
            "name lon lat\nA 1\n",
            {},
            "line 2 has 2 columns, expected 3 as in the header",
        ),
        ("name lon lat\nA 1 2 3 4\n", {}, "line 2 has 5 columns, expected 3 as in"),
        ("A 1 2 3 4 5\n", {}, "line 1 has 6 columns, .*gnss.sites_columns"),
        ("Punkt Breite Laenge\nA 1 2\n", {}, "line 1 has 3 columns, .* names the col"),
        ("name,lon,lat\n,1,2\n", {}, "line 2 names no station"),
        ("name lon lat\nA 43.6N 2\n", {}, "line 2: lon is '43.6N', expected a number"),
        ("A 1e6 2e6 3e6\n", {}, "line 1: lat is 2e"),
        ("name,x,y,z\nA,1,2,3\n", {}, "x, y, z are 1, 2, 3 m, not on the Earth's"),
        ("+SITE/ID\n A A 1 2\n", {}, "line 2 has 4 columns, expected code, point"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_with_its_line(
    listed, content, options, message
):
    with pytest.raises(ValueError, match=message) as caught:
        listed(content, **options)
    assert "\n" not in str(caught.value)


def test_a_header_that_names_the_wrong_order_is_found_by_geocentric_columns(listed):
    x, y, z = geocentric(*BARC, 0)
    row = f"BARC 43.6 11.0 0 {x} {y} {z}\n"
    right = "Sta Lat(deg) Long(deg) Hgt(m) X(m) Y(m) Z(m)\n"
    assert listed(right + row)["BARC"][:2] == BARC
    with pytest.raises(
        ValueError, match=r"line 2: lon 43\.6 and lat 11 are not where x"
    ):
        listed(
            right.replace("Lat", "Long", 1).replace("Long(deg) H", "Lat(deg) H") + row
        )


def test_the_distance_of_two_places_is_that_of_a_great_circle():
    place = lambda lon, lat: Site(lon, lat, np.nan)
    quarter = 6371 * np.pi / 2
    assert distance_km(place(0, 0), place(90, 0)) == pytest.approx(quarter)
    assert distance_km(place(20, 90), place(80, 0)) == pytest.approx(quarter)
    assert distance_km(place(0, 0), place(180, 0)) == pytest.approx(2 * quarter)
    assert distance_km(place(5, 5), place(5, 5)) == 0
    x, y, z = geocentric(30, 60, 500)
    assert distance_km(geodetic(np.array([x, y, z])), place(30, 60)) < 1e-3


def test_a_station_is_found_under_another_way_to_write_its_name():
    sites = {"ABCD00FRA": 1, "0842": 2, "EFGH_GPS": 3, "IJKL00FRA": 4, "IJKL00DEU": 5}
    names = ["ABCD", "000842", "EFGH", "IJKL", "IJKL00DEU", "NONE"]
    found = {"ABCD": 1, "000842": 2, "EFGH": 3, "IJKL00DEU": 5}
    assert find_sites(sites, names) == found


HEADER = (
    "site YYMMMDD yyyy.yyyy __MJD week d reflon _e0(m) __east(m) ____n0(m) _north(m) "
    "u0(m) ____up(m) _ant(m) sig_e(m) sig_n(m) sig_u(m) __corr_en __corr_eu __corr_nu "
    "_latitude(deg) _longitude(deg) __height(m)\n"
)


def tenv3(name, lon, lat):
    return HEADER + "".join(
        f"{name} 95MAY19 1995.3785 {49856 + i} 801 5 91.1 385 0.9 3282129 0.6 3624 "
        f"{0.7 + i / 1000} 0 0.002 0.001 0.004 0 0 0 {lat} {lon} 24.7\n"
        for i in range(3)
    )


@pytest.fixture
def network(tmp_path):
    """Stations with places of their own, and some that only a list may place."""

    def read(own, bare, sites, **options):
        for name, place in own.items():
            (tmp_path / f"{name}.tenv3").write_text(tenv3(name, *place))
        for name in bare:
            (tmp_path / f"{name}.up").write_text("20060101 1 2\n20060102 2 2\n")
        (tmp_path / "sites.txt").write_text(sites)
        gnss = io.read_gnss(tmp_path, reading=io.Reading(**options))
        return dict(
            zip(gnss.station.values.tolist(), zip(gnss.lon.values, gnss.lat.values))
        )

    return read


def test_a_list_may_move_a_station_a_little_with_a_warning(network, caplog):
    own = {"BARC": BARC, "CODR": CODR}
    places = network(own, (), "BARC 11.0001 43.6\nCODR 12.98 46.01\n")
    assert places["CODR"] == (12.98, 46.01)
    assert "moves stations from where their own files have them: CODR by 6 km" in (
        caplog.text
    )


def test_a_list_that_moves_a_station_over_the_globe_is_an_error(network):
    with pytest.raises(
        ValueError, match=r"puts BARC at lon -70.00 lat -33.00, 1.*km fr"
    ):
        network({"BARC": BARC, "CODR": CODR}, (), "BARC -70 -33\n")


def test_a_list_of_europe_in_the_other_order_is_found_by_the_files(network):
    rows = "BARC 43.6 11.0\nCODR 45.96 12.98\nAAAA 44 12\n"
    own = {"BARC": BARC, "CODR": CODR}
    with pytest.raises(
        ValueError, match=r"exchanged they agree: say gnss\.sites_order"
    ):
        network(own, ("aaaa",), rows)
    places = network(own, ("aaaa",), rows, sites_order="lat lon")
    assert places == {"AAAA": (12, 44), "BARC": BARC, "CODR": CODR}


def test_a_list_of_europe_in_the_other_order_is_found_by_the_neighbours(network):
    own = {"BARC": BARC, "CODR": CODR}
    rows = "AAAA 44 12\nBBBB 44.5 12\nCCCC 45 11.5\n"
    bare = ("aaaa", "bbbb", "cccc")
    with pytest.raises(ValueError, match="AAAA, BBBB, CCCC far from all others, but"):
        network(own, bare, rows)
    assert network(own, bare, rows, sites_order="lat lon")["AAAA"] == (12, 44)
    assert network(own, bare, rows, sites_order="lon lat")["AAAA"] == (44, 12)


def test_one_line_in_the_other_order_is_found_by_the_neighbours(network, caplog):
    rows = "".join(f"A{i} {11 + i / 10} {44 + i / 10}\n" for i in range(5))
    bare = [f"a{i}" for i in range(6)]
    network({}, bare, rows + "A5 45 11.5\n")
    assert (
        "sites.txt puts A5 far from all other stations, but with latitude"
        in caplog.text
    )
    caplog.clear()
    network({}, bare, rows + "A5 -60 -20\n")
    assert not caplog.text


def test_lists_as_people_have_them_are_read(cases, caplog):
    folder = cases / "gnss" / "15_station_lists"
    sites = io.read_sites(folder / "DataHoldings.txt")
    assert len(sites) == 5
    assert (sites["ALBH"].lon, sites["ALBH"].lat) == pytest.approx((-123.4875, 48.3898))
    crd = io.read_sites(cases / "gnss" / "12_bernese_crd" / "w2021.CRD")
    assert list(crd)[:3] == ["0ABI", "AASC", "ADAC"]
    assert distance_km(crd["0ABI"], sites["0ABI"]) < 0.01
    assert distance_km(io.read_sites(folder / "llh.out")["0ABI"], sites["0ABI"]) < 0.01
    assert "latitudes before longitudes" in caplog.text
    geonet = io.read_sites(folder / "geonet_F5.pos")
    assert geonet["0841"].lat == pytest.approx(34.949756936)
    for name in ("sites.csv", "header.txt", "llh_europe.out"):
        barc = io.read_sites(folder / name)["BARC"]
        assert (barc.lon, barc.lat) == BARC, name


def test_a_list_of_real_stations_reads_as_it_did(data):
    path = data / "western_us" / "sites.txt"
    sites = io.read_sites(path)
    rows = [line.split() for line in pathlib.Path(path).read_text().splitlines()]
    rows = [row for row in rows if row and not row[0].startswith("#")]
    assert [(s.lon, s.lat) for s in sites.values()] == [
        (float(row[1]), float(row[2])) for row in rows
    ]
