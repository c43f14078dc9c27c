"""Features of files of outlines, and how one is picked by its name."""

import dataclasses
import difflib
import pathlib
import re
from collections.abc import Sequence
from typing import Any

from shapely.geometry.base import BaseGeometry

from jaxload.io.listing import some_of

__all__ = ["Feature", "by_name", "pick"]

#: Where a feature's name is looked for, best first; compared in lower case.
NAME_PROPERTIES = ("name", "basinname", "basin_name", "basin", "region", "label", "id")

#: What whole numbers are called that identify features.
IDENTIFIER = re.compile(r"^(id|fid|gid)$|_id$|code$|^pfaf|^huc")

#: Names that a message lists.
LISTED = 40


@dataclasses.dataclass(frozen=True, eq=False)
class Feature:
    """One feature of a file, as it was read.

    Attributes:
      properties: What the file says of it: texts and numbers by name.
      geometry: In the coordinates of the file; LinearRings in a collection enclose by
        the even-odd rule; None where the file has none.
      where: The file and its place in it, for messages.
      lines: Line of the first vertex of each LinearRing, where the file is text.
      layer: In which layer it is, where the file has several of outlines.
    """

    properties: dict[str, Any]
    geometry: BaseGeometry | None
    where: str
    lines: tuple[int, ...] = ()
    layer: str = ""


def by_name(
    path: pathlib.Path, features: Sequence[Feature], name_property: str | None
) -> dict[str, list[Feature]]:
    """Gather features under their names.

    Args:
      path: The file; its stem names what has no properties.
      features: Its features.
      name_property: Which property holds the names; the likeliest if None.

    Returns:
      The features of each name, in the order of the file.

    Raises:
      ValueError: If the features have no such property, or none that names them.
    """
    key = _name_key(path, features, name_property)
    named: dict[str, list[Feature]] = {}
    for feature in features:
        name = path.stem if key is None else _text(feature.properties.get(key))
        if name:
            named.setdefault(name, []).append(feature)
    return named


def pick(
    path: pathlib.Path,
    features: Sequence[Feature],
    names: str | Sequence[str],
    name_property: str | None,
) -> dict[str, list[Feature]]:
    """Pick features by a text among their properties, whatever its case.

    Args:
      path: The file.
      features: Its features.
      names: Wanted names, or a text of names with commas between them.
      name_property: The property to look in; by default that which names the features,
        and any other where it has no such name.

    Returns:
      The features of each wanted name, under the names as the file writes them.

    Raises:
      ValueError: If there is no such name, or it is in several properties for different
        features.
    """
    picked: dict[str, list[Feature]] = {}
    wanted = _comma_separated(names, path, features, name_property)
    for name in wanted:
        matches = _matches(name, path, features, name_property)
        if not matches:
            raise ValueError(_unknown(name, path, features, name_property))
        sets = {tuple(map(id, group)) for group in matches.values()}
        if len(sets) > 1:
            raise ValueError(
                f"{path}: {name!r} stands in the properties {', '.join(matches)} of "
                "different features; set name_property to one of them"
            )
        key, group = next(iter(matches.items()))
        written = path.stem if key == "" else _text(group[0].properties[key])
        picked[written] = group
    return picked


def _comma_separated(
    names: str | Sequence[str],
    path: pathlib.Path,
    features: Sequence[Feature],
    name_property: str | None,
) -> list[str]:
    """Names between commas, of which a name may have some itself."""
    if not isinstance(names, str):
        return [_text(name) for name in names]
    parts = [part.strip() for part in names.split(",")]
    separated = []
    while parts:
        joined = [_text(", ".join(parts[:end])) for end in range(len(parts), 0, -1)]
        known = (n for n in joined if _matches(n, path, features, name_property))
        name = next(known, joined[-1])
        separated.append(name)
        parts = parts[len(parts) - joined.index(name) :]
    return [name for name in separated if name]


def _matches(
    name: str,
    path: pathlib.Path,
    features: Sequence[Feature],
    name_property: str | None,
) -> dict[str, list[Feature]]:
    """Features that are called so, by property; "" stands for the name of the file."""
    wanted, keys = name.casefold(), _keys(features)
    if not keys:
        return {"": list(features)} if path.stem.casefold() == wanted else {}
    named_key = _property(path, features, name_property)
    matches: dict[str, list[Feature]] = {}
    for key in keys if named_key is None else [named_key]:
        called = [(f, _text(f.properties.get(key))) for f in features]
        same = [f for f, text in called if text.casefold() == wanted]
        if same:
            matches[key] = same
    first = _guess(features)
    return (
        {first: matches[first]} if first is not None and first in matches else matches
    )


def _unknown(
    name: str,
    path: pathlib.Path,
    features: Sequence[Feature],
    name_property: str | None,
) -> str:
    keys = _keys(features)
    if not keys:
        return (
            f"{path} holds no region {name!r}; what it encloses has no names, so leave "
            f"out ': {name}'"
        )
    key = _property(path, features, name_property) or _guess(features) or keys[0]
    there = list(dict.fromkeys(_text(f.properties.get(key)) for f in features))
    there = [text for text in there if text]
    near = difflib.get_close_matches(name, there, 3)
    shown = some_of(near + [text for text in there if text not in near], LISTED)
    return f"{path} holds no region {name!r}; by {key} it has {shown}"


def _name_key(
    path: pathlib.Path, features: Sequence[Feature], wanted: str | None
) -> str | None:
    """The property that names the features; None for the name of the file."""
    keys = _keys(features)
    if not keys:
        return None
    key = _property(path, features, wanted) or _guess(features)
    if key is None and len(features) > 1:
        raise ValueError(
            f"{path} has no property that names its features, only {', '.join(keys)}; "
            "set name_property to one of them"
        )
    return key


def _keys(features: Sequence[Feature]) -> list[str]:
    return list(dict.fromkeys(key for f in features for key in f.properties))


def _property(
    path: pathlib.Path, features: Sequence[Feature], wanted: str | None
) -> str | None:
    """The property of that name, in whatever case; None if none is wanted."""
    if wanted is None:
        return None
    keys = _keys(features)
    by_case = {key.casefold(): key for key in reversed(keys)}
    if wanted not in keys and wanted.casefold() not in by_case:
        raise ValueError(
            f"{path} has no property {wanted}, only {', '.join(keys)}; set "
            "name_property to one of them"
        )
    return wanted if wanted in keys else by_case[wanted.casefold()]


def _guess(features: Sequence[Feature]) -> str | None:
    """The property whose values most likely are names."""
    values = {k: [f.properties.get(k) for f in features] for k in _keys(features)}
    there = {k: [v for v in each if _text(v)] for k, each in values.items()}
    texts = [k for k, v in there.items() if v and all(isinstance(x, str) for x in v)]
    by_case = {key.lower(): key for key in reversed(texts)}
    known = [by_case[name] for name in NAME_PROPERTIES if name in by_case]
    full = [k for k, v in there.items() if len(v) == len(features)]
    distinct = [k for k in texts if k in full and len(set(there[k])) > 1]
    numbers = [
        k
        for k in full
        if IDENTIFIER.search(k.lower()) and len(set(map(_text, there[k]))) > 1
    ]
    return next(iter(known + distinct + numbers), None)


def _text(value: Any) -> str:
    """A property as a name: runs of spaces become one, 7.0 becomes 7."""
    if value is None or isinstance(value, dict | list):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join(str(value).split())
