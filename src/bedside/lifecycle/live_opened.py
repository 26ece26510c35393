"""What lies sealed of answers and outcomes, as far as judging needs it: opened once, then kept.

What was opened is kept by day in the watch book, sealed. It is no source: what is not there, or of
another form, is opened again from the ledger, and what tells of somebody who was erased since is
dropped. So judging after a day opens that day alone, and finds the same as if it had opened all.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from bedside.core.clock import hours_since_1970
from bedside.core.records.bundle import Bundle
from bedside.core.records.prediction import Prediction, PredictionNote
from bedside.interop.hl7v2.place import place_told
from bedside.interop.sealed_answer import opened_answer
from bedside.lifecycle.live_answers import AnswerReader
from bedside.lifecycle.platform import Platform
from bedside.lifecycle.watched_answers import PLACES, day_of
from bedside.monitor.judged.opened import NAN, Opened, OpenedAnswer, OpenedOutcome

__all__ = ["drop_opened", "opened_of"]


def opened_of(
    platform: Platform,
    version: str,
    bundle: Bundle,
    predictions: Sequence[Prediction],
    outcomes: Sequence[PredictionNote],
) -> Opened:
    """The columns of these answers and outcomes; without what was erased.

    Args:
        platform: The workspace.
        version: The version's id.
        bundle: Of it, for thresholds and subgroups.
        predictions: n answers of the version.
        outcomes: Notes of what came true of them.

    Raises:
        Refused: a sealed part is not as it was written.
    """
    reader = AnswerReader(bundle)
    groups = (*reader.dimensions, *PLACES)
    made_of = {one.sequence: one for one in predictions}
    entry = {one.prediction_id: one.sequence for one in predictions}
    kept, lost = _kept(platform, version, predictions, groups)
    have = Opened.joined(list(kept.values()), groups)
    known = set(have.sequence.tolist())
    heard = set(have.outcome.tolist())
    new = [one for one in predictions if one.sequence not in known]
    came = [one for one in outcomes if one.sequence not in heard]
    days = {one.sequence: day_of(one.at) for one in new}
    days |= {one.sequence: day_of(one.at) for one in came}
    content = _unsealed(platform, list(days))
    answers = [
        _answer(reader, one, content[one.sequence]) for one in new if one.sequence in content
    ]
    told = [
        _outcome(one, entry[one.prediction_id], content[one.sequence])
        for one in came
        if one.sequence in content
    ]
    fresh = _by_day(answers, told, days, groups)
    changed = {
        day: Opened.joined([some[day] for some in (kept, fresh) if day in some], groups)
        for day in fresh.keys() | lost
    }
    platform.watch_book.keep_opened(version, {day: one.to_bytes() for day, one in changed.items()})
    whole = Opened.joined([have, *fresh.values()], groups)
    mine = np.isin(whole.sequence, np.fromiter(made_of, dtype=np.int64, count=len(made_of)))
    wanted = np.array([one.sequence for one in outcomes], dtype=np.int64)
    return whole.take(np.flatnonzero(mine), np.flatnonzero(np.isin(whole.outcome, wanted)))


def drop_opened(platform: Platform, subjects: Iterable[int]) -> None:
    """Keep no day, of any version, on which something was recorded of these subjects.

    The answers of the others are opened again when they are judged.
    """
    ledger = platform.ledger
    days = {day_of(ledger.entry(at).at) for one in subjects for at in ledger.sealed_for(one)}
    platform.watch_book.drop_opened(days)


def _kept(
    platform: Platform, version: str, predictions: Sequence[Prediction], groups: Sequence[str]
) -> tuple[dict[str, Opened], set[str]]:
    """By day, what was kept, and the days of which something had to be dropped."""
    if not predictions:
        return {}, set()
    first = min(day_of(one.at) for one in predictions)
    nameless = np.array(
        [one.sequence for one in predictions if one.subject_tag is None], dtype=np.int64
    )
    kept: dict[str, Opened] = {}
    for day, content in platform.watch_book.opened(version, since=first):
        found = Opened.from_bytes(content)
        if found is not None and set(groups) <= found.groups.keys():
            kept[day] = found
    if not nameless.size:
        return kept, set()
    gone = [one.sequence[one.named & np.isin(one.sequence, nameless)] for one in kept.values()]
    erased = np.concatenate([*gone, np.zeros(0, dtype=np.int64)])
    lost: set[str] = set()
    for day, one in kept.items() if erased.size else ():
        rows, came = np.isin(one.sequence, erased), np.isin(one.answer, erased)
        if rows.any() or came.any():
            lost.add(day)
            kept[day] = one.take(np.flatnonzero(~rows), np.flatnonzero(~came))
    return kept, lost


def _by_day(
    answers: Sequence[OpenedAnswer],
    outcomes: Sequence[OpenedOutcome],
    days: Mapping[int, str],
    groups: Sequence[str],
) -> dict[str, Opened]:
    parts: dict[str, tuple[list[OpenedAnswer], list[OpenedOutcome]]] = {}
    for answer in answers:
        parts.setdefault(days[answer.sequence], ([], []))[0].append(answer)
    for outcome in outcomes:
        parts.setdefault(days[outcome.sequence], ([], []))[1].append(outcome)
    return {day: Opened.of(some, came, groups) for day, (some, came) in parts.items()}


def _unsealed(platform: Platform, sequences: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What lies sealed in these entries, but for whom was erased."""
    return {at: opened_answer(content) for at, content in platform.ledger.unseal_all(sequences)}


def _answer(reader: AnswerReader, made: Prediction, sealed: Mapping[str, Any]) -> OpenedAnswer:
    read = reader.read(made, sealed, None)
    places = place_told(sealed.get("request"))._asdict()
    return OpenedAnswer(
        sequence=made.sequence,
        named=made.subject_tag is not None,
        risk=read.risk,
        threshold=read.threshold,
        alert=bool(read.alert),
        outputs=read.outputs,
        groups={**read.groups, **{name: place for name, place in places.items() if place}},
    )


def _outcome(note: PredictionNote, answer: int, sealed: Mapping[str, Any]) -> OpenedOutcome:
    came, days = sealed.get("event_at"), sealed.get("days")
    return OpenedOutcome(
        sequence=note.sequence,
        answer=answer,
        value=sealed["value"],
        event_hours=hours_since_1970(came) if came else NAN,
        days=NAN if days is None else float(days),
    )
