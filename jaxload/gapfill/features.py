"""Features of a place for gap filling: its weather, and the time of the year."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxload._check import check_shapes
from jaxload.series.decomposition.emd import Cache, Decomposition, decompose
from jaxload.series.fitting.seasons import seasonal_basis

__all__ = [
    "calendar_features",
    "joined_features",
    "normalised",
    "place_features",
    "weather_features",
]

Floats = NDArray[np.float64]

#: Standard deviation, relative to the largest value, of a series that is constant.
CONSTANT = 1e-12


def normalised(
    values: ArrayLike, name: str = "values"
) -> tuple[Floats, Floats, Floats]:
    """Give every series zero mean and unit standard deviation over time.

    Args:
      values: Complete series, shape (epoch, place).
      name: What they are called, for messages.

    Returns:
      The normalised series [-], shape (epoch, place), and mean and standard deviation
      of each in the unit of the series, shape (place,) both.

    Raises:
      ValueError: If a series has a NaN or is constant.

    Example:
      >>> scaled, mean, sd = gapfill.normalised(temperature)
    """
    return _normalised(name, np.asarray(values, np.float64))


def _normalised(name: str, values: Floats) -> tuple[Floats, Floats, Floats]:
    check_shapes(**{name: (values, "epoch place")})
    bad = np.flatnonzero(~np.isfinite(values).all(axis=0))
    if len(bad):
        raise ValueError(
            f"{name} has missing or infinite epochs at {len(bad)} of {values.shape[1]} "
            f"places, first at place {bad[0]}; fill them or leave these places out"
        )
    mean, sd = values.mean(axis=0), values.std(axis=0)
    still = np.flatnonzero(sd <= CONSTANT * abs(values).max(axis=0))
    if len(still):
        raise ValueError(
            f"{name} is constant at {len(still)} of {values.shape[1]} places, first at "
            f"place {still[0]}, and cannot be normalised; leave these places out"
        )
    return (values - mean) / sd, mean, sd


def weather_features(
    temperature: ArrayLike,
    pressure: ArrayLike,
    settings: Decomposition | None = None,
    *,
    workers: int = 1,
    cache: Cache | None = None,
    watch: Callable[[int, int], None] | None = None,
) -> Floats:
    """Temperature and pressure of each place as features of its displacement.

    Args:
      temperature: Of the air at the surface, in any unit, shape (epoch, place).
      pressure: At the surface, in any unit, same shape.
      settings: How the normalised series are taken apart. None leaves them whole.
      workers: Processes that share the series; see `series.decompose`.
      cache: Where the components of each series are kept.
      watch: Called with the number of series that are done and of all.

    Returns:
      The components of normalised temperature, then those of normalised pressure, from
      fast to slow [-], shape (epoch, place, 2 components). Without settings the two
      normalised series themselves, shape (epoch, place, 2). Where the article of DWLIM
      shows ten components, the first is the normalised series; here it is the noise,
      and the series their sum.

    Raises:
      ValueError: If the shapes differ, or a series has a NaN or is constant.

    Example:
      >>> settings = series.Decomposition("meemd", components=10)
      >>> features = gapfill.weather_features(temperature, pressure, settings)

    Source:
      Whole series: MLLIM (2021), Remote Sensing 13, 3358, doi:10.3390/rs13173358.
      Components: DWLIM (2022), Remote Sensing 14, 535, doi:10.3390/rs14030535.
    """
    temperature = np.asarray(temperature, np.float64)
    pressure = np.asarray(pressure, np.float64)
    check_shapes(
        temperature=(temperature, "epoch place"), pressure=(pressure, "epoch place")
    )
    scaled = [
        _normalised("temperature", temperature)[0],
        _normalised("pressure", pressure)[0],
    ]
    if settings is None:
        return np.stack(scaled, axis=2)
    both = np.concatenate(scaled, axis=1)
    parts = decompose(both, settings, workers=workers, cache=cache, watch=watch)
    return np.concatenate(np.split(parts, 2, axis=1), axis=2)


def calendar_features(time: NDArray[np.datetime64]) -> Floats:
    """Time of the year, without a jump at its turn.

    Args:
      time: Epochs, shape (epoch,).

    Returns:
      Cosine and sine of one turn a year, then of two, counted from the first of January
      2000 [-], shape (epoch, 4).

    Raises:
      ValueError: If `time` holds no dates.

    Example:
      >>> season = gapfill.calendar_features(time)
    """
    time = np.asarray(time)
    check_shapes(time=(time, "epoch"))
    if time.dtype.kind != "M" or np.isnat(time).any():
        raise ValueError(
            f"time has {time.dtype} or dates that are missing, expected datetime64"
        )
    return seasonal_basis(time)[:, 2:]


def place_features(
    lon: ArrayLike,
    lat: ArrayLike,
    weather: Sequence[ArrayLike] = (),
    static: Sequence[ArrayLike] = (),
) -> Floats:
    """Make the features of a place that are constant in time: position and climate.

    Mean and standard deviation of the weather depend on height and climate.

    Args:
      lon: Longitude [degrees], shape (place,).
      lat: Latitude [degrees], shape (place,).
      weather: Complete series, each in its own unit, shape (epoch, place).
      static: Fields that do not change in time, such as elevation, each in its own
        unit, shape (place,).

    Returns:
      Position, then the two moments of each series, then the fields, all of zero mean
      and unit standard deviation over the places [-], shape (place, 2 + 2 series +
      fields). What is the same at all places is zero.

    Raises:
      ValueError: If shapes disagree.

    Example:
      >>> still = gapfill.place_features(lon, lat, [temperature, pressure])
    """
    columns = {"lon": np.asarray(lon, np.float64), "lat": np.asarray(lat, np.float64)}
    for number, values in enumerate(weather):
        values = np.asarray(values, np.float64)
        check_shapes(**{f"weather[{number}]": (values, "epoch place")})
        columns[f"mean of weather[{number}]"] = values.mean(axis=0)
        columns[f"spread of weather[{number}]"] = values.std(axis=0)
    for number, values in enumerate(static):
        columns[f"static[{number}]"] = np.asarray(values, np.float64)
    check_shapes(**{name: (column, "place") for name, column in columns.items()})
    table = np.stack(list(columns.values()), axis=1)
    spread = table.std(axis=0)
    return (table - table.mean(axis=0)) / np.where(spread > 0, spread, 1)


def joined_features(
    changing: Sequence[ArrayLike], still: ArrayLike, time: NDArray[np.datetime64]
) -> NDArray[np.float32]:
    """Join the features that one network for all places reads.

    Args:
      changing: Parts that differ between epochs, such as `weather_features`, each of
        shape (epoch, place, any), or (epoch, 1, any) where all places share them.
      still: Features that are constant in time, from `place_features`, shape
        (place, number).
      time: Epochs, shape (epoch,); their `calendar_features` stand between the two.

    Returns:
      Features [-], shape (epoch, place, feature).

    Raises:
      ValueError: If shapes disagree.

    Example:
      >>> features = gapfill.joined_features([weather], still, time)
    """
    calendar, still = calendar_features(time), np.asarray(still)
    check_shapes(still=(still, "place number"))
    shape = (len(calendar), len(still))
    parts = [np.asarray(part) for part in changing]
    for number, part in enumerate(parts):
        if (
            part.ndim != 3
            or len(part) != shape[0]
            or part.shape[1] not in (1, shape[1])
        ):
            raise ValueError(
                f"changing[{number}] has shape {part.shape}, expected {shape[0]} "
                f"epochs at {shape[1]} places (or at 1 for all) and an axis of features"
            )
    parts += [calendar[:, None, :], still[None]]
    each = (np.broadcast_to(part, (*shape, part.shape[2])) for part in parts)
    return np.concatenate([part.astype(np.float32) for part in each], axis=2)
