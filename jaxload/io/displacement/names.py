"""Stations by the names of files of loading displacement."""

import pathlib
import re
from collections.abc import Collection, Sequence

from jaxload.io.files.packed import plain_name
from jaxload.io.gnss.source import station_name

__all__ = ["is_product", "stations_of"]

#: What computed displacements are called: products, models and kinds of load.
PRODUCTS = re.compile(
    r"(ntal|ntol|ntaol|nto|atml|atmo|atm|air|apl|aplo|apload|hydl|hydro|hyd|lws|cwsl"
    r"|slel|sla|gia|combo|total|tot|sum|all|load|loading|gac|gad|gaa|gab|aod|aod1b"
    r"|opfg|lsdm|wghm|noah|clsm|gldas|merra|era|eraint|erain|ecmwf|ncep|ecco|mog2d"
    r"|mpiom|omct|esmgfz|eost|ngl|cm|cf|ce|dec|soil|snow|ocean|atmosphere|water)"
    r"[\d-]{0,4}",
    re.I | re.A,
)

#: What stations are called: four signs, or the nine of RINEX 3.
_SITE = re.compile(r"[A-Z0-9]{4}(?:[A-Z0-9]{2}[A-Z]{3})?", re.I | re.A)


def is_product(word: str) -> bool:
    """Whether a part of a name is that of a kind of load or of who computed it.

    Args:
      word: The part.
    """
    return bool(PRODUCTS.fullmatch(word))


def stations_of(
    paths: Sequence[pathlib.Path], known: Collection[str] = ()
) -> list[str]:
    """Find the station of each file in its name.

    It is the part of the name that is called as a known station; else the part in which
    the files differ; else the one that is no product, as in ``NTAL21.P571.txt`` and
    ``BJFS.hydl.txt``; else the first.

    Args:
      paths: The files, of one load.
      known: Names of stations that there are.

    Returns:
      A name for each, in upper case.
    """
    wanted = {name.upper(): name.upper() for name in known}
    place = _differing([_parts(path) for path in paths])
    names = []
    for path in paths:
        words = re.split(r"[^A-Za-z0-9]+", plain_name(path).upper())
        hits = list(dict.fromkeys(word for word in words if word in wanted))
        names.append(hits[0] if len(hits) == 1 else _station(_parts(path), place))
    return names


def _parts(path: pathlib.Path) -> list[str]:
    return plain_name(path).split(".")


def _differing(names: Sequence[list[str]]) -> int | None:
    """The only part that no two files of several have in common, if there is one."""
    if len(names) < 2 or len({len(parts) for parts in names}) > 1:
        return None
    columns = [
        place
        for place, parts in enumerate(zip(*names))
        if len({part.upper() for part in parts}) == len(names)
        and not any(is_product(part) or part.isdigit() for part in parts)
    ]
    return columns[0] if len(columns) == 1 else None


def _station(parts: Sequence[str], place: int | None) -> str:
    if place is None:
        body = parts[:-1] or parts
        others = [part for part in body if not is_product(part)] or body
        sites = [part for part in others if _SITE.fullmatch(part)]
        place = parts.index((sites or others)[0])
    return station_name(pathlib.Path(parts[place]))
