"""The content of a study file to frozen dataclasses, every key and type checked."""

import dataclasses
import difflib
import functools
import json
import pathlib
import re
import tomllib
import types
import typing
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jaxload.config.checks import unknown_word

if TYPE_CHECKING:
    import pydantic
    from pydantic_core import ErrorDetails

__all__ = [
    "build_table",
    "is_table",
    "kinds_of",
    "plain_settings",
    "read_toml",
    "unknown_setting",
]

#: What is expected, by the kind of a problem.
EXPECTED = {
    "string_type": "text",
    "float_type": "a number",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list of strings",
    "dataclass_type": "a table { files = ... }",
}


def read_toml(path: pathlib.Path, kind: str) -> dict[str, Any]:
    """Read the tables and settings of a TOML file.

    Args:
      path: The file.
      kind: What it is, for the message where there is none.

    Returns:
      Its content.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it is not TOML.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not a file; check the path of the {kind}")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not TOML: {error}") from None


def plain_settings(text: str) -> dict[str, Any]:
    """Parse the settings that files of results hold, unchecked.

    Not for: what is to be run, which `parse_study` checks.

    Args:
      text: A study as TOML.

    Returns:
      Its tables and settings; empty for a text that is no TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def build_table(kind: type, content: dict[str, Any]) -> Any:
    """Build a dataclass, and those in it, from the content of a file.

    Args:
      kind: The dataclass, whose types are those of its settings.
      content: Tables and settings as the file has them.

    Returns:
      An instance of `kind`; what the file does not say has its default.

    Raises:
      ValueError: If a key is unknown, a value of another type, a check of the
        dataclasses fails, or a table is missing; the first of these in one sentence.
    """
    import pydantic

    # As JSON, days are text, lists may be tuples, and tables dataclasses.
    text = json.dumps(content, default=lambda day: day.isoformat())
    try:
        return _validator(kind).validate_json(text, strict=True, extra="forbid")
    except pydantic.ValidationError as error:
        problems = error.errors(include_url=False)
    raise ValueError(_sentence(problems, json.loads(text), kind))


@functools.cache
def _validator(kind: type) -> "pydantic.TypeAdapter":
    import pydantic

    return pydantic.TypeAdapter(kind)


def _sentence(
    problems: "Sequence[ErrorDetails]", content: dict[str, Any], kind: type
) -> str:
    """The problem that says most of the first setting that has one.

    Where a setting may be of several types, each of them has a problem of its own:
    that of the type that was meant lies deepest, or is no matter of type.
    """
    present = [p for p in problems if p["type"] != "missing"]
    if not present:
        return f"the table [{problems[0]['loc'][-1]}] is missing; add it"
    places = [_place(problem, content) for problem in present]
    rows = [row for row, place in enumerate(places) if place[:2] == places[0][:2]]
    weight = [(len(places[r]), present[r]["type"] not in MISMATCHES) for r in rows]
    chosen = rows[weight.index(max(weight))]
    where, problem = places[chosen], present[chosen]
    if problem["type"] == "value_error":
        return _prefixed(_written(where), str(_context(problem)["error"]), len(where))
    if problem["type"] == "unexpected_keyword_argument":
        return unknown_setting(_written(where), _table_at(kind, where))
    value = _value_at(content, where)
    of_same = [present[row] for row in rows if places[row] == where]
    types_of = {one["type"] for one in of_same}
    sentence = ""
    if "literal_error" in types_of and len(types_of) > 1 and len(where) == 2:
        sentence = _of_own_check(_table_at(kind, where), where, value)
    if sentence:
        return sentence
    sentence = _mismatch(_written(where), value, of_same)
    whole = "tuple_type" in types_of and _holds_integers(_table_at(kind, where), where)
    return sentence.replace("of strings", "of whole numbers") if whole else sentence


def _holds_integers(table: type, where: Sequence[str | int]) -> bool:
    """Whether a setting is a list of whole numbers."""
    hint = typing.get_type_hints(table).get(str(where[-1]))
    lists = [kind for kind in kinds_of(hint) if typing.get_origin(kind) is tuple]
    return any(int in typing.get_args(one) for one in lists)


def _of_own_check(table: type, where: Sequence[str | int], value: Any) -> str:
    """What the table itself says of a word that it does not know."""
    try:
        table(**{str(where[-1]): value})
    except (ValueError, TypeError) as error:
        return str(error) if str(error).startswith(_written(where)) else ""
    return ""


def _place(problem: "ErrorDetails", content: Any) -> tuple[str | int, ...]:
    """Where in the file a problem is; types that a setting may have are left out."""
    parts = []
    for part in problem["loc"]:
        if _has(content, part):
            parts.append(part)
            content = content[part]
    return tuple(parts)


def _has(content: Any, part: str | int) -> bool:
    if isinstance(content, list):
        return isinstance(part, int)
    return isinstance(content, dict) and part in content


def _context(problem: "ErrorDetails") -> dict[str, Any]:
    return problem.get("ctx", {})


def _value_at(content: Any, where: Sequence[str | int]) -> Any:
    return functools.reduce(lambda inside, part: inside[part], where, content)


def _written(where: Sequence[str | int]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    return "".join(parts).lstrip(".")


def _prefixed(where: str, message: str, depth: int) -> str:
    """Checks of the study's own tables name their settings in full."""
    return message if depth < 2 or message.startswith(where) else f"{where}.{message}"


def _mismatch(where: str, value: Any, problems: "Sequence[ErrorDetails]") -> str:
    words = [
        word
        for problem in problems
        if problem["type"] == "literal_error"
        for word in re.findall(r"'([^']*)'", _context(problem)["expected"])
    ]
    kinds = list(dict.fromkeys(problem["type"] for problem in problems))
    if kinds == ["literal_error"]:
        return unknown_word(where, value, tuple(words))
    if kinds == ["dataclass_type"]:
        return f"{where} is {value!r}, expected a table [{where}]"
    plain = [EXPECTED[kind] for kind in EXPECTED if kind in kinds]
    plain += [f'"{word}"' for word in words]
    if not plain:
        return f"{where} is {value!r}: {problems[0]['msg']}"
    return f"{where} is {value!r}, expected {' or '.join(plain)}"


#: Problems of which a setting of several types has one for each.
MISMATCHES = {*EXPECTED, "literal_error"}


def unknown_setting(where: str, table: type) -> str:
    """Make the message for a setting that does not exist.

    Args:
      where: What it is called, with its tables.
      table: The dataclass that does not have it.

    Returns:
      A sentence.
    """
    known = [f.name for f in dataclasses.fields(table)]
    near = difflib.get_close_matches(where.rpartition(".")[2], known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return f"{where} is not a known setting; {hint}"


def _table_at(kind: type, where: Sequence[str | int]) -> type:
    """The dataclass that should have the last part of a place."""
    parts = iter(part for part in where[:-1] if isinstance(part, str))
    for part in parts:
        hint = typing.get_type_hints(kind)[part]
        kind = next(filter(is_table, kinds_of(hint)))
        if typing.get_origin(hint) is dict:
            next(parts, None)  # the name is a user's own
    return kind


def is_table(kind: Any) -> typing.TypeGuard[type]:
    """Whether a type is that of a table.

    Args:
      kind: The type.
    """
    return isinstance(kind, type) and dataclasses.is_dataclass(kind)


def kinds_of(wanted: Any) -> list[Any]:
    """List the types that a setting may have.

    Args:
      wanted: Its type as its dataclass has it.

    Returns:
      The types, None left out; a list of tables is followed by the tables, and tables
      by names of a user's own are the types of these tables.
    """
    if typing.get_origin(wanted) is dict:
        return kinds_of(typing.get_args(wanted)[1])
    if typing.get_origin(wanted) in (types.UnionType, typing.Union):
        return [
            kind
            for part in typing.get_args(wanted)
            if part is not types.NoneType
            for kind in kinds_of(part)
        ]
    if typing.get_origin(wanted) is tuple:
        inner = kinds_of(typing.get_args(wanted)[0])
        return [wanted, *filter(is_table, inner)]
    return [wanted]
