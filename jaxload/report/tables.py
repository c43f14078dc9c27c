"""Tables of a report: scores, stations, seasons, stages, and tables of the result."""

import csv
import dataclasses
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from jaxload.report.article_numbers import published_numbers
from jaxload.report.headings import MEANINGS, heading_of
from jaxload.report.opened_result import OpenedResult

__all__ = ["MOST_ROWS", "ReportTable", "report_tables"]

#: Rows of a table at most, and columns from which a table is turned on its side.
MOST_ROWS, WIDEST = 3000, 15

#: What is no number but the name of a station, such as 0583.
NAME_OF_DIGITS = re.compile(r"0\d")

#: What entries of `summary.json` are: title, meaning, and what their levels are of.
ENTRIES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "evaluation": (
        "Scores against satellite gravimetry, by region",
        "Monthly means of regions, not smoothed, against GRACE: Pearson correlation "
        "(PCC), its square (R\u00b2), Nash-Sutcliffe efficiency (NSE: 1 is perfect, "
        "below 0 is worse than the mean), root mean square difference (RMSE).",
        ("region",),
    ),
    "evaluation_land_model": (
        "Scores against the land-surface model, by region",
        "The same against water of the land-surface model.",
        ("region",),
    ),
    "products": (
        "Scores against each product, by period",
        "Where a product is smooth, cells are smoothed alike before they are compared.",
        ("product", "period", "region"),
    ),
    "gain_over_stations_only": (
        "Filled cells against stations alone",
        "By how much filling cells without a station changes scores, beside what the "
        "article reports.",
        ("reference", "region", "water"),
    ),
    "filling": (
        "Stations predicted from the others",
        "Each station was left out and predicted: correlation and error in height.",
        ("part", "station"),
    ),
    "truth": (
        "Against the simulated truth",
        "The world was simulated, so its water is known.",
        ("water",),
    ),
    "criterion": (
        "Weights of the prior that were tried",
        "The criterion for each beta; the smallest value is chosen.",
        (),
    ),
    "wells": ("Wells", "Water by heights against water tables.", ("well",)),
    "lag_months": (
        "Lags behind GRACE less soil",
        "Months by which one follows the other, and correlation before and after.",
        ("station",),
    ),
    "precipitation": (
        "Lags behind precipitation",
        "Months by which water follows rain, and correlation before and after.",
        ("region",),
    ),
    "dsi": (
        "Drought severity index",
        "Below -0.5 dry, below -2 exceptionally dry.",
        ("region", "month"),
    ),
    "drought": ("Droughts", "Events by region and index.", ("region", "index")),
    "water_balance": (
        "Water balance",
        "Change of storage against precipitation, evaporation and runoff.",
        ("region",),
    ),
    "wrms_reduction_percent": (
        "Scatter of heights that known loads explain",
        "Per cent by which each load reduces the weighted scatter of heights.",
        ("station",),
    ),
    "load_correlation": (
        "Correlation of heights with known loads",
        "Pearson correlation at each station.",
        ("station",),
    ),
    "coverage_fraction": (
        "Coverage of regions",
        "Share of each region that cells and references cover.",
        ("by",),
    ),
    "errors": ("Standard errors", "Of regional means, and how.", ("of",)),
    "plausibility": (
        "Plausibility",
        "Largest water, and cells beyond what water does.",
        (),
    ),
    "screening": ("Screening", "Stations that do not move as elastic ground.", ()),
    "seconds": ("Seconds by stage", "Where the time of the run went.", ()),
    "station_statistics": (
        "Groundwater at stations",
        "Extremes, mean and standard deviation [mm].",
        ("station",),
    ),
    "gwsa_correlation": (
        "Groundwater at stations against the truth",
        "Pearson correlation.",
        (),
    ),
}

#: What plain values are beside those of every level, without levels and with some.
IN_GENERAL = ("in general", "further numbers")

#: Entries that stand elsewhere in the page.
ELSEWHERE = ("title", "warnings", "versions", "files", "origin", "unsolved")

#: Statistics of seasons that a table of regions has.
SEASONS = ("mean", "trend", "annual_amplitude", "annual_phase", "semiannual_amplitude")


@dataclasses.dataclass(frozen=True)
class ReportTable:
    """A table of plain values.

    Attributes:
      name: By which a page links to it, and of its csv file.
      title: What it is.
      meaning: What its numbers mean.
      columns: Names of the columns.
      rows: Cells of each row: text, numbers or None.
      left_out: Rows that found no room.
    """

    name: str
    title: str
    meaning: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    left_out: int = 0


def report_tables(result: OpenedResult) -> list[ReportTable]:
    """Make the tables of a report.

    Args:
      result: From `open_result`.

    Returns:
      Those that the result has data for: scores first, then stations and the rest.
    """
    tables: list[ReportTable] = []
    for name, dataset in result.datasets():
        if name == "stations" and "station" in dataset.coords:
            tables.append(_stations(dataset))
        if name == "seasons" and "region_trend" in dataset:
            tables.append(_seasons(dataset))
    files = [_from_file(path) for path in result.paths(".csv")]
    summary = result.summary
    known = [key for key in ENTRIES if key in summary]
    others = [k for k in summary if k not in known and k not in ELSEWHERE]
    plain = [key for key in others if not isinstance(summary[key], dict | list)]
    first = [table for key in known[:6] for table in _of_entry(key, summary[key])]
    rest = [table for key in known[6:] for table in _of_entry(key, summary[key])]
    rest += [
        table
        for key in others
        if key not in plain
        for table in _of_entry(key, summary[key])
    ]
    run = _named_values("run", "The run in numbers", "", {k: summary[k] for k in plain})
    every = [*_published(summary), *first, *tables, *files, *rest, run]
    return [table for table in every if table.rows]


def _published(summary: Mapping[str, Any]) -> Iterator[ReportTable]:
    for name, meaning, columns, rows in published_numbers(summary):
        yield _table(name, ("Beside the article", meaning), columns, rows)


def _of_entry(key: str, value: Any) -> Iterator[ReportTable]:
    title, meaning, levels = _about(key)
    if isinstance(value, list):
        if value and all(isinstance(row, dict) for row in value):
            yield _of_rows(key, (title, meaning), (), [((), row) for row in value])
        return
    by_depth: dict[int, list[tuple[tuple[str, ...], dict[str, Any]]]] = {}
    for path, row in _walk(value, ()):
        by_depth.setdefault(len(path), []).append((path, row))
    for depth, rows in sorted(by_depth.items(), reverse=True):
        name, about = key, (title, meaning)
        if depth != max(by_depth):
            name, about = f"{key}_{depth}", (f"{title}: {IN_GENERAL[depth > 0]}", "")
        if depth == 0:
            yield _named_values(name, *about, rows[0][1])
        elif key == "dsi":
            yield _of_months(name, about, rows)
        else:
            of = (*levels, *(f"level {i + 1}" for i in range(len(levels), depth)))
            yield _of_rows(name, about, of[:depth], rows)


def _of_months(
    name: str,
    about: tuple[str, str],
    rows: Sequence[tuple[tuple[str, ...], Mapping[str, Any]]],
) -> ReportTable:
    """A line for each month and a column for each region."""
    regions = list(dict.fromkeys(path[0] for path, _ in rows))
    months = sorted({path[1] for path, _ in rows})
    values = {path: row.get(name) for path, row in rows}
    cells = [(m, *(values.get((r, m)) for r in regions)) for m in months]
    return _table(name, about, ("month", *regions), cells)


def _about(key: str) -> tuple[str, str, tuple[str, ...]]:
    return ENTRIES.get(key, (key.replace("_", " ").capitalize(), "", ()))


def _walk(
    value: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Rows of plain values at any depth of a mapping, each with the way to it."""
    plain = {k: _plain(v) for k, v in value.items() if not _is_branch(v)}
    if plain:
        yield path, plain
    for key, below in value.items():
        if isinstance(below, Mapping):
            yield from _walk(below, (*path, str(key)))
        elif _is_branch(below):
            for row in below:
                yield from _walk(row, (*path, str(key)))


def _is_branch(value: Any) -> bool:
    rows = isinstance(value, list) and value and isinstance(value[0], Mapping)
    return isinstance(value, Mapping) or bool(rows)


def _plain(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def _of_rows(
    name: str,
    about: tuple[str, str],
    levels: tuple[str, ...],
    rows: Sequence[tuple[tuple[str, ...], Mapping[str, Any]]],
) -> ReportTable:
    columns = dict.fromkeys(key for _, row in rows for key in row)
    if len(levels) == 1 and len(columns) > max(WIDEST, len(rows)):
        turned = [(key, *(row.get(key) for _, row in rows)) for key in columns]
        return _table(name, about, ("name", *(path[0] for path, _ in rows)), turned)
    cells = [(*path, *(row.get(key) for key in columns)) for path, row in rows]
    return _table(name, about, (*levels, *columns), cells)


def _table(
    name: str,
    about: tuple[str, str],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
) -> ReportTable:
    kept = tuple(tuple(row) for row in rows[:MOST_ROWS])
    left = len(rows) - len(kept)
    return ReportTable(name, *about, tuple(map(str, columns)), kept, left)


def _named_values(name: str, title: str, meaning: str, values: Mapping) -> ReportTable:
    rows = [
        (heading_of(key), _plain(value), MEANINGS.get(key, ""))
        for key, value in values.items()
    ]
    columns = "name", "value", "meaning"
    if not any(row[-1] for row in rows):
        columns, rows = columns[:2], [row[:2] for row in rows]
    return _table(name, (title, meaning), columns, rows)


def _stations(dataset: xr.Dataset) -> ReportTable:
    """A row for each station, with what screening holds against it."""
    names = [str(name) for name in dataset["station"].values]
    columns: dict[str, Sequence[Any]] = {"station": names}
    for key in ("lon", "lat", "height"):
        if key in dataset:
            columns[key] = _digits(dataset[key].values, 4 if key != "height" else 1)
    if "up" in dataset and "time" in dataset["up"].dims:
        columns["epochs"] = dataset["up"].notnull().sum("time").values.tolist()
        columns["scatter [mm]"] = _scatter(dataset["up"])
    residual = dataset.get("leave_one_out_residual")
    if residual is not None and "time" in residual.dims:
        columns["leave-one-out rms [mm]"] = _root_mean_square(residual)
    if "candidate" in dataset.coords:
        columns |= _screened(dataset, names)
    meaning = (
        "Scatter of heights about their mean, and by how much they differ from what "
        "the other stations predict; rate and annual amplitude of the heights as read."
    )
    rows = list(zip(*columns.values()))
    return _table("stations", ("Stations", meaning), list(columns), rows)


def _screened(dataset: xr.Dataset, names: list[str]) -> dict[str, list[Any]]:
    place = {str(c): i for i, c in enumerate(dataset["candidate"].values)}
    wanted = {
        "rate": "rate [mm/year]",
        "annual_amplitude": "annual amplitude [mm]",
        "status": "status",
        "reason": "reason",
    }
    columns: dict[str, list[Any]] = {}
    for key, title in wanted.items():
        if key not in dataset or dataset[key].dims != ("candidate",):
            continue
        values = dataset[key].values
        kept = [values[place[n]] if n in place else None for n in names]
        is_text = values.dtype.kind not in "fiu"
        columns[title] = [None if v is None else str(v) for v in kept]
        if not is_text:
            numbers = np.array([np.nan if v is None else v for v in kept], float)
            columns[title] = _digits(numbers, 3)
    return columns


def _scatter(values: xr.DataArray) -> list[float | None]:
    if set(values.dims) != {"time", "station"}:
        return [None] * values.sizes["station"]
    return _digits(values.std("time").values, 3)


def _root_mean_square(values: xr.DataArray) -> list[float | None]:
    if set(values.dims) != {"time", "station"}:
        return [None] * values.sizes["station"]
    return _digits(((values**2).mean("time") ** 0.5).values, 3)


def _digits(values: Any, digits: int) -> list[float | None]:
    return [
        round(float(value), digits) if np.isfinite(value) else None for value in values
    ]


def _seasons(dataset: xr.Dataset) -> ReportTable:
    """Seasons and trend of each region, by each product."""
    keys = [
        key
        for name in SEASONS
        for key in (f"region_{name}", f"region_{name}_sd")
        if key in dataset and dataset[key].dims == ("product", "region")
    ]
    rows = [
        (
            str(region),
            str(product),
            *(_digits([dataset[key].values[i, j]], 3)[0] for key in keys),
        )
        for j, region in enumerate(dataset["region"].values)
        for i, product in enumerate(dataset["product"].values)
    ]
    titles = [
        f"{key.removeprefix('region_').replace('_sd', ' s.e.').replace('_', ' ')} "
        f"[{dataset[key].attrs.get('units', '1')}]"
        for key in keys
    ]
    meaning = (
        "Mean, trend and seasons of regional means by each product, each with its "
        "standard error (s.e.); phases are days after the first of January."
    )
    about = ("Trend and seasons of regions", meaning)
    return _table("seasons", about, ("region", "product", *titles), rows)


def _from_file(path: Any) -> ReportTable:
    """A table that the run wrote as csv."""
    with path.open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        first, *rows = list(csv.reader(lines)) or [[]]
    rows = [row for row in rows if row]
    columns = [_column(texts) for texts in itertools.zip_longest(*rows, fillvalue="")]
    title = path.stem.replace("_", " ").capitalize()
    about = title, f"The file {path.name}."
    return _table(path.stem, about, first, list(zip(*columns)))


def _column(texts: Sequence[str]) -> list[Any]:
    """Numbers where all of a column are, None for nothing; else texts as they are."""
    if any(NAME_OF_DIGITS.match(text) for text in texts):
        return list(texts)
    try:
        numbers = [float(text) if text else math.nan for text in texts]
    except ValueError:
        return list(texts)
    return [number if math.isfinite(number) else None for number in numbers]
