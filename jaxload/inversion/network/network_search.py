"""Search for the candidates that together determine regions best."""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import numpy as np
from jax.typing import ArrayLike
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from jaxload.inversion.network.average_day import MonitoringNetwork, region_weights
from jaxload.inversion.network.candidate_places import (
    Candidates,
    candidate_covariance,
    covariances_between,
)

__all__ = ["SEARCHES", "NetworkDesign", "design_network"]

Floats = NDArray[np.float64]

#: Ways to search.
SEARCHES = ("greedy", "exchange")

#: Share by which the variance has to fall for a station to be exchanged.
LEAST = 1e-9

#: Times that every chosen station is tried against all others, at most.
PASSES = 50


@dataclasses.dataclass(frozen=True, eq=False)
class NetworkDesign:
    """New stations, and what they gain.

    Attributes:
      chosen: Numbers of the chosen candidates, that of the largest gain first, then
        that which gains most beside it, shape (chosen,).
      variance: Posterior variance of the regions [mm2] without new stations and after
        each of them, shape (chosen + 1, region).
      gains: Fall of the variance of each region by each candidate alone [mm2], shape
        (candidate, region).
      cost: What the chosen ones cost together; their number where nothing has a cost.
    """

    chosen: NDArray[np.int64]
    variance: Floats
    gains: Floats
    cost: float


@dataclasses.dataclass(frozen=True, eq=False)
class _Task:
    """What a search works with.

    Attributes:
      regions: Covariance of means and observations, shape (region, candidate).
      variance: Of observations, shape (candidate,).
      covariance: Of means, shape (region, region).
      share: Weight of each region, shape (region,).
      row: Covariance of an observation with all, by its number.
      cost: Of each candidate, shape (candidate,).
      budget: Which the chosen may cost together.
      count: How many may be chosen.
      exclude: Which candidates exclude each other, shape (candidate, candidate); None
        for none.
    """

    regions: Floats
    variance: Floats
    covariance: Floats
    share: Floats
    row: Callable[[int], Floats]
    cost: Floats
    budget: float
    count: int
    exclude: NDArray[np.bool_] | None


def design_network(
    network: MonitoringNetwork,
    places: Candidates,
    count: int,
    *,
    weights: ArrayLike | None = None,
    search: str = "greedy",
    costs: ArrayLike | None = None,
    budget: float | None = None,
    exclude: ArrayLike | None = None,
) -> NetworkDesign:
    """Choose where new stations lower the standard deviations of regions most.

    Minimised is the weighted mean of the posterior variances of the regions
    (A-optimality), the existing stations in place. "greedy" takes one station after
    the other, each with the largest gain beside those taken; under a budget also by
    gain per cost, and keeps the better of both. "exchange" then replaces single chosen
    stations by any other candidate as long as that lowers the variance, which finds
    most pairs that help only together. Every gain is exact. For a few thousand
    candidates a step takes tenths of a second.

    Not for: a proof that no other choice is better, which costs all choices.

    Args:
      network: From `monitoring_network`.
      places: From `candidates`.
      count: How many stations are chosen, at most where there is a budget.
      weights: Weight of each region's variance [-], shape (region,); all the same if
        not given.
      search: "greedy" or "exchange".
      costs: Cost of a station at each candidate, positive, shape (candidate,); needs
        a budget.
      budget: What the chosen may cost together; without `costs` each costs 1.
      exclude: Pairs of candidates of which one at most may be chosen, as those that are
        too close to each other, boolean, symmetric, shape (candidate, candidate).

    Returns:
      The `NetworkDesign`.

    Raises:
      ValueError: If shapes disagree, `count`, `search`, weights, costs or budget make
        no sense, no candidate is within the budget, or so many exclude each other that
        fewer than `count` can be chosen.

    Example:
      >>> places = inversion.candidates(new_design, sigma=4.0)
      >>> plan = inversion.design_network(network, places, 3, search="exchange")
      >>> plan.chosen, plan.variance[-1] ** 0.5

    Source:
      Exchange: Fedorov (1972), Theory of Optimal Experiments; Atkinson, Donev & Tobias
      (2007), Optimum Experimental Designs, ch. 12. Gain per cost: Khuller, Moss & Naor
      (1999), doi:10.1016/S0020-0190(99)00031-9.
    """
    share = region_weights(weights, len(network.covariance))
    cost, limit = _costs(len(places.sigma), count, search, costs, budget)
    known = candidate_covariance(network, places)

    @functools.cache
    def row(number: int) -> Floats:
        index = np.array([number])
        return np.asarray(covariances_between(network, places, known, index))[0]

    regions, variance = np.asarray(known.regions), np.asarray(known.variance)
    covariance = np.asarray(network.covariance)
    pairs = _pairs(exclude, len(cost))
    task = _Task(regions, variance, covariance, share, row, cost, limit, count, pairs)
    chosen = _greedy(task, [])
    if len(chosen) < count and budget is None:
        raise ValueError(
            f"count is {count}, but only {len(chosen)} candidates could be chosen "
            "before these excluded all others; take fewer, or let fewer exclude each "
            "other (network.apart_km of a study)"
        )
    if budget is not None:
        by_cost = _greedy(task, [], per_cost=True)
        chosen = min(chosen, by_cost, key=lambda some: _objective(task, some))
    if search == "exchange":
        chosen = _exchanged(task, chosen)
    order = _in_order(task, chosen)
    steps = [_conditioned(task, order[:end])[2] for end in range(len(order) + 1)]
    return NetworkDesign(
        np.array(order, int),
        np.stack([np.diag(step) for step in steps]),
        (regions**2 / variance).T,
        float(cost[order].sum()),
    )


def _costs(
    candidates: int,
    count: int,
    search: str,
    costs: ArrayLike | None,
    budget: float | None,
) -> tuple[Floats, float]:
    if search not in SEARCHES:
        raise ValueError(f"search is {search!r}, expected {' or '.join(SEARCHES)}")
    if not 1 <= count <= candidates:
        raise ValueError(
            f"count is {count}, expected from 1 to {candidates}, the number of "
            "candidates"
        )
    if costs is not None and budget is None:
        raise ValueError("costs count against a budget, but there is none; give one")
    cost = np.ones(candidates) if costs is None else np.asarray(costs, float)
    if cost.shape != (candidates,):
        raise ValueError(
            f"costs have shape {cost.shape}, but there are {candidates} candidates; "
            "give one cost for each"
        )
    if not (np.isfinite(cost) & (cost > 0)).all():
        raise ValueError("costs hold a number that is not positive; expected costs > 0")
    if budget is None:
        return cost, np.inf
    if not cost.min() <= budget < np.inf:
        raise ValueError(
            f"the budget is {budget:g}, but the cheapest candidate costs "
            f"{cost.min():g}; give a larger one"
        )
    return cost, float(budget)


def _pairs(exclude: ArrayLike | None, candidates: int) -> NDArray[np.bool_] | None:
    if exclude is None:
        return None
    pairs = np.asarray(exclude, bool)
    if pairs.shape != (candidates, candidates) or (pairs != pairs.T).any():
        raise ValueError(
            f"exclude has shape {pairs.shape}, expected a symmetric matrix of "
            f"{candidates} candidates"
        )
    return pairs


def _conditioned(task: _Task, chosen: Sequence[int]) -> tuple[Floats, Floats, Floats]:
    """Covariances as in a `_Task`, with the observations of chosen candidates known."""
    if not len(chosen):
        return task.regions, task.variance, task.covariance
    some = np.array(chosen)
    rows = np.stack([task.row(number) for number in chosen])
    factor = cho_factor((rows[:, some] + rows[:, some].T) / 2)
    at_some = task.regions[:, some]
    weighted = cho_solve(factor, rows)
    regions = task.regions - at_some @ weighted
    variance = task.variance - np.sum(rows * weighted, axis=0)
    # What is known already has no covariance with anything.
    regions[:, some], variance[some] = 0, 1
    covariance = task.covariance - at_some @ cho_solve(factor, at_some.T)
    return regions, variance, covariance


def _objective(task: _Task, chosen: Sequence[int]) -> float:
    return float(np.diag(_conditioned(task, chosen)[2]) @ task.share)


def _scores(task: _Task, chosen: Sequence[int]) -> Floats:
    """Fall of the objective by each candidate beside those chosen; -inf if too dear."""
    regions, variance, _ = _conditioned(task, chosen)
    left = task.budget - task.cost[list(chosen)].sum()
    score = task.share @ regions**2 / variance
    score[task.cost > left + LEAST * task.cost] = -np.inf
    score[list(chosen)] = -np.inf
    if task.exclude is not None:
        score[task.exclude[list(chosen)].any(axis=0)] = -np.inf
    return score


def _greedy(task: _Task, chosen: list[int], per_cost: bool = False) -> list[int]:
    chosen = list(chosen)
    while len(chosen) < task.count:
        score = _scores(task, chosen)
        score = score / task.cost if per_cost else score
        best = int(np.argmax(score))
        if not np.isfinite(score[best]):
            break
        chosen.append(best)
    return chosen


def _exchanged(task: _Task, chosen: list[int]) -> list[int]:
    """Replace chosen candidates by others until none can be, and fill the budget."""
    for _ in range(PASSES):
        before = list(chosen)
        for place in range(len(chosen)):
            others = [*chosen[:place], *chosen[place + 1 :]]
            score = _scores(task, others)
            best = int(np.argmax(score))
            gained = score[best] - score[chosen[place]]
            if gained > LEAST * _objective(task, chosen):
                chosen[place] = best
        chosen = _greedy(task, chosen)
        if chosen == before:
            break
    return chosen


def _in_order(task: _Task, chosen: list[int]) -> list[int]:
    """Sort chosen candidates: that first which gains most beside those before it."""
    order: list[int] = []
    while len(order) < len(chosen):
        regions, variance, _ = _conditioned(task, order)
        score = task.share @ regions**2 / variance
        left = [number for number in chosen if number not in order]
        order.append(max(left, key=lambda number: score[number]))
    return order
