"""Which stages a study goes through, as far as its settings decide."""

from jaxload import config
from jaxload.pipeline.inputs.rain import precipitation_source
from jaxload.pipeline.prepare.cleaning import needs_cleaning
from jaxload.pipeline.prepare.loads import needs_loads

__all__ = ["is_compared", "stages_of_study", "stages_of_update", "stages_of_writing"]


def stages_of_study(study: config.Study) -> list[str]:
    """List the stages in which a study is computed.

    What its heights decide is taken as it mostly is: noise of a network where it is
    allowed, and standard errors of cells.

    Args:
      study: The study.

    Returns:
      Names of stages in order.
    """
    joint = study.gapfill is not None and study.gapfill.joint
    cells = study.inversion.errors in ("auto", "cells")
    wanted = {
        "reading": True,
        "screening": True,
        "cleaning": needs_cleaning(study),
        "checks_of_heights": True,
        "gap_filling": study.gapfill is not None and not joint,
        "known_loads": needs_loads(study),
        "reading_references": is_compared(study),
    }
    wanted |= dict.fromkeys(_of_inversion(study, joint), True)
    wanted |= {
        "evaluation": True,
        "seasons_and_products": True,
        "maps_of_water": True,
        "standard_errors_of_cells": cells and "twsa" in study.output.store,
        "drought": bool(study.drought or study.water_balance),
        "comparison_of_groundwater": study.groundwater is not None,
    }
    return [name for name, wants in wanted.items() if wants]


def is_compared(study: config.Study) -> bool:
    """Find whether a study names wells, rain, fluxes or droughts beside its water.

    Args:
      study: The study.

    Returns:
      Whether it has the stage that reads them.
    """
    tables = study.groundwater, study.drought, study.water_balance
    rain = precipitation_source(study)
    return rain is not None or any(table is not None for table in tables)


def _of_inversion(study: config.Study, joint: bool) -> list[str]:
    if joint:
        before = ["inversion_of_stations_only", "features_of_weather", "training"]
        by_spectra = config.allows_network_noise(study)
        before += ["prior_mean"] if by_spectra or _is_load(study) else []
        before += ["spectra_of_noise"] if by_spectra else []
    elif config.allows_network_noise(study):
        before = ["spectra_of_noise"]
    elif study.gapfill is not None:
        before = ["inversion_of_stations_only", "choice_of_beta"]
    else:
        before = ["choice_of_beta"]
    stages = ["design_matrix", *before, "inversion", "standard_errors_of_regions"]
    if not joint and study.network is not None:
        stages.append("network_design")
    if not joint and study.inversion.grace:
        stages.append("satellite_gravimetry")
    return stages


def _is_load(study: config.Study) -> bool:
    return study.gapfill is not None and study.gapfill.method == "joint-load"


def stages_of_writing() -> list[str]:
    """List the stages in which computed results take their places.

    Returns:
      Names of stages in order.
    """
    return ["placing_results", "figures"]


def stages_of_update(figures: bool) -> list[str]:
    """List the stages in which new days are added to a result.

    Args:
      figures: Whether figures are drawn anew.

    Returns:
      Names of stages in order.
    """
    of_water = ["design_matrix", "inversion", "writing_results"]
    after = ["evaluation", "seasons_and_products", "writing_results"]
    stages = ["checksums_of_inputs", "reading", "design_matrix", *of_water, *after]
    return [*stages, *(["figures"] if figures else [])]
