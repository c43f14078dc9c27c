"""Relaxation times of series after earthquakes, chosen among candidates."""

import dataclasses
import functools

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxload.series.fitting.trajectory import TERM_KINDS, Events, Terms, fit_trajectory

__all__ = ["relaxation_times"]


def relaxation_times(
    values: ArrayLike,
    years: ArrayLike,
    events: Events,
    candidates: ArrayLike,
    *,
    sigma: ArrayLike | None = None,
    terms: Terms | None = None,
) -> Events:
    """Choose for each station the relaxation time that leaves least.

    All exponential terms of a station get one time, then all logarithmic ones.

    Args:
      values: Series, shape (epoch, station); NaN if missing.
      years: Time [years], ascending, shape (epoch,).
      events: Steps and relaxations, whose relaxation times are not used unless no
        candidate does better.
      candidates: Relaxation times to try [years], shape (candidate,).
      sigma: Standard error of the values, same shape or (station,).
      terms: Trend and seasons.

    Returns:
      Events with the best relaxation times.

    Raises:
      ValueError: If shapes disagree.
    """
    fit = functools.partial(fit_trajectory, values, years, sigma=sigma, terms=terms)
    for kind in TERM_KINDS[4:]:
        least = fit(events=events).scatter
        for candidate in np.asarray(candidates):
            old = getattr(events, kind)
            new = jnp.asarray(old).at[:, :, 1].set(candidate)
            scatter = fit(events=dataclasses.replace(events, **{kind: new})).scatter
            better = (scatter < least)[:, None, None]
            events = dataclasses.replace(events, **{kind: jnp.where(better, new, old)})
            least = jnp.minimum(scatter, least)
    return events
