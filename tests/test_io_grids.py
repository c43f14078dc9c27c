import numpy as np
import pytest
import xarray as xr

from jaxload import io

DAY = np.timedelta64(1, "D").astype("m8[ns]")


def product(**changes):
    """A file as a centre distributes it: cm, lon 0..360, lat from north to south."""
    lon, lat = np.arange(0.5, 360, 60), np.arange(60.5, -61, -30)
    time = np.array(["2010-01-16", "2010-02-15", "2010-06-15"], dtype="M8[ns]")
    values = np.arange(90.0, dtype=np.float32).reshape(3, 5, 6)
    values[0, 0, 0] = np.nan
    name = changes.pop("name", "lwe_thickness")
    array = xr.DataArray(
        values, dims=("time", "lat", "lon"), attrs=changes.pop("attrs", {"units": "cm"})
    )
    coords = {"time": time, "lat": lat, "lon": lon}
    return xr.Dataset({name: array, **changes}, coords)


@pytest.fixture
def saved(tmp_path):
    pytest.importorskip("netCDF4")

    def save(dataset):
        dataset.to_netcdf(tmp_path / "x.nc")
        return tmp_path / "x.nc"

    return save


def test_centimetres_become_millimetres_on_ascending_axes(saved):
    source = product()
    water = io.read_grid(saved(source))
    io.check_dataset(water, io.WATER)
    np.testing.assert_allclose(
        water.lon, [-179.5, -119.5, -59.5, 0.5, 60.5, 120.5], rtol=0, atol=1e-12
    )
    assert water.lat.values.tolist() == [-59.5, -29.5, 0.5, 30.5, 60.5]
    assert water.twsa.dtype == np.float32
    for lon in source.lon.values:
        wrapped = (lon + 180) % 360 - 180
        expected = 10 * source.lwe_thickness.sel(lon=lon).sortby("lat")
        np.testing.assert_array_equal(water.twsa.sel(lon=wrapped), expected)


def test_the_gaps_between_months_stay_gaps(saved):
    assert io.read_grid(saved(product())).time.values.tolist() == (
        product().time.values.tolist()
    )


def test_the_bounds_of_the_months_are_kept(saved):
    source = product()
    begin = source.time.values.astype("M8[M]").astype("M8[ns]")
    source["time_bnds"] = (("time", "bnds"), np.stack([begin, begin + DAY], axis=1))
    source.time.attrs["bounds"] = "time_bnds"
    source.time.encoding["units"] = "days since 2002-01-01"
    water = io.read_grid(saved(source))
    np.testing.assert_array_equal(water.time_bnds, source.time_bnds)
    # A packed bound is no date.
    numbers = product(time_bounds=(("time", "two"), np.zeros((3, 2))))
    assert "time_bnds" not in io.read_grid(saved(numbers))


def test_real_grace_files_are_read(data):
    for region, shape in (("westus", (236, 21, 24)), ("china", (236, 38, 65))):
        path = data / f"grace/jpl_rl06_sh60_p4m6_g300_twsa_{region}.nc"
        water = io.read_grid(path)
        with xr.open_dataset(path) as source:
            assert water.twsa.shape == shape
            np.testing.assert_allclose(
                water.twsa, 10 * source.lwe_thickness, rtol=1e-6, atol=0
            )
        months = water.time.values.astype("M8[M]")
        assert np.diff(months).max() > 1
        assert (months[0], months[-1]) == (np.datetime64("2002-04"), months[-1])


@pytest.mark.parametrize(
    ("units", "factor"), [("m", 1000), ("mm", 1), ("kg m-2", 1), (" cm ", 10)]
)
def test_units_come_from_the_file_or_the_caller(saved, units, factor):
    first = float(product().lwe_thickness[1, 0, 0])
    stated = io.read_grid(saved(product(attrs={"units": units})))
    told = io.read_grid(saved(product(attrs={})), units=units)
    for water in (stated, told):
        assert water.twsa.sel(lon=0.5, lat=60.5)[1] == factor * first
        assert water.twsa.attrs["units"] == "mm"


def test_a_file_that_does_not_say_its_units_is_refused(saved):
    with pytest.raises(ValueError, match="states no units; say them by units=, one of"):
        io.read_grid(saved(product(attrs={})))
    with pytest.raises(ValueError, match="is in 'furlong', which is not one of mm"):
        io.read_grid(saved(product(attrs={"units": "furlong"})))


def test_a_file_without_a_known_variable_lists_what_it_has(saved):
    path = saved(product(name="storage"))
    with pytest.raises(ValueError, match="holds storage on time, lat and lon; one of"):
        io.read_grid(path)
    with pytest.raises(ValueError, match=r"holds storage .* wet was wanted"):
        io.read_grid(path, variable="wet")
    assert io.read_grid(path, variable="storage").twsa.shape == (3, 5, 6)


def test_a_file_without_a_grid_is_refused(saved, data):
    with pytest.raises(ValueError, match="has no axis lat; its dimensions are"):
        io.read_grid(data / "grace" / "csr_rl06_mascon_az_georegions.nc")
    flat = product().rename(lat="y")
    with pytest.raises(ValueError, match=r"has no axis lat; .* expected time, lat"):
        io.read_grid(saved(flat))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused_in_one_sentence(saved, share):
    path = saved(product())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match="cannot be read as netCDF") as caught:
        io.read_grid(path)
    assert "\n" not in str(caught.value)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"x\.nc does not exist"):
        io.read_grid(tmp_path / "x.nc")


def test_the_caller_can_trust_what_was_checked():
    good = io.label_dataset(
        product(name="twsa", attrs={}).assign_coords(
            lon=np.arange(-170.0, 180, 60), lat=np.arange(-60.0, 61, 30)
        )
    )
    io.check_dataset(good, io.WATER)
    metres = good.copy()
    metres["twsa"] = good.twsa.assign_attrs(units="m")
    for bad, message in (
        (good.drop_vars("lat"), "a water grid dataset needs lat, but this one has"),
        (good.drop_vars("twsa"), "needs twsa"),
        (good.transpose("lat", ...), r"has dimensions \('lat', .* transpose it"),
        (metres, "twsa has units 'm', expected 'mm'; convert it"),
        (good.fillna(0).astype(int), "twsa holds int64, expected floats"),
        (good.assign_coords(time=[1, 2, 3]), "time holds int64, expected datetime64"),
        (good.isel(time=[1, 0, 2]), "time does not increase"),
        (good.isel(lat=slice(None, None, -1)), "lat does not ascend"),
        (good.assign_coords(lon=good.lon + 180), "lon reaches 190 degrees"),
        (good.assign_coords(lat=("lat", [0, 1, 2, 3, np.nan])), "lat reaches nan"),
    ):
        with pytest.raises(ValueError, match=message):
            io.check_dataset(bad, io.WATER)
