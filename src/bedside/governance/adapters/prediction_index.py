"""The index of predictions and of their notes: written with the entries, made again from them."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, func, select, update

from bedside.core.errors import AlreadyAnswered, BedsideError, Invalid
from bedside.core.records.ledger import LedgerDraft, LedgerEntry
from bedside.governance.adapters.statements import Statements
from bedside.governance.adapters.tables import (
    ENTRIES,
    NOTES,
    OPEN,
    PREDICTIONS,
    SUBJECTS,
    entry_of,
)
from bedside.governance.predictions import (
    ANSWER,
    INDEXED,
    NoteRow,
    PredictionRow,
    check_indexed,
    is_prediction,
    note_row,
    prediction_row,
)

__all__ = ["add_to_index", "drop_tags", "index_older_entries", "refusals"]

_AT_ONCE = 500  # entries

_BY_ID = (
    "SELECT prediction_id FROM predictions WHERE prediction_id IN (SELECT value FROM json_each(?))"
)
_BY_TAG = (
    "SELECT request_tag, prediction_id FROM predictions"
    " WHERE request_tag IN (SELECT value FROM json_each(?))"
)


def refusals(statements: Statements, drafts: Sequence[LedgerDraft]) -> dict[int, BedsideError]:
    """By its place among the drafts, why one cannot be taken; under the writer's lock.

    A request that was answered before, here or in the database, has its answer. An id of a
    prediction is used once.
    """
    asked = [(place, one.details) for place, one in enumerate(drafts) if is_prediction(one)]
    if not asked:
        return {}
    ids = [details["prediction_id"] for _, details in asked]
    tags = [details["request_tag"] for _, details in asked if details.get("request_tag")]
    used = {one for (one,) in statements.rows(_BY_ID, (json.dumps(ids),))}
    answered = dict(statements.rows(_BY_TAG, (json.dumps(tags),))) if tags else {}
    refused: dict[int, BedsideError] = {}
    for place, details in asked:
        prediction_id, tag = details["prediction_id"], details.get("request_tag")
        if tag and tag in answered:
            refused[place] = AlreadyAnswered(answered[tag])
        elif prediction_id in used:
            refused[place] = Invalid(
                "A prediction has this id already.",
                fix="make a new id for each prediction.",
                code="prediction_id_used",
            )
        else:
            used.add(prediction_id)
            if tag:
                answered[tag] = prediction_id
    return refused


def add_to_index(statements: Statements, entries: Sequence[LedgerEntry]) -> None:
    """Add the rows of new entries, in the transaction that adds the entries."""
    answers = [prediction_row(one) for one in entries if is_prediction(one)]
    others = [one for one in entries if one.action != ANSWER]
    notes = [row for one in others if (row := note_row(one)) is not None]
    statements.insert(PREDICTIONS, answers)
    statements.insert(NOTES, notes)


def drop_tags(connection: Connection, tag: str) -> None:
    """Take the tags out of the rows of a subject who is forgotten.

    The tag of the request goes too: the caller's own id may have told who it was, and an answer
    that cannot be read again must not stand in the way of a new one.
    """
    gone = {"subject_tag": None, "request_tag": None}
    connection.execute(update(PREDICTIONS).where(PREDICTIONS.c.subject_tag == tag).values(**gone))


def index_older_entries(connection: Connection) -> None:
    """Index what an older Bedside added: all that comes after the last entry in the index."""
    newest = [
        connection.execute(select(func.max(table.c.sequence))).scalar() or 0
        for table in (PREDICTIONS, NOTES)
    ]
    found = OPEN.where(ENTRIES.c.action.in_(INDEXED), ENTRIES.c.sequence > max(newest))
    rows = connection.execute(found, execution_options={"yield_per": _AT_ONCE})
    statements, anything = Statements(connection), False
    for part in rows.partitions():
        entries = [entry_of(row, sealed_digest=row.sealed_digest) for row in part]
        whole = [entry for entry in entries if _fits(entry)]
        told: Sequence[PredictionRow | NoteRow]
        for table, told in (
            (PREDICTIONS, [prediction_row(one) for one in whole if is_prediction(one)]),
            (NOTES, [row for one in whole if (row := note_row(one)) is not None]),
        ):
            statements.insert(table, told, more=" ON CONFLICT DO NOTHING")
            anything = anything or bool(told)
    if anything:
        forgotten = select(SUBJECTS.c.tag).where(SUBJECTS.c.forgotten_at.is_not(None))
        theirs = update(PREDICTIONS).where(PREDICTIONS.c.subject_tag.in_(forgotten))
        connection.execute(theirs.values(subject_tag=None, request_tag=None))


def _fits(entry: LedgerEntry) -> bool:
    """Whether an entry that nobody checked when it was written fits into the index."""
    try:
        check_indexed(entry)
        for word in (entry.at, entry.actor, entry.subject_tag or ""):
            word.encode()
    except (Invalid, AttributeError, UnicodeEncodeError):  # the last two: damaged on disk
        return False
    return True
