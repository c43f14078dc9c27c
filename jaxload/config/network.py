"""The table of a study file for the design of the network."""

import dataclasses
import math
from typing import Literal

from jaxload.config.checks import (
    check_at_least,
    check_choices,
    check_day,
    check_zero_or_more,
)

__all__ = ["NetworkPlan"]


@dataclasses.dataclass(frozen=True)
class NetworkPlan:
    """Table ``[network]``: where new stations would lower standard errors most.

    Minimised is the weighted mean of the variances of daily means over regions, with
    the stations, the prior and the noise of the study.

    Attributes:
      candidates: Places where a station could stand: "region" for the middle of every
        cell in the study region, "cells" for that of every cell, a number for a grid of
        that spacing over the study region [degrees], or a list of stations with their
        coordinates, as of `gnss.sites`. Columns of the list that are called sigma [mm]
        and cost hold for each place.
      count: Number of new stations, at most where there is a `budget`.
      search: How they are sought: "greedy" takes one after the other, each with the
        largest gain beside those taken; "exchange" then exchanges single ones as long
        as that gains.
      regions: Names of the regions that count, of `region.boundary` and
        `evaluation.regions`; all of them if empty.
      weights: Weight of each of `regions` in the mean of variances; all the same if
        empty.
      sigma_mm: Standard error of a daily height of a new station [mm], where its list
        states none; the median of the existing stations with 0.
      observed_share: Share of the days that a new station observes, above 0 to 1.
      since: First day, as 2019-01-01, from which it counts on which share of the days
        each existing station observes: one that observes a share p of them counts with
        its variance divided by p, one that observes none does not count. The last year
        of the record if empty.
      budget: What new stations may cost together, by the column cost of the list of
        candidates, or 1 each; 0 for no limit but `count`.
      apart_km: Least distance of new stations from each other, before they are moved by
        `refine` [km]; 0 for none, with which they may end up side by side.
      at_sea: What to do about candidates at sea by `loads.land_mask`, or by the mask of
        land that the package carries: "drop" leaves them out, "keep" does not look.
      refine: Whether chosen places are then moved to where they gain most, by the
        gradient, half the spacing of the candidates at most (half a cell for a list).
      least: Number of existing stations that are named as those that matter least, each
        after the ones before it have gone; 0 for none.
    """

    candidates: str | float = "region"
    count: int = 1
    search: Literal["greedy", "exchange"] = "exchange"
    regions: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    sigma_mm: float = 0.0
    observed_share: float = 1.0
    since: str = ""
    budget: float = 0.0
    apart_km: float = 0.0
    at_sea: Literal["drop", "keep"] = "drop"
    refine: bool = False
    least: int = 5

    def __post_init__(self) -> None:
        check_choices(self, "network")
        check_at_least("network.count", self.count, 1)
        check_at_least("network.least", self.least, 0)
        check_day("network.since", self.since)
        check_zero_or_more(
            "network.sigma_mm", self.sigma_mm, "millimetres, or 0 for the median"
        )
        check_zero_or_more("network.apart_km", self.apart_km, "a distance, or 0")
        check_zero_or_more("network.budget", self.budget, "a cost, or 0 for no limit")
        if not 0 < self.observed_share <= 1:
            raise ValueError(
                f"network.observed_share is {self.observed_share:g}, expected a share "
                "of the days above 0 up to 1"
            )
        _check_candidates(self.candidates)
        _check_weights(self)


def _check_candidates(places: str | float) -> None:
    if isinstance(places, str):
        if not places:
            raise ValueError(
                'network.candidates is empty; say "region", "cells", a spacing in '
                "degrees or the name of a file"
            )
    elif not 0 < places < math.inf:
        raise ValueError(
            f"network.candidates is {places:g}, expected a positive spacing in degrees"
        )


def _check_weights(plan: NetworkPlan) -> None:
    if len(set(plan.regions)) < len(plan.regions):
        raise ValueError("network.regions names a region twice; name each once")
    if not plan.weights:
        return
    if len(plan.weights) != len(plan.regions):
        raise ValueError(
            f"network.weights has {len(plan.weights)} numbers, but network.regions "
            f"{len(plan.regions)} names; give one weight for each name"
        )
    if not all(0 <= weight < math.inf for weight in plan.weights) or not any(
        plan.weights
    ):
        raise ValueError(
            "network.weights are expected to be numbers that are not negative, one of "
            "them positive"
        )
