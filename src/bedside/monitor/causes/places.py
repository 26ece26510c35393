"""Where a change was seen: the sites or wards that hold it, if it is as before everywhere else.

The stream that found it is looked at again, by place: one answer a patient, since the onset against
before it. No stream is added, so the budget of false alarms stays as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from bedside.core.clock import day_number
from bedside.core.records.evidence import SUPPRESS_AT_OR_BELOW
from bedside.core.records.watch import Cause
from bedside.monitor.causes.drafts import AlarmDraft
from bedside.monitor.causes.explained import INPUTS
from bedside.monitor.causes.telling import day_words
from bedside.monitor.stream.answers import UNKNOWN_DAY, Answers
from bedside.monitor.stream.cells import counted
from bedside.monitor.stream.streams import SPOT, Baseline, Stream
from bedside.monitor.stream.values import Sums, atoms_of, sums_of

__all__ = [
    "DAYS_BEFORE",
    "PLACED",
    "Places",
    "counts_of",
    "periods",
    "places_of",
    "with_places",
]

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

PLACED: frozenset[Cause] = frozenset({"unit_change", "feed_lost", "assay_bias", "coding_change"})
"""Causes that may lie in one place: what brings a measurement there."""

DAYS_BEFORE = 35
"""How long before the onset a place is looked at."""

_WEEK = 7  # days before the onset, which is known to a few days only
_ENOUGH = 30  # patients of everywhere else, and before
_ERROR = 0.01  # of naming any place, where none changed
_SURE = 1.645  # standard errors: 95 %, one-sided
_PART = 1 / 3  # of the change: elsewhere, less than that is as before
_MANY = 3  # more places than these are not named


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The places that hold a change; none: everywhere, or it cannot be told.

    Args:
        site: Names, sorted.
        ward: Names, sorted; where sites are named, wards of those.
        everywhere: Whether every place that can be judged changed.
    """

    site: tuple[str, ...] = ()
    ward: tuple[str, ...] = ()
    everywhere: bool = False

    @property
    def groups(self) -> tuple[str, ...]:
        """As an alarm gives them."""
        return (*(f"site: {one}" for one in self.site), *(f"ward: {one}" for one in self.ward))

    @property
    def words(self) -> str:
        """Such as `at site B in wards 7 West and 8`."""
        told = (("at site", self.site), ("in ward", self.ward))
        return " ".join(f"{what}{_listed(names)}" for what, names in told if names)


def places_of(baseline: Baseline, draft: AlarmDraft, answers: Answers) -> Places:
    """Where the strongest finding of a draft comes from.

    A place changed where its mean since the onset is surely apart from its own before (Welch's
    test, one-sided, by Bonferroni over the places), on the side of the finding and by as much as
    matters. It is named if the change of all others together is, with 95 % confidence, less than
    a third of its own, and none of them looks as if it changed.

    Args:
        baseline: Of the version.
        draft: The alarm.
        answers: Drawn ones, one a patient, from before the onset on, with their site and ward.

    Source: Welch, The generalization of 'Student's' problem, Biometrika 34:28-35, 1947.
    """
    found = _stream_of(baseline, draft)
    if found is None or draft.cause not in PLACED or not len(answers):
        return Places()
    search = _Search.of(baseline, found[0], found[1], answers, day_number(draft.onset))
    every = np.ones(len(answers), dtype=np.bool_)
    site = search.look("site", every)
    if not site.named:
        ward = search.look("ward", every)
        return Places(
            ward=ward.named, everywhere=not ward.named and (site.everywhere or ward.everywhere)
        )
    there = np.isin(answers.groups["site"].astype(str), site.named)
    return Places(site=site.named, ward=search.look("ward", there).named)


def periods(day: Ints, onset: int) -> tuple[Bools, Bools]:
    """Which answers are of the weeks before an onset, and which since; each of shape (n,).

    Args:
        day: Of each of n answers.
        onset: Which is known to a few days only, so the week before it is left out where enough
            patients came earlier.
    """
    before = (day >= onset - DAYS_BEFORE) & (day < onset)
    earlier = before & (day < onset - _WEEK)
    return earlier if earlier.sum() >= _ENOUGH else before, day >= onset


def counts_of(baseline: Baseline, answers: Answers, rows: Sequence[Bools]) -> list[Ints]:
    """The counts of some of these answers in the cells of a baseline; of each of some masks.

    Args:
        baseline: Of the version.
        answers: n drawn ones.
        rows: Masks of shape (n,), of which no two share an answer.
    """
    which = np.full(len(answers), -1)
    for place, mine in enumerate(rows):
        which[mine] = place
    return list(_counts(baseline, answers, which, len(rows)))


def _counts(baseline: Baseline, answers: Answers, which: npt.NDArray[Any], count: int) -> Ints:
    """Shape (count, cells): of the answers of each number; -1: of none."""
    size = len(answers)
    numbered = replace(
        answers,
        day=which.astype(np.int64),
        label_day=np.full(size, UNKNOWN_DAY, dtype=np.int64),
    )
    every = np.ones(size, dtype=np.bool_)
    return counted(baseline, numbered, np.arange(count), drawn=every, first=every, last=~every)


def with_places(draft: AlarmDraft, places: Places, there: str = "") -> AlarmDraft:
    """The draft with these places in its groups and in its sentence; its key stays.

    Args:
        draft: The alarm.
        places: Where it is seen.
        there: What is told of them, as a clause.
    """
    if not places.groups:
        return replace(draft, everywhere=places.everywhere)
    since = f"since {day_words(day_number(draft.onset))}"
    head, found, rest = draft.text.partition(f" {since}")
    text = draft.text
    if found:
        comma = "," if head.endswith(",") else ""
        others = "other figures" if there else "figures"
        of_all = f" ({others} are of all places)" if any(map(str.isdigit, head)) else ""
        told = f"there {there}, elsewhere as before" if there else "elsewhere as before"
        text = f"{head} {places.words}{comma} {since}; {told}{of_all}{rest}"
    return replace(draft, text=text, groups=(*draft.groups, *places.groups))


@dataclass(frozen=True, slots=True)
class _Mean:
    """Of n values: their mean, and the variance of a value."""

    n: float
    mean: float
    variance: float


@dataclass(frozen=True, slots=True)
class _Change:
    """By how much a mean went up, n patients since; its standard error, and degrees of freedom."""

    n: float
    by: float
    error: float
    freedom: float

    @property
    def chance(self) -> float:
        """How likely so much more is, if nothing changed."""
        return float(stdtr(self.freedom, -self.by / self.error))


@dataclass(frozen=True, slots=True)
class _Verdict:
    named: tuple[str, ...] = ()
    everywhere: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """One stream of these answers, by place; `side` is 1 where it went up, else -1."""

    baseline: Baseline
    stream: Stream
    usual: _Mean | None
    side: int
    answers: Answers
    since: Bools
    before: Bools

    @classmethod
    def of(
        cls, baseline: Baseline, stream: Stream, side: int, answers: Answers, onset: int
    ) -> "_Search":
        before, since = periods(answers.day, onset)
        known = baseline.index(stream.id)
        usual = None if known is None else baseline.streams[known]
        return cls(
            baseline=baseline,
            stream=stream,
            usual=None if usual is None else _Mean(max(usual.n, 1), usual.mean, usual.sd**2),
            side=side,
            answers=answers,
            since=since,
            before=before,
        )

    def look(self, dimension: str, rows: Bools) -> _Verdict:
        """Which places of this dimension, of these rows, hold the change."""
        if dimension not in self.answers.groups:
            return _Verdict()
        levels = self.answers.groups[dimension].astype(str)
        names, of = np.unique(levels, return_inverse=True)
        since = self._means(of, len(names), rows & self.since)
        before = self._means(of, len(names), rows & self.before)
        whole = self._means(np.zeros_like(of), 1, rows & self.before)[0]
        own = whole.n >= _ENOUGH
        reference = whole if own else self.usual
        if reference is None:
            return _Verdict()
        asked = [
            bool(name)
            and since[at].n > SUPPRESS_AT_OR_BELOW
            and (not own or before[at].n > SUPPRESS_AT_OR_BELOW)
            for at, name in enumerate(names)
        ]
        judged = {
            str(name): self._change(since[at], before[at] if own else reference)
            for at, name in enumerate(names)
            if asked[at]
        }
        left = ~np.array(asked, dtype=np.bool_)[of] & rows
        none = np.zeros_like(of)
        now, then = (self._means(none, 1, left & of_)[0] for of_ in (self.since, self.before))
        own_rest = own and then.n > SUPPRESS_AT_OR_BELOW
        others = self._change(now, then if own_rest else reference) if now.n else None
        least = (self.stream.most - self.stream.least) / 2
        return _verdict(judged, others, least)

    def _means(self, of: npt.NDArray[np.intp], count: int, rows: Bools) -> list[_Mean]:
        """Of each place, the mean of the stream over these rows, towards the side."""
        counts = _counts(self.baseline, self.answers, np.where(rows, of, -1), count)
        atoms = atoms_of(self.baseline, [self.stream])
        return [_mean(sums_of(atoms, row)) for row in counts]

    def _change(self, now: _Mean, then: _Mean) -> _Change:
        parts = [max(one.variance, 1 / (4 * one.n)) / one.n for one in (now, then)]
        squares = sum(
            part**2 / max(one.n - 1, 1) for part, one in zip(parts, (now, then), strict=True)
        )
        return _Change(
            n=now.n,
            by=self.side * (now.mean - then.mean),
            error=float(np.sqrt(sum(parts))),
            freedom=sum(parts) ** 2 / squares,
        )


def _verdict(judged: dict[str, _Change], others: _Change | None, least: float) -> _Verdict:
    """Which of the judged places changed, if few did and nothing else."""
    sure = _ERROR / (2 * max(len(judged), 1))  # sites and wards
    changed = {name: one for name, one in judged.items() if one.chance < sure and one.by >= least}
    if not changed:
        return _Verdict()
    most = max(one.by for one in changed.values())
    changed = {name: one for name, one in changed.items() if one.by >= _PART * most}
    same = [one for name, one in judged.items() if name not in changed]
    rest = [*same, *([] if others is None else [others])]
    if not same and len(judged) > 1 and sum(one.n for one in rest) < _ENOUGH:
        return _Verdict(everywhere=True)
    if len(changed) > _MANY or sum(one.n for one in rest) < _ENOUGH:
        return _Verdict()
    here, elsewhere = _together(list(changed.values())), _together(rest)
    is_as_before = abs(elsewhere.by) + _SURE * elsewhere.error <= _PART * here.by
    looks_changed = any(one.by >= here.by / 2 and one.chance < 0.05 for one in rest)
    if not is_as_before or looks_changed:
        return _Verdict()
    return _Verdict(named=tuple(sorted(changed)))


def _together(changes: Sequence[_Change]) -> _Change:
    """The mean change of the patients of several places: another mix of places moves nothing."""
    n = sum(one.n for one in changes)
    return _Change(
        n=n,
        by=sum(one.n * one.by for one in changes) / n,
        error=float(np.sqrt(sum((one.n * one.error) ** 2 for one in changes))) / n,
        freedom=min(one.freedom for one in changes),
    )


def _stream_of(baseline: Baseline, draft: AlarmDraft) -> tuple[Stream, int] | None:
    """The stream of the strongest finding about an input, and its side.

    Who was given no score is drawn for none, so abstentions tell no place.
    Where it is of the patients of a day, the same of one answer a patient.
    """
    for finding in draft.findings:
        place = baseline.index(finding.stream)
        if place is None:
            continue
        stream = baseline.streams[place]
        if stream.family in (*INPUTS, "codes"):
            drawn = replace(stream, id=stream.id.removeprefix(SPOT))
            return drawn, 1 if finding.side == "up" else -1
    return None


def _mean(sums: Sums) -> _Mean:
    n, total, squares = (float(one[0]) for one in (sums.n, sums.total, sums.squares))
    if n == 0:
        return _Mean(0.0, 0.0, 0.0)
    mean = total / n
    return _Mean(n, mean, max(squares - n * mean * mean, 0.0) / max(n - 1, 1))


def _listed(names: Sequence[str]) -> str:
    """Names after a noun: its plural, and `and` before the last."""
    if len(names) == 1:
        return f" {names[0]}"
    return f"s {', '.join(names[:-1])} and {names[-1]}"
