"""Answers as counts in cells: all that any stream is computed from, and exactly additive."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bedside.monitor.stream.answers import (
    ABSTENTION,
    FAILURE,
    SUSPENDED,
    UNKNOWN_DAY,
    Answers,
)
from bedside.monitor.stream.codes import CodeColumns, watched_codes
from bedside.monitor.stream.draws import last_of_day
from bedside.monitor.stream.streams import Baseline

__all__ = ["FLAGS", "Layout", "counted"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FLAGS = ("alert", "unlike", "abstention", "failure", "slow", "label_delay")
"""Yes or no about an answer; each has two cells, no before yes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the cells of each thing begin in the counts of a day, for one baseline.

    Order: each feature's cells and then the one of missing; the fine cells of the risk; the flags
    and the reasons, two cells each; fine cells by label, of everybody and then of each group; and
    once more the cells of the features that are watched of the patients of a day; and two cells
    for each thing that is watched of codes.
    """

    features: tuple[int, ...]
    risk: int
    fine: int
    flags: int
    judged: int
    spots: int
    codes: int
    size: int

    @staticmethod
    def of(baseline: Baseline) -> "Layout":
        """The layout for a baseline."""
        starts, at = [], 0
        for feature in baseline.features:
            starts.append(at)
            at += (feature.grid.cells if feature.grid else 1) + 1
        fine = len(baseline.risk_edges) + 1
        flags = at + fine
        judged = flags + 2 * (len(FLAGS) + len(baseline.reasons))
        spots = judged + 2 * fine * (1 + len(baseline.groups))
        ends = [*starts[1:], at]
        codes = spots + sum(ends[place] - starts[place] for place in baseline.spotted)
        return Layout(
            features=tuple(starts),
            risk=at,
            fine=fine,
            flags=flags,
            judged=judged,
            spots=spots,
            codes=codes,
            size=codes + 2 * len(watched_codes(baseline)),
        )

    def missing(self, feature: int) -> int:
        """The cell of those without this feature."""
        after = self.features[feature + 1] if feature + 1 < len(self.features) else self.risk
        return after - 1

    def spot(self, baseline: Baseline, feature: int) -> int:
        """By how much the cells of a feature lie further on, counted of the patients of a day."""
        before = [place for place in baseline.spotted if place < feature]
        cells = sum(self.missing(place) + 1 - self.features[place] for place in before)
        return self.spots + cells - self.features[feature]

    def flag(self, number: int) -> int:
        """The cell of `no`; that of `yes` follows. Reasons are numbered on after the flags."""
        return self.flags + 2 * number

    def code(self, number: int) -> int:
        """The cell of `no` of what is watched of codes; that of `yes` follows."""
        return self.codes + 2 * number

    def labels(self, group: int | None) -> int:
        """The first of 2 * fine cells: of fine cell c, label 0 is at 2 * c and 1 at 2 * c + 1."""
        return self.judged + (0 if group is None else 2 * self.fine * (1 + group))


def counted(
    baseline: Baseline,
    answers: Answers,
    days: Ints,
    *,
    drawn: Bools,
    first: Bools,
    last: Bools | None = None,
    unlike: Bools | None = None,
) -> Ints:
    """Counts of each day in each cell, shape (len(days), layout.size).

    Args:
        baseline: Its grids.
        answers: n answers.
        days: Ascending, no day twice; what happened on other days is left out.
        drawn: Shape (n,), the answers that count for inputs, outputs and labels.
        first: Shape (n,), those that count for how answering went.
        last: Shape (n,), those that count for the patients of a day; None: `last_of_day`.
        unlike: Shape (n,), whether the patient is unlike the training patients; None: not known.
    """
    layout = Layout.of(baseline)
    counts = np.zeros((len(days), layout.size), dtype=np.int64)
    day = _slots(days, answers.day)
    inputs = np.flatnonzero(drawn & (day >= 0))
    for place in range(len(baseline.features)):
        cell = _cells(baseline, layout, answers, inputs, place)
        _add(counts, day[inputs], cell, layout.features[place])
    if baseline.spotted:
        spots = np.flatnonzero((last_of_day(answers) if last is None else last) & (day >= 0))
        for place in baseline.spotted:
            cell = _cells(baseline, layout, answers, spots, place)
            start = layout.features[place] + layout.spot(baseline, place)
            _add(counts, day[spots], cell, start)
    _codes(counts, layout, baseline, answers, day, inputs)
    scored = inputs[~np.isnan(answers.risk[inputs])]
    fine = np.searchsorted(baseline.risk_edges, answers.risk[scored], side="right")
    _add(counts, day[scored], fine, layout.risk)
    _flags(counts, layout, baseline, answers, day, inputs, scored, first, unlike)
    _delays(counts, layout, baseline, answers, days, drawn)
    _judged(counts, layout, baseline, answers, days, drawn)
    return counts


def _cells(baseline: Baseline, layout: Layout, answers: Answers, rows: Ints, place: int) -> Ints:
    """The cell of a feature in each of these rows, from 0 on."""
    feature = baseline.features[place]
    column = answers.matrix[rows, place]
    cell = np.zeros(column.size, dtype=np.int64)
    known = ~np.isnan(column)
    if feature.grid is not None:
        values = column[known]
        if feature.levels:
            values = np.where(values < 0, len(feature.levels), values)
        cell[known] = feature.grid.place(values)
    cell[~known] = layout.missing(place) - layout.features[place]
    return cell


def _codes(
    counts: Ints, layout: Layout, baseline: Baseline, answers: Answers, day: Ints, inputs: Ints
) -> None:
    """Codes that are not known, of every draw; known ones, of who has one of the signal."""
    watched = watched_codes(baseline)
    if not watched or answers.codes is None:
        return
    columns = CodeColumns(answers, inputs)
    for number, one in enumerate(watched):
        yes = columns.has(one)
        some = columns.known if one.code is None else columns.of_signal(one.signal)
        _add(counts, day[inputs][some], yes[some].astype(np.int64), layout.code(number))


def _flags(
    counts: Ints,
    layout: Layout,
    baseline: Baseline,
    answers: Answers,
    day: Ints,
    inputs: Ints,
    scored: Ints,
    first: Bools,
    unlike: Bools | None,
) -> None:
    asked = np.flatnonzero(first & (day >= 0) & (answers.reason != SUSPENDED))
    timed = asked[~np.isnan(answers.latency_ms[asked])]
    limit = np.inf if baseline.slow_ms is None else baseline.slow_ms
    told: list[tuple[Ints, Bools]] = [
        (scored, answers.alert),
        (inputs if unlike is not None else inputs[:0], answers.alert if unlike is None else unlike),
        (asked, answers.outcome == ABSTENTION),
        (asked, answers.outcome == FAILURE),
        (timed, answers.latency_ms >= limit),
    ]
    for number, (rows, yes) in enumerate(told):
        _add(counts, day[rows], yes[rows].astype(np.int64), layout.flag(number))
    for number, reason in enumerate(baseline.reasons, start=len(FLAGS)):
        yes = (answers.outcome[asked] == ABSTENTION) & (answers.reason[asked] == reason)
        _add(counts, day[asked], yes.astype(np.int64), layout.flag(number))


def _delays(
    counts: Ints,
    layout: Layout,
    baseline: Baseline,
    answers: Answers,
    days: Ints,
    drawn: Bools,
) -> None:
    """Whether a label came within the usual delay is known on the day on which that ends."""
    if baseline.usual_delay_days is None:
        return
    due = answers.day + baseline.usual_delay_days
    day = _slots(days, due)
    rows = np.flatnonzero(drawn & (day >= 0))
    in_time = answers.label_day[rows] <= due[rows]
    _add(counts, day[rows], in_time.astype(np.int64), layout.flag(FLAGS.index("label_delay")))


def _judged(
    counts: Ints,
    layout: Layout,
    baseline: Baseline,
    answers: Answers,
    days: Ints,
    drawn: Bools,
) -> None:
    """Labels on the day on which they came to be known, by the risk that was told before."""
    day = _slots(days, answers.label_day)
    known = ~np.isnan(answers.risk) & ~np.isnan(answers.label)
    rows = np.flatnonzero(drawn & known & (day >= 0) & (answers.label_day != UNKNOWN_DAY))
    fine = np.searchsorted(baseline.risk_edges, answers.risk[rows], side="right")
    cell = 2 * fine + (answers.label[rows] > 0)
    _add(counts, day[rows], cell, layout.labels(None))
    for place, group in enumerate(baseline.groups):
        levels = answers.groups.get(group.dimension)
        if levels is not None:
            inside = levels[rows] == group.level
            _add(counts, day[rows][inside], cell[inside], layout.labels(place))


def _slots(days: Ints, of: Ints) -> Ints:
    """The place of each day among `days`; -1: it is not among them."""
    if days.size == 0:
        return np.full(of.shape, -1, dtype=np.int64)
    place = np.clip(np.searchsorted(days, of), 0, days.size - 1)
    return np.where(days[place] == of, place, -1).astype(np.int64)


def _add(counts: Ints, day: Ints, cell: Ints, start: int) -> None:
    """Count rows by day and cell; cells begin at `start`."""
    if cell.size == 0:
        return
    width = int(cell.max()) + 1
    found = np.bincount(day * width + cell, minlength=counts.shape[0] * width)
    counts[:, start : start + width] += found.reshape(counts.shape[0], width)
