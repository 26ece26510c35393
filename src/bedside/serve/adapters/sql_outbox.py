"""The outbox of a FHIR server in a database: letters by key, their content sealed."""

import os
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from bedside.core.clock import iso, parse_instant
from bedside.core.errors import Refused
from bedside.core.records.fhir_letter import Letter, LetterState

__all__ = ["SqlOutbox"]

_NONCE = 12  # bytes, AES-GCM
_TABLES = MetaData()
_LETTERS = Table(
    "fhir_outbox",
    _TABLES,
    Column("key", String, primary_key=True),
    Column("prediction_id", String, nullable=False),
    Column("model", String, nullable=False),
    Column("sent_to", String, nullable=False),
    Column("subject_tag", String, nullable=False, index=True),
    Column("state", String, nullable=False),
    Column("at", String, nullable=False),
    Column("due", String),
    Column("attempts", Integer, nullable=False),
    Column("problem", String),
    Column("sealed", LargeBinary),
)
_REACHED = Table(
    "fhir_reached",
    _TABLES,
    Column("sent_to", String, primary_key=True),
    Column("model", String, primary_key=True),
    Column("moment", String, nullable=False),
)
_OPEN = [column for column in _LETTERS.c if column.name != "sealed"]
Writing = Callable[[Engine], AbstractContextManager[Connection]]


class SqlOutbox:
    """The Outbox port on SQLAlchemy.

    Args:
        engine: The database of the workspace.
        writing: Opens a transaction that holds the writer's lock, durable when it ends.
        secret: 32 bytes that seal the content (AES-256-GCM, bound to the letter's key).

    Raises:
        Unavailable, Refused: every method, as the database refuses.
    """

    def __init__(self, engine: Engine, *, writing: Writing, secret: bytes) -> None:
        self._engine, self._writing = engine, writing
        self._cipher = AESGCM(secret)
        with writing(engine) as connection:
            _TABLES.create_all(connection)

    def known(self, key: str) -> bool:
        """Whether there is a letter of this key."""
        asked = select(_LETTERS.c.key).where(_LETTERS.c.key == key)
        with self._engine.connect() as connection:
            return connection.execute(asked).first() is not None

    def put(self, letter: Letter) -> bool:
        """Keep a letter; False where its key is known already."""
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        with self._writing(self._engine) as connection:
            row = {
                "key": letter.key,
                "prediction_id": letter.prediction_id,
                "model": letter.model,
                "sent_to": letter.sent_to,
                "subject_tag": letter.subject_tag,
                "at": iso(letter.at),
                "sealed": None if letter.content is None else self._seal(letter),
                **_progress(letter),
            }
            wanted = dialect.insert(_LETTERS).on_conflict_do_nothing().returning(_LETTERS.c.key)
            return connection.execute(wanted, row).first() is not None

    def due(self, server: str, now: datetime, *, most: int) -> Sequence[Letter]:
        """Waiting letters whose time has come, the oldest first."""
        asked = (
            select(_LETTERS)
            .where(_LETTERS.c.sent_to == server, _LETTERS.c.state == LetterState.WAITING.value)
            .where(_LETTERS.c.due <= iso(now))
            .order_by(_LETTERS.c.at, _LETTERS.c.key)
            .limit(most)
        )
        with self._engine.connect() as connection:
            return [self._opened(row) for row in connection.execute(asked)]

    def settle(self, letter: Letter) -> None:
        """Keep how far a letter has come; one that is sent loses its content."""
        row = _progress(letter) | ({"sealed": None} if letter.content is None else {})
        with self._writing(self._engine) as connection:
            connection.execute(update(_LETTERS).where(_LETTERS.c.key == letter.key).values(**row))

    def listed(self, states: Collection[LetterState], *, most: int) -> Sequence[Letter]:
        """Letters in these states, the newest first; a content that is kept is not opened."""
        asked = (
            select(*_OPEN)
            .where(_LETTERS.c.state.in_([one.value for one in states]))
            .order_by(_LETTERS.c.at.desc(), _LETTERS.c.key)
            .limit(most)
        )
        with self._engine.connect() as connection:
            return [_letter(row, content=b"") for row in connection.execute(asked)]

    def revive(self, server: str, now: datetime) -> int:
        """Let dead letters wait again."""
        chosen = (_LETTERS.c.sent_to == server, _LETTERS.c.state == LetterState.DEAD.value)
        again = {"state": LetterState.WAITING.value, "due": iso(now), "attempts": 0}
        with self._writing(self._engine) as connection:
            return connection.execute(update(_LETTERS).where(*chosen).values(**again)).rowcount

    def forget(self, subject_tags: Collection[str]) -> int:
        """Remove every letter about these subjects."""
        tags, removed = sorted(subject_tags), 0
        with self._writing(self._engine) as connection:
            for start in range(0, len(tags), 500):
                chosen = _LETTERS.c.subject_tag.in_(tags[start : start + 500])
                removed += connection.execute(delete(_LETTERS).where(chosen)).rowcount
        return removed

    def reached(self, server: str, model: str) -> str | None:
        """Up to when the server's changes have been answered."""
        asked = select(_REACHED.c.moment).where(
            _REACHED.c.sent_to == server, _REACHED.c.model == model
        )
        with self._engine.connect() as connection:
            return connection.execute(asked).scalar()

    def reach(self, server: str, model: str, moment: str) -> None:
        """Note that."""
        chosen = (_REACHED.c.sent_to == server, _REACHED.c.model == model)
        with self._writing(self._engine) as connection:
            done = connection.execute(update(_REACHED).where(*chosen).values(moment=moment))
            if not done.rowcount:
                row = {"sent_to": server, "model": model, "moment": moment}
                connection.execute(insert(_REACHED), row)

    def _seal(self, letter: Letter) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, letter.content or b"", _label(letter.key))

    def _opened(self, row: Any) -> Letter:
        try:
            sealed = bytes(row.sealed)
            content = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], _label(row.key))
        except (InvalidTag, TypeError, ValueError):
            raise Refused(
                "A letter in the outbox is not as it was written.",
                fix="restore the workspace from a backup.",
                code="outbox_damaged",
            ) from None
        return _letter(row, content=content)


def _progress(letter: Letter) -> dict[str, Any]:
    return {
        "state": letter.state.value,
        "attempts": letter.attempts,
        "due": None if letter.due is None else iso(letter.due),
        "problem": letter.problem,
    }


def _letter(row: Any, *, content: bytes) -> Letter:
    state = LetterState(row.state)
    made = Letter(
        key=row.key,
        prediction_id=row.prediction_id,
        model=row.model,
        sent_to=row.sent_to,
        subject_tag=row.subject_tag,
        state=state,
        at=parse_instant(row.at),
        content=content if state in (LetterState.WAITING, LetterState.DEAD) else None,
        attempts=row.attempts,
        problem=row.problem,
    )
    return made if row.due is None else replace(made, due=parse_instant(row.due))


def _label(key: str) -> bytes:
    return f"bedside-fhir-outbox/1 {key}".encode()
