"""The table of a study file that says how places without a receiver are filled."""

import dataclasses
import math

from jaxload.config.checks import check_at_least, check_choice
from jaxload.config.sources import Grids
from jaxload.config.station_loads import StationLoad

__all__ = ["Filler"]

METHODS = ("forest", "lstm", "water", "displacement")

#: Settings that some methods alone take, and what they are for.
OF_SOME = {
    "grace": (("water", "displacement"), "is something to learn from"),
    "window": (("lstm",), "cuts the record"),
}


@dataclasses.dataclass(frozen=True)
class Filler:
    """Table ``[filler]``: what weather says of places where no receiver stands.

    Filled are the cells of `spacing` whose centre lies in the region and in which no
    station stands. They are called G001 and on, counted over all cells of the region,
    occupied or not, row by row from the south, each from the west.

    Attributes:
      method: "forest" (MLLIM): a random forest for every station, their mean for every
        cell. "lstm" (DWLIM): a network for every control station, weighted by inverse
        distance. "displacement": one network for all places, trained by how well the
        inversion, filled by it, predicts neighbourhoods that are held out. "water": one
        network for the water that is to be expected everywhere, trained with the
        inversion by the evidence of the heights; it fills no cells. The latter two find
        beta, noise and common mode themselves; those of ``[inversion]`` are then of the
        stations alone, beside which results are held.
      seed: Of all that is random.
      spacing: Side of the cells that are filled [degrees]; of the raster on which a
        network for water runs.
      threshold: Correlation with temperature or pressure above which a station is a
        control station of "lstm".
      trees: Of each forest.
      hidden: Units of each network.
      steps: Most steps of training; for "water" and "displacement", of the network by
        itself.
      joint_steps: Most steps that those go on through the inversion.
      own_likelihood: Weight that the likelihood of the network by itself keeps
        meanwhile; with 0 "water" is trained by the exact evidence alone.
      window: Epochs of the windows into which "lstm" cuts the record to train, after 60
        that are only read; 0 for the whole record, which takes longer.
      learning_rate: Of Adam; through the inversion less than a third of it.
      weight_decay: What Adam takes off every weight of those at a step, as a multiple
        of the weight and the learning rate.
      members: Networks trained side by side from other seeds, for "water" and
        "displacement"; their spread joins the standard errors.
      held_out: Share of the stations that each of these holds out, to end its training
        in time; how well they are told sizes the standard errors.
      neighbourhood_km: Stations no farther apart are held out together.
      grace: Monthly water as netCDF, or a list of several centres as
        `Evaluation.grace`, whose means over the regions of ``[evaluation]``
        "water" and "displacement" learn from too; empty for none.
      grace_sigma: Standard error of such a mean [mm].
      cell_loads: Displacement of the cells' middles that others computed, one load an
        entry as in `Loads.stations`, with the same names: files begin with the name of
        the cell. What is removed from stations has to be removed from filled cells.
      checkpoints: Folder in which the training is kept, to go on where it stopped; by
        default the folder ``checkpoints`` where the results go.
    """

    method: str = "forest"
    seed: int = 0
    spacing: float = 1.0
    threshold: float = 0.5
    trees: int = 100
    hidden: int = 32
    steps: int = 400
    joint_steps: int = 100
    own_likelihood: float = 1.0
    window: int = 0
    learning_rate: float = 0.01
    weight_decay: float = 1.0
    members: int = 3
    held_out: float = 0.2
    neighbourhood_km: float = 150.0
    grace: Grids = ""
    grace_sigma: float = 20.0
    cell_loads: tuple[str | StationLoad, ...] = ()
    checkpoints: str = ""

    def __post_init__(self) -> None:
        check_choice("filler.method", self.method, METHODS)
        check_at_least("filler.seed", self.seed, 0)
        for name in ("trees", "hidden", "steps", "joint_steps", "members"):
            check_at_least(f"filler.{name}", getattr(self, name), 1)
        check_at_least("filler.window", self.window, 0)
        for name in ("weight_decay", "own_likelihood"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(
                    f"filler.{name} is {getattr(self, name):g}, expected zero or more"
                )
        for name in ("spacing", "learning_rate", "neighbourhood_km", "grace_sigma"):
            _check_positive(f"filler.{name}", getattr(self, name))
        for name in ("threshold", "held_out"):
            _check_share(f"filler.{name}", getattr(self, name))
        for name, (methods, what) in OF_SOME.items():
            if getattr(self, name) and self.method not in methods:
                those = " and ".join(f'"{method}"' for method in methods)
                raise ValueError(
                    f"filler.{name} {what} for {those} only, but filler.method is "
                    f'"{self.method}"; leave it out'
                )
        if self.cell_loads and self.joint:
            raise ValueError(
                f'filler.method "{self.method}" learns from heights whose loads are '
                "removed, so that its cells have none; leave filler.cell_loads out"
            )

    @property
    def joint(self) -> bool:
        """Whether a network is trained through the inversion."""
        return self.method in ("water", "displacement")


def _check_positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise ValueError(f"{name} is {value:g}, expected a positive number")


def _check_share(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} is {value:g}, expected a number between 0 and 1")
