"""Grids of a study, read with the settings beside their names."""

import dataclasses
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import xarray as xr

from jaxload import config, io
from jaxload.pipeline.messages import error_context

__all__ = ["LARGE_FILES", "read_grid_source", "read_grid_source_header"]

#: Size of the files of a grid [bytes] from which on it is read some epochs at a time,
#: and never held as a whole.
LARGE_FILES = 2**30


def read_grid_source(
    study: config.Study,
    setting: str,
    source: str | config.GridSource,
    quantity: str | Sequence[str] | None = None,
    settings: io.GridSettings | None = None,
) -> xr.Dataset:
    """Read the grid that a setting of a study names.

    Args:
      study: Its `folder` is that of relative paths.
      setting: What the study calls it, for the messages; empty where the caller adds
        it to them.
      source: The files, with what they do not state themselves.
      quantity: Quantity to read, as of `io.read_grid`.
      settings: What to keep of them.

    Returns:
      The grid, as `io.read_grid` returns it.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it cannot be read.
    """
    source = config.grid_source(source)
    context = error_context(f"{setting} {source}") if setting else nullcontext()
    with context:
        return io.read_grid(
            [study.path(path) for path in source.paths],
            quantity,
            source.variable or None,
            source.units or None,
            dataclasses.replace(settings or io.GridSettings(), **_stated(source)),
        )


def read_grid_source_header(
    study: config.Study,
    setting: str,
    source: str | config.GridSource,
    quantity: str | Sequence[str] | None = None,
) -> io.GridHeader:
    """Describe the grid that a setting of a study names, without reading its values.

    Args:
      study: As of `read_grid_source`.
      setting: Likewise.
      source: Likewise.
      quantity: Likewise.

    Returns:
      What `io.read_grid_header` returns.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it cannot be read.
    """
    source = config.grid_source(source)
    with error_context(f"{setting} {source}"):
        return io.read_grid_header(
            [study.path(path) for path in source.paths],
            quantity,
            source.variable or None,
            source.units or None,
            dataclasses.replace(io.GridSettings(), **_stated(source)),
        )


def _stated(source: config.GridSource) -> dict[str, Any]:
    """Fields of `io.GridSettings` that the study states."""
    stated: dict[str, Any] = {"duplicates": source.duplicates}
    if source.time_units:
        stated["time_units"] = source.time_units
    if source.fill is not None:
        stated["fill"] = source.fill
    if source.span:
        stated["span"] = source.span
    if source.stamp:
        stated["stamp"] = source.stamp
    return stated
