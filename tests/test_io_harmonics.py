"""Files of Stokes coefficients, whole and broken."""

import numpy as np
import pytest
import xarray as xr

from jaxload.io.gravity.icgem import read_icgem
from jaxload.io.gravity.level2 import read_level2
from jaxload.io.gravity.stokes_netcdf import read_stokes, write_stokes
from jaxload.io.gravity.technical_notes import (
    match_months,
    read_tn07,
    read_tn13,
    read_tn14,
)

GM, RADIUS = 3.986004415e14, 6378136.3

HEADER = """header:
  dimensions:
    degree                : 3
    order                 : 3
  non-standard_attributes:
    normalization         : fully normalized
    earth_gravity_param   :
      units               : m3/s2
      value               : 3.9860044150e+14
    mean_equator_radius   :
      value               : 6.3781363000e+06
# End of YAML header
"""


def level2(begin="20180601.0000", stop="20180701.0000", add=0.0):
    lines = [
        f"GRCOF2 {n:4d} {m:4d} {n + m / 10 + add:.11e} {-m:.11e} 1e-12 2e-12 "
        f"{begin} {stop} yynn"
        for n in range(2, 4)
        for m in range(n + 1)
    ]
    return HEADER + "\n".join(lines) + "\n"


@pytest.fixture
def saved(tmp_path):
    def save(text, name="field.txt"):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return save


def test_a_level_2_file_is_read_whole(saved):
    field = read_level2(saved(level2()))
    assert field.cosine.dims == ("time", "degree", "order")
    assert field.cosine.sel(degree=3, order=2).item() == 3.2
    assert field.sine.sel(degree=3, order=2).item() == -2
    assert field.sine_sigma.sel(degree=2, order=0).item() == 2e-12
    assert not field.cosine.sel(degree=[0, 1]).any()
    assert field.time.values[0] == np.datetime64("2018-06-16")
    assert (field.attrs["gm"], field.attrs["radius"]) == (GM, RADIUS)
    assert field.cosine.attrs["units"] == "1"


def test_months_are_sorted_by_time(saved):
    late = saved(level2("20180701.0000", "20180801.0000", add=1.0), "a.txt")
    early = saved(level2(), "b.txt")
    field = read_level2([late, early])
    assert field.cosine.sel(degree=2, order=0).values.tolist() == [2.0, 3.0]
    assert (np.diff(field.time_bnds) > np.timedelta64(0, "ns")).all()


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", r"begins with nothing at all .* another format"),
        ("\x00\x01binary", "another format, or cut short"),
        (HEADER, r"holds nothing, the first missing at degree 2, order 0"),
        (
            level2().rsplit("\n", 2)[0],
            r"first missing at degree 3, order 3, after line",
        ),
        (level2()[:-60], r"line 19 is .*GRCOF2 3 3.*is the file complete"),
        (
            level2().replace("2.00000000000e+00", "2.0000x"),
            r"line 13: cosine is '2.0000x'",
        ),
        (
            level2().replace("   3    3 ", "   4    3 "),
            r"line 19 has degree 4 and order 3",
        ),
        (level2().replace("20180601.", "2018xx01."), r"time is '2018xx01.0000'"),
        (
            level2().replace("      value               : 6", "      six : 6"),
            "mean_equator",
        ),
        (level2().replace("fully normalized", "none"), "does not say it is fully"),
    ],
)
def test_a_broken_level_2_file_says_what_and_where(saved, text, what):
    path = saved(text)
    with pytest.raises(ValueError, match=what) as error:
        read_level2(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_do_not_belong_together_are_refused(saved):
    one, other = saved(level2(), "a.txt"), saved(level2(add=1.0), "b.txt")
    with pytest.raises(ValueError, match="of the same time"):
        read_level2([one, other])
    text = level2("20180701.0000", "20180801.0000")
    moved = saved(text.replace("6.3781363000e+06", "6.3780000000e+06"), "c.txt")
    with pytest.raises(ValueError, match="read them apart"):
        read_level2([one, moved])
    with pytest.raises(ValueError, match="got no files"):
        read_level2([])
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_level2("nowhere.txt")


ICGEM = """product_type                gravity_field
modelname                   TEST
earth_gravity_constant      0.3986004415D+15
radius                      6378136.3
max_degree                  2
errors                      formal
norm                        fully_normalized
end_of_head =============
gfc 0 0 1.0 0.0 0.0 0.0
gfc 2 0 -0.484165D-03 0.0 1e-12 0.0
gfc 2 1 -2.0e-10 1.4e-09 1e-12 1e-12
gfc 2 2 2.4e-06 -1.4e-06 1e-12 1e-12
"""


def test_an_icgem_file_is_read_whole(saved):
    field = read_icgem(saved(ICGEM))
    assert field.cosine.dims == ("degree", "order")
    assert field.cosine.values[2, 0] == -0.484165e-3
    assert field.sine.values[2, 2] == -1.4e-6
    assert (field.attrs["gm"], field.attrs["source"]) == (GM, "TEST")


OLD_HEADER = """FIRST GSM-2_2018152-2018181_0030_UTCSR_0003_0005 SHM UT-CSR 20131119
CMMNT  made up
EARTH 0.3986004415D+15 0.6378136300E+07
SHM       3    3 1.00 fully normalized inclusive permanent tide
CMMNT formal errors
"""


def test_a_month_of_an_older_release_is_the_same_month(saved):
    rows = level2().partition("# End of YAML header\n")[2]
    # Fixed columns leave no blank before a sign.
    rows = rows.replace(" 0.00000000000e+00", "-0.00000000000e+00").replace(" -", "-")
    old = read_level2(saved(OLD_HEADER + rows, "old"))
    new = read_level2(saved(level2(), "new"))
    xr.testing.assert_allclose(old.drop_attrs(), new.drop_attrs(), rtol=1e-15)
    assert (old.attrs["gm"], old.attrs["radius"]) == (GM, RADIUS)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (" META 120 2008.3 2008.4 2008.5\n 0 0 0 0 0 0\n", "from a mean field of GRGS"),
        (OLD_HEADER + "GRDOTA 2 0 1e-11 0 0 0 20180601.0000\n", "line 6 is a rate"),
        (OLD_HEADER.replace("0.3986004415D+15 0.6378136300E+07", ""), "behind EARTH"),
        (OLD_HEADER.replace("fully", "un"), "does not say it is fully normalized"),
        (OLD_HEADER.replace("SHM       3 ", "SHM     9.5 "), "last degree is 9.5"),
        (level2().replace(": 3\n", ": 9999\n"), "those to degree 3, the first missing"),
    ],
)
def test_a_month_that_cannot_be_read_rightly_is_refused(saved, text, what):
    with pytest.raises(ValueError, match=what) as caught:
        read_level2(saved(text))
    assert "\n" not in str(caught.value)


MONTHS = {
    "field_2010-04.gfc": ("2010-04-01", "2010-05-01"),
    "field_n60_2010-12.gfc": ("2010-12-01", "2011-01-01"),
    "field-201004.gfc": ("2010-04-01", "2010-05-01"),
    "field_2010-04-15.gfc": ("2010-04-15", "2010-04-16"),
    "DDK5_GSM-2_2010091-2010120_0021_UTCSR_0060.gfc": ("2010-04-01", "2010-05-01"),
    "SHA_20100401T000000_20100430T235959_0101.gfc": ("2010-04-01", "2010-05-01"),
}


@pytest.mark.parametrize("name", MONTHS)
def test_a_monthly_field_keeps_the_month_of_its_name(saved, name):
    by_file = read_icgem(saved(ICGEM, name))
    by_title = read_icgem(saved(ICGEM.replace(" TEST", f" {name[:-4]}")))
    for field in (by_file, by_title):
        assert field.cosine.dims == ("time", "degree", "order")
        bounds = field.time_bnds.values[0].astype("M8[D]").astype(str).tolist()
        assert tuple(bounds) == MONTHS[name]


def test_a_monthly_field_keeps_the_month_of_its_header(saved):
    period = "time_period_of_data 20100405 - 20100430   (mid: 20100418)\n"
    field = read_icgem(saved(period + ICGEM))
    days = field.time_bnds.values[0].astype("M8[D]").astype(str).tolist()
    assert days == ["2010-04-05", "2010-05-01"]
    with pytest.raises(ValueError, match="called after a month from 2011-04-01 on"):
        read_icgem(saved(period + ICGEM, "field_2011-04.gfc"))


@pytest.mark.parametrize(
    "name",
    ["EGM2008.gfc", "XGM2019e_2159.gfc", "mean_20020405-20131231.gfc", "GGM05C.gfc"],
)
def test_a_static_field_has_no_month(saved, name):
    assert "time" not in read_icgem(saved(ICGEM, name)).coords
    long = "time_period_of_data 20020405 - 20131231\n"
    assert "time" not in read_icgem(saved(long + ICGEM)).coords


def test_months_of_icgem_are_a_series(saved):
    late, early = (saved(ICGEM, f"x_2010-0{month}.gfc") for month in (5, 4))
    series = read_icgem([late, early])
    assert series.time.values.astype("M8[M]").astype(str).tolist() == [
        *("2010-04", "2010-05")
    ]
    with pytest.raises(ValueError, match="does not say of which month it is"):
        read_icgem([late, saved(ICGEM, "static.gfc")])


VARYING = """gfct 2 0 -0.5e-3 0.0 1e-12 0.0 20000101.0000 20100101.0000
trnd 2 0 1.0e-6 0.0 1e-12 0.0 20000101.0000 20100101.0000
acos 2 0 2.0e-6 0.0 1e-12 0.0 20000101.0000 20100101.0000 1.0
asin 2 0 4.0e-6 0.0 1e-12 0.0 20000101.0000 20100101.0000 1.0
gfct 2 0 -0.6e-3 0.0 1e-12 0.0 20100101.0000 20200101.0000
"""


def test_a_field_that_varies_is_summed_at_the_times_asked_for(saved):
    static = "gfc 2 0 -0.484165D-03 0.0 1e-12 0.0\n"
    text = ICGEM.replace(static, VARYING)
    first = VARYING.replace(" 20100101.0000", "").splitlines(keepends=True)[:1]
    rest = [
        " ".join(word for word in line.split() if not word.startswith("20")) + "\n"
        for line in VARYING.splitlines()[1:4]
    ]
    old = ICGEM.replace(static, "".join(first + rest))
    # A quarter of a year on, cosines are gone and sines whole.
    quarter = np.datetime64("2000-01-01T00:00") + np.timedelta64(131_490, "m")
    for content in (text, old):
        field = read_icgem(saved(content), time=[np.datetime64("2000-01-01"), quarter])
        found = field.cosine.sel(degree=2, order=0).values
        np.testing.assert_allclose(found[0], -0.5e-3 + 2e-6, rtol=1e-12)
        np.testing.assert_allclose(found[1], -0.5e-3 + 0.25e-6 + 4e-6, rtol=1e-6)
        assert field.cosine.sel(degree=2, order=2).values.tolist() == [2.4e-6] * 2
    later = read_icgem(saved(text), time="2015-06-01")
    assert later.cosine.sel(degree=2, order=0).item() == -0.6e-3
    with pytest.raises(ValueError, match="says nothing of degree 2, order 0 on 2021"):
        read_icgem(saved(text), time="2021-01-01")


TN07 = """Column 1: MJD of BEGINNING of month
55835.0 2011.7474  -0.4841695729627E-03 -1.0065  0.3620
55851.0 2011.7912  -0.4841695000000E-03 -1.0065  0.3620 * (See Note 1)
"""
OWN = """#  Column 2: C20
 2001.0411  -4.8416943870E-04  0.3361  0.5179  0.9903   20010101.0000   20010201.0000
"""


def test_older_notes_of_c20_are_read(saved):
    note = read_tn07(saved(TN07))
    assert note.c20.values.tolist() == [-0.4841695729627e-3, -0.4841695e-3]
    np.testing.assert_allclose(note.c20_sigma, 0.3620e-10)
    spans = note.time_bnds.values.astype("M8[D]").astype(str).tolist()
    assert spans == [["2011-10-01", "2011-11-01"], ["2011-10-17", "2011-11-16"]]
    assert np.isnan(note.c30).all()
    own = read_tn07(saved(OWN))
    assert own.c20_sigma.item() == 0.5179e-10
    for text in ("", TN07.replace(" -1.0065 ", " "), TN07.replace("55835.0", "0000.5")):
        with pytest.raises(ValueError, match=r"holds no data|columns, expected|Julian"):
            read_tn07(saved(text))


def test_air_and_sea_that_the_own_series_of_csr_restores_are_taken_out(saved):
    # Months of GRACE lack them: what replaces their C20 has to lack them too.
    own = read_tn07(saved(OWN))
    np.testing.assert_allclose(own.c20, -4.8416943870e-4 - 0.9903e-10, rtol=1e-13)


def test_degree_one_older_than_note_13_is_read(saved):
    rows = (
        "200208    1    0-0.144E-09 0.000E+00 0.3621E-10 0.3621E-10 20020801.0000 "
        "20020901.0000\n200208    1    1-0.107E-09 0.139E-10 0.3621E-10 0.3621E-10 "
        "20020801.0000 20020901.0000\n"
    )
    note = read_tn13(saved("TITLE: degree 1\n'(a6,2i5)'\n" + rows))
    assert (note.c10.item(), note.c11.item(), note.s11.item()) == (
        *(-0.144e-9, -0.107e-9, 0.139e-10),
    )


def test_gravity_as_people_have_it_is_read_or_refused_in_one_sentence(cases):
    folder = cases / "grids" / "17_gravity"
    old = read_level2(folder / "GSM-2_2002095-2002120_0021_UTCSR_0060_0005")
    gfc = read_icgem(folder / "CSR_RL05_icgem.gfc")
    for month in (old, gfc):
        assert month.time_bnds.values.astype("M8[D]").astype(str).tolist() == [
            ["2002-04-05", "2002-05-01"]
        ]
    # One month of one centre, expanded to two degrees.
    np.testing.assert_allclose(
        old.cosine[0, 3:20, :20], gfc.cosine[0, 3:20, :20], atol=1e-10
    )
    itsg = read_icgem(folder / "ITSG-Grace2018_n60_2010-04.gfc.gz")
    assert str(itsg.time.values[0])[:10] == "2010-04-16"
    note = read_tn07(folder / "TN-07_C20_SLR.txt").c20
    assert note.sizes["time"] == 178
    # Two publications of one series, of which the first has air and sea restored.
    own = read_tn07(folder / "C20_RL05.txt").c20
    same = np.intersect1d(note.time, own.time)
    apart = own.sel(time=same) - note.sel(time=same)
    assert len(same) > 150
    assert apart.std() < 0.15 * note.std(), (apart.std(), note.std())
    assert float(abs(read_tn13(folder / "deg1_coef.txt").c10).max()) < 1e-8
    varying = folder / "icgem2_time_variable.gfc"
    with pytest.raises(ValueError, match="varies in time; say when by time"):
        read_icgem(varying)
    with pytest.raises(ValueError, match="GRGS"):
        read_level2(folder / "GSM-2_2008122-2008153_0030_EIGEN_G---_0004in.gz")


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("end_of_head", "end_of_hea", "has no line 'end_of_head'"),
        ("fully_normalized", "unnormalized", "not fully_normalized"),
        ("gfc 2 1", "gfct 2 1", "line 11 is a gfct term"),
        ("gfc 2 2 2.4e-06 -1.4e-06 1e-12 1e-12", "gfc 2 2", "line 12 is 'gfc 2 2'"),
        ("gfc 2 2 2.4e-06 -1.4e-06 1e-12 1e-12", "", "missing at degree 2, order 2"),
        ("radius ", "radios ", "does not say radius"),
        ("gfc 2 1 ", "gfc 2 x ", "two whole numbers"),
    ],
)
def test_a_broken_icgem_file_says_what_and_where(saved, old, new, what):
    with pytest.raises(ValueError, match=what):
        read_icgem(saved(ICGEM.replace(old, new)))


@pytest.fixture
def netcdf(tmp_path):
    pytest.importorskip("netCDF4")

    def save(dataset):
        dataset.to_netcdf(tmp_path / "stokes.nc")
        return tmp_path / "stokes.nc"

    return save


def test_what_is_written_is_read_back_bit_by_bit(saved, tmp_path):
    pytest.importorskip("netCDF4")
    field = read_level2(saved(level2(add=1e-15)))
    write_stokes(field, tmp_path / "x.nc")
    back = read_stokes(tmp_path / "x.nc")
    for name in ("cosine", "sine", "cosine_sigma", "sine_sigma", "time_bnds", "time"):
        np.testing.assert_array_equal(back[name], field[name])
    assert (back.attrs["gm"], back.attrs["radius"]) == (GM, RADIUS)


def as_others_write(units="1e-10"):
    dims = ("time", "n", "m")
    values = np.arange(18, dtype=np.float32).reshape(2, 3, 3)
    return xr.Dataset(
        {
            "gaa_clm": (dims, values, {"units": units}),
            "gaa_slm": (dims, -values, {"units": units}),
            "time_bounds": (("time", "two"), np.array([[0.0, 30.0], [30.0, 60.0]])),
        },
        {"time": ("time", [15.0, 45.0], {"units": "days since 2002-01-01"})},
    )


def test_names_units_and_bounds_become_canonical(netcdf):
    field = read_stokes(netcdf(as_others_write()), "gaa_", gm=GM, radius=RADIUS)
    assert field.cosine.dims == ("time", "degree", "order")
    np.testing.assert_allclose(field.cosine.values[1, 2, 2], 17e-10, rtol=1e-15)
    np.testing.assert_array_equal(field.sine, -field.cosine)
    assert field.time_bnds.values[0, 1] == np.datetime64("2002-01-31")


def test_netcdf_that_lacks_something_says_so(netcdf, tmp_path):
    path = netcdf(as_others_write())
    with pytest.raises(ValueError, match=r"gaa_clm.*but not clm and slm.*prefix="):
        read_stokes(path)
    with pytest.raises(ValueError, match=r"give gm=, which is 3\.986004415e"):
        read_stokes(path, "gaa_", radius=RADIUS)
    path = netcdf(as_others_write("mm"))
    with pytest.raises(ValueError, match="is in 'mm', expected a number"):
        read_stokes(path, "gaa_", gm=GM, radius=RADIUS)
    path = netcdf(as_others_write().rename(n="x"))
    with pytest.raises(ValueError, match="expected degree and order"):
        read_stokes(path, "gaa_", gm=GM, radius=RADIUS)
    (tmp_path / "cut.nc").write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValueError, match="cannot be read as netCDF"):
        read_stokes(tmp_path / "cut.nc")
    with pytest.raises(ValueError, match="has no gm, radius"):
        write_stokes(xr.Dataset({"cosine": 1.0, "sine": 1.0}), tmp_path / "y.nc")


TN13 = """GRACE Technical Note 13
      key_name              : GRCOF2
end of header ====
GRCOF2    1   0 +5.0e-10 +0.0e+00 +4.5e-11 +0.0e+00 20020405.0000 20020501.0000
GRCOF2    1   1 +2.0e-10 -6.0e-11 +4.6e-11 +5.0e-11 20020405.0000 20020501.0000
"""

TN14 = """Title: NASA GSFC SLR C20 and C30 solutions
Product:
52368.0 2002.2548  -4.8416934147454E-04  1.1585  0.1628 NaN NaN NaN 52395.0 2002.3288
52396.0 2002.3315  -4.8416936114948E-04  0.9617  0.1546 9.57E-07 0.1 0.2 52413.0 2002.4
"""


def test_notes_are_read_whole(saved):
    first, zonal = read_tn13(saved(TN13)), read_tn14(saved(TN14))
    assert [first[x].item() for x in ("c10", "c11", "s11")] == [5e-10, 2e-10, -6e-11]
    assert first.s11_sigma.item() == 5e-11
    assert first.time.values[0] == np.datetime64("2002-04-18")
    assert zonal.c20.values[1] == -4.8416936114948e-04
    np.testing.assert_allclose(zonal.c20_sigma, [1.628e-11, 1.546e-11])
    np.testing.assert_array_equal(zonal.c30, [np.nan, 9.57e-07])
    assert zonal.time_bnds.values[0, 0] == np.datetime64("2002-04-04")


@pytest.mark.parametrize(
    ("read", "text", "what"),
    [
        (read_tn13, "", "holds no data; expected lines of GRCOF2"),
        (read_tn13, TN14, "holds no data"),
        (
            read_tn13,
            TN13.rsplit("\n", 2)[0],
            "only one order of the span from 20020405",
        ),
        (read_tn13, TN13[:-40], r"line 5 is .*expected GRCOF2 1 order"),
        (read_tn13, TN13.replace("+5.0e-10", "five"), r"line 4: clm is 'five'"),
        (read_tn14, "", "holds no data; expected 10 columns"),
        (read_tn14, TN13, "holds no data"),
        (read_tn14, TN14[:-20], "line 4 has 7 columns, expected 10"),
        (read_tn14, TN14.replace("52395.0", "9" * 20), "line 3: end is 9+, expected a"),
        (read_tn14, TN14.replace("52396.0", "nan"), "line 4: begin is nan, expected a"),
        (read_tn14, TN14.replace("9.57E-07", "x"), "line 4: column 6 is 'x'"),
    ],
)
def test_a_broken_note_says_what_and_where(saved, read, text, what):
    with pytest.raises(ValueError, match=what):
        read(saved(text))


def test_months_find_their_values_and_missing_ones_are_named(saved):
    note = read_tn14(saved(TN14))
    wanted = np.array(["2002-05-08", "2002-04-15", "2002-05-01"], "M8[D]")
    found = match_months(note, wanted)
    np.testing.assert_array_equal(found.c20, note.c20.values[[1, 0, 1]])
    np.testing.assert_array_equal(found.c30, [9.57e-07, np.nan, 9.57e-07])
    with pytest.raises(ValueError, match=r"within 10 days of 2003-01-15; get a newer"):
        match_months(note, np.array(["2002-05-08", "2003-01-15"], "M8[D]"))


# Real files


@pytest.fixture
def fixture(data):
    return data / "grace/l2_fixture"


def test_a_real_month_less_the_mean_is_its_anomaly_but_for_a_constant(data, fixture):
    """The difference is the mean of 2004 to 2009 and GIA: the same in degree 60 up."""
    field = read_level2(next(fixture.glob("GSM-2_*")))
    assert field.sizes == {"time": 1, "degree": 61, "order": 61, "bnds": 2}
    assert field.cosine.values[0, 2, 0] == -4.84169650761e-04
    assert field.sine.values[0, 60, 60] == 4.89685572492e-11
    anomaly = read_stokes(data / "grace/jpl_rl06_gsm_stokes_anomaly_lmax60.nc", gm=GM)
    there = anomaly.sel(time=field.time.values[0])
    np.testing.assert_array_equal(there.time_bnds, field.time_bnds[0])
    # Anomalies are a ten-thousandth and less of the field they are left of.
    left = (field.cosine[0] - there.cosine).values[3:]
    assert (
        np.corrcoef(left.ravel(), field.cosine.values[0, 3:].ravel())[0, 1] > 0.999999
    )


def test_note_13_is_degree_one_of_the_anomalies(data, fixture):
    anomaly = read_stokes(data / "grace/jpl_rl06_gsm_stokes_anomaly_lmax60.nc", gm=GM)
    low = match_months(read_tn13(fixture / "TN-13_geocenter_JPL.txt"), anomaly.time)
    mean = slice("2004", "2009")
    for name, wave, order in (
        ("c10", "cosine", 0),
        ("c11", "cosine", 1),
        ("s11", "sine", 1),
    ):
        theirs = anomaly[wave].sel(degree=1, order=order)
        ours = low[name] - low[name].sel(time=mean).mean()
        # They are stored in float32.
        np.testing.assert_allclose(ours, theirs, atol=1e-16)


def test_note_14_is_what_replaced_c20_and_c30_in_the_anomalies(data, fixture):
    """But for a straight line, the glacial isostatic adjustment that was removed."""
    anomaly = read_stokes(data / "grace/jpl_rl06_gsm_stokes_anomaly_lmax60.nc", gm=GM)
    low = match_months(read_tn14(fixture / "TN-14_SLR_C20_C30.txt"), anomaly.time)
    years = (low.time - low.time[0]).values / np.timedelta64(1, "D") / 365.25
    late = low.time.values > np.datetime64("2016-08-15")
    for name, degree, chosen in (("c20", 2, slice(None)), ("c30", 3, late)):
        left = (low[name] - anomaly.cosine.sel(degree=degree, order=0)).values[chosen]
        line = np.polyval(np.polyfit(years[chosen], left, 1), years[chosen])
        np.testing.assert_allclose(left, line, atol=2e-14)


def test_atmosphere_and_ocean_of_aod1b_are_told_apart_by_prefix(data):
    path = data / "loading/aod1b_rl06_jpl_gaa_gab_monthly_stokes_lmax60.nc"
    air, sea = (read_stokes(path, x, gm=GM, radius=RADIUS) for x in ("gaa_", "gab_"))
    assert air.sizes["time"] == sea.sizes["time"] == 82
    np.testing.assert_allclose(air.cosine.values[0, 0, 0], 1.4591432e-10, rtol=1e-7)
    assert abs(sea.cosine.values[0, 0, 0]) < 1e-14
