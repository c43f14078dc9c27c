"""A network trained through the inversion, and what both say together."""

import pathlib

import xarray as xr

from jaxload import config
from jaxload.pipeline.clock import Clock
from jaxload.pipeline.ground import Ground
from jaxload.pipeline.inverted import Inverted

__all__ = ["invert_jointly"]


def invert_jointly(
    study: config.Study,
    gnss: xr.Dataset,
    ground: Ground,
    folder: pathlib.Path | None,
    clock: Clock,
) -> Inverted:
    """Train a network with the inversion, and invert with it."""
    raise NotImplementedError
