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


@dataclasses.dataclass(frozen=True)
class Prices:
    """Times of what methods consist of [s]. Only their ratios matter to a choice.

    Attributes:
      product: A multiplication and addition in one product for all epochs.
      small_product: The same in products of one epoch at a time.
      halves: The same in the inverse of a matrix, 2 n^3 of them in all.
      swept: An entry of a leaf of `definite.inverse` in one step of its sweep.
      sweep: Such a step.
      vector: A number in one iteration: a dozen passes over vectors.
      step: A step that runs by itself, however small.
      epoch: What an epoch takes beyond that, where epochs go one after the other.
    """

    product: float
    small_product: float
    halves: float
    swept: float
    sweep: float
    vector: float
    step: float
    epoch: float


#: By form. On a CPU, medians of `python -m benchmarks.inversion methods` on two cores,
#: float64. On an accelerator, half of what an H200 does at most: products of float64 at
#: 67e12 operations a second, the small ones of a batch and those of Cholesky at half of
#: these, a dozen passes over memory at 4.8e12 bytes a second, and the launches of an
#: iteration, ten of 4 microseconds each; epochs go side by side.
PRICES = {
    "cpu": Prices(
        product=4e-11,
        small_product=9e-11,
        halves=1.7e-11,
        swept=1.5e-9,
        sweep=2e-7,
        vector=4e-9,
        step=2e-6,
        epoch=2e-6,
    ),
    "accelerator": Prices(
        product=6e-14,
        small_product=1.2e-13,
        halves=1.2e-13,
        swept=0.0,
        sweep=0.0,
        vector=4e-11,
        step=4e-5,
        epoch=0.0,
    ),
}

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


def costs(shape: ProblemSize, form: str = "cpu") -> dict[str, float]:
    """Estimate what each method would take that can be used.

    Args:
      shape: The sizes.
      form: Of the programs, "cpu" or "accelerator", as of `_platform.form_at`.

    Returns:
      Time by name [s]; "shared" only where `shape.shared`, "primal" only where
      `shape.normal`.
    """
    prices = PRICES[form]
    by_method = {
        "epoch": _epoch(shape, prices),
        "conjugate_gradient": _conjugate_gradient(shape, prices),
    }
    if shape.shared:
        by_method["shared"] = _shared(shape, prices)
    if shape.normal:
        by_method["primal"] = _primal(shape, prices)
    return by_method


def _inverse(size: float, prices: Prices) -> float:
    """Time of one inverse: on a CPU the leaves are swept, the rest is products."""
    leaf = size
    while leaf > LEAF:
        leaf /= 2
    swept = size * (prices.sweep + prices.swept * leaf**2)
    products = prices.halves * 2 * size**3
    return swept + products if size > LEAF or not swept else swept


def _epoch(shape: ProblemSize, prices: Prices) -> float:
    product = (1 + shape.null_space_size) * prices.small_product * shape.rows**2
    each = _inverse(shape.rows, prices) + product + prices.epoch
    return _launched(prices) + shape.epochs * each


def _conjugate_gradient(shape: ProblemSize, prices: Prices) -> float:
    values = (1 + shape.null_space_size) * shape.epochs * shape.rows
    each = 2 * prices.product * shape.rows + prices.vector
    iteration = values * each + prices.step
    return _inverse(shape.rows, prices) + ITERATIONS * iteration


def _shared(shape: ProblemSize, prices: Prices) -> float:
    # About half of what a day misses its neighbours miss too.
    gap = shape.missing / 2
    each = _inverse(gap, prices)
    each += gap * shape.rows * (prices.small_product * gap + prices.vector)
    product = (1 + shape.null_space_size) * prices.product * shape.rows**2
    first = _launched(prices) + _inverse(shape.rows, prices)
    return first + shape.epochs * (each + product)


def _primal(shape: ProblemSize, prices: Prices) -> float:
    rows, cells = shape.rows, shape.cells
    normal = prices.small_product * rows * cells**2 + _inverse(cells, prices)
    weights = _inverse(rows, prices) + prices.small_product * rows**2 * cells
    each = normal + prices.epoch + (weights if shape.correlated else 0)
    return _launched(prices) + shape.epochs * each


def _launched(prices: Prices) -> float:
    """Time of the steps of a method whose epochs go side by side."""
    return 0.0 if prices.epoch else prices.step


def fastest_method(shape: ProblemSize, form: str = "cpu") -> Method:
    """The method that costs least.

    Args:
      shape: The sizes.
      form: As in `costs`.

    Returns:
      The method.
    """
    by_method = costs(shape, form)
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
