"""The JSON schema of study files, by which editors complete and check them."""

import dataclasses
import inspect
import typing
from typing import Any

from jaxload.config.reference import is_required, meanings
from jaxload.config.study import Study
from jaxload.config.values import is_table, kinds_of

__all__ = ["json_schema"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Make the JSON schema of study files.

    Returns:
      The schema, of draft 2020-12: types, choices, defaults and meanings of all
      settings; a key that is none of them is an error.

    Example:
      >>> schema = config.json_schema()
      >>> schema["$defs"]["Earth"]["properties"]["frame"]["enum"]
      ['CE', 'CM', 'CF']
    """
    import pydantic

    made = pydantic.TypeAdapter(Study).json_schema()
    definitions = made.pop("$defs")
    tables = {kind.__name__: kind for kind in _tables(Study)}
    return {
        "$schema": DIALECT,
        "title": "jaxload study",
        **_table(made, Study),
        "$defs": {name: _table(definitions[name], tables[name]) for name in tables},
    }


def _tables(kind: type) -> dict[type, None]:
    """Every dataclass below one, each once, in their order."""
    tables: dict[type, None] = {}
    for hint in typing.get_type_hints(kind).values():
        for inner in filter(is_table, kinds_of(hint)):
            tables |= {inner: None} | _tables(inner)
    return tables


def _table(made: dict[str, Any], kind: type) -> dict[str, Any]:
    """The schema of a table: of each setting its meaning, and which are required."""
    descriptions = meanings(kind)
    required = [f.name for f in dataclasses.fields(kind) if is_required(f)]
    more = {"patternProperties": _named(kind)} if _named(kind) else {}
    return {
        "description": (inspect.getdoc(kind) or "").split("\n")[0].replace("`", ""),
        "type": "object",
        "properties": {
            name: _setting(of_setting, name in required)
            | {"description": descriptions[name]}
            for name, of_setting in made["properties"].items()
        },
        "required": required,
        "additionalProperties": False,
    } | more


def _named(kind: type) -> dict[str, Any]:
    """The tables that may stand in a table under names of a user's own."""
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)
    settings = "|".join(field.name for field in fields)
    return {
        f"^(?!({settings})$)": {"$ref": f"#/$defs/{inner.__name__}"}
        for field in fields
        if field.metadata.get("flat")
        for inner in filter(is_table, kinds_of(hints[field.name]))
    }


def _setting(made: dict[str, Any], required: bool) -> dict[str, Any]:
    """The schema of a setting; TOML has no null, and titles only repeat names."""
    kept = {key: value for key, value in made.items() if key != "title"}
    if required or kept.get("default", "") is None:
        kept.pop("default", None)
    kinds = [kind for kind in kept.get("anyOf", ()) if kind != {"type": "null"}]
    if len(kinds) == 1:
        return {key: value for key, value in kept.items() if key != "anyOf"} | kinds[0]
    return kept | ({"anyOf": kinds} if kinds else {})
