"""New stations of a study: what it names, what it is refused for, what is written."""

import csv
import dataclasses
import json
import logging

import numpy as np
import pytest
import shapely
import xarray as xr
from twin_files import write_twin

from jaxload import cli, config, inversion, io, pipeline, plot, sphere, synthetic
from jaxload.pipeline.estimation import network_plan
from jaxload.pipeline.estimation.problem import make_model
from jaxload.pipeline.inputs.new_places import read_new_places
from jaxload.pipeline.inputs.observations import make_design
from jaxload.pipeline.inputs.study_area import StudyArea

pytest.importorskip("netCDF4")

DAYS, STATIONS, BETA = 500, 9, 0.03
TIME = np.datetime64("2015-01-01", "D") + np.arange(DAYS)
OUTLINES = {"all": shapely.box(10, 45, 13, 47.5), "west": shapely.box(10, 45, 11, 47)}
EARTH = config.Earth(max_degree=3000)


def study_with(folder=".", inverted=(), region="x", **plan):
    return config.Study(
        gnss=config.Gnss(files="gnss/*.up", outside_grid="drop"),
        region=config.Region(boundary=region),
        earth=EARTH,
        inversion=config.Inversion(beta=BETA, common_mode_mm=0.5, **dict(inverted)),
        network=config.NetworkPlan(**plan),
        folder=str(folder),
    )


@pytest.fixture(scope="module")
def area():
    grid = sphere.regional_grid(OUTLINES["all"], 0.5, 0.5)
    basins = sphere.basin_weights(grid, OUTLINES)
    return StudyArea(OUTLINES["all"], OUTLINES, grid, basins, {}, {})


@pytest.fixture(scope="module")
def gnss():
    """One station that stopped long ago, one that observes every second day."""
    rng = np.random.default_rng(5)
    up = 3 * rng.normal(size=(DAYS, STATIONS))
    up[100:, 2] = np.nan
    up[::2, 4] = np.nan
    dims = ("time", "station")
    coords = {
        "time": TIME.astype("M8[ns]"),
        "station": [f"S{n:03}" for n in range(STATIONS)],
        "lon": ("station", rng.uniform(10, 13, STATIONS)),
        "lat": ("station", rng.uniform(45, 47.5, STATIONS)),
        "height": ("station", np.zeros(STATIONS)),
    }
    sigma = np.broadcast_to(rng.uniform(1, 3, STATIONS), up.shape)
    return io.label_dataset(
        xr.Dataset({"up": (dims, up), "up_sigma": (dims, sigma)}, coords)
    )


@pytest.fixture(scope="module")
def model(gnss, area):
    return make_model(study_with(), gnss, area.grid)


def planned(model, gnss, area, **changes):
    study = study_with(**changes)
    settled = model.noise, BETA
    return network_plan.plan_network(study, model, settled, gnss, area)


def dense(model, rows, design, sigma, weights):
    """Posterior variance of regions with some stations and new ones, in NumPy."""
    design = np.concatenate([np.asarray(model.problem.design)[rows], design])
    noise = np.diag(sigma**2) + 0.25
    covariance = model_covariance(model) / BETA**2
    gram = design @ covariance @ design.T + noise
    cross = weights @ covariance @ design.T
    taken = cross @ np.linalg.solve(gram, cross.T)
    return np.diag(weights @ covariance @ weights.T - taken)


def model_covariance(model):
    cells = np.eye(model.problem.design.shape[1])
    return np.asarray(inversion.prior_covariance(model.prior, cells))


def test_a_plan_is_that_of_the_matrices_of_its_study(model, gnss, area):
    plan = planned(
        model,
        gnss,
        area,
        candidates="cells",
        count=2,
        sigma_mm=1.5,
        observed_share=0.5,
        regions=("west",),
        at_sea="keep",
    )
    assert plan.regions == ("west",)
    assert len(plan.places.name) == len(area.grid.lon)
    assert plan.since == TIME[-1] - np.timedelta64(365, "D")
    here = np.delete(np.arange(STATIONS), 2)
    share = np.isfinite(gnss.up.values[plan.since.astype("M8[D]") <= TIME]).mean(axis=0)
    np.testing.assert_allclose(plan.share, share)
    sigma = np.asarray(model.noise.sigma)[here] / np.sqrt(share[here])
    weights = area.basins.weights[1:]
    design = np.asarray(make_design(study_with(), plan.places, area.grid))
    now = dense(model, here, design[:0], sigma, weights)
    np.testing.assert_allclose(plan.variance[0], now, rtol=1e-8)
    new = 1.5 / np.sqrt(0.5)
    for place in (0, 17, int(plan.chosen[0])):
        one = dense(model, here, design[[place]], np.append(sigma, new), weights)
        np.testing.assert_allclose(plan.gains[place], now - one, rtol=1e-6)
    both = dense(model, here, design[plan.chosen], np.append(sigma, [new] * 2), weights)
    np.testing.assert_allclose(plan.variance[-1], both, rtol=1e-8)
    np.testing.assert_array_equal(plan.losses[2], 0)
    without = dense(model, here[1:], design[:0], sigma[1:], weights)
    np.testing.assert_allclose(plan.losses[0], without - now, rtol=1e-6)
    assert 2 not in plan.removed


def test_candidates_have_the_median_standard_error_of_the_network(model, gnss, area):
    plan = planned(model, gnss, area)
    sigma = np.delete(np.asarray(model.noise.sigma), 2)
    np.testing.assert_allclose(plan.places.sigma, np.median(sigma), rtol=1e-12)
    inside = shapely.intersects_xy(OUTLINES["all"], area.grid.lon, area.grid.lat)
    land = read_new_places(study_with(), config.NetworkPlan(at_sea="keep"), area, gnss)
    assert len(land.name) == inside.sum()


def test_the_network_counts_from_the_day_that_a_study_sets(model, gnss, area):
    plan = planned(model, gnss, area, since="2015-01-01", candidates=1.0)
    assert plan.share[2] == pytest.approx(100 / DAYS)
    assert plan.losses[2].sum() > 0
    assert set(plan.places.lon) <= {10.0, 11.0, 12.0, 13.0}
    with pytest.raises(
        ValueError, match=r"network.since is 2030-01-01, but the record"
    ):
        planned(model, gnss, area, since="2030-01-01")


def test_places_that_are_moved_gain_more_and_stay_in_their_cells(model, gnss, area):
    plan, moved = (
        planned(model, gnss, area, count=2, regions=("west",), refine=refine)
        for refine in (False, True)
    )
    np.testing.assert_array_equal(plan.chosen, moved.chosen)
    assert (moved.variance[-1] < plan.variance[-1]).all()
    assert (abs(moved.place - plan.place) <= 0.25 + 1e-9).all()
    assert (moved.place != plan.place).any()


def test_a_temporal_prior_is_warned_of(model, gnss, area, caplog):
    planned(model, gnss, area, inverted={"correlation_time_days": 20.0})
    assert "gains and losses of [network] are those of single days" in caplog.text


def test_new_stations_are_kept_apart(model, gnss, area):
    plan = planned(model, gnss, area, count=3, apart_km=90.0, regions=("west",))
    lon, lat = plan.place.T
    arc = sphere.angular_distance(lon[:, None], lat[:, None], lon[None], lat[None])
    apart = np.asarray(arc)[np.triu_indices(3, 1)] * 111.19
    assert (apart >= 89.9).all()
    close = planned(model, gnss, area, count=3, regions=("west",))
    assert (close.variance[-1] <= plan.variance[-1]).all()
    with pytest.raises(ValueError, match="network: count is 5, but only 1 candidates"):
        planned(model, gnss, area, count=5, apart_km=5000.0)


def test_gravimetry_beside_heights_is_warned_of(model, gnss, area, caplog):
    planned(model, gnss, area, inverted={"grace": "grace.nc"})
    assert "gains and losses of [network] are those of heights" in caplog.text


LIST = """name,lon,lat,sigma (mm),cost
abcd,10.5,45.5,1.5,1
EFGH,12.1,46.2,2.5,3
IJKL,11.2,46.9,2.0,2.5
"""


@pytest.fixture
def listing(tmp_path):
    (tmp_path / "places.csv").write_text(LIST)
    return tmp_path


def test_a_list_states_errors_and_costs(model, gnss, area, listing):
    plan = planned(
        model, gnss, area, folder=listing, candidates="places.csv", count=3, budget=3.6
    )
    assert list(plan.places.name) == ["ABCD", "EFGH", "IJKL"]
    np.testing.assert_array_equal(plan.places.sigma, [1.5, 2.5, 2.0])
    np.testing.assert_array_equal(plan.places.cost, [1, 3, 2.5])
    assert plan.places.cost[plan.chosen].sum() <= 3.6
    assert len(plan.chosen) in (1, 2)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (
            "station lon lat cost\nABCD 10.5 45.5 2\n",
            io.read_candidates,
        ),
        ("# name lat lon sd cost\nABCD 45.5 10.5 1 2\n", io.read_candidates),
        ("cost;name;lat;lon\n2;ABCD;45.5;10.5\n", io.read_candidates),
    ],
)
def test_columns_of_a_list_are_found_by_their_names(tmp_path, text, read):
    (tmp_path / "list.txt").write_text(text)
    found = read(tmp_path / "list.txt")
    assert found.cost == {"ABCD": 2.0}
    assert (found.sites["ABCD"].lon, found.sites["ABCD"].lat) == (10.5, 45.5)


def test_a_bare_list_states_neither(tmp_path):
    (tmp_path / "list.txt").write_text("ABCD 10.5 45.5\nEFGH 11 46\n")
    found = io.read_candidates(tmp_path / "list.txt")
    assert list(found.sites) == ["ABCD", "EFGH"]
    assert not found.cost
    assert not found.sigma


def test_places_outside_the_cells_and_at_sea_are_left_out_by_name(
    gnss, area, listing, caplog
):
    # The second is outside; of the others none is land on a planet of water.
    text = LIST + "AWAY,30,10,1,1\n"
    (listing / "places.csv").write_text(text)
    study = study_with(listing, candidates="places.csv")
    places = read_new_places(study, study.network, area, gnss)
    assert "AWAY" not in places.name
    assert "left out 1 candidates outside all cells: AWAY" in caplog.text
    strict = dataclasses.replace(study, gnss=config.Gnss(files="x"))
    with pytest.raises(
        ValueError, match=r"1 of 4 places \(AWAY\) are outside all cells"
    ):
        read_new_places(strict, study.network, area, gnss)


def sea_area():
    """Around the head of the Adriatic: land in the north, sea in the south."""
    outline = shapely.box(12.5, 44.5, 13.5, 46.5)
    grid = sphere.regional_grid(outline, 0.25)
    basins = sphere.basin_weights(grid, {"gulf": outline})
    return StudyArea(outline, {"gulf": outline}, grid, basins, {}, {})


def test_candidates_at_sea_are_left_out_unless_they_are_to_be_kept(
    gnss, tmp_path, caplog
):
    area = sea_area()
    kept = read_new_places(study_with(), config.NetworkPlan(at_sea="keep"), area, gnss)
    with caplog.at_level(logging.INFO):
        dry = read_new_places(study_with(), config.NetworkPlan(), area, gnss)
    assert len(kept.name) == len(area.grid.lon)
    assert 0 < len(dry.name) < len(kept.name)
    assert not ((dry.lat < 45.2) & (dry.lon > 12.9)).any()
    assert "candidates at sea" in caplog.text
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
    (tmp_path / "list.txt").write_text("WET 13.2 44.9\nDRY 12.9 46.2\n")
    plan = config.NetworkPlan(candidates="list.txt")
    dry = read_new_places(study_with(tmp_path), plan, area, gnss)
    assert list(dry.name) == ["DRY"]
    assert (
        'left out 1 of 2 candidates at sea: WET; network.at_sea = "keep"' in caplog.text
    )
    (tmp_path / "list.txt").write_text("WET 13.2 44.9\n")
    with pytest.raises(ValueError, match=r"all 1 candidates of \[network\] are at sea"):
        read_new_places(study_with(tmp_path), plan, area, gnss)


def test_a_candidate_beside_a_station_is_warned_of(gnss, area, tmp_path, caplog):
    lon, lat = float(gnss.lon[3]), float(gnss.lat[3]) + 0.003
    (tmp_path / "list.txt").write_text(f"NEAR {lon:.4f} {lat:.4f}\nFAR 11 46\n")
    study = study_with(tmp_path, candidates="list.txt", at_sea="keep")
    places = read_new_places(study, study.network, area, gnss)
    assert len(places.name) == 2
    assert "1 candidates stand within 1 km of a station: NEAR at S003" in caplog.text


def test_a_region_that_is_not_there_is_refused_with_the_nearest(model, gnss, area):
    with pytest.raises(
        ValueError, match=r"network.regions is 'wst'.*did you mean west"
    ):
        planned(model, gnss, area, regions=("wst",))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"count": 0}, "network.count is 0, expected 1 or more"),
        ({"count": 1000}, "network: count is 1000, expected from 1 to"),
        ({"candidates": ""}, "network.candidates is empty"),
        ({"candidates": 0.0}, "expected a positive spacing"),
        (
            {"candidates": 29.0},
            "network.candidates: no cell centre falls",
        ),
        ({"search": "gredy"}, "network.search is 'gredy'.*did you mean greedy"),
        ({"sigma_mm": -1.0}, "network.sigma_mm is -1"),
        ({"observed_share": 0.0}, "network.observed_share is 0"),
        ({"since": "last year"}, "network.since is 'last year', expected yyyy-mm-dd"),
        ({"weights": (1.0,)}, "network.weights has 1 numbers, but network.regions 0"),
        ({"regions": ("west", "west")}, "names a region twice"),
        ({"regions": ("west",), "weights": (0.0,)}, "one of them positive"),
        ({"budget": 0.5}, "network: the budget is 0.5, but the cheapest candidate"),
        ({"least": -1}, "network.least is -1"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(model, gnss, area, settings, message):
    with pytest.raises(ValueError, match=message):
        planned(model, gnss, area, **settings)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "ABCD,10.5,45.5,-2,1",
            r"line 2: the sigma of ABCD is -2, expected a positive",
        ),
        ("ABCD,10.5,45.5,2,0", "line 2: the cost of ABCD is 0, expected a positive"),
        ("ABCD,10.5,45.5,2,cheap", "line 2.*cost.*cheap"),
        ("ABCD,10.5,95.5,2,1", "line 2.*95.5"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(gnss, area, tmp_path, line, message):
    (tmp_path / "list.csv").write_text(LIST.splitlines()[0] + "\n" + line + "\n")
    study = study_with(tmp_path, candidates="list.csv")
    with pytest.raises(ValueError, match=message):
        read_new_places(study, study.network, area, gnss)


def test_filled_cells_and_a_plan_exclude_each_other():
    with pytest.raises(ValueError, match=r"cannot be combined with \[network\]"):
        dataclasses.replace(
            study_with(),
            gapfill=config.Gapfill(),
            weather=config.Weather(temperature="t.nc", pressure="p.nc"),
        )


def test_noise_with_a_memory_and_a_plan_exclude_each_other():
    with pytest.raises(ValueError, match="has no plan of a network"):
        config.Study(
            gnss=config.Gnss(files="x"),
            region=config.Region(boundary="x"),
            inversion=config.Inversion(noise="network"),
            network=config.NetworkPlan(),
        )


WORLD = synthetic.TwinSettings(
    stations=12, days=120, radius=2.0, belt=1.0, spacing=0.5, start="2015-01-01"
)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    world = synthetic.twin(WORLD)
    write_twin(world, folder)
    (folder / "study.toml").write_text(
        '[gnss]\nfiles = "gnss/*.up"\n[earth]\nmax_degree = 3000\n'
        '[region]\nboundary = "region.geojson"\nspacing = 0.5\nbuffer = 1.0\n'
        '[inversion]\nbeta = 0.05\nerrors = "regions"\n'
        '[network]\ncount = 3\nleast = 2\n[output]\nstore = ["regions"]\n'
    )
    end = folder / "out"
    assert cli.main(["run", str(folder / "study.toml"), "--out", str(end)]) == 0
    return end


def test_a_run_writes_its_plan_in_every_form(out):
    summary = json.loads((out / "summary.json").read_text())
    for name in ("network.nc", "network.csv", "network.png"):
        assert name in summary["files"]
        assert (out / name).exists()
    rows = list(csv.DictReader((out / "network.csv").read_text().splitlines()))
    kinds = [row["kind"] for row in rows]
    with xr.open_dataset(out / "network.nc") as network:
        network.load()
    sizes = network.sizes
    assert kinds.count("candidate") == sizes["candidate"]
    assert kinds.count("station") == sizes["station"] == 12
    assert kinds[:6] == ["now", *["chosen"] * 3, *["removed"] * 2]
    (name,) = map(str, network.region.values)
    errors = [float(row[f"sd_mm {name}"]) for row in rows[:4]]
    wanted = [network.sd.values[0], *network.sd_planned.values[:, 0]]
    np.testing.assert_allclose(errors, wanted, rtol=1e-6)
    assert (np.diff(errors) < 0).all()
    assert [row["name"] for row in rows[1:4]] == list(network.chosen_name.values)
    of_places = [row for row in rows if row["kind"] == "candidate"]
    falls = [float(row["change_percent"]) for row in of_places]
    assert falls == sorted(falls)
    assert {row["order"] for row in of_places} == {"", "1", "2", "3"}
    of_stations = [row for row in rows if row["kind"] == "station"]
    growth = [float(row["change_percent"]) for row in of_stations]
    assert growth == sorted(growth)
    assert growth[0] >= 0
    assert of_stations[0]["name"] == rows[4]["name"] == network.removed_name.values[0]
    told = summary["network"]
    assert told["region_sd_mm"][name] == pytest.approx(errors[0])
    assert told["region_sd_with_chosen_mm"][name] == pytest.approx(errors[-1])
    assert [place["name"] for place in told["chosen"]] == [r["name"] for r in rows[1:4]]


def test_what_is_said_of_a_result_has_its_plan(out, capsys):
    assert cli.main(["info", str(out)]) == 0
    said = capsys.readouterr().out
    assert "new stations at " in said
    assert "stations that matter least: " in said
    assert "network.nc: " in said


def test_the_errors_of_a_plan_are_those_of_the_days_of_a_network_without_gaps(out):
    """Of a mean day by information: a little better than single days are."""
    with xr.open_dataset(out / "regions.nc") as regions:
        daily = regions.twsa_sd.values[:, 0]
    with xr.open_dataset(out / "network.nc") as network:
        now = float(network.sd[0])
    assert 0.9 * np.sqrt(np.mean(daily**2)) < now <= np.sqrt(np.mean(daily**2))


@pytest.mark.parametrize("scattered", [False, True])
def test_a_plan_is_drawn_with_what_it_has(out, scattered):
    with xr.open_dataset(out / "network.nc") as network:
        network.load()
    if scattered:
        rng = np.random.default_rng(0)
        lon = network.candidate_lon + rng.uniform(-1, 1, network.sizes["candidate"])
        network = network.assign(candidate_lon=lon)
    figure = plot.network_plan(network)
    axes = figure.axes[0]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "new, in their order" in labels
    assert "matter least" in labels
    assert [text.get_text() for text in axes.texts] == ["3", "2", "1"]
    coloured = (x.get_array() for x in axes.collections)
    drawn = next(values for values in coloured if values is not None)
    assert np.nanmax(drawn) == pytest.approx(float(network.gain.max()), rel=1e-6)


def test_a_plan_that_was_kept_is_taken_up(out):
    again = cli.main(
        ["run", str(out.parent / "study.toml"), "--out", str(out), "--resume"]
    )
    assert again == 0
    study = config.read_study(out.parent / "study.toml")
    result = pipeline.run(study, out, resume=True)
    assert result.network.sizes["chosen"] == 3
    result.close()
