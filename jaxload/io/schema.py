"""Canonical names, dimensions and units of what is read and written."""

import dataclasses

import numpy as np
import xarray as xr

__all__ = [
    "AXES",
    "GNSS",
    "VARIABLES",
    "WATER",
    "Layout",
    "Variable",
    "check_dataset",
    "grid_layout",
    "label_dataset",
]


@dataclasses.dataclass(frozen=True)
class Variable:
    """What one name stands for.

    Attributes:
      dims: Its dimensions, in order; empty where the layout decides.
      units: Its units, as CF writes them.
      long_name: What it is, for an axis label.
      standard_name: The CF standard name; empty if CF has none.
    """

    dims: tuple[str, ...]
    units: str
    long_name: str
    standard_name: str = ""


@dataclasses.dataclass(frozen=True)
class Layout:
    """Which names a kind of dataset holds.

    Attributes:
      name: What it is, for messages.
      coords: Coordinates it must have, and the dimension each lies along.
      required: Variables it must have.
      optional: Variables it may have; others are nobody's business.
    """

    name: str
    coords: dict[str, str]
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()


def _displacement(direction: str) -> dict[str, Variable]:
    dims = ("time", "station")
    return {
        direction: Variable(dims, "mm", f"{direction} displacement"),
        f"{direction}_sigma": Variable(
            dims, "mm", f"standard error of {direction} displacement"
        ),
    }


_GRID = ("time", "lat", "lon")


def _coefficient(wave: str) -> dict[str, Variable]:
    dims, name = ("time", "degree", "order"), f"fully normalised {wave} coefficient"
    return {
        wave: Variable(dims, "1", f"{name} of the geopotential"),
        f"{wave}_sigma": Variable(dims, "1", f"standard error of the {name}"),
    }


def _gridded(name: str, units: str, what: str, standard: str) -> dict[str, Variable]:
    return {
        name: Variable(_GRID, units, what, standard),
        f"{name}_sigma": Variable(_GRID, units, f"standard error of {what}"),
    }


#: Every canonical variable that is not a bare axis.
VARIABLES: dict[str, Variable] = {
    **_displacement("up"),
    **_displacement("east"),
    **_displacement("north"),
    **_coefficient("cosine"),
    **_coefficient("sine"),
    **_gridded(
        "twsa",
        "mm",
        "terrestrial water storage anomaly as equivalent water height",
        # That of CF, land_water_amount, is of all water, and a mass per area.
        "",
    ),
    **_gridded("tws", "mm", "terrestrial water storage", ""),
    **_gridded("groundwater", "mm", "groundwater storage", ""),
    **_gridded("soil_water", "mm", "water in soil, snow and canopy", ""),
    **_gridded("pressure", "Pa", "surface pressure", "surface_air_pressure"),
    **_gridded("temperature", "K", "air temperature", "air_temperature"),
    **_gridded(
        "sea_level",
        "mm",
        "sea-level anomaly",
        "sea_surface_height_above_mean_sea_level",
    ),
    **_gridded("precipitation", "mm d-1", "precipitation", "lwe_precipitation_rate"),
    **_gridded(
        "evapotranspiration",
        "mm d-1",
        "evapotranspiration",
        "lwe_water_evaporation_rate",
    ),
    **_gridded(
        "snow_water", "mm", "water in snow", "lwe_thickness_of_surface_snow_amount"
    ),
    **_gridded("soil_moisture", "mm", "water in soil", ""),
    # Whatever a study names, in the units of its file.
    **_gridded("variable", "", "variable of a study", ""),
}

#: Places of what is observed or estimated.
AXES: dict[str, Variable] = {
    "lon": Variable((), "degrees_east", "longitude", "longitude"),
    "lat": Variable((), "degrees_north", "latitude", "latitude"),
    "height": Variable(
        (), "m", "height above the ellipsoid", "height_above_reference_ellipsoid"
    ),
}

#: Daily displacement at stations; ``height`` may be NaN, nothing else may.
GNSS = Layout(
    name="GNSS displacement",
    coords={
        "time": "time",
        "station": "station",
        "lon": "station",
        "lat": "station",
        "height": "station",
    },
    required=("up", "up_sigma"),
    optional=("east", "east_sigma", "north", "north_sigma"),
)


def grid_layout(quantity: str) -> Layout:
    """The layout of a quantity on a regular raster.

    Args:
      quantity: Its name, such as "pressure".

    Returns:
      The layout: ascending in lon (-180 to 180) and lat.
    """
    return Layout(
        name=f"{quantity} grid",
        coords={"time": "time", "lat": "lat", "lon": "lon"},
        required=(quantity,),
        optional=(f"{quantity}_sigma",),
    )


#: Water on a regular raster.
WATER = dataclasses.replace(grid_layout("twsa"), name="water grid")


def label_dataset(dataset: xr.Dataset) -> xr.Dataset:
    """Attach units and names to every variable of the schema.

    Args:
      dataset: Values already in canonical units.

    Returns:
      The same values with attributes; others that were there are kept.
    """
    dataset = dataset.copy()
    known = [name for name in VARIABLES if name in dataset.data_vars]
    known += [name for name in AXES if name in dataset.coords]
    for name in known:
        variable = (VARIABLES | AXES)[name]
        labels = {
            "units": variable.units,
            "long_name": variable.long_name,
            "standard_name": variable.standard_name,
        }
        dataset[name].attrs |= {key: text for key, text in labels.items() if text}
    return dataset


def check_dataset(dataset: xr.Dataset, layout: Layout) -> None:
    """Check that a dataset is what the rest of the package takes it for.

    Args:
      dataset: The dataset.
      layout: What it should be: `GNSS` or `WATER`.

    Raises:
      ValueError: If a name is missing, dimensions or units differ, times do not
        increase, or a position is impossible.
    """
    _check_names(dataset, layout)
    for name in layout.required + layout.optional:
        if name in dataset.data_vars:
            _check_variable(dataset[name], VARIABLES[name])
    _check_time(dataset["time"])
    _check_positions(dataset)
    if "station" in layout.coords:
        _check_unique(dataset["station"])


def _check_names(dataset: xr.Dataset, layout: Layout) -> None:
    absent = [name for name in layout.coords if name not in dataset.coords]
    absent += [name for name in layout.required if name not in dataset.data_vars]
    if absent:
        raise ValueError(
            f"a {layout.name} dataset needs {', '.join(absent)}, but this one has only "
            f"{', '.join(map(str, dataset.variables)) or 'nothing'}"
        )
    for name, dim in layout.coords.items():
        if dataset[name].dims != (dim,):
            raise ValueError(
                f"{name} has dimensions {dataset[name].dims}, expected ({dim!r},)"
            )


def _check_variable(array: xr.DataArray, variable: Variable) -> None:
    if array.dims != variable.dims:
        raise ValueError(
            f"{array.name} has dimensions {array.dims}, expected {variable.dims}; "
            "transpose it"
        )
    if variable.units and array.attrs.get("units") != variable.units:
        raise ValueError(
            f"{array.name} has units {array.attrs.get('units')!r}, expected "
            f"{variable.units!r}; convert it and set its units attribute"
        )
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"{array.name} holds {array.dtype}, expected floats")


def _check_time(time: xr.DataArray) -> None:
    if not np.issubdtype(time.dtype, np.datetime64):
        raise ValueError(f"time holds {time.dtype}, expected datetime64; decode it")
    steps = np.diff(time.values)
    if (steps <= np.timedelta64(0, "ns")).any() or np.isnat(time.values).any():
        raise ValueError("time does not increase from one entry to the next; sort it")


def _check_positions(dataset: xr.Dataset) -> None:
    for name, limit in (("lon", 180), ("lat", 90)):
        values = dataset[name].values
        if not (np.abs(values) <= limit).all():
            raise ValueError(
                f"{name} reaches {values[np.argmax(~(np.abs(values) <= limit))]:g} "
                f"degrees, expected -{limit} to {limit}"
            )
        if dataset[name].dims == (name,) and (np.diff(values) <= 0).any():
            raise ValueError(f"{name} does not ascend; call dataset.sortby({name!r})")


def _check_unique(station: xr.DataArray) -> None:
    names, counts = np.unique(station.values, return_counts=True)
    if (counts > 1).any():
        raise ValueError(f"station {names[counts > 1][0]} is there more than once")
