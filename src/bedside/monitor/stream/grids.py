"""Where values lie: quantile edges, the share between them, and the mid-rank of a new value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.monitor.binning import count_in
from bedside.monitor.disclosure import merge_small, significant

__all__ = ["MOST_CELLS", "End", "Grid", "grid_of", "levels_grid"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
End = Literal["low", "high"]

MOST_CELLS = 64
SUBJECTS_PER_CELL = 20
TAIL = 0.005
"""Beyond the usual is the outermost half per cent at either end; more where subjects are few."""
WIDEST_TAIL = 0.05
END = 0.1
"""The outer tenth, which a wrong unit that stays inside the usual range falls into."""
FEWEST_OF_END = 4
"""Cells up to which a feature has few values, and is watched by their ranks alone."""
_TAIL_SUBJECTS = SUPPRESS_AT_OR_BELOW + 4  # rounding an edge may take some of them away
_FEW_OTHERS = 0.1  # of the subjects
_NOTHING = 1e-9  # how far from 0 is another value than 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Cell i holds edges[i-1] <= value < edges[i]; the first and the last are open.

    Args:
        edges: Ascending, at three significant digits, none of them the least or largest value.
        shares: One more than edges: of the subjects in each cell; 0 for ten or fewer, which there
            are only beside a value that nearly everybody has, and of categories.
        low: Whether the first cell is beyond the usual.
        high: Whether the last cell is.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    low: bool = False
    high: bool = False

    @property
    def cells(self) -> int:
        """How many there are."""
        return len(self.shares)

    @property
    def one_value(self) -> bool:
        """Whether all but a few subjects had the same value, so that ranks say nothing."""
        return len(self.shares) == 1 or self.shares == (0.0, 1.0, 0.0)

    @property
    def ranks(self) -> Floats:
        """The mid-rank of each cell, in [0, 1]: a value that ties with many has theirs."""
        shares = np.array(self.shares)
        total = shares.sum()
        if total <= 0:
            return np.full(len(shares), 0.5)
        return np.asarray(np.clip((np.cumsum(shares) - shares / 2) / total, 0.0, 1.0))

    def end(self, side: End) -> Bools | None:
        """Which cells are the outer tenth at this end; None: no number of them is about that."""
        if self.cells <= FEWEST_OF_END:
            return None
        shares = np.array(self.shares) if side == "low" else np.array(self.shares)[::-1]
        sums = np.cumsum(shares)
        last = int(np.argmin(np.abs(sums - END)))
        if not END / 2 <= sums[last] <= 1.5 * END:
            return None
        inside = np.arange(self.cells) <= last
        return inside if side == "low" else inside[::-1]

    def place(self, values: Floats) -> Ints:
        """The cell of each value, shape (n,) of known values."""
        return np.searchsorted(np.array(self.edges), values, side="right").astype(np.int64)


def grid_of(values: Floats) -> Grid | None:
    """The grid of n known values, one a subject; None: ten subjects or fewer.

    Edges lie halfway between a quantile and the next larger value, so that ties stay whole.
    """
    if values.size <= SUPPRESS_AT_OR_BELOW:
        return None
    size = values.size
    ranked = np.sort(values)
    tail = int(np.ceil(max(TAIL * size, _TAIL_SUBJECTS)))
    tail = tail if tail <= WIDEST_TAIL * size else 0
    middle = size - 2 * tail
    cells = int(np.clip(middle // SUBJECTS_PER_CELL, 1, MOST_CELLS - 2))
    inner = _edges(ranked, tail + (np.arange(1, cells) * middle) // cells)
    ends = [_edges(ranked, np.array([at])) if tail else [] for at in (tail, size - tail)]
    wanted = sorted({*inner, *ends[0], *ends[1]})
    edges, counts = merge_small(wanted, count_in(wanted, values))
    if not edges:
        return _one_value(values)
    most = WIDEST_TAIL * size
    return Grid(
        edges=tuple(edges),
        shares=_shares(counts),
        low=bool(ends[0] and counts[0] <= most),
        high=bool(ends[1] and counts[-1] <= most),
    )


def _one_value(values: Floats) -> Grid:
    """Where nearly everybody has one value, whatever is not that value is beyond the usual."""
    usual = significant(float(np.median(values)))
    near = max(0.01 * abs(usual), _NOTHING)
    others = int((np.abs(values - usual) >= near).sum())
    if others > min(SUPPRESS_AT_OR_BELOW, _FEW_OTHERS * values.size):
        return Grid(edges=(), shares=(1.0,))
    return Grid(edges=(usual - near, usual + near), shares=(0.0, 1.0, 0.0), low=True, high=True)


def levels_grid(values: Floats, levels: int) -> Grid | None:
    """One cell for each of the levels, which are 0, 1, …, and one for whatever else comes.

    Shares of ten subjects or fewer are not told: 0.
    """
    if values.size <= SUPPRESS_AT_OR_BELOW:
        return None
    edges = tuple(place + 0.5 for place in range(levels))
    counts = count_in(edges, np.where(values < 0, levels, values))
    return Grid(edges=edges, shares=_shares(np.where(counts > SUPPRESS_AT_OR_BELOW, counts, 0)))


def _edges(ranked: Floats, counts: Ints) -> list[float]:
    """Edges below which lie at least so many of the values, whole ties."""
    after = np.searchsorted(ranked, ranked[np.clip(counts - 1, 0, None)], side="right")
    inside = after[after < ranked.size]
    return sorted({significant(float(one)) for one in (ranked[inside - 1] + ranked[inside]) / 2})


def _shares(counts: Sequence[int] | Ints) -> tuple[float, ...]:
    total = float(np.sum(counts))
    return tuple(round(float(one) / total, 5) if total else 0.0 for one in counts)
