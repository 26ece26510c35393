"""The tally of a day: all that the monitor keeps of it, additive, and no patient's value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid, Refused
from bedside.metrics.sequential import STAKES, wealth_by
from bedside.monitor.stream.answers import SCORE, UNKNOWN_DAY, Answers
from bedside.monitor.stream.cells import Layout, counted
from bedside.monitor.stream.draws import Draws, draws, first_of_day
from bedside.monitor.stream.streams import Baseline
from bedside.monitor.stream.values import Atoms, atoms_of, sums_of

__all__ = [
    "GROUP_COUNTS", "LATENCY_EDGES_MS", "Tally", "TallyMaker", "added", "draws", "summed",
    "tally_days",
]  # fmt: skip

Bools = npt.NDArray[np.bool_]
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
    corrected: int = 0


_SUMS = (
    "n", "total", "squares", "wealth", "counts", "answers", "subjects", "drawn", "erased",
    "outcomes", "alerts", "shown", "latency", "logs", "contributions", "contributed", "judged",
    "acted", "corrected",
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
        reasons={
            name: one.reasons.get(name, 0) + other.reasons.get(name, 0)
            for name in sorted({*one.reasons, *other.reasons})
        },
        groups={
            name: one.groups.get(name, _none()) + other.groups.get(name, _none())
            for name in sorted({*one.groups, *other.groups})
        },
        **{name: getattr(one, name) + getattr(other, name) for name in _SUMS},
    )


def summed(tallies: Sequence[Tally]) -> Tally:
    """All of them together.

    Raises:
        Invalid: there is none.
        Refused: as `added`.
    """
    if not tallies:
        raise Invalid("There is no tally to sum.", fix="give the tallies of one day at least.")
    return reduce(added, tallies)


class TallyMaker:
    """Makes the tallies by one baseline; keep it, for what it prepares costs more than a day."""

    def __init__(self, baseline: Baseline) -> None:
        self.baseline = baseline
        self.layout = Layout.of(baseline)
        self.atoms: Atoms = atoms_of(baseline)
        least = np.array([stream.least for stream in baseline.streams])
        most = np.array([stream.most for stream in baseline.streams])
        of = self.atoms.stream
        self._won = (
            wealth_by(self.atoms.value, np.arange(of.size), least[of], most[of])
            if of.size
            else np.zeros((0, 2, len(STAKES)))
        ).reshape(of.size, -1)

    def streams_of(self, counts: Ints) -> dict[str, Floats]:
        """n, total, squares and wealth of each stream, from the counts of a day."""
        sums = sums_of(self.atoms, counts)
        shape = (len(self.baseline.streams), 2, len(STAKES))
        won = np.zeros(shape)
        if self.atoms.starts.size:
            each = counts[self.atoms.source][:, None] * self._won
            won = np.add.reduceat(each, self.atoms.starts, axis=0).reshape(shape)
        return {"n": sums.n, "total": sums.total, "squares": sums.squares, "wealth": won}

    def tallies(
        self,
        answers: Answers,
        days: Sequence[int] | None = None,
        *,
        drawn: Draws | None = None,
        unlike: Bools | None = None,
    ) -> list[Tally]:
        """As `tally_days`."""
        if answers.features != self.baseline.names:
            raise Invalid(
                "The answers have other features than the baseline.",
                fix="give the answers of the version that the baseline is of.",
            )
        chosen = _days_of(answers) if days is None else np.unique(np.array(days, dtype=np.int64))
        made = drawn or draws(self.baseline, answers)
        first = first_of_day(answers)
        counts = counted(
            self.baseline, answers, chosen, drawn=made.rows, first=first, unlike=unlike
        )
        by_day, by_label = _Parts(answers.day, chosen), _Parts(answers.label_day, chosen)
        return [
            self._tally(
                int(day), counts[place], answers, (by_day.rows(place), by_label.rows(place)),
                made.rows, first,
            )
            for place, day in enumerate(chosen)
        ]  # fmt: skip

    def _tally(
        self,
        day: int,
        counts: Ints,
        answers: Answers,
        rows: tuple[Ints, Ints],
        drawn: Bools,
        first: Bools,
    ) -> Tally:
        today, told = rows
        told = told[~np.isnan(answers.label[told])]
        some = today[drawn[today]]
        contributions, contributed = _contributions(answers, some)
        label = (answers.label[told] > 0).astype(np.int64)
        alerted = answers.shown[told] & answers.alert[told]
        latency = answers.latency_ms[today]
        latency = latency[~np.isnan(latency)]
        place = np.searchsorted(LATENCY_EDGES_MS, latency, side="right")
        reasons, times = np.unique(answers.reason[today].astype(str), return_counts=True)
        pair = 2 * answers.acted[told][alerted].astype(np.int64) + label[alerted]
        return Tally(
            day=day,
            baseline=self.baseline.digest,
            **self.streams_of(counts),
            counts=counts,
            answers=int(today.size),
            subjects=int(first[today].sum()),
            drawn=int(some.size),
            erased=int((answers.subject[today] < 0).sum()),
            outcomes=np.bincount(answers.outcome[today], minlength=3).astype(np.int64),
            reasons={
                str(name): int(count)
                for name, count in zip(reasons, times, strict=True)
                if str(name)
            },
            alerts=int((answers.alert[today] & (answers.outcome[today] == SCORE)).sum()),
            shown=int(answers.shown[today].sum()),
            latency=np.bincount(place, minlength=len(LATENCY_EDGES_MS) + 1).astype(np.int64),
            logs=_logs(answers.matrix[some]),
            contributions=contributions,
            contributed=contributed,
            groups=_groups(answers, today, told),
            judged=np.bincount(label, minlength=2).astype(np.int64),
            acted=np.bincount(pair, minlength=4).reshape(2, 2).astype(np.int64),
        )


def tally_days(
    baseline: Baseline,
    answers: Answers,
    days: Sequence[int] | None = None,
    *,
    drawn: Draws | None = None,
    unlike: Bools | None = None,
) -> list[Tally]:
    """One tally for each day, in order.

    Inputs, outputs and how answering went count on the day of the answer; labels on the day on
    which they first came to be known; whether they came in time on the day on which the usual
    delay ended. So a day is whole when `answers` holds every answer of that day, every answer
    whose label came that day, and every one of `usual_delay_days` before.

    Args:
        baseline: What is watched.
        answers: n answers of its version.
        days: Which days, whole days since 1970; None: each with an answer or a new label.
        drawn: Which answers count; None: as `draws` says, for which every earlier answer of each
            of these subjects has to be among `answers`.
        unlike: Shape (n,), whether the patient is unlike the training patients; None: not known.

    Raises:
        Invalid: the answers have other features than the baseline.
    """
    return TallyMaker(baseline).tallies(answers, days, drawn=drawn, unlike=unlike)


class _Parts:
    """The rows of each day."""

    def __init__(self, of: Ints, days: Ints) -> None:
        self._order = np.argsort(of, kind="stable")
        ordered = of[self._order]
        self._begin = np.searchsorted(ordered, days, side="left")
        self._end = np.searchsorted(ordered, days, side="right")

    def rows(self, place: int) -> Ints:
        return self._order[self._begin[place] : self._end[place]]


def _days_of(answers: Answers) -> Ints:
    told = answers.label_day[answers.label_day != UNKNOWN_DAY]
    return np.unique(np.concatenate([answers.day, told])).astype(np.int64)


def _contributions(answers: Answers, rows: Ints) -> tuple[Floats, int]:
    if answers.contributions is None:
        return np.zeros(len(answers.features) + 1), 0
    some = answers.contributions[rows]
    some = some[~np.isnan(some).any(axis=1)]
    return some.sum(axis=0), len(some)


def _logs(matrix: Floats) -> Floats:
    """Shape (k, 3): of the values other than 0, how many, and the sums of logarithm and square."""
    size = np.abs(matrix)
    known = size > 0  # False for NaN
    logs = np.log(size, out=np.zeros_like(size), where=known)
    return np.stack([known.sum(axis=0), logs.sum(axis=0), (logs**2).sum(axis=0)], axis=1)


def _none() -> Ints:
    return np.zeros(len(GROUP_COUNTS), dtype=np.int64)


def _groups(answers: Answers, today: Ints, told: Ints) -> dict[str, Ints]:
    found: dict[str, Ints] = {}
    alert, label = answers.alert, answers.label > 0
    parts = (
        (today, (None, alert)),
        (told, (None, label, alert, alert & label)),
    )
    at = 0
    for rows, columns in parts:
        for dimension, levels in answers.groups.items():
            names, which = np.unique(levels[rows].astype(str), return_inverse=True)
            for column, yes in enumerate(columns):
                weights = None if yes is None else yes[rows].astype(np.float64)
                sums = np.bincount(which, weights=weights, minlength=len(names))
                for name, count in zip(names, sums, strict=True):
                    if name:
                        found.setdefault(f"{dimension}: {name}", _none())[at + column] = round(
                            float(count)
                        )
        at += len(columns)
    return found
