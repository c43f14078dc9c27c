"""Observations of several kinds, stacked into the rows of one problem."""

import dataclasses
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.linalg import block_diag
from jax.typing import ArrayLike

from jaxload._check import check_shapes
from jaxload.inversion.noise import Noise, as_noise, common_rows

__all__ = ["Rows", "split_rows", "stack_rows"]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Rows:
    """One kind of observation, linear in the load.

    Heights have the design matrix of uplift as `design`, east and north theirs. Water
    that is known itself has weights of cells: one at its cell for a simulated cell or a
    well, the share of each cell in a footprint for an average by GRACE.

    Attributes:
      design: Observation per unit load, shape (row, cell).
      displacement: Observations, shape (epoch, row); NaN if missing. In millimetres
        [mm], though of what depends on the kind.
      sigma: Their standard error, shape (row,) or (epoch, row), or a `Noise`.
      name: What they are.
    """

    design: ArrayLike
    displacement: ArrayLike
    sigma: ArrayLike | Noise
    name: str = dataclasses.field(default="rows", metadata={"static": True})


def stack_rows(kinds: Sequence[Rows]) -> Rows:
    """Put several kinds of observations into one, as if they were one network.

    The noise of one kind is independent of that of another. One of them may have a
    common offset; it then moves the rows of that kind only.

    Args:
      kinds: On the same cells and epochs.

    Returns:
      All rows, in the order given: `design` for `smooth_problem`, `displacement` and
      `sigma`, a `Noise`, for `solve`.

    Raises:
      ValueError: If there are none, shapes disagree, or more than one kind has a common
        offset.

    Example:
      >>> up = Rows(uplift_design, heights, sigma, "up")
      >>> grace = Rows(footprints, averages, jnp.full(3, 20.0), "grace")
      >>> rows = stack_rows([up, grace])
      >>> problem = smooth_problem(rows.design, grid.laplacian)
      >>> data = observations(rows.displacement, rows.sigma)
      >>> water = solve(problem, data, beta)
    """
    if not kinds:
        raise ValueError("there are no rows to stack; give at least one Rows")
    design = [jnp.asarray(kind.design) for kind in kinds]
    dtype = jnp.result_type(*design)
    data = [jnp.asarray(kind.displacement, dtype) for kind in kinds]
    noises = [as_noise(kind.sigma, dtype) for kind in kinds]
    named = {}
    for number, kind in enumerate(kinds):
        named[f"design of {kind.name}"] = design[number], f"row_{number} cell"
        named[f"displacement of {kind.name}"] = data[number], f"epoch row_{number}"
        axes = "" if noises[number].sigma.ndim == 1 else "epoch "
        named[f"sigma of {kind.name}"] = noises[number].sigma, f"{axes}row_{number}"
    check_shapes(**named)
    return Rows(
        jnp.concatenate([part.astype(dtype) for part in design]),
        jnp.concatenate(data, axis=1),
        _stacked_noise(noises, len(data[0]), [kind.name for kind in kinds]),
        " + ".join(kind.name for kind in kinds),
    )


def _stacked_noise(noises: list[Noise], epochs: int, names: list[str]) -> Noise:
    daily = any(noise.sigma.ndim == 2 for noise in noises)
    widen = lambda sigma: jnp.broadcast_to(sigma, (epochs, sigma.shape[-1]))
    sigma = [widen(noise.sigma) if daily else noise.sigma for noise in noises]
    common, moved = _stacked_offset(noises, names)
    return Noise(
        jnp.concatenate(sigma, axis=-1),
        _stacked_correlation(noises),
        common,
        moved,
        _stacked_patterns(noises),
    )


def _stacked_patterns(noises: list[Noise]) -> Array | None:
    """Patterns of each kind, which move no row of another."""
    if all(noise.patterns is None for noise in noises):
        return None
    none = lambda noise: jnp.zeros((noise.sigma.shape[-1], 0), noise.sigma.dtype)
    parts = [
        none(noise) if noise.patterns is None else noise.patterns for noise in noises
    ]
    return block_diag(*parts)


def _stacked_correlation(noises: list[Noise]) -> Array | None:
    if all(noise.correlation is None for noise in noises):
        return None
    uncorrelated = lambda noise: jnp.eye(noise.sigma.shape[-1], dtype=noise.sigma.dtype)
    parts = [
        uncorrelated(noise) if noise.correlation is None else noise.correlation
        for noise in noises
    ]
    return block_diag(*parts)


def _stacked_offset(
    noises: list[Noise], names: list[str]
) -> tuple[Array | None, Array | None]:
    """The variance of the offset that one kind may have, and the rows it moves."""
    having = [index for index, noise in enumerate(noises) if noise.common is not None]
    if not having:
        return None, None
    if len(having) > 1:
        raise ValueError(
            f"{names[having[0]]!r} and {names[having[1]]!r} both have a common offset, "
            "expected one at most; write the other into its correlation"
        )
    moved = [
        common_rows(noise) * (1.0 if index in having else 0.0)
        for index, noise in enumerate(noises)
    ]
    return noises[having[0]].common, jnp.concatenate(moved)


def split_rows(kinds: Sequence[Rows], values: ArrayLike) -> dict[str, Array]:
    """Take what was found for stacked rows apart again.

    Args:
      kinds: As given to `stack_rows`, each with a name of its own.
      values: Rows last, such as `Solution.fitted`, shape (..., row).

    Returns:
      The values of each kind by its name, shape (..., row of that kind).

    Raises:
      ValueError: If the number of rows is another, or two kinds share a name.
    """
    values = jnp.asarray(values)
    names = [kind.name for kind in kinds]
    if len(set(names)) < len(names):
        raise ValueError(f"the kinds are called {names}, expected a name for each")
    sizes = [jnp.shape(kind.design)[0] for kind in kinds]
    if values.shape[-1] != sum(sizes):
        raise ValueError(
            f"values has {values.shape[-1]} rows, but the kinds have {sum(sizes)}; "
            "were they stacked in one call?"
        )
    parts, start = {}, 0
    for name, size in zip(names, sizes):
        parts[name] = values[..., start : start + size]
        start += size
    return parts
