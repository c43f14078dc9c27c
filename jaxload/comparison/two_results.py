"""Two results of studies beside each other."""

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, io, labelled
from jaxload.comparison.settings_of_result import settings_text
from jaxload.pipeline.report.scores_in_words import smoothed_scores

__all__ = ["compare_results"]

Watch = Callable[[str, float], None]

#: Numbers of the summary that are set beside each other.
NUMBERS = (
    *("stations", "cells", "epochs", "first_day", "last_day", "beta"),
    *("signal_rms_mm", "misfit_rms_mm", "leave_one_out_rms_mm", "epochs_not_solved"),
)

#: Scores of a region.
SCORES = ("pcc", "nse", "rmse_mm")

#: Epochs of maps that are read at a time.
EPOCHS = 256

#: How near cells of two grids must be to be the same [degrees].
SAME = 1e-4


def compare_results(
    one: str | os.PathLike[str], other: str | os.PathLike[str], watch: Watch
) -> list[str]:
    """Set two results of studies beside each other.

    Args:
      one: Folder of a result.
      other: Folder of another.
      watch: Called with the progress.

    Returns:
      Lines of text: settings that differ, scores, the difference of maps, and of means
      over regions of the same name.

    Raises:
      FileNotFoundError: If a folder has no summary.
      ValueError: If a file is broken.
    """
    folders = [pathlib.Path(one), pathlib.Path(other)]
    for folder in folders:
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is not a folder; check the path")
        if not (folder / "summary.json").is_file():
            raise FileNotFoundError(
                f"{folder} has no summary.json, so that it holds no finished result; "
                "name the folder that --out of jaxload run named"
            )
    summaries = [io.read_json(folder / "summary.json") for folder in folders]
    lines = [f"A: {folders[0]}", f"B: {folders[1]}", ""]
    lines += [*_settings(folders), "", *_scores(summaries), ""]
    return [*lines, *_maps(folders, watch), "", *_regions(folders)]


def _table(title: str, rows: list[tuple[str, Any, Any]]) -> list[str]:
    """Three columns, as wide as what is in them."""
    texts = [(name, _text(a), _text(b)) for name, a, b in rows]
    texts.insert(0, (title, "A", "B"))
    widths = [max(len(row[column]) for row in texts) for column in range(2)]
    return [
        f"{name:<{widths[0]}}  {a:<{widths[1]}}  {b}".rstrip() for name, a, b in texts
    ]


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _settings(folders: list[pathlib.Path]) -> list[str]:
    both = [_settings_of(folder) for folder in folders]
    names = sorted({*both[0], *both[1]})
    rows = [
        (name, both[0].get(name), both[1].get(name))
        for name in names
        if both[0].get(name) != both[1].get(name)
    ]
    if not rows:
        return ["settings are the same"]
    return _table("settings that differ", rows)


def _settings_of(folder: pathlib.Path) -> dict[str, Any]:
    """Settings by their names with dots; empty where no file holds them."""
    return _flat(config.plain_settings(settings_text(folder)))


def _flat(table: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{before}{key}.")
        else:
            flat[f"{before}{key}"] = value
    return flat


def _scores(summaries: list[dict[str, Any]]) -> list[str]:
    rows: list[tuple[str, Any, Any]] = [
        (name, summaries[0].get(name), summaries[1].get(name))
        for name in NUMBERS
        if any(name in summary for summary in summaries)
    ]
    for table, what in (("evaluation", "GRACE"), ("evaluation_land_model", "model")):
        by = [summary.get(table) or {} for summary in summaries]
        for region in dict.fromkeys([*by[0], *by[1]]):
            for score in SCORES:
                one, other = ((each.get(region) or {}).get(score) for each in by)
                rows.append((f"{region}, {score} with {what}", one, other))
    for product in dict.fromkeys(p for x in summaries for p in x.get("products") or ()):
        alike = [smoothed_scores(x, product) or (0.0, {}) for x in summaries]
        radius = max(alike[0][0], alike[1][0])
        for region in dict.fromkeys([*alike[0][1], *alike[1][1]]):
            for score in SCORES:
                one, other = ((each[1].get(region) or {}).get(score) for each in alike)
                what = f"{score} with {product}, smoothed over {radius:g} km as it is"
                rows.append((f"{region}, {what}", one, other))
    sd = [_standard_errors(summary) for summary in summaries]
    for region in dict.fromkeys([*sd[0], *sd[1]]):
        name = f"{region}, standard error of an epoch [mm]"
        rows.append((name, sd[0].get(region), sd[1].get(region)))
    return _table("scores", rows)


def _standard_errors(summary: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of means over regions: those of an update, or else of the run [mm]."""
    updated = summary.get("region_sd_mm")
    of_run = (summary.get("errors") or {}).get("region_sd_mm")
    return next((x for x in (updated, of_run) if isinstance(x, Mapping)), {})


def _maps(folders: list[pathlib.Path], watch: Watch) -> list[str]:
    paths = [
        next((p for n in ("twsa.nc", "twsa.zarr") if (p := f / n).exists()), None)
        for f in folders
    ]
    if paths[0] is None or paths[1] is None:
        return ["maps: not both results have them"]
    with io.read_dataset(paths[0]) as one, io.read_dataset(paths[1]) as other:
        names = [_water(dataset) for dataset in (one, other)]
        if not all(names):
            return ["maps: not both results have them"]
        if names[0] != names[1]:
            return [f"maps: {_unlike(names)}"]
        common = _common(one, other)
        sizes = [len(index[0]) for index in common.values()]
        if not all(sizes):
            return ["maps: the results have no epoch and cell in common"]
        squares = _squares(
            (one[names[0]], other[names[1]]), (one, other), common, watch
        )
    if not squares[3]:
        return ["maps: the results have no value of the region in common"]
    rms = np.sqrt(np.array(squares[:3]) / squares[3])
    return [
        f"maps: rms of the difference {rms[2]:.4g} mm, of A {rms[0]:.4g} mm, of B "
        f"{rms[1]:.4g} mm ({sizes[0]} epochs and {squares[4]} cells of the region in "
        "common)"
    ]


def _unlike(names: list[str]) -> str:
    return f"A has {names[0]} and B {names[1]}, which are not the same quantity"


def _water(dataset: xr.Dataset) -> str:
    try:
        return labelled.water_name(dataset)
    except ValueError:
        return ""


def _common(
    one: xr.Dataset, other: xr.Dataset
) -> dict[str, tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Indices of what both have, by axis."""
    common = {}
    for axis in ("time", "lat", "lon"):
        values = [x[axis].values for x in (one, other)]
        if axis != "time":
            values = [np.rint(x / SAME).astype(np.int64) for x in values]
        _, first, second = np.intersect1d(values[0], values[1], return_indices=True)
        common[axis] = (first, second)
    return common


def _squares(
    maps: tuple[xr.DataArray, xr.DataArray],
    datasets: tuple[xr.Dataset, xr.Dataset],
    common: dict[str, tuple[NDArray[np.intp], NDArray[np.intp]]],
    watch: Watch,
) -> tuple[float, float, float, int, int]:
    """Sums of squares of both and of their difference, values, and cells."""
    inside = True
    for side, dataset in enumerate(datasets):
        rows, columns = (common[axis][side] for axis in ("lat", "lon"))
        inside = inside & labelled.in_region(dataset, False)[np.ix_(rows, columns)]
    sums, count, cells = np.zeros(3), 0, None
    epochs = common["time"]
    for first in range(0, len(epochs[0]), EPOCHS):
        some = slice(first, first + EPOCHS)
        values = []
        for side, array in enumerate(maps):
            index = {axis: common[axis][side] for axis in ("lat", "lon")}
            part = array.isel(time=epochs[side][some]).isel(index)
            part = part.transpose("time", "lat", "lon")
            values.append(np.where(inside, part.values.astype(np.float64), np.nan))
        known = np.isfinite(values[0]) & np.isfinite(values[1])
        of_cells = known.any(axis=0)
        cells = of_cells if cells is None else cells | of_cells
        parts = (values[0], values[1], values[1] - values[0])
        sums += [
            np.where(known, x, 0.0).ravel() @ np.where(known, x, 0.0).ravel()
            for x in parts
        ]
        count += int(known.sum())
        watch("maps", min(first + EPOCHS, len(epochs[0])) / len(epochs[0]))
    total = 0 if cells is None else int(cells.sum())
    return float(sums[0]), float(sums[1]), float(sums[2]), count, total


def _regions(folders: list[pathlib.Path]) -> list[str]:
    paths = [folder / "regions.nc" for folder in folders]
    if not all(path.exists() for path in paths):
        return ["regions: not both results have them"]
    with io.read_dataset(paths[0]) as one, io.read_dataset(paths[1]) as other:
        names = [_water(dataset) for dataset in (one, other)]
        if not all(names):
            return ["regions: not both results have them"]
        if names[0] != names[1]:
            return [f"regions: {_unlike(names)}"]
        series = [x[name].load() for x, name in zip((one, other), names)]
    regions = [r for r in series[0].region.values if r in series[1].region.values]
    lines = []
    for region in regions:
        a, b = (x.sel(region=region) for x in series)
        a, b = xr.align(
            a.drop_vars("time_bnds", errors="ignore"),
            b.drop_vars("time_bnds", errors="ignore"),
            join="inner",
        )
        known = np.isfinite(a.values) & np.isfinite(b.values)
        a, b = a.values[known].astype(float), b.values[known].astype(float)
        if len(a) < 2:
            lines.append(f"region {region}: no epochs in common")
            continue
        change = b - a
        flat = a.std() == 0 or b.std() == 0
        pcc = "-" if flat else f"{np.corrcoef(a, b)[0, 1]:.4f}"
        lines.append(
            f"region {region}: r = {pcc}, rms of the difference "
            f"{np.sqrt((change**2).mean()):.4g} mm, mean difference B - A "
            f"{change.mean():.4g} mm ({len(a)} epochs)"
        )
    return lines or ["regions: the results have none of the same name"]
