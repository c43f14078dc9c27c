"""Study files are checked key by key, and survive a round trip."""

import dataclasses
import re
import tomllib

import pytest
from hypothesis import given, strategies

from jaxload import cli, config, studies

GOOD = """
title = "a \\"quoted\\" \\\\study\\nin\\ttwo lines é"
[gnss]
files = "gnss/*.up"
start = 2006-01-01
sigma = "daily"
[region]
boundary = "region.txt"
spacing = 1
[inversion]
beta = 0.01
[evaluation]
regions = ["a.geojson", "b.geojson: ONE, TWO"]
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "study.toml"
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return write


def test_a_study_file_is_read(write, tmp_path):
    study = config.read_study(write(GOOD))
    assert study.gnss.start == "2006-01-01"
    assert study.region.spacing == 1.0
    assert isinstance(study.region.spacing, float)
    assert study.inversion.beta == 0.01
    assert study.evaluation.regions[1] == "b.geojson: ONE, TWO"
    assert study.path("region.txt") == tmp_path / "region.txt"
    assert config.read_study(write(GOOD), "/data").folder == "/data"


def test_a_study_survives_the_round_trip(write):
    study = config.read_study(write(GOOD))
    assert config.read_study(write(config.to_toml(study))) == study


def test_settings_are_frozen(write):
    study = config.read_study(write(GOOD))
    with pytest.raises(dataclasses.FrozenInstanceError):
        study.inversion.beta = 1.0


MORE = """prior = "matern"
correlation_length_km = 300
amplitude = "gldas.nc"
criterion = "leave-group-out"
block_km = 80
common_mode_mm = "estimate"
station_weights = true
robust = "student-t"
errors = "regions"
"""


def test_every_setting_of_the_inversion_survives_the_round_trip(write):
    text = GOOD.replace("beta = 0.01\n", MORE)
    study = config.read_study(write(text))
    assert study.inversion.correlation_length_km == 300.0
    assert study.inversion.common_mode_mm == "estimate"
    assert config.read_study(write(config.to_toml(study))) == study


GROUND = """
[cleaning]
outliers = "3-sigma"
steps = "offsets.csv"
trend = "remove"
average = "weekly"
reconstruct = 8
[loads]
soil = "soil.nc"
soil_regional = "fine.nc"
displacement = ["ocean: *.ntol"]
[groundwater]
"""


def test_a_groundwater_study_survives_the_round_trip(write):
    study = config.read_study(write(GOOD + GROUND))
    assert study.loads.grids == {"soil": ("soil.nc", "fine.nc")}
    assert study.groundwater == config.Groundwater()
    assert config.read_study(write(config.to_toml(study))) == study
    # What is not named is not done.
    plain = config.read_study(write(GOOD))
    assert plain.groundwater is None
    assert plain.cleaning == config.Cleaning()
    assert "[groundwater]" not in config.to_toml(plain)


FILL = """
[weather]
temperature = "t2m_*.nc"
pressure = "sp.nc"
pressure_variable = "surface_pressure"
[features]
method = "meemd"
ensemble_size = 40
[gapfill]
method = "dwlim"
control_correlation = 0.4
virtual_station_loads = ["cells/NTAL.*.txt", "sea: cells/*.ntol"]
[loads]
displacement = ["NTAL.*.txt", "sea: *.ntol"]
"""


def test_a_study_that_fills_survives_the_round_trip(write):
    text = GOOD.replace("regions = ", 'grace = ["a.nc", "b.nc"]\nregions = ') + FILL
    study = config.read_study(write(text))
    assert study.weather is not None
    assert study.weather.sources == {
        "temperature": config.GridSource("t2m_*.nc"),
        "pressure": config.GridSource("sp.nc", "surface_pressure"),
    }
    assert study.gapfill is not None
    assert study.gapfill.virtual_station_loads[1] == "sea: cells/*.ntol"
    assert study.evaluation.grace == ("a.nc", "b.nc")
    assert config.read_study(write(config.to_toml(study))) == study
    plain = config.to_toml(config.read_study(write(GOOD)))
    assert "[gapfill]" not in plain
    assert "[weather]" not in plain


def fills(old, new, message):
    """A study that fills, with one thing changed."""
    assert old in FILL
    return ("[inversion]", FILL.replace(old, new) + "[inversion]", message)


GRIDS = """
[loads]
soil = { files = ["a.nc", "b*.nc"], variable = ["u", "v"], fill = -99, stamp = "start" }
atmosphere = "sp.nc"
[weather]
temperature = { files = "t.nc", time_units = "days since 2002-01-01" }
pressure = "sp.nc"
precipitation = { files = "tp.nc", duplicates = "first" }
precipitation_hours = 3
"""


def test_grids_named_by_tables_survive_the_round_trip(write):
    grace = 'grace = ["a.nc", { files = "b.nc", variable = "tws" }]\nregions = '
    text = GOOD.replace("regions = ", grace) + GRIDS
    text = text.replace("beta = 0.01", 'amplitude = { files = "m.nc", fill = 0 }')
    study = config.read_study(write(text))
    soil = config.GridSource(("a.nc", "b*.nc"), ("u", "v"), stamp="start", fill=-99.0)
    assert study.loads.grids["soil"] == (soil, "")
    assert study.evaluation.grace == ("a.nc", config.GridSource("b.nc", "tws"))
    assert config.grid_names(study.evaluation.grace) == "a.nc, b.nc"
    assert study.weather is not None
    rain = study.weather.sources["precipitation"]
    assert (rain.span, rain.duplicates) == ("3 hours", "first")
    assert config.read_study(write(config.to_toml(study))) == study


def grid(entry, message):
    """A study whose load of soil is named by a table."""
    return ("[inversion]", f"[loads]\nsoil = {entry}\n[inversion]", message)


GRIDDED = {
    "a slip in a grid's table": grid(
        '{ files = "a.nc", unit = "mm" }',
        "loads.soil.unit is not a known setting; did you mean units",
    ),
    "a grid without files": grid(
        '{ units = "mm" }', "loads.soil.files is missing; name a file"
    ),
    "a list of grids that are one": grid(
        '["a.nc", "b.nc"]', "loads.soil is .*, expected text or a table { files"
    ),
    "a filler in words": grid(
        '{ files = "a.nc", fill = "none" }', "loads.soil.fill is 'none', expected a num"
    ),
    "a filler that is none": grid(
        '{ files = "a.nc", fill = nan }', "loads.soil.fill is nan, expected a finite"
    ),
    "an unknown stamp": grid(
        '{ files = "a.nc", stamp = "mid" }', "loads.soil.stamp is 'mid'.* mean middle"
    ),
    "an unknown rule": grid(
        '{ files = "a.nc", duplicates = "frist" }',
        "loads.soil.duplicates is 'frist'.* did you mean first",
    ),
    "a slip in a list of grids": (
        "regions = ",
        'grace = ["a.nc", { files = "b.nc", var = "x" }]\nregions = ',
        r"evaluation.grace\[1\].var is not a known setting",
    ),
    "units of a map": (
        "beta = 0.01",
        'amplitude = { files = "m.nc", units = "mm" }',
        "of which files .*, variable and fill count",
    ),
    "hours twice": (
        "[inversion]",
        '[loads]\nsoil = "s"\n[groundwater]\nprecipitation_hours = 1\n'
        'precipitation = { files = "tp.nc", span = "1 hour" }\n[inversion]',
        "groundwater.precipitation_hours and span in the table .* same thing twice",
    ),
}

FILLED = {
    "a variable twice": fills(
        'pressure = "sp.nc"',
        'pressure = { files = "sp.nc", variable = "sp" }',
        "weather.pressure_variable and variable in the table weather.pressure say",
    ),
    "filling without weather": fills(
        FILL[: FILL.index("[features]")], "\n", r"the table \[weather\] is missing"
    ),
    "weather of nothing": fills(
        'temperature = "t2m_*.nc"\npressure = "sp.nc"\n',
        "",
        "weather is empty; name a variable, such as precipitation",
    ),
    "an unknown method": fills('"dwlim"', '"dwlin"', "did you mean dwlim"),
    "an unknown decomposition": fills('"meemd"', '"memd"', "did you mean meemd"),
    "an odd number of noises": fills(
        "ensemble_size = 40", "ensemble_size = 41", "even number"
    ),
    "no component": fills(
        "ensemble_size = 40", "components = 1", "components is 1, expected"
    ),
    "noise of no size": fills(
        "ensemble_size = 40", "noise_ratio = 0", "noise_ratio is 0, expected a pos"
    ),
    "a threshold that none passes": fills("= 0.4", "= 1", "control_correlation is 1"),
    "no tree": fills(
        "control_correlation = 0.4", "trees = 0", "trees is 0, expected 1 or more"
    ),
    "a negative seed": fills(
        "control_correlation = 0.4", "seed = -1", "seed is -1, expected 0"
    ),
    "cells of no size": fills(
        "control_correlation = 0.4", "spacing = 0", "spacing is 0, expect"
    ),
    "all held out": fills(
        "control_correlation = 0.4",
        "validation_fraction = 1.0",
        "validation_fraction is 1, expect",
    ),
    "a negative window": fills(
        "control_correlation = 0.4", "window_epochs = -1", "window_epochs is -1"
    ),
    "a window that nothing cuts": fills(
        'method = "dwlim"',
        'method = "mllim"\nwindow_epochs = 9',
        'record for "dwlim" and "virtual-stations" only',
    ),
    "gravity for networks that do not learn through it": fills(
        "control_correlation = 0.4",
        'grace = "g.nc"',
        'something to learn from for "joint-load" and "joint-displacement" only',
    ),
    "loads of cells that have none": fills(
        '"dwlim"', '"joint-displacement"', "leave gapfill.virtual_station_loads out"
    ),
    "loads of stations only": fills(
        'virtual_station_loads = ["cells/NTAL.*.txt", "sea: cells/*.ntol"]\n',
        "",
        "gapfill.virtual_station_loads, the same loads .* is missing",
    ),
    "filling with a memory": (
        "beta = 0.01",
        "beta = 0.01\ncorrelation_time_days = 9\n" + FILL,
        'method "dwlim" cannot be combined with inversion.correlation_time_days',
    ),
    "a joint network of every day's errors": (
        "[inversion]",
        FILL.replace('"dwlim"', '"joint-load"').replace("virtual_station_loads =", "#")
        + "[inversion]",
        'method "joint-load" cannot be combined with gnss.sigma "daily"',
    ),
    "centres that are numbers": (
        "regions = ",
        "grace = [1, 2]\nregions = ",
        r"evaluation.grace\[0\] is 1, expected text or a table { files = ... }",
    ),
}


def inverts(lines, message):
    return ("beta = 0.01", lines, message)


REFUSED = {
    "an unknown criterion": inverts('criterion = "gvc"', "did you mean gcv"),
    "an unknown prior": inverts('prior = "ridge"', "prior is 'ridge', expected lapl"),
    "unknown unknowns": inverts('unknowns = "pca"', "expected epochs or components"),
    "an unknown loss": inverts('robust = "hubert"', "did you mean huber"),
    "unknown errors": inverts('errors = "cell"', "did you mean cells"),
    "no length": inverts('prior = "matern"', "correlation_length_km 0; .* positive"),
    "a length for nothing": inverts("correlation_length_km = 9", "no other prior has"),
    "a length that is none": inverts("correlation_length_km = -9", "is -9, expected a"),
    "a boundary for nothing": inverts(
        'prior = "identity"\nboundary = "free"', 'is "identity"; leave them out'
    ),
    "an edge on the sphere": inverts(
        'boundary = "edge"\nmetric = "sphere"', 'use inversion.metric = "grid"'
    ),
    "a short L-curve": inverts(
        'criterion = "l-curve"\nbeta_count = 4', "needs 5 or more"
    ),
    "no block": inverts("block_km = 0", "block_km is 0, expected a positive"),
    "a negative common mode": inverts("common_mode_mm = -1", "common_mode_mm is -1"),
    "a common mode in words": inverts('common_mode_mm = "yes"', "expected estimate"),
    "a negative memory": inverts(
        "correlation_time_days = -3", "correlation_time_days is -3, expected a"
    ),
    "no component": inverts("components = 0", "components is 0, expected 1 or more"),
    "half a component": inverts("components = 2.5", "expected a whole number"),
    "weights in words": inverts('station_weights = "yes"', "expected true or false"),
    "components and a common mode": inverts(
        'unknowns = "components"\ncommon_mode_mm = 1',
        "with inversion.common_mode_mm; leave",
    ),
    "memory and outliers": inverts(
        'correlation_time_days = 9\nrobust = "huber"',
        "correlation_time_days cannot be combined with",
    ),
    "memory and errors": inverts(
        'correlation_time_days = 9\nerrors = "cells"', "combined with inversion.errors"
    ),
    "components and memory": inverts(
        'unknowns = "components"\ncorrelation_time_days = 9',
        "combined with inversion.correlation_time",
    ),
    "float32 and outliers": inverts(
        'precision = "float32-refined"\nrobust = "huber"',
        'precision "float32-refined" cannot be combined with inversion.robust',
    ),
    "float32 of every day's errors": inverts(
        'precision = "float32-refined"', 'use gnss.sigma = "station", or leave'
    ),
    "half precision": inverts('precision = "float16"', "float32-refined"),
    "components of every day's errors": inverts(
        'unknowns = "components"', 'use gnss.sigma = "station"'
    ),
}

ERRORS = {
    **REFUSED,
    **FILLED,
    **GRIDDED,
    "a typing slip": ("spacing = 1", "spacng = 1", "did you mean spacing"),
    "an unknown table": ("[region]", "[mars]", "mars is not a known setting"),
    "beta zero": ("beta = 0.01", "beta = 0", "beta is 0, expected a positive"),
    "beta negative": ("beta = 0.01", "beta = -0.01", "beta is -0.01"),
    "beta a word": ("beta = 0.01", 'beta = "chose"', 'is "chose", .*or "choose" to'),
    "text for a number": ("spacing = 1", 'spacing = "one"', "expected a number"),
    "a number for text": ('"region.txt"', "5", "boundary is 5, expected text"),
    "no file": ('files = "gnss/*.up"', "", "gnss.files is missing"),
    "an impossible day": ("2006-01-01", '"2006-13-01"', "expected yyyy-mm-dd"),
    "groundwater with soil": (
        "[inversion]",
        "[groundwater]\n[inversion]",
        "takes soil",
    ),
    "gravity with soil": (
        "[inversion]",
        '[loads]\ndisplacement = ["a"]\n[groundwater]\ngrace = "g.nc"\n[inversion]',
        "loads.soil is missing",
    ),
    "a region without a globe": (
        "[inversion]",
        '[loads]\nocean_regional = "a.nc"\n[inversion]',
        "refines loads.ocean, which is missing",
    ),
    "an unknown mean": (
        "[inversion]",
        '[cleaning]\naverage = "week"\n[inversion]',
        "average is 'week', expected none or weekly or monthly; did you mean weekly",
    ),
    "fewer than no periods": (
        "[inversion]",
        "[cleaning]\nreconstruct = -1\n[inversion]",
        "reconstruct is -1",
    ),
    "beyond the globe": (
        "[inversion]",
        "[earth]\nmax_distance_deg = 181\n[inversion]",
        "max_distance_deg is 181, expected degrees",
    ),
    "a yield of more than all": (
        "[inversion]",
        '[loads]\nsoil = "s"\n[groundwater]\nspecific_yield = 5\n[inversion]',
        "specific_yield is 5, expected above 0 to 1",
    ),
    "rain of negative hours": (
        "[inversion]",
        '[loads]\nsoil = "s"\n[groundwater]\nprecipitation_hours = -1\n[inversion]',
        "groundwater.precipitation_hours is -1",
    ),
    "not a list": ('["a.geojson", "b.geojson: ONE, TWO"]', "3", "a list of strings"),
    "not TOML": ("[gnss]", "[gnss", "is not TOML"),
    "a missing table": (
        '[region]\nboundary = "region.txt"\nspacing = 1',
        "",
        r"the table \[region\] is missing",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_is_wrong_is_named(name, write):
    old, new, message = ERRORS[name]
    assert old in GOOD
    with pytest.raises(ValueError, match=message):
        config.read_study(write(GOOD.replace(old, new)))


#: What takes the place of "gnss/*.up" or "beta = 0.01" in a good study.
OF_TYPES = {
    "a table that is a number": (
        "title =",
        "earth = 3\ntitle =",
        r"earth is 3, expected a table \[earth\]",
    ),
    "a table twice": (
        "[region]",
        "[[region]]",
        r"region is \[.*\], expected a table \[region\]",
    ),
    "a folder": ("title =", "folder = 3\ntitle =", "folder is 3, expected text"),
    "true for a number": ("spacing = 1", "spacing = true", "is True, expected a num"),
    "a list of numbers": inverts("components = [1]", r"components is \[1\], expected"),
    "a weight in a list": inverts("beta = [0.1]", 'expected a number or "choose"'),
    "a choice that is a number": (
        "[inversion]",
        "[screening]\naction = 3\n[inversion]",
        "screening.action is 3, expected warn or drop",
    ),
    "a choice in a list": (
        "[inversion]",
        '[screening]\nchecks = ["rate", "rat"]\n[inversion]',
        r"screening.checks\[1\] is 'rat', .*; did you mean rate\?",
    ),
    "an item of a list": (
        '"gnss/*.up"',
        '["x", 3]',
        r"gnss.files\[1\] is 3, expected text or a table { files = ... }",
    ),
    "a slip in an item of a list": (
        '"gnss/*.up"',
        '["x", { files = "y", unit = "mm" }]',
        r"gnss.files\[1\].unit is not a known setting; did you mean units\?",
    ),
    "a slip two tables deep": (
        '"gnss/*.up"',
        '[{ files = "x", units = "mm", columns = { upp = 1 } }]',
        r"gnss.files\[0\].columns.upp is not a known .*; did you mean up\?",
    ),
    "a key that is called as a type": (
        "[inversion]",
        '[loads]\nsoil = { files = "a", str = "b" }\n[inversion]',
        "loads.soil.str is not a known setting; known are files",
    ),
    "files of a table": (
        "[inversion]",
        "[loads]\nsoil = { files = 3 }\n[inversion]",
        "loads.soil.files is 3, expected text or a list of strings",
    ),
    "a time for a day": ("2006-01-01", "10:00:00", "'10:00:00', expected yyyy-mm-dd"),
}


@pytest.mark.parametrize("name", OF_TYPES)
def test_a_value_of_another_type_is_named_with_what_is_expected(name, write):
    old, new, message = OF_TYPES[name]
    assert old in GOOD
    with pytest.raises(ValueError, match=f"study.toml: .*{message}") as caught:
        config.read_study(write(GOOD.replace(old, new)))
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="check the path of the study"):
        config.read_study(tmp_path / "absent.toml")


def test_a_byte_order_mark_is_no_part_of_a_study(tmp_path):
    (tmp_path / "study.toml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert config.read_study(tmp_path / "study.toml").inversion.beta == 0.01


@pytest.mark.parametrize("beta", ['"auto"', "0", "-1.0", "inf", "nan"])
def test_a_weight_that_is_none_is_answered_with_what_it_can_be(tmp_path, beta):
    text = GOOD.replace("beta = 0.01", f"beta = {beta}")
    (tmp_path / "study.toml").write_text(text)
    with pytest.raises(ValueError, match='expected a positive number, or "choose"'):
        config.read_study(tmp_path / "study.toml")


def test_every_setting_is_listed_with_what_it_means():
    listed = {setting.name: setting for setting in config.settings()}
    assert all(setting.meaning for setting in listed.values())
    assert listed["inversion.beta_count"].default == str(config.Inversion().beta_count)
    for table in (config.Gnss, config.Inversion, config.Gapfill, config.Cleaning):
        name = table.__name__.lower()
        for field in dataclasses.fields(table):
            assert f"{name}.{field.name}" in listed
    # Of inline tables too.
    assert any(name.endswith(".time_units") for name in listed)


def test_a_meaning_stands_by_itself():
    """Who looks up one setting sees neither others nor the names of classes."""
    classes = "GridSource|SeriesSource|SeriesColumns|StationLoad|WellSource|None"
    tables = r"(Gnss|Region|Loads|Evaluation|Inversion|Gapfill|Features)\."
    for setting in config.settings():
        assert len(setting.meaning.split()) > 2, setting
        assert setting.meaning[0].isupper() or setting.meaning[0] == '"', setting
        assert setting.meaning.endswith("."), setting
        assert not re.search(rf"\b({classes})\b|{tables}", setting.meaning), setting
        assert not re.match("Likewise|As |The same|Its|Of ", setting.meaning), setting
    kinds = {setting.name: setting.kind for setting in config.settings()}
    assert kinds["gnss.columns"] == "table as of gnss.files.columns"
    assert kinds["loads.soil"] == "text or table as of loads.atmosphere"
    assert kinds["evaluation.grace"] == (
        "text or table as of loads.atmosphere or list of these"
    )
    assert kinds["earth.ocean"] == 'empty or "crust" or "water"'


def test_settings_are_found_by_words(capsys):
    assert cli.main(["settings", "beta_count"]) == 0
    assert capsys.readouterr().out.startswith("inversion.beta_count = ")
    assert cli.main(["settings", "BETA", "logarithm"]) == 0
    assert capsys.readouterr().out.startswith("inversion.beta_count = 25\n    Number")
    assert cli.main(["settings", "nosuchword"]) == 2
    assert "no setting holds 'nosuchword'" in capsys.readouterr().err


@pytest.mark.parametrize("name", studies.example_names())
def test_a_shipped_study_survives_the_round_trip(name, write):
    study = config.read_study(write(studies.example_text(name)))
    text = config.to_toml(study)
    assert config.read_study(write(text)) == study
    # Written once more it is the same text, by which a result knows its study.
    assert config.to_toml(config.read_study(write(text))) == text


ODD = [
    'a "quoted" \\ word',
    "'''",
    '"""',
    "two\nlines\r\nand a\ttab",
    "\x00\x1f\x7f\u2028",
    "\u6c34\u50a8\u91cf \U0001f4a7 \u0301",
    "# no comment = [1]",
    "  spaces at both ends ",
    "ends with a backslash \\",
]


@pytest.mark.parametrize("text", ODD)
def test_odd_text_survives_the_round_trip(text, write):
    soil = config.GridSource((text, "b.nc"), units=text, fill=-1e-20)
    study = config.Study(
        config.Gnss(("a.up", config.SeriesSource(text, "pos"))),
        config.Region(text),
        title=text,
        loads=config.Loads(soil=soil, displacement=(text,)),
        evaluation=config.Evaluation(regions=(text, "plain")),
        inversion=config.Inversion(beta=1e-300, beta_min=1e-9, beta_max=1e16),
    )
    assert config.read_study(write(config.to_toml(study)), ".") == study


@given(strategies.text(strategies.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_text_survives_the_round_trip(text):
    study = config.Study(config.Gnss("x"), config.Region("y"), title=text)
    assert tomllib.loads(config.to_toml(study))["title"] == text


WRONG_WATER = {
    "a scale too long": ("[drought]\nscales = [1, 60]", "has 60, expected 1 to 48 mon"),
    "a scale twice": ("[drought]\nscales = [3, 3]", "names a time scale twice"),
    "no scale": ("[drought]\nscales = []", "drought.scales is empty"),
    "one number": ("[drought]\nscales = 3", "is 3, expected a list of whole numbers"),
    "wet": (
        "[drought]\nlimit = 0.8",
        "drought.limit is 0.8, expected a negative index",
    ),
    "no climatology": (
        "[drought]\nmatch_amplitude = true",
        "drought.match_amplitude is about drought.climatology, which is missing",
    ),
    "memory": ("[drought]\nerror_memory_days = -1", "expected days, or 0"),
    "empty": ("[water_balance]", "water_balance is empty; name precipitation"),
    "no evaporation": (
        '[water_balance]\nprecipitation = "P.csv"',
        "water_balance.evapotranspiration is missing",
    ),
    "no column": (
        '[water_balance]\nsnow = { files = "S.csv", regions = ["NORTH"] }',
        "water_balance.snow.regions has 'NORTH', expected a region and its column",
    ),
    "a variable of a table": (
        '[water_balance]\nsnow = { files = "S.csv", variable = "swe" }',
        "water_balance.snow.variable is for grids, and the files are tables",
    ),
    "a span of a table": (
        '[water_balance]\nsnow = { files = "S.csv", span = "month" }',
        "water_balance.snow.span is for grids, and the files are tables",
    ),
    "columns of a grid": (
        '[water_balance]\nsnow = { files = "S.nc", regions = ["NORTH: N"] }',
        "water_balance.snow.regions is for tables by region, and the files are grids",
    ),
    "dates of a grid": (
        '[water_balance]\nsnow = { files = "S.nc", time_format = "%Y-%m" }',
        "water_balance.snow.time_format is for tables by region, and the files are",
    ),
    "two columns of a region": (
        '[water_balance]\nsnow = { files = "S.csv", regions = ["N: a", "N: b"] }',
        "water_balance.snow.regions names N twice; leave one out",
    ),
    "negative error": (
        '[water_balance]\nsnow = { files = "S.csv", error = -1.0 }',
        "water_balance.snow.error is -1, expected 0 or more",
    ),
    "no regions": (
        '[drought]\n[output]\nstore = ["twsa"]',
        'the table .drought. is about regions, but output.store has no "regions"',
    ),
}


@pytest.mark.parametrize("case", WRONG_WATER)
def test_settings_of_drought_and_water_balance_are_checked(case, tmp_path):
    table, message = WRONG_WATER[case]
    path = tmp_path / "study.toml"
    head = '[gnss]\nfiles = "*.up"\n[region]\nboundary = "region.txt"\n'
    path.write_text(head + table + "\n")
    with pytest.raises(ValueError, match=message):
        config.read_study(path)


def test_products_of_a_flux_survive_being_written(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(
        '[gnss]\nfiles = "*.up"\n[region]\nboundary = "region.txt"\n[drought]\n'
        '[water_balance]\nprecipitation = ["P.nc", { files = "P.csv", regions = '
        '["A: B: C"] }]\nevapotranspiration = "ET.nc"\n'
    )
    study = config.read_study(path)
    assert study.water_balance is not None
    assert list(study.water_balance.fluxes) == ["precipitation", "evapotranspiration"]
    grid, table = study.water_balance.fluxes["precipitation"]
    assert not grid.is_table
    assert table.columns == {"A: B": "C"}
    again = tmp_path / "again.toml"
    again.write_text(config.to_toml(study))
    assert config.read_study(again, folder=study.folder) == study
