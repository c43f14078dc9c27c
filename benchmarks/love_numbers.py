"""Load Love numbers of PREM, every degree from 0 to 10,000: time and error."""

import jax
import numpy as np

from benchmarks._harness import measure, report
from jaxload.earth.elastic import load_response
from jaxload.earth.model import prem
from jaxload.earth.propagation import Integration

__all__ = ["main"]

MAX_DEGREE = 10_000

#: LoadDef, the same degrees of the same Earth, one process, measured once on a 2-core
#: CPU. It integrates at the period of the M2 tide, not at rest.
LOADDEF_S = 54.3


def main() -> None:
    """Time the integration, and compare it with one of four times the steps."""
    jax.config.update("jax_enable_x64", True)
    model, degree = prem(), np.arange(MAX_DEGREE + 1)
    settings = Integration()
    times = measure(load_response, model, degree, settings)
    fine = Integration(steps=4 * settings.steps, reach=21.0, innermost=3e-3)
    rows = [load_response(model, degree, s) for s in (settings, fine)]
    ours, exact = (
        np.stack([h, degree * l, degree * k]) for h, l, k in map(_host, rows)
    )
    error = dict(zip(("h", "n l", "n k"), np.abs(ours - exact).max(axis=1).tolist()))
    report(
        "love_numbers",
        [
            {
                "name": f"jaxload, PREM, degrees 0 to {MAX_DEGREE}",
                "dtype": "float64",
                **times,
                **{f"max error {name}": value for name, value in error.items()},
            },
            {
                "name": "LoadDef, measured once on a 2-core CPU",
                "dtype": "float64",
                "median_s": LOADDEF_S,
            },
        ],
    )


def _host(numbers: tuple) -> tuple:
    return tuple(np.asarray(number) for number in numbers)


if __name__ == "__main__":
    main()
