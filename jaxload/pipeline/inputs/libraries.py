"""Check of optional libraries before the computations of a study."""

import importlib
import importlib.util
import logging

from jaxload import config, io

__all__ = ["check_libraries"]

logger = logging.getLogger(__name__)


def check_libraries(study: config.Study | None = None) -> None:
    """Look for the libraries that a study needs.

    Args:
      study: The study; None for only writing results.

    Raises:
      ValueError: If one is not installed, or cannot be loaded.
    """
    io.require_netcdf()
    _load("netCDF4", "results need the netCDF library", "netcdf")
    if study is not None and study.output.format == "zarr":
        _load("zarr", 'output.format "zarr" needs the Zarr library', "zarr")
    filling = None if study is None else study.gapfill
    if filling is not None and filling.station_model == "forest":
        named = "method" if filling.method == "mllim" else "model"
        need = f'gapfill.{named} "{getattr(filling, named)}" needs scikit-learn'
        _load("sklearn.tree", need, "forest")
    if importlib.util.find_spec("matplotlib") is None:
        logger.warning("no figures will be drawn; they need jaxload[plot]")


def _load(module: str, need: str, extra: str) -> None:
    """Import it now: what is there may still be broken."""
    try:
        importlib.import_module(module)
    except ImportError as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(f"{need}; install jaxload[{extra}] ({reason})") from None
