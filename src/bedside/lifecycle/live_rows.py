"""The recorded answers of some days with the newest that is known of them, for judging."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isnan

import numpy as np
import numpy.typing as npt

from bedside.core.clock import day_number, hours_since_1970, parse_instant
from bedside.core.records.bundle import Bundle
from bedside.core.records.prediction import Prediction, PredictionNote, is_acted
from bedside.deploy.rollout.answers import LiveAnswer
from bedside.lifecycle.live_opened import opened_of
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.predictions import last_horizon
from bedside.lifecycle.watch_coverage import due_after
from bedside.lifecycle.watched_answers import day_of, subject_number
from bedside.monitor.judged.follow_up import followed_to
from bedside.monitor.judged.opened import Opened
from bedside.monitor.judged.rows import LiveRows
from bedside.monitor.judged.windows import Window
from bedside.monitor.stream.answers import ABSTENTION, FAILURE, SCORE, UNKNOWN_DAY, Answers

__all__ = ["LiveRead", "read_rows", "watched"]

_OUTCOMES = {"score": SCORE, "abstention": ABSTENTION, "failure": FAILURE}


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRead:
    """n answers, oldest first, and what is known of them now.

    Args:
        predictions: What lies open of them.
        answers: The same as live evidence takes them, with the newest outcome.
        rows: The same as columns by subject, then time.
        notes: What became known of each, oldest first.
        states: Of each, `judged`, or why not: `not_due`, `nobody`, `erased`, `untold`; '' for
            what is no score.
        others: Of each, whether its outcome was told otherwise before.
    """

    predictions: tuple[Prediction, ...]
    answers: tuple[LiveAnswer, ...]
    rows: LiveRows
    notes: Mapping[str, Sequence[PredictionNote]]
    states: tuple[str, ...]
    others: tuple[bool, ...]

    @property
    def corrected(self) -> int:
        """How many outcomes were told otherwise before."""
        return sum(self.others)

    def within(self, window: Window) -> "LiveRead":
        """The answers of these days alone."""
        since, until = window.ends
        kept = [at for at, one in enumerate(self.predictions) if since <= one.at < until]
        days = day_number(window.since.isoformat()), day_number(window.until.isoformat())
        return LiveRead(
            predictions=tuple(self.predictions[at] for at in kept),
            answers=tuple(self.answers[at] for at in kept),
            rows=self.rows.take((self.rows.day >= days[0]) & (self.rows.day <= days[1])),
            notes=self.notes,
            states=tuple(self.states[at] for at in kept),
            others=tuple(self.others[at] for at in kept),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Came:
    """Of n answers the newest outcome; NaN where none is known.

    `days` is how long they were followed, of a time until an event; `was_other` says whether an
    earlier one said otherwise.
    """

    label: npt.NDArray[np.float64]
    days: npt.NDArray[np.float64]
    event_hours: npt.NDArray[np.float64]
    was_other: npt.NDArray[np.bool_]


def read_rows(
    platform: Platform, version: str, bundle: Bundle, given: Sequence[Prediction]
) -> LiveRead:
    """What a version answered, and what came of it until now; what is not opened yet is opened.

    Args:
        platform: The workspace.
        version: The version's id.
        bundle: Of it, for thresholds and subgroups.
        given: What lies open of the answers.
    """
    predictions = tuple(sorted(given, key=lambda one: one.sequence))
    notes = _notes(platform, predictions)
    told = [note for some in notes.values() for note in some if note.kind == "outcome"]
    opened = opened_of(platform, version, bundle, predictions, told)
    sequences = np.array([one.sequence for one in predictions], dtype=np.int64)
    place, is_there = _found(opened.sequence, sequences)
    last = last_horizon(bundle.declaration.question)
    came = _came(opened, sequences, last)
    answers = _answers(predictions, opened, np.where(is_there, place, -1), came)
    due, now = due_after(bundle.declaration.question), platform.clock.now()
    states = tuple(
        _state(made, one, bool(there), due, now)
        for made, one, there in zip(predictions, answers, is_there, strict=True)
    )
    acted = {name for name, some in notes.items() if is_acted(some)}
    return LiveRead(
        predictions=predictions,
        answers=answers,
        rows=_rows(predictions, answers, came, acted, tuple(opened.groups), last is not None),
        notes=notes,
        states=states,
        others=tuple(came.was_other.tolist()),
    )


def watched(platform: Platform, version: str, read: LiveRead) -> Answers:
    """The same as the streams of the monitor take them, without features."""
    predictions, answers = read.predictions, read.answers
    tags = {one.subject_tag for one in predictions if one.subject_tag is not None}
    first = {tag: one.first for tag, one in platform.watch_book.subjects(version, tags).items()}
    for one in predictions:
        if one.subject_tag is not None:
            first.setdefault(one.subject_tag, one.as_of)
    begun = [first.get(one.subject_tag or "", one.as_of) for one in predictions]
    asked, since = (_hours(some) for some in ([one.as_of for one in predictions], begun))
    n = len(predictions)
    told = np.array([np.nan if one.label is None else float(one.label > 0) for one in answers])
    acted = {name for name, some in read.notes.items() if is_acted(some)}
    return Answers(
        day=np.array([day_number(day_of(one.at)) for one in predictions], dtype=np.int64),
        subject=np.array([subject_number(one.subject_tag) for one in predictions], dtype=np.int64),
        hours=np.maximum(asked - since, 0.0),
        outcome=np.array([_OUTCOMES[one.outcome] for one in predictions], dtype=np.int8),
        reason=np.array([one.reason or "" for one in predictions], dtype=np.str_),
        risk=_numbers([one.risk for one in answers]),
        alert=np.array([bool(one.alert) for one in answers], dtype=np.bool_),
        shown=np.array([one.shown for one in predictions], dtype=np.bool_),
        latency_ms=_numbers([one.latency_ms for one in predictions]),
        features=(),
        matrix=np.zeros((n, 0)),
        label=told.reshape(n).astype(np.float64),
        label_day=np.full(n, UNKNOWN_DAY, dtype=np.int64),
        acted=np.array(
            [one.shown and one.prediction_id in acted for one in predictions], dtype=np.bool_
        ),
    )


def _notes(
    platform: Platform, predictions: Sequence[Prediction]
) -> dict[str, list[PredictionNote]]:
    notes: dict[str, list[PredictionNote]] = {}
    for note in platform.predictions.notes([one.prediction_id for one in predictions]):
        notes.setdefault(note.prediction_id, []).append(note)
    return notes


def _found(
    among: npt.NDArray[np.int64], wanted: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """The place of each wanted entry among ascending ones, and whether it is there; (n,) both."""
    if not among.size:
        return np.zeros(wanted.size, dtype=np.int64), np.zeros(wanted.size, dtype=np.bool_)
    place = np.minimum(np.searchsorted(among, wanted), among.size - 1).astype(np.int64)
    return place, among[place] == wanted


def _came(opened: Opened, sequences: npt.NDArray[np.int64], until: float | None) -> _Came:
    """What came of each answer, by its entry; of a time until an event, `until` this many days."""
    order = np.lexsort((opened.outcome, opened.answer))
    answer, value, days = opened.answer[order], opened.value[order], opened.days[order]
    if until is not None:
        value, days = followed_to(value, days, until)
    last = np.append(answer[1:] != answer[:-1], True) if answer.size else np.zeros(0, np.bool_)
    many = np.diff(np.flatnonzero(last), prepend=-1)
    other = value != np.repeat(value[last], many)
    if until is not None:  # to be followed longer, and then to have the event, corrects nothing
        other = ((value > 0) & other) | (days > np.repeat(days[last], many))
    place, known = _found(answer[last], sequences)
    at, label = np.flatnonzero(known), np.full(sequences.size, np.nan)
    event, was_other = np.full(sequences.size, np.nan), np.zeros(sequences.size, dtype=np.bool_)
    label[at] = value[last][place[at]]
    followed = np.full(sequences.size, np.nan)
    followed[at] = days[last][place[at]]
    event[at] = opened.event_hours[order][last][place[at]]
    was_other[at] = np.isin(answer[last], answer[other])[place[at]]
    return _Came(label=label, days=followed, event_hours=event, was_other=was_other)


def _answers(
    predictions: Sequence[Prediction],
    opened: Opened,
    place: npt.NDArray[np.int64],
    came: _Came,
) -> tuple[LiveAnswer, ...]:
    """As live evidence takes them; `place` is that of each among what is opened, or -1."""
    ends = np.cumsum(opened.width).tolist()
    outputs, width = opened.outputs.tolist(), opened.width.tolist()
    risk, bar, alert = opened.risk.tolist(), opened.threshold.tolist(), opened.alert.tolist()
    groups = {name: opened.level(name).tolist() for name in opened.groups}

    def of(made: Prediction, at: int, label: float) -> LiveAnswer:
        scored = at >= 0 and not isnan(risk[at])
        return LiveAnswer(
            prediction_id=made.prediction_id,
            at=made.at,
            question=made.prediction_id,
            shown=made.shown,
            outcome=made.outcome,
            latency_ms=made.latency_ms,
            reason=made.reason,
            subject=made.subject_tag,
            risk=risk[at] if scored else None,
            threshold=bar[at] if scored and not isnan(bar[at]) else None,
            alert=alert[at] if scored else None,
            outputs=tuple(outputs[ends[at] - width[at] : ends[at]]) if at >= 0 else (),
            label=None if isnan(label) else label,
            groups={name: of[at] for name, of in groups.items() if of[at]} if at >= 0 else {},
        )

    return tuple(map(of, predictions, place.tolist(), came.label.tolist()))


def _state(
    made: Prediction, answer: LiveAnswer, is_there: bool, due: timedelta | None, now: datetime
) -> str:
    """Whether a score can be judged, or why not; '' for what is no score."""
    if made.outcome != "score":
        return ""
    if not is_there:
        return "erased"
    if answer.is_judged:
        return "judged"
    if made.subject_tag is None:
        return "nobody"
    is_open = due is not None and parse_instant(made.at) + due > now
    return "not_due" if is_open else "untold"


def _rows(
    predictions: Sequence[Prediction],
    answers: Sequence[LiveAnswer],
    came: _Came,
    acted: set[str],
    groups: Sequence[str],
    is_followed: bool,
) -> LiveRows:
    names = [one.subject_tag or f"\n{place}" for place, one in enumerate(predictions)]
    subject = np.unique(np.array(names, dtype=str), return_inverse=True)[1].astype(np.int64)
    hours = _hours([one.as_of for one in predictions])
    widths = {len(one.outputs) for one in answers if one.risk is not None}
    width = widths.pop() if len(widths) == 1 else 0
    none = (np.nan,) * width
    outputs = np.array(
        [one.outputs if len(one.outputs) == width else none for one in answers], dtype=np.float64
    ).reshape(len(answers), width)
    rows = LiveRows(
        day=np.array([day_number(day_of(one.at)) for one in predictions], dtype=np.int64),
        hours=hours,
        subject=subject,
        scored=np.array([one.outcome == "score" for one in predictions], dtype=np.bool_),
        risk=_numbers([one.risk for one in answers]),
        label=_numbers([one.label for one in answers]),
        threshold=_numbers([one.threshold for one in answers]),
        alert=np.array([bool(one.alert) for one in answers], dtype=np.bool_),
        shown=np.array([one.shown for one in predictions], dtype=np.bool_),
        acted=np.array(
            [one.shown and one.prediction_id in acted for one in predictions], dtype=np.bool_
        ),
        event_hours=came.event_hours,
        outputs=outputs if width else None,
        followed_days=came.days if is_followed else None,
        groups={
            name: np.array([one.groups.get(name, "") for one in answers], dtype=np.str_)
            for name in groups
        },
    )
    return rows.take(np.lexsort((hours, subject)))


def _hours(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """In hours since 1970 (UTC); shape (n,)."""
    return np.array([hours_since_1970(text) for text in texts], dtype=np.float64)


def _numbers(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if one is None else one for one in values], dtype=np.float64)
