"""China: weather that drives water, and water that moves receivers, few in places."""

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import shapely
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import sparse

from jaxload import sphere
from jaxload._calendar import DAY, days_from
from jaxload.synthetic.coasts import land_share
from jaxload.synthetic.heights import Heights, ReceiverQuality, draw_events, measure
from jaxload.synthetic.independent_truth import (
    displace_independently,
    draw_far_field,
    one_reservoir_model,
    rough_water,
    third_cells,
    uncertain_sea_level,
    uncertain_weather,
)
from jaxload.synthetic.networks import (
    Network,
    cell_network,
    region_outline,
    station_network,
    without_station,
)
from jaxload.synthetic.noise import HeightNoise
from jaxload.synthetic.reservoirs import (
    Reservoirs,
    draw_ground,
    fill_reservoirs,
    unexplained,
)
from jaxload.synthetic.satellites import Gravity, land_surface_model, measure_gravity
from jaxload.synthetic.surface import (
    Surface,
    TrueDisplacement,
    displace,
    sea_level,
    shares,
)
from jaxload.synthetic.weather import (
    PlaceWeather,
    draw_weather_noise,
    mixed,
    weather_of,
)
from jaxload.synthetic.weather_settings import WeatherSettings

__all__ = ["WeatherWorld", "weather_world"]

Floats = NDArray[np.float64]

#: What is drawn, each from a stream of its own; new ones go last, so that the others
#: stay as they are.
STREAMS = (
    *("warmth", "weight", "showers", "staying"),
    *("other_warmth", "other_weight", "other_showers", "other_staying"),
    *("ground", "droughts", "sea", "thermal", "common", "noise", "steps", "outliers"),
    *("sizes", "gaps", "CSR", "JPL", "model", "north", "east"),
    *("rough", "far", "rain error", "warmth error", "weight error", "sea error"),
)

#: Which of them each component of displacement has of its own.
OWN = ("thermal", "common", "noise", "sizes", "outliers")

#: Centres that solve for gravity.
CENTRES = ("CSR", "JPL")

#: Days before the record in which the reservoirs come to their balance.
BEFORE = 400

#: By how much the raster of the weather reaches beyond the belt [degrees of arc]: no
#: cell lies outside the centres of the raster.
MARGIN = 1.5

#: Waves per degree of lon and of lat, and phase, of what varies within the weather's
#: raster; and by how much [-].
_WAVES = ((0.37, 0.11, 0.0), (-0.16, 0.33, 1.0), (0.25, -0.29, 2.0))
_UNEVEN = 0.3

#: What of the noise of heights is in horizontal components [-].
HORIZONTAL = 0.35


@dataclasses.dataclass(frozen=True, eq=False)
class WeatherWorld:
    """A world and what was measured in it.

    Water is known on places, which are the raster of 1 degree that the weather has, and
    from there on cells: there it is ``storage @ to_cells``, never held as a whole.

    Attributes:
      region: Outline of the region [degrees].
      time: Days, shape (epoch,).
      stations: Where receivers stand.
      centres: Cells of 1 degree whose centres lie in the region.
      empty: Those in which no station stands, shape (centre,).
      places: The raster of weather and storage; a whole one, so (place,) is (lat, lon).
      land: Share of land [-], shape (place,).
      weather: Weather at places as it is known.
      storage: True storage anomaly at places [mm], shape (epoch, place); without what
        varies within the raster.
      groundwater: The part of it that is groundwater [mm], likewise.
      cells: Cells of true water: the region and its belt.
      to_cells: From places to cells, shape (place, cell).
      loads: True displacement of stations by component, "up" always among them.
      centre_loads: True uplift of the middles of `centres`.
      modelled_loads: Displacement of stations by air and sea as it is known, by
        component, with that by water on the Earth of studies; the true one unless the
        truth is independent.
      modelled_centre_loads: The same of the middles of `centres`, uplift.
      heights: Displacement of stations as measured, by component.
      gravity: Storage as of satellites, on places.
      model: Storage anomaly of a land-surface model [mm], shape (epoch, place); NaN at
        sea.
    """

    region: shapely.Polygon
    time: NDArray[np.datetime64]
    stations: Network
    centres: Network
    empty: NDArray[np.bool_]
    places: sphere.Grid
    land: Floats
    weather: PlaceWeather
    storage: Floats
    groundwater: Floats
    cells: sphere.Grid
    to_cells: sparse.csr_array
    loads: dict[str, TrueDisplacement]
    centre_loads: TrueDisplacement
    modelled_loads: dict[str, TrueDisplacement]
    modelled_centre_loads: TrueDisplacement
    heights: dict[str, Heights]
    gravity: Gravity
    model: Floats

    @property
    def displacement(self) -> Floats:
        """Measured uplift of stations [mm], shape (epoch, station); NaN if missing."""
        return self.heights["up"].displacement

    @property
    def sigma(self) -> Floats:
        """Its formal standard error [mm], shape (epoch, station); NaN if missing."""
        return self.heights["up"].sigma

    def water(self, epochs: slice | NDArray[np.int64]) -> Floats:
        """True water at cells.

        Args:
          epochs: Which, few at a time where the region is large.

        Returns:
          Storage anomaly [mm], shape (epoch, cell).
        """
        return self.storage[epochs] @ self.to_cells

    def read_off(self, values: Floats, points: Network) -> Floats:
        """Interpolate weather, or anything at places, linearly.

        Args:
          values: At places, shape (epoch, place).
          points: Where to, such as `stations` or `centres`.

        Returns:
          Values, shape (epoch, point).
        """
        return values @ shares(self.places, points.lon, points.lat)


def weather_world(settings: WeatherSettings | None = None) -> WeatherWorld:
    """Make a world from a seed.

    Rain falls where and when pressure is low, and after its season; what falls stays in
    snow, soil, rivers and groundwater for weeks or months, evaporates with warmth, and
    beside it groundwater has trends and droughts that no weather tells of. Water on
    cells moves stations by discs on PREM; so do air and sea, by the raster of the
    weather; an independent truth differs in all of that, see `independent_truth`.
    Heights have thermal expansion, a common mode, white and flicker noise, steps, gross
    errors and gaps as well.

    Args:
      settings: What kind of world.

    Returns:
      The `WeatherWorld`; the same settings give the same one.

    Raises:
      ValueError: If the settings make no world, or float64 is off.

    Example:
      >>> world = weather_world(WeatherSettings(seed=2, stop="2013-12-31"))
      >>> world.water(slice(0, 30)).shape
    """
    settings = WeatherSettings() if settings is None else settings
    streams = _streams(settings.seed)
    region, time = region_outline(settings.region), settings.time
    places = _raster(region, settings.buffer)
    land = land_share(places.lat_axis, places.lon_axis).ravel()
    weather, reservoirs = _weather_and_water(settings, places, land, streams)
    known = _as_known(settings, weather, places, streams)
    cells = sphere.regional_grid(region, settings.spacing, settings.buffer)
    storage = reservoirs.soil + reservoirs.groundwater
    level = sea_level(time, streams["sea"])
    surface = Surface(
        time=time,
        places=places,
        cells=cells,
        storage=storage,
        to_cells=_to_cells(places, cells),
        pressure=_anomaly(weather.pressure[BEFORE:]),
        land=land,
        sea_level=level,
    )
    stations, centres = (f(settings.region) for f in (station_network, cell_network))
    moved = _Displaced(*_loads(settings, surface, stations, centres))
    modelled = moved
    if settings.truth == "independent":
        sea = uncertain_sea_level(level, streams["sea error"])
        pressure = _anomaly(known.pressure[BEFORE:])
        usual = dataclasses.replace(surface, pressure=pressure, sea_level=sea)
        modelled = _Displaced(*_loads(settings, usual, stations, centres))
        surface, moved = _independent(surface, stations, centres, streams)
    at_stations = weather.temperature[BEFORE:] @ shares(
        places, stations.lon, stations.lat
    )
    uneven = _unevenness_of_places(places)
    return WeatherWorld(
        region=region,
        time=time,
        stations=stations,
        centres=centres,
        empty=without_station(centres, stations),
        places=places,
        land=land,
        weather=_of_record(known),
        storage=storage,
        groundwater=reservoirs.groundwater,
        cells=cells,
        to_cells=surface.to_cells,
        loads=moved.stations,
        centre_loads=moved.centres,
        modelled_loads=modelled.stations,
        modelled_centre_loads=modelled.centres,
        heights=_heights(settings, moved.stations, at_stations, streams),
        gravity=measure_gravity(
            storage * uneven, time, places, {name: streams[name] for name in CENTRES}
        ),
        model=one_reservoir_model(known, land, BEFORE)
        if settings.truth == "independent"
        else land_surface_model(
            reservoirs.soil * uneven, places, land, streams["model"]
        ),
    )


class _Displaced(NamedTuple):
    """Displacement of stations by component, and uplift of centres."""

    stations: dict[str, TrueDisplacement]
    centres: TrueDisplacement


def _as_known(
    settings: WeatherSettings,
    weather: PlaceWeather,
    places: sphere.Grid,
    streams: Mapping[str, Generator],
) -> PlaceWeather:
    """Weather as fillers know it."""
    if settings.truth != "independent":
        return weather
    return uncertain_weather(weather, places, streams)


def _independent(
    surface: Surface,
    stations: Network,
    centres: Network,
    streams: Mapping[str, Generator],
) -> tuple[Surface, _Displaced]:
    """A truth that is not made of what inverts it, and what it does to the ground."""
    fine = third_cells(surface.cells)
    even = _to_cells(surface.places, fine)
    water = rough_water(surface.cells, even, streams["rough"])
    far = draw_far_field(surface.cells, surface.time, streams["far"])
    count, points = len(stations.lon), _both(stations, centres)
    up = displace_independently(surface, water, far, points)
    surface = dataclasses.replace(surface, to_cells=water.to_cells)
    by_station = {"up": up.at(slice(count))}
    return surface, _Displaced(by_station, up.at(slice(count, None)))


def _streams(seed: int) -> dict[str, Generator]:
    children = np.random.SeedSequence(seed).spawn(len(STREAMS))
    return {
        name: np.random.default_rng(child)
        for name, child in zip(STREAMS, children, strict=True)
    }


def _raster(region: shapely.Polygon, buffer: float) -> sphere.Grid:
    around = sphere.regional_grid(region, 1.0, buffer + MARGIN, offset=0.5)
    return sphere.raster_grid(around.lon_axis, around.lat_axis)


def _weather_and_water(
    settings: WeatherSettings,
    places: sphere.Grid,
    land: Floats,
    streams: Mapping[str, Generator],
) -> tuple[PlaceWeather, Reservoirs]:
    """Weather, some of it before the record, and anomalies of what it fills."""
    time = settings.time
    days = days_from(time[0] - BEFORE * DAY, time[-1])
    noise = draw_weather_noise(places, len(days), streams)
    weather = driver = weather_of(noise, places, days)
    if settings.weather_link < 1:
        others = {name: streams[f"other_{name}"] for name in STREAMS[:4]}
        other = draw_weather_noise(places, len(days), others)
        driver = weather_of(mixed(noise, other, settings.weather_link), places, days)
    ground = draw_ground(places, land, streams["ground"])
    filled = fill_reservoirs(driver, ground, BEFORE)
    below = filled.groundwater + unexplained(places, time, ground, streams)
    return weather, Reservoirs(_anomaly(filled.soil), _anomaly(below))


def _of_record(weather: PlaceWeather) -> PlaceWeather:
    """Without the days before the record."""
    names = [field.name for field in dataclasses.fields(PlaceWeather)]
    return PlaceWeather(*(getattr(weather, name)[BEFORE:].copy() for name in names))


def _anomaly(values: Floats) -> Floats:
    return values - values.mean(axis=0)


def _unevenness(lon: Floats, lat: Floats) -> Floats:
    """By how much more water there is than the raster of the weather shows."""
    waves = [np.sin(2 * np.pi * (x * lon + y * lat) + phase) for x, y, phase in _WAVES]
    return 1 + _UNEVEN * np.mean(waves, axis=0)


def _unevenness_of_places(places: sphere.Grid) -> Floats:
    """The same on average over the cells of the raster, shape (place,)."""
    part = (np.arange(4) - 1.5) / 4
    return np.mean(
        [_unevenness(places.lon + x, places.lat + y) for x in part for y in part],
        axis=0,
    )


def _to_cells(places: sphere.Grid, cells: sphere.Grid) -> sparse.csr_array:
    even = shares(places, cells.lon, cells.lat)
    return sparse.csr_array(even * _unevenness(cells.lon, cells.lat)[None, :])


def _loads(
    settings: WeatherSettings, surface: Surface, stations: Network, centres: Network
) -> tuple[dict[str, TrueDisplacement], TrueDisplacement]:
    """Of stations by component, and upward of centres."""
    components = ("up", "north", "east") if settings.horizontals else ("up",)
    # All at once: tables of the kernels take longer than what is read from them.
    points = _both(stations, centres)
    moved = displace(surface, points, components)
    count = len(stations.lon)
    of_stations = {name: one.at(slice(count)) for name, one in moved.items()}
    return of_stations, moved["up"].at(slice(count, None))


@dataclasses.dataclass(frozen=True, eq=False)
class _Points:
    lon: Floats
    lat: Floats


def _both(stations: Network, centres: Network) -> _Points:
    """Stations, then centres."""
    return _Points(
        np.concatenate([stations.lon, centres.lon]),
        np.concatenate([stations.lat, centres.lat]),
    )


def _heights(
    settings: WeatherSettings,
    loads: Mapping[str, TrueDisplacement],
    temperature: Floats,
    streams: Mapping[str, Generator],
) -> dict[str, Heights]:
    """Measured displacement by component."""
    shape = temperature.shape
    events = draw_events(shape, _quality(settings, 1.0), streams)
    heights = {}
    for component, load in loads.items():
        up = component == "up"
        ours = {name: streams[name if up else component] for name in OWN}
        quality = _quality(settings, 1.0 if up else HORIZONTAL)
        heights[component] = measure(
            load, temperature, settings.time, quality, events, ours
        )
    return heights


def _quality(settings: WeatherSettings, share: float) -> ReceiverQuality:
    """That of height, but for a share of the noise."""
    levels = dataclasses.astuple(settings.noise)
    return ReceiverQuality(
        HeightNoise(*(share * level for level in levels)),
        share * settings.thermal,
        settings.missing,
        settings.outliers,
        settings.steps,
    )
