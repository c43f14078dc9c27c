"""Several settings of a sweep as one product, their differences in its errors."""

import contextlib
import dataclasses
import logging
import os
import pathlib
from collections.abc import Sequence

import jax
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io
from jaxload.pipeline.chunks import blocks
from jaxload.pipeline.progress import Clock, Watch, ignore
from jaxload.pipeline.report.file_labels import labelled_for_file
from jaxload.pipeline.stages import invert_prepared
from jaxload.sweep.draws import as_text
from jaxload.sweep.results import SweepResult
from jaxload.sweep.shared import Shared
from jaxload.sweep.storage import Evaluated

__all__ = ["combine", "member_weights"]

logger = logging.getLogger(__name__)

#: Criteria that weigh settings, the first that a sweep has: errors of predictions.
ERRORS = ("held-out", "leave-one-out", "grace")

#: Weight below which a setting is no member.
NEGLIGIBLE = 1e-3

#: Variables of results that do not depend on the settings of the inversion.
ALIKE = ("cell_mask", "coverage_fraction")

#: Attributes of a member's files that say of what it is.
ABOUT = "sweep_settings"


@dataclasses.dataclass(frozen=True, eq=False)
class _Member:
    """A setting as maps and regional means, in files."""

    water: pathlib.Path
    regions: pathlib.Path
    weight: float


def combine(
    result: SweepResult, out: str | os.PathLike[str], *, watch: Watch = ignore
) -> pathlib.Path:
    """Compute the water of several settings, and their weighted mean and spread.

    Args:
      result: From `run_sweep`; its sweep's `members` says how many of the best settings
        are taken.
      out: Folder of the sweep; members are kept in it, so that a combination that was
        interrupted goes on where it was.
      watch: Called with the progress.

    Returns:
      Folder of the product: ``twsa.nc`` and ``regions.nc``, with `twsa`, `twsa_spread`,
      the standard deviation between the settings, and, where all settings have standard
      errors, `twsa_sd`, with the spread inside; and `weight` of each member. Where
      groundwater is sought, `gwsa` for `twsa`.

    Raises:
      FileNotFoundError: If a file of the study is missing.
      ValueError: If fewer than two settings have criteria, settings differ in cells,
        epochs or regions, or a file cannot be written.
    """
    chosen = _chosen(result)
    weights = member_weights(result.sweep, chosen)
    heavy = weights > NEGLIGIBLE
    if heavy.sum() < len(weights):
        logger.warning(
            "%d of %d settings have less than a thousandth of the weight and are left "
            "out of the combination",
            len(weights) - heavy.sum(),
            len(weights),
        )
    chosen = [each for each, is_heavy in zip(chosen, heavy) if is_heavy]
    weights = weights[heavy] / weights[heavy].sum()
    folder = pathlib.Path(out)
    members, kept = [], Shared(Clock(ignore))
    for number, (setting, weight) in enumerate(zip(chosen, weights)):
        watch("members", number / len(chosen))
        members.append(_member(result.sweep, setting, weight, kept, folder))
    watch("members", 1.0)
    place = io.prepare_folder(folder / "combined")
    for name in ("water", "regions"):
        paths = [getattr(member, name) for member in members]
        combined = _combined(paths, weights, chosen, watch)
        io.write_dataset(
            labelled_for_file(combined, {}),
            place / ("twsa.nc" if name == "water" else "regions.nc"),
        )
    return place


def member_weights(
    sweep: config.Sweep, chosen: Sequence[Evaluated]
) -> NDArray[np.float64]:
    """Weigh settings by how well they predict.

    Args:
      sweep: The sweep.
      chosen: Settings with criteria.

    Returns:
      Weights, together one, shape (member,): by the inverse square of the held-out
      error, of leave-one-out residuals or of the difference to GRACE, the first that
      the sweep has; by the marginal likelihood where it has none of these but the
      evidence; else all the same.
    """
    values = np.array([each.values for each in chosen], float)
    for name in ERRORS:
        if name in sweep.criteria:
            weights = values[:, sweep.criteria.index(name)] ** -2.0
            return weights / weights.sum()
    if "evidence" in sweep.criteria:
        evidence = values[:, sweep.criteria.index("evidence")]
        weights = np.exp(evidence - evidence.max())
        return weights / weights.sum()
    return np.full(len(chosen), 1 / len(chosen))


def _chosen(result: SweepResult) -> list[Evaluated]:
    criteria = result.sweep.criteria
    first = next((criteria.index(name) for name in ERRORS if name in criteria), 0)
    chosen = result.ranked(first)[: result.sweep.members or None]
    if len(chosen) < 2:
        raise ValueError(
            "a combination needs two settings or more, and the sweep has "
            f"{len(chosen)} with criteria; evaluate more, or raise members"
        )
    return chosen


def _member(
    sweep: config.Sweep,
    setting: Evaluated,
    weight: float,
    kept: Shared,
    folder: pathlib.Path,
) -> _Member:
    """The water of a setting, computed where it is not there yet."""
    place = io.prepare_folder(folder / "members" / f"{setting.number:05d}")
    member = _Member(place / "twsa.nc", place / "regions.nc", weight)
    about = f"{sweep.digest} {as_text(setting.settings)}"
    if all(_is_of(path, about) for path in (member.water, member.regions)):
        return member
    study = sweep.study_with(setting.settings)
    study = dataclasses.replace(study, output=config.Output())
    if np.isfinite(setting.beta) and study.gapfill is None:
        settled = dataclasses.replace(study.inversion, beta=setting.beta)
        study = dataclasses.replace(study, inversion=settled)
    with jax.enable_x64(True):
        result = invert_prepared(study, kept.prepared(study), None, kept.clock)
    with contextlib.closing(result):
        io.write_dataset(result.water.assign_attrs({ABOUT: about}), member.water)
        io.write_dataset(result.regions.assign_attrs({ABOUT: about}), member.regions)
    return member


def _is_of(path: pathlib.Path, about: str) -> bool:
    if not path.is_file():
        return False
    try:
        with io.read_dataset(path) as dataset:
            return dataset.attrs.get(ABOUT) == about
    except ValueError:
        return False


def _combined(
    paths: Sequence[pathlib.Path],
    weights: NDArray[np.float64],
    chosen: Sequence[Evaluated],
    watch: Watch,
) -> xr.Dataset:
    """Mean, spread and standard errors of the members' files."""
    with contextlib.ExitStack() as stack:
        members = [stack.enter_context(io.read_dataset(path)) for path in paths]
        first = members[0]
        name = "gwsa" if "gwsa" in first else "twsa"
        _check_alike(members, name)
        with_errors = all(f"{name}_sd" in member for member in members)
        mean, spread, sd = (np.empty(first[name].shape, np.float32) for _ in range(3))
        for epochs in blocks(len(first.time)):
            of_block = [_block(each, name, epochs, with_errors) for each in members]
            parts = _moments(np.array(of_block), weights)
            mean[epochs], spread[epochs], sd[epochs] = parts
            watch("combine", epochs.stop / len(first.time))
        labels = {"units": "mm", "long_name": first[name].attrs["long_name"]}
        # What is left is the same for all members.
        kept = first.drop_vars([n for n in first.data_vars if n not in ALIKE])
        dims = first[name].dims
        combined = kept.load().assign({name: (dims, mean, labels)})
    between = {"units": "mm", "long_name": "standard deviation between settings"}
    combined[f"{name}_spread"] = dims, spread, between
    if with_errors:
        text = "standard error, differences between settings inside"
        combined[f"{name}_sd"] = dims, sd, {"units": "mm", "long_name": text}
    labels = {"units": "1", "long_name": "weight of the member"}
    texts = np.array([as_text(each.settings) for each in chosen], object)
    combined = combined.assign(weight=("member", weights, labels))
    combined = combined.assign(settings=("member", texts))
    for attribute in (ABOUT, "beta", "settings"):
        combined.attrs.pop(attribute, None)
    return combined


def _block(
    member: xr.Dataset, name: str, epochs: slice, with_errors: bool
) -> NDArray[np.float64]:
    """Water and variance of some epochs, shape (2, epoch, ...)."""
    water = member[name][epochs].values.astype(float)
    sd = member[f"{name}_sd"][epochs].values if with_errors else np.zeros_like(water)
    return np.stack([water, sd.astype(float) ** 2])


def _moments(
    members: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray, NDArray, NDArray]:
    """Mean, standard deviation between members, and standard error of the mean's truth.

    The truth is that of one member, no one knows which: its variance is the mean of
    theirs and the variance between them.
    """
    share = weights.reshape(-1, *[1] * (members.ndim - 2))
    water, variance = members[:, 0], members[:, 1]
    mean = (share * water).sum(axis=0)
    between = (share * (water - mean) ** 2).sum(axis=0)
    within = (share * variance).sum(axis=0)
    return mean, np.sqrt(between), np.sqrt(within + between)


def _check_alike(members: Sequence[xr.Dataset], name: str) -> None:
    first = members[0][name]
    for member in members[1:]:
        for dim in first.dims:
            same = np.array_equal(first[dim].values, member[name][dim].values)
            if not same:
                what = {"time": "epochs", "region": "regions"}.get(str(dim), "cells")
                raise ValueError(
                    f"settings that differ in their {what} cannot be combined; vary "
                    "settings that leave these as they are"
                )
