"""Clients of the centres that want a login: earthaccess and cdsapi, where installed."""

import pathlib
from collections.abc import Mapping
from typing import Any

from jaxload.fetch.hosts import HOSTS
from jaxload.fetch.remote_files import RemoteFile

__all__ = ["earthdata_session", "request_from_cds", "search_earthdata"]


def search_earthdata(
    short_name: str, version: str, days: tuple[str, str], folder: str
) -> list[RemoteFile]:
    """Search the files of a collection of NASA Earthdata, which needs no login.

    Args:
      short_name: Of the collection.
      version: Its version; empty for any.
      days: First and last day, ISO; both empty for all.
      folder: Where the files go below the folder of the data.

    Returns:
      The files, with their sizes where they are known.

    Raises:
      ValueError: If the client is missing, or nothing is there.
      OSError: If the search fails.
    """
    client = _client("earthaccess", "earthdata")
    more: dict[str, Any] = {"version": version} if version else {}
    if any(days):
        more["temporal"] = days
    try:
        granules = client.search_data(short_name=short_name, count=-1, **more)
    except Exception as error:
        raise _failed("search of NASA Earthdata", "earthdata", error) from None
    files = [
        RemoteFile(link, f"{folder}/{link.rsplit('/', 1)[-1]}", client="earthdata")
        for granule in granules
        for link in granule.data_links(access="external")
    ]
    if not files:
        raise ValueError(
            f"NASA Earthdata has no file of {short_name} from {days[0] or 'ever'} to "
            f"{days[1] or 'now'}; check the days on {HOSTS['earthdata'].page}"
        )
    return files


def earthdata_session() -> Any:
    """Log in to NASA Earthdata.

    Returns:
      A session of requests.

    Raises:
      ValueError: If the client is missing, or the login is refused.
    """
    client = _client("earthaccess", "earthdata")
    try:
        login = client.login()
        if not login.authenticated:
            raise PermissionError("not authenticated")
        return client.get_requests_https_session()
    except Exception as error:
        raise _failed("login to NASA Earthdata", "earthdata", error) from None


def request_from_cds(
    dataset: str, request: Mapping[str, Any], target: pathlib.Path
) -> None:
    """Request a file of the Climate Data Store, which computes it first.

    Args:
      dataset: Its name.
      request: What of it.
      target: The file.

    Raises:
      ValueError: If the client is missing, or the request is refused.
    """
    client = _client("cdsapi", "cds")
    try:
        client.Client(quiet=True).retrieve(dataset, dict(request), str(target))
    except Exception as error:
        raise _failed("request to the Climate Data Store", "cds", error) from None


def _client(name: str, host: str) -> Any:
    """Import a client, or say how it is had."""
    try:
        return __import__(name)
    except ImportError:
        raise ValueError(
            f"{HOSTS[host].centre} wants a login, for which jaxload uses {name}: "
            f"install jaxload[{host}], and register at {HOSTS[host].login}"
        ) from None


def _failed(what: str, host: str, error: Exception) -> ValueError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ValueError(
        f"the {what} failed ({reason}); check the network, and the login as "
        f"{HOSTS[host].login} describes it"
    )
