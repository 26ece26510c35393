"""How many of the last predictions of a version can be judged, and why the others cannot."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from bedside.core.clock import parse_duration
from bedside.core.errors import Invalid
from bedside.core.records.question import Question
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.watch_state import DayEntries
from bedside.monitor.disclosure import hide_small

__all__ = ["WEEK", "WHY_NOT", "Coverage", "coverage_of", "due_after"]

WEEK = 7  # days
_AFTER = re.compile(r"[+]\s*(.+)$")

WHY_NOT = {
    "not_due": "the outcome is not due yet",
    "nobody": "they name nobody",
    "erased": "the patient was erased",
    "untold": "no outcome was told, though it was due",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The scores of the last seven days that are counted, and how many have an outcome.

    Args:
        since: The first of the days (ISO date); None: nothing is counted.
        until: The last of them.
        scores: How many scores there are.
        judged: How many have an outcome; None: ten or fewer, but not none, and where ten or
            fewer are hidden in all, the shown counts take them in.
        share: Judged scores of all; None: there is none, or `judged` is not shown.
        not_judged: By `WHY_NOT`, how many; None: ten or fewer, but not none.
    """

    since: str | None = None
    until: str | None = None
    scores: int = 0
    judged: int | None = 0
    share: float | None = None
    not_judged: Mapping[str, int | None]


def due_after(question: Question) -> timedelta | None:
    """How long after the question its outcome is settled; None: the question does not say.

    >>> from bedside.core.records.question import TimeAtRisk
    >>> due_after(Question(ask="?", predicates={}, trigger="t",
    ...     time_at_risk=TimeAtRisk(outcome="o", end="30 d"), settles_after="1 d"))
    datetime.timedelta(days=31)
    """
    if question.time_at_risk is not None:
        ends = [question.time_at_risk.end]
    else:
        windows = [one.end or "" for one in question.windows.values() if one.label is not None]
        ends = [found.group(1) for one in windows if (found := _AFTER.search(one))]
    try:
        lengths = [parse_duration(one) for one in ends]
        return max(lengths) + parse_duration(question.settles_after) if lengths else None
    except Invalid:
        return None


def coverage_of(
    platform: Platform, version: str, through: str | None, due: timedelta | None
) -> Coverage:
    """How many of the scores of the last week that is counted can be judged now.

    Args:
        platform: The workspace.
        version: The version's id.
        through: The last day that is counted; None: none is.
        due: How long after an answer its outcome is settled; None: it is not known, and whatever
            was not told counts as not told.
    """
    if through is None:
        return Coverage(not_judged=dict.fromkeys(WHY_NOT, 0))
    until = date.fromisoformat(through)
    since = until - timedelta(days=WEEK - 1)
    counts = dict.fromkeys(WHY_NOT, 0)
    scores = judged = 0
    for day in range(WEEK):
        told = (since + timedelta(days=day)).isoformat()
        entries = DayEntries.of(platform.watch_book.entries(version, told))
        made = [one for one in platform.predictions.entered(entries.answers)
                if one.outcome == "score"]  # fmt: skip
        notes = platform.predictions.notes([one.prediction_id for one in made])
        known = {one.prediction_id for one in notes if one.kind == "outcome"}
        erased = set(entries.erased)
        scores += len(made)
        for one in made:
            if one.sequence in erased:
                counts["erased"] += 1
            elif one.prediction_id in known:
                judged += 1
            elif one.subject_tag is None:
                counts["nobody"] += 1
            elif due is not None and _is_open(one.at, due, platform.clock.now()):
                counts["not_due"] += 1
            else:
                counts["untold"] += 1
    shown, *others = hide_small([judged, *counts.values()])
    return Coverage(
        since=since.isoformat(),
        until=through,
        scores=scores,
        judged=shown,
        share=None if not scores or shown is None else shown / scores,
        not_judged=dict(zip(counts, others, strict=True)),
    )


def _is_open(at: str, due: timedelta, now: datetime) -> bool:
    return datetime.fromisoformat(at) + due > now
