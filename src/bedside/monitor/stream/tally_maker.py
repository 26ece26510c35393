"""Makes the tallies of days by one baseline."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bedside.core.errors import Invalid
from bedside.metrics.sequential import STAKES, wealth_by
from bedside.monitor.stream.answers import SCORE, UNKNOWN_DAY, Answers
from bedside.monitor.stream.cells import Layout, counted
from bedside.monitor.stream.codes import codes_counted
from bedside.monitor.stream.day_tally import LATENCY_EDGES_MS, Tally, no_counts
from bedside.monitor.stream.draws import Draws, draws, first_of_day
from bedside.monitor.stream.streams import Baseline
from bedside.monitor.stream.values import Sums, atoms_of, sums_of

__all__ = ["TallyMaker"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class TallyMaker:
    """Makes the tallies by one baseline; keep it, for what it prepares costs more than a day."""

    def __init__(self, baseline: Baseline) -> None:
        self.baseline = baseline
        self.digest = baseline.digest
        self.layout = Layout.of(baseline)
        self.atoms = atoms_of(baseline)
        least = np.array([stream.least for stream in baseline.streams])
        most = np.array([stream.most for stream in baseline.streams])
        of = self.atoms.stream
        self._won = (
            wealth_by(self.atoms.value, np.arange(of.size), least[of], most[of])
            if of.size
            else np.zeros((0, 2, len(STAKES)))
        ).reshape(of.size, 2 * len(STAKES))

    def streams_of(self, counts: Ints) -> tuple[Sums, Floats]:
        """The sums and the wealth (s, 2, J) of each stream, from the counts of a day."""
        sums = sums_of(self.atoms, counts)
        shape = (len(self.baseline.streams), 2, len(STAKES))
        won = np.zeros(shape)
        if self.atoms.starts.size:
            each = counts[self.atoms.source][:, None] * self._won
            won = np.add.reduceat(each, self.atoms.starts, axis=0).reshape(shape)
        return sums, won

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
        sums, won = self.streams_of(counts)
        told = told[~np.isnan(answers.label[told])]
        some = today[drawn[today]]
        contributions, contributed = _contributions(answers, some)
        label = (answers.label[told] > 0).astype(np.int64)
        alerted = answers.shown[told] & answers.alert[told]
        latency = answers.latency_ms[today]
        latency = latency[~np.isnan(latency)]
        place = np.searchsorted(LATENCY_EDGES_MS, latency, side="right")
        reasons, times = np.unique(answers.reason[today].astype(str), return_counts=True)
        coded, codes = codes_counted(answers, today[first[today]])
        pair = 2 * answers.acted[told][alerted].astype(np.int64) + label[alerted]
        return Tally(
            day=day,
            baseline=self.digest,
            n=sums.n,
            total=sums.total,
            squares=sums.squares,
            wealth=won,
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
            about=_about(answers, today[first[today]]),
            codes=codes,
            coded=coded,
            by_care=_by_care(self.baseline, answers, told[drawn[told]]),
        )


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


def _by_care(baseline: Baseline, answers: Answers, told: Ints) -> Floats:
    """Shape (4, 3): how outcomes were against the recalibrated risk, by what staff saw and did."""
    told = told[~np.isnan(answers.risk[told])]
    if baseline.risk is None or not baseline.calibrated or not told.size:
        return np.zeros((4, 3))
    expected = np.array(baseline.calibrated)[baseline.risk.place(answers.risk[told])]
    alert, shown, acted = (of[told] for of in (answers.alert, answers.shown, answers.acted))
    care = np.where(~alert, 0, np.where(~shown, 1, np.where(~acted, 2, 3)))
    residual = (answers.label[told] > 0) - expected
    sums = (None, residual, expected * (1 - expected))
    return np.stack([np.bincount(care, weights=one, minlength=4) for one in sums], axis=1)


def _about(answers: Answers, rows: Ints) -> dict[str, int]:
    """Why scores were withheld, by signal, and of which signals values were set aside."""
    found = Counter[str]()
    if answers.about is not None:
        reasons, signals = answers.reason[rows].tolist(), answers.about[rows].tolist()
        found.update(f"{why}:{one}" for why, one in zip(reasons, signals, strict=True) if one)
    if answers.aside is not None:
        for some in answers.aside[rows].tolist():
            found.update(f"aside:{one}" for one in some.split())
    return dict(sorted(found.items()))


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
                        found.setdefault(f"{dimension}: {name}", no_counts())[at + column] = round(
                            float(count)
                        )
        at += len(columns)
    return found
