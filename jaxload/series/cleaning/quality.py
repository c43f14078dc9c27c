"""How good series are, and which of them are not elastic loading."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.series.fitting.coloured_noise import GAUSSIAN
from jaxload.series.fitting.trajectory import (
    Events,
    Trajectory,
    evaluate_trajectory,
    fit_trajectory,
    prepared,
)

__all__ = ["Family", "Quality", "Suspicion", "assess", "suspects"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Quality:
    """Scores of each station, each of shape (station,).

    Attributes:
      count: Number of observations.
      completeness: Share of the epochs that have one [-].
      span: Time from the first observation to the last [years].
      scatter: Weighted root mean square about the trajectory [unit of the series].
      noise: Standard deviation of fast noise, from differences of neighbours [unit of
        the series].
      rate: Rate [unit of the series per year].
      amplitude: Annual amplitude [unit of the series].
      peak: Time of the annual maximum after the first of January [years, 0 to 1].
      steps: Number of steps that were fitted.
    """

    count: Array
    completeness: Array
    span: Array
    scatter: Array
    noise: Array
    rate: Array
    amplitude: Array
    peak: Array
    steps: Array


@dataclasses.dataclass(frozen=True)
class Family:
    """Settings: what is out of family.

    Attributes:
      neighbours: Nearest stations with which each one is compared.
      limit: Largest robust z-score of rate, amplitude and slow scatter.
      rate: Least spread of rates [unit of the series per year], lest neighbours that
        agree make every other station an outlier.
      amplitude: The same of annual amplitudes and of scatter [unit of the series].
      phase: Largest difference of the annual maximum from that of the neighbours
        [years]; a quarter and more is opposite.
      season: Largest robust z-score of the annual term as a vector, below which its
        phase is no reason for suspicion. With 3, none of 332 stations of the western
        United States is suspected, and 96% of those with more than 3 mm of annual
        amplitude would be, were their season turned round.
      significant: Amplitude in units of `scatter` below which a phase says nothing.
    """

    neighbours: int = 20
    limit: float = 5.0
    rate: float = 1.0
    amplitude: float = 1.0
    phase: float = 0.25
    season: float = 3.0
    significant: float = 0.1

    def __post_init__(self) -> None:
        if self.neighbours < 3:
            raise ValueError(
                f"neighbours is {self.neighbours}, expected 3 or more, as the "
                "median of fewer says nothing"
            )


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Suspicion:
    """How far each station is from its neighbours, each of shape (station,).

    Attributes:
      rate: Robust z-score of the rate [-].
      amplitude: Robust z-score of the annual amplitude [-].
      scatter: Robust z-score of the slow scatter [-]: of what is left of the scatter
        without noise from day to day, which a receiver may have much of.
      season: Robust z-score of the annual term as a vector [-].
      phase: Difference of the annual maximum from that of the neighbours [years, -0.5
        to 0.5]; zero where either has no annual term to speak of.
      by_rate: Whether the rate is out of family, of either sign.
      by_amplitude: Whether the annual amplitude is.
      by_scatter: Whether the slow scatter is larger than the family's.
      by_phase: Whether the annual maximum comes at another time of the year, by an
        annual term that differs from the neighbours' by more than these do.
    """

    rate: Array
    amplitude: Array
    scatter: Array
    season: Array
    phase: Array
    by_rate: Array
    by_amplitude: Array
    by_scatter: Array
    by_phase: Array

    @property
    def suspect(self) -> Array:
        """Whether the series is likely not elastic loading, for any of the reasons."""
        return self.by_rate | self.by_amplitude | self.by_scatter | self.by_phase


def assess(
    values: ArrayLike,
    years: ArrayLike,
    *,
    sigma: ArrayLike | None = None,
    events: Events | None = None,
) -> Quality:
    """Score each station.

    Args:
      values: Series, shape (epoch, station); NaN if missing.
      years: Time [years], ascending, shape (epoch,).
      sigma: Standard error of the values, same shape or (station,).
      events: Steps and relaxations that are known.

    Returns:
      The `Quality`; NaN where a station has too few data to say.

    Raises:
      ValueError: If shapes disagree.
    """
    data, years, weight, _ = prepared(values, years, sigma, events)
    seen = weight > 0
    series = jnp.where(seen, data, jnp.nan)
    fit = fit_trajectory(series, years, sigma=sigma, events=events)
    return _scored(series, years, weight, fit)


@jax.jit
def _scored(series: Array, years: Array, weight: Array, fit: Trajectory) -> Quality:
    """Scores of series and of what their trajectories leave of them."""
    seen = weight > 0
    left = series - evaluate_trajectory(fit, years)
    amplitude, peak = fit.season(1.0)
    count = seen.sum(axis=0)
    return Quality(
        count=count,
        completeness=count.astype(series.dtype) / len(years),
        span=_span(seen, years),
        scatter=_wrms(left, weight, fit.freedom > 0),
        noise=GAUSSIAN / np.sqrt(2) * jnp.nanmedian(jnp.abs(jnp.diff(left, axis=0)), 0),
        rate=fit.rate,
        amplitude=amplitude,
        peak=peak,
        steps=jnp.isfinite(fit.step_sizes).sum(axis=1),
    )


def _span(seen: Array, years: Array) -> Array:
    clock = jnp.broadcast_to(years[:, None], seen.shape)
    first = jnp.min(jnp.where(seen, clock, jnp.inf), axis=0)
    last = jnp.max(jnp.where(seen, clock, -jnp.inf), axis=0)
    return jnp.maximum(last - first, 0)


def _wrms(left: Array, weight: Array, enough: Array) -> Array:
    total = weight.sum(axis=0)
    square = jnp.where(weight > 0, weight * left**2, 0).sum(axis=0)
    return jnp.sqrt(jnp.where(enough, square / jnp.where(enough, total, 1), jnp.nan))


def suspects(
    quality: Quality, distance: ArrayLike, settings: Family | None = None
) -> Suspicion:
    """Find stations that do not move as their neighbours do.

    The load of water is felt over hundreds of kilometres, so that rates, seasons and
    their phases are much the same at stations near each other; ground that is pumped,
    thaws or slides is not.

    Not for: networks of a few stations, or where rates of tectonics or glacial isostasy
    change from station to station; take those out first.

    Args:
      quality: From `assess`.
      distance: Between stations, in any unit, shape (station, station).
      settings: What is out of family.

    Returns:
      The `Suspicion`; a station without data is no suspect and nobody's neighbour.

    Raises:
      ValueError: If shapes disagree or there are fewer than 4 stations.
    """
    settings = Family() if settings is None else settings
    distance = jnp.asarray(distance, quality.rate.dtype)
    check_shapes(rate=(quality.rate, "station"), distance=(distance, "station other"))
    check_shapes(distance=(distance, "station station"))
    if len(distance) < 4:
        raise ValueError(
            f"there are {len(distance)} stations, expected 4 or more to tell which one "
            "is out of family"
        )
    return _suspicion(quality, distance, settings)


@functools.partial(jax.jit, static_argnames="settings")
def _suspicion(quality: Quality, distance: Array, settings: Family) -> Suspicion:
    near = _nearest(quality, distance, settings)
    rate = _robust(quality.rate, near, settings.rate)
    amplitude = _robust(quality.amplitude, near, settings.amplitude)
    slow = jnp.sqrt(jnp.maximum(quality.scatter**2 - quality.noise**2, 0))
    scatter = _robust(slow, near, settings.amplitude)
    season = _season_distance(_annual(quality), near, settings.amplitude)
    phase = _phase(quality, near, settings)
    return Suspicion(
        rate,
        amplitude,
        scatter,
        season,
        phase,
        jnp.abs(rate) > settings.limit,
        jnp.abs(amplitude) > settings.limit,
        scatter > settings.limit,
        (jnp.abs(phase) >= settings.phase) & (season > settings.season),
    )


def _annual(quality: Quality) -> Array:
    """The annual term as a vector in the plane, shape (station, 2)."""
    turn = 2 * np.pi * quality.peak
    both = jnp.stack([jnp.cos(turn), jnp.sin(turn)], axis=1)
    return quality.amplitude[:, None] * both


def _nearest(quality: Quality, distance: Array, settings: Family) -> Array:
    """The nearest other stations with data, shape (station, neighbour)."""
    number = len(distance)
    itself = jnp.eye(number, dtype=bool)
    without = jnp.isnan(quality.rate)[None, :]
    away = jnp.where(itself | without, jnp.inf, distance)
    return jnp.argsort(away, axis=1)[:, : min(settings.neighbours, number - 1)]


def _robust(scores: Array, near: Array, least: float) -> Array:
    """Distance from the median of the neighbours, in their robust spread."""
    family = scores[near]
    middle = jnp.nanmedian(family, axis=1)
    spread = GAUSSIAN * jnp.nanmedian(jnp.abs(family - middle[:, None]), axis=1)
    scaled = (scores - middle) / jnp.maximum(spread, least)
    return jnp.where(jnp.isfinite(scaled), scaled, 0)


def _season_distance(annual: Array, near: Array, least: float) -> Array:
    """Distance of annual terms from the neighbours' median, in their robust spread."""
    family = annual[near]
    middle = jnp.nanmedian(family, axis=1)
    apart = jnp.linalg.norm(family - middle[:, None, :], axis=2)
    spread = jnp.maximum(GAUSSIAN * jnp.nanmedian(apart, axis=1), least)
    away = jnp.linalg.norm(annual - middle, axis=1) / spread
    return jnp.where(jnp.isfinite(away), away, 0)


def _phase(quality: Quality, near: Array, settings: Family) -> Array:
    """Difference of the annual maximum from that of the neighbours [years]."""
    turn = jnp.exp(2j * np.pi * quality.peak.astype(complex))
    clear = quality.amplitude > settings.significant * quality.scatter
    family = jnp.where(clear[near], turn[near], 0).sum(axis=1)
    # Neighbours whose own phases do not agree say nothing either.
    agree = jnp.abs(family) > 0.5 * clear[near].sum(axis=1).astype(quality.peak.dtype)
    angle = jnp.angle(turn * jnp.conj(family)) / (2 * np.pi)
    return jnp.where(clear & agree, angle, 0)
