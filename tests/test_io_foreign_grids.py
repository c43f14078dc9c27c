"""Gridded files as people have them: other names, axes, units and fillers."""

import numpy as np
import pytest
import xarray as xr

from jaxload import io

LON, LAT = np.arange(-175.0, 180.0, 10.0), np.arange(-85.0, 90.0, 10.0)
DAYS = np.arange("2010-01-01", "2010-01-05", dtype="M8[D]").astype("M8[ns]")


@pytest.fixture
def save(tmp_path):
    pytest.importorskip("netCDF4")

    def save(dataset, name="x.nc", **how):
        dataset.to_netcdf(tmp_path / name, **how)
        return tmp_path / name

    return save


def field(name, low, high, units, **attrs):
    """A field that differs in every cell and on every day."""
    shape = (len(DAYS), len(LAT), len(LON))
    values = np.linspace(low, high, int(np.prod(shape))).reshape(shape)
    dims = ("time", "lat", "lon")
    array = xr.DataArray(values, dims=dims, attrs={"units": units, **attrs})
    return xr.Dataset({name: array}, {"time": DAYS, "lat": LAT, "lon": LON})


NAMES = {
    "NCEP": ("pres", "pressure", "Pascals", 9e4, 1e5, 1.0, 0.0),
    "CMFD pressure": ("pres", "pressure", "Pa", 5e4, 1e5, 1.0, 0.0),
    "CMFD temperature": ("temp", "temperature", "K", 250, 300, 1.0, 0.0),
    "CMFD rain": ("prec", "precipitation", "mm hr-1", 0, 2, 24.0, 0.0),
    "air at 2 m": ("air", "temperature", "degrees C", -20, 30, 1.0, 273.15),
    "rain in inches": ("rain", "precipitation", "inches/day", 0, 2, 25.4, 0.0),
    "land water": ("tws", "tws", "millimeters", 100, 900, 1.0, 0.0),
}


@pytest.mark.parametrize("case", NAMES)
def test_a_quantity_is_known_by_what_others_call_it(case, save):
    name, quantity, units, low, high, factor, offset = NAMES[case]
    source = field(name, low, high, units)
    grid = io.read_grid(save(source), quantity)
    io.check_dataset(grid, io.grid_layout(quantity))
    expected = factor * source[name] + offset
    np.testing.assert_allclose(grid[quantity], expected, rtol=1e-6)


def test_a_quantity_is_known_by_its_standard_name(save):
    source = field("VAR_134", 9e4, 1e5, "Pa", standard_name="surface_air_pressure")
    assert "pressure" in io.read_grid(save(source), "pressure")
    # A name that is known wins over one that only may be meant.
    both = source.assign(sp=source.VAR_134 + 1).rename(VAR_134="pres")
    found = io.read_grid(save(both, "both.nc"), "pressure").pressure
    np.testing.assert_allclose(found, both.sp, rtol=1e-6)


def test_the_first_of_several_quantities_that_a_file_has_is_read(save):
    path = save(field("tws", -90, 90, "mm").assign(field("sp", 9e4, 1e5, "Pa")))
    assert io.read_grid(path, ("twsa", "tws")).attrs["quantity"] == "tws"
    assert io.read_grid(path, ("pressure", "tws")).attrs["quantity"] == "pressure"
    with pytest.raises(ValueError, match=r"holds pressure, tws; name the variable of"):
        io.read_grid(path)
    with pytest.raises(ValueError, match=r"'storage' is no quantity"):
        io.read_grid(path, ("twsa", "storage"))


def test_centres_that_call_their_water_otherwise_are_averaged(save):
    one = field("lwe_thickness", -9, 9, "cm")
    two = field("tws", -90, 90, "mm")
    two["std_tws"] = (two.tws.dims, np.full(two.tws.shape, 3.0), {"units": "mm"})
    grids = [io.read_grid(save(x, f"{i}.nc")) for i, x in enumerate((one, two))]
    for order in (grids, grids[::-1]):
        mean = io.mean_of_centres(order, baseline=None)
        io.check_dataset(mean, io.WATER)
        np.testing.assert_allclose(mean.twsa, two.tws, rtol=1e-5, atol=1e-5)
    anomaly = io.storage_anomaly(grids[1])
    io.check_dataset(anomaly, io.WATER)
    assert float(anomaly.twsa_sigma[0, 0, 0]) == 3.0
    pressure = io.read_grid(save(field("sp", 9e4, 1e5, "Pa"), "p.nc"))
    with pytest.raises(ValueError, match=r"p\.nc holds pressure, expected total water"):
        io.mean_of_centres([grids[0], pressure])


def test_storage_that_is_no_anomaly_becomes_one_with_a_warning(save, caplog):
    total = io.read_grid(save(field("TWS_tavg", 100, 900, "mm")))
    anomaly = io.storage_anomaly(total).twsa
    assert "tws is nowhere negative" in caplog.text
    np.testing.assert_allclose(anomaly.mean("time"), 0, atol=1e-9)
    np.testing.assert_allclose(anomaly, total.tws - total.tws.mean("time"), atol=1e-9)


def test_centres_of_jpl_and_gfz_are_averaged(cases):
    folder = cases / "grids/08_jpl_v04_and_gravis"
    jpl, gfz = (io.read_grid(next(folder.glob(p))) for p in ("GRC*.nc", "GRA*.nc"))
    mean = io.mean_of_centres([jpl, gfz], baseline=None)
    assert mean.sizes["time"] == 48
    other = io.regrid(gfz, jpl.lon, jpl.lat).tws
    np.testing.assert_allclose(mean.twsa, (jpl.twsa + other.values) / 2, atol=1e-3)


@pytest.mark.parametrize(
    ("pattern", "quantity", "value"),
    [
        ("04_ncep_pres_sfc/*.nc", "pressure", 98000.0),
        ("12_cmfd_v1/pres*.nc", "pressure", 80000.0),
        ("12_cmfd_v1/temp*.nc", "temperature", 285.0),
        ("12_cmfd_v1/prec*.nc", "precipitation", 4.8),
    ],
)
def test_files_with_names_of_their_own_are_read(cases, pattern, quantity, value):
    grid = io.read_grid(f"{cases}/grids/{pattern}", quantity)
    assert float(grid[quantity].mean()) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("filler", [-9999.0, -999.0, 9999.0, -99999.0, 1e20, 1e36])
@pytest.mark.parametrize("units", ["mm", "cm"])
def test_a_filler_that_no_header_declares_is_no_water(save, caplog, filler, units):
    source = field("lwe_thickness", -50, 50, units)
    source.lwe_thickness[:, :4, :9] = filler
    water = io.read_grid(save(source)).twsa
    expected = source.lwe_thickness.where(source.lwe_thickness != filler)
    factor = 10 if units == "cm" else 1
    np.testing.assert_allclose(water, factor * expected, rtol=1e-6)
    assert f"lwe_thickness: {filler:.10g} stands in 144 of 2592 values" in caplog.text


def test_values_of_many_sizes_are_no_fillers(save, caplog):
    source = field("tp", 0, 1, "mm/day")
    source.tp[:] = source.tp**8 * 999
    rain = io.read_grid(save(source)).precipitation
    np.testing.assert_allclose(rain, source.tp, rtol=1e-6)
    assert "stands in" not in caplog.text


@pytest.mark.parametrize("name", ["undeclared_9999_mm", "undeclared_999_cm"])
def test_files_with_undeclared_fillers_have_no_water_of_metres(cases, name):
    water = io.read_grid(cases / f"grids/21_misc/{name}.nc").twsa
    assert float(water.min()) > -1000
    assert bool(water.isnull().any())


def test_values_of_grib_are_valid_when_they_say(save):
    source = field("sp", 9e4, 1e5, "Pa")
    began = source.time - np.timedelta64(12, "h")
    source = source.assign_coords(valid_time=("time", source.time.values), time=began)
    source.time.attrs["standard_name"] = "forecast_reference_time"
    source.valid_time.attrs["standard_name"] = "time"
    np.testing.assert_array_equal(io.read_grid(save(source)).time, DAYS)


def test_a_date_beside_the_times_is_no_second_axis(save):
    source = field("sp", 9e4, 1e5, "Pa")
    numbers = np.arange(20100101, 20100105)
    source = source.assign_coords(date=("time", numbers))
    np.testing.assert_array_equal(io.read_grid(save(source)).time, DAYS)


def test_a_file_without_entries_is_refused(save):
    path = save(field("sp", 9e4, 1e5, "Pa").isel(time=slice(0)))
    with pytest.raises(ValueError, match="has no entries along time"):
        io.read_grid(path)


@pytest.mark.parametrize("name", ["era5_sp_cfgrib", "era5_sp_with_date_variable"])
def test_grib_that_was_converted_is_read(cases, name):
    grid = io.read_grid(cases / f"grids/20_cfgrib_era5/{name}.nc")
    assert grid.time.values[0] == np.datetime64("2009-12-01")
    assert grid.sizes["time"] == 40
    assert float(grid.pressure.mean()) == pytest.approx(1e5, rel=0.05)


def test_a_crop_across_the_date_line_is_one_grid(save):
    source = field("lwe_thickness", -9, 9, "cm")
    source = source.assign_coords(lon=(source.lon + 360) % 360).sortby("lon")
    crop = source.sel(lon=slice(160, 200))
    water = io.read_grid(save(crop))
    one = io.square_cells(water)
    np.testing.assert_array_equal(one.lon, crop.lon)
    np.testing.assert_allclose(one.twsa, 10 * crop.lwe_thickness, rtol=1e-6)
    # Cells at its ends are no wider than the others: beyond them nothing is known.
    elsewhere = io.regrid(water, np.arange(-175.0, 180, 10), LAT).twsa
    known = elsewhere.notnull().all(("time", "lat")).values
    assert elsewhere.lon[known].values.tolist() == [-175, -165, 165, 175]
    whole = io.read_grid(save(source, "whole.nc"))
    assert io.square_cells(whole) is whole


def test_cells_of_unequal_sides_become_square_without_loss_of_water(save):
    source = field("tws", -90, 90, "mm")
    water = io.read_grid(save(source.isel(lon=slice(4, 12)).coarsen(lon=2).mean()))
    square = io.square_cells(water)
    assert np.allclose(np.diff(square.lon), 10)
    np.testing.assert_allclose(np.diff(square.lat), 10)
    assert square.sizes["lon"] == 2 * water.sizes["lon"]
    np.testing.assert_allclose(square.tws[:, :, ::2], water.tws, rtol=1e-6)
    np.testing.assert_allclose(square.tws[:, :, 1::2], water.tws, rtol=1e-6)


def test_a_file_of_groups_says_what_it_is(tmp_path):
    netcdf = pytest.importorskip("netCDF4")
    for name, groups in (("a.h5", ("mascon", "solution", "time")), ("b.nc", ("HDF",))):
        with netcdf.Dataset(tmp_path / name, "w") as file:
            for group in groups:
                file.createGroup(group)
    with pytest.raises(ValueError, match=r"a\.h5 holds mascons of GSFC as a list"):
        io.read_grid(tmp_path / "a.h5")
    with pytest.raises(ValueError, match=r"b\.nc holds HDF as groups, and no grid"):
        io.read_grid(tmp_path / "b.nc")


def mascons(path, boxes, water, first, last, transposed=False):
    """A list of mascons in the groups that GSFC has."""
    netcdf = pytest.importorskip("netCDF4")
    with netcdf.Dataset(path, "w") as file:
        file.createDimension("one", 1)
        file.createDimension("mascons", len(boxes))
        file.createDimension("times", len(first))
        group = file.createGroup("mascon")
        names = ("lat_center", "lat_span", "lon_center", "lon_span")
        for name, values in zip(names, np.transpose(boxes)):
            group.createVariable(name, "f8", ("one", "mascons"))[:] = values
        group = file.createGroup("time")
        middle = (first + last) / 2
        for name, values in (("first", first), ("middle", middle), ("last", last)):
            group.createVariable(f"ref_days_{name}", "f8", ("one", "times"))[:] = values
        group = file.createGroup("solution")
        dims = ("times", "mascons") if transposed else ("mascons", "times")
        values = water.T if transposed else water
        group.createVariable("cmwe", "f8", dims)[:] = values
    return path


def tiles(rows, count_of):
    """Boxes of bands, whose numbers differ from band to band, as on a sphere."""
    for lat in rows:
        count = count_of(lat)
        for number in range(count):
            yield lat, 10.0, (number + 0.5) * 360 / count, 360 / count


@pytest.mark.parametrize("transposed", [False, True])
def test_mascons_are_laid_on_cells(tmp_path, rng, transposed):
    whole = lambda lat: max(3, round(36 * np.cos(np.radians(lat))))
    boxes = np.array(list(tiles(np.arange(-85.0, 90, 10), whole)))
    first, last = np.array([95.0, 121.0]), np.array([120.0, 151.0])
    water = rng.normal(size=(len(boxes), 2))
    path = mascons(tmp_path / "x.h5", boxes, water, first, last, transposed)
    grid = io.read_grid(path)
    io.check_dataset(grid, io.WATER)
    assert grid.twsa.shape == (2, 360, 720)
    for lat, _, lon, _ in boxes[::7]:
        (number,) = np.flatnonzero((boxes[:, 0] == lat) & (boxes[:, 2] == lon))
        east = (lon + 180) % 360 - 180
        cell = grid.twsa.sel(lat=lat + 2.1, lon=east, method="nearest")
        np.testing.assert_allclose(cell, 10 * water[number], rtol=1e-6)
    # By the area of its boxes the Earth has the same water.
    weight = np.cos(np.radians(grid.lat))
    size = np.cos(np.radians(boxes[:, 0])) * boxes[:, 3]
    expected = 10 * (size @ water) / size.sum()
    mean = grid.twsa.weighted(weight).mean(("lat", "lon"))
    np.testing.assert_allclose(mean, expected, atol=0.05)
    # Day 95 of 2002 is 5 April; the last day belongs to the month.
    begin, end = grid.time_bnds.values.astype("M8[D]").T.astype(str)
    assert begin.tolist() == ["2002-04-05", "2002-05-01"]
    assert end.tolist() == ["2002-05-01", "2002-06-01"]


def test_mascons_of_a_region_leave_the_rest_without_water(tmp_path, rng):
    boxes = [(5, 10, 175, 10), (5, 10, 185, 10), (15, 10, 180, 20), (25, 10, 185, 10)]
    water = rng.normal(size=(4, 1))
    day = np.array([20.0])
    path = mascons(tmp_path / "x.h5", boxes, water, day, day + 29)
    field = io.read_grid(path, settings=io.GridSettings(box=(170, 0, -170, 30)))
    one = io.square_cells(field).twsa[0]
    assert one.shape == (60, 40)
    np.testing.assert_allclose(one[:20, :20], 10 * water[0, 0], rtol=1e-6)
    np.testing.assert_allclose(one[20:40], 10 * water[2, 0], rtol=1e-6)
    np.testing.assert_allclose(one[40:, 20:], 10 * water[3, 0], rtol=1e-6)
    assert one[40:, :20].isnull().all()


def test_mascons_that_make_no_grid_are_refused(tmp_path):
    day = np.array([20.0])
    path = mascons(
        tmp_path / "x.h5", [(5, 10, 5, 10), (7, 10, 7, 10)], np.ones((2, 1)), day, day
    )
    with pytest.raises(ValueError, match=r"x\.h5 holds mascons .* whose boxes overlap"):
        io.read_grid(path)


def test_mascons_of_gsfc_are_named_as_what_they_are(cases):
    (path,) = (cases / "grids/07_gsfc_mascons_h5").glob("*.h5")
    with pytest.raises(ValueError, match="holds mascons of GSFC as a list whose boxes"):
        io.read_grid(path)


def _no_units(source):
    source.sp.attrs.clear()
    return source


def _attrs_of_other_types(source):
    source.sp.attrs["units"] = 5
    source.lat.attrs["units"] = np.array([1, 2])
    source.time.attrs["standard_name"] = 3.0
    return source


def _big_endian(source):
    return source.assign(sp=source.sp.astype(">f4"), lat=source.lat.astype(">f8"))


MUTATIONS = {
    "as it is": lambda x: x,
    "no units": _no_units,
    "attributes of other types": _attrs_of_other_types,
    "big-endian": _big_endian,
    "descending": lambda x: x.isel(
        lat=slice(None, None, -1), lon=slice(None, None, -1)
    ),
    "longitude from 0": lambda x: x.assign_coords(lon=x.lon % 360),
    "a meridian twice": lambda x: xr.concat([x, x.isel(lon=[0])], "lon"),
    "another order": lambda x: x.transpose("lon", "lat", "time"),
    "one longitude": lambda x: x.isel(lon=[3]),
    "a scalar longitude": lambda x: x.isel(lon=3),
    "a scalar latitude": lambda x: x.isel(lat=3),
    "one time": lambda x: x.isel(time=[0]),
    "a scalar time": lambda x: x.isel(time=0),
    "no time": lambda x: x.isel(time=0, drop=True),
    "no entries": lambda x: x.isel(time=slice(0)),
    "no latitudes": lambda x: x.isel(lat=slice(0)),
    "axes without numbers": lambda x: x.drop_vars(["lat", "lon"]),
    "axes of words": lambda x: x.assign_coords(lat=[f"r{i}" for i in range(len(LAT))]),
    "axes of NaN": lambda x: x.assign_coords(lon=np.full(len(LON), np.nan)),
    "other names": lambda x: x.rename(lat="y", lon="x"),
    "capitals": lambda x: x.rename(lat="LAT", lon="LON", time="TIME", sp="SP"),
    "places": lambda x: x.stack(p=["lat", "lon"]).reset_index("p"),
    "a level": lambda x: x.expand_dims(level=[1.0]),
    "levels": lambda x: xr.concat([x, x], "level"),
    "nothing but NaN": lambda x: x.where(x.sp < 0),
    "infinite": lambda x: x.where(x.sp < 9.5e4, np.inf),
    "whole numbers": lambda x: x.astype("int32"),
    "words": lambda x: x.assign(sp=x.sp.astype(str)),
    "unordered times": lambda x: x.isel(time=[2, 0, 3, 1]),
    "a time twice": lambda x: x.isel(time=[0, 0, 1]),
    "two dimensions": lambda x: x.rename(lat="a", lon="b").assign_coords(
        lat=(("a", "b"), np.ones((len(LAT), len(LON)))),
        lon=(("a", "b"), np.ones((len(LAT), len(LON)))),
    ),
}


@pytest.mark.parametrize("case", MUTATIONS)
def test_a_foreign_grid_is_read_or_refused_in_one_sentence(save, case):
    path = save(MUTATIONS[case](field("sp", 9e4, 1e5, "Pa")))
    message, grid = "", None
    try:
        grid = io.read_grid(path, "pressure")
    except ValueError as error:
        message = str(error)
    if grid is not None:
        io.check_dataset(grid, io.grid_layout("pressure"))
    else:
        assert path.name in message
        assert "\n" not in message
        assert "cannot be read as netCDF" not in message


def forecasts(source, steps):
    """Values in the layout of GRIB: along the begin of forecasts and hours since."""
    count = len(source.time) // len(steps)
    began = source.time.values[:: len(steps)]
    hours = np.array(steps, "m8[h]").astype("m8[ns]")
    dims = ("time", "step", "latitude", "longitude")
    values = source.sp.values.reshape(count, len(steps), len(LAT), len(LON))
    valid = began[:, None] + hours
    return xr.Dataset(
        {"sp": (dims, values, source.sp.attrs)},
        {
            "time": ("time", began, {"standard_name": "forecast_reference_time"}),
            "step": ("step", hours.astype("m8[h]").astype(float), {"units": "h"}),
            "valid_time": (("time", "step"), valid, {"standard_name": "time"}),
            "latitude": LAT,
            "longitude": LON,
        },
    )


@pytest.mark.parametrize("steps", [(0,), (0, 24), (0, 24, 48, 72)])
def test_steps_of_forecasts_come_one_after_the_other(save, steps):
    source = field("sp", 9e4, 1e5, "Pa")
    grid = io.read_grid(save(forecasts(source, steps)))
    np.testing.assert_array_equal(grid.time, DAYS)
    np.testing.assert_allclose(grid.pressure, source.sp, rtol=1e-6)
    settings = io.GridSettings(box=(-30, -20, 30, 20), start="2010-01-02")
    part = io.read_grid(save(forecasts(source, steps), "part.nc"), settings=settings)
    expected = source.sp.sel(time=DAYS[1:], lat=slice(-20, 20), lon=slice(-30, 30))
    np.testing.assert_allclose(part.pressure, expected, rtol=1e-6)


def test_the_steps_of_one_forecast_are_times(save):
    source = field("sp", 9e4, 1e5, "Pa")
    lone = forecasts(source, (0, 24, 48, 72)).isel(time=0)
    grid = io.read_grid(save(lone))
    np.testing.assert_array_equal(grid.time, DAYS)
    np.testing.assert_allclose(grid.pressure, source.sp, rtol=1e-6)


def test_forecasts_that_overlap_are_refused_until_one_is_chosen(save):
    source = forecasts(field("sp", 9e4, 1e5, "Pa"), (0, 24))
    source["valid_time"] = source.valid_time - np.arange(2)[:, None] * np.timedelta64(
        1, "D"
    )
    path = save(source)
    with pytest.raises(ValueError, match=r"2010-01-02.* more than once.*duplicates"):
        io.read_grid(path)
    last = io.read_grid(path, settings=io.GridSettings(duplicates="last"))
    np.testing.assert_array_equal(last.time, DAYS[:3])
    np.testing.assert_allclose(last.pressure[1], source.sp[1, 0], rtol=1e-6)


def test_times_of_a_swath_are_no_forecasts(save):
    source = field("sp", 9e4, 1e5, "Pa").isel(time=0, drop=True)
    passed = xr.DataArray(np.ones(source.sp.shape), dims=source.sp.dims)
    passed.attrs["units"] = "hours since 2010-01-01"
    with pytest.raises(ValueError, match=r"x\.nc has no axis time"):
        io.read_grid(save(source.assign(time=passed)))


def test_a_table_of_the_places_of_all_cells_is_read_where_it_has_axes(save):
    source = field("sp", 9e4, 1e5, "Pa").rename(lat="nlat", lon="nlon")
    lat, lon = (
        x.transpose("nlat", "nlon") for x in xr.broadcast(source.nlat, source.nlon)
    )
    source = source.drop_vars(["nlat", "nlon"])
    straight = source.assign_coords(latitude=lat.variable, longitude=lon.variable)
    grid = io.read_grid(save(straight))
    np.testing.assert_array_equal(grid.lat, LAT)
    np.testing.assert_array_equal(grid.lon, LON)
    np.testing.assert_allclose(grid.pressure, source.sp, rtol=1e-6)
    turned = source.assign_coords(
        latitude=(lat + lon / 10).variable, longitude=lon.variable
    )
    with pytest.raises(ValueError, match=r"latitude along nlat and nlon: its grid is"):
        io.read_grid(save(turned, "turned.nc"))


def packed(source, name, scale, offset):
    """A field as whole numbers, with the attributes by which they are unpacked."""
    array = source[name]
    whole = np.round((array - offset) / scale).astype("int16")
    labels = array.attrs | {"scale_factor": scale, "add_offset": offset}
    return source.assign({name: whole.assign_attrs(labels)})


@pytest.mark.parametrize("whole", [-32768, 32767, -9999, 32766])
def test_a_filler_of_packed_numbers_is_no_water(save, caplog, whole):
    source = field("lwe_thickness", -9, 30, "cm")
    truth = source.lwe_thickness
    coded = packed(source, "lwe_thickness", 0.01, 10.0)
    coded.lwe_thickness[:, :4, :9] = whole
    path = save(coded)
    water = io.read_grid(path).twsa
    known = xr.ones_like(truth, bool)
    known[:, :4, :9] = False
    np.testing.assert_allclose(water, 10 * truth.where(known), atol=0.06)
    value = whole * 0.01 + 10
    expected = f"lwe_thickness: {whole}, unpacked {value:.6g}, stands in 144 of 2592"
    assert expected in caplog.text
    # As the warning has it, and as the file does, it can be stated.
    for fill in (value, whole):
        caplog.clear()
        stated = io.read_grid(path, settings=io.GridSettings(fill=fill)).twsa
        np.testing.assert_array_equal(stated, water)
        assert "stands in" not in caplog.text


def test_zero_at_sea_and_full_ranges_of_packed_numbers_are_values(save, caplog):
    # A range that fills all integers, as ERA5 is packed.
    air = field("sp", 5e4, 1e5, "Pa")
    path = save(packed(air, "sp", 5e4 / 65532, 7.5e4), "air.nc")
    np.testing.assert_allclose(io.read_grid(path).pressure, air.sp, atol=1)
    soil = field("tws", 800, 900, "mm")
    soil.tws[:, :, :20] = 0.0
    path = save(packed(soil, "tws", 900 / 65532, 450.0), "soil.nc")
    np.testing.assert_allclose(io.read_grid(path).tws, soil.tws, atol=0.02)
    assert "stands in" not in caplog.text


@pytest.mark.parametrize(
    ("zone", "hours"),
    [("Z", 0), ("+00:00", 0), (" UTC", 0), ("+08:00", 8), ("-0530", -5.5)],
)
def test_times_as_text_keep_the_zone_that_they_name(save, zone, hours):
    source = field("sp", 9e4, 1e5, "Pa")
    texts = [f"{day}T12:00:00{zone}" for day in DAYS.astype("M8[D]")]
    path = save(source.assign_coords(time=np.array(texts, object)))
    noon = DAYS + np.timedelta64(round(60 * (12 - hours)), "m")
    np.testing.assert_array_equal(io.read_grid(path).time, noon)
