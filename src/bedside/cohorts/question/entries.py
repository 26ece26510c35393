"""What became known of moments, step by step, and predicates that are made of others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bedside.cohorts.question.axis import Axis, Bools, Ints

__all__ = ["ALWAYS", "NEVER", "Bools", "Entries", "Ints", "combined", "once", "spread", "with_more"]

ALWAYS: int = np.iinfo(np.int64).min
"""Before every moment; the time of what holds for a whole subject."""
NEVER: int = np.iinfo(np.int64).max
"""After every moment."""


@dataclass(frozen=True, slots=True)
class Entries:
    """From `at` on, the count of a moment is `weight` higher, or lower; shape (n,) each.

    Args:
        subject: Index of the subject, ascending.
        time: The moment, microseconds since 1970 UTC, ascending within a subject.
        weight: What becomes known of it.
        at: Since when.
    """

    subject: Ints
    time: Ints
    weight: Ints
    at: Ints

    def __len__(self) -> int:
        return len(self.time)

    def taken(self, at: Ints | Bools) -> "Entries":
        """Some of them, in this order."""
        return Entries(self.subject[at], self.time[at], self.weight[at], self.at[at])

    def starts(self) -> Ints:
        """Where each moment begins; shape (moments,)."""
        new = np.ones(len(self), np.bool_)
        new[1:] = (self.subject[1:] != self.subject[:-1]) | (self.time[1:] != self.time[:-1])
        return np.flatnonzero(new)


def _joined(parts: Sequence[Entries]) -> Entries:
    return Entries(
        np.concatenate([one.subject for one in parts]),
        np.concatenate([one.time for one in parts]),
        np.concatenate([one.weight for one in parts]),
        np.concatenate([one.at for one in parts]),
    )


def with_more(entries: Entries, more: Entries) -> Entries:
    """Both in order, the more behind what is of the same moment."""
    place = Axis(entries.subject, entries.time).place(more.subject, more.time, "right")
    return Entries(
        np.insert(entries.subject, place, more.subject),
        np.insert(entries.time, place, more.time),
        np.insert(entries.weight, place, more.weight),
        np.insert(entries.at, place, more.at),
    )


def once(entries: Entries) -> Entries:
    """Whether the count of each moment is above 0: it counts 1 or 0."""
    if (entries.weight < 0).any():
        return combined([entries], every=False)
    starts = entries.starts()
    if len(starts) == 0:
        return entries
    at = np.minimum.reduceat(entries.at, starts)
    return Entries(entries.subject[starts], entries.time[starts], np.ones_like(at), at)


def spread(static: Entries, onto: Entries) -> Entries:
    """What is known of whole subjects, as if it were of each of these moments.

    Args:
        static: Of whole subjects.
        onto: The moments.
    """
    moments = onto.taken(onto.starts())
    low = np.searchsorted(static.subject, moments.subject, "left")
    size = np.searchsorted(static.subject, moments.subject, "right") - low
    moment = np.repeat(np.arange(len(moments)), size)
    entry = np.arange(len(moment)) - np.repeat(np.cumsum(size) - size, size) + low[moment]
    return Entries(
        moments.subject[moment], moments.time[moment], static.weight[entry], static.at[entry]
    )


def combined(parts: Sequence[Entries], *, every: bool) -> Entries:
    """Whether all, or any, of several predicates hold at a moment: it counts 1 or 0."""
    whole = _joined(parts)
    part = np.repeat(np.arange(len(parts)), [len(one) for one in parts])
    order = np.lexsort((whole.at, whole.time, whole.subject))
    whole, part = whole.taken(order), part[order]
    starts = whole.starts()
    if len(starts) == 0:
        return whole
    moment = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(whole))))
    held = np.full(len(whole), every)
    for one in range(len(parts)):
        weight = np.where(part == one, whole.weight, 0)
        sums = np.cumsum(weight)
        holds = sums - (sums - weight)[starts][moment] > 0
        held = held & holds if every else held | holds
    final = np.ones(len(whole), np.bool_)  # the last of what became known of a moment at once
    final[:-1] = (moment[1:] != moment[:-1]) | (whole.at[1:] != whole.at[:-1])
    now, moment = held[final].astype(np.int64), moment[final]
    was = np.concatenate([np.zeros(1, np.int64), now[:-1]])
    was[np.concatenate([np.ones(1, np.bool_), moment[1:] != moment[:-1]])] = 0
    changed = Entries(whole.subject[final], whole.time[final], now - was, whole.at[final])
    return changed.taken(changed.weight != 0)
