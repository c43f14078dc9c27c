"""What water, air and sea do to the ground."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import sparse

from jaxload import earth, sphere
from jaxload.constants import SEAWATER_DENSITY, STANDARD_GRAVITY, WATER_DENSITY
from jaxload.synthetic.noise import remembered
from jaxload.synthetic.smooth import years_of

__all__ = ["Surface", "TrueDisplacement", "displace", "sea_level", "shares"]

Floats = NDArray[np.float64]

#: Annual amplitude of the level of the seas beside China [mm], the day on which it is
#: highest, and standard deviation and memory [days] of the rest.
SEA_SEASON, SEA_HIGHEST, SEA_REST, SEA_MEMORY = 30.0, 250.0, 16.0, 20.0

#: Cells of the raster are squares up to this distance, discs beyond, which makes two
#: parts in ten thousand [degrees].
REACH = 4.0


@dataclasses.dataclass(frozen=True, eq=False)
class Surface:
    """What lies on the ground and presses.

    Attributes:
      time: Days, shape (epoch,).
      places: The raster of the weather.
      cells: Cells of water.
      storage: Water at places [mm], shape (epoch, place).
      to_cells: Water at cells is ``storage @ to_cells``, shape (place, cell).
      pressure: Anomaly of surface pressure [Pa], shape (epoch, place).
      land: Share of land [-], shape (place,).
      sea_level: Anomaly of the level of the sea [mm], shape (epoch,).
    """

    time: NDArray[np.datetime64]
    places: sphere.Grid
    cells: sphere.Grid
    storage: Floats
    to_cells: sparse.csr_array
    pressure: Floats
    land: Floats
    sea_level: Floats


@dataclasses.dataclass(frozen=True, eq=False)
class TrueDisplacement:
    """True displacement in one direction.

    Attributes:
      loading: By water [mm], shape (epoch, place).
      ntal: By air, non-tidal atmospheric loading [mm], likewise.
      ntol: By the sea, non-tidal ocean loading [mm], likewise.
    """

    loading: Floats
    ntal: Floats
    ntol: Floats

    @property
    def total(self) -> Floats:
        """The sum [mm], shape (epoch, place)."""
        return self.loading + self.ntal + self.ntol

    def at(self, which: slice) -> "TrueDisplacement":
        """Those of some of the places.

        Args:
          which: Along the axis of places.
        """
        return TrueDisplacement(
            self.loading[:, which], self.ntal[:, which], self.ntol[:, which]
        )


def shares(grid: sphere.Grid, lon: Floats, lat: Floats) -> sparse.csr_array:
    """Interpolate linearly between the centres of a raster.

    Args:
      grid: A whole raster.
      lon: Longitude of points within it [degrees], shape (point,).
      lat: Latitude [degrees], shape (point,).

    Returns:
      Shares by which ``values @ shares`` is at the points what `values` are on the
      raster, shape (place, point).
    """
    return sparse.csr_array(
        sphere.linear_weights(grid.lon_axis, grid.lat_axis, lon, lat).T
    )


def sea_level(time: NDArray[np.datetime64], rng: Generator) -> Floats:
    """Draw the level of the seas beside the region.

    Args:
      time: Days, shape (epoch,).
      rng: From which it is drawn.

    Returns:
      Anomaly of sea level [mm], shape (epoch,).
    """
    season = np.cos(2 * np.pi * (years_of(time) - SEA_HIGHEST / 365.25))
    before = round(5 * SEA_MEMORY)
    rest = remembered(rng.normal(size=before + len(time)), SEA_MEMORY)[before:]
    rest *= np.sqrt(1 - np.exp(-2 / SEA_MEMORY))
    level = SEA_SEASON * season + SEA_REST * rest
    return level - level.mean()


def displace(
    surface: Surface, points: earth.Places, components: Sequence[str] = ("up",)
) -> dict[str, TrueDisplacement]:
    """Displace points by what lies on the ground.

    Water acts by discs as large as its cells, as in a study; air and sea by the squares
    of the raster. Air loads land; the sea gives way under it.

    Args:
      surface: What lies on the ground.
      points: Where it moves.
      components: Which of "up", "north" and "east".

    Returns:
      True displacement by component, shape (epoch, point) each.
    """
    love = earth.load_love_numbers("prem", frame="CF")
    discs = earth.disc_kernel(love, radius=surface.cells.cell_radius)
    by_cells = earth.design_matrix(discs, points, surface.cells, components)
    coarse = earth.disc_kernel(love, radius=surface.places.cell_radius)
    near = earth.rectangle_kernel(love, reach=REACH)
    by_places = earth.design_matrix(coarse, points, surface.places, components, near)
    matrices = [
        np.asarray(design).reshape(len(components), -1, design.shape[1])
        for design in (by_cells, by_places)
    ]
    return {
        component: _loads(surface, of_cells, of_places)
        for component, of_cells, of_places in zip(components, *matrices, strict=True)
    }


def _loads(surface: Surface, of_cells: Floats, of_places: Floats) -> TrueDisplacement:
    """Displacement by matrices of shape (point, cell) and (point, place)."""
    air = of_places * (surface.land / STANDARD_GRAVITY)
    sea = of_places @ (1 - surface.land) * (SEAWATER_DENSITY / WATER_DENSITY)
    return TrueDisplacement(
        loading=surface.storage @ (surface.to_cells @ of_cells.T),
        ntal=surface.pressure @ air.T,
        ntol=surface.sea_level[:, None] * sea[None, :],
    )
