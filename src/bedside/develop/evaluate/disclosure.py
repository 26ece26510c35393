"""Which cells of a table are hidden, so that no small count can be read or worked out."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW

__all__ = ["hidden_cells"]

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def hidden_cells(
    counts: Ints, lines: Iterable[Sequence[int] | Ints], *, also: Bools | None = None
) -> Bools:
    """Which cells must be hidden.

    A cell with a count of 1 to 10 is hidden. As its line (a row, a column, or all cells) has a
    known total, what is hidden in a line must not be one cell alone, nor ten or fewer together:
    the smallest shown cell of the line is hidden too, until that holds or nothing is left.

    Args:
        counts: Shape (m,) or (m, k): of each cell, how many there are of each of k things.
        lines: The places of the cells whose sum is known elsewhere.
        also: Shape (m,), cells that are hidden whatever they count.

    Returns:
        Shape (m,).

    Source: Hundepool et al., Statistical Disclosure Control, 2012, ch. 4 (secondary suppression).

    >>> hidden_cells(np.array([300, 40, 3]), [range(3)]).tolist()
    [False, True, True]
    """
    cells = counts.reshape(len(counts), -1)
    hidden: Bools = np.asarray(((cells > 0) & (cells <= SUPPRESS_AT_OR_BELOW)).any(axis=1))
    if also is not None:
        hidden = hidden | also
    places = [np.asarray(line, dtype=np.int64) for line in lines]
    size = cells.min(axis=1)
    changed = True
    while changed:
        changed = False
        for line in places:
            while _told(cells[line], hidden[line]):
                shown = line[~hidden[line] & (cells[line].sum(axis=1) > 0)]
                if not len(shown):
                    break
                hidden[shown[np.argmin(size[shown])]] = True
                changed = True
    return hidden


def _told(cells: Ints, hidden: Bools) -> bool:
    """Whether the total of a line tells what is hidden in it."""
    if not hidden.any():
        return False
    together = cells[hidden].sum(axis=0)
    return bool(hidden.sum() == 1 or (together <= SUPPRESS_AT_OR_BELOW).any())
