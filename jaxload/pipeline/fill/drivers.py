"""Features that change in time: the weather of places, transformed as a study sets."""

import dataclasses
import logging
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jaxload import config, gapfill, io, series
from jaxload.gapfill.drivers import (
    leading_components,
    scaled_over_places,
    transformed_driver,
)
from jaxload.pipeline.inputs.weather import WeatherSeries

__all__ = [
    "DriverFeatures",
    "driver_features",
    "features_record",
    "warn_of_idle_decomposition",
]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

#: Variables that nowhere are constant, and that ``[features]`` decomposes.
NEVER_CONSTANT = ("temperature", "pressure")


@dataclasses.dataclass(frozen=True, eq=False)
class DriverFeatures:
    """Features that change in time.

    Attributes:
      values: Shape (epoch, place, feature) [-].
      names: What each is, shape (feature,).
    """

    values: Floats
    names: tuple[str, ...]


def driver_features(
    study: config.Study,
    weather: WeatherSeries,
    time: NDArray[np.datetime64],
    folder: pathlib.Path | None,
    watch: Callable[[float], None],
) -> DriverFeatures:
    """Transform the weather of places as a study sets.

    By variable, in the order of `config.Weather.variables`: the transformed series or
    their components, antecedent sums from short to long, and whether there are data.

    Args:
      study: Its tables ``[weather]`` and ``[features]`` have the settings.
      weather: The weather.
      time: Epochs, shape (epoch,).
      folder: Where the results go, and the components unless the study names another
        folder.
      watch: Called with the share that is done.

    Returns:
      The `DriverFeatures`.

    Raises:
      ValueError: If a series is constant or too short, or a transformation cannot be.
    """
    assert study.weather is not None
    shape = (len(time), _places(weather))
    parts: list[tuple[list[str], Floats]] = []
    whole: list[tuple[int, str, Floats]] = []
    for name, variable in study.weather.variables.items():
        steps = _steps(study, name, variable)
        values = _before_parts(name, weather.variables[name], time, steps)
        label = _label(name, steps)
        if steps[-1] == "decompose":
            whole.append((len(parts), label, values))
            parts.append(([], values[..., None]))
        elif steps[-1] == "principal-components":
            leading = leading_components(f"weather.{name}", values, variable.components)
            names = [f"{label} {k + 1}" for k in range(variable.components)]
            parts.append((names, leading[:, None, :]))
        else:
            parts.append(([label], values[..., None]))
        parts += _further(name, weather, time, steps)
    for (place, label, _), components in zip(
        whole, _decomposed(study, [values for _, _, values in whole], folder, watch)
    ):
        count = components.shape[2]
        parts[place] = ([f"{label} {k + 1}" for k in range(count)], components)
    return DriverFeatures(
        np.concatenate([np.broadcast_to(x, (*shape, x.shape[2])) for _, x in parts], 2),
        tuple(name for names, _ in parts for name in names),
    )


def _places(weather: WeatherSeries) -> int:
    return next(iter(weather.variables.values())).shape[1]


def _steps(
    study: config.Study, name: str, variable: config.WeatherVariable
) -> tuple[str, ...]:
    """The steps of a variable; the usual ones where the study sets none."""
    if variable.steps:
        return variable.steps
    if name in NEVER_CONSTANT and study.features.method != "none":
        return ("normalise", "decompose")
    return ("normalise",)


def _label(name: str, steps: tuple[str, ...]) -> str:
    """What a series is called after some steps."""
    for step in steps:
        if step in ("log1p", "anomaly"):
            name = f"{step}({name})"
    several = {"decompose": "component", "principal-components": "principal component"}
    return f"{name} {several[steps[-1]]}" if steps[-1] in several else name


def _before_parts(
    name: str, values: Floats, time: NDArray[np.datetime64], steps: tuple[str, ...]
) -> Floats:
    """Apply all steps that leave one series of each."""
    single = [step for step in steps if step in ("log1p", "anomaly", "normalise")]
    if name in NEVER_CONSTANT and single == ["normalise"]:
        return gapfill.normalised(values, name)[0]
    values = transformed_driver(f"weather.{name}", values, time, single)
    if "normalise" in single:
        return values
    return scaled_over_places(f"weather.{name}", values)


def _further(
    name: str,
    weather: WeatherSeries,
    time: NDArray[np.datetime64],
    steps: tuple[str, ...],
) -> list[tuple[list[str], Floats]]:
    """Antecedent sums of a variable, and whether there are data of it."""
    parts = []
    single = tuple(step for step in steps if step in ("log1p", "anomaly", "normalise"))
    for days, sums in sorted(weather.antecedent.get(name, {}).items()):
        label = f"{name} of {days} days"
        values = _before_parts(label, sums, time, single)
        parts.append(([_label(label, single or ("",))], values[..., None]))
    if name in weather.observed:
        parts.append(([f"{name} is observed"], 1.0 * weather.observed[name][..., None]))
    return parts


def _decomposed(
    study: config.Study,
    whole: list[Floats],
    folder: pathlib.Path | None,
    watch: Callable[[float], None],
) -> list[Floats]:
    """Components of series of each variable, shape (epoch, place, component)."""
    if not whole:
        return []
    settings = study.features
    decomposition = series.Decomposition(
        method=settings.method,  # pyright: ignore[reportArgumentType]
        components=settings.components,
        trials=settings.ensemble_size,
        noise=settings.noise_ratio,
        seed=settings.seed,
    )
    kept = folder and folder / "features"
    if settings.cache:
        kept = study.path(settings.cache)
    components = series.decompose(
        np.concatenate(whole, axis=1),
        decomposition,
        workers=settings.workers,
        cache=io.ArrayCache(kept) if kept else None,
        watch=lambda done, total: watch(done / total),
    )
    return np.split(components, len(whole), axis=1)


def features_record(names: tuple[str, ...], weather: WeatherSeries) -> dict[str, Any]:
    """Describe features and the weather they are made of, for the summary.

    Args:
      names: The features, in their order.
      weather: The weather.

    Returns:
      ``features`` and ``weather``, in plain numbers, and ``static`` of fields that do
      not change in time.
    """
    record: dict[str, Any] = {"features": list(names), "weather": weather.record}
    return record | ({"static": weather.static_record} if weather.static_record else {})


def warn_of_idle_decomposition(study: config.Study) -> None:
    """Warn where a study sets a decomposition, and nothing is decomposed.

    Args:
      study: Its tables ``[weather]``, ``[features]`` and ``[gapfill]`` say so.
    """
    method = study.features.method
    if method == "none":
        return
    if study.gapfill is None or study.weather is None:
        logger.warning(
            'features.method is "%s", but without the tables [weather] and [gapfill] '
            "nothing is decomposed; leave it out",
            method,
        )
        return
    variables = study.weather.variables.items()
    if not any("decompose" in _steps(study, *each) for each in variables):
        logger.warning(
            'features.method is "%s", but no variable of the weather is decomposed; '
            'leave it out, or end the transformation of one with "decompose"',
            method,
        )
