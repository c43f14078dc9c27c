"""Gridded products of every span, beside heights of every span."""

import itertools
import logging

import numpy as np
import pytest
import shapely
import xarray as xr

from jaxload import config, io, sphere
from jaxload.pipeline.evaluate.regions import reference_means, reference_month_means
from jaxload.pipeline.inputs.observations import read_comparisons
from jaxload.pipeline.inputs.time_spans import epoch_spans, spans_of
from jaxload.pipeline.inputs.weather import WeatherPlaces, read_weather
from jaxload.pipeline.prepare import loads
from jaxload.pipeline.prepare.grid_loads import at_common_times

pytest.importorskip("netCDF4")

HOUR, DAY = np.timedelta64(1, "h"), np.timedelta64(1, "D")
SUNDAY, AFTER = np.datetime64("2009-12-27", "ns"), np.datetime64("2013-01-06", "ns")
PRODUCTS = ("6-hourly", "daily", "weekly", "monthly")
HEIGHTS = ("daily", "weekly", "monthly")

#: Cycles [1/day] and amplitudes of what is observed.
CYCLES = {1 / 365.2425: 10.0, 2 / 365.2425: 2.0}


def spans(kind, first=SUNDAY, last=AFTER):
    """Begin and end of all spans of a kind, shape (span, 2)."""
    if kind == "monthly":
        month = np.arange(first.astype("M8[M]"), last.astype("M8[M]") + 1)
        return np.stack([month, month + 1], axis=1).astype("M8[ns]")
    step = {"6-hourly": 6 * HOUR, "daily": DAY, "weekly": 7 * DAY}[kind]
    begin = np.arange(first, last, step)
    return np.stack([begin, begin + step], axis=1)


def true_means(bounds):
    """Means of the signal over spans, from its integral."""
    start, stop = ((x - SUNDAY) / DAY for x in bounds.T)
    total = np.zeros(len(start))
    for cycle, amplitude in CYCLES.items():
        turn = 2 * np.pi * cycle
        total += amplitude * (np.sin(turn * stop) - np.sin(turn * start)) / turn
    return total / (stop - start)


def stamps(bounds, stamp, dated):
    """Times at the begin, middle or end of spans; or dates of their last days."""
    begin, end = bounds.T
    if stamp == "start":
        return begin
    if stamp == "middle":
        return begin + (end - begin) // 2
    if not dated:
        return end
    last = end - DAY
    return np.where(end - begin > DAY, last, end - 3 * HOUR)


def write(path, time, values, bounds=None, **attrs):
    """A file of temperature, the same in every cell."""
    numbers = (time - SUNDAY) / HOUR
    units = {"units": "hours since 2009-12-27 00:00:00"}
    field = np.broadcast_to(280 + values[:, None, None], (len(time), 2, 3))
    coords = {
        "time": ("time", numbers, dict(units)),
        "lat": [0.5, 1.5],
        "lon": [100.5, 101.5, 102.5],
    }
    labels = {"units": "K", **attrs}
    content = xr.Dataset({"t2m": (("time", "lat", "lon"), field, labels)}, coords)
    if bounds is not None:
        content["time_bnds"] = (("time", "nv"), (bounds - SUNDAY) / HOUR)
        content["time"].attrs["bounds"] = "time_bnds"
    content.to_netcdf(path)
    return path


def heights(kind):
    """Epochs of heights within the three years."""
    first, last = np.datetime64("2010-01-03", "ns"), np.datetime64("2012-12-30", "ns")
    bounds = spans(kind, first, last)
    gnss = xr.Dataset(coords={"time": bounds[:, 0]})
    if kind == "daily":
        return gnss
    inside = bounds[(bounds[:, 0] >= first) & (bounds[:, 1] <= last)]
    dated = {"weekly": 3 * DAY, "monthly": 14 * DAY}[kind]
    gnss = xr.Dataset(coords={"time": inside[:, 0] + dated})
    return gnss.assign(time_bnds=(("time", "bnds"), inside))


def brought(path, kind, **settings):
    """The product at the epochs of heights, and how it should be there."""
    grid = io.read_grid(path, "temperature", settings=io.GridSettings(**settings))
    values = grid.temperature[:, :1, 0].values.astype(float) - 280
    gnss = heights(kind)
    given = (values, grid.time.values, gnss, "the load", grid.time_bnds.values)
    return loads.loads_at_epochs(*given)[:, 0], true_means(epoch_spans(gnss))


def annual_share(left, time):
    """Annual amplitude of what is left, as a share of the signal's."""
    turn = 2 * np.pi * (time - SUNDAY) / DAY / 365.2425
    design = np.stack([np.ones(len(turn)), np.cos(turn), np.sin(turn)], axis=1)
    return np.hypot(*np.linalg.lstsq(design, left, rcond=None)[0][1:]) / 10.0


SAID = [
    (stamp, said)
    for stamp, said in itertools.product(
        ("start", "middle", "end"), ("bounds", "asked", "guessed")
    )
]


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize(("stamp", "said"), SAID)
def test_a_product_means_its_spans_wherever_they_are_stamped(
    tmp_path, product, stamp, said
):
    bounds = spans(product)
    time = stamps(bounds, stamp, dated=said == "guessed")
    stated = bounds if said == "bounds" else None
    path = write(tmp_path / "x.nc", time, true_means(bounds), stated)
    settings = {"stamp": stamp} if said == "asked" else {}
    for kind in HEIGHTS:
        found, expected = brought(path, kind, **settings)
        assert np.isfinite(found).all()
        left = found - expected
        # Six hours without bounds are instants, as far as anyone can tell.
        hours = product == "6-hourly" and said == "guessed"
        exact = PRODUCTS.index(product) <= PRODUCTS.index(kind) and not hours
        whole = product != "weekly" or kind != "monthly"
        assert abs(left).max() < (1e-5 if exact and whole else 0.15)
        assert annual_share(left, heights(kind).time.values) < 0.002


# What stamps mean


def days(*texts):
    return np.array(texts, "M8[ns]")


#: Stamps, what is said of them, and the first and last span; "" for as it is.
STAMPED = {
    "firsts of months": (days("2010-01-01", "2010-02-01", "2010-03-01"), {},
                         "month", "2010-01-01 2010-02-01", "2010-03-01 2010-04-01"),
    "middles of months": (days("2010-01-16T12", "2010-02-15", "2010-03-16T12"), {},
                          "month", "2010-01-01 2010-02-01", "2010-03-01 2010-04-01"),
    "last days of months": (days("2010-01-31", "2010-02-28", "2010-03-31"), {},
                            "month", "2010-01-01 2010-02-01", "2010-03-01 2010-04-01"),
    "few months with gaps": (days("2010-01-01", "2010-07-01", "2011-01-01"), {},
                             "month", "2010-01-01 2010-02-01", "2011-01-01 2011-02-01"),
    "ends of months, as is said": (
        days("2010-02-01", "2010-03-01", "2010-04-01"), {"stamp": "end"},
        "asked", "2010-01-01 2010-02-01", "2010-03-01 2010-04-01"),
    "one month, as is said": (days("2010-02-01"), {"stamp": "end", "span": "month"},
                              "asked", "2010-01-01 2010-02-01", ""),
    "months of GRACE": (
        days("2011-09-16", "2011-10-16T12", "2011-11-16", "2011-12-31T12"), {},
        "month", "2011-09-01 2011-10-01", "2011-12-16T06:45 2012-01-15T17:15"),
    "days at noon": (days("2010-01-01T12", "2010-01-02T12", "2010-01-04T12"), {},
                     "day", "2010-01-01 2010-01-02", "2010-01-04 2010-01-05"),
    "days by their last hour": (
        days("2010-01-01T21", "2010-01-02T21"), {},
        "day", "2010-01-01 2010-01-02", "2010-01-02 2010-01-03"),
    "midnights that end days": (
        days("2010-01-02", "2010-01-03"), {"stamp": "end"},
        "asked", "2010-01-01 2010-01-02", "2010-01-02 2010-01-03"),
    "days of rain from noon": (
        days("2010-01-01T12", "2010-01-02T12"), {"stamp": "start"},
        "asked", "2010-01-01T12 2010-01-02T12", "2010-01-02T12 2010-01-03T12"),
    "Wednesdays": (days("2010-01-06", "2010-01-13"), {},
                   "week", "2010-01-03 2010-01-10", "2010-01-10 2010-01-17"),
    "Mondays": (days("2010-01-04", "2010-01-11"), {},
                "week", "2010-01-04 2010-01-11", "2010-01-11 2010-01-18"),
    "hours": (days("2010-01-01T00", "2010-01-01T03", "2010-01-01T06"), {},
              "instant", "2010-01-01 2010-01-01", "2010-01-01T06 2010-01-01T06"),
    "means of hours at half past": (
        days("2010-01-01T00:30", "2010-01-01T01:30"), {"method": "mean"},
        "hours", "2010-01-01T00 2010-01-01T01", "2010-01-01T01 2010-01-01T02"),
    "sums that ERA5 dates by their ends": (
        days("2010-01-01T01", "2010-01-01T02"), {"method": "sum"},
        "hours", "2010-01-01T00 2010-01-01T01", "2010-01-01T01 2010-01-01T02"),
    "eight days": (days("2010-01-01", "2010-01-09", "2010-01-17"), {},
                   "centred", "2009-12-28 2010-01-05", "2010-01-13 2010-01-21"),
    "eight days, as is said": (
        days("2010-01-01", "2010-01-09"), {"span": "8 days"},
        "asked", "2010-01-01 2010-01-09", "2010-01-09 2010-01-17"),
    "tens of days from their begin": (
        days("2010-01-01", "2010-01-11", "2010-01-21", "2010-02-01"),
        {"stamp": "start"},
        "asked", "2010-01-01 2010-01-11", "2010-02-01 2010-02-11"),
    "quarters": (days("2010-01-01", "2010-04-01", "2010-07-01", "2010-10-01"), {},
                 "centred", "2009-11-16T12 2010-02-15", "2010-08-16 2010-11-15T12"),
    "years": (days("2010-07-02", "2011-07-02"), {},
              "year", "2010-01-01 2011-01-01", "2011-01-01 2012-01-01"),
    "one time": (days("2010-07-02T06"), {}, "single", "2010-07-02 2010-07-03", ""),
    "values at their times, as is said": (
        days("2010-01-01", "2010-01-02"), {"stamp": "instant"},
        "asked", "2010-01-01 2010-01-01", "2010-01-02 2010-01-02"),
    "amounts of one day in monthly means": (
        days("2010-01-01", "2010-02-01", "2010-03-01"), {"span": "24 hours"},
        "month", "2010-01-01 2010-02-01", "2010-03-01 2010-04-01"),
}  # fmt: skip


@pytest.mark.parametrize("name", STAMPED)
def test_stamps_mean_the_day_week_or_month_they_are_in(name):
    time, said, origin, first, last = STAMPED[name]
    said = {**said, "span": io.parse_span(said.get("span"))}
    found = io.stamped_spans(time[::-1], **said)
    assert found.origin == origin
    bounds = found.bounds[::-1]
    np.testing.assert_array_equal(bounds[0], days(*first.split()))
    if last:
        np.testing.assert_array_equal(
            bounds[-1].astype("M8[h]"), days(*last.split()).astype("M8[h]")
        )


def test_a_span_that_nobody_understands_is_refused():
    assert io.parse_span("3 hours") == np.timedelta64(3, "h")
    assert io.parse_span(0.5) == np.timedelta64(30, "m")
    assert io.parse_span("1 month") == "month"
    for wrong, words in (("fortnight", "expected day, week"), (0, "positive length")):
        with pytest.raises(ValueError, match=words):
            io.GridSettings(span=wrong)
    with pytest.raises(ValueError, match="stamp is 'begin', expected one of auto, st"):
        io.GridSettings(stamp="begin")


def test_files_of_one_time_each_are_seen_beside_each_other(tmp_path, caplog):
    bounds = spans("monthly")[:6]
    for number, (time, value) in enumerate(zip(bounds[:, :1], true_means(bounds))):
        write(tmp_path / f"m{number}.nc", time, np.array([value]))
    with caplog.at_level(logging.INFO):
        grid = io.read_grid(tmp_path / "m*.nc")
    np.testing.assert_array_equal(grid.time_bnds, bounds)
    assert "m0.nc and 5 more has no bounds of time: times are taken for the months" in (
        caplog.text
    )


def test_bounds_of_some_files_stay(tmp_path):
    bounds = spans("monthly")[:6]
    for number, pair in enumerate(bounds):
        stated = pair[None] - DAY if number == 2 else None
        write(tmp_path / f"m{number}.nc", pair[:1], np.zeros(1), stated)
    grid = io.read_grid(tmp_path / "m*.nc")
    np.testing.assert_array_equal(grid.time_bnds[2], bounds[2] - DAY)
    np.testing.assert_array_equal(grid.time_bnds[3], bounds[3])
    assert grid.time_bnds.attrs["origin"] == "file, month"


def test_what_means_a_time_that_is_wanted_is_read(tmp_path):
    bounds = spans("monthly")
    path = write(tmp_path / "x.nc", bounds[:, 1], true_means(bounds), bounds)
    wanted = io.GridSettings(start="2010-03-20", stop="2010-05-01")
    grid = io.read_grid(path, settings=wanted)
    np.testing.assert_array_equal(grid.time_bnds, bounds[3:5])
    hours = spans("6-hourly")[:, 0]
    path = write(tmp_path / "y.nc", hours, np.zeros(len(hours)))
    wanted = io.GridSettings(start="2010-01-01", stop="2010-01-02")
    grid = io.read_grid(path, settings=wanted)
    np.testing.assert_array_equal(grid.time, hours[20:24])


def test_months_are_counted_from_dates_without_zeros(tmp_path):
    path = write(tmp_path / "x.nc", spans("monthly")[:3, 0], np.zeros(3))
    with xr.open_dataset(path, decode_times=False) as source:
        source = source.load()
    attrs = {"units": "months since 1901-1-1 00:00:00", "calendar": "360_day"}
    source["time"] = ("time", [1296.0, 1297.0, 1298.0], attrs)
    source.to_netcdf(tmp_path / "y.nc")
    grid = io.read_grid(tmp_path / "y.nc")
    np.testing.assert_array_equal(
        grid.time_bnds[:, 0], days("2009-01-01", "2009-02-01", "2009-03-01")
    )


# What is not known


def test_one_hour_of_the_day_is_doubted(tmp_path, caplog):
    bounds = spans("daily")
    values = true_means(bounds)
    path = write(tmp_path / "x.nc", bounds[:, 0], values, cell_methods="time: point")
    with caplog.at_level(logging.WARNING):
        taken, truth = brought(path, "daily")
    assert "x.nc has one value a day and calls it an instant" in caplog.text
    np.testing.assert_allclose(taken, truth, atol=1e-9)
    caplog.clear()
    for said in ({"span": "day"}, {"stamp": "start"}):
        np.testing.assert_allclose(brought(path, "daily", **said)[0], truth, atol=1e-9)
    between, _ = brought(path, "daily", stamp="instant")
    halves = (values[1:] + values[:-1]) / 2
    np.testing.assert_allclose(between, halves[7 : 7 + len(truth)])
    assert not caplog.text


def test_hours_that_are_missing_are_counted(tmp_path, caplog):
    hours = spans("6-hourly")[:, 0]
    day = (hours - SUNDAY) // DAY
    hour = (hours - SUNDAY) % DAY / HOUR
    # Of day 100 half is left, of day 101 a quarter, of day 102 nothing.
    gone = ((day == 100) & (hour > 9)) | ((day == 101) & (hour > 3)) | (day == 102)
    path = write(tmp_path / "x.nc", hours[~gone], 0.01 * day[~gone])
    with caplog.at_level(logging.WARNING):
        found, _ = brought(path, "daily")
    epoch = (heights("daily").time.values - SUNDAY) // DAY
    np.testing.assert_allclose(found, 0.01 * epoch, atol=1e-9)
    assert "the load is known in part of 1 of 1092 epochs only" in caplog.text
    assert "(50% of the shortest)" in caplog.text
    assert "interpolated over gaps: 2010-04-07 to 2010-04-09" in caplog.text


def test_a_month_that_is_missing_is_named_and_bridged(tmp_path, caplog):
    bounds = np.delete(spans("monthly"), 12, axis=0)
    path = write(tmp_path / "x.nc", bounds[:, 0], true_means(bounds), bounds)
    with caplog.at_level(logging.WARNING):
        found, truth = brought(path, "weekly")
    assert "interpolated over gaps: 2010-11-01 to 2011-01-01" in caplog.text
    epoch = np.searchsorted(heights("weekly").time.values, bounds[11:13].ravel())
    lost = np.arange(epoch[1], epoch[2])
    elsewhere = np.delete(abs(found - truth), np.arange(lost[0] - 5, lost[-1] + 6))
    # A straight line over its hill would miss as much.
    assert abs(found - truth)[lost].max() < 2.7
    assert elsewhere.max() < 0.15
    # The months beside it keep their means.
    daily, _ = brought(path, "daily")
    month = heights("daily").time.values.astype("M8[M]")
    for pair, mean in zip(bounds[2:34], true_means(bounds)[2:34]):
        inside = month == pair[0].astype("M8[M]")
        if inside.sum() >= 28:
            np.testing.assert_allclose(daily[inside].mean(), mean, atol=1e-5)


# Weather, references and regional grids


PLACES = WeatherPlaces(["A", "B"], np.array([100.7, 101.5]), np.array([0.7, 1.3]))


def study_of(folder, **tables):
    gnss, region = config.Gnss(files="x"), config.Region(boundary="y")
    return config.Study(gnss, region, folder=str(folder), **tables)


@pytest.mark.parametrize("kind", HEIGHTS)
@pytest.mark.parametrize("stamp", ["start", "middle", "end"])
def test_monthly_weather_serves_heights_of_any_span(tmp_path, kind, stamp):
    bounds = spans("monthly")
    values = true_means(bounds)
    write(tmp_path / "t.nc", stamps(bounds, stamp, False), values, bounds)
    weather = config.Weather(temperature="t.nc", pressure="p.nc")
    pressure = xr.open_dataset(tmp_path / "t.nc", decode_times=False)
    pressure = pressure.rename(t2m="sp").load()
    pressure["sp"] = (200 * pressure.sp).assign_attrs(units="Pa")
    pressure.to_netcdf(tmp_path / "p.nc")
    gnss = heights(kind)
    found = read_weather(study_of(tmp_path, weather=weather), PLACES, gnss)
    truth = 280 + true_means(epoch_spans(gnss))
    for series in (found.variables["temperature"], found.variables["pressure"] / 200):
        left = series - truth[:, None]
        assert abs(left).max() < 0.15
        assert annual_share(left[:, 0], gnss.time.values) < 0.002


def test_weather_that_lacks_a_month_is_refused(tmp_path):
    bounds = np.delete(spans("monthly"), 12, axis=0)
    write(tmp_path / "t.nc", bounds[:, 0], true_means(bounds), bounds)
    weather = config.Weather(temperature="t.nc", pressure="t.nc")
    said = r"no data at 3 of 156 epochs .* from 2010-12-08 to 2010-12-22"
    with pytest.raises(ValueError, match=said):
        read_weather(study_of(tmp_path, weather=weather), PLACES, heights("weekly"))


def test_rain_between_months_is_never_negative(tmp_path):
    bounds = spans("monthly")
    write(tmp_path / "t.nc", bounds[:, 0], true_means(bounds), bounds)
    with xr.open_dataset(tmp_path / "t.nc", decode_times=False) as source:
        rain = source.rename(t2m="pr").load()
    wet = 1.0 * (np.arange(len(bounds)) % 6 == 0)
    shape = rain.pr.dims, wet[:, None, None] * np.ones(rain.pr.shape)
    rain["pr"] = (*shape, {"units": "mm/day"})
    rain.to_netcdf(tmp_path / "r.nc")
    names = {"temperature": "t.nc", "pressure": "p.nc", "precipitation": "r.nc"}
    (200 * rain.pr.assign_coords(time=rain.time) + 9e4).rename("sp").assign_attrs(
        units="Pa"
    ).to_dataset().assign(time_bnds=rain.time_bnds).to_netcdf(tmp_path / "p.nc")
    study = study_of(tmp_path, weather=config.Weather(**names))
    found = read_weather(study, PLACES, heights("daily")).variables["precipitation"]
    assert found.min() == 0
    month = heights("daily").time.values.astype("M8[M]")
    ours = [found[month == one, 0].mean() for one in np.unique(month)[1:-1]]
    np.testing.assert_allclose(ours, wet[2:-2], atol=0.12)


OUTLINE = {"all": shapely.box(100.0, 0.0, 103.0, 2.0)}
CELLS = sphere.raster_grid([100.5, 101.5, 102.5], [0.5, 1.5])


def scored(folder, file, **source):
    """Means of a land model over months, and ours over the same."""
    write_study = {"files": file, **source}
    study = study_of(
        folder,
        evaluation=config.Evaluation(land_model=config.GridSource(**write_study)),
    )
    products = read_comparisons(study, OUTLINE["all"])
    model = reference_means(study, OUTLINE, CELLS, products)["land_model"]
    time = heights("daily").time.values
    ours = reference_month_means(true_means(spans_of(time))[:, None], time, model)[:, 0]
    return model, ours


def as_storage(path):
    with xr.open_dataset(path, decode_times=False) as source:
        storage = source.rename(t2m="TWS_tavg").load()
    storage["TWS_tavg"] = storage.TWS_tavg.assign_attrs(units="mm")
    storage.to_netcdf(path.with_name("tws.nc"))


@pytest.mark.parametrize("product", ["daily", "monthly"])
@pytest.mark.parametrize("stated", [True, False])
def test_a_land_model_stamped_at_the_end_of_its_months_is_not_late(
    tmp_path, product, stated
):
    bounds = spans(product)
    given = bounds if stated else None
    as_storage(write(tmp_path / "t.nc", bounds[:, 1], true_means(bounds), given))
    source = {} if stated else {"stamp": "end"}
    model, ours = scored(tmp_path, "tws.nc", **source)
    both = np.isfinite(ours)
    assert both.sum() == 36
    theirs = model.water.values[both, 0]
    left = ours[both] - ours[both].mean() - (theirs - theirs.mean())
    # The first and the last month have fewer days of ours than of the model.
    assert abs(left[1:-1]).max() < 0.05
    assert np.corrcoef(ours[both], theirs)[0, 1] > 0.9999
    middle = bounds_of_months(model.month.values)
    np.testing.assert_array_equal(model.start, middle[:, 0])
    np.testing.assert_array_equal(model.stop, middle[:, 1])


def bounds_of_months(time):
    month = time.astype("M8[M]")
    return np.stack([month, month + 1], axis=1).astype("M8[ns]")


def test_weeks_count_for_the_months_of_gravity_by_their_days():
    water = xr.Dataset(
        coords={
            "start": ("month", days("2010-02-01")),
            "stop": ("month", days("2010-03-01")),
        }
    )
    time = days(
        "2010-01-27",
        "2010-02-03",
        "2010-02-10",
        "2010-02-17",
        "2010-02-24",
        "2010-03-03",
    )
    weekly = np.arange(6.0)[:, None]
    found = reference_month_means(weekly, time, water)
    # Of the week around 3 February, one day is of January: six days are left.
    share = np.array([0, 6, 7, 7, 7, 1])
    np.testing.assert_allclose(found[0, 0], share @ weekly[:, 0] / 28)


def test_regional_grids_are_brought_to_the_spans_of_the_globe(tmp_path):
    """The value at noon is not that of its day."""
    hours, whole = spans("6-hourly"), spans("daily")
    diurnal = np.tile([0.0, 1, 5, 2], len(hours) // 4)
    grids = []
    for name, bounds, values, stamp in (
        ("day.nc", whole, np.full(len(whole), 2.0), 12 * HOUR),
        ("hours.nc", hours, diurnal, 0 * HOUR),
        ("month.nc", spans("monthly"), true_means(spans("monthly")), 0 * HOUR),
    ):
        path = write(tmp_path / name, bounds[:, 0] + stamp, values)
        grids.append(io.read_grid(path))
    day, six, month = grids
    globe, regional = at_common_times(day, six, ("day.nc", "hours.nc"))
    np.testing.assert_allclose(regional.temperature, 282, rtol=1e-6)
    np.testing.assert_array_equal(globe.time, regional.time)
    globe, regional = at_common_times(month, month.isel(time=slice(3, 9)), ("m", "n"))
    np.testing.assert_array_equal(regional.temperature, globe.temperature)
    np.testing.assert_array_equal(globe.time, month.time[3:9])
    early, late = day.isel(time=slice(3)), month.isel(time=slice(9, None))
    with pytest.raises(ValueError, match=r"d.nc spans 2009-12-27 to 2009-12-30 and m"):
        at_common_times(early, late, ("d.nc", "m.nc"))


def test_loads_of_stations_by_months_are_of_their_months(tmp_path, caplog):
    bounds = spans("monthly")
    gnss = heights("daily")
    truth = true_means(epoch_spans(gnss))
    for stamp, dates in (("auto", bounds[:, 1] - DAY), ("end", bounds[:, 1])):
        lines = [
            f"{str(date)[:10].replace('-', '')} 0 0 {value:.6f}\n"
            for date, value in zip(dates, true_means(bounds))
        ]
        for station in ("AAAA", "BBBB"):
            (tmp_path / f"{station}.soil").write_text("".join(lines))
        table = config.Loads(
            displacement=("soil: *.soil",),
            displacement_units="mm",
            displacement_stamp=stamp,
        )
        network = gnss.assign_coords(station=["AAAA", "BBBB"])
        network["up"] = (("time", "station"), np.zeros((len(truth), 2)))
        study = study_of(tmp_path, loads=table)
        found = loads.loads_at_stations(study, network, print)["soil"]
        assert abs(found - truth[:, None]).max() < 0.15
        assert annual_share(found[:, 1] - truth, gnss.time.values) < 0.002
    assert not caplog.text
    with pytest.raises(
        ValueError, match=r"loads.displacement_stamp is 'begin', expected"
    ):
        config.Loads(displacement_stamp="begin")


# Files that people have


def at_stations(folder, kind, file, first, last):
    """What one load does to two stations on their days, without its mean."""
    time = np.arange(np.datetime64(first), np.datetime64(last)).astype("M8[ns]")
    network = xr.Dataset(
        {"up": (("time", "station"), np.zeros((len(time), 2)))},
        {
            "time": time,
            "station": ["A", "B"],
            "lon": ("station", [-105.0, 25.0]),
            "lat": ("station", [40.0, 60.0]),
        },
    )
    table = config.Loads(**{kind: file}, max_degree=12)
    study = study_of(folder, loads=table, earth=config.Earth(max_degree=3000))
    found = loads.loads_at_stations(study, network, print)[kind]
    return found - found.mean(axis=0), time


@pytest.mark.slow
def test_six_hourly_air_of_era5_is_that_of_its_days(cases, caplog):
    folder = cases / "grids" / "02_era5_cds_6hourly_sp"
    given = ("2010-02-10", "2010-05-21")
    files = ("data_stream-oper_stepType-instant.nc", "daily_means_as_truth.nc")
    hours, truth = (at_stations(folder, "atmosphere", f, *given)[0] for f in files)
    assert np.sqrt((truth**2).mean()) > 1
    assert np.sqrt(((hours - truth) ** 2).mean()) < 1e-3
    caplog.clear()
    at_stations(folder, "atmosphere", "only_00utc.nc", *given)
    assert "only_00utc.nc has one value a day and calls it an instant" in caplog.text


@pytest.mark.slow
def test_monthly_soil_of_gldas_leaves_no_season(cases):
    folder = cases / "grids" / "01_gldas_noah10_m"
    given = ("padded.nc", "2009-10-01", "2012-04-01")
    daily, time = at_stations(folder, "soil", *given)
    with xr.open_dataset(folder / "padded.nc") as grid:
        bounds = grid.time_bnds.values
    inside = (time >= bounds[:, :1]) & (time < bounds[:, 1:])
    months = inside @ daily / inside.sum(axis=1, keepdims=True)
    # The mean of a sine over months, as steps: less by sinc(1/12) both times.
    steps = inside.T.astype(float) @ months / np.sinc(1 / 12) ** 2
    left = steps - daily
    assert 10 * annual_share(daily[:, 0], time) > 4
    assert 10 * annual_share(left[:, 0], time) < 0.05


def test_watergap_counts_months(cases):
    folder = cases / "grids" / "05_isimip_watergap_tws"
    bounds = io.read_grid(next(folder.glob("*.nc")), "tws").time_bnds.values
    np.testing.assert_array_equal(bounds, bounds_of_months(bounds[:, 0]))
    assert str(bounds[0, 0])[:10] == "2009-01-01"
    assert len(bounds) == 48
