"""Kinds of series as institutes and programs write them, in several variants each."""

import numpy as np
import pytest

from jaxload import io
from jaxload.io.gnss.frames import local_axes
from jaxload.io.gnss.sites import Site

DAYS = np.array(["2011-12-31", "2012-01-01", "2012-02-29", "2012-03-02"], "M8[D]")
UP = np.array([3.0, -4.0, 7.5, 1.0])  # mm
NORTH, EAST = 0.5 * UP, -0.25 * UP
SIGMA = (1.0, 1.5, 4.0)  # north, east, up
SITE = Site(10.0, 50.0, 100.0)
CENTRE = np.array([4045456.4, 713323.1, 4862789.0])


def noon(day):
    length = 366 if str(day)[:4] == "2012" else 365
    return f"{int(str(day)[:4]) + (doy(day) - 0.5) / length:.5f}"


def mjd(day):
    return (day - np.datetime64("1858-11-17")).astype(float)


def doy(day):
    return int((day - day.astype("M8[Y]")).astype(int)) + 1


def rows(line, end="\n"):
    return "".join(line(d, n, e, u) + end for d, n, e, u in zip(DAYS, NORTH, EAST, UP))


def xyz(north, east, up):
    moved = CENTRE + 1e-3 * np.array([north, east, up]) @ local_axes(SITE)
    return " ".join(f"{x:.5f}" for x in moved)


def short(day):
    return day.item().strftime("%y%b%d").upper()


UNAVCO = (
    "PBO Station Position Time Series.\nFormat Version, 1.2.0\nReference Frame, NAM08\n"
    "4-character ID, ABCD\nStation name, Somewhere\nOffset from source file, 41.76 mm "
    "North, 62.78 mm East, 5.22 mm Vertical\nReference position, 50.0 North Latitude, "
    "10.0 East Longitude, 100.0 meters elevation\n"
)
NAMES = (
    "Date, North (mm), East (mm), Vertical (mm), North Std. Deviation (mm), East Std."
)
NAMES += " Deviation (mm), Vertical Std. Deviation (mm), Quality,\n"
REORDERED = "Date,Vertical (cm),Vertical Std. Deviation (cm),North (cm),North Std. "
REORDERED += "Deviation (cm),East (cm),East Std. Deviation (cm)\n"


def unavco():
    line = "{},{:.3f}, {:.3f}, {:.3f}, 1.0, 1.5, 4.0, repro,"
    return UNAVCO + NAMES + rows(lambda d, *neu: line.format(d, *neu))


def reordered():
    return (
        UNAVCO
        + REORDERED
        + rows(
            lambda d, n, e, u: (
                f"{d},{u / 10:.4f},0.4,{n / 10:.4f},0.1,{e / 10:.4f},0.15"
            )
        )
    )


def pygeons():
    return (
        "4-character id, ABCD\nbegin date, 2011-12-31\nlongitude, 10.0 E\nlatitude, "
        "50.0 N\nunits, meters**1 days**0\ndate, north, east, vertical, north std. "
        "deviation, east std. deviation, vertical std. deviation\n"
    ) + rows(
        lambda d, *neu: ", ".join(
            [str(d), *(f"{x / 1e3:e}" for x in neu), *(f"{s / 1e3:e}" for s in SIGMA)]
        )
    )


def german():
    return "time;north [mm];east [mm];up [mm];sn [mm];se [mm];su [mm]\n" + rows(
        lambda d, *neu: ";".join(
            [str(d), *(f"{x:.3f}".replace(".", ",") for x in (*neu, *SIGMA))]
        )
    )


def bare_header():
    head = "YYYY.DECM YYYY DOY   N(m)   E(m)   U(m)  sig_n(m)  sig_e(m) sig_u(m)"
    return (
        head
        + "  \n"
        + rows(
            lambda d, *neu: (
                f"{str(d)[:4]}.1 {str(d)[:4]} {doy(d):3d} "
                + " ".join(f"{x / 1e3:.6f}" for x in (*neu, *SIGMA))
            )
        )
    )


def other_order():
    return "# MJD E(mm) N(mm) U(mm) dE(mm) dN(mm) dU(mm)\n" + rows(
        lambda d, n, e, u: f"{mjd(d) + 0.5} {e} {n} {u} 1.5 1.0 4.0"
    )


TMS = (
    "%=TMS 1.00 AAA 2025:067:0 AAA 2002:001:0 2022:365:0 P ABCD\n"
    "+TIMESERIES/REF_COORDINATE\n*STATION__ PT SOLN T __REF_EPOCH___ __REF_X______\n"
    f" ABCD A ---- P 2025:001:00000 {' '.join(map(str, CENTRE))} IGS20\n"
    "-TIMESERIES/REF_COORDINATE\n+TIMESERIES/COLUMNS\n*__COL __NAME____ __UNIT__\n"
)


def tms():
    names = ("YYYY-MM-DD", "X", "EAST", "NORTH", "UP", "SIG_E", "SIG_N", "SIG_U")
    listed = "".join(
        f"     {i} {name:20s} {'m' if i > 1 else ' ':20s} Description of it\n"
        for i, name in enumerate(names, 1)
    )
    body = rows(
        lambda d, n, e, u: (
            f" {d} 4045456.4 {e / 1e3:.6f} {n / 1e3:.6f} {u / 1e3:.6f} "
            ".0015 .0010 .0040"
        )
    )
    data = f"-TIMESERIES/COLUMNS\n+TIMESERIES/DATA\n*YYYY-MM-DD X\n{body}"
    return f"{TMS}{listed}{data}-TIMESERIES/DATA\n%=ENDTMS\n"


def stcd():
    return (
        "+FILE/REFERENCE\n DESCRIPTION x\n-FILE/REFERENCE\n+FILE/COMMENT\n FIELDS - "
        "modified julian date, dX, dY, dZ, sX, sY, sZ, dEast, dNorth, dUp, sEast, "
        "sNorth, sUp\n UNITS - all position residuals in millimeters\n-FILE/COMMENT\n"
        "+SITE/ID\n*Code\n ABCD  A 10338S003 D SOMEWHERE, LAND  10 00 00.0  50 00 00.0 "
        " 100.0\n-SITE/ID\n"
    ) + rows(lambda d, n, e, u: f"  {mjd(d) + 0.5} 1 2 3 1 1 1 {e} {n} {u} 1.5 1.0 4.0")


def spotgins():
    return (
        "# SPOTGINS SOLUTION [POSITION] v2\n# STATION          : ABCD\n# UNITS         "
        "   : meters\n# Longitude        : 10.0\n# Latitude         : 50.0\n#-----\n"
    ) + rows(
        lambda d, n, e, u: (
            f" {mjd(d) + 0.5:.8f} {e / 1e3:.6f} {n / 1e3:.6f} "
            f"{u / 1e3:.6f} .0015 .0010 .0040 {str(d).replace('-', '')}120000 2012 G x"
        )
    )


def rneu():
    return rows(
        lambda d, n, e, u: (
            f"{str(d).replace('-', '')} {str(d)[:4]}.0014 {n} {e} {u} "
            "0.00 1.0 1.5 4.0 f"
        )
    )


def mjd_enu():
    return rows(
        lambda d, n, e, u: (
            f"{mjd(d) + 0.5:.8f} {e / 1e3:.6f} {n / 1e3:.6f} "
            f"{u / 1e3:.6f} .0015 .0010 .0040"
        )
    )


def headless_pos():
    return (
        "PBO Station Position Time Series. Reference Frame : ITRF2005\n"
        "4-character ID: ABCD\nNEU Reference position : 50.0 10.0 100.0\n"
    ) + rows(
        lambda d, *neu: (
            f" {str(d).replace('-', '')} 120000 {mjd(d) + 0.5:.4f} 1 2 3 .1 "
            ".1 .1 0 0 0 50.0 10.0 100.0 "
            + " ".join(f"{x / 1e3:.6f}" for x in (*neu, *SIGMA))
            + " 0 0 0 noamf"
        )
    )


KINDS = {
    "csv of UNAVCO": ("ABCD.pbo.nam08.csv", unavco),
    "its columns in another order": ("ABCD.csv", reordered),
    "csv of PyGeoNS": ("data.csv", pygeons),
    "decimal commas": ("abcd.csv", german),
    "a bare header": ("ABCD.raw.neu", bare_header),
    "a header in a comment that exchanges east and north": ("abcd.neu", other_order),
    "SINEX TMS": ("ABCD_AAA_01D.tms", tms),
    "DORIS": ("abcd.stcd", stcd),
    "SPOTGINS": ("SPOTGINS_X.enu", spotgins),
    "enu by MJD": ("ABCD_7col.enu", mjd_enu),
    "USGS": ("abcd_NAfixed.rneu", rneu),
    "pos without a line of columns": ("ABCD.sio.pos", headless_pos),
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sites.txt").write_text("ABCD 10.0 50.0 100.0\n")
    return tmp_path


def check(gnss, relative=False, components=("north", "east", "up")):
    assert gnss.station.values.tolist() == ["ABCD"]
    seen = gnss.dropna("time", subset=["up"]).isel(station=0)
    np.testing.assert_array_equal(seen.time.values.astype("M8[D]"), DAYS)
    truth = {"north": NORTH, "east": EAST, "up": UP}
    for name in components:
        expected = truth[name] - (truth[name].mean() if relative else 0)
        np.testing.assert_allclose(
            seen[name], expected, rtol=0, atol=0.02, err_msg=name
        )
        error = dict(zip(("north", "east", "up"), SIGMA))[name]
        np.testing.assert_allclose(seen[f"{name}_sigma"], error, rtol=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_series_is_read_in_every_variant_of_its_text(folder, kind, caplog):
    name, content = KINDS[kind]
    for variant in (
        content().encode(),
        content().replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + content().encode(),
        content().replace("\n", "\n\n").encode(),
    ):
        (folder / name).write_bytes(variant)
        gnss = io.read_gnss(folder / name)
        check(gnss)
        np.testing.assert_allclose(
            [gnss.lon.item(), gnss.lat.item()], [10, 50], atol=1e-3
        )
    assert not caplog.text


def test_a_place_in_the_header_needs_no_list_of_stations(tmp_path):
    for kind in ("csv of UNAVCO", "csv of PyGeoNS", "SINEX TMS", "DORIS", "SPOTGINS"):
        name, content = KINDS[kind]
        (tmp_path / name).write_text(content())
        gnss = io.read_gnss(tmp_path / name)
        np.testing.assert_allclose(
            [gnss.lon.item(), gnss.lat.item()], [10, 50], rtol=0, atol=1e-3
        )


def test_heights_of_the_nevada_laboratory_are_displacement_about_their_mean(folder):
    bend = 1 - 6.69437999014e-3 * np.sin(np.radians(50)) ** 2
    along = 6378137.0 * (1 - 6.69437999014e-3) / bend**1.5 + 100
    across = (6378137.0 / np.sqrt(bend) + 100) * np.cos(np.radians(50))
    degree = np.degrees([1e-3 / along, 1e-3 / across])  # of a millimetre

    def line(day, north, east, up):
        lat, lon = 50 + north * degree[0], 10 + east * degree[1]
        errors = (SIGMA[0] * degree[0], SIGMA[1] * degree[1])
        return (
            f"ABCD {short(day)} 2012.0 {lat:.12f} {lon:.12f} {100 + up / 1e3:.6f} "
            f"{errors[0]:.14f} {errors[1]:.14f} .0040 0.0000"
        )

    head = (
        "Name Date Year Latitude Longitude Height sigma(Lat) sigma(Long) sigma(h) ant\n"
    )
    for content in (head + rows(line), rows(line)):
        (folder / "x.txt").write_text(content)
        gnss = io.read_gnss(folder / "x.txt")
        check(gnss, relative=True)
        assert abs(gnss.height.item() - 100) < 0.01


def covariance(order):
    axes = local_axes(SITE)
    matrix = axes.T @ np.diag(np.square(SIGMA)) @ axes
    sigma = np.sqrt(np.diag(matrix))
    rho = matrix / np.outer(sigma, sigma)
    named = {"xy": rho[0, 1], "xz": rho[0, 2], "yz": rho[1, 2]}
    return " ".join(
        f"{x:.9f}" for x in (*(1e-3 * sigma), *(named[name] for name in order))
    )


def test_geocentric_series_of_ngl_and_igs_become_local_with_their_errors(folder):
    ngl = rows(
        lambda d, *neu: (
            f"ABCD {short(d)} 2012.0 {xyz(*neu)} {covariance(('xy', 'yz', 'xz'))} 0"
        )
    )
    igs = rows(
        lambda d, *neu: (
            f"ABCD  A {d} {mjd(d) + 0.5:.5f} {xyz(*neu)} "
            f"{covariance(('xy', 'xz', 'yz'))}"
        )
    )
    for name, content in (("ABCD.txyz2", ngl), ("ABCD_igs.xyz", igs)):
        (folder / name).write_text(content)
        check(io.read_gnss(folder / name), relative=True)


def test_files_of_one_day_of_glorg_are_joined_and_keep_their_height(folder):
    for number, (day, *neu) in enumerate(zip(DAYS, NORTH, EAST, UP)):
        y, m, d = str(day).split("-")
        (folder / f"globk_{number}.org").write_text(
            "Globk Analysis\n + GLORG                 Version 5.19 +\n"
            f"pbo. ABCD_GPS ABCD_2PS   {y} {m} {d} 11 59 {mjd(day) + 0.4998:.4f} "
            f"{xyz(*neu)} {covariance(('xy', 'xz', 'yz'))} |    50.0   10.0  100.0  "
            "8.5  12.1    0.00400 |   4502160.13\n"
        )
    gnss = io.read_gnss(f"{folder}/*.org")
    seen = gnss.dropna("time", subset=["up"]).isel(station=0)
    np.testing.assert_array_equal(seen.time.values.astype("M8[D]"), DAYS)
    np.testing.assert_allclose(seen.up - seen.up[0], UP - UP[0], rtol=0, atol=0.02)
    np.testing.assert_allclose(seen.east - seen.east[0], EAST - EAST[0], atol=0.02)
    np.testing.assert_allclose(seen.up_sigma, 4.0, rtol=1e-3)


def test_years_of_gsi_are_joined_to_one_series_of_heights(folder):
    head = "+SITE/INF\n ID           000842\n-SITE/INF\n+DATA\n*yyyy mm dd\n"
    for year in ("2011", "2012"):
        body = "".join(
            f" {str(d)[:4]} {str(d)[5:7]} {str(d)[8:]} 12:00:00 "
            + " ".join(f"{float(x):.10E}" for x in xyz(n, e, u).split())
            + f" 5.0E+01 1.0E+01 {100 + u / 1e3:.8E}\n"
            for d, n, e, u in zip(DAYS, NORTH, EAST, UP)
            if str(d)[:4] == year
        )
        (folder / f"000842.{year[2:]}.pos").write_text(head + body + "-DATA\n")
    gnss = io.read_gnss(f"{folder}/*.pos", reading=io.Reading(sigma=3.0))
    assert gnss.station.values.tolist() == ["000842"]
    seen = gnss.dropna("time", subset=["up"]).isel(station=0)
    np.testing.assert_array_equal(seen.time.values.astype("M8[D]"), DAYS)
    np.testing.assert_allclose(seen.up - seen.up[0], UP - UP[0], rtol=0, atol=1e-3)
    np.testing.assert_allclose(seen.east - seen.east[0], EAST - EAST[0], atol=1.0)


def test_a_station_renamed_in_mb_files_is_one_and_its_step_is_named(folder, caplog):
    heights = {"GPS": (DAYS[:2], UP[:2], 284.0), "2PS": (DAYS[2:], UP[2:], 284.02)}
    for name, (days, values, zero) in heights.items():
        for letter, number in (("N", 1), ("E", 2), ("U", 3)):
            (folder / f"mb_ABCD_{name}.dat{number}").write_text(
                f" GLOBK 5.17\n ABCD_{name} to {letter} Solution  1 + {zero:.3f} m\n"
                + "".join(
                    f" {noon(d)} {u / 1e3:.6f} .004\n" for d, u in zip(days, values)
                )
            )
    up = io.read_gnss(f"{folder}/mb_*").up[:, 0].dropna("time")
    np.testing.assert_array_equal(up.time.values.astype("M8[D]"), DAYS)
    step = np.array([0, 0, 20, 20])
    np.testing.assert_allclose(up - up[0], UP + step - UP[0], rtol=0, atol=1e-6)
    assert "ABCD is joined of ABCD_GPS (until 2012-01-01) and ABCD_2PS (from" in (
        caplog.text
    )


def test_one_component_a_file_is_joined_by_the_end_of_the_name(folder):
    values = {"north": NORTH, "east": EAST, "up": UP}
    kinds = {
        "est_noise": (".e", lambda d, x, s: f" {str(d)[:4]} {doy(d)}.0000 {x} {s}"),
        "mom": (".mom", lambda d, x, _: f"{mjd(d):.1f} {x}"),
        "csv": (".csv", lambda d, x, s: f"{d}T11:59:59.999999Z,{x},{s}"),
        "dates": (".dat", lambda d, x, s: f"{str(d).replace('-', '')} {x} {s}"),
    }
    for kind, (suffix, line) in kinds.items():
        for number, (name, sigma) in enumerate(
            zip(("north", "east", "up"), SIGMA, strict=True)
        ):
            end = {
                ".e": f".{name[0]}",
                ".mom": f"_{(1, 0, 2)[number]}.mom",
                ".csv": f"_{name[0]}.csv",
                ".dat": f"_{name}.dat",
            }[suffix]
            head = {
                "csv": f"date-time, {name[0]} (mm), error (mm)\n",
                "mom": "# sampling period 1.0\n# offset 55927.0\n",
            }.get(kind, "")
            body = [line(d, x, sigma) for d, x in zip(DAYS, values[name])]
            (folder / f"abcd{end}").write_text(head + "\n".join(body) + "\n")
        files = sorted(x for x in folder.iterdir() if x.name.startswith("abcd"))
        gnss = io.read_gnss(files, reading=io.Reading(sigma=4.0))
        names = ("up",) if kind == "mom" else ("north", "east", "up")
        check(gnss, components=names)
        np.testing.assert_allclose(gnss.east[0, 0], EAST[0])
        for file in files:
            file.unlink()


@pytest.mark.parametrize("content", ["2012-01-01\n", "2012-01-01 1 2\n2012-01-02 1\n"])
def test_a_row_of_one_component_without_its_value_is_named(folder, content):
    (folder / "abcd_up.txt").write_text(content)
    reading = io.Reading(format="component", units="mm", sigma=2.0)
    with pytest.raises(ValueError, match=r"line \d has \d columns?, expected 3"):
        io.read_gnss(folder / "abcd_up.txt", reading=reading)


@pytest.mark.parametrize("columns", [20, 23])
def test_a_tenv3_file_that_lost_its_header_is_read(folder, columns):
    content = rows(
        lambda d, n, e, u: " ".join(
            f"ABCD {short(d)} 2012.0 {mjd(d):.0f} 1594 4 9.9 -3815 {e / 1e3:.6f} 42767 "
            f"{n / 1e3:.6f} 100 {u / 1e3:.6f} 0.18 .0015 .0010 .0040 0 0 0 50.0 10.0 "
            "100.0".split()[:columns]
        )
    )
    (folder / "ABCD.tenv3").write_text(content)
    check(io.read_gnss(folder), relative=True)


def test_what_moves_like_no_place_is_not_taken_for_one(folder):
    content = "time,lon,lat,ver\n" + rows(lambda d, n, e, u: f"{d},{e},{n},{u}")
    (folder / "abcd.csv").write_text(content)
    with pytest.raises(ValueError, match="they are no position in degrees"):
        io.read_gnss(folder / "abcd.csv", reading=io.Reading(units="mm", sigma=4.0))


#: What is right of the cases: first day, first height and error [mm], rows.
CASES = {
    "01_tsanalyzer_described/cand.dat": ("CAND", "1999-08-21", -9.31, 7.68, 173),
    "02_unavco_csv/ALBH.pbo.nam08.csv": ("ALBH", "1996-01-01", 0.0, 5.06, 168),
    "03_sinex_tms/*.tms": ("TRO1", "2002-01-01", -67.5, 10.4, None),
    "04_glorg_org/*.org": ("VILL", "2000-01-23", 0.0, 3.22, 3),
    "06_ngl_llh_txt/G103.txt": ("G103", "2003-04-01", None, 2.1, None),
    "07_ngl_txyz2/*": ("HOB2", "1994-07-11", None, None, 180),
    "08_ngl_tenv_txt/BARC*": ("BARC", "2007-06-06", 0.0, 2.634, 180),
    "10_vyas_neu_cats/*": ("VYAS", "1998-07-29", 2.9, 3.7, None),
    "13_doris_stcd/*": ("SVAC", "2018-10-17", 252.1, 6.2, 10),
    "14_pygeons_csv/*": ("A000", "2015-07-01", 0.3182454, 0.5, 393),
    "17_sio_noamf_pos/*": ("CAND", "1999-08-21", -9.31, 7.68, 171),
    "18_ios_gamit_neu/*": ("BJFS", "1999-03-01", 0.0, 6.41, 179),
    "19_gipsyx_series/*": ("ONSA", "2005-01-01", -45.193, 2.576, 25),
    "20_hector_mom/*": ("TEST", "1996-01-02", 1.234, 3.0, 3),
    "21_gsi_f5/*": ("000842", "2020-01-01", -1.0, 3.0, 3),
    "22_geonet_csv/*.csv": ("PARI", "2003-01-01", -4.51, 4.2, 3),
    "23_tenv3_ages/*": ("COVE", "2010-07-28", None, 3.28, 2),
    "24_spotgins_enu/SPOTGINS*": ("AJAC00FRA", "2001-01-01", 3.456, 3.3, 2),
    "24_spotgins_enu/AJAC_7col.enu": ("AJAC", "2001-01-01", 3.456, 3.3, 2),
    "25_usgs_rneu/*": ("P236", "2005-01-01", 3.45, 3.1, 2),
    "26_igs_xyz/*": ("CKSV", "2001-01-01", None, None, 2),
    "28_mb_renamed/*": ("P403", "2009-01-01", 5.0, 3.0, 4),
}


@pytest.mark.parametrize("path", CASES)
def test_the_cases_of_series_are_read_rightly(data, tmp_path, path):
    station, first, up, sigma, count = CASES[path]
    cases = data.parent / "cases" / "gnss"
    if not cases.is_dir():
        pytest.skip("the cases (../shared/cases) are not here")
    # Those that say where they stand need no list, which would contradict them.
    own = (
        "02",
        "03",
        "04",
        "06",
        "07",
        "13",
        "14",
        "17",
        "21",
        "24_spotgins_enu/S",
        "26",
    )
    listed = "" if path.startswith(own) else f"{station} 10 50\n"
    (tmp_path / "sites").write_text(listed + "ZZZZ 1 2\n")
    gnss = io.read_gnss(
        str(cases / path), sites=tmp_path / "sites", reading=io.Reading(sigma=3.0)
    ).sel(station=station)
    seen = gnss.dropna("time", subset=["up"])
    assert str(seen.time.values[0])[:10] == first
    assert up is None or float(seen.up[0]) == pytest.approx(up, abs=1e-6)
    assert sigma is None or float(seen.up_sigma[0]) == pytest.approx(sigma, abs=0.005)
    assert count in (None, seen.sizes["time"])
    assert abs(float(seen.up.mean())) < 300
