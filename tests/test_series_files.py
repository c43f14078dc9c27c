"""What messages on files of series ask for can be written in a study file."""

import numpy as np
import pytest

from jaxload import config, io
from jaxload.pipeline.inputs.observations import read_observations

DAYS = ["2012-02-28", "2012-02-29", "2012-03-01"]
UP = [1.5, -2.0, 3.25]


@pytest.fixture
def study(tmp_path):
    (tmp_path / "sites.txt").write_text("ABCD 10 50\nEFGH 11 51\nIJKL 12 52\n")

    def study(gnss, **files):
        for name, content in files.items():
            (tmp_path / name.replace("__", ".")).write_text(content)
        path = tmp_path / "study.toml"
        path.write_text(f'{gnss}\n[region]\nboundary = "r.txt"\n')
        return config.read_study(path)

    return study


def heights(gnss, station="ABCD"):
    up = gnss.up.sel(station=station).dropna("time")
    return dict(zip(up.time.values.astype("M8[D]").astype(str), up.values.tolist()))


def german(header="Tag;Hebung\n", tail=""):
    rows = [
        f"{d[8:]}.{d[5:7]}.{d[:4]};" + f"{u}\n".replace(".", ",")
        for d, u in zip(DAYS, UP)
    ]
    return header + "".join(rows) + tail


def test_columns_of_a_table_are_named_in_the_study(study):
    gnss = """[gnss]
files = "abcd.csv"
units = "cm"
missing_sigma = 2.0
columns = { time = "Tag", up = "Hebung", decimal = ",", footer = 1 }"""
    one = study(gnss, abcd__csv=german(tail="Ende;\n"))
    expected = {day: 10 * up for day, up in zip(DAYS, UP)}
    assert heights(read_observations(one)) == expected
    np.testing.assert_array_equal(read_observations(one).up_sigma[:, 0], [2, 2, 2])


@pytest.mark.parametrize(
    "gnss",
    [
        """[gnss]
files = ["abcd.up", { files = "efgh.csv", units = "cm", missing_sigma = 2.0, \
columns = { time = 0, up = 1, decimal = ",", skip = 1 } }]""",
        """[gnss]
missing_sigma = 2.0
[[gnss.files]]
files = ["abcd.up"]
[[gnss.files]]
files = "efgh.csv"
units = "cm"
[gnss.files.columns]
time = "Tag"
time_format = "%d.%m.%Y"
up = "Hebung"
decimal = ","
""",
    ],
    ids=["inline", "tables"],
)
def test_files_of_several_kinds_have_an_entry_each(study, gnss):
    rows = "".join(f"{d.replace('-', '')} {u} 3\n" for d, u in zip(DAYS, UP))
    one = study(gnss, abcd__up=rows, efgh__csv=german())
    found = read_observations(one)
    assert heights(found) == dict(zip(DAYS, UP))
    assert heights(found, "EFGH") == {d: 10 * u for d, u in zip(DAYS, UP)}
    np.testing.assert_array_equal(found.up_sigma[0], [3, 2])
    again = config.to_toml(one)
    (one.path("again.toml")).write_text(again)
    assert config.read_study(one.path("again.toml")) == one


def test_a_later_entry_says_how_an_exception_in_a_folder_is_read(study):
    rows = "".join(f"{d.replace('-', '')} {u} 3\n" for d, u in zip(DAYS, UP))
    metres = "".join(
        f"{d.replace('-', '')} {1e-3 * u} .003\n" for d, u in zip(DAYS, UP)
    )
    gnss = '[gnss]\nfiles = ["*.up", { files = "efgh.up", units = "m" }]'
    found = read_observations(study(gnss, abcd__up=rows, efgh__up=metres))
    assert heights(found) == dict(zip(DAYS, UP))
    assert heights(found, "EFGH") == pytest.approx(dict(zip(DAYS, UP)))


def test_time_in_two_columns_and_several_stations_in_one_table(study):
    rows = "".join(
        f"{s} 2012 {59 + i} {u} 4\n" for s in ("abcd", "ijkl") for i, u in enumerate(UP)
    )
    gnss = """[gnss]
files = "all.txt"
units = "mm"
columns = { time = ["Y", "D"], time_format = "%Y %j", up = "h", up_sigma = "sh", \
station = "who" }"""
    found = read_observations(study(gnss, all__txt="who Y D h sh\n" + rows))
    for station in ("ABCD", "IJKL"):
        assert heights(found, station) == dict(zip(DAYS, UP))


def test_a_place_may_stand_in_the_columns_of_a_table(study):
    rows = "".join(f"{d},{u},4,-70.5,-33.25\n" for d, u in zip(DAYS, UP))
    gnss = """[gnss]
files = "qrst.csv"
units = "mm"
columns = { up = 1, up_sigma = 2, lon = 3, lat = 4 }"""
    found = read_observations(study(gnss, qrst__csv=rows))
    assert (found.lon.item(), found.lat.item()) == (-70.5, -33.25)


REMEDIES = {
    "units": (
        "time,up,err\n2012-02-28,1.5,4\n",
        "say them by units, as units",
        'units = "mm"',
    ),
    "standard errors": (
        "time,up (mm)\n2012-02-28,1.5\n",
        "missing_sigma",
        "missing_sigma = 3",
    ),
    "rows of one day": (
        "time,up (mm),err\n2012-02-28,1.5,4\n2012-02-28,9,4\n",
        'set same_day = "mean"',
        'same_day = "first"',
    ),
    "decimal years": (
        "time,up (mm),err\n2012.161644,1.5,4\n2012.164384,2,4\n2012.167123,2,4\n",
        "set time_format",
        'time_format = "doy/365"',
    ),
    "an unknown table": (
        "a b c\n2012-02-28 1.5 4\n",
        r"columns = \{ time = 0, up = 1, up_sigma = 2",
        'units = "mm"\ncolumns = { time = 0, up = 1, up_sigma = 2, skip = 1 }',
    ),
}


@pytest.mark.parametrize("name", REMEDIES)
def test_the_remedy_of_a_message_works_in_the_study(study, name):
    content, message, remedy = REMEDIES[name]
    with pytest.raises(ValueError, match=message) as caught:
        read_observations(study('[gnss]\nfiles = "abcd.csv"', abcd__csv=content))
    assert "\n" not in str(caught.value)
    found = read_observations(study(f'[gnss]\nfiles = "abcd.csv"\n{remedy}'))
    assert heights(found)["2012-02-28"] == 1.5


REFUSED = {
    "a slip in a column": (
        'files = "x"\nunits = "mm"\ncolumns = { tme = 0, up = 1 }',
        "gnss.columns.tme is not a known setting; did you mean time",
    ),
    "no vertical": (
        'files = "x"\ncolumns = { time = 0 }',
        "gnss.columns.up is missing",
    ),
    "no units": (
        'files = "x"\ncolumns = { up = 1 }',
        "gnss.columns of x have no units; say them by units",
    ),
    "two formats": (
        'files = [{ files = "x", format = "pos", columns = { up = 1 } }]',
        r'gnss.files\[0\].format is "pos", but columns describe another',
    ),
    "an entry without files": (
        'files = ["x", { units = "mm" }]',
        r"gnss.files\[1\].files is missing",
    ),
    "a rule": ('files = "x"\nsame_day = "avg"', "gnss.same_day is 'avg', expected"),
    "a column of another type": (
        'files = "x"\ncolumns = { up = 1.5 }',
        r"gnss.columns.up is 1.5, expected text or a whole number",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_study_says_wrongly_of_its_files_is_named(study, name):
    gnss, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        study(f"[gnss]\n{gnss}")


def test_an_unknown_way_to_write_time_is_named_with_those_that_are_known(study):
    one = study('[gnss]\nfiles = "x"\ntime_format = "julian"')
    with pytest.raises(
        ValueError, match=r"gnss.time_format is 'julian', .*julian_year"
    ):
        read_observations(one)


def test_python_takes_files_of_several_kinds_too(tmp_path):
    (tmp_path / "sites.txt").write_text("ABCD 10 50\nEFGH 11 51\n")
    (tmp_path / "abcd.up").write_text("20120228 1.5 4\n")
    (tmp_path / "efgh_2.mom").write_text("55985.0 2.5\n")
    other = io.GnssFiles(tmp_path / "efgh_2.mom", io.Reading(sigma=3.0))
    gnss = io.read_gnss([tmp_path / "abcd.up", other])
    assert gnss.station.values.tolist() == ["ABCD", "EFGH"]
    np.testing.assert_array_equal(gnss.up, [[1.5, 2.5]])
