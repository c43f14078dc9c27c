"""Annual amplitude of water with later epochs."""

import pathlib
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import inversion, io, sphere
from jaxload.inversion.estimation.representers import Term
from jaxload.pipeline.chunks import blocks
from jaxload.pipeline.frozen.freezing import annual_sums, season_basis
from jaxload.pipeline.update.later_epochs import LaterEpochs

__all__ = ["amplitude_of_maps", "amplitude_of_sums", "later_sums"]

Floats = NDArray[np.float64]


def later_sums(
    state: xr.Dataset,
    epochs: LaterEpochs,
    water: inversion.RepresenterSolution,
    replaced: tuple[NDArray[np.datetime64], inversion.RepresenterSolution] | None,
) -> dict[str, NDArray[Any]]:
    """Add later epochs to the sums for the annual amplitude, and take others out.

    Args:
      state: Arrays of the state.
      epochs: Which epochs change.
      water: Their water.
      replaced: Epochs whose water is replaced, with what it was; None without any.

    Returns:
      The sums by their names in the state.
    """
    normal, sums = annual_sums(epochs.time[epochs.places], water)
    if replaced is not None:
        old_normal, old_sums = annual_sums(*replaced)
        normal = normal - old_normal
        sums = [new - old for new, old in zip(sums, old_sums)]
    named = {f"season_sums_{number}": values for number, values in enumerate(sums)}
    changes = {"season_normal": normal} | named
    return {name: state[name].values + change for name, change in changes.items()}


def amplitude_of_sums(
    sums: dict[str, NDArray[Any]], water: inversion.RepresenterSolution
) -> Floats:
    """Compute the annual amplitude of the water of every cell from sums.

    Args:
      sums: From `later_sums`.
      water: With the fields of its coefficients.

    Returns:
      The amplitudes [mm], shape (cell,).
    """
    solved = np.linalg.pinv(sums["season_normal"], hermitian=True)[2:4]
    terms = tuple(
        Term(solved @ sums[f"season_sums_{number}"], term.representers)
        for number, term in enumerate(water.terms)
    )
    unused = np.ones(2, bool), np.zeros(2)
    annual = inversion.RepresenterSolution(terms, np.zeros((2, 1)), *unused)
    return np.hypot(*annual.load)


def amplitude_of_maps(path: pathlib.Path, grid: sphere.Grid) -> Floats:
    """Compute the annual amplitude of the water of every cell from its maps.

    Args:
      path: File of the maps.
      grid: The cells.

    Returns:
      The amplitudes [mm], shape (cell,).
    """
    with io.read_dataset(path) as maps:
        time = maps.time.values
        basis = season_basis(time)
        normal, sums = np.zeros((6, 6)), np.zeros((6, len(grid.lon)))
        for part in blocks(len(time)):
            values = maps.twsa[part].values[:, grid.row, grid.column].astype(float)
            known = np.isfinite(values).all(axis=1)[:, None]
            here = basis[part] * known
            normal += here.T @ here
            sums += here.T @ np.where(known, values, 0)
    return np.hypot(*(np.linalg.pinv(normal, hermitian=True)[2:4] @ sums))
