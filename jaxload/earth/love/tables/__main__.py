"""Remake the bundled tables: ``python -m jaxload.earth.love.tables``."""

import jax
import numpy as np
from rich.console import Console

from jaxload.earth.interior.propagation import Integration
from jaxload.earth.interior.reference_models import prem
from jaxload.earth.love.from_model import love_numbers
from jaxload.earth.love.tables import LOVE_TABLES, LoveTable, write_table

__all__ = ["main"]

MAX_DEGREE = 40_000

# Finer and from deeper down than the defaults, so that what is left is rounding.
SETTINGS = Integration(steps=200, reach=20.0)


def main() -> None:
    """Compute the Love numbers of PREM and write its table over the old one."""
    jax.config.update("jax_enable_x64", True)
    console = Console()
    with console.status(f"PREM, every degree from 0 to {MAX_DEGREE:,}"):
        love = love_numbers(prem(), MAX_DEGREE, "CE", SETTINGS)
        h, l, k = (np.asarray(numbers) for numbers in (love.h, love.l, love.k))
    table = LoveTable(h, l, k, float(love.radius), float(love.gravity))
    write_table(LOVE_TABLES["prem"], table)
    size = LOVE_TABLES["prem"].stat().st_size
    console.log(
        f"{LOVE_TABLES['prem']}: degrees 0 to {len(h) - 1:,}, {size / 1e3:.0f} kB"
    )


if __name__ == "__main__":
    main()
