"""An order of the unknowns of a sparse symmetric matrix in which little fills in."""

import dataclasses

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse import csgraph

__all__ = ["Front", "dissect"]

#: Parts of so many unknowns are not cut any further: smaller dense blocks cost more
#: in calls than larger ones in zeros.
LEAF = 96

#: Shares of a part between which it may be cut.
BALANCE = (0.35, 0.65)


@dataclasses.dataclass(frozen=True, eq=False)
class Front:
    """Unknowns that are eliminated together.

    Attributes:
      interior: Those, shape (interior,).
      border: Later unknowns that they are linked with once all earlier ones are
        eliminated, in the order of elimination, shape (border,).
    """

    interior: NDArray[np.intp]
    border: NDArray[np.intp]


def dissect(matrix: sp.csr_array) -> list[Front]:
    """Order unknowns by nested dissection.

    The graph of the matrix is cut in two by the unknowns at one distance from an
    outermost one, both parts likewise, and so on; what separates two parts comes after
    them. The factor of a grid of n cells then has of the order of ``n log n`` entries.

    Args:
      matrix: Shape (unknown, unknown); the pattern of its entries is symmetric.

    Returns:
      The `Front` of every step, in the order of elimination.

    Source:
      George & Liu (1978), doi:10.1137/0715069.
    """
    graph = sp.csr_array(matrix)
    parts = _ordered_parts(graph)
    place = np.empty(len(graph.indptr) - 1, np.intp)
    place[np.concatenate([np.empty(0, np.intp), *parts])] = np.arange(len(place))
    return _with_borders(graph, parts, place)


def _ordered_parts(graph: sp.csr_array) -> list[NDArray[np.intp]]:
    """Unknowns eliminated together, each cut after both of its sides."""
    unknowns = np.arange(len(graph.indptr) - 1)
    waiting, reversed_parts = [unknowns], []
    while waiting:
        cells = waiting.pop()
        if len(cells) > LEAF:
            sides, cut = _cut(graph[cells][:, cells])
            waiting += [cells[side] for side in sides if len(side)]
            cells = cells[cut]
        if len(cells):
            reversed_parts.append(cells)
    return reversed_parts[::-1]


def _cut(graph: sp.csr_array) -> tuple[tuple[NDArray, ...], NDArray]:
    """Two sides without a link between them, and what separates them."""
    level = _levels(graph)
    if level is None:
        return _cut_between(graph)
    if level.max() < 2:
        return (), np.arange(len(level))
    chosen = _middle_level(level)
    cut, beyond = np.flatnonzero(level == chosen), np.flatnonzero(level > chosen)
    # What touches nothing beyond belongs to the near side.
    touches = np.diff(sp.csr_array(graph[cut][:, beyond]).indptr) > 0
    near = np.concatenate([np.flatnonzero(level < chosen), cut[~touches]])
    return (near, beyond), cut[touches]


def _middle_level(level: NDArray[np.intp]) -> int:
    """The smallest of the levels that leave a fair share on either side."""
    sizes = np.bincount(level)
    after = np.cumsum(sizes)
    low, high = (share * len(level) for share in BALANCE)
    allowed = np.flatnonzero((after - sizes >= low) & (after <= high))
    if len(allowed):
        return int(allowed[np.argmin(sizes[allowed])])
    half = int(np.searchsorted(after, len(level) / 2))
    return min(max(half, 1), len(sizes) - 2)


def _cut_between(graph: sp.csr_array) -> tuple[tuple[NDArray, ...], NDArray]:
    """Parts that nothing links, shared out in two halves."""
    _, label = csgraph.connected_components(graph, directed=False)
    sizes = np.bincount(label)
    order = np.argsort(-sizes, kind="stable")
    first = np.cumsum(sizes[order]) <= max(len(label) / 2, sizes[order[0]])
    near = np.zeros(len(sizes), bool)
    near[order[first]] = True
    sides = near[label]
    return (np.flatnonzero(sides), np.flatnonzero(~sides)), np.empty(0, np.intp)


def _levels(graph: sp.csr_array) -> NDArray[np.intp] | None:
    """Steps of each unknown from an outermost one; None where some are not reached."""
    first, before = csgraph.breadth_first_order(graph, 0)
    if len(first) < len(before):
        return None
    second, _ = csgraph.breadth_first_order(graph, first[-1])
    start = second[-1]
    _, before = csgraph.breadth_first_order(graph, start)
    before[start] = start
    level = (np.arange(len(before)) != start).astype(np.intp)
    # Sums along the tree: each step doubles how far they reach.
    while level[before].any():
        level, before = level + level[before], before[before]
    return level


def _with_borders(
    graph: sp.csr_array, parts: list[NDArray[np.intp]], place: NDArray[np.intp]
) -> list[Front]:
    """Eliminate symbolically: links pass on to the next front that is linked."""
    owner = np.empty(len(place), np.intp)
    for number, cells in enumerate(parts):
        owner[cells] = number
    passed: list[list[NDArray]] = [[] for _ in parts]
    fronts = []
    for number, cells in enumerate(parts):
        linked = np.unique(np.concatenate([graph[cells].indices, *passed[number]]))
        border = linked[owner[linked] > number]
        border = border[np.argsort(place[border])]
        if len(border):
            passed[owner[border[0]]].append(border)
        passed[number] = []
        fronts.append(Front(cells, border))
    return fronts
