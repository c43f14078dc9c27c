"""Every setting of a study file with its type, default and meaning."""

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from jaxload.config.study import Study
from jaxload.config.values import is_table, kinds_of
from jaxload.config.writing import one_line

__all__ = ["Setting", "is_required", "meanings", "settings", "settings_of_tables"]

#: What the types of settings are called.
NAMES = {str: "text", float: "number", int: "whole number", bool: "true or false"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """A setting of a study file.

    Attributes:
      name: With its tables, as ``gnss.files``.
      kind: Its type in words, several joined by "or".
      default: As TOML writes it; "" where there is none to write, None where the
        setting is required.
      meaning: What it is, with its unit.
    """

    name: str
    kind: str
    default: str | None
    meaning: str


def settings() -> list[Setting]:
    """List every setting that a study file may have.

    Returns:
      The settings in the order of the tables; those of inline tables, such as
      ``{ files = "...", variable = "..." }``, follow the first setting that takes them.
    """
    return list(_settings(Study, "", {}))


def settings_of_tables(content: Mapping[str, Any]) -> list[Setting]:
    """List the settings of the tables that a study file has.

    Args:
      content: Tables and settings as the file has them.

    Returns:
      All settings of each of its tables by their whole names, such as
      "weather.ndvi.units"; those of tables in lists have none.
    """
    return list(_of_tables(content, Study, ""))


def _of_tables(
    content: Mapping[str, Any], table: type, prefix: str
) -> Iterator[Setting]:
    """Settings of the tables in a table."""
    hints, shown = typing.get_type_hints(table), {}
    flat = [f.name for f in dataclasses.fields(table) if f.metadata.get("flat")]
    for name, value in content.items():
        hint = hints.get(name) or next((hints[each] for each in flat), None)
        if not isinstance(value, Mapping) or hint is None:
            continue
        inner = next(filter(is_table, kinds_of(hint)), None)
        if typing.get_origin(hint) is dict and inner is None:
            yield from _free(value, f"{prefix}{name}.")
        named = {f"{prefix}{name}.": value}
        if name in hints and typing.get_origin(hint) is dict:
            named = {f"{prefix}{name}.{key}.": each for key, each in value.items()}
        for place, each in named.items():
            if inner is not None and isinstance(each, Mapping):
                yield from _settings(inner, place, shown | {inner: place})
                yield from _of_tables(each, inner, place)


def _free(content: Mapping[str, Any], prefix: str) -> Iterator[Setting]:
    """Settings of a table of any content, such as that of a model, as they are."""
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _free(value, f"{prefix}{name}.")
        else:
            kind = NAMES.get(type(value), "list")
            yield Setting(prefix + name, kind, "", "of the table's own")


def _settings(table: type, prefix: str, shown: dict[Any, str]) -> Iterator[Setting]:
    shown[table] = prefix.rstrip(".")
    hints, descriptions = typing.get_type_hints(table), meanings(table)
    for field in dataclasses.fields(table):
        kinds = kinds_of(hints[field.name])
        tables = [kind for kind in kinds if is_table(kind)]
        name = prefix + field.name
        # A table of the study itself is a heading; an inline one is a value.
        if table is not Study or not tables:
            words = _words(hints[field.name], shown)
            yield Setting(name, words, _default(field), descriptions[field.name])
        for inner in tables:
            if inner not in shown:
                yield from _settings(inner, f"{name}.", shown)


def _words(wanted: Any, shown: dict[Any, str]) -> str:
    """The types that a setting may have, in words; tables by where they were shown."""
    if typing.get_origin(wanted) is dict:
        return f"{_words(typing.get_args(wanted)[1], shown)} by name"
    union = typing.get_origin(wanted) in (types.UnionType, typing.Union)
    parts = typing.get_args(wanted) if union else (wanted,)
    lists = [part for part in parts if typing.get_origin(part) is tuple]
    plain = [p for p in parts if p not in lists and p is not types.NoneType]
    words = [_word(part, shown) for part in plain]
    for inner in (_words(typing.get_args(one)[0], shown) for one in lists):
        same = inner == " or ".join(words)
        words.append("list of these" if same and len(words) > 1 else f"list of {inner}")
    return " or ".join(words)


def _word(kind: Any, shown: dict[Any, str]) -> str:
    if typing.get_origin(kind) is typing.Literal:
        choices = typing.get_args(kind)
        return " or ".join(f'"{choice}"' if choice else "empty" for choice in choices)
    table = f"table as of {shown[kind]}" if kind in shown else "table"
    return NAMES.get(kind, table)


def _default(field: dataclasses.Field) -> str | None:
    if is_required(field):
        return None
    there = field.default not in (dataclasses.MISSING, None)
    return one_line(field.default) if there else ""


def is_required(field: dataclasses.Field) -> bool:
    """Whether a study has to have a setting, where it has its table.

    Args:
      field: The setting.
    """
    none = field.default is field.default_factory is dataclasses.MISSING
    return none or field.metadata.get("required", False)


def meanings(table: type) -> dict[str, str]:
    """Read what settings mean from the docstring of their table.

    Args:
      table: The dataclass.

    Returns:
      The lines below "Attributes:", by the name of the setting.
    """
    descriptions: dict[str, str] = {}
    name = ""
    _, _, below = (inspect.getdoc(table) or "").partition("Attributes:\n")
    for line in below.splitlines():
        start = re.match(r"  (\w+): (.*)", line)
        if start:
            name = start[1]
            descriptions[name] = start[2]
        elif descriptions and line.startswith("    "):
            descriptions[name] += f" {line.strip()}"
        elif line.strip():
            break
    return {name: text.replace("`", "") for name, text in descriptions.items()}
