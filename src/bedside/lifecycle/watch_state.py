"""How far the monitor of a version has come, and what came since: which days are to be counted."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bedside.core.errors import Invalid
from bedside.core.ids import canonical_json
from bedside.core.ports.watch import WatchRun
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.watched_answers import day_of
from bedside.monitor.detectors.detecting import Detectors
from bedside.monitor.detectors.volume import Volume

__all__ = ["DayEntries", "Outstanding", "Progress", "came_since"]

_FORM = "bedside.watch-state/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayEntries:
    """Which entries of the ledger a day's tally rests on.

    Args:
        answers: Of every answer of the day.
        outcomes: Of the outcomes that were noted on the day, each with its prediction.
        drawn: Of the answers that count.
        erased: Of the answers whose subject was erased.
    """

    answers: tuple[int, ...] = ()
    outcomes: tuple[tuple[int, str], ...] = ()
    drawn: tuple[int, ...] = ()
    erased: tuple[int, ...] = ()

    def to_bytes(self) -> bytes:
        """As JSON."""
        return canonical_json({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def of(cls, content: bytes | None) -> "DayEntries":
        """What `to_bytes` wrote; of a day that was not counted, nothing."""
        if not content:
            return cls()
        told = json.loads(content)
        return cls(
            answers=tuple(told["answers"]),
            outcomes=tuple((at, name) for at, name in told["outcomes"]),
            drawn=tuple(told["drawn"]),
            erased=tuple(told["erased"]),
        )


@dataclass(slots=True, kw_only=True)
class Progress:
    """What a run leaves for the next one.

    Args:
        baseline: Digest of the baseline by which the days were counted.
        begun: The first day that was ever counted (ISO date); None: none was.
        through: The last day that is counted; None: none is.
        judged: The last day whose findings were raised; days up to it are counted again quietly.
        judges_after: Days up to this one move no detector: they were counted before the baseline
            in use was set.
        detectors: After `through`; None: fresh ones.
        volume: How many questions came on the days that are over.
        answers: Entries of answers that are read and not counted yet, with the day of each.
        outcomes: Entries of outcomes that are read and not counted yet: entry, day, prediction.
        erasures: How many subjects the ledger had erased.
        resets: Which streams started anew, each after which counted day.
        told: Stream and side of what was raised last.
        told_on: The day on which it was looked into last, as a number; -1: never.
    """

    baseline: str
    begun: str | None = None
    through: str | None = None
    judged: str | None = None
    judges_after: str | None = None
    detectors: Detectors | None = None
    volume: Volume = field(default_factory=Volume)
    answers: list[tuple[int, str]] = field(default_factory=list)
    outcomes: list[tuple[int, str, str]] = field(default_factory=list)
    erasures: int = 0
    resets: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    told_on: int = -1

    def to_bytes(self) -> bytes:
        """As JSON."""
        told = {name: getattr(self, name) for name in self.__slots__}
        told["detectors"] = None if self.detectors is None else self.detectors.to_json()
        told["volume"] = self.volume.to_json()
        return canonical_json({"form": _FORM, **told})

    @classmethod
    def of(cls, run: WatchRun | None, baseline: str, *, anew: bool = False) -> "Progress":
        """What the last run left.

        By another baseline, or when all is counted anew, nothing is counted yet: what was judged
        is not raised again, and another baseline judges only the days that come after.
        """
        told = {} if run is None else json.loads(run.state)
        if told.pop("form", None) != _FORM:
            return cls(baseline=baseline)
        resets = [(day, tuple(streams)) for day, streams in told["resets"]]
        judged = told["judged"]
        if told["baseline"] != baseline:
            return cls(baseline=baseline, judged=judged, judges_after=judged)
        try:
            own = told["detectors"]
            detectors = None if own is None else Detectors.from_json(own)
        except Invalid:  # of other stakes: an older Bedside's
            anew = True
        if anew:
            after = told["judges_after"]
            return cls(baseline=baseline, judged=judged, judges_after=after, resets=resets)
        told |= {
            "detectors": detectors,
            "volume": Volume.from_json(told.get("volume")),
            "resets": resets,
            "answers": [(at, day) for at, day in told["answers"]],
            "outcomes": [(at, day, name) for at, day, name in told["outcomes"]],
            "told": [(stream, side) for stream, side in told["told"]],
        }
        return cls(**told)


@dataclass(slots=True, kw_only=True)
class Outstanding:
    """What is not counted yet, by day, and where the next run begins to read.

    Args:
        answers: By day, entries of answers.
        outcomes: By day, entries of outcomes with their predictions.
        last_answer: The newest entry of an answer that was read.
        last_note: The newest entry of a note that was read.
        erasures: How many subjects the ledger has erased.
        gone: Tags of subjects who were erased since they were counted.
        back_to: The first day that has to be counted again; None: none.
        why: Why, in plain words.
    """

    answers: dict[str, list[int]] = field(default_factory=dict)
    outcomes: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    last_answer: int = 0
    last_note: int = 0
    erasures: int = 0
    gone: frozenset[str] = frozenset()
    back_to: str | None = None
    why: tuple[str, ...] = ()

    @property
    def first(self) -> str | None:
        """The first day of them; None: there is nothing."""
        return min([*self.answers, *self.outcomes], default=None)

    def of(self, day: str) -> DayEntries:
        """What there is of one day."""
        return DayEntries(
            answers=tuple(sorted(self.answers.get(day, ()))),
            outcomes=tuple(sorted(self.outcomes.get(day, ()))),
        )

    def left(self, after: str | None) -> tuple[list[tuple[int, str]], list[tuple[int, str, str]]]:
        """Answers and outcomes of later days than this one, as `Progress` keeps them."""
        later = "" if after is None else after
        answers = [(at, day) for day, some in self.answers.items() if day > later for at in some]
        outcomes = [
            (at, day, name)
            for day, some in self.outcomes.items()
            if day > later
            for at, name in some
        ]
        return sorted(answers), sorted(outcomes)

    def add(self, day: str, entries: DayEntries) -> None:
        """Count this day again."""
        self.answers[day] = [*self.answers.get(day, ()), *entries.answers]
        self.outcomes[day] = [*self.outcomes.get(day, ()), *entries.outcomes]


def came_since(
    platform: Platform, version: str, run: WatchRun | None, progress: Progress
) -> Outstanding:
    """What came since the last run, with what that one left; and how far back it reaches.

    An answer or an outcome of a day that is counted already (it came late, or the clock of a
    server went wrong) brings the monitor back to that day, and an erased subject to the day of
    their first answer: from there on, every day is counted again from what the ledger holds now.
    """
    found = Outstanding()
    for at, day in progress.answers:
        found.answers.setdefault(day, []).append(at)
    for at, day, name in progress.outcomes:
        found.outcomes.setdefault(day, []).append((at, name))
    found.last_answer = 0 if run is None else run.answers
    found.last_note = 0 if run is None else run.notes
    for made in platform.predictions.after(version, found.last_answer):
        found.answers.setdefault(day_of(made.at), []).append(made.sequence)
        found.last_answer = made.sequence
    for note in platform.predictions.notes_after(version, found.last_note):
        found.last_note = note.sequence
        if note.kind == "outcome":
            told = (note.sequence, note.prediction_id)
            found.outcomes.setdefault(day_of(note.at), []).append(told)
    found.erasures = platform.predictions.erasures()
    if progress.through is not None:
        reasons = dict(_reaches_back(platform, version, progress, progress.through, found))
        found.back_to = min(reasons.values(), default=None)
        found.why = tuple(reasons)
        if found.back_to is not None:
            _take_back(platform, version, found, found.back_to, progress.through)
    return found


def _reaches_back(
    platform: Platform, version: str, progress: Progress, through: str, found: Outstanding
) -> Iterator[tuple[str, str]]:
    """Why days have to be counted again, and from which on."""
    for what, days in (("answers", found.answers), ("outcomes", found.outcomes)):
        late = [day for day in days if day <= through]
        if late:
            yield f"{what} of days that were counted came late", min(late)
    if found.erasures != progress.erasures:
        gone = _gone(platform, version)
        found.gone = frozenset(gone)
        if gone:
            yield "somebody was erased", min(gone.values())


def _gone(platform: Platform, version: str) -> Mapping[str, str]:
    """Who was erased since they were counted, with the day of their first answer."""
    known = platform.watch_book.subject_tags(version)
    left = platform.predictions.subject_tags(version)
    return {tag: day for tag, day in known.items() if tag not in left}


def _take_back(
    platform: Platform, version: str, found: Outstanding, back_to: str, through: str
) -> None:
    """Put the entries of the days from there on among what is not counted."""
    counted: Sequence[str] = [
        day for day, _ in platform.watch_book.tallies(version, since=back_to) if day <= through
    ]
    for day in counted:
        found.add(day, DayEntries.of(platform.watch_book.entries(version, day)))
