"""Each format of GNSS series, on small files made here and on real ones."""

import gzip
import logging
import re

import numpy as np
import pytest
import xarray as xr

from jaxload import io
from jaxload.io.gnss.formats import FORMATS
from jaxload.io.gnss.frames import geodetic
from jaxload.io.text.dates import (
    days_of_julian_years,
    days_of_texts,
    days_of_years,
)

DAYS = np.array(["2015-01-01", "2015-01-02", "2015-01-04"], "M8[D]")
NEU = [(1.0, -2.0, 3.0), (2.5, -1.0, -4.0), (0.5, 0.25, 7.0)]  # mm
SIGMA = (1.0, 1.5, 4.0)

PBO_HEAD = (
    "PBO Station Position Time Series. Reference Frame : IGS14\n"
    "4-character ID: ABCD\n*YYYYMMDD HHMMSS JJJJJ.JJJJ X Y Z\n"
)


def numbers(values, scale=1.0):
    return " ".join(f"{scale * v:.6f}" for v in values)


def ordinal(day):
    return int((day - day.astype("M8[Y]")).astype(int)) + 1


def noon(day):
    return f"{day.astype('M8[Y]')}{(ordinal(day) - 0.5) / 365:.5f}".replace("0.", ".")


def compact(day):
    return str(day).replace("-", "")


def short(day):
    return day.item().strftime("%y%b%d").upper()


def mjd(day):
    return int((day - np.datetime64("1858-11-17")).astype(int))


def seconds(day):
    return (day - np.datetime64("2000-01-01T12:00:00")).astype("m8[s]").astype(int)


def lines(row):
    return "".join(row(day, neu) + "\n" for day, neu in zip(DAYS, NEU))


def enu(values):
    return values[1], values[0], values[2]


def table(order, scale, time, head="", tail=""):
    pick = enu if order == "enu" else tuple
    return head + lines(
        lambda day, neu: (
            f"{time(day)} {numbers(pick(neu), scale)} "
            f"{numbers(pick(SIGMA), scale)}{tail}"
        )
    )


def year_and_day(day):
    return f"{noon(day)} {str(day)[:4]} {ordinal(day)}"


def pos():
    place = "50.0 10.0 100.0"
    return PBO_HEAD + lines(
        lambda day, neu: (
            f" {compact(day)} 120000 {mjd(day)}.5000 1 2 3 .1 .1 .1 0 0 0 {place} "
            f"{numbers(neu, 1e-3)} {numbers(SIGMA, 1e-3)} 0 0 0 final"
        )
    )


def tenv():
    return lines(
        lambda day, neu: (
            f"ABCD {short(day)} 2015.0 {mjd(day)} 1825 4 {numbers(enu(neu), 1e-3)} 0.0 "
            f"{numbers(enu(SIGMA), 1e-3)} 0 0 0"
        )
    )


def series():
    return lines(
        lambda day, neu: (
            f"2015.0000 {numbers(enu(neu), 1e-3)} {numbers(enu(SIGMA), 1e-3)} 0 0 0 "
            f"{seconds(day) + 43200}.00 2015 1 1 12 0 0"
        )
    )


def csv():
    return "Date,east,north,vertical,e_std,n_std,v_std\n" + lines(
        lambda day, neu: ",".join(map(str, [day, *enu(neu), *enu(SIGMA)]))
    )


DESCRIBED = (
    "# unit: mm\n# scale: 1\n# column_names: ymd hms north east up north_sigma "
    "east_sigma up_sigma\n# columns_index: 0 1 3 4 5 6 7 8\n# index_cols: ymd hms\n"
    "# index_formats: %Y%m%d %H%M%S\n"
)

FILES = {
    "pos": ("ABCD.pos", pos),
    "short pos": ("ABCD.pos", lambda: table("neu", 1.0, compact)),
    "neu of SOPAC": ("abcdCleanUnf.neu", lambda: table("neu", 1e-3, year_and_day)),
    "neu of CMONOC": ("abcd.neu", lambda: table("neu", 1e-3, noon)),
    "enu": ("abcd.enu", lambda: table("enu", 1e-3, noon)),
    "dat": ("x.dat", lambda: table("neu", 1.0, noon, tail=" ABCD")),
    "described": (
        "abcd.dat",
        lambda: table(
            "neu", 1.0, lambda d: f"{compact(d)} 120000 {noon(d)}", DESCRIBED
        ),
    ),
    "tenv": ("ABCD.tenv", tenv),
    "series": ("ABCD.series", series),
    "unr": ("ABCD_UNR.txt", csv),
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sites.txt").write_text("ABCD 10.0 50.0 100.0\n")
    return tmp_path


def check_series(gnss, relative=False):
    assert gnss.station.values.tolist() == ["ABCD"]
    assert (gnss.lon.item(), gnss.lat.item()) == (10.0, 50.0)
    days = np.arange("2015-01-01", "2015-01-05", dtype="M8[D]")
    np.testing.assert_array_equal(gnss.time.values.astype("M8[D]"), days)
    for column, name in enumerate(("north", "east", "up")):
        expected = np.array([neu[column] for neu in NEU])
        seen = gnss[name][[0, 1, 3], 0].values
        np.testing.assert_allclose(
            seen, expected - (expected.mean() if relative else 0), rtol=0, atol=1e-6
        )
        assert np.isnan(gnss[name][2, 0])
        np.testing.assert_allclose(
            gnss[f"{name}_sigma"][[0, 1, 3], 0], SIGMA[column], rtol=1e-6
        )


@pytest.mark.parametrize("kind", FILES)
def test_every_format_gives_the_same_series(folder, kind, caplog):
    name, content = FILES[kind]
    (folder / name).write_text(content())
    check_series(io.read_gnss(folder))
    # Windows line ends, and gzip, change nothing.
    (folder / name).write_bytes(content().replace("\n", "\r\n").encode())
    check_series(io.read_gnss(folder))
    (folder / f"{name}.gz").write_bytes(gzip.compress(content().encode()))
    check_series(io.read_gnss(folder / f"{name}.gz"))
    assert not caplog.text


def test_three_files_of_a_station_become_one_series(folder):
    for column, (letter, word) in enumerate((("N", "lat"), ("E", "lon"), ("U", "rad"))):
        rows = [f"{noon(d)} {1e-3 * v[column]:.6f}" for d, v in zip(DAYS, NEU)]
        sigma = SIGMA[column]
        (folder / f"mb_ABCD_GPS.dat{column + 1}").write_text(
            f" a run\nABCD_GPS to {letter} Solution  1 +   6281738.966 m\n \n"
            + "".join(f" {row} {1e-3 * sigma:.5f}\n" for row in rows)
        )
        (folder / f"ABCD.{word}").write_text(
            "".join(
                f"2015.0 {0.1 * v[column]:e} {0.1 * sigma:e} ABCD {word.upper()} "
                f"{short(d)}\n"
                for d, v in zip(DAYS, NEU)
            )
        )
    check_series(io.read_gnss(f"{folder}/mb_*"))
    check_series(io.read_gnss([folder / f"ABCD.{s}" for s in ("lat", "lon", "rad")]))
    with pytest.raises(ValueError, match="ABCD has no vertical component"):
        io.read_gnss(folder / "ABCD.lat")
    with pytest.raises(ValueError, match="is a second file of station ABCD"):
        io.read_gnss(
            [f"{folder}/mb_*", folder / "ABCD.lat"], reading=io.Reading(strict=True)
        )


def cartesian(neu):
    """A position 100 m above 10 E, 50 N, moved by millimetres."""
    lon, lat = np.radians([10.0, 50.0])
    axis = 6378137.0 / np.sqrt(1 - 6.69437999014e-3 * np.sin(lat) ** 2)
    east = np.array([-np.sin(lon), np.cos(lon), 0.0])
    up = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    scale = np.array([axis + 100, axis + 100, axis * (1 - 6.69437999014e-3) + 100])
    return scale * up + 1e-3 * (
        neu[0] * np.cross(up, east) + neu[1] * east + neu[2] * up
    )


def spread():
    """Sigmas and correlations of x, y, z that are SIGMA to the north, east and up."""
    origin = cartesian((0, 0, 0))
    axes = np.array([cartesian(1e3 * row) - origin for row in np.eye(3)])
    covariance = axes.T @ np.diag(np.square(SIGMA)) @ axes
    sigma = np.sqrt(np.diag(covariance))
    matrix = covariance / np.outer(sigma, sigma)
    rho = (matrix[0, 1], matrix[0, 2], matrix[1, 2])
    return " ".join(f"{v:.9f}" for v in (*(1e-3 * sigma), *rho))


def test_geocentric_positions_become_local_with_their_errors(folder):
    def row(neu):
        return " ".join(f"{v:.10f}" for v in cartesian(neu)) + f" {spread()}"

    (folder / "abcd.xyz").write_text(
        lines(lambda day, neu: f"abcd {day}T12:00:00 {row(neu)}")
    )
    check_series(io.read_gnss(folder), relative=True)
    (folder / "abcd.xyz").unlink()
    (folder / "all.org").write_text(
        "Some other line\n"
        + lines(
            lambda day, neu: (
                f"pbo. ABCD_GPS abcd {compact(day)} 120000 {mjd(day)}.5 {row(neu)}"
            )
        )
    )
    check_series(io.read_gnss(folder), relative=True)
    site = geodetic(cartesian((0, 0, 0)))
    np.testing.assert_allclose([site.lon, site.lat], [10, 50], rtol=0, atol=1e-11)
    assert site.height == pytest.approx(100, abs=1e-6)


def test_any_table_can_be_described(folder):
    content = "Name;Tag;N;E;U;sN;sE;sU\n" + "".join(
        f"ABCD;{str(d)[8:]}/{str(d)[5:7]}/{str(d)[:4]};"
        + ";".join(f"{0.1 * v:.6f}".replace(".", ",") for v in (*n, *SIGMA))
        + "\n"
        for d, n in zip(DAYS, NEU)
    )
    (folder / "all.csv").write_text(content)
    columns = io.Columns(
        up="U",
        units="cm",
        time="Tag",
        time_format="%d/%m/%Y",
        up_sigma="sU",
        north="N",
        north_sigma="sN",
        east="E",
        east_sigma="sE",
        station="Name",
        delimiter=";",
        decimal=",",
    )
    reading = io.Reading(format=columns)
    check_series(io.read_gnss(folder / "all.csv", reading=reading))
    with pytest.raises(ValueError, match="has no column 'V'; it has 'Name, Tag"):
        io.read_gnss(
            folder / "all.csv",
            reading=io.Reading(format=io.Columns(up="V", units="m", delimiter=";")),
        )


def test_what_is_ambiguous_names_the_candidates_until_one_is_chosen(folder):
    path = folder / "abcd.txt"
    path.write_text(table("enu", 1e-3, noon))
    with pytest.raises(ValueError, match=r'several formats: "neu" .*; "enu" .*format'):
        io.read_gnss(path)
    check_series(io.read_gnss(path, reading=io.Reading(format="enu")))
    with pytest.raises(
        ValueError, match="format is 'sinex', expected one of up, tenv3"
    ):
        io.read_gnss(path, reading=io.Reading(format="sinex"))
    names = [known.name for known in FORMATS]
    assert len(set(names)) == len(names)


def test_content_outranks_the_suffix(folder):
    (folder / "abcd.tenv3").write_text(table("neu", 1.0, compact))
    check_series(io.read_gnss(folder))


def test_units_can_be_stated_and_wrong_ones_are_noticed(folder):
    path = folder / "abcd.neu"
    path.write_text(table("neu", 1.0, noon))
    with pytest.raises(ValueError, match=r"errors of 1.5e\+03 mm; .* \"mm\""):
        io.read_gnss(path, reading=io.Reading(strict=True))
    check_series(io.read_gnss(path, reading=io.Reading(units="mm")))


def test_series_without_errors_need_one(folder):
    path = folder / "x.csv"
    path.write_text(
        "Station abcd,  50.0, 10.0, 100.0\n"
        + lines(lambda d, n: f"{d}, {', '.join(map(str, enu(n)))}, {mjd(d)}.0")
    )
    with pytest.raises(ValueError, match="no standard errors of up, east, north; say"):
        io.read_gnss(path)
    gnss = io.read_gnss(path, reading=io.Reading(sigma=2.0))
    np.testing.assert_array_equal(gnss.up[[0, 1, 3], 0], [3.0, -4.0, 7.0])
    assert gnss.east[0, 0] == -2.0
    assert gnss.up_sigma[0, 0] == 2.0


def test_fillers_are_missing(folder, caplog):
    rows = ["2 9999.0 4", "3 nan 4", "4 ***** 4", "5 1.5 9999.99", "6 99999 4", "7 2 4"]
    (folder / "abcd.up").write_text(
        "".join(f"2010010{row}\n" for row in ["1 1 4", *rows])
    )
    up = io.read_gnss(folder).up[:, 0].values
    np.testing.assert_array_equal(up, [1, *[np.nan] * 5, 2])
    assert "abcd.up, up: 9999 stands in 2 of 7 rows for a missing value" in caplog.text
    assert "abcd.up, sigma: 9999.99 stands in 1 of 7 rows" in caplog.text


def test_heights_among_others_of_their_size_are_no_fillers(folder, caplog):
    heights = [9990.25, 9999.5, 10003.0]
    rows = [f"2010010{n} {up} 4\n" for n, up in enumerate(heights, 1)]
    (folder / "abcd.up").write_text("".join(rows))
    up = io.read_gnss(folder).up[:, 0].values
    np.testing.assert_array_equal(up, heights)
    assert "missing value" not in caplog.text


@pytest.mark.parametrize("filler", ["-9999", "999.9", "1e20", "-32768"])
@pytest.mark.parametrize("units", ["mm", "m"])
def test_undeclared_fillers_of_any_format_are_named(folder, caplog, rng, filler, units):
    scale = 1.0 if units == "mm" else 1e-3
    up, sigma = rng.normal(0, 5 * scale, 40), rng.uniform(2, 4, 40) * scale
    words = [[f"{x:.5f}" for x in column] for column in (up, sigma)]
    for column, rows in zip(words, ((3, 9, 20), (30,))):
        for row in rows:
            column[row] = filler
    rows = [
        f"{2010 + (n + 0.5) / 365:.6f} 0 0 {x} {scale} {scale} {s}\n"
        for n, (x, s) in enumerate(zip(*words))
    ]
    (folder / "abcd.neu").write_text("".join(rows))
    reading = io.Reading(units=units)
    found = io.read_gnss(folder, reading=reading).up[:, 0].values
    missing = np.isin(np.arange(40), (3, 9, 20, 30))
    np.testing.assert_array_equal(np.isnan(found), missing)
    np.testing.assert_allclose(found[~missing], up[~missing] / scale, atol=0.01)
    value = f"{float(filler):.10g}"
    assert re.search(rf"abcd\.neu, up: {re.escape(value)} stands .* ?3 ", caplog.text)
    assert re.search(rf"neu, up sigma: {re.escape(value)} stands .* ?1 ", caplog.text)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            gzip.compress(b"20100101 1 4\n" * 99, mtime=0)[:-20],
            "is a gzip file cut short",
        ),
        (gzip.compress(b"20100101 1 4\n", mtime=0)[:-8] + bytes(8), "damaged gzip"),
        (b"PK\x03\x04rest", "damaged zip file"),
        (b"\x1f\x9drest", "damaged compress file"),
        (b"20100101 1,5 4\n", "decimal point in place of the comma"),
        (b"\x89HDF\r\n\x1a\nrest", "cannot be read as netCDF"),
    ],
    ids=["cut gzip", "damaged gzip", "zip", "compress", "comma", "netCDF"],
)
def test_what_is_packed_or_cut_short_is_refused_with_a_remedy(folder, content, message):
    (folder / "abcd.up").write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        io.read_gnss(folder / "abcd.up")
    assert "\n" not in str(caught.value)


def test_a_network_survives_netcdf_to_the_last_bit(folder):
    (folder / "ABCD.pos").write_text(pos())
    gnss = io.read_gnss(folder)
    io.write_gnss(gnss, folder / "out.nc")
    back = io.read_gnss(folder / "out.nc")
    xr.testing.assert_identical(back.drop_attrs(), gnss.drop_attrs())
    assert back.attrs["displacement_reference"] == "reference position of the file"
    gnss.rename(up="dU").to_netcdf(folder / "other.nc")
    with pytest.raises(ValueError, match=r"has no up .* it holds .*dU"):
        io.read_gnss(folder / "other.nc")
    feet = gnss.assign(up=(gnss.up / 304.8).assign_attrs(units="feet"))
    feet.to_netcdf(folder / "feet.nc")
    np.testing.assert_allclose(io.read_gnss(folder / "feet.nc").up, gnss.up)
    gnss.up.attrs["units"] = "s"
    gnss.to_netcdf(folder / "seconds.nc")
    with pytest.raises(ValueError, match="up is 's', expected a length as mm"):
        io.read_gnss(folder / "seconds.nc")


def test_decimal_years_land_on_their_day_by_noon_and_by_midnight():
    day = np.arange("1999-01-01", "2025-01-01", dtype="M8[D]")
    year = day.astype("M8[Y]")
    length = (year + np.timedelta64(1, "Y")).astype("M8[D]") - year.astype("M8[D]")
    start = 1970 + year.astype(int)
    for hour in (0.0, 0.5):
        decimal = start + ((day - year).astype(int) + hour) / length.astype(int)
        for places in (4, 5, 11):
            rounded = np.round(decimal, places)
            np.testing.assert_array_equal(days_of_years(rounded), day)
    julian = 2000 + ((day - np.datetime64("2000-01-01")).astype(int)) / 365.25
    np.testing.assert_array_equal(days_of_julian_years(np.round(julian, 8)), day)
    assert days_of_texts(
        ["99DEC31", "00FEB29", "01FEB29", "01APR99999999999999999999"], "yyMMMdd"
    ).astype(str).tolist() == ["1999-12-31", "2000-02-29", "NaT", "NaT"]


def many(folder, count):
    rows = "".join(f"2010010{i} {i} 2\n" for i in range(1, 10))
    names = [f"S{number:03d}" for number in range(count)]
    for name in names:
        (folder / f"{name.lower()}.up").write_text(rows)
    (folder / "sites.txt").write_text("".join(f"{name} 1 2\n" for name in names))
    (folder / "s003.up").write_text("20100101 x 2\n")


def test_processes_read_what_one_reads_and_progress_is_told(folder):
    many(folder, 20)
    progress = []
    plain = io.read_gnss(
        folder, watch=lambda done, total: progress.append((done, total))
    )
    assert progress == [(i, 20) for i in range(1, 21)]
    assert "s003.up line 1: up is 'x'" in plain.attrs["files_left_out"]
    assert plain.sizes["station"] == 19
    parallel = io.read_gnss(folder, reading=io.Reading(workers=2))
    xr.testing.assert_identical(parallel, plain)
    with pytest.raises(KeyboardInterrupt):
        io.read_gnss(folder, watch=stop, reading=io.Reading(workers=2))


def stop(done, _):
    if done == 2:
        raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"units": "s"}, "units is 's', expected a length as mm, cm, m or f"),
        ({"sigma": 0.0}, "sigma is 0.0, expected a positive number"),
        ({"workers": 0}, "workers is 0, expected 1 or more"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        io.Reading(**settings)
    with pytest.raises(ValueError, match="time_format is 'day'"):
        io.Columns(up=1, units="mm", time_format="day")
    with pytest.raises(ValueError, match="decimal is ','"):
        io.Columns(up=1, units="mm", decimal=",")


PLACES = dict.fromkeys(
    ["7ODM", "ANAT", "KMIN", "KUNM", "LUZH", "YNSM", "P571"], "10 50"
) | {
    "00NA": "130.844 -12.4666",
    "AHID": "-111.0637 42.7731",
    "ARTU": "58.5605 56.4298",
    "BJFS": "115.8925 39.6086",
    "LHAS": "91.104 29.6573",
    "LHAZ": "91.104 29.6573",
    "P192": "0 0",
}


@pytest.fixture
def real(data, tmp_path):
    # Where a file says itself where its station stands, it is not contradicted.
    (tmp_path / "s").write_text(
        "".join(f"{name} {at}\n" for name, at in PLACES.items())
    )

    def read(path, **settings):
        return io.read_gnss(
            data / path, sites=tmp_path / "s", reading=io.Reading(**settings)
        ).isel(station=0)

    return read


def level(gnss, component):
    return gnss[component] - gnss[component].mean()


def test_a_station_is_the_same_in_every_format_of_its_centre(real):
    for station, folder in (("00NA", ""), ("LHAS", "NGL.{}/")):
        path = f"gnss_formats/{folder}{station}" + ".{}"
        tenv, tenv3 = (real(path.format(*[s] * 2)) for s in ("tenv", "tenv3"))
        if station == "00NA":
            # The newer .tenv3 goes on after the .tenv ends.
            tenv, tenv3 = (real(f"gnss_formats/00NA.{s}") for s in ("tenv", "tenv3"))
        both = xr.align(tenv, tenv3)
        assert both[0].sizes["time"] > 2000
        # Northings and eastings are lengths on the ellipsoid, not in the local plane.
        for name, much in (("up", 0.001), ("north", 0.05), ("east", 0.1)):
            difference = both[0][name] - both[1][name]
            assert float(difference.std()) < much, name
            np.testing.assert_allclose(both[0].up_sigma, both[1].up_sigma)


def correlation(one, other):
    one, other = xr.align(one.dropna("time"), other.dropna("time"))
    assert one.sizes["time"] > 1000
    return float(np.corrcoef(one, other)[0, 1])


def test_two_centres_see_the_same_station_alike(real):
    ngl = real("gnss_formats/NGL.tenv/LHAS.tenv")
    jpl = real("gnss_formats/JPL_SERIES/LHAS.series")
    assert correlation(ngl.east, jpl.east) > 0.999
    assert correlation(ngl.north, jpl.north) > 0.99
    # Daily noise agrees only if the days do.
    slow = ngl.up.dropna("time").diff("time"), jpl.up.dropna("time").diff("time")
    here = correlation(*slow)
    late = jpl.assign_coords(time=jpl.time + np.timedelta64(1, "D"))
    assert here > 0.5
    assert here > correlation(slow[0], late.up.dropna("time").diff("time")) + 0.4
    pbo, ngl = real("gnss_formats/00NA.pos"), real("gnss_formats/00NA.tenv3")
    assert correlation(pbo.north, ngl.north) > 0.999
    late = ngl.assign_coords(time=ngl.time + np.timedelta64(1, "D"))
    here, there = (
        correlation(pbo.up.diff("time"), s.up.diff("time")) for s in (ngl, late)
    )
    assert here > 0.3 > 0 > there


def test_a_station_of_china_agrees_between_its_files(real):
    metres = real("gnss_formats/southwest_china/kmin.neu")
    detrended = real("gnss_formats/southwest_china/KMIN_1018detrend2.dat")
    assert correlation(metres.up.diff("time"), detrended.up.diff("time")) > 0.5
    for name in ("kunm.neu", "luzh.neu", "YNSM.dat"):
        gnss = real(f"gnss_formats/southwest_china/{name}")
        assert 5 < float(gnss.up.std()) < 40
        # The plate moves to the south-east here.
        assert float(gnss.east.dropna("time")[-1] - gnss.east.dropna("time")[0]) > 100
        assert float(gnss.north.dropna("time")[-1] - gnss.north.dropna("time")[0]) < -50


@pytest.mark.parametrize(
    ("path", "station", "epochs", "first", "up"),
    [
        ("gnss_formats/PBO", "P156", 3196, "2006-06-08", 2.76),
        ("gnss_formats/SIO.NEU/USUD.icd.final_igs08.pos.neu", "USUD", 5183, None, None),
        ("gnss_formats/SIO.NEU/bjfsCleanUnf.neu", "BJFS", 3097, "1999-10-22", -20.4),
        ("gnss_formats/iGPS", "LHAZ", 130, "2015-01-01", 6.8684),
        ("gnss_formats/GLOBK", "ARTU", 88, "1999-08-07", 8.08),
        ("gnss_formats/JPL.LAT.LON.RAD", "7ODM", 3608, "2001-04-20", -0.3929561),
        ("gnss_formats/SIO.RAWXYZ", "YELL", 8598, "1992-08-16", None),
        ("loading/stations/AHID.pos", "AHID", 5286, "2006-01-01", 14.38),
        ("loading/stations/P192_UNR.txt", "P192", None, "2006-01-01", 707.396),
    ],
)
def test_real_files_are_read_whole(real, path, station, epochs, first, up):
    gnss = real(path)
    assert gnss.station.item() == station
    seen = gnss.dropna("time", subset=["up"])
    assert epochs in (None, seen.sizes["time"])
    assert first in (None, str(seen.time.values[0])[:10])
    assert up is None or float(seen.up[0]) == pytest.approx(up, abs=1e-6)
    assert 1 < float(gnss.up_sigma.median()) < 15


def test_a_raw_position_gives_the_place_of_the_antenna(real):
    gnss = real("gnss_formats/SIO.RAWXYZ")
    np.testing.assert_allclose([gnss.lon, gnss.lat], [-114.4807, 62.4809], atol=1e-3)
    # Canada rises and moves to the south-west.
    assert float(gnss.up.dropna("time")[-1] - gnss.up.dropna("time")[0]) > 100
    assert float(gnss.north.dropna("time")[-1] - gnss.north.dropna("time")[0]) < -100


def test_pristine_real_files_are_read_without_a_word(real, caplog):
    with caplog.at_level(logging.DEBUG, "jaxload"):
        real("gnss_formats/00NA.pos")
        real("gnss_formats/NGL.tenv3/LHAS.tenv3")
    assert not caplog.text
