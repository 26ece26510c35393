"""The tally of a day: all that the monitor keeps of it, additive, and no patient's value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid, Refused

__all__ = ["GROUP_COUNTS", "LATENCY_EDGES_MS", "Tally", "added", "no_counts", "summed"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LATENCY_EDGES_MS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)
GROUP_COUNTS = ("answers", "alerts", "labels", "events", "alerts with label", "alerts with event")


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What was counted of one day, or of several added up.

    Args:
        day: Days since 1970-01-01; of several, the last.
        baseline: Digest of the baseline by whose grids it was counted.
        n: Shape (s,), how many values each stream had.
        total: Shape (s,), their sum.
        squares: Shape (s,), the sum of their squares.
        wealth: Shape (s, 2, J), what each stake won, as `metrics.sequential.wealth`.
        counts: Shape (cells,), drawn answers in the cells of `Layout`: all else of the streams
            follows from them.
        answers: All answers of the day.
        subjects: Subjects who had one (of several days: subject-days).
        drawn: Answers that were drawn.
        erased: Answers of nobody: not named, or erased.
        outcomes: Shape (3,), answers with a score, abstentions, failures.
        reasons: How many answers gave each reason or code.
        alerts: Answers that alerted.
        shown: Answers that somebody was shown.
        latency: Shape (13,), answers between the edges of `LATENCY_EDGES_MS`.
        logs: Shape (k, 3), of each feature's drawn values other than 0: count, and the sums of
            ln|value| and of its square.
        contributions: Shape (k + 1,), sums over the drawn answers that have them; last the
            expected value.
        contributed: How many have them.
        groups: For each `dimension: level`, shape (6,), all answers by `GROUP_COUNTS`; the last
            four on the day of the label.
        judged: Shape (2,), all answers whose label came that day, by label.
        acted: Shape (2, 2), of the shown alerts among them: staff acted or not, by label.
        by_care: Shape (4, 3), of the drawn answers among them: those that did not alert, alerts
            that nobody was shown, shown ones that staff did not act on, and those they acted on;
            how many, the sum of label less recalibrated risk p, and the sum of p (1 - p).
        about: How many of the subjects' first answers of the day were withheld for a reason that
            names a signal (`missing:heart_rate`), and had a value of a signal set aside as
            impossible (`aside:temperature`).
        codes: How many of the same answers saw each code, by `CodeSeen.mark`.
        coded: Of how many of them it is known which codes they saw.
        corrected: Labels that were corrected that day; who reads the notes fills it in.
    """

    day: int
    baseline: str
    n: Floats
    total: Floats
    squares: Floats
    wealth: Floats
    counts: Ints
    answers: int
    subjects: int
    drawn: int
    erased: int
    outcomes: Ints
    reasons: Mapping[str, int]
    alerts: int
    shown: int
    latency: Ints
    logs: Floats
    contributions: Floats
    contributed: int
    groups: Mapping[str, Ints] = field(default_factory=dict)
    judged: Ints
    acted: Ints
    by_care: Floats = field(default_factory=lambda: np.zeros((4, 3)))
    about: Mapping[str, int] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    coded: int = 0
    corrected: int = 0


_SUMS = (
    "n", "total", "squares", "wealth", "counts", "answers", "subjects", "drawn", "erased",
    "outcomes", "alerts", "shown", "latency", "logs", "contributions", "contributed", "judged",
    "acted", "by_care", "coded", "corrected",
)  # fmt: skip


def added(one: Tally, other: Tally) -> Tally:
    """Both together, as of the later day.

    Raises:
        Refused: they were counted by two baselines (`other_baseline`).
    """
    if one.baseline != other.baseline:
        raise Refused(
            "These tallies were counted by two baselines.",
            fix="count the answers again by the baseline in use.",
            code="other_baseline",
        )
    return Tally(
        day=max(one.day, other.day),
        baseline=one.baseline,
        reasons=_both(one.reasons, other.reasons),
        about=_both(one.about, other.about),
        codes=_both(one.codes, other.codes),
        groups={
            name: one.groups.get(name, no_counts()) + other.groups.get(name, no_counts())
            for name in sorted({*one.groups, *other.groups})
        },
        **{name: getattr(one, name) + getattr(other, name) for name in _SUMS},
    )


def _both(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}


def summed(tallies: Sequence[Tally]) -> Tally:
    """All of them together.

    Raises:
        Invalid: there is none.
        Refused: as `added`.
    """
    if not tallies:
        raise Invalid("There is no tally to sum.", fix="give the tallies of one day at least.")
    return reduce(added, tallies)


def no_counts() -> Ints:
    """Of a group of whom nothing is counted."""
    return np.zeros(len(GROUP_COUNTS), dtype=np.int64)
