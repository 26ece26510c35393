"""Why each of many rows gets no score: the first reason that holds."""

import numpy as np
import numpy.typing as npt
import polars as pl

from bedside.core.records.answer import AbstentionReason
from bedside.core.records.declaration import Declaration
from bedside.features.words_at import words_at

__all__ = ["FirstReasons"]

_REASONS = tuple(AbstentionReason)


class FirstReasons:
    """Takes reasons in the order of the checks; the first that holds a row is the row's.

    Args:
        declaration: Whose signals the reasons are about.
        count: How many rows there are, n.
    """

    def __init__(self, declaration: Declaration, count: int) -> None:
        self._places = {name: at for at, name in enumerate(declaration.signals)}
        self._reasons = np.full(count, -1, dtype=np.int64)
        self._signals = np.full(count, -1, dtype=np.int64)

    def note(self, reason: AbstentionReason, signal: str, some: npt.NDArray[np.bool_]) -> None:
        """Give these rows, shape (n,), this reason about a signal, where they have none."""
        if some.any():
            fresh = some & (self._reasons < 0)
            self._reasons[fresh] = _REASONS.index(reason)
            self._signals[fresh] = self._places[signal]

    def table(self) -> pl.DataFrame:
        """Reason and signal, null where the row may be scored; n rows."""
        return pl.DataFrame(
            {
                "reason": words_at([*map(str, _REASONS)], self._reasons),
                "signal": words_at([*self._places], self._signals),
            }
        )
