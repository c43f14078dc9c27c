"""A whole study: read, invert, judge, write. The one module that knows all parts."""

import contextlib
import dataclasses
import importlib.metadata
import importlib.util
import logging
import pathlib
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray

import jaxload
from jaxload import config, earth, evaluate, inversion, io, series, sphere

__all__ = ["Result", "Watch", "ignore", "run"]

logger = logging.getLogger(__name__)

#: Called with the name of a stage and the share of it that is done, 0 to 1.
Watch = Callable[[str, float], None]

#: Days that a monthly mean needs at least.
DAYS_IN_A_MONTH = 10


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """What a study found.

    Attributes:
      water: `twsa` [mm] with dimensions (time, lat, lon), and masks.
      stations: Observed, predicted and leave-one-out values [mm], (time, station).
      regions: Daily means over regions [mm], and the reference where given.
      summary: Plain numbers: what `summary.json` holds.
    """

    water: xr.Dataset
    stations: xr.Dataset
    regions: xr.Dataset
    summary: dict[str, Any]


def ignore(stage: str, share: float) -> None:
    """Watch nothing.

    Args:
      stage: Unused.
      share: Unused.
    """
    del stage, share


@dataclasses.dataclass
class _Clock:
    """Seconds of each stage, and whom to tell."""

    watch: Watch
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.watch(name, 0.0)
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start
        self.watch(name, 1.0)


def run(
    study: config.Study,
    out: str | pathlib.Path | None = None,
    watch: Watch | None = None,
) -> Result:
    """Run a study from its files to water storage.

    Everything is computed in float64, whatever JAX is set to outside.

    Args:
      study: What to do, from `config.read_study`.
      out: Folder for `twsa.nc`, `stations.nc`, `regions.nc`, `summary.json` and
        figures; nothing is written if not given.
      watch: Told of the progress.

    Returns:
      The `Result`.

    Raises:
      FileNotFoundError: If a file of the study is missing.
      ValueError: If an input cannot be used; the message says which and why.
    """
    clock = _Clock(watch or ignore)
    folder = None if out is None else io.prepare_folder(out)
    with jax.enable_x64(True):
        result, outline = _compute(study, clock)
    if folder is not None:
        _write(result, folder, outline, clock)
    return result


def _compute(study: config.Study, clock: _Clock) -> tuple[Result, list[NDArray]]:
    with clock.stage("read"):
        region = io.read_region(study.path(study.region.boundary))
        reference = _reference(study)
        outlines = _outlines(study, region)
        grid = sphere.regional_grid(
            region, study.region.spacing, study.region.buffer, study.region.offset
        )
        gnss = _inside(_observations(study), grid, study)
    with clock.stage("design"):
        problem = _problem(study, gnss, grid)
    up, sigma = gnss.up.values, _sigma(study, gnss)
    with clock.stage("beta"):
        gaps = inversion.find_gaps(up) if sigma.ndim == 1 else None
        beta, curve = _beta(study, problem, up, sigma, gaps, clock)
    with clock.stage("solve"):
        solution = inversion.solve(problem, up, sigma, beta, gaps=gaps)
        left_out = inversion.leave_one_out_residual(problem, up, sigma, beta, gaps=gaps)
        ok = np.asarray(solution.ok)
        if not ok.all():
            days = ", ".join(np.datetime_as_string(gnss.time.values[~ok][:5], "D"))
            logger.warning("%d epochs have no solution: %s ...", (~ok).sum(), days)
    with clock.stage("evaluate"):
        regions = _regions(study, grid, outlines, solution.load, gnss, reference)
        scores = _scores(study, regions)
        stations = _stations(gnss, sigma, solution, left_out)
        water = _water(study, grid, region, gnss, solution, beta)
    summary = _summary(stations, water, beta, curve, scores, grid, ok, clock)
    rings = [np.asarray(ring.coords) for ring in _rings(region)]
    return Result(water, stations, regions, summary), rings


def _observations(study: config.Study) -> xr.Dataset:
    settings = study.gnss
    return io.read_gnss(
        study.path(settings.files),
        sites=study.path(settings.sites) if settings.sites else None,
        start=settings.start or None,
        end=settings.end or None,
    )


def _inside(gnss: xr.Dataset, grid: sphere.Grid, study: config.Study) -> xr.Dataset:
    """The stations that stand on a cell; others are an error or dropped, as asked."""
    inside = sphere.cell_at(grid, gnss.lon.values, gnss.lat.values) >= 0
    if inside.all():
        return gnss
    outside = gnss.station.values[~inside]
    named = ", ".join(map(str, outside[:5])) + (" ..." if len(outside) > 5 else "")
    if not inside.any():
        raise ValueError(
            f"none of {len(outside)} stations ({named}) stands on the grid of "
            f"{study.region.boundary}, which spans {grid.lon_axis[0]:g} to "
            f"{grid.lon_axis[-1]:g} in lon and {grid.lat_axis[0]:g} to "
            f"{grid.lat_axis[-1]:g} in lat; is the outline in another hemisphere?"
        )
    if study.gnss.outside == "error":
        raise ValueError(
            f"{len(outside)} of {len(inside)} stations are outside the grid: {named}; "
            'widen region.buffer, or set gnss.outside = "drop"'
        )
    logger.warning("left out %d stations outside the grid: %s", len(outside), named)
    return gnss.isel(station=np.flatnonzero(inside))


def _sigma(study: config.Study, gnss: xr.Dataset) -> NDArray[np.float64]:
    """Standard errors, (station,) or (epoch, station), one where nothing was seen."""
    sigma = gnss.up_sigma.where(gnss.up.notnull())
    if study.gnss.sigma == "daily":
        return sigma.fillna(1.0).values
    return sigma.median("time").fillna(1.0).values


def _problem(
    study: config.Study, gnss: xr.Dataset, grid: sphere.Grid
) -> inversion.Problem:
    settings = study.earth
    radius = grid.cell_radius
    if settings.disc_radius_km:
        radius = float(sphere.arc_from_length(1e3 * settings.disc_radius_km))
    kernel = earth.disc_kernel(_love_numbers(study), radius=radius)
    design = earth.design_matrix(kernel, gnss, grid)
    operator = sphere.laplacian(grid, study.inversion.metric, study.inversion.boundary)
    return jax.block_until_ready(inversion.smooth_problem(design, operator))


def _love_numbers(study: config.Study) -> earth.LoveNumbers:
    settings = study.earth
    if settings.model == "prem":
        return earth.load_love_numbers("prem", settings.frame, settings.max_degree)
    profile = io.read_earth_profile(study.path(settings.model))
    model = earth.earth_model(*profile, name=settings.model)
    return earth.love_numbers(model, settings.max_degree, settings.frame)


def _beta(
    study: config.Study,
    problem: inversion.Problem,
    up: NDArray,
    sigma: NDArray,
    gaps: inversion.Gaps | None,
    clock: _Clock,
) -> tuple[float, dict[str, list[float]]]:
    """The weight of the prior, and the criterion at every weight tried."""
    settings = study.inversion
    chosen = isinstance(settings.beta, str)
    betas = np.geomspace(
        settings.smallest_beta, settings.largest_beta, settings.beta_count
    )
    if not isinstance(settings.beta, str):
        betas = np.array([settings.beta])
    done: list[float] = []

    def watch(beta: float, value: float) -> None:
        done.append(value)
        logger.info("beta %.4g: leave-one-out rms %.4f mm", beta, value)
        clock.watch("beta", len(done) / len(betas))

    values = inversion.scan(problem, up, sigma, betas, gaps=gaps, watch=watch)
    beta = inversion.best(betas, values) if chosen else float(betas[0])
    return beta, {"beta": betas.tolist(), "value": values.tolist()}


def _reference(study: config.Study) -> xr.Dataset | None:
    if not study.evaluation.grace:
        return None
    return io.read_grid(study.path(study.evaluation.grace))


def _outlines(
    study: config.Study, region: shapely.Geometry
) -> dict[str, shapely.Geometry]:
    """The study region and those listed for evaluation, by name."""
    outlines = {pathlib.Path(study.region.boundary).stem: region}
    for entry in study.evaluation.regions:
        name, _, wanted = entry.partition(":")
        path = study.path(name.strip())
        if path.suffix.lower() not in {".geojson", ".json"}:
            outlines[path.stem] = io.read_region(path)
            continue
        found = io.read_regions(path)
        names = [part.strip() for part in wanted.split(",") if part.strip()] or found
        for part in names:
            if part not in found:
                raise ValueError(
                    f"{path} holds no region {part!r}; it has {', '.join(found)}"
                )
            outlines[part] = found[part]
    return outlines


def _regions(
    study: config.Study,
    grid: sphere.Grid,
    outlines: dict[str, shapely.Geometry],
    load: jax.Array,
    gnss: xr.Dataset,
    reference: xr.Dataset | None,
) -> xr.Dataset:
    """Means over regions: daily, and monthly beside a reference if there is one."""
    weights = sphere.basin_weights(grid, outlines)
    daily = np.asarray(sphere.area_mean(weights.weights, load))
    labels = {"units": "mm", "long_name": "regional mean of water storage anomaly"}
    means = xr.Dataset(
        {
            "twsa": (("time", "region"), daily, labels),
            "covered": (
                "region",
                weights.covered,
                {"units": "1", "long_name": "share of the region inside the grid"},
            ),
        },
        coords={"time": gnss.time, "region": list(weights.names)},
        attrs={"title": study.title},
    )
    if reference is None:
        return means
    start, stop = _months(reference)
    monthly = series.period_mean(
        daily, gnss.time.values, start, stop, least=DAYS_IN_A_MONTH
    )
    footprint = _footprint(grid)
    inside = {name: shape.intersection(footprint) for name, shape in outlines.items()}
    other = sphere.raster_grid(reference.lon.values, reference.lat.values)
    over = sphere.basin_weights(other, inside)
    fields = reference.twsa.values.reshape(len(reference.time), -1)
    seen = np.asarray(sphere.area_mean(over.weights, fields.astype(np.float64)))
    return means.assign(
        monthly=(("month", "region"), np.asarray(monthly), labels),
        reference=(("month", "region"), seen, {"units": "mm", "long_name": "GRACE"}),
    ).assign_coords(month=reference.time.values)


def _months(reference: xr.Dataset) -> tuple[NDArray, NDArray]:
    """First instant of each month of a product and first instant after it."""
    if "time_bnds" in reference:
        bounds = reference.time_bnds.values.astype("M8[ns]")
        return bounds[:, 0], bounds[:, 1]
    month = reference.time.values.astype("M8[M]")
    return month.astype("M8[ns]"), (month + 1).astype("M8[ns]")


def _footprint(grid: sphere.Grid) -> shapely.Geometry:
    """The union of all cells."""
    half = grid.spacing / 2
    return shapely.union_all(
        shapely.box(grid.lon - half, grid.lat - half, grid.lon + half, grid.lat + half)
    )


def _scores(study: config.Study, regions: xr.Dataset) -> dict[str, dict[str, Any]]:
    if "reference" not in regions:
        return {}
    found = {}
    for number, name in enumerate(regions.region.values):
        ours, theirs = (
            regions[variable].values[:, number] for variable in ("monthly", "reference")
        )
        both = np.isfinite(ours) & np.isfinite(theirs)
        ours, theirs = ours[both], theirs[both]
        if study.evaluation.detrend and both.sum() > 2:
            years = regions.month.values[both].astype("M8[D]").astype(float) / 365.2425
            ours, theirs = (
                np.asarray(evaluate.detrend(x, years)) for x in (ours, theirs)
            )
        found[str(name)] = {
            "pcc": float(evaluate.pcc(ours, theirs)),
            "nse": float(evaluate.nse(ours, theirs)),
            "rmse_mm": float(evaluate.rmse(ours, theirs)),
            "months": int(both.sum()),
            "covered": float(regions.covered.values[number]),
        }
    return found


def _stations(
    gnss: xr.Dataset,
    sigma: NDArray,
    solution: inversion.Solution,
    left_out: jax.Array,
) -> xr.Dataset:
    dims = ("time", "station")
    seen = np.isfinite(gnss.up.values)
    used = np.where(seen, np.broadcast_to(sigma, seen.shape), np.nan)
    values = {
        "predicted": (np.asarray(solution.fitted), "uplift by the estimated water"),
        "leave_one_out_residual": (
            np.asarray(left_out),
            "observed minus predicted from the other stations",
        ),
        "sigma_used": (used, "standard error that weighted the observation"),
    }
    stations = gnss[["up", "up_sigma"]]
    for name, (array, meaning) in values.items():
        labels = {"units": "mm", "long_name": meaning}
        stations[name] = (dims, array.astype(np.float32), labels)
    return stations


def _water(
    study: config.Study,
    grid: sphere.Grid,
    region: shapely.Geometry,
    gnss: xr.Dataset,
    solution: inversion.Solution,
    beta: float,
) -> xr.Dataset:
    load = np.asarray(solution.load, np.float32)
    amplitude = np.asarray(series.annual_amplitude(solution.load, gnss.time.values))
    mask = np.where(shapely.intersects_xy(region, grid.lon, grid.lat), 2, 1)
    flags = {
        "long_name": "where water was estimated",
        "flag_values": np.array([0, 1, 2], np.int8),
        "flag_meanings": "outside belt region",
    }
    cells = np.nan_to_num(sphere.to_raster(grid, mask)).astype(np.int8)
    water = xr.Dataset(
        {
            "twsa": (("time", "lat", "lon"), sphere.to_raster(grid, load)),
            "annual_amplitude": (
                ("lat", "lon"),
                sphere.to_raster(grid, amplitude),
                {"units": "mm", "long_name": "annual amplitude of water storage"},
            ),
            "cell_mask": (("lat", "lon"), cells, flags),
            "ok": (
                "time",
                np.asarray(solution.ok).astype(np.int8),
                {"long_name": "1 where the epoch was solved"},
            ),
        },
        coords={"time": gnss.time, "lat": grid.lat_axis, "lon": grid.lon_axis},
        attrs={
            "Conventions": "CF-1.11",
            "title": study.title,
            "source": f"jaxload {jaxload.__version__}",
            "beta": beta,
            "settings": config.to_toml(study),
        },
    )
    return io.label_dataset(water)


def _summary(
    stations: xr.Dataset,
    water: xr.Dataset,
    beta: float,
    curve: dict[str, list[float]],
    scores: dict[str, dict[str, Any]],
    grid: sphere.Grid,
    ok: NDArray[np.bool_],
    clock: _Clock,
) -> dict[str, Any]:
    misfit = stations.up.values - stations.predicted.values
    return {
        "title": water.attrs["title"],
        "beta": beta,
        "criterion": [
            {"beta": one, "leave_one_out_rms_mm": value}
            for one, value in zip(curve["beta"], curve["value"])
        ],
        "leave_one_out_rms_mm": _rms(stations.leave_one_out_residual.values),
        "signal_rms_mm": _rms(stations.up.values),
        "misfit_rms_mm": _rms(misfit),
        "stations": stations.sizes["station"],
        "cells": len(grid.lon),
        "epochs": stations.sizes["time"],
        "first_day": str(stations.time.values[0])[:10],
        "last_day": str(stations.time.values[-1])[:10],
        "epochs_not_solved": int((~ok).sum()),
        "seconds": dict(clock.seconds),
        "peak_memory_gib": _peak_memory(),
        "evaluation": scores,
        "device": jax.devices()[0].device_kind,
        "versions": _versions(),
    }


def _rms(values: NDArray) -> float:
    return float(np.sqrt(np.nanmean(np.square(values, dtype=np.float64))))


def _peak_memory() -> float:
    """Largest resident size of this process so far [GiB]."""
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _versions() -> dict[str, str]:
    packages = ("jax", "jaxlib", "numpy", "scipy", "xarray")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {
        "jaxload": jaxload.__version__,
        "python": platform.python_version(),
        **found,
    }


def _rings(region: shapely.Geometry) -> list[shapely.LinearRing]:
    parts = getattr(region, "geoms", [region])
    return [ring for part in parts for ring in (part.exterior, *part.interiors)]


def _write(
    result: Result, folder: pathlib.Path, outline: list[NDArray], clock: _Clock
) -> None:
    with clock.stage("write"):
        for name in ("water", "stations", "regions"):
            file = "twsa.nc" if name == "water" else f"{name}.nc"
            io.write_dataset(getattr(result, name), folder / file)
    with clock.stage("figures"):
        _draw(result, folder, outline)
    seconds = result.summary["seconds"]
    seconds.update(clock.seconds)
    seconds["total"] = sum(clock.seconds.values())
    result.summary["peak_memory_gib"] = _peak_memory()
    io.write_json(result.summary, folder / "summary.json")


def _draw(result: Result, folder: pathlib.Path, outline: list[NDArray]) -> None:
    if importlib.util.find_spec("matplotlib") is None:
        logger.warning("no figures were drawn; install jaxload[plot]")
        return
    from jaxload import plot

    curve = result.summary["criterion"]
    reference = result.regions.get("reference")
    figures = {
        "annual_amplitude": plot.map_of(
            result.water.annual_amplitude,
            "annual amplitude of water storage",
            outline,
            result.stations,
        ),
        "regions": plot.region_series(
            result.regions.twsa, reference, result.summary["evaluation"]
        ),
        "station_fit": plot.station_fit(result.stations, outline),
        "beta": plot.beta_curve(
            [row["beta"] for row in curve],
            [row["leave_one_out_rms_mm"] for row in curve],
            result.summary["beta"],
            "leave-one-out rms [mm]",
        ),
    }
    for name, figure in figures.items():
        plot.save(figure, folder / f"{name}.png")
