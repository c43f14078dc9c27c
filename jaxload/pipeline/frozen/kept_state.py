"""What a finished study keeps in its folder, so that later days can be added."""

import dataclasses
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

import xarray as xr

from jaxload import io
from jaxload.io.appending import append_variables
from jaxload.io.files.writing import reason_of

__all__ = [
    "ABOUT_STATE",
    "READABLE_STATES",
    "STATE_ARRAYS",
    "STATE_VERSION",
    "KeptState",
    "write_readings",
    "write_state",
]

#: Files of a state: its arrays, and its plain values.
STATE_ARRAYS, ABOUT_STATE = "state.nc", "state.json"

#: Changes with what a state holds, and with what is computed from it.
STATE_VERSION = 2

#: Versions from which an update goes on: the first lacks noise of a network alone.
READABLE_STATES = (1, 2)

#: Heights as they were read, in the state.
READ = {"up": "up_read", "up_sigma": "up_sigma_read", "time": "day"}


@dataclasses.dataclass(frozen=True, eq=False)
class KeptState:
    """Frozen parameters of a study, and what its results are made of.

    Attributes:
      arrays: Heights as they were read, ``up_read`` and ``up_sigma_read`` (day,
        station) [mm]; parameters of each ``row`` of the inversion; means over regions
        (epoch, region) [mm] in float64; sums over epochs for the annual amplitude.
      about: Plain values: the study, its inputs, beta, the noise.
      readings: File with the heights as they were read, which are not in `arrays` then.
    """

    arrays: xr.Dataset
    about: dict[str, Any]
    readings: pathlib.Path | None = None


def write_readings(gnss: xr.Dataset, path: pathlib.Path) -> None:
    """Write heights as they were read.

    Args:
      gnss: Heights, layout `io.GNSS`.
      path: The file.

    Raises:
      ValueError: If it cannot be written.
    """
    kept = gnss[["up", "up_sigma"]].rename(READ).drop_attrs()
    names = [READ["up"], READ["up_sigma"]]
    kept = kept.assign({name: kept[name].assign_attrs(units="mm") for name in names})
    kept.attrs = {"title": "heights as they were read, and parameters of the study"}
    io.write_dataset(kept, path, double=names)


def write_state(
    state: KeptState, study: str, inputs: Mapping[str, str], place: pathlib.Path
) -> list[str]:
    """Write a state behind the heights as they were read.

    Args:
      state: With its `readings`, whose file is taken.
      study: The study as text.
      inputs: What each input file holds, by name.
      place: Folder.

    Returns:
      Names of the files.

    Raises:
      ValueError: If they cannot be written.
    """
    assert state.readings is not None
    path = place / STATE_ARRAYS
    try:
        shutil.move(state.readings, path)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({reason_of(error)})") from None
    append_variables(state.arrays, path)
    about = state.about | {"study": study, "inputs": dict(inputs)}
    io.write_json(about, place / ABOUT_STATE)
    return [STATE_ARRAYS, ABOUT_STATE]
