"""Worlds written as real data come, for studies of one's own."""

import dataclasses
import os

import jax

from jaxload import io, pipeline, synthetic
from jaxload.demo.files.china import write_weather_world
from jaxload.demo.files.common import simulated_folder
from jaxload.demo.files.groundwater import write_world

__all__ = ["WORLDS", "simulate"]

#: Which worlds there are, and the studies that are made for them.
WORLDS = {
    "southwest_china": ("mllim_southwest_china.toml", "joint_southwest_china.toml"),
    "mainland_china": ("dwlim_mainland_china.toml",),
    "western_yunnan": ("cors_groundwater.toml",),
}


def simulate(
    name: str,
    out: str | os.PathLike[str],
    seed: int | None = None,
    watch: pipeline.Watch | None = None,
) -> list[str]:
    """Simulate a world, and write what is measured in it.

    Args:
      name: One of `WORLDS`: 57 stations of southwest China or 263 of mainland China
        with ten years of days and their weather, as `write_weather_world` says; or 66
        of western Yunnan with three years and groundwater, as `write_world` says.
      out: Folder; made if it is not there.
      seed: From which everything random is drawn; None takes the usual one.
      watch: As in `pipeline.run`.

    Returns:
      What was written, as lines.

    Raises:
      ValueError: If the name is none of these, the seed is negative, the folder cannot
        be written to, or the netCDF library is missing.

    Example:
      >>> simulate("southwest_china", "data")
    """
    if name not in WORLDS:
        raise ValueError(f"world is {name!r}, expected one of {', '.join(WORLDS)}")
    if seed is not None and seed < 0:
        raise ValueError(f"seed is {seed}, expected zero or more")
    io.require_netcdf()
    watch = watch or pipeline.ignore
    watch("simulation", 0.0)
    settings = _settings(name, seed)
    with simulated_folder(out, name, settings) as folder, jax.enable_x64(True):
        if isinstance(settings, synthetic.GroundwaterSettings):
            world = synthetic.groundwater_world(settings)
            write_world(world, folder, 1 if seed is None else seed)
        else:
            write_weather_world(synthetic.weather_world(settings), folder)
    watch("simulation", 1.0)
    studies = " and ".join(file.removesuffix(".toml") for file in WORLDS[name])
    return [
        f"What is measured in the world is in {out}, the truth in truth.nc there.",
        f"Made for it: {studies}, which jaxload example writes; run with --data {out}.",
    ]


def _settings(
    name: str, seed: int | None
) -> synthetic.GroundwaterSettings | synthetic.WeatherSettings:
    if name == "western_yunnan":
        usual = synthetic.GroundwaterSettings()
    else:
        usual = synthetic.WeatherSettings(region=name)
    return usual if seed is None else dataclasses.replace(usual, seed=seed)
