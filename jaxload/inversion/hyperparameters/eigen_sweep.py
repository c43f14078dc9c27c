"""Criteria at many weights of the prior from one eigenvalue decomposition.

Epochs that observe the same rows with the same noise share the eigenvectors of
``R^-1/2 G C G' R^-1/2``, and the data enter every criterion by the products of rows
summed over those epochs. What is left for each weight costs a product of two matrices
of the size of the network, however long the record.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jax import Array
from numpy.typing import NDArray

from jaxload.inversion.hyperparameters.sufficient_statistics import Sums
from jaxload.inversion.linalg.saddle_point import null_space_log_determinant
from jaxload.inversion.linalg.spd import einsum
from jaxload.inversion.noise import Noise, noise_covariance
from jaxload.inversion.problem import Problem

__all__ = ["Recurring", "Spectrum", "recurring_patterns", "spectrum", "swept"]


@dataclasses.dataclass(frozen=True, eq=False)
class Recurring:
    """Epochs of a record sorted by what they observe.

    Attributes:
      seen: Rows observed in each recurring pattern, shape (pattern, row).
      count: Epochs of each pattern, shape (pattern,).
      scatter: Sum of ``d d'`` over them [mm2], zero where missing, shape
        (pattern, row, row).
      others: The epochs of no recurring pattern, shape (epoch,).
    """

    seen: NDArray[np.bool_]
    count: NDArray[np.int64]
    scatter: NDArray[np.floating]
    others: NDArray[np.int64]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Spectrum:
    """The epochs of one pattern in the coordinates where all weights are diagonal.

    With b the square of beta, ``A_oo^-1 = basis diag(kept / (values + b)) basis'``.

    Attributes:
      values: Eigenvalues of the whitened gram matrix, shape (row,).
      basis: Eigenvectors, made white, as columns, shape (row, row).
      kept: Zero for the directions of missing rows and of free fields, else one.
      scatter: Sum over epochs of ``y y'`` with ``y = basis' d``, shape (row, row).
      determined: One at rows that are observed, and that the others determine.
      constant: What the log determinant holds beside the eigenvalues, scalar.
      observed: Number of rows observed, scalar.
      epochs: Their number, scalar.
    """

    values: Array
    basis: Array
    kept: Array
    scatter: Array
    determined: Array
    constant: Array
    observed: Array
    epochs: Array


def recurring_patterns(displacement: NDArray[np.floating]) -> Recurring:
    """Find which epochs share a pattern of gaps often enough to be taken together.

    That is as often as there are rows, since from there on the sum of products is
    shorter than the data; or always, which is a record without gaps.

    Args:
      displacement: Observed uplift [mm], shape (epoch, row); NaN if missing.

    Returns:
      The `Recurring` patterns and the other epochs.
    """
    displacement = np.ascontiguousarray(displacement)
    seen = np.isfinite(displacement)
    patterns, which, count = _distinct(seen)
    often = np.flatnonzero((count >= seen.shape[1]) | (len(count) == 1))
    empty = np.zeros((0, seen.shape[1], seen.shape[1]), displacement.dtype)
    scatters = [_scatter(displacement[which == pattern])[None] for pattern in often]
    return Recurring(
        patterns[often],
        count[often],
        np.concatenate([empty, *scatters]),
        np.flatnonzero(~np.isin(which, often)),
    )


def _distinct(
    seen: NDArray[np.bool_],
) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """The distinct rows, which of them each row is, and how often each occurs."""
    if seen.all():
        return seen[:1], np.zeros(len(seen), int), np.array([len(seen)])
    # Sorted as strings of bytes, which is many times faster than as rows.
    packed = np.packbits(seen, axis=1)
    _, first, which, count = np.unique(
        packed.view(f"S{packed.shape[1]}").ravel(),
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    return seen[first], which, count


def _scatter(values: NDArray[np.floating]) -> NDArray[np.floating]:
    values = np.where(np.isfinite(values), values, 0)
    return values.T @ values


def spectrum(
    problem: Problem,
    noise: Noise,
    seen: NDArray[np.bool_],
    scatter: NDArray[np.floating],
    epochs: int,
) -> Spectrum:
    """Decompose the systems that the epochs of one pattern share.

    On the host: LAPACK inside an XLA program may wait for threads that others hold.

    Args:
      problem: Design matrix and prior.
      noise: From `as_noise`, the same at all epochs.
      seen: Rows observed, boolean, shape (row,).
      scatter: Sum of ``d d'`` over the epochs [mm2], shape (row, row).
      epochs: Their number.

    Returns:
      The `Spectrum`.

    Source:
      Restricted to what the free fields do not explain: Patterson & Thompson (1971),
      doi:10.1093/biomet/58.3.545.
    """
    both = seen[:, None] & seen[None, :]
    missing = np.diag(~seen).astype(scatter.dtype)
    root = np.linalg.cholesky(np.where(both, noise_covariance(noise), missing))
    whiten = functools.partial(scipy.linalg.solve_triangular, root, lower=True)
    gram = whiten(whiten(np.where(both, problem.gram, 0)).T)
    q, log_drift = _orthonormal(
        whiten(np.where(seen[:, None], problem.null_space_response, 0))
    )
    # Moved above all others, what is missing or free can be told by its place.
    shift = 2 * abs(gram).sum(axis=1).max() + 1
    values, vectors = np.linalg.eigh(_without(gram, q) + shift * (missing + q @ q.T))
    kept = np.arange(len(seen)) < seen.sum() - q.shape[1]
    basis = whiten(vectors, trans=1)
    there = jnp.asarray(seen)[None, :]
    to = lambda part: jnp.asarray(part, scatter.dtype)
    return Spectrum(
        values=to(np.where(kept, values, 0)),
        basis=to(basis),
        kept=to(kept),
        scatter=to(basis.T @ scatter @ basis),
        determined=jnp.asarray(seen & _determined(basis, kept)),
        constant=to(2 * np.log(np.diag(root)).sum() + log_drift)
        - null_space_log_determinant(problem.null_space_response, there)[0],
        observed=to(seen.sum()),
        epochs=to(epochs),
    )


def _orthonormal(null_space_response: NDArray) -> tuple[NDArray, float]:
    """A basis of the columns, and the log determinant of their products."""
    if null_space_response.shape[1] == 0:
        return null_space_response, 0.0
    q, r = np.linalg.qr(null_space_response)
    return q, 2 * float(np.log(abs(np.diag(r))).sum())


def _without(gram: NDArray, q: NDArray) -> NDArray:
    """The matrix seen from outside the orthonormal columns of q."""
    image = gram @ q
    crossed = image @ q.T
    return gram - crossed - crossed.T + q @ (q.T @ image) @ q.T


def _determined(basis: NDArray, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a row is more than what the free fields explain."""
    whole = (basis**2).sum(axis=1)
    left = (basis[:, kept] ** 2).sum(axis=1)
    return left > 1e3 * np.finfo(basis.dtype).eps * whole


@jax.jit
def swept(parts: Spectrum, betas: Array) -> Sums:
    """The sums that all criteria are made of, at many weights of the prior.

    Args:
      parts: The `Spectrum`.
      betas: Weights of the prior, shape (beta,).

    Returns:
      The `Sums` over the epochs, each of shape (beta,).
    """
    squared = parts.basis**2
    diagonal = jnp.diag(parts.scatter)

    def at(beta: Array) -> Sums:
        system = parts.values + beta**2
        weight = parts.kept / jnp.where(system > 0, system, jnp.nan)
        image = parts.basis * weight[None, :]
        precision = jnp.where(parts.determined, einsum("rk,k->r", squared, weight), 1)
        power = jnp.sum(einsum("rk,kl->rl", image, parts.scatter) * image, axis=1)
        left_out = jnp.where(parts.determined, power / precision**2, 0)
        # An epoch with no more observations than free fields says nothing.
        useful = jnp.where(parts.kept.any(), parts.epochs, 0)
        log_system = jnp.sum(jnp.where(parts.kept > 0, jnp.log(system), 0))
        return Sums(
            loo_sum_of_squares=jnp.sum(left_out),
            loo_count=useful * jnp.sum(parts.determined, dtype=beta.dtype),
            misfit=beta**4 * jnp.sum(weight**2 * diagonal),
            roughness=jnp.sum(parts.values * weight**2 * diagonal),
            redundancy=useful * beta**2 * jnp.sum(weight),
            log_determinant=jnp.where(
                useful > 0, useful * (log_system + parts.constant), 0
            ),
            observations=useful * parts.observed,
            contrast_count=useful * jnp.sum(parts.kept),
        )

    return jax.lax.map(at, betas)
