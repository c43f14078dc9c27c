"""Files of GNSS series looked for: which they are, and what is passed over."""

import collections
import logging
import pathlib
from collections.abc import Iterable, Sequence

from jaxload.io.files.foreign import WEB_PAGE
from jaxload.io.files.packed import ENDINGS, is_archive, plain_name
from jaxload.io.files.paths import PathLike, children, expand, path_list
from jaxload.io.gnss.formats import FORMATS, formats_of, is_named
from jaxload.io.gnss.source import peek_source
from jaxload.io.listing import some_of

__all__ = ["find_files", "search_files"]

log = logging.getLogger(__name__)

#: How names end that belong to a folder of series but hold none.
COMPANIONS = ("sites.txt", "_break.neu", "steps.txt")

#: How names of packed files end that cannot be unpacked here, beside those that can.
PACKED = (*ENDINGS, ".7z", ".rar", ".zst", ".lz4", ".tar", ".tgz", ".tbz2", ".txz")

#: Names that a message lists.
SHOWN = 5


def find_files(paths: PathLike | Sequence[PathLike]) -> list[pathlib.Path]:
    """Find the files that folders, patterns and names stand for.

    What a folder holds beside series is logged, one line a kind.

    Args:
      paths: A folder, a zip archive, a pattern or a file, or several.

    Returns:
      The files, each once; of a folder, those of a known ending or content.

    Raises:
      FileNotFoundError: If there is none.
      ValueError: If nothing is asked for.
    """
    files, passed = search_files(paths)
    for line in passed:
        log.warning("%s", line)
    return files


def search_files(
    paths: PathLike | Sequence[PathLike],
) -> tuple[list[pathlib.Path], list[str]]:
    """Find the files that folders, patterns and names stand for, and what is beside.

    Args:
      paths: As of `find_files`.

    Returns:
      The files, and one line on each kind of what was passed over.

    Raises:
      FileNotFoundError: If there is none.
      ValueError: If nothing is asked for.
    """
    parts = [_search(path) for path in path_list(paths)]
    if not parts:
        raise ValueError("no files were given; pass a folder, a pattern or file names")
    files = [file for of_path, _ in parts for file in of_path]
    passed = [line for _, lines in parts for line in lines]
    return list(dict.fromkeys(files)), list(dict.fromkeys(passed))


def _search(path: PathLike) -> tuple[list[pathlib.Path], list[str]]:
    matches = expand(path)
    # A pattern of any name is a folder written in another way.
    whole = pathlib.PurePath(path).name in ("*", "**")
    if len(matches) == 1 and (matches[0].is_dir() or is_archive(matches[0])):
        matches, whole = children(matches[0]), True
    opened = _opened(matches)
    if not whole:
        return opened, []
    files, lines = _sorted_out(str(path).rstrip("*").rstrip("/") or "/", opened)
    if not files:
        listed = ", ".join(known.name for known in FORMATS)
        beside = "".join(f"; {line.partition(': ')[2]}" for line in lines)
        raise FileNotFoundError(
            f"{path} holds no file of a known format; these are {listed}{beside}"
        )
    return files, lines


def _opened(paths: Iterable[pathlib.Path]) -> list[pathlib.Path]:
    """Paths, with the files of zip archives in place of these."""
    return [
        file
        for path in paths
        for file in (
            children(path)
            if path.suffix.lower() == ".zip" and is_archive(path)
            else [path]
        )
    ]


def _sorted_out(
    folder: str, paths: Iterable[pathlib.Path]
) -> tuple[list[pathlib.Path], list[str]]:
    """The files of series among some, and one line on each kind of others."""
    kinds: dict[str, list[pathlib.Path]] = collections.defaultdict(list)
    for path in paths:
        kinds[_kind(path)].append(path)
    lines = []
    if kinds["other"]:
        lines.append(
            f"left out {_counted(kinds['other'], 'file')} of no known format "
            f"({_endings(kinds['other'])})"
        )
    if kinds["packed"]:
        lines.append(
            f"left out {_counted(kinds['packed'], 'packed file')} that cannot be "
            f"unpacked or hold no series ({_names(kinds['packed'])})"
        )
    if kinds["page"]:
        lines.append(
            f"left out {_counted(kinds['page'], 'web page')} saved as data "
            f"({_names(kinds['page'])}); fetch the files again"
        )
    if kinds["folder"]:
        lines.append(
            f"did not look into {_counted(kinds['folder'], 'subfolder')} "
            f"({_names(kinds['folder'])}); name {folder}/** to read them too"
        )
    return kinds["series"], [f"{folder}: {line}" for line in lines]


def _kind(path: pathlib.Path) -> str:
    name = plain_name(path).lower()
    if path.name.startswith(".") or name.endswith(COMPANIONS):
        return "companion"
    if path.is_dir():
        return "folder"
    if is_named(path):
        return "series"
    packed = path.suffix.lower() in PACKED
    try:
        if path.exists() and not path.is_file():
            return "other"
        if formats_of(peek_source(path)):
            return "series"
    except (ValueError, OSError) as error:
        if WEB_PAGE in str(error):
            return "page"
    return "packed" if packed else "other"


def _counted(paths: Sequence[pathlib.Path], what: str) -> str:
    return f"{len(paths)} {what}{'s' * (len(paths) != 1)}"


def _names(paths: Sequence[pathlib.Path]) -> str:
    return some_of([path.name for path in paths], SHOWN)


def _endings(paths: Sequence[pathlib.Path]) -> str:
    """How many names end in what; whole names where they have no ending."""
    counts = collections.Counter(path.suffix or path.name for path in paths)
    listed = [
        name if count == 1 and not name.startswith(".") else f"{count} {name}"
        for name, count in sorted(counts.items(), key=_commonest)[:SHOWN]
    ]
    more = len(counts) - SHOWN
    return ", ".join(listed) + (f" and {more} more kinds" if more > 0 else "")


def _commonest(entry: tuple[str, int]) -> tuple[int, bool]:
    """Order endings by how many there are, those before whole names."""
    return -entry[1], not entry[0].startswith(".")
