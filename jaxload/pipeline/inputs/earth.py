"""The Earth of a study: its load Love numbers, from a model or a table."""

import dataclasses

import numpy as np

from jaxload import config, earth, io
from jaxload.constants import EARTH_RADIUS
from jaxload.pipeline.messages import error_context

__all__ = ["model_of", "study_love_numbers"]

#: Models that need no file, beside PREM, of which there is a table.
PUBLISHED = {"iasp91": earth.iasp91, "ak135": earth.ak135}

#: Gravity [m/s2] of an Earth whose table of Love numbers does not say it.
GRAVITY = 9.82

#: Load Love numbers of degree 2 on the Earth, and by how much of them any model
#: differs: PREM, doi:10.1016/0031-9201(81)90046-7, and models from 1939 to 2005.
DEGREE_2 = {"h": (-0.992, 0.15), "k": (-0.305, 0.15)}


def study_love_numbers(study: config.Study) -> earth.LoveNumbers:
    """Find the load Love numbers of a study's Earth.

    Args:
      study: Names a model of the Earth, or a table.

    Returns:
      The Love numbers.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If it is no Earth, or a table ends too early.
    """
    settings = study.earth
    if settings.love:
        return _from_table(study)
    if settings.model == "prem":
        return earth.load_love_numbers("prem", settings.frame, settings.max_degree)
    if settings.model in PUBLISHED:
        model = PUBLISHED[settings.model]()
    else:
        model = model_of(study)
    love = earth.love_numbers(model, settings.max_degree, settings.frame)
    if not model.ocean:
        _check_degree_2(love, f"earth.model {settings.model}")
    return love


def model_of(study: config.Study) -> earth.EarthModel:
    """Read the Earth of a study that names a file.

    Args:
      study: Names the file in `earth.model`, and says in `earth.ocean` what becomes of
        water on top.

    Returns:
      The model, which has the mass, gravity and moment of inertia of the Earth.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If it is no Earth, or has an ocean that nothing is said of.
    """
    settings = study.earth
    with error_context("earth.model"):
        profile = io.read_earth_profile(study.path(settings.model))
    with error_context(f"earth.model {settings.model}"):
        depth = _ocean_depth(profile)
        if depth and not settings.ocean:
            raise ValueError(
                f"has {1e-3 * depth:.3g} km of water on top, on whose floor all loads "
                'would lie; set earth.ocean = "crust" to take the rock beneath in its '
                'place, or "water" to keep it'
            )
        if depth and settings.ocean == "crust":
            profile, depth = _with_crust(profile, depth), 0.0
        model = earth.earth_model(*profile, name=settings.model, ocean=depth > 0)
        earth.check_earth(model, settings.model)
    return model


def _ocean_depth(profile: io.EarthProfile) -> float:
    """Thickness of the fluid on top [m]."""
    solid = profile.radius[profile.vs > 0]
    return float(np.max(profile.radius) - np.max(solid, initial=0.0))


def _with_crust(profile: io.EarthProfile, depth: float) -> io.EarthProfile:
    """Give water on top the material of the rock that it lies on."""
    floor = np.max(profile.radius) - depth
    wet = (profile.radius >= floor) & (profile.vs == 0)
    rock = int(np.flatnonzero((profile.radius == floor) & (profile.vs > 0))[0])
    columns = (np.where(wet, x[rock], x) for x in profile[1:])
    return io.EarthProfile(profile.radius, *columns)


def _from_table(study: config.Study) -> earth.LoveNumbers:
    settings = study.earth
    source = f"earth.love {settings.love}"
    with error_context("earth.love"):
        columns = io.read_love_numbers(study.path(settings.love))
    with error_context(source):
        table = earth.love_numbers_from_table(
            columns,
            earth.table_frame(columns),
            EARTH_RADIUS,
            GRAVITY,
            times_degree=earth.is_times_degree(columns),
            source=settings.love,
        )
    last = len(np.asarray(table.h)) - 1
    if last < settings.max_degree:
        raise ValueError(
            f"{source} ends at degree {last}, but earth.max_degree is "
            f"{settings.max_degree}; set it to {last} or take a longer table"
        )
    kept = slice(settings.max_degree + 1)
    love = dataclasses.replace(table, h=table.h[kept], l=table.l[kept], k=table.k[kept])
    _check_degree_2(love, source)
    return earth.in_frame(love, settings.frame)


def _check_degree_2(love: earth.LoveNumbers, source: str) -> None:
    """Check what no model of the Earth gets wrong by much."""
    for name, (usual, part) in DEGREE_2.items():
        value = float(np.asarray(getattr(love, name))[2])
        if not abs(value / usual - 1) <= part:
            raise ValueError(
                f"{source} gives {name} of {value:.3g} at degree 2, but the Earth "
                f"{usual:.3g}; is it a model of the Earth, in the units of its header?"
            )
