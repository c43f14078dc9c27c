"""Errors of netCDF files that are broken or cannot be written, in one sentence."""

import contextlib
import importlib.util
import pathlib
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import scipy.io
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from jaxload.io.files.foreign import ENOUGH, what_stands_for_netcdf
from jaxload.io.files.hdf5 import check_heaps
from jaxload.io.files.writing import replacing, why_full

__all__ = [
    "as_numbers",
    "reading_netcdf",
    "save_netcdf",
    "small_caches",
    "with_numbers",
]

#: Bytes of a variable that the library of netCDF holds while a file is written.
CACHE = 1 << 20

#: What the libraries of netCDF, and that of Zarr, raise on broken files.
BROKEN = (
    OSError,
    ValueError,
    RuntimeError,
    LookupError,
    TypeError,
    AttributeError,
    # A time of a damaged file is beyond all calendars.
    ArithmeticError,
)


@contextlib.contextmanager
def reading_netcdf(path: pathlib.Path) -> Iterator[None]:
    """Raise one sentence for a file that is broken, wherever that turns out.

    Args:
      path: The file.

    Yields:
      Nothing.

    Raises:
      ValueError: In place of what the libraries of netCDF raise.
    """
    try:
        with warnings.catch_warnings():
            # Two fillers in one variable, as NASA's files have them, are both masked.
            warnings.simplefilter("ignore", xr.SerializationWarning)
            # Of a library that cannot tell what a broken file is.
            warnings.filterwarnings("ignore", ".* fails while guessing", RuntimeWarning)
            _check_length(path)
            check_heaps(path)
            yield
    except BROKEN as error:
        with contextlib.suppress(OSError), path.open("rb") as file:
            what = what_stands_for_netcdf(file.read(ENOUGH))
            if what:
                raise ValueError(f"{path} is {what}") from None
        reason = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise ValueError(
            f"{path} cannot be read as netCDF ({reason}); is it complete, and is "
            "jaxload[netcdf] installed?"
        ) from None


def _check_length(path: pathlib.Path) -> None:
    """Find netCDF-3 files that end early: their library reads the rest as zeros."""
    with path.open("rb") as file:
        classic = file.read(4) in (b"CDF\x01", b"CDF\x02")
    if not classic:
        return
    try:
        # Its arrays are views of the mapped file, which must reach to their end.
        scipy.io.netcdf_file(path, mmap=True).close()
    except BROKEN:
        raise ValueError("it ends before its data do") from None


def as_numbers(values: ArrayLike, where: str) -> NDArray[np.float64]:
    """Take what a variable holds for numbers.

    Args:
      values: Any.
      where: The file and the variable, for the message.

    Returns:
      The numbers in float64, of the same shape.

    Raises:
      ValueError: If they are words, times or tables.
    """
    array = np.asarray(values)
    try:
        if array.dtype.kind in "biufOSU":
            return array.astype(np.float64)
    except (ValueError, TypeError):
        pass
    first = str(array.flat[0])[:40] if array.size else ""
    raise ValueError(
        f"{where} holds {first!r}, expected numbers; name another variable"
    )


def with_numbers(array: xr.DataArray, where: str) -> xr.DataArray:
    """Check that an array holds numbers.

    Args:
      array: Any.
      where: The file and the variable, for the message.

    Returns:
      The array, not read where it holds numbers; in float64 where they are written as
      words.

    Raises:
      ValueError: If they are words, times or tables.
    """
    if array.dtype.kind in "biuf":
        return array
    return array.copy(data=as_numbers(array.values, where))


def save_netcdf(
    dataset: xr.Dataset,
    path: pathlib.Path,
    encoding: Mapping[str, Mapping[str, Any]],
    durable: bool = False,
    unlimited: Sequence[str] = (),
) -> None:
    """Write netCDF so that its name never stands for half of it.

    Args:
      dataset: What to write.
      path: The file; an old one is replaced when the new one is whole.
      encoding: Of each variable, as xarray takes it.
      durable: As in `replacing`.
      unlimited: Dimensions that can grow.

    Raises:
      ValueError: If the file cannot be written.
    """
    with replacing(path, durable) as temporary, small_caches():
        try:
            dataset.to_netcdf(
                temporary,
                engine="netcdf4",
                encoding=encoding,
                unlimited_dims=list(unlimited),
            )
        except (RuntimeError, OSError) as error:
            # The library only says that there was an error, full disk or not; where no
            # file could be begun, that it was not permitted.
            reason = why_full(temporary)
            if reason is None and isinstance(error, OSError):
                raise
            if reason is None:
                raise ValueError(f"{path} cannot be written ({error})") from None
            raise reason from None


@contextlib.contextmanager
def small_caches() -> Iterator[None]:
    """Hold little of each variable that is written: its pieces come whole.

    Yields:
      Nothing; files that are made meanwhile have small caches.
    """
    if importlib.util.find_spec("netCDF4") is None:
        yield
        return
    import netCDF4

    before = netCDF4.get_chunk_cache()
    netCDF4.set_chunk_cache(CACHE, *before[1:])
    try:
        yield
    finally:
        netCDF4.set_chunk_cache(*before)
