"""Places of stations from lists held against their own files and their neighbours."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from jaxload.constants import EARTH_RADIUS
from jaxload.io.gnss.site_lists import APART, REMEDY, SiteList
from jaxload.io.gnss.sites import Site, distance_km, short_name
from jaxload.io.gnss.station_series import Series
from jaxload.io.listing import some_of

__all__ = ["check_neighbours", "check_own_places", "find_sites"]

log = logging.getLogger(__name__)

#: Up to which two places of one station are the same [km].
NEAR = 1.0

#: Farther than this from all others is far, and nearer than that near [km]: of
#: stations that stand so, exchanging latitude and longitude is looked at.
ALONE, AMONG = 1000.0, 300.0

#: Names that a message lists.
SHOWN = 5


def find_sites(sites: Mapping[str, Site], stations: Sequence[str]) -> dict[str, Site]:
    """Find stations in a list, under another way to write their names if need be.

    ``ABCD00FRA``, ``ABCD_GPS`` and ``abcd`` are one station, as are ``0842`` and
    ``000842``; where two of a list are, neither is meant.

    Args:
      sites: Places by name.
      stations: Names of the stations.

    Returns:
      Places of those that are in it.
    """
    short: dict[str, list[Site]] = {}
    if not all(name in sites for name in stations):
        for name, site in sites.items():
            short.setdefault(short_name(name), []).append(site)
    candidates = {
        name: [sites[name]] if name in sites else short.get(short_name(name), [])
        for name in stations
    }
    return {name: alike[0] for name, alike in candidates.items() if len(alike) == 1}


def check_own_places(series: Sequence[Series], known: SiteList) -> None:
    """Hold a list of stations against the places that their own files give.

    A warning names stations that are more than a kilometre apart.

    Args:
      series: The stations, each with the place of its own file.
      known: The list.

    Raises:
      ValueError: If a station is more than 100 km apart.
    """
    apart = {}
    listed = find_sites(known.sites, [one.station for one in series])
    for one in series:
        if one.station in listed and one.site is not None:
            distance = distance_km(listed[one.station], one.site)
            if distance > NEAR:
                apart[one.station] = (distance, listed[one.station], one.site)
    far = {name: places for name, places in apart.items() if places[0] > APART}
    if far:
        raise ValueError(_far_apart(known, far))
    if apart:
        shown = [f"{name} by {places[0]:.0f} km" for name, places in apart.items()]
        log.warning(
            "%s moves stations from where their own files have them: %s",
            known.path,
            some_of(shown, SHOWN),
        )


def _far_apart(known: SiteList, far: Mapping[str, tuple[float, Site, Site]]) -> str:
    name, (distance, listed, in_file) = next(iter(far.items()))
    others = f" and {len(far) - 1} other stations likewise" if len(far) > 1 else ""
    exchanged = [
        abs(place.lon) <= 90
        and distance_km(Site(place.lat, place.lon, np.nan), in_file) < distance / 10
        for _, place, in_file in far.values()
    ]
    remedy = "mend the list, or leave the station out of it to keep its own place"
    if all(exchanged):
        remedy = f"with latitude and longitude exchanged they agree: {REMEDY}"
    return (
        f"{known.path} puts {name} at {_shown(listed)}, {distance:.0f} km from where "
        f"its own file has it, {_shown(in_file)}{others}; {remedy}"
    )


def _shown(site: Site) -> str:
    return f"lon {site.lon:.2f} lat {site.lat:.2f}"


def check_neighbours(
    placed: Mapping[str, Site], listed: Sequence[str], known: SiteList
) -> None:
    """Look for stations that would stand among others with their coordinates exchanged.

    A few are warned of.

    Args:
      placed: Where stations stand, by name.
      listed: Names of those that the list placed.
      known: The list.

    Raises:
      ValueError: If most of those stand far from the others, which are placed by their
        own files, and the list does not say which coordinate is which.
    """
    names = list(placed)
    lon, lat = (
        np.array([getattr(placed[n], k) for n in names]) for k in ("lon", "lat")
    )
    mine = np.isin(names, list(listed))
    if not mine.any() or len(names) < 3:
        return
    if not mine.all() and not known.certain:
        lost = _stray(lon, lat, mine, ~mine)
        if 2 * lost.sum() > mine.sum():
            raise ValueError(
                f"{known.path} puts {_listed(names, lost)} far from all others, "
                "but with latitude and longitude exchanged they stand among them; "
                f'{REMEDY}; gnss.sites_order = "lon lat" says that they are right'
            )
    lost = _stray(lon, lat, mine, np.ones(len(names), dtype=bool))
    if lost.any() and 2 * lost.sum() < len(names):
        log.warning(
            "%s puts %s far from all other stations, but with latitude and longitude "
            "exchanged among them; look at the lines",
            known.path,
            _listed(names, lost),
        )


def _stray(
    lon: NDArray[np.float64],
    lat: NDArray[np.float64],
    mine: NDArray[np.bool_],
    others: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Whether stations are far from others, but near once exchanged."""
    can = mine & (np.abs(lon) <= 90)
    tree = KDTree(_vectors(lon[others], lat[others]))
    # The nearest of a station that is among the others is itself.
    count = 2 if others[mine].all() else 1
    stray = np.zeros(len(lon), dtype=bool)
    if not can.any():
        return stray
    here = _chords(tree, lon[can], lat[can], count)
    there = _chords(tree, lat[can], lon[can], 1)
    stray[can] = (here > ALONE) & (there < AMONG) & (there < here / 10)
    return stray


def _chords(
    tree: KDTree, lon: NDArray[np.float64], lat: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """Distance to the nearest other station [km]."""
    chord = np.reshape(tree.query(_vectors(lon, lat), count)[0], (len(lon), -1))[:, -1]
    return 2e-3 * EARTH_RADIUS * np.arcsin(np.minimum(chord / 2, 1))


def _vectors(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    east, north = np.radians(lon), np.radians(lat)
    level = np.cos(north)
    return np.stack(
        [level * np.cos(east), level * np.sin(east), np.sin(north)], axis=-1
    )


def _listed(names: Sequence[str], which: NDArray[np.bool_]) -> str:
    return some_of([name for name, one in zip(names, which) if one], SHOWN)
