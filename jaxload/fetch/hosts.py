"""Addresses of data centres, where they are published, and which want a login."""

import dataclasses

__all__ = ["HOSTS", "Host"]


@dataclasses.dataclass(frozen=True)
class Host:
    """A data centre.

    Attributes:
      centre: Its name.
      address: Where its files are; empty where its own client knows.
      page: Page on which the files are described.
      login: Where to register; empty where nobody has to.
    """

    centre: str
    address: str
    page: str
    login: str = ""


#: Data centres by name. No address was tried from where jaxload is developed, which has
#: no network: they follow the pages named here and programs that use them.
HOSTS = {
    # Blewitt, Hammond and Kreemer, 2018, doi:10.1029/2018EO104623.
    "ngl": Host(
        "Nevada Geodetic Laboratory",
        "https://geodesy.unr.edu",
        "https://geodesy.unr.edu/PlugNPlayPortal.php",
    ),
    # Save, Bettadpur and Tapley, 2016, doi:10.1002/2016JB013007.
    "csr": Host(
        "Center for Space Research, University of Texas",
        "https://download.csr.utexas.edu/outgoing/grace/RL0603_mascons",
        "https://www2.csr.utexas.edu/grace/RL06_mascons.html",
    ),
    # Loomis, Luthcke and Sabaka, 2019, doi:10.1007/s00190-019-01252-y.
    "gsfc": Host(
        "NASA Goddard Space Flight Center",
        "https://earth.gsfc.nasa.gov",
        "https://earth.gsfc.nasa.gov/geo/data/grace-mascons",
    ),
    "earthdata": Host(
        "NASA Earthdata (PO.DAAC, GES DISC)",
        "",
        "https://search.earthdata.nasa.gov",
        "https://urs.earthdata.nasa.gov",
    ),
    # Technical notes 13 and 14, which need no login.
    "podaac": Host(
        "PO.DAAC, NASA Jet Propulsion Laboratory",
        "https://archive.podaac.earthdata.nasa.gov/podaac-ops-cumulus-docs/gracefo/open/docs",
        "https://podaac.jpl.nasa.gov/gravity/grace-documentation",
    ),
    # Hersbach et al., 2020, doi:10.1002/qj.3803.
    "cds": Host(
        "Copernicus Climate Data Store",
        "",
        "https://cds.climate.copernicus.eu/datasets/"
        "derived-era5-single-levels-daily-statistics",
        "https://cds.climate.copernicus.eu/how-to-api",
    ),
    # Dill and Dobslaw, 2013, doi:10.1002/jgrb.50353.
    "esmgfz": Host(
        "Earth System Modelling, GFZ Potsdam",
        "http://esmdata.gfz-potsdam.de:8080",
        "http://esmdata.gfz-potsdam.de:8080/repository",
    ),
    # Lehner and Grill, 2013, doi:10.1002/hyp.9740.
    "hydrosheds": Host(
        "HydroSHEDS",
        "https://data.hydrosheds.org/file",
        "https://www.hydrosheds.org/products/hydrobasins",
    ),
    "natural_earth": Host(
        "Natural Earth",
        "https://naciscdn.org/naturalearth",
        "https://www.naturalearthdata.com/downloads",
    ),
}
