"""Mascons and Stokes coefficients of GRACE and GRACE Follow-On."""

import re
from collections.abc import Callable

from jaxload.fetch.clients import search_earthdata
from jaxload.fetch.hosts import HOSTS
from jaxload.fetch.periods import parse_search_days
from jaxload.fetch.remote_files import RemoteFile

__all__ = ["level2_files", "mascon_files", "mascon_page"]

#: Collections of NASA Earthdata: mascons of JPL with its filter of coasts, and Stokes
#: coefficients of GRACE and of GRACE Follow-On by centre.
JPL_MASCONS = "TELLUS_GRAC-GRFO_MASCON_CRI_GRID_RL06.3_V4"
LEVEL2 = {
    centre: (f"GRACE_GSM_L2_GRAV_{name}_RL06", f"GRACEFO_L2_{name}_MONTHLY_0063")
    for centre, name in (("csr", "CSR"), ("jpl", "JPL"), ("gfz", "GFZ"))
}

#: First day of the mission's fields.
BEGIN = "2002-04-04"

#: The file of CSR, and names of those of Goddard, which have their last month in them.
CSR_MASCONS = "CSR_GRACE_GRACE-FO_RL0603_Mascons_all-corrections.nc"
GSFC_MASCONS = re.compile(r'[^"\'\s>]*/(gsfc\.glb_[\w.-]*halfdegree\.nc)')


def mascon_page() -> str:
    """Name the page on which Goddard links its newest file.

    Returns:
      Its address.
    """
    return f"{HOSTS['gsfc'].address}/geo/data/grace-mascons"


def mascon_files(centre: str, read_page: Callable[[str], str]) -> list[RemoteFile]:
    """Name the mascons of a centre.

    Args:
      centre: "csr", "jpl" or "gsfc".
      read_page: Reads a page, for Goddard.

    Returns:
      One file in "grace".

    Raises:
      ValueError: If the centre is none of these, or its page links no file.
    """
    if centre == "csr":
        url = f"{HOSTS['csr'].address}/{CSR_MASCONS}"
        return [RemoteFile(url, "grace/mascons_csr.nc")]
    if centre == "jpl":
        files = search_earthdata(JPL_MASCONS, "", ("", ""), "grace")
        return [file for file in files if file.name.endswith(".nc")]
    if centre != "gsfc":
        raise ValueError(f"centre is {centre!r}, expected csr, jpl or gsfc")
    links = {
        match[0]: match[1] for match in GSFC_MASCONS.finditer(read_page(mascon_page()))
    }
    if not links:
        raise ValueError(
            f"{mascon_page()} links no file of mascons; it may have been rearranged: "
            "download it there"
        )
    # Their names order them by the last month.
    link = max(links, key=lambda link: links[link])
    url = link if link.startswith("http") else HOSTS["gsfc"].address + link
    return [RemoteFile(url, "grace/mascons_gsfc.nc")]


def level2_files(centre: str, days: tuple[str, str]) -> list[RemoteFile]:
    """Name monthly Stokes coefficients of a centre, and what replaces low degrees.

    Args:
      centre: "csr", "jpl" or "gfz".
      days: First and last day, ISO; both empty for all.

    Returns:
      Files of degrees to 60 (BA01) in "grace/level2", and technical notes 13 and 14 in
      "grace".

    Raises:
      ValueError: If the centre is none of these, a day is none, the days are in the
        wrong order or before the mission, the client of NASA is missing or nothing is
        there.
      OSError: If the search fails.
    """
    if centre not in LEVEL2:
        raise ValueError(f"centre is {centre!r}, expected {', '.join(LEVEL2)}")
    days = parse_search_days(days, BEGIN, "fields of GRACE")
    found_nothing, files = None, []
    for collection in LEVEL2[centre]:
        try:
            files += search_earthdata(collection, "", days, "grace/level2")
        except ValueError as error:
            # One of the missions may have been over, or not begun.
            if "has no file" not in str(error):
                raise
            found_nothing = error
    chosen = [file for file in files if re.search(r"/GSM-2_.*BA01", file.name)]
    if not chosen:
        raise found_nothing or ValueError(
            f"NASA Earthdata has no GSM files of degree 60 of {centre.upper()}"
        )
    notes = (f"TN-13_GEOC_{centre.upper()}_RL0603.txt", "TN-14_C30_C20_GSFC_SLR.txt")
    base = HOSTS["podaac"].address
    return [*chosen, *(RemoteFile(f"{base}/{name}", f"grace/{name}") for name in notes)]
