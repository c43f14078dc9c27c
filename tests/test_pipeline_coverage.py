"""How much of a region something covers is written, and warned of if it is little."""

import numpy as np
import pytest
import shapely
import xarray as xr

from jaxload import config, io, sphere
from jaxload.pipeline.evaluate.references import with_references
from jaxload.pipeline.evaluate.regions import (
    reference_means,
    region_means,
    score_regions,
)
from jaxload.pipeline.inputs.coverage import (
    covered_by_values,
    describe_coverage,
    inside_grid,
    warn_of_coverage,
)
from jaxload.pipeline.inputs.study_area import StudyArea

REGION = shapely.box(100, 20, 108, 24)
MONTHS = np.arange("2015-01", "2015-07", dtype="M8[M]").astype("M8[ns]")


def grace(lon, lat=(20.5, 21.5, 22.5, 23.5)):
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    field = np.random.default_rng(1).normal(size=(len(MONTHS), len(lat), len(lon)))
    return xr.Dataset(
        {"twsa": (("time", "lat", "lon"), field)},
        {"time": MONTHS, "lat": lat, "lon": lon},
        attrs={"quantity": "twsa"},
    )


def study(**more):
    return config.Study(
        gnss=config.Gnss(files="x"),
        region=config.Region(boundary="x"),
        evaluation=config.Evaluation(grace="crop.nc", **more),
    )


def ground(product, outlines):
    grid = sphere.regional_grid(REGION, 0.5, 1.0)
    basins = sphere.basin_weights(grid, outlines)
    return StudyArea(REGION, outlines, grid, basins, {"grace": product}, {})


OUTLINES = {
    "all": REGION,
    "west": shapely.box(100, 20, 102, 24),
    "east": shapely.box(102, 20, 108, 24),
}


def test_the_share_that_a_crop_covers_is_that_of_its_area(caplog):
    # Three columns of one degree: a sliver of the region, and half of its east.
    found = with_references(
        study(),
        ground(
            grace([105.5, 106.5, 107.5]),
            {
                "all": REGION,
                "east": OUTLINES["east"],
            },
        ),
    )
    given = found.references["grace"].covered
    np.testing.assert_allclose(given, [3 / 8, 3 / 6], rtol=1e-9)
    assert "evaluation.grace crop.nc covers only 37.5% of region all" in caplog.text
    assert "covers only 50.0% of region east" in caplog.text


def test_what_is_covered_is_not_warned_of(caplog):
    found = with_references(study(), ground(grace(np.arange(99.5, 110)), OUTLINES))
    np.testing.assert_allclose(found.references["grace"].covered, 1, rtol=1e-9)
    assert "covers only" not in caplog.text
    warn_of_coverage("the grid", ["a", "b"], np.array([0.9, np.nan]))
    assert "covers only" not in caplog.text
    warn_of_coverage("the grid", ["a", "b"], np.array([0.95, 0.899]))
    assert "the grid covers only 89.9% of region b; its mean is" in caplog.text


def test_cells_without_values_do_not_cover():
    raster = sphere.raster_grid(np.arange(100.5, 108), np.arange(20.5, 24))
    fields = np.zeros((4, len(raster.lon)))
    fields[:, raster.lon < 102] = np.nan  # never
    fields[::2, raster.lon > 104] = np.nan  # in half of all months
    fields[3] = np.nan  # a month that is missing altogether covers neither way
    share = covered_by_values(fields, raster, OUTLINES)
    # Months 0 and 2 have 2 of 8 columns, month 1 has 6.
    np.testing.assert_allclose(share[0], (2 + 6 + 2) / 3 / 8, rtol=1e-9)
    np.testing.assert_allclose(share[1], 0, atol=1e-12)
    np.testing.assert_allclose(share[2], (2 + 6 + 2) / 3 / 6, rtol=1e-9)
    assert np.isnan(covered_by_values(fields[3:], raster, OUTLINES)).all()


@pytest.mark.parametrize("turn", [-360, 360])
def test_references_do_not_depend_on_the_turn_of_outlines(turn):
    product = grace(np.arange(99.5, 110))
    moved = {
        name: shapely.transform(one, lambda x: x + np.array([turn, 0]))
        for name, one in OUTLINES.items()
    }
    grid = sphere.regional_grid(REGION, 0.5, 1.0)
    here, there = (
        reference_means(study(), outlines, grid, {"grace": product})["grace"]
        for outlines in (OUTLINES, moved)
    )
    np.testing.assert_allclose(there.water, here.water, atol=1e-10)
    np.testing.assert_allclose(there.covered, here.covered, atol=1e-9)
    parts = inside_grid(moved, grid)
    assert parts["all"].symmetric_difference(REGION).area < 1e-9


def test_coverage_is_in_the_file_of_regions_and_the_summary(tmp_path):
    outlines = {"all": REGION, "beyond": shapely.box(106, 20, 112, 24)}
    whole = ground(grace([105.5, 106.5, 107.5, 108.5]), outlines)
    whole = with_references(study(), whole)
    days = np.arange("2015-01-01", "2015-07-01", dtype="M8[D]").astype("M8[ns]")
    load = np.random.default_rng(2).normal(size=(len(days), len(whole.grid.lon)))
    daily = np.asarray(sphere.area_mean(whole.basins.weights, load))
    regions = region_means(whole.basins, daily, days, whole.references, outlines)
    shares = describe_coverage(regions)
    assert shares["grace"]["all"] == pytest.approx(3 / 8)
    assert shares["grace"]["beyond"] == pytest.approx(3 / 6)
    assert shares["cells"]["all"] == pytest.approx(1)
    # Cells reach about a degree beyond 108, the belt's width on a parallel.
    assert 0.45 < shares["cells"]["beyond"] < 0.65
    assert "land_model" not in shares
    io.write_dataset(regions, tmp_path / "regions.nc")
    with xr.open_dataset(tmp_path / "regions.nc") as read:
        known, name = [3 / 8, 3 / 6], "coverage_fraction"
        np.testing.assert_allclose(read.twsa_grace_coverage_fraction, known)
        np.testing.assert_allclose(read.twsa_grace.attrs[name], known)
        np.testing.assert_allclose(read.twsa.attrs[name], read[name])
        # Area between meridians and parallels on a sphere of 6371 km.
        sines = np.sin(np.radians(24)) - np.sin(np.radians(20))
        whole_area = 6371.0**2 * np.radians(6) * sines
        covered = shares["cells"]["beyond"]
        assert read.region_area[1] == pytest.approx(whole_area * covered, rel=1e-4)
        drawn = shapely.from_wkt(str(read.region_outline[1].values))
        assert drawn.symmetric_difference(outlines["beyond"]).area < 0.01
    score = score_regions(study(), regions)["all"]
    assert score["reference_coverage_fraction"] == pytest.approx(3 / 8)
    assert score["coverage_fraction"] == pytest.approx(1)


def test_a_sliver_of_a_region_is_called_one(cases, caplog):
    product = io.read_grid(cases / "grids" / "21_misc" / "sliver.nc")
    lon, lat = product.lon.values, product.lat.values
    step = lon[1] - lon[0]
    # The crop is the easternmost twentieth of this region.
    width = step * len(lon)
    east = lon[-1] + step / 2
    region = shapely.box(east - 20 * width, lat[0] - step / 2, east, lat[-1] + step / 2)
    raster = sphere.raster_grid(lon, lat)
    fields = product[product.attrs["quantity"]].values.reshape(len(product.time), -1)
    share = covered_by_values(fields, raster, {"basin": region})
    warn_of_coverage("sliver.nc", ["basin"], share)
    assert 0 < share[0] <= 1 / 20 + 1e-9
    assert "sliver.nc covers only" in caplog.text
