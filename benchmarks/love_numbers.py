"""Load Love numbers of PREM: time, error, floor and memory, beside NumPy."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import DOP853

from benchmarks._harness import measure, report
from jaxload.constants import GRAVITATIONAL_CONSTANT as G
from jaxload.earth.interior.partials import sensitivity
from jaxload.earth.interior.propagation import Integration
from jaxload.earth.interior.reference_models import prem
from jaxload.earth.interior.response import load_response

__all__ = ["main"]

LAST = (10_000, 40_000)

#: LoadDef, degrees 0 to 10,000 of the same Earth, one process, measured once on a
#: 2-core CPU. It integrates at the period of the M2 tide, not at rest.
LOADDEF_S = 54.3

#: What NumPy integrates in the same way: degrees that do not reach the fluid core.
NUMPY_DEGREES = np.arange(1000.0, 1256.0)

#: Multiplications and additions per stage and degree: 12 weighted slopes of 18 numbers,
#: the state they move, the six rates of three solutions, their coefficients, and four
#: polynomials of the material.
FLOPS = 2 * 12 * 18 + 2 * 18 + 3 * 60 + 60 + 60


def main() -> None:
    """Time the integration against its floor, NumPy and one of four times the steps."""
    jax.config.update("jax_enable_x64", True)
    speed = flops_per_second()
    rows = [_whole(last, speed) for last in LAST]
    report("love_numbers", [*rows, _with_a_period(), _numpy(), _derivatives(), _peer()])


def flops_per_second() -> float:
    """Return the rate of multiplications and additions on numbers kept in cache."""
    start = jnp.linspace(0.0, 1.0, 18 * 256).reshape(18, 256)
    count = 20_000

    @jax.jit
    def chain(x: jax.Array) -> jax.Array:
        def several(_: int, x: jax.Array) -> jax.Array:
            for _ in range(16):
                x = x * 0.999 + 0.001
            return x

        return jax.lax.fori_loop(0, count, several, x)

    return 2 * 16 * count * start.size / measure(chain, start)["median_s"]


def _whole(last: int, speed: float) -> dict[str, Any]:
    degree, settings = np.arange(last + 1), Integration()
    times = measure(load_response, prem(), degree, settings)
    floor = len(degree) * settings.steps * 12 * FLOPS / speed
    lowered = jax.jit(lambda n: load_response(prem(), n)).lower(degree.astype(float))
    memory = lowered.compile().memory_analysis()
    fine = Integration(steps=4 * settings.steps, reach=21.0, innermost=3e-3)
    sample = degree[:: last // 1000]
    ours, exact = (
        _scaled(load_response(prem(), sample, s), sample) for s in (settings, fine)
    )
    return {
        "name": f"jaxload, degrees 0 to {last}",
        **times,
        "floor_s": floor,
        "ratio": times["median_s"] / floor,
        "memory_mb": memory.temp_size_in_bytes / 1e6 if memory else None,
        "max error": float(np.abs(ours - exact).max()),
    }


def _scaled(love_numbers: tuple, degree: np.ndarray) -> np.ndarray:
    """Return h', n l' and n k', all of the order of 1."""
    h, l, k = (np.asarray(x) for x in love_numbers)
    return np.stack([h, degree * l, degree * k])


def _with_a_period() -> dict[str, Any]:
    degree = np.arange(LAST[0] + 1)
    times = measure(load_response, prem(), degree, Integration(), 12.42 * 3600)
    return {"name": f"the same at 12.42 h, 0 to {LAST[0]}", **times}


def _derivatives() -> dict[str, Any]:
    degree = np.unique(np.geomspace(1, LAST[0], 300).astype(int))
    times = measure(sensitivity, prem(), degree)
    return {"name": f"derivatives by 33 properties, {len(degree)} degrees", **times}


def _numpy() -> dict[str, Any]:
    times = measure(numpy_response, NUMPY_DEGREES, repeat=1)
    share = (LAST[0] + 1) / len(NUMPY_DEGREES)
    ours, theirs = (
        _scaled(function(NUMPY_DEGREES), NUMPY_DEGREES)
        for function in (functools.partial(load_response, prem()), numpy_response)
    )
    return {
        "name": f"NumPy, {len(NUMPY_DEGREES)} degrees, times {share:.0f}",
        "median_s": share * times["median_s"],
        "max error": float(np.abs(ours - theirs).max()),
    }


def _peer() -> dict[str, Any]:
    return {"name": f"LoadDef, 0 to {LAST[0]}, 1 process", "median_s": LOADDEF_S}


def numpy_response(n: np.ndarray) -> tuple[np.ndarray, ...]:
    """Integrate the solid Earth in NumPy, with the steps of the library's default."""
    layers, settings = numpy_layers(), Integration()
    start, length, first, end = numpy_mesh(layers["top"], n, settings)
    state = numpy_start(layers, start.max(axis=0), n)
    for number in range(settings.steps):
        layer = (end <= number).sum(axis=0)
        here = {name: row[..., layer] for name, row in layers.items()}
        step, begin, at = (
            np.take_along_axis(x, layer[None], 0)[0] for x in (length, start, first)
        )
        state = numpy_step(state, here, begin + (number - at) * step, step, n)
    rows = np.moveaxis(state[[1, 3, 5]], -1, 0)
    demand = np.stack([-(2 * n + 1), 0 * n, 2 * n + 1], axis=1)
    share = np.linalg.solve(rows, demand[..., None])[..., 0]
    h, l, k = np.einsum("rsn,ns->rn", state[[0, 2, 4]], share)
    return h, l, k - 1


@functools.cache
def numpy_layers() -> dict[str, np.ndarray]:
    """Return PREM's coefficients in the units of the integration, layer last."""
    model = prem()
    edges, density = np.asarray(model.radius), np.asarray(model.density)
    low, width, a = edges[:-1, None], np.diff(edges)[:, None], edges[-1]
    shell = np.zeros((len(density), density.shape[1] + 2))
    for power, factor in enumerate((low**2, 2 * low * width, width**2)):
        shell[:, power : power + density.shape[1]] += factor * density
    above = 4 * np.pi * width * shell / np.arange(1, shell.shape[1] + 1)
    below = np.cumsum(above.sum(axis=1)) - above.sum(axis=1)
    mass = np.concatenate([below[:, None], above], axis=1)
    unit = mass[-1].sum() / (4 * np.pi * a**3)
    stress = 4 * np.pi * G * (unit * a) ** 2
    return {
        "bottom": edges[:-1] / a,
        "top": edges[1:] / a,
        "density": density.T / unit,
        "bulk": np.asarray(model.bulk_modulus).T / stress,
        "shear": np.asarray(model.shear_modulus).T / stress,
        "mass": mass.T / mass[-1].sum(),
    }


def numpy_mesh(top: np.ndarray, n: np.ndarray, settings: Integration) -> tuple:
    """Share the steps of each degree out among the layers it crosses."""
    upper = np.log(top)[:, None]
    lower = np.concatenate([[[-np.inf]], upper[:-1]])
    start = np.maximum(lower, -settings.reach / n)
    extent = np.maximum(upper - start, 0)
    crossed = extent > 0
    spare = settings.steps - crossed.sum(axis=0)
    end = np.floor(np.cumsum(crossed + spare * extent / extent.sum(axis=0), axis=0))
    end[-1] = settings.steps
    first = np.concatenate([np.zeros_like(end[:1]), end[:-1]])
    return start, extent / np.maximum(end - first, 1), first, end


def numpy_material(here: dict, log_radius: np.ndarray) -> tuple[np.ndarray, ...]:
    r = np.exp(log_radius)
    t = (r - here["bottom"]) / (here["top"] - here["bottom"])
    rows = (here[name] for name in ("density", "bulk", "shear", "mass"))
    rho, bulk, mu, mass = (
        functools.reduce(lambda v, c: v * t + c, x[::-1]) for x in rows
    )
    return r, rho, bulk, mu, mass / r**2


def numpy_start(layers: dict, log_radius: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return three solutions that decay downward in a weightless solid."""
    layer = np.searchsorted(np.log(layers["top"]), log_radius)
    here = {name: row[..., layer] for name, row in layers.items()}
    r, rho, bulk, mu, _ = numpy_material(here, log_radius)
    lame, zero, one = bulk - 2 / 3 * mu, 0 * n, 1 + 0 * n
    y1 = (n + 1) * (n * lame + (n - 2) * mu)
    y3 = (n + 3) * lame + (n + 5) * mu
    dilated = (n + 3) * y1 - n * (n + 1) * y3
    harmonic = [n, 2 * mu * n * (n - 1), one, 2 * mu * (n - 1), zero, -rho * r * n]
    normal = lame * dilated + 2 * mu * (n + 1) * y1
    squeezed = [y1, normal, y3, mu * (n * y3 + y1), zero, -rho * r * y1]
    potential = [zero, zero, zero, zero, one, 2 * n + 1]
    size = np.abs(y1) + np.abs(y3)
    return np.stack([harmonic, [x / size for x in squeezed], potential], axis=1)


def numpy_step(
    state: np.ndarray,
    here: dict,
    log_radius: np.ndarray,
    step: np.ndarray,
    n: np.ndarray,
) -> np.ndarray:
    slopes = np.empty((12, *state.shape))
    for stage in range(12):
        moved = state + step * np.tensordot(DOP853.A[stage, :stage], slopes[:stage], 1)
        material = numpy_material(here, log_radius + DOP853.C[stage] * step)
        slopes[stage] = numpy_rate(moved, material, n)
    return state + step * np.tensordot(DOP853.B, slopes, 1)


def numpy_rate(
    y: np.ndarray, material: tuple[np.ndarray, ...], n: np.ndarray
) -> np.ndarray:
    r, rho, bulk, mu, g = material
    y1, y2, y3, y4, y5, y6 = y
    pull, square, lame = rho * r, n * (n + 1), bulk - 2 / 3 * mu
    beta, weight = bulk + 4 / 3 * mu, pull * g
    stiff = 3 * mu * bulk / beta
    strain = (y2 + lame * (square * y3 - 2 * y1)) / beta
    return np.stack(
        [
            strain,
            4 * (stiff - weight) * y1
            + (1 - 4 * mu / beta) * y2
            + square * ((weight - 2 * stiff) * y3 + y4)
            + pull * ((n + 1) * y5 - y6),
            y3 - y1 + y4 / mu,
            (weight - 2 * stiff) * y1
            - lame / beta * y2
            - 2 * y4
            - pull * y5
            + (4 * square * (lame + mu) / beta - 2) * mu * y3,
            pull * y1 - (n + 1) * y5 + y6,
            pull * ((n + 1) * y1 - square * y3) + n * y6,
        ]
    )


if __name__ == "__main__":
    main()
