"""Where new stations would determine regions best, and which matter least."""

import dataclasses
import logging

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, inversion, sphere
from jaxload.config.checks import unknown_word
from jaxload.constants import EARTH_RADIUS
from jaxload.inversion.noise import noise_at
from jaxload.pipeline.estimation.problem import Model
from jaxload.pipeline.inputs.new_places import NewPlaces, read_new_places
from jaxload.pipeline.inputs.observations import make_design, make_moving_design
from jaxload.pipeline.inputs.study_area import StudyArea
from jaxload.pipeline.messages import error_context

__all__ = ["PlannedNetwork", "plan_network"]

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]

#: Days of the record, back from its end, whose stations count as existing.
YEAR = np.timedelta64(365, "D")


@dataclasses.dataclass(frozen=True, eq=False)
class PlannedNetwork:
    """New stations, what they gain, and what existing ones are worth.

    All variances are those of daily means over regions [mm2].

    Attributes:
      regions: Names of the regions.
      weights: Of their variances, which add up to 1, shape (region,).
      places: The candidates, with the standard errors that were taken.
      gains: Fall of the variances by each candidate alone, shape (candidate, region).
      chosen: Numbers of the chosen candidates, in their order, shape (chosen,).
      place: Longitude and latitude of each, moved or not [degrees], shape (chosen, 2).
      variance: With none of them, and after each, shape (chosen + 1, region).
      losses: Growth of the variances without each existing station, shape (station,
        region).
      share: Share of the days that each observes, shape (station,).
      removed: Numbers of the stations that matter least, in their order, shape
        (removed,).
      removed_variance: With none of them removed, and after each, shape (removed + 1,
        region).
      since: First day of the existing network.
    """

    regions: tuple[str, ...]
    weights: Floats
    places: NewPlaces
    gains: Floats
    chosen: NDArray[np.int64]
    place: Floats
    variance: Floats
    losses: Floats
    share: Floats
    removed: NDArray[np.int64]
    removed_variance: Floats
    since: np.datetime64


def plan_network(
    study: config.Study,
    model: Model,
    settled: tuple[inversion.Noise, float],
    gnss: xr.Dataset,
    area: StudyArea,
) -> PlannedNetwork:
    """Choose new stations and rank existing ones, as a study sets.

    Args:
      study: Its table ``[network]``.
      model: Problem and heights.
      settled: Noise of the observations and weight of the prior, as they were chosen.
      gnss: The stations.
      area: The study area.

    Returns:
      The `PlannedNetwork`.

    Raises:
      FileNotFoundError: If the list of candidates is missing.
      ValueError: If a setting names nothing, or candidates cannot be used.
    """
    plan = study.network
    assert plan is not None
    index = _regions(plan, area.basins.names)
    _warn_of_what_is_left_out(study)
    places = read_new_places(study, plan, area, gnss)
    averages = area.basins.weights[index]
    network, share, since = _existing(plan, model, settled, (gnss, averages))
    places = _with_sigma(plan, places, network)
    weights = np.array(plan.weights or np.ones(len(index)))
    chosen = _chosen(study, network, places, area.grid, weights)
    removed = _removed(plan, network, weights)
    return PlannedNetwork(
        regions=tuple(area.basins.names[row] for row in index),
        weights=weights / weights.sum(),
        places=places,
        gains=chosen.gains,
        chosen=chosen.index,
        place=chosen.place,
        variance=chosen.variance,
        losses=np.asarray(inversion.station_losses(network)),
        share=share,
        removed=removed.rows,
        removed_variance=removed.variance,
        since=since,
    )


def _regions(plan: config.NetworkPlan, names: tuple[str, ...]) -> list[int]:
    """Numbers of the regions that count."""
    for name in plan.regions:
        if name not in names:
            raise ValueError(unknown_word("network.regions", name, names))
    return [names.index(name) for name in plan.regions or names]


def _warn_of_what_is_left_out(study: config.Study) -> None:
    days = study.inversion.correlation_time_days
    if days:
        logger.warning(
            "gains and losses of [network] are those of single days; what "
            "inversion.correlation_time_days = %g brings from other days is left out",
            days,
        )
    if study.inversion.grace:
        logger.warning(
            "gains and losses of [network] are those of heights; what inversion.grace "
            "adds to them is left out"
        )


def _existing(
    plan: config.NetworkPlan,
    model: Model,
    settled: tuple[inversion.Noise, float],
    of_stations: tuple[xr.Dataset, Floats],
) -> tuple[inversion.MonitoringNetwork, Floats, np.datetime64]:
    """The existing network, which share of the days each observes, and since when."""
    gnss, averages = of_stations
    noise, beta = settled
    time = gnss.time.values
    since = np.datetime64(plan.since or time[-1] - YEAR, "ns")
    epochs = np.flatnonzero(time >= since)
    if not len(epochs):
        raise ValueError(
            f"network.since is {plan.since}, but the record ends on "
            f"{str(time[-1])[:10]}; give an earlier day"
        )
    up = model.up[epochs]
    data = inversion.observations(up, noise_at(noise, epochs), share_inverse=False)
    factor = inversion.factorise(model.problem, data, beta)
    with error_context("network.since" if plan.since else "network"):
        network = inversion.monitoring_network(factor, model.prior, averages)
    return network, np.isfinite(up).mean(axis=0), time[epochs[0]]


def _with_sigma(
    plan: config.NetworkPlan, places: NewPlaces, network: inversion.MonitoringNetwork
) -> NewPlaces:
    """Standard errors where the list of candidates states none."""
    usual = plan.sigma_mm
    if not usual:
        usual = float(np.median(np.asarray(network.noise.sigma)[network.observed]))
    sigma = np.where(np.isnan(places.sigma), usual, places.sigma)
    return dataclasses.replace(places, sigma=sigma)


@dataclasses.dataclass(frozen=True, eq=False)
class _Chosen:
    """As of `PlannedNetwork`."""

    index: NDArray[np.int64]
    place: Floats
    variance: Floats
    gains: Floats


def _chosen(
    study: config.Study,
    network: inversion.MonitoringNetwork,
    places: NewPlaces,
    grid: sphere.Grid,
    weights: Floats,
) -> _Chosen:
    plan = study.network
    assert plan is not None
    sigma = places.sigma / np.sqrt(plan.observed_share)
    design = make_design(study, places, grid)
    with error_context("network"):
        design = inversion.design_network(
            network,
            inversion.candidates(design, sigma),
            plan.count,
            weights=weights,
            search=plan.search,
            costs=places.cost if plan.budget else None,
            budget=plan.budget or None,
            exclude=_too_close(plan, places),
        )
    place = np.stack([places.lon, places.lat], axis=1)[design.chosen]
    chosen = _Chosen(design.chosen, place, design.variance, design.gains)
    if not plan.refine:
        return chosen
    return _refined(study, network, chosen, (grid, places, weights))


def _too_close(plan: config.NetworkPlan, places: NewPlaces) -> NDArray[np.bool_] | None:
    """Pairs of candidates that stand closer than new stations may."""
    if not plan.apart_km:
        return None
    vector = np.asarray(sphere.unit_vectors(places.lon, places.lat))
    angle = 1e3 * plan.apart_km / EARTH_RADIUS
    return np.asarray(vector @ vector.T > np.cos(min(angle, np.pi)))


def _refined(
    study: config.Study,
    network: inversion.MonitoringNetwork,
    chosen: _Chosen,
    about: tuple[sphere.Grid, NewPlaces, Floats],
) -> _Chosen:
    """Chosen places moved by the gradient, judged by the design matrix of the study."""
    grid, places, weights = about
    assert study.network is not None
    sigma = places.sigma[chosen.index] / np.sqrt(study.network.observed_share)
    lon, lat = chosen.place.T
    response = make_moving_design(study, grid, _farthest(chosen.place, grid))
    moved = inversion.refine_places(
        network, response, (lon, lat), sigma, reach=places.spacing / 2, weights=weights
    )
    there = _Places(moved.lon, moved.lat)
    design = make_design(study, there, grid)
    steps = [chosen.variance[0]]
    for end in range(1, len(lon) + 1):
        some = inversion.candidates(design[:end], sigma[:end])
        steps.append(np.diag(np.asarray(inversion.covariance_with(network, some))))
    if steps[-1] @ weights >= chosen.variance[-1] @ weights:
        return chosen
    place = np.stack([moved.lon, moved.lat], axis=1)
    return dataclasses.replace(chosen, place=place, variance=np.stack(steps))


@dataclasses.dataclass(frozen=True, eq=False)
class _Places:
    lon: Floats
    lat: Floats


def _farthest(place: Floats, grid: sphere.Grid) -> float:
    """Distance beyond which no moved place is from a cell [degrees]."""
    lon, lat = place.T[:, :, None]
    arc = sphere.angular_distance(lon, lat, grid.lon[None], grid.lat[None])
    return float(np.max(np.asarray(arc))) + 2 * grid.spacing + 1


def _removed(
    plan: config.NetworkPlan, network: inversion.MonitoringNetwork, weights: Floats
) -> inversion.RemovalOrder:
    """Those that matter least, as many as there are to spare."""
    spare = int(np.asarray(network.observed).sum()) - 1
    spare -= network.problem.null_space.shape[1]
    count = min(plan.least, spare)
    if count < 1:
        nothing = np.zeros(0, np.int64)
        return inversion.RemovalOrder(nothing, np.asarray(network.variance)[None])
    return inversion.removal_order(network, count, weights=weights)
