"""Files of Stokes coefficients, whole and broken."""

import numpy as np
import pytest
import xarray as xr

from jaxload.io.gravity_fields import read_icgem, read_level2
from jaxload.io.harmonics import read_stokes, write_stokes
from jaxload.io.technical_notes import match_months, read_tn13, read_tn14

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
