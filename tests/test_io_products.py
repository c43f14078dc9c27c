"""Small imitations of the files that the centres distribute."""

import cftime
import numpy as np
import pytest
import xarray as xr

from jaxload import io

pytest.importorskip("netCDF4")

LON, LAT = np.arange(0.5, 360, 60), np.arange(60.5, -61, -30)
SHAPE = (3, len(LAT), len(LON))
#: Days since 2002-01-01 of three irregular months of GRACE, and their bounds.
SINCE = "days since 2002-01-01T00:00:00Z"
MIDDLES = np.array([107.0, 129.5, 227.5])
BOUNDS = np.array([[94.0, 120.0], [121.0, 138.0], [213.0, 242.0]])


def ramp(scale=1.0, offset=0.0, dtype=np.float32):
    return (offset + scale * np.arange(np.prod(SHAPE))).astype(dtype).reshape(SHAPE)


def upright(values):
    """As read: lat ascending, lon from -180."""
    order = np.argsort(np.where(LON > 180, LON - 360, LON))
    return values[..., ::-1, :][..., order]


class Writer:
    """Writes variables as they stand in a file: numbers, dimensions, attributes."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, name="x.nc", axes=("time", "lat", "lon"), time=None, **fields):
        time = (MIDDLES, {"units": SINCE}) if time is None else time
        values = dict(zip(axes, (time[0], LAT, LON)))
        attrs = ({}, {"units": "degrees_north"}, {"units": "degrees_east"})
        dataset = xr.Dataset(
            coords={
                axis: (axis, value, {**attr, **(time[1] if axis == axes[0] else {})})
                for (axis, value), attr in zip(values.items(), attrs)
            }
        )
        for field, (array, attrs, *dims) in fields.items():
            dataset[field] = (dims[0] if dims else axes, array, dict(attrs))
        filled = {
            str(field): {"_FillValue": dataset[field].attrs.pop("_FillValue", None)}
            for field in dataset.variables
        }
        path = self.folder / name
        dataset.to_netcdf(path, encoding=filled)
        return path


@pytest.fixture
def write(tmp_path):
    return Writer(tmp_path)


def test_csr_writes_units_with_a_capital(write):
    path = write(
        time=(MIDDLES, {"Units": SINCE, "bounds": "time_bounds"}),
        lwe_thickness=(ramp(), {"Units": "cm"}),
        time_bounds=(BOUNDS, {}, ("time", "two")),
    )
    water = io.read_grid(path)
    np.testing.assert_allclose(water.twsa, 10 * upright(ramp()), rtol=1e-6)
    assert str(water.time.values[1])[:13] == "2002-05-10T12"
    first = water.time_bnds.values[0].astype("M8[D]").astype(str).tolist()
    assert first == ["2002-04-05", "2002-05-01"]


def test_jpl_has_an_error_gains_and_a_mask(write):
    gain = np.linspace(0.5, 2, 30).reshape(5, 6).astype(np.float32)
    gain[0, 0] = -99999
    land = np.ones((5, 6))
    land[1, 2] = 0
    path = write(
        lwe_thickness=(ramp(), {"units": "cm"}),
        uncertainty=(ramp(0.1), {"units": "cm"}),
        scale_factor=(gain, {}, ("lat", "lon")),
        land_mask=(land, {}, ("lat", "lon")),
        mascon_ID=(np.zeros((5, 6)), {}, ("lat", "lon")),
    )
    plain = io.read_grid(path)
    np.testing.assert_allclose(plain.twsa_sigma, upright(ramp()), rtol=1e-6)
    assert plain.twsa_sigma.attrs["units"] == "mm"
    used = np.where(gain < 0, 1, gain)
    for own in (True, str(path)):
        settings = io.GridSettings(gain=own, land=own)
        scaled = io.read_grid(path, settings=settings)
        expected = np.where(land > 0, 10 * ramp() * used, np.nan)
        np.testing.assert_allclose(scaled.twsa, upright(expected), rtol=1e-6)
        np.testing.assert_allclose(
            scaled.twsa_sigma, upright(np.where(land > 0, ramp() * used, np.nan)), 1e-6
        )
    bare = write("bare.nc", lwe_thickness=(ramp(), {"units": "cm"}))
    with pytest.raises(ValueError, match="but no scale_factor; name the file that"):
        io.read_grid(bare, settings=io.GridSettings(gain=True))


def noah(part=1.0):
    names = ("SoilMoi0_10cm", "SoilMoi10_40cm", "SoilMoi40_100cm", "SoilMoi100_200cm")
    names += ("SWE", "CanopInt")
    layers = {f"{name}_inst": (ramp(part), {"units": "kg m-2"}) for name in names}
    return layers | {
        "Tair_f_inst": (ramp(0, 280), {"units": "K"}),
        "Psurf_f_inst": (ramp(0, 9e4), {"units": "Pa"}),
        "Rainf_f_tavg": (ramp(0, 1e-5), {"units": "kg m-2 s-1"}),
    }


def test_noah_is_summed_over_soil_snow_and_canopy(write):
    path = write(**noah())
    soil = io.read_grid(path, "soil_water")
    np.testing.assert_allclose(soil.soil_water, 6 * upright(ramp()), rtol=1e-6)
    assert "SWE_inst + CanopInt_inst" in soil.soil_water.attrs["source_variable"]
    assert float(io.read_grid(path, "temperature").temperature[0, 0, 0]) == 280
    rain = io.read_grid(path, "precipitation").precipitation
    np.testing.assert_allclose(rain, 0.864, rtol=1e-6)
    assert rain.attrs["units"] == "mm d-1"
    with pytest.raises(ValueError, match="precipitation, pressure, soil_water, temper"):
        io.read_grid(path)


def test_a_sum_that_is_not_whole_is_refused_but_can_be_asked_for(write):
    fields = noah()
    del fields["SWE_inst"], fields["SoilMoi40_100cm_inst"]
    path = write(**fields)
    with pytest.raises(ValueError, match="not SoilMoi40_100cm_inst, SWE_inst; to add"):
        io.read_grid(path, "soil_water")
    two = io.read_grid(path, variable=["SoilMoi0_10cm_inst", "soilmoi10_40cm_inst"])
    np.testing.assert_allclose(two.soil_water, 2 * upright(ramp()), rtol=1e-6)


def test_catchment_counts_nested_layers_once(write):
    names = ("SoilMoist_S", "SoilMoist_RZ", "SoilMoist_P", "SWE", "CanopInt")
    fields = {f"{name}_tavg": (ramp(), {"units": "kg m-2"}) for name in names}
    fields |= {f"{name}_tavg": (ramp(), {"units": "mm"}) for name in ("TWS", "GWS")}
    path = write(**fields)
    soil = io.read_grid(path, "soil_water").soil_water
    np.testing.assert_allclose(soil, 3 * upright(ramp()), rtol=1e-6)
    for name in ("tws", "groundwater"):
        np.testing.assert_allclose(io.read_grid(path, name)[name], upright(ramp()))


def test_the_layers_of_era5_land_are_filled_by_volume(write):
    layers = {f"swvl{i}": (ramp(0, 0.25), {"units": "m**3 m**-3"}) for i in range(1, 5)}
    snow = {name: (ramp(0, 0.01), {"units": "m"}) for name in ("sd", "src")}
    path = write(axes=("valid_time", "latitude", "longitude"), **layers, **snow)
    soil = io.read_grid(path).soil_water
    np.testing.assert_allclose(soil, 0.25 * 2890 + 20, rtol=1e-6)


def test_packed_era5_and_its_preliminary_months_are_one_record(write):
    packed = np.full((2, *SHAPE), -32767, np.int16)
    packed[0, :2], packed[1, 2:] = 100, 200
    attrs = {"scale_factor": 0.5, "add_offset": 95000.0, "units": "Pa"}
    path = write(
        axes=("time", "latitude", "longitude"),
        time=(np.array([876600, 876624, 876648], np.int32),
              {"units": "hours since 1900-01-01 00:00:00.0", "calendar": "gregorian"}),
        sp=(np.moveaxis(packed, 0, 1), {**attrs, "_FillValue": np.int16(-32767)},
            ("time", "expver", "latitude", "longitude")),
        number=(np.int64(0), {}, ()),
    )  # fmt: skip
    pressure = io.read_grid(path).pressure
    np.testing.assert_allclose(pressure[:, 0, 0], [95050, 95050, 95100])
    assert pressure.time.values.astype("M8[D]").astype(str).tolist() == [
        "2000-01-02",
        "2000-01-03",
        "2000-01-04",
    ]


def test_merra_masks_with_1e15_and_has_both_poles(write):
    values = ramp(0, 1000)
    values[0, 0, 0] = 1e15
    fill = {"_FillValue": np.float32(1e15), "missing_value": np.float32(1e15)}
    path = write(
        PS=(values, {"units": "hPa", **fill}), T2M=(ramp(0, 6), {"units": "C"})
    )
    pressure = io.read_grid(path, "pressure").pressure
    assert int(pressure.isnull().sum()) == 1
    assert float(pressure.max()) == 1e5
    warm = io.read_grid(path, "temperature").temperature
    np.testing.assert_allclose(warm, 279.15, rtol=1e-6)


def test_sea_level_is_in_millimetres_as_the_ocean_load_expects(write):
    packed = (100 * np.arange(90, dtype=np.int32)).reshape(SHAPE)
    packed[0, 0, 0] = -2147483647
    path = write(
        axes=("time", "latitude", "longitude"),
        time=(np.array([24837, 24838, 24839.0]), {"units": "days since 1950-01-01"}),
        sla=(packed, {"scale_factor": 1e-4, "units": "m", "_FillValue": packed.min()}),
        adt=(packed, {"scale_factor": 1e-4, "units": "m"}),
        err_sla=(packed * 0 + 50, {"scale_factor": 1e-4, "units": "m"}),
    )
    sea = io.read_grid(path)
    expected = 10 * np.arange(90.0).reshape(SHAPE)
    expected[0, 0, 0] = np.nan
    np.testing.assert_allclose(sea.sea_level, upright(expected), rtol=1e-9)
    np.testing.assert_allclose(sea.sea_level_sigma, 5.0)
    assert str(sea.time.values[0])[:10] == "2018-01-01"


def test_an_amount_of_rain_needs_the_time_it_fell_in(write):
    path = write("era5.nc", tp=(ramp(0, 0.001), {"units": "m"}))
    with pytest.raises(ValueError, match=r"is an amount.* no bounds of time"):
        io.read_grid(path)
    hour = io.GridSettings(span=np.timedelta64(1, "h"))
    np.testing.assert_allclose(io.read_grid(path, settings=hour).precipitation, 24)
    bounds = (BOUNDS, {}, ("time", "two"))
    path = write("b.nc", tp=(ramp(0, 0.026), {"units": "m"}), time_bnds=bounds)
    rain = io.read_grid(path).precipitation[:, 0, 0]
    np.testing.assert_allclose(rain, 26 / np.diff(BOUNDS)[:, 0], rtol=1e-6)
    path = write("gpcc.nc", precip=(ramp(0, 93), {"units": "mm/month"}))
    rain = io.read_grid(path).precipitation[:, 0, 0]
    np.testing.assert_allclose(rain, [93 / 30, 3, 3], rtol=1e-6)


def test_imerg_keeps_its_grid_in_a_group_with_julian_dates(tmp_path):
    time = cftime.date2num(cftime.DatetimeJulian(2018, 3, 1), "days since 1970-01-01",
                           "julian")  # fmt: skip
    attrs = {"units": "days since 1970-01-01", "calendar": "julian"}
    dataset = xr.Dataset(
        {"precipitation": (("time", "lon", "lat"), np.ones((1, 6, 5), np.float32))},
        {"time": ("time", [time], attrs), "lon": LON, "lat": LAT},
    )
    dataset.precipitation.attrs["units"] = "mm/hr"
    dataset.to_netcdf(tmp_path / "x.nc", group="Grid")
    rain = io.read_grid(tmp_path / "x.nc")
    assert rain.precipitation.dims == ("time", "lat", "lon")
    assert float(rain.precipitation[0, 0, 0]) == 24
    assert str(rain.time.values[0])[:10] == "2018-03-01"


@pytest.mark.parametrize(
    ("units", "numbers", "dates"),
    [
        (
            "  minutes since 2000-01-01 03:00:00",
            [0, 1440],
            ["2000-01-01", "2000-01-02"],
        ),
        ("Days since 2002-1-1 0:0:0", [0.0, 31.5], ["2002-01-01", "2002-02-01"]),
        ("months since 2002-01-15", [0, 13], ["2002-01-15", "2003-02-15"]),
        ("months since 2002-01-01", [0.5, 1.5], ["2002-01-16", "2002-02-15"]),
        ("yyyymmdd", [20020417, 20021231], ["2002-04-17", "2002-12-31"]),
        ("day as %Y%m%d.%f", [20020417.5, 20020418.0], ["2002-04-17", "2002-04-18"]),
        ("yyyymm", [200204, 200212], ["2002-04-01", "2002-12-01"]),
        ("decimal year", [2002.5, 2003.0], ["2002-07-02", "2003-01-01"]),
    ],
)
def test_odd_units_of_time_are_understood(write, units, numbers, dates):
    field = np.zeros((2, 5, 6), np.float32)
    stated = write(
        "a.nc", time=(numbers, {"units": units}), twsa=(field, {"units": "mm"})
    )
    wrong = write("b.nc", time=(numbers, {}), twsa=(field, {"units": "mm"}))
    with_settings = io.read_grid(wrong, settings=io.GridSettings(time_units=units))
    for read in (io.read_grid(stated), with_settings):
        assert read.time.values.astype("M8[D]").astype(str).tolist() == dates
    with pytest.raises(ValueError, match="states no units of time, its values begin"):
        io.read_grid(wrong)


def test_other_calendars_keep_their_dates_and_say_which_do_not_exist(write):
    field = (np.zeros(SHAPE, np.float32), {"units": "mm"})
    units = {"units": "days since 2000-01-01", "calendar": "365_day"}
    path = write(time=(np.array([0, 59, 365]), units), twsa=field)
    dates = io.read_grid(path).time.values.astype("M8[D]").astype(str).tolist()
    assert dates == ["2000-01-01", "2000-03-01", "2001-01-01"]
    units["calendar"] = "360_day"
    path = write(time=(np.array([0, 59, 365]), units), twsa=field)
    with pytest.raises(ValueError, match="calendar 360_day, that cannot be read"):
        io.read_grid(path)
    path = write(time=(MIDDLES, {"units": "years since 2000-01-01"}), twsa=field)
    with pytest.raises(ValueError, match="a year has no fixed length"):
        io.read_grid(path)


def test_files_are_joined_in_time_and_twins_kept_by_rule(write, tmp_path):
    for day in (3, 1, 2):
        time = ([float(day)], {"units": "days since 2020-01-01"})
        field = np.full((1, 5, 6), day, np.float32)
        write(f"G_{4 - day}.nc", time=time, twsa=(field, {"units": "mm"}))
    water = io.read_grid(tmp_path / "G_*.nc")
    assert water.twsa[:, 0, 0].values.tolist() == [1, 2, 3]
    files = [tmp_path / "G_1.nc", tmp_path / "G_3.nc"]
    cut = io.GridSettings(start="2020-01-03", stop="2020-01-04")
    assert io.read_grid(tmp_path / "G_*.nc", settings=cut).twsa.shape == (1, 5, 6)
    again = (np.full((1, 5, 6), 8, np.float32), {"units": "mm"})
    files.append(
        write("z.nc", time=([3.0], {"units": "days since 2020-01-01"}), twsa=again)
    )
    with pytest.raises(ValueError, match=r"holds 2020-01-04T00.* more than once"):
        io.read_grid(files)
    for rule, value in (("first", 3), ("last", 8), ("mean", 5.5)):
        water = io.read_grid(files, settings=io.GridSettings(duplicates=rule))
        assert water.twsa[:, 0, 0].values.tolist() == [1, value]
        assert water.twsa.attrs["units"] == "mm"
    with pytest.raises(FileNotFoundError, match="no file is called like"):
        io.read_grid(tmp_path / "H_*.nc")
    with pytest.raises(ValueError, match="nothing from 2030"):
        io.read_grid(files[0], settings=io.GridSettings(start="2030-01-01"))


def test_files_on_other_cells_are_not_joined(write):
    one = write("a.nc", twsa=(ramp(), {"units": "mm"}))
    other = xr.open_dataset(one).load()
    other.close()
    other.isel(lat=slice(1, None)).to_netcdf(one.with_name("b.nc"))
    with pytest.raises(ValueError, match=r"a.nc and b.nc have other cells along lat"):
        io.read_grid([one, one.with_name("b.nc")])


def test_a_filler_that_the_file_does_not_declare_is_not_taken_for_water(write):
    values = ramp()
    values[1, 2, 3] = -99999
    path = write(lwe_thickness=(values, {"units": "cm"}))
    assert np.isnan(io.read_grid(path).twsa[1]).sum() == 1
    values[1, 2, 3] = -87654
    path = write(lwe_thickness=(values, {"units": "cm"}))
    with pytest.raises(ValueError, match=r"run from -876540 .*fill = -9999 "):
        io.read_grid(path)
    water = io.read_grid(path, settings=io.GridSettings(fill=-87654))
    assert int(water.twsa.isnull().sum()) == 1
    lies = write(sp=(ramp(0, 1000), {"units": "Pa"}))
    with pytest.raises(ValueError, match="sp in Pa makes pressure run from 1000"):
        io.read_grid(lies)


@pytest.mark.parametrize(
    ("box", "lon"),
    [
        ((-70, -40, 70, 40), [-59.5, 0.5, 60.5]),
        ((110, -40, -100, 40), [-179.5, -119.5, 120.5]),
        ((110, -40, 260, 40), [-179.5, -119.5, 120.5]),
    ],
)
def test_a_box_is_cut_across_the_dateline_too(write, box, lon):
    path = write(twsa=(ramp(), {"units": "mm"}))
    whole = io.read_grid(path)
    water = io.read_grid(path, settings=io.GridSettings(box=box))
    np.testing.assert_allclose(water.lon, lon, atol=1e-9)
    assert water.lat.values.tolist() == [-29.5, 0.5, 30.5]
    expected = whole.twsa.sel(lat=water.lat, lon=water.lon)
    np.testing.assert_array_equal(water.twsa, expected)
    with pytest.raises(ValueError, match="has no cell in the box 1, 2, 3, 4"):
        io.read_grid(path, settings=io.GridSettings(box=(1, 2, 3, 4)))


def test_a_meridian_that_comes_twice_is_taken_once(write):
    path = write(twsa=(ramp(), {"units": "mm"}))
    with xr.open_dataset(path, decode_times=False) as source:
        for lon in (np.linspace(0, 360, 6), np.linspace(-180, 180, 6)):
            source.assign_coords(lon=lon).to_netcdf(path.with_name("y.nc"))
            water = io.read_grid(path.with_name("y.nc"))
            assert water.sizes["lon"] == 5
            assert np.unique(np.round(water.lon % 360, 6)).size == 5


def test_axes_are_found_by_their_units_and_spare_ones_named(write):
    path = write(axes=("time", "Y", "X"), twsa=(ramp(), {"units": "mm"}))
    assert io.read_grid(path).twsa.shape == SHAPE
    dims = ("time", "level", "lat", "lon")
    levels = np.stack([ramp()] * 2, axis=1)
    path = write(twsa=(levels, {"units": "mm"}, dims))
    with pytest.raises(ValueError, match=r"has the axis level \(2\) beside time"):
        io.read_grid(path)
    path = write(twsa=(levels[:, :1], {"units": "mm"}, dims))
    assert io.read_grid(path).twsa.shape == SHAPE


def test_text_called_netcdf_and_lists_of_places_are_refused(tmp_path, data):
    path = tmp_path / "x.nc"
    path.write_text("lon lat water\n1 2 3\n")
    with pytest.raises(ValueError, match="cannot be read as netCDF") as caught:
        io.read_grid(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="has no axis lat; its dimensions are loc"):
        io.read_grid(data / "met" / "era5_daily_surface_cancities_1990-1993.nc")


def test_settings_are_checked_at_once(write):
    with pytest.raises(ValueError, match="duplicates is 'all', expected one of"):
        io.GridSettings(duplicates="all")
    with pytest.raises(ValueError, match="expected west, south, east, north"):
        io.GridSettings(box=(0, 50, 10, 40))
    with pytest.raises(ValueError, match="'snow' is no quantity; choose of twsa"):
        io.read_grid(write(twsa=(ramp(), {"units": "mm"})), "snow")


def test_larger_than_memory_is_computed_in_pieces(write):
    pytest.importorskip("dask")
    path = write(**noah())
    settings = io.GridSettings(chunks={"time": 1})
    soil = io.read_grid(path, "soil_water", settings=settings)
    assert soil.soil_water.chunks is not None
    months = io.month_periods("2002-04", "2002-08")
    means = io.period_means(soil, months, least=0.0)
    whole = io.period_means(io.read_grid(path, "soil_water"), months, least=0.0)
    np.testing.assert_allclose(means.soil_water, whole.soil_water)


def test_without_dask_pieces_are_refused(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(
        ValueError, match=r"chunks needs dask.* install jaxload\[lazy\]"
    ):
        io.GridSettings(chunks={"time": 1})


def test_the_real_gldas_file_is_its_two_layers(data):
    names = ["SoilMoi0_10cm_inst", "SoilMoi10_40cm_inst"]
    path = data / "met" / "GLDAS_NOAH025_3H.A20160101.0300.021.nc4"
    box = io.GridSettings(box=(-128, 28, -100, 52))
    soil = io.read_grid(path, variable=names, settings=box)
    cut = io.read_grid(
        data / "met" / "gldas_noah025_sm_20160101T03_westus.nc", variable=names
    )
    np.testing.assert_array_equal(soil.soil_water, cut.soil_water)
    with xr.open_dataset(path) as source:
        near = source.sel(lat=40.1, lon=-105.1, method="nearest")
        expected = float(near[names[0]][0] + near[names[1]][0])
    here = io.sample_grid(soil, [-105.1], [40.1], how="nearest")
    np.testing.assert_allclose(here.soil_water[0, 0], expected, rtol=1e-6)
    assert str(soil.time_bnds.values[0, 0]) == "2016-01-01T00:00:00.000000000"
