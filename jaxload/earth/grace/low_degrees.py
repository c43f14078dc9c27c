"""A series of Stokes coefficients made ready: low degrees, mean, steady change."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import ArrayLike

from jaxload.earth.grace.stokes import Stokes
from jaxload.sphere.harmonics.coefficients import Harmonics, last_degree

__all__ = [
    "LowDegrees",
    "low_degrees_of",
    "remove_mean",
    "remove_rate",
    "replace_low_degrees",
    "stokes_of",
]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class LowDegrees:
    """Coefficients known better from elsewhere; NaN leaves what there is.

    Attributes:
      c10: Fully normalised [-], shape (epoch,), as are all.
      c11: Cosine of degree 1, order 1.
      s11: Sine of degree 1, order 1.
      c20: Flattening.
      c30: Zonal of degree 3.
    """

    c10: ArrayLike
    c11: ArrayLike
    s11: ArrayLike
    c20: ArrayLike
    c30: ArrayLike


def stokes_of(dataset: Any) -> Stokes:
    """Take coefficients out of a dataset.

    Args:
      dataset: Anything with ``cosine`` and ``sine`` [-], shape (..., degree, order),
        ``gm`` [m3/s2] and ``radius`` [m], such as what `jaxload.io` reads.

    Returns:
      The coefficients, without their labels.

    Example:
      >>> stokes = stokes_of(io.read_level2(files))
    """
    waves = (jnp.asarray(np.asarray(x)) for x in (dataset.cosine, dataset.sine))
    return Stokes(Harmonics(*waves), float(dataset.gm), float(dataset.radius))


def low_degrees_of(first: Any, zonal: Any) -> LowDegrees:
    """Take low degrees out of GRACE's technical notes 13 and 14.

    Args:
      first: Anything with ``c10``, ``c11`` and ``s11`` [-], shape (epoch,).
      zonal: Anything with ``c20`` and ``c30`` [-], shape (epoch,).

    Returns:
      The low degrees, without their labels.

    Example:
      >>> notes = (io.read_tn13(degree_one_file), io.read_tn14(zonal_file))
      >>> low = low_degrees_of(*(io.match_months(n, gsm.time) for n in notes))
      >>> stokes = replace_low_degrees(stokes_of(gsm), low)
    """
    rows = (first.c10, first.c11, first.s11, zonal.c20, zonal.c30)
    return LowDegrees(*(jnp.asarray(np.asarray(row)) for row in rows))


def replace_low_degrees(stokes: Stokes, low: LowDegrees) -> Stokes:
    """Put in degree 1, C20 and C30 from elsewhere.

    They must be of the kind that is replaced: full values into full values, changes
    into changes since the same date.

    Args:
      stokes: Coefficients to degree 3 at least, shape (epoch, degree, order).
      low: The others, shape (epoch,); where NaN, what there is stays.

    Returns:
      The coefficients, replaced.

    Raises:
      ValueError: If there are not as many epochs, or the degree is below 3.
    """
    harmonics, last = stokes.harmonics, last_degree(stokes.harmonics)
    epochs = jnp.shape(harmonics.cosine)[0]
    shapes = {x.name: jnp.shape(getattr(low, x.name)) for x in dataclasses.fields(low)}
    wrong = [name for name, shape in shapes.items() if shape != (epochs,)]
    if jnp.ndim(harmonics.cosine) != 3 or last < 3 or wrong:
        raise ValueError(
            f"stokes has shape {jnp.shape(harmonics.cosine)} and the replacements have "
            f"{shapes}, expected (epoch, degree, order) to degree 3 at least and "
            "(epoch,): match them by time first"
        )
    cosine, sine = jnp.asarray(harmonics.cosine), jnp.asarray(harmonics.sine)
    for degree, order, values in (
        (1, 0, low.c10),
        (1, 1, low.c11),
        (2, 0, low.c20),
        (3, 0, low.c30),
    ):
        cosine = _put(cosine, degree, order, values)
    replaced = Harmonics(cosine, _put(sine, 1, 1, low.s11))
    return dataclasses.replace(stokes, harmonics=replaced)


def remove_mean(stokes: Stokes, baseline: ArrayLike | None = None) -> Stokes:
    """Refer coefficients to their mean over some epochs.

    Args:
      stokes: Coefficients, shape (epoch, degree, order).
      baseline: Which epochs make the mean, shape (epoch,), boolean; all if None.

    Returns:
      The anomalies.

    Raises:
      ValueError: If no epoch is chosen, or not every one is said to be or not.
    """
    epochs = jnp.shape(stokes.harmonics.cosine)[0]
    chosen = np.ones(epochs, bool) if baseline is None else np.asarray(baseline)
    if chosen.shape != (epochs,) or chosen.dtype != bool or not chosen.any():
        raise ValueError(
            f"baseline has shape {chosen.shape}, type {chosen.dtype} and "
            f"{np.count_nonzero(chosen)} epochs chosen, expected ({epochs},) of bool "
            "with at least one True"
        )
    anomaly = lambda x: x - x[chosen].mean(axis=0, keepdims=True)
    return jax.tree.map(_epochwise(anomaly), stokes)


def remove_rate(stokes: Stokes, rate: Harmonics, years: ArrayLike) -> Stokes:
    """Take away a steady change, such as that of glacial isostatic adjustment.

    Args:
      stokes: Coefficients, shape (epoch, degree, order).
      rate: Change [1/year], shape (degree, order), of the same degree.
      years: Time from a common origin [years], shape (epoch,).

    Returns:
      What is left.

    Raises:
      ValueError: If shapes disagree.
    """
    harmonics = stokes.harmonics
    years = jnp.asarray(years, jnp.float64)
    expected = (*years.shape, *jnp.shape(rate.cosine))
    if (
        last_degree(rate) != last_degree(harmonics)
        or harmonics.cosine.shape != expected
    ):
        raise ValueError(
            f"stokes has shape {harmonics.cosine.shape}, but rate and years ask for "
            f"{expected}; cut them to one degree"
        )
    left = lambda x, r: jnp.asarray(x) - years[:, None, None] * jnp.asarray(r)[None]
    cosine = left(harmonics.cosine, rate.cosine)
    sine = left(harmonics.sine, rate.sine)
    return dataclasses.replace(stokes, harmonics=Harmonics(cosine, sine))


def _epochwise(function):
    """Act on arrays that have epochs, leave scalars as they are."""
    return lambda x: function(jnp.asarray(x)) if jnp.ndim(x) > 0 else x


def _put(array: Array, degree: int, order: int, values: ArrayLike) -> Array:
    values = jnp.asarray(values, array.dtype)
    kept = jnp.where(jnp.isnan(values), array[:, degree, order], values)
    return array.at[:, degree, order].set(kept)
