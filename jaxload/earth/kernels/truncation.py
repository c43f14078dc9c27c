"""What a disc's Legendre series does by ending at a last degree.

Ended at degree N, the series sum c_n P_n(x), x = cos(theta), rings at every distance
with the wavelength of N. By Bonnet's recurrence, with y = cos(a) for a disc of radius
a,

    (x - y) sum c_n P_n = sum b_n P_n
                          + (N + 1) (c_N / (2N + 1) P_{N+1} - c_{N+1} / (2N + 3) P_N)
    b_n = n / (2n - 1) c_{n-1} + (n + 1) / (2n + 3) c_{n+1} - y c_n

where c_{N+1} is what would have come next. As c_n oscillates with P_n'(y), b_n is
smaller by a factor n, and the two terms outside the sum are what rings. The same done
to b_n gives the terms of the next order. Once both are taken away, what still rings is
smaller by a factor (N (theta - a))^2. The series sum c_n dP_n/dtheta is the derivative
of all this, and so are its terms.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array

__all__ = ["cut_slopes", "cut_terms", "cut_weights"]


def cut_weights(
    before: Array, here: Array, edge: Array, last: int, decay: int = 0
) -> Array:
    """Weights of P_{N+1} and P_N in the terms at the cut.

    The response of the Earth is taken as proportional to n^-decay there: the last
    digits of tabulated Love numbers are noise, which the second order would magnify.

    Args:
      before: Load of each disc at degree N - 1 [-], shape (disc,).
      here: Load at degree N [-], shape (disc,).
      edge: Chord of each disc's radius, 2 sin(a / 2) [-], shape (disc,).
      last: N, the last degree.
      decay: 0 for h_n and 1 + k_n, 1 for l_n [-].

    Returns:
      What multiplies P_{N+1} / gap, P_{N+1} / gap^2, P_N / gap and P_N / gap^2, where
      gap is x - y, shape (4, disc); to be multiplied by the response at degree N.
    """
    cosine = 1 - edge**2 / 2
    loads = [before, here, *_continued(before, here, cosine, last)]
    degrees = (max(last - 1, 1), last, last + 1, last + 2)
    c = [load * (last / n) ** decay for load, n in zip(loads, degrees)]

    def remaining(n: int) -> Array:
        below, middle, above = c[n - last : n - last + 3]
        sides = n / (2 * n - 1) * below + (n + 1) / (2 * n + 3) * above
        return sides - cosine * middle

    at, after = last + 1, last + 2
    up = (c[1], remaining(last))
    down = (c[2], remaining(last + 1))
    ahead = [at / (2 * last + 1) * term for term in up]
    return jnp.stack(ahead + [-at / (after + last + 1) * term for term in down])


def cut_terms(theta: Array, edge: Array, weights: Array, last: int) -> Array:
    """The terms that the series holds because it ends.

    Not for distances below 100 / N from the disc's edge, middle or antipode, where they
    are not small and P_N is not what is used for it here.

    Args:
      theta: Distances [radians].
      edge: Chords of the discs' radii [-], a shape that broadcasts with theta's.
      weights: From `cut_weights`, perhaps times a response, shape (4, ...).
      last: N, the last degree.

    Returns:
      The terms, in the unit of `weights`.
    """
    chord = 2 * jnp.sin(theta / 2)
    after, here = _large_degree(theta, last)
    # x - y as a difference of squared chords: no digits are lost.
    inverse = 2 / (edge**2 - chord**2)
    up, up_again, down, down_again = weights
    first, second = up * after + down * here, up_again * after + down_again * here
    return (first + second * inverse) * inverse


def cut_slopes(theta: Array, edge: Array, weights: Array, last: int) -> Array:
    """The terms that the series of dP_n/dtheta holds because it ends.

    Args:
      theta: Distances [radians].
      edge: Chords of the discs' radii [-], a shape that broadcasts with theta's.
      weights: From `cut_weights`, perhaps times a response, shape (4, ...).
      last: N, the last degree.

    Returns:
      The terms, in the unit of `weights` per radian; see `cut_terms`.
    """

    def terms(theta: Array) -> Array:
        return cut_terms(theta, edge, weights, last)

    return jax.jvp(terms, (theta,), (jnp.ones_like(theta),))[1]


def _continued(before: Array, here: Array, cosine: Array, last: int) -> list[Array]:
    """The load at the degrees N + 1 and N + 2.

    n (n + 1) times the load goes as P_n'(y), whose recurrence is
    n P_{n+1}' = (2n + 1) y P_n' - (n + 1) P_{n-1}'.
    """
    slopes = [(last - 1) * last * before, last * (last + 1) * here]
    for n in (last, last + 1):
        slopes.append(((2 * n + 1) * cosine * slopes[-1] - (n + 1) * slopes[-2]) / n)
    return [s / (n * (n + 1)) for n, s in zip((last + 1, last + 2), slopes[2:])]


def _large_degree(theta: Array, last: int) -> tuple[Array, Array]:
    """P_{N+1} and P_N away from the poles, to a relative 0.1 / (N sin(theta))^2.

    Source: Szego (1975), Orthogonal Polynomials, eq. 8.21.4 (Laplace, Darboux).
    """
    half = jnp.sin(theta / 2)
    sine, cosine = 2 * half * jnp.sqrt(1 - half**2), 1 - 2 * half**2
    degree = last + 0.5
    phase = degree * theta - math.pi / 4
    along, across = jnp.cos(phase), jnp.sin(phase)
    size = jnp.sqrt(2 / (math.pi * degree * sine))
    bend = cosine / (8 * degree * sine)
    ahead = along * cosine - across * sine
    turned = across * cosine + along * sine
    # The two nearly cancel in what they are for: neither may borrow the other's size.
    ratio = degree / (degree + 1)
    after = math.sqrt(ratio) * (ahead + ratio * bend * turned)
    return size * after, size * (along + bend * across)
