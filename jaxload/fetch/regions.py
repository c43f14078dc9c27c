"""Outlines of basins, coasts and borders."""

from jaxload.fetch.hosts import HOSTS
from jaxload.fetch.remote_files import RemoteFile

__all__ = ["CONTINENTS", "OUTLINE_LAYERS", "basin_files", "natural_earth_files"]

#: Parts of the world into which HydroBASINS is divided.
CONTINENTS = {
    "af": "Africa",
    "ar": "Arctic of North America",
    "as": "Asia",
    "au": "Australia and Oceania",
    "eu": "Europe and the Middle East",
    "gr": "Greenland",
    "na": "North America and the Caribbean",
    "sa": "South America",
    "si": "Siberia",
}

#: Layers of Natural Earth: kind and file.
OUTLINE_LAYERS = {
    "coastline": ("physical", "coastline"),
    "land": ("physical", "land"),
    "rivers": ("physical", "rivers_lake_centerlines"),
    "countries": ("cultural", "admin_0_countries"),
    "provinces": ("cultural", "admin_1_states_provinces"),
}

#: Scales of Natural Earth, one to so many millions.
SCALES = (10, 50, 110)


def basin_files(continent: str, level: int) -> list[RemoteFile]:
    """Name the outlines of HydroBASINS.

    Args:
      continent: One of `CONTINENTS`.
      level: Of the Pfafstetter code, 1 (continents) to 12 (smallest).

    Returns:
      A shapefile in a zip, in "outlines", which study files name as it is.

    Raises:
      ValueError: If there is no such continent or level.
    """
    if continent not in CONTINENTS:
        expected = ", ".join(CONTINENTS)
        raise ValueError(f"continent is {continent!r}, expected one of {expected}")
    if not 1 <= level <= 12:
        raise ValueError(f"level is {level}, expected 1 to 12")
    file = f"hybas_{continent}_lev{level:02d}_v1c.zip"
    url = f"{HOSTS['hydrosheds'].address}/HydroBASINS/standard/{file}"
    return [RemoteFile(url, f"outlines/{file}")]


def natural_earth_files(layer: str, scale: int) -> list[RemoteFile]:
    """Name a layer of Natural Earth, which is in the public domain.

    Args:
      layer: One of `OUTLINE_LAYERS`.
      scale: One to so many millions: 10, 50 or 110.

    Returns:
      A shapefile in a zip, in "outlines".

    Raises:
      ValueError: If there is no such layer or scale.
    """
    if layer not in OUTLINE_LAYERS:
        raise ValueError(
            f"layer is {layer!r}, expected one of {', '.join(OUTLINE_LAYERS)}"
        )
    if scale not in SCALES:
        raise ValueError(f"scale is {scale}, expected one of 10, 50, 110")
    kind, name = OUTLINE_LAYERS[layer]
    file = f"ne_{scale}m_{name}.zip"
    url = f"{HOSTS['natural_earth'].address}/{scale}m/{kind}/{file}"
    return [RemoteFile(url, f"outlines/{file}")]
