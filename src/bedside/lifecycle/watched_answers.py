"""The recorded answers of one day as the columns that a monitor counts, and what was told of them.

Everything is taken as it stood when the day was over, so that a day counted late is counted the
same: a label is the one that was told first, and whether staff acted is what was known by then.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.clock import day_number, parse_instant
from bedside.core.ports.watch import WatchedSubject
from bedside.core.records.bundle import LEARNT, Bundle
from bedside.core.records.codes_seen import NOT_COUNTED
from bedside.core.records.prediction import Prediction, PredictionNote, is_acted
from bedside.deploy.package.older import TREES, form_to_explain
from bedside.deploy.rollout.answers import LiveAnswer
from bedside.interop.hl7v2.place import place_told
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.live_answers import AnswerReader
from bedside.lifecycle.platform import Platform
from bedside.monitor.stream.answers import ABSTENTION, FAILURE, SCORE, UNKNOWN_DAY, Answers

__all__ = [
    "PLACES",
    "DayAnswers",
    "Explain",
    "day_of",
    "explainer_for",
    "midnight_after",
    "read_day",
    "subject_number",
    "with_contributions",
]

Floats = npt.NDArray[np.float64]
Explain = Callable[[Floats], Floats]

PLACES = ("site", "ward")
"""Groups that a message tells, beside those that features tell."""

_OUTCOMES = {"score": SCORE, "abstention": ABSTENTION, "failure": FAILURE}
_DIGITS = 11  # 44 bits of the tag: a day times it is still a number of 64 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class DayAnswers:
    """What a monitor needs to count one day.

    Args:
        answers: Those of the day, and those whose label came on it.
        predictions: The same, in the same order.
        tags: By subject's number, the ledger's tag.
        subjects: By tag, as far as it is known before the draws of the day.
        erased: Entries of the answers of the day whose subject was erased.
        corrected: Labels that were told otherwise on this day than before.
    """

    answers: Answers
    predictions: tuple[Prediction, ...]
    tags: Mapping[int, str]
    subjects: Mapping[str, WatchedSubject]
    erased: tuple[int, ...]
    corrected: int


def day_of(at: str) -> str:
    """The day (ISO date, UTC) of a time as `iso` writes it."""
    return at[:10]


def subject_number(tag: str | None) -> int:
    """The same number for the same subject in every run; -1: nobody is named, or erased."""
    return -1 if tag is None else int(tag[:_DIGITS], 16)


def explainer_for(platform: Platform, bundle: Bundle, reader: AnswerReader) -> Explain | None:
    """What says how much each feature moved a score; None: the bundle holds no form of it."""
    if LEARNT not in bundle.files and TREES not in bundle.files:
        return None
    explainer = platform.explainer_of(form_to_explain(bundle.files, reader.features))
    return lambda matrix: np.asarray(explainer.contributions(matrix), dtype=np.float64)


def read_day(
    platform: Platform,
    reader: AnswerReader,
    version: str,
    day: str,
    *,
    answers: Sequence[int],
    labelled: Sequence[str],
    waited: Sequence[int] = (),
    known: Mapping[str, WatchedSubject],
    binary: Callable[[float], float],
) -> DayAnswers:
    """Open what one day's tally rests on.

    Args:
        platform: The workspace.
        reader: Of the version's bundle.
        version: Its id.
        day: Which day (ISO date).
        answers: Entries of the ledger of every answer of the day.
        labelled: Predictions of which an outcome was noted on the day.
        waited: Entries of older answers of which it counts whether their label has come; their
            sealed parts stay closed.
        known: Subjects that this run has met, before what the book tells.
        binary: A label as it was noted, as 0 or 1; NaN where it is neither.
    """
    today = platform.predictions.entered(answers)
    mine = {one.prediction_id for one in today}
    older = platform.predictions.named(sorted(set(labelled) - mine))
    opened = [*today, *older]
    closed = set(waited) - {one.sequence for one in opened}
    rows = sorted(
        [*opened, *platform.predictions.entered(sorted(closed))], key=lambda one: one.sequence
    )
    told = _Told.of(platform, rows, day)
    sealed = _opened(platform, [*(one.sequence for one in opened), *told.needed])
    subjects = _subjects(platform, version, rows, known)
    labels = told.labels(sealed, binary)
    parts = [_Row.of(reader, one, sealed.get(one.sequence)) for one in rows]
    return DayAnswers(
        answers=_columns(reader, rows, parts, labels, told, subjects),
        predictions=tuple(rows),
        tags={subject_number(one.subject_tag): one.subject_tag for one in rows if one.subject_tag},
        subjects=subjects,
        erased=tuple(one.sequence for one in today if one.sequence not in sealed),
        corrected=told.corrected(sealed, binary),
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What had become known of answers by the end of a day.

    `first` is the first outcome of each prediction; `moved` are the outcomes of this day that
    are not, each with the one before it.
    """

    first: Mapping[str, PredictionNote]
    acted: frozenset[str]
    moved: Sequence[tuple[PredictionNote, PredictionNote]]

    @classmethod
    def of(cls, platform: Platform, rows: Sequence[Prediction], day: str) -> "_Told":
        first: dict[str, PredictionNote] = {}
        last: dict[str, PredictionNote] = {}
        notes: dict[str, list[PredictionNote]] = {}
        moved: list[tuple[PredictionNote, PredictionNote]] = []
        for note in platform.predictions.notes([one.prediction_id for one in rows]):
            if day_of(note.at) > day:
                continue
            name = note.prediction_id
            notes.setdefault(name, []).append(note)
            if note.kind == "outcome":
                first.setdefault(name, note)
                if name in last and day_of(note.at) == day:
                    moved.append((last[name], note))
                last[name] = note
        acted = frozenset(name for name, some in notes.items() if is_acted(some))
        return cls(first, acted, moved)

    @property
    def needed(self) -> set[int]:
        """Entries of the outcomes that have to be opened."""
        every = [*self.first.values(), *(one for pair in self.moved for one in pair)]
        return {one.sequence for one in every}

    def labels(
        self, sealed: Mapping[int, bytes], binary: Callable[[float], float]
    ) -> dict[str, tuple[float, int]]:
        """By prediction, the label that was told first, and on which day; none of the erased."""
        return {
            name: (binary(_value(sealed[note.sequence])), day_number(day_of(note.at)))
            for name, note in self.first.items()
            if note.sequence in sealed
        }

    def corrected(self, sealed: Mapping[int, bytes], binary: Callable[[float], float]) -> int:
        """How many outcomes of the day say otherwise than the one before."""
        return sum(
            binary(_value(sealed[before.sequence])) != binary(_value(sealed[after.sequence]))
            for before, after in self.moved
            if before.sequence in sealed and after.sequence in sealed
        )


@dataclass(frozen=True, slots=True)
class _Row:
    answer: LiveAnswer
    features: Mapping[str, float | None]
    places: Mapping[str, str]
    about: str
    aside: str
    codes: str

    @classmethod
    def of(cls, reader: AnswerReader, made: Prediction, content: bytes | None) -> "_Row":
        sealed: dict[str, Any] = {} if content is None else opened_answer(content)
        answer = reader.read(made, sealed, None)
        outcome = (sealed.get("answer") or {}).get("outcome") or {}
        aside = [
            reader.set_aside[one] for one in outcome.get("notes") or () if one in reader.set_aside
        ]
        return cls(
            answer,
            sealed.get("features") or {},
            place_told(sealed.get("request"))._asdict(),
            about=outcome.get("signal") or "",
            aside=" ".join(aside),
            codes=sealed.get("codes", NOT_COUNTED),
        )


def _value(content: bytes) -> float:
    return float(json.loads(content)["value"])


def _opened(platform: Platform, sequences: Sequence[int]) -> dict[int, bytes]:
    """What lies sealed in these entries, but for whom was erased."""
    return dict(platform.ledger.unseal_all(sequences))


def _subjects(
    platform: Platform,
    version: str,
    rows: Sequence[Prediction],
    known: Mapping[str, WatchedSubject],
) -> dict[str, WatchedSubject]:
    """Everybody of these rows; whoever is new is first asked about in their first row."""
    tags = {one.subject_tag for one in rows if one.subject_tag is not None}
    found = {tag: known[tag] for tag in tags & known.keys()}
    found |= platform.watch_book.subjects(version, tags - known.keys())
    for one in rows:
        if one.subject_tag is not None and one.subject_tag not in found:
            found[one.subject_tag] = WatchedSubject(first=one.as_of, first_day=day_of(one.at))
    return found


def _columns(
    reader: AnswerReader,
    rows: Sequence[Prediction],
    parts: Sequence[_Row],
    labels: Mapping[str, tuple[float, int]],
    told: _Told,
    subjects: Mapping[str, WatchedSubject],
) -> Answers:
    names = reader.features.names
    nothing = (float("nan"), UNKNOWN_DAY)
    label = [labels.get(one.prediction_id, nothing) for one in rows]
    firsts = [
        one.as_of if one.subject_tag is None else subjects[one.subject_tag].first for one in rows
    ]
    told_of = [
        {**part.answer.groups, **{name: one for name, one in part.places.items() if one}}
        for part in parts
    ]
    groups = {
        name: _texts([one.get(name, "") for one in told_of])
        for name in (*reader.dimensions, *PLACES)
    }
    return Answers(
        day=np.array([day_number(day_of(one.at)) for one in rows], dtype=np.int64),
        subject=np.array([subject_number(one.subject_tag) for one in rows], dtype=np.int64),
        hours=_hours([one.as_of for one in rows], firsts),
        outcome=np.array([_OUTCOMES[one.outcome] for one in rows], dtype=np.int8),
        reason=_texts([one.reason or "" for one in rows]),
        risk=_numbers(part.answer.risk for part in parts),
        alert=np.array([bool(part.answer.alert) for part in parts], dtype=np.bool_),
        shown=np.array([one.shown for one in rows], dtype=np.bool_),
        latency_ms=np.array([one.latency_ms for one in rows], dtype=np.float64),
        features=names,
        matrix=_numbers(part.features.get(name) for part in parts for name in names).reshape(
            len(rows), len(names)
        ),
        label=np.array([value for value, _ in label], dtype=np.float64),
        label_day=np.array([day for _, day in label], dtype=np.int64),
        acted=np.array([one.shown and one.prediction_id in told.acted for one in rows], np.bool_),
        groups=groups,
        about=_texts([part.about for part in parts]),
        aside=_texts([part.aside for part in parts]),
        codes=_texts([part.codes for part in parts]),
    )


def with_contributions(
    answers: Answers, drawn: npt.NDArray[np.bool_], explain: Explain | None
) -> Answers:
    """The same with the contributions of the scores that were drawn; NaN for every other row."""
    wanted = np.flatnonzero(drawn & (answers.outcome == SCORE) & ~np.isnan(answers.risk))
    if explain is None:
        return answers
    found = np.full((len(answers), len(answers.features) + 1), np.nan)
    if wanted.size:
        found[wanted] = explain(answers.matrix[wanted])
    return replace(answers, contributions=found)


def _hours(asked: Sequence[str], first: Sequence[str]) -> Floats:
    """Hours since the first question; 0 where a question was asked as of before it."""
    then = {text: parse_instant(text).timestamp() for text in {*asked, *first}}
    apart = [then[one] - then[began] for one, began in zip(asked, first, strict=True)]
    return np.maximum(np.array(apart, dtype=np.float64) / 3600.0, 0.0)


def _numbers(values: Iterable[float | None]) -> Floats:
    return np.array([np.nan if one is None else one for one in values], dtype=np.float64)


def _texts(values: Sequence[str]) -> npt.NDArray[Any]:
    return np.array(values, dtype=np.str_) if values else np.zeros(0, dtype="U1")


def midnight_after(day: str) -> datetime:
    """When a day is over (UTC)."""
    return datetime.combine(
        date.fromordinal(date.fromisoformat(day).toordinal() + 1), datetime.min.time(), UTC
    )
