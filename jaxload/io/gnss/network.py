"""Files of GNSS time series to one dataset, and back."""

import datetime
import logging
import os
import pathlib
import re
from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload._calendar import days_from
from jaxload.io.files.netcdf import save_netcdf
from jaxload.io.files.paths import PathLike
from jaxload.io.files.writing import write_text
from jaxload.io.gnss.far_days import without_far_days
from jaxload.io.gnss.files import group_problems, read_files
from jaxload.io.gnss.options import GnssFiles, Reading
from jaxload.io.gnss.places import SITES_NAME, find_list, place_stations
from jaxload.io.gnss.search import search_files
from jaxload.io.gnss.station_series import Series
from jaxload.io.results import require_netcdf
from jaxload.io.schema import GNSS, check_dataset, label_dataset

__all__ = ["Files", "read_gnss", "search_series", "write_gnss", "write_up"]

log = logging.getLogger(__name__)

#: A folder, a pattern or a file, perhaps with how it is read.
Files = PathLike | GnssFiles
Day = str | datetime.date | np.datetime64

#: Formats by content, bad files left out.
BY_CONTENT = Reading()


def read_gnss(
    paths: Files | Sequence[Files],
    sites: PathLike | None = None,
    start: Day | None = None,
    end: Day | None = None,
    reading: Reading = BY_CONTENT,
    watch: Callable[[int, int], None] | None = None,
) -> xr.Dataset:
    """Read the daily displacement of a network of stations.

    The content of a file tells its format: those of the Nevada Geodetic Laboratory
    (.tenv, .tenv3, .txyz2, latitude longitude height, csv), PBO and UNAVCO (.pos,
    csv), SOPAC, iGPS, CMONOC and CATS (.neu), GAMIT and GLOBK (mb_, .org), the Jet
    Propulsion Laboratory (.series; .lat, .lon and .rad), SINEX TMS, SPOTGINS (.enu),
    USGS (.rneu; .e, .n and .u of est_noise), Hector (.mom), GSI Japan (F5), IGS and
    SOPAC (.xyz), DORIS (.stcd), SCEC (csv), TSAnalyzer (``# column_names``), ``.up``,
    netCDF as of `write_gnss`, and any table whose header names time, displacement and
    units; `Columns` describes any other. Files may be packed (.gz, .bz2, .xz, .zip,
    .Z). Files of one component, or of a part of the days, are joined to one station.

    Args:
      paths: A folder, a pattern such as ``"stations/*.tenv3"``, a file, or several;
        where some are to be read in their own way, these as `GnssFiles`. A file that
        several of them name is read as the last says.
      sites: A list of stations as of `read_sites`, for those whose own file does not
        say where they stand; where both do, this one counts, up to 100 km. By default
        the ``sites.txt`` beside the series, if there is one.
      start: First day wanted; by default that of the data.
      end: Last day wanted, itself included.
      reading: Format, units, what becomes of bad files, how many processes read.
      watch: Called with the number of files read and that of all, after each.

    Returns:
      A dataset of layout `jaxload.io.schema.GNSS`: ``up`` and ``up_sigma`` [mm], NaN
      where missing, of dimensions (time, station), with ``east`` and ``north`` where a
      format has them. ``time`` has every day from the first to the last with data.
      The attribute ``files_left_out`` names bad files and what is wrong with each.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If no file can be read, or one not and `reading` is strict (the
        message names its line), nothing falls in the period, or a list of stations
        contradicts their own files.

    Example:
      >>> gnss = io.read_gnss("stations", sites="sites.txt", start="2006-01-01")
      >>> gnss = io.read_gnss("*.txt", reading=io.Reading(format="neu", units="mm"))
      >>> older = io.GnssFiles("old/*.mom", io.Reading(sigma=3.0))
      >>> gnss = io.read_gnss(["stations", older])
    """
    files, passed = search_series(paths, reading)
    known = find_list(list(files), sites, reading)
    period = (_parse_day("start", start), _parse_day("end", end))
    series, problems = read_files(files, reading, watch)
    series, homeless = place_stations(series, known, reading.strict)
    problems += homeless
    lines = group_problems(problems)
    if not series:
        raise ValueError(f"none of {len(files)} files could be read: {lines[0]}")
    dataset = _assemble(without_far_days(series, *period), period)
    for line in [f"left out: {line}" for line in lines] + passed:
        log.warning("%s", line)
    if problems:
        left_out = "; ".join(sentence for _, sentence in problems)
        dataset.attrs["files_left_out"] = left_out
    check_dataset(dataset, GNSS)
    return dataset


def search_series(
    paths: Files | Sequence[Files], reading: Reading
) -> tuple[dict[pathlib.Path, Reading], list[str]]:
    """Find the files of series and how each is read.

    Args:
      paths: As of `read_gnss`.
      reading: How those are read that are no `GnssFiles`.

    Returns:
      How each file is read, and a line on each kind of what is beside them.

    Raises:
      FileNotFoundError: If there is no such file.
    """
    several = [paths] if isinstance(paths, str | os.PathLike | GnssFiles) else paths
    plain = [one for one in several if not isinstance(one, GnssFiles)]
    groups = [GnssFiles(plain, reading)] if plain or not several else []
    groups += [one for one in several if isinstance(one, GnssFiles)]
    files: dict[pathlib.Path, Reading] = {}
    passed: list[str] = []
    for group in groups:
        matches, lines = search_files(group.files)
        files |= dict.fromkeys(matches, group.reading)
        passed += lines
    return files, list(dict.fromkeys(passed))


def _parse_day(name: str, value: Day | None) -> np.datetime64 | None:
    if value is None:
        return None
    try:
        return np.datetime64(datetime.date.fromisoformat(str(value)[:10]), "D")
    except ValueError:
        raise ValueError(
            f"{name} is {value!r}, expected a day such as 2006-01-31"
        ) from None


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
    return days_from(first, last)


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


def write_gnss(dataset: xr.Dataset, path: PathLike) -> None:
    """Write a network as netCDF, to the last bit as it is.

    Args:
      dataset: A dataset of layout `jaxload.io.schema.GNSS`.
      path: The file; an old one is replaced when the new one is whole.

    Raises:
      ValueError: If the dataset is not of that layout, the netCDF library is not
        installed, or the file cannot be written.
    """
    check_dataset(dataset, GNSS)
    require_netcdf()
    packing = {"zlib": True, "complevel": 1, "shuffle": True}
    encoding = {str(name): packing for name in dataset.data_vars}
    save_netcdf(dataset, pathlib.Path(path), encoding)


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
