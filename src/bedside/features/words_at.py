"""Few words, many rows: a column of text from the place of each row's word."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

__all__ = ["words_at"]


def words_at(words: Sequence[str], at: Any) -> pl.Series:
    """The word at each place, shape (n,); null at -1.

    >>> words_at(["missing", "stale"], np.array([1, -1])).to_list()
    ['stale', None]
    """
    if not (at >= 0).any():
        return pl.repeat(None, len(at), dtype=pl.String, eager=True)
    return pl.Series([*words, None], dtype=pl.String).gather(np.where(at < 0, len(words), at))
