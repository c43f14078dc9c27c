"""Time and error of disc tables and point masses, beside NumPy in the same process.

The floor is what the recurrence of P_n costs at the rate that this process reaches on
data that stay in cache, operations only: a series reads its coefficients once, which is
nothing beside them. With so few angles the time is not that of the operations but of
40,000 degrees one after the other, 0.2 us each, as each needs the one before. The table
of a cell's boundary is read by gathers, and takes sines, logarithms and roots, which
count as 20 operations here and take longer.
"""

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks._harness import measure, report
from benchmarks._rates import measure_rates
from jaxload import earth
from jaxload.constants import GRAVITATIONAL_CONSTANT
from jaxload.earth.kernels import disc, point, rectangle

LAST = 40_000

#: Operations a degree and angle: of the recurrence, and of the sum of one series.
RECURRENCE, SUM = 7, 2

#: Operations a node of a cell's boundary: table, closed forms and geometry.
NODE = 250

THETA_DISC = np.geomspace(1e-3, 90, 96)
THETA_POINT = np.geomspace(1e-4, 180, 50)

POINTS = {
    "uplift": point.point_uplift,
    "tangential": point.point_tangential,
    "geoid": point.point_geoid,
    "gravity": lambda love, theta: point.point_gravity(love, theta).total,
    "tilt": lambda love, theta: point.point_tilt(love, theta).total,
    "strain": lambda love, theta: point.point_strain(love, theta).along,
}

#: Series that a response sums.
SERIES = {name: 3 if name == "strain" else 1 for name in POINTS}


def numpy_polynomials(theta: np.ndarray, last: int) -> tuple[np.ndarray, np.ndarray]:
    """P_n and dP_n/dtheta as they are usually computed, shape (degree, node)."""
    x, sine = np.cos(np.deg2rad(theta)), np.sin(np.deg2rad(theta))
    p, slope = np.empty((2, last + 1, len(theta)))
    p[0], p[1], slope[0], slope[1] = 1, x, 0, -sine
    for n in range(1, last):
        p[n + 1] = ((2 * n + 1) * x * p[n] - n * p[n - 1]) / (n + 1)
        slope[n + 1] = (n + 1) * (x * p[n + 1] - p[n]) / np.where(sine > 0, sine, 1)
    return p, slope


def numpy_points(love: earth.LoveNumbers) -> dict[str, np.ndarray]:
    """Farrell's way: the limits at high degree are summed in closed form."""
    h, l, k = (np.asarray(x) for x in (love.h, love.l, love.k))
    n = np.arange(len(h))
    half = np.deg2rad(THETA_POINT) / 2
    p, slope = numpy_polynomials(THETA_POINT, len(h) - 1)
    s, c = np.sin(half), np.cos(half)
    one, one_slope = 1 / (2 * s), -c / (4 * s**2)
    first, first_slope = -np.log(s * (1 + s)), -c * (1 + 2 * s) / (2 * s * (1 + s))
    nl, nk = n * l, n * k
    up = h[-1] * one + (h - h[-1]) @ p
    over = np.where(n > 0, 1 / np.maximum(n, 1), 0)
    aside = nl[-1] * first_slope + ((nl - nl[-1]) * over) @ slope
    raised = nk[-1] * first + ((nk - nk[-1]) * over) @ p
    terms = 2 * h - (n + 1) * k
    pulled = terms[-1] * one + (terms - terms[-1]) @ p
    terms = h - k
    tilted = terms[-1] * one_slope + (terms - terms[-1]) @ slope
    spread = 2 * h - (n + 1) * nl
    areal = -nl[-1] * (-1 / (4 * s)) + (spread + n * nl[-1]) @ p
    a, mass = float(love.radius), float(love.gravity * love.radius**2)
    mass /= GRAVITATIONAL_CONSTANT
    with np.errstate(divide="ignore", invalid="ignore"):
        across = up + aside / np.tan(2 * half)
    return {
        "uplift": a * up / mass,
        "tangential": a * aside / mass,
        "geoid": a * (one + raised) / mass,
        "gravity": float(love.gravity) * (pulled - 1 / (4 * s)) / mass,
        "tilt": (tilted - one_slope) / mass,
        "strain": (areal - across) / mass,
    }


def worst(ours: np.ndarray, exact: np.ndarray) -> float:
    """Largest relative error up to 60 degrees, beyond which all pass through 0."""
    there = THETA_POINT < 60
    return float(np.abs(ours[there] / exact[there] - 1).max())


def points(love: earth.LoveNumbers, rate: float) -> list[dict]:
    theta, rows = jnp.asarray(THETA_POINT), []
    reference = numpy_points(love)
    half = earth.load_love_numbers("prem", "CF", LAST // 2)
    for name, of_point in POINTS.items():
        floor = LAST * len(theta) * (RECURRENCE + SUM) * SERIES[name] / rate
        times = measure(of_point, love, theta, repeat=5)
        exact = np.asarray(of_point(love, theta))
        rows.append(
            {
                "work": f"{name} of a point, {len(theta)} angles",
                "degree": LAST,
                "by": "jaxload",
                **times,
                "floor_s": floor,
                "over_floor": times["median_s"] / floor,
                # Against half of the degrees: what the closed forms leave.
                "error_relative": worst(np.asarray(of_point(half, theta)), exact),
            }
        )
        error = worst(reference[name], exact)
        rows.append(
            {"work": f"the same, {name}", "by": "NumPy", "error_relative": error}
        )
    times = measure(numpy_points, love, repeat=1)
    return [*rows, {"work": "all six", "degree": LAST, "by": "NumPy", **times}]


def one_disc(love: earth.LoveNumbers, rate: float) -> list[dict]:
    theta = jnp.asarray(THETA_DISC)

    def ours() -> jax.Array:
        return disc.disc_uplift(disc.disc_kernel(love, 0.125), theta)

    def by_numpy() -> np.ndarray:
        p, _ = numpy_polynomials(np.array([0.125]), LAST + 1)
        n = np.arange(1, LAST + 1)
        load = (p[:-2, 0] - p[2:, 0]) / (2 * (2 * n + 1))
        load = np.append((1 - np.cos(np.deg2rad(0.125))) / 2, load)
        return (uplift * load) @ numpy_polynomials(THETA_DISC, LAST)[0]

    times, exact = measure(ours, repeat=5), np.asarray(ours())[:, 0]
    uplift = np.asarray(disc.disc_kernel(love, 0.125).uplift)
    # One more angle for the load of the disc itself.
    floor = LAST * (len(theta) + 1) * (RECURRENCE + SUM) / rate
    work = {"work": "uplift by a disc, 96 angles", "degree": LAST}
    ratio = {"floor_s": floor, "over_floor": times["median_s"] / floor}
    error = float(np.abs(by_numpy() / exact - 1).max())
    return [
        {**work, "by": "jaxload", **times, **ratio},
        {**work, "by": "NumPy", **measure(by_numpy, repeat=1), "error_relative": error},
    ]


def pairs(love: earth.LoveNumbers, rate: float) -> list[dict]:
    """Rectangular cells near stations."""
    rng = np.random.default_rng(1)
    count = 10_000
    lon, lat = rng.uniform(44, 46, (2, count))
    cell = np.full(count, 45.0)
    table = measure(rectangle.rectangle_kernel, love, 5.0)
    kernel = rectangle.rectangle_kernel(love, 5.0)

    def ours() -> tuple:
        response = rectangle.rectangle_response
        return response(kernel, (lon, lat), (cell, cell), 0.25, 0.25)

    floor = count * 8 * rectangle.NODES * NODE / rate
    rows = [
        {
            "work": "table for rectangles within 5 degrees",
            "by": "jaxload",
            **table,
        }
    ]
    times = measure(ours)
    ratio = {"floor_s": floor, "over_floor": times["median_s"] / floor}
    return [*rows, {"work": f"{count} rectangles", "by": "jaxload", **times, **ratio}]


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    love = earth.load_love_numbers("prem", "CF")
    rate = measure_rates().flop
    rows = one_disc(love, rate) + points(love, rate) + pairs(love, rate)
    report("greens", [{"work": "operations a second", "rate": rate}, *rows])


if __name__ == "__main__":
    main()
