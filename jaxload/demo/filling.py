"""Places without a receiver in a twin of southwest China, filled by each system."""

import contextlib
import dataclasses
import functools
import os
from typing import Any

import jax
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, evaluate, io, pipeline, synthetic
from jaxload.demo.files.china import write_weather_world
from jaxload.demo.files.common import simulated_folder

__all__ = ["FILLERS", "compare_cells", "filling_study", "run_filling"]

CELL_LOADS = ("loads/cells/NTAL.*.txt", "loads/cells/NTOL.*.txt")
STATION_LOADS = ("loads/stations/NTAL.*.txt", "loads/stations/NTOL.*.txt")

#: What fills in each system; fewer trees and steps than a study would have. Few
#: stations of the southwest follow the weather as closely as 0.5.
FILLERS = {
    "mllim": config.Gapfill(method="mllim", trees=30, virtual_station_loads=CELL_LOADS),
    "dwlim": config.Gapfill(
        method="dwlim",
        control_correlation=0.3,
        steps=150,
        virtual_station_loads=CELL_LOADS,
    ),
    "joint": config.Gapfill(
        method="joint-load",
        hidden=16,
        steps=160,
        neighbourhood_km=110.0,
    ),
}

#: How is inverted, where not with the articles' beta.
INVERSIONS = {"joint": config.Inversion(noise="network")}

#: Three years on cells of half a degree: minutes, not hours.
WORLD = synthetic.WeatherSettings(start="2015-01-01", stop="2017-12-31", spacing=0.5)


def filling_study(system: str, folder: str | os.PathLike[str] = ".") -> config.Study:
    """Make the settings by which water is estimated.

    Args:
      system: One of `FILLERS`.
      folder: Where the files of `write_weather_world` are.

    Returns:
      The study.
    """
    taken_apart = config.Features(method="meemd", ensemble_size=10, workers=2)
    return config.Study(
        title=f"Southwest China, 57 stations, {system.upper()}",
        gnss=config.Gnss(files="gnss/*.tenv3"),
        region=config.Region(boundary="region.geojson", spacing=WORLD.spacing),
        cleaning=config.Cleaning(
            outliers="3-sigma", steps="gnss/steps.txt", trend="remove", average="weekly"
        ),
        loads=config.Loads(displacement=STATION_LOADS, displacement_units="m"),
        weather=_weather(system),
        features=taken_apart if system == "dwlim" else config.Features(method="none"),
        gapfill=FILLERS[system],
        inversion=INVERSIONS.get(system, config.Inversion(beta=0.01)),
        evaluation=config.Evaluation(
            grace=("grace_csr.nc", "grace_jpl.nc"),
            land_model="storage.nc",
            regions=("provinces.geojson", "basins.geojson"),
            precipitation="precipitation.nc",
        ),
        folder=os.fspath(folder),
    )


def _weather(system: str) -> config.Weather:
    """Take the drivers of the articles, and rain where they do not say."""
    dry = config.Weather(temperature="temperature.nc", pressure="pressure.nc")
    if system != "joint":
        return dry
    return dataclasses.replace(dry, precipitation="precipitation.nc")


def run_filling(
    system: str,
    out: str | os.PathLike[str],
    settings: synthetic.WeatherSettings | None = None,
    watch: pipeline.Watch | None = None,
    resume: bool = False,
) -> list[str]:
    """Simulate southwest China, write it as real data, fill and invert, compare.

    Args:
      system: One of `FILLERS`.
      out: Folder; `data/` in it holds what was simulated, `study.toml` and the truth
        included.
      settings: What kind of world.
      watch: As in `pipeline.run`.
      resume: As in `pipeline.run`.

    Returns:
      What came out, as lines.

    Raises:
      ValueError: If the folder is in use or cannot be written to, or a library is
        missing, as scikit-learn for "mllim".
    """
    watch = watch or pipeline.ignore
    pipeline.check_libraries(filling_study(system))
    settings = settings or WORLD
    folder = io.prepare_folder(out)
    with simulated_folder(folder / "data", settings.region, settings) as data:
        watch("simulation", 0.0)
        with jax.enable_x64(True):
            world = synthetic.weather_world(settings)
            write_weather_world(world, data)
        study = filling_study(system, data)
        io.write_text(data / "study.toml", config.to_toml(study))
        watch("simulation", 1.0)
        # The same by its stations alone, tuned to them: what there is to gain from.
        stations_only = dataclasses.replace(
            study, gapfill=None, inversion=config.Inversion(prior="laplacian")
        )
        run = pipeline.run(study, folder, watch, resume)
        result = pipeline.as_written(run)
        baseline = pipeline.run(stations_only, watch=lambda *_: None)
        with (
            contextlib.closing(run),
            io.read_dataset(data / "truth.nc", load=True) as true,
            jax.enable_x64(True),
        ):
            scores = {
                name: compare_cells(estimate.water, true)
                for name, estimate in (("filled", result), ("stations_alone", baseline))
            }
        summary = result.summary | {"truth": scores}
        io.write_json(summary, folder / "summary.json")
    return [*_lines(summary), f"Maps and files are in {folder}."]


def compare_cells(water: xr.Dataset, truth: xr.Dataset) -> dict[str, float]:
    """Hold monthly water of single cells against the truth.

    Args:
      water: With `twsa` and `cell_mask`, as in `pipeline.Result`.
      truth: As of `write_weather_world`.

    Returns:
      Nash-Sutcliffe efficiency, correlation and rms error [mm], over cells and months
      together, of all cells of the region (`all_`) and of those farther than 1 degree
      from any station (`far_`), without their straight lines.
    """
    ours = water.twsa.resample(time="MS").mean()
    true = truth.twsa.sel(time=ours.time, lat=ours.lat, lon=ours.lon, method="nearest")
    inside = water.cell_mask.values == 2
    lat, lon = (x.values for x in xr.broadcast(water.lat, water.lon))
    arc = functools.partial(np.hypot.reduce, axis=0)
    stations = np.stack([truth.station_lon.values, truth.station_lat.values])
    shrink = np.cos(np.deg2rad(lat))[..., None]
    apart = arc(
        [(lon[..., None] - stations[0]) * shrink, lat[..., None] - stations[1]]
    ).min(axis=-1)
    months = np.arange(len(ours.time), dtype=np.float64)
    scores: dict[str, float] = {}
    for name, cells in (("far", inside & (apart > 1)), ("all", inside)):
        pair = (x.values[:, cells].astype(np.float64) for x in (ours, true))
        flat = [np.ravel(evaluate.detrend(x, months, axis=0)) for x in pair]
        scores |= _agreement(name, *flat)
    return scores


def _agreement(name: str, ours: NDArray, true: NDArray) -> dict[str, float]:
    return {
        f"{name}_nse": float(evaluate.nse(ours, true)),
        f"{name}_pcc": float(evaluate.pcc(ours, true)),
        f"{name}_rmse_mm": float(evaluate.rmse(ours, true)),
    }


def _lines(summary: dict[str, Any]) -> list[str]:
    filled, baseline = (summary["truth"][n] for n in ("filled", "stations_alone"))
    return [
        f"Southwest China, {summary['stations']} stations, {summary['epochs']} weeks: "
        "monthly water of single cells against the truth.",
        *(
            f"{where}: correlation {filled[f'{key}_pcc']:.2f}, efficiency "
            f"{filled[f'{key}_nse']:.2f}, error {filled[f'{key}_rmse_mm']:.0f} mm; by "
            f"stations alone {baseline[f'{key}_pcc']:.2f}, "
            f"{baseline[f'{key}_nse']:.2f}, "
            f"{baseline[f'{key}_rmse_mm']:.0f} mm."
            for key, where in (
                ("far", "Cells farther than 1 degree from any station"),
                ("all", "All cells of the region"),
            )
        ),
    ]
