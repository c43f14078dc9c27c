"""Names of files as people write them: ``~``, patterns, folders within folders."""

import difflib
import fnmatch
import os
import pathlib
import re
from collections.abc import Iterable, Sequence

from jaxload.io.files.packed import is_archive, members
from jaxload.io.listing import some_of

__all__ = [
    "PathLike",
    "at_home",
    "children",
    "expand",
    "is_pattern",
    "nearest",
    "only_one",
    "path_list",
    "sort_naturally",
]

#: A path as people write it.
PathLike = str | os.PathLike[str]

#: Names that a message lists.
SHOWN = 3

#: Names of a folder among which near ones are looked for.
MOST = 2000


def at_home(path: PathLike) -> pathlib.Path:
    """Write out the home folder that ``~`` stands for.

    Args:
      path: A path.

    Raises:
      ValueError: If there is no such user.
    """
    try:
        return pathlib.Path(path).expanduser()
    except RuntimeError:
        raise ValueError(f"{path} names no user's folder; write it out") from None


def path_list(paths: PathLike | Sequence[PathLike]) -> list[PathLike]:
    """List what may be one path or several.

    Args:
      paths: A path, or several.
    """
    return [paths] if isinstance(paths, str | os.PathLike) else list(paths)


def sort_naturally(paths: Iterable[pathlib.Path]) -> list[pathlib.Path]:
    """Sort paths with their numbers in order: ``b2`` comes before ``b10``.

    Args:
      paths: The paths.
    """
    return sorted(paths, key=lambda path: [_key(part) for part in path.parts])


def _key(name: str) -> list[tuple[int, str]]:
    # Texts and numbers take turns. A number is longer where it is larger.
    words = re.split(r"([0-9]+)", name)
    numbers = [word.lstrip("0") if i % 2 else word for i, word in enumerate(words)]
    return [(len(w) if i % 2 else 0, w) for i, w in enumerate(numbers)] + [(0, name)]


def expand(path: PathLike) -> list[pathlib.Path]:
    """Find what a path or a pattern stands for.

    ``~`` is the home folder. ``*``, ``?`` and ``[ab]`` stand for parts of a name,
    ``**`` for folders at any depth; a name that has these signs and is there is taken
    as it is. A zip archive is like a folder.

    Args:
      path: A file, a folder or a pattern of files.

    Returns:
      The path itself if it is there, or else the files that match, sorted.

    Raises:
      FileNotFoundError: If nothing is called so; near names are named.
      ValueError: If only folders are.
    """
    whole = at_home(path)
    if whole.exists():
        return [whole]
    steps = whole.parts
    matches = _match([pathlib.Path(whole.anchor)], steps[bool(whole.anchor) :])
    if not matches and "[" in str(whole):
        plain = tuple(step.replace("[", "[[]") for step in steps)
        matches = _match([pathlib.Path(whole.anchor)], plain[bool(whole.anchor) :])
    files = [file for file in matches if not file.is_dir()]
    if matches and not files:
        raise ValueError(
            f"{path} stands for {len(matches)} folders and no file; add /* to it"
        )
    if not files:
        raise FileNotFoundError(f"nothing is called {whole}{nearest(path)}")
    return sort_naturally(dict.fromkeys(files))


def only_one(path: PathLike) -> pathlib.Path:
    """Find the one file that a path or a pattern stands for.

    Args:
      path: A file, or a pattern as of `expand`.

    Returns:
      The file; the path with ``~`` written out where nothing is there.

    Raises:
      FileNotFoundError: If nothing is called like a pattern.
      ValueError: If several files are, or a folder.
    """
    whole = at_home(path)
    if whole.is_dir():
        raise ValueError(f"{path} is a folder; name a file in it{_holding(whole)}")
    if whole.exists() or not is_pattern(path):
        return whole
    matches = expand(path)
    if len(matches) > 1:
        names = ", ".join(file.name for file in matches[:SHOWN])
        raise ValueError(f"{path} stands for {len(matches)} files ({names}); name one")
    return matches[0]


def is_pattern(path: PathLike) -> bool:
    """Whether a path holds signs that stand for other letters.

    Args:
      path: The path.
    """
    return bool(re.search(r"[*?[]", str(path)))


def _match(bases: Sequence[pathlib.Path], steps: Sequence[str]) -> list[pathlib.Path]:
    """Paths that begin with one of some, and go on with names like some."""
    for place, step in enumerate(steps):
        packed = [base for base in bases if base.is_file()]
        if packed:
            pattern = "/".join(steps[place:]).replace("**/", "*")
            return [file for base in packed for file in _within(base, pattern)]
        if step == "**":
            bases = [below for base in bases for below in _folders(base)]
            continue
        bases = [child for base in bases for child in _named(base, step)]
    if steps and steps[-1] == "**":
        return [file for base in bases for file in children(base) if file.is_file()]
    return list(bases)


def _within(archive: pathlib.Path, pattern: str) -> list[pathlib.Path]:
    if not is_archive(archive):
        return []
    return [
        file
        for file in members(archive)
        if fnmatch.fnmatchcase(file.relative_to(archive).as_posix(), pattern)
    ]


def _named(base: pathlib.Path, step: str) -> list[pathlib.Path]:
    plain = base / step
    if plain.exists() or not is_pattern(step):
        return [plain] if plain.exists() else []
    if not base.is_dir():
        return []
    hidden = step.startswith(".")
    return [
        child
        for child in children(base)
        if fnmatch.fnmatchcase(child.name, step)
        and child.name.startswith(".") == hidden
    ]


def _folders(base: pathlib.Path) -> list[pathlib.Path]:
    """A folder and all below it, each once however links lead to it."""
    seen: dict[str, pathlib.Path] = {}
    waiting = [base]
    while waiting:
        folder = waiting.pop()
        place = os.path.realpath(folder)
        if place in seen or not folder.is_dir():
            continue
        seen[place] = folder
        waiting += [c for c in children(folder) if not c.name.startswith(".")]
    return list(seen.values())


def children(folder: pathlib.Path) -> list[pathlib.Path]:
    """List what is in a folder or a zip archive, sorted.

    Args:
      folder: The folder.

    Raises:
      ValueError: If it cannot be read.
    """
    try:
        inside = members(folder) if folder.is_file() else list(folder.iterdir())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ValueError(f"{folder} cannot be read ({reason})") from None
    return sort_naturally(inside)


def nearest(path: PathLike) -> str:
    """Name the files that are called nearly like a path that is not there.

    Args:
      path: The path, or a pattern.

    Returns:
      The end of a sentence, from its semicolon on.
    """
    if "\\" in str(path) and os.sep == "/":
        return "; write / in place of \\"
    whole = at_home(path)
    base = next((one for one in whole.parents if one.exists()), None)
    if base is None or not base.is_dir():
        return "; check the path"
    return f"; check the path{_holding(base, whole.relative_to(base).parts[0][:255])}"


def _holding(folder: pathlib.Path, wanted: str = "") -> str:
    """Say what a folder holds, what is called nearly so first."""
    try:
        names = [child.name for child in children(folder)][:MOST]
    except ValueError:
        return ""
    if not names:
        return f": the folder {folder} is empty"
    likeness = {name: _likeness(wanted, name) for name in names}
    best = sorted(names, key=lambda name: -likeness[name])
    return f": the folder {folder} holds {some_of(best, SHOWN)}"


def _likeness(wanted: str, name: str) -> float:
    plain = re.sub(r"[*?]", "", wanted).lower()
    return difflib.SequenceMatcher(None, plain, name.lower()).ratio()
