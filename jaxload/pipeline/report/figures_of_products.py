"""Figures of water beside other products: scores, series, waves, bridged gaps."""

import functools
import re

import numpy as np
import xarray as xr

from jaxload import config
from jaxload.pipeline.evaluate.products import BY_HEIGHTS
from jaxload.pipeline.report.datasets import Result
from jaxload.pipeline.report.figures_of_water import Makers, without_belt

__all__ = ["WAVELETS", "product_figures"]

#: Products whose seasons are drawn side by side.
ABREAST = 5

#: Regions of a scatter plot where a study names none.
SCATTERED = 6

#: Beginning of the names of figures of wavelets, which end in that of a region.
WAVELETS = "wavelets_"


def product_figures(result: Result, settings: config.Figures) -> Makers:
    """Name the figures of products that a result holds.

    Args:
      result: The result.
      settings: Whether maps show the belt, and which regions are drawn.

    Returns:
      What makes each figure.
    """
    from jaxload import plot

    makers: Makers = {}
    products, bridged = result.products, result.bridged
    if products is not None and np.isfinite(products.pcc.values).any():
        makers["scores"] = functools.partial(plot.score_tables, products)
        makers["taylor"] = functools.partial(plot.taylor_diagram, products)
        names = [str(name) for name in products.region.values]
        if "water" in products:
            about = products.water, names, products.get("precipitation")
            makers["products"] = functools.partial(plot.product_series, *about)
        some = names if settings.regions else names[:SCATTERED]
        if "compared_gnss" in products and _are_scored(products, some):
            makers["scatter"] = functools.partial(plot.product_scatter, products, some)
    makers |= _of_wavelets(result)
    if bridged is not None and bridged.is_estimated.values.any():
        makers["bridged"] = functools.partial(plot.bridged_series, bridged)
    return makers | _of_seasons(result, settings)


def _are_scored(products: xr.Dataset, regions: list[str]) -> bool:
    others = [str(name) for name in products.other.values if name != BY_HEIGHTS]
    scores = products.pcc.sel(product=BY_HEIGHTS, other=others, region=regions)
    return bool(np.isfinite(scores.values).any())


def _of_wavelets(result: Result) -> Makers:
    """A figure for each region with waves, called after it."""
    from jaxload import plot

    waves, makers = result.wavelets, {}
    if waves is None:
        return {}
    power = waves.cross_power.transpose("region", ...).values
    known = np.isfinite(power).reshape(len(power), -1).any(axis=1)
    for region in map(str, waves.region.values[known]):
        name = plain = WAVELETS + _file_name(region)
        number = 2
        while name in makers:
            name, number = f"{plain}_{number}", number + 1
        makers[name] = functools.partial(plot.wavelet_panels, waves, region)
    return makers


def _file_name(region: str) -> str:
    """The name of a region in small letters, with nothing that a shell minds."""
    return re.sub(r"[^\w]+", "_", region.lower()).strip("_") or "region"


def _of_seasons(result: Result, settings: config.Figures) -> Makers:
    """Maps of seasons and trends of each product."""
    from jaxload import plot

    seasons, outline = result.seasons, result.outline
    if seasons is None or not np.isfinite(seasons.annual_amplitude.values).any():
        return {}
    names = ["annual_amplitude", "annual_phase"]
    makers: Makers = {
        "seasons": lambda: plot.season_maps(_parts(result, settings, names), outline)
    }
    if "semiannual_amplitude" in seasons:
        half = ["semiannual_amplitude", "semiannual_phase"]
        makers["seasons_semiannual"] = lambda: plot.season_maps(
            _parts(result, settings, half), outline, "semiannual"
        )
    if "trend" in seasons and np.isfinite(seasons.trend.values).any():
        makers["trends"] = lambda: plot.field_maps(
            _trends(result, settings), "linear trend [mm/year]", outline
        )
    return makers


def _trends(result: Result, settings: config.Figures) -> dict[str, xr.DataArray]:
    """Linear trends by titles, which state where heights had theirs removed."""
    trends = {k: x.trend for k, x in _parts(result, settings, ["trend"]).items()}
    if "rate_removed" not in result.stations:
        return trends
    note = "\n(heights without their trends)"
    return {k + note * k.startswith("GNSS"): x for k, x in trends.items()}


def _parts(
    result: Result, settings: config.Figures, names: list[str]
) -> dict[str, xr.Dataset]:
    """Parts of the seasons of each product with maps, by its title."""
    from jaxload import plot

    seasons = result.seasons
    assert seasons is not None
    parts = xr.Dataset(
        {n: without_belt(result.water, settings, x) for n, x in seasons[names].items()}
    )
    products = [str(name) for name in parts["product"].values]
    first = parts[names[0]]
    some = [x for x in products if np.isfinite(first.sel(product=x).values).any()]
    return {plot.product_title(x): parts.sel(product=x) for x in some[:ABREAST]}
