"""Small objects and files by the names under which examples in docstrings use them."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp
import shapely
import test_io_fuzz as text
import test_io_harmonics as gravity
import xarray as xr

from jaxload import earth, gapfill, inversion, sphere
from jaxload.gapfill.joint import joint_model
from jaxload.gapfill.networks import lstm

EPOCHS, STATIONS, CELLS = 90, 5, 9
DAYS = np.datetime64("2010-01-01", "ns") + np.arange(EPOCHS) * np.timedelta64(1, "D")
LAT, LON = np.arange(-87.5, 90, 5), np.arange(2.5, 360, 5)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


def heights(epochs: int = EPOCHS) -> np.ndarray:
    up = 3 * np.sin(np.arange(epochs) / 9)[:, None] + noise(epochs, STATIONS)
    up[4:9, 1] = np.nan
    return up


@functools.cache
def grid() -> sphere.Grid:
    return sphere.regional_grid(shapely.box(0, 0, 2, 2), spacing=0.5)


class Stations(NamedTuple):
    """Where the ground moves."""

    lon: np.ndarray
    lat: np.ndarray


def stations() -> Stations:
    return Stations(*np.random.default_rng(1).uniform(0.1, 1.9, (2, STATIONS)))


@functools.cache
def design() -> jax.Array:
    kernel = earth.disc_kernel(earth.load_love_numbers(), radius=grid().cell_radius)
    return earth.design_matrix(kernel, stations(), grid())


def disc_kernel() -> earth.DiscKernel:
    return earth.disc_kernel(earth.load_love_numbers(), radius=grid().cell_radius)


def basins() -> sphere.BasinWeights:
    return sphere.basin_weights(grid(), {"all": shapely.box(0, 0, 2, 2)})


def distance() -> np.ndarray:
    """Of the stations from each other [km], as if on a plane."""
    places = np.stack([stations().lon, stations().lat], axis=-1)
    return 111 * np.linalg.norm(places[:, None] - places, axis=-1)


def prior() -> inversion.Prior:
    return inversion.smooth_prior(grid().laplacian)


def problem() -> inversion.Problem:
    return inversion.prior_problem(design(), prior())


def data() -> inversion.Observations:
    return inversion.observations(heights(), np.ones(STATIONS))


def small_problem() -> inversion.Problem:
    return inversion.prior_problem(design()[:, :4], small_prior())


def small_prior() -> inversion.Prior:
    steps = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(4, 4))
    return inversion.smooth_prior(steps)


def gnss() -> xr.Dataset:
    places = {"lon": ("station", stations().lon), "lat": ("station", stations().lat)}
    up = ("time", "station"), heights()
    return xr.Dataset({"up": up}, coords={"time": DAYS, **places})


def months(name: str, start: str = "2018-01", count: int = 36) -> xr.Dataset:
    """A global field of whole months, as it is read."""
    first = np.datetime64(start, "M") + np.arange(count + 1)
    edges = first.astype("datetime64[ns]")
    middles = edges[:-1] + np.diff(edges) / 2
    fields = {
        name: (("time", "lat", "lon"), noise(count, LAT.size, LON.size)),
        "time_bnds": (("time", "bnds"), np.stack([edges[:-1], edges[1:]], axis=1)),
    }
    lat = ("lat", LAT, {"units": "degrees_north"})
    lon = ("lon", LON - 180, {"units": "degrees_east"})
    dataset = xr.Dataset(fields, {"time": middles, "lat": lat, "lon": lon})
    dataset.time.attrs["bounds"] = "time_bnds"
    dataset.time.encoding |= {"units": "days since 2000-01-01", "dtype": "float64"}
    dataset[name].attrs["units"] = "mm"
    return dataset


#: What GLDAS adds up to the water of soil, snow and canopy.
WATER_OF_GLDAS = (
    "SoilMoi0_10cm SoilMoi10_40cm SoilMoi40_100cm SoilMoi100_200cm SWE CanopInt"
)


def write_grace(path: str) -> None:
    months("lwe_thickness", "2004-01", 84).to_netcdf(path)


def write_gldas(path: str) -> None:
    names = [f"{name}_inst" for name in WATER_OF_GLDAS.split()]
    soil = months(names[0])
    for name in names:
        soil[name] = 100 + soil[names[0]]
        soil[name].attrs["units"] = "mm"
    soil.to_netcdf(path)


def harmonics(degree: int = 8) -> earth.Harmonics:
    waves = np.tril(noise(2, degree + 1, degree + 1))
    waves[1, :, 0] = 0
    return earth.Harmonics(*jnp.asarray(waves))


def anomaly() -> earth.Stokes:
    small = jax.tree.map(lambda x: 1e-10 * x[None], harmonics())
    return earth.Stokes(small, 3.986004415e14, 6378136.3)


def gravity_months() -> xr.Dataset:
    waves = 1e-10 * np.tril(noise(1, 4, 4))
    dims = ("time", "degree", "order")
    dataset = xr.Dataset({"cosine": (dims, waves), "sine": (dims, waves)})
    dataset["time"] = np.array(["2002-04-18"], "datetime64[ns]")
    return dataset.assign_attrs(gm=3.986004415e14, radius=6378136.3)


def write_air(path: str) -> None:
    names = {"cosine": "gaa_cosine", "sine": "gaa_sine"}
    gravity_months().drop_attrs().rename(names).to_netcdf(path)


def weather() -> np.ndarray:
    return np.sin(np.arange(EPOCHS) / 9)[:, None] + 0.3 * noise(EPOCHS, STATIONS)


def features(count: int) -> np.ndarray:
    return np.repeat(weather()[:, :, None], count, axis=2)


def training_data() -> joint_model.TrainingData:
    chain = sp.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(CELLS, CELLS))
    moved = -np.random.default_rng(2).uniform(1, 2, (STATIONS, CELLS))
    held = jnp.asarray(np.eye(2, STATIONS, dtype=bool))
    line = np.arange(float(STATIONS))
    apart = jnp.asarray(abs(line[:, None] - line))
    folds = joint_model.Folds(held, apart, jnp.asarray(1.0), 1)
    given = (heights(30), np.full(STATIONS, 0.5), np.ones((30, CELLS, 1)), folds)
    chained = inversion.smooth_problem(moved, chain)
    return joint_model.make_training_data(chained, *given, moved=moved)


class Learned:
    """What training returns, of networks that have learned nothing yet."""

    @property
    def last(self) -> "Learned":
        return self

    @property
    def parameters(self) -> joint_model.Parameters:
        keys = jax.random.split(jax.random.key(0), 2)
        return joint_model.initial_parameters(
            lstm.NetworkSize(1, 2, 1),
            joint_model.InitialHyperparameters(1.0, 1.0, 0.5),
            keys,
        )


#: What a name is, in the examples of a module or package or, after "", in all.
OBJECTS: dict[str, dict[str, Callable[[], Any]]] = {
    "": {
        "love": earth.load_love_numbers,
        "grid": grid,
        "stations": stations,
        "gnss": gnss,
        "up": heights,
        "heights": heights,
        "sigma": lambda: np.ones(STATIONS),
        "years": lambda: 2010 + np.arange(EPOCHS) / 365.25,
        "time": lambda: DAYS,
        "times": lambda: DAYS,
        "lat": lambda: LAT,
        "lon": lambda: LON,
        "temperature": weather,
        "pressure": lambda: weather() + noise(EPOCHS, STATIONS),
        "gsm": gravity_months,
    },
    "earth": {
        "anomaly": anomaly,
        "degree_one_file": lambda: "TN-13.txt",
        "zonal_file": lambda: "TN-14.txt",
        "files": lambda: ["GSM-2_1.txt"],
        "land": lambda: noise(LAT.size, LON.size),
        "twsa": lambda: noise(2, LAT.size, LON.size),
        "pressure": lambda: 1e5 + noise(2, LAT.size, LON.size),
        "ocean": lambda: noise(LAT.size, LON.size) > 0,
        "kernel": lambda: earth.rectangle_kernel(earth.load_love_numbers(), 1.0),
        "station_lon": lambda: np.array([0.1]),
        "station_lat": lambda: np.array([0.2]),
        "cell_lon": lambda: np.array([0.3]),
        "cell_lat": lambda: np.array([0.4]),
    },
    "earth.loading.mass_field": {"twsa": lambda: months("twsa").twsa},
    "evaluate": {
        "storage": lambda: noise(36),
        "month": lambda: np.arange(36) % 12 + 1,
        "groundwater": lambda: noise(36),
        "gravity": lambda: noise(36),
    },
    "evaluate.gap_bridging": {
        "grace": lambda: noise(60, 2),
        "gnss": lambda: noise(60, 2)[::-1],
        "years": lambda: 2003 + np.arange(60) / 12,
    },
    "evaluate.wavelets": {
        "water": lambda: noise(2, 60)[0],
        "rain": lambda: noise(2, 60)[1],
    },
    "gapfill": {
        "lat": lambda: stations().lat,
        "lon": lambda: stations().lon,
        "weather": lambda: features(2),
        "still": lambda: gapfill.place_features(stations().lon, stations().lat),
        "features": lambda: features(20),
        "displacement": heights,
        "control": lambda: np.array([True, True, False, False, False]),
        "cell_weather": lambda: features(2),
        "training_data": training_data,
        "learned": Learned,
    },
    "gapfill.stations.fitting": {
        "heights": lambda: gapfill.StationHeights(
            np.nan_to_num(heights()), gapfill.Positions(stations().lon, stations().lat)
        ),
        "features_of_cells": lambda: features(20),
    },
    "inversion": {
        "problem": problem,
        "prior": prior,
        "design": design,
        "displacement": heights,
        "uplift_design": design,
        "beta": lambda: 0.02,
        "distance": distance,
        "data": data,
        "water": lambda: inversion.solve(problem(), data(), 0.02),
        "functionals": lambda: inversion.every_cell(problem(), prior()),
        "weights": lambda: np.ones((2, design().shape[1])),
        "variable": lambda: np.empty((EPOCHS, design().shape[1])),
    },
    "inversion.station_regression": {"temperature": lambda: noise(EPOCHS, STATIONS)},
    "inversion.stacking": {
        "footprints": lambda: np.eye(3, design().shape[1]),
        "averages": lambda: noise(EPOCHS, 3),
    },
    "inversion.network": {
        "basins": basins,
        "network": lambda: inversion.monitoring_network(
            inversion.factorise(problem(), data(), 0.02), prior(), basins().weights
        ),
        "places": lambda: inversion.candidates(design(), 4.0),
        "new_design": design,
        "lon": lambda: stations().lon[:2],
        "lat": lambda: stations().lat[:2],
        "kernel": disc_kernel,
    },
    "earth.loading.moving_places": {
        "kernel": disc_kernel,
        "lon": lambda: stations().lon,
        "lat": lambda: stations().lat,
    },
    "inversion.uncertainty.functionals": {
        "problem": small_problem,
        "prior": small_prior,
        "water": lambda: inversion.solve(
            small_problem(),
            inversion.observations(heights(1096), np.ones(STATIONS)),
            0.02,
        ),
    },
    "inversion.estimation.conditioning": {
        "filled": lambda: noise(EPOCHS, 3),
        "error": lambda: np.ones(3),
        "sigma": lambda: np.ones(2),
        "heights": lambda: noise(EPOCHS, 2),
    },
    "io": {
        "depth": lambda: np.array([12.3, -999.0, 12.5]),
        "jpl": lambda: "jpl.nc",
        "csr": lambda: "csr.nc",
        "grace": lambda: months("twsa"),
        "soil": lambda: months("soil_water", "2018-03"),
    },
    "series": {"weekly": lambda: noise(104, STATIONS)},
    "sphere": {
        "water": harmonics,
        "potential": harmonics,
        "field": lambda: noise(180, 360),
    },
}

#: Files that examples read: text, or who writes them.
Content = str | Callable[[str], Any]
FILES: dict[str, dict[str, Content]] = {
    "earth.grace.low_degrees.stokes_of": {"GSM-2_1.txt": gravity.level2()},
    "earth.grace.low_degrees.low_degrees_of": {
        "TN-13.txt": gravity.TN13,
        "TN-14.txt": gravity.TN14,
    },
    "earth.love.from_table.love_numbers_from_table": {
        "my_earth.txt": text.OTHERS["love numbers"][1]
    },
    "io.displacement.read.read_loading": {
        "stations/NTAL21.ABCD.txt": text.OTHERS["ntal"][1]
    },
    "io.earth.profiles.read_earth_profile": {"prem.txt": text.EARTH},
    "io.earth.love_tables.read_love_numbers": {
        "love.txt": text.OTHERS["love numbers"][1]
    },
    "io.events.offsets.read_offsets": {
        "steps.txt": text.OTHERS["steps"][1],
        "ANAT.pos_break.neu": text.OTHERS["breaks"][1],
    },
    "io.gnss.network.read_gnss": {
        "sites.txt": "ABCD 10 50 100\nEFGH 11 51 100\n",
        "stations/ABCD.up": text.GNSS["up"],
        "abcd.txt": text.GNSS["neu"],
        "old/EFGH.mom": text.GNSS["mom"],
    },
    "io.gravity.icgem.read_icgem": {
        "GGM05C.gfc": text.OTHERS["icgem"][1].replace("_2010-04", ""),
        "itsg/2010-04.gfc": text.OTHERS["icgem"][1],
        "itsg/2010-05.gfc": text.OTHERS["icgem"][1].replace("2010-04", "2010-05"),
    },
    "io.gravity.level2.read_level2": {"gsm/GSM-2_1": gravity.level2()},
    "io.gravity.stokes_netcdf.read_stokes": {"gaa.nc": write_air},
    "io.gravity.technical_notes.match_months": {
        "TN-14_C30_C20_GSFC_SLR.txt": gravity.TN14
    },
    "io.grids.centre_mean.mean_of_centres": {
        "jpl.nc": write_grace,
        "csr.nc": write_grace,
    },
    "io.grids.periods.period_means": {"GLDAS_2018.nc4": write_gldas},
    "io.grids.read.read_grid": {
        "CSR_GRACE_GRACE-FO_RL06_Mascons_all-corrections.nc": write_grace,
        "GLDAS_NOAH025_3H.2018.nc4": write_gldas,
    },
    "io.outlines.read.read_region": {"region.txt": text.OUTLINES["rings"]},
    "io.wells.read.read_wells": {"wells.csv": text.OTHERS["wells"][1]},
}
