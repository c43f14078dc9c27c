"""Lists of places where stations could stand, with what each would cost."""

import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

from jaxload.io.files.paths import PathLike
from jaxload.io.gnss.site_columns import (
    SiteColumns,
    bare_name,
    column_names,
    find_header,
)
from jaxload.io.gnss.site_lists import read_sites
from jaxload.io.gnss.sites import Site
from jaxload.io.text.lines import data_lines, read_lines
from jaxload.io.text.words import parse_number, split_row, width_error

__all__ = ["CandidateList", "read_candidates"]

#: What columns of numbers beside the coordinates are called, without units.
NUMBERS = {
    "sigma": ("sigma", "sd", "std", "error", "stderr"),
    "cost": ("cost", "costs", "price"),
}


@dataclasses.dataclass(frozen=True)
class CandidateList:
    """Places where stations could stand.

    Attributes:
      sites: The position of each, by upper-cased name, in the order of the file.
      sigma: Standard error of a daily height at each [mm], by name; empty if the file
        has none.
      cost: What a station there costs, by name; likewise.
    """

    sites: dict[str, Site]
    sigma: dict[str, float]
    cost: dict[str, float]


def read_candidates(path: PathLike, order: str = "") -> CandidateList:
    """Read where stations could stand.

    Args:
      path: A list of stations as `read_sites` takes it; columns that a header calls
        sigma [mm] or cost are read too.
      order: "lon lat" or "lat lon", for lines without names of columns.

    Returns:
      The places.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: As `read_sites`, and if a standard error or a cost is not positive;
        the message names the line.
    """
    path = pathlib.Path(path)
    sites = read_sites(path, order)
    lines = read_lines(path)
    widths = [len(line.split()) for _, line in list(data_lines(lines))[1:50]] or [0]
    layout = find_header(lines, widths)
    values: dict[str, dict[str, float]] = {role: {} for role in NUMBERS}
    if layout is not None:
        for role, column in _columns(lines, layout, widths).items():
            values[role] = dict(_values(path, lines, layout, (role, column)))
    return CandidateList(sites, **values)


def _columns(
    lines: Sequence[str], layout: SiteColumns, widths: Sequence[int]
) -> dict[str, int]:
    names = [bare_name(w) for w in column_names(lines[layout.skip - 1], layout, widths)]
    return {
        role: next(names.index(word) for word in words if word in names)
        for role, words in NUMBERS.items()
        if set(words) & set(names)
    }


def _values(
    path: pathlib.Path,
    lines: Sequence[str],
    layout: SiteColumns,
    column: tuple[str, int],
) -> Iterator[tuple[str, float]]:
    role, index = column
    station = layout.place["station"]
    for number, line in data_lines(lines, layout.skip):
        words, where = split_row(line, layout.mark), f"{path} line {number}"
        if len(words) <= index:
            expected = f"{layout.width} as in the header"
            raise width_error(where, len(words), expected)
        last = station == layout.width - 1 and not layout.mark
        name = " ".join(words[station:]) if last else words[station]
        value = parse_number(words[index], role, where)
        if not 0 < value < float("inf"):
            raise ValueError(
                f"{where}: the {role} of {name} is {value:g}, expected a positive "
                "number"
            )
        yield name.upper(), value
