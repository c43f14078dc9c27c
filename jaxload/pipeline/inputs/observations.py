"""What a study is made of, read from its files."""

import logging
import typing
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax.typing import ArrayLike
from numpy.typing import NDArray
from shapely import MultiPolygon, Polygon

from jaxload import config, earth, io, sphere
from jaxload.constants import DEGREE, EARTH_RADIUS
from jaxload.pipeline.inputs.earth import study_love_numbers
from jaxload.pipeline.inputs.files_of_series import series_files
from jaxload.pipeline.inputs.gridded import read_grid_source
from jaxload.pipeline.inputs.local_earth import local_love_numbers, which_local_earth
from jaxload.pipeline.messages import error_context

__all__ = [
    "Outline",
    "make_design",
    "make_moving_design",
    "read_comparisons",
    "read_gravity",
    "read_observations",
    "select_inside",
    "standard_errors",
    "station_distances",
]

Outline = Polygon | MultiPolygon

#: Of no use where heights alone are inverted, and twice as large as what is.
HORIZONTAL = ("east", "north")

#: Cells of a station's neighbourhood whose outline matters, in cells.
NEAR = 10

#: By how much a land-surface model is read beyond the cells [degrees].
MARGIN = 3.0

logger = logging.getLogger(__name__)


def read_observations(
    study: config.Study, watch: Callable[[int, int], None] | None = None
) -> xr.Dataset:
    """Read the station series of a study, each process of a run some of the files.

    Args:
      study: The study.
      watch: Called with the number of files read and that of all, after each.

    Returns:
      A dataset of layout `io.GNSS`, of the components that the study inverts.
    """
    settings = study.gnss
    gnss = io.read_gnss(
        series_files(study),
        sites=study.path(settings.sites) if settings.sites else None,
        start=settings.start or None,
        end=settings.end or None,
        reading=io.Reading(
            strict=settings.strict,
            sites_order=settings.sites_order,
            sites_columns=settings.sites_columns,
            divided=True,
        ),
        watch=watch,
    )
    unused = [name for name in HORIZONTAL if name not in settings.components]
    unused += [f"{name}_sigma" for name in unused]
    return gnss.drop_vars(unused, errors="ignore")


def select_inside(
    gnss: xr.Dataset, grid: sphere.Grid, study: config.Study
) -> xr.Dataset:
    """Take the stations that stand on a cell.

    Args:
      gnss: All stations.
      grid: The cells.
      study: Says in `gnss.outside_grid` what becomes of the others.

    Returns:
      Those on a cell.

    Raises:
      ValueError: If there are others and they are not to be dropped, or no station is
        left.
    """
    inside = sphere.cell_at(grid, gnss.lon.values, gnss.lat.values) >= 0
    if inside.all():
        return gnss
    outside = gnss.station.values[~inside]
    named = ", ".join(map(str, outside[:5])) + (" ..." if len(outside) > 5 else "")
    exchanged = ~inside & _inside_exchanged(gnss, grid)
    if exchanged.sum() > inside.sum() and not study.gnss.sites_order:
        raise ValueError(
            f"{exchanged.sum()} of {len(inside)} stations ({named}) stand on the grid "
            f"of {study.region.boundary} only with latitude and longitude exchanged; "
            'say gnss.sites_order = "lat lon", or "lon lat" if they are right'
        )
    if not inside.any():
        raise ValueError(
            f"none of {len(outside)} stations ({named}) stands on the grid of "
            f"{study.region.boundary}, which spans {grid.lon_axis[0]:g} to "
            f"{grid.lon_axis[-1]:g} in lon and {grid.lat_axis[0]:g} to "
            f"{grid.lat_axis[-1]:g} in lat; is the outline in another hemisphere?"
        )
    if study.gnss.outside_grid == "error":
        raise ValueError(
            f"{len(outside)} of {len(inside)} stations are outside the grid: {named}; "
            'widen region.buffer, or set gnss.outside_grid = "drop"'
            + _hint(gnss, exchanged)
        )
    hint = _hint(gnss, exchanged)
    logger.warning(
        "left out %d stations outside the grid: %s%s", len(outside), named, hint
    )
    return gnss.isel(station=np.flatnonzero(inside))


def _inside_exchanged(gnss: xr.Dataset, grid: sphere.Grid) -> NDArray[np.bool_]:
    """Whether stations stand on a cell with latitude and longitude exchanged."""
    lon, lat = gnss.lon.values, gnss.lat.values
    possible = np.abs(lon) <= 90
    return possible & (sphere.cell_at(grid, lat, np.where(possible, lon, 0.0)) >= 0)


def _hint(gnss: xr.Dataset, exchanged: NDArray[np.bool_]) -> str:
    names = ", ".join(map(str, gnss.station.values[exchanged][:5]))
    end = "would be inside with latitude and longitude exchanged; look at their lines"
    return f"; {names} {end}" if names else ""


def standard_errors(study: config.Study, gnss: xr.Dataset) -> NDArray[np.float64]:
    """Choose the errors that weight the observations.

    Args:
      study: Says in `gnss.sigma` which.
      gnss: The stations; perhaps with `weight_sigma` (station), known already.

    Returns:
      Standard errors [mm], shape (station,) or (epoch, station); one where nothing was
      seen.
    """
    if "weight_sigma" in gnss:
        return gnss.weight_sigma.values
    sigma = gnss.up_sigma.where(gnss.up.notnull())
    if study.gnss.sigma == "daily":
        return sigma.fillna(1.0).values
    return sigma.median("time").fillna(1.0).values


def station_distances(gnss: xr.Dataset) -> NDArray[np.float64]:
    """Compute the distances between stations.

    Args:
      gnss: The stations.

    Returns:
      Distances [km], shape (station, station).
    """
    lon, lat = gnss.lon.values, gnss.lat.values
    arc = sphere.angular_distance(lon[:, None], lat[:, None], lon[None], lat[None])
    return np.asarray(arc) * DEGREE * EARTH_RADIUS / 1e3


def make_design(
    study: config.Study,
    gnss: xr.Dataset | earth.Places,
    grid: sphere.Grid,
    components: Sequence[str] = ("up",),
) -> jax.Array:
    """Compute the design matrix of the stations.

    Args:
      study: The study.
      gnss: The stations, or anything with `lon` and `lat`.
      grid: The cells.
      components: Some of "up", "north" and "east".

    Returns:
      The design matrix [mm/mm], shape (component * station, cell); rows of stations on
      local ground are those of its Love numbers.
    """
    design = _design(study, gnss, grid, components, study_love_numbers(study))
    if not study.earth.local:
        return design
    which = which_local_earth(study, gnss)
    for number, local in enumerate(study.earth.local):
        rows = np.flatnonzero(which == number)
        if not len(rows):
            continue
        love = local_love_numbers(study, local)
        some = _Places(np.asarray(gnss.lon)[rows], np.asarray(gnss.lat)[rows])
        local_rows = _design(study, some, grid, components, love)
        of_all = np.arange(len(components))[:, None] * len(which) + rows
        design = design.at[of_all.ravel()].set(local_rows)
    return design


class _Places(typing.NamedTuple):
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]


def _design(
    study: config.Study,
    gnss: xr.Dataset | earth.Places,
    grid: sphere.Grid,
    components: Sequence[str],
    love: earth.LoveNumbers,
) -> jax.Array:
    """Compute the design matrix of stations on one Earth."""
    settings, exact = study.earth, None
    kernel = _disc_kernel(study, grid, love)
    if settings.cells == "rectangle":
        exact = earth.rectangle_kernel(love, reach=NEAR * grid.spacing)
    # A Dataset has its coordinates as attributes, which no type checker sees.
    places = typing.cast(earth.Places, gnss)
    design = earth.design_matrix(kernel, places, grid, components, exact)
    if not settings.max_distance_deg:
        return design
    lon, lat = (np.asarray(axis)[:, None] for axis in (places.lon, places.lat))
    arc = sphere.angular_distance(lon, lat, grid.lon[None], grid.lat[None])
    near = jnp.tile(arc <= settings.max_distance_deg, (len(components), 1))
    return jnp.where(near, design, 0)


def _disc_kernel(
    study: config.Study, grid: sphere.Grid, love: earth.LoveNumbers
) -> earth.DiscKernel:
    radius, of_all = grid.cell_radius, study.earth.disc_radius_km
    if of_all:
        radius = float(sphere.arc_from_length(1e3 * of_all))
    return earth.disc_kernel(love, radius=radius)


def make_moving_design(
    study: config.Study, grid: sphere.Grid, reach: float
) -> Callable[[ArrayLike, ArrayLike], jax.Array]:
    """Prepare the design matrix of stations whose places are sought.

    Args:
      study: The study; its cells are discs here.
      grid: The cells.
      reach: Largest distance between a station and a cell [degrees of arc].

    Returns:
      A function of longitude and latitude [degrees], each of shape (station,), that
      gives the design matrix [mm/mm], shape (station, cell), and can be differentiated.
    """
    kernel = _disc_kernel(study, grid, study_love_numbers(study))
    response = earth.uplift_at(kernel, grid, min(reach, 180.0))
    limit = study.earth.max_distance_deg
    if not limit:
        return response

    def near(lon: ArrayLike, lat: ArrayLike) -> jax.Array:
        east, north = (jnp.asarray(x)[:, None] for x in (lon, lat))
        arc = sphere.angular_distance(east, north, grid.lon[None], grid.lat[None])
        return jnp.where(arc <= limit, response(lon, lat), 0)

    return near


def read_comparisons(study: config.Study, region: Outline) -> dict[str, xr.Dataset]:
    """Read the reference products that the result is compared with.

    Args:
      study: Its table ``[evaluation]`` names the files.
      region: The study region, around which a land-surface model is read.

    Returns:
      Grids by product: "grace" with `twsa`, the mean of all centres where there are
      several; "land_model" with `tws`; and those of `evaluation.products` that are
        grids. Without those that the study does not name.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If a file cannot be read, or centres have no month in common.
    """
    evaluation = study.evaluation
    products = {}
    if evaluation.grace:
        products["grace"] = read_gravity(study, "evaluation.grace", evaluation.grace)
    if evaluation.land_model:
        settings = _around(study, region)
        products["land_model"] = read_grid_source(
            study, "evaluation.land_model", evaluation.land_model, "tws", settings
        )
    for name, product in evaluation.references.items():
        if not product.is_table:
            setting = f"evaluation.products.{name}"
            products[name] = _read_product(study, setting, product, region)
    return products


def _read_product(
    study: config.Study,
    setting: str,
    product: config.ReferenceProduct,
    region: Outline,
) -> xr.Dataset:
    """Grids of one more centre, or of one more land-surface model."""
    if product.kind == "gravimetry":
        return read_gravity(study, setting, product.grid)
    around = _around(study, region)
    return read_grid_source(study, setting, product.grid, "tws", around)


def _around(study: config.Study, region: Outline) -> io.GridSettings:
    """What is read of a land-surface model."""
    west, south, east, north = region.bounds
    margin = MARGIN + study.region.buffer
    box = (west - margin, max(south - margin, -90.0), east + margin)
    return io.GridSettings(
        box=(*box, min(north + margin, 90.0)), start=study.gnss.start
    )


def read_gravity(study: config.Study, setting: str, grids: config.Grids) -> xr.Dataset:
    """Read the water of one centre, or the mean of several.

    Args:
      study: Its `folder` is that of relative paths.
      setting: What the study calls it, for the messages.
      grids: That of one centre, or those of all.

    Returns:
      A dataset of layout `io.WATER`.

    Raises:
      FileNotFoundError: If a file is missing.
      ValueError: If a file cannot be read, or centres have no month in common.
    """
    several = config.grid_sources(grids)
    centres = [read_grid_source(study, setting, one, io.STORAGES) for one in several]
    if len(centres) == 1:
        return io.storage_anomaly(centres[0])
    with error_context(f"{setting} {config.grid_names(grids)}"):
        return io.mean_of_centres(centres, baseline=None)
