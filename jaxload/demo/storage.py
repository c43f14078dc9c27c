"""The main job on the built-in twin world, whose true water is known."""

import contextlib
import dataclasses
import importlib.util
import os
import pathlib

import jax
import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, evaluate, io, pipeline, series, sphere, synthetic
from jaxload._calendar import DAY, month_bounds
from jaxload.demo.files.common import simulated_folder, write_outline

__all__ = ["Scores", "run_twin"]

#: Half the width of an interval that holds 95% of a normal distribution, in its sd.
NORMAL_95 = 1.96


@dataclasses.dataclass(frozen=True)
class Scores:
    """How close the estimate came to the truth.

    Attributes:
      region_pcc: Correlation of the daily mean over the region.
      region_nse: Nash-Sutcliffe efficiency of it.
      region_rmse_mm: Root mean square error of it [mm].
      region_std_mm: Standard deviation of the true mean [mm].
      cell_pcc: Median over the cells of the region, monthly means.
      cell_rmse_mm: Likewise [mm].
      region_within_95: Share of the days whose true mean over the region lies in the
        95% interval of the estimate.
      noise_rms_mm: What the simulated heights hold beside the load [mm].
    """

    region_pcc: float
    region_nse: float
    region_rmse_mm: float
    region_std_mm: float
    cell_pcc: float
    cell_rmse_mm: float
    region_within_95: float
    noise_rms_mm: float


def run_twin(
    out: str | os.PathLike[str],
    settings: synthetic.TwinSettings | None = None,
    watch: pipeline.Watch | None = None,
    resume: bool = False,
) -> list[str]:
    """Simulate, write as real data, invert, compare with the truth, draw.

    Args:
      out: Folder; `data/` in it holds what was simulated, `study.toml` included.
      settings: What kind of world.
      watch: As in `pipeline.run`.
      resume: As in `pipeline.run`.

    Returns:
      What came out, in five lines.

    Raises:
      ValueError: If the folder is in use or cannot be written to, or the netCDF library
        is missing.
    """
    watch = watch or pipeline.ignore
    pipeline.check_libraries()
    settings = settings or synthetic.TwinSettings()
    folder = io.prepare_folder(out)
    with simulated_folder(folder / "data", "twin", settings) as data:
        watch("simulation", 0.0)
        with jax.enable_x64(True):
            twin = synthetic.twin(settings)
        study = _write_data(twin, data)
        watch("simulation", 1.0)
        run = pipeline.run(study, folder, watch, resume)
        result = pipeline.as_written(run)
        with contextlib.closing(run), jax.enable_x64(True):
            scores = _compare(twin, result)
            _draw(twin, result, folder)
        summary = result.summary | {"truth": dataclasses.asdict(scores)}
        io.write_json(summary, folder / "summary.json")
    return _lines(summary, scores, folder)


def _write_data(twin: synthetic.Twin, folder: pathlib.Path) -> config.Study:
    """Lay the twin out as files that a real study could have come with."""
    dims = ("time", "station")
    observed = xr.Dataset(
        {"up": (dims, twin.displacement), "up_sigma": (dims, twin.sigma)},
        coords={
            "time": twin.time.astype("M8[ns]"),
            "station": twin.station,
            "lon": ("station", twin.lon),
            "lat": ("station", twin.lat),
            "height": ("station", np.zeros(len(twin.lon))),
        },
    )
    io.write_up(io.label_dataset(observed), io.prepare_folder(folder / "gnss"))
    write_outline(twin.region, folder / "region.geojson", "twin region")
    study = config.Study(
        gnss=config.Gnss(files="gnss/*.up", sites="gnss/sites.txt"),
        region=config.Region(boundary="region.geojson", buffer=2.0),
        title="a twin world",
        # The heights of the twin have a common mode, as real ones do.
        inversion=config.Inversion(beta_count=13, common_mode_mm="estimate"),
    )
    io.write_text(folder / "study.toml", config.to_toml(study))
    return dataclasses.replace(study, folder=str(folder))


def _compare(twin: synthetic.Twin, result: pipeline.Result) -> Scores:
    true = _true_mean(twin)
    ours = result.regions.twsa.values[:, 0]
    cells = _monthly_cells(twin, result)
    noise = twin.displacement - twin.loading
    return Scores(
        region_pcc=float(evaluate.pcc(ours, true)),
        region_nse=float(evaluate.nse(ours, true)),
        region_rmse_mm=float(evaluate.rmse(ours, true)),
        region_std_mm=float(true.std()),
        cell_pcc=float(np.median(evaluate.pcc(*cells, axis=0))),
        cell_rmse_mm=float(np.median(evaluate.rmse(*cells, axis=0))),
        region_within_95=_within_95(result.regions, true),
        noise_rms_mm=float(np.sqrt(np.nanmean(noise**2))),
    )


def _within_95(regions: xr.Dataset, true: NDArray) -> float:
    error = np.abs(regions.twsa.values[:, 0] - true)
    return float(np.mean(error < NORMAL_95 * regions.twsa_sd.values[:, 0]))


def _true_mean(twin: synthetic.Twin) -> NDArray:
    """True water averaged over the region, shape (epoch,)."""
    weights = sphere.basin_weights(twin.grid, {"region": twin.region}).weights
    return np.asarray(sphere.area_mean(weights, twin.water))[:, 0]


def _monthly_cells(
    twin: synthetic.Twin, result: pipeline.Result
) -> tuple[NDArray, NDArray]:
    """Estimated and true monthly means on the cells of the region, (month, cell)."""
    row, column = np.nonzero(result.water.cell_mask.values == 2)
    lon, lat = result.water.lon.values[column], result.water.lat.values[row]
    # The cells are staggered: each overlaps four true ones by a quarter.
    quarter = twin.grid.spacing / 4
    corners = [(a * quarter, b * quarter) for a in (-1, 1) for b in (-1, 1)]
    parts = [sphere.cell_at(twin.grid, lon + a, lat + b) for a, b in corners]
    true = np.mean([twin.water[:, part] for part in parts], axis=0)
    ours = result.water.twsa.values[:, row, column].astype(np.float64)
    return _monthly(twin, ours)[1], _monthly(twin, true)[1]


def _monthly(twin: synthetic.Twin, values: NDArray) -> tuple[NDArray, NDArray]:
    """First days of the months, and means of (epoch, column) values over them."""
    months = np.unique(twin.time.astype("M8[M]"))
    start, stop = month_bounds(months)
    return start, np.asarray(series.period_mean(values, twin.time, start, stop))


def _draw(twin: synthetic.Twin, result: pipeline.Result, folder: pathlib.Path) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        return
    from jaxload import plot

    truth, estimate = _maps(twin, result)
    months, monthly = _monthly(twin, _true_mean(twin)[:, None])
    mean = xr.DataArray(
        monthly,
        coords={
            "month": (months + 15 * DAY).astype("M8[ns]"),
            "region": result.regions.region,
        },
        attrs={"long_name": "truth, monthly"},
    )
    io.write_figure(
        plot.region_series(result.regions.twsa, mean, {}, result.regions.twsa_sd),
        folder / "regions.png",
    )
    figure = plot.twin_maps(truth, estimate, result.stations, result.outline)
    io.write_figure(figure, folder / "twin.png")


def _maps(twin: synthetic.Twin, result: pipeline.Result) -> list[xr.DataArray]:
    """True and estimated annual amplitude, or scatter where a world is too short."""
    if "annual_amplitude" in result.water:
        what, estimate = "annual amplitude", result.water.annual_amplitude
        field = np.asarray(series.annual_amplitude(twin.water, twin.time))
    else:
        what, estimate = "standard deviation in time", result.water.twsa.std("time")
        field = twin.water.std(axis=0)
    inside = shapely.intersects_xy(twin.region, twin.grid.lon, twin.grid.lat)
    raster = sphere.to_raster(twin.grid, np.where(inside, field, np.nan))
    # Water in the belt is no result.
    estimate = estimate.where(result.water.cell_mask == 2)
    axes = {"lat": twin.grid.lat_axis, "lon": twin.grid.lon_axis}
    truth = xr.DataArray(raster, axes, ("lat", "lon"))
    labels = {"units": "mm", "long_name": what}
    return [field.assign_attrs(labels) for field in (truth, estimate)]


def _lines(summary: dict, scores: Scores, folder: pathlib.Path) -> list[str]:
    return [
        f"A twin world of {summary['stations']} stations and {summary['epochs']} days; "
        f"heights hold {scores.noise_rms_mm:.1f} mm of noise.",
        f"Water on {summary['cells']} cells for every day, "
        f"beta {summary['beta']:.3g} by leave-one-out, "
        f"in {summary['seconds']['total']:.0f} s.",
        f"Heights: signal {summary['signal_rms_mm']:.2f} mm, predicted from the other "
        f"stations to {summary['leave_one_out_rms_mm']:.2f} mm.",
        f"Mean water of the region against the truth: correlation "
        f"{scores.region_pcc:.3f}, error {scores.region_rmse_mm:.1f} mm of "
        f"{scores.region_std_mm:.1f} mm; {100 * scores.region_within_95:.0f}% of the "
        "days lie in their 95% interval.",
        f"Single cells, monthly: correlation {scores.cell_pcc:.2f}, error "
        f"{scores.cell_rmse_mm:.0f} mm (medians). Maps and files are in {folder}.",
    ]
