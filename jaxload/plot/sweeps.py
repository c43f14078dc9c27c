"""Criteria over settings: one key or two, all keys side by side, what matters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from jaxload.plot.style import INK, OTHER, WATER_COLOUR

__all__ = [
    "criterion_over_keys",
    "importances",
    "parallel_coordinates",
    "pareto_front",
]

#: Values of a second key up to which each has a line of its own.
MOST_LINES = 10

#: Settings up to which each is drawn as a line that can be edited.
MOST_VECTORS = 1000

#: Values of a key up to which each has a tick of its own.
MOST_TICKS = 8

#: How far values have to spread, as a factor, for a logarithmic axis.
WIDE = 20.0

#: Fraction of the settings, best first, that colours tell apart.
COLOURED = 0.9


def criterion_over_keys(
    keys: Mapping[str, Sequence[Any]], values: ArrayLike, label: str, largest: bool
) -> Figure:
    """Draw a criterion over one or two keys of a sweep.

    Args:
      keys: Values of the keys, each of length (setting,); all numbers or all text. One
        key, or two.
      values: The criterion, shape (setting,).
      label: What it is, with its unit.
      largest: Whether it is best where it is largest.

    Returns:
      The figure: for each value of the second key a line over the first, through the
      best of all other keys; or points coloured by the criterion where the second has
      many values.
    """
    values = np.asarray(values, float)
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    names = list(keys)
    if len(names) > 1 and len(set(keys[names[1]])) > MOST_LINES:
        _draw_points(axes, keys, values, label, largest)
    else:
        _draw_lines(axes, keys, values, largest)
        axes.set(ylabel=label)
    _mark_best(axes, keys, values, largest)
    _label_axis(axes, keys[names[0]], names[0])
    axes.grid(alpha=0.25, lw=0.5)
    return figure


def _draw_lines(
    axes: Axes,
    keys: Mapping[str, Sequence[Any]],
    values: NDArray[np.float64],
    largest: bool,
) -> None:
    """A line for each value of the second key, through the best of all others."""
    names, first = list(keys), _places(next(iter(keys.values())))
    groups = keys[names[1]] if len(names) > 1 else [""] * len(values)
    each = sorted(set(groups), key=lambda value: (isinstance(value, str), value))
    loss = -values if largest else values
    for number, group in enumerate(each):
        some = np.array([row for row, value in enumerate(groups) if value == group])
        order = some[np.lexsort((loss[some], first[some]))]
        place, best = np.unique(first[order], return_index=True)
        colour = colormaps["viridis"](0.9 * number / max(len(each) - 1, 1))
        shown = f"{group:g}" if isinstance(group, float) else group
        text = f"{names[1]} = {shown}" if len(names) > 1 else None
        axes.plot(
            place, values[order[best]], "o-", ms=3.5, lw=1.2, color=colour, label=text
        )
        axes.plot(first[some], values[some], "o", ms=2.5, color=colour, alpha=0.3)
    if len(names) > 1:
        axes.legend(frameon=False, fontsize=8)


def _draw_points(
    axes: Axes,
    keys: Mapping[str, Sequence[Any]],
    values: NDArray[np.float64],
    label: str,
    largest: bool,
) -> None:
    first, second = map(_places, keys.values())
    drawn = axes.scatter(
        first,
        second,
        c=values,
        s=22,
        cmap=_colours(largest),
        norm=_norm(values, largest),
    )
    assert axes.figure is not None
    axes.figure.colorbar(drawn, ax=axes, label=label)
    _label_axis(axes, list(keys.values())[1], list(keys)[1], "y")


def _mark_best(
    axes: Axes,
    keys: Mapping[str, Sequence[Any]],
    values: NDArray[np.float64],
    largest: bool,
) -> None:
    best = int(np.argmax(values if largest else -values))
    columns = list(map(_places, keys.values()))
    many = len(columns) > 1 and len(set(list(keys.values())[1])) > MOST_LINES
    height = columns[1][best] if many else values[best]
    axes.plot(columns[0][best], height, "o", ms=9, mfc="none", color=OTHER)


def parallel_coordinates(
    columns: Mapping[str, Sequence[Any]], values: ArrayLike, label: str, largest: bool
) -> Figure:
    """Draw every setting as a line over all keys and criteria.

    Args:
      columns: Values of keys and criteria by name, each of length (setting,).
      values: The criterion that colours the lines, shape (setting,).
      label: What it is, with its unit.
      largest: Whether it is best where it is largest.

    Returns:
      The figure; the best are drawn last.
    """
    values = np.asarray(values, float)
    width = max(6.0, 1.7 * len(columns))
    figure = Figure(figsize=(width, 4.2), layout="constrained")
    axes = figure.subplots()
    heights = np.stack([_share(_places(column)) for column in columns.values()], axis=1)
    norm, colours = _norm(values, largest), colormaps[_colours(largest)]
    order = np.argsort(values if largest else -values)
    across = np.broadcast_to(np.arange(heights.shape[1]), heights.shape)
    lines = LineCollection(
        list(np.stack([across, heights], axis=2)[order]),
        colors=colours(norm(values[order])),
        linewidths=0.9,
        alpha=0.7,
        # Thousands of lines would be megabytes of a drawing that nobody can edit.
        rasterized=len(order) > MOST_VECTORS,
    )
    axes.add_collection(lines)
    axes.plot(heights[order[-1]], color=OTHER, lw=2)
    for place, column in enumerate(columns.values()):
        axes.axvline(place, color=INK, lw=0.8)
        _label_ends(axes, place, column)
    axes.set_xticks(range(len(columns)), [n.replace(".", ".\n") for n in columns])
    axes.set(yticks=[], ylim=(-0.08, 1.08))
    axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
    figure.colorbar(ScalarMappable(norm, colours), ax=axes, label=label)
    return figure


def _label_ends(axes: Axes, place: int, column: Sequence[Any]) -> None:
    """The smallest and largest value of a column, or each of few words."""
    places = _places(column)
    heights = _share(places)
    shown = dict(zip(heights.tolist(), column))
    if not isinstance(column[0], str):
        shown = {height: shown[height] for height in (min(shown), max(shown))}
    for height, value in shown.items():
        text = value if isinstance(value, str) else f"{value:.4g}"
        axes.annotate(
            text, (place, height), (4, 0), textcoords="offset points", fontsize=7
        )


def importances(shares: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw how much of the variance of each criterion is due to each key.

    Args:
      shares: By criterion, the share of each key.

    Returns:
      The figure.
    """
    keys = list(next(iter(shares.values())))
    height = 1.0 + 0.32 * len(keys) * len(shares)
    figure = Figure(figsize=(6.4, max(height, 2.2)), layout="constrained")
    axes = figure.subplots()
    thickness = 0.8 / len(shares)
    for number, (criterion, each) in enumerate(shares.items()):
        places = np.arange(len(keys)) + number * thickness
        colour = WATER_COLOUR if len(shares) == 1 else f"C{number}"
        axes.barh(
            places, [each[k] for k in keys], thickness, color=colour, label=criterion
        )
    axes.set_yticks(np.arange(len(keys)) + 0.4 - thickness / 2, keys)
    axes.invert_yaxis()
    axes.set(xlabel="share of the variance over the settings", xlim=(0, 1))
    axes.legend(frameon=False, fontsize=8)
    return figure


def pareto_front(
    values: ArrayLike, labels: Sequence[str], best: NDArray[np.bool_]
) -> Figure:
    """Draw two criteria against each other.

    Args:
      values: The criteria, shape (setting, 2).
      labels: What they are, with their units.
      best: Settings that no other beats by both, shape (setting,).

    Returns:
      The figure.
    """
    values = np.asarray(values, float)
    figure = Figure(figsize=(5.2, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(*values.T, "o", ms=3.5, color=WATER_COLOUR, alpha=0.6, label="settings")
    front = values[best][np.argsort(values[best][:, 0])]
    text = "no other is better by both"
    axes.plot(*front.T, "o-", ms=5, lw=1, color=OTHER, label=text)
    axes.set(xlabel=labels[0], ylabel=labels[1])
    axes.legend(frameon=False, fontsize=8)
    axes.grid(alpha=0.25, lw=0.5)
    return figure


def _places(column: Sequence[Any]) -> NDArray[np.float64]:
    """Numbers, or the place of each word among all."""
    if isinstance(column[0], str):
        words = sorted(set(column))
        return np.array([words.index(word) for word in column], float)
    return np.asarray(column, float)


def _share(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Heights from 0 to 1."""
    if _is_wide(places):
        places = np.log(places)
    span = np.ptp(places)
    return (places - places.min()) / span if span > 0 else np.full(len(places), 0.5)


def _is_wide(places: NDArray[np.float64]) -> bool:
    return bool(places.min() > 0 and places.max() > WIDE * places.min())


def _label_axis(axes: Axes, column: Sequence[Any], name: str, which: str = "x") -> None:
    axes.set(**{f"{which}label": name})
    if isinstance(column[0], str):
        words = sorted(set(column))
        getattr(axes, f"set_{which}ticks")(range(len(words)), words)
        return
    if _is_wide(np.asarray(column, float)):
        axes.set(**{f"{which}scale": "log"})
    values = sorted(set(column))
    if len(values) <= MOST_TICKS:
        getattr(axes, f"set_{which}ticks")(values, [f"{value:.3g}" for value in values])
        getattr(axes, f"set_{which}ticks")([], minor=True)


def _norm(values: NDArray[np.float64], largest: bool) -> Normalize:
    """Colours from the best value to one that most do not exceed."""
    if largest:
        return Normalize(np.quantile(values, 1 - COLOURED), values.max(), clip=True)
    return Normalize(values.min(), np.quantile(values, COLOURED), clip=True)


def _colours(largest: bool) -> str:
    return "viridis" if largest else "viridis_r"
