"""Series from their strongest periods, gaps and all."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.series.batches import by_station
from jaxload.series.fitting.regression import products, regress

__all__ = ["Reconstruction", "reconstruct"]

#: Stations that are reconstructed side by side.
BATCH = 16

#: Choices of periods after which to stop; a few are enough.
MOST = 50


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Reconstruction:
    """Series made of a few periods.

    Attributes:
      values: Mean and periods in the unit of the series, shape (epoch, station), in
        gaps too; NaN for stations with fewer values than terms.
      periods: In epochs, the strongest first, shape (period, station).
      amplitudes: Of each period in the unit of the series, same shape.
      explained: Share of the variance about the mean that they explain together, where
        the series was seen [-], shape (station,).
      converged: Whether the choice of periods came to rest, shape (station,).
    """

    values: Array
    periods: Array
    amplitudes: Array
    explained: Array
    converged: Array


def reconstruct(
    values: ArrayLike, count: int = 8, *, hold: float = 0.01
) -> Reconstruction:
    """Keep the periods of a record that are strongest.

    Of the periods into which a discrete Fourier transform takes the record, those with
    the largest power are fitted by least squares; the gaps are filled with the fit, and
    the strongest periods chosen again, until they stay. Without gaps this is the
    inverse transform of the largest coefficients.

    Not for: series with a trend or steps, which would take up the periods; take them
    out with `detrended` first. Nor is what stands in long gaps an observation.

    Args:
      values: Series at equal intervals, shape (epoch, station); NaN if missing.
      count: Number of periods.
      hold: Weight with which gaps are held to the mean, relative to that of an
        observation, lest long ones are filled with anything.

    Returns:
      The `Reconstruction`.

    Raises:
      ValueError: If the record is too short for so many periods, or `hold` is negative.

    Example:
      >>> smooth = series.reconstruct(weekly, count=8).values

    Source:
      Foucart (2011), Hard thresholding pursuit, doi:10.1137/100806278; without the
      least squares that of Papoulis (1975), doi:10.1109/TCS.1975.1084118.
    """
    values = jnp.asarray(values)
    check_shapes(values=(values, "epoch station"))
    if not 1 <= count <= len(values) // 2:
        raise ValueError(
            f"count is {count}, expected 1 to {len(values) // 2} periods, as many as "
            f"{len(values)} epochs hold"
        )
    if not hold >= 0:
        raise ValueError(f"hold is {hold:g}, expected zero or a small positive number")
    return _reconstruct(values, count, hold)


@functools.partial(jax.jit, static_argnames=("count", "hold"))
def _reconstruct(values: Array, count: int, hold: float) -> Reconstruction:
    one = functools.partial(_one, count=count, hold=hold)
    # Terms of a fit as columns, and a few copies of the series.
    each = values.itemsize * len(values) * (4.0 * count + 16)
    reconstructed = by_station(one, values.T, most=BATCH, each=each)
    across = lambda x: x.T if x.ndim == 2 else x
    return jax.tree.map(across, reconstructed)


def _one(values: Array, count: int, hold: float) -> Reconstruction:
    seen = jnp.isfinite(values)
    number = seen.sum()
    mean = jnp.where(seen, values, 0).sum() / jnp.maximum(number, 1).astype(
        values.dtype
    )
    data = jnp.where(seen, values - mean, 0)
    weight = jnp.where(seen, 1, hold).astype(values.dtype)

    def again(state: tuple) -> Array:
        *_, settled, tried = state
        return ~settled & (tried < MOST)

    def once(state: tuple) -> tuple:
        series, old, _, _, tried = state
        chosen = _strongest(jnp.where(seen, data, series), count)
        series, terms = _fitted(data, weight, number, chosen)
        settled = (jnp.sort(chosen) == jnp.sort(old)).all() | seen.all()
        return series, chosen, terms, settled, tried + 1

    none = jnp.zeros(2 * count + 1, values.dtype)
    state = jnp.zeros_like(data), jnp.zeros(count, int), none, False, 0
    series, chosen, terms, settled, _ = jax.lax.while_loop(again, once, state)
    return _described(
        (values, seen, mean, series), (chosen, terms), settled & (number > 2 * count)
    )


def _strongest(series: Array, count: int) -> Array:
    """Turns in the record with the largest power, the mean apart, shape (count,)."""
    power = jnp.abs(jnp.fft.rfft(series)) ** 2
    # All but the shortest period of an even number of epochs stand for two.
    single = np.zeros(len(power), bool)
    single[-1] = len(series) % 2 == 0
    power = jnp.where(single, power / 2, power)
    return 1 + jax.lax.top_k(power[1:], count)[1].astype(int)


def _fitted(
    data: Array, weight: Array, number: Array, turns: Array
) -> tuple[Array, Array]:
    """The series of some periods, and mean, cosines and sines as its terms."""
    epochs = jnp.arange(len(data))
    # There are only as many phases as epochs, and integers lose no digits.
    phase = (epochs[:, None] * turns[None, :]) % len(data)
    angle = epochs.astype(data.dtype) * (2 * np.pi / len(data))
    constant = jnp.ones_like(data)[:, None]
    waves = [jnp.cos(angle)[phase], jnp.sin(angle)[phase]]
    basis = jnp.concatenate([constant, *waves], axis=1)
    terms = regress(products(basis, data, weight), number).estimates
    terms = jnp.where(jnp.isfinite(terms), terms, 0)
    return jnp.matmul(basis, terms, precision=jax.lax.Precision.HIGHEST), terms


def _described(series: tuple, terms: tuple, settled: Array) -> Reconstruction:
    values, seen, mean, fitted = series
    chosen, amplitudes = terms
    count = len(chosen)
    amplitude = jnp.hypot(amplitudes[1 : count + 1], amplitudes[count + 1 :])
    order = jnp.argsort(-amplitude)
    total = jnp.where(seen, (values - mean) ** 2, 0).sum()
    left = jnp.where(seen, (values - mean - fitted) ** 2, 0).sum()
    enough = seen.sum() > 2 * count
    return Reconstruction(
        values=jnp.where(enough, mean + fitted, jnp.nan),
        periods=len(values) / chosen[order].astype(values.dtype),
        amplitudes=jnp.where(enough, amplitude[order], jnp.nan),
        explained=jnp.where(enough, 1 - left / jnp.where(total > 0, total, 1), jnp.nan),
        converged=settled,
    )
