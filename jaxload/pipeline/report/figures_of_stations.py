"""Figures of stations that a result holds the data for."""

from jaxload.pipeline.report.datasets import Result
from jaxload.pipeline.report.figures_of_water import Makers, spread_names

__all__ = ["station_figures"]


def station_figures(result: Result) -> Makers:
    """Name the figures of stations.

    Args:
      result: The result.

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
        makers["leave_one_out"] = lambda: plot.left_out_maps(stations, outline)
        makers["station_mean"] = lambda: plot.mean_over_stations(
            stations.up, stations.up - left, "predicted from the other stations"
        )
    if "rate_z" in stations:
        makers["screening"] = lambda: plot.screening(stations, outline)
    if "load_total" in stations:
        names = spread_names(stations.station.values)
        makers["loads"] = lambda: plot.station_loads(stations, names)
    return makers
