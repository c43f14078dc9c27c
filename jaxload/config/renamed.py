"""Names of earlier releases: settings, their values, and what results are called."""

import logging
from collections.abc import Mapping
from typing import Any

__all__ = [
    "FILES",
    "REMOVED_IN",
    "SETTINGS",
    "SUMMARY_KEYS",
    "TABLES",
    "VALUES",
    "VARIABLES",
    "current_settings",
    "current_summary",
    "is_of_earlier_release",
]

logger = logging.getLogger(__name__)

#: The release that no longer reads old names of settings.
REMOVED_IN = "0.3"

#: Tables of a study file: old name to present name.
TABLES = {"filler": "gapfill"}

#: Settings, by the present name of their table.
SETTINGS = {
    "gnss": {"outside": "outside_grid"},
    "cleaning": {"mean": "average"},
    "loads": {
        "stations": "displacement",
        "stations_units": "displacement_units",
        "stations_stamp": "displacement_stamp",
    },
    "features": {"trials": "ensemble_size", "noise": "noise_ratio"},
    "gapfill": {
        "own_likelihood": "network_likelihood_weight",
        "cell_loads": "virtual_station_loads",
        "threshold": "control_correlation",
        "held_out": "validation_fraction",
        "window": "window_epochs",
    },
    "inversion": {
        "smallest_beta": "beta_min",
        "largest_beta": "beta_max",
        "memory_days": "correlation_time_days",
        "approach": "unknowns",
    },
}

#: Values of settings, by the present name of the setting.
VALUES = {
    "gapfill.method": {
        "forest": "mllim",
        "lstm": "dwlim",
        "water": "joint-load",
        "displacement": "joint-displacement",
    }
}

#: Files of results.
FILES = {"filled.nc": "virtual_stations.nc"}

#: Variables, by the present name of their file.
VARIABLES = {
    "twsa.nc": {"ok": "solved", "row_filled": "is_virtual"},
    "stations.nc": {"sigma_used": "up_sigma_effective"},
    "regions.nc": {
        "covered": "coverage_fraction",
        "monthly": "twsa_monthly",
        "reference": "twsa_grace",
        "reference_covered": "twsa_grace_coverage_fraction",
        "monthly_beside_land_model": "twsa_monthly_land_model",
        "land_model": "tws_land_model",
        "land_model_covered": "tws_land_model_coverage_fraction",
        "traditional": "twsa_stations_only",
        "traditional_grace": "twsa_stations_only_monthly",
        "traditional_land_model": "twsa_stations_only_monthly_land_model",
    },
    "groundwater.nc": {
        "gwsa_at_well": "gwsa_estimate_at_well",
        "gwsa_of_well": "gwsa_well",
    },
    "learning.nc": {
        "held_out": "validation_loss",
        "loss_alone": "loss_pretraining",
        "held_out_alone": "validation_loss_pretraining",
        "best_step_alone": "best_step_pretraining",
        "step_alone": "step_pretraining",
    },
}

#: Keys of ``summary.json``, by the present names of those that they are below, with *
#: for any name.
SUMMARY_KEYS = {
    "": {
        "covered": "coverage_fraction",
        "against_traditional": "gain_over_stations_only",
    },
    "seconds": {
        "traditional": "inversion_of_stations_only",
        "stations_only": "inversion_of_stations_only",
        "inputs": "checksums_of_inputs",
        "read": "reading",
        "screen": "screening",
        "clean": "cleaning",
        "check": "checks_of_heights",
        "fill": "gap_filling",
        "loads": "known_loads",
        "compare": "reading_references",
        "design": "design_matrix",
        "beta": "choice_of_beta",
        "solve": "inversion",
        "errors": "standard_errors_of_regions",
        "error_maps": "standard_errors_of_cells",
        "network": "network_design",
        "gravimetry": "satellite_gravimetry",
        "spectra": "spectra_of_noise",
        "weather": "features_of_weather",
        "learn": "training",
        "evaluate": "evaluation",
        "maps": "maps_of_water",
        "groundwater": "comparison_of_groundwater",
        "keep": "writing_results",
        "write": "placing_results",
    },
    "evaluation.*": {
        "covered": "coverage_fraction",
        "reference_covered": "reference_coverage_fraction",
    },
    "evaluation_land_model.*": {
        "covered": "coverage_fraction",
        "reference_covered": "reference_coverage_fraction",
    },
    "gain_over_stations_only.*.*": {"traditional": "stations_only"},
    "filling": {"of_the_mean": "network_mean"},
    "learning": {
        "before": "initial",
        "after": "trained",
        "score_before": "score_initial",
        "for_errors": "uncertainty_hyperparameters",
        "best_step_alone": "best_step_pretraining",
        "steps_alone": "steps_pretraining",
        "diverged_at_alone": "diverged_at_pretraining",
    },
}


def current_settings(content: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """Replace names of earlier releases in the content of a study file.

    Each of them is warned of, once.

    Args:
      content: Tables and settings as the file has them.
      where: The file, for messages; empty for none.

    Returns:
      The same under present names.

    Raises:
      ValueError: If a table or a setting is there under both of its names.
    """
    current: dict[str, Any] = {}
    for name, table in content.items():
        new = TABLES.get(name, name)
        if new != name:
            if new in content:
                raise ValueError(_twice(f"[{name}]", f"[{new}]", "table"))
            _warn(where, f"the table [{name}]", f"[{new}]")
        known = SETTINGS.get(new, {})
        if isinstance(table, dict):
            table = _current_table(table, (name, new), known, where)
        current[new] = table
    return current


def _current_table(
    table: Mapping[str, Any], names: tuple[str, str], known: dict[str, str], where: str
) -> dict[str, Any]:
    """The settings of one table, which has an old and a new name, under new names."""
    current: dict[str, Any] = {}
    written, present = names
    for key, value in table.items():
        new = known.get(key, key)
        if new != key:
            if new in table:
                both = (f"{written}.{key}", f"{written}.{new}")
                raise ValueError(_twice(*both, "setting"))
            _warn(where, f"{written}.{key}", f"{present}.{new}")
        values = VALUES.get(f"{present}.{new}", {})
        if isinstance(value, str) and value in values:
            _warn(where, f'{written}.{key} "{value}"', f'"{values[value]}"')
            value = values[value]
        current[new] = value
    return current


def _twice(old: str, new: str, what: str) -> str:
    return (
        f"{old} and {new} are one {what} under its old and its present name; leave "
        f"{old} out"
    )


def _warn(where: str, old: str, new: str) -> None:
    logger.warning(
        "%s%s is now called %s; jaxload %s will no longer read the old name",
        f"{where}: " if where else "",
        old,
        new,
        REMOVED_IN,
    )


def current_summary(content: Mapping[str, Any]) -> dict[str, Any]:
    """Replace names of earlier releases in what ``summary.json`` holds.

    Args:
      content: The content.

    Returns:
      The same under present names.
    """
    return _current_keys(content, ())


def _current_keys(content: Any, above: tuple[str, ...]) -> Any:
    if not isinstance(content, Mapping):
        return content
    current = {}
    for key, value in content.items():
        new = next((k[key] for k in _keys_below(above) if key in k), key)
        current[new] = _current_keys(value, (*above, new))
    return current


def _keys_below(above: tuple[str, ...]) -> list[dict[str, str]]:
    """What was renamed below some keys."""
    patterns = ((tuple(filter(None, p.split("."))), k) for p, k in SUMMARY_KEYS.items())
    return [
        keys
        for pattern, keys in patterns
        if len(pattern) == len(above)
        and all(part in ("*", name) for part, name in zip(pattern, above))
    ]


def is_of_earlier_release(content: Mapping[str, Any]) -> bool:
    """Whether a study is written with names of an earlier release.

    Args:
      content: Tables and settings as a file has them.
    """
    return any(
        name in TABLES
        or (isinstance(table, Mapping) and bool(SETTINGS.get(name, {}).keys() & table))
        for name, table in content.items()
    )
