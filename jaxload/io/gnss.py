"""Files of GNSS time series to one dataset, and back."""

import dataclasses
import datetime
import glob
import logging
import os
import pathlib
import re
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload.io.gnss_formats import FORMATS, Series, format_of, tidy
from jaxload.io.schema import GNSS, check_dataset, label_dataset
from jaxload.io.sites import Site, read_sites
from jaxload.io.text import write_text

__all__ = ["read_gnss", "write_up"]

log = logging.getLogger(__name__)

PathLike = str | os.PathLike[str]
Day = str | datetime.date | np.datetime64

#: The sites file that `write_up` leaves beside the series, and `read_gnss` finds there.
SITES_NAME = "sites.txt"


def read_gnss(
    paths: PathLike | Sequence[PathLike],
    sites: PathLike | None = None,
    start: Day | None = None,
    end: Day | None = None,
    strict: bool = True,
) -> xr.Dataset:
    """Read the daily displacement of a network of stations.

    Formats are known by their names: ``.up`` (lines of ``yyyymmdd up sigma`` in mm,
    the file's stem naming the station) and ``.tenv3`` (Nevada Geodetic Laboratory,
    metres, returned relative to each station's mean).

    Args:
      paths: A folder, a pattern such as ``"stations/*.tenv3"``, a file, or several.
      sites: File of ``NAME lon lat [height]`` lines, for stations whose own file does
        not say where they stand; where both do, this one counts. By default the
        ``sites.txt`` beside the series, if there is one.
      start: First day wanted; by default that of the data.
      end: Last day wanted, itself included.
      strict: Whether a bad file stops everything. If not, it is left out, logged, and
        named in the attribute ``files_left_out``.

    Returns:
      A dataset of layout `jaxload.io.schema.GNSS`: ``up`` and ``up_sigma`` [mm], NaN
      where missing, of dimensions (time, station), with ``east`` and ``north`` where a
      format has them. ``time`` has every day from the first to the last with data.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If a file does not parse (the message names its line), a station has
        no position or comes twice, or nothing falls in the period.

    Example:
      >>> gnss = io.read_gnss("stations/*.up", sites="sites.txt", start="2006-01-01")
    """
    files = _find_files([paths] if isinstance(paths, str | os.PathLike) else paths)
    positions = _find_sites(files, sites)
    period = (_parse_day("start", start), _parse_day("end", end))
    series, problems = _read_all(files, positions, strict)
    if not series:
        raise ValueError(f"none of {len(files)} files could be read: {problems[0]}")
    dataset = _assemble(series, period)
    if problems:
        log.warning("left out %d files: %s", len(problems), "; ".join(problems))
        dataset.attrs["files_left_out"] = "; ".join(problems)
    check_dataset(dataset, GNSS)
    return dataset


def _find_files(paths: Sequence[PathLike]) -> list[pathlib.Path]:
    files = [file for path in paths for file in _expand(path)]
    if not files:
        raise ValueError("no files were given; pass a folder, a pattern or file names")
    return list(dict.fromkeys(files))


def _expand(path: PathLike) -> list[pathlib.Path]:
    """The files that a folder, a pattern or a name stands for."""
    plain = pathlib.Path(path)
    if plain.is_dir():
        found = sorted(file for file in plain.iterdir() if format_of(file))
        if not found:
            raise FileNotFoundError(
                f"{plain} holds no file of a known format; these are {_known()}"
            )
        return found
    if plain.exists():
        return [plain]
    # Path.glob takes no absolute pattern.
    names = glob.glob(str(path), recursive=True)  # noqa: PTH207
    found = sorted(map(pathlib.Path, names))
    if not found:
        raise FileNotFoundError(f"nothing is called {plain}; check the path")
    return found


def _known() -> str:
    return ", ".join(known.name for known in FORMATS)


def _find_sites(
    files: Sequence[pathlib.Path], sites: PathLike | None
) -> dict[str, Site]:
    if sites is not None:
        return read_sites(pathlib.Path(sites))
    beside = files[0].parent / SITES_NAME
    return read_sites(beside) if beside.is_file() else {}


def _parse_day(name: str, value: Day | None) -> np.datetime64 | None:
    if value is None:
        return None
    try:
        return np.datetime64(datetime.date.fromisoformat(str(value)[:10]), "D")
    except ValueError:
        raise ValueError(
            f"{name} is {value!r}, expected a day such as 2006-01-31"
        ) from None


def _read_all(
    files: Sequence[pathlib.Path], sites: dict[str, Site], strict: bool
) -> tuple[list[Series], list[str]]:
    """Read every file; what is wrong with those left out comes second."""
    series: dict[str, Series] = {}
    problems = []
    for path in files:
        try:
            one = _read_one(path, sites)
            if one.station in series:
                raise ValueError(f"{path} is a second file of station {one.station}")
            series[one.station] = one
        except ValueError as error:
            if strict:
                raise
            problems.append(str(error))
    return list(series.values()), problems


def _read_one(path: pathlib.Path, sites: dict[str, Site]) -> Series:
    known = format_of(path)
    if known is None:
        raise ValueError(f"{path} is of no known format; these are {_known()}")
    series = tidy(known.read(path), path)
    site = sites.get(series.station, series.site)
    if site is None:
        raise ValueError(
            f"{path}: station {series.station} has no coordinates; give it a line "
            "'NAME lon lat' in the sites file"
        )
    return dataclasses.replace(series, site=site)


def _assemble(
    series: Sequence[Series],
    period: tuple[np.datetime64 | None, np.datetime64 | None],
) -> xr.Dataset:
    days = _axis(series, period)
    components = dict.fromkeys(name for one in series for name in one.displacement)
    dims = ("time", "station")
    variables = {}
    for name in components:
        variables[name] = (dims, _matrix(days, series, "displacement", name))
        variables[f"{name}_sigma"] = (dims, _matrix(days, series, "sigma", name))
    sites = [one.site for one in series if one.site is not None]
    coords = {
        "time": days.astype("datetime64[ns]"),
        "station": np.array([one.station for one in series]),
        "lon": ("station", np.array([site.lon for site in sites])),
        "lat": ("station", np.array([site.lat for site in sites])),
        "height": ("station", np.array([site.height for site in sites])),
    }
    reference = ", ".join(sorted({one.reference for one in series}))
    attributes = {"displacement_reference": reference}
    return label_dataset(xr.Dataset(variables, coords, attributes))


def _axis(
    series: Sequence[Series],
    period: tuple[np.datetime64 | None, np.datetime64 | None],
) -> NDArray[np.datetime64]:
    """Every day from the first to the last with data inside the period."""
    have = np.unique(np.concatenate([one.day for one in series]))
    start, end = period
    wanted = np.ones(len(have), dtype=bool)
    if start is not None:
        wanted &= have >= start
    if end is not None:
        wanted &= have <= end
    if not wanted.any():
        raise ValueError(
            f"no epoch lies between {start or 'the beginning'} and {end or 'the end'}; "
            f"the data run from {have[0]} to {have[-1]}"
        )
    first, last = have[wanted][[0, -1]]
    return np.arange(first, last + 1, dtype="datetime64[D]")


def _matrix(
    days: NDArray[np.datetime64], series: Sequence[Series], kind: str, component: str
) -> NDArray[np.float64]:
    """One component of every station on the common days, shape (time, station)."""
    matrix = np.full((len(days), len(series)), np.nan)
    for column, one in enumerate(series):
        values = getattr(one, kind).get(component)
        if values is not None:
            inside = (one.day >= days[0]) & (one.day <= days[-1])
            row = (one.day[inside] - days[0]).astype(np.int64)
            matrix[row, column] = values[inside]
    return matrix


def write_up(dataset: xr.Dataset, folder: PathLike) -> None:
    """Write a network as ``.up`` files, with ``sites.txt`` beside them.

    Values are rounded to 0.001 mm, as such files are; missing days are left out. Each
    file appears under its name only when it is complete.

    Args:
      dataset: A dataset of layout `jaxload.io.schema.GNSS`; only ``up`` is written.
      folder: Where to; made if it is not there.

    Raises:
      ValueError: If the dataset is not of that layout, a station's name is no file
        name, a station has no data, or the folder cannot be written to.
    """
    check_dataset(dataset, GNSS)
    names = [str(name) for name in dataset["station"].values]
    _check_file_names(names)
    folder = pathlib.Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"{folder} cannot be made ({error.strerror})") from None
    day = np.datetime_as_string(dataset["time"].values, unit="D")
    date = np.char.replace(day, "-", "")
    for index, name in enumerate(names):
        lines = _up_lines(date, dataset.isel(station=index), name)
        write_text(folder / f"{name.lower()}.up", lines)
    write_text(folder / SITES_NAME, _site_lines(dataset))


def _check_file_names(names: Sequence[str]) -> None:
    for name in names:
        if not re.fullmatch(r"[A-Z0-9][A-Z0-9_-]*", name):
            raise ValueError(
                f"station {name!r} cannot name a file; use A-Z, 0-9, '_' and '-' only"
            )


def _up_lines(date: NDArray[np.str_], station: xr.Dataset, name: str) -> str:
    up, sigma = station["up"].values, station["up_sigma"].values
    seen = np.isfinite(up) & np.isfinite(sigma)
    if not seen.any():
        raise ValueError(f"station {name} has no data to write; leave it out")
    rows = zip(date[seen].tolist(), up[seen].tolist(), sigma[seen].tolist())
    return "".join(f"{d} {u:8.3f} {s:7.3f}\n" for d, u, s in rows)


def _site_lines(dataset: xr.Dataset) -> str:
    columns = (dataset[name].values.tolist() for name in ("station", "lon", "lat"))
    heights = dataset["height"].values.tolist()
    return "".join(
        f"{name} {lon:.6f} {lat:.6f} {height:.4f}\n"
        for name, lon, lat, height in zip(*columns, heights)
    )
