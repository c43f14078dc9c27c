"""Data of GNSS, gravity, weather and outlines from their centres, with checksums."""

from jaxload.fetch.downloads import describe_files, fetch_files, locked_files, read_page
from jaxload.fetch.gridded import ERA5_VARIABLES, era5_files, gldas_files
from jaxload.fetch.hosts import HOSTS, Host
from jaxload.fetch.loads import LOADS, load_files
from jaxload.fetch.lock_file import LOCK_FILE, read_lock, verify
from jaxload.fetch.regions import (
    CONTINENTS,
    OUTLINE_LAYERS,
    basin_files,
    natural_earth_files,
)
from jaxload.fetch.remote_files import FetchOptions, RemoteFile
from jaxload.fetch.satellites import level2_files, mascon_files
from jaxload.fetch.stations import site_file, stations_in, step_file, tenv3_files

__all__ = [
    "CONTINENTS",
    "ERA5_VARIABLES",
    "HOSTS",
    "LOADS",
    "LOCK_FILE",
    "OUTLINE_LAYERS",
    "FetchOptions",
    "Host",
    "RemoteFile",
    "basin_files",
    "describe_files",
    "era5_files",
    "fetch_files",
    "gldas_files",
    "level2_files",
    "load_files",
    "locked_files",
    "mascon_files",
    "natural_earth_files",
    "read_lock",
    "read_page",
    "site_file",
    "stations_in",
    "step_file",
    "tenv3_files",
    "verify",
]
