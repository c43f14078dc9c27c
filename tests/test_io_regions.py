import json

import numpy as np
import pytest
import shapely
from hypothesis import given, settings, strategies as st

from jaxload import io

SQUARE = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]
HOLE = [[1, 1], [1, 2], [2, 2], [2, 1], [1, 1]]
FAR = [[10, 0], [11, 0], [11, 1], [10, 1], [10, 0]]


def text(*rings, separator="\n"):
    return separator.join("".join(f"{x} {y}\n" for x, y in ring) for ring in rings)


def polygon(*rings):
    return {"type": "Polygon", "coordinates": list(rings)}


def feature(geometry, **properties):
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def collection(*features):
    return json.dumps({"type": "FeatureCollection", "features": list(features)})


@pytest.fixture
def file(tmp_path):
    def write(content, name="region.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_the_western_us_is_read_as_it_was_drawn(data):
    path = data / "western_us" / "boundaries" / "region_buffered.txt"
    lon, lat = np.loadtxt(path).T
    # The shoelace formula.
    area = abs(np.dot(lon, np.roll(lat, 1)) - np.dot(lat, np.roll(lon, 1))) / 2
    region = io.read_region(path)
    assert region.area == pytest.approx(area, rel=1e-12)
    assert region.bounds == (lon.min(), lat.min(), lon.max(), lat.max())


@pytest.mark.parametrize("separator", ["\n", ">\n", "> ring -Z1\n", "NaN NaN\n"])
def test_rings_inside_a_ring_are_holes_and_others_are_parts(file, separator):
    region = io.read_region(file(text(SQUARE, HOLE, FAR, separator=separator)))
    assert region.area == 16 - 1 + 1
    assert not shapely.contains_xy(region, 1.5, 1.5)
    assert shapely.contains_xy(region, 10.5, 0.5)


def test_an_open_ring_commas_and_comments_are_fine(file):
    content = "# lon, lat\n" + text(SQUARE[:-1]).replace(" ", ", ")
    assert io.read_region(file(content)).equals(shapely.box(0, 0, 4, 4))


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(polygon(SQUARE, HOLE)),
        json.dumps({"type": "MultiPolygon", "coordinates": [[SQUARE, HOLE]]}),
        "\n " + json.dumps(feature(polygon(SQUARE, HOLE), NAME="x")),
        collection(feature(polygon(SQUARE, HOLE), NAME="x")),
        json.dumps(polygon([[*xy, 7.0] for xy in SQUARE], HOLE)),
    ],
)
def test_every_kind_of_geojson_keeps_its_holes(file, content):
    region = io.read_region(file(content, "region.geojson"))
    assert region.area == 15
    assert not region.has_z
    assert not shapely.contains_xy(region, 1.5, 1.5)


def test_the_features_of_a_collection_are_merged(file):
    content = collection(feature(polygon(SQUARE)), feature(polygon(FAR)))
    assert io.read_region(file(content)).area == 17


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "holds no polygon; expected lines of lon lat"),
        ("# only a comment\n>\n", "holds no polygon"),
        ("0 0\n1 1\n", "line 1: this ring has 2 distinct vertices, expected 3"),
        ("0 0\n1 1\n0 0\n1 1\n", "this ring has 2 distinct vertices"),
        (text(SQUARE) + "\n\n5 5\n", "line 8: this ring has 1 distinct"),
        ("0 0\n1 1\n2 2\n", "line 1 encloses no area"),
        ("0 0\n1 x\n2 2\n", "line 2: lat is 'x', expected a number"),
        ("0 0\n1 inf\n2 2\n", "line 2: lat is 'inf'"),
        ("0 0\n1 nan\n2 2\n", "line 2 has half a vertex"),
        ("0 0 0\n1 1 1\n2 2 2\n", "line 1 encloses no area"),
        ("0 0 0 0\n1 1 1 1\n2 2 2 2\n", "line 1 has 4 columns, expected 2: lon lat"),
        ("0 0\n1 0 5\n1 1\n", "line 2 has 3 columns, expected 2: lon lat"),
        ("30 -120\n50 -120\n50 -100\n", "lat reaches -120.* swapped"),
        ("500000 4000000\n500000 4100000\n6e5 4e6\n", "lat reaches .*region.crs"),
        ("500 40\n501 41\n502 40\n", "lon reaches 502, expected -360 to 360"),
        ("{", "is not valid GeoJSON"),
        ('{"a":' + "[" * 100_000, "is not valid GeoJSON .*nested|recursion"),
        ("{}", "feature 1 is a 'None', expected a Polygon"),
        (
            json.dumps({"type": "Point", "coordinates": [0, 0]}),
            "holds no polygon but 1 point",
        ),
        (collection(), "is a FeatureCollection without features"),
        (collection(feature(None)), "holds no polygon but 1 empty feature"),
        (collection(3), "feature 1 is '3', expected a Feature"),
        (json.dumps(polygon()), "holds no polygon but 1 empty feature"),
        (json.dumps(polygon([[0, 0], [1, 1]])), "broken coordinates"),
        (json.dumps(polygon([[0], [1]])), "broken coordinates"),
        (json.dumps(polygon([0, 1])), "broken coordinates"),
        (json.dumps({"type": "Polygon"}), "broken coordinates"),
        (json.dumps(polygon([[0, 0], [1, 10**400], [2, 2]])), "broken coordinates"),
        (json.dumps(polygon([[0, 0], [1, float("nan")], [2, 2], [0, 0]])), "finite"),
        (json.dumps(polygon([[30, -120], [50, -120], [50, -100]])), "swapped"),
    ],
)
def test_what_is_no_region_is_refused(file, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        io.read_region(file(content))
    assert "\n" not in str(caught.value)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.txt does not exist"):
        io.read_region(tmp_path / "no.txt")
    with pytest.raises(ValueError, match="is a folder; name a file in it"):
        io.read_region(tmp_path)


def test_a_bow_tie_is_repaired_and_logged(file, caplog):
    region = io.read_region(file("0 0\n2 2\n2 0\n0 2\n"))
    assert region.is_valid
    assert region.area == 2
    assert "was repaired: Self-intersection" in caplog.text


def test_basins_are_named_by_the_likely_property(data):
    names = {
        "huc14_15_colorado": {"Lower Basin", "Upper Basin"},
        "grdc405_selected_basins": {"COLUMBIA RIVER", "SACRAMENTO RIVER"},
        "tibetan_plateau_12basins": {"Salween", "Indus"},
        "central_valley_aquifer": {"central_valley_aquifer"},
        "china_provinces_bou2": {"云南省"},
    }
    for stem, expected in names.items():
        assert expected <= io.read_regions(data / f"boundaries/{stem}.geojson").keys()


def test_the_columbia_is_as_large_as_its_file_says(data):
    path = data / "boundaries" / "grdc405_selected_basins.geojson"
    basin = io.read_regions(path)["COLUMBIA RIVER"]
    lon, lat = np.deg2rad(basin.centroid.xy).ravel()
    area = basin.area * np.deg2rad(1) ** 2 * 6371**2 * np.cos(lat)
    assert lon < 0
    assert area == pytest.approx(662_541.7, rel=0.02)


def test_names_lose_double_spaces_and_parts_of_one_name_are_merged(file):
    content = collection(
        feature(polygon(SQUARE), id="1", Basin="Upper  Basin "),
        feature(polygon(FAR), id="2", Basin="Upper Basin"),
        feature(polygon([[x + 20, y] for x, y in SQUARE]), id="3", Basin="Lower"),
    )
    regions = io.read_regions(file(content))
    assert {name: region.area for name, region in regions.items()} == {
        "Upper Basin": 17,
        "Lower": 16,
    }
    assert list(io.read_regions(file(content), name_property="id")) == ["1", "2", "3"]


def test_numbers_can_name_basins_when_asked(file):
    content = collection(
        feature(polygon(SQUARE), area=7), feature(polygon(FAR), area=8)
    )
    assert list(io.read_regions(file(content), name_property="area")) == ["7", "8"]
    with pytest.raises(ValueError, match="only area; set name_property"):
        io.read_regions(file(content))
    with pytest.raises(ValueError, match="has no property river, only area"):
        io.read_regions(file(content), name_property="river")


def test_a_text_file_is_one_region_named_by_its_stem(file):
    assert list(io.read_regions(file(text(SQUARE), "delta.dat"))) == ["delta"]


def attempt(action):
    """What came out, or else the sentence that came instead."""
    try:
        return action(), ""
    except ValueError as error:
        return None, str(error)


PIECES = st.lists(
    st.sampled_from(["0 0", "1 0", "1 1", "0,1", ">", "NaN NaN", "", "x", "-180 95"])
    | st.sampled_from(["> -La", "> -L", "# @Nname|id", '# @Da|"', "# @H @D1"])
    | st.tuples(st.floats(), st.floats()).map(lambda xy: f"{xy[0]} {xy[1]}"),
    max_size=12,
).map("\n".join)
TABLES = st.tuples(
    st.sampled_from(["lon,lat", "id;lon;lat", "5,1", "3", "WKT,name", "lat\tlon", ""]),
    st.lists(
        st.sampled_from(
            ["0,0", "1 0 2", "1;0,5;2", "POLYGON((0 0,1 0,1 1,0 0)),a", '"']
        )
        | st.lists(st.integers(-200, 200), max_size=4).map(lambda x: str(x)[1:-1]),
        max_size=9,
    ),
).map(lambda parts: "\n".join([parts[0], *parts[1]]))
WKT = st.lists(
    st.sampled_from(["POLYGON", "MULTI", "((", "))", "0 0", "1 0", "1 1", ",", "\n"])
    | st.sampled_from(["SRID=4326;", "SRID=32647;", "Z", "EMPTY", "POINT(1 2)", "("]),
    max_size=14,
).map(lambda parts: "POLYGON ((0 0," + " ".join(parts))
JSON = st.recursive(
    st.none() | st.floats() | st.integers() | st.sampled_from(["Polygon", "Feature"]),
    lambda child: (
        st.lists(child, max_size=5)
        | st.dictionaries(
            st.sampled_from(["type", "coordinates", "geometry", "features", "crs"]),
            child,
        )
    ),
    max_leaves=20,
)
GEOMETRY = st.builds(
    lambda kind, coordinates: json.dumps({"type": kind, "coordinates": coordinates}),
    st.sampled_from(["Polygon", "MultiPolygon"]),
    JSON | st.lists(st.lists(st.lists(st.integers(-9, 9), max_size=3), max_size=6)),
)


@settings(max_examples=500, deadline=None)
@given(
    st.binary(max_size=60)
    | TABLES.map(str.encode)
    | WKT.map(str.encode)
    | PIECES.map(str.encode)
    | GEOMETRY.map(str.encode)
    | JSON.map(json.dumps).map(str.encode)
)
def test_any_bytes_give_regions_or_one_sentence(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz-region"
    path.write_bytes(content)
    for read in (io.read_region, io.read_regions):
        result, message = attempt(lambda read=read: read(path))
        regions = result.values() if isinstance(result, dict) else [result]
        assert "\n" not in message
        assert message or all(r.is_valid and r.area > 0 for r in regions)


LABELLED = f"""\
> -L"Upper  Basin" -Gred
{text(SQUARE)}> -L"Upper  Basin"
{text(HOLE)}> -LLower
{text(FAR)}"""

OGR = f"""\
# @VGMT1.0 @GPOLYGON
# @R0/11/0/4
# @Nid|BASIN
# @Tinteger|string
# FEATURE_DATA
>
# @D1|"Upper Basin"
# @P
{text(SQUARE)}>
# @H
{text(HOLE)}>
# @D2|Lower
# @P
{text(FAR)}"""


@pytest.mark.parametrize("content", [LABELLED, OGR])
def test_the_segments_of_gmt_are_named_by_labels_and_attributes(file, content):
    if content is OGR:
        pytest.importorskip("pyogrio")
    path = file(content.replace("\n", "\r\n"), "basins.gmt")
    regions = io.read_regions(path)
    assert {name: region.area for name, region in regions.items()} == {
        "Upper Basin": 15,
        "Lower": 1,
    }
    assert io.read_region(path).area == 16
    if content is OGR:
        assert list(io.read_regions(path, "id")) == ["1", "2"]


def test_labelled_neighbours_that_overlap_do_not_cancel(file):
    shifted = [[x + 2, y] for x, y in SQUARE]
    content = f"> -La\n{text(SQUARE)}> -Lb\n{text(shifted)}"
    assert io.read_region(file(content)).area == 24
