"""Results as labelled datasets."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import shapely
import xarray as xr
from numpy.typing import NDArray

import jaxload
from jaxload import config, inversion, io, sphere
from jaxload._calendar import DAY
from jaxload.inversion.estimation.representers import as_dense
from jaxload.pipeline.chunks import annual_amplitudes
from jaxload.pipeline.estimation.error_correlation import (
    LASTING_ERRORS,
    error_model,
    independent_means,
    sd_of_means,
)
from jaxload.pipeline.estimation.solution import Estimate
from jaxload.pipeline.estimation.uncertainty import Errors
from jaxload.pipeline.evaluate.regions import REFERENCE_VARIABLES, within_record
from jaxload.pipeline.frozen.kept_state import KeptState
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.inputs.virtual_stations import is_virtual
from jaxload.pipeline.prepare.cleaning import PER_STATION

__all__ = [
    "MapFile",
    "Result",
    "about_of_study",
    "as_groundwater",
    "coefficient_results",
    "filled_results",
    "record_length",
    "station_results",
    "water_results",
    "with_errors",
    "with_rows_used",
]

#: Years from which an annual amplitude is written.
SHORTEST = 1.5

#: Days in a mean Gregorian year.
DAYS_PER_YEAR = 365.2425

#: Estimated water, which is groundwater where everything else was taken out.
OF_WATER = (
    "twsa",
    "twsa_sd",
    "twsa_error_correlation",
    "twsa_rest_sd",
    "twsa_function_sd",
    "twsa_monthly",
    "twsa_monthly_sd",
    "twsa_monthly_land_model",
    "twsa_monthly_land_model_sd",
)

#: What water is called that is groundwater alone.
GROUNDWATER = "groundwater storage anomaly"


@dataclasses.dataclass(frozen=True)
class MapFile:
    """Maps that lie in a file already.

    Attributes:
      path: The file.
      refused: Why they are not where results go; empty if they are.
    """

    path: pathlib.Path
    refused: str = ""


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """Results of a study.

    Attributes:
      water: `twsa`, or `gwsa`, [mm] with dimensions (time, lat, lon), and masks.
      stations: Observed, predicted and leave-one-out values [mm], (time, station).
      regions: Daily means over regions [mm], and the reference where given.
      outline: Rings of the study region [degrees], each of shape (vertex, 2).
      summary: Plain numbers: what `summary.json` holds.
      groundwater: What groundwater was compared with; None where water is of all kinds.
      drought: Indices of drought by month and region, with probabilities of classes,
        and events; None where a study does not have the table ``[drought]``.
      water_balance: Fluxes, storage change and parts of storage [mm], (month, region);
        None where a study does not have that table.
      virtual_stations: Displacement of filled cells [mm], (time, cell); None where none
        was filled.
      learning: Curves of the training, (step, member); None where nothing was trained.
      coefficients: Coefficients from which the water of all cells follows; None where a
        study does not store them.
      network: New stations and what existing ones are worth; None where a study does
        not set it.
      seasons: Mean, trend and seasons of water and of other products.
      products: Monthly water of all products and their scores; None without others.
      wavelets: Water and other products in time and period; None where a study does not
        set it.
      features: Weather and features of places that were filled; None where a study does
        not store them.
      weather: Weather of a few stations and its components, as figures show them; None
        where no cell was filled by weather.
      precipitation: Of regions by month, and on cells by season; None where a study
        names none.
      resolution: How much of each cell data determine; None where a study does not
        store it.
      bridged: Gravimetry whose missing months are estimated; None likewise.
      maps: The file that holds `water` already; None where none does.
      state: What later days are estimated by; None where they cannot be, or nothing is
        written.
    """

    water: xr.Dataset
    stations: xr.Dataset
    regions: xr.Dataset
    outline: list[NDArray[np.float64]]
    summary: dict[str, Any]
    groundwater: xr.Dataset | None = None
    drought: xr.Dataset | None = None
    water_balance: xr.Dataset | None = None
    virtual_stations: xr.Dataset | None = None
    learning: xr.Dataset | None = None
    coefficients: xr.Dataset | None = None
    network: xr.Dataset | None = None
    seasons: xr.Dataset | None = None
    products: xr.Dataset | None = None
    wavelets: xr.Dataset | None = None
    bridged: xr.Dataset | None = None
    features: xr.Dataset | None = None
    weather: xr.Dataset | None = None
    precipitation: xr.Dataset | None = None
    resolution: xr.Dataset | None = None
    maps: MapFile | None = None
    state: KeptState | None = None

    @property
    def quantity(self) -> str:
        """What water is called: "twsa", or "gwsa" of groundwater alone."""
        is_groundwater = "gwsa" in self.water or "gwsa" in self.regions
        return "gwsa" if is_groundwater else "twsa"

    def close(self) -> None:
        """Close the files that datasets are read from.

        Numbers that were not yet read are not there afterwards.
        """
        for field in dataclasses.fields(self):
            part = getattr(self, field.name)
            if isinstance(part, xr.Dataset):
                part.close()


def station_results(gnss: xr.Dataset, estimate: Estimate) -> xr.Dataset:
    """Label observed and predicted heights of the stations.

    Args:
      gnss: The observations.
      estimate: Of the water.

    Returns:
      A dataset of dimensions (time, station).
    """
    seen = np.isfinite(gnss.up.values)
    sigma = np.asarray(estimate.noise.sigma)
    also = [n for n in gnss.data_vars if str(n).startswith(("up_", "load_"))]
    also += [name for name in PER_STATION if name in gnss]
    stations = gnss[["up", *dict.fromkeys(["up_sigma", *also])]]
    mm, dims = {"units": "mm"}, ("time", "station")
    common = np.asarray(estimate.solution.common)
    values = {
        "predicted": (
            dims,
            estimate.solution.fitted,
            mm,
            "uplift by the estimated water",
        ),
        "leave_one_out_residual": (
            dims,
            estimate.left_out,
            mm,
            "observed minus predicted from the other stations",
        ),
        "up_sigma_effective": (
            dims,
            np.where(seen, sigma.astype(np.float32), np.float32(np.nan)),
            mm,
            "standard error that weighted the observation",
        ),
        "weight": (
            dims,
            estimate.weights,
            {"units": "1"},
            "weight of the observation by the robust loss",
        ),
        "common_mode": (
            ("time",),
            common if np.any(np.nan_to_num(common)) else None,
            mm,
            "estimated offset common to all stations",
        ),
    }
    for name, (along, array, units, meaning) in values.items():
        if array is not None:
            labels = {**units, "long_name": meaning}
            stations[name] = (along, np.asarray(array, np.float32), labels)
    return stations


def filled_results(study: config.Study, rows: xr.Dataset) -> xr.Dataset:
    """Label the displacement of virtual stations.

    Args:
      study: Its settings are kept as attributes.
      rows: The cells, layout `io.GNSS`, with loads where these were removed.

    Returns:
      A dataset of dimensions (time, cell).
    """
    names = {"up": "displacement", "up_sigma": "sigma", "up_cleaned": "predicted"}
    long_names = {
        "displacement": "uplift of the cell's centre as it was inverted",
        "sigma": "standard error that weighted it",
        "predicted": "uplift as it was predicted, all loads in",
    }
    others = [name for name in rows.data_vars if str(name).startswith("load_")]
    there = [name for name in names if name in rows]
    cells = rows[[*there, *others]].rename({k: names[k] for k in there})
    cells = cells.rename(station="cell")
    for name, meaning in long_names.items():
        if name in cells:
            cells[name].attrs = {"units": "mm", "long_name": meaning}
    return cells.assign_attrs(about_of_study(study))


def about_of_study(study: config.Study) -> dict[str, str]:
    """Describe a study by attributes of files.

    Args:
      study: The study.

    Returns:
      Conventions, title, source, settings, and the institution if it is stated.
    """
    stated = {"institution": study.institution} if study.institution else {}
    return {
        "Conventions": "CF-1.11",
        "title": study.title,
        "source": f"jaxload {jaxload.__version__}",
        "settings": config.to_toml(study),
        **stated,
    }


def water_results(
    study: config.Study,
    area: StudyArea,
    time: xr.DataArray,
    solution: inversion.RepresenterSolution,
    beta: float,
) -> xr.Dataset:
    """Label what belongs to maps of water, which are computed apart.

    Args:
      study: Its settings are kept as attributes.
      area: Its cells, and its region, which `cell_mask` separates from the belt.
      time: Epochs.
      solution: The estimated load.
      beta: Weight of the prior.

    Returns:
      A dataset with the axes of maps, time, lat and lon, by the CF conventions;
      `cell_mask` (lat, lon) and `solved` (time); with `annual_amplitude` (lat, lon)
      [mm] of a record of at least a year and a half, as a shorter one does not separate
      season and trend.
    """
    grid = area.grid
    mask = np.where(shapely.intersects_xy(area.region, grid.lon, grid.lat), 2, 1)
    flags = {
        "long_name": "where water was estimated",
        "flag_values": np.array([0, 1, 2], np.int8),
        "flag_meanings": "outside belt region",
    }
    cells = np.nan_to_num(sphere.to_raster(grid, mask)).astype(np.int8)
    water = xr.Dataset(
        {
            "cell_mask": (("lat", "lon"), cells, flags),
            "solved": (
                "time",
                np.asarray(solution.ok).astype(np.int8),
                {"long_name": "1 where the epoch was solved"},
            ),
        },
        coords={"time": time, "lat": grid.lat_axis, "lon": grid.lon_axis},
        attrs=about_of_study(study) | {"beta": beta},
    )
    if record_length(time.values) >= SHORTEST:
        amplitude = annual_amplitudes(solution, time.values)
        raster = sphere.to_raster(grid, amplitude.astype(np.float32))
        labels = {"units": "mm", "long_name": "annual amplitude of water storage"}
        water["annual_amplitude"] = (("lat", "lon"), raster, labels)
    return io.label_dataset(water)


def record_length(time: NDArray[np.datetime64]) -> float:
    """Describe the length of a record.

    Args:
      time: Epochs, ascending, shape (epoch,).

    Returns:
      Years from the first epoch to the last, plus one interval.
    """
    if len(time) < 2:
        return 0.0
    step = np.median(np.diff(time)).astype(np.diff(time).dtype)
    return float((time[-1] - time[0] + step) / DAY / DAYS_PER_YEAR)


def with_rows_used(water: xr.Dataset, rows: xr.Dataset) -> xr.Dataset:
    """Add the rows that water was estimated from.

    Args:
      water: From `water_results`.
      rows: Stations and virtual stations.

    Returns:
      The dataset with name, place and standard error of each row.
    """
    sigma = np.nanmedian(np.where(rows.up.notnull(), rows.up_sigma, np.nan), axis=0)
    degrees = {"units": "degrees", "long_name": "place of the row"}
    columns = {
        "row_lon": (rows.lon.values, degrees),
        "row_lat": (rows.lat.values, degrees),
        "row_sigma": (sigma, {"units": "mm", "long_name": "median standard error"}),
        "is_virtual": (
            is_virtual(rows).astype(np.int8),
            {"units": "1", "long_name": "1 where a cell was filled, 0 at a station"},
        ),
    }
    water = water.assign_coords(row=rows.station.values)
    return water.assign({name: ("row", *column) for name, column in columns.items()})


def with_errors(
    regions: xr.Dataset, errors: Errors, references: Mapping[str, xr.Dataset]
) -> xr.Dataset:
    """Add standard errors to regional means.

    Args:
      regions: From `region_means`.
      errors: The standard errors.
      references: From `reference_means`, whose months there are means of.

    Returns:
      The dataset, with `twsa_sd` where it was computed, those of monthly means such as
      `twsa_monthly_sd` (but with errors that last, as of gravimetry), and `error_model`
      where errors go together in time.
    """
    if errors.regions is None:
        return regions
    name = "standard error of the regional mean"
    labels = {**errors.labels, "long_name": name}
    if errors.lasting:
        labels[LASTING_ERRORS] = errors.lasting
    daily = errors.regions
    regions = regions.assign(twsa_sd=(regions.twsa.dims, daily, labels))
    means = errors.means
    if means is None and (errors.lasting or "share_of_grace" in regions):
        return regions
    caution = "" if means else "; days taken as independent"
    of_months = labels | {"comment": labels["comment"] + caution}
    means = means or independent_means(daily)
    time = regions.time.values
    for reference, whole in references.items():
        months = within_record(whole, time)
        month, ours, _ = REFERENCE_VARIABLES[reference]
        after = time >= months.start.values[:, None]
        shares = (after & (time < months.stop.values[:, None])).astype(np.float64)
        sd = sd_of_means(means, time, shares)
        sd = np.where(np.isfinite(regions[ours].values), sd, np.nan)
        regions[f"{ours}_sd"] = ((month, "region"), sd, of_months)
    return regions if errors.means is None else regions.assign(error_model(means))


def coefficient_results(
    study: config.Study,
    area: StudyArea,
    time: xr.DataArray,
    solution: inversion.RepresenterSolution,
) -> xr.Dataset:
    """Label coefficients from which the water of every cell follows.

    Args:
      study: Its settings are kept as attributes.
      area: The cells.
      time: Epochs.
      solution: The estimated load.

    Returns:
      A dataset with ``coefficient`` (time, field) and ``response`` (field, cell), whose
      product is the water [mm], or with ``water`` (time, cell) [mm] where the estimate
      has a number for each cell; ``cell_lon`` and ``cell_lat`` [degrees].
    """
    degrees = {"units": "degrees", "long_name": "middle of the cell"}
    places = {
        "cell_lon": ("cell", area.grid.lon, degrees),
        "cell_lat": ("cell", area.grid.lat, degrees),
    }
    variables = _coefficients(solution)
    about = about_of_study(study)
    return xr.Dataset(variables | places, coords={"time": time}, attrs=about)


def _coefficients(solution: inversion.RepresenterSolution) -> dict[str, Any]:
    """Coefficients and responses, or water where the response would be unity."""
    terms = solution.terms
    if any(term.representers is None for term in terms):
        labels = {"units": "mm", "long_name": "water of cells"}
        return {"water": (("time", "cell"), solution.load.astype("f4"), labels)}
    factors = np.concatenate([np.asarray(x.coefficients) for x in terms], axis=1)
    fields = np.concatenate([as_dense(term) for term in terms], axis=1)
    meaning = "water [mm] = sum over fields of coefficient times response"
    return {
        "coefficient": (
            ("time", "field"),
            factors,
            {"long_name": "coefficient of each field", "comment": meaning},
        ),
        "response": (
            ("field", "cell"),
            fields.T,
            {"long_name": "water of cells by a unit coefficient"},
        ),
    }


def as_groundwater(dataset: xr.Dataset) -> xr.Dataset:
    """Rename water to groundwater where all other loads were removed.

    Args:
      dataset: Of water, with ``twsa`` and perhaps ``twsa_sd`` and monthly means.

    Returns:
      The same with ``gwsa`` and ``gwsa_sd``; references keep their names.
    """
    names = {name: name.replace("twsa", "gwsa", 1) for name in OF_WATER}
    dataset = dataset.rename({k: v for k, v in names.items() if k in dataset})
    for name in set(names.values()) & set(dataset.data_vars):
        labels = dataset[name].attrs
        old = str(labels["long_name"])
        new = old.replace("terrestrial ", "").replace(
            "water storage anomaly", GROUNDWATER
        )
        dataset[name].attrs = {k: v for k, v in labels.items() if k != "standard_name"}
        dataset[name].attrs["long_name"] = new
    return dataset
