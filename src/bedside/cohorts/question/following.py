"""Whether something followed each of many moments, and whether it was so before them already."""

from dataclasses import dataclass

import numpy as np

from bedside.cohorts.question.entries import NEVER, Bools, Ints
from bedside.cohorts.question.predicates import Shard

__all__ = ["Followed", "followed"]


@dataclass(frozen=True, slots=True)
class Followed:
    """Of n moments.

    Args:
        first: Shape (n,), when it was first so afterwards, microseconds since 1970 UTC; NEVER
            where it was not within the span.
        before: Shape (n,), whether it was so in the span up to the moment, itself included.
    """

    first: Ints
    before: Bools


def followed(
    shard: Shard, name: str, subjects: Ints, times: Ints, *, within: int, before: int | None
) -> Followed:
    """Look for a predicate after each moment, as it stands by what the shard knows.

    Args:
        shard: The events, none of which is known later than is asked for.
        name: A predicate of the shard's.
        subjects: Shape (n,), identifiers; whoever is not in the shard has no events.
        times: Shape (n,), microseconds since 1970 UTC.
        within: Microseconds; it counts after a moment up to so long after it.
        before: Microseconds; so long before a moment it is looked for too; None: nowhere.
    """
    none = Followed(np.full(len(times), NEVER), np.zeros(len(times), np.bool_))
    if not len(shard.subjects):
        return none
    place = np.minimum(np.searchsorted(shard.subjects, subjects), len(shard.subjects) - 1)
    there = np.flatnonzero(shard.subjects[place] == subjects)
    of, at = place[there], times[there]
    moments = shard.moments(name)
    none.first[there] = moments.first(of, at, at + within, closed=(False, True))
    if before is not None:
        none.before[there] = moments.count(of, at - before, at, closed=(True, True)) > 0
    return none
