"""Which way to solve costs least."""

import dataclasses

from jaxload.inversion.linalg.iterative_refinement import Refinement
from jaxload.inversion.linalg.pcg import ConjugateGradient
from jaxload.inversion.linalg.spd import LEAF

__all__ = [
    "METHODS",
    "Method",
    "ProblemSize",
    "costs",
    "fastest_method",
    "named_method",
]

Method = str | ConjugateGradient | Refinement

#: By name: one inverse for all epochs and a correction for the gap of each; an inverse
#: an epoch; one iteration for all epochs; normal equations; float32 made exact.
METHODS = ("shared", "epoch", "conjugate_gradient", "primal", "refined")

# Times [s], medians of `python -m benchmarks.inversion methods` on two cores, float64.
# Only their ratios matter to a choice, and the methods differ by factors.

#: A multiplication and addition in one product for all epochs.
PRODUCT = 4e-11

#: The same in products of one epoch at a time.
SMALL_PRODUCT = 9e-11

#: The same in the halves of `definite.inverse`, 2 n^3 of them in all.
HALVES = 1.7e-11

#: An entry of a leaf of `definite.inverse` in one step of its sweep, and a step.
SWEPT = 1.5e-9
SWEEP = 2e-7

#: A number in one iteration: a dozen passes over vectors.
VECTOR = 4e-9

#: A step that runs alone, however small.
STEP = 2e-6

#: Iterations of the conjugate gradient to expect; see `preconditioner`.
ITERATIONS = 45


@dataclasses.dataclass(frozen=True)
class ProblemSize:
    """What the cost of a method depends on.

    Attributes:
      epochs: Number of epochs.
      rows: Number of rows of data.
      cells: Number of cells of the load.
      null_space_size: Number of fields the prior leaves free.
      missing: Mean number of rows that an epoch misses.
      shared: Whether sigma is the same at all epochs, and the gaps are laid out.
      normal: Whether the problem holds ``L'L``.
      correlated: Whether rows have correlated noise.
    """

    epochs: int
    rows: int
    cells: int
    null_space_size: int = 0
    missing: float = 0.0
    shared: bool = False
    normal: bool = False
    correlated: bool = False


def costs(shape: ProblemSize) -> dict[str, float]:
    """Estimate what each method would take that can be used.

    Args:
      shape: The sizes.

    Returns:
      Time by name [s]; "shared" only where `shape.shared`, "primal" only where
      `shape.normal`.
    """
    by_method = {
        "epoch": _epoch(shape),
        "conjugate_gradient": _conjugate_gradient(shape),
    }
    if shape.shared:
        by_method["shared"] = _shared(shape)
    if shape.normal:
        by_method["primal"] = _primal(shape)
    return by_method


def _inverse(size: float) -> float:
    """Time of one inverse: the leaves are swept, the rest is products."""
    leaf = size
    while leaf > LEAF:
        leaf /= 2
    products = HALVES * 2 * size**3 if size > LEAF else 0
    return size * (SWEEP + SWEPT * leaf**2) + products


def _epoch(shape: ProblemSize) -> float:
    product = (1 + shape.null_space_size) * SMALL_PRODUCT * shape.rows**2
    return shape.epochs * (_inverse(shape.rows) + product + STEP)


def _conjugate_gradient(shape: ProblemSize) -> float:
    values = (1 + shape.null_space_size) * shape.epochs * shape.rows
    iteration = values * (2 * PRODUCT * shape.rows + VECTOR) + STEP
    return _inverse(shape.rows) + ITERATIONS * iteration


def _shared(shape: ProblemSize) -> float:
    # About half of what a day misses its neighbours miss too.
    gap = shape.missing / 2
    each = _inverse(gap) + gap * shape.rows * (SMALL_PRODUCT * gap + VECTOR)
    product = (1 + shape.null_space_size) * PRODUCT * shape.rows**2
    return _inverse(shape.rows) + shape.epochs * (each + product)


def _primal(shape: ProblemSize) -> float:
    rows, cells = shape.rows, shape.cells
    normal = SMALL_PRODUCT * rows * cells**2 + _inverse(cells) + STEP
    weights = _inverse(rows) + SMALL_PRODUCT * rows**2 * cells
    return shape.epochs * (normal + (weights if shape.correlated else 0))


def fastest_method(shape: ProblemSize) -> Method:
    """The method that costs least.

    Args:
      shape: The sizes.

    Returns:
      The method.
    """
    by_method = costs(shape)
    return named_method(min(by_method, key=by_method.__getitem__))


def named_method(method: Method) -> Method:
    """A method with its settings.

    Args:
      method: One of `METHODS`, or settings.

    Returns:
      Settings where the method has any, else its name.

    Raises:
      ValueError: If there is no such method.
    """
    if isinstance(method, ConjugateGradient | Refinement):
        return method
    if method not in METHODS:
        raise ValueError(f"method is {method!r}, expected one of {METHODS}")
    settings = {"conjugate_gradient": ConjugateGradient(), "refined": Refinement()}
    return settings.get(method, method)
