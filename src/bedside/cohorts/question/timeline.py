"""Moments of many subjects in one sorted array: the next, the previous, and how many between."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from bedside.cohorts.question.axis import Axis
from bedside.cohorts.question.entries import ALWAYS, NEVER, Entries, Ints

__all__ = ["History", "Moments", "Timeline"]

_AXIS = 2.0**62  # microseconds that an axis of 64 bits holds, with room to spare
_AT_ONCE = 1 << 22  # entries that are looked at one by one in a step: 32 MiB an array


@dataclass(slots=True)
class Timeline:
    """Entries of subjects in order of subject and time, and where in it a moment would stand.

    Args:
        subject: Shape (n,). Index of the subject, ascending.
        time: Shape (n,). Microseconds since 1970 UTC, ascending within a subject.
        weight: Shape (n,). What each entry adds to a count.
    """

    subject: Ints
    time: Ints
    weight: Ints
    _sum: Ints = field(init=False)
    _axis: Axis | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._sum = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.weight)])

    def __len__(self) -> int:
        return len(self.time)

    def place(self, subject: Ints, time: Ints, side: Literal["left", "right"]) -> Ints:
        """The first entry of the subject that is not before the time (left), or after it (right).

        Where it has none, the place behind its last entry. Shape (m,).
        """
        if self._axis is None:
            self._axis = Axis(self.subject, self.time)
        return self._axis.place(subject, time, side)

    def between(
        self, subject: Ints, start: Ints, end: Ints, *, closed: tuple[bool, bool]
    ) -> tuple[Ints, Ints]:
        """The entries from place `low` to before place `high` lie in the span; `low` <= `high`.

        Args:
            subject: Shape (m,).
            start: Shape (m,).
            end: Shape (m,).
            closed: Whether entries at the very start, and at the very end, lie in it.
        """
        low = self.place(subject, start, "left" if closed[0] else "right")
        high = self.place(subject, end, "right" if closed[1] else "left")
        return low, np.maximum(low, high)

    def count(self, subject: Ints, start: Ints, end: Ints, *, closed: tuple[bool, bool]) -> Ints:
        """The weight of what lies in each span; shape (m,)."""
        low, high = self.between(subject, start, end, closed=closed)
        return self._sum[high] - self._sum[low]


@dataclass(slots=True)
class Moments(Timeline):
    """The moments at which something was so, one entry each, and how often (`weight`).

    Args:
        seen: Shape (n,). When it could first be seen.
    """

    seen: Ints

    @staticmethod
    def of(entries: Entries) -> "Moments":
        """The moments of entries of which none takes another back."""
        starts = entries.starts()
        if len(starts) == 0:
            return Moments(entries.subject, entries.time, entries.weight, entries.at)
        return Moments(
            entries.subject[starts],
            entries.time[starts],
            np.add.reduceat(entries.weight, starts),
            np.minimum.reduceat(entries.at, starts),
        )

    def next(self, subject: Ints, time: Ints, *, inclusive: bool) -> tuple[Ints, Ints]:
        """The time and `seen` of the next moment; NEVER where there is none."""
        at = self.place(subject, time, "left" if inclusive else "right")
        return self._there(subject, at, NEVER)

    def previous(self, subject: Ints, time: Ints, *, inclusive: bool) -> tuple[Ints, Ints]:
        """The time and `seen` of the previous moment; ALWAYS where there is none."""
        at = self.place(subject, time, "right" if inclusive else "left") - 1
        return self._there(subject, at, ALWAYS)

    def after(self, subject: Ints, time: Ints) -> Ints:
        """The time of the next moment; NEVER where there is none."""
        at = self.place(subject, time, "right")
        found = np.append(self.time, NEVER)[at]
        found[np.append(self.subject, -1)[at] != subject] = NEVER
        return found

    def first(self, subject: Ints, start: Ints, end: Ints, *, closed: tuple[bool, bool]) -> Ints:
        """The time of the first moment in each span; NEVER where there is none."""
        low, high = self.between(subject, start, end, closed=closed)
        found = np.append(self.time, NEVER)[low]
        found[low >= high] = NEVER
        return found

    def _there(self, subject: Ints, at: Ints, otherwise: int) -> tuple[Ints, Ints]:
        if len(self) == 0:
            nothing = np.full(len(subject), otherwise)
            return nothing, nothing
        inside = np.minimum(at, len(self) - 1) if otherwise == NEVER else np.maximum(at, 0)
        lost = (at != inside) | (self.subject[inside] != subject)
        time, seen = self.time[inside], self.seen[inside]
        time[lost] = seen[lost] = otherwise
        return time, seen


@dataclass(slots=True)
class History(Timeline):
    """What came to be known of each moment, in order of the moments.

    Args:
        at: Shape (n,). Since when the entry counts.
    """

    at: Ints
    _late: bool = field(init=False)
    _latest: Axis = field(init=False)

    @staticmethod
    def of(entries: Entries) -> "History":
        """The same, to be searched."""
        return History(entries.subject, entries.time, entries.weight, entries.at)

    def __post_init__(self) -> None:
        super(History, self).__post_init__()
        self._late = bool((self.at > self.time).any())
        if self._late:
            self._latest = Axis(self.subject, _highest_yet(self.subject, self.at))

    def known(
        self, subject: Ints, start: Ints, end: Ints, *, closed: tuple[bool, bool], at: Ints
    ) -> Ints:
        """The weight of what lies in each span, as it was known at a moment not before its end.

        Args:
            subject: Shape (m,).
            start: Shape (m,).
            end: Shape (m,).
            closed: Whether entries at the very start, and at the very end, lie in it.
            at: Shape (m,), not earlier than `end`.
        """
        low, high = self.between(subject, start, end, closed=closed)
        if not self._late:
            return self._sum[high] - self._sum[low]
        sure = self._latest.place(subject, at, "right")
        sure = np.clip(sure, low, high)  # up to here, all was known
        counted = self._sum[sure] - self._sum[low]
        row = np.flatnonzero(sure < high)
        size = (high - sure)[row]
        parts = np.searchsorted(np.cumsum(size), np.arange(0, size.sum(), _AT_ONCE), "right")
        for one, step in zip(np.split(row, parts[1:]), np.split(size, parts[1:]), strict=True):
            entry = np.repeat(sure[one] - np.cumsum(step) + step, step) + np.arange(step.sum())
            told = self.weight[entry] * (self.at[entry] <= np.repeat(at[one], step))
            np.add.at(counted, np.repeat(one, step), told)
        return counted


def _highest_yet(subject: Ints, value: Ints) -> Ints:
    """The highest value of the subject so far: of all subjects at once, end to end on one axis."""
    new = np.ones(len(subject), np.bool_)
    new[1:] = subject[1:] != subject[:-1]
    starts = np.flatnonzero(new)
    low = np.minimum.reduceat(value, starts)
    width = np.maximum.reduceat(value, starts) - low + 1
    if float(width.sum(dtype=np.float64)) > _AXIS:
        return _highest_by_doubling(subject, value)
    shift = np.cumsum(width) - width - low
    each = np.repeat(shift, np.diff(np.append(starts, len(subject))))
    highest: Ints = np.maximum.accumulate(value + each) - each
    return highest


def _highest_by_doubling(subject: Ints, value: Ints) -> Ints:
    """The same where their times are too long for one axis: the reach of each place doubles."""
    highest, reach = value.copy(), 1
    while reach < len(value):
        same = subject[reach:] == subject[:-reach]
        if not same.any():
            break
        before = np.where(same, highest[:-reach], ALWAYS)
        highest[reach:] = np.maximum(highest[reach:], before)
        reach *= 2
    return highest
