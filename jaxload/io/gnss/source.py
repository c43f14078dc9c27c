"""A file that may hold GNSS series, opened once and looked at by every format."""

import dataclasses
import itertools
import pathlib
import re

from jaxload.io.files.packed import plain_name
from jaxload.io.text.lines import data_lines, read_lines, read_start

__all__ = [
    "Source",
    "component_in_name",
    "open_source",
    "peek_source",
    "plain_suffix",
    "station_name",
]

NETCDF = (b"CDF\x01", b"CDF\x02", b"CDF\x05", b"\x89HDF")

#: Lines of data that are enough to know a format by.
HEAD = 3


@dataclasses.dataclass(frozen=True)
class Source:
    """The content of a file, or of its first 64 KiB.

    Attributes:
      path: The file.
      lines: Its lines; none if it is netCDF.
      rows: The words of the first lines that hold data.
      netcdf: Whether it is netCDF.
      whole: Whether the lines are all of them.
    """

    path: pathlib.Path
    lines: list[str]
    rows: list[list[str]]
    netcdf: bool = False
    whole: bool = True


def open_source(path: pathlib.Path) -> Source:
    """Read a file.

    Args:
      path: The file.

    Returns:
      Its content.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it cannot be read.
    """
    if _is_netcdf(path):
        return Source(path, [], [], netcdf=True)
    lines = read_lines(path)
    return Source(path, lines, _first_rows(lines))


def peek_source(path: pathlib.Path) -> Source:
    """Read the beginning of a file, enough to know its format by.

    Args:
      path: The file.

    Returns:
      The content of its first 64 KiB.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it cannot be read, or is a web page.
    """
    if _is_netcdf(path):
        return Source(path, [], [], netcdf=True)
    lines, whole = read_start(path)
    return Source(path, lines, _first_rows(lines), whole=whole)


def _first_rows(lines: list[str]) -> list[list[str]]:
    return [line.split() for _, line in itertools.islice(data_lines(lines), HEAD)]


def _is_netcdf(path: pathlib.Path) -> bool:
    if path.suffix.lower() in (".nc", ".nc4", ".cdf"):
        return True
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(NETCDF)
    except OSError:
        # The reader of text says what is wrong.
        return False


def plain_suffix(path: pathlib.Path) -> str:
    """The suffix of a name, in lower case, without that of packing.

    Args:
      path: The file.
    """
    return pathlib.PurePath(plain_name(path).lower()).suffix


def station_name(path: pathlib.Path) -> str:
    """Guess the station from the name of its file.

    It is what comes before the first dot, or four letters followed by "_" or by what
    SOPAC adds (``bjfsCleanUnf.neu``), or what comes after ``mb_``.

    Args:
      path: The file.

    Returns:
      The name in upper case.
    """
    name = path.name.split(".")[0].removeprefix("mb_")
    known = re.match(
        r"([A-Za-z0-9]{4})(?:_|Raw|Clean|Filter|Detrend|Resid|Model)", name
    )
    return (known[1] if known else name).upper()


#: How the name of a file of one component ends: ``p123.u``, ``p123_up.dat``; and those
#: of Hector, whose 0, 1 and 2 are east, north and up.
_COMPONENTS = {
    "up": "u up vertical v 2.mom",
    "north": "n north 1.mom",
    "east": "e east 0.mom",
}
_ENDS = {end: name for name, ends in _COMPONENTS.items() for end in ends.split()}


def component_in_name(path: pathlib.Path) -> str:
    """Find the component of displacement that the name of a file ends in.

    Args:
      path: The file, such as ``p123.e``, ``p123_east.txt`` or ``P123_2.mom``.

    Returns:
      "up", "north" or "east"; "" if the name ends in none.
    """
    name = plain_name(path).lower()
    stem, _, suffix = name.rpartition(".")
    if suffix in ("e", "n", "u", "east", "north", "up"):
        return _ENDS[suffix]
    _, *words = re.split(r"[_.-]", stem)
    if not words:
        return ""
    whole = [_ENDS[word] for word in words if len(word) > 1 and word in _ENDS]
    last = _ENDS.get(f"{words[-1]}.{suffix}", "") or _ENDS.get(words[-1], "")
    return last or (whole[0] if len(set(whole)) == 1 else "")
