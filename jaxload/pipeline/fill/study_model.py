"""The model that a study trains, the weather that drives it, and its parameters."""

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config
from jaxload.config.model_choice import CORRECTIONS, STATION_MODELS, model_parts
from jaxload.gapfill.joint import joint_model
from jaxload.gapfill.models.corrected import Corrected
from jaxload.gapfill.models.named import named_architecture
from jaxload.gapfill.models.protocol import Architecture, describe_parameters
from jaxload.gapfill.networks import ensemble
from jaxload.gapfill.stations.forests import StationForests
from jaxload.gapfill.stations.inverse_distance import InverseDistance
from jaxload.gapfill.stations.place_network import PlaceNetwork
from jaxload.gapfill.stations.protocol import StationModel
from jaxload.gapfill.stations.station_networks import StationNetworks
from jaxload.gapfill.training import optimise
from jaxload.pipeline.inputs.time_spans import epoch_spans
from jaxload.pipeline.inputs.weather import WeatherSeries

__all__ = [
    "check_trained_jointly",
    "model_drivers",
    "model_parameters",
    "study_architecture",
    "study_station_model",
]

logger = logging.getLogger(__name__)

DAY = np.timedelta64(1, "D")

#: Evaluations without a gain after which the training of station networks ends.
PATIENCE = 5

#: Share of places with a parameter at a bound that is worth a warning.
MANY_AT_BOUNDS = 0.05


def study_architecture(study: config.Study) -> Architecture:
    """Make the architecture that a study names.

    Args:
      study: Its table ``[gapfill]`` has the model, its settings and whether code is
        trusted.

    Returns:
      The architecture.

    Raises:
      ValueError: If the model is not there, not trusted, or has no such setting.
    """
    filling = study.gapfill
    assert filling is not None
    settings, parts = dict(filling.model_settings), model_parts(filling.model)
    if "lstm" in parts:
        hidden = {"hidden": filling.hidden}
        if len(parts) == 1:
            settings = hidden | settings
        elif isinstance(settings.get("lstm", {}), dict):
            settings["lstm"] = hidden | settings.get("lstm", {})
    try:
        return named_architecture(
            filling.model, settings, trust=filling.trust, path=study.path
        )
    except ValueError as error:
        raise ValueError(f"gapfill.model: {error}") from error


def check_trained_jointly(study: config.Study) -> None:
    """Refuse a model that no gradient trains through the inversion.

    Args:
      study: As in `study_architecture`.

    Raises:
      ValueError: As `study_architecture`, or if the model has ``fit`` and no ``build``.
    """
    assert study.gapfill is not None
    made: Any = study_architecture(study)
    parts = (made.skeleton, made.correction) if isinstance(made, Corrected) else (made,)
    if not all(hasattr(part, "build") for part in parts):
        raise ValueError(
            f"gapfill.model {study.gapfill.model} is fitted to stations (it has fit "
            'and no build); use gapfill.method = "virtual-stations"'
        )


def study_station_model(study: config.Study) -> StationModel:
    """Make the model that a study fits to the heights of stations.

    Args:
      study: Its table ``[gapfill]`` has the model and its settings.

    Returns:
      The model, not fitted yet.

    Raises:
      ValueError: As `study_architecture`, or if a setting of the model is none.
    """
    filling = study.gapfill
    assert filling is not None
    if filling.station_model not in STATION_MODELS:
        model: Any = study_architecture(study)
        return model if hasattr(model, "fit") else _place_network(filling, model)
    makers = {
        "forest": lambda: StationForests(trees=filling.trees, seed=filling.seed),
        "station-lstm": lambda: _station_networks(filling),
        "inverse-distance": InverseDistance,
    }
    made = makers[filling.station_model]()
    try:
        return dataclasses.replace(made, **filling.model_settings)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"gapfill.model_settings of {filling.station_model}: {error}"
        ) from None


def _station_networks(filling: config.Gapfill) -> StationNetworks:
    training = ensemble.Training(
        hidden=filling.hidden,
        window=filling.window_epochs or None,
        seed=filling.seed,
        descent=optimise.OptimiserSettings(
            filling.steps, filling.learning_rate, patience=PATIENCE
        ),
    )
    return StationNetworks(training, filling.control_correlation, filling.spacing)


def _place_network(filling: config.Gapfill, model: Architecture) -> PlaceNetwork:
    return PlaceNetwork(
        model,
        filling.members,
        filling.steps,
        filling.learning_rate,
        filling.weight_decay,
        filling.validation_fraction,
        filling.neighbourhood_km,
        filling.seed,
    )


def model_drivers(
    study: config.Study, weather: WeatherSeries, gnss: xr.Dataset
) -> dict[str, NDArray[np.float64]]:
    """Lay out the weather in its units for models that need it.

    Args:
      study: Its table ``[weather]`` has the quantities of variables of other names.
      weather: The weather of all places.
      gnss: The heights, which have the epochs.

    Returns:
      Each variable by its name, and by its quantity if that is not a variable itself,
      shape (epoch, place); and "days", the time since the epoch before [days], shape
      (epoch, 1). Nothing where the model reads features only.
    """
    assert study.gapfill is not None
    assert study.weather is not None
    if study.gapfill.model in CORRECTIONS:
        return {}
    drivers = dict(weather.variables)
    for name, variable in study.weather.variables.items():
        if variable.quantity and name in drivers:
            drivers.setdefault(variable.quantity, drivers[name])
    start, stop = epoch_spans(gnss).T
    since = np.diff(stop, prepend=start[:1]) / DAY
    return drivers | {"days": since[:, None]}


def model_parameters(
    name: str,
    members: Sequence[joint_model.Parameters],
    training_data: joint_model.TrainingData,
) -> dict[str, Any]:
    """Summarise the parameters of a model over members and places.

    Parameters that are at a bound at many places are warned of.

    Args:
      name: Of the model.
      members: Parameters of each.
      training_data: With features and drivers.

    Returns:
      Of each parameter smallest, median and largest value, and the share at bounds;
      nothing for models without such parameters.
    """
    data = (training_data.features, training_data.drivers)
    each = [describe_parameters(one.network, *data) for one in members]
    summary = {key: _combined([one[key] for one in each]) for key in each[0]}
    for key, values in summary.items():
        share = values.get("share_at_bounds", 0.0)
        if share > MANY_AT_BOUNDS:
            logger.warning(
                "gapfill.model %s: %s is at its bounds at %.0f%% of the places (median "
                "%.3g); heights do not determine it, or drivers have other units: take "
                "a smaller prior_sd in gapfill.model_settings",
                name,
                key,
                100 * share,
                values["median"],
            )
    return summary


#: How numbers of members are combined.
COMBINED = {"smallest": np.min, "largest": np.max, "share_at_bounds": np.mean}


def _combined(each: Sequence[dict[str, float]]) -> dict[str, float]:
    return {
        key: float(COMBINED.get(key, np.median)([one[key] for one in each]))
        for key in each[0]
    }
