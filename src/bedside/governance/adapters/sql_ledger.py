"""The ledger on a database: one transaction appends an entry and signs the new head."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from typing import Any

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
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
    insert,
    select,
    type_coerce,
    update,
)
from sqlalchemy.types import NullType

from bedside.core.clock import Clock, iso
from bedside.core.errors import Invalid, NotFound, Refused
from bedside.core.ids import canonical_json, digest_bytes
from bedside.core.records.ledger import GENESIS, Actor, LedgerEntry, LedgerFault
from bedside.governance.details import guard_details
from bedside.governance.ledger import Head, check_chain, entry_hash

__all__ = ["SqlLedger"]

NONCE = 12  # bytes, AES-GCM

_META = MetaData()
_ENTRIES = Table(
    "ledger",
    _META,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("action", String, nullable=False),
    Column("details", String, nullable=False),
    Column("sealed", LargeBinary),
    Column("sealed_digest", String),
    Column("previous", String, nullable=False),
    Column("hash", String, nullable=False),
)
_HEAD = Table(
    "ledger_head",
    _META,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("hash", String, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)
# Bytes are read as they lie, so that text put in their place is a finding and not a crash.
_SEALED = type_coerce(_ENTRIES.c.sealed, NullType()).label("sealed")
_OPEN_COLUMNS = [column for column in _ENTRIES.c if column.name != "sealed"]
_OPEN = select(*_OPEN_COLUMNS).order_by(_ENTRIES.c.sequence)
_WHOLE = select(*_OPEN_COLUMNS, _SEALED).order_by(_ENTRIES.c.sequence)
_LAST = select(_ENTRIES.c.sequence, _ENTRIES.c.hash).order_by(_ENTRIES.c.sequence.desc()).limit(1)
_HEADS = select(
    _HEAD.c.sequence, _HEAD.c.hash, type_coerce(_HEAD.c.signature, NullType()).label("signature")
)

Writing = Callable[[Engine], AbstractContextManager[Connection]]


class SqlLedger:
    """The Ledger port on SQLAlchemy.

    An entry builds only on a head that this ledger's key has signed and that names the last entry,
    so that a loss cannot be covered up by going on after it.

    Args:
        engine: The database.
        writing: Opens a transaction that holds the writer's lock.
        clock: Stamps the entries.
        sealing_key: 32 bytes for AES-256-GCM over the sealed parts.
        signing_key: Signs the head, so that dropping the last entries is found.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        writing: Writing,
        clock: Clock,
        sealing_key: bytes,
        signing_key: Ed25519PrivateKey,
    ) -> None:
        self._engine, self._writing, self._clock = engine, writing, clock
        self._cipher, self._signer = AESGCM(sealing_key), signing_key
        self._vouched: tuple[Any, ...] | None = None  # the head that this process itself signed
        with writing(engine) as connection:
            _META.create_all(connection)

    def append(
        self, actor: Actor, action: str, details: dict[str, Any], *, sealed: bytes | None = None
    ) -> LedgerEntry:
        """Add one entry; durable when this returns. `sealed` is encrypted before it is stored.

        Raises:
            Invalid: a detail's name speaks of an identity, a value has no JSON form, or the actor,
                the purpose or the action is blank.
            Refused: the ledger's end is not as it was signed (code `ledger_broken`).
            Unavailable: the entry could not be made durable, so it is not there.
        """
        text = _checked(actor, action, details)
        with self._writing(self._engine) as connection:
            end, previous = self._signed_end(connection)
            body = None if sealed is None else self._seal(sealed, end + 1, previous)
            entry = LedgerEntry(
                sequence=end + 1,
                at=iso(self._clock.now()),
                actor=actor.name,
                purpose=actor.purpose,
                action=action,
                details=json.loads(text),
                sealed_digest=None if body is None else digest_bytes(body),
                previous=previous,
                hash="",
            )
            entry = replace(entry, hash=entry_hash(entry))
            row = asdict(entry) | {"details": text, "sealed": body}
            connection.execute(insert(_ENTRIES), row)
            self._sign_end(connection, entry)
        return entry

    def entries(self) -> Iterator[LedgerEntry]:
        """Every entry, oldest first."""
        with self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=500).execute(_OPEN):
                yield _entry(row, sealed_digest=row.sealed_digest)

    def unseal(self, sequence: int) -> bytes:
        """The decrypted sealed part of an entry.

        Raises:
            NotFound: there is no such entry, or it has no sealed part.
            Refused: the sealed part was changed or moved (code `ledger_broken`).
        """
        with self._engine.connect() as connection:
            found = connection.execute(
                select(_SEALED, _ENTRIES.c.previous).where(_ENTRIES.c.sequence == sequence)
            ).one_or_none()
        if found is None or found.sealed is None:
            raise NotFound(
                f"Entry {sequence} has no sealed part.", fix="see which have one: bedside ledger."
            )
        try:
            label = _sealed_label(sequence, found.previous)
            return self._cipher.decrypt(found.sealed[:NONCE], found.sealed[NONCE:], label)
        except (InvalidTag, TypeError, ValueError):
            raise _broken(f"The sealed part of entry {sequence} was changed or moved.") from None

    def verify(self) -> list[LedgerFault]:
        """Every fault in the ledger, by sequence; empty when it is whole.

        It reads one state of the database, so that writers need not wait.
        """
        with self._engine.connect() as connection:
            heads = connection.execute(_HEADS).all()
            head = self._head(heads[0]) if len(heads) == 1 else None
            rows = connection.execution_options(yield_per=500).execute(_WHOLE)
            return check_chain((_entry_as_it_lies(row) for row in rows), head)

    def _signed_end(self, connection: Connection) -> tuple[int, str]:
        """Sequence and hash of the last entry, checked under the writer's lock."""
        heads = connection.execute(_HEADS).all()
        last = connection.execute(_LAST).one_or_none()
        if not heads and last is None:
            return 0, GENESIS
        if len(heads) != 1 or last is None or tuple(heads[0][:2]) != tuple(last):
            raise _broken("The ledger does not end where it was signed.")
        if tuple(heads[0]) != self._vouched and not self._head(heads[0]).signed:
            raise _broken("The end of the ledger is not signed with this ledger's key.")
        return last.sequence, last.hash

    def _sign_end(self, connection: Connection, entry: LedgerEntry) -> None:
        signature = self._signer.sign(_head_text(entry.sequence, entry.hash))
        row = {"sequence": entry.sequence, "hash": entry.hash, "signature": signature}
        first = entry.sequence == 1
        connection.execute(insert(_HEAD) if first else update(_HEAD), row)
        self._vouched = tuple(row.values())

    def _head(self, row: Any) -> Head:
        try:
            self._signer.public_key().verify(row.signature, _head_text(row.sequence, row.hash))
        except (InvalidSignature, TypeError, ValueError):
            return Head(sequence=row.sequence, hash=row.hash, signed=False)
        return Head(sequence=row.sequence, hash=row.hash, signed=True)

    def _seal(self, content: bytes, sequence: int, previous: str) -> bytes:
        nonce = os.urandom(NONCE)
        return nonce + self._cipher.encrypt(nonce, content, _sealed_label(sequence, previous))


def _checked(actor: Actor, action: str, details: dict[str, Any]) -> str:
    """The canonical text of the details, once everything about the entry is fit to be kept."""
    for what, value in {"actor": actor.name, "purpose": actor.purpose, "action": action}.items():
        if not isinstance(value, str) or not value.strip():
            raise Invalid(f"A ledger entry needs its {what}.", fix=f"name the {what}.")
    guard_details(details)
    try:
        canonical_json([actor.name, actor.purpose, action])
        return canonical_json(details).decode()
    except ValueError:
        raise Invalid(
            "A ledger entry holds what JSON cannot say (NaN, infinity or broken text).",
            fix="give null or a text instead.",
        ) from None


def _head_text(sequence: int, digest: str) -> bytes:
    return f"bedside-ledger/1\n{sequence}\n{digest}\n".encode()


def _sealed_label(sequence: int, previous: str) -> bytes:
    return f"bedside-ledger/1:{sequence}:{previous}".encode()


def _broken(problem: str) -> Refused:
    return Refused(
        f"{problem} Nothing is added to it.",
        fix="run: bedside ledger verify, and restore the ledger from a backup.",
        code="ledger_broken",
    )


def _entry_as_it_lies(row: Any) -> LedgerEntry:
    """The entry of a row, such that its hash holds only if every column is as it was written."""
    sealed = row.sealed
    digest = digest_bytes(sealed) if isinstance(sealed, bytes) else sealed
    agrees = digest == row.sealed_digest
    return _entry(row, sealed_digest=digest if agrees else f"{row.sealed_digest} is not {digest}")


def _entry(row: Any, *, sealed_digest: str | None) -> LedgerEntry:
    return LedgerEntry(
        sequence=row.sequence,
        at=row.at,
        actor=row.actor,
        purpose=row.purpose,
        action=row.action,
        details=_details(row.details),
        sealed_digest=sealed_digest,
        previous=row.previous,
        hash=row.hash,
    )


def _details(text: Any) -> dict[str, Any]:
    """The details of a stored text; one that is not canonical gives no details that were hashed."""
    try:
        details = json.loads(text)
        if isinstance(details, dict) and canonical_json(details) == text.encode():
            return details
    except (TypeError, ValueError, AttributeError, RecursionError):
        pass
    return {"unreadable": True}
