"""Files are fetched from a server here: resumed, retried, checked, refused."""

import contextlib
import hashlib
import http.server
import json
import pathlib
import subprocess
import sys
import threading
import time
import types

import pytest

from jaxload import cli, fetch
from jaxload.fetch import FetchOptions, RemoteFile, cache_lock, clients, hosts

pytest.importorskip("pooch")

CONTENT = bytes(range(256)) * 4000
SITES = """P123 36.5 -118.2 1000.0
P124 36.6 -240.0 1200.0
FAIR 64.9 -147.5 300.0
KIRI  1.4  173.0 30.0
"""


class Server(http.server.BaseHTTPRequestHandler):
    """Files from memory, with the faults that a test sets."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        """Write nothing."""

    def do_HEAD(self):
        self.do_GET(body=False)

    def do_GET(self, body=True):
        state = self.server.state
        state.asked.append((self.command, self.path, self.headers.get("Range")))
        content = state.files.get(self.path)
        code = state.codes.pop(0) if state.codes and body else 200
        if content is None or code != 200:
            self.send_response(404 if content is None else code)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        tag = '"' + hashlib.sha256(content).hexdigest()[:8] + '"'
        first = 0
        wanted = self.headers.get("Range")
        if wanted and self.headers.get("If-Range") == tag:
            first = int(wanted.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if first else 200)
        if first:
            span = f"bytes {first}-{len(content) - 1}/{len(content)}"
            self.send_header("Content-Range", span)
        self.send_header("ETag", tag)
        kind = "text/html; charset=utf-8" if b"<form>" in content else "text/plain"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        if body:
            stop = state.breaks.pop(0) if state.breaks else len(content)
            for place in range(first, stop, 1 << 18):
                self.wfile.write(content[place : min(place + (1 << 18), stop)])
                time.sleep(state.seconds)
            if stop < len(content):
                self.close_connection = True


@pytest.fixture(scope="module")
def running():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def server(running, monkeypatch):
    """What the server has, which faults it has, and what it was asked for."""
    state = types.SimpleNamespace(
        files={"/a.bin": CONTENT}, codes=[], breaks=[], asked=[], seconds=0.0
    )
    running.state = state
    state.url = f"http://127.0.0.1:{running.server_address[1]}"
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    for name, host in hosts.HOSTS.items():
        moved = hosts.Host(host.centre, state.url, host.page, host.login)
        monkeypatch.setitem(hosts.HOSTS, name, moved)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    return state


def get(server, folder, name="a.bin", sha256="", **options):
    file = RemoteFile(f"{server.url}/{name}", f"data/{name}", sha256)
    settings = FetchOptions(cache=str(folder / "cache"), **options)
    return fetch.fetch_files([file], folder / "out", settings, lambda *_: None)


def lock(folder):
    return json.loads((folder / "out" / fetch.LOCK_FILE).read_text())["files"]


def bodies(server):
    return [asked for asked in server.asked if asked[0] == "GET"]


def test_a_file_comes_whole_and_is_noted_with_its_checksum(server, tmp_path):
    (path,) = get(server, tmp_path)
    assert path.read_bytes() == CONTENT
    entry = lock(tmp_path)["data/a.bin"]
    assert entry["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert entry["size"] == len(CONTENT)
    assert entry["url"] == f"{server.url}/a.bin"
    # A second time nothing is downloaded.
    get(server, tmp_path)
    assert len(bodies(server)) == 1
    assert "all 1 files (1.0 MB)" in fetch.verify(tmp_path / "out")[0]


def test_a_transfer_that_breaks_off_goes_on_where_it_stopped(server, tmp_path):
    server.breaks = [300_000, 700_000]
    (path,) = get(server, tmp_path)
    assert path.read_bytes() == CONTENT
    asked = [span for _, _, span in bodies(server)]
    # By whole blocks of 256 KiB.
    assert asked == [None, "bytes=262144-", "bytes=524288-"]
    assert not list(tmp_path.rglob("*.part*"))


def test_another_run_goes_on_with_a_transfer_that_broke_off(server, tmp_path):
    server.breaks = [500_000]
    with pytest.raises(OSError, match="the transfer broke off"):
        get(server, tmp_path, retries=0)
    assert not (tmp_path / "out" / "data" / "a.bin").exists()
    (path,) = get(server, tmp_path, retries=0)
    assert path.read_bytes() == CONTENT
    assert bodies(server)[-1][2] == "bytes=262144-"


def test_nothing_is_taken_of_a_version_that_has_gone(server, tmp_path):
    server.breaks = [500_000]
    with pytest.raises(OSError, match="broke off"):
        get(server, tmp_path, retries=0)
    server.files["/a.bin"] = CONTENT[::-1]
    (path,) = get(server, tmp_path, retries=0)
    assert path.read_bytes() == CONTENT[::-1]


def test_a_server_that_is_busy_is_tried_again(server, tmp_path):
    server.codes = [503, 503]
    get(server, tmp_path, retries=2)
    assert len(bodies(server)) == 3
    server.codes, server.files["/b.bin"] = [503, 503], b"b"
    with pytest.raises(OSError, match=r"answers 503 to .*b\.bin; try again later"):
        get(server, tmp_path, "b.bin", retries=1)


def test_a_file_that_is_not_there_is_asked_for_once(server, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.bin is not there \(404\)"):
        get(server, tmp_path, "none.bin", retries=3)
    assert len(server.asked) == 1


def test_a_form_to_log_in_is_no_file(server, tmp_path):
    server.files["/b.bin"] = b"<html><form>who are you?</form></html>"
    with pytest.raises(PermissionError, match="a web page in place of the file"):
        get(server, tmp_path, "b.bin")
    assert len(server.asked) == 1
    assert not (tmp_path / "out" / "data" / "b.bin").exists()


def test_a_wrong_checksum_leaves_no_file(server, tmp_path):
    with pytest.raises(ValueError, match="has not the published checksum"):
        get(server, tmp_path, sha256="0" * 64, retries=1)
    assert len(bodies(server)) == 2
    assert not (tmp_path / "out" / "data" / "a.bin").exists()


def test_a_file_that_changed_at_its_centre_is_taken_only_as_an_update(server, tmp_path):
    (path,) = get(server, tmp_path)
    path.unlink()
    for kept in (tmp_path / "cache").iterdir():
        kept.unlink()
    server.files["/a.bin"] = b"new"
    with pytest.raises(ValueError, match=r"has changed since fetch\.lock\.json"):
        get(server, tmp_path, retries=0)
    (path,) = get(server, tmp_path, update=True)
    assert path.read_bytes() == b"new"
    assert lock(tmp_path)["data/a.bin"]["size"] == 3


def test_the_cache_gives_back_what_a_folder_lost_without_the_network(server, tmp_path):
    (path,) = get(server, tmp_path)
    path.unlink()
    get(server, tmp_path)
    assert path.read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_files_of_others_and_changed_ones_are_not_replaced(server, tmp_path):
    (tmp_path / "out" / "data").mkdir(parents=True)
    (tmp_path / "out" / "data" / "a.bin").write_bytes(b"mine")
    with pytest.raises(ValueError, match="is there already and was not fetched"):
        get(server, tmp_path)
    (tmp_path / "out" / "data" / "a.bin").unlink()
    (path,) = get(server, tmp_path)
    path.write_bytes(b"mine")
    with pytest.raises(ValueError, match=r"already and differs from fetch\.lock"):
        get(server, tmp_path)
    with pytest.raises(ValueError, match=r"1 of 1 files are not those of .*differs"):
        fetch.verify(tmp_path / "out")
    with pytest.raises(ValueError, match="--offline downloads nothing"):
        get(server, tmp_path, offline=True)


@pytest.mark.parametrize("content", ["{", "[]", '{"files": {}}', "null"])
def test_a_lock_file_that_is_none_is_refused(tmp_path, content):
    (tmp_path / fetch.LOCK_FILE).write_text(content)
    with pytest.raises(ValueError, match="is no lock file of jaxload fetch"):
        fetch.verify(tmp_path)


def test_a_lock_file_cannot_name_files_elsewhere(server, tmp_path):
    get(server, tmp_path)
    path = tmp_path / "out" / fetch.LOCK_FILE
    path.write_text(path.read_text().replace("data/a.bin", "../../a.bin"))
    with pytest.raises(ValueError, match="is no lock file"):
        fetch.verify(tmp_path / "out")


def run(tmp_path, *words):
    """The command line, with a cache of its own."""
    more = ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    return cli.main(["fetch", *words, *more])


def serve_stations(server):
    server.files |= {
        "/NGLStationPages/llh.out": SITES.encode(),
        "/NGLStationPages/steps.txt": b"P123  11JAN31  1  Antenna_Changed\n",
        "/gps_timeseries/IGS20/tenv3/IGS20/P123.tenv3": b"series of P123\n",
        "/gps_timeseries/IGS20/tenv3/IGS20/P124.tenv3": b"series of P124\n",
    }


def test_stations_of_a_box_are_fetched_and_had_again_offline(server, tmp_path, capsys):
    serve_stations(server)
    words = ["stations", "--box=115,36,-118,37"]
    assert run(tmp_path, *words) == 0
    names = sorted(path.name for path in (tmp_path / "out").rglob("*.tenv3"))
    # P124 stands at 120 degrees east, written as -240; P123 at 118.2 west.
    assert names == ["P123.tenv3", "P124.tenv3"]
    assert "4 files" in capsys.readouterr().out
    server.files.clear()
    asked = len(server.asked)
    assert run(tmp_path, *words, "--offline") == 0
    assert cli.main(["fetch", "verify", str(tmp_path / "out")]) == 0
    assert len(server.asked) == asked


def test_stations_are_as_many_as_their_names_say(server, tmp_path):
    names = [f"S{number:03d}" for number in range(60)]
    served = {f"/gps_timeseries/IGS20/tenv3/IGS20/{name}.tenv3": b"x" for name in names}
    serve_stations(server)
    server.files |= served
    assert run(tmp_path, "stations", "--names", ",".join(names)) == 0
    assert len(list((tmp_path / "out").rglob("*.tenv3"))) == 60


def test_a_station_without_a_series_does_not_keep_others_back(server, tmp_path, capsys):
    serve_stations(server)
    del server.files["/gps_timeseries/IGS20/tenv3/IGS20/P123.tenv3"]
    assert run(tmp_path, "stations", "--box=115,36,-118,37") == 2
    err = " ".join(capsys.readouterr().err.split())
    assert "1 of 4 files are not at their centre, the others are fetched" in err
    assert "P123.tenv3 is not there (404)" in err
    names = [path.name for path in (tmp_path / "out").rglob("*.tenv3")]
    assert names == ["P124.tenv3"]
    assert cli.main(["fetch", "verify", str(tmp_path / "out")]) == 0


def test_a_server_that_answers_nonsense_is_not_asked_for_ever(server, tmp_path):
    server.codes = [416] * 50
    with pytest.raises(OSError, match="answers 416"):
        get(server, tmp_path, retries=1)
    assert len(bodies(server)) == 2


@pytest.mark.parametrize("offline", [[], ["--offline"]])
def test_a_file_of_the_same_name_is_not_taken_for_another(
    server, tmp_path, capsys, offline
):
    """Years of a load, boxes of weather and frames of series share names of files."""
    (tmp_path / "sites.txt").write_text("P123 -118.2 36.5\n")

    def series(year, *more):
        for load in ("NTAL", "NTOL"):
            places = {"P123": (-118.2, 36.5)}
            days = (f"{year}-01-01", f"{year}-12-31")
            (file,) = fetch.load_files(places, [load], days)
            server.files[file.url.removeprefix(server.url)] = f"{year}".encode()
        sites = ["--sites", str(tmp_path / "sites.txt")]
        span = ["--start", f"{year}-01-01", "--end", f"{year}-12-31"]
        return run(tmp_path, "loads", *sites, *span, *more)

    path = tmp_path / "out" / "loads" / "NTAL.P123.csv"
    assert series(2015) == 0
    assert path.read_text() == "2015"
    assert series(2016, *offline) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert "loads/NTAL.P123.csv is in fetch.lock.json from" in err
    assert "let --update replace it" in err
    assert series(2016, "--update") == 0
    assert path.read_text() == "2016"


@pytest.mark.parametrize(
    ("box", "names"),
    [
        ((-180, -90, 180, 90), ["FAIR", "KIRI", "P123", "P124"]),
        ((170, 0, -140, 70), ["FAIR", "KIRI"]),
        ((-148, 64, -147, 65), ["FAIR"]),
    ],
)
def test_boxes_may_cross_the_date_line_or_hold_the_globe(box, names):
    assert fetch.stations_in(SITES, box) == names


def test_a_dry_run_lists_addresses_and_sizes_and_writes_nothing(
    server, tmp_path, capsys
):
    serve_stations(server)
    assert run(tmp_path, "stations", "--names", "p123", "--dry-run") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("gnss/P123.tenv3: 0.0 MB, http://127.0.0.1")
    assert lines[-1].startswith("2 files")
    assert run(tmp_path, "stations", "--box=-119,36,-118,37", "--dry-run") == 0
    assert list(tmp_path.iterdir()) == []
    assert {way for way, path, _ in server.asked if "tenv3" in path} == {"HEAD"}


def between(first, last):
    return ["--start", first, "--end", last]


WRONG = {
    "no station": (["stations", "--names", "P1"], "'P1' is no name of a station"),
    "neither": (["stations"], "name stations by --names, or a region by --box"),
    "box": (["stations", "--box=1,2,3"], "expected west,south,east,north"),
    "upside down": (["stations", "--box=1,3,2,2"], "expected south below north"),
    "empty box": (["stations", "--box=0,0,1,1"], "none of 4 stations stands between"),
    "level": (["basins", "--continent", "as", "--level", "13"], "expected 1 to 12"),
    "no days": (["era5", "--variable", "pressure"], "use --start and --end"),
    "weather before it began": (
        ["era5", "--variable", "pressure", *between("1939-12-01", "1940-01-31")],
        "--start is 1939-12-01, but data of ERA5 begin on 1940-01-01",
    ),
    "weather to come": (
        ["era5", "--variable", "pressure", *between("2020-01-01", "2999-01-31")],
        "--end is 2999-01-31, which is in the future; use --end 20",
    ),
    "fields of no day": (
        ["level2", *between("2020-02-30", "2020-03-31")],
        "the days are '2020-02-30' and '2020-03-31', expected first and last",
    ),
    "fields backwards": (
        ["level2", *between("2020-03-31", "2020-02-01")],
        "--end 2020-02-01 is before --start 2020-03-31",
    ),
    "fields before GRACE": (
        ["level2", *between("1999-01-01", "2001-12-31")],
        "--end is 2001-12-31, but fields of GRACE begin on 2002-04-04",
    ),
    "fields to come": (
        ["level2", *between("2999-01-01", "2999-12-31")],
        "--start is 2999-01-01, which is in the future",
    ),
    "water before it began": (
        ["gldas", *between("1990-01-01", "1990-01-02")],
        "--end is 1990-01-02, but files of GLDAS-2.2 begin on 2003-02-01",
    ),
    "days": (
        ["gldas", "--start", "2020-02-01", "--end", "2020-01-01"],
        "--end 2020-01-01 is before --start 2020-02-01",
    ),
    "404": (["basins", "--continent", "as"], "is not there (404)"),
    "offline": (["basins", "--continent", "as", "--offline"], "downloads nothing"),
    "page": (["mascons", "--centre", "gsfc"], "is not there (404)"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_fetched_is_one_sentence(server, tmp_path, capsys, case):
    serve_stations(server)
    words, message = WRONG[case]
    assert run(tmp_path, *words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert message in " ".join(captured.err.split())
    assert captured.err.count("\n") == 1


@pytest.mark.usefixtures("server")
def test_without_a_network_there_is_one_sentence(tmp_path, capsys, monkeypatch):
    host = hosts.HOSTS["hydrosheds"]
    away = hosts.Host(host.centre, "http://127.0.0.1:9", host.page)
    monkeypatch.setitem(hosts.HOSTS, "hydrosheds", away)
    words = ["basins", "--continent", "na", "--retries", "1"]
    for more in ([], ["--dry-run"]):
        assert run(tmp_path, *words, *more) == 2
        err = capsys.readouterr().err
        assert "127.0.0.1:9 cannot be reached" in err
        assert err.count("\n") == 1


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("library", "words"),
    [
        ("earthaccess", ["gldas", "--start", "2020-01-01", "--end", "2020-01-02"]),
        ("cdsapi", ["era5", "--variable", "pressure", "--start", "2020-01-01"]),
    ],
)
def test_a_client_that_is_missing_is_named(
    tmp_path, capsys, monkeypatch, library, words
):
    monkeypatch.setitem(sys.modules, library, None)
    words = words if "--end" in words else [*words, "--end", "2020-01-31"]
    assert run(tmp_path, *words) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert f"for which jaxload uses {library}: install jaxload[" in err


def earthdata(monkeypatch, links):
    """A stand-in for the client of NASA, whose files the server here has."""
    import requests

    found = []

    def search(**what):
        found.append(what)
        granule = types.SimpleNamespace(data_links=lambda access: links[access])
        return [granule] if links else []

    client = types.SimpleNamespace(
        search_data=search,
        login=lambda: types.SimpleNamespace(authenticated=True),
        get_requests_https_session=requests.Session,
    )
    monkeypatch.setitem(sys.modules, "earthaccess", client)
    return found


def test_coefficients_are_searched_for_in_both_missions(server, tmp_path, monkeypatch):
    names = ("GSM-2_2020001-2020031_GRFO_UTCSR_BA01_0603.gz", "GAD-2_x_BC01_0603.gz")
    links = [f"{server.url}/{name}" for name in names]
    found = earthdata(monkeypatch, {"external": links})
    server.files |= {f"/{name}": b"coefficients" for name in names}
    server.files["/TN-13_GEOC_CSR_RL0603.txt"] = b"degree 1"
    server.files["/TN-14_C30_C20_GSFC_SLR.txt"] = b"degree 2"
    words = ["level2", "--start", "2020-01-01", "--end", "2020-01-31"]
    assert run(tmp_path, *words) == 0
    assert [what["short_name"] for what in found] == [
        "GRACE_GSM_L2_GRAV_CSR_RL06",
        "GRACEFO_L2_CSR_MONTHLY_0063",
    ]
    assert found[0]["temporal"] == ("2020-01-01", "2020-01-31")
    files = sorted(
        path.name for path in (tmp_path / "out").rglob("*") if path.is_file()
    )
    assert names[0] in files
    assert names[1] not in files
    assert "TN-14_C30_C20_GSFC_SLR.txt" in files
    # Offline, the lock file says what belongs to it.
    server.files.clear()
    assert run(tmp_path, *words, "--offline") == 0


@pytest.mark.usefixtures("server")
def test_nothing_at_nasa_is_one_sentence(tmp_path, monkeypatch, capsys):
    earthdata(monkeypatch, {})
    words = ["gldas", "--start", "2010-01-01", "--end", "2010-01-02"]
    assert run(tmp_path, *words) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert "has no file of GLDAS_CLSM025_DA1_D from 2010-01-01 to 2010-01-02" in err


@pytest.mark.usefixtures("server")
def test_weather_is_requested_month_by_month(tmp_path, monkeypatch):
    made = []

    class Client:
        def __init__(self, quiet):
            assert quiet

        def retrieve(self, dataset, request, target):
            made.append((dataset, request))
            pathlib.Path(target).write_bytes(b"CDF")

    monkeypatch.setitem(sys.modules, "cdsapi", types.SimpleNamespace(Client=Client))
    days = ["--start", "2019-12-30", "--end", "2020-02-02"]
    box = "--box=-125,30,-110,50"
    words = ["era5", "--variable", "temperature", *days, box]
    assert run(tmp_path, *words) == 0
    assert [(r["year"], r["month"], r["day"]) for _, r in made] == [
        ("2019", ["12"], ["30", "31"]),
        ("2020", ["01"], [f"{day:02d}" for day in range(1, 32)]),
        ("2020", ["02"], ["01", "02"]),
    ]
    assert made[0][1]["area"] == [50, -125, 30, -110]
    assert made[0][1]["variable"] == ["2m_temperature"]
    names = [path.name for path in sorted((tmp_path / "out" / "era5").iterdir())]
    assert names[0] == "temperature_2019_12.nc"
    assert run(tmp_path, *words) == 0
    assert len(made) == 3
    # Of another box is another file.
    assert run(tmp_path, *words[:-1], "--box=-120,30,-110,50") == 2
    assert len(made) == 3


@pytest.mark.usefixtures("server")
def test_a_refused_request_is_one_sentence(tmp_path, monkeypatch, capsys):
    class Client:
        def __init__(self, **_):
            raise RuntimeError("Missing/incomplete configuration file: ~/.cdsapirc")

    monkeypatch.setitem(sys.modules, "cdsapi", types.SimpleNamespace(Client=Client))
    days = ["--start", "2020-01-01", "--end", "2020-01-02"]
    assert run(tmp_path, "era5", "--variable", "pressure", *days) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert "request to the Climate Data Store failed (Missing/incomplete" in err


def test_the_newest_mascons_of_goddard_are_those_that_its_page_links(server, tmp_path):
    files = [
        f"gsfc.glb_.200204_{last}_rl06v2.0_obp-ice6gd_halfdegree.nc"
        for last in ("202401", "202603", "202512")
    ]
    links = " ".join(
        f'<a href="/sites/default/files/geo/{name}">x</a>' for name in files
    )
    server.files["/geo/data/grace-mascons"] = links.encode()
    server.files[f"/sites/default/files/geo/{files[1]}"] = b"water"
    assert run(tmp_path, "mascons", "--centre", "gsfc") == 0
    path = tmp_path / "out" / "grace" / "mascons_gsfc.nc"
    assert path.read_bytes() == b"water"


def test_loads_are_asked_for_at_each_station(server, tmp_path):
    (tmp_path / "sites.txt").write_text("P123 -118.2 36.5\nP124 -119 36.6\n")
    words = ["loads", "--sites", str(tmp_path / "sites.txt"), "--names", "p123"]
    days = ["--start", "2015-01-01", "--end", "2015-12-31"]
    with contextlib.suppress(SystemExit):
        run(tmp_path, *words, *days, "--load", "NTAL")
    (_, path, _) = server.asked[0]
    assert path.startswith(
        "/repository/entry/show/Home/Elastic+Surface+Loading/NTAL/CF/2000-now?"
    )
    for part in ("location.latitude=36.5000", "location.longitude=-118.2000"):
        assert part in path
    assert "fromdate=2015-01-01%2000%3A00%3A00%20UTC" in path


@pytest.mark.parametrize(
    ("days", "message"),
    [
        (("2015-02-01", "2015-01-01"), "--end 2015-01-01 is before --start 2015-02-01"),
        (("1999-01-01", "2001-01-01"), "loads of ESMGFZ begin on 2000-01-01"),
        (("yesterday", "2015-01-01"), "the days are 'yesterday' and '2015-01-01'"),
        (("2015-01-01", "2999-01-01"), "--end is 2999-01-01, which is in the future"),
        (("2015-01-01", ""), "loads need --start and --end"),
    ],
)
def test_days_of_loads_are_checked_before_anything_is_asked_for(days, message):
    with pytest.raises(ValueError, match=message):
        fetch.load_files({"P123": (-118.2, 36.5)}, ["NTAL"], days)


def test_a_search_from_a_day_on_needs_no_last_day(monkeypatch):
    found = earthdata(monkeypatch, {"external": ["http://x/GSM-2_a_BA01_0603.gz"]})
    fetch.level2_files("csr", ("20200101", ""))
    assert found[0]["temporal"] == ("2020-01-01", "")


TOGETHER = """
import sys
from jaxload import fetch
file = fetch.RemoteFile(sys.argv[1], "data/a.bin")
fetch.fetch_files(
    [file], sys.argv[2], fetch.FetchOptions(cache=sys.argv[3]), lambda *_: None
)
"""


@pytest.mark.slow
def test_two_processes_fetch_one_address_into_one_cache(server, tmp_path):
    # Each block waits, so that both are amid the transfer together.
    server.seconds = 0.5
    words = [sys.executable, "-c", TOGETHER, f"{server.url}/a.bin"]
    folders = [tmp_path / name for name in ("one", "two", "three")]
    running = [
        subprocess.Popen([*words, str(folder), str(tmp_path / "cache")])
        for folder in folders
    ]
    assert [process.wait() for process in running] == [0, 0, 0]
    for folder in folders:
        assert (folder / "data" / "a.bin").read_bytes() == CONTENT
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.read_bytes() == CONTENT


def test_whoever_wants_a_file_that_is_held_waits_for_it(tmp_path, caplog):
    kept, order = tmp_path / "digest-a.bin", []

    def work(name):
        with cache_lock.held_in_cache(kept):
            order.append(f"{name} begins")
            if name == "first":
                inside.set()
                release.wait(10)
            order.append(f"{name} ends")

    inside, release = threading.Event(), threading.Event()
    first, second = (
        threading.Thread(target=work, args=(name,)) for name in ("first", "second")
    )
    first.start()
    assert inside.wait(10)
    second.start()
    while "another process downloads a.bin" not in caplog.text:
        assert second.is_alive()
    release.set()
    for thread in (first, second):
        thread.join()
    assert order == ["first begins", "first ends", "second begins", "second ends"]
    assert list(tmp_path.iterdir()) == []


def test_no_other_command_downloads_and_addresses_are_in_one_module():
    root = pathlib.Path(fetch.__file__).parents[1]
    for path in root.rglob("*.py"):
        text = path.read_text()
        if path.parent.name != "fetch":
            assert "import requests" not in text, path
            assert "import pooch" not in text, path
            assert "urlopen" not in text, path
        elif path.name != "hosts.py":
            assert "http://" not in text, path
            assert "https://" not in text, path


def test_what_the_command_line_offers_is_what_there_is():
    from jaxload import _fetch_commands as commands
    from jaxload.fetch import satellites

    assert commands.LOADS == fetch.LOADS
    assert tuple(fetch.OUTLINE_LAYERS) == commands.LAYERS
    assert tuple(fetch.CONTINENTS) == commands.CONTINENTS
    assert tuple(fetch.ERA5_VARIABLES) == commands.WEATHER
    assert tuple(satellites.LEVEL2) == commands.LEVEL2
    assert clients.HOSTS is hosts.HOSTS
