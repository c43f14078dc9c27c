"""Stokes coefficients from the text files of GRACE Level-2: months of any release."""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import xarray as xr

from jaxload.io.files.paths import PathLike
from jaxload.io.gravity.stokes_records import (
    Record,
    StokesRecords,
    fill_degrees,
    find_line,
    join_months,
    record_of,
    record_time,
    split_columns,
    text_files,
    whole_number,
)
from jaxload.io.text.lines import read_lines
from jaxload.io.text.words import parse_number, shorten, with_exponents

__all__ = ["read_level2"]

_RECORD = "GRCOF2 degree order clm slm clm_std_dev slm_std_dev begin stop"

#: Records of old releases that hold no coefficient: comments and calibrated errors.
_PASSED = ("CMMNT", "CALSDV")

#: Lines in which an old header stands.
_HEAD = 60


def read_level2(paths: PathLike | Sequence[PathLike]) -> xr.Dataset:
    """Read monthly fields of GRACE and GRACE-FO: GSM, GAA, GAB, GAC, GAD.

    Args:
      paths: Text files with lines of GRCOF2 and a header in YAML, or that of release 05
        and earlier, in any order.

    Returns:
      ``cosine``, ``sine`` and their ``_sigma`` [1], shape (time, degree, order), and
      ``time_bnds``, sorted by time, the middle of each span; the attributes ``gm`` and
      ``radius``.

    Raises:
      FileNotFoundError: If a file is not there.
      ValueError: If a file is empty, cut short or of another format, or the files are
        not of one degree, GM and radius.

    Example:
      >>> gsm = io.read_level2(sorted(pathlib.Path("gsm").glob("GSM-2_*")))
    """
    files = text_files(paths, "read_level2")
    return join_months(files, [_read_level2(path) for path in files])


def _read_level2(path: pathlib.Path) -> StokesRecords:
    lines = read_lines(path)
    _check_release(path, lines)
    head = _old_head(path, lines) or _yaml_head(path, lines)
    records, spans = [], []
    for number, line in enumerate(lines[head.rows :], start=head.rows + 1):
        fields = split_columns(line)
        # Comments may stand anywhere in old releases; of errors, the formal ones count.
        if fields and fields[0] not in _PASSED:
            where = f"{path} line {number}"
            records.append(_record(where, number, fields))
            spans.append(tuple(fields[7:9]))
    values = fill_degrees(path, records, head.degree, head.order)
    # Every line says the span, most often the same.
    times = [
        [record_time(token, f"{path}") for token in span]
        for span in dict.fromkeys(spans)
    ]
    bounds = (min(t[0] for t in times), max(t[1] for t in times))
    return StokesRecords(values, head.gm, head.radius, bounds, path.name)


class Head(NamedTuple):
    """What a header says.

    Attributes:
      degree: The last degree.
      order: The last order.
      gm: GM [m3/s2].
      radius: Reference radius [m].
      rows: Number of lines before the coefficients.
    """

    degree: int
    order: int
    gm: float
    radius: float
    rows: int


def _check_release(path: pathlib.Path, lines: Sequence[str]) -> None:
    if lines and lines[0].split()[:1] == ["META"]:
        raise ValueError(
            f"{path} holds differences from a mean field of GRGS, which does not stand "
            "in it, nor do GM and radius; take the same month as .gfc"
        )


def _yaml_head(path: pathlib.Path, lines: Sequence[str]) -> Head:
    """The header of release 06 and later."""
    end = find_line(
        path, lines, "# End of YAML header", "the header of a GRACE Level-2 file"
    )
    head = lines[:end]
    gm = _under(path, head, "earth_gravity_param", "value")
    radius = _under(path, head, "mean_equator_radius", "value")
    last = whole_number(path, "degree", _under(path, head, "dimensions", "degree"))
    most = whole_number(path, "order", _under(path, head, "dimensions", "order"))
    if "fully normalized" not in " ".join(head):
        raise ValueError(f"{path} does not say it is fully normalized in its header")
    return Head(last, most, gm, radius, end + 1)


def _old_head(path: pathlib.Path, lines: Sequence[str]) -> Head | None:
    """The header of release 05 and earlier: lines of FIRST, EARTH and SHM."""
    words = {line.split()[0]: line.split() for line in lines[:_HEAD] if line.strip()}
    if not {"FIRST", "EARTH", "SHM"} <= set(words):
        return None
    numbers = {}
    for key, names in (("EARTH", ("GM", "radius")), ("SHM", ("degree", "order"))):
        if len(words[key]) < 3:
            raise ValueError(f"{path} has no {' and '.join(names)} behind {key}")
        for name, token in zip(names, words[key][1:]):
            numbers[name] = parse_number(with_exponents(token), name, f"{path}, {key}")
    if "fully normalized" not in " ".join(words["SHM"]):
        raise ValueError(f"{path} does not say it is fully normalized in its header")
    last, most = (whole_number(path, x, numbers[x]) for x in ("degree", "order"))
    place = next(i for i, line in enumerate(lines) if line.split()[:1] == ["SHM"])
    return Head(last, most, numbers["GM"], numbers["radius"], place + 1)


def _record(where: str, number: int, fields: Sequence[str]) -> Record:
    if fields[0] == "GRDOTA":
        raise ValueError(
            f"{where} is a rate, with which coefficients change within the month; take "
            "a later release"
        )
    if fields[0] != "GRCOF2" or len(fields) < 9:
        raise ValueError(
            f"{where} is {shorten(' '.join(fields))}, expected {_RECORD}; is the file "
            "complete?"
        )
    return record_of(where, number, fields[1:7])


def _under(path: pathlib.Path, head: Sequence[str], section: str, key: str) -> float:
    """The number of a key in a section of a YAML header."""
    inside = False
    for number, line in enumerate(head, start=1):
        name, _, value = (part.strip() for part in line.partition(":"))
        inside = inside or name == section
        if inside and name == key:
            return parse_number(value, key, f"{path} line {number}")
    raise ValueError(
        f"{path} has no {key} under {section} in its header, expected that of GRACE "
        "Level-2, release 06 or later"
    )
