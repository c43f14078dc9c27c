"""Groundwater of a twin of western Yunnan, held against the truth and an article."""

import contextlib
import os
from typing import Any

import jax
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, evaluate, io, pipeline, synthetic
from jaxload.demo.files.common import simulated_folder
from jaxload.demo.files.groundwater import write_world
from jaxload.demo.published_table import table_lines

__all__ = ["compare_with_truth", "groundwater_study", "run_groundwater"]

#: Loads by their name in the results, and in the world.
LOADS = {"atmosphere": "atmosphere", "soil": "soil_water", "ocean": "ocean"}


def groundwater_study(folder: str | os.PathLike[str] = ".") -> config.Study:
    """Make the settings by which groundwater is estimated.

    Args:
      folder: Where the files of `write_world` are.

    Returns:
      The study, the same as the example "cors_groundwater".
    """
    return config.Study(
        title="Groundwater of western Yunnan, 66 stations, 2018 to 2020",
        gnss=config.Gnss(files="gnss/*.up", sites="gnss/sites.txt"),
        region=config.Region(boundary="region.geojson", buffer=0.5),
        cleaning=config.Cleaning(
            outliers="3-sigma",
            steps="gnss/offsets.csv",
            trend="remove",
            average="weekly",
            reconstruct=8,
        ),
        loads=config.Loads(
            atmosphere="loads/pressure_global.nc",
            atmosphere_regional="loads/pressure_regional.nc",
            soil="loads/soil_global.nc",
            soil_regional="loads/soil_regional.nc",
            ocean="loads/ocean.nc",
            land_mask="loads/land.nc",
        ),
        earth=config.Earth(max_distance_deg=2.0),
        inversion=config.Inversion(
            prior="laplacian", beta=0.01, criterion="l-curve", station_weights=True
        ),
        groundwater=config.Groundwater(
            grace="grace.nc", wells="wells.csv", precipitation="precipitation.nc"
        ),
        evaluation=config.Evaluation(regions=("areas.geojson",)),
        folder=os.fspath(folder),
    )


def run_groundwater(
    out: str | os.PathLike[str],
    settings: synthetic.GroundwaterSettings | None = None,
    watch: pipeline.Watch | None = None,
    resume: bool = False,
) -> list[str]:
    """Simulate western Yunnan, write it as real data, study it, compare.

    Args:
      out: Folder; `data/` in it holds what was simulated, `study.toml` and the truth
        included.
      settings: What kind of world.
      watch: As in `pipeline.run`.
      resume: As in `pipeline.run`.

    Returns:
      What came out, as lines: a table beside the numbers of the article that the study
      follows, and how close it came to the truth.

    Raises:
      ValueError: If the folder is in use or cannot be written to, or a library is
        missing.
    """
    watch = watch or pipeline.ignore
    pipeline.check_libraries(groundwater_study())
    settings = settings or synthetic.GroundwaterSettings()
    folder = io.prepare_folder(out)
    with simulated_folder(folder / "data", "western_yunnan", settings) as data:
        watch("simulation", 0.0)
        with jax.enable_x64(True):
            world = synthetic.groundwater_world(settings)
        write_world(world, data)
        study = groundwater_study(data)
        io.write_text(data / "study.toml", config.to_toml(study))
        watch("simulation", 1.0)
        run = pipeline.run(study, folder, watch, resume)
        result = pipeline.as_written(run)
        truth = io.read_dataset(data / "truth.nc", load=True)
        with contextlib.closing(run), truth:
            scores = compare_with_truth(result, truth)
        summary = result.summary | scores
        io.write_json(summary, folder / "summary.json")
    return [*table_lines(summary), *_lines(summary, str(folder))]


def compare_with_truth(result: pipeline.Result, truth: xr.Dataset) -> dict[str, Any]:
    """Hold a study of a world against what the world is.

    Args:
      result: Of the study.
      truth: As of `write_world`.

    Returns:
      For the summary: `gwsa_correlation` by station, and `truth`, numbers by station:
      standard deviation of groundwater and what it is in the estimate [mm], correlation
      without their straight lines, which a study of heights without rates cannot know,
      and rms of the error of every load but for such a line [mm].
    """
    assert result.groundwater is not None
    ours = result.groundwater.gwsa
    names = ours.station.values
    true = truth.sel(time=ours.time, station=names)
    estimate, water = (x.values.astype(np.float64) for x in (ours, true.station_gwsa))
    weeks = np.arange(len(water), dtype=np.float64)
    statistics = {
        "true_sd_mm": np.nanstd(np.where(np.isfinite(estimate), water, np.nan), axis=0),
        "estimate_sd_mm": np.nanstd(estimate, axis=0),
        "correlation_without_lines": evaluate.pcc(
            *(evaluate.detrend(x, weeks, axis=0) for x in (estimate, water)), axis=0
        ),
    }
    for name, origin in LOADS.items():
        load = result.stations[f"load_{name}"].values
        error = load - true[f"uplift_{origin}"].values.astype(np.float64)
        # The loads of the study lost their rates with the heights.
        statistics[f"{name}_error_mm"] = np.nanstd(
            evaluate.detrend(error, weeks, axis=0), axis=0
        )
    correlation = _by_station(names, evaluate.pcc(estimate, water, axis=0))
    parts = {key: _by_station(names, values) for key, values in statistics.items()}
    return {"gwsa_correlation": correlation, "truth": parts}


def _by_station(names: NDArray, values: Any) -> dict[str, float]:
    return dict(zip(map(str, names), np.asarray(values, np.float64).tolist()))


def _lines(summary: dict[str, Any], folder: str) -> list[str]:
    correlation = np.array(list(summary["gwsa_correlation"].values()))
    total = np.array([x["total"] for x in summary["wrms_reduction_percent"].values()])
    parts = summary["truth"]
    true, ours = (
        np.median(list(parts[key].values())) for key in ("true_sd_mm", "estimate_sd_mm")
    )
    return [
        f"Groundwater at {len(correlation)} stations against the truth: correlation "
        f"{correlation.min():.2f} to {correlation.max():.2f}, median "
        f"{np.median(correlation):.2f}.",
        f"Its standard deviation is {ours:.0f} mm, truly {true:.0f} mm (medians): what "
        "water beyond 2 degrees does is put on nearer cells, as the article has it.",
        f"The scatter of heights falls at {(total > 0).sum()} of {len(total)} stations "
        "when the loads are removed.",
        f"Maps and files are in {folder}.",
    ]
