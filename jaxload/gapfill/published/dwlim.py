"""DWLIM: displacement predicted by networks of stations, weighted by distance.

The deep learning weight loading inversion model: one network for each station that
moves with the weather, trained from components of temperature and pressure
(`ensemble.train`). Where no receiver stands, all of them predict the displacement
(`ensemble.predict`), and near ones count most.
"""

import functools
from collections.abc import Mapping

import numpy as np
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes
from jaxload.evaluate import pcc
from jaxload.gapfill.scores import Validation, score
from jaxload.sphere import inverse_distance_weights

__all__ = [
    "control_stations",
    "correlated_stations",
    "inverse_distance_mean",
    "validate",
]


def control_stations(
    displacement: ArrayLike,
    temperature: ArrayLike,
    pressure: ArrayLike,
    threshold: float = 0.5,
) -> NDArray[np.bool_]:
    """Choose the stations that move with the weather.

    Args:
      displacement: Uplift [mm], shape (epoch, station); NaN if missing.
      temperature: At the stations, in any unit, same shape.
      pressure: Likewise.
      threshold: Least absolute correlation with either [-].

    Returns:
      Whether a station is chosen, shape (station,); a series that is constant or has
      fewer than 3 values never is.

    Raises:
      ValueError: If the shapes differ, or no station is chosen.

    Example:
      >>> control = control_stations(up, temperature, pressure)
      >>> ensemble = gapfill.networks.ensemble.train(
      ...     features[:, control], up[:, control]
      ... )

    Source:
      DWLIM (2022), Remote Sensing 14, 535, section 3.1.1, doi:10.3390/rs14030535.
    """
    weather = {"temperature": temperature, "pressure": pressure}
    return correlated_stations(displacement, weather, threshold)


def correlated_stations(
    displacement: ArrayLike, weather: Mapping[str, ArrayLike], threshold: float = 0.5
) -> NDArray[np.bool_]:
    """Choose the stations that move with any variable of the weather.

    Args:
      displacement: Uplift [mm], shape (epoch, station); NaN if missing.
      weather: Variables at the stations by name, in any unit, same shape.
      threshold: Least absolute correlation with one of them [-].

    Returns:
      Whether a station is chosen, shape (station,).

    Raises:
      ValueError: If the shapes differ, there is no weather, or no station is chosen.

    Example:
      >>> weather = {"temperature": temperature, "pressure": pressure}
      >>> control = correlated_stations(up, weather)
    """
    up, axes = np.asarray(displacement), "epoch station"
    by_name = {name: np.asarray(values) for name, values in weather.items()}
    check_shapes(displacement=(up, axes))
    for name, values in by_name.items():
        check_shapes(**{name: (values, axes), "uplift": (up, axes)})
    if not by_name:
        raise ValueError(
            "there is no weather by which stations could be chosen; give variables at "
            "the stations, such as weather={'temperature': temperature}"
        )
    correlations = [np.abs(np.asarray(pcc(x, up, axis=0))) for x in by_name.values()]
    largest = functools.reduce(np.fmax, correlations)
    chosen = largest > threshold
    if not chosen.any():
        best = np.max(np.nan_to_num(largest), initial=0)
        raise ValueError(
            f"no station's displacement correlates with {' or '.join(by_name)} above "
            f"{threshold:g}, the largest absolute correlation is {best:.2f}; lower "
            "threshold below it, or check that weather and displacement are of the "
            "same days"
        )
    return chosen


def inverse_distance_mean(
    predictions: ArrayLike,
    distance: ArrayLike,
    excluded: ArrayLike | None = None,
    *,
    power: float = 1.0,
) -> NDArray:
    """Average predictions of members by inverse distance.

    A member at distance zero decides alone, unless it is excluded.

    Args:
      predictions: Displacement [mm], shape (epoch, member, place).
      distance: From each place to each member's station, in any unit, shape
        (place, member).
      excluded: Whether a member stands at the place or in its cell and must not count,
        same shape.
      power: Of the distance in the weight; the article has 1.

    Returns:
      Displacement [mm], shape (epoch, place); NaN where no member is left.

    Raises:
      ValueError: If the shapes do not match, or a distance is negative or NaN.

    Source:
      DWLIM (2022), Remote Sensing 14, 535, eq. 8, doi:10.3390/rs14030535.
    """
    predictions, distance = np.asarray(predictions), np.asarray(distance, float)
    excluded = (
        np.zeros(distance.shape, bool)
        if excluded is None
        else np.asarray(excluded, bool)
    )
    check_shapes(
        predictions=(predictions, "epoch member place"),
        distance=(distance, "place member"),
        excluded=(excluded, "place member"),
    )
    if not (distance >= 0).all():
        raise ValueError("distance has negative or NaN values, expected zero or more")
    weights = inverse_distance_weights(np.where(excluded, np.inf, distance), power)
    weights = np.asarray(weights, predictions.dtype)
    # NumPy sums in place; a product of matrices would first turn gigabytes around.
    mean = np.einsum("emp,pm->ep", predictions, weights)
    return np.where(weights.any(axis=1), mean, np.nan)


def validate(
    predictions: ArrayLike,
    distance: ArrayLike,
    excluded: ArrayLike,
    displacement: ArrayLike,
) -> Validation:
    """Predict stations as if they were not there, and compare with their heights.

    Args:
      predictions: Displacement at the stations [mm], shape (epoch, member, station).
      distance: From each station to each member's, shape (station, member).
      excluded: Whether a member is the station's own, or shares its cell, same shape.
      displacement: Observed uplift [mm], shape (epoch, station); NaN if missing.

    Returns:
      The `Validation`, each station predicted by members that are not excluded.

    Raises:
      ValueError: As `inverse_distance_mean`.

    Source:
      DWLIM (2022), Remote Sensing 14, 535, section 3.1.1, doi:10.3390/rs14030535.
    """
    return score(inverse_distance_mean(predictions, distance, excluded), displacement)
