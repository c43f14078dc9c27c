"""Tables and values of TOML to frozen dataclasses, every key and type checked."""

import dataclasses
import datetime
import difflib
import json
import types
import typing
from typing import Any

__all__ = ["build_table", "is_union", "toml_value"]

#: What the types of settings are called.
NAMES = {
    str: "text",
    float: "a number",
    int: "a whole number",
    bool: "true or false",
}


def build_table(kind: type, table: dict[str, Any], name: str) -> Any:
    """Build a dataclass from a table.

    Args:
      kind: The dataclass.
      table: What the file says.
      name: What the study calls the table; empty for the study itself.

    Returns:
      An instance of `kind`; what the table does not say has its default.

    Raises:
      ValueError: If a key is unknown, a value of another type, or a table missing.
    """
    types_of = typing.get_type_hints(kind)
    types_of.pop("folder", None)
    values = {}
    for key, value in table.items():
        where = f"{name}.{key}" if name else key
        if key not in types_of:
            raise ValueError(_unknown(where, key, list(types_of)))
        values[key] = _value(where, value, types_of[key])
    for field in dataclasses.fields(kind):
        defaults = (field.default, field.default_factory)
        required = defaults == (dataclasses.MISSING, dataclasses.MISSING)
        if required and field.name not in values and field.name != "folder":
            raise ValueError(f"the table [{field.name}] is missing; add it")
    return kind(**values)


def toml_value(value: Any) -> str:
    """Write a value as TOML does.

    Args:
      value: A plain value, a tuple, or a dataclass, which becomes an inline table of
        what differs from its defaults.

    Returns:
      The text.
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # What JSON escapes, a basic string of TOML escapes the same way.
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    if dataclasses.is_dataclass(value):
        pairs = [(f, getattr(value, f.name)) for f in dataclasses.fields(value)]
        texts = [f"{f.name} = {toml_value(x)}" for f, x in pairs if x != f.default]
        return f"{{ {', '.join(texts)} }}"
    return repr(value)


def _value(where: str, value: Any, wanted: Any) -> Any:
    """A value of one of the types that a setting may have."""
    kinds = typing.get_args(wanted) if is_union(wanted) else (wanted,)
    kinds = tuple(kind for kind in kinds if kind is not types.NoneType)
    table = next((k for k in kinds if dataclasses.is_dataclass(k)), None)
    items = next((k for k in kinds if typing.get_origin(k) is tuple), None)
    if isinstance(value, dict) and table is not None:
        return _table(where, value, typing.cast(type, table), inline=len(kinds) > 1)
    if isinstance(value, list) and items is not None:
        of = typing.get_args(items)[0]
        return tuple(_value(f"{where}[{i}]", x, of) for i, x in enumerate(value))
    if isinstance(value, datetime.date):
        value = value.isoformat()
    if float in kinds and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) not in kinds or isinstance(value, list | dict):
        raise ValueError(f"{where} is {value!r}, expected {_expected(kinds, where)}")
    return value


def _table(where: str, value: dict[str, Any], kind: type, inline: bool) -> Any:
    try:
        return build_table(kind, value, where)
    except ValueError as error:
        # The checks of a table of its own name their settings in full.
        known = not inline or str(error).startswith(where)
        raise ValueError(str(error) if known else f"{where}.{error}") from None


def is_union(wanted: Any) -> bool:
    """Tell whether a setting may have one of several types.

    Args:
      wanted: Its type.
    """
    return typing.get_origin(wanted) in (types.UnionType, typing.Union)


def _expected(kinds: tuple[Any, ...], where: str) -> str:
    plain = [NAMES[kind] for kind in kinds if kind in NAMES]
    tables = [kind for kind in kinds if dataclasses.is_dataclass(kind)]
    if tables:
        shape = "a table { files = ... }" if plain else f"a table [{where}]"
        plain.append(shape)
    for kind in kinds:
        if typing.get_origin(kind) is tuple:
            simple = typing.get_args(kind)[0] is str
            plain.append("a list of strings" if simple else "a list of such")
    return " or ".join(plain)


def _unknown(where: str, key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return f"{where} is not a known setting; {hint}"
