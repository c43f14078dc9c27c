"""Figures of water beside other products: scores, spreads, waves, bridged gaps."""

import functools

import numpy as np
import xarray as xr

from jaxload import config
from jaxload.pipeline.report.datasets import Result
from jaxload.pipeline.report.figures_of_water import Makers, without_belt

__all__ = ["product_figures"]

#: Products whose seasons are drawn side by side.
ABREAST = 5


def product_figures(result: Result, settings: config.Figures) -> Makers:
    """Name the figures of products that a result holds.

    Args:
      result: The result.
      settings: Whether maps show the belt.

    Returns:
      What makes each figure.
    """
    from jaxload import plot

    makers: Makers = {}
    products, waves, bridged = result.products, result.wavelets, result.bridged
    if products is not None and np.isfinite(products.pcc.values).any():
        makers["scores"] = functools.partial(plot.score_tables, products)
        makers["taylor"] = functools.partial(plot.taylor_diagram, products)
    if waves is not None and np.isfinite(waves.cross_power.values).any():
        region = _first_with_waves(waves)
        makers["wavelets"] = functools.partial(plot.wavelet_panels, waves, region)
    if bridged is not None and bridged.is_estimated.values.any():
        makers["bridged"] = functools.partial(plot.bridged_series, bridged)
    seasons = result.seasons
    if seasons is not None and np.isfinite(seasons.annual_amplitude.values).any():
        makers["seasons"] = lambda: plot.season_maps(
            _seasons(result, settings), result.outline
        )
    return makers


def _first_with_waves(waves: xr.Dataset) -> str:
    power = waves.cross_power.transpose("region", ...).values
    known = np.isfinite(power).reshape(len(power), -1).any(axis=1)
    return str(waves.region.values[known.argmax()])


def _seasons(result: Result, settings: config.Figures) -> dict[str, xr.Dataset]:
    """Amplitude and phase of each product with maps, by its title."""
    from jaxload import plot

    seasons = result.seasons
    assert seasons is not None
    parts = seasons[["annual_amplitude", "annual_phase"]]
    parts = xr.Dataset(
        {n: without_belt(result.water, settings, x) for n, x in parts.items()}
    )
    names = [str(name) for name in parts["product"].values]
    some = [
        name
        for name in names
        if np.isfinite(parts.annual_amplitude.sel(product=name).values).any()
    ]
    return {plot.product_title(x): parts.sel(product=x) for x in some[:ABREAST]}
