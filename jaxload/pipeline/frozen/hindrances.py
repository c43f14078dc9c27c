"""Settings with which a finished study cannot go on day by day."""

import logging
import os
import pathlib
import tempfile

import jax
import xarray as xr

from jaxload import config
from jaxload.pipeline.frozen.kept_state import write_readings

__all__ = ["drop_readings", "hindrance_of", "keep_readings"]

logger = logging.getLogger(__name__)


def keep_readings(
    study: config.Study, gnss: xr.Dataset, folder: pathlib.Path | None
) -> pathlib.Path | None:
    """Write heights as they were read, if days can be added to the results later.

    Args:
      study: The study.
      gnss: Heights, layout `io.GNSS`.
      folder: Where results go; None keeps nothing.

    Returns:
      The file, which has the name of one that is not finished; None without one.
    """
    if folder is None or hindrance_of(study) or jax.process_index():
        return None
    refused = ""
    for path in _places_of_readings(folder):
        try:
            write_readings(gnss, path)
        except ValueError as error:
            refused = str(error)
            continue
        return path
    # Where there is no room for them, there is none for results, which is an error.
    logger.info("the results cannot be updated later: %s", refused)
    return None


def drop_readings(folder: pathlib.Path) -> None:
    """Remove heights that were kept for results that are not computed.

    Args:
      folder: Where results go.
    """
    for path in _places_of_readings(folder):
        path.unlink(missing_ok=True)


def _places_of_readings(folder: pathlib.Path) -> list[pathlib.Path]:
    """In the folder of the results, and where the system puts temporary files."""
    places = (folder, pathlib.Path(tempfile.gettempdir()))
    return [place / f".readings.nc.{os.getpid()}.0.part" for place in places]


def hindrance_of(study: config.Study) -> str:
    """Find why days cannot be added to the results of a study.

    Args:
      study: The study.

    Returns:
      The setting that stands against it, as the end of a sentence; empty if none does.
    """
    inversion, cleaning = study.inversion, study.cleaning
    whole = {
        "the table [gapfill], whose networks and forests are trained on the whole "
        "record": study.gapfill is not None,
        'inversion.unknowns = "components", which are of the whole record': (
            inversion.unknowns == "components"
        ),
        "gnss.components, whose horizontals have frames of their own": bool(
            study.gnss.horizontals
        ),
        "inversion.grace, whose months span many days": bool(inversion.grace),
        "inversion.thermoelastic, whose amplitudes are of the whole record": bool(
            inversion.thermoelastic
        ),
        "the table [loads], whose loads are about means of the whole record": bool(
            study.loads.grids or study.loads.displacement
        ),
        "the table [groundwater], which is compared over the whole record": (
            study.groundwater is not None
        ),
        "drought.cell_scales, which need the maps of all months": (
            study.drought is not None and bool(study.drought.cell_scales)
        ),
        "cleaning.common_mode, which is fitted to the whole record": (
            cleaning.common_mode != "none"
        ),
        "cleaning.reconstruct, which filters the whole record": bool(
            cleaning.reconstruct
        ),
    }
    return next((name for name, is_set in whole.items() if is_set), "")
