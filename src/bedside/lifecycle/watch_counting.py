"""Counting one day of live answers: opened, one answer a subject drawn, tallied."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial

import numpy as np
import numpy.typing as npt

from bedside.core.clock import day_number
from bedside.core.ports.watch import WatchedSubject
from bedside.core.records.bundle import Bundle
from bedside.lifecycle.live_answers import AnswerReader
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.watch_state import DayEntries
from bedside.lifecycle.watched_answers import (
    DayAnswers,
    Explain,
    explainer_for,
    read_day,
    subject_number,
    with_contributions,
)
from bedside.lifecycle.watching import watched_value
from bedside.monitor.stream.baseline import Baseline
from bedside.monitor.stream.draws import Draws, draws
from bedside.monitor.stream.tally import Tally
from bedside.monitor.stream.tally_maker import TallyMaker

__all__ = ["Counted", "DayCounter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One day.

    Args:
        tally: What was counted.
        entries: What it rests on.
        changed: By tag, subjects who are new or whose answer was drawn.
    """

    tally: Tally
    entries: DayEntries
    changed: Mapping[str, WatchedSubject]


@dataclass(slots=True, kw_only=True)
class DayCounter:
    """Counts the days of one version, one after the other.

    Args:
        platform: The workspace.
        version: The version's id.
        maker: Of tallies, by its baseline.
        reader: Of the version's answers.
        explain: Contributions of rows; None: nothing explains them.
        binary: A label as it was noted, as 0 or 1.
    """

    platform: Platform
    version: str
    maker: TallyMaker
    reader: AnswerReader
    explain: Explain | None
    binary: Callable[[float], float]
    known: dict[str, WatchedSubject] = field(default_factory=dict)
    drawn: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, platform: Platform, version: str, bundle: Bundle, baseline: Baseline
    ) -> "DayCounter":
        """What counts the answers of this version."""
        reader = AnswerReader(bundle)
        told = bool(baseline.contributions)
        kind = bundle.declaration.question.outcome.kind
        return cls(
            platform=platform,
            version=version,
            maker=TallyMaker(baseline),
            reader=reader,
            explain=explainer_for(platform, bundle, reader) if told else None,
            binary=partial(watched_value, kind),
        )

    def count(self, day: str, entries: DayEntries) -> Counted:
        """Count a day; earlier days of this version must have been counted before."""
        read = read_day(
            self.platform,
            self.reader,
            self.version,
            day,
            answers=entries.answers,
            labelled=[name for _, name in entries.outcomes],
            waited=self._waited(day),
            known=self.known,
            binary=self.binary,
        )
        drawn, changed = self._drawn(day, read)
        answers = with_contributions(
            read.answers, drawn.rows & (read.answers.day == day_number(day)), self.explain
        )
        (tally,) = self.maker.tallies(answers, [day_number(day)], drawn=drawn)
        self.known |= changed
        self.drawn[day] = tuple(
            one.drawn for one in changed.values() if one.drawn is not None and one.drawn_day == day
        )
        return Counted(
            tally=replace(tally, corrected=read.corrected),
            entries=replace(entries, drawn=self.drawn[day], erased=read.erased),
            changed=changed,
        )

    def _waited(self, day: str) -> tuple[int, ...]:
        """The answers that were drawn so long before that their label should have come by now."""
        usual = self.maker.baseline.usual_delay_days
        if not usual:
            return ()
        then = (date.fromisoformat(day) - timedelta(days=usual)).isoformat()
        return self.drawn_on(then)

    def drawn_on(self, day: str) -> tuple[int, ...]:
        """The entries of the answers of a counted day that count."""
        if day in self.drawn:
            return self.drawn[day]
        return DayEntries.of(self.platform.watch_book.entries(self.version, day)).drawn

    def _drawn(self, day: str, read: DayAnswers) -> tuple[Draws, dict[str, WatchedSubject]]:
        """Which rows count, and the subjects as they are after that."""
        counted = np.array(
            [subject_number(tag) for tag, one in read.subjects.items() if one.drawn is not None],
            dtype=np.int64,
        )
        today = read.answers.day == day_number(day)
        new = draws(self.maker.baseline, read.answers.take(today), counted)
        rows = _earlier(read)
        rows[today] |= new.rows
        changed: dict[str, WatchedSubject] = {}
        for place in np.flatnonzero(today):
            made = read.predictions[place]
            if made.subject_tag is None:
                continue
            one = changed.get(made.subject_tag, read.subjects[made.subject_tag])
            if rows[place]:
                one = replace(one, drawn=made.sequence, drawn_day=day)
            if rows[place] or one.first_day == day:
                changed[made.subject_tag] = one
        return Draws(rows=rows, counted=new.counted), changed


def _earlier(read: DayAnswers) -> npt.NDArray[np.bool_]:
    """Which rows were drawn on an earlier day; shape (n,)."""
    subjects = [
        None if made.subject_tag is None else read.subjects[made.subject_tag]
        for made in read.predictions
    ]
    return np.array(
        [
            one is not None and one.drawn == made.sequence
            for one, made in zip(subjects, read.predictions, strict=True)
        ],
        dtype=np.bool_,
    )
