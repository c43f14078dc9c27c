"""Amplitudes of a network's spectra by maximum likelihood."""

import dataclasses
import functools
import itertools
import logging
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jax import Array
from jax.typing import ArrayLike
from numpy.typing import NDArray

from jaxload._check import check_shapes
from jaxload.inversion.linalg.spd import einsum, inverse_and_log_determinant
from jaxload.inversion.spectral.spectra import (
    NetworkCovariance,
    NetworkSpectra,
    spectral_densities,
)

__all__ = ["SpectraFit", "UnsuitableRecord", "complete_rows", "fit_spectra"]

logger = logging.getLogger(__name__)

#: Windows of a record, its epochs in one at least, and rows that one takes at most.
WINDOWS, SHORTEST, ROWS = 3, 256, 128

#: Rows with a larger share of epochs count in a window, and how many are needed.
COMPLETE, FEWEST = 0.9, 8

#: Bands of frequencies in a window.
BANDS = 20

#: Relative decrease of the misfit in the last step of the search.
LAST_DECREASE = 2.220446049250313e-09

#: Slopes of the load's spectrum, and lengths in the unit of the distances' median.
SLOPES, LENGTHS = (0.5, 3.0), (0.1, 5.0)


class UnsuitableRecord(ValueError):
    """A record from which spectra of a network cannot be estimated."""


@dataclasses.dataclass(frozen=True, eq=False)
class _CrossSpectra:
    """Cross-spectra averaged over bands of windows.

    Attributes:
      rows: Of each window, shape (window, row).
      period: Of each band [epochs], shape (band,).
      count: Frequencies in each band, shape (band,).
      spectra: In units of sigma, shape (window, band, row, row).
    """

    rows: NDArray[np.int64]
    period: NDArray[np.float64]
    count: NDArray[np.int64]
    spectra: NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class SpectraFit:
    """Spectra of the greatest likelihood.

    Attributes:
      spectra: The amplitudes.
      log_likelihood: Of the cross-spectra, but for a constant.
      converged: Whether the maximum was found.
      rows: Rows that were used in a window.
      windows: Number of windows.
    """

    spectra: NetworkSpectra
    log_likelihood: float
    converged: bool
    rows: int
    windows: int


def fit_spectra(
    network: NetworkCovariance,
    values: ArrayLike,
    *,
    memory: float,
    reference: float,
    slope: float | None = 2.0,
    watch: Callable[[float], None] | None = None,
) -> SpectraFit:
    """Estimate spectra of load and noise from a record without seasons.

    The likelihood is Whittle's: of the cross-spectra of all pairs of rows with few
    gaps, averaged over bands, in three windows of the record, but for those with less
    than half as many such rows as the best. Gaps of these rows, 10%
    at most, are filled linearly, which lowers the density of noise by that share.

    Args:
      network: From `network_covariance`.
      values: Displacement at equal steps of time, without offset, trend and seasons
        [mm], shape (epoch, row); NaN if missing.
      memory: Longest period up to which noise that stations share grows [epochs]. The
        data cannot tell slow noise that all stations share from slow load.
      reference: Period at which the load's density is stated [epochs].
      slope: Of the load's spectrum; 2 is that of storage which adds up white supply.
        None estimates it.
      watch: Called with the share of the search that is done, as the decrease of the
        misfit in a step has come down to that of the last one.

    Returns:
      The `SpectraFit`.

    Raises:
      ValueError: If shapes disagree.
      UnsuitableRecord: If the record is too short, or too few rows have few gaps.

    Source:
      Whittle (1953), doi:10.1007/BF02590998; of averaged cross-spectra: Brillinger
      (1981), Time Series: Data Analysis and Theory, section 7.3.
    """
    values = np.asarray(values, dtype=np.float64)
    check_shapes(values=(values, "epoch row"), sigma=(network.sigma, "row"))
    cross = _cross_spectra(values / np.asarray(network.sigma))
    start, bounds = _start(network, cross)
    if slope is not None:
        start[1], bounds[1] = slope, (slope, slope)
    value = jax.jit(functools.partial(_misfit, network, cross, (memory, reference)))

    def evaluate(free: NDArray) -> tuple[float, NDArray]:
        misfit, slope = value(free)
        return float(misfit), np.asarray(slope, np.float64)

    result = scipy.optimize.minimize(
        evaluate, start, jac=True, method="L-BFGS-B", bounds=bounds,
        options={"maxiter": 200, "ftol": LAST_DECREASE},
        callback=None if watch is None else _watched(watch),
    )  # fmt: skip
    spectra = _spectra(jnp.asarray(result.x), memory, reference)
    spectra = jax.tree.map(float, spectra)
    windows, rows = cross.rows.shape
    logger.info("spectra from %d windows of %d stations: %s", windows, rows, spectra)
    return SpectraFit(spectra, -float(result.fun), bool(result.success), rows, windows)


def _watched(
    watch: Callable[[float], None],
) -> Callable[[scipy.optimize.OptimizeResult], None]:
    """Report from the steps of a search how far it is.

    Decreases come down by about the same factor from step to step.
    """
    values: list[float] = []
    reached = 0.0

    def note(intermediate_result: scipy.optimize.OptimizeResult) -> None:
        nonlocal reached
        values.append(float(intermediate_result.fun))
        decreases = -np.diff(values)
        known = decreases[decreases > 0] / max(abs(values[-1]), 1.0)
        if len(known) > 1 and known[0] > LAST_DECREASE:
            smallest = max(float(known.min()), LAST_DECREASE)
            share = np.log(known[0] / smallest) / np.log(known[0] / LAST_DECREASE)
            reached = max(reached, float(share))
        watch(reached)

    return note


def complete_rows(values: ArrayLike) -> int:
    """Count the rows that `fit_spectra` takes in each window.

    Args:
      values: As for it.

    Returns:
      Their number; 0 if they are too few.
    """
    used = _used_windows(_windows(np.asarray(values)))
    return min((int(_is_complete(part).sum()) for part in used), default=0)


def _windows(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    count = WINDOWS if len(values) >= WINDOWS * SHORTEST else 1
    length = len(values) // count
    return [values[i * length : (i + 1) * length] for i in range(count)]


def _used_windows(parts: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Those that have at least half as many complete rows as the best, or can use."""
    counts = [int(_is_complete(part).sum()) for part in parts]
    least = max(FEWEST, min(ROWS, max(counts)) // 2)
    return [part for part, count in zip(parts, counts) if count >= least]


def _is_complete(part: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.isfinite(part).mean(axis=0) > COMPLETE


def _spectra(free: Array, memory: float, reference: float) -> NetworkSpectra:
    """Amplitudes from the logarithms that are sought, the slope as it is."""
    load, slope, *rest = free
    names = [field.name for field in dataclasses.fields(NetworkSpectra)][2:-2]
    amplitudes = {name: jnp.exp(value) for name, value in zip(names, rest)}
    return NetworkSpectra(
        jnp.exp(load), slope, **amplitudes, memory=memory, reference=reference
    )


def _misfit(
    network: NetworkCovariance,
    cross: _CrossSpectra,
    shape: tuple[float, float],
    free: Array,
) -> tuple[Array, Array]:
    """Whittle's misfit of all windows and bands per degree of freedom, with its slope.

    With the covariance A of a band and its cross-spectrum S the misfit ``log|A| +
    tr(A^-1 S)`` changes with an amplitude by ``tr((A^-1 - A^-1 S A^-1) dA)``.
    """
    count = jnp.asarray(cross.count, network.gram.dtype)

    def one(free: Array, window: tuple[Array, Array]) -> tuple[Array, Array]:
        rows, observed = window
        part = dataclasses.replace(
            network,
            sigma=network.sigma[rows],
            gram=network.gram[jnp.ix_(rows, rows)],
            common=network.common[rows],
            distance=network.distance[jnp.ix_(rows, rows)],
        )
        spectra = _spectra(free, *shape)
        densities = spectral_densities(spectra, cross.period)
        matrix = jax.vmap(lambda density: part.matrix(spectra, density))(densities)
        weight, log_determinant = inverse_and_log_determinant(
            jax.lax.stop_gradient(matrix)
        )
        image = einsum("bij,bjk->bik", weight, observed)
        misfit = log_determinant + jnp.trace(image, axis1=1, axis2=2)
        change = weight - einsum("bij,bjk->bik", image, weight)
        slope = jnp.sum(change * matrix, axis=(1, 2))
        return jnp.sum(count * slope), jnp.sum(count * misfit)

    slope, total = jnp.zeros_like(free), jnp.zeros(())
    degrees = float(cross.count.sum() * cross.rows.size)
    for window in zip(jnp.asarray(cross.rows), jnp.asarray(cross.spectra)):
        slope_of_window, misfit = jax.grad(one, has_aux=True)(free, window)
        slope, total = slope + slope_of_window, total + misfit
    return total / degrees, slope / degrees


def _start(network: NetworkCovariance, cross: _CrossSpectra) -> tuple[NDArray, list]:
    """Where the search begins, and its bounds."""
    power = np.einsum("wbrr->b", cross.spectra) / cross.rows.size
    fast, slow = power[-1], power[0]
    common = np.asarray(network.common)
    unit = fast / np.mean(common[common > 0] ** 2)
    typical = np.median(np.asarray(network.distance)[np.triu_indices(len(common), 1)])
    gram = float(jnp.mean(jnp.diag(network.gram)))
    longest = cross.period[0]
    amplitudes = [
        slow / gram / 2,
        0.6 * fast,
        0.5 * slow / longest,
        0.05 * slow / longest**2,
        0.2 * unit,
        0.02 * unit,
        0.2 * unit,
        0.02 * unit,
    ]
    tiny = np.log(1e-6)
    load, *rest = np.log(amplitudes)
    start = [load, 1.5, *rest, np.log(typical)]
    wide = [(x + tiny, x - tiny) for x in rest]
    low, high = np.log(np.array(LENGTHS) * typical)
    return np.array(start), [(load + tiny, load - tiny), SLOPES, *wide, (low, high)]


def _cross_spectra(values: NDArray[np.float64]) -> _CrossSpectra:
    """Average cross-spectra over bands, in windows of the record."""
    parts, epochs = _windows(values), len(values)
    length = len(parts[0])
    if length < SHORTEST // 2:
        raise UnsuitableRecord(
            f"the record has {epochs} epochs; spectra of a network need "
            f"{SHORTEST // 2} or more"
        )
    used = _used_windows(parts)
    if not used:
        raise UnsuitableRecord(
            f"no {FEWEST} stations observed more than {100 * COMPLETE:.0f}% of a "
            f"window of {length} epochs; spectra of a network need them, otherwise "
            "take errors as independent"
        )
    count = min(ROWS, *(int(_is_complete(part).sum()) for part in used))
    edges = np.unique(np.geomspace(2, length // 2, BANDS + 1).round().astype(int))
    rows, spectra = [], []
    for part in used:
        share = np.isfinite(part).mean(axis=0)
        chosen = np.sort(np.argsort(-share, kind="stable")[:count])
        rows.append(chosen)
        spectra.append(_averaged(_tapered(part[:, chosen]), edges))
    middles = [np.mean(np.arange(a, b)) for a, b in itertools.pairwise(edges)]
    period = length / np.array(middles)
    return _CrossSpectra(np.array(rows), period, np.diff(edges), np.array(spectra))


def _tapered(part: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Fourier amplitudes of a window, whose ends are tapered by half a sine."""
    epochs = np.arange(len(part))
    full = np.empty_like(part)
    for row, series in enumerate(part.T):
        seen = np.isfinite(series)
        full[:, row] = np.interp(epochs, epochs[seen], series[seen])
    taper = np.sin(np.pi * (epochs + 0.5) / len(part))[:, None]
    full = (full - full.mean(axis=0)) * taper / np.sqrt(np.mean(taper**2))
    return np.fft.rfft(full, axis=0) / np.sqrt(len(part))


def _averaged(
    amplitude: NDArray[np.complex128], edges: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Cross-spectra averaged between edges, real parts, shape (band, row, row)."""
    parts = [amplitude[a:b] for a, b in itertools.pairwise(edges)]
    return np.array([np.real(p.conj().T @ p) / len(p) for p in parts])
