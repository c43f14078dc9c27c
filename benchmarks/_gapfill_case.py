"""A twin world as a study meets it: written as files, its truth kept apart."""

import dataclasses
import functools
import json
import pathlib
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
import shapely.geometry
from numpy.typing import NDArray

from benchmarks._harness import hash_of_settings
from jaxload import config, evaluate, io, series, sphere, synthetic
from jaxload.demo.files.china import write_weather_world
from jaxload.demo.files.common import simulated_folder
from jaxload.pipeline.inputs.time_spans import epoch_spans
from jaxload.pipeline.prepared_study import Prepared
from jaxload.pipeline.progress import Clock
from jaxload.pipeline.stages import invert_prepared
from jaxload.sweep.shared import Shared, without_inversion

__all__ = ["Case", "Estimate", "StageTimes", "make_case", "run_study", "score"]

Floats = NDArray[np.float64]
Changes = Mapping[str, Any]

#: What every method begins with.
STUDY = pathlib.Path(__file__).with_name("gapfill.toml")

#: A cell is far if no station stands within this [degrees].
FAR = 1.0

#: Parts into which a region is divided for means; far cells that give standard errors
#: where there are no maps of them.
BASINS, SAMPLED = 6, 150

#: Half the width of intervals of 68% and 95% [standard deviations].
WIDTHS = {"68": 1.0, "95": 1.96}

#: Stages of a study that train, and prepare what is trained on; the first fills cells.
FILL = "gap_filling"
LEARNING = ("features_of_weather", "training")
TRAINING = (FILL, *LEARNING)


@dataclasses.dataclass
class StageTimes:
    """Processor seconds of the stages of studies.

    Attributes:
      seconds: By stage.
      stage: The one that runs; empty where none does.
      since: Processor time at which it began, or was last heard of [s].
    """

    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    stage: str = ""
    since: float = 0.0

    def __call__(self, stage: str, share: float) -> None:
        """Take note of progress, as a `pipeline.Watch`."""
        now = time.process_time()
        if self.stage:
            spent = self.seconds.get(self.stage, 0.0)
            self.seconds[self.stage] = spent + now - self.since
        self.stage, self.since = ("" if share >= 1 else stage), now

    @property
    def training(self) -> float:
        """Of the stages that train."""
        return sum(self.seconds.get(stage, 0.0) for stage in TRAINING)


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A world, its files and its truth.

    Attributes:
      world: The world.
      folder: Where its files are.
      settings: What it was made by.
      shared: What studies have in common.
      times: Processor seconds.
      filled: Those that filling cells took, by the settings beside ``[inversion]``:
        studies that have these in common share the cells.
    """

    world: synthetic.WeatherWorld
    folder: pathlib.Path
    settings: synthetic.WeatherSettings
    shared: Shared
    times: StageTimes
    filled: dict[str, float] = dataclasses.field(default_factory=dict)

    def study(self, changes: Changes) -> config.Study:
        """Make the study of a method.

        Args:
          changes: Values of settings by their names.
        """
        of_world = {"region.spacing": self.settings.spacing}
        if "gapfill.method" in changes:
            of_world["gapfill.seed"] = self.settings.seed
        return config.read_study(
            STUDY, str(self.folder), changes=of_world | dict(changes)
        )

    @functools.cached_property
    def stations_only(self) -> Prepared:
        """The heights of the stations, cleaned."""
        return self.shared.prepared(self.study({}))

    @functools.cached_property
    def inside(self) -> NDArray[np.int64]:
        """Which cells lie in the region."""
        return _inside(self.world)

    @functools.cached_property
    def far(self) -> NDArray[np.int64]:
        """Which of these are far from all stations."""
        cells, stations = self.world.cells, self.world.stations
        lon, lat = cells.lon[self.inside], cells.lat[self.inside]
        arc = sphere.angular_distance(
            lon[:, None], lat[:, None], stations.lon[None], stations.lat[None]
        )
        return self.inside[np.asarray(arc).min(axis=1) > FAR]

    @functools.cached_property
    def sampled(self) -> NDArray[np.int64]:
        """Some far cells."""
        rng = np.random.default_rng(self.settings.seed)
        return np.sort(rng.permutation(self.far)[:SAMPLED])

    @functools.cached_property
    def truth(self) -> Floats:
        """True water, shape (epoch, cell) [mm]."""
        grid = self.stations_only.area.grid
        if not np.allclose([grid.lon, grid.lat], _position(self.world.cells)):
            raise ValueError("the cells of the study are not those of the world")
        days = epoch_spans(self.stations_only.gnss).astype("M8[D]")
        start, stop = (np.searchsorted(self.world.time, x) for x in days.T)
        storage = self.world.storage
        means = [storage[a:b].mean(axis=0) for a, b in zip(start, stop, strict=True)]
        return np.stack(means) @ self.world.to_cells

    @property
    def basins(self) -> Floats:
        """Weights of cells in the means over basins, shape (basin, cell)."""
        return self.stations_only.area.basins.weights[1:]


@dataclasses.dataclass(frozen=True, eq=False)
class Estimate:
    """Water by a method.

    Attributes:
      load: Of all cells [mm], shape (epoch, cell).
      far_sd: Standard error of the far cells [mm], shape (epoch, far); of those that
        were sampled where only these have one; None where none has.
      basin_sd: Of the means over basins [mm], shape (epoch, basin), likewise.
    """

    load: Floats
    far_sd: Floats | None = None
    basin_sd: Floats | None = None


def make_case(settings: synthetic.WeatherSettings, folder: pathlib.Path) -> Case:
    """Simulate a world, and write what is measured in it.

    Args:
      settings: What kind of world.
      folder: For its files.

    Returns:
      The `Case`.
    """
    times = StageTimes()
    with simulated_folder(folder, settings.region, settings) as data:
        world = synthetic.weather_world(settings)
        write_weather_world(world, data)
        _write_basins(world, data / "basins.geojson")
    return Case(world, folder, settings, Shared(Clock(times)), times)


def run_study(case: Case, changes: Changes) -> Estimate:
    """Run the study of a method.

    Args:
      case: The case.
      changes: Values of settings by their names.

    Returns:
      The `Estimate`.
    """
    study, training = _sharing_training(case, case.study(changes))
    prepared = _prepared(case, study)
    result = invert_prepared(study, prepared, None, case.shared.clock)
    if training is not None:
        _count_training(case, training)
    grid = prepared.area.grid
    maps = lambda name: result.water[name].values[:, grid.row, grid.column]
    load, sd = maps("twsa").astype(np.float64), maps("twsa_sd")
    basin_sd = result.regions["twsa_sd"].transpose("time", "region").values[:, 1:]
    return Estimate(load, sd[:, case.far].astype(np.float64), basin_sd)


def _sharing_training(
    case: Case, study: config.Study
) -> tuple[config.Study, pathlib.Path | None]:
    """Let studies that differ in the inversion alone share what they train."""
    if study.gapfill is None or not study.gapfill.joint:
        return study, None
    common = dataclasses.replace(study, inversion=config.Inversion())
    training = case.folder / "trained" / hash_of_settings(common)
    shared = dataclasses.replace(study.gapfill, checkpoints=str(training))
    return dataclasses.replace(study, gapfill=shared), training


def _count_training(case: Case, training: pathlib.Path) -> None:
    """Let what a training took count for each study that has it."""
    seconds, kept = case.times.seconds, training / "seconds.json"
    took = sum(seconds.pop(name, 0.0) for name in LEARNING)
    if kept.exists():
        took = json.loads(kept.read_text())["processor"]
    else:
        io.write_json({"processor": took}, kept)
    seconds[LEARNING[0]] = took


def _prepared(case: Case, study: config.Study) -> Prepared:
    """Heights and filled cells; what these took counts for each study that has them."""
    seconds = case.times.seconds
    before = seconds.pop(FILL, 0.0)
    prepared = case.shared.prepared(study)
    common = without_inversion(study)
    spent = case.filled.setdefault(common, seconds.pop(FILL, 0.0))
    seconds[FILL] = before + spent
    return prepared


def score(case: Case, estimate: Estimate) -> dict[str, float]:
    """Compare an estimate with the truth.

    Args:
      case: The case.
      estimate: By a method.

    Returns:
      Scores by their names; those of intervals only where there are standard errors.
    """
    load, truth = (x - x.mean(axis=0) for x in (estimate.load, case.truth))
    basis = np.asarray(series.seasonal_basis(case.stations_only.gnss.time.values))
    far = load[:, case.far], truth[:, case.far]
    means = load @ case.basins.T, truth @ case.basins.T
    inside = load[:, case.inside], truth[:, case.inside]
    scores = {}
    for name, pair in (("far", far), ("all", inside), ("basin", means)):
        scores |= _agreement(name, pair)
        scores |= _agreement(f"{name}_deseasonalised", [_rest(x, basis) for x in pair])
    rates = [_fitted(x, basis)[1] for x in far]
    rms = lambda x: float(np.sqrt(np.mean(np.square(x))))
    scores["far_trend_error_mm_per_year"] = rms(rates[0] - rates[1])
    scores["far_true_trend_mm_per_year"] = rms(rates[1])
    scores |= _coverage("basin", means, estimate.basin_sd)
    if estimate.far_sd is not None and estimate.far_sd.shape != far[0].shape:
        far = load[:, case.sampled], truth[:, case.sampled]
    return scores | _coverage("far", far, estimate.far_sd)


def _agreement(name: str, pair: Any) -> dict[str, float]:
    """NSE, PCC and RMSE over all cells and epochs together."""
    ours, true = (np.ravel(x) for x in pair)
    return {
        f"{name}_nse": float(evaluate.nse(ours, true)),
        f"{name}_pcc": float(evaluate.pcc(ours, true)),
        f"{name}_rmse_mm": float(evaluate.rmse(ours, true)),
    }


def _coverage(name: str, pair: Any, sd: Floats | None) -> dict[str, float]:
    if sd is None:
        return {}
    missed = np.abs(pair[0] - pair[1])
    return {
        f"{name}_within_{level}": float(np.mean(missed < width * sd))
        for level, width in WIDTHS.items()
    }


def _fitted(values: Floats, basis: Floats) -> Floats:
    """Offset, rate and seasons of each series, shape (6, series)."""
    return np.linalg.pinv(basis) @ values


def _rest(values: Floats, basis: Floats) -> Floats:
    """What is left without seasons; the rate stays."""
    return values - basis[:, 2:] @ _fitted(values, basis)[2:]


def _position(cells: sphere.Grid) -> Floats:
    return np.stack([cells.lon, cells.lat])


def _inside(world: synthetic.WeatherWorld) -> NDArray[np.int64]:
    cells = world.cells
    return np.flatnonzero(shapely.contains_xy(world.region, cells.lon, cells.lat))


def _write_basins(world: synthetic.WeatherWorld, path: pathlib.Path) -> None:
    """Write parts of the region around centres far from each other."""
    cells, inside = world.cells, _inside(world)
    lon, lat = cells.lon[inside], cells.lat[inside]
    to = lambda k: np.asarray(sphere.angular_distance(lon[k], lat[k], lon, lat))
    chosen = [int(np.argmin(lon))]
    while len(chosen) < BASINS:
        chosen.append(int(np.min([to(k) for k in chosen], axis=0).argmax()))
    owner = np.argmin([to(k) for k in chosen], axis=0)
    half = cells.spacing / 2
    boxes = shapely.box(lon - half, lat - half, lon + half, lat + half)
    features = [
        {
            "type": "Feature",
            "properties": {"NAME": f"basin {number + 1}"},
            "geometry": shapely.geometry.mapping(
                shapely.union_all(boxes[owner == number])
            ),
        }
        for number in range(BASINS)
    ]
    io.write_json({"type": "FeatureCollection", "features": features}, path)
