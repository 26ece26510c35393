"""A signal in short: its mean, least and greatest value in each window of some seconds."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Windows", "summarised"]

_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """Windows that follow one another, each of shape (n,).

    `begin` and `end` are seconds after the record's start; the last window may be shorter.
    `mean`, `least` and `greatest` are NaN where nothing was measured.
    """

    begin: _Floats
    end: _Floats
    mean: _Floats
    least: _Floats
    greatest: _Floats


def summarised(values: _Floats, *, frequency: float, seconds: float) -> Windows:
    """Summarise a signal.

    Args:
        values: Shape (n,); NaN where nothing was measured.
        frequency: Samples in a second.
        seconds: The length of a window; at least one sample is in each.

    >>> found = summarised(np.array([1.0, 3.0, np.nan, 5.0, np.nan]), frequency=1, seconds=2)
    >>> found.mean.tolist(), found.end.tolist()
    ([2.0, 5.0, nan], [2.0, 4.0, 5.0])
    """
    width = max(seconds * frequency, 1.0)
    edges = np.ceil(np.arange(np.ceil(len(values) / width)) * width).astype(np.int64)
    edges = edges[edges < len(values)]
    ends = np.append(edges[1:], len(values))[: len(edges)]
    if not len(edges):
        none = np.zeros(0)
        return Windows(begin=none, end=none, mean=none, least=none, greatest=none)
    there = np.isfinite(values)
    count = np.add.reduceat(there.astype(np.int64), edges)
    total = np.add.reduceat(np.where(there, values, 0.0), edges)
    empty = count == 0
    least = np.minimum.reduceat(np.where(there, values, np.inf), edges)
    greatest = np.maximum.reduceat(np.where(there, values, -np.inf), edges)
    return Windows(
        begin=edges / frequency,
        end=ends / frequency,
        mean=np.where(empty, np.nan, total / np.maximum(count, 1)),
        least=np.where(empty, np.nan, least),
        greatest=np.where(empty, np.nan, greatest),
    )
