"""Outlines as people have them: each is the right one, or refused in one sentence."""

import json
import struct
import sys
import zipfile

import numpy as np
import pytest
import shapely

from jaxload import io

BOX = shapely.box(100, 25, 104, 28)
RING = [(100, 25), (104, 25), (104, 28), (100, 28), (100, 25)]
LINES = "".join(f"{lon} {lat}\n" for lon, lat in RING)


@pytest.fixture
def file(tmp_path):
    def write(content, name="region.txt"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def geometry(kind, coordinates):
    return {"type": kind, "coordinates": coordinates}


def feature(shape, **properties):
    return {"type": "Feature", "properties": properties, "geometry": shape}


def collection(*features, **more):
    return json.dumps({"type": "FeatureCollection", "features": features} | more)


def boxed(west, south, east, north):
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return geometry("Polygon", [ring])


# Text.

TABLES = {
    "counts with a flag": "5,1\n" + LINES.replace(" ", ","),
    "a count alone": "5\n" + LINES,
    "an open ring behind its count": "4 1\n" + LINES[: LINES.rfind("100 25")],
    "a name in the header of the ring": '5,1,"a b"\n' + LINES.replace(" ", ","),
    "columns that are named": "lon,lat\n" + LINES.replace(" ", ","),
    "the other order": "lat;lon\n" + "".join(f"{y};{x}\n" for x, y in RING),
    "decimal commas": "x;y\n" + "".join(f"{x},0;{y},0\n" for x, y in RING),
    "tabs and spaces": "Longitude\tLatitude\n" + LINES.replace(" ", "\t "),
    "quotes": '"lon","lat"\n' + "".join(f'"{x}","{y}"\n' for x, y in RING),
    "vertices by number": "".join(f"{n} {x} {y}\n" for n, (x, y) in enumerate(RING, 1)),
    "a polygon by number": "".join(f"7 {x} {y}\n" for x, y in RING),
    "heights": "> segment\n" + "".join(f"{x} {y} 0\n" for x, y in RING),
    "extra columns": "id,lat,lon,z\n" + "".join(f"9,{y},{x},3\n" for x, y in RING),
    "well-known text": f"{BOX.wkt}\n",
    "with a coordinate system": f"SRID=4326;{BOX.wkt}",
    "over several lines": BOX.wkt.replace(", ", ",\n  "),
    "in a table": f'WKT,name\n"{BOX.wkt}",Yunnan\n',
    "as QGIS copies it": f"wkt_geom\tname\n{BOX.wkt}\tYunnan\n",
}


@pytest.mark.parametrize("content", TABLES.values(), ids=TABLES.keys())
def test_every_way_to_write_a_box_in_text_is_that_box(file, content):
    name = "box.bln" if content.startswith(("5", "4 1")) else "box.txt"
    region = io.read_region(file(content, name))
    assert region.equals(BOX)
    np.testing.assert_allclose(region.area, 12)


def test_counts_are_no_vertices_and_a_ring_in_a_ring_is_a_hole(file):
    hole = "5,0\n101,26\n103,26\n103,27\n101,27\n101,26\n"
    content = "5,1\n" + LINES.replace(" ", ",") + hole
    assert io.read_region(file(content, "two.bln")).area == 12 - 2
    # Under any name, since counts and rings go together.
    assert io.read_region(file(content, "two.txt")).area == 12 - 2


def test_rings_are_named_by_what_their_headers_and_columns_say(file):
    far = [(x + 10, y) for x, y in RING]
    names = '5 1 "Upper Basin"\n' + LINES
    names += "5 1 Lower\n" + "".join(f"{x} {y}\n" for x, y in far)
    assert list(io.read_regions(file(names, "b.bln"))) == ["Upper Basin", "Lower"]
    rows = [("Upper, left", *v) for v in RING] + [("Lower", *v) for v in far]
    table = "name,lon,lat\n" + "".join(f'"{n}",{x},{y}\n' for n, x, y in rows)
    regions = io.read_regions(file(table, "b.csv"))
    assert {name: one.area for name, one in regions.items()} == {
        "Upper, left": 12,
        "Lower": 12,
    }
    numbers = "".join(f"{n} {x} {y}\n" for n, r in ((3, RING), (4, far)) for x, y in r)
    assert list(io.read_regions(file(numbers, "c.txt"))) == ["3", "4"]


def test_groups_of_a_table_are_rings_of_one_feature(file):
    inner = [(101, 26), (103, 26), (103, 27), (101, 27), (101, 26)]
    rows = [(x, y, 1) for x, y in RING] + [(x, y, 2) for x, y in inner]
    table = "long,lat,group\n" + "".join(f"{x},{y},{g}\n" for x, y, g in rows)
    assert io.read_region(file(table)).area == 10


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.bln", "7,1\n" + LINES, "line 1 is '7 1', expected the number of vertices"),
        ("a.bln", LINES, "line 1 is '100 25', expected the number of vertices"),
        ("a.txt", "7\n" + LINES, "line 1 is '7', expected the number .* where 5 do"),
        ("a.txt", "1 10 25\n3 14 25\n2 14 28\n5 10 29\n", "may be lon, lat and height"),
        ("a.txt", "lon,lat\n100,25\n104\n", "line 3 has 1 column, expected 2: lon lat"),
        ("a.txt", "lon,lat\n", "holds no polygon; expected lines of lon lat"),
        ("a.txt", "POLYGON ((0 0, 1 0, 1", "begins as well-known text, but cannot be"),
        ("a.txt", "WKT,name\n", "has a column of geometries, but no line below"),
        ("a.txt", "POINT (1 2)", "holds no polygon but 1 point"),
        ("a.txt", "LINESTRING (0 0, 1 0, 1 1)", "line 1 is a line that is not closed"),
        ("a.gml", "<gml:Polygon/>", "is XML that is no KML"),
        ("a.dbf", "x", "is a part of a shapefile; name a.shp, and keep a.shx"),
    ],
)
def test_what_is_no_outline_in_text_is_refused(file, name, content, message):
    with pytest.raises(ValueError, match=message) as caught:
        io.read_region(file(content, name))
    assert "\n" not in str(caught.value)


# GeoJSON.


def test_collections_are_polygons_and_points_and_lines_are_left_out(file, caplog):
    line = geometry("LineString", [[100, 25], [99, 24], [100, 25]])
    point = geometry("Point", [101, 26])
    both = {"type": "GeometryCollection", "geometries": [boxed(*BOX.bounds), line]}
    content = collection(feature(both), feature(point), feature(point), feature(None))
    path = file(content)
    assert io.read_region(path).equals(BOX)
    assert "1 line and 2 points and 1 empty feature left out" in caplog.text
    nested = {"type": "GeometryCollection", "geometries": [both]}
    assert io.read_region(file(collection(feature(nested)))).equals(BOX)


def test_a_closed_line_encloses_where_there_is_no_polygon(file):
    closed = geometry("LineString", [list(v) for v in RING])
    assert io.read_region(file(collection(feature(closed)))).equals(BOX)
    pieces = geometry("MultiLineString", [RING[:3], RING[2:]])
    assert io.read_region(file(collection(feature(pieces)))).equals(BOX)
    opened = geometry("LineString", [list(v) for v in RING[:-1]])
    with pytest.raises(ValueError, match="feature 1 is a line that is not closed"):
        io.read_region(file(collection(feature(opened))))


def test_a_feature_without_geometry_is_left_out_and_refused_by_name(file, caplog):
    content = collection(feature(boxed(*BOX.bounds), name="a"), feature(None, name="b"))
    path = file(content)
    assert list(io.read_regions(path)) == ["a"]
    assert "1 empty feature left out" in caplog.text
    with pytest.raises(ValueError, match="b holds no polygon but 1 empty feature"):
        io.read_region(path, "b")


def test_features_line_by_line_are_a_collection(file):
    lines = [json.dumps(feature(boxed(x, 0, x + 1, 1), name=f"b{x}")) for x in (1, 5)]
    assert list(io.read_regions(file("\n".join(lines)))) == ["b1", "b5"]
    assert list(io.read_regions(file("\x1e" + "\n\x1e".join(lines)))) == ["b1", "b5"]


def test_holes_do_not_depend_on_the_direction_or_order_of_rings(file):
    outer, inner = [list(v) for v in RING], [[101, 26], [103, 26], [103, 27], [101, 26]]
    whole = 12 - 1
    for rings in ([outer, inner], [outer[::-1], inner], [inner, outer]):
        shape = geometry("Polygon", rings)
        assert io.read_region(file(json.dumps(shape))).area == pytest.approx(whole)
    # As if the hole were a part of its own.
    shape = geometry("MultiPolygon", [[outer], [inner]])
    assert io.read_region(file(json.dumps(shape))).area == pytest.approx(whole)


# Names.

BASINS = collection(
    feature(boxed(0, 0, 2, 2), NAME="SACRAMENTO", code=1, state="CA"),
    feature(boxed(4, 0, 7, 2), NAME="GREAT  BASIN", code=2, state="NV"),
    feature(boxed(9, 0, 10, 2), NAME="Congo, Upper", code=3, state="CA"),
)


@pytest.mark.parametrize(
    ("names", "area"),
    [
        ("SACRAMENTO", 4),
        ("sacramento", 4),
        ("great basin", 6),
        ("SACRAMENTO, Great Basin", 10),
        (["SACRAMENTO", "GREAT BASIN"], 10),
        ("Congo, Upper, SACRAMENTO", 6),
        ("CA", 6),
        ("3", 2),
    ],
)
def test_a_name_picks_its_feature_in_whatever_case(file, names, area):
    assert io.read_region(file(BASINS), names).area == area


def test_a_name_that_is_not_there_is_answered_by_those_that_are(file):
    message = (
        r"holds no region 'SACRAMENT'; by NAME it has SACRAMENTO, GREAT BASIN, Con"
    )
    for read in (io.read_region, io.read_regions):
        with pytest.raises(ValueError, match=message):
            read(file(BASINS), names="SACRAMENT")
    with pytest.raises(ValueError, match="by state it has CA, NV"):
        io.read_region(file(BASINS), "SACRAMENTO", "state")
    with pytest.raises(ValueError, match="no property basin, only NAME, code, state"):
        io.read_region(file(BASINS), "SACRAMENTO", "basin")
    with pytest.raises(ValueError, match="what it encloses has no names"):
        io.read_region(file(LINES), "SACRAMENTO")
    many = collection(*(feature(boxed(0, 0, 1, 1), name=f"b{n}") for n in range(99)))
    with pytest.raises(ValueError, match=r"b17.* and 59 more$"):
        io.read_region(file(many), "b 17")


def test_a_text_in_two_properties_has_to_be_told_apart(file):
    content = collection(
        feature(boxed(0, 0, 2, 2), name="a", upper=1, lower=2),
        feature(boxed(4, 0, 7, 2), name="b", upper=2, lower=1),
    )
    with pytest.raises(ValueError, match="properties upper, lower of different feat"):
        io.read_region(file(content), "1")
    assert io.read_region(file(content), "1", "Lower").area == 6
    # What names the features goes first.
    first = content.replace('"a"', '"2"')
    assert io.read_region(file(first), "2").area == 4


def test_whole_numbers_name_features_that_have_no_other_name(file):
    content = collection(
        feature(boxed(0, 0, 2, 2), HYBAS_ID=4060013890, SUB_AREA=1.5),
        feature(boxed(4, 0, 7, 2), HYBAS_ID=4060013891.0, SUB_AREA=2.5),
    )
    assert list(io.read_regions(file(content))) == ["4060013890", "4060013891"]


# Across the date line, around a pole.


def test_a_ring_across_the_date_line_is_never_the_world(file, caplog):
    shape = boxed(170, -20, -170, -15)
    region = io.read_region(file(json.dumps(shape)))
    assert region.equals(shapely.box(170, -20, 190, -15))
    assert "short way, over longitudes 170 to 190" in caplog.text
    reverse = geometry("Polygon", [shape["coordinates"][0][::-1]])
    assert io.read_region(file(json.dumps(reverse))).equals(region)
    text = "".join(f"{x} {y}\n" for x, y in shape["coordinates"][0])
    assert io.read_region(file(text)).equals(region)
    # A hole beyond it, and both between 0 and 360.
    rings = [*shape["coordinates"], boxed(-176, -19, -174, -16)["coordinates"][0]]
    with_hole = io.read_region(file(json.dumps(geometry("Polygon", rings))))
    assert with_hole.area == pytest.approx(100 - 6)
    wide = [[[x % 360, y] for x, y in ring] for ring in rings]
    assert io.read_region(file(json.dumps(geometry("Polygon", wide)))).equals(with_hole)


def test_parts_that_the_date_line_sets_apart_are_joined(file):
    parts = [boxed(177, -20, 180, -15), boxed(-180, -20, -178, -15)]
    shape = geometry("MultiPolygon", [part["coordinates"] for part in parts])
    for content in (json.dumps(shape), collection(*map(feature, parts))):
        region = io.read_region(file(content))
        assert region.equals(shapely.box(177, -20, 182, -15))
        assert region.geom_type == "Polygon"


def test_what_does_not_cross_the_date_line_keeps_its_longitudes(file):
    for box in ((237, 36, 241, 40), (-123, 36, -119, 40), (170, 0, 190, 5)):
        assert io.read_region(file(json.dumps(boxed(*box)))).bounds == box
    world = shapely.box(-180, -60, 180, 60)
    assert io.read_region(file(json.dumps(boxed(*world.bounds)))).equals(world)
    cap = io.read_region(file(json.dumps(boxed(-180, 60, 180, 90))))
    assert cap.area == 360 * 30


@pytest.mark.parametrize("start", [0, 3, 7])
@pytest.mark.parametrize("step", [1, -1])
@pytest.mark.parametrize("pole", [1, -1])
def test_a_ring_around_a_pole_encloses_the_pole(file, start, step, pole):
    lon = np.roll(np.arange(-170, 180, 20), start)[::step]
    lat = pole * (70 + 5 * np.cos(np.deg2rad(3 * lon)))
    ring = [[float(x), float(y)] for x, y in zip(lon, lat)]
    shape = geometry("Polygon", [[*ring, ring[0]]])
    region = io.read_region(file(json.dumps(shape)))
    assert region.bounds[0] == -180
    assert region.bounds[2] == 180
    # Straight sides in lon and lat, over one whole turn.
    order = np.argsort(lon)
    x, y = lon[order], np.abs(lat[order])
    whole = np.append(x, x[0] + 360), np.append(y, y[0])
    assert region.area == pytest.approx(360 * 90 - np.trapezoid(whole[1], whole[0]))
    assert shapely.intersects_xy(region, [-180, 0, 77], [pole * 89.9] * 3).all()


def test_a_coast_that_ends_at_the_date_line_is_closed_by_the_pole(file):
    lon = np.arange(-180, 181, 30.0)
    lat = -70 + 3 * np.sin(np.deg2rad(2 * lon))
    coast = [[x, y] for x, y in zip(lon.tolist(), lat.tolist())]
    by_pole = [*coast, [180, -90], [-180, -90], coast[0]]
    whole = io.read_region(file(json.dumps(geometry("Polygon", [by_pole]))))
    ring = io.read_region(file(json.dumps(geometry("Polygon", [[*coast, coast[0]]]))))
    assert whole.area == pytest.approx(360 * 20, rel=1e-9)
    assert ring.area == pytest.approx(whole.area)
    # A belt between a parallel and the coast stays a belt.
    belt = [*coast, [180, -50], [-180, -50], coast[0]]
    region = io.read_region(file(json.dumps(geometry("Polygon", [belt]))))
    assert region.area == pytest.approx(360 * 20, rel=1e-9)
    assert not shapely.intersects_xy(region, 10, -89)


def test_a_ring_around_the_earth_across_the_equator_is_refused(file):
    ring = [[x, 10 * (-1) ** n] for n, x in enumerate(range(-170, 180, 40))]
    shape = geometry("Polygon", [[*ring, ring[0]]])
    with pytest.raises(ValueError, match="across the equator, so that it may enclose"):
        io.read_region(file(json.dumps(shape)))


# Coordinates of maps.


def mercator(lon, lat):
    """Snyder (1987), eq. 7-1 and 7-2, for a sphere of 6378137 m."""
    x, y = np.deg2rad(lon), np.log(np.tan(np.pi / 4 + np.deg2rad(lat) / 2))
    return [6378137.0 * x, 6378137.0 * y]


def test_a_map_projection_that_the_file_names_is_undone(file):
    pytest.importorskip("pyproj")
    ring = [mercator(*vertex) for vertex in RING]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::3857"}}
    content = collection(feature(geometry("Polygon", [ring])), crs=crs)
    region = io.read_region(file(content))
    np.testing.assert_allclose(region.bounds, BOX.bounds, atol=1e-9)
    assert region.area == pytest.approx(12, rel=1e-9)
    text = "".join(f"{x} {y}\n" for x, y in ring)
    with pytest.raises(ValueError, match=r"name it in region\.crs"):
        io.read_region(file(text))
    assert io.read_region(file(text), crs="EPSG:3857").area == pytest.approx(12)
    # It is not asked where a file is in degrees.
    assert io.read_region(file(LINES), crs="EPSG:3857").equals(BOX)
    wkt = shapely.Polygon(ring).wkt
    assert io.read_region(file(f"SRID=3857;{wkt}")).area == pytest.approx(12)
    with pytest.raises(ValueError, match=r"coordinates nonsense cannot be converted"):
        io.read_region(file(text), crs="nonsense")


def test_a_straight_side_of_a_map_becomes_a_curve(file):
    pyproj = pytest.importorskip("pyproj")
    albers = "+proj=aea +lat_1=29.5 +lat_2=45.5 +lat_0=37.5 +lon_0=-96 +datum=WGS84"
    ring = [[-2e6, -1e6], [2e6, -1e6], [2e6, 1e6], [-2e6, 1e6], [-2e6, -1e6]]
    text = "".join(f"{x} {y}\n" for x, y in ring)
    region = io.read_region(file(text), crs=albers)
    # The middle of the northern side lies on the map's own meridian.
    inverse = pyproj.Transformer.from_crs(albers, "EPSG:4326", always_xy=True)
    east, north = inverse.transform(0.0, 1e6)
    assert east == pytest.approx(-96)
    assert region.distance(shapely.Point(-96, north)) < 1e-5
    assert not shapely.intersects_xy(region, -96, north + 1e-4)
    # Area on the sphere of 6371 km, of a map that keeps areas: 4000 x 2000 km.
    fine = region.segmentize(0.05)
    lon, lat = np.deg2rad(np.array(fine.exterior.coords).T)
    area = (
        6371.0**2 * abs(np.sum(np.diff(lon) * (np.sin(lat[1:]) + np.sin(lat[:-1])))) / 2
    )
    assert area == pytest.approx(8e6, rel=5e-3)


def test_a_polar_map_encloses_its_pole(file):
    pytest.importorskip("pyproj")
    ring = [[2e6, 2e6], [-2e6, 2e6], [-2e6, -2e6], [2e6, -2e6], [2e6, 2e6]]
    text = "".join(f"{x} {y}\n" for x, y in ring)
    region = io.read_region(file(text), crs="EPSG:3031")
    assert shapely.intersects_xy(region, [-179, -90, 0, 90, 179], [-89] * 5).all()
    assert region.bounds[1] == -90
    assert -75 < region.bounds[3] < -60


# Files of maps.


def save_shapefile(path, shapes, names, encoding="utf-8", prj=""):
    """A shapefile by its published layout; rings run as they come."""
    records, offset, index = b"", 50, b""
    for number, rings in enumerate(shapes, start=1):
        points = np.array([v for ring in rings for v in ring], "<f8")
        starts = np.cumsum([0, *map(len, rings[:-1])]).astype("<i4")
        low, high = points.min(axis=0), points.max(axis=0)
        body = struct.pack("<i4d2i", 5, *low, *high, len(rings), len(points))
        body += starts.tobytes() + points.tobytes()
        records += struct.pack(">2i", number, len(body) // 2) + body
        index += struct.pack(">2i", offset, len(body) // 2)
        offset += 4 + len(body) // 2

    def header(size):
        begin = struct.pack(">7i", 9994, 0, 0, 0, 0, 0, (100 + size) // 2)
        return begin + struct.pack("<2i8d", 1000, 5, *[0.0] * 8)

    path.write_bytes(header(len(records)) + records)
    path.with_suffix(".shx").write_bytes(header(len(index)) + index)
    fields = b"NAME".ljust(11, b"\0") + b"C" + bytes(4) + bytes([40]) + bytes(15)
    rows = b"".join(b" " + name.encode(encoding).ljust(40) for name in names)
    table = struct.pack("<4BIHH20x", 3, 126, 1, 1, len(names), 65, 41)
    path.with_suffix(".dbf").write_bytes(table + fields + b"\r" + rows + b"\x1a")
    if prj:
        path.with_suffix(".prj").write_text(prj)


SQUARE = [[0, 0], [0, 4], [4, 4], [4, 0], [0, 0]]  # clockwise, as the layout has it
HOLE = [[1, 1], [2, 1], [2, 2], [1, 2], [1, 1]]
FAR = [[10, 0], [10, 1], [11, 1], [11, 0], [10, 0]]


@pytest.fixture
def maps():
    return pytest.importorskip("pyogrio")


@pytest.mark.usefixtures("maps")
def test_a_shapefile_gives_the_basin_of_a_name(tmp_path):
    path = tmp_path / "two_basins.shp"
    save_shapefile(path, [[SQUARE, HOLE], [FAR]], ["SACRAMENTO", "GREAT BASIN"])
    assert io.read_region(path, "SACRAMENTO").area == 15
    assert io.read_region(path, "great basin").area == 1
    assert io.read_region(path).area == 16
    assert list(io.read_regions(path)) == ["SACRAMENTO", "GREAT BASIN"]
    with pytest.raises(ValueError, match="by NAME it has SACRAMENTO, GREAT BASIN"):
        io.read_region(path, "COLUMBIA")


@pytest.mark.usefixtures("maps")
@pytest.mark.parametrize("turned", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_holes_of_a_shapefile_do_not_depend_on_directions(tmp_path, turned):
    rings = [SQUARE[:: turned[0]], HOLE[:: turned[1]]]
    save_shapefile(tmp_path / "a.shp", [rings, [FAR]], ["a", "b"])
    assert {k: v.area for k, v in io.read_regions(tmp_path / "a.shp").items()} == {
        "a": 15,
        "b": 1,
    }


@pytest.mark.usefixtures("maps")
@pytest.mark.parametrize(
    ("name", "encoding", "page"),
    [
        ("云南省", "utf-8", ""),
        ("云南省", "gbk", ""),
        ("云南省", "gbk", "936"),
        ("云南省", "utf-8", "UTF-8"),
        ("São Francisco", "latin-1", ""),
        ("São Francisco", "utf-8", ""),
    ],
)
def test_names_of_a_shapefile_are_read_in_its_encoding(tmp_path, name, encoding, page):
    path = tmp_path / "basins.shp"
    save_shapefile(path, [[SQUARE], [FAR]], [name, "Lower"], encoding)
    if page:
        path.with_suffix(".cpg").write_text(page)
    assert list(io.read_regions(path)) == [name, "Lower"]


@pytest.mark.usefixtures("maps")
def test_a_shapefile_may_be_in_capitals_or_in_an_archive(tmp_path):
    save_shapefile(tmp_path / "basins.shp", [[SQUARE, HOLE]], ["a"])
    parts = list(tmp_path.iterdir())
    archive = tmp_path / "basins.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for part in parts:
            packed.write(part, f"data/{part.name}")
    assert io.read_region(archive, "a").area == 15
    assert io.read_region(archive / "data" / "basins.shp").area == 15
    for part in parts:
        part.rename(tmp_path / part.name.upper())
    assert io.read_region(tmp_path / "BASINS.SHP").area == 15
    with zipfile.ZipFile(archive, "a") as packed:
        packed.writestr("other.shp", "x")
    with pytest.raises(ValueError, match=r"2 files of outlines .* name one, as"):
        io.read_region(archive)


@pytest.mark.usefixtures("maps")
def test_a_projection_beside_a_shapefile_is_undone(tmp_path):
    pyproj = pytest.importorskip("pyproj")
    forward = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:2263", always_xy=True)
    ring = [(-74.2, 40.5), (-74.2, 40.9), (-73.7, 40.9), (-73.7, 40.5), (-74.2, 40.5)]
    feet = [forward.transform(*vertex) for vertex in ring]
    path, esri = tmp_path / "city.shp", pyproj.CRS("EPSG:2263").to_wkt("WKT1_ESRI")
    save_shapefile(path, [[feet]], ["x"], prj=esri)
    bounds = io.read_region(path).bounds
    np.testing.assert_allclose(bounds, (-74.2, 40.5, -73.7, 40.9), atol=1e-3)
    path.with_suffix(".prj").unlink()
    with pytest.raises(ValueError, match=r"lat reaches .* name it in region\.crs"):
        io.read_region(path)
    again = io.read_region(path, crs="EPSG:2263").bounds
    np.testing.assert_allclose(again, bounds, atol=1e-9)


@pytest.mark.usefixtures("maps")
def test_a_broken_shapefile_is_refused(tmp_path):
    path = tmp_path / "basins.shp"
    save_shapefile(path, [[SQUARE, HOLE], [FAR]], ["a", "b"], prj="PROJCS[")
    with pytest.raises(ValueError, match="cannot be read as a shapefile"):
        io.read_region(path)
    path.with_suffix(".prj").unlink()
    whole = path.read_bytes()
    path.write_bytes(whole[:-60])
    with pytest.raises(ValueError, match=r"is cut short at .* of .* bytes"):
        io.read_region(path)
    path.write_bytes(whole)
    path.with_suffix(".shx").unlink()
    with pytest.raises(ValueError, match="cannot be read as a shapefile") as caught:
        io.read_region(path)
    assert "\n" not in str(caught.value)


def test_files_of_maps_ask_for_their_extra(file, monkeypatch):
    path = file((9994).to_bytes(4, "big") + bytes(96), "basins.shp")
    crs = {"type": "name", "properties": {"name": "EPSG:3857"}}
    other = file(collection(feature(boxed(0, 0, 1, 1)), crs=crs), "map.geojson")
    for module in ("pyogrio", "pyproj"):
        monkeypatch.setitem(sys.modules, module, None)
    message = r"needs? (pyogrio|pyproj); install\s+jaxload\[outlines\], or convert it"
    for one in (path, other):
        with pytest.raises(ValueError, match=message):
            io.read_region(one)


KML = """<?xml version="1.0" encoding="UTF-8"?>
<kml xmlns="http://www.opengis.net/kml/2.2"><Document>
<Placemark><name>Yunnan</name><Polygon><outerBoundaryIs><LinearRing><coordinates>
{ring}</coordinates></LinearRing></outerBoundaryIs></Polygon></Placemark>
<Placemark><name>KMIN</name><Point><coordinates>102,25,0</coordinates></Point></Placemark>
</Document></kml>"""


@pytest.mark.usefixtures("maps")
def test_kml_is_read_by_the_names_of_its_places(file, caplog):
    content = KML.format(ring=" ".join(f"{x},{y},0" for x, y in RING))
    path = file(content, "google.kml")
    assert io.read_region(path, "yunnan").equals(BOX)
    assert list(io.read_regions(path)) == ["Yunnan"]
    assert "1 point left out" in caplog.text
    with zipfile.ZipFile(path.with_suffix(".kmz"), "w") as packed:
        packed.writestr("doc.kml", content)
    assert io.read_region(path.with_suffix(".kmz")).equals(BOX)
    with pytest.raises(ValueError, match="cannot be read as KML"):
        io.read_region(file(content[:-90], "cut.kml"))


def test_the_layers_of_a_geopackage_are_picked_by_name(maps, tmp_path):
    path = tmp_path / "maps.gpkg"
    for number, layer in enumerate(("basins", "countries")):
        shapes = [shapely.box(x, number, x + 1 + number, 3) for x in (0, 5)]
        maps.raw.write(
            path,
            shapely.to_wkb(shapes),
            [np.array(["a", "b"], object)],
            ["name"],
            layer=layer,
            geometry_type="Polygon",
            crs="EPSG:4326",
            driver="GPKG",
            append=number > 0,
        )
    assert io.read_region(path, "basins").area == 6
    assert io.read_region(path, "countries").area == 8
    message = (
        "several layers of outlines, basins, countries; name one, as 'maps.gpkg: b"
    )
    for read in (io.read_region, io.read_regions):
        with pytest.raises(ValueError, match=message):
            read(path)


@pytest.mark.usefixtures("maps")
def test_the_json_of_other_programs_is_read(file):
    esri = {
        "geometryType": "esriGeometryPolygon",
        "spatialReference": {"wkid": 4326},
        "features": [{"attributes": {"NAME": "x"}, "geometry": {"rings": [RING]}}],
    }
    topology = {
        "type": "Topology",
        "objects": {"x": {"type": "Polygon", "arcs": [[0]]}},
        "arcs": [RING],
    }
    for content in (esri, topology):
        path = file(json.dumps(content), "other.json")
        assert io.read_region(path, "X").equals(BOX)


@pytest.mark.usefixtures("maps")
def test_the_json_of_other_programs_is_known_by_what_stands_far_behind(file):
    names = ["NAME", *(f"FIELD_{n}" for n in range(500))]
    fields = [{"name": name, "type": "esriFieldTypeString"} for name in names]
    esri = {
        "displayFieldName": "NAME",
        "fields": fields,
        "spatialReference": {"wkid": 4326},
        "features": [{"attributes": {"NAME": "x"}, "geometry": {"rings": [RING]}}],
    }
    topology = {
        "bbox": [0.0] * 2000,
        "type": "Topology",
        "objects": {"x": {"type": "Polygon", "arcs": [[0]]}},
        "arcs": [RING],
    }
    for content in (esri, topology):
        text = json.dumps(content)
        markers = ('"rings"', '"Topology"', '"arcs"')
        assert min(text.find(x) for x in markers if x in text) > 8000
        assert io.read_region(file(text, "other.json"), "X").equals(BOX)
    # Properties may have those names too.
    feature = {
        "type": "Feature",
        "properties": {"rings": 3, "arcs": 1},
        "geometry": {"type": "Polygon", "coordinates": [RING]},
    }
    collection = {"type": "FeatureCollection", "features": [feature]}
    assert io.read_region(file(json.dumps(collection), "x.json")).equals(BOX)


# The files of the collection.

#: Area in lon and lat [square degrees] of what each encloses, None where it is refused.
AREAS = {
    "amazon_new.bln": 508.875,
    "crs_3857_small.geojson": 6.026,
    "csv_header.csv": 12,
    "empty.geojson": None,
    "esri.json": 12,
    "geometrycollection.geojson": 12,
    "geometrycollection_with_line.geojson": 12,
    "gmt_labels.txt": 10,
    "gmt_xyz.txt": 12,
    "google.kml": 12,
    "hybas.geojson": 24,
    "id_lon_lat.txt": 12,
    "linestring_closed.geojson": 12,
    "matlab_bln.bln": 12,
    "null_geometry.geojson": 12,
    "nybb/nybb.shp": 0.083,
    "open.bln": 12,
    "pole.geojson": 360 * 30,
    "polygon_and_stations.geojson": 12,
    "testpolygonswkt.txt": None,
    "topojson.json": 12,
    "two.bln": 10,
    "two_basins.dbf": None,
    "two_basins.shp": 10,
    "wkt_single.txt": 12,
    "wrap_180.geojson": 100,
    "yangtze.bln": 173.234,
    "NCP.bln": 14.045,
}


@pytest.mark.usefixtures("maps")
@pytest.mark.parametrize("name", AREAS)
def test_each_outline_of_the_collection_is_itself_or_refused(cases, name):
    pytest.importorskip("pyproj")
    path = cases / "grids" / "14_regions" / name
    if AREAS[name] is None:
        with pytest.raises(ValueError, match=path.name) as caught:
            io.read_region(path)
        assert "\n" not in str(caught.value)
    else:
        assert io.read_region(path).area == pytest.approx(AREAS[name], abs=1e-3)


@pytest.mark.usefixtures("maps")
def test_the_basin_of_a_name_has_four_square_degrees(cases):
    path = cases / "grids" / "14_regions" / "two_basins.shp"
    assert io.read_region(path, "SACRAMENTO").equals(shapely.box(-123, 38, -121, 40))
    labels = path.with_name("gmt_labels.txt")
    assert io.read_region(labels, "Sacramento").area == 4
