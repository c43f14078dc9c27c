"""Fields that do not change in time, at places."""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io
from jaxload.pipeline.inputs.weather_places import (
    WeatherPlaces,
    named_places,
    nearest_known,
)
from jaxload.pipeline.messages import error_context

__all__ = ["read_static_fields"]

Floats = NDArray[np.float64]

#: Values of a field that may count as categories.
MOST_CATEGORIES = 30


def read_static_fields(
    study: config.Study, places: WeatherPlaces
) -> tuple[dict[str, Floats], dict[str, dict[str, Any]]]:
    """Read the static fields of a study at places.

    Args:
      study: Its table ``[weather.static]`` names the files.
      places: Where.

    Returns:
      Values by name, shape (place,); of categories a field for each, called as
      "cover = 3", which is 1 where it is the category. And by name, what was read of
      each field, with its units, for the summary.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If a field cannot be read, has no value at a place, or is the same at
        all places.
    """
    assert study.weather is not None
    fields: dict[str, Floats] = {}
    record: dict[str, dict[str, Any]] = {}
    for name, field in study.weather.static_fields.items():
        with error_context(f"weather.static.{name} {field}"):
            values, units = _at_places(study, field, places)
            if np.ptp(values) == 0:
                raise ValueError(
                    f"is {values[0]:g} at all {len(values)} places, so that nothing "
                    "can be learned from it; leave it out"
                )
            fields |= _made(name, field, values)
            record[name] = {
                "files": [field.files],
                "units": units,
                "places_take": "cell" if _takes_cells(field) else "bilinear",
            }
    return fields, record


def _takes_cells(field: config.StaticField) -> bool:
    return field.interpolation == "cell" or field.transformation == "categories"


def _at_places(
    study: config.Study, field: config.StaticField, places: WeatherPlaces
) -> tuple[Floats, str]:
    """Values, shape (place,), and their units."""
    path = study.path(field.files)
    grid = io.read_map(path, field.variable, field.fill, statistic=field.statistic)
    units = field.units or str(grid.attrs.get("units", ""))
    at = io.sample_grid(
        xr.Dataset({"field": grid}),
        places.lon,
        places.lat,
        "nearest" if _takes_cells(field) else "bilinear",
        "nan",
    )
    values = at["field"].values.astype(np.float64)
    known = np.isfinite(values)
    if known.all():
        return values, units
    if not known.any() or not (places.nearest or field.missing == "nearest"):
        raise ValueError(
            f"has no value at {named_places(places, ~known)}; fill its holes, or take "
            'the nearest place that has one by missing = "nearest"'
        )
    return values[nearest_known(places, known)], units


def _made(name: str, field: config.StaticField, values: Floats) -> dict[str, Floats]:
    if field.transformation == "log1p":
        if values.min() < 0:
            raise ValueError(
                f'has values down to {values.min():g}, but "log1p" is for amounts; '
                "leave transformation out"
            )
        return {f"log1p({name})": np.log1p(values)}
    if field.transformation != "categories":
        return {name: values}
    kinds = np.unique(values)
    if len(kinds) > MOST_CATEGORIES:
        raise ValueError(
            f"has {len(kinds)} values at {len(values)} places, which are no "
            "categories; leave transformation out"
        )
    return {f"{name} = {kind:g}": (values == kind) * 1.0 for kind in kinds}
