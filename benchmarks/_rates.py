"""How fast this machine is at what floors are counted in, measured when asked."""

import dataclasses

import jax
import jax.numpy as jnp

from benchmarks._harness import measure

__all__ = ["Rates", "measure_rates"]


@dataclasses.dataclass(frozen=True)
class Rates:
    """Rates of all cores together, in float64.

    Attributes:
      product: Of operations in matrix products [1/s].
      flop: Of multiplications and additions on numbers kept in cache [1/s].
      byte: Of bytes read and written in memory [1/s].
    """

    product: float
    flop: float
    byte: float

    def seconds(self, product: float = 0, flop: float = 0, byte: float = 0) -> float:
        """Return the least time for so many of each, one after the other."""
        return product / self.product + flop / self.flop + byte / self.byte


def measure_rates() -> Rates:
    """Measure the rates of the default device."""
    square = jnp.ones((1500, 1500))
    product = 2 * 1500**3 / _seconds(lambda x: x @ x, square)
    large = jnp.ones(2**25)
    byte = 16 * large.size / _seconds(lambda x: x + 1, large)
    return Rates(product, _flop_rate(), byte)


def _flop_rate() -> float:
    start, turns, together = jnp.linspace(0.0, 1.0, 2**14), 2_000, 16

    def chain(x: jax.Array) -> jax.Array:
        def several(_: int, x: jax.Array) -> jax.Array:
            for _ in range(together):
                x = x * 0.999 + 0.001
            return x

        return jax.lax.fori_loop(0, turns, several, x)

    return 2 * together * turns * start.size / _seconds(chain, start)


def _seconds(function, argument: jax.Array) -> float:
    return min(measure(jax.jit(function), argument)["times_s"])
