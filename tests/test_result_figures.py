"""A result is drawn as far as it holds the data, as its study sets it."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("matplotlib")

from matplotlib.collections import PolyCollection, QuadMesh

from jaxload import config, io
from jaxload.pipeline.inputs.drawn_places import stations_to_draw
from jaxload.pipeline.report import figures, figures_of_water
from jaxload.pipeline.report.datasets import Result
from jaxload.pipeline.report.figures_of_earth import earth_figures, kernel_values
from jaxload.pipeline.results.files import check_folder, remove_older

RING = np.array([[10.0, 45.0], [13.0, 45.0], [13.0, 47.0], [10.0, 45.0]])
LON, LAT = np.arange(8.0, 16.0), np.arange(43.0, 50.0)


@pytest.fixture
def result(rng):
    time = np.arange("2015-01", "2017-01", dtype="M8[M]").astype("M8[ns]")
    dims, labels = ("time", "lat", "lon"), {"units": "mm", "long_name": "water"}
    shape = len(time), len(LAT), len(LON)
    mask = np.ones(shape[1:], np.int8)
    mask[2:5, 2:6] = 2
    water = xr.Dataset(
        {
            "twsa": (dims, rng.normal(size=shape), labels),
            "twsa_sd": (dims, np.full(shape, 20.0), labels),
            "annual_amplitude": (dims[1:], rng.normal(size=shape[1:]), labels),
            "cell_mask": (dims[1:], mask),
            "solved": ("time", np.ones(len(time), np.int8)),
        },
        {"time": time, "lat": LAT, "lon": LON},
    )
    up = rng.normal(size=(len(time), 3))
    of_stations = ("time", "station")
    stations = xr.Dataset(
        {"up": (of_stations, up), "leave_one_out_residual": (of_stations, up / 2)},
        coords={
            "time": time,
            "station": list("ABC"),
            "lon": ("station", [10.0, 11.0, 12.0]),
            "lat": ("station", [45.0, 46.0, 45.5]),
        },
    )
    mean = rng.normal(size=(len(time), 1))
    regions = xr.Dataset(
        {
            "twsa": (("time", "region"), mean),
            "twsa_monthly": (("month", "region"), mean[2:]),
            "twsa_grace": (("month", "region"), mean[2:] + 1, {"long_name": "GRACE"}),
        },
        {"time": time, "month": time[2:], "region": ["Po"]},
    )
    summary = {"criterion": [], "evaluation": {"Po": {"pcc": 1.0, "months": 22}}}
    return Result(water, stations, regions, [RING], summary)


@pytest.fixture
def drawn(result, tmp_path, monkeypatch):
    """All figures by their names."""

    made = {}
    keep = lambda figure, path: made.update({path.name: figure})
    monkeypatch.setattr(figures.io, "write_figure", keep)
    assert figures.draw(result, tmp_path) == list(made)
    return made


@pytest.fixture
def make(result):
    """One figure by its name."""
    return lambda name, settings=None: figures._makers(
        result, settings or config.Figures()
    )[name]()


def values_of(axes):
    (mesh,) = (x for x in axes.collections if isinstance(x, QuadMesh))
    return np.ma.filled(mesh.get_array().astype(float), np.nan).ravel()


def test_a_result_is_drawn_as_far_as_it_holds_the_data(drawn):
    assert list(drawn) == [
        "station_fit.png",
        "availability.png",
        "leave_one_out.png",
        "station_mean.png",
        "regions.png",
        "annual_amplitude.png",
        "standard_error.png",
        "twsa_maps.png",
        "twsa_months.png",
        "seasons.png",
    ]


def test_every_figure_has_a_name_that_a_later_run_removes(result):
    names = figures._makers(result, config.Figures(dates=("2015-02-01",)))
    assert "twsa_dates" in names
    assert set(names) <= set(figures.FIGURES)


@pytest.mark.parametrize("belt", [False, True])
def test_cells_of_the_belt_are_left_out_of_maps_unless_they_are_wanted(
    result, make, belt
):
    region = (result.water.cell_mask == 2).values.ravel()
    for name in ("annual_amplitude", "twsa_maps", "twsa_months", "seasons"):
        known = np.isfinite(values_of(make(name, config.Figures(belt=belt)).axes[0]))
        np.testing.assert_array_equal(known, region | belt)


def test_a_region_without_the_middle_of_a_cell_is_drawn_with_the_belt(result):
    water = result.water.assign(cell_mask=result.water.cell_mask * 0 + 1)
    field = water.annual_amplitude
    shown = figures_of_water.without_belt(water, config.Figures(), field)
    xr.testing.assert_identical(shown, field)


def test_maps_of_dates_are_those_that_are_set(make):
    settings = config.Figures(dates=("2015-03-02", "2016-10-30"))
    titles = [axes.get_title() for axes in make("twsa_dates", settings).axes[:2]]
    assert titles == ["(a) 2015-03-01", "(b) 2016-11-01"]


def test_a_short_record_has_neither_months_nor_seasons(result):
    short = dict.fromkeys(("water", "stations"), None)
    for name in short:
        object.__setattr__(result, name, getattr(result, name).isel(time=slice(6)))
    names = figures._makers(result, config.Figures())
    assert not {"twsa_months", "seasons"} & set(names)
    assert "twsa_maps" in names


def test_means_over_months_are_those_that_the_score_is_of(result, make):
    axes = make("regions").axes[0]
    lines = {line.get_label(): line for line in axes.get_lines()}
    shown = lines["GNSS, mean of the month"].get_ydata()
    np.testing.assert_array_equal(shown, result.regions.twsa_monthly.values[:, 0])
    assert axes.get_title(loc="left") == "Po   r = 1.00, 22 months"


def test_errors_that_only_the_edge_makes_small_are_hatched(result, make):
    sd = result.water.twsa_sd.values
    sd[:, 0, :] = 5.0
    sd[:, 3, 4] = 5.0
    made = make("standard_error", config.Figures(belt=True))
    hatches = [x for x in made.axes[0].collections if isinstance(x, PolyCollection)]
    (hatched,) = (x for x in hatches if x.get_hatch())
    assert hatched.get_label() == "small by the boundary condition"
    assert len(hatched.get_paths()) == len(LON)
    shown = values_of(made.axes[0]).reshape(len(LAT), len(LON))
    assert np.isnan(shown[0]).all()
    # A cell amid the others knows its water.
    assert shown[3, 4] == 5
    assert np.isfinite(shown[1:]).all()


@pytest.mark.parametrize("form", ["pdf", "svg"])
def test_figures_have_the_format_that_is_set(result, tmp_path, form, monkeypatch):
    few = lambda *_: {"regions": figures._of_regions(result)["regions"]}
    monkeypatch.setattr(figures, "_makers", few)
    names = figures.draw(result, tmp_path, config.Figures(format=form))
    assert names == [f"regions.{form}"]
    path = tmp_path / names[0]
    assert io.is_result(path)
    first = path.read_bytes()
    figures.draw(result, tmp_path, config.Figures(format=form))
    assert path.read_bytes() == first
    path.write_bytes(first.replace(b"jaxload ", b"another "))
    assert not io.is_result(path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"format": "jpg"}, "figures.format is 'jpg'"),
        ({"dates": ("soon",)}, 'figures.dates has "soon", which is no date'),
    ],
)
def test_figures_that_cannot_be_drawn_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        config.Figures(**settings)


def test_products_are_drawn_where_a_study_has_them(result, rng):
    dims = ("period", "product", "other", "region")
    names = ["gnss", "grace"]
    shape = 1, 2, 2, 1
    products = xr.Dataset(
        {
            name: (dims, rng.uniform(0.2, 1, shape))
            for name in ("pcc", "nse", "rmse", "standard_deviation")
        },
        {"period": ["all"], "product": names, "other": names, "region": ["Po"]},
    )
    maps = np.stack([result.water.annual_amplitude.values] * 2)
    of_maps = ("product", "lat", "lon")
    seasons = xr.Dataset(
        {
            "annual_amplitude": (of_maps, abs(maps), {"units": "mm"}),
            "annual_phase": (of_maps, abs(maps)),
        },
        {"product": names, "lat": LAT, "lon": LON},
    )
    whole = dataclasses.replace(result, products=products, seasons=seasons)
    makers = figures._makers(whole, config.Figures())
    assert {"scores", "taylor", "seasons"} <= set(makers)
    assert not {"wavelets", "bridged"} & set(makers)
    titles = [axes.get_title() for axes in makers["seasons"]().axes[:2]]
    assert titles == ["(a) GNSS, amplitude", "(b) GRACE, amplitude"]
    known = np.isfinite(values_of(makers["seasons"]().axes[1]))
    np.testing.assert_array_equal(known, (result.water.cell_mask == 2).values.ravel())
    empty = dataclasses.replace(result, seasons=seasons * np.nan)
    alone = figures._makers(empty, config.Figures())["seasons"]()
    titles = [axes.get_title() for axes in alone.axes]
    assert titles[:2] == ["(a) GNSS, amplitude", "(b) GNSS, phase"]


def test_the_kernel_is_the_displacement_by_a_cell_of_water(result):
    study = config.Study(
        config.Gnss("a.up"),
        config.Region("b.txt", spacing=1.0),
        earth=config.Earth(max_degree=2000, frame="CE"),
    )
    distance, responses = kernel_values(study)
    up, away = responses.values()
    # Ground sinks under water, and is drawn towards it.
    assert up[0] < 2 * up[40] < 0
    assert (away[:50] < 0).all()
    # Farther off the disc acts as a point of its mass: Farrell (1972), table A3, at 1,
    # 2 and 5 degrees [1e-12 m/kg times distance in m], doi:10.1029/RG010i003p00761.
    radius = 6371e3
    mass = 1000 * np.radians(1.0) * 2 * np.sin(np.radians(0.5)) * radius**2
    farrell = np.interp(np.radians([1.0, 2.0, 5.0]) * 6371, distance, up * distance)
    expected = 1e-12 * mass * np.array([-13.01, -9.757, -5.237])
    np.testing.assert_allclose(farrell, expected, rtol=0.06)
    left, _ = earth_figures(study, result)["kernel"]().axes
    load = "1 m of water on a cell of 1°"
    assert left.get_title() == f"(a) displacement by {load}"
    np.testing.assert_array_equal(left.get_lines()[0].get_ydata(), up)
    other = dataclasses.replace(study, earth=config.Earth(model="iasp91"))
    assert list(earth_figures(other, result)) == ["station_map"]


@pytest.fixture
def filled(result, rng):
    """With three filled cells, a filler's scores, and weather with components."""
    time = result.stations.time.values
    dims, shape = ("time", "cell"), (len(time), 3)
    sigma = np.broadcast_to([3.0, 1.0, 2.0], shape)
    cells = xr.Dataset(
        {
            "displacement": (dims, rng.normal(size=shape)),
            "sigma": (dims, sigma),
            "predicted": (dims, rng.normal(size=shape)),
        },
        coords={
            "time": time,
            "cell": ["G001", "G002", "G003"],
            "lon": ("cell", [10.5, 11.5, 12.5]),
            "lat": ("cell", [45.5, 45.5, 46.5]),
        },
    )
    scores = {f"filler_{x}": [0.5, 0.7, np.nan] for x in ("pcc", "rmse")}
    scores |= {f"filler_{x}_sd": [1, 2, 3] for x in ("predicted", "observed")}
    stations = result.stations.assign(
        {name: ("station", x) for name, x in scores.items()}
    ).assign(filler_prediction=result.stations.up / 2)
    series = ("time", "place"), rng.normal(size=(len(time), 2)), {"units": "K"}
    parts = rng.normal(size=(2, len(time), 2)), {"units": "1"}
    weather = xr.Dataset(
        {
            "weather_temperature": series,
            "component_temperature": (("component_of_t", "time", "place"), *parts),
        },
        {"time": time, "place": ["B", "C"]},
    )
    return dataclasses.replace(
        result, virtual_stations=cells, stations=stations, weather=weather
    )


def titles_of(figure):
    return [axes.get_title(loc="left") for axes in figure.axes]


def test_a_filler_is_drawn_with_its_stations_cells_and_weather(filled):
    makers = figures._makers(filled, config.Figures())
    names = {"filling_leave_one_out", "filling_taylor", "filling_mean"}
    names |= {"filled_series", "station_weather", "weather_components"}
    assert names <= set(makers) & set(figures.FIGURES)
    maps = makers["filling_leave_one_out"]().axes
    assert maps[0].get_title() == "(a) correlation, median 0.60"
    # The cell with the smallest, the median and the largest standard error.
    series = titles_of(makers["filled_series"]())
    assert [title[4:8] for title in series] == ["G002", "G003", "G001"]
    assert series[0].endswith("11.50°E 45.50°N, 39 km from C, standard error 1.0 mm")
    assert titles_of(makers["station_weather"]())[:2] == [
        "(a) B, heights",
        "(b) C, heights",
    ]
    parts = makers["weather_components"]()
    assert "temperature, component 2" in titles_of(parts)[1]
    assert parts.get_suptitle() == "components of the weather at B, normalised"


def test_filled_cells_are_those_that_are_named(filled, caplog):
    settings = config.Figures(filled_cells=("G003", "10.6 45.4", "G999"))
    series = titles_of(figures._makers(filled, settings)["filled_series"]())
    assert [title[4:8] for title in series] == ["G003", "G001"]
    assert "figures.filled_cells names G999, no filled cell" in caplog.text


def test_every_region_has_wavelets_in_a_file_called_after_it(result):
    regions = ["Lower Basin", "Lower basin!", "Rhône", "dry"]
    power = np.ones((1, 4, 3, 5))
    power[:, 3] = np.nan
    waves = xr.Dataset(
        {"cross_power": (("other", "region", "wave_period", "month"), power)},
        {"region": regions, "other": ["grace"]},
    )
    whole = dataclasses.replace(result, wavelets=waves)
    makers = figures._makers(whole, config.Figures())
    names = [name for name in makers if name.startswith("wavelets")]
    starts = ["wavelets_lower_basin", "wavelets_lower_basin_2", "wavelets_rhône"]
    assert names == starts
    some = figures._makers(whole, config.Figures(regions=("Rhône",)))
    assert [name for name in some if name.startswith("wavelets")] == starts[2:]


def test_wavelets_of_an_earlier_result_go_and_pictures_of_others_stay(tmp_path):
    for name, text in (("po", b"\x89PNG jaxload 1.0"), ("mine", b"\x89PNG holiday")):
        (tmp_path / f"wavelets_{name}.png").write_bytes(text)
    with pytest.raises(ValueError, match=r"wavelets_mine\.png is there already"):
        check_folder(tmp_path)
    remove_older(tmp_path, {})
    assert [path.name for path in tmp_path.iterdir()] == ["wavelets_mine.png"]


def test_precipitation_is_drawn_season_by_season(result):
    names = ["March to May", "year"]
    values = np.stack([np.full((7, 8), 10.0), np.full((7, 8), 20.0)])
    rain = xr.Dataset(
        {"precipitation_season": (("season", "lat", "lon"), values)},
        {"season": names, "lat": LAT, "lon": LON},
    )
    whole = dataclasses.replace(result, precipitation=rain)
    figure = figures._makers(whole, config.Figures())["precipitation_seasons"]()
    titles = [axes.get_title() for axes in figure.axes[:2]]
    assert titles == ["(a) March to May", "(b) year"]
    assert (values_of(figure.axes[1]) == 20).all()
    label = " ".join(figure.axes[-1].get_ylabel().split())
    assert label == "mean precipitation of a month [mm]"


def test_relief_is_that_which_a_study_names(result, tmp_path, caplog):
    ground = xr.DataArray(
        np.ones((7, 8)), {"lat": LAT, "lon": LON}, ("lat", "lon"), name="z"
    )
    ground.to_netcdf(tmp_path / "ground.nc")
    study = config.Study(
        config.Gnss("a.up"),
        config.Region("b.txt"),
        earth=config.Earth(model="iasp91"),
        weather=config.Weather(static={"elevation": "ground.nc"}),
        folder=str(tmp_path),
    )
    figure = earth_figures(study, result)["station_map"]()
    assert "height of the ground" in [x.get_ylabel() for x in figure.axes]
    absent = config.Figures(topography="none.nc")
    figure = earth_figures(dataclasses.replace(study, figures=absent), result)[
        "station_map"
    ]()
    assert len(figure.axes) == 1
    assert "the map of stations has no relief" in caplog.text


def test_discs_sink_the_more_the_larger_they_are():
    study = config.Study(
        config.Gnss("a.up"),
        config.Region("b.txt", spacing=1.0),
        earth=config.Earth(max_degree=4000),
        figures=config.Figures(disc_radii_km=(20.0, 50.0)),
    )
    distance, responses = kernel_values(study)
    small, large = list(responses.values())[2:]
    assert list(responses)[3] == "up, disc of 50 km radius"
    assert large[0] < small[0] < 0
    # Far away the displacement goes by the mass.
    far = (distance > 300) & (distance < 2000)
    assert np.median(large[far] / small[far]) == pytest.approx(6.25, rel=0.02)


def test_stations_are_chosen_by_their_records_and_far_apart(caplog):
    lon = np.array([10.0, 10.1, 12.0, 11.0, 14.0, 10.05])
    up = np.zeros((10, 6))
    up[5:, 4] = np.nan
    up[9:, 1] = np.nan
    up[2:, 3] = np.nan
    gnss = xr.Dataset(
        {"up": (("time", "station"), up)},
        {"station": list("ABCDEF"), "lon": ("station", lon)},
    ).assign_coords(lat=("station", np.full(6, 45.0)))
    # D and E have short records; F stands beside A.
    assert stations_to_draw((), gnss) == ["A", "C", "F"]
    assert stations_to_draw(("E", "X"), gnss) == ["E"]
    assert "figures.stations names X, no station" in caplog.text


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"regions": ("Po", "Po")}, "figures.regions has a name twice"),
        ({"disc_radii_km": (0.1,)}, "figures.disc_radii_km has 0.1"),
    ],
)
def test_settings_of_places_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        config.Figures(**settings)
