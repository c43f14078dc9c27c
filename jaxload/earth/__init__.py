"""What the Earth does under a load: models, Love numbers, kernels, design matrices."""

from jaxload.earth.design import Places, design_matrix
from jaxload.earth.discs import (
    DiscKernel,
    disc_geoid,
    disc_kernel,
    disc_tangential,
    disc_uplift,
)
from jaxload.earth.elastic import load_response, shear_response, tidal_response
from jaxload.earth.greens import point_tangential, point_uplift
from jaxload.earth.love import (
    LoveNumbers,
    asymptotes,
    in_frame,
    load_love_numbers,
    love_numbers,
)
from jaxload.earth.model import EarthModel, earth_model, homogeneous, prem
from jaxload.earth.propagation import Integration
from jaxload.earth.structure import enclosed_mass, gravity

__all__ = [
    "DiscKernel",
    "EarthModel",
    "Integration",
    "LoveNumbers",
    "Places",
    "asymptotes",
    "design_matrix",
    "disc_geoid",
    "disc_kernel",
    "disc_tangential",
    "disc_uplift",
    "earth_model",
    "enclosed_mass",
    "gravity",
    "homogeneous",
    "in_frame",
    "load_love_numbers",
    "load_response",
    "love_numbers",
    "point_tangential",
    "point_uplift",
    "prem",
    "shear_response",
    "tidal_response",
]
