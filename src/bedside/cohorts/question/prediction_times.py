"""The moments at which a subject is asked about, and which of them are kept."""

from dataclasses import dataclass

import numpy as np

from bedside.cohorts.question.entries import NEVER, Bools, Ints
from bedside.cohorts.question.predicates import Shard
from bedside.core.clock import microseconds, parse_duration
from bedside.core.errors import Invalid
from bedside.core.records.question import Question

__all__ = ["Anchors", "anchors_of", "kept_rows", "still_standing"]

_MOST_ROWS = 20_000_000  # of one shard, some 100 bytes each while they are answered


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """The moments from which the windows of each row are measured; shape (rows,) each.

    Args:
        subject: Index of the subject, ascending.
        trigger: The trigger's moment, microseconds since 1970 UTC.
        time: The anchor: the trigger's moment, or a later one that it leads to.
        seen: When the trigger, and the event that made the anchor, could both be seen.
    """

    subject: Ints
    trigger: Ints
    time: Ints
    seen: Ints

    def __len__(self) -> int:
        return len(self.time)


def anchors_of(question: Question, shard: Shard, asked: Bools) -> tuple[Anchors, Anchors]:
    """The triggers of the subjects that are asked about, and the anchors they lead to.

    Args:
        question: What is asked.
        shard: The rows.
        asked: Shape (subjects,). Who is asked about.

    Raises:
        Invalid: the question is repeated without an end, or far too often.
    """
    found = shard.appearances(question.trigger)
    inside = asked[found.subject]
    triggers = Anchors(
        subject=found.subject[inside],
        trigger=found.time[inside],
        time=found.time[inside],
        seen=found.seen[inside],
    )
    times = question.prediction_times
    if times.every is None and times.each is None:
        return triggers, triggers
    if times.every is not None and times.at_most is None:
        raise Invalid(
            "The question is asked again and again without an end (every, but no at_most).",
            fix="give it an at_most, such as 30 d, and an until, such as a discharge.",
        )
    last = _last_moments(question, shard, triggers)
    if times.every is not None:
        return triggers, _repeated(triggers, last, microseconds(parse_duration(times.every)))
    return triggers, _at_each(triggers, last, shard, str(times.each))


def _last_moments(question: Question, shard: Shard, triggers: Anchors) -> Ints:
    """The last moment at which each trigger may still be asked about; shape (triggers,)."""
    times, subject, time = question.prediction_times, triggers.subject, triggers.trigger
    last = np.full(len(triggers), NEVER)
    last[:-1] = np.where(subject[1:] == subject[:-1], time[1:] - 1, NEVER)
    if times.until is not None:
        until, _ = shard.moments(times.until).next(subject, time, inclusive=False)
        last = np.minimum(last, until - 1)
    if times.at_most is not None:
        last = np.minimum(last, time + microseconds(parse_duration(times.at_most)))
    latest: Ints = np.maximum(last, time)
    return latest


def _repeated(triggers: Anchors, last: Ints, step: int) -> Anchors:
    steps = (last - triggers.trigger) // step + 1
    if steps.sum() > _MOST_ROWS:
        raise Invalid(
            f"The question is asked {steps.sum():,} times in one shard of the data alone.",
            fix="ask less often (every), for less time (at_most), or name what ends it (until).",
        )
    of = np.repeat(np.arange(len(triggers)), steps)
    number = np.arange(len(of)) - np.repeat(np.cumsum(steps) - steps, steps)
    return Anchors(
        subject=triggers.subject[of],
        trigger=triggers.trigger[of],
        time=triggers.trigger[of] + number * step,
        seen=triggers.seen[of],
    )


def _at_each(triggers: Anchors, last: Ints, shard: Shard, name: str) -> Anchors:
    found = shard.appearances(name)
    low, high = found.between(triggers.subject, triggers.trigger, last, closed=(True, True))
    size = high - low
    of = np.repeat(np.arange(len(triggers)), size)
    at = np.arange(len(of)) - np.repeat(np.cumsum(size) - size, size) + low[of]
    return Anchors(
        subject=triggers.subject[of],
        trigger=triggers.trigger[of],
        time=found.time[at],
        seen=np.maximum(triggers.seen[of], found.seen[at]),
    )


def still_standing(question: Question, shard: Shard, anchors: Anchors, at: Ints) -> Bools:
    """Rows whose trigger, and event of `each`, were not taken back by `at`; shape (rows,)."""
    subject, at = anchors.subject, np.maximum(at, anchors.seen)
    made = [(question.trigger, anchors.trigger), (question.prediction_times.each, anchors.time)]
    stands = np.ones(len(anchors), np.bool_)
    for name, time in made if shard.corrected else ():
        if name is not None:
            told = shard.history(name).known(subject, time, time, closed=(True, True), at=at)
            stands &= told > 0
    return stands


def kept_rows(question: Question, subject: Ints, encounter: Ints, known: Bools) -> Bools:
    """Of rows in order of subject and prediction time, the first or last of each `per`.

    Args:
        question: What is asked.
        subject: Shape (rows,).
        encounter: Shape (rows,).
        known: Shape (rows,). Whether the row has an encounter.
    """
    times = question.prediction_times
    kept = np.ones(len(subject), np.bool_)
    if times.keep == "all" or len(subject) == 0:
        return kept
    keys: list[Ints | Bools] = [np.arange(len(subject)), subject]
    if times.per == "stay":
        keys[1:1] = [np.where(known, encounter, 0), known]
    order = np.lexsort(keys)
    new = np.zeros(len(order), np.bool_)
    for key in keys[1:]:
        new[1:] |= key[order][1:] != key[order][:-1]
    new[0] = True
    chosen = new if times.keep == "first" else np.append(new[1:], True)
    kept[:] = False
    kept[order[chosen]] = True
    return kept
