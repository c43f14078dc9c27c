"""Gridded files of a study, found and described without reading their values."""

import dataclasses

import numpy as np

from jaxload import config, io
from jaxload.io.files.paths import expand
from jaxload.pipeline.inputs.gridded import read_grid_source_header
from jaxload.pipeline.prepare.grid_loads import QUANTITIES

__all__ = ["GriddedInput", "describe_input", "find_gridded_inputs"]

#: Endings of gridded files; others that the same settings name are tables or lists.
GRIDS = (".nc", ".nc4", ".nc3", ".cdf", ".h5", ".hdf5", ".he5")

#: Days by which a record may begin after the heights, or end before them.
SLACK = 45


@dataclasses.dataclass(frozen=True)
class GriddedInput:
    """Gridded files that a study names.

    Attributes:
      setting: What the study calls them.
      source: The files.
      quantity: What is read of them, as of `io.read_grid`; None for what is there.
    """

    setting: str
    source: config.GridSource
    quantity: tuple[str, ...] | None


def find_gridded_inputs(study: config.Study) -> list[GriddedInput]:
    """Find the gridded files that a study names.

    Those of ``[evaluation]`` are not among them, as `read_study_area` reads these.

    Args:
      study: The study.

    Returns:
      The files of each setting.
    """
    inputs: list[GriddedInput] = []

    def add(setting: str, grids: config.Grids, quantity: tuple[str, ...]) -> None:
        for source in config.grid_sources(grids) if grids else ():
            if _are_grids(study, source):
                inputs.append(GriddedInput(setting, source, quantity))

    for kind, (globe, regional) in study.loads.grids.items():
        add(f"loads.{kind}", globe, (QUANTITIES[kind],))
        add(f"loads.{kind}_regional", regional, (QUANTITIES[kind],))
    warmth = config.thermoelastic_table(study.inversion.thermoelastic)
    add("inversion.thermoelastic", warmth.grid if warmth else "", ("temperature",))
    gravimetry = config.gravimetry_table(study.inversion.grace)
    if gravimetry is not None and not gravimetry.coefficients:
        add("inversion.grace", gravimetry.files, io.STORAGES)
    if study.groundwater is not None:
        add("groundwater.grace", study.groundwater.grace, io.STORAGES)
        rain = study.groundwater.rain
        add("groundwater.precipitation", rain or "", ("precipitation",))
    if study.gapfill is not None:
        add("gapfill.grace", study.gapfill.grace, io.STORAGES)
    if study.weather is not None:
        for name, source in study.weather.sources.items():
            add(f"weather.{name}", source, study.weather.quantity(name))
    return inputs


def _are_grids(study: config.Study, source: config.GridSource) -> bool:
    """Whether files are there that end as grids do; others are only looked for."""
    try:
        paths = [p for name in source.paths for p in expand(study.path(name))]
    except (ValueError, OSError):
        return False
    return all(path.suffix.lower() in GRIDS for path in paths)


def describe_input(
    study: config.Study, files: GriddedInput, days: tuple[np.datetime64, ...]
) -> tuple[str, str]:
    """Describe gridded files, and where they do not cover the time of the heights.

    Args:
      study: Its `folder` is that of relative paths.
      files: The files.
      days: First and last day of the heights; empty where they are not known.

    Returns:
      A line on what they hold, and a doubt; empty without one.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If they cannot be read, or have no day in common with the heights.
    """
    header = read_grid_source_header(study, files.setting, files.source, files.quantity)
    line = (
        f"{files.setting}: {header.quantity} ({' + '.join(header.variables)}), "
        f"{header.first} to {header.last}, {header.entries:,} entries, cells of "
        f"{header.spacing[0]:.4g} by {header.spacing[1]:.4g} degrees"
    )
    if not days:
        return line, ""
    slack = np.timedelta64(SLACK, "D")
    if header.first > days[1] + slack or header.last < days[0] - slack:
        raise ValueError(
            f"{files.setting} {files.source} is of {header.first} to {header.last}, "
            f"and the heights of {days[0]} to {days[1]}; get data of their time, or "
            "set gnss.start and gnss.end"
        )
    late = f"begins on {header.first}" if header.first > days[0] + slack else ""
    early = f"ends on {header.last}" if header.last < days[1] - slack else ""
    part = " and ".join(filter(None, (late, early)))
    if not part:
        return line, ""
    return (
        line,
        f"{files.setting} {part}, and the heights are of {days[0]} to {days[1]}",
    )
