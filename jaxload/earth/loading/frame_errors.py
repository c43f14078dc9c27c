"""Displacement of places by errors of the reference frame."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxload.earth.loading.places import (
    COMPONENTS,
    Places,
    check_components,
    coordinates,
    local_frames,
)

__all__ = ["FRAME_PARAMETERS", "FrameErrors", "frame_displacement"]

#: What a frame may miss another by: shifts along and turns about the axes, and scale.
FRAME_PARAMETERS = (
    *(f"translation_{axis}" for axis in "xyz"),
    *(f"rotation_{axis}" for axis in "xyz"),
    "scale",
)


class FrameErrors(NamedTuple):
    """Sizes of errors of a reference frame, all as displacement of the surface.

    Attributes:
      translation: Of the origin along each axis [mm].
      rotation: About each axis [mm] at the surface, 90 degrees from that axis; a
        milliarcsecond is 30.9 mm.
      scale: Of heights [mm]; a part in a billion is 6.4 mm.
    """

    translation: float
    rotation: float
    scale: float


def frame_displacement(
    places: Places, errors: FrameErrors, components: Sequence[str] = COMPONENTS
) -> NDArray[np.float64]:
    """Displacement of places by errors of a frame, one column for each parameter.

    Args:
      places: `lon` and `lat` [degrees], shape (place,).
      errors: Size of each parameter; those of zero have no column.
      components: Some of "up", "north" and "east", in the order wanted.

    Returns:
      Displacement [mm], shape (component * place, parameter), parameters in the order
      of `FRAME_PARAMETERS`; rows are laid out as those of `design_matrix`.

    Raises:
      ValueError: If coordinates are missing or out of range, or components unknown.

    Source:
      The linearised transformation of seven parameters: Petit & Luzum (2010), IERS
      Conventions, section 4.2.

    Example:
      >>> errors = FrameErrors(translation=3.0, rotation=3.0, scale=1.0)
      >>> patterns = frame_displacement(stations, errors, ("up",))
      >>> noise = inversion.Noise(sigma, patterns=patterns)
    """
    components = check_components(components)
    frames = local_frames(*coordinates("places", places))
    outward, parts = frames[:, 0], []
    for component in components:
        direction = frames[:, COMPONENTS.index(component)]
        # A turn w moves the ground by w x r, along e by (r x e) w.
        turned = np.cross(outward, direction)
        raised = np.full((len(outward), 1), float(component == "up"))
        parts.append(np.concatenate([direction, turned, raised], axis=1))
    sizes = np.repeat([errors.translation, errors.rotation, errors.scale], [3, 3, 1])
    return (np.concatenate(parts) * sizes)[:, sizes > 0]
