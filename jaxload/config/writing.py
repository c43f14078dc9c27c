"""Settings as the text of TOML."""

import dataclasses
from typing import Any

import tomli_w

__all__ = ["one_line", "written"]


def written(settings: Any) -> str:
    """Write a study as the text of a TOML file, defaults included.

    Args:
      settings: A dataclass, each part of which is a value or the dataclass of a table.

    Returns:
      The text. Tables inside others hold only what differs from their defaults, and
      what is None is left out, as is the folder, which belongs to no file. Tables of a
      setting whose metadata say "flat" stand beside it.
    """
    fields = [f.name for f in dataclasses.fields(settings) if f.name != "folder"]
    parts = {name: getattr(settings, name) for name in fields}
    tables = {k: _table(v) for k, v in parts.items() if dataclasses.is_dataclass(v)}
    plain = {k: v for k, v in parts.items() if k not in tables and v is not None}
    return tomli_w.dumps(plain | tables)


def _table(settings: Any) -> dict[str, Any]:
    table = {}
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.metadata.get("flat"):
            table |= _plain(value)
        elif value is not None and value != {}:
            table[field.name] = _plain(value)
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if dataclasses.is_dataclass(value):
        pairs = [(f, getattr(value, f.name)) for f in dataclasses.fields(value)]
        return {f.name: _plain(x) for f, x in pairs if x != f.default}
    return value


def one_line(value: Any) -> str:
    """Write a value as TOML does, on one line.

    Args:
      value: Text, a number, true or false, or a tuple of them.

    Returns:
      The text.
    """
    if isinstance(value, tuple):
        return f"[{', '.join(map(one_line, value))}]"
    return tomli_w.dumps({"x": value}).removeprefix("x = ").strip()
