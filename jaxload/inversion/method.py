"""Which way to solve costs least."""

import dataclasses

from jaxload.inversion.conjugate_gradient import ConjugateGradient
from jaxload.inversion.refinement import Refinement

__all__ = ["METHODS", "Method", "Shape", "cheapest", "costs", "named_method"]

Method = str | ConjugateGradient | Refinement

#: By name: one inverse for all epochs and a correction for the gap of each; an inverse
#: an epoch; one iteration for all epochs; normal equations; float32 made exact.
METHODS = ("shared", "epoch", "conjugate_gradient", "primal", "refined")

#: Time of a multiplication and addition [s], as parts of the methods take it: in large
#: matrix products, in the inverses of `definite` (two to a cubed row), in products of
#: one epoch, in the elimination of gaps. Medians of `python -m benchmarks.inversion
#: methods` on two cores in float64; only their ratios matter to the choice, and on an
#: accelerator products gain more than inverses, which changes no choice made here.
PRODUCT = 3e-11
INVERSE = 1.1e-10
SMALL_PRODUCT = 1e-10
GAP = 2e-10

#: Time of a step that runs alone, however small [s].
STEP = 2e-5

#: Iterations of the conjugate gradient to expect; see `preconditioner`.
ITERATIONS = 45


@dataclasses.dataclass(frozen=True)
class Shape:
    """What the cost of a method depends on.

    Attributes:
      epochs: Number of epochs.
      rows: Number of rows of data.
      cells: Number of cells of the load.
      drift: Number of fields the prior leaves free.
      missing: Mean number of rows that an epoch misses.
      shared: Whether sigma is the same at all epochs, and the gaps are laid out.
      normal: Whether the problem holds ``L'L``.
      correlated: Whether rows have correlated noise.
    """

    epochs: int
    rows: int
    cells: int
    drift: int = 0
    missing: float = 0.0
    shared: bool = False
    normal: bool = False
    correlated: bool = False


def costs(shape: Shape) -> dict[str, float]:
    """Estimate what each method would take that can be used.

    Args:
      shape: The sizes.

    Returns:
      Time by name [s]; "shared" only where `shape.shared`, "primal" only where
      `shape.normal`.
    """
    epochs, rows, cells = shape.epochs, shape.rows, shape.cells
    inverse = lambda size: INVERSE * 2 * size**3
    sides = 1 + shape.drift
    one = inverse(rows) + STEP
    found = {
        "epoch": epochs * (one + sides * SMALL_PRODUCT * rows**2),
        "conjugate_gradient": one
        + ITERATIONS * (STEP + 2 * sides * PRODUCT * epochs * rows**2),
    }
    if shape.shared:
        # Most of what a day misses its neighbours miss too.
        rest = shape.missing / 3
        gap = GAP * rest * (rows + rest) * rest + SMALL_PRODUCT * rest * rows
        found["shared"] = one + epochs * (2 * PRODUCT * sides * rows**2 + gap)
    if shape.normal:
        extra = inverse(rows) + SMALL_PRODUCT * rows**2 * cells
        normal = SMALL_PRODUCT * rows * cells**2 + inverse(cells) + STEP
        found["primal"] = epochs * (normal + (extra if shape.correlated else 0))
    return found


def cheapest(shape: Shape) -> Method:
    """The method that costs least.

    Args:
      shape: The sizes.

    Returns:
      The method.
    """
    found = costs(shape)
    return named_method(min(found, key=found.__getitem__))


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
