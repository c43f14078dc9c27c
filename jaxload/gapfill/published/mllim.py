"""MLLIM: displacement predicted by random forests of all stations.

The machine learning loading inversion model: one forest for each station, grown from
its temperature and pressure. Where no receiver stands, every forest predicts the
displacement from the weather there, and the mean of all is taken.
"""

import concurrent.futures
import dataclasses
import importlib.util
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes
from jaxload._cores import available_cores
from jaxload.gapfill.scores import Validation, check_complete, score

__all__ = [
    "FittedForests",
    "ForestSettings",
    "fit_forests",
    "leave_one_station_out",
    "predict",
]

#: Strips of the first feature within which samples are put in order.
STRIPS = 128

#: Seeds that scikit-learn draws are below it.
LAST_SEED = np.iinfo(np.int32).max

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class ForestSettings:
    """How to grow random forests.

    Attributes:
      trees: Of each forest.
      min_leaf: Fewest epochs in a leaf; 5 is usual for regression, 1 follows the noise.
      seed: From which everything random is drawn; the result does not depend on
        `workers`.
      workers: Stations that are worked on side by side; None takes one for
        each processor.
    """

    trees: int = 100
    min_leaf: int = 5
    seed: int = 0
    workers: int | None = None

    def __post_init__(self) -> None:
        for name in ("trees", "min_leaf"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers is {self.workers}, expected 1 or more, or None")


@dataclasses.dataclass(frozen=True, eq=False)
class FittedForests:
    """Grown forests.

    Attributes:
      trees: Of each station, scikit-learn's regression trees.
      features: How many they read.
      workers: Stations that are worked on side by side.
    """

    trees: tuple[list[Any], ...]
    features: int
    workers: int


def fit_forests(
    features: ArrayLike,
    displacement: ArrayLike,
    settings: ForestSettings | None = None,
    *,
    names: Sequence[str] | None = None,
) -> FittedForests:
    """Grow one forest for each station.

    Args:
      features: Weather at the stations, such as temperature and pressure, in any
        units, shape (epoch, station, feature), without gaps.
      displacement: Uplift [mm], shape (epoch, station); NaN if missing, which is left
        out.
      settings: How to grow them.
      names: What errors call the stations, such as "station LHAS"; None numbers them.

    Returns:
      The `FittedForests`.

    Raises:
      ValueError: If features have gaps or another length than the displacement, or if
        a station has too few values.
      ModuleNotFoundError: If scikit-learn is not installed.

    Example:
      >>> forests = fit_forests(np.stack([temperature, pressure], -1), displacement)
      >>> filled = predict(forests, cell_weather)

    Source:
      MLLIM (2021), Remote Sensing 13, 3358, section 2.2.1, doi:10.3390/rs13173358;
      Breiman (2001), doi:10.1023/A:1010933404324.
    """
    settings = ForestSettings() if settings is None else settings
    _require_scikit_learn()
    features, displacement = np.asarray(features), np.asarray(displacement)
    sizes = check_shapes(
        features=(features, "epoch station feature"),
        displacement=(displacement, "epoch station"),
    )
    check_complete("features", features, "station")
    _check_counts(displacement, settings, names)

    workers = settings.workers or available_cores()

    def one(station: int) -> list[Any]:
        seen = np.isfinite(displacement[:, station])
        inputs, target = features[seen, station], displacement[seen, station]
        return _grown(inputs, target, settings, station)

    # Threads that set filters of warnings for a while may leave each other's behind.
    with warnings.catch_warnings():
        trees = _side_by_side(one, range(sizes["station"]), workers)
    return FittedForests(tuple(trees), sizes["feature"], workers)


def predict(
    forests: FittedForests,
    features: ArrayLike,
    excluded: ArrayLike | None = None,
    *,
    watch: Callable[[float], None] | None = None,
) -> Floats:
    """Average the predictions of all forests from the weather of a place.

    Args:
      forests: From `fit_forests`.
      features: Weather of the places, shape (epoch, place, feature), without gaps.
      excluded: Whether a station's forest must not count at a place, shape
        (place, station).
      watch: Called with the share of the forests that is done.

    Returns:
      Displacement [mm], shape (epoch, place); NaN where no forest is left.

    Raises:
      ValueError: If features have gaps, or others than the forests were grown from.

    Source:
      MLLIM (2021), Remote Sensing 13, 3358, eq. 3, doi:10.3390/rs13173358.
    """
    features, excluded = _checked(forests, np.asarray(features), excluded)
    epochs, places, count = features.shape
    samples = features.reshape(-1, count)
    order = _cache_order(samples)

    def one(station: int) -> Floats:
        # A forest predicts only where it counts.
        used = order[~excluded[order % places, station]]
        predicted = np.zeros(len(samples))
        if len(used):
            predicted[used] = _predict_forest(forests.trees[station], samples[used])
        return predicted

    total = _summed(one, forests, watch).reshape(epochs, places)
    left = (~excluded).sum(axis=1)
    return np.where(left > 0, total / np.maximum(left, 1), np.nan)


def leave_one_station_out(
    forests: FittedForests, features: ArrayLike, displacement: ArrayLike
) -> Validation:
    """Predict every station by the forests of all others.

    Args:
      forests: From `fit_forests`, of the same stations.
      features: Weather at the stations, shape (epoch, station, feature).
      displacement: Uplift [mm], shape (epoch, station); NaN if missing.

    Returns:
      The `Validation`.

    Raises:
      ValueError: As `predict`, or if there is only one station.

    Source:
      MLLIM (2021), Remote Sensing 13, 3358, section 3.1, doi:10.3390/rs13173358.
    """
    stations = len(forests.trees)
    if stations < 2:
        raise ValueError("leaving one out needs 2 stations or more, but there is 1")
    return score(predict(forests, features, np.eye(stations, dtype=bool)), displacement)


def _checked(
    forests: FittedForests, features: NDArray, excluded: ArrayLike | None
) -> tuple[NDArray, NDArray[np.bool_]]:
    sizes = check_shapes(features=(features, "epoch place feature"))
    check_complete("features", features, "place")
    if sizes["feature"] != forests.features:
        raise ValueError(
            f"features has {sizes['feature']} along 'feature', but the forests were "
            f"grown from {forests.features}"
        )
    shape = (sizes["place"], len(forests.trees))
    excluded = np.zeros(shape, bool) if excluded is None else np.asarray(excluded, bool)
    if excluded.shape != shape:
        raise ValueError(
            f"excluded has shape {excluded.shape}, expected one row for each of "
            f"{shape[0]} places and one column for each of {shape[1]} forests"
        )
    return features, excluded


def _summed(
    one: Callable[[int], Floats],
    forests: FittedForests,
    watch: Callable[[float], None] | None,
) -> Floats:
    """The sum over stations, in their order: the same however many at a time."""
    stations, workers = len(forests.trees), forests.workers
    total = np.zeros(())
    for first in range(0, stations, workers):
        some = range(first, min(first + workers, stations))
        for predicted in _side_by_side(one, some, workers):
            total = total + predicted
        if watch is not None:
            watch(some.stop / stations)
    return total


def _cache_order(samples: NDArray) -> NDArray[np.int64]:
    """An order in which neighbours mostly go the same way through a tree.

    The processor then predicts the branches of the next and has its nodes in the cache:
    a prediction takes less than half the time.
    """
    strip = np.argsort(np.argsort(samples[:, 0])) * STRIPS // max(len(samples), 1)
    return np.lexsort((samples[:, -1], strip))


def _require_scikit_learn() -> None:
    if importlib.util.find_spec("sklearn") is None:
        raise ModuleNotFoundError(
            "random forests need scikit-learn, which is not installed; "
            "pip install jaxload[forest]"
        )


def _check_counts(
    displacement: NDArray, settings: ForestSettings, names: Sequence[str] | None
) -> None:
    count = np.isfinite(displacement).sum(axis=0)
    least = 2 * settings.min_leaf
    if count.min() < least:
        fewest = count.argmin()
        called = names[fewest] if names else f"station {fewest}"
        raise ValueError(
            f"{called} has {count.min()} values, expected at least "
            f"{least}, two leaves; leave it out"
        )


def _grown(
    features: NDArray, displacement: NDArray, settings: ForestSettings, station: int
) -> list[Any]:
    """The trees that `RandomForestRegressor` would grow.

    That class grows them in its own threads, each of which empties the warning filters
    of the whole process for a while; code in other threads then warns.
    """
    from sklearn.tree import DecisionTreeRegressor

    # A seed of its own, so that a forest does not depend on how many others there are.
    seed = np.random.SeedSequence((settings.seed, station)).generate_state(1)[0]
    seeds = np.random.RandomState(seed).randint(LAST_SEED, size=settings.trees)
    single = np.ascontiguousarray(features, np.float32)
    target = np.ascontiguousarray(displacement, np.float64)[:, None]
    count, grown = len(target), []
    for tree_seed in seeds.tolist():
        drawn = np.random.RandomState(tree_seed).randint(0, count, count)
        tree = DecisionTreeRegressor(
            min_samples_leaf=settings.min_leaf, random_state=tree_seed
        )
        weight = np.bincount(drawn, minlength=count).astype(np.float64)
        grown.append(tree.fit(single, target, weight, check_input=False))
    return grown


def _predict_forest(trees: Sequence[Any], samples: NDArray) -> Floats:
    """Predict by one forest: the mean of its trees, without their checks of input."""
    single = np.ascontiguousarray(samples, np.float32)
    total = np.zeros(len(single))
    for tree in trees:
        total += tree.tree_.predict(single).reshape(-1)
    return total / len(trees)


def _side_by_side(function: Callable, each: Sequence[int], workers: int) -> list:
    """Run in threads: growing trees and predicting by them release Python's lock."""
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        return list(pool.map(function, each))
