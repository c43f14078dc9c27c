"""Fields in dask's chunks: functions of their pieces, and pieces read."""

from collections.abc import Callable

import numpy as np
import xarray as xr
from numpy.typing import NDArray

__all__ = ["in_pieces", "loaded_values"]


def in_pieces(
    function: Callable[[xr.DataArray], xr.DataArray], array: xr.DataArray
) -> xr.DataArray:
    """Apply a function of a field, to each of its chunks once that is read.

    Args:
      function: To a field of the same shape and type.
      array: The field; one that is not in chunks is taken at once.

    Returns:
      What the function returns.
    """
    if array.chunks is None:
        return function(array)
    template = array.copy()
    return xr.map_blocks(
        lambda piece: function(piece.assign_attrs(array.attrs)),
        array,
        template=template,
    )


def loaded_values(array: xr.DataArray, epochs: slice) -> NDArray[np.floating]:
    """Read some epochs of a field.

    Args:
      array: The field, in chunks or not, time first.
      epochs: Which.

    Returns:
      Its values there.

    Raises:
      ValueError: If a file that it is read from is broken.
    """
    part = array.isel(time=epochs)
    if array.chunks is None:
        return part.values
    try:
        return part.values
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"{array.attrs.get('source_variable', array.name)} cannot be read to its "
            f"end ({str(error).splitlines()[0][:120]}); are the files complete?"
        ) from None
