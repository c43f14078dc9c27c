"""What a study calls an outline is that outline, whatever colons are in it."""

import json
import zipfile

import pytest
import shapely

from jaxload import config
from jaxload.pipeline.inputs.outlines import read_outlines
from jaxload.pipeline.inputs.study_area import read_study_area

BASINS = {"SACRAMENTO": (-123, 38, -121, 40), "Great: Basin": (-121, 38, -119, 41)}


def features(**boxes):
    return [
        {
            "type": "Feature",
            "properties": {"NAME": name, "state": "CA"},
            "geometry": shapely.geometry.mapping(shapely.box(*box)),
        }
        for name, box in boxes.items()
    ]


@pytest.fixture
def folder(tmp_path):
    content = {"type": "FeatureCollection", "features": features(**BASINS)}
    for name in ("two.geojson", "a: b.geojson", "C:\\maps\\two.geojson", "two.txt:x"):
        (tmp_path / name).write_text(json.dumps(content))
    (tmp_path / "labels.txt").write_text(
        '> -L"SACRAMENTO"\n-123 38\n-123 40\n-121 40\n-121 38\n> -LFar\n0 0\n1 1\n0 1\n'
    )
    (tmp_path / "plain.txt").write_text("-122 38\n-122 40\n-120 40\n-120 38\n")
    with zipfile.ZipFile(tmp_path / "maps.zip", "w") as archive:
        archive.writestr("two.geojson", json.dumps(content))
        archive.writestr("read me.txt", "x")
    return tmp_path


def study(folder, boundary, *regions, evaluation=None, **region):
    return config.Study(
        gnss=config.Gnss(files="x"),
        region=config.Region(boundary=boundary, spacing=0.5, **region),
        evaluation=config.Evaluation(regions=regions, **(evaluation or {})),
        folder=str(folder),
    )


@pytest.mark.parametrize(
    ("boundary", "name", "area"),
    [
        ("two.geojson: SACRAMENTO", "SACRAMENTO", 4),
        ("two.geojson:sacramento", "SACRAMENTO", 4),
        ("two.geojson: great: basin", "Great: Basin", 6),
        ("two.geojson: SACRAMENTO, Great: Basin", "SACRAMENTO, Great: Basin", 10),
        ("two.geojson", "two", 10),
        ("two.geojson:", "two", 10),
        ("a: b.geojson", "a: b", 10),
        ("a: b.geojson: SACRAMENTO", "SACRAMENTO", 4),
        ("C:\\maps\\two.geojson", "C:\\maps\\two", 10),
        ("C:\\maps\\two.geojson: Sacramento", "SACRAMENTO", 4),
        ("two.txt:x", "two", 10),
        ("labels.txt: sacramento", "SACRAMENTO", 4),
        ("maps.zip/two.geojson: SACRAMENTO", "SACRAMENTO", 4),
        ("plain.txt", "plain", 4),
    ],
)
def test_the_study_region_is_the_feature_behind_the_colon(folder, boundary, name, area):
    outlines = read_outlines(study(folder, boundary))
    assert {key: outline.area for key, outline in outlines.items()} == {name: area}


def test_regions_of_every_format_are_picked_by_name(folder):
    given = ("two.geojson: SACRAMENTO", "labels.txt: Far", "plain.txt")
    outlines = read_outlines(study(folder, "two.geojson", *given))
    assert {key: outline.area for key, outline in outlines.items()} == {
        "two": 10,
        "SACRAMENTO": 4,
        "Far": 0.5,
        "plain": 4,
    }
    everything = read_outlines(study(folder, "two.geojson", "labels.txt"))
    assert list(everything) == ["two", "SACRAMENTO", "Far"]
    # The grid is that of the feature too.
    ground = read_study_area(study(folder, "two.geojson: SACRAMENTO"))
    assert len(ground.grid.lon) == 5 * 5
    assert ground.basins.names == ("SACRAMENTO",)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ("two.geojson: COLUMBIA",),
            r"^region.boundary: .*by NAME it has SACRAMENTO",
        ),
        (
            ("two.geojson", "two.geojson: x"),
            r"^evaluation.regions: .*no region 'x';",
        ),
        (("plain.txt: x",), "what it encloses has no names, so leave out ': x'"),
        (("two.geojson", "plain.txt", "other/plain.txt"), "second region called plain"),
    ],
)
def test_what_is_not_there_is_answered_by_what_is(folder, given, message):
    (folder / "other").mkdir()
    (folder / "other" / "plain.txt").write_text("0 0\n1 0\n1 1\n")
    with pytest.raises(ValueError, match=message) as caught:
        read_outlines(study(folder, *given))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("boundary", "missing"),
    [
        ("no.geojson: SACRAMENTO", "no.geojson does not exist"),
        ("D:\\no.geojson: SACRAMENTO", "D:\\no.geojson does not exist"),
    ],
)
def test_a_missing_file_is_named_without_the_name_behind_it(folder, boundary, missing):
    with pytest.raises(FileNotFoundError) as caught:
        read_outlines(study(folder, boundary))
    assert missing in str(caught.value)


def test_a_study_says_which_property_holds_names(folder):
    whole = read_outlines(study(folder, "two.geojson: CA", name_property="state"))
    assert {key: outline.area for key, outline in whole.items()} == {"CA": 10}
    with pytest.raises(ValueError, match=r"no property river, only NAME, state"):
        read_outlines(study(folder, "two.geojson: CA", name_property="river"))
    given = study(
        folder, "plain.txt", "two.geojson", evaluation={"name_property": "state"}
    )
    assert list(read_outlines(given)) == ["plain", "CA"]


def test_a_study_says_the_coordinates_of_outlines_that_do_not(folder):
    pytest.importorskip("pyproj")
    # A square of 100 km east of the middle of zone 47, and north of the equator.
    ring = [(500_000, 0), (600_000, 0), (600_000, 100_000), (500_000, 100_000)]
    text = "".join(f"{x} {y}\n" for x, y in ring)
    (folder / "utm.txt").write_text(text)
    with pytest.raises(ValueError, match=r'name it in region\.crs, as "EPSG:32647"'):
        read_outlines(study(folder, "utm.txt"))
    found = read_outlines(study(folder, "utm.txt", "utm.txt", crs="EPSG:32647"))
    west, south, east, north = found["utm"].bounds
    assert (west, south) == pytest.approx((99, 0), abs=1e-6)
    assert (east - west, north) == pytest.approx((0.8987, 0.9047), abs=2e-3)
