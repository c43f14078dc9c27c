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
VARIABLES: dict[str, dict[str, str]] = {}

#: Keys of ``summary.json``, at any depth.
SUMMARY_KEYS: dict[str, str] = {}


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
    found: dict[str, Any] = {}
    for name, table in content.items():
        new = TABLES.get(name, name)
        if new != name:
            if new in content:
                raise ValueError(_twice(f"[{name}]", f"[{new}]", "table"))
            _warn(where, f"the table [{name}]", f"[{new}]")
        known = SETTINGS.get(new, {})
        if isinstance(table, dict):
            table = _current_table(table, (name, new), known, where)
        found[new] = table
    return found


def _current_table(
    table: Mapping[str, Any], names: tuple[str, str], known: dict[str, str], where: str
) -> dict[str, Any]:
    """The settings of one table, which has an old and a new name, under new names."""
    found: dict[str, Any] = {}
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
        found[new] = value
    return found


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


def current_summary(content: Any) -> Any:
    """Replace names of earlier releases in what ``summary.json`` holds.

    Args:
      content: The content, or a part of it.

    Returns:
      The same under present names.
    """
    if isinstance(content, dict):
        return {
            SUMMARY_KEYS.get(key, key): current_summary(value)
            for key, value in content.items()
        }
    if isinstance(content, list):
        return list(map(current_summary, content))
    return content
