"""Earth models: columns by their names, or by which of them make the Earth."""

import itertools
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from jaxload.io.earth.rows import EarthRows, read_earth_rows

__all__ = ["EarthProfile", "read_earth_profile"]

#: Mass [kg] and moment of inertia [mass times radius squared] of the Earth;
#: Chambat, Ricard & Valette (2010), doi:10.1111/j.1365-246X.2010.04771.x.
MASS, MOMENT = 5.9722e24, 0.3307

#: How far those of a model may be off. Models of velocities have densities that only
#: resemble the Earth's.
MASS_ERROR, MOMENT_ERROR = 0.02, 0.03

#: Radii that the surface of the Earth has in models [m].
SURFACE = (6.3e6, 6.41e6)

#: Beyond these, columns are in metres, metres a second and kg/m3, not km and g/cm3.
LARGEST = {"place": 1e5, "speed": 100.0, "density": 100.0}

#: No number of any column is as large.
ABSURD = 1e12

#: Between which the largest velocity in the Earth is [m/s], above its core.
LARGEST_SPEED = {"vp": (12e3, 16e3), "vs": (6e3, 9e3)}

#: Position of the density in the usual order: radius or depth, vp, vs, density.
USUAL = 4

#: Anisotropy beyond which two columns are no two polarisations of one wave.
ANISOTROPY = 0.1


class EarthProfile(NamedTuple):
    """An Earth model in SI units, each of shape (row,), in the order of the file.

    Attributes:
      radius: Radius [m].
      vp: Compressional velocity [m/s].
      vs: Shear velocity [m/s].
      density: Density [kg/m3].
    """

    radius: NDArray[np.float64]
    vp: NDArray[np.float64]
    vs: NDArray[np.float64]
    density: NDArray[np.float64]


def read_earth_profile(path: str | pathlib.Path) -> EarthProfile:
    """Read an Earth model from text.

    Read are rows of radius or depth, velocities and density in any order and in SI
    units or km and g/cm3: models of TauP (.nd, .tvel), AxiSEM (.bm), MINEOS, LoadDef
    and their like. Columns are those that a header names. Without one, they are those
    with which the model has the mass and the moment of inertia of the Earth, and
    velocities as large as the Earth's. A body of the Earth's size must have its mass
    and moment in any case. Two polarisations of a wave become their isotropic mean.
    Further columns, such as quality factors, are left out, and so are titles, comments
    and names of discontinuities. Rows may run upward or downward; a radius that stands
    on two lines is a discontinuity.

    Args:
      path: The file.

    Returns:
      Radius [m], vp [m/s], vs [m/s] and density [kg/m3], each of shape (row,), in the
      order of the file, as `earth.earth_model` takes them.

    Raises:
      FileNotFoundError: If there is no such file.
      ValueError: If a line does not parse, the columns do not make the Earth, or a
        number of theirs is missing.

    Example:
      >>> model = earth.earth_model(*io.read_earth_profile("prem.txt"), name="mine")

    Source:
      Isotropic means: Panning & Romanowicz (2006), appendix A,
      doi:10.1111/j.1365-246X.2006.03100.x.
    """
    rows = read_earth_rows(pathlib.Path(path))
    _check_sizes(rows)
    profile = _by_name(rows) if rows.names else _by_physics(rows)
    missing = ~np.all(np.isfinite(profile), axis=0)
    if missing.any():
        raise ValueError(
            f"{rows.path} line {rows.numbers[int(np.argmax(missing))]} lacks a radius, "
            "velocity or density; give a number there"
        )
    _check_earth(rows, profile)
    return profile


def _check_sizes(rows: EarthRows) -> None:
    absurd = np.abs(rows.table) > ABSURD
    if absurd.any():
        row, column = np.argwhere(absurd)[0]
        raise ValueError(
            f"{rows.path} line {rows.numbers[row]}: column {column + 1} is "
            f"{rows.table[row, column]:g}, which no Earth has"
        )


def _by_name(rows: EarthRows) -> EarthProfile:
    columns = dict(zip(rows.names, rows.table.T))
    if "radius" in columns:
        radius = _scaled(columns["radius"], "place")
    else:
        radius = _from_depth(rows, _scaled(columns["depth"], "place"))
    vp, vs = (_wave(wave, columns) for wave in ("vp", "vs"))
    return EarthProfile(radius, vp, vs, _scaled(columns["density"], "density"))


def _from_depth(rows: EarthRows, depth: NDArray[np.float64]) -> NDArray[np.float64]:
    if not _reaches_centre(depth):
        raise ValueError(
            f"{rows.path} has depths from {np.nanmin(depth) / 1e3:g} to "
            f"{np.nanmax(depth) / 1e3:g} km, expected all from the surface to the "
            "centre at about 6371 km, in order; take a complete model"
        )
    return depth.max() - depth


def _wave(wave: str, columns: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """The isotropic velocity of a wave by its names."""
    known = [f"{wave}v", f"{wave}h"]
    if all(name in columns for name in known):
        return _isotropic(wave, *(_scaled(columns[name], "speed") for name in known))
    return _scaled(
        next(columns[name] for name in (wave, *known) if name in columns), "speed"
    )


def _scaled(column: NDArray[np.float64], kind: str) -> NDArray[np.float64]:
    """A column in SI units; those it comes in differ by a factor of 1000."""
    largest = np.max(np.abs(column), where=np.isfinite(column), initial=0.0)
    return column if largest > LARGEST[kind] else 1e3 * column


def _isotropic(
    wave: str, vertical: NDArray[np.float64], horizontal: NDArray[np.float64]
) -> NDArray[np.float64]:
    first, second = (1, 4) if wave == "vp" else (2, 1)
    squares = (first * vertical**2 + second * horizontal**2) / (first + second)
    # Where both are one number, the mean is that number to its last digit.
    return np.where(vertical == horizontal, vertical, np.sqrt(squares))


def _by_physics(rows: EarthRows) -> EarthProfile:
    """Columns with which the model is the Earth."""
    candidates = [pair for pair in _pairs(rows) if _is_earth(*pair)]
    if not candidates:
        _refuse(rows)
    radius, density = candidates[0]
    for other in candidates[1:]:
        if not all(
            np.allclose(a, b, equal_nan=True) for a, b in zip(candidates[0], other)
        ):
            raise ValueError(
                f"{rows.path} has two columns that may be the density; write a first "
                "line that names the columns, as '# radius vp vs rho'"
            )
    vp, vs = (_fastest(rows, wave) for wave in ("vp", "vs"))
    return EarthProfile(radius, vp, vs, density)


def _pairs(rows: EarthRows) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Radius and density in every way that the columns allow, in SI units."""
    return [(radius, density) for _, radius, density in _numbered_pairs(rows)]


def _numbered_pairs(
    rows: EarthRows,
) -> Iterator[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    """The same after the position of the density, from 1."""
    columns = rows.table.T
    for place, other in itertools.permutations(range(len(columns)), 2):
        radius = _scaled(columns[place], "place")
        if _reaches_centre(radius):
            density = _scaled(columns[other], "density")
            yield other + 1, radius, density
            yield other + 1, radius.max() - radius, density


def _reaches_centre(radius: NDArray[np.float64]) -> bool:
    """Whether a column runs between 0 and the Earth's radius, up or down."""
    if not np.all(np.isfinite(radius)) or radius.min() != 0:
        return False
    step = np.diff(radius)
    sorted_ = bool(np.all(step >= 0) or np.all(step <= 0))
    return sorted_ and SURFACE[0] <= radius.max() <= SURFACE[1]


def _is_earth(radius: NDArray[np.float64], density: NDArray[np.float64]) -> bool:
    if not np.all(np.isfinite(density) & (density > 0)):
        return False
    mass, moment = _mass_and_moment(radius, density)
    near = abs(mass / MASS - 1) <= MASS_ERROR
    return near and abs(moment / MOMENT - 1) <= MOMENT_ERROR


def _mass_and_moment(
    radius: NDArray[np.float64], density: NDArray[np.float64]
) -> tuple[float, float]:
    """Mass [kg], and moment of inertia by mass and squared radius, of linear layers."""
    order = slice(None) if radius[0] <= radius[-1] else slice(None, None, -1)
    r, d = radius[order], density[order]
    thick = np.flatnonzero(np.diff(r) > 0)
    low, high, width = r[thick], r[thick + 1], np.diff(r)[thick]
    slope = (d[thick + 1] - d[thick]) / width
    base = d[thick] - slope * low
    shell = lambda n: float(
        np.sum(
            base * (high**n - low**n) / n
            + slope * (high ** (n + 1) - low ** (n + 1)) / (n + 1)
        )
    )
    mass = 4 * np.pi * shell(3)
    return mass, 8 * np.pi / 3 * shell(5) / (mass * r[-1] ** 2)


def _fastest(rows: EarthRows, wave: str) -> NDArray[np.float64]:
    """The column of a wave's velocity, or the mean of its polarisations."""
    candidates = [speed for speed in _speeds(rows) if _is_wave(speed, wave)]
    # A density in g/cm3 is as large a number as vp in km/s.
    if wave == "vp":
        candidates = [speed for speed in candidates if not _is_density(rows, speed)]
    if len(candidates) == 2 and _alike(*candidates):
        return _isotropic(wave, *candidates)
    if len(candidates) != 1:
        raise ValueError(
            f"{rows.path} has {len(candidates)} columns that may be {wave}; write a "
            "first line that names the columns, as '# radius vp vs rho'"
        )
    return candidates[0]


def _speeds(rows: EarthRows) -> list[NDArray[np.float64]]:
    """Columns that are no radius or depth, as velocities [m/s]."""
    places = [_reaches_centre(_scaled(column, "place")) for column in rows.table.T]
    return [_scaled(c, "speed") for c, place in zip(rows.table.T, places) if not place]


def _is_wave(speed: NDArray[np.float64], wave: str) -> bool:
    seen = speed[np.isfinite(speed)]
    if not len(seen) or not (LARGEST_SPEED[wave][0] <= seen.max()):
        return False
    slowest = 1e3 if wave == "vp" else 0.0
    return bool(seen.max() <= LARGEST_SPEED[wave][1] and seen.min() >= slowest)


def _is_density(rows: EarthRows, speed: NDArray[np.float64]) -> bool:
    return any(np.array_equal(d, speed) and _is_earth(r, d) for r, d in _pairs(rows))


def _alike(first: NDArray[np.float64], second: NDArray[np.float64]) -> bool:
    return bool(np.all(np.abs(first - second) <= ANISOTROPY * np.abs(first)))


def _check_earth(rows: EarthRows, profile: EarthProfile) -> None:
    """Check a body of the Earth's size; another is another planet, or a trial."""
    surface = float(np.max(profile.radius))
    if not SURFACE[0] <= surface <= SURFACE[1] or np.min(profile.radius) != 0:
        return
    mass, moment = _mass_and_moment(profile.radius, profile.density)
    if abs(mass / MASS - 1) > MASS_ERROR or abs(moment / MOMENT - 1) > MOMENT_ERROR:
        raise ValueError(
            f"{rows.path} has a mass of {mass:.4g} kg and a moment of inertia of "
            f"{moment:.3g} M R2, but the Earth {MASS:.4g} and {MOMENT:.4g}; are its "
            "columns what its header names?"
        )


def _refuse(rows: EarthRows) -> None:
    """Say what body it is with the columns in their usual order, or the nearest."""
    bodies = [
        (column, *_mass_and_moment(radius, density))
        for column, radius, density in _numbered_pairs(rows)
        if np.all(np.isfinite(density) & (density > 0))
    ]
    if not bodies:
        raise ValueError(
            f"{rows.path} has no column that runs from 0 to about 6371 km, radius or "
            "depth, beside a density; give the whole Earth, centre and surface"
        )
    usual = [body for body in bodies if body[0] == USUAL] or bodies
    column, mass, moment = min(usual, key=lambda body: _distance(*body[1:]))
    raise ValueError(
        f"{rows.path} is not the Earth: with column {column} as density its mass is "
        f"{mass:.4g} kg and its moment of inertia {moment:.3g} M R2, expected "
        f"{MASS:.4g} and {MOMENT:.4g}; check its units, or take a complete model"
    )


def _distance(mass: float, moment: float) -> float:
    """How unlike the Earth a body is; its moment says more of it than its mass."""
    return abs(np.log(mass / MASS)) + 10 * abs(np.log(moment / MOMENT))
