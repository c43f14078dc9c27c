"""Mean, trend and seasons of all products, on cells, over regions and at stations."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import labelled, series, sphere
from jaxload.pipeline.evaluate.products import MonthlyProduct
from jaxload.pipeline.evaluate.regions import over_months
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.inputs.time_spans import spans_of

__all__ = ["fit_products"]

#: By how much a mean over a month takes off waves of a year and of half a year.
DAMPING = {"annual": np.sinc(1 / 12), "semiannual": np.sinc(1 / 6)}

#: Series of stations whose seasons are fitted; and all that begin as loads do.
OF_STATIONS, LOAD = ("up", "predicted"), "load_"

COMMENT = (
    "of monthly means; amplitudes are those of daily values, as what a mean over a "
    "month takes off them is added"
)


def fit_products(
    products: Mapping[str, MonthlyProduct],
    area: StudyArea,
    months: NDArray[np.datetime64],
    stations: xr.Dataset,
) -> xr.Dataset:
    """Fit mean, trend, annual and semi-annual terms to monthly means of products.

    Args:
      products: By name.
      area: Cells and regions.
      months: First instant of each month and first after it, shape (month, 2).
      stations: Observed and predicted heights and loads, (time, station).

    Returns:
      Each part of `series.SeasonalFit` and its standard error: on cells (product, lat,
      lon), over regions as ``region_<part>`` (product, region), and at stations as
      ``station_<part>`` (component, station). All is NaN of records of less than a year
      and a half.
    """
    time, grid = series.span_middles(months), area.grid
    on_cells = {name: x for name, x in products.items() if x.cells is not None}
    maps = xr.concat(
        [
            labelled.seasonal_fits(
                xr.DataArray(
                    sphere.to_raster(grid, np.asarray(product.cells)),
                    {"time": time, "lat": grid.lat_axis, "lon": grid.lon_axis},
                    ("time", "lat", "lon"),
                    attrs={"units": "mm"},
                )
            )
            for product in on_cells.values()
        ],
        xr.IndexVariable("product", list(on_cells)),
        coords="minimal",
        compat="override",
    )
    names = list(products)
    means = np.stack([product.regions for product in products.values()], axis=1)
    regions = labelled.seasonal_fits(
        xr.DataArray(
            means,
            {"time": time, "product": names, "region": list(area.outlines)},
            ("time", "product", "region"),
            attrs={"units": "mm"},
        )
    )
    fits = maps.reindex(product=names).merge(_called(regions, "region"))
    return _undamped(fits.merge(_called(_at_stations(stations, months), "station")))


def _at_stations(stations: xr.Dataset, months: NDArray) -> xr.Dataset:
    """Of heights, what water explains of them, and loads; monthly as well."""
    names = [n for n in map(str, stations.data_vars) if n.startswith(LOAD)]
    names = [n for n in (*OF_STATIONS, *names) if n in stations]
    names = [n for n in names if stations[n].dims == ("time", "station")]
    spans = spans_of(stations.time.values)
    monthly = [
        over_months(stations[name].values.astype(np.float64), spans, months)
        for name in names
    ]
    coords = {"time": series.span_middles(months), "component": names}
    coords["station"] = stations.station.values
    dims = ("time", "component", "station")
    attrs = {"units": "mm"}
    array = xr.DataArray(np.stack(monthly, axis=1), coords, dims, attrs=attrs)
    fits = labelled.seasonal_fits(array)
    degrees = {"units": "degrees", "long_name": "place of the station"}
    places = {
        f"station_{name}": ("station", stations[name].values, degrees)
        for name in ("lon", "lat")
    }
    return fits.assign_coords(places)


def _called(fits: xr.Dataset, of: str) -> xr.Dataset:
    return fits.rename({name: f"{of}_{name}" for name in fits.data_vars})


def _undamped(fits: xr.Dataset) -> xr.Dataset:
    for name, values in fits.data_vars.items():
        for wave, part in DAMPING.items():
            plain = str(name).removeprefix("region_").removeprefix("station_")
            if plain.startswith(f"{wave}_amplitude"):
                fits[name] = (values / part).assign_attrs(values.attrs)
    return fits.assign_attrs(comment=COMMENT)
