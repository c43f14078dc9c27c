"""Heights of a twin world, labelled and as files that a study reads."""

import json
import pathlib

import numpy as np
import shapely
import xarray as xr

from jaxload import io, synthetic


def twin_heights(
    world: synthetic.Twin, up: np.ndarray | None = None, sigma: np.ndarray | None = None
) -> xr.Dataset:
    """Heights of a world, or others in their place, in the layout `io.GNSS`."""
    dims = ("time", "station")
    coords = {
        "time": world.time.astype("M8[ns]"),
        "station": world.station,
        "lon": ("station", world.lon),
        "lat": ("station", world.lat),
        "height": ("station", np.zeros(len(world.lon))),
    }
    values = {
        "up": (dims, world.displacement if up is None else up),
        "up_sigma": (dims, world.sigma if sigma is None else sigma),
    }
    return io.label_dataset(xr.Dataset(values, coords))


def write_twin(
    world: synthetic.Twin, folder: pathlib.Path, heights: xr.Dataset | None = None
) -> None:
    """Write heights into ``gnss`` and the outline as ``region.geojson``."""
    io.write_up(twin_heights(world) if heights is None else heights, folder / "gnss")
    outline = json.dumps(shapely.geometry.mapping(world.region))
    (folder / "region.geojson").write_text(outline)
