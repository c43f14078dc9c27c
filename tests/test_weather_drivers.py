"""Any variable of the weather, of any step in time and space, becomes features."""

import csv
import dataclasses
import json
import logging

import numpy as np
import pytest
import xarray as xr

from jaxload import config, gapfill, studies
from jaxload.gapfill import drivers
from jaxload.pipeline.fill.drivers import driver_features, warn_of_idle_decomposition
from jaxload.pipeline.fill.features import network_features
from jaxload.pipeline.inputs.weather import WeatherPlaces, read_weather
from jaxload.series.decomposition.emd import Decomposition, decompose

DAY = np.timedelta64(1, "D")
LON, LAT = np.arange(99.5, 104), np.arange(23.5, 27)
PLACES = WeatherPlaces(["A", "B"], np.array([100.3, 102.0]), np.array([24.4, 26.0]))
MONTHS = np.arange("2015-01", "2020-01", dtype="M8[M]")
DAYS = np.arange("2015-01-01", "2020-01-01", dtype="M8[D]")
WEEKS = np.arange("2016-01-04", "2019-12-01", 7, dtype="M8[D]")


def write_grid(path, name, values, time, *, bounds=None, units="1"):
    """A field that is the same on all cells, or of its own on each."""
    cells = np.shape(values)[1:] or (1, 1)
    values = np.reshape(values, (len(time), *cells))
    values = np.broadcast_to(values, (len(time), len(LAT), len(LON)))
    coords = {"time": time.astype("M8[ns]"), "lat": LAT, "lon": LON}
    dataset = xr.Dataset({name: (tuple(coords), values, {"units": units})}, coords)
    if bounds is not None:
        dataset["time_bnds"] = (("time", "bnds"), bounds.astype("M8[ns]"))
        dataset["time"].attrs["bounds"] = "time_bnds"
        dataset["time"].encoding["units"] = "days since 2000-01-01"
    dataset.to_netcdf(path)


def monthly(path, name, values, units):
    start = MONTHS.astype("M8[D]")
    bounds = np.stack([start, (MONTHS + 1).astype("M8[D]")], axis=1)
    write_grid(path, name, values, start + 14 * DAY, bounds=bounds, units=units)


def heights(time):
    bounds = np.stack([time, time + 7 * DAY], axis=1).astype("M8[ns]")
    coords = {"time": time.astype("M8[ns]")}
    return xr.Dataset({"time_bnds": (("time", "bnds"), bounds)}, coords)


def study_of(folder, *, method="joint-load", features=None, **weather):
    return config.Study(
        gnss=config.Gnss(files="x"),
        region=config.Region(boundary="y"),
        weather=config.Weather(**weather),
        features=features or config.Features(),
        gapfill=config.Gapfill(method=method),
        folder=str(folder),
    )


def ignore(_):
    """Progress is no matter here."""


def wave(time):
    """A season and something slower, positive."""
    days = (time - DAYS[0]) / DAY
    slow = 0.7 * np.cos(2 * np.pi * days / 911)
    return 3 + np.cos(2 * np.pi * days / 365.2425) + slow


# Settings


STUDY = """
[gnss]
files = "x"
[region]
boundary = "y"
[weather]
temperature = "t.nc"
[weather.precipitation]
files = "p.nc"
transformation = ["log1p", "normalise"]
antecedent_days = [30, 90]
[weather.ndvi]
files = "n.nc"
antecedent_days = 30
[weather.static]
elevation = "dem.nc"
[weather.static.cover]
files = "lc.nc"
transformation = "categories"
"""


def test_variables_by_any_name_survive_the_round_trip(tmp_path):
    (tmp_path / "study.toml").write_text(STUDY)
    study = config.read_study(tmp_path / "study.toml")
    assert study.weather is not None
    assert list(study.weather.variables) == ["temperature", "precipitation", "ndvi"]
    assert study.weather.variables["ndvi"].days == (30,)
    assert study.weather.variables["precipitation"].steps == ("log1p", "normalise")
    text = config.to_toml(study)
    assert "[weather.ndvi]" in text
    (tmp_path / "again.toml").write_text(text)
    assert config.read_study(tmp_path / "again.toml") == study
    assert config.parse_study(text, study.folder) == study
    changes = {"weather.ndvi.units": "1"}
    changed = config.read_study(tmp_path / "study.toml", changes=changes)
    assert changed.weather is not None
    assert changed.weather.variables["ndvi"].units == "1"


SLIPS = {
    "a slip of a table": (
        "weather.ndvi]",
        "weather.temperatur]",
        "did you mean temper",
    ),
    "a slip of a file": ("temperature =", "temprature =", "did you mean temperature"),
    "a slip in a table": (
        "days = 30",
        "day = 30",
        "weather.ndvi.antecedent_day is not",
    ),
    "an unknown step": ('"log1p"', '"log"', "'log', expected .* did you mean log1p"),
    "a slip of a way": (
        "antecedent_days = 30",
        'missing = "climate"',
        "did you mean climatology",
    ),
    "an unknown way": ('"categories"', '"category"', "did you mean categories"),
    "no days": ("[30, 90]", "[30, 0]", "antecedent_days is 0, expected 1 or more"),
    "days in words": ("days = 30", 'days = "x"', "list of whole numbers"),
    "no files": ('files = "n.nc"', 'units = "1"', "weather.ndvi.files is missing"),
    "one name twice": ("elevation", "ndvi", "have one name; rename one"),
    "a table of no basins": ('"p.nc"', '"p.csv"', "basins is missing"),
    "an unknown quantity": ("days = 30", 'days = 3\nquantity = "snw"', "mean snow"),
    "components first": (
        '["log1p", "normalise"]',
        '["principal-components", "log1p"]',
        "put it last",
    ),
}


@pytest.mark.parametrize("kind", SLIPS)
def test_slips_in_weather_are_said_with_what_was_meant(tmp_path, kind):
    old, new, words = SLIPS[kind]
    assert STUDY.count(old) == 1
    (tmp_path / "study.toml").write_text(STUDY.replace(old, new))
    with pytest.raises(ValueError, match=words) as caught:
        config.read_study(tmp_path / "study.toml")
    assert "\n" not in str(caught.value)
    assert "other" not in str(caught.value).replace("any other", "")


OF_TABLES = {
    "variable": '"pr"',
    "time_units": '"days since 2000-01-01"',
    "stamp": '"start"',
    "span": '"month"',
    "interpolation": '"cell"',
}
OF_GRIDS = {
    "name_property": '"name"',
    "columns": '["West: P1"]',
    "time": '"date"',
    "time_format": '"%Y-%m"',
}
TABLE_BY_BASIN = 'files = "n.csv"\nbasins = "basins.geojson"'


@pytest.mark.parametrize("name", [*OF_TABLES, *OF_GRIDS])
def test_a_setting_that_means_nothing_for_the_files_is_refused_by_name(tmp_path, name):
    of_table = name in OF_TABLES
    files = TABLE_BY_BASIN if of_table else 'files = "n.nc"'
    value = (OF_TABLES | OF_GRIDS)[name]
    text = STUDY.replace('files = "n.nc"', f"{files}\n{name} = {value}")
    (tmp_path / "study.toml").write_text(text)
    meant = "grids, and the" if of_table else "tables by basin, and the"
    with pytest.raises(ValueError, match=f"weather.ndvi.*{name} is for {meant}"):
        config.read_study(tmp_path / "study.toml")


@pytest.mark.parametrize("setting", ["precipitation_hours", "precipitation_variable"])
def test_a_setting_beside_a_table_is_refused_by_its_own_name(setting):
    table = config.WeatherVariable("p.csv", basins="b.geojson")
    value = 1.0 if setting.endswith("hours") else "pr"
    with pytest.raises(ValueError, match=f"weather.{setting} is for grids"):
        config.Weather(precipitation=table, **{setting: value})


def test_a_basin_has_one_column(tmp_path):
    with pytest.raises(ValueError, match="columns names West twice; leave one out"):
        by_basin(tmp_path, columns=("West: P1", "West: P2"))


OWN = (
    "soil_moisture_1",
    "precipitation_2",
    "temperature2",
    "temperature_2m",
    "evapotranspiration_gleam",
    "my_evapotranspiration",
)


@pytest.mark.parametrize("name", OWN)
def test_a_known_name_with_a_number_or_a_word_added_is_a_name_of_ones_own(name):
    weather = config.Weather(other={name: config.WeatherVariable("x.nc")})
    assert list(weather.variables) == [name]


@pytest.mark.parametrize("slip", ["soil_moistur", "precipitatoin", "temperatures"])
def test_a_name_that_is_nearly_a_known_one_is_a_slip(slip):
    with pytest.raises(ValueError, match=f"weather.{slip} is not a known setting; did"):
        config.Weather(other={slip: config.WeatherVariable("x.nc")})


# Time


def test_a_sum_of_a_month_is_divided_over_its_days(tmp_path):
    amount = 31.0 * np.arange(1, len(MONTHS) + 1)
    monthly(tmp_path / "pr.nc", "pr", amount, "mm/month")
    table = config.WeatherVariable("pr.nc", antecedent_days=(31,))
    ends = np.array(["2016-01-25", "2017-08-25"], "M8[D]")  # their weeks end a month
    found = read_weather(study_of(tmp_path, precipitation=table), PLACES, heights(ends))
    expected = amount[[12, 31]]
    sums = found.antecedent["precipitation"][31]
    np.testing.assert_allclose(sums, np.stack([expected] * 2, axis=1), rtol=1e-6)


def test_monthly_means_serve_monthly_heights_as_they_are(tmp_path):
    values = wave(MONTHS.astype("M8[D]"))
    monthly(tmp_path / "s.nc", "snw", values, "kg m-2")
    time = np.arange("2016-01", "2018-01", dtype="M8[M]")
    bounds = np.stack([time, time + 1], axis=1).astype("M8[ns]")
    gnss = xr.Dataset(
        {"time_bnds": (("time", "bnds"), bounds)},
        {"time": time.astype("M8[ns]") + 15 * DAY},
    )
    found = read_weather(study_of(tmp_path, snow="s.nc"), PLACES, gnss)
    np.testing.assert_allclose(found.variables["snow"][:, 0], values[12:36], rtol=1e-6)


def test_antecedent_sums_are_those_of_the_days_before(tmp_path, rng):
    rain = rng.gamma(0.5, 8.0, len(DAYS))
    bounds = np.stack([DAYS, DAYS + DAY], axis=1)
    write_grid(tmp_path / "p.nc", "tp", rain, DAYS, bounds=bounds, units="mm")
    table = config.WeatherVariable("p.nc", antecedent_days=(10, 90))
    found = read_weather(
        study_of(tmp_path, precipitation=table), PLACES, heights(WEEKS)
    )
    for days in (10, 90):
        after = ((WEEKS + 7 * DAY - DAYS[0]) / DAY).astype(int)
        sums = [rain[stop - days : stop].sum() for stop in after]
        np.testing.assert_allclose(
            found.antecedent["precipitation"][days][:, 0], sums, rtol=1e-5
        )


def test_sums_beyond_the_data_take_its_mean_year(tmp_path, caplog):
    """Of a season that is the same in all years, nothing is lost."""
    days = (DAYS - np.datetime64("2000-01-01")) / DAY
    wet = 3 + 2 * np.cos(2 * np.pi * days / 365.2425)
    bounds = np.stack([DAYS, DAYS + DAY], axis=1)
    for name, first in (("whole.nc", 0), ("late.nc", 300)):
        late = DAYS[first:]
        write_grid(
            tmp_path / name, "pr", wet[first:], late, bounds=bounds[first:], units="mm"
        )
    sums = []
    for name in ("whole.nc", "late.nc"):
        rain = config.WeatherVariable(name, antecedent_days=(200,))
        gnss = heights(WEEKS)
        found = read_weather(study_of(tmp_path, precipitation=rain), PLACES, gnss)
        sums.append(found.antecedent["precipitation"][200])
    np.testing.assert_allclose(sums[0], sums[1], rtol=1e-6)
    said = "weather.precipitation late.nc: 18 of 204 windows of 200 days before"
    assert said in caplog.text
    assert "by up to 125 days" in caplog.text


def ending(tmp_path, days, **settings):
    write_grid(tmp_path / "e.nc", "et", wave(days), days, units="mm/day")
    table = config.WeatherVariable("e.nc", **settings)
    return study_of(tmp_path, evapotranspiration=table)


def test_a_variable_that_ends_early_is_refused_with_the_day(tmp_path):
    study = ending(tmp_path, DAYS[:1500])
    said = (
        r"weather.evapotranspiration e.nc: has no data at 42 of 204 epochs .* from "
        r"2019-02-11 to 2019-11-25, as it ends early .*fill it by missing = "
    )
    with pytest.raises(ValueError, match=said):
        read_weather(study, PLACES, heights(WEEKS))


@pytest.mark.parametrize("own_span", [False, True])
def test_epochs_beyond_a_variable_take_its_mean_year_if_they_may(
    tmp_path, caplog, own_span
):
    settings = {"missing": "climatology"}
    settings |= {"end": str(DAYS[1499])} if own_span else {}
    study = ending(tmp_path, DAYS if own_span else DAYS[:1500], **settings)
    with caplog.at_level(logging.WARNING):
        found = read_weather(study, PLACES, heights(WEEKS))
    series = found.variables["evapotranspiration"]
    last = DAYS[1500] > WEEKS + 3 * DAY
    np.testing.assert_array_equal(found.observed["evapotranspiration"][:, 0], last)
    assert "42 of 204 epochs of the heights have its mean and seasons" in caplog.text
    assert "to 2019-02-04" in caplog.text
    np.testing.assert_allclose(series[last, 0], wave(WEEKS + 3 * DAY)[last], rtol=1e-2)
    # An independent fit of the season to what is known.
    turn = (WEEKS - np.datetime64("2000-01-01")) / DAY / 365.2425 * 2 * np.pi
    waves = [f(n * turn) for n in (1, 2) for f in (np.cos, np.sin)]
    basis = np.stack([np.ones(len(turn)), *waves], axis=1)
    terms = np.linalg.pinv(basis[last]) @ series[last, 0]
    np.testing.assert_allclose(series[~last, 0], (basis @ terms)[~last], atol=1e-8)
    features = network_features(study, PLACES, heights(WEEKS), None, ignore)
    name = "evapotranspiration"
    assert features.names[:2] == (name, f"{name} is observed")
    np.testing.assert_array_equal(features.values[:, 1, 1], 1.0 * last)
    assert features.record["weather"]["evapotranspiration"]["epochs_filled"] == 42


def test_a_variable_of_another_time_is_refused_by_the_time_it_lacks(tmp_path):
    study = ending(tmp_path, np.arange("1999-01-01", "2002-01-01", dtype="M8[D]"))
    said = (
        r"weather.evapotranspiration e.nc: e.nc holds nothing from 2015-11-25 to 2020"
    )
    with pytest.raises(ValueError, match=said):
        read_weather(study, PLACES, heights(WEEKS))


def holed(folder, gap, **settings):
    """A grid without data in the east, and with a gap in the west."""
    values = np.broadcast_to(wave(DAYS)[:, None, None], (len(DAYS), len(LAT), len(LON)))
    lon = np.broadcast_to(LON, values.shape)
    values = np.where(lon > 101.2, np.nan, values)
    values[gap] = np.nan
    dims, coords = ("time", "lat", "lon"), {"time": DAYS.astype("M8[ns]")}
    data = {"et": (dims, values, {"units": "mm/day"})}
    grid = xr.Dataset(data, coords | {"lat": LAT, "lon": LON})
    grid.to_netcdf(folder / "h.nc")
    table = config.WeatherVariable("h.nc", **settings)
    return study_of(folder, evapotranspiration=table)


@pytest.mark.parametrize("missing", ["climatology", "error"])
def test_a_place_without_any_data_is_named_with_what_helps_it(tmp_path, missing):
    study = holed(tmp_path, slice(600, 700), missing=missing)
    said = (
        r"has no data at 204 of 204 epochs of the heights at B \(102 E.*1 such places "
        r'of 2\); take the nearest place that has data by outside = "nearest" in its '
        "table, or get a file with data there$"
    )
    with pytest.raises(ValueError, match=said):
        read_weather(study, PLACES, heights(WEEKS))
    study = holed(tmp_path, slice(600, 700), missing="climatology", outside="nearest")
    found = read_weather(study, PLACES, heights(WEEKS))
    assert np.isfinite(found.variables["evapotranspiration"]).all()


def test_where_no_place_has_data_the_nearest_is_no_remedy(tmp_path):
    study = holed(tmp_path, slice(None), missing="climatology", outside="nearest")
    with pytest.raises(ValueError, match=r"2 such places of 2\); get a file with d"):
        read_weather(study, PLACES, heights(WEEKS))


def test_half_a_year_is_no_climatology(tmp_path):
    study = ending(tmp_path, DAYS[300:500], missing="climatology")
    with pytest.raises(ValueError, match="too little for a mean and seasons"):
        read_weather(study, PLACES, heights(WEEKS))


def test_fluxes_that_a_model_counts_downward_are_turned(tmp_path):
    write_grid(tmp_path / "e.nc", "e", -wave(DAYS), DAYS, units="mm/day")
    study = study_of(tmp_path, evapotranspiration="e.nc")
    found = read_weather(study, PLACES, heights(WEEKS))
    assert found.variables["evapotranspiration"].min() > 1


# Space


def basins(folder, names=("West", "East")):
    boxes = ((99.0, 101.0), (101.0, 103.0))
    features = [
        {
            "type": "Feature",
            "properties": {"name": name},
            "geometry": {
                "type": "Polygon",
                "coordinates": [[[w, 23], [e, 23], [e, 27], [w, 27], [w, 23]]],
            },
        }
        for name, (w, e) in zip(names, boxes)
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features})
    (folder / "basins.geojson").write_text(text)


def write_table(folder, columns=("West", "East")):
    rows = [f"date,{','.join(columns)}"]
    for number, month in enumerate(MONTHS):
        length = ((month + 1).astype("M8[D]") - month.astype("M8[D]")) // DAY
        rows.append(f"{month}-01,{length * (number + 1)},{2 * length * (number + 1)}")
    (folder / "p.csv").write_text("\n".join(rows) + "\n")


def by_basin(folder, **settings):
    given = {"files": "p.csv", "units": "mm/month", "basins": "basins.geojson"}
    table = config.WeatherVariable(**given | settings)
    return study_of(folder, precipitation=table)


def monthly_heights():
    bounds = np.stack([MONTHS, MONTHS + 1], axis=1).astype("M8[ns]")
    return xr.Dataset(
        {"time_bnds": (("time", "bnds"), bounds)},
        {"time": MONTHS.astype("M8[ns]") + 15 * DAY},
    )


@pytest.mark.parametrize("columns", [("West", "East"), ("P1", "P2")])
def test_a_table_by_basin_goes_to_the_places_of_the_basin(tmp_path, columns):
    basins(tmp_path)
    write_table(tmp_path, columns)
    named = tuple(f"{b}: {c}" for b, c in zip(("West", "East"), columns))
    settings = {} if columns[0] == "West" else {"columns": named}
    found = read_weather(by_basin(tmp_path, **settings), PLACES, monthly_heights())
    number = 1.0 + np.arange(len(MONTHS))
    expected = np.stack([number, 2 * number], axis=1)
    np.testing.assert_allclose(found.variables["precipitation"], expected, rtol=1e-9)
    assert found.record["precipitation"]["places_take"] == "basin"


def test_a_place_in_no_basin_is_named_or_takes_the_nearest(tmp_path):
    basins(tmp_path)
    write_table(tmp_path)
    places = WeatherPlaces(["A", "G07"], np.array([102.0, 103.5]), np.array([24.0, 25]))
    said = r"does not cover 1 of 2 places: G07 \(103.5 E, 25 N\).*outside = "
    with pytest.raises(ValueError, match=said):
        read_weather(by_basin(tmp_path), places, monthly_heights())
    study = by_basin(tmp_path, outside="nearest")
    found = read_weather(study, places, monthly_heights())
    rain = found.variables["precipitation"]
    np.testing.assert_array_equal(rain[:, 0], rain[:, 1])
    assert found.record["precipitation"]["places_from_nearest"] == 1


TABLES = {
    "no column of a basin": ({"columns": ("West: P9",)}, "'P9', but there is no such"),
    "no basin of a column": ({"columns": ("South: East",)}, "'South', .* such basin"),
    "no units": ({"units": ""}, "the table states no units; state them by"),
    "other units": ({"units": "K"}, "is in 'K', which cannot become mm d-1"),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_table_that_does_not_fit_is_refused(tmp_path, kind):
    settings, words = TABLES[kind]
    basins(tmp_path)
    write_table(tmp_path)
    with pytest.raises(ValueError, match=f"weather.precipitation p.csv: .*{words}"):
        read_weather(by_basin(tmp_path, **settings), PLACES, monthly_heights())


def test_a_number_that_marks_missing_data_is_none_in_a_table(tmp_path):
    basins(tmp_path)
    write_table(tmp_path)
    lines = (tmp_path / "p.csv").read_text().splitlines()
    lines[20] = f"{MONTHS[19]}-01,-1,-1"
    (tmp_path / "p.csv").write_text("\n".join(lines) + "\n")
    study = by_basin(tmp_path, fill=-1.0)
    with pytest.raises(ValueError, match="has no data at 1 of 60 epochs"):
        read_weather(study, PLACES, monthly_heights())
    study = by_basin(tmp_path, fill=-1.0, missing="climatology")
    found = read_weather(study, PLACES, monthly_heights())
    np.testing.assert_array_equal(
        np.flatnonzero(~found.observed["precipitation"][:, 0]), [19]
    )


#: What becomes of the values 3 and 7 of one month.
REPEATED = {"first": 3.0, "last": 7.0, "mean": 5.0}


@pytest.mark.parametrize("files", ["one", "two"])
@pytest.mark.parametrize("duplicates", [*REPEATED, "error"])
def test_a_month_that_is_there_twice_is_as_the_study_says(tmp_path, files, duplicates):
    basins(tmp_path)
    rows = [f"{month}-01,1,1" for month in MONTHS]
    length = 31  # days of the month in question
    rows[12] = f"{MONTHS[12]}-01,{3 * length},{length}"
    again = [f"{MONTHS[12]}-02,{7 * length},"]
    head = ["date,West,East"]
    same = again if files == "one" else []
    (tmp_path / "p1.csv").write_text("\n".join(head + rows + same) + "\n")
    (tmp_path / "p2.csv").write_text("\n".join(head + again) + "\n")
    names = ("p1.csv",) if files == "one" else ("p1.csv", "p2.csv")
    study = by_basin(tmp_path, files=names, duplicates=duplicates)
    if duplicates == "error":
        said = 'West several values of 2016-01.*duplicates = "first", "last" or "mean"'
        with pytest.raises(ValueError, match=said):
            read_weather(study, PLACES, monthly_heights())
        return
    found = read_weather(study, PLACES, monthly_heights())
    rain = found.variables["precipitation"][12]
    np.testing.assert_allclose(rain, [REPEATED[duplicates], 1.0], rtol=1e-9)


def test_columns_called_otherwise_than_basins_have_to_be_named(tmp_path):
    basins(tmp_path, ("North", "South"))
    write_table(tmp_path)
    with pytest.raises(ValueError, match=r"say which by columns = \[.BASIN: COLUMN"):
        read_weather(by_basin(tmp_path), PLACES, monthly_heights())


@pytest.mark.parametrize("how", ["bilinear", "cell"])
def test_a_coarse_grid_is_interpolated_or_taken_by_cell(tmp_path, how):
    plane = 10 * LON[None, :] + LAT[:, None]
    fields = plane * np.ones((len(MONTHS), 1, 1))
    monthly(tmp_path / "n.nc", "ndvi", fields, "1")
    table = config.WeatherVariable("n.nc", interpolation=how)
    study = study_of(tmp_path, other={"ndvi": table})
    found = read_weather(study, PLACES, heights(WEEKS))
    lon, lat = PLACES.lon, PLACES.lat
    if how == "cell":
        lon, lat = np.array([100.5, 101.5]), np.array([24.5, 25.5])
    expected = 10 * lon + lat
    if how == "cell":
        # The second place stands on the corner of four cells, each of which is near.
        assert found.variables["ndvi"][0, 0] == pytest.approx(expected[0])
    else:
        np.testing.assert_allclose(found.variables["ndvi"][5], expected, rtol=1e-6)
    assert found.record["ndvi"]["places_take"] == how


# What files hold


def test_a_variable_of_any_name_keeps_the_units_of_its_file(tmp_path):
    monthly(tmp_path / "n.nc", "weird", wave(MONTHS.astype("M8[D]")), "furlong")
    study = study_of(tmp_path, other={"ndvi": config.WeatherVariable("n.nc")})
    found = read_weather(study, PLACES, heights(WEEKS))
    assert found.record["ndvi"]["units"] == "furlong"
    assert found.variables["ndvi"].max() < 5


def test_a_variable_of_a_known_quantity_has_its_units(tmp_path):
    monthly(tmp_path / "q.nc", "rain2", np.ones(len(MONTHS)), "kg m-2 s-1")
    table = config.WeatherVariable(
        "q.nc", "rain2", quantity="precipitation", units="cm/day"
    )
    study = study_of(tmp_path, other={"gpcp": table})
    found = read_weather(study, PLACES, heights(WEEKS))
    np.testing.assert_allclose(found.variables["gpcp"], 10.0)


def two_variables(path):
    monthly(path, "a", np.ones(len(MONTHS)), "1")
    with xr.open_dataset(path) as source:
        both = source.load()
    both.assign(b=both.a).to_netcdf(path.with_name("both.nc"))


def test_a_file_of_several_variables_lists_them(tmp_path):
    two_variables(tmp_path / "one.nc")
    for table in ({}, {"variable": "c"}):
        given = config.WeatherVariable("both.nc", **table)
        study = study_of(tmp_path, other={"ndvi": given})
        with pytest.raises(ValueError, match=r"weather.ndvi both.nc: .* holds a, b "):
            read_weather(study, PLACES, heights(WEEKS))


# Steps from values to features


def test_steps_are_what_they_are_called(rng):
    time = np.arange("2010-01-01", "2016-01-01", 5, dtype="M8[D]")
    rain = rng.gamma(0.5, 8.0, (len(time), 3))
    found = drivers.transformed_driver("rain", rain, time, ["log1p", "normalise"])
    logs = np.log(1 + rain)
    np.testing.assert_allclose(found, (logs - logs.mean(0)) / logs.std(0), rtol=1e-10)
    years = (time - time[0]) / DAY / 365.2425
    season = 5 * np.sin(2 * np.pi * years)[:, None]
    one = drivers.transformed_driver("rain", rain, time, ["anomaly"])
    two = drivers.transformed_driver("rain", rain + 7 + season, time, ["anomaly"])
    np.testing.assert_allclose(one, two, atol=1e-9)
    assert abs(one.mean(axis=0)).max() < 1e-10


def test_leading_components_rebuild_what_has_few(rng):
    amplitudes, patterns = rng.normal(size=(80, 2)), rng.normal(size=(2, 9))
    values = amplitudes @ patterns + 4
    found = drivers.leading_components("rain", values, 2)
    np.testing.assert_allclose(found.T @ found / 80, np.eye(2), atol=1e-9)
    centred = values - values.mean(axis=0)
    np.testing.assert_allclose(found @ (found.T @ centred) / 80, centred, atol=1e-9)
    with pytest.raises(ValueError, match="rain has 2 principal components at 9 places"):
        drivers.leading_components("rain", values, 3)


def test_logarithms_of_negative_values_are_refused():
    time, cold = np.arange("2010-01-01", "2010-01-05", dtype="M8[D]"), -np.ones((4, 2))
    with pytest.raises(ValueError, match='t has values down to -1, but "log1p"'):
        drivers.transformed_driver("t", cold, time, ["log1p"])


def test_a_constant_series_is_zero_at_its_place_and_refused_at_all(caplog, rng):
    time = np.arange("2010-01-01", "2010-02-01", dtype="M8[D]")
    snow = np.stack([rng.normal(size=31), np.zeros(31)], axis=1)
    found = drivers.transformed_driver("weather.snow", snow, time, ["normalise"])
    assert not found[:, 1].any()
    assert "weather.snow is constant at 1 of 2 places, first at place 1" in caplog.text
    with pytest.raises(ValueError, match=r"weather.snow is constant at all 2 places"):
        drivers.transformed_driver("weather.snow", 0 * snow, time, ["normalise"])
    with pytest.raises(ValueError, match=r"weather.snow is 0 at all places and epochs"):
        drivers.scaled_over_places("weather.snow", 0 * snow)


@pytest.fixture
def three(tmp_path):
    """Temperature, pressure and rain as files, and their series at the places."""
    time = (DAYS - DAYS[0]) / DAY
    east = (LON - 99)[None, None, :] * np.ones((1, len(LAT), 1))
    time = time[:, None, None]
    warm = 280 + 9 * np.cos(time / 58.1) + east * np.sin(time / 9)
    heavy = 9e4 + 400 * np.sin(time / 58.1) + east * (100 + 90 * np.cos(time / 5))
    rain = 3 + np.cos(time / 30) * east / 5
    write_grid(tmp_path / "t.nc", "t2m", warm, DAYS, units="K")
    write_grid(tmp_path / "p.nc", "sp", heavy, DAYS, units="Pa")
    write_grid(tmp_path / "r.nc", "pr", rain, DAYS, units="mm/day")
    return tmp_path


NAMES = {"temperature": "t.nc", "pressure": "p.nc", "precipitation": "r.nc"}


@pytest.mark.parametrize("method", ["none", "emd"])
def test_temperature_pressure_and_rain_make_the_features_they_made(three, method):
    settings = config.Features(method=method, components=3)
    study = study_of(three, features=settings, **NAMES)
    gnss = heights(WEEKS)
    found = network_features(study, PLACES, gnss, None, ignore)
    raw = found.weather.variables
    parts = None if method == "none" else Decomposition(method, components=3)
    first = gapfill.weather_features(raw["temperature"], raw["pressure"], parts)
    rain = gapfill.normalised(raw["precipitation"])[0][..., None]
    still = gapfill.place_features(PLACES.lon, PLACES.lat, list(raw.values()))
    before = gapfill.joined_features([first, rain], still, gnss.time.values)
    np.testing.assert_array_equal(found.values, before)
    assert len(found.names) == before.shape[2]
    if method == "emd":
        assert found.names[2:4] == ("temperature component 3", "pressure component 1")


def test_features_carry_their_names_in_order(three):
    rain = config.WeatherVariable(
        "r.nc", transformation=("log1p", "normalise"), antecedent_days=(90, 30)
    )
    humid = config.WeatherVariable(
        "p.nc", transformation="principal-components", components=2
    )
    study = study_of(three, precipitation=rain, other={"humidity": humid})
    found = network_features(study, PLACES, heights(WEEKS[20:]), None, ignore)
    assert found.names == (
        "log1p(precipitation)",
        "log1p(precipitation of 30 days)",
        "log1p(precipitation of 90 days)",
        "humidity principal component 1",
        "humidity principal component 2",
        *("cos of year", "sin of year", "cos of half-year", "sin of half-year"),
        "longitude",
        "latitude",
        *("mean of precipitation", "sd of precipitation"),
        *("mean of humidity", "sd of humidity"),
    )
    sums = np.log1p(found.weather.antecedent["precipitation"][30])
    expected = (sums - sums.mean(axis=0)) / sums.std(axis=0)
    np.testing.assert_allclose(found.values[:, :, 1], expected, atol=1e-5)
    # All places share the components.
    np.testing.assert_array_equal(found.values[:, 0, 3], found.values[:, 1, 3])


def test_other_variables_are_decomposed_where_the_study_says_so(three):
    rain = config.WeatherVariable("r.nc", transformation=("normalise", "decompose"))
    study = study_of(
        three, features=config.Features(method="emd", components=4), precipitation=rain
    )
    gnss = heights(WEEKS)
    weather = read_weather(study, PLACES, gnss)
    found = driver_features(study, weather, gnss.time.values, None, ignore)
    series = gapfill.normalised(weather.variables["precipitation"])[0]
    want = decompose(series, Decomposition("emd", components=4))
    np.testing.assert_array_equal(found.values, want)
    with pytest.raises(ValueError, match=r'but features.method is "none"'):
        study_of(three, precipitation=rain)


def test_places_keep_their_differences_without_normalise(three):
    given = config.WeatherVariable("p.nc", transformation="anomaly")
    study = study_of(three, pressure=given)
    gnss = heights(WEEKS)
    weather = read_weather(study, PLACES, gnss)
    made = driver_features(study, weather, gnss.time.values, None, ignore)
    found = made.values[..., 0]
    raw = weather.variables["pressure"]
    anomaly = raw - drivers.mean_year(raw, gnss.time.values)
    ratio = anomaly.std(axis=0)
    assert ratio[0] != pytest.approx(ratio[1], rel=0.1)
    np.testing.assert_allclose(found.std(axis=0), ratio / anomaly.std(), rtol=1e-9)
    assert found.std() == pytest.approx(1)


# Static fields


def write_map(path, name, values):
    array = xr.DataArray(values, {"lat": LAT, "lon": LON}, name=name)
    array.to_dataset().to_netcdf(path)


@pytest.fixture
def ground(three):
    plane = 100 * LON[None, :] + 10 * LAT[:, None]
    write_map(three / "dem.nc", "elevation", plane)
    cover = np.broadcast_to(np.where(LON < 101, 3, 7), plane.shape)
    write_map(three / "cover.nc", "cover", cover)
    write_map(three / "flat.nc", "z", 0 * plane)
    return three


def with_static(folder, **fields):
    return study_of(folder, static=fields, **NAMES)


def test_static_fields_are_features_of_places(ground):
    cover = config.StaticField("cover.nc", transformation="categories")
    study = with_static(ground, elevation="dem.nc", cover=cover)
    found = network_features(study, PLACES, heights(WEEKS), None, ignore)
    exact = 100 * PLACES.lon + 10 * PLACES.lat
    np.testing.assert_allclose(found.weather.static["elevation"], exact)
    assert found.names[-3:] == ("elevation", "cover = 3", "cover = 7")
    np.testing.assert_allclose(found.values[0, :, -3], [-1, 1], rtol=1e-6)
    np.testing.assert_allclose(found.values[9, :, -2], [1, -1], rtol=1e-6)


def test_static_fields_alone_are_features_too(ground):
    study = study_of(ground, static={"elevation": "dem.nc"})
    found = network_features(study, PLACES, heights(WEEKS), None, ignore)
    assert found.values.shape == (len(WEEKS), 2, 4 + 2 + 1)
    with pytest.raises(ValueError, match="has static fields only; name a variable"):
        study_of(ground, method="mllim", static={"elevation": "dem.nc"})


def test_a_static_field_with_holes_names_the_places(ground):
    with xr.open_dataset(ground / "dem.nc") as source:
        holed = source.elevation.where(source.lon < 101).load()
    holed.to_dataset().to_netcdf(ground / "holes.nc")
    said = (
        r"weather.static.elevation holes.nc: has no value at 1 of 2 places: B \(102 E, "
        r"26 N\); fill its holes, or .* missing = "
    )
    with pytest.raises(ValueError, match=said):
        read_weather(with_static(ground, elevation="holes.nc"), PLACES, heights(WEEKS))
    apart = WeatherPlaces(
        ["A", "B", "C"], np.array([100.3, 102, 99.6]), np.array([24.4, 26.0, 24.4])
    )
    filled = config.StaticField("holes.nc", missing="nearest")
    found = read_weather(with_static(ground, elevation=filled), apart, heights(WEEKS))
    values = found.static["elevation"]
    assert values[1] == values[0] != values[2]


STATIC = {
    "the same everywhere": ("flat.nc", {}, "is 0 at all 2 places"),
    "no such variable": ("dem.nc", {"variable": "z"}, "holds elevation and no 'z'"),
    "no such file": ("none.nc", {}, "none.nc"),
}


@pytest.mark.parametrize("kind", STATIC)
def test_a_static_field_that_cannot_serve_is_refused(ground, kind):
    files, settings, words = STATIC[kind]
    field = config.StaticField(files, **settings)
    with pytest.raises((ValueError, FileNotFoundError), match=words):
        read_weather(with_static(ground, z=field), PLACES, heights(WEEKS))


def test_units_of_a_static_field_are_in_the_record_of_features(ground):
    stated = config.StaticField("dem.nc", units="m")
    study = with_static(ground, elevation=stated)
    found = network_features(study, PLACES, heights(WEEKS), None, ignore)
    kept = {"files": ["dem.nc"], "units": "m", "places_take": "bilinear"}
    assert found.record["static"] == {"elevation": kept}


def test_units_of_a_static_field_are_those_of_its_file_where_none_are_set(ground):
    with xr.open_dataset(ground / "dem.nc") as source:
        metres = source.load()
    metres.elevation.attrs["units"] = "km"
    metres.to_netcdf(ground / "km.nc")
    study = with_static(ground, elevation="km.nc")
    found = network_features(study, PLACES, heights(WEEKS), None, ignore)
    assert found.record["static"]["elevation"]["units"] == "km"


WHOLE = {
    "temperature": ("normalise",),
    "pressure": ("normalise",),
}


@pytest.mark.parametrize("kind", ["transformed", "no gap filling", "decomposed"])
def test_a_decomposition_of_nothing_is_warned_of(ground, caplog, kind):
    features = config.Features(method="emd")
    steps = WHOLE if kind == "transformed" else {}
    tables = {
        name: config.WeatherVariable(files, transformation=steps.get(name, ()))
        for name, files in NAMES.items()
    }
    study = study_of(ground, features=features, **tables)
    if kind == "no gap filling":
        study = dataclasses.replace(study, gapfill=None)
    with caplog.at_level(logging.WARNING):
        warn_of_idle_decomposition(study)
    said = 'features.method is "emd", but '
    assert (said in caplog.text) == (kind != "decomposed")
    caplog.clear()
    warn_of_idle_decomposition(dataclasses.replace(study, features=config.Features()))
    assert not caplog.text


def test_a_record_of_maps_is_its_mean_or_its_spread(ground):
    for statistic, want in (("mean", np.mean), ("sd", np.std)):
        field = config.StaticField("r.nc", statistic=statistic)
        found = read_weather(with_static(ground, wet=field), PLACES, heights(WEEKS))
        with xr.open_dataset(ground / "r.nc") as source:
            exact = want(source.pr.values, axis=0)
        at = np.interp(PLACES.lon, LON, exact[0])
        np.testing.assert_allclose(found.static["wet"], at, rtol=1e-6)


# Real weather


CITIES = WeatherPlaces(
    ["Redding", "Boise"], np.array([-122.4, -116.2]), np.array([40.6, 43.6])
)


def months_of(first, after):
    month = np.arange(first, after, dtype="M8[M]")
    bounds = np.stack([month, month + 1], axis=1).astype("M8[ns]")
    middles = {"time": month.astype("M8[ns]") + 14 * DAY}
    return xr.Dataset({"time_bnds": (("time", "bnds"), bounds)}, middles)


@pytest.fixture
def western(data, tmp_path):
    path = studies.write_example("western_us_weather", tmp_path)
    return config.read_study(path, str(data))


def table_of(path, month, columns):
    """Columns of a table by month, read by nothing of ours."""
    with path.open() as file:
        rows = {row["date"][:7]: row for row in csv.DictReader(file)}
    return np.array([[float(rows[str(m)][c]) for c in columns] for m in month])


def test_the_weather_of_the_west_is_that_of_its_sources(western, data):
    gnss = months_of("2006-01", "2023-01")
    found = read_weather(western, CITIES, gnss)
    month = np.arange("2006-01", "2020-09", dtype="M8[M]")
    days = ((month + 1).astype("M8[D]") - month.astype("M8[D]")).astype(int)
    rain = found.variables["precipitation"][: len(month)] * days[:, None]
    path = data / "hydrology" / "basin_fluxes_more" / "P_MERRA2.csv"
    table = table_of(path, month, ["SACRAMENTO", "COLUMBIA"])
    np.testing.assert_allclose(rain, table, atol=1e-3)
    seen = found.observed["precipitation"][:, 0]
    np.testing.assert_array_equal(seen, np.arange(204) < len(month))
    assert found.observed["pressure"][:, 1].sum() == 51
    warm = found.variables["temperature"]
    assert 255 < warm.min() < 273 < 290 < warm.max() < 310
    year = found.antecedent["precipitation"][365][24]
    np.testing.assert_allclose(year, table[13:25].sum(axis=0), rtol=0.03)


def test_a_table_of_real_basins_says_the_same_as_the_grid_made_of_it(western):
    gnss = months_of("2008-01", "2012-01")
    table = config.WeatherVariable(
        "hydrology/basin_fluxes_more/P_MERRA2.csv",
        units="mm/month",
        basins="boundaries/grdc405_selected_basins.geojson: COLUMBIA RIVER, "
        "SACRAMENTO RIVER",
        columns=("COLUMBIA RIVER: COLUMBIA", "SACRAMENTO RIVER: SACRAMENTO"),
    )
    assert western.weather is not None
    alone = config.Weather(precipitation=western.weather.precipitation)
    by_grid = dataclasses.replace(western, weather=alone)
    grid = read_weather(by_grid, CITIES, gnss).variables["precipitation"]
    weather = config.Weather(precipitation=table)
    study = dataclasses.replace(western, weather=weather)
    found = read_weather(study, CITIES, gnss).variables["precipitation"]
    np.testing.assert_allclose(found, grid, atol=1e-4)
