"""Take stripes out of GRACE fields, where orders high enough correlate by parity.

For each order, the coefficients of even degrees, and apart from them those of odd ones,
follow a smooth curve in degree where there are stripes. A polynomial in degree is
fitted to them and taken away. Named PnMm for a polynomial of degree n in orders from m.

Source: Swenson & Wahr (2006), doi:10.1029/2005GL025285; whole range of degrees: Chen et
al. (2007), doi:10.1029/2007GL029871; window: Duan et al. (2009),
doi:10.1007/s00190-009-0327-0.
"""

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from jaxload.sphere.harmonics.coefficients import Harmonics, last_degree

__all__ = ["Destriping", "Window", "destripe", "destriping_matrices"]


@dataclasses.dataclass(frozen=True)
class Window:
    """A window of degrees that moves with the degree and narrows with the order.

    It holds ``amplitude exp(-order / scale) + 1`` degrees of one parity, at least
    `smallest`.

    Attributes:
      amplitude: How wide at order 0, less one [degrees of one parity].
      scale: By how many orders it narrows e-fold.
      smallest: How many degrees it holds at least.
    """

    amplitude: float = 30.0
    scale: float = 10.0
    smallest: int = 5


@dataclasses.dataclass(frozen=True)
class Destriping:
    """How to take stripes out; the defaults are P4M6.

    Attributes:
      polynomial_degree: Of the polynomial in degree.
      first_order: Below it nothing is taken away.
      first_degree: Degrees below it neither tell nor lose anything.
      spare: How many degrees of one parity there must be beyond the number of
        coefficients of the polynomial; an order that has fewer stays as it is.
      window: Where the polynomial is fitted; to every degree at once if None.
    """

    polynomial_degree: int = 4
    first_order: int = 6
    first_degree: int = 2
    spare: int = 1
    window: Window | None = None

    def __post_init__(self):
        """Refuse settings that mean nothing."""
        if min(self.polynomial_degree, self.first_order, self.first_degree) < 0:
            raise ValueError(
                f"a polynomial of degree {self.polynomial_degree} from order "
                f"{self.first_order} and degree {self.first_degree} on is none, "
                "expected 0 or more of each"
            )
        if self.spare < 0:
            raise ValueError(f"spare is {self.spare}, expected 0 or more degrees")


def destripe(harmonics: Harmonics, settings: Destriping | None = None) -> Harmonics:
    """Take stripes out.

    Linear in the coefficients, so it is one matrix product for all epochs.

    Args:
      harmonics: Changes of coefficients, shape (..., degree, order).
      settings: How; the defaults of `Destriping`, P4M6, if None.

    Returns:
      What is left, same shape.

    Raises:
      ValueError: If the coefficients are none.

    Example:
      >>> clean = destripe(anomaly.harmonics, Destriping(window=Window()))

    Source:
      Swenson & Wahr (2006), section 3, doi:10.1029/2005GL025285.
    """
    matrices = jnp.asarray(destriping_matrices(last_degree(harmonics), settings))
    product = functools.partial(
        jnp.einsum, "mnk,...km->...nm", precision=jax.lax.Precision.HIGHEST
    )
    smoothed = lambda x: product(matrices, jnp.asarray(x, jnp.float64))
    return Harmonics(smoothed(harmonics.cosine), smoothed(harmonics.sine))


def destriping_matrices(
    max_degree: int, settings: Destriping | None = None
) -> NDArray[np.float64]:
    """Make the matrices that take stripes out.

    Args:
      max_degree: The last degree.
      settings: How; the defaults of `Destriping`, P4M6, if None.

    Returns:
      For each order the matrix that the coefficients of its degrees are multiplied
      with, shape (order, degree, degree).
    """
    settings = settings or Destriping()
    size = max_degree + 1
    matrices = np.tile(np.eye(size), (size, 1, 1))
    for order in range(settings.first_order, size):
        for parity in (0, 1):
            start = max(order, settings.first_degree)
            degrees = np.arange(start + (start + parity) % 2, size, 2)
            fit = _fit(degrees, order, settings)
            matrices[order][np.ix_(degrees, degrees)] -= fit
    return matrices


def _fit(degrees: NDArray, order: int, settings: Destriping) -> NDArray[np.float64]:
    """The matrix from coefficients to the polynomial, zero where there are too few."""
    count, window = len(degrees), settings.window
    width = count if window is None else _width(window, order)
    if count < width or width < settings.polynomial_degree + 1 + settings.spare:
        return np.zeros((count, count))
    if window is None:
        return _projector(count, settings.polynomial_degree)
    local = _projector(width, settings.polynomial_degree)
    fit = np.zeros((count, count))
    for row in range(count):
        # Near the ends the window stops, and the degree leaves its middle.
        first = min(max(row - width // 2, 0), count - width)
        fit[row, first : first + width] = local[row - first]
    return fit


def _width(window: Window, order: int) -> int:
    """Number of degrees in a window, odd, so that one is in the middle."""
    width = window.amplitude * math.exp(-order / window.scale) + 1
    return max(int(width), window.smallest) // 2 * 2 + 1


def _projector(count: int, polynomial_degree: int) -> NDArray[np.float64]:
    """The matrix of a least-squares polynomial through evenly spaced values."""
    place = np.linspace(-1, 1, count)
    basis = np.polynomial.legendre.legvander(place, polynomial_degree)
    orthonormal = np.linalg.qr(basis)[0]
    return orthonormal @ orthonormal.T
