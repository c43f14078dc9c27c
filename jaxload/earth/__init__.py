"""What the Earth does under a load: models, Love numbers, kernels, fields of mass."""

from jaxload.earth.grace.destriping import Destriping, Window, destripe
from jaxload.earth.grace.low_degrees import (
    LowDegrees,
    low_degrees_of,
    remove_mean,
    remove_rate,
    replace_low_degrees,
    stokes_of,
)
from jaxload.earth.grace.stokes import (
    Stokes,
    displacement_from_stokes,
    gm_from_density,
    stokes_from_uplift,
    stokes_from_water,
    water_from_stokes,
)
from jaxload.earth.interior.local_layers import scale_layers, with_top_layers
from jaxload.earth.interior.model import EarthModel, earth_model, homogeneous, refine
from jaxload.earth.interior.partials import Sensitivity, sensitivity
from jaxload.earth.interior.propagation import Integration
from jaxload.earth.interior.reference_models import ak135, iasp91, prem
from jaxload.earth.interior.response import (
    load_response,
    shear_response,
    tidal_response,
)
from jaxload.earth.interior.structure import (
    check_earth,
    enclosed_mass,
    gravity,
    moment_of_inertia,
)
from jaxload.earth.kernels.disc import (
    DiscKernel,
    disc_geoid,
    disc_gravity,
    disc_kernel,
    disc_tangential,
    disc_uplift,
)
from jaxload.earth.kernels.half_spaces import (
    HalfSpace,
    half_space,
    half_space_disc,
    half_space_point,
    half_space_rectangle,
)
from jaxload.earth.kernels.point import (
    point_geoid,
    point_gravity,
    point_strain,
    point_tangential,
    point_tilt,
    point_uplift,
)
from jaxload.earth.kernels.rectangle import (
    RectangleKernel,
    rectangle_kernel,
    rectangle_response,
)
from jaxload.earth.loading.convolution import Convolution, convolve
from jaxload.earth.loading.design import design_matrix
from jaxload.earth.loading.forward import (
    Harmonic,
    displacement,
    harmonic_displacement,
    remove_restore,
)
from jaxload.earth.loading.frame_errors import (
    FRAME_PARAMETERS,
    FrameErrors,
    frame_displacement,
)
from jaxload.earth.loading.mass_field import (
    MassField,
    from_pressure,
    from_sea_level,
    from_soil_moisture,
    from_water,
    masked,
)
from jaxload.earth.loading.moving_places import uplift_at
from jaxload.earth.loading.places import Places
from jaxload.earth.love.from_model import (
    LoveNumbers,
    asymptotes,
    in_frame,
    load_love_numbers,
    love_numbers,
)
from jaxload.earth.love.from_table import (
    is_times_degree,
    love_numbers_from_table,
    table_frame,
)
from jaxload.sphere.harmonics.coefficients import Harmonics
from jaxload.sphere.harmonics.gaussian import gaussian_weights, smooth
from jaxload.sphere.harmonics.scattered import gradient_at, synthesise_at
from jaxload.sphere.harmonics.transform import analyse, synthesise

__all__ = [
    "FRAME_PARAMETERS",
    "Convolution",
    "Destriping",
    "DiscKernel",
    "EarthModel",
    "FrameErrors",
    "HalfSpace",
    "Harmonic",
    "Harmonics",
    "Integration",
    "LoveNumbers",
    "LowDegrees",
    "MassField",
    "Places",
    "RectangleKernel",
    "Sensitivity",
    "Stokes",
    "Window",
    "ak135",
    "analyse",
    "asymptotes",
    "check_earth",
    "convolve",
    "design_matrix",
    "destripe",
    "disc_geoid",
    "disc_gravity",
    "disc_kernel",
    "disc_tangential",
    "disc_uplift",
    "displacement",
    "displacement_from_stokes",
    "earth_model",
    "enclosed_mass",
    "frame_displacement",
    "from_pressure",
    "from_sea_level",
    "from_soil_moisture",
    "from_water",
    "gaussian_weights",
    "gm_from_density",
    "gradient_at",
    "gravity",
    "half_space",
    "half_space_disc",
    "half_space_point",
    "half_space_rectangle",
    "harmonic_displacement",
    "homogeneous",
    "iasp91",
    "in_frame",
    "is_times_degree",
    "load_love_numbers",
    "load_response",
    "love_numbers",
    "love_numbers_from_table",
    "low_degrees_of",
    "masked",
    "moment_of_inertia",
    "point_geoid",
    "point_gravity",
    "point_strain",
    "point_tangential",
    "point_tilt",
    "point_uplift",
    "prem",
    "rectangle_kernel",
    "rectangle_response",
    "refine",
    "remove_mean",
    "remove_rate",
    "remove_restore",
    "replace_low_degrees",
    "scale_layers",
    "sensitivity",
    "shear_response",
    "smooth",
    "stokes_from_uplift",
    "stokes_from_water",
    "stokes_of",
    "synthesise",
    "synthesise_at",
    "table_frame",
    "tidal_response",
    "uplift_at",
    "water_from_stokes",
    "with_top_layers",
]
