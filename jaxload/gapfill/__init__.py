"""Displacement and water where no receiver stands."""

from jaxload.gapfill.features import (
    calendar_features,
    joined_features,
    normalised,
    place_features,
    weather_features,
)
from jaxload.gapfill.joint.joint_model import (
    InitialHyperparameters,
    make_training_data,
    predict_displacement,
    predict_load,
    unstack_members,
)
from jaxload.gapfill.joint.schedule import make_schedule, train_ensemble
from jaxload.gapfill.models.adapters import as_architecture
from jaxload.gapfill.models.named import named_architecture
from jaxload.gapfill.stations.fitting import train
from jaxload.gapfill.stations.forests import StationForests
from jaxload.gapfill.stations.inverse_distance import InverseDistance
from jaxload.gapfill.stations.place_network import PlaceNetwork
from jaxload.gapfill.stations.protocol import Positions, StationHeights
from jaxload.gapfill.stations.station_networks import StationNetworks

__all__ = [
    "InitialHyperparameters",
    "InverseDistance",
    "PlaceNetwork",
    "Positions",
    "StationForests",
    "StationHeights",
    "StationNetworks",
    "as_architecture",
    "calendar_features",
    "joined_features",
    "make_schedule",
    "make_training_data",
    "named_architecture",
    "normalised",
    "place_features",
    "predict_displacement",
    "predict_load",
    "train",
    "train_ensemble",
    "unstack_members",
    "weather_features",
]
