"""Figures of stations that a result holds the data for."""

import numpy as np
import xarray as xr

from jaxload import config
from jaxload.labelled import seasonal_fits
from jaxload.pipeline.report.datasets import SHORTEST, Result, record_length
from jaxload.pipeline.report.figures_of_water import Makers, drawn_stations

__all__ = ["station_figures"]

#: Years of which a figure has maps.
YEARS = 12


def station_figures(result: Result, settings: config.Figures) -> Makers:
    """Name the figures of stations.

    Args:
      result: The result.
      settings: Which stations series are drawn of.

    Returns:
      What makes each figure.
    """
    from jaxload import plot

    stations, outline = result.stations, result.outline
    makers: Makers = {
        "station_fit": lambda: plot.station_fit(stations, outline),
        "availability": lambda: plot.availability(stations),
    }
    if "leave_one_out_residual" in stations:
        left = stations.leave_one_out_residual
        if np.isfinite(plot.left_out_scores(stations)[0]).any():
            makers["leave_one_out"] = lambda: plot.left_out_maps(stations, outline)
        makers["station_mean"] = lambda: plot.mean_over_stations(
            stations.up, stations.up - left, "predicted from the other stations"
        )
    if "rate_z" in stations:
        makers["screening"] = lambda: plot.screening(stations, outline)
    if "load_total" in stations:
        names = drawn_stations(settings, stations.station.values)
        makers["loads"] = lambda: plot.station_loads(stations, names)
        makers["loads_mean"] = lambda: plot.mean_loads(stations)
        if record_length(stations.time.values) >= SHORTEST:
            makers["load_amplitudes"] = lambda: plot.load_amplitudes(
                _amplitudes_of_loads(stations), outline
            )
    if "up_observed" in stations:
        makers["yearly_range"] = lambda: plot.yearly_range(
            _last_years(stations.up_cleaned), outline, "range of reconstructed heights"
        )
    if "is_virtual" in result.water and result.water.is_virtual.values.any():
        makers["filled_cells"] = lambda: plot.filled_cells(result.water, outline)
    return makers


def _amplitudes_of_loads(stations: xr.Dataset) -> dict[str, xr.DataArray]:
    """Annual amplitude of the displacement by each load [mm]."""
    names = [str(n) for n in stations.data_vars if str(n).startswith("load_")]
    several = len(names) > 2
    return {
        name.removeprefix("load_"): seasonal_fits(stations[name]).annual_amplitude
        for name in names
        if name != "load_total" or several
    }


def _last_years(up: xr.DataArray) -> xr.DataArray:
    """The last years of a record, as many as one figure shows."""
    year = up.time.values.astype("M8[Y]").astype(int)
    return up.isel(time=year > year[-1] - YEARS)
