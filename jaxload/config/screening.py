"""The table of a study file for stations that do not move as elastic ground."""

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
      action: What to do about suspect stations: "warn" names and keeps them, "drop"
        leaves them out, "downweight" multiplies their standard errors by `factor`,
        "none" does not look for them.
      checks: Properties that are compared with the neighbours: "rate"; annual
        "amplitude"; "scatter" about the trajectory without noise from day to
        day; "phase" of the
        annual term; and "grace", the annual term against the uplift that
        `evaluation.grace` predicts, where that file is named (porous ground rises when
        water arrives, elastic ground sinks).
      neighbours: Number of nearest stations with which each station is compared.
      limit: Largest robust z-score of rate, amplitude and scatter.
      season_limit: Largest robust z-score of the annual term, for "phase" and "grace".
      phase_months: Smallest difference in the time of the annual maximum that "phase"
        and "grace" report [months].
      least_rate: Smallest spread of rates between neighbours that is assumed [mm/year];
        choose a larger one where tectonics or glacial isostasy change rates from
        station to station.
      least_amplitude: Smallest spread of amplitudes and scatter between neighbours that
        is assumed [mm].
      factor: Factor on the standard errors of suspect stations, for "downweight".
      soft_ground: Table of stations with a column that marks those on soft ground, such
        as sediments; empty for none. Its first line names the columns.
      soft_ground_column: Name of that column, with 1 and 0, or yes and no.
      soft_ground_action: What to do about marked stations: "downweight" multiplies
        their standard errors by `soft_ground_factor`, "drop" leaves them out.
      soft_ground_factor: Factor on the standard errors of marked stations.
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
    soft_ground: str = ""
    soft_ground_column: str = "soft"
    soft_ground_action: Literal["downweight", "drop"] = "downweight"
    soft_ground_factor: float = 3.0

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
        if not 1 <= self.soft_ground_factor < math.inf:
            raise ValueError(
                f"screening.soft_ground_factor is {self.soft_ground_factor:g}, "
                "expected 1 or more"
            )
