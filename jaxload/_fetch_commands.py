"""The command that downloads data from their centres: fetch."""

import argparse
import contextlib
import math
import pathlib
import re
from collections.abc import Callable
from typing import Any

import jaxload
from jaxload._help_texts import described

__all__ = ["add_fetch_commands"]

#: What `fetch` knows of, as its modules name it: the parser takes no second for them.
MASCONS, LEVEL2 = ("csr", "jpl", "gsfc"), ("csr", "jpl", "gfz")
WEATHER = ("pressure", "temperature", "precipitation")
LOADS = ("NTAL", "NTOL", "HYDL", "SLEL")
CONTINENTS = ("af", "ar", "as", "au", "eu", "gr", "na", "sa", "si")
LAYERS = ("coastline", "land", "rivers", "countries", "provinces")

#: Help of the centres of GRACE.
CENTRE = "centre that computed them; csr by default"

Watch = Callable[[str, float], None]


def add_fetch_commands(
    commands: Any, common: argparse.ArgumentParser, command: Callable[..., None]
) -> None:
    """Add the command that downloads data to a command line.

    Args:
      commands: What `add_subparsers` returned.
      common: Options of every command.
      command: Runs ``lines(options, watch)`` of the options, and writes what it
        returns.
    """
    of_fetch = described(
        "download series, gravity, weather, loads or outlines from their centres",
        "fetch stations --box=-120,35,-115,40 --out data",
        "fetch mascons --centre csr --out data",
        "fetch gldas --start 2015-01-01 --end 2019-12-31 --out data --dry-run",
        "fetch verify data",
    )
    fetch = commands.add_parser("fetch", **of_fetch)
    kinds = fetch.add_subparsers(required=True, metavar="WHAT")
    parents = [common, _how()]

    def add(name: str, text: str, lines: Callable[..., list[str]]) -> Any:
        parser = kinds.add_parser(name, parents=parents, **described(text))
        parser.set_defaults(command=command, lines=lines)
        return parser

    stations = add(
        "stations", "series (tenv3) and steps, Nevada Geodetic Laboratory", _stations
    )
    stations.add_argument(
        "--names",
        default="",
        metavar="NAMES",
        help="names of stations with commas between them, or a file with one a line",
    )
    _add_box(stations)
    stations.add_argument(
        "--frame",
        choices=("IGS20", "IGS14"),
        default="IGS20",
        help="reference frame of the series; IGS20 by default",
    )
    mascons = add("mascons", "monthly water by GRACE, as a grid", _mascons)
    mascons.add_argument("--centre", choices=MASCONS, default="csr", help=CENTRE)
    level2 = add("level2", "Stokes coefficients of GRACE, with notes", _level2)
    level2.add_argument("--centre", choices=LEVEL2, default="csr", help=CENTRE)
    _add_days(level2)
    _add_days(add("gldas", "daily water of GLDAS-2.2, on the globe", _gldas))
    era5 = add("era5", "daily weather of ERA5", _era5)
    era5.add_argument(
        "--variable", choices=WEATHER, required=True, help="daily mean, or sum of rain"
    )
    _add_days(era5)
    _add_box(era5)
    loads = add("loads", "displacement by loads at stations, ESMGFZ", _loads)
    loads.add_argument(
        "--sites",
        required=True,
        metavar="FILE",
        help="stations with their lon, lat",
    )
    loads.add_argument("--names", default="", metavar="NAMES", help="some of them")
    loads.add_argument(
        "--load",
        action="append",
        choices=LOADS,
        help="by air (NTAL), sea (NTOL), water on land (HYDL) or the sea level that "
        "follows (SLEL); NTAL and NTOL by default, may be given again",
    )
    loads.add_argument(
        "--frame",
        choices=("CF", "CM"),
        default="CF",
        help="origin: centre of figure (the default) or of mass",
    )
    _add_days(loads)
    basins = add("basins", "outlines of basins, HydroBASINS", _basins)
    basins.add_argument("--continent", choices=CONTINENTS, required=True, help="which")
    basins.add_argument(
        "--level", type=int, default=5, help="1 to 12, the finest; 5 by default"
    )
    earth = add("natural-earth", "coasts, rivers and borders", _natural_earth)
    earth.add_argument("--layer", choices=LAYERS, required=True, help="which")
    earth.add_argument(
        "--scale",
        type=int,
        choices=(10, 50, 110),
        default=50,
        help="one to so many million; 50 by default",
    )
    verify = kinds.add_parser(
        "verify",
        parents=[common],
        **described("compare files with fetch.lock.json, offline"),
    )
    verify.add_argument("folder", metavar="DIR", help="where data were fetched to")
    verify.set_defaults(command=command, lines=_verify)


def _how() -> argparse.ArgumentParser:
    """Options of everything that is fetched."""
    how = argparse.ArgumentParser(add_help=False)
    how.add_argument("--out", required=True, metavar="DIR", help="where data go")
    how.add_argument(
        "--dry-run", action="store_true", help="list addresses and sizes alone"
    )
    how.add_argument(
        "--offline",
        action="store_true",
        help="download nothing; everything must be there, as fetch.lock.json has it",
    )
    how.add_argument(
        "--update", action="store_true", help="replace what has changed at its centre"
    )
    how.add_argument(
        "--cache", default="", metavar="DIR", help="cache; that of the user by default"
    )
    how.add_argument(
        "--retries",
        type=int,
        default=3,
        metavar="N",
        help="further tries of a download that fails; 3 by default",
    )
    return how


def _add_days(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--start", default="", metavar="DAY", help="first day, as 2015-01-31"
    )
    parser.add_argument(
        "--end", default="", metavar="DAY", help="last day, which is included"
    )


def _add_box(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--box",
        default="",
        metavar="W,S,E,N",
        help="west, south, east and north [degrees]; write --box=-120,35,-115,40",
    )


def _box(text: str) -> tuple[float, float, float, float] | None:
    """West, south, east and north, as they are written on the command line."""
    if not text:
        return None
    try:
        west, south, east, north = map(float, text.split(","))
    except ValueError:
        raise ValueError(f"--box is {text!r}, expected west,south,east,north") from None
    if not -90 <= south < north <= 90 or not math.isfinite(west + east):
        raise ValueError(f"--box is {text!r}, expected south below north, -90 to 90")
    return west, south, east, north


def _names(text: str) -> list[str]:
    """Names with commas between them, or those of a file."""
    # A list may be longer than the name of a file can be.
    with contextlib.suppress(OSError):
        text = pathlib.Path(text).read_text(encoding="utf-8", errors="replace")
        text = "\n".join(line.split("#")[0] for line in text.splitlines())
    return [name for name in re.split(r"[\s,;]+", text) if name]


def _options(options: argparse.Namespace) -> Any:
    return jaxload.fetch.FetchOptions(
        options.cache, options.retries, options.offline, options.update
    )


def _done(options: argparse.Namespace, watch: Watch, files: list[Any]) -> list[str]:
    """Fetch files, or list them."""
    if options.dry_run:
        return jaxload.fetch.describe_files(files)
    paths = jaxload.fetch.fetch_files(files, options.out, _options(options), watch)
    total = sum(path.stat().st_size for path in paths)
    shown = [str(path) for path in paths[:5]]
    more = [f"and {len(paths) - 5} more"] if len(paths) > 5 else []
    return [
        *shown,
        *more,
        f"{len(paths)} files, {total / 1e6:.1f} MB, as "
        f"{pathlib.Path(options.out, jaxload.fetch.LOCK_FILE)} has them",
    ]


def _stations(options: argparse.Namespace, watch: Watch) -> list[str]:
    names, box = _names(options.names), _box(options.box)
    if bool(names) == (box is not None):
        raise ValueError("name stations by --names, or a region by --box=W,S,E,N")
    lists = [jaxload.fetch.step_file()]
    if box is not None:
        sites = jaxload.fetch.site_file()
        names = jaxload.fetch.stations_in(_list_of_stations(options, watch), box)
        lists = [sites, *lists]
    series = jaxload.fetch.tenv3_files(names, options.frame)
    return _done(options, watch, [*lists, *series])


def _list_of_stations(options: argparse.Namespace, watch: Watch) -> str:
    sites = jaxload.fetch.site_file()
    if options.dry_run:
        return jaxload.fetch.read_page(sites.url)
    how = _options(options)
    (path,) = jaxload.fetch.fetch_files([sites], options.out, how, watch)
    return path.read_text(encoding="utf-8", errors="replace")


def _mascons(options: argparse.Namespace, watch: Watch) -> list[str]:
    read_page, centre = jaxload.fetch.read_page, options.centre
    search = lambda: jaxload.fetch.mascon_files(centre, read_page)
    return _searched(options, watch, search, "grace/")


def _level2(options: argparse.Namespace, watch: Watch) -> list[str]:
    days, centre = (options.start, options.end), options.centre
    search = lambda: jaxload.fetch.level2_files(centre, days)
    return _searched(options, watch, search, "grace/")


def _gldas(options: argparse.Namespace, watch: Watch) -> list[str]:
    search = lambda: jaxload.fetch.gldas_files((options.start, options.end))
    return _searched(options, watch, search, "gldas/")


def _searched(
    options: argparse.Namespace,
    watch: Watch,
    search: Callable[[], list[Any]],
    folder: str,
) -> list[str]:
    """Fetch what a centre lists; without the network, what the lock file has of it."""
    if options.offline:
        files = jaxload.fetch.locked_files(options.out, folder)
    else:
        files = search()
    return _done(options, watch, files)


def _era5(options: argparse.Namespace, watch: Watch) -> list[str]:
    days, box = (options.start, options.end), _box(options.box)
    files = jaxload.fetch.era5_files(options.variable, box, days)
    return _done(options, watch, files)


def _loads(options: argparse.Namespace, watch: Watch) -> list[str]:
    sites = jaxload.io.read_sites(options.sites)
    names = [name.upper() for name in _names(options.names)] or list(sites)
    absent = [name for name in names if name not in sites]
    if absent:
        raise ValueError(f"{options.sites} has no station {absent[0]}")
    places = {name: (sites[name].lon, sites[name].lat) for name in names}
    loads, days = options.load or ["NTAL", "NTOL"], (options.start, options.end)
    files = jaxload.fetch.load_files(places, loads, days, options.frame)
    return _done(options, watch, files)


def _basins(options: argparse.Namespace, watch: Watch) -> list[str]:
    files = jaxload.fetch.basin_files(options.continent, options.level)
    return _done(options, watch, files)


def _natural_earth(options: argparse.Namespace, watch: Watch) -> list[str]:
    files = jaxload.fetch.natural_earth_files(options.layer, options.scale)
    return _done(options, watch, files)


def _verify(options: argparse.Namespace, watch: Watch) -> list[str]:
    del watch
    return jaxload.fetch.verify(options.folder)
