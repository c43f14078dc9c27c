"""Drought of cells: indices and probabilities by month, some cells at a time."""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
import scipy.sparse as sp
import xarray as xr
from numpy.typing import NDArray

from jaxload import config, evaluate, series, sphere
from jaxload._calendar import DAY
from jaxload.inversion.estimation.representers import RepresenterSolution, Term
from jaxload.pipeline.chunks import blocks
from jaxload.pipeline.estimation.uncertainty import CellErrors, Errors
from jaxload.pipeline.evaluate.monthly_water import months_of_record
from jaxload.pipeline.evaluate.regions import DAYS_IN_A_MONTH
from jaxload.pipeline.inputs.time_spans import spans_of

__all__ = ["MonthlyVariance", "map_drought"]

Floats = NDArray[np.float64]

#: Cells that are worked on at a time.
CELLS = 1024


class MonthlyVariance:
    """Variances of cells averaged over months, as standard errors are computed.

    Attributes:
      mean: Mean variance of the epochs of each month [mm2], shape (month, cell); None
        before any was computed.
    """

    def __init__(
        self,
        time: NDArray[np.datetime64],
        memory_days: float,
        solved: NDArray[np.bool] | None = None,
    ) -> None:
        """Lay months out.

        Args:
          time: Epochs, shape (epoch,).
          memory_days: Time after which the correlation of two epochs' errors is 1/e.
          solved: Epochs that have an error, shape (epoch,); all by default.
        """
        solved = np.ones(len(time), bool) if solved is None else solved
        self._shares, self.correlation = _months(time, memory_days, solved)
        self.mean: Floats | None = None

    def noted(self, errors: Errors) -> Errors:
        """Note standard errors of cells when they are computed.

        Args:
          errors: That compute them.

        Returns:
          The same, noted.
        """
        if errors.cells is None:
            return errors
        compute = errors.cells
        return dataclasses.replace(errors, cells=lambda: self._noted(compute))

    def _noted(
        self, compute: Callable[[], Iterator[CellErrors]]
    ) -> Iterator[CellErrors]:
        # Maps that cannot be written are computed again.
        self.mean = None
        for part in compute():
            variance = np.nan_to_num(part.sd.astype(np.float64) ** 2)
            if self.mean is None:
                self.mean = np.zeros((self._shares.shape[0], variance.shape[1]))
            self.mean += self._shares[:, part.epochs] @ variance
            yield part


def _months(
    time: NDArray[np.datetime64], memory_days: float, solved: NDArray[np.bool]
) -> tuple[Floats, Floats]:
    """Shares of epochs in months, and the covariance of means of unit errors."""
    months, spans = months_of_record(time), spans_of(time)
    bounds = np.stack([months.start, months.stop], axis=1)
    shares = series.overlap_days(spans, bounds).toarray() * solved
    total = shares.sum(axis=1, keepdims=True)
    shares /= np.where(total > 0, total, 1.0)
    days = (series.span_middles(spans) - months.start[0]) / DAY
    unit = np.ones(len(days))
    return shares, evaluate.mean_covariance(unit, shares, days, memory_days)


def map_drought(
    settings: config.Drought,
    solution: RepresenterSolution,
    grid: sphere.Grid,
    time: NDArray[np.datetime64],
    variance: MonthlyVariance,
) -> xr.Dataset:
    """Compute indices of drought of all cells, and the probability of drought.

    The years of the record are their own climatology. For the probability they are
    taken as they were estimated: only the error of the month itself counts.

    Args:
      settings: Its `cell_scales` are mapped.
      solution: The water as coefficients.
      grid: The cells.
      time: Epochs, shape (epoch,).
      variance: Of cells, where these were computed.

    Returns:
      ``cell_index`` and, where there are standard errors of cells,
      ``cell_drought_probability``, of dimensions (cell_scale, month, lat, lon).
    """
    months = months_of_record(time)
    calendar = months.start.astype("M8[M]").astype(int) % 12 + 1
    monthly = _monthly(solution, time)
    shape = len(settings.cell_scales), len(calendar), len(grid.lon)
    index = np.full(shape, np.nan, np.float32)
    dry = None if variance.mean is None else index.copy()
    for part in blocks(shape[2], CELLS):
        load = _load_of(monthly, part)
        for row, scale in enumerate(settings.cell_scales):
            index[row, :, part] = evaluate.standardised_index(load, calendar, scale)
            if dry is not None and variance.mean is not None:
                sd = _sd(variance.mean[:, part], variance.correlation, scale)
                dry[row, :, part] = _probability(load, sd, calendar, scale)
    fields = {"cell_index": (index, "standardised index of drought")}
    if dry is not None:
        fields["cell_drought_probability"] = (dry, "probability of a drought")
    return _dataset(fields, settings, grid, months.stamp)


def _monthly(solution: RepresenterSolution, time: NDArray[np.datetime64]) -> list[Term]:
    """Coefficients averaged over months, NaN of months of fewer than ten days."""
    months, spans = months_of_record(time), spans_of(time)
    bounds = np.stack([months.start, months.stop], axis=1)
    least = DAYS_IN_A_MONTH * DAY / (months.stop - months.start)
    return [
        Term(
            series.span_means(np.asarray(x.coefficients), spans, bounds, least)[0],
            x.representers,
        )
        for x in solution.terms
    ]


def _load_of(terms: list[Term], cells: slice) -> Floats:
    """Monthly load of some cells [mm], shape (month, cell)."""
    total = 0.0
    for term in terms:
        coefficients, fields = np.asarray(term.coefficients), term.representers
        if fields is None:
            total = total + coefficients[:, cells]
            continue
        rows = sp.csr_array(fields) if sp.issparse(fields) else np.asarray(fields)
        total = total + (rows[cells] @ coefficients.T).T
    return np.asarray(total, np.float64)


def _sd(variance: Floats, correlation: Floats, scale: int) -> Floats:
    """Standard errors of means over the last months, shape (month, cell)."""
    root = np.sqrt(variance)
    square = np.full(variance.shape, np.nan)
    for month in range(scale - 1, len(variance)):
        rows = slice(month - scale + 1, month + 1)
        part = root[rows]
        square[month] = np.einsum("ic,ic->c", part, correlation[rows, rows] @ part)
    return np.sqrt(square) / scale


def _probability(
    load: Floats, sd: Floats, calendar: NDArray[np.integer], scale: int
) -> Floats:
    """Probability that a month is of a class of drought, by the years as estimated."""
    means = evaluate.trailing_mean(load, scale)
    limit = evaluate.limiting_storage_of_record(means, calendar)
    return 1 - evaluate.class_probabilities(means, sd, limit[None])[0]


def _dataset(
    fields: dict[str, tuple[NDArray[np.float32], str]],
    settings: config.Drought,
    grid: sphere.Grid,
    month: NDArray[np.datetime64],
) -> xr.Dataset:
    dims = ("cell_scale", "month", "lat", "lon")
    variables = {
        name: (
            dims,
            np.stack([sphere.to_raster(grid, one) for one in values]),
            {"units": "1", "long_name": meaning},
        )
        for name, (values, meaning) in fields.items()
    }
    coords = {
        "cell_scale": (
            "cell_scale",
            np.array(settings.cell_scales),
            {"units": "months", "long_name": "time scale"},
        ),
        "month": month,
        "lat": grid.lat_axis,
        "lon": grid.lon_axis,
    }
    return xr.Dataset(variables, coords)
