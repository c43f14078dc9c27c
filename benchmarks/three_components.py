"""What horizontals add to heights, on twin worlds whose water is known.

    python -m benchmarks.three_components --days 120 --frames 0 1 --seeds 3

Each world is written as files, and inverted by `pipeline.run` with heights alone and
with three components; errors are those of the water of cells and of its mean over the
region, and how many of their standard deviations they are.
"""

import argparse
import dataclasses
import itertools
import json
import pathlib
import tempfile
from typing import Any

import jax
import numpy as np
import xarray as xr

from jaxload import config, io, pipeline, sphere, synthetic
from jaxload.demo.files.common import write_outline

#: Noise as of daily solutions: heights scatter by 4 to 5 mm, horizontals by 1 to 1.5.
WORLD: dict[str, Any] = {"white": 4.0, "flicker": 2.0, "common": 0.0, "horizontal": 1.2}


def write_twin(twin: synthetic.Twin, folder: pathlib.Path) -> None:
    """Write a twin with its horizontals as netCDF, and its outline."""
    dims, parts = ("time", "station"), dict(twin.horizontals)
    parts["up"] = twin.displacement, twin.sigma
    variables = {}
    for name, (values, sigma) in parts.items():
        variables |= {name: (dims, values), f"{name}_sigma": (dims, sigma)}
    coords = {
        "time": twin.time.astype("M8[ns]"),
        "station": twin.station,
        "lon": ("station", twin.lon),
        "lat": ("station", twin.lat),
        "height": ("station", np.zeros(len(twin.lon))),
    }
    observed = io.label_dataset(xr.Dataset(variables, coords))
    io.write_gnss(observed, folder / "gnss.nc")
    write_outline(twin.region, folder / "region.geojson", "twin region")


def study_of(folder: pathlib.Path, components: tuple[str, ...], **inversion):
    """A study of a twin."""
    return config.Study(
        gnss=config.Gnss(files="gnss.nc", components=components),
        region=config.Region(boundary="region.geojson", spacing=0.5, buffer=2.0),
        earth=config.Earth(max_degree=5000),
        inversion=config.Inversion(beta_count=9, errors="cells", **inversion),
        folder=str(folder),
    )


def scores_of(twin: synthetic.Twin, result: pipeline.Result) -> dict[str, float]:
    """Errors of the estimate [mm], and in units of its standard deviations."""
    row, column = np.nonzero(result.water.cell_mask.values == 2)
    lon, lat = result.water.lon.values[column], result.water.lat.values[row]
    quarter = twin.grid.spacing / 2
    corners = itertools.product((-quarter, quarter), repeat=2)
    cells = [sphere.cell_at(twin.grid, lon + a, lat + b) for a, b in corners]
    true = np.mean([twin.water[:, cell] for cell in cells], axis=0)
    at = lambda name: result.water[name].values[:, row, column].astype(np.float64)
    error, ratio = at("twsa") - true, (at("twsa") - true) / at("twsa_sd")
    weights = sphere.basin_weights(twin.grid, {"region": twin.region}).weights
    mean = np.asarray(sphere.area_mean(weights, twin.water))[:, 0]
    of_mean = result.regions.twsa.values[:, 0] - mean
    rms = lambda values: float(np.sqrt(np.mean(np.square(values))))
    return {
        "beta": float(result.summary["beta"]),
        "cells_mm": rms(error),
        "cells_in_sd": rms(ratio),
        "region_mm": rms(of_mean),
        "region_in_sd": rms(of_mean / result.regions.twsa_sd.values[:, 0]),
        "leave_one_out_up_mm": result.summary["leave_one_out_rms_mm"],
    } | result.summary.get("frame_sd_mm", {})


def compare(settings: synthetic.TwinSettings, cases: dict) -> dict:
    """Scores of each way to invert one world."""
    with jax.enable_x64(True):
        twin = synthetic.twin(settings)
    scores = {}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_twin(twin, folder)
        for case, (components, inversion) in cases.items():
            study = study_of(folder, components, **inversion)
            run = pipeline.run(study, None)
            with jax.enable_x64(True):
                scores[case] = scores_of(twin, run)
            print(case, json.dumps(scores[case]), flush=True)
    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--days", type=int, default=150)
    parser.add_argument("--stations", type=int, default=40)
    parser.add_argument("--frames", type=float, nargs="+", default=[0.0, 1.0, 3.0])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    three = ("up", "north", "east")
    sizes = ("frame_translation_mm", "frame_rotation_mm", "frame_scale_mm")
    frame = lambda size: dict.fromkeys(sizes, size)
    results = {}
    for size, seed in itertools.product(options.frames, range(1, options.seeds + 1)):
        settings = synthetic.TwinSettings(
            seed=seed,
            days=options.days,
            stations=options.stations,
            frame=size,
            spacing=0.25,
            **WORLD,
        )
        cases = {
            "up": (("up",), {}),
            "up, common mode estimated": (("up",), {"common_mode_mm": "estimate"}),
            "up, abic": (("up",), {"criterion": "abic"}),
            "three": (three, {}),
            "three, abic": (three, {"criterion": "abic"}),
            "three, no frame": (three, frame(0.0)),
            "three, frame 100 mm": (three, frame(100.0)),
        }
        print(f"frame errors of {size:g} mm, seed {seed}", flush=True)
        results[f"{size:g} mm, seed {seed}"] = compare(settings, cases)
    if options.out:
        settings = dataclasses.asdict(synthetic.TwinSettings()) | WORLD
        content = {"settings": settings, "results": results}
        options.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
