"""The recorded answers of some days with the newest that is known of them, for judging."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from bedside.core.clock import day_number, parse_instant
from bedside.core.records.bundle import Bundle
from bedside.core.records.prediction import Prediction, PredictionNote, is_acted
from bedside.deploy.rollout.answers import LiveAnswer
from bedside.lifecycle.live_answers import AnswerReader
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.watch_coverage import due_after
from bedside.lifecycle.watched_answers import (
    day_of,
    subject_number,
    ward_of,
)
from bedside.monitor.judged.rows import LiveRows
from bedside.monitor.judged.windows import Window
from bedside.monitor.stream.answers import ABSTENTION, FAILURE, SCORE, UNKNOWN_DAY, Answers

__all__ = ["LiveRead", "read_rows", "site_of", "watched"]

_AT_ONCE = 500  # entries, and predictions
_HOUR = 3600.0
_FACILITY = re.compile(r"^MSH\|[^|]*\|[^|]*\|([^|^~&\\\r\n]{1,40})")
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


@dataclass(frozen=True, slots=True)
class _Known:
    """The newest outcome of an answer, and whether an earlier one said otherwise."""

    told: Mapping[str, Any] | None = None
    was_other: bool = False


def site_of(request: str | None) -> str:
    """Which facility sent the question, if an HL7 v2 message says so (MSH-4); else ''."""
    found = None if not request else _FACILITY.match(request)
    return "" if found is None else found.group(1).strip()


def read_rows(platform: Platform, version: str, bundle: Bundle, window: Window) -> LiveRead:
    """Open what a version answered on these days, and what came of it until now.

    Args:
        platform: The workspace.
        version: The version's id.
        bundle: Of it, for thresholds and subgroups.
        window: Which days of predictions.
    """
    since, until = window.ends
    found = platform.predictions.find(version=version, since=since, until=until)
    predictions = tuple(sorted(found, key=lambda one: one.sequence))
    notes = _notes(platform, predictions)
    came = {
        name: [one.sequence for one in some if one.kind == "outcome"]
        for name, some in notes.items()
    }
    wanted = [one.sequence for one in predictions] + [at for some in came.values() for at in some]
    sealed = dict(_opened(platform, wanted))
    reader = AnswerReader(bundle)
    known = [_known([sealed.get(at) for at in came.get(p.prediction_id, ())]) for p in predictions]
    answers = tuple(
        _answer(reader, one, sealed.get(one.sequence, {}), outcome.told)
        for one, outcome in zip(predictions, known, strict=True)
    )
    due = due_after(bundle.declaration.question)
    states = tuple(
        _state(made, one, made.sequence in sealed, due, platform.clock.now())
        for made, one in zip(predictions, answers, strict=True)
    )
    acted = {name for name, some in notes.items() if is_acted(some)}
    return LiveRead(
        predictions=predictions,
        answers=answers,
        rows=_rows(predictions, answers, known, acted, (*reader.dimensions, "ward", "site")),
        notes=notes,
        states=states,
        others=tuple(one.was_other for one in known),
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
    for begin in range(0, len(predictions), _AT_ONCE):
        some = [one.prediction_id for one in predictions[begin : begin + _AT_ONCE]]
        for note in platform.predictions.notes(some):
            notes.setdefault(note.prediction_id, []).append(note)
    return notes


def _opened(platform: Platform, sequences: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """What lies sealed in these entries, but for whom was erased."""
    for begin in range(0, len(sequences), _AT_ONCE):
        for at, content in platform.ledger.unseal_all(sequences[begin : begin + _AT_ONCE]):
            yield at, json.loads(content)


def _known(outcomes: Sequence[Mapping[str, Any] | None]) -> _Known:
    told = [one for one in outcomes if one is not None]
    if not told:
        return _Known()
    return _Known(told[-1], any(one["value"] != told[-1]["value"] for one in told))


def _answer(
    reader: AnswerReader,
    made: Prediction,
    sealed: Mapping[str, Any],
    outcome: Mapping[str, Any] | None,
) -> LiveAnswer:
    read = reader.read(made, sealed, outcome)
    request = sealed.get("request")
    places = {"ward": ward_of(request), "site": site_of(request)}
    return replace(read, groups={**read.groups, **{k: v for k, v in places.items() if v}})


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
    known: Sequence[_Known],
    acted: set[str],
    groups: Sequence[str],
) -> LiveRows:
    names = [one.subject_tag or f"\n{place}" for place, one in enumerate(predictions)]
    subject = np.unique(np.array(names, dtype=str), return_inverse=True)[1].astype(np.int64)
    hours = _hours([one.as_of for one in predictions])
    came = [str((one.told or {}).get("event_at", "")) for one in known]
    event = np.full(len(came), np.nan)
    timed = [place for place, text in enumerate(came) if text]
    event[timed] = _hours([came[place] for place in timed])
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
        event_hours=event,
        outputs=outputs if width else None,
        groups={
            name: np.array([one.groups.get(name, "") for one in answers], dtype=np.str_)
            for name in groups
        },
    )
    return rows.take(np.lexsort((hours, subject)))


def _hours(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """In hours since 1970 (UTC); shape (n,)."""
    return np.array([parse_instant(text).timestamp() / _HOUR for text in texts], dtype=np.float64)


def _numbers(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if one is None else one for one in values], dtype=np.float64)
