"""Every format of GNSS series: how to know it and how to read it."""

import dataclasses
import pathlib
from collections.abc import Callable

from jaxload.io.gnss import (
    format_blocks,
    format_columns,
    format_components,
    format_described,
    format_globk,
    format_headed,
    format_jpl,
    format_netcdf,
    format_ngl,
    format_xyz,
)
from jaxload.io.gnss.options import Columns, Reading
from jaxload.io.gnss.source import Source, plain_suffix
from jaxload.io.gnss.station_series import Series

__all__ = [
    "FORMATS",
    "Format",
    "choose_reader",
    "formats_of",
    "is_named",
]


@dataclasses.dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
      name: What its users call it, and `Reading.format` takes.
      suffixes: What the names of such files usually end in.
      fits: Whether a file has the content of one.
      read: Reads one.
      what: Its layout and origin, in words.
      rank: 0 if content is unmistakable, 1 if a header names the columns, 2 if only
        their number and the time show them. The lowest that fits counts.
    """

    name: str
    suffixes: tuple[str, ...]
    fits: Callable[[Source], bool]
    read: Callable[[Source, Reading], list[Series]]
    what: str
    rank: int = 0


#: Every format that can be read.
FORMATS: tuple[Format, ...] = (
    Format(
        "up",
        (".up",),
        format_columns.is_up,
        format_columns.read_up,
        "yyyymmdd up sigma, mm",
        rank=2,
    ),
    Format(
        "tenv3",
        (".tenv3",),
        format_ngl.is_tenv3,
        format_ngl.read_tenv3,
        "Nevada Geodetic Laboratory, with a header",
    ),
    Format(
        "tenv",
        (".tenv",),
        format_ngl.is_tenv,
        format_ngl.read_tenv,
        "Nevada Geodetic Laboratory, without one",
    ),
    Format(
        "unr",
        (),
        format_ngl.is_unr_csv,
        format_ngl.read_unr_csv,
        "Date,east,north,vertical,e_std,n_std,v_std, mm",
    ),
    Format(
        "pos",
        (".pos",),
        format_globk.is_pos,
        format_globk.read_pos,
        "PBO and UNAVCO; or yyyymmdd north east up and sigmas, mm",
    ),
    Format(
        "neu",
        (".neu",),
        format_columns.is_neu,
        format_columns.read_neu,
        "SOPAC, iGPS, CMONOC: decimal year (year day) north east up and sigmas, m",
        rank=2,
    ),
    Format(
        "enu",
        (".enu",),
        format_columns.is_enu,
        format_columns.read_enu,
        "decimal year, east north up and sigmas, m",
        rank=2,
    ),
    Format(
        "dat",
        (),
        format_columns.is_named_dat,
        format_columns.read_named_dat,
        "decimal year, north east up, sigmas, name, mm",
        rank=2,
    ),
    Format(
        "described",
        (),
        format_described.is_described,
        format_described.read_described,
        "with '# column_names: ...'",
    ),
    Format(
        "series",
        (".series",),
        format_jpl.is_series,
        format_jpl.read_series,
        "Jet Propulsion Laboratory, east north up, m",
    ),
    Format(
        "lat_lon_rad",
        (".lat", ".lon", ".rad"),
        format_jpl.is_lat_lon_rad,
        format_jpl.read_lat_lon_rad,
        "Jet Propulsion Laboratory, three files a station, cm",
    ),
    Format(
        "mb",
        (".dat1", ".dat2", ".dat3"),
        format_globk.is_mb,
        format_globk.read_mb,
        "GAMIT/GLOBK mb_, three files a station, m",
    ),
    Format(
        "org",
        (".org",),
        format_globk.is_org,
        format_globk.read_org,
        "GAMIT/GLOBK, lines that begin with 'pbo.'",
    ),
    Format(
        "xyz",
        (".xyz",),
        format_xyz.is_xyz,
        format_xyz.read_xyz,
        "SOPAC, geocentric, m",
    ),
    Format(
        "scec",
        (),
        format_described.is_scec,
        format_described.read_scec,
        "SCEC csv without errors, mm",
    ),
    Format(
        "headed",
        (),
        format_headed.is_headed,
        format_headed.read_headed,
        "a table whose header names time and displacement, as csv of UNAVCO or GeoNet",
        rank=1,
    ),
    Format(
        "llh",
        (".llh",),
        format_ngl.is_llh,
        format_ngl.read_llh,
        "Nevada Geodetic Laboratory, latitude longitude height, m",
        rank=2,
    ),
    Format(
        "txyz2",
        (".txyz2",),
        format_xyz.is_txyz,
        format_xyz.read_txyz,
        "Nevada Geodetic Laboratory, geocentric, m",
    ),
    Format(
        "igs_xyz",
        (),
        format_xyz.is_igs_xyz,
        format_xyz.read_igs_xyz,
        "IGS, geocentric, m",
    ),
    Format(
        "tms",
        (".tms",),
        format_blocks.is_tms,
        format_blocks.read_tms,
        "SINEX TMS",
    ),
    Format(
        "stcd",
        (".stcd",),
        format_blocks.is_stcd,
        format_blocks.read_stcd,
        "DORIS, weekly residuals, mm",
    ),
    Format(
        "f5",
        (),
        format_blocks.is_f5,
        format_blocks.read_f5,
        "GSI Japan, a file a year, m",
    ),
    Format(
        "spotgins",
        (),
        format_columns.is_spotgins,
        format_columns.read_spotgins,
        "SPOTGINS, MJD east north up, m",
    ),
    Format(
        "rneu",
        (".rneu",),
        format_columns.is_rneu,
        format_columns.read_rneu,
        "USGS, yyyymmdd year north east up, mm",
        rank=2,
    ),
    Format(
        "mom",
        (".mom",),
        format_components.is_mom,
        format_components.read_mom,
        "Hector, MJD and one component without errors, mm",
    ),
    Format(
        "est_noise",
        (".e", ".n", ".u"),
        format_components.is_est_noise,
        format_components.read_est_noise,
        "USGS, year, day of the year, one component and its error, mm",
        rank=2,
    ),
    Format(
        "component",
        (),
        format_components.is_component,
        format_components.read_component,
        "time, one component that the name of the file ends in, perhaps its error",
        rank=2,
    ),
    Format(
        "netcdf",
        (".nc", ".nc4"),
        format_netcdf.is_netcdf,
        format_netcdf.read_netcdf,
        "up (time, station)",
    ),
)


def formats_of(source: Source) -> list[Format]:
    """Find which formats a file may be of.

    Its content decides, a header before the number of columns; its suffix only where
    several have that content, or where it has that of none, so that a broken file is
    named with its line.

    Args:
      source: The file.

    Returns:
      The formats, of which there is one if all is well.
    """
    suffix = plain_suffix(source.path)
    named = [known for known in FORMATS if suffix in known.suffixes]
    fitting = [known for known in FORMATS if known.fits(source)]
    lowest = min((known.rank for known in fitting), default=0)
    fitting = [known for known in fitting if known.rank == lowest]
    if len(fitting) > 1:
        return [known for known in fitting if known in named] or fitting
    return fitting or named


def is_named(path: pathlib.Path) -> bool:
    """Whether a file is called as those of a known format are.

    Args:
      path: The file.
    """
    return any(plain_suffix(path) in known.suffixes for known in FORMATS)


def choose_reader(
    source: Source, reading: Reading
) -> Callable[[Source, Reading], list[Series]]:
    """Choose what reads a file.

    Args:
      source: The file; its first 64 KiB are enough.
      reading: Says in `format` which, or else the content shows it.

    Returns:
      A function of the whole file.

    Raises:
      ValueError: If it is of no known format, or may be of several.
    """
    columns = reading.format
    if isinstance(columns, Columns):
        return lambda whole, _: format_described.read_columns(whole, columns)
    return _format(source, columns).read


def _format(source: Source, name: str | None) -> Format:
    names = {known.name: known for known in FORMATS}
    if name is not None:
        if name not in names:
            raise ValueError(
                f"format is {name!r}, expected one of {', '.join(names)}; other tables "
                "are described by columns"
            )
        return names[name]
    formats = formats_of(source)
    if len(formats) > 1:
        listed = "; ".join(f'"{known.name}" ({known.what})' for known in formats)
        raise ValueError(
            f"{source.path} may be of several formats: {listed}; say which by format"
        )
    if not formats:
        raise ValueError(
            f"{source.path} is of no known format; these are {', '.join(names)}; any "
            "other table is described by columns, as columns = "
            f"{format_described.suggested(source)}"
        )
    return formats[0]
