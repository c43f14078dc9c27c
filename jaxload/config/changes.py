"""Settings of a study file, changed by their names."""

import copy
import tomllib
from collections.abc import Mapping
from typing import Any

__all__ = ["parse_change", "with_changes"]


def parse_change(text: str) -> tuple[str, Any]:
    """Read a change as it is written on the command line.

    Args:
      text: Such as "inversion.beta=0.02": the name of a setting with its tables, and a
        value as TOML has it; text may lack its quotation marks.

    Returns:
      The name, and the value.

    Raises:
      ValueError: If there is no name, or no value.
    """
    name, equals, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if not equals or not all(name.split(".")) or not value:
        raise ValueError(
            f"{text!r} is no change of a setting; write it as inversion.beta=0.02"
        )
    try:
        # A value cannot bring further settings along, on lines of its own.
        (only,) = tomllib.loads(f"value = {value}").items()
        return name, only[1]
    except ValueError:
        return name, value


def with_changes(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict:
    """Change settings in the content of a study file.

    Args:
      content: Tables and settings as the file has them.
      changes: Values by the names of settings, such as "inversion.beta"; a table that
        the file lacks is added.

    Returns:
      The content with the changes; `content` itself stays.

    Raises:
      ValueError: If a name leads through a setting that is no table.
    """
    changed = copy.deepcopy(dict(content))
    for name, value in changes.items():
        *tables, setting = name.split(".")
        table = changed
        for count, part in enumerate(tables, 1):
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise ValueError(
                    f"{name} cannot be set, as {'.'.join(tables[:count])} is "
                    f"{table!r} and no table"
                )
        table[setting] = value
    return changed
