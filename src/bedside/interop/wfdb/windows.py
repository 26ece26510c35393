"""A signal in short: its mean, least and greatest value in each window of some seconds."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bedside.interop.wfdb.header import refused
from bedside.interop.wfdb.record import Signal

__all__ = ["Windows", "windows_for"]

MOST_WINDOWS = 5_000_000  # of all signals of a record together: 70 days of 8 signals

_Floats = npt.NDArray[np.float64]


def windows_for(signals: Sequence[Signal], *, seconds: float) -> list["Windows"]:
    """The windows of each signal, still empty.

    Raises:
        Invalid: there would be more than 5 million.
    """
    if sum(one.length / max(seconds * one.frequency, 1.0) for one in signals) > MOST_WINDOWS:
        raise refused(f"it would have more than {MOST_WINDOWS} windows")
    return [Windows(length=one.length, frequency=one.frequency, seconds=seconds) for one in signals]


class Windows:
    """Windows that follow one another; what was measured is added piece by piece.

    Args:
        length: Samples of the whole signal.
        frequency: Samples in a second.
        seconds: The length of a window; at least one sample is in each. The last may be shorter.

    >>> found = Windows(length=5, frequency=1, seconds=2)
    >>> found.add(0, np.array([1.0, 3.0, np.nan, 5.0, np.nan]))
    >>> found.mean.tolist(), found.end.tolist()
    ([2.0, 5.0, nan], [2.0, 4.0, 5.0])
    """

    def __init__(self, *, length: int, frequency: float, seconds: float) -> None:
        width = max(seconds * frequency, 1.0)
        edges = np.ceil(np.arange(np.ceil(length / width)) * width).astype(np.int64)
        self._edges = edges[edges < length]
        self._length, self._frequency = length, frequency
        self._count = np.zeros(len(self._edges), np.int64)
        self._total = np.zeros(len(self._edges))
        self._least = np.full(len(self._edges), np.inf)
        self._greatest = np.full(len(self._edges), -np.inf)

    def add(self, first: int, values: _Floats) -> None:
        """Add samples, shape (n,), NaN where nothing was measured; `first` is their place."""
        if not len(values):
            return
        last = first + len(values) - 1
        begin, end = np.searchsorted(self._edges, [first, last], side="right")
        held = slice(int(begin) - 1, int(end))
        starts = np.maximum(self._edges[held] - first, 0)
        there = np.isfinite(values)
        self._count[held] += np.add.reduceat(there.astype(np.int64), starts)
        self._total[held] += np.add.reduceat(np.where(there, values, 0.0), starts)
        least = np.minimum.reduceat(np.where(there, values, np.inf), starts)
        greatest = np.maximum.reduceat(np.where(there, values, -np.inf), starts)
        self._least[held] = np.minimum(self._least[held], least)
        self._greatest[held] = np.maximum(self._greatest[held], greatest)

    @property
    def begin(self) -> _Floats:
        """Shape (m,). Seconds after the start of the record at which each window begins."""
        made: _Floats = self._edges / self._frequency
        return made

    @property
    def end(self) -> _Floats:
        """Shape (m,). Seconds after the start of the record at which each window ends."""
        ends = np.append(self._edges[1:], self._length)[: len(self._edges)]
        made: _Floats = ends / self._frequency
        return made

    @property
    def mean(self) -> _Floats:
        """Shape (m,). NaN where nothing was measured, as in `least` and `greatest`."""
        return self._told(self._total / np.maximum(self._count, 1))

    @property
    def least(self) -> _Floats:
        """Shape (m,). The least value of each window."""
        return self._told(self._least)

    @property
    def greatest(self) -> _Floats:
        """Shape (m,). The greatest value of each window."""
        return self._told(self._greatest)

    def _told(self, values: _Floats) -> _Floats:
        return np.where(self._count == 0, np.nan, values)
