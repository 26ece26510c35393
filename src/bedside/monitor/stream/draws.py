"""Which answers count: one a subject, so that what is counted is independent."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.monitor.sampling import uniform
from bedside.monitor.stream.answers import FAILURE, Answers
from bedside.monitor.stream.streams import Baseline

__all__ = [
    "LONGEST_SPAN",
    "Draws",
    "drawn",
    "draws",
    "first_of_day",
    "last_of_day",
    "readable",
    "span_of",
]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

LONGEST_SPAN = 24.0
"""Hours. A version that is new in use has had no time to meet patients later in their stay: with a
longer span its first days would differ from the baseline for that alone."""

_SPANS = (LONGEST_SPAN, 12.0, 6.0, 3.0, 1.0)
SPOT_HOURS = 72.0
"""Since the first question. Patients who lie longer are of as many days as they lie, and a version
that is new in use meets them late."""

_ENOUGH = 0.9  # of the subjects that could be drawn must be, or the span is shortened


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Which answers count, and whose.

    Args:
        rows: Shape (n,), whether an answer counts.
        counted: Ascending: every subject that has been counted, now or earlier. Whoever counts
            new answers alone keeps this and gives it again.
    """

    rows: Bools
    counted: Ints


def draws(baseline: Baseline, answers: Answers, counted: Ints | None = None) -> Draws:
    """Draw one answer of each subject that has not been counted.

    A subject counts once: at its first answer at or after a target time, in hours since its first
    question, that a digest of the subject and the seed sets uniformly in [0, span). Whether an
    answer counts depends on the subject's own answers up to it alone: never on other subjects, on
    later answers, or on the order of rows of different hours. So a run over new answers alone,
    given who is counted already, draws the very rows that a run over everything draws.

    Answers of nobody (a negative subject: not named, or erased), failures, and answers of which
    neither a feature nor a risk is known are drawn for nothing.

    Args:
        baseline: Its seed and span.
        answers: n of one version. `hours` count from the first question in the whole record, also
            where earlier answers are not given again.
        counted: Subjects that are counted already; None: nobody is.
    """
    return drawn(answers, seed=baseline.seed, span_hours=baseline.span_hours, counted=counted)


def drawn(answers: Answers, *, seed: int, span_hours: float, counted: Ints | None = None) -> Draws:
    """The same by seed and span, for a baseline that is not made yet."""
    before = np.zeros(0, dtype=np.int64) if counted is None else np.unique(counted)
    target = uniform(answers.subject.astype(np.int64), seed) * span_hours
    able = (
        (answers.subject >= 0)
        & readable(answers)
        & (answers.outcome != FAILURE)
        & (answers.hours >= target)
    )
    if before.size:
        able &= ~np.isin(answers.subject, before)
    rows = _first(answers, np.flatnonzero(able), answers.subject)
    return Draws(rows=rows, counted=np.union1d(before, answers.subject[rows]).astype(np.int64))


def readable(answers: Answers) -> Bools:
    """Of which answers a feature or the risk is known; shape (n,)."""
    return np.asarray(~np.isnan(answers.risk) | ~np.isnan(answers.matrix).all(axis=1))


def first_of_day(answers: Answers) -> Bools:
    """The first answer of each named subject on each day, whatever came of it; shape (n,)."""
    named = np.flatnonzero(answers.subject >= 0)
    key = answers.day * (int(answers.subject.max(initial=0)) + 1) + answers.subject
    return _first(answers, named, key)


def last_of_day(answers: Answers) -> Bools:
    """The last answer of each named subject on each day, in their first days; shape (n,).

    What came in the day is seen by the last answer of it, where the first is of just after
    midnight. Whether it is the last is known once the day is over, and a tally is of whole days.
    """
    able = np.flatnonzero(
        (answers.subject >= 0)
        & readable(answers)
        & (answers.outcome != FAILURE)
        & (answers.hours < SPOT_HOURS)
    )
    key = answers.day * (int(answers.subject.max(initial=0)) + 1) + answers.subject
    return _first(answers, able, key, latest=True)


def independent(subject: Ints) -> float:
    """How many independent values each of these is worth, where all of a subject say the same.

    Source: Kish, Survey Sampling, Wiley 1965: (sum of weights)^2 / sum of their squares.
    """
    _, times = np.unique(subject, return_counts=True)
    return float(times.sum() / (times**2).sum()) if times.size else 1.0


def span_of(answers: Answers, *, seed: int) -> float:
    """How long after the first question subjects are drawn: as far as nearly all are there.

    0 where a question is asked once a subject.
    """
    can = drawn(answers, seed=seed, span_hours=0.0).counted.size
    for span in _SPANS:
        if drawn(answers, seed=seed, span_hours=span).counted.size >= _ENOUGH * can > 0:
            return span
    return 0.0


def _first(answers: Answers, able: Ints, key: Ints, *, latest: bool = False) -> Bools:
    """Of the rows that are able, the earliest of each key, or the latest."""
    order = able[np.lexsort((answers.hours[able], answers.day[able]))]
    order = order[::-1] if latest else order
    _, at = np.unique(key[order], return_index=True)
    rows = np.zeros(len(answers), dtype=bool)
    rows[order[at]] = True
    return rows
