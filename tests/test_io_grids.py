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
    # A packed bound is no date: the months are those of the stamps.
    numbers = product(time_bounds=(("time", "two"), np.zeros((3, 2))))
    water = io.read_grid(saved(numbers))
    np.testing.assert_array_equal(water.time_bnds[:, 0], begin)
    assert water.time_bnds.attrs["origin"] == "month"


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
        assert np.diff(months).max() > np.timedelta64(1, "M")
        assert (months[0], months[-1]) == (np.datetime64("2002-04"), months[-1])


@pytest.mark.parametrize(
    ("units", "factor"),
    [("m", 1000), ("mm", 1), ("kg m-2", 1), (" cm ", 10), ("millimeter", 1)],
)
def test_units_come_from_the_file_or_the_caller(saved, units, factor):
    first = float(product().lwe_thickness[1, 0, 0])
    stated = io.read_grid(saved(product(attrs={"units": units})))
    by_caller = io.read_grid(saved(product(attrs={})), units=units)
    for water in (stated, by_caller):
        assert water.twsa.sel(lon=0.5, lat=60.5)[1] == factor * first
        assert water.twsa.attrs["units"] == "mm"


def test_a_file_that_does_not_say_its_units_is_refused(saved):
    with pytest.raises(ValueError, match="states no units; state them by units = "):
        io.read_grid(saved(product(attrs={})))
    with pytest.raises(ValueError, match="is in 'bushel', which cannot become mm"):
        io.read_grid(saved(product(attrs={"units": "bushel"})))


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


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.999])
@pytest.mark.parametrize("unlimited", [[], ["time"]])
def test_a_truncated_classic_file_is_not_read_as_zeros(tmp_path, unlimited, share):
    pytest.importorskip("netCDF4")
    path = tmp_path / "x.nc"
    product().to_netcdf(path, format="NETCDF3_CLASSIC", unlimited_dims=unlimited)
    assert io.read_grid(path).twsa.shape == (3, 5, 6)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match="it ends before its data do"):
        io.read_grid(path)


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


def days(first, values, **attrs):
    """Daily fields on 2 x 3 cells, the same in each but for its number."""
    time = np.datetime64(first, "ns") + np.arange(len(values)) * DAY
    cells = np.arange(6.0).reshape(1, 2, 3)
    coords = {"time": time, "lat": [0.5, 1.5], "lon": [100.5, 101.5, 102.5]}
    field = (("time", "lat", "lon"), np.asarray(values, float)[:, None, None] + cells)
    return xr.Dataset({"twsa": field}, coords, attrs={"source": "daily", **attrs})


def with_bounds(dataset, start, stop):
    pair = np.stack([np.array(start, "M8[ns]"), np.array(stop, "M8[ns]")], axis=1)
    return dataset.assign(time_bnds=(("time", "bnds"), pair))


def test_a_week_runs_from_sunday_and_is_dated_wednesday():
    weeks = io.week_periods("2018-01-03", "2018-01-10")
    texts = [x.astype("M8[D]").astype(str).tolist() for x in vars(weeks).values()]
    assert texts == [
        ["2017-12-31", "2018-01-07"],
        ["2018-01-07", "2018-01-14"],
        ["2018-01-03", "2018-01-10"],
    ]
    daily = days("2017-12-31", np.arange(14))
    daily["twsa"][8:12, 1, 1] = np.nan  # 3 days are left of the second week
    daily["twsa"][0:3, 0, 0] = np.nan  # 4 of the first
    means = io.period_means(daily, weeks)
    assert means.time.values.tolist() == weeks.stamp.tolist()
    assert means.twsa[:, 0, 1].values.tolist() == [4, 11]
    assert means.twsa[0, 0, 0] == np.mean([3, 4, 5, 6])
    assert np.isnan(means.twsa[1, 1, 1])
    kept = io.period_means(daily, weeks, least=3 / 7).twsa[1, 1, 1]
    assert kept == 4 + np.mean([7, 12, 13])
    np.testing.assert_array_equal(means.time_bnds[:, 1], weeks.stop)


def test_true_bounds_share_an_entry_between_periods():
    months = io.month_periods("2010-01", "2010-03")
    assert months.stamp.astype("M8[D]").astype(str).tolist()[1] == "2010-02-15"
    source = with_bounds(
        days("2010-01-16", [1.0, 5.0]),
        ["2010-01-01", "2010-02-06"],
        ["2010-02-06", "2010-03-01"],
    )
    means = io.period_means(source, months).twsa[:, 0, 0]
    # Five days of February belong to the first entry.
    np.testing.assert_allclose(means, [1, (5 * 1 + 23 * 5) / 28, np.nan], rtol=1e-12)


def test_stamps_at_the_end_of_an_interval_do_not_move_days():
    """GLDAS stamps three hours by their end."""
    hours = np.timedelta64(3, "h").astype("m8[ns]")
    stamps = np.datetime64("2016-01-03", "ns") + hours * np.arange(1, 57)
    source = days("2016-01-03", np.repeat(np.arange(7.0), 8)).assign_coords(time=stamps)
    source = with_bounds(source, stamps - hours, stamps)
    week = io.week_periods("2016-01-06", "2016-01-06")
    assert float(io.period_means(source, week).twsa[0, 0, 0]) == 3
    assert io.period_means(source, io.centred_periods(stamps[[11]] - 4 * hours, 1))


def test_centred_means_are_those_of_a_window():
    daily = days("2010-01-01", np.arange(10.0) ** 2)
    middle = daily.time[3:7] + np.timedelta64(12, "h")
    means = io.period_means(daily, io.centred_periods(middle, 3.0)).twsa[:, 0, 0]
    np.testing.assert_allclose(means, [(x * x * 3 + 2) / 3 for x in (3, 4, 5, 6)])


def test_the_means_agree_with_those_of_arrays(rng):
    from jaxload import series

    values = rng.normal(size=60)
    values[rng.random(60) < 0.3] = np.nan
    daily, weeks = (
        days("2018-01-01", values),
        io.week_periods("2018-01-10", "2018-02-20"),
    )
    field = daily.twsa.values.reshape(60, 6)
    pair = (weeks.start, weeks.stop)
    expected = series.period_mean(field, daily.time.values, *pair, least=4)
    ours = io.period_means(daily, weeks).twsa.values.reshape(-1, 6)
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_periods_and_data_without_common_time_name_both_spans():
    months = io.month_periods("2020-01", "2020-03")
    with pytest.raises(
        ValueError, match=r"2010-01-01 to 2010-01-03 .* 2020-01-01 to 20"
    ):
        io.period_means(days("2010-01-01", [1, 2]), months)
    with pytest.raises(ValueError, match="2018-01 is before 2018-02; swap"):
        io.month_periods("2018-02", "2018-01")
    with pytest.raises(ValueError, match="'soon' is no date"):
        io.week_periods("soon", "2018-01-01")


def monthly(stamps, values, **attrs):
    source = days("2010-01-01", values, **attrs)
    return source.assign_coords(time=np.array(stamps, "M8[ns]"))


def test_months_of_two_centres_are_matched_and_gaps_stay():
    one = monthly(["2010-01-16", "2010-02-15", "2010-04-16"], [1, 2, 4])
    # Stamped on the first, but with bounds; 2010-02 is missing.
    two = monthly(["2010-01-01", "2010-03-01", "2010-04-01"], [10, 30, 40])
    firsts = ["2010-01-01", "2010-03-01", "2010-04-01"]
    two = with_bounds(two, firsts, ["2010-02-01", "2010-04-01", "2010-05-01"])
    left, right = io.align_times(one, two)
    np.testing.assert_array_equal(left.time, right.time)
    assert left.twsa[:, 0, 0].values.tolist() == [1, 4]
    assert right.twsa[:, 0, 0].values.tolist() == [10, 40]


def test_two_solutions_near_one_month_are_not_matched_twice():
    one = monthly(["2011-10-31", "2011-11-03"], [1, 2])
    two = monthly(["2011-11-04"], [5])
    left, _ = io.align_times(one, two)
    assert left.twsa[:, 0, 0].values.tolist() == [2]


def test_no_common_month_is_an_error_with_both_spans():
    one = monthly(["2010-01-16", "2010-02-15"], [1, 2], source="csr.nc")
    two = monthly(["2015-01-16", "2015-02-15"], [1, 2], source="jpl.nc")
    message = "csr.nc spans 2010-01-16 to 2010-02-15 and jpl.nc 2015-01-16 to 2015-02"
    with pytest.raises(ValueError, match=message):
        io.align_times(one, two)


def test_the_mean_of_centres_has_their_spread():
    stamps = ["2010-01-16", "2010-02-15", "2010-03-16"]
    one, two = monthly(stamps, [1, 2, 3]), monthly(stamps[1:], [6, 5])
    mean = io.mean_of_centres([one, two], baseline=None)
    io.check_dataset(mean, io.WATER)
    assert mean.time.size == 2
    assert mean.twsa[:, 0, 0].values.tolist() == [4, 4]
    np.testing.assert_allclose(
        mean.twsa_sigma[:, 0, 0], [4 / np.sqrt(2), 2 / np.sqrt(2)], rtol=1e-12
    )
    # About one baseline an offset between centres is none.
    shifted = one.assign(twsa=one.twsa + 100)
    years = ("2010-01-01", "2010-12-31")
    about = io.mean_of_centres([one, shifted], years)
    np.testing.assert_allclose(about.twsa[:, 0, 0], [-1, 0, 1], atol=1e-12)
    np.testing.assert_allclose(about.twsa_sigma, 0, atol=1e-12)
    with pytest.raises(ValueError, match="nothing from 2004-01-01 to 2010-01-01"):
        io.mean_of_centres([one, two])
    with pytest.raises(ValueError, match="there is 1 dataset, expected two"):
        io.mean_of_centres([one])


def globe(step, values=None):
    lon, lat = (
        np.arange(-180 + step / 2, 180, step),
        np.arange(-90 + step / 2, 90, step),
    )
    shape = (1, len(lat), len(lon))
    values = np.arange(np.prod(shape), dtype=float).reshape(shape)
    coords = {"time": [np.datetime64("2010-01-16", "ns")], "lat": lat, "lon": lon}
    return xr.Dataset({"twsa": (("time", "lat", "lon"), values)}, coords)


def test_regridding_keeps_the_water_and_repeats_mascons():
    fine, coarse = globe(15), globe(30)
    averaged = io.regrid(fine, coarse.lon, coarse.lat)

    def total(dataset):
        half = np.diff(dataset.lat.values)[0] / 2
        edges = np.deg2rad([dataset.lat.values - half, dataset.lat.values + half])
        weight = np.diff(np.sin(edges), axis=0)[0][:, None]
        return (dataset.twsa.values[0] * weight).sum() * 2 * half

    assert total(averaged) == pytest.approx(total(fine), rel=1e-12)
    repeated = io.regrid(coarse, fine.lon, fine.lat)
    expected = coarse.twsa.values.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(repeated.twsa, expected, rtol=1e-12)
    # Cells across the dateline take of both sides.
    shifted = io.regrid(coarse, coarse.lon - 15, coarse.lat)
    both = coarse.twsa.values[0, 0, [-1, 0]].mean()
    assert float(shifted.twsa[0, 0, 0]) == pytest.approx(both)
    holes = coarse.where(coarse.lat != 15)
    assert int(io.regrid(holes, fine.lon, fine.lat).twsa.isnull().sum()) == 48
    with pytest.raises(ValueError, match="have none in common with the old"):
        io.regrid(days("2010-01-01", [1]), [0.5, 1.5], [0.5, 1.5])


def plane(dataset):
    return dataset.assign(twsa=dataset.twsa * 0 + 2 * dataset.lon + 3 * dataset.lat)


def test_bilinear_sampling_is_exact_on_a_plane_and_at_the_rim():
    grid = plane(days("2010-01-01", [1, 2]))
    lon, lat = np.array([100.7, 102.5, 100.5, 461.1]), np.array([0.8, 1.5, 1.0, 0.5])
    at = io.sample_grid(grid, lon, lat)
    assert at.twsa.dims == ("time", "station")
    expected = 2 * np.where(lon > 360, lon - 360, lon) + 3 * lat
    np.testing.assert_allclose(at.twsa[1], expected, rtol=1e-12)
    # Half a cell beyond the last centre the last cell goes on.
    rim = io.sample_grid(grid, [102.9], [1.9]).twsa[0, 0]
    assert float(rim) == pytest.approx(2 * 102.5 + 3 * 1.5)
    near = io.sample_grid(grid, [100.7, 101.1], [0.8, 1.2], how="nearest").twsa[0]
    np.testing.assert_allclose(near, [2 * 100.5 + 3 * 0.5, 2 * 101.5 + 3 * 1.5])


def test_sampling_goes_round_the_globe_and_to_the_poles():
    grid = globe(30)
    row = grid.twsa.values[0, 3]
    at = io.sample_grid(grid, [180.0, -180.0, 540.0, 172.5], [15.0] * 4).twsa[0]
    middle, quarter = (row[-1] + row[0]) / 2, 0.75 * row[-1] + 0.25 * row[0]
    np.testing.assert_allclose(at, [middle, middle, middle, quarter])
    pole = io.sample_grid(grid, [15.0], [90.0]).twsa[0, 0]
    assert float(pole) == grid.twsa.values[0, -1, 6]


def test_at_a_coast_the_sea_does_not_count():
    grid = plane(days("2010-01-01", [1, 2]))
    grid["twsa"][:, :, 0] = np.nan
    grid["twsa"][1] = np.nan
    at = io.sample_grid(grid, [100.9, 100.4], [0.5, 0.5]).twsa
    np.testing.assert_allclose(at, [[2 * 101.5 + 1.5, np.nan], [np.nan, np.nan]])


def test_stations_outside_are_named():
    grid = days("2010-01-01", [1])
    names = {"station": ["KUNM", "P571", "YNSM"]}
    lon = xr.DataArray([101.0, -118.8, 99.9], dims="station", coords=names)
    lat = xr.DataArray([1.0, 1.0, 1.0], dims="station", coords=names)
    message = r"2 of 3 stations are outside .* P571 \(-118.8, 1\), YNSM \(99.9, 1\);"
    with pytest.raises(ValueError, match=message):
        io.sample_grid(grid, lon, lat)
    kept = io.sample_grid(grid, lon, lat, outside="nan")
    assert kept.twsa.isnull().values.tolist() == [[False, True, True]]
    assert kept.station.values.tolist() == names["station"]
    # A grid across the dateline has a hole between its ends, not a bridge.
    sides = grid.assign_coords(lon=[-179.5, -178.5, 179.5])
    at = io.sample_grid(sides, [180.0, 0.0], [0.5, 0.5], outside="nan").twsa[0]
    np.testing.assert_allclose(at, [(3 - 2 + 1 + 0 + 2) / 2, np.nan])
    with pytest.raises(ValueError, match="how is 'cubic'"):
        io.sample_grid(grid, [101], [1], how="cubic")
    with pytest.raises(ValueError, match="there are 2 lon, 1 lat and 2 names"):
        io.sample_grid(grid, [101, 102], [1])


def test_real_grace_loses_nothing_by_way_of_stations_and_centres(data):
    path = data / "grace/jpl_rl06_sh60_p4m6_g300_twsa_westus.nc"
    water = io.read_grid(path)
    half = water.assign(twsa=water.twsa * 0.5)
    mean = io.mean_of_centres([water, half.isel(time=slice(5, None))])
    base = io.remove_baseline(
        water.isel(time=slice(5, None)), "2004-01-01", "2010-01-01"
    )
    np.testing.assert_allclose(mean.twsa, 0.75 * base.twsa, rtol=0, atol=1e-3)
    sites = np.array([[-118.8, 36.2], [-120.5, 37.6]]).T
    at = io.sample_grid(water, *sites, names=["P571", "CRCN"])
    corners = water.twsa.sel(lon=[-119.5, -118.5], lat=[35.5, 36.5]).values
    expected = np.einsum("tij,i,j->t", corners, [0.3, 0.7], [0.3, 0.7])
    np.testing.assert_allclose(at.twsa[:, 0], expected, rtol=1e-4, atol=1e-3)
