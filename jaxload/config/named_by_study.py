"""Files that a study names, by the settings that name them."""

import dataclasses
import functools
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from jaxload.config.station_loads import StationLoad, station_load
from jaxload.config.study import Study

__all__ = ["study_files"]

#: Settings of text that are files, but for some words.
PLAIN = {
    "gnss.sites": (),
    "cleaning.steps": ("detect",),
    "screening.soft_ground": (),
    "earth.model": ("prem", "iasp91", "ak135"),
    "earth.love": (),
    "network.candidates": ("region", "cells"),
    "groundwater.wells.sites": (),
    "figures.topography": (),
}

#: Settings of text that are a file, and names of features of it behind a colon.
OUTLINES = ("region.boundary", "evaluation.regions")


def study_files(study: Study) -> list[tuple[str, str]]:
    """List the files and patterns that a study names.

    Args:
      study: The study.

    Returns:
      Setting and file, for each of them, in the order of the settings.
    """
    return list(_files("", study))


def _files(setting: str, table: Any) -> Iterator[tuple[str, str]]:
    """Files in a table of the study."""
    hints = _hints(type(table))
    for field in dataclasses.fields(table):
        name = f"{setting}.{field.name}" if setting else field.name
        value = getattr(table, field.name)
        of_files = field.name == "files" or _holds_files(hints[field.name])
        yield from _of_value(name, value, of_files)


def _of_value(name: str, value: Any, of_files: bool) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        if not value or value in PLAIN.get(name, ()):
            return
        if name in OUTLINES or name.endswith(".basins"):
            yield name, value.split(": ")[0]
        elif name in ("loads.displacement", "gapfill.virtual_station_loads"):
            yield from ((name, path) for path in station_load(value).paths)
        elif of_files or name in PLAIN:
            yield name, value
    elif isinstance(value, StationLoad):
        yield from ((name, path) for path in value.paths)
    elif dataclasses.is_dataclass(value):
        # Tables in place of a file are called as the setting, not those of the study.
        end = ".files" if "." in name else ""
        yield from ((key.removesuffix(end), x) for key, x in _files(name, value))
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _of_value(f"{name}.{key}", each, of_files)
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _of_value(name, each, of_files)


@functools.cache
def _hints(table: type) -> dict[str, Any]:
    return typing.get_type_hints(table)


def _holds_files(hint: Any) -> bool:
    """Whether a setting of this type is files, or a table that names some."""
    parts = typing.get_args(hint)
    if parts:
        return any(map(_holds_files, parts))
    if not dataclasses.is_dataclass(hint):
        return False
    return any(field.name == "files" for field in dataclasses.fields(hint))
