"""Heights and satellite gravimetry in one estimate, from the study file on."""

import dataclasses

import numpy as np
import pytest
import scipy.sparse as sp
import shapely
import xarray as xr

from jaxload import config, earth, io, sphere
from jaxload.constants import EARTH_RADIUS
from jaxload.pipeline.estimation.gravity_update import gravity_for, with_gravimetry
from jaxload.pipeline.estimation.problem import make_model
from jaxload.pipeline.estimation.solution import estimate
from jaxload.pipeline.estimation.uncertainty import standard_deviations
from jaxload.pipeline.inputs import gravity_coefficients
from jaxload.pipeline.inputs.gravity_means import read_gravity_means
from jaxload.sphere.harmonics.footprints import (
    FieldFilter,
    filter_correlation,
    footprint_weights,
)

DAYS, STATIONS, BETA = 300, 6, 0.03
TIME = np.datetime64("2015-01-01", "D") + np.arange(DAYS)
BROAD = FieldFilter(400e3, 40)


def study_with(folder, **settings):
    return config.Study(
        gnss=config.Gnss(files="x"),
        region=config.Region(boundary="x"),
        earth=config.Earth(max_degree=3000),
        inversion=config.Inversion(beta=BETA, errors="cells", **settings),
        folder=str(folder),
    )


@pytest.fixture(scope="module")
def grid():
    return sphere.regional_grid(shapely.box(0, 40, 12, 48), 1.0)


@pytest.fixture(scope="module")
def water(grid):
    """A season whose size varies in space, shape (epoch, cell)."""
    season = np.sin(2 * np.pi * (TIME - TIME[0]).astype(float) / 365.25)
    size = 80 + 60 * np.sin(grid.lon / 2) * np.cos(grid.lat / 2)
    return season[:, None] * size


@pytest.fixture(scope="module")
def gnss(grid, water):
    """Stations in the west only."""
    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(1, 4, STATIONS), rng.uniform(41, 47, STATIONS)
    dims = ("time", "station")
    coords = {
        "time": TIME.astype("M8[ns]"),
        "station": [f"S{n:03}" for n in range(STATIONS)],
        "lon": ("station", lon),
        "lat": ("station", lat),
        "height": ("station", np.zeros(STATIONS)),
    }
    empty = np.zeros((DAYS, STATIONS))
    dataset = xr.Dataset({"up": (dims, empty), "up_sigma": (dims, empty + 1)}, coords)
    model = make_model(study_with("."), io.label_dataset(dataset), grid)
    up = water @ np.asarray(model.problem.design).T + rng.normal(size=empty.shape)
    up[rng.random(up.shape) < 0.1] = np.nan
    return io.label_dataset(dataset.assign(up=(dims, up)))


@pytest.fixture(scope="module")
def product(grid, water, tmp_path_factory):
    """The folder of months of the water, smoothed, with errors of 5 mm."""
    lon, lat = np.arange(-4.5, 17), np.arange(36.5, 52)
    places = np.stack([x.ravel() for x in np.meshgrid(lon, lat)], axis=1)
    cells = np.stack([grid.lon, grid.lat], axis=1)
    weights = footprint_weights(BROAD, places, cells, grid.cell_area)
    months = np.arange("2015-01", "2015-10", dtype="M8[M]")
    inside = TIME.astype("M8[M]") == months[:, None]
    means = (inside / inside.sum(axis=1, keepdims=True)) @ water @ weights.T
    correlation = filter_correlation(BROAD, places) + 1e-3 * np.eye(len(places))
    white = np.random.default_rng(6).normal(size=means.shape)
    means = means + 5 * white @ np.linalg.cholesky(correlation).T
    folder = tmp_path_factory.mktemp("gravity")
    middle = months.astype("M8[D]") + np.timedelta64(14, "D")
    xr.Dataset(
        {
            "lwe_thickness": (
                ("time", "lat", "lon"),
                means.reshape(len(months), len(lat), len(lon)) / 10,
                {"units": "cm"},
            )
        },
        coords={"time": middle.astype("M8[ns]"), "lat": lat, "lon": lon},
    ).to_netcdf(folder / "grace.nc")
    return folder


FILTERED = config.Gravimetry(
    "grace.nc", smoothing_km=400, max_degree=40, footprint_deg=3, persistence="none"
)


def test_footprints_smooth_a_point_as_the_product_was_smoothed():
    places = np.array([[0.0, 45.0], [3.0, 44.0], [20.0, 60.0]])
    cells, area = np.array([[1.0, 46.0]]), np.array([1e10])
    degrees = np.arange(41)
    weights = np.asarray(earth.gaussian_weights(40, 400e3 / EARTH_RADIUS))
    arc = sphere.angular_distance(*places.T, *cells[0])
    series = np.polynomial.legendre.legval(
        np.cos(np.deg2rad(np.asarray(arc))), (2 * degrees + 1) * weights / (4 * np.pi)
    )
    got = footprint_weights(BROAD, places, cells, area)[:, 0]
    np.testing.assert_allclose(got, series * 1e10 / EARTH_RADIUS**2, rtol=2e-5)


def test_a_constant_layer_keeps_its_height_in_a_footprint():
    lat = np.arange(-89.5, 90)
    cells = np.stack([x.ravel() for x in np.meshgrid(np.arange(0.5, 360), lat)], axis=1)
    half = np.deg2rad(0.5)
    area = np.cos(np.deg2rad(cells[:, 1])) * 2 * np.sin(half) * 2 * half
    for first, total in ((0, 1.0), (1, 0.0)):
        kept = dataclasses.replace(BROAD, min_degree=first)
        places = np.array([[10.0, 30.0]])
        got = footprint_weights(kept, places, cells, area * EARTH_RADIUS**2).sum()
        np.testing.assert_allclose(got, total, atol=1e-4)


def test_a_month_of_a_product_belongs_to_its_days(product, gnss, grid):
    settings = dataclasses.replace(FILTERED, leave_out_years=())
    gravity = read_gravity_means(study_with(product, grace=settings), gnss, grid)
    period = gravity.means.period
    month = TIME.astype("M8[M]").astype(int)
    np.testing.assert_array_equal(period - period[0], month - month[0])
    # Nine months are observed; those days after them have a period without.
    assert np.isfinite(gravity.means.values).all(axis=1).sum() == 9
    assert len(gravity.means.years) == len(np.unique(month))
    total = gravity.means.design.sum(axis=1)
    assert ((total > 0.3) & (total < 1)).all()
    assert gravity.means.beyond is not None


def test_mascons_are_the_mean_of_the_cells_in_them(product, gnss, grid):
    settings = config.Gravimetry("grace.nc", footprint_deg=4)
    gravity = read_gravity_means(study_with(product, grace=settings), gnss, grid)
    design = gravity.means.design
    np.testing.assert_allclose(design.sum(axis=1), 1)
    # The middles of cells lie on the edges of the product's.
    np.testing.assert_allclose(design @ grid.lat, gravity.lat, atol=0.6)
    assert gravity.means.beyond is None


def test_gravimetry_corrects_water_far_from_stations(product, gnss, grid, water):
    lasting = dataclasses.replace(FILTERED, persistence="estimate", trend=True)
    study = study_with(product, grace=lasting)
    model = make_model(study, gnss, grid)
    first = estimate(study, model, gnss.time.values, BETA)
    weights = np.stack([grid.lon < 6, grid.lon >= 6]).astype(float)
    weights /= weights.sum(axis=1, keepdims=True)
    errors = standard_deviations(study, model, first, BETA, weights)
    gravity = gravity_for(study, gnss, grid)
    regions = ("west", "east"), weights
    both = with_gravimetry(study, model, gravity, (first, errors), regions)
    observed = np.datetime64("2015-10-01") > TIME
    missed = [
        np.sqrt(np.mean(((load - water)[observed] @ weights.T) ** 2, axis=0))
        for load in (first.solution.load, both.estimate.solution.load)
    ]
    assert missed[1][1] < 0.7 * missed[0][1]
    assert both.summary["months"] == 9
    # The errors of the product were made with 5 mm at a place.
    assert 0.5 < both.summary["sigma_mm"] < 10
    shares = both.contributions
    east = shares.sel(region="east")
    assert east.share_of_grace > shares.sel(region="west").share_of_grace
    assert east.share_of_grace > 0
    assert (shares.share_of_heights < 1).all()
    # What stations share is in these errors and not in those from heights.
    after, by_heights = both.errors.regions[observed], errors.regions[observed]
    assert (after[:, 1] < by_heights[:, 1]).all()
    cells = np.concatenate([part.sd for part in both.errors.cells()])
    before = np.concatenate([part.sd for part in errors.cells()])
    far = grid.lon > 8
    assert (cells < before - 1e-3)[observed][:, far].mean() > 0.9


@pytest.mark.slow
def test_coefficients_become_water_as_their_filter_makes_it(tmp_path, grid):
    rng = np.random.default_rng(3)
    lat, lon = np.arange(-89.5, 90), np.arange(0.5, 360)
    spots = rng.uniform(-1, 1, (20, 3))
    spots /= np.linalg.norm(spots, axis=1, keepdims=True)
    east, north = np.meshgrid(np.deg2rad(lon), np.deg2rad(lat))
    places = [np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)]
    alike = np.exp(20 * (np.tensordot(spots, np.stack(places), axes=1) - 1))
    field = np.tensordot(rng.normal(size=(2, 20)) * 100, alike, axes=1)
    love = earth.load_love_numbers("prem", "CF", 3000)
    water = earth.analyse(field, lat, lon, 60)
    stokes = earth.stokes_from_water(water, love, 3.986004415e14, 6378136.3)
    dims = ("time", "degree", "order")
    sigma = np.full((61, 61), 1e-12)
    content = xr.Dataset(
        {
            "cosine": (dims, np.asarray(stokes.harmonics.cosine), {"units": "1"}),
            "sine": (dims, np.asarray(stokes.harmonics.sine), {"units": "1"}),
            "cosine_sigma": (dims[1:], sigma, {"units": "1"}),
            "sine_sigma": (dims[1:], sigma, {"units": "1"}),
        },
        {"time": np.array(["2015-02-14", "2015-03-16"], "M8[ns]")},
        {"gm": 3.986004415e14, "radius": 6378136.3},
    )
    io.write_stokes(content, tmp_path / "stokes.nc")
    settings = dataclasses.replace(FILTERED, files="stokes.nc", coefficients=True)
    study = study_with(tmp_path, grace=settings)
    coefficients = gravity_coefficients.read_coefficients(study, settings)
    product = coefficients.product(grid)
    places = np.array([[2.5, 41.5], [9.5, 46.5]])
    got = product.twsa.sel(lon=places[:, 0], lat=places[:, 1], method="nearest")
    cells = np.stack([x.ravel() for x in np.meshgrid(lon, lat)], axis=1)
    half = np.deg2rad(0.5)
    area = np.cos(np.deg2rad(cells[:, 1])) * 4 * half * np.sin(half) * EARTH_RADIUS**2
    weights = footprint_weights(BROAD, places, cells, area)
    anomaly = (field - field.mean(axis=0)).reshape(2, -1)
    want = anomaly @ weights.T
    scale = abs(want).max()
    np.testing.assert_allclose(
        np.stack([got.values[:, k, k] for k in (0, 1)], axis=1), want, atol=2e-3 * scale
    )
    # Equal errors of all orders make a covariance of distance alone.
    degrees = np.arange(41)
    per_degree = (
        3.986004415e14
        / (4 * np.pi * 6.6743e-11 * 6378136.3**2)
        * (2 * degrees + 1)
        / (1 + np.asarray(love.k)[:41])
    )
    per_degree *= np.asarray(earth.gaussian_weights(40, 400e3 / EARTH_RADIUS))
    arc = np.deg2rad(np.asarray(sphere.angular_distance(*places[0], *places[1])))
    series = 1e-24 * per_degree**2 * (2 * degrees + 1)
    want = np.polynomial.legendre.legval(np.cos([0.0, arc]), series)
    got = coefficients.covariance(places, sp.csr_array(np.eye(2)))
    np.testing.assert_allclose(got[0], want, rtol=2e-3)


def test_years_that_are_left_out_are_predicted(product, gnss, grid):
    settings = dataclasses.replace(FILTERED, leave_out_years=(2015,))
    with pytest.raises(ValueError, match=r"leave_out_years; leave out fewer years"):
        gravity_for(study_with(product, grace=settings), gnss, grid)


def test_gravimetry_of_another_time_or_place_is_refused(product, gnss, grid):
    study = study_with(product, grace=FILTERED)
    later = gnss.assign_coords(time=gnss.time + np.timedelta64(3000, "D"))
    with pytest.raises(ValueError, match="no month in common with the heights"):
        gravity_for(study, later, grid)
    elsewhere = sphere.regional_grid(shapely.box(100, -10, 104, -6), 1.0)
    with pytest.raises(ValueError, match="no water on the cells of the study"):
        gravity_for(study, gnss, elsewhere)


def test_too_many_footprints_are_refused(product, gnss, grid, monkeypatch):
    monkeypatch.setattr("jaxload.pipeline.estimation.gravity_update.MOST", 20)
    with pytest.raises(ValueError, match=r"widen inversion\.grace\.footprint_deg"):
        gravity_for(study_with(product, grace=FILTERED), gnss, grid)


def test_a_weight_at_its_bound_is_warned_of(product, gnss, grid, caplog):
    model = make_model(study_with(product), gnss, grid)
    study = study_with(product, grace=FILTERED)
    gravity = gravity_for(study, gnss, grid)
    # Nothing but noise of 10 m: the product is worth nothing.
    noise = 1e4 * np.random.default_rng(1).normal(size=gravity.means.values.shape)
    values = gravity.means.values + noise
    means = dataclasses.replace(gravity.means, values=values)
    gravity = dataclasses.replace(gravity, means=means)
    weights = np.full((1, len(grid.lon)), 1 / len(grid.lon))
    study = dataclasses.replace(
        study, inversion=dataclasses.replace(study.inversion, errors="none")
    )
    first = estimate(study, model, gnss.time.values, BETA)
    errors = standard_deviations(study, model, first, BETA, weights)
    with_gravimetry(study, model, gravity, (first, errors), (("all",), weights))
    assert "a bound of the search" in caplog.text


def test_a_covariance_that_is_not_positive_is_refused(product, gnss, grid):
    gravity = gravity_for(study_with(product, grace=FILTERED), gnss, grid)
    covariance = np.ones_like(gravity.means.covariance)
    covariance[0, 0] = -1.0
    with pytest.raises(ValueError, match="not positive definite"):
        dataclasses.replace(gravity.means, covariance=covariance)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"smoothing_km": -1.0}, "smoothing_km is -1, expected a radius in km"),
        ({"max_degree": 5, "min_degree": 6}, "the first and the last degree"),
        ({"min_degree": 2}, "give max_degree too"),
        ({"coefficients": True}, "coefficients are to be one file and need a filter"),
        ({"footprint_deg": 0.0}, "footprint_deg is 0, expected degrees of arc"),
        ({"sigma_mm": 0.0}, 'sigma_mm is 0, expected a positive number, or "estimate"'),
        ({"beyond": "some"}, "beyond is 'some', expected estimate or none"),
    ],
)
def test_settings_of_gravimetry_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        config.Gravimetry("grace.nc", **settings)


def test_a_study_names_gravimetry_by_a_file_or_a_table(tmp_path):
    text = '[gnss]\nfiles = "x"\n[region]\nboundary = "x"\n[inversion]\n'
    path = tmp_path / "study.toml"
    path.write_text(text + 'grace = "mascons.nc"\n')
    study = config.read_study(path)
    assert config.gravimetry_table(study.inversion.grace).files == "mascons.nc"
    path.write_text(text + 'grace = { files = "a.nc", smoothing_km = 300 }\n')
    study = config.read_study(path)
    assert study.inversion.grace == config.Gravimetry("a.nc", smoothing_km=300)
    path.write_text(config.to_toml(study))
    assert config.read_study(path).inversion == study.inversion
    path.write_text(text + 'grace = "a.nc"\ncorrelation_time_days = 10\n')
    with pytest.raises(ValueError, match=r"inversion\.grace cannot be combined with"):
        config.read_study(path)
    soil = '[loads]\nsoil = "soil.nc"\n'
    path.write_text(text + 'grace = "a.nc"\n' + soil)
    with pytest.raises(ValueError, match=r"inversion\.grace cannot be combined with"):
        config.read_study(path)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"boundary": "free"}, r'boundary "free" .*"none" or inversion.boundary ='),
        ({"boundary": "edge"}, r'boundary "edge" leaves a constant load free'),
        ({"prior": "first-differences"}, r"inversion\.grace\.persistence = "),
    ],
)
def test_persistence_beside_a_load_that_is_free_is_refused(field, message):
    tables = config.Gnss(files="x"), config.Region(boundary="x")
    with pytest.raises(ValueError, match=message):
        config.Study(*tables, inversion=config.Inversion(grace="a.nc", **field))
    independent = config.Gravimetry("a.nc", persistence="none")
    settings = config.Inversion(grace=independent, **field)
    assert config.Study(*tables, inversion=settings).inversion.grace == independent
