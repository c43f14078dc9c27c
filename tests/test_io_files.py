"""Files as people have them: packed, in folders of all sorts, badly named."""

import bz2
import gzip
import io as streams
import lzma
import shutil
import subprocess
import time
import tracemalloc
import zipfile

import numpy as np
import pytest
import xarray as xr

from jaxload import io
from jaxload.io.files import lzw
from jaxload.io.files.packed import read_content
from jaxload.io.files.paths import expand
from jaxload.io.gnss.search import find_files

UP = "20060101 0.950 2.700\n20060102 1.679 2.890\n20060104 -3.839 2.730\n"
PAGE = "<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>\n"


def zipped(**contents):
    packed = streams.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), content)
    return packed.getvalue()


def compressed(content, widest=16, clear_every=None):
    """What compress writes, by a coder of its own."""
    value, place, origin, width = 0, 24, 24, 9
    value |= 0x1F | 0x9D << 8 | (widest | 0x80) << 16

    def align():
        nonlocal place, origin
        place = origin = origin + -(-(place - origin) // (8 * width)) * 8 * width

    def write(code):
        nonlocal value, place, width, known
        value |= code << place
        place += width
        known += known < 1 << widest
        if known > 1 << width and width < widest:
            align()
            width += 1

    codes, known, word = {bytes([i]): i for i in range(256)}, 257, b""
    for number, byte in enumerate(content, 1):
        longer = word + bytes([byte])
        if longer in codes:
            word = longer
        else:
            write(codes[word])
            if 257 + len(codes) - 256 <= 1 << widest and len(codes) + 1 < 1 << widest:
                codes[longer] = len(codes) + 1
            word = longer[-1:]
        if clear_every and number % clear_every == 0:
            write(codes[word])
            write(256)
            align()
            width, known, word = 9, 257, b""
            codes = {bytes([i]): i for i in range(256)}
    if word:
        write(codes[word])
    return value.to_bytes((place + 7) // 8, "little")


PACKERS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zip": lambda content: zipped(abcd_up=content),
    ".Z": compressed,
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "sites.txt").write_text("ABCD 10 50\nWXYZ 11 51\n")
    (tmp_path / "abcd.up").write_text(UP)
    return tmp_path


def stations(gnss):
    return gnss.station.values.tolist()


@pytest.mark.parametrize("ending", PACKERS)
def test_a_packed_file_is_read_as_the_plain_one(folder, ending):
    plain = io.read_gnss(folder)
    (folder / "abcd.up").unlink()
    (folder / f"abcd.up{ending}").write_bytes(PACKERS[ending](UP.encode()))
    assert io.read_gnss(folder).identical(plain)
    assert io.read_gnss(folder / f"abcd.up{ending}").identical(plain)


@pytest.mark.parametrize("ending", PACKERS)
def test_every_reader_of_text_reads_packed_files(tmp_path, ending):
    packed = PACKERS[ending](b"ABCD 10 50\n")
    (tmp_path / f"sites.txt{ending}").write_bytes(packed)
    assert list(io.read_sites(tmp_path / f"sites.txt{ending}")) == ["ABCD"]


@pytest.mark.parametrize("widest", [10, 12, 16])
@pytest.mark.parametrize("letters", [1, 3, 256])
@pytest.mark.parametrize("clear_every", [None, 700])
def test_compress_is_undone_as_gzip_undoes_it(widest, letters, clear_every, rng):
    content = rng.integers(letters, size=9000, dtype=np.uint8).tobytes()
    packed = compressed(content, widest, clear_every)
    assert lzw.unpack(packed, 1 << 20) == content
    if shutil.which("gzip"):
        done = subprocess.run(["gzip", "-dc"], input=packed, capture_output=True)
        assert done.stdout == content


def test_one_repeated_letter_takes_no_more_memory_than_itself():
    packed = compressed(b"a" * 300_000)
    tracemalloc.start()
    assert len(lzw.unpack(packed, 1 << 30)) == 300_000
    assert tracemalloc.get_traced_memory()[1] < 1300_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (bz2.compress(UP.encode() * 99)[:-20], "bzip2 file cut short"),
        (b"BZh9" + bytes(40), "damaged bzip2 file"),
        (lzma.compress(UP.encode() * 99)[:-30], "xz file cut short"),
        (zipped(a_up=UP, b_up=UP)[:-30], "damaged zip file"),
        (zipped(a_up=UP, b_up=UP), r"archive of 2 files; name one.*x\.up/a\.up"),
        (zipped(xl__workbook_xml="<x/>"), "an Excel workbook; save it as csv"),
        (zipped(sub__=""), "archive of 0 files"),
        (b"\x1f\x9d\x90" + bytes([255] * 9), "damaged compress file"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(30), "packed by 7z; unpack it"),
        (PAGE.encode(), r"a web page \('404 Not Found'\) saved as data"),
        (gzip.compress(PAGE.encode(), mtime=0), r"a web page \('404 Not Found'\)"),
        (b"404: Not Found", r"a web page \('404: Not Found'\)"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "that of a PNG picture, expected a table"),
    ],
    # Archives hold the time of day: as names they would differ between processes.
    ids=lambda value: "file" if isinstance(value, bytes) else value,
)
def test_what_holds_no_text_is_refused_for_what_it_is(tmp_path, content, message):
    (tmp_path / "x.up").write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        io.read_sites(tmp_path / "x.up")
    assert "\n" not in str(caught.value)
    with pytest.raises((ValueError, FileNotFoundError)):
        io.read_gnss([tmp_path / "x.up"])


def test_what_unpacks_without_end_is_stopped_early(tmp_path):
    bomb = bz2.compress(bytes(40_000_000))
    assert len(bomb) < 1000
    (tmp_path / "x.up").write_bytes(bomb)
    tracemalloc.start()
    with pytest.raises(ValueError, match="unpacks to more than 16 MiB"):
        io.read_sites(tmp_path / "x.up")
    assert tracemalloc.get_traced_memory()[1] < 60_000_000
    tracemalloc.stop()


def test_text_that_packs_well_is_read_whole(tmp_path):
    lines = "ABCD 10 50 100\n" * 100_000
    (tmp_path / "x.gz").write_bytes(gzip.compress(lines.encode()))
    assert read_content(tmp_path / "x.gz") == lines.encode()


def test_each_file_of_an_archive_is_a_file(folder):
    (folder / "abcd.up").unlink()
    more = zipped(abcd_up=UP, sub__wxyz_up=UP, README="words", sites_txt="ABCD 12 52")
    (folder / "all.zip").write_bytes(more)
    for name in ("", "all.zip", "*.zip", "all.zip/*.up", "all.zip/**/*.up"):
        gnss = io.read_gnss(folder / name)
        assert stations(gnss) == ["ABCD", "WXYZ"], name
        # What stands in the archive is nearer to its series.
        assert gnss.lon.values.tolist() == [12, 11]
    assert stations(io.read_gnss(folder / "all.zip/sub/wxyz.up")) == ["WXYZ"]
    with pytest.raises(FileNotFoundError, match=r"nothing is called .*none\.up"):
        io.read_gnss(folder / "all.zip/none.up")
    with pytest.raises(FileNotFoundError, match=r"the archive holds abcd\.up"):
        io.read_sites(folder / "all.zip/none.up")


def test_a_gzipped_file_within_an_archive_is_unpacked_twice(folder):
    (folder / "abcd.up").unlink()
    inner = gzip.compress(UP.encode())
    (folder / "all.zip").write_bytes(zipped(abcd_up_gz=inner, wxyz_up_gz=inner))
    assert stations(io.read_gnss(folder)) == ["ABCD", "WXYZ"]


def logged(caplog):
    return [record.getMessage() for record in caplog.records]


def test_a_folder_says_in_one_line_a_kind_what_it_leaves_out(folder, caplog):
    for name in ("a.png", "b.png", "README", "c.json"):
        (folder / name).write_text("words\n")
    (folder / "x.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(30))
    (folder / "notes.txt.gz").write_bytes(gzip.compress(b"words\n"))
    (folder / "index.html").write_text(PAGE)
    (folder / ".hidden").write_text("words\n")
    (folder / "2019").mkdir()
    (folder / "2020").mkdir()
    assert stations(io.read_gnss(folder)) == ["ABCD"]
    assert logged(caplog) == [
        f"{folder}: left out 4 files of no known format (2 .png, 1 .json, README)",
        f"{folder}: left out 2 packed files that cannot be unpacked or hold no series "
        "(notes.txt.gz, x.7z)",
        f"{folder}: left out 1 web page saved as data (index.html); fetch the files "
        "again",
        f"{folder}: did not look into 2 subfolders (2019, 2020); name {folder}/** to "
        "read them too",
    ]


def test_a_folder_of_series_alone_says_nothing(folder, caplog):
    (folder / "steps.txt").write_text("ABCD 07JAN01 1 x\n")
    io.read_gnss(folder)
    assert logged(caplog) == []


def test_subfolders_are_read_as_the_message_says(folder, caplog):
    (folder / "2019").mkdir()
    (folder / "2019" / "wxyz.up").write_text(UP)
    (folder / "2019" / "README").write_text("words\n")
    assert stations(io.read_gnss(folder)) == ["ABCD"]
    assert stations(io.read_gnss(f"{folder}/**")) == ["WXYZ", "ABCD"]
    assert "left out 1 file of no known format (README)" in logged(caplog)[-1]
    shutil.move(folder / "abcd.up", folder / "2019")
    with pytest.raises(FileNotFoundError, match="did not look into 1 subfolder"):
        io.read_gnss(folder)


def test_web_pages_saved_as_series_are_called_so_once(folder, caplog):
    for number in range(120):
        (folder / f"s{number:03}.tenv3").write_text(PAGE)
    assert stations(io.read_gnss(folder)) == ["ABCD"]
    (line,) = logged(caplog)
    assert "s000.tenv3 line 1 is that of a web page ('404 Not Found') saved" in line
    assert "and 119 more files likewise: s001.tenv3, s002.tenv3, s003.tenv3" in line


def test_bad_files_of_one_kind_are_one_line_and_each_is_kept(folder, caplog):
    for name in ("b1.up", "b2.up", "b3.up"):
        (folder / name).write_text(UP + "20060105 x 1\n")
    (folder / "c.up").write_text("20060132 1 1\n")
    gnss = io.read_gnss(folder)
    lines = logged(caplog)
    assert len(lines) == 2
    assert "b1.up line 4: up is 'x'" in lines[0]
    assert "(and 2 more files likewise: b2.up, b3.up)" in lines[0]
    for name in ("b1.up", "b2.up", "b3.up", "c.up"):
        assert name in gnss.attrs["files_left_out"]


def test_brackets_in_the_name_of_a_folder_are_letters(tmp_path):
    for inner in ("set [a]", "[2020] x", "plain"):
        place = tmp_path / inner
        place.mkdir()
        (place / "abcd.up").write_text(UP)
        (place / "sites.txt").write_text("ABCD 10 50\n")
        assert stations(io.read_gnss(f"{place}/*.up")) == ["ABCD"]
        assert stations(io.read_gnss(place)) == ["ABCD"]
    (tmp_path / "plain" / "[1] abcd.up").write_text(UP)
    assert [p.name for p in expand(tmp_path / "plain" / "[1]*.up")] == ["[1] abcd.up"]


def test_signs_of_patterns_still_stand_for_parts_of_names(tmp_path):
    for name in ("a1.up", "a2.up", "a10.up", "b1.up", ".a3.up"):
        (tmp_path / name).write_text("")
    names = lambda pattern: [path.name for path in expand(tmp_path / pattern)]
    assert names("a[12].up") == ["a1.up", "a2.up"]
    assert names("a?.up") == ["a1.up", "a2.up"]
    assert names("a*.up") == ["a1.up", "a2.up", "a10.up"]
    assert names("**/b*.up") == ["b1.up"]


def test_the_home_folder_may_be_a_tilde(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    assert stations(io.read_gnss("~")) == ["ABCD"]
    assert stations(io.read_gnss("~/*.up")) == ["ABCD"]
    assert list(io.read_sites("~/sites.txt")) == ["ABCD", "WXYZ"]
    with pytest.raises(ValueError, match="names no user's folder"):
        io.read_gnss("~nobody-of-this-name/x")


def test_a_loop_of_links_ends(folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "loop").symlink_to(folder)
    assert [path.name for path in expand(folder / "**/*.up")] == ["abcd.up"]


def test_what_is_not_there_is_answered_by_near_names(folder):
    with pytest.raises(FileNotFoundError, match=r"nothing is .*holds abcd\.up, sites"):
        io.read_gnss(folder / "abce.up")
    with pytest.raises(
        FileNotFoundError, match=rf"{folder.parent} holds {folder.name}"
    ):
        io.read_gnss(folder.parent / (folder.name + "x") / "*.up")
    with pytest.raises(FileNotFoundError, match=r"does not exist.* holds sites\.txt"):
        io.read_sites(folder / "site.txt")
    (folder / "sub" / "a").mkdir(parents=True)
    with pytest.raises(ValueError, match="stands for 1 folders and no file; add /"):
        io.read_gnss(folder / "s*b")


@pytest.mark.parametrize(
    "word", ["a", "1", "-", ",", "a,", "1 ", "[1,2],", "_", "\t", "é"]
)
def test_ten_megabytes_without_an_end_of_line_take_less_than_two_seconds(folder, word):
    (folder / "abcd.up").unlink()
    for name in ("x.json", "x.up", "mb_x.dat1"):
        content = word * (10_000_000 // len(word.encode()))
        (folder / name).write_text(content, encoding="utf-8")
        start = time.process_time()
        with pytest.raises((ValueError, FileNotFoundError)) as caught:
            io.read_gnss(folder if name == "x.json" else folder / name)
        assert time.process_time() - start < 2, name
        assert len(str(caught.value)) < 1000
        (folder / name).unlink()


def test_a_file_of_no_known_format_is_not_read_whole(folder):
    with (folder / "big.bin").open("wb") as file:
        file.truncate(300_000_000)
    with (folder / "big.json").open("w") as file:
        file.write('{"a": [' + "1.5, " * 4_000_000)
    tracemalloc.start()
    assert stations(io.read_gnss(folder)) == ["ABCD"]
    with pytest.raises(ValueError, match="of no known format"):
        io.read_gnss(folder / "big.json")
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_a_long_series_is_known_by_its_beginning_and_read_to_its_end(folder):
    days = np.arange("1990-01-01", "2024-01-01", dtype="M8[D]").astype(str)
    lines = [f"{day.replace('-', '')} {i:8.3f} 1.000" for i, day in enumerate(days)]
    (folder / "abcd.txt").write_text("\n".join(lines))
    (folder / "abcd.up").unlink()
    assert (folder / "abcd.txt").stat().st_size > 1 << 18
    gnss = io.read_gnss(folder)
    assert gnss.sizes["time"] == len(days)
    assert gnss.up.values[-1, 0] == len(days) - 1


def test_files_of_several_folders_find_the_sites_of_each(tmp_path):
    for name, place in (("a", "AAAA 1 2\n"), ("b", "BBBB 3 4\n"), ("c", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name * 4}.up").write_text(UP)
        if place:
            (tmp_path / name / "sites.txt").write_text(place)
    (tmp_path / "sites.txt").write_text("CCCC 5 6\nAAAA 1 2\n")
    gnss = io.read_gnss(tmp_path / "**")
    assert gnss.lon.values.tolist() == [1, 3, 5]


def test_loads_of_stations_are_found_by_the_same_rules(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "[x]").mkdir()
    (tmp_path / "[x]" / "abcd.ntal.bz2").write_bytes(bz2.compress(b"20060101 1 2 3\n"))
    load = io.read_loading("~/[x]/*.ntal*", units="mm")
    assert load.up.values.tolist() == [[3]]


def test_find_files_lists_a_file_once(folder):
    assert [p.name for p in find_files([folder, folder / "abcd.up"])] == ["abcd.up"]


@pytest.mark.parametrize("read", [io.read_sites, io.read_offsets, io.read_region])
def test_a_single_file_may_be_named_by_a_pattern(tmp_path, read):
    content = {
        io.read_sites: "ABCD 10 50\n",
        io.read_offsets: "ABCD 07JAN01 1 x\n",
        io.read_region: "0 0\n1 0\n1 1\n",
    }[read]
    (tmp_path / "one_v2.txt").write_text(content)
    read(tmp_path / "one_*.txt")
    with pytest.raises(FileNotFoundError, match=r"nothing is .* holds one_v2\.txt"):
        read(tmp_path / "two_*.txt")
    with pytest.raises(ValueError, match=r"is a folder; name a file in it: .*one_v2"):
        read(tmp_path)


def test_two_files_are_not_one(tmp_path):
    for name in ("a1.txt", "a2.txt"):
        (tmp_path / name).write_text("ABCD 10 50\n")
    with pytest.raises(ValueError, match=r"stands for 2 files \(a1\.txt, a2\.txt\)"):
        io.read_sites(tmp_path / "a*.txt")


def test_grids_are_found_by_the_same_rules(tmp_path, monkeypatch):
    time = np.array(["2010-01-15", "2010-02-15"], "M8[ns]")
    for number, day in zip((2, 10), time):
        values = np.zeros((1, 3, 4))
        grid = xr.Dataset(
            {"lwe_thickness": (("time", "lat", "lon"), values, {"units": "cm"})},
            {"time": [day], "lat": [1.0, 2, 3], "lon": [5.0, 6, 7, 8]},
        )
        (tmp_path / "set [a]").mkdir(exist_ok=True)
        grid.to_netcdf(tmp_path / "set [a]" / f"g{number}.nc")
    monkeypatch.setenv("HOME", str(tmp_path))
    grid = io.read_grid("~/set [a]/g*.nc")
    assert (grid.time.values == time).all()
    with pytest.raises(FileNotFoundError, match=r"no file is .*holds g2\.nc, g10"):
        io.read_grid("~/set [a]/g3.nc")
    (tmp_path / "page.nc").write_text(PAGE)
    with pytest.raises(ValueError, match=r"page\.nc is a web page \('404 Not Found'\)"):
        io.read_grid("~/page.nc")


ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "cp1252")


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (gzip.compress(b"netCDF", mtime=0), "packed by gzip; unpack it"),
        (b"\x1f\x8b", "packed by gzip; unpack it"),
        (bz2.compress(b"netCDF"), "packed by bzip2; unpack it"),
        (b"GRIB\x00\x00\x00\x01", "GRIB; make netCDF of it"),
        (b"II*\x00\x08\x00", "a TIFF picture; make netCDF of it, as gdal_translate"),
        (b"\x0e\x03\x13\x01", "HDF4; make netCDF of it"),
        (b"version https://git-lfs", "a pointer of Git LFS"),
    ],
)
def test_what_stands_in_place_of_netcdf_is_called_by_name(tmp_path, start, what):
    path = tmp_path / "water.nc"
    path.write_bytes(start)
    with pytest.raises(ValueError, match=rf"water\.nc is {what}"):
        io.read_grid(path, "twsa")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_names_keep_their_accents_in_any_encoding(tmp_path, encoding, end):
    names = ("ZÜRI", "ZÖRI", "São João", "Größe")
    rows = ["station,date,lon,lat,up (mm),sigma up (mm)"]
    for place, name in enumerate(names):
        rows += [f"{name},2010-01-0{day},{place},47,{day}.5,3" for day in (1, 2, 3)]
    path = tmp_path / "all.csv"
    path.write_bytes(end.join([*rows, ""]).encode(encoding))
    gnss = io.read_gnss(path)
    assert gnss.station.values.tolist() == [name.upper() for name in names]
    np.testing.assert_array_equal(gnss.up, np.tile([[1.5], [2.5], [3.5]], 4))


def test_chinese_names_are_read_in_the_encoding_of_windows(tmp_path):
    names = ("\u6b66\u6c49\u7ad9", "\u6606\u660e\u7ad9")
    rows = ["station,date,lon,lat,up (mm),sigma up (mm)"]
    rows += [f"{name},2010-01-01,{n},30,1.5,3" for n, name in enumerate(names)]
    path = tmp_path / "all.csv"
    path.write_bytes("\n".join([*rows, ""]).encode("gb18030"))
    assert io.read_gnss(path).station.values.tolist() == list(names)


def test_a_letter_that_is_cut_where_a_file_is_known_changes_no_encoding(tmp_path):
    head = "station,date,lon,lat,up (mm),sigma up (mm)\n"
    row = "ZÜRI,{},8,47,1.5,3\n"
    days = np.arange("1999-01-01", "2009-01-01", dtype="M8[D]")
    text = (head + "".join(row.format(day) for day in days)).encode()
    # One of these beginnings ends within the letter.
    for pad in range(len(row) + 10):
        path = tmp_path / f"{pad}.csv"
        path.write_bytes(b"#" * pad + b"\n" + text)
        if (b"#" * pad + b"\n" + text)[: 1 << 16].endswith(b"\xc3"):
            assert io.read_gnss(path).station.values.tolist() == ["ZÜRI"]
            return
    raise AssertionError("no beginning ends within a letter")
