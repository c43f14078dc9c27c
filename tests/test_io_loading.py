import gzip
import pathlib

import numpy as np
import pytest
import xarray as xr

from jaxload import io
from jaxload.io.displacement.names import stations_of

CSV = (
    "vertical,north,east,Date\n0.004,-0.001,0.002,2006-01-01\n,0,0,2006-01-02\n"
    "-0.002,0.0005,-0.001,2006-01-04\n"
)
BARE = "20060101 -1.0 2.0 4.0\n20060104 0.5 -1.0 -2.0\n"


def check(loading, station="P571"):
    assert loading.station.values.tolist() == [station]
    assert loading.up.attrs["units"] == "mm"
    seen = loading.dropna("time")
    assert seen.time.values.astype("M8[D]").astype(str).tolist() == [
        "2006-01-01",
        "2006-01-04",
    ]
    np.testing.assert_allclose(seen.up[:, 0], [4, -2])
    np.testing.assert_allclose(seen.north[:, 0], [-1, 0.5])
    np.testing.assert_allclose(seen.east[:, 0], [2, -1])


FILES = {
    "csv of ESMGFZ": ("NTAL21.P571.txt", CSV, "m"),
    "other names": (
        "combo21.P571.txt",
        CSV.replace("vertical,north,east", "new_v,new_n,new_e"),
        "m",
    ),
    "ntal": ("P571.ntal", BARE, "mm"),
    "stated": ("P571.ntal", "# units: mm\n" + BARE, None),
    "in the header": (
        "P571.txt",
        "time up[m] north[m] east[m]\n2006-01-01T00:00:00 .004 -.001 .002\n"
        "2006-01-04T00:00:00 -.002 .0005 -.001\n",
        None,
    ),
    "several a day": (
        "P571.txt",
        "2006-01-01T00 -0.5 2.0 3.0\n2006-01-01T12 -1.5 2.0 5.0\n"
        "2006-01-04T00 0.5 -1.0 -2.0\n",
        "mm",
    ),
    "decimal years": (
        "P571.dat",
        "2006.00137 -1 2 4\n2006.00959 0.5 -1 -2\n",
        "mm",
    ),
}


FILES |= {
    "points of the repository of ESMGFZ": (
        "NTAL.P571.csv",
        'time,latitude[unit="degrees_north"],longitude[unit="degrees_east"],'
        'duV[unit="m"],duNS[unit="m"],duEW[unit="m"]\n'
        "2006-01-01T12:00:00Z,36.2,-118.8,0.004,-0.001,0.002\n"
        "2006-01-04T12:00:00Z,36.2,-118.8,-0.002,0.0005,-0.001\n",
        None,
    ),
    "day in several columns": (
        "P571.txt",
        "# YYYY MM DD HH  R [m]  NS [m]  EW [m]\n2006 01 01 00 .0035 -.001 .002\n"
        "2006 01 01 12 .0045 -.001 .002\n2006 01 04 00 -.002 .0005 -.001\n",
        None,
    ),
    "year and day of the year": (
        "P571.txt",
        "year doy up north east\n2006 1 4 -1 2\n2006 4 -2 .5 -1\n",
        "mm",
    ),
    "modified Julian dates named in a comment": (
        "P571_eost.neu",
        "# a loading service, CF\n# Units: mm  Columns: MJD N E U\n"
        "53736.0 -1 2 3.5\n53736.125 -1 2 4.5\n53739.0 0.5 -1 -2\n",
        None,
    ),
    "predictions of Nevada": (
        "P571.NTAL.txt",
        "P571 36.2 -118.8 NTAL ESMGFZ_CM_24hourly\n"
        "P571 06JAN01 2006.0014 0.002 -0.001 0.004\n"
        "P571 06JAN04 2006.0096 -0.001 0.0005 -0.002\n",
        None,
    ),
    "quarters of a day of Onsala": (
        "P571.apload",
        "#1   2006jan01:00   .0035  .002  -.001\n"
        "#2   2006jan01:06   .0045  .002  -.001\n"
        "#1   2006jan04:00   -.002  -.001  .0005\n",
        None,
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_every_layout_gives_the_same_displacement(tmp_path, kind):
    name, content, units = FILES[kind]
    (tmp_path / name).write_text(content)
    check(io.read_loading(tmp_path / name, units=units))
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(content.encode()))
    check(io.read_loading(tmp_path / f"{name}.gz", units=units))


def test_a_table_of_another_kind_is_described(tmp_path):
    (tmp_path / "P571.txt").write_text("4 31/12/2005\n-2 04/01/2006\n")
    columns = io.Columns(
        up=0, units="cm", time=1, time_format="%d/%m/%Y", delimiter=None
    )
    loading = io.read_loading(tmp_path / "P571.txt", columns=columns)
    np.testing.assert_allclose(loading.up[:, 0], [40, -20])


def test_columns_are_described_by_a_word_each(tmp_path):
    path = tmp_path / "P571.txt"
    path.write_text("# of the model\nx 2006 1 4 -1 2 9\ny 2006 4 -2 .5 -1 9\n")
    check(io.read_loading(path, "mm", "- year doy up north east -"))
    path.write_text("2006-01-01;ABCD;0.4\n2006-01-04;P571;-0.2\n")
    both = io.read_loading(path, "cm", "date station up")
    assert both.station.values.tolist() == ["ABCD", "P571"]
    np.testing.assert_allclose(both.up, [[4, np.nan], [np.nan, -2]])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ("date height", "'date height' has 'height', expected words of up, north"),
        ("date north", "must have up once, and date, mjd"),
        ("year up", "must have up once, and date, mjd"),
        ("date up up", "must have up once"),
        ("date up", "has no line of 2 columns with numbers where"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(tmp_path, columns, message):
    (tmp_path / "P571.txt").write_text(BARE)
    with pytest.raises(ValueError, match=message):
        io.read_loading(tmp_path / "P571.txt", "mm", columns)


@pytest.mark.parametrize(
    ("names", "known", "stations"),
    [
        (["BJFS.hydl.txt"], (), ["BJFS"]),
        (["NTAL21.P571.txt"], (), ["P571"]),
        (["BJFS.hydl.txt", "KMIN.hydl.txt"], (), ["BJFS", "KMIN"]),
        (["BJFS.mine.txt", "KMIN.mine.txt"], (), ["BJFS", "KMIN"]),
        (["mine.BJFS.txt", "mine.KMIN.txt"], (), ["BJFS", "KMIN"]),
        (["mine.BJFS.txt"], ("bjfs", "KMIN"), ["BJFS"]),
        (["mine_KMIN_2010.dat"], ("KMIN",), ["KMIN"]),
        (["BJFS.ERA5.txt.gz"], (), ["BJFS"]),
        (["era5.BJFS.neu"], (), ["BJFS"]),
        (["BJFS00CHN.hydl.txt"], (), ["BJFS00CHN"]),
        (["abmf_eost.neu"], (), ["ABMF"]),
        (["G001.txt"], (), ["G001"]),
    ],
)
def test_the_station_is_the_part_of_a_name_that_is_no_product(names, known, stations):
    assert stations_of([pathlib.Path(name) for name in names], known) == stations


def test_several_files_of_one_product_are_several_stations(tmp_path):
    for name in ("BJFS", "KMIN"):
        (tmp_path / f"{name}.hydl.txt").write_text(BARE)
    loading = io.read_loading(f"{tmp_path}/*.hydl.txt", units="mm")
    assert loading.station.values.tolist() == ["BJFS", "KMIN"]


def decimal_file(path, day, convention):
    """Daily rows of ``decimal_year up``, each with an uplift of its own."""
    first = day.astype("M8[Y]").astype("M8[D]")
    number = (day - first).astype(float)
    length = ((day.astype("M8[Y]") + 1).astype("M8[D]") - first).astype(float)
    since = (day - np.datetime64("2000-01-01")).astype(float)
    year = day.astype("M8[Y]").astype(float) + 1970
    written = {
        "decimal_year": year + number / length,
        "julian_year": 2000 + since / 365.25,
        "doy/365": year + (number + 1) / 365,
        "(doy-1)/365.25": year + number / 365.25,
    }[convention]
    rows = zip(written, np.arange(len(day)))
    path.write_text("".join(f"{x:.6f} {n}.25\n" for x, n in rows))


@pytest.mark.parametrize("convention", ["decimal_year", "julian_year"])
def test_the_convention_of_daily_decimal_years_is_found(tmp_path, convention):
    day = np.arange("2007-01-01", "2008-12-31", dtype="M8[D]")
    decimal_file(tmp_path / "P571.gia", day, convention)
    loading = io.read_loading(tmp_path / "P571.gia", units="mm")
    np.testing.assert_array_equal(loading.time.values.astype("M8[D]"), day)
    np.testing.assert_allclose(loading.up[:, 0], np.arange(len(day)) + 0.25)


@pytest.mark.parametrize("convention", ["doy/365", "(doy-1)/365.25"])
def test_daily_decimal_years_of_other_conventions_are_asked_for(tmp_path, convention):
    day = np.arange("2007-01-01", "2008-12-30", dtype="M8[D]")
    path = tmp_path / "P571.gia"
    decimal_file(path, day, convention)
    with pytest.raises(ValueError, match=r"P571\.gia has decimal.*set time_format"):
        io.read_loading(path, units="mm")
    loading = io.read_loading(path, units="mm", time_format=convention)
    np.testing.assert_array_equal(loading.time.values.astype("M8[D]"), day)
    with pytest.raises(ValueError, match="time_format is 'doy', expected a pattern"):
        io.read_loading(path, units="mm", time_format="doy")


def test_decimal_years_of_months_are_the_days_that_they_are_in(tmp_path):
    middle = 2007 + (np.arange(24) + 0.5) / 12
    rows = "".join(f"{year:.4f} {n}.5\n" for n, year in enumerate(middle))
    (tmp_path / "P571.gia").write_text(rows)
    loading = io.read_loading(tmp_path / "P571.gia", units="mm")
    assert str(loading.time.values[0])[:10] == "2007-01-16"
    assert loading.sizes["time"] == 24


def test_the_day_is_written_as_the_user_says(tmp_path):
    (tmp_path / "P571.txt").write_text("date up\n03/01/2006 4\n04/02/2006 -2\n")
    loading = io.read_loading(tmp_path / "P571.txt", "mm", time_format="%d/%m/%Y")
    np.testing.assert_array_equal(
        loading.time.values.astype("M8[D]"),
        np.array(["2006-01-03", "2006-02-04"], "M8[D]"),
    )


@pytest.mark.parametrize("zone", ["Z", " UTC", "+00:00", "+08:00"])
def test_a_day_may_be_of_universal_time_and_of_no_other_zone(tmp_path, zone):
    rows = "".join(f"2006-01-0{n}T00:00:00{zone},{n}\n" for n in (1, 2))
    (tmp_path / "P571.csv").write_text("date,up (mm)\n" + rows)
    if zone == "+08:00":
        with pytest.raises(ValueError, match=r"line 2: .*\+08:00' is not a day"):
            io.read_loading(tmp_path / "P571.csv")
        return
    loading = io.read_loading(tmp_path / "P571.csv")
    np.testing.assert_array_equal(loading.up[:, 0], [1, 2])


def test_parts_of_one_record_are_joined(tmp_path):
    first, second = BARE.splitlines(keepends=True)
    (tmp_path / "P571.2007.txt").write_text(second)
    (tmp_path / "P571.2006.txt").write_text(first)
    check(io.read_loading(f"{tmp_path}/*.txt", units="mm"))


def test_numbers_that_stand_for_missing_values_are_left_out(tmp_path, caplog):
    (tmp_path / "P571.ntal").write_text(BARE + "20060105 -9999 -9999 -9999\n")
    with caplog.at_level("WARNING"):
        check(io.read_loading(tmp_path / "P571.ntal", units="mm"))
    assert "P571.ntal, up: -9999 stands 1 times for a missing value" in caplog.text
    time = np.array(["2006-01-01", "2006-01-02", "2006-01-04"], "M8[ns]")
    values = {"up": [4, 1e20, -2], "north": [-1, 1e20, 0.5], "east": [2, 1e20, -1]}
    dataset = xr.Dataset(
        {
            name: (("time", "station"), np.array(x)[:, None], {"units": "mm"})
            for name, x in values.items()
        },
        {"time": time, "station": ["P571"]},
    )
    dataset.to_netcdf(tmp_path / "x.nc")
    check(io.read_loading(tmp_path / "x.nc"))


def test_displacements_of_unknown_directions_are_refused(tmp_path):
    (tmp_path / "x.eph").write_text("EPHEDISP Format version of 2002.12.12\n")
    with pytest.raises(ValueError, match="does not state whether its disp"):
        io.read_loading(tmp_path / "x.eph")


def test_loading_as_people_have_it_is_read(cases):
    folder = cases / "grids" / "18_station_loading"
    nevada, gfz = (
        io.read_loading(folder / f"P276{end}").up
        for end in (".NTAL.txt", "_esmgfz.txt")
    )
    assert nevada.station.values.tolist() == gfz.station.values.tolist() == ["P276"]
    one, other = xr.align(nevada, gfz)
    np.testing.assert_allclose(one, other, atol=1e-3)
    assert float(nevada.max()) > 3
    hydrology = io.read_loading(f"{folder}/*.hydl.txt", units="mm")
    assert hydrology.station.values.tolist() == ["BJFS", "KMIN"]
    onsala = io.read_loading(folder / "ONSA.apload")
    assert float(onsala.up[0, 0]) == pytest.approx(-2.26)
    eost = io.read_loading(folder / "abmf_eost.neu")
    np.testing.assert_allclose(eost.up[:, 0], [2.55, 2.4])
    assert eost.time.values[0] == np.datetime64("2010-01-01")
    with pytest.raises(ValueError, match="EPHEDISP"):
        io.read_loading(folder / "IMLS.eph")


def test_units_are_never_guessed(tmp_path):
    path = tmp_path / "P571.ntal"
    path.write_text(BARE)
    with pytest.raises(ValueError, match="does not state its units; give units"):
        io.read_loading(path)
    path.write_text("# in [mm]\n" + BARE)
    with pytest.raises(ValueError, match="states mm as its units, but m are asked for"):
        io.read_loading(path, units="m")
    with pytest.raises(
        ValueError, match="units is 'feat', expected a length as mm, cm, m"
    ):
        io.read_loading(path, units="feat")


def test_netcdf_brings_its_units(tmp_path):
    time = np.array(["2006-01-01", "2006-01-04"], "M8[ns]")
    dims = ("time", "station")
    up = xr.DataArray(
        [[0.004], [-0.002]], {"time": time, "station": ["P571"]}, dims, "up"
    )
    up.attrs["units"] = "m"
    dataset = up.to_dataset()
    dataset["north"] = (dims, [[-1.0], [0.5]], {"units": "mm"})
    dataset["east"] = (dims, [[0.2], [-0.1]], {"units": "cm"})
    dataset.to_netcdf(tmp_path / "x.nc")
    check(io.read_loading(tmp_path / "x.nc"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has 0 columns and no header, expected 4"),
        ("20060101 1 2\n", "has 3 columns and no header"),
        ("day,height_x\n1,2\n", "names no day or no vertical component"),
        (BARE + "20060105 1 2\n", "line 3 has 3 columns, expected 4: time north east"),
        (BARE + "20060105 1 2 x\n", "line 3: up is 'x', expected a number"),
        (BARE + "20060132 1 2 3\n", "line 3: 20060132 is not a day"),
        (CSV + "1,2,3,2006-02-30\n", "line 5: '2006-02-30' is not a day"),
    ],
)
def test_a_broken_loading_file_is_refused(tmp_path, content, message):
    (tmp_path / "P571.x").write_text(content)
    with pytest.raises(ValueError, match=message):
        io.read_loading(tmp_path / "P571.x", units="mm")


def test_a_second_file_of_a_station_is_refused(tmp_path):
    for name in ("NTAL21.P571.txt", "NTOL21.P571.txt"):
        (tmp_path / name).write_text(CSV)
    with pytest.raises(ValueError, match=r"NTOL21.* is a second file of station P571"):
        io.read_loading(f"{tmp_path}/*.txt", units="m")


def test_real_loading_is_read_in_millimetres(data):
    folder = data / "loading" / "stations"
    ntal = io.read_loading(f"{folder}/NTAL21.*.txt", units="m")
    ntol = io.read_loading(f"{folder}/NTOL21.*.txt", units="m")
    assert ntal.station.values.tolist() == ["CRCN", "P571"]
    assert 1 < float(ntal.up.std()) < 5 > 10 * float(ntol.up.std()) ** 2
    # The two products share axes, so that they can be summed.
    assert dict((ntal + ntol).sizes) == {"time": 5844, "station": 2}
    ahid = io.read_loading([folder / "AHID.ntal", folder / "ANAT.ntal"], units="mm")
    near = io.read_loading(folder / "combo21.P350.txt", units="m").isel(station=0)
    one, other = xr.align(ahid.sel(station="AHID"), near)
    for name in ("up", "north", "east"):
        assert np.corrcoef(one[name], other[name])[0, 1] > 0.75, name
        assert 0.6 < float(one[name].std() / other[name].std()) < 1.6
    gia = io.read_loading(folder / "AHID.gia", units="mm")
    assert list(gia.data_vars) == ["up"]
    assert float(gia.up[-1, 0]) == pytest.approx(-11.874394)


@pytest.mark.parametrize(
    ("station", "before", "after"),
    [("P571", 5.79, 5.59), ("P192", 5.53, 5.21), ("P350", 12.4, 12.2)],
)
def test_removing_the_load_lowers_the_scatter_as_published(
    data, tmp_path, station, before, after
):
    folder = data / "loading" / "stations"
    (tmp_path / "s").write_text(f"{station} 10 50\n")
    up = io.read_gnss(folder / f"{station}_UNR.txt", sites=tmp_path / "s").up[:, 0]
    if station == "P571":
        parts = [folder / f"{kind}21.P571.txt" for kind in ("NTAL", "NTOL")]
        load = sum(io.read_loading(part, units="m").up[:, 0] for part in parts)
    else:
        load = io.read_loading(folder / f"combo21.{station}.txt", units="m").up[:, 0]
    up, load = xr.align(up.dropna("time"), load)
    for series, scatter in ((up, before), (up - load, after)):
        year = (series.time - series.time[0]) / np.timedelta64(1, "D") / 365.25
        rest = series.values - np.polyval(np.polyfit(year, series, 1), year)
        assert rest.std() == pytest.approx(scatter, abs=0.1)
