"""The table of a study file for filling cells without a station."""

import dataclasses
import math
from typing import Any, Literal

from jaxload.config.checks import check_at_least, check_choices
from jaxload.config.model_choice import (
    SKELETONS,
    STATION_MODELS,
    check_model,
    model_parts,
)
from jaxload.config.sources import Grids
from jaxload.config.station_loads import StationLoad
from jaxload.config.well_sources import WellSource

__all__ = ["Gapfill"]

#: Settings that some methods alone take, and what they are for.
OF_SOME = {
    "grace": (("joint-load", "joint-displacement"), "is something to learn from"),
    "wells": (("joint-load", "joint-displacement"), "are something to learn from"),
    "window_epochs": (("dwlim", "virtual-stations"), "cuts the record"),
    "model_settings": (
        ("joint-load", "joint-displacement", "virtual-stations"),
        "are of a model",
    ),
}

#: The models of the published methods.
PUBLISHED = {"mllim": "forest", "dwlim": "station-lstm"}


@dataclasses.dataclass(frozen=True)
class Gapfill:
    """Table ``[gapfill]``: how cells without a station are filled from the weather.

    Filled are the cells of side `spacing` that have their centre in the region and no
    station. They are called G001 and on, counted over all cells of the region, with a
    station or without, row by row from the south, each row from the west.

    Attributes:
      method: "mllim" trains a random forest for every station and takes the mean of
        their predictions for every cell. "dwlim" trains an LSTM for every control
        station and weights their predictions by inverse distance. "virtual-stations"
        fits any `model` of displacement to the heights of stations and predicts cells
        by it, which ``[inversion]`` then inverts as virtual stations: of this kind
        "mllim" is with "forest" and "dwlim" with "station-lstm". "joint-load" trains
        one model for the prior mean of the load at all places, together with the
        inversion, by the marginal likelihood of the heights; it fills no cells.
        "joint-displacement" trains one model for the uplift of cells, by how well the
        inversion with these cells predicts stations that are held out. The two joint
        methods estimate beta, noise and common mode themselves; those of
        ``[inversion]`` then hold for the inversion of stations only, with which the
        result is compared.
      seed: Seed of all random numbers.
      spacing: Side of the cells that are filled [degrees]; for "joint-load" spacing of
        the raster on which the network runs.
      control_correlation: Largest absolute correlation of a station's uplift with a
        variable of the weather above which "dwlim" takes it as a control station.
      trees: Number of trees of each random forest.
      hidden: Number of hidden units of each LSTM.
      model: What "virtual-stations" and the joint methods train: "lstm", one network
        for all places; "convolution", a causal temporal
        convolution; "mlp", a multilayer perceptron of the weather and season of the
        epoch; "water-balance", stores of snow, soil and groundwater, and
        "land-surface", the scaled and delayed water of a land-surface model, both for
        "joint-load" only; one of these two corrected by one of the others, as
        "water-balance+lstm"; or code, as "my_package.models:WaterNet" or
        "models.py:WaterNet", a class of modules of Flax or Equinox or a function. For
        "virtual-stations" only: "forest", a random forest for every station;
        "station-lstm", an LSTM for every control station; "inverse-distance", what
        stations observe, weighted; or code with a method ``fit``.
      model_settings: Table of the settings of `model`, by the names of its arguments,
        such as ``channels`` and ``levels`` of "convolution"; of "water-balance+lstm" a
        table for each of the two.
      trust: Whether code that `model` names may be run.
      steps: Largest number of training steps; for the joint methods, of the network
        before it is trained through the inversion.
      joint_steps: Largest number of further steps through the inversion; with 0 the
        network is trained by itself and inverted afterwards: two stages. The load is
        then trained through the design matrix alone, and `hyperparameters` are those of
        "held-out".
      network_likelihood_weight: Weight in the joint loss of the likelihood of the
        network's own prediction; with 0 "joint-load" is trained by the marginal
        likelihood alone.
      hyperparameters: How "joint-load" estimates beta, noise and common mode: "trained"
        with the network, by the same gradient; "held-out" from neighbourhoods that are
        held out, after the network is trained by itself, to stay as they are while it
        is trained through the inversion, which then ends when these neighbourhoods are
        no better predicted by the network alone.
      window_epochs: Length of the training windows into which "dwlim" cuts the record
        [epochs], each after 60 epochs that are only read; 0 trains on the whole record,
        which takes longer.
      learning_rate: Learning rate of Adam; through the inversion it is less than a
        third of this.
      weight_decay: Decoupled weight decay of the joint methods (AdamW): each step
        subtracts weight_decay times learning_rate times the weight.
      members: Number of networks in the ensemble of the joint methods, trained from
        different seeds; their spread is part of the standard errors.
      perturbed_heights: Whether each of these learns from heights to which noise is
        added that is drawn from the spectra of what stations share, where these are
        estimated (`inversion.noise`): what a network takes of such noise for water
        shows in the spread then. The noise of all members adds up to zero.
      validation_fraction: Fraction of the stations that each member holds out for early
        stopping; how well they are predicted calibrates the standard errors.
      neighbourhood_km: Radius of the neighbourhoods of stations that are held out
        together [km].
      grace: Monthly TWSA as netCDF, or a list of several centres as `evaluation.grace`,
        whose means over the regions of ``[evaluation]``, or the study region, the joint
        methods take as further observations: each month is that of the mean of its
        epochs, with a constant difference of its own. Empty for none. Footprints of a
        product instead, with its filter, are those of `inversion.grace`.
      grace_sigma: Standard error of such a mean [mm].
      wells: Water tables of wells as `groundwater.wells`, which the joint methods take
        as further observations of the water of the cell that each is in: months of
        specific yield times height of the water table, with a constant difference of
        their own. Wells see groundwater alone; what else the heights have is part of
        their error. Empty for none.
      wells_sigma: Standard error of a well's month as the water of its cell [mm]: that
        of its specific yield, of a point for a cell, and of water above the water
        table unless `loads` takes it out of the heights.
      specific_yield: Specific yield of wells whose file has none [-].
      virtual_station_loads: Displacement of the centres of filled cells by loads, one
        load an entry as in `loads.displacement`, with the same names; names of files
        begin with the name of the cell. A load that is removed from stations has to be
        removed from filled cells too.
      checkpoints: Folder for checkpoints, from which an interrupted training resumes;
        the folder ``checkpoints`` in the results if empty.
    """

    method: Literal[
        "mllim", "dwlim", "virtual-stations", "joint-load", "joint-displacement"
    ] = "mllim"
    seed: int = 0
    spacing: float = 1.0
    control_correlation: float = 0.5
    trees: int = 100
    hidden: int = 32
    model: str = "lstm"
    model_settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    trust: bool = False
    steps: int = 400
    joint_steps: int = 100
    network_likelihood_weight: float = 1.0
    hyperparameters: Literal["trained", "held-out"] = "trained"
    window_epochs: int = 0
    learning_rate: float = 0.01
    weight_decay: float = 1.0
    members: int = 3
    perturbed_heights: bool = True
    validation_fraction: float = 0.2
    neighbourhood_km: float = 150.0
    grace: Grids = ""
    grace_sigma: float = 20.0
    wells: str | WellSource = ""
    wells_sigma: float = 50.0
    specific_yield: float = 0.05
    virtual_station_loads: tuple[str | StationLoad, ...] = ()
    checkpoints: str = ""

    def __post_init__(self) -> None:
        check_choices(self, "gapfill")
        _check_numbers(self)
        _check_model(self)
        for name, (methods, what) in OF_SOME.items():
            if getattr(self, name) and self.method not in methods:
                those = " and ".join(f'"{method}"' for method in methods)
                raise ValueError(
                    f"gapfill.{name} {what} for {those} only, but gapfill.method is "
                    f'"{self.method}"; leave it out'
                )
        if self.hyperparameters != "trained" and self.method != "joint-load":
            raise ValueError(
                f'gapfill.hyperparameters is "{self.hyperparameters}", but '
                f'gapfill.method is "{self.method}", and only "joint-load" keeps them '
                "apart from the network; leave it out"
            )
        if self.virtual_station_loads and self.joint:
            raise ValueError(
                f'gapfill.method "{self.method}" learns from heights whose loads are '
                "removed, so that its cells have none; leave "
                "gapfill.virtual_station_loads out"
            )

    @property
    def joint(self) -> bool:
        """Whether a network is trained through the inversion."""
        return self.method in ("joint-load", "joint-displacement")

    @property
    def station_model(self) -> str:
        """Name of the model that is fitted to heights of stations; empty for none."""
        return "" if self.joint else PUBLISHED.get(self.method, self.model)


def _check_model(filling: Gapfill) -> None:
    check_model("gapfill.model", filling.model)
    published = PUBLISHED.get(filling.method)
    if published and filling.model not in ("lstm", published):
        raise ValueError(
            f'gapfill.model is "{filling.model}", but gapfill.method '
            f'"{filling.method}" trains no model of its own choice; leave it out, or '
            'use gapfill.method = "virtual-stations" or "joint-load"'
        )
    if filling.model in STATION_MODELS and filling.joint:
        raise ValueError(
            f'gapfill.model "{filling.model}" is fitted to stations alone, and '
            f'gapfill.method "{filling.method}" trains through the inversion; use '
            '"virtual-stations"'
        )
    is_of_load = model_parts(filling.model)[0] in SKELETONS
    if is_of_load and filling.method != "joint-load":
        raise ValueError(
            f'gapfill.model "{filling.model}" predicts water, but gapfill.method '
            f'"{filling.method}" needs displacement; use "joint-load"'
        )


def _check_numbers(filling: Gapfill) -> None:
    check_at_least("gapfill.seed", filling.seed, 0)
    for name in ("trees", "hidden", "steps", "members"):
        check_at_least(f"gapfill.{name}", getattr(filling, name), 1)
    for name in ("joint_steps", "window_epochs"):
        check_at_least(f"gapfill.{name}", getattr(filling, name), 0)
    for name in ("weight_decay", "network_likelihood_weight"):
        value = getattr(filling, name)
        if not 0 <= value < math.inf:
            raise ValueError(f"gapfill.{name} is {value:g}, expected zero or more")
    sizes = "spacing", "learning_rate", "neighbourhood_km", "grace_sigma", "wells_sigma"
    for name in sizes:
        value = getattr(filling, name)
        if not 0 < value < math.inf:
            raise ValueError(f"gapfill.{name} is {value:g}, expected a positive number")
    if not 0 < filling.specific_yield <= 1:
        raise ValueError(
            f"gapfill.specific_yield is {filling.specific_yield:g}, expected above 0 "
            "to 1"
        )
    for name in ("control_correlation", "validation_fraction"):
        value = getattr(filling, name)
        if not 0 < value < 1:
            raise ValueError(
                f"gapfill.{name} is {value:g}, expected a number between 0 and 1"
            )
