"""The table of a study file that says which stations do not move as elastic ground."""

import dataclasses
import math
from typing import Literal

from jaxload.config.checks import check_at_least, check_choices

__all__ = ["Screening"]

Check = Literal["rate", "amplitude", "scatter", "phase", "grace"]

CHECKS: tuple[Check, ...] = ("rate", "amplitude", "scatter", "phase", "grace")


@dataclasses.dataclass(frozen=True)
class Screening:
    """Table ``[screening]``: stations that do not move as elastic ground under load.

    Each station is compared with its nearest neighbours, as the load of water is felt
    over hundreds of kilometres: ground that is pumped, thaws or slides is not. Stations
    with less than 1.5 years of data cannot be judged and are kept.

    Attributes:
      action: What becomes of suspects: "warn" names them and keeps them, "drop" leaves
        them out, "downweight" multiplies their standard errors by `factor`, "none" does
        not look.
      checks: By what they are compared: "rate"; annual "amplitude"; slow "scatter"
        about the trajectory; "phase" of the annual term; "grace", the annual term
        against the uplift that `evaluation.grace` predicts, where that is named:
        porous ground rises when water comes.
      neighbours: Nearest stations with which each one is compared.
      limit: Largest robust z-score of rate, amplitude and scatter.
      season_limit: Largest robust z-score of the annual term, for "phase" and "grace".
      phase_months: Smallest difference of the annual maximum for these [months].
      least_rate: Least spread of rates between neighbours [mm/year]; larger where
        tectonics or glacial isostasy change rates from station to station.
      least_amplitude: Least spread of amplitudes and scatter between neighbours [mm].
      factor: On the standard errors of suspects under "downweight".
    """

    action: Literal["warn", "drop", "downweight", "none"] = "warn"
    checks: tuple[Check, ...] = CHECKS
    neighbours: int = 20
    limit: float = 5.0
    season_limit: float = 3.0
    phase_months: float = 3.0
    least_rate: float = 1.0
    least_amplitude: float = 1.0
    factor: float = 5.0

    def __post_init__(self) -> None:
        check_choices(self, "screening")
        check_at_least("screening.neighbours", self.neighbours, 3)
        for name in ("limit", "season_limit", "least_rate", "least_amplitude"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(
                    f"screening.{name} is {getattr(self, name):g}, expected a positive "
                    "number"
                )
        if not 0 < self.phase_months <= 6:
            raise ValueError(
                f"screening.phase_months is {self.phase_months:g}, expected months "
                "above 0 to 6, which is opposite"
            )
        if not 1 <= self.factor < math.inf:
            raise ValueError(f"screening.factor is {self.factor:g}, expected 1 or more")
