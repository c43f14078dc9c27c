"""Stokes coefficients from text: GRACE Level-2 and ICGEM."""

import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.schema import label_dataset
from jaxload.io.text import parse_number, read_lines, shorten

__all__ = ["middle", "read_icgem", "read_level2", "record_time", "with_degrees"]

PathLike = str | os.PathLike[str]

_RECORD = "GRCOF2 degree order clm slm clm_std_dev slm_std_dev begin stop"


class Model(NamedTuple):
    """What one text file holds.

    Attributes:
      values: Cosine, sine and their errors, shape (4, degree, order).
      gm: GM [m3/s2].
      radius: Reference radius [m].
      bounds: Begin and end; empty for a field that does not change.
      title: What the file calls itself.
    """

    values: NDArray[np.float64]
    gm: float
    radius: float
    bounds: tuple[np.datetime64, ...]
    title: str


def read_level2(paths: PathLike | Sequence[PathLike]) -> xr.Dataset:
    """Read monthly fields of GRACE and GRACE-FO: GSM, GAA, GAB, GAC, GAD.

    Args:
      paths: Text files with a header in YAML and lines of GRCOF2, in any order.

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
    single = isinstance(paths, str | os.PathLike)
    files = [pathlib.Path(p) for p in ([paths] if single else paths)]
    if not files:
        raise ValueError("read_level2 got no files; check the pattern that found them")
    models = [_read_level2(path) for path in files]
    _check_alike(files, models)
    models.sort(key=lambda model: model.bounds)
    bounds = np.array([model.bounds for model in models])
    values = np.stack([model.values for model in models], axis=1)
    dataset = _dataset(values, models[0], ("time", "degree", "order"))
    return _with_time(dataset, bounds)


def read_icgem(path: PathLike) -> xr.Dataset:
    """Read a gravity field in the format of ICGEM, .gfc.

    Not for: fields with terms that vary in time (gfct, trnd, acos, asin).

    Args:
      path: The file.

    Returns:
      ``cosine``, ``sine`` and, if there, their ``_sigma`` [1], shape (degree, order);
      the attributes ``gm`` and ``radius``.

    Raises:
      FileNotFoundError: If it is not there.
      ValueError: If it is empty, cut short, of another format or normalisation, or
        holds terms that vary in time.

    Example:
      >>> static = io.read_icgem("GGM05C.gfc")

    Source:
      Barthelmes & Foerste (2011), The ICGEM-format, GFZ Potsdam.
    """
    path = pathlib.Path(path)
    lines = read_lines(path)
    end = _find(path, lines, "end_of_head", "the header of an ICGEM file")
    head = {line.split()[0]: line.split()[1:] for line in lines[:end] if line.strip()}
    norm = head.get("norm", ["fully_normalized"])
    if norm[:1] != ["fully_normalized"]:
        raise ValueError(f"{path} is {shorten(' '.join(norm))}, not fully_normalized")
    number = lambda key: _from_head(path, head, key)
    gm, radius = number("earth_gravity_constant"), number("radius")
    records = _icgem_records(path, lines, end + 1)
    last = int(number("max_degree"))
    values = _fill(path, records, last, last)
    title = " ".join(head.get("modelname", [path.stem]))
    return _dataset(values, Model(values, gm, radius, (), title), ("degree", "order"))


def record_time(token: str, where: str) -> np.datetime64:
    """Parse a date as GRCOF2 writes it, yyyymmdd.hhmm.

    Args:
      token: The text.
      where: File and line, for the message.

    Returns:
      The time, to the minute in nanoseconds.

    Raises:
      ValueError: If it is no date.
    """
    day, _, clock = token.partition(".")
    clock = clock.ljust(4, "0")
    try:
        if len(day) != 8 or not (day + clock).isdigit():
            raise ValueError
        date = np.datetime64(f"{day[:4]}-{day[4:6]}-{day[6:]}", "ns")
    except ValueError:
        raise ValueError(
            f"{where}: time is {shorten(token)}, expected yyyymmdd.hhmm"
        ) from None
    minutes = 60 * int(clock[:2]) + int(clock[2:4])
    return date + np.timedelta64(minutes, "m")


def middle(bounds: NDArray) -> NDArray:
    """The middle of spans of time.

    Args:
      bounds: Begin and end, shape (time, 2).
    """
    return bounds[:, 0] + (bounds[:, 1] - bounds[:, 0]) // 2


class Record(NamedTuple):
    """One line: degree, order, and cosine, sine and their errors."""

    line: int
    degree: int
    order: int
    values: tuple[float, ...]


def _read_level2(path: pathlib.Path) -> Model:
    lines = read_lines(path)
    end = _find(
        path, lines, "# End of YAML header", "the header of a GRACE Level-2 file"
    )
    head = lines[:end]
    gm = _under(path, head, "earth_gravity_param", "value")
    radius = _under(path, head, "mean_equator_radius", "value")
    last = int(_under(path, head, "dimensions", "degree"))
    most = int(_under(path, head, "dimensions", "order"))
    if "fully normalized" not in " ".join(head):
        raise ValueError(f"{path} does not say it is fully normalized in its header")
    records, spans = [], []
    for number, line in enumerate(lines[end + 1 :], start=end + 2):
        fields = line.split()
        if fields:
            where = f"{path} line {number}"
            records.append(_record(where, number, fields))
            spans.append(tuple(fields[7:9]))
    values = _fill(path, records, last, most)
    # Every line says the span, most often the same.
    times = [
        [record_time(token, f"{path}") for token in span]
        for span in dict.fromkeys(spans)
    ]
    bounds = (min(t[0] for t in times), max(t[1] for t in times))
    return Model(values, gm, radius, bounds, path.name)


def _record(where: str, number: int, fields: Sequence[str]) -> Record:
    if fields[0] != "GRCOF2" or len(fields) < 9:
        raise ValueError(
            f"{where} is {shorten(' '.join(fields))}, expected {_RECORD}; is the file "
            "complete?"
        )
    return _numbers(where, number, fields[1:7])


def _numbers(where: str, number: int, fields: Sequence[str]) -> Record:
    """Degree, order and what follows, as numbers."""
    if not (fields[0].isdigit() and fields[1].isdigit()):
        raise ValueError(
            f"{where}: degree and order are {shorten(' '.join(fields[:2]))}, expected "
            "two whole numbers"
        )
    names = ("cosine", "sine", "error of cosine", "error of sine")
    values = tuple(
        parse_number(token.replace("D", "E").replace("d", "e"), name, where)
        for name, token in zip(names, fields[2:])
    )
    return Record(number, int(fields[0]), int(fields[1]), values)


def _icgem_records(path: pathlib.Path, lines: Sequence[str], skip: int) -> list[Record]:
    records = []
    for number, line in enumerate(lines[skip:], start=skip + 1):
        fields, where = line.split(), f"{path} line {number}"
        if not fields:
            continue
        if fields[0] in ("gfct", "trnd", "dot", "acos", "asin"):
            raise ValueError(
                f"{where} is a {fields[0]} term, which varies in time; take a static "
                "field"
            )
        if fields[0] != "gfc" or len(fields) < 5:
            raise ValueError(
                f"{where} is {shorten(line)}, expected gfc degree order cosine sine; "
                "is the file complete?"
            )
        records.append(_numbers(where, number, fields[1:7]))
    return records


def _fill(
    path: pathlib.Path, records: Sequence[Record], last: int, most: int
) -> NDArray[np.float64]:
    """Values by degree and order, shape (4, degree, order), every one from degree 2."""
    values = np.zeros((4, last + 1, last + 1))
    held = np.zeros((last + 1, last + 1), bool)
    for record in records:
        if not record.order <= record.degree <= last:
            raise ValueError(
                f"{path} line {record.line} has degree {record.degree} and order "
                f"{record.order}, but the header says degree {last} is the last"
            )
        values[: len(record.values), record.degree, record.order] = record.values
        held[record.degree, record.order] = True
    wanted = np.tril(np.ones_like(held))
    # Degree 0 and 1 may be left out: GRACE does not see them.
    wanted[:2], wanted[:, most + 1 :] = False, False
    missing = np.argwhere(wanted & ~held)
    if not records or len(missing):
        what = "nothing" if not records else f"all but {len(missing)} of them"
        first = missing[0] if len(missing) else (0, 0)
        raise ValueError(
            f"{path} promises coefficients to degree {last} and holds {what}, the "
            f"first missing at degree {first[0]}, order {first[1]}, after line "
            f"{records[-1].line if records else 'of its header'}; get it again"
        )
    return values


def _find(path: pathlib.Path, lines: Sequence[str], mark: str, what: str) -> int:
    for number, line in enumerate(lines):
        if line.strip().startswith(mark):
            return number
    seen = shorten(lines[0].strip()) if lines else "nothing at all"
    raise ValueError(
        f"{path} begins with {seen} and has no line {mark!r}, with which {what} ends; "
        "is it another format, or cut short?"
    )


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


def _from_head(path: pathlib.Path, head: dict[str, list[str]], key: str) -> float:
    if not head.get(key):
        raise ValueError(f"{path} does not say {key} in its header, as ICGEM files do")
    token = head[key][0].replace("D", "E").replace("d", "e")
    return parse_number(token, key, str(path))


def _check_alike(files: Sequence[pathlib.Path], models: Sequence[Model]) -> None:
    first = models[0]
    for path, model in zip(files, models):
        same = (model.gm, model.radius) == (first.gm, first.radius)
        if not same or model.values.shape != first.values.shape:
            raise ValueError(
                f"{path} has degree {model.values.shape[1] - 1}, GM {model.gm} and "
                f"radius {model.radius}, but {files[0]} has degree "
                f"{first.values.shape[1] - 1}, {first.gm} and {first.radius}; read "
                "them apart"
            )
    begins = [model.bounds for model in models]
    if len(set(begins)) < len(begins):
        twice = next(p for p, b in zip(files, begins) if begins.count(b) > 1)
        raise ValueError(f"{twice} and another file are of the same time; keep one")


def _dataset(
    values: NDArray[np.float64], model: Model, dims: tuple[str, ...]
) -> xr.Dataset:
    names = ("cosine", "sine", "cosine_sigma", "sine_sigma")
    kept = names if values[2:].any() else names[:2]
    dataset = xr.Dataset({name: (dims, x) for name, x in zip(kept, values)})
    attrs = {"gm": model.gm, "radius": model.radius, "source": model.title}
    return label_dataset(with_degrees(dataset).assign_attrs(attrs))


def _with_time(dataset: xr.Dataset, bounds: NDArray) -> xr.Dataset:
    dataset = dataset.assign_coords(time=middle(bounds))
    dataset["time"].attrs["bounds"] = "time_bnds"
    return dataset.assign(time_bnds=(("time", "bnds"), bounds))


def with_degrees(dataset: xr.Dataset) -> xr.Dataset:
    """Number degrees and orders from 0.

    Args:
      dataset: With dimensions degree and order.
    """
    counts = {name: np.arange(dataset.sizes[name]) for name in ("degree", "order")}
    return dataset.assign_coords(counts)
