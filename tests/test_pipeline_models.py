"""Models that a study names: code of users, and physics driven by weather."""

import dataclasses
import json
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

pytest.importorskip("netCDF4")
pytest.importorskip("sklearn")

import test_pipeline_filling as world

from jaxload import cli, config, pipeline
from jaxload.gapfill.joint import joint_model
from jaxload.gapfill.models.corrected import Corrected
from jaxload.gapfill.models.recurrent import Recurrent
from jaxload.gapfill.models.water_stores import PARAMETERS
from jaxload.pipeline.fill.study_model import (
    model_drivers,
    model_parameters,
    study_architecture,
)
from jaxload.pipeline.inputs.weather import WeatherSeries
from jaxload.pipeline.results.provenance import named_files, origin_of

CODE = """
import jax
import jax.numpy as jnp


def water_net(key, inputs, outputs, width=3):
    first, _ = jax.random.split(key)
    weights = {
        "first": jax.random.normal(first, (inputs, width), jnp.float32),
        "last": jnp.zeros((width, outputs), jnp.float32),
    }

    def predict(weights, features):
        return jnp.tanh(features @ weights["first"]) @ weights["last"]

    return weights, predict


def narrow(key, inputs, outputs):
    return jnp.ones((inputs, 1)), lambda weights, features: features[:, :, 0] @ weights
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    memory = world.weather_memory()
    folder = world.write_data(tmp_path_factory.mktemp("data"), memory)
    rain = 2 + np.clip(memory[:, :1] + world.turn(world.DAYS, 4.2)[:, None], -2, None)
    lon, _ = world.raster()
    rates = rain * np.ones_like(lon)
    world.write_grid(folder / "rain.nc", rates, "mm d-1", name="precipitation")
    (folder / "models.py").write_text(CODE)
    return folder


def small(data, method="joint-load", **filling):
    study = world.small(data, method, **filling)
    weather = config.Weather(
        temperature="t.nc", pressure="p.nc", precipitation="rain.nc"
    )
    return dataclasses.replace(study, weather=weather)


def run(study, folder, *words):
    path = folder / "study.toml"
    path.write_text(config.to_toml(study))
    arguments = ["run", str(path), "--data", study.folder, *words]
    return cli.main([*arguments, "--out", str(folder / "out")])


@pytest.mark.parametrize(
    ("filling", "problem"),
    [
        ({"model": "models.py:water_net"}, "set gapfill.trust = true"),
        ({"model": "models.py:water_nett", "trust": True}, "did you mean water_net?"),
        ({"model": "other.py:water_net", "trust": True}, "other.py is not a file"),
        (
            {
                "model": "models.py:water_net",
                "trust": True,
                "model_settings": {"with": 3},
            },
            "has no setting with; did you mean width?",
        ),
        ({"model": "mlp", "model_settings": {"hiden": 3}}, "did you mean hidden?"),
    ],
)
def test_a_model_that_cannot_be_taken_ends_the_program_with_one_sentence(
    data, tmp_path, capsys, filling, problem
):
    assert run(small(data, **filling), tmp_path) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "gapfill.model" in lines[0]
    assert problem in lines[0]


@pytest.mark.slow
def test_a_model_of_another_shape_ends_the_program_with_one_sentence(
    data, tmp_path, capsys
):
    study = small(data, model="models.py:narrow", trust=True)
    assert run(study, tmp_path) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert "the model models.py:narrow cannot be run: " in lines[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    ["joint-load", pytest.param("joint-displacement", marks=pytest.mark.thorough)],
)
def test_a_function_of_a_file_is_trained_through_the_inversion(data, tmp_path, method):
    study = small(data, method, model="models.py:water_net", trust=True)
    settings = {"model_settings": {"width": 4}}
    study = world.changed(study, gapfill=settings, inversion={"errors": "none"})
    result = pipeline.run(study, tmp_path)
    learning = result.summary["learning"]
    assert learning["model"] == "models.py:water_net"
    first, best = (np.array(learning[f"score_{n}"]) for n in ("initial", "best"))
    assert (best <= first).all()
    assert np.isfinite(result.water.twsa).all()
    # Another text of the code is another model.
    again = pipeline.run(study, tmp_path)
    np.testing.assert_array_equal(again.water.twsa, result.water.twsa)
    code = data / "models.py"
    code.write_text(CODE.replace("jnp.tanh", "jnp.sin"))
    with pytest.raises(ValueError, match="holds checkpoints of another model"):
        pipeline.run(study, tmp_path)
    code.write_text(CODE)


@pytest.mark.slow
@pytest.mark.thorough
def test_a_water_balance_is_driven_by_the_weather_of_the_study(data, tmp_path):
    study = small(data, model="water-balance+mlp")
    study = world.changed(study, inversion={"errors": "none"})
    result = pipeline.run(study, tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())["learning"]
    assert summary["model"] == "water-balance+mlp"
    assert summary["model_parameters"].keys() == PARAMETERS.keys()
    for name, values in summary["model_parameters"].items():
        bounds = PARAMETERS[name]
        assert bounds.low <= values["smallest"] <= values["median"]
        assert values["median"] <= values["largest"] <= bounds.high
    assert np.isfinite(result.water.twsa).all()


def test_code_of_a_model_is_an_input_of_its_study(data):
    for model in ("models.py:water_net", "water-balance+models.py:water_net"):
        study = small(data, model=model, trust=True)
        assert "models.py" in named_files(study)
        before = origin_of(study).digest
        code = (data / "models.py").read_text()
        (data / "models.py").write_text(code + "# changed")
        assert origin_of(study).digest != before
        (data / "models.py").write_text(code)


def test_a_study_hands_its_settings_to_its_model(data):
    assert study_architecture(small(data)) == Recurrent(3)
    longer = small(data, model_settings={"hidden": 9})
    assert study_architecture(longer) == Recurrent(9)
    settings = {"water-balance": {"prior_sd": 0.5}}
    both = small(data, model="water-balance+lstm", model_settings=settings)
    model = study_architecture(both)
    assert isinstance(model, Corrected)
    assert model.correction == Recurrent(3)
    assert model.skeleton.prior_sd == 0.5


def weeks(count=5):
    time = np.datetime64("2018-01-03", "ns") + np.arange(count) * np.timedelta64(7, "D")
    bounds = np.stack([time, time + np.timedelta64(7, "D")], axis=1)
    spans = {"time_bnds": (("time", "bnds"), bounds)}
    return xr.Dataset(spans, {"time": time})


def test_drivers_are_the_weather_by_name_and_by_quantity(data, rng):
    rain = config.WeatherVariable(files="rain.nc", quantity="precipitation")
    weather = config.Weather(temperature="t.nc", pressure="p.nc", other={"wet": rain})
    study = dataclasses.replace(small(data, model="water-balance"), weather=weather)
    series = {n: rng.normal(size=(5, 2)) for n in ("temperature", "pressure", "wet")}
    read = WeatherSeries(series)
    drivers = model_drivers(study, read, weeks())
    assert drivers.keys() == {*series, "precipitation", "days"}
    assert drivers["precipitation"] is series["wet"]
    np.testing.assert_array_equal(drivers["days"], np.full((5, 1), 7.0))
    # A lost week counts for the next, whose weather stands for both.
    lost = weeks().isel(time=[0, 1, 3, 4])
    days = model_drivers(study, read, lost)["days"]
    np.testing.assert_array_equal(days[:, 0], [7, 7, 14, 7])
    # Networks of features alone keep no second copy.
    assert model_drivers(small(data), read, weeks()) == {}


class Stuck:
    """A network whose first parameter is at its bound at some places."""

    def __init__(self, share):
        self.share = share

    def describe(self, features, drivers):
        del features, drivers
        values = {"smallest": 1.0, "median": 2.0, "largest": 3.0}
        moving = {name: 10 * x for name, x in values.items()}
        return {
            "capacity": values | {"share_at_bounds": self.share},
            "drainage": moving | {"share_at_bounds": 0.0},
        }


def test_parameters_at_their_bounds_are_warned_of(caplog):
    data = dataclasses.make_dataclass("Data", ["features", "drivers"])(None, {})
    numbers = joint_model.Hyperparameters(*jnp.zeros(3))
    members = [joint_model.Parameters(Stuck(share), numbers) for share in (0.2, 0.4)]
    with caplog.at_level(logging.WARNING):
        summary = model_parameters("water-balance", members, data)
    assert summary["capacity"]["share_at_bounds"] == pytest.approx(0.3)
    assert (summary["drainage"]["smallest"], summary["drainage"]["largest"]) == (10, 30)
    assert "capacity is at its bounds at 30% of the places (median 2)" in caplog.text
    assert "drainage" not in caplog.text
    plain = joint_model.Parameters(jax.numpy.zeros(3), numbers)
    assert model_parameters("lstm", [plain], data) == {}
