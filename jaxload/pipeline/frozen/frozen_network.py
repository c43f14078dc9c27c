"""Spectra and functions of time of a network frozen, and taken up again."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import inversion, series
from jaxload.inversion.spectral.spectra import NetworkSpectra, network_covariance
from jaxload.inversion.spectral.time_functions import FunctionMaps
from jaxload.pipeline.estimation.error_correlation import MeanErrors
from jaxload.pipeline.estimation.network_noise import EndGrowth, NetworkModel
from jaxload.pipeline.estimation.problem import DesignAndPrior
from jaxload.pipeline.inputs.observations import station_distances

__all__ = [
    "NETWORK",
    "frozen_arrays",
    "frozen_values",
    "functions_at",
    "network_of_state",
    "regional_errors",
]

Floats = NDArray[np.float64]

#: Under which the plain values of a network stand in a state.
NETWORK = "network"

#: Fields of `FunctionMaps` by row of the inversion, and one number for each function.
BY_ROW = ("coefficients", "displacement", "smoothed", "left_out", "uncertain")
BY_FUNCTION = ("load", "local")


def frozen_arrays(
    network: NetworkModel,
    solution: inversion.RepresenterSolution,
    means: MeanErrors | None,
) -> dict[str, Any]:
    """Label what of a network goes into a state.

    Args:
      network: The network.
      solution: Its water.
      means: Errors of means over regions; None where there are none.

    Returns:
      Variables.
    """
    assert network.growth is not None
    dims = ("function", "row")
    arrays: dict[str, Any] = {
        f"map_{name}": (dims, np.asarray(getattr(network.maps, name)))
        for name in BY_ROW
    }
    arrays |= {
        f"map_{name}": ("function", np.asarray(getattr(network.maps, name)))
        for name in BY_FUNCTION
    }
    term = np.asarray(solution.terms[0].coefficients)
    arrays["coefficient"] = (("epoch", "row"), term)
    arrays["growth_regions"] = (("from_end", "region"), network.growth.regions)
    arrays["growth_cells"] = ("from_end", network.growth.cells)
    if means is not None:
        arrays["error_correlation"] = (("lag", "region"), means.correlation)
        arrays["error_functions"] = (("function", "region"), means.function_variance)
        arrays["region_rest_sd"] = (("epoch", "region"), means.rest_sd)
    return arrays


def frozen_values(
    network: NetworkModel, time: NDArray[np.datetime64]
) -> dict[str, Any]:
    """Write the plain values of a network.

    Args:
      network: The network.
      time: Epochs of the record.

    Returns:
      The entry `NETWORK` of a state.
    """
    assert network.growth is not None
    spectra = dataclasses.asdict(network.spectra)
    return {
        "spectra": {name: float(value) for name, value in spectra.items()},
        "days": network.days,
        "steps": network.steps,
        "middle_year": float(series.decimal_years(time).mean()),
        "lag": network.growth.lag,
        "lead": network.growth.lead,
    }


def functions_at(values: Mapping[str, Any], time: NDArray[np.datetime64]) -> Floats:
    """Continue the functions of time of a run.

    Args:
      values: From `frozen_values`.
      time: Epochs, shape (epoch,).

    Returns:
      Offset, trend and seasons, the trend about the middle of the run, shape (epoch,
      function).
    """
    functions = series.seasonal_basis(time)
    functions[:, 1] = series.decimal_years(time) - float(values["middle_year"])
    return functions


def network_of_state(
    frozen: tuple[xr.Dataset, Mapping[str, Any]], problem: DesignAndPrior
) -> NetworkModel:
    """Take a network up again, without epochs.

    Args:
      frozen: Arrays and plain values of the state.
      problem: Design matrix and prior.

    Returns:
      The network, its `rest`, `functions` and `position` empty.
    """
    arrays, values = frozen[0], frozen[1][NETWORK]
    places = xr.Dataset(
        {
            "lon": ("station", arrays.row_lon.values),
            "lat": ("station", arrays.row_lat.values),
        }
    )
    network = network_covariance(
        problem[0].gram, arrays.sigma.values, station_distances(places)
    )
    rows = arrays.sizes["row"]
    return NetworkModel(
        network,
        NetworkSpectra(**values["spectra"]),
        np.zeros((0, arrays.sizes["function"])),
        _maps(arrays, np.asarray(network.gram)),
        np.zeros(0, np.int64),
        np.zeros((0, rows)),
        float(values["days"]),
        int(values["steps"]),
        growth=EndGrowth(arrays.growth_regions.values, arrays.growth_cells.values),
    )


def _maps(arrays: xr.Dataset, gram: Floats) -> FunctionMaps:
    """Maps of functions of time, the inverses computed again."""
    kept = {name: arrays[f"map_{name}"].values for name in (*BY_ROW, *BY_FUNCTION)}
    inverses = [
        np.linalg.inv(load * gram + np.diag(local + uncertain))
        for load, local, uncertain in zip(
            kept["load"], kept["local"], kept["uncertain"]
        )
    ]
    fields = {name: jnp.asarray(values) for name, values in kept.items()}
    return FunctionMaps(**fields, inverses=jnp.asarray(np.array(inverses)))


def regional_errors(
    frozen: tuple[xr.Dataset, Mapping[str, Any]],
    time: NDArray[np.datetime64],
    rest_sd: Floats,
) -> MeanErrors:
    """Describe how errors of regional means go together, with later epochs.

    Args:
      frozen: Arrays and plain values of the state.
      time: Epochs of the results, shape (epoch,).
      rest_sd: Standard errors without functions of time [mm], shape (epoch, region).

    Returns:
      The `MeanErrors`.
    """
    arrays, values = frozen[0], frozen[1][NETWORK]
    correlation = arrays.error_correlation.values
    lags = np.arange(len(correlation), dtype=np.float64) * float(values["days"])
    return MeanErrors(
        lags, correlation, rest_sd, functions_at(values, time),
        arrays.error_functions.values,
    )  # fmt: skip
